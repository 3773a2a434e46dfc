"""The same request sent twice acts once, whatever it creates."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from collab.accounts.models import AnsweredRequest, ApiToken, Membership
from collab.agreements.models import Agreement
from collab.inbox.models import Comment
from collab.web.once import forget_answers
from tests.pages import as_

pytestmark = pytest.mark.django_db
URL = "/api/v1/agreements/"


@pytest.fixture
def lead(aurora):
    return as_(aurora.lead)


def body(aurora: Any, **change: Any) -> dict[str, Any]:
    return {"project": aurora.project.slug, "reference": "NDA-1", "kind": "nda", "title": "Silence"} | change


def post(client: Any, url: str, sent: Any, key: str = "k1") -> Any:
    return client.post(url, sent, "application/json", headers={"Idempotency-Key": key})


def test_it_acts_once_and_answers_the_same(aurora, lead):
    first = post(lead, URL, body(aurora))
    again = post(lead, URL, body(aurora))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert (again["Idempotency-Replayed"], "Idempotency-Replayed" in first) == ("true", False)
    assert Agreement.objects.count() == 1


def test_another_request_under_the_same_key_is_refused(aurora, lead):
    assert post(lead, URL, body(aurora)).status_code == 201
    for url, sent in ((URL, body(aurora, reference="NDA-2")), ("/api/v1/work-items/", {})):
        other = post(lead, url, sent)
        assert (other.status_code, other.json()["field"]) == (422, "Idempotency-Key")
    assert post(as_(aurora.company_signatory), URL, body(aurora)).status_code == 403  # a key is one person's own
    assert Agreement.objects.count() == 1


def test_what_was_refused_leaves_nothing_and_may_be_sent_again(aurora, lead):
    assert post(lead, URL, body(aurora, kind="poem")).status_code in {400, 422}
    assert not AnsweredRequest.objects.exists()
    assert post(lead, URL, body(aurora)).status_code == 201


def test_an_answer_is_not_given_to_whoever_may_ask_no_more(aurora, lead):
    made = post(lead, URL, body(aurora)).json()
    version = {"text": "We may.", "effective_on": timezone.localdate().isoformat()}
    url = f"{URL}{made['id']}/versions/"
    assert post(lead, url, version, "k2").status_code == 201
    assert post(lead, url, version, "k2").status_code == 201
    Membership.objects.filter(user=aurora.lead, project=aurora.project).update(ends_at=timezone.now())
    assert post(lead, url, version, "k2").status_code == 404


def test_secrets_are_not_kept_and_answers_not_for_ever(aurora, lead):
    token = {"name": "Laptop", "scope": "read", "days": 30}
    assert [post(lead, "/api/v1/tokens/", token).status_code for _ in range(2)] == [201, 201]
    assert ApiToken.objects.filter(user=aurora.lead).count() == 2 and not AnsweredRequest.objects.exists()
    post(lead, URL, body(aurora))
    assert forget_answers() == 0
    with time_machine.travel(timezone.now() + timedelta(hours=49), tick=False):
        assert forget_answers() == 1
    assert not AnsweredRequest.objects.exists() and not Comment.objects.exists()


@pytest.mark.parametrize("key", ["x" * 81, "a\tb"])
def test_a_key_is_short_and_plain(aurora, lead, key):
    refused = post(lead, URL, body(aurora), key)
    assert (refused.status_code, refused.json()["field"]) == (400, "Idempotency-Key")
