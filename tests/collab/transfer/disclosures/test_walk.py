"""A case walked at random: whatever is tried, it moves along its table only, shares stay 100, signatures hold for what
they were given on, nobody decides what they proposed, and the history stays whole. WALK_STEPS=10000 for the long walk.
"""

from __future__ import annotations

import os
from decimal import Decimal
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from collab.audit.models import AuditEvent
from collab.audit.services import first_break
from collab.inbox.models import Request
from collab.kernel.errors import DomainError
from collab.transfer.disclosures.assessing import ask_assessor, declare_conflict, recuse_assessor, write_assessment
from collab.transfer.disclosures.models import CaseStage, Inventor, TransferCase
from collab.transfer.disclosures.services import (
    advance_case,
    decide_case,
    move_case,
    pass_check,
    propose_decision,
    reconsider_case,
    reopen_case,
    resume_case,
    return_case,
    submit_disclosure,
    take_up,
    withdraw_disclosure,
)
from collab.transfer.disclosures.states import CASE_MOVES, ENDED, PIPELINE, UNDECIDED, CaseDecision, CaseState
from collab.transfer.disclosures.writing import (
    InventorTerm,
    edit_disclosure,
    set_inventors,
    sign_disclosure,
    step_back,
)
from tests.cast import Joint, employ, person
from tests.collab.transfer.disclosures.test_services import again, disclosed, officer_of

pytestmark = pytest.mark.django_db
STEPS = int(os.environ.get("WALK_STEPS", "90"))
ACTS = ("begin", "edit", "name", "sign", "back_out", "submit", "take", "give_back", "complete", "ask", "declare",
        "score", "recuse", "propose", "decide", "resume", "reconsider", "reopen",
        "move", "advance", "withdraw")  # fmt: skip
ONWARD = {
    CaseState.DRAFT: ("sign", "sign", "sign", "submit"),
    CaseState.RETURNED: ("sign", "sign", "submit"),
    CaseState.SUBMITTED: ("take",),
    CaseState.COMPLETENESS_CHECK: ("complete",),
    CaseState.UNDER_ASSESSMENT: ("ask", "declare", "score", "propose", "decide"),
    CaseState.DECIDED: ("advance", "move", "resume", "reconsider"),
    **dict.fromkeys(sorted(ENDED), ("begin", "begin", "reopen")),
}
EDGES = {(source, target) for sources, target in CASE_MOVES.table.values() for source in sources}


