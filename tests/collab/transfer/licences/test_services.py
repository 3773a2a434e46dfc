"""Licences through their verbs: drafted with their terms, refused when they conflict, in force only while they hold."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from collab.access.policy import can, decide
from collab.agreements.ip import IPTerms
from collab.agreements.models import AgreementVersion
from collab.agreements.services import draft_version, edit_version, negotiate_version, resume_version, suspend_version
from collab.kernel.errors import ConflictError, FaultyInputError, InvalidError, NotReadyError
from collab.transfer.licences.licensable import licensables_of
from collab.transfer.licences.models import Diligence, Licence, LicensedAsset
from collab.transfer.licences.places import FieldOfUse
from collab.transfer.licences.services import (
    add_place,
    cure_breach,
    current_version,
    edit_terms,
    end_licence,
    exercise_option,
    give_breach,
    make_non_exclusive,
    meet_diligence,
)
from registry.uses.services import CodeTerm, set_uses
from tests.cast import person, token_for
from tests.collab.transfer.protection.ground import case_of
from tests.licensing import asset, trained

pytestmark = pytest.mark.django_db


def faults(raised) -> dict[str, str]:
    return {fault.path: fault.text for fault in raised.value.faults}


def test_a_term_sheet_binds_its_terms_to_the_version(office):
    licence = office.draft(milestones=[{"title": "First sale", "amount": "100.00", "due_on": None}])
    version = current_version(licence)

    assert licence.state == "term_sheet" and licence.exclusivity == "exclusive"
    assert licence.issue_fee == Decimal("5000") and licence.tiers.get().rate_percent == 3
    assert licence.milestones.get().amount == 100
    assert version.document()["particulars"]["issue_fee"] == "5000.00"
    before = version.document_hash()
    edit_terms(licence=licence, edit=version.version, terms={"issue_fee": "6000.00"}, by=office.officer)
    licence.refresh_from_db()
    assert licence.issue_fee == 6000
    assert current_version(licence).document_hash() != before


@pytest.mark.parametrize(
    ("terms", "path", "says"),
    [
        ({"issue_fee": "-1"}, "issue_fee", "negative"),
        ({"issue_fee": "1.001"}, "issue_fee", "0.01"),
        ({"issue_fee": "9e12"}, "issue_fee", "more money"),
        ({"issue_fee": 1.5}, "issue_fee", "decimal"),
        ({"currency": "EURO"}, "currency", "three capital"),
        ({"currency": "JPY", "issue_fee": "10.50"}, "issue_fee", "JPY"),
        ({"fields": ["magic"]}, "fields", "magic"),
        ({"territories": []}, "territories", "at least one"),
        ({"tiers": [{"from": "0", "rate": "101"}]}, "tiers.1.rate", "0 to 100"),
        ({"tiers": [{"from": "5", "rate": "1"}]}, "tiers", "begins at 0"),
        ({"surprise": 1}, "surprise", "no such term"),
        ({"diligence": [{"title": "Use it", "due_on": "2020-01-01"}]}, "diligence.1.due_on", "before"),
        ({"exclusivity": "somewhat"}, "exclusivity", "Choose"),
        ({"report_frequency": "none"}, "report_frequency", "counted from reports"),
        (
            {"royalty_basis": "none", "tiers": [], "sublicence_percent": "20", "report_frequency": "none"},
            "report_frequency",
            "counted from reports",
        ),
        (
            {"royalty_basis": "none", "tiers": [], "issue_fee": None, "sublicence_percent": "20", "currency": ""},
            "currency",
            "",
        ),
        ({"royalty_basis": "none", "tiers": [], "issue_fee": None, "currency": ""}, "currency", ""),
    ],
)
def test_bad_terms_are_named(office, terms, path, says):
    with pytest.raises(FaultyInputError) as raised:
        office.draft(**terms)

    assert says in faults(raised)[path]


def test_parts_of_the_assets_make_one_hundred(office):
    other = trained(office.joint, office.joint.researcher, "Writer")
    with pytest.raises(FaultyInputError) as raised:
        office.draft(assets=[asset(office.model, "60"), asset(other, "39.9999")])

    assert "99.9999" in faults(raised)["assets"]
    assert office.draft(assets=[asset(office.model, "60"), asset(other, "40")]).assets.count() == 2


def test_one_licenses_only_what_one_owns(office):
    theirs = trained(office.joint, office.joint.engineer, "Theirs")
    with pytest.raises(FaultyInputError) as raised:
        office.draft(assets=[asset(theirs)])

    assert "Northwind" in faults(raised)["assets.1"]


def test_what_is_owned_jointly_is_licensed_together(office):
    agreed = office.joint.cover(reference="RA-1")
    IPTerms.objects.create(version=agreed, results_owner="joint")
    with pytest.raises(FaultyInputError) as raised:
        office.draft()

    assert "jointly" in faults(raised)["assets.1"] and "RA-1" in faults(raised)["assets.1"]


def test_data_terms_forbid_a_commercial_licence(office):
    data = office.joint.dataset()
    set_uses(dataset=data, codes=[CodeTerm("non_commercial")], version=0, by=office.joint.researcher)
    model = trained(office.joint, office.joint.researcher, "Taught", dataset_versions=[data.latest()])
    with pytest.raises(FaultyInputError) as raised:
        office.draft(assets=[asset(model)])

    assert "Non-commercial" in faults(raised)["assets"]
    assert office.draft(assets=[asset(model)], commercial=False).pk


@pytest.mark.parametrize(
    ("second", "conflicts"),
    [
        ({}, True),
        ({"exclusivity": "non_exclusive"}, True),
        ({"fields": ["health.imaging"], "territories": ["DE"]}, True),
        ({"fields": ["all"], "territories": ["WORLD"]}, True),
        ({"fields": ["industry"]}, False),
        ({"territories": ["US"]}, False),
    ],
)
def test_a_grant_that_conflicts_is_refused_and_named(office, second, conflicts):
    office.execute()
    if not conflicts:
        assert office.draft(licensee=office.rival, **second).pk
        return
    with pytest.raises(FaultyInputError) as raised:
        office.draft(licensee=office.rival, **second)

    assert "LIC-1" in faults(raised)["exclusivity"] and "Eastwind" in faults(raised)["exclusivity"]


def test_later_in_time_is_no_conflict(office):
    first = office.execute()

    assert office.draft(licensee=office.rival, effective_on=first.ends_on, expires_on=None).pk
    with pytest.raises(FaultyInputError):
        office.draft(licensee=office.rival, effective_on=first.ends_on - timedelta(days=1), expires_on=None)


def test_of_two_term_sheets_the_second_cannot_be_signed(office):
    first, second = office.draft(), office.draft(licensee=office.rival)
    one, two = office.send(first), office.send(second)
    office.sign(one)

    with pytest.raises(ConflictError, match="conflicts with another"):
        office.sign(two)
    assert AgreementVersion.objects.get(pk=two.pk).state == "out_for_signature"
    assert second.state == "approved" and Licence.objects.in_force().get() == first


def test_what_stands_in_the_way_is_seen_before_it_is_sent(office):
    agreed = office.joint.cover(reference="RA-1")
    IPTerms.objects.create(
        version=agreed,
        results_owner="university",
        partner_right="option_licence",
        option_days=90,
        negotiation_days=90,
    )
    licence = office.draft()
    from collab.agreements.services import send_for_signature

    with pytest.raises(NotReadyError) as raised:
        send_for_signature(version=current_version(licence), by=office.officer)
    assert "Northwind" in str(raised.value) and "RA-1" in str(raised.value)
    assert office.send(licence).state == "out_for_signature"


def test_the_licensee_has_exactly_the_version_while_the_licence_holds(office):
    licence = office.execute()
    mine = LicensedAsset.objects.get(licence=licence)
    erin, rita = office.firm_engineer, office.rival_signatory

    assert licence.state == "active"
    assert list(LicensedAsset.objects.visible_to(erin, "release.download")) == [mine]
    assert not LicensedAsset.objects.visible_to(rita).exists()
    assert not decide(rita, "release.download", mine).visible
    second_before = timezone.make_aware(datetime.combine(licence.ends_on, time.min)) - timedelta(seconds=1)
    with time_machine.travel(second_before, tick=False):
        assert can(erin, "release.download", mine)
    with time_machine.travel(second_before + timedelta(seconds=1), tick=False):
        verdict = decide(erin, "release.download", mine)
        assert not verdict and verdict.visible and "expired" in verdict.missing[0].sentence
        assert Licence.objects.get(pk=licence.pk).state == "expired"


def test_breach_suspension_and_termination_close_it_at_once(office):
    licence = office.execute()
    mine, erin = LicensedAsset.objects.get(licence=licence), office.firm_engineer
    today = timezone.localdate()

    give_breach(licence=licence, reason="No report", cure_by=today + timedelta(days=30), by=office.officer)
    verdict = decide(erin, "release.download", mine)
    assert verdict.missing[0].code == "licence_in_breach" and "No report" in verdict.missing[0].sentence
    cure_breach(licence=licence, by=office.officer)
    assert can(erin, "release.download", mine)

    standing = suspend_version(version=current_version(licence), reason="Dispute", by=office.officer)
    assert decide(erin, "release.download", mine).missing[0].code == "licence_suspended"
    resume_version(version=standing, by=office.officer)
    assert can(erin, "release.download", mine)

    end_licence(licence=licence, reason="Over", by=office.officer)
    assert decide(erin, "release.download", mine).missing[0].code == "licence_terminated"
    assert office.draft(licensee=office.rival).pk  # and what was shut is free again


def test_exclusivity_is_lost_with_a_missed_milestone(office):
    today = timezone.localdate()
    licence = office.execute(
        convertible=True, diligence=[{"title": "On the market", "due_on": (today + timedelta(days=10)).isoformat()}]
    )
    with pytest.raises(ConflictError, match="missed"):
        make_non_exclusive(licence=licence, reason="Idle", by=office.officer)
    with time_machine.travel(timezone.now() + timedelta(days=11), tick=False):
        make_non_exclusive(licence=licence, reason="Idle", by=office.officer)
        licence.refresh_from_db()
        assert licence.exclusivity == "non_exclusive"
        assert office.draft(licensee=office.rival, exclusivity="non_exclusive").pk
        edit_terms(licence=licence, edit=0, terms={"issue_fee": "4000.00"}, by=office.officer)
        office.sign(office.send(licence))
        licence.refresh_from_db()
        assert (licence.exclusivity, licence.issue_fee) == ("non_exclusive", 4000)  # further terms do not bring it back
        assert licence.converted_on and not licence.grants.filter(shuts=True).exists()
        row = Diligence.objects.get(licence=licence)
        assert meet_diligence(diligence=row, version=row.version, by=office.officer).met_on


def test_terms_written_before_the_exclusivity_was_lost_do_not_bring_it_back(office):
    today = timezone.localdate()
    diligence = [{"title": "On the market", "due_on": (today + timedelta(days=10)).isoformat()}]
    licence = office.execute(convertible=True, diligence=diligence)
    edit_terms(licence=licence, edit=0, terms={"issue_fee": "4000.00"}, by=office.officer)
    with time_machine.travel(timezone.now() + timedelta(days=11), tick=False):
        make_non_exclusive(licence=licence, reason="Idle", by=office.officer)
        with pytest.raises(ConflictError, match="exclusivity was lost"):
            office.sign(office.send(licence))


def test_an_option_opens_no_files(office):
    option = office.execute(kind="option", royalty_basis="none", tiers=[])
    verdict = decide(office.firm_engineer, "release.download", LicensedAsset.objects.get(licence=option))
    assert not verdict and verdict.visible and verdict.missing[0].code == "licence_is_option"


def test_only_a_case_that_is_pursued_is_licensed(office):
    case = case_of(office.joint, project=office.joint.project)
    row = {"kind": "technology", "subject_type": "collab.transfercase", "subject_id": str(case.pk), "percent": "100"}
    assert office.draft(assets=[row]).pk
    keys = {one.key for one in licensables_of(office.joint.project.pk)}
    for facts in ({"state": "abandoned"}, {"state": "draft", "decision": "", "decided_by": None, "decided_at": None}):
        type(case).objects.filter(pk=case.pk).update(**facts)
        with pytest.raises(FaultyInputError) as raised:
            office.draft(assets=[row])
        assert "RU-1" in faults(raised)["assets"]
        assert {one.key for one in licensables_of(office.joint.project.pk)} == keys - {f"collab.transfercase:{case.pk}"}


def test_a_case_is_licensed_in_its_own_project(office, borealis):
    case = case_of(office.joint, project=borealis.project)
    with pytest.raises(InvalidError, match="another project"):
        office.draft(case=case)


@pytest.mark.parametrize("code", ["XCG", "ZWG", "CLF"])
def test_what_is_a_currency_in_terms_is_one_in_the_books(office, code):
    assert office.execute(currency=code, issue_fee="10").payments.get().money == 10


def test_a_signed_licence_stays_in_its_currency(office):
    licence = office.execute()
    with pytest.raises(FaultyInputError) as raised:
        edit_terms(licence=licence, edit=0, terms={"currency": "USD"}, by=office.officer)
    assert "EUR" in faults(raised)["currency"]


def test_a_place_is_a_part_of_another(office):
    admin = person("Root")
    admin.is_superuser = True
    with pytest.raises(InvalidError, match="of what it is a part") as raised:
        add_place(model=FieldOfUse, code="sport", name="Sport", by=admin)
    assert raised.value.field == "parent"
    above = FieldOfUse.objects.get(code="all")
    assert add_place(model=FieldOfUse, code="sport", name="Sport", parent=above, by=admin).depth == 1


def test_an_option_reserves_what_its_holder_may_take(office):
    option = office.execute(kind="option", negotiation_days=60, royalty_basis="none", tiers=[])
    with pytest.raises(FaultyInputError):
        office.draft(licensee=office.rival)
    with pytest.raises(InvalidError):
        office.draft(option=option)

    exercise_option(option=option, by=office.firm_signatory)
    option.refresh_from_db()
    assert option.exercised_on == timezone.localdate()
    assert office.draft(option=option).option == option


def test_new_terms_take_effect_when_they_are_signed(office):
    licence = office.execute()
    edit_terms(licence=licence, edit=0, terms={"issue_fee": "7000.00"}, by=office.officer)
    licence.refresh_from_db()
    assert licence.issue_fee == 5000 and licence.state == "active"

    office.sign(office.send(licence))
    licence.refresh_from_db()
    assert licence.issue_fee == 7000 and licence.state == "active"


def test_the_licensee_answers_with_other_terms(office):
    licence = office.draft()
    assert not Licence.objects.visible_to(office.firm_signatory).exists()
    version = negotiate_version(version=current_version(licence), by=office.officer)
    assert Licence.objects.visible_to(office.firm_signatory).get() == licence
    assert can(office.firm_signatory, "agreement.view", version)
    assert not can(office.firm_signatory, "project.view", office.joint.project)
    assert not can(office.joint.engineer, "agreement.view", version)  # confidential in the project too


@pytest.mark.parametrize("kind", ["licence", "option"])
def test_a_licence_is_begun_with_its_terms_alone(office, client, kind):
    from collab.agreements.services import draft_agreement

    with pytest.raises(NotReadyError) as refused:
        draft_agreement(project=office.joint.project, reference="X-1", kind=kind, title="Plain", by=office.officer)
    assert refused.value.missing[0].url == reverse("collab:licence_new")
    client.force_login(office.officer)
    url = reverse("collab:agreement_new", args=[office.joint.project.slug])
    assert kind not in dict(client.get(url).context["form"].fields["kind"].choices)
    body = {"project": office.joint.project.slug, "reference": "X-1", "kind": kind, "title": "Plain"}
    program = {"Authorization": f"Bearer {token_for(office.officer)}"}
    sent = client.post("/api/v1/agreements/", body, "application/json", headers=program)
    assert sent.status_code in {400, 422} and "kind" in sent.content.decode()


def test_an_agreement_without_a_licence_takes_no_terms(office):
    from collab.agreements.services import draft_agreement

    plain = draft_agreement(project=office.joint.project, reference="X-1", kind="nda", title="Plain", by=office.officer)
    with pytest.raises(InvalidError):
        draft_version(
            agreement=plain, text="t", effective_on=timezone.localdate(), particulars={"a": 1}, by=office.officer
        )
    version = draft_version(agreement=plain, text="t", effective_on=timezone.localdate(), by=office.officer)
    assert "particulars" not in version.document()
    assert edit_version(version=version, edit=version.version, text="u", by=office.officer).particulars == {}
