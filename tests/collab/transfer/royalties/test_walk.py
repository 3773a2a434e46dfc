"""The books walked at random: whatever is received, divided, reversed and refused, every cent is somewhere.

Run with WALK_STEPS=2000 for the long walk.
"""

from __future__ import annotations

import os
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from collab.kernel.errors import DomainError
from collab.transfer.licences.models import Licence, LicensedAsset, LicensedThing
from collab.transfer.protection.models import Family, Protection, ProtectionCost
from collab.transfer.royalties.models import Distribution, Invoice, Receipt, ScheduledPayment, ThirdPartyShare
from collab.transfer.royalties.policies import EXAMPLES
from collab.transfer.royalties.services import (
    add_third_party,
    decide_distribution,
    invoice_payments,
    match_receipt,
    propose_distribution,
    propose_reversal,
    reverse_receipt,
    schedule,
    set_policy,
    unmatch_receipt,
    withdraw_distribution,
)
from tests.collab.transfer.royalties.test_services import reconcile
from tests.royalties import FIRST, Books, case_of

pytestmark = pytest.mark.django_db
STEPS = int(os.environ.get("WALK_STEPS", "40"))
ACTS = (
    *("ask", "receive", "receive", "propose", "propose", "approve", "approve", "reject", "reverse", "back", "undo"),
    *("match", "owe", "spend", "withdraw", "divide_anew", "repay", "repay"),
)


class Walk:
    """One office, and everything that its officers could try."""

    def __init__(self, books: Books, chance: Random) -> None:
        self.books, self.chance, self.number = books, chance, 100
        self.done: set[str] = set()

    def step(self) -> None:
        act = self.chance.choice(ACTS)
        try:
            getattr(self, act)()
            self.done.add(act)
        except (DomainError, IndexError):
            pass
        reconcile()

    def one(self, rows):
        return self.chance.choice(list(rows))

    # --- what is tried
    def ask(self) -> None:
        self.number += 1
        Invoice.objects.create(
            organisation=self.books.organisation, number=self.number, licence=self.books.licence,
            due_on=self.books.licence.starts_on, currency="EUR", total=self.chance.randint(1, 10**7),
            issued_by=self.books.officer,
        )  # fmt: skip

    def receive(self) -> None:
        self.books.receive(str(Decimal(self.chance.randint(1, 10**7)) / 100))

    def propose(self) -> None:
        propose_distribution(organisation=self.books.organisation, by=self.books.officer)

    def _proposed(self) -> Distribution:
        return self.one(Distribution.objects.filter(state="proposed"))

    def approve(self) -> None:
        decide_distribution(distribution=self._proposed(), decision="approved", by=self.books.second)

    def reject(self) -> None:
        decide_distribution(distribution=self._proposed(), decision="rejected", reason="No", by=self.books.second)

    def withdraw(self) -> None:
        withdraw_distribution(distribution=self._proposed(), by=self.books.officer)

    def reverse(self) -> None:
        row = self.one(Distribution.objects.filter(state="posted"))
        propose_reversal(distribution=row, reason="Wrong", by=self.books.officer)

    def back(self) -> None:
        reverse_receipt(receipt=self.one(Receipt.objects.all()), reason="Wrong", by=self.books.officer)

    def undo(self) -> None:
        receipt = self.one(Receipt.objects.all())
        unmatch_receipt(match=self.one(receipt.matches.all()), by=self.books.officer)

    def match(self) -> None:
        receipt, invoice = self.one(Receipt.objects.all()), self.one(Invoice.objects.all())
        match_receipt(receipt=receipt, invoice=invoice, by=self.books.officer)

    def owe(self) -> None:
        if ThirdPartyShare.objects.count() < 2:
            add_third_party(
                case=self.books.case, name="Sponsor", percent=Decimal(self.chance.randint(1, 40)), from_on=FIRST,
                by=self.books.officer,
            )  # fmt: skip

    def spend(self) -> None:
        family = Family.objects.filter(case=self.books.case).first() or Family.objects.create(
            case=self.books.case, number=1, title="Family", created_by=self.books.officer
        )
        protection = Protection.objects.filter(family=family).first() or Protection.objects.create(
            family=family, kind="national", jurisdiction="US", title="Claim", created_by=self.books.officer
        )
        ProtectionCost.objects.create(
            protection=protection, kind="counsel", amount=Decimal(self.chance.randint(1, 10**6)) / 100, currency="EUR",
            incurred_on=FIRST, paid_on=FIRST, entered_by=self.books.officer,
        )  # fmt: skip

    def repay(self) -> None:
        """Costs that the licensee repays are asked for, each on an invoice of its own."""
        schedule(licence=self.books.licence)
        rows = ScheduledPayment.objects.filter(cost__isnull=False, state="planned")
        invoice_payments(payments=[self.one(rows)], by=self.books.officer)

    def divide_anew(self) -> None:
        last = self.books.organisation.royalty_policy.versions.first()
        content = EXAMPLES[self.chance.choice(list(EXAMPLES))]
        if not any(step["kind"] == "third_parties" for step in content["deductions"]):
            content = content | {"deductions": [{"kind": "third_parties"}, *content["deductions"]]}
        set_policy(
            organisation=self.books.organisation, currency="EUR", content=content,
            effective_on=last.effective_on + timedelta(days=1), by=self.books.officer,
        )  # fmt: skip


def _share_with_a_second_case(books: Books) -> None:
    """A third of what the licence brings, as near as four digits come, is another case's."""
    second = case_of(books.organisation, "RU-2", books.officer, ("Chen Outside", "100"))
    thing = LicensedThing.objects.create(name=f"collab.transfercase:{second.pk}", label="Second")
    LicensedAsset.objects.filter(licence=books.licence).update(allocation_percent=Decimal("66.6667"))
    LicensedAsset.objects.get_or_create(
        licence=books.licence, thing=thing, kind="technology", subject_type="collab.transfercase",
        subject_id=str(second.pk), label="Second", allocation_percent=Decimal("33.3333"), position=1,
    )  # fmt: skip


@given(seed=st.integers(0, 2**32))
@settings(
    max_examples=1, deadline=None, phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
def test_whatever_is_tried_every_cent_is_somewhere(books, seed):
    _share_with_a_second_case(books)
    Licence.objects.filter(pk=books.licence.pk).update(costs="all", costs_percent=Decimal("66.6667"))
    walk = Walk(books, Random(seed))
    for act in ("divide_anew", "spend", "repay", "ask", "receive", "propose", "approve", "reverse", "approve"):
        getattr(walk, act)()
        reconcile()
    for _number in range(STEPS):
        walk.step()
    assert Distribution.objects.filter(state="posted").count() >= 2
