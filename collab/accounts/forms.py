"""Forms about people."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from collab.accounts.models import User
from collab.kernel.names import DisplayNameValidator


class SignupForm(forms.Form):
    """What sign-up asks beside e-mail and password; allauth calls `signup`."""

    name = forms.CharField(
        label=_("Your name"),
        max_length=120,
        validators=[DisplayNameValidator()],
        help_text=_("As you sign agreements with it."),
    )
    field_order = ["name", "email", "password1", "password2"]

    def signup(self, request: HttpRequest, user: Any) -> None:
        assert isinstance(user, User)
        user.name = self.cleaned_data["name"]
        user.save(update_fields=["name"])
