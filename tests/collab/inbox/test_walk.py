"""Requests walked at random: silence decides nothing, nobody decides their own, and what is decided stays so.

Run with WALK_STEPS=10000 for the long walk.
"""

from __future__ import annotations

import os
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from collab.access.roles import Role
from collab.accounts.models import Delegation, User
from collab.audit.models import AuditEvent
from collab.audit.services import first_break
from collab.inbox.absences import begin_absence, end_absence
from collab.inbox.models import Condition, Request, Reviewer
from collab.inbox.reminding import sweep
from collab.inbox.services import (
    add_reviewer,
    advise,
    comment_on,
    decide_request,
    hand_over,
    lapse_requests,
    meet_condition,
    withdraw_request,
)
from collab.inbox.standing import who_can_answer
from collab.inbox.states import NEEDS_REASON, Decision, RequestState
from collab.kernel.errors import DomainError
from tests.cast import Joint, employ, person
from tests.collab.inbox.conftest import asked

pytestmark = pytest.mark.django_db
STEPS = int(os.environ.get("WALK_STEPS", "120"))
TOGETHER = min(STEPS, 400)  # steps of one walk; the next begins where this one began
ACTS = (
    *("ask", "ask", "decide", "decide", "decide", "withdraw", "lapse", "comment", "review", "advise", "hand_over"),
    *("meet", "meet", "away", "back", "late", "sweep"),
)
# What each act is followed by when it succeeds, seen from outside: the states an open request may be in afterwards.
LEADS_TO: dict[str, set[str]] = {
    "decide": {*Decision},
    "withdraw": {RequestState.WITHDRAWN},
    "lapse": {RequestState.WITHDRAWN},
}


class Walk:
    """A few requests that wait, everybody who may answer them, and some who may not."""

    def __init__(self, joint: Joint) -> None:
        self.joint = joint
        self.admin = employ(person("Registrar"), joint.university, Role.ORGANISATION_ADMIN)
        self.inside = [joint.lead, joint.university_signatory, self.admin, joint.researcher]
        self.everybody = [*self.inside, joint.engineer, joint.company_signatory, person("Stranger")]
        self.seen: set[str] = set()

    def states(self) -> dict[Any, str]:
        return dict(Request.objects.values_list("pk", "state"))

    def act(self, what: str, random: Random, by: User) -> bool:
        """One try; False where there was nothing to try it on."""
        rows = Request.objects.with_names()
        waiting = random.choice(list(rows.open()) or [None])
        if what == "ask":
            if rows.open().count() < 4:
                named = random.choice([{}, {}, {"word": "", "receiver": self.joint.lead}, {"due_at": None}])
                asked(self.joint, by=random.choice([by, self.joint.engineer]), topic="test.walk", **named)
                return True
        elif what == "away":
            begin_absence(by=by, ends_at=timezone.now() + timedelta(days=3), delegate=random.choice(self.everybody))
            return True
        elif what == "back":
            absence = Delegation.objects.filter(revoked_at=None).last()
            if absence is not None:
                end_absence(delegation=absence, by=by)
                return True
        elif what == "late":  # weeks go by, for one of them
            if waiting is not None:
                past = timezone.now() - timedelta(days=random.choice([1, 20]))
                Request.objects.filter(pk=waiting.pk).update(due_at=past)
                return True
        elif what == "sweep":
            sweep()
            return True
        elif what == "meet":
            condition = Condition.objects.filter(met_at=None).order_by("?").first()
            if condition is not None:
                meet_condition(condition=condition, by=by, evidence="Done.")
                return True
        elif waiting is not None:
            self.answer(what, waiting, random, by)
            return True
        return False

    def answer(self, what: str, request: Request, random: Random, by: User) -> None:
        other = random.choice(self.everybody)
        decision = random.choice(list(Decision))
        conditions = ["One", "Two"] if decision == Decision.APPROVED_WITH_CONDITIONS else []
        reason = random.choice(["Because.", "Because.", ""])
        acts = {
            "decide": lambda: decide_request(
                request=request, decision=decision, by=by, reason=reason, conditions=conditions
            ),
            "withdraw": lambda: withdraw_request(request=request, by=by),
            "lapse": lambda: lapse_requests(topic=request.topic, subjects=[self.joint.project], by=by, reason="Over."),
            "comment": lambda: comment_on(request=request, by=by, text="A word."),
            "review": lambda: add_reviewer(request=request, user=other, by=by),
            "advise": lambda: advise(request=request, by=by, opinion="favour"),
            "hand_over": lambda: hand_over(request=request, to=other, by=by),
        }
        acts[what]()


def check(walk: Walk, what: str, before: dict[Any, str]) -> None:
    """What holds after every step, whatever was tried."""
    after = walk.states()
    for pk, state in before.items():
        if state != RequestState.OPEN:
            assert after[pk] == state, "what was decided has changed"
        elif after[pk] != state:
            assert after[pk] in LEADS_TO.get(what, set()), f"{what} made it {after[pk]}"
    for row in Request.objects.filter(pk__in=[pk for pk, state in after.items() if state != before.get(pk)]):
        decided = row.state in set(Decision)
        assert decided == (row.decided_by_id is not None) == (row.decided_at is not None)
        assert row.decided_by_id is None or row.decided_by_id != row.asked_by_id, "decided by who asked"
        assert not decided or row.decided_by in walk.inside or row.decided_for in walk.inside
        assert row.state not in NEEDS_REASON or row.reason
        assert row.conditions.exists() == (row.state == Decision.APPROVED_WITH_CONDITIONS)
    if what == "sweep":  # no dead ends: whatever waits, somebody can answer it or it has climbed
        for row in Request.objects.open().with_names():
            assert who_can_answer(row) or row.escalated_to, f"{row} waits for nobody"


@settings(max_examples=STEPS // TOGETHER, deadline=None, derandomize=STEPS < 1000, database=None,
          phases=[Phase.explicit, Phase.generate],
          suppress_health_check=list(HealthCheck))  # fmt: skip
@given(seed=st.integers(0, 2**64))
@example(seed=11)
def walked(walk, plain, seed: int) -> None:
    with transaction.atomic():
        plain(code="test.walk", waits_for_conditions=seed % 2 == 0, asker_meets_conditions=True)
        random = Random(seed)
        for _number in range(TOGETHER):
            what = random.choice(ACTS)
            by = random.choice(walk.inside if random.random() < 0.7 else walk.everybody)
            before, acts, opinions = walk.states(), AuditEvent.objects.count(), Reviewer.objects.count()
            try:
                tried = walk.act(what, random, by)
            except DomainError:
                now = (walk.states(), AuditEvent.objects.count(), Reviewer.objects.count())
                assert now == (before, acts, opinions), (what, "half-done")
            else:
                silent = not tried or what in {"late", "sweep"}
                assert silent or AuditEvent.objects.count() > acts, (what, "not in the history")
            check(walk, what, before)
        assert first_break() is None
        assert len(set(walk.states().values())) >= 4 or TOGETHER < 100
        transaction.set_rollback(True)


@pytest.fixture
def walk(aurora) -> Walk:
    return Walk(aurora)


def test_no_walk_leaves_the_table(walk, plain):
    walked(walk, plain)
