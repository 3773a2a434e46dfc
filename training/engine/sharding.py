"""FSDP2: weights, gradients and moments divided between the processes of torchrun, for nets that one cannot hold.

`fully_shard` of torch gathers the weights of a layer when it is read, and gives each process its part of the gradients.
What is saved is whole, in the layout of the flat optimizer, so that any number of processes can go on from it.
"""

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from training.engine.optim import FlatOptimizer, update
from training.engine.recomputing import layers_of
from training.engine.team import Team


class ShardedOptimizer:
    """Takes the place of a flat optimizer, with its state divided as the net is. The net is sharded here."""

    def __init__(self, net: nn.Module, flat: FlatOptimizer, team: Team) -> None:
        self.net, self.team, self.flat = net, team, flat
        places = list(flat.named_places())
        for whole in net.parameters():
            whole.data, whole.grad = whole.data.clone(), None
        self.reader = copy.deepcopy(net)  # whole while it reads, and without weights otherwise
        self._empty()
        for layer in layers_of(net):
            fully_shard(layer)
        fully_shard(net)
        sharded = dict(net.named_parameters())
        self.steps = flat.steps
        self._parts: list[tuple[str, DTensor, slice, bool]] = []
        self.mean: list[Tensor] = []
        self.square: list[Tensor] = []
        for name, shape, part, decays in places:
            p: Any = sharded[name]
            self._parts.append((name, p, part, decays))
            for own, all_of_it in ((self.mean, flat.mean), (self.square, flat.square)):
                divided = distribute_tensor(
                    all_of_it[part].view(shape), p.device_mesh, p.placements, src_data_rank=None
                )
                own.append(divided.to_local().clone().to(p.to_local().device))
        # Only what is needed to make it whole again is kept.
        flat.weights = flat.mean = flat.square = flat.all_grads = torch.zeros(0)
        flat._parameters = []

    def join(self) -> None:
        """Gradients of each process go where they belong already."""

    def step(self, lr: float, clip: float | None, loss: Tensor) -> tuple[Tensor, Tensor]:
        """As that of FlatOptimizer, each process its part of every weight."""
        # The loss of each process is its share already, and torch takes the mean.
        grads = [
            torch.zeros_like(mean) if p.grad is None else p.grad.to_local() * self.team.ranks  # type: ignore[attr-defined]
            for (_, p, _, _), mean in zip(self._parts, self.mean, strict=True)
        ]
        squares = torch.stack([grad.square().sum() for grad in grads]).sum()
        total = loss.detach().clone()
        self.team.sum(squares)
        self.team.sum(total)
        norm = squares.sqrt()
        good = torch.isfinite(norm + total)
        scale = (norm / clip).clamp_(min=1.0) if clip is not None else None
        self.steps += good
        words: dict[str, Any] = {"lr": lr, "grad_scale": scale, "found_inf": (~good).float()}
        for wanted in (True, False):
            chosen = [n for n, (_, _, _, decays) in enumerate(self._parts) if decays == wanted and grads[n].numel()]
            lists = [[self._parts[n][1].to_local() for n in chosen]]
            lists += [[of[n] for n in chosen] for of in (grads, self.mean, self.square)]
            if chosen:
                decay = self.flat.decay if wanted else 0.0
                update(self.flat.kind, lists, self.steps, self.flat.momentum, weight_decay=decay, **words)
        for _, p, _, _ in self._parts:
            p.grad = None
        return good, total

    def collect(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """(all weights whole by name, state in the layout of the flat optimizer); all processes ask together."""
        weights = {name: _whole(tensor) for name, tensor in self.net.state_dict().items()}
        moments = []
        for own in (self.mean, self.square):
            flat = torch.zeros(self.flat.size)
            for (_, p, part, _), local in zip(self._parts, own, strict=True):
                mesh, placements = p.device_mesh, p.placements
                whole = DTensor.from_local(local, mesh, placements, shape=p.shape, stride=p.stride()).full_tensor()
                flat[part] = whole.flatten().cpu()
            moments.append(flat)
        state = {"layout": self.flat.layout, "mean": moments[0], "square": moments[1], "steps": self.steps.cpu()}
        return weights, state

    @contextlib.contextmanager
    def reading(self, net: nn.Module) -> Iterator[nn.Module]:
        """A net with all weights whole, in every process; all come here together, and each reads what it likes.

        It is not the sharded one, which would have all processes read the same number of times.
        """
        for (_, p), (_, own) in zip(self.net.named_parameters(), self.reader.named_parameters(), strict=True):
            own.data = p.full_tensor().detach() if isinstance(p, DTensor) else p.detach()
        for theirs, buffer in zip(self.net.buffers(), self.reader.buffers(), strict=True):
            buffer.data = theirs.detach().clone()
        self.reader.eval()
        try:
            yield self.reader
        finally:
            self._empty()

    def _empty(self) -> None:
        for p in self.reader.parameters():
            p.data = torch.empty(0)

    def take_average(self) -> None:
        """There is none beside the weights."""


def _whole(tensor: Tensor) -> Tensor:
    found = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
    return found.detach().cpu()
