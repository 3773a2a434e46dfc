"""Tasks on recordings without a run: what a net hears, letters told step by step, hidden stretches, what is said."""

import base64
import io
import itertools
import json
import math
import wave
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.training.engine.conftest import csv_blob, plain_task, prepared_task, tone, wav_of, zip_blob
from training.engine.catalogue import CODE_GROUPS, CODES, SPEECH_LETTERS
from training.engine.errors import DataError
from training.engine.sounds import RATE, SPEECH_HOP, log_mels, mel_bands, slaney_bands, sound_of, speech_mels
from training.engine.tasks import audio_classification, masked_audio, speech_to_text, text_to_speech
from training.engine.tasks.base import Judged
from training.engine.tasks.waves import STRIDES, shortest, steps_of

CHANCE = np.random.default_rng(1)
WHISPER = {"arch": "whisper", "size": "nano", "layers": 1, "width": 32, "seconds": 1, "context": 16}
WAV2VEC = {"arch": "wav2vec2", "size": "nano", "layers": 1, "width": 32, "seconds": 1}


def spoken(texts: list[str], seconds: float = 0.2, **more: list[str]) -> bytes:
    """Recordings of noise, with what is said in each."""
    chance, names = np.random.default_rng(3), [f"{n:02}.wav" for n in range(len(texts))]
    files = {name: wav_of(chance.normal(0, 0.1, round(seconds * 8_000))) for name in names}
    rows = list(zip(names, texts, *more.values(), strict=True))
    return zip_blob(files | {"transcripts.csv": csv_blob(["file", "text", *more], rows)})


# -- what is heard


def test_steps_are_those_of_real_convolutions() -> None:
    hears = nn.Sequential(*(nn.Conv1d(1, 1, kernel, step) for kernel, step in STRIDES))
    for values in (shortest(), shortest() + 1, 719, 720, 721, 8_000, 12_345, 16_000):
        assert steps_of(values) == hears(torch.zeros(1, 1, values)).shape[-1], values
    assert [steps_of(values) for values in (0, 1, shortest() - 1)] == [0, 0, 0] and shortest() == 400


def test_recordings_are_brought_to_one_loudness_and_silence_stands_behind() -> None:
    task = plain_task("speech-to-text")
    waves = [CHANCE.normal(0.3, 0.01, size).astype(np.float32) for size in (3_000, 120, 9_000)]
    batch = task.heard(waves)
    assert batch["values"].shape == (3, 9_000) and batch["mask"].sum(1).tolist() == [3_000, 400, 9_000]
    for row, wave_ in zip(batch["values"].numpy(), waves, strict=True):
        own = row[: len(wave_)]
        assert (own.mean(), own.std()) == pytest.approx((0, 1), abs=2e-3) and not row[len(wave_) :].any()
        by_hand = (wave_ - np.mean(wave_)) / np.std(wave_)
        np.testing.assert_allclose(own, by_hand, rtol=1e-3, atol=1e-3)
    assert batch["steps"].tolist() == [steps_of(3_000), 1, steps_of(9_000)]
    silent = task.heard([np.zeros(50, dtype=np.float32)])
    assert silent["values"].shape == (1, 400) and silent["values"].eq(0).all()


def stereo(left: np.ndarray, right: np.ndarray, rate: int) -> bytes:
    return wav_of(np.column_stack([left, right]).ravel(), rate, channels=2)


SOUNDS = {
    "8 kHz in stereo": (stereo(tone(500, 0.5), np.zeros(4_000), 8_000), 0.5, 0.5),
    "48 kHz": (wav_of(tone(500, 0.5, 48_000), 48_000), 0.5, 1.0),
    "silence": (wav_of(np.zeros(4_000)), 0.5, 0.0),
    "one value": (wav_of(np.array([0.5]), RATE), 1 / RATE, None),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_an_odd_recording_is_heard_as_what_it_is(name: str, tmp_path: Path) -> None:
    data, seconds, loud = SOUNDS[name]
    (tmp_path / "x.wav").write_bytes(data)
    (found,) = plain_task("speech-to-text").new_waves([tmp_path / "x.wav"])
    assert found.dtype == np.float32 and len(found) == round(seconds * RATE)
    if loud is not None:
        expected = loud * tone(500, seconds, RATE)
        np.testing.assert_allclose(found[100:-100], expected[100:-100], atol=0.01)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (b"", r"^a\.wav: it is not a readable WAV"),
        (b"ID3 an mp3", r"^a\.wav: it is not a readable WAV"),
        (wav_of(np.zeros(100))[:-40], r"^a\.wav: it is cut off"),
        (wav_of(np.zeros(0)), r"^a\.wav: it holds no sound"),
        (3, "hears WAV or FLAC files"),
        (None, "hears WAV or FLAC files"),
        ({"audio": "a.wav"}, "hears WAV or FLAC files"),
    ],
)
def test_what_is_no_recording_is_told(given: Any, said: str, tmp_path: Path) -> None:
    if isinstance(given, bytes):
        (tmp_path / "a.wav").write_bytes(given)
        given = tmp_path / "a.wav"
    with pytest.raises(ValueError, match=said):
        plain_task("speech-to-text").new_waves([given])


