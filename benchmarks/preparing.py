"""Peak memory and time of preparing a corpus: one text, rows of a table with every filter, and rows with answers.

    python -m benchmarks.preparing [--megabytes 200] [--only text] [--json]

The corpus is made anew each time: words drawn by Zipf's law, so that it has a vocabulary like a language's, with some
rows that repeat. Each preparation is a process of its own; what counts is the most memory the system ever gave it,
libraries included. Fails when that is more than 1,000 MB.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

LIMIT_MB = 1_000
WORDS, WORDS_A_ROW, ROWS_AT_ONCE = 50_000, 70, 2_000
COLUMNS = {  # by role; others stand in the corpus too
    "causal-lm": {"text": "body"},
    "text-classification": {"text": "body", "label": "topic"},
    "token-classification": {"text": "body", "label": "tags"},
    "sentence-embedding": {"text": "body", "pair": "other"},
    "extractive-qa": {"question": "other", "context": "body", "answer": "first"},
}
BESIDE: dict[str, Callable[[str, int], str]] = {  # what stands in a column, beside the text, in row n
    "topic": lambda line, n: str(n % 5),
    "tags": lambda line, n: " ".join("OB"[len(word) % 2] + "-x" * (len(word) % 2) for word in line.split()),
    "other": lambda line, n: line[: len(line) // 2],
    "first": lambda line, n: line.split()[0],
}
VERSION = "8a4f6f0e-3d2a-4a3e-9d53-2f3a1e0b6c11"
FILTERS = {"unicode": True, "duplicates": True, "near_duplicates": True, "languages": ["en"], "pii": "mask"}
CASES: dict[str, dict[str, Any]] = {
    "text": {"task": "causal-lm", "kind": "text", "tokenizer": {"kind": "char"}},
    "filters": {"task": "causal-lm", "kind": "csv", "tokenizer": {"kind": "char"}, "clean": FILTERS},
    "labels": {"task": "text-classification", "kind": "csv", "tokenizer": {"kind": "char"}},
    "tags": {"task": "token-classification", "kind": "csv", "tokenizer": {"kind": "char"}},
    "pairs": {"task": "sentence-embedding", "kind": "csv", "tokenizer": {"kind": "char"}},
    "answers": {"task": "extractive-qa", "kind": "csv", "tokenizer": {"kind": "char"}},
}


def write_corpus(path: Path, kind: str, size: int, columns: tuple[str, ...] = ()) -> int:
    """A corpus of about so many bytes; returns its rows."""
    chance = np.random.default_rng(7)
    letters = np.array(list("etaoinshrdlucmfwypvbgkjqxz"))
    words = ["the", "of", "and", "to", "in", "is", "that", "it"]
    words += ["".join(letters[chance.zipf(1.3, chance.integers(2, 12)) % 26]) for _ in range(WORDS)]
    table = np.array(words, dtype=object)
    share = 1 / np.arange(1, len(words) + 1)
    share /= share.sum()
    rows = written = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        if kind == "csv":
            file.write(",".join(["body", *columns]) + "\n")
        drawn = table[chance.choice(len(words), (10 * ROWS_AT_ONCE, WORDS_A_ROW // 2), p=share)]
        halves = np.array([" ".join(row) for row in drawn], dtype=object)
        while written < size:
            both = chance.integers(len(halves), size=(ROWS_AT_ONCE, 2))
            lines = [f"{one} {other}" for one, other in halves[both]]
            lines[1::50] = lines[0::50]  # one in fifty repeats
            rest = (",".join([line, *(BESIDE[name](line, n) for name in columns)]) for n, line in enumerate(lines))
            written += file.write("".join(f"{line}\n" for line in rest))
            rows += ROWS_AT_ONCE
    return rows


def prepare(name: str, path: Path, folder: Path) -> None:
    """In a process of its own: prepare, and print what it took."""
    from training.engine.contract import InputData, Spec
    from training.engine.errors import Stop
    from training.engine.prepare import prepared_folder
    from training.engine.registry import task_module

    case = CASES[name]
    columns = {} if case["kind"] == "text" else COLUMNS[case["task"]]
    spec = Spec.from_json(
        {
            "v": 1,
            "task": case["task"],
            "data": {"dataset_version": VERSION, "columns": columns, "clean": case.get("clean", {})},
            "tokenizer": case["tokenizer"],
            "model": {"arch": "gpt" if case["task"] == "causal-lm" else "bert", "size": "nano"},
            "train": {"epochs": 1},
        }
    )
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    data = InputData(path=str(path), kind=case["kind"], sha256=digest.hexdigest(), profile={"delimiter": ","})
    began = time.monotonic()
    _, meta = prepared_folder(spec, data, task_module(spec.task).Task(spec, Stop()), folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = {"seconds": round(time.monotonic() - began, 1), "peak_mb": round(peak)}
    print(json.dumps(told | {"cleaned": meta["facts"].get("cleaned")}))


def main() -> int:
    """Returns 1 when a preparation took more memory than is promised."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--only", choices=CASES, action="append")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        prepare(chosen.child[0], Path(chosen.child[1]), Path(chosen.child[2]))
        return 0
    found: dict[str, Any] = {}
    for name in chosen.only or CASES:
        with tempfile.TemporaryDirectory(prefix="tandem-preparing-") as folder:
            path = Path(folder) / "corpus"
            beside = (
                () if CASES[name]["kind"] == "text" else tuple(set(COLUMNS[CASES[name]["task"]].values()) - {"body"})
            )
            rows = write_corpus(path, CASES[name]["kind"], chosen.megabytes * 10**6, beside)
            command = [sys.executable, "-m", "benchmarks.preparing", "--child", name, str(path), folder]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found[name] = {"rows": rows, "megabytes": round(path.stat().st_size / 1e6)} | json.loads(done.stdout)
        one = found[name]
        if not chosen.json:
            size = f"{one['megabytes']:>6,} MB {rows:>10,} rows"
            print(f"{name:<8} {size} {one['seconds']:>8,} s {one['peak_mb']:>6,} MB at most  {one['cleaned'] or ''}")
    if chosen.json:
        print(json.dumps(found))
    return int(any(one["peak_mb"] > LIMIT_MB for one in found.values()))


if __name__ == "__main__":
    sys.exit(main())
