"""The scan of exchanges in a protein against a plain loop, with a net of which every answer is known."""

import hashlib
import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.training.engine.conftest import plain_task
from training.engine import mutations
from training.engine.notation import RESIDUES
from training.engine.spec import TokenizerSpec
from training.engine.tasks.masked_lm import CLS, MASK, SEP
from training.engine.tokenizing import MASKED_SPECIALS, train_tokenizer

ENDS = (CLS, SEP, MASK)
TOKENIZER = train_tokenizer(TokenizerSpec("protein", vocab=None), [RESIDUES], MASKED_SPECIALS)
NUMBER = {residue: int(TOKENIZER.encode(residue)[0]) for residue in RESIDUES}


def logits_for(row: list[int]) -> np.ndarray:
    """Numbers that hang on every token of a row and on where it stands."""
    seed = int.from_bytes(hashlib.sha256(json.dumps(row).encode()).digest()[:8], "big")
    return np.random.default_rng(seed).normal(size=TOKENIZER.size)


class Known(nn.Module):
    """Answers for the gap of each row, and remembers the rows."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.rows = nn.Parameter(torch.zeros(1)), []

    def forward(self, ids: Tensor, mask: None, places: Tensor) -> Tensor:
        assert mask is None
        found = []
        for number, row in enumerate(ids.tolist()):
            assert row.count(MASK) == 1 and places[number] == number * ids.shape[1] + row.index(MASK)
            self.rows.append(row)
            found.append(logits_for(row))
        return torch.tensor(np.array(found)).float()


def by_loop(sequence: str, context: int) -> np.ndarray:
    """Each place hidden by itself, with as much on both sides as there is room for."""
    room, scores = min(context - 2, len(sequence)), []
    for place, old in enumerate(sequence):
        first = min(max(0, place - room // 2), len(sequence) - room)
        row = [CLS]
        for at in range(first, first + room):
            row.append(MASK if at == place else NUMBER[sequence[at]])
        logits = logits_for([*row, SEP])
        logs = logits - math.log(np.exp(logits).sum())
        scores.append([logs[NUMBER[new]] - logs[NUMBER[old]] for new in RESIDUES])
    return np.array(scores)


@pytest.mark.parametrize(("length", "context"), [(1, 8), (6, 8), (7, 8), (30, 8), (30, 9), (12, 128), (3, 3)])
@pytest.mark.parametrize("at_once", [1, 25, 8_192])
def test_scores_are_those_of_a_loop(length: int, context: int, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutations, "AT_ONCE_TOKENS", at_once)
    sequence = "".join(np.random.default_rng(length).choice(list(RESIDUES), size=length))
    net = Known()
    found = mutations.scan(net, TOKENIZER, sequence, context=context, ends=ENDS)
    np.testing.assert_allclose(found, by_loop(sequence, context), atol=1e-5)
    assert len(net.rows) == length and all(row[0] == CLS and row[-1] == SEP for row in net.rows)
    stays = found[torch.arange(length), [RESIDUES.index(residue) for residue in sequence]]
    assert stays.abs().max() == 0


@pytest.mark.parametrize("sequence", ["", "AXC", "acd", "A C", "ACDB", "Ａ", "A" * (mutations.MAX_RESIDUES + 1)])
def test_what_is_no_protein_is_told(sequence: str) -> None:
    with pytest.raises(ValueError, match=r"a sequence has (the residues|at most 5,000)"):
        mutations.scan(Known(), TOKENIZER, sequence, context=16, ends=ENDS)


SCORES = torch.arange(60.0).view(3, 20) / 10 - 3
for _place, _residue in enumerate("ACY"):
    SCORES[_place, RESIDUES.index(_residue)] = 0


def test_the_likeliest_exchanges_are_named_and_none_that_is_no_exchange() -> None:
    told = mutations.answer(SCORES, "ACY")
    assert [one["mutation"] for one in told["best"][:3]] == ["Y3W", "Y3V", "Y3T"]
    assert [one["score"] for one in told["best"][:3]] == pytest.approx([2.8, 2.7, 2.6])
    assert len(told["best"]) == 20 and not {"A1A", "C2C", "Y3Y"} & {one["mutation"] for one in told["best"]}
    assert [row[:2] for row in told["scores"]] == [[0, -2.9], [-1, 0], [1, 1.1]]
    few = mutations.answer(SCORES[:1], "A")
    assert len(few["best"]) == 19  # all there are


def test_nothing_is_open_where_one_residue_is_certain() -> None:
    even, sure, two = torch.zeros(20), torch.full((20,), -60.0), torch.full((20,), -60.0)
    sure[3], two[3], two[7] = 0, 0, 0
    told = mutations.answer(torch.stack([even, sure, two]), "AEE")
    assert told["entropy"] == pytest.approx([math.log(20), 0, math.log(2)], abs=1e-3)


@pytest.mark.parametrize(
    ("asked", "score"),
    [("A1C", -2.9), ("Y3A", 1.0), (" A1C ", -2.9), ("A1C:C2A", -3.9), ("A1C : C2A:Y3W", -1.1), ("A1A", 0.0)],
)
def test_of_several_exchanges_the_scores_are_summed(asked: str, score: float) -> None:
    assert mutations.answer(SCORES, "ACY", [asked])["scores"] == {asked: pytest.approx(score)}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("", "is no mutation; write A24G"),
        ("A1", "is no mutation"),
        ("a1c", "is no mutation"),
        ("A1B", "is no mutation"),  # of what is no residue
        ("A1C,C2A", "is no mutation"),
        ("A1C:", "is no mutation"),
        (7, "“7” is no mutation"),
        (None, "“None” is no mutation"),
        ("C1A", "the sequence has no C at place 1"),
        ("A0C", "the sequence has no A at place 0"),
        ("Y4A", "the sequence has no Y at place 4"),
        ("A1C:A2C", "“A2C” does not fit"),
        ("A" + "9" * 300 + "C", "is no mutation"),
    ],
)
def test_a_mutation_that_does_not_fit_is_told(asked: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        mutations.answer(SCORES, "ACY", ["A1C", asked])


def asking(kind: str = "protein") -> Any:
    task: Any = plain_task("masked-lm", tokenizer={"kind": kind}, data__columns={"text": "body"})
    task.tokenizer = TOKENIZER
    return task


def test_a_sequence_is_asked_for_in_any_writing() -> None:
    """Small letters, spaces and line ends are what people paste."""
    plain, pasted, some = asking().predict(
        Known(), [{"scan": "ACDK"}, {"scan": " acd\n k "}, {"scan": "ACDK", "mutations": ["A1C", "K4R"]}]
    )
    assert plain == pasted and plain["sequence"] == "ACDK"
    row = plain["scores"]
    assert some["scores"] == {"A1C": row[0][RESIDUES.index("C")], "K4R": row[3][RESIDUES.index("R")]}
    assert asking().predict(Known(), [{"scan": "ACDK", "mutations": []}])[0]["scores"] == {}


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        ("char", {"scan": "ACDK"}, "only a language model of proteins"),
        ("protein", {}, 'write {"scan"'),
        ("protein", {"scan": None}, 'write {"scan"'),
        ("protein", {"scan": ["A"]}, 'write {"scan"'),
        ("protein", {"scan": "ACDK", "mutations": "A1C"}, 'write {"scan"'),
        ("protein", {"scan": "  "}, "a sequence has the residues"),
        ("protein", 5, "this model reads texts"),
        ("protein", ["ACDK"], "this model reads texts"),
    ],
)
def test_what_cannot_be_scanned_is_told(kind: str, given: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        asking(kind).predict(Known(), [given])
