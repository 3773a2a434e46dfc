"""Verbs of those who apply: questionnaires, answers, submit, answer questions, amend, report, appeal, assess oneself;
and of those who set a committee up. What the committee does is in deciding.py."""

from __future__ import annotations

from datetime import date
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Max
from django.urls import reverse
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Missing, require
from collab.accounts.models import Organisation, User
from collab.audit.services import record
from collab.ethics.asking import ask_committee, tell
from collab.ethics.models import (
    Answered,
    EthicsAssessment,
    EthicsCase,
    EthicsCommittee,
    EthicsCondition,
    EthicsFile,
    EthicsForm,
    EthicsFormVersion,
    EthicsQuestion,
    EthicsReport,
    EthicsReview,
    EthicsSubmission,
    Kind,
    Purpose,
)
from collab.ethics.questions import carry, check_answers, check_form, triage
from collab.ethics.standing import APPEAL, DECISION, chairs_of, members_of, near_to
from collab.ethics.states import (
    ASSESSMENT_MOVES,
    CASE_MOVES,
    FOLLOWED,
    WRITABLE,
    AssessmentState,
    CaseState,
    ReviewState,
    Route,
)
from collab.inbox.services import lapse_requests, set_obligation, settle_obligation
from collab.inbox.states import ObligationKind
from collab.kernel.errors import ConflictError, InvalidError, NotFoundError, NotReadyError, RefusedError, StaleError
from collab.kernel.months import add_months
from collab.projects.models import Project
from collab.projects.states import ENDED as PROJECT_ENDED
from collab.projects.states import ConflictState

STALE = gettext_lazy("Somebody changed it since you opened it. Open it again and repeat your change.")
FORM_TEXTS = ("name", "name_zh", "note", "note_zh")
A = TypeVar("A", bound=Answered)


# --- questionnaires
@transaction.atomic
def write_form(
    *,
    code: str,
    purpose: str,
    name: str,
    questions: Any,
    by: User | None,
    rules: Any = (),
    organisation: Organisation | None = None,
    **texts: str,
) -> EthicsForm:
    """Write a questionnaire and its first version: for an organisation, or (by nobody) one that comes with Tandem."""
    if by is not None:
        if organisation is None:
            raise InvalidError(_("Name the organisation that it is for."), field="organisation")
        require(by, "ethics.manage", organisation)
    if purpose not in Purpose.values:
        raise InvalidError(_("Choose one of the purposes."), field="purpose")
    if EthicsForm.objects.filter(code=code).exists():
        raise InvalidError(_("There is a questionnaire of that code."), field="code")
    asked, ruled = check_form(questions, rules)
    form = EthicsForm(
        code=code, purpose=purpose, name=name, organisation=organisation, created_by=by, **texts
    )  # fmt: skip
    form.require_clean()
    form.save()
    EthicsFormVersion.objects.create(form=form, number=1, questions=asked, rules=ruled, created_by=by)
    record(verb="ethics.write_form", subject=form, by=by, organisation_id=_of(form), data={"name": name})
    return form


@transaction.atomic
def edit_form(*, form: EthicsForm, by: User, version: int, **texts: str) -> EthicsForm:
    """Correct its names and notes, in both languages; its questions are written anew as a version."""
    _require_own(form, by)
    locked = EthicsForm.objects.select_for_update(of=("self",)).get(pk=form.pk)
    if locked.version != version:
        raise StaleError(str(STALE), now={name: getattr(locked, name) for name in FORM_TEXTS})
    for name in FORM_TEXTS:
        if name in texts:
            setattr(locked, name, texts[name])
    locked.version += 1
    locked.require_clean()
    locked.save()
    record(verb="ethics.edit_form", subject=locked, by=by, organisation_id=_of(locked), data={"name": locked.name})
    return locked


def _require_own(form: EthicsForm, by: User) -> None:
    if form.organisation is None:
        text = _("This questionnaire comes with Tandem; write one of your own beside it.")
        raise RefusedError([Missing("shipped", text, form.get_absolute_url())])
    require(by, "ethics.manage", form.organisation)


