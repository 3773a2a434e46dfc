"""Checks on names and text that people write: what can be shown safely and found again."""

from __future__ import annotations

import re
import unicodedata

from django.core.exceptions import ValidationError
from django.utils.deconstruct import deconstructible
from django.utils.translation import gettext_lazy as _

_FORBIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn"}
_JOINERS = "\u200d\u200c"  # which some scripts and emoji need between what is seen


def faulty_character(text: str, *, allow: str = "") -> str | None:
    """The first control, direction-override, surrogate or unassigned character, or None."""
    return next((c for c in text if c not in allow and unicodedata.category(c) in _FORBIDDEN), None)


@deconstructible
class DisplayNameValidator:
    """One line that people read: no control or direction characters, not only spaces or combining marks."""

    def __call__(self, value: str) -> None:
        found = faulty_character(value)
        if found is not None:
            raise ValidationError(
                _("Contains the invisible character U+%(code)s; remove it."), params={"code": f"{ord(found):04X}"}
            )
        if not any(c.isalnum() for c in value):
            raise ValidationError(_("Write at least one letter or digit."))
        marks = sum(unicodedata.category(c) == "Mn" for c in value)
        if marks > len(value) // 2:
            raise ValidationError(_("Too many combining marks."))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DisplayNameValidator)


@deconstructible
class PlainTextValidator:
    """Several lines that people read: newlines and tabs are fine, other invisible characters are not."""

    def __call__(self, value: str) -> None:
        found = faulty_character(value, allow=f"\n\r\t{_JOINERS}")
        if found is not None:
            raise ValidationError(
                _("Contains the invisible character U+%(code)s; remove it."), params={"code": f"{ord(found):04X}"}
            )
        if value.strip() and all(c in _JOINERS or c.isspace() for c in value):
            raise ValidationError(_("Write at least one letter or digit."))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PlainTextValidator)


def slug_of(text: str, *, fallback: str, max_length: int = 40) -> str:
    """A lower-case slug that MLflow takes as a workspace name: letters, digits, single dashes, 2 to 63 characters."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:max_length].strip("-")
    return slug if len(slug) >= 2 else fallback
