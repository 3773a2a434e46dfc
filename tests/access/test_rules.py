"""Every route states who may come in; a route that says nothing, or does not ask, is a 404."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import include, path
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from collab.access.policy import visible_to
from collab.access.roles import PERSONAL_WORDS, READ_WORDS, ROLE_WORDS, WORDS, Role
from collab.access.rules import LIBRARY_RULES, PUBLIC, Route, route, routes, rule
from collab.accounts.models import Organisation
from collab.web.api import ScopedViewSet

WITHOUT = (
    "collab/access/rules.py: give it a rule (route(…, rule(…)), `words` of its viewset), there is no exemption list"
)


def without_rule(found: list[Route]) -> list[str]:
    return [one.pattern for one in found if one.rule is None]


def test_every_route_has_a_rule():
    found = list(routes())
    assert len(found) > 50
    assert without_rule(found) == [], WITHOUT


def test_every_route_of_the_tracking_process_has_a_rule():
    from config import urls_tracking

    assert without_rule(list(routes(urls_tracking.urlpatterns))) == [], WITHOUT


def test_no_dead_library_rules():
    served = {one.pattern for one in routes()}
    assert set(LIBRARY_RULES) - served == set(), "a rule for an address that nobody serves protects nothing: remove it"


def test_every_word_of_a_rule_is_a_word():
    for one in routes():
        assert one.rule is not None
        for method in one.rule.methods:
            access = one.rule.word_for(method)
            assert "." not in access or access in WORDS


def test_every_word_is_held_by_a_role_and_every_role_holds_one():
    held = {word for words in ROLE_WORDS.values() for word in words}
    assert held | PERSONAL_WORDS == set(WORDS) and not held & PERSONAL_WORDS
    assert set(ROLE_WORDS) == set(Role)
    assert set(WORDS) > READ_WORDS


def test_a_word_that_does_not_exist_is_refused_when_it_is_written():
    with pytest.raises(KeyError, match="no permission word"):
        rule("job.sumbit")
    with pytest.raises(KeyError, match="no permission word"):
        rule("job.view", POST="job.sumbit")


# --- a site with mistakes in it
def page(request: HttpRequest, **_kwargs: Any) -> HttpResponse:
    return HttpResponse("the secret")


def asking(request: HttpRequest) -> HttpResponse:
    visible_to(request.user, "project.view", Organisation.objects.none())  # type: ignore[arg-type]
    return HttpResponse("asked")


class Forgetful(ScopedViewSet):
    """One of its actions has no word."""

    words = {"list": "organisation.view"}
    rows = Organisation.objects.all()

    def list(self, request: Any) -> Response:
        return Response(["asked nobody"])

    def create(self, request: Any) -> Response:
        return Response(["no word"], status=201)


class Silent(ScopedViewSet):
    """It has the word and does not ask."""

    words = {"list": "organisation.view"}
    rows = Organisation.objects.all()

    def list(self, request: Any) -> Response:
        return Response(["asked nobody"])


router = SimpleRouter(use_regex_path=True)
router.register("forgetful", Forgetful, basename="forgetful")
router.register("silent", Silent, basename="silent")
urlpatterns = [
    path("bare/", page, name="bare"),
    route("silent/", page, rule("project.view"), name="silent"),
    route("asking/", asking, rule("project.view"), name="asking"),
    route("open/", page, rule(PUBLIC), name="open"),
    path("api/", include(router.urls)),
    path("", include("config.urls")),
]


@pytest.fixture
def mistaken_site():
    with override_settings(ROOT_URLCONF=__name__):
        yield


def test_the_walk_finds_what_has_no_rule(mistaken_site):
    assert without_rule(list(routes())) == ["bare/", "api/forgetful/$"]


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/bare/", "/silent/", "/api/forgetful/", "/api/silent/"])
def test_no_rule_or_not_asking_is_a_404(mistaken_site, aurora, address):
    client = Client()
    client.force_login(aurora.lead)
    response = client.get(address)
    assert response.status_code == 404
    assert b"secret" not in response.content and b"asked" not in response.content


@pytest.mark.django_db
def test_asking_and_public_pages_answer(mistaken_site, aurora):
    client = Client()
    assert client.get("/open/").content == b"the secret"
    assert client.get("/asking/").status_code == 302
    client.force_login(aurora.lead)
    assert client.get("/asking/").content == b"asked"


@pytest.mark.django_db
def test_a_method_beyond_the_rule_is_a_405(mistaken_site, aurora):
    client = Client()
    client.force_login(aurora.lead)
    response = client.post("/open/")
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")


def test_the_page_about_access_is_true():
    out = StringIO()
    call_command("access_table", stdout=out)
    kept = Path(settings.BASE_DIR) / "docs" / "access.md"
    assert kept.read_text(encoding="utf-8") == out.getvalue(), "run: manage.py access_table > docs/access.md"


def test_the_long_table_holds_the_libraries_too():
    out = StringIO()
    call_command("access_table", "--all", stdout=out)
    assert "/accounts/login/" in out.getvalue() and "no rule" not in out.getvalue()
