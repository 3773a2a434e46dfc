"""What one reads of an application: any round that was sent, and never what the applicants are still changing."""

from __future__ import annotations

import pytest
from django.test import Client

from collab.ethics.deciding import ask_applicants, decide_case
from collab.ethics.services import save_answers, submit_case
from tests.cast import token_for
from tests.collab.ethics.test_pages import api, signed_in
from tests.collab.ethics.test_services import FULL, Panel, fresh

pytestmark = pytest.mark.django_db


@pytest.fixture
def panel(aurora) -> Panel:
    return Panel(aurora)


def returned(panel: Panel):
    """Reviewed, returned, and being changed: what was learnt is “Learn” in what was sent and “Better” in the draft."""
    case = panel.reviewed(panel.case(FULL))
    case = decide_case(case=case, decision="returned", reason="Ages?", by=panel.chair)
    answers = FULL | {"aim": "Better letters"}
    return save_answers(row=case, answers=answers, number=1, version=case.version, by=panel.joint.lead)


def page(user, url: str) -> str:
    return signed_in(user).get(url).content.decode()


def test_what_is_being_changed_is_read_by_those_who_apply_alone(panel):
    case = returned(panel)
    url = case.get_absolute_url()
    review = case.reviews.get(reviewer=panel.reviewers[0])
    shown = page(panel.joint.lead, url)
    assert "Better letters" in shown and "before: Learn" in shown
    for user, address in (
        (panel.chair, url), (panel.reviewers[0], url), (panel.joint.observer, url),
        (panel.reviewers[0], review.get_absolute_url()),
    ):  # fmt: skip
        assert "Better letters" not in page(user, address), (user, address)
    assert "These are the answers of round 1" in page(panel.chair, url)

    answers = {
        user: api(user).get(f"/api/v1/ethics-cases/{case.pk}/").json() for user in (panel.joint.lead, panel.chair)
    }
    assert answers[panel.joint.lead]["answers"]["aim"] == "Better letters"
    assert answers[panel.joint.lead]["changed"] == ["aim"]
    assert (answers[panel.chair]["answers"]["aim"], answers[panel.chair]["changed"]) == ("Learn", [])

    submit_case(case=case, number=1, by=panel.joint.lead)
    assert "Better letters" in page(panel.chair, url)
    assert api(panel.chair).get(f"/api/v1/ethics-cases/{case.pk}/").json()["changed"] == ["aim"]
    assert "Better letters" not in page(panel.reviewers[0], review.get_absolute_url()), "it is the review of round 1"


def test_a_token_reads_of_a_case_what_its_person_is_to_it(panel):
    case = returned(panel)
    ask_applicants(case=case, text="Why?", by=panel.reviewers[0])

    def read(user, **limits):
        client = Client(headers={"Authorization": f"Bearer {token_for(user, **limits)}"})
        told = client.get(f"/api/v1/ethics-cases/{case.pk}/").json()
        asker = told["questions"][0]["by"]
        return told["answers"]["aim"], asker and asker["name"]

    project = panel.joint.project
    for limits in ({}, {"scope": "read"}, {"scope": "read", "project": project}, {"project": project}):
        assert read(panel.joint.lead, **limits) == ("Better letters", None), limits
        assert read(panel.chair, **limits) == ("Learn", "Reviewer 1"), limits
        assert read(panel.joint.engineer, **limits) == ("Learn", None), limits


def test_any_round_that_was_sent_can_be_read(panel):
    case = returned(panel)
    case = submit_case(case=case, number=1, note="As asked.", by=panel.joint.lead)
    url = case.get_absolute_url()
    for user in (panel.joint.lead, panel.chair):
        now, first, second = (page(user, f"{url}{query}") for query in ("", "?round=1", "?round=2"))
        assert "Better letters" in now and "before: Learn" in now
        assert "Better letters" not in first and "A later round was submitted since." in first
        assert "Better letters" in second and "before: Learn" in second
        assert 'href="?round=1"' in now
    assert signed_in(panel.chair).get(f"{url}?round=3").status_code == 404
    assert signed_in(panel.chair).get(f"{url}?round=x").status_code == 200
    assert fresh(case).round == 2
