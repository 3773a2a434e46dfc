"""Database triggers that hold the books: the ledger is append-only, a distribution is posted only when it balances,
and what a receipt says became of it is what its entries say. The same on both databases (docs/adr/0006).

A verb posts in this order: entries, receipts, the distribution. The last step checks the first two.
"""

from __future__ import annotations

from typing import Any

from collab.kernel.triggers import Rule, absent, differs, put, take
from collab.transfer.royalties.policies import DISTRIBUTED, PASSED_ON, RETAINED

LEDGER, RECEIPTS = "collab_ledgerentry", "collab_receipt"
DISTRIBUTIONS, INVOICES = "collab_distribution", "collab_invoice"
PAYMENTS = "collab_partnerpayment"
WRITE_OFFS = "collab_writeoff"
REFUNDS = "collab_refund"


def _accounts(accounts: Any) -> str:
    return ", ".join(f"'{account.value}'" for account in accounts)


def _sum(accounts: Any, where: str) -> str:
    # Names of our own tables, accounts and columns: nothing that anybody writes comes in here.
    return f"(SELECT COALESCE(SUM(amount), 0) FROM {LEDGER} WHERE {where} AND account IN ({_accounts(accounts)}))"  # noqa: S608


_RECEIPT_FACTS = (
    "organisation_id", "licence_id", "received_on", "amount", "currency", "rate", "booked", "book_currency",
    "reverses_id", "partner_payment_id",
)  # fmt: skip
_DISTRIBUTION_FACTS = (
    "organisation_id", "number", "policy_id", "reverses_id", "currency", "receipts", "amount", "distributed",
    "retained", "passed_on", "digest", "state", "proposed_by_id", "decided_by_id", "posted_at",
)  # fmt: skip
_INVOICE_FACTS = (
    "organisation_id", "number", "licence_id", "report_id", "credits_id", "interest_on_id", "issued_on", "due_on",
    "currency", "total",
)  # fmt: skip
_PAYMENT_FACTS = (
    "organisation_id", "partner_id", "licence_id", "paid_on", "amount", "currency", "reference", "reverses_id",
)  # fmt: skip
# What the administering licensor owes the other one of a licence: its entries in the ledger, less what was paid.
_OWED = (
    f"(SELECT COALESCE(SUM(e.amount), 0) FROM {LEDGER} e JOIN {RECEIPTS} r ON r.id = e.receipt_id"  # noqa: S608
    f" WHERE e.licensor_id = NEW.partner_id AND r.licence_id = NEW.licence_id"
    f" AND r.organisation_id = NEW.organisation_id AND e.account IN ({_accounts(PASSED_ON)}))"
    f" - (SELECT COALESCE(SUM(amount), 0) FROM {PAYMENTS} WHERE partner_id = NEW.partner_id"
    " AND licence_id = NEW.licence_id AND organisation_id = NEW.organisation_id)"
)

