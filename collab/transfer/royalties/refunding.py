"""Verbs on refunds: pay back what no invoice asks for, and take a refund back that was entered by mistake.

A refund leaves the books by an entry of its own, with its day and its reason; the receipt stays as it arrived.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.accounts.models import User
from collab.kernel.errors import ConflictError, InvalidError
from collab.transfer.royalties.acts import require_version, said, tell
from collab.transfer.royalties.models import Receipt
from collab.transfer.royalties.money import to_minor
from collab.transfer.royalties.receiving import locked_receipt, note_receipt, require_not_held, require_standing
from collab.transfer.royalties.refund_models import Refund


@transaction.atomic
def refund_receipt(
    *,
    receipt: Receipt,
    reason: str,
    by: User,
    amount: Decimal | None = None,
    refunded_on: date | None = None,
    reference: str = "",
    version: int | None = None,
) -> Refund:
    """Pay back what of a receipt pays no invoice, or a part of it.

    Raises ConflictError for one that is reversed or held by a proposal; InvalidError for more than that, with the sum
    that can be refunded, for a day before it arrived or to come, and without a reason.
    """
    locked = locked_receipt(receipt, by)
    require_version(locked, version, {"note": locked.note})
    require_standing(locked)
    require_not_held(locked)
    day = refunded_on or timezone.localdate()
    if day > timezone.localdate():
        raise InvalidError(_("This day has not come yet."), field="refunded_on")
    if day < locked.received_on:
        text = _("The receipt arrived only on %(day)s.")
        raise InvalidError(text % {"day": date_format(locked.received_on)}, field="refunded_on")
    if not reason.strip():
        raise InvalidError(_("Give the reason."), field="reason")
    part = locked.unmatched if amount is None else to_minor(amount, locked.currency, field="amount")
    if not 0 < part <= locked.unmatched:
        text = _("Of this receipt %(left)s pays no invoice; no more than that is refunded, and not nothing.")
        raise InvalidError(text % {"left": said(locked.unmatched, locked.currency)}, field="amount")
    row = Refund(
        receipt=locked, refunded_on=day, amount=part, booked=_booked(locked, part), reference=reference.strip(),
        reason=reason.strip(), entered_by=by,
    )  # fmt: skip
    _enter(locked, row)
    note_receipt(
        "royalty.refund", locked, by, amount=said(part, locked.currency), day=day.isoformat(), reason=row.reason[:200]
    )
    _tell(row, gettext_lazy("{name} refunded {amount} of {licence} to you"), by)
    return row


@transaction.atomic
def reverse_refund(*, refund: Refund, reason: str, by: User) -> Refund:
    """Take a refund back, as one that was not paid: the money is there again, and pays invoices."""
    locked = locked_receipt(refund.receipt, by)
    old = Refund.objects.select_for_update(of=("self",)).get(pk=refund.pk)
    if old.reverses_id is not None or Refund.objects.filter(reverses=old).exists():
        raise ConflictError(_("This was taken back already."))
    require_not_held(locked)
    if not reason.strip():
        raise InvalidError(_("Give the reason."), field="reason")
    row = Refund(
        receipt=locked, amount=-old.amount, booked=_booked(locked, -old.amount), reason=reason.strip()[:500],
        reverses=old, entered_by=by,
    )  # fmt: skip
    _enter(locked, row)
    note_receipt(
        "royalty.reverse_refund", locked, by, amount=said(old.amount, locked.currency), reason=row.reason[:200]
    )
    _tell(row, gettext_lazy("{name} took back the refund of {amount} of {licence} to you"), by)
    return row


# --- what they share
def _booked(receipt: Receipt, part: int) -> int:
    """What it is in the books, so that all refunds of a receipt are together never a unit off."""
    after = receipt.paid_back + part
    whole = receipt.booked if after == receipt.amount else receipt.booked * after // receipt.amount
    return whole - receipt.refunded


def _enter(receipt: Receipt, row: Refund) -> None:
    row.require_clean()
    row.save()
    receipt.paid_back += row.amount
    receipt.refunded += row.booked
    receipt.undistributed -= row.booked
    receipt.version += 1
    receipt.save(update_fields=["paid_back", "refunded", "undistributed", "version"])


def _tell(row: Refund, title: Any, by: User) -> None:
    """Those who report for the licensee. The receipt is in the books of the licensor, so the licence is shown."""
    licence, amount = row.receipt.licence, said(abs(row.amount), row.receipt.currency)
    title = format_lazy(title, name=licence.licensor, amount=amount, licence=licence.agreement)
    tell(
        licence.licensee, "royalty.report", title=title, by=by,
        url=reverse("collab:licence_royalties", args=[licence.pk]),
    )  # fmt: skip
