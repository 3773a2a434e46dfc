"""Pages of what is due, reported, invoiced, received and distributed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q, Sum
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import allowed, get_or_404, require, visible_to
from collab.accounts.models import Organisation
from collab.kernel.errors import InvalidError, NotFoundError
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.licences.models import Licence, MilestonePayment
from collab.transfer.rooms import rooms_of
from collab.transfer.royalties.acts import is_executed, said
from collab.transfer.royalties.audit_models import RoyaltyAudit
from collab.transfer.royalties.distributing import preview
from collab.transfer.royalties.forms import (
    ROWS,
    BookPaymentForm,
    DecideForm,
    EndForm,
    InterestForm,
    MatchForm,
    NoteForm,
    PaymentForm,
    PaymentsForm,
    PayPartnerForm,
    ProposeForm,
    RateForm,
    ReachForm,
    ReasonForm,
    ReceiptForm,
    ReceivedReportForm,
    RefundForm,
    ReportForm,
    ThirdPartyForm,
    WriteOffForm,
)
from collab.transfer.royalties.invoicing import interest_of
from collab.transfer.royalties.models import (
    ACCOUNT_WORDS,
    Distribution,
    ExchangeRate,
    InterestRule,
    Invoice,
    LateStep,
    LedgerEntry,
    PartnerPayment,
    Receipt,
    ReceiptMatch,
    RoyaltyPolicy,
    RoyaltyReport,
    ScheduledPayment,
    Statement,
    ThirdPartyShare,
)
from collab.transfer.royalties.money import from_minor
from collab.transfer.royalties.papers import invoice_pdf, statement_pdf
from collab.transfer.royalties.passing import Owed, owed_to_partners
from collab.transfer.royalties.policies import Account, read_policy
from collab.transfer.royalties.policy_forms import PolicyForm, PolicyJsonForm, PolicyRowsForm, example
from collab.transfer.royalties.rates import is_withdrawable
from collab.transfer.royalties.reading import EXAMPLE_WORDS, account_rows, say_lines, say_policy, say_rule
from collab.transfer.royalties.refund_models import Refund
from collab.transfer.royalties.reimbursing import costs_behind
from collab.transfer.royalties.reporting import preview_report
from collab.transfer.royalties.services import (
    accept_report,
    add_payment,
    add_third_party,
    book_partner_payment,
    cancel_invoice,
    decide_distribution,
    edit_receipt,
    end_third_party,
    enter_rate,
    enter_receipt,
    invoice_interest,
    invoice_payments,
    invoice_report,
    match_receipt,
    pay_partner,
    propose_distribution,
    propose_reversal,
    reach_milestone,
    receive_report,
    refund_receipt,
    return_report,
    reverse_partner_payment,
    reverse_receipt,
    reverse_refund,
    schedule,
    set_interest,
    set_policy,
    submit_report,
    undo_write_off,
    unmatch_receipt,
    waive_payment,
    withdraw_distribution,
    write_off,
)
from collab.transfer.royalties.states import (
    WRITABLE,
    AuditState,
    DistributionState,
    InvoiceState,
    PaymentState,
    ReportState,
)
from collab.transfer.royalties.write_off_models import WriteOff
from collab.web.api import as_uuid
from collab.web.csvs import csv_file
from collab.web.downloads import attachment
from collab.web.forms import act, put_error, sent, show, submit
from collab.web.pagination import page_of

SHOWN = 12
LEFT_OUT_SHOWN = 20
CHOICE_SHOWN = 200  # receipts that are chosen one by one on the page


# --- all licences
def royalties(request: HttpRequest) -> HttpResponse:
    """What is late, open and waiting, on either side: the licensor's books, and what one's own organisation owes."""
    user, today = request.user, timezone.localdate()
    reports = RoyaltyReport.objects.visible_to(user).with_licence()
    invoices = Invoice.objects.visible_to(user).with_licence().open()
    waiting = Q(state=ReportState.SUBMITTED) | Q(state__in=[ReportState.DUE, ReportState.RETURNED], ends_on__lt=today)
    houses = visible_to(user, "royalty.view", Organisation.objects.all())
    books = RoyaltyPolicy.objects.filter(organisation__in=houses).select_related("organisation").order_by(
        "organisation__name"
    )  # fmt: skip
    sums = {
        row["organisation"]: row
        for row in Receipt.objects.filter(organisation__in=houses).values("organisation").annotate(
            booked=Sum("booked"), given=Sum("distributed"), kept=Sum("retained"), passed=Sum("passed_on"),
            back=Sum("refunded"), rest=Sum("undistributed"),
        ).order_by()
    }  # fmt: skip
    licences = Licence.objects.visible_to(user).exclude(currency="").select_related(
        "agreement__project", "licensor", "licensee"
    )  # fmt: skip
    context = {
        "reports": reports.filter(waiting).order_by("due_on")[:SHOWN],
        "invoices": invoices.order_by("due_on")[:SHOWN],
        "books": [{"policy": row, "sums": sums.get(row.organisation_id)} for row in books],
        "without_books": houses.filter(
            royalty_policy=None, pk__in=visible_to(user, "royalty.manage", Organisation.objects.all()).values("pk")
        )[:SHOWN],
        "page": page_of(request, licences.order_by("agreement__reference", "pk")),
        "statements": Statement.objects.filter(person=user.pk).exists(),
        "to_book": PartnerPayment.objects.filter(partner__in=houses).not_booked().with_all()[:SHOWN],
        "to_pass_on": [one for one in owed_to_partners(licences_of(houses)) if one.amount][:SHOWN],
        "today": today,
        "rooms": rooms_of(user, "royalties"),
    }
    return show(request, "collab/transfer/royalties/overview.html", context)


def licences_of(houses: Any) -> Any:
    """Those whose receipts these organisations keep and share with others."""
    return Licence.objects.filter(licensor__in=houses, shares__isnull=False).values("pk")


# --- one licence
def licence_royalties(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The money of one licence: schedule, reports, invoices and, for the licensor, receipts."""
    licence = _licence(request, "licence.view", pk)
    may = allowed(request.user, licence, "royalty.manage", "royalty.view")
    user = request.user
    lists: dict[str, Any] = {
        "reports": RoyaltyReport.objects.visible_to(user).filter(licence=licence).with_licence(),
        "invoices": Invoice.objects.visible_to(user).filter(licence=licence).with_licence(),
        "payments": ScheduledPayment.objects.visible_to(user).filter(licence=licence),
        "audits": RoyaltyAudit.objects.visible_to(user).filter(licence=licence),
    }
    if "royalty.view" in may:
        lists["receipts"] = Receipt.objects.visible_to(user).filter(licence=licence).with_licence()
    only = request.GET.get("show", "")
    if only in lists:  # one of them, by pages
        pages = {only: page_of(request, lists[only])}
    else:
        pages = {name: Paginator(rows, SHOWN).page(1) for name, rows in lists.items()}
    paid = PartnerPayment.objects.visible_to(user).filter(licence=licence).with_all()
    context = {
        "licence": licence,
        "pages": pages,
        "owed": _owed(request, licence) if not only else [],
        "paid": list(paid[:SHOWN]) if not only else [],
        "only": only if only in lists else "",
        "may_manage": "royalty.manage" in may,
        "executed": is_executed(licence),
        "planned": PaymentState.PLANNED,
        "may_audit": "royalty.manage" in may and licence.audit_right,
    }
    return show(request, "collab/transfer/royalties/licence.html", context)


