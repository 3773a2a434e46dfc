"""`manage.py seed_demo`: the demo story's people, project and agreements. Does nothing when they are there."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from training.demo import seed


class Command(BaseCommand):
    help = "Add the demo story: two organisations, a joint project, agreements signed and in signature."

    def handle(self, *args: Any, **options: Any) -> None:
        made = seed()
        if options["verbosity"]:
            self.stdout.write("The demo story is there." if not made else "The demo story was added.")
