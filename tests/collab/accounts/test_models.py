"""What the tables of people refuse by themselves, each constraint broken once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from collab.access.roles import Role
from collab.accounts.models import ApiToken, Membership, Organisation, User
from tests.cast import organisation, person

pytestmark = pytest.mark.django_db


def refused(make) -> str:
    with pytest.raises(IntegrityError) as error, transaction.atomic():
        make()
    return str(error.value)


def test_membership_ends_after_it_starts(aurora):
    now = timezone.now()
    held = {"user": aurora.lead, "organisation": aurora.university, "role": Role.SIGNATORY, "starts_at": now}
    assert "membership_ends_after_start" in refused(
        lambda: Membership.objects.create(**held, ends_at=now - timedelta(seconds=1))
    )


@pytest.mark.parametrize("role", list(Role))
def test_membership_role_fits_its_scope(aurora, role):
    in_project = role in {Role.LEAD, Role.RESEARCHER, Role.ENGINEER, Role.OBSERVER, Role.INTERN}
    wrong = {"user": person("X"), "organisation": aurora.university, "role": role}
    project = None if in_project else aurora.project
    assert "membership_role_fits_scope" in refused(lambda: Membership.objects.create(**wrong, project=project))


def test_a_role_is_held_once_at_a_time():
    user, org = person("X"), organisation("O")
    held = {"user": user, "organisation": org, "role": Role.EMPLOYEE}
    first = Membership.objects.create(**held)
    assert refused(lambda: Membership.objects.create(**held))  # also where the project is empty
    Membership.objects.filter(pk=first.pk).update(ends_at=timezone.now())
    Membership.objects.create(**held)


def test_addresses_short_names_and_digests_are_unique(aurora):
    assert refused(lambda: User.objects.create_user(aurora.lead.email.upper(), "x"))
    assert refused(lambda: Organisation.objects.create(slug=aurora.university.slug, name="N", kind="other"))
    token = {"user": aurora.lead, "name": "t", "digest": "d", "expires_at": timezone.now()}
    ApiToken.objects.create(**token)
    assert refused(lambda: ApiToken.objects.create(**token))


def test_people_with_a_past_are_not_deleted(aurora):
    from django.db.models import ProtectedError

    with pytest.raises(ProtectedError):
        aurora.lead.delete()
    with pytest.raises(ProtectedError):
        aurora.university.delete()


def test_active_begins_with_the_first_second_and_ends_before_the_last():
    now = timezone.now()
    held = Membership.objects.create(
        user=person("X"),
        organisation=organisation("O"),
        role=Role.EMPLOYEE,
        starts_at=now,
        ends_at=now + timedelta(days=1),
    )
    for at, active in ((-1, False), (0, True), (86_399, True), (86_400, False)):
        found = Membership.objects.active(now + timedelta(seconds=at)).filter(pk=held.pk)
        assert found.exists() is active, at
