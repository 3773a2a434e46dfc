"""Review of a proposal: steps are set up, reviewers answer and declare conflicts, a chair decides."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from statistics import mean
from typing import Any

from django.db import transaction
from django.db.models import F, Max, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Missing, require
from collab.accounts.models import Organisation, User
from collab.audit.services import record
from collab.kernel.errors import ConflictError, InvalidError, NotReadyError, StaleError
from collab.projects.guards import register_effect, register_guard
from collab.projects.models import (
    ConflictOfInterest,
    PartyRole,
    Project,
    ProjectParty,
    Questionnaire,
    QuestionnaireVersion,
    Recommendation,
    Review,
    ReviewStep,
)
from collab.projects.models.review import due_after
from collab.projects.questions import check_answers, check_questions
from collab.projects.services.telling import owe, owe_no_more, tell
from collab.projects.states import (
    CONFLICT_MOVES,
    REVIEW_MOVES,
    STEP_MOVES,
    ConflictState,
    ProjectState,
    ReviewState,
    StepState,
)

STALE = gettext_lazy("Somebody changed it since you opened it. Open it again and repeat your change.")


# --- questionnaires
@transaction.atomic
def create_questionnaire(
    *, organisation: Organisation, name: str, questions: Sequence[Any], by: User, name_zh: str = ""
) -> Questionnaire:
    """Write a questionnaire and its first version."""
    require(by, "organisation.view", organisation)
    require_steps(by, organisation)
    checked = check_questions(questions)
    if Questionnaire.objects.filter(organisation=organisation, name=name).exists():
        raise InvalidError(_("There is a questionnaire of that name."), field="name")
    made = Questionnaire(organisation=organisation, name=name, name_zh=name_zh, created_by=by)
    made.require_clean()
    made.save()
    QuestionnaireVersion.objects.create(questionnaire=made, number=1, questions=checked, created_by=by)
    record(verb="questionnaire.create", subject=made, by=by, data={"name": name})
    return made


@transaction.atomic
def add_questionnaire_version(
    *, questionnaire: Questionnaire, questions: Sequence[Any], by: User
) -> QuestionnaireVersion:
    """Write the questions anew. Reviews that began keep the version they began with."""
    require_steps(by, questionnaire.organisation)
    checked = check_questions(questions)
    locked = Questionnaire.objects.select_for_update().get(pk=questionnaire.pk)
    number = (locked.versions.aggregate(n=Max("number"))["n"] or 0) + 1
    version = QuestionnaireVersion.objects.create(questionnaire=locked, number=number, questions=checked, created_by=by)
    record(verb="questionnaire.add_version", subject=locked, by=by, data={"number": number})
    return version


def require_steps(by: User, home: Project | Organisation) -> None:
    """The word for setting up reviews, in a project or in an organisation."""
    require(by, "review.manage", home)


# --- steps
@transaction.atomic
def add_step(
    *,
    name: str,
    chair: User,
    by: User,
    project: Project | None = None,
    organisation: Organisation | None = None,
    reviewers: Sequence[User] = (),
    **facts: Any,
) -> ReviewStep:
    """Add a step to a project's review, or to the template that an organisation's new projects copy."""
    home = project or organisation
    if home is None or (project and organisation):
        raise InvalidError(_("A step belongs to a project or to an organisation's template."))
    require_steps(by, home)
    if project is not None:
        _require_before_review(project)
    last = ReviewStep.objects.filter(project=project, organisation=organisation).aggregate(n=Max("position"))["n"]
    facts.setdefault("position", (last or 0) + 1)
    step = ReviewStep(name=name, chair=chair, project=project, organisation=organisation, **facts)
    _check_step(step, reviewers)
    step.save()
    step.reviewers.set(reviewers)
    record(verb="review.add_step", subject=step, by=by, project_id=project.pk if project else None, data={"name": name})
    return step


@transaction.atomic
def edit_step(
    *, step: ReviewStep, by: User, version: int, reviewers: Sequence[User] | None = None, **facts: Any
) -> ReviewStep:
    """Change a step that was not opened yet. Raises StaleError when somebody changed it since `version`."""
    require_steps(by, step.project or step.organisation)  # type: ignore[arg-type]
    locked = ReviewStep.objects.select_for_update(of=("self",)).get(pk=step.pk)
    if locked.version != version:
        raise StaleError(str(STALE), now={name: getattr(locked, name) for name in facts})
    if locked.state != StepState.WAITING:
        raise ConflictError(_("The step is open or decided; its rules stay as they were."))
    for name, value in facts.items():
        setattr(locked, name, value)
    _check_step(locked, list(locked.reviewers.all()) if reviewers is None else reviewers)
    locked.version += 1
    locked.save()
    if reviewers is not None:
        locked.reviewers.set(reviewers)
    record(verb="review.edit_step", subject=locked, by=by, project_id=locked.project_id, data={"name": locked.name})
    return locked


def _check_step(step: ReviewStep, reviewers: Sequence[User]) -> None:
    step.require_clean()
    if step.chair in reviewers:
        raise InvalidError(_("The chair decides and does not review as well; choose somebody else."), field="reviewers")
    if len(set(reviewers)) < step.minimum_reviews:
        raise InvalidError(
            _("There are fewer reviewers than the step needs reviews (%(n)d).") % {"n": step.minimum_reviews},
            field="reviewers",
        )
    if step.project is not None and step.project.created_by in reviewers:
        raise InvalidError(_("Whoever proposed the project does not review it."), field="reviewers")


def _require_before_review(project: Project) -> None:
    if project.state not in {ProjectState.IDEA, ProjectState.PROPOSAL}:
        raise ConflictError(_("The review of this project has begun; its steps stay as they were."))


# --- reviews
@transaction.atomic
def write_review(
    *,
    review: Review,
    by: User,
    version: int,
    answers: dict[str, Any],
    score: Decimal | None = None,
    recommendation: str = "",
    comment: str = "",
    submit: bool = False,
) -> Review:
    """Save a draft of one's own review, or submit it. What is submitted stays."""
    require(by, "review.give", review)
    locked = Review.objects.select_for_update(of=("self",)).select_related("step", "questionnaire").get(pk=review.pk)
    locked.state = REVIEW_MOVES.require("submit" if submit else "write", locked.state, what=_("Your review"))
    if locked.version != version:
        raise StaleError(
            str(STALE),
            now={**locked.answers, **{name: getattr(locked, name) for name in ("score", "recommendation", "comment")}},
        )
    if locked.step.state != StepState.OPEN or locked.round != _round(locked.step):
        raise ConflictError(_("The step is not open for reviews any more."))
    if submit and locked.conflicts.filter(state=ConflictState.DECLARED).exists():
        raise NotReadyError(
            [Missing("conflict_open", _("The chair has not yet decided about the conflict of interest you declared."))]
        )
    locked.answers = check_answers(locked.questions, answers, complete=submit)
    locked.score, locked.recommendation, locked.comment = score, recommendation, comment
    if submit:
        if recommendation not in Recommendation.values:
            raise InvalidError(_("Choose a recommendation."), field="recommendation")
        if score is None and locked.step.minimum_score is not None:
            raise InvalidError(_("This step needs a score from 0 to 10."), field="score")
        locked.submitted_at = timezone.now()
    locked.version += 1
    locked.require_clean(exclude=["answers"])
    locked.save()
    record(
        verb="review.submit" if submit else "review.write",
        subject=locked,
        by=None if locked.step.blind else by,  # the history of a project is read by those who propose
        project_id=locked.step.project_id,
    )
    if submit:
        owe_no_more(locked, "review")
        tell([locked.step.chair], gettext_lazy("A review was submitted"), locked.step.get_absolute_url())
    return locked


