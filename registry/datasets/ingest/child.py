"""The parsing child: reads one file under limits and says what it found, as lines of JSON on standard output.

Started by `run.inspect` as `python -m registry.datasets.ingest`, with its order as JSON on standard input: `fd` (the
open file), `name`, `kind`, `limits`, `parent` (process id). By hand: `python -m registry.datasets.ingest PATH`.
Lines out: {"progress": bytes} while reading, {"report": {…}} once.
"""

from __future__ import annotations

import encodings.ascii
import encodings.cp437
import encodings.cp1252
import encodings.gb2312
import encodings.gb18030
import encodings.utf_8_sig
import hashlib
import heapq
import io
import json
import linecache
import os
import resource
import stat
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from . import cage, columnar, images, recordings, tables, text
from .archive import Zip
from .contract import MIB, Limits, Notice, RefusedError, Report
from .lines import Progress
from .sniff import check_claim, sniff

# Loaded now, because nothing can be loaded once the cage is shut: the standard library loads these when first needed.
_NEEDED_LATER = (
    heapq,
    linecache,
    encodings.ascii,
    encodings.cp437,
    encodings.cp1252,
    encodings.gb2312,
    encodings.gb18030,
    encodings.utf_8_sig,
)
_PROGRESS_EVERY_S = 0.2


def examine(
    stream: BinaryIO, *, name: str, kind: str | None = None, limits: Limits, progress: Progress | None = None
) -> Report:
    """What the file is and holds, or why it is refused. Never raises for what is in the file."""
    try:
        found, profile, warnings = _survey(stream, name=name, kind=kind, limits=limits, progress=progress)
    except RefusedError as fault:
        return Report(ok=False, refusal=fault.refusal)
    except MemoryError:
        return Report(ok=False, refusal=RefusedError("too_much_memory", limit_bytes=limits.memory_bytes).refusal)
    size_bytes, digest = _digest(stream)
    profile |= {
        "bytes": size_bytes,
        "sha256": digest,
        "warnings": [{"code": one.code, "params": one.params} for one in warnings],
    }
    return Report(ok=True, kind=found, profile=profile, warnings=tuple(warnings))


def _survey(
    stream: BinaryIO, *, name: str, kind: str | None, limits: Limits, progress: Progress | None
) -> tuple[str, dict[str, Any], list[Notice]]:
    size_bytes = stream.seek(0, os.SEEK_END)
    found = sniff(stream, size_bytes, name=name, kind=kind, limits=limits)
    if found == "text":
        return found, *text.survey(stream, limits, progress)
    if found == "csv":
        return found, *tables.survey_csv(stream, limits, progress)
    if found == "jsonl":
        return found, *tables.survey_jsonl(stream, limits, progress)
    if found == "parquet":
        return found, *columnar.survey(stream, limits, progress)
    archive = Zip(stream, size_bytes, limits)
    if recordings.holds_recordings(archive):
        sounds = recordings.Contents(archive)
        check_claim("zip", name=name, kind=kind)
        return "audio", *recordings.survey(archive, sounds, limits, progress)
    contents = images.Contents(archive)
    check_claim("zip", name=name, kind=kind)
    return "images", *images.survey(archive, contents, limits, progress)


def _digest(stream: BinaryIO) -> tuple[int, str]:
    stream.seek(0)
    digest = hashlib.file_digest(stream, "sha256")  # type: ignore[arg-type]
    return stream.seek(0, os.SEEK_END), digest.hexdigest()


def main(argv: Sequence[str] = ()) -> int:
    """Read the order, shut the cage, examine, answer. Exit code 0 whenever there is an answer."""
    started = time.monotonic()
    order = _order(argv)
    limits = Limits.from_dict(order["limits"])
    stream = order["stream"]
    if stream is None:
        _say({"report": Report(ok=False, refusal=RefusedError("unreadable").refusal).to_dict()})
        return 0
    warnings.simplefilter("ignore")
    head = stream.read(len(columnar.MAGIC))
    _warm_up(is_zip=head[:2] == b"PK", is_parquet=head == columnar.MAGIC)
    held = cage.confine(limits, parent=order["parent"])
    report = examine(stream, name=order["name"], kind=order["kind"], limits=limits, progress=_teller())
    seconds = round(time.monotonic() - started, 3)
    report = replace(report, peak_rss_bytes=peak_rss_bytes(), seconds=seconds, confinement=held)
    _say({"report": report.to_dict()})
    return 0


def _order(argv: Sequence[str]) -> dict[str, Any]:
    """What to do: from standard input, or for a file named on the command line. `stream` is None if unreadable."""
    order: dict[str, Any] = {"kind": None, "limits": {}, "parent": os.getppid()}
    try:
        if argv:
            order |= {"name": Path(argv[0]).name, "stream": Path(argv[0]).open("rb")}  # noqa: SIM115 - held to the end
        else:
            order |= json.loads(sys.stdin.buffer.read(MIB))
            order["stream"] = os.fdopen(order["fd"], "rb")
    except OSError:
        return {**order, "stream": None}
    if not stat.S_ISREG(os.fstat(order["stream"].fileno()).st_mode):
        order["stream"] = None
    return order


def _warm_up(*, is_zip: bool, is_parquet: bool) -> None:
    """Do once, on harmless data of our own, what will be done in the cage: so everything it needs is loaded.

    Run as another user afterwards, the child may not even be able to read its own interpreter's folder.
    """
    for sample in (b"a;b\n1;x\n2;\xe9\n", b'{"a": 1, "b": [1.5]}\n{"a": \n', b"Two words.\n\nMore.\n"):
        examine(io.BytesIO(sample), name="", limits=Limits())
    if is_zip:
        images.warm_up()
    if is_parquet:
        columnar.warm_up()


def _teller() -> Callable[[int], None]:
    """Tells how far reading got, a few times a second."""
    last = time.monotonic()

    def tell(done_bytes: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _PROGRESS_EVERY_S:
            last = now
            _say({"progress": done_bytes})

    return tell


def _say(what: dict[str, Any]) -> None:
    line = json.dumps(what, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    sys.stdout.buffer.write(line.encode() + b"\n")
    sys.stdout.buffer.flush()


def peak_rss_bytes() -> int:
    """The most memory this process has held. On Linux since it was started as this program, not since the fork."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024
    except (OSError, ValueError, IndexError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
