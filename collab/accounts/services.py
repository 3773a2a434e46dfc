"""Verbs on people and organisations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from collab.access.policy import Missing, get_or_404, require
from collab.access.roles import ORGANISATION_ROLES, PROJECT_ROLES, Role
from collab.accounts import second_factor
from collab.accounts.models import (
    ApiToken,
    Membership,
    MembershipQuerySet,
    Organisation,
    OrganisationKind,
    OrganisationUnit,
    TokenScope,
    User,
)
from collab.accounts.tokens import digest_of, new_secret
from collab.audit.services import record
from collab.kernel.errors import ConflictError, InvalidError, NotFoundError, RefusedError, StaleError
from collab.kernel.identifiers import canonical_domain, canonical_orcid, canonical_ror
from collab.kernel.months import add_months
from collab.kernel.names import slug_of

TOKEN_DAYS_MAX = 366
UNIT_DEPTH_MAX = 8
UNITS_MAX = 500
ORGANISATION_FIELDS = (
    "name",
    "name_zh",
    "kind",
    "country",
    "ror",
    "registration_id",
    "website",
    "email_domains",
    "domains_only",
    "review_months",
    "review_due_on",
)
_SLUGS_RESERVED = {"new"}


@transaction.atomic
def create_token(*, by: User, name: str, scope: str, days: int, project: object | None = None) -> tuple[ApiToken, str]:
    """Make a personal token; the second value is the secret, shown this once.

    Raises InvalidError for a scope or life that is not possible, RefusedError when a token asks.
    """
    if getattr(by, "token", None) is not None:
        raise RefusedError([_no_breeding()])
    if scope not in TokenScope.values:
        raise InvalidError(_("Choose “read” or “write”."), field="scope")
    if not 1 <= days <= TOKEN_DAYS_MAX:
        raise InvalidError(_("A token lives between 1 and %(n)d days.") % {"n": TOKEN_DAYS_MAX}, field="days")
    if project is not None:
        require(by, "project.view", project)  # type: ignore[arg-type]
    secret = new_secret()
    token = ApiToken(
        user=by,
        name=name,
        scope=scope,
        hint=secret[:8],
        digest=digest_of(secret),
        project=project,  # type: ignore[misc]
        expires_at=timezone.now() + timedelta(days=days),
    )
    token.require_clean(exclude=["digest", "hint"])
    token.save()
    record(verb="token.create", subject=token, by=by, data={"scope": scope, "days": days})
    return token, secret


def _no_breeding() -> Missing:
    return Missing("token_breeds", _("Tokens are made in the browser, not with another token."))


@transaction.atomic
def revoke_token(*, by: User, token_id: object) -> ApiToken:
    """End one of one's own tokens now. Revoking twice is no error."""
    token = get_or_404(by, "token.manage", ApiToken.objects.select_for_update(), pk=token_id)
    if token.revoked_at is None:
        token.revoked_at = timezone.now()
        token.save(update_fields=["revoked_at"])
        record(verb="token.revoke", subject=token, by=by)
    return token


@transaction.atomic
def edit_profile(*, by: User, name: str, language: str, orcid: str | None = None) -> User:
    """Change one's own name, language and ORCID iD; an empty language is the browser's.

    Signatures keep the name they had. An ORCID iD of None stays as it is.
    """
    try:
        by.name = User._meta.get_field("name").clean(name.strip(), by)
    except ValidationError as fault:
        raise InvalidError(" ".join(fault.messages), field="name") from None
    by.language = _known_language(language)
    if orcid is not None:
        by.orcid = _known_orcid(orcid, by)
    by.save(update_fields=["name", "language", "orcid"])
    record(verb="person.edit", subject=by, by=by)
    return by


def _known_orcid(text: str, user: User) -> str:
    try:
        orcid = canonical_orcid(text) if text.strip() else ""
    except ValidationError as fault:
        raise InvalidError(" ".join(fault.messages), field="orcid") from None
    if orcid and User.objects.filter(orcid=orcid).exclude(pk=user.pk).exists():
        raise ConflictError(_("Somebody else has given this ORCID iD as theirs."), field="orcid")
    return orcid


def choose_language(*, by: User, language: str) -> User:
    """Remember the language a person chose, for every device. Raises InvalidError for one we do not have."""
    by.language = _known_language(language)
    by.save(update_fields=["language"])
    return by


