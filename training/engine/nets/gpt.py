"""GPT-2 without biases: a plain decoder block trained here, packaged as `GPT2LMHeadModel` with zero biases.

One that goes on from a GPT-2 of elsewhere has the biases of that (`Sizes.biased`).
"""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from training.engine.catalogue import Shape, Sizes
from training.engine.nets.attention import attention

EPS = 1e-5
HEAD: tuple[str, ...] = ()  # the last matrix is the token table
LAYERS = "blocks"


class Norm(nn.Module):
    """Layer norm with a scale; no shift unless it is biased."""

    def __init__(self, width: int, biased: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if biased else None

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, EPS)


Attend = Callable[[Tensor, Tensor, Tensor], Tensor]


def _causal(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    # No dropout on attention weights: it would leave the fused kernel, and the residual paths have theirs.
    return attention(q, k, v, causal=True)


class Memory:
    """Keys and values of all tokens that were read, in room for a whole context that is claimed once."""

    def __init__(self, layers: int, rows: int, *, heads: int, width: int, room: int, device: torch.device) -> None:
        self.room = room
        size = (2, rows, heads, room, width // heads)
        # Zeros, because what lies past the end of a row is masked, but must be numbers.
        self.layers = [torch.zeros(size, device=device) for _ in range(layers)]
        self.lengths = [0] * rows

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows only, which are not more than there were."""
        self.lengths = [self.lengths[row] for row in rows.tolist()]
        read = max(self.lengths)
        for n, layer in enumerate(self.layers):
            # In the same room: of that of a long context most may not have been read into, and takes no memory yet.
            layer[:, : len(rows), :, :read] = layer[:, rows, :, :read]
            self.layers[n] = layer[:, : len(rows)]


class Block(nn.Module):
    """Norm, causal attention, norm, perceptron; each with a residual path."""

    def __init__(self, width: int, heads: int, dropout: float, biased: bool = False) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norm1, self.norm2 = Norm(width, biased), Norm(width, biased)
        self.qkv = nn.Linear(width, 3 * width, bias=biased)
        self.out = nn.Linear(width, width, bias=biased)
        self.up = nn.Linear(width, 4 * width, bias=biased)
        self.down = nn.Linear(4 * width, width, bias=biased)

    def forward(self, x: Tensor, attend: Attend = _causal) -> Tensor:
        """x: (batch, tokens, width). `attend` mixes values by queries and keys: (batch, heads, tokens, head width)."""
        batch, tokens, width = x.shape
        qkv = self.qkv(self.norm1(x)).view(batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = self.out(attend(q, k, v).transpose(1, 2).reshape(batch, tokens, width))
        x = x + F.dropout(mixed, self.dropout, self.training)
        hidden = self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))
        return x + F.dropout(hidden, self.dropout, self.training)


class GPT(nn.Module):
    """Token and position tables, blocks, last norm, head tied to the token table."""

    def __init__(self, shape: Shape, vocab: int, biased: bool = False) -> None:
        super().__init__()
        if shape.heads is None or shape.context is None:
            raise ValueError("a GPT needs heads and context")
        self.shape, self.vocab, self.dropout = shape, vocab, shape.dropout or 0.0
        self.tokens = nn.Parameter(torch.empty(vocab, shape.width))
        self.places = nn.Parameter(torch.empty(shape.context, shape.width))
        self.blocks = nn.ModuleList(Block(shape.width, shape.heads, self.dropout, biased) for _ in range(shape.layers))
        self.norm = Norm(shape.width, biased)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                residual = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * shape.layers) if residual else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(weight)

    def forward(self, ids: Tensor) -> Tensor:
        """ids: (batch, tokens) -> logits (batch, tokens, vocab)."""
        x = F.embedding(ids, self.tokens) + self.places[: ids.shape[1]]
        x = F.dropout(x, self.dropout, self.training)
        for block in self.blocks:
            x = block(x)
        return F.linear(self.norm(x), self.tokens)

    def memory(self, rows: int) -> Memory:
        """Room for what so many rows will read."""
        heads, room, device = self.shape.heads or 1, len(self.places), self.places.device
        return Memory(len(self.blocks), rows, heads=heads, width=self.shape.width, room=room, device=device)

    def begin(self, ids: Tensor, lengths: Sequence[int], memory: Memory, rows: Sequence[int]) -> Tensor:
        """Read the first `lengths` of ids (rows, tokens) into these rows -> logits after the last token of each."""
        attend = first_read(memory, rows, ids)
        x = F.embedding(ids, self.tokens) + self.places[: ids.shape[1]]
        for block, layer in zip(self.blocks, memory.layers, strict=True):
            x = block(x, attend(layer))
        for row, length in zip(rows, lengths, strict=True):
            memory.lengths[row] = length
        last = torch.tensor(lengths, device=ids.device) - 1
        return F.linear(self.norm(x[torch.arange(len(x), device=ids.device), last]), self.tokens)

    def go_on(self, ids: Tensor, memory: Memory) -> Tensor:
        """Read one more token of each row (rows, 1) -> logits after it. A full row reads over its last place."""
        places, attend = next_read(memory, ids.device)
        at = self.places[places[0]] if len(set(places)) == 1 else self.places[places].unsqueeze(1)
        x = F.embedding(ids, self.tokens) + at
        for block, layer in zip(self.blocks, memory.layers, strict=True):
            x = block(x, attend(layer))
        memory.lengths = [place + 1 for place in places]
        return F.linear(self.norm(x[:, -1]), self.tokens)


def first_read(memory: Memory, rows: Sequence[int], ids: Tensor) -> Callable[[Tensor], Attend]:
    """Attention of what is read into these rows at first, which keeps keys and values in the layer it is given."""
    tokens = ids.shape[1]
    where = slice(None) if len(rows) == len(memory.lengths) else torch.tensor(rows, device=ids.device)

    def into(layer: Tensor) -> Attend:
        def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            layer[0, where, :, :tokens], layer[1, where, :, :tokens] = k.to(layer.dtype), v.to(layer.dtype)
            # A shorter row is filled up at its end, which no earlier place looks at.
            return _causal(q, k, v)

        return attend

    return into


def next_read(memory: Memory, device: torch.device) -> tuple[list[int], Callable[[Tensor], Attend]]:
    """(place of the next token of each row, attention of it to all that its row has read)."""
    places = [min(length, memory.room - 1) for length in memory.lengths]
    if len(set(places)) == 1:
        return places, _same_place(places[0])
    return places, _own_places(places, max(places) + 1, device)


def _attention(q: Tensor, layer: Tensor, mask: Tensor | None = None) -> Tensor:
    return F.scaled_dot_product_attention(q, layer[0].to(q.dtype), layer[1].to(q.dtype), attn_mask=mask)


def _same_place(place: int) -> Callable[[Tensor], Attend]:
    """Attention of rows of one length: no mask."""

    def into(layer: Tensor) -> Attend:
        def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            layer[0, :, :, place], layer[1, :, :, place] = k[:, :, 0].to(layer.dtype), v[:, :, 0].to(layer.dtype)
            return _attention(q, layer[:, :, :, : place + 1])

        return attend

    return into


def _own_places(places: list[int], longest: int, device: torch.device) -> Callable[[Tensor], Attend]:
    """Attention of rows of several lengths, each up to its own."""
    at = torch.tensor(places, device=device)
    rows = torch.arange(len(places), device=device)
    seen = (torch.arange(longest, device=device) <= at[:, None])[:, None, None, :]

    def into(layer: Tensor) -> Attend:
        def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            layer[0, rows, :, at], layer[1, rows, :, at] = k[:, :, 0].to(layer.dtype), v[:, :, 0].to(layer.dtype)
            return _attention(q, layer[:, :, :, :longest], seen)

        return attend

    return into


def build(shape: Shape, sizes: Sizes) -> GPT:
    """A GPT with fresh weights from torch's random generator."""
    return GPT(shape, sizes.vocab, sizes.biased)


def export(net: GPT) -> tuple[dict[str, Tensor], dict]:
    """Weights and config of the same net as `GPT2LMHeadModel`; its linear maps are stored transposed."""
    width, state = net.shape.width, net.state_dict()
    tensors = {"transformer.wte.weight": state["tokens"], "transformer.wpe.weight": state["places"]}

    def norm(target: str, source: str) -> None:
        tensors[f"{target}.weight"] = state[f"{source}.weight"]
        tensors[f"{target}.bias"] = state.get(f"{source}.bias", torch.zeros(width))

    def linear(target: str, source: str) -> None:
        weight = state[f"{source}.weight"]
        tensors[f"{target}.weight"] = weight.t()
        tensors[f"{target}.bias"] = state.get(f"{source}.bias", torch.zeros(weight.shape[0]))

    for n in range(net.shape.layers):
        norm(f"transformer.h.{n}.ln_1", f"blocks.{n}.norm1")
        norm(f"transformer.h.{n}.ln_2", f"blocks.{n}.norm2")
        linear(f"transformer.h.{n}.attn.c_attn", f"blocks.{n}.qkv")
        linear(f"transformer.h.{n}.attn.c_proj", f"blocks.{n}.out")
        linear(f"transformer.h.{n}.mlp.c_fc", f"blocks.{n}.up")
        linear(f"transformer.h.{n}.mlp.c_proj", f"blocks.{n}.down")
    norm("transformer.ln_f", "norm")
    config = {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "vocab_size": net.vocab,
        "n_positions": net.shape.context,
        "n_embd": width,
        "n_layer": net.shape.layers,
        "n_head": net.shape.heads,
        "activation_function": "gelu_new",
        "resid_pdrop": net.dropout,
        "embd_pdrop": net.dropout,
        "attn_pdrop": 0.0,
        "layer_norm_epsilon": EPS,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "tie_word_embeddings": True,
    }
    return tensors, config
