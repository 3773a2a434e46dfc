"""What tasks on rows of text share: tokens of all rows in one file, their edges in another, batches of like length."""

import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training.engine import ordering
from training.engine.errors import DataError, Stop
from training.engine.protocol import InputData
from training.engine.readers import read_rows
from training.engine.spec import Spec
from training.engine.spooling import Spool
from training.engine.tasks import base
from training.engine.tokenizing import CLASSIFIER_SPECIALS, Tokenizer, load_tokenizer

PAD, CLS, SEP = 0, 2, 3
MULTIPLE = 8
EVAL_ROWS = 64
NUMBERS = "numbers.npy"
TOLD = ("label", "value")  # answers from a list, in which nobody is named
PROMPT_CHARS, MAX_PROMPTS = 200, 10_000


class TextRows(base.Task):
    """A row is [CLS], its tokens as far as there is room, and [SEP]."""

    unit = "rows"
    repeats = True  # whether answers from a list are few, so that each is kept once and in memory
    tokenizer: Tokenizer
    parts: dict[str, np.ndarray]

    def __init__(self, spec: Spec, stop: Stop) -> None:
        super().__init__(spec, stop)
        self.numbers: Any = array("q")  # of the rows that are kept, in the dataset

    def prepare_key(self) -> dict[str, Any]:
        return self.tokenizer_key() | {"context": self.shape.context}

    def read_pairs(
        self, data: InputData, role: str, check: Callable[[str, str], str] = lambda text, answer: answer
    ) -> tuple[Sequence[str], Sequence[str], int]:
        """(texts, answers, rows that were left out because one of both is missing).

        `check` gives the answer of (text, answer) or raises ValueError with what is wrong with the row.
        """
        texts = Spool(self.workplace)
        listed = role in TOLD and self.repeats
        answers: Any = [] if listed else Spool(self.workplace)
        known: dict[str, str] = {}  # labels repeat; each is kept once

        def keep(cells: list[str]) -> None:
            answer = check(*cells)
            texts.append(cells[0])
            answers.append(known.setdefault(answer, answer) if listed else answer)

        _, skipped = self.read_filled(data, ("text", role), keep)
        if not texts:
            raise DataError("data_shape", problem=f"no row has both text and {role}")
        return texts, answers, skipped

    def read_filled(
        self, data: InputData, roles: Sequence[str], check: Callable[[list[str]], Any], own: int = 1
    ) -> tuple[list[Any], int]:
        """(what `check` makes of the cells of each row unless it is None, rows left out because a cell is missing).

        `check` raises ValueError with what is wrong with the row. The first `own` cells make a row long, short, or the
        same as another.
        """
        columns = [self.spec.data.columns[role] for role in roles]
        divider = self.divider
        columns += [divider.column] if divider.column else []
        found, skipped = [], 0
        for number, row in enumerate(read_rows(Path(data.path), data.kind, columns, data.profile, self.stop), 1):
            cells = row[: len(roles)]
            if not all(cell.strip() for cell in cells):
                skipped += 1
                continue
            formed = [self.cleaner.form(cell) for cell in cells]
            others = [cell for cell, role in zip(formed[own:], roles[own:], strict=True) if role not in TOLD]
            if not self.cleaner.keeps("\n".join(formed[:own]), "\n".join(cells[:own]), number, others):
                continue
            formed = [
                cell if role in TOLD else self.cleaner.hide(cell) for cell, role in zip(formed, roles, strict=True)
            ]
            try:
                made = check(formed)
                if divider.column:
                    divider.tell(row[-1])
            except ValueError as error:
                raise DataError("data_row", row=number, problem=str(error)) from None
            if made is not None:
                found.append(made)
            self.numbers.append(number)
        return found, skipped

    def write_split(self, groups: np.ndarray, folder: Path) -> None:
        """Draw the parts so that each group gives its share to each; groups of one number are drawn at random."""
        self.write_parts(groups, folder)

    def write_texts(self, texts: Sequence[str], folder: Path) -> dict[str, Any]:
        """Learn the tokenizer from the training part, write the tokens of all rows; returns facts."""
        train = np.load(folder / "train.npy")
        self.tokenizer = self.tokenizer_for((texts[i] for i in train), CLASSIFIER_SPECIALS)
        self.tokenizer.save(folder / "tokenizer.json")
        rows = (self.encode_row(text) for text in texts)
        dtype = self.write_rows(rows, self.tokenizer.size, folder / "tokens.bin", folder / "edges.npy")
        self.write_prompts(texts, folder)
        return {"dtype": dtype}

    def write_rows(self, rows: Iterable[np.ndarray], limit: int, values: Path, edges: Path) -> str:
        """Rows of numbers below `limit` one after another in a file, and where each begins; returns their type."""
        dtype = "uint16" if limit <= 2**16 else "uint32"
        ends = array("q", [0])
        with values.open("wb") as file:
            for n, row in enumerate(rows):
                if n % 500 == 0:
                    self.stop.check()
                file.write(row.astype(dtype).tobytes())
                ends.append(ends[-1] + len(row))
        np.save(edges, np.array(ends, dtype=np.int64))
        return dtype

    def write_prompts(self, texts: Sequence[str], folder: Path) -> None:
        """The beginnings of rows that may be shown, and the numbers of all rows in the dataset."""
        np.save(folder / NUMBERS, np.array(self.numbers, dtype=np.int64))
        held_out = np.concatenate([np.load(folder / f"{part}.npy")[:MAX_PROMPTS] for part in ("valid", "test")])
        (folder / "prompts.json").write_text(json.dumps({int(i): texts[i][:PROMPT_CHARS] for i in held_out}))

    def open_texts(self, folder: Path, facts: dict[str, Any]) -> None:
        """Read what `write_split` and `write_texts` wrote."""
        self.parts = {part: np.load(folder / f"{part}.npy") for part in base.PARTS}
        self.tokenizer = load_tokenizer(folder / "tokenizer.json")
        self.tokens = np.memmap(folder / "tokens.bin", facts["dtype"], "r")
        self.edges = np.load(folder / "edges.npy")
        # What was prepared before there were reports has no numbers.
        self.numbers = np.load(folder / NUMBERS) if (folder / NUMBERS).exists() else ()
        self.prompts: dict[str, str] = json.loads((folder / "prompts.json").read_text())

    def row_of(self, part: str, item: int) -> int | None:
        return int(self.numbers[self.parts[part][item]]) if len(self.numbers) else None

    def lengths(self, items: np.ndarray) -> np.ndarray:
        """Tokens of rows."""
        return self.edges[items + 1] - self.edges[items]

    def count(self, part: str) -> int:
        return len(self.parts[part])

    def units(self, batch: base.Batch) -> int:
        return len(batch["ids"])

    def batches(self, epoch: int) -> list[np.ndarray]:
        train = self.spec.train
        return ordering.bucketed_batches(self.lengths(self.parts["train"]), train.batch, train.seed, epoch)

    def train_batch(self, rows: np.ndarray, epoch: int, seed: int) -> base.Batch:
        return self.batch_of(self.parts["train"][rows])

    def batch_of(self, items: np.ndarray) -> base.Batch:
        """Rows by their number in the dataset, with what `answers_of` says of them."""
        ids, lengths = padded(self.tokens, self.edges, items, PAD, self.shape.context)
        width = ids.shape[1]
        batch = {"ids": torch.from_numpy(ids)} | self.answers_of(items, width)
        if int(lengths.min()) < width:
            batch["mask"] = torch.from_numpy(np.arange(width) < lengths[:, None])
        return {name: tensor.to(self.device, non_blocking=True) for name, tensor in batch.items()}

    def answers_of(self, items: np.ndarray, width: int) -> base.Batch:
        """What is to be learnt of the rows; `width` is that of their tokens."""
        raise NotImplementedError

    def open_package(self, folder: Path, config: dict[str, Any]) -> None:
        self.tokenizer = load_tokenizer(folder / "tokenizer.json")

    def encode_row(self, text: str) -> np.ndarray:
        """A text as a row. A token is at least a byte, and hardly ever more than sixteen characters."""
        room = (self.shape.context or 3) - 2
        return np.concatenate([[CLS], self.tokenizer.encode(text[: 16 * room])[:room], [SEP]])

    def new_batch(self, rows: list[np.ndarray]) -> tuple[Tensor, Tensor]:
        """(ids, mask) of rows of tokens."""
        width = max(map(len, rows))
        ids = np.full((len(rows), width), PAD, dtype=np.int64)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = row
        mask = np.arange(width) < np.array([len(row) for row in rows])[:, None]
        return torch.from_numpy(ids).to(self.device), torch.from_numpy(mask).to(self.device)

    def texts_of(self, inputs: list[Any]) -> list[str]:
        """Inputs as texts in form. Raises ValueError."""
        if not all(isinstance(text, str) for text in inputs):
            raise ValueError("this model reads texts")
        return [self.form(text) for text in inputs]

    def order_for_eval(self, numbers: np.ndarray) -> np.ndarray:
        """Rows of like length together."""
        return np.argsort(self.lengths(numbers), kind="stable")

    def groups_for_eval(self, numbers: np.ndarray, size: int) -> Iterator[np.ndarray]:
        """Places of `numbers` in groups of like length."""
        order = self.order_for_eval(numbers)
        for start in range(0, len(order), size):
            self.stop.check()
            yield order[start : start + size]

    def describe(self, item: int) -> str:
        """A row as words, for the examples."""
        return self.prompts.get(str(item), "")

    def package(self, folder: Path) -> dict[str, Any]:
        self.tokenizer.save(folder / "tokenizer.json")
        return {}


