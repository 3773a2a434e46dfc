"""Verbs on agreements: drafted, sent, signed exactly once by each party, sealed once, ended."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone

from collab.access.policy import allowed, can, decide
from collab.access.roles import Role
from collab.accounts.models import Membership, Organisation
from collab.agreements.models import Agreement, AgreementVersion, Signature
from collab.agreements.sealing import ensure_sealed
from collab.agreements.services import (
    CoverageTerm,
    draft_agreement,
    draft_version,
    parties_to_sign_for,
    send_for_signature,
    sign_version,
    suspend_version,
    terminate_version,
    withdraw_version,
)
from collab.audit.models import AuditEvent
from collab.inbox.models import Request
from collab.kernel.errors import ConflictError, ExpiredError, InvalidError, NotFoundError, RefusedError
from collab.projects.services import add_party, leave_party
from tests.cast import employ, organisation, person

pytestmark = pytest.mark.django_db


def acts(verb: str) -> int:
    return AuditEvent.objects.filter(verb=verb).count()


@pytest.fixture
def agreement(aurora) -> Agreement:
    return draft_agreement(project=aurora.project, reference="DUA-1", kind="data_use", title="Data", by=aurora.lead)


@pytest.fixture
def draft(agreement, aurora) -> AgreementVersion:
    return version_of(agreement, aurora)


@pytest.fixture
def out(draft, aurora) -> AgreementVersion:
    return send_for_signature(version=draft, by=aurora.lead)


def version_of(agreement, aurora, **fields) -> AgreementVersion:
    given = {"text": "We may.", "effective_on": timezone.localdate() - timedelta(days=1), "by": aurora.lead}
    coverage = [CoverageTerm(p, "training") for p in (aurora.university, aurora.company)]
    return draft_version(agreement=agreement, **({"coverage": coverage} | given | fields))


def sign(version, signer, party, **fields) -> AgreementVersion:
    given = {"typed_name": signer.name, "capacity": "Director", "document_sha256": version.document_sha256}
    return sign_version(version=version, party=party, by=signer, **(given | fields))


def sign_both(version, aurora) -> AgreementVersion:
    sign(version, aurora.university_signatory, aurora.university)
    signed = sign(version, aurora.company_signatory, aurora.company)
    aurora.accept(signed)
    return signed


# --- drafting
def test_a_draft_names_the_parties_of_the_project(draft, aurora):
    assert (draft.number, draft.state, draft.document_sha256) == (1, "draft", "")
    assert {p.organisation for p in draft.parties.all()} == {aurora.university, aurora.company}
    assert acts("agreement.draft") == 1 and acts("agreement.draft_version") == 1


def test_drafting_an_agreement_is_refused(aurora, agreement, borealis):
    given = {"project": aurora.project, "reference": "DUA-2", "kind": "data_use", "title": "Data"}
    with pytest.raises(RefusedError):
        draft_agreement(**given, by=aurora.researcher)
    with pytest.raises(NotFoundError):
        draft_agreement(**given, by=borealis.lead)
    for wrong, field in (
        ({"kind": "poem"}, "kind"),
        ({"reference": "DUA-1"}, "reference"),
        ({"reference": ""}, "reference"),
        ({"title": "\u202e"}, "title"),
    ):
        with pytest.raises(InvalidError) as error:
            draft_agreement(**(given | wrong), by=aurora.lead)
        assert error.value.field == field
    assert Agreement.objects.count() == 1 and acts("agreement.draft") == 1


def test_drafting_a_version_is_refused(aurora, borealis, agreement):
    stranger = organisation("Stranger")
    for wrong, field in (
        ({"text": "  "}, "text"),
        ({"text": "a\x00b"}, "text"),
        ({"expires_on": timezone.localdate() - timedelta(days=1)}, "expires_on"),
        ({"parties": [aurora.university, stranger]}, "parties"),
        ({"parties": [aurora.university, aurora.university]}, "parties"),
        ({"parties": []}, "parties"),
        ({"coverage": [CoverageTerm(stranger, "training")]}, "coverage"),
        ({"coverage": [CoverageTerm(aurora.company, "selling")]}, "coverage"),
        ({"coverage": [CoverageTerm(aurora.company, "training")] * 2}, "coverage"),
        ({"coverage": [CoverageTerm(aurora.company, "training", aurora.project.pk)]}, "coverage"),
        ({"coverage": [CoverageTerm(aurora.company, "training", borealis.dataset().pk)]}, "coverage"),
    ):
        with pytest.raises(InvalidError) as error:
            version_of(agreement, aurora, **wrong)
        assert error.value.field == field, wrong
    with pytest.raises(RefusedError):
        version_of(agreement, aurora, by=aurora.engineer)
    assert not AgreementVersion.objects.exists() and acts("agreement.draft_version") == 0


def test_one_version_is_in_progress_at_a_time(draft, agreement, aurora):
    with pytest.raises(ConflictError):
        version_of(agreement, aurora)
    send_for_signature(version=draft, by=aurora.lead)
    with pytest.raises(ConflictError):
        version_of(agreement, aurora)
    withdraw_version(version=draft, by=aurora.lead)
    assert version_of(agreement, aurora).number == 2


# --- sending
def test_sending_freezes_the_document(out, aurora):
    assert (out.state, out.document_sha256) == ("out_for_signature", out.document_hash())
    assert out.sent_at is not None and acts("agreement.send") == 1
    with pytest.raises(ConflictError):
        send_for_signature(version=out, by=aurora.lead)
    with pytest.raises(RefusedError):
        send_for_signature(version=out, by=aurora.researcher)


def test_one_party_agrees_with_nobody(agreement, aurora):
    alone = version_of(agreement, aurora, parties=[aurora.university], coverage=[])
    with pytest.raises(InvalidError), transaction.atomic():
        send_for_signature(version=alone, by=aurora.lead)
    assert AgreementVersion.objects.get().state == "draft" and acts("agreement.send") == 0


# --- signing
def test_the_last_signature_seals(out, aurora):
    dataset = aurora.dataset()
    assert parties_to_sign_for(aurora.company_signatory, out) == [aurora.company]
    first = sign(out, aurora.company_signatory, aurora.company)
    assert first.state == "out_for_signature" and not can(aurora.engineer, "dataset.train", dataset)
    assert parties_to_sign_for(aurora.company_signatory, first) == []
    sealed = sign(out, aurora.university_signatory, aurora.university)
    assert (sealed.state, sealed.executed_at is not None) == ("executed", True)
    aurora.accept(sealed)
    assert can(aurora.engineer, "dataset.train", dataset)
    assert (acts("agreement.sign"), acts("agreement.execute")) == (2, 1)
    signed = Signature.objects.get(party=aurora.company)
    assert (signed.signer, signed.typed_name, signed.document_sha256) == (
        aurora.company_signatory,
        aurora.company_signatory.name,
        out.document_sha256,
    )


def test_signing_twice_changes_nothing(out, aurora):
    for _ in range(2):
        sign(out, aurora.company_signatory, aurora.company)
    assert Signature.objects.count() == 1 and acts("agreement.sign") == 1
    sign(out, aurora.university_signatory, aurora.university)
    sign(out, aurora.university_signatory, aurora.university)
    assert acts("agreement.execute") == 1


def test_a_colleague_cannot_sign_again(out, aurora):
    sign(out, aurora.company_signatory, aurora.company)
    other = employ(person("Second Director"), aurora.company, Role.SIGNATORY)
    with pytest.raises(ConflictError):
        sign(out, other, aurora.company)
    assert Signature.objects.count() == 1


def test_who_may_sign(out, aurora, borealis):
    for somebody in (aurora.lead, aurora.engineer, aurora.university_signatory):
        with pytest.raises(RefusedError) as refused:
            sign(out, somebody, aurora.company)
        assert refused.value.missing[0].code == "not_signatory"
    with pytest.raises(NotFoundError):
        sign(out, borealis.company_signatory, borealis.company)
    with pytest.raises(InvalidError):  # not a party of this agreement
        sign(out, aurora.company_signatory, borealis.company)
    Membership.objects.filter(user=aurora.company_signatory).update(ends_at=timezone.now())
    with pytest.raises((RefusedError, NotFoundError)):
        sign(out, aurora.company_signatory, aurora.company)
    assert not Signature.objects.exists() and acts("agreement.sign") == 0


def test_a_token_cannot_sign(out, aurora):
    aurora.company_signatory.token = object()
    with pytest.raises((RefusedError, AttributeError)):
        sign(out, aurora.company_signatory, aurora.company)
    assert not Signature.objects.exists()


def test_what_was_shown_is_what_is_signed(out, aurora):
    with pytest.raises(ConflictError):
        sign(out, aurora.company_signatory, aurora.company, document_sha256="0" * 64)
    AgreementVersion.objects.filter(pk=out.pk).update(text="We may everything.")  # past every verb
    with pytest.raises(ConflictError):
        sign(out, aurora.company_signatory, aurora.company)
    assert not Signature.objects.exists()


@pytest.mark.parametrize("typed", ["", "Somebody Else", "aurora"])
def test_the_name_is_typed_in_full(out, aurora, typed):
    with pytest.raises(InvalidError) as error:
        sign(out, aurora.company_signatory, aurora.company, typed_name=typed)
    assert error.value.field == "typed_name"


def test_spaces_and_case_of_a_name_do_not_matter(out, aurora):
    name = f"  {aurora.company_signatory.name.upper().replace(' ', '   ')} "
    sign(out, aurora.company_signatory, aurora.company, typed_name=name)
    assert Signature.objects.count() == 1


def test_a_draft_a_withdrawn_and_an_expired_version_are_not_signed(agreement, draft, aurora):
    with pytest.raises(ConflictError):
        sign(draft, aurora.company_signatory, aurora.company)
    withdraw_version(version=draft, by=aurora.lead)
    with pytest.raises(ConflictError):
        sign(draft, aurora.company_signatory, aurora.company)
    short = version_of(agreement, aurora, expires_on=timezone.localdate() + timedelta(days=1))
    sent = send_for_signature(version=short, by=aurora.lead)
    with time_machine.travel(timezone.now() + timedelta(days=1), tick=False), pytest.raises(ExpiredError):
        sign(sent, aurora.company_signatory, aurora.company)
    assert not Signature.objects.exists()


def test_three_parties_sign(agreement, aurora):
    third = organisation("Third")
    add_party(project=aurora.project, organisation=third, by=aurora.lead)
    signatory = employ(person("Third Director"), third, Role.SIGNATORY)
    sent = send_for_signature(version=version_of(agreement, aurora), by=aurora.lead)
    assert sign_both(sent, aurora).state == "out_for_signature"
    assert sign(sent, signatory, third).state == "executed"


# --- a newer version, and the end
def test_a_newer_version_takes_over_when_it_is_sealed(agreement, out, aurora):
    dataset = aurora.dataset()
    sign_both(out, aurora)
    newer = version_of(agreement, aurora, coverage=[CoverageTerm(aurora.university, "training")])
    newer = send_for_signature(version=newer, by=aurora.lead)
    assert can(aurora.engineer, "dataset.train", dataset)  # the old one holds until then
    assert sign_both(newer, aurora).state == "executed"
    out.refresh_from_db()
    assert (out.state, out.ended_at is not None) == ("superseded", True)
    refused = decide(aurora.engineer, "dataset.train", dataset)
    assert [item.code for item in refused.missing] == ["agreement_amended"]


def test_terminating_stops_at_once(out, aurora):
    dataset = aurora.dataset()
    sign_both(out, aurora)
    with pytest.raises(RefusedError):
        terminate_version(version=out, by=aurora.researcher)
    terminate_version(version=out, by=aurora.company_signatory)  # a signatory may, on their own
    refused = decide(aurora.engineer, "dataset.train", dataset)
    assert [item.code for item in refused.missing] == ["agreement_terminated"]
    with pytest.raises(ConflictError):
        terminate_version(version=out, by=aurora.lead)
    with pytest.raises(ConflictError):
        withdraw_version(version=out, by=aurora.lead)
    assert acts("agreement.terminate") == 1


def test_withdrawing_keeps_what_was_signed(out, aurora):
    sign(out, aurora.company_signatory, aurora.company)
    with pytest.raises(RefusedError):
        withdraw_version(version=out, by=aurora.company_signatory)
    assert withdraw_version(version=out, by=aurora.lead).state == "withdrawn"
    assert Signature.objects.count() == 1 and acts("agreement.withdraw") == 1


def test_a_signature_and_its_act_are_one(out, aurora):
    before = AuditEvent.objects.count()
    with pytest.raises(RuntimeError), transaction.atomic():
        sign(out, aurora.company_signatory, aurora.company)
        raise RuntimeError
    assert not Signature.objects.exists() and AuditEvent.objects.count() == before


# --- whose an agreement is
def test_only_people_of_its_parties_end_it(agreement, aurora):
    third = organisation("Third")
    add_party(project=aurora.project, organisation=third, by=aurora.lead)
    signatory = employ(person("Third Director"), third, Role.SIGNATORY)
    sent = version_of(agreement, aurora, parties=[aurora.university, aurora.company])
    signed = sign_both(send_for_signature(version=sent, by=aurora.lead), aurora)

    for verb in (terminate_version, partial(suspend_version, reason="No.")):
        with pytest.raises(RefusedError) as refused:
            verb(version=signed, by=signatory)
        assert [item.code for item in refused.value.missing] == ["not_of_a_party"]
    assert "end" not in "".join(allowed(signatory, signed, "agreement.end"))
    assert terminate_version(version=signed, by=aurora.company_signatory).state == "terminated"


def test_two_amendments_of_one_agreement_are_not_both_sealed(agreement, out, aurora):
    sign_both(out, aurora)
    sent = []
    for number in (1, 2):
        amendment = draft_agreement(
            project=aurora.project, reference=f"AM-{number}", kind="amendment", title="More", amends=agreement,
            by=aurora.lead,
        )  # fmt: skip
        sent.append(send_for_signature(version=version_of(amendment, aurora), by=aurora.lead))
    assert sign_both(sent[0], aurora).state == "executed"
    sign(sent[1], aurora.university_signatory, aurora.university)
    with pytest.raises(ConflictError) as refused:
        sign(sent[1], aurora.company_signatory, aurora.company)
    assert refused.value.code == "amended_ended"
    assert AgreementVersion.objects.get(pk=sent[1].pk).state == "out_for_signature"


def test_what_a_party_was_to_sign_is_withdrawn_when_it_leaves(agreement, aurora):
    third = organisation("Third")
    party = add_party(project=aurora.project, organisation=third, by=aurora.lead)
    employ(person("Third Director"), third, Role.SIGNATORY)
    sent = send_for_signature(version=version_of(agreement, aurora), by=aurora.lead)
    assert Request.objects.open().filter(organisation=third, topic="agreement.signature").exists()

    leave_party(party=party, by=aurora.lead)

    assert AgreementVersion.objects.get(pk=sent.pk).state == "withdrawn"
    assert not Request.objects.open().filter(organisation=third).exists()


def test_the_names_of_the_parties_are_part_of_what_is_signed(agreement, out, aurora):
    sign(out, aurora.university_signatory, aurora.university)
    Organisation.objects.filter(pk=aurora.company.pk).update(name="Other Ltd")
    aurora.company.refresh_from_db()
    with pytest.raises(ConflictError) as refused:
        sign(out, aurora.company_signatory, aurora.company)
    assert refused.value.code == "renamed"

    withdraw_version(version=out, by=aurora.lead)
    again = send_for_signature(version=version_of(agreement, aurora), by=aurora.lead)
    assert again.names["parties"][str(aurora.company.pk)][0] == "Other Ltd"
    signed = sign_both(again, aurora)
    Organisation.objects.filter(pk=aurora.company.pk).update(name="Third Ltd")
    kept = AgreementVersion.objects.get(pk=signed.pk)
    assert kept.document_hash() == kept.document_sha256
    assert ensure_sealed(kept).sha256
