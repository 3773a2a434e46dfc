"""Lines of a text file, decoded and counted in bounded memory. Used by the text and table validators."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import BinaryIO

from .contract import Limits, RefusedError

BLOCK = 256 * 1024
BOM = b"\xef\xbb\xbf"
Progress = Callable[[int], None]
"""Called with the number of bytes read so far."""


class LineReader:
    """Iterate decoded lines with their ends kept (LF, CRLF or lone CR), as io does with newline=''.

    After (and during) iteration: `line` is the number of the last line given, from 1; `has_bom`, `lone_cr`,
    `multibyte` say what was met. Raises RefusedError for a line over the limit, a NUL or bytes that are not UTF-8.
    """

    def __init__(self, stream: BinaryIO, limits: Limits, progress: Progress | None = None) -> None:
        self.stream = stream
        self.limit = limits.max_line_bytes
        self.progress = progress
        self.line = 0
        self.offset = 0  # in the file, of the first byte not yet given
        self.has_bom = False
        self.lone_cr = False
        self.multibyte = False

    @property
    def encoding(self) -> str:
        """The codec that reads this file as we did."""
        return "utf-8-sig" if self.has_bom else "utf-8"

    def __iter__(self) -> Iterator[str]:
        for chunk in self._chunks():
            yield from self._lines_of(chunk)
            self.offset += len(chunk)

    def _chunks(self) -> Iterator[bytes]:
        """Blocks cut at line ends. A CR at the very end of a block waits for the LF that may follow."""
        kept = self.stream.read(BLOCK)
        if kept.startswith(BOM):
            self.has_bom, self.offset, kept = True, len(BOM), kept[len(BOM) :]
        while True:
            block = self.stream.read(BLOCK)
            if self.progress:
                self.progress(self.offset)
            if not block:
                break
            cut = max(kept.rfind(b"\n"), kept.rfind(b"\r", 0, len(kept) - 1)) + 1
            if cut:
                yield kept[:cut]
            kept = kept[cut:] + block
            if len(kept) > self.limit + 2 * BLOCK and b"\n" not in kept and b"\r" not in kept:
                self._refuse_long(kept)
        if kept:
            yield kept

    def _lines_of(self, chunk: bytes) -> Iterator[str]:
        fault = self._first_fault(chunk)
        if fault is not None:
            # What stands before the fault is sound: give it first, so an earlier fault in it is the one reported.
            at, code = fault
            start = max(chunk.rfind(b"\n", 0, at), chunk.rfind(b"\r", 0, at)) + 1
            yield from self._lines_of(chunk[:start])
            raise self._fault(code, chunk[start : start + 4096], at)
        if b"\r" in chunk and not self.lone_cr:
            self.lone_cr = chunk.count(b"\r") > chunk.count(b"\r\n")
        text = chunk.decode("utf-8")
        self.multibyte = self.multibyte or len(text) < len(chunk)
        for line in io.StringIO(text, newline=""):
            self.line += 1
            if len(line) * 4 > self.limit and len(line.encode()) > self.limit:
                raise RefusedError("line_too_long", limit_bytes=self.limit, where={"line": self.line})
            yield line

    @staticmethod
    def _first_fault(chunk: bytes) -> tuple[int, str] | None:
        """Where the first NUL or wrong byte is, and which it is."""
        nul = chunk.find(b"\0")
        try:
            (chunk if nul < 0 else chunk[:nul]).decode("utf-8")
        except UnicodeDecodeError as fault:
            cut = nul < 0 and fault.reason == "unexpected end of data"
            return fault.start, "cut_character" if cut else "not_utf8"
        return None if nul < 0 else (nul, "nul_character")

    def _fault(self, code: str, sample: bytes, at: int) -> RefusedError:
        # The lines before the fault have been given, so the fault is in the next one.
        where = {"line": self.line + 1, "offset": self.offset + at}
        if code == "nul_character" or (code == "cut_character" and self.multibyte):
            return RefusedError(code, where=where)
        if self.multibyte:
            return RefusedError("mixed_encoding", where=where)
        guess = guess_encoding(sample)
        return (
            RefusedError("legacy_encoding", guess=guess, where=where)
            if guess
            else RefusedError("not_utf8", where=where)
        )

    def _refuse_long(self, kept: bytes) -> None:
        """No line end within the limit. A NUL or a wrong byte in what was read is the better explanation."""
        sound = kept[: self.limit]
        for back in range(1, min(5, len(sound) + 1)):  # not in the middle of a character
            if sound[-back] & 0xC0 != 0x80:
                sound = sound[:-back]
                break
        for _ in self._lines_of(sound):
            pass
        raise RefusedError("line_too_long", limit_bytes=self.limit, where={"line": self.line})


def guess_encoding(sample: bytes) -> str | None:
    """The old encoding a piece of text is probably in, for the sentence that refuses it; never used to decode."""
    for back in range(4):  # the sample may end inside a character
        try:
            text = sample[: len(sample) - back].decode("gb18030")
        except UnicodeDecodeError:
            continue
        if _mostly_chinese(text):
            return "GB18030 (Chinese)"
        break
    try:
        foreign = [c for c in sample.decode("cp1252") if ord(c) > 127]
    except UnicodeDecodeError:
        return None
    letters = sum("à" <= c <= "ü" or c in "ÄÖÜßÉÈÀÇÑŒœ€°«»“”‘’–—…·§" for c in foreign)
    return "Windows-1252 (Western European)" if letters * 10 >= len(foreign) * 9 else None


def _mostly_chinese(text: str) -> bool:
    """GB18030 decodes almost any bytes; believe it only when everyday Chinese characters come out."""
    foreign = [c for c in text if ord(c) > 127]
    everyday = sum(_is_everyday(c) for c in foreign)
    return everyday >= 2 and everyday * 10 >= len(foreign) * 8


def _is_everyday(character: str) -> bool:
    """Level 1 of GB 2312 (its 3,755 most used characters, rows 16 to 55) or Chinese punctuation."""
    try:
        code = character.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return 0xB0 <= code[0] <= 0xD7 or code[0] in (0xA1, 0xA3)
