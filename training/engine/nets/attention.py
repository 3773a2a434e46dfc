"""Attention put together from the operators that a processor learns fastest with.

It computes what torch's fused operator computes, which stays in use wherever that is the faster one.
"""

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, *, causal: bool = False) -> Tensor:
    """Values (batch, heads, tokens, head width) mixed by queries and keys; mask: True where a token may be seen."""
    if q.dtype != torch.bfloat16 or q.device.type != "cpu" or not q.requires_grad:
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)
    # In bf16 the gradient of torch's fused attention takes several times as long as these products.
    batch, heads, tokens, width = q.shape
    hidden = _hidden(mask, batch, heads, tokens, causal, q)
    q, k, v = (each.reshape(batch * heads, tokens, width) for each in (q, k, v))
    if hidden is None:
        scores = torch.bmm(q, k.transpose(1, 2)) * (1 / math.sqrt(width))
    else:
        scores = torch.baddbmm(hidden, q, k.transpose(1, 2), alpha=1 / math.sqrt(width))
    return torch.bmm(scores.softmax(-1), v).view(batch, heads, tokens, width)


def _hidden(mask: Tensor | None, batch: int, heads: int, tokens: int, causal: bool, like: Tensor) -> Tensor | None:
    """What to add to the scores: minus infinity where a token may not be seen."""
    if causal:
        return like.new_full((tokens, tokens), -math.inf).triu(1)
    if mask is None:
        return None
    return like.new_zeros(mask.shape).masked_fill(~mask, -math.inf).expand(batch, heads, -1, tokens).flatten(0, 1)
