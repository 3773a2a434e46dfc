"""From an accepted offer to the evaluations: each step needs what the one before left; access follows the dates."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import jwt
import pytest
import time_machine
from django.utils import timezone, translation

from collab.access.policy import can, holders, party_of
from collab.access.roles import ROLE_WORDS, Role
from collab.access.why import explain, roles_held
from collab.accounts.models import Membership
from collab.agreements.models import AgreementVersion
from collab.agreements.services import (
    decline_version,
    draft_agreement,
    draft_version,
    send_for_signature,
    withdraw_version,
)
from collab.audit.services import first_break
from collab.courses.certificates.checking import check
from collab.courses.certificates.models import Certificate
from collab.inbox.models import Notification, Obligation, Request
from collab.inbox.services import decide_request
from collab.internships.applications.deciding import make_offer
from collab.internships.models import Application, Evaluation, Placement
from collab.internships.placements.approving import answer_placement
from collab.internships.placements.attesting import _evidence, attest_cohort, attest_placement
from collab.internships.placements.caring import answer_log, evaluate, settle_note, write_log, write_note
from collab.internships.placements.framing import open_frame
from collab.internships.placements.services import (
    change_mentor,
    change_supervisor,
    edit_placement,
    move_placement,
    onboard,
)
from collab.internships.placements.signing import (
    draft_learning_agreement,
    propose_change,
    sign_as_student,
    version_to_sign,
)
from collab.internships.programmes.questions import default_criteria
from collab.kernel.errors import ConflictError, InvalidError, NotFoundError, NotReadyError, RefusedError
from collab.projects.models import Project
from collab.projects.services import add_member
from collab.projects.services.parties import leave_party
from tests.cast import employ, person
from tests.collab.internships.season import Season, belongs, season, sign_parties
from tests.pages import as_, text

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


def test_what_was_sent_back_is_asked_anew_once_it_is_written_at(summer):
    placement = summer.described(summer.accepted(summer.student()))
    placement = answer_placement(placement=placement, organisation=summer.company, approve=True, by=summer.host)
    placement = answer_placement(
        placement=placement, organisation=summer.university, approve=False, reason="Which tasks?", by=summer.coordinator
    )
    assert placement.state == "proposed"
    with pytest.raises(ConflictError):
        answer_placement(placement=placement, organisation=summer.company, approve=True, by=summer.host)
    edit_placement(
        placement=placement, by=summer.mentor, version=placement.version, tasks="Clean the corpus, and say how."
    )
    assert summer.approved(Placement.objects.get(pk=placement.pk)).state == "approved"


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


def test_the_access_ends_when_the_host_leaves_the_project(summer):
    student = summer.student()
    placement = summer.ready(student)
    project, party = summer.joint.project, summer.joint.project.parties.get(organisation=summer.company)
    with time_machine.travel(placement.begins_at + timedelta(days=3), tick=False):
        page = placement.get_absolute_url()
        client = as_(student)
        assert can(student, "project.view", project) and "with access to the project" in text(client.get(page))
        party.left_on = timezone.localdate()
        party.save()  # as the row says it, before any verb has ended a role
        assert placement.membership.ends_at > timezone.now(), "the dates alone would let the intern in"
        assert not can(student, "project.view", project)
        assert not Project.objects.visible_to(student).filter(pk=project.pk).exists()
        assert not party_of(student, project.pk).exists()
        assert student not in holders("project.view", project.pk)
        seen = text(client.get(page))
        assert "Northwind left the project on" in seen and "with access to the project" not in seen
        # Where the project is seen through another role, the refusal says whose leaving it is.
        Membership.objects.create(
            user=student, organisation=summer.university, project=project, role=Role.OBSERVER,
            starts_at=timezone.now(),
        )  # fmt: skip
        told = explain(student, "job.submit", project)
        assert [one.code for one in told.missing][:1] == ["host_left"] and "Northwind" in told.missing[0].sentence
        assert not [one for one in roles_held(student, "job.submit", project, timezone.now()) if one.code == "role"]


def test_a_host_that_leaves_ends_the_roles_of_its_interns_and_a_later_one_opens_none(summer):
    student, second = summer.student(), summer.student("Second")
    placement = summer.ready(student)
    summer.posting = summer.offer(title="Another")
    waits = summer.signed(summer.approved(summer.described(summer.accepted(second))))
    waits = edit_placement(
        placement=waits, by=second, version=waits.version, contact_name="A parent", contact_phone="+44 20 123"
    )
    Placement.objects.filter(pk=waits.pk).update(project=summer.joint.project, gives_access=True)
    party = summer.joint.project.parties.get(organisation=summer.company)
    at = placement.begins_at + timedelta(days=3)
    with time_machine.travel(at, tick=False):
        leave_party(party=party, by=summer.joint.lead)
        placement.membership.refresh_from_db()
        assert placement.membership.ends_at == at
        assert Notification.objects.filter(person=student, title__contains="host has left").count() == 1
        assert onboard(placement=waits, by=summer.coordinator).membership is None
        placement = move_placement(placement=placement, move="suspend", reason="Ill", by=summer.coordinator)
        placement = move_placement(placement=placement, move="resume", by=summer.coordinator)
        assert not can(student, "project.view", summer.joint.project)
    assert not Membership.objects.filter(user=student, role=Role.INTERN).active(at).exists()


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


def test_a_placement_that_is_cancelled_frees_seat_and_student(summer):
    student, second = summer.student(), summer.student("Second")
    waits = summer.apply(second)
    placement = summer.accepted(student)
    with pytest.raises(ConflictError):
        make_offer(application=waits, by=summer.host)
    move_placement(placement=placement, move="cancel", reason="The team moves", by=summer.coordinator)
    application = Application.objects.get(pk=placement.application_id)
    assert (application.state, application.seat, application.reason) == ("withdrawn", None, "The team moves")
    assert application.events.order_by("created_at").last().reason == "The team moves"
    assert Notification.objects.filter(person=student, title__contains="apply again").exists()
    assert make_offer(application=waits, by=summer.host).seat == 1
    summer.posting = summer.offer(title="Another")
    assert summer.accepted(student).state == "proposed"  # the cohort is open to the student again


def test_a_placement_that_is_terminated_frees_the_seat_until_it_is_over_and_ends_its_agreement(summer):
    placement = summer.ready(summer.student())
    propose_change(placement=placement, reason="Less to do", by=summer.coordinator, hours=20)
    with time_machine.travel(placement.begins_at + timedelta(days=3), tick=False):
        placement = move_placement(placement=placement, move="terminate", reason="Over", by=summer.coordinator)
    placement.application.refresh_from_db()
    assert (placement.application.state, placement.application.seat) == ("withdrawn", None)
    states = placement.agreement.versions.order_by("number").values_list("state", flat=True)
    assert list(states) == ["terminated", "withdrawn"] and not placement.pending
    assert not Request.objects.open().filter(topic="agreement.signature").exists()


def test_what_is_out_for_signature_is_taken_back_with_the_placement(summer):
    placement = summer.approved(summer.described(summer.accepted(summer.student())))
    version = draft_learning_agreement(placement=placement, governing_law="Scotland", by=summer.coordinator)
    placement = move_placement(placement=placement, move="cancel", reason="No visa", by=summer.coordinator)
    version.refresh_from_db()
    assert (placement.state, version.state) == ("cancelled", "withdrawn")


def test_a_declined_agreement_brings_the_terms_back_and_a_declined_change_is_off(summer):
    joint = summer.joint
    placement = summer.approved(summer.described(summer.accepted(summer.student())))
    version = draft_learning_agreement(placement=placement, governing_law="Scotland", by=summer.coordinator)
    decline_version(version=version, party=joint.company, reason="Too few hours", by=joint.company_signatory)
    placement.refresh_from_db()
    assert placement.state == "approved"
    placement = edit_placement(placement=placement, by=summer.host, version=placement.version, hours=38)
    placement = summer.signed(summer.approved(placement))
    placement = edit_placement(
        placement=placement,
        by=placement.student,
        version=placement.version,
        contact_name="A",
        contact_phone="+44 20 123",
    )
    placement, reason = onboard(placement=placement, by=summer.coordinator), placement.dates_reason
    later = placement.ends_on + timedelta(weeks=1)
    version = propose_change(placement=placement, reason="A week more", by=summer.coordinator, ends_on=later)
    withdraw_version(version=version, by=summer.coordinator)
    placement.refresh_from_db()
    assert (placement.state, placement.pending, placement.dates_reason) == ("onboarded", {}, reason)
    summer.sign(placement, propose_change(placement=placement, reason="Yes", by=summer.coordinator, ends_on=later))
    placement.refresh_from_db()
    assert (placement.ends_on, placement.dates_reason, placement.pending) == (later, "Yes", {})


def test_a_supervisor_who_left_is_replaced_and_keeps_nobody_from_writing(summer):
    student = summer.student()
    placement = summer.signed(summer.approved(summer.described(summer.accepted(student))))
    assert placement in Placement.objects.visible_to(summer.supervisor)
    belongs(summer.supervisor).delete()
    belongs(summer.mentor).delete()
    for gone in (summer.supervisor, summer.mentor):
        assert placement not in Placement.objects.visible_to(gone)
    facts = {"contact_name": "A parent", "contact_phone": "+44 20 123"}
    placement = edit_placement(placement=placement, by=student, version=placement.version, **facts)
    with pytest.raises(InvalidError):
        change_supervisor(placement=placement, supervisor=summer.host, reason="Left", by=summer.coordinator)
    with pytest.raises(RefusedError):
        change_supervisor(placement=placement, supervisor=summer.coordinator, reason="Left", by=summer.host)
    other = employ(person("Other"), summer.university)
    assert as_(summer.coordinator).get(f"{placement.get_absolute_url()}supervisor/").status_code == 200
    change_supervisor(placement=placement, supervisor=other, reason="Left", by=summer.coordinator)
    change_mentor(placement=placement, mentor=summer.joint.engineer, reason="Left too", by=summer.host)
    assert onboard(placement=placement, by=summer.coordinator).supervisor == other
    assert set(placement.notes.values_list("kind", flat=True)) == {"supervisor", "mentor"}


def test_nobody_approves_or_moves_their_own_placement(summer):
    both = employ(summer.student("Both"), summer.university, Role.COORDINATOR)
    placement = summer.described(summer.accepted(both))
    placement = answer_placement(placement=placement, organisation=summer.company, approve=True, by=summer.host)
    for act in (
        lambda: answer_placement(placement=placement, organisation=summer.university, approve=True, by=both),
        lambda: move_placement(placement=placement, move="cancel", reason="Mine", by=both),
    ):
        with pytest.raises(RefusedError) as refused:
            act()
        assert codes(refused) == {"own_case"}


def test_criteria_and_evidence_speak_the_language_of_the_reader(summer):
    row = Evaluation(criteria=default_criteria(), scores={})
    with translation.override("zh-hans"):
        assert "Quality of the work" not in [one["label"] for one in row.rows()]
    placement = summer.ready(summer.student())
    names = [one["name"] for one in _evidence(placement, Decimal("7.5"))]
    assert len(names) == 2 and all(" · " in name for name in names)


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


def completed(summer: Season, student) -> Placement:
    """The last day is over, log book and both evaluations are in."""
    placement = summer.ready(student)
    with time_machine.travel(placement.begins_at + timedelta(days=9), tick=False):
        entry = write_log(placement=placement, day=placement.starts_on, hours=Decimal("7.5"), text="Read", by=student)
        answer_log(entry=entry, confirm=True, by=summer.mentor)
        evaluate(placement=placement, scores={"work": 5, "learning": 4, "teamwork": 3}, by=summer.mentor)
        evaluate(placement=placement, scores={"guidance": 4, "tasks": 4, "conditions": 4}, by=student)
    with time_machine.travel(placement.is_over_at, tick=False):
        return move_placement(placement=placement, move="complete", by=summer.coordinator)


def test_without_a_joint_project_the_agreements_are_kept_in_a_frame_of_the_two(summer, client):
    joint, coordinator, student = summer.joint, summer.coordinator, summer.student()
    summer.posting = summer.offer(title="Lab work")
    placement = summer.accepted(student)
    client.force_login(coordinator)
    went = client.post(f"/internships/placements/{placement.pk}/frame/")
    frame = Project.objects.get(is_frame=True)
    assert went.url == f"/projects/{frame.slug}/agreements/new/"
    assert open_frame(placement=placement, by=coordinator) == frame, "the two have one"
    with pytest.raises(NotFoundError):
        open_frame(placement=placement, by=summer.supervisor)

    host = draft_agreement(project=frame, reference="HOST-9", kind="internship", title="Host agreement", by=coordinator)
    version = draft_version(
        agreement=host, text="Northwind takes interns.", effective_on=timezone.localdate(), by=coordinator,
        parties=[joint.university, joint.company],
    )  # fmt: skip
    sign_parties(joint, send_for_signature(version=version, by=coordinator))
    placement = summer.described(placement)
    edit_placement(placement=placement, by=coordinator, version=placement.version, host_agreement=host)
    placement = summer.signed(summer.approved(fresh(placement)))
    assert (placement.state, placement.project, placement.agreement.project) == ("signed", None, frame)
    placement = edit_placement(
        placement=placement, by=student, version=placement.version, contact_name="A", contact_phone="+44 20 123"
    )
    onboard(placement=placement, by=coordinator)
    assert not Membership.objects.filter(project=frame).exists(), "no work is done in it, so nobody has a role in it"

    assert not Project.objects.visible_to(coordinator).filter(pk=frame.pk).exists()
    assert "No joint project" in client.get(frame.get_absolute_url()).content.decode()
    assert frame.slug not in [row["slug"] for row in client.get("/api/v1/projects/").json()["results"]]
    with pytest.raises(ConflictError, match="only keeps agreements"):
        add_member(project=frame, user=joint.lead, organisation=joint.university, role=Role.RESEARCHER, by=joint.lead)


def fresh(row):
    return type(row).objects.get(pk=row.pk)


def test_nobody_is_asked_to_renew_a_learning_agreement(summer):
    """It ends with the placement; what is due on its last day is settled once the placement is completed."""
    student, lead = summer.student(), summer.joint.lead
    placement = summer.ready(student)
    dates = Obligation.objects.open().filter(source_id=str(version_to_sign(placement).pk), kind="expiry")
    with time_machine.travel(placement.is_over_at + timedelta(days=2), tick=False):
        assert dates.count() == 1 and dates.get().is_overdue
        seen = text(as_(lead).get("/"))
        assert placement.agreement.reference not in seen.split('id="waiting"')[1].split("</section>")[0]
        due = AgreementVersion.objects.to_renew(timezone.localdate())
        assert not due.filter(agreement=placement.agreement).exists()
    summer.posting = summer.offer(title="Another")
    done = completed(summer, summer.student("Second"))
    assert done.state == "completed"
    assert not Obligation.objects.open().filter(source_id=str(version_to_sign(done).pk)).exists()
    assert version_to_sign(done).state == "executed", "it runs out by itself"


def test_a_completed_placement_is_attested_and_its_certificate_verifies(summer):
    student = summer.student()
    early = summer.ready(student)
    with pytest.raises(ConflictError):
        attest_placement(placement=early, by=summer.coordinator)
    move_placement(placement=early, move="terminate", reason="Moves away", by=summer.coordinator)
    second = summer.student("Second")
    summer.posting = summer.offer(title="More corpus work", project=summer.joint.project)
    done = completed(summer, second)
    with time_machine.travel(done.is_over_at, tick=False):
        url = done.get_absolute_url()
        assert f"{url}certificate/" in text(as_(summer.coordinator).get(url))
        assert as_(summer.host).post(f"{url}certificate/").status_code == 403  # the host does not attest
        with pytest.raises(RefusedError):
            attest_placement(placement=done, by=summer.mentor)
        assert as_(summer.coordinator).post(f"{url}certificate/").status_code == 302
        with pytest.raises(ConflictError):  # one for each placement
            attest_placement(placement=done, by=summer.coordinator)
        with pytest.raises(ConflictError):  # nor a second time with the cohort
            attest_cohort(cohort=summer.cohort, by=summer.coordinator)
        certificate = Certificate.objects.get()
        assert (certificate.state, certificate.organisation) == ("pending", summer.university)
        asked = Request.objects.open().get(topic="certificate_batch")
        with pytest.raises(RefusedError):  # somebody else
            decide_request(request=asked, decision="approved", by=summer.coordinator)
        decide_request(request=asked, decision="approved", by=summer.joint.university_signatory)
        certificate.refresh_from_db()
        assert check(certificate.credential).finding == "valid"
        assert (certificate.kind, certificate.title_zh) == ("Fieldwork", "在Northwind的实习：More corpus work")
        claims = jwt.decode(certificate.credential, options={"verify_signature": False})
        told = claims["credentialSubject"]["achievement"]["description"]
        assert "Clean the corpus." in told and "900" not in told  # neither pay nor scores
        assert certificate.public_url in text(as_(second).get(url))
        assert certificate.public_url not in text(as_(summer.mentor).get(url))
        found = as_(second).get(f"/api/v1/placements/{done.pk}/").json()
        assert found["certificate"] == certificate.public_url


def test_a_cohort_is_attested_in_one_batch(summer):
    summer.posting = summer.offer(title="Many", places=3, project=summer.joint.project)
    done = [completed(summer, summer.student(name)) for name in ("One", "Two")]
    with time_machine.travel(done[0].is_over_at, tick=False):
        board = f"{summer.cohort.get_absolute_url()}board/"
        assert f"{summer.cohort.get_absolute_url()}certificates/" in text(as_(summer.coordinator).get(board))
        response = as_(summer.coordinator).post(f"/api/v1/cohorts/{summer.cohort.pk}/certificates/")
        assert response.status_code == 201
        assert len(response.json()["certificates"]) == 2
        asked = Request.objects.open().get(topic="certificate_batch")
        decide_request(request=asked, decision="rejected", reason="Hours?", by=summer.joint.university_signatory)
        again = attest_cohort(cohort=summer.cohort, by=summer.coordinator)  # a batch that was rejected leaves the way
        assert again.certificates.count() == 2 and first_break() is None
