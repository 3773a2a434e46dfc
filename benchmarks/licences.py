"""The search for conflicting grants among 10,000: `python -m benchmarks.licences [--json]`.

Half of the grants are of one asset, spread over fields and territories; the others of assets of their own. Measures
the search for a wish that meets few of them and for one that meets all, on a database of its own (SQLite, or an empty
one that DATABASE_URL names). Fails when a search takes longer than 100 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
GRANTS, TIMES, MOST_MS = 10_000, 21, 100
BEGIN = date(2026, 1, 1)


def main() -> int:
    """Measure and print a table, or JSON; 1 when a search is slow."""
    words = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else "")
    words.add_argument("--json", action="store_true")
    order = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="licences-") as folder:
        found = measure(folder)
    if order.json:
        print(json.dumps(found))
    else:
        print(f"{'search among 10,000 grants':<44} {'median, ms':>10} {'conflicts':>10}")
        for name, row in found.items():
            print(f"{name:<44} {row['ms']:>10.2f} {row['conflicts']:>10}")
    return 1 if any(row["ms"] > MOST_MS for row in found.values()) else 0


def measure(folder: str) -> dict[str, Any]:
    """All figures."""
    os.environ.update(TANDEM_DATA_DIR=folder, DJANGO_SETTINGS_MODULE="config.settings.test")
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0, skip_checks=True)
    things, stranger = fill()
    from collab.transfer.licences.conflicts import Reach, find_conflicts

    def wish(thing: str, field: str, place: str, begin: date = BEGIN) -> Reach:
        return Reach((thing,), (field,), (place,), True, begin, begin + timedelta(days=365), stranger)

    wishes = {
        "one field and territory of the busy asset": wish(things[0], "health", "EU"),
        "the world and all fields of the busy asset": wish(things[0], "all", "WORLD"),
        "an asset that one other licence is about": wish(things[1], "all", "WORLD"),
        "a time after all others": wish(things[0], "all", "WORLD", BEGIN + timedelta(days=40_000)),
        "an asset that nobody has": wish("nothing:0", "all", "WORLD"),
    }
    found = {}
    for name, reach in wishes.items():
        took = []
        for _number in range(TIMES):
            began = time.perf_counter()
            conflicts = find_conflicts(reach)
            took.append((time.perf_counter() - began) * 1000)
        found[name] = {"ms": statistics.median(took), "conflicts": len(conflicts)}
    return found


def fill() -> tuple[list[str], Any]:
    """10,000 signed licences of one grant each; the names of the things, and an organisation that holds none."""
    from django.db import transaction
    from django.utils import timezone

    from collab.accounts.models import Organisation, User
    from collab.agreements.models import Agreement, AgreementVersion
    from collab.projects.models import Project
    from collab.transfer.licences.models import Grant, Licence, LicensedThing
    from collab.transfer.licences.places import FieldOfUse, Territory

    with transaction.atomic():
        user = User.objects.create_user("bench@example.org", None, name="Bench")
        giver = Organisation.objects.create(slug="giver", name="Giver", kind="university")
        takers = Organisation.objects.bulk_create(
            Organisation(slug=f"taker-{n}", name=f"Taker {n}", kind="company") for n in range(100)
        )
        stranger = Organisation.objects.create(slug="stranger", name="Stranger", kind="company")
        project = Project.objects.create(slug="bench", title="Bench", created_by=user)
        things = LicensedThing.objects.bulk_create(
            LicensedThing(name=f"registry.modelversion:{n}", label=f"Model {n}") for n in range(GRANTS // 2 + 1)
        )
        agreements = Agreement.objects.bulk_create(
            Agreement(project=project, reference=f"L-{n}", kind="licence", title="Licence", created_by=user)
            for n in range(GRANTS)
        )
        now = timezone.now()
        AgreementVersion.objects.bulk_create(
            AgreementVersion(
                agreement=row, number=1, text="t", effective_on=BEGIN, expires_on=BEGIN + timedelta(days=3650),
                state="executed", document_sha256="0" * 64, executed_at=now, created_by=user,
            )
            for row in agreements
        )  # fmt: skip
        licences = Licence.objects.bulk_create(
            Licence(
                agreement=row, licensor=giver, licensee=takers[n % 100], exclusivity="exclusive", starts_on=BEGIN,
                ends_on=BEGIN + timedelta(days=3650), created_by=user,
            )
            for n, row in enumerate(agreements)
        )  # fmt: skip
        fields, places = list(FieldOfUse.objects.all()), list(Territory.objects.all())
        Grant.objects.bulk_create(
            Grant(
                licence=row, thing=things[0 if n % 2 else n // 2 + 1], field_of_use=fields[n % len(fields)],
                territory=places[(n * 7) % len(places)], shuts=True, starts_on=row.starts_on, ends_on=row.ends_on,
            )
            for n, row in enumerate(licences)
        )  # fmt: skip
    return [row.name for row in things], stranger.pk


if __name__ == "__main__":
    sys.exit(main())
