"""Pages of start-ups: the list, one with who holds which part of it, and its forms."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from collab.access.policy import allowed, get_or_404, visible_to
from collab.accounts.models import Organisation
from collab.audit.models import AuditEvent
from collab.kernel.errors import NotFoundError
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.portfolio.forms import (
    FIELDS,
    EquityForm,
    StartUpEditForm,
    StartUpFilter,
    StartUpForm,
    StartUpMoveForm,
)
from collab.transfer.portfolio.models import StartUp
from collab.transfer.portfolio.services import change_equity, edit_startup, found_startup, move_startup
from collab.transfer.portfolio.states import MOVE_WORDS, STARTUP_MOVES, StartUpState
from collab.transfer.rooms import rooms_of
from collab.web.forms import sent, show, submit
from collab.web.history import timeline
from collab.web.pagination import page_of

HISTORY_SHOWN = 20


def startups(request: HttpRequest) -> HttpResponse:
    """Every start-up of the organisations whose start-ups one may see."""
    found = StartUpFilter(request.GET, queryset=StartUp.objects.visible_to(request.user).with_rows())
    context = {
        "page": page_of(request, found.qs),
        "filter": found,
        "may_add": _houses(request).exists(),
        "rooms": rooms_of(request.user, "startups"),
    }
    return show(request, "collab/transfer/portfolio/startups.html", context)


def startup(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Where one start-up stands, what it builds on, and who holds which part of it since when."""
    found = get_or_404(request.user, "startup.view", StartUp.objects.with_rows(), pk=pk)
    may = allowed(request.user, found, "startup.manage", "audit.view")
    rows = list(found.holdings.all())
    context = {
        "startup": found,
        "cases": visible_to(request.user, "case.view", TransferCase.objects.filter(startups=found)).with_rows(),
        "held": found.held(),
        "rows": rows[::-1],
        "moves": [
            {"label": MOVE_WORDS[move], "url": reverse("collab:startup_move", args=[found.pk, move]), "move": move}
            for move in STARTUP_MOVES.open_from(found.state)
        ],
        "closed": found.state == StartUpState.CLOSED,
        "may": may,
    }
    if "audit.view" in may:
        history = AuditEvent.objects.filter(organisation_id=found.organisation_id, subject_id=str(found.pk))
        context["history"] = timeline(history.order_by("-id")[:HISTORY_SHOWN])
    return show(request, "collab/transfer/portfolio/startup.html", context)


def startup_new(request: HttpRequest) -> HttpResponse:
    form = StartUpForm(sent(request), user=request.user, houses=_houses(request))

    def found() -> str:
        made = found_startup(by=request.user, **form.values())
        messages.success(request, _("Entered. Say next who holds which part of it."))
        return made.get_absolute_url()

    return _form(request, None, form, found, _("Enter a start-up"))


def startup_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _managed(request, pk)
    shown = {name: getattr(row, name) for name in FIELDS if name not in {"cases", "founders"}}
    shown |= {"cases": row.cases.all(), "founders": row.founders.all(), "version": row.version}
    form = StartUpEditForm(sent(request), user=request.user, startup=row, initial=shown)

    def change() -> str:
        edit_startup(startup=row, by=request.user, **form.cleaned_data)
        messages.success(request, _("Saved."))
        return row.get_absolute_url()

    return _form(request, row, form, change, _("Change the start-up"))


def startup_move(request: HttpRequest, pk: UUID, move: str) -> HttpResponse:
    row = _managed(request, pk)
    if move not in STARTUP_MOVES.table:
        raise NotFoundError
    form = StartUpMoveForm(sent(request), move=move, initial={"version": row.version})

    def go() -> str:
        move_startup(startup=row, move=move, by=request.user, **form.cleaned_data)
        return row.get_absolute_url()

    return _form(request, row, form, go, str(form.title), tone="danger" if move == "close" else "primary")


def equity_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _managed(request, pk)
    shown = {"version": row.version, "holder": row.organisation_id}
    form = EquityForm(sent(request), user=request.user, startup=row, initial=shown)

    def change() -> str:
        change_equity(startup=row, by=request.user, **form.cleaned_data)
        messages.success(request, _("Saved."))
        return row.get_absolute_url()

    lead = _("Every change is a row of its own: what the holder has from that day, also after a dilution.")
    return _form(request, row, form, change, _("Enter a share"), lead=lead)


# --- what the pages share
def _houses(request: HttpRequest) -> Any:
    """The organisations whose start-ups the person enters."""
    return visible_to(request.user, "startup.manage", Organisation.objects.order_by("name"))


def _managed(request: HttpRequest, pk: UUID) -> StartUp:
    return get_or_404(request.user, "startup.manage", StartUp.objects.with_rows(), pk=pk)


def _form(
    request: HttpRequest,
    row: StartUp | None,
    form: Any,
    done: Any,
    title: str,
    *,
    lead: str = "",
    tone: str = "primary",
) -> HttpResponse:
    back = row.get_absolute_url() if row else reverse("collab:startups")
    context = {"form": form, "startup": row, "title": title, "lead": lead, "back": back, "tone": tone}
    return submit(request, form, done) or show(request, "collab/transfer/portfolio/form.html", context, form)
