"""ConvNeXt V2: four stages of wide convolutions, each followed by a perceptron over the channels."""

from torch import nn

from training.engine.catalogue import Shape, Sizes, convnext_blocks
from training.engine.nets.borrowed import borrow, give_back

HEAD = ("classifier.",)
LAYERS = "convnextv2.encoder.stages"


def build(shape: Shape, sizes: Sizes) -> nn.Module:
    """A ConvNeXt V2 with fresh weights from torch's random generator."""
    fields = {
        "num_channels": sizes.channels,
        "num_labels": sizes.classes,
        "patch_size": shape.patch,
        "depths": list(convnext_blocks(shape)),
        "hidden_sizes": [shape.width * 2**stage for stage in range(4)],
        "image_size": shape.image,
        "drop_path_rate": 0.0,
    }
    return borrow("convnextv2", "ConvNextV2ForImageClassification", fields | sizes.told)


export = give_back
