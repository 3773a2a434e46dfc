"""`manage.py load_templates`: publish the agreement templates that come with Tandem; what is there already stays."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from collab.agreements.library import TemplateVersion, publish_template

TEXTS = Path(__file__).resolve().parents[2] / "agreements" / "texts"


class Command(BaseCommand):
    help = "Publish the bilingual agreement templates of collab/agreements/texts; a changed text is a new version."

    def handle(self, *args: Any, **options: Any) -> None:
        before = TemplateVersion.objects.count()
        for path in sorted(TEXTS.glob("*.toml")):
            publish_template(**tomllib.loads(path.read_text(encoding="utf-8")), by=None)
        if options["verbosity"]:
            self.stdout.write(f"{TemplateVersion.objects.count() - before} templates published.")
