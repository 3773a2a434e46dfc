"""AdamW, Adam and SGD over flat buffers: one fused step, one norm, one zeroing for the whole net.

torch.optim is avoided on purpose: its first step imports torch._dynamo, which costs seconds at every start.
"""

import contextlib
import hashlib
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from training.engine.spec import TrainSpec
from training.engine.team import Team

ALIGN = 16
BETA1, BETA2, EPS = 0.9, 0.99, 1e-8
WSD_FALL = 0.2


class FlatOptimizer:
    """Moves the parameters of a net into flat buffers and steps them, each member of the team a share of them.

    Matrices decay; vectors (norms, biases) do not, and come second. Padding between parameters stays zero.
    """

    def __init__(
        self,
        net: nn.Module,
        weight_decay: float,
        team: Team | None = None,
        *,
        kind: str = "adamw",
        momentum: float = 0.0,
        ema_decay: float | None = None,
    ) -> None:
        self.team, self.kind, self.momentum, self.ema_decay = team or Team(), kind, momentum, ema_decay
        named = [(name, p) for name, p in net.named_parameters() if p.requires_grad]
        groups = [[(n, p) for n, p in named if p.dim() >= 2], [(n, p) for n, p in named if p.dim() < 2]]
        self.layout = _layout(groups)
        self.size = size = sum(_padded(p.numel()) for _, p in named)
        device = named[0][1].device
        self.weights = self.team.zeros(size).to(device)
        self.all_grads = self.team.zeros(1 if self.team.wired else self.team.ranks, size).to(device)
        self.mean, self.square = self.team.zeros(size).to(device), self.team.zeros(size).to(device)
        self.norms = self.team.zeros(self.team.ranks, 2).to(device)
        self.steps = torch.zeros((), device=device)
        self._parameters = [p for group in groups for _, p in group]
        self._edge = sum(_padded(p.numel()) for _, p in groups[0])
        self.decay = weight_decay
        self._names = [name for group in groups for name, _ in group]
        for p, part in self._places():
            self.weights[part] = p.data.reshape(-1)
            p.data = self.weights[part].view(p.shape)
        self.average: Tensor | None = None
        if ema_decay is not None:
            self.average = self.team.zeros(size).to(device)
            self.average.copy_(self.weights)
        self.join()

    def _places(self) -> Iterator[tuple[nn.Parameter, slice]]:
        place = 0
        for p in self._parameters:
            yield p, slice(place, place + p.numel())
            place += _padded(p.numel())

    def named_places(self) -> Iterator[tuple[str, torch.Size, slice, bool]]:
        """(name, shape, place in the buffers, whether it decays) of each parameter."""
        for name, (p, part) in zip(self._names, self._places(), strict=True):
            yield name, p.shape, part, part.start < self._edge

    def join(self) -> None:
        """Let gradients go into the buffer of this member, and step this member's share."""
        team, size = self.team, len(self.weights)
        for p, part in self._places():
            p.grad = self.all_grads[0 if team.wired else team.rank][part].view(p.shape)
        if team.wired:  # gradients are summed, and every process makes the same step of all weights
            self._mine = slice(0, size)
            parts = [(0, self._edge, self.decay), (self._edge, size, 0.0)]
            self._parts = [(slice(a, b), decay) for a, b, decay in parts if a < b]
            return
        share = -(-size // (team.ranks * ALIGN)) * ALIGN
        low, high = min(size, team.rank * share), min(size, (team.rank + 1) * share)
        parts = [(low, min(high, self._edge), self.decay), (max(low, self._edge), high, 0.0)]
        self._mine = slice(low, high)
        self._parts = [(slice(a, b), decay) for a, b, decay in parts if a < b]

    def step(self, lr: float, clip: float | None, loss: Tensor) -> tuple[Tensor, Tensor]:
        """Sum the gradients of all members, clip, update, zero them; no update when loss or norm is not finite.

        `loss` is this member's share of the loss. Returns (whether the update was made, loss of all members) as
        tensors: reading them would wait for the device.
        """
        team, mine = self.team, self._mine
        grads = self.all_grads[0]
        if team.wired:
            total = loss.detach().clone()
            team.sum(grads)
            team.sum(total)
            norm = torch.linalg.vector_norm(grads)
        else:
            team.meet()
            for other in self.all_grads[1:]:
                grads[mine] += other[mine]
            self.norms[team.rank, 0] = torch.linalg.vector_norm(grads[mine])
            self.norms[team.rank, 1] = loss.detach()
            team.meet()
            norm, total = torch.linalg.vector_norm(self.norms[:, 0]), self.norms[:, 1].sum()
        good = torch.isfinite(norm + total)
        scale = (norm / clip).clamp_(min=1.0) if clip is not None else None
        self.steps += good
        bad = (~good).float()
        for part, decay in self._parts:
            self._update(part, grads[part], lr=lr, weight_decay=decay, grad_scale=scale, found_inf=bad)
        if self.average is not None:
            self._follow(self.average[mine], self.weights[mine], good)
        grads[mine].zero_()
        if not team.wired:
            if team.rank:
                self.all_grads[team.rank].zero_()
            team.meet()
        return good, total

    def _follow(self, average: Tensor, weights: Tensor, good: Tensor) -> None:
        """Move the average towards the weights. In the first steps it forgets sooner, for the beginning is far off."""
        assert self.ema_decay is not None
        stays = ((1 + self.steps) / (10 + self.steps)).clamp(max=self.ema_decay)
        average.lerp_(weights, (1 - stays) * good)

    @contextlib.contextmanager
    def reading(self, net: nn.Module) -> Iterator[nn.Module]:
        """The net with the averaged weights, where there are any; learning goes on from its own."""
        if self.average is None:
            yield net
            return
        try:
            self._show(self.average)
            yield net
        finally:
            self._show(self.weights)

    def _show(self, source: Tensor) -> None:
        for p, part in self._places():
            p.data = source[part].view(p.shape)

    def take_average(self) -> None:
        """Make the averaged weights those of the net, at the end of learning."""
        if self.average is not None:
            self.weights.copy_(self.average)

    def _update(self, part: slice, grads: Tensor, **words: Any) -> None:
        lists = [[self.weights[part]], [grads], [self.mean[part]], [self.square[part]]]
        update(self.kind, lists, self.steps, self.momentum, **words)

    def tensors(self) -> list[Tensor]:
        """Everything that changes with a step."""
        found = [self.weights, self.mean, self.square, self.steps]
        return found if self.average is None else [*found, self.average]

    def state(self) -> dict[str, Any]:
        """What a resume needs, as tensors and plain types."""
        state = {"layout": self.layout, "mean": self.mean, "square": self.square, "steps": self.steps}
        return state if self.average is None else state | {"average": self.average}

    def load(self, state: dict[str, Any]) -> bool:
        """Take over a saved state; False when it belongs to a net with other parameters."""
        if state["layout"] != self.layout or state["mean"].shape != self.mean.shape:
            return False
        self.mean.copy_(state["mean"])
        self.square.copy_(state["square"])
        self.steps.copy_(state["steps"])
        if self.average is not None:
            self.average.copy_(state["average"])
        return True


def update(kind: str, lists: list[list[Tensor]], steps: Tensor, momentum: float, **words: Any) -> None:
    """One fused step of weights by gradients, means and squares: lists of tensors of the same sizes."""
    weights, grads, means, squares = lists
    if kind == "sgd":  # the mean is its momentum, which begins at nothing
        kept = means if momentum else []
        how: dict[str, Any] = {"momentum": momentum, "dampening": 0.0, "nesterov": False}
        torch._fused_sgd_(weights, grads, kept, **how, is_first_step=False, maximize=False, **words)
        return
    step: Any = torch._fused_adamw_ if kind == "adamw" else torch._fused_adam_
    moments: dict[str, Any] = {"beta1": BETA1, "beta2": BETA2, "eps": EPS, "amsgrad": False}
    step(weights, grads, means, squares, [], [steps] * len(weights), **moments, maximize=False, **words)


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
    if train.schedule == "wsd":  # warm-up, stable, decay: Hu et al. 2024
        fall = max(1, round(WSD_FALL * steps))
        return train.lr * min(1.0, (steps - step) / fall)
    gone = (step - warm) / max(1, steps - warm)
    return train.lr * (0.5 * (1 + math.cos(math.pi * gone)) if train.schedule == "cosine" else 1 - gone)