@transaction.atomic
def add_form_version(*, form: EthicsForm, questions: Any, by: User | None, rules: Any = ()) -> EthicsFormVersion:
    """Write the questions anew. What was answered stays with the version it was answered for."""
    if by is not None:
        _require_own(form, by)
    asked, ruled = check_form(questions, rules)
    locked = EthicsForm.objects.select_for_update().get(pk=form.pk)
    number = 1 + (locked.versions.aggregate(last=Max("number"))["last"] or 0)
    made = EthicsFormVersion.objects.create(form=locked, number=number, questions=asked, rules=ruled, created_by=by)
    facts = {"name": form.name, "number": number}
    record(verb="ethics.add_version", subject=form, by=by, organisation_id=_of(form), data=facts)
    return made


def _of(form: EthicsForm) -> Any:
    return form.organisation_id


def newest(form: EthicsForm) -> EthicsFormVersion:
    return form.versions.select_related("form").order_by("-number")[0]


# --- committees
@transaction.atomic
def found_committee(*, organisation: Organisation, name: str, by: User, **settings: Any) -> EthicsCommittee:
    """Let an organisation have an ethics committee; its chair and reviewers are given their roles as any other."""
    require(by, "ethics.manage", organisation)
    if EthicsCommittee.objects.filter(organisation=organisation).exists():
        raise ConflictError(_("%(name)s has an ethics committee already.") % {"name": organisation})
    made = EthicsCommittee(organisation=organisation, name=name, **settings)
    made.require_clean()
    made.save()
    record(verb="ethics.found", subject=made, by=by, organisation_id=organisation.pk, data={"name": name})
    return made


@transaction.atomic
def edit_committee(*, committee: EthicsCommittee, by: User, version: int, **changes: Any) -> EthicsCommittee:
    """Change how the committee works. Cases that were submitted keep what they wait for."""
    require(by, "ethics.manage", committee)
    locked = EthicsCommittee.objects.select_for_update().get(pk=committee.pk)
    if locked.version != version:
        raise StaleError(str(STALE), now={name: getattr(locked, name) for name in changes})
    for name, value in changes.items():
        setattr(locked, name, value)
    locked.version += 1
    locked.require_clean()
    locked.save()
    data = {"name": locked.name}
    record(verb="ethics.edit_committee", subject=locked, by=by, organisation_id=locked.organisation_id, data=data)
    return locked


# --- applications
@transaction.atomic
def begin_case(*, project: Project, committee: EthicsCommittee, form: EthicsForm, title: str, by: User) -> EthicsCase:
    """Begin an application; its answers stay with the newest version of the questionnaire."""
    require(by, "ethics.apply", project)
    _require_going_on(project)
    if form.purpose != Purpose.REVIEW:
        raise InvalidError(_("This questionnaire is not for a committee."), field="form")
    if gone := committee_gone(project, committee):
        raise InvalidError(str(gone.sentence), field="committee")
    if form.organisation_id not in (None, committee.organisation_id):
        raise InvalidError(_("This questionnaire is for another committee."), field="form")
    case = EthicsCase(project=project, committee=committee, form_version=newest(form), title=title, begun_by=by)
    case.require_clean()
    case.save()
    record(verb="ethics.begin", subject=case, by=by, project_id=project.pk, data=told(case))
    return case


@transaction.atomic
def follow_case(*, case: EthicsCase, by: User, title: str = "") -> EthicsCase:
    """Amend an approval, renew it, or apply again on new grounds: answers, in the newest version, and files go along.

    What holds now holds on until the committee has decided about the new one.
    """
    before = _locked(case, by, "ethics.apply")
    if before.state not in FOLLOWED:
        raise ConflictError(_("Only what was decided can be amended, renewed or applied for again."))
    open_one = before.followers.exclude(state__in=["withdrawn", *FOLLOWED, CaseState.SUPERSEDED]).first()
    if open_one is not None:
        raise ConflictError(_("“%(title)s” follows it already.") % {"title": open_one})
    _require_going_on(before.project)
    _require_committee(before)
    kind = following(before)
    last = newest(before.form_version.form)
    carried = carry(before.questions, last.questions, before.answers)
    made = EthicsCase(
        project=before.project,
        committee=before.committee,
        form_version=last,
        carried_from=before.form_version,
        answers=carried.answers,
        title=title or before.title,
        kind=kind,
        previous=before,
        begun_by=by,
    )
    made.require_clean()
    made.save()
    for number, row in enumerate(before.files.now(), 1):
        EthicsFile.objects.create(
            case=made, number=number, kind=row.kind, file_name=row.file_name, content_type=row.content_type,
            sha256=row.sha256, size_bytes=row.size_bytes, by=by, first_round=1,
        )  # fmt: skip
    record(verb="ethics.follow", subject=made, by=by, project_id=made.project_id, data=told(made, kind=kind.value))
    return made


