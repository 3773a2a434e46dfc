"""Whisper, `WhisperForConditionalGeneration` of transformers (Radford et al. 2022): hears spectra, writes letters."""

from typing import Any

import torch
from torch import Tensor

from training.engine.catalogue import WHISPER_BANDS, Shape, Sizes
from training.engine.nets.hf import Wrapped, export

__all__ = ["HEAD", "LAYERS", "build", "export"]

HEAD = ("model.model.decoder.embed_tokens.",)  # the last matrix is the table of letters
LAYERS = "layers"
START, END = 0, 3


class _Writer(Wrapped):
    """The two halves, so that a recording is heard once and written down letter by letter."""

    @property
    def layers(self) -> Any:
        """Of the encoder, then of the decoder."""
        return [*self.model.model.encoder.layers, *self.model.model.decoder.layers]

    def forward(self, values: Tensor, before: Tensor) -> Tensor:  # type: ignore[override]
        """Spectra (recordings, bands, frames), letters (recordings, letters) -> logits of the next letters."""
        return self.model(input_features=values, decoder_input_ids=before, use_cache=False).logits

    def write(self, values: Tensor, most: int) -> Tensor:
        """The likeliest letter, one after another, until all have ended: (recordings, at most `most` letters)."""
        heard = self.model.model.encoder(values)
        last = torch.full((len(values), 1), START, device=values.device)
        ended = torch.zeros(len(values), dtype=torch.bool, device=values.device)
        found, kept = [], None
        for _ in range(most):
            told = self.model(
                encoder_outputs=heard, decoder_input_ids=last, past_key_values=kept, use_cache=True, return_dict=True
            )
            kept = told.past_key_values
            last = told.logits[:, -1:].argmax(-1).masked_fill(ended[:, None], END)
            found.append(last)
            ended = ended | (last[:, 0] == END)
            if ended.all():
                break
        return torch.cat(found, 1)


def build(shape: Shape, sizes: Sizes) -> Wrapped:
    """A Whisper with fresh weights from torch's random generator."""
    from transformers.models.whisper.configuration_whisper import WhisperConfig  # costs seconds
    from transformers.models.whisper.modeling_whisper import WhisperForConditionalGeneration

    fields: dict[str, Any] = {
        "vocab_size": sizes.vocab,
        "num_mel_bins": WHISPER_BANDS,
        "d_model": shape.width,
        "encoder_layers": shape.layers,
        "decoder_layers": shape.layers,
        "encoder_attention_heads": shape.heads,
        "decoder_attention_heads": shape.heads,
        "encoder_ffn_dim": 4 * shape.width,
        "decoder_ffn_dim": 4 * shape.width,
        "max_source_positions": 50 * (shape.seconds or 1),
        "max_target_positions": shape.context,
        "dropout": shape.dropout or 0.0,
        "pad_token_id": START,
        "bos_token_id": START,
        "eos_token_id": END,
        "decoder_start_token_id": START,
        "begin_suppress_tokens": None,
    }
    return _Writer(WhisperForConditionalGeneration(WhisperConfig(**fields)), "model.encoder")
