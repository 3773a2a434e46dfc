"""Vision transformer: patches as tokens, packaged as `ViTForImageClassification`."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from training.engine.catalogue import Shape, Sizes

EPS = 1e-12
HEAD = ("classifier.",)
LAYERS = "layers"


class Layer(nn.Module):
    """Norm, attention, norm, perceptron; each with a residual path."""

    def __init__(self, width: int, heads: int, dropout: float, eps: float = EPS) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norm1 = nn.LayerNorm(width, eps=eps)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width, eps=eps)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, places, width)."""
        batch, places, width = x.shape
        qkv = self.qkv(self.norm1(x)).view(batch, places, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v)
        mixed = self.out(mixed.transpose(1, 2).reshape(batch, places, width))
        x = x + F.dropout(mixed, self.dropout, self.training)
        hidden = self.down(F.gelu(self.up(self.norm2(x))))
        return x + F.dropout(hidden, self.dropout, self.training)


class ViT(nn.Module):
    """Patch projection, class token, positions, layers, norm, classifier over the class token."""

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
        self.classifier = nn.Linear(width, sizes.classes)
        nn.init.trunc_normal_(self.places, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, pixels: Tensor) -> Tensor:
        """pixels: (batch, channels, side, side) -> logits (batch, classes)."""
        x = self.patches(pixels).flatten(2).transpose(1, 2)
        x = torch.cat([self.first.expand(len(x), -1, -1), x], 1) + self.places
        x = F.dropout(x, self.dropout, self.training)
        for layer in self.layers:
            x = layer(x)
        return self.classifier(self.norm(x)[:, 0])


def build(shape: Shape, sizes: Sizes) -> ViT:
    """A vision transformer with fresh weights from torch's random generator."""
    return ViT(shape, sizes)


def export(net: ViT) -> tuple[dict[str, Tensor], dict]:
    """Weights and config of the same net as `ViTForImageClassification`."""
    state = net.state_dict()
    tensors = {"vit.embeddings.cls_token": state["first"], "vit.embeddings.position_embeddings": state["places"]}
    parts = {"norm1": "layernorm_before", "out": "attention.o_proj", "norm2": "layernorm_after"}
    parts |= {"up": "mlp.fc1", "down": "mlp.fc2"}
    for end in ("weight", "bias"):
        tensors[f"vit.embeddings.patch_embeddings.projection.{end}"] = state[f"patches.{end}"]
        tensors[f"vit.layernorm.{end}"] = state[f"norm.{end}"]
        tensors[f"classifier.{end}"] = state[f"classifier.{end}"]
        for n in range(net.shape.layers):
            for source, target in parts.items():
                tensors[f"vit.layers.{n}.{target}.{end}"] = state[f"layers.{n}.{source}.{end}"]
            for name, part in zip("qkv", state[f"layers.{n}.qkv.{end}"].chunk(3), strict=True):
                tensors[f"vit.layers.{n}.attention.{name}_proj.{end}"] = part.contiguous()
    config = {
        "architectures": ["ViTForImageClassification"],
        "model_type": "vit",
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
    return tensors, config
