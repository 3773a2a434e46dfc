"""T5: an encoder that reads and a decoder that writes, packaged as `T5ForConditionalGeneration`.

Places are told by their distance alone, in 32 buckets that widen with it (Raffel et al. 2020, section 2.1).
"""

import math
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from training.engine.catalogue import BUCKETS, Shape, Sizes
from training.engine.nets.writing import Kept

EPS = 1e-6
FARTHEST = 128
HEAD = ()
LAYERS = "decoder"


class Norm(nn.Module):
    """Scale by the root of the mean square; no shift."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.weight.shape, self.weight, EPS)


class Attention(nn.Module):
    """Queries from one text, keys and values from the same or another."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.kv = nn.Linear(width, width, bias=False), nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        nn.init.normal_(self.q.weight, std=(width * width // heads) ** -0.5)
        for linear in (self.kv, self.out):
            nn.init.normal_(linear.weight, std=width**-0.5)

    def forward(self, x: Tensor, memory: Tensor, bias: Tensor | None) -> Tensor:
        """x: (batch, tokens, width); bias: added to what queries and keys say of each other."""
        batch, tokens, width = x.shape
        k, v = self.both(memory).unbind(0)
        mixed = F.scaled_dot_product_attention(self.asked(x), k, v, attn_mask=bias, scale=1.0)
        return self.out(mixed.transpose(1, 2).reshape(batch, tokens, width))

    def asked(self, x: Tensor) -> Tensor:
        """Queries: (batch, heads, tokens, head width)."""
        return self.q(x).view(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def both(self, memory: Tensor) -> Tensor:
        """Keys and values: (2, batch, heads, tokens, head width)."""
        return self.kv(memory).view(*memory.shape[:2], 2, self.heads, -1).permute(2, 0, 3, 1, 4)


class Layer(nn.Module):
    """Attention to itself, in the decoder attention to the source, and perceptron; each behind a norm."""

    def __init__(self, width: int, heads: int, dropout: float, *, decodes: bool) -> None:
        super().__init__()
        self.dropout = dropout
        self.norm1, self.own = Norm(width), Attention(width, heads)
        if decodes:
            self.norm2, self.other = Norm(width), Attention(width, heads)
        self.norm3 = Norm(width)
        self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)
        nn.init.normal_(self.up.weight, std=width**-0.5)
        nn.init.normal_(self.down.weight, std=(4 * width) ** -0.5)

    def forward(
        self, x: Tensor, bias: Tensor, memory: Tensor | None = None, memory_bias: Tensor | None = None
    ) -> Tensor:
        y = self.norm1(x)
        x = x + self._drop(self.own(y, y, bias))
        if memory is not None:
            x = x + self._drop(self.other(self.norm2(x), memory, memory_bias))
        return x + self._drop(self.down(self._drop(F.relu(self.up(self.norm3(x))))))

    def go_on(self, x: Tensor, n: int, kept: Kept, bias: Tensor) -> Tensor:
        """As `forward`, of one more token of each row, in layer n of those that are kept."""
        y = self.norm1(x)
        k, v = self.own.both(y)
        x = x + self.own.out(kept.written(n, self.own.asked(y), k, v, bias))
        x = x + self.other.out(kept.read(n, self.other.asked(self.norm2(x))))
        return x + self.down(F.relu(self.up(self.norm3(x))))

    def _drop(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)


