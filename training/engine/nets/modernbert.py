"""ModernBERT of transformers (Warner et al. 2024): an encoder that tells hidden tokens, or classes.

Packaged as `ModernBertForMaskedLM`, `ModernBertForSequenceClassification` or `ModernBertForTokenClassification`.
"""

from typing import Any

from torch import Tensor

from training.engine.catalogue import Shape, Sizes, gated_of
from training.engine.nets.hf import Wrapped, export

__all__ = ["HEAD", "LAYERS", "build", "export"]

HEAD = ("model.head.", "model.classifier.", "model.decoder.")
LAYERS = "layers"


class _Encoder(Wrapped):
    """Asked for some places alone, it works out the logits of no others."""

    def forward(self, values: Tensor, mask: Tensor | None = None, places: Tensor | None = None) -> Tensor:
        """ids, mask: (batch, tokens) -> logits; `places`: positions in the flattened ids -> (places, vocab)."""
        if places is None:
            return super().forward(values, mask)
        hidden = self.model.model(values, attention_mask=mask).last_hidden_state
        return self.model.decoder(self.model.head(hidden.flatten(0, 1)[places]))


def build(shape: Shape, sizes: Sizes) -> Wrapped:
    """A ModernBERT with fresh weights from torch's random generator."""
    from transformers.models.modernbert import modeling_modernbert as modeling  # costs seconds
    from transformers.models.modernbert.configuration_modernbert import ModernBertConfig

    dropout = shape.dropout or 0.0
    fields: dict[str, Any] = {
        "vocab_size": sizes.vocab,
        "hidden_size": shape.width,
        "intermediate_size": gated_of(shape.width),
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "max_position_embeddings": shape.context,
        "embedding_dropout": dropout,
        "mlp_dropout": dropout,
        "classifier_dropout": dropout,
        "pad_token_id": sizes.pad,
        "bos_token_id": 2,
        "eos_token_id": 3,
        "cls_token_id": 2,
        "sep_token_id": 3,
    }
    if sizes.classes:
        fields["num_labels"] = sizes.classes
    answer = "TokenClassification" if sizes.each else "SequenceClassification" if sizes.classes else "MaskedLM"
    return _Encoder(getattr(modeling, f"ModernBertFor{answer}")(ModernBertConfig(**fields | sizes.told)), "model")
