"""Verbs on people and organisations."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import get_or_404, require
from collab.access.roles import ORGANISATION_ROLES, Role
from collab.accounts.models import ApiToken, Membership, Organisation, OrganisationKind, TokenScope, User
from collab.accounts.tokens import digest_of, new_secret
from collab.audit.services import record
from collab.kernel.errors import ConflictError, InvalidError, RefusedError
from collab.kernel.names import slug_of

TOKEN_DAYS_MAX = 366


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


def _no_breeding():  # type: ignore[no-untyped-def]
    from collab.access.policy import Missing

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
def edit_profile(*, by: User, name: str, language: str) -> User:
    """Change one's own name and language; an empty language is the browser's. Signatures keep the name they had."""
    try:
        by.name = User._meta.get_field("name").clean(name.strip(), by)
    except ValidationError as fault:
        raise InvalidError(" ".join(fault.messages), field="name") from None
    by.language = _known_language(language)
    by.save(update_fields=["name", "language"])
    record(verb="person.edit", subject=by, by=by)
    return by


def choose_language(*, by: User, language: str) -> User:
    """Remember the language a person chose, for every device. Raises InvalidError for one we do not have."""
    by.language = _known_language(language)
    by.save(update_fields=["language"])
    return by


def _known_language(language: str) -> str:
    if language and language not in dict(settings.LANGUAGES):
        raise InvalidError(_("Choose one of the languages."), field="language")
    return language


@transaction.atomic
def found_organisation(
    *, name: str, kind: str, by: User | None, name_zh: str = "", country: str = "", email_domain: str = ""
) -> Organisation:
    """Add an organisation; `by` is a platform admin (superuser), or None for the set-up command."""
    if by is not None and not by.is_superuser:
        from collab.kernel.errors import NotFoundError

        raise NotFoundError
    if kind not in OrganisationKind.values:
        raise InvalidError(_("Choose a kind of organisation."), field="kind")
    slug = slug_of(name, fallback="org")
    number = 2
    while Organisation.objects.filter(slug=slug).exists():
        slug, number = f"{slug_of(name, fallback='org')}-{number}", number + 1
    organisation = Organisation(
        slug=slug, name=name, name_zh=name_zh, kind=kind, country=country, email_domain=email_domain
    )
    organisation.require_clean()
    organisation.save()
    record(verb="organisation.found", subject=organisation, by=by, data={"name": name, "kind": kind})
    return organisation


@transaction.atomic
def grant_organisation_role(
    *, organisation: Organisation, user: User, role: str, by: User | None, ends_at: datetime | None = None
) -> Membership:
    """Make a person employee, signatory or admin of an organisation. `by` None is the set-up command."""
    if by is not None and not by.is_superuser:
        require(by, "organisation.manage", organisation)
    if role not in ORGANISATION_ROLES:
        raise InvalidError(_("This role is held in a project, not in an organisation."), field="role")
    if Membership.objects.filter(user=user, organisation=organisation, project=None, role=role).active().exists():
        raise ConflictError(_("%(person)s already holds this role.") % {"person": user})
    membership = Membership(user=user, organisation=organisation, role=Role(role), ends_at=ends_at, granted_by=by)
    membership.require_clean()
    membership.save()
    record(
        verb="organisation.grant_role",
        subject=organisation,
        by=by,
        data={"user": str(user.pk), "role": role},
    )
    return membership
