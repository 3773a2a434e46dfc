"""Which moves a project allows: the whole table."""

from itertools import product

import pytest

from collab.kernel.errors import ConflictError
from collab.projects.states import PROJECT_MOVES, ProjectState

LEGAL = {
    ("proposal", "begin"): "active",
    ("proposal", "close"): "closed",
    ("active", "suspend"): "suspended",
    ("active", "close"): "closed",
    ("suspended", "resume"): "active",
    ("suspended", "close"): "closed",
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
    assert PROJECT_MOVES.open_from("active") == ["suspend", "close"]
    assert PROJECT_MOVES.open_from("closed") == []
