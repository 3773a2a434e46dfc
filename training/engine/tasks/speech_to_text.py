"""Speech to text: a letter, or none, for each 20 ms of a recording; repeats are one (CTC, Graves et al. 2006).

A Whisper hears the whole recording instead, and then writes letter by letter, until it writes that it has ended.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from training.engine import metrics
from training.engine.catalogue import WHISPER_BANDS, Sizes
from training.engine.errors import DataError
from training.engine.generating import Chooser, Sampling, tokens_from
from training.engine.protocol import InputData
from training.engine.sounds import HOP, RATE, WHISPER_FFT, slaney_bands, whisper_mels
from training.engine.speech import COLUMNS, edits_of, error_rates, formed, write_tokenizer
from training.engine.tasks import base
from training.engine.tasks.rows import Strings, write_strings
from training.engine.tasks.waves import WaveNet, steps_of

NOTHING, UNKNOWN, SPACE = 0, 1, 2
SPECIALS = ("<pad>", "<unk>", "|")
END = "</s>"
NONE = -100
MAX_LETTERS = 10_000
EVAL_ROWS = 16


class Task(WaveNet):
    """Letters are those of the transcripts to learn from; what is written has no capitals where they have none."""

    letters: list[str]

    @property
    def writes(self) -> bool:
        """Whether its net writes letter by letter, and does not tell one for each step."""
        return self.spec.model.arch == "whisper"

    def prepare_key(self) -> dict[str, Any]:
        return super().prepare_key() | ({"context": self.shape.context} if self.writes else {})

    def prepare(self, data: InputData, folder: Path) -> dict[str, Any]:
        texts = [formed(text) for text in self.write_sounds(data, folder, "text", cut=False)]
        self.open_sounds(folder)
        for name, text in zip(self.names, texts, strict=True):
            if not text:
                raise DataError("data_file", name=name, problem="its transcript is empty")
        train = self.write_parts(np.zeros(len(texts), dtype=np.int64), folder)["train"]
        letters = sorted({letter for item in train for letter in texts[item]} - {" "})
        if len(letters) > MAX_LETTERS:
            raise DataError("data_shape", problem=f"its transcripts have more than {MAX_LETTERS:,} different letters")
        self._set_letters(letters)
        for item in range(len(texts)) if self.writes else ():
            if len(texts[item]) >= (self.shape.context or 1):
                problem = f"its transcript of {len(texts[item])} letters is longer than the context of the model"
                raise DataError("data_file", name=self.names[item], problem=problem)
        for item in () if self.writes else range(len(texts)):
            letters_told = [self.number.get(letter, UNKNOWN) for letter in texts[item]]
            steps, needed = steps_of(int(self.edges[item + 1] - self.edges[item])), _needed(letters_told)
            if steps < needed:
                problem = f"its transcript of {len(texts[item])} letters is too long for how short it is"
                raise DataError("data_file", name=self.names[item], problem=problem)
        write_strings(texts, folder / "texts")
        commonest, _ = Counter(texts[item] for item in train).most_common(1)[0]
        length = float(np.mean([len(texts[item]) for item in train]))
        return {"letters": letters, "commonest": commonest, "length": length}

    def open(self, folder: Path, facts: dict[str, Any]) -> None:
        self.facts = facts
        self.open_sounds(folder)
        self.texts = Strings(folder / "texts")
        self.parts = {part: np.load(folder / f"{part}.npy") for part in base.PARTS}
        self._set_letters(facts["letters"])

    def _set_letters(self, letters: list[str]) -> None:
        self.letters = [*SPECIALS, END, *letters] if self.writes else [*SPECIALS, *letters]
        self.number = {letter: i for i, letter in enumerate(self.letters)} | {" ": SPACE}

    @property
    def answers(self) -> list[str]:
        return self.letters

    @property
    def sizes(self) -> Sizes:
        return Sizes(vocab=len(self.letters))

    def train_batch(self, rows: np.ndarray, epoch: int, seed: int) -> base.Batch:
        return self._batch(self.parts["train"][rows])

    def _batch(self, items: np.ndarray) -> base.Batch:
        texts = [self.texts[item] for item in items]
        if self.writes:
            return self._spectra([self.wave(item) for item in items]) | {"target": self._letters(texts)}
        target = [self.number.get(letter, UNKNOWN) for text in texts for letter in text]
        told = {"target": torch.tensor(target), "lengths": torch.tensor([len(text) for text in texts])}
        batch = self.heard([self.wave(item) for item in items])
        return batch | {name: tensor.to(self.device) for name, tensor in told.items()}

    def _letters(self, texts: list[str]) -> Tensor:
        """(texts, letters), with the end behind each, and NONE behind that."""
        rows = [[*(self.number.get(letter, UNKNOWN) for letter in text), self.number[END]] for text in texts]
        width = max(map(len, rows))
        return torch.tensor([row + [NONE] * (width - len(row)) for row in rows], device=self.device)

    def _spectra(self, waves: list[np.ndarray]) -> base.Batch:
        """What a Whisper hears: always of as many seconds, with silence behind."""
        if not hasattr(self, "_bands"):
            self._bands = slaney_bands(WHISPER_BANDS, WHISPER_FFT, 0, RATE / 2)
        together = np.zeros((len(waves), self.room), dtype=np.float32)
        for row, wave in enumerate(waves):
            together[row, : len(wave)] = wave
        return {"values": whisper_mels(torch.from_numpy(together).to(self.device), self._bands)}

    def _nats(self, net: nn.Module, batch: base.Batch) -> tuple[Tensor, Tensor]:
        """(surprise of each transcript, log probabilities (recordings, steps or letters, letters))."""
        if self.writes:
            target = batch["target"]
            before = torch.cat([torch.full_like(target[:, :1], NOTHING), target[:, :-1].clamp(min=0)], 1)
            logs = net(batch["values"], before).float().log_softmax(-1)
            return F.nll_loss(logs.transpose(1, 2), target, ignore_index=NONE, reduction="none").sum(1), logs
        logs = net(batch["values"], batch["mask"]).float().log_softmax(-1)
        nats = F.ctc_loss(
            logs.transpose(0, 1),
            batch["target"],
            batch["steps"],
            batch["lengths"],
            blank=NOTHING,
            reduction="none",
            zero_infinity=True,
        )
        return nats, logs

    def loss(self, net: nn.Module, batch: base.Batch) -> Tensor:
        """Summed over letters and divided by what the rows have on average, so that all letters weigh alike."""
        return self._nats(net, batch)[0].mean() / self.facts["length"]

    def _texts(self, net: Any, batch: base.Batch, logs: Tensor | None = None) -> list[str]:
        """What it writes of each recording; `logs`: what `_nats` found already."""
        if not self.writes:
            return self._written(net(batch["values"], batch["mask"]) if logs is None else logs, batch["steps"])
        kept = net.remember(net.encode(batch["values"]), room=self.shape.context or 2)
        letters: list[list[int]] = [[] for _ in range(kept.rows)]
        greedy = Chooser(Sampling(tokens=max(1, kept.room - 1), temperature=0), range(kept.rows))
        for told in tokens_from(net.go_on, kept, NOTHING, greedy, end=self.number[END], check=self.stop.check):
            for row, letter in told.items():
                letters[row].append(letter)
        return [self._told(own) for own in letters]

    def _told(self, letters: Iterable[int]) -> str:
        told = "".join(" " if i == SPACE else self.letters[i] for i in letters if i not in (NOTHING, UNKNOWN))
        return " ".join(told.split())

    def _written(self, logs: Tensor, steps: Tensor) -> list[str]:
        """The likeliest letter of each step, repeats as one, without the steps that say nothing."""
        texts = []
        for row, count in zip(logs.argmax(-1).cpu().numpy(), steps.tolist(), strict=True):
            own = row[:count]
            kept = own[np.append(True, own[1:] != own[:-1])]
            texts.append(self._told(kept))
        return texts

    def measure(self, net: nn.Module, part: str, items: np.ndarray) -> np.ndarray:
        """Of each item: wrong words, words, wrong letters, letters, nats."""
        numbers = self.parts[part][items]
        rows = np.zeros((len(items), COLUMNS + 1))
        order = np.argsort(self.edges[numbers + 1] - self.edges[numbers], kind="stable")
        for start in range(0, len(order), EVAL_ROWS):
            self.stop.check()
            places = order[start : start + EVAL_ROWS]
            batch = self._batch(numbers[places])
            nats, logs = self._nats(net, batch)
            written = self._texts(net, batch, logs)
            for place, text in zip(places, written, strict=True):
                rows[place, :-1] = edits_of(text, self.texts[numbers[place]])
            rows[places, -1] = nats.double().cpu().numpy()
        return rows

    def report(self, judged: base.Judged, *, final: bool = False) -> base.Report:
        sums = judged.rows.sum(0)
        report = base.Report({name: float(value) for name, value in _scores(sums).items()})
        if final:
            report.detail = {"recordings": len(judged.rows), "words": int(sums[1]), "letters": int(sums[3])}
            report.interval = metrics.sums_interval(
                judged.rows, lambda found: _scores(found)[self.spec.primary], check=self.stop.check
            )
        return report

    def baseline(self) -> tuple[str, dict[str, float]]:
        """The commonest transcript of the training part, whatever is heard; each letter by its frequency."""
        counts = Counter(letter for item in self.parts["train"] for letter in self.texts[item])
        if self.writes:
            counts[END] = len(self.parts["train"])
        total = counts.total() + len(self.letters)
        rows = []
        for item in self.parts["test"]:
            text = self.texts[item]
            nats = -sum(np.log((counts[letter] + 1) / total) for letter in [*text, *([END] if self.writes else [])])
            rows.append([*edits_of(self.facts["commonest"], text), nats])
        return "commonest transcript", {name: float(value) for name, value in _scores(np.sum(rows, 0)).items()}

    def badness(self, judged: base.Judged) -> np.ndarray:
        """Wrong letters a letter, then the loss."""
        _, _, wrong, letters, nats = judged.rows.T
        return wrong / np.maximum(letters, 1) + nats / 1e6

    def show(self, net: nn.Module, judged: base.Judged, place: int) -> dict[str, Any]:
        item = self.parts[judged.part][judged.items[place]]
        batch = self._batch(np.array([item]))
        (text,) = self._texts(net, batch)
        return {"kind": "row", "prompt": self.describe(int(item)), "text": text, "label": self.texts[item]}

    def open_package(self, folder: Path, config: dict[str, Any]) -> None:
        if not (folder / "vocab.json").exists():  # a Whisper of elsewhere, which writes no letters
            raise ValueError("this model only starts others: it has learnt no letters yet")
        vocab = json.loads((folder / "vocab.json").read_text())
        self._set_letters(
            [letter for letter, _ in sorted(vocab.items(), key=lambda one: one[1])][len(SPECIALS) + self.writes :]
        )

    def predict(self, net: nn.Module, inputs: list[Any]) -> list[dict[str, Any]]:
        """What is said in each recording."""
        answers = []
        for path, wave in zip(inputs, self.new_waves(inputs), strict=True):
            if len(wave) > self.room:
                raise ValueError(
                    f"{Path(path).name}: it is longer than the {self.shape.seconds} seconds that are heard"
                )
            batch = self._spectra([wave]) if self.writes else self.heard([wave])
            answers += [{"text": text} for text in self._texts(net, batch)]
        return answers

    def package(self, folder: Path) -> dict[str, Any]:
        vocab = {letter: i for i, letter in enumerate(self.letters)}
        (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        if self.writes:
            return self._whisper_package(folder)
        names = dict(zip(("pad_token", "unk_token", "word_delimiter_token"), SPECIALS, strict=True))
        nothing = {"bos_token": None, "eos_token": None, "do_lower_case": False}
        tokenizer = {"tokenizer_class": "Wav2Vec2CTCTokenizer"} | names | nothing
        (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer, indent=2) + "\n")
        self.write_processor(folder, processor_class="Wav2Vec2Processor")
        return {}

    def _whisper_package(self, folder: Path) -> dict[str, Any]:
        pad, unknown, _ = SPECIALS
        write_tokenizer(self.letters, folder, unknown=unknown, pad=pad, end=END)
        self.write_processor(
            folder,
            feature_extractor_type="WhisperFeatureExtractor",
            feature_size=WHISPER_BANDS,
            hop_length=HOP,
            n_fft=WHISPER_FFT,
            chunk_length=self.shape.seconds,
            do_normalize=False,
            return_attention_mask=False,
        )
        ends = {"decoder_start_token_id": NOTHING, "pad_token_id": NOTHING, "eos_token_id": self.number[END]}
        most = {"max_length": self.shape.context}
        (folder / "generation_config.json").write_text(json.dumps(ends | most, indent=2) + "\n")
        return {}


def _needed(text: Sequence[Any]) -> int:
    """Steps that it takes to tell a text: a letter twice needs one that says nothing between."""
    return len(text) + sum(a == b for a, b in pairwise(text))


def _scores(sums: np.ndarray) -> dict[str, np.ndarray]:
    return error_rates(sums) | {"loss": sums[..., -1] / np.maximum(sums[..., 3], 1)}
