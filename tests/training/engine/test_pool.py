"""A pool forks at once what would take seconds to load, and nothing that it forked outlives whoever asked for it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from training.engine import pool
from training.engine.confining import Limits
from training.engine.pool import Forked, NoPoolError, Request, answers, ask

ROOT = Path(__file__).parents[3]
CODE = "as it was loaded"
MiB = 1 << 20

# What a child of the pool does: a small language, so that a test sees each promise from inside.
PROGRAM = """
import logging, os, resource, signal, socket, sys, time
from pathlib import Path
from training.engine import pool

def main(asked):
    verb, *rest = asked.arguments
    if verb == "say":
        print(*rest); print("and that", file=sys.stderr)
    elif verb == "where":
        print(os.getcwd(), os.environ.get("OWN"), os.getsid(0) == os.getpid(), sys.stdin.read() == "")
    elif verb == "exit":
        sys.exit(int(rest[0]) if rest[0].isdigit() else rest[0])
    elif verb == "raise":
        raise RuntimeError(rest[0])
    elif verb == "signals":
        print(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, signal.set_wakeup_fd(-1))
    elif verb == "log":
        logging.basicConfig(level="INFO", stream=sys.stdout, format="own: %(message)s")
        logging.info("said")
    elif verb == "files":
        print(*sorted(os.readlink(f"/proc/self/fd/{n}").split(":")[0] for n in os.listdir("/proc/self/fd")
            if os.path.exists(f"/proc/self/fd/{n}") or os.path.islink(f"/proc/self/fd/{n}")))
    elif verb == "allocate":
        print(len(bytearray(int(rest[0]))))
    elif verb == "write":
        Path(rest[0]).write_bytes(b"x" * int(rest[1]))
    elif verb == "connect":
        socket.create_connection(("127.0.0.1", int(rest[0])), 2)
    elif verb == "spin":
        while True: pass
    elif verb == "stay":
        Path(rest[0]).write_text(str(os.getpid())); time.sleep(60)
    return 0

