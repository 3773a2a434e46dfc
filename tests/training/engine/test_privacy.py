"""What points to a person, by form and check digit: found in the middle of Chinese and English, and nothing beside it.

Numbers are the published examples of their standards, or made here by the formula of the standard.
"""

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.engine.privacy import _HINT, KINDS, PII_KINDS, is_card, is_iban, is_ip, is_phone, is_resident_id, masked

quick = settings(max_examples=40, deadline=None, derandomize=True)
CARD, AMEX = "4111 1111 1111 1111", "3782 822463 10005"
# A number of each kind alone, as it is written most often.
OF = {
    "email": "li.wei@cs.example.edu",
    "iban": "DE89 3704 0044 0532 0130 00",
    "resident_id": "11010519491231002X",
    "card": CARD,
    "passport": "E12345678",
    "ip": "192.168.10.200",
    "phone": "13800138000",
}


def told(text: str) -> tuple[str, dict[str, int]]:
    found: Counter[str] = Counter()
    return masked(text, found), dict(found)


def test_every_kind_has_an_example() -> None:
    assert set(OF) == set(PII_KINDS)


@pytest.mark.parametrize("kind", OF)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("to ", " today"),
        ("它是", "。"),  # Chinese is written without spaces
        ("她的号码为", "，请记下"),
        ("号码：", "；"),
        ("(", ")"),
        ("“", "”"),
        ("x,", ",x"),
        ("one\n", "\ntwo"),
        ("\t", "\t"),
        ("なまえ", "です"),
        ("是", "吗？"),
    ],
)
def test_each_kind_is_found_in_every_surrounding(kind: str, before: str, after: str) -> None:
    assert told(before + OF[kind] + after) == (f"{before}[{kind.upper()}]{after}", {kind: 1})


@pytest.mark.parametrize("kind", sorted({*OF} - {"email"}))
@pytest.mark.parametrize("around", ["7{}7", "7{}", "{}7", "a{}7"])
def test_a_part_of_a_longer_number_is_not_taken_for_it(kind: str, around: str) -> None:
    """Nor is a part of it taken for another kind."""
    said = around.format(OF[kind].replace(" ", ""))
    assert kind not in told(said)[1]


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        # Behind a number that ends with a group of four, the word or number after it belongs to nobody.
        ("BE68 5390 0754 7034 EUR 20", "[IBAN] EUR 20"),
        ("to ES91 2100 0418 4502 0005 1332 OK", "to [IBAN] OK"),
        ("AT61 1904 3002 3457 3201 BANK", "[IBAN] BANK"),
        ("NO93 8601 1117 947 AND", "[IBAN] AND"),
        ("GB82WEST12345698765432 GBP", "[IBAN] GBP"),
        (f"{CARD} 123", "[CARD] 123"),
        (f"{CARD} 12", "[CARD] 12"),
        (f"{AMEX} 1234", "[CARD] 1234"),
        ("+86 138 0013 8000 1234 5678", "[PHONE] 1234 5678"),
        # What is written on beside it
        ("li@x.com-", "[EMAIL]-"),
        ("li@x.com-home", "[EMAIL]-home"),
        ("li@x.com.", "[EMAIL]."),
        ("li@x.com, wu@y.org; <z@a-b.co.uk>", "[EMAIL], [EMAIL]; <[EMAIL]>"),
        ("li@x.com和wu@y.cn", "[EMAIL]和[EMAIL]"),
        ("mailto:a+b_c%2@x.io", "mailto:a+b_c%[EMAIL]"),
        ("4111111111111111与5500005555555559", "[CARD]与[CARD]"),
        ("手机13800138000，座机010-62751234", "手机[PHONE]，座机[PHONE]"),
        ("从10.1.2.3到10.1.2.4", "从[IP]到[IP]"),
    ],
)
def test_no_more_and_no_less_is_hidden(text: str, hidden: str) -> None:
    assert told(text)[0] == hidden


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        (
            "phone",
            "+49 30 1234567|+1 (212) 555-0199|+86 138-0013-8000|+8613800138000|008613800138000|138 0013 8000|"
            "138-0013-8000|19912345678|010-62751234|0755-26001234|(212) 555-0199|(212)555-0199|212-555-0199|"
            "+44 20 7946 0958|+33 1 23 45 67 89",
        ),
        ("ip", "8.8.8.8|255.255.255.255|2001:db8::1|2001:db8:0:1:1:1:1:1|fe80:0:0::1|2001:DB8::8:800:200C:417A"),
        (
            "iban",
            "DE89370400440532013000|GB82 WEST 1234 5698 7654 32|FR14 2004 1010 0505 0001 3M02 606|"
            "NO93 8601 1117 947|MT84 MALT 0110 0001 2345 MTLC AST0 01S|BE68 5390 0754 7034|"
            "SA03 8000 0000 6080 1016 7519|CH93 0076 2011 6238 5295 7|LC55 HEMM 0001 0001 0012 0012 0002 3015",
        ),
        (
            "card",
            "4111111111111111|4012888888881881|5500005555555559|5105105105105100|2223003122003222|378282246310005|"
            f"371449635398431|6011111111111117|4222222222222|{AMEX}|4111-1111-1111-1111|6250941006528599",
        ),
        ("passport", "E12345678|G12345678|EA1234567|EZ7654321"),
        ("resident_id", "11010519491231002X|11010519491231002x|440524188001010014"),
        ("email", "a@b.cn|a.b-c_d+e@f-g.h.org|1@2.museum|A@B.COM|x@xn--fiqs8s.cn"),
    ],
)
def test_every_way_to_write_it(kind: str, texts: str) -> None:
    for text in texts.split("|"):
        assert told(f"so {text} it is") == (f"so [{kind.upper()}] it is", {kind: 1}), text


