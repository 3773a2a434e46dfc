"""What is drawn from a profile."""

from __future__ import annotations

from types import SimpleNamespace

from django.utils import translation

from registry.datasets.pictures import pictures_of


def version(**profile):
    public = {key: value for key, value in profile.items() if key != "examples"}
    return SimpleNamespace(profile=profile, public_profile=public)


def test_classes_are_ranked_and_the_rest_is_counted():
    counts = {f"c{n:02}": n for n in range(40)}
    chart = pictures_of(version(classes={"label": counts}), examples=False).classes[0]
    assert chart["data"]["labels"][0] == "c39"
    assert (len(chart["data"]["labels"]), chart["more"], chart["count"]) == (30, 10, 40)


def test_examples_are_drawn_only_for_readers():
    rows = [{"a": 1}, {"a": 2, "b": 3}]
    assert pictures_of(version(examples=rows), examples=False).examples == []
    shown = pictures_of(version(examples=rows), examples=True)
    assert (shown.headers, shown.examples) == (["a", "b"], [[1, ""], [2, 3]])


def test_lengths_that_are_all_the_same_are_no_picture():
    one = version(lengths={"unit": "words per line", "bins": [9, 10], "counts": [400]})
    two = version(lengths={"unit": "words per line", "bins": [8, 9, 10], "counts": [4, 5]})
    assert pictures_of(one, examples=False).lengths is None
    assert pictures_of(two, examples=False).lengths["data"] == {"labels": [8, 9, 10], "values": [4, 5]}


def test_notices_are_said_and_unknown_ones_passed_over():
    warnings = [{"code": "duplicate_rows", "params": {"count": 3}}, {"code": "from the future", "params": {}}]
    with translation.override("en"):
        assert pictures_of(version(warnings=warnings), examples=False).notices == [
            "Rows that repeat an earlier row exactly: 3."
        ]


def test_an_empty_profile_draws_nothing():
    shown = pictures_of(version(), examples=True)
    assert (shown.facts, shown.classes, shown.columns, shown.lengths) == ([], [], [], None)
