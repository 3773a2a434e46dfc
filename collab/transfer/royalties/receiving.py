"""Verbs on receipts: enter, match with invoices, take a match back, reverse.

What is not matched with an invoice (an over-payment, a payment on account) stays undistributed until it is, or until
it is refunded (refunding.py).
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from collab.access.policy import require
from collab.accounts.models import User
from collab.agreements.acts import named
from collab.kernel.errors import ConflictError, InvalidError
from collab.transfer.disclosures.services import advance_case
from collab.transfer.disclosures.states import PIPELINE, PURSUED, CaseState
from collab.transfer.licences.models import Licence
from collab.transfer.royalties.acts import note_books, require_executed, require_version, said
from collab.transfer.royalties.models import Invoice, Receipt, ReceiptMatch
from collab.transfer.royalties.money import to_minor
from collab.transfer.royalties.rates import booked, policy_of
from collab.transfer.royalties.scheduling import require_currency
from collab.transfer.royalties.settling import settle


@transaction.atomic
def enter_receipt(
    *,
    licence: Licence,
    received_on: date,
    amount: Decimal,
    currency: str,
    by: User,
    reference: str = "",
    note_text: str = "",
    match: bool = True,
) -> Receipt:
    """Enter money that arrived. With `match` it pays the open invoices of the licence, the longest due first.

    Raises InvalidError for another currency than the licence's, a day to come, or when no rate is entered for the day.
    """
    require(by, "royalty.manage", licence)
    require_executed(licence)
    require_currency(licence, currency)
    policy = policy_of(licence.licensor)
    if received_on > timezone.localdate():
        raise InvalidError(_("This day has not come yet."), field="received_on")
    minor = to_minor(amount, currency, field="amount")
    if not minor:
        raise InvalidError(_("An amount of nothing was not received."), field="amount")
    known = Receipt.objects.standing().filter(organisation=licence.licensor, reference=reference.strip()).first()
    if reference.strip() and known is not None:
        raise ConflictError(
            _("The bank reference %(reference)s was entered already: %(receipt)s.")
            % {"reference": reference.strip(), "receipt": known}
        )
    sum_booked, rate = booked(licence.licensor, minor, currency, policy.currency, received_on)
    row = Receipt(
        organisation=licence.licensor,
        licence=licence,
        received_on=received_on,
        amount=minor,
        currency=currency,
        rate=rate,
        booked=sum_booked,
        book_currency=policy.currency,
        undistributed=sum_booked,
        reference=reference.strip(),
        note=note_text.strip(),
        entered_by=by,
    )
    row.require_clean()
    row.save()
    case = licence.case
    if case is not None and case.state in PIPELINE and case.decision in PURSUED:
        advance_case(case=case, stage=CaseState.INCOME, by=by)
    note_receipt("royalty.receive", row, by, amount=said(minor, currency), day=received_on.isoformat())
    if match:
        rows = Invoice.objects.select_for_update(of=("self",)).filter(licence=licence, currency=currency).open()
        for invoice in rows.order_by("due_on", "number"):  # held: what another receipt pays is not paid twice
            if row.unmatched:
                _match(row, invoice, min(row.unmatched, invoice.left), by)
    return row


@transaction.atomic
def match_receipt(
    *, receipt: Receipt, invoice: Invoice, by: User, amount: Decimal | None = None, version: int | None = None
) -> ReceiptMatch:
    """Let a receipt pay an invoice of its licence: as much as both leave open, or a part."""
    locked = locked_receipt(receipt, by)
    require_version(locked, version)
    require_standing(locked)
    if invoice.licence_id != locked.licence_id:
        raise InvalidError(_("This invoice is about another licence."), field="invoice")
    if invoice.currency != locked.currency:
        text = _("%(invoice)s is in %(wanted)s, the receipt in %(given)s.")
        facts = {"invoice": invoice.reference, "wanted": invoice.currency, "given": locked.currency}
        raise InvalidError(text % facts, field="invoice")
    found = Invoice.objects.select_for_update(of=("self",)).get(pk=invoice.pk)
    if not found.is_open:
        raise ConflictError(_("%(invoice)s is not open.") % {"invoice": found.reference})
    most = min(locked.unmatched, found.left)
    part = most if amount is None else to_minor(amount, locked.currency, field="amount")
    if not 0 < part <= most:
        raise InvalidError(
            _("Between nothing and %(most)s can be matched: the receipt leaves %(receipt)s, the invoice %(invoice)s.")
            % {
                "most": said(most, locked.currency),
                "receipt": said(locked.unmatched, locked.currency),
                "invoice": said(found.left, found.currency),
            },
            field="amount",
        )
    if locked.matches.filter(invoice=found, undone_at=None).exists():
        raise ConflictError(_("This receipt pays %(invoice)s already; take that back first.") % {"invoice": found})
    row = _match(locked, found, part, by)
    note_receipt("royalty.match", locked, by, invoice=found.reference, amount=said(part, locked.currency))
    return row


@transaction.atomic
def unmatch_receipt(*, match: ReceiptMatch, by: User) -> Receipt:
    """Take a match back. Raises ConflictError once the money was distributed."""
    locked = locked_receipt(match.receipt, by)
    held = ReceiptMatch.objects.select_for_update(of=("self",)).get(pk=match.pk)
    if held.undone_at is not None:
        raise ConflictError(_("This was taken back already."))
    _require_free(locked)
    invoice = Invoice.objects.get(pk=held.invoice_id)
    _undo(locked, held, by)
    note_receipt("royalty.unmatch", locked, by, invoice=invoice.reference, amount=said(held.amount, locked.currency))
    return locked


@transaction.atomic
def edit_receipt(*, receipt: Receipt, note_text: str, by: User, version: int) -> Receipt:
    """Change the note. Everything else of a receipt stays: a wrong one is reversed and entered anew."""
    locked = locked_receipt(receipt, by)
    require_version(locked, version, {"note": locked.note})
    _require_free(locked)
    locked.note = note_text.strip()
    locked.version += 1
    locked.require_clean()
    locked.save(update_fields=["note", "version"])
    note_receipt("royalty.edit_receipt", locked, by, amount=said(locked.amount, locked.currency))
    return locked


@transaction.atomic
def reverse_receipt(*, receipt: Receipt, reason: str, by: User, version: int | None = None) -> Receipt:
    """Take a receipt back by one of the same sum below zero; what it paid is open again."""
    locked = locked_receipt(receipt, by)
    require_version(locked, version)
    require_standing(locked)
    _require_free(locked)
    if locked.paid_back:
        text = _("%(amount)s of this receipt was refunded; take that back first.")
        raise ConflictError(text % {"amount": said(locked.paid_back, locked.currency)}, code="refunded")
    if not reason.strip():
        raise InvalidError(_("Give the reason."), field="reason")
    for match in locked.matches.filter(undone_at=None):
        _undo(locked, match, by)
    locked.reversed_at = timezone.now()  # its bank reference is free for what is entered anew
    locked.save(update_fields=["reversed_at"])
    row = Receipt(
        organisation=locked.organisation,
        licence=locked.licence,
        received_on=timezone.localdate(),
        amount=-locked.amount,
        currency=locked.currency,
        rate=locked.rate,
        booked=-locked.booked,
        book_currency=locked.book_currency,
        undistributed=-locked.booked,
        note=reason.strip()[:500],
        reverses=locked,
        entered_by=by,
    )
    row.require_clean()
    row.save()
    note_receipt(
        "royalty.reverse_receipt", row, by, amount=said(locked.amount, locked.currency), reason=reason.strip()[:200]
    )
    return row


# --- what they share
def note_receipt(verb: str, receipt: Receipt, by: User, **data: Any) -> None:
    """One row of history in the organisation whose books it is in."""
    note_books(verb, receipt, by, receipt.organisation, **(named(receipt.licence.agreement) | data))


def locked_receipt(receipt: Receipt, by: User) -> Receipt:
    require(by, "royalty.manage", receipt)
    rows = Receipt.objects.select_for_update(of=("self",))
    return rows.select_related("licence__agreement", "licence__licensor", "licence__licensee", "organisation").get(
        pk=receipt.pk
    )


def require_standing(receipt: Receipt) -> None:
    if receipt.reverses_id is not None or Receipt.objects.filter(reverses=receipt).exists():
        raise ConflictError(_("This receipt is reversed."))


def _require_free(receipt: Receipt) -> None:
    """Nothing of it was given out, and no proposal holds it."""
    if receipt.given_out:
        entry = receipt.entries.select_related("distribution").order_by("-distribution__number").first()
        raise ConflictError(
            _("This receipt of %(day)s is distributed (%(distribution)s); reverse that first.")
            % {"day": date_format(receipt.received_on), "distribution": entry.distribution if entry else "–"},
            code="distributed",
        )
    require_not_held(receipt)


def require_not_held(receipt: Receipt) -> None:
    if receipt.held_by_id is not None:
        raise ConflictError(
            _("%(distribution)s holds this receipt; withdraw it first.") % {"distribution": receipt.held_by}
        )


def _match(receipt: Receipt, invoice: Invoice, part: int, by: User) -> ReceiptMatch:
    """The invoice is held, and in the currency of the receipt."""
    row = ReceiptMatch.objects.create(receipt=receipt, invoice=invoice, amount=part, matched_by=by)
    receipt.matched += part
    receipt.version += 1
    receipt.save(update_fields=["matched", "version"])
    settle(invoice, paid=part)
    return row


def _undo(receipt: Receipt, match: ReceiptMatch, by: User) -> None:
    match.undone_at = timezone.now()
    match.save(update_fields=["undone_at"])
    receipt.matched -= match.amount
    receipt.version += 1
    receipt.save(update_fields=["matched", "version"])
    settle(Invoice.objects.select_for_update(of=("self",)).get(pk=match.invoice_id), paid=-match.amount)
