"""The child as a program: by hand, by order, and what it loads."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from registry.datasets.ingest import child
from registry.datasets.ingest.contract import Limits, Report
from tests.registry.datasets.ingest.zips import make, pictures

ROOT = Path(child.__file__).parents[3]


def python(*words: str, **options) -> subprocess.CompletedProcess:
    environment = {"PATH": os.defpath, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-P", *words],
        capture_output=True,
        env=environment,
        cwd="/",
        timeout=60,
        check=False,
        **options,
    )


def test_by_hand(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n")
    done = python("-m", "registry.datasets.ingest", str(path))
    report = Report.from_dict(json.loads(done.stdout)["report"])
    assert (report.kind, report.profile["rows"]) == ("csv", 1)
    assert 0 < report.peak_rss_bytes < 64 * 2**20


@pytest.mark.parametrize("what", ["folder", "missing", "pipe"])
def test_what_is_no_file(tmp_path, what):
    if what == "folder":
        (tmp_path / what).mkdir()
    if what == "pipe":
        os.mkfifo(tmp_path / what)
        holder = os.open(tmp_path / what, os.O_RDWR)  # else the child would wait for a writer
    done = python("-m", "registry.datasets.ingest", str(tmp_path / what))
    assert Report.from_dict(json.loads(done.stdout)["report"]).refusal.code == "unreadable"
    if what == "pipe":
        os.close(holder)


def test_a_wrong_order_is_no_answer():
    for order in (b"", b"{}", b"nonsense", b'{"fd": 99}', b'{"fd": 0, "limits": {"max_rowz": 1}}'):
        done = python("-m", "registry.datasets.ingest", input=order)
        assert done.returncode or b"unreadable" in done.stdout


def test_an_orphan_says_nothing(tmp_path):
    """Whoever asked is gone: nobody would collect the answer."""
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n")
    with path.open("rb") as file:
        order = {"fd": file.fileno(), "parent": 1, "name": "a.csv", "kind": None, "limits": Limits().to_dict()}
        done = python("-m", "registry.datasets.ingest", input=json.dumps(order).encode(), pass_fds=[file.fileno()])
    assert (done.returncode, done.stdout) == (3, b"")


def test_the_parent_loads_no_image_library_and_nothing_heavy():
    done = python("-c", "import sys, registry.datasets.ingest.run; print(*sys.modules)")
    loaded = set(done.stdout.decode().split())
    assert "registry.datasets.ingest.contract" in loaded
    assert not loaded & {"PIL", "django", "numpy", "torch", "pandas", "zipfile", "csv", "pickle"}


def test_the_child_loads_libraries_only_for_what_needs_them_and_never_pickle(tmp_path):
    script = (
        "import sys, io; from registry.datasets.ingest import child;"
        "child._warm_up(is_zip={zip}, is_parquet={parquet});print(*sys.modules)"
    )
    loaded = set(python("-c", script.format(zip=False, parquet=True)).stdout.decode().split())
    assert "pyarrow" in loaded and not loaded & {"django", "torch", "PIL", "pandas"}
    for is_zip in (False, True):
        loaded = set(python("-c", script.format(zip=is_zip, parquet=False)).stdout.decode().split())
        assert ("PIL" in loaded) is is_zip and "pyarrow" not in loaded
        assert not loaded & {"django", "numpy", "torch", "pickle", "zipfile", "tarfile"}


def test_what_was_warmed_up_is_all_that_is_needed(tmp_path):
    """In the cage nothing can be loaded; so examining may load nothing that warming up has not."""
    files = {
        "a.csv": b"a;b;c\n1;x;2,5\n2;x;3,5\n" + b"3;y;1\n" * 3000,
        "b.jsonl": b'{"a": 1, "b": "x"}\n' * 3000,
        "c.txt": b"some words\r" * 3000,
        "d.zip": make(*pictures("a/1.png", "b/2.png")),
        "e.csv": "名,b\n".encode("gb18030"),
        "f.txt": b"caf\xe9\n",
        "g.zip": make(*pictures("a/1.png"))[:-40],
        "h.csv": b"\x1f\x8bxx",
        "i.csv": b'a,b\n"x"y,1\n',
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    script = f"""
import sys, io, pathlib
from registry.datasets.ingest import child
from registry.datasets.ingest.contract import Limits
child._warm_up(is_zip=True)
before = set(sys.modules)
for path in sorted(pathlib.Path({str(tmp_path)!r}).iterdir()):
    report = child.examine(path.open("rb"), name=path.name, limits=Limits(), progress=child._teller())
    child._say({{"report": report.to_dict()}})
child.peak_rss_bytes()
print("LOADED", *(set(sys.modules) - before))
"""
    done = python("-c", script)
    assert done.stdout.decode().rpartition("LOADED")[2].split() == [], done.stderr