def following(case: EthicsCase) -> Kind:
    """What an application that follows this one is."""
    if case.state in {CaseState.REJECTED, CaseState.REVOKED}:
        return Kind.AGAIN
    return Kind.RENEWAL if case.is_expired else Kind.AMENDMENT


@transaction.atomic
def save_answers(*, row: A, answers: Any, number: int, version: int, by: User) -> A:
    """Save answers, complete or not. `number` is the version of the questionnaire that they were given to.

    Raises ConflictError for answers to another version, StaleError when somebody was faster.
    """
    locked = _locked(row, by, "ethics.apply")
    _require_writable(locked)
    _require_number(locked, number)
    if locked.version != version:
        raise StaleError(str(STALE), now={"answers": locked.answers})
    locked.answers = check_answers(locked.questions, answers, complete=False)
    locked.version += 1
    locked.save(update_fields=["answers", "version"])
    record(verb="ethics.answer", subject=locked, by=by, project_id=locked.project_id, data=told(locked))
    return locked


@transaction.atomic
def carry_over(*, row: A, by: User) -> A:
    """Take up the newest version of the questionnaire: answers that still fit are kept, and what is new is shown."""
    locked = _locked(row, by, "ethics.apply")
    _require_writable(locked)
    last = locked.newer_version()
    if last is None:
        raise ConflictError(_("This is the newest version of the questionnaire already."))
    carried = carry(locked.questions, last.questions, locked.answers)
    locked.carried_from, locked.form_version, locked.answers = locked.form_version, last, carried.answers
    locked.version += 1
    locked.save()
    data = told(locked, number=last.number)
    record(verb="ethics.carry_over", subject=locked, by=by, project_id=locked.project_id, data=data)
    return locked


@transaction.atomic
def submit_case(*, case: EthicsCase, number: int, by: User, note: str = "") -> EthicsCase:
    """Lay it before the committee: complete answers, the route that the rules give and their reasons."""
    locked = _locked(case, by, "ethics.apply")
    again = locked.state == CaseState.CHANGES_REQUESTED
    state = CASE_MOVES.require("resubmit" if again else "submit", locked.state, what=str(locked))
    _require_going_on(locked.project)
    _require_committee(locked)
    _require_number(locked, number)
    version = locked.form_version
    locked.answers = check_answers(version.questions, locked.answers, complete=True)
    locked.reasons = triage(version.questions, version.rules, locked.answers)
    locked.route = Route.FULL if locked.reasons else Route.SHORT
    locked.round += 1
    locked.state = state
    locked.submitted_by = by
    locked.submitted_at = locked.submitted_at or timezone.now()
    if not again and locked.kind in {Kind.INITIAL, Kind.AGAIN} and locked.route == Route.FULL:
        for area in ("jobs", "releases", "data"):
            setattr(locked, f"blocks_{area}", getattr(locked.committee, f"holds_{area}"))
    locked.version += 1
    submission = EthicsSubmission(
        case=locked,
        number=locked.round,
        form_version=version,
        answers=locked.answers,
        reasons=locked.reasons,
        note=note.strip(),
        by=by,
    )
    submission.require_clean(exclude=["case"])
    locked.request = ask_committee(locked, by)
    locked.require_clean(exclude=["answers"])
    locked.save()
    submission.save()
    if again:
        _ask_reviewers_again(locked)
    record(
        verb="ethics.resubmit" if again else "ethics.submit",
        subject=locked,
        by=by,
        project_id=locked.project_id,
        data=told(locked, route=str(locked.route), reasons=len(locked.reasons)),
    )
    return locked


