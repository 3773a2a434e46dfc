"""Recordings: read alike at every rate, refused by name, told apart and written down by nets that have just begun."""

import io
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers.models.audio_spectrogram_transformer import (
    feature_extraction_audio_spectrogram_transformer as features,
)
from transformers.models.audio_spectrogram_transformer import modeling_audio_spectrogram_transformer as ast
from transformers.models.wav2vec2 import modeling_wav2vec2 as wav2vec2

from tests.training.engine.conftest import TONES, MakeRun, csv_blob, sounds_blob, tiny, tone, wav_of, zip_blob
from training.engine.contract import DONE, FAILED
from training.engine.package import load_net
from training.engine.predict import Predictor
from training.engine.sounds import RATE, decode_sound, log_mels, mel_bands, resampled, slaney_bands
from training.engine.speech import edits_of, error_rates
from training.engine.tasks.speech_to_text import _needed
from training.engine.tasks.waves import shortest, steps_of

SPEECH = {"arch": "wav2vec2", "size": "nano", "layers": 1, "width": 32, "seconds": 1}


def flac_of(values: np.ndarray, rate: int = 8_000) -> bytes:
    soundfile = pytest.importorskip("soundfile")
    out = io.BytesIO()
    soundfile.write(out, values, rate, format="FLAC")
    return out.getvalue()


def wide_wav(values: np.ndarray, width: int) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(width)
        file.setframerate(RATE)
        if width == 1:
            raw = (values * 127 + 128).astype(np.uint8)
        else:
            raw = (values * (2.0 ** (8 * width - 1) - 1)).astype("<i4")
            raw = raw.view(np.uint8).reshape(-1, 4)[:, :width]
        file.writeframes(np.repeat(raw.reshape(len(values), -1), 2, axis=0).tobytes())
    return out.getvalue()


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_every_width_says_the_same(width: int) -> None:
    values = tone(440, 0.1, RATE)
    found = decode_sound(wide_wav(values, width)) / 32_768
    np.testing.assert_allclose(found, values, atol=0.02 if width == 1 else 1e-4)


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100])
def test_every_rate_says_the_same(rate: int) -> None:
    values = tone(440, 0.5, rate)
    found = decode_sound(wav_of(values, rate)) / 32_768
    assert len(found) == pytest.approx(8_000, abs=1)
    np.testing.assert_allclose(found[:8_000], tone(440, 0.5, RATE)[: len(found)], atol=0.01)
    assert abs(resampled(np.sin(np.arange(48_000) * 2.9).astype(np.float32), 48_000)).max() < 0.2  # above 8 kHz: gone


def test_flac_says_what_wav_says() -> None:
    values = tone(440, 0.2)
    assert decode_sound(flac_of(values)).tolist() == pytest.approx(decode_sound(wav_of(values)).tolist(), abs=2)
    data = flac_of(np.random.default_rng(1).uniform(-1, 1, 20_000))
    for broken in (data[:3_000], data[:100] + bytes(2_000), b"fLaC" + bytes(50)):
        with pytest.raises(ValueError, match=r"FLAC|cut off|no sound|values a second|channels"):
            decode_sound(broken)


