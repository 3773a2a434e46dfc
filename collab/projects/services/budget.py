"""Verbs on money: lines are planned, costs are booked, thresholds tell. All sums are Decimal."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import holders, require
from collab.accounts.models import Membership, User
from collab.audit.services import record
from collab.kernel.errors import ConflictError, InvalidError, StaleError
from collab.projects.models import (
    Budget,
    BudgetAlert,
    BudgetLine,
    CostCategory,
    CostEntry,
    PartyRole,
    Project,
    ProjectParty,
    TrainingRate,
)
from collab.projects.services.telling import tell
from collab.projects.states import ENDED

CENT = Decimal("0.01")
HOUR = Decimal(3600)
LIMIT = Decimal("999999999999.99")


def budget_of(project: Project) -> Budget:
    """The budget of a project; it begins empty with the project's first reader."""
    return Budget.objects.filter(project=project).first() or Budget.objects.get_or_create(project=project)[0]


@transaction.atomic
def set_budget(*, project: Project, by: User, version: int, currency: str, thresholds: Sequence[int]) -> Budget:
    """Choose the currency, and at which shares of the plan people are told."""
    require(by, "budget.edit", project)
    budget = _locked(project)
    if budget.version != version:
        raise StaleError(
            _("Somebody changed it since you opened it. Open it again and repeat your change."),
            now={"currency": budget.currency, "thresholds": budget.thresholds},
        )
    if currency != budget.currency and CostEntry.objects.filter(line__budget=budget).exists():
        raise ConflictError(_("Costs are booked in %(currency)s already.") % {"currency": budget.currency})
    chosen = sorted(set(thresholds))
    if len(chosen) > 5 or not all(isinstance(n, int) and 1 <= n <= 200 for n in chosen):
        raise InvalidError(_("Write up to five percentages between 1 and 200."), field="thresholds")
    budget.currency, budget.thresholds = currency, chosen
    budget.version += 1
    budget.require_clean()
    budget.save()
    BudgetAlert.objects.filter(budget=budget, cleared_at=None).exclude(threshold__in=chosen).update(
        cleared_at=timezone.now()
    )
    record(
        verb="budget.set",
        subject=budget,
        by=by,
        project_id=project.pk,
        data={"currency": currency, "thresholds": chosen},
    )
    _watch(budget)
    return budget


@transaction.atomic
def add_line(
    *,
    project: Project,
    party: ProjectParty,
    category: str,
    starts_on: date,
    ends_on: date,
    by: User,
    planned: Decimal = Decimal(0),
    committed: Decimal = Decimal(0),
    note: str = "",
) -> BudgetLine:
    """Add a line for a party, category and period."""
    require(by, "budget.edit", project)
    budget = _locked(project)
    if party.project_id != project.pk or party.left_on is not None:
        raise InvalidError(_("Choose a party of this project."), field="party")
    if ends_on < starts_on:
        raise InvalidError(_("The period would end before it begins."), field="ends_on")
    key = {"budget": budget, "party": party, "category": category, "starts_on": starts_on, "ends_on": ends_on}
    if BudgetLine.objects.filter(**key).exists():
        raise ConflictError(_("There is a line for this party, category and period."))
    line = BudgetLine(**key, note=note, planned=_money(planned, "planned"), committed=_money(committed, "committed"))
    line.require_clean()
    line.save()
    _count(budget)
    record(
        verb="budget.add_line",
        subject=line,
        by=by,
        project_id=project.pk,
        data={"party": party.organisation.slug, "category": category, "planned": str(line.planned)},
    )
    _watch(budget)
    return line


