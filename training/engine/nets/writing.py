"""What a net that has read a source keeps while it writes from it, so that nothing is computed twice.

Such a net has `remember(source, mask, room)` and `go_on(ids, kept)`; its texts begin together and grow side by side.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from training.engine.nets.hf import Wrapped


class Kept:
    """Keys and values of the source, computed once, and of what is written, in room that is claimed once.

    Those of the source are given for each layer: (2, rows, heads, source, head width).
    """

    def __init__(self, source: list[Tensor], mask: Tensor | None, *, room: int, scale: float | None = None) -> None:
        self.source, self.room, self.scale = source, room, scale
        self.seen = None if mask is None else mask[:, None, None, :].bool()
        _, rows, heads, _, width = source[0].shape
        self.own = [one.new_zeros(2, rows, heads, room, width) for one in source]
        self.length = 0

    @property
    def rows(self) -> int:
        return self.source[0].shape[1]

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows only, which are not more than there were."""
        for n, layer in enumerate(self.source):
            self.source[n] = layer[:, rows]
        for n, layer in enumerate(self.own):
            # In the same room: of that of a long text most has not been written to, and takes no memory yet.
            layer[:, : len(rows), :, : self.length] = layer[:, rows, :, : self.length]
            self.own[n] = layer[:, : len(rows)]
        self.seen = None if self.seen is None else self.seen[rows]

    def written(self, layer: int, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None) -> Tensor:
        """Attention of one more token (rows, heads, 1, head width) to all that its row has written, and itself."""
        own, end = self.own[layer], self.length + 1
        own[0, :, :, self.length], own[1, :, :, self.length] = k[:, :, 0].to(own.dtype), v[:, :, 0].to(own.dtype)
        return self._mixed(q, own[:, :, :, :end], bias)

    def read(self, layer: int, q: Tensor) -> Tensor:
        """Attention of one more token to the source."""
        return self._mixed(q, self.source[layer], self.seen)

    def _mixed(self, q: Tensor, both: Tensor, mask: Tensor | None) -> Tensor:
        k, v = both.to(q.dtype)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=self.scale)
        return mixed.transpose(1, 2).flatten(2)


def heads_of(x: Tensor, heads: int) -> Tensor:
    """(rows, tokens, width) -> (rows, heads, tokens, head width)."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


class Writer(Wrapped):
    """A model of transformers with halves of BART's make: a source is read once, a text written token by token."""

    norms_first = False  # or after each part of a layer

    @property
    def layers(self) -> Any:
        """Of the encoder, then of the decoder."""
        return [*self.model.model.encoder.layers, *self.model.model.decoder.layers]

    def remember(self, source: Tensor, mask: Tensor | None = None, *, room: int) -> Kept:
        """What is kept of a source that was read, to write up to `room` tokens from it, the first included."""
        parts = [layer.encoder_attn for layer in self.model.model.decoder.layers]
        read = [
            torch.stack([heads_of(mix.k_proj(source), mix.num_heads), heads_of(mix.v_proj(source), mix.num_heads)])
            for mix in parts
        ]
        return Kept(read, mask, room=room)

    def go_on(self, ids: Tensor, kept: Kept) -> Tensor:
        """Read one more token of each row (rows, 1) -> logits after it."""
        x = self.begin(ids, kept.length)
        for n, layer in enumerate(self.model.model.decoder.layers):
            x = self._part(x, layer.self_attn_layer_norm, self._written(layer.self_attn, n, kept))
            x = self._part(x, layer.encoder_attn_layer_norm, self._read(layer.encoder_attn, n, kept))
            x = self._part(x, layer.final_layer_norm, self._thought(layer))
        kept.length += 1
        return self.tell(x[:, -1])

    def begin(self, ids: Tensor, place: int) -> Tensor:
        """What goes into the layers of the decoder for tokens (rows, 1) at this place."""
        raise NotImplementedError

    def tell(self, x: Tensor) -> Tensor:
        """Logits from what comes out of the last layer."""
        raise NotImplementedError

    def _part(self, x: Tensor, norm: nn.Module, part: Callable[[Tensor], Tensor]) -> Tensor:
        return x + part(norm(x)) if self.norms_first else norm(x + part(x))

    @staticmethod
    def _written(mix: Any, layer: int, kept: Kept) -> Callable[[Tensor], Tensor]:
        def part(x: Tensor) -> Tensor:
            told = (heads_of(project(x), mix.num_heads) for project in (mix.q_proj, mix.k_proj, mix.v_proj))
            return mix.out_proj(kept.written(layer, *told))

        return part

    @staticmethod
    def _read(mix: Any, layer: int, kept: Kept) -> Callable[[Tensor], Tensor]:
        return lambda x: mix.out_proj(kept.read(layer, heads_of(mix.q_proj(x), mix.num_heads)))

    @staticmethod
    def _thought(layer: Any) -> Callable[[Tensor], Tensor]:
        return lambda x: layer.fc2(layer.activation_fn(layer.fc1(x)))
