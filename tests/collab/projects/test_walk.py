"""A project walked at random: whatever is tried, it only ever moves along the table, and the history stays whole.

Run with WALK_STEPS=10000 for the long walk.
"""

from __future__ import annotations

import os
from datetime import timedelta
from random import Random

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from collab.access.roles import Role
from collab.agreements.models import AgreementVersion
from collab.agreements.services import draft_agreement, draft_version, send_for_signature, sign_version
from collab.audit.models import AuditEvent
from collab.audit.services import first_break
from collab.kernel.errors import DomainError
from collab.projects.models import ConflictOfInterest, PartyApproval, Project, ProjectParty, Review, ReviewStep
from collab.projects.services import (
    add_member,
    add_step,
    answer_approval,
    attest,
    create_project,
    decide_conflict,
    decide_step,
    declare_conflict,
    move_project,
    move_report,
    write_report,
    write_review,
)
from collab.projects.states import CONFLICT_MOVES, PROJECT_MOVES, ProjectState
from tests.cast import employ, organisation, person

pytestmark = pytest.mark.django_db
STEPS = int(os.environ.get("WALK_STEPS", "60"))
TOGETHER = min(STEPS, 500)  # steps of one walk
PLAIN = [("move", move) for move in PROJECT_MOVES.table]
OTHER = [
    ("review", "give"), ("step", "pass"), ("step", "refuse"), ("step", "return"), ("approval", "approve"),
    ("approval", "reject"), ("approval", "return"), ("agreement", "sign"), ("report", "write"), ("report", "submit"),
    ("report", "accept"), ("attest", "outputs"), ("attest", "data"), ("conflict", "declare"), ("conflict", "waive"),
    ("conflict", "recuse"), ("conflict", "dismiss"),
]  # fmt: skip
# What could succeed in a state, and by whom.
LIKELY = [
    ("move", "submit", "lead", "proposal"), ("review", "give", "one", "under_review"),
    ("step", "pass", "chair", "under_review"), ("step", "return", "chair", "under_review"),
    ("conflict", "declare", "one", "under_review"), ("conflict", "waive", "chair", "under_review"),
    ("conflict", "recuse", "chair", "under_review"), ("conflict", "dismiss", "chair", "under_review"),
    ("move", "ask_approval", "lead", "under_review"), ("approval", "approve", "chancellor", "in_approval"),
    ("approval", "approve", "director", "in_approval"), ("approval", "approve", "director", "in_approval"),
    ("approval", "reject", "director", "in_approval"), ("agreement", "sign", "lead", "contracting"),
    ("move", "begin", "lead", "contracting"), ("move", "wind_up", "lead", "active"),
    ("report", "write", "lead", "closing"), ("report", "submit", "lead", "closing"),
    ("report", "accept", "engineer", "closing"), ("attest", "outputs", "chancellor", "closing"),
    ("attest", "data", "chancellor", "closing"), ("attest", "outputs", "director", "closing"),
    ("attest", "data", "director", "closing"), ("move", "close", "lead", "closing"),
]  # fmt: skip
WHO = ["lead", "chair", "one", "chancellor", "director", "engineer", "stranger"]


class Walk:
    """One project and everybody who may, or may not, move it."""

    def __init__(self) -> None:
        self.here, self.there = organisation("Riverside"), organisation("Northwind", "company")
        self.lead = employ(person("Lead"), self.here)
        self.engineer = employ(person("Engineer"), self.there)
        self.chancellor = employ(person("Chancellor"), self.here, Role.SIGNATORY)
        self.director = employ(person("Director"), self.there, Role.SIGNATORY)
        self.chair, self.one, self.stranger = person("Chair"), person("One"), person("Stranger")
        self.begin()

    def begin(self) -> None:
        """A new project, when the last one has come to an end that allows no move."""
        self.project = create_project(
            title="Walk", summary="S", lead_organisation=self.here, partners=[self.there], by=self.lead, state="idea"
        )
        add_member(project=self.project, user=self.engineer, organisation=self.there, role=Role.ENGINEER, by=self.lead)
        add_step(project=self.project, name="Step", chair=self.chair, reviewers=[self.one], by=self.lead)

    def state(self) -> str:
        return Project.objects.values_list("state", flat=True).get(pk=self.project.pk)

    def act(self, kind: str, what: str, by) -> None:  # type: ignore[no-untyped-def]
        project = Project.objects.get(pk=self.project.pk)
        if kind == "move":
            move_project(project=project, move=what, by=by, reason="Because.")
        elif kind == "review":
            review = Review.objects.get(step__project=project, round=project.round)
            write_review(
                review=review, by=by, version=review.version, answers={}, recommendation="approve", submit=True
            )
        elif kind == "step":
            decide_step(step=ReviewStep.objects.get(project=project), move=what, by=by, reason="Because.")
        elif kind == "approval":
            mine = self.there if by == self.director else self.here
            approval = PartyApproval.objects.get(project=project, round=project.round, party__organisation=mine)
            answer_approval(approval=approval, decision=what, by=by, reason="Because.")
        elif kind == "conflict":
            self.judge(project, what, by)
        elif kind == "agreement":
            self.sign(project)
        elif kind == "report":
            report = project.reports.get(kind="final")
            if what == "write":
                write_report(report=report, by=by, version=report.version, summary="Done.")
            else:
                move_report(report=report, move=what, by=by)
        elif kind == "attest":
            mine = self.there if by == self.director else self.here
            party = ProjectParty.objects.get(project=project, organisation=mine)
            attest(party=party, kind=what, ending="none" if what == "data" else "", by=by)

    def judge(self, project: Project, what: str, by) -> None:  # type: ignore[no-untyped-def]
        """A reviewer says what might sway them, or the chair says what follows."""
        review = Review.objects.get(step__project=project, round=project.round)
        if what == "declare":
            declare_conflict(review=review, by=by, kind="professional", text="We wrote a paper.")
            return
        conflict = review.conflicts.order_by("pk").last()
        if conflict is None:
            raise ConflictOfInterest.DoesNotExist
        decide_conflict(conflict=conflict, move=what, by=by, plan="The chair reads it too.")

    def conflicts(self) -> dict[object, str]:
        return dict(ConflictOfInterest.objects.values_list("pk", "state"))

    def sign(self, project: Project) -> None:
        """The agreement that the work waits for, where contracting has begun."""
        if (
            project.state != ProjectState.CONTRACTING
            or AgreementVersion.objects.filter(agreement__project=project).exists()
        ):
            return
        agreement = draft_agreement(
            project=project, reference=f"W-{project.slug}", kind="collaboration", title="Together", by=self.lead
        )
        version = draft_version(
            agreement=agreement, text="Together.", effective_on=timezone.localdate() - timedelta(days=1), by=self.lead,
            parties=[self.here, self.there],
        )  # fmt: skip
        version = send_for_signature(version=version, by=self.lead)
        for signer, party in ((self.chancellor, self.here), (self.director, self.there)):
            version = sign_version(
                version=version, party=party, typed_name=signer.name, capacity="Director",
                document_sha256=version.document_sha256, by=signer,
            )  # fmt: skip


