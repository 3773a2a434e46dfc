"""The processes of `make run`: started, watched, and ended to the last grandchild.

Every child gets a session of its own and carries TANDEM_RUN_ID in its environment. Jobs' processes leave their parents
on purpose, so at the end everything that carries the mark, or descends from this process, is found and ended.
"""

import contextlib
import ctypes
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.tandem.say import Trouble

MARK = "TANDEM_RUN_ID"
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LINUX = sys.platform == "linux"


@dataclass(frozen=True)
class Seen:
    """One living process, as the system tells it."""

    pid: int
    parent: int
    session: int
    zombie: bool = False


@dataclass
class Child:
    """One service: its command, its log, how to know that it is healthy."""

    name: str
    command: list[str]
    log: Path
    healthy: Callable[[], bool]
    first_to_stop: bool = False  # the worker: it must start nothing new while the rest ends
    process: subprocess.Popen[bytes] | None = None
    ready_after_s: float | None = None

    @property
    def pid(self) -> int:
        return self.process.pid if self.process else 0

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def last_words(self, lines: int = 12) -> list[str]:
        with contextlib.suppress(OSError), self.log.open("rb") as source:
            source.seek(max(0, self.log.stat().st_size - 16_384))
            return source.read().decode(errors="replace").splitlines()[-lines:]
        return []


class Household:
    """All children of one run. Used from one thread only."""

    def __init__(self, run_id: str, *, root: Path, environment: Mapping[str, str]) -> None:
        self.run_id = run_id
        self.root = root
        self.environment = {**environment, MARK: run_id}
        self.children: list[Child] = []
        self.peak_bytes: dict[int, tuple[str, int]] = {}  # pid -> (role, largest resident size seen)
        self._reaped_at = 0.0
        libc()  # loaded before the first fork, because die_with_parent runs in the child

    def adopt_orphans(self) -> None:
        """Linux: grandchildren whose parent ended come to this process, whatever they did to their environment."""
        if LINUX:
            prctl(PR_SET_CHILD_SUBREAPER)

    def start(self, child: Child) -> None:
        rotate(child.log)
        with child.log.open("wb") as sink:
            try:
                child.process = subprocess.Popen(
                    child.command,
                    cwd=self.root,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=sink,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    preexec_fn=die_with_parent if LINUX else None,
                )
            except OSError as fault:
                raise Trouble(
                    f"{child.name} could not be started: {(fault.strerror or 'unknown fault').lower()}.",
                    "run `make clean`, then the same command again",
                ) from None
        self.children.append(child)

    def check(self) -> None:
        """Raise Trouble when a child has ended by itself; collect orphans that ended."""
        if time.monotonic() - self._reaped_at > 1:
            self.reap()
        for child in self.children:
            if child.process is not None and (code := child.process.poll()) is not None:
                how = f"with code {code}" if code >= 0 else f"by signal {signal_name(-code)}"
                raise Trouble(
                    f"The {child.name} process has ended {how}; everything else is stopped too.",
                    f"read the lines above (all of them: {child.log}), then run the same command again",
                    lines=child.last_words(),
                )

    def wait_healthy(self, *, timeout_s: float, watch: Callable[[list[str]], None] = lambda waiting: None) -> None:
        """Wait until each child answers. `watch` gets the names still waited for."""
        began = time.monotonic()
        while waiting := [child for child in self.children if child.ready_after_s is None]:
            self.check()
            for child in waiting:
                if child.healthy():
                    child.ready_after_s = time.monotonic() - began
            names = [child.name for child in waiting if child.ready_after_s is None]
            if names and time.monotonic() - began > timeout_s:
                raise Trouble(
                    f"The {names[0]} process did not become healthy within {timeout_s:.0f} seconds.",
                    f"read the lines above (all of them: {waiting[0].log}), then run the same command again",
                    lines=waiting[0].last_words(),
                )
            if names:
                watch(names)
                time.sleep(0.05)

    # the end

    def stop(self, *, grace_s: float = 10.0, hurry: Callable[[], bool] = lambda: False) -> list[str]:
        """End everything of this run; returns the names of those that had to be killed.

        First the worker and the jobs' processes (engines save a checkpoint at SIGTERM, supervisors still reach web and
        tracking), then web and tracking, then whatever is left by force.
        """
        leaders = {child.pid for child in self.children if child.alive}
        later = {child.pid for child in self.children if not child.first_to_stop}
        jobs = [seen for seen in self.ours() if seen.session not in leaders | {os.getsid(0)}]
        if jobs:
            self._end(lambda: [seen for seen in self.ours() if seen.session not in later], grace_s, hurry)
        self._end(self.ours, grace_s, hurry)
        return self._kill()

    def _end(self, who: Callable[[], Iterable[Seen]], grace_s: float, hurry: Callable[[], bool]) -> None:
        """SIGTERM to each session leader (and to processes without one) once; wait until all have gone."""
        deadline = time.monotonic() + grace_s
        told: set[int] = set()
        while living := list(who()):
            leaders = {seen.session for seen in living if seen.session == seen.pid}
            for seen in living:
                # a service's own children are ended by it; everything else is told directly
                if seen.pid in told or (seen.session in leaders and seen.pid != seen.session):
                    continue
                told.add(seen.pid)
                send(seen.pid, signal.SIGTERM)
            if time.monotonic() > deadline or hurry():
                return
            time.sleep(0.03)

    def _kill(self) -> list[str]:
        roles = {child.pid: child.name for child in self.children}
        killed: dict[int, str] = {}
        deadline = time.monotonic() + 5
        while (living := self.ours()) and time.monotonic() < deadline:
            for seen in living:
                killed.setdefault(seen.pid, roles.get(seen.session) or job_role(seen.pid) or f"process {seen.pid}")
                send(seen.pid, signal.SIGKILL)
            time.sleep(0.02)
        return sorted(killed.values())

    def ours(self) -> list[Seen]:
        """Living processes of this run, this one excepted."""
        self.reap()
        return belonging(self.run_id, os.getpid())

    def reap(self) -> None:
        """Collect the children that ended, ours and the orphans we inherited."""
        self._reaped_at = time.monotonic()
        for child in self.children:
            if child.process is not None:
                child.process.poll()
        if LINUX:
            known = {child.pid for child in self.children}
            for seen in all_processes():
                if seen.zombie and seen.parent == os.getpid() and seen.pid not in known:
                    with contextlib.suppress(ChildProcessError):
                        os.waitpid(seen.pid, os.WNOHANG)

    # memory

    def measure(self) -> None:
        """Note the largest resident size of each process so far (Linux; elsewhere nothing)."""
        roles = {child.pid: child.name for child in self.children}
        for seen in belonging(self.run_id, os.getpid()):
            role = roles.get(seen.session) or job_role(seen.pid)
            size = peak_rss(seen.pid)
            if role and size > self.peak_bytes.get(seen.pid, ("", 0))[1]:
                self.peak_bytes[seen.pid] = (role, size)

    def peak_mib(self) -> dict[str, float]:
        """role -> MiB of its largest process."""
        found: dict[str, float] = {}
        for role, size in self.peak_bytes.values():
            found[role] = max(found.get(role, 0.0), round(size / 2**20, 1))
        return dict(sorted(found.items()))


