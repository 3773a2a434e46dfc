"""What stands around the engine's steps: checkpoints, events, memory, and the start.

    python -m benchmarks.engine_loop [--rounds 7] [--json]

Checkpoint: how long a due checkpoint holds up the loop of GPT b (10.6 M parameters with AdamW), beside copying as many
bytes (the floor) and beside waiting until it is on disk. Events: what the log of losses and progress takes of a step
of GPT a. Memory: resident bytes for each parameter of GPT b, all processes together. Start: from the command to the
first learnt step of a small job, beside a script that imports torch and transformers and makes one step.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SIZES = {
    "a": {"layers": 4, "heads": 4, "width": 128, "context": 64, "batch": 12},
    "b": {"layers": 6, "heads": 6, "width": 384, "context": 256, "batch": 2},
}
WITHIN_S = 300
USUAL = """
import torch
from transformers import GPT2Config, GPT2LMHeadModel
net = GPT2LMHeadModel(GPT2Config(vocab_size=65, n_positions=64, n_embd=128, n_layer=4, n_head=4))
optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
ids = torch.randint(65, (12, 64))
net(input_ids=ids, labels=ids).loss.backward()
optimizer.step()
"""


def spec_of(name: str, **train: Any) -> Any:
    from training.engine.spec import Spec

    size = dict(SIZES[name])
    return Spec.from_json(
        {
            "v": 1,
            "task": "causal-lm",
            "data": {"dataset_version": "00000000-0000-0000-0000-000000000000"},
            "tokenizer": {"kind": "char"},
            "train": {"max_steps": 10**6, "batch": size.pop("batch"), "dtype": "fp32", **train},
            "model": {"arch": "gpt", "size": "mini", "dropout": 0.0, **size},
        }
    )


def loop_of(name: str) -> Any:
    """A loop that learns random tokens, by as many processes as there are processors."""
    import numpy as np

    from training.engine import device as devices
    from training.engine.catalogue import Sizes
    from training.engine.errors import Stop
    from training.engine.loop import Loop
    from training.engine.nets import gpt
    from training.engine.tasks import causal_lm

    spec, stop = spec_of(name, threads=min(2, os.cpu_count() or 1)), Stop()

    class Task(causal_lm.Task):
        def count(self, part: str) -> int:
            return 10**6

        def train_batch(self, rows: Any, epoch: int, seed: int) -> Any:
            return self._batch(np.random.default_rng(seed).integers(65, size=(len(rows), self.context + 1)))

    place, team = devices.choose_device(spec)
    net = gpt.build(spec.shape, Sizes(vocab=65))
    return Loop(spec=spec, task=Task(spec, stop), net=net, stop=stop, dtype="fp32", device=place, team=team)


def step(loop: Any) -> float:
    """Seconds of one step."""
    from training.engine.loop import STEP

    began = time.perf_counter()
    loop.orders[0] = STEP
    loop.team.meet()
    loop.step()
    return time.perf_counter() - began


def checkpoints(rounds: int) -> dict[str, float]:
    """Milliseconds (medians) that a checkpoint holds up the loop, and what it is compared with."""
    import torch

    from training.engine.checkpoint import Owner
    from training.engine.events import EventLog
    from training.engine.listeners import Checkpointer

    loop = loop_of("b")
    loop.split()
    loop.net.train()
    owner = Owner("j", 1, "s", "r", "d", "1", torch.__version__)
    parts = [loop.optimizer.weights, loop.optimizer.mean, loop.optimizer.square]
    beside = [torch.empty_like(part) for part in parts]
    found: dict[str, list[float]] = {"floor": [], "stall": [], "waiting": [], "step": [], "step_while_writing": []}
    with tempfile.TemporaryDirectory() as folder:
        saver = Checkpointer(EventLog(Path(folder)), Path(folder) / "ckpt", owner, loop.spec, {})
        for number in range(rounds + 1):
            found["step"].append(step(loop))
            began = time.perf_counter()
            for to, part in zip(beside, parts, strict=True):
                to.copy_(part)
            found["floor"].append(time.perf_counter() - began)
            began = time.perf_counter()
            saver.begin(loop)
            found["stall"].append(time.perf_counter() - began)
            found["step_while_writing"].append(step(loop))
            saver.settle()
            step(loop)
            began = time.perf_counter()
            saver.save(loop)
            found["waiting"].append(time.perf_counter() - began)
            if number == 0:  # the first claims memory
                found = {name: [] for name in found}
    loop.team.dismiss()
    medians = {f"checkpoint_{name}_ms": round(statistics.median(times) * 1000, 1) for name, times in found.items()}
    over = statistics.median(a / b for a, b in zip(found["stall"], found["floor"], strict=True))
    return medians | {"checkpoint_stall_of_floor": round(over, 2)}


def events(rounds: int) -> dict[str, float]:
    """Microseconds of the log's work for a step, and its share of a step of GPT a."""
    from training.engine.events import EventLog
    from training.engine.listeners import Logger

    loop = loop_of("a")
    loop.split()
    loop.net.train()
    steps, shares, times = 30, [], []
    with tempfile.TemporaryDirectory() as folder:
        # Of a run of 500 steps every step is logged: the most that is ever logged.
        logger = Logger(EventLog(Path(folder)), 500)
        step(loop)
        for _ in range(rounds):
            learning = logging = 0.0
            for _ in range(steps):
                learning += step(loop)
                began = time.perf_counter()
                logger(loop)
                logging += time.perf_counter() - began
            shares.append(logging / learning)
            times.append(logging / steps)
    loop.team.dismiss()
    return {
        "events_us_per_step": round(statistics.median(times) * 1e6, 1),
        "events_share": round(statistics.median(shares), 5),
    }


