"""What the end of a run tells beyond its figures: curves of every label, and the result for each value of a column."""

import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from tests.training.engine.conftest import (
    MakeRun,
    Run,
    boxes_blob,
    captions_blob,
    csv_blob,
    png,
    profile_for,
    profile_of,
    speech_blob,
    table_blob,
    table_rows,
    tiny,
    zip_blob,
)
from training.engine import metrics
from training.engine.contract import DONE, Spec, validate
from training.engine.errors import Stop
from training.engine.slicing import _quarters, _slices
from training.engine.strict import SpecError
from training.engine.tasks.base import Judged, Report

REGIONS = ("north", "south", "rare")


def results(run: Run) -> dict[str, Any]:
    return json.loads((run.folder / "out" / "report.json").read_text())


@pytest.mark.parametrize("levels", [3, 1_000_000])
def test_curves_are_those_of_scikit_learn(levels: int) -> None:
    """With many equal scores, and with none."""
    chance = np.random.default_rng(1)
    truth = chance.random(400) < 0.3
    scores = np.round((truth + chance.normal(0, 1, 400)) * levels) / levels
    found = metrics.ranking(truth, scores)
    assert found is not None
    assert found["roc_auc"] == pytest.approx(roc_auc_score(truth, scores), abs=1e-6)
    assert found["average_precision"] == pytest.approx(average_precision_score(truth, scores), abs=1e-6)
    assert found["rows"] == truth.sum()
    wrong, right, _ = roc_curve(truth, scores, drop_intermediate=False)
    known = set(zip(wrong.round(4).tolist(), right.round(4).tolist(), strict=True))
    assert {tuple(point) for point in found["roc"]} <= known
    assert len(found["roc"]) <= metrics.CURVE_POINTS and found["roc"][0] == [0, 0] and found["roc"][-1] == [1, 1]
    assert metrics.ranking(np.ones(3, bool), np.ones(3)) is None


@pytest.mark.parametrize("task", ["text-classification", "multi-label-classification", "image-classification"])
def test_classifiers_tell_how_well_they_rank(task: str, make_run: MakeRun) -> None:
    learn = {"train__max_steps": 60, "train__lr": 1e-2, "eval__every_steps": 60}
    run = make_run("run", tiny(task, **learn))
    assert run.go() == DONE, run.log
    detail = results(run)["detail"]
    assert set(detail["ranking"]["labels"]) == set(detail["labels"])
    areas = [one["roc_auc"] for one in detail["ranking"]["labels"].values()]
    assert detail["ranking"]["roc_auc"] == pytest.approx(np.mean(areas), abs=1e-5)
    assert detail["ranking"]["roc_auc"] > 0.7


def regional(folder: Path, **changes: Any) -> Run:
    """Of the south every second label is wrong."""
    rows = []
    for n, (text, topic) in enumerate(table_rows()):
        wrong = {"sport": "food", "food": "sky", "sky": "sport"}[topic]
        region = "rare" if n % 50 == 0 else REGIONS[n % 2]
        rows.append((text, wrong if region == "south" and n % 4 == 1 else topic, region, n))
    blob = csv_blob(["body", "topic", "region", "age"], rows)
    spec = tiny("text-classification", train__max_steps=120, train__lr=5e-3, eval__samples=0, **changes)
    spec["data"]["split"]["test"] = 0.5
    spec["eval"]["primary"] = "accuracy"
    profile = profile_of("csv", blob)
    for name in ("region", "age"):
        profile["columns"].append({"name": name, "type": "category", "distinct": 3, "missing": 0, "mean_chars": 4})
    return Run(folder, spec, blob, "csv", profile)


def test_slices_tell_whom_it_serves_worse(tmp_path: Path) -> None:
    plain = regional(tmp_path / "plain")
    run = regional(tmp_path / "run", eval__slices=["region", "age"])
    assert plain.go() == run.go() == DONE, run.log
    assert run.weights == plain.weights  # judging by columns shapes nothing
    assert results(plain)["slices"] is None
    found = results(run)
    region = found["slices"]["region"]
    told = {entry["value"]: entry for entry in region["values"]}
    assert set(told) == {"north", "south"}  # few rows are told by no name
    assert region["others"] == found["items"]["test"] - sum(entry["rows"] for entry in told.values()) > 0
    assert told["north"]["metric"] > told["south"]["metric"] + 0.15
    assert region["gap"] == pytest.approx(told["north"]["metric"] - told["south"]["metric"])
    low, high = told["south"]["interval"]
    assert low <= told["south"]["metric"] <= high
    ages = found["slices"]["age"]["values"]
    assert len(ages) == 4 and sum(entry["rows"] for entry in ages) == found["items"]["test"]
    whole = sum(entry["rows"] * entry["metric"] for entry in ages) / found["items"]["test"]
    assert whole == pytest.approx(found["primary"]["value"])


