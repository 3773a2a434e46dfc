"""An ethics case walked at random, with amendments, appeals and days that pass: it moves along its table only, the
policy blocks exactly what a plain reading of the rows blocks, nobody decides twice, and refusals leave nothing.

WALK_STEPS=10000 for the long walk.
"""

from __future__ import annotations

import os
from datetime import timedelta
from random import Random
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from collab.access.policy import can
from collab.access.roles import Role
from collab.audit.models import AuditEvent
from collab.audit.services import first_break
from collab.ethics.correcting import correct_decision, refuse_claim
from collab.ethics.deciding import (
    ConditionTerm,
    ask_applicants,
    assign,
    confirm_condition,
    decide_case,
    declare_conflict,
    hold_case,
    settle_conflict,
    submit_review,
)
from collab.ethics.models import EthicsCase, EthicsCondition, EthicsReview
from collab.ethics.services import (
    answer_question,
    appeal_case,
    claim_condition,
    follow_case,
    report,
    save_answers,
    submit_case,
    withdraw_case,
)
from collab.ethics.states import CASE_MOVES, ENDED, GRANTED, HOLDING, PENDING, Area, CaseState
from collab.inbox.models import Obligation, Request
from collab.kernel.errors import DomainError
from tests.cast import employ, person
from tests.collab.ethics.test_services import FULL, SHORT, Panel, day

pytestmark = pytest.mark.django_db
STEPS = int(os.environ.get("WALK_STEPS", "35"))
TOGETHER = 70 if STEPS > 1000 else 35  # steps of one walk
EDGES = {(source, target) for sources, target in CASE_MOVES.table.values() for source in sources}
ACTS = ("begin", "save", "submit", "withdraw", "assign", "review", "declare", "settle", "ask", "reply", "decide",
        "claim", "confirm", "refuse", "correct", "hold", "report", "follow", "appeal", "wait")  # fmt: skip
ONWARD = {
    CaseState.DRAFT: ("save", "submit", "submit"),
    CaseState.SUBMITTED: ("assign", "assign", "decide", "ask"),
    CaseState.IN_REVIEW: ("review", "review", "decide", "decide", "declare", "settle", "reply", "assign"),
    CaseState.CHANGES_REQUESTED: ("save", "submit", "submit"),
    CaseState.APPROVED: ("claim", "confirm", "refuse", "correct", "hold", "follow", "report", "wait", "appeal", "hold"),
    CaseState.SUSPENDED: ("hold", "hold", "hold", "follow", "wait"),
    CaseState.REJECTED: ("appeal", "appeal", "follow"),
    CaseState.APPEALED: ("assign", "decide", "decide"),
    CaseState.REVOKED: ("follow", "begin"),
    CaseState.WITHDRAWN: ("begin",),
    CaseState.SUPERSEDED: ("begin", "confirm"),
}
ASKED_IN_INBOX = {CaseState.SUBMITTED, CaseState.IN_REVIEW, CaseState.APPEALED}


