"""Invoices and statements as PDF pages in both languages, the same bytes for the same rows."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from collab.kernel.paper import LANGUAGES, Paper, both
from collab.transfer.royalties.acts import said
from collab.transfer.royalties.models import Invoice, Statement
from collab.transfer.royalties.reading import BASES, say_line, say_rule
from collab.transfer.royalties.states import InvoiceState, WriteOffKind


def invoice_pdf(invoice: Invoice) -> bytes:
    """An invoice or credit note, with the computation of the report it is for."""
    licence = invoice.licence
    kind = _("Credit note") if invoice.credits_id else _("Invoice")
    paper = Paper(title=invoice.reference, footer=f"{invoice.reference} · {invoice.organisation.name}")
    paper.heading(f"{both(kind)} {invoice.reference}", level=1)
    if invoice.state == InvoiceState.CANCELLED:
        paper.note(both(_("Taken back by the credit note %(number)s.")) % {"number": invoice.credited_by.reference})
    facts = [
        (both(_("Issued by")), _name(invoice.organisation)),
        (both(_("To")), _name(licence.licensee)),
        (both(_("Under the agreement")), licence.agreement.reference),
        (both(_("Issued on")), invoice.issued_on.isoformat()),
    ]
    if invoice.credits is not None:
        facts.append((both(_("Takes back")), invoice.credits.reference))
    else:
        facts.append((both(_("Due on")), invoice.due_on.isoformat()))
    paper.facts(facts)
    rows = [(_in_both(line.title, line.title_zh), said(line.amount, invoice.currency)) for line in invoice.lines.all()]
    rows.append((both(_("Total")), said(invoice.total, invoice.currency)))
    paper.table([both(_("For")), both(_("Amount"))], rows, widths=(0.74, 0.26))
    waived = list(invoice.write_offs.standing())
    if waived:
        off = [(both(WriteOffKind(row.kind).label), said(-row.amount, invoice.currency)) for row in waived]
        asked = said(invoice.total - invoice.waived, invoice.currency)
        paper.table(
            [both(_("Written off")), both(_("Amount"))], [*off, (both(_("Asked for")), asked)], widths=(0.74, 0.26)
        )
    if invoice.report is not None and invoice.credits_id is None:
        paper.heading(both(_("How the royalty was computed")))
        steps = []
        for line in invoice.report.computed:
            sum_said = "" if line["code"] in BASES else said(line["amount"], invoice.currency)
            steps.append((_line_in_both(line, invoice.currency), sum_said))
        paper.table([both(_("Step")), both(_("Amount"))], steps, widths=(0.74, 0.26))
    if invoice.credits_id is None:
        paper.note(both(_("Please give the number of this invoice with your payment.")))
    return paper.render()


def statement_pdf(statement: Statement) -> bytes:
    """What an inventor gets by a distribution, receipt by receipt, with the rule."""
    row = statement.distribution
    paper = Paper(title=str(statement.pk), footer=f"{row.organisation.name} · {row.number}")
    paper.heading(both(_("Statement of income from licences")), level=1)
    paper.facts(
        [
            (both(_("For")), statement.name),
            (both(_("From")), _name(row.organisation)),
            (both(_("Distribution")), str(row.number)),
            (both(_("Posted")), row.posted_at.date().isoformat() if row.posted_at else "–"),
            (both(_("Version of the policy")), str(row.policy.number)),
            (both(_("Your share")), said(statement.amount, row.currency)),
        ]
    )
    if row.reverses_id:
        paper.note(both(_("This takes an earlier distribution back; its sums are below zero.")))
    entries = statement.entries.select_related("receipt__licence__agreement", "inventor__disclosure").order_by(
        "receipt__received_on", "created_at", "pk"
    )
    rows = []
    for entry in entries:
        share = f"{entry.inventor.share_percent.normalize():f} %" if entry.inventor else ""
        rows.append(
            (
                entry.receipt.received_on.isoformat(),
                str(entry.inventor.disclosure.title) if entry.inventor else "",
                _rule_in_both(entry.rule),
                share,
                said(entry.amount, row.currency),
            )
        )
    head = [
        both(text) for text in (_("Received"), _("Result"), _("Inventors' part"), _("Your agreed share"), _("Amount"))
    ]
    paper.table(head, rows, widths=(0.13, 0.3, 0.23, 0.14, 0.2))
    paper.note(both(_("Sums are divided by largest remainder, so that every cent is given to somebody.")))
    return paper.render()


def _name(organisation: object) -> str:
    return _in_both(organisation.name, organisation.name_zh)  # type: ignore[attr-defined]


def _in_both(text: str, text_zh: str) -> str:
    return text if not text_zh or text_zh == text else f"{text} · {text_zh}"


def _line_in_both(line: dict[str, object], currency: str) -> str:
    told = []
    for language in LANGUAGES:
        with override(language):
            told.append(say_line(line, currency))
    return _in_both(*told)


def _rule_in_both(rule: str) -> str:
    told = []
    for language in LANGUAGES:
        with override(language):
            told.append(say_rule(rule))
    return _in_both(*told)
