"""Verbs on the examination of a licensee's books: announced, begun, its findings told, agreed or objected to.

Nothing is corrected by one side alone. What both agree on is due as payments of its own, which are invoiced and
received like any other, and counts towards tiers, cap and minimum of later reports.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Missing, require
from collab.accounts.models import Organisation, User
from collab.inbox.notices import both
from collab.inbox.services import set_obligation, settle_obligation
from collab.inbox.states import ObligationKind
from collab.kernel.errors import ConflictError, Fault, FaultyInputError, InvalidError, RefusedError
from collab.kernel.months import add_months
from collab.transfer.licences.models import Licence
from collab.transfer.licences.states import Span
from collab.transfer.royalties.acts import note, require_version, said, tell
from collab.transfer.royalties.audit_models import AuditCorrection, AuditFinding, RoyaltyAudit
from collab.transfer.royalties.computing import Computed, Sale, SoFar, compute, late_interest
from collab.transfer.royalties.models import RoyaltyReport, ScheduledPayment
from collab.transfer.royalties.money import to_minor
from collab.transfer.royalties.reimbursing import AUDIT_COST, AUDITED
from collab.transfer.royalties.reporting import SublicencesNamed
from collab.transfer.royalties.scheduling import enter_payment
from collab.transfer.royalties.states import AUDIT_MOVES, AUDIT_OPEN, AuditState, PaymentKind
from collab.transfer.royalties.terms import PeriodTerms, TermsInForce, closes_year, interest_rates

FINDINGS_MAX = 400


@transaction.atomic
def announce_audit(
    *,
    licence: Licence,
    starts_on: date,
    ends_on: date,
    auditor: str,
    begins_on: date,
    by: User,
    note_text: str = "",
) -> RoyaltyAudit:
    """Give notice that somebody independent will examine what was reported for a time.

    Raises RefusedError when the licence gives no right to it, InvalidError for a day within the notice of the licence
    or a time without closed reports, ConflictError while another audit is open or too soon after the last one.
    """
    require(by, "royalty.manage", licence)
    locked = _hold(licence)
    if not locked.audit_right:
        text = _("The licence gives no right to have the books examined; it would have to be agreed.")
        raise RefusedError([Missing("audit_right", text, locked.get_absolute_url())])
    today = timezone.localdate()
    soonest = today + timedelta(days=locked.audit_notice_days)
    if begins_on < soonest:
        raise InvalidError(
            _("The licence asks for %(n)d days of notice: the first day possible is %(day)s.")
            % {"n": locked.audit_notice_days, "day": date_format(soonest)},
            field="begins_on",
        )
    if ends_on < starts_on:
        raise InvalidError(_("The end is before the start."), field="ends_on")
    if not _examined(locked, starts_on, ends_on):
        text = _("No closed report covers these days; only closed reports are examined.")
        raise InvalidError(text, field="starts_on")
    _require_seldom(locked, today)
    number = (RoyaltyAudit.objects.filter(licence=locked).aggregate(last=Max("number"))["last"] or 0) + 1
    row = RoyaltyAudit(
        licence=locked,
        number=number,
        starts_on=starts_on,
        ends_on=ends_on,
        auditor=auditor.strip(),
        announced_on=today,
        begins_on=begins_on,
        note=note_text.strip(),
        currency=locked.currency,
        announced_by=by,
    )
    row.require_clean()
    row.save()
    title = format_lazy(
        gettext_lazy("{licence}: audit of the books by {auditor} begins"), licence=locked.agreement, auditor=row.auditor
    )
    _owe(row, title, begins_on)
    note("royalty.announce_audit", row, by, locked, auditor=row.auditor, day=begins_on.isoformat())
    _tell(row, locked.licensee, gettext_lazy("An audit of royalties was announced: {what}"), by)
    return row


@transaction.atomic
def begin_audit(*, audit: RoyaltyAudit, by: User, version: int | None = None) -> RoyaltyAudit:
    """The examination has begun. Not before the day that was announced."""
    locked = _locked(audit, by, "royalty.manage", version)
    locked.state = AUDIT_MOVES.require("begin", locked.state, what=_("The audit"))
    if timezone.localdate() < locked.begins_on:
        raise ConflictError(
            _("It was announced for %(day)s; the licensee has until then.") % {"day": date_format(locked.begins_on)}
        )
    _save(locked)
    _settle(locked)
    note("royalty.begin_audit", locked, by, locked.licence)
    return locked


@transaction.atomic
def report_audit(
    *,
    audit: RoyaltyAudit,
    findings: Sequence[Mapping[str, Any]],
    summary: str,
    by: User,
    cost: Decimal = Decimal(0),
    version: int | None = None,
) -> RoyaltyAudit:
    """Tell the licensee what was found, report by report; what that makes due is computed. No findings: all was right.

    A finding: `report` (a closed one of the examined time), `product`, and what was left out: `units`, `gross`,
    `disallowed` deductions, `sublicence_income`, and of which `sublicence`, if it is known. Again after an objection:
    it replaces what was told before.
    Raises FaultyInputError naming every finding at fault.
    """
    locked = _locked(audit, by, "royalty.manage", version)
    locked.state = AUDIT_MOVES.require("report", locked.state, what=_("The audit"))
    rows = _read_findings(locked, findings)
    corrections = corrected(locked.licence, rows)
    today = timezone.localdate()
    locked.summary, locked.reason = summary.strip(), ""
    if not locked.summary:
        raise InvalidError(_("Say what was examined and what was found."), field="summary")
    locked.cost = to_minor(cost, locked.currency, field="cost")
    _reckon(locked, corrections, today)
    locked.reported_by, locked.reported_at = by, timezone.now()
    locked.answered_by = locked.answered_at = None
    locked.answer_by = today + timedelta(days=settings.AUDIT_ANSWER_DAYS)
    _save(locked)
    locked.findings.all().delete()
    locked.corrections.all().delete()
    for position, row in enumerate(rows, 1):
        row.audit, row.position = locked, position
    AuditFinding.objects.bulk_create(rows)
    for change in corrections:
        change.audit = locked
    AuditCorrection.objects.bulk_create(corrections)
    title = format_lazy(gettext_lazy("{licence}: the findings of the audit are to be answered"), licence=locked.licence)
    _owe(locked, title, locked.answer_by)
    note("royalty.report_audit", locked, by, locked.licence, amount=said(locked.underpaid, locked.currency))
    _tell(locked, locked.licence.licensee, gettext_lazy("What an audit of royalties found: {what}"), by)
    return locked


@transaction.atomic
def dispute_audit(*, audit: RoyaltyAudit, reason: str, by: User, version: int | None = None) -> RoyaltyAudit:
    """The licensee objects, saying to what. Nothing is due until both agree."""
    locked = _locked(audit, by, "royalty.report", version)
    locked.state = AUDIT_MOVES.require("dispute", locked.state, what=_("The audit"))
    if not reason.strip():
        raise InvalidError(_("Say what is not right in it."), field="reason")
    locked.reason, locked.answered_by, locked.answered_at = reason.strip(), by, timezone.now()
    _save(locked)
    _settle(locked)
    note("royalty.dispute_audit", locked, by, locked.licence)
    _tell(locked, locked.licence.licensor, gettext_lazy("The findings of an audit are objected to: {what}"), by)
    return locked


@transaction.atomic
def agree_audit(*, audit: RoyaltyAudit, by: User, version: int | None = None) -> RoyaltyAudit:
    """The licensee agrees: what was paid too little, its interest until today and the cost it bears are due.

    What is due is computed once more from today's reports. Raises ConflictError when that is another sum than the one
    that was told, since nobody agreed to it.
    """
    locked = _locked(audit, by, "royalty.report", version)
    locked.state = AUDIT_MOVES.require("agree", locked.state, what=_("The audit"))
    if locked.reported_by_id == by.pk:
        text = _("Whoever entered the findings does not agree to them as well.")
        raise RefusedError([Missing("second_person", text)])
    told = locked.underpaid
    changes = corrected(locked.licence, list(locked.findings.select_related("report").order_by("position")))
    _reckon(locked, changes, timezone.localdate())
    if locked.underpaid != told:
        raise ConflictError(
            _("Since the findings were told, other reports changed what they make due: it was %(told)s and is %(now)s.")
            % {"told": said(told, locked.currency), "now": said(locked.underpaid, locked.currency)}
        )
    locked.answered_by, locked.answered_at = by, timezone.now()
    _save(locked)
    _settle(locked)
    _ask_for(locked)
    note("royalty.agree_audit", locked, by, locked.licence, amount=said(locked.to_pay, locked.currency))
    _tell(locked, locked.licence.licensor, gettext_lazy("The findings of an audit are agreed on: {what}"), by)
    return locked


@transaction.atomic
def cancel_audit(*, audit: RoyaltyAudit, reason: str, by: User, version: int | None = None) -> RoyaltyAudit:
    """Call it off, or leave it without result; the reason stays with it. Nothing becomes due."""
    locked = _locked(audit, by, "royalty.manage", version)
    locked.state = AUDIT_MOVES.require("cancel", locked.state, what=_("The audit"))
    if not reason.strip():
        raise InvalidError(_("Give the reason."), field="reason")
    locked.reason = reason.strip()
    _save(locked)
    _settle(locked)
    note("royalty.cancel_audit", locked, by, locked.licence, reason=locked.reason[:200])
    _tell(locked, locked.licence.licensee, gettext_lazy("An audit of royalties was called off: {what}"), by)
    return locked


# --- what findings make due
@dataclass
class _Counted:
    """What earlier reports of a licence add up to, by the year they end in and over the whole term."""

    base: defaultdict[int, Decimal]
    royalty: defaultdict[int, int]
    minimum: defaultdict[int, int]

    @classmethod
    def nothing(cls) -> _Counted:
        return cls(defaultdict(Decimal), defaultdict(int), defaultdict(int))

    def add(self, report: RoyaltyReport, found: Computed) -> None:
        year = report.ends_on.year
        self.base[year] += found.base
        self.royalty[year] += found.royalty
        self.minimum[year] += found.minimum

    def so_far(self, report: RoyaltyReport, terms: PeriodTerms) -> SoFar:
        year = report.ends_on.year
        base = {Span.PERIOD: Decimal(0), Span.YEAR: self.base[year], Span.TOTAL: sum(self.base.values(), Decimal(0))}
        royalty = {Span.PERIOD: 0, Span.YEAR: self.royalty[year], Span.TOTAL: sum(self.royalty.values())}
        return SoFar(
            base=base[Span(terms.tiers_by)],
            royalty=royalty[Span(terms.cap_by)],
            earned=self.royalty[year],
            minimum=self.minimum[year],
        )


def corrected(licence: Licence, findings: Iterable[AuditFinding]) -> list[AuditCorrection]:
    """What the findings change in each closed report, unsaved, in the order of the periods.

    Every report is computed twice from the terms that were in force in its period, with and without what was left
    out, in order, because tiers, cap and minimum carry a finding on. What earlier audits agreed on is part of both.
    """
    agreed = AuditFinding.objects.filter(audit__licence=licence, audit__state=AuditState.AGREED)
    known = _by_report(agreed)
    more = _by_report([*agreed, *findings])
    reports = list(_closed(licence))
    changes = []
    for report, was, found in zip(reports, _recount(reports, known), _recount(reports, more), strict=True):
        change = AuditCorrection(
            report=report,
            base=found.base - was.base,
            royalty=found.royalty - was.royalty,
            minimum=found.minimum - was.minimum,
            sublicence_share=found.sublicence - was.sublicence,
        )
        if change.base or change.royalty or change.minimum or change.sublicence_share:
            changes.append(change)
    return changes


def _by_report(findings: Iterable[AuditFinding]) -> dict[Any, list[AuditFinding]]:
    found: dict[Any, list[AuditFinding]] = defaultdict(list)
    for row in findings:
        found[row.report_id].append(row)
    return found


def _recount(reports: Sequence[RoyaltyReport], more: Mapping[Any, Sequence[AuditFinding]]) -> list[Computed]:
    """What each of the reports of one licence owes, in their order, together with what it left out."""
    counted, made = _Counted.nothing(), []
    by_day = TermsInForce(reports[0].licence) if reports else None
    for report in reports:
        assert by_day is not None
        terms = by_day.on(report.ends_on)
        extra = more.get(report.pk, [])
        sales = [Sale(row.product, row.units, row.gross, row.deductions) for row in report.lines.all()]
        sales += [Sale(row.product, row.units, row.gross, -row.disallowed) for row in extra]
        found = compute(
            terms.running,
            sales,
            so_far=counted.so_far(report, terms),
            closes_year=closes_year(report, terms),
            sublicence_income=report.sublicence_income + sum(row.sublicence_income for row in extra),
        )
        counted.add(report, found)
        made.append(found)
    return made


def _reckon(audit: RoyaltyAudit, changes: Sequence[AuditCorrection], day: date) -> None:
    """Put the sums on the audit: owed as reported, too little, interest until the day, and who bears the cost."""
    audit.reported = sum(row.due for row in _examined(audit.licence, audit.starts_on, audit.ends_on))
    audit.underpaid = sum(change.due for change in changes)
    audit.interest = 0
    if audit.underpaid > 0:
        rates = interest_rates(audit.licence)
        for change in changes:
            lines = late_interest(change.due, change.report.due_on, day, rates, currency=audit.currency)
            audit.interest += sum(line.amount for line in lines)
    limit = audit.licence.audit_cost_percent
    beyond = limit is not None and audit.underpaid > 0 and (
        Fraction(audit.underpaid) * 100 > Fraction(limit) * audit.reported
    )  # fmt: skip
    audit.cost_borne = audit.cost if beyond else 0


def _ask_for(audit: RoyaltyAudit) -> None:
    """Schedule what is due now, each part as a payment of its own."""
    due_on = timezone.localdate() + timedelta(days=settings.AUDIT_PAY_DAYS)
    parts = (
        (":underpaid", max(0, audit.underpaid), gettext_lazy("Paid too little, found by audit {n}")),
        (":interest", audit.interest, gettext_lazy("Late interest on what audit {n} found")),
        (AUDIT_COST, audit.cost_borne, gettext_lazy("Cost of audit {n}")),
    )
    for code, amount, text in parts:
        if amount:
            title, title_zh = both(format_lazy(text, n=audit.number))
            row = ScheduledPayment(
                licence=audit.licence,
                kind=PaymentKind.AUDIT,
                source=f"{AUDITED}{audit.pk}{code}"[:60],
                title=title,
                title_zh=title_zh,
                due_on=due_on,
                amount=amount,
                currency=audit.currency,
            )
            row.require_clean()
            row.save()
            enter_payment(row)


def _closed(licence: Licence) -> Any:
    rows = RoyaltyReport.objects.closed().filter(licence=licence).select_related("licence__agreement")
    return rows.prefetch_related("lines").order_by("starts_on")


def _examined(licence: Licence, starts_on: date, ends_on: date) -> list[RoyaltyReport]:
    return list(_closed(licence).filter(starts_on__lte=ends_on, ends_on__gte=starts_on))


def examined_reports(audit: RoyaltyAudit) -> list[RoyaltyReport]:
    """The closed reports that an audit is about, in their order."""
    return _examined(audit.licence, audit.starts_on, audit.ends_on)


def _read_findings(audit: RoyaltyAudit, findings: Sequence[Mapping[str, Any]]) -> list[AuditFinding]:
    """The findings as rows, not saved; raises FaultyInputError with every fault by its number."""
    if len(findings) > FINDINGS_MAX:
        raise InvalidError(_("An audit has at most %(n)d findings.") % {"n": FINDINGS_MAX}, field="findings")
    examined = {str(row.pk): row for row in _examined(audit.licence, audit.starts_on, audit.ends_on)}
    known = SublicencesNamed(audit.licence)
    by_day = TermsInForce(audit.licence)
    rows, faults = [], []
    for number, given in enumerate(findings, 1):
        report = examined.get(str(getattr(given.get("report"), "pk", given.get("report"))))
        row = AuditFinding(
            report=report, product=str(given.get("product") or "").strip(), units=Decimal(given.get("units") or 0)
        )
        try:
            if report is None:
                raise InvalidError(_("Choose a closed report of the examined time."), field="report")
            for name in ("gross", "disallowed", "sublicence_income"):
                setattr(row, name, to_minor(given.get(name) or 0, audit.currency, field=name))
            asked = sum(line.deductions for line in report.lines.all())
            if row.disallowed > asked:
                raise InvalidError(
                    _("Only %(most)s were deducted in this report.") % {"most": said(asked, audit.currency)},
                    field="disallowed",
                )
            if row.units < 0 or row.units > 10**12:
                raise InvalidError(_("Units are not negative, and not more than anybody sells."), field="units")
            if given.get("sublicence"):
                row.sublicence = known.named(given["sublicence"], report)
                if not row.sublicence_income:
                    text = _("Say what “%(name)s” brought that was not reported.")
                    raise InvalidError(text % {"name": row.sublicence}, field="sublicence_income")
            if row.sublicence_income and by_day.on(report.ends_on).running.sublicence_percent is None:
                raise InvalidError(_("The licence names no share of sublicence income."), field="sublicence_income")
            if not (row.units or row.gross or row.disallowed or row.sublicence_income):
                raise InvalidError(_("Say what was left out."), field="gross")
            row.require_clean(exclude=["audit"])
        except FaultyInputError as fault:
            faults += [Fault(f"findings.{number}.{one.path}", one.text) for one in fault.faults]
        except InvalidError as fault:
            faults.append(Fault(f"findings.{number}.{fault.field}", str(fault)))
        rows.append(row)
    if faults:
        raise FaultyInputError(faults, field="findings")
    return rows


def _require_seldom(licence: Licence, today: date) -> None:
    rows = RoyaltyAudit.objects.filter(licence=licence)
    known = rows.open().first()
    if known is not None:
        raise ConflictError(_("Another audit of this licence is open: %(audit)s.") % {"audit": known})
    months = settings.AUDIT_MONTHS_BETWEEN
    last = rows.filter(state=AuditState.AGREED).order_by("-begins_on").first()
    if last is not None and (again := add_months(last.begins_on, months)) > today:
        raise ConflictError(
            _("The books were examined from %(last)s on; the next audit can be announced on %(day)s.")
            % {"last": date_format(last.begins_on), "day": date_format(again)},
            code="audited_lately",
        )


# --- what they share
def _hold(licence: Licence) -> Licence:
    rows = Licence.objects.select_for_update(of=("self",))
    return rows.select_related("agreement__project", "licensor", "licensee").get(pk=licence.pk)


def _locked(audit: RoyaltyAudit, by: User, word: str, version: int | None) -> RoyaltyAudit:
    require(by, word, audit)
    Licence.objects.select_for_update(of=("self",)).get(pk=audit.licence_id)  # before its rows, as reports do
    locked = RoyaltyAudit.objects.select_for_update(of=("self",)).with_licence().get(pk=audit.pk)
    require_version(locked, version)
    return locked


def _save(audit: RoyaltyAudit) -> None:
    audit.version += 1
    audit.require_clean()
    audit.save()


def _owe(audit: RoyaltyAudit, title: Any, due_on: date | None) -> None:
    """The licensee has something to do by a day; the licensor sees the same day."""
    facts = {"source": audit, "title": title, "due_on": due_on, "url": audit.get_absolute_url()}
    set_obligation(kind=ObligationKind.NOTICE, organisation=audit.licence.licensee, **facts)
    set_obligation(kind=ObligationKind.REVIEW, organisation=audit.licence.licensor, **facts)


def _settle(audit: RoyaltyAudit) -> None:
    settle_obligation(source=audit, kind=ObligationKind.NOTICE)
    settle_obligation(source=audit, kind=ObligationKind.REVIEW)


def _tell(audit: RoyaltyAudit, organisation: Organisation, title: Any, by: User) -> None:
    """Of the licensor its officers; of the licensee only those who report for it, who alone may open it."""
    word = "royalty.manage" if organisation == audit.licence.licensor else "royalty.report"
    tell(organisation, word, title=format_lazy(title, what=str(audit)), url=audit.get_absolute_url(), by=by)


__all__ = [
    "AUDIT_OPEN", "agree_audit", "announce_audit", "begin_audit", "cancel_audit", "corrected", "dispute_audit",
    "examined_reports", "report_audit",
]  # fmt: skip