# -- classes of sounds


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Low and high tones of 0.1 to 1.4 seconds, of which one second is heard."""
    chance, files = np.random.default_rng(6), {}
    for n in range(20):
        values = tone((300, 1_200)[n % 2], 0.1 + 0.07 * n) + chance.normal(0, 0.01, round((0.1 + 0.07 * n) * 8_000))
        files[f"{('low', 'high')[n % 2]}/{n:02}.wav"] = wav_of(values)
    return prepared_task("audio-classification", tmp_path_factory.mktemp("calls"), zip_blob(files))


def test_behind_a_recording_nothing_is_heard(calls: Any) -> None:
    """As transformers has it: what lies behind is 0 before the spectrum is scaled, and a spectrum has 100 frames."""
    mean, deviation = calls.facts["mean"], calls.facts["deviation"]
    waves = [tone(700, seconds, RATE).astype(np.float32) for seconds in (0.01, 0.3, 1.0, 1.7)]
    found = calls._features(waves)
    assert found.shape == (4, 100, 64)
    for values, own in zip(waves, found, strict=True):
        heard = np.zeros(max(400, min(len(values), RATE)), dtype=np.float32)
        heard[: len(values[:RATE])] = values[:RATE]
        spectrum = log_mels(torch.from_numpy(heard)[None], mel_bands(64))[0]
        assert len(spectrum) == 1 + (len(heard) - 400) // 160
        np.testing.assert_allclose(own[: len(spectrum)], (spectrum - mean) / (2 * deviation), atol=1e-4)
        np.testing.assert_allclose(own[len(spectrum) :], -mean / (2 * deviation), atol=1e-4)
    alone = torch.cat([calls._features([each]) for each in waves])
    np.testing.assert_allclose(found, alone, atol=1e-4)  # whoever is heard beside it


def test_spectra_are_scaled_by_the_training_part(calls: Any) -> None:
    spectra = []
    for item in calls.parts["train"]:
        values = torch.from_numpy(np.asarray(calls.wave(item)))[None]
        spectra.append(log_mels(values, mel_bands(64)).numpy().ravel())
    whole = np.concatenate(spectra)
    assert calls.facts["mean"] == pytest.approx(whole.mean(), abs=1e-4)
    assert calls.facts["deviation"] == pytest.approx(whole.std(), abs=1e-4)
    assert max(np.diff(calls.edges)) == RATE  # what is longer was cut


def test_a_recording_begins_a_tenth_later_at_most(calls: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[list[np.ndarray]] = []
    monkeypatch.setattr(calls, "_read", lambda waves: heard.append(waves) or {})
    rows, shares = np.arange(calls.count("train")), []
    for seed in (1, 1, 2, 3, 4, 5):
        batch = calls.train_batch(rows, 0, seed)
        for row, values in zip(rows, heard[-1], strict=True):
            whole = calls.wave(calls.parts["train"][row])
            start = len(whole) - len(values)
            assert 0 <= start <= len(whole) // 10 and np.array_equal(values, whole[start:])
            shares.append(start / len(whole))
        assert batch["target"].tolist() == calls.targets[calls.parts["train"]].tolist()
    assert 0.04 < np.mean(shares) < 0.06 and max(shares) > 0.09
    assert [len(one) for one in heard[0]] == [len(one) for one in heard[1]] != [len(one) for one in heard[2]]


def test_a_net_that_hears_recordings_as_they_are_is_told_where_they_end(tmp_path: Path) -> None:
    files = {f"{('low', 'high')[n % 2]}/{n}.wav": wav_of(tone(300, 0.1 + 0.12 * n)) for n in range(12)}
    task = prepared_task("audio-classification", tmp_path, zip_blob(files), model=WAV2VEC)
    batch = task.batch_of(np.array([0, 5, 11]))
    lengths = np.diff(task.edges)[[0, 5, 11]]
    assert batch["mask"].sum(1).tolist() == lengths.tolist() and lengths.max() <= RATE
    assert set(task.facts) == {"labels"}  # it needs no mean
    spectra = plain_task("audio-classification")
    assert spectra.prepare_key() == {"seconds": 1} and task.prepare_key() == {"seconds": 1, "hears": True}
    config = task.package(tmp_path)
    assert config["id2label"] == {"0": "high", "1": "low"}
    assert json.loads((tmp_path / "preprocessor_config.json").read_text())["do_normalize"] is True


# -- speech, step by step

LETTERS = ["a", "b", "c"]  # behind what says nothing, the unknown one and the space: 3, 4 and 5


def listener(writes: bool = False) -> Any:
    task: Any = plain_task("speech-to-text", model=WHISPER if writes else WAV2VEC)
    task._set_letters(LETTERS)
    task.facts = {"letters": LETTERS, "length": 2.0, "commonest": "ab"}
    return task


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ([3, 3, 0, 3, 4], "aab"),
        ([0, 0, 0, 0, 0], ""),
        ([3, 4, 5, 5, 5], "abc"),
        ([2, 3, 2, 2, 4], "a b"),
        ([3, 2, 0, 2, 4], "a b"),
        ([3, 0, 2, 0, 0], "a"),
        ([3, 1, 3, 1, 4], "aab"),  # what it does not know is not written, but parts what is alike
        ([5, 0, 5, 0, 5], "ccc"),
        ([0, 3, 3, 3, 3], "a"),
    ],
)
def test_repeats_are_one_unless_nothing_lies_between(steps: list[int], text: str) -> None:
    task = listener()
    logs = nn.functional.one_hot(torch.tensor([steps]), 6).float()
    assert task._written(logs, torch.tensor([5])) == [text]


def test_what_lies_behind_the_end_is_not_read() -> None:
    logs = nn.functional.one_hot(torch.tensor([[3, 4, 5, 5], [5, 5, 3, 4]]), 6).float()
    assert listener()._written(logs, torch.tensor([2, 4])) == ["ab", "cab"]


class Steps(nn.Module):
    """Tells the same of every recording."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits, self.before = logits, torch.zeros(0)

    def forward(self, values: Tensor, more: Tensor) -> Tensor:
        self.before = more
        return self.logits[: len(values)]


