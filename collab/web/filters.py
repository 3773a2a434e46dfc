"""Filters are allow-lists: an unknown query parameter is a 400, so nobody walks relations with one."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.exceptions import ValidationError

_PAGING = {"page", "page_size"}


class StrictFilterBackend(DjangoFilterBackend):
    def filter_queryset(self, request: Any, queryset: Any, view: Any) -> Any:
        filterset_class = self.get_filterset_class(view, queryset)
        known = set(filterset_class.get_filters()) if filterset_class else set()
        known |= _PAGING | set(getattr(view, "extra_parameters", ()))
        unknown = sorted(set(request.query_params) - known)
        if unknown:
            raise ValidationError({unknown[0]: [_("There is no such filter.")]})
        return super().filter_queryset(request, queryset, view)