def licence_schedule(request: HttpRequest, pk: UUID) -> HttpResponse:
    licence = _licence(request, "royalty.manage", pk)
    return act(
        request,
        lambda: schedule(licence=licence, by=request.user),
        to=_money_of(licence),
        said=lambda made: _("%(n)d dates were entered.") % {"n": made},
    )


def payment_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    licence = _licence(request, "royalty.manage", pk)
    form = PaymentForm(sent(request), initial={"currency": licence.currency}, costs=costs_behind(licence))

    def add() -> str:
        add_payment(licence=licence, by=request.user, **form.values())
        return _money_of(licence)

    return _form(request, form, add, _("Add a payment"), licence=licence)


def payment_waive(request: HttpRequest, pk: UUID) -> HttpResponse:
    payment = get_or_404(
        request.user, "royalty.manage", ScheduledPayment.objects.select_related("licence__agreement__project"), pk=pk
    )
    form = ReasonForm(sent(request))

    def waive() -> str:
        waive_payment(payment=payment, by=request.user, **form.values())
        return _money_of(payment.licence)

    return _form(request, form, waive, _("Waive it"), licence=payment.licence, lead=str(payment), tone="danger")


def milestone_reach(request: HttpRequest, pk: UUID, milestone: UUID) -> HttpResponse:
    licence = _licence(request, "royalty.manage", pk)
    found = MilestonePayment.objects.filter(licence=licence, pk=milestone).first()
    if found is None:
        raise NotFoundError
    form = ReachForm(sent(request), initial={"version": found.version})

    def reach() -> str:
        reach_milestone(milestone=found, by=request.user, **form.cleaned_data)
        messages.success(request, _("Recorded: the milestone is reached."))
        return licence.get_absolute_url()

    return _form(request, form, reach, _("Milestone reached"), licence=licence, lead=str(found))


def invoice_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    licence = _licence(request, "royalty.manage", pk)
    form = PaymentsForm(sent(request), rows=ScheduledPayment.objects.filter(licence=licence).planned())

    def write() -> str:
        return invoice_payments(by=request.user, **form.values()).get_absolute_url()

    return _form(request, form, write, _("Write an invoice"), licence=licence)


def receipt_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    licence = _licence(request, "royalty.manage", pk)
    form = ReceiptForm(sent(request), initial={"currency": licence.currency})

    def enter() -> str:
        return enter_receipt(licence=licence, by=request.user, **form.values()).get_absolute_url()

    return _form(request, form, enter, _("Enter a receipt"), licence=licence)


