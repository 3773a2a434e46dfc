"""What django-allauth asks of us when somebody signs in with an account of their institution."""

from __future__ import annotations

from typing import Any

from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from collab.accounts.models import User


class ProviderAdapter(DefaultSocialAccountAdapter):
    """People have one name here, and no user name."""

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
