"""Pages of the inbox: what its person came for is on it, and a long list costs what a short one does."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from collab.inbox import views
from collab.inbox.models import Notification, NotificationSettings, Obligation, Request
from collab.inbox.services import add_reviewer, decide_request, notify, set_obligation
from tests.cast import person
from tests.collab.inbox.conftest import asked, away
from tests.pages import as_, queries, text

pytestmark = pytest.mark.django_db
INBOX = "/inbox/"


def many(model, row, number: int) -> None:
    """More rows like this one."""
    fields = {f.attname: getattr(row, f.attname) for f in model._meta.concrete_fields if f.name != "id"}
    model.objects.bulk_create(model(**fields) for _ in range(number))


# --- lists
def test_each_box_shows_what_belongs_in_it(request_, aurora):
    assert "May we begin?" in text(as_(aurora.lead).get(INBOX))
    assert "May we begin?" in text(as_(aurora.engineer).get(f"{INBOX}?box=asked"))
    for user, box in ((aurora.engineer, "waiting"), (aurora.researcher, "waiting"), (aurora.lead, "decided")):
        assert "May we begin?" not in text(as_(user).get(f"{INBOX}?box={box}"))
    decide_request(request=request_, decision="approved", by=aurora.lead)
    assert "May we begin?" in text(as_(aurora.lead).get(f"{INBOX}?box=decided"))
    assert "May we begin?" in text(as_(aurora.engineer).get(f"{INBOX}?box=decided"))
    assert "May we begin?" not in text(as_(aurora.university_signatory).get(INBOX))
    assert as_(aurora.lead).get(f"{INBOX}?box=dreams").status_code == 404
    assert "May we begin?" not in text(as_(aurora.lead).get(f"{INBOX}?box=decided&topic=inbox.question"))


def test_each_label_of_a_request_is_of_one_field(request_, aurora):
    """Who is asked for advice and who shall answer are two fields of two forms."""
    page = text(as_(aurora.lead).get(request_.get_absolute_url()))
    ids = re.findall(r' id="([^"]+)"', page)
    assert page.count('name="person"') == 2 and page.count('name="once"') > 2
    assert sorted(ids) == sorted(set(ids))


def test_the_menu_counts_what_waits_and_the_bell_what_is_unread(request_, aurora):
    page = text(as_(aurora.lead).get(reverse("collab:projects")))
    assert '<span class="count nav-count">1</span>' in page and "Notifications: 1 unread" in page
    page = text(as_(aurora.observer).get(reverse("collab:projects")))
    assert "nav-count" not in page and "Notifications: 0 unread" in page


@pytest.mark.parametrize("url", [INBOX, "/inbox/waiting/", "/notifications/", "/calendar/"])
def test_a_long_list_costs_what_a_short_one_does(request_, aurora, url):
    lead = as_(aurora.lead)
    date = set_obligation(
        source=aurora.project, kind="report", title="R", due_on=timezone.localdate(), url="/", project=aurora.project
    )
    few = queries(lead, url)
    many(Request, request_, 20)
    many(Notification, Notification.objects.filter(person=aurora.lead).first(), 20)
    Obligation.objects.bulk_create(
        Obligation(source_type="x", source_id=str(n), kind="report", title="R", due_on=date.due_on, person=aurora.lead)
        for n in range(20)
    )
    assert queries(lead, url) == few


# --- one request
def test_the_page_of_a_request_says_what_one_must_know(request_, aurora, plain):
    plain(effect=lambda request: "The project begins.")
    page = text(as_(aurora.lead).get(request_.get_absolute_url()))
    for said in ("The project begins.", "Riverside University", aurora.engineer.name, "Record the decision"):
        assert said in page
    asker = text(as_(aurora.engineer).get(request_.get_absolute_url()))
    assert "Record the decision" not in asker and "Withdraw" in asker and aurora.lead.name in asker
    assert as_(aurora.researcher).get(request_.get_absolute_url()).status_code == 404


def test_a_stuck_request_says_so_and_who_is_next(aurora, admin, plain):
    away(aurora.lead), away(aurora.university_signatory)
    plain(next_answers=False)
    stuck = asked(aurora)
    page = text(as_(aurora.engineer).get(stuck.get_absolute_url()))
    assert "Nobody can answer this now" in page and admin.name in page
    plain(next_answers=True)
    assert "This climbed because nobody else can answer" in text(as_(admin).get(stuck.get_absolute_url()))


def test_deciding_on_the_page(request_, aurora):
    lead, url = as_(aurora.lead), reverse("collab:request_decide", args=[request_.pk])
    refused = lead.post(url, {"decision": "rejected"})
    assert refused.status_code == 422 and "Say why" in text(refused)
    done = lead.post(url, {"decision": "approved_with_conditions", "conditions": "Report.\nDelete."})
    assert done.status_code == 302
    row = Request.objects.get()
    assert [c.text for c in row.conditions.all()] == ["Report.", "Delete."]
    late = as_(aurora.university_signatory).post(url, {"decision": "rejected", "reason": "No."})
    assert late.status_code == 409 and f"{aurora.lead.name} already decided this" in text(late)
    met = lead.post(reverse("collab:condition_meet", args=[row.pk, 1]), {"evidence": "Report 7."})
    assert met.status_code == 302 and row.conditions.get(number=1).is_met
    assert "Report 7." in text(as_(aurora.engineer).get(row.get_absolute_url()))


def test_commenting_advising_and_handing_over_on_the_page(request_, aurora):
    lead = as_(aurora.lead)
    assert lead.post(reverse("collab:request_comment", args=[request_.pk]), {"text": "Soon."}).status_code == 302
    reviewer = {"person": str(aurora.researcher.pk)}
    assert lead.post(reverse("collab:request_reviewer", args=[request_.pk]), reviewer).status_code == 302
    advice = {"opinion": "favour", "text": "Good data."}
    url = reverse("collab:request_advise", args=[request_.pk])
    assert as_(aurora.researcher).post(url, advice).status_code == 302
    assert lead.post(url, advice).status_code == 403
    handed = {"person": str(aurora.observer.pk), "reason": "Yours."}
    assert lead.post(reverse("collab:request_hand_over", args=[request_.pk]), handed).status_code == 302
    page = text(as_(aurora.observer).get(request_.get_absolute_url()))
    for said in ("Soon.", "Good data.", "in favour", "Yours.", "Record the decision"):
        assert said in page
    stranger = {"person": str(person("Stranger").pk)}
    assert lead.post(reverse("collab:request_hand_over", args=[request_.pk]), stranger).status_code == 422


def test_whoever_stands_in_is_told_for_whom(request_, aurora):
    away(aurora.lead, aurora.observer)
    page = text(as_(aurora.observer).get(request_.get_absolute_url()))
    assert f"You answer for {aurora.lead.name}" in page


def test_asking_a_question(aurora):
    sent = {"project": aurora.project.slug, "title": "May we publish?", "text": "The paper is done."}
    done = as_(aurora.researcher).post("/inbox/new/", sent)
    row = Request.objects.get()
    assert done.status_code == 302 and row.title == "May we publish?"
    assert "The paper is done." in text(as_(aurora.lead).get(row.get_absolute_url()))
    assert as_(aurora.observer).post("/inbox/new/", sent).status_code == 422  # no project in which they may


# --- notifications
def test_following_a_notification_reads_it(request_, aurora, borealis):
    row = Notification.objects.get(person=aurora.lead)
    url = reverse("collab:notification", args=[row.pk])
    assert as_(borealis.lead).get(url).status_code == 404
    assert as_(aurora.lead).get(url).url == request_.get_absolute_url()
    row.refresh_from_db()
    assert row.read_at is not None


def test_marking_all_as_read_leaves_those_of_others(request_, aurora):
    as_(aurora.lead).post("/notifications/read/")
    assert Notification.objects.filter(person=aurora.lead).unread().count() == 0
    assert Notification.objects.filter(person=aurora.university_signatory).unread().count() == 1


def test_choosing_how_mail_comes(aurora):
    lead = as_(aurora.lead)
    form = lead.get("/account/notifications/").context["form"]
    chosen = {name: field.initial for name, field in form.fields.items()} | {"comment": "off"}
    assert lead.post("/account/notifications/", chosen).status_code == 302
    assert NotificationSettings.objects.get().mail_of("comment") == "off"
    assert lead.post("/account/notifications/", chosen).status_code == 412  # of an older state
    assert lead.post("/account/notifications/", chosen | {"version": 1, "comment": "hourly"}).status_code == 422


# --- the calendar
def test_a_calendar_of_very_many_dates_looks_at_the_next_ones_only(aurora, monkeypatch):
    monkeypatch.setattr(views, "AGENDA_MOST", 3)
    today = timezone.localdate()
    Obligation.objects.bulk_create(
        Obligation(
            source_type="test", source_id=str(number), kind="report", title=f"Report {number}", project=aurora.project,
            due_on=today + timedelta(days=number - 5),
        )
        for number in range(9)
    )  # fmt: skip

    with CaptureQueriesContext(connection) as caught:
        page = text(as_(aurora.lead).get("/calendar/"))
    counts = [query["sql"] for query in caught if "COUNT(" in query["sql"] and "collab_obligation" in query["sql"]]

    assert "More than 3 are overdue" in page and "The next 3 are listed" in page
    assert "Report 2" in page and as_(aurora.lead).get("/calendar/?page=2").status_code == 404
    assert counts and all("LIMIT 4" in sql for sql in counts), "no count of all rows"


def test_the_calendar_shows_the_month_and_what_is_overdue_first(aurora, borealis):
    today = timezone.localdate()
    given = {"url": "/", "project": aurora.project}
    set_obligation(source=aurora.project, kind="report", title="The report", due_on=today, **given)
    late = today - timedelta(days=40)
    set_obligation(source=aurora.project, kind="notice", title="The notice", due_on=late, **given)
    set_obligation(
        source=borealis.project, kind="notice", title="A secret", due_on=today, url="/", project=borealis.project
    )
    page = text(as_(aurora.lead).get("/calendar/"))
    assert page.index("The notice") < page.rindex("The report") and "1 is overdue" in page and "A secret" not in page
    assert "The report" not in text(as_(aurora.lead).get("/calendar/?kind=notice"))
    assert "The report" not in text(as_(aurora.lead).get("/calendar/?mine=1"))
    assert "The report" in text(as_(aurora.lead).get(f"/calendar/?project={aurora.project.slug}"))
    assert as_(aurora.lead).get("/calendar/?month=2026-13").status_code == 200


def test_each_label_of_the_calendar_is_of_one_field(aurora):
    """The filters and the form for a date both ask for a kind and a project."""
    ids = re.findall(r' id="([^"]+)"', text(as_(aurora.lead).get("/calendar/")))
    assert {"filter-kind", "id_kind", "filter-project", "id_project"} <= set(ids)
    assert sorted(ids) == sorted(set(ids))


def test_dates_are_added_and_settled(aurora):
    lead, day = as_(aurora.lead), timezone.localdate().isoformat()
    assert lead.post("/calendar/dates/", {"title": "Own", "due_on": day, "kind": "other"}).status_code == 302
    shared = {"title": "Ours", "due_on": day, "kind": "milestone", "project": aurora.project.slug}
    assert lead.post("/calendar/dates/", shared).status_code == 302
    assert as_(aurora.observer).post("/calendar/dates/", shared).status_code == 422
    seen = text(as_(aurora.observer).get("/calendar/"))
    assert "Ours" in seen and "Own" not in seen
    row = Obligation.objects.get(title="Ours")
    page = reverse("collab:date_edit", args=[row.pk])
    later = {"title": "Ours, later", "due_on": "2031-05-01", "edit": row.version}
    assert as_(aurora.observer).get(page).status_code == 403 and "All people of" in text(lead.get(page))
    assert lead.post(page, later).status_code == 302
    stale = lead.post(page, later | {"title": "Ours, sooner"})
    assert stale.status_code == 412 and "now “Ours, later”, you wrote “Ours, sooner”" in text(stale)
    assert "Ours, later" in text(as_(aurora.observer).get("/calendar/"))
    url = reverse("collab:date_settle", args=[row.pk])
    assert as_(aurora.observer).post(url).status_code == 403
    assert lead.post(url).status_code == 302
    row.refresh_from_db()
    assert (row.title, row.settled_at is not None) == ("Ours, later", True)


# --- absences
def test_an_absence_begins_and_ends_on_its_page(aurora):
    lead, day = as_(aurora.lead), timezone.localdate()
    sent = {"starts_on": day, "ends_on": day + timedelta(days=3), "delegate": aurora.researcher.email}
    assert lead.post("/account/absences/", sent | {"ends_on": day - timedelta(days=3)}).status_code == 422
    assert lead.post("/account/absences/", sent | {"delegate": aurora.engineer.email}).status_code == 422
    assert lead.post("/account/absences/", sent).status_code == 302
    assert aurora.lead.name in text(as_(aurora.researcher).get("/account/absences/"))
    row = aurora.lead.absences.get()
    assert as_(aurora.researcher).post(reverse("collab:absence_end", args=[row.pk])).status_code == 403
    assert lead.post(reverse("collab:absence_end", args=[row.pk])).status_code == 302
    assert "You answer for" not in text(as_(aurora.researcher).get("/account/absences/"))


def test_pages_are_read_in_chinese(request_, aurora):
    aurora.lead.language = "zh-hans"
    aurora.lead.save()
    notify(people=[aurora.lead], kind="news", title="News", title_zh="消息", url="/")
    add_reviewer(request=request_, user=aurora.researcher, by=aurora.lead)
    for url, said in (
        (request_.get_absolute_url(), "可以开始吗？"),
        ("/notifications/", "消息"),
        ("/inbox/", "收件箱"),
    ):
        assert said in text(as_(aurora.lead).get(url))
