"""`manage.py verify_audit`: is the chain of history whole?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from collab.audit import guard
from collab.audit.models import AuditAnchor, AuditEvent
from collab.audit.services import check_history, marks_of
from collab.kernel.errors import InvalidError

SHOWN = 20


class Command(BaseCommand):
    help = "Recompute every hash of the history and compare it with its anchors; says each thing that is wrong."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--against", type=Path, help="a copy of /audit/anchors.json that was kept elsewhere")

    def handle(self, *args: Any, **options: Any) -> None:
        found = check_history(self._marks(options["against"]))
        if gone := guard.missing(connection):
            self.stderr.write(f"The database lets history be changed: it lacks the triggers {', '.join(gone)}.")
        if found:
            lines = [finding.text for finding in found[:SHOWN]]
            more = [f"… and {len(found) - SHOWN} more."] if len(found) > SHOWN else []
            raise CommandError("\n".join(["The history is broken.", *lines, *more]))
        last = AuditEvent.objects.order_by("-id").first()
        head = f"{last.id} {last.digest}" if last else "empty"
        self.stdout.write(f"The history is whole. Anchors: {AuditAnchor.objects.count()}. Head: {head}")

    def _marks(self, path: Path | None) -> Any:
        if path is None:
            return []
        try:
            return marks_of(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, InvalidError) as fault:
            raise CommandError(f"{path}: {fault}") from None