def belonging(run_id: str, ancestor: int | None = None) -> list[Seen]:
    """Living processes that carry the mark of a run, or descend from `ancestor`; neither zombies nor this process."""
    everyone = {seen.pid: seen for seen in all_processes()}
    marked = with_mark(run_id)
    found = []
    for seen in everyone.values():
        if seen.zombie or seen.pid == os.getpid():
            continue
        if seen.pid in marked or (ancestor and descends(seen, ancestor, everyone)):
            found.append(seen)
    return found


def descends(seen: Seen, ancestor: int, everyone: Mapping[int, Seen]) -> bool:
    for _ in range(64):  # deeper trees do not occur; a reused pid could make a circle
        if seen.parent == ancestor:
            return True
        if seen.parent not in everyone:
            return False
        seen = everyone[seen.parent]
    return False


def all_processes() -> list[Seen]:
    if not LINUX:
        return from_ps()
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208  (called every tenth of a second)
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                with open(f"/proc/{name}/stat", "rb") as source:  # noqa: PTH123
                    fields = source.read().rpartition(b")")[2].split()  # the name in brackets may hold anything
                found.append(Seen(int(name), int(fields[1]), int(fields[3]), fields[0] in (b"Z", b"X")))
    return found


def from_ps() -> list[Seen]:
    answer = subprocess.run(
        ["ps", "-axo", "pid=,ppid=,pgid=,state="], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    rows = (row.split() for row in answer.stdout.splitlines())
    # macOS tells no session; a process group is the same thing for processes that made their own session
    return [Seen(int(r[0]), int(r[1]), int(r[2]), r[3].startswith("Z")) for r in rows if len(r) == 4]


def with_mark(run_id: str) -> set[int]:
    """Processes of this user whose environment carries the mark."""
    word = f"{MARK}={run_id}"
    found = set()
    if LINUX:
        for name in os.listdir("/proc"):  # noqa: PTH208
            if name.isdigit():
                with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as source:  # noqa: PTH123
                    if word.encode() in source.read().split(b"\0"):
                        found.add(int(name))
        return found
    answer = subprocess.run(
        ["ps", "-Eaxo", "pid=,command="], capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL
    )
    for row in answer.stdout.splitlines():
        pid, _, command = row.strip().partition(" ")
        if word in command.split():
            found.add(int(pid))
    return found


def job_role(pid: int) -> str:
    """'engine' or 'supervisor' for the processes of a job, '' for helpers."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
        if b"training.engine" in words or b"training/engine" in words:
            return "engine"
        if b"supervisor" in words or b"training.runner" in words or b"training/runner" in words:
            return "supervisor"
    return ""


def peak_rss(pid: int) -> int:
    """Bytes of VmHWM, 0 where it cannot be had."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for row in Path(f"/proc/{pid}/status").read_text().splitlines():
            if row.startswith("VmHWM:"):
                return int(row.split()[1]) * 1024
    return 0


def end_leftovers(run_id: str) -> int:
    """End what a killed earlier run has left behind; returns how many processes that were."""
    count = len(belonging(run_id))
    deadline = time.monotonic() + 10
    while (living := belonging(run_id)) and time.monotonic() < deadline:
        for seen in living:
            send(seen.pid, signal.SIGTERM)
        time.sleep(0.2)
    for seen in belonging(run_id):
        send(seen.pid, signal.SIGKILL)
    return count


def send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def rotate(log: Path) -> None:
    """Keep the previous run's log beside the new one."""
    with contextlib.suppress(FileNotFoundError):
        log.replace(log.with_suffix(log.suffix + ".1"))


@functools.cache
def libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None, use_errno=True) if LINUX else None


def prctl(option: int, value: int = 1) -> None:
    if library := libc():
        library.prctl(option, value, 0, 0, 0)


def die_with_parent() -> None:
    """In the child: a runner that is killed -9 takes its services with it."""
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
