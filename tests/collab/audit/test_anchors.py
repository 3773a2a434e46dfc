"""Anchors: what was published shows a tail that was cut off, a chain that was rewritten, a date set back."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from collab.accounts.models import Membership
from collab.audit import guard
from collab.audit.models import AuditAnchor, AuditEvent
from collab.audit.services import check_history, digest_of, make_anchor, marks_of, record
from collab.kernel.errors import InvalidError
from registry.datasets.services import create_dataset

pytestmark = pytest.mark.django_db


@pytest.fixture
def five(aurora):
    AuditEvent.objects.all().delete()
    return [record(verb=f"test.{n}", subject=aurora.project, by=aurora.lead, data={"n": n}) for n in range(5)]


def codes() -> list[tuple[str, int]]:
    return [(finding.code, finding.event_id) for finding in check_history()]


def rewrite(first: int) -> None:
    """What somebody with the database does who knows how the hashes are made: every hash from `first` on anew."""
    previous = AuditEvent.objects.get(pk=first - 1).digest
    for event in AuditEvent.objects.filter(pk__gte=first).order_by("id"):
        event.previous = previous
        previous = digest_of(event)
        AuditEvent.objects.filter(pk=event.pk).update(previous=event.previous, digest=previous)


def test_an_anchor_names_the_end_and_is_made_once(five):
    made = make_anchor()
    assert (made.event_id, made.digest) == (5, five[-1].digest)
    assert make_anchor() is None and AuditAnchor.objects.count() == 1
    assert codes() == []


def test_an_empty_history_has_no_anchor():
    AuditEvent.objects.all().delete()
    assert make_anchor() is None


def test_an_edited_act_is_told(five):
    AuditEvent.objects.filter(pk=3).update(verb="test.other")
    assert codes() == [("changed", 3)]


def test_a_deleted_act_is_told(five):
    AuditEvent.objects.filter(pk=3).delete()
    assert codes() == [("gap", 4)]


def test_all_acts_gone_is_told_by_the_anchor(five):
    make_anchor()
    AuditEvent.objects.all().delete()
    assert codes() == [("cut", 5)]


def test_a_tail_cut_off_is_told_only_by_an_anchor(five):
    marks = marks_of([{"event": 5, "digest": five[-1].digest}])
    AuditEvent.objects.filter(pk__gte=4).delete()
    assert codes() == []  # the chain alone cannot know
    assert [finding.code for finding in check_history(marks)] == ["cut"]


def test_a_tail_cut_off_and_written_anew_is_told(five, aurora):
    make_anchor()
    AuditEvent.objects.filter(pk__gte=4).delete()
    for _number in range(3):
        record(verb="test.new", subject=aurora.project, by=aurora.lead)
    assert codes() == [("rewritten", 5)]


def test_a_whole_chain_written_anew_is_told(five):
    make_anchor()
    AuditEvent.objects.filter(pk=3).update(data={"n": 99})
    rewrite(3)
    assert codes() == [("rewritten", 5)]


def test_a_date_set_back_is_told_even_with_matching_hashes(five):
    AuditEvent.objects.filter(pk=4).update(at=five[0].at - timedelta(days=30))
    assert codes() == [("changed", 4)]
    rewrite(4)
    assert codes() == [("backdated", 4)]


def test_a_replaced_act_is_told_at_the_next(five):
    AuditEvent.objects.filter(pk=3).update(data={"n": 99})
    AuditEvent.objects.filter(pk=3).update(digest=digest_of(AuditEvent.objects.get(pk=3)))
    assert codes() == [("unlinked", 4)]


def test_acts_name_the_organisation_they_concern(aurora):
    event = record(verb="test", subject=aurora.university, by=None)
    assert event.organisation_id == aurora.university.pk
    assert AuditEvent.objects.get(pk=event.pk).digest == digest_of(AuditEvent.objects.get(pk=event.pk))
    AuditEvent.objects.filter(pk=event.pk).update(organisation_id=aurora.company.pk)
    assert codes() == [("changed", event.pk)]


def test_only_acts_on_its_own_people_and_units_name_an_organisation_by_themselves(aurora):
    role = Membership.objects.get(project=aurora.project, user=aurora.engineer)
    assert record(verb="test", subject=role, by=None).organisation_id == aurora.company.pk
    dataset = create_dataset(project=aurora.project, name="Theirs", by=aurora.researcher)
    assert dataset.organisation_id and record(verb="test", subject=dataset, by=None).organisation_id is None


def test_acts_from_before_organisations_were_named_keep_their_hash(aurora):
    event = record(verb="test", subject=aurora.project, by=None)
    assert event.organisation_id is None
    assert event.digest == digest_of(event)


def test_the_commands(five, capsys, tmp_path, client):
    call_command("anchor_audit")
    assert "Anchored event 5" in capsys.readouterr().out
    kept = tmp_path / "anchors.json"
    kept.write_bytes(client.get("/audit/anchors.json").content)
    call_command("verify_audit", against=kept)
    assert "Anchors: 1" in capsys.readouterr().out
    AuditEvent.objects.filter(pk__gte=4).delete()
    AuditAnchor.objects.all().delete()  # whoever cuts the history takes the anchors along; the copy is elsewhere
    call_command("verify_audit")
    with pytest.raises(CommandError, match="Event 5 is anchored but gone: the history ends at event 3"):
        call_command("verify_audit", against=kept)
    kept.write_text(json.dumps({"anchors": "no"}))
    with pytest.raises(CommandError, match="no copy"):
        call_command("verify_audit", against=kept)


def test_a_copy_that_is_none_is_refused():
    for copy in ([{"event": 1}], [{"event": "x", "digest": "0" * 64}], [{"event": 1, "digest": "0"}], 7):
        with pytest.raises(InvalidError):
            marks_of(copy)


def test_the_database_keeps_anchors_and_history(five):
    make_anchor()
    both = (guard.EVENTS, guard.ANCHORS)
    assert len(guard.missing(connection)) == 4
    guard.install(connection, both)
    try:
        assert guard.missing(connection) == []
        for change in (
            lambda: AuditAnchor.objects.update(digest="0" * 64),
            lambda: AuditAnchor.objects.all().delete(),
            lambda: AuditEvent.objects.filter(pk=1).update(verb="x"),
        ):
            with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
                change()
    finally:
        guard.remove(connection, both)
