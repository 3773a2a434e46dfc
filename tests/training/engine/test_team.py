"""A team of forked processes: what they share, how they meet, and what the leader learns when one is lost."""

import os
import signal
from collections.abc import Callable

import numpy as np
import psutil
import pytest
import torch

from training.engine.team import LostMemberError, Team


def split(team: Team, work: Callable[[], None]) -> None:
    """Fork the others for `work`, and do it here as well."""
    team.split(work)
    try:
        work()
    finally:
        team.dismiss()


def test_members_see_what_each_wrote_once_they_have_met() -> None:
    team = Team(3)
    shared, own, seen = team.zeros(3), torch.zeros(3), team.zeros(3, 3)

    def work() -> None:
        shared[team.rank] = own[team.rank] = team.rank + 1
        team.meet()
        seen[team.rank] = shared
        team.meet()

    split(team, work)
    assert seen.tolist() == [[1, 2, 3]] * 3
    assert own.tolist() == [1, 0, 0]  # what is not shared is each one's own


def test_arrays_of_any_length_come_to_the_leader() -> None:
    team, found = Team(3), []

    def work() -> None:
        found.extend(team.gather(np.full((team.rank, 2), 10.0 * team.rank)))
        team.meet()

    split(team, work)
    assert [part.tolist() for part in found] == [[], [[10, 10]], [[20, 20], [20, 20]]]


def test_rows_go_to_all_members() -> None:
    team = Team(2)
    team.make_room(2, 1)
    sums = team.zeros(2)

    def work() -> None:
        rows = torch.tensor([[1.0], [2.0]] if team.rank == 0 else [[4.0]], dtype=torch.float64)
        found = team.spread(rows, [2, 1])
        sums[team.rank] = torch.cat(found).flatten() @ torch.tensor([1.0, 10.0, 100.0], dtype=torch.float64)
        team.meet()

    split(team, work)
    assert sums.tolist() == [421, 421]


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        (MemoryError(), MemoryError),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), MemoryError),
        (ValueError("a fault"), LostMemberError),
        (signal.SIGKILL, LostMemberError),
    ],
)
def test_the_leader_learns_how_a_member_ended(ending: Exception | int, told: type[Exception]) -> None:
    team = Team(3)

    def work() -> None:
        if team.rank == 1:
            if isinstance(ending, Exception):
                raise ending
            os.kill(os.getpid(), ending)
        team.meet()

    others = set(psutil.Process().children())  # of tests before this one
    with pytest.raises(told):
        split(team, work)
    assert set(psutil.Process().children()) <= others  # nobody is left behind


def test_a_team_of_one_does_nothing() -> None:
    team, array = Team(), np.ones((2, 3))
    split(team, team.meet)
    assert team.gather(array)[0] is array and team.zeros(2, 3).shape == (2, 3)
    tensor = torch.ones(2)
    team.share(tensor)
    team.sum(tensor)
    assert tensor.tolist() == [1, 1]
