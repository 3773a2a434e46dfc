"""Tokens a second of the engine's GPT against a plain loop over transformers' GPT2LMHeadModel, interleaved, same sizes.

    python -m benchmarks.engine_throughput [--threads 2] [--rounds 3] [--steps 30]

GPT a: 4 layers, 4 heads, width 128, context 64, batch 12, 65 characters. Both learn batches of random tokens in
fp32; the median of the rounds counts. Each round is a process of its own, so that neither inherits the other's threads.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

VOCAB, CONTEXT, BATCH, LAYERS, HEADS, WIDTH = 65, 64, 12, 4, 4, 128
WARM_STEPS = 5


def batch_of(step: int) -> np.ndarray:
    """(batch, context + 1) random tokens of a step."""
    return np.random.default_rng(step).integers(VOCAB, size=(BATCH, CONTEXT + 1))


def ours(threads: int, steps: int) -> float:
    """Tokens a second of the engine's own loop."""
    from training.engine.catalogue import Sizes
    from training.engine.device import choose_device
    from training.engine.errors import Stop
    from training.engine.loop import STEP, Loop
    from training.engine.nets import gpt
    from training.engine.spec import Spec
    from training.engine.tasks import causal_lm

    size = {"arch": "gpt", "size": "mini", "layers": LAYERS, "heads": HEADS, "width": WIDTH, "context": CONTEXT}
    spec = Spec.from_json(
        {
            "v": 1,
            "task": "causal-lm",
            "data": {"dataset_version": "00000000-0000-0000-0000-000000000000"},
            "tokenizer": {"kind": "char"},
            "model": size,
            "train": {"max_steps": 10_000, "batch": BATCH, "dtype": "fp32", "threads": threads},
        }
    )

    class Task(causal_lm.Task):
        """Random tokens instead of a corpus."""

        def count(self, part: str) -> int:
            return BATCH * 10_000

        def train_batch(self, rows: np.ndarray, epoch: int, seed: int) -> dict[str, torch.Tensor]:
            return self._batch(batch_of(int(rows.max()))[: len(rows)])

    device, team = choose_device(spec)
    stop = Stop()
    net = gpt.build(spec.shape, Sizes(vocab=VOCAB))
    loop = Loop(spec=spec, task=Task(spec, stop), net=net, stop=stop, dtype="fp32", device=device, team=team)
    loop.split()
    net.train()
    loop.orders[0] = STEP

    def step() -> None:
        team.meet()
        loop.step()

    try:
        return _tokens_a_second(step, steps)
    finally:
        team.dismiss()


def peer(threads: int, steps: int) -> float:
    """Tokens a second of a plain loop with transformers and torch.optim."""
    from transformers.models.gpt2.modeling_gpt2 import GPT2Config, GPT2LMHeadModel

    torch.set_num_threads(threads)
    sizes = {"vocab_size": VOCAB, "n_positions": CONTEXT, "n_embd": WIDTH, "n_layer": LAYERS, "n_head": HEADS}
    dropout = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    net = GPT2LMHeadModel(GPT2Config(**sizes, **dropout, bos_token_id=0, eos_token_id=0)).train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
    number = iter(range(10**6))

    def step() -> None:
        both = torch.from_numpy(batch_of(next(number)))
        loss = net(input_ids=both[:, :-1], labels=both[:, :-1]).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return _tokens_a_second(step, steps)


def _tokens_a_second(step, steps: int) -> float:  # type: ignore[no-untyped-def]
    for _ in range(WARM_STEPS):
        step()
    start = time.perf_counter()
    for _ in range(steps):
        step()
    return steps * BATCH * CONTEXT / (time.perf_counter() - start)


def main() -> int:
    """Interleave the two, print medians, ratio and peak memory."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--only", choices=("ours", "peer"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.only:
        rate = {"ours": ours, "peer": peer}[chosen.only](chosen.threads, chosen.steps)
        from training.engine.device import peak_memory_bytes

        print(json.dumps({"rate": rate, "peak_bytes": peak_memory_bytes()}))
        return 0
    found: dict[str, list[dict[str, float]]] = {"ours": [], "peer": []}
    for _ in range(chosen.rounds):
        for name, results in found.items():
            words = ["--only", name, "--threads", str(chosen.threads), "--steps", str(chosen.steps)]
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.engine_throughput", *words],
                cwd=Path(__file__).parents[1],
                stdout=subprocess.PIPE,
                check=True,
            )
            results.append(json.loads(done.stdout))
    rates = {name: statistics.median(r["rate"] for r in results) for name, results in found.items()}
    for name, title in (("ours", "engine"), ("peer", "transformers GPT2LMHeadModel, plain loop")):
        peak = max(r["peak_bytes"] for r in found[name]) / 1e6
        print(f"{title:42} {rates[name]:10,.0f} tokens/s   peak memory of the main process {peak:6.0f} MB")
    print(f"{'ratio':42} {rates['ours'] / rates['peer']:10.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
