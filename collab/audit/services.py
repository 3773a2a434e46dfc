"""Writing and checking the chain of history."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from uuid import UUID

from django.db import connection, models, transaction
from django.utils import timezone

from collab.audit.models import AuditEvent

GENESIS = "0" * 64
_LOCK = 7_261_001  # advisory lock of the chain: taken before the id is chosen, or two writers fork it


def record(
    *,
    verb: str,
    subject: models.Model,
    by: models.Model | None,
    project_id: UUID | None = None,
    data: dict[str, Any] | None = None,
) -> AuditEvent:
    """Append one act to the history. Must run inside the transaction of the act, so that both happen or neither.

    `data` holds plain JSON: names of things and numbers, never secrets or personal text.
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
        data=data or {},
        previous=last.digest if last else GENESIS,
    )
    event.digest = digest_of(event)
    event.save(force_insert=True)
    return event


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
    canonical = json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{event.previous}\n{canonical}".encode()).hexdigest()


def first_break() -> AuditEvent | None:
    """The first event that does not follow from the one before it, or None when the chain is whole."""
    previous, number = GENESIS, 0
    for event in AuditEvent.objects.order_by("id").iterator(chunk_size=2000):
        if event.id != number + 1 or event.previous != previous or event.digest != digest_of(event):
            return event
        previous, number = event.digest, event.id
    return None