logging.basicConfig(level="INFO", format="the pool: %(message)s")
sys.exit(pool.serve(Path(sys.argv[1]), main, lambda: None, lambda: sys.argv[2]))
"""


@dataclass
class Served:
    """A pool as a process, and what its children wrote."""

    address: Path
    process: subprocess.Popen[bytes]
    pipes: dict[int, tuple[int, int]] = field(default_factory=dict)

    def ask(self, *arguments: str, code: str = CODE, **more) -> Forked:
        (out, out_end), (errors, errors_end) = os.pipe(), os.pipe()
        try:
            child = ask(self.address, Request(arguments, str(self.address.parent), **more), out_end, errors_end, code)
        finally:
            os.close(out_end)
            os.close(errors_end)
        self.pipes[child.pid] = out, errors
        return child

    def said(self, child: Forked) -> tuple[str, str]:
        """What it wrote to its two files, until it ended."""
        texts = []
        for pipe in self.pipes[child.pid]:
            with os.fdopen(pipe, "rb") as file:
                texts.append(file.read().decode())
        return texts[0], texts[1]


@pytest.fixture(scope="module")
def serve(tmp_path_factory) -> Iterator[Callable[..., Served]]:
    started = []

    def start(address: Path | None = None, code: str = CODE) -> Served:
        address = address or tmp_path_factory.mktemp("pool") / "engine.pool"
        command = [sys.executable, "-c", PROGRAM, str(address), code]
        env = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"} | {"PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, start_new_session=True)
        started.append(process)
        until(lambda: answers(address, code) or process.poll() is not None)
        return Served(address, process)

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="module")
def served(serve) -> Served:
    """One pool for all tests that leave it as it is."""
    return serve()


def until(reached: Callable[[], bool], timeout_s: float = 30) -> None:
    end = time.monotonic() + timeout_s
    while not reached():
        assert time.monotonic() < end, "it was never reached"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_child_is_what_the_program_would_be(served: Served):
    child = served.ask("say", "这", "and", "more")
    assert child.wait(20) == 0
    assert served.said(child) == ("这 and more\n", "and that\n")

    child = served.ask("where", env={"OWN": "one"})
    assert served.said(child)[0] == f"{served.address.parent} one True True\n"
    child = served.ask("log")
    assert served.said(child) == ("own: said\n", "")
    again = served.ask("where")
    assert " None " in served.said(again)[0], "what one child is told is not told to the next"


@pytest.mark.parametrize(
    ("arguments", "code"), [(("exit", "0"), 0), (("exit", "7"), 7), (("exit", "why"), 1), (("raise", "broke"), 1)]
)
def test_the_exit_code_is_that_of_a_process_of_its_own(served: Served, arguments: tuple[str, ...], code: int):
    child = served.ask(*arguments)

    assert child.wait(20) == code
    assert child.poll() == code and not child.lost
    assert ("broke" in served.said(child)[1]) == (arguments[0] == "raise")


def test_many_at_once_each_get_their_own_answer(served: Served):
    children = [served.ask("say", str(n)) for n in range(12)]

    assert [served.said(child)[0] for child in children] == [f"{n}\n" for n in range(12)]
    assert [child.wait(20) for child in children] == [0] * 12
    assert len({child.pid for child in children}) == 12


def test_a_child_keeps_nothing_of_the_pool(served: Served):
    """A socket of another child held open would hide that its caller is gone."""
    other = served.ask("stay", str(served.address.parent / "other"))
    child = served.ask("files")
    out, _ = served.said(child)
    assert out.split().count("socket") == 0, out
    assert str(served.address) not in out and "anon_inode" not in out

    child = served.ask("signals")
    assert served.said(child)[0] == "True -1\n"
    other.kill()
    assert other.wait(20) == -signal.SIGKILL


def test_a_child_is_confined_as_it_was_asked(served: Served, tmp_path: Path):
    limits = Limits(wall_s=1, memory_bytes=1024 * MiB, file_bytes=1000)
    whole = served.ask("allocate", str(8 * MiB), limits=limits)
    assert served.said(whole)[0] == f"{8 * MiB}\n"
    for arguments, ends in (
        (("allocate", str(2048 * MiB)), 1),
        (("write", str(tmp_path / "long"), "2000"), 1),
        (("write", str(tmp_path / "short"), "1000"), 0),
        (("spin",), -signal.SIGKILL),
    ):
        child = served.ask(*arguments, limits=limits)
        assert child.wait(20) == ends, served.said(child)
    assert (tmp_path / "long").stat().st_size <= 1000
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        free, bound = served.ask("connect", port), served.ask("connect", port, limits=limits)
        assert (free.wait(20), bound.wait(20)) == (0, 1)


def test_a_child_ends_with_its_caller_unless_it_stays(served: Served, tmp_path: Path):
    caller = f"""
import os, time
from pathlib import Path
from training.engine.pool import Request, ask
requests = [Request(("stay", {str(tmp_path)!r} + "/" + name), "/", stays=name == "stays") for name in ("goes", "stays")]
kept = [ask(Path({str(served.address)!r}), request, 1, 2, {CODE!r}) for request in requests]
time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", caller], env=os.environ | {"PYTHONPATH": str(ROOT)})
    files = [tmp_path / "goes", tmp_path / "stays"]
    until(lambda: all(file.exists() and file.read_text() for file in files))
    goes, stays = (int(file.read_text()) for file in files)
    assert alive(goes) and alive(stays)

    process.kill()
    process.wait()

    until(lambda: not alive(goes))
    assert alive(stays)
    os.kill(stays, signal.SIGKILL)
    until(lambda: not alive(stays))


def test_a_child_ends_with_a_pool_that_is_killed_and_its_caller_learns_of_it(serve, tmp_path: Path):
    served = serve()
    child = served.ask("stay", str(tmp_path / "pid"))
    assert child.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.01)

    served.process.kill()

    assert child.wait(20) == -signal.SIGKILL
    assert child.lost
    until(lambda: not alive(child.pid))
    with pytest.raises(NoPoolError):
        served.ask("say", "anything")
    assert not answers(served.address, CODE)


