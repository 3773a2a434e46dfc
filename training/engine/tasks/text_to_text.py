"""Text to text: write one text from another, as in translations, summaries and answers."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from training.engine import metrics
from training.engine.catalogue import TASKS, Sizes
from training.engine.errors import DataError
from training.engine.generating import Sampling, texts_from
from training.engine.overlap import COLUMNS, counts_of, overlap_scores
from training.engine.protocol import InputData
from training.engine.spooling import Spool
from training.engine.tasks import base
from training.engine.tasks.rows import EVAL_ROWS, Strings, TextRows, padded, write_strings
from training.engine.tokenizing import SEQ2SEQ_SPECIALS

PAD, END = 0, 2
NONE = -100
OWN = frozenset({"loss", "perplexity", "token_accuracy"})  # figures for which no text must be written


class Task(TextRows):
    """Source and target are their tokens, as far as there is room, and END; the target is told behind PAD.

    What tasks of this kind may say otherwise: `source_of` makes one text of the columns that are read, `answer_of` is
    the trivial answer to a row, `near` and `scores` tell how near a written text is to the wanted one.
    """

    near_columns = COLUMNS  # numbers that `near` gives
    trivial = "commonest answer"
    sampling: Sampling | None = None  # of `predict`, where asked for

    def source_of(self, cells: Sequence[str]) -> str:
        """The text to read, from the cells of the columns that are read."""
        return cells[0]

    def source_of_input(self, given: Any) -> str:
        """The text to read, of a new input. Raises ValueError."""
        return self.texts_of([given])[0]

    def answer_of(self, cells: Sequence[str]) -> str | None:
        """The trivial answer to a row; None: the commonest of the training part."""
        return None

    def near(self, written: str, wanted: str) -> list[float]:
        """What `scores` wants summed."""
        return counts_of(written, wanted)

    def scores(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """How near written texts are, from sums (…, near_columns)."""
        return overlap_scores(sums)

    def prepare(self, data: InputData, folder: Path) -> dict[str, Any]:
        roles = (*TASKS[self.spec.task].reads, TASKS[self.spec.task].writes)
        texts, wanted, plain = (Spool(self.workplace) for _ in range(3))

        def keep(cells: list[str]) -> None:
            texts.append(self.source_of(cells[:-1]))
            wanted.append(cells[-1])
            plain.append(self.answer_of(cells[:-1]) or "")

        _, skipped = self.read_filled(data, roles, keep, own=len(roles) - 1)
        if not texts:
            raise DataError("data_shape", problem=f"no row has all of {', '.join(roles)}")
        self.write_split(np.zeros(len(texts), dtype=np.int64), folder)
        train = np.load(folder / "train.npy")
        learnt = (text for i in train for text in (texts[i], wanted[i]))
        tokenizer = self.tokenizer_for(learnt, SEQ2SEQ_SPECIALS)
        tokenizer.save(folder / "tokenizer.json")
        room = (self.shape.context or 2) - 1
        for name, found in (("tokens", texts), ("target", wanted)):
            rows = (np.append(tokenizer.encode(text[: 16 * room])[:room], END) for text in found)
            edges = folder / ("edges.npy" if name == "tokens" else "target_edges.npy")
            dtype = self.write_rows(rows, tokenizer.size, folder / f"{name}.bin", edges)
        self.write_prompts(texts, folder)
        tested = set(np.load(folder / "test.npy").tolist())
        write_strings((plain[i] if i in tested else "" for i in range(len(plain))), folder / "trivial")
        edges_of = np.load(folder / "target_edges.npy")
        commonest, _ = Counter(wanted[i] for i in train).most_common(1)[0]
        tokens = float((edges_of[train + 1] - edges_of[train]).mean())
        return {"dtype": dtype, "skipped": skipped, "tokens": tokens, "commonest": commonest}

    def open(self, folder: Path, facts: dict[str, Any]) -> None:
        self.open_texts(folder, facts)
        self.facts = facts
        self.target = np.memmap(folder / "target.bin", facts["dtype"], "r")
        self.target_edges = np.load(folder / "target_edges.npy")
        # What was prepared before there were other tasks of this kind has none.
        self.plain = Strings(folder / "trivial") if (folder / "trivial.npy").exists() else None

    @property
    def sizes(self) -> Sizes:
        return Sizes(vocab=self.tokenizer.size, pad=PAD)

    def answers_of(self, items: np.ndarray, width: int) -> base.Batch:
        """`before`: what the net sees of the target; `target`: what it is to write, NONE behind the end."""
        target, lengths = padded(self.target, self.target_edges, items, PAD)
        before = np.roll(target, 1, axis=1)
        before[:, 0] = PAD
        target[np.arange(target.shape[1]) >= lengths[:, None]] = NONE
        return {"before": torch.from_numpy(before), "target": torch.from_numpy(target)}

    def loss(self, net: nn.Module, batch: base.Batch) -> Tensor:
        """Summed over tokens and divided by what the rows have on average, so that all tokens weigh alike."""
        logits = net(batch["ids"], batch["before"], batch.get("mask"))
        nats = F.cross_entropy(logits.flatten(0, 1), batch["target"].flatten(), ignore_index=NONE, reduction="sum")
        return nats / (len(logits) * self.facts["tokens"])

    def measure(self, net: nn.Module, part: str, items: np.ndarray) -> np.ndarray:
        """Of each item: nats, tokens, right tokens, and how near the written text is, if it is asked for."""
        numbers = self.parts[part][items]
        rows = np.zeros((len(items), 3 + self.near_columns))
        t5: Any = net
        writes = part == "test" or self.spec.primary not in OWN
        for places in self.groups_for_eval(numbers, EVAL_ROWS):
            batch = self.batch_of(numbers[places])
            memory = t5.encode(batch["ids"], batch.get("mask"))
            logits = t5.decode(memory, batch.get("mask"), batch["before"]).float()
            asked = batch["target"] != NONE
            nats = F.cross_entropy(logits.transpose(1, 2), batch["target"], ignore_index=NONE, reduction="none")
            hits = ((logits.argmax(-1) == batch["target"]) & asked).sum(1)
            rows[places, :3] = torch.stack([nats.double().sum(1), asked.sum(1), hits], 1).cpu().numpy()
            if writes:
                written = self._write(t5, memory, batch.get("mask"))
                wanted = [self.tokenizer.decode(self._wanted(item)) for item in numbers[places]]
                rows[places, 3:] = [self.near(ours, theirs) for ours, theirs in zip(written, wanted, strict=True)]
        return rows

    def _wanted(self, item: int) -> list[int]:
        return self.target[self.target_edges[item] : self.target_edges[item + 1]].tolist()

    def _write(self, net: Any, memory: Tensor, mask: Tensor | None, sampling: Sampling | None = None) -> list[str]:
        """From what was read, the likeliest tokens unless it is asked otherwise."""
        return texts_from(
            net.go_on,
            net.remember(memory, mask, room=self.shape.context or 2),
            PAD,
            self.tokenizer,
            sampling,
            end=END,
            first=self.first_input,
            check=self.stop.check,
        )

    def report(self, judged: base.Judged, *, final: bool = False) -> base.Report:
        sums = judged.rows.sum(0)
        report = base.Report(self._figures(sums))
        if final:
            report.detail = {"rows": len(judged.rows), "tokens": int(sums[1])}
            report.interval = metrics.sums_interval(
                judged.rows, lambda found: self._scores(found)[self.spec.primary], check=self.stop.check
            )
        elif not sums[-1]:
            report.values = {name: value for name, value in report.values.items() if name in OWN}
        return report

    def _figures(self, sums: np.ndarray) -> dict[str, float]:
        """Those of the task, in its order."""
        found = self._scores(sums)
        return {name: float(found[name]) for name in TASKS[self.spec.task].metrics}

    def _scores(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        loss = sums[..., 0] / sums[..., 1]
        own = {"loss": loss, "perplexity": np.exp(np.minimum(loss, 700)), "token_accuracy": sums[..., 2] / sums[..., 1]}
        return own | self.scores(sums[..., 3:])

    def baseline(self) -> tuple[str, dict[str, float]]:
        """The trivial answer of the task to each row; each token by its frequency in the training part."""
        train = np.concatenate([self._wanted(item) for item in self.parts["train"]])
        counts = np.bincount(train, minlength=self.tokenizer.size) + 1
        logs = np.log(counts / counts.sum())
        rows = []
        for item in self.parts["test"]:
            tokens = np.array(self._wanted(item))
            plain = (self.plain[item] if self.plain else "") or self.facts["commonest"]
            near = self.near(plain, self.tokenizer.decode(tokens))
            rows.append([-logs[tokens].sum(), len(tokens), (tokens == counts.argmax()).sum(), *near])
        return self.trivial, self._figures(np.sum(rows, 0))

    def badness(self, judged: base.Judged) -> np.ndarray:
        """The loss a token."""
        return judged.rows[:, 0] / np.maximum(judged.rows[:, 1], 1)

    def show(self, net: nn.Module, judged: base.Judged, place: int) -> dict[str, Any]:
        t5: Any = net
        item = self.parts[judged.part][judged.items[place : place + 1]]
        batch = self.batch_of(item)
        (written,) = self._write(t5, t5.encode(batch["ids"], batch.get("mask")), batch.get("mask"))
        wanted = self.tokenizer.decode(self._wanted(item[0]))
        return {"kind": "row", "prompt": self.describe(int(item[0])), "text": written, "label": wanted}

    def predict(self, net: nn.Module, inputs: list[Any]) -> list[dict[str, Any]]:
        """The text that is written from each text."""
        t5: Any = net
        room = (self.shape.context or 2) - 1
        texts = [self.source_of_input(given) for given in inputs]
        rows = [np.append(self.tokenizer.encode(text[: 16 * room])[:room], END) for text in texts]
        ids, mask = self.new_batch(rows)
        return [{"text": text} for text in self._write(t5, t5.encode(ids, mask), mask, self.sampling)]

    def package(self, folder: Path) -> dict[str, Any]:
        return super().package(folder) | {"eos_token_id": END}
