"""Verbs on programmes, cohorts with their check-points, and postings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Missing, require
from collab.accounts.models import Organisation, OrganisationKind, User
from collab.audit.services import record
from collab.internships.programmes.calendar import enter_cohort, enter_point, leave_point
from collab.internships.programmes.models import Audience, CheckPoint, Cohort, Posting, Programme
from collab.internships.programmes.states import COHORT_MOVES, POSTING_MOVES, WRITABLE, CohortState
from collab.internships.telling import tell, who_run
from collab.kernel.errors import ConflictError, InvalidError, NotReadyError, StaleError

PROGRAMME_FIELDS = ("name", "name_zh", "about", "criteria")
COHORT_FIELDS = (
    "name", "name_zh", "publishes_at", "opens_at", "closes_at", "ranking_ends_at", "starts_on", "ends_on",
    "choices_max", "offer_days",
)  # fmt: skip
POSTING_FIELDS = (
    "project", "title", "title_zh", "duties", "skills", "eligibility", "places", "starts_on", "ends_on", "place",
    "remote", "pay", "currency", "hours", "credits", "closes_at", "audience", "questions",
)  # fmt: skip
NAMED_MAX = 20  # of what keeps a cohort open
_WITHDRAWN: list[Callable[[Posting, User], None]] = []
_CLOSING: list[tuple[Callable[[Cohort], list[Missing]], Callable[[Cohort, User], None] | None]] = []


def register_withdrawn(then: Callable[[Posting, User], None]) -> None:
    """Run `then(posting, by)` in the transaction in which a posting is withdrawn."""
    if then not in _WITHDRAWN:
        _WITHDRAWN.append(then)


def register_closing(
    missing: Callable[[Cohort], list[Missing]], then: Callable[[Cohort, User], None] | None = None
) -> None:
    """A cohort is closed once `missing(cohort)` names nothing; `then(cohort, by)` runs in the same transaction."""
    if (missing, then) not in _CLOSING:
        _CLOSING.append((missing, then))


# --- programmes and cohorts
@transaction.atomic
def begin_programme(*, organisation: Organisation, name: str, by: User, **facts: Any) -> Programme:
    """Begin a programme of a university."""
    require(by, "programme.manage", organisation)
    if organisation.kind != OrganisationKind.UNIVERSITY:
        raise InvalidError(_("A university runs the programme; companies offer places in it."), field="organisation")
    if Programme.objects.filter(organisation=organisation, name=name).exists():
        raise InvalidError(_("There is a programme of this name."), field="name")
    programme = Programme(organisation=organisation, name=name, created_by=by, **facts)
    programme.require_clean()
    programme.save()
    _record("programme.begin", programme, by, organisation, name=programme.name)
    return programme


@transaction.atomic
def edit_programme(*, programme: Programme, by: User, version: int, **changes: Any) -> Programme:
    """Change name, description or criteria; what was evaluated keeps the criteria of its day."""
    require(by, "programme.manage", programme)
    locked = Programme.objects.select_for_update(of=("self",)).select_related("organisation").get(pk=programme.pk)
    _changed(locked, changes, PROGRAMME_FIELDS, version)
    _record("programme.edit", locked, by, locked.organisation, name=locked.name)
    return locked


@transaction.atomic
def begin_cohort(*, programme: Programme, by: User, **facts: Any) -> Cohort:
    """Begin a season; it is shown from its publication on."""
    require(by, "programme.manage", programme)
    cohort = Cohort(programme=programme, created_by=by, **facts)
    cohort.require_clean()
    if Cohort.objects.filter(programme=programme, name=cohort.name).exists():
        raise InvalidError(_("There is a cohort of this name."), field="name")
    cohort.save()
    _record("cohort.begin", cohort, by, programme.organisation, name=cohort.name)
    return cohort


@transaction.atomic
def edit_cohort(*, cohort: Cohort, by: User, version: int, **changes: Any) -> Cohort:
    """Move its dates. Raises StaleError when somebody was faster."""
    require(by, "programme.manage", cohort)
    locked = locked_cohort(cohort)
    if locked.state == CohortState.CLOSED:
        raise ConflictError(_("The cohort is closed."))
    _changed(locked, changes, COHORT_FIELDS, version)
    enter_cohort(locked)
    _record("cohort.edit", locked, by, locked.programme.organisation, name=locked.name)
    return locked


@transaction.atomic
def move_cohort(*, cohort: Cohort, move: str, by: User) -> Cohort:
    """Publish it, or close it when nothing goes on in it any more.

    Raises NotReadyError naming the offers and the placements that are open; who still waits is told that it is over.
    """
    require(by, "programme.manage", cohort)
    locked = locked_cohort(cohort)
    if move not in {"publish", "close"}:
        raise InvalidError(_("Choose one of the moves offered."), field="move")
    locked.state = COHORT_MOVES.require(move, locked.state, what=str(locked))
    if move == "close":
        locked_postings(locked.postings.values("pk"))  # nobody offers a seat meanwhile
        missing = [one for check, _then in _CLOSING for one in check(locked)]
        if missing:
            raise NotReadyError(missing)
        for _check, then in _CLOSING:
            if then is not None:
                then(locked, by)
    locked.version += 1
    locked.save(update_fields=["state", "version"])
    enter_cohort(locked)
    _record(f"cohort.{move}", locked, by, locked.programme.organisation, name=locked.name)
    return locked


@transaction.atomic
def add_check_point(*, cohort: Cohort, kind: str, name: str, due_on: date, by: User) -> CheckPoint:
    """A day by which every placement has a check-in, a feedback or its evaluations."""
    require(by, "programme.manage", cohort)
    cohort = locked_cohort(cohort)
    if cohort.state == CohortState.CLOSED:
        raise ConflictError(_("The cohort is closed."))
    row = CheckPoint(cohort=cohort, kind=kind, name=name, due_on=due_on)
    row.require_clean()
    _check_point(row, cohort)
    row.save()
    enter_point(row, cohort)
    _record("cohort.check_point", cohort, by, cohort.programme.organisation, name=row.name, day=due_on.isoformat())
    return row


@transaction.atomic
def edit_check_point(
    *, point: CheckPoint, by: User, version: int, name: str | None = None, due_on: date | None = None
) -> CheckPoint:
    """Another name or day for the whole cohort; what was moved for an intern stays where it was moved.

    Raises StaleError when somebody was faster.
    """
    cohort = _open_cohort_of(point, by)
    row = CheckPoint.objects.select_for_update().get(pk=point.pk)
    _require_fresh(row, version, ("name", "due_on"))
    row.name, row.due_on = name if name is not None else row.name, due_on or row.due_on
    row.require_clean()
    _check_point(row, cohort)
    row.version += 1
    row.save()
    enter_point(row, cohort)
    day = row.due_on.isoformat()
    _record("cohort.edit_check_point", cohort, by, cohort.programme.organisation, name=row.name, day=day)
    return row


@transaction.atomic
def drop_check_point(*, point: CheckPoint, by: User) -> None:
    """Nobody has to give this any more. Raises ConflictError where it was moved for an intern, with a reason."""
    cohort = _open_cohort_of(point, by)
    try:
        with transaction.atomic():
            CheckPoint.objects.get(pk=point.pk).delete()
    except ProtectedError:
        raise ConflictError(_("It was moved for an intern, with a reason, so it stays.")) from None
    leave_point(point)
    _record("cohort.drop_check_point", cohort, by, cohort.programme.organisation, name=point.name)


def _open_cohort_of(point: CheckPoint, by: User) -> Cohort:
    require(by, "programme.manage", point)
    cohort = locked_cohort(point.cohort)
    if cohort.state == CohortState.CLOSED:
        raise ConflictError(_("The cohort is closed."))
    return cohort


def _check_point(row: CheckPoint, cohort: Cohort) -> None:
    if not cohort.starts_on <= row.due_on:
        raise InvalidError(_("A check-point lies within the placements, or after them."), field="due_on")
    same = CheckPoint.objects.filter(cohort=cohort, kind=row.kind, due_on=row.due_on)
    if same.exclude(pk=row.pk).exists():
        raise InvalidError(_("There is one of this kind on this day."), field="due_on")


# --- postings
@transaction.atomic
def write_posting(
    *, cohort: Cohort, organisation: Organisation, by: User, universities: Sequence[Organisation] = (), **facts: Any
) -> Posting:
    """Offer places in a cohort for a host; its coordinators publish it."""
    require(by, "posting.manage", organisation)
    require(by, "programme.view", cohort)
    if organisation.pk == cohort.programme.organisation_id:
        text = _("The host is another organisation than the university; enter a lab of its own as an organisation.")
        raise InvalidError(text, field="organisation")
    if cohort.state == CohortState.CLOSED:
        raise ConflictError(_("The cohort is closed."))
    posting = Posting(cohort=cohort, organisation=organisation, created_by=by, **facts)
    posting.require_clean()
    _check_posting(posting, universities)
    posting.save()
    posting.universities.set(universities)
    _record("posting.write", posting, by, organisation, title=posting.title)
    return posting


@transaction.atomic
def edit_posting(
    *, posting: Posting, by: User, version: int, universities: Sequence[Organisation] | None = None, **changes: Any
) -> Posting:
    """Change what is offered. Changed questions get a number: answers to older ones are not taken for them."""
    require(by, "posting.manage", posting)
    locked = locked_posting(posting)
    if locked.state not in WRITABLE:
        raise ConflictError(_("The posting is closed."))
    if "places" in changes and changes["places"] < locked.applications.filter(seat__isnull=False).count():
        raise ConflictError(_("More places than that are offered or taken already."))
    if "questions" in changes and changes["questions"] != locked.questions:
        locked.questions_version += 1
    chosen = list(locked.universities.all()) if universities is None else list(universities)
    _changed(locked, changes, POSTING_FIELDS, version, check=lambda row: _check_posting(row, chosen))
    locked.universities.set(chosen)
    _record("posting.edit", locked, by, locked.organisation, title=locked.title)
    return locked


@transaction.atomic
def move_posting(*, posting: Posting, move: str, by: User, reason: str = "") -> Posting:
    """The host submits, closes, reopens or withdraws it; the programme publishes it or sends it back."""
    if move not in POSTING_MOVES.table:
        raise InvalidError(_("Choose one of the moves offered."), field="move")
    word = "programme.manage" if move in {"publish", "return"} else "posting.manage"
    require(by, word, posting)
    locked = locked_posting(posting)
    state = POSTING_MOVES.require(move, locked.state, what=str(locked))
    if move in {"return", "withdraw"} and not reason.strip():
        raise InvalidError(_("Give the reason."), field="reason")
    if move in {"submit", "publish"} and locked.cohort.state == CohortState.CLOSED:
        raise ConflictError(_("The cohort is closed."))
    if move == "reopen" and not locked.may_open_again(timezone.now()):
        raise ConflictError(_("The time for applications is over."), code="too_late")
    locked.state, locked.reason = state, reason.strip()
    locked.version += 1
    locked.require_clean()
    locked.save()
    if move == "withdraw":
        for then in _WITHDRAWN:
            then(locked, by)
    _record(f"posting.{move}", locked, by, locked.organisation, title=locked.title)
    university = locked.cohort.programme.organisation
    if move == "submit":
        tell(
            locked,
            gettext_lazy("A posting waits to be published: {row}"),
            who_run(university, "programme.manage"),
            but=by,
        )
    elif move == "reopen":
        people = who_run(university, "programme.manage")
        tell(locked, gettext_lazy("A posting takes applications again: {row}"), people, but=by)
    elif move == "publish":
        tell(locked, gettext_lazy("Your posting is published: {row}"), [locked.created_by], but=by)
    elif move == "return":
        tell(locked, gettext_lazy("Your posting came back: {row}"), [locked.created_by], but=by)
    return locked


def locked_posting(posting: Posting) -> Posting:
    """The row as it is now; two who want its last seat wait for each other here."""
    return _locked_postings().get(pk=posting.pk)


def locked_postings(keys: Any) -> list[Posting]:
    """Several at once, in the order in which everybody locks them."""
    return list(_locked_postings().filter(pk__in=keys).order_by("pk"))


def _locked_postings() -> Any:
    return Posting.objects.select_for_update(of=("self",)).select_related(
        "organisation", "cohort__programme__organisation", "created_by", "project"
    )


def _check_posting(posting: Posting, universities: Sequence[Organisation]) -> None:
    if posting.audience == Audience.CHOSEN and not universities:
        raise InvalidError(_("Choose the universities whose students see it."), field="universities")
    if any(one.kind != OrganisationKind.UNIVERSITY for one in universities):
        raise InvalidError(_("Choose universities."), field="universities")
    if posting.project is not None:
        parties = posting.project.parties.filter(left_on=None).values_list("organisation_id", flat=True)
        if posting.organisation_id not in parties:
            raise InvalidError(
                _("%(name)s is not a party of this project.") % {"name": posting.organisation}, field="project"
            )


def locked_cohort(cohort: Cohort) -> Cohort:
    """The row as it is now. A placement or an application that only names it is still written meanwhile."""
    rows = Cohort.objects.select_for_update(of=("self",), no_key=True).select_related("programme__organisation")
    return rows.get(pk=cohort.pk)


def _require_fresh(row: Any, version: int, known: Sequence[str]) -> None:
    if row.version != version:
        now = {name: getattr(row, name) for name in known}
        raise StaleError(_("Somebody changed it since you opened it. Read it again and repeat your change."), now=now)


def _changed(
    row: Any, changes: dict[str, Any], known: Sequence[str], version: int, check: Callable[[Any], None] | None = None
) -> None:
    """Write the changes into a locked row, checked."""
    _require_fresh(row, version, known)
    for name, value in changes.items():
        if name not in known:
            raise InvalidError(_("There is no such field."), field=name)
        setattr(row, name, value)
    row.version += 1
    row.require_clean()
    if check is not None:
        check(row)
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise InvalidError(_("There is one of this name."), field="name") from None


def _record(verb: str, row: Any, by: User, organisation: Organisation, **data: Any) -> None:
    record(verb=verb, subject=row, by=by, organisation_id=organisation.pk, data=data)
