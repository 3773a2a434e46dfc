"""Counters: right where they are exact, bounded and honest where they are not."""

import json
import random
import statistics

from hypothesis import given, settings
from hypothesis import strategies as st

from registry.datasets.ingest.stats import Column, Distinct, Lengths, Repeats, Sample, differing_by_case


@settings(max_examples=60, deadline=None, database=None)
@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=300))
def test_lengths(values):
    lengths = Lengths()
    lengths.add(values[: len(values) // 2])
    lengths.add(values[len(values) // 2 :])
    assert (lengths.n, lengths.low, lengths.high) == (len(values), min(values), max(values))
    assert abs(lengths.mean - statistics.fmean(values)) < 0.01
    exact = sorted(values)[-(-95 * len(values) // 100) - 1]
    assert exact * 0.99 <= lengths.quantile(0.95) <= exact
    histogram = lengths.histogram()
    assert sum(histogram["counts"]) == len(values)
    assert len(histogram["bins"]) == len(histogram["counts"]) + 1 <= 21
    assert histogram["bins"] == sorted(histogram["bins"])
    assert histogram["bins"][0] <= min(values)
    assert histogram["bins"][-1] > max(values)


def test_lengths_take_little_room():
    lengths = Lengths()
    for start in range(0, 1_000_000, 1000):
        lengths.add(list(range(start, start + 1000)))
    assert len(lengths.counts) < 4000
    assert Lengths().histogram() == {"bins": [], "counts": []}


def test_distinct_counts_then_says_more():
    few = Distinct(keep=1000)
    few.add(["a", "b", "a"], 1)
    assert (few.count, few.more, few.values["a"]) == (2, False, 2)
    many = Distinct(keep=1000)
    for start in range(0, 5000, 100):
        many.add([str(n) for n in range(start, start + 100)], 4)
    assert (many.count, many.more, many.values) == (1000, True, None)
    assert len(many.hashes) <= 1100
    some = Distinct(keep=1000)
    for start in range(0, 600, 100):
        some.add([str(n) for n in range(start, start + 100)] * 2, 4)
    assert (some.count, some.more) == (600, False)
    long = Distinct()
    long.add(["x" * 300, "x" * 300, "y"], 300)
    assert (long.count, long.values) == (2, None)


def test_repeats():
    repeats = Repeats(keep=2)
    for key in (1, 2, 1, 3, 3, 2):
        repeats.add(key)
    assert repeats.count == 2


def test_a_sample_is_spread_evenly_and_repeatable():
    def drawn(n: int) -> list[int]:
        sample = Sample(8)
        for at in range(n):
            if sample.wants():
                sample.put(at)
        return sample.things()

    assert drawn(5) == [0, 1, 2, 3, 4]
    assert drawn(10_000) == drawn(10_000)
    assert len(drawn(10_000)) == 8
    assert drawn(10_000) == sorted(drawn(10_000))
    means = []
    for seed in range(300):
        sample = Sample(8)
        sample._dice = random.Random(seed)
        for at in range(1000):
            if sample.wants():
                sample.put(at)
        means.append(statistics.fmean(sample.things()))
    assert abs(statistics.fmean(means) - 499.5) < 25


def column(values: list[str], **options) -> Column:
    found = Column("x", **options)
    for at in range(0, len(values), 2):
        found.add_text(values[at : at + 2])
    return found


def test_types_of_text_columns():
    kinds = {
        "integer": ["1", " -2", "+3", "0"],
        "number": ["1", "2.5", "-3e4", ".5", "6."],
        "boolean": ["true", "False", "yes"],
        "category": ["a", "b"] * 3,
        "text": ["one", "two", "three"],
    }
    assert {kind: column(values).type() for kind, values in kinds.items()} == {kind: kind for kind in kinds}


def test_what_only_looks_like_a_number_stays_text():
    for value in ("007", "1_000", "nan", "inf", "1e400", "0x1f", "１２", "1 2", "9" * 30):
        assert column([value, "other"]).type() == "text"
        assert column([value]).type() == "text", value


def test_label_candidates():
    assert column(["a", "b", "a"]).is_label_candidate()
    assert column(["0", "1", "1"]).is_label_candidate()
    assert not column(["a", "a"]).is_label_candidate()  # one class
    assert not column(["a", "b"]).is_label_candidate()  # nothing repeats
    assert not column([str(n % 201) for n in range(900)]).is_label_candidate()
    assert column([str(n % 200) for n in range(900)]).is_label_candidate()
    assert not column(["x" * 300, "y"] * 5).is_label_candidate()
    assert column(["b", "a", "b"]).classes() == {"b": 2, "a": 1}


def test_numbers_are_measured():
    entry = column(["1", "2", "6"]).profile(4)
    assert (entry["min"], entry["max"], entry["mean"], entry["missing"]) == (1, 6, 3.0, 1)


def test_numbers_whose_sum_is_beyond_all_numbers():
    huge = Column("x")
    huge.add_typed([1e308, 1e308, 1e308], ["1e308"] * 3)
    entry = huge.profile(3)
    assert (entry["max"], "mean" in entry) == (1e308, False)
    json.dumps(entry, allow_nan=False)


def test_typed_values():
    mixed = Column("x")
    mixed.add_typed(["a", 1], ["a", "1"])
    assert (mixed.type(), mixed.is_mixed) == ("text", True)
    numbers = Column("x")
    numbers.add_typed([1, 2.5], ["1", "2.5"])
    assert (numbers.type(), numbers.is_mixed) == ("number", False)
    nested = Column("x")
    nested.add_typed([[1], [2]], ["[1]", "[2]"])
    assert nested.type() == "nested"
    assert not nested.is_label_candidate()


def test_labels_that_differ_by_case():
    assert differing_by_case(["cat", "dog", "Cat "]) == ("cat", "Cat ")
    assert differing_by_case(["cat", "dog"]) is None