@transaction.atomic
def declare_conflict(*, review: Review, by: User, kind: str, text: str) -> ConflictOfInterest:
    """Say what might sway one's judgement. The chair decides what follows."""
    require(by, "review.give", review)
    locked = Review.objects.select_for_update(of=("self",)).select_related("step").get(pk=review.pk)
    if locked.state in {ReviewState.SUBMITTED, ReviewState.RECUSED} or locked.step.state != StepState.OPEN:
        raise ConflictError(_("The review is submitted or ended; write to the chair instead."))
    conflict = ConflictOfInterest(review=locked, kind=kind, text=text)
    conflict.require_clean()
    conflict.save()
    record(
        verb="review.declare",
        subject=conflict,
        by=None if locked.step.blind else by,
        project_id=locked.step.project_id,
        data={"kind": kind},
    )
    tell(
        [locked.step.chair], gettext_lazy("A reviewer declared a conflict of interest"), locked.step.get_absolute_url()
    )
    return conflict


@transaction.atomic
def decide_conflict(*, conflict: ConflictOfInterest, move: str, by: User, plan: str = "") -> ConflictOfInterest:
    """Waive it with a plan, recuse the reviewer, or dismiss it: the chair's word."""
    step = conflict.review.step
    require(by, "review.chair", step)
    if move not in CONFLICT_MOVES.table:
        raise InvalidError(_("Waive, recuse or dismiss it."), field="move")
    review = Review.objects.select_for_update(of=("self",)).get(pk=conflict.review_id)
    locked = ConflictOfInterest.objects.select_for_update().get(pk=conflict.pk)
    locked.state = CONFLICT_MOVES.require(move, locked.state, what=_("The conflict of interest"))
    if move == "waive" and not plan.strip():
        raise InvalidError(_("Write the plan under which it is waived."), field="plan")
    locked.plan, locked.decided_by, locked.decided_at = plan.strip() or locked.plan, by, timezone.now()
    locked.require_clean()
    locked.save()
    if move == "recuse":
        review.state = REVIEW_MOVES.require("recuse", review.state, what=_("The review"))
        review.version += 1
        review.save(update_fields=["state", "version"])
        owe_no_more(review, "review")
    record(verb=f"review.{move}", subject=locked, by=by, project_id=step.project_id)
    return locked


