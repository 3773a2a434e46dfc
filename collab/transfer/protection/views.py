"""Pages of families, protections, deadlines, costs and counsel."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import allowed, get_or_404, visible_to
from collab.accounts.models import Organisation
from collab.audit.models import AuditEvent
from collab.kernel.errors import NotFoundError
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.disclosures.states import ENDED
from collab.transfer.protection.counting import Rules
from collab.transfer.protection.forms import (
    CorrectForm,
    CostForm,
    CounselEditForm,
    CounselForm,
    DeadlineEditForm,
    DeadlineFilter,
    DeadlineForm,
    FamilyEditForm,
    FamilyForm,
    FunderEditForm,
    FunderForm,
    MemberEditForm,
    MemberForm,
    MoveForm,
    PayForm,
    ProtectionFilter,
    ReasonForm,
    SettleForm,
    WaiveForm,
)
from collab.transfer.protection.models import Counsel, Family, Protection, ProtectionCost
from collab.transfer.protection.offers import Offer
from collab.transfer.protection.rules import Deadline, DeadlineRuleSet, FunderRules
from collab.transfer.protection.services import (
    add_cost,
    add_counsel,
    add_deadline,
    add_protection,
    begin_family,
    cancel_cost,
    change_deadline,
    choose_funder_rules,
    correct_protection,
    drop_funder_rules,
    edit_counsel,
    edit_family,
    edit_funder_rules,
    edit_protection,
    meet_deadline,
    move_protection,
    pay_cost,
    reopen_deadline,
    waive_deadline,
)
from collab.transfer.protection.states import (
    CORRECTIONS,
    ENDING_MOVES,
    MOVE_WORDS,
    PROTECTION_MOVES,
    DeadlineState,
    moves_of,
)
from collab.transfer.rooms import rooms_of
from collab.web.forms import act, sent, show, submit
from collab.web.history import timeline
from collab.web.pagination import page_of

SOON_SHOWN = 8
HISTORY_SHOWN = 20


# --- lists
def protections(request: HttpRequest) -> HttpResponse:
    """Every protection of the organisations whose cases one may see."""
    rows = (
        Protection.objects.visible_to(request.user)
        .with_rows()
        .order_by("family__case__docket", "family__number", "created_at")
    )
    found = ProtectionFilter(request.GET, queryset=rows)
    context = {"page": page_of(request, found.qs), "filter": found, "rooms": rooms_of(request.user, "protections")}
    return show(request, "collab/transfer/protection/protections.html", context)


def deadlines(request: HttpRequest) -> HttpResponse:
    """What falls due, the nearest first; without a filter only what is open."""
    rows = Deadline.objects.visible_to(request.user).shown().with_names()
    if not request.GET.get("state"):
        rows = rows.open()
    found = DeadlineFilter(request.GET, queryset=rows)
    context = {"page": page_of(request, found.qs), "filter": found, "rooms": rooms_of(request.user, "deadlines")}
    return show(request, "collab/transfer/protection/deadlines.html", context)


# --- a case and its families
def case_protection(request: HttpRequest, pk: UUID) -> HttpResponse:
    """How the result of a case is protected: families, what falls due, what it cost, where it is offered."""
    case = get_or_404(request.user, "case.view", TransferCase.objects.with_rows(), pk=pk)
    families = list(Family.objects.filter(case=case).with_all())
    may = allowed(request.user, case, "protection.manage", "offer.manage")
    context = {
        "case": case,
        "families": families,
        "deadlines": list(Deadline.objects.filter(case=case).shown().with_names().order_by("due_on")),
        "chosen": list(FunderRules.objects.filter(case=case, ended_at=None)),
        "names": _names_of_rules(case),
        "costs": sums_of(ProtectionCost.objects.filter(protection__family__case=case).standing()),
        "offers": Offer.objects.filter(case=case),
        "may": may,
        "may_add_deadline": "protection.manage" in may and case.state not in ENDED,
        "today": timezone.localdate(),
    }
    for row in context["chosen"]:
        row.name = context["names"].get(row.code, row.code)
    return show(request, "collab/transfer/protection/case.html", context)


def _names_of_rules(case: TransferCase) -> dict[str, str]:
    rows = DeadlineRuleSet.objects.of(case.organisation_id).order_by("code", "number")
    return {row.code: str(row) for row in rows}


def sums_of(costs: Any) -> list[dict[str, Any]]:
    """What was spent, paid and repaid, in each currency by itself."""
    found: dict[str, dict[str, Decimal]] = defaultdict(
        lambda: {"amount": Decimal(0), "paid": Decimal(0), "repaid": Decimal(0)}
    )
    for cost in costs:
        told = found[cost.currency]
        told["amount"] += cost.amount
        told["paid"] += cost.amount if cost.paid_on else 0
        told["repaid"] += cost.repaid_amount
    return [{"currency": currency, **told} for currency, told in sorted(found.items())]


def family_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = _case(request, pk)
    disclosure = getattr(case, "disclosure", None)
    shown = {"title": disclosure.title, "title_zh": disclosure.title_zh} if disclosure else {}
    form = FamilyForm(sent(request), initial=shown)

    def begin() -> str:
        made = begin_family(case=case, by=request.user, **form.values())
        return reverse("collab:protection_new", args=[made.pk])

    return _form(
        request, case, form, begin, _("Begin a family"), lead=_("All that protects one result, wherever and however.")
    )


def family(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = get_or_404(request.user, "case.view", Family.objects.with_all(), pk=pk)
    context = {
        "family": found,
        "case": found.case,
        "deadlines": Deadline.objects.filter(protection__family=found).shown().with_names(),
        "costs": sums_of(ProtectionCost.objects.filter(protection__family=found).standing()),
        "may": allowed(request.user, found, "protection.manage"),
    }
    return show(request, "collab/transfer/protection/family.html", context)


def family_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = get_or_404(request.user, "protection.manage", Family.objects.with_all(), pk=pk)
    shown = {name: getattr(found, name) for name in ("title", "title_zh", "note", "version")}
    form = FamilyEditForm(sent(request), initial=shown)

    def change() -> str:
        edit_family(family=found, by=request.user, **form.cleaned_data)
        messages.success(request, _("Saved."))
        return found.get_absolute_url()

    return _form(request, found.case, form, change, _("Change the family"), back=found.get_absolute_url())


# --- members
def protection_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = get_or_404(request.user, "protection.manage", Family.objects.with_all(), pk=pk)
    form = MemberForm(sent(request), family=found)

    def add() -> str:
        made = add_protection(family=found, by=request.user, **form.values())
        if made.jurisdiction and not Rules(found.case.organisation_id).of_office(made.jurisdiction):
            text = _("Entered. No rules are entered for %(where)s: enter deadlines by hand or publish rules.")
            messages.warning(request, text % {"where": made.jurisdiction})
        else:
            messages.success(request, _("Entered. Its deadlines are counted and stand in the calendar."))
        return made.get_absolute_url()

    lead = _("Enter the days that lie behind it; leave them empty while it is planned.")
    return _form(request, found.case, form, add, _("Add a member"), lead=lead, back=found.get_absolute_url())


def protection(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Where one protection stands, what falls due for it, what it cost."""
    found = get_or_404(request.user, "case.view", Protection.objects.with_all(), pk=pk)
    rows = list(found.deadlines.all().shown().select_related("rule__rule_set", "settled_by"))
    open_rows = [row for row in rows if row.state == DeadlineState.OPEN]
    may = allowed(request.user, found, "protection.manage", "audit.view")
    moves = [move for move in PROTECTION_MOVES.open_from(found.status) if move in moves_of(found.kind)]
    moves = [
        move for move in moves if move not in {"restore", "revive"} or (move == "restore") == bool(found.granted_on)
    ]
    costs = list(found.costs.select_related("counsel"))
    context = {
        "protection": found,
        "family": found.family,
        "case": found.family.case,
        "next": min(open_rows, key=lambda row: row.due_on, default=None),
        "deadlines": rows,
        "costs": costs,
        "sums": sums_of(cost for cost in costs if cost.cancelled_at is None),
        "children": found.children.all(),
        "moves": [
            {
                "label": MOVE_WORDS[move],
                "url": reverse("collab:protection_move", args=[found.pk, move]),
                "ends": move in ENDING_MOVES,
            }
            for move in moves
        ],
        "may": may,
        "may_manage": "protection.manage" in may,
        "may_add_deadline": "protection.manage" in may and found.family.case.state not in ENDED,
        "may_correct": "protection.manage" in may and found.status in CORRECTIONS,
        "today": timezone.localdate(),
    }
    if "audit.view" in may:
        context["history"] = timeline(_history(found, rows))
    return show(request, "collab/transfer/protection/protection.html", context)


