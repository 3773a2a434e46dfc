"""Parts by groups and by what a column says: nobody is in two, and what was given is followed to the letter."""

import io
import itertools
import json
import zipfile
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.engine.conftest import (
    MakeRun,
    Run,
    captions_blob,
    csv_blob,
    profile_of,
    speech_blob,
    table_rows,
    tiny,
    zip_blob,
)
from training.engine.contract import DONE, Spec, SpecError, estimate, validate
from training.engine.errors import DataError
from training.engine.spec import PARTS, SplitSpec
from training.engine.splitting import Divider

HEADER = ["body", "topic", "who", "part"]


def drawn(split: SplitSpec, cells: list[str]) -> dict[str, list[int]]:
    divider = Divider(split)
    for cell in cells:
        divider.tell(cell)
    return {part: items.tolist() for part, items in divider.draw(np.zeros(len(cells), dtype=np.int64)).items()}


@given(st.lists(st.integers(0, 60), min_size=1, max_size=200), st.integers(0, 2**63 - 1))
def test_no_group_is_in_two_parts(groups: list[int], seed: int) -> None:
    cells = [f"author {group}" for group in groups]
    try:
        parts = drawn(SplitSpec(by="who", valid=0.3, test=0.3, seed=seed), cells)
    except DataError:
        return  # a part is empty, which is refused
    assert sorted(itertools.chain(*parts.values())) == list(range(len(cells)))
    found = [{cells[item] for item in items} for items in parts.values()]
    assert all(not one & other for n, one in enumerate(found) for other in found[:n])


@given(st.lists(st.sampled_from(PARTS), min_size=1, max_size=60))
def test_what_is_given_is_followed_to_the_letter(said: list[str]) -> None:
    cells = [*said, *PARTS]
    parts = drawn(SplitSpec(given="part"), cells)
    assert parts == {part: [n for n, cell in enumerate(cells) if cell == part] for part in PARTS}


def test_shares_are_about_those_asked_for_and_hang_on_seed_and_value_alone() -> None:
    cells = [str(n) for n in range(5_000)]
    parts = drawn(SplitSpec(by="who", valid=0.1, test=0.2), cells)
    assert [len(parts[part]) / 5_000 for part in PARTS] == pytest.approx([0.7, 0.1, 0.2], abs=0.02)
    backwards = drawn(SplitSpec(by="who", valid=0.1, test=0.2), cells[::-1])
    assert {cells[n] for n in parts["test"]} == {cells[::-1][n] for n in backwards["test"]}
    assert parts["test"] != drawn(SplitSpec(by="who", valid=0.1, test=0.2, seed=2), cells)["test"]


