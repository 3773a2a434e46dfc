"""A process that has loaded what others need and forks, so that they begin at once instead of after seconds of imports.

`python -m training.engine pool SOCKET` is one that has torch loaded. A caller sends one request over the socket, with
the files that the child writes to; the child answers with its pid, the pool with the exit code. The caller's end of the
connection is the child's life, unless it asked for another: when it closes, by kill -9 too, the child is killed. The
pool itself does nothing but fork, and lives as long as its standard input is open: then it takes nothing new and ends
with its last child. Loads without torch, for callers.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import importlib
import json
import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from training.engine.confining import Limits, confine, die_with_parent
from training.engine.registry import NETS, TASK_MODULES

COMMANDS = ("training.engine.run", "training.engine.predict", "training.engine.preview")
# Every task and net but one that loads scipy with it.
TASKS = tuple(module for task, module in TASK_MODULES.items() if task != "object-detection")
MODULES = (*COMMANDS, *TASKS, *NETS.values())
REQUEST_MAX_BYTES = 1 << 16
REPLY_WAIT_S = 5.0
NAME_MAX_BYTES = 100  # of a socket: 107 on Linux, 103 on macOS
log = logging.getLogger(__name__)


class NoPoolError(Exception):
    """No pool answers there, or only one that has loaded other code."""


@dataclass(frozen=True)
class Request:
    """What a program with these arguments would be, in a folder; `threads` and `limits` where it is confined.

    `stays`: whether it goes on when its caller, or the pool, is gone.
    """

    arguments: tuple[str, ...]
    folder: str
    env: dict[str, str] = field(default_factory=dict)
    threads: int | None = None
    limits: Limits | None = None
    stays: bool = False


def stamp(*folders: Path) -> str:
    """Changes with every file of the code there: a pool must not run what has been replaced since."""
    found = [path.stat() for folder in folders for path in sorted(folder.rglob("*.py"))]
    return hashlib.sha256(repr([(each.st_mtime_ns, each.st_size) for each in found]).encode()).hexdigest()


def engine_stamp() -> str:
    return stamp(Path(__file__).parent)


Main = Callable[[Request], int]


# --- the caller's side
class Forked:
    """A child of a pool: as much of subprocess.Popen as its callers use."""

    def __init__(self, replies: _Messages, pid: int) -> None:
        self._replies, self.pid = replies, pid
        self.returncode: int | None = None
        self.lost = False  # the pool went away, and the child with it

    def poll(self) -> int | None:
        """Exit code, negative for a signal; None while it runs."""
        return self._look(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("pool", timeout or 0.0)
        return code

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, sign: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, sign)

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is None:
            self._replies.connection.settimeout(timeout)
            try:
                reply = self._replies.read()
            except (BlockingIOError, TimeoutError):
                return None
            except ConnectionError:
                reply = None
            self._replies.connection.close()
            self.lost = reply is None
            self.returncode = -signal.SIGKILL if reply is None else reply["code"]
        return self.returncode


def ask(address: Path, request: Request, out: int, errors: int, code: str) -> Forked:
    """Have a pool fork a child that writes to these two files. `code`: the stamp it must have. Raises NoPoolError."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(REPLY_WAIT_S)
    try:
        with _reachable(address) as name:
            connection.connect(name)
        told = json.dumps({"stamp": code, **asdict(request)}).encode()
        if len(told) >= REQUEST_MAX_BYTES:
            raise NoPoolError("the request is too long")
        socket.send_fds(connection, [told + b"\n"], [out, errors])
        replies = _Messages(connection)
        reply = replies.read()
    except (OSError, ValueError) as fault:
        connection.close()
        raise NoPoolError(str(fault)) from fault
    if reply is None or "pid" not in reply:
        connection.close()
        raise NoPoolError("the pool forked no child" if reply is None else reply.get("refused", ""))
    return Forked(replies, reply["pid"])


