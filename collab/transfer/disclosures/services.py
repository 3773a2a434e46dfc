"""Verbs on cases: submit, take up, return, let pass, propose and decide, resume, move on, withdraw.

Nobody's silence decides. Whoever proposes a decision does not give it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from types import EllipsisType
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Missing, require
from collab.accounts.models import Organisation, OrganisationUnit, User
from collab.audit.services import record
from collab.inbox.models import Request
from collab.inbox.services import set_obligation, settle_obligation
from collab.inbox.states import ObligationKind, RequestState
from collab.kernel.errors import ConflictError, InvalidError, NotReadyError, RefusedError, StaleError
from collab.transfer.disclosures.asking import (
    answer_decision,
    ask_for_decision,
    holders_in,
    inventors_of,
    lapse_assessments,
    lapse_decision,
    may_decide,
    office_of,
    open_decision,
    tell,
)
from collab.transfer.disclosures.hooks import bonds_of, turned
from collab.transfer.disclosures.models import WHOLE, CaseStage, Inventor, TransferCase
from collab.transfer.disclosures.rights import rights_of
from collab.transfer.disclosures.states import (
    ASSESSMENT_MOVES,
    CASE_DECISION_WORDS,
    CASE_MOVES,
    ENDED,
    PIPELINE,
    PURSUED,
    STANDING,
    AssessmentState,
    CaseDecision,
    CaseState,
)
from collab.transfer.disclosures.writing import told

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


UnitChoice = OrganisationUnit | None | EllipsisType  # None takes the unit away; ... leaves it as it is


@dataclass(frozen=True)
class Check:
    """One line of the completeness check; what is `needed` must be there before it can be submitted."""

    code: str
    done: bool
    sentence: StrOrPromise
    needed: bool = True


def checks_of(case: TransferCase) -> list[Check]:
    """What a complete disclosure has, from what `with_all` loaded."""
    disclosure = case.disclosure
    inventors = list(disclosure.inventors.all())
    digest = disclosure.document_sha256()
    unsigned = [row.name for row in inventors if row.signed_hash != digest]
    named = {row.agreement_id for row in disclosure.funding.all()}
    rights = [right for right in rights_of(case.project_id, case.organisation_id) if right.version.pk not in named]
    whole = sum((row.share_percent for row in inventors), 0) == WHOLE
    checks = [
        Check("summary", bool(disclosure.summary.strip()), _("A summary that may be shown to others")),
        Check("description", bool(disclosure.description.strip()), _("A confidential description")),
        Check("conception", disclosure.conception_on is not None, _("The day on which it was conceived")),
        Check("shares", whole, _("Inventors whose shares make 100 per cent")),
        Check(
            "signatures",
            not unsigned,
            _("Signed by every inventor")
            if not unsigned
            else _("Signatures that are missing: %(names)s") % {"names": ", ".join(unsigned)},
        ),
        Check("prior_art", bool(disclosure.prior_art.all()), _("Prior art that the inventors know"), needed=False),
    ]
    if case.project_id:
        checks.append(
            Check("rights", not rights, _("Sponsors and their rights, as the project's agreements have them"), False)
        )
    return checks


@transaction.atomic
def submit_disclosure(*, case: TransferCase, by: User) -> TransferCase:
    """Hand it to the office. Raises NotReadyError naming what is missing; the first time it gets its docket number."""
    locked = _locked(case, by, "disclosure.edit")
    state = CASE_MOVES.require("submit", locked.state, what=_("The disclosure"))
    missing = [
        Missing(check.code, str(check.sentence), locked.get_absolute_url())
        for check in checks_of(locked)
        if check.needed and not check.done
    ]
    if missing:
        raise NotReadyError(missing)
    if not locked.docket:
        locked.docket, locked.disclosed_on = _next_docket(locked.organisation), timezone.localdate()
    locked.round += 1
    locked.returned_reason = ""
    _enter(locked, state, by)
    _record("disclosure.submit", locked, by)
    tell(locked, gettext_lazy("A disclosure has come in: “{case}”"), office_of(locked), but=by)
    return locked


@transaction.atomic
def withdraw_disclosure(*, case: TransferCase, by: User, reason: str) -> TransferCase:
    """The inventors take it back before it is decided."""
    locked = _locked(case, by, "disclosure.edit")
    state = CASE_MOVES.require("withdraw", locked.state, what=str(locked))
    reason = _needed(reason, _("Say why it is withdrawn."))
    _stop(locked, by, _("The disclosure was withdrawn."))
    _enter(locked, state, by, reason)
    settle_obligation(source=locked, kind=ObligationKind.REVIEW)
    _record("disclosure.withdraw", locked, by)
    tell(locked, gettext_lazy("A disclosure was withdrawn: “{case}”"), office_of(locked), but=by)
    return locked


@transaction.atomic
def take_up(
    *,
    case: TransferCase,
    by: User,
    version: int,
    officer: User | None = None,
    decide_by: date | None = None,
    unit: UnitChoice = ...,
) -> TransferCase:
    """Begin the check of completeness, and say who leads the case, by when it shall be decided, whose unit's it is."""
    locked = _locked(case, by, "case.manage", version)
    state = CASE_MOVES.require("check", locked.state, what=str(locked))
    _lead(locked, officer or by, decide_by)
    _place(locked, unit)
    _enter(locked, state, by)
    _record("case.take_up", locked, by, officer=str(locked.officer))
    _enter_day(locked)
    tell(locked, gettext_lazy("The office has taken up “{case}”"), inventors_of(locked), but=by)
    return locked


