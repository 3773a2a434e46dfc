"""Which moves a version of an agreement allows: the whole table."""

from itertools import product

import pytest

from collab.agreements.states import VERSION_MOVES, VersionState
from collab.kernel.errors import ConflictError

LEGAL = {
    ("draft", "edit"): "draft",
    ("internal_review", "rework"): "negotiation",
    ("negotiation", "rework"): "negotiation",
    ("agreed", "rework"): "negotiation",
    ("draft", "submit"): "internal_review",
    ("negotiation", "submit"): "internal_review",
    ("internal_review", "return_to_draft"): "draft",
    ("internal_review", "return_to_negotiation"): "negotiation",
    ("draft", "negotiate"): "negotiation",
    ("internal_review", "negotiate"): "negotiation",
    ("agreed", "negotiate"): "negotiation",
    ("internal_review", "agree"): "agreed",
    ("draft", "send"): "out_for_signature",
    ("negotiation", "send"): "out_for_signature",
    ("agreed", "send"): "out_for_signature",
    ("negotiation", "counter"): "withdrawn",
    ("draft", "withdraw"): "withdrawn",
    ("internal_review", "withdraw"): "withdrawn",
    ("negotiation", "withdraw"): "withdrawn",
    ("agreed", "withdraw"): "withdrawn",
    ("out_for_signature", "sign"): "out_for_signature",
    ("out_for_signature", "seal"): "executed",
    ("out_for_signature", "decline"): "withdrawn",
    ("out_for_signature", "withdraw"): "withdrawn",
    ("executed", "suspend"): "suspended",
    ("executed", "supersede"): "superseded",
    ("executed", "terminate"): "terminated",
    ("suspended", "resume"): "executed",
    ("superseded", "reinstate"): "executed",
    ("superseded", "reinstate_suspended"): "suspended",
    ("suspended", "supersede"): "superseded",
    ("suspended", "terminate"): "terminated",
}


@pytest.mark.parametrize(("state", "move"), product([s.value for s in VersionState], VERSION_MOVES.table))
def test_moves(state, move):
    target = LEGAL.get((state, move))
    assert VERSION_MOVES.allows(move, state) is (target is not None)
    if target is None:
        with pytest.raises(ConflictError):
            VERSION_MOVES.require(move, state, what="A")
