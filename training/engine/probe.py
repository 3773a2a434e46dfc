"""The probe: a linear answer to what the model that a run starts from makes of each item, with its weights frozen.

Embedded once, fitted in seconds by scikit-learn, its strength chosen by cross-validation. With few labels it is hard
to beat, so it stands beside every fine-tune of a task that has it.
"""

import contextlib
from operator import attrgetter
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.engine.registry import net_module
from training.engine.tasks.base import Judged, Task, spaced

MAX_ROWS = 2_000
MAX_WORDS = 4_000  # of a task that answers for each word
FOLDS = 5
AT_ONCE = 64
STRENGTHS = (0.001, 0.01, 0.1, 1.0, 10.0)  # of a logistic answer: the inverse of what holds it small
RIDGES = (0.1, 1.0, 10.0, 100.0, 1_000.0)


def probe_of(task: Task, net: nn.Module) -> dict[str, Any] | None:
    """What the probe scores on the test part, and how it was fitted; None where it cannot be.

    `net` has the weights of the start.
    """
    if task.probe is None:
        return None
    train, test = spaced(task.count("train"), MAX_ROWS), np.arange(task.count("test"))
    found = {"train": embed(task, net, "train", train), "test": embed(task, net, "test", test)}
    targets = task.probe_targets("train", train)
    if task.probe == "words" and len(targets) > MAX_WORDS:
        some = spaced(len(targets), MAX_WORDS)
        found["train"], targets = found["train"][some], targets[some]
    middle, spread = found["train"].mean(0), found["train"].std(0)
    known, new = ((features - middle) / np.maximum(spread, 1e-6) for features in found.values())
    task.stop.check()
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    fit = {"class": _classes, "words": _classes, "labels": _labels, "number": _number, "series": _series}[task.probe]
    # Products this small lose more by waiting for each other than they gain.
    with contextlib.suppress(_Unfit), threadpool_limits(1):
        answers, chosen = fit(known, targets, new, task)
        rows = task.probe_rows("test", test, answers)
        values = task.report(Judged("test", test, rows)).values
        return {"rows": len(train), "features": known.shape[1], "folds": FOLDS, **chosen, "metrics": values}
    return None


def why_none(task: Task, probed: dict[str, Any] | None) -> str | None:
    """Why a fine-tune has no probe: "task" has none, or there were too few "rows"."""
    return None if probed is not None else "task" if task.probe is None else "rows"


class _Unfit(Exception):  # noqa: N818  told to nobody: there is no probe then
    """Too few rows to choose by."""


def embed(task: Any, net: nn.Module, part: str, items: np.ndarray) -> np.ndarray:
    """What the last layer makes of each item: the mean over its tokens or places (items, features).

    Of a task that answers for each word: of each word, item by item (words, features). Of a series, whose end says most
    of what follows: the last place beside that mean.
    """
    numbers = task.parts[part][items]
    layers = net_module(task.spec.model.arch).LAYERS
    layer: Any = attrgetter(layers)(net)[-1] if layers else net.lstm
    caught: list[Tensor] = []

    def catch(module: nn.Module, inputs: Any, output: Any) -> None:
        caught.append(output[0] if isinstance(output, tuple) else output)

    hook = layer.register_forward_hook(catch)
    order = task.order_for_eval(numbers)
    rows: list[np.ndarray] = [np.empty((0, 0))] * len(items)
    try:
        for start in range(0, len(order), AT_ONCE):
            task.stop.check()
            places = order[start : start + AT_ONCE]
            batch = task.batch_of(numbers[places])
            mask = batch.get("mask")
            caught.clear()
            with torch.inference_mode():
                read = next(batch[name] for name in ("pixels", "values", "series", "ids") if name in batch)
                net(read) if mask is None else net(read, mask)
            if "steps" in batch:  # of a recording, in which each step is told of many values
                mask = torch.arange(caught[-1].shape[1], device=caught[-1].device) < batch["steps"][:, None]
            if task.probe == "words":
                words = task.probe_places(batch).cpu()
                made = [states[own].numpy() for states, own in zip(caught[-1].float().cpu(), words, strict=True)]
            elif task.probe == "series":
                states = caught[-1].float().cpu()
                made = list(torch.cat([states.mean(1), states[:, -1]], 1).numpy()[:, None])
            else:
                made = list(_means(caught[-1].float(), mask).cpu().numpy()[:, None])
            for place, row in zip(places, made, strict=True):
                rows[place] = row
    finally:
        hook.remove()
    return np.concatenate(rows).astype(np.float64)


