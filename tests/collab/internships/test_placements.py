"""From an accepted offer to the evaluations: each step needs what the one before left; access follows the dates."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.utils import timezone

from collab.access.policy import can
from collab.access.roles import ROLE_WORDS, Role
from collab.accounts.models import Membership
from collab.internships.models import Evaluation, Placement
from collab.internships.placements.approving import answer_placement
from collab.internships.placements.caring import answer_log, evaluate, settle_note, write_log, write_note
from collab.internships.placements.services import change_mentor, edit_placement, move_placement, onboard
from collab.internships.placements.signing import draft_learning_agreement, propose_change, sign_as_student
from collab.kernel.errors import ConflictError, InvalidError, NotFoundError, NotReadyError, RefusedError
from collab.projects.services import add_member
from tests.collab.internships.season import Season, season, sign_parties

pytestmark = pytest.mark.django_db


@pytest.fixture
def summer(aurora) -> Season:
    return season(aurora)


def codes(refused) -> set[str]:
    return {item.code for item in refused.value.missing}


def test_each_step_names_what_is_missing_before_it(summer):
    student = summer.student()
    placement = summer.accepted(student)
    with pytest.raises(NotReadyError) as refused:
        answer_placement(placement=placement, organisation=summer.company, approve=True, by=summer.host)
    assert codes(refused) == {"no_mentor"}
    with pytest.raises(ConflictError):  # the university is asked once the host has said yes
        answer_placement(placement=placement, organisation=summer.university, approve=True, by=summer.coordinator)
    placement = edit_placement(placement=placement, by=summer.host, version=placement.version, mentor=summer.mentor)
    placement = answer_placement(placement=placement, organisation=summer.company, approve=True, by=summer.host)
    with pytest.raises(NotReadyError) as refused:
        answer_placement(placement=placement, organisation=summer.university, approve=True, by=summer.coordinator)
    assert codes(refused) == {
        "no_supervisor", "no_outcomes", "no_monitoring", "no_reason_for_dates", "no_host_agreement"
    }  # fmt: skip
    placement = summer.described(Placement.objects.get(pk=placement.pk))
    assert placement.state == "proposed" and placement.approved_by_host is None  # changed terms void the approval
    placement = summer.approved(placement)
    edit_placement(placement=placement, by=summer.coordinator, version=placement.version, insurer="")
    with pytest.raises(NotReadyError) as refused:
        draft_learning_agreement(placement=placement, governing_law="Scotland", by=summer.coordinator)
    assert codes(refused) == {"no_insurance"}


def test_three_sign_one_hash_and_the_student_alone_does_not_do(summer):
    student = summer.student()
    placement = summer.approved(summer.described(summer.accepted(student)))
    version = draft_learning_agreement(placement=placement, governing_law="Scotland", by=summer.coordinator)
    wrong = {"placement": placement, "typed_name": student.name, "by": student}
    with pytest.raises(ConflictError):
        sign_as_student(document_sha256="0" * 64, **wrong)
    with pytest.raises(InvalidError):
        sign_as_student(document_sha256=version.document_sha256, **(wrong | {"typed_name": "Somebody"}))
    with pytest.raises(RefusedError):  # nobody signs for the student
        sign_as_student(document_sha256=version.document_sha256, **(wrong | {"by": summer.mentor}))
    sign_as_student(document_sha256=version.document_sha256, **wrong)
    placement.refresh_from_db()
    assert placement.state == "out_for_signature"
    sign_parties(summer.joint, version)
    placement.refresh_from_db()
    assert placement.state == "signed"
    assert student.name in version.text and "A talk every second week" in version.text
    with pytest.raises(NotReadyError) as refused:
        onboard(placement=placement, by=summer.coordinator)
    assert codes(refused) == {"no_emergency_contact"}


def test_access_begins_and_ends_with_the_placement_to_the_second(summer):
    student = summer.student()
    placement = summer.ready(student)
    project, second = summer.joint.project, timedelta(seconds=1)
    seen = {}
    for name, at in {
        "before": placement.begins_at - second,
        "first": placement.begins_at,
        "last": placement.is_over_at - second,
        "after": placement.is_over_at,
    }.items():
        with time_machine.travel(at, tick=False):
            seen[name] = (can(student, "project.view", project), can(student, "job.submit", project))
    assert seen == {"before": (False, False), "first": (True, True), "last": (True, True), "after": (False, False)}


def test_an_intern_holds_less_than_any_member_who_works(summer):
    for role in (Role.LEAD, Role.RESEARCHER):
        assert ROLE_WORDS[Role.INTERN] - {"organisation.view"} < ROLE_WORDS[role]
    never = {"dataset.upload", "model.download", "model.register", "budget.view", "audit.view", "publication.view"}
    assert not never & ROLE_WORDS[Role.INTERN]
    with pytest.raises(InvalidError):  # nobody gives it by hand
        add_member(
            project=summer.joint.project, user=summer.supervisor, organisation=summer.university, role=Role.INTERN,
            by=summer.joint.lead,
        )  # fmt: skip


def test_what_ends_it_ends_the_access_in_the_same_moment(summer):
    student = summer.student()
    placement = summer.ready(student)
    project = summer.joint.project
    with time_machine.travel(placement.begins_at + timedelta(days=3), tick=False):
        placement = move_placement(placement=placement, move="suspend", reason="Ill", by=summer.coordinator)
        assert not can(student, "project.view", project)
        placement = move_placement(placement=placement, move="resume", by=summer.coordinator)
        assert can(student, "project.view", project)
        placement = move_placement(placement=placement, move="terminate", reason="Over", by=summer.coordinator)
        assert not can(student, "project.view", project)
    assert not Membership.objects.filter(user=student, project=project).active(placement.is_over_at).exists()


def test_a_change_counts_once_all_three_have_signed_it(summer):
    student = summer.student()
    placement = summer.ready(student)
    last = placement.ends_on + timedelta(weeks=2)
    version = propose_change(placement=placement, reason="More to learn", by=summer.coordinator, ends_on=last)
    sign_parties(summer.joint, version)
    placement.refresh_from_db()
    assert placement.ends_on != last and placement.pending
    sign_as_student(placement=placement, typed_name=student.name, document_sha256=version.document_sha256, by=student)
    placement.refresh_from_db()
    assert placement.ends_on == last and not placement.pending
    with time_machine.travel(placement.is_over_at - timedelta(seconds=1), tick=False):
        assert can(student, "project.view", summer.joint.project)
    with time_machine.travel(placement.is_over_at, tick=False):
        assert not can(student, "project.view", summer.joint.project)


def test_log_feedback_evaluation_and_completion(summer):
    student = summer.student()
    placement = summer.ready(student)
    with time_machine.travel(placement.begins_at + timedelta(days=40), tick=False):
        day = placement.starts_on + timedelta(days=1)
        entry = write_log(placement=placement, day=day, hours=Decimal(7), text="Read", by=student)
        with pytest.raises(InvalidError):
            write_log(
                placement=placement,
                day=timezone.localdate() + timedelta(days=1),
                hours=Decimal(7),
                text="?",
                by=student,
            )
        with pytest.raises(RefusedError):
            answer_log(entry=entry, confirm=True, by=summer.supervisor)
        entry = answer_log(entry=entry, confirm=False, remark="More, please", by=summer.mentor)
        entry = write_log(placement=placement, day=day, hours=Decimal(8), text="Read and wrote", by=student)
        entry = answer_log(entry=entry, confirm=True, by=summer.mentor)
        with pytest.raises(ConflictError):  # what was confirmed stays
            write_log(placement=placement, day=day, hours=Decimal(9), text="Even more", by=student)
        feedback = write_note(
            placement=placement, kind="feedback", text="Good", verdict="extend", weeks=2, by=summer.mentor
        )
        settle_note(note=feedback, settlement="Agreed with the host", by=summer.coordinator)
        placement.refresh_from_db()
        assert placement.pending  # nothing is extended before all have signed
        evaluate(placement=placement, scores={"work": 5, "learning": 4, "teamwork": 3}, by=summer.mentor)
        assert not Evaluation.objects.published().exists()
        with pytest.raises(ConflictError):
            evaluate(placement=placement, scores={"work": 1, "learning": 1, "teamwork": 1}, by=summer.mentor)
        evaluate(placement=placement, scores={"guidance": 4, "tasks": 4, "conditions": 4}, by=student)
        assert [row.total for row in Evaluation.objects.published()] == [Decimal("4.00"), Decimal("4.33")]
        with pytest.raises(NotReadyError) as refused:
            move_placement(placement=placement, move="complete", by=summer.coordinator)
        assert codes(refused) == {"not_over"}
    with time_machine.travel(placement.is_over_at, tick=False):
        assert move_placement(placement=placement, move="complete", by=summer.coordinator).state == "completed"


def test_a_mentor_is_not_the_student_and_belongs_to_the_host(summer):
    student = summer.student()
    placement = summer.accepted(student)
    for wrong in (student, summer.supervisor):
        with pytest.raises(InvalidError):
            edit_placement(placement=placement, by=summer.host, version=placement.version, mentor=wrong)
    with pytest.raises(RefusedError):  # each side writes its own part
        edit_placement(placement=placement, by=student, version=placement.version, mentor=summer.mentor)
    with pytest.raises(NotFoundError):  # rivals see nothing
        edit_placement(placement=placement, by=summer.student("Rival"), version=placement.version)
    placement = edit_placement(placement=placement, by=summer.host, version=placement.version, mentor=summer.mentor)
    other = summer.joint.engineer
    change_mentor(placement=placement, mentor=other, reason="On leave", by=summer.host)
    assert placement.notes.get().kind == "mentor"
