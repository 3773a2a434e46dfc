"""What the tables of agreements refuse by themselves, and what exactly is signed."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from collab.agreements.models import Agreement, AgreementParty, AgreementVersion, Coverage, Signature

pytestmark = pytest.mark.django_db


def refused(make) -> str:
    with pytest.raises(IntegrityError) as error, transaction.atomic():
        make()
    return str(error.value)


@pytest.fixture
def agreement(aurora) -> Agreement:
    return Agreement.objects.create(
        project=aurora.project, reference="A-1", kind="nda", title="A", created_by=aurora.lead
    )


def version(agreement, **fields) -> AgreementVersion:
    given = {"number": 1, "text": "t", "effective_on": date(2026, 1, 1), "created_by": agreement.created_by}
    return AgreementVersion.objects.create(agreement=agreement, **(given | fields))


def test_constraints(agreement):
    assert "agreement_version_expires_after_start" in refused(lambda: version(agreement, expires_on=date(2026, 1, 1)))
    for state in ("out_for_signature", "executed", "superseded", "terminated"):
        assert "agreement_version_hash_once_sent" in refused(
            lambda state=state: version(agreement, state=state, executed_at=timezone.now())
        )
    assert "agreement_version_executed_at" in refused(
        lambda: version(agreement, state="executed", document_sha256="0" * 64)
    )
    version(agreement)
    assert refused(lambda: version(agreement))  # the number is taken


def test_one_version_is_in_force(agreement):
    executed = {"state": "executed", "document_sha256": "0" * 64, "executed_at": timezone.now()}
    version(agreement, **executed)
    assert refused(lambda: version(agreement, number=2, **executed))
    version(agreement, number=2, **(executed | {"state": "superseded"}))


def test_a_party_signs_once_and_is_named_once(agreement, aurora):
    made = version(agreement)
    AgreementParty.objects.create(version=made, organisation=aurora.company)
    assert refused(lambda: AgreementParty.objects.create(version=made, organisation=aurora.company))
    signed = {"version": made, "party": aurora.company, "capacity": "c", "typed_name": "n", "document_sha256": "0"}
    Signature.objects.create(signer=aurora.company_signatory, **signed)
    assert refused(lambda: Signature.objects.create(signer=aurora.lead, **signed))
    covered = {"version": made, "party": aurora.company, "purpose": "training"}
    Coverage.objects.create(**covered)
    assert refused(lambda: Coverage.objects.create(**covered))  # also where no asset is named


def test_what_is_signed_is_every_part_of_it(agreement, aurora):
    made = version(agreement)
    AgreementParty.objects.create(version=made, organisation=aurora.company)
    hashes = [made.document_hash()]
    assert made.document_hash() == hashes[0]
    for change in (
        {"text": "u"},
        {"text_zh": "中"},
        {"effective_on": date(2026, 1, 2)},
        {"expires_on": date(2027, 1, 1)},
    ):
        for name, value in change.items():
            setattr(made, name, value)
        hashes.append(made.document_hash())
    AgreementParty.objects.create(version=made, organisation=aurora.university)
    hashes.append(made.document_hash())
    term = Coverage.objects.create(version=made, party=aurora.company, purpose="training")
    hashes.append(made.document_hash())
    Coverage.objects.filter(pk=term.pk).update(asset_id=aurora.project.pk)
    hashes.append(AgreementVersion.objects.get(pk=made.pk).document_hash())
    assert len(set(hashes)) == len(hashes)


def test_in_force_from_the_first_day_to_the_day_before_the_last(agreement):
    made = version(
        agreement,
        state="executed",
        document_sha256="0" * 64,
        executed_at=timezone.now(),
        effective_on=date(2026, 5, 1),
        expires_on=date(2026, 5, 3),
    )
    noon = timezone.now().replace(year=2026, month=5, day=1, hour=12)
    for days, in_force in ((-1, False), (0, True), (1, True), (2, False)):
        at = noon + timedelta(days=days)
        assert AgreementVersion.objects.in_force(at).filter(pk=made.pk).exists() is in_force, days