class Walk:
    def __init__(self, joint: Joint, people: dict, chance: Random) -> None:
        self.joint, self.people, self.chance = joint, people, chance
        self.case = again(disclosed(joint))
        self.reached: set[str] = set()

    def step(self) -> None:
        state = CaseState(self.case.state)
        onward = ONWARD.get(state, ("advance", "move") if state in PIPELINE else ("begin",))
        act = self.chance.choice(ACTS if self.chance.random() < 0.3 else onward)
        before, acts = self.case.state, AuditEvent.objects.count()
        old = self.case.pk
        try:
            getattr(self, act)()
            done = True
        except DomainError:
            done = False
        self.case = again(self.case)
        if not done:
            assert AuditEvent.objects.count() == acts, f"{act} was refused, yet it is in the history"
        self.check(act, before if self.case.pk == old else None)

    def check(self, act: str, before: str | None) -> None:
        case = self.case
        self.reached.add(case.state)
        assert before in {None, case.state} or (before, case.state) in EDGES, (act, before, case.state)
        inventors = list(case.disclosure.inventors.all())
        assert sum((row.share_percent for row in inventors), Decimal(0)) == 100
        digest = case.disclosure.document_sha256()
        assert all(row.signed_hash in {"", digest} for row in inventors), act
        if case.state not in {"draft", "returned", "withdrawn"}:
            assert all(row.signed_hash == digest for row in inventors)
        assert bool(case.decision) == (case.state not in UNDECIDED)
        if case.decision:
            asked = Request.objects.filter(topic="transfer.decision", subject_id=str(case.pk), state="approved")
            assert not asked.filter(asked_by=case.decided_by).exists()
        stages = CaseStage.objects.filter(case=case)
        assert stages.filter(left_at=None).get().state == case.state

    # --- what is tried
    def begin(self) -> None:
        if self.case.state in ENDED or self.chance.random() < 0.1:
            self.case = again(disclosed(self.joint))

    def edit(self) -> None:
        edit_disclosure(case=self.case, by=self.inventor(), version=self.version(), summary=f"S{self.chance.random()}")

    def name(self) -> None:
        first = Decimal(self.chance.randint(1, 1_000_000)) / 10_000
        joint = self.joint
        people = [joint.researcher, self.chance.choice([joint.engineer, joint.lead])]
        shares = [first, 100 - first + self.chance.choice([0, 0, Decimal("0.0001")])]
        terms = [InventorTerm(share, person=user) for share, user in zip(shares, people, strict=True)]
        set_inventors(case=self.case, inventors=terms, by=self.inventor(), version=self.version())

    def sign(self) -> None:
        row = self.chance.choice(list(Inventor.objects.filter(disclosure__case=self.case)))
        digest = self.case.disclosure.document_sha256() if self.chance.random() < 0.9 else "0" * 64
        sign_disclosure(case=self.case, typed_name=row.name, document_sha256=digest, by=row.person)

    def back_out(self) -> None:
        if self.chance.random() < 0.3:
            step_back(case=self.case, by=self.inventor(), reason="Not mine.")

    def submit(self) -> None:
        submit_disclosure(case=self.case, by=self.inventor())

    def withdraw(self) -> None:
        if self.chance.random() < 0.2:
            withdraw_disclosure(case=self.case, by=self.inventor(), reason="No.")

    def take(self) -> None:
        take_up(case=self.case, by=self.officer(), version=self.version())

    def give_back(self) -> None:
        return_case(case=self.case, by=self.officer(), version=self.version(), reason="More.")

    def complete(self) -> None:
        pass_check(case=self.case, by=self.officer(), version=self.version())

    def ask(self) -> None:
        ask_assessor(case=self.case, assessor=self.chance.choice(self.people["experts"]), by=self.officer())

    def declare(self) -> None:
        declare_conflict(assessment=self.assessment(), conflict=self.chance.choice(["", "", "A cousin."]),
                         by=self.chance.choice(self.people["experts"]))  # fmt: skip

    def score(self) -> None:
        row = self.assessment()
        write_assessment(
            assessment=row, by=row.assessor, version=row.version, recommendation="protect",
            scores={one.criterion_id: (self.chance.randint(0, 10), "") for one in row.scores.all()},
            submit=self.chance.random() < 0.8,
        )  # fmt: skip

    def recuse(self) -> None:
        recuse_assessor(assessment=self.assessment(), by=self.officer())

    def propose(self) -> None:
        decision = self.chance.choice([*CaseDecision, "protect", "protect"])
        propose_decision(case=self.case, decision=decision, reason="R", by=self.officer(), version=self.version())

    def decide(self) -> None:
        by = self.chance.choice([*self.people["officers"], self.joint.researcher])
        decide_case(case=self.case, agrees=self.chance.random() < 0.8, by=by, version=self.version(), reason="R")

    def resume(self) -> None:
        resume_case(case=self.case, by=self.officer(), version=self.version())

    def reconsider(self) -> None:
        if self.chance.random() < 0.3:
            reconsider_case(case=self.case, by=self.officer(), version=self.version(), reason="New facts.")

    def reopen(self) -> None:
        reopen_case(case=self.case, by=self.officer(), version=self.version(), reason="By mistake.")

    def move(self) -> None:
        stage = self.chance.choice([*PIPELINE, CaseState.ABANDONED, CaseState.WITHDRAWN])
        move_case(case=self.case, stage=stage, by=self.officer(), version=self.version(),
                  reason=self.chance.choice(["", "R"]))  # fmt: skip

    def advance(self) -> None:
        stage = self.chance.choice([*PIPELINE, CaseState.EXPIRED, CaseState.CLOSED])
        advance_case(case=self.case, stage=stage, by=None, back=self.chance.random() < 0.2)

    def version(self) -> int:
        return self.case.version - (self.chance.random() < 0.05)

    def inventor(self):
        return self.chance.choice([self.joint.researcher, self.joint.researcher, self.joint.engineer])

    def officer(self):
        return self.chance.choice([*self.people["officers"], self.people["officers"][0]])

    def assessment(self):
        rows = list(self.case.assessments.filter(round=self.case.round))
        if not rows:
            raise DomainError("nobody assesses it")
        return self.chance.choice(rows)


@settings(
    max_examples=max(1, STEPS // 90),
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(seed=st.integers(0, 2**32))
def walk_all(joint: Joint, people: dict, reached: set[str], seed: int) -> None:
    walk = Walk(joint, people, Random(seed))
    for _step in range(90):
        walk.step()
    reached |= walk.reached


def test_a_case_walked_at_random(aurora):
    people = {
        "officers": [officer_of(aurora), officer_of(aurora, "Other")],
        "experts": [employ(person(f"Expert {number}"), aurora.university) for number in range(3)],
    }
    reached: set[str] = set()

    walk_all(aurora, people, reached)

    assert {"draft", "submitted", "under_assessment"} <= reached
    if STEPS >= 5000:
        assert reached == {state.value for state in CaseState}
    assert TransferCase.objects.exists() and first_break() is None
