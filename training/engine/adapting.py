"""LoRA (Hu et al. 2021): the weights stay as they are, and each product learns a change of low rank beside them.

Written here rather than taken from peft, whose import alone costs seconds at every start. The names of the weights do
not change, and a package holds the sum, so that whoever loads it sees an ordinary net.
"""

import math
from collections import Counter

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from training.engine.registry import net_module

SCALE = 2.0  # of the change, whatever its rank: alpha = 2 rank


class Adapted(nn.Module):
    """A linear map with a learnt change: W + 2 · up · down. `up` begins at nothing, so the net begins as it was."""

    def __init__(self, linear: nn.Linear, rank: int) -> None:
        super().__init__()
        self.weight, self.bias = linear.weight, linear.bias
        self.down = nn.Parameter(torch.empty(rank, linear.in_features, device=linear.weight.device))
        self.up = nn.Parameter(torch.zeros(linear.out_features, rank, device=linear.weight.device))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias) + F.linear(F.linear(x, self.down), self.up) * SCALE

    def merged(self) -> nn.Linear:
        """The same map as one."""
        outputs, inputs = self.weight.shape
        linear = nn.Linear(inputs, outputs, bias=self.bias is not None, device="meta")
        linear.weight = nn.Parameter(self.weight.detach() + SCALE * (self.up.detach() @ self.down.detach()))
        linear.bias = self.bias
        return linear


def adapt(net: nn.Module, arch: str, rank: int) -> None:
    """Put a change of this rank beside every linear map below the head; only these and the head learn.

    A matrix of several names, such as a last one that is the table of tokens too, gets none: the sum would part them.
    """
    head = net_module(arch).HEAD
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(name.startswith(head))
    names = Counter(id(parameter) for _, parameter in net.named_parameters(remove_duplicate=False))
    for name, module in list(net.named_modules()):
        if not isinstance(module, nn.Linear) or names[id(module.weight)] > 1:
            continue
        if not f"{name}.".startswith(head):
            _put(net, name, Adapted(module, min(rank, *module.weight.shape)))


def merge(net: nn.Module) -> None:
    """Make an ordinary net of an adapted one; another stays as it is."""
    for name, module in list(net.named_modules()):
        if isinstance(module, Adapted):
            _put(net, name, module.merged())


def _put(net: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(net.get_submodule(parent), child, module)
