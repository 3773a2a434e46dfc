"""A run folder from a file, by one command, for people without the platform."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.training.engine.conftest import MakeRun, Run, make_run, table_blob, text_blob, tiny
from training.engine.contract import Inputs, Spec
from training.laptop import main

__all__ = ["make_run"]
FEW = ("--set", "train.max_steps=2", "--set", "model.size=nano", "--set", "resources.cpus=1")


def told(capsys: pytest.CaptureFixture[str], *words: Any) -> tuple[int, str, str]:
    """(code, what was printed, what was complained about)."""
    code = main([str(word) for word in words])
    found = capsys.readouterr()
    return code, found.out, found.err


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Texts of three subjects as CSV."""
    path = tmp_path / "subjects.csv"
    path.write_bytes(table_blob())
    return path


def test_a_table_becomes_a_run_that_learns(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    code, out, err = told(capsys, "text-classification", table, run, *FEW)
    assert (code, err) == (0, "")
    assert "label=topic, text=body" in out and out.splitlines()[-1] == f"python -m training.engine run {run}"
    spec = Spec.from_text((run / "spec.json").read_bytes())
    assert (spec.data.columns, spec.train.max_steps) == ({"label": "topic", "text": "body"}, 2)
    assert Run.at(run).go() == 0
    assert Run.at(run).events[-1]["e"] == "done"


def test_the_hash_and_the_kind_are_those_of_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text.txt"
    text.write_bytes(text_blob())
    assert told(capsys, "causal-lm", text, tmp_path / "one")[0] == 0
    assert told(capsys, "causal-lm", text, tmp_path / "two")[0] == 0
    one, two = (Inputs.from_text((tmp_path / name / "inputs.json").read_bytes()) for name in ("one", "two"))
    assert (one.data.kind, one.data.path) == ("text", str(text))
    assert one.data == two.data and one.job != two.job


def test_a_folder_of_images_is_packed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for label in ("cat", "dog"):
        (tmp_path / "pets" / label).mkdir(parents=True)
        for number in range(20):
            image = Image.new("RGB", (8, 8), (number, 10 * (label == "cat"), 0))
            image.save(tmp_path / "pets" / label / f"{number}.png")
    (tmp_path / "pets" / ".DS_Store").write_bytes(b"\0")
    code, _, err = told(capsys, "image-classification", tmp_path / "pets", tmp_path / "run")
    assert (code, err) == (0, "")
    inputs = Inputs.from_text((tmp_path / "run/inputs.json").read_bytes())
    assert inputs.data.profile["classes"] == {"label": {"cat": 20, "dog": 20}}
    assert len(zipfile.ZipFile(inputs.data.path).namelist()) == 40


def test_it_goes_on_from_a_package(
    table: Path, tmp_path: Path, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    first = make_run("first", tiny("masked-lm", train__max_steps=1))
    assert first.go() == 0
    words = (
        "text-classification",
        table,
        tmp_path / "run",
        "--start",
        first.folder / "out",
        "--set",
        "model.learn_layers=1",
    )
    code, _, err = told(capsys, *words, "--set", "train.max_steps=2", "--set", "resources.cpus=1")
    assert (code, err) == (0, "")
    spec = Spec.from_text((tmp_path / "run/spec.json").read_bytes())
    theirs = Spec.from_text((first.folder / "out/spec.json").read_bytes())
    assert (spec.model.arch, spec.shape, spec.tokenizer) == (theirs.model.arch, theirs.shape, theirs.tokenizer)
    assert Run.at(tmp_path / "run").go() == 0
    assert json.loads((tmp_path / "run/out/report.json").read_bytes())["probe"]


def test_a_model_of_which_nothing_can_be_made_is_told(
    table: Path, tmp_path: Path, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    package = make_run("first", tiny("causal-lm")).folder
    (package / "MANIFEST.json").write_text("{}")
    code, _, err = told(capsys, "text-classification", table, tmp_path / "run", "--start", package)
    wanted = f"{package} is of the task “causal-lm”; “text-classification” can go on from masked-lm or "
    assert code == 1 and err.startswith(wanted)


def picture_alone() -> bytes:
    file = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "words", "wanted"),
    [
        ("gone.csv", None, (), "gone.csv cannot be used: No such file or directory."),
        ("empty.csv", b"", (), "empty.csv: The file is empty."),
        ("ragged.csv", b"a,b\n1,2\n3\n", (), "Row 3 has 1 cell where the header has 2 (line 3)."),
        ("one.png", picture_alone(), (), "one.png: This is a PNG image alone."),
        ("t.txt", text_blob(), (), "needs data of kind csv or jsonl or parquet, not text"),
        ("t.csv", table_blob(), ("--column", "text"), "--column text: write a name, an equals sign and a value."),
        ("t.csv", table_blob(), ("--column", "text=bod"), "data.columns.text: There is no column “bod”"),
        ("t.csv", table_blob(), ("--set", "train.lrr=1"), "train.lrr: There is no field “lrr”. Did you mean “lr”?"),
        ("t.csv", table_blob(), ("--set", "train.lr=fast"), "train.lr: Expected a number, got text."),
        ("t.csv", table_blob(), ("--set", "model.arch=gpt"), "model.arch: The architecture “gpt” cannot do"),
        ("t.csv", table_blob(), ("--start", "nowhere"), "nowhere is not the package of a model"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_written(
    name: str,
    data: bytes | None,
    words: tuple[str, ...],
    wanted: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    code, out, err = told(capsys, "text-classification", tmp_path / name, tmp_path / "run", *words)
    assert (code, out) == (1, "")
    assert wanted in err and "Traceback" not in err
    assert not list((tmp_path / "run").glob("*.json"))


def test_a_run_is_not_written_over(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "text-classification", table, tmp_path / "run")[0] == 0
    before = (tmp_path / "run/spec.json").read_bytes()
    code, _, err = told(capsys, "text-classification", table, tmp_path / "run", *FEW)
    assert code == 1 and "holds a run already" in err
    assert (tmp_path / "run/spec.json").read_bytes() == before