def rows(who: str = "", part: str = "") -> list[tuple[str, ...]]:
    said = ["train"] * 8 + ["valid", "test"]
    return [
        (text, topic, who or f"author {n % 20}", part or said[n // 3 % 10])
        for n, (text, topic) in enumerate(table_rows())
    ]


def started(
    make_run: MakeRun, name: str, table: list[tuple[str, ...]], task: str = "text-classification", **split: Any
) -> Run:
    columns = {} if task == "text-classification" else {"data__columns": {"text": "body"}}
    run = make_run(name, tiny(task, data__split=split, **columns), blob=csv_blob(HEADER, table))
    run.kind, run.profile = "csv", profile_of("csv", b"")
    run.profile["columns"] += [
        {"name": name, "type": "category", "distinct": 3, "missing": 0, "mean_chars": 5} for name in HEADER[2:]
    ]
    run.write_inputs()
    return run


def parts_of(run: Run) -> dict[str, list[int]]:
    (prepared,) = (run.folder / "prepared").iterdir()
    return {part: np.load(prepared / f"{part}.npy").tolist() for part in PARTS}


def test_a_run_keeps_groups_whole_and_tells_how_many(make_run: MakeRun) -> None:
    table = rows()
    run = started(make_run, "by", table, by="who", valid=0.2, test=0.2)
    assert run.go() == DONE, run.log
    found = {part: {table[item][2] for item in items} for part, items in parts_of(run).items()}
    assert sum(map(len, found.values())) == 20 == len(set.union(*found.values()))
    split = json.loads((run.folder / "out" / "report.json").read_text())["split"]
    assert split["groups"] == 20 and split["column"] == "who" and sum(split["parts"].values()) == len(table)


@pytest.mark.parametrize("task", ["text-classification", "causal-lm"])
def test_a_run_follows_a_given_split(task: str, make_run: MakeRun) -> None:
    table = rows()
    run = started(make_run, "given", table, task, given="part")
    assert run.go() == DONE, run.log
    sizes = {part: sum(row[3] == part for row in table) for part in PARTS}
    assert json.loads((run.folder / "out" / "report.json").read_text())["split"]["parts"] == sizes
    card = (run.folder / "out" / "README.md").read_text()
    assert "Held out: what the column “part” says" in card and "10% for" not in card
    if task == "text-classification":
        assert parts_of(run) == {part: [n for n, row in enumerate(table) if row[3] == part] for part in PARTS}


def test_shares_count_for_nothing_where_a_column_says_the_parts() -> None:
    profile = profile_of("csv", b"")
    profile["columns"].append({"name": "part", "type": "category", "distinct": 3, "missing": 0, "mean_chars": 5})
    profile["classes"]["part"] = {"train": 40, "valid": 60, "test": 50}
    spec = tiny("text-classification", data__split={"given": "part", "valid": 0.6, "test": 0.39})
    spec["train"] |= {"batch": 40, "max_steps": None, "epochs": 1}
    read = Spec.from_json(spec)
    assert not [issue for issue in validate(read, profile) if issue.level == "error"]
    assert estimate(read, profile).steps == 1
    spec["train"]["batch"] = 41
    (issue,) = [issue for issue in validate(Spec.from_json(spec), profile) if issue.level == "error"]
    assert (issue.path, issue.params["rows"]) == ("train.batch", 40)


@pytest.mark.parametrize(
    ("table", "split", "said"),
    [
        (rows(part="dev"), {"given": "part"}, "Row 1 of the dataset cannot be used: its part is “dev”"),
        (rows(part="train"), {"given": "part"}, "nothing in “part” says valid"),
        (rows(who="one"), {"by": "who"}, "none of the 1 groups of “who” falls to its"),
        ([*rows(), ("ball", "sport", " ", "train")], {"by": "who"}, "Row 151 of the dataset cannot be used"),
    ],
)
@pytest.mark.parametrize("task", ["text-classification", "causal-lm"])
def test_a_split_that_cannot_be_is_refused_by_name(
    table: list[tuple[str, ...]], split: dict[str, Any], said: str, task: str, make_run: MakeRun
) -> None:
    run = started(make_run, "run", table, task, **split)
    assert run.go() != DONE
    assert said in run.of("error")[0]["text"]


def test_parquet_is_learnt_from_as_its_csv(make_run: MakeRun) -> None:
    table = rows()
    one = started(make_run, "csv", table, by="who", valid=0.2, test=0.2)
    other = started(make_run, "parquet", table, by="who", valid=0.2, test=0.2)
    columns = dict(zip(HEADER, map(list, zip(*table, strict=True)), strict=True))
    pq.write_table(pa.table(columns), other.blob, compression="zstd")
    other.kind = "parquet"
    other.write_inputs()
    assert (one.go(), other.go()) == (DONE, DONE), other.log
    assert one.weights == other.weights


def test_a_label_that_nothing_to_learn_from_has_is_refused(make_run: MakeRun) -> None:
    table = [(*row[:3], "train" if row[1] != "sky" else ("valid", "test")[n % 2]) for n, row in enumerate(rows())]
    run = started(make_run, "run", table, given="part")
    assert run.go() != DONE
    assert "nothing in its train part has the label “sky”" in run.of("error")[0]["text"]


def test_files_of_a_zip_are_split_by_their_table(make_run: MakeRun) -> None:
    with zipfile.ZipFile(io.BytesIO(speech_blob())) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    lines = files.pop("transcripts.csv").decode().splitlines()
    told = [f"{line},s{n % 12},{PARTS[n % 3]}" for n, line in enumerate(lines[1:])]
    blob = zip_blob(files | {"transcripts.csv": "\n".join(["file,text,Speaker,part", *told]).encode()})
    run = make_run("given", tiny("speech-to-text", data__split={"given": "part"}), blob=blob)
    assert run.go() == DONE, run.log
    names = json.loads(next((run.folder / "prepared").iterdir()).joinpath("names.json").read_text())
    said = {line.split(",")[0]: line.split(",")[-1] for line in told}
    assert parts_of(run) == {part: [n for n, name in enumerate(names) if said[name] == part] for part in PARTS}
    run = make_run("absent", tiny("speech-to-text", data__split={"by": "site"}), blob=blob)
    assert run.go() != DONE
    assert "no column “site” in transcripts.csv" in run.of("error")[0]["text"]


def test_captions_of_one_image_may_not_say_two_parts(make_run: MakeRun) -> None:
    with zipfile.ZipFile(io.BytesIO(captions_blob())) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    table = next(name for name in files if name.endswith("captions.csv"))
    first, *lines = files[table].decode().splitlines()
    lines += [lines[0]]
    told = [f"{line},{PARTS[n % 3]}" for n, line in enumerate(lines)]
    files[table] = "\n".join([f"{first},part", *told]).encode()
    run = make_run("run", tiny("image-text", data__split={"given": "part"}), blob=zip_blob(files))
    assert run.go() != DONE
    assert "something else than an earlier one" in run.of("error")[0]["text"]


PROFILE = {
    "kind": "csv",
    "rows": 150,
    "columns": [
        {"name": "body", "type": "text", "missing": 0, "mean_chars": 20},
        {"name": "topic", "type": "category", "missing": 0, "distinct": 3},
        {"name": "who", "type": "category", "missing": 0, "distinct": 20},
        {"name": "half", "type": "category", "missing": 70, "distinct": 20},
        {"name": "part", "type": "category", "missing": 0, "distinct": 3},
        {"name": "odd", "type": "category", "missing": 0, "distinct": 2},
    ],
    "classes": {
        "topic": {"food": 50, "sky": 50, "sport": 50},
        "part": {"train": 120, "valid": 15, "test": 15},
        "odd": {"train": 120, "dev": 30},
    },
}


@pytest.mark.parametrize(
    ("split", "code"),
    [
        ({"by": "who"}, None),
        ({"given": "part", "valid": 0.001}, None),
        ({"by": "whom"}, ("data.split.by", "column_absent")),
        ({"given": "whom"}, ("data.split.given", "column_absent")),
        ({"by": "half"}, ("data.split.by", "split_missing")),
        ({"given": "odd"}, ("data.split.given", "split_words")),
        ({"by": "odd"}, ("data.split.by", "split_groups")),
    ],
)
def test_a_column_that_cannot_decide_is_refused_at_its_path(
    split: dict[str, Any], code: tuple[str, str] | None
) -> None:
    spec = Spec.from_json(tiny("text-classification", data__split=split))
    found = [(i.path, i.code) for i in validate(spec, PROFILE) if i.level == "error"]
    assert found == ([code] if code else [])


def test_groups_and_given_parts_exclude_each_other_and_series_and_texts() -> None:
    with pytest.raises(SpecError) as caught:
        Spec.from_json(tiny("text-classification", data__split={"by": "who", "given": "part"}))
    assert [(i.path, i.code) for i in caught.value.issues] == [("data.split.given", "split_both")]
    series = Spec.from_json(tiny("forecasting", data__split={"by": "who"}))
    found = validate(series, PROFILE | {"columns": [{"name": "value", "type": "number"}]})
    assert ("data.split.by", "split_time") in {(i.path, i.code) for i in found}
    text = Spec.from_json(tiny("causal-lm", data__split={"given": "part"}))
    found = validate(text, {"kind": "text", "rows": 1, "chars": 100_000, "bytes": 100_000})
    assert ("data.split.given", "split_untold") in {(i.path, i.code) for i in found}


def test_a_recipe_without_them_is_what_it_was() -> None:
    plain = Spec.from_json(tiny("text-classification"))
    assert "by" not in plain.split_key and set(plain.split_key) == {"valid", "test", "seed"}
    by = Spec.from_json(tiny("text-classification", data__split={"by": "who"}))
    assert by.recipe_sha256 != plain.recipe_sha256
