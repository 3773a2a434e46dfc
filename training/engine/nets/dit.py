"""Diffusion transformer that tells the noise in an image, `DiTTransformer2DModel` (Peebles and Xie 2023)."""

from torch import nn

from training.engine.catalogue import Shape, Sizes
from training.engine.nets.diffusion import give_back

MOST_LAYERS = 96
HEAD = ("proj_out_", *(f"transformer_blocks.{n}.norm1.emb.class_embedder." for n in range(MOST_LAYERS)))
LAYERS = "transformer_blocks"


def build(shape: Shape, sizes: Sizes) -> nn.Module:
    """A DiT whose blocks begin by passing on what they read (adaLN-Zero); it knows one more class, for none of them."""
    from diffusers.models.transformers.dit_transformer_2d import DiTTransformer2DModel  # costs seconds

    heads = shape.heads or 1
    net = DiTTransformer2DModel(
        num_attention_heads=heads,
        attention_head_dim=shape.width // heads,
        in_channels=sizes.channels,
        out_channels=sizes.channels,
        num_layers=shape.layers,
        dropout=shape.dropout or 0.0,
        sample_size=shape.image,
        patch_size=shape.patch,
        num_embeds_ada_norm=max(1, sizes.classes),
    )
    for block in net.transformer_blocks:
        nn.init.zeros_(block.norm1.linear.weight)
        nn.init.zeros_(block.norm1.linear.bias)
        block.norm1.emb.class_embedder.dropout_prob = 0.0  # the task leaves labels out, for all blocks alike
    for last in (net.proj_out_1, net.proj_out_2):
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
    return net


export = give_back
