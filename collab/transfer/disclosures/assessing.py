"""Verbs of assessment: criteria with weights, asking an assessor, conflicts of interest, scores, recommendation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Missing, require
from collab.accounts.models import Membership, Organisation, User
from collab.audit.services import record
from collab.kernel.errors import ConflictError, Fault, FaultyInputError, InvalidError, RefusedError, StaleError
from collab.transfer.disclosures.asking import (
    answer_assessment,
    ask_to_assess,
    lapse_assessments,
    office_of,
    tell,
)
from collab.transfer.disclosures.models import Assessment, AssessmentScore, Criterion, Inventor, TransferCase
from collab.transfer.disclosures.states import ASSESSMENT_MOVES, CaseDecision, CaseState
from collab.transfer.disclosures.writing import told

CENT = Decimal("0.01")
# What an office begins with, until it writes criteria of its own: name and guidance in both languages, weight.
USUAL = (
    ("Novelty", "新颖性", "What is new against the prior art?", "与现有技术相比新在何处？", 3),
    ("Protectability", "可保护性", "Which right fits, and would it hold?", "适合哪种权利？能否站得住？", 3),
    ("Clear ownership", "权属清晰", "Whose is it, and who must be asked?", "归谁所有，需征得谁的同意？", 2),
    ("Market", "市场", "Who would pay for it, and how many are they?", "谁会为它付费，有多少这样的客户？", 3),
    ("Readiness", "成熟度", "How far is it from use?", "离实际应用还有多远？", 2),
    ("Cost", "成本", "What would protection and development cost?", "保护和开发需要多少费用？", 1),
)


def criteria_of(organisation: Organisation) -> list[Criterion]:
    """Those in use; the usual ones are written down the first time."""
    rows = Criterion.objects.filter(organisation=organisation)
    if not rows.exists():
        Criterion.objects.bulk_create(
            Criterion(
                organisation=organisation, name=name, name_zh=name_zh, guidance=guidance, guidance_zh=guidance_zh,
                weight=weight, position=place,
            )
            for place, (name, name_zh, guidance, guidance_zh, weight) in enumerate(USUAL, start=1)
        )  # fmt: skip
    return list(rows.filter(retired_at=None))


@transaction.atomic
def add_criterion(
    *, organisation: Organisation, name: str, weight: Decimal, by: User, name_zh: str = "", guidance: str = "",
    guidance_zh: str = "",
) -> Criterion:  # fmt: skip
    """Assess by one thing more. Assessments that were begun keep the criteria they were begun with."""
    require(by, "case.manage", organisation)
    known = criteria_of(organisation)
    if any(row.name.casefold() == name.strip().casefold() for row in known):
        raise InvalidError(_("There is a criterion of this name."), field="name")
    place = max((row.position for row in known), default=0) + 1
    row = Criterion(
        organisation=organisation, name=name.strip(), name_zh=name_zh.strip(), guidance=guidance.strip(),
        guidance_zh=guidance_zh.strip(), weight=weight, position=place,
    )  # fmt: skip
    _require_weight(row)
    row.save()
    _record_criterion("assessment.add_criterion", row, by)
    return row


@transaction.atomic
def edit_criterion(*, criterion: Criterion, weight: Decimal, by: User, version: int) -> Criterion:
    """Weigh it otherwise, for assessments that begin from now on."""
    require(by, "case.manage", criterion)
    locked = Criterion.objects.select_for_update().get(pk=criterion.pk)
    if locked.version != version:
        raise StaleError(_("Somebody changed it since you opened it."), now={"weight": locked.weight})
    locked.weight = weight
    locked.version += 1
    _require_weight(locked)
    locked.save()
    _record_criterion("assessment.edit_criterion", locked, by)
    return locked


@transaction.atomic
def retire_criterion(*, criterion: Criterion, by: User) -> Criterion:
    """Use it no more; at least one stays."""
    require(by, "case.manage", criterion)
    rows = Criterion.objects.select_for_update().filter(organisation=criterion.organisation_id, retired_at=None)
    locked = next((row for row in rows if row.pk == criterion.pk), None)
    if locked is None:
        raise ConflictError(_("It is out of use already."))
    if len(rows) == 1:
        raise ConflictError(_("It is the only criterion."))
    locked.retired_at = timezone.now()
    locked.version += 1
    locked.save(update_fields=["retired_at", "version"])
    _record_criterion("assessment.retire_criterion", locked, by)
    return locked


def conflicts_found(case: TransferCase, person: User) -> list[str]:
    """What the records say already about how somebody is tied to the case."""
    inventors = Inventor.objects.filter(disclosure__case=case)
    mine = Membership.objects.filter(user=person).active()
    found = []
    if inventors.filter(person=person).exists():
        found.append(_("is an inventor of it"))
    if case.created_by_id == person.pk:
        found.append(_("wrote the disclosure"))
    if case.project_id and mine.filter(project=case.project_id).exists():
        found.append(_("works in the project from which it comes"))
    sponsors = case.disclosure.funding.filter(sponsor__isnull=False).values("sponsor")
    if mine.filter(organisation__in=sponsors).exclude(organisation=case.organisation_id).exists():
        found.append(_("works for a sponsor of it"))
    units = Membership.objects.filter(user__in=inventors.values("person"), unit__isnull=False).active().values("unit")
    if mine.filter(unit__in=units).exists():
        found.append(_("works in the unit of an inventor"))
    together = Inventor.objects.filter(person=person).exclude(disclosure__case=case).values("disclosure")
    if Inventor.objects.filter(disclosure__in=together, person__in=inventors.values("person")).exists():
        found.append(_("has made an invention together with an inventor"))
    return found


@transaction.atomic
def ask_assessor(*, case: TransferCase, assessor: User, by: User, due_on: date | None = None) -> Assessment:
    """Ask somebody of the organisation for an assessment. An inventor is never asked."""
    require(by, "case.manage", case)
    locked = TransferCase.objects.select_for_update(of=("self",)).select_related("organisation").get(pk=case.pk)
    if locked.state != CaseState.UNDER_ASSESSMENT:
        raise ConflictError(_("The case is not under assessment."))
    if due_on is not None and due_on < timezone.localdate():
        raise InvalidError(_("This day has passed."), field="due_on")
    if not assessor.memberships.active().filter(organisation=locked.organisation_id, project=None).exists():
        raise InvalidError(
            _("%(person)s does not belong to %(name)s.") % {"person": assessor, "name": locked.organisation},
            field="assessor",
        )
    if locked.disclosure.inventors.filter(person=assessor).exists():
        raise InvalidError(_("%(person)s is an inventor of it.") % {"person": assessor}, field="assessor")
    if locked.assessments.filter(assessor=assessor, round=locked.round).exists():
        raise ConflictError(_("%(person)s is asked already.") % {"person": assessor})
    assessment = Assessment(case=locked, round=locked.round, assessor=assessor, asked_by=by, due_on=due_on)
    assessment.require_clean()
    assessment.save()
    AssessmentScore.objects.bulk_create(
        AssessmentScore(assessment=assessment, criterion=criterion, weight=criterion.weight)
        for criterion in criteria_of(locked.organisation)
    )
    ask_to_assess(assessment, by)
    _record("assessment.ask", assessment, by, person=assessor.name)
    return assessment


@transaction.atomic
def declare_conflict(*, assessment: Assessment, conflict: str, by: User) -> Assessment:
    """Say whether anything ties one to the case, before one scores it. Empty: nothing does."""
    locked = _locked(assessment, by, "assessment.give")
    conflict = conflict.strip()
    locked.state = ASSESSMENT_MOVES.require(
        "declare" if conflict else "declare_none", locked.state, what=_("The assessment")
    )
    locked.conflict, locked.conflict_plan, locked.conflict_decided_by = conflict, "", None
    _save(locked)
    _record("assessment.declare" if conflict else "assessment.declare_none", locked, by)
    if conflict:
        tell(
            locked.case,
            gettext_lazy("An assessor has declared a conflict of interest: “{case}”"),
            office_of(locked.case),
            but=by,
        )
    return locked


@transaction.atomic
def waive_conflict(*, assessment: Assessment, plan: str, by: User) -> Assessment:
    """Let an assessor go on with a declared conflict, by a plan that deals with it. Never one's own."""
    locked = _locked(assessment, by, "case.manage")
    _require_other(locked, by)
    locked.state = ASSESSMENT_MOVES.require("waive", locked.state, what=_("The assessment"))
    if not plan.strip():
        raise InvalidError(_("Write how the conflict is dealt with."), field="plan")
    locked.conflict_plan, locked.conflict_decided_by = plan.strip(), by
    _save(locked)
    _record("assessment.waive", locked, by, person=locked.assessor.name)
    tell(locked.case, gettext_lazy("You may assess “{case}”, by the plan"), [locked.assessor], but=by)
    return locked


