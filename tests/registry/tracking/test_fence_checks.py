"""Whether an attempt is current is asked upward; with nobody to ask, the answer is no."""

import pytest

from registry.tracking import fence_checks


@pytest.fixture(autouse=True)
def only_ours(monkeypatch):
    monkeypatch.setattr(fence_checks, "_checks", [])


def test_nobody_to_ask_means_no():
    assert fence_checks.is_current("j-1", 1) is False


def test_all_checks_must_agree():
    fence_checks.register(lambda job_id, fence: fence == 2)
    assert fence_checks.is_current("j-1", 2) is True
    assert fence_checks.is_current("j-1", 1) is False
    fence_checks.register(lambda job_id, fence: job_id != "j-1")
    assert fence_checks.is_current("j-1", 2) is False


def test_registering_twice_counts_once():
    def check(job_id: str, fence: int) -> bool:
        return True

    fence_checks.register(check)
    fence_checks.register(check)
    fence_checks.unregister(check)
    assert fence_checks.is_current("j-1", 1) is False