@transaction.atomic
def edit_lines(*, project: Project, changes: Mapping[UUID, Mapping[str, Decimal]], by: User, version: int) -> Budget:
    """Change what several lines plan and commit, in one act. Raises StaleError when the budget has moved on."""
    require(by, "budget.edit", project)
    budget = _locked(project)
    if budget.version != version:
        raise StaleError(
            _("Somebody changed it since you opened it. Open it again and repeat your change."),
            now={
                f"{name}_{line.pk}": getattr(line, name)
                for line in budget.lines.all()
                for name in ("planned", "committed")
            },
        )
    lines = {line.pk: line for line in budget.lines.select_for_update()}
    told = []
    for key, amounts in changes.items():
        line = lines.get(key)
        if line is None:
            raise InvalidError(_("This line is not one of the budget."), field="lines")
        before = (line.planned, line.committed)
        line.planned = _money(amounts.get("planned", line.planned), "planned")
        line.committed = _money(amounts.get("committed", line.committed), "committed")
        if (line.planned, line.committed) != before:
            line.save(update_fields=["planned", "committed"])
            told.append({"line": str(key), "planned": str(line.planned), "committed": str(line.committed)})
    if not told:
        return budget
    _count(budget)
    record(verb="budget.edit", subject=budget, by=by, project_id=project.pk, data={"lines": told})
    _watch(budget)
    return budget


@transaction.atomic
def book_cost(
    *, line: BudgetLine, amount: Decimal, on: date, by: User, note: str = "", reference: str = ""
) -> CostEntry:
    """Book what was spent; a negative amount books a mistake back."""
    project = line.budget.project
    require(by, "budget.edit", project)
    budget = _locked(project)
    if on > timezone.localdate():
        raise InvalidError(_("What lies ahead is committed, not spent."), field="on")
    amount = amount.quantize(CENT, ROUND_HALF_UP)
    if not amount or abs(amount) > LIMIT:
        raise InvalidError(_("Write an amount."), field="amount")
    entry = CostEntry(line=line, amount=amount, on=on, note=note, reference=reference, booked_by=by)
    entry.require_clean()
    _book(budget, entry)
    record(
        verb="budget.book",
        subject=entry,
        by=by,
        project_id=project.pk,
        data={"amount": f"{amount} {budget.currency}", "category": line.category},
    )
    _watch(budget)
    return entry


# --- training
@transaction.atomic
def set_training_rate(*, project: Project, per_cpu_hour: Decimal, valid_from: date, by: User) -> TrainingRate:
    """What a processor hour costs from a day on. What was booked before stays."""
    require(by, "budget.edit", project)
    budget = _locked(project)
    if TrainingRate.objects.filter(budget=budget, valid_from=valid_from).exists():
        raise ConflictError(_("There is a price from that day; choose another day."))
    rate = TrainingRate(budget=budget, per_cpu_hour=per_cpu_hour, valid_from=valid_from, set_by=by)
    rate.require_clean()
    if per_cpu_hour < 0:
        raise InvalidError(_("Write an amount from zero."), field="per_cpu_hour")
    rate.save()
    _count(budget)
    record(
        verb="budget.rate",
        subject=rate,
        by=by,
        project_id=project.pk,
        data={"from": valid_from.isoformat(), "per_cpu_hour": str(per_cpu_hour)},
    )
    return rate


@transaction.atomic
def book_training_cost(
    *, project_id: UUID, attempt: UUID, cpu_seconds: Decimal, ended_at: datetime, runs_as: User, name: str
) -> CostEntry | None:
    """Book what an attempt at a training job cost, once, at the price of its day. None where no price is set."""
    day = timezone.localdate(ended_at)
    budget = Budget.objects.select_for_update().select_related("project").filter(project=project_id).first()
    if budget is None:
        return None
    done = CostEntry.objects.filter(source=CostEntry.Source.TRAINING, reference=str(attempt)).first()
    if done is not None:
        return done
    rate = budget.rates.filter(valid_from__lte=day).first()
    if rate is None:
        return None
    amount = (rate.per_cpu_hour * cpu_seconds / HOUR).quantize(CENT, ROUND_HALF_UP)
    if not amount:
        return None
    line = _compute_line(budget, _party_of(budget.project, runs_as), day)
    entry = CostEntry(
        line=line,
        amount=amount,
        on=day,
        source=CostEntry.Source.TRAINING,
        reference=str(attempt),
        note=name[:200],
    )
    _book(budget, entry)
    record(
        verb="budget.book_training",
        subject=entry,
        by=None,
        project_id=project_id,
        data={"amount": f"{amount} {budget.currency}", "attempt": str(attempt), "cpu_seconds": str(cpu_seconds)},
    )
    _watch(budget)
    return entry