RULES: dict[str, Rule] = {
    "ledger_no_update": (LEDGER, "UPDATE", "TRUE", "the ledger is append-only: correct it by a reversal"),
    "ledger_no_delete": (LEDGER, "DELETE", "TRUE", "the ledger is append-only: correct it by a reversal"),
    "ledger_closed": (
        LEDGER,
        "INSERT",
        f"(SELECT state FROM {DISTRIBUTIONS} WHERE id = NEW.distribution_id) <> 'proposed'",  # noqa: S608
        "entries are added only while their distribution is posted",
    ),
    "distribution_begins_unposted": (
        DISTRIBUTIONS,
        "INSERT",
        "NEW.state = 'posted'",
        "a distribution is posted by its approval",
    ),
    "distribution_stays": (
        DISTRIBUTIONS,
        "UPDATE",
        f"OLD.state = 'posted' AND ({differs(*_DISTRIBUTION_FACTS)})",
        "a posted distribution is not changed: reverse it",
    ),
    "distribution_balances": (
        DISTRIBUTIONS,
        "UPDATE",
        "NEW.state = 'posted' AND OLD.state <> 'posted' AND ("  # noqa: S608
        f"(SELECT COALESCE(SUM(amount), 0) FROM {LEDGER} WHERE distribution_id = NEW.id) <> 0"
        f" OR {_sum(DISTRIBUTED, 'distribution_id = NEW.id')} <> NEW.distributed"
        f" OR {_sum(RETAINED, 'distribution_id = NEW.id')} <> NEW.retained"
        f" OR {_sum(PASSED_ON, 'distribution_id = NEW.id')} <> NEW.passed_on"
        f" OR EXISTS (SELECT 1 FROM {RECEIPTS} r WHERE r.id IN"
        f" (SELECT receipt_id FROM {LEDGER} WHERE distribution_id = NEW.id)"
        f" AND (r.distributed <> {_sum(DISTRIBUTED, 'receipt_id = r.id')}"
        f" OR r.retained <> {_sum(RETAINED, 'receipt_id = r.id')}"
        f" OR r.passed_on <> {_sum(PASSED_ON, 'receipt_id = r.id')})))",
        "a distribution does not balance",
    ),
    "distribution_no_delete": (
        DISTRIBUTIONS,
        "DELETE",
        "OLD.state = 'posted'",
        "a posted distribution is not removed: reverse it",
    ),
    "receipt_begins_undistributed": (
        RECEIPTS,
        "INSERT",
        "NEW.distributed <> 0 OR NEW.retained <> 0 OR NEW.passed_on <> 0",
        "a receipt begins undistributed",
    ),
    "receipt_stays": (
        RECEIPTS,
        "UPDATE",
        differs(*_RECEIPT_FACTS),
        "a receipt is not changed: reverse it and enter it anew",
    ),
    "receipt_says_what_the_ledger_says": (
        RECEIPTS,
        "UPDATE",
        "(NEW.distributed <> OLD.distributed OR NEW.retained <> OLD.retained OR NEW.passed_on <> OLD.passed_on)"
        f" AND (NEW.distributed <> {_sum(DISTRIBUTED, 'receipt_id = NEW.id')}"
        f" OR NEW.retained <> {_sum(RETAINED, 'receipt_id = NEW.id')}"
        f" OR NEW.passed_on <> {_sum(PASSED_ON, 'receipt_id = NEW.id')})",
        "a receipt says something else than the ledger",
    ),
    "receipt_is_what_was_paid": (
        RECEIPTS,
        "INSERT",
        "NEW.partner_payment_id IS NOT NULL AND ("  # noqa: S608
        f"NOT EXISTS (SELECT 1 FROM {PAYMENTS} p WHERE p.id = NEW.partner_payment_id AND p.reverses_id IS NULL"
        " AND p.partner_id = NEW.organisation_id AND p.licence_id = NEW.licence_id"
        " AND p.amount = NEW.amount AND p.currency = NEW.currency)"
        f" OR EXISTS (SELECT 1 FROM {PAYMENTS} p WHERE p.reverses_id = NEW.partner_payment_id)"
        f" OR EXISTS (SELECT 1 FROM {RECEIPTS} r WHERE r.partner_payment_id = NEW.partner_payment_id"
        f" AND NOT EXISTS (SELECT 1 FROM {RECEIPTS} b WHERE b.reverses_id = r.id)))",
        "a receipt of a payment is that payment, once",
    ),
    "partner_payment_is_owed": (
        PAYMENTS,
        "INSERT",
        f"NEW.reverses_id IS NULL AND NEW.amount > {_OWED}",
        "no more is passed on than is owed",
    ),
    "partner_payment_reversed_whole": (
        PAYMENTS,
        "INSERT",
        "NEW.reverses_id IS NOT NULL AND ("  # noqa: S608
        f"NOT EXISTS (SELECT 1 FROM {PAYMENTS} p WHERE p.id = NEW.reverses_id AND p.reverses_id IS NULL"
        " AND p.amount = -NEW.amount AND p.currency = NEW.currency AND p.partner_id = NEW.partner_id"
        " AND p.licence_id = NEW.licence_id AND p.organisation_id = NEW.organisation_id)"
        f" OR EXISTS (SELECT 1 FROM {RECEIPTS} r WHERE r.partner_payment_id = NEW.reverses_id"
        f" AND NOT EXISTS (SELECT 1 FROM {RECEIPTS} b WHERE b.reverses_id = r.id)))",
        "a payment is taken back as it was, and only while it stands in no books",
    ),
    "partner_payment_stays": (
        PAYMENTS,
        "UPDATE",
        differs(*_PAYMENT_FACTS),
        "a payment is not changed: reverse it",
    ),
    "partner_payment_no_delete": (PAYMENTS, "DELETE", "TRUE", "a payment is not removed: reverse it"),
    "receipt_no_delete": (RECEIPTS, "DELETE", "TRUE", "a receipt is not removed: reverse it"),
    "invoice_stays": (
        INVOICES,
        "UPDATE",
        differs(*_INVOICE_FACTS),
        "an invoice is not changed: take it back by a credit note",
    ),
    "invoice_waives_what_is_written_off": (
        INVOICES,
        "UPDATE",
        "NEW.waived <> OLD.waived AND NEW.waived <>"  # noqa: S608
        f" (SELECT COALESCE(SUM(amount), 0) FROM {WRITE_OFFS} WHERE invoice_id = NEW.id AND undone_at IS NULL)",
        "an invoice says something else than its write-offs",
    ),
    "write_off_stays": (
        WRITE_OFFS,
        "UPDATE",
        f"OLD.undone_at IS NOT NULL OR {differs('invoice_id', 'kind', 'amount', 'reason', 'written_by_id')}",
        "a write-off is not changed: take it back",
    ),
    "write_off_no_delete": (WRITE_OFFS, "DELETE", "TRUE", "a write-off is not removed: take it back"),
    "receipt_begins_unrefunded": (
        RECEIPTS,
        "INSERT",
        f"(NEW.refunded <> 0 OR NEW.paid_back <> 0) AND NOT EXISTS (SELECT 1 FROM {REFUNDS} WHERE receipt_id = NEW.id)",  # noqa: S608
        "a receipt begins with nothing refunded",
    ),
    "receipt_refunds_what_was_paid_back": (
        RECEIPTS,
        "UPDATE",
        "(NEW.refunded <> OLD.refunded OR NEW.paid_back <> OLD.paid_back)"  # noqa: S608
        f" AND (NEW.refunded <> (SELECT COALESCE(SUM(booked), 0) FROM {REFUNDS} WHERE receipt_id = NEW.id)"
        f" OR NEW.paid_back <> (SELECT COALESCE(SUM(amount), 0) FROM {REFUNDS} WHERE receipt_id = NEW.id))",
        "a receipt says something else than its refunds",
    ),
    "refund_reversed_whole": (
        REFUNDS,
        "INSERT",
        "NEW.reverses_id IS NOT NULL AND"  # noqa: S608
        f" NOT EXISTS (SELECT 1 FROM {REFUNDS} r WHERE r.id = NEW.reverses_id AND r.reverses_id IS NULL"
        " AND r.receipt_id = NEW.receipt_id AND r.amount = -NEW.amount)",
        "a refund is taken back as it was",
    ),
    "refund_stays": (REFUNDS, "UPDATE", "TRUE", "a refund is not changed: reverse it"),
    "refund_no_delete": (REFUNDS, "DELETE", "TRUE", "a refund is not removed: reverse it"),
    "invoice_no_delete": (INVOICES, "DELETE", "TRUE", "an invoice is not removed: take it back by a credit note"),
}


def install(connection: Any) -> None:
    """Put the triggers in place; called by migrations. Before the last of their tables is there, none is."""
    there = connection.introspection.table_names()
    if PAYMENTS not in there:
        return
    # Migrations before write-offs or refunds were kept install the rest.
    later = [table for table in (WRITE_OFFS, REFUNDS) if table not in there]
    names = [name for name, rule in RULES.items() if not any(table in f"{rule[0]} {rule[2]}" for table in later)]
    put(connection, {name: RULES[name] for name in names})


def remove(connection: Any) -> None:
    """Take them away: for undoing a migration, and for tests that empty their database."""
    take(connection, RULES)


def missing(connection: Any) -> list[str]:
    """Names of the triggers that should be there and are not."""
    return absent(connection, RULES)
