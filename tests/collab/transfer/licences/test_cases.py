"""A licence and the case that it is about: chosen with the draft, named later, shown on the case."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from collab.access.roles import Role
from collab.accounts.models import Organisation
from collab.audit.models import AuditEvent
from collab.kernel.errors import ConflictError, InvalidError, NotReadyError
from collab.transfer.disclosures.services import move_case, reconsider_case
from collab.transfer.licences.models import Licence
from collab.transfer.licences.own import why_not_about
from collab.transfer.licences.services import name_case, open_obstacles
from collab.transfer.models import DisclosedResult, Funding, TransferCase
from tests.cast import employ, person, token_for
from tests.collab.transfer.protection.ground import case_of, day, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def found(office):
    """A case that came out of no project."""
    return case_of(office.joint, docket="RU-7")


def sheet(office, **more):
    return {
        "kind": "licence", "reference": "LIC-9", "title": "Gripper", "licensor": office.joint.university.pk,
        "licensee": office.firm.pk, "effective_on": timezone.localdate(), "exclusivity": "exclusive",
        "fields_": ["health"], "territories": ["EU"], "sublicensing": "none", "currency": "EUR", "issue_fee": "100",
        "royalty_basis": "none", "tiers_by": "year", "cap_by": "year", "costs": "none", "report_frequency": "none",
        "report_days": 30,
    } | more  # fmt: skip


def test_a_draft_begins_on_the_page_of_a_case_outside_every_project(office, found, client):
    right = member(found, office.officer, jurisdiction="DE", filed_on=day(-9))
    client.force_login(office.officer)
    start = f"{reverse('collab:licence_new')}?case={found.pk}"
    assert start in client.get(found.get_absolute_url()).content.decode()
    assert f"case={found.pk}" in client.get(start).content.decode()  # goes on to the project that it is drafted in
    url = f"{start}&project={office.joint.project.slug}"
    form = client.get(url).context["form"]
    assets = {one.label: name for name, one in form.assets.items()}
    assert str(right) in assets and form.initial["case"] == found.pk

    assert client.post(url, sheet(office, case=found.pk, **{assets[str(right)]: "100"})).status_code == 302
    licence = Licence.objects.get()
    assert licence.case == found and licence.assets.get().label == str(right)
    assert str(right) in client.get(reverse("collab:licence_terms", args=[licence.pk])).content.decode()


def test_a_case_is_chosen_on_the_form(office, client):
    mine = case_of(office.joint, docket="RU-8", project=office.joint.project)
    client.force_login(office.officer)
    url = f"{reverse('collab:licence_new')}?project={office.joint.project.slug}"
    form = client.get(url).context["form"]
    name = next(name for name, one in form.assets.items() if one.label.startswith("Reader"))
    assert client.post(url, sheet(office, case=mine.pk, **{name: "100"})).status_code == 302
    assert Licence.objects.get().case == mine


def test_a_case_that_cannot_be_licensed_is_not_dropped_without_a_word(office, found, borealis, client):
    client.force_login(office.officer)
    start = reverse("collab:licence_new")

    def page(key: object, **more: str) -> str:
        return client.get(start, {"case": str(key), **more}).content.decode()

    project = {"project": office.joint.project.slug}
    for key in ("nonsense", borealis.project.pk):
        assert "There is no such case" in page(key) and "There is no such case" in page(key, **project)
    assert "is not taken" not in page(found.pk) + page(found.pk, **project)
    elsewhere = case_of(office.joint, docket="RU-8", project=borealis.project)
    assert "came out of" in page(elsewhere.pk, **project)
    move_case(case=found, stage="closed", reason="Nobody wants it", by=office.officer, version=found.version)
    said = page(found.pk, **project)
    assert "not decided to be used" in said and f"&amp;case={found.pk}" not in page(found.pk)


def test_naming_the_case_later_lets_it_follow(office, found, client):
    licence = office.execute()
    assert licence.case is None
    client.force_login(office.officer)
    url = reverse("collab:licence_case", args=[licence.pk])
    assert url in client.get(licence.get_absolute_url()).content.decode()
    assert client.post(url, {"case": found.pk}).status_code == 302

    found.refresh_from_db()
    assert found.state == "licensed" and Licence.objects.get(pk=licence.pk).case == found
    assert AuditEvent.objects.filter(verb="licence.name_case", subject_id=str(licence.pk)).count() == 1
    assert url not in client.get(licence.get_absolute_url()).content.decode()
    with pytest.raises(ConflictError, match="names its case"):
        name_case(licence=licence, case=found, by=office.officer)


def test_that_a_licence_names_its_case_is_history_of_the_licensor_alone(office, found, client):
    """The docket number is confidential; everybody in the project reads the project's history, the licensee too."""
    name_case(licence=office.draft(), case=found, by=office.officer)
    act = AuditEvent.objects.get(verb="licence.name_case")
    assert (act.data["docket"], act.organisation_id, act.project_id) == (found.docket, found.organisation_id, None)
    client.force_login(office.joint.lead)
    assert found.docket not in client.get(f"/projects/{office.joint.project.slug}/history/").content.decode()