@transaction.atomic
def assign_case(
    *,
    case: TransferCase,
    officer: User,
    by: User,
    version: int,
    decide_by: date | None = None,
    unit: UnitChoice = ...,
) -> TransferCase:
    """Let another officer lead it, set another day, or count it for another unit of the organisation."""
    locked = _locked(case, by, "case.manage", version)
    if locked.state in ENDED:
        raise ConflictError(_("The case has ended."))
    _lead(locked, officer, decide_by)
    _place(locked, unit)
    _save(locked)
    _record("case.assign", locked, by, officer=str(officer))
    _enter_day(locked)
    tell(locked, gettext_lazy("You lead the case “{case}” now"), [officer], but=by)
    return locked


@transaction.atomic
def return_case(*, case: TransferCase, reason: str, by: User, version: int) -> TransferCase:
    """Ask the inventors for more, at any point before the decision; assessments so far are kept, but count no more."""
    locked = _locked(case, by, "case.manage", version)
    state = CASE_MOVES.require("return", locked.state, what=str(locked))
    locked.returned_reason = _needed(reason, _("Say what is missing."))
    _stop(locked, by, _("The case was returned to the inventors."))
    _enter(locked, state, by, locked.returned_reason)
    _record("case.return", locked, by)
    tell(locked, gettext_lazy("The office asks for more: “{case}”"), inventors_of(locked), but=by)
    return locked


@transaction.atomic
def pass_check(*, case: TransferCase, by: User, version: int) -> TransferCase:
    """It is complete; the assessment begins."""
    locked = _locked(case, by, "case.manage", version)
    state = CASE_MOVES.require("assess", locked.state, what=str(locked))
    _enter(locked, state, by)
    _record("case.pass_check", locked, by)
    tell(locked, gettext_lazy("Complete; its assessment begins: “{case}”"), inventors_of(locked), but=by)
    return locked