def memory() -> dict[str, float]:
    """Bytes for each parameter: what all processes together hold after three steps more than before the net."""
    import torch  # noqa: F401  (what every process has anyway)

    from training.engine.nets import gpt  # noqa: F401
    from training.engine.tasks import causal_lm  # noqa: F401

    before = proportional_bytes(os.getpid())
    loop = loop_of("b")
    loop.split()
    loop.net.train()
    for _ in range(3):
        step(loop)
    members = [os.getpid(), *(pid for pid, _ in loop.team._others)]
    after = sum(map(proportional_bytes, members))
    loop.team.dismiss()
    parameters = sum(p.numel() for p in loop.net.parameters())
    held = sum(
        t.nbytes for t in (loop.optimizer.weights, loop.optimizer.all_grads, loop.optimizer.mean, loop.optimizer.square)
    )
    return {
        "parameters": parameters,
        "processes": len(members),
        "buffer_bytes_per_parameter": round(held / parameters, 1),
        "resident_bytes_per_parameter": round((after - before) / parameters, 1),
    }


def proportional_bytes(pid: int) -> int:
    """Resident size in which shared pages count once among those that share them."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no Pss")


def starts(rounds: int) -> dict[str, float]:
    """Seconds from the command to the first learnt step."""
    found: dict[str, list[float]] = {"engine": [], "usual": []}
    for _ in range(rounds):
        found["engine"].append(first_step())
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", USUAL], check=True, cwd=ROOT, stderr=subprocess.DEVNULL)
        found["usual"].append(time.perf_counter() - began)
    return {
        "start_engine_s": round(statistics.median(found["engine"]), 2),
        "start_usual_script_s": round(statistics.median(found["usual"]), 2),
    }


def first_step() -> float:
    """Seconds until the loss of step 1 stands in the events of a fresh run."""
    from pydoc_data.topics import topics

    from training.engine.contract import InputData, Inputs, Spec, canonical_json, default_spec

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = "\n\n".join(topics[key] for key in sorted(topics))[:100_000]
        (folder / "text.txt").write_text(text)
        profile = {"kind": "text", "rows": 1, "chars": len(text), "bytes": len(text.encode())}
        version = "00000000-0000-0000-0000-000000000000"
        spec = default_spec("causal-lm", profile, version).to_json()
        spec["tokenizer"] = {"kind": "char"}
        spec["model"] |= {name: number for name, number in SIZES["a"].items() if name != "batch"}
        spec["train"] |= {"max_steps": 400, "epochs": None, "batch": 12}
        (folder / "spec.json").write_bytes(Spec.from_json(spec).canonical())
        digest = hashlib.sha256((folder / "text.txt").read_bytes()).hexdigest()
        data = InputData(path=str(folder / "text.txt"), kind="text", sha256=digest, profile=profile)
        inputs = Inputs(v=1, job=version, fence=1, data=data, resume=False)
        (folder / "inputs.json").write_bytes(canonical_json(inputs.to_json()))
        began = time.perf_counter()
        command = [sys.executable, "-m", "training.engine", "run", str(folder)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                while '"e":"metric"' not in read(folder / "events.jsonl"):
                    if process.poll() is not None or time.perf_counter() - began > WITHIN_S:
                        raise SystemExit(f"the run did not begin: {read(folder / 'events.jsonl')}")
                    time.sleep(0.005)
                return time.perf_counter() - began
            finally:
                process.terminate()


def read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


PARTS = {"checkpoints": checkpoints, "events": events, "memory": lambda _: memory(), "starts": starts}


def main() -> int:
    """Prints what was measured; each part in a process of its own, since a team must split off before any threads."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.part:
        print(json.dumps(PARTS[chosen.part](chosen.rounds)))
        return 0
    found: dict[str, float] = {}
    for part in PARTS:
        words = ["--part", part, "--rounds", str(min(3, chosen.rounds) if part == "starts" else chosen.rounds)]
        command = [sys.executable, "-m", "benchmarks.engine_loop", *words]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, timeout=WITHIN_S * 3)
        found |= json.loads(done.stdout.splitlines()[-1])
    found["load"] = round(os.getloadavg()[0], 1)
    if chosen.json:
        print(json.dumps(found, indent=2))
        return 0
    for key, value in found.items():
        print(f"{key.replace('_', ' '):40} {value:12,}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
