"""Gradient checkpointing (Chen et al. 2016): a layer forgets what it computed, and computes it again for gradients."""

import functools
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn


def recompute(net: nn.Module) -> int:
    """Let each layer of every stack keep only what goes into it while the net learns; returns how many layers.

    A layer that counts what it reads, as batch norm does, would count it twice and stays as it is.
    """
    layers = [layer for layer in layers_of(net) if not any(map(_counts, layer.modules()))]
    for layer in layers:
        layer.forward = functools.partial(_again, layer, layer.forward)  # type: ignore[method-assign]
    return len(layers)


def layers_of(net: nn.Module) -> Iterator[nn.Module]:
    """The layers of every stack of a net."""
    for child in net.children():
        if isinstance(child, nn.ModuleList):
            yield from (layer for layer in child if not isinstance(layer, nn.ModuleList))
        else:
            yield from layers_of(child)


def _counts(module: nn.Module) -> bool:
    return isinstance(module, nn.modules.batchnorm._BatchNorm)


def _again(layer: nn.Module, forward: Any, *args: Any, **kwargs: Any) -> Any:
    if not (layer.training and torch.is_grad_enabled()):
        return forward(*args, **kwargs)
    from torch.utils.checkpoint import checkpoint  # its first call imports torch._dynamo, which costs seconds

    # The generator is set back for the second time, so that the same values are dropped.
    return checkpoint(forward, *args, use_reentrant=False, **kwargs)
