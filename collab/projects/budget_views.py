"""Pages of the budget: a table to edit, bars and a burn curve, costs, prices, a file for spreadsheets."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from collab.access.policy import allowed, get_or_404
from collab.kernel.errors import NotFoundError
from collab.projects.budget_forms import BudgetForm, BudgetTableForm, CostForm, LineForm, RateForm
from collab.projects.models import Budget, BudgetLine, CostEntry, Project
from collab.projects.services import add_line, book_cost, edit_lines, set_budget, set_training_rate
from collab.projects.services.budget import burn
from collab.projects.tabs import TAB_WORDS, tabs_of
from collab.web.csvs import csv_file
from collab.web.forms import sent, show, submit

COSTS_SHOWN = 20


def _budget(project: Project) -> Budget:
    """The budget, or an empty one that is stored with the first change."""
    return Budget.objects.filter(project=project).first() or Budget(project=project)


def _lines(budget: Budget) -> list[BudgetLine]:
    return list(BudgetLine.objects.filter(budget=budget.pk).select_related("party__organisation", "budget"))


def budget(request: HttpRequest, slug: str) -> HttpResponse:
    word = "budget.edit" if request.method == "POST" else "budget.view"
    project = get_or_404(request.user, word, Project.objects.all(), slug=slug)
    may = allowed(request.user, project, "budget.edit", *TAB_WORDS)
    found = _budget(project)
    lines = _lines(found)
    form = BudgetTableForm(sent(request), lines=lines, initial={"version": found.version})

    def change() -> str:
        edit_lines(project=project, by=request.user, **form.values())
        messages.success(request, _("The budget was saved."))
        return reverse("collab:budget", args=[slug])

    context = {
        "project": project,
        "tabs": tabs_of(project, "budget", may),
        "may_edit": "budget.edit" in may,
        "budget": found,
        "form": form,
        "sums": sums(lines),
        "parties": by_party(lines),
        "costs": CostEntry.objects.filter(line__budget=found.pk).select_related("line__party__organisation")[
            :COSTS_SHOWN
        ],
        "rates": found.rates.all() if not found._state.adding else [],
        "alerts": found.alerts.filter(cleared_at=None) if not found._state.adding else [],
    }
    return submit(request, form, change) or show(request, "collab/projects/budget.html", context, form)


def sums(lines: list[BudgetLine]) -> dict[str, Decimal]:
    """Planned, committed and actual of all lines together, and the part of the plan that is spent."""
    found = {
        name: sum((getattr(line, name) for line in lines), Decimal(0)) for name in ("planned", "committed", "actual")
    }
    percent = found["actual"] * 100 / found["planned"] if found["planned"] else Decimal(0)
    return found | {"left": found["planned"] - found["actual"], "percent": percent}


def by_party(lines: list[BudgetLine]) -> list[dict[str, Any]]:
    """The same for each party, with what the bars are measured by."""
    groups: dict[Any, list[BudgetLine]] = defaultdict(list)
    for line in lines:
        groups[line.party].append(line)
    told = [{"party": party.organisation, **sums(rows)} for party, rows in groups.items()]
    most = max((max(row["planned"], row["committed"], row["actual"]) for row in told), default=Decimal(1))
    return [row | {"most": most or 1} for row in told]


def budget_burn(request: HttpRequest, slug: str) -> JsonResponse:
    """Two series for the curve: planned and actual, summed up month by month."""
    project = get_or_404(request.user, "budget.view", Project.objects.all(), slug=slug)
    found = Budget.objects.filter(project=project).first()
    rows = burn(found) if found else []
    months = list(range(1, len(rows) + 1))
    series = [
        {
            "name": name,
            "label": label,
            "group": found.currency if found else "",
            "x": months,
            "y": [float(row[name]) for row in rows],  # for drawing only; sums are made of decimals
        }
        for name, label in (("planned", _("Planned")), ("actual", _("Actual")))
    ]
    return JsonResponse({"cursor": "0", "finished": True, "series": series if rows else []})


def budget_csv(request: HttpRequest, slug: str) -> HttpResponse:
    project = get_or_404(request.user, "budget.view", Project.objects.all(), slug=slug)
    found = _budget(project)
    head = ["party", "category", "from", "until", "currency", "planned", "committed", "actual", "note"]
    rows = [
        [
            line.party.organisation.name, line.category, line.starts_on, line.ends_on, found.currency,
            line.planned, line.committed, line.actual, line.note,
        ]
        for line in _lines(found)
    ]  # fmt: skip
    return csv_file(f"{project.slug}-budget.csv", [head, *rows])


def budget_line_new(request: HttpRequest, slug: str) -> HttpResponse:
    project = get_or_404(request.user, "budget.edit", Project.objects.all(), slug=slug)
    shown = {"starts_on": project.starts_on, "ends_on": project.ends_on}
    form = LineForm(sent(request), project=project, initial=shown)
    return _formed(
        request, project, form, _("Add a line"), lambda: add_line(project=project, by=request.user, **form.values())
    )


def cost_new(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    project = get_or_404(request.user, "budget.edit", Project.objects.all(), slug=slug)
    lines = BudgetLine.objects.filter(budget__project=project).select_related("budget__project", "party__organisation")
    line = lines.filter(pk=pk).first()
    if line is None:
        raise NotFoundError
    form = CostForm(sent(request))
    title = _("Book a cost on “%(line)s”") % {"line": line}
    return _formed(request, project, form, title, lambda: book_cost(line=line, by=request.user, **form.values()))


def budget_settings(request: HttpRequest, slug: str) -> HttpResponse:
    project = get_or_404(request.user, "budget.edit", Project.objects.all(), slug=slug)
    form = BudgetForm(sent(request), initial=BudgetForm.about(_budget(project)))
    return _formed(
        request, project, form, _("Settings of the budget"),
        lambda: set_budget(project=project, by=request.user, **form.cleaned_data),
    )  # fmt: skip


def training_rate_new(request: HttpRequest, slug: str) -> HttpResponse:
    project = get_or_404(request.user, "budget.edit", Project.objects.all(), slug=slug)
    form = RateForm(sent(request))
    return _formed(
        request, project, form, _("Set the price of training"),
        lambda: set_training_rate(project=project, by=request.user, **form.values()),
    )  # fmt: skip


def _formed(request: HttpRequest, project: Project, form: Any, title: str, verb: Any) -> HttpResponse:
    back = reverse("collab:budget", args=[project.slug])

    def save() -> str:
        verb()
        messages.success(request, _("Saved."))
        return back

    context = {"form": form, "project": project, "title": title, "back": back, "back_label": _("Budget")}
    return submit(request, form, save) or show(request, "collab/projects/form.html", context, form)
