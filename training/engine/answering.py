"""How near a found answer is to the wanted one, when case, articles and marks do not matter (Rajpurkar et al. 2016).

Chinese and Japanese are written without spaces, so there each character counts as a word, as in `overlap.py`.
"""

import re
import unicodedata
from collections import Counter

from training.engine.overlap import WORD

ARTICLES = frozenset({"a", "an", "the"})


def words_of(answer: str) -> list[str]:
    """The words that count: those of `plain_words` without English articles."""
    return [word for word in plain_words(answer) if word not in ARTICLES]


def plain_words(text: str) -> list[str]:
    """Words in small letters, wide forms made narrow, without marks."""
    plain = unicodedata.normalize("NFKC", text).lower()
    kept = "".join(" " if unicodedata.category(c) in ("Pd", "Pc") else c for c in plain)
    kept = "".join(c for c in kept if unicodedata.category(c)[0] != "P")
    return WORD.findall(kept)


def answer_scores(found: str, wanted: str) -> tuple[float, float]:
    """(F1 of the words, 1 if they are the same). Answers without words, such as “The”, are alike."""
    ours, theirs = words_of(found), words_of(wanted)
    shared = (Counter(ours) & Counter(theirs)).total()
    both = len(ours) + len(theirs)
    return (2 * shared / both if both else 1.0), float(ours == theirs)


def place_of(answer: str, context: str) -> tuple[int, int] | None:
    """(begin, end) of the answer in the characters of the context: as whole words if it stands there so, else anywhere.

    The first of several places is taken; None when there is none.
    """
    wanted = answer.strip()
    whole = re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", context)
    begin = whole.start() if whole else context.find(wanted)
    return (begin, begin + len(wanted)) if begin >= 0 else None
