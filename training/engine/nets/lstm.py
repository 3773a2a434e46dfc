"""Embedding, LSTM, softmax: a language model with a tied head, or a classifier over the mean of the states."""

import contextlib
from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from training.engine.catalogue import Shape, Sizes

HEAD = ("head.", "head_bias")
LAYERS = ""  # one unit: it learns whole or not at all


class Memory:
    """The state after what each row has read. There is always room for more."""

    room = None

    def __init__(self, net: "LSTM", rows: int) -> None:
        size = (2, net.shape.layers, rows, net.shape.width)
        self.state = torch.zeros(size, device=net.tokens.weight.device)

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows only."""
        self.state = self.state[:, :, rows]


class LSTM(nn.Module):
    """With `classes` a classifier of whole sequences, without a model of the next token."""

    def __init__(self, shape: Shape, sizes: Sizes) -> None:
        super().__init__()
        self.shape, self.sizes, self.dropout = shape, sizes, shape.dropout or 0.0
        self.tokens = nn.Embedding(sizes.vocab, shape.width)
        inner = self.dropout if shape.layers > 1 else 0.0
        self.lstm = nn.LSTM(shape.width, shape.width, shape.layers, batch_first=True, dropout=inner)
        if sizes.classes:
            self.head = nn.Linear(shape.width, sizes.classes)
        else:
            self.head_bias = nn.Parameter(torch.zeros(sizes.vocab))
        nn.init.normal_(self.tokens.weight, std=0.05)

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """ids, mask: (batch, tokens) -> logits (batch, tokens, vocab), or (batch, classes)."""
        x = F.dropout(self.tokens(ids), self.dropout, self.training)
        # The bf16 LSTM of a CPU needs instructions that many have not.
        with torch.autocast(x.device.type, enabled=False) if x.device.type == "cpu" else contextlib.nullcontext():
            x, _ = self.lstm(x)
        x = F.dropout(x, self.dropout, self.training)
        if not self.sizes.classes:
            return F.linear(x, self.tokens.weight, self.head_bias)
        if mask is None:
            mask = torch.ones_like(ids, dtype=torch.bool)
        weight = mask.unsqueeze(-1).to(x.dtype)
        return self.head((x * weight).sum(1) / weight.sum(1))

    def memory(self, rows: int) -> Memory:
        """Room for what so many rows will read."""
        return Memory(self, rows)

    def begin(self, ids: Tensor, lengths: Sequence[int], memory: Memory, rows: Sequence[int]) -> Tensor:
        """Read the first `lengths` of ids (rows, tokens) into these rows -> logits after the last token of each."""
        packed = nn.utils.rnn.pack_padded_sequence(
            self.tokens(ids), torch.tensor(lengths), batch_first=True, enforce_sorted=False
        )
        with torch.autocast(ids.device.type, enabled=False):
            _, state = self.lstm(packed)
        memory.state[:, :, list(rows)] = torch.stack(state)
        return F.linear(state[0][-1], self.tokens.weight, self.head_bias)

    def go_on(self, ids: Tensor, memory: Memory) -> Tensor:
        """Read one more token of each row (rows, 1) -> logits after it."""
        with torch.autocast(ids.device.type, enabled=False):
            x, state = self.lstm(self.tokens(ids), (memory.state[0].contiguous(), memory.state[1].contiguous()))
        memory.state = torch.stack(state)
        return F.linear(x[:, -1], self.tokens.weight, self.head_bias)


def build(shape: Shape, sizes: Sizes) -> LSTM:
    """An LSTM with fresh weights from torch's random generator."""
    return LSTM(shape, sizes)


def export(net: LSTM) -> tuple[dict[str, Tensor], dict]:
    """Weights and config as they are; transformers has no such class, `training.engine.package.load_net` reads it."""
    config = {
        "architectures": ["LSTM"],
        "model_type": "tandem-lstm",
        "vocab_size": net.sizes.vocab,
        "num_labels": net.sizes.classes,
        "hidden_size": net.shape.width,
        "num_hidden_layers": net.shape.layers,
        "max_position_embeddings": net.shape.context,
        "dropout": net.dropout,
        "pad_token_id": net.sizes.pad,
    }
    return dict(net.state_dict()), config
