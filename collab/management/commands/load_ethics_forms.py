"""`manage.py load_ethics_forms`: write the ethics questionnaires that come with Tandem; what is there already stays."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from collab.ethics.shipped import load_forms


class Command(BaseCommand):
    help = "Write the bilingual questionnaires of collab/ethics/texts; a changed text is a new version."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{load_forms()} versions of questionnaires written.")
