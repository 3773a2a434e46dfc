"""Pages of agreements."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from collab.agreements.models import AgreementVersion, Coverage
from collab.agreements.services import (
    CoverageTerm,
    draft_agreement,
    draft_version,
    send_for_signature,
    terminate_version,
)
from tests.cast import Joint
from tests.pages import as_, queries, text

pytestmark = pytest.mark.django_db


def drafted(joint: Joint, reference: str = "DUA-1", **changes) -> AgreementVersion:
    agreement = draft_agreement(
        project=joint.project, reference=reference, kind="data_use", title="Data use", by=joint.lead
    )
    facts = {
        "text": "The parties may use the data.",
        "text_zh": "双方可使用数据。",
        "effective_on": timezone.localdate(),
        "coverage": [CoverageTerm(joint.company, "training")],
    }
    return draft_version(agreement=agreement, by=joint.lead, **facts | changes)


def sent(joint: Joint, reference: str = "DUA-1") -> AgreementVersion:
    return send_for_signature(version=drafted(joint, reference), by=joint.lead)


def url(version: AgreementVersion, act: str = "") -> str:
    page = f"/agreements/{version.agreement_id}/"
    return f"{page}v{version.number}/{act}/" if act else page


def signature(version: AgreementVersion, joint: Joint) -> dict:
    return {
        "party": joint.company.pk,
        "typed_name": joint.company_signatory.name,
        "capacity": "Director",
        "read": "on",
        "document_sha256": version.document_sha256,
    }


# --- reading
def test_the_page_says_what_it_lets_whom_do(aurora):
    dataset = aurora.dataset()
    version = drafted(aurora, coverage=[CoverageTerm(aurora.company, "training", dataset.pk)])
    page = text(as_(aurora.engineer).get(url(version)))
    assert "train models on the data" in page
    assert f'<a href="{dataset.get_absolute_url()}">Letters</a>' in page


def test_a_signatory_reads_the_name_of_the_data_without_a_way_in(aurora):
    dataset = aurora.dataset()
    version = drafted(aurora, coverage=[CoverageTerm(aurora.company, "training", dataset.pk)])
    page = text(as_(aurora.company_signatory).get(url(version)))
    assert "Letters" in page
    assert dataset.get_absolute_url() not in page


def test_each_reads_their_language_and_finds_the_other(aurora):
    version = drafted(aurora)
    aurora.engineer.language = "zh-hans"
    aurora.engineer.save()
    page = text(as_(aurora.engineer).get(url(version)))
    assert page.index("双方可使用数据。") < page.index("The parties may use the data.")


def test_an_expired_version_is_shown_as_expired(aurora):
    version = aurora.cover(reference="DUA-9", expires_on=timezone.localdate() + timedelta(days=1))
    assert "has expired" not in text(as_(aurora.lead).get(url(version)))
    AgreementVersion.objects.filter(pk=version.pk).update(expires_on=timezone.localdate())
    page = text(as_(aurora.lead).get(url(version)))
    assert "This agreement has expired" in page


def test_others_find_nothing(aurora, borealis):
    version = sent(aurora)
    for act in ("", "sign"):
        assert as_(borealis.company_signatory).get(url(version, act)).status_code == 404
    for act in ("send", "withdraw", "terminate"):
        assert as_(borealis.lead).post(url(version, act)).status_code == 404


def test_the_panel_names_who_still_has_to_sign(aurora):
    sent(aurora)
    page = text(as_(aurora.observer).get(f"/projects/{aurora.project.slug}/agreements/"))
    assert "Riverside University, Northwind" in page or "Northwind, Riverside University" in page
    assert "New agreement" not in page


def test_more_agreements_take_no_more_queries(aurora):
    client = as_(aurora.lead)
    panel = f"/projects/{aurora.project.slug}/agreements/"
    for number in range(2):
        sent(aurora, f"A-{number}")
    few = queries(client, panel)
    for number in range(2, 6):
        sent(aurora, f"A-{number}")
    assert queries(client, panel) == few


def test_more_versions_take_no_more_queries(aurora):
    first = aurora.cover(reference="DUA-1")
    client = as_(aurora.lead)

    def amend() -> None:
        terminate_version(version=AgreementVersion.objects.filter(state="executed").get(), by=aurora.lead)
        version = draft_version(agreement=first.agreement, text="T", effective_on=timezone.localdate(), by=aurora.lead)
        AgreementVersion.objects.filter(pk=version.pk).update(
            state="executed", executed_at=timezone.now(), document_sha256="0" * 64
        )

    amend()
    few = queries(client, url(first))
    for _ in range(4):
        amend()
    assert queries(client, url(first)) == few


# --- drafting
def test_an_agreement_begins_and_goes_on_to_its_text(aurora):
    form = {"reference": "NDA-3", "kind": "nda", "title": "Silence"}
    response = as_(aurora.lead).post(f"/projects/{aurora.project.slug}/agreements/new/", form)
    assert response.status_code == 302
    assert response.url.endswith("/draft/")


def test_a_taken_reference_is_told_at_its_field(aurora):
    drafted(aurora, "DUA-1")
    form = {"reference": "DUA-1", "kind": "nda", "title": "Silence"}
    response = as_(aurora.lead).post(f"/projects/{aurora.project.slug}/agreements/new/", form)
    assert response.status_code == 422
    assert "is taken" in str(response.context["form"]["reference"].errors)


def test_a_draft_covers_exactly_what_was_ticked(aurora):
    dataset = aurora.dataset()
    agreement = draft_agreement(project=aurora.project, reference="DUA-1", kind="data_use", title="T", by=aurora.lead)
    form = {
        "text": "We share.",
        "effective_on": timezone.localdate().isoformat(),
        "parties": [aurora.university.pk, aurora.company.pk],
        "coverage": [f"{aurora.company.pk}|training|{dataset.pk}", f"{aurora.university.pk}|data_access|all"],
    }
    response = as_(aurora.lead).post(f"/agreements/{agreement.pk}/draft/", form)
    assert response.status_code == 302
    rows = Coverage.objects.values_list("party__name", "purpose", "asset_id")
    assert set(rows) == {("Northwind", "training", dataset.pk), ("Riverside University", "data_access", None)}


@pytest.mark.parametrize("value", ["nonsense", "a|b|c", "||"])
def test_a_box_that_is_not_on_the_page_is_refused(aurora, value):
    agreement = draft_agreement(project=aurora.project, reference="DUA-1", kind="data_use", title="T", by=aurora.lead)
    form = {"text": "T", "effective_on": "2026-01-01", "parties": [aurora.university.pk], "coverage": [value]}
    response = as_(aurora.lead).post(f"/agreements/{agreement.pk}/draft/", form)
    assert response.status_code == 422
    assert "coverage" in response.context["form"].errors


def test_data_of_another_project_cannot_be_covered(aurora, borealis):
    theirs = borealis.dataset()
    agreement = draft_agreement(project=aurora.project, reference="DUA-1", kind="data_use", title="T", by=aurora.lead)
    form = {
        "text": "T",
        "effective_on": "2026-01-01",
        "parties": [aurora.university.pk, aurora.company.pk],
        "coverage": [f"{aurora.company.pk}|training|{theirs.pk}"],
    }
    assert as_(aurora.lead).post(f"/agreements/{agreement.pk}/draft/", form).status_code == 422
    assert not Coverage.objects.exists()


def test_dates_the_wrong_way_round_are_told_at_their_field(aurora):
    agreement = draft_agreement(project=aurora.project, reference="DUA-1", kind="data_use", title="T", by=aurora.lead)
    form = {
        "text": "T",
        "effective_on": "2026-03-01",
        "expires_on": "2026-02-01",
        "parties": [aurora.university.pk, aurora.company.pk],
    }
    response = as_(aurora.lead).post(f"/agreements/{agreement.pk}/draft/", form)
    assert "would expire before it is in force" in str(response.context["form"]["expires_on"].errors)


def test_a_further_version_begins_with_the_words_of_the_last(aurora):
    version = aurora.cover(reference="DUA-1", purposes=("training",))
    form = as_(aurora.lead).get(f"/agreements/{version.agreement_id}/draft/").context["form"]
    ticked = [cell["value"] for row in form.grid() for cell in row["cells"] if cell["checked"]]
    assert form["text"].value() == version.text
    assert len(ticked) == 2


# --- signing
def test_both_parties_sign_and_it_is_in_force(aurora):
    version = sent(aurora)
    for signer, party in (
        (aurora.university_signatory, aurora.university),
        (aurora.company_signatory, aurora.company),
    ):
        page = as_(signer).get(url(version, "sign"))
        assert version.document_sha256 in text(page)
        form = signature(version, aurora) | {"party": party.pk, "typed_name": signer.name}
        response = as_(signer).post(url(version, "sign"), form, follow=True)
        assert response.status_code == 200
    version.refresh_from_db()
    assert version.state == "executed"
    assert "the agreement is in force" in text(response)


def test_both_texts_lie_open_to_whoever_signs(aurora):
    version = sent(aurora)
    assert '<details class="more" open>' in text(as_(aurora.company_signatory).get(url(version, "sign")))
    assert '<details class="more" open>' not in text(as_(aurora.company_signatory).get(url(version)))


def test_the_dashboard_asks_for_a_signature_once(aurora):
    version = sent(aurora)
    signatory = as_(aurora.company_signatory)
    lines = f"{text(signatory.get('/'))} {text(signatory.get('/inbox/waiting/'))}"
    assert lines.count(f"Sign {version.agreement}") == 1
    assert f"Sign {version.agreement}" in text(signatory.get("/inbox/"))


def test_the_page_shows_what_the_last_signature_does(aurora):
    version = sent(aurora)
    page = text(as_(aurora.company_signatory).get(url(version, "sign")))
    assert "Riverside University still has to sign" in page


@pytest.mark.parametrize(
    ("change", "field"),
    [({"typed_name": "Somebody Else"}, "typed_name"), ({"read": ""}, "read"), ({"capacity": ""}, "capacity")],
)
def test_a_signature_that_is_not_whole_is_told_at_its_field(aurora, change, field):
    version = sent(aurora)
    response = as_(aurora.company_signatory).post(url(version, "sign"), signature(version, aurora) | change)
    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert not version.signatures.exists()


def test_a_document_other_than_the_one_shown_is_not_signed(aurora):
    version = sent(aurora)
    form = signature(version, aurora) | {"document_sha256": "f" * 64}
    response = as_(aurora.company_signatory).post(url(version, "sign"), form)
    assert response.status_code == 409
    assert "not the one you were shown" in text(response)
    assert not version.signatures.exists()


def test_nobody_signs_for_the_other_party(aurora):
    version = sent(aurora)
    form = signature(version, aurora) | {"party": aurora.university.pk}
    assert as_(aurora.company_signatory).post(url(version, "sign"), form).status_code == 422
    assert not version.signatures.exists()


def test_a_lead_is_no_signatory(aurora):
    assert as_(aurora.lead).get(url(sent(aurora), "sign")).status_code == 403


def test_there_is_nothing_to_sign_twice(aurora):
    version = aurora.cover(reference="DUA-1")
    response = as_(aurora.company_signatory).get(url(version, "sign"), follow=True)
    assert "nothing here for you to sign" in text(response)


# --- sending, ending
def test_send_withdraw_and_terminate(aurora):
    client = as_(aurora.lead)
    version = drafted(aurora)
    for act, state in (("send", "out_for_signature"), ("withdraw", "withdrawn")):
        client.post(url(version, act))
        version.refresh_from_db()
        assert version.state == state
    executed = aurora.cover(reference="DUA-2", expires_on=timezone.localdate() + timedelta(days=400))
    page = url(executed, "terminate")
    sent = {"reason": "The work is done.", "duties": "all | Return the data / 返还数据 | 24 months", "word": "DUA-2"}
    for field in ("reason", "word"):
        client.post(page, sent | {field: ""})
        executed.refresh_from_db()
        assert executed.state == "executed"
    assert client.post(page, sent).status_code == 302
    executed.refresh_from_db()
    assert (executed.state, executed.reason) == ("terminated", "The work is done.")
    assert executed.duties.get(added_at_end=True).text_zh == "返还数据"


def test_an_act_that_came_too_late_is_told_on_the_page(aurora):
    version = sent(aurora)
    response = as_(aurora.lead).post(url(version, "send"), follow=True)
    assert response.status_code == 200
    assert "is not possible" in text(response)


def test_a_member_without_the_right_neither_sends_nor_ends(aurora):
    version = drafted(aurora)
    for act in ("send", "withdraw", "terminate"):
        assert as_(aurora.engineer).post(url(version, act)).status_code == 403
