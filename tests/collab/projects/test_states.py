"""Which moves a project allows: the whole table."""

from itertools import product

import pytest

from collab.kernel.errors import ConflictError
from collab.projects.states import PATH, PROJECT_MOVES, ProjectState

LEGAL = {
    ("idea", "propose"): "proposal",
    ("proposal", "submit"): "under_review",
    ("under_review", "ask_approval"): "in_approval",
    ("in_approval", "approve"): "contracting",
    ("contracting", "begin"): "active",
    ("active", "suspend"): "suspended",
    ("suspended", "resume"): "active",
    ("active", "wind_up"): "closing",
    ("suspended", "wind_up"): "closing",
    ("closing", "reopen"): "active",
    ("closing", "close"): "closed",
    ("rejected", "revise"): "proposal",
    ("withdrawn", "revise"): "proposal",
    **{(state, "return"): "proposal" for state in ("under_review", "in_approval")},
    **{(state, "reject"): "rejected" for state in ("under_review", "in_approval")},
    **{(state, "withdraw"): "withdrawn" for state in PATH[:5]},
    **{(state, "terminate"): "terminated" for state in ("active", "suspended", "closing")},
}


@pytest.mark.parametrize(("state", "move"), product([s.value for s in ProjectState], PROJECT_MOVES.table))
def test_moves(state, move):
    target = LEGAL.get((state, move))
    assert PROJECT_MOVES.allows(move, state) is (target is not None)
    if target is not None:
        assert PROJECT_MOVES.require(move, state, what="P") == target
        return
    with pytest.raises(ConflictError):
        PROJECT_MOVES.require(move, state, what="P")


def test_what_is_possible_now():
    assert PROJECT_MOVES.open_from("active") == ["suspend", "wind_up", "terminate"]
    assert PROJECT_MOVES.open_from("closed") == []
