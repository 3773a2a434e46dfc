"""How long a large cohort takes to match: 2,000 students rank 20 of 200 places, which rank all who chose them."""

from __future__ import annotations

import random
import time

from collab.internships.applications.matching import match

STUDENTS, PLACES, CHOICES, SEATS = 2_000, 200, 20, 10


def main() -> None:
    chance = random.Random(5)
    choices = {student: chance.sample(range(PLACES), CHOICES) for student in range(STUDENTS)}
    rankings: dict[int, list[int]] = {place: [] for place in range(PLACES)}
    for student, places in choices.items():
        for place in places:
            rankings[place].append(student)
    for ranks in rankings.values():
        chance.shuffle(ranks)
    began = time.perf_counter()
    found = match(choices, rankings, dict.fromkeys(range(PLACES), SEATS))
    took = time.perf_counter() - began
    print(f"{STUDENTS} students × {PLACES} places, {CHOICES} choices each: {took:.3f} s, {len(found.place_of)} placed")


if __name__ == "__main__":
    main()
