"""Text to speech: the spectra of a recording, frame by frame, from the letters that are said in it (Ao et al. 2022).

What is said becomes a sound by Griffin and Lim 1984. How near it is to a recording is told with the frames of both
spread over the same time: an error of a spectrum is a mean difference of logarithms, as a multiple of their deviation.
"""

import base64
import io
import json
import wave
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from training.engine import metrics
from training.engine.catalogue import SPEECH_BANDS, SPEECH_LETTERS, SPEECH_TOGETHER, SPEECH_VOICE, Sizes, speech_steps
from training.engine.errors import DataError
from training.engine.protocol import InputData
from training.engine.readers import read_speakers
from training.engine.sounds import (
    RATE,
    SPEECH_FFT,
    SPEECH_HIGH,
    SPEECH_HOP,
    SPEECH_LOW,
    slaney_bands,
    sound_of,
    speech_mels,
)
from training.engine.speech import formed, write_tokenizer
from training.engine.tasks import base
from training.engine.tasks.rows import Strings, write_strings
from training.engine.tasks.waves import WaveNet

UNKNOWN, SPACE = 1, 2
SPECIALS = ("<pad>", "<unk>", "|", "</s>")
END = SPECIALS.index("</s>")
PROCESSOR = "preprocessor_config.json"
SPECTRA: dict[str, Any] = {
    "feature_extractor_type": "SpeechT5FeatureExtractor",
    "do_normalize": False,
    "num_mel_bins": SPEECH_BANDS,
    "hop_length": 1_000 * SPEECH_HOP // RATE,
    "win_length": 1_000 * SPEECH_FFT // RATE,
    "fmin": SPEECH_LOW,
    "fmax": SPEECH_HIGH,
}
EVAL_ROWS = 16
STATISTICS_ROWS = 500
VOICE_ROWS = 100  # recordings that tell a voice
GUIDE, WIDTH = 1.0, 0.2  # weight of attending along the text, and how far from that costs little, as a share of it
END_WEIGHT = 5.0  # of the one frame in many that is the last, as in transformers


