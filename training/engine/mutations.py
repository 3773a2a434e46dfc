"""What a protein language model says of every exchange of one residue: masked marginals.

Meier et al. 2021, "Language models enable zero-shot prediction of the effects of mutations on protein function": the
score of an exchange is log p(new) - log p(old) at its place, which is hidden; of several exchanges it is the sum.
"""

import re
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.engine.notation import RESIDUES
from training.engine.tokenizing import Tokenizer

MUTATION = re.compile(r"([A-Z])(\d{1,9})([A-Z])", re.ASCII)
MAX_RESIDUES = 5_000
SHOWN = 20
AT_ONCE_TOKENS = 8_192


def scan(net: nn.Module, tokenizer: Tokenizer, sequence: str, *, context: int, ends: tuple[int, int, int]) -> Tensor:
    """Scores (places, 20 residues of RESIDUES) of every exchange of one residue; 0 where it stays.

    `ends`: tokens of the beginning, the end and the gap. Of a sequence that is longer than the context of the net, as
    much is read on both sides of a place as there is room for. Raises ValueError for what is no protein.
    """
    if not sequence or not set(sequence) <= set(RESIDUES):
        raise ValueError(f"a sequence has the residues {RESIDUES} and no others")
    if len(sequence) > MAX_RESIDUES:
        raise ValueError(f"a sequence has at most {MAX_RESIDUES:,} residues")
    ids = torch.from_numpy(tokenizer.encode(sequence))
    begin, end, gap = ends
    room = min(context - 2, len(ids))
    device = next(net.parameters()).device
    alphabet = torch.from_numpy(tokenizer.encode(RESIDUES)).to(device)
    scores = []
    at_once = max(1, AT_ONCE_TOKENS // (room + 2))
    for first in range(0, len(ids), at_once):
        places = torch.arange(first, min(first + at_once, len(ids)))
        starts = (places - room // 2).clamp(0, len(ids) - room)
        rows = torch.full((len(places), room + 2), begin)
        rows[:, -1] = end
        rows[:, 1:-1] = ids[starts[:, None] + torch.arange(room)]
        hidden = torch.arange(len(places)) * (room + 2) + places - starts + 1
        rows.view(-1)[hidden] = gap
        logits = net(rows.to(device), None, hidden.to(device)).float()
        shares = logits.log_softmax(-1)
        scores.append(shares[:, alphabet] - shares.gather(1, ids[places].to(device)[:, None]))
    return torch.cat(scores).cpu()


def answer(scores: Tensor, sequence: str, asked: list[Any] | None = None) -> dict[str, Any]:
    """The scores as an answer: of the mutations that were asked for, or of all, with the likeliest named.

    Raises ValueError for a mutation that does not fit the sequence.
    """
    if asked is not None:
        return {"sequence": sequence, "scores": {str(one): _score(scores, sequence, one) for one in asked}}
    flat = scores.clone()
    flat[torch.arange(len(sequence)), [RESIDUES.index(residue) for residue in sequence]] = -torch.inf
    order = np.argsort(-flat.flatten().numpy(), kind="stable")[: min(SHOWN, 19 * len(sequence))]
    best = []
    for number in order.tolist():
        place, residue = divmod(number, len(RESIDUES))
        name = f"{sequence[place]}{place + 1}{RESIDUES[residue]}"
        best.append({"mutation": name, "score": round(float(flat[place, residue]), 4)})
    # In nats: nothing where one residue is certain, log 20 = 3.0 where all are as likely.
    shares = scores.softmax(1)
    entropy = -(shares * shares.clamp_min(1e-12).log()).sum(1)
    return {
        "sequence": sequence,
        "residues": RESIDUES,
        "scores": [[round(value, 4) for value in row] for row in scores.tolist()],
        "entropy": [round(value, 4) for value in entropy.tolist()],
        "best": best,
    }


def _score(scores: Tensor, sequence: str, asked: Any) -> float:
    """The sum over mutations such as A24G, joined by colons."""
    total = 0.0
    for name in str(asked).split(":"):
        match = MUTATION.fullmatch(name.strip())
        if match is None or match[3] not in RESIDUES:
            raise ValueError(f"“{str(asked)[:40]}” is no mutation; write A24G, and join several by colons")
        place = int(match[2])
        if not 1 <= place <= len(sequence) or sequence[place - 1] != match[1]:
            raise ValueError(f"“{name.strip()[:40]}” does not fit: the sequence has no {match[1]} at place {place}")
        total += float(scores[place - 1, RESIDUES.index(match[3])])
    return round(total, 4)
