"""A large cohort: 2,000 students rank 20 of 200 places of 10 seats, which rank all who chose them.

`python -m benchmarks.matching` measures the algorithm alone, then the verbs through a database of its own (SQLite, or
an empty one that DATABASE_URL names): run the matching, and confirm it, which turns every pair into an offer and tells
everybody. Fails when a verb takes more than a minute, or somebody who was matched has no offer.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
STUDENTS, PLACES, CHOICES, SEATS = 2_000, 200, 20, 10
MOST_S = 60

Ranks = dict[int, list[int]]


def main() -> int:
    choices, rankings = ranks()
    algorithm(choices, rankings)
    with tempfile.TemporaryDirectory(prefix="matching-") as folder:
        os.environ |= {"TANDEM_DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "config.settings.test"}
        return through_the_database(choices, rankings)


def ranks(students: int = STUDENTS, places: int = PLACES, each: int = CHOICES) -> tuple[Ranks, Ranks]:
    """What each student and each place ranks, best first, by their numbers."""
    chance = random.Random(5)
    choices = {student: chance.sample(range(places), each) for student in range(students)}
    rankings: Ranks = {place: [] for place in range(places)}
    for student, chosen in choices.items():
        for place in chosen:
            rankings[place].append(student)
    for ranked in rankings.values():
        chance.shuffle(ranked)
    return choices, rankings


def algorithm(choices: Ranks, rankings: Ranks) -> None:
    from collab.internships.applications.matching import match

    began = time.perf_counter()
    found = match(choices, rankings, dict.fromkeys(range(PLACES), SEATS))
    took = time.perf_counter() - began
    print(f"{STUDENTS} students × {PLACES} places, {CHOICES} choices each: {took:.3f} s, {len(found.place_of)} placed")


def through_the_database(choices: Ranks, rankings: Ranks) -> int:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0, skip_checks=True)
    from collab.inbox.models import Notification
    from collab.internships.applications.rounds import confirm_matching, run_matching
    from collab.internships.models import Application

    cohort, coordinator = fill(choices, rankings)
    made, run_s = timed("run_matching", lambda: run_matching(cohort=cohort, by=coordinator))
    _done, confirm_s = timed("confirm_matching", lambda: confirm_matching(matching=made, by=coordinator))
    offered = Application.objects.filter(state="offered").count()
    print(f"{len(made.pairs)} pairs, {offered} offers, {Notification.objects.count()} people told")
    return 0 if offered == len(made.pairs) and max(run_s, confirm_s) < MOST_S else 1


def timed(name: str, verb: Any) -> tuple[Any, float]:
    """What the verb gave back, and the seconds that it took; its queries are printed."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as caught:
        began, used = time.perf_counter(), time.process_time()
        made = verb()
        took, used = time.perf_counter() - began, time.process_time() - used
    print(f"{name}: {took:.1f} s ({used:.1f} s of processor time), {len(caught)} queries")
    return made, took


def fill(choices: Ranks, rankings: Ranks) -> tuple[Any, Any]:
    """A cohort whose ranking has ended, and its coordinator."""
    from django.utils import timezone

    from collab.access.roles import Role
    from collab.accounts.models import Membership, Organisation, User
    from collab.internships.models import Application, Cohort, Posting, Programme

    university = Organisation.objects.create(slug="uni", name="University", kind="university")
    hosts = Organisation.objects.bulk_create(
        Organisation(slug=f"host-{n}", name=f"Host {n}", kind="company") for n in range(max(1, len(rankings) // 4))
    )
    coordinator = User.objects.create_user("bench@example.org", None, name="Bench")
    offices = User.objects.bulk_create(User(email=f"h{n}@example.org", name=f"Office {n}") for n in range(len(hosts)))
    posts = [(coordinator, university), *zip(offices, hosts, strict=True)]
    Membership.objects.bulk_create(
        Membership(user=user, organisation=house, role=Role.COORDINATOR) for user, house in posts
    )
    students = User.objects.bulk_create(
        (User(email=f"s{n}@example.org", name=f"Student {n}") for n in range(len(choices))), batch_size=500
    )
    now = timezone.now()
    days = {"starts_on": now.date() + timedelta(days=30), "ends_on": now.date() + timedelta(days=90)}
    programme = Programme.objects.create(organisation=university, name="Season", created_by=coordinator)
    cohort = Cohort.objects.create(
        programme=programme, name="Cohort", state="published", publishes_at=now - timedelta(days=9),
        opens_at=now - timedelta(days=9), closes_at=now - timedelta(days=2), ranking_ends_at=now - timedelta(days=1),
        choices_max=CHOICES, created_by=coordinator, **days,
    )  # fmt: skip
    postings = Posting.objects.bulk_create(
        Posting(
            cohort=cohort, organisation=hosts[n % len(hosts)], title=f"Place {n}", duties="Much", places=SEATS,
            place="Here", state="published", created_by=coordinator, **days,
        )
        for n in range(len(rankings))
    )  # fmt: skip
    rank = {(student, place): n for place, ranked in rankings.items() for n, student in enumerate(ranked, 1)}
    Application.objects.bulk_create(
        (
            Application(
                posting=postings[place], cohort=cohort, candidate=students[student], university=university,
                statement="Because I can." * 20, state="applied", submitted_at=now, choice=choice,
                rank=rank[student, place],
            )
            for student, places in choices.items()
            for choice, place in enumerate(places, 1)
        ),
        batch_size=500,
    )  # fmt: skip
    return cohort, coordinator


if __name__ == "__main__":
    sys.exit(main())
