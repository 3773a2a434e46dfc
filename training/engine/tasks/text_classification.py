"""Text classification: rows of a table, batches of like length."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.engine import ordering
from training.engine.errors import DataError
from training.engine.protocol import InputData
from training.engine.readers import read_rows
from training.engine.registry import Sizes
from training.engine.tasks import base
from training.engine.tasks.classifying import Classifier
from training.engine.tokenizing import CLASSIFIER_SPECIALS, Tokenizer, load_tokenizer

PAD, CLS, SEP = 0, 2, 3
MULTIPLE = 8
PROMPT_CHARS, MAX_PROMPTS = 200, 10_000


class Task(Classifier):
    """Tokens of all rows in one file, their edges in another."""

    unit = "rows"
    tokenizer: Tokenizer

    def prepare_key(self) -> dict[str, Any]:
        return self.tokenizer_key() | {"context": self.shape.context}

    def prepare(self, data: InputData, folder: Path) -> dict[str, Any]:
        columns = [self.spec.data.columns["text"], self.spec.data.columns["label"]]
        texts, labels, skipped = [], [], 0
        for text, label in read_rows(Path(data.path), data.kind, columns, data.profile, self.stop):
            if text.strip() and label.strip():
                texts.append(text)
                labels.append(label)
            else:
                skipped += 1
        if not texts:
            raise DataError("data_shape", problem="no row has both text and label")
        names = self.encode_labels(labels, folder)
        train = np.load(folder / "train.npy")
        tokenizer = self.tokenizer_for((texts[i] for i in train), CLASSIFIER_SPECIALS)
        tokenizer.save(folder / "tokenizer.json")
        dtype = "uint16" if tokenizer.size <= 2**16 else "uint32"
        room = (self.shape.context or 3) - 2
        edges = np.zeros(len(texts) + 1, dtype=np.int64)
        with (folder / "tokens.bin").open("wb") as file:
            for n, text in enumerate(texts):
                if n % 500 == 0:
                    self.stop.check()
                # A token is at least a byte, and hardly ever more than sixteen characters.
                ids = tokenizer.encode(text[: 16 * room])[:room]
                row = np.concatenate([[CLS], ids, [SEP]])
                file.write(row.astype(dtype).tobytes())
                edges[n + 1] = edges[n] + len(row)
        np.save(folder / "edges.npy", edges)
        held_out = np.concatenate([np.load(folder / f"{part}.npy")[:MAX_PROMPTS] for part in ("valid", "test")])
        (folder / "prompts.json").write_text(json.dumps({int(i): texts[i][:PROMPT_CHARS] for i in held_out}))
        return {"dtype": dtype, "labels": names, "skipped": skipped}

    def open(self, folder: Path, facts: dict[str, Any]) -> None:
        self.open_labels(folder, facts["labels"])
        self.tokenizer = load_tokenizer(folder / "tokenizer.json")
        self.tokens = np.memmap(folder / "tokens.bin", facts["dtype"], "r")
        self.edges = np.load(folder / "edges.npy")
        self.prompts: dict[str, str] = json.loads((folder / "prompts.json").read_text())

    @property
    def sizes(self) -> Sizes:
        return Sizes(vocab=self.tokenizer.size, pad=PAD, classes=len(self.labels))

    def batches(self, epoch: int) -> list[np.ndarray]:
        train, items = self.spec.train, self.parts["train"]
        lengths = self.edges[items + 1] - self.edges[items]
        return ordering.bucketed_batches(lengths, train.batch, train.seed, epoch)

    def train_batch(self, rows: np.ndarray, epoch: int, seed: int) -> base.Batch:
        return self.batch_of(self.parts["train"][rows])

    def batch_of(self, items: np.ndarray) -> base.Batch:
        lengths = self.edges[items + 1] - self.edges[items]
        width = min(-(-int(lengths.max()) // MULTIPLE) * MULTIPLE, self.shape.context or 1)
        ids = np.full((len(items), width), PAD, dtype=np.int64)
        for row, item in enumerate(items):
            ids[row, : lengths[row]] = self.tokens[self.edges[item] : self.edges[item + 1]]
        batch = {"ids": torch.from_numpy(ids), "target": torch.from_numpy(self.targets[items])}
        if int(lengths.min()) < width:
            batch["mask"] = torch.from_numpy(np.arange(width) < lengths[:, None])
        return {name: tensor.to(self.device, non_blocking=True) for name, tensor in batch.items()}

    def logits(self, net: nn.Module, batch: base.Batch) -> Tensor:
        return net(batch["ids"], batch.get("mask"))

    def order_for_eval(self, numbers: np.ndarray) -> np.ndarray:
        return np.argsort(self.edges[numbers + 1] - self.edges[numbers], kind="stable")

    def describe(self, item: int) -> str:
        return self.prompts.get(str(item), "")

    def package(self, folder: Path) -> dict[str, Any]:
        self.tokenizer.save(folder / "tokenizer.json")
        return self.label_config()