def _history(found: Protection, rows: list[Deadline]) -> Any:
    subjects = [str(found.pk), *(str(row.pk) for row in rows)]
    return AuditEvent.objects.filter(
        organisation_id=found.family.case.organisation_id, subject_id__in=subjects
    ).order_by("-id")[:HISTORY_SHOWN]


def protection_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = _protection(request, pk)
    shown = {name: getattr(found, name) for name in MemberEditForm.base_fields}
    shown |= {"parent": found.parent, "counsel": found.counsel}
    form = MemberEditForm(sent(request), protection=found, initial=shown)

    def change() -> str:
        edit_protection(protection=found, by=request.user, **form.cleaned_data)
        messages.success(request, _("Saved; the deadlines were counted anew."))
        return found.get_absolute_url()

    return _form(
        request,
        found.family.case,
        form,
        change,
        _("Change the protection"),
        lead=str(found),
        back=found.get_absolute_url(),
    )


def protection_move(request: HttpRequest, pk: UUID, move: str) -> HttpResponse:
    found = _protection(request, pk)
    if move not in PROTECTION_MOVES.table or move not in moves_of(found.kind):
        raise NotFoundError
    form = MoveForm(sent(request), move=move, initial={"version": found.version})

    def go() -> str:
        move_protection(protection=found, move=move, by=request.user, **form.cleaned_data)
        messages.success(request, _("Recorded; the deadlines were counted anew."))
        return found.get_absolute_url()

    return _form(
        request,
        found.family.case,
        form,
        go,
        str(form.title),
        lead=str(found),
        back=found.get_absolute_url(),
        tone="danger" if move in ENDING_MOVES else "primary",
    )


