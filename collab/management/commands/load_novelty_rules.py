"""`manage.py load_novelty_rules`: enter the rules on novelty that come with Tandem; what is there already stays."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from collab.transfer.disclosures.novelty import load_rules


class Command(BaseCommand):
    help = "Enter the dated rules of collab/transfer/disclosures/novelty.toml: what a publication does to a patent."

    def handle(self, *args: Any, **options: Any) -> None:
        made = load_rules()
        if options["verbosity"]:
            self.stdout.write(f"{made} rules on novelty entered.")
