"""Tokens a second that the engine's GPT writes against transformers' `generate` with the same weights, interleaved.

    python -m benchmarks.generation [--threads 1] [--rounds 3] [--tokens 64] [--json]

GPT a: 4 layers, 4 heads, width 128; GPT b: 6, 6, 384; contexts of 256, prompts of 16 tokens, one row and sixteen.
Greedy tokens must be equal; drawn ones (temperature, top-k and top-p) are only timed. Medians of the rounds count. One
thread, because the products of one token are too small to share.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch

VOCAB, CONTEXT, PROMPT = 256, 256, 16
NETS = {"a": (4, 4, 128), "b": (6, 6, 384)}
ROWS = (1, 16)
DRAWN = {"temperature": 0.8, "top_k": 40, "top_p": 0.95}


def both_nets(name: str) -> tuple[Any, Any]:
    """The engine's net, and the one of transformers with its weights."""
    from transformers.models.gpt2.modeling_gpt2 import GPT2Config, GPT2LMHeadModel

    from training.engine.catalogue import Shape, Sizes
    from training.engine.nets import gpt

    layers, heads, width = NETS[name]
    torch.manual_seed(1)
    ours = gpt.build(Shape(layers=layers, heads=heads, width=width, context=CONTEXT), Sizes(vocab=VOCAB)).eval()
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.mul_(4)  # so that the likeliest token is a clear one
    tensors, config = gpt.export(ours)
    theirs = GPT2LMHeadModel(
        GPT2Config(**{k: v for k, v in config.items() if k not in ("architectures", "model_type")})
    )
    theirs.load_state_dict(tensors, strict=False)
    return ours, theirs.eval()


def ours(net: Any, prompts: torch.Tensor, tokens: int, drawn: bool) -> list[list[int]]:
    from training.engine.generating import Chooser, Sampling, tokens_after

    sampling = Sampling(tokens=tokens, **DRAWN) if drawn else Sampling(tokens=tokens, temperature=0)  # type: ignore[arg-type]
    steps = tokens_after(net, prompts.tolist(), Chooser(sampling, range(len(prompts))), end=None)
    return [list(row) for row in zip(*(told.values() for told in steps), strict=True)]


def peer(net: Any, prompts: torch.Tensor, tokens: int, drawn: bool) -> list[list[int]]:
    words: dict[str, Any] = {"do_sample": True, **DRAWN} if drawn else {"do_sample": False}
    length = {"min_new_tokens": tokens, "max_new_tokens": tokens, "eos_token_id": None, "pad_token_id": 0}
    with torch.inference_mode():
        found = net.generate(prompts, attention_mask=torch.ones_like(prompts), **words, **length)
    return found[:, prompts.shape[1] :].tolist()


def timed(write: Callable[..., list[list[int]]], *words: Any) -> tuple[float, list[list[int]]]:
    began = time.perf_counter()
    found = write(*words)
    return sum(map(len, found)) / (time.perf_counter() - began), found


def measure(rounds: int, tokens: int) -> dict[str, dict[str, float]]:
    results = {}
    for name in NETS:
        nets = both_nets(name)
        for rows in ROWS:
            prompts = torch.randint(1, VOCAB, (rows, PROMPT), generator=torch.Generator().manual_seed(rows))
            for drawn in (False, True):
                rates: tuple[list[float], list[float]] = ([], [])
                for _ in range(rounds + 1):
                    (first, own), (second, other) = (
                        timed(write, net, prompts, tokens, drawn) for write, net in zip((ours, peer), nets, strict=True)
                    )
                    if not drawn and own != other:
                        raise SystemExit(f"GPT {name}, {rows} rows: the tokens differ")
                    rates[0].append(first)
                    rates[1].append(second)
                mine, theirs = (statistics.median(found[1:]) for found in rates)  # the first round warms up
                way = "drawn" if drawn else "greedy"
                facts = {"engine": round(mine), "transformers": round(theirs), "ratio": round(mine / theirs, 2)}
                results[f"GPT {name}, {rows} rows, {way}"] = facts
    return results


def main() -> int:
    """Prints tokens a second of both, and the ratio; fails when greedy tokens differ."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    found = measure(chosen.rounds, chosen.tokens)
    if chosen.json:
        print(json.dumps(found, indent=2))
        return 0
    print(f"{'':24} {'engine':>12} {'transformers':>13} {'ratio':>7}   tokens a second")
    for name, row in found.items():
        print(f"{name:24} {row['engine']:12,} {row['transformers']:13,} {row['ratio']:7.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
