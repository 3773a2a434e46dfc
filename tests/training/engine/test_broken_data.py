"""Every task names what is wrong with its data by row or file before anything is learnt; nothing is trained here."""

from pathlib import Path

import pytest

from tests.training.engine.conftest import KINDS, blob_of, profile_for, tiny, zip_blob
from training.engine.contract import TASKS, InputData, Spec
from training.engine.errors import DataError, Stop
from training.engine.registry import task_module

TABLES = sorted(task for task, kind in KINDS.items() if kind == "csv")
ZIPS = sorted(task for task, kind in KINDS.items() if kind in ("images", "audio"))


def refusal(task: str, blob: bytes, folder: Path) -> str:
    """The sentence with which the data of a task is refused."""
    (folder / "blob").write_bytes(blob)
    (folder / "prepared").mkdir()
    data = InputData(path=str(folder / "blob"), kind=KINDS[task], sha256="0" * 64, profile=profile_for(task))
    with pytest.raises(DataError) as refused:
        task_module(task).Task(Spec.from_json(tiny(task)), Stop()).prepare(data, folder / "prepared")
    return str(refused.value)


def lines_of(task: str) -> list[bytes]:
    return blob_of(task).splitlines(keepends=True)


def test_every_task_has_data_that_can_be_broken() -> None:
    assert {*TABLES, *ZIPS, "causal-lm", "masked-lm"} == set(TASKS)


@pytest.mark.parametrize("task", TABLES)
def test_a_row_with_a_value_too_much_is_named(task: str, tmp_path: Path) -> None:
    lines = lines_of(task)
    lines[3] = lines[3].rstrip() + b",more\r\n"
    count = len(lines[0].split(b","))
    said = f"Row 3 of the dataset cannot be used: it has {count + 1} values, the header has {count}."
    assert refusal(task, b"".join(lines), tmp_path) == said


@pytest.mark.parametrize("task", TABLES)
def test_a_row_that_is_no_text_is_named(task: str, tmp_path: Path) -> None:
    lines = lines_of(task)
    lines[5] = b"\xff" + lines[5]
    assert refusal(task, b"".join(lines), tmp_path) == "Row 5 of the dataset cannot be used: it is not UTF-8 text."


@pytest.mark.parametrize("task", TABLES)
def test_a_quote_that_is_not_closed_is_named(task: str, tmp_path: Path) -> None:
    lines = [*lines_of(task)[:8], b'"x' + b",y" * lines_of(task)[0].count(b",")]
    assert refusal(task, b"".join(lines), tmp_path) == "Row 8 of the dataset cannot be used: its quotes do not match."


@pytest.mark.parametrize("task", TABLES)
def test_rows_that_are_blank_teach_nothing(task: str, tmp_path: Path) -> None:
    header = lines_of(task)[0]
    said = refusal(task, header + (b" " + b", " * header.count(b",") + b"\r\n") * 12, tmp_path)
    assert said.startswith(("The dataset cannot be used: ", "Row 1 of the dataset cannot be used: "))


@pytest.mark.parametrize("task", ZIPS)
def test_what_is_no_zip_is_told(task: str, tmp_path: Path) -> None:
    assert refusal(task, b"PK no zip", tmp_path) == "The dataset cannot be used: it is not a zip file."


@pytest.mark.parametrize("task", ZIPS)
def test_a_zip_without_what_is_learnt_is_told(task: str, tmp_path: Path) -> None:
    said = refusal(task, zip_blob({"notes.txt": b"nothing"}), tmp_path)
    assert "The dataset cannot be used: it holds n" in said or "cannot be used: it is not in the zip" in said
