"""Who may do what and why: the table agrees with the policy, costs the same for many, and tells nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from collab.access.policy import decide
from collab.access.roles import Role
from collab.accounts.models import Membership
from collab.projects.services import add_member
from collab.terms.matrix import SHOWN, cells_of, objects_of
from collab.terms.models import TermsAcceptance
from tests.cast import employ, person
from tests.pages import as_, queries, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def url(aurora) -> str:
    return f"/projects/{aurora.project.slug}/rights/"


def cells(response, name: str) -> dict[str, str]:
    row = next(row for row in response.context["rows"] if str(row[row["head"]]) == name)
    return {cell.word: cell.text for group in row["cells"] for cell in group}


def test_each_cell_says_what_the_policy_says(aurora, url):
    aurora.cover(reference="DUA-1")
    for name in ("Letters", "Numbers"):
        aurora.dataset(name=name)
    TermsAcceptance.objects.filter(user=aurora.engineer).delete()
    people = type(aurora.lead).objects.all()
    found = cells_of(people, type(aurora.project).objects.all(), aurora.lead)

    for user in (aurora.lead, aurora.engineer, aurora.observer, aurora.company_signatory, aurora.former):
        for word in SHOWN:
            objects = objects_of(word, aurora.project, aurora.lead)
            allowed = sum(decide(user, word, obj).allowed for obj in objects)
            cell = found[user.pk, aurora.project.pk][word]
            assert (cell.allowed, cell.total) == (allowed, len(objects)), (user, word)


def test_it_names_what_is_missing(aurora, url):
    aurora.dataset()
    response = as_(aurora.observer).get(url)
    assert cells(response, "Aurora Engineer")["dataset.train"] == "no; missing: Agreement"
    aurora.cover(reference="DUA-1")
    TermsAcceptance.objects.filter(user=aurora.engineer).delete()
    response = as_(aurora.observer).get(url)
    assert cells(response, "Aurora Engineer")["dataset.train"] == "no; missing: Acceptance"
    assert cells(response, "Aurora Researcher")["dataset.train"] == "yes"
    assert cells(response, "Aurora Observer")["job.submit"] == "no; missing: Role"


def test_a_part_of_the_data_is_a_part(aurora, url):
    first = aurora.dataset(name="First")
    aurora.dataset(name="Second")
    aurora.cover(reference="DUA-1").coverage.update(asset_id=first.pk)

    said = cells(as_(aurora.lead).get(url), "Aurora Engineer")
    assert said["dataset.train"] == "1 of 2; missing: Agreement"


def test_a_cell_opens_to_the_chain_of_reasons(aurora, url):
    aurora.dataset()
    aurora.cover(reference="DUA-1", expires_on=timezone.localdate() + timedelta(days=9))
    shown = text(as_(aurora.lead).get(f"{url}{aurora.engineer.pk}/dataset.train/"))

    for said in ("Engineer for Northwind, given by Aurora Lead", "DUA-1 version 1 lets Northwind", "was accepted on"):
        assert said in shown
    assert "UTC" in shown
    refused = text(as_(aurora.lead).get(f"{url}{aurora.observer.pk}/dataset.train/"))
    assert "not allowed" in refused and "Your role does not let you" in refused


def test_strangers_and_unknown_words_are_not_found(aurora, borealis, url):
    browser = as_(aurora.lead)
    assert browser.get(f"{url}{borealis.lead.pk}/dataset.train/").status_code == 404
    assert browser.get(f"{url}{aurora.engineer.pk}/dataset.fly/").status_code == 404
    assert as_(borealis.lead).get(url).status_code == 404
    assert as_(borealis.lead).get(f"/people/{aurora.engineer.pk}/access/").status_code == 404


def test_it_filters_by_party_and_shows_those_who_left(aurora, url):
    browser = as_(aurora.lead)
    of_company = text(browser.get(f"{url}?party={aurora.company.slug}"))
    assert "Aurora Engineer" in of_company and "Aurora Researcher" not in of_company
    assert "Aurora Former" not in text(browser.get(url))
    assert "Aurora Former" in text(browser.get(f"{url}?ended=1"))


def test_roles_reach_in_from_an_organisation(aurora, url):
    employ(person("Office"), aurora.company, Role.ORGANISATION_ADMIN)
    assert cells(as_(aurora.lead).get(url), "Office")["project.view"] == "yes"


def test_many_people_take_no_more_queries(aurora, url):
    aurora.dataset()
    aurora.cover(reference="DUA-1")
    browser = as_(aurora.lead)
    few = queries(browser, url)
    for number in range(7):
        user = employ(person(f"More {number}"), aurora.university)
        add_member(
            project=aurora.project, user=user, organisation=aurora.university, role=Role.RESEARCHER, by=aurora.lead
        )
    aurora.dataset(name="Another")

    assert queries(browser, url) == few


def test_ones_own_page_shows_every_project_and_another_s_only_shared_ones(aurora, borealis):
    Membership.objects.create(
        user=aurora.engineer, organisation=borealis.university, project=borealis.project, role="observer"
    )
    url = f"/people/{aurora.engineer.pk}/access/"
    own = as_(aurora.engineer).get(url)
    assert {str(row["project"]) for row in own.context["rows"]} == {"Aurora", "Borealis"}
    assert [str(row["project"]) for row in as_(aurora.lead).get(url).context["rows"]] == ["Aurora"]
    before = queries(as_(aurora.engineer), url)
    Membership.objects.filter(project=borealis.project, user=aurora.engineer).delete()
    assert queries(as_(aurora.engineer), url) == before


def test_the_files_hold_the_same(aurora, url):
    lines = text(as_(aurora.lead).get(f"{url}table.csv")).splitlines()
    assert lines[0].startswith("\ufeffPerson,Party,Project: see") and len(lines) == 1 + 6
    assert any(line.startswith("Aurora Engineer,Northwind,yes,no; missing: Role") for line in lines)
    mine = text(as_(aurora.engineer).get(f"/people/{aurora.engineer.pk}/access/table.csv"))
    assert "Aurora,yes" in mine


def test_the_api_explains(aurora, borealis):
    dataset = aurora.dataset()
    aurora.cover(reference="DUA-1")
    ask = f"/api/v1/access/explain/?word=dataset.train&object=dataset:{dataset.pk}"
    found = as_(aurora.engineer).get(ask).json()
    assert found["allowed"] and {"role", "agreement", "acceptance"} == {one["code"] for one in found["because"]}
    TermsAcceptance.objects.all().delete()
    found = as_(aurora.engineer).get(ask).json()
    assert [one["code"] for one in found["missing"]] == ["acceptance"] and found["missing"][0]["url"].endswith(
        "/accept/"
    )
    assert as_(borealis.engineer).get(ask).status_code == 404
    assert as_(aurora.engineer).get("/api/v1/access/explain/?word=dataset.train&object=moon:1").status_code == 400
