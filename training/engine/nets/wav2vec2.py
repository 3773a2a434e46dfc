"""wav2vec 2.0 with a letter for each 20 ms, `Wav2Vec2ForCTC` of transformers (Baevski et al. 2020).

Norms lie over channels and not over time, so that what is heard does not depend on how far a recording is padded.
"""

from typing import Any

from training.engine.catalogue import POSITION_GROUPS, POSITIONS, Shape, Sizes, conv_of
from training.engine.nets.hf import Wrapped, export

__all__ = ["HEAD", "LAYERS", "build", "export"]

HEAD = ("model.lm_head.",)
LAYERS = "layers"


def build(shape: Shape, sizes: Sizes) -> Wrapped:
    """A wav2vec 2.0 with fresh weights from torch's random generator."""
    from transformers.models.wav2vec2.configuration_wav2vec2 import Wav2Vec2Config  # costs seconds
    from transformers.models.wav2vec2.modeling_wav2vec2 import Wav2Vec2ForCTC

    dropout = shape.dropout or 0.0
    fields: dict[str, Any] = {
        "vocab_size": sizes.vocab,
        "hidden_size": shape.width,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "intermediate_size": 4 * shape.width,
        "hidden_dropout": dropout,
        "activation_dropout": 0.0,
        "attention_dropout": 0.0,
        "feat_proj_dropout": 0.0,
        "final_dropout": 0.0,
        "layerdrop": 0.0,  # layers would be dropped by another generator than torch's
        "conv_dim": (conv_of(shape.width),) * 7,
        "conv_bias": True,
        "feat_extract_norm": "layer",
        "do_stable_layer_norm": True,
        "num_conv_pos_embeddings": POSITIONS,
        "num_conv_pos_embedding_groups": POSITION_GROUPS,
        "apply_spec_augment": False,
        "mask_time_prob": 0.0,
        "mask_feature_prob": 0.0,
        "ctc_zero_infinity": True,
        "pad_token_id": 0,
        "bos_token_id": None,
        "eos_token_id": None,
    }
    return Wrapped(Wav2Vec2ForCTC(Wav2Vec2Config(**fields)), "wav2vec2.encoder")
