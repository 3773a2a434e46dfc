"""Which sentence a person reads when no agreement covers them: the one that names what to mend."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from collab.access.policy import can, decide
from collab.agreements.models import AgreementVersion
from collab.agreements.services import CoverageTerm, draft_agreement, draft_version, send_for_signature

pytestmark = pytest.mark.django_db


def missing(aurora, dataset, word="dataset.train") -> list[str]:
    return [item.code for item in decide(aurora.engineer, word, dataset).missing]


def test_none_then_a_draft_then_unsigned_then_in_force(aurora):
    dataset = aurora.dataset()
    assert missing(aurora, dataset) == ["no_agreement"]
    agreement = draft_agreement(
        project=aurora.project, reference="DUA-1", kind="data_use", title="Data", by=aurora.lead
    )
    coverage = [CoverageTerm(aurora.company, "training")]
    version = draft_version(
        agreement=agreement, text="t", effective_on=timezone.localdate(), by=aurora.lead, coverage=coverage
    )
    assert missing(aurora, dataset) == ["agreement_draft"]
    send_for_signature(version=version, by=aurora.lead)
    assert missing(aurora, dataset) == ["agreement_unsigned"]
    sentence = str(decide(aurora.engineer, "dataset.train", dataset).missing[0].sentence)
    assert "DUA-1" in sentence and "Northwind" in sentence and "Riverside" in sentence
    AgreementVersion.objects.update(state="executed", executed_at=timezone.now())
    assert missing(aurora, dataset) == ["acceptance"]
    aurora.accept(AgreementVersion.objects.get(), aurora.engineer)
    assert missing(aurora, dataset) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"effective_on": timedelta(days=1)}, "agreement_not_begun"),
        ({"expires_on": timedelta(0)}, "agreement_expired"),
        ({"state": "terminated", "ended_at": timezone.now()}, "agreement_terminated"),
        ({"state": "superseded"}, "agreement_amended"),
        ({"state": "withdrawn"}, "no_agreement"),
    ],
)
def test_what_stands_in_the_way(aurora, change, code):
    dataset = aurora.dataset()
    aurora.cover(reference="DUA-1")
    today = timezone.localdate()
    values = {k: today + v if isinstance(v, timedelta) else v for k, v in change.items()}
    AgreementVersion.objects.update(**values)
    assert missing(aurora, dataset) == [code]


def test_coverage_of_one_dataset_covers_only_that(aurora):
    first, second = aurora.dataset(name="First"), aurora.dataset(name="Second")
    version = aurora.cover(reference="DUA-1")
    version.coverage.update(asset_id=first.pk)
    assert can(aurora.engineer, "dataset.train", first) and not can(aurora.engineer, "dataset.train", second)


def test_coverage_of_one_purpose_covers_only_that(aurora):
    dataset = aurora.dataset()
    aurora.cover(reference="DUA-1", purposes=("data_access",))
    assert can(aurora.engineer, "dataset.read", dataset) and not can(aurora.engineer, "dataset.train", dataset)


def test_coverage_of_another_project_covers_nothing_here(aurora, borealis):
    dataset = aurora.dataset()
    borealis.cover(reference="DUA-9")
    assert missing(aurora, dataset) == ["no_agreement"]


def test_the_owner_reads_without_an_agreement_but_does_not_train(aurora):
    dataset = aurora.dataset()  # contributed by the university
    assert can(aurora.researcher, "dataset.read", dataset) and not can(aurora.researcher, "dataset.train", dataset)
    assert not can(aurora.engineer, "dataset.read", dataset)


def test_the_nearest_agreement_is_named(aurora):
    dataset = aurora.dataset()
    expired = aurora.cover(reference="OLD-1")
    AgreementVersion.objects.filter(pk=expired.pk).update(expires_on=timezone.localdate())
    draft_agreement(project=aurora.project, reference="NEW-1", kind="data_use", title="Data", by=aurora.lead)
    assert missing(aurora, dataset) == ["agreement_expired"]
