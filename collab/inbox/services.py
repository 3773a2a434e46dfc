"""Verbs on requests: ask, decide, withdraw, comment, advise, hand over, meet a condition.

Silence never decides: what is overdue is reminded of and climbs (collab.inbox.reminding).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Missing, require
from collab.access.roles import WORDS
from collab.accounts.models import Organisation, User
from collab.audit.services import record
from collab.inbox.models import Comment, Condition, HandOver, Request, Reviewer
from collab.inbox.notices import both, choose_mail, mark_read, notify, notify_each, of_row
from collab.inbox.obligations import set_obligation, settle_obligation
from collab.inbox.standing import Standing, instead_of
from collab.inbox.states import DECIDED, NEEDS_REASON, REQUEST_MOVES, Decision, Level, Opinion, RequestState
from collab.inbox.topics import TOPICS, Topic, register_topic
from collab.kernel.errors import ConflictError, InvalidError, RefusedError
from collab.kernel.names import DisplayNameValidator, PlainTextValidator

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

__all__ = [
    "add_reviewer",
    "advise",
    "ask",
    "ask_question",
    "choose_mail",
    "climb",
    "comment_on",
    "decide_request",
    "hand_over",
    "lapse_requests",
    "mark_read",
    "meet_condition",
    "notify",
    "notify_each",
    "set_obligation",
    "settle_obligation",
    "withdraw_request",
]


@transaction.atomic
def ask(
    *,
    topic: str,
    subject: models.Model,
    title: StrOrPromise,
    by: User,
    project: models.Model | None = None,
    organisation: Organisation | None = None,
    word: str = "",
    receiver: User | None = None,
    reviewers: Iterable[User] = (),
    due_at: datetime | None = None,
    data: dict[str, Any] | None = None,
    title_zh: str = "",
    url: str = "",
) -> Request:
    """Ask for a decision. Called inside the verb of the subject's room, which has asked the policy for its own word.

    Whoever holds `word` in `organisation` (without one: in `project`) answers, or the named `receiver`. When nobody
    can, the request climbs at once.
    """
    spec = TOPICS[topic]
    if word and word not in WORDS:
        raise KeyError(f"{word!r} is no permission word; collab/access/roles.py lists them")
    now = timezone.now()
    if due_at is None and spec.due_days is not None:
        due_at = now + timedelta(days=spec.due_days)
    if due_at is not None and due_at <= now:
        raise InvalidError(_("It would be due before it is asked."), field="due_at")
    english, chinese = both(title, title_zh)
    request = Request(
        topic=topic,
        subject_type=subject._meta.label_lower,
        subject_id=str(subject.pk),
        title=english,
        title_zh=chinese,
        url=url or _page_of(subject),
        project=project,  # type: ignore[misc]
        organisation=organisation,
        word=word,
        receiver=receiver,
        asked_by=by,
        due_at=due_at,
        data=data or {},
    )
    request.save()
    record_act("ask", request, by)
    _add_reviewers(request, reviewers, by)
    standing = Standing(now)
    people = [answerer.user for answerer in standing.who_can_answer(request)]
    if people:
        notify(people=people, kind="request", **of_row(request, gettext_lazy("Waits for you: %(title)s")))
    else:
        climb(request=request, standing=standing)
    return request


@transaction.atomic
def ask_question(
    *,
    project: models.Model,
    title: str,
    by: User,
    text: str = "",
    organisation: Organisation | None = None,
    due_at: datetime | None = None,
) -> Request:
    """Ask the leads of a project for a decision, or the admins of one of its parties."""
    require(by, "request.ask", project)
    if organisation is not None and not organisation.project_parties.filter(project=project.pk, left_on=None).exists():
        raise InvalidError(_("%(name)s is not a party of this project.") % {"name": organisation}, field="organisation")
    for value, field, validate in ((title, "title", DisplayNameValidator()), (text, "text", PlainTextValidator())):
        try:
            validate(value)
        except ValidationError as fault:
            raise InvalidError(" ".join(fault.messages), field=field) from None
    return ask(
        topic=QUESTION,
        subject=project,
        title=title,
        by=by,
        project=project,
        organisation=organisation,
        word="project.edit" if organisation is None else "organisation.manage",
        due_at=due_at,
        data={"text": text.strip()} if text.strip() else {},
    )


QUESTION = "inbox.question"
register_topic(
    Topic(
        QUESTION,
        gettext_lazy("Question"),
        decisions=tuple(Decision),
        effect=lambda request: gettext_lazy("Whoever asked is told your answer; nothing else changes by itself."),
        asker_meets_conditions=True,
    )
)


@transaction.atomic
def decide_request(
    *, request: Request, decision: str, by: User, reason: str = "", conditions: Sequence[str] = ()
) -> Request:
    """Decide it, for oneself or for the person one stands in for; the topic's hook runs in the same transaction.

    Raises ConflictError naming who decided what when somebody was faster, InvalidError without a reason that is needed.
    """
    require(by, "request.answer", request)
    locked = Request.objects.locked().get(pk=request.pk)
    spec = locked.spec
    state = _require_open(decision, locked) if decision in set(Decision) else None
    if state is None or decision not in spec.decisions:
        raise InvalidError(_("Choose one of the decisions offered."), field="decision")
    missing = spec.refusals(locked, by)
    if missing:
        raise RefusedError(missing)
    texts = [text.strip() for text in conditions if text.strip()]
    _check_answer(decision, reason, texts)
    locked.state = state
    locked.decided_by, locked.decided_at = by, timezone.now()
    locked.decided_for = instead_of(by, locked)
    locked.reason = reason.strip()
    locked.nobody_since = None
    locked.require_clean(exclude=["title", "url"])
    locked.save()
    for number, text in enumerate(texts, start=1):
        condition = Condition(request=locked, number=number, text=text)
        condition.require_clean()
        condition.save()
    told = {"instead_of": str(locked.decided_for_id)} if locked.decided_for_id else {}
    record_act("decide", locked, by, decision=decision, conditions=len(texts), **told)
    waits = decision == Decision.APPROVED_WITH_CONDITIONS and spec.waits_for_conditions
    if spec.on_decided is not None and not waits:
        spec.on_decided(locked, by)
    _tell(locked, "decision", [locked.asked_by], by, SAID[Decision(decision)])
    return locked


@transaction.atomic
def withdraw_request(*, request: Request, by: User, reason: str = "") -> Request:
    """Take back what one asked; those it waited for need not answer any more."""
    require(by, "request.withdraw", request)
    locked = Request.objects.locked().get(pk=request.pk)
    locked.state = _require_open("withdraw", locked)
    locked.reason = reason.strip()
    locked.nobody_since = None
    locked.require_clean(exclude=["title", "url"])
    locked.save()
    record_act("withdraw", locked, by)
    if locked.spec.on_withdrawn is not None:
        locked.spec.on_withdrawn(locked, by)
    return locked


@transaction.atomic
def lapse_requests(
    *,
    topic: str,
    subjects: Iterable[models.Model],
    by: User | None,
    reason: StrOrPromise = "",
    wait: bool = True,
    organisations: Iterable[UUID] | None = None,
) -> int:
    """Close what is still asked about these objects: the matter has moved on, so nobody need answer any more.

    `reason`: a lazy sentence is kept as the code has it; `Request.told_reason` gives it in the language of the reader.
    `by` is None where a day that came has moved it on; `organisations`: only what these were asked.

    Called inside the verb of the subject's room. Without `wait`, raises OperationalError (on PostgreSQL) where somebody
    is answering at this moment, instead of waiting for them.
    """
    keys = [str(subject.pk) for subject in subjects]
    rows = Request.objects.open().filter(topic=topic, subject_id__in=keys).order_by("pk")
    if organisations is not None:
        rows = rows.filter(organisation__in=organisations)
    locked = list(rows.select_for_update(of=("self",), nowait=not wait).with_names())
    with translation.override("en"):
        kept = str(reason)
    for row in locked:
        row.state = _require_open("withdraw", row)
        row.reason, row.nobody_since = kept, None
        row.save(update_fields=["state", "reason", "nobody_since"])
        record_act("withdraw", row, by)
    return len(locked)


@transaction.atomic
def comment_on(*, request: Request, by: User, text: str) -> Comment:
    """Say something about a request; all who take part are told."""
    require(by, "request.comment", request)
    comment = Comment(request=request, user=by, text=text.strip())
    comment.require_clean()
    comment.save()
    record_act("comment", request, by)
    said = [row.user for row in request.comments.select_related("user")]
    advising = [row.user for row in request.reviewers.select_related("user")]
    answering = [answerer.user for answerer in Standing().who_can_answer(request)] if request.is_open else []
    people = [request.asked_by, *said, *advising, *answering]
    _tell(request, "comment", people, by, gettext_lazy("%(person)s commented: %(title)s"))
    return comment


@transaction.atomic
def add_reviewer(*, request: Request, user: User, by: User) -> Reviewer:
    """Ask for somebody's advice; they do not decide."""
    require(by, "request.direct", request)
    locked = Request.objects.locked().get(pk=request.pk)
    _require_open("direct", locked)
    if not _is_near(user, locked):
        raise InvalidError(
            _("%(person)s belongs neither to the project nor to those who are asked.") % {"person": user},
            field="person",
        )
    return _add_reviewers(locked, [user], by, told=True)[0]