def header(rate: int = 8_000, channels: int = 1, claimed: int = 100, bits: int = 16, form: int = 1) -> bytes:
    """A WAV whose header claims whatever it likes, over 200 bytes of sound."""
    block = channels * bits // 8
    head = b"".join(
        n.to_bytes(size, "little") for n, size in ((form, 2), (channels, 2), (rate, 4), (rate * block, 4), (block, 2))
    )
    body = b"WAVEfmt " + (16).to_bytes(4, "little") + head + bits.to_bytes(2, "little") + b"data"
    return b"RIFF" + (236).to_bytes(4, "little") + body + claimed.to_bytes(4, "little") + bytes(200)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"RIFFxxxxWAVE", "not a readable WAV"),
        (b"", "not a readable WAV"),
        (header(form=3, bits=32), "not a readable WAV"),
        (header(rate=1_000), "1000 values a second"),
        (header(channels=30), "30 channels"),
        (header(rate=4_000, claimed=2**31), "longer than 600 seconds"),
        (header(claimed=4_000), "cut off"),
        (wav_of(np.zeros(0)), "no sound"),
    ],
)
def test_what_is_no_sound_is_told(data: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        decode_sound(data)


def test_spectra_are_those_of_transformers() -> None:
    extractor = features.ASTFeatureExtractor(num_mel_bins=64, max_length=48, do_normalize=False)
    values = (tone(700, 0.5, RATE) + np.random.default_rng(2).normal(0, 0.01, 8_000)).astype(np.float32)
    theirs = extractor(values, sampling_rate=RATE, return_tensors="pt")["input_values"][0]
    ours = log_mels(torch.from_numpy(values)[None], mel_bands(64))[0]
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("written", "wanted", "wer", "cer"),
    [
        ("the cat sat", "the cat sat", 0, 0),
        ("the bat sat", "the cat sat", 1 / 3, 1 / 11),
        ("cat  sat", "the cat sat", 1 / 3, 4 / 11),  # "the " is missing
        ("the the cat sat on", "the cat sat", 2 / 3, 7 / 11),  # "the " and " on" are too much
        ("", "ab c", 1, 1),
        ("x y z", "a", 3, 5),  # one replaced and two too much; five characters for one
        ("我爱你们", "我爱他", 2 / 3, 2 / 3),  # one replaced, one too much
    ],
)
def test_error_rates_by_hand(written: str, wanted: str, wer: float, cer: float) -> None:
    found = error_rates(np.array(edits_of(written, wanted)))
    assert (found["wer"], found["cer"]) == (pytest.approx(wer), pytest.approx(cer))


def test_error_rates_are_summed_over_recordings() -> None:
    sums = np.sum([edits_of("a b", "a c"), edits_of("d", "d e f g h i j k")], 0)
    assert error_rates(sums)["wer"] == pytest.approx(8 / 10)


def test_steps_are_those_of_the_convolutions() -> None:
    assert (steps_of(16_000), steps_of(shortest()), steps_of(shortest() - 1)) == (49, 1, 0)
    assert (_needed("abc"), _needed("aab")) == (3, 4)


def test_sounds_are_told_apart(make_run: MakeRun, tmp_path: Path) -> None:
    model = {"arch": "ast", "size": "nano", "layers": 1, "width": 32, "seconds": 1}
    run = make_run("run", tiny("audio-classification", model=model, train__max_steps=150, train__lr=1e-3))
    assert run.go() == DONE, run.log
    last = run.of("done")[0]
    assert last["metrics"]["test/accuracy"] > 0.9 > 0.6 > last["baseline"]["metrics"]["test/accuracy"]
    rising = np.sin(2 * np.pi * np.cumsum(np.linspace(400, 1_600, 18_000)) / 48_000)
    (tmp_path / "new.wav").write_bytes(wav_of(0.4 * rising, 48_000))
    (answer,) = Predictor(run.folder / "out")([tmp_path / "new.wav"])
    assert answer["label"] == "up"


def test_package_of_sounds_loads_in_transformers(make_run: MakeRun) -> None:
    run = make_run("run", tiny("audio-classification", train__max_steps=2))
    assert run.go() == DONE, run.log
    out = run.folder / "out"
    theirs = ast.ASTForAudioClassification.from_pretrained(out, local_files_only=True).eval()
    assert theirs.config.id2label == {0: "down", 1: "up"}
    extractor = features.ASTFeatureExtractor.from_pretrained(out, local_files_only=True)
    values = tone(700, 0.5, RATE).astype(np.float32)
    batch = extractor(values, sampling_rate=RATE, return_tensors="pt")
    net = load_net(out)
    with torch.no_grad():
        torch.testing.assert_close(theirs(**batch).logits, net(batch["input_values"]), rtol=1e-4, atol=1e-5)
        from training.engine.errors import Stop
        from training.engine.spec import Spec
        from training.engine.tasks.audio_classification import Task

        task = Task(Spec.from_text((out / "spec.json").read_bytes()), Stop())
        task.open_package(out, {"id2label": {"0": "down", "1": "up"}})
        torch.testing.assert_close(task._features([values]), batch["input_values"], rtol=1e-3, atol=1e-3)