HARMLESS = [
    *("a@b", "@home", "a@b.c", "a @b.com", "user@localhost", "@media (max-width: 600px)", "x@1.2"),
    *("DE00 3704 0044 0532 0130 00", "AB12CDEFGHIJKLMNOP", "DE89", "RFC2822 AND RFC5322", "ISBN 978-3-16-148410-0"),
    *("110105194913310021", "110105194912320020", "11010521491231002X", "11010519491231002"),
    *("4111111111111112", "0000000000000000", "4444444444444444", "1234567890123456", "4111 1111 1111", "6011"),
    *("E1234567", "E123456789", "H12345678", "EI1234567", "EO1234567", "passport", "passport 12345"),
    *("127.0.0.1", "0.0.0.0", "::1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "12:30:45", "a::b", "std::move", "01:02:03.5"),
    *("1234567", "123-4567", "20240131", "2024-01-31", "2024-01-31 12:30", "12345678901", "138001380001", "1380013800"),
    *("3.14159265358979", "1,234,567.89", "0.13800138000", "13800138000-1", "+1", "+12 3 4", "1e-1234567"),
    *("[EMAIL] and [PHONE]", "10.1103/PhysRevLett.116.061102", "sha256:9f86d081884c7d65", "v1.2.3-rc.4", "(2020)"),
    *("x = a[1:2, ::3]", "0x1F600", "#1234567", "GPU-8f3c", "ABC123456", "PMC1234567", "doi:10.1000/182"),
]


@pytest.mark.parametrize("text", HARMLESS)
@pytest.mark.parametrize("around", ["{}", "see {} there", "见{}。"])
def test_what_only_looks_like_it_is_left_alone(text: str, around: str) -> None:
    said = around.format(text)
    assert told(said) == (said, {})


# -- the formulas, against numbers made by them


def with_digit(body: str) -> str:
    """The body of a resident id with its check digit: all 18 weigh 2**place, and their sum is 1 by 11."""
    rest = sum(2**place * int(digit) for place, digit in zip(range(17, 0, -1), body, strict=True))
    (digit,) = [n for n in range(11) if (rest + n) % 11 == 1]
    return body + ("X" if digit == 10 else str(digit))


@quick
@given(
    region=st.integers(110_000, 659_999),
    year=st.integers(1800, 2099),
    month=st.integers(1, 12),
    day=st.integers(1, 31),
    order=st.integers(1, 999),
)
def test_a_resident_id_with_its_check_digit_holds(region: int, year: int, month: int, day: int, order: int) -> None:
    text = with_digit(f"{region}{year}{month:02}{day:02}{order:03}")
    assert is_resident_id(text) and is_resident_id(text.lower())
    (right,) = [end for end in "0123456789X" if is_resident_id(text[:17] + end)]
    assert right == text[17]


@pytest.mark.parametrize(
    ("birth", "holds"),
    [
        *(("19000101", True), ("20991231", True), ("17991231", False), ("21000101", False)),
        *(("19000001", False), ("19001301", False), ("19000100", False), ("19000132", False)),
    ],
)
def test_a_resident_id_tells_a_day_of_birth(birth: str, holds: bool) -> None:
    assert is_resident_id(with_digit(f"110105{birth}002")) is holds


@quick
@given(body=st.text("0123456789", min_size=11, max_size=19))
def test_one_digit_in_ten_ends_a_card(body: str) -> None:
    """The sum by hand: from the right, each second digit doubled, of 10 and more its digits added."""
    holds = []
    for end in "0123456789":
        text = body + end
        table = {str(d): (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)[d] for d in range(10)}
        total = sum(table[c] if n % 2 else int(c) for n, c in enumerate(reversed(text)))
        if total % 10 == 0 and 13 <= len(text) <= 19 and len(set(text)) > 1:
            holds.append(end)
        assert is_card(text) == is_card(" ".join(text)) == (end in holds)
    assert len(holds) == (1 if 12 <= len(body) <= 18 and (len(set(body)) > 1 or holds) else len(holds))


def test_one_digit_again_and_again_is_no_card() -> None:
    assert not is_card("0" * 16) and not is_card("9" * 10 + "9" * 8) and is_card("0" * 8 + "18" + "0" * 6)


@quick
@given(country=st.sampled_from(["DE", "GB", "FR", "XK"]), body=st.text("0123456789AZ", min_size=8, max_size=32))
def test_one_pair_of_check_digits_makes_an_account(country: str, body: str) -> None:
    """As ISO 13616 has it: 98 less the rest by 97 of body, country and 00, letters from A = 10."""
    number = int("".join(str("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ".index(c)) for c in body + country + "00"))
    text = f"{country}{98 - number % 97:02}{body}"
    assert is_iban(text) is (15 <= len(text) <= 34)
    assert is_iban(text.lower()) is is_iban(" ".join(text)) is is_iban(text)
    for off in (-1, 1):
        assert not is_iban(f"{country}{(98 - number % 97 + off) % 100:02}{body}")


@pytest.mark.parametrize(
    ("text", "ip", "phone"),
    [
        ("1.2.3.4", True, False),
        ("01.2.3.4", False, False),  # read by some as octal
        ("1.2.3.256", False, False),
        ("0.0.0.0", False, False),
        ("127.9.9.9", False, False),
        ("::", False, False),
        ("::1", False, False),
        ("1::", True, False),
        ("1:2:3:4:5:6:7", False, True),
        ("1234567", False, True),
        ("123456", False, False),
        ("1" * 15, False, True),
        ("1" * 16, False, False),
        ("+1 (23) 45-67", False, True),
    ],
)
def test_addresses_and_phones_by_their_numbers(text: str, ip: bool, phone: bool) -> None:
    assert (is_ip(text), is_phone(text)) == (ip, phone)


# -- what all kinds have in common


def bare(pattern: re.Pattern[str]) -> str:
    """A pattern without what it says of its surroundings."""
    return re.sub(r"\(\?<?[!=](?:[^()\[\]]|\[[^\]]*\])*\)", "", pattern.pattern)


@pytest.mark.parametrize(("kind", "pattern", "holds"), KINDS, ids=PII_KINDS)
def test_nothing_that_a_pattern_takes_is_passed_over_by_the_first_look(
    kind: str, pattern: re.Pattern[str], holds
) -> None:
    @settings(max_examples=40, deadline=None, derandomize=True)
    @given(st.from_regex(re.compile(bare(pattern), re.ASCII), fullmatch=True))
    def looked_for(text: str) -> None:
        if kind == "passport" and not re.match("[EG]", text):
            text = f"passport {text}"
        if pattern.search(text) and holds(text):
            assert _HINT.search(text), text

    looked_for()


@pytest.mark.parametrize("said", ["passport ", "Passport ", "护照号", "护照号：", "护照号码", "护照号码："])
@pytest.mark.parametrize("number", ["AB123456", "K1234567", "123456789", "C01X"])
def test_a_passport_of_elsewhere_is_told_by_the_word_before_it(said: str, number: str) -> None:
    hidden = f"{said}[PASSPORT]," if number != "C01X" else f"{said}{number},"
    assert told(f"{said}{number},")[0] == hidden
    assert told(f"{number},") == (f"{number},", {})


@quick
@given(
    kinds=st.lists(st.sampled_from(PII_KINDS), max_size=6), between=st.sampled_from([", ", "；", "\n", " 和 ", "和"])
)
def test_each_is_counted_once_and_all_are_hidden(kinds: list[str], between: str) -> None:
    hidden, found = told(between.join(OF[kind] for kind in kinds))
    assert hidden == between.join(f"[{kind.upper()}]" for kind in kinds)
    assert found == dict(Counter(kinds))


def test_counts_go_on_from_what_there_was() -> None:
    found = Counter(email=2)
    masked(f"{OF['email']} {OF['ip']}", found)
    assert found == {"email": 3, "ip": 1}
