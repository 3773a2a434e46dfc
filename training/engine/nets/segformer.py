"""SegFormer: four stages of attention over ever larger patches, and a small decoder over all of them."""

from torch import nn

from training.engine.catalogue import (
    SEGFORMER_DECODER,
    SEGFORMER_HEADS,
    SEGFORMER_PATCHES,
    SEGFORMER_SHRINKS,
    SEGFORMER_STRIDES,
    SEGFORMER_WIDTHS,
    Shape,
    Sizes,
)
from training.engine.nets.borrowed import borrow, give_back

HEAD = ("decode_head.",)
LAYERS = "segformer.stages"


def build(shape: Shape, sizes: Sizes) -> nn.Module:
    """A SegFormer with fresh weights from torch's random generator."""
    fields = {
        "num_channels": sizes.channels,
        "num_labels": sizes.classes,
        "depths": [shape.layers] * 4,
        "hidden_sizes": [times * shape.width for times in SEGFORMER_WIDTHS],
        "num_attention_heads": list(SEGFORMER_HEADS),
        "sr_ratios": list(SEGFORMER_SHRINKS),
        "patch_sizes": list(SEGFORMER_PATCHES),
        "strides": list(SEGFORMER_STRIDES),
        "decoder_hidden_size": SEGFORMER_DECODER * shape.width,
        "hidden_dropout_prob": shape.dropout or 0.0,
        "classifier_dropout_prob": shape.dropout or 0.0,
        "drop_path_rate": 0.0,
    }
    return borrow("segformer", "SegformerForSemanticSegmentation", fields | sizes.told)


export = give_back
