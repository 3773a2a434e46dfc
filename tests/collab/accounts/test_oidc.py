"""Sign-in with an account of one's institution, against a small provider that speaks OpenID Connect over HTTP."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from django.urls import reverse

from collab.accounts.models import ApiToken, User
from tests.cast import PASSWORD, person, token_for

pytestmark = pytest.mark.django_db


class Provider(ThreadingHTTPServer):
    """Knows one client, and one person who is signed in there."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.claims: dict[str, Any] = {}
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.path == "/.well-known/openid-configuration":
            url = self.server.url
            self._say(
                {
                    "issuer": url,
                    "authorization_endpoint": f"{url}/authorize",
                    "token_endpoint": f"{url}/token",
                    "userinfo_endpoint": f"{url}/userinfo",
                    "jwks_uri": f"{url}/keys",
                    "token_endpoint_auth_methods_supported": ["client_secret_post"],
                }
            )
        elif self.path == "/userinfo" and self.headers["Authorization"] == "Bearer good":
            self._say(self.server.claims)
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        self.server.asked.append(self.path)
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        good = form["code"] == ["a-code"] and form["client_secret"] == ["a-secret"] and "code_verifier" in form
        if good:
            self._say({"access_token": "good", "token_type": "Bearer"})
        else:
            self.send_error(400)

    def _say(self, what: dict[str, Any]) -> None:
        body = json.dumps(what).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def provider(settings):
    server = Provider()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    app = {
        "provider_id": "sso",
        "name": "Lakeside account",
        "client_id": "tandem",
        "secret": "a-secret",
        "settings": {"server_url": server.url},
    }
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}}
    yield server
    server.shutdown()
    server.server_close()


def come_in(provider: Provider, code: str = "a-code", **claims: Any) -> Client:
    """From the button of the sign-in page to the provider and back."""
    provider.claims = {"sub": "u1", "name": "Lin Mei", "email": "lin@lakeside.example"} | claims
    client = Client()
    away = client.post("/accounts/oidc/sso/login/")
    assert away.status_code == 302 and away.url.startswith(f"{provider.url}/authorize?")
    query = parse_qs(urlsplit(away.url).query)
    assert query["client_id"] == ["tandem"] and query["code_challenge_method"] == ["S256"]
    client.get("/accounts/oidc/sso/login/callback/", {"code": code, "state": query["state"][0]})
    return client


def who(client: Client) -> str | None:
    key = client.session.get("_auth_user_id")
    return User.objects.get(pk=key).email if key else None


def test_nothing_shows_without_the_setting():
    page = Client().get(reverse("account_login")).content.decode()
    assert "oidc" not in page
    assert Client().post("/accounts/oidc/sso/login/").status_code == 404


def test_somebody_new_gets_an_account_with_their_name(provider):
    page = Client().get(reverse("account_login")).content.decode()
    assert "Lakeside account" in page and "/accounts/oidc/sso/login/" in page
    assert who(come_in(provider, email_verified=True)) == "lin@lakeside.example"
    user = User.objects.get()
    assert (user.name, user.has_usable_password()) == ("Lin Mei", False)
    assert EmailAddress.objects.get(user=user).verified
    assert who(come_in(provider, email_verified=True)) == "lin@lakeside.example"  # the second time the same account
    assert User.objects.count() == 1
    assert {"/.well-known/openid-configuration", "/token", "/userinfo"} <= set(provider.asked)


def test_a_verified_address_links_the_account_that_confirmed_it(provider):
    user = User.objects.create_user("lin@lakeside.example", PASSWORD, name="Lin")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    assert who(come_in(provider, email_verified=True)) == user.email
    assert SocialAccount.objects.get().user == user
    user.refresh_from_db()
    assert user.check_password(PASSWORD) and User.objects.count() == 1


def test_an_address_that_the_provider_did_not_verify_links_nothing(provider):
    user = User.objects.create_user("lin@lakeside.example", PASSWORD, name="Lin")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    assert who(come_in(provider, email_verified=False)) is None
    assert who(come_in(provider)) is None
    assert not SocialAccount.objects.exists()


def test_who_made_an_account_with_the_address_of_another_loses_every_way_into_it(provider):
    squatter = User.objects.create_user("lin@lakeside.example", PASSWORD, name="Squatter")
    EmailAddress.objects.create(user=squatter, email=squatter.email, verified=False, primary=True)
    token_for(squatter)
    Authenticator.objects.create(user=squatter, type="totp", data={})
    inside = Client()
    inside.force_login(squatter)
    assert who(come_in(provider, email_verified=True)) == "lin@lakeside.example"
    squatter.refresh_from_db()
    assert not squatter.has_usable_password()
    assert not ApiToken.objects.live().exists() and not Authenticator.objects.exists()
    assert inside.get("/account/").status_code == 302
    assert EmailAddress.objects.get().verified


def test_a_second_factor_is_asked_here_too(provider):
    user = User.objects.create_user("lin@lakeside.example", PASSWORD, name="Lin")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    Authenticator.objects.create(user=user, type="totp", data={"secret": ""})
    assert who(come_in(provider, email_verified=True)) is None


def test_a_wrong_code_or_state_lets_nobody_in(provider):
    assert who(come_in(provider, code="stolen", email_verified=True)) is None
    client = Client()
    client.get("/accounts/oidc/sso/login/callback/", {"code": "a-code", "state": "made-up"})
    assert who(client) is None and not User.objects.exists()


@pytest.mark.parametrize("name", ["\u202eevil", "  ", None])
def test_a_name_that_cannot_be_shown_is_left_out(provider, name):
    come_in(provider, email_verified=True, name=name)
    assert User.objects.get().name == ""


def test_a_closed_account_stays_closed(provider):
    user = person("Gone", is_active=False)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    assert who(come_in(provider, email=user.email, email_verified=True)) is None
