"""Rows that nearly repeat others, against the share of shingles counted one by one, and in any number."""

import itertools

import numpy as np
import pytest

from training.engine.likeness import AT_ONCE, BANDS, HASHES, LIKE, MOST_SLOTS, SHINGLE, Seen, likeness, signature


def shingles(text: str) -> set[str]:
    plain = " ".join(text.casefold().split())
    return {plain[n : n + SHINGLE] for n in range(max(1, len(plain) - SHINGLE + 1))}


def share(one: str, other: str) -> float:
    return len(shingles(one) & shingles(other)) / len(shingles(one) | shingles(other))


def letters(count: int, seed: int, alphabet: str = "abcdefghijklmnopqrstuvwxyz") -> str:
    return "".join(np.array(list(alphabet))[np.random.default_rng(seed).integers(len(alphabet), size=count)])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("The Cat", "the  cat\n", True),
        ("STRASSE", "straße", True),
        ("a\u3000b c d", "A B C D", True),
        ("", " \n", True),
        ("ab", "abc", False),
        ("ab", "ba", False),
        ("aaaaa", "aaaaaa", True),  # the same shingles
        ("abcde", "abcdf", False),
        ("猫狗鸟鱼马", "猫狗鸟鱼牛", False),
        ("\ud800abcd", "?abcd", True),
    ],
)
def test_two_texts_have_one_signature_if_they_have_the_same_shingles(one: str, other: str, same: bool) -> None:
    assert np.array_equal(signature(one), signature(other)) is same
    assert (likeness(signature(one), signature(other)) == 1) is same


@pytest.mark.parametrize("alphabet", ["abcdefghijklmnopqrstuvwxyz", "猫狗鸟鱼马牛羊猪鸡鸭我你他的是在有不"])
def test_likeness_is_the_share_of_shingles_on_the_average(alphabet: str) -> None:
    """Of texts that share a beginning of every length: without a lean to either side."""
    off = []
    for seed in range(60):
        text = letters(400, seed, alphabet)
        other = text[: 6 * seed] + letters(400 - 6 * seed, 1_000 + seed, alphabet)
        off.append(likeness(signature(text), signature(other)) - share(text, other))
    assert abs(np.mean(off)) < 0.02 and np.std(off) < 0.0625 and max(map(abs, off)) < 0.2


def test_a_long_text_is_read_to_its_end() -> None:
    """Of texts longer than what is hashed at once, wherever they differ; and the order of their parts is little."""
    text = letters(3 * AT_ONCE, 1)
    for place in (0, AT_ONCE - 1, AT_ONCE, 3 * AT_ONCE - 200):
        other = text[:place] + letters(len(text) - place, 2)
        assert likeness(signature(text), signature(other)) == pytest.approx(share(text, other), abs=0.2)
    halves = [text[: len(text) // 2], text[len(text) // 2 :]]
    assert likeness(signature("".join(halves)), signature("".join(halves[::-1]))) > 0.95


def test_chance_alone_is_no_likeness() -> None:
    """Of bytes one in 256 is equal by itself: that counts for nothing, and nothing is less than nothing."""
    chance = np.random.default_rng(5)
    found = [likeness(*chance.integers(256, size=(2, HASHES)).astype(np.uint8)) for _ in range(2_000)]
    assert min(found) == 0 and np.mean(found) < 0.004
    one = np.zeros(HASHES, dtype=np.uint8)
    assert likeness(one, one) == 1
    half = np.where(np.arange(HASHES) < HASHES // 2, one, 1).astype(np.uint8)
    assert likeness(one, half) == pytest.approx((0.5 - 1 / 256) / (255 / 256))


def test_a_signature_hangs_on_the_text_alone() -> None:
    """Told once and for all: prepared data are found again by what they were made of."""
    found = signature("The quick brown fox jumps over the lazy dog. 敏捷的棕色狐狸。")
    assert found.dtype == np.uint8 and found.shape == (HASHES,) and HASHES % BANDS == 0
    assert len(set(found.tolist())) > 40
    assert found.tobytes() == signature("the quick BROWN fox jumps over the lazy dog. 敏捷的棕色狐狸。").tobytes()


@pytest.mark.parametrize(("changed", "repeats"), [(0, True), (1, True), (4, True), (60, False), (200, False)])
def test_what_is_like_an_earlier_row_is_left_out(changed: int, repeats: bool) -> None:
    """Each letter that is another takes up to five shingles with it."""
    found = []
    for seed in range(20):
        text, seen = letters(1_000, seed), Seen()
        other = list(text)
        for place in range(5, 5 + changed * 4, 4):
            other[place] = "Z"
        assert not seen.repeats(text)
        true = share(text, "".join(other))
        assert (true >= LIKE + 0.1) if repeats else (true <= LIKE - 0.1)
        found.append(seen.repeats("".join(other)))
    assert sum(found) == (20 if repeats else 0)


def test_early_rows_are_remembered_however_many_follow() -> None:
    """Past the first thousand rows the table of rows grows, and with two thousand that of the bands, with all in it."""
    texts = [letters(40, seed) for seed in range(2_600)]
    seen = Seen()
    slots = set()
    for text in texts:
        assert not seen.repeats(text)
        slots.add(seen._slots.shape[1])
    assert sorted(slots) == [4_096, 16_384] and max(slots) < MOST_SLOTS
    for text in itertools.chain(texts[:40], texts[1_000:1_050], texts[2_030:2_070], texts[-40:]):
        assert seen.repeats(text.upper())
    assert seen._count == len(texts)  # a repetition is not remembered


def test_a_repetition_of_a_repetition_is_held_to_the_first() -> None:
    """Else a chain of small changes would leave out a row that is like none that stayed."""
    chain = [letters(600, 1)]
    for step in range(30):
        new = list(chain[-1])
        new[step * 20 : step * 20 + 4] = "ZYXW"
        chain.append("".join(new))
    assert all(share(one, other) > 0.9 for one, other in itertools.pairwise(chain))
    assert share(chain[0], chain[-1]) < 0.5
    seen = Seen()
    kept = [text for text in chain if not seen.repeats(text)]
    assert len(kept) >= 2
    assert all(share(one, other) < LIKE + 0.12 for one, other in itertools.combinations(kept, 2))
