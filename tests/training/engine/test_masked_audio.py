"""Hidden sounds: told apart far above chance, worth nothing when all codes are one, and a start for speech."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.training.engine.conftest import (
    VERSION,
    MakeRun,
    Run,
    prepared_task,
    profile_for,
    sounds_blob,
    tiny,
    wav_of,
    zip_blob,
)
from tests.training.engine.opening import net_for
from training.engine.contract import DONE, FAILED
from training.engine.errors import Stop
from training.engine.package import load_net
from training.engine.predict import Predictor
from training.engine.spec import Spec
from training.engine.tasks import masked_audio
from training.engine.tasks.masked_audio import OTHERS, Task, _drawn
from training.engine.tasks.waves import steps_of

MODEL = {"arch": "wav2vec2", "size": "nano", "layers": 1, "width": 32, "seconds": 1}
LEARN = {"train__max_steps": 120, "train__lr": 6e-3, "train__batch": 16, "eval__every_steps": 120, "model": MODEL}


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("runs") / "run"
    run = Run(folder, tiny("masked-audio", **LEARN), sounds_blob(), "audio", profile_for("masked-audio"))
    assert run.go() == DONE, run.log
    return run


def test_hidden_sounds_are_told_apart(learnt: Run) -> None:
    last = learnt.of("done")[0]
    told, chance = last["metrics"], last["baseline"]["metrics"]
    assert chance["test/accuracy"] == pytest.approx(1 / 21)
    assert told["test/accuracy"] > 3 * chance["test/accuracy"]
    assert last["interval"][0] > 2 * chance["test/accuracy"]
    assert told["test/loss"] < chance["test/loss"]
    assert told["test/code_perplexity"] > 10  # of 64: the codes have not become one


def test_package_loads_in_transformers(learnt: Run) -> None:
    from transformers import AutoFeatureExtractor, AutoModelForPreTraining

    out = learnt.folder / "out"
    theirs = AutoModelForPreTraining.from_pretrained(out, local_files_only=True).eval()
    waves = [np.random.default_rng(n).normal(size=4_000 + 900 * n).astype(np.float32) for n in range(2)]
    extractor = AutoFeatureExtractor.from_pretrained(out, local_files_only=True)
    batch = extractor(waves, sampling_rate=16_000, return_tensors="pt", padding=True)
    hidden = torch.zeros(2, steps_of(4_900), dtype=torch.bool)
    hidden[:, 3:7] = True
    with torch.no_grad():
        found = theirs(**batch, mask_time_indices=hidden)
        told, there, shares = load_net(out)(batch["input_values"], batch["attention_mask"], hidden)
    torch.testing.assert_close(told, found.projected_states, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(there, found.projected_quantized_states, rtol=1e-4, atol=1e-5)
    assert shares.sum(-1).eq(1).all()


def test_speech_begins_with_what_was_heard(learnt: Run, make_run: MakeRun) -> None:
    package = learnt.folder / "out"
    second = make_run("second", tiny("speech-to-text", train__max_steps=3, model=MODEL | {"start": VERSION}))
    spec = json.loads((second.folder / "spec.json").read_text())
    spec["model"]["learn_layers"] = 0
    second.write_spec(spec)
    inputs = json.loads((second.folder / "inputs.json").read_text())
    digest = hashlib.sha256((package / "MANIFEST.json").read_bytes()).hexdigest()
    inputs["start"] = {"path": str(package), "manifest_sha256": digest}
    (second.folder / "inputs.json").write_text(json.dumps(inputs))
    assert second.go() == DONE, second.log
    before, after = load_net(package).state_dict(), load_net(second.folder / "out").state_dict()
    body = [name for name in after if not name.startswith("model.lm_head.")]
    assert len(body) > 40 and all(torch.equal(before[name], after[name]) for name in body)


def test_a_classifier_begins_with_what_was_heard(learnt: Run, make_run: MakeRun, tmp_path: Path) -> None:
    """Of a few labels it learns to tell rising tones from falling ones; a probe of what was heard stands beside it."""
    package = learnt.folder / "out"
    model = MODEL | {"start": VERSION}
    spec = tiny("audio-classification", train__max_steps=60, train__lr=3e-3, eval__every_steps=60, model=model)
    run = make_run("second", spec)
    inputs = json.loads((run.folder / "inputs.json").read_text())
    digest = hashlib.sha256((package / "MANIFEST.json").read_bytes()).hexdigest()
    inputs["start"] = {"path": str(package), "manifest_sha256": digest}
    (run.folder / "inputs.json").write_text(json.dumps(inputs))
    assert run.go() == DONE, run.log
    last = run.of("done")[0]
    assert last["metrics"]["test/accuracy"] > 0.9 > 0.6 > last["baseline"]["metrics"]["test/accuracy"]
    out = run.folder / "out"
    probe = json.loads((out / "metrics.json").read_text())["probe"]
    assert probe["kind"] == "logistic" and probe["features"] == 32
    rising = 0.4 * np.sin(2 * np.pi * np.cumsum(np.linspace(400, 1_600, 3_000)) / 8_000)
    for name, values in (("up", rising), ("down", rising[::-1])):
        (tmp_path / f"{name}.wav").write_bytes(wav_of(values))
    answers = Predictor(out)([tmp_path / "up.wav", tmp_path / "down.wav"])
    assert [answer["label"] for answer in answers] == ["up", "down"]

    from transformers import AutoFeatureExtractor, AutoModelForAudioClassification

    theirs = AutoModelForAudioClassification.from_pretrained(out, local_files_only=True).eval()
    waves = [np.random.default_rng(n).normal(size=4_000 + 900 * n).astype(np.float32) for n in range(2)]
    extractor = AutoFeatureExtractor.from_pretrained(out, local_files_only=True)
    batch = extractor(waves, sampling_rate=16_000, return_tensors="pt", padding=True)
    with torch.no_grad():
        ours = load_net(out)(batch["input_values"], batch["attention_mask"])
        torch.testing.assert_close(theirs(**batch).logits, ours, rtol=1e-4, atol=1e-5)
    assert theirs.config.id2label == {0: "down", 1: "up"}


def test_a_classifier_of_spectra_goes_on_and_has_a_probe(make_run: MakeRun) -> None:
    first = make_run("first", tiny("audio-classification", train__max_steps=2))
    assert first.go() == DONE, first.log
    again = make_run("again", tiny("audio-classification", train__max_steps=2, model__start=VERSION))
    inputs = json.loads((again.folder / "inputs.json").read_text())
    digest = hashlib.sha256((first.folder / "out" / "MANIFEST.json").read_bytes()).hexdigest()
    inputs["start"] = {"path": str(first.folder / "out"), "manifest_sha256": digest}
    (again.folder / "inputs.json").write_text(json.dumps(inputs))
    assert again.go() == DONE, again.log
    assert json.loads((again.folder / "out" / "metrics.json").read_text())["probe"]["features"] == 16


class Same(nn.Module):
    """Tells `told` everywhere, and hears `there` everywhere."""

    def __init__(self, told: Tensor, there: Tensor) -> None:
        super().__init__()
        self.told, self.there = told, there

    def forward(self, values: Tensor, mask: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        places = *hidden.shape, -1
        shares = torch.zeros(*hidden.shape, 2, 64)
        shares[..., 5] = 1
        return self.told.expand(places), self.there.expand(places), shares


def test_codes_that_are_all_alike_are_chance() -> None:
    task = Task(Spec.from_json(tiny("masked-audio")), Stop())
    batch = task._batch([np.random.default_rng(1).normal(size=8_000)], [np.random.default_rng(2)])
    net = Same(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0]))
    hidden, right, nats, *codes = task._judged(net, batch)[0]
    assert right / hidden == pytest.approx(1 / (1 + OTHERS))
    assert nats / hidden == pytest.approx(np.log(1 + OTHERS), rel=1e-5)
    assert codes[5] == codes[64 + 5] == hidden == sum(codes) / 2
    task.done, task.asked = 0.0, float(hidden)
    alike = float(task.loss(net, batch))
    # A net that knows the right answer has less, and one that uses more codes.
    assert alike == pytest.approx(np.log(1 + OTHERS) + 0.1 * (1 - 1 / 64), rel=1e-5)
    assert net.temperature == 2.0
    task.done = 1.0
    task.loss(net, batch)
    assert net.temperature == pytest.approx(0.5)


@torch.no_grad()
def test_every_hidden_step_weighs_alike_however_a_batch_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(4)
    sounds = {f"{n:02}.wav": wav_of(chance.normal(0, 0.2, 1_600 + 350 * (n % 10))) for n in range(20)}
    task = prepared_task("masked-audio", tmp_path, zip_blob(sounds), model=MODEL)
    net = net_for(task)
    monkeypatch.setattr(masked_audio, "VARIETY", 0.0)  # how many codes are in use is told of each piece by itself
    task.done = 0.0
    items = np.arange(8)
    whole = float(task.loss(net, task._judged_batch("train", items)))
    cut = [float(task.loss(net, task._judged_batch("train", items[n : n + 1]))) for n in range(8)]
    assert np.mean(cut) == pytest.approx(whole, rel=1e-4)
    hidden, _, nats = task.measure(net, "train", items)[:, :3].sum(0)
    assert whole == pytest.approx(nats / hidden, rel=0.3)


def test_half_is_hidden_and_others_are_never_the_right_one() -> None:
    chance, shares = np.random.default_rng(3), []
    for steps in (6, 15, 49, 200):
        for _ in range(30):
            hidden, others = _drawn(steps, steps + 3, chance)
            places = np.flatnonzero(hidden)
            assert hidden[others].all() and others.shape == (len(places), OTHERS)
            assert (others != places[:, None]).all() and places.max() < steps
            shares.append(hidden[:steps].mean())
    assert 0.35 < np.mean(shares) < 0.65


def test_a_sound_too_short_to_hide_a_part_is_named(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run("run", tiny("masked-audio"), blob=zip_blob({"a.wav": wav_of(np.zeros(500))}))
    assert run.go() == FAILED
    assert "“a.wav” in the dataset cannot be used: it is too short" in run.of("error")[0]["text"]


def test_a_short_sound_is_not_answered(learnt: Run, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav_of(np.zeros(500)))
    with pytest.raises(ValueError, match=r"a\.wav: it is too short"):
        list(Predictor(learnt.folder / "out")([tmp_path / "a.wav"]))
