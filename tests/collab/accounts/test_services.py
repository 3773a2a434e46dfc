"""Verbs on people, organisations and tokens."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from collab.access.roles import Role
from collab.accounts.models import ApiToken, Membership, Organisation
from collab.accounts.services import (
    create_token,
    end_role,
    found_organisation,
    grant_organisation_role,
    revoke_token,
)
from collab.accounts.tokens import authenticate_bearer, digest_of
from collab.audit.models import AuditEvent
from collab.kernel.errors import ConflictError, DomainError, InvalidError, NotFoundError, RefusedError
from tests.cast import employ, organisation, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna():
    return person("Anna")


def acts(verb: str) -> int:
    return AuditEvent.objects.filter(verb=verb).count()


# --- tokens
def test_a_token_is_shown_once_and_kept_as_its_hash(anna):
    token, secret = create_token(by=anna, name="Laptop", scope="read", days=30)
    assert secret.startswith("tdm_") and len(secret) > 40
    kept = ApiToken.objects.get()
    assert (kept.digest, kept.hint) == (digest_of(secret), secret[:8])
    assert secret not in str(kept.__dict__)
    assert acts("token.create") == 1
    assert secret not in str(AuditEvent.objects.values_list("data", flat=True))
    assert authenticate_bearer(secret) == token


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"scope": "admin"}, "scope"),
        ({"days": 0}, "days"),
        ({"days": 367}, "days"),
        ({"name": ""}, "name"),
        ({"name": "\u202e"}, "name"),
        ({"name": "x" * 81}, "name"),
    ],
)
def test_a_token_that_makes_no_sense(anna, change, field):
    with pytest.raises(InvalidError) as error:
        create_token(by=anna, **({"name": "Laptop", "scope": "read", "days": 30} | change))
    assert error.value.field == field
    assert not ApiToken.objects.exists() and acts("token.create") == 0


def test_tokens_do_not_breed(anna):
    anna.token, _secret = create_token(by=anna, name="One", scope="write", days=1)
    with pytest.raises(RefusedError):
        create_token(by=anna, name="Two", scope="write", days=1)
    assert ApiToken.objects.count() == 1


def test_a_token_for_a_project_one_does_not_see(anna, aurora):
    with pytest.raises(NotFoundError):
        create_token(by=anna, name="One", scope="write", days=1, project=aurora.project)
    token, _secret = create_token(by=aurora.lead, name="One", scope="write", days=1, project=aurora.project)
    assert token.project == aurora.project


def test_a_token_lives_to_the_second(anna):
    _token, secret = create_token(by=anna, name="One", scope="read", days=2)
    ends = ApiToken.objects.get().expires_at
    assert authenticate_bearer(secret, ends - timedelta(seconds=1)) is not None
    assert authenticate_bearer(secret, ends) is None


def test_a_token_dies_with_its_person_and_when_it_is_revoked(anna):
    token, secret = create_token(by=anna, name="One", scope="read", days=2)
    anna.is_active = False
    anna.save()
    assert authenticate_bearer(secret) is None
    anna.is_active = True
    anna.save()
    for _ in range(2):  # twice is no error, and one act
        revoke_token(by=anna, token_id=token.pk)
    assert authenticate_bearer(secret) is None
    assert acts("token.revoke") == 1


def test_only_ones_own_tokens(anna):
    token, _secret = create_token(by=anna, name="One", scope="read", days=2)
    with pytest.raises(NotFoundError):
        revoke_token(by=person("Bert"), token_id=token.pk)
    assert ApiToken.objects.get().revoked_at is None


@pytest.mark.parametrize("raw", ["", "tdm_", "tdm_" + "a" * 200, "abc", "tdm_\x00", "tdm_ü"])
def test_what_is_no_token(anna, raw):
    assert authenticate_bearer(raw) is None


def test_last_used_is_noted_at_most_once_a_minute(anna):
    _token, secret = create_token(by=anna, name="One", scope="read", days=2)
    start = timezone.now()
    seen = []
    for seconds in (0, 30, 61):
        with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
            authenticate_bearer(secret)
            seen.append(ApiToken.objects.get().last_used_at)
    assert seen[0] == seen[1] < seen[2]


# --- organisations
def test_founding_an_organisation():
    root = person("Root", is_superuser=True)
    first = found_organisation(name="Lakeside Labs", kind="company", by=root)
    second = found_organisation(name="Lakeside Labs", kind="company", by=None)
    assert (first.slug, second.slug) == ("lakeside-labs", "lakeside-labs-2")
    assert acts("organisation.found") == 2


def test_founding_is_for_platform_staff_unless_it_is_for_anyone(anna, settings):
    settings.FOUND_ORGANISATIONS = "staff"
    with pytest.raises(NotFoundError):
        found_organisation(name="Lakeside", kind="company", by=anna)
    found_organisation(name="Lakeside", kind="company", by=person("Staff", is_staff=True))
    assert not Membership.objects.exists()  # staff add it for others

    settings.FOUND_ORGANISATIONS = "anyone"
    made = found_organisation(name="Hillside", kind="company", by=anna)
    assert [(m.user, m.organisation, m.role) for m in Membership.objects.all()] == [(anna, made, "organisation_admin")]


@pytest.mark.parametrize("change", [{"kind": "club"}, {"name": ""}, {"name": "\u202eevil"}, {"country": "DEU"}])
def test_an_organisation_that_makes_no_sense(change):
    with pytest.raises(InvalidError):
        found_organisation(**({"name": "Lakeside", "kind": "company", "by": None} | change))
    assert not Organisation.objects.exists() and acts("organisation.found") == 0


# --- roles in an organisation
def test_an_organisation_admin_appoints_in_their_own(anna):
    here, there = organisation("Here"), organisation("There")
    registrar = employ(person("Registrar"), here, Role.ORGANISATION_ADMIN)
    made = grant_organisation_role(organisation=here, user=anna, role="signatory", by=registrar)
    assert (made.granted_by, made.project) == (registrar, None)
    assert acts("organisation.grant_role") == 1
    with pytest.raises(RefusedError):  # organisations are visible to all, so the refusal is named
        grant_organisation_role(organisation=there, user=anna, role="signatory", by=registrar)
    with pytest.raises(ConflictError):
        grant_organisation_role(organisation=here, user=anna, role="signatory", by=registrar)
    with pytest.raises(InvalidError):
        grant_organisation_role(organisation=here, user=anna, role="lead", by=registrar)
    assert Membership.objects.filter(user=anna).count() == 1


def test_nobody_promotes_themselves(anna):
    here = organisation("Here")
    employ(anna, here)
    with pytest.raises(DomainError):
        grant_organisation_role(organisation=here, user=anna, role="organisation_admin", by=anna)
    assert Membership.objects.filter(user=anna).count() == 1


def test_no_role_in_a_project_outlasts_what_is_left_of_the_roles_in_the_organisation(aurora):
    """One role without end is taken; the other ends in a week, or begins in a week."""
    university, week = aurora.university, timezone.now() + timedelta(days=7)
    admin = employ(person("Registrar"), university, Role.ORGANISATION_ADMIN)
    own = Membership.objects.get(user=aurora.researcher, project=None)
    acting = Membership.objects.get(user=aurora.researcher, project=aurora.project)
    Membership.objects.create(user=aurora.researcher, organisation=university, role=Role.COORDINATOR, ends_at=week)
    end_role(membership=own, by=admin)
    acting.refresh_from_db()
    assert acting.ends_at == week

    other = Membership.objects.get(user=aurora.observer, project=None)
    Membership.objects.create(user=aurora.observer, organisation=university, role=Role.COORDINATOR, starts_at=week)
    end_role(membership=other, by=admin)
    assert not Membership.objects.filter(user=aurora.observer, project=aurora.project).active().exists()
