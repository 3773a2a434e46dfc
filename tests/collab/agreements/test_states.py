"""Which moves a version of an agreement allows: the whole table."""

from itertools import product

import pytest

from collab.agreements.states import VERSION_MOVES, VersionState
from collab.kernel.errors import ConflictError

LEGAL = {
    ("draft", "edit"): "draft",
    ("draft", "send"): "out_for_signature",
    ("draft", "withdraw"): "withdrawn",
    ("out_for_signature", "sign"): "out_for_signature",
    ("out_for_signature", "seal"): "executed",
    ("out_for_signature", "withdraw"): "withdrawn",
    ("executed", "supersede"): "superseded",
    ("executed", "terminate"): "terminated",
}


@pytest.mark.parametrize(("state", "move"), product([s.value for s in VersionState], VERSION_MOVES.table))
def test_moves(state, move):
    target = LEGAL.get((state, move))
    assert VERSION_MOVES.allows(move, state) is (target is not None)
    if target is None:
        with pytest.raises(ConflictError):
            VERSION_MOVES.require(move, state, what="A")
