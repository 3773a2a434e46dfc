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
import struct
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

MAX_RANKS = 8
GO, OUT_OF_MEMORY, BROKEN = b"g", b"m", b"x"
NO_MEMORY = ("can't allocate memory", "not enough memory")
HEADER = struct.Struct("<QQ")
log = logging.getLogger(__name__)


class LostMemberError(RuntimeError):
    """A process of the team died."""


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there is no more memory: Python's, a GPU's, or that of torch's allocator."""
    told = isinstance(error, RuntimeError) and any(words in str(error) for words in NO_MEMORY)
    return told or isinstance(error, MemoryError | torch.OutOfMemoryError)


class Team:
    """`ranks` processes; this one is number 0, the leader, until `split` makes the others. Alone it does nothing."""

    wired = False  # whether its members share nothing in memory

    def __init__(self, ranks: int = 1) -> None:
        self.ranks, self.rank = ranks, 0
        self._others: list[tuple[int, socket.socket]] = []
        self._leader: socket.socket | None = None
        self._room: Tensor | None = None

    def zeros(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """A tensor that all members see; to be made before `split`."""
        size = torch.Size(shape).numel()
        if self.ranks == 1 or not size:
            return torch.zeros(*shape, dtype=dtype)
        # Anonymous shared memory: /dev/shm is often tiny in containers.
        memory = mmap.mmap(-1, size * dtype.itemsize)
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
        except Exception as error:  # whatever it was: traced in the log, and the leader learns of it
            if out_of_memory(error):
                last = OUT_OF_MEMORY
            else:
                log.exception("member %s", self.rank)
        finally:
            with contextlib.suppress(OSError):
                self._leader.send(last)
            os._exit(0)

    def tell(self, orders: Tensor) -> None:
        """Let all see the orders of the leader."""
        self.meet()

    def share(self, tensor: Tensor) -> None:
        """Let all have what the leader has: they see it already."""

    def sum(self, tensor: Tensor) -> None:
        """Add up what all have, where memory is not shared."""

    def meet(self) -> None:
        """Wait until every member is here. Raises LostMemberError, or MemoryError when a member ran out of it."""
        if self._leader is not None:
            self._leader.send(GO)
            if self._leader.recv(1) != GO:
                raise LostMemberError
            return
        for _, other in self._others:
            self._hear(other)
        for _, other in self._others:
            # A member that is gone shows at the next meeting.
            with contextlib.suppress(ConnectionError):
                other.send(GO)

    def gather(self, array: np.ndarray) -> list[np.ndarray]:
        """The float64 arrays (rows, columns) of all members, at the leader; the others get nothing."""
        if self._leader is not None:
            self._leader.sendall(GO + HEADER.pack(*array.shape) + np.ascontiguousarray(array, np.float64).tobytes())
            return []
        found = [array]
        for _, other in self._others:
            self._hear(other)
            rows, columns = HEADER.unpack(_receive(other, HEADER.size))
            data = _receive(other, 8 * rows * columns)
            found.append(np.frombuffer(data, np.float64).reshape(rows, columns))
        return found

    def make_room(self, rows: int, columns: int) -> None:
        """Room for what `spread` hands around: at most so many rows of each member. To be made before `split`."""
        self._room = self.zeros(self.ranks, rows, columns, dtype=torch.float64)

    def spread(self, rows: Tensor, counts: list[int]) -> list[Tensor]:
        """The float64 rows of all members, at all of them, in the order of their ranks; each has `counts` of them.

        They stay until the next are handed around; between that the members have to meet.
        """
        assert self._room is not None
        self._room[self.rank, : len(rows)] = rows
        self.meet()
        return [self._room[rank, :count] for rank, count in enumerate(counts)]

    @staticmethod
    def _hear(other: socket.socket) -> None:
        try:
            word = other.recv(1)
        except ConnectionError:
            word = BROKEN
        if word == OUT_OF_MEMORY:
            raise MemoryError
        if word != GO:
            raise LostMemberError

    def dismiss(self) -> None:
        """End the others. They have nothing to save: all that counts is in the leader or in shared memory."""
        for pid, other in self._others:
            other.close()
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self._others = []


def _receive(source: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = source.recv(min(1 << 20, size - len(data)))
        if not piece:
            raise LostMemberError
        data += piece
    return bytes(data)