def protection_correct(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = _protection(request, pk)
    form = CorrectForm(sent(request), initial={"version": found.version})

    def correct() -> str:
        correct_protection(protection=found, by=request.user, **form.cleaned_data)
        messages.success(request, _("Taken back; the deadlines were counted anew."))
        return found.get_absolute_url()

    return _form(
        request, found.family.case, form, correct, _("Take back what was entered last"),
        lead=_("For a mistake: the day and the number of the last step are taken away. What happened is a step."),
        back=found.get_absolute_url(), tone="danger",
    )  # fmt: skip


# --- deadlines
def deadline_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = _case(request, pk)
    form = DeadlineForm(sent(request), case=case, initial={"protection": request.GET.get("protection", "")[:40]})

    def add() -> str:
        made = add_deadline(case=case, by=request.user, **form.values())
        messages.success(request, _("It stands in the calendar."))
        return made.get_absolute_url()

    return _form(request, case, form, add, _("Add a deadline"))


def deadline_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = _deadline(request, pk)
    names = ("title", "title_zh", "due_on", "obligation", "escalate_days", "note", "version")
    form = DeadlineEditForm(sent(request), initial={name: getattr(found, name) for name in names})

    def change() -> str:
        change_deadline(deadline=found, by=request.user, **form.cleaned_data)
        messages.success(request, _("Saved."))
        return found.get_absolute_url()

    return _form(request, found.case, form, change, _("Change the deadline"), back=found.get_absolute_url())


def deadline_meet(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = _deadline(request, pk)
    form = SettleForm(sent(request))

    def settle() -> str:
        meet_deadline(deadline=found, by=request.user, **form.cleaned_data)
        messages.success(request, _("Done, and out of the calendar."))
        return found.get_absolute_url()

    return _form(request, found.case, form, settle, _("It is done"), lead=str(found), back=found.get_absolute_url())


def deadline_waive(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = _deadline(request, pk)
    form = WaiveForm(sent(request))

    def settle() -> str:
        waive_deadline(deadline=found, by=request.user, **form.cleaned_data)
        messages.success(request, _("Recorded with its reason."))
        return found.get_absolute_url()

    return _form(
        request, found.case, form, settle, _("It is not done, on purpose"), lead=str(found),
        back=found.get_absolute_url(), tone="danger",
    )  # fmt: skip


def deadline_reopen(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = _deadline(request, pk)
    return act(
        request,
        lambda: reopen_deadline(deadline=found, by=request.user),
        to=found.get_absolute_url(),
        said=_("It is open again."),
    )


# --- funders
def funder_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = _case(request, pk)
    form = FunderForm(sent(request), case=case)

    def choose() -> str:
        choose_funder_rules(case=case, by=request.user, **form.values())
        messages.success(request, _("Its deadlines are counted and stand in the calendar."))
        return _of_case(case)

    return _form(
        request, case, form, choose, _("Choose the rules of a funder"),
        lead=_("Where public or private money paid for the work, its rules ask for reports and elections in time."),
    )  # fmt: skip


def funder_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = _funder(request, pk)
    names = ("award", "reported_on", "elected_on", "version")
    form = FunderEditForm(sent(request), initial={name: getattr(found, name) for name in names})

    def change() -> str:
        edit_funder_rules(chosen=found, by=request.user, **form.cleaned_data)
        messages.success(request, _("Saved; the deadlines were counted anew."))
        return _of_case(found.case)

    return _form(request, found.case, form, change, _("Dates for the funder"), lead=found.code)


def funder_drop(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = _funder(request, pk)
    return act(
        request,
        lambda: drop_funder_rules(chosen=found, by=request.user),
        to=_of_case(found.case),
        said=_("These rules count no more."),
    )


# --- money
def protection_cost_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = _protection(request, pk)
    form = CostForm(sent(request), protection=found, initial={"counsel": found.counsel_id})

    def add() -> str:
        add_cost(protection=found, by=request.user, **form.values())
        messages.success(request, _("The cost is entered."))
        return found.get_absolute_url()

    return _form(
        request, found.family.case, form, add, _("Enter a cost"), lead=str(found), back=found.get_absolute_url()
    )


def protection_cost_pay(request: HttpRequest, pk: UUID) -> HttpResponse:
    cost = _cost(request, pk)
    form = PayForm(sent(request), initial={"version": cost.version})

    def pay() -> str:
        pay_cost(cost=cost, by=request.user, **form.cleaned_data)
        messages.success(request, _("Paid; from now on income can repay it."))
        return cost.protection.get_absolute_url()

    back = cost.protection.get_absolute_url()
    return _form(request, cost.protection.family.case, form, pay, _("It is paid"), lead=str(cost), back=back)


def protection_cost_cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    cost = _cost(request, pk)
    form = ReasonForm(sent(request))

    def cancel() -> str:
        cancel_cost(cost=cost, by=request.user, **form.cleaned_data)
        messages.success(request, _("The cost is cancelled."))
        return cost.protection.get_absolute_url()

    back = cost.protection.get_absolute_url()
    return _form(
        request,
        cost.protection.family.case,
        form,
        cancel,
        _("Cancel the cost"),
        lead=str(cost),
        back=back,
        tone="danger",
    )


# --- counsel
def counsel(request: HttpRequest) -> HttpResponse:
    rows = visible_to(request.user, "case.view", Counsel.objects.select_related("organisation"))
    context = {
        "page": page_of(request, rows.order_by("-is_active", "name")),
        "may_add": _houses(request).exists(),
        "manages": set(_houses(request).values_list("pk", flat=True)),
        "rooms": rooms_of(request.user, "counsel"),
    }
    return show(request, "collab/transfer/protection/counsel.html", context)


def counsel_new(request: HttpRequest) -> HttpResponse:
    form = CounselForm(sent(request), houses=_houses(request))

    def add() -> str:
        add_counsel(by=request.user, **form.values())
        messages.success(request, _("Entered."))
        return reverse("collab:counsel")

    return _plain_form(request, form, add, _("Enter counsel"), reverse("collab:counsel"))


def counsel_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = get_or_404(request.user, "protection.manage", Counsel.objects.all(), pk=pk)
    names = ("name", "firm", "email", "phone", "jurisdictions", "note", "is_active", "version")
    houses = Organisation.objects.filter(pk=found.organisation_id)
    form = CounselEditForm(sent(request), houses=houses, initial={name: getattr(found, name) for name in names})

    def change() -> str:
        given = form.values()
        given.pop("organisation")
        edit_counsel(counsel=found, by=request.user, **given)
        messages.success(request, _("Saved."))
        return reverse("collab:counsel")

    return _plain_form(request, form, change, _("Change counsel"), reverse("collab:counsel"), lead=str(found))


# --- what the pages share
def _houses(request: HttpRequest) -> Any:
    """The organisations whose protections the person manages."""
    return visible_to(request.user, "protection.manage", Organisation.objects.order_by("name"))


def _case(request: HttpRequest, pk: UUID) -> TransferCase:
    return get_or_404(request.user, "protection.manage", TransferCase.objects.with_rows(), pk=pk)


def _protection(request: HttpRequest, pk: UUID) -> Protection:
    return get_or_404(request.user, "protection.manage", Protection.objects.with_rows(), pk=pk)


def _deadline(request: HttpRequest, pk: UUID) -> Deadline:
    return get_or_404(request.user, "protection.manage", Deadline.objects.with_names(), pk=pk)


def _funder(request: HttpRequest, pk: UUID) -> FunderRules:
    rows = FunderRules.objects.select_related("case__organisation", "case__disclosure")
    return get_or_404(request.user, "protection.manage", rows, pk=pk)


def _cost(request: HttpRequest, pk: UUID) -> ProtectionCost:
    rows = ProtectionCost.objects.select_related(
        "protection__family__case__disclosure", "protection__family__case__organisation"
    )
    return get_or_404(request.user, "protection.manage", rows, pk=pk)


def _of_case(case: TransferCase) -> str:
    return reverse("collab:case_protection", args=[case.pk])


def _form(
    request: HttpRequest,
    case: TransferCase,
    form: Any,
    done: Any,
    title: str,
    *,
    lead: str = "",
    back: str = "",
    tone: str = "primary",
) -> HttpResponse:
    context = {"form": form, "case": case, "title": title, "lead": lead, "back": back or _of_case(case), "tone": tone}
    return submit(request, form, done) or show(request, "collab/transfer/protection/form.html", context, form)


def _plain_form(request: HttpRequest, form: Any, done: Any, title: str, back: str, *, lead: str = "") -> HttpResponse:
    context = {"form": form, "title": title, "lead": lead, "back": back, "tone": "primary"}
    return submit(request, form, done) or show(request, "collab/transfer/protection/form.html", context, form)
