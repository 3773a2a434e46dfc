"""Who may answer, asked in both directions, and a request walked at random: the rules hold in every state."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collab.access.policy import can
from collab.access.roles import Role
from collab.accounts.models import Delegation, Membership, User
from collab.audit.models import AuditEvent
from collab.audit.services import first_break
from collab.inbox.models import Request
from collab.inbox.reminding import sweep
from collab.inbox.services import (
    add_reviewer,
    advise,
    comment_on,
    decide_request,
    hand_over,
    meet_condition,
    withdraw_request,
)
from collab.inbox.standing import who_can_answer
from collab.inbox.states import Decision, RequestState
from collab.kernel.errors import DomainError
from tests.collab.inbox.conftest import asked

pytestmark = pytest.mark.django_db
WORDS = ["agreement.end", "agreement.sign", "organisation.manage", "project.edit", "project.create", "dataset.read"]
FAST = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


def cast_of(aurora, admin) -> list[User]:
    return [
        aurora.lead,
        aurora.researcher,
        aurora.engineer,
        aurora.observer,
        aurora.university_signatory,
        aurora.company_signatory,
        admin,
        aurora.former,  # no longer of the project, still an employee
    ]


@given(data=st.data())
@FAST
def test_which_requests_and_which_people_agree(aurora, admin, data):
    """Whoever is said to be able to answer can, and whoever can and is here is said to."""
    people = cast_of(aurora, admin)
    number = st.integers(0, len(people) - 1)
    houses = st.sampled_from([None, aurora.university, aurora.company])
    now = timezone.now()
    with transaction.atomic():
        for away, stand_in, house in data.draw(st.lists(st.tuples(number, number, houses), max_size=4)):
            if away != stand_in:
                Delegation.objects.create(
                    delegator=people[away],
                    delegate=people[stand_in],
                    organisation=house,
                    starts_at=now - timedelta(days=1),
                    ends_at=now + timedelta(days=1),
                )
        for index in data.draw(st.lists(number, max_size=2)):
            Membership.objects.filter(user=people[index]).update(ends_at=now)
        row = asked(
            aurora,
            by=people[data.draw(number)],
            organisation=data.draw(houses),
            project=data.draw(st.sampled_from([aurora.project, None])) or aurora.project,
            word=data.draw(st.sampled_from(WORDS)),
            receiver=data.draw(st.sampled_from([None, *people])),
        )
        said = {answerer.user for answerer in who_can_answer(row)}
        may = {user for user in people if can(user, "request.answer", row)}
        gone = set(
            User.objects.filter(pk__in=[a.delegator_id for a in Delegation.objects.active() if _reaches(a, row)])
        )
        assert said - set(people) == set() and row.asked_by not in may
        assert said <= may and may - said <= gone, (said, may, gone)
        transaction.set_rollback(True)


def _reaches(absence: Delegation, row: Request) -> bool:
    return row.organisation_id is None or absence.organisation_id in (None, row.organisation_id)


ACTS = ["decide", "withdraw", "comment", "review", "advise", "hand", "meet", "sweep", "leave", "away"]


@given(steps=st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 6), st.integers(0, 6)), max_size=25))
@FAST
def test_a_random_walk_keeps_every_rule(aurora, admin, steps):
    """Whatever people try in whatever order: one decision by somebody who may, and one row of history for each act."""
    people = cast_of(aurora, admin)
    decisions = list(Decision)
    with transaction.atomic():
        row = asked(aurora)
        for what, one, two in steps:
            who, other = people[one], people[two]
            row.refresh_from_db()
            before, state = AuditEvent.objects.count(), row.state
            might = can(who, "request.answer", row)
            try:
                with transaction.atomic():
                    _step(what, row, who, other, decisions[two % 4])
                acted = True
            except DomainError:
                acted = False
            row.refresh_from_db()
            wrote = AuditEvent.objects.count() - before
            _check(row, state, what, might, acted, wrote)
        assert first_break() is None
        transaction.set_rollback(True)


def _step(what: str, row: Request, who: User, other: User, decision: Decision) -> None:
    if what == "decide":
        conditions = ["Report."] if decision == Decision.APPROVED_WITH_CONDITIONS else []
        decide_request(request=row, decision=decision, by=who, reason="Because.", conditions=conditions)
    elif what == "withdraw":
        withdraw_request(request=row, by=who)
    elif what == "comment":
        comment_on(request=row, by=who, text="Well.")
    elif what == "review":
        add_reviewer(request=row, user=other, by=who)
    elif what == "advise":
        advise(request=row, by=who, opinion="favour")
    elif what == "hand":
        hand_over(request=row, to=other, by=who)
    elif what == "meet":
        for condition in row.conditions.filter(met_at=None)[:1]:
            meet_condition(condition=condition, by=who, evidence="Report 7.")
    elif what == "sweep":
        sweep(timezone.now() + timedelta(days=30))
    elif what == "leave":
        Membership.objects.filter(user=who, role__in=[Role.SIGNATORY, Role.LEAD]).update(ends_at=timezone.now())
    elif what == "away" and who != other:
        now = timezone.now()
        Delegation.objects.create(delegator=who, delegate=other, starts_at=now, ends_at=now + timedelta(days=60))


def _check(row: Request, state: str, what: str, might: bool, acted: bool, wrote: int) -> None:
    if not acted:
        assert (row.state, wrote) == (state, 0)
    if row.state != state:
        assert state == RequestState.OPEN and what in {"decide", "withdraw"} and acted and wrote == 1
    if what == "decide" and acted:
        assert might and row.decided_by is not None and row.decided_by != row.asked_by
    if row.state == RequestState.OPEN and what == "sweep":
        assert who_can_answer(row) or row.escalated_to, "an open request that nobody can answer has not climbed"
    if row.state == RequestState.REJECTED:
        assert row.reason
