"""Base classes of the REST API: scoped rows, strict input, scoped relations."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _
from rest_framework import serializers, viewsets

from collab.access.policy import SCOPES, require, visible_to
from collab.kernel.errors import NotFoundError


class StrictSerializer(serializers.Serializer):
    """Unknown keys are refused, so a typing mistake is told and `is_staff` is never quietly taken."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            writable = {name for name, field in self.fields.items() if not field.read_only}
            unknown = sorted(set(map(str, data)) - writable)
            if unknown:
                raise serializers.ValidationError({name: [_("There is no such field.")] for name in unknown[:20]})
        return super().to_internal_value(data)


class StrictModelSerializer(StrictSerializer, serializers.ModelSerializer):
    pass


class ScopedRelatedField(serializers.SlugRelatedField):
    """A relation that finds only rows on which the asker holds `word`; others are as if they were not there."""

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
        try:
            row = self.get_queryset().filter(**{self.slug_field: data}).first()
        except (ValueError, TypeError, ValidationError):
            row = None
        if row is None:
            raise NotFoundError
        require(self.context["request"].user, self.word, row)
        return row

    def to_representation(self, obj: Any) -> str:
        return str(super().to_representation(obj))


class ScopedViewSet(viewsets.GenericViewSet):
    """Rows come from the policy alone. `words` maps each action to its permission word."""

    words: dict[str, str] = {}
    rows: QuerySet[Any]
    lookup_value_regex = "[0-9a-f-]{36}"

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

    def parsed(self, serializer_class: type[serializers.Serializer] | None = None) -> dict[str, Any]:
        """The validated body."""
        chosen = serializer_class or self.get_serializer_class()
        serializer = chosen(data=self.request.data, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data