class Walk:
    def __init__(self, panel: Panel, chairs: list, clock: Any, chance: Random) -> None:
        self.panel, self.chairs, self.clock, self.chance = panel, chairs, clock, chance
        self.appealed_against: dict[Any, Any] = {}
        self.case = panel.case(self.answers(), submit=False)
        self.reached: set[str] = set()

    def step(self) -> None:
        act = self.chance.choice(ACTS if self.chance.random() < 0.3 else ONWARD[CaseState(self.case.state)])
        acts, states, rows = AuditEvent.objects.count(), self.states(), self.rows()
        try:
            getattr(self, act)()
        except DomainError:
            assert AuditEvent.objects.count() == acts, f"{act} was refused, yet it is in the history"
            assert self.rows() == rows, f"{act} was refused, yet something changed"
        self.case = EthicsCase.objects.with_names().get(pk=self.case.pk)
        self.check(act, states)

    def states(self) -> dict[Any, str]:
        return dict(EthicsCase.objects.values_list("pk", "state"))

    def rows(self) -> list[Any]:
        tables: list[Any] = [EthicsCase, EthicsReview, EthicsCondition, Request]
        return [list(table.objects.order_by("pk").values()) for table in tables]

    def check(self, act: str, before: dict[Any, str]) -> None:
        self.reached.add(self.case.state)
        for case in EthicsCase.objects.select_related("request", "decided_by"):
            was = before.get(case.pk, case.state)
            assert was == case.state or (was, case.state) in EDGES, (act, was, case.state)
            asked = case.request is not None and case.request.state == "open"
            assert asked == (case.state in ASKED_IN_INBOX), (act, case.state)
            assert case.submissions.count() == case.round
            assert case.decided_by_id not in {self.panel.joint.lead.pk}, "the applicants decide nothing"
            if case.state not in PENDING and case.pk in self.appealed_against:
                assert case.request.decided_by_id != self.appealed_against[case.pk], f"{act}: decided their own appeal"
            waiting = case.reviews.filter(state="asked")
            if case.state not in PENDING:
                assert not waiting.exists(), (act, case.state, "a review is waited for that nobody wants")
            elif case.state in ASKED_IN_INBOX:
                assert not waiting.exclude(round=case.round).exists(), (act, "a review of an earlier round is open")
            assert case.followers.exclude(state__in=[*ENDED, *GRANTED]).count() <= 1
        owed = Obligation.objects.filter(kind="review", settled_at=None).values_list("source_id", flat=True)
        asked_of = EthicsReview.objects.filter(state="asked").values_list("pk", flat=True)
        assert set(owed) == {str(pk) for pk in asked_of}, act
        assert can(self.panel.joint.lead, "job.submit", self.panel.joint.project) == (not self.blocked(Area.JOBS)), act

    def blocked(self, area: str) -> bool:
        """Read from the rows, one by one, without the policy."""
        today = timezone.localdate()
        for case in EthicsCase.objects.all():
            over = case.stands and case.valid_until is not None and case.valid_until < today
            if getattr(case, f"blocks_{area}") and (over or (case.state in HOLDING and not case.stands)):
                return True
        for row in EthicsCondition.objects.select_related("case", "condition"):
            counts = row.is_open and (row.case.state in {*GRANTED, CaseState.SUPERSEDED} or row.case.stands)
            if counts and getattr(row, f"blocks_{area}") and (row.due_on is None or row.due_on < today):
                return True
        return False

    # --- what is tried
    def begin(self) -> None:
        if self.case.state in ENDED or self.chance.random() < 0.1:
            self.case = self.panel.case(self.answers(), submit=False)

    def save(self) -> None:
        version = self.case.version - (self.chance.random() < 0.1)
        save_answers(row=self.case, answers=self.answers(), number=1, version=version, by=self.applicant())

    def submit(self) -> None:
        submit_case(case=self.case, number=self.chance.choice([1, 1, 1, 2]), by=self.applicant())

    def withdraw(self) -> None:
        if self.chance.random() < 0.3:
            withdraw_case(case=self.case, by=self.applicant())

    def assign(self) -> None:
        people = self.chance.sample([*self.panel.reviewers, self.panel.joint.lead], self.chance.choice([1, 1, 2]))
        assign(case=self.case, reviewers=people, by=self.chair())

    def review(self) -> None:
        row = self.a_review()
        submit_review(review=row, opinion="favour", text="Fine.", by=row.reviewer, version=row.version)

    def declare(self) -> None:
        row = self.a_review()
        declare_conflict(review=row, kind="personal", text="A cousin.", by=row.reviewer)

    def settle(self) -> None:
        settle_conflict(
            review=self.a_review(), move=self.chance.choice(["waive", "recuse", "dismiss"]), plan="Two read.",
            by=self.chair(),
        )  # fmt: skip

    def ask(self) -> None:
        ask_applicants(case=self.case, text="Why?", by=self.chair())

    def reply(self) -> None:
        answer_question(question=self.one_of(self.case.asked.all()), text="So.", by=self.applicant())

    def decide(self) -> None:
        facts: dict[str, Any] = {"reason": self.chance.choice(["R", "R", ""])}
        decision = self.chance.choice(["approved", "approved_with_conditions", "rejected", "rejected", "returned"])
        if decision.startswith("approved"):
            facts |= {"valid_until": day(self.chance.choice([3, 30, -1])), "monitor_months": 1}
        if decision == "approved_with_conditions":
            due = self.chance.choice([None, day(2)])
            facts["conditions"] = [ConditionTerm("Masks", self.areas(), due), ConditionTerm("Talk", ["jobs"], day(1))]
        decide_case(case=self.case, decision=decision, blocks=self.areas(), by=self.chair(), **facts)

    def claim(self) -> None:
        claim_condition(condition=self.one_of(self.conditions()), evidence="Here.", by=self.applicant())

    def confirm(self) -> None:
        confirm_condition(condition=self.one_of(self.conditions()), evidence="Seen.", by=self.chair())

    def refuse(self) -> None:
        refuse_claim(condition=self.one_of(self.conditions()), reason=self.chance.choice(["N", ""]), by=self.chair())

    def correct(self) -> None:
        chance, case = self.chance, EthicsCase.objects.get(pk=self.case.pk)
        terms = {"valid_until": day(chance.choice([-1, 5, 50])), "blocks": chance.choice([[], ["jobs"], ["data"]])}
        fixes = [
            {"number": row.number, "due_on": chance.choice([None, day(3)]), "blocks": chance.choice([["jobs"], []])}
            for row in case.conditions.all()
        ]
        correct_decision(
            case=case, reason=chance.choice(["Slip", ""]), version=case.version, by=self.chair(),
            conditions=fixes if chance.random() < 0.5 else (), **terms,
        )  # fmt: skip

    def hold(self) -> None:
        move = self.chance.choice(["suspend", "resume", "resume", "revoke"])
        hold_case(case=self.case, move=move, reason=self.chance.choice(["R", ""]), by=self.chair())

    def report(self) -> None:
        report(case=self.case, kind="monitoring", text="Well.", by=self.applicant())

    def follow(self) -> None:
        self.case = follow_case(case=self.case, by=self.applicant())

    def appeal(self) -> None:
        against = self.case.decided_by_id
        appeal_case(case=self.case, text=self.chance.choice(["No!", "No!", ""]), by=self.applicant())
        self.appealed_against[self.case.pk] = against

    def wait(self) -> None:
        self.clock.shift(timedelta(days=self.chance.choice([1, 1, 2, 5])))

    # --- who and what
    def answers(self) -> dict[str, Any]:
        return self.chance.choice([SHORT, FULL])

    def areas(self) -> list[str]:
        return self.chance.choice([["jobs"], ["jobs", "data"], ["releases"], []])

    def applicant(self) -> Any:
        return self.chance.choice([*[self.panel.joint.lead] * 6, self.panel.joint.engineer, self.chairs[0]])

    def chair(self) -> Any:
        return self.chance.choice([*self.chairs * 4, self.panel.reviewers[0], self.panel.joint.lead])

    def a_review(self) -> EthicsReview:
        return self.one_of(self.case.reviews.select_related("reviewer", "case"))

    def conditions(self) -> Any:
        return EthicsCondition.objects.select_related("case", "condition").order_by("pk")

    def one_of(self, rows: Any) -> Any:
        found = list(rows)
        if not found:
            raise DomainError("there is none")
        return self.chance.choice(found)


@settings(
    max_examples=max(1, STEPS // TOGETHER),
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(seed=st.integers(0, 2**32))
def walk_all(panel: Panel, chairs: list, clock: Any, reached: set[str], seed: int) -> None:
    EthicsCase.objects.filter(state__in=sorted(HOLDING)).update(blocks_jobs=False)  # each walk begins unhindered
    walk = Walk(panel, chairs, clock, Random(seed))
    for _step in range(TOGETHER):
        walk.step()
    reached |= walk.reached


def test_a_case_walked_at_random(aurora):
    panel = Panel(aurora)
    chairs = [panel.chair, employ(person("Second Chair"), aurora.university, Role.ETHICS_CHAIR)]
    reached: set[str] = set()
    with time_machine.travel(timezone.now(), tick=False) as clock:
        walk_all(panel, chairs, clock, reached)
    assert reached >= {"draft", "submitted", "in_review"}
    if STEPS >= 5000:
        assert reached == {state.value for state in CaseState}
    assert first_break() is None
