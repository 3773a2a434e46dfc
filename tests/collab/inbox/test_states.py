"""Which moves a request allows: the whole table."""

from itertools import product

import pytest

from collab.inbox.states import REQUEST_MOVES, RequestState
from collab.kernel.errors import ConflictError

LEGAL = {
    ("open", "approved"): "approved",
    ("open", "approved_with_conditions"): "approved_with_conditions",
    ("open", "rejected"): "rejected",
    ("open", "returned"): "returned",
    ("open", "withdraw"): "withdrawn",
    ("open", "advise"): "open",
    ("open", "direct"): "open",
    ("approved_with_conditions", "meet"): "approved_with_conditions",
}


@pytest.mark.parametrize(("state", "move"), product([s.value for s in RequestState], REQUEST_MOVES.table))
def test_moves(state, move):
    target = LEGAL.get((state, str(move)))
    assert REQUEST_MOVES.allows(move, state) is (target is not None)
    if target is None:
        with pytest.raises(ConflictError):
            REQUEST_MOVES.require(move, state, what="A")
    else:
        assert REQUEST_MOVES.require(move, state, what="A") == target
