"""Llama, `LlamaForCausalLM` of transformers: turned places, norms without means, gated perceptrons (Touvron 2023)."""

from typing import Any

from training.engine.catalogue import Shape, Sizes, gated_of
from training.engine.nets.hf import Wrapped, export

__all__ = ["HEAD", "LAYERS", "build", "export"]

HEAD: tuple[str, ...] = ()  # the last matrix is the token table
LAYERS = "layers"


def build(shape: Shape, sizes: Sizes) -> Wrapped:
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
    return Wrapped(LlamaForCausalLM(LlamaConfig(**fields)), "model")
