"""Tokens of jobs: signed, bound to one attempt and one project, over in time."""

import time_machine
from django.test import override_settings

from registry.tracking import job_token


def issued(**more):
    return job_token.issue(**{"job_id": "j-1", "project": "speech", "fence": 4, "ttl_s": 60} | more)


def test_a_token_says_which_attempt_of_which_job():
    token = job_token.read(issued())
    assert token is not None
    assert (token.job_id, token.project, token.fence) == ("j-1", "speech", 4)


def test_a_token_ends():
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False) as clock:
        raw = issued()
        clock.shift(59)
        assert job_token.read(raw) is not None
        clock.shift(2)
        assert job_token.read(raw) is None


def test_a_token_cannot_be_altered_or_made_elsewhere():
    raw = issued()
    assert job_token.read(raw[:-1] + ("A" if raw[-1] != "A" else "B")) is None
    assert job_token.read(raw.removeprefix(job_token.PREFIX)) is None
    assert job_token.read(job_token.PREFIX + "rubbish") is None
    assert job_token.read("") is None
    with override_settings(SECRET_KEY="another secret key of more than fifty characters ......"):
        assert job_token.read(raw) is None


def test_other_signed_things_are_no_tokens():
    from django.core import signing

    assert job_token.read(job_token.PREFIX + signing.dumps({"j": "1", "p": "x", "f": 1, "e": 2**40})) is None
