"""The one place where errors become HTTP: the same facts as a page, a fragment or JSON."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation, ValidationError
from django.db import DataError, IntegrityError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from rest_framework import exceptions as drf
from rest_framework.response import Response

from collab.kernel import errors as domain

log = logging.getLogger("tandem.errors")
JSON = ("application/json",)

STATUS: list[tuple[type[domain.DomainError], int]] = [
    (domain.NotFoundError, 404),
    (domain.RefusedError, 403),
    (domain.UnsupportedKindError, 415),
    (domain.InvalidError, 422),
    (domain.TooLargeError, 413),
    (domain.StaleError, 412),
    (domain.ConflictError, 409),
    (domain.QuotaExceededError, 429),
    (domain.ExpiredError, 410),
    (domain.NoRoomError, 507),
    (domain.DomainError, 400),
]


def status_of(error: domain.DomainError) -> int:
    return next(status for kind, status in STATUS if isinstance(error, kind))


def body_of(error: domain.DomainError, request: HttpRequest) -> dict[str, Any]:
    """`{"code", "detail", "field", "request_id"}`, and `missing` or `errors` where there are several."""
    body: dict[str, Any] = {
        "code": error.code,
        "detail": str(error),
        "field": error.field,
        "request_id": getattr(request, "request_id", ""),
    }
    if isinstance(error, domain.RefusedError | domain.NotReadyError):
        body["missing"] = [{"code": m.code, "detail": str(m.sentence), "url": m.url} for m in error.missing]
    if isinstance(error, domain.StaleError) and error.now:
        body["now"] = _as_json(error.now)
    if isinstance(error, domain.FaultyInputError):
        body["errors"] = [fault.as_dict() for fault in error.faults]
    return body


def _as_json(value: Any) -> Any:
    """Plain numbers, texts, lists and objects; whatever else stands in a field as its text."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(name): _as_json(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset | QuerySet):
        return [_as_json(part) for part in value]
    return str(value)


def plain_sentence(status: int) -> str:
    """What we say when there is nothing more particular to say."""
    return {
        400: _("The request could not be understood."),
        401: _("Sign in, or send a valid token."),
        403: _("You may not do this."),
        404: _("There is nothing here, or it is not yours to see."),
        405: _("This address does not take that method."),
        406: _("This address answers in application/json only: say so in Accept, or leave Accept out."),
        409: _("It changed in the meantime."),
        413: _("That is too large."),
        415: _("Send JSON in UTF-8."),
        429: _("Too many requests; wait a moment."),
        500: _("Something broke on our side. Nothing was half-done; please try again."),
        503: _("Tandem is restarting; try again in a moment."),
    }.get(status, HTTPStatus(status).phrase)


def page_or_json(
    request: HttpRequest, *, error: domain.DomainError | None = None, status: int | None = None, detail: str = ""
) -> HttpResponse:
    """Answer an error in the form the request came in: JSON for the API, a fragment for htmx, a page otherwise."""
    status = status or (status_of(error) if error else 500)
    sentence = str(error) if error else detail or plain_sentence(status)
    if request.path.startswith(("/api/", "/mlflow/")):
        body = (
            body_of(error, request)
            if error
            else {
                "code": HTTPStatus(status).phrase.lower().replace(" ", "_"),
                "detail": sentence,
                "field": None,
                "request_id": getattr(request, "request_id", ""),
            }
        )
        return JsonResponse(body, status=status)
    context = {
        "status": status,
        "sentence": sentence,
        "missing": getattr(error, "missing", []),
        "faults": getattr(error, "faults", []),
        "request_id": getattr(request, "request_id", ""),
    }
    template = "errors/_refusal.html" if getattr(request, "htmx", False) else "errors/error.html"
    if status >= 500:
        # Whatever broke may break again: no context processors, no session, no database.
        return HttpResponse(render_to_string(template, context), status=status)
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        context["layout"] = "base.html"  # people stay where they were
    return render(request, template, context, status=status)


