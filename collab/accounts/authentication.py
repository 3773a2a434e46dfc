"""How the REST API knows who asks: a personal token, or the browser's session with its CSRF check."""

from __future__ import annotations

from django.utils.translation import gettext as _
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from collab.access.policy import acting
from collab.accounts.models import ApiToken, User
from collab.accounts.tokens import authenticate_bearer


class BearerAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer tdm_…`"""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        kind, _space, raw = request.headers.get("Authorization", "").partition(" ")
        if not kind:
            return None
        if kind.lower() != "bearer":
            raise exceptions.AuthenticationFailed(_("Write “Authorization: Bearer” and your token."))
        token = authenticate_bearer(raw.strip())
        if token is None:
            raise exceptions.AuthenticationFailed(_("This token is unknown, expired or revoked."))
        return acting(token.user, token), token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class SessionAuthentication(authentication.SessionAuthentication):
    """The signed-in browser; a request without a session is 401, so that clients know to sign in."""

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'
