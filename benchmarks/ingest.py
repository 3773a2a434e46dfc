"""How fast uploads are read, and how much memory it takes: `python -m benchmarks.ingest [--json] [--scale 1.0]`.

Makes its own files in a temporary folder, reads each through the real child process, and prints megabytes, rows or
images per second, the child's peak memory, and how long hostile files take to be refused.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from registry.datasets.ingest.contract import GIB, MIB, Limits
from registry.datasets.ingest.run import inspect

WORDS = ("the", "model", "reads", "a", "line", "of", "text", "and", "learns", "what", "comes", "next", "from", "many")


def main() -> int:
    """Run all cases and print a table (or JSON)."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--json", action="store_true")
    words.add_argument("--scale", type=float, default=1.0, help="size of the files, 1 is about 50 MB each")
    order = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="ingest-") as folder:
        found = [measure(name, make, Path(folder), order.scale) for name, make in CASES.items()]
    if order.json:
        print(json.dumps(found, indent=1))
        return 0
    print(f"{'file':<22}{'MB':>8}{'s':>8}{'MB/s':>8}{'rows/s':>10}{'peak MB':>9}  answer")
    for one in found:
        rows = f"{one['rows'] / one['seconds']:,.0f}" if one["rows"] else ""
        megabytes = one["bytes"] / 1e6
        print(
            f"{one['file']:<22}{megabytes:>8.1f}{one['seconds']:>8.2f}{megabytes / one['seconds']:>8.1f}{rows:>10}"
            f"{one['peak_rss_bytes'] / 1e6:>9.1f}  {one['answer']}"
        )
    return 0


def measure(name: str, make: Callable[[Path, float], None], folder: Path, scale: float) -> dict[str, Any]:
    """Make one file, read it, and say how it went. Times in seconds, sizes in bytes."""
    path = folder / name
    make(path, scale)
    report = inspect(path, name=name, limits=Limits(wall_s=600, cpu_s=600))
    size_bytes = path.stat().st_size
    path.unlink()
    return {
        "file": name,
        "bytes": size_bytes,
        "rows": (report.profile or {}).get("rows"),
        "seconds": report.seconds,
        "peak_rss_bytes": report.peak_rss_bytes,
        "answer": report.kind if report.ok else report.refusal and report.refusal.code,
    }


def sentence(dice: random.Random, words: int) -> str:
    """Some words."""
    return " ".join(dice.choices(WORDS, k=words))


def repeated(path: Path, block: bytes, scale: float, start: bytes = b"") -> None:
    """A file of about 50 MB times `scale`."""
    with path.open("wb") as file:
        file.write(start)
        for _ in range(max(1, int(50e6 * scale / len(block)))):
            file.write(block)


def text(path: Path, scale: float) -> None:
    """Prose, one paragraph per line."""
    dice = random.Random(1)
    repeated(path, "".join(f"{sentence(dice, 40)}\n" for _ in range(2_000)).encode(), scale)


def reviews(path: Path, scale: float) -> None:
    """Text and label."""
    dice = random.Random(2)
    rows = (f'{n},"{sentence(dice, 20)}, they say",{dice.choice("ab")}\n' for n in range(5_000))
    repeated(path, "".join(rows).encode(), scale, b"id,text,label\n")


def numbers(path: Path, scale: float) -> None:
    """Twenty columns of numbers."""
    dice = random.Random(3)
    rows = (",".join(f"{dice.gauss(0, 1):.4f}" for _ in range(20)) + "\n" for _ in range(3_000))
    repeated(path, "".join(rows).encode(), scale, ",".join(f"x{n}" for n in range(20)).encode() + b"\n")


def objects(path: Path, scale: float) -> None:
    """JSON lines."""
    dice = random.Random(4)
    rows = ({"id": n, "text": sentence(dice, 20), "label": dice.choice("ab"), "score": n / 7} for n in range(5_000))
    repeated(path, "".join(json.dumps(row) + "\n" for row in rows).encode(), scale)


def images(kind: str, side: int, count: int) -> Callable[[Path, float], None]:
    """A zip of noisy images in two folders."""

    def make(path: Path, scale: float) -> None:
        from PIL import Image  # only to make the files; the reading happens in the child

        with zipfile.ZipFile(path, "w") as archive:
            for at in range(max(1, int(count * scale))):
                file = io.BytesIO()
                Image.effect_noise((side, side), 40 + at % 50).convert("RGB").save(file, kind)
                archive.writestr(f"{'ab'[at % 2]}/{at}.{kind.lower()}", file.getvalue())

    return make


def bomb(path: Path, scale: float) -> None:
    """10 GiB of zeros in 10 MB, under a header that says 1,000 bytes."""
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = engine.compress(bytes(MIB)) + engine.flush(zlib.Z_FULL_FLUSH)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/1.png", b"")
    packed = block * (10 * GIB // MIB) + b"\x03\x00"
    head = b"PK\x03\x04" + bytes([20, 0, 0, 0, 8, 0]) + bytes(8) + len(packed).to_bytes(4, "little")
    head += (1000).to_bytes(4, "little") + (5).to_bytes(2, "little") + bytes(2) + b"1.png"
    listed = b"PK\x01\x02" + bytes([20, 0, 20, 0, 0, 0, 8, 0]) + bytes(8) + len(packed).to_bytes(4, "little")
    listed += (1000).to_bytes(4, "little") + (5).to_bytes(2, "little") + bytes(16) + b"1.png"
    size, offset = len(listed).to_bytes(4, "little"), (len(head) + len(packed)).to_bytes(4, "little")
    path.write_bytes(
        head + packed + listed + b"PK\x05\x06" + bytes([0, 0, 0, 0, 1, 0, 1, 0]) + size + offset + bytes(2)
    )


def endless(path: Path, scale: float) -> None:
    """One line of 500 MB."""
    with path.open("wb") as file:
        file.write(b"a,b\n1,")
        for _ in range(500):
            file.write(b"x" * 1_000_000)


CASES: dict[str, Callable[[Path, float], None]] = {
    "prose.txt": text,
    "reviews.csv": reviews,
    "numbers.csv": numbers,
    "objects.jsonl": objects,
    "small-png.zip": images("PNG", 28, 10_000),
    "photos-jpeg.zip": images("JPEG", 512, 500),
    "photos-webp.zip": images("WEBP", 512, 200),
    "bomb.zip": bomb,
    "endless.csv": endless,
}


if __name__ == "__main__":
    sys.exit(main())
