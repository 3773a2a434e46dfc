"""A course taken at random by two people, with versions, attempts, certificates and days that pass: whether it counts
is what the rows say, answers are taken once, certificates keep to their table and check as they stand.

WALK_STEPS=10000 for the long walk.
"""

from __future__ import annotations

import os
from datetime import timedelta
from random import Random
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from collab.access.policy import can
from collab.audit.models import AuditEvent
from collab.audit.services import first_break
from collab.courses.certificates.checking import check_number
from collab.courses.certificates.models import Certificate, CertificateBatch
from collab.courses.certificates.services import (
    Achievement,
    Proposal,
    propose_certificates,
    reinstate_certificate,
    revoke_certificate,
    suspend_certificate,
)
from collab.courses.certificates.states import BATCH_MOVES, CERTIFICATE_MOVES, SIGNED
from collab.courses.conditions import set_condition
from collab.courses.editing import draft_version, publish_version
from collab.courses.models import Enrolment, QuizAttempt
from collab.courses.states import ATTEMPT_MOVES, ENROLMENT_MOVES
from collab.courses.taking import (
    answer_quiz,
    attempts_left,
    begin_quiz,
    enrol,
    finish_module,
    grant_attempt,
    leave_course,
    left_to_study,
    move_to_newer_version,
)
from collab.inbox.models import Request
from collab.inbox.services import decide_request, withdraw_request
from collab.kernel.errors import DomainError
from tests.collab.courses.conftest import School, a_course, right

pytestmark = pytest.mark.django_db
STEPS = int(os.environ.get("WALK_STEPS", "25"))
TOGETHER = 100 if STEPS > 1000 else 25  # steps of one walk
TABLES = {
    Enrolment: ENROLMENT_MOVES, QuizAttempt: ATTEMPT_MOVES, Certificate: CERTIFICATE_MOVES,
    CertificateBatch: BATCH_MOVES,
}  # fmt: skip
EDGES = {
    model: {(source, target) for sources, target in moves.table.values() for source in sources}
    for model, moves in TABLES.items()
}
ACTS = ("take", "take", "leave", "study", "study", "study", "begin", "begin", "answer", "answer", "answer", "again",
        "grant", "publish", "move", "change", "change", "propose", "decide", "take_back", "wait")  # fmt: skip


