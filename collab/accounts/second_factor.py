"""Whoever binds an organisation or runs it signs in with a second factor, where the installation asks for it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db.models import Exists, Q
from django.urls import reverse
from django.utils.translation import gettext as _

from collab.access.policy import ALWAYS, Missing, Requirement
from collab.access.roles import Role
from collab.accounts.models import Membership, User

CODE = "two_factor"
# What binds an organisation, pays out its money or gives away its data, and who runs it.
WORDS = frozenset({"agreement.sign", "agreement.end", "agreement.approve", "project.approve", "publication.object"}) | {
    "dataset.govern",
    "distribution.approve",
    "licence.exercise",
    "member.manage",
    "organisation.manage",
}
ROLES = (Role.SIGNATORY, Role.ORGANISATION_ADMIN)


def is_required() -> bool:
    return settings.TWO_FACTOR == "required"


def has_second_factor(user: User) -> bool:
    return _factors(user).exists()


def forget(user: User) -> None:
    """Take every second factor away."""
    Authenticator.objects.filter(user=user.pk).delete()


def banner(user: User) -> str:
    """`required` or `offered` for somebody whom it concerns and who has none, and nothing for others: one query."""
    concerned = Q(is_staff=True) | Q(Exists(_posts(user)))
    lacks = User.objects.filter(concerned, ~Exists(_factors(user)), pk=user.pk).exists()
    return settings.TWO_FACTOR if lacks else ""


def missing() -> Missing:
    sentence = _("This needs a second factor: set up two-factor sign-in for your account first.")
    return Missing(CODE, sentence, reverse("mfa_index"))


def _factors(user: User) -> Any:
    return Authenticator.objects.filter(user=user.pk, type=Authenticator.Type.TOTP)


def _posts(user: User, at: datetime | None = None) -> Any:
    return Membership.objects.of(user).in_organisations().filter(role__in=ROLES).active(at)


def _condition(user: User, at: datetime) -> Q:
    """Leads who hold no such post in an organisation manage the people of their project without one."""
    if not is_required():
        return ALWAYS
    return Q(Exists(_factors(user))) | Q(~Exists(_posts(user, at)))


def _explain(user: User, obj: Any, at: datetime) -> Missing:
    return missing()


NEEDS_SECOND_FACTOR = Requirement(CODE, WORDS, None, _condition, _explain, given=is_required)
