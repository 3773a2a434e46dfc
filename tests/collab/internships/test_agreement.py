"""The learning agreement where it does not go straight to three signatures: returned by an approval, declined."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from collab.access.roles import Role
from collab.agreements.approvals import Approval
from collab.agreements.approving import add_step, approve_step, return_step
from collab.agreements.models import AgreementVersion
from collab.agreements.services import (
    decline_beside,
    draft_version,
    send_for_signature,
    suspend_version,
    terminate_version,
)
from collab.audit.models import AuditEvent
from collab.inbox.models import Notification, Obligation, Request
from collab.internships.models import Placement
from collab.internships.placements.services import edit_placement
from collab.internships.placements.signing import (
    decline_as_student,
    draft_learning_agreement,
    propose_change,
    signed_version,
    take_back_agreement,
)
from collab.kernel.errors import ConflictError, InvalidError, RefusedError
from tests.cast import employ, person, token_for
from tests.collab.internships.season import Season, season, sign_parties
from tests.pages import as_, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def summer(aurora) -> Season:
    return season(aurora)


def open_step() -> Approval:
    return Approval.objects.select_related("version", "step").get(state="open")


def fresh(row):
    return type(row).objects.get(pk=row.pk)


def test_what_an_approval_returned_is_taken_back_changed_and_written_anew(summer):
    registrar = employ(person("Registrar"), summer.company, Role.ORGANISATION_ADMIN)
    add_step(organisation=summer.company, name="Legal", by=registrar)
    placement = summer.approved(summer.described(summer.accepted(summer.student())))
    page, api = placement.get_absolute_url(), f"/api/v1/placements/{placement.pk}/"
    version = draft_learning_agreement(placement=placement, governing_law="Scotland", by=summer.coordinator)
    browser = as_(summer.coordinator)
    shown = text(browser.get(page))
    assert version.get_absolute_url() in shown and "Internal review" in shown, "its state is shown, and it opens"
    assert f"{page}agreement/" not in shown and f"{page}take-back/" not in shown
    assert browser.post(f"{api}agreement/take-back/").status_code == 409
    return_step(approval=open_step(), by=registrar, reason="Too many hours")
    shown = text(browser.get(page))
    assert f"{page}take-back/" in shown and f"{page}agreement/" not in shown
    assert f"{page}take-back/" not in text(as_(placement.student).get(page))
    assert as_(placement.student).post(f"{api}agreement/take-back/").status_code == 403
    assert browser.post(f"{api}agreement/take-back/").json()["state"] == "approved"
    assert fresh(version).state == "withdrawn"
    placement = fresh(placement)
    edit_placement(placement=placement, by=summer.host, version=placement.version, hours=30)
    placement = summer.approved(fresh(placement))
    draft_learning_agreement(placement=placement, governing_law="Scotland", by=summer.coordinator)
    version = approve_step(approval=open_step(), by=registrar)
    summer.sign(fresh(placement), send_for_signature(version=version, by=summer.coordinator))
    assert (fresh(placement).state, fresh(placement).hours) == ("signed", 30)


def test_the_page_links_what_may_be_opened(summer):
    placement = summer.signed(summer.approved(summer.described(summer.accepted(summer.student()))))
    links = {
        "agreement": placement.agreement.get_absolute_url(),
        "host": placement.host_agreement.get_absolute_url(),
        "project": placement.project.get_absolute_url(),
    }
    shown = text(as_(summer.coordinator).get(placement.get_absolute_url()))
    for name, url in links.items():
        assert (f'href="{url}' in shown) == (as_(summer.coordinator).get(url).status_code == 200), name
    assert f'href="{links["agreement"]}' in shown
    student = text(as_(placement.student).get(placement.get_absolute_url()))
    assert not [url for url in links.values() if f'href="{url}' in student]


def test_a_student_declines_the_agreement_and_its_terms_can_be_changed(summer):
    placement = summer.approved(summer.described(summer.accepted(summer.student())))
    version = draft_learning_agreement(placement=placement, governing_law="Scotland", by=summer.coordinator)
    page, student = f"{placement.get_absolute_url()}decline/", placement.student
    assert page in text(as_(student).get(placement.get_absolute_url()))
    assert page not in text(as_(summer.coordinator).get(placement.get_absolute_url()))
    with pytest.raises(RefusedError):
        decline_as_student(placement=placement, reason="No", by=summer.mentor)
    with pytest.raises(InvalidError):
        decline_as_student(placement=placement, reason=" ", by=student)
    Notification.objects.all().delete()
    assert as_(student).post(page, {"reason": "Too far away"}).status_code == 302
    assert (fresh(placement).state, fresh(version).state, fresh(version).ended_as, fresh(version).reason) == (
        "approved", "withdrawn", "declined", "Too far away",
    )  # fmt: skip
    assert not Request.objects.open().filter(topic="agreement.signature").exists()
    assert Notification.objects.filter(person=summer.coordinator).exists()
    with pytest.raises(ConflictError):
        decline_as_student(placement=placement, reason="Again", by=student)
    version = draft_learning_agreement(placement=fresh(placement), governing_law="Scotland", by=summer.coordinator)
    sign_parties(summer.joint, version)
    api = f"/api/v1/placements/{placement.pk}/agreement/decline/"
    bearer = {"Authorization": f"Bearer {token_for(student)}"}
    client = as_(student)
    client.logout()
    refused = client.post(api, {"reason": "By token"}, "application/json", headers=bearer)
    assert refused.status_code == 403, "a token signs nothing, and declines nothing"
    done = as_(student).post(api, {"reason": "Still too far"}, "application/json")
    assert done.json()["state"] == "approved" and fresh(version).state == "terminated"


def test_a_student_declines_a_change_and_the_placement_stays_as_it_is(summer):
    placement = summer.ready(summer.student())
    hours = placement.hours
    propose_change(placement=placement, reason="More", by=summer.coordinator, hours=40)
    decline_as_student(placement=placement, reason="Exams", by=placement.student)
    placement = Placement.objects.get(pk=placement.pk)
    assert (placement.state, placement.hours, placement.pending) == ("onboarded", hours, {})
    later = placement.ends_on + timedelta(weeks=1)
    propose_change(placement=placement, reason="A week more", by=summer.coordinator, ends_on=later)


def test_a_student_declines_a_change_that_the_two_have_signed_and_the_version_before_is_in_force_again(summer):
    placement = summer.ready(summer.student())
    ends = placement.membership.ends_at
    before = signed_version(placement)
    later = placement.ends_on + timedelta(weeks=1)
    version = propose_change(placement=placement, reason="A week more", by=summer.coordinator, ends_on=later)
    sign_parties(summer.joint, version)
    assert fresh(before).state == "superseded"
    with pytest.raises(ConflictError):  # or what the student signs would not be what is written into the placement
        propose_change(placement=fresh(placement), reason="More", by=summer.coordinator, hours=40)
    decline_as_student(placement=placement, reason="Exams", by=placement.student)
    assert (fresh(version).state, fresh(before).state) == ("terminated", "executed")
    assert (fresh(before).replaced_by, fresh(before).replaced_on, fresh(before).ended_at) == (None, None, None)
    in_force = AgreementVersion.objects.in_force(placement.begins_at).filter(agreement=placement.agreement)
    assert in_force.get() == before == signed_version(fresh(placement))
    assert Obligation.objects.filter(source_id=str(before.pk), kind="expiry", settled_at=None).exists()
    assert AuditEvent.objects.filter(verb="agreement.reinstate", subject_id=str(before.pk)).count() == 1
    placement = fresh(placement)
    assert (placement.ends_on, placement.pending, fresh(placement.membership).ends_at) == (
        later - timedelta(weeks=1), {}, ends,
    )  # fmt: skip
    version = propose_change(placement=placement, reason="A week more", by=summer.coordinator, ends_on=later)
    summer.sign(placement, version)
    assert (fresh(before).state, fresh(version).state, fresh(placement).ends_on) == ("superseded", "executed", later)


def test_a_version_that_was_suspended_is_so_again_when_the_change_is_declined(summer):
    placement = summer.ready(summer.student())
    before = suspend_version(version=signed_version(placement), reason="Strike", by=summer.joint.lead)
    version = propose_change(placement=placement, reason="More", by=summer.coordinator, hours=40)
    sign_parties(summer.joint, version)
    decline_as_student(placement=placement, reason="Exams", by=placement.student)
    assert (fresh(before).state, fresh(before).reason) == ("suspended", "Strike")


def test_a_change_terminated_before_the_student_signed_it_leaves_the_version_before_in_force(summer):
    placement = summer.ready(summer.student())
    before = signed_version(placement)
    version = propose_change(placement=placement, reason="More", by=summer.coordinator, hours=40)
    sign_parties(summer.joint, version)
    terminate_version(version=version, reason="Not needed", by=summer.joint.lead)
    assert (fresh(version).state, fresh(before).state) == ("terminated", "executed")
    in_force = AgreementVersion.objects.in_force(placement.begins_at).filter(agreement=placement.agreement)
    assert in_force.get() == before
    assert (fresh(placement).pending, fresh(placement).hours) == ({}, placement.hours)
    version = propose_change(placement=fresh(placement), reason="More", by=summer.coordinator, hours=40)
    summer.sign(fresh(placement), version)
    terminate_version(version=version, reason="Over", by=summer.joint.lead)
    assert (fresh(version).state, fresh(before).state) == ("terminated", "superseded"), "all three had signed it"


def test_what_came_back_is_looked_for_once_the_placement_is_held(summer):
    """Not in the row that was read before somebody drafted the agreement, and an approval sent it back."""
    registrar = employ(person("Registrar"), summer.company, Role.ORGANISATION_ADMIN)
    add_step(organisation=summer.company, name="Legal", by=registrar)
    placement = summer.approved(summer.described(summer.accepted(summer.student())))
    assert placement.agreement is None
    version = draft_learning_agreement(placement=fresh(placement), governing_law="Scotland", by=summer.coordinator)
    return_step(approval=open_step(), by=registrar, reason="Too many hours")
    assert take_back_agreement(placement=placement, by=summer.coordinator) == version
    assert (fresh(version).state, fresh(placement).state) == ("withdrawn", "approved")


def test_a_change_declined_after_its_day_gives_back_what_was_in_force_until_then(summer):
    """Also where nobody has entered yet that the day came, and where two versions were replaced by the same."""
    joint, today = summer.joint, timezone.localdate()
    first = joint.cover(reference="DUA-9")

    def sealed(days: int) -> AgreementVersion:
        version = draft_version(
            agreement=first.agreement, text="T", effective_on=today + timedelta(days=days), by=joint.lead,
            parties=[joint.university, joint.company],
        )  # fmt: skip
        sign_parties(joint, send_for_signature(version=version, by=joint.lead))
        return fresh(version)

    def effect(version) -> tuple:
        version = fresh(version)
        return version.state, version.replaced_on, version.replaced_by

    second = sealed(10)
    with time_machine.travel(timezone.now() + timedelta(days=11), tick=False):
        assert effect(first) == ("executed", second.effective_on, second)
        decline_beside(version=second, reason="No", by=joint.lead)
        assert effect(first) == ("executed", None, None)
    second = sealed(10)
    third = sealed(0)
    assert [effect(one)[::2] for one in (first, second)] == [("superseded", third)] * 2
    decline_beside(version=third, reason="No", by=joint.lead)
    assert effect(second) == ("executed", None, None)
    assert effect(first) == ("executed", second.effective_on, second), "until the day of the second"
