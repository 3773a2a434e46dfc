"""The engine beside Hugging Face Trainer, Lightning and LitGPT: same net, same batches, same threads, taking turns.

    python -m benchmarks.engine_peers [--quick] [--nets a b bert] [--rounds 7] [--text FILE] [--json FILE]

GPT a: 0.8 M parameters (4 layers, 4 heads, width 128, context 64, batch 12). GPT b: 10.6 M (6, 6, 384, 256, 16).
Character level, fp32 and bf16. BERT: 4 layers, 4 heads, width 256, classes of rows of 3 to 256 tokens, 32 at a time.
Every trainer is a process of its own that stays while the rounds go on; in each round each trains a block of steps
while the others wait. Medians of the rounds count; ratios are medians of the ratios within rounds. The limit is what
matrix products of the net's size reach in the same rounds. The peers are installed into an environment of their own
below var/bench; what cannot be installed is said and left out.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PEERS = ROOT / "var" / "bench"
# What LitGPT pins contradicts today's transformers, of which it needs nothing here.
ALONE = {"litgpt": "litgpt==0.5.13"}
NETS = {
    "a": {"layers": 4, "heads": 4, "width": 128, "context": 64, "batch": 12},
    "b": {"layers": 6, "heads": 6, "width": 384, "context": 256, "batch": 16},
}
BLOCK_S = {"quick": 1.5, "whole": 4.0}
WARM = {"a": 24, "b": 3, "bert": 4}
BERT = {"layers": 4, "heads": 4, "width": 256, "context": 256, "batch": 32, "vocab": 4000}
STEPS = 20_000  # of which the order is drawn
START_WITHIN_S = 240


@dataclasses.dataclass(frozen=True)
class Entry:
    """A trainer with its settings. `quick`: also part of the quick mode."""

    name: str
    words: dict[str, Any]
    quick: bool = True

    @property
    def kind(self) -> str:
        return str(self.words["trainer"])


def entry(name: str, trainer: str, precision: str = "fp32", *, quick: bool = True, **words: Any) -> Entry:
    return Entry(name, {"trainer": trainer, "precision": precision, **words}, quick)


ENTRIES = (
    entry("matrix products, fp32", "limit"),
    entry("matrix products, bf16", "limit", "bf16"),
    entry("engine, fp32", "engine"),
    entry("engine, bf16", "engine", "bf16"),
    entry("engine, fp32, compile", "engine", compile=True),
    entry("engine, bf16, compile", "engine", "bf16", compile=True),
    entry("Trainer, default", "trainer", default=True),
    entry("Trainer, compile", "trainer", compile=True),
    entry("Trainer, bf16", "trainer", "bf16", quick=False),
    entry("Trainer, bf16, compile", "trainer", "bf16", compile=True),
    entry("Lightning, default", "lightning", default=True),
    entry("Lightning, fused, compile", "lightning", fused=True, compile=True),
    # Lightning refuses to clip gradients in mixed precision where the optimizer is fused.
    entry("Lightning, bf16, compile", "lightning", "bf16", compile=True),
    entry("LitGPT, default (bf16-mixed, compile)", "litgpt", "bf16", default=True),
    entry("LitGPT, fp32, compile", "litgpt"),
    entry("LitGPT, bf16-true, compile", "litgpt", "bf16-true", quick=False),
    entry("plain loop, fused", "plain"),
    entry("plain loop, fused, compile", "plain", compile=True, quick=False),
    entry("plain loop, bf16, fused, compile", "plain", "bf16", compile=True),
)

BERT_ENTRIES = (
    entry("engine, fp32", "bert_engine"),
    entry("engine, bf16", "bert_engine", "bf16"),
    entry("Trainer, dynamic padding", "bert_trainer"),
    entry("Trainer, dynamic padding, bf16", "bert_trainer", "bf16"),
    entry("Trainer, grouped by length", "bert_trainer", quick=False, sampling="group_by_length"),
    entry("Trainer, grouped by length, bf16", "bert_trainer", "bf16", sampling="group_by_length"),
)


def flop_per_token(net: dict[str, int], vocab: int) -> float:
    """FLOP of forward and backward: 6 for each weight of a product, 12 x layers x context x width for attention."""
    layers, width = net["layers"], net["width"]
    return 6 * (12 * layers * width**2 + vocab * width) + 12 * layers * net["context"] * width


# Environment of the peers


def environment() -> tuple[Path, list[str]]:
    """(python of the peers, what could not be installed)."""
    requirements = (HERE / "peers-requirements.txt").read_text()
    mark = hashlib.sha256((requirements + repr(ALONE)).encode()).hexdigest()[:12]
    folder = PEERS / f"peers-{mark}"
    python, done = folder / "bin" / "python", folder / "missing.json"
    if not done.exists():
        print(f"Installing the peers into {folder.relative_to(ROOT)} (once)", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        missing = []
        if not installed(python, "-r", str(HERE / "peers-requirements.txt")):
            for line in requirements.splitlines():
                what = line.partition("#")[0].strip()
                if what and not installed(python, what):
                    missing.append(what)
        missing += [what for what in ALONE.values() if not installed(python, "--no-deps", what)]
        done.write_text(json.dumps(missing))
    return python, json.loads(done.read_text())


def installed(python: Path, *what: str) -> bool:
    return subprocess.run([python, "-m", "pip", "install", "--quiet", *what]).returncode == 0


# Data and first weights


def write_material(folder: Path, name: str, text: str) -> int:
    """Tokens, order and first weights of a net, in both formats; returns the size of its vocabulary."""
    import torch

    from training.engine.catalogue import Shape, Sizes
    from training.engine.nets import gpt

    net = NETS[name]
    characters = sorted(set(text))
    number = {character: n for n, character in enumerate(characters)}
    tokens = np.array([number[character] for character in text], dtype=np.uint16)
    np.save(folder / "tokens.npy", tokens)
    starts = np.random.default_rng(1).integers(len(tokens) - net["context"] - 1, size=(STEPS, net["batch"]))
    np.save(folder / "starts.npy", starts)
    shape = Shape(layers=net["layers"], heads=net["heads"], width=net["width"], context=net["context"], dropout=0.0)
    torch.manual_seed(1)
    first = gpt.build(shape, Sizes(vocab=len(characters)))
    tensors, config = gpt.export(first)
    torch.save(first.state_dict(), folder / "ours.pt")
    torch.save(tensors, folder / "theirs.pt")
    (folder / "config.json").write_text(json.dumps(config))
    return len(characters)


def text_of(path: str | None) -> str:
    """The text to learn: a file, or the help texts that come with Python, in plain characters."""
    if path:
        return Path(path).read_text()
    from pydoc_data.topics import topics

    return "\n\n".join(topics[name] for name in sorted(topics)).encode("ascii", "ignore").decode()


# Taking turns


class Runner:
    """A trainer in its process."""

    def __init__(self, entry: Entry, order: dict[str, Any], folder: Path, python: Path) -> None:
        self.entry, self.tokens = entry, order["batch"] * order["context"]
        own = folder / entry.name.replace(" ", "-").replace(",", "")
        own.mkdir()
        order = {**order, **entry.words, "own": str(own)}
        (own / "order.json").write_text(json.dumps(order))
        self.rates: list[float] = []
        self.flop = 0.0
        self.units = 0
        self.losses: list[float] = []
        self.peak_mib = 0.0
        self._log = (own / "log.txt").open("w")
        self._ours, theirs = socket.socketpair()
        self._lines = self._ours.makefile("r")
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(order["threads"]),
                       "TORCHINDUCTOR_CACHE_DIR": str(PEERS / "inductor"), "PYTHONWARNINGS": "ignore"}  # fmt: skip
        command = [python, "-m", "benchmarks._peers", str(own / "order.json"), str(theirs.fileno())]
        began = time.monotonic()
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, pass_fds=[theirs.fileno()], stdout=self._log, stderr=self._log
        )
        theirs.close()
        self._ours.settimeout(START_WITHIN_S)
        self.block = order["block"]
        self.alive = self._hear() is not None
        self.start_s = time.monotonic() - began

    def _hear(self) -> float | None:
        """Seconds of a block, or None when the trainer has ended or does not answer."""
        try:
            while line := self._lines.readline():
                facts = json.loads(line)
                self.flop = facts.get("flop", self.flop)
                self.peak_mib = max(self.peak_mib, facts["peak_mib"])
                if "seconds" in facts:
                    self.losses, self.units = facts["losses"], facts["units"]
                    return float(facts["seconds"])
        except (TimeoutError, OSError):
            pass
        return None

    def turn(self) -> None:
        """Train a block and note tokens (or FLOP) a second."""
        if not self.alive:
            return
        self._ours.send(b"g")
        seconds = self._hear()
        self.alive = seconds is not None
        if seconds:
            done = self.units or self.block * (self.flop or self.tokens)
            self.rates.append(done / seconds)

    def end(self) -> None:
        self._lines.close()  # which holds the socket open as well
        self._ours.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log.close()

    def why(self) -> str:
        text = Path(self._log.name).read_text().strip().splitlines()
        return text[-1] if text else f"exit {self.process.poll()}"


def measure(name: str, chosen: argparse.Namespace, folder: Path, python: Path) -> dict[str, Any]:
    """Rates of all trainers of one net."""
    net = NETS[name]
    vocab = write_material(folder, name, text_of(chosen.text))
    flop = flop_per_token(net, vocab)
    # A block lasts about as long for all: so many steps as 150 GFLOP/s would do.
    seconds = BLOCK_S["quick" if chosen.quick else "whole"]
    block = max(2, round(seconds * 1.5e11 / (flop * net["batch"] * net["context"])))
    order = {
        **net,
        "vocab": vocab,
        "folder": str(folder),
        "threads": chosen.threads,
        "warm": WARM[name],
        "block": block,
    }
    runners = take_turns(ENTRIES, order, chosen, folder, python)
    return results_of(runners, net, flop, vocab, block)


def measure_bert(chosen: argparse.Namespace, folder: Path, python: Path) -> dict[str, Any]:
    """Real tokens (without padding) a second of learning classes of rows of different length."""
    block = 4 if chosen.quick else 10
    order = {**BERT, "folder": str(folder), "threads": chosen.threads, "warm": WARM["bert"], "block": block}
    order |= write_rows(folder, order, text_of(chosen.text))
    runners = take_turns(BERT_ENTRIES, order, chosen, folder, python)
    flop = flop_per_token({**BERT, "context": 0}, 0)
    return results_of(runners, BERT, flop, order["known"], block)


def write_rows(folder: Path, order: dict[str, Any], text: str) -> dict[str, Any]:
    """Rows of 1 to 250 words, most of them short, prepared by the engine; the class is the half of the text."""
    import csv

    from benchmarks import _peers
    from training.engine import prepare
    from training.engine.errors import Stop
    from training.engine.protocol import InputData
    from training.engine.tasks import text_classification

    chance, words, place, rows = np.random.default_rng(1), text.split(), 0, []
    while place < len(words):
        length = min(250, 1 + int(chance.lognormal(3.3, 0.9)))
        rows.append((" ".join(words[place : place + length]), "first" if place < len(words) / 2 else "second"))
        place += length
    path = folder / "rows.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    spec = _peers.bert_spec({**order, "precision": "fp32"})
    profile = {"kind": "csv", "rows": len(rows), "delimiter": ",", "columns": [{"name": "text"}, {"name": "label"}]}
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    data = InputData(path=str(path), kind="csv", sha256=digest, profile=profile)
    task = text_classification.Task(spec, Stop())
    prepared, meta = prepare.prepared_folder(spec, data, task, folder / "prepared")
    task.open(prepared, meta["facts"])
    return {"prepared": str(prepared), "facts": meta["facts"], "known": task.tokenizer.size}


def take_turns(
    entries: tuple[Entry, ...], order: dict[str, Any], chosen: argparse.Namespace, folder: Path, python: Path
) -> list[Runner]:
    """Start all trainers, and let them train in turn; those that measured something."""
    wanted = [e for e in entries if (e.quick or not chosen.quick) and (not chosen.only or e.kind in chosen.only)]
    runners: list[Runner] = []
    try:
        for each in wanted:
            runner = Runner(each, order, folder, Path(sys.executable) if each.kind.endswith("engine") else python)
            runners.append(runner)
            if not runner.alive:
                print(f"  {each.name}: left out, {runner.why()}", flush=True)
        for number in range(chosen.rounds):
            # Every second round in the other direction, so that nobody always follows the same one.
            for runner in runners if number % 2 == 0 else reversed(runners):
                runner.turn()
    finally:
        for runner in runners:
            runner.end()
    return [runner for runner in runners if runner.rates]


def results_of(runners: list[Runner], net: dict[str, int], flop: float, vocab: int, block: int) -> dict[str, Any]:
    limits = {r.entry.words["precision"]: statistics.median(r.rates) for r in runners if r.entry.kind == "limit"}
    rows = {}
    for runner in runners:
        if runner.entry.kind == "limit":
            continue
        rate = statistics.median(runner.rates)
        top = limits.get(runner.entry.words["precision"].partition("-")[0])
        rows[runner.entry.name] = {
            "kind": runner.entry.kind,
            "precision": runner.entry.words["precision"].partition("-")[0],
            "rate": rate,
            "rates": runner.rates,
            "mfu": rate * flop / top if top else None,
            "start_s": runner.start_s,
            "peak_mib": runner.peak_mib,
            "losses": runner.losses,
        }
    return {"vocab": vocab, "flop_per_token": flop, "block": block, "limits": limits, "net": net, "rows": rows}


def ratio(ours: dict[str, Any], theirs: dict[str, Any]) -> float:
    """Median of the ratios within rounds."""
    return statistics.median(a / b for a, b in zip(ours["rates"], theirs["rates"], strict=False))


def show(name: str, found: dict[str, Any]) -> None:
    rows = found["rows"]
    limits = ", ".join(f"{precision} {rate / 1e9:,.0f} GFLOP/s" for precision, rate in found["limits"].items())
    print(f"\n{name}: vocabulary {found['vocab']}, {found['flop_per_token'] / 1e6:.2f} MFLOP a token; limit: {limits}")
    base = next((row for title, row in rows.items() if title in ("Trainer, default", "Trainer, dynamic padding")), None)
    points = [n for n in (0, 20, 50, 100, 200, 400) if all(len(row["losses"]) > n for row in rows.values())]
    tokens = found["net"]["batch"] * found["net"]["context"]
    where = ", ".join(f"{n * tokens:,}" for n in points)
    print(f"  {'':40} {'tokens/s':>9} {'/Trainer':>8} {'MFU':>5} {'ready s':>7} {'MiB':>6}  loss from token {where}")
    for title, row in sorted(rows.items(), key=lambda item: -item[1]["rate"]):
        against = f"{ratio(row, base):8.2f}" if base else " " * 8
        losses = " ".join(f"{statistics.mean(row['losses'][n : n + 10]):.3f}" for n in points)
        mfu = f"{row['mfu']:.2f}" if row["mfu"] else ""
        speed = f"{row['rate']:9,.0f} {against} {mfu:>5} {row['start_s']:7.1f} {row['peak_mib']:6,.0f}"
        print(f"  {title:40} {speed}  {losses}")
    peers = {title: row for title, row in rows.items() if row["kind"] not in ("engine", "bert_engine", "plain")}
    for title, row in rows.items():
        if not row["kind"].endswith("engine"):
            continue
        same = {peer: r for peer, r in peers.items() if r["precision"] == row["precision"]}
        for words, group in (("any peer", peers), ("a peer of the same format", same)):
            if group:
                best = max(group, key=lambda peer: group[peer]["rate"])
                print(f"  {title}: {ratio(row, group[best]):.2f} x the best of {words} ({best})")


def main() -> int:
    """Prints a table for each net."""
    import tempfile

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="fewer trainers, shorter blocks, three rounds")
    parser.add_argument("--nets", nargs="+", choices=(*NETS, "bert"), default=[*NETS, "bert"])
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--text", help="a text file to learn instead of Python's help texts")
    parser.add_argument("--only", nargs="+", help="kinds of trainers")
    parser.add_argument("--json", help="write everything that was measured into this file")
    chosen = parser.parse_args()
    chosen.rounds = chosen.rounds or (3 if chosen.quick else 7)
    python, missing = environment()
    for what in missing:
        print(f"{what} could not be installed: left out")
    everything = {}
    for name in chosen.nets:
        with tempfile.TemporaryDirectory(prefix="peers-") as folder:
            words = (chosen, Path(folder), python)
            everything[name] = measure_bert(*words) if name == "bert" else measure(name, *words)
        show("BERT" if name == "bert" else f"GPT {name}", everything[name])
        sys.stdout.flush()
    print(f"\nload average at the end: {os.getloadavg()[0]:.1f}")
    if chosen.json:
        Path(chosen.json).write_text(json.dumps(everything))
    return 0


if __name__ == "__main__":
    sys.exit(main())
