"""10,000 receipts distributed at once: `python -m benchmarks.distribution [--json]`.

Fills a database of its own (SQLite, or an empty one that DATABASE_URL names) with 500 licences of 500 cases and their
receipts, then measures the preview, the proposal and the approval, which writes every entry, books every receipt and
makes every statement. Fails when a cent is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
RECEIPTS, LICENCES = 10_000, 500


def main() -> int:
    """Measure and print a table, or JSON; 1 when receipts and distributions differ."""
    words = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else "")
    words.add_argument("--json", action="store_true")
    order = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="distribution-") as folder:
        found = measure(folder)
    if order.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name:<28} {value}")
    return 0 if found["missing"] == 0 else 1


def measure(folder: str) -> dict[str, Any]:
    """All figures."""
    os.environ.update(TANDEM_DATA_DIR=folder, DJANGO_SETTINGS_MODULE="config.settings.test")
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection
    from django.db.models import Sum
    from django.test.utils import CaptureQueriesContext
    from django.urls import reverse

    call_command("migrate", verbosity=0, skip_checks=True)
    from collab.transfer.royalties.distributing import preview
    from collab.transfer.royalties.models import LedgerEntry, Receipt, Statement
    from collab.transfer.royalties.services import decide_distribution, propose_distribution

    organisation, officer, second = fill()
    made: dict[str, Any] = {"receipts": RECEIPTS}
    reverse("collab:royalties")  # a server has its addresses loaded
    began = now()
    with CaptureQueriesContext(connection) as asked:
        found = preview(organisation)
    made |= {"preview, s": since(began), "preview, queries": len(asked), "parts": len(found.pieces)}
    began = now()
    row = propose_distribution(organisation=organisation, by=officer)
    made["proposal, s"] = since(began)
    began = now()
    decide_distribution(distribution=row, decision="approved", by=second)
    made |= {
        "approval, s": since(began),
        "entries": LedgerEntry.objects.count(),
        "statements": Statement.objects.count(),
    }
    given = LedgerEntry.objects.exclude(account="undistributed").aggregate(all=Sum("amount"))["all"]
    made["missing"] = Receipt.objects.aggregate(all=Sum("booked"))["all"] - given
    return made


def since(began: tuple[float, float]) -> str:
    """Seconds of the clock, and of the processor: they differ where much else runs."""
    return f"{time.perf_counter() - began[0]:.1f} (processor {time.process_time() - began[1]:.1f})"


def now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def fill() -> tuple[Any, Any, Any]:
    """An organisation with its books; every receipt pays an invoice in full."""
    from datetime import date
    from decimal import Decimal

    from django.utils import timezone

    from collab.access.roles import Role
    from collab.accounts.models import Membership, Organisation, User
    from collab.agreements.models import Agreement
    from collab.projects.models import Project
    from collab.transfer.disclosures.models import Disclosure, Inventor, TransferCase
    from collab.transfer.licences.models import Licence
    from collab.transfer.royalties.models import Receipt
    from collab.transfer.royalties.policies import EXAMPLES
    from collab.transfer.royalties.services import set_policy

    house = Organisation.objects.create(slug="uni", name="University", kind="university")
    firm = Organisation.objects.create(slug="firm", name="Firm", kind="company")
    officers = []
    for name in ("Olga", "Sam"):
        user = User.objects.create_user(f"{name.lower()}@example.org", None, name=name)
        Membership.objects.create(user=user, organisation=house, role=Role.TRANSFER_OFFICER)
        officers.append(user)
    officer, second = officers
    set_policy(
        organisation=house, currency="EUR", content=EXAMPLES["notre_dame"], effective_on=date(2020, 1, 1), by=officer
    )
    project = Project.objects.create(slug="p", title="Project", created_by=officer, state="active")
    now, today = timezone.now(), timezone.localdate()
    agreements = Agreement.objects.bulk_create(
        Agreement(project=project, reference=f"LIC-{n}", kind="licence", title=f"Licence {n}", created_by=officer)
        for n in range(LICENCES)
    )
    cases = TransferCase.objects.bulk_create(
        TransferCase(
            organisation=house, docket=f"D-{n}", state="licensed", disclosed_on=today, decision="protect",
            decided_by=officer, decided_at=now, created_by=officer,
        )
        for n in range(LICENCES)
    )  # fmt: skip
    disclosures = Disclosure.objects.bulk_create(
        Disclosure(case=case, title=f"Result {n}", kind="software") for n, case in enumerate(cases)
    )
    Inventor.objects.bulk_create(
        Inventor(
            disclosure=disclosure, name=f"Inventor {n}-{m}", email=f"i{n}-{m}@example.org", employer=house,
            share_percent=Decimal(share),
        )
        for n, disclosure in enumerate(disclosures)
        for m, share in enumerate(("50", "33.3333", "16.6667"))
    )  # fmt: skip
    licences = Licence.objects.bulk_create(
        Licence(
            agreement=agreement, case=case, licensor=house, licensee=firm, exclusivity="non_exclusive",
            starts_on=today - timedelta(days=900), currency="EUR", created_by=officer,
        )
        for agreement, case in zip(agreements, cases, strict=True)
    )  # fmt: skip
    rows = []
    for n in range(RECEIPTS):
        amount = 100_000 + 7919 * n % 2_000_003
        rows.append(
            Receipt(
                organisation=house, licence=licences[n % LICENCES], received_on=today - timedelta(days=n % 700),
                amount=amount, currency="EUR", booked=amount, book_currency="EUR", matched=amount,
                undistributed=amount, entered_by=officer,
            )
        )  # fmt: skip
    Receipt.objects.bulk_create(rows, batch_size=1000)
    return house, officer, second


if __name__ == "__main__":
    sys.exit(main())
