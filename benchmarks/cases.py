"""The board of technology transfer with 5,000 cases: `python -m benchmarks.cases [--json]`.

Measures each page with 50 cases, then with all of them, on a database of its own (SQLite, or an empty one that
DATABASE_URL names): queries, and the median time of the answer inside the web process. Fails when a page takes more
queries for more rows.
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
FEW, MANY, TIMES = 50, 5000, 5
PAGES = (
    "/transfer/",
    "/transfer/?q=robot+17",
    "/transfer/cases/",
    "/transfer/cases/?state=licensed&page=3",
    "/transfer/stages/",
    "/api/v1/transfer-cases/?page_size=100",
)
STATES = ("submitted", "completeness_check", "returned", "under_assessment", "decided", "secured", "marketed",
          "optioned", "licensed", "income", "closed", "abandoned")  # fmt: skip
DECIDED = STATES[4:]


def main() -> int:
    """Prints what was measured; 1 when a page took more queries for more cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"TANDEM_DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "config.settings.development"}
        found = measure()
    if wanted.json:
        print(json.dumps(found, indent=2))
    else:
        for page, row in found.items():
            print(f"{page:45} {row['queries']:3} queries, {row['many_ms']:7.1f} ms ({row['few_ms']:.1f} ms with {FEW})")
    grown = [page for page, row in found.items() if row["queries"] > row["queries_few"]]
    if grown:
        print(f"More queries for more cases: {', '.join(grown)}", file=sys.stderr)
    return 1 if grown else 0


def measure() -> dict[str, dict[str, Any]]:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.test import Client

    settings.ALLOWED_HOSTS = ["*"]
    call_command("migrate", verbosity=0, skip_checks=True)
    officer, house = people()
    client = Client()
    client.force_login(officer)
    fill(officer, house, 0, FEW)
    few = {page: timed(client, page) for page in PAGES if "page=3" not in page}
    fill(officer, house, FEW, MANY - FEW)
    many = {page: timed(client, page) for page in PAGES}
    return {
        page: {
            "queries_few": few.get(page, many[page])[0],
            "queries": many[page][0],
            "few_ms": few.get(page, many[page])[1],
            "many_ms": many[page][1],
        }
        for page in PAGES
    }


def people() -> tuple[Any, Any]:
    """An officer of a university."""
    from collab.access.roles import Role
    from collab.accounts.models import Membership, Organisation, User

    house = Organisation.objects.create(slug="uni", name="University", kind="university")
    officer = User.objects.create_user("bench@example.org", None, name="Bench")
    Membership.objects.create(user=officer, organisation=house, role=Role.TRANSFER_OFFICER)
    return officer, house


def fill(officer: Any, house: Any, first: int, number: int) -> None:
    """So many more cases, in every stage, each with three inventors and the stages that it has passed."""
    from django.utils import timezone

    from collab.transfer.models import CaseStage, Disclosure, Inventor, TransferCase

    now = timezone.now()
    cases = []
    for n in range(first, first + number):
        state = STATES[n % len(STATES)]
        decided = {"decision": "protect", "decided_by": officer, "decided_at": now} if state in DECIDED else {}
        since = now - timedelta(days=n % 200)
        cases.append(
            TransferCase(
                organisation=house, docket=f"2026-{n:05d}", state=state, stage_since=since, disclosed_on=since.date(),
                officer=officer, created_by=officer, **decided,
            )
        )  # fmt: skip
    TransferCase.objects.bulk_create(cases, batch_size=500)
    rows = [
        Disclosure(case=case, title=f"Robot {n}", kind="software", summary=f"Something new {n}")
        for n, case in enumerate(cases, start=first)
    ]
    Disclosure.objects.bulk_create(rows, batch_size=500)
    Inventor.objects.bulk_create(
        (
            Inventor(disclosure=row, name=f"Inventor {place} of {row.title}", employer=house, share_percent=share)
            for row in rows
            for place, share in enumerate(("33.3334", "33.3333", "33.3333"))
        ),
        batch_size=500,
    )
    CaseStage.objects.bulk_create(
        (
            CaseStage(
                case=case,
                state=state,
                entered_at=case.stage_since - timedelta(days=10 * (4 - place)),
                left_at=case.stage_since - timedelta(days=10 * (3 - place)) if place < 4 else None,
            )
            for case in cases
            for place, state in enumerate((*STATES[:2], *STATES[3:5], case.state))
        ),
        batch_size=500,
    )


def timed(client: Any, page: str) -> tuple[int, float]:
    """(queries, median milliseconds) of a page that answers."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client.get(page)  # once before, for templates and caches
    with CaptureQueriesContext(connection) as caught:
        answer = client.get(page)
    queries = len(caught)
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
