"""U-Net that tells the noise in an image, `UNet2DModel` (Ho et al. 2020): it attends where it is narrow."""

from torch import nn

from training.engine.catalogue import UNET_GROUPS, UNET_WIDTHS, Shape, Sizes
from training.engine.nets.diffusion import give_back

HEAD = ("class_embedding.", "conv_norm_out.", "conv_out.")
LAYERS = ""


def build(shape: Shape, sizes: Sizes) -> nn.Module:
    """A U-Net with fresh weights from torch's random generator; with classes it knows one more, for none of them."""
    from diffusers.models.unets.unet_2d import UNet2DModel  # costs seconds

    plain, last = len(UNET_WIDTHS) - 1, ("AttnDownBlock2D",)
    return UNet2DModel(
        sample_size=shape.image,
        in_channels=sizes.channels,
        out_channels=sizes.channels,
        layers_per_block=shape.layers,
        block_out_channels=tuple(times * shape.width for times in UNET_WIDTHS),
        down_block_types=("DownBlock2D",) * plain + last,
        up_block_types=("AttnUpBlock2D",) + ("UpBlock2D",) * plain,
        norm_num_groups=UNET_GROUPS,
        attention_head_dim=8,
        num_class_embeds=sizes.classes + 1 if sizes.classes else None,
    )


export = give_back
