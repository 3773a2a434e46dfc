"""A vision transformer and a GPT-2 that writes about what the other sees, as `VisionEncoderDecoderModel`."""

from torch import nn

from training.engine.catalogue import Shape, Sizes
from training.engine.nets.borrowed import borrow, give_back
from training.engine.tokenizing import CAPTION_SPECIALS

HEAD = ("decoder.lm_head.",)
LAYERS = "decoder.transformer.h"


def build(shape: Shape, sizes: Sizes) -> nn.Module:
    """Both with fresh weights from torch's random generator."""
    dropout = shape.dropout or 0.0
    start, end = CAPTION_SPECIALS.index("<s>"), CAPTION_SPECIALS.index("</s>")
    encoder = {
        "model_type": "vit",
        "image_size": shape.image,
        "patch_size": shape.patch,
        "num_channels": sizes.channels,
        "hidden_size": shape.width,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "intermediate_size": 4 * shape.width,
        "hidden_dropout_prob": dropout,
    }
    decoder = {
        "model_type": "gpt2",
        "vocab_size": sizes.vocab,
        "n_positions": shape.context,
        "n_embd": shape.width,
        "n_layer": shape.layers,
        "n_head": shape.heads,
        "is_decoder": True,
        "add_cross_attention": True,
        "tie_word_embeddings": False,  # so that every weight has one name
        "bos_token_id": start,
        "eos_token_id": end,
        "pad_token_id": sizes.pad,
        **dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), dropout),
    }
    ends = {"decoder_start_token_id": start, "eos_token_id": end, "pad_token_id": sizes.pad}
    fields = {"encoder": encoder, "decoder": decoder, "tie_word_embeddings": False, **ends}
    return borrow("vision_encoder_decoder", "VisionEncoderDecoderModel", fields)


export = give_back