def collapsed(path: tuple[int, ...]) -> list[int]:
    kept = [letter for n, letter in enumerate(path) if n == 0 or path[n - 1] != letter]
    return [letter for letter in kept if letter]


@pytest.mark.parametrize("text", ["a", "ab", "aa", "abc", "a b", "cc"])
def test_the_surprise_is_that_of_all_ways_to_say_it(text: str) -> None:
    """Summed over every path of letters and nothings through four steps."""
    task, steps = listener(), 4
    ids = [task.number[letter] for letter in text]
    logits = torch.randn(1, 6, 6, generator=torch.Generator().manual_seed(len(text)))  # two steps too many
    batch = {"values": torch.zeros(1, 9), "mask": torch.ones(1, 9), "steps": torch.tensor([steps])}
    batch |= {"target": torch.tensor(ids), "lengths": torch.tensor([len(ids)])}
    shares = logits[0].softmax(-1)
    whole = sum(
        math.prod(float(shares[n, letter]) for n, letter in enumerate(path))
        for path in itertools.product(range(6), repeat=steps)
        if collapsed(path) == ids
    )
    nats, logs = task._nats(Steps(logits), batch)
    assert nats.tolist() == pytest.approx([-math.log(whole)], rel=1e-4) and logs.shape == (1, 6, 6)
    assert float(task.loss(Steps(logits), batch)) == pytest.approx(-math.log(whole) / 2.0, rel=1e-4)


@pytest.mark.parametrize(
    ("text", "needed"), [("", 0), ("a", 1), ("ab", 2), ("aa", 3), ("aaa", 5), ("abba", 5), ("a  a", 5)]
)
def test_steps_that_a_text_needs_are_those_of_the_shortest_path(text: str, needed: int) -> None:
    ids = [3 if letter == "a" else 4 if letter == "b" else 2 for letter in text]
    assert speech_to_text._needed(text) == speech_to_text._needed(ids) == needed
    if needed <= 5:
        fits = [
            steps
            for steps in range(6)
            if any(collapsed(path) == ids for path in itertools.product((0, 2, 3, 4), repeat=steps))
        ]
        assert fits[0] == needed


