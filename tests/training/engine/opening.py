"""Tasks with their data prepared and opened, and as their packages open them: what tests of batches need, no run."""

import json
from pathlib import Path
from typing import Any

import torch

from tests.training.engine.conftest import KINDS, csv_blob, profile_for, tiny
from training.engine.contract import InputData, Spec
from training.engine.errors import Stop
from training.engine.registry import net_module, task_module


def prepared(folder: Path, task: str, header: str, rows: list[tuple[Any, ...]] | str, **changes: Any) -> Any:
    """A task on rows of a CSV, `header` its columns, or on one text; `changes` of the spec as `tiny` takes them."""
    blob = rows.encode() if isinstance(rows, str) else csv_blob(header.split(","), rows)
    kind = "text" if isinstance(rows, str) else "csv"
    folder.mkdir(exist_ok=True)
    (folder / "blob").write_bytes(blob)
    profile = profile_for(task) if KINDS[task] == kind else {"kind": kind, "delimiter": ",", "columns": []}
    data = InputData(path=str(folder / "blob"), kind=kind, sha256="0" * 64, profile=profile)
    made = task_module(task).Task(Spec.from_json(tiny(task, **changes)), Stop())
    (folder / "prepared").mkdir()
    facts = made.prepare(data, folder / "prepared")
    made.open(folder / "prepared", json.loads(json.dumps(facts)))
    return made


def net_for(task: Any, strength: float = 0.3) -> Any:
    """A net for a task that has learnt nothing, but says something else about everything."""
    torch.manual_seed(8)
    net = net_module(task.spec.model.arch).build(task.spec.shape, task.sizes).eval()
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(torch.randn_like(weight) * strength)
    return net


def packaged(task: Any, net: Any, folder: Path) -> Any:
    """The task as somebody opens it who has the package alone."""
    folder.mkdir(exist_ok=True)
    config = net_module(task.spec.model.arch).export(net)[1] | task.package(folder)
    (folder / "config.json").write_text(json.dumps(config))
    other = task_module(task.spec.task).Task(task.spec, Stop())
    other.open_package(folder, json.loads((folder / "config.json").read_text()))
    return other
