"""From a form to a spec."""

from __future__ import annotations

import io
import json
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.template.loader import render_to_string
from PIL import Image

from collab.kernel.errors import Fault, FaultyInputError
from registry.catalog.metrics import LOWER_IS_BETTER, NAMES
from registry.catalog.metrics import TASKS as TASK_WORDS
from registry.datasets.models import DatasetVersion
from training.engine.contract import ARCHS, TASKS, Spec, as_it_was_meant
from training.jobs.drafting import tasks_for
from training.jobs.forms import ARCH_WORDS, LEARNING, EssentialForm, WholeForm
from training.jobs.services import parse_spec, suggest

pytestmark = pytest.mark.django_db

CSV = b"note,severity\n" + b"".join(b"words %d,%s\n" % (n, [b"low", b"high"][n % 2]) for n in range(80))


@pytest.fixture
def table(covered):
    return covered.dataset(name="Notes", content=CSV, file="notes.csv").latest()


def filled(version, task: str, **changes) -> EssentialForm:
    base = suggest(task, version)["spec"]
    shown = EssentialForm(task=task, version=version, base=base, initial={"name": "Mine"})
    data = {name: shown[name].value() for name in shown.fields} | {"name": "Mine"} | changes
    form = EssentialForm({k: v for k, v in data.items() if v is not None}, task=task, version=version, base=base)
    assert form.is_valid(), form.errors
    return form


def test_an_untouched_form_gives_the_suggested_spec(table):
    base = suggest("text-classification", table)["spec"]
    assert Spec.from_json(filled(table, "text-classification").spec()) == Spec.from_json(base)


def test_fields_change_their_place_in_the_spec_and_nothing_else(table):
    spec = filled(table, "text-classification", lr="0.02", epochs="7", minutes="5").spec()
    base = suggest("text-classification", table)["spec"]
    assert (spec["train"]["lr"], spec["train"]["epochs"], spec["limits"]["minutes"]) == (0.02, 7, 5.0)
    assert spec["eval"] == base["eval"] and spec["data"] == base["data"]


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def test_columns_of_the_table_in_a_zip_are_written(covered):
    """A profile does not tell them; where a zip has no table there is nothing to write."""
    files, lines = {}, ["file,label,site"]
    for n in range(60):
        out = io.BytesIO()
        Image.new("L", (16, 16), 20 + n).save(out, "PNG")
        files[f"{n:03}.png"] = out.getvalue()
        lines.append(f"{n:03}.png,{'ab'[n % 2]},s{n % 3}")
    told = zipped(files | {"labels.csv": "\n".join(lines).encode()})
    version = covered.dataset(name="Told", content=told, file="told.zip").latest()
    form = filled(version, "image-classification", slices="site, device")
    assert form.spec()["eval"]["slices"] == ["site", "device"]
    assert Spec.from_json(form.spec()).eval.slices == ("site", "device")
    again = EssentialForm(task="image-classification", version=version, base=form.spec())
    assert 'value="site, device"' in str(again["slices"])
    assert Spec.from_json(filled(version, "image-classification").spec()).eval.slices == ()
    folders = zipped({f"{'ab'[n % 2]}/{name}": data for n, (name, data) in enumerate(files.items())})
    version = covered.dataset(name="Folders", content=folders, file="folders.zip").latest()
    base = suggest("image-classification", version)["spec"]
    assert "slices" not in EssentialForm(task="image-classification", version=version, base=base).fields


def test_cleaning_is_said_in_the_form(table, version):
    said = {"clean_near_duplicates": "on", "clean_languages": ["zh", "en"], "clean_pii": "mask", "clean_min_chars": "3"}
    form = filled(table, "text-classification", **said)
    clean = Spec.from_json(form.spec()).data.clean
    assert (clean.near_duplicates, clean.languages, clean.pii, clean.min_chars) == (True, ("zh", "en"), "mask", 3)
    assert form.cleaning_is_said and not clean.duplicates
    assert dict(form.fields["clean_languages"].choices)["zh"] == "Chinese"
    assert form.place_of(Fault("spec.data.clean.pii", ""), None) == "clean_pii"
    tags = EssentialForm(task="token-classification", version=table, base={})
    assert [value for value, _label in tags.fields["clean_pii"].choices] == ["", "drop"]
    whole = EssentialForm(task="causal-lm", version=version, base={})
    assert [field.name for field in whole.cleaning] == ["clean_unicode", "clean_whitespace", "clean_pii"]
    assert [value for value, _label in whole.fields["clean_whitespace"].choices] == ["", "lines"]
    assert [value for value, _label in whole.fields["clean_pii"].choices] == ["", "mask"]