@transaction.atomic
def propose_decision(*, case: TransferCase, decision: str, reason: str, by: User, version: int) -> Request:
    """Put a decision before somebody else of the office. At least one assessment must have been given."""
    locked = _locked(case, by, "case.manage", version)
    CASE_MOVES.require("decide", locked.state, what=str(locked))
    if decision not in set(CaseDecision):
        raise InvalidError(_("Choose one of the decisions offered."), field="decision")
    reason = _needed(reason, _("Say why: inventors and auditors will ask."))
    asked = open_decision(locked)
    if asked is not None:
        raise ConflictError(_("%(person)s has proposed a decision already.") % {"person": asked.asked_by})
    if not locked.assessments.filter(state=AssessmentState.SUBMITTED, round=locked.round).exists():
        text = _("Nobody has assessed it yet; at least one assessment must be given.")
        raise NotReadyError([Missing("assessment", text, locked.get_absolute_url())])
    request = ask_for_decision(locked, decision, reason, by)
    _save(locked)
    _record("case.propose", locked, by, decision=decision)
    return request


@transaction.atomic
def decide_case(*, case: TransferCase, agrees: bool, by: User, version: int, reason: str = "") -> TransferCase:
    """Say yes to what was proposed, or send it back to the assessment. Raises StaleError when another was faster."""
    locked = _locked(case, by, "case.decide", version)
    request = open_decision(locked)
    if request is None:
        raise ConflictError(_("No decision is proposed."))
    if request.asked_by_id == by.pk:
        raise RefusedError([Missing("proposed_it", _("You proposed it, so somebody else decides."))])
    refused = may_decide(request, by)
    if refused:
        raise RefusedError(refused)
    answer_decision(request, by, agrees=agrees, reason=reason)
    return TransferCase.objects.with_all().get(pk=case.pk)


def decided(request: Request, by: User) -> None:
    """The answer in the inbox: a yes decides the case; anything else leaves it under assessment."""
    case = _lock(request.subject_id)
    if request.state != RequestState.APPROVED:
        _save(case)
        _record("case.not_decided", case, by, decision=request.data["decision"])
        return
    state = CASE_MOVES.require("decide", case.state, what=str(case))
    case.decision, case.decision_reason = request.data["decision"], request.data["reason"]
    case.decided_by, case.decided_at = by, timezone.now()
    _enter(case, state, by, case.decision_reason)
    settle_obligation(source=case, kind=ObligationKind.REVIEW)
    _record("case.decide", case, by, decision=case.decision)
    title = format_lazy(
        gettext_lazy("Decided: {what} – “{title}”"),
        what=CASE_DECISION_WORDS[CaseDecision(case.decision)],
        title=case.disclosure,
    )
    tell(case, title, [*inventors_of(case), *office_of(case)], but=by)


@transaction.atomic
def withdraw_proposal(*, case: TransferCase, by: User, version: int) -> TransferCase:
    """Take a proposed decision back, to propose another."""
    locked = _locked(case, by, "case.manage", version)
    if open_decision(locked) is None:
        raise ConflictError(_("No decision is proposed."))
    lapse_decision(locked, by, _("The proposal was taken back."))
    _save(locked)
    _record("case.withdraw_proposal", locked, by)
    return locked


@transaction.atomic
def resume_case(*, case: TransferCase, by: User, version: int) -> TransferCase:
    """Take up again what was put on hold: it is assessed anew."""
    locked = _locked(case, by, "case.manage", version)
    state = CASE_MOVES.require("resume", locked.state, what=str(locked))
    if locked.decision != CaseDecision.HOLD:
        raise ConflictError(_("Only what was put on hold is taken up again."))
    _decide_anew(locked)
    _enter(locked, state, by)
    _enter_day(locked)
    _record("case.resume", locked, by)
    tell(locked, gettext_lazy("Taken up again: “{case}”"), inventors_of(locked), but=by)
    return locked


@transaction.atomic
def reconsider_case(*, case: TransferCase, reason: str, by: User, version: int) -> TransferCase:
    """Take back a decision to use it, and assess it anew; not while a licence or a public offer rests on it."""
    locked = _locked(case, by, "case.manage", version)
    state = CASE_MOVES.require("reconsider", locked.state, what=str(locked))
    if locked.decision not in PURSUED:
        raise ConflictError(_("Only a decision to use it is taken back; what was put on hold is taken up again."))
    reason = _needed(reason, _("Say why it is decided anew."))
    if bonds := bonds_of(locked):
        raise NotReadyError(bonds)
    before = locked.decision
    _decide_anew(locked)
    _enter(locked, state, by, reason)
    _enter_day(locked)
    _record("case.reconsider", locked, by, before=before)
    tell(locked, gettext_lazy("Its decision was taken back: “{case}”"), inventors_of(locked), but=by)
    return locked


