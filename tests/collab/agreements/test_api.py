"""Agreements over the API: written, changed with If-Match, negotiated, compared, suspended, ended."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from collab.access.policy import decide
from collab.access.roles import Role
from collab.agreements.models import Agreement, AgreementVersion
from collab.agreements.services import draft_agreement, draft_version
from tests.cast import employ, person, token_for

pytestmark = pytest.mark.django_db
TERMS = {"results_owner": "university", "partner_right": "option_licence", "option_days": 90, "negotiation_days": 60}


def api(user) -> Client:
    return Client(headers={"Authorization": f"Bearer {token_for(user)}"})


def post(client, path: str, body: dict, **headers):
    return client.post(f"/api/v1/{path}", body, "application/json", headers=headers)


def patch(client, path: str, body: dict, etag: str = ""):
    return client.patch(f"/api/v1/{path}", body, "application/json", headers={"If-Match": etag} if etag else {})


@pytest.fixture
def agreement(aurora) -> Agreement:
    return draft_agreement(project=aurora.project, reference="A-1", kind="nda", title="T", by=aurora.lead)


@pytest.fixture
def version(aurora, agreement) -> AgreementVersion:
    return draft_version(agreement=agreement, text="One.", effective_on=timezone.localdate(), by=aurora.lead)


def test_a_version_is_written_whole_and_read_back(aurora, agreement):
    body = {
        "text": "One.",
        "effective_on": "2026-01-01",
        "expires_on": "2027-01-01",
        "auto_renews": True,
        "renewal_months": 12,
        "notice_days": 30,
        "governing_law": "Scotland",
        "signing_order": [aurora.company.slug, aurora.university.slug],
        "coverage": [{"party": aurora.company.slug, "purpose": "training"}],
        "ip": TERMS,
        "duties": [{"text": "Be silent", "party": aurora.company.slug, "months": 24}],
    }
    made = post(api(aurora.lead), f"agreements/{agreement.pk}/versions/", body)
    assert made.status_code == 201, made.json()
    read = api(aurora.engineer).get(f"/api/v1/agreement-versions/{made.json()['id']}/").json()
    assert read["signing_order"] == [aurora.company.slug, aurora.university.slug]
    assert read["ip"]["option_days"] == 90 and read["duties"][0]["months"] == 24
    assert (read["notice_days"], read["governing_law"], read["document"]["format"]) == (30, "Scotland", 3)
    assert read["moves"] == ["edit", "submit", "negotiate", "send", "withdraw"]


def test_an_edit_says_what_it_was_made_from(aurora, version):
    client, path = api(aurora.lead), f"agreement-versions/{version.pk}/"
    etag = client.get(f"/api/v1/{path}")["ETag"]
    assert patch(client, path, {"text": "Two."}).status_code == 428
    changed = patch(client, path, {"text": "Two.", "ip": TERMS}, etag)
    assert changed.status_code == 200 and changed.json()["ip"]["option_days"] == 90
    assert patch(client, path, {"text": "Three."}, etag).status_code == 412
    kept = patch(client, path, {"governing_law": "Scotland"}, changed["ETag"]).json()
    assert (kept["text"], kept["ip"]["option_days"]) == ("Two.", 90)
    assert post(client, f"{path}send/", {}).status_code == 200
    late = client.get(f"/api/v1/{path}")["ETag"]
    assert patch(client, path, {"text": "Four."}, late).status_code == 409


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"ip": {"results_owner": "nobody"}}, 400),
        ({"ip": TERMS | {"option_days": 0}}, 422),
        ({"duties": [{"text": "D", "until": "2030-01-01", "months": 3}]}, 422),
        ({"effective_on": "9999-01-01"}, 400),
        ({"nonsense": 1}, 400),
        ({"auto_renews": True}, 422),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(aurora, version, body, status):
    client, path = api(aurora.lead), f"agreement-versions/{version.pk}/"
    response = patch(client, path, body, client.get(f"/api/v1/{path}")["ETag"])
    assert response.status_code == status, response.json()
    version.refresh_from_db()
    assert version.version == 1 and not hasattr(version, "ip_terms")


def test_the_other_party_answers_and_compares(aurora, version):
    registrar = employ(person("Company Registrar"), aurora.company, Role.ORGANISATION_ADMIN)
    path = f"agreement-versions/{version.pk}/"
    assert post(api(aurora.lead), f"{path}negotiate/", {}).json()["state"] == "negotiation"
    assert post(api(registrar), f"{path}comment/", {"text": "Too long."}).status_code == 201
    answer = post(api(registrar), f"{path}counter/", {"text": "Two.", "governing_law": "Scotland"})
    assert (answer.status_code, answer.json()["number"], answer.json()["proposed_by"]) == (201, 2, aurora.company.slug)
    differences = api(aurora.lead).get(f"/api/v1/agreement-versions/{answer.json()['id']}/differences/?number=1").json()
    assert "-One." in differences["text"] and "+Two." in differences["text"]
    assert differences["terms"] == [{"label": "Governing law", "before": "–", "after": "Scotland"}]


def test_from_a_template_each_blank_at_fault_is_named(aurora, agreement):
    call_command("load_templates", verbosity=0)
    body = {"template": "nda-mutual", "effective_on": "2026-01-01", "values": {"secrecy_years": "0", "colour": "red"}}
    refused = post(api(aurora.lead), f"agreements/{agreement.pk}/from-template/", body)
    assert refused.status_code == 422
    assert {"secrecy_years", "colour", "purpose"} <= {fault["path"] for fault in refused.json()["errors"]}
    detail = api(aurora.engineer).get("/api/v1/agreement-templates/nda-mutual/").json()
    assert [blank["name"] for blank in detail["blanks"]][:2] == ["first_party", "second_party"]


def test_suspended_resumed_and_ended_with_duties(aurora):
    version = aurora.cover(reference="DUA-9")
    client, path = api(aurora.lead), f"agreement-versions/{version.pk}/"
    assert post(client, f"{path}suspend/", {}).status_code == 400
    assert post(client, f"{path}suspend/", {"reason": "An incident."}).json()["state"] == "suspended"
    assert post(client, f"{path}resume/", {}).json()["state"] == "executed"
    ended = post(client, f"{path}terminate/", {"reason": "Done.", "duties": [{"text": "Return it", "months": 1}]})
    assert (ended.json()["state"], ended.json()["duties"][0]["added_at_end"]) == ("terminated", True)


def test_the_title_changes_until_a_version_is_sent(aurora, agreement, version):
    client, path = api(aurora.lead), f"agreements/{agreement.pk}/"
    etag = client.get(f"/api/v1/{path}")["ETag"]
    changed = patch(client, path, {"title": "Silence", "confidential": True}, etag)
    assert (changed.json()["title"], changed.json()["confidential"]) == ("Silence", True)
    assert patch(client, path, {"title": "Late"}, etag).status_code == 412
    post(client, f"agreement-versions/{version.pk}/send/", {})
    assert patch(client, path, {"title": "Later"}, changed["ETag"]).status_code == 409


def test_a_confidential_agreement_is_read_by_those_who_work_on_it(aurora, agreement, version):
    Agreement.objects.update(confidential=True)
    path = f"/api/v1/agreement-versions/{version.pk}/"
    expected = {aurora.lead: 200, aurora.company_signatory: 200, aurora.engineer: 404, aurora.observer: 404}
    assert {user: api(user).get(path).status_code for user in expected} == expected
    refused = decide(aurora.engineer, "agreement.view", version)
    assert [item.code for item in refused.missing] == ["agreement_confidential"]
    assert api(aurora.engineer).get("/api/v1/agreements/").json()["count"] == 0
    assert api(aurora.lead).get("/api/v1/agreements/").json()["count"] == 1


def test_background_and_steps(aurora):
    registrar = employ(person("Company Registrar"), aurora.company, Role.ORGANISATION_ADMIN)
    client = api(registrar)
    body = {"project": aurora.project.slug, "owner": aurora.company.slug, "title": "Parser"}
    made = post(client, "background/", body)
    assert made.status_code == 201 and post(client, "background/", body).status_code == 422
    path = f"background/{made.json()['id']}/"
    assert patch(client, path, {"restrictions": "None"}, made["ETag"]).json()["version"] == 2
    assert patch(client, path, {"restrictions": "Some"}, made["ETag"]).status_code == 412
    assert post(client, f"{path}withdraw/", {}).json()["withdrawn_on"] == timezone.localdate().isoformat()
    step = post(client, "approval-steps/", {"organisation": aurora.company.slug, "name": "Legal"})
    assert step.status_code == 201
    own = f"approval-steps/{step.json()['id']}/"
    assert patch(client, own, {"due_days": 3}, '"older"').status_code == 412
    step = patch(client, own, {"due_days": 3, "name": "Law"}, step["ETag"])
    assert (step.json()["name"], step.json()["due_days"]) == ("Law", 3)
    retired = post(client, f"{own}retire/", {}, **{"If-Match": step["ETag"]})
    assert retired.json()["is_active"] is False
