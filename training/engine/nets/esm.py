"""ESM-2 of transformers (Lin et al. 2023): an encoder of residues with turned places, for proteins.

Packaged as `EsmForMaskedLM`, `EsmForSequenceClassification` or `EsmForTokenClassification`.
"""

from typing import Any

import torch
from torch import Tensor, nn

from training.engine.catalogue import Shape, Sizes
from training.engine.nets.hf import Wrapped
from training.engine.nets.hf import export as named

__all__ = ["HEAD", "LAYERS", "build", "export"]

HEAD = ("model.lm_head.", "model.classifier.")
LAYERS = "layers"


class Residues(Wrapped):
    """Asked for some places alone, it works out the logits of no others."""

    @property
    def layers(self) -> Any:
        """Its layers from first to last."""
        return self.model.esm.encoder.layer

    def forward(self, values: Tensor, mask: Tensor | None = None, places: Tensor | None = None) -> Tensor:
        """ids, mask: (batch, tokens) -> logits; `places`: positions in the flattened ids -> (places, vocab)."""
        if places is None:
            return super().forward(values, mask)
        hidden = self.model.esm(values, attention_mask=mask).last_hidden_state
        return self.model.lm_head(hidden.flatten(0, 1)[places])


def build(shape: Shape, sizes: Sizes) -> Residues:
    """An ESM with fresh weights from torch's random generator."""
    from transformers.models.esm import modeling_esm as modeling  # costs seconds
    from transformers.models.esm.configuration_esm import EsmConfig

    dropout = shape.dropout or 0.0
    fields: dict[str, Any] = {
        "vocab_size": sizes.vocab,
        "hidden_size": shape.width,
        "intermediate_size": 4 * shape.width,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "max_position_embeddings": shape.context,
        "hidden_dropout_prob": dropout,
        "attention_probs_dropout_prob": 0.0,
        "layer_norm_eps": 1e-5,
        "position_embedding_type": "rotary",
        "emb_layer_norm_before": False,
        "token_dropout": False,  # a hidden residue has a vector of its own, so a text without any reads the same
        "pad_token_id": sizes.pad,
        "mask_token_id": 4,
        "bos_token_id": 2,
        "eos_token_id": 3,
    }
    if sizes.classes:
        fields["num_labels"] = sizes.classes
    answer = "TokenClassification" if sizes.each else "SequenceClassification" if sizes.classes else "MaskedLM"
    model = getattr(modeling, f"EsmFor{answer}")(EsmConfig(**fields | sizes.told))
    model.esm.contact_head = nn.Identity()  # it tells which residues touch; nothing here learns from that
    return Residues(model, "esm.encoder")


def export(net: Residues) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Weights and config under the names that transformers gives them; those of touching residues are zeros."""
    tensors, config = named(net)
    heads = config["num_hidden_layers"] * config["num_attention_heads"]
    tensors["esm.contact_head.regression.weight"] = torch.zeros(1, heads)
    tensors["esm.contact_head.regression.bias"] = torch.zeros(1)
    return tensors, config
