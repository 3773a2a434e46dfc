"""What holds of the engine's small functions whatever they are given, against plain ones that are slow."""

import functools
import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from training.engine import ordering
from training.engine.answering import answer_scores, place_of
from training.engine.labelling import label_sets, spans, type_of
from training.engine.likeness import SHINGLE, likeness, signature
from training.engine.optim import learning_rate
from training.engine.overlap import counts_of, longest_common, overlap_scores
from training.engine.privacy import is_card, is_iban, is_resident_id, masked
from training.engine.spec import TrainSpec
from training.engine.speech import edits
from training.engine.strict import SpecError, parse_json
from training.engine.tasks.summarization import first_sentence, rouge

quick = settings(max_examples=60, deadline=None, derandomize=True)
words = st.lists(st.sampled_from("abc"), max_size=6)
texts = st.text("ab .é猫", max_size=14)


# -- orders and parts


@quick
@given(
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    valid=st.floats(0.01, 0.6),
    test=st.floats(0.01, 0.6),
    seed=st.integers(0, 2**63 - 1),
)
def test_every_row_is_in_one_part_and_each_class_of_three_in_all(
    counts: list[int], valid: float, test: float, seed: int
) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    parts = ordering.split_rows(labels, valid, test, seed)
    assert sorted(np.concatenate(list(parts.values()))) == list(range(len(labels)))
    for label, count in enumerate(counts):
        found = {name: int((labels[rows] == label).sum()) for name, rows in parts.items()}
        assert found["train"] >= 1
        if count >= 3:
            assert min(found.values()) >= 1
        for name, share in (("valid", valid), ("test", test)):
            assert found[name] <= max(1, round(count * share))


@quick
@given(
    text=st.text("ab\n", max_size=400),
    valid=st.floats(0.02, 0.4),
    test=st.floats(0.02, 0.4),
    seed=st.integers(0, 99),
)
@example(text="", valid=0.1, test=0.1, seed=0)
def test_every_character_is_in_one_part(text: str, valid: float, test: float, seed: int) -> None:
    parts = ordering.split_text(text, valid, test, seed)
    stretches = sorted(stretch for found in parts.values() for stretch in found)
    assert "".join(text[a:b] for a, b in stretches) == text
    assert all(a[1] == b[0] for a, b in itertools.pairwise(stretches))
    for found in parts.values():  # neighbours are one, so nothing is read as if it began a text
        assert all(a[1] < b[0] for a, b in itertools.pairwise(found))


@quick
@given(
    lengths=st.lists(st.integers(1, 99), min_size=1, max_size=120), batch=st.integers(1, 50), epoch=st.integers(0, 3)
)
def test_batches_hold_every_row_once(lengths: list[int], batch: int, epoch: int) -> None:
    for batches in (
        ordering.bucketed_batches(np.array(lengths), batch, 5, epoch),
        ordering.plain_batches(len(lengths), batch, 5, epoch),
    ):
        assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
        assert len(batches) == ordering.steps_per_epoch(len(lengths), batch)
        assert sorted({len(rows) for rows in batches} - {batch}) in ([], [len(lengths) % batch])


# -- the rate of learning


@quick
@given(
    steps=st.integers(1, 200),
    warmup=st.floats(0, 1),
    schedule=st.sampled_from(["constant", "linear", "cosine", "wsd"]),
)
def test_the_rate_rises_to_the_highest_falls_and_is_never_nothing(steps: int, warmup: float, schedule: str) -> None:
    train = TrainSpec(max_steps=steps, lr=0.3, schedule=schedule, warmup=warmup)
    rates = [learning_rate(step, steps, train) for step in range(steps)]
    warm = round(warmup * steps)
    assert all(0 < rate <= 0.3 + 1e-12 for rate in rates)
    assert all(a < b for a, b in itertools.pairwise(rates[:warm]))
    assert all(a >= b for a, b in itertools.pairwise(rates[warm:]))
    # With wsd the fall may begin before the rise has ended.
    assert schedule == "wsd" or max(rates) == pytest.approx(0.3)


# -- nearness of texts


