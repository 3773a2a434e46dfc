"""Public identifiers of organisations and people: read in any usual spelling, stored in one, checked."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError
from django.utils.deconstruct import deconstructible
from django.utils.translation import gettext_lazy as _

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"  # without i, l, o, u
_ROR = re.compile(rf"(?:https?://)?(?:ror\.org/)?(0[{_CROCKFORD}]{{6}}\d{{2}})/?", re.ASCII)
_ORCID = re.compile(r"(?:https?://)?(?:orcid\.org/)?(\d{4})-?(\d{4})-?(\d{4})-?(\d{3}[\dXx])/?", re.ASCII)


def canonical_ror(text: str) -> str:
    """`https://ror.org/042NB2S44` -> `042nb2s44`; raises ValidationError when its check digits do not fit."""
    found = _ROR.fullmatch(text.strip().lower())
    if found is None:
        raise ValidationError(_("Write the ROR id as on ror.org, for example 042nb2s44."))
    number = 0
    for character in found[1][:7]:
        number = number * 32 + _CROCKFORD.index(character)
    if int(found[1][7:]) != 98 - number * 100 % 97:  # ISO 7064, mod 97-10
        raise ValidationError(_("The check digits of this ROR id do not fit; copy it from ror.org again."))
    return found[1]


def canonical_orcid(text: str) -> str:
    """`https://orcid.org/0000000218250097` -> `0000-0002-1825-0097`; raises ValidationError when it is mistyped."""
    found = _ORCID.fullmatch(text.strip())
    if found is None:
        raise ValidationError(_("Write the ORCID iD as on orcid.org, for example 0000-0002-1825-0097."))
    digits = "".join(found.groups()).upper()
    total = 0
    for digit in digits[:15]:
        total = (total + int(digit)) * 2 % 11
    if digits[15] != "0123456789X"[(12 - total) % 11]:  # ISO 7064, mod 11-2
        raise ValidationError(_("The last character of this ORCID iD does not fit; copy it from orcid.org again."))
    return "-".join(found.groups()).upper()


@deconstructible
class RorValidator:
    """A ROR id in its one spelling."""

    def __call__(self, value: str) -> None:
        if canonical_ror(value) != value:
            raise ValidationError(_("Write the ROR id as on ror.org, for example 042nb2s44."))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RorValidator)


@deconstructible
class OrcidValidator:
    """An ORCID iD in its one spelling."""

    def __call__(self, value: str) -> None:
        if canonical_orcid(value) != value:
            raise ValidationError(_("Write the ORCID iD as on orcid.org, for example 0000-0002-1825-0097."))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OrcidValidator)


_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])", re.ASCII)


def canonical_domain(text: str) -> str:
    """`@Lakeside.EXAMPLE` -> `lakeside.example`; raises ValidationError for what is no domain of mail addresses."""
    domain = text.strip().lower().removeprefix("@")
    if len(domain) > 120 or not _DOMAIN.fullmatch(domain):
        raise ValidationError(
            _("“%(text)s” is no e-mail domain; write it like lakeside.example."), params={"text": text}
        )
    return domain
