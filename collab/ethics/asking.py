"""How a case comes into the inbox, and who is told and reminded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Missing
from collab.accounts.models import User
from collab.ethics.models import EthicsCase, EthicsCondition
from collab.ethics.questions import text_of
from collab.ethics.standing import APPEAL, DECISION, near_to
from collab.ethics.states import ROUTE_WORDS, Route
from collab.inbox.models import Request
from collab.inbox.services import ask, notify, settle_obligation
from collab.inbox.states import ObligationKind
from collab.kernel.errors import RefusedError

_deciding: ContextVar[bool] = ContextVar("ethics_is_decided", default=False)


def ask_committee(case: EthicsCase, by: User, *, topic: str = DECISION) -> Request:
    """Let the chairs of the committee decide, within the days of the route; who is silent decides nothing."""
    days = case.committee.full_days if case.route == Route.FULL else case.committee.short_days
    title = gettext_lazy("Ethics: “{title}” waits for a decision")
    if topic == APPEAL:
        title = gettext_lazy("Ethics: the appeal about “{title}” waits for a decision")
    return ask(
        topic=topic,
        subject=case,
        project=case.project,
        organisation=case.committee.organisation,
        word="ethics.preside",
        due_at=timezone.now() + timedelta(days=days),
        title=format_lazy(title, title=case.title),
        by=by,
        data={"round": case.round},
    )


@contextmanager
def deciding() -> Iterator[None]:
    """Within it the verb of the case answers in the inbox."""
    token = _deciding.set(True)
    try:
        yield
    finally:
        _deciding.reset(token)


def only_on_page(request: Request, user: User) -> list[Missing]:
    """One decides where the answers, the advice and the conditions stand, not by a click in the inbox."""
    if _deciding.get():
        return []
    sentence = _("Read the application and decide on its page, with what the decision blocks and until when it holds.")
    return [Missing("decide_on_page", sentence, request.url)]


def only_as_a_whole(request: Request, user: User) -> None:
    """The application is withdrawn on its page."""
    sentence = _("Withdraw the application itself, on its page.")
    raise RefusedError([Missing("withdraw_application", sentence, request.url)])


def not_swayed(request: Request, user: User) -> list[Missing]:
    """Nobody decides about a project of their own, nor an appeal against their own decision."""
    case = case_of(request)
    if case is None:
        return []
    if user.pk in near_to(case):
        text = _("You belong to the project or wrote the application, so somebody else decides.")
        return [Missing("conflict_of_interest", text, request.url)]
    # once it is decided, `decided_by` is who decided the appeal, and confirms the conditions of their own decision
    if request.topic == APPEAL and request.is_open and case.decided_by_id == user.pk:
        text = _("You gave the decision that is appealed, so somebody else decides.")
        return [Missing("own_decision", text, request.url)]
    return []


def conditions_met(request: Request, by: User) -> None:
    """With the last condition, be it confirmed here or in the inbox, none is left in the calendar."""
    rows = EthicsCondition.objects.filter(condition__request=request).select_related("condition")
    for row in rows:
        if row.is_met:
            settle_obligation(source=row, kind=ObligationKind.CONDITION)


def case_of(request: Request) -> EthicsCase | None:
    rows = EthicsCase.objects.select_related("committee__organisation", "project", "form_version__form")
    return rows.filter(pk=request.subject_id).first()


def facts_of(request: Request) -> list[tuple[str, str]]:
    """What one must know before one decides."""
    case = case_of(request)
    if case is None:
        return []
    reasons = " ".join(text_of(reason, "reason") for reason in case.reasons)
    return [
        (_("Questionnaire"), str(case.form_version)),
        (_("Route"), str(ROUTE_WORDS.get(Route(case.route), case.route))),
        (_("Why this route"), reasons or _("No rule asks for the full route.")),
    ]


def tell(case: EthicsCase, title: Any, people: Iterable[User | None], *, but: User | None = None) -> None:
    """`title` is lazy, with a place for {title}."""
    others = [person for person in people if person is not None and (but is None or person.pk != but.pk)]
    notify(
        people=others,
        kind="ethics",
        title=format_lazy(title, title=case.title),
        url=case.get_absolute_url(),
        project=case.project,
    )


def applicants(case: EthicsCase) -> list[User | None]:
    return [case.begun_by, case.submitted_by]