@transaction.atomic
def reopen_case(*, case: TransferCase, reason: str, by: User, version: int) -> TransferCase:
    """Take back that it ended: it is decided as before, or with its inventors again where it was withdrawn."""
    locked = _locked(case, by, "case.manage", version)
    withdrawn = locked.state == CaseState.WITHDRAWN
    state = CASE_MOVES.require("restore" if withdrawn else "reopen", locked.state, what=str(locked))
    reason = _needed(reason, _("Say why it goes on."))
    if withdrawn:
        if not locked.docket:
            raise ConflictError(_("It was never submitted; the inventors begin it anew."))
        locked.returned_reason = reason
    _enter(locked, state, by, reason)
    _enter_day(locked)
    _record("case.reopen", locked, by)
    tell(locked, gettext_lazy("It goes on: “{case}”"), inventors_of(locked), but=by)
    return locked


@transaction.atomic
def move_case(*, case: TransferCase, stage: str, by: User, version: int, reason: str = "") -> TransferCase:
    """Move a decided case on by hand, also back; ending it needs a reason."""
    locked = _locked(case, by, "case.manage", version)
    if stage in ENDED:
        _needed(reason, _("Say why it ends."))
    return _advance(locked, stage, by, reason.strip(), back=True)


@transaction.atomic
def advance_case(*, case: TransferCase, stage: str, by: User | None, back: bool = False) -> TransferCase:
    """For the folders above, inside their verbs, which have asked the policy for their own words.

    A case only moves forward, and to its end: a second filing does not take a licensed case back to “secured”. With
    `back` it goes where the fact leads, as when its last licence ends. Whatever it is in already stays as it is.
    """
    return _advance(_lock(case.pk), stage, by, "", back=back)


# --- what the verbs share
def _advance(case: TransferCase, stage: str, by: User | None, reason: str, *, back: bool) -> TransferCase:
    if stage not in (*PIPELINE, *ENDED) or stage == CaseState.WITHDRAWN:
        raise InvalidError(_("There is no such stage."), field="stage")
    if stage == case.state:
        return case
    if stage in PIPELINE and case.state in PIPELINE:
        behind = PIPELINE.index(CaseState(stage)) < PIPELINE.index(CaseState(case.state))
        if behind and not back:
            return case
        if stage == CaseState.DECIDED:
            raise ConflictError(_("A case does not go back to its decision."))
    state = CASE_MOVES.require(stage, case.state, what=str(case))
    if stage in PIPELINE and case.decision not in PURSUED:
        words = {"case": case, "decision": case.get_decision_display()}
        raise ConflictError(_("%(case)s was decided otherwise: %(decision)s.") % words)
    _enter(case, state, by, reason)
    _record("case.move", case, by, stage=stage)
    if stage in ENDED:
        tell(case, gettext_lazy("The case has ended: “{case}”"), inventors_of(case), but=by)
    return case


def _lock(pk: Any) -> TransferCase:
    TransferCase.objects.select_for_update().get(pk=pk)
    return TransferCase.objects.with_all().get(pk=pk)


def _locked(case: TransferCase, by: User, word: str, version: int | None = None) -> TransferCase:
    require(by, word, case)
    locked = _lock(case.pk)
    if version is not None and locked.version != version:
        raise StaleError(
            _("Somebody changed the case since you opened it. Read it again and repeat what you want."),
            now=standing_of(locked),
        )
    return locked


