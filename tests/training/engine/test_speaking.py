"""Texts read aloud: learnt, heard in the sound, and the same as transformers says."""

import base64
import io
import json
import wave
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.engine.conftest import (
    TONES,
    MakeRun,
    Run,
    csv_blob,
    profile_for,
    speech_blob,
    tiny,
    tone,
    wav_of,
    zip_blob,
)
from training.engine.contract import DONE, FAILED
from training.engine.package import load_net
from training.engine.predict import Predictor
from training.engine.sounds import RATE, slaney_bands, sound_of, speech_mels

MODEL = {"arch": "speecht5", "size": "nano", "layers": 1, "heads": 2, "width": 96, "seconds": 1}
LEARN = {"train__max_steps": 240, "train__lr": 3e-3, "train__batch": 16, "eval__every_steps": 240, "model": MODEL}


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("runs") / "run"
    profile = profile_for("text-to-speech")
    run = Run(folder, tiny("text-to-speech", **LEARN), speech_blob(noise=0), "audio", profile)
    assert run.go() == DONE, run.log
    return run


def pitches(values: np.ndarray, count: int) -> list[float]:
    """The strongest frequency in the middle of each of `count` equal parts."""
    found = []
    for part in np.array_split(values, count):
        middle = part[len(part) // 4 : -len(part) // 4]
        power = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 8_192))
        found.append(float(power.argmax() * RATE / 8_192))
    return found


def test_letters_are_heard_in_what_is_said(learnt: Run) -> None:
    last = learnt.of("done")[0]
    told, trivial = last["metrics"], last["baseline"]["metrics"]
    assert told["test/spoken_l1"] < 0.7 * trivial["test/spoken_l1"]
    assert told["test/mel_l1"] < 0.5 * trivial["test/mel_l1"]
    assert told["test/loss"] < 0.5 * trivial["test/loss"]
    assert last["interval"][0] <= told["test/spoken_l1"] <= last["interval"][1]
    (answer,) = Predictor(learnt.folder / "out")(["cab"])
    with wave.open(io.BytesIO(base64.b64decode(answer["wav"]))) as file:
        assert (file.getframerate(), file.getnchannels()) == (RATE, 1)
        values = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert answer["seconds"] == pytest.approx(0.24, abs=0.1) == pytest.approx(len(values) / RATE, abs=0.1)
    assert pitches(values, 3) == pytest.approx([TONES[letter] for letter in "cab"], rel=0.15)


