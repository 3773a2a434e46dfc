"""Forms about people."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language_info
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.accounts.models import ApiToken, TokenScope, User
from collab.kernel.names import DisplayNameValidator
from collab.web.forms import OnceForm, PageForm

LIVES = [(7, _("7 days")), (30, _("30 days")), (90, _("90 days")), (365, _("one year"))]


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


class ProfileForm(PageForm):
    """One's own name and language."""

    name = forms.CharField(
        label=_("Your name"),
        max_length=120,
        validators=[DisplayNameValidator()],
        help_text=_("As you sign agreements with it."),
    )
    language = forms.ChoiceField(label=_("Language"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        language: Any = self.fields["language"]
        own = [(code, get_language_info(code)["name_local"]) for code, _name in settings.LANGUAGES]
        language.choices = [("", _("As the browser asks")), *own]


class TokenForm(OnceForm):
    """Make a token for the REST API and the MLflow client."""

    name = forms.CharField(
        label=_("Name"),
        max_length=80,
        validators=[DisplayNameValidator()],
        help_text=_("Where you will use it, such as “laptop” or “nightly evaluation”."),
    )
    scope = forms.ChoiceField(label=_("It may"), choices=TokenScope.choices, widget=forms.RadioSelect, initial="read")
    days = forms.TypedChoiceField(label=_("It lives"), coerce=int, choices=LIVES, initial=90)
    project = forms.ModelChoiceField(
        None,
        label=_("Only for"),
        required=False,
        empty_label=_("All my projects"),
        help_text=_("A token for one project does less harm when it is lost."),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        project: Any = self.fields["project"]
        projects = ApiToken._meta.get_field("project").related_model  # the projects' slice lies above this one
        project.queryset = visible_to(user, "project.view", projects._default_manager.all())