@transaction.atomic
def advise(*, request: Request, by: User, opinion: str, text: str = "") -> Reviewer:
    """Give the advice that was asked for; it may be given anew until the request is decided."""
    require(by, "request.advise", request)
    locked = Request.objects.locked().get(pk=request.pk)
    _require_open("advise", locked)
    if opinion not in set(Opinion):
        raise InvalidError(_("Choose one of the opinions."), field="opinion")
    reviewer = Reviewer.objects.get(request=locked, user=by)
    reviewer.opinion, reviewer.text, reviewer.advised_at = opinion, text.strip(), timezone.now()
    reviewer.require_clean()
    reviewer.save()
    record_act("advise", locked, by, opinion=opinion)
    people = [answerer.user for answerer in Standing().who_can_answer(locked)]
    _tell(locked, "comment", people, by, gettext_lazy("%(person)s advised: %(title)s"))
    return reviewer


@transaction.atomic
def hand_over(*, request: Request, to: User, by: User, reason: str = "") -> Request:
    """Let another person answer this one request; whoever could answer before still can."""
    require(by, "request.direct", request)
    locked = Request.objects.locked().get(pk=request.pk)
    _require_open("direct", locked)
    if not locked.spec.delegable:
        raise RefusedError([Missing("not_delegable", _("This is decided in person and cannot be handed over."))])
    if to.pk == locked.asked_by_id and not locked.spec.asker_may_decide:
        raise InvalidError(_("%(person)s asked this, so somebody else decides.") % {"person": to}, field="person")
    if not _belongs(to, locked):
        raise InvalidError(_("%(person)s does not act for those who are asked.") % {"person": to}, field="person")
    hand = HandOver(request=locked, by=by, to=to, reason=reason.strip())
    hand.require_clean()
    hand.save()
    locked.receiver = to
    locked.nobody_since = None
    locked.save(update_fields=["receiver", "nobody_since"])
    record_act("hand_over", locked, by, user=str(to.pk))
    _tell(locked, "request", [to], by, gettext_lazy("%(person)s hands to you: %(title)s"))
    return locked