def _known_language(language: str) -> str:
    if language and language not in dict(settings.LANGUAGES):
        raise InvalidError(_("Choose one of the languages."), field="language")
    return language


# --- organisations
@transaction.atomic
def found_organisation(*, name: str, kind: str, by: User | None, **facts: Any) -> Organisation:
    """Add an organisation; `by` None is the set-up command.

    Platform staff add any. Where the installation lets everybody (`FOUND_ORGANISATIONS`), the person becomes its first
    admin. Raises NotFoundError for others, InvalidError naming what does not fit.
    """
    first_admin = by is not None and not by.is_staff
    if by is not None:
        if first_admin and settings.FOUND_ORGANISATIONS != "anyone":
            raise NotFoundError
        require_whole_token(by)
    organisation = _described(Organisation(slug=_free_organisation_slug(name)), {"name": name, "kind": kind} | facts)
    organisation.save()
    if by is not None and first_admin:
        Membership.objects.create(user=by, organisation=organisation, role=Role.ORGANISATION_ADMIN, granted_by=by)
    record(verb="organisation.found", subject=organisation, by=by, data={"name": organisation.name, "kind": kind})
    return organisation


def may_found(user: User) -> bool:
    """Whether the person may add an organisation here."""
    return user.is_staff or settings.FOUND_ORGANISATIONS == "anyone"


def require_whole_token(by: User) -> None:
    """Raises RefusedError for a token that only reads, or that is good for one project alone."""
    require_write_token(by)
    token: ApiToken | None = getattr(by, "token", None)
    if token is not None and token.project_id is not None:
        sentence = _("Your token “%(name)s” is good for one project alone.") % {"name": token.name}
        raise RefusedError([Missing("token_project", sentence)])


def require_write_token(by: User) -> None:
    """Raises RefusedError for a token that only reads: for verbs on one's own rows, which no other word guards."""
    token: ApiToken | None = getattr(by, "token", None)
    if token is not None and token.scope == TokenScope.READ:
        raise RefusedError([Missing("token_scope", _("Your token “%(name)s” may only read.") % {"name": token.name})])


@transaction.atomic
def edit_organisation(*, organisation: Organisation, by: User, version: int, **facts: Any) -> Organisation:
    """Change what the organisation says of itself; fields left out stay. Raises StaleError when somebody was faster."""
    _require_organisation(by, organisation)
    locked = Organisation.objects.select_for_update().get(pk=organisation.pk)
    if locked.version != version:
        raise StaleError(
            _("Somebody changed this organisation since you opened it."),
            now={name: getattr(locked, name) for name in ORGANISATION_FIELDS},
        )
    _described(locked, facts)
    locked.version += 1
    locked.save()
    record(verb="organisation.edit", subject=locked, by=by, data={"version": locked.version, "fields": sorted(facts)})
    return locked


def _described(organisation: Organisation, facts: dict[str, Any]) -> Organisation:
    """The organisation with these facts in their one spelling; raises InvalidError naming the field at fault."""
    for name, value in facts.items():
        if name not in ORGANISATION_FIELDS:
            raise TypeError(f"an organisation has no {name}")
        setattr(organisation, name, value.strip() if isinstance(value, str) else value)
    if organisation.kind not in OrganisationKind.values:
        raise InvalidError(_("Choose a kind of organisation."), field="kind")
    organisation.country = organisation.country.upper()
    try:
        organisation.ror = canonical_ror(organisation.ror) if organisation.ror else ""
    except ValidationError as fault:
        raise InvalidError(" ".join(fault.messages), field="ror") from None
    try:
        organisation.email_domains = list(dict.fromkeys(canonical_domain(d) for d in organisation.email_domains))
    except ValidationError as fault:
        raise InvalidError(" ".join(fault.messages), field="email_domains") from None
    if organisation.domains_only and not organisation.email_domains:
        raise InvalidError(_("Write at least one domain that invitations may go to."), field="email_domains")
    months, due = organisation.review_months, organisation.review_due_on
    if months is not None and not 1 <= months <= 60:
        raise InvalidError(_("Between 1 and 60 months."), field="review_months")
    if months is not None and due is None:
        organisation.review_due_on = add_months(timezone.localdate(), months)
    organisation.require_clean(exclude=["slug"])
    if organisation.ror and Organisation.objects.filter(ror=organisation.ror).exclude(pk=organisation.pk).exists():
        raise ConflictError(_("Another organisation has this ROR id; perhaps it is here already."), field="ror")
    return organisation


