"""A covered joint project and a valid spec."""

from __future__ import annotations

import pytest

from tests.cast import Joint
from training.engine.contract import default_spec


@pytest.fixture
def covered(aurora: Joint) -> Joint:
    aurora.cover(reference="DUA-1")
    return aurora


@pytest.fixture
def version(covered: Joint):
    return covered.dataset().latest()


@pytest.fixture
def spec(version) -> dict:
    return default_spec("causal-lm", version.profile, str(version.pk)).to_json()