def _ask_reviewers_again(case: EthicsCase) -> None:
    """Whoever reviewed the last round, or had not yet, reads the changes; nobody waits for the last round any more.

    Who declared a conflict that no chair has settled is not asked again by itself; whoever has left the committee, or
    joined the project, is not asked at all.
    """
    last = case.reviews.filter(reviewer__in=members_of(case).values("user"), reviewer__is_active=True)
    last = last.exclude(reviewer__in=near_to(case))
    last = last.filter(round=case.round - 1, state__in=[ReviewState.ASKED, ReviewState.SUBMITTED])
    assert case.request is not None  # it was submitted
    before = list(last.exclude(conflict_state=ConflictState.DECLARED).select_related("reviewer"))
    lapse_reviews(case)
    for review in before:
        again = EthicsReview.objects.create(
            case=case, reviewer=review.reviewer, round=case.round, due_on=timezone.localdate(case.request.due_at)
        )
        owe_review(again)
    tell(case, gettext_lazy("Ethics: the changes you asked for are there: “{title}”"), [r.reviewer for r in before])


def owe_review(review: EthicsReview) -> None:
    set_obligation(
        source=review,
        kind=ObligationKind.REVIEW,
        title=format_lazy(gettext_lazy("Ethics review of “{title}”"), title=review.case.title),
        due_on=review.due_on or timezone.localdate(),
        url=review.get_absolute_url(),
        person=review.reviewer,
    )


@transaction.atomic
def withdraw_case(*, case: EthicsCase, by: User) -> EthicsCase:
    """Take the application back before it is decided."""
    locked = _locked(case, by, "ethics.apply")
    state = CASE_MOVES.require("withdraw", locked.state, what=str(locked))
    if locked.decided_at is not None:
        raise ConflictError(_("It was decided, and the appeal is going on; it cannot be withdrawn any more."))
    locked.state = state
    locked.blocks_jobs = locked.blocks_releases = locked.blocks_data = False
    _save(locked)
    lapse_requests(topic=DECISION, subjects=[locked], by=by, reason=gettext_lazy("The application was withdrawn."))
    lapse_reviews(locked)
    record(verb="ethics.withdraw", subject=locked, by=by, project_id=locked.project_id, data=told(locked))
    return locked


def lapse_reviews(case: EthicsCase) -> None:
    """Reviews that nobody waits for any more leave the calendars of their reviewers."""
    waiting = list(case.reviews.filter(state=ReviewState.ASKED))
    for review in waiting:
        settle_obligation(source=review, kind=ObligationKind.REVIEW)
    EthicsReview.objects.filter(pk__in=[review.pk for review in waiting]).update(state=ReviewState.LAPSED)


@transaction.atomic
def answer_question(*, question: EthicsQuestion, text: str, by: User) -> EthicsQuestion:
    """Answer what the committee asked."""
    case = _locked(question.case, by, "ethics.apply")
    mine = EthicsQuestion.objects.select_for_update().get(pk=question.pk)
    if mine.answered_at is not None:
        raise ConflictError(_("This question is answered already."))
    if not text.strip():
        raise InvalidError(_("Write an answer."), field="text")
    mine.answer, mine.answered_by, mine.answered_at = text.strip(), by, timezone.now()
    mine.require_clean()
    mine.save()
    asker = User.objects.get(pk=mine.by_id)
    tell(case, gettext_lazy("Ethics: your question is answered: “{title}”"), [asker], but=by)
    record(verb="ethics.reply", subject=mine, by=by, project_id=case.project_id, data=told(case))
    return mine


@transaction.atomic
def claim_condition(*, condition: EthicsCondition, evidence: str, by: User) -> EthicsCondition:
    """Show by what a condition is met. It blocks on until the committee has confirmed it."""
    case = _locked(condition.case, by, "ethics.apply")
    mine = EthicsCondition.objects.select_for_update(of=("self",)).select_related("condition").get(pk=condition.pk)
    if not mine.is_open:
        raise ConflictError(_("This condition is met already, or was lifted."))
    if not evidence.strip():
        raise InvalidError(_("Write by what it is met."), field="evidence")
    mine.evidence, mine.claimed_by, mine.claimed_at = evidence.strip(), by, timezone.now()
    mine.require_clean()
    mine.save()
    tell(case, gettext_lazy("Ethics: a condition of “{title}” is said to be met; please confirm it"), chairs_of(case))
    data = told(case, number=mine.number)
    record(verb="ethics.claim", subject=mine, by=by, project_id=case.project_id, data=data)
    return mine


