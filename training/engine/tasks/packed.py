"""What language models share: text as one stream of tokens in each part, cut into blocks of one length."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from training.engine import ordering
from training.engine.catalogue import Sizes
from training.engine.errors import DataError
from training.engine.protocol import InputData
from training.engine.readers import read_rows
from training.engine.spooling import LongText, Spool
from training.engine.tasks import base
from training.engine.tokenizing import CHUNK_CHARS, LEARN_CHARS, Tokenizer, load_tokenizer


class PackedText(base.Task):
    """One file of tokens for each part; documents follow each other, divided by the token `between`."""

    unit = "tokens"
    specials: ClassVar[tuple[str, ...]]
    between: ClassVar[int]
    tokenizer: Tokenizer
    parts: dict[str, np.ndarray]
    marks: dict[str, np.ndarray]

    def prepare_key(self) -> dict[str, Any]:
        return self.tokenizer_key()

    def prepare(self, data: InputData, folder: Path) -> dict[str, Any]:
        split = self.spec.data.split
        prompts: Sequence[str] = ()
        if data.kind == "text":
            clean = self.spec.data.clean
            change = self._changed if clean.unicode or clean.pii or clean.whitespace else None
            text = LongText(Path(data.path), self.stop, change, self.workplace)
            cuts = ordering.split_text(text, split.valid, split.test, split.seed)
            ended = False

            def texts(part: str, size: int) -> Iterator[str]:
                return (piece for start, end in cuts[part] for piece in text.pieces(start, end, size))

        else:
            documents, prompts, chosen = self._documents(data)
            ended = True

            def texts(part: str, size: int) -> Iterator[str]:
                sides = (prompts, documents) if prompts else (documents,)
                return (side[number] for number in chosen[part].tolist() for side in sides)

        tokenizer = self.tokenizer_for(texts("train", LEARN_CHARS), self.specials)
        tokenizer.save(folder / "tokenizer.json")
        dtype = "uint16" if tokenizer.size <= 2**16 else "uint32"
        facts: dict[str, Any] = {"dtype": dtype, "tokens": {}, "bytes": {}} | ({"asked": {}} if prompts else {})
        for part in base.PARTS:
            tokens = size_bytes = asked = 0
            with contextlib.ExitStack() as stack:
                file = stack.enter_context((folder / f"{part}.bin").open("wb"))
                told = stack.enter_context((folder / f"{part}.asked").open("wb")) if prompts else None
                for number, piece in enumerate(texts(part, CHUNK_CHARS)):
                    is_prompt, before = told is not None and number % 2 == 0, tokens
                    for ids in tokenizer.encode_parts(piece):
                        self.stop.check()
                        file.write(ids.astype(dtype).tobytes())
                        tokens += len(ids)
                    if ended and not is_prompt:
                        file.write(np.full(1, self.between, dtype).tobytes())
                        tokens += 1
                    if told is not None:
                        told.write(np.full(tokens - before, not is_prompt, np.uint8).tobytes())
                    if not is_prompt:
                        asked += tokens - before
                        size_bytes += len(piece.encode("utf-8", "replace"))
            facts["tokens"][part], facts["bytes"][part] = tokens, size_bytes
            if prompts:
                facts["asked"][part] = asked
        if facts["tokens"]["train"] < 2 * self.context or min(facts["tokens"].values()) < 2:
            raise DataError("data_shape", problem=f"it is too short for a context of {self.context} tokens")
        return facts

    def _changed(self, text: str) -> str:
        return self.cleaner.hide(self.cleaner.form(text, whole=False))

    def _documents(self, data: InputData) -> tuple[Sequence[str], Sequence[str], dict[str, np.ndarray]]:
        """(rows as documents, what stands before each if anything does, their numbers by part).

        Whole documents go to one part.
        """
        given = self.spec.data.columns
        columns = [given["text"], given.get("prompt", given["text"])]
        columns += [self.divider.column] if self.divider.column else []
        rows = read_rows(Path(data.path), data.kind, columns, data.profile, self.stop)
        documents, prompts = Spool(self.workplace), Spool(self.workplace)
        for number, (text, prompt, *told) in enumerate(rows, 1):
            prompt = prompt if "prompt" in given else ""
            formed, before = self.cleaner.form(text), self.cleaner.form(prompt)
            # Rows repeat each other only where both do.
            sides = (f"{before}\n{formed}", f"{prompt}\n{text}") if prompt else (formed, text)
            if text.strip() and self.cleaner.keeps(*sides, number):
                documents.append(self.cleaner.hide(formed))
                if "prompt" in given:
                    prompts.append(self.cleaner.hide(before))
                self._tell(told, number)
        if len(documents) < 3:
            raise DataError("data_shape", problem="it has fewer than three documents")
        return documents, prompts, self.divider.draw(np.zeros(len(documents), dtype=np.int64))

    def _tell(self, told: list[str], number: int) -> None:
        try:
            for cell in told:
                self.divider.tell(cell)
        except ValueError as error:
            raise DataError("data_row", row=number, problem=str(error)) from None

    def open(self, folder: Path, facts: dict[str, Any]) -> None:
        self.facts = facts
        self.tokenizer = load_tokenizer(folder / "tokenizer.json")
        self.parts = {part: np.memmap(folder / f"{part}.bin", facts["dtype"], "r") for part in base.PARTS}
        # Of each token whether it is asked for, where a column of prompts says so.
        parts = base.PARTS if "asked" in facts else ()
        self.marks = {part: np.memmap(folder / f"{part}.asked", np.uint8, "r") for part in parts}

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