# --- reports
def royalty_report(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What was sold, what is owed for it, and how that was computed."""
    report = _report(request, "royalty.view", pk)
    may = allowed(request.user, report, "royalty.report", "royalty.manage")
    office = allowed(request.user, report.licence, "royalty.view")
    submitted, mine = report.state == ReportState.SUBMITTED, report.submitted_by_id == request.user.pk
    to_write = report.state in WRITABLE and report.ends_on < timezone.localdate()
    live = [row for row in report.invoices.all() if row.credits_id is None and row.state != InvoiceState.CANCELLED]
    context = {
        "report": report,
        "licence": report.licence,
        "lines": say_lines(report.computed, report.currency),
        "invoice": live[0] if live else None,
        "late_steps": LateStep.objects.filter(report=report) if "royalty.view" in office else [],
        "may_write": "royalty.report" in may and to_write,
        "may_receive": "royalty.manage" in may and to_write,
        "may_check": "royalty.manage" in may and submitted and not mine,
        "may_invoice": "royalty.manage" in may and report.state == ReportState.ACCEPTED and not live and report.due > 0,
        "corrections": report.corrections.filter(audit__state=AuditState.AGREED).select_related(
            "audit__licence__agreement"
        ),
    }
    return show(request, "collab/transfer/royalties/report.html", context)


def royalty_report_write(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The licensee's form."""
    report = _report(request, "royalty.report", pk)
    return _written(request, report, ReportForm, submit_report, _("The report was sent to the licensor."))


def royalty_report_receive(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The form of the licensor's office, for what the licensee sent on paper or by mail."""
    report = _report(request, "royalty.manage", pk)
    told = _("The report is entered. Somebody else of the office checks it.")
    return _written(request, report, ReceivedReportForm, receive_report, told)


def _written(
    request: HttpRequest, report: RoyaltyReport, made_of: type[ReportForm], verb: Callable[..., Any], told: str
) -> HttpResponse:
    """It can be computed before it is sent."""
    raw = request.GET.get("rows", "")
    rows = int(raw) if raw.isascii() and raw.isdigit() and len(raw) <= 3 else ROWS
    form = made_of(sent(request), report=report, rows=rows)
    context: dict[str, Any] = {"form": form, "report": report, "licence": report.licence, "more": form.count + 10}
    if request.method == "POST" and "compute" in request.POST and form.is_valid():
        given = form.values()
        try:
            found = preview_report(report, given["lines"], given["sublicence_income"], given["sublicences"])
            context["lines"] = say_lines([line.as_dict() for line in found.lines], report.currency)
        except InvalidError as error:
            put_error(form, error)
        return show(request, "collab/transfer/royalties/write.html", context, form)

    def send() -> str:
        verb(report=report, by=request.user, **form.values())
        messages.success(request, told)
        return report.get_absolute_url()

    return submit(request, form, send) or show(request, "collab/transfer/royalties/write.html", context, form)


def royalty_report_return(request: HttpRequest, pk: UUID) -> HttpResponse:
    report = _report(request, "royalty.manage", pk)
    form = ReasonForm(sent(request))

    def back() -> str:
        return return_report(report=report, by=request.user, **form.values()).get_absolute_url()

    return _form(request, form, back, _("Return the report"), licence=report.licence, lead=str(report), tone="danger")


def royalty_report_accept(request: HttpRequest, pk: UUID) -> HttpResponse:
    report = _report(request, "royalty.manage", pk)
    return act(
        request,
        lambda: accept_report(report=report, by=request.user),
        to=report.get_absolute_url(),
        said=_("The report is accepted and closed."),
    )


def royalty_report_invoice(request: HttpRequest, pk: UUID) -> HttpResponse:
    report = _report(request, "royalty.manage", pk)
    return act(
        request,
        lambda: invoice_report(report=report, by=request.user),
        to=report.get_absolute_url(),
        said=lambda made: _("Invoice %(number)s was written.") % {"number": made.reference},
    )


# --- invoices
def invoice(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _invoice(request, "royalty.view", pk)
    may = allowed(request.user, row, "royalty.manage")
    matches: Any = []
    interest: list[dict[str, Any]] = []
    fault = ""
    if may:
        matches = row.matches.filter(undone_at=None).select_related("receipt")
        if row.state == InvoiceState.PAID and row.interest_on_id is None:
            try:
                interest = interest_of(row)
            except InvalidError as error:
                fault = str(error)
    asked = row.interest.filter(credits=None).exclude(state=InvoiceState.CANCELLED).first()
    context = {
        "invoice": row,
        "licence": row.licence,
        "lines": row.lines.all(),
        "matches": matches,
        "late_steps": row.late_steps.all() if may else [],
        "interest": interest if asked is None else [],
        "interest_sum": sum(part["amount"] for part in interest),
        "interest_fault": fault,
        "interest_asked": asked,
        "computed": say_lines(row.report.computed, row.currency) if row.report and row.credits_id is None else [],
        "write_offs": row.write_offs.standing(),
        "may_cancel": bool(may) and row.state == InvoiceState.OPEN and not row.waived,
        "may_write_off": bool(may) and row.is_open,
        "may_take_back": bool(may) and asked is None,
    }
    return show(request, "collab/transfer/royalties/invoice.html", context)


def invoice_file(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _invoice(request, "royalty.view", pk)
    content = invoice_pdf(row)
    return attachment(content, f"{row.reference}.pdf", hashlib.sha256(content).hexdigest())


def invoice_cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _invoice(request, "royalty.manage", pk)
    form = ReasonForm(sent(request))

    def cancel() -> str:
        return cancel_invoice(invoice=row, by=request.user, **form.values()).get_absolute_url()

    return _form(
        request, form, cancel, _("Take the invoice back"), licence=row.licence, lead=row.reference, tone="danger"
    )


def invoice_write_off(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _invoice(request, "royalty.manage", pk)
    form = WriteOffForm(sent(request), initial={"version": row.version})

    def write() -> str:
        write_off(invoice=row, by=request.user, **form.values())
        return row.get_absolute_url()

    left = _("%(left)s is left to pay.") % {"left": said(row.left, row.currency)}
    return _form(request, form, write, _("Write off what will not arrive"), licence=row.licence, lead=left)


def invoice_write_off_undo(request: HttpRequest, pk: UUID, write_off: UUID) -> HttpResponse:
    row = _invoice(request, "royalty.manage", pk)
    rows = WriteOff.objects.filter(invoice=row).select_related("invoice")
    found = get_or_404(request.user, "royalty.manage", rows, pk=write_off)
    return act(
        request,
        lambda: undo_write_off(write_off=found, by=request.user),
        to=row.get_absolute_url(),
        said=_("It is asked for again."),
    )


def invoice_interest_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _invoice(request, "royalty.manage", pk)
    return act(
        request,
        lambda: invoice_interest(invoice=row, by=request.user),
        to=row.get_absolute_url(),
        said=lambda made: _("Invoice %(number)s was written.") % {"number": made.reference},
    )


# --- receipts
def receipt(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What arrived, what it paid, and where every cent of it is."""
    row = _receipt(request, "royalty.view", pk)
    may = allowed(request.user, row, "royalty.manage")
    reversed_by = getattr(row, "reversed_by", None)
    standing = row.reverses_id is None and reversed_by is None
    entries = row.entries.exclude(account=Account.UNDISTRIBUTED).select_related(
        "distribution", "inventor", "third_party", "licensor"
    ).order_by("distribution__number", "created_at")  # fmt: skip
    context = {
        "receipt": row,
        "licence": row.licence,
        "matches": row.matches.select_related("invoice__organisation").order_by("created_at"),
        "entries": [{"entry": one, "rule": say_rule(one.rule)} for one in entries[:200]],
        "refunds": row.refunds.select_related("reversed_by", "entered_by"),
        "reversed_by": reversed_by,
        "may_match": bool(may) and standing and row.unmatched > 0,
        "may_refund": bool(may) and standing and row.unmatched > 0 and row.held_by_id is None,
        "may_take_back": bool(may) and row.held_by_id is None,
        "may_undo": bool(may) and standing and not row.given_out and row.held_by_id is None,
    }
    return show(request, "collab/transfer/royalties/receipt.html", context)


def receipt_match(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _receipt(request, "royalty.manage", pk)
    form = MatchForm(sent(request), receipt=row)

    def match() -> str:
        match_receipt(receipt=row, by=request.user, **form.values())
        return row.get_absolute_url()

    lead = _("%(left)s of it is matched with no invoice.") % {"left": said(row.unmatched, row.currency)}
    return _form(request, form, match, _("Match it with an invoice"), licence=row.licence, lead=lead)


def receipt_unmatch(request: HttpRequest, pk: UUID, match: UUID) -> HttpResponse:
    row = _receipt(request, "royalty.manage", pk)
    rows = ReceiptMatch.objects.filter(receipt=row).select_related("receipt")
    found = get_or_404(request.user, "royalty.manage", rows, pk=match)
    return act(
        request,
        lambda: unmatch_receipt(match=found, by=request.user),
        to=row.get_absolute_url(),
        said=_("The invoice is open again."),
    )


def receipt_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _receipt(request, "royalty.manage", pk)
    form = NoteForm(sent(request), initial={"note": row.note, "version": row.version})

    def edit() -> str:
        data = form.cleaned_data
        edit_receipt(receipt=row, by=request.user, note_text=data["note"], version=data["version"])
        return row.get_absolute_url()

    return _form(request, form, edit, _("Change the note"), licence=row.licence, lead=str(row))


def receipt_reverse(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _receipt(request, "royalty.manage", pk)
    form = ReasonForm(sent(request))

    def back() -> str:
        reverse_receipt(receipt=row, by=request.user, **form.values())
        return row.get_absolute_url()

    return _form(request, form, back, _("Reverse the receipt"), licence=row.licence, lead=str(row), tone="danger")


def receipt_refund(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _receipt(request, "royalty.manage", pk)
    form = RefundForm(sent(request), initial={"version": row.version})

    def back() -> str:
        return refund_receipt(receipt=row, by=request.user, **form.values()).get_absolute_url()

    lead = _("%(left)s of it is matched with no invoice.") % {"left": said(row.unmatched, row.currency)}
    return _form(request, form, back, _("Refund what was paid too much"), licence=row.licence, lead=lead)


def receipt_refund_undo(request: HttpRequest, pk: UUID, refund: UUID) -> HttpResponse:
    row = _receipt(request, "royalty.manage", pk)
    rows = Refund.objects.filter(receipt=row).select_related("receipt")
    found = get_or_404(request.user, "royalty.manage", rows, pk=refund)
    form = ReasonForm(sent(request))

    def undo() -> str:
        return reverse_refund(refund=found, by=request.user, **form.values()).get_absolute_url()

    title = _("Take the refund back")
    return _form(request, form, undo, title, licence=row.licence, lead=str(found), tone="danger")


# --- what is passed on to further licensors
def partner_pay(request: HttpRequest, pk: UUID, partner: UUID) -> HttpResponse:
    licence = _licence(request, "royalty.manage", pk)
    owed = next((one for one in owed_to_partners([licence.pk]) if one.partner.pk == partner), None)
    if owed is None:
        raise NotFoundError
    form = PayPartnerForm(sent(request))

    def pay() -> str:
        row = pay_partner(licence=licence, partner=owed.partner, by=request.user, **form.values())
        messages.success(request, _("Recorded; %(partner)s is told.") % {"partner": owed.partner})
        return row.get_absolute_url()

    lead = _("%(partner)s is owed %(owed)s.") % {"partner": owed.partner, "owed": said(owed.amount, owed.currency)}
    return _form(request, form, pay, _("Record what was passed on"), licence=licence, lead=lead)


def partner_payment(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A part that was passed on: who paid it to whom, and whether it is booked."""
    row = _partner_payment(request, pk)
    reversed_by = getattr(row, "reversed_by", None)
    standing = row.reverses_id is None and reversed_by is None
    booked = row.receipts.standing().first()
    theirs = bool(allowed(request.user, row.partner, "royalty.view"))
    context = {
        "row": row,
        "licence": row.licence,
        "reversed_by": reversed_by,
        "booked": booked,
        "theirs": theirs,
        "may_book": standing and booked is None and bool(allowed(request.user, row.partner, "royalty.manage")),
        "may_reverse": standing and booked is None and bool(allowed(request.user, row, "royalty.manage")),
    }
    return show(request, "collab/transfer/royalties/passed.html", context)


def partner_book(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _partner_payment(request, pk)
    require(request.user, "royalty.manage", row.partner)
    form = BookPaymentForm(sent(request), initial={"reference": row.reference})

    def book() -> str:
        return book_partner_payment(payment=row, by=request.user, **form.values()).get_absolute_url()

    lead = _("%(payer)s paid %(amount)s.") % {"payer": row.organisation, "amount": said(row.amount, row.currency)}
    return _form(request, form, book, _("Book it as received"), licence=row.licence, lead=lead)


def partner_reverse(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _partner_payment(request, pk, "royalty.manage")
    form = ReasonForm(sent(request))

    def back() -> str:
        return reverse_partner_payment(payment=row, by=request.user, **form.values()).get_absolute_url()

    return _form(request, form, back, _("Take the payment back"), licence=row.licence, lead=str(row), tone="danger")


# --- the books of an organisation
def royalty_policy(request: HttpRequest, slug: str) -> HttpResponse:
    """The books: how income is divided, by which rates it is converted, who outside is owed a part, what came in."""
    organisation = _house(request, "royalty.view", slug)
    policy = RoyaltyPolicy.objects.filter(organisation=organisation).first()
    versions = list(policy.versions.select_related("policy", "created_by")) if policy else []
    today = timezone.localdate()
    current = next((row for row in versions if row.effective_on <= today), None)
    rows = Receipt.objects.visible_to(request.user).filter(organisation=organisation).with_licence()
    context = {
        "organisation": organisation,
        "policy": policy,
        "current": current,
        "withdrawable": versions[0].pk if versions and is_withdrawable(versions[0]) else None,
        "versions": [
            {"row": row, "said": list(say_policy(row.rules, policy.currency if policy else ""))} for row in versions
        ],
        "rates": ExchangeRate.objects.filter(organisation=organisation).select_related("entered_by")[:SHOWN],
        "interest": InterestRule.objects.filter(organisation=organisation)[:SHOWN],
        "third_parties": ThirdPartyShare.objects.filter(case__organisation=organisation).select_related(
            "case__disclosure"
        )[:SHOWN],
        "page": page_of(request, rows),
        "sums": Receipt.objects.filter(organisation=organisation).aggregate(
            booked=Sum("booked"),
            given=Sum("distributed"),
            back=Sum("refunded"),
            kept=Sum("retained"),
            passed=Sum("passed_on"),
            rest=Sum("undistributed"),
        ),
        "may_manage": bool(allowed(request.user, organisation, "royalty.manage")),
        "today": today,
    }
    return show(request, "collab/transfer/royalties/books.html", context)


def policy_new(request: HttpRequest, slug: str) -> HttpResponse:
    organisation = _house(request, "royalty.manage", slug)
    policy = RoyaltyPolicy.objects.filter(organisation=organisation).first()
    given = {"currency": policy.currency if policy else "EUR", "version": policy.version if policy else None}
    form: PolicyForm = _policy_form(request, given)
    content: Any = None if form.is_bound else example(request.GET.get("like", ""))
    to = request.POST.get("to", "")
    if to and form.is_valid():
        content = form.rules()
        form = _as_asked(form, to, content)

    def enter() -> str:
        set_policy(organisation=organisation, by=request.user, **form.values())
        messages.success(request, _("The policy is entered."))
        return reverse("collab:royalty_policy", args=[slug])

    context = {
        "form": form, "organisation": organisation, "examples": EXAMPLE_WORDS,
        "said": _in_words(form, content, policy) if content is not None and not form.errors else [],
    }  # fmt: skip
    done = submit(request, form, enter) if not to else None
    return done or show(request, "collab/transfer/royalties/policy.html", context, form)


def _policy_form(request: HttpRequest, given: dict[str, Any]) -> PolicyForm:
    """Row by row, or for those who prefer it as data."""
    content = example(request.GET.get("like", ""))
    if request.POST.get("mode", request.GET.get("mode")) == "json":
        return PolicyJsonForm(sent(request), initial=given | PolicyJsonForm.said(content))
    raw = request.POST.get("rows", "")
    rows = int(raw) if raw.isascii() and raw.isdigit() and len(raw) <= 3 else PolicyRowsForm.needed(content)
    return PolicyRowsForm(sent(request), rows=rows, initial=given | PolicyRowsForm.said(content))


def _as_asked(form: PolicyForm, to: str, content: Any) -> PolicyForm:
    """The form with what was filled in: in the other shape, with more rows, or as it is. A fault is shown in it."""
    kept = {name: form.cleaned_data[name] for name in ("currency", "effective_on", "note", "version")}
    if to == "json":
        return PolicyJsonForm(initial=kept | PolicyJsonForm.said(content))
    try:
        read_policy(content, currency=form.cleaned_data["currency"])
    except InvalidError as error:
        if to != "more" or isinstance(form, PolicyJsonForm):
            put_error(form, error)
            return form
    rows = getattr(form, "count", 0) + 3 if to == "more" else PolicyRowsForm.needed(content)
    if to not in {"more", "rows"}:
        return form
    return PolicyRowsForm(rows=rows, initial=kept | PolicyRowsForm.said(content))


def _in_words(form: PolicyForm, content: Any, policy: RoyaltyPolicy | None) -> list[str]:
    """What the rules say; nothing while they do not add up."""
    currency = form.cleaned_data["currency"] if form.is_bound else form.initial["currency"]
    try:
        return list(say_policy(read_policy(content, currency=currency), currency))
    except InvalidError:
        return []


def rate_new(request: HttpRequest, slug: str) -> HttpResponse:
    organisation = _house(request, "royalty.manage", slug)
    policy = RoyaltyPolicy.objects.filter(organisation=organisation).first()
    form = RateForm(sent(request), initial={"target": policy.currency if policy else ""})
    return _in_books(request, form, lambda **data: enter_rate(**data), _("Enter an exchange rate"), organisation)


def interest_new(request: HttpRequest, slug: str) -> HttpResponse:
    organisation = _house(request, "royalty.manage", slug)
    form = InterestForm(sent(request))
    return _in_books(
        request, form, lambda **data: set_interest(**data), _("Enter a rate of late interest"), organisation
    )


def third_party_new(request: HttpRequest, slug: str) -> HttpResponse:
    organisation = _house(request, "royalty.manage", slug)
    cases = visible_to(
        request.user, "case.view", TransferCase.objects.filter(organisation=organisation).exclude(docket="")
    ).select_related("disclosure")
    form = ThirdPartyForm(sent(request), cases=cases)

    def add(**data: Any) -> Any:
        data.pop("organisation")
        return add_third_party(**data)

    return _in_books(request, form, add, _("Enter what a third party is owed"), organisation)


def third_party_end(request: HttpRequest, pk: UUID) -> HttpResponse:
    rows = ThirdPartyShare.objects.select_related("case__organisation")
    share = get_or_404(request.user, "royalty.manage", rows, pk=pk)
    form = EndForm(sent(request))

    def end(**data: Any) -> Any:
        data.pop("organisation")
        return end_third_party(share=share, **data)

    return _in_books(request, form, end, _("End what a third party is owed"), share.case.organisation, lead=str(share))


# --- distributions
def distributions(request: HttpRequest, slug: str) -> HttpResponse:
    organisation = _house(request, "royalty.view", slug)
    rows = Distribution.objects.visible_to(request.user).filter(organisation=organisation)
    waits = Receipt.objects.filter(organisation=organisation).to_distribute()
    context = {
        "organisation": organisation,
        "page": page_of(request, rows.select_related("organisation", "reverses", "proposed_by", "decided_by")),
        "waits": waits.count(),
        "may_manage": bool(allowed(request.user, organisation, "royalty.manage")),
    }
    return show(request, "collab/transfer/royalties/distributions.html", context)


def distribution_new(request: HttpRequest, slug: str) -> HttpResponse:
    """What would be distributed now, all that can be or the receipts that are chosen, to whom; then the proposal."""
    organisation = _house(request, "royalty.manage", slug)
    waiting = Receipt.objects.filter(organisation=organisation).to_distribute().with_licence()
    asked = request.POST if request.method == "POST" else request.GET
    chosen = [key for key in map(as_uuid, asked.getlist("receipts")[:CHOICE_SHOWN]) if key is not None]
    form = ProposeForm(sent(request), rows=waiting, initial={"receipts": chosen})

    def propose() -> str:
        row = propose_distribution(organisation=organisation, by=request.user, **form.values())
        messages.success(request, _("It is proposed; somebody else approves it."))
        return row.get_absolute_url()

    done = submit(request, form, propose)
    if done is not None:
        return done
    found = preview(organisation, chosen or None)
    choice = waiting.order_by("received_on", "created_at", "pk")
    count = choice.count()
    summary = found.summary()
    context = {
        "organisation": organisation,
        "form": form,
        "preview": found,
        "choice": choice[:CHOICE_SHOWN] if count > 1 else [],
        "choice_more": max(0, count - CHOICE_SHOWN),
        "chosen": set(chosen),
        "accounts": account_rows(summary),
        "summary": summary,
        "left_out": found.left_out[:LEFT_OUT_SHOWN],
        "left_out_more": max(0, len(found.left_out) - LEFT_OUT_SHOWN),
    }
    return show(request, "collab/transfer/royalties/preview.html", context, form)


def distribution(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Who gets what by it, by which rule; and its approval."""
    row = _distribution(request, "royalty.view", pk)
    may = allowed(request.user, row, "royalty.manage", "distribution.approve")
    proposed = row.state == DistributionState.PROPOSED
    statements = row.statements.order_by("-amount", "name").annotate(count=Count("entries"))
    context = {
        "row": row,
        "organisation": row.organisation,
        "accounts": account_rows(row.summary),
        "statements": page_of(request, statements),
        "reversal": row.reversal if row.reverses_id is None else None,
        "said": list(say_policy(row.policy.rules, row.currency)),
        "may_decide": proposed and "distribution.approve" in may and row.proposed_by_id != request.user.pk,
        "must_wait": proposed and row.proposed_by_id == request.user.pk,
        "may_withdraw": proposed and "royalty.manage" in may,
        "may_reverse": row.state == DistributionState.POSTED
        and row.reverses_id is None
        and row.reversal is None
        and "royalty.manage" in may,
    }
    return show(request, "collab/transfer/royalties/distribution.html", context)


def distribution_decide(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _distribution(request, "distribution.approve", pk)
    form = DecideForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(text for texts in form.errors.values() for text in texts))
        return act(request, lambda: None, to=row.get_absolute_url(), said="")
    data = form.cleaned_data

    def decide() -> Any:
        return decide_distribution(
            distribution=row, decision=data["decision"], reason=data["reason"], version=data["version"], by=request.user
        )

    told = _("It is posted, and every inventor has a statement.")
    return act(
        request,
        decide,
        to=row.get_absolute_url(),
        said=told if data["decision"] == "approved" else _("It is rejected."),
    )


def distribution_withdraw(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _distribution(request, "royalty.manage", pk)
    return act(
        request,
        lambda: withdraw_distribution(distribution=row, by=request.user),
        to=row.get_absolute_url(),
        said=_("The proposal is withdrawn; its receipts are free again."),
    )


def distribution_reverse(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _distribution(request, "royalty.manage", pk)
    form = ReasonForm(sent(request))

    def back() -> str:
        return propose_reversal(distribution=row, by=request.user, **form.values()).get_absolute_url()

    context = {
        "form": form, "title": _("Reverse the distribution"), "lead": str(row), "tone": "danger",
        "organisation": row.organisation, "back": row.get_absolute_url(),
    }  # fmt: skip
    return submit(request, form, back) or show(request, "collab/transfer/royalties/form.html", context, form)


def distribution_file(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Every entry as CSV."""
    row = _distribution(request, "royalty.view", pk)
    entries = LedgerEntry.objects.filter(distribution=row).select_related(
        "receipt__licence__agreement", "inventor", "third_party", "licensor"
    ).order_by("receipt__received_on", "receipt", "created_at", "pk")  # fmt: skip
    head = ["receipt", "received_on", "licence", "account", "to", "rule", "amount", "currency"]
    rows = (
        [
            entry.receipt_id,
            entry.receipt.received_on,
            entry.receipt.licence.agreement.reference,
            entry.account,
            str(entry.inventor or entry.third_party or entry.licensor or ACCOUNT_WORDS[Account(entry.account)]),
            entry.rule,
            from_minor(entry.amount, row.currency),
            row.currency,
        ]
        for entry in entries.iterator(chunk_size=2000)
    )
    return csv_file(f"distribution-{row.number}.csv", [head, *rows])


# --- statements
def statements(request: HttpRequest) -> HttpResponse:
    """One's own shares of licence income."""
    rows = Statement.objects.filter(person=request.user.pk).select_related("distribution__organisation")
    sums = rows.values("distribution__currency").annotate(all=Sum("amount")).order_by("distribution__currency")
    return show(request, "collab/transfer/royalties/statements.html", {"page": page_of(request, rows), "sums": sums})


def statement(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _statement(request, pk)
    entries = row.entries.select_related("receipt", "inventor__disclosure").order_by(
        "receipt__received_on", "created_at", "pk"
    )
    page = page_of(request, entries)
    for entry in page:
        entry.said = say_rule(entry.rule)
    context = {"statement": row, "row": row.distribution, "page": page, "mine": row.person_id == request.user.pk}
    return show(request, "collab/transfer/royalties/statement.html", context)


def statement_file(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _statement(request, pk)
    content = statement_pdf(row)
    name = f"statement-{row.distribution.organisation.slug}-{row.distribution.number}.pdf"
    return attachment(content, name, hashlib.sha256(content).hexdigest())


# --- what the pages share
def _licence(request: HttpRequest, word: str, pk: UUID) -> Licence:
    rows = Licence.objects.select_related("agreement__project", "licensor", "licensee")
    return get_or_404(request.user, word, rows, pk=pk)


def _report(request: HttpRequest, word: str, pk: UUID) -> RoyaltyReport:
    return get_or_404(request.user, word, RoyaltyReport.objects.with_all(), pk=pk)


def _invoice(request: HttpRequest, word: str, pk: UUID) -> Invoice:
    rows = Invoice.objects.with_licence().select_related("report", "credits__organisation", "interest_on__organisation")
    return get_or_404(request.user, word, rows, pk=pk)


def _receipt(request: HttpRequest, word: str, pk: UUID) -> Receipt:
    rows = Receipt.objects.with_licence().select_related(
        "held_by", "reverses", "entered_by", "partner_payment__organisation"
    )
    return get_or_404(request.user, word, rows, pk=pk)


def _partner_payment(request: HttpRequest, pk: UUID, word: str = "royalty.view") -> PartnerPayment:
    return get_or_404(request.user, word, PartnerPayment.objects.with_all().select_related("reverses"), pk=pk)


def _owed(request: HttpRequest, licence: Licence) -> list[Owed]:
    """All of it to whoever sees the books of the licence; to a further licensor its own part."""
    found = owed_to_partners([licence.pk])
    if allowed(request.user, licence, "royalty.view"):
        return found
    mine = visible_to(request.user, "royalty.view", Organisation.objects.filter(pk__in=[o.partner.pk for o in found]))
    keys = set(mine.values_list("pk", flat=True)) if found else set()
    return [one for one in found if one.partner.pk in keys]


def _house(request: HttpRequest, word: str, slug: str) -> Organisation:
    return get_or_404(request.user, word, Organisation.objects.all(), slug=slug)


def _distribution(request: HttpRequest, word: str, pk: UUID) -> Distribution:
    rows = Distribution.objects.select_related(
        "organisation", "policy__policy", "proposed_by", "decided_by", "reverses__organisation"
    )
    return get_or_404(request.user, word, rows, pk=pk)


def _statement(request: HttpRequest, pk: UUID) -> Statement:
    rows = Statement.objects.select_related("distribution__organisation", "distribution__policy", "person")
    return get_or_404(request.user, "statement.view", rows, pk=pk)


def _money_of(licence: Licence) -> str:
    return reverse("collab:licence_royalties", args=[licence.pk])


def _form(
    request: HttpRequest, form: Any, done: Callable[[], str], title: str, *, licence: Licence, lead: str = "",
    tone: str = "primary",
) -> HttpResponse:  # fmt: skip
    context = {
        "form": form, "title": title, "lead": lead, "tone": tone, "licence": licence, "back": _money_of(licence),
    }  # fmt: skip
    return submit(request, form, done) or show(request, "collab/transfer/royalties/form.html", context, form)


def _in_books(
    request: HttpRequest, form: Any, verb: Callable[..., Any], title: str, organisation: Organisation, *, lead: str = ""
) -> HttpResponse:
    back = reverse("collab:royalty_policy", args=[organisation.slug])

    def save() -> str:
        verb(organisation=organisation, by=request.user, **form.values())
        messages.success(request, _("Saved."))
        return back

    context = {"form": form, "title": title, "lead": lead, "organisation": organisation, "back": back}
    return submit(request, form, save) or show(request, "collab/transfer/royalties/form.html", context, form)
