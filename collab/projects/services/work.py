"""Verbs on milestones and deliverables: planned, begun, submitted with evidence, accepted by another party."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Missing, holders, party_of, require
from collab.accounts.models import User
from collab.audit.services import record
from collab.kernel.errors import ConflictError, InvalidError, RefusedError, StaleError
from collab.projects.models import Project, ProjectParty, WorkItem
from collab.projects.services.telling import owe, owe_no_more, tell
from collab.projects.states import ENDED, SETTLED, WORK_MOVES, WorkState

_PLANNING = {"drop"}
_OTHERS = {"accept", "return"}


@transaction.atomic
def plan_work(*, project: Project, party: ProjectParty, title: str, due_on: date, by: User, **facts: Any) -> WorkItem:
    """Plan a milestone or a deliverable of one party."""
    require(by, "project.edit", project)
    _require_running(project)
    item = WorkItem(project=project, party=party, title=title, due_on=due_on, **facts)
    _check(item)
    item.save()
    _due(item)
    record(verb="work.plan", subject=item, by=by, project_id=project.pk, data={"title": title, "kind": item.kind})
    return item


@transaction.atomic
def edit_work(*, item: WorkItem, by: User, version: int, **facts: Any) -> WorkItem:
    """Change the plan of something that is not settled. Raises StaleError when somebody was faster."""
    require(by, "project.edit", item.project)
    locked = _locked(item)
    _require_running(locked.project)
    if locked.version != version:
        raise StaleError(
            _("Somebody changed it since you opened it. Open it again and repeat your change."),
            now={name: getattr(locked, name) for name in facts},
        )
    if locked.state in SETTLED | {WorkState.SUBMITTED}:
        raise ConflictError(_("It is submitted or settled; its plan stays as it was."))
    for name, value in facts.items():
        setattr(locked, name, value)
    _check(locked)
    locked.version += 1
    locked.save()
    _due(locked)
    record(verb="work.edit", subject=locked, by=by, project_id=locked.project_id, data={"title": locked.title})
    return locked


@transaction.atomic
def move_work(
    *, item: WorkItem, move: str, by: User, note: str = "", evidence: str = "", evidence_url: str = ""
) -> WorkItem:
    """Begin, submit, accept, return or drop it.

    The responsible party's people begin and submit; another party's people accept and return; who plans may drop it.
    """
    if move not in WORK_MOVES.table:
        raise InvalidError(_("Choose one of %(names)s.") % {"names": ", ".join(WORK_MOVES.table)}, field="move")
    require(by, "project.edit" if move in _PLANNING else "work.deliver", item.project)
    locked = _locked(item)
    _require_running(locked.project)
    if move not in _PLANNING:
        require_side(by, locked.party, own=move not in _OTHERS)
    locked.state = WORK_MOVES.require(move, locked.state, what=str(locked))
    if move in {"return", "drop"} and not note.strip():
        raise InvalidError(_("Say why, in a sentence."), field="note")
    if move == "submit":
        locked.evidence, locked.evidence_url = evidence.strip(), evidence_url
        locked.submitted_by = by
        if not (locked.evidence or evidence_url):
            raise InvalidError(_("Say what shows that it is done, or link to it."), field="evidence")
    if move == "accept":
        locked.accepted_by = by
    if locked.state in SETTLED:
        locked.settled_at = timezone.now()
    locked.note = note.strip()
    locked.version += 1
    locked.require_clean()
    locked.save()
    _due(locked)
    record(verb=f"work.{move}", subject=locked, by=by, project_id=locked.project_id, data={"title": locked.title})
    if move == "submit":
        others = holders("work.deliver", locked.project_id).exclude(pk__in=people_of(locked.party).values("pk"))
        tell(others, gettext_lazy("Something was submitted for acceptance"), locked.get_absolute_url(), locked.project)
    elif move in _OTHERS and locked.submitted_by is not None:
        told = (
            gettext_lazy("What you submitted was accepted")
            if move == "accept"
            else gettext_lazy("What you submitted was returned")
        )
        tell([locked.submitted_by], told, locked.get_absolute_url(), locked.project)
    return locked


def people_of(party: ProjectParty) -> Any:
    """Who acts in the project for a party now."""
    from collab.accounts.models import Membership

    held = Membership.objects.filter(project=party.project_id, organisation=party.organisation_id).active()
    return User.objects.filter(pk__in=held.values("user"))


def require_side(by: User, party: ProjectParty, *, own: bool) -> None:
    """Whether the person acts for this party, or for another; RefusedError otherwise."""
    mine = set(party_of(by, party.project_id).values_list("pk", flat=True))
    if own and party.organisation_id not in mine:
        text = _("Only people of %(party)s, which is responsible, may do this.")
        raise RefusedError([Missing("not_responsible", text % {"party": party.organisation})])
    if not own and not mine - {party.organisation_id}:
        text = _("%(party)s is responsible itself; somebody of another party accepts or returns it.")
        raise RefusedError([Missing("own_work", text % {"party": party.organisation})])


def _locked(item: WorkItem) -> WorkItem:
    rows = WorkItem.objects.select_for_update(of=("self",)).select_related("party__organisation", "project")
    return rows.get(pk=item.pk)


def _require_running(project: Project) -> None:
    if project.state in ENDED:
        raise ConflictError(_("The project has ended; what it says stays as it is."))


def _check(item: WorkItem) -> None:
    if item.party.project_id != item.project_id or item.party.left_on is not None:
        raise InvalidError(_("Choose a party of this project."), field="party")
    if item.due_on < item.project.starts_on:
        raise InvalidError(_("It would be due before the project starts."), field="due_on")
    if item.project.ends_on and item.due_on > item.project.ends_on:
        raise InvalidError(_("It would be due after the project ends."), field="due_on")
    milestone = item.milestone
    if milestone is not None:
        if milestone.project_id != item.project_id or milestone.kind != "milestone" or milestone.pk == item.pk:
            raise InvalidError(_("Choose a milestone of this project."), field="milestone")
        if item.kind == "milestone":
            raise InvalidError(_("A milestone stands alone; deliverables belong to it."), field="milestone")
    item.require_clean()


def _due(item: WorkItem) -> None:
    kind = str(item.kind)
    if item.state in SETTLED:
        owe_no_more(item, kind)
        return
    owe(
        item,
        kind,
        item.title,
        item.due_on,
        item.get_absolute_url(),
        title_zh=item.title_zh,
        project=item.project,
        organisation=item.party.organisation,
    )
