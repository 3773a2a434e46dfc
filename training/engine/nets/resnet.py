"""ResNet with basic blocks in three stages, named as `ResNetForImageClassification` names its parts.

One of elsewhere may have other stages, and bottlenecks.
"""

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from training.engine.catalogue import Shape, Sizes

HEAD = ("classifier.",)
LAYERS = "stages"


class Norm(nn.BatchNorm2d):
    """Batch norm. Of a single value of each channel, which has no deviation, by the running numbers, as in use."""

    def forward(self, input: Tensor) -> Tensor:
        if self.training and input.numel() == input.shape[1]:
            return F.batch_norm(input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        return super().forward(input)


class Conv(nn.Module):
    """Convolution and batch norm."""

    def __init__(self, source: int, target: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(source, target, kernel, stride, kernel // 2, bias=False)
        self.normalization = Norm(target)

    def forward(self, x: Tensor) -> Tensor:
        return self.normalization(self.convolution(x))


class Block(nn.Module):
    """Two convolutions beside a shortcut, which is a convolution where the size changes.

    With `narrow` channels between: one convolution of so many, and one of single places before and behind it.
    """

    def __init__(self, source: int, target: int, stride: int = 1, narrow: int | None = None) -> None:
        super().__init__()
        same = source == target and stride == 1
        self.shortcut = nn.Identity() if same else Conv(source, target, 1, stride)
        if narrow is None:
            layers = [Conv(source, target, 3, stride), Conv(target, target)]
        else:
            layers = [Conv(source, narrow, 1), Conv(narrow, narrow, 3, stride), Conv(narrow, target, 1)]
        self.layer = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        *before, last = self.layer
        found = x
        for layer in before:
            found = F.relu(layer(found))
        return F.relu(last(found) + self.shortcut(x))


class ResNet(nn.Module):
    """Stem that quarters the side, stages that halve it in turn, mean over places, classifier."""

    def __init__(self, shape: Shape, sizes: Sizes) -> None:
        super().__init__()
        self.shape, self.sizes = shape, sizes
        width = shape.width
        self.stem = Conv(sizes.channels, width, 7, 2)
        self.widths = sizes.told.get("hidden_sizes", [width, 2 * width, 4 * width])
        self.depths = sizes.told.get("depths", [shape.layers] * 3)
        self.kind = sizes.told.get("layer_type", "basic")
        self.stages = nn.ModuleList()
        for stage, (source, target, depth) in enumerate(
            zip([width, *self.widths[:-1]], self.widths, self.depths, strict=True)
        ):
            narrow = target // 4 if self.kind == "bottleneck" else None
            first = Block(source, target, 1 if stage == 0 else 2, narrow)
            self.stages.append(nn.Sequential(first, *(Block(target, target, 1, narrow) for _ in range(depth - 1))))
        self.classifier = nn.Linear(self.widths[-1], sizes.classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, pixels: Tensor) -> Tensor:
        """pixels: (batch, channels, side, side) -> logits (batch, classes)."""
        x = F.max_pool2d(F.relu(self.stem(pixels)), 3, 2, 1)
        for stage in self.stages:
            x = stage(x)
        return self.classifier(x.mean((2, 3)))


def build(shape: Shape, sizes: Sizes) -> ResNet:
    """A ResNet with fresh weights from torch's random generator."""
    return ResNet(shape, sizes)


def export(net: ResNet) -> tuple[dict[str, Tensor], dict]:
    """Weights and config of the same net as `ResNetForImageClassification`."""
    tensors = {}
    for name, tensor in net.state_dict().items():
        part, _, rest = name.partition(".")
        if part == "stem":
            target = f"resnet.embedder.embedder.{rest}"
        elif part == "stages":
            stage, _, rest = rest.partition(".")
            target = f"resnet.encoder.stages.{stage}.layers.{rest}"
        else:
            target = f"classifier.1.{rest}"
        tensors[target] = tensor
    config = {
        "architectures": ["ResNetForImageClassification"],
        "model_type": "resnet",
        "num_channels": net.sizes.channels,
        "embedding_size": net.shape.width,
        "hidden_sizes": net.widths,
        "depths": net.depths,
        "layer_type": net.kind,
        "hidden_act": "relu",
        "downsample_in_first_stage": False,
    }
    return tensors, config