def _free_organisation_slug(name: str) -> str:
    base = slug_of(name, fallback="org", max_length=36)
    slug, number = base, 2
    while slug in _SLUGS_RESERVED or Organisation.objects.filter(slug=slug).exists():
        slug, number = f"{base}-{number}", number + 1
    return slug


# --- units
@transaction.atomic
def add_unit(
    *, organisation: Organisation, name: str, by: User, name_zh: str = "", parent: OrganisationUnit | None = None
) -> OrganisationUnit:
    """Add a faculty, an institute, a department, perhaps as part of another."""
    _lock_units(organisation, by)
    if organisation.units.count() >= UNITS_MAX:
        raise ConflictError(_("An organisation has at most %(n)d units.") % {"n": UNITS_MAX})
    unit = OrganisationUnit(organisation=organisation, name=name.strip(), name_zh=name_zh.strip(), parent=parent)
    _placed(unit)
    unit.save()
    record(verb="organisation.add_unit", subject=organisation, by=by, data={"unit": unit.name})
    return unit


@transaction.atomic
def edit_unit(
    *,
    unit: OrganisationUnit,
    by: User,
    version: int,
    name: str,
    name_zh: str = "",
    parent: OrganisationUnit | None = None,
) -> OrganisationUnit:
    """Rename a unit or put it elsewhere; never below itself."""
    _lock_units(unit.organisation, by)
    unit.refresh_from_db()
    if unit.version != version:
        raise StaleError(
            _("Somebody changed this unit since you opened it."), now={"name": unit.name, "parent": str(unit.parent)}
        )
    unit.name, unit.name_zh, unit.parent, unit.version = name.strip(), name_zh.strip(), parent, version + 1
    _placed(unit)
    unit.save()
    record(verb="organisation.edit_unit", subject=unit.organisation, by=by, data={"unit": unit.name})
    return unit


@transaction.atomic
def remove_unit(*, unit: OrganisationUnit, by: User) -> None:
    """Take away a unit in which nobody is, or ever was: history keeps its names."""
    organisation = unit.organisation
    _lock_units(organisation, by)
    if unit.parts.exists():
        raise ConflictError(_("“%(unit)s” has parts: move or remove them first.") % {"unit": unit})
    if unit.memberships.exists():
        raise ConflictError(
            _("People are or were in “%(unit)s”, and their roles say so. Rename it instead.") % {"unit": unit}
        )
    name = unit.name
    unit.delete()
    record(verb="organisation.remove_unit", subject=organisation, by=by, data={"unit": name})


def _lock_units(organisation: Organisation, by: User) -> None:
    _require_organisation(by, organisation)
    Organisation.objects.select_for_update().get(pk=organisation.pk)


def _placed(unit: OrganisationUnit) -> None:
    """Raises InvalidError when the unit would stand in another organisation, below itself, too deep or doubled."""
    unit.require_clean(exclude=["parent"])
    if unit.parent is not None and unit.parent.organisation_id != unit.organisation_id:
        raise InvalidError(_("This unit belongs to another organisation."), field="parent")
    parents = dict(OrganisationUnit.objects.filter(organisation=unit.organisation).values_list("pk", "parent"))
    above, depth = unit.parent_id, 1
    while above is not None:
        depth += 1
        if above == unit.pk:
            raise InvalidError(_("A unit cannot be a part of itself."), field="parent")
        if depth > UNIT_DEPTH_MAX:
            raise InvalidError(_("Units go %(n)d levels deep at most.") % {"n": UNIT_DEPTH_MAX}, field="parent")
        above = parents.get(above)
    twin = OrganisationUnit.objects.filter(organisation=unit.organisation, parent=unit.parent, name=unit.name)
    if twin.exclude(pk=unit.pk).exists():
        raise ConflictError(_("There is a unit of this name here already."), field="name")


# --- roles
@transaction.atomic
def grant_role(
    *,
    organisation: Organisation,
    user: User,
    role: str,
    by: User | None,
    project: Any = None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    unit: OrganisationUnit | None = None,
    job_title: str = "",
    limits: str = "",
) -> Membership:
    """Give a person a role for an organisation: in itself, or in a project. `by` None is the set-up command.

    Raises RefusedError or NotFoundError when `by` does not manage the roles there, or means themselves.
    """
    if project is None:
        if by is not None:
            _require_organisation(by, organisation)
    elif by is not None:
        require(by, "member.manage", project)
    if by is not None and by.pk == user.pk and not by.is_superuser:
        raise RefusedError([Missing("own_role", _("Nobody gives themselves a role: ask another admin or lead."))])
    return place_role(
        organisation=organisation,
        user=user,
        role=role,
        granted_by=by,
        by=by,
        project=project,
        starts_at=starts_at,
        ends_at=ends_at,
        unit=unit,
        job_title=job_title,
        limits=limits,
    )


