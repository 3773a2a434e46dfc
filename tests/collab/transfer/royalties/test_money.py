"""Money maths by hand: minor units, royalties line by line, interest, and five published kinds of policy."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collab.kernel.errors import InvalidError
from collab.transfer.royalties.computing import (
    Basis,
    InterestRate,
    Sale,
    SoFar,
    SublicenceSum,
    Terms,
    Tier,
    check_tiers,
    compute,
    late_interest,
)
from collab.transfer.royalties.money import allocate, convert, from_minor, to_minor
from collab.transfer.royalties.policies import (
    EXAMPLES,
    Account,
    CaseSoFar,
    InventorSplit,
    Policy,
    ShareTier,
    Split,
    Step,
    ThirdParty,
    read_policy,
    split_receipt,
)

ANNA, BO, CHEN = "anna", "bo", "chen"
PAIR = [(ANNA, Fraction(60)), (BO, Fraction(40))]


def euro(amount: str) -> int:
    return to_minor(Decimal(amount), "EUR", field="amount", negative=True)


def test_a_sum_is_counted_in_the_units_of_its_currency():
    assert to_minor(Decimal("12.34"), "EUR", field="amount") == 1234
    assert to_minor("1500", "JPY", field="amount") == 1500
    assert to_minor("1.234", "KWD", field="amount") == 1234
    assert from_minor(1234, "KWD") == Decimal("1.234")


@pytest.mark.parametrize(
    ("amount", "currency", "said"),
    [
        ("-0.01", "EUR", "not negative"),
        ("0.001", "EUR", "2 digits"),
        ("0.5", "JPY", "0 digits"),
        ("1000000000000.01", "EUR", "more than anybody pays"),
        ("NaN", "EUR", "Write an amount"),
        ("Infinity", "EUR", "Write an amount"),
        ("ten", "EUR", "Write an amount"),
        ("1", "EURO", "no currency"),
    ],
)
def test_what_is_no_sum_is_refused_with_its_field(amount, currency, said):
    with pytest.raises(InvalidError, match=said) as refused:
        to_minor(amount, currency, field="amount")
    assert refused.value.field == ("currency" if currency == "EURO" else "amount")


def test_a_conversion_is_rounded_half_up_to_the_unit_of_the_target():
    assert convert(10_000, "USD", "EUR", Decimal("0.91235")) == 9124  # 91.235 -> 91.24
    assert convert(1000, "EUR", "JPY", Decimal("162.55")) == 1626  # 1,625.5 -> 1,626
    assert convert(-1000, "EUR", "JPY", Decimal("162.55")) == -1626  # reversed, the same sum


def test_what_cannot_be_divided_goes_to_the_largest_remainder_then_in_order():
    assert allocate(100, [1, 1, 1]) == [34, 33, 33]
    assert allocate(101, [1, 1, 1]) == [34, 34, 33]
    assert allocate(10, [Decimal("66.6"), Decimal("33.4")]) == [7, 3]
    assert allocate(-100, [1, 1, 1]) == [-34, -33, -33]
    with pytest.raises(ValueError, match="more than zero"):
        allocate(5, [0, 0])


@given(st.integers(-(10**15), 10**15), st.lists(st.integers(0, 10**6), min_size=1, max_size=9).filter(any))
def test_an_allocation_loses_nothing_and_is_never_a_unit_off(total, weights):
    parts = allocate(total, weights)
    assert sum(parts) == total
    assert all(
        abs(part - Fraction(total * weight, sum(weights))) < 1 for part, weight in zip(parts, weights, strict=True)
    )


# --- what a licensee owes
def test_a_royalty_by_hand_with_tiers_cap_deductions_and_a_minimum():
    """Gross 150,000; deductions 20,000 of which 10 % = 15,000 count; net 135,000. The year stands at 80,000:
    20,000 at 5 % = 1,000 and 115,000 at 3 % = 3,450, together 4,450. 4,000 + 4,450 is 450 above the cap of 8,000.
    """
    terms = Terms(
        "EUR",
        tiers=[Tier(Decimal(5), Decimal(100_000)), Tier(Decimal(3))],
        cap=euro("8000"),
        minimum=euro("10000"),
        deductions_percent=Decimal(10),
    )
    sales = [
        Sale("Robot arm", Decimal(10), euro("100000"), euro("20000")),
        Sale("Licence key", Decimal(500), euro("50000")),
    ]

    found = compute(terms, sales, so_far=SoFar(Decimal(euro("80000")), euro("4000"), euro("4000")), closes_year=True)

    assert [(line.code, line.amount) for line in found.lines] == [
        ("gross", euro("100000")),
        ("gross", euro("50000")),
        ("deductions", euro("-15000")),
        ("net", euro("135000")),
        ("tier", euro("1000")),
        ("tier", euro("3450")),
        ("cap", euro("-450")),
        ("royalty", euro("4000")),
        ("minimum_made_up", euro("2000")),  # 10,000 less 4,000 and 4,000
        ("due", euro("6000")),
    ]
    assert found.due == euro("6000")


def test_a_minimum_that_is_not_creditable_is_asked_beside_the_royalties():
    terms = Terms("EUR", tiers=[Tier(Decimal(4))], minimum=euro("1000"), minimum_creditable=False)
    found = compute(terms, [Sale("A", gross=euro("50000"))], so_far=SoFar(), closes_year=True)
    assert (found.royalty, found.minimum) == (euro("2000"), euro("1000"))
    before = compute(terms, [Sale("A", gross=euro("50000"))], so_far=SoFar(), closes_year=False)
    assert before.minimum == 0


def test_a_royalty_by_units_counts_units():
    terms = Terms("JPY", basis=Basis.UNITS, tiers=[Tier(Decimal("12.5"), Decimal(100)), Tier(Decimal(10))])
    found = compute(terms, [Sale("A", Decimal(130))], so_far=SoFar(Decimal(90)))
    assert [line.amount for line in found.lines if line.code == "tier"] == [125, 1200]


def test_tiers_out_of_order_are_refused_by_number():
    with pytest.raises(InvalidError, match=r"Tier 2: its bound 100 is not above"):
        check_tiers([Tier(Decimal(5), Decimal(100)), Tier(Decimal(3), Decimal(100))], basis=Basis.NET_SALES)
    with pytest.raises(InvalidError, match="Tier 1: only the last"):
        check_tiers([Tier(Decimal(5)), Tier(Decimal(3))], basis=Basis.NET_SALES)
    with pytest.raises(InvalidError, match="Tier 1: a rate is between"):
        check_tiers([Tier(Decimal(101))], basis=Basis.NET_SALES)


def test_interest_follows_the_rate_of_each_day():
    """1,000 due on 1 March, paid on 20 March: nine days (2 to 10 March) at 5 %, ten days (11 to 20 March) at 8 %."""
    rates = [InterestRate(date(2026, 3, 11), Decimal(8)), InterestRate(date(2026, 1, 1), Decimal(5))]
    lines = late_interest(euro("1000"), date(2026, 3, 1), date(2026, 3, 20), rates)
    assert [(line.days, line.amount) for line in lines] == [(9, 123), (10, 219)]  # 1.2329 and 2.1918
    assert late_interest(euro("1000"), date(2026, 3, 1), date(2026, 3, 1), rates) == []
    with pytest.raises(InvalidError, match="No rate of late interest is entered for 2025-12-02"):
        late_interest(euro("1000"), date(2025, 12, 1), date(2026, 3, 1), rates)


# --- five published kinds of policy
def shares(split: Split) -> dict[str, int]:
    found = {account.value: split.of(account) for account in Account if split.of(account)}
    assert sum(found.values()) == split.amount
    return found


def of(name: str, amount: str, **more) -> Split:
    given = {"case": CaseSoFar(), "inventors": PAIR} | more
    return split_receipt(read_policy(EXAMPLES[name], currency="EUR"), euro(amount), **given)


def test_northwestern_takes_15_percent_of_gross_then_shares_the_net():
    """10,000: 1,500 to the office, 2,500 of costs; 6,000 is left, 2,000 for each third."""
    split = of("northwestern", "10000", case=CaseSoFar(open_costs=euro("2500")))
    assert shares(split) == {
        "office": euro("1500"),
        "costs": euro("2500"),
        "inventors": euro("2000"),
        "unit": euro("2000"),
        "central": euro("2000"),
    }
    assert {part.key: part.amount for part in split.parts if part.account == Account.INVENTORS} == {
        ANNA: euro("1200"),
        BO: euro("800"),
    }


def test_llu_takes_10_percent_only_until_direct_costs_are_repaid_then_thirds():
    """4,500 open. 3,000: 300 and 2,700. Then 1,800 open; of 10,000 it takes 2,000 to repay them: 200 and 1,800.
    8,000 is left for thirds: 2,666.67, 2,666.67, 2,666.66. Once repaid, nothing goes to the office.
    """
    first = of("llu", "3000", case=CaseSoFar(open_costs=euro("4500")))
    assert shares(first) == {"office": euro("300"), "costs": euro("2700")}
    second = of("llu", "10000", case=CaseSoFar(open_costs=euro("1800")))
    assert shares(second) == {
        "office": euro("200"),
        "costs": euro("1800"),
        "inventors": euro("2666.67"),
        "school": euro("2666.67"),
        "central": euro("2666.66"),
    }
    assert shares(of("llu", "300")) == {"inventors": euro("100"), "school": euro("100"), "central": euro("100")}


def test_dayton_takes_20_percent_then_costs_then_halves():
    """1,000.01: 200 (200.002); costs 300; 500.01 is left: 250.005 for the inventors, who come first: 250.01."""
    assert shares(of("dayton", "1000.01", case=CaseSoFar(open_costs=euro("300")))) == {
        "office": euro("200"),
        "costs": euro("300"),
        "inventors": euro("250.01"),
        "unit": euro("125"),
        "central": euro("125"),
    }


def test_notre_dame_gives_half_of_the_first_100_000_net_then_a_quarter():
    """The case has shared 90,000; costs 5,000. Of 45,000, 40,000 is net: 10,000 by half, 30,000 by a quarter."""
    split = of("notre_dame", "45000", case=CaseSoFar(open_costs=euro("5000"), shared=euro("90000")))
    assert shares(split) == {
        "costs": euro("5000"),
        "inventors": euro("12500"),  # 5,000 + 7,500
        "unit": euro("10000"),  # 2,500 + 7,500
        "central": euro("17500"),  # 2,500 + 15,000
    }
    assert split.shared == euro("40000")


def test_ncsu_first_removes_what_is_owed_to_sponsors_and_other_institutions():
    """20,000: 25 % to a sponsor and 10 % to an institute, 7,000; costs 1,000; 12,000 is left."""
    owed = [ThirdParty("sponsor", Fraction(1, 4)), ThirdParty("institute", Fraction(1, 10))]
    split = of("ncsu", "20000", case=CaseSoFar(open_costs=euro("1000")), third_parties=owed)
    assert shares(split) == {
        "third_parties": euro("7000"),
        "costs": euro("1000"),
        "inventors": euro("4800"),
        "unit": euro("1200"),
        "central": euro("6000"),
    }
    assert {part.key: part.amount for part in split.parts if part.account == Account.THIRD_PARTIES} == {
        "sponsor": euro("5000"),
        "institute": euro("2000"),
    }


def test_inventors_may_be_paid_alike():
    policy = read_policy(EXAMPLES["dayton"] | {"inventors": "equal"}, currency="EUR")
    split = split_receipt(policy, euro("0.07"), case=CaseSoFar(), inventors=[*PAIR, (CHEN, Fraction(0))])
    assert [part.amount for part in split.parts if part.account == Account.INVENTORS] == [1, 1, 1]


# --- what is refused, with the sum or the rule
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tiers": [{"shares": {"inventors": "50", "unit": "49.99"}}]}, r"Tier 1: its shares make 99\.99 %, not 100 %"),
        ({"tiers": [{"shares": {"inventors": "1/3", "unit": "1/3", "school": "33.33"}}]}, r"not 100 %"),
        ({"tiers": [{"shares": {"inventors": "100"}, "up_to": "5"}]}, "Tier 1: every tier but the last has a bound"),
        ({"tiers": [{"shares": {"friends": "100"}}]}, "not to “friends”"),
        ({"tiers": []}, "at least one tier"),
        ({"deductions": [{"kind": "office", "percent": "101"}]}, "Deduction 1: a share is between 0 and 100 %"),
        ({"deductions": [{"kind": "office", "percent": "10", "until": "costs_repaid"}]}, "needs the deduction “costs”"),
        ({"deductions": [{"kind": "costs"}, {"kind": "costs"}]}, "may stand once"),
        ({"deductions": [{"kind": "office", "percent": "60"}, {"kind": "office", "percent": "50"}]}, "make 110 %"),
        ({"deductions": [{"kind": "gift"}]}, "Deduction 1: the kind is one of"),
        ({"deductions": [{"kind": "costs", "percent": "5"}]}, "only an office share"),
        ({"inventors": "by_age"}, "“inventors” is one of"),
        ({"bonus": 1}, "nothing called “bonus”"),
    ],
)
def test_a_policy_that_does_not_add_up_is_refused_by_its_rule(change, said):
    with pytest.raises(InvalidError, match=said) as refused:
        read_policy(EXAMPLES["dayton"] | change, currency="EUR")
    assert refused.value.field == "policy"


def test_more_than_all_to_third_parties_or_nobody_to_pay_is_refused():
    owed = [ThirdParty("a", Fraction(3, 4)), ThirdParty("b", Fraction(1, 2))]
    with pytest.raises(InvalidError, match="owed 125 %"):
        of("ncsu", "100", third_parties=owed)
    with pytest.raises(InvalidError, match="no inventor with a share"):
        of("ncsu", "100", inventors=[])


_shares = st.lists(st.integers(0, 50), min_size=4, max_size=4).filter(any)


@st.composite
def policies(draw) -> Policy:
    steps = draw(
        st.lists(
            st.builds(
                Step,
                st.sampled_from(["office", "costs", "third_parties"]),
                st.fractions(0, Fraction(9, 10), max_denominator=200),
                st.booleans(),
                st.booleans(),
            ),
            max_size=4,
        )
    )
    bounds = sorted(draw(st.sets(st.integers(1, 10**9), max_size=2)))
    tiers = []
    for bound in [*bounds, None]:
        weights = draw(_shares)
        whole = sum(weights)
        names = (Account.INVENTORS, Account.UNIT, Account.SCHOOL, Account.CENTRAL)
        tiers.append(ShareTier({a: Fraction(w, whole) for a, w in zip(names, weights, strict=True)}, bound))
    return Policy(tuple(steps), tuple(tiers), draw(st.sampled_from(InventorSplit)))


@given(
    policies(),
    st.integers(1, 10**12),
    st.integers(0, 10**10),
    st.integers(0, 10**10),
    st.lists(st.fractions(Fraction(1, 1000), 1, max_denominator=1000), min_size=1, max_size=6),
)
def test_whatever_the_policy_a_receipt_is_divided_to_the_cent(policy, amount, costs, shared, weights):
    split = split_receipt(
        policy,
        amount,
        case=CaseSoFar(costs, shared),
        inventors=list(enumerate(weights)),
        third_parties=[ThirdParty("s", Fraction(1, 3))],
    )
    assert sum(part.amount for part in split.parts) == amount
    assert all(part.amount > 0 for part in split.parts)
    assert split.of(Account.COSTS) <= costs


# --- whatever is reported
PERCENTS = st.decimals(0, 100, places=2)
SUMS = st.integers(0, 10**9)
SALES = st.tuples(SUMS, st.integers(0, 100), st.integers(0, 10**5))  # gross, per cent that is deducted, units


@st.composite
def random_terms(draw) -> Terms:
    bounds = sorted(draw(st.sets(st.integers(1, 10**7), max_size=3)))
    rates = draw(st.lists(PERCENTS, min_size=len(bounds) + 1, max_size=len(bounds) + 1))
    return Terms(
        draw(st.sampled_from(["EUR", "JPY", "KWD"])),
        basis=draw(st.sampled_from([Basis.NET_SALES, Basis.GROSS_SALES, Basis.UNITS])),
        tiers=[
            Tier(rate, Decimal(bound) if bound else None) for rate, bound in zip(rates, [*bounds, None], strict=True)
        ],
        cap=draw(st.none() | SUMS),
        minimum=draw(SUMS),
        minimum_creditable=draw(st.booleans()),
        deductions_percent=draw(st.none() | PERCENTS),
        sublicence_percent=draw(st.none() | PERCENTS),
    )


@given(random_terms(), st.lists(st.tuples(st.lists(SALES, max_size=3), SUMS), min_size=1, max_size=5))
def test_whatever_is_reported_in_a_year_what_is_owed_follows_from_the_terms(terms, told):
    """The lines make the sum, the cap holds, the minimum is reached, and dividing the year changes units at most."""
    so_far, steps = SoFar(), 0
    reports = [([Sale("A", Decimal(n), sum_, sum_ * part // 100) for sum_, part, n in sales], x) for sales, x in told]
    for number, (sales, income) in enumerate(reports, 1):
        last = number == len(reports)
        found = compute(terms, sales, so_far=so_far, closes_year=last, sublicence_income=income)
        by_name = [SublicenceSum("A", income // 3), SublicenceSum("B", 0), SublicenceSum("C", income - income // 3)]
        named = compute(terms, sales, so_far=so_far, closes_year=last, sublicences=by_name)
        assert (named.due, named.sublicence) == (found.due, found.sublicence)
        assert [line.base for line in named.lines if line.code == "sublicence_income"] == [s.amount for s in by_name]
        lines = {line.code: line.amount for line in found.lines}
        tiers = [line for line in found.lines if line.code == "tier"]
        assert sum(line.amount for line in tiers) + lines.get("cap", 0) == found.royalty == lines["royalty"]
        assert sum((line.base for line in tiers), Decimal(0)) == found.base
        assert found.royalty + found.minimum + found.sublicence == found.due == lines["due"]
        assert min(found.base, found.royalty, found.minimum, found.sublicence) >= 0
        assert found.sublicence <= income and (last or found.minimum == 0)
        steps += len(tiers)
        so_far = SoFar(so_far.base + found.base, so_far.royalty + found.royalty, so_far.earned + found.royalty, 0)
    assert terms.cap is None or so_far.royalty <= terms.cap
    wanted = max(0, terms.minimum - so_far.earned) if terms.minimum_creditable else terms.minimum
    assert found.minimum == wanted
    if terms.basis != Basis.NET_SALES or terms.deductions_percent is None:  # deductions at most are by the report
        whole = compute(terms, [sale for sales, _income in reports for sale in sales], so_far=SoFar())
        assert whole.base == so_far.base
        assert abs(whole.royalty - so_far.royalty) <= steps + len(terms.tiers)
