"""chrF, BLEU and ROUGE-L against counts by hand."""

import math

import numpy as np
import pytest

from training.engine.overlap import COLUMNS, counts_of, overlap_scores


def scores(*pairs: tuple[str, str]) -> dict[str, float]:
    rows = np.array([counts_of(*pair) for pair in pairs])
    assert rows.shape == (len(pairs), COLUMNS)
    return {name: float(value) for name, value in overlap_scores(rows.sum(0)).items()}


def test_the_same_text_is_perfect() -> None:
    same = ("the cat sat on the mat", "the cat sat on the mat")
    assert scores(same) == pytest.approx({"chrf": 1, "bleu": 1, "rouge_l": 1, "exact_match": 1})
    assert scores(("cat", "cat")) == pytest.approx({"chrf": 1, "bleu": 1, "rouge_l": 1, "exact_match": 1})


def test_nothing_written_or_nothing_shared_is_zero() -> None:
    nothing = {"chrf": 0, "bleu": 0, "rouge_l": 0, "exact_match": 0}
    assert scores(("", "a cat")) == pytest.approx(nothing)
    assert scores(("xyz", "a cat")) == pytest.approx(nothing)


def test_chrf_by_hand() -> None:
    """abc for abd: 2 of 3 characters, 1 of 2 pairs, 0 of 1 triples; precision and recall are the same."""
    assert scores(("abc", "abd"))["chrf"] == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    # ab for abcd, spaces aside: precision 1 and 1; recall 2/4 and 1/3, which weighs four times.
    recall = (2 / 4 + 1 / 3) / 2
    assert scores(("a b", "abcd"))["chrf"] == pytest.approx(5 * recall / (4 + recall))


def test_bleu_by_hand() -> None:
    """Words 5 of 6, pairs 3 of 5, triples 1 of 4, no four: half a hit of 3."""
    precisions = 5 / 6 * 3 / 5 * 1 / 4 * 0.5 / 3
    assert scores(("the cat sat in the mat", "the cat sat on the mat"))["bleu"] == pytest.approx(precisions**0.25)
    # A text that is shorter than wanted pays for it: 2 words for 4.
    assert scores(("the cat", "the cat sat down"))["bleu"] == pytest.approx(math.exp(1 - 4 / 2))


def test_rouge_l_by_hand() -> None:
    """police kill the gunman for police killed the gunman (Lin 2004): 3 of 4 words in order."""
    assert scores(("police kill the gunman", "police killed the gunman"))["rouge_l"] == pytest.approx(3 / 4)
    assert scores(("the gunman kill police", "police killed the gunman"))["rouge_l"] == pytest.approx(2 / 4)


def test_counts_are_summed_over_texts_and_f1_is_averaged() -> None:
    found = scores(("a b", "a b"), ("c", "d"))
    assert (found["rouge_l"], found["exact_match"]) == (0.5, 0.5)
    assert found["bleu"] == pytest.approx((2 / 3 * 1) ** 0.5)


def test_chinese_is_counted_by_characters() -> None:
    """Five of six characters, in one run of five: pairs 4 of 5, triples 3 of 4, fours 2 of 3."""
    found = scores(("我喜欢喝茶。", "我喜欢喝茶！"))
    assert found["rouge_l"] == pytest.approx(5 / 6)
    assert found["bleu"] == pytest.approx((5 / 6 * 4 / 5 * 3 / 4 * 2 / 3) ** 0.25)
    mixed = scores(("GPT 很小", "GPT 很大"))  # a word of letters stays one
    assert mixed["rouge_l"] == pytest.approx(2 / 3)
