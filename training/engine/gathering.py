"""Losses that hold the rows of a batch against each other, where each process of a team has a share of the rows.

Every process gets what all of them found, and makes the loss of the whole batch of it; its gradients go only into what
it found itself. Summed over the processes they are those of one process that has all rows.
"""

import torch
from torch import Tensor

from training.engine.team import Team


class Gathered:
    """Hands around at most `rows` rows a batch of `columns` numbers. To be made before the team is split."""

    def __init__(self, team: Team, rows: int, columns: int) -> None:
        self.team, self.counts = team, [0] * team.ranks
        team.make_room(-(-rows // team.ranks), columns)

    def begin(self, rows: int) -> None:
        """The next batch has so many rows, of which the members take turns."""
        self.counts = [len(range(rank, rows, self.team.ranks)) for rank in range(self.team.ranks)]

    def __call__(self, *own: Tensor) -> list[Tensor]:
        """Rows (rows, columns) of this process -> those of all; a process without a row brings one for nothing.

        The loop weighs the loss of a process by its share of the rows, so gradients are weighed by the inverse here.
        """
        team, count = self.team, self.counts[self.team.rank]
        own = tuple(each[:count] for each in own)
        told = torch.cat([each.detach().double().cpu() for each in own], 1)
        found = [part.to(own[0].device) for part in team.spread(told, self.counts)]
        whole, start = [], 0
        for each in own:
            parts = [part[:, start : start + each.shape[1]].to(each.dtype) for part in found]
            kept = each.detach()
            parts[team.rank] = kept + (each - kept) * (sum(self.counts) / max(1, count))
            whole.append(torch.cat(parts))
            start += each.shape[1]
        return whole