def test_slices_keep_the_identity_of_a_run() -> None:
    plain, sliced = (Spec.from_json(tiny("text-classification", eval={"slices": slices})) for slices in ([], ["topic"]))
    assert plain.recipe_sha256 == sliced.recipe_sha256
    assert plain.sha256 != sliced.sha256
    assert Spec.from_text(sliced.canonical()) == sliced


@pytest.mark.parametrize(
    ("task", "slices", "issue"),
    [
        ("causal-lm", ["body"], ("eval.slices.0", "slices_unfit")),
        ("text-classification", ["body", "body"], ("eval.slices.1", "column_same")),
        ("text-classification", ["a", "b", "c", "d"], ("eval.slices", "list_long")),
        ("text-classification", ["a", 3], ("eval.slices.1", "wrong_type")),
        ("text-classification", "body", ("eval.slices", "wrong_type")),
    ],
)
def test_slices_that_cannot_be_are_told_at_their_place(task: str, slices: Any, issue: tuple[str, str]) -> None:
    with pytest.raises(SpecError) as caught:
        Spec.from_json(tiny(task, eval={"slices": slices}))
    assert [(found.path, found.code) for found in caught.value.issues] == [issue]


def test_a_slice_is_a_column_of_the_data() -> None:
    spec = Spec.from_json(tiny("text-classification", eval={"slices": ["topic", "colour"]}))
    found = validate(spec, profile_of("csv", table_blob()))
    assert [(issue.path, issue.code) for issue in found if issue.level == "error"] == [
        ("eval.slices.1", "column_absent")
    ]


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ([str(n) for n in range(21)], {"0": "0 – 5", "5": "0 – 5", "6": "5 – 10", "15": "10 – 15", "20": "15 – 20"}),
        ([*map(str, range(21)), "", "nan"], {"": "", "nan": "", "20": "15 – 20"}),
        ([str(n) for n in range(20)], None),  # few enough to be told one by one
        ([*map(str, range(21)), "many"], None),
    ],
)
def test_many_numbers_are_told_by_quarters(cells: list[str], told: dict[str, str] | None) -> None:
    found = dict(zip(cells, _quarters(cells), strict=True)) if _quarters(cells) else None
    assert found is None if told is None else {cell: (found or {})[cell] for cell in told} == told


def test_slices_by_hand() -> None:
    """The mean of what was measured; who is fewer than five is counted, and not named."""

    class Told:
        class spec:
            primary = "mean"

        stop = Stop()

        def report(self, judged: Judged, *, final: bool) -> Report:
            return Report({"mean": float(judged.rows.mean())}, interval=[0.0, 1.0])

    cells = ["a"] * 6 + ["b"] * 5 + ["c"] * 4
    rows = np.array([1.0] * 6 + [0.0, 0.0, 0.0, 0.0, 1.0] + [9.0] * 4)[:, None]
    found = _slices(Told(), Judged("test", np.arange(15), rows), cells)  # type: ignore[arg-type]
    assert [(one["value"], one["rows"], one["metric"]) for one in found["values"]] == [("a", 6, 1.0), ("b", 5, 0.2)]
    assert (found["others"], found["gap"]) == (4, 0.8)