def slow_edits(ours: tuple[str, ...], theirs: tuple[str, ...]) -> int:
    @functools.cache
    def steps(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        return min(steps(i - 1, j) + 1, steps(i, j - 1) + 1, steps(i - 1, j - 1) + (ours[i - 1] != theirs[j - 1]))

    return steps(len(ours), len(theirs))


def slow_common(ours: list[str], theirs: list[str]) -> int:
    """Of every way to leave words out."""

    def kept(text: list[str]) -> set[tuple[str, ...]]:
        return {found for size in range(len(text) + 1) for found in itertools.combinations(text, size)}

    return max(map(len, kept(ours) & kept(theirs)))


@quick
@given(ours=words, theirs=words)
def test_the_fewest_edits_and_the_longest_common_words(ours: list[str], theirs: list[str]) -> None:
    assert edits(ours, theirs) == edits(theirs, ours) == slow_edits(tuple(ours), tuple(theirs))
    assert longest_common(ours, theirs) == longest_common(theirs, ours) == slow_common(ours, theirs)


@quick
@given(ours=texts, theirs=texts)
@example(ours="The", theirs="a")
def test_every_nearness_is_a_share_and_whole_only_of_the_same(ours: str, theirs: str) -> None:
    found = overlap_scores(np.array(counts_of(ours, theirs)))
    for score in (*found.values(), *rouge(ours, theirs), *answer_scores(ours, theirs)):
        assert -1e-12 <= score <= 1 + 1e-12
    assert answer_scores(ours, ours) == (1.0, 1.0)
    if "".join(ours.split()):
        same = overlap_scores(np.array(counts_of(ours, ours)))
        assert {name: float(value) for name, value in same.items()} == pytest.approx(dict.fromkeys(same, 1.0))


@quick
@given(before=texts, answer=st.text("abé猫", min_size=1, max_size=4), after=texts)
def test_an_answer_is_found_where_it_stands(before: str, answer: str, after: str) -> None:
    context = before + answer + after
    found = place_of(f" {answer} ", context)
    assert found is not None and context[slice(*found)] == answer
    whole = place_of(answer, f"{answer}x {answer} x")  # not the beginning of another word
    assert whole == (len(answer) + 2, 2 * len(answer) + 2)
    assert place_of(answer + "z", context) is None


@quick
@given(text=texts, more=texts)
def test_a_first_sentence_is_the_beginning_of_its_document(text: str, more: str) -> None:
    first = first_sentence(text)
    assert text.strip().startswith(first)
    assert bool(first) == bool(text.strip())
    if first.endswith(".") and text.strip() == first and first[0] != ".":
        assert first_sentence(f"{text} {more}") == first


# -- what points to a person: what the check digits of each standard promise

CARDS = ("4111111111111111", "5500005555555559", "378282246310005")
IDS = ("11010519491231002X", "440524188001010014")
IBANS = ("DE89370400440532013000", "GB82WEST12345698765432", "FR1420041010050500013M02606")


def changed(text: str, place: int, by: int) -> str:
    """With another digit at a place, if one stands there."""
    place %= len(text)
    if not text[place].isdigit():
        return text
    return text[:place] + str((int(text[place]) + by) % 10) + text[place + 1 :]


@quick
@given(place=st.integers(0, 40), by=st.integers(1, 9))
def test_no_number_with_a_wrong_digit_is_taken_for_one(place: int, by: int) -> None:
    for numbers, holds in ((CARDS, is_card), (IDS, is_resident_id), (IBANS, is_iban)):
        for number in numbers:
            assert holds(number)
            wrong = changed(number, place, by)
            assert wrong == number or not holds(wrong)


@quick
@given(place=st.integers(0, 40))
def test_no_number_with_two_digits_in_each_others_place_is_taken_for_one(place: int) -> None:
    for numbers, holds in ((IDS, is_resident_id), (IBANS, is_iban)):
        for number in numbers:
            n = place % (len(number) - 1)
            wrong = number[:n] + number[n + 1] + number[n] + number[n + 2 :]
            assert wrong == number or "X" in wrong[:-1] or not holds(wrong)


@quick
@given(before=st.sampled_from(["", "to ", "号码：", "("]), number=st.sampled_from([*CARDS, *IDS, *IBANS]))
def test_what_was_masked_holds_nothing_to_mask(before: str, number: str) -> None:
    found: Counter[str] = Counter()
    once = masked(f"{before}{number}, please", found)
    assert number not in once and found.total() == 1
    assert masked(once, found) == once and found.total() == 1


@quick
@given(text=st.text("01234567 .:-+()@aEG号", max_size=60))
def test_masking_any_text_ends_and_counts_what_it_put_there(text: str) -> None:
    found: Counter[str] = Counter()
    hidden = masked(text, found)
    assert (hidden == text) == (not found)


# -- labels, tags, likeness, JSON


@quick
@given(
    entities=st.lists(
        st.tuples(st.sampled_from(["", "place", "person", "B-x"]), st.integers(1, 3)), min_size=1, max_size=6
    )
)
def test_entities_come_back_from_their_tags(entities: list[tuple[str, int]]) -> None:
    tags: list[str] = []
    expected = []
    for kind, count in entities:
        if kind:
            expected.append((kind, len(tags), len(tags) + count))
        tags += [f"B-{kind}", *[f"I-{kind}"] * (count - 1)] if kind else ["O"] * count
    assert spans(tags) == expected
    # Where nothing of its type stands before it, an entity may begin without a B.
    alone = [n == 0 or type_of(tags[n - 1]) != type_of(tag) for n, tag in enumerate(tags)]
    inside = [tag.replace("B-", "I-", 1) if first else tag for tag, first in zip(tags, alone, strict=True)]
    assert spans(inside) == expected


@quick
@given(
    rows=st.lists(st.lists(st.text("ab c", min_size=1), min_size=1, max_size=3), min_size=1, max_size=5),
    mark=st.sampled_from(";|,"),
)
def test_labels_come_back_from_their_cells(rows: list[list[str]], mark: str) -> None:
    expected = [sorted({" ".join(label.strip().split("\0")) for label in row} - {""}) for row in rows]
    assert label_sets(mark.join(row) for row in rows) == expected


@quick
@given(text=st.text("abcdefgh ", min_size=40, max_size=120), place=st.integers(0, 200))
def test_likeness_is_about_the_share_of_shingles(text: str, place: int) -> None:
    plain = " ".join(text.split())
    assume(len(plain) > 30)
    place %= len(plain)
    other = plain[:place] + "Z" + plain[place + 1 :]

    def shingles(of: str) -> set[str]:
        of = " ".join(of.casefold().split())
        return {of[n : n + SHINGLE] for n in range(len(of) - SHINGLE + 1)}

    ours, theirs = shingles(plain), shingles(other)
    true = len(ours & theirs) / len(ours | theirs)
    # Of 64 draws: three and a half deviations.
    assert abs(likeness(signature(plain), signature(other)) - true) < 3.5 * (0.25 / 64) ** 0.5
    assert likeness(signature(plain), signature(f"  {plain.upper()}\n")) == 1


nested = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    # Without lone surrogates, which no UTF-8 holds.
    | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('[]{}"\\a', max_size=3), inner, max_size=3),
    max_leaves=8,
)


@quick
@given(obj=nested)
def test_json_is_read_as_it_was_written(obj: object) -> None:
    import json

    for ascii_only in (True, False):
        written = json.dumps(obj, ensure_ascii=ascii_only)
        assert parse_json(written) == parse_json(written.encode()) == obj


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[" * 32 + "]" * 32, None),
        ("[" * 33 + "]" * 33, "too_deep"),
        ('["' + "[" * 99 + '"]', None),  # in a text they mean nothing
        ('["\\"' + "[" * 99 + '"]', None),
        ('{"a": {"b": 1, "b": 2}}', "duplicate_key"),
        ('{"a": -Infinity}', "not_json"),
        ("", "not_json"),
        ("9" * 4_300, None),
        ("9" * 4_301, "not_json"),
        ('"' + "a" * 999_998 + '"', None),
        ('"' + "a" * 999_999 + '"', "not_json"),
    ],
)
def test_json_from_outside_is_held_to_its_limits(text: str, code: str | None) -> None:
    if code is None:
        assert parse_json(text) is not None
        return
    with pytest.raises(SpecError) as caught:
        parse_json(text)
    assert [issue.code for issue in caught.value.issues] == [code]
