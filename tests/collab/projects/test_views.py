"""Pages of projects."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from collab.accounts.models import Membership
from collab.agreements.services import draft_agreement
from collab.audit.models import AuditEvent
from collab.projects.models import Project
from collab.projects.services import add_member, create_project, edit_project
from tests.cast import employ, organisation, person
from tests.pages import as_, queries, text

pytestmark = pytest.mark.django_db


def url(joint, rest: str = "") -> str:
    return f"/projects/{joint.project.slug}/{rest}"


# --- list
def test_the_list_shows_mine_found_by_words_and_state(aurora, borealis):
    create_project(title="Second light", lead_organisation=aurora.university, by=aurora.lead)
    client = as_(aurora.lead)
    ours, second, theirs = url(aurora), "/projects/second-light/", url(borealis)
    page = text(client.get("/projects/"))
    assert ours in page and second in page and theirs not in page
    assert ours not in text(client.get("/projects/?q=SECOND"))
    assert second not in text(client.get("/projects/?state=active"))
    assert "No project fits" in text(client.get("/projects/?q=nothing"))


def test_a_list_without_rows_says_what_to_do(db):
    assert "No project yet" in text(as_(person("Nia")).get("/projects/"))


def test_a_page_beyond_the_end_is_not_there(aurora):
    assert as_(aurora.lead).get("/projects/?page=9").status_code == 404


def test_more_projects_take_no_more_queries(aurora):
    client = as_(aurora.lead)

    def begin(count: int) -> None:
        for number in range(count):
            partner = organisation(f"Partner {number}")
            create_project(title=f"P{number}", lead_organisation=aurora.university, partners=[partner], by=aurora.lead)

    begin(1)
    few = queries(client, "/projects/")
    begin(4)
    assert queries(client, "/projects/") == few


# --- new
def test_a_project_is_begun_once_however_often_the_form_is_sent(aurora):
    client = as_(aurora.lead)
    form = {
        "title": "Third light",
        "lead_organisation": aurora.university.pk,
        "partners": [aurora.company.pk],
        "starts_on": timezone.localdate().isoformat(),
        "once": "0123",
    }
    first, second = client.post("/projects/new/", form), client.post("/projects/new/", form)
    assert first.url == second.url == "/projects/third-light/"
    assert Project.objects.filter(title="Third light").count() == 1


def test_a_project_that_ends_before_it_starts_is_told_at_its_field(aurora):
    today = timezone.localdate()
    form = {"title": "T", "lead_organisation": aurora.university.pk, "starts_on": today.isoformat()}
    response = as_(aurora.lead).post("/projects/new/", form | {"ends_on": (today - timedelta(days=1)).isoformat()})
    assert response.status_code == 422
    assert "would end before it starts" in str(response.context["form"]["ends_on"].errors)


def test_an_organisation_of_others_cannot_lead(aurora, borealis):
    form = {"title": "T", "lead_organisation": borealis.university.pk, "starts_on": "2026-01-01"}
    response = as_(aurora.lead).post("/projects/new/", form)
    assert response.status_code == 422
    assert "lead_organisation" in response.context["form"].errors


def test_an_address_of_our_own_is_no_project(aurora):
    project = create_project(title="New", lead_organisation=aurora.university, by=aurora.lead)
    assert project.slug != "new"


# --- page
def test_the_page_shows_parties_people_and_where_the_panels_come_from(aurora):
    page = text(as_(aurora.researcher).get(url(aurora)))
    for said in ("Riverside University", "Northwind", "Aurora Engineer", "Project lead"):
        assert said in page
    for panel in ("agreements", "datasets", "jobs", "models"):
        assert f'hx-get="{url(aurora, panel)}/"' in page
    assert f"/mlflow/{aurora.project.slug}" in page


def test_what_a_role_does_not_open_is_not_offered(aurora):
    observer = text(as_(aurora.observer).get(url(aurora)))
    assert "mlflow" not in observer and "Suspend" not in observer and 'id="history"' not in observer
    signatory = text(as_(aurora.university_signatory).get(url(aurora)))
    assert url(aurora, "jobs/") not in signatory


@pytest.mark.parametrize(
    "rest", ["", "edit/", "members/", "parties/", "rights/", "history/", "agreements/", "agreements/new/"]
)
def test_others_find_nothing(aurora, borealis, rest):
    assert as_(borealis.lead).get(url(aurora, rest)).status_code == 404
    assert as_(aurora.former).get(url(aurora, rest)).status_code == 404


def test_more_people_take_no_more_queries(aurora):
    client = as_(aurora.lead)
    add = lambda n: add_member(  # noqa: E731
        project=aurora.project,
        user=employ(person(f"Colleague {n}"), aurora.university),
        organisation=aurora.university,
        role="observer",
        by=aurora.lead,
    )
    for page in ("", "members/", "rights/"):
        add(page)
        few = queries(client, url(aurora, page))
        for number in range(4):
            add(f"{page}{number}")
        assert queries(client, url(aurora, page)) == few


# --- edit, move
def test_a_change_is_saved(aurora):
    form = {"title": "Aurora II", "summary": "More.", "version": aurora.project.version}
    response = as_(aurora.lead).post(url(aurora, "edit/"), form)
    assert response.url == url(aurora)
    assert Project.objects.get(pk=aurora.project.pk).title == "Aurora II"


def test_a_change_on_old_words_is_told(aurora):
    seen = aurora.project.version
    edit_project(project=aurora.project, by=aurora.lead, version=seen, title="By another", summary="")
    response = as_(aurora.lead).post(url(aurora, "edit/"), {"title": "Mine", "summary": "", "version": seen})
    assert response.status_code == 412
    assert "Somebody changed this project" in text(response)
    assert Project.objects.get(pk=aurora.project.pk).title == "By another"


def test_whoever_may_not_change_is_told_who_may(aurora):
    response = as_(aurora.engineer).get(url(aurora, "edit/"))
    assert response.status_code == 403
    assert "Project lead" in text(response)


def test_a_lead_suspends_and_resumes(aurora):
    client = as_(aurora.lead)
    client.post(url(aurora, "move/"), {"move": "suspend"})
    assert "This project is suspended" in text(client.get(url(aurora)))
    client.post(url(aurora, "move/"), {"move": "resume"})
    assert Project.objects.get(pk=aurora.project.pk).state == "active"


def test_a_move_that_came_too_late_is_told_on_the_page(aurora):
    response = as_(aurora.lead).post(url(aurora, "move/"), {"move": "begin"}, follow=True)
    assert response.status_code == 200
    assert "is not possible" in text(response)


def test_an_unknown_move_is_refused(aurora):
    assert as_(aurora.lead).post(url(aurora, "move/"), {"move": "explode"}).status_code == 422


# --- people, parties
def test_a_role_is_given_until_the_end_of_its_last_day(aurora):
    new = employ(person("Nia"), aurora.company)
    day = timezone.localdate() + timedelta(days=3)
    form = {"email": new.email.upper(), "organisation": aurora.company.pk, "role": "engineer", "last_day": day}
    response = as_(aurora.lead).post(url(aurora, "members/"), form)
    given = Membership.objects.get(user=new, project=aurora.project)
    assert response.status_code == 302
    assert timezone.localdate(given.ends_at - timedelta(seconds=1)) == day
    assert timezone.localdate(given.ends_at) == day + timedelta(days=1)


@pytest.mark.parametrize("who", ["unknown@example.org", "borealis"])
def test_a_stranger_and_nobody_look_alike(aurora, borealis, who):
    email = borealis.lead.email if who == "borealis" else who
    form = {"email": email, "organisation": aurora.company.pk, "role": "engineer"}
    response = as_(aurora.lead).post(url(aurora, "members/"), form)
    assert response.status_code == 422
    assert response.context["form"].errors["email"] == [
        "Nobody of Northwind has this address. An admin of the organisation can add people to it."
    ]


def test_a_role_ends_and_the_last_lead_stays(aurora):
    client = as_(aurora.lead)
    engineer = Membership.objects.get(user=aurora.engineer, project=aurora.project)
    client.post(url(aurora, f"members/{engineer.pk}/end/"))
    engineer.refresh_from_db()
    assert engineer.has_ended
    lead = Membership.objects.get(user=aurora.lead, project=aurora.project)
    client.post(url(aurora, f"members/{lead.pk}/end/"))
    assert "A project needs a lead" in text(client.get(url(aurora, "members/")))
    lead.refresh_from_db()
    assert not lead.has_ended


def test_nobody_ends_the_role_of_another(aurora):
    lead = Membership.objects.get(user=aurora.lead, project=aurora.project)
    assert as_(aurora.engineer).post(url(aurora, f"members/{lead.pk}/end/")).status_code == 403
    lead.refresh_from_db()
    assert not lead.has_ended


def test_a_role_of_another_project_is_not_here(aurora, borealis):
    theirs = Membership.objects.get(user=borealis.engineer, project=borealis.project)
    second = create_project(title="Second", lead_organisation=aurora.university, by=aurora.lead)
    add_member(project=second, user=aurora.researcher, organisation=aurora.university, role="lead", by=aurora.lead)
    elsewhere = Membership.objects.get(user=aurora.researcher, project=second)
    for member in (theirs, elsewhere):
        assert as_(aurora.lead).post(url(aurora, f"members/{member.pk}/end/")).status_code == 404
        member.refresh_from_db()
        assert not member.has_ended


def test_a_party_joins(aurora):
    third = organisation("Third party", "company")
    response = as_(aurora.lead).post(url(aurora, "parties/"), {"organisation": third.pk})
    assert response.url == url(aurora)
    assert "Third party" in text(as_(aurora.lead).get(url(aurora)))


# --- history
def test_history_says_who_did_what(aurora):
    page = text(as_(aurora.lead).get(url(aurora, "history/")))
    assert "Gave Aurora Engineer the role “Engineer”" in page
    assert "Aurora Lead" in page


def test_history_takes_no_query_for_each_act(aurora):
    client = as_(aurora.lead)
    few = queries(client, url(aurora, "history/"))
    for number in range(6):
        draft_agreement(project=aurora.project, reference=f"A-{number}", kind="nda", title="T", by=aurora.lead)
    assert AuditEvent.objects.filter(verb="agreement.draft").count() == 6
    assert queries(client, url(aurora, "history/")) == few
