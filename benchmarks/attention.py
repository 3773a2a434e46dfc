"""Learning in bf16 on a processor: attention of plain products beside torch's fused one.

Processor time of one thread for forward and backward of half a batch of GPT a (0.8 M parameters) and GPT b (10.6 M),
taking turns in one process; medians of the rounds, and of the ratios within them.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

VOCAB = 65
# layers, heads, width, context, rows, steps of a round
NETS = {"a": (4, 4, 128, 64, 6, 20), "b": (6, 6, 384, 256, 8, 1)}


def fused(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, *, causal: bool = False) -> Tensor:
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)


def step_of(name: str) -> Callable[[str], None]:
    """A step of a net in a number format."""
    from training.engine.catalogue import Shape, Sizes
    from training.engine.nets import gpt

    layers, heads, width, context, rows, _ = NETS[name]
    shape = Shape(layers=layers, heads=heads, width=width, context=context, dropout=0.0)
    net = gpt.build(shape, Sizes(vocab=VOCAB)).train()
    ids = torch.randint(VOCAB, (rows, context))

    def step(dtype: str) -> None:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == "bf16"):
            loss = F.cross_entropy(net(ids).view(-1, VOCAB), ids.view(-1))
        loss.backward()

    return step


def measure(rounds: int) -> dict[str, dict[str, float]]:
    from training.engine.nets import gpt

    ways: dict[str, tuple[Any, str]] = {
        "products": (gpt.attention, "bf16"),
        "fused": (fused, "bf16"),
        "fp32": (fused, "fp32"),
    }
    found = {}
    for name, numbers in NETS.items():
        step, steps = step_of(name), numbers[-1]
        times: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(rounds + 1):
            for way, (attention, dtype) in ways.items():
                gpt.attention = attention
                began = time.thread_time()
                for _ in range(steps):
                    step(dtype)
                times[way].append((time.thread_time() - began) / steps * 1000)
        row = {f"{way}_ms": round(statistics.median(each[1:]), 1) for way, each in times.items()}
        pairs = list(zip(times["fused"], times["products"], strict=True))[1:]
        found[f"GPT {name}"] = row | {"fused_of_products": round(statistics.median(a / b for a, b in pairs), 2)}
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    torch.set_num_threads(1)
    print(json.dumps(measure(parser.parse_args().rounds), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
