"""The books walked at random: whatever is received, divided, reversed and refused, every cent is somewhere.

Run with WALK_STEPS=2000 for the long walk.
"""

from __future__ import annotations

import os
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from collab.access.roles import Role
from collab.kernel.errors import DomainError
from collab.transfer.disclosures.models import DisclosedResult
from collab.transfer.licences.models import Licence, LicensedAsset, LicensedThing, LicensorShare
from collab.transfer.protection.models import Family, Protection, ProtectionCost
from collab.transfer.royalties.models import (
    Distribution,
    Invoice,
    PartnerPayment,
    Receipt,
    ScheduledPayment,
    ThirdPartyShare,
)
from collab.transfer.royalties.passing import owed_to_partners
from collab.transfer.royalties.policies import EXAMPLES
from collab.transfer.royalties.refund_models import Refund
from collab.transfer.royalties.services import (
    add_third_party,
    book_partner_payment,
    decide_distribution,
    invoice_payments,
    match_receipt,
    pay_partner,
    propose_distribution,
    propose_reversal,
    refund_receipt,
    reverse_partner_payment,
    reverse_receipt,
    reverse_refund,
    schedule,
    set_policy,
    undo_write_off,
    unmatch_receipt,
    withdraw_distribution,
    write_off,
)
from collab.transfer.royalties.write_off_models import WriteOff
from tests.cast import employ, person
from tests.collab.transfer.royalties.test_services import reconcile
from tests.royalties import FIRST, Books, case_of

pytestmark = pytest.mark.django_db
STEPS = int(os.environ.get("WALK_STEPS", "40"))
ACTS = (
    *("ask", "receive", "receive", "propose", "propose", "approve", "approve", "reject", "reverse", "back", "undo"),
    *("match", "owe", "spend", "withdraw", "divide_anew", "repay", "repay"),
    *("pass_on", "pass_on", "take_back", "book", "book", "part_back", "part_out", "share_anew"),
    *("write_off", "write_off", "ask_again"),
    *("refund", "refund", "keep_after_all"),
)


