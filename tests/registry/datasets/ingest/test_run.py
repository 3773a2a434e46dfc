"""`inspect` as the rest of the system calls it: a real child each time, whatever happens to it."""

import json
import os
import pickle
import resource
import signal
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from registry.datasets.ingest import run
from registry.datasets.ingest.contract import Limits
from registry.datasets.ingest.run import inspect
from tests.registry.datasets.ingest.looking import short
from tests.registry.datasets.ingest.zips import FULL, File, deflated_zeros, make, picture, pictures, wide

MIB = 2**20
GIB = 2**30


def test_each_kind(upload):
    assert upload(b"a,b\n1,2\n", "a.csv").kind == "csv"
    assert upload(b'{"a": 1}\n', "a.jsonl").kind == "jsonl"
    assert upload("Wörter.\n".encode(), "a.txt").kind == "text"
    report = upload(make(*pictures("a/1.png", "b/2.png")), "a.zip")
    assert (report.kind, report.profile["rows"]) == ("images", 2)
    assert report.seconds > 0
    assert "memory" in report.confinement


def test_a_chosen_kind(upload):
    assert upload(b"a,b\n1,2\n", "a.csv", kind="text").kind == "text"
    with pytest.raises(ValueError):
        upload(b"a,b\n1,2\n", "a.csv", kind="orc")


def test_the_mode_of_the_stored_file_does_not_matter(upload, tmp_path):
    """The child may be another user: it reads by the open file, not by the path."""
    path = tmp_path / "part"
    path.write_bytes(b"a,b\n1,2\n")
    path.chmod(0o400)
    tmp_path.chmod(0o700)
    assert upload(path, "a.csv").ok


@pytest.mark.parametrize(
    "name", ["", "a\0b.csv", "\udcff.csv", "x" * 5000 + ".csv", "--help", "-c.csv", "../../a.csv"], ids=short
)
def test_any_name_is_only_a_name(upload, name):
    assert upload(b"a,b\n1,2\n", name).kind == "csv"


def test_what_is_no_file(tmp_path):
    assert inspect(tmp_path, name="a.csv").refusal.code == "unreadable"
    assert inspect(tmp_path / "missing", name="a.csv").refusal.code == "unreadable"
    (tmp_path / "link").symlink_to("/etc/passwd")
    assert inspect(tmp_path / "link", name="a.csv").refusal.code == "unreadable"
    os.mkfifo(tmp_path / "pipe")
    assert inspect(tmp_path / "pipe", name="a.csv").refusal.code == "unreadable"


def test_too_big_and_empty_need_no_child(upload, monkeypatch):
    monkeypatch.setattr(run, "_Child", None)
    assert upload(b"", "a.csv").refusal.code == "empty"
    refusal = upload(b"x" * 11, "a.csv", Limits(max_bytes=10)).refusal
    assert (refusal.code, refusal.params) == ("too_big", {"size_bytes": 11, "limit_bytes": 10})


# --- bounded memory ---------------------------------------------------------------------------------------------------


def bomb(name: str) -> bytes:
    """Small files that would be huge."""
    packed = deflated_zeros(10 * GIB)
    first = pictures("a/1.png")
    return {
        "honest": lambda: make(
            *first, File("2.png", method=8, packed=packed, size=FULL, crc=1, extra=wide(10 * GIB, 0))
        ),
        "lying": lambda: make(*first, File("2.png", method=8, packed=packed, size=1000, crc=1)),
        "lying picture": lambda: make(
            *first, File("2.png", method=8, packed=deflated_zeros(10 * GIB, picture()[:40]), size=60 * MIB, crc=1)
        ),
    }[name]()


@pytest.mark.parametrize(
    ("name", "code"), [("honest", "zip_bomb"), ("lying", "zip_header_lies"), ("lying picture", "zip_header_lies")]
)
def test_ten_gigabytes_of_zeros_in_ten_megabytes(upload, name, code):
    data = bomb(name)
    assert len(data) < 12 * MIB
    report = upload(data, "a.zip")
    assert (report.refusal.code, report.refusal.where) == (code, {"member": "2.png"})
    assert report.peak_rss_bytes < 64 * MIB