@transaction.atomic
def report(
    *, case: EthicsCase, kind: str, text: str, by: User, severity: str = "", happened_on: date | None = None
) -> EthicsReport:
    """Report how it goes, or an incident. The committee reads it, and may suspend its approval."""
    locked = _locked(case, by, "ethics.apply")
    if locked.state != CaseState.SUSPENDED and not locked.stands:
        raise ConflictError(_("Reports belong to an approval that was given."))
    if kind not in EthicsReport.Kind.values:
        raise InvalidError(_("Choose a kind."), field="kind")
    if kind == EthicsReport.Kind.INCIDENT:
        if severity not in EthicsReport.Severity.values:
            raise InvalidError(_("Say how serious it is."), field="severity")
        if happened_on is None or happened_on > timezone.localdate():
            raise InvalidError(_("Say on which day it happened; that day cannot lie ahead."), field="happened_on")
    elif severity or happened_on is not None:
        raise InvalidError(_("Only an incident has a day and a severity."), field="kind")
    made = EthicsReport(case=locked, kind=kind, severity=severity, happened_on=happened_on, text=text.strip(), by=by)
    made.require_clean()
    made.save()
    if kind == EthicsReport.Kind.MONITORING and locked.monitor_months:
        locked.monitor_on = add_months(timezone.localdate(), locked.monitor_months)
        _save(locked)
        owe_monitoring(locked)
    title = gettext_lazy("Ethics: a report on “{title}”")
    if kind == EthicsReport.Kind.INCIDENT:
        title = gettext_lazy("Ethics: an incident in “{title}”")
    tell(locked, title, [*chairs_of(locked), locked.decided_by], but=by)
    data = told(locked, severity=severity or "–")
    record(verb=f"ethics.report_{kind}", subject=made, by=by, project_id=locked.project_id, data=data)
    return made


def owe_monitoring(case: EthicsCase) -> None:
    """The next report and the end of the approval stand in the calendar of the project."""
    url = case.get_absolute_url()
    if case.monitor_on is not None:
        title = format_lazy(gettext_lazy("Ethics report on “{title}”"), title=case.title)
        set_obligation(
            source=case, kind=ObligationKind.REPORT, title=title, due_on=case.monitor_on, url=url, project=case.project
        )
    if case.valid_until is not None:
        title = format_lazy(gettext_lazy("Ethics approval of “{title}” ends"), title=case.title)
        set_obligation(
            source=case, kind=ObligationKind.EXPIRY, title=title, due_on=case.valid_until, url=url, project=case.project
        )


def owe_nothing(case: EthicsCase) -> None:
    for kind in (ObligationKind.REPORT, ObligationKind.EXPIRY):
        settle_obligation(source=case, kind=kind)


@transaction.atomic
def appeal_case(*, case: EthicsCase, text: str, by: User) -> EthicsCase:
    """Appeal once, against a rejection or against conditions; somebody else than whoever gave it decides.

    An approval under conditions stands, and its conditions stop what they stop, until the appeal is decided.
    """
    locked = _locked(case, by, "ethics.apply")
    state = CASE_MOVES.require("appeal", locked.state, what=str(locked))
    against_conditions = locked.state == CaseState.APPROVED
    if against_conditions and locked.is_expired:
        raise ConflictError(_("The approval is over: renew it instead."))
    if against_conditions and not locked.conditions.open().exists():
        raise ConflictError(_("It was approved, and no condition is open that one could appeal against."))
    if locked.appealed_at is not None:
        raise ConflictError(_("An appeal was decided already; apply again on new grounds instead."))
    _require_committee(locked)
    if not text.strip():
        raise InvalidError(_("Say on what ground you appeal."), field="text")
    locked.state, locked.appealed_at, locked.appeal_text = state, timezone.now(), text.strip()
    locked.appeals_conditions = against_conditions
    locked.request = ask_committee(locked, by, topic=APPEAL)
    _save(locked)
    record(verb="ethics.appeal", subject=locked, by=by, project_id=locked.project_id, data=told(locked))
    return locked