def test_only_a_case_that_is_used_is_named(office, found):
    licence = office.draft()
    move_case(case=found, stage="closed", reason="Nobody wants it", by=office.officer, version=found.version)
    with pytest.raises(ConflictError, match="not decided to be used"):
        name_case(licence=licence, case=found, by=office.officer)
    found.organisation_id = office.joint.company.pk
    with pytest.raises((InvalidError, ConflictError)):
        name_case(licence=licence, case=found, by=office.officer)


def test_page_and_verb_refuse_a_case_with_the_same_sentence(office, borealis):
    """Of another owner, out of another project, given up."""
    ours, project = Organisation.objects.filter(pk=office.joint.university.pk), office.joint.project
    employ(office.officer, office.joint.company, Role.TRANSFER_OFFICER)  # who sees that owner's cases as well
    for number, (kind, changes) in enumerate((
        (InvalidError, {"organisation": office.joint.company}),
        (InvalidError, {"project": borealis.project}),
        (ConflictError, {"state": "abandoned"}),
    )):  # fmt: skip
        pk = case_of(office.joint, docket=f"RU-{number}").pk
        TransferCase.objects.filter(pk=pk).update(**changes)
        row = TransferCase.objects.get(pk=pk)
        with pytest.raises(kind) as refused:
            office.draft(case=row)
        assert (refused.value.field, str(refused.value)) == ("case", why_not_about(row, ours, project))


def test_sponsors_of_a_named_case_stand_in_the_way(office, found):
    licence = office.draft()
    Funding.objects.create(disclosure=found.disclosure, sponsor_name="Fund", right="exclusive_option")
    assert not open_obstacles(licence)
    name_case(licence=licence, case=found, by=office.officer)
    assert any("Fund" in one.sentence for one in open_obstacles(Licence.objects.get(pk=licence.pk)))


def test_a_licence_on_what_is_disclosed_with_a_case_keeps_its_decision(office, found):
    office.execute()  # on the model alone
    DisclosedResult.objects.create(
        case=found, kind="model_version", subject_type="registry.modelversion", subject_id=office.model.pk, label="M"
    )
    anew = {"case": found, "reason": "New art", "version": found.version}
    with pytest.raises(NotReadyError, match="LIC-1"):
        reconsider_case(by=office.officer, **anew)
    TransferCase.objects.filter(pk=found.pk).update(organisation=office.joint.company)
    partner = employ(person("Pia Partner"), office.joint.company, Role.TRANSFER_OFFICER)
    assert reconsider_case(by=partner, **anew).decision == ""  # another owner's licence does not bind this one


def test_a_program_names_and_reads_the_case(office, found, client):
    licence = office.draft()
    program = {"Authorization": f"Bearer {token_for(office.officer)}"}
    url = f"/api/v1/licences/{licence.pk}/"
    assert client.get(url, headers=program).json()["case"] is None
    done = client.post(f"{url}name_case/", {"case": str(found.pk)}, "application/json", headers=program)
    assert done.status_code == 200 and done.json()["case"] == str(found.pk)
    rows = client.get(f"/api/v1/licences/?case={found.pk}", headers=program).json()["results"]
    assert [row["id"] for row in rows] == [str(licence.pk)]


def test_the_case_shows_its_licences_with_the_same_number_of_queries(
    office, found, client, django_assert_max_num_queries
):
    client.force_login(office.officer)
    office.draft(case=found)
    url = reverse("collab:case_income", args=[found.pk])
    assert url in client.get(found.get_absolute_url()).content.decode()
    with django_assert_max_num_queries(60) as first:
        assert "LIC-1" in client.get(url).content.decode()
    for _number in range(3):
        office.draft(case=found, licensee=office.rival, exclusivity="non_exclusive", fields=["energy"])
    with django_assert_max_num_queries(len(first.captured_queries)):
        assert "LIC-4" in client.get(url).content.decode()
    client.force_login(office.firm_signatory)
    assert client.get(url).status_code == 404
