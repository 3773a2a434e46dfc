"""The log book and the notes of a placement: every day can be reached, confirmed and taken along."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction

from collab.access.policy import visible_to
from collab.audit.models import AuditEvent
from collab.inbox.models import Notification
from collab.internships.models import LogEntry, Placement, PlacementNote
from collab.internships.placements.caring import confirm_days
from collab.kernel.errors import ConflictError, RefusedError
from tests.cast import organisation
from tests.collab.internships.season import Season, season
from tests.pages import as_, queries, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def summer(aurora) -> Season:
    return season(aurora)


def at_work(summer: Season) -> Placement:
    """Onboarded, without the way to it."""
    placement = summer.accepted(summer.student("Ann"))
    Placement.objects.filter(pk=placement.pk).update(
        state="onboarded", mentor=summer.mentor, supervisor=summer.supervisor, approved_by_host=summer.host,
        approved_by_university=summer.coordinator, contact_name="A parent", contact_phone="+44 20 123",
    )  # fmt: skip
    return Placement.objects.get(pk=placement.pk)


def book(placement: Placement, summer: Season, days: int) -> None:
    """As many days, all confirmed but the first two, which are the oldest."""
    LogEntry.objects.bulk_create(
        LogEntry(
            placement=placement, day=placement.starts_on + timedelta(days=n), hours=7, text=f"Day {n}.",
            state="submitted" if n < 2 else "confirmed", confirmed_by=None if n < 2 else summer.mentor,
        )
        for n in range(days)
    )  # fmt: skip


def test_the_oldest_day_is_reached_and_what_waits_comes_first(summer):
    placement = at_work(summer)
    book(placement, summer, 70)
    page = placement.get_absolute_url()
    mentor = as_(summer.mentor)
    shown = text(mentor.get(page))
    assert "Day 0." in shown and "Day 1." in shown and "Day 2." not in shown and f"{page}log/all/" in shown
    found = "".join(text(mentor.get(f"{page}log/all/?page={n}")) for n in (1, 2, 3))
    assert all(f"Day {n}." in found for n in range(70))
    counted = queries(mentor, f"{page}log/all/")
    LogEntry.objects.filter(placement=placement, day__gt=placement.starts_on + timedelta(days=9)).delete()
    assert queries(mentor, f"{page}log/all/") == counted
    lines = list(csv.reader(io.StringIO(as_(placement.student).get(f"{page}log.csv").content.decode("utf-8-sig"))))
    assert len(lines) == 11 and lines[1][:3] == [str(placement.starts_on), "7.00", "Day 0."]


def test_a_mentor_confirms_all_that_is_shown_at_once(summer):
    placement = at_work(summer)
    book(placement, summer, 3)
    days = [str(placement.starts_on + timedelta(days=n)) for n in range(3)]
    page, api = placement.get_absolute_url(), f"/api/v1/placements/{placement.pk}/log/confirm/"
    assert f"{page}log/confirm/" not in text(as_(placement.student).get(page))
    assert as_(placement.student).post(f"{page}log/confirm/", {"day": days}).status_code == 403
    with pytest.raises(RefusedError):
        confirm_days(placement=placement, days=[placement.starts_on], by=summer.supervisor)
    mentor = as_(summer.mentor)
    assert f"{page}log/confirm/" in text(mentor.get(page))
    assert mentor.post(f"{page}log/confirm/", {"day": [*days, "2027-02-31", "x"]}).status_code == 302
    rows = LogEntry.objects.filter(placement=placement)
    assert {(row.state, row.confirmed_by) for row in rows} == {("confirmed", summer.mentor)}
    event = AuditEvent.objects.get(verb="placement.confirm_log")
    assert event.data["n"] == 2, "the third was confirmed before"
    with pytest.raises(ConflictError):
        confirm_days(placement=placement, days=[placement.starts_on], by=summer.mentor)
    rows.update(state="submitted", confirmed_by=None)
    done = mentor.post(api, {"days": days[:2]}, "application/json")
    assert [row["state"] for row in done.json()] == ["confirmed"] * 2, done.content
    assert mentor.post(api, {"days": days[:2]}, "application/json").status_code == 409
    assert as_(placement.student).post(api, {"days": days}, "application/json").status_code == 403


def test_an_old_open_incident_stands_before_newer_notes(summer):
    placement = at_work(summer)
    facts = {"placement": placement, "author": placement.student}
    with time_machine.travel(placement.begins_at, tick=False):
        PlacementNote.objects.create(kind="incident", text="Old and open", **facts)
    for n in range(30):
        with time_machine.travel(placement.begins_at + timedelta(days=n + 1), tick=False):
            PlacementNote.objects.create(kind="check_in", text=f"Talk {n}.", **facts)
    page = placement.get_absolute_url()
    shown = text(as_(summer.coordinator).get(page))
    assert "Old and open" in shown and "Talk 29." in shown and "Talk 0." not in shown and f"{page}notes/all/" in shown
    assert "Talk 0." in text(as_(summer.coordinator).get(f"{page}notes/all/?page=2"))


def test_a_feedback_is_settled_with_or_without_following_it(summer):
    placement = at_work(summer)
    feedback = PlacementNote.objects.create(
        placement=placement, author=summer.mentor, kind="feedback", verdict="end", text="No good"
    )
    check = PlacementNote.objects.create(placement=placement, author=summer.mentor, kind="incident", text="Fell")
    page, browser = f"{placement.get_absolute_url()}notes/", as_(summer.coordinator)
    assert 'name="follow"' in text(browser.get(f"{page}{feedback.pk}/"))
    assert 'name="follow"' not in text(browser.get(f"{page}{check.pk}/"))
    assert browser.post(f"{page}{feedback.pk}/", {"settlement": "We talked, it goes on"}).status_code == 302
    feedback.refresh_from_db()
    assert feedback.settled_by == summer.coordinator
    assert Placement.objects.get(pk=placement.pk).state == "onboarded", "the box was not ticked"
    second = PlacementNote.objects.create(
        placement=placement, author=summer.mentor, kind="feedback", verdict="end", text="Still no good"
    )
    assert browser.post(f"{page}{second.pk}/", {"settlement": "It ends", "follow": "on"}).status_code == 302
    assert Placement.objects.get(pk=placement.pk).state == "terminated"


def test_the_api_tells_what_the_page_tells_and_the_contact_to_those_who_look_after_the_intern(summer):
    placement = at_work(summer)
    api = f"/api/v1/placements/{placement.pk}/"
    told = as_(placement.student).get(api).json()
    assert (told["project"], told["host_agreement"], told["agreement"]) == (summer.joint.project.slug, None, None)
    assert (told["approved_by_host"]["name"], told["approved_by_university"]["name"]) == (
        "Talent Office",
        "Coordinator",
    )
    with time_machine.travel(placement.is_over_at, tick=False):
        late = as_(placement.student).get(api).json()
    assert (told["shown_state"], late["state"], late["shown_state"]) == ("onboarded", "onboarded", "evaluation")
    seen = {user.name: as_(user).get(api).json()["contact_phone"] for user in (
        placement.student, summer.mentor, summer.supervisor, summer.coordinator, summer.host
    )}  # fmt: skip
    assert seen.pop("Talent Office") is None and set(seen.values()) == {"+44 20 123"}
    browser = as_(summer.coordinator)
    counted = queries(browser, "/api/v1/placements/")
    summer.posting = summer.offer(title="More work")
    summer.accepted(summer.student("Bo"))
    assert queries(browser, "/api/v1/placements/") == counted


def test_a_confidential_incident_is_read_by_its_author_and_those_who_lead_the_placement(summer):
    placement = at_work(summer)
    page, api = placement.get_absolute_url(), f"/api/v1/placements/{placement.pk}/notes/"
    sent = {"kind": "incident", "text": "My mentor shouts", "confidential": "on"}
    assert 'name="confidential"' in text(as_(placement.student).get(f"{page}notes/"))
    wrong = as_(placement.student).post(f"{page}notes/", sent | {"kind": "check_in"})
    assert wrong.status_code == 422 and "Only an incident is confidential." in text(wrong)
    assert as_(placement.student).post(f"{page}notes/", sent).status_code == 302
    note = PlacementNote.objects.get()
    everybody = (placement.student, summer.coordinator, summer.mentor, summer.supervisor, summer.host)
    readers = {"Ann", "Coordinator"}
    assert {one.name for one in everybody if "My mentor shouts" in text(as_(one).get(page))} == readers
    assert {one.name for one in everybody if "My mentor shouts" in text(as_(one).get(f"{page}notes/all/"))} == readers
    assert {one.name for one in everybody if as_(one).get(api).json()} == readers
    found = PlacementNote.objects.filter(pk=note.pk)  # what the admin asks
    assert {one.name for one in everybody if visible_to(one, "placement.view", found).exists()} == readers
    assert not Notification.objects.filter(person__in=[summer.mentor, summer.host, summer.supervisor]).filter(
        title__contains="waits for the coordinators"
    )
    assert Notification.objects.filter(person=summer.coordinator, title__contains="waits for the coordinators").exists()
    body = {"kind": "incident", "text": "Again", "confidential": True}
    made = as_(placement.student).post(api, body, "application/json")
    assert made.status_code == 201 and made.json()["confidential"]
    settle = {"note": str(note.pk), "settlement": "Another mentor"}
    assert as_(summer.host).post(f"{api}settle/", settle, "application/json").status_code == 403
    assert as_(summer.coordinator).post(f"{api}settle/", settle, "application/json").status_code == 200
    with pytest.raises(IntegrityError), transaction.atomic():
        PlacementNote.objects.create(
            placement=placement, author=placement.student, kind="check_in", text="x", confidential=True
        )


def test_a_programme_of_another_university_does_not_learn_of_a_confidential_incident(summer):
    placement = at_work(summer)
    PlacementNote.objects.create(
        placement=placement, author=placement.student, kind="incident", text="Shouts", confidential=True
    )
    board = f"/api/v1/cohorts/{summer.cohort.pk}/board/?late=true"
    late = as_(summer.coordinator).get(board).json()["results"]
    assert [one["what"] for one in late[0]["late"]] == ["open incident"]
    Placement.objects.filter(pk=placement.pk).update(university=organisation("Harbour University"))
    assert as_(summer.coordinator).get(board).json()["results"] == []