def test_package_says_the_same_in_transformers(learnt: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import AutoTokenizer, SpeechT5ForTextToSpeech
    from transformers.models.speecht5.modeling_speecht5 import SpeechT5SpeechDecoderPrenet

    # There half of what was said is forgotten by chance, always.
    monkeypatch.setattr(SpeechT5SpeechDecoderPrenet, "_consistent_dropout", lambda self, values, p: values)
    out = learnt.folder / "out"
    theirs = SpeechT5ForTextToSpeech.from_pretrained(out, local_files_only=True).eval()
    batch = AutoTokenizer.from_pretrained(out, local_files_only=True)("bd a", return_tensors="pt")
    found = theirs.generate(batch["input_ids"], speaker_embeddings=torch.zeros(1, 16))
    with torch.no_grad():
        (ours,) = load_net(out).say(batch["input_ids"], batch["attention_mask"], 40)
    torch.testing.assert_close(ours, found, rtol=1e-3, atol=1e-4)


def test_spectra_are_those_of_transformers() -> None:
    from transformers import SpeechT5FeatureExtractor

    values = (tone(700, 0.4, RATE) + np.random.default_rng(5).normal(0, 0.02, int(0.4 * RATE))).astype(np.float32)
    theirs = SpeechT5FeatureExtractor()(audio_target=values, sampling_rate=RATE, return_tensors="pt")["input_values"]
    bands = slaney_bands(80, 1_024, 80, 7_600)
    torch.testing.assert_close(speech_mels(torch.from_numpy(values)[None], bands), theirs, rtol=1e-3, atol=1e-3)


def test_a_spectrum_becomes_the_sound_it_is_of() -> None:
    values = np.concatenate([tone(pitch, 0.3, RATE) for pitch in (500, 1_500)]).astype(np.float32)
    bands = slaney_bands(80, 1_024, 80, 7_600)
    spectra = speech_mels(torch.from_numpy(values)[None], bands)[0]
    sound = sound_of(spectra, bands)
    assert pitches(sound, 2) == pytest.approx([500, 1_500], rel=0.05)
    assert np.abs(sound).std() == pytest.approx(np.abs(values).std(), rel=0.5)
    assert (sound == sound_of(spectra, bands)).all()


def test_what_cannot_be_said_is_named(learnt: Run, make_run: MakeRun, tmp_path: Path) -> None:
    predictor = Predictor(learnt.folder / "out")
    for wrong, said in (("", "says texts"), (7, "says texts"), ("a" * 600, "fewer than 600 letters")):
        with pytest.raises(ValueError, match=said):
            list(predictor([wrong]))
    waves = {f"{n}.wav": wav_of(np.zeros(100 if n == 7 else 2_000)) for n in range(12)}
    table = csv_blob(["file", "text"], [(name, "b") for name in waves])
    run = make_run("run", tiny("text-to-speech"), blob=zip_blob(waves | {"transcripts.csv": table}))
    assert run.go() == FAILED
    assert "“7.wav” in the dataset cannot be used: it is too short" in run.of("error")[0]["text"]


def voices_blob(**more: str) -> bytes:
    """A letter of one tone, which is higher where the second speaker says it."""
    chance, files, rows = np.random.default_rng(4), {}, []
    for n in range(40):
        name, speaker = f"{n:02}.wav", ("low", "high")[n % 2]
        pitch = TONES["a"] * (1 if speaker == "low" else 4)
        files[name] = wav_of(tone(pitch, 0.16) + chance.normal(0, 0.002, 1_280))
        rows.append((name, "aa", more.get(name[:2], speaker)))
    return zip_blob(files | {"transcripts.csv": csv_blob(["file", "text", "speaker"], rows)})


def test_each_voice_says_it_in_its_own_way(make_run: MakeRun) -> None:
    spec = tiny("text-to-speech", **LEARN | {"train__max_steps": 60, "eval__every_steps": 60, "eval__samples": 0})
    run = make_run("run", spec, blob=voices_blob())
    assert run.go() == DONE, run.log
    out = run.folder / "out"
    processor = json.loads((out / "preprocessor_config.json").read_text())
    assert processor["voices"] == ["high", "low"] and len(processor["voice_vectors"][0]) == 16
    predictor = Predictor(out)
    asked = [{"text": "aa", "voice": "low"}, {"text": "aa", "voice": "high"}, "aa"]
    low, high, first = list(predictor(asked))
    assert first == high != low
    with pytest.raises(ValueError, match="its voices are high, low"):
        list(predictor([{"text": "aa", "voice": "bob"}]))
    # Held against recordings of one voice, its own spectrum is nearer than that of the other.
    task, net = predictor.task, predictor.net
    bands = slaney_bands(80, 1_024, 80, 7_600)
    for voice, other, times in (("low", "high", 1), ("high", "low", 4)):
        true = speech_mels(torch.from_numpy(tone(TONES["a"] * times, 0.16, RATE).astype(np.float32))[None], bands)[0]
        found = []
        for name in (voice, other):
            batch = task._read(["aa"])
            _text, net.voice = task._voiced({"text": "aa", "voice": name})
            with torch.no_grad():
                (said,) = net.say(batch["ids"], batch["mask"], 10)
            middle = (said * task.facts["deviation"] + task.facts["mean"])[2:8].mean(0)
            found.append(float((middle - true[2:8].mean(0)).abs().mean()))
        assert found[0] < found[1]


def test_a_recording_without_its_speaker_is_named(make_run: MakeRun) -> None:
    run = make_run("run", tiny("text-to-speech"), blob=voices_blob(**{"07": " "}))
    assert run.go() == FAILED
    assert "“07.wav” in the dataset cannot be used: its speaker is not named" in run.of("error")[0]["text"]