def test_what_is_held_out_is_said_in_the_form(table, version, covered):
    form = filled(table, "text-classification", split_by="note", split_test="0.2")
    split = Spec.from_json(form.spec()).data.split
    assert (split.by, split.given, split.test, split.valid) == ("note", None, 0.2, 0.15)
    assert form.splitting_is_said and next(value for value, _label in form.fields["split_given"].choices) == ""
    assert form.place_of(Fault("spec.data.split.by", ""), None) == "split_by"
    untouched = filled(table, "text-classification", split_valid="")
    assert not untouched.splitting_is_said and Spec.from_json(untouched.spec()).data.split.valid == 0.15
    whole = EssentialForm(task="causal-lm", version=version, base={})
    assert [field.name for field in whole.splitting] == ["split_valid", "split_test"]


def test_no_shares_are_asked_for_where_a_column_says_the_parts(table):
    form = filled(table, "text-classification", split_given="note")
    assert [field.name for field in form.splitting] == ["split_by", "split_given"]
    drawn = filled(table, "text-classification", split_given="")
    assert [field.name for field in drawn.splitting] == ["split_valid", "split_test", "split_by", "split_given"]


def test_parquet_is_drafted_as_a_table(covered):
    file = io.BytesIO()
    pq.write_table(pa.table({"note": [f"words {n}" for n in range(80)], "severity": ["low", "high"] * 40}), file)
    version = covered.dataset(name="Columns", content=file.getvalue(), file="notes.parquet").latest()
    assert version.kind == "parquet" and "text-classification" in tasks_for(version)
    form = filled(version, "text-classification", label_column="severity")
    assert Spec.from_json(form.spec()).data.columns == {"text": "note", "label": "severity"}


def test_a_new_spec_has_no_momentum_and_a_draft_from_an_old_job_the_one_of_then(table):
    said = suggest("text-classification", table)["spec"]
    said["train"] = {name: value for name, value in said["train"].items() if name != "momentum"} | {"optimizer": "sgd"}
    assert parse_spec(said).train.momentum == 0.0
    form = EssentialForm(task="text-classification", version=table, base=as_it_was_meant(said))
    assert form["momentum"].value() == 0.9


def test_an_emptied_momentum_is_none(table):
    base = suggest("text-classification", table)["spec"]
    base["train"] |= {"optimizer": "sgd", "momentum": 0.9}
    form = EssentialForm(task="text-classification", version=table, base=base, initial={"name": "Mine"})
    shown = {name: form[name].value() for name in form.fields if form[name].value() is not None}
    sent = shown | {"momentum": "", "optimizer": "adamw"}
    form = EssentialForm(sent, task="text-classification", version=table, base=base)
    assert form.is_valid(), form.errors
    train = Spec.from_json(form.spec()).train
    assert (train.optimizer, train.momentum) == ("adamw", 0.0)


def test_a_prompt_may_be_chosen_or_not(table):
    assert Spec.from_json(filled(table, "causal-lm").spec()).data.columns == {"text": "note"}
    form = filled(table, "causal-lm", prompt_column="severity", clean_whitespace="fold")
    spec = Spec.from_json(form.spec())
    assert spec.data.columns == {"text": "note", "prompt": "severity"} and spec.data.clean.whitespace == "fold"
    assert "prompt_column" not in filled(table, "text-classification").fields


def test_how_it_learns_is_said_in_the_form(table):
    said = {
        "optimizer": "sgd",
        "momentum": "0.8",
        "schedule": "wsd",
        "ema_decay": "0.99",
        "micro": "4",
        "gradient_checkpointing": "on",
    }
    train = Spec.from_json(filled(table, "text-classification", **said, patience="", clip="").spec()).train
    assert train.momentum == 0.8
    found = (train.optimizer, train.schedule, train.ema_decay, train.micro, train.gradient_checkpointing)
    assert found == ("sgd", "wsd", 0.99, 4, True) and train.patience is None and train.clip is None
    base = suggest("text-classification", table)["spec"]["train"]
    left = filled(table, "text-classification", optimizer="", schedule="", warmup="", weight_decay="").spec()["train"]
    assert left == base  # an empty choice leaves what was suggested
    form = filled(table, "text-classification")
    assert form.place_of(Fault("spec.train.ema_decay", "Too high."), "spec") == "ema_decay"
    shown = render_to_string("training/jobs/_essentials.html", {"form": form})
    assert [name for name in LEARNING if f'name="{name}"' not in shown] == []
    plain = EssentialForm(task="image-segmentation", version=table, base={})
    assert ("gradient_checkpointing" in plain.fields) == ARCHS["segformer"].layered


def test_another_architecture_drops_settings_it_does_not_read(table):
    spec = filled(table, "text-classification", arch="lstm", size="nano").spec()
    assert Spec.from_json(spec).model.arch == "lstm"
    assert "heads" not in spec["model"]


def test_a_vocabulary_is_only_for_byte_pairs(version):
    spec = filled(version, "causal-lm", tokenizer="byte", vocab="500").spec()
    assert spec["tokenizer"] == {"kind": "byte", "vocab": None, "start": None}


