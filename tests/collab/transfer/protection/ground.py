"""What tests of protection stand on: a decided case of a university with an officer."""

from __future__ import annotations

from datetime import date, timedelta

from django.utils import timezone

from collab.access.roles import Role
from collab.accounts.models import User
from collab.agreements.services import draft_agreement, draft_version, send_for_signature, sign_version
from collab.transfer.models import CaseStage, Disclosure, Offer, Protection, TransferCase
from collab.transfer.protection.offering import publish_offer, write_offer
from collab.transfer.protection.services import add_protection, begin_family
from tests.cast import Joint, employ, person


def day(number: int) -> date:
    return timezone.localdate() + timedelta(days=number)


def officer_of(joint: Joint, name: str = "Officer") -> User:
    return employ(person(name), joint.university, Role.TRANSFER_OFFICER)


def case_of(joint: Joint, *, docket: str = "RU-1", disclosed_on: date | None = None, **facts: object) -> TransferCase:
    """A case that the office has decided to protect."""
    case = TransferCase.objects.create(
        organisation=joint.university,
        docket=docket,
        state="decided",
        decision="protect",
        decided_by=joint.lead,
        decided_at=timezone.now(),
        disclosed_on=disclosed_on or day(-30),
        created_by=joint.researcher,
        **facts,
    )
    Disclosure.objects.create(
        case=case,
        kind="patentable",
        title="Gripper that learns",
        summary="It grips.",
        description="A ring of magnets is driven by a learnt policy of three layers.",
    )
    CaseStage.objects.create(case=case, state="decided", entered_at=timezone.now())
    return case


def member(case: TransferCase, by: User, kind: str = "national", **facts: object) -> Protection:
    family = case.families.first() or begin_family(case=case, title="Gripper", by=by)
    facts.setdefault("jurisdiction", "WO" if kind == "pct" else "US")
    return add_protection(family=family, kind=kind, by=by, **facts)


def offer_of(case: TransferCase, by: User, **facts: object) -> Offer:
    facts = {"title": "A gripper for soft fruit", "text": "It picks fruit without bruises.", "contact": by} | facts
    offer = write_offer(case=case, by=by, more="Three layers of 64 neurons.", **facts)
    return publish_offer(offer=offer, by=by)


def bind(joint: Joint, *, kind: str = "nda", reference: str = "NDA-1") -> object:
    """An agreement in force between the university and the company."""
    agreement = draft_agreement(
        project=joint.project, reference=reference, kind=kind, title="Confidence", by=joint.lead
    )
    version = draft_version(agreement=agreement, text="Keep it.", effective_on=day(-1), by=joint.lead)
    version = send_for_signature(version=version, by=joint.lead)
    for signer, party in (
        (joint.university_signatory, joint.university),
        (joint.company_signatory, joint.company),
    ):
        version = sign_version(
            version=version, party=party, typed_name=signer.name, capacity="Director",
            document_sha256=version.document_sha256, by=signer,
        )  # fmt: skip
    return version
