"""ResNet with basic blocks in three stages, named as `ResNetForImageClassification` names its parts."""

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
    """Two convolutions beside a shortcut, which is a convolution where the size changes."""

    def __init__(self, source: int, target: int, stride: int = 1) -> None:
        super().__init__()
        same = source == target and stride == 1
        self.shortcut = nn.Identity() if same else Conv(source, target, 1, stride)
        self.layer = nn.ModuleList([Conv(source, target, 3, stride), Conv(target, target)])

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.layer[1](F.relu(self.layer[0](x))) + self.shortcut(x))


class ResNet(nn.Module):
    """Stem that quarters the side, three stages that halve it in turn, mean over places, classifier."""

    def __init__(self, shape: Shape, sizes: Sizes) -> None:
        super().__init__()
        self.shape, self.sizes = shape, sizes
        width = shape.width
        self.stem = Conv(sizes.channels, width, 7, 2)
        widths = [width, width, 2 * width, 4 * width]
        self.stages = nn.ModuleList()
        for stage in range(3):
            first = Block(widths[stage], widths[stage + 1], 1 if stage == 0 else 2)
            rest = [Block(widths[stage + 1], widths[stage + 1]) for _ in range(shape.layers - 1)]
            self.stages.append(nn.Sequential(first, *rest))
        self.classifier = nn.Linear(widths[-1], sizes.classes)
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
    width, depth = net.shape.width, net.shape.layers
    config = {
        "architectures": ["ResNetForImageClassification"],
        "model_type": "resnet",
        "num_channels": net.sizes.channels,
        "embedding_size": width,
        "hidden_sizes": [width, 2 * width, 4 * width],
        "depths": [depth] * 3,
        "layer_type": "basic",
        "hidden_act": "relu",
        "downsample_in_first_stage": False,
    }
    return tensors, config