def _means(x: Tensor, mask: Tensor | None) -> Tensor:
    if x.dim() == 4:  # (batch, channels, height, width)
        return x.mean((2, 3))
    if mask is None:
        return x.mean(1)
    weight = mask.unsqueeze(-1).to(x.dtype)
    return (x * weight).sum(1) / weight.sum(1)


def _classes(known: np.ndarray, targets: np.ndarray, new: np.ndarray, task: Task) -> tuple[np.ndarray, dict[str, Any]]:
    """Log shares (items, classes)."""
    shares, strength = _logistic(known, targets, new, task)
    whole = np.full((len(new), len(task.answers)), 1e-6)
    whole[:, np.unique(targets)] = np.maximum(shares, 1e-6)
    return np.log(whole / whole.sum(1, keepdims=True)), {"kind": "logistic", "strength": strength}


def _labels(known: np.ndarray, targets: np.ndarray, new: np.ndarray, task: Task) -> tuple[np.ndarray, dict[str, Any]]:
    """Shares of each label by itself (items, labels)."""
    columns = []
    for column in targets.T.astype(np.int64):
        task.stop.check()
        try:
            columns.append(_logistic(known, column, new, task)[0][:, 1])
        except _Unfit:  # a label that hardly anything has, or that all have
            columns.append(np.full(len(new), (column.sum() + 1) / (len(column) + 2)))
    return np.stack(columns, 1).clip(1e-6, 1 - 1e-6), {"kind": "logistic"}


def _logistic(known: np.ndarray, targets: np.ndarray, new: np.ndarray, task: Task) -> tuple[np.ndarray, float]:
    # Only a fine-tune needs the library, which takes a second to load.
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold

    counts = np.bincount(targets)
    if (counts > 0).sum() < 2 or counts.max() < FOLDS or len(targets) < 2 * FOLDS:
        raise _Unfit
    # Strata of the rarest classes would be smaller than the folds: they are spread as they come.
    strata = np.where(counts[targets] >= FOLDS, targets, counts.argmax())
    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(known, strata))
    folds = [(a, b) for a, b in folds if len(np.unique(targets[a])) > 1]
    search = GridSearchCV(
        LogisticRegression(max_iter=200), {"C": list(STRENGTHS)}, scoring=_right, cv=folds, error_score="raise"
    )
    search.fit(known, targets)
    return search.predict_proba(new), float(search.best_params_["C"])


def _right(model: Any, known: np.ndarray, targets: np.ndarray) -> float:
    """Mean log share of the true class; one that was not in the other folds has the least."""
    place = {name: n for n, name in enumerate(model.classes_)}
    shares = model.predict_proba(known)
    found = [row[place[t]] if t in place else 0.0 for row, t in zip(shares, targets, strict=True)]
    return float(np.log(np.maximum(found, 1e-6)).mean())


def _number(known: np.ndarray, targets: np.ndarray, new: np.ndarray, task: Task) -> tuple[np.ndarray, dict[str, Any]]:
    from sklearn.model_selection import KFold

    return _ridge(known, targets, new, KFold(FOLDS, shuffle=True, random_state=0))


def _series(known: np.ndarray, targets: np.ndarray, new: np.ndarray, task: Task) -> tuple[np.ndarray, dict[str, Any]]:
    """(items, numbers that follow). Windows that overlap stay in one fold."""
    from sklearn.model_selection import KFold

    return _ridge(known, targets, new, KFold(FOLDS))


def _ridge(known: np.ndarray, targets: np.ndarray, new: np.ndarray, folds: Any) -> tuple[np.ndarray, dict[str, Any]]:
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV

    if len(targets) < 2 * FOLDS:
        raise _Unfit
    search = GridSearchCV(Ridge(), {"alpha": list(RIDGES)}, scoring="neg_mean_squared_error", cv=folds)
    search.fit(known, targets)
    return search.predict(new), {"kind": "ridge", "strength": float(search.best_params_["alpha"])}
