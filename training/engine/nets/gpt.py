"""GPT-2 without biases: a plain decoder block trained here, packaged as `GPT2LMHeadModel` with zero biases."""

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from training.engine.catalogue import Shape, Sizes

EPS = 1e-5
HEAD: tuple[str, ...] = ()  # the last matrix is the token table
LAYERS = "blocks"


class Norm(nn.Module):
    """Layer norm with a scale and no shift."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.weight.shape, self.weight, None, EPS)


class Block(nn.Module):
    """Norm, causal attention, norm, perceptron; each with a residual path."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norm1, self.norm2 = Norm(width), Norm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, tokens, width)."""
        batch, tokens, width = x.shape
        qkv = self.qkv(self.norm1(x)).view(batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        # No dropout on attention weights: it would leave the fused kernel, and the residual paths have theirs.
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        mixed = self.out(mixed.transpose(1, 2).reshape(batch, tokens, width))
        x = x + F.dropout(mixed, self.dropout, self.training)
        hidden = self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))
        return x + F.dropout(hidden, self.dropout, self.training)


class GPT(nn.Module):
    """Token and position tables, blocks, last norm, head tied to the token table."""

    def __init__(self, shape: Shape, vocab: int) -> None:
        super().__init__()
        if shape.heads is None or shape.context is None:
            raise ValueError("a GPT needs heads and context")
        self.shape, self.vocab, self.dropout = shape, vocab, shape.dropout or 0.0
        self.tokens = nn.Parameter(torch.empty(vocab, shape.width))
        self.places = nn.Parameter(torch.empty(shape.context, shape.width))
        self.blocks = nn.ModuleList(Block(shape.width, shape.heads, self.dropout) for _ in range(shape.layers))
        self.norm = Norm(shape.width)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                residual = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * shape.layers) if residual else 0.02)

    def forward(self, ids: Tensor) -> Tensor:
        """ids: (batch, tokens) -> logits (batch, tokens, vocab)."""
        x = F.embedding(ids, self.tokens) + self.places[: ids.shape[1]]
        x = F.dropout(x, self.dropout, self.training)
        for block in self.blocks:
            x = block(x)
        return F.linear(self.norm(x), self.tokens)


def build(shape: Shape, sizes: Sizes) -> GPT:
    """A GPT with fresh weights from torch's random generator."""
    return GPT(shape, sizes.vocab)


def export(net: GPT) -> tuple[dict[str, Tensor], dict]:
    """Weights and config of the same net as `GPT2LMHeadModel`; its linear maps are stored transposed."""
    width, state = net.shape.width, net.state_dict()
    tensors = {"transformer.wte.weight": state["tokens"], "transformer.wpe.weight": state["places"]}

    def norm(target: str, source: str) -> None:
        tensors[f"{target}.weight"] = state[f"{source}.weight"]
        tensors[f"{target}.bias"] = torch.zeros(width)

    def linear(target: str, source: str) -> None:
        weight = state[f"{source}.weight"]
        tensors[f"{target}.weight"] = weight.t().contiguous()
        tensors[f"{target}.bias"] = torch.zeros(weight.shape[0])

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
