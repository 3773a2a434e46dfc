"""The calendar at its private address: RFC 5545, what its person may see now, and nothing once it is revoked."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from collab.accounts.models import Membership
from collab.audit.models import AuditEvent
from collab.inbox import views
from collab.inbox.feed import calendar_of, escaped, folded, make_link, revoke_link
from collab.inbox.models import CalendarLink
from collab.inbox.services import set_obligation
from collab.kernel.errors import ConflictError
from tests.pages import as_, text

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_fetches_yet():
    cache.clear()


def fetch(secret: str):
    return Client().get(reverse("collab:calendar_feed", args=[secret]))


def unfolded(body: str) -> list[str]:
    return body.replace("\r\n ", "").split("\r\n")


def due(aurora, title: str = "Report", **fields) -> None:
    given = {"due_on": timezone.localdate(), "url": "/x/", "project": aurora.project}
    set_obligation(source=aurora.project, kind="report", title=title, **(given | fields))


def test_what_the_person_may_see_is_in_it_and_nothing_else(request_, aurora, borealis, settings):
    settings.BASE_URL = "https://tandem.example"
    due(aurora, "Report; part 1, and\\more", due_on=date.today())
    due(borealis, "A secret")
    _row, secret = make_link(by=aurora.lead)
    response = fetch(secret)
    lines = unfolded(text(response))
    assert response["Content-Type"] == "text/calendar; charset=utf-8"
    assert "SUMMARY:Report\\; part 1\\, and\\\\more" in lines and "SUMMARY:Answer: May we begin?" in lines
    assert f"DTSTART;VALUE=DATE:{timezone.localdate():%Y%m%d}" in lines and "URL:https://tandem.example/x/" in lines
    assert lines.count("BEGIN:VEVENT") == lines.count("END:VEVENT") == 2
    assert lines[0] == "BEGIN:VCALENDAR" and lines[-2:] == ["END:VCALENDAR", ""]
    assert not any("secret" in line for line in lines)
    uids = [line for line in lines if line.startswith("UID:")]
    assert len(set(uids)) == 2 and all(uid.endswith("@tandem.example") for uid in uids)


def test_access_is_looked_at_on_every_fetch(aurora):
    due(aurora)
    _row, secret = make_link(by=aurora.observer)
    assert "SUMMARY:Report" in text(fetch(secret))
    Membership.objects.filter(user=aurora.observer).update(ends_at=timezone.now())
    assert "SUMMARY:Report" not in text(fetch(secret))
    aurora.observer.is_active = False
    aurora.observer.save()
    assert fetch(secret).status_code == 404


def test_a_link_is_shown_once_kept_hashed_replaced_and_revoked(aurora):
    lead = as_(aurora.lead)
    page = text(lead.post(reverse("collab:calendar_link")))
    secret = page.split("/calendar/feed/")[1].split(".ics")[0]
    row = CalendarLink.objects.get()
    assert secret not in row.digest and fetch(secret).status_code == 200
    assert secret not in text(lead.get("/calendar/"))
    lead.post(reverse("collab:calendar_link"))
    assert fetch(secret).status_code == 404 and CalendarLink.objects.live().count() == 1
    lead.post(reverse("collab:calendar_revoke"))
    assert CalendarLink.objects.live().count() == 0
    with pytest.raises(ConflictError):
        revoke_link(by=aurora.lead)
    verbs = AuditEvent.objects.filter(verb__startswith="calendar.").values_list("verb", flat=True)
    assert sorted(verbs) == ["calendar.link", "calendar.link", "calendar.revoke"]


def test_fetches_and_guesses_are_counted(aurora, monkeypatch):
    monkeypatch.setattr(views, "FETCHES_PER_HOUR", 2)
    monkeypatch.setattr(views, "GUESSES_PER_HOUR", 1)
    _row, secret = make_link(by=aurora.lead)
    assert [fetch(secret).status_code for _ in range(3)] == [200, 200, 429]
    assert [fetch("guess").status_code for _ in range(2)] == [404, 429]


def test_the_feed_speaks_its_persons_language(request_, aurora):
    aurora.lead.language = "zh-hans"
    aurora.lead.save()
    _row, secret = make_link(by=aurora.lead)
    assert "SUMMARY:答复：可以开始吗？" in unfolded(text(fetch(secret)))


def test_lines_are_folded_at_75_octets_and_never_within_a_character():
    line = "SUMMARY:" + "数据使用协议到期" * 20 + "🙂" * 20
    pieces = list(folded(line))
    assert all(len(piece.encode()) <= 75 for piece in pieces) and len(pieces) > 5
    assert pieces[0] + "".join(piece[1:] for piece in pieces[1:]) == line
    assert list(folded("x" * 75)) == ["x" * 75] and len(list(folded("x" * 76))) == 2


def test_text_cannot_break_out_of_its_line():
    assert escaped("a\r\nEND:VEVENT\nb\x00\x07") == "a\\nEND:VEVENT\\nb"


def test_the_feed_costs_the_same_for_many(aurora, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    due(aurora)
    with CaptureQueriesContext(connection) as few:
        calendar_of(aurora.lead)
    for number in range(5):
        set_obligation(
            source=aurora.lead,
            kind=["expiry", "notice", "review", "other", "payment"][number],
            title="T",
            due_on=timezone.localdate() + timedelta(days=number),
            url="/",
            person=aurora.lead,
        )
    with django_assert_num_queries(len(few)):
        calendar_of(aurora.lead)
