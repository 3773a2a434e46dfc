"""Postings, applications with interviews, placements with log book, notes and learning agreements, walked at random by
students, hosts, coordinators and days that pass: each moves along its table only, seats are never exceeded, signed
terms change by three signatures alone, an intern reads the project only while the placement runs, and refusals leave
nothing. WALK_STEPS=10000 for the long walk.
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from collab.access.policy import can
from collab.accounts.models import Membership
from collab.agreements.services import decline_version
from collab.audit.models import AuditEvent
from collab.audit.services import first_break
from collab.courses.certificates.models import Certificate
from collab.courses.certificates.states import LIVE
from collab.inbox.models import Request
from collab.inbox.services import decide_request
from collab.internships.applications.deciding import (
    decide_application,
    expire_offers,
    make_offer,
    propose_times,
    renew_offer,
)
from collab.internships.applications.services import (
    answer_offer,
    begin_application,
    choose_time,
    decline_times,
    submit_application,
    withdraw_application,
    write_application,
)
from collab.internships.applications.states import APPLICATION_MOVES, HOLDS_SEAT
from collab.internships.models import (
    Application,
    Evaluation,
    Interview,
    LogEntry,
    Placement,
    PlacementNote,
    Posting,
    StudentSignature,
)
from collab.internships.placements.approving import answer_placement
from collab.internships.placements.attesting import attest_placement
from collab.internships.placements.caring import answer_log, evaluate, settle_note, write_log, write_note
from collab.internships.placements.services import change_mentor, edit_placement, move_placement, onboard
from collab.internships.placements.signing import (
    decline_as_student,
    draft_learning_agreement,
    propose_change,
    sign_as_student,
    version_to_sign,
)
from collab.internships.placements.states import LOG_MOVES, PLACEMENT_MOVES
from collab.internships.programmes.services import move_posting, write_posting
from collab.internships.programmes.states import POSTING_MOVES
from collab.kernel.errors import DomainError
from tests.collab.internships.season import Season, posting_facts, season, sign_parties

pytestmark = pytest.mark.django_db
STEPS = int(os.environ.get("WALK_STEPS", "60"))
TOGETHER = 90 if STEPS > 1000 else 60  # steps of one walk
EDGES = {
    table: {(source, target) for sources, target in moves.table.values() for source in sources}
    for table, moves in (
        (Posting, POSTING_MOVES), (Application, APPLICATION_MOVES), (Placement, PLACEMENT_MOVES), (LogEntry, LOG_MOVES)
    )
}  # fmt: skip
ACTS = ("apply", "send", "withdraw", "decide", "interview", "offer", "answer", "expire", "describe", "approve",
        "send_back", "draft", "sign", "decline", "contact", "onboard", "log", "confirm", "evaluate", "move", "change",
        "attest", "wait", "choose", "note", "settle", "mentor", "places")  # fmt: skip
APPLYING = ("apply", "apply", "send", "send", "offer", "offer", "answer", "answer", "decide", "interview",
            "choose", "places")  # fmt: skip
MOVES = ("suspend", "resume", "resume", "complete", "complete", "fail", "cancel", "terminate")
TERMS = ("starts_on", "ends_on", "hours", "pay", "credits", "tasks", "outcomes", "monitoring")
ONWARD = {
    "proposed": ("describe", "approve", "approve", "approve"),
    "host_approved": ("approve", "approve", "send_back"),
    "approved": ("draft", "draft", "describe"),
    "out_for_signature": ("sign", "sign", "sign", "decline"),
    "signed": ("contact", "onboard", "onboard"),
    "onboarded": ("log", "confirm", "evaluate", "evaluate", "move", "change", "sign", "decline", "wait", "note",
                  "settle", "mentor"),
    "suspended": ("move", "move", "wait", "note", "settle"),
    "completed": ("attest", "attest"),
}  # fmt: skip


class Walk:
    def __init__(self, summer: Season, students: list, clock: Any, chance: Random) -> None:
        self.summer, self.students, self.clock, self.chance = summer, students, clock, chance
        self.posting = summer.offer(
            title=f"Posting {Posting.objects.count()}", places=2, project=summer.joint.project,
            starts_on=timezone.localdate() + timedelta(days=2), ends_on=timezone.localdate() + timedelta(days=9),
        )  # fmt: skip
        self.reached: set[str] = set()
        summer.posting = self.posting
        begun = (summer.accepted, lambda one: summer.described(summer.accepted(one)), summer.ready)
        # Further on than chance alone comes in few steps; the short walk begins with terms that are signed.
        (summer.ready if STEPS < 1000 else chance.choice(begun))(students[0])
        self.first = ["change"] if STEPS < 1000 else []

    def step(self) -> None:
        onward = [act for state in self.placements().values_list("state", flat=True) for act in ONWARD.get(state, ())]
        act = self.chance.choice(ACTS if self.chance.random() < 0.3 else [*onward, *APPLYING][:10])
        act = self.first.pop() if self.first else act
        acts, states, rows, signed = AuditEvent.objects.count(), self.states(), self.rows(), self.signed()
        try:
            getattr(self, act)()
        except DomainError:
            assert AuditEvent.objects.count() == acts, f"{act} was refused, yet it is in the history"
            assert self.rows() == rows, f"{act} was refused, yet something changed"
        self.check(act, states)
        self.check_terms(act, signed)

    def states(self) -> dict[Any, str]:
        return {row.pk: row.state for table in EDGES for row in table.objects.all()}

    def signed(self) -> dict[Any, tuple[Any, ...]]:
        """The terms of the placements that are signed and go on, with how many versions all three have signed."""
        return {
            row.pk: (*(getattr(row, name) for name in TERMS), self.versions(row))
            for row in Placement.objects.filter(state__in=["signed", "onboarded", "suspended"])
        }

    def versions(self, placement: Placement) -> int:
        own = StudentSignature.objects.filter(placement=placement)
        return own.filter(version_signed__executed_at__isnull=False).count()

    def check_terms(self, act: str, before: dict[Any, tuple[Any, ...]]) -> None:
        now = self.signed()
        for key in before.keys() & now.keys():
            assert before[key] == now[key] or before[key][-1] < now[key][-1], (act, "changed without three signatures")
        assert all(terms[-1] >= 1 for terms in now.values()), (act, "signed, and not by three")
        for row in Placement.objects.filter(pk__in=now).select_related("agreement"):
            version = row.agreement.versions.standing().get()
            assert row.pending or StudentSignature.objects.filter(version_signed=version).exists(), (act, version)
        for row in Interview.objects.exclude(chosen_at=None):
            assert row.chosen_at in row.moments, act
        for note in PlacementNote.objects.exclude(settled_at=None):
            assert note.kind in {"incident", "feedback"} and note.settlement, act

    def rows(self) -> list[Any]:
        tables: list[Any] = [
            *EDGES, Membership, Request, Evaluation, Certificate, Interview, PlacementNote, StudentSignature
        ]  # fmt: skip
        return [list(table.objects.order_by("pk").values()) for table in tables]

    def check(self, act: str, before: dict[Any, str]) -> None:
        for row in [row for table in EDGES for row in table.objects.all()]:
            was = before.get(row.pk, row.state)
            # accepting withdraws the others; a changed term sends back, and is asked for anew
            assert was == row.state or (was, row.state) in EDGES[type(row)], (act, type(row).__name__, was, row.state)
            self.reached.add(row.state)
        seats = Counter(Application.objects.exclude(seat=None).values_list("posting", flat=True))
        places = dict(Posting.objects.values_list("pk", "places"))
        assert all(taken <= places[pk] for pk, taken in seats.items()), (act, "more seats than places")
        assert set(Application.objects.exclude(seat=None).values_list("state", flat=True)) <= HOLDS_SEAT
        project, now = self.summer.joint.project, timezone.now()
        for student in self.students:
            runs = any(row.gives_access and row.runs(now) for row in student.placements.all())
            assert can(student, "project.view", project) == runs, (act, "access without a placement that runs, or none")
        for row in Placement.objects.all():
            mine = Certificate.objects.filter(source_id=str(row.pk), state__in=sorted(LIVE))
            assert mine.count() <= (1 if row.state == "completed" else 0), act
            if row.state == "completed":
                assert row.evaluations.published().count() == 2 and now >= row.is_over_at
            asked = Request.objects.open().filter(topic="placement", subject_id=str(row.pk)).count()
            least, most = {"proposed": (0, 1), "host_approved": (1, 1)}.get(row.state, (0, 0))  # 0: it was sent back
            assert least <= asked <= most, (act, row.state, asked)

    # --- what is tried: applications
    def apply(self) -> None:
        student = self.student()
        draft = begin_application(posting=self.posting, by=student)
        write_application(application=draft, by=student, version=draft.version, statement="Me.")

    def send(self) -> None:
        row = self.an_application()
        submit_application(application=row, by=row.candidate, version=row.version)

    def withdraw(self) -> None:
        row = self.an_application()
        if self.chance.random() < 0.3:
            withdraw_application(application=row, by=row.candidate)

    def decide(self) -> None:
        move = self.chance.choice(["shortlist", "shortlist", "reject", "reconsider", "retract"])
        decide_application(application=self.an_application(), move=move, reason="R", by=self.of_host())

    def interview(self) -> None:
        soon = timezone.now() + timedelta(days=self.chance.choice([-1, 1, 2]))
        propose_times(application=self.an_application(), times=[soon], by=self.of_host())

    def choose(self) -> None:
        found = Interview.objects.filter(application__posting=self.posting).select_related("application__candidate")
        row = self.one_of(found.order_by("pk"))
        if self.chance.random() < 0.2:
            decline_times(interview=row, reason="In June", by=row.application.candidate)
            return
        moment = self.chance.choice([*row.moments, *row.moments, row.moments[0] + timedelta(hours=1)])
        choose_time(interview=row, moment=moment, by=row.application.candidate)

    def places(self) -> None:
        """Another posting is written, or moves on."""
        others = list(Posting.objects.filter(title="More").order_by("pk"))
        if not others:
            facts = posting_facts(title="More")
            write_posting(cohort=self.summer.cohort, organisation=self.summer.company, by=self.summer.host, **facts)
            return
        move = self.chance.choice(["submit", "publish", "publish", "return", "close", "reopen", "withdraw"])
        by = self.summer.coordinator if move in {"publish", "return"} else self.summer.host
        move_posting(posting=self.chance.choice(others), move=move, reason="R", by=by)

    def offer(self) -> None:
        row = self.an_application()
        again = row.shown_state in {"offer_expired", "declined"}
        (renew_offer if again else make_offer)(application=row, by=self.of_host())

    def answer(self) -> None:
        row = self.an_application()
        answer_offer(application=row, accept=self.chance.random() < 0.85, by=row.candidate)

    def expire(self) -> None:
        expire_offers()

    # --- placements
    def describe(self) -> None:
        row = self.a_placement()
        if row.supervisor is None:
            self.summer.described(row)
        else:
            tasks = f"Tasks {self.chance.random()}"
            edit_placement(placement=row, by=self.summer.mentor, version=row.version, tasks=tasks)

    def approve(self) -> None:
        organisation = self.chance.choice([self.summer.company, self.summer.university])
        by = self.chance.choice([self.summer.host, self.summer.coordinator])
        answer_placement(placement=self.a_placement(), organisation=organisation, approve=True, by=by)

    def send_back(self) -> None:
        organisation, by = self.chance.choice(
            [(self.summer.company, self.summer.host), (self.summer.university, self.summer.coordinator)]
        )
        answer_placement(placement=self.a_placement(), organisation=organisation, approve=False, reason="R", by=by)

    def draft(self) -> None:
        draft_learning_agreement(placement=self.a_placement(), governing_law="Scotland", by=self.coordinator())

    def sign(self) -> None:
        row = self.a_placement()
        version = version_to_sign(row)
        if version is None:
            raise DomainError("nothing to sign")
        if self.chance.random() < 0.5:
            digest = version.document_sha256 if self.chance.random() < 0.9 else "0" * 64
            sign_as_student(placement=row, typed_name=row.student.name, document_sha256=digest, by=row.student)
        elif version.state == "out_for_signature":
            sign_parties(self.summer.joint, version)

    def decline(self) -> None:
        row = self.a_placement()
        version = version_to_sign(row)
        if version is None or version.state != "out_for_signature" or self.chance.random() < 0.5:
            decline_as_student(placement=row, reason="No.", by=row.student)
        else:
            joint = self.summer.joint
            decline_version(version=version, party=joint.company, reason="No.", by=joint.company_signatory)

    def contact(self) -> None:
        row = self.a_placement()
        edit_placement(
            placement=row, by=row.student, version=row.version, contact_name="A parent", contact_phone="+44 20 123"
        )

    def onboard(self) -> None:
        onboard(placement=self.a_placement(), by=self.coordinator())

    def log(self) -> None:
        row = self.a_placement()
        day = timezone.localdate() - timedelta(days=self.chance.choice([0, 0, 1]))
        write_log(placement=row, day=day, hours=Decimal(7), text="Work", by=row.student)

    def confirm(self) -> None:
        entry = LogEntry.objects.filter(placement=self.a_placement()).select_related("placement").first()
        if entry is not None:
            by = self.chance.choice([self.summer.mentor, self.summer.mentor, self.summer.supervisor])
            answer_log(entry=entry, confirm=self.chance.random() < 0.8, remark="More", by=by)

    def note(self) -> None:
        row, kind = self.a_placement(), self.chance.choice(["check_in", "feedback", "feedback", "incident"])
        verdict = self.chance.choice(["continue", "extend", "end"]) if kind == "feedback" else ""
        weeks = self.chance.choice([1, 1, None]) if verdict == "extend" else None
        by = self.chance.choice([self.summer.mentor, self.summer.mentor, row.student])
        write_note(placement=row, kind=kind, text="Well", verdict=verdict, weeks=weeks, by=by)

    def settle(self) -> None:
        notes = PlacementNote.objects.filter(placement=self.a_placement()).select_related("placement", "author")
        settle_note(note=self.one_of(notes.order_by("pk")), settlement="Done", by=self.coordinator())

    def mentor(self) -> None:
        row = self.a_placement()
        other = self.chance.choice([self.summer.mentor, self.summer.host, row.student])
        change_mentor(placement=row, mentor=other, reason="R", by=self.coordinator())

    def evaluate(self) -> None:
        row = self.a_placement()
        by = self.chance.choice([self.summer.mentor, row.student])
        about = ("work", "learning", "teamwork") if by == self.summer.mentor else ("guidance", "tasks", "conditions")
        evaluate(placement=row, scores=dict.fromkeys(about, self.chance.choice([1, 5, 5, 6])), by=by)

    def move(self) -> None:
        move = self.chance.choice(MOVES)
        move_placement(placement=self.a_placement(), move=move, reason="R", by=self.coordinator())

    def change(self) -> None:
        row = self.a_placement()
        last = row.ends_on + timedelta(days=self.chance.choice([-3, 4]))
        propose_change(placement=row, reason="R", ends_on=last, by=self.coordinator())

    def attest(self) -> None:
        batch = attest_placement(placement=self.a_placement(), by=self.coordinator())
        asked = Request.objects.open().get(topic="certificate_batch", subject_id=str(batch.pk))
        yes = "approved" if self.chance.random() < 0.7 else "rejected"
        decide_request(request=asked, decision=yes, reason="R", by=self.summer.joint.university_signatory)

    def wait(self) -> None:
        self.clock.shift(timedelta(days=self.chance.choice([1, 1, 3, 8])))

    # --- who and what
    def student(self) -> Any:
        return self.chance.choice(self.students)

    def of_host(self) -> Any:
        return self.chance.choice([*[self.summer.host] * 5, self.summer.coordinator])

    def coordinator(self) -> Any:
        return self.chance.choice([*[self.summer.coordinator] * 5, self.summer.host])

    def an_application(self) -> Application:
        return self.one_of(self.posting.applications.select_related("candidate", "posting").order_by("pk"))

    def placements(self) -> Any:
        return Placement.objects.with_names().filter(posting=self.posting).order_by("pk")

    def a_placement(self) -> Placement:
        return self.one_of(self.placements())

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
def walk_all(summer: Season, clock: Any, reached: set[str], seed: int) -> None:
    with transaction.atomic():  # each walk begins anew, in an open cohort
        start = timezone.now()
        students = [summer.student(f"Student {number}") for number in range(3)]
        walk = Walk(summer, students, clock, Random(seed))
        for _step in range(TOGETHER):
            walk.step()
        assert first_break() is None
        reached |= walk.reached
        transaction.set_rollback(True)
    clock.move_to(start)


def test_internships_walked_at_random(aurora):
    reached: set[str] = set()
    summer = season(aurora)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        walk_all(summer, clock, reached)
    assert reached >= {"onboarded"} and len(reached) >= 5, reached
    if STEPS >= 5000:
        assert reached >= {"onboarded", "suspended", "completed", "terminated", "failed", "cancelled"}, reached
