"""report.json: figures beside the trivial answer, worst and best rows by number, and nothing of what they say."""

import json
from typing import Any

import numpy as np
import pytest

from tests.training.engine.conftest import MakeRun, Run, csv_blob, table_rows, tiny
from training.engine import metrics
from training.engine.contract import DONE, TASKS
from training.engine.report import _extremes
from training.engine.tasks.base import Judged


def report_of(run: Run) -> dict[str, Any]:
    return json.loads((run.folder / "out" / "report.json").read_text())


@pytest.mark.parametrize("task", TASKS)
def test_every_task_reports_in_the_same_words(task: str, make_run: MakeRun) -> None:
    run = make_run("run", tiny(task, train__max_steps=2))
    assert run.go() == DONE, run.log
    report, last = report_of(run), run.of("done")[0]
    assert {f"test/{name}": value for name, value in report["test"].items()} == last["metrics"]
    primary = report["primary"]
    assert primary["value"] == last["metrics"][f"test/{primary['name']}"]
    assert primary["baseline"] == last["baseline"]["metrics"][f"test/{primary['name']}"]
    low, high = primary["interval"]
    assert low <= primary["value"] <= high
    assert report["items"]["test"] > 0
    worst, best = report["worst"], report["best"]
    assert worst and {entry["item"] for entry in worst}.isdisjoint(entry["item"] for entry in best)
    found = [entry["badness"] for entry in [*worst, *best[::-1]]]
    assert found == sorted(found, reverse=True)


def test_rows_are_told_by_their_number_in_the_dataset(make_run: MakeRun) -> None:
    """Rows without a label and repeated rows are no rows to learn from, but they count."""
    rows = [("left out", ""), *table_rows(), *table_rows()[:20]]
    rows[30] = ("bread soup milk", "sky")  # a wrong label that stands out
    spec = tiny("text-classification", train__max_steps=120, train__lr=1e-2, data__clean={"duplicates": True})
    spec["data"]["split"] |= {"test": 0.5}
    found = []
    for seed in range(4):
        spec["data"]["split"]["seed"] = seed
        run = make_run(f"run{seed}", spec, blob=csv_blob(["body", "topic"], rows))
        assert run.go() == DONE, run.log
        report = report_of(run)
        assert report["skipped"] == 1 and report["cleaned"]["duplicates"] >= 20
        numbers = [entry["row"] for entry in report["worst"]]
        found += [31] if 31 in numbers else []
        if found:
            break
    assert found == [31]


def test_nothing_of_the_data_is_quoted(make_run: MakeRun) -> None:
    for task in ("text-classification", "text-to-text", "token-classification"):
        run = make_run(task, tiny(task, train__max_steps=2, eval__samples=4))
        assert run.go() == DONE, run.log
        told = (run.folder / "out" / "report.json").read_text()
        prompts = [event["prompt"] for event in run.of("sample")]
        assert len(prompts) > 4
        assert not [prompt for prompt in prompts if prompt in told]


def test_calibration_by_hand() -> None:
    """Four answers at 0.95 of which three are right, one at 0.3 that is right: (4 · 0.2 + 1 · 0.7) / 5."""
    right, surety = np.array([1, 1, 1, 0, 1], bool), np.array([0.95, 0.95, 0.95, 0.95, 0.3])
    found = metrics.calibration(right, surety)
    assert found["ece"] == pytest.approx(0.3)
    assert found["bins"][9] == {"rows": 4, "surety": 0.95, "accuracy": 0.75}
    assert found["bins"][3] == {"rows": 1, "surety": 0.3, "accuracy": 1.0}
    assert found["bins"][0] == {"rows": 0}
    assert metrics.calibration(np.array([True]), np.array([1.0]))["ece"] == 0


@pytest.mark.parametrize("metric", ["roc_auc", "ece"])
@pytest.mark.parametrize("task", ["text-classification", "multi-label-classification"])
def test_how_well_it_ranks_and_how_sure_it_is_may_decide(task: str, metric: str, make_run: MakeRun) -> None:
    run = make_run("run", tiny(task, train__max_steps=20, eval__primary=metric))
    assert run.go() == DONE, run.log
    report = report_of(run)
    detail, primary = report["detail"], report["primary"]
    where = {"roc_auc": "ranking", "ece": "calibration"}[metric]
    assert primary["value"] == report["test"][metric] == pytest.approx(detail[where][metric], abs=1e-5)
    assert detail["interval_rows"] == detail["rows"]
    low, high = primary["interval"]
    assert low <= high and low - 0.1 <= primary["value"] <= high + 0.1  # drawn again, a small error is larger
    assert primary["lower_is_better"] == (metric == "ece")
    if metric == "roc_auc":
        assert primary["baseline"] == 0.5


def test_tags_that_are_taken_for_others_are_counted(make_run: MakeRun) -> None:
    run = make_run("run", tiny("token-classification", train__max_steps=40, train__lr=1e-2))
    assert run.go() == DONE, run.log
    report = report_of(run)
    matrix = np.array(report["detail"]["confusion"])
    assert matrix.shape == (len(report["detail"]["labels"]),) * 2
    assert matrix.sum() == report["detail"]["words"]
    assert matrix.trace() / matrix.sum() == pytest.approx(report["test"]["word_accuracy"])


@pytest.mark.parametrize(
    ("badness", "worst", "best"),
    [
        ([3.0, 1.0, 2.0, 5.0], [13, 10], [11, 12]),
        ([1.0, 1.0, 0.0], [10], [12]),  # of equals the first is worse; the middle one is in neither list
        ([2.0], [], []),
    ],
)
def test_extremes_by_hand(badness: list[float], worst: list[int], best: list[int]) -> None:
    class Told:
        def badness(self, judged: Judged) -> np.ndarray:
            return np.array(badness)

        def row_of(self, part: str, item: int) -> int:
            return 100 + item

    items = np.arange(10, 10 + len(badness))
    found = _extremes(Told(), Judged("test", items, np.zeros((len(items), 1))))  # type: ignore[arg-type]
    assert {name: [one["item"] for one in rows] for name, rows in found.items()} == {"worst": worst, "best": best}
    assert all(one["row"] == 100 + one["item"] for rows in found.values() for one in rows)
    assert [one["badness"] for one in found["worst"]] == sorted(badness, reverse=True)[: len(worst)]
