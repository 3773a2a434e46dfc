"""What several resources take: an order, a move with its reason."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework import serializers

from collab.internships.models import Application
from collab.kernel.errors import NotFoundError
from collab.web.api import StrictSerializer


class OrderInput(StrictSerializer):
    """Ids of applications, the best first; one that is left out is not wanted."""

    order = serializers.ListField(child=serializers.UUIDField(), max_length=2000, allow_empty=True)


class MoveInput(StrictSerializer):
    move = serializers.CharField(max_length=20)
    reason = serializers.CharField(max_length=1000, required=False, allow_blank=True)


def in_order(rows: Any, keys: list[UUID]) -> list[Application]:
    """The rows of these ids, in their order; NotFoundError for one that is not among them."""
    known = {row.pk: row for row in rows.filter(pk__in=keys)}
    if set(keys) - set(known):
        raise NotFoundError
    return [known[key] for key in keys]