@transaction.atomic
def meet_condition(*, condition: Condition, by: User, evidence: str) -> Condition:
    """Say that a condition is met, and by what. With the last one the topic's hook runs, if it waited."""
    request = condition.request
    require(by, "request.meet", request)
    locked = Request.objects.locked().get(pk=request.pk)
    REQUEST_MOVES.require("meet", locked.state, what=str(locked))
    if locked.spec.may_answer is not None and by.pk != locked.asked_by_id:
        swayed = locked.spec.may_answer(locked, by)
        if swayed:  # whoever could not have decided does not confirm either
            raise RefusedError(list(swayed))
    held = locked.conditions.select_related("met_by").get(pk=condition.pk)
    if held.is_met:
        raise ConflictError(_("%(person)s said already that this is met.") % {"person": held.met_by})
    if not evidence.strip():
        raise InvalidError(_("Write by what it is met."), field="evidence")
    held.evidence, held.met_by, held.met_at = evidence.strip(), by, timezone.now()
    held.require_clean()
    held.save()
    record_act("meet", locked, by, number=held.number)
    if not locked.conditions.filter(met_at=None).exists():
        if locked.spec.on_decided is not None and locked.spec.waits_for_conditions:
            locked.spec.on_decided(locked, by)
        people = [locked.asked_by, locked.decided_by]
        _tell(locked, "decision", people, by, gettext_lazy("All conditions are met: %(title)s"))
    return held