def standing_of(case: TransferCase) -> dict[str, Any]:
    """Where it stands now, to lay beside what somebody wanted to do."""
    return {
        "state": case.state,
        "officer": str(case.officer or ""),
        "decision": case.decision,
        "decided_by": str(case.decided_by or ""),
        "version": case.version,
    }


def _enter(case: TransferCase, state: str, by: User | None, reason: str = "") -> None:
    """Leave a stage and come into the next one."""
    now = timezone.now()
    CaseStage.objects.filter(case=case, left_at=None).update(left_at=now)
    CaseStage.objects.create(case=case, state=state, entered_at=now, by=by, reason=reason)
    turns = (case.state in ENDED) != (state in ENDED)
    case.state, case.stage_since = state, now
    _save(case)
    if turns:
        turned(case)


def _save(case: TransferCase) -> None:
    case.version += 1
    case.require_clean()
    case.save()


def _stop(case: TransferCase, by: User, reason: str) -> None:
    """What is asked about it need not be answered any more; assessments so far stay to be read."""
    lapse_decision(case, by, reason)
    standing = list(case.assessments.filter(state__in=STANDING))
    lapse_assessments(standing, by, reason)
    for row in standing:
        if row.state != AssessmentState.SUBMITTED:
            row.state = ASSESSMENT_MOVES.require("cancel", row.state, what=str(row))
            row.version += 1
            row.save(update_fields=["state", "version"])


def _lead(case: TransferCase, officer: User, decide_by: date | None) -> None:
    if officer not in holders_in(case, "case.manage"):
        raise InvalidError(_("%(person)s is no officer of this organisation.") % {"person": officer}, field="officer")
    if decide_by is not None and decide_by != case.decide_by and decide_by < timezone.localdate():
        raise InvalidError(_("This day has passed."), field="decide_by")
    if Inventor.objects.filter(disclosure__case=case, person=officer).exists():
        raise InvalidError(_("%(person)s is an inventor of it.") % {"person": officer}, field="officer")
    case.officer, case.decide_by = officer, decide_by or case.decide_by


def _decide_anew(case: TransferCase) -> None:
    """In a round of its own; the day by which the decision before was due counts no more once it has passed."""
    case.decision, case.decision_reason, case.decided_by, case.decided_at = "", "", None, None
    case.round += 1
    if case.decide_by is not None and case.decide_by < timezone.localdate():
        case.decide_by = None


def _place(case: TransferCase, unit: UnitChoice) -> None:
    if isinstance(unit, EllipsisType):
        return
    if unit is not None and unit.organisation_id != case.organisation_id:
        raise InvalidError(_("This unit is not of %(name)s.") % {"name": case.organisation}, field="unit")
    case.unit = unit


def _enter_day(case: TransferCase) -> None:
    if case.decide_by is not None and not case.decision:
        set_obligation(
            source=case,
            kind=ObligationKind.REVIEW,
            title=format_lazy(gettext_lazy("Decide on the disclosure “{case}”"), case=case.disclosure),
            due_on=case.decide_by,
            url=case.get_absolute_url(),
            organisation=case.organisation,
            person=case.officer,
        )


def _needed(text: str, sentence: str, field: str = "reason") -> str:
    if not text.strip():
        raise InvalidError(sentence, field=field)
    return text.strip()


def _next_docket(organisation: Organisation) -> str:
    """The next number of the year; whoever takes one waits for the other."""
    Organisation.objects.select_for_update().get(pk=organisation.pk)
    year = timezone.localdate().year
    taken = TransferCase.objects.filter(organisation=organisation, docket__startswith=f"{year}-")
    numbers = (docket.partition("-")[2] for docket in taken.values_list("docket", flat=True))
    last = max((int(number) for number in numbers if number.isdecimal()), default=0)
    return f"{year}-{last + 1:04d}"


def _record(verb: str, case: TransferCase, by: User | None, **data: Any) -> None:
    record(verb=verb, subject=case, by=by, organisation_id=case.organisation_id, data=told(case) | data)