# --- self-assessments
@transaction.atomic
def begin_assessment(*, project: Project, form: EthicsForm, by: User) -> EthicsAssessment:
    """Begin a self-assessment or a checklist; answers of the last one of this kind are carried over."""
    require(by, "ethics.apply", project)
    _require_going_on(project)
    if form.purpose == Purpose.REVIEW:
        raise InvalidError(_("This questionnaire is for a committee; begin an application with it."), field="form")
    if form.organisation_id is not None and not _is_party(project, form.organisation_id):
        raise InvalidError(_("This questionnaire belongs to an organisation that is no party."), field="form")
    last = newest(form)
    before = (
        EthicsAssessment.objects.filter(project=project, form_version__form=form)
        .select_related("form_version")
        .order_by("-created_at")
        .first()
    )
    made = EthicsAssessment(project=project, form_version=last, begun_by=by)
    if before is not None:
        made.carried_from = before.form_version
        made.answers = carry(before.questions, last.questions, before.answers).answers
    made.save()
    record(verb="ethics.assess", subject=made, by=by, project_id=project.pk, data=told(made))
    return made


@transaction.atomic
def finish_assessment(*, row: EthicsAssessment, by: User) -> EthicsAssessment:
    """Say that every question which is asked has its answer."""
    locked = _locked(row, by, "ethics.apply")
    locked.state = ASSESSMENT_MOVES.require("finish", locked.state, what=str(locked))
    locked.answers = check_answers(locked.questions, locked.answers, complete=True)
    locked.finished_by, locked.finished_at = by, timezone.now()
    locked.version += 1
    locked.save()
    record(verb="ethics.finish", subject=locked, by=by, project_id=locked.project_id, data=told(locked))
    return locked


@transaction.atomic
def reopen_assessment(*, row: EthicsAssessment, by: User) -> EthicsAssessment:
    """Go on answering."""
    locked = _locked(row, by, "ethics.apply")
    locked.state = ASSESSMENT_MOVES.require("reopen", locked.state, what=str(locked))
    locked.finished_by = locked.finished_at = None
    locked.version += 1
    locked.save()
    record(verb="ethics.reopen", subject=locked, by=by, project_id=locked.project_id, data=told(locked))
    return locked


# --- what the verbs share
def _locked(row: Any, by: User, word: str) -> Any:
    require(by, word, row)
    model = type(row)
    model.objects.select_for_update().get(pk=row.pk)
    related = ["project", "form_version__form", "carried_from", "begun_by"]
    if model is EthicsCase:
        related += ["committee__organisation", "submitted_by", "decided_by", "request", "previous"]
    return model.objects.select_related(*related).get(pk=row.pk)


locked_case = _locked


def _save(case: EthicsCase) -> None:
    case.version += 1
    case.require_clean(exclude=["answers"])
    case.save()


save_case = _save


def _require_writable(row: Answered) -> None:
    state: Any = row.state  # type: ignore[attr-defined]
    if state not in (WRITABLE if isinstance(row, EthicsCase) else {AssessmentState.DRAFT}):
        raise ConflictError(_("The answers are given; they can no longer be changed."))


def _require_number(row: Answered, number: int) -> None:
    if row.form_version.number != number:
        text = _("These are answers to version %(given)d; the application is on version %(now)d.")
        raise ConflictError(text % {"given": number, "now": row.form_version.number})


def _require_going_on(project: Project) -> None:
    if project.state in PROJECT_ENDED:
        text = _("The project has ended.")
        raise NotReadyError([Missing("project_ended", text, project.get_absolute_url())])


def _is_party(project: Project, organisation_id: Any) -> bool:
    return project.parties.filter(organisation=organisation_id, left_on=None).exists()


def committee_gone(project: Project, committee: EthicsCommittee) -> Missing | None:
    """Why this committee has nothing to decide here: its organisation is no party of the project, or no longer."""
    if _is_party(project, committee.organisation_id):
        return None
    text = _("%(organisation)s is not a party of the project, so its committee decides nothing about it.")
    url = reverse("collab:ethics_case_new", args=[project.slug])
    return Missing("committee_gone", text % {"organisation": committee.organisation}, url)


def _require_committee(case: EthicsCase) -> None:
    if gone := committee_gone(case.project, case.committee):
        raise NotReadyError([gone])


def told(row: Any, **more: Any) -> dict[str, Any]:
    """What the history says: in the project's own history only the title, never answers or advice."""
    return {"title": str(row.form_version.form.name if isinstance(row, EthicsAssessment) else row.title), **more}


def condition_of(case: EthicsCase, number: int) -> EthicsCondition:
    """The condition of that number; NotFoundError without one."""
    rows = case.conditions.select_related("condition", "case")
    found = next((row for row in rows if row.number == number), None)
    if found is None:
        raise NotFoundError
    return found
