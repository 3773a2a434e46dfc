"""What is decided for many people at once is what is decided for each of them."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from collab.access.many import decide_each
from collab.access.policy import SCOPES, decide
from collab.access.roles import ORGANISATION_ROLES, PROJECT_ROLES, WORDS
from collab.accounts.models import Membership, Organisation, User
from collab.agreements.models import AgreementVersion, Coverage, Purpose
from collab.projects.models import Project, ProjectParty
from collab.terms.models import TermsAcceptance
from registry.datasets.models import Dataset, DatasetVersion
from tests.cast import organisation, person

pytestmark = pytest.mark.django_db


def in_order(model):
    """Keys as the rows were made, so that the lots fall alike every time."""
    return list(model.objects.order_by("created_at").values_list("pk", flat=True))


@pytest.fixture
def crowd(aurora, borealis):
    """People with roles, parties, terms and acceptances drawn by lot, on both projects."""
    chance = random.Random(7)
    now, today = timezone.now(), timezone.localdate()
    orgs = [aurora.university, aurora.company, borealis.university, borealis.company, organisation("Elsewhere")]
    for side in (aurora, borealis):
        for name in ("Letters", "Numbers"):
            dataset = side.dataset(name=name)
            Dataset.objects.filter(pk=dataset.pk).update(organisation=chance.choice(orgs))
        for number in range(2):
            version = side.cover(reference=f"DUA-{side.project.slug}-{number}")
            version.coverage.filter(pk__in=[pk for pk in in_order(Coverage) if chance.random() < 0.5]).update(
                asset_id=dataset.pk
            )
            AgreementVersion.objects.filter(pk=version.pk).update(
                requires_acceptance=chance.random() < 0.7,
                expires_on=chance.choice([None, today, today + timedelta(days=9)]),
            )
    Coverage.objects.filter(pk__in=chance.sample(in_order(Coverage), 8)).delete()
    people = [person(f"P{number}", is_active=chance.random() < 0.9) for number in range(9)]
    for user in people:
        for _ in range(chance.randint(0, 4)):
            in_project = chance.random() < 0.7
            ends = chance.choice([None, now - timedelta(hours=1), now + timedelta(hours=1)])
            Membership.objects.get_or_create(
                user=user,
                organisation=chance.choice(orgs),
                project=chance.choice([aurora.project, borealis.project]) if in_project else None,
                role=chance.choice(PROJECT_ROLES if in_project else ORGANISATION_ROLES).value,
                ends_at=ends,
                defaults={"starts_at": now - timedelta(days=chance.choice([2, 5]))},
            )
        for version in AgreementVersion.objects.order_by("created_at"):
            if chance.random() < 0.5:
                TermsAcceptance.objects.create(
                    version=version, user=user, organisation=chance.choice(orgs), document_sha256="0" * 64
                )
    ProjectParty.objects.filter(project=borealis.project, organisation=borealis.company).update(left_on=today)
    assert set(Purpose.values) == {"data_access", "training"}
    return User.objects.filter(pk__in=[user.pk for user in [*people, aurora.engineer, aurora.lead, borealis.engineer]])


ASKED = {
    Project: ["project.view", "project.edit", "agreement.sign", "job.submit", "terms.accept"],
    Dataset: ["dataset.view", "dataset.read", "dataset.train", "dataset.upload"],
    DatasetVersion: ["dataset.train"],
    Organisation: ["organisation.view", "organisation.manage"],
}


def test_it_equals_the_decision_for_each(crowd):
    outcomes = set()
    for model, words in ASKED.items():
        rows = model.objects.all()
        found = decide_each(crowd, words, rows)
        for user, obj, word in ((u, o, w) for u in crowd for o in rows for w in words):
            one = decide(user, word, obj)
            many = found[user.pk, obj.pk][word] if user.is_active else None
            assert (many.allowed if many else False) == one.allowed, (user, word, obj)
            if many and one.visible:
                assert len(one.missing) == len(many.lacks) + (not many.role), (user, word, obj)
            outcomes.add((model, one.allowed))
    assert {(model, True) for model in ASKED} | {(model, False) for model in ASKED} == outcomes, "lots worth comparing"


def test_it_is_one_query_for_everything_that_is_registered(crowd):
    for model in {model for model, scope in SCOPES.items() if scope.grants is None} - {User}:
        with CaptureQueriesContext(connection) as caught:
            decide_each(crowd, sorted(WORDS)[::6], model._default_manager.all())  # all of them take a minute
        assert len(caught) == 1, model