def place_role(
    *,
    organisation: Organisation,
    user: User,
    role: str,
    granted_by: User | None,
    by: User | None,
    project: Any = None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    unit: OrganisationUnit | None = None,
    job_title: str = "",
    limits: str = "",
) -> Membership:
    """The checks and the row of a granted role, once it is clear that it may be granted (also by an invitation)."""
    if project is None and role not in ORGANISATION_ROLES:
        raise InvalidError(_("This role is held in a project, not in an organisation."), field="role")
    if project is not None and role not in PROJECT_ROLES:
        raise InvalidError(_("This role is held in an organisation, not in a project."), field="role")
    if role == Role.INTERN:
        raise InvalidError(_("An intern's role comes with the placement, and ends with it."), field="role")
    if not user.is_active:
        raise InvalidError(_("%(person)s can no longer sign in.") % {"person": user}, field="user")
    now = timezone.now()
    starts_at = starts_at or now
    if ends_at is not None and ends_at <= max(now, starts_at):
        raise InvalidError(_("The role would end before it begins, or would already have ended."), field="ends_at")
    # Whoever leaves, and whoever gives the same role, waits for this: neither sees half of the other.
    Organisation.objects.select_for_update().get(pk=organisation.pk)
    if project is not None:
        _lock_projects([project.pk])
        _may_act_for(user, organisation, project, ends_at)
    elif role == Role.ORGANISATION_ADMIN and ends_at is not None and not _other_admins(organisation).exists():
        raise InvalidError(
            _("The first admin of %(name)s is named without an end.") % {"name": organisation}, field="ends_at"
        )
    if unit is not None and unit.organisation_id != organisation.pk:
        raise InvalidError(_("This unit belongs to another organisation."), field="unit")
    if limits and role != Role.SIGNATORY:
        raise InvalidError(_("Only a signatory has limits to what they may sign."), field="limits")
    held = Membership.objects.filter(user=user, project=project, role=role)
    held = held.filter(organisation=organisation) if project is None else held
    if held.exclude(ends_at__lte=starts_at).exists():
        raise ConflictError(_("%(person)s already holds this role.") % {"person": user})
    membership = Membership(
        user=user,
        organisation=organisation,
        project=project,
        role=Role(role),
        starts_at=starts_at,
        ends_at=ends_at,
        granted_by=granted_by,
        unit=unit,
        job_title=job_title.strip(),
        limits=limits.strip(),
    )
    membership.require_clean()
    membership.save()
    if project is None:
        record(
            verb="organisation.grant_role",
            subject=organisation,
            by=by,
            data={"user": str(user.pk), "role": role, "organisation": organisation.slug},
        )
    else:
        record(
            verb="member.add",
            subject=membership,
            by=by,
            project_id=project.pk,
            data={"user": str(user.pk), "role": role, "for": organisation.slug},
        )
    return membership


def grant_organisation_role(
    *, organisation: Organisation, user: User, role: str, by: User | None, ends_at: datetime | None = None
) -> Membership:
    """Make a person employee, signatory or admin of an organisation."""
    return grant_role(organisation=organisation, user=user, role=role, by=by, ends_at=ends_at)


