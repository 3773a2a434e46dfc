"""PatchTST: patches of a series as tokens, packaged as `PatchTSTForPrediction` (Nie et al. 2023).

The series is scaled by its own mean and deviation, and so is what is foretold: the net reads shapes, not heights. One
of elsewhere may have norms over batches, and learnt from several series beside each other, each of which it read alone.
"""

import torch
from torch import Tensor, nn

from training.engine.catalogue import Shape, Sizes
from training.engine.nets.vit import Layer

EPS, LEAST = 1e-5, 1e-5
HEAD = ("head.",)
LAYERS = "layers"


class BatchNorm(nn.BatchNorm1d):
    """Each number of a place over all places and rows."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, places, width)."""
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class PatchTST(nn.Module):
    """Projection of patches, positions, layers with norms in front, one matrix from all places to all steps ahead."""

    def __init__(self, shape: Shape, sizes: Sizes) -> None:
        super().__init__()
        if shape.heads is None or shape.context is None or shape.patch is None or shape.horizon is None:
            raise ValueError("a PatchTST needs heads, context, patch and horizon")
        self.shape, self.sizes, self.dropout = shape, sizes, shape.dropout or 0.0
        width, self.patch, places = shape.width, shape.patch, shape.context // shape.patch
        self.patches = nn.Linear(shape.patch, width)
        self.places = nn.Parameter(torch.randn(places, width) * 0.02)
        self.middle: int = sizes.told.get("ffn_dim", 4 * width)
        layers = (Layer(width, shape.heads, self.dropout, EPS, self.middle) for _ in range(shape.layers))
        self.layers = nn.ModuleList(layers)
        self.batched = sizes.told.get("norm_type") == "batchnorm"
        for layer in self.layers if self.batched else ():
            layer.norm1, layer.norm2 = BatchNorm(width, EPS), BatchNorm(width, EPS)
        self.head = nn.Linear(places * width, shape.horizon)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def forward(self, series: Tensor) -> Tensor:
        """series: (batch, context) -> (batch, horizon), in the unit of the series."""
        mean = series.mean(1, keepdim=True)
        scale = (series.var(1, unbiased=False, keepdim=True) + LEAST).sqrt()
        x = self.patches(((series - mean) / scale).unfold(1, self.patch, self.patch)) + self.places
        for layer in self.layers:
            x = layer(x)
        return self.head(x.flatten(1)) * scale + mean


def build(shape: Shape, sizes: Sizes) -> PatchTST:
    """A PatchTST with fresh weights from torch's random generator."""
    return PatchTST(shape, sizes)


def export(net: PatchTST) -> tuple[dict[str, Tensor], dict]:
    """Weights and config of the same net as `PatchTSTForPrediction`."""
    state = net.state_dict()
    tensors = {"model.encoder.positional_encoder.position_enc": state["places"]}
    parts = {"out": "self_attn.out_proj", "up": "ff.0", "down": "ff.3"}
    norm = ".batchnorm" if net.batched else ""
    norms = {"norm1": f"norm_sublayer1{norm}", "norm2": f"norm_sublayer3{norm}"}
    for n in range(net.shape.layers):
        for name, tensor in net.layers[n].state_dict().items():
            source, _, end = name.partition(".")
            if source in norms:
                tensors[f"model.encoder.layers.{n}.{norms[source]}.{end}"] = tensor
    for end in ("weight", "bias"):
        tensors[f"model.encoder.embedder.input_embedding.{end}"] = state[f"patches.{end}"]
        tensors[f"head.projection.{end}"] = state[f"head.{end}"]
        for n in range(net.shape.layers):
            layer = f"model.encoder.layers.{n}"
            for source, target in parts.items():
                tensors[f"{layer}.{target}.{end}"] = state[f"layers.{n}.{source}.{end}"]
            for name, part in zip("qkv", state[f"layers.{n}.qkv.{end}"].chunk(3), strict=True):
                tensors[f"{layer}.self_attn.{name}_proj.{end}"] = part.contiguous()
    config = {
        "architectures": ["PatchTSTForPrediction"],
        "model_type": "patchtst",
        "num_input_channels": 1,
        "context_length": net.shape.context,
        "prediction_length": net.shape.horizon,
        "patch_length": net.patch,
        "patch_stride": net.patch,
        "d_model": net.shape.width,
        "num_hidden_layers": net.shape.layers,
        "num_attention_heads": net.shape.heads,
        "ffn_dim": net.middle,
        "norm_type": "batchnorm" if net.batched else "layernorm",
        "norm_eps": EPS,
        "pre_norm": True,
        "activation_function": "gelu",
        "positional_encoding_type": "random",
        "scaling": "std",
        "pooling_type": None,
        "loss": "mse",
        "path_dropout": net.dropout,
        "do_mask_input": False,
    }
    return tensors, config
