"""Students and places by both sides' rankings: stable, and the best for every student. Pure Python, no tables.

Gale and Shapley's deferred acceptance, students proposing. Stable: no student and place would both rather have each
other. Best for students: nobody does better in any other stable matching. Whom a side has not ranked it does not want.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappush, heappushpop
from typing import Generic, TypeVar

S = TypeVar("S", bound=Hashable)
P = TypeVar("P", bound=Hashable)


class BadRankingError(ValueError):
    """The input contradicts itself. `code` says how, `about` names the student, the place or the pair."""

    def __init__(self, code: str, about: object) -> None:
        self.code, self.about = code, about
        super().__init__(f"{code}: {about!r}")


@dataclass(frozen=True)
class Matching(Generic[S, P]):
    """`place_of` holds every student who has a place, `students_of` the same the other way round, best first."""

    place_of: dict[S, P]
    students_of: dict[P, list[S]]


def match(
    choices: Mapping[S, Sequence[P]],
    rankings: Mapping[P, Sequence[S]],
    seats: Mapping[P, int],
    *,
    forced: Iterable[tuple[S, P]] = (),
    forbidden: Iterable[tuple[S, P]] = (),
) -> Matching[S, P]:
    """Match students to places, as both ranked each other, first choice first.

    A forced pair holds whatever the two ranked and takes a seat; a forbidden one never comes about. Raises
    BadRankingError when a ranking repeats, when a student is forced to two places, into a full or a forbidden one.
    """
    placed, left = _forced(list(forced), seats, set(forbidden))
    shut = set(forbidden)
    wanted = {student: iter(_wanted(student, ranks, placed, shut)) for student, ranks in choices.items()}
    rank = {place: _places_in(ranks, place) for place, ranks in rankings.items()}
    held: dict[P, list[tuple[int, int, S]]] = {place: [] for place in seats}  # heaps: the worst on top
    free = [student for student in choices if student not in placed]
    order = {student: number for number, student in enumerate(choices)}
    while free:
        student = free.pop()
        for place in wanted[student]:  # goes on where they were sent away
            mine = rank.get(place, {}).get(student)
            if mine is None or not left.get(place):
                continue  # the place does not want them, or has no seat at all
            entry = (-mine, order[student], student)
            if len(held[place]) < left[place]:
                heappush(held[place], entry)
                break
            out = heappushpop(held[place], entry)
            if out[2] != student:
                free.append(out[2])
                break
    students_of = {place: [student for student, at in placed.items() if at == place] for place in seats}
    for place, entries in held.items():
        students_of[place] += [student for *_rank, student in sorted(entries, reverse=True)]
    place_of = {student: place for place, students in students_of.items() for student in students}
    return Matching(place_of, students_of)


def _forced(pairs: Sequence[tuple[S, P]], seats: Mapping[P, int], shut: set[tuple[S, P]]) -> tuple[dict[S, P], dict]:
    placed: dict[S, P] = {}
    for student, place in pairs:
        if (student, place) in shut:
            raise BadRankingError("forced_and_forbidden", (student, place))
        if placed.setdefault(student, place) != place:
            raise BadRankingError("forced_twice", student)
    taken = Counter(placed.values())
    for place, number in taken.items():
        if number > seats.get(place, 0):
            raise BadRankingError("forced_beyond_seats", place)
    return placed, {place: number - taken[place] for place, number in seats.items()}


def _wanted(student: S, ranks: Sequence[P], placed: Mapping[S, P], shut: set[tuple[S, P]]) -> list[P]:
    if len(set(ranks)) != len(ranks):
        raise BadRankingError("repeated_choice", student)
    return [] if student in placed else [place for place in ranks if (student, place) not in shut]


def _places_in(ranks: Sequence[S], place: P) -> dict[S, int]:
    found = {student: number for number, student in enumerate(ranks)}
    if len(found) != len(ranks):
        raise BadRankingError("repeated_rank", place)
    return found
