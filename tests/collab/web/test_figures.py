"""Numbers in words."""

import pytest
from django.utils import translation

from collab.web.figures import compact, duration, figure


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.4, "0 s"),
        (89, "89 s"),
        (90, "2 min"),
        (5340, "89 min"),
        (5400, "1 h 30 min"),
        (7200, "2 h"),
        (900_000, "10 days"),
    ],
)
def test_times(seconds, said):
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0"), (812, "812"), (999.9, "1 k"), (12_400, "12.4 k"), (3.1e9, "3.1 G")]
)
def test_counts(number, said):
    assert compact(number) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.95312, "0.9531"), (12.3456, "12.35"), (1204.3, "1,204"), (3.1e-5, "3.1e-05"), (2, "2"), (-0.5, "-0.5")],
)
def test_measurements(value, said):
    assert figure(value) == said


@pytest.mark.parametrize("nothing", [None, "", float("nan"), float("inf"), True])
def test_what_is_no_number_is_a_dash(nothing):
    assert {duration(nothing), compact(nothing), figure(nothing)} == {"–"}


def test_the_notation_is_the_readers():
    with translation.override("de"):
        assert figure(1204.5) == "1.204"
        assert figure(0.5) == "0,5"
