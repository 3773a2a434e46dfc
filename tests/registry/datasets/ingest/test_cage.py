"""What the child can no longer do. Each probe runs in a process of its own, which shuts the cage and then tries."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from registry.datasets.ingest import cage
from registry.datasets.ingest.contract import Limits

ROOT = Path(cage.__file__).parents[3]
START = """
import os, resource, signal, socket, sys, threading
from registry.datasets.ingest import cage
from registry.datasets.ingest.contract import Limits
held = cage.confine(Limits(**{limits}), parent=os.getppid())
"""


def probe(script: str, **limits) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-P", "-c", START.format(limits=limits) + script],
        capture_output=True,
        text=True,
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT)},
        cwd="/",
        timeout=60,
        check=False,
    )


def test_memory_is_bounded():
    done = probe("bytearray(100 * 2**20)", memory_bytes=90 * 2**20)
    assert "MemoryError" in done.stderr
    assert probe("bytearray(100 * 2**20)", memory_bytes=300 * 2**20).returncode == 0


def test_processor_time_is_bounded():
    done = probe("while True: pass", cpu_s=1)
    assert done.returncode < 0


def test_no_file_can_be_written(tmp_path):
    target = tmp_path / "target"
    target.touch()
    target.chmod(0o666)
    tmp_path.chmod(0o777)
    for folder in tmp_path.parents[:2]:
        folder.chmod(folder.stat().st_mode | 0o755)
    done = probe(
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        f"os.write(os.open({str(target)!r}, os.O_WRONLY), b'x'); print('written')"
    )
    assert "File too large" in done.stderr or "Permission" in done.stderr
    assert "written" not in done.stdout
    assert target.read_text() == ""


def test_few_files_can_be_open():
    done = probe("files = [os.dup(0) for _ in range(100)]", max_open_files=20)
    assert "Too many open files" in done.stderr


def test_no_child_can_be_started():
    done = probe("print('no_children' in held); os.fork()")
    if "False" in done.stdout:
        pytest.skip("the superuser, by whatever name, may start as many as they like")
    assert "BlockingIOError" in done.stderr


def test_the_network_is_out_of_reach():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = probe(f"print('no_network' in held); socket.socket().connect(('127.0.0.1', {port})); print('there')")
    tries = [
        subprocess.run(["unshare", *words, "true"], capture_output=True, check=False) for words in (["-n"], ["-Un"])
    ]
    if all(one.returncode for one in tries):
        pytest.skip("this machine lets nobody make a network of their own")
    assert "True" in done.stdout
    assert "Network is unreachable" in done.stderr
    assert "there" not in done.stdout


def test_the_superuser_becomes_nobody():
    done = probe("print(os.getuid(), os.geteuid(), os.getgroups())")
    if os.geteuid():
        pytest.skip("not the superuser")
    assert done.stdout.split()[:2] == ["65534", "65534"]
    assert "[]" in done.stdout


def test_without_the_parent_there_is_no_child():
    script = START.format(limits={}).replace("os.getppid()", "1234567") + "print('still here')"
    done = subprocess.run(
        [sys.executable, "-P", "-c", script],
        capture_output=True,
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT)},
        cwd="/",
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, b"")


def test_what_held_is_said():
    done = probe("print(*held)", max_open_files=Limits().max_open_files)
    held = done.stdout.split()
    assert {"memory", "cpu", "no_files_written", "few_open_files", "no_core"} <= set(held)
    if sys.platform == "linux":
        assert {"dies_with_parent", "no_new_rights"} <= set(held)
