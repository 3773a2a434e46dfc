"""How far what was written is from what was said: word and character error rates, from counts that are summed.

Errors are the fewest words, or characters, that must be put in, taken out or replaced (Levenshtein 1966). Chinese and
Japanese are written without spaces, so there each character counts as a word, as in `overlap.py`.
"""

from collections.abc import Sequence

import numpy as np

from training.engine.overlap import WORD

COLUMNS = 4  # wrong words, words, wrong characters, characters


def edits(ours: Sequence[str], theirs: Sequence[str]) -> int:
    """The fewest steps from one to the other."""
    row = list(range(len(theirs) + 1))
    for n, one in enumerate(ours, 1):
        before, row[0] = row[0], n
        for m, other in enumerate(theirs, 1):
            before, row[m] = row[m], min(before + (one != other), row[m] + 1, row[m - 1] + 1)
    return row[-1]


def edits_of(written: str, wanted: str) -> list[float]:
    """What `error_rates` wants summed. Between words there is one space, whatever there is."""
    ours, theirs = " ".join(written.split()), " ".join(wanted.split())
    own, other = WORD.findall(ours), WORD.findall(theirs)
    return [float(edits(own, other)), float(len(other)), float(edits(ours, theirs)), float(len(theirs))]


def error_rates(sums: np.ndarray) -> dict[str, np.ndarray]:
    """Errors a word and a character, from sums (…, COLUMNS and more). More than 1 where too much is written."""
    return {
        "wer": sums[..., 0] / np.maximum(sums[..., 1], 1),
        "cer": sums[..., 2] / np.maximum(sums[..., 3], 1),
    }