@pytest.mark.parametrize("bad", range(0, 12, 2))
def test_a_transcript_for_which_a_recording_has_no_room_is_named_in_every_part(bad: int, tmp_path: Path) -> None:
    """Its loss would be none, as if it were told without a mistake: 0.2 seconds have 9 steps."""
    texts = ["aabb" if n != bad else "aaaaa b" for n in range(12)]
    with pytest.raises(DataError) as caught:
        prepared_task("speech-to-text", tmp_path, spoken(texts))
    assert caught.value.params["name"] == f"{bad:02}.wav"
    assert "its transcript of 7 letters is too long for how short it is" in str(caught.value)


def test_letters_that_are_not_known_need_as_much_room(tmp_path: Path) -> None:
    """Five different letters that only one recording says are one and the same to a net that has not learnt them."""
    refused = 0
    for bad in range(12):
        texts = ["ab" if n != bad else "vwxyz" for n in range(12)]
        (tmp_path / str(bad)).mkdir()
        blob = spoken(texts, seconds=0.17)  # 8 steps: enough for five letters, but not for four pauses more
        try:
            task = prepared_task("speech-to-text", tmp_path / str(bad), blob)
        except DataError as error:
            assert error.params["name"] == f"{bad:02}.wav"
            refused += 1
        else:
            assert bad in task.parts["train"] and "v" in task.letters
    assert steps_of(round(0.17 * RATE)) == 8 and refused == 4


REFUSED = {
    "empty": (["ab"] * 11 + [" | "], {}, "11.wav", "its transcript is empty"),
    "longer": (["ab"] * 12, {"seconds": 1.2}, "00.wav", "it is longer than the 1 seconds that the model hears"),
}


@pytest.mark.parametrize("task", ["speech-to-text", "text-to-speech"])
@pytest.mark.parametrize("name", REFUSED)
def test_a_recording_that_cannot_be_learnt_from_is_named(task: str, name: str, tmp_path: Path) -> None:
    texts, how, file, said = REFUSED[name]
    with pytest.raises(DataError) as caught:
        prepared_task(task, tmp_path, spoken(texts, **how))
    assert caught.value.params["name"] == file and said in caught.value.params["problem"]


def test_transcripts_are_brought_to_one_form(tmp_path: Path) -> None:
    texts = ["  ab|c ", "e\u0301 a", "a\tb"] * 4
    task = prepared_task("speech-to-text", tmp_path, spoken(texts, seconds=0.5))
    assert {task.texts[item] for item in range(12)} == {"ab c", "é a", "a b"}
    assert task.letters == ["<pad>", "<unk>", "|", "a", "b", "c", "é"]
    ids = task._batch(np.array([1]))
    assert ids["target"].tolist() == [6, 2, 3] and ids["lengths"].tolist() == [3]


def test_figures_of_speech_by_hand() -> None:
    """Wrong words, words, wrong letters, letters, nats."""
    task = listener()
    rows = np.array([[1.0, 2, 2, 20, 10], [0, 1, 1, 3, 4], [3, 3, 12, 4, 6]])
    judged = Judged("test", np.arange(3), rows)
    assert task.report(judged).values == pytest.approx({"wer": 4 / 6, "cer": 15 / 27, "loss": 20 / 27})
    assert np.argsort(-task.badness(judged)).tolist() == [2, 1, 0]  # by how many of its letters
    ties = Judged("test", np.arange(2), np.array([[0, 1, 0, 3, 4.0], [0, 1, 0, 3, 9.0]]))
    assert np.argsort(-task.badness(ties)).tolist() == [1, 0]  # of what is right, what it was least sure of


@pytest.mark.parametrize("writes", [False, True])
def test_the_commonest_transcript_by_hand(writes: bool) -> None:
    task = listener(writes)
    task.texts = ["ab", "ab", "cab", "ac"]
    task.parts = {"train": np.arange(3), "test": np.array([3])}
    name, values = task.baseline()
    assert name == "commonest transcript" and values["wer"] == 1 and values["cer"] == 1 / 2
    counts = Counter("ababcab")
    total = 7 + 6 + (3 + 1 if writes else 0)  # letters said, letters known; three ends and that it is known
    said = [counts["a"], counts["c"], *([3] if writes else [])]
    assert values["loss"] == pytest.approx(-sum(math.log((n + 1) / total) for n in said) / 2)


# -- speech, letter by letter