class T5(nn.Module):
    """One table of tokens for source, target and guess."""

    def __init__(self, shape: Shape, sizes: Sizes) -> None:
        super().__init__()
        if shape.heads is None:
            raise ValueError("a T5 needs heads")
        width, heads = shape.width, shape.heads
        self.shape, self.sizes, self.dropout = shape, sizes, shape.dropout or 0.0
        self.tokens = nn.Embedding(sizes.vocab, width)
        self.near, self.before = nn.Embedding(BUCKETS, heads), nn.Embedding(BUCKETS, heads)
        self.encoder = nn.ModuleList(Layer(width, heads, self.dropout, decodes=False) for _ in range(shape.layers))
        self.decoder = nn.ModuleList(Layer(width, heads, self.dropout, decodes=True) for _ in range(shape.layers))
        self.encoder_norm, self.decoder_norm = Norm(width), Norm(width)
        for table in (self.near, self.before):
            nn.init.normal_(table.weight, std=width**-0.5)

    def forward(self, ids: Tensor, before: Tensor, mask: Tensor | None = None) -> Tensor:
        """ids, mask: (batch, source); before: (batch, target), what stands before each token -> its logits."""
        return self.decode(self.encode(ids, mask), mask, before)

    def encode(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """(batch, source, width); mask is True where a token is."""
        x = self._drop(self.tokens(ids))
        bias = self._distances(self.near, ids.shape[1], both=True)
        if mask is not None:
            bias = bias.masked_fill(~mask[:, None, None, :], float("-inf"))
        for layer in self.encoder:
            x = layer(x, bias)
        return self._drop(self.encoder_norm(x))

    def decode(self, memory: Tensor, mask: Tensor | None, before: Tensor) -> Tensor:
        """Logits (batch, target, vocab)."""
        x, count = self._drop(self.tokens(before)), before.shape[1]
        later = torch.ones(count, count, dtype=torch.bool, device=x.device).triu(1)
        bias = self._distances(self.before, count, both=False).masked_fill(later, float("-inf"))
        wide = None
        if mask is not None:
            wide = torch.zeros(mask.shape, device=x.device).masked_fill(~mask, float("-inf"))[:, None, None, :]
        for layer in self.decoder:
            x = layer(x, bias, memory, wide)
        return self._told(x)

    def remember(self, source: Tensor, mask: Tensor | None = None, *, room: int) -> Kept:
        """What is kept of a source that was read, to write up to `room` tokens from it, the first included."""
        layers: Any = self.decoder
        read = [layer.other.both(source) for layer in layers]
        return Kept(read, mask, room=room, scale=1.0)

    def go_on(self, ids: Tensor, kept: Kept) -> Tensor:
        """Read one more token of each row (rows, 1) -> logits after it."""
        x = self.tokens(ids)
        behind = torch.arange(-kept.length, 1, device=x.device)
        bias = self.before(_bucket(behind, both=False)).t()[None, :, None]
        layers: Any = self.decoder
        for n, layer in enumerate(layers):
            x = layer.go_on(x, n, kept, bias)
        kept.length += 1
        return self._told(x[:, -1])

    def _told(self, x: Tensor) -> Tensor:
        return F.linear(self._drop(self.decoder_norm(x)) * self.shape.width**-0.5, self.tokens.weight)

    def _distances(self, table: nn.Embedding, count: int, *, both: bool) -> Tensor:
        """(1, heads, count, count): what the distance from query to key adds."""
        places = torch.arange(count, device=table.weight.device)
        return table(_bucket(places[None] - places[:, None], both=both)).permute(2, 0, 1)[None]

    def _drop(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)


def _bucket(distance: Tensor, *, both: bool) -> Tensor:
    """Bucket of a key so far behind the query: half of them one distance each, the others by its logarithm."""
    count = BUCKETS // 2 if both else BUCKETS
    side = (distance > 0) * count if both else torch.zeros_like(distance)
    far = distance.abs() if both else (-distance).clamp(min=0)
    exact = count // 2
    log = exact + ((far.clamp(min=1) / exact).log() / math.log(FARTHEST / exact) * (count - exact)).long()
    return side + torch.where(far < exact, far, log.clamp(max=count - 1))


def build(shape: Shape, sizes: Sizes) -> T5:
    """A T5 with fresh weights from torch's random generator."""
    return T5(shape, sizes)


def export(net: T5) -> tuple[dict[str, Tensor], dict]:
    """Weights and config of the same net as `T5ForConditionalGeneration`."""
    state = net.state_dict()
    tensors = {"shared.weight": state["tokens.weight"]}
    for part, table in (("encoder", "near"), ("decoder", "before")):
        bias = f"{part}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
        tensors[bias] = state[f"{table}.weight"]
        tensors[f"{part}.final_layer_norm.weight"] = state[f"{part}_norm.weight"]
        attentions = {"norm1": ("own", "SelfAttention")}
        if part == "decoder":
            attentions["norm2"] = ("other", "EncDecAttention")
        for n in range(net.shape.layers):
            source, target = f"{part}.{n}", f"{part}.block.{n}.layer"
            for at, (norm, (ours, theirs)) in enumerate(attentions.items()):
                tensors[f"{target}.{at}.layer_norm.weight"] = state[f"{source}.{norm}.weight"]
                k, v = state[f"{source}.{ours}.kv.weight"].chunk(2)
                own = {
                    "q": state[f"{source}.{ours}.q.weight"],
                    "k": k,
                    "v": v,
                    "o": state[f"{source}.{ours}.out.weight"],
                }
                for name, tensor in own.items():
                    tensors[f"{target}.{at}.{theirs}.{name}.weight"] = tensor.contiguous()
            last = f"{target}.{len(attentions)}"
            tensors[f"{last}.layer_norm.weight"] = state[f"{source}.norm3.weight"]
            tensors[f"{last}.DenseReluDense.wi.weight"] = state[f"{source}.up.weight"]
            tensors[f"{last}.DenseReluDense.wo.weight"] = state[f"{source}.down.weight"]
    config = {
        "architectures": ["T5ForConditionalGeneration"],
        "model_type": "t5",
        "vocab_size": net.sizes.vocab,
        "d_model": net.shape.width,
        "d_kv": net.shape.width // (net.shape.heads or 1),
        "d_ff": 4 * net.shape.width,
        "num_layers": net.shape.layers,
        "num_decoder_layers": net.shape.layers,
        "num_heads": net.shape.heads,
        "relative_attention_num_buckets": BUCKETS,
        "relative_attention_max_distance": FARTHEST,
        "dropout_rate": net.dropout,
        "layer_norm_epsilon": EPS,
        "feed_forward_proj": "relu",
        "tie_word_embeddings": True,
        "is_encoder_decoder": True,
        "n_positions": net.shape.context,
        "pad_token_id": net.sizes.pad,
        "decoder_start_token_id": net.sizes.pad,
    }
    return tensors, config