@transaction.atomic
def recuse_assessor(*, assessment: Assessment, by: User) -> Assessment:
    """Somebody else assesses: the assessor steps back, or the office lets them go."""
    word = "assessment.give" if assessment.assessor_id == by.pk else "case.manage"
    locked = _locked(assessment, by, word)
    locked.state = ASSESSMENT_MOVES.require("recuse", locked.state, what=_("The assessment"))
    _save(locked)
    lapse_assessments([locked], by, _("Somebody else assesses it."))
    _record("assessment.recuse", locked, by, person=locked.assessor.name)
    people = [locked.assessor, *office_of(locked.case)]
    tell(locked.case, gettext_lazy("Somebody else will assess “{case}”"), people, but=by)
    return locked


@transaction.atomic
def write_assessment(
    *,
    assessment: Assessment,
    scores: Mapping[UUID, tuple[int | None, str]],
    by: User,
    version: int,
    recommendation: str = "",
    comment: str = "",
    submit: bool = False,
) -> Assessment:
    """Keep scores (by criterion) and recommendation; with `submit` the assessment is given and changes no more."""
    locked = _locked(assessment, by, "assessment.give")
    if locked.version != version:
        now = {"recommendation": locked.recommendation, "comment": locked.comment}
        raise StaleError(_("Somebody changed it since you opened it. Read it again and repeat your change."), now=now)
    if locked.case.state != CaseState.UNDER_ASSESSMENT:
        raise ConflictError(_("The case is not under assessment."))
    move = "submit" if submit else "score"
    state = ASSESSMENT_MOVES.require(move, locked.state, what=_("The assessment"))
    rows = {row.criterion_id: row for row in locked.scores.select_related("criterion")}
    unknown = set(scores) - set(rows)
    if unknown:
        raise InvalidError(_("There is no such criterion in this assessment."), field="scores")
    for key, (score, remark) in scores.items():
        if score is not None and not 0 <= score <= 10:
            raise InvalidError(_("Scores go from 0 to 10: %(what)s.") % {"what": rows[key].criterion}, field="scores")
        rows[key].score, rows[key].comment = score, remark.strip()
        rows[key].require_clean()
        rows[key].save()
    if recommendation and recommendation not in set(CaseDecision):
        raise InvalidError(_("Choose one of the decisions offered."), field="recommendation")
    locked.recommendation, locked.comment = recommendation, comment.strip()
    locked.score = weighted(rows.values())
    if submit:
        _require_whole(locked, rows.values())
        locked.submitted_at = timezone.now()
    locked.state = state
    _save(locked)
    _record("assessment.submit" if submit else "assessment.write", locked, by)
    if submit:
        answer_assessment(locked, by)
        tell(locked.case, gettext_lazy("An assessment is given: “{case}”"), office_of(locked.case), but=by)
    return locked