def test_what_writes_is_told_each_letter_behind_those_before_it() -> None:
    task = listener(writes=True)
    assert task.letters == ["<pad>", "<unk>", "|", "</s>", "a", "b", "c"]
    target = task._letters(["ab", "c é"])
    assert target.tolist() == [[4, 5, 3, -100], [6, 2, 1, 3]]
    logits = torch.randn(2, 4, 7, generator=torch.Generator().manual_seed(1))
    net = Steps(logits)
    nats, _ = task._nats(net, {"values": torch.zeros(2, 80, 100), "target": target})
    assert net.before.tolist() == [[0, 4, 5, 3], [0, 6, 2, 1]]
    logs = logits.log_softmax(-1)
    for row, letters in enumerate([[4, 5, 3], [6, 2, 1, 3]]):
        by_hand = -sum(float(logs[row, n, letter]) for n, letter in enumerate(letters))
        assert float(nats[row]) == pytest.approx(by_hand, rel=1e-5)


def test_a_whisper_hears_as_many_seconds_always() -> None:
    task = listener(writes=True)
    sound = tone(500, 0.3, RATE).astype(np.float32)
    alone, beside = task._spectra([sound]), task._spectra([np.ones(RATE, dtype=np.float32) * 0.5, sound])
    assert alone["values"].shape == (1, 80, 100)
    np.testing.assert_allclose(alone["values"][0], beside["values"][1], atol=1e-5)
    silent = task._spectra([np.zeros(10, dtype=np.float32)])["values"]
    assert silent.isfinite().all() and silent.unique().numel() == 1


@pytest.mark.parametrize("writes", [False, True])
def test_letters_come_back_from_a_package(writes: bool, tmp_path: Path) -> None:
    task, again = listener(writes), listener(writes)
    task._set_letters(["'", "a", "字", "é"])
    task.package(tmp_path)
    again.open_package(tmp_path, {})
    assert (again.letters, again.number) == (task.letters, task.number)


def test_what_is_longer_than_can_be_heard_is_told(tmp_path: Path) -> None:
    (tmp_path / "long.wav").write_bytes(wav_of(np.zeros(8_001)))
    for writes in (False, True):
        with pytest.raises(ValueError, match=r"long\.wav: it is longer than the 1 seconds that are heard"):
            listener(writes).predict(nn.Module(), [tmp_path / "long.wav"])


# -- hidden stretches


