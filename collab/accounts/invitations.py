"""Verbs on invitations: somebody is asked by e-mail, and the link works once, for the address it was sent to."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.core.validators import validate_email
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from collab.access.policy import Missing, can, require
from collab.access.roles import GIVEN_PROJECT_ROLES, ORGANISATION_ROLES, Role
from collab.accounts.models import Invitation, Membership, Organisation, User
from collab.accounts.services import place_role, require_whole_token
from collab.accounts.states import INVITATION_MOVES, InvitationState
from collab.audit.services import record
from collab.kernel.errors import ConflictError, ExpiredError, InvalidError, NotFoundError, RefusedError

log = logging.getLogger("tandem.mail")
OPEN_MAX = 500  # unanswered invitations of one organisation


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def known_email(text: str) -> str:
    """The address in its one spelling; raises InvalidError for what is none, or only looks like one."""
    email = text.strip().lower()
    if not email.isascii():
        raise InvalidError(
            _("This address holds letters that only look like Latin ones; copy it from a mail."), field="email"
        )
    try:
        validate_email(email)
    except ValidationError as fault:
        raise InvalidError(" ".join(fault.messages), field="email") from None
    if len(email) > 254:
        raise InvalidError(_("This address is too long."), field="email")
    return email


@transaction.atomic
def invite(
    *,
    organisation: Organisation,
    email: str,
    role: str,
    by: User,
    project: Any = None,
    project_role: str = "",
    message: str = "",
    language: str = "",
    role_ends_at: datetime | None = None,
) -> Invitation | Membership:
    """Ask somebody to act for the organisation, and perhaps in a project. Gives the role instead when they hold it.

    Raises RefusedError when `by` does not manage the roles of both, ConflictError while another invitation waits.
    """
    require(by, "organisation.manage", organisation)
    if role not in ORGANISATION_ROLES:
        raise InvalidError(_("This role is held in a project, not in an organisation."), field="role")
    if (project is None) != (not project_role):
        raise InvalidError(_("Choose both, a project and the role in it, or neither."), field="project_role")
    if project is not None:
        require(by, "member.manage", project)
        if project_role not in GIVEN_PROJECT_ROLES:
            raise InvalidError(_("Choose a role in the project."), field="project_role")
        if not organisation.project_parties.filter(project=project, left_on=None).exists():  # type: ignore[attr-defined]
            raise InvalidError(_("%(name)s is not a party of this project.") % {"name": organisation}, field="project")
    email = known_email(email)
    if organisation.domains_only and not organisation.has_domain(email):
        raise InvalidError(
            _("%(name)s invites only addresses of %(domains)s.")
            % {"name": organisation, "domains": ", ".join(organisation.email_domains)},
            field="email",
        )
    if not by.is_superuser and EmailAddress.objects.filter(user=by, email__iexact=email).exists():
        raise RefusedError([Missing("own_role", _("Nobody gives themselves a role: ask another admin or lead."))])
    language = language or settings.LANGUAGE_CODE
    if language not in dict(settings.LANGUAGES):
        raise InvalidError(_("Choose one of the languages."), field="language")
    now = timezone.now()
    if role_ends_at is not None and role_ends_at <= now:
        raise InvalidError(_("The role would already have ended."), field="role_ends_at")
    Organisation.objects.select_for_update().get(pk=organisation.pk)
    held = _held(organisation, email, role, project, project_role)
    if held is not None:
        return held
    _make_room(organisation, email)
    secret = secrets.token_urlsafe(32)
    invitation = Invitation(
        organisation=organisation,
        role=Role(role),
        project=project,
        project_role=project_role,
        email=email,
        language=language,
        message=message.strip(),
        invited_by=by,
        role_ends_at=role_ends_at,
        expires_at=now + timedelta(days=settings.INVITATION_DAYS),
        digest=digest_of(secret),
    )
    invitation.require_clean()
    invitation.save()
    _record("invite", invitation, by)
    transaction.on_commit(partial(_send, invitation, secret))
    return invitation


def _held(organisation: Organisation, email: str, role: str, project: Any, project_role: str) -> Membership | None:
    """The role that whoever confirmed this address holds already, unless the project would add one."""
    owners = EmailAddress.objects.filter(email__iexact=email, verified=True).values("user")
    rows = Membership.objects.filter(user__in=owners, organisation=organisation).active()
    held = rows.filter(project=None, role=role).first()
    if held is None or project is None:
        return held
    return rows.filter(project=project, role=project_role).first()


def _make_room(organisation: Organisation, email: str) -> None:
    """An invitation whose time is over makes place for a new one; one that still waits does not."""
    waiting = Invitation.objects.select_for_update().unanswered().filter(organisation=organisation)
    old = waiting.filter(email=email).first()
    if old is None:
        if waiting.count() >= OPEN_MAX:
            raise ConflictError(_("%(n)d invitations wait for an answer; revoke some first.") % {"n": OPEN_MAX})
        return
    if old.state_now != InvitationState.EXPIRED:
        raise ConflictError(
            _("%(email)s was invited already and has not answered: send that invitation again, or revoke it.")
            % {"email": email},
            field="email",
        )
    old.state = INVITATION_MOVES.require("expire", old.state_now, what=email)
    old.save(update_fields=["state"])


@transaction.atomic
def resend_invitation(*, invitation: Invitation, by: User) -> Invitation:
    """Send it again with a new link and a new date; the link before stops working.

    Raises ConflictError for one whose place a newer invitation of the same address has taken.
    """
    locked = _locked(invitation, by)
    locked.state = INVITATION_MOVES.require("resend", locked.state_now, what=locked.email)
    others = Invitation.objects.unanswered().filter(organisation=locked.organisation_id, email=locked.email)
    if others.exclude(pk=locked.pk).exists():
        raise ConflictError(_("%(email)s has a newer invitation: send that one again.") % {"email": locked.email})
    secret = secrets.token_urlsafe(32)
    locked.digest, locked.sent_at = digest_of(secret), None
    locked.expires_at = timezone.now() + timedelta(days=settings.INVITATION_DAYS)
    locked.save()
    _record("resend_invitation", locked, by)
    transaction.on_commit(partial(_send, locked, secret))
    return locked


@transaction.atomic
def revoke_invitation(*, invitation: Invitation, by: User) -> Invitation:
    """Take it back; its link stops working."""
    locked = _locked(invitation, by)
    locked.state = INVITATION_MOVES.require("revoke", locked.state_now, what=locked.email)
    locked.answered_at = timezone.now()
    locked.save()
    _record("revoke_invitation", locked, by)
    return locked


def _locked(invitation: Invitation, by: User) -> Invitation:
    require(by, "organisation.manage", invitation.organisation)
    Organisation.objects.select_for_update().get(pk=invitation.organisation_id)  # one waits for each address
    return Invitation.objects.select_for_update().get(pk=invitation.pk)


def found_by_link(secret: str) -> Invitation:
    """The invitation of a link. Raises NotFoundError for a link that was never sent, or was replaced by a newer one."""
    if not 20 <= len(secret) <= 100:
        raise NotFoundError
    invitation = Invitation.objects.with_names().filter(digest=digest_of(secret)).first()
    if invitation is None:
        raise NotFoundError(_("This invitation link is not known: it was mistyped, or replaced by a newer mail."))
    return invitation


def answerable(invitation: Invitation) -> Invitation:
    """The same, when it still waits for an answer. Raises ExpiredError that says why it does not."""
    day = date_format(timezone.localtime(invitation.answered_at)) if invitation.answered_at else ""
    state = invitation.state_now
    if state == InvitationState.PENDING:
        return invitation
    sentences = {
        InvitationState.ACCEPTED: _("This invitation was already accepted on %(day)s; a link works once."),
        InvitationState.DECLINED: _(
            "This invitation was declined on %(day)s. Ask for a new one if that was a mistake."
        ),
        InvitationState.REVOKED: _("This invitation was taken back. Ask whoever invited you."),
        InvitationState.EXPIRED: _("This invitation was valid until %(until)s. Ask for a new one."),
    }
    until = date_format(timezone.localtime(invitation.expires_at))
    raise ExpiredError(sentences[state] % {"day": day, "until": until}, code=f"invitation_{state}")


@transaction.atomic
def accept_invitation(*, secret: str, by: User) -> list[Membership]:
    """Take the roles one was invited to; two at the same moment make one membership.

    Raises RefusedError for another account than the one invited, ExpiredError when it was answered or is over.
    """
    require_whole_token(by)
    found = found_by_link(secret)
    # The organisation before the invitation, as everywhere, so that two acts never wait for each other.
    organisation = Organisation.objects.select_for_update().get(pk=found.organisation_id)
    invitation = Invitation.objects.select_for_update().get(pk=found.pk)
    _require_addressee(invitation, by)
    answerable(invitation)
    if invitation.invited_by_id == by.pk and not by.is_superuser:  # the address became theirs afterwards
        raise RefusedError([Missing("own_role", _("Nobody gives themselves a role: ask another admin or lead."))])
    _require_authority(invitation)
    granted = _take(invitation, organisation, by)
    invitation.state = INVITATION_MOVES.require("accept", invitation.state_now, what=invitation.email)
    invitation.accepted_by, invitation.answered_at = by, timezone.now()
    invitation.save()
    _record("accept_invitation", invitation, by)
    return granted


def _take(invitation: Invitation, organisation: Organisation, by: User) -> list[Membership]:
    """The roles, each unless it is held already."""
    ends_at = invitation.role_ends_at
    scopes: list[tuple[Any, str]] = [(None, invitation.role)]
    if invitation.project_id is not None:
        scopes.append((invitation.project, invitation.project_role))
    granted = []
    for project, role in scopes:
        held = Membership.objects.of(by).active().filter(project=project, role=role)
        held = held.filter(organisation=organisation) if project is None else held
        if held.exists():
            continue
        granted.append(
            place_role(
                organisation=organisation,
                user=by,
                role=role,
                granted_by=invitation.invited_by,
                by=by,
                project=project,
                ends_at=ends_at,
            )
        )
    return granted


def _require_addressee(invitation: Invitation, by: User) -> None:
    """Only who confirmed the very address; to others it says no more than that."""
    own = EmailAddress.objects.filter(user=by, email__iexact=invitation.email)
    if own.filter(verified=True).exists():
        return
    if own.exists() or by.email.lower() == invitation.email.lower():
        sentence = _("Confirm that this e-mail address is yours first; we send you a link for it.")
        raise RefusedError([Missing("unconfirmed_address", sentence, reverse("account_email"))])
    sentence = _("This invitation was sent to another address. Sign in with the account it was meant for.")
    raise RefusedError([Missing("other_address", sentence, reverse("account_logout"))])


def _require_authority(invitation: Invitation) -> None:
    """Whoever invited must still be allowed to: authority that has ended gives no roles any more."""
    host = invitation.invited_by
    project = invitation.project
    allowed = can(host, "organisation.manage", invitation.organisation)
    if not allowed or (project is not None and not can(host, "member.manage", project)):
        raise ConflictError(
            _("Whoever invited you no longer gives these roles. Ask %(name)s for a new invitation.")
            % {"name": invitation.organisation},
            code="inviter_lost_authority",
        )


@transaction.atomic
def decline_invitation(*, secret: str, by: User | None) -> Invitation:
    """Say no; the link suffices. Raises ExpiredError when it was answered or is over."""
    found = found_by_link(secret)
    invitation = Invitation.objects.select_for_update().get(pk=found.pk)
    if by is not None:
        require_whole_token(by)
        _require_addressee(invitation, by)
    answerable(invitation)
    invitation.state = INVITATION_MOVES.require("decline", invitation.state_now, what=invitation.email)
    invitation.answered_at = timezone.now()
    invitation.save()
    _record("decline_invitation", invitation, by)
    return invitation


def _record(act: str, invitation: Invitation, by: User | None) -> None:
    """The act without the address: history is kept for ever, and people's addresses are not."""
    about = {"role": invitation.role, "organisation": invitation.organisation.slug}
    record(verb=f"organisation.{act}", subject=invitation, by=by, project_id=invitation.project_id, data=about)


def _send(invitation: Invitation, secret: str) -> None:
    """After the transaction. A mail server that is away leaves `sent_at` empty, and the page says so."""
    url = settings.BASE_URL + reverse("collab:invitation", args=[secret])
    with translation.override(invitation.language):
        context = {"invitation": invitation, "url": url, "role": Role(invitation.role).label}
        if invitation.project_role:
            context["project_role"] = Role(invitation.project_role).label
        subject = _("%(who)s invites you to act for %(name)s") % {
            "who": invitation.invited_by,
            "name": invitation.organisation,
        }
        body = render_to_string("collab/accounts/mail/invitation.txt", context)
    send: Callable[..., int] = send_mail
    try:
        send(subject, body, None, [invitation.email])
    except OSError:  # smtplib's errors are OSErrors
        log.warning("the mail of invitation %s could not be sent", invitation.pk, exc_info=True)
        return
    Invitation.objects.filter(pk=invitation.pk, digest=digest_of(secret)).update(sent_at=timezone.now())
