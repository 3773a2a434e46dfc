"""wav2vec 2.0 that tells what a whole recording is, `Wav2Vec2ForSequenceClassification` of transformers.

Body, letters and codes are those of `nets/wav2vec2.py`, so a classifier begins with what was learnt without labels.
"""

import dataclasses

from training.engine.catalogue import Shape, Sizes
from training.engine.nets import wav2vec2
from training.engine.nets.hf import Wrapped, export

__all__ = ["HEAD", "LAYERS", "build", "export"]

HEAD = (*wav2vec2.HEAD, "model.projector.", "model.classifier.")
LAYERS = wav2vec2.LAYERS


def build(shape: Shape, sizes: Sizes) -> Wrapped:
    """As there; with classes, what is heard is projected, averaged over time and told apart."""
    if not sizes.classes:
        return wav2vec2.build(shape, sizes)
    from transformers.models.wav2vec2.modeling_wav2vec2 import Wav2Vec2ForSequenceClassification  # costs seconds

    config = wav2vec2.build(shape, dataclasses.replace(sizes, classes=0, vocab=3)).model.config
    config.num_labels = sizes.classes
    config.classifier_proj_size = shape.width
    return Wrapped(Wav2Vec2ForSequenceClassification(config), "wav2vec2.encoder")
