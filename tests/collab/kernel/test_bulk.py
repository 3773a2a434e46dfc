"""Rows inserted by one statement: with their defaults, and held by the same constraints."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from collab.kernel import bulk
from collab.transfer.models import LicensedThing

pytestmark = pytest.mark.django_db


def test_rows_get_their_defaults_and_meet_their_constraints(monkeypatch):
    monkeypatch.setattr(bulk, "BATCH", 2)
    rows = [(f"thing:{number}", "The same label") for number in range(5)]
    assert bulk.insert_rows(LicensedThing, ("name", "label"), rows) == 5
    made = LicensedThing.objects.filter(label="The same label")
    assert sorted(made.values_list("name", "label")) == rows
    assert len({row.pk for row in made}) == 5 and all(row.created_at for row in made)
    with pytest.raises(IntegrityError), transaction.atomic():
        bulk.insert_rows(LicensedThing, ("name", "label"), rows[:1])