# --- decisions
def given_reviews(step: ReviewStep) -> QuerySet[Review]:
    """The submitted reviews of the current round."""
    return step.reviews.filter(round=_round(step), state=ReviewState.SUBMITTED)


def mean_score(reviews: Sequence[Review]) -> Decimal | None:
    scores = [review.score for review in reviews if review.score is not None]
    return mean(scores).quantize(Decimal("0.1")) if scores else None


def missing_to_decide(step: ReviewStep) -> list[Missing]:
    """What a decision of this step still waits for."""
    url = step.get_absolute_url()
    given = given_reviews(step).count()
    missing = []
    if given < step.minimum_reviews:
        text = _("Only %(given)d of at least %(n)d reviews are there.") % {"given": given, "n": step.minimum_reviews}
        missing.append(Missing("too_few_reviews", text, url))
    if ConflictOfInterest.objects.filter(
        review__step=step, review__round=_round(step), state=ConflictState.DECLARED
    ).exists():
        missing.append(Missing("conflict_open", _("A declared conflict of interest is not decided yet."), url))
    return missing


@transaction.atomic
def decide_step(*, step: ReviewStep, move: str, by: User, reason: str = "") -> ReviewStep:
    """Pass, refuse or return the proposal in one step: the chair's word, with enough reviews before them."""
    from collab.projects.services.projects import follow

    require(by, "review.chair", step)
    if move not in {"pass", "refuse", "return"}:
        raise InvalidError(_("Pass, refuse or return it."), field="move")
    if step.project_id is None:
        raise ConflictError(_("This step is a template for new projects; there is nothing to decide."))
    project = Project.objects.select_for_update().get(pk=step.project_id)
    locked = ReviewStep.objects.select_for_update(of=("self",)).get(pk=step.pk)
    locked.state = STEP_MOVES.require(move, locked.state, what=str(locked))
    if project.state != ProjectState.UNDER_REVIEW:
        raise ConflictError(_("The project is not under review any more."))
    missing = missing_to_decide(locked)
    if missing:
        raise NotReadyError(missing)
    score = mean_score(list(given_reviews(locked)))
    if move == "pass" and locked.minimum_score is not None and (score is None or score < locked.minimum_score):
        raise NotReadyError(
            [
                Missing(
                    "score_too_low",
                    _("The mean score is %(score)s; this step passes from %(least)s.")
                    % {"score": score if score is not None else "–", "least": locked.minimum_score},
                    locked.get_absolute_url(),
                )
            ]
        )
    if move != "pass" and not reason.strip():
        raise InvalidError(_("Say why, in a sentence."), field="reason")
    locked.decided_by, locked.decided_at, locked.decision_reason = by, timezone.now(), reason.strip()
    locked.version += 1
    locked.require_clean()
    locked.save()
    record(
        verb=f"review.{move}",
        subject=locked,
        by=by,
        project_id=project.pk,
        data={"name": locked.name, "score": str(score) if score is not None else None},
    )
    _await_no_more(ReviewStep.objects.filter(pk=locked.pk))
    if move == "pass":
        open_next(project, by)
    else:
        follow(project=project, move="reject" if move == "refuse" else "return", by=by, reason=reason)
    return locked