def api_exception_handler(exc: Exception, context: dict[str, Any]) -> Response:
    """DRF's handler: every failure in one shape; the unforeseen is logged once with its id and tells nothing."""
    request: HttpRequest = context["request"]._request
    request_id = getattr(request, "request_id", "")
    if isinstance(exc, domain.DomainError):
        return Response(body_of(exc, request), status=status_of(exc))
    if isinstance(exc, Http404):
        return Response(body_of(domain.NotFoundError(), request), status=404)
    if isinstance(exc, RequestDataTooBig):
        return Response(body_of(domain.TooLargeError(plain_sentence(413)), request), status=413)
    if isinstance(exc, drf.ValidationError):
        return _validation(exc.detail, request_id)
    if isinstance(exc, ValidationError):
        return _validation(exc.message_dict if hasattr(exc, "error_dict") else {"": exc.messages}, request_id)
    if isinstance(exc, drf.APIException):
        detail = exc.detail if isinstance(exc.detail, str) else plain_sentence(exc.status_code)
        headers = {}
        if getattr(exc, "auth_header", None):
            headers["WWW-Authenticate"] = exc.auth_header  # type: ignore[attr-defined]
        if getattr(exc, "wait", None):
            headers["Retry-After"] = str(int(exc.wait))  # type: ignore[attr-defined]
        body = {"code": exc.get_codes(), "detail": str(detail), "field": None, "request_id": request_id}
        body["code"] = body["code"] if isinstance(body["code"], str) else "error"
        if isinstance(exc, drf.NotAcceptable):  # RFC 9110: say what there is instead
            body |= {"detail": plain_sentence(406), "field": "Accept", "available": list(JSON)}
        return Response(body, status=exc.status_code, headers=headers)
    if isinstance(exc, PermissionDenied):
        return Response(
            {"code": "forbidden", "detail": plain_sentence(403), "field": None, "request_id": request_id}, status=403
        )
    if isinstance(exc, IntegrityError):
        return Response(body_of(conflict(exc, request_id), request), status=409)
    if isinstance(exc, DataError | RecursionError | UnicodeError | SuspiciousOperation):
        # A net below the strict parser: what the database cannot hold is the sender's fault, not ours.
        log.warning("unstorable input, request %s", request_id, exc_info=exc)
        body = {"code": "invalid", "detail": plain_sentence(400), "field": None, "request_id": request_id}
        return Response(body, status=400)
    log.error("unforeseen error, request %s", request_id, exc_info=exc)
    return Response(
        {"code": "internal", "detail": plain_sentence(500), "field": None, "request_id": request_id}, status=500
    )


def conflict(exc: IntegrityError, request_id: str) -> domain.ConflictError:
    """What a constraint of the database refused: two acts at the same moment, of which the other came first."""
    log.warning("refused by a constraint, request %s", request_id, exc_info=exc)
    return domain.ConflictError(plain_sentence(409))


def _validation(detail: Any, request_id: str) -> Response:
    faults = list(_flatten(detail))
    field, text = faults[0] if faults else ("", plain_sentence(400))
    body = {
        "code": "invalid",
        "detail": text,
        "field": field or None,
        "request_id": request_id,
        "errors": [{"path": path, "text": message, "hint": "", "level": "error"} for path, message in faults],
    }
    return Response(body, status=400)


def _flatten(detail: Any, path: str = "") -> list[tuple[str, str]]:
    if isinstance(detail, dict):
        pairs: list[tuple[str, str]] = []
        for key, value in detail.items():
            key = "" if key in {"non_field_errors", "__all__"} else str(key)
            pairs += _flatten(value, ".".join(part for part in (path, key) if part))
        return pairs
    if isinstance(detail, list | tuple):
        return [pair for item in detail for pair in _flatten(item, path)]
    return [(path, str(detail))]


# --- Django's own handlers (config.urls)
def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    too_big = isinstance(exception, RequestDataTooBig)
    return page_or_json(request, status=413 if too_big else 400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return page_or_json(request, status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return page_or_json(request, error=domain.NotFoundError())


def server_error(request: HttpRequest) -> HttpResponse:
    return page_or_json(request, status=500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return page_or_json(
        request,
        status=403,
        detail=_("This page was open too long, or cookies are blocked. Go back, reload, try again."),
    )
