"""What django-allauth asks of us when somebody signs in with an account of their institution."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from collab.accounts.models import User
from collab.accounts.services import reclaim_account


class AccountAdapter(DefaultAccountAdapter):
    """A link of an invitation confirms the address it was sent to, when that is the one somebody signs up with."""

    def unstash_verified_email(self, request: HttpRequest) -> None:
        """None: by itself allauth would give the address to an account that was made with another one as well."""


class ProviderAdapter(DefaultSocialAccountAdapter):
    """People have one name here, and no user name."""

    def authenticate_by_email(self, sociallogin: Any) -> tuple[User, str] | None:
        """The account of an address that the provider has verified.

        One that never confirmed the address here may have been made by somebody else, who is locked out.
        """
        found = super().authenticate_by_email(sociallogin)
        if found is None:
            return None
        user, email = found
        if not EmailAddress.objects.filter(user=user, email__iexact=email, verified=True).exists():
            reclaim_account(user=user)
            EmailAddress.objects.update_or_create(
                user=user, email=email.lower(), defaults={"verified": True, "primary": True}
            )
        return user, email

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> User:
        user: User = sociallogin.user
        user.email = (data.get("email") or "").lower()
        parts = (data.get("first_name"), data.get("last_name"))
        name = (data.get("name") or " ".join(part for part in parts if part)).strip()[:120]
        try:
            user.name = User._meta.get_field("name").clean(name, user) if name else ""
        except ValidationError:  # a name that could not be shown: the person writes it on their profile
            user.name = ""
        return user
