"""Metrics in words and against the baseline."""

from __future__ import annotations

import pytest

from registry.catalog.metrics import compared, metric_label


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("test/accuracy", "Test: accuracy"),
        ("train/lr", "Training: learning rate"),
        ("perplexity", "Perplexity"),
        ("my_own", "My own"),
        ("odd/part", "Part"),
    ],
)
def test_names_are_said(name, label):
    assert metric_label(name) == label


def test_the_primary_metric_comes_first_and_others_parts_are_left_out():
    rows = compared({"test/loss": 0.5, "test/accuracy": 0.9, "valid/accuracy": 0.8}, {}, "test/accuracy")
    assert [row.name for row in rows] == ["accuracy", "loss"]


def test_better_depends_on_the_metric():
    baseline = {"name": "majority", "metrics": {"test/accuracy": 0.5, "loss": 1.0}}
    good = {row.name: row.tone for row in compared({"test/accuracy": 0.9, "test/loss": 0.2}, baseline)}
    poor = {row.name: row.tone for row in compared({"test/accuracy": 0.4, "test/loss": 1.2}, baseline)}
    assert good == {"accuracy": "accent", "loss": "accent"}
    assert poor == {"accuracy": "warn", "loss": "warn"}


def test_bars_of_what_should_be_low_end_at_the_larger_of_the_two():
    row = compared({"test/perplexity": 7.5}, {"metrics": {"perplexity": 300.0}})[0]
    assert (row.value, row.baseline, row.most) == (7.5, 300.0, 300.0)