def _party_of(project: Project, user: User) -> ProjectParty:
    """For whom the person works in the project; the lead pays for whoever works for none."""
    held = Membership.objects.filter(user=user, project=project).order_by("-starts_at").values("organisation")[:1]
    parties = ProjectParty.objects.filter(project=project)
    found = parties.filter(organisation__in=held).first()
    return found or parties.get(role=PartyRole.LEAD, left_on=None)


def _compute_line(budget: Budget, party: ProjectParty, day: date) -> BudgetLine:
    """The party's line for computing on that day; one of that month without a plan where there is none."""
    lines = BudgetLine.objects.filter(budget=budget, party=party, category=CostCategory.COMPUTE)
    found = lines.filter(starts_on__lte=day, ends_on__gte=day).first()
    if found is not None:
        return found
    return BudgetLine.objects.create(
        budget=budget,
        party=party,
        category=CostCategory.COMPUTE,
        starts_on=day.replace(day=1),
        ends_on=day.replace(day=monthrange(day.year, day.month)[1]),
    )


# --- what the verbs share
def _locked(project: Project) -> Budget:
    if project.state in ENDED:
        raise ConflictError(_("The project has ended; what it says stays as it is."))
    budget_of(project)
    return Budget.objects.select_for_update(of=("self",)).select_related("project").get(project=project)


def _money(amount: Decimal, field: str) -> Decimal:
    amount = Decimal(amount)
    if not amount.is_finite() or amount < 0 or amount > LIMIT:
        raise InvalidError(_("Write an amount from zero."), field=field)
    return amount.quantize(CENT, ROUND_HALF_UP)


def _count(budget: Budget) -> None:
    budget.version += 1
    budget.save(update_fields=["version"])


def _book(budget: Budget, entry: CostEntry) -> None:
    """Add the entry and the sum of its line; the budget is locked, so sums cannot interleave."""
    entry.save(force_insert=True)
    line = BudgetLine.objects.get(pk=entry.line_id)
    line.actual += entry.amount
    line.save(update_fields=["actual"])
    _count(budget)


def _watch(budget: Budget) -> None:
    """Tell once for each threshold that the spending crosses, and again after it fell below."""
    lines = list(budget.lines.values_list("planned", "actual"))
    planned = sum((row[0] for row in lines), Decimal(0))
    actual = sum((row[1] for row in lines), Decimal(0))
    crossed = {n for n in budget.thresholds if planned and actual * 100 >= planned * n}
    told = set(budget.alerts.filter(cleared_at=None).values_list("threshold", flat=True))
    budget.alerts.filter(cleared_at=None).exclude(threshold__in=crossed).update(cleared_at=timezone.now())
    new = sorted(crossed - told)
    BudgetAlert.objects.bulk_create(BudgetAlert(budget=budget, threshold=n) for n in new)
    if new:
        url = budget.project.get_absolute_url() + "budget/"
        people = holders("budget.edit", budget.project_id)
        tell(people, gettext_lazy("The spending of a project reached a threshold of its budget"), url, budget.project)


def burn(budget: Budget) -> list[dict[str, Any]]:
    """Planned and actual by month, each summed up from the beginning."""
    lines = list(budget.lines.values_list("starts_on", "ends_on", "planned"))
    entries = list(CostEntry.objects.filter(line__budget=budget).values_list("on", "amount"))
    days = [day for line in lines for day in line[:2]] + [row[0] for row in entries]
    if not days:
        return []
    rows: list[dict[str, Any]] = []
    month, last = min(days).replace(day=1), max(days)
    while month <= last and len(rows) < 240:
        end = month.replace(day=monthrange(month.year, month.month)[1])
        planned = sum((_until(line, end) for line in lines), Decimal(0))
        actual = sum((amount for on, amount in entries if on <= end), Decimal(0))
        rows.append({"month": month, "planned": planned.quantize(CENT), "actual": actual})
        month = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    return rows


def _until(line: tuple[date, date, Decimal], day: date) -> Decimal:
    """The part of a plan that falls until a day, when it is spent evenly."""
    start, end, planned = line
    if day < start:
        return Decimal(0)
    if day >= end:
        return planned
    return planned * ((day - start).days + 1) / ((end - start).days + 1)
