"""Applications and rights as assets of a licence: whose they are, and what their own days say."""

from __future__ import annotations

import pytest

from collab.kernel.errors import ConflictError, FaultyInputError
from collab.transfer.licences.licensable import licensables_of
from collab.transfer.licences.services import open_obstacles
from collab.transfer.protection.services import edit_protection, move_protection
from tests.collab.transfer.protection.ground import case_of, day, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def patent(office):
    case = case_of(office.joint, project=office.joint.project)
    return member(case, office.officer, jurisdiction="DE", filed_on=day(-9), granted_on=day(-2), expires_on=day(3000))


def right(protection, percent: str = "100") -> dict[str, str]:
    return {
        "kind": "protection", "subject_type": "collab.protection", "subject_id": str(protection.pk), "percent": percent,
    }  # fmt: skip


def said(raised) -> str:
    return " ".join(fault.text for fault in raised.value.faults)


def test_a_right_in_force_is_licensed_beside_a_model(office, patent):
    assert str(patent) in {one.label for one in licensables_of(office.joint.project.pk)}
    licence = office.draft(assets=[right(patent)])
    row = licence.assets.get()
    assert (row.kind, row.label) == ("protection", str(patent)) and not open_obstacles(licence)


def test_what_its_days_and_its_country_say_is_weighed(office, patent):
    edit_protection(protection=patent, by=office.officer, version=patent.version, expires_on=day(100))
    told = [one.sentence for one in open_obstacles(office.draft(assets=[right(patent)], territories=["CN"]))]
    assert any("before the licence ends" in one for one in told)
    assert any("only in DE" in one for one in told)
    planned = member(patent.family.case, office.officer, "pct")
    told = [one.sentence for one in open_obstacles(office.draft(assets=[right(planned)]))]
    assert any("only planned" in one for one in told)


def test_what_has_ended_is_not_licensed(office, patent):
    licence = office.draft(assets=[right(patent)])
    gone = move_protection(protection=patent, move="lapse", on=day(-1), reason="Fee not paid", by=office.officer)
    with pytest.raises(ConflictError, match="ended on"):  # what was drafted before is not sent any more
        office.send(licence)
    with pytest.raises(FaultyInputError) as raised:
        office.draft(assets=[right(gone)])
    assert "ended on" in said(raised)
    assert str(gone) not in {one.label for one in licensables_of(office.joint.project.pk)}


def test_one_licenses_only_rights_of_ones_own_cases(office, patent):
    patent.family.case.__class__.objects.filter(pk=patent.family.case_id).update(organisation=office.joint.company)
    with pytest.raises(FaultyInputError) as raised:
        office.draft(assets=[right(patent)])
    assert office.joint.company.name in said(raised)
