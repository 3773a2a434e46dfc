"""The chain of history: each act follows from the one before, and any change shows."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from collab.audit import guard
from collab.audit.models import AuditEvent
from collab.audit.services import GENESIS, digest_of, first_break, record

pytestmark = pytest.mark.django_db


def five(aurora):
    AuditEvent.objects.all().delete()
    return [
        record(verb=f"test.{n}", subject=aurora.project, by=aurora.lead, data={"n": n, "日": "中"}) for n in range(5)
    ]


def test_each_act_carries_the_hash_of_the_one_before(aurora):
    events = five(aurora)
    assert [event.id for event in events] == [1, 2, 3, 4, 5]
    assert events[0].previous == GENESIS
    assert [event.previous for event in events[1:]] == [event.digest for event in events[:-1]]
    assert first_break() is None
    again = AuditEvent.objects.get(pk=3)
    assert digest_of(again) == again.digest == events[2].digest  # as it comes back from the database


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"verb": "test.other"}, 3),
        ({"data": {"n": 99}}, 3),
        ({"actor_id": None}, 3),
        ({"subject_id": "other"}, 3),
        ({"project_id": "11111111-1111-1111-1111-111111111111"}, 3),
        ({"digest": "0" * 64}, 3),
    ],
)
def test_a_changed_act_is_found(aurora, change, found):
    five(aurora)
    AuditEvent.objects.filter(pk=3).update(**change)
    broken = first_break()
    assert broken is not None and broken.id == found


def test_a_changed_act_with_a_matching_hash_is_found_at_the_next(aurora):
    five(aurora)
    event = AuditEvent.objects.get(pk=3)
    event.data = {"n": 99}
    AuditEvent.objects.filter(pk=3).update(data=event.data, digest=digest_of(event))
    broken = first_break()
    assert broken is not None and broken.id == 4


@pytest.mark.parametrize(("gone", "found"), [(1, 2), (3, 4)])
def test_a_removed_act_is_found(aurora, gone, found):
    five(aurora)
    AuditEvent.objects.filter(pk=gone).delete()
    broken = first_break()
    assert broken is not None and broken.id == found


def test_the_command_says_whether_the_history_is_whole(aurora, capsys):
    five(aurora)
    call_command("verify_audit")
    assert "whole" in capsys.readouterr().out
    AuditEvent.objects.filter(pk=2).update(verb="x")
    with pytest.raises(CommandError, match=r"Event 2 .* was changed"):
        call_command("verify_audit")


def test_acts_without_a_person_are_tandems_own(aurora):
    event = record(verb="test", subject=aurora.project, by=None)
    assert event.actor_id is None and first_break() is None


@pytest.mark.django_db(transaction=True)
def test_an_act_belongs_into_the_transaction_of_what_it_records(aurora):
    with pytest.raises(transaction.TransactionManagementError):
        record(verb="test", subject=aurora.project, by=aurora.lead)
    before = AuditEvent.objects.count()
    with pytest.raises(RuntimeError), transaction.atomic():
        record(verb="test", subject=aurora.project, by=aurora.lead)
        raise RuntimeError
    assert AuditEvent.objects.count() == before


def test_the_database_refuses_to_change_or_remove(aurora):
    """The triggers of the migration, put back for this test."""
    five(aurora)
    guard.install(connection)
    try:
        for change in (
            lambda: AuditEvent.objects.filter(pk=3).update(verb="x"),
            lambda: AuditEvent.objects.filter(pk=3).delete(),
            lambda: AuditEvent.objects.all().delete(),
        ):
            with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
                change()
        record(verb="test.6", subject=aurora.project, by=aurora.lead)  # adding goes on
    finally:
        guard.remove(connection)
    assert first_break() is None and AuditEvent.objects.count() == 6
