"""Verbs on joint projects."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import require
from collab.access.roles import Role
from collab.accounts.models import Membership, Organisation, User
from collab.accounts.services import end_role, grant_role
from collab.audit.services import record
from collab.kernel.errors import ConflictError, InvalidError, NotReadyError, StaleError
from collab.kernel.names import slug_of
from collab.projects.guards import effects_of, missing_for
from collab.projects.models import PartyRole, Project, ProjectParty
from collab.projects.services.approval import ask_parties
from collab.projects.states import APPROVED, ENDED, FOLLOWING, JUDGED, PROJECT_MOVES, WITH_REASON, ProjectState

_MLFLOW_OWN = {"default", "workspaces", "api", "ajax-api", "static-files"}  # names MLflow keeps for itself
_RESERVED = _MLFLOW_OWN | {"new"}  # … and the address of the form that begins a project


@transaction.atomic
def create_project(
    *,
    title: str,
    lead_organisation: Organisation,
    by: User,
    partners: Sequence[Organisation] = (),
    summary: str = "",
    title_zh: str = "",
    summary_zh: str = "",
    starts_on: date | None = None,
    ends_on: date | None = None,
    state: str = ProjectState.PROPOSAL,
) -> Project:
    """Begin a joint project of at least one party; the person who begins it leads it for their organisation.

    It begins as a proposal, or as an idea, which only has to have a name.
    """
    require(by, "project.create", lead_organisation)
    if lead_organisation in partners:
        raise InvalidError(
            _("The leading organisation is already a party; choose others as partners."), field="partners"
        )
    if state not in {ProjectState.IDEA, ProjectState.PROPOSAL}:
        raise InvalidError(_("A project begins as an idea or as a proposal."), field="state")
    project = Project(
        state=state,
        slug=free_slug(title),
        title=title,
        title_zh=title_zh,
        summary=summary,
        summary_zh=summary_zh,
        starts_on=starts_on or timezone.localdate(),
        ends_on=ends_on,
        created_by=by,
    )
    if project.ends_on and project.ends_on < project.starts_on:
        raise InvalidError(_("The project would end before it starts."), field="ends_on")
    project.require_clean()
    project.save()
    ProjectParty.objects.create(project=project, organisation=lead_organisation, role=PartyRole.LEAD, lead=by)
    for organisation in partners:
        ProjectParty.objects.create(project=project, organisation=organisation)
    Membership.objects.create(user=by, organisation=lead_organisation, project=project, role=Role.LEAD, granted_by=by)
    record(
        verb="project.create",
        subject=project,
        by=by,
        project_id=project.pk,
        data={"title": title, "parties": [o.slug for o in (lead_organisation, *partners)]},
    )
    return project


@transaction.atomic
def edit_project(
    *,
    project: Project,
    by: User,
    version: int,
    title: str,
    summary: str,
    title_zh: str = "",
    summary_zh: str = "",
    ends_on: date | None = None,
) -> Project:
    """Change what the project says of itself. Raises StaleError when somebody changed it since `version`."""
    require(by, "project.edit", project)
    if ends_on and ends_on < project.starts_on:
        raise InvalidError(_("The project would end before it starts."), field="ends_on")
    state = Project.objects.select_for_update().filter(pk=project.pk).values_list("state", flat=True).get()
    if state in JUDGED:
        raise ConflictError(_("It is being judged as it is. To change it, let it be returned first."))
    if state in ENDED:
        raise ConflictError(_("The project has ended; what it says stays as it is."))
    project.title, project.summary, project.ends_on = title, summary, ends_on
    project.title_zh, project.summary_zh = title_zh, summary_zh
    project.require_clean()
    changed = Project.objects.filter(pk=project.pk, version=version).update(
        title=title,
        summary=summary,
        title_zh=title_zh,
        summary_zh=summary_zh,
        ends_on=ends_on,
        version=F("version") + 1,
    )
    if not changed:
        raise StaleError(
            _("Somebody changed this project since you opened it. Open it again and repeat your change."),
            now=Project.objects.values("title", "title_zh", "summary", "summary_zh", "ends_on").get(pk=project.pk),
        )
    project.refresh_from_db()
    record(verb="project.edit", subject=project, by=by, project_id=project.pk, data={"version": project.version})
    return project


@transaction.atomic
def move_project(*, project: Project, move: str, by: User, reason: str = "") -> Project:
    """Take the project one step on.

    Raises ConflictError when the state does not allow it, NotReadyError naming what must be there first.
    """
    require(by, "project.edit", project)
    if move in FOLLOWING:
        raise ConflictError(_("This follows from the answers of the reviewers and parties; nobody chooses it."))
    return follow(project=project, move=move, by=by, reason=reason)


def follow(*, project: Project, move: str, by: User, reason: str = "") -> Project:
    """A move that whoever calls has the right to; inside a transaction."""
    locked = Project.objects.select_for_update().get(pk=project.pk)
    _require_joint(locked)
    before = locked.state
    target = PROJECT_MOVES.require(move, before, what=str(locked))
    if move in WITH_REASON and not reason.strip():
        raise InvalidError(_("Say why, in a sentence."), field="reason")
    missing = missing_for(move, locked)
    if missing:
        raise NotReadyError(missing)
    locked.state, locked.state_reason = target, reason.strip()
    locked.version += 1
    locked.require_clean()
    locked.save(update_fields=["state", "state_reason", "version"])
    told = effects_of(move, locked, by)
    record(
        verb=f"project.{move}",
        subject=locked,
        by=by,
        project_id=locked.pk,
        data={"from": before, "to": locked.state, **told},
    )
    return locked


@transaction.atomic
def add_party(*, project: Project, organisation: Organisation, by: User) -> ProjectParty:
    """Let another organisation join as a partner; of a project that was approved, its people are asked as well.

    Raises ConflictError while the parties are being asked, once the project closes, and for whoever was a party.
    """
    require(by, "project.edit", project)
    locked = Project.objects.select_for_update().get(pk=project.pk)
    _require_joint(locked)
    if locked.state == ProjectState.IN_APPROVAL:
        raise ConflictError(_("The parties are being asked about this project; withdraw or return it first."))
    if locked.state in ENDED | {ProjectState.CLOSING}:
        raise ConflictError(_("The project is closing or has ended: nobody joins it any more."))
    if ProjectParty.objects.filter(project=project, organisation=organisation).exists():
        raise ConflictError(_("%(name)s is or was already a party.") % {"name": organisation})
    party = ProjectParty.objects.create(project=project, organisation=organisation)
    record(verb="project.add_party", subject=project, by=by, project_id=project.pk, data={"party": organisation.slug})
    if locked.state in APPROVED:
        ask_parties(locked, [party], by)
    return party


@transaction.atomic
def add_member(
    *,
    project: Project,
    user: User,
    organisation: Organisation,
    role: str,
    by: User,
    ends_at: datetime | None = None,
) -> Membership:
    """Give a person a role in the project on behalf of one of its parties."""
    _require_joint(project)
    return grant_role(project=project, user=user, organisation=organisation, role=role, by=by, ends_at=ends_at)


@transaction.atomic
def end_membership(*, membership: Membership, by: User) -> Membership:
    """End a role now. One may end one's own; the last lead stays until another is named."""
    assert membership.project_id is not None
    return end_role(membership=membership, by=by)


def free_slug(title: str) -> str:
    base = slug_of(title, fallback="project", max_length=36)
    slug, number = base, 2
    while slug in _RESERVED or Project.objects.filter(slug=slug).exists():
        slug, number = f"{base}-{number}", number + 1
    return slug


def is_open(project: Project) -> bool:
    """Whether new data and jobs are taken."""
    return project.state == ProjectState.ACTIVE


def _require_joint(project: Project) -> None:
    if project.is_frame:
        raise ConflictError(_("This only keeps agreements of two organisations. Begin a joint project for joint work."))
