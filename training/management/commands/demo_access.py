"""`manage.py demo_access --json`: a token for the demo's lead and the demo accounts, for the runner's main job."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from collab.accounts.models import ApiToken, User
from collab.accounts.services import create_token
from collab.projects.models import Project
from training.demo import ACCOUNTS, LEAD_EMAIL, PASSWORD, PROJECT_SLUG

TOKEN_NAME = "make run"  # noqa: S105  a name, not a secret


class Command(BaseCommand):
    help = "Make a one-day token for the demo project (earlier ones end) and print it with the demo accounts."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        lead = User.objects.filter(email=LEAD_EMAIL).first()
        project = Project.objects.filter(slug=PROJECT_SLUG).first()
        if lead is None or project is None:
            raise CommandError("There is no demo here yet: run manage.py seed_demo first.")
        ApiToken.objects.live().filter(user=lead, name=TOKEN_NAME).update(revoked_at=timezone.now())
        _token, secret = create_token(by=lead, name=TOKEN_NAME, scope="write", days=1, project=project)
        accounts = [{"who": who, "email": email, "password": PASSWORD} for who, email in ACCOUNTS]
        access = {"base_url": None, "token": secret, "project": project.slug, "accounts": accounts}
        if options["json"]:
            self.stdout.write(json.dumps(access))
            return
        for account in accounts:
            self.stdout.write(f"{account['who']:<45} {account['email']:<32} {account['password']}")
