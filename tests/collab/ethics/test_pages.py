"""Pages and API of ethics: the whole way of a case by hand, and lists whose queries do not grow."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from collab.ethics.deciding import assign, decide_case
from collab.ethics.models import EthicsAssessment, EthicsCase, EthicsForm, EthicsReview
from collab.ethics.services import add_form_version
from collab.ethics.shipped import load_forms
from tests.cast import token_for
from tests.collab.ethics.test_services import FULL, QUESTIONS, RULES, SHORT, Panel, day, fresh
from tests.pages import hidden

pytestmark = pytest.mark.django_db


@pytest.fixture
def panel(aurora) -> Panel:
    return Panel(aurora)


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def api(user) -> Client:
    return Client(headers={"Authorization": f"Bearer {token_for(user)}"})


def test_a_case_goes_its_way_by_hand(panel):
    lead, chair, reviewer = (signed_in(one) for one in (panel.joint.lead, panel.chair, panel.reviewers[0]))
    new = reverse("collab:ethics_case_new", args=[panel.joint.project.slug])
    sent = {"title": "Letters", "committee": panel.committee.pk, "form": panel.form.pk}
    answers_url = lead.post(new, sent).url
    case = EthicsCase.objects.get()
    page = lead.get(answers_url).content.decode()
    assert 'data-on="q_people"' in page
    fields = {"q_aim": "Learn", "q_people": "true", "number": 1, "version": case.version}
    answer = lead.post(answers_url, fields | {"submit": "1"})
    assert answer.status_code == 422
    assert "This question needs an answer." in answer.content.decode()
    fields |= {"version": hidden(answer, "version"), "q_minors": "true", "submit": "1"}
    assert lead.post(answers_url, fields).url == case.get_absolute_url()
    assert "Minors take part." in lead.get(case.get_absolute_url()).content.decode()

    assign = reverse("collab:ethics_case_assign", args=[case.pk])
    assert panel.joint.lead.name not in chair.get(assign).content.decode()
    assert chair.post(assign, {"reviewers": [panel.reviewers[0].pk]}).status_code == 302
    review = case.reviews.get()
    page = reviewer.get(review.get_absolute_url()).content.decode()
    assert "Minors take part." in page
    given = {"opinion": "conditions", "text": "Ask the parents.", "version": review.version}
    assert reviewer.post(review.get_absolute_url(), given).status_code == 302
    assert "Ask the parents." not in lead.get(case.get_absolute_url()).content.decode()

    decide = reverse("collab:ethics_case_decide", args=[case.pk])
    decision = {
        "decision": "approved_with_conditions", "reason": "Fine.", "blocks": ["jobs"], "valid_until": day(30),
        "monitor_months": 6, "text_1": "Ask the parents.", "blocks_1": ["jobs", "data"],
    }  # fmt: skip
    assert chair.post(decide, decision | {"valid_until": ""}).status_code == 422
    forgotten = chair.post(decide, decision | {"blocks_9": ["jobs"]})
    assert (forgotten.status_code, "Write what must be met." in forgotten.content.decode()) == (422, True)
    assert chair.post(decide, decision).status_code == 302
    room = lead.get(reverse("collab:project_ethics", args=[panel.joint.project.slug])).content.decode()
    assert "Stopped now: training jobs" in room
    assert "Ask the parents." in room
    panel.joint.cover(reference="DUA-1")
    version = panel.joint.dataset().latest()
    job_new = f"{reverse('training:job_new')}?version={version.pk}&task=causal-lm"
    for url in (version.get_absolute_url(), job_new):
        page = lead.get(url).content.decode()
        assert "Ask the parents." in page, url
        assert f'href="{case.get_absolute_url()}#condition-1"' in page, url
    claim = reverse("collab:ethics_case_claim", args=[case.pk, 1])
    assert lead.post(claim, {"text": "Letters of June."}).status_code == 302
    confirm = reverse("collab:ethics_case_confirm", args=[case.pk, 1])
    assert chair.post(confirm, {"text": ""}).status_code == 302
    room = lead.get(reverse("collab:project_ethics", args=[panel.joint.project.slug])).content.decode()
    assert "Stopped now" not in room


def test_what_is_new_and_what_changed_is_marked(panel):
    lead = signed_in(panel.joint.lead)
    case = panel.case(SHORT, submit=False)
    more = {"key": "energy", "type": "yes_no", "label": "Energy?", "required": False}
    add_form_version(form=panel.form, questions=[*QUESTIONS, more], rules=RULES, by=panel.chair)
    answers_url = reverse("collab:ethics_case_answers", args=[case.pk])
    assert "There is version 2" in lead.get(answers_url).content.decode()
    assert lead.post(reverse("collab:ethics_case_carry", args=[case.pk])).url == answers_url
    lead.get(answers_url)  # with what the act before it says
    assert lead.get(answers_url).content.decode().count("new in this version") == 1
    old = lead.post(answers_url, {"q_aim": "X", "number": 1, "version": fresh(case).version})
    assert old.status_code == 409


def test_a_self_assessment_shows_its_scores(panel):
    load_forms()
    form = EthicsForm.objects.get(code="trustworthy-ai")
    lead = signed_in(panel.joint.lead)
    begin = reverse("collab:ethics_assessment_new", args=[panel.joint.project.slug])
    assert lead.post(begin, {"form": form.pk}).status_code == 302
    row = EthicsAssessment.objects.get()
    fields = {f"q_{q['key']}": "1" if q["type"] == "scale" else "false" for q in row.questions}
    half = lead.post(row.get_absolute_url(), {"number": 1, "version": row.version, "submit": "1"})
    assert half.status_code == 422
    sent = fields | {"number": 1, "version": hidden(half, "version"), "submit": "1"}
    assert lead.post(row.get_absolute_url(), sent).status_code == 302
    page = lead.get(row.get_absolute_url(), headers={"Accept-Language": "zh-hans"}).content.decode()
    assert fresh(row).state == "done"
    assert "0 %" in page


def test_the_api_writes_and_decides(panel):
    lead, chair = api(panel.joint.lead), api(panel.chair)
    kind = "application/json"
    made = lead.post(
        "/api/v1/ethics-cases/",
        {"project": panel.joint.project.slug, "committee": str(panel.committee.pk), "form": "own", "title": "Letters"},
        kind,
    )
    assert made.status_code == 201, made.content
    url = f"/api/v1/ethics-cases/{made.json()['id']}/"
    sent = {"answers": FULL, "form_version": 2}
    assert lead.patch(url, sent, kind).status_code == 428
    match = {"If-Match": made["ETag"]}
    assert lead.patch(url, sent, kind, headers=match).status_code == 409
    assert lead.patch(url, sent | {"form_version": 1}, kind, headers=match).status_code == 200
    assert lead.patch(url, sent | {"form_version": 1}, kind, headers=match).status_code == 412
    assert chair.get(url).status_code == 404
    told = lead.post(f"{url}submit/", {"form_version": 1}, kind).json()
    assert (told["route"], told["reasons"][0]["code"]) == ("full", "minors")
    early = {"decision": "approved", "valid_until": day(9).isoformat(), "blocks": ["jobs"]}
    missing = chair.post(f"{url}decide/", early, kind)
    assert (missing.status_code, missing.json()["missing"][0]["code"]) == (409, "too_few_reviews")
    [review] = chair.post(f"{url}assign/", {"reviewers": [str(panel.reviewers[0].pk)]}, kind).json()
    mine = api(panel.reviewers[0])
    review_url = f"/api/v1/ethics-reviews/{review['id']}/"
    tag = {"If-Match": mine.get(review_url)["ETag"]}
    assert lead.get(review_url).status_code == 404
    assert (
        mine.post(f"{review_url}submit/", {"opinion": "favour", "text": "Yes."}, kind, headers=tag).status_code == 200
    )
    condition = {"text": "Mask.", "blocks": ["jobs"], "due_on": day(3).isoformat()}
    sent = early | {"decision": "approved_with_conditions", "conditions": [condition]}
    many = chair.post(f"{url}decide/", sent | {"conditions": [condition] * 11}, kind)
    assert (many.status_code, many.json()["field"]) == (422, "conditions")
    done = chair.post(f"{url}decide/", sent, kind).json()
    assert (done["state"], done["conditions"][0]["met"], done["conditions"][0]["blocks_now"]) == (
        "approved",
        False,
        False,
    )
    figures = chair.get(f"/api/v1/ethics-committees/{panel.committee.pk}/figures/").json()
    assert figures["states"] == {"approved": 1}
    assert figures["turnaround"][1]["decided"] == 1
    wrong = lead.get("/api/v1/decide/", {"word": "job.submit", "type": "project", "id": panel.joint.project.slug})
    assert wrong.json()["allowed"] is True


def test_lists_ask_the_same_number_of_queries(panel):
    def counted(client: Client, url: str) -> int:
        client.get(url)
        with CaptureQueriesContext(
            connection,
        ) as context:
            assert client.get(url).status_code == 200
        return len(context)

    lead, chair, token = signed_in(panel.joint.lead), signed_in(panel.chair), api(panel.chair)
    reviewer, dashboard = signed_in(panel.reviewers[0]), panel.committee.get_absolute_url()
    places = [
        (lead, reverse("collab:project_ethics", args=[panel.joint.project.slug])),
        (lead, reverse("collab:ethics_forms")),
        (chair, dashboard),
        (chair, f"{dashboard}cases.csv?worklist=decided"),
        (reviewer, reverse("collab:ethics")),
        (token, "/api/v1/ethics-cases/"),
        (token, "/api/v1/ethics-reviews/"),
        (token, "/api/v1/ethics-forms/"),
        (token, f"/api/v1/ethics-committees/{panel.committee.pk}/figures/"),
        (api(panel.joint.lead), "/api/v1/ethics-assessments/"),
    ]
    case = panel.reviewed(panel.case())
    decide_case(case=case, decision="rejected", reason="No.", by=panel.chair)
    waits = panel.case()
    assign(case=waits, reviewers=panel.reviewers[:1], by=panel.chair)
    own = {"project": waits.project, "form_version": waits.form_version, "begun_by": waits.begun_by}
    EthicsAssessment.objects.create(**own)
    before = [counted(*place) for place in places]
    now = timezone.now()
    facts = own | {"committee": waits.committee, "route": "full", "submitted_by": waits.begun_by, "submitted_at": now}
    done = facts | {"state": "rejected", "decided_by": panel.chair, "decided_at": now, "first_decided_at": now}
    more = [EthicsCase(title=f"Case {n}", **(facts | {"state": "submitted"} if n % 2 else done)) for n in range(12)]
    for row in EthicsCase.objects.bulk_create(more):
        EthicsReview.objects.create(case=row, reviewer=panel.reviewers[0], round=1, due_on=day(3))
    EthicsAssessment.objects.bulk_create(EthicsAssessment(**own) for _n in range(5))
    forms = [EthicsForm(code=f"f-{n}", name=f"F {n}", purpose="review", organisation=panel.joint.university)
             for n in range(5)]  # fmt: skip
    EthicsForm.objects.bulk_create(forms)
    assert [counted(*place) for place in places] == before
