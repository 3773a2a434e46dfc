"""Each error in the form the request came in, with its status, its code, an id to quote, and nothing of our insides."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation, ValidationError
from django.db import DataError, IntegrityError
from django.http import Http404
from django.test import Client, RequestFactory, override_settings
from django.urls import include, path
from rest_framework import exceptions as drf
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from collab.access.policy import Missing
from collab.access.rules import PUBLIC, route, rule
from collab.kernel import errors as domain
from collab.web.errors import api_exception_handler, plain_sentence, status_of

SECRET = "narwhal4826 /srv/secret"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (domain.NotFoundError(), 404, "not_found"),
        (domain.RefusedError([Missing("role", "No.", "/x/")]), 403, "access_refused"),
        (domain.InvalidError("x", field="name"), 422, "invalid"),
        (domain.FaultyInputError([domain.Fault("a.b", "bad", "mend")]), 422, "faulty_input"),
        (domain.UnsupportedKindError("x"), 415, "kind_not_accepted"),
        (domain.TooLargeError("x"), 413, "too_large"),
        (domain.ConflictError("x"), 409, "conflict"),
        (domain.StaleError("x"), 412, "stale"),
        (domain.QuotaExceededError("x"), 429, "quota_exceeded"),
        (domain.NoRoomError("x"), 507, "no_room"),
        (domain.ExpiredError("x"), 410, "expired"),
        (domain.DomainError("x", code="other"), 400, "other"),
        (Http404(SECRET), 404, "not_found"),
        (PermissionDenied(SECRET), 403, "forbidden"),
        (RequestDataTooBig(SECRET), 413, "too_large"),
        (SuspiciousOperation(SECRET), 400, "invalid"),
        (DataError(SECRET), 400, "invalid"),
        (IntegrityError(SECRET), 409, "conflict"),
        (RecursionError(SECRET), 400, "invalid"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, SECRET), 400, "invalid"),
        (ValidationError({"name": ["bad"]}), 400, "invalid"),
        (drf.ParseError("x"), 400, "parse_error"),
        (drf.NotAuthenticated(), 401, "not_authenticated"),
        (drf.MethodNotAllowed("GET"), 405, "method_not_allowed"),
        (drf.Throttled(wait=7), 429, "throttled"),
        (RuntimeError(SECRET), 500, "internal"),
        (KeyError(SECRET), 500, "internal"),
    ],
)
def test_the_api_answers_in_one_shape(error, status, code):
    request = Request(RequestFactory().get("/api/v1/x/"))
    request._request.request_id = "abc123"
    response = api_exception_handler(error, {"request": request})
    assert (response.status_code, response.data["code"], response.data["request_id"]) == (status, code, "abc123")
    assert response.data["detail"] and SECRET not in str(response.data)
    assert "field" in response.data


def test_the_most_particular_status_counts():
    assert status_of(domain.StaleError("x")) == 412  # though it is a ConflictError
    assert status_of(domain.UnsupportedKindError("x")) == 415  # though it is an InvalidError


def test_nested_faults_have_paths():
    request = Request(RequestFactory().post("/api/v1/x/"))
    error = drf.ValidationError({"coverage": [{"party": ["bad"]}, {}], "non_field_errors": ["odd"]})
    data = api_exception_handler(error, {"request": request}).data
    assert [(fault["path"], fault["text"]) for fault in data["errors"]] == [("coverage.party", "bad"), ("", "odd")]
    assert data["field"] == "coverage.party"


# --- through the site
def broken(request):
    raise RuntimeError(SECRET)


def late(request):
    raise IntegrityError(SECRET)


def refused(request):
    raise domain.RefusedError([Missing("agreement", "The agreement DUA-3 expired.", "/agreements/3/")])


def faulty(request):
    raise domain.FaultyInputError([domain.Fault("spec.train.lr", "too high", "lower it")], field="spec")


@api_view(["GET"])
@permission_classes([AllowAny])
def broken_api(request):
    raise RuntimeError(SECRET)


broken_api.access_rule = rule(PUBLIC)  # type: ignore[attr-defined]
urlpatterns = [
    route("broken/", broken, rule(PUBLIC), name="broken"),
    route("late/", late, rule(PUBLIC), name="late"),
    route("refused/", refused, rule(PUBLIC), name="refused"),
    route("faulty/", faulty, rule(PUBLIC), name="faulty"),
    path("api/broken/", broken_api),
    path("", include("config.urls")),
]
handler400 = "collab.web.errors.bad_request"
handler403 = "collab.web.errors.forbidden"
handler404 = "collab.web.errors.not_found"
handler500 = "collab.web.errors.server_error"


@pytest.fixture
def site(db):
    with override_settings(ROOT_URLCONF=__name__):
        yield Client(raise_request_exception=False)


@pytest.mark.parametrize(
    ("address", "status"), [("/broken/", 500), ("/api/broken/", 500), ("/late/", 409), ("/nowhere/", 404)]
)
def test_pages_and_api_tell_nothing_of_what_broke(site, address, status):
    response = site.get(address)
    body = response.content.decode()
    assert response.status_code == status and response["X-Request-ID"] in body
    assert SECRET not in body and "Traceback" not in body and ".py" not in body
    for header in ("Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options", "Cache-Control"):
        assert header in response, header


def test_a_refusal_on_a_page_names_what_is_missing_and_where(site):
    response = site.get("/refused/")
    body = response.content.decode()
    assert response.status_code == 403
    assert "The agreement DUA-3 expired." in body and 'href="/agreements/3/"' in body


def test_a_fragment_gets_a_fragment(site):
    page, fragment = site.get("/refused/"), site.get("/refused/", headers={"HX-Request": "true"})
    assert "<html" in page.content.decode() and "<html" not in fragment.content.decode()
    assert "DUA-3" in fragment.content.decode()


def test_faults_are_listed(site):
    body = site.get("/faulty/").content.decode()
    assert "too high" in body and "lower it" in body


def test_every_status_has_a_sentence():
    for status in (400, 401, 403, 404, 405, 406, 409, 413, 415, 418, 429, 500, 503):
        assert plain_sentence(status)


def test_a_csrf_failure_says_what_to_do(db):
    response = Client(enforce_csrf_checks=True).post("/accounts/login/", {})
    assert response.status_code == 403 and "reload" in response.content.decode()