class Walk:
    def __init__(self, school: School, clock: Any, chance: Random) -> None:
        self.school, self.clock, self.chance = school, clock, chance
        self.people = [school.joint.engineer, school.joint.lead]
        self.reached: set[tuple[str, str]] = set()
        school.pass_course(self.people[0], school.course)  # further on than chance alone comes in few steps
        enrol(course=school.course, by=self.people[1])

    def step(self) -> None:
        act = self.chance.choice(ACTS)
        acts, states, rows = AuditEvent.objects.count(), self.states(), self.rows()
        try:
            getattr(self, act)()
        except DomainError:
            assert AuditEvent.objects.count() == acts, f"{act} was refused, yet it is in the history"
            assert self.rows() == rows, f"{act} was refused, yet something changed"
        self.check(act, states)

    def states(self) -> dict[Any, str]:
        return {pk: state for model in TABLES for pk, state in model.objects.values_list("pk", "state")}

    def rows(self) -> list[Any]:
        return [list(model.objects.order_by("pk").values()) for model in TABLES]

    def check(self, act: str, before: dict[Any, str]) -> None:
        now = timezone.now()
        for model in TABLES:
            for row in model.objects.all():
                was = before.get(row.pk, row.state)
                passes_at_once = model is Certificate and (was, row.state) == ("pending", "issued")
                assert was == row.state or passes_at_once or (was, row.state) in EDGES[model], (act, was, row.state)
                self.reached.add((model.__name__, row.state))
        for person in self.people:
            mine = list(Enrolment.objects.filter(person=person).select_related("certificate", "edition", "course"))
            assert sum(row.state == "enrolled" for row in mine) <= 1
            counts = any(
                row.state == "passed"
                and (row.valid_until is None or row.valid_until > now)
                and row.certificate.state == "issued"
                for row in mine
            )
            assert can(person, "job.submit", self.school.joint.project) == counts, (act, "counts other than it says")
            for row in mine:
                assert (row.certificate is not None) == (row.state == "passed")
                assert row.attempts.filter(state="open").count() <= (row.state == "enrolled")
                assert not [one for one in row.attempts.filter(passed=True) if row.state != "passed"]
                left = attempts_left(row)
                assert left is None or left >= 0
        for row in Certificate.objects.filter(state__in=sorted(SIGNED)):
            stands = {"issued": "expired" if row.has_expired(now) else "valid"}
            assert check_number(row.pk).finding == stands.get(row.state, row.state), act
        for batch in CertificateBatch.objects.all():
            told = {"waiting": {"pending"}, "issued": {*SIGNED}}.get(batch.state, {"rejected"})
            assert set(batch.certificates.values_list("state", flat=True)) <= told, act

    # --- what is tried
    def take(self) -> None:
        enrol(course=self.school.course, by=self.person())

    def leave(self) -> None:
        if self.chance.random() < 0.4:
            row = self.one_of(Enrolment.objects.select_related("person"))
            leave_course(enrolment=row, by=row.person)

    def study(self) -> None:
        row = self.one_of(Enrolment.objects.filter(state="enrolled").select_related("person", "edition"))
        left = left_to_study(row)
        if left:
            finish_module(enrolment=row, module=left[0], by=self.chance.choice([row.person, row.person, self.person()]))

    def begin(self) -> None:
        row = self.one_of(Enrolment.objects.filter(state="enrolled").select_related("person"))
        begin_quiz(enrolment=row, by=row.person)

    def answer(self) -> None:
        self.give(self.one_of(QuizAttempt.objects.filter(state="open").select_related("enrolment__person")))

    def again(self) -> None:
        """Answers that were sent before, or for an attempt that is over."""
        self.give(self.one_of(QuizAttempt.objects.exclude(state="open").select_related("enrolment__person")))

    def give(self, row: QuizAttempt) -> None:
        given = right(row.enrolment, faults=self.chance.choice([0, 0, 1]))
        asked = {one["id"] for one in row.asked}
        answer_quiz(attempt=row, answers={k: v for k, v in given.items() if k in asked}, by=row.enrolment.person)

    def grant(self) -> None:
        grant_attempt(enrolment=self.one_of(Enrolment.objects.all()), by=self.teacher())

    def publish(self) -> None:
        if self.chance.random() < 0.3:
            by = self.teacher()  # the same for both verbs: whoever may draft may publish
            publish_version(edition=draft_version(course=self.school.course, by=by), by=by)

    def move(self) -> None:
        row = self.one_of(Enrolment.objects.filter(state="enrolled").select_related("person"))
        move_to_newer_version(enrolment=row, by=self.chance.choice([row.person, row.person, self.person()]))

    def change(self) -> None:
        verb = self.chance.choice(
            [suspend_certificate, reinstate_certificate, reinstate_certificate, revoke_certificate]
        )
        verb(
            certificate=self.one_of(Certificate.objects.all()), reason=self.chance.choice(["R", "R", ""]),
            by=self.signatory(),
        )  # fmt: skip

    def propose(self) -> None:
        what = Achievement("Summer school", "Taught", "There to the end", kind="CertificateOfCompletion")
        source = self.one_of(Enrolment.objects.all()) if self.chance.random() < 0.5 else None
        people = self.people[: self.chance.choice([0, 1, 2])]
        propose_certificates(
            organisation=self.school.joint.university, title="Summer school", by=self.teacher(),
            proposals=[Proposal(one, what, source=source if one == self.people[0] else None) for one in people],
        )  # fmt: skip

    def decide(self) -> None:
        row = self.one_of(Request.objects.open().filter(topic="certificate_batch"))
        yes = self.chance.choice(["approved", "approved", "rejected"])
        decide_request(request=row, decision=yes, reason="R", by=self.signatory())

    def take_back(self) -> None:
        row = self.one_of(Request.objects.open().filter(topic="certificate_batch"))
        if self.chance.random() < 0.4:
            withdraw_request(request=row, by=self.school.teacher)

    def wait(self) -> None:
        self.clock.shift(self.chance.choice([timedelta(minutes=31), timedelta(days=3), timedelta(days=40)]))

    # --- who and what
    def person(self) -> Any:
        return self.chance.choice(self.people)

    def teacher(self) -> Any:
        return self.chance.choice([*[self.school.teacher] * 5, self.person()])

    def signatory(self) -> Any:
        return self.chance.choice([*[self.school.joint.university_signatory] * 4, self.school.teacher])

    def one_of(self, rows: Any) -> Any:
        found = list(rows.order_by("pk"))
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
def walk_all(school: School, clock: Any, reached: set[tuple[str, str]], seed: int) -> None:
    with transaction.atomic():
        start = timezone.now()
        walk = Walk(school, clock, Random(seed))
        for _step in range(TOGETHER):
            walk.step()
        assert first_break() is None
        reached |= walk.reached
        transaction.set_rollback(True)
    clock.move_to(start)


def test_a_course_walked_at_random(school):
    school.course = a_course(
        school.joint, school.teacher, "Short course", pass_mark=100, valid_months=1, minutes=30, attempts_max=2
    )
    school.joint.cover(reference="DUA-1")
    project = school.joint.project
    set_condition(project=project, course=school.course, needed_for="jobs", by=school.joint.lead)
    reached: set[tuple[str, str]] = set()
    with time_machine.travel(timezone.now(), tick=False) as clock:
        walk_all(school, clock, reached)
    assert ("Enrolment", "enrolled") in reached and len(reached) >= 4, reached
    if STEPS >= 5000:
        assert reached >= {(model.__name__, state) for model in TABLES for pair in EDGES[model] for state in pair}