@transaction.atomic
def edit_role(
    *,
    membership: Membership,
    by: User,
    version: int,
    ends_at: datetime | None,
    unit: OrganisationUnit | None = None,
    job_title: str = "",
    limits: str = "",
) -> Membership:
    """Change until when a role lasts, and what is written beside it. Raises StaleError when somebody was faster."""
    _require_manages(by, membership)
    _lock_scope(membership)
    locked = Membership.objects.select_for_update().get(pk=membership.pk)
    if locked.version != version:
        raise StaleError(
            _("Somebody changed this role since you opened it."),
            now={name: getattr(locked, name) for name in ("ends_at", "job_title", "limits")},
        )
    if locked.has_ended:
        raise ConflictError(_("This role has ended; give a new one instead."))
    if locked.role == Role.INTERN and (ends_at is None or (locked.ends_at and ends_at > locked.ends_at)):
        raise InvalidError(_("An intern's role ends with the placement; extend that."), field="ends_at")
    if ends_at is not None and ends_at <= max(timezone.now(), locked.starts_at):
        raise InvalidError(_("To end a role now, end it; a later end lies in the future."), field="ends_at")
    if unit is not None and (unit.organisation_id != locked.organisation_id or locked.project_id is not None):
        raise InvalidError(_("This unit belongs to another organisation."), field="unit")
    if limits and locked.role != Role.SIGNATORY:
        raise InvalidError(_("Only a signatory has limits to what they may sign."), field="limits")
    if ends_at is not None and locked.ends_at is None:
        _keep_the_last(locked)
    if locked.project_id is not None and (ends_at is None or (locked.ends_at and ends_at > locked.ends_at)):
        _may_act_for(locked.user, locked.organisation, locked.project, ends_at)
    locked.ends_at, locked.unit = ends_at, unit
    locked.job_title, locked.limits = job_title.strip(), limits.strip()
    locked.version += 1
    locked.require_clean()
    locked.save()
    if locked.project_id is None:
        _shorten_project_roles(locked, by)
    _record_role("change_role", locked, by, {"until": ends_at.isoformat() if ends_at else ""})
    return locked


def change_role_end(*, membership: Membership, by: User, version: int, ends_at: datetime | None) -> Membership:
    """Change only until when a role lasts; None: until somebody ends it."""
    return edit_role(
        membership=membership,
        by=by,
        version=version,
        ends_at=ends_at,
        unit=membership.unit,
        job_title=membership.job_title,
        limits=membership.limits,
    )


@transaction.atomic
def end_role(*, membership: Membership, by: User, reason: str = "") -> Membership:
    """End a role now; one may end one's own. With the last role in an organisation end those in projects for it.

    Raises ConflictError for the last admin of an organisation and the last lead of a project. Twice is no error.
    """
    if membership.user_id != by.pk:
        _require_manages(by, membership)
    require_write_token(by)
    _lock_scope(membership)
    locked = Membership.objects.select_for_update().get(pk=membership.pk)
    if not locked.has_ended:
        _end([locked], by, reason)
    membership.refresh_from_db()
    return membership


@dataclass(frozen=True)
class Leaving:
    """What ends when a person leaves: their roles there, and with them those in projects."""

    roles: list[Membership]
    projects: list[Membership]
    refusals: list[str]


def what_leaving_ends(*, user: User, organisation: Organisation) -> Leaving:
    """What would end, and what stands against it; nothing is changed."""
    mine = Membership.objects.of(user).exclude(ends_at__lte=timezone.now()).filter(organisation=organisation)
    rows = list(mine.select_related("organisation", "project", "user").order_by("starts_at"))
    refusals = []
    for row in rows:
        try:
            _keep_the_last(row)
        except ConflictError as fault:
            refusals.append(str(fault))
    return Leaving([r for r in rows if r.project_id is None], [r for r in rows if r.project_id], refusals)


@transaction.atomic
def leave_organisation(*, organisation: Organisation, by: User) -> list[Membership]:
    """End all one's own roles for the organisation, also in projects, at once."""
    require_whole_token(by)
    Organisation.objects.select_for_update().get(pk=organisation.pk)
    leaving = what_leaving_ends(user=by, organisation=organisation)
    if not leaving.roles:
        raise ConflictError(_("You hold no role in %(name)s.") % {"name": organisation})
    _end([*leaving.roles, *leaving.projects], by, "")
    return [*leaving.roles, *leaving.projects]


@transaction.atomic
def leave_project(*, project: Any, by: User) -> list[Membership]:
    """End all one's own roles in the project at once."""
    require(by, "project.view", project)
    require_write_token(by)
    mine = Membership.objects.of(by).of_project(project).exclude(ends_at__lte=timezone.now())
    rows = list(mine.select_related("organisation", "project", "user"))
    if not rows:
        raise ConflictError(_("You hold no role in this project; you see it through your organisation."))
    _end(rows, by, "")
    return rows


def _require_manages(by: User, membership: Membership) -> None:
    if membership.project_id is not None:
        require(by, "member.manage", membership.project)  # type: ignore[arg-type]
    else:
        _require_organisation(by, membership.organisation)


