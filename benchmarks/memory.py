"""The estimate of a run's memory beside what it took, for each kind of net: `python -m benchmarks.memory [--only gpt]`.

Each run is `python -m training.engine run` on a little data made here, for a few steps, on two processors. What it took
is counted as the platform counts it: resident memory of all its processes together, looked at twenty times a second.
Fails when an estimate is less than 0.8 or more than 1.6 times the truth.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import psutil

LEAST, MOST = 0.8, 1.6
VERSION = "00000000-0000-0000-0000-000000000000"
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt": ("causal-lm", {"arch": "gpt", "size": "mini"}),
    "gpt small": ("causal-lm", {"arch": "gpt", "size": "small"}),
    "lstm": ("causal-lm", {"arch": "lstm", "size": "mini"}),
    "bert": ("text-classification", {"arch": "bert", "size": "mini", "context": 128}),
    "resnet": ("image-classification", {"arch": "resnet", "size": "mini", "image": 64}),
    "vit": ("image-classification", {"arch": "vit", "size": "mini", "image": 64}),
    "llama": ("causal-lm", {"arch": "llama", "size": "mini"}),
    "modernbert": ("text-classification", {"arch": "modernbert", "size": "mini", "context": 128}),
    "convnext": ("image-classification", {"arch": "convnext", "size": "mini", "image": 64}),
    "patchtst": ("forecasting", {"arch": "patchtst", "size": "mini"}),
}


def data_for(task: str) -> tuple[str, bytes, dict[str, Any]]:
    """(kind, bytes, profile) of a little data."""
    chance = np.random.default_rng(3)
    words = ["".join(chance.choice(list("etaoinshrdlu"), chance.integers(2, 9))) for _ in range(900)]
    if task == "causal-lm":
        text = " ".join(words[i] for i in chance.integers(900, size=60_000))
        return "text", text.encode(), {"kind": "text", "rows": 1, "chars": len(text), "bytes": len(text)}
    if task == "forecasting":
        lines = "".join(f"{np.sin(n / 5) + chance.normal():.3f}\n" for n in range(3_000))
        columns = [{"name": "sold", "type": "number", "distinct": 2_000, "missing": 0}]
        return "csv", f"sold\n{lines}".encode(), {"kind": "csv", "delimiter": ",", "rows": 3_000, "columns": columns}
    if task == "text-classification":
        rows = [" ".join(words[i] for i in chance.integers(900, size=60)) for _ in range(400)]
        body = "".join(f"{row},{'ab'[n % 2]}\n" for n, row in enumerate(rows))
        chars = [len(row) for row in rows]
        text = {"name": "body", "type": "text", "distinct": 400, "missing": 0}
        text |= {"mean_chars": float(np.mean(chars)), "p95_chars": float(np.quantile(chars, 0.95))}
        columns = [text, {"name": "topic", "type": "category", "distinct": 2, "missing": 0}]
        facts = {"label_candidates": ["topic"], "classes": {"topic": {"a": 200, "b": 200}}}
        return "csv", f"body,topic\n{body}".encode(), facts | {
            "kind": "csv", "delimiter": ",", "rows": 400, "columns": columns
        }  # fmt: skip
    from PIL import Image

    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(200):
            image = io.BytesIO()
            Image.fromarray(chance.integers(256, size=(64, 64, 3), dtype=np.uint8)).save(image, "PNG")
            archive.writestr(f"{'ab'[number % 2]}/{number}.png", image.getvalue())
    facts = {"image": {"width": [64, 64, 64], "height": [64, 64, 64], "modes": ["RGB"], "labels_from": "folders"}}
    return (
        "images",
        file.getvalue(),
        facts | {"kind": "images", "rows": 200, "classes": {"label": {"a": 100, "b": 100}}},
    )


def measure(task: str, model: dict[str, Any], steps: int) -> tuple[int, int]:
    """(estimate, truth) in bytes."""
    from training.engine.contract import InputData, Inputs, Spec, canonical_json, default_spec, estimate

    kind, blob, profile = data_for(task)
    given = default_spec(task, profile, VERSION).to_json()
    given["model"] = model
    given["train"] |= {"max_steps": steps, "epochs": None}
    given["eval"]["every_steps"] = steps
    spec = Spec.from_json(given)
    with tempfile.TemporaryDirectory(prefix="tandem-memory-") as name:
        folder = Path(name)
        path = folder / "data"
        path.write_bytes(blob)
        data = InputData(path=str(path), kind=kind, sha256=hashlib.sha256(blob).hexdigest(), profile=profile)
        (folder / "spec.json").write_bytes(spec.canonical())
        inputs = Inputs(v=1, job=VERSION, fence=1, data=data, resume=False)
        (folder / "inputs.json").write_bytes(canonical_json(inputs.to_json()))
        command = [sys.executable, "-m", "training.engine", "run", str(folder)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        peak = 0
        while process.poll() is None:
            peak = max(peak, _rss(process.pid))
            time.sleep(0.05)
        if process.returncode:
            raise RuntimeError(f"{task} {model}: {process.stderr.read().decode()[-2_000:] if process.stderr else ''}")
    return estimate(spec, profile).memory_bytes, peak


def _rss(pid: int) -> int:
    try:
        process = psutil.Process(pid)
        return sum(one.memory_info().rss for one in [process, *process.children(recursive=True)])
    except psutil.Error:
        return 0


def main() -> int:
    """Returns 1 when an estimate is out of its band."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=CASES, action="append")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    found = {}
    for name in chosen.only or CASES:
        guess, truth = measure(*CASES[name], chosen.steps)
        found[name] = {"estimate_mb": round(guess / 1e6), "truth_mb": round(truth / 1e6), "ratio": guess / truth}
        if not chosen.json:
            one = found[name]
            told = f"estimate {one['estimate_mb']:>6,} MB   truth {one['truth_mb']:>6,} MB   {one['ratio']:.2f}"
            print(f"{name:<12} {told}", flush=True)
    if chosen.json:
        print(json.dumps(found))
    return int(not all(LEAST <= one["ratio"] <= MOST for one in found.values()))


if __name__ == "__main__":
    sys.exit(main())
