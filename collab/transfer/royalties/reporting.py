"""Verbs on royalty reports: the licensee submits, the licensor returns or accepts. An accepted report is closed.

What the licensee sends on paper or by mail the licensor's office enters, with the same checks; another one accepts it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Missing, require
from collab.accounts.models import Organisation, User
from collab.kernel.errors import ConflictError, Fault, FaultyInputError, InvalidError, RefusedError
from collab.transfer.licences.models import Licence, Sublicence
from collab.transfer.royalties.acts import note, require_version, said, tell
from collab.transfer.royalties.chasing import reopen_late, settle_late
from collab.transfer.royalties.computing import Computed, Sale, SublicenceSum, compute
from collab.transfer.royalties.models import ReportLine, ReportQuerySet, RoyaltyReport, SublicenceIncome
from collab.transfer.royalties.money import to_minor
from collab.transfer.royalties.scheduling import enter_report, require_currency, settle_check, settle_report
from collab.transfer.royalties.states import REPORT_MOVES, ReportState
from collab.transfer.royalties.terms import TermsInForce, closes_year, so_far

LINES_MAX = 200


@transaction.atomic
def submit_report(
    *,
    report: RoyaltyReport,
    lines: Sequence[Mapping[str, Any]],
    currency: str,
    by: User,
    sublicence_income: Decimal = Decimal(0),
    sublicences: Sequence[Mapping[str, Any]] = (),
    note_text: str = "",
    version: int | None = None,
) -> RoyaltyReport:
    """Say what was sold in the period; what is owed is computed at once. No lines: nothing was sold.

    Where sublicences were in force in the period and the licence shares their income, `sublicences` names what each of
    them brought (`sublicence`, `amount`; zero is an answer), instead of the single `sublicence_income`.
    Raises ConflictError for a report that is closed or with the licensor, or when an earlier one is missing, and
    FaultyInputError naming every line at fault.
    """
    locked = _locked(report, by, "royalty.report")
    state = _require_open(locked, currency, version)
    locked.received_on, locked.sent_by = None, ""
    _write(locked, state, lines, sublicence_income, sublicences, note_text, by)
    note("royalty.report", locked, by, locked.licence, amount=said(locked.due, currency), **_period(locked))
    _tell(locked, locked.licence.licensor, "royalty.manage", gettext_lazy("A royalty report came in: {what}"), by)
    return locked


@transaction.atomic
def receive_report(
    *,
    report: RoyaltyReport,
    received_on: date,
    sent_by: str,
    lines: Sequence[Mapping[str, Any]],
    currency: str,
    by: User,
    sublicence_income: Decimal = Decimal(0),
    sublicences: Sequence[Mapping[str, Any]] = (),
    note_text: str = "",
    version: int | None = None,
) -> RoyaltyReport:
    """Enter, as the licensor's office, what the licensee sent on paper or by mail; all else is as if it had submitted.

    Raises what `submit_report` raises, and InvalidError for a day to come or in the period, or when nobody sent it.
    """
    locked = _locked(report, by, "royalty.manage")
    state = _require_open(locked, currency, version)
    if received_on > timezone.localdate():
        raise InvalidError(_("This day has not come yet."), field="received_on")
    if received_on <= locked.ends_on:
        text = _("The period went on until %(day)s; what came before that does not report on all of it.")
        raise InvalidError(text % {"day": date_format(locked.ends_on)}, field="received_on")
    if not sent_by.strip():
        raise InvalidError(_("Say who signed or sent it."), field="sent_by")
    locked.received_on, locked.sent_by = received_on, sent_by.strip()
    _write(locked, state, lines, sublicence_income, sublicences, note_text, by)
    note(
        "royalty.receive_report", locked, by, locked.licence, amount=said(locked.due, currency), who=locked.sent_by,
        day=received_on.isoformat(), **_period(locked),
    )  # fmt: skip
    title = gettext_lazy("A royalty report that was sent on paper or by mail was entered: {what}")
    _tell(locked, locked.licence.licensee, "royalty.report", title, by)
    _tell(locked, locked.licence.licensor, "royalty.manage", title, by)
    return locked


@transaction.atomic
def return_report(*, report: RoyaltyReport, reason: str, by: User, version: int | None = None) -> RoyaltyReport:
    """Send it back, saying what is wrong. The licensee submits it again."""
    locked = _locked(report, by, "royalty.manage")
    require_version(locked, version)
    locked.state = REPORT_MOVES.require("return", locked.state, what=_("The report"))
    if not reason.strip():
        raise InvalidError(_("Say what is wrong in it."), field="reason")
    _require_none_closed_after(locked)
    locked.reason, locked.checked_by, locked.checked_at = reason.strip(), by, timezone.now()
    locked.version += 1
    locked.require_clean()
    locked.save()
    enter_report(locked)
    reopen_late(locked)
    note("royalty.return", locked, by, locked.licence, **_period(locked))
    title = gettext_lazy("A royalty report came back: {what}")
    _tell(locked, locked.licence.licensee, "royalty.report", title, by)
    if locked.received_on is not None:  # the office entered it, and enters it again
        _tell(locked, locked.licence.licensor, "royalty.manage", title, by)
    return locked


@transaction.atomic
def accept_report(*, report: RoyaltyReport, by: User, version: int | None = None) -> RoyaltyReport:
    """Find it right and close it. What it says is computed once more by the terms of its period; then it stays so.

    Raises ConflictError while an earlier one is not closed: this one counts on it.
    """
    locked = _locked(report, by, "royalty.manage")
    require_version(locked, version)
    locked.state = REPORT_MOVES.require("accept", locked.state, what=_("The report"))
    if locked.submitted_by_id == by.pk:
        raise RefusedError([Missing("second_person", _("Whoever submitted it does not check it as well."))])
    earlier = RoyaltyReport.objects.filter(licence=locked.licence_id, starts_on__lt=locked.starts_on)
    _require_first(earlier.exclude(state=ReportState.ACCEPTED))
    incomes = list(locked.sublicence_incomes.select_related("sublicence"))
    _apply(locked, _computed(locked, list(locked.lines.all()), incomes))
    locked.checked_by, locked.checked_at = by, timezone.now()
    locked.version += 1
    locked.save()
    settle_check(locked)
    note("royalty.accept", locked, by, locked.licence, amount=said(locked.due, locked.currency), **_period(locked))
    _tell(locked, locked.licence.licensee, "royalty.report", gettext_lazy("A royalty report was accepted: {what}"), by)
    return locked


def preview_report(
    report: RoyaltyReport,
    lines: Sequence[Mapping[str, Any]],
    income: Decimal = Decimal(0),
    sublicences: Sequence[Mapping[str, Any]] = (),
) -> Computed:
    """What would be owed, before anything is submitted."""
    rows = _read_lines(lines, report.currency)
    return _computed(report, rows, _read_incomes(report, income, sublicences))


def sublicences_to_report(report: RoyaltyReport) -> list[Sublicence]:
    """Those whose income the report names: in force in its period, where the licence shares what they bring."""
    if TermsInForce(report.licence).on(report.ends_on).running.sublicence_percent is None:
        return []
    rows = report.licence.sublicences.in_force(report.starts_on, report.ends_on)
    return list(rows.order_by("starts_on", "created_at", "pk"))


class SublicencesNamed:
    """The sublicences of a licence by their number, each asked whether it held in a period."""

    def __init__(self, licence: Licence) -> None:
        self.licence = licence
        self.rows = {str(row.pk): row for row in licence.sublicences.all()}

    def named(self, given: Any, report: RoyaltyReport) -> Sublicence:
        """Raises InvalidError, naming it, for one of another licence or one that was not in force in the period."""
        key = str(getattr(given, "pk", given))
        row = self.rows.get(key)
        if row is None:
            # one of another licence of the same two is named; of anybody else's it is not said that it exists
            text = _("There is no such sublicence.")
            other = self._of_the_same_two(key)
            if other is not None:
                text = _("“%(name)s” is a sublicence of another licence: %(licence)s.")
                text %= {"name": other, "licence": other.licence}
            raise InvalidError(text, field="sublicence")
        if not self.licence.sublicences.in_force(report.starts_on, report.ends_on).filter(pk=row.pk).exists():
            raise InvalidError(
                _("“%(name)s” was not in force between %(first)s and %(last)s.")
                % {"name": row, "first": date_format(report.starts_on), "last": date_format(report.ends_on)},
                field="sublicence",
            )
        return row

    def _of_the_same_two(self, key: str) -> Sublicence | None:
        try:
            pk = UUID(key)
        except ValueError:
            return None
        facts = {"licence__licensee": self.licence.licensee_id, "licence__licensor": self.licence.licensor_id}
        return Sublicence.objects.select_related("licence__agreement").filter(pk=pk, **facts).first()


# --- what they share
def _require_open(report: RoyaltyReport, currency: str, version: int | None) -> str:
    """The state that it comes into; raises ConflictError while it cannot be reported on."""
    require_version(report, version, {"note": report.note})
    if report.state == ReportState.ACCEPTED:
        raise ConflictError(
            _("The report for %(first)s to %(last)s is closed; what is wrong in it is told to the licensor.")
            % {"first": date_format(report.starts_on), "last": date_format(report.ends_on)},
            code="report_closed",
        )
    state = REPORT_MOVES.require("submit", report.state, what=_("The report"))
    _require_order(report)
    require_currency(report.licence, currency)
    if report.ends_on >= timezone.localdate():
        raise ConflictError(
            _("The period goes on until %(day)s; it is reported on after that.") % {"day": date_format(report.ends_on)}
        )
    return state


def _write(
    report: RoyaltyReport,
    state: str,
    lines: Sequence[Mapping[str, Any]],
    income: Decimal,
    sublicences: Sequence[Mapping[str, Any]],
    note_text: str,
    by: User,
) -> None:
    """Put on it what was sold, and compute what is owed."""
    rows = _read_lines(lines, report.currency)
    incomes = _read_incomes(report, income, sublicences)
    report.note = note_text.strip()
    report.state, report.reason = state, ""
    report.submitted_by, report.submitted_at = by, timezone.now()
    report.checked_by = report.checked_at = None
    _apply(report, _computed(report, rows, incomes))
    report.version += 1
    report.require_clean()
    report.save()
    report.sublicence_incomes.all().delete()
    SublicenceIncome.objects.bulk_create(incomes)
    report.lines.all().delete()
    for position, row in enumerate(rows, 1):
        row.report, row.position = report, position
    ReportLine.objects.bulk_create(rows)
    settle_report(report)
    settle_late(report)


def _computed(report: RoyaltyReport, rows: Sequence[ReportLine], incomes: Sequence[SublicenceIncome]) -> Computed:
    terms = TermsInForce(report.licence).on(report.ends_on)
    sales = [Sale(row.product, row.units, row.gross, row.deductions) for row in rows]
    return compute(
        terms.running,
        sales,
        so_far=so_far(report, terms),
        closes_year=closes_year(report, terms),
        sublicence_income=0 if incomes else report.sublicence_income,
        sublicences=[SublicenceSum(row.sublicence.name, row.amount) for row in incomes],
    )


def _apply(report: RoyaltyReport, found: Computed) -> None:
    report.computed = [line.as_dict() for line in found.lines]
    report.base, report.royalty = found.base, found.royalty
    report.minimum, report.sublicence_share = found.minimum, found.sublicence


def _read_incomes(
    report: RoyaltyReport, income: Decimal, sublicences: Sequence[Mapping[str, Any]]
) -> list[SublicenceIncome]:
    """Put the income from sublicences on the report; the rows that say of which, not saved.

    Raises FaultyInputError with every fault by its line, InvalidError for a single sum where each is to be named.
    """
    wanted = sublicences_to_report(report)
    whole = to_minor(income, report.currency, field="sublicence_income")
    if not wanted and not sublicences:
        if whole and TermsInForce(report.licence).on(report.ends_on).running.sublicence_percent is None:
            raise InvalidError(_("The licence names no share of sublicence income."), field="sublicence_income")
        report.sublicence_income = whole
        return []
    if whole:
        text = _("Name the income from each sublicence: %(names)s.") % {"names": _(", ").join(map(str, wanted))}
        raise InvalidError(text, field="sublicence_income")
    known, missing = SublicencesNamed(report.licence), {row.pk: row for row in wanted}
    rows: dict[UUID, SublicenceIncome] = {}
    faults = []
    for number, given in enumerate(sublicences, 1):
        try:
            sublicence = known.named(given.get("sublicence"), report)
            missing.pop(sublicence.pk, None)
            if sublicence.pk in rows:
                raise InvalidError(_("“%(name)s” is named twice.") % {"name": sublicence}, field="sublicence")
            if sublicence not in wanted:
                raise InvalidError(_("The licence names no share of sublicence income."), field="amount")
            if given.get("amount") in (None, ""):
                text = _("Say what the sublicence to %(name)s brought; 0 if it was nothing.")
                raise InvalidError(text % {"name": sublicence}, field="amount")
            amount = to_minor(given["amount"], report.currency, field="amount")
            rows[sublicence.pk] = SublicenceIncome(report=report, position=number, sublicence=sublicence, amount=amount)
        except InvalidError as fault:
            faults.append(Fault(f"sublicences.{number}.{fault.field}", str(fault)))
    for sublicence in missing.values():
        text = _("Say what the sublicence to %(name)s brought; 0 if it was nothing.") % {"name": sublicence}
        faults.append(Fault("sublicences", text))
    if faults:
        raise FaultyInputError(faults, field="sublicences")
    report.sublicence_income = sum(row.amount for row in rows.values())
    return list(rows.values())


def _read_lines(lines: Sequence[Mapping[str, Any]], currency: str) -> list[ReportLine]:
    """The lines as rows, not saved; raises FaultyInputError with every fault by its line."""
    if len(lines) > LINES_MAX:
        raise InvalidError(_("A report has at most %(n)d lines.") % {"n": LINES_MAX}, field="lines")
    rows, faults = [], []
    for number, line in enumerate(lines, 1):
        row = ReportLine(product=str(line.get("product", "")).strip(), units=Decimal(line.get("units") or 0))
        try:
            row.gross = to_minor(line.get("gross") or 0, currency, field="gross")
            row.deductions = to_minor(line.get("deductions") or 0, currency, field="deductions")
            if row.deductions > row.gross:
                raise InvalidError(
                    _("Deductions of %(deductions)s are more than the gross sales of %(gross)s.")
                    % {"deductions": said(row.deductions, currency), "gross": said(row.gross, currency)},
                    field="deductions",
                )
            if row.units < 0 or row.units > 10**12:
                raise InvalidError(_("Units are not negative, and not more than anybody sells."), field="units")
            row.require_clean(exclude=["report"])
        except FaultyInputError as fault:
            faults += [Fault(f"lines.{number}.{one.path}", one.text) for one in fault.faults]
        except InvalidError as fault:
            faults.append(Fault(f"lines.{number}.{fault.field}", str(fault)))
        rows.append(row)
    if faults:
        raise FaultyInputError(faults, field="lines")
    return rows


def _require_order(report: RoyaltyReport) -> None:
    """Tiers, cap and minimum count what came before, so periods are reported on in their order."""
    rows = RoyaltyReport.objects.filter(licence=report.licence_id)
    _require_first(rows.filter(starts_on__lt=report.starts_on, state__in=[ReportState.DUE, ReportState.RETURNED]))
    _require_none_closed_after(report)


def _require_first(missing: ReportQuerySet) -> None:
    """Raises ConflictError naming the first of those that come before."""
    first = missing.order_by("starts_on").first()
    if first is not None:
        raise ConflictError(
            _("The report for %(first)s to %(last)s comes first.")
            % {"first": date_format(first.starts_on), "last": date_format(first.ends_on)}
        )


def _require_none_closed_after(report: RoyaltyReport) -> None:
    rows = RoyaltyReport.objects.closed().filter(licence=report.licence_id, starts_on__gt=report.starts_on)
    later = rows.order_by("starts_on").first()
    if later is not None:
        raise ConflictError(
            _("The report for %(first)s to %(last)s is closed and counts on this one; tell the licensor what is wrong.")
            % {"first": date_format(later.starts_on), "last": date_format(later.ends_on)},
            code="report_closed",
        )


def _locked(report: RoyaltyReport, by: User, word: str) -> RoyaltyReport:
    require(by, word, report)
    Licence.objects.select_for_update(of=("self",)).get(pk=report.licence_id)  # one report of a licence at a time
    rows = RoyaltyReport.objects.select_for_update(of=("self",))
    return rows.select_related("licence__agreement", "licence__licensor", "licence__licensee").get(pk=report.pk)


def _period(report: RoyaltyReport) -> dict[str, str]:
    return {"first": report.starts_on.isoformat(), "last": report.ends_on.isoformat()}


def _tell(report: RoyaltyReport, organisation: Organisation, word: str, title: Any, by: User) -> None:
    tell(organisation, word, title=format_lazy(title, what=str(report)), url=report.get_absolute_url(), by=by)
