"""Token classification: rows of words, each word with a tag: names in a text, parts of speech, residues of a protein.

Words and tags are parted by spaces. Tags such as B-place, I-place and O mark entities of several words.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from training.engine import metrics
from training.engine.catalogue import Sizes
from training.engine.errors import DataError
from training.engine.labelling import spans, type_of
from training.engine.protocol import InputData
from training.engine.tasks import base
from training.engine.tasks.rows import CLS, EVAL_ROWS, PAD, SEP, TextRows
from training.engine.tokenizing import CLASSIFIER_SPECIALS, Tokenizer

MAX_TAGS = 500
NONE = -100
CONFUSED_TAGS, CONFUSED_ROWS = 30, 10_000


class Task(TextRows):
    """The first token of a word answers for it; words beyond the context are not judged."""

    probe = "words"
    repeats = False
    labels: list[str]

    def prepare(self, data: InputData, folder: Path) -> dict[str, Any]:
        texts, cells, skipped = self.read_pairs(data, "label", _checked)
        self.write_split(np.zeros(len(texts), dtype=np.int64), folder)
        train = np.load(folder / "train.npy")
        names = sorted({tag for cell in cells for tag in cell.split()})
        if not 2 <= len(names) <= MAX_TAGS:
            raise DataError("data_shape", problem=f"it has {len(names)} tags, and not 2 to {MAX_TAGS}")
        unseen = set(names) - {tag for i in train for tag in cells[i].split()}
        if unseen:
            raise DataError("data_shape", problem=f"no row to learn from has the tag {min(unseen)}")
        self.tokenizer = self.tokenizer_for((texts[i] for i in train), CLASSIFIER_SPECIALS)
        self.tokenizer.save(folder / "tokenizer.json")
        words = np.zeros(len(texts), dtype=np.int64)  # that are judged, of each row
        rows = self._tagged(zip(texts, cells, strict=True), names, folder / "targets.bin", words)
        dtype = self.write_rows(rows, self.tokenizer.size, folder / "tokens.bin", folder / "edges.npy")
        self.write_prompts(texts, folder)
        return {"dtype": dtype, "labels": names, "skipped": skipped, "words": float(np.mean(words[train]))}

    def _tagged(
        self, rows: Iterable[tuple[str, str]], names: list[str], targets: Path, words: np.ndarray
    ) -> Iterator[np.ndarray]:
        """Tokens of (text, tags), row by row; what each is to answer goes into a file, how many do into `words`."""
        number = {name: i for i, name in enumerate(names)}
        with targets.open("wb") as file:
            for row, (text, cell) in enumerate(rows):
                ids, places = place_words(text.split(), self.tokenizer, (self.shape.context or 3) - 2)
                target = np.full(len(ids), len(names), dtype=np.uint16)
                target[places] = [number[tag] for tag in cell.split()[: len(places)]]
                words[row] = len(places)
                file.write(target.tobytes())
                yield ids

    def open(self, folder: Path, facts: dict[str, Any]) -> None:
        self.open_texts(folder, facts)
        self.labels, self.words = facts["labels"], facts["words"]
        self.targets = np.memmap(folder / "targets.bin", "uint16", "r")
        self.types = sorted({type_of(tag) for tag in self.labels} - {""})

    @property
    def answers(self) -> list[str]:
        return self.labels

    @property
    def sizes(self) -> Sizes:
        return Sizes(vocab=self.tokenizer.size, pad=PAD, classes=len(self.labels), each=True)

    def answers_of(self, items: np.ndarray, width: int) -> base.Batch:
        """`target` is NONE where no word begins."""
        target = np.full((len(items), width), NONE, dtype=np.int64)
        for row, item in enumerate(items):
            own = self.targets[self.edges[item] : self.edges[item + 1]].astype(np.int64)
            target[row, : len(own)] = np.where(own < len(self.labels), own, NONE)
        return {"target": torch.from_numpy(target)}

    def loss(self, net: nn.Module, batch: base.Batch) -> Tensor:
        """Summed over words and divided by what the rows have on average, so that all words weigh alike."""
        logits = net(batch["ids"], batch.get("mask"))
        nats = F.cross_entropy(logits.flatten(0, 1), batch["target"].flatten(), ignore_index=NONE, reduction="sum")
        return nats / (len(logits) * self.words)

    def measure(self, net: nn.Module, part: str, items: np.ndarray) -> np.ndarray:
        """Of each item: right, true and guessed entities of each type, right words, nats, words."""
        numbers = self.parts[part][items]
        rows = np.zeros((len(items), 3 * len(self.types) + 3))
        for places in self.groups_for_eval(numbers, EVAL_ROWS):
            batch = self.batch_of(numbers[places])
            logits = net(batch["ids"], batch.get("mask")).float()
            nats = F.cross_entropy(logits.transpose(1, 2), batch["target"], ignore_index=NONE, reduction="none")
            guesses, targets = logits.argmax(-1).cpu().numpy(), batch["target"].cpu().numpy()
            rows[places, -2] = nats.double().sum(1).cpu().numpy()
            for place, guess, target in zip(places, guesses, targets, strict=True):
                rows[place, :-2] = self._found(target[target != NONE], guess[target != NONE])
                rows[place, -1] = (target != NONE).sum()
        return rows

    def probe_targets(self, part: str, items: np.ndarray) -> np.ndarray:
        """The tags of all words of the items."""
        return np.concatenate([self._row(item)[1] for item in self.parts[part][items]]).astype(np.int64)

    def probe_counts(self, part: str, items: np.ndarray) -> np.ndarray:
        return np.array([len(self._row(item)[1]) for item in self.parts[part][items]])

    def probe_places(self, batch: base.Batch) -> Tensor:
        return batch["target"] != NONE

    def probe_rows(self, part: str, items: np.ndarray, answers: np.ndarray) -> np.ndarray:
        """`answers`: log shares of all words of the items (words, tags)."""
        rows, first = [], 0
        for item in self.parts[part][items]:
            target = self._row(item)[1].astype(np.int64)
            logs = answers[first : first + len(target)]
            nats = -np.take_along_axis(logs, target[:, None], 1).sum()
            rows.append([*self._found(target, logs.argmax(1)), nats, len(target)])
            first += len(target)
        return np.array(rows)

    def _found(self, target: np.ndarray, guess: np.ndarray) -> np.ndarray:
        truth, guessed = (set(spans([self.labels[i] for i in tags])) for tags in (target, guess))
        counts = [
            [sum(kind == own for kind, *_ in found) for own in self.types]
            for found in (truth & guessed, truth, guessed)
        ]
        return np.array([*np.ravel(counts), (target == guess).sum()])

    def made(self, net: nn.Module) -> dict[str, Any]:
        """How often each tag is taken for each, of at most CONFUSED_ROWS rows of the test part; not of very many tags.

        Counted by itself: kept for each row it would be more than all other figures together.
        """
        tags = len(self.labels)
        if tags > CONFUSED_TAGS:
            return {}
        numbers = self.parts["test"][base.spaced(self.count("test"), CONFUSED_ROWS)]
        pairs = np.zeros((tags, tags), dtype=np.int64)
        for places in self.groups_for_eval(numbers, EVAL_ROWS):
            batch = self.batch_of(numbers[places])
            guess = net(batch["ids"], batch.get("mask")).argmax(-1)
            words = batch["target"] != NONE
            pairs += metrics.confusion(batch["target"][words].cpu().numpy(), guess[words].cpu().numpy(), tags)
        return {"confusion": pairs.tolist(), "confusion_rows": len(numbers)}

    def report(self, judged: base.Judged, *, final: bool = False) -> base.Report:
        sums = judged.rows
        scores = metrics.entity_scores(sums.sum(0))
        report = base.Report({name: float(value) for name, value in scores.items()})
        if final:
            hits, truth, guess = sums[:, :-3].sum(0).reshape(3, -1)
            report.detail = {
                "rows": len(judged.rows),
                "words": int(judged.rows[:, -1].sum()),
                "labels": self.labels,
                "classes": metrics.hits_table(hits, truth, guess, self.types),
            }
            report.interval = metrics.sums_interval(
                sums, lambda s: metrics.entity_scores(s)[self.spec.primary], check=self.stop.check
            )
        return report

    def baseline(self) -> tuple[str, dict[str, float]]:
        """Each first token of a word by the tag it has most often in the training part, else the commonest tag."""
        counts = np.zeros((self.tokenizer.size, len(self.labels)), dtype=np.int64)
        for item in self.parts["train"]:
            ids, target = self._row(item)
            np.add.at(counts, (ids, target), 1)
        common = counts.sum(0)
        best = np.where(counts.any(1), counts.argmax(1), common.argmax())
        logs = np.log((common + 1) / (common + 1).sum())
        sums = np.zeros(3 * len(self.types) + 3)
        for item in self.parts["test"]:
            ids, target = self._row(item)
            sums += [*self._found(target, best[ids]), -logs[target].sum(), len(target)]
        scores = metrics.entity_scores(sums)
        return "commonest tag of a token", {name: float(value) for name, value in scores.items()}

    def _row(self, item: int) -> tuple[np.ndarray, np.ndarray]:
        """(first tokens, tags) of the words of a row."""
        part = slice(self.edges[item], self.edges[item + 1])
        words = self.targets[part] < len(self.labels)
        return self.tokens[part][words].astype(np.int64), self.targets[part][words].astype(np.int64)

    def badness(self, judged: base.Judged) -> np.ndarray:
        """The loss a word."""
        return judged.rows[:, -2] / np.maximum(judged.rows[:, -1], 1)

    def show(self, net: nn.Module, judged: base.Judged, place: int) -> dict[str, Any]:
        item = self.parts[judged.part][judged.items[place : place + 1]]
        batch = self.batch_of(item)
        target = batch["target"][0]
        guess = net(batch["ids"], batch.get("mask"))[0].argmax(-1)[target != NONE].tolist()
        return {
            "kind": "row",
            "prompt": self.describe(int(item[0])),
            "text": " ".join(self.labels[i] for i in guess),
            "label": " ".join(self.labels[i] for i in target[target != NONE].tolist()),
        }

    def open_package(self, folder: Path, config: dict[str, Any]) -> None:
        super().open_package(folder, config)
        self.labels = base.labels_of(config)

    def predict(self, net: nn.Module, inputs: list[Any]) -> list[dict[str, Any]]:
        """The tag of each word that has room, and the entities by their words."""
        words = [text.split() for text in self.texts_of(inputs)]
        found = [place_words(row, self.tokenizer, (self.shape.context or 3) - 2) for row in words]
        guesses = net(*self.new_batch([ids for ids, _ in found])).argmax(-1).cpu().numpy()
        answers = []
        for row, (_, places), guess in zip(words, found, guesses, strict=True):
            tags = [self.labels[i] for i in guess[places]]
            entities = [{"type": kind, "text": " ".join(row[start:end])} for kind, start, end in spans(tags)]
            answers.append({"words": row[: len(tags)], "tags": tags, "entities": entities})
        return answers

    def package(self, folder: Path) -> dict[str, Any]:
        return super().package(folder) | base.label_config(self.labels, "token_classification")


def _checked(text: str, cell: str) -> str:
    """The tags, when there are as many as words. Raises ValueError."""
    words, tags = len(text.split()), len(cell.split())
    if words != tags:
        raise ValueError(f"it has {words} words and {tags} tags")
    return cell


def place_words(words: list[str], tokenizer: Tokenizer, room: int) -> tuple[np.ndarray, list[int]]:
    """(tokens with [CLS] and [SEP], where the words begin that have room), as if their text were read with spaces.

    A tokenizer that knows no space, as that of proteins, reads the words without.
    """
    spaced = tokenizer.kind in ("bpe", "byte") or " " in tokenizer.vocab
    # A space belongs to the byte pairs of the word behind it; as a character or byte it stands alone.
    apart = 1 if spaced and tokenizer.kind != "bpe" else 0
    ids, places, used = [np.array([CLS])], [], 0
    for n, word in enumerate(words):
        own = tokenizer.encode(f" {word}" if n and spaced else word)
        if used + len(own) > room:
            break
        places.append(1 + used + (apart if n else 0))
        ids.append(own)
        used += len(own)
    return np.concatenate([*ids, [SEP]]), places
