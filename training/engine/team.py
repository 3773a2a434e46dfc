"""One process per core instead of several threads per operator: small nets spend their time between operators.

The processes share the flat buffers of the optimizer in memory and meet a few times in a step over sockets. A socket
ends when its process dies, so nobody waits for the dead: the leader fails, the others leave.
"""

import contextlib
import logging
import mmap
import os
import signal
import socket
from collections.abc import Callable

import torch
from torch import Tensor

MAX_RANKS = 8
GO, OUT_OF_MEMORY, BROKEN = b"g", b"m", b"x"
log = logging.getLogger(__name__)


class LostMemberError(RuntimeError):
    """A process of the team died."""


class Team:
    """`ranks` processes; this one is number 0, the leader, until `split` makes the others. Alone it does nothing."""

    def __init__(self, ranks: int = 1) -> None:
        self.ranks, self.rank = ranks, 0
        self._others: list[tuple[int, socket.socket]] = []
        self._leader: socket.socket | None = None

    def zeros(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """A tensor that all members see; to be made before `split`."""
        if self.ranks == 1:
            return torch.zeros(*shape, dtype=dtype)
        size = torch.Size(shape).numel()
        # Anonymous shared memory: /dev/shm is often tiny in containers.
        memory = mmap.mmap(-1, max(1, size * dtype.itemsize))
        return torch.frombuffer(memory, dtype=dtype, count=size).view(shape)

    def split(self, work: Callable[[], None]) -> None:
        """Fork the other members, who do `work` and never return. No parallel region may have run before."""
        for rank in range(1, self.ranks):
            ours, theirs = socket.socketpair()
            pid = os.fork()
            if pid == 0:
                ours.close()
                for _, other in self._others:
                    other.close()
                self.rank, self._leader, self._others = rank, theirs, []
                self._serve(work)
            theirs.close()
            self._others.append((pid, ours))

    def _serve(self, work: Callable[[], None]) -> None:
        # Signals go to the whole group; the leader alone decides what they mean.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        assert self._leader is not None
        last = BROKEN
        try:
            work()
        except (LostMemberError, ConnectionError):
            pass
        except (MemoryError, torch.OutOfMemoryError):
            last = OUT_OF_MEMORY
        except Exception as error:
            if "can't allocate memory" in str(error):
                last = OUT_OF_MEMORY
            log.exception("member %s", self.rank)
        finally:
            with contextlib.suppress(OSError):
                self._leader.send(last)
            os._exit(0)

    def meet(self) -> None:
        """Wait until every member is here. Raises LostMemberError, or MemoryError when a member ran out of it."""
        if self._leader is not None:
            self._leader.send(GO)
            if self._leader.recv(1) != GO:
                raise LostMemberError
            return
        for _, other in self._others:
            try:
                word = other.recv(1)
            except ConnectionError:
                word = BROKEN
            if word == OUT_OF_MEMORY:
                raise MemoryError
            if word != GO:
                raise LostMemberError
        for _, other in self._others:
            # A member that is gone shows at the next meeting.
            with contextlib.suppress(ConnectionError):
                other.send(GO)

    def dismiss(self) -> None:
        """Let the others go; they see the end of their socket at their next meeting."""
        for pid, other in self._others:
            other.close()
            os.waitpid(pid, 0)
        self._others = []