def sparse(path: Path, size_bytes: int, start: bytes = b"") -> Path:
    """A file of zeros behind `start` that takes no room on the disk."""
    with path.open("wb") as file:
        file.write(start)
        file.truncate(size_bytes)
    return path


def lines(path: Path, start: bytes, block: bytes, times: int) -> Path:
    with path.open("wb") as file:
        file.write(start)
        for _ in range(times):
            file.write(block)
    return path


def test_one_endless_line(upload, tmp_path):
    for name, start in (("a.csv", b"a,b\n1,"), ("a.jsonl", b'{"a": "'), ("a.txt", b"")):
        path = lines(tmp_path / "part", start, b"x" * MIB, 100)
        report = upload(path, name)
        assert report.refusal.code == "line_too_long"
        assert report.peak_rss_bytes < 64 * MIB
    zeros = sparse(tmp_path / "part", 2 * GIB - 1, b"a,b\n")
    assert upload(zeros, "a.csv").refusal.category == "kind"


def test_many_values_take_bounded_memory(upload, tmp_path):
    block = b"".join(b"%d,%d,some words that differ %d\n" % (n, n * 7, n) for n in range(60_000))
    report = upload(lines(tmp_path / "part", b"id,b,text\n", block, 2), "a.csv")
    assert (report.profile["rows"], report.profile["columns"][0]["distinct_more"]) == (120_000, True)
    assert report.peak_rss_bytes < 80 * MIB


def test_a_picture_larger_than_the_memory_allowed(upload):
    """Pixels are counted first, so a picture that decodes to more than the cap never gets that far."""
    big = picture("PNG", (6000, 6000), mode="L")
    assert upload(make(*pictures("1.png"), File("2.png", big)), "a.zip").ok
    report = upload(make(*pictures("1.png"), File("2.png", big)), "a.zip", Limits(max_pixels=35_000_000))
    assert report.refusal.code == "image_too_many_pixels"
    assert report.peak_rss_bytes < 64 * MIB


# --- whatever happens to the child ------------------------------------------------------------------------------------


def test_out_of_memory_is_a_refusal(upload):
    big = make(*pictures("1.png"), File("2.png", picture("PNG", (6000, 6000))))
    report = upload(big, "a.zip", Limits(memory_bytes=140 * MIB))
    assert report.refusal.code == "too_much_memory"
    assert report.refusal.params == {"limit_bytes": 140 * MIB}
    assert "memory" in report.confinement  # the child said so itself


def children() -> set[int]:
    """Processes that this one has started and not yet taken leave of, dead ones too; other tests may have left some."""
    return {child.pid for child in psutil.Process().children()}


def test_out_of_processor_time_is_a_refusal(upload, tmp_path):
    path = lines(tmp_path / "part", b"a,b\n", b"1,some words\n" * 80_000, 60)
    assert upload(path, "a.csv", Limits(cpu_s=1)).refusal.code == "too_slow"


def test_out_of_time_is_a_refusal_and_nothing_is_left(upload, tmp_path):
    before = children()
    path = lines(tmp_path / "part", b"a,b\n", b"1,some words\n" * 80_000, 60)
    report = upload(path, "a.csv", Limits(wall_s=0.5))
    assert report.refusal.code == "too_slow"
    assert report.refusal.params == {"limit_s": 1}
    assert children() == before