def weighted(scores: Any) -> Decimal | None:
    """The mean by weight of what is scored so far, to two places, half to even."""
    given = [row for row in scores if row.score is not None]
    weight = sum((row.weight for row in given), Decimal(0))
    if not weight:
        return None
    total = sum((row.weight * row.score for row in given), Decimal(0))
    return (total / weight).quantize(CENT, rounding=ROUND_HALF_EVEN)


# --- what the verbs share
def _require_whole(assessment: Assessment, scores: Any) -> None:
    faults = [
        Fault(path="scores", text=_("Give a score: %(what)s.") % {"what": row.criterion})
        for row in scores
        if row.score is None
    ]
    if not assessment.recommendation:
        faults.append(Fault(path="recommendation", text=_("Say what you recommend.")))
    if faults:
        raise FaultyInputError(faults, field=faults[0].path)


def _require_other(assessment: Assessment, by: User) -> None:
    if assessment.assessor_id == by.pk:
        raise RefusedError([Missing("own_conflict", _("Somebody else decides on your own conflict of interest."))])


def _require_weight(row: Criterion) -> None:
    row.require_clean()
    if not 0 < row.weight <= 1000:
        raise InvalidError(_("A weight is more than 0 and at most 1,000."), field="weight")


def _locked(assessment: Assessment, by: User, word: str) -> Assessment:
    require(by, word, assessment)
    TransferCase.objects.select_for_update().get(pk=assessment.case_id)
    return Assessment.objects.select_related("assessor", "case__organisation", "case__disclosure", "case__officer").get(
        pk=assessment.pk
    )


def _save(assessment: Assessment) -> None:
    assessment.version += 1
    assessment.require_clean()
    assessment.save()


def _record(verb: str, assessment: Assessment, by: User, **data: Any) -> None:
    case = assessment.case
    record(verb=verb, subject=assessment, by=by, organisation_id=case.organisation_id, data=told(case) | data)


def _record_criterion(verb: str, row: Criterion, by: User) -> None:
    record(
        verb=verb,
        subject=row,
        by=by,
        organisation_id=row.organisation_id,
        data={"name": row.name, "weight": str(row.weight)},
    )
