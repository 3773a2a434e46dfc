"""Generative question answering: write the answer to a question about a context, in words of its own if need be.

Judged as answers that are found (Rajpurkar et al. 2016): F1 of the words, and whether all are the same, without case,
marks and English articles. Question and context are read as one text in the words of T5 (Raffel et al. 2020, appendix
D); where there is no room for the whole context its end is not read.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from training.engine.answering import answer_scores
from training.engine.tasks import text_to_text


class Task(text_to_text.Task):
    """A row is a question, a context and an answer that need not stand in it; the trivial answer is the commonest."""

    near_columns = 3  # F1, whether it is the same, texts

    def source_of(self, cells: Sequence[str]) -> str:
        question, context = cells
        return f"question: {question.strip()} context: {context.strip()}"

    def source_of_input(self, given: Any) -> str:
        if not isinstance(given, dict):
            raise ValueError('this model reads {"question": …, "context": …}')
        cells = self.texts_of([given.get("question"), given.get("context")])
        if not all(cell.strip() for cell in cells):
            raise ValueError("this model reads a question and a context that are not empty")
        return self.source_of(cells)

    def near(self, written: str, wanted: str) -> list[float]:
        return [*answer_scores(written, wanted), 1.0]

    def scores(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        means = sums[..., :-1] / np.maximum(sums[..., -1:], 1)
        return {"f1": means[..., 0], "exact_match": means[..., 1]}
