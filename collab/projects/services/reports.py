"""Verbs on progress reports: a schedule plans them, one party writes, another accepts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from collab.access.policy import holders, party_of, require
from collab.accounts.models import User
from collab.audit.services import record
from collab.kernel.errors import ConflictError, InvalidError, StaleError
from collab.kernel.months import add_months
from collab.projects.guards import register_effect
from collab.projects.models import Output, PartyRole, ProgressReport, Project, ProjectParty, ReportKind, WorkItem
from collab.projects.services.telling import owe, owe_no_more, tell
from collab.projects.services.work import people_of, require_side
from collab.projects.states import ENDED, REPORT_MOVES, ReportState, WorkState

REPORTS_MAX = 60

# (project, first day, last day) -> [(what was counted, how many)]; what is counted is a sentence of the catalogue.
Counter = Callable[[Project, date, date], list[tuple[str, int]]]
_COUNTERS: dict[str, Counter] = {}


def register_report_facts(name: str, counter: Counter) -> None:
    """Let another room tell what happened in a period. Registering the same name again replaces it."""
    _COUNTERS[name] = counter


@transaction.atomic
def schedule_reports(*, project: Project, every_months: int | None, due_days: int, by: User, version: int) -> Project:
    """Plan a report for every so many months until the project ends; None plans none. Begun reports stay."""
    require(by, "project.edit", project)
    locked = Project.objects.select_for_update().get(pk=project.pk)
    _require_open(locked)
    if locked.version != version:
        raise StaleError(
            _("Somebody changed it since you opened it. Open it again and repeat your change."),
            now={"every_months": locked.report_every_months, "due_days": locked.report_due_days},
        )
    if every_months is not None and not 1 <= every_months <= 36:
        raise InvalidError(_("Write a number of months between 1 and 36."), field="every_months")
    if not 0 <= due_days <= 180:
        raise InvalidError(_("Write a number of days up to 180."), field="due_days")
    if every_months is not None and locked.ends_on is None:
        raise InvalidError(_("Give the project an end first: reports are planned until then."), field="every_months")
    locked.report_every_months, locked.report_due_days = every_months, due_days
    locked.version += 1
    locked.save(update_fields=["report_every_months", "report_due_days", "version"])
    planned = _replan(locked)
    record(
        verb="report.schedule",
        subject=locked,
        by=by,
        project_id=locked.pk,
        data={"every_months": every_months, "due_days": due_days, "planned": planned},
    )
    return locked


def _replan(project: Project) -> int:
    untouched = ProgressReport.objects.filter(project=project, kind=ReportKind.PROGRESS, state=ReportState.PLANNED)
    for report in untouched:
        owe_no_more(report, "report")
    untouched.delete()
    if project.report_every_months is None or project.ends_on is None:
        return 0
    kept = set(project.reports.filter(kind=ReportKind.PROGRESS).values_list("ends_on", flat=True))
    rows: list[ProgressReport] = []
    for number in range(REPORTS_MAX):
        start = add_months(project.starts_on, number * project.report_every_months)
        end = add_months(project.starts_on, (number + 1) * project.report_every_months) - timedelta(days=1)
        end = min(end, project.ends_on)
        if start > project.ends_on:
            break
        if end not in kept:
            due = end + timedelta(days=project.report_due_days)
            rows.append(ProgressReport(project=project, starts_on=start, ends_on=end, due_on=due))
    ProgressReport.objects.bulk_create(rows)
    for report in rows:
        _due(report)
    return len(rows)


@transaction.atomic
def write_report(
    *, report: ProgressReport, by: User, version: int, summary: str, deviations: str = "", outlook: str = ""
) -> ProgressReport:
    """Write at a report; with the first writing the figures of its period are taken from the records."""
    require(by, "work.deliver", report.project)
    locked = _locked(report)
    if locked.version != version:
        raise StaleError(
            _("Somebody changed it since you opened it. Open it again and repeat your change."),
            now={name: getattr(locked, name) for name in ("summary", "deviations", "outlook")},
        )
    locked.state = REPORT_MOVES.require("write", locked.state, what=str(locked))
    if locked.party is None:
        locked.party = _party_for(by, locked.project)
    require_side(by, locked.party, own=True)
    locked.facts = facts_of_period(locked.project, locked.starts_on, locked.ends_on)
    locked.summary, locked.deviations, locked.outlook = summary, deviations, outlook
    locked.written_by = by
    locked.version += 1
    locked.require_clean()
    locked.save()
    record(verb="report.write", subject=locked, by=by, project_id=locked.project_id)
    return locked


@transaction.atomic
def move_report(*, report: ProgressReport, move: str, by: User, note: str = "") -> ProgressReport:
    """Submit it, or accept or return that of another party."""
    require(by, "work.deliver", report.project)
    if move not in {"submit", "accept", "return"}:
        raise InvalidError(_("Submit, accept or return it."), field="move")
    locked = _locked(report)
    locked.state = REPORT_MOVES.require(move, locked.state, what=str(locked))
    assert locked.party is not None
    require_side(by, locked.party, own=move == "submit")
    if move == "submit":
        if not locked.summary.strip():
            raise InvalidError(_("Write what was done before you submit the report."), field="summary")
        locked.submitted_at, locked.written_by = timezone.now(), by
    if move == "accept":
        locked.accepted_by = by
    if move == "return" and not note.strip():
        raise InvalidError(_("Say why, in a sentence."), field="note")
    locked.note = note.strip()
    locked.version += 1
    locked.require_clean()
    locked.save()
    if locked.state == ReportState.ACCEPTED:
        owe_no_more(locked, "report")
    record(verb=f"report.{move}", subject=locked, by=by, project_id=locked.project_id)
    if move == "submit":
        others = holders("work.deliver", locked.project_id).exclude(pk__in=people_of(locked.party).values("pk"))
        tell(others, gettext_lazy("Something was submitted for acceptance"), locked.get_absolute_url(), locked.project)
    elif locked.written_by is not None:
        told = (
            gettext_lazy("What you submitted was accepted")
            if move == "accept"
            else gettext_lazy("What you submitted was returned")
        )
        tell([locked.written_by], told, locked.get_absolute_url(), locked.project)
    return locked


def facts_of_period(project: Project, start: date, end: date) -> list[dict[str, Any]]:
    """What the records say of a period: work that was settled or fell due, outputs, and what other rooms count."""
    items = WorkItem.objects.filter(project=project).aggregate(
        accepted=Count("pk", filter=Q(state=WorkState.ACCEPTED, settled_at__date__range=(start, end))),
        due=Count("pk", filter=Q(due_on__range=(start, end))),
    )
    outputs = Output.objects.filter(project=project, made_on__range=(start, end)).count()
    rows = [
        (gettext_noop("Milestones and deliverables that fell due"), items["due"]),
        (gettext_noop("Milestones and deliverables accepted"), items["accepted"]),
        (gettext_noop("Outputs recorded"), outputs),
    ]
    for counter in _COUNTERS.values():
        rows += counter(project, start, end)
    return [{"what": what, "n": n} for what, n in rows]


def plan_final_report(project: Project, by: User) -> dict[str, Any]:
    """A project that is wound up owes a final report."""
    report = ProgressReport.objects.filter(project=project, kind=ReportKind.FINAL).first()
    if report is None:
        today = timezone.localdate()
        report = ProgressReport.objects.create(
            project=project,
            kind=ReportKind.FINAL,
            starts_on=min(project.starts_on, today),
            ends_on=today,
            due_on=today + timedelta(days=project.report_due_days),
        )
        _due(report)
    return {}


def _party_for(by: User, project: Project) -> ProjectParty:
    """The lead party where one acts for it, else one's own."""
    mine = ProjectParty.objects.filter(
        project=project, left_on=None, organisation__in=party_of(by, project.pk)
    ).select_related("organisation")
    found = mine.filter(role=PartyRole.LEAD).first() or mine.first()
    if found is None:
        raise InvalidError(_("You act for no party of this project."))
    return found


def _locked(report: ProgressReport) -> ProgressReport:
    rows = ProgressReport.objects.select_for_update(of=("self",)).select_related("project", "party__organisation")
    locked = rows.get(pk=report.pk)
    _require_open(locked.project)
    return locked


def _require_open(project: Project) -> None:
    if project.state in ENDED:
        raise ConflictError(_("The project has ended; what it says stays as it is."))


def _due(report: ProgressReport) -> None:
    lead = ProjectParty.objects.filter(project=report.project_id, role=PartyRole.LEAD, left_on=None).first()
    owe(
        report,
        "report",
        gettext_lazy("Final report") if report.kind == ReportKind.FINAL else gettext_lazy("Progress report"),
        report.due_on,
        report.get_absolute_url(),
        project=report.project,
        organisation=lead.organisation if lead else None,
    )


register_effect("wind_up", "final_report", plan_final_report)
