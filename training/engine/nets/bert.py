"""BERT: a plain encoder that tells classes of the whole, classes of each token, or hidden tokens.

With a head of “vector” it tells the mean of its tokens, at length one. Packaged as `BertForSequenceClassification`,
`BertForTokenClassification`, `BertForQuestionAnswering`, `BertForMaskedLM` or `BertModel`.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from training.engine.catalogue import Shape, Sizes
from training.engine.nets.attention import attention

EPS = 1e-12
HEAD = ("pooler.", "classifier.", "transform.", "transform_norm.", "head_bias")
LAYERS = "layers"


class Layer(nn.Module):
    """Attention and perceptron, each followed by residual sum and norm."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm1 = nn.LayerNorm(width, eps=EPS)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)
        self.norm2 = nn.LayerNorm(width, eps=EPS)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """x: (batch, tokens, width); mask: (batch, 1, 1, tokens), True where a token is."""
        batch, tokens, width = x.shape
        qkv = self.qkv(x).view(batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = attention(q, k, v, mask)
        mixed = self.out(mixed.transpose(1, 2).reshape(batch, tokens, width))
        x = self.norm1(x + F.dropout(mixed, self.dropout, self.training))
        hidden = self.down(F.gelu(self.up(x)))
        return self.norm2(x + F.dropout(hidden, self.dropout, self.training))


class Bert(nn.Module):
    """Token, position and type tables, layers, and a head.

    With `classes` a pooler over the first token and a classifier, or for `each` token a classifier alone; without, a
    guess of the token at each place, whose last matrix is the token table.
    """

    def __init__(self, shape: Shape, sizes: Sizes) -> None:
        super().__init__()
        if shape.heads is None or shape.context is None:
            raise ValueError("a BERT needs heads and context")
        width = shape.width
        self.shape, self.sizes, self.dropout = shape, sizes, shape.dropout or 0.0
        self.tokens = nn.Embedding(sizes.vocab, width, padding_idx=sizes.pad)
        self.places = nn.Embedding(shape.context, width)
        self.kinds = nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width, eps=EPS)
        self.layers = nn.ModuleList(Layer(width, shape.heads, self.dropout) for _ in range(shape.layers))
        if sizes.classes:
            if not sizes.each:
                self.pooler = nn.Linear(width, width)
            self.classifier = nn.Linear(width, sizes.classes)
        elif sizes.head != "vector":
            self.transform = nn.Linear(width, width)
            self.transform_norm = nn.LayerNorm(width, eps=EPS)
            self.head_bias = nn.Parameter(torch.zeros(sizes.vocab))
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)
        with torch.no_grad():
            self.tokens.weight[sizes.pad].zero_()

    def forward(
        self, ids: Tensor, mask: Tensor | None = None, places: Tensor | None = None, kinds: Tensor | None = None
    ) -> Tensor:
        """ids, mask: (batch, tokens) -> logits (batch, classes), (batch, tokens, classes) or (batch, tokens, vocab).

        `places`: positions in the flattened ids; only of these are tokens guessed -> (places, vocab).
        `kinds`: 1 where a token is of the second of two texts.
        """
        x = self.tokens(ids) + self.places.weight[: ids.shape[1]]
        x = x + (self.kinds.weight[0] if kinds is None else self.kinds(kinds))
        x = F.dropout(self.norm(x), self.dropout, self.training)
        wide = None if mask is None else mask[:, None, None, :]
        for layer in self.layers:
            x = layer(x, wide)
        if self.sizes.head == "vector":
            kept = x if mask is None else x * mask[..., None]
            return F.normalize(kept.float().sum(1), dim=-1)
        if not self.sizes.classes:
            if places is not None:
                x = x.flatten(0, 1)[places]
            x = self.transform_norm(F.gelu(self.transform(x)))
            return F.linear(x, self.tokens.weight, self.head_bias)
        pooled = x if self.sizes.each else torch.tanh(self.pooler(x[:, 0]))
        return self.classifier(F.dropout(pooled, self.dropout, self.training))


def build(shape: Shape, sizes: Sizes) -> Bert:
    """A BERT with fresh weights from torch's random generator."""
    return Bert(shape, sizes)


def export(net: Bert) -> tuple[dict[str, Tensor], dict]:
    """Weights and config of the same net in transformers' format."""
    state = net.state_dict()
    answer = ""
    names = {
        "tokens.weight": "bert.embeddings.word_embeddings.weight",
        "places.weight": "bert.embeddings.position_embeddings.weight",
        "kinds.weight": "bert.embeddings.token_type_embeddings.weight",
        "norm": "bert.embeddings.LayerNorm",
    }
    if net.sizes.classes:
        answer = "TokenClassification" if net.sizes.each else "SequenceClassification"
        answer = "QuestionAnswering" if net.sizes.head == "span" else answer
        names |= {"classifier": "qa_outputs" if net.sizes.head == "span" else "classifier"}
        names |= {} if net.sizes.each else {"pooler": "bert.pooler.dense"}
    elif net.sizes.head != "vector":
        answer = "MaskedLM"
        names |= {"transform": "cls.predictions.transform.dense", "head_bias": "cls.predictions.bias"}
        names |= {"transform_norm": "cls.predictions.transform.LayerNorm"}
    parts = {"out": "attention.output.dense", "norm1": "attention.output.LayerNorm", "up": "intermediate.dense"}
    parts |= {"down": "output.dense", "norm2": "output.LayerNorm"}
    tensors: dict[str, Tensor] = {}
    for source, target in names.items():
        if source in state:
            tensors[target] = state[source]
        else:
            for end in ("weight", "bias"):
                tensors[f"{target}.{end}"] = state[f"{source}.{end}"]
    for n in range(net.shape.layers):
        for end in ("weight", "bias"):
            for source, target in parts.items():
                tensors[f"bert.encoder.layer.{n}.{target}.{end}"] = state[f"layers.{n}.{source}.{end}"]
            for name, part in zip(("query", "key", "value"), state[f"layers.{n}.qkv.{end}"].chunk(3), strict=True):
                tensors[f"bert.encoder.layer.{n}.attention.self.{name}.{end}"] = part.contiguous()
    if net.sizes.head == "vector":
        tensors = {name.removeprefix("bert."): tensor for name, tensor in tensors.items()}
    config = {
        "architectures": ["BertModel" if net.sizes.head == "vector" else f"BertFor{answer}"],
        "model_type": "bert",
        "vocab_size": net.sizes.vocab,
        "hidden_size": net.shape.width,
        "num_hidden_layers": net.shape.layers,
        "num_attention_heads": net.shape.heads,
        "intermediate_size": 4 * net.shape.width,
        "hidden_act": "gelu",
        "hidden_dropout_prob": net.dropout,
        "attention_probs_dropout_prob": 0.0,
        "max_position_embeddings": net.shape.context,
        "type_vocab_size": 2,
        "layer_norm_eps": EPS,
        "pad_token_id": net.sizes.pad,
    }
    return tensors, config
