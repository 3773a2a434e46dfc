"""Writing and checking the chain of history."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from typing import Any
from uuid import UUID

from django.db import connection, models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.audit.models import AuditAnchor, AuditEvent
from collab.kernel.errors import InvalidError

GENESIS = "0" * 64
_LOCK = 7_261_001  # advisory lock of the chain: taken before the id is chosen, or two writers fork it
CLOCKS_MAY_DIFFER = timedelta(minutes=1)  # between machines that write; more than that is a time set by hand


def record(
    *,
    verb: str,
    subject: models.Model,
    by: models.Model | None,
    project_id: UUID | None = None,
    organisation_id: UUID | None = None,
    data: dict[str, Any] | None = None,
) -> AuditEvent:
    """Append one act to the history. Must run inside the transaction of the act, so that both happen or neither.

    `data` holds plain JSON: names of things and numbers, never secrets or personal text. `organisation_id` names the
    organisation that it concerns, whose admins read it; without one it is the subject's own.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("audit.record belongs in the transaction of the act it records")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    # On SQLite the IMMEDIATE transaction already holds the one write lock.
    last = AuditEvent.objects.order_by("-id").only("id", "digest").first()
    event = AuditEvent(
        id=(last.id if last else 0) + 1,
        at=timezone.now(),
        actor_id=by.pk if by is not None else None,
        verb=verb,
        subject_type=subject._meta.label_lower,
        subject_id=str(subject.pk),
        project_id=project_id,
        organisation_id=organisation_id or _organisation_of(subject),
        data=data or {},
        previous=last.digest if last else GENESIS,
    )
    event.digest = digest_of(event)
    event.save(force_insert=True)
    return event


# What concerns the organisation that it belongs to. Anything else says so itself: a request or a review may be private.
_OF_AN_ORGANISATION = {
    "collab.membership",
    "collab.organisationunit",
    "collab.invitation",
    "collab.membershipreview",
}


def _organisation_of(subject: models.Model) -> UUID | None:
    label = subject._meta.label_lower
    if label == "collab.organisation":
        return subject.pk
    return getattr(subject, "organisation_id", None) if label in _OF_AN_ORGANISATION else None


def digest_of(event: AuditEvent) -> str:
    """sha256 over the previous hash and the canonical JSON of the row."""
    row = {
        "id": event.id,
        "at": event.at.isoformat(timespec="microseconds"),
        "actor": str(event.actor_id) if event.actor_id else None,
        "verb": event.verb,
        "subject": [event.subject_type, event.subject_id],
        "project": str(event.project_id) if event.project_id else None,
        "data": event.data,
    }
    if event.organisation_id:  # acts from before organisations were named keep their hash
        row["organisation"] = str(event.organisation_id)
    canonical = json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{event.previous}\n{canonical}".encode()).hexdigest()


@dataclass(frozen=True)
class Mark:
    """What an anchor, or somebody's copy of one, says: the event of this number had this hash."""

    event_id: int
    digest: str


@dataclass(frozen=True)
class Finding:
    """One thing wrong with the history, in words; `code` is for programs."""

    code: str
    event_id: int
    text: str


def check_history(marks: Iterable[Mark] = ()) -> list[Finding]:
    """Everything that is wrong with the chain; it is compared with the anchors kept here and with other `marks` too.

    One pass in constant memory but for the anchors; only the first fault of each event is told.
    """
    wanted: dict[int, set[str]] = {}
    kept = (Mark(anchor.event_id, anchor.digest) for anchor in AuditAnchor.objects.order_by("event_id").iterator())
    for mark in chain(kept, marks):
        wanted.setdefault(mark.event_id, set()).add(mark.digest)
    found: list[Finding] = []
    previous, last, at = GENESIS, 0, None
    for event in AuditEvent.objects.order_by("id").iterator(chunk_size=2000):
        fault = _fault(event, previous, last, at, wanted.pop(event.id, set()))
        if fault is not None:
            found.append(fault)
        previous, last, at = event.digest, event.id, event.at
    for number in sorted(wanted):
        text = (
            f"Event {number} is anchored but gone: the history ends at event {last}."
            if number > last
            else (f"Event {number} is anchored but gone.")
        )
        found.append(Finding("cut", number, text))
    return found


def _fault(event: AuditEvent, previous: str, last: int, at: Any, anchored: set[str]) -> Finding | None:
    if event.id != last + 1:
        gone = f"event {last + 1} is" if event.id == last + 2 else f"events {last + 1} to {event.id - 1} are"
        return Finding("gap", event.id, f"Before event {event.id} ({event.verb}), {gone} missing.")
    if event.digest != digest_of(event):
        return Finding(
            "changed", event.id, f"Event {event.id} ({event.verb}) is not what its hash says: it was changed."
        )
    if event.previous != previous:
        return Finding(
            "unlinked",
            event.id,
            f"Event {event.id} ({event.verb}) does not follow from event {last}: one was replaced.",
        )
    if anchored - {event.digest}:
        return Finding("rewritten", event.id, f"Event {event.id} ({event.verb}) has another hash than was published.")
    if at is not None and event.at < at - CLOCKS_MAY_DIFFER:
        return Finding("backdated", event.id, f"Event {event.id} ({event.verb}) is dated before event {last}.")
    return None


def first_break() -> AuditEvent | None:
    """The first event that does not follow from the one before it, or None when the chain is whole."""
    previous, number = GENESIS, 0
    for event in AuditEvent.objects.order_by("id").iterator(chunk_size=2000):
        if event.id != number + 1 or event.previous != previous or event.digest != digest_of(event):
            return event
        previous, number = event.digest, event.id
    return None


@transaction.atomic
def make_anchor() -> AuditAnchor | None:
    """Publish the end of the chain; None when nothing happened since the last anchor. It is no act of its own."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    last = AuditEvent.objects.order_by("-id").only("id", "digest").first()
    if last is None or AuditAnchor.objects.filter(event_id__gte=last.id).exists():
        return None
    return AuditAnchor.objects.create(event_id=last.id, digest=last.digest)


def marks_of(copy: Any) -> list[Mark]:
    """The anchors in a copy of the published JSON; raises InvalidError when it is not one."""
    try:
        rows = copy["anchors"] if isinstance(copy, dict) else copy
        marks = [Mark(int(row["event"]), str(row["digest"])) for row in rows]
    except (KeyError, TypeError, ValueError):
        raise InvalidError(_("This is no copy of the published anchors.")) from None
    if any(len(mark.digest) != 64 for mark in marks):
        raise InvalidError(_("This is no copy of the published anchors."))
    return marks
