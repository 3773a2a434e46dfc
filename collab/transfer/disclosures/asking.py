"""Who is asked and told about a case: its inventors, its office, its assessors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime, time
from typing import Any

from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Missing
from collab.access.roles import roles_with
from collab.accounts.models import Membership, User
from collab.inbox.models import Request
from collab.inbox.services import ask, decide_request, lapse_requests, notify
from collab.inbox.states import Decision
from collab.kernel.errors import ConflictError
from collab.transfer.disclosures.models import Assessment, Inventor, TransferCase
from collab.transfer.disclosures.states import CASE_DECISION_WORDS, AssessmentState, CaseDecision

DECISION, ASSESSMENT = "transfer.decision", "transfer.assessment"
_on_page: ContextVar[bool] = ContextVar("transfer_on_its_page", default=False)


# --- telling
def tell(case: TransferCase, title: Any, people: Iterable[User], *, but: User | None) -> None:
    """`title` is lazy, with a place for {case}. Nothing of it stands in the project: other parties do not see cases."""
    others = {person.pk: person for person in people if but is None or person.pk != but.pk}
    if others:
        notify(
            people=others.values(),
            kind="transfer",
            title=format_lazy(title, case=case.disclosure),
            url=case.get_absolute_url(),
        )


def office_of(case: TransferCase) -> list[User]:
    """The officer in charge; before there is one, every officer of the organisation."""
    return [case.officer] if case.officer else holders_in(case, "case.manage")


def holders_in(case: TransferCase, word: str) -> list[User]:
    rows = Membership.objects.filter(
        project=None, organisation=case.organisation_id, role__in=roles_with(word), user__is_active=True
    ).active()
    return list({row.user_id: row.user for row in rows.select_related("user")}.values())


def inventors_of(case: TransferCase) -> list[User]:
    """The inventors with an account, and whoever wrote it down."""
    rows = Inventor.objects.filter(disclosure__case=case, person__isnull=False).select_related("person")
    return list({case.created_by_id: case.created_by, **{row.person_id: row.person for row in rows}}.values())


# --- assessments
def ask_to_assess(assessment: Assessment, by: User) -> Request:
    due = assessment.due_on
    return ask(
        topic=ASSESSMENT,
        subject=assessment,
        organisation=assessment.case.organisation,
        receiver=assessment.assessor,
        due_at=_end_of(due) if due else None,
        title=format_lazy(gettext_lazy("Assess the disclosure “{case}”"), case=assessment.case.disclosure),
        by=by,
    )


def answer_assessment(assessment: Assessment, by: User) -> None:
    """The assessor has given it: what asked for it is answered."""
    row = Request.objects.open().filter(topic=ASSESSMENT, subject_id=str(assessment.pk)).first()
    if row is not None:
        with _as_page():
            decide_request(request=row, decision=Decision.APPROVED, by=by)


def lapse_assessments(assessments: Iterable[Assessment], by: User, reason: str) -> None:
    lapse_requests(topic=ASSESSMENT, subjects=list(assessments), by=by, reason=reason)


def only_on_page(request: Request, user: User) -> list[Missing]:
    """Scores and a recommendation are given on the page of the assessment, not by a click in the inbox."""
    if _on_page.get():
        return []
    return [
        Missing("assess_on_page", _("Give scores and a recommendation on the page of the assessment."), request.url)
    ]


# --- the decision
def ask_for_decision(case: TransferCase, decision: str, reason: str, by: User) -> Request:
    """Somebody else of the office, or an admin, decides; never whoever proposes it."""
    return ask(
        topic=DECISION,
        subject=case,
        organisation=case.organisation,
        word="case.decide",
        title=format_lazy(
            gettext_lazy("Decide on “{case}”: {decision}?"),
            case=case.disclosure,
            decision=CASE_DECISION_WORDS[CaseDecision(decision)],
        ),
        data={"decision": decision, "reason": reason},
        by=by,
    )


def open_decision(case: TransferCase) -> Request | None:
    rows = Request.objects.open().filter(topic=DECISION, subject_id=str(case.pk))
    return rows.select_related("asked_by").first()


def answer_decision(request: Request, by: User, *, agrees: bool, reason: str) -> None:
    decide_request(request=request, decision=Decision.APPROVED if agrees else Decision.RETURNED, by=by, reason=reason)


def lapse_decision(case: TransferCase, by: User, reason: str) -> None:
    lapse_requests(topic=DECISION, subjects=[case], by=by, reason=reason)


def may_decide(request: Request, user: User) -> list[Missing]:
    """An inventor does not decide on their own invention."""
    if Inventor.objects.filter(disclosure__case=request.subject_id, person=user).exists():
        return [Missing("own_invention", _("You are an inventor of it, so somebody else decides."), request.url)]
    return []


def facts_of_decision(request: Request) -> list[tuple[str, Any]]:
    """What one must know before one decides."""
    case = TransferCase.objects.with_rows().filter(pk=request.subject_id).first()
    if case is None:
        return []
    facts: list[tuple[str, Any]] = [
        (_("Case"), case.docket),
        (_("Kind"), case.disclosure.get_kind_display()),
        (_("Proposed"), CASE_DECISION_WORDS[CaseDecision(request.data["decision"])]),
        (_("Why"), request.data.get("reason", "")),
    ]
    rows = case.assessments.filter(state=AssessmentState.SUBMITTED, round=case.round).select_related("assessor")
    facts += [
        (str(row.assessor), _("%(score)s of 10, %(what)s") % {
            "score": row.score, "what": CASE_DECISION_WORDS[CaseDecision(row.recommendation)],
        })
        for row in rows
    ]  # fmt: skip
    return facts


def effect_of_decision(request: Request) -> Any:
    """What a yes does."""
    return _EFFECTS.get(request.data.get("decision", ""), "")


_EFFECTS = {
    CaseDecision.PROTECT: gettext_lazy("The office protects it; applications and their deadlines begin."),
    CaseDecision.RELEASE_OPENLY: gettext_lazy("It may be published and released under an open licence."),
    CaseDecision.RETURN_TO_INVENTORS: gettext_lazy("The organisation keeps no claim; the inventors may use it."),
    CaseDecision.HOLD: gettext_lazy("It rests, and is taken up again when there is more to know."),
}


@contextmanager
def _as_page() -> Iterator[None]:
    token = _on_page.set(True)
    try:
        yield
    finally:
        _on_page.reset(token)


def _end_of(day: date) -> datetime:
    """The last moment of a day."""
    if day < timezone.localdate():
        raise ConflictError(_("This day has passed."), field="due_on")
    return timezone.make_aware(datetime.combine(day, time(23, 59)))
