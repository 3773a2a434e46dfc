"""The boards of a cohort with 5,000 applications and 200 placements: `python -m benchmarks.boards [--json]`.

Measures each page with 50 applications and 2 placements, then with all of them, on a database of its own (SQLite, or an
empty one that DATABASE_URL names): queries, and the median time of the answer inside the web process. Fails when a
page takes more queries for more rows.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.cases import timed
from benchmarks.matching import fill, ranks

FEW, MANY, PLACES, CHOICES = 10, 1000, 40, 5  # students, places, and the places for which each of them applies
PLACED_OF = 5  # one student of so many has a placement
OF_COHORT = (
    "/internships/cohorts/{cohort}/board/",
    "/internships/cohorts/{cohort}/board/?show=applications",
    "/internships/cohorts/{cohort}/board/?show=late",
    "/internships/cohorts/{cohort}/pairs/",
    "/internships/cohorts/{cohort}/roster/",
    "/internships/cohorts/{cohort}/report/",
    "/api/v1/applications/?cohort={cohort}&page_size=100",
    "/api/v1/placements/?cohort={cohort}&page_size=100",
    "/api/v1/cohorts/{cohort}/pairs/?page_size=100",
)
OF_HOST = ("/internships/postings/{posting}/board/", "/api/v1/applications/?posting={posting}&page_size=100")


def main() -> int:
    """Prints what was measured; 1 when a page took more queries for more applications."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="boards-") as folder:
        os.environ |= {"TANDEM_DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "config.settings.test"}
        few, many = measure()
    if wanted.json:
        print(json.dumps({"few": few, "many": many}, indent=2))
    else:
        for page, (queries, took) in many.items():
            print(f"{page:58} {queries:3} queries, {took:7.1f} ms ({few[page][1]:.1f} ms with {FEW * CHOICES})")
    grown = [page for page, (queries, _took) in many.items() if queries > few[page][0]]
    if grown:
        print(f"More queries for more applications: {', '.join(grown)}", file=sys.stderr)
    return 1 if grown else 0


def measure() -> list[dict[str, tuple[int, float]]]:
    """(queries, milliseconds) of each page, with few rows and with many."""
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.db import transaction

    settings.ALLOWED_HOSTS = ["*"]
    call_command("migrate", verbosity=0, skip_checks=True)
    found = []
    for students in (FEW, MANY):
        with transaction.atomic():
            found.append(asked(students))
            transaction.set_rollback(True)
    return found


def asked(students: int) -> dict[str, tuple[int, float]]:
    from django.test import Client

    from collab.accounts.models import Membership
    from collab.internships.models import Posting

    cohort, coordinator = fill(*ranks(students, PLACES, CHOICES))
    posting = Posting.objects.filter(cohort=cohort).order_by("title").select_related("organisation")[0]
    office = Membership.objects.get(organisation=posting.organisation).user
    go_on(cohort, coordinator, office)
    found = {}
    for person, pages in ((coordinator, OF_COHORT), (office, OF_HOST)):
        client = Client()
        client.force_login(person)
        found |= {page: timed(client, page.format(cohort=cohort.pk, posting=posting.pk)) for page in pages}
    return found


def go_on(cohort: Any, coordinator: Any, office: Any) -> None:
    """A matching was made, boards have scored, and some have their placement, with check-points that are due."""
    from django.utils import timezone

    from collab.internships.models import Application, BoardReview, CheckPoint, LogEntry, Placement

    today, now = timezone.localdate(), timezone.now()
    rows = list(Application.objects.filter(cohort=cohort).select_related("posting").order_by("candidate", "choice"))
    Application.objects.filter(cohort=cohort).update(outcome="full")
    BoardReview.objects.bulk_create(
        (BoardReview(application=row, reviewer=coordinator, score=7, given_at=now) for row in rows), batch_size=500
    )
    for name in ("First talk", "Second talk"):
        CheckPoint.objects.create(
            cohort=cohort, kind="check_in", name=name, due_on=today - timedelta(days=len(name)),
        )  # fmt: skip
    begun = rows[:: CHOICES * PLACED_OF]
    placements = Placement.objects.bulk_create(
        (
            Placement(
                application=row, posting=row.posting, cohort=cohort, student_id=row.candidate_id,
                university_id=row.university_id, host_id=row.posting.organisation_id, state="onboarded",
                mentor=office, supervisor=coordinator, approved_by_host=office,
                approved_by_university=coordinator, starts_on=today - timedelta(days=30),
                ends_on=today + timedelta(days=30),
            )
            for row in begun
        ),
        batch_size=100,
    )  # fmt: skip
    LogEntry.objects.bulk_create(
        (LogEntry(placement=row, day=today, hours=7, text="Read") for row in placements), batch_size=500
    )


if __name__ == "__main__":
    sys.exit(main())