@pytest.mark.parametrize("how", ["its starter is gone", "asked to end", "other code"])
def test_a_pool_that_closes_ends_with_its_last_child_and_leaves_the_place_to_the_next(serve, tmp_path: Path, how: str):
    served = serve()
    child = served.ask("stay", str(tmp_path / "pid"))
    if how == "its starter is gone":
        served.process.stdin.close()
    elif how == "asked to end":
        served.process.terminate()
    else:
        with pytest.raises(NoPoolError, match="the code has changed"):
            served.ask("say", "anything", code="as it is now")
    until(lambda: not served.address.exists())

    after = serve(served.address, code="as it is now")
    assert after.process.poll() is None, "the next one waits for no child"
    assert served.process.poll() is None and child.poll() is None
    new = after.ask("say", "new", code="as it is now")
    assert after.said(new)[0] == "new\n"

    child.kill()
    assert child.wait(20) == -signal.SIGKILL
    assert served.process.wait(20) == 0
    assert answers(after.address, "as it is now"), "the socket of the next one stays"


def test_a_second_pool_at_an_address_leaves_at_once(serve, served: Served):
    second = serve(served.address)
    assert second.process.wait(20) == 0
    assert served.process.poll() is None and answers(served.address, CODE)


def test_a_name_that_is_too_long_for_a_socket_is_reached_too(serve, tmp_path: Path):
    folder = tmp_path / ("long-" * 20) / ("longer-" * 20)
    folder.mkdir(parents=True)
    served = serve(folder / "engine.pool")
    assert served.ask("say", "x").wait(20) == 0
    assert (folder / "engine.pool").stat().st_mode & 0o077 == 0, "nobody else asks it"


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (b"not JSON\n", "Expecting value"),
        (b"[]\n", "list indices"),
        (b"{}\n", "stamp"),
        (json.dumps({"stamp": CODE}).encode() + b"\n", "limits"),
        (json.dumps({"stamp": CODE, "limits": None, "arguments": [], "folder": "/"}).encode() + b"\n", "env"),
    ],
)
def test_what_is_no_request_is_refused_and_the_pool_goes_on(served: Served, sent: bytes, says: str):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(served.address))
        connection.sendall(sent)
        assert says in json.loads(connection.recv(4096))["refused"]
    assert served.ask("say", "x").wait(20) == 0


def test_a_caller_that_leaves_in_the_middle_of_its_request_holds_nobody_up(served: Served):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(served.address))
        connection.sendall(b'{"stamp": ')
    assert served.ask("say", "x").wait(20) == 0


def test_a_request_may_come_in_pieces(served: Served):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(served.address))
        for piece in (b'{"stamp": "%s", ' % CODE.encode(), b'"ping"', b": true}", b"\n"):
            connection.sendall(piece)
            time.sleep(0.01)
        assert json.loads(connection.recv(4096)) == {"pong": True}


def test_replies_may_come_together():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b'{"pid": 1}\n{"code": 3}\n{"half"')
        replies = pool._Messages(ours)
        assert (replies.read(), replies.read()) == ({"pid": 1}, {"code": 3})
        theirs.close()
        assert replies.read() is None


def test_what_is_over_leaves_nothing_open_in_the_pool(served: Served):
    served.ask("say", "x").wait(20)
    files = Path(f"/proc/{served.process.pid}/fd")
    before = len(list(files.iterdir()))
    for _ in range(10):
        served.ask("exit", "1").wait(20)
    until(lambda: len(list(files.iterdir())) <= before + 2)  # two files and a connection for each, while it is not over


def test_a_request_that_is_too_long_is_refused_before_it_is_sent(served: Served):
    with pytest.raises(NoPoolError, match="too long"):
        served.ask("say", "x" * pool.REQUEST_MAX_BYTES)


def test_the_stamp_changes_with_the_code(tmp_path: Path):
    (tmp_path / "inner").mkdir()
    file = tmp_path / "inner" / "one.py"
    file.write_text("a = 1")
    before = pool.stamp(tmp_path)
    (tmp_path / "notes.txt").write_text("no code")
    assert pool.stamp(tmp_path) == before
    file.write_text("a = 1  # longer")
    changed = pool.stamp(tmp_path)
    (tmp_path / "two.py").write_text("")
    assert len({before, changed, pool.stamp(tmp_path)}) == 3
