"""`allowed` chooses buttons: it must say exactly what `decide` would."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser

from collab.access.policy import allowed, asked_words, decide
from collab.access.roles import WORDS

pytestmark = pytest.mark.django_db
PROJECT = [word for word in WORDS if not word.startswith(("organisation.", "token."))]
DATA = ["dataset.view", "dataset.read", "dataset.train", "dataset.upload"]


@pytest.mark.parametrize("who", ["lead", "engineer", "observer", "former", "company_signatory"])
def test_it_agrees_with_decide(aurora, django_assert_num_queries, who):
    user = getattr(aurora, who)
    with django_assert_num_queries(1):
        found = allowed(user, aurora.project, *PROJECT)
    assert found == {word for word in PROJECT if decide(user, word, aurora.project)}


def test_what_needs_an_agreement_is_not_offered_without_one(aurora):
    version = aurora.dataset().latest()
    assert allowed(aurora.engineer, version, *DATA) == {"dataset.view"}
    aurora.cover(reference="DUA-1")
    assert allowed(aurora.engineer, version, *DATA) == {"dataset.view", "dataset.read", "dataset.train"}


def test_strangers_and_outsiders_are_offered_nothing(aurora, borealis):
    assert allowed(borealis.lead, aurora.project, *PROJECT) == set()
    assert allowed(AnonymousUser(), aurora.project, *PROJECT) == set()


def test_choosing_buttons_is_not_asking_for_a_route(aurora):
    mark = asked_words.set(set())
    try:
        allowed(aurora.lead, aurora.project, "project.edit")
        assert asked_words.get() == set()
    finally:
        asked_words.reset(mark)