class Hears(nn.Module):
    """Hears in each step a direction of its own, and tells it, or that of another step."""

    def __init__(self, off: int = 0) -> None:
        super().__init__()
        self.off = off

    def forward(self, values: Tensor, mask: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        rows, steps = hidden.shape
        there = torch.eye(rows * steps).view(rows, steps, -1)
        codes = nn.functional.one_hot(torch.arange(rows * steps * 2).view(rows, steps, 2) % CODES, CODES).float()
        return there.roll(self.off, 1), there, codes


@pytest.fixture
def hiding() -> Any:
    task: Any = plain_task("masked-audio")
    task.done = 0.0
    return task


def test_a_step_is_told_apart_from_others_of_its_own_recording(hiding: Any) -> None:
    waves = [CHANCE.normal(size=size).astype(np.float32) for size in (9_000, 3_000, 16_000)]
    batch = hiding._batch(waves, [np.random.default_rng(n) for n in range(3)])
    hidden, width = batch["hidden"], steps_of(16_000)
    assert hidden.shape == (3, width)
    place = hidden.flatten().nonzero()[:, 0]
    assert (batch["others"] // width == place[:, None] // width).all()
    assert (batch["others"] != place[:, None]).all() and hidden.flatten()[batch["others"]].all()
    for row, values in enumerate(waves):
        assert not hidden[row, steps_of(len(values)) :].any()  # what is silence is not hidden
    right = hiding._judged(Hears(), batch)
    assert (right[:, 0] == right[:, 1]).all() and right[:, 0].tolist() == hidden.sum(1).tolist()
    # Cosines of 1 and of 0, ten times as steep, among 21.
    assert right[:, 2] == pytest.approx(right[:, 0] * math.log(1 + 20 * math.exp(-10)), rel=1e-3)
    wrong = hiding._judged(Hears(off=width // 2), batch)
    assert wrong[:, 1].sum() < 0.2 * wrong[:, 0].sum() and (wrong[:, 2] > 2 * wrong[:, 0]).all()


def test_what_is_hidden_of_a_judged_recording_is_always_the_same(hiding: Any) -> None:
    hiding.waves = (CHANCE.normal(0, 3_000, 40_000)).astype(np.int16)
    hiding.edges = np.arange(5) * 10_000
    hiding.parts = {"test": np.arange(4), "train": np.arange(4)}
    together = hiding._judged_batch("test", np.arange(4))
    rows = hiding.measure(Hears(), "test", np.arange(4))
    for item in range(4):
        alone = hiding._judged_batch("test", np.array([item]))
        assert torch.equal(alone["hidden"][0], together["hidden"][item])
        assert rows[item, 0] == int(alone["hidden"].sum())
    one, again, other = (hiding.train_batch(np.arange(4), 0, seed)["hidden"] for seed in (1, 1, 2))
    assert torch.equal(one, again) and not torch.equal(one, other)


def test_codes_in_use_are_counted_by_their_shares() -> None:
    sums = np.zeros(3 + CODE_GROUPS * CODES)
    sums[:3] = 8, 6, 16  # hidden steps, of which six are told right, and their nats
    sums[3 : 3 + 4] = 2  # the first book has four codes that are as frequent
    sums[3 + CODES] = 8  # the other has one
    found = masked_audio._figures(sums, (CODE_GROUPS, CODES))
    assert {name: float(value) for name, value in found.items()} == pytest.approx(
        {"accuracy": 0.75, "code_perplexity": (4 + 1) / 2, "loss": 2}
    )
    even = torch.full((CODES,), 1 / CODES)
    one = nn.functional.one_hot(torch.tensor(3), CODES).float()
    assert masked_audio._perplexity(torch.stack([even, one])).tolist() == pytest.approx([CODES, 1])


def test_silence_can_be_answered(hiding: Any, tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(wav_of(np.zeros(4_000)))
    (tmp_path / "short.wav").write_bytes(wav_of(np.zeros(900)))
    assert hiding.predict(Hears(), [tmp_path / "x.wav"]) == [{"accuracy": 1.0}]
    with pytest.raises(ValueError, match=r"short\.wav: it is too short"):
        hiding.predict(Hears(), [tmp_path / "x.wav", tmp_path / "short.wav"])


# -- what is said

BANDS = slaney_bands(80, 1_024, 80, 7_600)


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5, 9, 40])
def test_a_sound_is_as_long_as_its_spectrum(frames: int) -> None:
    spectra = speech_mels(torch.from_numpy(tone(600, 1.0, RATE).astype(np.float32))[None], BANDS)[0, 10 : 10 + frames]
    found = sound_of(spectra, BANDS)
    assert len(found) == max(1, frames - 1) * SPEECH_HOP and np.isfinite(found).all() and np.abs(found).max() <= 1
    silent = sound_of(torch.full((frames, 80), -5.0), BANDS)
    assert len(silent) == len(found) and np.abs(silent).max() < 1e-6


def test_a_spectrum_far_too_loud_is_no_fault() -> None:
    found = sound_of(torch.full((6, 80), 50.0), BANDS)
    assert np.isfinite(found).all() and np.abs(found).max() <= 1


@pytest.mark.parametrize(
    ("said", "true", "apart"),
    [
        ([0, 1, 2, 3], [0, 1, 2, 3], 0),
        ([0, 2], [0, 0, 2, 2], 0),  # half as fast
        ([0, 9, 2, 9], [0, 2], 0),  # twice as fast: every other frame counts
        ([5], [4, 6, 7], (1 + 1 + 2) / 3),
        ([1, 1, 1, 4], [1, 1, 1, 1], 3 / 4),
    ],
)
def test_what_is_said_is_spread_over_the_time_of_what_is_true(said: list, true: list, apart: float) -> None:
    frames = (torch.tensor(each).float()[:, None].expand(-1, 3) for each in (said, true))
    assert text_to_speech._apart(*frames) == pytest.approx(apart)


def reader(voices: dict[str, list[float]] | None = None) -> Any:
    task: Any = plain_task("text-to-speech")
    task._set_letters([*text_to_speech.SPECIALS, "a", "b"])
    task.facts = {"mean": -2.0, "deviation": 0.5, "frames": 6.0, "median": [0.0] * 80, "voices": voices or {}}
    task.speakers = None
    return task


def test_attending_along_the_text_costs_little_and_elsewhere_much() -> None:
    """By plain loops: up to 1 a step, the further from where the text should be by then."""
    steps, letters = 6, 3
    batch = {"there": torch.ones(1, 2 * steps, dtype=torch.bool), "mask": torch.ones(1, letters)}

    def cost(place: Any) -> float:
        attention = torch.zeros(1, 2, steps, letters)
        for step in range(steps):
            attention[0, :, step, place(step)] = 1
        return float(text_to_speech._astray(attention, batch))

    def by_hand(place: Any) -> float:
        far = [1 - math.exp(-((step / steps - place(step) / letters) ** 2) / (2 * 0.2**2)) for step in range(steps)]
        return sum(far) / steps

    along, back, stuck = (lambda n: n // 2), (lambda n: 2 - n // 2), (lambda n: 0)
    for way in (along, back, stuck):
        assert cost(way) == pytest.approx(by_hand(way), rel=1e-4)
    assert cost(along) < 0.15 < 0.4 < cost(stuck) < cost(back) < 1
    # What is padding asks for nothing: the same in a batch of longer ones.
    wide = {"there": torch.zeros(1, 20, dtype=torch.bool), "mask": torch.zeros(1, 7)}
    wide["there"][:, :12], wide["mask"][:, :3] = True, 1
    attention = torch.zeros(1, 2, 10, 7)
    attention[0, :, range(6), [0, 0, 1, 1, 2, 2]] = 1
    attention[0, :, 6:, 6] = 1
    assert float(text_to_speech._astray(attention, wide)) == pytest.approx(by_hand(along), rel=1e-4)


class Says(nn.Module):
    """Says what it is told to, and remembers what it was given."""

    voice: Any = None

    def __init__(self, raw: Tensor, mended: Tensor, ends: Tensor) -> None:
        super().__init__()
        self.told, self.given = (raw, mended, ends, None), ()

    def forward(self, *given: Tensor) -> tuple[Any, ...]:
        self.given = given
        return self.told


def test_a_frame_is_said_from_those_before_it_and_errors_by_hand() -> None:
    """Recordings of six and of four frames; two are said in each step."""
    task = reader()
    target = torch.arange(1.0, 13).view(2, 6, 1).expand(-1, -1, 80).clone()
    target[1, 4:] = 0
    lengths = torch.tensor([6, 4])
    batch = {"values": target, "lengths": lengths, "there": torch.arange(6) < lengths[:, None]}
    batch |= {"ids": torch.zeros(2, 3, dtype=torch.long), "mask": torch.ones(2, 3)}
    net = Says(target + 2.0, target - 0.5, torch.zeros(2, 6))
    mended, raw, nats, attention = task._errors(net, batch)
    _, _, before, there = net.given
    assert before[:, :, 0].tolist() == [[0, 2, 4], [0, 8, 10]] and there.tolist() == [[1, 1, 1], [1, 1, 0]]
    assert attention is None and mended.tolist() == [[0.5] * 6, [0.5] * 4 + [0] * 2]
    assert raw.tolist() == [[2.0] * 6, [2.0] * 4 + [0] * 2]
    half = math.log(2)  # of whether it ends, where nothing is known; the last frame weighs five times as much
    for row, last in ((0, 5), (1, 3)):
        assert nats[row, : last + 1].tolist() == pytest.approx([half] * last + [5 * half])
    assert nats[1, 4:].tolist() == [0, 0]
    whole = 10 * (0.5 + 2.0) + (8 + 10) * half
    assert float(task.loss(net, batch)) == pytest.approx(whole / (2 * 6.0), rel=1e-5)


def test_the_trivial_end_is_as_likely_as_costs_least() -> None:
    """No other guess that is the same for all frames would be cheaper."""
    task = reader()
    task.facts["frames"], task.parts = 6.0, {"test": np.array([0])}
    task._batch = lambda items: {"values": torch.full((1, 6, 80), 0.25), "lengths": torch.tensor([6])}
    name, values = task.baseline()
    assert name == "median spectrum" and values["mel_l1"] == values["spoken_l1"] == pytest.approx(0.25)
    ends = values["loss"] * 6 - 2 * 0.25 * 6

    def cost(odds: float) -> float:
        return -5 * math.log(odds) - 5 * math.log(1 - odds)

    assert ends == pytest.approx(min(cost(n / 1_000) for n in range(1, 1_000)), rel=1e-3)


VOICES = {"ada": [1.0] * 16, "ben": [-1.0] * 16}


@pytest.mark.parametrize(
    ("given", "text", "voice"),
    [
        ("ab", "ab", 1.0),
        ({"text": "ab"}, "ab", 1.0),
        ({"text": "ab", "voice": "ben"}, "ab", -1.0),
        ({"text": "ab", "voice": None}, "ab", 1.0),
    ],
)
def test_who_reads_is_asked_for_by_name(given: Any, text: str, voice: float) -> None:
    found, numbers = reader(VOICES)._voiced(given)
    assert found == text and numbers.tolist() == [[voice] * 16]


@pytest.mark.parametrize(
    ("voices", "given", "said"),
    [
        (VOICES, {"text": "ab", "voice": "eve"}, "its voices are ada, ben"),
        (VOICES, {"text": "ab", "voice": ["ada"]}, "its voices are ada, ben"),
        (VOICES, {"text": "ab", "voice": 0}, "its voices are ada, ben"),
        (VOICES, {"text": "ab", "voice": ""}, "its voices are ada, ben"),
        ({}, {"text": "ab", "voice": "ada"}, "this model has one voice"),
        ({}, {"text": "ab", "voice": {}}, "this model has one voice"),
        ({}, "", "says texts"),
        ({}, " | ", "says texts"),
        ({}, None, "says texts"),
        ({}, {"texts": "ab"}, "says texts"),
        ({}, {"text": ["ab"]}, "says texts"),
        ({}, "a" * SPEECH_LETTERS, f"fewer than {SPEECH_LETTERS} letters"),
    ],
)
def test_what_cannot_be_read_aloud_is_told(voices: Any, given: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        reader(voices).predict(SimpleNamespace(voice=None), [given])


def test_a_text_becomes_a_file_of_as_many_seconds() -> None:
    task = reader()
    net = SimpleNamespace(voice=None, say=lambda ids, mask, most: [torch.full((11, 80), -1.0)])
    (answer,) = task.predict(net, ["ab"])
    with wave.open(io.BytesIO(base64.b64decode(answer["wav"]))) as file:
        assert (file.getnframes(), file.getframerate(), file.getsampwidth()) == (10 * SPEECH_HOP, RATE, 2)
    assert answer["seconds"] == 10 * SPEECH_HOP / RATE
    loud = text_to_speech.wav_of(np.array([0.0, 0.5, 1.0, 1.5, -1.0, -1.5]))
    assert np.frombuffer(loud[44:], "<i2").tolist() == [0, 16_384, 32_767, 32_767, -32_767, -32_768]


def test_letters_of_a_text_end_and_are_marked() -> None:
    batch = reader()._read(["ab a", "z"])
    assert batch["ids"].tolist() == [[4, 5, 2, 4, 3], [1, 3, 0, 0, 0]]
    assert batch["mask"].tolist() == [[1] * 5, [1, 1, 0, 0, 0]]


def test_a_voice_is_how_it_differs_from_all(tmp_path: Path) -> None:
    names = ["low", "high"] * 10
    chance, files, rows = np.random.default_rng(4), {}, []
    for n, name in enumerate(names):
        values = tone(300 if name == "low" else 2_500, 0.2) + chance.normal(0, 0.001, 1_600)
        files[f"{n:02}.wav"] = wav_of(values)
        rows.append((f"{n:02}.wav", "ab", name))
    blob = zip_blob(files | {"transcripts.csv": csv_blob(["file", "text", "speaker"], rows)})
    task = prepared_task("text-to-speech", tmp_path, blob)
    high, low = (np.array(task.facts["voices"][name]) for name in ("high", "low"))
    assert list(task.facts["voices"]) == ["high", "low"]
    assert np.linalg.norm(high) == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(high, -low, atol=1e-4)  # of two, each is what the other is not
    bands = np.array([float(BANDS[:, 5 * n : 5 * n + 5].sum(1).argmax()) for n in range(16)]) * RATE / 1_024
    assert low[np.abs(bands - 300).argmin()] > 0 > low[np.abs(bands - 2_500).argmin()]
    batch = task._batch(np.array([0, 1]))
    np.testing.assert_allclose(batch["voice"], np.stack([low, high]), atol=1e-5)
    assert task.facts["letters"] == ["a", "b"] and task.facts["frames"] == pytest.approx(12, abs=1)


@pytest.mark.parametrize(
    ("texts", "more", "said"),
    [
        (["a" * SPEECH_LETTERS] + ["b"] * 11, {}, "00.wav” in the dataset cannot be used: its transcript has 600"),
        (["ab"] * 12, {"speaker": ["ada"] * 11 + [""]}, "11.wav” in the dataset cannot be used: its speaker is not"),
    ],
)
def test_what_cannot_be_learnt_to_be_said_is_named(texts: list[str], more: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        prepared_task("text-to-speech", tmp_path, spoken(texts, **more))


def test_one_voice_alone_is_none(tmp_path: Path) -> None:
    task = prepared_task("text-to-speech", tmp_path, spoken(["ab"] * 12, speaker=["ada"] * 12))
    assert task.facts["voices"] == {} and task.speakers is None
    assert "voice" not in task._batch(np.array([0]))
    assert audio_classification.SHIFT_SHARE == 10
