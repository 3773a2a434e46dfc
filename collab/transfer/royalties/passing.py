"""Passing on the parts of further licensors: what is owed to each, paid with its record, and booked by whom it reached.

A posted distribution owes each further licensor its part. The administering licensor pays it and says when and by which
reference; the other one books it as a receipt of its own, which its own policy divides. A payment is taken back by one
below zero, and only while it stands in nobody's books.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import require
from collab.accounts.models import Organisation, User
from collab.inbox.services import set_obligation, settle_obligation
from collab.inbox.states import ObligationKind
from collab.kernel.errors import ConflictError, InvalidError
from collab.transfer.licences.models import Licence, LicensorShare
from collab.transfer.royalties.acts import note_books, said, tell
from collab.transfer.royalties.models import LedgerEntry, PartnerPayment, Receipt
from collab.transfer.royalties.money import to_minor
from collab.transfer.royalties.policies import Account
from collab.transfer.royalties.rates import booked, policy_of

if TYPE_CHECKING:
    from collab.transfer.royalties.models import Distribution


@dataclass(frozen=True)
class Owed:
    """What one licensor owes another under a licence, in minor units of its books. Below zero it was paid too much."""

    licence: Licence
    partner: Organisation
    divided: int
    paid: int
    currency: str

    @property
    def amount(self) -> int:
        return self.divided - self.paid


# --- reads
def owed_to_partners(licences: Iterable[UUID] | Any, *, organisation: Organisation | None = None) -> list[Owed]:
    """For these licences (ids, or a query of them) what was divided and paid, for each further licensor; four queries.

    With `organisation` only what that one is owed.
    """
    entries = LedgerEntry.objects.filter(account=Account.LICENSORS.value, receipt__licence__in=licences)
    payments = PartnerPayment.objects.filter(licence__in=licences)
    if organisation is not None:
        entries, payments = entries.filter(licensor=organisation), payments.filter(partner=organisation)
    pair = ("receipt__licence", "licensor", "distribution__currency")
    divided = {row[:2]: row[2:] for row in entries.order_by().values_list(*pair).annotate(all=Sum("amount"))}
    paid = {
        (licence, partner): amount
        for licence, partner, amount in payments.order_by()
        .values_list("licence", "partner")
        .annotate(all=Sum("amount"))
    }
    rows = Licence.objects.select_related("agreement__project", "licensor", "licensee")
    known = rows.in_bulk({licence for licence, _partner in divided})
    names = Organisation.objects.in_bulk({partner for _licence, partner in divided})
    found = [
        Owed(known[licence], names[partner], amount, paid.get((licence, partner), 0), currency)
        for (licence, partner), (currency, amount) in divided.items()
    ]
    return sorted(found, key=lambda one: (one.licence.agreement.reference, str(one.partner)))


# --- verbs
@transaction.atomic
def pay_partner(
    *,
    licence: Licence,
    partner: Organisation,
    paid_on: date,
    by: User,
    amount: Decimal | None = None,
    reference: str = "",
    note_text: str = "",
) -> PartnerPayment:
    """Enter that a further licensor was paid its part, in the currency of the books; without `amount` all that is owed.

    Raises InvalidError naming what is owed when the sum is more, ConflictError when nothing is owed or the reference is
    known.
    """
    require(by, "royalty.manage", licence)
    owed = _held(licence, partner)
    if owed is None or owed.amount <= 0:
        raise ConflictError(_("Nothing is owed to %(partner)s under this licence.") % {"partner": partner})
    if paid_on > timezone.localdate():
        raise InvalidError(_("This day has not come yet."), field="paid_on")
    minor = owed.amount if amount is None else to_minor(amount, owed.currency, field="amount")
    if not 0 < minor <= owed.amount:
        raise InvalidError(
            _("%(partner)s is owed %(owed)s; no more than that is passed on, and not nothing.")
            % {"partner": partner, "owed": said(owed.amount, owed.currency)},
            field="amount",
        )
    known = PartnerPayment.objects.standing().filter(organisation=licence.licensor, reference=reference.strip())
    if reference.strip() and (found := known.first()) is not None:
        raise ConflictError(
            _("The bank reference %(reference)s was entered already: %(receipt)s.")
            % {"reference": reference.strip(), "receipt": found}
        )
    row = PartnerPayment(
        organisation=licence.licensor,
        partner=partner,
        licence=licence,
        paid_on=paid_on,
        amount=minor,
        currency=owed.currency,
        reference=reference.strip(),
        note=note_text.strip(),
        entered_by=by,
    )
    row.require_clean()
    row.save()
    _follow_owed(licence, partner, owed.amount - minor)
    note_books(
        "royalty.pay_licensor", row, by, licence.licensor, partner=partner.slug, amount=said(minor, owed.currency),
        day=paid_on.isoformat(),
    )  # fmt: skip
    _tell(
        row,
        gettext_lazy("{name} paid {amount} of {licence} on to you: book it"),
        by,
    )
    return row


@transaction.atomic
def reverse_partner_payment(*, payment: PartnerPayment, reason: str, by: User) -> PartnerPayment:
    """Take a payment back by one of the same sum below zero: it is owed again.

    Raises ConflictError while it stands in the books of whom it was paid to.
    """
    require(by, "royalty.manage", payment.licence)
    locked = _locked(payment)
    if not reason.strip():
        raise InvalidError(_("Give the reason."), field="reason")
    _require_standing(locked)
    receipt = locked.receipts.standing().first()
    if receipt is not None:
        raise ConflictError(
            _("%(partner)s has booked it on %(day)s; it takes its receipt back first.")
            % {"partner": locked.partner, "day": date_format(receipt.received_on)},
            code="booked",
        )
    locked.reversed_at = timezone.now()  # its bank reference is free for what is paid anew
    locked.save(update_fields=["reversed_at"])
    row = PartnerPayment(
        organisation=locked.organisation,
        partner=locked.partner,
        licence=locked.licence,
        paid_on=timezone.localdate(),
        amount=-locked.amount,
        currency=locked.currency,
        note=reason.strip()[:500],
        reverses=locked,
        entered_by=by,
    )
    row.require_clean()
    row.save()
    owed = _held(locked.licence, locked.partner)
    _follow_owed(locked.licence, locked.partner, owed.amount if owed else 0)
    note_books(
        "royalty.unpay_licensor", row, by, locked.organisation, partner=locked.partner.slug,
        amount=said(locked.amount, locked.currency), reason=reason.strip()[:200],
    )  # fmt: skip
    _tell(row, gettext_lazy("{name} took back the payment of {amount} of {licence} to you"), by)
    return row


@transaction.atomic
def book_partner_payment(
    *, payment: PartnerPayment, received_on: date, by: User, reference: str = "", note_text: str = ""
) -> Receipt:
    """Enter that a payment of the administering licensor arrived: a receipt in one's own books, which one's own policy
    divides.

    Raises ConflictError when it was booked or taken back, InvalidError for a day before it was paid or to come, or when
    no rate into the currency of the books is entered for the day.
    """
    partner = payment.partner
    require(by, "royalty.manage", partner)
    locked = _locked(payment)
    _require_standing(locked)
    if locked.receipts.standing().exists():
        raise ConflictError(_("This payment is booked already."), code="booked")
    if received_on > timezone.localdate():
        raise InvalidError(_("This day has not come yet."), field="received_on")
    if received_on < locked.paid_on:
        raise InvalidError(
            _("It was paid on %(day)s, so it did not arrive before.") % {"day": date_format(locked.paid_on)},
            field="received_on",
        )
    policy = policy_of(partner)
    known = Receipt.objects.standing().filter(organisation=partner, reference=reference.strip()).first()
    if reference.strip() and known is not None:
        raise ConflictError(
            _("The bank reference %(reference)s was entered already: %(receipt)s.")
            % {"reference": reference.strip(), "receipt": known}
        )
    sum_booked, rate = booked(partner, locked.amount, locked.currency, policy.currency, received_on)
    row = Receipt(
        organisation=partner,
        licence=locked.licence,
        received_on=received_on,
        amount=locked.amount,
        currency=locked.currency,
        rate=rate,
        booked=sum_booked,
        book_currency=policy.currency,
        matched=locked.amount,  # it pays no invoice: all of it is one's own
        undistributed=sum_booked,
        reference=reference.strip(),
        note=note_text.strip(),
        partner_payment=locked,
        entered_by=by,
    )
    row.require_clean()
    row.save()
    note_books(
        "royalty.book_part", row, by, partner, payer=locked.organisation.slug,
        amount=said(locked.amount, locked.currency), day=received_on.isoformat(),
    )  # fmt: skip
    return row


# --- what a distribution calls
def enter_owed(distribution: Distribution) -> None:
    """Put what a posted distribution owes into the calendar of whoever owes it, or take it out again."""
    pairs = distribution.entries.filter(account=Account.LICENSORS.value).order_by()
    keys = set(pairs.values_list("receipt__licence", "licensor").distinct())
    if not keys:
        return
    for one in owed_to_partners({licence for licence, _partner in keys}):
        if (one.licence.pk, one.partner.pk) in keys:
            _follow_owed(one.licence, one.partner, one.amount)


# --- what they share
def _held(licence: Licence, partner: Organisation) -> Owed | None:
    """What is owed, with the licence held: nobody pays or divides at the same time."""
    Licence.objects.select_for_update(of=("self",)).get(pk=licence.pk)
    return next(iter(owed_to_partners([licence.pk], organisation=partner)), None)


def _locked(payment: PartnerPayment) -> PartnerPayment:
    rows = PartnerPayment.objects.select_for_update(of=("self",))
    return rows.select_related("organisation", "partner", "licence__agreement", "licence__licensor").get(pk=payment.pk)


def _require_standing(payment: PartnerPayment) -> None:
    if payment.reverses_id is not None or PartnerPayment.objects.filter(reverses=payment).exists():
        raise ConflictError(_("This payment is taken back."))


def _follow_owed(licence: Licence, partner: Organisation, owed: int) -> None:
    share = LicensorShare.objects.filter(licence=licence, organisation=partner).first()
    if share is None:  # further terms have left it out: what was divided before is owed, without a day
        return
    if owed <= 0:
        settle_obligation(source=share, kind=ObligationKind.PAYMENT)
        return
    title = gettext_lazy("{licence}: the part of {partner} is to be passed on")
    set_obligation(
        source=share,
        kind=ObligationKind.PAYMENT,
        organisation=licence.licensor,
        title=format_lazy(title, licence=licence.agreement, partner=partner),
        due_on=timezone.localdate() + timedelta(days=licence.share_days),
        url=f"/transfer/licences/{licence.pk}/royalties/",
    )


def _tell(payment: PartnerPayment, title: Any, by: User) -> None:
    """The people who keep the books of whom it was paid to."""
    amount = said(abs(payment.amount), payment.currency)
    title = format_lazy(title, name=payment.organisation, amount=amount, licence=payment.licence.agreement)
    tell(payment.partner, "royalty.manage", title=title, url=payment.get_absolute_url(), by=by)
