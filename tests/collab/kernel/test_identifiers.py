"""Identifiers are read in any usual spelling, stored in one, and their check digits count."""

import pytest
from django.core.exceptions import ValidationError

from collab.kernel.identifiers import canonical_domain, canonical_orcid, canonical_ror

# Real ones, as ror.org and orcid.org print them.
RORS = ["042nb2s44", "03yrm5c26", "013cjyk83", "052gg0110"]
ORCIDS = ["0000-0002-1825-0097", "0000-0001-5109-3700", "0000-0002-1694-233X"]


@pytest.mark.parametrize("ror", RORS)
def test_a_ror_in_any_spelling(ror):
    for spelling in (ror, ror.upper(), f"https://ror.org/{ror}", f" ror.org/{ror}/ "):
        assert canonical_ror(spelling) == ror


@pytest.mark.parametrize("ror", RORS)
def test_any_changed_character_of_a_ror_is_noticed(ror):
    for place in range(1, 9):
        for other in "0123456789abcdefghjkmnpqrstvwxyz" if place < 7 else "0123456789":
            if other != ror[place]:
                with pytest.raises(ValidationError):
                    canonical_ror(ror[:place] + other + ror[place + 1 :])


@pytest.mark.parametrize(
    "text", ["", "042nb2s4", "142nb2s44", "042nb2i44", "042nb2s４４", "https://evil.example/042nb2s44"]
)
def test_what_is_no_ror(text):
    with pytest.raises(ValidationError):
        canonical_ror(text)


@pytest.mark.parametrize("orcid", ORCIDS)
def test_an_orcid_in_any_spelling_and_no_other(orcid):
    for spelling in (orcid, orcid.lower(), orcid.replace("-", ""), f"https://orcid.org/{orcid}"):
        assert canonical_orcid(spelling) == orcid
    for place, digit in enumerate(orcid):
        if digit.isdigit():
            with pytest.raises(ValidationError):
                canonical_orcid(orcid[:place] + str((int(digit) + 1) % 10) + orcid[place + 1 :])


def test_domains():
    assert canonical_domain(" @CS.Lakeside.Example ") == "cs.lakeside.example"
    for text in (
        "",
        "lakeside",
        "-a.example",
        "a..example",
        "a@b.example",
        "lakeside.example\r\nBcc: x",
        "ⅼakeside.example",
    ):
        with pytest.raises(ValidationError):
            canonical_domain(text)
