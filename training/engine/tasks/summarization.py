"""Summarization: write the summary of a document.

Judged by ROUGE-1, ROUGE-2 and ROUGE-L (Lin 2004): F1 of single words, of pairs of words, and of the longest common
subsequence, with small letters and without marks. The trivial summary is the first sentence.
"""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from training.engine.answering import plain_words
from training.engine.overlap import longest_common
from training.engine.tasks import text_to_text

SENTENCE = re.compile(r"\S.*?(?:[.!?]+(?=\s|$)|[。！？]+|\n|$)", re.DOTALL)


class Task(text_to_text.Task):
    """A row is a document and its summary."""

    near_columns = 4  # ROUGE-1, ROUGE-2, ROUGE-L, texts
    trivial = "first sentence"

    def answer_of(self, cells: Sequence[str]) -> str:
        """The first sentence of the document, as far as a summary has room."""
        return first_sentence(cells[0])[: 16 * (self.shape.context or 2)]

    def near(self, written: str, wanted: str) -> list[float]:
        return [*rouge(written, wanted), 1.0]

    def scores(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        means = sums[..., :-1] / np.maximum(sums[..., -1:], 1)
        return {"rouge_1": means[..., 0], "rouge_2": means[..., 1], "rouge_l": means[..., 2]}


def first_sentence(document: str) -> str:
    """Up to the first full stop, question or exclamation mark, or the end of the line."""
    found = SENTENCE.search(document)
    return found.group().strip() if found else ""


def rouge(written: str, wanted: str) -> tuple[float, float, float]:
    """(ROUGE-1, ROUGE-2, ROUGE-L) as F1, each from 0 to 1."""
    ours, theirs = plain_words(written), plain_words(wanted)
    pairs = [Counter(pairwise(words)) for words in (ours, theirs)]
    single = 2 * (Counter(ours) & Counter(theirs)).total() / max(1, len(ours) + len(theirs))
    double = 2 * (pairs[0] & pairs[1]).total() / max(1, pairs[0].total() + pairs[1].total())
    return single, double, 2 * longest_common(ours, theirs) / max(1, len(ours) + len(theirs))
