"""wav2vec 2.0 with a letter for each 20 ms, `Wav2Vec2ForCTC` of transformers (Baevski et al. 2020).

Or, to learn without letters, with codes of what is heard: `Wav2Vec2ForPreTraining`. Or, with classes, telling what a
whole recording is: `Wav2Vec2ForSequenceClassification`, whose body begins with what either of them has learnt.

Norms lie over channels and not over time, so that what is heard does not depend on how far a recording is padded. One
of elsewhere may have a norm over time behind its first convolution, which then counts what is real alone.
"""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from training.engine.catalogue import CODE_GROUPS, CODES, POSITION_GROUPS, POSITIONS, Shape, Sizes, conv_of
from training.engine.nets.hf import Wrapped, export

__all__ = ["HEAD", "LAYERS", "build", "export"]

HEAD = (
    *("model.lm_head.", "model.quantizer.", "model.project_hid.", "model.project_q."),
    *("model.projector.", "model.classifier."),
)
LAYERS = "layers"
HEARING_SHARE = 0.1  # of its gradient that the convolutions learn from, so that codes do not move under their net


class TimeNorm(nn.GroupNorm):
    """Each channel over the steps that are real, as if the recording stood alone."""

    real: Tensor | None = None  # steps of each row

    def forward(self, x: Tensor) -> Tensor:
        """x: (rows, channels, steps)."""
        if self.real is None:
            return super().forward(x)
        x, real = x.float(), self.real[:, None, None]
        there = torch.arange(x.shape[2], device=x.device) < real
        mean = (x * there).sum(2, keepdim=True) / real
        variance = ((x - mean).square() * there).sum(2, keepdim=True) / real
        found = (x - mean) * (variance + self.eps).rsqrt()
        return found * self.weight[:, None] + self.bias[:, None]


class Hearer(Wrapped):
    """Tells each norm over time what of a recording is real."""

    def __init__(self, model: Any) -> None:
        super().__init__(model, "wav2vec2.encoder")
        norm = model.wav2vec2.feature_extractor.conv_layers[0].layer_norm
        if isinstance(norm, nn.GroupNorm):
            norm.__class__ = TimeNorm

    def forward(self, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """Recordings, and where they are real -> logits."""
        return self.told(self.model, values, mask).logits

    def told(self, model: Any, values: Tensor, mask: Tensor | None, **more: Any) -> Any:
        """What a part of the model answers."""
        first = self.model.wav2vec2.feature_extractor.conv_layers[0]
        if mask is None or not isinstance(first.layer_norm, TimeNorm):
            return model(values, attention_mask=mask, **more)
        first.layer_norm.real = (mask.sum(1) - first.conv.kernel_size[0]) // first.conv.stride[0] + 1
        found = model(values, attention_mask=mask, **more)
        first.layer_norm.real = None
        return found


class Guesser(Hearer):
    """Hears a recording of which stretches are hidden, and tells what is there; what is there it hears by itself."""

    temperature = 2.0  # of the draw of codes while it learns (Jang et al. 2017)

    def forward(self, values: Tensor, mask: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[override]
        """Recordings, where they are real, which steps are hidden (rows, steps) -> (told, there, how codes are shared).

        The first two are (rows, steps, width), the last (rows, steps, groups, codes): how likely each code is while it
        learns, and else which it is.
        """
        found = self.told(self.model.wav2vec2, values, mask, mask_time_indices=hidden)
        quantizer = self.model.quantizer
        groups, codes = quantizer.num_groups, quantizer.num_vars
        scores = quantizer.weight_proj(found.extract_features).unflatten(-1, (groups, codes)).float()
        if self.training:
            shares = scores.softmax(-1)
            chosen = F.gumbel_softmax(scores, tau=self.temperature, hard=True)
        else:
            shares = chosen = F.one_hot(scores.argmax(-1), codes).float()
        books = quantizer.codevectors.view(groups, codes, -1).float()
        there = torch.einsum("btgc,gcd->btgd", chosen, books).flatten(2)
        return self.model.project_hid(found.last_hidden_state), self.model.project_q(there), shares


def _quieten(module: Any, given: Any, found: Tensor) -> Tensor:
    if found.requires_grad:
        found.register_hook(_less)
    return found


def _less(gradient: Tensor) -> Tensor:
    return HEARING_SHARE * gradient


def build(shape: Shape, sizes: Sizes) -> Wrapped:
    """A wav2vec 2.0 with fresh weights from torch's random generator."""
    from transformers.models.wav2vec2.configuration_wav2vec2 import Wav2Vec2Config  # costs seconds
    from transformers.models.wav2vec2.modeling_wav2vec2 import (
        Wav2Vec2ForCTC,
        Wav2Vec2ForPreTraining,
        Wav2Vec2ForSequenceClassification,
    )

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
    if sizes.head == "codes":
        fields |= {
            "apply_spec_augment": True,  # or nothing would be hidden
            "mask_time_prob": 0.65,
            "num_codevector_groups": CODE_GROUPS,
            "num_codevectors_per_group": CODES,
            "codevector_dim": shape.width,
            "proj_codevector_dim": shape.width,
            "feat_quantizer_dropout": 0.0,
        }
        net = Guesser(Wav2Vec2ForPreTraining(Wav2Vec2Config(**fields | sizes.told)))
        net.model.wav2vec2.feature_extractor.register_forward_hook(_quieten)
        return net
    if sizes.classes:
        # Letters there are none, but the config must have room for the one that fills up.
        fields |= {"num_labels": sizes.classes, "classifier_proj_size": shape.width, "vocab_size": 3}
        return Hearer(Wav2Vec2ForSequenceClassification(Wav2Vec2Config(**fields | sizes.told)))
    return Hearer(Wav2Vec2ForCTC(Wav2Vec2Config(**fields | sizes.told)))
