"""Tokens a second of nets that read a source and write from it: with what they keep, and with all read anew for each.

    python -m benchmarks.writing [--threads 1] [--rounds 5] [--json]

T5, BART, the vision transformer with a GPT-2, and Whisper: 4 layers, 4 heads, width 128, all of a context of 64 tokens;
one source and sixteen, of 32 tokens, 64 patches, or one second. Greedy tokens must be equal. Medians of the rounds
count, which are interleaved. One thread, because the products of one token are too small to share.
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from training.engine.catalogue import Shape, Sizes
from training.engine.generating import Chooser, Sampling, tokens_from
from training.engine.nets import vit_gpt2
from training.engine.registry import net_module

VOCAB, ROOM, SOURCE = 2_000, 64, 32
ROWS = (1, 16)
SIZE = {"layers": 4, "heads": 4, "width": 128, "context": ROOM}
NETS = {
    "t5": (Shape(**SIZE), Sizes(vocab=VOCAB)),
    "bart": (Shape(**SIZE), Sizes(vocab=VOCAB)),
    "vit-gpt2": (Shape(**SIZE, image=64, patch=8), Sizes(vocab=VOCAB, channels=3)),
    "whisper": (Shape(**SIZE, seconds=1), Sizes(vocab=VOCAB)),
}
Write = Callable[[], list[list[int]]]


def both_ways(name: str, rows: int) -> tuple[Write, Write]:
    """What writes from the same sources with what is kept, and what writes with all of it read anew."""
    torch.manual_seed(1)
    net: Any = net_module(name).build(*NETS[name]).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.dim() > 1:
                parameter.mul_(4)  # so that the likeliest token is a clear one
    if name == "vit-gpt2":
        pixels = torch.randn(rows, 3, 64, 64)

        def encode() -> Tensor:
            return net.encoder(pixel_values=pixels).last_hidden_state

        return (
            lambda: kept(functools.partial(vit_gpt2.go_on, net), vit_gpt2.remember(net, encode(), room=ROOM)),
            lambda: anew(encode, lambda seen, ids: net(encoder_outputs=(seen,), decoder_input_ids=ids).logits, rows),
        )
    if name == "whisper":
        values = torch.randn(rows, 80, 100)

        def heard(source: Tensor, ids: Tensor) -> Tensor:
            return net.model(encoder_outputs=(source,), decoder_input_ids=ids, use_cache=False).logits

        return (
            lambda: kept(net.go_on, net.remember(net.encode(values), room=ROOM)),
            lambda: anew(lambda: net.encode(values), heard, rows),
        )
    ids = torch.randint(3, VOCAB, (rows, SOURCE))
    return (
        lambda: kept(net.go_on, net.remember(net.encode(ids), room=ROOM)),
        lambda: anew(lambda: net.encode(ids), lambda source, before: net.decode(source, None, before), rows),
    )


@torch.inference_mode()
def kept(go_on: Any, memory: Any) -> list[list[int]]:
    choose = Chooser(Sampling(tokens=ROOM - 1, temperature=0), range(memory.rows))
    return [
        list(row)
        for row in zip(*(told.values() for told in tokens_from(go_on, memory, 0, choose, end=-1)), strict=True)
    ]


@torch.inference_mode()
def anew(encode: Callable[[], Tensor], decode: Callable[[Tensor, Tensor], Tensor], rows: int) -> list[list[int]]:
    source, ids = encode(), torch.zeros(rows, 1, dtype=torch.int64)
    for _ in range(ROOM - 1):
        ids = torch.cat([ids, decode(source, ids)[:, -1].argmax(-1, keepdim=True)], 1)
    return ids[:, 1:].tolist()


def measure(rounds: int) -> dict[str, dict[str, float]]:
    results = {}
    for name in NETS:
        for rows in ROWS:
            ways, rates = both_ways(name, rows), ([], [])  # type: ignore[var-annotated]
            for _ in range(rounds + 1):
                found = []
                for way, own in zip(ways, rates, strict=True):
                    began = time.perf_counter()
                    found.append(way())
                    own.append(rows * (ROOM - 1) / (time.perf_counter() - began))
                if found[0] != found[1]:
                    raise SystemExit(f"{name}, {rows} rows: the tokens differ")
            with_kept, without = (statistics.median(own[1:]) for own in rates)  # the first round warms up
            ratio = statistics.median(a / b for a, b in zip(*(own[1:] for own in rates), strict=True))
            results[f"{name}, {rows} rows"] = {
                "kept": round(with_kept),
                "anew": round(without),
                "ratio": round(ratio, 2),
            }
    return results


def main() -> int:
    """Prints tokens a second both ways, and the ratio; fails when the tokens differ."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    found = measure(chosen.rounds)
    if chosen.json:
        print(json.dumps(found, indent=2))
        return 0
    print(f"{'':20} {'kept':>10} {'anew':>10} {'ratio':>7}   tokens a second")
    for name, row in found.items():
        print(f"{name:20} {row['kept']:10,} {row['anew']:10,} {row['ratio']:7.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
