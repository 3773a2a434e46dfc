"""SpeechT5 of `nets/speecht5.py` with several voices: 16 numbers of each text say who reads it aloud."""

from typing import Any

import torch
from torch import Tensor

from training.engine.catalogue import Shape, Sizes
from training.engine.nets import speecht5
from training.engine.nets.hf import Wrapped, export

__all__ = ["HEAD", "LAYERS", "Voiced", "build", "export"]

HEAD, LAYERS = speecht5.HEAD, speecht5.LAYERS


class Voiced(speecht5._Speaker):
    """As there; `voice`, (texts, 16), is set before texts are read. Without it there is one voice."""

    voice: Tensor | None = None

    def _voice(self, like: Tensor) -> Tensor:
        return super()._voice(like) if self.voice is None else self.voice.to(like.device, torch.float32)


def build(shape: Shape, sizes: Sizes) -> Wrapped:
    """A SpeechT5 with fresh weights from torch's random generator."""
    net: Any = speecht5.build(shape, sizes)
    net.__class__ = Voiced
    return net
