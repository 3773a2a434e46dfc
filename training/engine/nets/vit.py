"""Vision transformer: patches as tokens, packaged as `ViTForImageClassification` or, without classes, as a masked
autoencoder, `ViTMAEForPreTraining`.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from training.engine.catalogue import DECODER_LAYERS, Shape, Sizes
from training.engine.nets.attention import attention

EPS = 1e-12
HEAD = ("classifier.", "shown.", "gap", "decoder", "told.")
LAYERS = "layers"


class Layer(nn.Module):
    """Norm, attention, norm, perceptron; each with a residual path."""

    def __init__(self, width: int, heads: int, dropout: float, eps: float = EPS, middle: int | None = None) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norm1 = nn.LayerNorm(width, eps=eps)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width, eps=eps)
        self.up = nn.Linear(width, middle or 4 * width)
        self.down = nn.Linear(middle or 4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, places, width)."""
        batch, places, width = x.shape
        qkv = self.qkv(self.norm1(x)).view(batch, places, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = attention(q, k, v)
        mixed = self.out(mixed.transpose(1, 2).reshape(batch, places, width))
        x = x + F.dropout(mixed, self.dropout, self.training)
        hidden = self.down(F.gelu(self.up(self.norm2(x))))
        return x + F.dropout(hidden, self.dropout, self.training)


class ViT(nn.Module):
    """Patch projection, class token, positions, layers, norm, classifier over the class token.

    Without `classes` a small decoder in its place, which tells the pixels of patches that were not shown.
    """

    def __init__(self, shape: Shape, sizes: Sizes) -> None:
        super().__init__()
        if shape.heads is None or shape.image is None or shape.patch is None:
            raise ValueError("a vision transformer needs heads, image and patch")
        self.shape, self.sizes, self.dropout = shape, sizes, shape.dropout or 0.0
        width, places = shape.width, (shape.image // shape.patch) ** 2 + 1
        self.first = nn.Parameter(torch.zeros(1, 1, width))
        self.places = nn.Parameter(torch.empty(1, places, width))
        self.patches = nn.Conv2d(sizes.channels, width, shape.patch, shape.patch)
        self.layers = nn.ModuleList(Layer(width, shape.heads, self.dropout) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(width, eps=EPS)
        if sizes.classes:
            self.classifier = nn.Linear(width, sizes.classes)
        else:
            own = sizes.told.get("decoder_hidden_size", width)
            layers = sizes.told.get("decoder_num_hidden_layers", DECODER_LAYERS)
            heads = sizes.told.get("decoder_num_attention_heads", shape.heads)
            self.shown = nn.Linear(width, own)
            self.gap = nn.Parameter(torch.randn(1, 1, own) * 0.02)
            self.decoder_places = nn.Parameter(torch.randn(1, places, own) * 0.02)
            self.decoder = nn.ModuleList(Layer(own, heads, self.dropout) for _ in range(layers))
            self.decoder_norm = nn.LayerNorm(own, eps=EPS)
            self.told = nn.Linear(own, shape.patch**2 * sizes.channels)
        nn.init.trunc_normal_(self.places, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        if not sizes.classes:
            self._begin_wide()

    def _begin_wide(self) -> None:
        """Fresh weights as in He et al. 2022: with small ones a decoder tells means for long before it looks around."""
        for places in (self.places, self.decoder_places):
            nn.init.normal_(places, std=0.5)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
        nn.init.xavier_uniform_(self.patches.weight.view(len(self.patches.weight), -1))

    def forward(self, pixels: Tensor, order: Tensor | None = None, shown: int = 0) -> Tensor:
        """pixels: (batch, channels, side, side) -> logits (batch, classes).

        With `order`, all patches of each image of which the first `shown` are seen: the numbers of all patches in
        their places (batch, patches, numbers).
        """
        x = self.patches(pixels).flatten(2).transpose(1, 2) + self.places[:, 1:]
        if order is not None:
            x = x.gather(1, order[:, :shown, None].expand(-1, -1, x.shape[2]))
        x = torch.cat([(self.first + self.places[:, :1]).expand(x.shape[0], -1, -1), x], 1)
        x = F.dropout(x, self.dropout, self.training)
        for layer in self.layers:
            x = layer(x)
        x = self.norm(x)
        return self.classifier(x[:, 0]) if order is None else self._tell(x, order)

    def _tell(self, x: Tensor, order: Tensor) -> Tensor:
        x = self.shown(x)
        gaps = self.gap.expand(x.shape[0], order.shape[1] + 1 - x.shape[1], -1)
        back = order.argsort(1)[:, :, None].expand(-1, -1, x.shape[2])
        x = torch.cat([x[:, :1], torch.cat([x[:, 1:], gaps], 1).gather(1, back)], 1) + self.decoder_places
        for layer in self.decoder:
            x = layer(x)
        return self.told(self.decoder_norm(x))[:, 1:]


def build(shape: Shape, sizes: Sizes) -> ViT:
    """A vision transformer with fresh weights from torch's random generator."""
    return ViT(shape, sizes)


def export(net: ViT) -> tuple[dict[str, Tensor], dict]:
    """Weights and config of the same net in transformers' format."""
    state = net.state_dict()
    tensors = {"vit.embeddings.cls_token": state["first"], "vit.embeddings.position_embeddings": state["places"]}
    parts = {"norm1": "layernorm_before", "out": "attention.o_proj", "norm2": "layernorm_after"}
    parts |= {"up": "mlp.fc1", "down": "mlp.fc2"}
    for end in ("weight", "bias"):
        tensors[f"vit.embeddings.patch_embeddings.projection.{end}"] = state[f"patches.{end}"]
        tensors[f"vit.layernorm.{end}"] = state[f"norm.{end}"]
        layers = {f"layers.{n}": f"vit.layers.{n}" for n in range(net.shape.layers)}
        if net.sizes.classes:
            tensors[f"classifier.{end}"] = state[f"classifier.{end}"]
        else:
            layers |= {f"decoder.{n}": f"decoder.decoder_layers.{n}" for n in range(len(net.decoder))}
            for ours, theirs in (("shown", "embed"), ("decoder_norm", "norm"), ("told", "pred")):
                tensors[f"decoder.decoder_{theirs}.{end}"] = state[f"{ours}.{end}"]
        for ours, theirs in layers.items():
            for source, target in parts.items():
                tensors[f"{theirs}.{target}.{end}"] = state[f"{ours}.{source}.{end}"]
            for name, part in zip("qkv", state[f"{ours}.qkv.{end}"].chunk(3), strict=True):
                tensors[f"{theirs}.attention.{name}_proj.{end}"] = part.contiguous()
    decodes = {}
    if not net.sizes.classes:
        tensors |= {"decoder.mask_token": state["gap"], "decoder.decoder_pos_embed": state["decoder_places"]}
        width = net.shown.out_features
        decodes = {
            "decoder_hidden_size": width,
            "decoder_num_hidden_layers": len(net.decoder),
            "decoder_num_attention_heads": net.decoder[0].heads,
            "decoder_intermediate_size": 4 * width,
            "mask_ratio": 0.75,
            "norm_pix_loss": False,
        }
    config = {
        "architectures": ["ViTMAEForPreTraining" if decodes else "ViTForImageClassification"],
        "model_type": "vit_mae" if decodes else "vit",
        "num_channels": net.sizes.channels,
        "image_size": net.shape.image,
        "patch_size": net.shape.patch,
        "hidden_size": net.shape.width,
        "num_hidden_layers": net.shape.layers,
        "num_attention_heads": net.shape.heads,
        "intermediate_size": 4 * net.shape.width,
        "hidden_act": "gelu",
        "hidden_dropout_prob": net.dropout,
        "attention_probs_dropout_prob": 0.0,
        "layer_norm_eps": EPS,
        "qkv_bias": True,
    }
    return tensors, config | decodes
