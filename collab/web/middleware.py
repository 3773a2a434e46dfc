"""What every request passes: an id to quote, headers, a route rule, and one translator of domain errors."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Callable
from html import unescape
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import Resolver404, resolve
from django.utils.cache import add_never_cache_headers
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _

from collab.access.policy import asked_words
from collab.access.rules import PUBLIC, SIGNED_IN, STAFF, Rule, rule_of
from collab.kernel.errors import DomainError
from collab.web import errors

log = logging.getLogger("tandem.access")
GetResponse = Callable[[HttpRequest], HttpResponse]
API_PREFIX = "/api/"


class RequestIdMiddleware:
    """Gives each request an id that people can quote; it is in every error and in the log."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.request_id = uuid.uuid4().hex[:12]  # type: ignore[attr-defined]
        response = self.get_response(request)
        response["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
        return response


class HeadersMiddleware:
    """Headers that hold on every response, errors and downloads included."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=()")
        response.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if not request.path.startswith(settings.STATIC_URL):
            add_never_cache_headers(response)
        return response


class DenyByDefaultMiddleware:
    """A route × method without a rule is a 404. A view that answered without asking the policy for its word is, too."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        mark = asked_words.set(set())
        try:
            response = self.get_response(request)
            rule: Rule | None = getattr(request, "access_rule", None)
            if rule is not None and 200 <= response.status_code < 300 and request.method != "OPTIONS":
                word = rule.word_for("GET" if request.method == "HEAD" else request.method or "GET")
                if "." in word and word not in (asked_words.get() or set()):
                    log.error("%s answered without asking for %s", request.path, word)
                    return errors.page_or_json(request, status=404)
            return response
        finally:
            asked_words.reset(mark)

    def process_view(
        self, request: HttpRequest, callback: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        match = request.resolver_match
        rule = rule_of(callback, match.route if match else "")
        if rule is None:
            log.error("no rule for %s", match.route if match else request.path)
            return errors.page_or_json(request, status=404)
        request.access_rule = rule  # type: ignore[attr-defined]
        if request.method not in rule.methods:
            if request.path.startswith(API_PREFIX):
                return None  # DRF answers 405 with what is allowed, in its own shape
            response = errors.page_or_json(request, status=405)
            response["Allow"] = ", ".join(sorted(rule.methods))
            return response
        access = rule.word_for("GET" if request.method == "HEAD" else request.method or "GET")
        if access == PUBLIC or request.path.startswith(API_PREFIX):
            return None  # the API authenticates tokens itself and answers 401
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        if access == STAFF and not request.user.is_staff:
            return errors.page_or_json(request, status=404)
        assert access in {SIGNED_IN, STAFF} or "." in access
        return None


class WholePageMiddleware:
    """A part of a page, made for htmx, that somebody opens by its own address comes inside a page of the site."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not _is_bare(request, response):
            return response
        whole = f"{request.path.rstrip('/').rpartition('/')[0]}/"  # a part stands below its page
        try:
            resolve(whole)
        except Resolver404:
            whole = ""
        found = _TITLE.search(response.content.decode())
        title = unescape(found.group(1)).strip() if found else ""
        context = {"part": mark_safe(response.content.decode()), "title": title or _("Part of a page"), "whole": whole}  # noqa: S308  a view of ours made it
        response.content = render(request, "collab/web/part.html", context).content  # its headers stay
        return response


_TITLE = re.compile(r"<h2[^>]*>([^<]*)")


def _is_bare(request: HttpRequest, response: HttpResponse) -> bool:
    """Whether it is HTML of ours without a frame, for a browser that is not asking by htmx."""
    return (
        request.method == "GET"
        and response.status_code == 200
        and not response.streaming
        and response.get("Content-Type", "").startswith("text/html")
        and not request.htmx  # type: ignore[attr-defined]
        and request.user.is_authenticated
        and getattr(request.resolver_match, "namespace", "") in _ROOMS
        and b"<html" not in response.content[:400].lower()
    )


_ROOMS = frozenset({"collab", "registry", "training"})


class DomainErrorMiddleware:
    """Pages: a domain error becomes a page with its sentence and remedy, never a trace."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, DomainError):
            return errors.page_or_json(request, error=exception)
        if isinstance(exception, IntegrityError):
            return errors.page_or_json(request, error=errors.conflict(exception, request.request_id))  # type: ignore[attr-defined]
        return None
