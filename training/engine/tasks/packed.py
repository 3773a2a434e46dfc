"""What language models share: text as one stream of tokens in each part, cut into blocks of one length."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from training.engine import ordering
from training.engine.catalogue import Sizes
from training.engine.errors import DataError
from training.engine.protocol import InputData
from training.engine.readers import read_rows, read_text
from training.engine.tasks import base
from training.engine.tokenizing import Tokenizer, load_tokenizer


class PackedText(base.Task):
    """One file of tokens for each part; documents follow each other, divided by the token `between`."""

    unit = "tokens"
    specials: ClassVar[tuple[str, ...]]
    between: ClassVar[int]
    tokenizer: Tokenizer
    parts: dict[str, np.ndarray]

    def prepare_key(self) -> dict[str, Any]:
        return self.tokenizer_key()

    def prepare(self, data: InputData, folder: Path) -> dict[str, Any]:
        split = self.spec.data.split
        if data.kind == "text":
            text = self.cleaner.form(read_text(Path(data.path)))
            cuts = ordering.split_text(text, split.valid, split.test, split.seed)
            texts = {part: [text[a:b] for a, b in found] for part, found in cuts.items()}
            ended = False
        else:
            texts = self._documents(data)
            ended = True
        tokenizer = self.tokenizer_for(texts["train"], self.specials)
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
                        file.write(np.full(1, self.between, dtype).tobytes())
                        tokens += 1
                    size_bytes += len(piece.encode("utf-8", "replace"))
            facts["tokens"][part], facts["bytes"][part] = tokens, size_bytes
        if facts["tokens"]["train"] < 2 * self.context or min(facts["tokens"].values()) < 2:
            raise DataError("data_shape", problem=f"it is too short for a context of {self.context} tokens")
        return facts

    def _documents(self, data: InputData) -> dict[str, list[str]]:
        """Rows as documents: whole documents go to one part."""
        columns = [self.spec.data.columns["text"]]
        rows = read_rows(Path(data.path), data.kind, columns, data.profile, self.stop)
        documents = []
        for (text,) in rows:
            formed = self.cleaner.form(text)
            if text.strip() and self.cleaner.keeps(formed, text):
                documents.append(formed)
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

    def badness(self, judged: base.Judged) -> np.ndarray:
        """The loss a token: the first two columns are nats and tokens."""
        return judged.rows[:, 0] / np.maximum(judged.rows[:, 1], 1)

    def units(self, batch: base.Batch) -> int:
        return batch["ids"].numel()

    def open_package(self, folder: Path, config: dict[str, Any]) -> None:
        self.tokenizer = load_tokenizer(folder / "tokenizer.json")

    def package(self, folder: Path) -> dict[str, Any]:
        self.tokenizer.save(folder / "tokenizer.json")
        return {}