def test_only_what_the_data_and_the_task_need_is_asked(version, table):
    assert "label_column" not in filled(version, "causal-lm").fields
    assert "text_column" not in filled(version, "causal-lm").fields
    assert {"label_column", "text_column"} <= filled(table, "text-classification").fields.keys()


@pytest.mark.parametrize(
    ("task", "fields"),
    [
        ("multi-label-classification", {"text_column", "label_column"}),
        ("token-classification", {"text_column", "label_column"}),
        ("text-regression", {"text_column", "value_column"}),
        ("text-to-text", {"text_column", "target_column"}),
        ("summarization", {"document_column", "summary_column"}),
        ("generative-qa", {"question_column", "context_column", "answer_column"}),
        ("extractive-qa", {"question_column", "context_column", "answer_column"}),
        ("sentence-embedding", {"text_column", "pair_column"}),
        ("forecasting", {"value_column"}),
    ],
)
def test_each_task_asks_for_its_columns(table, task, fields):
    form = EssentialForm(task=task, version=table, base=suggest(task, table)["spec"])
    assert {name for name in form.fields if name.endswith("_column")} == fields
    shown = render_to_string("training/jobs/_essentials.html", {"form": form})
    assert {name for name in form.fields if f'name="{name}"' in shown} >= fields
    assert ("tokenizer" in form.fields) == (task != "forecasting")
    words = {str(word) for _, word in form.fields["arch"].choices}
    assert words <= {str(word) for word in ARCH_WORDS.values()}


@pytest.mark.parametrize(
    ("columns", "first"),
    [
        ([("when", "text", 16), ("reading", "number", 6)], "forecasting"),
        ([("review", "text", 400), ("stars", "number", 3)], "causal-lm"),
        ([("source", "text", 60), ("target", "text", 60)], "text-to-text"),
        ([("question", "text", 60), ("context", "text", 900), ("answer", "text", 20)], "generative-qa"),
        ([("text", "text", 300)], "causal-lm"),
    ],
)
def test_the_columns_say_which_task_comes_first(columns, first):
    told = [{"name": name, "type": kind, "max_chars": longest} for name, kind, longest in columns]
    assert tasks_for(DatasetVersion(kind="csv", profile={"columns": told, "label_candidates": []}))[0] == first


@pytest.mark.parametrize(
    ("facts", "first"), [({}, "audio-classification"), ({"transcripts_file": "transcripts.csv"}, "speech-to-text")]
)
def test_recordings_with_transcripts_are_written_down_first(facts, first):
    version = DatasetVersion(kind="audio", profile={"kind": "audio", "rows": 80, "audio": {"seconds": [1, 4]} | facts})
    assert tasks_for(version)[0] == first
    form = EssentialForm(task=first, version=version, base=suggest(first, version)["spec"])
    assert not {"tokenizer", "text_column", "label_column"} & form.fields.keys()


def test_every_task_and_architecture_has_words():
    assert set(TASKS) == set(TASK_WORDS)
    assert set(ARCHS) == set(ARCH_WORDS)
    assert {metric for task in TASKS.values() for metric in task.metrics} <= set(NAMES)
    lower = {name for task in TASKS.values() for name, better in task.metrics.items() if better == "lower"}
    assert lower == LOWER_IS_BETTER


def test_a_fault_finds_the_field_of_its_place(table):
    form = filled(table, "text-classification")
    assert form.place_of(Fault("spec.train.lr", "Too high."), "spec") == "lr"
    assert form.place_of(Fault("spec.data.columns.label", "Absent."), "spec") == "label_column"
    assert form.place_of(Fault("spec.train.clip", "Too high."), "spec") == "clip"
    assert form.place_of(Fault("spec.train.dtype", "Unknown."), "spec") is None


@pytest.mark.parametrize("text", ["{", "[]", '{"v": 1, "v": 1}', '{"v": NaN}', "[" * 60, "\ud800"])
def test_json_that_is_none_is_told(text):
    form = WholeForm({"name": "Mine", "spec_text": text})
    if form.is_valid():
        with pytest.raises(FaultyInputError):
            form.spec()


def test_whole_settings_are_taken_as_they_are(spec):
    form = WholeForm({"name": "Mine", "spec_text": json.dumps(spec)})
    assert form.is_valid()
    assert form.spec() == spec


def test_what_lies_beside_images_says_what_can_be_learnt():
    def offered(labels_from: str) -> list[str]:
        return tasks_for(DatasetVersion(kind="images", profile={"image": {"labels_from": labels_from}}))

    assert offered("folders") == ["image-classification", "masked-image", "image-generation"]
    assert offered("masks") == ["image-segmentation", "masked-image", "image-generation"]
    assert offered("captions") == ["image-text", "image-captioning", "masked-image", "image-generation"]
    assert offered("boxes") == ["object-detection", "masked-image", "image-generation"]
