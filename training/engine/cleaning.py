"""Cleaning rows of text before anything is learnt from them, and the count of what was removed."""

import hashlib
import unicodedata
from collections import Counter
from typing import Any

from training.engine.spec import CleanSpec


class Cleaner:
    """Asked about every row in order. The first of equal texts stays, so what is kept depends on the data alone."""

    def __init__(self, spec: CleanSpec) -> None:
        self.spec = spec
        self.counts: Counter[str] = Counter()
        self._seen: set[bytes] = set()

    def form(self, text: str) -> str:
        """The text in the one form of its characters: an accent is part of its letter (Unicode NFC)."""
        return unicodedata.normalize("NFC", text) if self.spec.unicode else text

    def keeps(self, text: str, before: str) -> bool:
        """Whether a row stays; `text` is its text in form, `before` as it was."""
        length = len(text.strip())
        if self.spec.min_chars is not None and length < self.spec.min_chars:
            return self._remove("short")
        if self.spec.max_chars is not None and length > self.spec.max_chars:
            return self._remove("long")
        if self.spec.duplicates:
            digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
            if digest in self._seen:
                return self._remove("duplicates")
            self._seen.add(digest)
        self.counts["formed"] += text != before
        return True

    def _remove(self, why: str) -> bool:
        self.counts[why] += 1
        return False

    def facts(self) -> dict[str, Any]:
        """What was done, for the report; nothing when nothing was asked for."""
        if self.spec == CleanSpec():
            return {}
        return {"cleaned": {why: self.counts[why] for why in ("duplicates", "short", "long", "formed")}}