@transaction.atomic
def climb(*, request: Request, standing: Standing, overdue: bool = False) -> bool:
    """Let a request climb one step: to the organisation's admins, then to the platform's staff. False at the top."""
    locked = Request.objects.locked().get(pk=request.pk)
    level, people = standing.next_in_line(locked)
    if locked.escalated_to == Level.PLATFORM or (overdue and locked.escalated_to):
        level, people = Level.PLATFORM, standing.climbed(locked, Level.PLATFORM)
    stuck = not overdue and locked.nobody_since is None
    if locked.escalated_to == level and not stuck:
        return False
    locked.escalated_to, locked.escalated_at = level, standing.at
    if stuck:
        locked.nobody_since = standing.at
    locked.save(update_fields=["escalated_to", "escalated_at", "nobody_since"])
    record_act("escalate", locked, None, to=level, because="overdue" if overdue else "nobody")
    text = gettext_lazy("Unanswered: %(title)s") if overdue else gettext_lazy("Nobody can answer: %(title)s")
    notify(people=people, kind="escalation", **of_row(locked, text))
    request.escalated_to, request.escalated_at = locked.escalated_to, locked.escalated_at
    request.nobody_since = locked.nobody_since
    return True


# --- what the verbs share
def _require_open(move: str, request: Request) -> RequestState:
    """The state that the move leads to; a second answer is told who gave the first, and which."""
    if request.decided_by is not None and not REQUEST_MOVES.allows(move, request.state):
        raise ConflictError(
            _("%(person)s already decided this: %(decision)s.")
            % {"person": request.decided_by, "decision": DECIDED[Decision(request.state)]}
        )
    return REQUEST_MOVES.require(move, request.state, what=str(request))  # type: ignore[return-value]


SAID = {
    Decision.APPROVED: gettext_lazy("Approved: %(title)s"),
    Decision.APPROVED_WITH_CONDITIONS: gettext_lazy("Approved with conditions: %(title)s"),
    Decision.REJECTED: gettext_lazy("Rejected: %(title)s"),
    Decision.RETURNED: gettext_lazy("Returned for changes: %(title)s"),
}


def _check_answer(decision: str, reason: str, conditions: Sequence[str]) -> None:
    if decision in NEEDS_REASON and not reason.strip():
        raise InvalidError(_("Say why: whoever asked must know what to change."), field="reason")
    if decision == Decision.APPROVED_WITH_CONDITIONS and not conditions:
        raise InvalidError(_("Write at least one condition."), field="conditions")
    if decision != Decision.APPROVED_WITH_CONDITIONS and conditions:
        raise InvalidError(_("Conditions belong to an approval with conditions."), field="conditions")


def _add_reviewers(request: Request, users: Iterable[User], by: User, *, told: bool = False) -> list[Reviewer]:
    made = []
    for user in users:
        if user.pk == request.asked_by_id or not user.is_active:
            raise InvalidError(_("%(person)s cannot advise on this.") % {"person": user}, field="person")
        if Reviewer.objects.filter(request=request, user=user).exists():
            raise ConflictError(_("%(person)s is asked already.") % {"person": user})
        made.append(Reviewer.objects.create(request=request, user=user, asked_by=by))
        if told:
            record_act("add_reviewer", request, by, user=str(user.pk))
    text = gettext_lazy("Your advice is asked: %(title)s")
    notify(people=[row.user for row in made], kind="review", **of_row(request, text))
    return made


def _belongs(user: User, request: Request) -> bool:
    """Whether somebody belongs to those who are asked, so that the request may be handed to them."""
    if not user.is_active:
        return False
    held = user.memberships.active()
    if request.organisation_id:
        return held.filter(organisation=request.organisation_id, project=None).exists()
    if request.project_id:
        return held.filter(project=request.project_id).exists()
    return True


def _is_near(user: User, request: Request) -> bool:
    """Whether somebody may be shown the request for their advice."""
    places = [Q(organisation=request.organisation_id)] if request.organisation_id else []
    places += [Q(project=request.project_id)] if request.project_id else []
    return not places or user.memberships.active().filter(reduce(or_, places)).exists()


def _tell(request: Request, kind: str, people: Iterable[User | None], by: User, text: StrOrPromise) -> None:
    """Notify those who take part, but for whoever did it."""
    others = [person for person in people if person is not None and person.pk != by.pk]
    notify(people=others, kind=kind, **of_row(request, text, person=str(by)))


def record_act(act: str, request: Request, by: User | None, **data: Any) -> None:
    """One row of history; that of a private topic names nothing, and stays out of the project's history."""
    open_to_all = not request.spec.private
    record(
        verb=f"request.{act}",
        subject=request,
        by=by,
        project_id=request.project_id if open_to_all else None,
        data={"topic": request.topic} | (_titles(request) | request.told if open_to_all else {}) | data,
    )


def _titles(request: Request) -> dict[str, str]:
    return {"title": request.title} | ({"title_zh": request.title_zh} if request.title_zh else {})


def _page_of(subject: models.Model) -> str:
    return subject.get_absolute_url() if hasattr(subject, "get_absolute_url") else ""
