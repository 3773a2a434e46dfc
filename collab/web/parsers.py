"""JSON as strict as our columns: UTF-8, shallow, no duplicate keys, no NUL, no lone surrogates, no huge numbers.

Django REST framework answers 500 to three such bodies when a JSONField meets PostgreSQL; here each is a 400.
"""

from __future__ import annotations

import json
import re
from typing import IO, Any

from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser, DataAndFiles, MultiPartParser

from collab.kernel.errors import TooLargeError
from collab.web.errors import plain_sentence

MAX_DEPTH = 32
MAX_INTEGER = 2**53
_CHARSET = re.compile(r"charset\s*=\s*\"?([^;\"\s]+)", re.IGNORECASE)


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        charset = _CHARSET.search(media_type or "")
        if charset and charset.group(1).lower() not in {"utf-8", "utf8"}:
            raise UnsupportedMediaType(media_type or "", detail=_("Send JSON in UTF-8."))
        raw = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(raw) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise TooLargeError(plain_sentence(413))
        return loads(raw)


def loads(raw: bytes) -> Any:
    """Parse strictly; raises ParseError (400) with a sentence that says what to mend."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise ParseError(_("Byte %(n)d is not UTF-8.") % {"n": fault.start}) from None
    if text.startswith("\ufeff"):
        raise ParseError(_("Remove the byte order mark at the beginning."))
    if _depth(text) > MAX_DEPTH:
        raise ParseError(_("Nested deeper than %(n)d levels.") % {"n": MAX_DEPTH})
    try:
        value = json.loads(text, object_pairs_hook=_pairs, parse_constant=_constant, parse_int=_integer)
    except json.JSONDecodeError as fault:
        raise ParseError(
            _("This is not JSON: line %(line)d, column %(column)d.") % {"line": fault.lineno, "column": fault.colno}
        ) from None
    _check_strings(value)
    return value


def _depth(text: str) -> int:
    deepest = depth = 0
    in_string = escaped = False
    for char in text:
        if in_string:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                in_string = False
        elif char == '"':
            in_string = True
        elif char in "[{":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > MAX_DEPTH:
                return deepest
        elif char in "]}":
            depth -= 1
    return deepest


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        double = next(key for key, _value in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ParseError(_("The key “%(key)s” stands twice.") % {"key": double[:80]})
    return result


def _constant(name: str) -> Any:
    raise ParseError(_("%(name)s is no JSON number.") % {"name": name})


def _integer(digits: str) -> int:
    if len(digits) > 17 or abs(int(digits)) > MAX_INTEGER:
        raise ParseError(_("A whole number may not be beyond ±2⁵³."))
    return int(digits)


def _check_strings(value: Any) -> None:
    if isinstance(value, str):
        if "\x00" in value:
            raise ParseError(_("A text contains the character U+0000; remove it."))
        if any("\ud800" <= char <= "\udfff" for char in value):
            raise ParseError(_("A text contains half of a surrogate pair; write the whole character."))
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_strings(key)
            _check_strings(item)
    elif isinstance(value, list):
        for item in value:
            _check_strings(item)
    elif isinstance(value, float) and value in (float("inf"), float("-inf")):
        raise ParseError(_("A number is too large."))


FORM_SLACK_BYTES = 1024**2  # what a form holds beside its file
_BOUNDARY = re.compile(r"boundary\s*=\s*\"?([^;\"\s]+)", re.IGNORECASE)


class WholeMultiPartParser(MultiPartParser):
    """A form with a file, all of it: Django takes a body that ends before its last boundary and forgets the file."""

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: dict[str, Any] | None = None
    ) -> DataAndFiles:
        request = (parser_context or {})["request"]
        try:
            announced = int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            raise ParseError(_("Content-Length must be a whole number.")) from None
        if announced > settings.UPLOAD_MAX_BYTES + FORM_SLACK_BYTES:
            raise TooLargeError(
                _("The file is larger than %(n)d MB.") % {"n": settings.UPLOAD_MAX_BYTES // 1_000_000}, field="file"
            )
        boundary = _BOUNDARY.search(media_type or "")
        ending = _Ending(stream)
        parsed = super().parse(ending, media_type, parser_context)
        while ending.read(64 * 1024):
            continue  # what follows the form, so that its end is seen
        if boundary is None or f"--{boundary.group(1)}--".encode() not in ending.tail:
            raise ParseError(_("The upload ended too early; nothing was stored. Send it again."), code="cut_off")
        if ending.count < announced:
            raise ParseError(_("The upload ended too early; nothing was stored. Send it again."), code="cut_off")
        return parsed


class _Ending:
    """A stream that remembers how it ended."""

    KEEP = 256

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.tail = b""
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        piece = self._stream.read(size)
        self.count += len(piece)
        self.tail = (self.tail + piece)[-self.KEEP :]
        return piece
