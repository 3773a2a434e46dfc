"""The probe: a linear answer to what the model that a run starts from makes of each item, with its weights frozen.

Embedded once, fitted in seconds by scikit-learn, its strength chosen by cross-validation. With few labels it is hard
to beat, so it stands beside every fine-tune of a task that has it.
"""

import contextlib
from collections.abc import Callable
from operator import attrgetter
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from training.engine.ordering import generator
from training.engine.registry import net_module
from training.engine.tasks.base import Judged, Task

MAX_ROWS = 2_000
MAX_WORDS = 4_000  # or places, of a task that answers for each
EACH = ("words", "places")
FOLDS = 5
SALT = 11  # draws apart from those of the order
AT_ONCE = 64
AT_ONCE_TOKENS = 32_768
STRENGTHS = (0.001, 0.01, 0.1, 1.0, 10.0)  # of a logistic answer: the inverse of what holds it small
RIDGES = (0.1, 1.0, 10.0, 100.0, 1_000.0)
Answer = Callable[[np.ndarray], np.ndarray]  # what is told of features


def probe_of(task: Task, net: nn.Module) -> dict[str, Any] | None:
    """What the probe scores on the test part, and how it was fitted; None where it cannot be.

    `net` has the weights of the start. What is learnt from is drawn with the seed of the run, and what is tested goes
    by in groups, so that memory does not grow with the data.
    """
    if task.probe is None:
        return None
    seed, rows = task.spec.train.seed, task.count("train")
    train = _drawn(rows, MAX_ROWS, seed)
    targets, kept, words = task.probe_targets("train", train), None, {}
    if task.probe in EACH:
        told = targets >= 0
        kept = _some(told, MAX_WORDS, seed)
        words = {task.probe: int(kept.sum()), f"{task.probe}_of": int(told.sum())}
    if task.probe == "spans":
        # Few words begin or end an answer: as many of the others are drawn, which leaves open only how common they are.
        of_each = [_some(column == told, MAX_WORDS // 4, seed) for column in targets.T for told in (0, 1)]
        asked = np.stack([of_each[0] | of_each[1], of_each[2] | of_each[3]], 1)
        targets, kept = np.where(asked, targets, -1), asked[:, 0] | asked[:, 1]
        words = {"words": int(kept.sum()), "words_of": len(kept)}
    if kept is not None:
        targets = targets[kept]
    known = embed(task, net, "train", train, kept)
    middle, spread = known.mean(0), np.maximum(known.std(0), 1e-6)
    known = (known - middle) / spread
    with contextlib.suppress(_Unfit):
        # The library fits for minutes without looking back.
        answer, fitted = task.stop.attend(lambda: _fitted(known, targets, task))
        test = np.arange(task.count("test"))
        tell = _pointed if task.probe == "spans" else _answered
        found = tell(task, net, test, lambda features: answer((features - middle) / spread))
        values = task.report(Judged("test", test, found)).values
        drawn = {"rows": len(train), "rows_of": rows, **words, "seed": seed}
        return {**drawn, "features": known.shape[1], "folds": FOLDS, **fitted, "metrics": values}
    return None


def _drawn(count: int, limit: int, seed: int) -> np.ndarray:
    """At most `limit` of `count` indices in order, drawn with a seed."""
    return np.sort(generator(seed, SALT).choice(count, min(count, limit), replace=False, shuffle=False))


def _some(mask: np.ndarray, limit: int, seed: int) -> np.ndarray:
    """At most `limit` of those that are True, drawn with a seed."""
    chosen = np.zeros(int(mask.sum()), dtype=bool)
    chosen[_drawn(len(chosen), limit, seed)] = True
    found = mask.copy()
    found[mask] = chosen
    return found


def _fitted(known: np.ndarray, targets: np.ndarray, task: Task) -> tuple[Answer, dict[str, Any]]:
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    fit: dict[str, Callable[..., tuple[Answer, dict[str, Any]]]] = dict.fromkeys(("class", *EACH), _classes)
    fit |= {"labels": _labels, "spans": _spans, "number": _number, "series": _series}
    # Products this small lose more by waiting for each other than they gain.
    with threadpool_limits(1):
        return fit[str(task.probe)](known, targets, task)


def _answered(task: Any, net: nn.Module, items: np.ndarray, answer: Answer) -> np.ndarray:
    """What `measure` would find of items of the test part, were these answers those of the net."""
    order = task.order_for_eval(task.parts["test"][items])
    rows, at_once = np.zeros((len(items), 0)), _at_once(task)
    for start in range(0, len(order), at_once):
        places = order[start : start + at_once]
        answers = answer(embed(task, net, "test", items[places]))
        found = task.probe_rows("test", items[places], answers)
        rows = rows if start else np.zeros((len(items), found.shape[1]))
        rows[places] = found
    return rows


def _pointed(task: Task, net: Any, items: np.ndarray, answer: Answer) -> np.ndarray:
    """What `measure` finds of items of the test part, with these answers in the place of the head of the net."""
    head = net.classifier
    net.classifier = _Told(answer)
    try:
        with torch.inference_mode():
            return task.measure(net, "test", items)
    finally:
        net.classifier = head


class _Told(nn.Module):
    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, x: Tensor) -> Tensor:
        """(items, tokens, features) -> (items, tokens, answers)."""
        found = self.answer(x.flatten(0, 1).double().cpu().numpy())
        return torch.from_numpy(found).to(x.device, torch.float32).view(*x.shape[:2], -1)


def _at_once(task: Task) -> int:
    return min(AT_ONCE, max(1, AT_ONCE_TOKENS // task.probe_size))


def why_none(task: Task, probed: dict[str, Any] | None) -> str | None:
    """Why a fine-tune has no probe: "task" has none, or there were too few "rows"."""
    return None if probed is not None else "task" if task.probe is None else "rows"


class _Unfit(Exception):  # noqa: N818  told to nobody: there is no probe then
    """Too few rows to choose by."""


def embed(task: Any, net: nn.Module, part: str, items: np.ndarray, kept: np.ndarray | None = None) -> np.ndarray:
    """What the last layer makes of each item: the mean over its tokens or places (items, features).

    Of a task that answers for each word: of each word, item by item (words, features). Of one that answers for each
    place: what all stages make of it, as the last knows no places so small. Of a series, whose end says most of what
    follows: the last place beside that mean. `kept`: of which words or places, item by item.
    """
    numbers = task.parts[part][items]
    layers = net_module(task.spec.model.arch).LAYERS
    all_layers: Any = attrgetter(layers)(net) if layers else [net.lstm]
    caught: list[Tensor] = []

    def catch(module: nn.Module, inputs: Any, output: Any) -> None:
        caught.append(output[0] if isinstance(output, tuple) else output)

    heard = all_layers if task.probe == "places" else all_layers[-1:]
    hooks = [layer.register_forward_hook(catch) for layer in heard]
    order = task.order_for_eval(numbers)
    rows: list[np.ndarray] = [np.empty((0, 0))] * len(items)
    own_kept = None if kept is None else np.split(kept, np.cumsum(task.probe_counts(part, items))[:-1])
    at_once = _at_once(task)
    try:
        for start in range(0, len(order), at_once):
            task.stop.check()
            places = order[start : start + at_once]
            batch = task.batch_of(numbers[places])
            mask = batch.get("mask")
            caught.clear()
            with torch.inference_mode():
                read = next(batch[name] for name in ("pixels", "values", "series", "ids") if name in batch)
                kinds = {"kinds": batch["kinds"]} if "kinds" in batch else {}
                net(read, **kinds) if mask is None else net(read, mask, **kinds)
            if "steps" in batch:  # of a recording, in which each step is told of many values
                mask = torch.arange(caught[-1].shape[1], device=caught[-1].device) < batch["steps"][:, None]
            if task.probe in ("words", "spans"):
                words = task.probe_places(batch).cpu()
                made = [states[own].numpy() for states, own in zip(caught[-1].float().cpu(), words, strict=True)]
            elif task.probe == "places":
                made = list(_stages(caught).cpu().numpy())
            elif task.probe == "series":
                states = caught[-1].float().cpu()
                made = list(torch.cat([states.mean(1), states[:, -1]], 1).numpy()[:, None])
            else:
                made = list(_means(caught[-1].float(), mask).cpu().numpy()[:, None])
            for place, row in zip(places, made, strict=True):
                rows[place] = row if own_kept is None else row[own_kept[place]]
    finally:
        for hook in hooks:
            hook.remove()
    return np.concatenate(rows).astype(np.float64)


def _stages(maps: list[Tensor]) -> Tensor:
    """Maps (items, channels, height, width) of ever fewer places, side by side at those of the first, row by row."""
    size = maps[0].shape[-2:]
    found = [F.interpolate(each.float(), size=size, mode="bilinear", align_corners=False) for each in maps]
    return torch.cat(found, 1).flatten(2).transpose(1, 2)


def _means(x: Tensor, mask: Tensor | None) -> Tensor:
    if x.dim() == 4:  # (batch, channels, height, width)
        return x.mean((2, 3))
    if mask is None:
        return x.mean(1)
    weight = mask.unsqueeze(-1).to(x.dtype)
    return (x * weight).sum(1) / weight.sum(1)


def _classes(known: np.ndarray, targets: np.ndarray, task: Task) -> tuple[Answer, dict[str, Any]]:
    """Log shares (items, classes)."""
    model = _logistic(known, targets)
    classes = np.unique(targets)

    def answer(features: np.ndarray) -> np.ndarray:
        whole = np.full((len(features), len(task.answers)), 1e-6)
        whole[:, classes] = np.maximum(model.predict_proba(features), 1e-6)
        return np.log(whole / whole.sum(1, keepdims=True))

    return answer, {"kind": "logistic", "strength": float(model.best_params_["C"])}


def _labels(known: np.ndarray, targets: np.ndarray, task: Task) -> tuple[Answer, dict[str, Any]]:
    """Shares of each label by itself (items, labels)."""
    columns: list[Answer] = []
    for column in targets.T.astype(np.int64):
        task.stop.check()
        try:
            columns.append(_second(_logistic(known, column).predict_proba))
        except _Unfit:  # a label that hardly anything has, or that all have
            columns.append(_same((column.sum() + 1) / (len(column) + 2)))
    return lambda features: np.stack([column(features) for column in columns], 1).clip(1e-6, 1 - 1e-6), {
        "kind": "logistic"
    }


def _spans(known: np.ndarray, targets: np.ndarray, task: Task) -> tuple[Answer, dict[str, Any]]:
    """How likely an answer begins, and ends, at each word (words, 2), as log odds."""
    models = []
    for column in targets.T:
        task.stop.check()
        models.append(_logistic(known[column >= 0], column[column >= 0]))
    return lambda features: np.stack([model.decision_function(features) for model in models], 1), {"kind": "logistic"}


def _second(shares: Answer) -> Answer:
    return lambda features: shares(features)[:, 1]


def _same(share: float) -> Answer:
    return lambda features: np.full(len(features), share)


def _logistic(known: np.ndarray, targets: np.ndarray) -> Any:
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
    return search


def _right(model: Any, known: np.ndarray, targets: np.ndarray) -> float:
    """Mean log share of the true class; one that was not in the other folds has the least."""
    place = {name: n for n, name in enumerate(model.classes_)}
    shares = model.predict_proba(known)
    found = [row[place[t]] if t in place else 0.0 for row, t in zip(shares, targets, strict=True)]
    return float(np.log(np.maximum(found, 1e-6)).mean())


def _number(known: np.ndarray, targets: np.ndarray, task: Task) -> tuple[Answer, dict[str, Any]]:
    from sklearn.model_selection import KFold

    return _ridge(known, targets, KFold(FOLDS, shuffle=True, random_state=0))


def _series(known: np.ndarray, targets: np.ndarray, task: Task) -> tuple[Answer, dict[str, Any]]:
    """(items, numbers that follow). Windows that overlap stay in one fold."""
    from sklearn.model_selection import KFold

    return _ridge(known, targets, KFold(FOLDS))


def _ridge(known: np.ndarray, targets: np.ndarray, folds: Any) -> tuple[Answer, dict[str, Any]]:
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV

    if len(targets) < 2 * FOLDS:
        raise _Unfit
    search = GridSearchCV(Ridge(), {"alpha": list(RIDGES)}, scoring="neg_mean_squared_error", cv=folds)
    search.fit(known, targets)
    return search.predict, {"kind": "ridge", "strength": float(search.best_params_["alpha"])}
