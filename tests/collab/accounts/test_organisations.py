"""Organisations: what they say of themselves, their units, and the last admin who stays."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from collab.access.roles import Role
from collab.accounts.models import ApiToken, Membership, Organisation, OrganisationUnit
from collab.accounts.services import (
    UNIT_DEPTH_MAX,
    add_unit,
    change_role_end,
    deactivate_person,
    edit_organisation,
    edit_role,
    edit_unit,
    end_role,
    found_organisation,
    grant_role,
    leave_organisation,
    leave_project,
    reactivate_person,
    remove_unit,
    what_leaving_ends,
)
from collab.audit.models import AuditEvent
from collab.kernel.errors import ConflictError, DomainError, InvalidError, NotFoundError, RefusedError, StaleError
from collab.kernel.months import add_months
from tests.cast import employ, organisation, person, token_for

pytestmark = pytest.mark.django_db


def acts(verb: str) -> int:
    return AuditEvent.objects.filter(verb=verb).count()


@pytest.fixture
def here(db):
    return organisation("Here")


@pytest.fixture
def registrar(here):
    return employ(person("Registrar"), here, Role.ORGANISATION_ADMIN)


def role_of(user, role=None):
    rows = Membership.objects.filter(user=user)
    return rows.get(role=role) if role else rows.get()


# --- what it says of itself
def test_facts_are_stored_in_one_spelling(here, registrar):
    made = edit_organisation(
        organisation=here,
        by=registrar,
        version=1,
        ror="https://ror.org/042NB2S44",
        country="us",
        email_domains=["@Lakeside.Example", "lakeside.example", "cs.lakeside.example"],
        website="https://lakeside.example",
        review_months=12,
    )
    assert (made.ror, made.country, made.version) == ("042nb2s44", "US", 2)
    assert made.email_domains == ["lakeside.example", "cs.lakeside.example"]
    assert made.review_due_on == add_months(timezone.localdate(), 12)
    assert made.has_domain("A@Sub.Lakeside.example") and not made.has_domain("a@notlakeside.example")
    assert acts("organisation.edit") == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"ror": "042nb2s45"}, "ror"),
        ({"email_domains": ["no domain"]}, "email_domains"),
        ({"domains_only": True}, "email_domains"),
        ({"website": "javascript:alert(1)"}, "website"),
        ({"country": "DEU"}, "country"),
        ({"name": "\u202eevil"}, "name"),
        ({"name": "\u200b\u200b"}, "name"),
        ({"name": "a" + "\u0301" * 100}, "name"),
        ({"review_months": 0}, "review_months"),
        ({"kind": "club"}, "kind"),
    ],
)
def test_facts_that_do_not_fit_are_refused_by_name(here, registrar, change, field):
    with pytest.raises(InvalidError) as refused:
        edit_organisation(organisation=here, by=registrar, version=1, **change)
    assert refused.value.field == field
    here.refresh_from_db()
    assert here.version == 1 and acts("organisation.edit") == 0


def test_one_ror_names_one_organisation(here, registrar):
    Organisation.objects.filter(pk=organisation("Twin").pk).update(ror="042nb2s44")
    with pytest.raises(ConflictError):
        edit_organisation(organisation=here, by=registrar, version=1, ror="042nb2s44")
    with pytest.raises(IntegrityError), transaction.atomic():
        Organisation.objects.filter(pk=here.pk).update(ror="042nb2s44")


def test_an_edit_of_an_older_state_shows_the_newer(here, registrar):
    edit_organisation(organisation=here, by=registrar, version=1, name="Newer")
    with pytest.raises(StaleError) as stale:
        edit_organisation(organisation=here, by=registrar, version=1, name="Older")
    assert stale.value.now["name"] == "Newer"


def test_others_do_not_change_it(here):
    with pytest.raises(RefusedError):
        edit_organisation(organisation=here, by=employ(person("Anna"), here), version=1, name="Mine")


def test_a_token_for_reading_or_one_project_founds_nothing(aurora, settings):
    settings.FOUND_ORGANISATIONS = "anyone"
    for kind in ({"scope": "read"}, {"scope": "write", "project": aurora.project}):
        secret = token_for(aurora.lead, **kind)
        aurora.lead.token = ApiToken.objects.get(hint=secret[:8])
        with pytest.raises(RefusedError):
            found_organisation(name="New", kind="company", by=aurora.lead)


def test_months():
    assert add_months(date(2026, 1, 31), 1) == date(2026, 2, 28)
    assert add_months(date(2027, 12, 15), 14) == date(2029, 2, 15)


# --- units
def test_units_are_a_tree_without_cycles(here, registrar):
    faculty = add_unit(organisation=here, name="Faculty", name_zh="学院", by=registrar)
    group = add_unit(organisation=here, name="Group", parent=faculty, by=registrar)
    with pytest.raises(InvalidError):
        edit_unit(unit=faculty, by=registrar, version=1, name="Faculty", parent=group)
    with pytest.raises(InvalidError):
        edit_unit(unit=faculty, by=registrar, version=1, name="Faculty", parent=faculty)
    with pytest.raises(IntegrityError), transaction.atomic():
        OrganisationUnit.objects.filter(pk=faculty.pk).update(parent=faculty)
    with pytest.raises(ConflictError):
        add_unit(organisation=here, name="Group", parent=faculty, by=registrar)
    with pytest.raises(ConflictError):
        remove_unit(unit=faculty, by=registrar)
    with pytest.raises(StaleError):
        edit_unit(unit=group, by=registrar, version=7, name="Other")
    moved = edit_unit(unit=group, by=registrar, version=1, name="Group", parent=None)
    assert moved.parent is None
    remove_unit(unit=faculty, by=registrar)
    assert [unit.name for unit in here.units.all()] == ["Group"]
    assert (acts("organisation.add_unit"), acts("organisation.edit_unit"), acts("organisation.remove_unit")) == (
        2,
        1,
        1,
    )


def test_units_stay_in_their_organisation_and_shallow(here, registrar):
    foreign = OrganisationUnit.objects.create(organisation=organisation("There"), name="Foreign")
    with pytest.raises(InvalidError):
        add_unit(organisation=here, name="Mine", parent=foreign, by=registrar)
    parent = None
    for number in range(UNIT_DEPTH_MAX):
        parent = add_unit(organisation=here, name=f"Level {number}", parent=parent, by=registrar)
    with pytest.raises(InvalidError):
        add_unit(organisation=here, name="Too deep", parent=parent, by=registrar)


def test_a_unit_with_people_stays(here, registrar):
    unit = add_unit(organisation=here, name="Law", by=registrar)
    held = grant_role(organisation=here, user=person("Anna"), role="employee", by=registrar, unit=unit)
    end_role(membership=held, by=registrar)
    with pytest.raises(ConflictError):
        remove_unit(unit=unit, by=registrar)


# --- roles
def test_a_signatory_with_limits_until_a_day(here, registrar):
    until = timezone.now() + timedelta(days=90)
    anna = person("Anna")
    held = grant_role(
        organisation=here, user=anna, role="signatory", by=registrar, ends_at=until, limits="up to 50,000 EUR"
    )
    assert (held.limits, held.ends_at, held.granted_by) == ("up to 50,000 EUR", until, registrar)
    with pytest.raises(InvalidError):
        grant_role(organisation=here, user=anna, role="employee", by=registrar, limits="anything")
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.filter(pk=role_of(registrar).pk).update(limits="x")
    later = change_role_end(membership=held, by=registrar, version=1, ends_at=until + timedelta(days=1))
    assert later.version == 2 and later.limits == "up to 50,000 EUR"
    with pytest.raises(StaleError):
        change_role_end(membership=held, by=registrar, version=1, ends_at=None)
    with pytest.raises(InvalidError):
        change_role_end(membership=held, by=registrar, version=2, ends_at=timezone.now())
    assert acts("organisation.change_role") == 1


def test_dates_out_of_order(here, registrar):
    now = timezone.now()
    for dates in (
        {"ends_at": now - timedelta(seconds=1)},
        {"starts_at": now + timedelta(days=9), "ends_at": now + timedelta(days=8)},
    ):
        with pytest.raises(InvalidError):
            grant_role(organisation=here, user=person("Anna"), role="employee", by=registrar, **dates)
    later = grant_role(
        organisation=here, user=person("Bo"), role="signatory", by=registrar, starts_at=now + timedelta(days=9)
    )
    assert not Membership.objects.active().filter(pk=later.pk).exists()


def test_nobody_gives_themselves_a_role(aurora, here, registrar):
    with pytest.raises(RefusedError):
        grant_role(organisation=here, user=registrar, role="signatory", by=registrar)
    with pytest.raises(RefusedError):
        grant_role(
            organisation=aurora.university, project=aurora.project, user=aurora.lead, role="engineer", by=aurora.lead
        )


def test_the_last_admin_neither_leaves_nor_is_ended_nor_expires(here, registrar):
    last = role_of(registrar)
    for act in (
        lambda: end_role(membership=last, by=registrar),
        lambda: leave_organisation(organisation=here, by=registrar),
        lambda: change_role_end(membership=last, by=registrar, version=1, ends_at=timezone.now() + timedelta(days=400)),
        lambda: deactivate_person(user=registrar, by=person("Root", is_staff=True, is_superuser=True)),
    ):
        with pytest.raises(ConflictError) as refused:
            act()
        assert refused.value.code == "last_admin" and "name another one first" in str(refused.value)
    # An admin for a time only does not free the last one …
    other = person("Other")
    held = grant_role(
        organisation=here,
        user=other,
        role="organisation_admin",
        by=registrar,
        ends_at=timezone.now() + timedelta(days=1),
    )
    with pytest.raises(ConflictError):
        end_role(membership=last, by=registrar)
    # … one without an end does.
    change_role_end(membership=held, by=registrar, version=1, ends_at=None)
    end_role(membership=last, by=registrar)
    end_role(membership=last, by=registrar)  # twice is no error
    assert acts("organisation.end_role") == 1


def test_an_admin_who_cannot_sign_in_is_none(here, registrar):
    employ(person("Gone", is_active=False), here, Role.ORGANISATION_ADMIN)
    with pytest.raises(ConflictError):
        end_role(membership=role_of(registrar), by=registrar)


def test_the_first_admin_has_no_end(here):
    root = person("Root", is_staff=True, is_superuser=True)
    with pytest.raises(InvalidError):
        grant_role(
            organisation=here,
            user=person("Anna"),
            role="organisation_admin",
            by=root,
            ends_at=timezone.now() + timedelta(days=9),
        )


def test_leaving_an_organisation_ends_what_one_did_for_it(aurora):
    leaving = what_leaving_ends(user=aurora.engineer, organisation=aurora.company)
    assert (len(leaving.roles), len(leaving.projects), leaving.refusals) == (1, 1, [])
    leave_organisation(organisation=aurora.company, by=aurora.engineer)
    assert not Membership.objects.of(aurora.engineer).active().exists()
    assert (acts("organisation.end_role"), acts("member.end")) == (1, 1)
    with pytest.raises(ConflictError):
        leave_organisation(organisation=aurora.company, by=aurora.engineer)


def test_the_last_lead_does_not_leave_by_a_side_door(aurora):
    registrar = employ(person("Registrar"), aurora.university, Role.ORGANISATION_ADMIN)
    post = Membership.objects.get(user=aurora.lead, project=None)
    assert what_leaving_ends(user=aurora.lead, organisation=aurora.university).refusals
    for act in (
        lambda: leave_organisation(organisation=aurora.university, by=aurora.lead),
        lambda: leave_project(project=aurora.project, by=aurora.lead),
        lambda: end_role(membership=post, by=registrar),
        lambda: change_role_end(membership=post, by=registrar, version=1, ends_at=timezone.now() + timedelta(days=5)),
        lambda: deactivate_person(user=aurora.lead, by=person("Root", is_staff=True, is_superuser=True)),
    ):
        with pytest.raises(ConflictError) as refused:
            act()
        assert refused.value.code == "last_lead"
    assert Membership.objects.of(aurora.lead).active().filter(ends_at=None).count() == 2


def test_roles_in_projects_end_with_the_one_in_the_organisation(aurora):
    registrar = employ(person("Registrar"), aurora.company, Role.ORGANISATION_ADMIN)
    post = Membership.objects.get(user=aurora.engineer, project=None)
    until = timezone.now() + timedelta(days=30)
    change_role_end(membership=post, by=registrar, version=1, ends_at=until)
    assert Membership.objects.get(user=aurora.engineer, project=aurora.project).ends_at == until
    longer = Membership.objects.get(user=aurora.engineer, project=aurora.project)
    with pytest.raises(InvalidError):
        change_role_end(membership=longer, by=aurora.lead, version=longer.version, ends_at=None)


def test_details_of_a_role(here, registrar):
    held = grant_role(organisation=here, user=person("Anna"), role="employee", by=registrar)
    unit = add_unit(organisation=here, name="Law", by=registrar)
    edited = edit_role(membership=held, by=registrar, version=1, ends_at=None, unit=unit, job_title="Counsel")
    assert (edited.unit, edited.job_title) == (unit, "Counsel")
    with pytest.raises(DomainError):
        edit_role(membership=held, by=person("Other"), version=2, ends_at=None)


# --- accounts
def test_a_closed_account_has_neither_tokens_nor_sessions(here):
    root, anna = person("Root", is_staff=True, is_superuser=True), employ(person("Anna"), here)
    token_for(anna)
    client = Client()
    client.force_login(anna)
    assert client.get("/account/").status_code == 200
    deactivate_person(user=anna, by=root)
    assert client.get("/account/").status_code == 302
    assert not ApiToken.objects.live().exists()
    assert ApiToken.objects.get().revoked_at is not None
    reactivate_person(user=anna, by=root)
    assert Session.objects.exists() and client.get("/account/").status_code == 302  # the old one stays ended
    assert (acts("person.deactivate"), acts("person.reactivate")) == (1, 1)
    with pytest.raises(NotFoundError):
        deactivate_person(user=root, by=anna)
    with pytest.raises(ConflictError):
        deactivate_person(user=root, by=root)
