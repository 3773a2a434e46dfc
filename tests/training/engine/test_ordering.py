"""Orders and splits are pure functions, cover everything once, and keep parts apart."""

import itertools

import numpy as np

from training.engine import ordering


def test_batches_cover_every_item_once_in_an_order_of_their_own() -> None:
    lengths = np.random.default_rng(1).integers(1, 90, size=103)
    for make in (
        lambda epoch: ordering.plain_batches(103, 10, 7, epoch),
        lambda epoch: ordering.bucketed_batches(lengths, 10, 7, epoch),
    ):
        first, again, second = make(0), make(0), make(1)
        assert sorted(np.concatenate(first)) == list(range(103))
        assert len(first) == ordering.steps_per_epoch(103, 10) == 11
        assert all((a == b).all() for a, b in zip(first, again, strict=True))
        assert not np.array_equal(np.concatenate(first), np.concatenate(second))


def test_bucketed_batches_hold_rows_of_like_length() -> None:
    lengths = np.random.default_rng(2).integers(1, 500, size=2_000)
    spread = np.mean([np.ptp(lengths[rows]) for rows in ordering.bucketed_batches(lengths, 16, 1, 0)])
    assert spread < 0.1 * np.mean([np.ptp(lengths[rows]) for rows in ordering.plain_batches(2_000, 16, 1, 0)])


def test_rows_are_split_by_class() -> None:
    labels = np.array([0] * 80 + [1] * 15 + [2] * 3 + [3] * 1)
    parts = ordering.split_rows(labels, 0.1, 0.2, 5)
    assert sorted(np.concatenate(list(parts.values()))) == list(range(99))
    assert [int((labels[parts["test"]] == c).sum()) for c in range(4)] == [16, 3, 1, 0]
    assert 3 in labels[parts["train"]]
    assert not np.array_equal(parts["test"], ordering.split_rows(labels, 0.1, 0.2, 6)["test"])


def test_text_is_split_into_whole_stretches() -> None:
    text = "".join(f"line {n} of the book\n" for n in range(5_000))
    parts = ordering.split_text(text, 0.05, 0.1, 3)
    stretches = sorted(stretch for found in parts.values() for stretch in found)
    assert stretches[0][0] == 0
    assert stretches[-1][1] == len(text)
    assert all(a[1] == b[0] for a, b in itertools.pairwise(stretches))
    assert all(text[end - 1] == "\n" for _, end in stretches)
    share = sum(end - start for start, end in parts["test"]) / len(text)
    assert 0.08 < share < 0.12


def test_short_text_still_has_all_parts() -> None:
    parts = ordering.split_text("a few words without a line end " * 3, 0.1, 0.1, 1)
    assert all(sum(end - start for start, end in found) > 0 for found in parts.values())


def test_seeds_depend_on_every_part_of_the_key() -> None:
    keys = [(1, 2, 0), (1, 2, 1), (1, 3, 0), (2, 2, 0), (2**63 - 1, 2, 0)]
    seeds = {ordering.seed_of(*key) for key in keys}
    assert len(seeds) == len(keys)
    assert all(0 <= seed < 2**63 for seed in seeds)
