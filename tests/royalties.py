"""An office that is paid: a case with two inventors, a licence that reports by quarters, and the books."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from collab.access.roles import Role
from collab.accounts.models import Organisation, User
from collab.transfer.disclosures.models import Disclosure, Inventor, TransferCase
from collab.transfer.licences.models import Licence
from collab.transfer.royalties.models import Distribution, Receipt, RoyaltyReport
from collab.transfer.royalties.policies import EXAMPLES
from collab.transfer.royalties.services import (
    accept_report,
    decide_distribution,
    enter_receipt,
    invoice_report,
    propose_distribution,
    schedule,
    set_policy,
    submit_report,
)
from tests.cast import employ, person
from tests.kept import kept
from tests.licensing import Office

FIRST = date(2024, 1, 1)


def case_of(organisation: Organisation, docket: str, by: User, *inventors: tuple[User | str, str]) -> TransferCase:
    """A licensed case of these inventors with their shares."""
    now = timezone.now()
    case = TransferCase.objects.create(
        organisation=organisation,
        docket=docket,
        state="licensed",
        disclosed_on=FIRST,
        decision="protect",
        decided_by=by,
        decided_at=now,
        created_by=by,
    )
    disclosure = Disclosure.objects.create(case=case, title=f"Result {docket}", kind="trained_model")
    for who, share in inventors:
        named = isinstance(who, str)
        Inventor.objects.create(
            disclosure=disclosure,
            person=None if named else who,
            name=who if named else who.name,
            email=f"{who.lower().replace(' ', '.')}@example.net" if named else who.email,
            employer=organisation,
            share_percent=Decimal(share),
        )
    return case


@dataclass
class Books:
    """The office with its money; `second` is the other officer, who approves."""

    office: Office
    officer: User
    second: User
    case: TransferCase
    licence: Licence
    anna: User

    @property
    def organisation(self) -> Organisation:
        return self.licence.licensor

    def report(self, number: int, gross: str = "100000.00", **more: Any) -> RoyaltyReport:
        """The report of a quarter, submitted by the licensee."""
        report = RoyaltyReport.objects.order_by("starts_on").filter(licence=self.licence)[number]
        lines = [{"product": "Reader", "units": "10", "gross": Decimal(gross)}]
        given = {"lines": lines, "currency": "EUR"} | more
        return submit_report(report=report, by=self.office.firm_signatory, **given)

    def invoiced(self, number: int, gross: str = "100000.00") -> Any:
        return invoice_report(report=accept_report(report=self.report(number, gross), by=self.officer), by=self.officer)

    def receive(self, amount: str, *, on: date | None = None, currency: str = "EUR", **more: Any) -> Receipt:
        return enter_receipt(
            licence=self.licence,
            received_on=on or timezone.localdate(),
            amount=Decimal(amount),
            currency=currency,
            by=self.officer,
            **more,
        )

    def distribute(self) -> Distribution:
        row = propose_distribution(organisation=self.organisation, by=self.officer)
        return decide_distribution(distribution=row, decision="approved", by=self.second)


def books_of(office: Office, policy: dict[str, Any] | None = None) -> Books:
    university = office.joint.university
    anna = office.joint.researcher
    case = case_of(university, "RU-1", office.officer, (anna, "60"), ("Bo Outside", "40"))
    licence = office.execute(
        case=case,
        report_frequency="quarterly",
        report_days=30,
        tiers=[{"from": "0", "rate": "5"}, {"from": "300000", "rate": "3"}],
        annual_minimum="12000.00",
        royalty_cap="20000.00",
    )
    # as if it had begun with the year before last
    Licence.objects.filter(pk=licence.pk).update(starts_on=FIRST, ends_on=timezone.localdate() + timedelta(days=365))
    licence.refresh_from_db()
    RoyaltyReport.objects.filter(licence=licence).delete()
    schedule(licence=licence)
    set_policy(
        organisation=university,
        currency="EUR",
        content=policy or EXAMPLES["notre_dame"],
        effective_on=FIRST,
        by=office.officer,
    )
    second = employ(person("Sam Second"), university, Role.TRANSFER_OFFICER)
    return Books(office, office.officer, second, case, licence, anna)


@pytest.fixture
def books(office: Office) -> Books:
    return kept("books", lambda: books_of(office), office)