def test_speech_is_written_down(make_run: MakeRun, tmp_path: Path) -> None:
    spec = tiny("speech-to-text", model=SPEECH, train__max_steps=150, train__lr=5e-3, eval__every_steps=75)
    run = make_run("run", spec)
    assert run.go() == DONE, run.log
    last = run.of("done")[0]
    assert last["metrics"]["test/cer"] < 0.2 < 0.5 < last["baseline"]["metrics"]["test/cer"]
    assert last["metrics"]["test/loss"] < 0.4 * last["baseline"]["metrics"]["test/loss"]
    parts = [tone(TONES[c], 0.08) if c in TONES else np.zeros(640) for c in "cab dab"]
    noise = np.random.default_rng(3).normal(0, 0.005, 640 * 7)
    (tmp_path / "new.wav").write_bytes(wav_of(np.concatenate(parts) + noise))
    (answer,) = Predictor(run.folder / "out")([tmp_path / "new.wav"])
    assert edits_of(answer["text"], "cab dab")[2] <= 1


def test_package_of_speech_loads_in_transformers(make_run: MakeRun) -> None:
    from transformers import AutoProcessor

    run = make_run("run", tiny("speech-to-text", train__max_steps=2))
    assert run.go() == DONE, run.log
    out = run.folder / "out"
    theirs = wav2vec2.Wav2Vec2ForCTC.from_pretrained(out, local_files_only=True).eval()
    processor = AutoProcessor.from_pretrained(out, local_files_only=True)
    values = [tone(700, 0.5, RATE).astype(np.float32), tone(900, 0.3, RATE).astype(np.float32)]
    batch = processor(values, sampling_rate=RATE, return_tensors="pt", padding=True)
    with torch.no_grad():
        found = theirs(**batch).logits
        torch.testing.assert_close(
            found, load_net(out)(batch["input_values"], batch["attention_mask"]), rtol=1e-4, atol=1e-5
        )
    assert processor.batch_decode(torch.tensor([[3, 3, 0, 3, 2, 4, 4, 0]])) == ["aa b"]


WHISPER = {"arch": "whisper", "size": "nano", "layers": 1, "width": 64, "seconds": 1, "context": 16}