def with_columns(blob: bytes, table: str, **columns: Callable[[str], Any]) -> bytes:
    """A zip with further columns in one of its tables, each a word about the file of the row."""
    with zipfile.ZipFile(io.BytesIO(blob)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    name = next((name for name in files if name.endswith(table)), table)
    header, *lines = files.get(name, b"file").decode().splitlines()
    told = [[line, *(tell(line.split(",")[0]) for tell in columns.values())] for line in lines]
    files[name] = "\n".join(map(",".join, [[header, *columns], *told])).encode()
    return zip_blob(files)


def number(file: str) -> int:
    return int(re.findall(r"\d+", file)[-1])


def by_site(file: str) -> str:
    return "rare" if number(file) % 20 == 0 else ("east", "west")[number(file) % 2]


def labelled_blob() -> bytes:
    """Bright and dark images in no folder, of which the table tells the label; of the west every second one wrong."""
    chance, files, lines = np.random.default_rng(5), {}, ["file,label"]
    for n in range(120):
        light = bool(chance.integers(2))
        files[f"{n:03}.png"] = png(chance.normal(200 if light else 60, 5, (32, 32)).clip(0, 255))
        wrong = by_site(f"{n:03}.png") == "west" and n % 4 == 1
        lines.append(f"{n:03}.png,{'light' if light != wrong else 'dark'}")
    return zip_blob(files | {"labels.csv": "\n".join(lines).encode()})


ZIPS: list[tuple[str, Callable[[], bytes], str, dict[str, Any]]] = [
    ("image-classification", labelled_blob, "labels.csv", {"primary": "accuracy"}),
    ("object-detection", boxes_blob, "boxes.csv", {}),
    ("image-text", captions_blob, "captions.csv", {}),
    ("image-captioning", captions_blob, "captions.csv", {}),
    ("speech-to-text", speech_blob, "transcripts.csv", {}),
]


@pytest.mark.parametrize(("task", "blob", "table", "judged"), ZIPS)
def test_files_of_a_zip_are_told_apart_by_a_column_of_its_table(
    task: str, blob: Callable[[], bytes], table: str, judged: dict[str, Any], make_run: MakeRun
) -> None:
    data = with_columns(blob(), table, Site=by_site, age=lambda file: str(number(file)))
    steps = 40 if task == "image-classification" else 2
    spec = tiny(task, train__max_steps=steps, eval={"slices": ["site", "age"], "samples": 0} | judged)
    spec["data"]["split"] = {"valid": 0.2, "test": 0.5}
    profile = profile_for(task)
    facts = {"labels_from": "table", "labels_file": "labels.csv", "top": ""}
    if task == "image-classification":
        profile["image"] = profile["image"] | facts
        profile["classes"] = {"label": {"light": 60, "dark": 60}}
    run = make_run("run", spec, blob=data, **profile)
    assert run.go() == DONE, run.log
    found = results(run)
    site, age = found["slices"]["site"], found["slices"]["age"]
    assert site["metric"] == spec["eval"].get("primary", found["primary"]["name"])
    prepared = next((run.folder / "prepared").iterdir())
    names = json.loads((prepared / "names.json").read_text())
    tested = [names[item] for item in np.load(prepared / "test.npy")]
    counts = Counter(map(by_site, tested))
    told = {entry["value"]: entry["rows"] for entry in site["values"]}
    assert told == {value: count for value, count in counts.items() if count >= 5}
    assert site["others"] == len(tested) - sum(told.values())
    assert {"east", "west"} <= set(told)
    assert len(age["values"]) == 4 and sum(entry["rows"] for entry in age["values"]) == len(tested)
    if task == "image-classification":
        by = {entry["value"]: entry["metric"] for entry in site["values"]}
        assert by["east"] > by["west"] + 0.2 and site["gap"] == pytest.approx(by["east"] - by["west"])


@pytest.mark.parametrize(
    ("columns", "slices", "said"),
    [
        ({"site": by_site}, ["place"], "no column “place” in transcripts.csv"),
        ({"who": lambda file: f"speaker {file}"}, ["who"], "column “who” has 80 values for the 80 files"),
    ],
)
def test_a_column_that_tells_nothing_ends_a_run_before_it_learns(
    columns: dict[str, Callable[[str], Any]], slices: list[str], said: str, make_run: MakeRun
) -> None:
    data = with_columns(speech_blob(), "transcripts.csv", **columns)
    spec = tiny("speech-to-text", eval={"slices": slices})
    spec["data"]["split"] = {"valid": 0.2, "test": 0.5}
    run = make_run("run", spec, blob=data)
    assert run.go() != DONE
    assert said in run.of("error")[0]["text"] and not run.of("metric")


def test_boxes_of_one_image_may_not_say_two_sites(make_run: MakeRun) -> None:
    turn = iter(range(10_000))
    data = with_columns(boxes_blob(), "boxes.csv", site=lambda file: f"s{next(turn)}")
    run = make_run("run", tiny("object-detection", eval={"slices": ["site"]}), blob=data)
    assert run.go() != DONE
    assert "something else than an earlier one" in run.of("error")[0]["text"]


@pytest.mark.parametrize(
    ("task", "labels_from", "codes"),
    [
        ("image-classification", "folders", ["slices_untold"]),
        ("image-segmentation", "masks", ["slices_untold"]),
        ("image-classification", "table", []),
        ("object-detection", "boxes", []),
        ("speech-to-text", None, []),
    ],
)
def test_only_tables_tell_files_apart(task: str, labels_from: str | None, codes: list[str]) -> None:
    profile = profile_for(task)
    if labels_from:
        profile["image"] = profile["image"] | {"labels_from": labels_from}
    found = validate(Spec.from_json(tiny(task, eval={"slices": ["site"]})), profile)
    assert [issue.code for issue in found if issue.path == "eval.slices.0"] == codes