class Walk:
    """One office, and everything that its officers could try."""

    def __init__(self, books: Books, chance: Random) -> None:
        self.books, self.chance = books, chance
        self.partner = books.office.joint.company
        self.theirs = [employ(person(f"Partner {n}"), self.partner, Role.TRANSFER_OFFICER) for n in range(2)]
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
        last = Invoice.objects.order_by("-number").first()
        Invoice.objects.create(
            organisation=self.books.organisation, number=last.number + 1 if last else 1, licence=self.books.licence,
            due_on=self.books.licence.starts_on, currency="EUR", total=self.chance.randint(1, 10**7),
            issued_by=self.books.officer,
        )  # fmt: skip

    def receive(self) -> None:
        self.books.receive(str(Decimal(self.chance.randint(1, 10**7)) / 100))

    def propose(self) -> None:
        propose_distribution(organisation=self.books.organisation, by=self.books.officer)

    def _proposed(self) -> Distribution:
        return self.one(Distribution.objects.filter(state="proposed"))

    def people(self, row: Distribution) -> list:
        """Who proposes and who approves in the organisation whose books it is of."""
        own = row.organisation_id == self.books.organisation.pk
        return [self.books.officer, self.books.second] if own else self.theirs

    def approve(self) -> None:
        row = self._proposed()
        decide_distribution(distribution=row, decision="approved", by=self.people(row)[1])

    def reject(self) -> None:
        row = self._proposed()
        decide_distribution(distribution=row, decision="rejected", reason="No", by=self.people(row)[1])

    def withdraw(self) -> None:
        row = self._proposed()
        withdraw_distribution(distribution=row, by=self.people(row)[0])

    def reverse(self) -> None:
        row = self.one(Distribution.objects.filter(state="posted"))
        propose_reversal(distribution=row, reason="Wrong", by=self.people(row)[0])

    def back(self) -> None:
        reverse_receipt(receipt=self.one(Receipt.objects.all()), reason="Wrong", by=self.books.officer)

    def undo(self) -> None:
        receipt = self.one(Receipt.objects.all())
        unmatch_receipt(match=self.one(receipt.matches.all()), by=self.books.officer)

    def match(self) -> None:
        receipt, invoice = self.one(Receipt.objects.all()), self.one(Invoice.objects.all())
        match_receipt(receipt=receipt, invoice=invoice, by=self.books.officer)

    def write_off(self) -> None:
        invoice = self.one(Invoice.objects.all())
        amount = Decimal(self.chance.randint(1, max(invoice.left, 1))) / 100
        kind = self.chance.choice(["bank_charge", "tax_withheld", "written_off"])
        write_off(invoice=invoice, kind=kind, amount=amount, reason="Gone", by=self.books.officer)

    def ask_again(self) -> None:
        undo_write_off(write_off=self.one(WriteOff.objects.all()), by=self.books.officer)

    def refund(self) -> None:
        receipt = self.one(Receipt.objects.all())
        amount = Decimal(self.chance.randint(1, max(receipt.unmatched, 1))) / 100
        officer = self.books.officer if receipt.organisation_id == self.books.organisation.pk else self.theirs[0]
        refund_receipt(receipt=receipt, amount=amount, reason="Too much", by=officer)

    def refund_one(self) -> None:
        """One that leaves something unmatched, as there is after three receipts for which nothing is asked."""
        receipt = next(row for row in Receipt.objects.filter(held_by=None).standing() if row.unmatched)
        refund_receipt(receipt=receipt, reason="Too much", by=self.books.officer)

    def keep_after_all(self) -> None:
        reverse_refund(refund=self.one(Refund.objects.all()), reason="Not paid", by=self.books.officer)

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

    # --- the part of a further licensor
    def pass_on(self) -> None:
        owed = owed_to_partners([self.books.licence.pk], organisation=self.partner)[0]
        amount = Decimal(self.chance.randint(1, max(owed.amount, 1))) / 100
        pay_partner(
            licence=self.books.licence, partner=self.partner, paid_on=timezone.localdate(), amount=amount,
            by=self.books.officer,
        )  # fmt: skip

    def take_back(self) -> None:
        payment = self.one(PartnerPayment.objects.all())
        reverse_partner_payment(payment=payment, reason="Wrong", by=self.books.officer)

    def book(self) -> None:
        payment = self.one(PartnerPayment.objects.all())
        book_partner_payment(payment=payment, received_on=timezone.localdate(), by=self.theirs[0])

    def part_back(self) -> None:
        receipt = self.one(Receipt.objects.filter(organisation=self.partner))
        reverse_receipt(receipt=receipt, reason="Wrong", by=self.theirs[0])

    def part_out(self) -> None:
        row = propose_distribution(organisation=self.partner, by=self.theirs[0])
        decide_distribution(distribution=row, decision="approved", by=self.theirs[1])

    def share_anew(self) -> None:
        """As if further terms had been signed."""
        percent = Decimal(self.chance.randint(0, 10**6)) / 10**4
        shares = LicensorShare.objects.filter(licence=self.books.licence)
        shares.filter(organisation=self.partner).update(percent=percent)
        shares.exclude(organisation=self.partner).update(percent=100 - percent)

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


def _share_with_a_partner(books: Books, walk: Walk) -> None:
    """A seventh of the receipts is another licensor's, which has a case and books of its own."""
    model = str(books.office.model.pk)
    theirs = case_of(walk.partner, "NW-1", walk.theirs[0], ("Dana Outside", "100"))
    for case in (books.case, theirs):
        DisclosedResult.objects.create(case=case, subject_type="registry.modelversion", subject_id=model, label="Model")
    for house, percent in ((books.organisation, "85.7143"), (walk.partner, "14.2857")):
        LicensorShare.objects.create(licence=books.licence, organisation=house, percent=Decimal(percent))
    set_policy(
        organisation=walk.partner, currency="EUR", content=EXAMPLES["llu"], effective_on=FIRST, by=walk.theirs[0]
    )


@given(seed=st.integers(0, 2**32))
@settings(
    max_examples=1, deadline=None, phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
def test_whatever_is_tried_every_cent_is_somewhere(books, seed):
    _share_with_a_second_case(books)
    Licence.objects.filter(pk=books.licence.pk).update(costs="all", costs_percent=Decimal("66.6667"))
    walk = Walk(books, Random(seed))
    _share_with_a_partner(books, walk)
    first = ("divide_anew", "spend", "repay", "ask", "receive", "propose", "approve", "pass_on", "book", "part_out")
    first = (*first, "receive", "receive", "receive", "refund_one", "keep_after_all", "refund_one")
    for act in (*first, "reverse", "approve"):
        getattr(walk, act)()
        reconcile()
    for _number in range(STEPS):
        walk.step()
    assert Distribution.objects.filter(state="posted").count() >= 3
    assert Receipt.objects.filter(organisation=walk.partner).exists()