def test_speech_is_written_letter_by_letter_and_loads_in_transformers(make_run: MakeRun, tmp_path: Path) -> None:
    from transformers import AutoFeatureExtractor, AutoModelForSpeechSeq2Seq, AutoTokenizer

    changes = {"train__max_steps": 480, "train__lr": 3e-3, "train__batch": 16, "eval__every_steps": 240}
    run = make_run("run", tiny("speech-to-text", model=WHISPER, **changes))
    assert run.go() == DONE, run.log
    last = run.of("done")[0]
    for name in ("test/cer", "test/wer", "test/loss"):
        assert last["metrics"][name] < 0.3 * last["baseline"]["metrics"][name], name
    out = run.folder / "out"
    theirs = AutoModelForSpeechSeq2Seq.from_pretrained(out, local_files_only=True).eval()
    extractor = AutoFeatureExtractor.from_pretrained(out, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(out, local_files_only=True)
    assert tokenizer("ab c").input_ids == [4, 5, 2, 6, 3]
    paths, waves = [], []
    for n, text in enumerate(("cab", "d ba")):
        parts = [tone(TONES[c], 0.08, RATE) if c in TONES else np.zeros(1_280) for c in text]
        paths.append(tmp_path / f"{n}.wav")
        paths[-1].write_bytes(wav_of(np.concatenate(parts), RATE))
        waves.append((np.concatenate(parts) * 32_767).round().astype(np.int16).astype(np.float32) / 32_768)
    batch = extractor(waves, sampling_rate=RATE, return_tensors="pt")
    found = theirs.generate(batch["input_features"], do_sample=False)
    said = [" ".join(text.split()) for text in tokenizer.batch_decode(found, skip_special_tokens=True)]
    assert [answer["text"] for answer in Predictor(out)(paths)] == said
    before = torch.tensor([[0, 4, 5], [0, 6, 2]])
    with torch.no_grad():
        ours = load_net(out)(batch["input_features"], before)
        theirs_too = theirs(input_features=batch["input_features"], decoder_input_ids=before).logits
    torch.testing.assert_close(ours, theirs_too, rtol=1e-4, atol=1e-5)


def test_a_transcript_longer_than_the_context_is_named(make_run: MakeRun) -> None:
    waves = {f"{n}.wav": wav_of(np.zeros(2_000)) for n in range(12)}
    table = csv_blob(["file", "text"], [(name, "a" * 20 if name == "7.wav" else "b") for name in waves])
    run = make_run("run", tiny("speech-to-text", model=WHISPER), blob=zip_blob(waves | {"transcripts.csv": table}))
    assert run.go() == FAILED
    assert (
        "“7.wav” in the dataset cannot be used: its transcript of 20 letters is longer than the context of the model"
        in run.of("error")[0]["text"]
    )


@pytest.mark.parametrize("kind", ["whisper", "speecht5"])
def test_bands_are_those_of_transformers(kind: str) -> None:
    from transformers.audio_utils import mel_filter_bank

    bins, low, high = (201, 0.0, 8_000.0) if kind == "whisper" else (513, 80.0, 7_600.0)
    theirs = mel_filter_bank(bins, 80, low, high, RATE, norm="slaney", mel_scale="slaney")
    torch.testing.assert_close(slaney_bands(80, 2 * (bins - 1), low, high), torch.from_numpy(theirs).float())


@pytest.mark.parametrize(
    ("task", "files", "said"),
    [
        (
            "audio-classification",
            {"up/bad.wav": b"RIFFnothing"},
            "“up/bad.wav” in the dataset cannot be used: it is not a",
        ),
        ("audio-classification", {"up/bad.flac": b"fLaC" + bytes(60)}, "“up/bad.flac” in the dataset cannot be used"),
        ("speech-to-text", {"a.wav": wav_of(np.zeros(9_000))}, "“a.wav” in the dataset cannot be used: it is longer"),
        ("speech-to-text", {"a.wav": b"RIFF"}, "“a.wav” in the dataset cannot be used: it is not a readable WAV"),
        (
            "speech-to-text",
            {"b.wav": wav_of(np.zeros(99))},
            "“transcripts.csv” in the dataset cannot be used: it names",
        ),
    ],
)
def test_a_broken_recording_is_named(task: str, files: dict[str, Any], said: str, make_run: MakeRun) -> None:
    table = {"transcripts.csv": csv_blob(["file", "text"], [("a.wav", "b")])}
    run = make_run("run", tiny(task), blob=zip_blob(files | table))
    assert run.go() == FAILED
    assert said in run.of("error")[0]["text"]


def test_two_processes_stop_and_go_on_alike(make_run: MakeRun) -> None:
    import signal

    from tests.training.engine.conftest import kill_at
    from training.engine.contract import STOPPED

    spec = tiny("speech-to-text", resources={"cpus": 2}, train__max_steps=6)
    whole, broken = make_run("whole", spec), make_run("broken", spec)
    assert whole.go() == DONE, whole.log
    assert broken.go(kill_at(3, signal.SIGTERM)) == STOPPED, broken.log
    assert broken.resume() == DONE, broken.log
    assert (broken.curve, broken.weights) == (whole.curve, whole.weights)


def test_a_folder_of_recordings_is_read(tmp_path: Path, make_run: MakeRun) -> None:
    from training.engine.predict import read_inputs

    for name in ("b.wav", "a.FLAC", "c.txt"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in read_inputs(tmp_path)] == ["a.FLAC", "b.wav"]
    assert len(sounds_blob()) > 80 * 2_400 * 2
