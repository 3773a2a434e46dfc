"""Exchanges of residues: each place hidden by itself, however a sequence is longer than what a net reads."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from training.engine import mutations
from training.engine.mutations import MAX_RESIDUES, answer, scan
from training.engine.notation import RESIDUES
from training.engine.spec import TokenizerSpec
from training.engine.tokenizing import MASKED_SPECIALS, train_tokenizer

TOKENIZER = train_tokenizer(TokenizerSpec("protein"), [], MASKED_SPECIALS)
BEGIN, END, GAP = 2, 3, 4


class Net(nn.Module):
    """Tells of a hidden place a sum over what it sees in the row, weighed by how far off it stands."""

    def __init__(self) -> None:
        super().__init__()
        chance = torch.Generator().manual_seed(4)
        self.table = nn.Parameter(torch.randn(TOKENIZER.size, TOKENIZER.size, generator=chance))
        self.seen: list[Tensor] = []

    def forward(self, ids: Tensor, mask: None, places: Tensor) -> Tensor:
        self.seen.append(ids)
        rows, at = places // ids.shape[1], places % ids.shape[1]
        off = (torch.arange(ids.shape[1]) - at[:, None]).abs()
        return (self.table[ids[rows]] * (0.7**off)[..., None]).sum(1)


def one_by_one(net: Net, sequence: str, context: int) -> Tensor:
    """Each place by itself: the window around it by hand."""
    ids, scores = TOKENIZER.encode(sequence).tolist(), []
    letters = TOKENIZER.encode(RESIDUES).tolist()
    room = min(context - 2, len(ids))
    for place in range(len(ids)):
        first = min(max(place - room // 2, 0), len(ids) - room)
        row = [BEGIN, *ids[first : first + room], END]
        row[place - first + 1] = GAP
        shares = net(torch.tensor([row]), None, torch.tensor([place - first + 1]))[0].log_softmax(-1)
        scores.append(shares[letters] - shares[ids[place]])
    return torch.stack(scores)


@pytest.mark.parametrize("sequence", ["M", "MKTAYIAK", "MKTAYIAKQRQISFVKSHFSRQ", RESIDUES * 2])
@pytest.mark.parametrize("seen", [3, 8, 9, 24, 64])
@pytest.mark.parametrize("at_once", [1, 20, 8_192])
def test_all_places_at_once_are_each_by_itself(
    sequence: str, seen: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mutations, "AT_ONCE_TOKENS", at_once)
    net = Net()
    with torch.no_grad():
        found = scan(net, TOKENIZER, sequence, context=seen, ends=(BEGIN, END, GAP))
        rows = torch.cat(net.seen)
        assert len(rows) == len(sequence) and max(ids.numel() for ids in net.seen) <= max(at_once, rows.shape[1])
        assert ((rows == GAP).sum(1) == 1).all() and (rows[:, 0] == BEGIN).all() and (rows[:, -1] == END).all()
        torch.testing.assert_close(found, one_by_one(net, sequence, seen))
    stays = found[range(len(sequence)), [RESIDUES.index(residue) for residue in sequence]]
    assert (stays == 0).all()


@pytest.mark.parametrize("sequence", ["", "mkt", "MKX", "MK T", "MK*", "M" * (MAX_RESIDUES + 1)])
def test_what_is_no_protein_is_refused(sequence: str) -> None:
    with pytest.raises(ValueError, match="a sequence has"):
        scan(Net(), TOKENIZER, sequence, context=8, ends=(BEGIN, END, GAP))


SCORES = torch.arange(60.0).view(3, 20) / 10 - 3


@pytest.mark.parametrize(
    ("asked", "score"),
    [
        ("A1C", -2.9),
        ("C2A", -1.0),
        ("D3Y", 2.9),
        ("A1C:D3Y", 0.0),
        (" A1C : C2A ", -3.9),
        ("D3D", 1.2),
    ],
)
def test_the_score_of_several_is_the_sum(asked: str, score: float) -> None:
    told = answer(SCORES, "ACD", [asked])
    assert told == {"sequence": "ACD", "scores": {asked: pytest.approx(score)}}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        *((text, "is no mutation; write A24G") for text in ("", "A", "A1", "1C", "a1c", "A1B", "A1C:", None, 5)),
        *((text, "does not fit: the sequence has no") for text in ("A0C", "D0C", "A4C", "A2C", "D3A:A3C", "A9999C")),
        ("A" + "9" * 5_000 + "C", "is no mutation"),
    ],
)  # fmt: skip
def test_a_mutation_that_cannot_be_is_refused(asked: Any, said: str) -> None:
    with pytest.raises(ValueError) as caught:
        answer(SCORES, "ACD", [asked])
    assert said in str(caught.value) and len(str(caught.value)) < 160


def test_the_likeliest_are_named_and_no_residue_becomes_itself() -> None:
    told = answer(SCORES, "ACD")
    names = [one["mutation"] for one in told["best"]]
    by_hand = sorted(
        (
            (-float(SCORES[place, n]), f"{old}{place + 1}{new}")
            for place, old in enumerate("ACD")
            for n, new in enumerate(RESIDUES)
            if new != old
        )
    )[:20]
    assert names == [name for _, name in by_hand]
    assert [one["score"] for one in told["best"]] == pytest.approx([-score for score, _ in by_hand])
    assert len(answer(SCORES[:1], "A")["best"]) == 19
    assert [one["mutation"] for one in answer(SCORES - 10, "ACD")["best"]] == names  # where to stay is best
    assert told["residues"] == RESIDUES and len(told["scores"]) == 3


def test_entropy_is_that_of_the_shares() -> None:
    even, sure = torch.zeros(1, 20), torch.full((1, 20), -1e9)
    sure[0, 5] = 0
    assert answer(even, "A")["entropy"] == pytest.approx([2.9957], abs=1e-4)  # log 20
    assert answer(sure, "A")["entropy"] == [0]
    halves = torch.full((1, 20), -1e9)
    halves[0, 3:5] = 7
    assert answer(halves, "A")["entropy"] == pytest.approx([0.6931], abs=1e-4)
