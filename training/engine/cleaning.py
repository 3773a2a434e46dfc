"""Cleaning rows of text before anything is learnt from them, and the count of what was removed."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any

from training.engine.languages import language_of
from training.engine.likeness import Seen
from training.engine.privacy import masked
from training.engine.spec import CleanSpec

ROWS_TOLD = 5
FOLDS = ((re.compile(r"\s{2,}|[^\S ]"), " "),)
LINE_FOLDS = (
    (re.compile(r"\r\n?"), "\n"),
    (re.compile(r"[^\S\n]{2,}|[^\S\n ]"), " "),
    (re.compile(r" (?=\n)|(?<=\n) "), ""),
)
ALWAYS = ("duplicates", "short", "long", "formed")  # told of every cleaning


class Cleaner:
    """Asked about every row in order. The first of equal texts stays, so what is kept depends on the data alone."""

    def __init__(self, spec: CleanSpec) -> None:
        self.spec = spec
        self.counts: Counter[str] = Counter()
        self.pii: Counter[str] = Counter()
        self.rows: dict[str, list[int]] = {}
        self._seen: set[bytes] = set()
        self._like = Seen() if spec.near_duplicates else None

    def form(self, text: str, *, whole: bool = True) -> str:
        """The text in the one form of its characters: an accent is part of its letter (Unicode NFC), a space is one.

        Not `whole`: a piece of a longer text, whose ends are in the middle of that.
        """
        if self.spec.unicode:
            text = unicodedata.normalize("NFC", text)
        return self._folded(text, whole) if self.spec.whitespace else text

    def _folded(self, text: str, whole: bool) -> str:
        count = 0
        for stretch, instead in FOLDS if self.spec.whitespace == "fold" else LINE_FOLDS:
            text, changed = stretch.subn(instead, text)
            count += changed
        stripped = text.strip() if whole else text
        self.counts["whitespace"] += count + (len(stripped) < len(text))
        return stripped

    def hide(self, text: str) -> str:
        """The text with what points to a person masked, where that is asked for."""
        return masked(text, self.pii) if self.spec.pii == "mask" else text

    def keeps(self, text: str, before: str, row: int | None = None, others: Sequence[str] = ()) -> bool:
        """Whether a row stays; `text` is its text in form, `before` as it was, `row` its number in the dataset.

        `others` are texts of the row beside it, which may not point to a person either.
        """
        length = len(text.strip())
        if self.spec.min_chars is not None and length < self.spec.min_chars:
            return self._remove("short", row)
        if self.spec.max_chars is not None and length > self.spec.max_chars:
            return self._remove("long", row)
        if self.spec.duplicates:
            digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
            if digest in self._seen:
                return self._remove("duplicates", row)
            self._seen.add(digest)
        if self.spec.languages:
            language = language_of(text)
            if language is None:
                self.counts["language_unknown"] += 1
            elif language not in self.spec.languages:
                return self._remove("language", row)
        if self.spec.pii is not None:
            found: Counter[str] = Counter()
            for one in (text, *others):
                masked(one, found)
            if found and self.spec.pii == "drop":
                self.pii += found
                return self._remove("pii", row)
            if found:
                self._tell("masked", row)
        if self._like is not None and self._like.repeats(text):
            return self._remove("near_duplicates", row)
        self.counts["formed"] += text != before
        return True

    def _remove(self, why: str, row: int | None) -> bool:
        self._tell(why, row)
        return False

    def _tell(self, why: str, row: int | None) -> None:
        self.counts[why] += 1
        if row is not None and len(told := self.rows.setdefault(why, [])) < ROWS_TOLD:
            told.append(row)

    def facts(self) -> dict[str, Any]:
        """What was done, for the report; nothing when nothing was asked for. Rows are told by number, never quoted."""
        if self.spec == CleanSpec():
            return {}
        asked = {
            "near_duplicates": self.spec.near_duplicates,
            "language": self.spec.languages,
            "language_unknown": self.spec.languages,
            "whitespace": self.spec.whitespace,
            "pii": self.spec.pii == "drop",
            "masked": self.spec.pii == "mask",
        }
        cleaned: dict[str, Any] = {why: self.counts[why] for why in (*ALWAYS, *(why for why in asked if asked[why]))}
        if self.spec.pii is not None:
            cleaned["pii_found"] = dict(sorted(self.pii.items()))
        if self.rows:
            cleaned["rows"] = self.rows
        return {"cleaned": cleaned}
