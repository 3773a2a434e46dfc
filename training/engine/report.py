"""report.json: the figures of a run beside the trivial answer, and which rows it gets worst and best.

It goes wherever the package goes, so it tells rows by their numbers and quotes nothing.
"""

from typing import Any

import numpy as np

from training.engine.catalogue import LOWER, TASKS
from training.engine.spec import Spec
from training.engine.tasks.base import PARTS, Judged, Task

REPORT = "report.json"
SHOWN = 8


def report_of(spec: Spec, task: Task, judged: Judged, results: dict[str, Any], facts: dict[str, Any]) -> dict[str, Any]:
    """The report of a finished run. `results` are those of metrics.json, `facts` those of the preparation."""
    primary = results["primary"]
    return {
        "v": 1,
        "task": spec.task,
        "primary": {
            "name": primary,
            "value": results["test"][primary],
            "interval": results["interval"],
            "baseline": results["baseline"]["metrics"][primary],
            "probe": (results["probe"] or {"metrics": {}})["metrics"].get(primary),
            "lower_is_better": TASKS[spec.task].metrics[primary] == LOWER,
        },
        "test": results["test"],
        "baseline": results["baseline"],
        "probe": results["probe"],
        "no_probe": results.get("no_probe"),
        "slices": results["slices"],
        "items": {part: task.count(part) for part in PARTS},
        "split": facts.get("split"),
        "skipped": facts.get("skipped", 0),
        "cleaned": facts.get("cleaned"),
        "detail": results["detail"],
        **_extremes(task, judged),
    }


def _extremes(task: Task, judged: Judged) -> dict[str, list[dict[str, Any]]]:
    """The worst and the best items; an item is in one of both lists at most."""
    badness = task.badness(judged)
    order = np.argsort(-badness, kind="stable")
    count = min(SHOWN, len(order) // 2)
    chosen = {"worst": order[:count], "best": order[::-1][:count]}
    return {
        name: [
            {
                "item": int(judged.items[place]),
                "row": task.row_of(judged.part, int(judged.items[place])),
                "badness": round(float(badness[place]), 6),
            }
            for place in places
        ]
        for name, places in chosen.items()
    }
