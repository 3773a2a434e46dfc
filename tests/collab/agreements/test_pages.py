"""Pages beside the signing: list, editing, negotiation, differences, guided terms, templates, background, steps."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from collab.access.roles import Role
from collab.agreements.approvals import ApprovalStep
from collab.agreements.background import BackgroundItem, declare_background
from collab.agreements.duties import DutyTerm
from collab.agreements.models import Agreement, AgreementVersion
from collab.agreements.services import draft_agreement, draft_version, negotiate_version, send_for_signature
from tests.cast import Joint, employ, person
from tests.pages import as_, queries, text

pytestmark = pytest.mark.django_db
PROPOSE = "?work=university&money=shared&use=exclusive&publish=yes&secrets=yes"


def drafted(joint: Joint, reference: str = "DUA-1", **changes) -> AgreementVersion:
    agreement = draft_agreement(project=joint.project, reference=reference, kind="nda", title="T", by=joint.lead)
    facts = {"text": "One.\nTwo.", "text_zh": "一。", "effective_on": timezone.localdate()}
    return draft_version(agreement=agreement, by=joint.lead, **facts | changes)


def url(version: AgreementVersion, act: str) -> str:
    return f"/agreements/{version.agreement_id}/v{version.number}/{act}/"


def filled(version: AgreementVersion, joint: Joint, **changes) -> dict:
    return {
        "text": version.text,
        "text_zh": version.text_zh,
        "effective_on": version.effective_on.isoformat(),
        "parties": [joint.university.pk, joint.company.pk],
        "edit": version.version,
    } | changes


@pytest.fixture
def registrar(aurora):
    return employ(person("Company Registrar"), aurora.company, Role.ORGANISATION_ADMIN)


# --- the list
def test_the_list_filters_by_kind_state_and_end(aurora, borealis):
    soon = timezone.localdate() + timedelta(days=20)
    aurora.cover(reference="DUA-9", expires_on=soon)
    drafted(aurora, "NDA-1")
    drafted(borealis, "SECRET-1")
    client = as_(aurora.observer)
    for query, expected in (
        ("", {"DUA-9", "NDA-1"}),
        ("?kind=nda", {"NDA-1"}),
        ("?state=executed", {"DUA-9"}),
        ("?ends=30", {"DUA-9"}),
        ("?ends=0", set()),
    ):
        page = text(client.get(f"/agreements/{query}"))
        assert {name for name in ("DUA-9", "NDA-1", "SECRET-1") if name in page} == expected, query


def test_more_agreements_take_no_more_queries(aurora):
    client = as_(aurora.lead)
    for number in range(2):
        send_for_signature(version=drafted(aurora, f"A-{number}"), by=aurora.lead)
    few = queries(client, "/agreements/")
    for number in range(2, 6):
        send_for_signature(version=drafted(aurora, f"A-{number}"), by=aurora.lead)
    assert queries(client, "/agreements/") == few


def test_the_page_says_what_happens_next_and_who(aurora):
    version = drafted(aurora, signing_order=[aurora.company, aurora.university], duties=[DutyTerm("Be silent")])
    client = as_(aurora.observer)
    assert "It is finished, laid before" in text(client.get(version.agreement.get_absolute_url()))
    send_for_signature(version=version, by=aurora.lead)
    page = text(client.get(version.agreement.get_absolute_url()))
    assert 'It is signed, or declined with a reason. <span class="muted">Northwind</span>' in page
    assert "Be silent" in page and "without end" in page


# --- editing and negotiating
def test_an_edit_is_saved_and_a_late_one_refused(aurora):
    version = drafted(aurora)
    client = as_(aurora.lead)
    form = filled(version, aurora, text="Three.", duties=f"{aurora.company.slug} | Return it / 返还 | 24 months")
    assert client.post(url(version, "edit"), form).status_code == 302
    version.refresh_from_db()
    duty = version.duties.get()
    assert (version.text, duty.party, duty.text_zh, duty.months) == ("Three.", aurora.company, "返还", 24)
    late = client.post(url(version, "edit"), form | {"text": "Late."})
    assert late.status_code == 412
    assert client.get(url(version, "edit")).context["form"]["duties"].value().endswith("| 24 months")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"duties": "nobody | D | 2 months"}, "duties"),
        ({"duties": "all | D | soon"}, "duties"),
        ({"signing_order": "nobody"}, "signing_order"),
        ({"auto_renews": "on"}, "expires_on"),
        ({"text": ""}, "text"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(aurora, wrong, field):
    version = drafted(aurora)
    response = as_(aurora.lead).post(url(version, "edit"), filled(version, aurora, **wrong))
    assert response.status_code == 422 and field in response.context["form"].errors


def test_a_sent_version_is_not_edited_by_any_page(aurora):
    version = send_for_signature(version=drafted(aurora), by=aurora.lead)
    client = as_(aurora.lead)
    assert client.post(url(version, "edit"), filled(version, aurora, text="Other.")).status_code == 409
    ip = {"edit": 1, "results_owner": "joint", "partner_right": "none", "background_access": "none"}
    ip |= {"background_condition": "fair", "results_access": "none", "results_condition": "fair"}
    assert client.post(url(version, "ip"), ip).status_code == 409
    assert client.post(url(version, "counter"), filled(version, aurora)).status_code == 409
    version.refresh_from_db()
    assert version.document_hash() == version.document_sha256


def test_the_other_party_answers_and_the_differences_show(aurora, registrar):
    version = negotiate_version(version=drafted(aurora), by=aurora.lead)
    client = as_(registrar)
    assert client.post(url(version, "comment"), {"text": "Two is too much."}).status_code == 302
    form = filled(version, aurora, text="One.\nThree.", governing_law="Scotland")
    response = client.post(url(version, "counter"), form, follow=True)
    page = text(response)
    assert "<del>Two.</del>" in page and "<ins>Three.</ins>" in page and "<ins>Scotland</ins>" in page
    assert Agreement.objects.get().versions.count() == 2


def test_suspending_and_declining_ask_for_the_reason(aurora):
    covered = aurora.cover(reference="DUA-9")
    client = as_(aurora.company_signatory)
    assert client.post(url(covered, "suspend"), {"reason": " "}).status_code == 422
    assert client.post(url(covered, "suspend"), {"reason": "An incident."}).status_code == 302
    assert "An incident." in text(client.get(covered.agreement.get_absolute_url()))
    assert client.post(url(covered, "resume")).status_code == 302
    out = send_for_signature(version=drafted(aurora), by=aurora.lead)
    assert client.post(url(out, "decline"), {"party": aurora.company.pk, "reason": "No cap."}).status_code == 302
    out.refresh_from_db()
    assert (out.state, out.reason) == ("withdrawn", "No cap.")


# --- guided terms
def test_questions_lead_to_terms_with_reasons_that_one_may_change(aurora):
    version = drafted(aurora)
    client = as_(aurora.lead)
    asked = client.get(url(version, "ip") + PROPOSE)
    form = asked.context["form"]
    assert form["partner_right"].value() == "option_licence" and form["publication_notice_days"].value() == 45
    assert "an option keeps it open" in text(asked)
    sent = {name: form[name].value() for name in form.fields if form[name].value() not in (None, False)}
    assert client.post(url(version, "ip"), sent | {"option_days": 30}).status_code == 302
    version.refresh_from_db()
    assert version.ip_terms.option_days == 30
    refused = client.post(url(version, "ip"), sent | {"edit": version.version, "option_days": ""})
    assert refused.status_code == 422 and "option_days" in refused.context["form"].errors


# --- templates
@pytest.fixture
def library(db):
    call_command("load_templates", verbosity=0)


def nda(joint: Joint, **changes) -> dict:
    return {
        "effective_on": timezone.localdate().isoformat(),
        "v_first_party": joint.university.pk,
        "v_second_party": joint.company.pk,
        "v_purpose": "letters {{ 7*7 }}",
        "v_exchange_months": "12",
        "v_secrecy_years": "5",
        "v_return_days": "30",
        "v_first_contact": "Ann",
        "v_second_contact": "Bo",
        "v_governing_law": "Scotland",
        "v_language_rule": "both",
    } | changes


def test_both_languages_are_written_from_the_same_answers(aurora, library):
    aurora.company.name_zh = "北风"
    aurora.company.save()
    agreement = draft_agreement(project=aurora.project, reference="N-1", kind="nda", title="T", by=aurora.lead)
    page = f"/agreements/{agreement.pk}/template/"
    response = as_(aurora.lead).post(page, nda(aurora))
    assert response.status_code == 302, response.context["form"].errors
    version = agreement.versions.get()
    assert "Northwind" in version.text and "北风" in version.text_zh
    assert "for 12 months" in version.text and "12 个月" in version.text_zh
    assert "letters {{ 7*7 }}" in version.text and "具有同等效力" in version.text_zh
    assert version.template_values["secrecy_years"] == 5 and version.template_version.number == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("v_secrecy_years", "0"),
        ("v_secrecy_years", "many"),
        ("v_language_rule", "french"),
        ("v_first_party", "0"),
        ("v_purpose", ""),
        ("v_purpose", "a\u202eb"),
    ],
)
def test_a_blank_that_is_wrong_is_told_at_its_field(aurora, library, name, value):
    agreement = draft_agreement(project=aurora.project, reference="N-1", kind="nda", title="T", by=aurora.lead)
    response = as_(aurora.lead).post(f"/agreements/{agreement.pk}/template/", nda(aurora, **{name: value}))
    assert response.status_code == 422 and name in response.context["form"].errors
    assert not AgreementVersion.objects.exists()


def test_templates_are_read_by_everybody(aurora, library):
    client = as_(aurora.observer)
    assert "Mutual non-disclosure agreement" in text(client.get("/agreements/templates/"))
    page = text(client.get("/agreements/templates/nda-mutual/"))
    assert "MUTUAL NON-DISCLOSURE AGREEMENT" in page and "双方保密协议" in page
    assert {"a text", "a number", "a party", "one of several"} <= set(re.findall(r'row-end muted">([^<]+)<', page))


# --- background and steps
def test_the_register_of_a_project(aurora, registrar):
    page = f"/projects/{aurora.project.slug}/background/"
    client = as_(registrar)
    form = {
        "owner": aurora.company.pk,
        "title": "Parser",
        "usable_in_project": "on",
        "reference": "https://x.example/1",
    }
    assert client.post(page, form).status_code == 302
    assert client.post(page, form).status_code == 422  # declared already
    item = BackgroundItem.objects.get()
    shown = text(as_(aurora.observer).get(page))
    assert "Parser" in shown and "Declare an item" not in shown
    edit = {"title": "Parser 2", "edit": 1, "usable_in_project": "on"}
    assert client.post(f"/background/{item.pk}/edit/", edit).status_code == 302
    assert client.post(f"/background/{item.pk}/edit/", edit).status_code == 412
    assert client.post(f"/background/{item.pk}/withdraw/").status_code == 302
    item.refresh_from_db()
    assert (item.title, item.withdrawn_on) == ("Parser 2", timezone.localdate())


def test_more_items_take_no_more_queries(aurora, registrar):
    page = f"/projects/{aurora.project.slug}/background/"
    given = {"project": aurora.project, "owner": aurora.company, "by": registrar}
    declare_background(title="A", **given)
    few = queries(as_(registrar), page)
    for name in "BCDE":
        declare_background(title=name, **given)
    assert queries(as_(registrar), page) == few


def test_steps_of_ones_organisation(aurora, registrar):
    client = as_(registrar)
    form = {"organisation": aurora.company.pk, "name": "Legal", "position": 1, "due_days": 5}
    assert client.post("/agreements/approval-steps/", form).status_code == 302
    wrong = client.post("/agreements/approval-steps/", form | {"name": "B", "receiver": "nobody@example.org"})
    assert "receiver" in wrong.context["form"].errors
    foreign = client.post("/agreements/approval-steps/", form | {"organisation": aurora.university.pk})
    assert foreign.status_code == 422
    step = ApprovalStep.objects.get()
    page = f"/agreements/approval-steps/{step.pk}/edit/"
    change = {"name": "Law", "name_zh": "法务", "position": 2, "due_days": 9, "receiver": "", "edit": step.version}
    assert "every kind" in text(client.get(page)) and as_(aurora.lead).get(page).status_code == 404
    assert "receiver" in client.post(page, change | {"receiver": aurora.lead.email}).context["form"].errors
    assert client.post(page, change).status_code == 302
    stale = client.post(page, change | {"name": "Finance"})
    step.refresh_from_db()
    assert (step.name, step.position, step.due_days, step.version) == ("Law", 2, 9, 2)
    assert stale.status_code == 412 and "Step: now “Law”, you wrote “Finance”" in text(stale)
    assert as_(aurora.lead).post(f"/agreements/approval-steps/{step.pk}/retire/").status_code == 404
    assert client.post(f"/agreements/approval-steps/{step.pk}/retire/").status_code == 302
    assert "Law" not in text(client.get("/agreements/approval-steps/"))
    assert client.post(page, change | {"edit": 3}).status_code == 409  # it is out of use


def test_title_and_confidentiality_change_until_a_version_is_sent(aurora, registrar):
    version = drafted(aurora)
    page = f"/agreements/{version.agreement_id}/edit/"
    client, change = as_(aurora.lead), {"title": "Price list", "title_zh": "价目表", "confidential": "on", "edit": 1}
    assert page in client.get(f"/agreements/{version.agreement_id}/").content.decode()
    assert client.post(page, change).status_code == 302
    stale = client.post(page, change | {"title": "Other"})
    assert stale.status_code == 412 and "Title: now “Price list”, you wrote “Other”" in text(stale)
    agreement = Agreement.objects.get(pk=version.agreement_id)
    assert (agreement.title, agreement.title_zh, agreement.confidential) == ("Price list", "价目表", True)
    assert as_(aurora.engineer).get(page).status_code in {403, 404}
    send_for_signature(version=version, by=aurora.lead)
    assert client.post(page, change | {"edit": agreement.version}).status_code == 409
    assert page not in client.get(f"/agreements/{version.agreement_id}/").content.decode()
