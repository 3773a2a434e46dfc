"""The verbs on royalties, by what they are about. Each is one transaction with one row of history."""

from collab.transfer.royalties.chasing import chase
from collab.transfer.royalties.distributing import (
    decide_distribution,
    propose_distribution,
    propose_reversal,
    withdraw_distribution,
)
from collab.transfer.royalties.invoicing import cancel_invoice, invoice_interest, invoice_payments, invoice_report
from collab.transfer.royalties.passing import book_partner_payment, pay_partner, reverse_partner_payment
from collab.transfer.royalties.rates import (
    add_third_party,
    end_rate,
    end_third_party,
    enter_rate,
    set_interest,
    set_policy,
    withdraw_interest,
    withdraw_policy,
    withdraw_rate,
)
from collab.transfer.royalties.receiving import (
    edit_receipt,
    enter_receipt,
    match_receipt,
    reverse_receipt,
    unmatch_receipt,
)
from collab.transfer.royalties.refunding import refund_receipt, reverse_refund
from collab.transfer.royalties.reporting import accept_report, receive_report, return_report, submit_report
from collab.transfer.royalties.scheduling import add_payment, reach_milestone, schedule, schedule_all, waive_payment
from collab.transfer.royalties.settling import undo_write_off, write_off

__all__ = [
    "accept_report",
    "add_payment",
    "add_third_party",
    "book_partner_payment",
    "cancel_invoice",
    "chase",
    "decide_distribution",
    "edit_receipt",
    "end_rate",
    "end_third_party",
    "enter_rate",
    "enter_receipt",
    "invoice_interest",
    "invoice_payments",
    "invoice_report",
    "match_receipt",
    "pay_partner",
    "propose_distribution",
    "propose_reversal",
    "reach_milestone",
    "receive_report",
    "refund_receipt",
    "return_report",
    "reverse_partner_payment",
    "reverse_receipt",
    "reverse_refund",
    "schedule",
    "schedule_all",
    "set_interest",
    "set_policy",
    "submit_report",
    "undo_write_off",
    "unmatch_receipt",
    "waive_payment",
    "withdraw_distribution",
    "withdraw_interest",
    "withdraw_policy",
    "withdraw_rate",
    "write_off",
]
