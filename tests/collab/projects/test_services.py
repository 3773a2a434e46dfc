"""Verbs on joint projects: each done, refused, and in the history."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from collab.access.policy import can
from collab.access.roles import Role
from collab.accounts.models import Membership
from collab.audit.models import AuditEvent
from collab.kernel.errors import ConflictError, InvalidError, NotFoundError, RefusedError, StaleError
from collab.projects.models import Project, ProjectParty
from collab.projects.services import (
    add_member,
    add_party,
    create_project,
    edit_party,
    edit_project,
    end_membership,
    is_open,
    move_project,
)
from tests.cast import employ, organisation, person
from tests.pages import as_, text

pytestmark = pytest.mark.django_db


def acts(verb: str) -> int:
    return AuditEvent.objects.filter(verb=verb).count()


# --- beginning
def test_whoever_begins_a_project_leads_it_for_their_organisation():
    here, there = organisation("Here"), organisation("There", "company")
    anna = employ(person("Anna"), here)
    project = create_project(title="Sea Ice", lead_organisation=here, partners=[there], by=anna)
    assert (project.slug, project.state, project.created_by) == ("sea-ice", "proposal", anna)
    assert {(p.organisation, p.role) for p in project.parties.all()} == {(here, "lead"), (there, "partner")}
    assert can(anna, "project.edit", project)
    event = AuditEvent.objects.get(verb="project.create")
    assert (event.project_id, event.actor_id, event.data["title"]) == (project.pk, anna.pk, "Sea Ice")
    assert create_project(title="Sea Ice", lead_organisation=here, by=anna).slug == "sea-ice-2"


@pytest.mark.parametrize("title", ["Default", "API", "workspaces"])
def test_names_that_mlflow_keeps_for_itself(title):
    here = organisation("Here")
    anna = employ(person("Anna"), here)
    assert create_project(title=title, lead_organisation=here, by=anna).slug == f"{title.lower()}-2"


def test_beginning_is_refused(aurora):
    stranger = person("Stranger")
    with pytest.raises(RefusedError):
        create_project(title="X", lead_organisation=aurora.university, by=stranger)
    with pytest.raises(RefusedError):  # employed elsewhere
        create_project(title="X", lead_organisation=aurora.university, by=aurora.engineer)
    yesterday = timezone.localdate() - timedelta(days=1)
    for wrong, field in (
        ({"ends_on": yesterday}, "ends_on"),
        ({"partners": [aurora.university]}, "partners"),
        ({"title": ""}, "title"),
        ({"title": "\u202e"}, "title"),
        ({"summary": "a\x00b"}, "summary"),
    ):
        given = {"title": "X", "lead_organisation": aurora.university, "by": aurora.lead} | wrong
        with pytest.raises(InvalidError) as error:
            create_project(**given)
        assert error.value.field == field
    assert Project.objects.count() == 1 and acts("project.create") == 1


# --- editing
def test_an_edit_counts_up_and_a_stale_one_is_refused(aurora):
    project = aurora.project
    version = project.version
    edited = edit_project(project=project, by=aurora.lead, version=version, title="Dawn", summary="S")
    assert (edited.title, edited.version) == ("Dawn", version + 1)
    with pytest.raises(StaleError), transaction.atomic():
        edit_project(project=project, by=aurora.lead, version=version, title="Dusk", summary="S")
    assert Project.objects.get().title == "Dawn" and acts("project.edit") == 1


def test_edits_are_refused(aurora, borealis):
    given = {"project": aurora.project, "version": aurora.project.version, "title": "X", "summary": ""}
    with pytest.raises(RefusedError):
        edit_project(by=aurora.researcher, **given)
    with pytest.raises(NotFoundError):
        edit_project(by=borealis.lead, **given)
    with pytest.raises(InvalidError):
        edit_project(by=aurora.lead, **given, ends_on=aurora.project.starts_on - timedelta(days=1))
    assert acts("project.edit") == 0


# --- moving
def test_moves_change_state_version_and_history(aurora):
    version = aurora.project.version
    for number, (move, state) in enumerate((("suspend", "suspended"), ("resume", "active"), ("wind_up", "closing")), 1):
        project = move_project(project=aurora.project, move=move, by=aurora.lead)
        assert (project.state, project.version, acts(f"project.{move}")) == (state, version + number, 1)
        assert is_open(project) is (state == "active")
    with pytest.raises(ConflictError):
        move_project(project=aurora.project, move="resume", by=aurora.lead)
    with pytest.raises(RefusedError):
        move_project(project=aurora.project, move="wind_up", by=aurora.engineer)


# --- parties
def test_a_party_joins_once(aurora):
    other = organisation("Other")
    with pytest.raises(RefusedError):
        add_party(project=aurora.project, organisation=other, by=aurora.observer)
    add_party(project=aurora.project, organisation=other, by=aurora.lead)
    ProjectParty.objects.filter(organisation=other).update(left_on=timezone.localdate())
    with pytest.raises(ConflictError):  # it was one already
        add_party(project=aurora.project, organisation=other, by=aurora.lead)
    assert acts("project.add_party") == 1


def test_a_party_names_who_leads_its_work(aurora):
    party = ProjectParty.objects.get(project=aurora.project, organisation=aurora.company)
    assert create_lead_of(aurora) == aurora.lead
    with pytest.raises(InvalidError, match="does not belong to Northwind"):
        edit_party(party=party, lead=aurora.researcher, by=aurora.lead, version=1)
    party = edit_party(party=party, lead=aurora.engineer, by=aurora.lead, version=1)
    assert (party.lead, party.accession_note, party.version) == (aurora.engineer, "", 2)
    with pytest.raises(StaleError) as stale:
        edit_party(party=party, lead=None, by=aurora.lead, version=1)
    assert stale.value.now["lead"] == aurora.engineer.email
    page = f"/projects/{aurora.project.slug}/parties/{party.pk}/"
    client, form = as_(aurora.lead), {"accession_note": "", "version": 2}
    assert str(aurora.engineer) in text(client.get(page))
    strange = client.post(page, form | {"lead": aurora.researcher.email})
    assert "Nobody of Northwind has this address" in text(strange)
    assert client.post(page, form | {"lead": ""}).status_code == 302
    party.refresh_from_db()
    assert party.lead is None


def create_lead_of(aurora):
    made = create_project(title="New", lead_organisation=aurora.university, by=aurora.lead)
    return made.parties.get().lead


# --- members
def test_a_member_is_added_and_ended(aurora):
    anna = employ(person("Anna"), aurora.company)
    before = acts("member.add")
    held = add_member(
        project=aurora.project, user=anna, organisation=aurora.company, role=Role.ENGINEER, by=aurora.lead
    )
    assert can(anna, "job.submit", aurora.project) and acts("member.add") == before + 1
    end_membership(membership=held, by=aurora.lead)
    assert not can(anna, "project.view", aurora.project)
    end_membership(membership=held, by=aurora.lead)  # twice is no error, and one act
    assert acts("member.end") == 1


def test_members_are_refused(aurora):
    anna = employ(person("Anna"), aurora.company)
    given = {"project": aurora.project, "user": anna, "organisation": aurora.company, "role": Role.ENGINEER}
    before = (acts("member.add"), Membership.objects.count())
    with pytest.raises(RefusedError):
        add_member(**given, by=aurora.researcher)
    for wrong, field in (
        ({"role": Role.SIGNATORY}, "role"),
        ({"organisation": organisation("Stranger")}, "organisation"),
        ({"organisation": aurora.university}, "user"),  # she does not belong to it
        ({"ends_at": timezone.now()}, "ends_at"),
    ):
        with pytest.raises(InvalidError) as error:
            add_member(**(given | wrong), by=aurora.lead)
        assert error.value.field == field
    with pytest.raises(ConflictError):
        add_member(**(given | {"user": aurora.engineer}), by=aurora.lead)
    assert (acts("member.add"), Membership.objects.count()) == before


def test_one_may_leave_but_the_last_lead_stays(aurora):
    mine = Membership.objects.get(user=aurora.observer, project=aurora.project)
    end_membership(membership=mine, by=aurora.observer)
    assert not can(aurora.observer, "project.view", aurora.project)
    lead = Membership.objects.get(user=aurora.lead, project=aurora.project)
    with pytest.raises(ConflictError):
        end_membership(membership=lead, by=aurora.lead)
    add_member(
        project=aurora.project, user=aurora.researcher, organisation=aurora.university, role=Role.LEAD, by=aurora.lead
    )
    end_membership(membership=lead, by=aurora.lead)
    assert can(aurora.researcher, "member.manage", aurora.project)


def test_nobody_ends_somebody_elses_role(aurora, borealis):
    theirs = Membership.objects.get(user=aurora.engineer, project=aurora.project)
    with pytest.raises(RefusedError):
        end_membership(membership=theirs, by=aurora.observer)
    with pytest.raises(NotFoundError):
        end_membership(membership=theirs, by=borealis.lead)
    assert can(aurora.engineer, "project.view", aurora.project)


def test_nobody_promotes_themselves(aurora):
    with pytest.raises(RefusedError):
        add_member(
            project=aurora.project,
            user=aurora.engineer,
            organisation=aurora.company,
            role=Role.LEAD,
            by=aurora.engineer,
        )


def test_nothing_is_written_when_the_transaction_fails(aurora):
    before = AuditEvent.objects.count()
    with pytest.raises(RuntimeError), transaction.atomic():
        move_project(project=aurora.project, move="suspend", by=aurora.lead)
        raise RuntimeError
    assert Project.objects.get().state == "active" and AuditEvent.objects.count() == before
