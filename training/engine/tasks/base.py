"""What every task answers to the loop, the evaluator and the packager."""

import abc
import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.engine import ordering
from training.engine.catalogue import Sizes
from training.engine.checkpoint import file_sha256
from training.engine.cleaning import Cleaner
from training.engine.errors import DataError, Stop
from training.engine.gathering import Gathered
from training.engine.protocol import InputData
from training.engine.readers import read_told
from training.engine.spec import PARTS as PARTS
from training.engine.spec import Spec
from training.engine.splitting import Divider
from training.engine.tokenizing import Tokenizer, load_tokenizer, train_tokenizer

Batch = dict[str, Tensor]
COUNT_AT_ONCE = 1 << 22


@dataclasses.dataclass
class Report:
    """Figures of one part. `detail` is for metrics.json only (per class, confusion matrix, counts)."""

    values: dict[str, float]
    detail: dict[str, Any] = dataclasses.field(default_factory=dict)
    interval: list[float] | None = None


@dataclasses.dataclass(frozen=True)
class Judged:
    """Measured items of a part: row `i` of `rows` is what `Task.measure` found for `items[i]`."""

    part: str
    items: np.ndarray
    rows: np.ndarray


class Task(abc.ABC):
    """One way to learn. `prepare` runs once per dataset and recipe, `open` at every start.

    All chance comes from (seed, epoch) or from a seed it is given, so that a resumed run goes on as if never stopped.
    """

    unit: str
    first_input = 0  # the number of the first of the inputs that are answered; what is drawn hangs on it
    contrasted = 0  # numbers of an item that the loss holds against those of the other items of a batch
    gathered: Gathered | None = None  # brings them together, where processes share a batch
    # What a linear answer to frozen features tells: "class", "words", "places", "spans", "labels", "number", "series".
    probe: str | None = None

    def __init__(self, spec: Spec, stop: Stop) -> None:
        self.spec, self.stop = spec, stop
        self.shape = spec.shape
        self.device = torch.device("cpu")
        self.start_tokenizer: Path | None = None  # of the model it starts from, or reads as
        self.cleaner = Cleaner(spec.data.clean)
        self.divider = Divider(spec.data.split)
        self.workplace: Path | None = None  # where files may lie while it prepares
        self._epoch: tuple[int, list[np.ndarray]] | None = None

    @property
    def answers(self) -> list[str]:
        """What the head of the net stands for, in order; nothing when the vocabulary says it."""
        return []

    def begin_with(self, folder: Path) -> None:
        """What the package of the model it starts from says of how it reads, beside its tokenizer."""
        return

    def tokenizer_for(self, texts: Iterable[str], specials: tuple[str, ...]) -> Tokenizer:
        """That of the model it starts from or reads as, or one learnt from these texts."""
        if self.start_tokenizer is not None:
            return load_tokenizer(self.start_tokenizer)
        assert self.spec.tokenizer is not None
        wanted = self.spec.tokenizer

        def read() -> Iterator[str]:
            for text in texts:
                self.stop.check()
                yield text

        # The library counts and joins pieces for minutes without looking back.
        return self.stop.attend(lambda: train_tokenizer(wanted, read(), specials))

    def form(self, text: str) -> str:
        """A new input in the form of what was learnt from. Half of a character, which no file holds, becomes a “?”."""
        return self.cleaner.form(text.encode("utf-8", "replace").decode())

    def tokenizer_key(self) -> dict[str, Any]:
        """What of the spec and the start shapes the tokens."""
        key = {"tokenizer": self.spec.tokenizer.key if self.spec.tokenizer else None}
        return key if self.start_tokenizer is None else key | {"start": file_sha256(self.start_tokenizer)}

    def tell_files(self, data: InputData, place: str, names: Iterable[str]) -> None:
        """Ask the table of a zip for the part or the group of each of these files, where a column of it decides.

        `place` is where the profile tells of such files. Raises DataError with the file.
        """
        if self.divider.column is None:
            return
        for name, cell in read_told(Path(data.path), data.profile, place, names, self.divider.column):
            try:
                self.divider.tell(cell)
            except ValueError as error:
                raise DataError("data_file", name=name, problem=str(error)) from None

    def write_parts(self, strata: np.ndarray, folder: Path) -> dict[str, np.ndarray]:
        """Draw the parts of all items and write them; returns the items of each. Raises DataError when one is empty."""
        parts = self.divider.draw(strata)
        for part, items in parts.items():
            np.save(folder / f"{part}.npy", items)
        return parts

    @abc.abstractmethod
    def prepare_key(self) -> dict[str, Any]:
        """What of the spec shapes the prepared files, besides data and split."""

    @abc.abstractmethod
    def prepare(self, data: InputData, folder: Path) -> dict[str, Any]:
        """Write the prepared files into `folder`, return what to remember about them. Raises DataError."""

    @abc.abstractmethod
    def open(self, folder: Path, facts: dict[str, Any]) -> None:
        """Open the prepared files; `facts` is what `prepare` returned."""

    @property
    @abc.abstractmethod
    def sizes(self) -> Sizes:
        """What the data decides about the net."""

    @abc.abstractmethod
    def count(self, part: str) -> int:
        """Items (blocks, rows, images) of a part."""

    def judged(self, part: str, limit: int | None) -> np.ndarray:
        """At most `limit` items of a part of which figures can be made, evenly spaced."""
        return spaced(self.count(part), limit)

    @abc.abstractmethod
    def train_batch(self, rows: np.ndarray, epoch: int, seed: int) -> Batch:
        """The items as tensors on the device; chance, if any, from `seed`."""

    @abc.abstractmethod
    def loss(self, net: nn.Module, batch: Batch) -> Tensor:
        """Mean loss of a batch."""

    @abc.abstractmethod
    def units(self, batch: Batch) -> int:
        """Tokens, rows or images in a batch, for the speed."""

    @abc.abstractmethod
    def measure(self, net: nn.Module, part: str, items: np.ndarray) -> np.ndarray:
        """What `report` needs to know of each item of a part, one row of float64 for each."""

    @abc.abstractmethod
    def report(self, judged: Judged, *, final: bool = False) -> Report:
        """The figures of measured items; `final` adds detail and interval."""

    @abc.abstractmethod
    def baseline(self) -> tuple[str, dict[str, float]]:
        """(name, values) of the trivial answer on the test part."""

    @abc.abstractmethod
    def badness(self, judged: Judged) -> np.ndarray:
        """How bad the answer to each measured item is; the worst has the most."""

    @property
    def probe_size(self) -> int:
        """Tokens or places of an item, at most."""
        return self.shape.context or 1

    def probe_targets(self, part: str, items: np.ndarray) -> np.ndarray:
        """What the probe learns of items.

        Of "words" and "places", of all that they have, -1 where nothing is known; of "spans", whether an answer begins
        and whether it ends at each word (words, 2).
        """
        raise NotImplementedError

    def probe_counts(self, part: str, items: np.ndarray) -> np.ndarray:
        """How many words or places each item has for a probe of such."""
        raise NotImplementedError

    def probe_places(self, batch: Batch) -> Tensor:
        """(items, tokens): where the words begin that a probe of "words" or "spans" answers for."""
        raise NotImplementedError

    def probe_rows(self, part: str, items: np.ndarray, answers: np.ndarray) -> np.ndarray:
        """What `measure` would find, were `answers` those of the net: log shares, shares, or scaled numbers."""
        raise NotImplementedError

    def row_of(self, part: str, item: int) -> int | None:
        """The number of an item in the dataset, counted from 1; None where items are no rows."""
        return None

    def file_of(self, part: str, item: int) -> str | None:
        """The name of the file of an item in the zip of the dataset; None where items are no files."""
        return None

    def samples(self, net: nn.Module, judged: Judged, count: int, step: int) -> Iterator[dict[str, Any]]:
        """Examples to look at, the worst first: kind, prompt, text and whatever else helps."""
        for place in np.argsort(-self.badness(judged), kind="stable")[:count]:
            yield self.show(net, judged, int(place))

    def made(self, net: nn.Module) -> dict[str, Any]:
        """What the report tells of things that the finished net makes by itself."""
        return {}

    def show(self, net: nn.Module, judged: Judged, place: int) -> dict[str, Any]:
        """One measured item as an example."""
        raise NotImplementedError

    @abc.abstractmethod
    def package(self, folder: Path) -> dict[str, Any]:
        """Write what a user of the model needs beside the weights; return entries to add to config.json."""

    @abc.abstractmethod
    def open_package(self, folder: Path, config: dict[str, Any]) -> None:
        """Read what `predict` needs of a package; `config` is its config.json."""

    @abc.abstractmethod
    def predict(self, net: nn.Module, inputs: list[Any]) -> list[dict[str, Any]]:
        """Answers to new inputs, after `open_package`. Raises ValueError for what cannot be read."""

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one pass over the training part."""
        return ordering.steps_per_epoch(self.count("train"), self.spec.train.batch)

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        train = self.spec.train
        steps = self.steps_per_epoch * train.epochs if train.epochs is not None else None
        return min(n for n in (steps, train.max_steps) if n is not None)

    def rows_at(self, step: int) -> tuple[int, np.ndarray]:
        """(epoch, item indices) of the batch of a step, counted from 0."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if self._epoch is None or self._epoch[0] != epoch:
            self._epoch = (epoch, self.batches(epoch))
        return epoch, self._epoch[1][place]

    def batches(self, epoch: int) -> list[np.ndarray]:
        """Item indices of each batch of an epoch."""
        train = self.spec.train
        return ordering.plain_batches(self.count("train"), train.batch, train.seed, epoch)


