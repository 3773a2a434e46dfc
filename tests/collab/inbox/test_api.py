"""The API of the inbox: the same verbs, and lists that cost the same for many rows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from collab.inbox.models import Notification, Obligation, Request
from tests.cast import token_for
from tests.collab.inbox.conftest import asked, away
from tests.collab.inbox.test_views import many
from tests.pages import as_, queries

pytestmark = pytest.mark.django_db
API = "/api/v1"


def send(user, method: str, path: str, body: dict | None = None, **headers):
    return getattr(as_(user), method)(f"{API}{path}", body or {}, "application/json", headers=headers)


def test_a_request_from_question_to_answer(aurora):
    asking = {"project": aurora.project.slug, "title": "May we publish?"}
    made = send(aurora.researcher, "post", "/requests/", asking)
    assert made.status_code == 201 and [p["user"]["name"] for p in made.json()["can_answer"]] == [aurora.lead.name]
    path = f"/requests/{made.json()['id']}"
    assert send(aurora.researcher, "post", f"{path}/decide/", {"decision": "approved"}).status_code == 403
    assert send(aurora.observer, "post", f"{path}/decide/", {"decision": "approved"}).status_code == 404
    assert send(aurora.lead, "post", f"{path}/decide/", {"decision": "rejected"}).status_code == 422
    answer = {"decision": "approved_with_conditions", "conditions": ["Send the draft."]}
    done = send(aurora.lead, "post", f"{path}/decide/", answer)
    assert done.status_code == 200 and done.json()["conditions"][0]["text"] == "Send the draft."
    assert send(aurora.lead, "post", f"{path}/decide/", answer).status_code == 409
    met = send(aurora.researcher, "post", f"{path}/conditions/1/meet/", {"evidence": "Sent."})
    assert met.status_code == 200 and met.json()["met_by"]["name"] == aurora.researcher.name
    assert send(aurora.lead, "post", f"{path}/conditions/7/meet/", {"evidence": "Sent."}).status_code == 404


def test_boxes_and_filters(request_, aurora):
    def found(user, query: str) -> int:
        return as_(user).get(f"{API}/requests/?{query}").json()["count"]

    assert [found(aurora.lead, f"box={box}") for box in ("waiting", "asked", "decided")] == [1, 0, 0]
    assert found(aurora.engineer, "box=asked") == found(aurora.engineer, "state=open") == 1
    assert found(aurora.lead, "topic=other") == found(aurora.researcher, "") == 0
    assert as_(aurora.lead).get(f"{API}/requests/?asked_by__password=x").status_code == 400


def test_comments_reviewers_and_handing_over(request_, aurora):
    path = f"/requests/{request_.pk}"
    assert send(aurora.lead, "post", f"{path}/comments/", {"text": "Soon."}).status_code == 201
    assert as_(aurora.engineer).get(f"{API}{path}/comments/").json()["results"][0]["text"] == "Soon."
    assert send(aurora.lead, "post", f"{path}/reviewers/", {"person": aurora.researcher.email}).status_code == 201
    assert send(aurora.researcher, "post", f"{path}/advise/", {"opinion": "against"}).status_code == 200
    assert send(aurora.lead, "post", f"{path}/reviewers/", {"person": "nobody@example.org"}).status_code == 422
    handed = send(aurora.lead, "post", f"{path}/hand-over/", {"person": str(aurora.observer.pk), "reason": "Yours"})
    assert handed.status_code == 200 and handed.json()["receiver"]["name"] == aurora.observer.name
    assert send(aurora.engineer, "post", f"{path}/withdraw/", {"reason": "No need."}).json()["state"] == "withdrawn"


def test_whoever_stands_in_is_named_with_the_person(request_, aurora):
    away(aurora.lead, aurora.observer)
    done = send(aurora.observer, "post", f"/requests/{request_.pk}/decide/", {"decision": "approved"}).json()
    assert (done["decided_by"]["name"], done["decided_for"]["name"]) == (aurora.observer.name, aurora.lead.name)


def test_notifications_are_read_and_chosen(request_, aurora):
    row = Notification.objects.get(person=aurora.lead)
    assert as_(aurora.lead).get(f"{API}/notifications/?unread=true").json()["count"] == 1
    assert send(aurora.engineer, "post", f"/notifications/{row.pk}/read/").status_code == 404
    assert send(aurora.lead, "post", f"/notifications/{row.pk}/read/").json()["read_at"]
    assert send(aurora.lead, "post", "/notifications/read-all/").status_code == 204
    mail = as_(aurora.lead).get(f"{API}/notifications/mail/")
    choice = {"choices": {"news": "off"}}
    assert send(aurora.lead, "patch", "/notifications/mail/", choice).status_code == 428
    chosen = send(aurora.lead, "patch", "/notifications/mail/", choice, **{"If-Match": mail["ETag"]})
    assert chosen.json()["choices"]["news"] == "off"
    assert send(aurora.lead, "patch", "/notifications/mail/", choice, **{"If-Match": mail["ETag"]}).status_code == 412


def test_dates_are_added_changed_and_settled(aurora):
    day = timezone.localdate() + timedelta(days=5)
    body = {"title": "Review", "due_on": day.isoformat(), "kind": "review", "project": aurora.project.slug}
    assert send(aurora.observer, "post", "/obligations/", body).status_code == 403
    made = send(aurora.lead, "post", "/obligations/", body)
    path = f"/obligations/{made.json()['id']}/"
    later = {"due_on": (day + timedelta(days=1)).isoformat()}
    assert send(aurora.lead, "patch", path, later).status_code == 428
    assert send(aurora.lead, "patch", path, later, **{"If-Match": made["ETag"]}).json()["due_on"] == later["due_on"]
    assert send(aurora.lead, "patch", path, later, **{"If-Match": made["ETag"]}).status_code == 412
    assert send(aurora.observer, "post", f"{path}settle/").status_code == 403
    assert send(aurora.lead, "post", f"{path}settle/").json()["settled_at"]
    assert send(aurora.lead, "post", f"{path}settle/").status_code == 409


def test_a_date_that_a_room_set_is_changed_there(aurora):
    row = Obligation.objects.create(
        source_type="collab.project",
        source_id=str(aurora.project.pk),
        kind="report",
        title="Report",
        due_on=timezone.localdate(),
        project=aurora.project,
    )
    assert send(aurora.lead, "post", f"/obligations/{row.pk}/settle/").status_code == 409


def test_absences(aurora):
    ends = (timezone.now() + timedelta(days=3)).isoformat()
    assert send(aurora.lead, "post", "/delegations/", {"ends_at": ends, "delegate": "x@y.org"}).status_code == 422
    made = send(aurora.lead, "post", "/delegations/", {"ends_at": ends, "delegate": aurora.observer.email})
    assert made.status_code == 201 and made.json()["is_active"]
    assert as_(aurora.observer).get(f"{API}/delegations/").json()["count"] == 1
    assert send(aurora.observer, "post", f"/delegations/{made.json()['id']}/end/").status_code == 403
    assert send(aurora.lead, "post", f"/delegations/{made.json()['id']}/end/").json()["revoked_at"]


def test_a_reading_token_changes_nothing(request_, aurora):
    client = Client(headers={"Authorization": f"Bearer {token_for(aurora.lead, scope='read')}"})
    assert client.get(f"{API}/requests/{request_.pk}/").status_code == 200
    for path, body in (
        (f"/requests/{request_.pk}/decide/", {"decision": "approved"}),
        ("/notifications/read-all/", {}),
        ("/obligations/", {"title": "Own", "due_on": "2030-01-01"}),
        ("/delegations/", {"ends_at": (timezone.now() + timedelta(days=3)).isoformat()}),
    ):
        assert client.post(f"{API}{path}", body, "application/json").status_code == 403, path
    assert Request.objects.get().state == "open" and Obligation.objects.count() == 0


@pytest.mark.parametrize("path", ["requests", "notifications", "obligations", "delegations"])
def test_a_long_list_costs_what_a_short_one_does(aurora, path):
    row = asked(aurora)
    away(aurora.lead, starts_at=timezone.now() + timedelta(days=1), ends_at=timezone.now() + timedelta(days=2))
    Obligation.objects.create(
        source_type="x", source_id="0", kind="report", title="R", due_on=timezone.localdate(), project=aurora.project
    )
    lead = as_(aurora.lead)
    few = queries(lead, f"{API}/{path}/")
    many(Request, row, 15)
    many(Notification, Notification.objects.filter(person=aurora.lead).first(), 15)
    for number in range(5):
        begins = timezone.now() + timedelta(days=10 + number)
        away(aurora.lead, aurora.observer, starts_at=begins, ends_at=begins + timedelta(hours=1))
        Obligation.objects.create(
            source_type="x",
            source_id=f"1{number}",
            kind="report",
            title="R",
            due_on=timezone.localdate(),
            person=aurora.lead,
        )
    assert queries(lead, f"{API}/{path}/") == few
