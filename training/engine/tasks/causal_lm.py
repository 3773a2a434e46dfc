"""Language model: predict the next token of packed blocks; perplexity and bits per byte on held-out stretches."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from training.engine import metrics, ordering
from training.engine.generating import Sampling, pieces_after
from training.engine.molecules import drawn_scores
from training.engine.tasks import base
from training.engine.tasks.packed import PackedText
from training.engine.tokenizing import END, LM_SPECIALS

PROMPT_TOKENS = 24
EVAL_TOKENS = 4_096
NONE = -100
MOLECULES, MOLECULE_TOKENS = 100, 200  # that are written to be judged, and the longest of them


class Task(PackedText):
    """Blocks of `context` tokens, cut at an offset that changes with the epoch.

    With a column of prompts each document is a prompt and the text behind it, and only the text is asked for: `asked`
    of a batch tells which of the next tokens count.
    """

    specials = LM_SPECIALS
    between = 0
    sampling: Sampling | None = None  # of `predict`, where asked for

    def count(self, part: str) -> int:
        if part == "train":
            # One block less than would fit, so that every offset below `context` leaves the same number.
            return max(1, (len(self.parts["train"]) - self.context) // self.context)
        return -(-(len(self.parts[part]) - 1) // self.context)

    def judged(self, part: str, limit: int | None) -> np.ndarray:
        """Blocks in which a token is asked for."""
        if part not in self.marks:
            return super().judged(part, limit)
        starts = np.arange(self.count(part)) * self.context
        found = np.flatnonzero(np.maximum.reduceat(self.marks[part][1:], starts))
        return found[base.spaced(len(found), limit)]

    def train_batch(self, rows: np.ndarray, epoch: int, seed: int) -> base.Batch:
        offset = int(ordering.generator(self.spec.train.seed, epoch, 2).integers(self.context))
        tokens = self.parts["train"]
        offset = min(offset, len(tokens) - 1 - self.count("train") * self.context)
        places = (rows * self.context + offset)[:, None] + np.arange(self.context + 1)
        return self._batch("train", places)

    def _batch(self, part: str, places: np.ndarray) -> base.Batch:
        ids = np.asarray(self.parts[part][places])
        both = torch.from_numpy(ids.astype(np.int64)).to(self.device, non_blocking=True)
        batch = {"ids": both[:, :-1].contiguous(), "next": both[:, 1:].contiguous()}
        if not self.marks:
            return batch
        asked = torch.from_numpy(np.asarray(self.marks[part][places[:, 1:]]).astype(bool))
        return batch | {"asked": asked.to(self.device, non_blocking=True)}

    def loss(self, net: nn.Module, batch: base.Batch) -> Tensor:
        logits = net(batch["ids"])
        if "asked" not in batch:
            return F.cross_entropy(logits.view(-1, logits.shape[-1]), batch["next"].view(-1))
        wanted = batch["next"].masked_fill(~batch["asked"], NONE).view(-1)
        nats = F.cross_entropy(logits.view(-1, logits.shape[-1]), wanted, ignore_index=NONE, reduction="sum")
        # Divided by what a block has of them on average, so that all tokens weigh alike in batches of any make.
        share = self.facts["asked"]["train"] / self.facts["tokens"]["train"]
        return nats / (wanted.numel() * share)

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
            batch = self._batch(part, starts[:, None] + np.arange(length))
            logits = net(batch["ids"]).float()
            asked = batch.get("asked", torch.ones_like(batch["next"], dtype=torch.bool))
            nats = F.cross_entropy(logits.transpose(1, 2), batch["next"], reduction="none").double()
            rows[places, 0] = (nats * asked).sum(1).cpu().numpy()
            rows[places, 1] = asked.sum(1).cpu().numpy()
            rows[places, 2] = ((logits.argmax(-1) == batch["next"]) & asked).sum(1).cpu().numpy()
        return rows

    def report(self, judged: base.Judged, *, final: bool = False) -> base.Report:
        nats, tokens, hits = judged.rows.T
        per_byte = self._per_byte(judged.part)
        report = base.Report(metrics.text_scores(float(nats.sum()), int(tokens.sum()), per_byte, int(hits.sum())))
        if final:
            report.detail = {"tokens": int(tokens.sum()), "bytes": self.facts["bytes"][judged.part]}
            report.interval = metrics.text_interval(
                nats, tokens, hits, self.spec.primary, per_byte, check=self.stop.check
            )
        return report

    def baseline(self) -> tuple[str, dict[str, float]]:
        """Unigram: each token by its frequency in the training part, one added to every count."""
        counts = base.counts_of(self.parts["train"], self.tokenizer.size, self.marks.get("train")) + 1
        test = np.asarray(self.parts["test"][1:])
        if self.marks:
            test = test[self.marks["test"][1:].astype(bool)]
        nats = -np.log(counts / counts.sum())[test].sum()
        per_byte = self._per_byte("test")
        hits = int((test == counts.argmax()).sum())
        return "unigram", metrics.text_scores(float(nats), len(test), per_byte, hits)

    def _per_byte(self, part: str) -> float:
        """Tokens that are asked for, in a byte of what they say."""
        return self.facts.get("asked", self.facts["tokens"])[part] / max(1, self.facts["bytes"][part])

    def samples(self, net: nn.Module, judged: base.Judged, count: int, step: int) -> Iterator[dict[str, Any]]:
        tokens = self.parts[judged.part]
        if not count:
            return
        length = max(1, min(PROMPT_TOKENS, self.context // 2, len(tokens) - 1))
        prompts = [tokens[start : start + length].tolist() for start in base.spaced(len(tokens) - length, count)]
        sampling = Sampling(seed=(self.spec.train.seed + step) % 2**63)
        written = [""] * len(prompts)
        for row, piece in self.pieces(net, prompts, sampling):
            written[row] += piece
        for prompt, text in zip(prompts, written, strict=True):
            yield {"kind": "text", "prompt": self.tokenizer.decode(prompt), "text": text}

    def made(self, net: nn.Module) -> dict[str, Any]:
        """Of molecules: how many of those it writes are valid, different and new.

        Nothing where none can be written from its beginning: behind a column of prompts, of which a net says only what
        follows and a prompt may be no part of the molecule; or of a text in one piece, where nothing ends.
        """
        if self.spec.tokenizer is None or self.spec.tokenizer.kind != "smiles":
            return {}
        if self.marks or not base.occurs(self.between, self.parts["train"]):
            return {}
        written = [""] * MOLECULES
        sampling = Sampling(
            tokens=max(1, min(MOLECULE_TOKENS, self.context - 1)), temperature=1.0, seed=self.spec.train.seed
        )
        for row, piece in self.pieces(net, [[self.between]] * MOLECULES, sampling):
            written[row] += piece
        return {"molecules": drawn_scores(written, self._learnt(set(written)))}

    def _learnt(self, asked: set[str]) -> set[str]:
        """Which of these stand in the training part, which may be long."""
        tokens = np.asarray(self.parts["train"])
        ends = np.flatnonzero(tokens == self.between)
        wanted = {self.tokenizer.encode(text).astype(tokens.dtype).tobytes(): text for text in asked}
        rows = (tokens[a:b].tobytes() for a, b in zip(np.r_[-1, ends] + 1, np.r_[ends, len(tokens)], strict=True))
        return {wanted[row] for row in rows if row in wanted}

    def predict(self, net: nn.Module, inputs: list[Any]) -> list[dict[str, Any]]:
        """What is written after each text, drawn token by token."""
        texts = [""] * len(inputs)
        for row, piece in self.stream(net, inputs):
            texts[row] += piece
        return [{"text": text} for text in texts]

    def stream(self, net: nn.Module, inputs: list[Any]) -> Iterator[tuple[int, str]]:
        """(number of the input, piece of text) as it is written. Raises ValueError."""
        prompts = []
        for text in inputs:
            ids = self.tokenizer.encode(self.form(text)).tolist() if isinstance(text, str) else []
            if not ids:
                raise ValueError("this model goes on from texts of at least one token")
            prompts.append(ids[-self.context :])
        yield from self.pieces(net, prompts, self.sampling or Sampling())

    def pieces(self, net: nn.Module, prompts: list[list[int]], sampling: Sampling) -> Iterator[tuple[int, str]]:
        """(row, piece of text) after prompts of tokens. Does not touch the global generator."""
        end = self.tokenizer.specials.get(END)
        numbers = range(self.first_input, self.first_input + len(prompts))
        yield from pieces_after(net, self.tokenizer, prompts, sampling, end=end, numbers=numbers, check=self.stop.check)
