"""How near a written text is to the wanted one: chrF, BLEU, ROUGE-L, from counts that are summed over texts.

chrF: Popović 2015, characters without spaces, up to 6 together, recall weighing twice. BLEU: Papineni et al. 2002 on
words, with the exponential smoothing of Chen & Cherry 2014. ROUGE-L: Lin 2004, F1 of the longest common subsequence.
Chinese and Japanese are written without spaces, so there each character counts as a word, as in sacreBLEU's `zh`.
"""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

CHARACTERS, WORDS = 6, 4
BETA = 2.0
_ALONE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3000-\u303f\uff00-\uffef\U00020000-\U0003ffff"
WORD = re.compile(f"[{_ALONE}]|[^\\s{_ALONE}]+")
# Columns: chrF written, wanted, shared; BLEU written, shared; words written, wanted; ROUGE-L; whether equal; texts.
COLUMNS = 3 * CHARACTERS + 2 * WORDS + 5


def counts_of(written: str, wanted: str) -> list[float]:
    """What `overlap_scores` wants summed."""
    ours, theirs = "".join(written.split()), "".join(wanted.split())
    found: list[list[int]] = [[], [], []]
    for size in range(1, CHARACTERS + 1):
        for place, count in enumerate(_shared(ours, theirs, size)):
            found[place].append(count)
    own, other = WORD.findall(written), WORD.findall(wanted)
    words = [_shared(own, other, size) for size in range(1, WORDS + 1)]
    longest = longest_common(own, other)
    rouge = 2 * longest / max(1, len(own) + len(other))
    bleu = [*(row[0] for row in words), *(row[2] for row in words), len(own), len(other)]
    return [float(value) for part in found for value in part] + [*map(float, bleu), rouge, float(own == other), 1.0]


def overlap_scores(sums: np.ndarray) -> dict[str, np.ndarray]:
    """chrF, BLEU, ROUGE-L and the share of equal texts, each from 0 to 1, from sums (…, COLUMNS)."""
    ours, theirs, shared = np.split(sums[..., : 3 * CHARACTERS], 3, axis=-1)
    used = (ours > 0) & (theirs > 0)
    count = np.maximum(used.sum(-1), 1)
    precision = np.where(used, shared / np.maximum(ours, 1), 0).sum(-1) / count
    recall = np.where(used, shared / np.maximum(theirs, 1), 0).sum(-1) / count
    weight = BETA**2
    texts = np.maximum(sums[..., -1], 1)
    return {
        "chrf": (1 + weight) * precision * recall / np.maximum(weight * precision + recall, 1e-12),
        "bleu": _bleu(sums[..., 3 * CHARACTERS : -3]),
        "rouge_l": sums[..., -3] / texts,
        "exact_match": sums[..., -2] / texts,
    }


def _bleu(sums: np.ndarray) -> np.ndarray:
    """A length that no written text has does not count; the n-th length without a hit counts as 1 / 2ⁿ of a hit."""
    ours, shared = sums[..., :WORDS], sums[..., WORDS : 2 * WORDS]
    missed = (shared == 0).cumsum(-1)
    precision = np.where(shared > 0, shared, 0.5**missed) / np.maximum(ours, 1)
    used = ours > 0
    mean = np.exp(np.where(used, np.log(precision), 0).sum(-1) / np.maximum(used.sum(-1), 1))
    written, wanted = sums[..., -2], sums[..., -1]
    short = np.exp(np.minimum(0, 1 - wanted / np.maximum(written, 1)))
    return np.where(shared[..., 0] > 0, mean * short, 0.0)


def _shared(ours: Sequence[str], theirs: Sequence[str], size: int) -> tuple[int, int, int]:
    """(runs of `size` in ours, in theirs, in both)."""
    first, second = (Counter(tuple(text[i : i + size]) for i in range(len(text) - size + 1)) for text in (ours, theirs))
    return first.total(), second.total(), (first & second).total()


def longest_common(ours: Sequence[str], theirs: Sequence[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(theirs) + 1)
    for word in ours:
        before = 0
        for n, other in enumerate(theirs, 1):
            kept = row[n]
            row[n] = before + 1 if word == other else max(row[n], row[n - 1])
            before = kept
    return row[-1]
