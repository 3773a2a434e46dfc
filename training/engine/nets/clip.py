"""CLIP: a transformer for images beside one for texts, whose answers point the same way where they belong together."""

from torch import nn

from training.engine.catalogue import Shape, Sizes
from training.engine.nets.borrowed import borrow, give_back
from training.engine.tokenizing import CAPTION_SPECIALS

HEAD = ("visual_projection.", "text_projection.", "logit_scale")
LAYERS = ""  # two stacks of layers: they learn whole or not at all


def build(shape: Shape, sizes: Sizes) -> nn.Module:
    """A CLIP with fresh weights from torch's random generator."""
    both = {
        "hidden_size": shape.width,
        "intermediate_size": 4 * shape.width,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "attention_dropout": shape.dropout or 0.0,
        "projection_dim": shape.width,
    }
    text = {
        "vocab_size": sizes.vocab,
        "max_position_embeddings": shape.context,
        "pad_token_id": sizes.pad,
        "bos_token_id": CAPTION_SPECIALS.index("<s>"),
        "eos_token_id": CAPTION_SPECIALS.index("</s>"),
    }
    image = {"image_size": shape.image, "patch_size": shape.patch, "num_channels": sizes.channels}
    parts = {"text_config": both | text, "vision_config": both | image}
    for name, value in sizes.told.items():  # the halves of one of elsewhere need not be alike
        part, _, field = name.partition(".")
        parts[part][field] = value
    return borrow("clip", "CLIPModel", parts | {"projection_dim": shape.width})


export = give_back
