"""The one door: `can`, `visible_to` and `decide` agree, a role or agreement ends to the second, tokens narrow."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from collab.access.policy import (
    REQUIREMENTS,
    SCOPES,
    Requirement,
    Scope,
    acting,
    allowed,
    can,
    decide,
    get_or_404,
    holders,
    party_of,
    register_requirement,
    register_scope,
    require,
    visible_to,
)
from collab.access.roles import ORGANISATION_ROLES, PERSONAL_WORDS, PROJECT_ROLES, ROLE_WORDS, WORDS, Role
from collab.accounts.models import ApiToken, Membership, Organisation, User
from collab.agreements.models import Agreement, AgreementParty, AgreementVersion, Coverage
from collab.kernel.errors import NotFoundError, RefusedError
from collab.projects.models import Project, ProjectParty
from registry.datasets.models import Dataset
from tests.cast import employ, organisation, person

pytestmark = pytest.mark.django_db


def add_party_of(project: Project, org: Organisation) -> ProjectParty:
    return ProjectParty.objects.create(project=project, organisation=org)


# --- to the second
NOON = datetime(2036, 5, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("starts", "ends", "at", "in_force"),
    [
        (NOON, None, NOON - timedelta(seconds=1), False),
        (NOON, None, NOON, True),
        (NOON - timedelta(days=9), NOON, NOON - timedelta(seconds=1), True),
        (NOON - timedelta(days=9), NOON, NOON, False),
        (NOON - timedelta(days=9), NOON, NOON + timedelta(seconds=1), False),
        (NOON, NOON, NOON, False),
    ],
)
def test_a_role_begins_and_ends_to_the_second(aurora, starts, ends, at, in_force):
    guest = person("Guest")
    Membership.objects.create(
        user=guest,
        organisation=aurora.university,
        project=aurora.project,
        role=Role.OBSERVER,
        starts_at=starts,
        ends_at=ends,
    )
    with time_machine.travel(at, tick=False):
        assert can(guest, "project.view", aurora.project) is in_force
        assert decide(guest, "project.view", aurora.project).allowed is in_force
        assert visible_to(guest, "project.view", Project.objects.all()).exists() is in_force


def test_an_agreement_expires_with_the_first_second_of_its_day(aurora):
    with time_machine.travel(NOON, tick=False):
        aurora.cover(reference="DUA-1", expires_on=date(2036, 5, 3))
        dataset = aurora.dataset()
    last = datetime(2036, 5, 2, 23, 59, 59, tzinfo=UTC)
    with time_machine.travel(last, tick=False):
        assert can(aurora.engineer, "dataset.train", dataset)
    with time_machine.travel(last + timedelta(seconds=1), tick=False):
        refused = decide(aurora.engineer, "dataset.train", dataset)
        assert (refused.allowed, refused.visible) == (False, True)
        assert [item.code for item in refused.missing] == ["agreement_expired"]
        assert "DUA-1" in str(refused.missing[0].sentence) and refused.missing[0].url.startswith("/agreements/")


def test_a_party_that_left_acts_no_more(aurora):
    assert can(aurora.engineer, "project.view", aurora.project)
    assert can(aurora.company_signatory, "agreement.view", aurora.project)
    ProjectParty.objects.filter(organisation=aurora.company).update(left_on=timezone.localdate())
    assert not can(aurora.engineer, "project.view", aurora.project)
    assert not can(aurora.company_signatory, "agreement.view", aurora.project)
    assert can(aurora.observer, "project.view", aurora.project)


def test_nobody_and_the_deactivated_may_nothing(aurora):
    aurora.lead.is_active = False
    for nobody in (AnonymousUser(), aurora.lead):
        assert not can(nobody, "project.view", aurora.project)
        assert visible_to(nobody, "project.view", Project.objects.all()).count() == 0
        assert [item.code for item in decide(nobody, "project.view", aurora.project).missing] == ["sign_in"]
        assert allowed(nobody, aurora.project, "project.view") == set()


def test_a_superuser_without_a_role_sees_nothing_here(aurora):
    admin = person("Root", is_superuser=True, is_staff=True)
    assert not can(admin, "project.view", aurora.project)


# --- what is missing
def test_the_refusal_names_the_roles_that_do(aurora):
    refused = decide(aurora.observer, "project.edit", aurora.project)
    assert (refused.allowed, refused.visible, refused.missing[0].code) == (False, True, "role")
    assert "Project lead" in str(refused.missing[0].sentence)


def test_a_role_that_ended_is_named(aurora):
    Membership.objects.filter(user=aurora.lead, project=aurora.project).update(ends_at=timezone.now())
    Membership.objects.create(
        user=aurora.lead, organisation=aurora.university, project=aurora.project, role=Role.OBSERVER
    )
    refused = decide(aurora.lead, "project.edit", aurora.project)
    assert [item.code for item in refused.missing] == ["role_ended"]


def test_what_is_invisible_is_not_found_and_the_rest_is_refused(aurora, borealis):
    with pytest.raises(NotFoundError):
        require(aurora.lead, "project.view", borealis.project)
    with pytest.raises(NotFoundError):
        get_or_404(aurora.lead, "project.view", Project.objects.all(), slug="nowhere")
    with pytest.raises(RefusedError) as refused:
        get_or_404(aurora.observer, "project.edit", Project.objects.all(), pk=aurora.project.pk)
    assert refused.value.missing[0].code == "role"
    require(aurora.lead, "project.edit", aurora.project)


def test_everything_missing_is_said_at_once(aurora):
    dataset = aurora.dataset()
    refused = decide(aurora.observer, "dataset.train", dataset)
    assert [item.code for item in refused.missing] == ["role", "no_agreement"]


# --- tokens
def token(user: User, **fields: Any) -> User:
    made = ApiToken.objects.create(
        user=user, name="t", hint="tdm_", digest=str(fields), expires_at=timezone.now() + timedelta(days=1), **fields
    )
    return acting(User.objects.get(pk=user.pk), made)


def test_a_read_token_reads(aurora):
    program = token(aurora.lead, scope="read")
    assert can(program, "project.view", aurora.project)
    refused = decide(program, "project.edit", aurora.project)
    assert [item.code for item in refused.missing] == ["token_scope"]


def test_a_token_of_one_project_is_good_for_that_one(aurora, borealis):
    add_party_of(borealis.project, aurora.university)
    Membership.objects.create(
        user=aurora.lead, organisation=aurora.university, project=borealis.project, role=Role.LEAD
    )
    assert visible_to(aurora.lead, "project.view", Project.objects.all()).count() == 2
    program = token(aurora.lead, scope="write", project=aurora.project)
    assert list(visible_to(program, "project.view", Project.objects.all())) == [aurora.project]
    assert not decide(program, "project.view", borealis.project).visible
    assert can(program, "organisation.view", borealis.university)  # everybody's
    assert not can(program, "project.create", aurora.university)


@pytest.mark.parametrize("word", ["token.manage", "agreement.sign"])
def test_some_things_no_token_does(aurora, word):
    program = token(aurora.company_signatory, scope="write")
    obj = program.token if word == "token.manage" else aurora.project
    assert not can(program, word, obj)
    if word == "agreement.sign":
        assert [item.code for item in decide(program, word, obj).missing] == ["token_session"]


# --- other questions
def test_for_whom_one_acts(aurora, borealis):
    assert list(party_of(aurora.engineer, aurora.project.pk)) == [aurora.company]
    assert list(party_of(aurora.engineer, borealis.project.pk)) == []
    assert list(party_of(aurora.former, aurora.project.pk)) == []
    ProjectParty.objects.filter(organisation=aurora.company).update(left_on=timezone.localdate())
    assert list(party_of(aurora.engineer, aurora.project.pk)) == []


def test_whom_to_ask(aurora):
    assert list(holders("project.edit", aurora.project.pk)) == [aurora.lead]
    User.objects.filter(pk=aurora.lead.pk).update(is_active=False)
    assert list(holders("project.edit", aurora.project.pk)) == []


def test_one_query_answers(aurora):
    dataset = aurora.dataset()
    for question in (
        lambda: can(aurora.lead, "dataset.train", dataset),
        lambda: decide(aurora.lead, "project.edit", aurora.project),
        lambda: allowed(aurora.lead, dataset, "dataset.view", "dataset.read", "dataset.train"),
        lambda: list(visible_to(aurora.lead, "dataset.train", Dataset.objects.all())),
    ):
        with CaptureQueriesContext(connection) as caught:
            question()
        assert len(caught) == 1


def test_words_and_scopes_are_checked_when_they_are_registered():
    with pytest.raises(KeyError):
        register_scope(Project, Scope(view="project.look"))
    with pytest.raises(KeyError):
        register_requirement(
            Requirement("x", frozenset({"project.look"}), Project, lambda user, at: None, lambda user, obj, at: None)  # type: ignore[arg-type,return-value]
        )
    assert SCOPES[Project].view == "project.view"
    codes = [requirement.code for requirement in REQUIREMENTS]
    assert len(codes) == len(set(codes))


# --- the three questions agree, whatever the roles, dates and agreements
WHEN = [timedelta(days=-2), timedelta(seconds=-1), timedelta(0), timedelta(seconds=1), timedelta(days=2)]
# The words that make sense for a kind of row; of others the answer has no meaning.
OF_PROJECTS = ["project.view", "project.edit", "agreement.draft", "agreement.sign", "dataset.upload", "audit.view"]
OF_DATASETS = ["dataset.view", "dataset.read", "dataset.train"]

memberships = st.tuples(
    st.sampled_from([*PROJECT_ROLES, *ORGANISATION_ROLES]),
    st.integers(0, 1),  # which organisation
    st.integers(0, 1),  # which project, for project roles
    st.sampled_from(WHEN),
    st.sampled_from([None, *WHEN]),
)
agreements = st.tuples(
    st.integers(0, 1),  # project
    st.integers(0, 1),  # party
    st.sampled_from(["data_access", "training"]),
    st.sampled_from(["draft", "out_for_signature", "executed", "terminated", "withdrawn"]),
    st.sampled_from([-1, 0, 1]),  # effective in days
    st.sampled_from([None, 0, 1, 2]),  # expires in days
    st.booleans(),  # names the one dataset
)


class TestAgreeing(TestCase):
    """Random memberships and agreements: a list shows exactly the rows on which a single question says yes."""

    @settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        held=st.lists(memberships, max_size=4),
        signed=st.lists(agreements, max_size=3),
        left=st.sets(st.tuples(st.integers(0, 1), st.integers(0, 1)), max_size=1),
        scope=st.sampled_from([None, "read", "write"]),
        limited=st.booleans(),
    )
    def test_can_visible_to_and_decide_agree(self, held, signed, left, scope, limited):
        now = NOON
        with time_machine.travel(now, tick=False):
            asker, orgs = person("Asker"), [organisation("One"), organisation("Two", "company")]
            projects = [Project.objects.create(slug=f"p{n}", title=f"P{n}", created_by=asker) for n in (0, 1)]
            datasets = [
                Dataset.objects.create(project=p, organisation=orgs[0], name="d", created_by=asker) for p in projects
            ]
            for (p, project), (o, org) in product(enumerate(projects), enumerate(orgs)):
                role = "lead" if o == 0 else "partner"
                gone = now.date() if (p, o) in left else None
                ProjectParty.objects.create(project=project, organisation=org, role=role, left_on=gone)
            mine = set()
            for role, o, p, begin, end in held:
                project = projects[p] if role in PROJECT_ROLES else None
                starts, ends = now + begin, None if end is None else now + end
                if (ends is not None and ends < starts) or (role, o, project) in mine:
                    continue
                mine.add((role, o, project))
                Membership.objects.create(
                    user=asker, organisation=orgs[o], project=project, role=role, starts_at=starts, ends_at=ends
                )
            for number, (p, o, purpose, state, effective, expires, one) in enumerate(signed):
                if expires is not None and expires <= effective:
                    continue
                agreement = Agreement.objects.create(
                    project=projects[p], reference=f"A{number}", kind="data_use", title="A", created_by=asker
                )
                version = AgreementVersion.objects.create(
                    agreement=agreement,
                    number=1,
                    text="t",
                    effective_on=now.date() + timedelta(days=effective),
                    expires_on=None if expires is None else now.date() + timedelta(days=expires),
                    state=state,
                    document_sha256="0" * 64,
                    executed_at=now,
                    created_by=asker,
                )
                AgreementParty.objects.create(version=version, organisation=orgs[o])
                asset = datasets[p].pk if one else None
                Coverage.objects.create(version=version, party=orgs[o], purpose=purpose, asset_id=asset)
            if scope is not None:
                asker = token(asker, scope=scope, project=projects[0] if limited else None)
            for rows, words in ((Project.objects.all(), OF_PROJECTS), (Dataset.objects.all(), OF_DATASETS)):
                offered = {obj: allowed(asker, obj, *words) for obj in rows}
                for word in words:
                    listed = set(visible_to(asker, word, rows))
                    for obj in rows:
                        decision = decide(asker, word, obj)
                        assert can(asker, word, obj) is decision.allowed is (obj in listed)
                        assert decision.allowed is (not decision.missing) is (word in offered[obj])
                        assert decision.visible or not decision.allowed


def test_the_roles_of_the_brief(aurora):
    """Spot checks by hand, so that a slip in the table itself is seen."""
    assert "dataset.upload" not in ROLE_WORDS[Role.ENGINEER]
    assert "agreement.sign" in ROLE_WORDS[Role.SIGNATORY] and "agreement.sign" not in ROLE_WORDS[Role.LEAD]
    closed = {"audit.view", "review.view", "budget.view", "member.view", "disclosure.view", "case.view"}
    closed |= {"assessment.view", "licence.view", "royalty.view", "offer.view", "startup.view", "ethics.view"}
    closed |= {f"{what}.view" for what in ("programme", "posting", "application", "placement")}
    closed |= {f"{what}.view" for what in ("course", "enrolment", "training", "certificate")}
    assert ROLE_WORDS[Role.OBSERVER] == {word for word in WORDS if word.endswith(".view")} - closed - PERSONAL_WORDS
    assert "project.view" not in ROLE_WORDS[Role.EMPLOYEE]
    stranger = employ(person("Colleague"), aurora.university)
    assert not can(stranger, "project.view", aurora.project)
