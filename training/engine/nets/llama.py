"""Llama, `LlamaForCausalLM` of transformers: turned places, norms without means, gated perceptrons (Touvron 2023)."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from training.engine.catalogue import Shape, Sizes, gated_of
from training.engine.nets.gpt import Attend, Memory, first_read, next_read
from training.engine.nets.hf import Wrapped, export

__all__ = ["HEAD", "LAYERS", "build", "export"]

HEAD: tuple[str, ...] = ()  # the last matrix is the token table, or of the same tokens
LAYERS = "layers"


class Llama(Wrapped):
    """A Llama that writes (see generating.py): its layers, with keys and values kept as those of gpt.py are."""

    def memory(self, rows: int) -> Memory:
        """Room for what so many rows will read."""
        config = self.model.config
        heads, width, room = config.num_attention_heads, config.hidden_size, config.max_position_embeddings
        device = self.model.lm_head.weight.device
        return Memory(len(self.layers), rows, heads=heads, width=width, room=room, device=device)

    def begin(self, ids: Tensor, lengths: Sequence[int], memory: Memory, rows: Sequence[int]) -> Tensor:
        """Read the first `lengths` of ids (rows, tokens) into these rows -> logits after the last token of each."""
        attend = first_read(memory, rows, ids)
        x = self._read(ids, torch.arange(ids.shape[1], device=ids.device)[None], memory, attend)
        for row, length in zip(rows, lengths, strict=True):
            memory.lengths[row] = length
        last = torch.tensor(lengths, device=ids.device) - 1
        return self._told(x[torch.arange(len(x), device=ids.device), last])

    def go_on(self, ids: Tensor, memory: Memory) -> Tensor:
        """Read one more token of each row (rows, 1) -> logits after it. A full row reads over its last place."""
        places, attend = next_read(memory, ids.device)
        x = self._read(ids, torch.tensor(places, device=ids.device)[:, None], memory, attend)
        memory.lengths = [place + 1 for place in places]
        return self._told(x[:, -1])

    def _read(self, ids: Tensor, places: Tensor, memory: Memory, attend: Callable[[Tensor], Attend]) -> Tensor:
        """(rows, tokens) at these places, through all layers -> (rows, tokens, width)."""
        from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

        body, config = self.model.model, self.model.config
        shared = config.num_attention_heads // config.num_key_value_heads  # keys and values of a group are the same
        x = body.embed_tokens(ids)
        turns = body.rotary_emb(x, places)
        for layer, kept in zip(self.layers, memory.layers, strict=True):
            mix, normed = layer.self_attn, layer.input_layernorm(x)
            q, k, v = (
                project(normed).unflatten(-1, (-1, mix.head_dim)).transpose(1, 2)
                for project in (mix.q_proj, mix.k_proj, mix.v_proj)
            )
            q, k = apply_rotary_pos_emb(q, k, *turns)
            k, v = (each.repeat_interleave(shared, 1) for each in (k, v))
            x = x + mix.o_proj(attend(kept)(q, k, v).transpose(1, 2).flatten(2))
            x = x + layer.mlp(layer.post_attention_layernorm(x))
        return x

    def _told(self, x: Tensor) -> Tensor:
        return self.model.lm_head(self.model.model.norm(x))


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
    return Llama(LlamaForCausalLM(LlamaConfig(**fields | sizes.told)), "model")
