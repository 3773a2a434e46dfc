"""Matching against a brute-force check: every assignment of small cases, and which of them are stable."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collab.internships.applications.matching import BadRankingError, match

STUDENTS, PLACES = ["ann", "bo", "cy", "di"], ["x", "y", "z"]


@st.composite
def cases(draw):
    """Rankings of both sides, with gaps; seats; a forced pair at times, and forbidden ones."""
    students = STUDENTS[: draw(st.integers(1, 4))]
    places = PLACES[: draw(st.integers(1, 3))]
    some = lambda of: st.permutations(of).flatmap(lambda p: st.integers(0, len(p)).map(lambda n: list(p[:n])))  # noqa: E731
    choices = {student: draw(some(places)) for student in students}
    rankings = {place: draw(some(students)) for place in places}
    seats = {place: draw(st.integers(0, 2)) for place in places}
    pairs = st.tuples(st.sampled_from(students), st.sampled_from(places))
    forbidden = draw(st.lists(pairs, max_size=2, unique=True))
    forced = [pair for pair in draw(st.lists(pairs, max_size=1)) if seats[pair[1]] and pair not in forbidden]
    return choices, rankings, seats, forced, forbidden


def stable_matchings(choices, rankings, seats, forced, forbidden):
    """All of them, by trying every assignment: where nobody is placed unwillingly and no pair blocks."""
    fixed = dict(forced)
    shut = set(forbidden)
    options = [
        [fixed[s]] if s in fixed else [None, *(p for p in choices[s] if s in rankings[p] and (s, p) not in shut)]
        for s in choices
    ]
    for assigned in product(*options):
        at = dict(zip(choices, assigned, strict=True))
        if any(sum(p == place for p in at.values()) > seats[place] for place in seats):
            continue
        if not any(blocks(s, p, at, choices, rankings, seats, fixed) for s in choices for p in choices[s]
                   if s not in fixed and s in rankings[p] and (s, p) not in shut):  # fmt: skip
            yield at


def blocks(student, place, at, choices, rankings, seats, fixed):
    """Whether the two would both rather have each other. Whom a place must take it cannot send away."""
    now = at[student]
    if now == place or (now is not None and choices[student].index(now) < choices[student].index(place)):
        return False
    there = [s for s, p in at.items() if p == place]
    ranks = rankings[place]
    worse = any(ranks.index(s) > ranks.index(student) for s in there if s not in fixed)
    return len(there) < seats[place] or worse


@settings(max_examples=300, deadline=None)
@given(cases())
def test_it_is_stable_and_nobody_does_better_in_another_stable_one(case):
    choices, rankings, seats, forced, forbidden = case
    found = match(choices, rankings, seats, forced=forced, forbidden=forbidden)
    mine = {student: found.place_of.get(student) for student in choices}
    stable = list(stable_matchings(*case))

    def liking(student, place):
        return len(choices[student]) if place not in choices[student] else choices[student].index(place)

    assert mine in stable
    for other in stable:
        assert all(liking(s, mine[s]) <= liking(s, other[s]) for s in choices if s not in dict(forced))
    assert {s: p for p, students in found.students_of.items() for s in students} == found.place_of


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("repeated_choice", {"choices": {"ann": ["x", "x"]}}),
        ("repeated_rank", {"rankings": {"x": ["ann", "ann"]}}),
        ("forced_twice", {"forced": [("ann", "x"), ("ann", "y")]}),
        ("forced_beyond_seats", {"forced": [("ann", "x"), ("bo", "x")]}),
        ("forced_and_forbidden", {"forced": [("ann", "x")], "forbidden": [("ann", "x")]}),
    ],
)
def test_what_contradicts_itself_is_refused(code, changes):
    given_ = {"choices": {"ann": ["x"]}, "rankings": {"x": ["ann"]}, "seats": {"x": 1, "y": 1}} | changes
    with pytest.raises(BadRankingError) as refused:
        match(**given_)
    assert refused.value.code == code
