"""Vectors of texts: two texts that belong together get vectors that point the same way, all others do not.

The loss is that of van den Oord et al. 2018 (InfoNCE) with the other rows of the batch as what does not belong: each
text is to find its pair among them, and each pair its text. Texts that say the same are not held against each other.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from training.engine import metrics
from training.engine.catalogue import Sizes
from training.engine.protocol import InputData
from training.engine.spooling import hashes_of
from training.engine.tasks import base
from training.engine.tasks.rows import EVAL_ROWS, PAD, Strings, TextRows, padded, write_strings
from training.engine.tokenizing import CLASSIFIER_SPECIALS

TEMPERATURE = 0.05
CANDIDATES = 1_000  # among which a text looks for its pair, when it is judged


class Task(TextRows):
    """Both texts of a row go through the same net."""

    def prepare(self, data: InputData, folder: Path) -> dict[str, Any]:
        texts, pairs, skipped = self.read_pairs(data, "pair")
        self.write_split(np.zeros(len(texts), dtype=np.int64), folder)
        train = np.load(folder / "train.npy")
        # One tokenizer for both sides.
        self.tokenizer = self.tokenizer_for((t for i in train for t in (texts[i], pairs[i])), CLASSIFIER_SPECIALS)
        self.tokenizer.save(folder / "tokenizer.json")
        dtype = ""
        for name, side in (("tokens", texts), ("pairs", pairs)):
            edges = folder / ("edges.npy" if name == "tokens" else "pair_edges.npy")
            rows = (self.encode_row(text) for text in side)
            dtype = self.write_rows(rows, self.tokenizer.size, folder / f"{name}.bin", edges)
        found = hashes_of(" ".join(text.split()) for side in (texts, pairs) for text in side)
        np.save(folder / "same.npy", numbered(found).reshape(2, -1))
        self.write_prompts(texts, folder)
        learnt = np.zeros(len(texts), dtype=bool)
        learnt[train] = True
        write_strings(("" if learnt[i] else text for i, text in enumerate(pairs)), folder / "pair_texts")
        return {"dtype": dtype, "skipped": skipped}

    def open(self, folder: Path, facts: dict[str, Any]) -> None:
        self.open_texts(folder, facts)
        self.pairs = np.memmap(folder / "pairs.bin", facts["dtype"], "r")
        self.pair_edges = np.load(folder / "pair_edges.npy")
        self.same = np.load(folder / "same.npy")
        self.pair_texts = Strings(folder / "pair_texts")

    @property
    def sizes(self) -> Sizes:
        return Sizes(vocab=self.tokenizer.size, pad=PAD, head="vector")

    def answers_of(self, items: np.ndarray, width: int) -> base.Batch:
        """The pairs, and for both sides which texts are the same."""
        ids, lengths = padded(self.pairs, self.pair_edges, items, PAD, self.shape.context)
        return {
            "pair_ids": torch.from_numpy(ids),
            "pair_mask": torch.from_numpy(np.arange(ids.shape[1]) < lengths[:, None]),
            "same": torch.from_numpy(self.same[:, items].T.copy()),
        }

    def _vectors(self, net: nn.Module, batch: base.Batch) -> tuple[Tensor, Tensor]:
        return net(batch["ids"], batch.get("mask")), net(batch["pair_ids"], batch["pair_mask"])

    @property
    def contrasted(self) -> int:  # type: ignore[override]
        """Both vectors, and the numbers of both texts."""
        return 2 * self.shape.width + 2

    def loss(self, net: nn.Module, batch: base.Batch) -> Tensor:
        """Of several processes each has its share of the batch, and holds the rows of all against each other."""
        told: list[Tensor] = [vectors.float() for vectors in self._vectors(net, batch)] + [batch["same"]]
        texts, pairs, same = told if self.gathered is None else self.gathered(*told)
        return _nats(texts, pairs, same).mean()

    def measure(self, net: nn.Module, part: str, items: np.ndarray) -> np.ndarray:
        """Both vectors of each item: how they stand to all others is told by the report."""
        numbers = self.parts[part][items]
        rows = np.zeros((len(items), 2 * self.spec.shape.width))
        for places in self.groups_for_eval(numbers, EVAL_ROWS):
            found = self._vectors(net, self.batch_of(numbers[places]))
            rows[places] = torch.cat(found, 1).double().cpu().numpy()
        return rows

    def _told(self, judged: base.Judged) -> np.ndarray:
        """Of each item: whether its pair is first, one over its rank, nats; among at most CANDIDATES items."""
        numbers = self.parts[judged.part][judged.items]
        rows = np.zeros((len(numbers), 3))
        for group in groups_of(len(numbers)):
            texts, pairs = np.split(judged.rows[group], 2, axis=1)
            same = self.same[:, numbers[group]].T
            ranks = _ranks(texts, pairs, same)
            nats = _nats(torch.from_numpy(texts), torch.from_numpy(pairs), torch.from_numpy(same))
            rows[group] = np.column_stack([ranks == 1, 1 / ranks, nats.numpy()])
        return rows

    def report(self, judged: base.Judged, *, final: bool = False) -> base.Report:
        told = self._told(judged)
        report = base.Report(_scores(told.mean(0)))
        if final:
            sizes = [len(group) for group in groups_of(len(told))]
            report.detail = {"rows": len(told), "candidates": max(sizes)}
            report.interval = metrics.mean_interval(
                told[:, list(report.values).index(self.spec.primary)], check=self.stop.check
            )
        return report

    def baseline(self) -> tuple[str, dict[str, float]]:
        """Drawing lots: what the figures are on average when every order is as likely as any other."""
        numbers = self.parts["test"]
        rows = []
        for group in groups_of(len(numbers)):
            others = _rivals(self.same[:, numbers[group]].T).sum(1) + 1
            for count in others:
                rows.append([1 / count, (1 / np.arange(1, count + 1)).mean(), np.log(count)])
        return "chance", _scores(np.mean(rows, 0))

    def badness(self, judged: base.Judged) -> np.ndarray:
        """The loss."""
        return self._told(judged)[:, 2]

    def samples(self, net: nn.Module, judged: base.Judged, count: int, step: int) -> Any:
        """Texts that found another pair than theirs, the worst first, with what they found."""
        numbers = self.parts[judged.part][judged.items]
        group = next((g for g in groups_of(len(numbers))), np.arange(0))
        texts, pairs = np.split(judged.rows[group], 2, axis=1)
        nats = self._told(judged)[group, 2]
        for place in np.argsort(-nats, kind="stable")[:count]:
            found = int((texts[place] @ pairs.T).argmax())
            yield {
                "kind": "row",
                "prompt": self.describe(int(numbers[group[place]])),
                "text": self.pair_texts[numbers[group[found]]],
                "label": self.pair_texts[numbers[group[place]]],
            }

    def predict(self, net: nn.Module, inputs: list[Any]) -> list[dict[str, Any]]:
        """The vector of each text, at length one: how alike two texts are is the product of their vectors.

        Of two texts, {"text": …, "other": …}, that product itself, from -1 to 1.
        """
        pairs = [one for one in inputs if isinstance(one, dict)]
        if pairs:
            if len(pairs) < len(inputs):
                raise ValueError("either all inputs are pairs of texts, or none is")
            return self._likeness(net, pairs)
        vectors = net(*self.new_batch([self.encode_row(text) for text in self.texts_of(inputs)]))
        return [{"vector": [round(number, 6) for number in vector]} for vector in vectors.float().tolist()]

    def _likeness(self, net: nn.Module, pairs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        texts = self.texts_of([pair.get(side) for pair in pairs for side in ("text", "other")])
        vectors = net(*self.new_batch([self.encode_row(text) for text in texts])).float()
        return [{"likeness": round(value, 6)} for value in (vectors[::2] * vectors[1::2]).sum(1).tolist()]


def numbered(values: np.ndarray) -> np.ndarray:
    """Equal values by the same number, in the order in which they come first."""
    _, firsts, which = np.unique(values, return_index=True, return_inverse=True)
    number = np.empty(len(firsts), dtype=np.int64)
    number[np.argsort(firsts)] = np.arange(len(firsts))
    return number[which]


def groups_of(count: int) -> list[np.ndarray]:
    """Items in as few groups of about the same size as keep each within CANDIDATES."""
    return np.array_split(np.arange(count), -(-count // CANDIDATES))


def _rivals(same: Any) -> Any:
    """(rows, rows): whether the pair of a row does not belong to another row; `same` are numbers of (text, pair)."""
    alike = (same[:, None, :] == same[None, :, :]).any(-1)
    return ~alike


def _nats(texts: Tensor, pairs: Tensor, same: Tensor) -> Tensor:
    """Surprise of each row: that a text finds its pair among those of the batch, and the pair its text, on average."""
    likeness = texts.float() @ pairs.float().T / TEMPERATURE
    own = torch.eye(len(texts), dtype=torch.bool, device=texts.device)
    likeness = likeness.masked_fill(~(_rivals(same) | own), -1e9)
    target = torch.arange(len(texts), device=texts.device)
    there = F.cross_entropy(likeness, target, reduction="none")
    return (there + F.cross_entropy(likeness.T, target, reduction="none")) / 2


def _ranks(texts: np.ndarray, pairs: np.ndarray, same: np.ndarray) -> np.ndarray:
    """Place of the own pair when all are ordered by likeness; among equals it is in the middle."""
    likeness = texts @ pairs.T
    own = np.diagonal(likeness)[:, None]
    rivals = _rivals(same)
    return 1 + ((likeness > own) & rivals).sum(1) + ((likeness == own) & rivals).sum(1) / 2


def _scores(row: np.ndarray) -> dict[str, float]:
    return dict(zip(("recall_at_1", "mrr", "loss"), map(float, row), strict=True))
