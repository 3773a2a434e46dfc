"""The history that concerns one, and the anchors that everybody may keep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header

from collab.access.policy import visible_to
from collab.audit.forms import HistoryFilter
from collab.audit.models import AuditAnchor, AuditEvent
from collab.web.csvs import csv_lines
from collab.web.forms import show
from collab.web.history import spoken, timeline
from collab.web.pagination import page_of

HISTORY_SIZE = 50
ANCHORS_SIZE = 100
ANCHORS_IN_JSON = 5000  # thirteen years of days


def history(request: HttpRequest) -> HttpResponse:
    found = _found(request)
    page = page_of(request, found.qs, size=HISTORY_SIZE)
    query = request.GET.copy()
    query.pop("page", None)
    context = {"page": page, "filter": found, "history": timeline(page), "query": query.urlencode()}
    return show(request, "collab/audit/history.html", context)


def history_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The same rows, all of them, as they are read."""
    response = StreamingHttpResponse(csv_lines(_lines(_found(request).qs)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = content_disposition_header(True, f"history-{timezone.localdate()}.csv")
    return response


def anchors(request: HttpRequest) -> HttpResponse:
    page = page_of(request, AuditAnchor.objects.all(), size=ANCHORS_SIZE)
    return show(request, "collab/audit/anchors.html", {"page": page})


def anchors_json(request: HttpRequest) -> JsonResponse:
    """For whoever keeps a copy: newest first. `manage.py verify_audit --against` reads it."""
    rows = AuditAnchor.objects.all()[:ANCHORS_IN_JSON]
    told = [{"event": row.event_id, "digest": row.digest, "made_at": row.made_at.isoformat()} for row in rows]
    return JsonResponse({"anchors": told})


def _found(request: HttpRequest) -> HistoryFilter:
    rows = visible_to(request.user, "audit.view", AuditEvent.objects.all())
    return HistoryFilter(request.GET, queryset=rows, request=request)


def _lines(rows: Any) -> Iterator[list[Any]]:
    yield ["number", "at", "by", "act", "sentence", "object", "object_id", "project_id", "organisation_id", "hash"]
    for event, who, text in spoken(rows.iterator(chunk_size=500)):
        yield [
            event.id,
            event.at.isoformat(),
            who,
            event.verb,
            text,
            event.subject_type,
            event.subject_id,
            event.project_id or "",
            event.organisation_id or "",
            event.digest,
        ]
