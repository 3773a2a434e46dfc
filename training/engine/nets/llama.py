"""Llama, `LlamaForCausalLM` of transformers: turned places, norms without means, gated perceptrons (Touvron 2023)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from training.engine.catalogue import Shape, Sizes, gated_of
from training.engine.nets.hf import Wrapped, export

__all__ = ["HEAD", "LAYERS", "build", "export"]

HEAD: tuple[str, ...] = ()  # the last matrix is the token table
LAYERS = "layers"


class Memory:
    """What each row has read: tokens, which are all read again for the next one. Keys and values are not kept."""

    def __init__(self, rows: int, room: int) -> None:
        self.room = room
        self.read: list[list[int]] = [[] for _row in range(rows)]

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows only."""
        self.read = [self.read[row] for row in rows.tolist()]


class Llama(Wrapped):
    """A Llama that writes (see generating.py)."""

    def memory(self, rows: int) -> Memory:
        """Room for what so many rows will read."""
        return Memory(rows, self.model.config.max_position_embeddings)

    def begin(self, ids: Tensor, lengths: Sequence[int], memory: Memory, rows: Sequence[int]) -> Tensor:
        """Read the first `lengths` of ids (rows, tokens) into these rows -> logits after the last token of each."""
        for row, told, length in zip(rows, ids.tolist(), lengths, strict=True):
            memory.read[row] = told[:length]
        return self._last([memory.read[row] for row in rows], ids)

    def go_on(self, ids: Tensor, memory: Memory) -> Tensor:
        """Read one more token (rows, 1) -> logits after it. Of a full row the last place is written over."""
        for read, (token,) in zip(memory.read, ids.tolist(), strict=True):
            del read[memory.room - 1 :]
            read.append(token)
        return self._last(memory.read, ids)

    def _last(self, texts: list[list[int]], like: Tensor) -> Tensor:
        # A shorter row is filled up at its end, which no earlier place looks at.
        filled = like.new_zeros(len(texts), max(map(len, texts)))
        for row, text in enumerate(texts):
            filled[row, : len(text)] = like.new_tensor(text)
        last = torch.tensor([len(text) - 1 for text in texts], device=like.device)
        return self(filled)[torch.arange(len(texts), device=like.device), last]


def build(shape: Shape, sizes: Sizes) -> Llama:
    """A Llama with fresh weights from torch's random generator."""
    from transformers.models.llama.configuration_llama import LlamaConfig  # costs seconds
    from transformers.models.llama.modeling_llama import LlamaForCausalLM

    fields: dict[str, Any] = {
        "vocab_size": sizes.vocab,
        "hidden_size": shape.width,
        "intermediate_size": gated_of(shape.width),
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads,
        "max_position_embeddings": shape.context,
        "tie_word_embeddings": True,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "use_cache": False,
    }
    return Llama(LlamaForCausalLM(LlamaConfig(**fields)), "model")
