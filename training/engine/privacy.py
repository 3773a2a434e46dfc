"""What points to a person in a text: found by its form and, where there is one, by its check digit. Never complete.

Names and addresses have no form of their own and are not found.
"""

import ipaddress
import re
from collections import Counter
from collections.abc import Callable

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def is_resident_id(text: str) -> bool:
    """A Chinese resident id: a day of birth in it, and the check digit of GB 11643-1999 (ISO 7064, MOD 11-2)."""
    month, day = int(text[10:12]), int(text[12:14])
    if not (1 <= month <= 12 and 1 <= day <= 31 and text[6:8] in ("18", "19", "20")):
        return False
    rest = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, text[:17], strict=True)) % 11
    return "10X98765432"[rest] == text[17].upper()


def is_card(text: str) -> bool:
    """A payment card: 13 to 19 digits whose last is right by the formula of Luhn (ISO/IEC 7812-1)."""
    digits = [int(c) for c in text if c.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = [sum(divmod(2 * d, 10)) for d in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def is_iban(text: str) -> bool:
    """An account number whose check digits are right (ISO 13616, MOD 97-10)."""
    plain = re.sub(r"\s", "", text).upper()
    if not 15 <= len(plain) <= 34:
        return False
    return int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1


def is_ip(text: str) -> bool:
    """An address of the internet, version 4 or 6, that is nobody's placeholder."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (found.is_unspecified or found.is_loopback)


def is_phone(text: str) -> bool:
    """Seven to fifteen digits (ITU-T E.164)."""
    return 7 <= sum(c.isdigit() for c in text) <= 15


def _any(text: str) -> bool:
    return True


# In this order: what is longer and surer comes first, and what it covers is not looked at again.
KINDS: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    (
        "email",
        # Before it may stand Chinese, which is written without spaces.
        re.compile(
            r"(?<![\w.+-])[A-Za-z0-9_.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9])", re.ASCII
        ),
        _any,
    ),
    (
        "iban",
        re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?![A-Za-z0-9])"),
        is_iban,
    ),
    ("resident_id", re.compile(r"(?<![0-9A-Za-z])\d{17}[\dXx](?![0-9A-Za-z])", re.ASCII), is_resident_id),
    (
        "card",
        re.compile(
            r"(?<![\d.-])(?:(?:4\d|5[1-5]|2[2-7]|3[47]|6[0-9])\d{11,17}"
            r"|[2-6]\d{3}(?:([ -])\d{4}){3}(?:[ -]\d{1,3})?|3[47]\d\d[ -]\d{6}[ -]\d{5})(?![\d-])",
            re.ASCII,
        ),
        is_card,
    ),
    (
        "passport",
        re.compile(
            r"(?<![A-Za-z0-9])[EG]\d{8}(?![A-Za-z0-9])|(?<![A-Za-z0-9])E[A-HJ-NP-Z]\d{7}(?![A-Za-z0-9])"
            r"|(?:(?<=passport )|(?<=Passport )|(?<=护照号)|(?<=护照号：)|(?<=护照号码)|(?<=护照号码：))"
            r"[A-Z]{0,2}\d{6,9}(?!\d)",
            re.ASCII,
        ),
        _any,
    ),
    (
        "ip",
        re.compile(
            r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|(?:[0-9A-Fa-f]{0,4}:){3,7}[0-9A-Fa-f]{0,4})(?![\w:]|\.\d)", re.ASCII
        ),
        is_ip,
    ),
    (
        "phone",
        re.compile(
            r"(?<![\w+.-])(?:\+\d{1,3}(?:[ .-]?\(?\d{1,4}\)?){2,5}"  # with the code of a country
            r"|(?:0086)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}"  # a mobile phone in China
            r"|0\d{2,3}-\d{7,8}"  # a landline in China
            r"|\(\d{3}\) ?\d{3}-\d{4}|\d{3}-\d{3}-\d{4})(?![\d-])",  # North America
            re.ASCII,
        ),
        is_phone,
    ),
)
PII_KINDS = tuple(kind for kind, _, _ in KINDS)
# No text without one of these has any of the kinds; asked first, as most texts have none.
_HINT = re.compile(r"@|\d[\d\s().:-]{5}|:[0-9A-Fa-f]{0,4}:|[A-Z]{1,2}\d{6}", re.ASCII)


def masked(text: str, found: Counter[str]) -> str:
    """The text with [EMAIL], [PHONE] and so on in place of what points to a person; `found` counts them by kind."""
    if not _HINT.search(text):
        return text
    for kind, pattern, holds in KINDS:

        def put(match: re.Match[str], kind: str = kind, holds: Callable[[str], bool] = holds) -> str:
            # Behind a space the pattern may have taken a word or a number more, of what comes after.
            own = match.group()
            while not holds(own):
                own, space, _ = own.rpartition(" ")
                if not space:
                    return match.group()
            found[kind] += 1
            return f"[{kind.upper()}]{match.group()[len(own) :]}"

        text = pattern.sub(put, text)
    return text