class Task(WaveNet):
    """Letters are those of the transcripts to learn from. Who speaks is told where the transcripts have a `speaker`.

    A voice is 16 numbers: how far the mean of its spectra, five bands together, is from that of all voices.
    """

    letters: list[str]
    read_as: dict[str, float] | None = None  # mean and deviation that the model it starts from has learnt to say

    def begin_with(self, folder: Path) -> None:
        """Tell spectra as that model does, whatever these ones are like."""
        found = json.loads((folder / PROCESSOR).read_text())
        self.read_as = {"mean": found["mean"], "deviation": found["std"]}

    def prepare_key(self) -> dict[str, Any]:
        return super().prepare_key() | ({"read_as": self.read_as} if self.read_as else {})

    def prepare(self, data: InputData, folder: Path) -> dict[str, Any]:
        texts = [formed(text) for text in self.write_sounds(data, folder, "text", cut=False)]
        self.open_sounds(folder)
        for name, text, values in zip(self.names, texts, np.diff(self.edges), strict=True):
            if not text:
                raise DataError("data_file", name=name, problem="its transcript is empty")
            if len(text) >= SPEECH_LETTERS:
                raise DataError("data_file", name=name, problem=f"its transcript has {SPEECH_LETTERS} letters or more")
            if values < SPEECH_FFT:
                raise DataError("data_file", name=name, problem="it is too short")
        train = self.write_parts(np.zeros(len(texts), dtype=np.int64), folder)["train"]
        write_strings(texts, folder / "texts")
        some = [self._logs([self.wave(item)])[0].numpy() for item in train[base.spaced(len(train), STATISTICS_ROWS)]]
        frames = np.concatenate(some)
        own = {"mean": round(float(frames.mean()), 6), "deviation": round(max(1e-3, float(frames.std())), 6)}
        mean, deviation = (self.read_as or own).values()
        voices = self._write_voices(read_speakers(Path(data.path), data.profile), train, folder)
        return {
            "voices": voices,
            "letters": sorted({letter for item in train for letter in texts[item]} - {" "}),
            "mean": mean,
            "deviation": deviation,
            "median": [round(float(value), 6) for value in (np.median(frames, 0) - mean) / deviation],
            "frames": float(np.mean([len(each) for each in some])),
        }

    def _write_voices(self, speakers: dict[str, str], train: np.ndarray, folder: Path) -> dict[str, list[float]]:
        """Write who speaks in each recording; returns the numbers of each voice, or nothing where nobody is named."""
        if not speakers:
            return {}
        for name in self.names:
            if not speakers.get(name):
                raise DataError("data_file", name=name, problem="its speaker is not named")
        named = sorted({speakers[name] for name in self.names})
        if len(named) < 2:
            return {}
        own = np.array([named.index(speakers[name]) for name in self.names])
        np.save(folder / "speakers.npy", own)
        means = []
        for number, voice in enumerate(named):
            items = train[own[train] == number]
            if not len(items):
                raise DataError("data_shape", problem=f"no recording to learn from is of the speaker {voice}")
            some = [self._logs([self.wave(item)])[0].mean(0).numpy() for item in items[:VOICE_ROWS]]
            means.append(np.mean(some, 0).reshape(SPEECH_VOICE, -1).mean(1))
        apart = np.array(means) - np.mean(means, 0)
        apart /= np.maximum(np.linalg.norm(apart, axis=1, keepdims=True), 1e-6)
        return {voice: [round(float(one), 6) for one in row] for voice, row in zip(named, apart, strict=True)}

    def open(self, folder: Path, facts: dict[str, Any]) -> None:
        self.facts = facts
        self.open_sounds(folder)
        self.texts = Strings(folder / "texts")
        self.parts = {part: np.load(folder / f"{part}.npy") for part in base.PARTS}
        self._set_letters([*SPECIALS, *facts["letters"]])
        self.speakers = np.load(folder / "speakers.npy") if facts.get("voices") else None

    def _set_letters(self, letters: list[str]) -> None:
        self.letters = letters
        self.number = {letter: i for i, letter in enumerate(letters)} | {" ": SPACE}

    @property
    def answers(self) -> list[str]:
        return self.letters

    @property
    def sizes(self) -> Sizes:
        return Sizes(vocab=len(self.letters))

    @property
    def bands(self) -> Tensor:
        """What makes bands of a spectrum."""
        if not hasattr(self, "_bands"):
            self._bands = slaney_bands(SPEECH_BANDS, SPEECH_FFT, SPEECH_LOW, SPEECH_HIGH)
        return self._bands

    def _logs(self, waves: list[np.ndarray]) -> list[Tensor]:
        """The spectra of each recording, with a frame for each step of a pair; the last odd one is left out."""
        found = [speech_mels(torch.from_numpy(each).to(self.device)[None], self.bands)[0] for each in waves]
        return [each[: len(each) // SPEECH_TOGETHER * SPEECH_TOGETHER] for each in found]

    def train_batch(self, rows: np.ndarray, epoch: int, seed: int) -> base.Batch:
        return self._batch(self.parts["train"][rows])

    def _batch(self, items: np.ndarray) -> base.Batch:
        spectra = [
            (each - self.facts["mean"]) / self.facts["deviation"]
            for each in self._logs([self.wave(item) for item in items])
        ]
        target = nn.utils.rnn.pad_sequence(spectra, batch_first=True)
        lengths = torch.tensor([len(each) for each in spectra], device=self.device)
        there = torch.arange(target.shape[1], device=self.device) < lengths[:, None]
        told = {"values": target, "there": there, "lengths": lengths}
        if self.speakers is not None:
            told["voice"] = self._voices[torch.from_numpy(self.speakers[items])].to(self.device)
        return told | self._read([self.texts[item] for item in items])

    @property
    def _voices(self) -> Tensor:
        """The numbers of all voices, in the order of their names: (voices, 16)."""
        return torch.tensor(list(self.facts["voices"].values()))

    def _read(self, texts: list[str]) -> base.Batch:
        rows = [[*(self.number.get(letter, UNKNOWN) for letter in text), END] for text in texts]
        width = max(map(len, rows))
        ids = torch.tensor([row + [0] * (width - len(row)) for row in rows], device=self.device)
        counts = torch.tensor([len(row) for row in rows], device=self.device)
        return {"ids": ids, "mask": (torch.arange(width, device=self.device) < counts[:, None]).long()}

    def _errors(self, net: nn.Module, batch: base.Batch) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """Of each frame (texts, frames): error of its spectrum, that before it is mended, nats of whether it ends.

        And what the net attends to while it learns.
        """
        target, there = batch["values"], batch["there"]
        steps = target[:, SPEECH_TOGETHER - 1 :: SPEECH_TOGETHER]
        before = torch.cat([torch.zeros_like(steps[:, :1]), steps[:, :-1]], 1)
        net.voice = batch.get("voice")  # type: ignore[assignment]
        raw, mended, ends, attention = net(batch["ids"], batch["mask"], before, there[:, ::SPEECH_TOGETHER].long())
        last = torch.arange(target.shape[1], device=target.device) == batch["lengths"][:, None] - 1
        nats = F.binary_cross_entropy_with_logits(
            ends.float(), last.float(), pos_weight=torch.tensor(END_WEIGHT, device=target.device), reduction="none"
        )
        first, second = ((told.float() - target).abs().mean(-1) for told in (mended, raw))
        return first * there, second * there, nats * there, attention

    def loss(self, net: nn.Module, batch: base.Batch) -> Tensor:
        """Summed over frames and divided by what a recording has on average, so that all frames weigh alike."""
        *errors, attention = self._errors(net, batch)
        loss = sum(each.sum() for each in errors) / (len(batch["ids"]) * self.facts["frames"])
        return loss if attention is None else loss + GUIDE * _astray(attention, batch)

    def measure(self, net: Any, part: str, items: np.ndarray) -> np.ndarray:
        """Of each recording: frames, errors and loss with what was before them given, errors of what it says freely."""
        numbers, rows = self.parts[part][items], np.zeros((len(items), 4))
        order = np.argsort(self.edges[numbers + 1] - self.edges[numbers], kind="stable")
        for start in range(0, len(order), EVAL_ROWS):
            self.stop.check()
            places = order[start : start + EVAL_ROWS]
            batch = self._batch(numbers[places])
            # One by one: what mends a spectrum looks beyond its end, where a longer neighbour would leave its mark.
            alone = [self._errors(net, self._batch(numbers[[place]]))[:3] for place in places]
            sums = [torch.cat([each.sum(1) for each in kind]) for kind in zip(*alone, strict=True)]
            net.voice = batch.get("voice")
            said = net.say(batch["ids"], batch["mask"], speech_steps(self.shape))
            freely = [
                _apart(own, true[:count]) * count
                for own, true, count in zip(said, batch["values"], batch["lengths"].tolist(), strict=True)
            ]
            found = [batch["lengths"], sums[0], sums[0] + sums[1] + sums[2], torch.tensor(freely, device=self.device)]
            rows[places] = torch.stack([each.double() for each in found], 1).cpu().numpy()
        return rows

    def report(self, judged: base.Judged, *, final: bool = False) -> base.Report:
        report = base.Report({name: float(value) for name, value in _scores(judged.rows.sum(0)).items()})
        if final:
            report.detail = {"recordings": len(judged.rows), "frames": int(judged.rows[:, 0].sum())}
            report.interval = metrics.sums_interval(
                judged.rows, lambda found: _scores(found)[self.spec.primary], check=self.stop.check
            )
        return report

    def baseline(self) -> tuple[str, dict[str, float]]:
        """The median of each band, all the time; each frame is as likely the last as they are on average."""
        median, rows = torch.tensor(self.facts["median"], device=self.device), []
        share = 1 / self.facts["frames"]
        odds = END_WEIGHT * share / (END_WEIGHT * share + 1 - share)
        for item in self.parts["test"]:
            batch = self._batch(np.array([item]))
            error, count = float((batch["values"][0] - median).abs().mean(-1).sum()), int(batch["lengths"][0])
            nats = -END_WEIGHT * np.log(odds) - (count - 1) * np.log(1 - odds)
            rows.append([count, error, 2 * error + nats, error])
        return "median spectrum", {name: float(value) for name, value in _scores(np.sum(rows, 0)).items()}

    def badness(self, judged: base.Judged) -> np.ndarray:
        """The error of what it says freely."""
        return judged.rows[:, 3] / np.maximum(judged.rows[:, 0], 1)

    def show(self, net: nn.Module, judged: base.Judged, place: int) -> dict[str, Any]:
        item = int(self.parts[judged.part][judged.items[place]])
        frames, *_, freely = judged.rows[place]
        return {
            "kind": "text",
            "prompt": f"{self.describe(item)} ",
            "text": f"{self.texts[item]} ({freely / frames:.3g})",
        }

    def package(self, folder: Path) -> dict[str, Any]:
        pad, unknown, *_ = SPECIALS
        write_tokenizer(self.letters, folder, unknown=unknown, pad=pad, end=SPECIALS[END])
        self.write_processor(
            folder,
            **SPECTRA,
            # What the net says times the deviation, and the mean, is the logarithm to the base 10 of each band.
            mean=self.facts["mean"],
            std=self.facts["deviation"],
            **self._voice_files(),
        )
        vocab = {letter: i for i, letter in enumerate(self.letters)}
        (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        return {}

    def _voice_files(self) -> dict[str, Any]:
        """Voices by name, and what to give `generate` of transformers as `speaker_embeddings`."""
        voices = self.facts.get("voices") or {}
        return {"voices": list(voices), "voice_vectors": list(voices.values())} if voices else {}

    def open_package(self, folder: Path, config: dict[str, Any]) -> None:
        if not (folder / "vocab.json").exists():  # one of elsewhere
            raise ValueError("this model only starts others: it has learnt no letters yet")
        found = json.loads((folder / PROCESSOR).read_text())
        voices = dict(zip(found.get("voices") or (), found.get("voice_vectors") or (), strict=True))
        self.facts = {"mean": found["mean"], "deviation": found["std"], "voices": voices}
        vocab = json.loads((folder / "vocab.json").read_text())
        self._set_letters([letter for letter, _ in sorted(vocab.items(), key=lambda one: one[1])])

    def predict(self, net: Any, inputs: list[Any]) -> list[dict[str, Any]]:
        """A WAV, in base64, of each text, and how many seconds it takes; {"text", "voice"} says who reads it."""
        answers = []
        for given in inputs:
            text, net.voice = self._voiced(given)
            if not isinstance(text, str) or not formed(text):
                raise ValueError("this model says texts")
            if len(formed(text)) >= SPEECH_LETTERS:
                raise ValueError(f"a text has fewer than {SPEECH_LETTERS} letters")
            batch = self._read([formed(text)])
            (said,) = net.say(batch["ids"], batch["mask"], speech_steps(self.shape))
            values = sound_of(said * self.facts["deviation"] + self.facts["mean"], self.bands)
            wav = base64.b64encode(wav_of(values)).decode()
            answers.append({"seconds": round(len(values) / RATE, 3), "wav": wav})
        return answers

    def _voiced(self, given: Any) -> tuple[Any, Tensor | None]:
        """(text, numbers of the voice) of an input; the first voice where none is asked for. Raises ValueError."""
        voices = self.facts["voices"]
        text, asked = (given.get("text"), given.get("voice")) if isinstance(given, dict) else (given, None)
        if asked is not None and (not isinstance(asked, str) or asked not in voices):
            raise ValueError(f"its voices are {', '.join(voices)}" if voices else "this model has one voice")
        if not voices:
            return text, None
        return text, torch.tensor([voices[asked or next(iter(voices))]], device=self.device)


def wav_of(values: np.ndarray) -> bytes:
    """Numbers from -1 to 1 as a WAV of 16 bits."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((values * 32_767).round().clip(-32_768, 32_767).astype("<i2").tobytes())
    return out.getvalue()


def _astray(attention: Tensor, batch: base.Batch) -> Tensor:
    """How far from a steady way through the text is attended to (guided attention, Tachibana et al. 2018).

    Letters are said one after another, about as long each: what is far from that costs up to 1 a step.
    """
    steps, letters = batch["there"][:, ::SPEECH_TOGETHER], batch["mask"]
    spoken = torch.arange(steps.shape[1], device=steps.device) / steps.sum(1, keepdim=True)
    read = torch.arange(letters.shape[1], device=steps.device) / letters.sum(1, keepdim=True)
    far = 1 - torch.exp(-((spoken[:, :, None] - read[:, None]) ** 2) / (2 * WIDTH**2))
    cost = (attention.float() * far[:, None]).sum(-1).mean(1)
    return (cost * steps).sum() / steps.sum()


def _apart(said: Tensor, true: Tensor) -> float:
    """Mean difference of two spectra, when the frames of the first are spread over the time of the second."""
    places = (torch.arange(len(true), device=said.device) * len(said)) // len(true)
    return float((said[places].float() - true).abs().mean())


def _scores(sums: np.ndarray) -> dict[str, np.ndarray]:
    frames = np.maximum(sums[..., 0], 1)
    return {"spoken_l1": sums[..., 3] / frames, "mel_l1": sums[..., 1] / frames, "loss": sums[..., 2] / frames}
