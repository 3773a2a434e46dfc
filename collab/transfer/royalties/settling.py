"""What an invoice still asks for: receipts pay it, and what will not arrive is written off, for a named reason."""

from __future__ import annotations

from decimal import Decimal

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import require
from collab.accounts.models import User
from collab.inbox.services import set_obligation, settle_obligation
from collab.inbox.states import ObligationKind
from collab.kernel.errors import ConflictError, InvalidError
from collab.transfer.royalties.acts import note, require_version, said
from collab.transfer.royalties.chasing import reopen_late, settle_late
from collab.transfer.royalties.models import Invoice
from collab.transfer.royalties.money import to_minor
from collab.transfer.royalties.states import InvoiceState, WriteOffKind
from collab.transfer.royalties.write_off_models import WriteOff


@transaction.atomic
def write_off(
    *, invoice: Invoice, kind: str, reason: str, by: User, amount: Decimal | None = None, version: int | None = None
) -> WriteOff:
    """Ask for a part of an invoice no more, or for all that is left; what was paid of it stays as it is.

    Raises ConflictError for one that is not open, InvalidError for more than is left or without a reason.
    """
    require(by, "royalty.manage", invoice)
    locked = _locked(invoice)
    require_version(locked, version)
    if not locked.is_open:
        raise ConflictError(_("%(invoice)s is not open.") % {"invoice": locked.reference})
    if kind not in WriteOffKind.values:
        raise InvalidError(_("Choose a kind."), field="kind")
    if not reason.strip():
        raise InvalidError(_("Give the reason."), field="reason")
    part = locked.left if amount is None else to_minor(amount, locked.currency, field="amount")
    if not 0 < part <= locked.left:
        raise InvalidError(
            _("%(invoice)s leaves %(left)s to pay; no more than that is written off.")
            % {"invoice": locked.reference, "left": said(locked.left, locked.currency)},
            field="amount",
        )
    row = WriteOff(invoice=locked, kind=kind, amount=part, reason=reason.strip(), written_by=by)
    row.require_clean()
    row.save()
    settle(locked, waived=part)
    note(
        "royalty.write_off", locked, by, locked.licence, invoice=locked.reference, kind=kind,
        amount=said(part, locked.currency), reason=row.reason[:200],
    )  # fmt: skip
    return row


@transaction.atomic
def undo_write_off(*, write_off: WriteOff, by: User) -> Invoice:
    """Ask for it again."""
    require(by, "royalty.manage", write_off.invoice)
    locked = _locked(write_off.invoice)
    row = WriteOff.objects.select_for_update(of=("self",)).get(pk=write_off.pk)
    if row.undone_at is not None:
        raise ConflictError(_("This was taken back already."))
    if locked.interest.exclude(state=InvoiceState.CANCELLED).filter(credits=None).exists():
        raise ConflictError(_("Interest on this invoice is asked for already."))
    row.undone_at = timezone.now()
    row.save(update_fields=["undone_at"])
    settle(locked, waived=-row.amount)
    note(
        "royalty.undo_write_off", locked, by, locked.licence, invoice=locked.reference,
        amount=said(row.amount, locked.currency),
    )  # fmt: skip
    return locked


def settle(invoice: Invoice, *, paid: int = 0, waived: int = 0) -> None:
    """So much more of it is paid or written off, less where below zero. The invoice is held."""
    invoice.paid += paid
    invoice.waived += waived
    invoice.state = _state(invoice)
    invoice.version += 1
    invoice.save(update_fields=["paid", "waived", "state", "version"])
    if not invoice.is_open:
        settle_obligation(source=invoice, kind=ObligationKind.PAYMENT)
        settle_late(invoice)
    elif paid + waived < 0:
        reopen_late(invoice)
        set_obligation(
            source=invoice, kind=ObligationKind.PAYMENT, organisation=invoice.licence.licensee, title=invoice.reference,
            title_zh=invoice.reference, due_on=invoice.due_on, url=invoice.get_absolute_url(),
        )  # fmt: skip


def _state(invoice: Invoice) -> InvoiceState:
    if not invoice.left:
        return InvoiceState.PAID if invoice.paid else InvoiceState.WRITTEN_OFF
    return InvoiceState.PART_PAID if invoice.paid else InvoiceState.OPEN


def _locked(invoice: Invoice) -> Invoice:
    rows = Invoice.objects.select_for_update(of=("self",))
    return rows.select_related("organisation", "licence__agreement", "licence__licensee", "licence__licensor").get(
        pk=invoice.pk
    )