def answers(address: Path, code: str) -> bool:
    """Whether a pool with this stamp takes requests there."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection, _reachable(address) as name:
            connection.settimeout(REPLY_WAIT_S)
            connection.connect(name)
            connection.sendall(json.dumps({"stamp": code, "ping": True}).encode() + b"\n")
            return _Messages(connection).read() == {"pong": True}
    except (OSError, ValueError):
        return False


class _Messages:
    """What comes through a connection, an object on each line. A child that ends at once sends two together."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection, self._rest = connection, b""

    def read(self) -> dict[str, Any] | None:
        """The next one; None when the other side closed before it was whole. Raises what the connection raises."""
        while b"\n" not in self._rest:
            piece = self.connection.recv(4096)
            if not piece:
                return None
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        read: dict[str, Any] = json.loads(line)
        return read


@contextlib.contextmanager
def _reachable(address: Path) -> Iterator[str]:
    """A name for the socket that is short enough, whatever folder it lies in. Raises OSError."""
    name = str(address)
    if len(os.fsencode(name)) <= NAME_MAX_BYTES or not Path("/proc/self/fd").is_dir():
        yield name
        return
    folder = os.open(address.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{address.name}"
    finally:
        os.close(folder)


# --- the pool
class Pool:
    """Forks for whoever asks at `address`, until `lifeline` (a file) ends; then until the last child has ended."""

    def __init__(self, address: Path, main: Main, loaded: str, lifeline: int, lock: int) -> None:
        """`loaded`: the stamp of its code; `lock`: a file that keeps others from the address until this one closes."""
        self.address, self.main, self.stamp, self.lifeline, self.lock = address, main, loaded, lifeline, lock
        self._stay: set[int] = set()
        self.pid = os.getpid()
        self._selector = selectors.DefaultSelector()
        self._children: dict[int, socket.socket] = {}
        self._listener: socket.socket | None = None
        self._woken, self._waker = socket.socketpair()

    def serve(self) -> None:
        """Returns when it has nothing left to do. Raises OSError where the socket cannot be made."""
        self._listener = self._listen()
        for end in (self._woken, self._waker):
            end.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno())
        signal.signal(signal.SIGCHLD, _nothing)
        signal.signal(signal.SIGTERM, lambda *_: self._close())
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._selector.register(self.lifeline, selectors.EVENT_READ)
        while self._listener is not None or self._children:
            for key, _ in self._selector.select():
                if key.fileobj is self._listener:
                    self._take()
                elif key.fileobj is self._woken:
                    self._reap()
                elif key.fd == self.lifeline:
                    if not os.read(self.lifeline, 4096):
                        self._close()
                elif key.fileobj in self._children.values():
                    self._left(key.fileobj)  # type: ignore[arg-type]

    def _listen(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with contextlib.suppress(FileNotFoundError):
            self.address.unlink()
        before = os.umask(0o177)
        try:
            with _reachable(self.address) as name:
                listener.bind(name)
        finally:
            os.umask(before)
        listener.listen(64)
        return listener

    def _close(self) -> None:
        """Take nothing new."""
        if self._listener is None:
            return
        self._selector.unregister(self._listener)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(self.lifeline)
        self._listener.close()
        self._listener = None
        with contextlib.suppress(OSError):
            self.address.unlink()
        import fcntl

        fcntl.flock(self.lock, fcntl.LOCK_UN)

    def _take(self) -> None:
        assert self._listener is not None
        connection, _ = self._listener.accept()
        connection.settimeout(REPLY_WAIT_S)  # a caller sends its few bytes at once
        files: list[int] = []
        try:
            data, files, _flags, _from = socket.recv_fds(connection, REQUEST_MAX_BYTES, 2)
            while data and not data.endswith(b"\n") and len(data) < REQUEST_MAX_BYTES:
                piece = connection.recv(REQUEST_MAX_BYTES)
                data = data + piece if piece else b""
            refused = self._fork(connection, json.loads(data), files) if data else "nothing was asked"
        except (OSError, ValueError, KeyError, TypeError) as fault:
            refused = str(fault)
        finally:
            for file in files:
                os.close(file)
        if refused:
            with contextlib.suppress(OSError):
                connection.sendall(json.dumps({"refused": refused}).encode() + b"\n")
            connection.close()

    def _fork(self, connection: socket.socket, asked: dict[str, Any], files: list[int]) -> str:
        """Returns why not: a child that cannot begin would look like a run that broke."""
        if asked["stamp"] != self.stamp:
            self._close()  # the next one loads what is there now
            return "the code has changed"
        if asked.get("ping"):
            connection.sendall(b'{"pong": true}\n')
            connection.close()
            return ""
        limits = asked["limits"]
        request = Request(
            tuple(asked["arguments"]),
            asked["folder"],
            asked["env"],
            asked["threads"],
            Limits(**limits) if limits else None,
            asked["stays"],
        )
        out, errors = files
        pid = os.fork()
        if pid == 0:
            self._become(request, connection, out, errors)
        self._children[pid] = connection
        if request.stays:
            self._stay.add(pid)
        self._selector.register(connection, selectors.EVENT_READ)
        return ""

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._woken.recv(4096):
                pass
        for pid in list(self._children):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                connection = self._children.pop(pid)
                self._stay.discard(pid)
                with contextlib.suppress(KeyError, ValueError):
                    self._selector.unregister(connection)
                with contextlib.suppress(OSError):
                    code = os.waitstatus_to_exitcode(status)
                    connection.sendall(json.dumps({"code": code}).encode() + b"\n")
                connection.close()

    def _left(self, connection: socket.socket) -> None:
        """The caller is gone: nobody follows the child any more."""
        self._selector.unregister(connection)
        for pid, other in self._children.items():
            if other is connection and pid not in self._stay:
                for end in (os.killpg, os.kill):  # it may not lead its session yet
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        end(pid, signal.SIGKILL)

    def _become(self, request: Request, connection: socket.socket, out: int, errors: int) -> None:
        """In the child: forget what was the pool's, then be what `python -m training.engine` is. Never returns."""
        code = 1
        try:
            os.setsid()
            signal.set_wakeup_fd(-1)
            for which in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(which, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            null = os.open(os.devnull, os.O_RDONLY)
            for ours, standard in ((null, 0), (out, 1), (errors, 2)):
                os.dup2(ours, standard)
            os.environ.update(request.env)
            tempfile.tempdir = None  # as the environment says, now
            logging.root.handlers.clear()  # the program says how it logs
            os.chdir(request.folder)
            if request.limits is not None:
                sys.dont_write_bytecode = True
                confine(request.limits)
            elif not request.stays:
                die_with_parent()
            if os.getppid() != self.pid:  # it went before the kernel was asked to look
                os._exit(1)
            connection.sendall(json.dumps({"pid": os.getpid()}).encode() + b"\n")
            self._forget(connection, {null, out, errors})
            code = self.main(request)
        except SystemExit as ended:  # argparse says what is wrong and leaves
            code = ended.code if isinstance(ended.code, int) else 1
        except BaseException:  # also a KeyboardInterrupt: this process ends here, whatever happens
            traceback.print_exc()
        finally:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError):
                    stream.flush()
            os._exit(code)

    def _forget(self, connection: socket.socket, files: set[int]) -> None:
        for end in (connection, *self._children.values(), self._listener, self._woken, self._waker):
            if end is not None:
                end.close()
        self._selector.close()
        for file in {self.lock, *files}:
            if file > 2:
                os.close(file)


def load_engine(transformers: bool = False) -> None:
    """Torch, the code of what is trained, and what each run writes of the packages here."""
    for module in (*MODULES, "transformers.modeling_utils") if transformers else MODULES:
        importlib.import_module(module)
    from training.engine.device import versions

    versions()


def engine_main(request: Request) -> int:
    """What `python -m training.engine` does."""
    from training.engine.__main__ import main

    if request.threads is not None:
        import torch

        torch.set_num_threads(request.threads)
    return main(list(request.arguments))


def _nothing(*_: object) -> None:
    """A signal with a handler wakes the loop; one without is not told."""


def serve(address: Path, main: Main, load: Callable[[], None], code: Callable[[], str]) -> int:
    """Load, then fork until standard input ends. A second pool at an address leaves at once."""
    import fcntl  # absent on some systems, which read the contract too

    with address.with_name(f"{address.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 0
        began, loaded = time.monotonic(), code()
        load()
        gc.collect()
        gc.freeze()  # what is loaded stays shared: no collection in a child touches its pages
        log.info("loaded in %.1f s", time.monotonic() - began)
        Pool(address, main, loaded, sys.stdin.fileno(), lock.fileno()).serve()
    return 0
