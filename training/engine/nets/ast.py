"""Audio spectrogram transformer, `ASTForAudioClassification` of transformers (Gong et al. 2021).

Patches do not overlap here, but in one of elsewhere that says so: a fifth of the places, and of the time.
"""

from typing import Any

from training.engine.catalogue import MELS, Shape, Sizes, frames_of
from training.engine.nets.hf import Wrapped, export

__all__ = ["HEAD", "LAYERS", "build", "export"]

HEAD = ("model.classifier.",)
LAYERS = "layers"


def build(shape: Shape, sizes: Sizes) -> Wrapped:
    """An AST with fresh weights from torch's random generator."""
    from transformers.models.audio_spectrogram_transformer import (  # costs seconds, so only where it is used
        configuration_audio_spectrogram_transformer as configuration,
    )
    from transformers.models.audio_spectrogram_transformer import (
        modeling_audio_spectrogram_transformer as modeling,
    )

    dropout = shape.dropout or 0.0
    fields: dict[str, Any] = {
        "hidden_size": shape.width,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "intermediate_size": 4 * shape.width,
        "hidden_dropout_prob": dropout,
        "attention_probs_dropout_prob": 0.0,
        "patch_size": shape.patch,
        "frequency_stride": shape.patch,
        "time_stride": shape.patch,
        "max_length": frames_of(shape.seconds or 1),
        "num_mel_bins": MELS,
        "num_labels": sizes.classes,
    }
    net = modeling.ASTForAudioClassification(configuration.ASTConfig(**fields | sizes.told))
    return Wrapped(net, "audio_spectrogram_transformer")
