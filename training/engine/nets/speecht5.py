"""SpeechT5 that reads a text aloud, `SpeechT5ForTextToSpeech` (Ao et al. 2022): two frames at a time."""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from training.engine.catalogue import (
    SPEECH_BANDS,
    SPEECH_FAR,
    SPEECH_LETTERS,
    SPEECH_TOGETHER,
    SPEECH_VOICE,
    Shape,
    Sizes,
    speech_steps,
    speech_units,
)
from training.engine.nets.hf import Wrapped, export

__all__ = ["HEAD", "LAYERS", "build", "export"]

HEAD = ("model.speecht5.encoder.prenet.embed_tokens.",)  # the letters that it knows
LAYERS = "layers"
END = 3
GUIDED = 2  # heads of each layer that are shown where in a text they ought to be
FORGET = 0.5  # of what was said before, while learning, or the text would not be listened to (Shen et al. 2018)


class Speaker(Wrapped):
    """The two halves, so that a text is read once and said frame by frame.

    `voice`, SPEECH_VOICE numbers for each text, is set before texts are read; without it there is one voice.
    """

    voice: Tensor | None = None

    @property
    def layers(self) -> Any:
        """Of the encoder, then of the decoder."""
        speech = self.model.speecht5
        return [*speech.encoder.wrapped_encoder.layers, *speech.decoder.wrapped_decoder.layers]

    def _voice(self, like: Tensor) -> Tensor:
        width = self.model.config.speaker_embedding_dim  # one of elsewhere has room for more
        if self.voice is not None:
            voice = self.voice.to(like.device, torch.float32)
            return F.pad(voice, (0, width - voice.shape[1]))
        return torch.zeros(len(like), width, device=like.device)

    def forward(  # type: ignore[override]
        self, ids: Tensor, mask: Tensor, before: Tensor, there: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """Letters, what was said before each step and which steps are real -> spectra, mended ones, ends, attention.

        Spectra are (texts, frames, bands), ends are logits (texts, frames), SPEECH_TOGETHER frames for each step of
        `before`. While it learns, the last is what each step attends to, (texts, heads, steps, letters).
        """
        told = self.model.speecht5(
            input_values=ids,
            attention_mask=mask,
            decoder_input_values=before,
            decoder_attention_mask=there,
            speaker_embeddings=self._voice(ids),
            use_cache=False,
            output_attentions=self.training,
            return_dict=True,
        )
        attention = torch.cat([each[:, :GUIDED] for each in told.cross_attentions], 1) if self.training else None
        return *self.model.speech_decoder_postnet(told.last_hidden_state), attention

    def say(self, ids: Tensor, mask: Tensor, most: int) -> list[Tensor]:
        """The spectra (frames, bands) of each text, step by step until it has ended, or `most` steps are said."""
        speech, post = self.model.speecht5, self.model.speech_decoder_postnet
        memory = speech.encoder(input_values=ids, attention_mask=mask, return_dict=True).last_hidden_state
        before = torch.zeros(len(ids), 1, SPEECH_BANDS, device=ids.device)
        ends = torch.full((len(ids),), most, device=ids.device)
        said, kept = [], None
        for step in range(most):
            told = speech.decoder.wrapped_decoder(
                hidden_states=speech.decoder.prenet(before, self._voice(ids))[:, -1:],
                encoder_hidden_states=memory,
                encoder_attention_mask=mask,
                past_key_values=kept,
                use_cache=True,
                return_dict=True,
            )
            kept, last = told.past_key_values, told.last_hidden_state[:, 0]
            said.append(post.feat_out(last).unflatten(1, (SPEECH_TOGETHER, SPEECH_BANDS)))
            before = torch.cat([before, said[-1][:, -1:]], 1)
            ended = post.prob_out(last).sigmoid().sum(1) >= 0.5
            ends = torch.where(ended & (ends == most), step + 1, ends)
            if (ends <= step + 1).all():
                break
        found = torch.cat(said, 1)
        return [post.postnet(row[None, : SPEECH_TOGETHER * int(end)])[0] for row, end in zip(found, ends, strict=True)]


def build(shape: Shape, sizes: Sizes) -> Wrapped:
    """A SpeechT5 with fresh weights from torch's random generator."""
    from transformers.models.speecht5 import modeling_speecht5 as modeling  # costs seconds
    from transformers.models.speecht5.configuration_speecht5 import SpeechT5Config

    class Prenet(modeling.SpeechT5SpeechDecoderPrenet):
        """As there, but what is said does not hang on chance once it has learnt."""

        def _consistent_dropout(self, inputs_embeds: Tensor, p: float) -> Tensor:
            return F.dropout(inputs_embeds, p, self.training)

    dropout = shape.dropout or 0.0
    fields: dict[str, Any] = {
        "vocab_size": sizes.vocab,
        "hidden_size": shape.width,
        "encoder_layers": shape.layers,
        "decoder_layers": shape.layers,
        "encoder_attention_heads": shape.heads,
        "decoder_attention_heads": shape.heads,
        "encoder_ffn_dim": 4 * shape.width,
        "decoder_ffn_dim": 4 * shape.width,
        "encoder_layerdrop": 0.0,  # layers would be dropped by another generator than torch's
        "decoder_layerdrop": 0.0,
        "positional_dropout": dropout,
        "hidden_dropout": dropout,
        "attention_dropout": 0.0,
        "activation_dropout": 0.0,
        "num_mel_bins": SPEECH_BANDS,
        "reduction_factor": SPEECH_TOGETHER,
        "speech_decoder_prenet_units": speech_units(shape),
        "speech_decoder_prenet_dropout": FORGET,
        "speech_decoder_postnet_units": speech_units(shape),
        "speech_decoder_postnet_dropout": dropout,
        "speaker_embedding_dim": SPEECH_VOICE,
        "max_speech_positions": speech_steps(shape) + 1,
        "max_text_positions": SPEECH_LETTERS,
        "encoder_max_relative_position": SPEECH_FAR,
        "use_guided_attention_loss": False,
        "pad_token_id": 0,
        "bos_token_id": None,
        "eos_token_id": END,
        "decoder_start_token_id": END,
    }
    net = Speaker(
        modeling.SpeechT5ForTextToSpeech(SpeechT5Config(**fields | sizes.told)), "speecht5.encoder.wrapped_encoder"
    )
    net.model.speecht5.decoder.prenet.__class__ = Prenet
    # As strong as the waves that tell their places, or it would take long until letters are told apart.
    letters = net.model.speecht5.encoder.prenet.embed_tokens
    torch.nn.init.normal_(letters.weight)
    with torch.no_grad():
        letters.weight[0] = 0
    return net
