"""Pages of royalties, below /transfer/."""

from collab.access.rules import SIGNED_IN, route, rule
from collab.transfer.royalties import audit_views, list_views, rates_views, views

_LICENCE = "transfer/licences/<uuid:pk>/"
_REPORT = "transfer/reports/<uuid:pk>/"
_AUDIT = "transfer/audits/<uuid:pk>/"
_INVOICE = "transfer/invoices/<uuid:pk>/"
_RECEIPT = "transfer/receipts/<uuid:pk>/"
_PAID = "transfer/licensor-payments/<uuid:pk>/"
_BOOKS = "transfer/books/<slug:slug>/"
_DISTRIBUTION = "transfer/distributions/<uuid:pk>/"
SEE, WRITE = rule("royalty.view"), rule("royalty.manage", "GET", "POST")
PRESS = rule("royalty.manage", "POST")

urlpatterns = [
    route("transfer/royalties/", views.royalties, rule(SIGNED_IN), name="royalties"),
    route("transfer/royalty-reports/", list_views.royalty_reports, rule(SIGNED_IN), name="royalty_reports"),
    route("transfer/invoices/", list_views.invoices, rule(SIGNED_IN), name="invoices"),
    route("transfer/invoices/file.csv", list_views.invoices_file, rule(SIGNED_IN), name="invoices_file"),
    route("transfer/receipts/", list_views.receipts, rule(SIGNED_IN), name="receipts"),
    route("transfer/receipts/file.csv", list_views.receipts_file, rule(SIGNED_IN), name="receipts_file"),
    # one licence
    route(f"{_LICENCE}royalties/", views.licence_royalties, rule("licence.view"), name="licence_royalties"),
    route(f"{_LICENCE}royalties/schedule/", views.licence_schedule, PRESS, name="licence_schedule"),
    route(f"{_LICENCE}payments/new/", views.payment_new, WRITE, name="payment_new"),
    route(f"{_LICENCE}milestones/<uuid:milestone>/", views.milestone_reach, WRITE, name="milestone_reach"),
    route(f"{_LICENCE}invoices/new/", views.invoice_new, WRITE, name="invoice_new"),
    route(f"{_LICENCE}receipts/new/", views.receipt_new, WRITE, name="receipt_new"),
    route("transfer/payments/<uuid:pk>/waive/", views.payment_waive, WRITE, name="payment_waive"),
    # reports
    route(_REPORT, views.royalty_report, SEE, name="royalty_report"),
    route(
        f"{_REPORT}write/",
        views.royalty_report_write,
        rule("royalty.report", "GET", "POST"),
        name="royalty_report_write",
    ),
    route(f"{_REPORT}receive/", views.royalty_report_receive, WRITE, name="royalty_report_receive"),
    route(f"{_REPORT}return/", views.royalty_report_return, WRITE, name="royalty_report_return"),
    route(f"{_REPORT}accept/", views.royalty_report_accept, PRESS, name="royalty_report_accept"),
    route(f"{_REPORT}invoice/", views.royalty_report_invoice, PRESS, name="royalty_report_invoice"),
    # audits
    route(f"{_LICENCE}audits/new/", audit_views.audit_new, WRITE, name="royalty_audit_new"),
    route(_AUDIT, audit_views.royalty_audit, SEE, name="royalty_audit"),
    route(f"{_AUDIT}begin/", audit_views.royalty_audit_begin, PRESS, name="royalty_audit_begin"),
    route(f"{_AUDIT}report/", audit_views.royalty_audit_report, WRITE, name="royalty_audit_report"),
    route(
        f"{_AUDIT}agree/",
        audit_views.royalty_audit_agree,
        rule("royalty.report", "POST"),
        name="royalty_audit_agree",
    ),
    route(
        f"{_AUDIT}dispute/",
        audit_views.royalty_audit_dispute,
        rule("royalty.report", "GET", "POST"),
        name="royalty_audit_dispute",
    ),
    route(f"{_AUDIT}cancel/", audit_views.royalty_audit_cancel, WRITE, name="royalty_audit_cancel"),
    # invoices
    route(_INVOICE, views.invoice, SEE, name="invoice"),
    route(f"{_INVOICE}invoice.pdf", views.invoice_file, SEE, name="invoice_file"),
    route(f"{_INVOICE}cancel/", views.invoice_cancel, WRITE, name="invoice_cancel"),
    route(f"{_INVOICE}write-off/", views.invoice_write_off, WRITE, name="invoice_write_off"),
    route(
        f"{_INVOICE}write-offs/<uuid:write_off>/undo/", views.invoice_write_off_undo, PRESS,
        name="invoice_write_off_undo",
    ),
    route(f"{_INVOICE}interest/", views.invoice_interest_new, PRESS, name="invoice_interest"),
    # receipts
    route(_RECEIPT, views.receipt, SEE, name="receipt"),
    route(f"{_RECEIPT}match/", views.receipt_match, WRITE, name="receipt_match"),
    route(f"{_RECEIPT}matches/<uuid:match>/undo/", views.receipt_unmatch, PRESS, name="receipt_unmatch"),
    route(f"{_RECEIPT}edit/", views.receipt_edit, WRITE, name="receipt_edit"),
    route(f"{_RECEIPT}reverse/", views.receipt_reverse, WRITE, name="receipt_reverse"),
    route(f"{_RECEIPT}refund/", views.receipt_refund, WRITE, name="receipt_refund"),
    route(f"{_RECEIPT}refunds/<uuid:refund>/undo/", views.receipt_refund_undo, WRITE, name="receipt_refund_undo"),
    # what is passed on to further licensors
    route(f"{_LICENCE}licensors/<uuid:partner>/pay/", views.partner_pay, WRITE, name="partner_pay"),
    route(_PAID, views.partner_payment, SEE, name="partner_payment"),
    route(f"{_PAID}book/", views.partner_book, rule("royalty.view", "GET", "POST"), name="partner_book"),
    route(f"{_PAID}reverse/", views.partner_reverse, WRITE, name="partner_reverse"),
    # the books of an organisation
    route(_BOOKS, views.royalty_policy, SEE, name="royalty_policy"),
    route(f"{_BOOKS}policy/", views.policy_new, WRITE, name="royalty_policy_new"),
    route("transfer/policies/<uuid:pk>/withdraw/", rates_views.policy_withdraw, WRITE, name="royalty_policy_withdraw"),
    route(f"{_BOOKS}rates/new/", views.rate_new, WRITE, name="exchange_rate_new"),
    route(f"{_BOOKS}rates/", rates_views.exchange_rates, SEE, name="exchange_rates"),
    route("transfer/rates/<uuid:pk>/end/", rates_views.exchange_rate_end, WRITE, name="exchange_rate_end"),
    route(
        "transfer/rates/<uuid:pk>/withdraw/", rates_views.exchange_rate_withdraw, WRITE, name="exchange_rate_withdraw"
    ),
    route(
        "transfer/interest-rates/<uuid:pk>/withdraw/", rates_views.interest_withdraw, WRITE, name="interest_withdraw"
    ),
    route(f"{_BOOKS}third-parties/", rates_views.third_parties, SEE, name="third_parties"),
    route(f"{_BOOKS}interest/new/", views.interest_new, WRITE, name="interest_new"),
    route(f"{_BOOKS}third-parties/new/", views.third_party_new, WRITE, name="third_party_new"),
    route("transfer/third-parties/<uuid:pk>/end/", views.third_party_end, WRITE, name="third_party_end"),
    # distributions
    route(f"{_BOOKS}distributions/", views.distributions, SEE, name="distributions"),
    route(f"{_BOOKS}distributions/new/", views.distribution_new, WRITE, name="distribution_new"),
    route(_DISTRIBUTION, views.distribution, SEE, name="distribution"),
    route(
        f"{_DISTRIBUTION}decide/", views.distribution_decide, rule("distribution.approve", "POST"),
        name="distribution_decide",
    ),
    route(f"{_DISTRIBUTION}withdraw/", views.distribution_withdraw, PRESS, name="distribution_withdraw"),
    route(f"{_DISTRIBUTION}reverse/", views.distribution_reverse, WRITE, name="distribution_reverse"),
    route(f"{_DISTRIBUTION}ledger.csv", views.distribution_file, SEE, name="distribution_file"),
    # what inventors get
    route("transfer/statements/", views.statements, rule(SIGNED_IN), name="statements"),
    route("transfer/statements/<uuid:pk>/", views.statement, rule("statement.view"), name="statement"),
    route(
        "transfer/statements/<uuid:pk>/statement.pdf", views.statement_file, rule("statement.view"),
        name="statement_file",
    ),
]  # fmt: skip
