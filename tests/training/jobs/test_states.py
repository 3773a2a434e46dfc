"""The table of moves: every state can be left or is an end, and reasons have sentences."""

from __future__ import annotations

from training.engine.contract import Reason
from training.jobs.states import ENDED, JOB_MOVES, LIVE, REASONS, RETRY_REASONS, JobState


def test_live_states_lead_to_an_end():
    for state in LIVE:
        targets = {JOB_MOVES.target(move) for move in JOB_MOVES.open_from(state)}
        assert targets | {JobState.DONE} >= ENDED


def test_done_is_final():
    assert JOB_MOVES.open_from(JobState.DONE) == []


def test_every_reason_of_the_engine_has_a_sentence():
    assert {str(reason) for reason in Reason} <= REASONS.keys()
    assert REASONS.keys() >= RETRY_REASONS
