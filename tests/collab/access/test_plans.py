"""A decision that was made ready answers as the query that is built each time, and asks the database each time."""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import LazySettings
from django.db import connection
from django.db.models import Exists, OuterRef, Q
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from collab.access import plans
from collab.access.policy import (
    REQUIREMENTS,
    SCOPES,
    Missing,
    Requirement,
    acting,
    allowed,
    can,
    decide,
    register_requirement,
    requirements_of,
    role_q,
)
from collab.access.roles import WORDS
from collab.accounts.models import ApiToken, Membership, User
from collab.audit.models import AuditEvent
from collab.inbox.models import Obligation, Request
from collab.projects.models import Project
from registry.datasets.models import Dataset
from tests.cast import person

pytestmark = pytest.mark.django_db

ASKED = {
    Project: ["project.view", "project.edit", "agreement.sign", "job.submit", "terms.accept"],
    Dataset: ["dataset.view", "dataset.read", "dataset.train", "dataset.upload", "dataset.govern"],
    User: ["person.view"],
}


@pytest.fixture(autouse=True)
def no_plans(monkeypatch):
    """Each test begins with none, and leaves none of what it registers."""
    monkeypatch.setattr(plans, "_kept", {})
    before = list(REQUIREMENTS)
    yield
    REQUIREMENTS[:] = before


def answers(people, rows, moments):
    """What the three ways of asking say, for everybody about everything."""
    found = {}
    for (name, user), row, (when, at) in product(people.items(), rows, moments.items()):
        words = ASKED[type(row)]
        for word in words:
            decision = decide(user, word, row, at)
            told = [missing.code for missing in decision.missing]
            found[name, str(row.pk), when, word] = (decision.visible, told, can(user, word, row, at))
        found[name, str(row.pk), when, "all"] = allowed(user, row, *words, at=at)
    return found


def test_a_plan_answers_as_the_query_that_is_built_each_time(aurora, borealis, monkeypatch):
    today = timezone.localdate()
    aurora.cover(reference="DUA-1", expires_on=today + timedelta(days=9))
    rows = [aurora.project, borealis.project, aurora.dataset(), borealis.dataset(), aurora.researcher]
    people = {name: getattr(aurora, name) for name in ("lead", "engineer", "observer", "former", "company_signatory")}
    people |= {"stranger": person("Stranger"), "shut": person("Shut", is_active=False)}
    for scope, project in product(("read", "write"), (None, aurora.project, borealis.project)):
        user = User.objects.get(pk=aurora.engineer.pk)
        people[f"{scope} {project}"] = acting(user, ApiToken(user=user, name="CI", scope=scope, project=project))
    now = timezone.now()
    moments = {"now": None, "before": now - timedelta(days=31), "expired": now + timedelta(days=10)}

    ready = answers(people, rows, moments)
    assert any(kept.plan for kept in plans._kept.values())
    again = answers(people, rows, moments)
    monkeypatch.setattr(plans, "_kept", {})
    monkeypatch.setattr(plans, "_plan", lambda *parts: None)
    built = answers(people, rows, moments)

    assert ready == again == built
    assert {answer[2] for answer in built.values() if isinstance(answer, tuple)} == {True, False}
    codes = {code for answer in built.values() if isinstance(answer, tuple) for code in answer[1]}
    assert codes >= {"not_found", "role", "agreement_expired", "token_scope"}


def test_what_has_changed_since_counts_at_once(aurora):
    assert can(aurora.researcher, "job.submit", aurora.project)
    with CaptureQueriesContext(connection) as queries:
        assert can(aurora.researcher, "job.submit", aurora.project)
    assert len(queries) == 1

    Membership.objects.filter(user=aurora.researcher, project=aurora.project).update(ends_at=timezone.now())

    assert not can(aurora.researcher, "job.submit", aurora.project)


def test_every_word_has_a_plan_but_where_it_hangs_on_what_is_looked_up():
    """Whom a request waits for, and what is confidential; everything else is decided by one query, made ready once."""
    without = set()
    for model, scope in SCOPES.items():
        kind = scope.view.split(".")[0]
        for word in WORDS:
            needs = requirements_of(word, model)
            if not (needs or word.startswith(f"{kind}.")):
                continue

            def checks(user, at, *, model=model, word=word, needs=needs):
                found = {f"needs_{number}": need.condition(user, at) for number, need in enumerate(needs)}
                return found | {"may_do": role_q(user, word, model, at)}

            if plans._plan(model, plans.StandIn(None), checks, connection) is None:
                without.add(model._meta.label)
    by_request = {model for model, scope in SCOPES.items() if scope.view in {"request.view", "ethics.view"}}
    by_agreement = {Obligation, AuditEvent}  # of which the confidential ones are looked up
    assert without <= {model._meta.label for model in by_request | by_agreement}
    assert without >= {model._meta.label for model in {Request} | by_agreement}