@pytest.fixture
def another_child(monkeypatch):
    """Another program in place of our child, to see what the parent makes of it."""
    real = run.subprocess.Popen

    def another_child(body: str) -> None:
        words = [sys.executable, "-c", f"import os, sys, time, signal\n{body}"]
        monkeypatch.setattr(run.subprocess, "Popen", lambda _, **options: real(words, **options))

    return another_child


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("sys.exit(1)", "parser_died"),
        ("pass", "parser_died"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "parser_died"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "parser_died"),
        ("os.kill(os.getpid(), signal.SIGXCPU)", "too_slow"),
        ("raise MemoryError", "too_much_memory"),
        ("print('hello')", "parser_died"),
        ('print(\'{"report": {"ok": true}}\')', "parser_died"),
        ("print('[' * 100000)", "parser_died"),
        ("sys.stdout.buffer.write(bytes(1 << 20) * 20); time.sleep(60)", "parser_died"),
        ("print('nonsense', flush=True); time.sleep(60)", "parser_died"),
        ("sys.stderr.write('x' * 10_000_000); sys.exit(2)", "parser_died"),
        ("os.close(1); os.close(2); time.sleep(60)", "parser_died"),
    ],
)
def test_whatever_a_child_does_there_is_a_report(upload, monkeypatch, another_child, body, code):
    before = children()
    monkeypatch.setattr(run, "_GRACE_S", 0.2)
    another_child(body)
    began = time.monotonic()
    assert upload(b"a,b\n1,2\n", "a.csv", Limits(wall_s=20)).refusal.code == code
    assert time.monotonic() - began < 20  # none of them is waited for to the end
    assert children() == before


def test_an_answer_counts_only_once(upload, another_child):
    answer = json.dumps({"report": upload(b"a,b\n1,2\n", "a.csv").to_dict()})
    another_child(f"print({answer!r})")
    assert upload(b"a,b\n1,2\n", "a.csv").ok
    another_child(f"print({answer!r}); print({answer!r})")
    assert upload(b"a,b\n1,2\n", "a.csv").refusal.code == "parser_died"


def test_the_whole_group_goes(upload, another_child, tmp_path):
    note = tmp_path / "pid"
    body = f"pid = os.fork()\nif pid: open({str(note)!r}, 'w').write(str(pid))\ntime.sleep(60)"
    another_child(body)
    assert upload(b"a,b\n1,2\n", "a.csv", Limits(wall_s=1.0)).refusal.code == "too_slow"
    with pytest.raises(ProcessLookupError):
        for _ in range(2000):  # the grandchild is collected by the system, a moment later
            os.kill(int(note.read_text()), 0)
            if Path(f"/proc/{note.read_text()}/stat").read_text().split()[2] == "Z":
                raise ProcessLookupError
            time.sleep(0.005)


def test_somebody_else_collects_the_child(upload, monkeypatch):
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert upload(b"a,b\n1,2\n", "a.csv").ok
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_progress(upload, tmp_path):
    told = []
    path = lines(tmp_path / "part", b"a,b\n", b"1," + b"some words " * 9_000 + b"\n", 600)
    report = upload(path, "a.csv", progress=lambda done, total: told.append((done, total)))
    assert report.ok
    assert told
    assert {total for _, total in told} == {path.stat().st_size}
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_a_caller_who_gives_up_leaves_nothing_behind(upload, tmp_path):
    before = children()

    def stop(done, total):
        raise KeyboardInterrupt

    path = lines(tmp_path / "part", b"a,b\n", b"1,some words\n" * 80_000, 40)
    with pytest.raises(KeyboardInterrupt):
        upload(path, "a.csv", progress=stop)
    assert children() == before


def test_from_several_threads(tmp_path):
    found = []
    (tmp_path / "a.csv").write_bytes(b"a,b\n1,2\n")
    threads = [
        threading.Thread(target=lambda: found.append(inspect(tmp_path / "a.csv", name="a.csv").ok)) for _ in range(4)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert found == [True] * 4


def test_the_caller_stays_small(upload):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    upload(make(*pictures("1.png"), File("2.png", picture("PNG", (5000, 5000), mode="L"))), "a.zip")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60 * 1024  # the picture was made here too


class Tripwire:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def test_no_pickle_is_opened_under_any_name(upload, tmp_path):
    tmp_path.chmod(0o777)  # the child may be nobody: it must be able to touch the canary if it ran the pickle
    canary = tmp_path / "canary"
    for protocol in (0, pickle.HIGHEST_PROTOCOL):
        data = pickle.dumps(Tripwire(canary), protocol)
        for name, content in (
            ("data.csv", data),
            ("model.pt", data),
            ("images.zip", make(*pictures("a/1.png"), File("a/2.png", data))),
        ):
            assert upload(content, name).refusal.code == "pickle"
    assert not canary.exists()
