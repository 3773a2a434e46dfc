"""Applications and rights as assets of a licence: whose they are, and what their own days say."""

from __future__ import annotations

import pytest
from django.utils.translation import override

from collab.accounts.models import User
from collab.kernel.errors import ConflictError, FaultyInputError
from collab.transfer.disclosures.models import Disclosure
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


def test_assets_are_called_as_their_readers_speak(office, patent, client):
    """Whoever writes the terms, in whatever language, each reader finds the assets under their own."""
    Disclosure.objects.filter(case=patent.family.case).update(title="Reader", title_zh="阅读器")
    technology = {
        "kind": "technology", "subject_type": "collab.transfercase", "subject_id": str(patent.family.case_id),
        "percent": "50",
    }  # fmt: skip
    with override("zh-hans"):
        licence = office.draft(assets=[right(patent, "50"), technology])
    with override("en"):
        english = [str(one) for one in licence.assets.all()]
    with override("zh-hans"):
        chinese = [str(one) for one in licence.assets.all()]
    assert english[1].endswith("Reader") and chinese[1].endswith("阅读器")
    assert english[0] != chinese[0] and "DE" in chinese[0]
    client.force_login(office.officer)
    for language, labels in (("en", english), ("zh-hans", chinese)):
        User.objects.filter(pk=office.officer.pk).update(language=language)
        page = client.get(licence.get_absolute_url()).content.decode()
        assert all(page.count(label) >= 2 for label in labels), language  # in the table, and among the terms
