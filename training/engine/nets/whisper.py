"""Whisper, `WhisperForConditionalGeneration` of transformers (Radford et al. 2022): hears spectra, writes letters."""

from typing import Any

from torch import Tensor

from training.engine.catalogue import WHISPER_BANDS, Shape, Sizes
from training.engine.nets.hf import Wrapped, export
from training.engine.nets.writing import Writer

__all__ = ["HEAD", "LAYERS", "build", "export"]

HEAD = ("model.model.decoder.embed_tokens.",)  # the last matrix is the table of letters
LAYERS = "layers"
START, END = 0, 3


class _Writer(Writer):
    """The two halves, so that a recording is heard once and written down letter by letter."""

    norms_first = True

    def forward(self, values: Tensor, before: Tensor) -> Tensor:  # type: ignore[override]
        """Spectra (recordings, bands, frames), letters (recordings, letters) -> logits of the next letters."""
        return self.model(input_features=values, decoder_input_ids=before, use_cache=False).logits

    def encode(self, values: Tensor) -> Tensor:
        """What is kept of recordings that are heard: (recordings, steps, width)."""
        return self.model.model.encoder(values).last_hidden_state

    def begin(self, ids: Tensor, place: int) -> Tensor:
        decoder = self.model.model.decoder
        return decoder.embed_tokens(ids) + decoder.embed_positions.weight[place]

    def tell(self, x: Tensor) -> Tensor:
        return self.model.proj_out(self.model.model.decoder.layer_norm(x))


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
    return _Writer(WhisperForConditionalGeneration(WhisperConfig(**fields | sizes.told)), "model.encoder")
