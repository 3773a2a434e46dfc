"""What the pages of internships tell: who is where, what is late, and the outcomes of a cohort."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Avg, Case, Count, Exists, F, OuterRef, Q, QuerySet, When
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.accounts.models import Organisation, User
from collab.internships.applications.states import GOING_ON, Outcome
from collab.internships.models import Application, CheckPoint, Cohort, Evaluation, LogEntry, Placement, PlacementNote
from collab.internships.placements.models import PlacementQuerySet, Side
from collab.internships.placements.points import due_by
from collab.internships.placements.states import BEFORE_SIGNATURE, OPEN, UNDER_WAY, LogState, PlacementState
from collab.internships.programmes.models import CheckKind, Posting
from collab.internships.standing import OF_PLACEMENT, through_roles

LOG_LATE_DAYS = 7


def board_rows(cohort: Cohort, points: Sequence[CheckPoint], today: date) -> QuerySet[Placement]:
    """Placements of the cohort with what a line of the board tells: one query, however many there are.

    `due_…` is how many were due for that intern, whose days may have been moved.
    """
    waiting = LogEntry.objects.filter(placement=OuterRef("pk"), state=LogState.SUBMITTED)
    # Of a confidential incident those alone know who lead the placement, not a programme of another university.
    known = Q(confidential=False) | Q(placement__university=cohort.programme.organisation_id)
    incident = PlacementNote.objects.filter(known, placement=OuterRef("pk"), kind="incident", settled_at=None)
    return (
        Placement.objects.filter(cohort=cohort)
        .with_names()
        .annotate(
            log_waits=Exists(waiting),
            incident=Exists(incident),
            check_ins=Count("notes", filter=Q(notes__kind="check_in"), distinct=True),
            feedbacks=Count("notes", filter=Q(notes__kind="feedback"), distinct=True),
            evaluated=Count("evaluations", distinct=True),
            by_intern=Exists(Evaluation.objects.filter(placement=OuterRef("pk"), side=Side.INTERN)),
            by_mentor=Exists(Evaluation.objects.filter(placement=OuterRef("pk"), side=Side.MENTOR)),
            **{f"due_{kind}": due_by(kind, list(points), today) for kind in CheckKind},
        )
        .order_by("starts_on", "student__name", "pk")
    )


def tell_late(rows: Sequence[Any], today: date) -> None:
    """Put what is late, and whom to remind, on each row of `board_rows`, from what it loaded."""
    for row in rows:
        row.late = _late(row, today)
        row.waits_for = list(dict.fromkeys(whom for one in row.late for whom in one.whom))


@dataclass(frozen=True)
class Late:
    """Something that is due, and those who are to do it: people, or an organisation whose offices are."""

    what: str
    whom: tuple[User | Organisation, ...]

    def __str__(self) -> str:
        return self.what


def _late(row: Any, today: date) -> list[Late]:
    mentor = row.mentor or row.host
    if row.state in BEFORE_SIGNATURE and row.starts_on <= today:
        whom = {
            PlacementState.PROPOSED: (row.host,),
            PlacementState.OUT_FOR_SIGNATURE: (row.student, row.host, row.university),
        }.get(row.state, (row.university,))
        return [Late(_("should have begun, and is not signed"), whom)]
    if row.state == PlacementState.SIGNED and row.starts_on <= today:
        named = row.contact_name.strip() and row.contact_phone.strip()
        whom = (row.university,) if named else (row.university, row.student)
        return [Late(_("should have begun, and nobody let it begin"), whom)]
    if row.state not in UNDER_WAY:
        return []
    found = []
    if row.check_ins < row.due_check_in:
        found.append(Late(_("check-in"), (row.student,)))
    if row.feedbacks < row.due_feedback:
        found.append(Late(_("feedback"), (mentor,)))
    if row.evaluated < 2 and (row.due_evaluation or row.ends_on < today):
        sides = ((row.by_intern, row.student), (row.by_mentor, mentor))
        found.append(Late(_("evaluation"), tuple(person for given, person in sides if not given)))
    if row.log_waits:
        found.append(Late(_("log book to confirm"), (mentor,)))
    if row.incident:
        found.append(Late(_("open incident"), (row.university,)))
    if row.state == PlacementState.ONBOARDED and row.ends_on < today and row.evaluated == 2 and not found:
        found.append(Late(_("to be completed"), (row.university,)))
    return found


def late_q(today: date) -> Q:
    """The same in SQL, to list only what is late."""
    found = Q(check_ins__lt=F("due_check_in")) | Q(feedbacks__lt=F("due_feedback"))
    found |= Q(log_waits=True) | Q(incident=True)
    found |= Q(evaluated__lt=2) & (Q(due_evaluation__gt=0) | Q(ends_on__lt=today))
    begun = Q(state__in=[*(s.value for s in BEFORE_SIGNATURE), PlacementState.SIGNED.value], starts_on__lte=today)
    over = Q(state=PlacementState.ONBOARDED.value, ends_on__lt=today, evaluated=2)
    return Q(state__in=[s.value for s in UNDER_WAY]) & found | begun | over


def placements_of_offices(user: User) -> PlacementQuerySet:
    """Placements of the organisations in which a role lets the person see them: of students, of interns, or of both."""
    found = through_roles(user, "placement.view", timezone.now(), OF_PLACEMENT)
    return Placement.objects.visible_to(user).filter(found)


def roster_rows(cohort: Cohort) -> QuerySet[Placement]:
    """Who is where: everybody of the cohort whose placement was not cancelled."""
    rows = Placement.objects.filter(cohort=cohort).exclude(state=PlacementState.CANCELLED).with_names()
    return rows.prefetch_related("moved_points").order_by("student__name", "starts_on", "pk")


def tell_next(rows: Sequence[Any], points: Sequence[CheckPoint], today: date) -> None:
    """Put the next date on each row of `roster_rows`, and what it is: begin, check-point or end."""
    for row in rows:
        moved = {one.check_point_id: one.due_on for one in row.moved_points.all()}
        dates = [(row.starts_on, _("begins")), (row.ends_on, _("ends"))]
        dates += [(moved.get(point.pk, point.due_on), point.name) for point in points]
        ahead = [one for one in dates if one[0] >= today] if row.state in OPEN else []
        row.next_on, row.next_what = min(ahead, default=(None, ""))


def stages_of(cohort: Cohort) -> tuple[dict[str, int], dict[str, int]]:
    """How many applications, and how many placements, are in each state: two queries."""
    applications = (
        Application.objects.filter(cohort=cohort).sent().order_by().values_list("state").annotate(n=Count("pk"))
    )
    placements = Placement.objects.filter(cohort=cohort).order_by().values_list("state").annotate(n=Count("pk"))
    return dict(applications), dict(placements)


def outcomes_of(cohort: Cohort) -> dict[str, Any]:
    """What came of the cohort, in figures."""
    applications, placements = stages_of(cohort)
    sent = Application.objects.filter(cohort=cohort).sent()
    students = sent.aggregate(n=Count("candidate", distinct=True))["n"]
    placed = Placement.objects.filter(cohort=cohort).exclude(state=PlacementState.CANCELLED)
    got = placed.aggregate(n=Count("student", distinct=True))["n"]
    first = sent.filter(placement__isnull=False, choice=1).count()
    scores = dict(
        Evaluation.objects.published()
        .filter(placement__cohort=cohort)
        .order_by()
        .values_list("side")
        .annotate(n=Avg("total"))
    )
    over = {state: placements.get(state, 0) for state in ("completed", "failed", "terminated", "cancelled")}
    return {
        "applications": sum(applications.values()),
        "students": students,
        "placed": got,
        "first_choice": first,
        "places": sum(Posting.objects.filter(cohort=cohort).values_list("places", flat=True)),
        "running": sum(placements.get(state.value, 0) for state in OPEN),
        "of_interns": scores.get(Side.MENTOR),
        "of_hosts": scores.get(Side.INTERN),
        **over,
    }


def hosts_of(cohort: Cohort) -> list[dict[str, Any]]:
    """One line for each host: places, applications, placements, completed, and how interns evaluated it."""
    rows = Posting.objects.filter(cohort=cohort).order_by().select_related("organisation")
    found: dict[Any, dict[str, Any]] = {}
    sent = _count(Application.objects.filter(cohort=cohort).sent().values_list("posting__organisation"))
    placed = _count(Placement.objects.filter(cohort=cohort).values_list("host"))
    done = _count(Placement.objects.filter(cohort=cohort, state=PlacementState.COMPLETED).values_list("host"))
    scores = dict(
        Evaluation.objects.published().filter(placement__cohort=cohort, side=Side.INTERN)
        .order_by().values_list("placement__host").annotate(n=Avg("total"))
    )  # fmt: skip
    for row in rows:
        line = found.setdefault(row.organisation_id, {"name": str(row.organisation), "places": 0})
        line["places"] += row.places
    for key, line in found.items():
        line |= {"applications": sent.get(key, 0), "placed": placed.get(key, 0), "completed": done.get(key, 0)}
        line["score"] = scores.get(key)
    return sorted(found.values(), key=lambda line: line["name"])


def _count(rows: Any) -> dict[Any, int]:
    return dict(rows.order_by().annotate(n=Count("pk")))


def steps_of(cohort: Cohort) -> list[dict[str, Any]]:
    """The dates of a cohort in order, and which of them are over."""
    now, today = timezone.now(), timezone.localdate()
    moments = [
        (_("Postings are shown"), cohort.publishes_at),
        (_("Applications open"), cohort.opens_at),
        (_("Applications close"), cohort.closes_at),
        (_("Ranking ends"), cohort.ranking_ends_at),
    ]
    days = [(_("Placements begin"), cohort.starts_on), (_("Placements end"), cohort.ends_on)]
    rows = [{"label": label, "at": at, "over": at < now, "moment": True} for label, at in moments]
    rows += [{"label": label, "at": day, "over": day < today, "moment": False} for label, day in days]
    return rows


def pairs_of(cohort: Cohort) -> QuerySet[Application]:
    """What the newest matching made of each application that goes on: first the pairs, then whom it left without."""
    rows = Application.objects.filter(cohort=cohort, state__in=sorted(GOING_ON)).exclude(outcome="")
    paired = Q(outcome__in=[Outcome.MATCHED, Outcome.FORCED])
    return rows.with_names().annotate(paired=Case(When(paired, then=0), default=1)).order_by(
        "paired", "candidate__name", "choice", "pk"
    )  # fmt: skip


def ranked(rows: QuerySet[Application]) -> QuerySet[Application]:
    """First those that the host ranked, best first; then by the board's mean score."""
    return rows.annotate(
        score=Avg("reviews__score"), given=Count("reviews", filter=Q(reviews__score__isnull=False), distinct=True)
    ).order_by(F("rank").asc(nulls_last=True), F("score").desc(nulls_last=True), "submitted_at", "pk")