def padded(
    values: np.ndarray, edges: np.ndarray, items: np.ndarray, pad: int, most: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(rows of one width, their true lengths); the width is a multiple of eight, or `most`."""
    lengths = edges[items + 1] - edges[items]
    width = -(-int(lengths.max()) // MULTIPLE) * MULTIPLE
    rows = np.full((len(items), min(width, most or width)), pad, dtype=np.int64)
    for row, item in enumerate(items):
        rows[row, : lengths[row]] = values[edges[item] : edges[item + 1]]
    return rows, lengths


def write_strings(texts: Iterable[str], path: Path) -> None:
    """Texts one after another in `path`.bin, and where each begins in `path`.npy."""
    ends = array("q", [0])
    with path.with_suffix(".bin").open("wb") as file:
        for text in texts:
            ends.append(ends[-1] + file.write(text.encode("utf-8", "replace")))
    np.save(path.with_suffix(".npy"), np.array(ends, dtype=np.int64))


class Strings:
    """What `write_strings` wrote, text by number."""

    def __init__(self, path: Path) -> None:
        self.path, self.edges = path.with_suffix(".bin"), np.load(path.with_suffix(".npy"))

    def __getitem__(self, item: int) -> str:
        with self.path.open("rb") as file:
            file.seek(int(self.edges[item]))
            return file.read(int(self.edges[item + 1] - self.edges[item])).decode()