def _require_organisation(by: User, organisation: Organisation) -> None:
    """Its admins, and platform admins (in the administration), who owe a second factor there as well."""
    if not by.is_superuser:
        require(by, "organisation.manage", organisation)
    elif second_factor.is_required() and not second_factor.has_second_factor(by):
        raise RefusedError([second_factor.missing()])


def _lock_scope(membership: Membership) -> None:
    """The organisation before the project, everywhere, so that two acts never wait for each other."""
    if membership.project_id is None:
        Organisation.objects.select_for_update().get(pk=membership.organisation_id)
    else:
        _lock_projects([membership.project_id])


def _lock_projects(keys: Iterable[object]) -> None:
    projects: Any = Membership._meta.get_field("project").related_model
    list(projects._default_manager.select_for_update().filter(pk__in=set(keys)).order_by("pk").values_list("pk"))


def _other_admins(organisation: Organisation) -> MembershipQuerySet:
    rows: MembershipQuerySet = Membership.objects.in_organisations().filter(organisation=organisation)
    return rows.filter(role=Role.ORGANISATION_ADMIN).open_ended()


def _keep_the_last(membership: Membership, going: Sequence[object] = ()) -> None:
    """Raises ConflictError when an organisation would be left without an admin, or a project without a lead."""
    if membership.role not in (Role.ORGANISATION_ADMIN, Role.LEAD):
        return
    scope = {"organisation": membership.organisation_id} if membership.project_id is None else {}
    others: MembershipQuerySet = Membership.objects.filter(role=membership.role, project=membership.project_id, **scope)
    others = others.exclude(pk__in=[membership.pk, *going])
    left = others.open_ended() if membership.ends_at is None else others.active()
    if left.exists():
        return
    if membership.project_id is None:
        raise ConflictError(
            _("%(name)s needs an admin without an end: name another one first.") % {"name": membership.organisation},
            code="last_admin",
        )
    raise ConflictError(
        _("A project needs a lead: name another one without an end first."),
        code="last_lead",
    )


def _end(rows: Sequence[Membership], by: User, reason: str) -> None:
    """End these roles now, and the roles in projects of whoever no longer belongs to the organisation."""
    now = timezone.now()
    keys = {row.pk for row in rows}
    also: list[Membership] = []
    for row in rows:
        if row.project_id is None:
            left = Membership.objects.of(row.user).in_organisations().filter(organisation=row.organisation_id)
            if not left.active(now).exclude(pk__in=keys).exists():  # a role that begins later is none yet
                acting = Membership.objects.of(row.user).in_projects().filter(organisation=row.organisation_id)
                found = acting.exclude(ends_at__lte=now).exclude(pk__in=keys | {a.pk for a in also})
                also += list(found.select_related("organisation", "project", "user"))
    everything = [*rows, *also]
    _lock_projects(row.project_id for row in everything if row.project_id)
    going = [row.pk for row in everything]
    for row in everything:
        _keep_the_last(row, going)
    for row in everything:
        row.ends_at = max(now, row.starts_at)
        row.version += 1
        row.save(update_fields=["ends_at", "version"])
        _record_role("end_role", row, by, {"reason": reason} if reason else {})
    for row in rows:
        if row.project_id is None:
            _shorten_project_roles(row, by)  # what is left of their roles there may end one day


def _record_role(act: str, row: Membership, by: User, data: dict[str, Any]) -> None:
    about = {"user": str(row.user_id), "role": row.role} | data
    if row.project_id is None:
        about["organisation"] = row.organisation.slug
        record(verb=f"organisation.{act}", subject=row.organisation, by=by, data=about)
    else:
        verb = {"end_role": "member.end", "change_role": "member.change"}[act]
        record(verb=verb, subject=row, by=by, project_id=row.project_id, data=about)


def belongs_until(user: User, organisation: Organisation) -> datetime | bool | None:
    """Until when the person belongs to the organisation: a moment, None for without end, False for not at all."""
    ends = list(
        Membership.objects.of(user).in_organisations().filter(organisation=organisation).active()
        .values_list("ends_at", flat=True)
    )  # fmt: skip
    if not ends:
        return False
    return None if None in ends else max(end for end in ends if end is not None)


