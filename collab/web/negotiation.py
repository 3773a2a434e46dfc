"""The API answers in JSON; asking for anything else is a 406, and there is no browsable renderer to leak names."""

from __future__ import annotations

from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation


class JSONOnlyNegotiation(DefaultContentNegotiation):
    def filter_renderers(self, renderers: Any, format: str) -> Any:
        return renderers  # `?format=` chooses nothing


class AnythingNegotiation(JSONOnlyNegotiation):
    """For downloads: whatever the client says it accepts, it gets the bytes, and errors as JSON."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type
