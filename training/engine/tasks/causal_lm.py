"""Language model: predict the next token of packed blocks; perplexity and bits per byte on held-out stretches."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from training.engine import metrics, ordering
from training.engine.errors import DataError
from training.engine.protocol import InputData
from training.engine.readers import read_rows, read_text
from training.engine.registry import Sizes
from training.engine.tasks import base
from training.engine.tokenizing import LM_SPECIALS, Tokenizer, load_tokenizer, train_tokenizer

PROMPT_TOKENS, NEW_TOKENS = 24, 80
TEMPERATURE = 0.8
EVAL_TOKENS = 4_096


class Task(base.Task):
    """Blocks of `context` tokens, cut at an offset that changes with the epoch."""

    unit = "tokens"
    tokenizer: Tokenizer
    parts: dict[str, np.ndarray]

    def prepare_key(self) -> dict[str, Any]:
        return {"tokenizer": self.spec.to_json()["tokenizer"]}

    def prepare(self, data: InputData, folder: Path) -> dict[str, Any]:
        split = self.spec.data.split
        if data.kind == "text":
            text = read_text(Path(data.path))
            cuts = ordering.split_text(text, split.valid, split.test, split.seed)
            texts = {part: [text[a:b] for a, b in found] for part, found in cuts.items()}
            ended = False
        else:
            texts = self._documents(data)
            ended = True
        assert self.spec.tokenizer is not None
        tokenizer = train_tokenizer(self.spec.tokenizer, texts["train"], LM_SPECIALS)
        tokenizer.save(folder / "tokenizer.json")
        dtype = "uint16" if tokenizer.size <= 2**16 else "uint32"
        facts: dict[str, Any] = {"dtype": dtype, "tokens": {}, "bytes": {}}
        for part, found in texts.items():
            tokens = size_bytes = 0
            with (folder / f"{part}.bin").open("wb") as file:
                for piece in found:
                    for ids in tokenizer.encode_parts(piece):
                        self.stop.check()
                        file.write(ids.astype(dtype).tobytes())
                        tokens += len(ids)
                    if ended:
                        file.write(np.zeros(1, dtype).tobytes())
                        tokens += 1
                    size_bytes += len(piece.encode("utf-8", "replace"))
            facts["tokens"][part], facts["bytes"][part] = tokens, size_bytes
        context = self.shape.context or 1
        if facts["tokens"]["train"] < 2 * context or min(facts["tokens"].values()) < 2:
            raise DataError("data_shape", problem=f"it is too short for a context of {context} tokens")
        return facts

    def _documents(self, data: InputData) -> dict[str, list[str]]:
        """Rows as documents: whole documents go to one part."""
        columns = [self.spec.data.columns["text"]]
        rows = read_rows(Path(data.path), data.kind, columns, data.profile, self.stop)
        documents = [text for (text,) in rows if text.strip()]
        if len(documents) < 3:
            raise DataError("data_shape", problem="it has fewer than three documents")
        split = self.spec.data.split
        same = np.zeros(len(documents), dtype=np.int64)
        chosen = ordering.split_rows(same, split.valid, split.test, split.seed)
        return {part: [documents[i] for i in numbers] for part, numbers in chosen.items()}

    def open(self, folder: Path, facts: dict[str, Any]) -> None:
        self.facts = facts
        self.tokenizer = load_tokenizer(folder / "tokenizer.json")
        self.parts = {part: np.memmap(folder / f"{part}.bin", facts["dtype"], "r") for part in base.PARTS}

    @property
    def sizes(self) -> Sizes:
        return Sizes(vocab=self.tokenizer.size)

    @property
    def context(self) -> int:
        """Tokens the net sees at once."""
        return self.shape.context or 1

    def count(self, part: str) -> int:
        if part == "train":
            # One block less than would fit, so that every offset below `context` leaves the same number.
            return max(1, (len(self.parts["train"]) - self.context) // self.context)
        return -(-(len(self.parts[part]) - 1) // self.context)

    def train_batch(self, rows: np.ndarray, epoch: int, seed: int) -> base.Batch:
        offset = int(ordering.generator(self.spec.train.seed, epoch, 2).integers(self.context))
        tokens = self.parts["train"]
        offset = min(offset, len(tokens) - 1 - self.count("train") * self.context)
        places = (rows * self.context + offset)[:, None] + np.arange(self.context + 1)
        return self._batch(tokens[places])

    def _batch(self, ids: np.ndarray) -> base.Batch:
        both = torch.from_numpy(ids.astype(np.int64)).to(self.device, non_blocking=True)
        return {"ids": both[:, :-1].contiguous(), "next": both[:, 1:].contiguous()}

    def loss(self, net: nn.Module, batch: base.Batch) -> Tensor:
        logits = net(batch["ids"])
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), batch["next"].view(-1))

    def units(self, batch: base.Batch) -> int:
        return batch["ids"].numel()

    def measure(self, net: nn.Module, part: str, items: np.ndarray) -> np.ndarray:
        """Nats, tokens and right guesses of each block.

        Every token is predicted once, from at most `context` tokens before it in its block.
        """
        tokens, at_once = self.parts[part], max(1, EVAL_TOKENS // self.context)
        rows = np.zeros((len(items), 3))
        whole = (items + 1) * self.context < len(tokens)
        # The last block of a part is shorter and goes by itself.
        groups = [np.flatnonzero(whole)[i : i + at_once] for i in range(0, int(whole.sum()), at_once)]
        for places in [*groups, *np.flatnonzero(~whole)[:, None]]:
            self.stop.check()
            starts = items[places] * self.context
            length = min(self.context + 1, len(tokens) - int(starts.max()))
            batch = self._batch(np.asarray(tokens[starts[:, None] + np.arange(length)]))
            logits = net(batch["ids"]).float()
            nats = F.cross_entropy(logits.transpose(1, 2), batch["next"], reduction="none").double().sum(1)
            rows[places, 0] = nats.cpu().numpy()
            rows[places, 1] = length - 1
            rows[places, 2] = (logits.argmax(-1) == batch["next"]).sum(1).cpu().numpy()
        return rows

    def report(self, judged: base.Judged, *, final: bool = False) -> base.Report:
        nats, tokens, hits = judged.rows.T
        per_byte = self.facts["tokens"][judged.part] / max(1, self.facts["bytes"][judged.part])
        report = base.Report(metrics.text_scores(float(nats.sum()), int(tokens.sum()), per_byte, int(hits.sum())))
        if final:
            report.detail = {"tokens": int(tokens.sum()), "bytes": self.facts["bytes"][judged.part]}
            report.interval = metrics.text_interval(nats, tokens, hits, self.spec.primary, per_byte)
        return report

    def baseline(self) -> tuple[str, dict[str, float]]:
        """Unigram: each token by its frequency in the training part, one added to every count."""
        counts = np.bincount(self.parts["train"], minlength=self.tokenizer.size) + 1
        test = np.asarray(self.parts["test"][1:])
        nats = -np.log(counts / counts.sum())[test].sum()
        per_byte = self.facts["tokens"]["test"] / max(1, self.facts["bytes"]["test"])
        hits = int((test == counts.argmax()).sum())
        return "unigram", metrics.text_scores(float(nats), len(test), per_byte, hits)

    def samples(self, net: nn.Module, judged: base.Judged, count: int, step: int) -> Iterator[dict[str, Any]]:
        tokens = self.parts[judged.part]
        if not count:
            return
        length = max(1, min(PROMPT_TOKENS, self.context // 2, len(tokens) - 1))
        starts = base.spaced(len(tokens) - length, count)
        prompts = np.stack([tokens[s : s + length] for s in starts])
        written = self._generate(net, torch.from_numpy(prompts.astype(np.int64)), step)
        for prompt, ids in zip(prompts, written, strict=True):
            yield {
                "kind": "text",
                "prompt": self.tokenizer.decode(prompt.tolist()),
                "text": self.tokenizer.decode(ids.tolist()),
            }

    def _generate(self, net: nn.Module, ids: Tensor, step: int) -> Tensor:
        """Continue prompts (count, tokens) by drawing token after token. Does not touch the global generator."""
        chance = torch.Generator().manual_seed((self.spec.train.seed + step) % 2**63)
        start = ids.shape[1]
        for _ in range(NEW_TOKENS):
            self.stop.check()
            logits = net(ids[:, -self.context :].to(self.device))[:, -1].float().cpu() / TEMPERATURE
            drawn = torch.multinomial(logits.softmax(-1), 1, generator=chance)
            ids = torch.cat([ids, drawn], 1)
        return ids[:, start:]

    def package(self, folder: Path) -> dict[str, Any]:
        self.tokenizer.save(folder / "tokenizer.json")
        return {}