def _may_act_for(user: User, organisation: Organisation, project: Any, ends_at: datetime | None) -> None:
    if not organisation.project_parties.filter(project=project, left_on=None).exists():  # type: ignore[attr-defined]
        raise InvalidError(_("%(name)s is not a party of this project.") % {"name": organisation}, field="organisation")
    until = belongs_until(user, organisation)
    if until is False:
        raise InvalidError(
            _("%(person)s does not belong to %(name)s.") % {"person": user, "name": organisation}, field="user"
        )
    if isinstance(until, datetime) and (ends_at is None or ends_at > until):
        day = date_format(timezone.localtime(until))
        raise InvalidError(
            _("%(person)s belongs to %(name)s until %(day)s: choose an end that is no later.")
            % {"person": user, "name": organisation, "day": day},
            field="ends_at",
        )


def _shorten_project_roles(membership: Membership, by: User) -> None:
    """No role in a project outlasts the last one in the organisation it is held for."""
    until = belongs_until(membership.user, membership.organisation)
    if not isinstance(until, datetime):
        return
    acting = Membership.objects.of(membership.user).in_projects().filter(organisation=membership.organisation)
    for row in acting.exclude(ends_at__lte=until).select_related("organisation", "project", "user"):
        _lock_projects([row.project_id])
        if row.ends_at is None:
            _keep_the_last(row)
        row.ends_at = max(until, row.starts_at)
        row.version += 1
        row.save(update_fields=["ends_at", "version"])
        _record_role("change_role", row, by, {"until": until.isoformat()})


# --- accounts of people
@transaction.atomic
def deactivate_person(*, user: User, by: User) -> User:
    """Somebody can no longer sign in: their tokens and sessions end now; their roles stay on record and do nothing.

    Raises ConflictError while they are the last admin of an organisation or the last lead of a project.
    """
    _require_staff(by, user)
    if user.pk == by.pk:
        raise ConflictError(_("Ask another platform admin to close your own account."))
    held = Membership.objects.of(user).active().filter(role__in=[Role.ORGANISATION_ADMIN, Role.LEAD])
    rows = list(held.select_related("organisation", "project"))
    keys = sorted(row.organisation_id for row in rows if row.project_id is None)
    list(Organisation.objects.select_for_update().filter(pk__in=keys).order_by("pk").values_list("pk"))
    _lock_projects(row.project_id for row in rows if row.project_id)
    locked = User.objects.select_for_update().get(pk=user.pk)
    if locked.is_active:
        for row in rows:
            _keep_the_last(row)
        now = timezone.now()
        tokens = ApiToken.objects.live().filter(user=locked).update(revoked_at=now)
        locked.is_active, locked.sign_outs = False, locked.sign_outs + 1
        locked.save(update_fields=["is_active", "sign_outs"])
        record(verb="person.deactivate", subject=locked, by=by, data={"user": str(locked.pk), "tokens": tokens})
    user.refresh_from_db()
    return user


@transaction.atomic
def reactivate_person(*, user: User, by: User) -> User:
    """Let somebody sign in again; their roles count again as far as they have not ended. Old sessions stay ended."""
    _require_staff(by, user)
    if User.objects.filter(pk=user.pk, is_active=False).update(is_active=True):
        record(verb="person.reactivate", subject=user, by=by, data={"user": str(user.pk)})
    user.refresh_from_db()
    return user


@transaction.atomic
def reclaim_account(*, user: User) -> User:
    """An address turned out to be somebody's who never confirmed it here: end every way in that the account had.

    Whoever made it, perhaps another, keeps neither password nor session, token or second factor.
    """
    locked = User.objects.select_for_update().get(pk=user.pk)
    locked.set_unusable_password()
    locked.sign_outs += 1
    locked.save(update_fields=["password", "sign_outs"])
    ApiToken.objects.live().filter(user=locked).update(revoked_at=timezone.now())
    second_factor.forget(locked)
    record(verb="person.reclaim", subject=locked, by=None, data={"user": str(locked.pk)})
    user.refresh_from_db()
    return user


@transaction.atomic
def sign_out_everywhere(*, by: User) -> User:
    """End all one's own sessions, on every device."""
    User.objects.filter(pk=by.pk).update(sign_outs=F("sign_outs") + 1)
    by.refresh_from_db()
    record(verb="person.sign_out_everywhere", subject=by, by=by)
    return by


def _require_staff(by: User, user: User) -> None:
    """Platform staff, with a second factor where it is asked for; about other staff, a platform admin."""
    require_whole_token(by)
    if not by.is_staff or (not by.is_superuser and (user.is_staff or user.is_superuser)):
        raise NotFoundError
    if second_factor.is_required() and not second_factor.has_second_factor(by):
        raise RefusedError([second_factor.missing()])
