"""Pages of one's own account: profile, organisations, tokens, language."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from allauth.account.adapter import get_adapter as get_account_adapter
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _
from django.views.i18n import set_language

from collab.access.policy import get_or_404, visible_to
from collab.accounts import second_factor
from collab.accounts.forms import ProfileForm, TokenForm
from collab.accounts.invitations import accept_invitation, answerable, decline_invitation, found_by_link
from collab.accounts.models import ApiToken, Membership, User
from collab.accounts.reading import open_projects, roles_seen
from collab.accounts.services import (
    choose_language,
    create_token,
    deactivate_person,
    edit_profile,
    reactivate_person,
    revoke_token,
    sign_out_everywhere,
)
from collab.kernel.errors import NotFoundError
from collab.web.forms import act, sent, show, submit
from collab.web.pagination import page_of


def profile(request: HttpRequest) -> HttpResponse:
    form = ProfileForm(
        sent(request), initial={name: getattr(request.user, name) for name in ("name", "language", "orcid")}
    )

    def change() -> str:
        edit_profile(by=request.user, **form.cleaned_data)
        with override(form.cleaned_data["language"] or get_language()):  # that of the page which says so
            messages.success(request, _("Your profile was changed."))
        return reverse("collab:profile")

    roles = Membership.objects.of(request.user).active()
    roles = roles.select_related("organisation", "project", "unit", "granted_by")
    context = {
        "form": form,
        "roles": roles.order_by("organisation__name", "project__title"),
        "open_projects": open_projects(request.user, roles),
        "second_factor": second_factor.banner(request.user),
    }
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


# --- the link of an invitation
def invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """For whoever holds the link: who invites whom to what, and how to go on."""
    found = found_by_link(secret)
    answerable(found)
    if not request.user.is_authenticated:
        # The link was in a mail to this address, so an account made with it needs no second mail to confirm it.
        get_account_adapter(request).stash_verified_email(request, found.email)
    context = {
        "invitation": found,
        "secret": secret,
        "next": reverse("collab:invitation", args=[secret]),
        "language": found.language,
        "layout": "base.html" if request.user.is_authenticated else "base_public.html",
    }
    return show(request, "collab/accounts/invitation.html", context)


def invitation_accept(request: HttpRequest, secret: str) -> HttpResponse:
    accept_invitation(secret=secret, by=request.user)
    found = found_by_link(secret)
    messages.success(request, _("Welcome: you act for %(name)s now.") % {"name": found.organisation})
    return redirect(found.project.get_absolute_url() if found.project else found.organisation.get_absolute_url())


def invitation_decline(request: HttpRequest, secret: str) -> HttpResponse:
    found = decline_invitation(secret=secret, by=request.user if request.user.is_authenticated else None)
    messages.success(request, _("You declined the invitation of %(name)s.") % {"name": found.organisation})
    return redirect("collab:dashboard" if request.user.is_authenticated else "account_login")


# --- people
def person_page(request: HttpRequest, pk: UUID) -> HttpResponse:
    person = get_or_404(request.user, "person.view", User.objects.all(), pk=pk)
    roles = roles_seen(request.user).filter(user=person).select_related("organisation", "project", "unit", "granted_by")
    page = page_of(request, roles.order_by("-starts_at", "pk"))
    context = {
        "person": person,
        "page": page,
        "is_me": person.pk == request.user.pk,
        "open_projects": open_projects(request.user, page),
    }
    return show(request, "collab/accounts/person.html", context)


def _anybody(pk: UUID) -> User:
    person = User.objects.filter(pk=pk).first()
    if person is None:
        raise NotFoundError
    return person


def _after_account(request: HttpRequest, pk: UUID) -> str:
    """Platform admins see anybody in the administration; other staff only people they share something with."""
    return reverse("admin:collab_user_change", args=[pk]) if request.user.is_superuser else reverse("collab:dashboard")


def person_close(request: HttpRequest, pk: UUID) -> HttpResponse:
    person = _anybody(pk)
    return act(
        request,
        lambda: deactivate_person(user=person, by=request.user),
        to=_after_account(request, pk),
        said=_("%(name)s can no longer sign in; tokens and sessions have ended.") % {"name": person},
    )


def person_open(request: HttpRequest, pk: UUID) -> HttpResponse:
    person = _anybody(pk)
    return act(
        request,
        lambda: reactivate_person(user=person, by=request.user),
        to=_after_account(request, pk),
        said=_("%(name)s can sign in again.") % {"name": person},
    )


def sign_out_everywhere_view(request: HttpRequest) -> HttpResponse:
    return act(
        request,
        lambda: sign_out_everywhere(by=request.user),
        to=reverse("account_login"),
        said=_("You are signed out on every device."),
    )