def reachable(before: str, after: str) -> bool:
    """Whether the table has a move from one state to the other."""
    return before == after or any(
        PROJECT_MOVES.allows(move, before) and PROJECT_MOVES.target(move) == after for move in PROJECT_MOVES.table
    )


def step(random: Random, state: str) -> tuple[str, str, str]:
    """What is tried next: often what could succeed, often not, and by anybody."""
    dice = random.random()
    if dice < 0.2:
        kind, what = random.choice(OTHER + PLAIN)
        return kind, what, random.choice(WHO)
    if dice < 0.9:
        return random.choice([one for one in LIKELY if one[3] == state] or [("move", "propose", "lead", "")])[:3]
    return "move", random.choice(PROJECT_MOVES.open_from(state) or ["submit"]), "lead"


@settings(
    max_examples=STEPS // TOGETHER,
    deadline=None,
    derandomize=STEPS < 1000,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(seed=st.integers(min_value=0, max_value=2**64))
@example(seed=7)
def walk(seed: int) -> None:
    random = Random(seed)
    with transaction.atomic():
        made = Walk()
        seen, recused = set(), False
        for _number in range(TOGETHER):
            before, acts, declared = made.state(), AuditEvent.objects.count(), made.conflicts()
            seen.add(before)
            kind, what, who = step(random, before)
            by = getattr(made, who)
            try:
                with transaction.atomic():
                    made.act(kind, what, by)
            except (
                DomainError,
                Review.DoesNotExist,
                PartyApproval.DoesNotExist,
                ConflictOfInterest.DoesNotExist,
                made.project.reports.model.DoesNotExist,
            ):
                assert (made.state(), AuditEvent.objects.count()) == (before, acts), (kind, what, "half-done")
            else:
                after = made.state()
                assert reachable(before, after), (kind, what, before, after)
                for pk, state in made.conflicts().items():
                    was = declared.get(pk, state)
                    assert state == was or (CONFLICT_MOVES.allows(what, was) and CONFLICT_MOVES.target(what) == state)
                    recused |= state == "recused"
                assert after == before or AuditEvent.objects.count() > acts, (kind, what, "not in the history")
                if after == ProjectState.ACTIVE and before == ProjectState.CONTRACTING:
                    assert AgreementVersion.objects.filter(agreement__project=made.project, state="executed").exists()
            if made.state() in {"closed", "terminated"}:
                made.begin()
        assert first_break() is None
        assert len(seen) >= 4 and (recused or TOGETHER < 500), seen
        transaction.set_rollback(True)


def test_a_random_walk_keeps_to_the_table():
    walk()


def test_the_whole_way_is_walked_in_order():
    """The same steps in the right order lead to the end, so the walk tries what can succeed."""
    made = Walk()
    for kind, what, who in (
        ("move", "propose", "lead"), ("move", "submit", "lead"), ("review", "give", "one"), ("step", "pass", "chair"),
        ("move", "ask_approval", "lead"), ("approval", "approve", "chancellor"), ("approval", "approve", "director"),
        ("agreement", "sign", "lead"), ("move", "begin", "lead"), ("move", "wind_up", "lead"),
        ("report", "write", "lead"), ("report", "submit", "lead"), ("report", "accept", "engineer"),
        ("attest", "outputs", "chancellor"), ("attest", "data", "chancellor"), ("attest", "outputs", "director"),
        ("attest", "data", "director"), ("move", "close", "lead"),
    ):  # fmt: skip
        made.act(kind, what, getattr(made, who))
    assert made.state() == "closed" and first_break() is None
