"""`manage.py load_deadline_rules`: publish the example rule sets that come with Tandem; what is there stays."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from collab.transfer.protection.ruling import load_shipped


class Command(BaseCommand):
    help = "Publish the example rule sets of collab/transfer/protection/shipped. They are no legal advice."

    def handle(self, *args: Any, **options: Any) -> None:
        made = load_shipped()
        if options["verbosity"]:
            self.stdout.write(f"{made} rule sets published.")
