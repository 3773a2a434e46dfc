"""Base classes of the REST API: scoped rows, strict input, scoped relations, edits that cannot overwrite each other."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum
from typing import Any
from uuid import UUID

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework import exceptions, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from collab.access.policy import SCOPES, note_asked, require, visible_to
from collab.kernel.errors import NotFoundError, StaleError
from collab.web.once import acts_once, key_of

UUID_PATTERN = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
SLUG_PATTERN = "[a-z0-9][a-z0-9-]{0,39}"
PAGING = frozenset({"page", "page_size"})
IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, required=True, description="ETag of what you read"
)
_YEARS = range(1900, 2201)


class PreconditionRequired(exceptions.APIException):
    """An edit must say which state it was made from."""

    status_code = 428
    default_code = "precondition_required"

    def __init__(self) -> None:
        super().__init__(_("Send the ETag of what you read in an If-Match header, so that no edit is overwritten."))


def as_uuid(value: str) -> UUID | None:
    """The id that a text holds, or None."""
    try:
        return UUID(value)
    except (ValueError, AttributeError, TypeError):
        return None


def choices_of(states: type[Enum]) -> list[tuple[str, str]]:
    """The values of an enumeration as the choices of a field."""
    return [(member.value, member.name) for member in states]


# --- serializers
class StrictSerializer(serializers.Serializer):
    """Unknown keys are refused, so a typing mistake is told and `is_staff` is never quietly taken."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            writable = {name for name, field in self.fields.items() if not field.read_only}
            unknown = sorted(set(map(str, data)) - writable)
            if unknown:
                raise serializers.ValidationError({name: [_("There is no such field.")] for name in unknown[:20]})
            double = [name for name in data if len(getattr(data, "getlist", lambda _name: [0])(name)) > 1]
            if double:
                raise serializers.ValidationError({name: [_("Send this once.")] for name in double[:20]})
        return super().to_internal_value(data)


class StrictModelSerializer(StrictSerializer, serializers.ModelSerializer):
    pass


class DayField(serializers.DateField):
    """A calendar day within two centuries of anybody's plans."""

    def to_internal_value(self, value: Any) -> date:
        day = super().to_internal_value(value)
        if day.year not in _YEARS:
            raise serializers.ValidationError(_("Write a year between 1900 and 2200."))
        return day


class MomentField(serializers.DateTimeField):
    """A moment with its zone: 23:59 is fourteen hours earlier in Kiritimati than in Greenwich, so we do not guess."""

    def enforce_timezone(self, value: datetime) -> datetime:
        if timezone.is_naive(value):
            raise serializers.ValidationError(_("Write the time with its zone, for example 2026-05-01T12:00:00Z."))
        if value.year not in _YEARS:
            raise serializers.ValidationError(_("Write a year between 1900 and 2200."))
        return super().enforce_timezone(value)


class ScopedRelatedField(serializers.SlugRelatedField):
    """A relation that finds only rows on which the asker holds `word`; others are as if they were not there.

    Where the row has a short name, its id does as well.
    """

    def __init__(self, *, word: str, model: type[Model], slug_field: str = "pk", **kwargs: Any) -> None:
        self.word = word
        self.model = model
        if not kwargs.get("read_only"):
            kwargs["queryset"] = model._default_manager.none()
        super().__init__(slug_field=slug_field, **kwargs)

    def get_queryset(self) -> QuerySet[Any]:
        user = self.context["request"].user
        return visible_to(user, SCOPES[self.model].view, self.model._default_manager.all())

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            raise serializers.ValidationError(_("Write its id."))
        row = named_row(self.get_queryset(), data, self.slug_field)
        if row is None:
            raise NotFoundError
        require(self.context["request"].user, self.word, row)
        return row

    def to_representation(self, obj: Any) -> str:
        return str(super().to_representation(obj))


def named_row(rows: QuerySet[Any], name: str, slug_field: str = "slug") -> Any:
    """The row of that short name or id, or None."""
    if slug_field != "pk" and "\x00" not in name:
        row = rows.filter(**{slug_field: name}).first()
        if row is not None:
            return row
    key = as_uuid(name)
    return rows.filter(pk=key).first() if key is not None else None


class PersonSerializer(serializers.Serializer):
    """A person, by name."""

    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(source="__str__", read_only=True)


# --- filters
class ProjectFilter(django_filters.CharFilter):
    """`?project=` takes a project's short name or its id; `path` leads from the row to the project."""

    def __init__(self, path: str = "project", **kwargs: Any) -> None:
        self.path = path
        super().__init__(field_name=path, **kwargs)

    def filter(self, qs: QuerySet[Any], value: Any) -> QuerySet[Any]:
        if not value:
            return qs
        key = as_uuid(value)
        by_slug = qs.filter(**{f"{self.path}__slug": value})
        return by_slug | qs.filter(**{f"{self.path}__pk": key}) if key is not None else by_slug


