"""`manage.py verify_audit`: is the chain of history whole?"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from collab.audit.models import AuditEvent
from collab.audit.services import first_break


class Command(BaseCommand):
    help = "Recompute every hash of the history; fails at the first event that does not follow from the one before."

    def handle(self, *args: Any, **options: Any) -> None:
        broken = first_break()
        if broken is not None:
            raise CommandError(f"The history is broken at event {broken.id} ({broken.verb}).")
        last = AuditEvent.objects.order_by("-id").first()
        head = f"{last.id} {last.digest}" if last else "empty"
        self.stdout.write(f"The history is whole. Head: {head}")
