"""AdamW over flat buffers: one fused step, one norm, one zeroing for the whole net.

torch.optim is avoided on purpose: its first step imports torch._dynamo, which costs seconds at every start.
"""

import hashlib
import math
from typing import Any

import torch
from torch import Tensor, nn

from training.engine.spec import TrainSpec

ALIGN = 16
BETA1, BETA2, EPS = 0.9, 0.99, 1e-8


class FlatAdamW:
    """Moves the parameters of a net into two flat buffers, with and without weight decay, and steps them.

    Matrices decay; vectors (norms, biases) do not. Padding between parameters stays zero.
    """

    def __init__(self, net: nn.Module, weight_decay: float) -> None:
        named = [(name, p) for name, p in net.named_parameters() if p.requires_grad]
        groups = [[(n, p) for n, p in named if p.dim() >= 2], [(n, p) for n, p in named if p.dim() < 2]]
        self.layout = _layout(groups)
        sizes = [sum(_padded(p.numel()) for _, p in group) for group in groups]
        device = named[0][1].device
        self.weights, self.grads, self.mean, self.square = (torch.zeros(sum(sizes), device=device) for _ in range(4))
        self.steps = torch.zeros((), device=device)
        self._groups = []
        start = 0
        for group, size, decay in zip(groups, sizes, (weight_decay, 0.0), strict=True):
            place = start
            for _, p in group:
                part = slice(place, place + p.numel())
                self.weights[part] = p.data.reshape(-1)
                p.data = self.weights[part].view(p.shape)
                p.grad = self.grads[part].view(p.shape)
                place += _padded(p.numel())
            if size:
                self._groups.append((slice(start, start + size), decay))
            start += size

    def step(self, lr: float, clip: float | None, loss: Tensor) -> Tensor:
        """Clip, update, zero the gradients; skip the update when loss or gradient norm is not finite.

        Returns whether the update was made, as a tensor: reading it would wait for the device.
        """
        norm = torch.linalg.vector_norm(self.grads)
        good = torch.isfinite(norm + loss.detach())
        scale = (norm / clip).clamp_(min=1.0) if clip is not None else None
        self.steps += good
        bad = (~good).float()
        for part, decay in self._groups:
            torch._fused_adamw_(
                [self.weights[part]],
                [self.grads[part]],
                [self.mean[part]],
                [self.square[part]],
                [],
                [self.steps],
                lr=lr,
                beta1=BETA1,
                beta2=BETA2,
                weight_decay=decay,
                eps=EPS,
                amsgrad=False,
                maximize=False,
                grad_scale=scale,
                found_inf=bad,
            )
        self.grads.zero_()
        return good

    def state(self) -> dict[str, Any]:
        """What a resume needs, as tensors and plain types."""
        return {"layout": self.layout, "mean": self.mean, "square": self.square, "steps": self.steps}

    def load(self, state: dict[str, Any]) -> bool:
        """Take over a saved state; False when it belongs to a net with other parameters."""
        if state["layout"] != self.layout or state["mean"].shape != self.mean.shape:
            return False
        self.mean.copy_(state["mean"])
        self.square.copy_(state["square"])
        self.steps.copy_(state["steps"])
        return True


def _padded(count: int) -> int:
    return -(-count // ALIGN) * ALIGN


def _layout(groups: list[list[tuple[str, nn.Parameter]]]) -> str:
    words = [f"{name}{tuple(p.shape)}" for group in groups for name, p in group]
    return hashlib.sha256(" ".join(words).encode()).hexdigest()


def learning_rate(step: int, steps: int, train: TrainSpec) -> float:
    """The rate of a step counted from 0: a straight rise over the warm-up, then the chosen fall to zero."""
    warm = round(train.warmup * steps)
    if step < warm:
        return train.lr * (step + 1) / warm
    if train.schedule == "constant":
        return train.lr
    gone = (step - warm) / max(1, steps - warm)
    return train.lr * (0.5 * (1 + math.cos(math.pi * gone)) if train.schedule == "cosine" else 1 - gone)
