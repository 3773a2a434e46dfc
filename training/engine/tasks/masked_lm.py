"""Masked language model: tell the tokens that were hidden in a block, from what stands on both sides of them.

The hiding is that of Devlin et al. 2019, "BERT", section 3.1: 15 % of the tokens are asked for, of which 80 % are
replaced by [MASK], 10 % by a token drawn at random, and 10 % left as they are.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from training.engine import metrics, mutations, ordering
from training.engine.catalogue import Sizes
from training.engine.tasks import base
from training.engine.tasks.packed import PackedText
from training.engine.tokenizing import MASKED_SPECIALS

PAD, CLS, SEP, MASK = 0, 2, 3, 4
ASKED, MASKED, DRAWN = 0.15, 0.8, 0.1
EVAL_TOKENS = 4_096
EVAL_SEED = 1
SHOWN_TOKENS = 48


class Task(PackedText):
    """Blocks of [CLS], `context` - 2 tokens and [SEP]; as many of each are asked for, so that all weigh alike."""

    specials = MASKED_SPECIALS
    between = SEP

    @property
    def sizes(self) -> Sizes:
        return Sizes(vocab=self.tokenizer.size, pad=PAD)

    @property
    def length(self) -> int:
        """Tokens of the text in a block."""
        return self.context - 2

    @property
    def asked(self) -> int:
        """Tokens asked for in a block."""
        return max(1, round(ASKED * self.length))

    def count(self, part: str) -> int:
        if part == "train":
            # One block less than would fit, so that every offset below `length` leaves the same number.
            return max(1, (len(self.parts["train"]) - self.length) // self.length)
        return max(1, len(self.parts[part]) // self.length)

    def train_batch(self, rows: np.ndarray, epoch: int, seed: int) -> base.Batch:
        tokens = self.parts["train"]
        offset = int(ordering.generator(self.spec.train.seed, epoch, 2).integers(self.length))
        offset = min(offset, len(tokens) - self.count("train") * self.length)
        return self._batch(self._blocks("train", rows * self.length + offset), ordering.generator(seed))

    def _blocks(self, part: str, starts: np.ndarray) -> np.ndarray:
        """(blocks, length) tokens; a part shorter than one block is read round and round."""
        tokens = self.parts[part]
        return np.asarray(tokens[(starts[:, None] + np.arange(self.length)) % len(tokens)]).astype(np.int64)

    def _batch(self, blocks: np.ndarray, chance: np.random.Generator) -> base.Batch:
        """`places` are positions in the flattened ids, `target` the tokens that stood there."""
        count = len(blocks)
        chosen = np.argsort(chance.random(blocks.shape), axis=1)[:, : self.asked]
        target = np.take_along_axis(blocks, chosen, 1)
        kind, drawn = (
            chance.random(chosen.shape),
            chance.integers(len(self.specials), self.tokenizer.size, chosen.shape),
        )
        hidden = np.where(kind < MASKED, MASK, np.where(kind < MASKED + DRAWN, drawn, target))
        ids = np.full((count, self.context), SEP, dtype=np.int64)
        ids[:, 0] = CLS
        ids[:, 1:-1] = blocks
        np.put_along_axis(ids, chosen + 1, hidden, 1)
        places = np.arange(count)[:, None] * self.context + chosen + 1
        arrays = {"ids": ids, "places": places.ravel(), "target": target.ravel()}
        return {name: torch.from_numpy(a).to(self.device, non_blocking=True) for name, a in arrays.items()}

    def _judged_batch(self, part: str, items: np.ndarray) -> base.Batch:
        """What is hidden of a block depends on the block alone, so that figures can be compared."""
        blocks = self._blocks(part, items * self.length)
        batches = [
            self._batch(block[None], ordering.generator(EVAL_SEED, int(item)))
            for block, item in zip(blocks, items, strict=True)
        ]
        joined = {name: torch.cat([batch[name] for batch in batches]) for name in ("ids", "places", "target")}
        shift = torch.arange(len(items), device=self.device).repeat_interleave(self.asked) * self.context
        joined["places"] = joined["places"] + shift
        return joined

    def loss(self, net: nn.Module, batch: base.Batch) -> Tensor:
        return F.cross_entropy(net(batch["ids"], None, batch["places"]), batch["target"])

    def measure(self, net: nn.Module, part: str, items: np.ndarray) -> np.ndarray:
        """Nats, tokens and right guesses of each block, over the hidden tokens."""
        rows = np.zeros((len(items), 3))
        at_once = max(1, EVAL_TOKENS // self.context)
        for start in range(0, len(items), at_once):
            self.stop.check()
            batch = self._judged_batch(part, items[start : start + at_once])
            logits = net(batch["ids"], None, batch["places"]).float()
            nats = F.cross_entropy(logits, batch["target"], reduction="none").double().view(-1, self.asked).sum(1)
            hits = (logits.argmax(-1) == batch["target"]).view(-1, self.asked).sum(1)
            end = start + len(nats)
            rows[start:end, 0], rows[start:end, 1] = nats.cpu().numpy(), self.asked
            rows[start:end, 2] = hits.cpu().numpy()
        return rows

    def report(self, judged: base.Judged, *, final: bool = False) -> base.Report:
        nats, tokens, hits = judged.rows.T
        report = base.Report(metrics.text_scores(float(nats.sum()), int(tokens.sum()), None, int(hits.sum())))
        if final:
            report.detail = {"tokens": int(tokens.sum()), "blocks": len(judged.rows)}
            report.interval = metrics.text_interval(nats, tokens, hits, self.spec.primary, None, check=self.stop.check)
        return report

    def baseline(self) -> tuple[str, dict[str, float]]:
        """Unigram: each hidden token by its frequency in the training part, one added to every count."""
        counts = base.counts_of(self.parts["train"], self.tokenizer.size) + 1
        logs = np.log(counts / counts.sum())
        target = self._judged_batch("test", np.arange(self.count("test")))["target"].cpu().numpy()
        hits = int((target == counts.argmax()).sum())
        return "unigram", metrics.text_scores(float(-logs[target].sum()), len(target), None, hits)

    def predict(self, net: nn.Module, inputs: list[Any]) -> list[dict[str, Any]]:
        """Each text with the likeliest tokens where it says [MASK]; of a protein, {"scan": sequence}: its mutations."""
        answers = []
        for text in inputs:
            if isinstance(text, dict):
                answers.append(self._scan(net, text))
                continue
            if not isinstance(text, str):
                raise ValueError("this model reads texts")
            pieces = [self.tokenizer.encode(piece) for piece in self.form(text).split("[MASK]")]
            parts = [pieces[0]]
            for piece in pieces[1:]:
                parts += [np.array([MASK]), piece]
            ids = np.concatenate([[CLS], *parts])[: self.context - 1].astype(np.int64)
            batch = torch.from_numpy(np.append(ids, SEP))[None].to(self.device)
            guesses = net(batch)[0].argmax(-1).cpu().numpy()
            filled = np.where(ids == MASK, guesses[:-1], ids)[1:]
            answers.append({"text": self.tokenizer.decode(filled.tolist())})
        return answers

    def _scan(self, net: nn.Module, asked: dict[str, Any]) -> dict[str, Any]:
        """Scores of exchanges of residues: of all single ones, or of those that `mutations` lists."""
        sequence, wanted = asked.get("scan"), asked.get("mutations")
        if self.spec.tokenizer is None or self.spec.tokenizer.kind != "protein":
            raise ValueError("only a language model of proteins tells how likely mutations are")
        if not isinstance(sequence, str) or not (wanted is None or isinstance(wanted, list)):
            raise ValueError('write {"scan": "MKT…"}, and beside it {"mutations": ["K2R", …]} where only some count')
        sequence = "".join(sequence.split()).upper()
        scores = mutations.scan(net, self.tokenizer, sequence, context=self.context, ends=(CLS, SEP, MASK))
        return mutations.answer(scores, sequence, wanted)

    def samples(self, net: nn.Module, judged: base.Judged, count: int, step: int) -> Iterator[dict[str, Any]]:
        """A block with its gaps, and the same with the guesses in them."""
        for item in base.spaced(self.count(judged.part), count):
            self.stop.check()
            batch = self._judged_batch(judged.part, np.array([item]))
            guesses = net(batch["ids"], None, batch["places"]).argmax(-1).tolist()
            block = self._blocks(judged.part, np.array([item * self.length]))[0].tolist()
            places = [place - 1 for place in batch["places"].tolist()]
            filled = list(block)
            for place, guess in zip(places, guesses, strict=True):
                filled[place] = guess
            gaps = set(places)
            pieces: list[str] = []
            run: list[int] = []
            for place, token in enumerate(block[:SHOWN_TOKENS]):
                if place in gaps:
                    pieces += [self.tokenizer.decode(run), "[MASK]"]
                    run = []
                else:
                    run.append(token)
            yield {
                "kind": "text",
                "prompt": "".join([*pieces, self.tokenizer.decode(run)]),
                "text": self.tokenizer.decode(filled[:SHOWN_TOKENS]),
            }
