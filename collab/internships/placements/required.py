"""What must be there before a placement takes its next step, each with the place to mend it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from collab.access.policy import Missing, allowed
from collab.accounts.models import Membership, Organisation, User
from collab.agreements.models import AgreementVersion
from collab.internships.placements.models import LogEntry, Placement
from collab.internships.placements.states import NEXT_MOVE, LogState, PlacementState
from collab.internships.programmes.models import CheckKind, CheckPoint

LATE_EVALUATION = "evaluation_late"  # given up for a reason: nobody waits for ever for somebody who is silent


def missing_for(move: str, placement: Placement) -> list[Missing]:
    """What is not there yet before `move`; empty when it may be done."""
    url = f"{placement.get_absolute_url()}edit/"
    return [Missing(code, text, url) for check in _NEEDS.get(move, ()) for code, text in check(placement)]


def next_for(placement: Placement, user: User) -> tuple[str, list[Missing]]:
    """The move that comes next, empty when none does, and what is missing before it.

    What completion lacks, the coordinators are told alone: it says who has evaluated.
    """
    move = NEXT_MOVE.get(PlacementState(placement.state), "")
    told = move and (move != "complete" or bool(allowed(user, placement, "placement.manage")))
    return move, missing_for(move, placement) if told else []


Found = list[tuple[str, str]]


def _mentor(placement: Placement) -> Found:
    if placement.mentor is None:
        return [("no_mentor", _("No mentor of the host is named."))]
    return _of(placement.mentor, placement.host, "mentor_elsewhere")


def _supervisor(placement: Placement) -> Found:
    if placement.supervisor is None:
        return [("no_supervisor", _("No supervisor of the university is named."))]
    return _of(placement.supervisor, placement.university, "supervisor_elsewhere")


def _of(person: User, organisation: Organisation, code: str) -> Found:
    if belongs(person, organisation):
        return []
    return [(code, _("%(person)s does not belong to %(name)s.") % {"person": person, "name": organisation})]


def belongs(person: User, organisation: Organisation) -> bool:
    return Membership.objects.filter(user=person, organisation=organisation, project=None).active().exists()


def _plan(placement: Placement) -> Found:
    return [] if placement.tasks.strip() else [("no_tasks", _("The tasks are not written down."))]


def _learning(placement: Placement) -> Found:
    found = [] if placement.outcomes.strip() else [("no_outcomes", _("The learning outcomes are not written down."))]
    if not placement.monitoring.strip():
        found.append(("no_monitoring", _("It is not written down how the university follows the placement.")))
    return found


def _dates(placement: Placement) -> Found:
    cohort = placement.cohort
    moved = (placement.starts_on, placement.ends_on) != (cohort.starts_on, cohort.ends_on)
    if moved and not placement.dates_reason.strip():
        return [("no_reason_for_dates", _("The dates are not those of the cohort; say why."))]
    return []


def _host_agreement(placement: Placement) -> Found:
    """Signed by both, in force today, and not ending before the placement does as far as it is known."""
    if placement.host_agreement_id is None:
        return [("no_host_agreement", _("No agreement is named under which the host takes interns of the university."))]
    rows = AgreementVersion.objects.in_force(timezone.now()).filter(agreement=placement.host_agreement_id)
    for party in (placement.host_id, placement.university_id):
        rows = rows.filter(parties__organisation=party)
    if not rows.exists():
        text = _("The host agreement %(ref)s is not in force between the two.")
        return [("host_agreement_not_in_force", text % {"ref": placement.host_agreement.reference})]  # type: ignore[union-attr]
    return []


def _project(placement: Placement) -> Found:
    if placement.project is None:  # it is kept in a frame of the two
        return []
    parties = set(placement.project.parties.filter(left_on=None).values_list("organisation_id", flat=True))
    if {placement.host_id, placement.university_id} - parties:
        return [("not_parties", _("Host and university are not both parties of the project."))]
    return []


def _insurance(placement: Placement) -> Found:
    if not placement.insurer.strip() or placement.insured_until is None:
        return [("no_insurance", _("It is not written down with whom, and until when, the student is insured."))]
    if placement.insured_until < placement.ends_on:
        day = date_format(placement.insured_until)
        return [("insurance_too_short", _("The insurance ends on %(day)s, before the placement does.") % {"day": day})]
    return []


def _contact(placement: Placement) -> Found:
    if placement.contact_name.strip() and placement.contact_phone.strip():
        return []
    return [("no_emergency_contact", _("The student has named nobody to call in an emergency."))]


def _over(placement: Placement) -> Found:
    if timezone.now() >= placement.is_over_at:
        return []
    return [("not_over", _("Its last day, %(day)s, is not over.") % {"day": date_format(placement.ends_on)})]


def _evaluations(placement: Placement) -> Found:
    if placement.evaluations.published().count() == 2:
        return []
    if timezone.now() >= placement.is_over_at + timedelta(days=settings.EVALUATION_WAIT_DAYS):
        text = _("The evaluations of both sides are not in. With a reason it is completed all the same.")
        return [(LATE_EVALUATION, text)]
    return [("no_evaluations", _("The evaluations of both sides are not in."))]


def _log(placement: Placement) -> Found:
    rows = LogEntry.objects.filter(placement=placement)
    if not rows.exists():
        return [("no_log", _("The log book is empty."))]
    if rows.exclude(state=LogState.CONFIRMED).exists():
        return [("log_unconfirmed", _("Entries of the log book wait for the mentor, or for the intern."))]
    return []


def _feedback(placement: Placement) -> Found:
    points = CheckPoint.objects.filter(cohort=placement.cohort_id, kind=CheckKind.FEEDBACK)
    mine = placement.moved_points.filter(check_point__kind=CheckKind.FEEDBACK)
    kept = points.filter(due_on__lte=placement.ends_on).exclude(pk__in=mine.values("check_point"))
    due = kept.exists() or mine.filter(due_on__lte=placement.ends_on).exists()
    given = placement.notes.filter(kind=CheckKind.FEEDBACK).exists()
    return [("no_feedback", _("The milestone feedback is missing."))] if due and not given else []


_NEEDS: dict[str, tuple[Callable[[Placement], Found], ...]] = {
    "approve_host": (_mentor, _plan),
    "approve_university": (_mentor, _plan, _supervisor, _learning, _dates, _host_agreement),
    "send": (_mentor, _supervisor, _host_agreement, _project, _insurance),
    "onboard": (_mentor, _supervisor, _host_agreement, _insurance, _contact),
    "complete": (_over, _log, _feedback, _evaluations),
}
