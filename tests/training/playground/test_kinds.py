"""Drawing, reading aloud and mutations on the playground: what is sent, what the engine is given, what is shown."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.urls import reverse
from django.utils import timezone

from collab.kernel.blobs import put_blob
from collab.kernel.errors import InvalidError, TooLargeError
from registry.catalog.models import ModelVersion
from tests.cast import token_for
from tests.licensing import trained
from tests.training.engine.conftest import KINDS, Run, blob_of, png, profile_for, profile_of, tiny, tone, wav_of
from tests.turns import in_turn
from training.engine.contract import DONE, Spec
from training.playground import answering, child
from training.playground.inputs import given_for, kind_of
from training.playground.models import Trial
from training.playground.services import ask_model
from training.runner.confined import Ended, Limits

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("warm_engine")]


@pytest.fixture(autouse=True)
def rings(monkeypatch) -> None:
    monkeypatch.setattr("training.playground.answering.ring", lambda: None)
    monkeypatch.setattr("training.playground.doorbell.ring", lambda: None)


def altered(version: ModelVersion, folder: Path, **files: Any) -> ModelVersion:
    """With other files of these names, `preprocessor_config` for preprocessor_config.json."""
    listed = dict(version.manifest["files"])
    for name, content in files.items():
        data = json.dumps(content).encode()
        path = folder / f"{name}.json"
        path.write_bytes(data)
        sha256 = hashlib.sha256(data).hexdigest()
        put_blob(path, sha256)
        listed[f"{name}.json"] = {"sha256": sha256, "size_bytes": len(data)}
    version.manifest = {"files": listed}
    version.save()
    return version


@pytest.fixture
def proteins(keep, aurora, tmp_path) -> ModelVersion:
    """What says that it is a language model of proteins."""
    spec = Spec.from_json(tiny("masked-lm", tokenizer={"kind": "protein"})).to_json()
    return altered(keep(aurora, "masked-lm"), tmp_path, spec=spec)


def asked(version: ModelVersion, by, folder: Path, **sent: Any) -> tuple[Trial, list[Any]]:
    """The question, and the lines that the engine is given."""
    trial = ask_model(version=version, given=given_for(version, **sent), by=by)
    place = folder / str(trial.pk)
    place.mkdir()
    return trial, [json.loads(line) for line in answering.write_input(trial, place).read_text().splitlines()]


def refused(error: type[Exception], version: ModelVersion, match: str, field: str, **sent: Any) -> None:
    with pytest.raises(error, match=match) as found:
        given_for(version, **sent)
    assert found.value.field == field


def test_a_drawing_is_asked_for_by_label_seed_and_number(keep, aurora, tmp_path):
    version = keep(aurora, "image-generation")  # whose labels are those of its config.json
    trial, lines = asked(version, aurora.engineer, tmp_path, label="food", seed=7, count=2)
    assert lines == [{"label": "food", "seed": 7}, {"label": "food", "seed": 8}]
    assert trial.asked == "food, seed 7, images: 2"
    refused(InvalidError, version, "This model draws food, sky, sport", "label", label="cat")
    refused(InvalidError, version, "Say what to draw", "label", seed=1)
    refused(InvalidError, version, "seed is from 0", "seed", label="sky", seed=-1)
    refused(InvalidError, version, "1 to 4 images", "count", label="sky", count=5)
    refused(InvalidError, version, "reads what to draw", "text", text="cat")
    plain = altered(version, tmp_path, config={})
    assert asked(plain, aurora.engineer, tmp_path)[1] == [{"seed": 1}]
    refused(InvalidError, plain, "knows no labels", "label", label="cat")


def test_a_text_is_read_aloud_by_a_voice_where_there_are_several(keep, aurora, tmp_path):
    version = keep(aurora, "text-to-speech")
    assert asked(version, aurora.engineer, tmp_path, text="good\n day")[1] == ["good day"]
    refused(TooLargeError, version, "at most 599", "text", text="a" * 600)
    refused(InvalidError, version, "has one voice", "voice", text="a", voice="ada")
    several = altered(version, tmp_path, preprocessor_config={"voices": ["ada", "li wei"]})
    assert asked(several, aurora.engineer, tmp_path, text="a", voice="li wei")[1] == [{"text": "a", "voice": "li wei"}]
    assert asked(several, aurora.engineer, tmp_path, text="a")[1] == [{"text": "a", "voice": "ada"}]
    refused(InvalidError, several, "Its voices are ada, li wei", "voice", text="a", voice="bob")


def test_mutations_are_held_to_their_protein(proteins, aurora, tmp_path):
    assert kind_of(proteins) == "scan"
    trial, lines = asked(proteins, aurora.engineer, tmp_path, sequence="mk tay", mutations="K2R, K2R:T3S")
    assert lines == [{"scan": "MKTAY", "mutations": ["K2R", "K2R:T3S"]}] and trial.asked == "MKTAY\nK2R K2R:T3S"
    assert asked(proteins, aurora.engineer, tmp_path, sequence="MK[MASK]AY")[1] == ["MK[MASK]AY"]
    assert asked(proteins, aurora.engineer, tmp_path, text="MK[MASK]")[1] == ["MK[MASK]"]
    refused(InvalidError, proteins, "“B” at place 2 is no residue", "sequence", sequence="MBT")
    refused(InvalidError, proteins, "“K2” is no mutation", "mutations", sequence="MKT", mutations="K2")
    refused(InvalidError, proteins, "has no K at place 3", "mutations", sequence="MKT", mutations=["M1A:K3R"])
    refused(InvalidError, proteins, "has no A at place 9", "mutations", sequence="MKT", mutations=["A9R"])
    refused(TooLargeError, proteins, "at most 200 mutations", "mutations", sequence="MKT", mutations="K2R " * 201)


def test_the_page_asks_what_the_model_reads(keep, proteins, aurora, client, tmp_path):
    client.force_login(aurora.engineer)

    def page(version: ModelVersion) -> str:
        return client.get(reverse("training:model_try", args=[version.model_id, version.number])).content.decode()

    drawn = page(keep(aurora, "image-generation"))
    assert 'name="label"' in drawn and '<option value="food">' in drawn and 'name="seed"' in drawn
    assert 'name="sequence"' in page(proteins) and 'name="mutations"' in page(proteins)
    said = keep(aurora, "text-to-speech")
    assert 'name="voice"' not in page(said)
    assert 'name="voice"' in page(altered(said, tmp_path, preprocessor_config={"voices": ["ada", "ben"]}))
    assert 'name="audio"' in page(keep(aurora, "masked-audio"))
    url = reverse("training:model_try", args=[proteins.model_id, proteins.number])
    wrong = client.post(url, {"sequence": "MKX"})
    assert wrong.status_code == 422 and "“X” at place 3 is no residue" in wrong.content.decode()


SCORES = [[0.5 if n == 1 else -8.0 for n in range(20)], [0.0] * 20]
SCAN = {"sequence": "MK", "residues": "ACDEFGHIKLMNPQRSTVWY", "scores": SCORES, "entropy": [1, 2]}
BEST = {"best": [{"mutation": "M1C", "score": 0.5}]}
SKY, PICTURES = {"label": "sky"}, {"answers": [{"png": "QQ=="}, {"png": "Qg=="}]}
SOUND = ["<audio controls", "audio/wav;base64,QQ==", "1.5 s"]


@pytest.mark.parametrize(
    ("task", "sent", "answer", "shown"),
    [
        ("image-generation", SKY, SKY | {"png": "QQ=="}, ["data:image/png;base64,QQ==", "1: sky"]),
        ("image-generation", SKY, PICTURES, ["QQ==", "Drawing 2: –"]),
        ("text-to-speech", {"text": "a"}, {"wav": "QQ==", "seconds": 1.5}, SOUND),
        ("scan", {"sequence": "MK"}, SCAN | BEST, ["M1C", 'class="better"', "M0 0h10v10h-10z"]),
        ("scan", {"sequence": "MK"}, {"scores": {"M1C:K2R": -1.25}}, ["M1C:K2R", "-1.25"]),
    ],
)
def test_answers_are_shown(task, sent, answer, shown, keep, proteins, aurora, client):
    version = proteins if task == "scan" else keep(aurora, task)
    trial = ask_model(version=version, given=given_for(version, **sent), by=aurora.engineer)
    Trial.objects.filter(pk=trial.pk).update(state="answered", answer=answer, ended_at=timezone.now())
    client.force_login(aurora.engineer)
    answered = client.get(reverse("training:trial_panel", args=[trial.pk]), headers={"HX-Request": "true"})
    panel = answered.content.decode().replace("−", "-")
    assert [one for one in shown if one not in panel] == []
    assert "data:" in answered["Content-Security-Policy"].partition("media-src")[2].partition(";")[0]
    assert " style=" not in panel and "<script" not in panel


def test_several_answers_come_back_together(monkeypatch, tmp_path):
    said = {"out": b'{"png": "QQ=="}\n{"png": "Qg=="}\n'}
    monkeypatch.setattr(child, "run_engine", lambda *_names, **_how: Ended(0, said["out"], ""))
    limits = Limits(1, 1)
    assert child.predict(tmp_path, tmp_path / "x", limits=limits) == {"answers": [{"png": "QQ=="}, {"png": "Qg=="}]}
    said["out"] = b'{"png": "QQ=="}\n'
    assert child.predict(tmp_path, tmp_path / "x", limits=limits) == {"png": "QQ=="}
    for wrong in (b"", b"[]\n", b"{}\nnull\n"):
        said["out"] = wrong
        with pytest.raises(child.NoAnswerError, match="broke"):
            child.predict(tmp_path, tmp_path / "x", limits=limits)


def test_a_protein_is_scanned_by_the_model_itself(aurora, client, tmp_path):
    text = "\n".join("MKTAYIAKQR"[n % 5 :] + "GSLDEVNHFW"[n % 7 :] for n in range(90)).encode()
    spec = tiny("masked-lm", tokenizer={"kind": "protein"}, train__max_steps=2)
    run = Run(tmp_path / "run", spec, text, "text", profile_of("text", text))
    assert run.go() == DONE, run.log
    files = json.loads((run.folder / "out" / "MANIFEST.json").read_bytes())["files"]
    for name, facts in files.items():
        put_blob(run.folder / "out" / name, facts["sha256"])
    version = trained(aurora, aurora.researcher, "Proteins", manifest={"files": files})
    version.model.task = "masked-lm"
    version.model.save()
    headers = {"Authorization": f"Bearer {token_for(aurora.engineer)}"}
    made = client.post(
        "/api/v1/trials/", {"version": str(version.pk), "sequence": "MKTAY"}, "application/json", headers=headers
    )
    assert made.status_code == 201, made.content

    assert answering.answer_next()

    trial = Trial.objects.get()
    assert trial.state == "answered", (trial.reason, trial.reason_detail)
    assert len(trial.answer["scores"]) == 5 and len(trial.answer["best"]) == 20
    client.force_login(aurora.engineer)
    panel = client.get(reverse("training:trial_panel", args=[trial.pk])).content.decode()
    assert trial.answer["best"][0]["mutation"] in panel and "<svg" in panel


# What the net is, and what it is asked; each is answered by a child that may write no file and has no network.
SOUND, IMAGE = wav_of(tone(400, 0.4)), png(np.zeros((32, 32)))
REAL: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "text-to-speech": (tiny("text-to-speech", train__max_steps=2), {"text": "ab"}, "wav"),
    "image-generation": (tiny("image-generation", train__max_steps=2), {"label": "left", "count": 2}, "answers"),
    "masked-audio": (tiny("masked-audio", train__max_steps=2), {"audio": SOUND}, "accuracy"),
    "audio-classification": (tiny("audio-classification", train__max_steps=2), {"audio": SOUND}, "label"),
    "speech-to-text": (tiny("speech-to-text", train__max_steps=2), {"audio": SOUND}, "text"),
    "image-text": (
        tiny("image-text", train__max_steps=2), {"image": IMAGE, "texts": ["left", "right"]}, "probabilities",
    ),
    "image-captioning": (tiny("image-captioning", train__max_steps=2), {"image": IMAGE}, "text"),
    "summarization": (tiny("summarization", train__max_steps=2), {"text": "the cat sees milk"}, "text"),
    "generative-qa": (tiny("generative-qa", train__max_steps=2), {"question": "who", "context": "a cat"}, "text"),
}  # fmt: skip


@pytest.mark.parametrize("task", [task for task in REAL if task == "text-to-speech" or in_turn(task, of=8)])
def test_the_capped_child_answers(aurora, tmp_path, task):
    spec, sent, told = REAL[task]
    run = Run(tmp_path / "run", spec, blob_of(task), KINDS[task], profile_for(task))
    assert run.go() == DONE, run.log
    files = json.loads((run.folder / "out" / "MANIFEST.json").read_bytes())["files"]
    for name, facts in files.items():
        put_blob(run.folder / "out" / name, facts["sha256"])
    version = trained(aurora, aurora.researcher, "Real", manifest={"files": files})
    version.model.task = task
    version.model.save()
    ask_model(version=version, given=given_for(version, **sent), by=aurora.engineer)

    assert answering.answer_next()

    trial = Trial.objects.get()
    assert trial.state == "answered" and told in trial.answer, (trial.reason, trial.reason_detail)