def test_no_condition_answers_for_everybody_where_it_is_asked_for_a_plan():
    """What stands in for a person is an expression too: whoever closes a row to all of many people asks for `many`."""
    root = Path(__file__).resolve().parents[3]
    sources = [path for room in ("collab", "registry", "training") for path in (root / room).rglob("*.py")]
    kinds = re.compile(r"isinstance\([^()]*\b(Base)?Expression\b")
    found = {str(path.relative_to(root)) for path in sources if kinds.search(path.read_text(encoding="utf-8"))}
    assert found == {"collab/access/plans.py"}, "Ask isinstance(user, EachPerson) of collab.access.many instead"


def test_a_condition_that_is_made_of_a_setting_says_so(monkeypatch):
    """Else its plan would outlive another value: `given` of a requirement is part of what a plan is kept for."""
    read: list[str] = []
    ask = LazySettings.__getattribute__

    def noted(self, name):
        reader = sys._getframe(1).f_globals["__name__"].split(".")[0]
        if name.isupper() and reader in ("collab", "registry", "training"):
            read.append(name)
        return ask(self, name)

    monkeypatch.setattr(LazySettings, "__getattribute__", noted)
    none = (*plans._WANTS_MORE, plans.NoPlanError)
    found: dict[str, list[str]] = {}
    with connection.execute_wrapper(plans._no_query):
        for need in REQUIREMENTS:
            with suppress(*none):
                need.condition(plans.StandIn(None), plans._Moment())
            found[need.code] = [*found.get(need.code, []), *read]
            read.clear()
        for model, scope in SCOPES.items():
            for word in WORDS:
                with suppress(*none):
                    role_q(plans.StandIn(None), word, model, plans._Moment())
            found[scope.view] = [*found.get(scope.view, []), *read]
            read.clear()
    given = {need.code for need in REQUIREMENTS if need.given is not tuple}

    assert {code for code, names in found.items() if names} == given, "Name the setting in `given` of the requirement"


NOON = datetime(2036, 5, 1, 12, tzinfo=UTC)
CHOSEN = SimpleNamespace(pk=None)


def compares(user, at):
    return ~Q(pk__in=[]) if user.pk == CHOSEN.pk else Q(pk__in=[])


def looks_it_up_in_a_set(user, at):
    return ~Q(pk__in=[]) if user.pk in {CHOSEN.pk} else Q(pk__in=[])


def reads_the_name(user, at):
    return ~Q(pk__in=[]) if user.name == "Chosen" else Q(pk__in=[])


def writes_the_key(user, at):
    return ~Q(pk__in=[]) if f"{user.pk}" == str(CHOSEN.pk) else Q(pk__in=[])


def asks_the_database(user, at):
    return Q(pk__in=list(Membership.objects.filter(user__name="Chosen").values_list("project", flat=True)))


def calculates(user, at):
    return Q(Exists(User.objects.filter(pk=user.pk, date_joined__lt=at - timedelta(days=1)))) & Q(created_at__lt=at)


def hangs_on_today(user, at):
    return Q(Exists(Membership.objects.filter(user=user, project=OuterRef("pk"), starts_at__lt=timezone.now())))


@pytest.mark.parametrize(
    "condition",
    [
        compares,
        looks_it_up_in_a_set,
        reads_the_name,
        writes_the_key,
        asks_the_database,
        calculates,
        hangs_on_today,
    ],
)
def test_a_condition_that_hangs_on_more_is_asked_anew_each_time(aurora, condition):
    User.objects.filter(pk=aurora.engineer.pk).update(name="Chosen", date_joined=NOON - timedelta(days=2))
    User.objects.filter(pk=aurora.researcher.pk).update(date_joined=NOON)
    Membership.objects.filter(user=aurora.engineer, project=None).delete()
    chosen, other = (User.objects.get(pk=one.pk) for one in (aurora.engineer, aurora.researcher))
    CHOSEN.pk = chosen.pk
    asked = []

    def noted(user, at):
        asked.append(user)
        return condition(user, at)

    register_requirement(
        Requirement("test", frozenset({"project.view"}), Project, noted, lambda *_: Missing("test", "It is not so."))
    )

    for at in (None, NOON, NOON):
        for user in (chosen, other):
            now = at or timezone.now()
            expected = Project.objects.filter(condition(user, now), pk=aurora.project.pk).exists()
            assert can(user, "project.view", aurora.project, at) == expected

    assert [user for user in asked if isinstance(user, User)] == [chosen, other] * 3
