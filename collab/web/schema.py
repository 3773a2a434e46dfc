"""What the OpenAPI schema says of every operation: how to sign in, and the one shape of errors."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework.serializers import BaseSerializer

if TYPE_CHECKING:
    from drf_spectacular.utils import Direction

_TEXT = {"type": "string"}
_ERROR = {
    "type": "object",
    "description": "Every error. `code` is for programs, `detail` for people; `request_id` is what to quote.",
    "required": ["code", "detail", "field", "request_id"],
    "properties": {
        "code": _TEXT,
        "detail": _TEXT,
        "field": {"type": "string", "nullable": True, "description": "The input at fault"},
        "request_id": _TEXT,
        "errors": {
            "type": "array",
            "description": "Each thing that is wrong, where there are several",
            "items": {
                "type": "object",
                "properties": {"path": _TEXT, "text": _TEXT, "hint": _TEXT, "level": _TEXT},
            },
        },
        "available": {"type": "array", "description": "What may be asked for in Accept", "items": _TEXT},
        "missing": {
            "type": "array",
            "description": "What would make a refused act possible",
            "items": {"type": "object", "properties": {"code": _TEXT, "detail": _TEXT, "url": _TEXT}},
        },
    },
}


def _short(kind: type) -> str:
    return kind.__name__.removesuffix("Serializer")


@cache
def _shared_names() -> frozenset[str]:
    """Names that serializers of several slices have in common."""
    names: dict[str, set[str]] = defaultdict(set)
    waiting = [BaseSerializer]
    while waiting:
        kind = waiting.pop()
        names[_short(kind)].add(kind.__module__)
        waiting += kind.__subclasses__()
    return frozenset(name for name, modules in names.items() if len(modules) > 1)


class TandemSchema(AutoSchema):
    """Operations are grouped by their noun; a component whose name several slices use begins with its slice."""

    def get_serializer_name(self, serializer: BaseSerializer, direction: Direction) -> str:
        kind = type(serializer)
        name = _short(kind)
        return kind.__module__.split(".")[-2].capitalize() + name if name in _shared_names() else name

    def get_tags(self) -> list[str]:
        parts = [part for part in self.path.split("/") if part]
        return [parts[2] if len(parts) > 2 else parts[-1]]


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = "collab.accounts.authentication.BearerAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A personal token (tdm_…), made in the browser under Account, Tokens.",
        }


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = "collab.accounts.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": "The signed-in browser."}


def describe_errors(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Every operation may answer with an error, always in the same shape."""
    result.setdefault("components", {}).setdefault("schemas", {})["Error"] = _ERROR
    answer = {
        "description": "Refused, not found, or not understood",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
    for path in result.get("paths", {}).values():
        for operation in path.values():
            operation["responses"]["default"] = answer
    return result


_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "schema": {"type": "string", "maxLength": 80},
    "description": "The same request under the same key acts once, and is answered again as it was the first time",
}


def describe_keys(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Every POST takes an Idempotency-Key, but for what holds a secret in its answer."""
    for path, operations in result["paths"].items():
        post = operations.get("post")
        if post is not None and not path.startswith("/api/v1/tokens/"):
            given = post.setdefault("parameters", [])
            if all(one.get("name") != _KEY["name"] for one in given):
                given.append(_KEY)
    return result