def _await_no_more(steps: QuerySet[ReviewStep]) -> None:
    """Reviews that nobody waits for any more leave the calendars of their reviewers."""
    for review in Review.objects.filter(step__in=steps, state__in=[ReviewState.ASKED, ReviewState.DRAFT]):
        owe_no_more(review, "review")


def open_next(project: Project, by: User) -> ReviewStep | None:
    """Open the next waiting step and ask its reviewers."""
    if ReviewStep.objects.filter(project=project, state=StepState.OPEN).exists():
        return None
    step = ReviewStep.objects.filter(project=project, state=StepState.WAITING).first()
    if step is None:
        return None
    step.state = STEP_MOVES.require("open", step.state, what=str(step))
    step.due_on = due_after(step.due_days)
    step.version += 1
    step.save(update_fields=["state", "due_on", "version"])
    people = list(step.reviewers.all())
    reviews = Review.objects.bulk_create(
        Review(
            step=step, reviewer=user, round=project.round, questionnaire_id=step.questionnaire_id, due_on=step.due_on
        )
        for user in people
    )
    for review in reviews:
        title = gettext_lazy("You are asked for a review")
        tell([review.reviewer], title, review.get_absolute_url())
        owe(review, "review", title, step.due_on, review.get_absolute_url(), person=review.reviewer)
    return step


def _round(step: ReviewStep) -> int:
    if step.project_id is None:
        return 0
    return Project.objects.filter(pk=step.project_id).values_list("round", flat=True).first() or 0


# --- what the moves of a project do to its review
def _begin_review(project: Project, by: User) -> dict[str, Any]:
    steps = ReviewStep.objects.filter(project=project)
    if not steps.exists():
        lead = ProjectParty.objects.filter(project=project, role=PartyRole.LEAD, left_on=None).first()
        for template in ReviewStep.objects.filter(organisation=lead.organisation_id) if lead else ():
            reviewers = [user for user in template.reviewers.all() if user.pk != project.created_by_id]
            copy = ReviewStep.objects.get(pk=template.pk)
            copy.pk, copy._state.adding = ReviewStep().pk, True
            copy.project, copy.organisation = project, None
            copy.state, copy.version = StepState.WAITING, 1
            copy.save(force_insert=True)
            copy.reviewers.set(reviewers)
    for step in steps.exclude(state=StepState.WAITING):
        STEP_MOVES.require("reset", step.state, what=str(step))
        steps.filter(pk=step.pk).update(
            state=StepState.WAITING, decided_by=None, decided_at=None, due_on=None, version=F("version") + 1
        )
    open_next(project, by)
    return {}


def _end_review(project: Project, by: User) -> dict[str, Any]:
    """A proposal that is taken back is reviewed no further."""
    _await_no_more(ReviewStep.objects.filter(project=project))
    ReviewStep.objects.filter(project=project, state=StepState.OPEN).update(
        state=StepState.WAITING, due_on=None, version=F("version") + 1
    )
    return {}


def _all_passed(project: Project) -> list[Missing]:
    waiting = ReviewStep.objects.filter(project=project).exclude(state=StepState.PASSED)
    return [
        Missing(
            "review_open",
            _("The review step “%(name)s” has not passed the proposal.") % {"name": step},
            step.get_absolute_url(),
        )
        for step in waiting
    ]


register_effect("submit", "review", _begin_review)
register_guard("ask_approval", "review", _all_passed)
for _move in ("withdraw", "return", "reject"):
    register_effect(_move, "review", _end_review)
