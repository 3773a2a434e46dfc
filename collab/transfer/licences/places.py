"""Fields of use and territories as trees: the world holds the EU, which holds Germany. Data, which admins extend."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from django.db import connection, models
from django.db.models import Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from collab.kernel.names import DisplayNameValidator
from collab.kernel.records import Record

HERE = Path(__file__).resolve().parent
P = TypeVar("P", bound="Place")


class PlaceQuerySet(models.QuerySet[P]):
    def overlapping(self, others: Iterable[Place]) -> PlaceQuerySet[P]:
        """Those that have something in common with one of the others: the same, above it, or inside it."""
        found = Q(pk__in=[])
        for other in others:
            codes = other.path.strip("/").split("/")
            found |= Q(code__in=codes) | Q(path__startswith=other.path)
        return self.filter(found)


class Place(Record):
    """A node of a tree. `path` holds the codes from the root to the node: `/WORLD/EUROPE/EU/DE/`."""

    code = models.CharField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=120, validators=[DisplayNameValidator()])
    name_zh = models.CharField(_("Chinese name"), max_length=120, blank=True)
    path = models.CharField(_("path"), max_length=400, unique=True, editable=False)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name_zh if self.name_zh and (get_language() or "").startswith("zh") else self.name

    @property
    def depth(self) -> int:
        return self.path.count("/") - 2

    @property
    def indented(self) -> str:
        """The name as it stands in a list of the whole tree."""
        return "\u2003" * self.depth + str(self)

    def holds(self, other: Place) -> bool:
        return other.path.startswith(self.path)

    def save(self, *args: Any, **kwargs: Any) -> None:
        above = self.parent.path if self.parent else "/"  # type: ignore[attr-defined]
        self.path = f"{above}{self.code}/"
        super().save(*args, **kwargs)


class FieldOfUse(Place):
    """What something is used for, such as medical imaging within health."""

    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("part of")
    )

    objects = PlaceQuerySet.as_manager()

    class Meta:
        verbose_name = _("field of use")
        verbose_name_plural = _("fields of use")
        ordering = ["path"]


class Territory(Place):
    """Where something is used: the world, a union of states, a country."""

    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("part of")
    )

    objects = PlaceQuerySet.as_manager()

    class Meta:
        verbose_name = _("territory")
        verbose_name_plural = _("territories")
        ordering = ["path"]


def load_places(**_signal: Any) -> int:
    """Enter the fields and territories that come with Tandem; what is there stays as it is. How many are new."""
    made, tables = 0, connection.introspection.table_names()
    if Territory._meta.db_table not in tables or FieldOfUse._meta.db_table not in tables:
        return 0  # migrated back to before they were there
    lists: tuple[tuple[Any, str], ...] = ((Territory, "territories.json"), (FieldOfUse, "fields.json"))
    for model, file in lists:
        known = {row.code: row for row in model.objects.all()}
        for code, above, name, name_zh in json.loads((HERE / file).read_text(encoding="utf-8")):
            if code not in known:
                parent = known[above] if above else None
                path = f"{parent.path if parent else '/'}{code}/"
                known[code] = model(code=code, name=name, name_zh=name_zh, parent=parent, path=path)
        new = [row for row in known.values() if row._state.adding]
        made += len(model.objects.bulk_create(new))
    return made
