"""Pages of somebody with 1,000 projects and 50,000 obligations: `python -m benchmarks.dashboards [--json]`.

Each project has an agreement, and a request and a notification for the person beside its obligations.

Measures each page with 10 projects and 500 obligations, then with all of them, on a database of its own (SQLite, or an
empty one that DATABASE_URL names): queries, and the median time of the answer inside the web process. Fails when a
page takes more queries for more rows.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
PROJECTS, OBLIGATIONS = 1000, 50_000
FEW = 10, 500
TIMES = 9
PAGES = [
    "/", "/inbox/waiting/", "/inbox/", "/calendar/", "/projects/", "/agreements/", "/graph/", "/notifications/",
    "/api/v1/projects/", "/api/v1/obligations/",
]  # fmt: skip


def main() -> int:
    """Measure and print a table, or JSON; 1 when queries grow with rows."""
    words = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else "")
    words.add_argument("--json", action="store_true")
    order = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="dashboards-") as folder:
        found = measure(folder)
    if order.json:
        print(json.dumps(found))
    else:
        print(f"{'page':<24} {'queries':>8} {'few, ms':>9} {'many, ms':>9}")
        for page, row in found.items():
            print(f"{page:<24} {row['queries']:>8} {row['few_ms']:>9.1f} {row['many_ms']:>9.1f}")
    grown = {page: row for page, row in found.items() if row["queries"] > row["queries_few"]}
    for page, row in grown.items():
        print(f"{page}: {row['queries_few']} queries for few rows, {row['queries']} for many", file=sys.stderr)
    return 1 if grown else 0


def measure(folder: str) -> dict[str, Any]:
    """All figures."""
    os.environ.update(TANDEM_DATA_DIR=folder, DJANGO_SETTINGS_MODULE="config.settings.test")
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.test import Client

    settings.ALLOWED_HOSTS = ["*"]
    call_command("migrate", verbosity=0, skip_checks=True)
    person, organisation = people()
    client = Client()
    client.force_login(person)
    fill(person, organisation, 0, *FEW)
    few = {page: timed(client, page) for page in PAGES}
    fill(person, organisation, FEW[0], PROJECTS - FEW[0], OBLIGATIONS - FEW[1])
    many = {page: timed(client, page) for page in PAGES}
    return {
        page: {
            "queries_few": few[page][0],
            "queries": many[page][0],
            "few_ms": few[page][1],
            "many_ms": many[page][1],
        }
        for page in PAGES
    }


def people() -> tuple[Any, Any]:
    """Somebody of a university."""
    from collab.access.roles import Role
    from collab.accounts.models import Membership, Organisation, User

    organisation = Organisation.objects.create(slug="uni", name="University", kind="university")
    person = User.objects.create_user("bench@example.org", None, name="Bench")
    Membership.objects.create(user=person, organisation=organisation, role=Role.EMPLOYEE)
    return person, organisation


def fill(person: Any, organisation: Any, first: int, projects: int, obligations: int) -> None:
    """So many more projects that the person leads, and obligations spread over them."""
    from django.utils import timezone

    from collab.access.roles import Role
    from collab.accounts.models import Membership, Organisation
    from collab.agreements.models import Agreement, AgreementParty, AgreementVersion
    from collab.inbox.models import Notification, Obligation, Request
    from collab.projects.models import Project, ProjectParty

    rows = Project.objects.bulk_create(
        Project(slug=f"p-{n}", title=f"Project {n}", created_by=person, state="active")
        for n in range(first, first + projects)
    )
    ProjectParty.objects.bulk_create(ProjectParty(project=row, organisation=organisation, role="lead") for row in rows)
    Membership.objects.bulk_create(
        Membership(user=person, organisation=organisation, project=row, role=Role.LEAD) for row in rows
    )
    today = timezone.localdate()
    partner, _made = Organisation.objects.get_or_create(slug="firm", defaults={"name": "Firm", "kind": "company"})
    ProjectParty.objects.bulk_create(ProjectParty(project=row, organisation=partner) for row in rows)
    agreements = Agreement.objects.bulk_create(
        Agreement(project=row, reference="NDA-1", kind="nda", title="Silence", created_by=person) for row in rows
    )
    versions = AgreementVersion.objects.bulk_create(
        AgreementVersion(agreement=row, number=1, text="We keep it.", effective_on=today, created_by=person)
        for row in agreements
    )
    AgreementParty.objects.bulk_create(
        AgreementParty(version=row, organisation=party) for row in versions for party in (organisation, partner)
    )
    Request.objects.bulk_create(
        Request(
            topic="project.approval",
            subject_type="bench",
            subject_id=str(row.pk),
            title=f"Approve {row}",
            url="/",
            project=row,
            receiver=person,
            asked_by=asker(),
        )
        for row in rows
    )
    Notification.objects.bulk_create(
        Notification(person=person, kind="agreement", title=f"News of {row}", url="/", project=row) for row in rows
    )
    Obligation.objects.bulk_create(
        (
            Obligation(
                source_type="bench",
                source_id=f"{first}-{n}",
                kind="report",
                title=f"Report {n}",
                due_on=today + timedelta(days=n % 700 - 100),
                project=rows[n % len(rows)],
            )
            for n in range(obligations)
        ),
        batch_size=2000,
    )


def asker() -> Any:
    """Somebody else, who asks."""
    from collab.accounts.models import User

    known = User.objects.filter(email="asker@example.org").first()
    return known or User.objects.create_user("asker@example.org", None, name="Asker")


def timed(client: Any, page: str) -> tuple[int, float]:
    """(queries, median milliseconds) of a page that answers."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client.get(page)  # once before, for templates and caches
    with CaptureQueriesContext(connection) as caught:
        answer = client.get(page)
    queries = len(caught)  # now: the next request empties the log
    if answer.status_code != 200:
        raise SystemExit(f"{page} answered {answer.status_code}")
    times = []
    for _ in range(TIMES):
        began = time.perf_counter()
        client.get(page)
        times.append((time.perf_counter() - began) * 1000)
    return queries, round(statistics.median(times), 1)


if __name__ == "__main__":
    sys.exit(main())