class TruthField(forms.Field):
    """`true` or `false`; nothing at all asks for nothing, and anything else is a mistake that is told."""

    def to_python(self, value: Any) -> bool | None:
        if value in self.empty_values:
            return None
        if value not in _TRUTHS:
            raise ValidationError(_("Write true or false."))
        return _TRUTHS[value]


_TRUTHS = {"true": True, "True": True, "1": True, "false": False, "False": False, "0": False}


class TruthFilter(django_filters.BooleanFilter):
    field_class = TruthField


# --- views
_ONCE = {"application/json", ""}  # files are sent in parts that are numbered themselves


class ScopedViewSet(viewsets.GenericViewSet):
    """Rows come from the policy alone. `words` maps each action to its permission word.

    `query` names the query parameters an action takes beside filters and paging; any other is a 400.
    """

    words: dict[str, str] = {}
    rows: QuerySet[Any]
    lookup_value_regex = UUID_PATTERN
    metadata_class = None  # OPTIONS would describe forms; the schema does that
    filterset_class: type[django_filters.FilterSet] | None = None
    query: tuple[str, ...] = ()
    paged = False
    keeps_answers = True  # for requests with an Idempotency-Key; not where an answer holds a secret

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        known = set(self.query)
        if self.paged or self.action == "list":
            known |= PAGING
            known |= set(self.filterset_class.get_filters()) if self.filterset_class else set()
        unknown = sorted(set(request.query_params) - known)
        if unknown:
            raise serializers.ValidationError({unknown[0][:80]: [_("There is no such filter.")]})
        once = request.method == "POST" and self.keeps_answers and request.content_type in _ONCE
        if once and request.user.is_authenticated and (key := key_of(request)):
            self.post = acts_once(self.post, key, self._allow)  # type: ignore[has-type]

    def _allow(self) -> None:
        """Ask anew for what the route asks: of the row, or of nothing in particular."""
        if self.detail:
            self.get_object()
        elif "." in self.word:
            note_asked(self.word)

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return self.rows.none()
        return visible_to(self.request.user, self.word, self.rows.all())

    @property
    def word(self) -> str:
        return self.words[self.action]

    def get_object(self) -> Any:
        """The row of the URL; NotFoundError when invisible, RefusedError naming what is missing when only that."""
        model = self.rows.model
        lookup = {self.lookup_field: self.kwargs[self.lookup_url_kwarg or self.lookup_field]}
        obj = visible_to(self.request.user, SCOPES[model].view, self.rows.all()).filter(**lookup).first()
        if obj is None:
            raise NotFoundError
        require(self.request.user, self.word, obj)
        return obj

    def parsed(self, serializer_class: type[serializers.BaseSerializer], **kwargs: Any) -> dict[str, Any]:
        """The validated body."""
        serializer = serializer_class(data=self.request.data, context=self.get_serializer_context(), **kwargs)
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data

    def shown(self, obj: Any, serializer_class: type[serializers.BaseSerializer], status: int = 200) -> Response:
        """One object as JSON."""
        return Response(serializer_class(obj, context=self.get_serializer_context()).data, status=status)

    def listed(self, rows: Any, serializer_class: type[serializers.BaseSerializer]) -> Response:
        """A page of rows as JSON, in an order that no two pages disagree about."""
        order = rows.query.order_by or rows.model._meta.ordering
        page = self.paginate_queryset(rows.order_by(*order, "pk"))
        return self.get_paginated_response(
            serializer_class(page, many=True, context=self.get_serializer_context()).data
        )

    def filtered(self) -> QuerySet[Any]:
        """The rows of a list, as the filters ask."""
        return self.filter_queryset(self.get_queryset())

    def number_of(self, name: str, default: int = 0) -> int:
        """A whole query parameter, 0 or more; ValidationError otherwise."""
        raw = self.request.query_params.get(name, str(default))
        if not (raw.isascii() and raw.isdigit() and len(raw) <= 15):
            raise serializers.ValidationError({name: [_("Write a whole number from 0.")]})
        return int(raw)


# --- edits
def etag_of(*parts: object) -> str:
    """A strong entity tag of the facts that an edit must have seen."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass")).hexdigest()
    return f'"{digest[:20]}"'


def require_match(request: Request, etag: str, *, now: Mapping[str, object] | None = None) -> None:
    """Raises PreconditionRequired (428) without an If-Match header, StaleError (412) when it is an older state's.

    `now` is how the object stands, told with the refusal.
    """
    given = request.headers.get("If-Match", "").strip()
    if given in {"", "*"}:  # `*` would say: overwrite whatever is there
        raise PreconditionRequired
    if etag not in {tag.strip() for tag in given.split(",")}:
        raise StaleError(_("Somebody changed it since you read it. Read it again and repeat your change."), now=now)


def standing(request: Request, row: Model) -> dict[str, object]:
    """How the fields stand that the request would change: what a StaleError tells."""
    names = {field.name for field in row._meta.fields}
    data = request.data if isinstance(request.data, Mapping) else {}
    return {name: getattr(row, name) for name in data if name in names}


def tagged(response: Response, etag: str) -> Response:
    """The response with its entity tag."""
    response["ETag"] = etag
    return response
