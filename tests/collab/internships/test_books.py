"""The log book and the notes of a placement: every day can be reached, confirmed and taken along."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
import time_machine

from collab.audit.models import AuditEvent
from collab.internships.models import LogEntry, Placement, PlacementNote
from collab.internships.placements.caring import confirm_days
from collab.kernel.errors import ConflictError, RefusedError
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
