"""Pages of one's own account: profile, organisations, tokens, language."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.i18n import set_language

from collab.access.policy import get_or_404, visible_to
from collab.accounts.forms import ProfileForm, TokenForm
from collab.accounts.models import ApiToken, Membership
from collab.accounts.services import choose_language, create_token, edit_profile, revoke_token
from collab.web.forms import act, sent, show, submit


def profile(request: HttpRequest) -> HttpResponse:
    form = ProfileForm(sent(request), initial={"name": request.user.name, "language": request.user.language})

    def change() -> str:
        edit_profile(by=request.user, **form.cleaned_data)
        messages.success(request, _("Your profile was changed."))
        return reverse("collab:profile")

    roles = Membership.objects.of(request.user).active().select_related("organisation", "project")
    context = {"form": form, "roles": roles.order_by("organisation__name", "project__title")}
    return submit(request, form, change) or show(request, "collab/accounts/profile.html", context, form)


def tokens(request: HttpRequest) -> HttpResponse:
    form = TokenForm(sent(request), user=request.user)

    def make() -> HttpResponse:
        # Shown in this answer and kept nowhere: going elsewhere first would mean storing the secret for a moment.
        token, secret = create_token(by=request.user, **form.values())
        return _tokens(request, TokenForm(user=request.user), made=token, secret=secret)

    return submit(request, form, make) or _tokens(request, form)


def _tokens(request: HttpRequest, form: TokenForm, **extra: Any) -> HttpResponse:
    rows = visible_to(request.user, "token.manage", ApiToken.objects.select_related("project"))
    context = {"form": form, "rows": rows, "now": timezone.now(), "tracking_url": settings.TRACKING_URL}
    return show(request, "collab/accounts/tokens.html", context | extra, form)


def token_revoke(request: HttpRequest, pk: UUID) -> HttpResponse:
    get_or_404(request.user, "token.manage", ApiToken.objects.all(), pk=pk)
    return act(
        request,
        lambda: revoke_token(by=request.user, token_id=pk),
        to=reverse("collab:tokens"),
        said=_("The token is revoked; whoever uses it is refused from now on."),
    )


def change_language(request: HttpRequest) -> HttpResponse:
    """Django's own view keeps the choice in a cookie; a signed-in person takes it along to other devices."""
    language = request.POST.get("language", "")
    if request.user.is_authenticated and language in dict(settings.LANGUAGES):
        choose_language(by=request.user, language=language)
    return set_language(request)