def label_config(labels: list[str], problem: str) -> dict[str, Any]:
    """What the head stands for, in the words of config.json."""
    return {
        "problem_type": problem,
        "id2label": {str(i): label for i, label in enumerate(labels)},
        "label2id": {label: i for i, label in enumerate(labels)},
    }


def labels_of(config: dict[str, Any]) -> list[str]:
    """The labels that `label_config` wrote, in order."""
    return [config["id2label"][key] for key in sorted(config["id2label"], key=int)]


def counts_of(tokens: np.ndarray, vocab: int, asked: np.ndarray | None = None) -> np.ndarray:
    """How often each token occurs, or of those that are asked for, without bringing all of them into memory."""
    counts = np.zeros(vocab, dtype=np.int64)
    for start in range(0, len(tokens), COUNT_AT_ONCE):
        part = tokens[start : start + COUNT_AT_ONCE]
        if asked is not None:
            part = part[asked[start : start + COUNT_AT_ONCE].astype(bool)]
        counts += np.bincount(part, minlength=vocab)
    return counts


def occurs(token: int, tokens: np.ndarray) -> bool:
    """Whether it does, without bringing more of them into memory than up to the first."""
    starts = range(0, len(tokens), COUNT_AT_ONCE)
    return any(bool((tokens[start : start + COUNT_AT_ONCE] == token).any()) for start in starts)


def spaced(count: int, limit: int | None) -> np.ndarray:
    """At most `limit` of `count` indices, evenly spaced."""
    if limit is None or count <= limit:
        return np.arange(count)
    return np.arange(limit) * count // limit
