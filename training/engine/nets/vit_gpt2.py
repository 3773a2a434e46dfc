"""A vision transformer and a GPT-2 that writes about what the other sees, as `VisionEncoderDecoderModel`."""

from typing import Any

import torch
from torch import Tensor, nn

from training.engine.catalogue import Shape, Sizes
from training.engine.nets.borrowed import borrow, give_back
from training.engine.nets.writing import Kept, heads_of
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


def remember(net: Any, seen: Tensor, *, room: int) -> Kept:
    """What is kept of images that were seen (images, patches, width), to write up to `room` tokens about them."""
    parts = [block.crossattention for block in net.decoder.transformer.h]
    read = [torch.stack([heads_of(x, mix.num_heads) for x in mix.c_attn(seen).chunk(2, -1)]) for mix in parts]
    return Kept(read, None, room=room)


def go_on(net: Any, ids: Tensor, kept: Kept) -> Tensor:
    """Read one more token of each row (rows, 1) -> logits after it."""
    body = net.decoder.transformer
    x = body.wte(ids) + body.wpe.weight[kept.length]
    for n, block in enumerate(body.h):
        own, other = block.attn, block.crossattention
        told = (heads_of(part, own.num_heads) for part in own.c_attn(block.ln_1(x)).chunk(3, -1))
        x = x + own.c_proj(kept.written(n, *told))
        x = x + other.c_proj(kept.read(n, heads_of(other.q_attn(block.ln_cross_attn(x)), other.num_heads)))
        x = x + block.mlp(block.ln_2(x))
    kept.length += 1
    return net.decoder.lm_head(body.ln_f(x[:, -1]))


export = give_back
