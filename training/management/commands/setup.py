"""`manage.py setup`: everything between an installed environment and a running Tandem. Safe to repeat."""

from __future__ import annotations

import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from registry.tracking.setup import StoreSetupError, upgrade_store
from training.runner.housekeeping import ensure_queue_folders


class Command(BaseCommand):
    help = "Prepare folders, databases, static files and the demo; prints one line per step."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-demo", action="store_true", help="leave out the demo story")

    def handle(self, *args: Any, **options: Any) -> None:
        self._step("folders", self._folders)
        self._step("database", lambda: call_command("migrate", interactive=False, verbosity=0))
        self._step("tracking", self._tracking)
        self._step("static files", lambda: call_command("collectstatic", interactive=False, verbosity=0))
        if not options["no_demo"]:  # its story begins two years ago, and the history is a chain that knows no yesterday
            self._step("demo", lambda: call_command("seed_demo", verbosity=0))
        self._step("rules", self._rules)
        self._step("questionnaires", lambda: call_command("load_ethics_forms", stdout=StringIO()))

    def _step(self, name: str, work: Callable[[], Any]) -> None:
        begun = time.monotonic()
        work()
        self.stdout.write(f"{name}: done in {time.monotonic() - begun:.1f} s")
        self.stdout.flush()

    def _folders(self) -> None:
        for folder in (settings.DATA_DIR, settings.BLOB_DIR, settings.RUN_DIR, Path(settings.DATA_DIR) / "cache"):
            Path(folder).mkdir(parents=True, exist_ok=True)
        ensure_queue_folders()

    def _rules(self) -> None:
        """What a publication destroys, and what falls due: examples that come with Tandem; what is there stays."""
        for command in ("load_novelty_rules", "load_deadline_rules"):
            call_command(command, verbosity=0)

    def _tracking(self) -> None:
        try:
            upgrade_store()
        except StoreSetupError as fault:
            raise CommandError(str(fault)) from None
