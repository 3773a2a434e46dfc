"""BART, `BartForConditionalGeneration` of transformers (Lewis et al. 2020): reads one text, writes another."""

from typing import Any

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from training.engine.catalogue import Shape, Sizes, places_of
from training.engine.nets.hf import Wrapped, export
from training.engine.nets.writing import Writer

__all__ = ["HEAD", "LAYERS", "build", "export"]

HEAD: tuple[str, ...] = ()  # the last matrix is the token table
LAYERS = "layers"
END = 2


class _Writer(Writer):
    """The two halves, so that a text is read once and written token by token."""

    def encode(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """What is kept of the text that is read: (batch, tokens, width)."""
        return self.model.model.encoder(ids, attention_mask=mask).last_hidden_state

    def decode(self, memory: Tensor, mask: Tensor | None, before: Tensor) -> Tensor:
        """Logits of the next token behind each token of `before`."""
        told = self.model.model.decoder(
            input_ids=before, encoder_hidden_states=memory, encoder_attention_mask=mask, use_cache=False
        )
        return self.tell(told.last_hidden_state)

    def begin(self, ids: Tensor, place: int) -> Tensor:
        decoder = self.model.model.decoder
        places = decoder.embed_positions  # the table begins with two that are none
        return decoder.layernorm_embedding(decoder.embed_tokens(ids) + places.weight[places.offset + place])

    def tell(self, x: Tensor) -> Tensor:
        return F.linear(x, self.model.lm_head.weight) + self.model.final_logits_bias

    def forward(self, ids: Tensor, before: Tensor, mask: Tensor | None = None) -> Tensor:  # type: ignore[override]
        """ids: (batch, tokens), before: (batch, tokens) -> logits of what is to be written."""
        return self.decode(self.encode(ids, mask), mask, before)


def build(shape: Shape, sizes: Sizes) -> Wrapped:
    """A BART with fresh weights from torch's random generator."""
    from transformers.models.bart.configuration_bart import BartConfig  # costs seconds
    from transformers.models.bart.modeling_bart import BartForConditionalGeneration

    fields: dict[str, Any] = {
        "vocab_size": sizes.vocab,
        "d_model": shape.width,
        "encoder_layers": shape.layers,
        "decoder_layers": shape.layers,
        "encoder_attention_heads": shape.heads,
        "decoder_attention_heads": shape.heads,
        "encoder_ffn_dim": 4 * shape.width,
        "decoder_ffn_dim": 4 * shape.width,
        "max_position_embeddings": places_of(shape.context or 8),
        "dropout": shape.dropout or 0.0,
        "pad_token_id": sizes.pad,
        "decoder_start_token_id": sizes.pad,
        "bos_token_id": None,
        "eos_token_id": END,
        "forced_eos_token_id": None,
    }
    return _Writer(BartForConditionalGeneration(BartConfig(**fields | sizes.told)), "model.encoder")
