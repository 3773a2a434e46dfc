"""Figures of merit in numpy, with 95 % bootstrap intervals. Tests hold them equal to scikit-learn or to hand counts."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from training.engine.errors import Check, unasked
from training.engine.ordering import generator

DRAWS = 1_000
MOST_DRAWN, LEAST_DRAWN = 200_000, 1_000  # numbers, and rows, that are drawn again at once
CURVE_POINTS = 60


def confusion(truth: np.ndarray, guess: np.ndarray, classes: int) -> np.ndarray:
    """Counts [true class, guessed class]."""
    return np.bincount(truth * classes + guess, minlength=classes * classes).reshape(classes, classes)


def classification_scores(matrix: np.ndarray) -> dict[str, np.ndarray]:
    """Accuracy and macro precision, recall and F1 of confusion matrices (…, classes, classes).

    As scikit-learn with zero_division=0: a class that is neither true nor guessed anywhere does not count.
    """
    hits = np.diagonal(matrix, axis1=-2, axis2=-1).astype(float)
    truth, guess = matrix.sum(-1), matrix.sum(-2)
    present = (truth + guess) > 0
    precision = hits / np.maximum(guess, 1)
    recall = hits / np.maximum(truth, 1)
    f1 = 2 * hits / np.maximum(truth + guess, 1)
    count = np.maximum(present.sum(-1), 1)
    return {
        "accuracy": hits.sum(-1) / np.maximum(truth.sum(-1), 1),
        "macro_precision": (precision * present).sum(-1) / count,
        "macro_recall": (recall * present).sum(-1) / count,
        "macro_f1": (f1 * present).sum(-1) / count,
    }


def class_table(matrix: np.ndarray, labels: list[str]) -> dict[str, dict[str, Any]]:
    """Precision, recall, F1 and rows of each class."""
    return hits_table(np.diagonal(matrix), matrix.sum(1), matrix.sum(0), labels)


def hits_table(hits: np.ndarray, truth: np.ndarray, guess: np.ndarray, labels: list[str]) -> dict[str, dict[str, Any]]:
    """Precision, recall, F1 and rows of each label, from how often it was right, true and guessed."""
    table = {}
    for i, label in enumerate(labels):
        table[label] = {
            "precision": round(float(hits[i] / max(guess[i], 1)), 6),
            "recall": round(float(hits[i] / max(truth[i], 1)), 6),
            "f1": round(float(2 * hits[i] / max(truth[i] + guess[i], 1)), 6),
            "rows": int(truth[i]),
        }
    return table


def classification_interval(matrix: np.ndarray, metric: str, seed: int = 0) -> list[float]:
    """95 % interval of a metric: drawing rows again is drawing the cells of the confusion matrix."""
    count = int(matrix.sum())
    draws = generator(seed).multinomial(count, matrix.ravel() / count, size=DRAWS)
    return _middle(classification_scores(draws.reshape(DRAWS, *matrix.shape))[metric])


def calibration(right: np.ndarray, surety: np.ndarray) -> dict[str, Any]:
    """How far surety is from being right: expected calibration error (Guo et al. 2017), by tenths of surety."""
    tenth = np.minimum((surety * 10).astype(int), 9)
    bins: list[dict[str, Any]] = [{"rows": int(n)} for n in np.bincount(tenth, minlength=10)]
    error = 0.0
    for n, found in enumerate(bins):
        if found["rows"]:
            own = tenth == n
            found["surety"] = round(float(surety[own].mean()), 6)
            found["accuracy"] = round(float(right[own].mean()), 6)
            error += own.mean() * abs(surety[own].mean() - right[own].mean())
    return {"ece": round(float(error), 6), "bins": bins}


def roc_auc(truth: np.ndarray, scores: np.ndarray) -> float:
    """Mean area under the ROC curve of each label (items, labels), as scikit-learn's macro average.

    A label that all or none have does not count; where no label is left nothing can be ranked, which is 0.5.
    """
    positives = truth.sum(0)
    areas = []
    for n in np.flatnonzero((positives > 0) & (positives < len(truth))):
        true, others = float(positives[n]), float(len(truth) - positives[n])
        above = _ranks(scores[:, n])[truth[:, n]].sum() - true * (true + 1) / 2
        areas.append(above / (true * others))
    return float(np.mean(areas)) if areas else 0.5


def ranking(truth: np.ndarray, scores: np.ndarray) -> dict[str, Any] | None:
    """How well scores put the true ones first: areas and curves, as scikit-learn; None when all or none are true.

    `roc`: [share of the false ones above a threshold, share of the true ones]; `pr`: [recall, precision].
    """
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if not positives or not negatives:
        return None
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)  # equal scores share a threshold
    hits = np.cumsum(truth[order])[last]
    above = last + 1
    recall, precision, wrong = hits / positives, hits / above, (above - hits) / negatives
    roc = np.vstack([[0.0, 0.0], np.column_stack([wrong, recall])])
    steps = np.diff(recall, prepend=0.0)
    return {
        "rows": positives,
        "roc_auc": round(float(np.trapezoid(roc[:, 1], roc[:, 0])), 6),
        "average_precision": round(float((steps * precision).sum()), 6),
        "roc": _thinned(roc),
        "pr": _thinned(np.vstack([[0.0, precision[0]], np.column_stack([recall, precision])])),
    }


def rankings(truth: np.ndarray, scores: np.ndarray, labels: list[str]) -> dict[str, Any]:
    """`ranking` of each label (items, labels), and the means over those that have one."""
    each = {label: ranking(truth[:, n].astype(bool), scores[:, n]) for n, label in enumerate(labels)}
    found = {label: one for label, one in each.items() if one is not None}
    names = ("roc_auc", "average_precision") if found else ()
    return {name: round(float(np.mean([one[name] for one in found.values()])), 6) for name in names} | {"labels": found}


def _thinned(points: np.ndarray) -> list[list[float]]:
    """At most CURVE_POINTS of the points of a curve, its ends among them."""
    if len(points) > CURVE_POINTS:
        points = points[np.unique(np.linspace(0, len(points) - 1, CURVE_POINTS).round().astype(int))]
    return np.round(points, 4).tolist()


def label_sums(truth: np.ndarray, guess: np.ndarray, nats: np.ndarray) -> np.ndarray:
    """What `label_scores` wants summed, a row for each item; truth and guess are 0 or 1 (items, labels)."""
    exact = (truth == guess).all(1)
    return np.column_stack([truth * guess, truth, guess, exact, nats, np.ones(len(truth))]).astype(float)


def label_scores(sums: np.ndarray) -> dict[str, np.ndarray]:
    """Macro and micro F1, macro precision and recall of labels, share of wholly right rows, and loss.

    All from sums (…, 3 labels + 3).

    As scikit-learn with zero_division=0: a label that is neither true nor guessed anywhere does not count.
    """
    hits, truth, guess = np.split(sums[..., :-3], 3, axis=-1)
    f1 = 2 * hits / np.maximum(truth + guess, 1)
    present = np.maximum(((truth + guess) > 0).sum(-1), 1)
    return {
        "macro_precision": (hits / np.maximum(guess, 1)).sum(-1) / present,
        "macro_recall": (hits / np.maximum(truth, 1)).sum(-1) / present,
        "macro_f1": f1.sum(-1) / present,
        "micro_f1": 2 * hits.sum(-1) / np.maximum((truth + guess).sum(-1), 1),
        "exact_match": sums[..., -3] / sums[..., -1],
        "loss": sums[..., -2] / sums[..., -1],
    }


def entity_scores(sums: np.ndarray) -> dict[str, np.ndarray]:
    """Figures of tagged words from sums (…, right, true and guessed entities of each type, right words, nats, words).

    An entity counts when type, beginning and end are right; precision, recall and F1 are over all types together.
    """
    hits, truth, guess = (part.sum(-1) for part in np.split(sums[..., :-3], 3, axis=-1))
    words = np.maximum(sums[..., -1], 1)
    return {
        "entity_f1": 2 * hits / np.maximum(truth + guess, 1),
        "entity_precision": hits / np.maximum(guess, 1),
        "entity_recall": hits / np.maximum(truth, 1),
        "word_accuracy": sums[..., -3] / words,
        "loss": sums[..., -2] / words,
    }


def pixel_scores(sums: np.ndarray) -> dict[str, np.ndarray]:
    """Mean intersection over union, share of right pixels and loss, from sums (…, loss, 3 classes, images).

    The three numbers of a class are its right, true and told pixels; one that is neither true nor told does not count.
    """
    hits, truth, told = np.split(sums[..., 1:-1], 3, axis=-1)
    union = truth + told - hits
    present = np.maximum((union > 0).sum(-1), 1)
    return {
        "miou": (hits / np.maximum(union, 1)).sum(-1) / present,
        "pixel_accuracy": hits.sum(-1) / np.maximum(truth.sum(-1), 1),
        "loss": sums[..., 0] / sums[..., -1],
    }


def regression_scores(truth: np.ndarray, guess: np.ndarray, deviation: float) -> dict[str, float]:
    """Errors in the unit of the numbers, R², rank correlation; loss in squared deviations of the training part.

    Where all true numbers are the same there is nothing to explain: R² is 0, as is the correlation of a constant.
    """
    error, spread = truth - guess, truth - truth.mean()
    square, whole = float((error**2).mean()), float((spread**2).mean())
    return {
        "rmse": math.sqrt(square),
        "mae": float(abs(error).mean()),
        "r2": 1 - square / whole if whole and np.ptp(truth) else 0.0,  # the mean of equal numbers may be another
        "spearman": _correlation(_ranks(truth), _ranks(guess)),
        "loss": square / deviation**2,
    }


def _ranks(values: np.ndarray) -> np.ndarray:
    """Places in order; equal values share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = math.sqrt(float((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / size if size else 0.0


def text_scores(nats: float, tokens: int, tokens_per_byte: float | None, hits: int) -> dict[str, float]:
    """Loss, perplexity, bits per byte and token accuracy from the summed loss in nats of `tokens` tokens.

    Bits per byte = loss / ln 2 × tokens per byte; unlike perplexity it can be compared across tokenizers. Without
    `tokens_per_byte`, where only some of the tokens were asked for, there is no such figure.
    """
    loss = nats / tokens
    scores = {"loss": loss, "perplexity": math.exp(min(loss, 700)), "token_accuracy": hits / tokens}
    return scores if tokens_per_byte is None else scores | {"bits_per_byte": loss / math.log(2) * tokens_per_byte}


def text_interval(
    nats: np.ndarray,
    tokens: np.ndarray,
    hits: np.ndarray,
    metric: str,
    tokens_per_byte: float | None,
    seed: int = 0,
    check: Check = unasked,
) -> list[float]:
    """95 % interval of a metric when blocks of text are drawn again; arguments are sums by block."""
    chance = generator(seed)
    values = []
    for _ in range(DRAWS):
        check()
        draw = chance.integers(len(nats), size=len(nats))
        scores = text_scores(float(nats[draw].sum()), int(tokens[draw].sum()), tokens_per_byte, int(hits[draw].sum()))
        values.append(scores[metric])
    return _middle(np.array(values))


def sums_interval(
    sums: np.ndarray, score: Callable[[np.ndarray], np.ndarray], seed: int = 0, check: Check = unasked
) -> list[float]:
    """95 % interval of what `score` makes of summed rows (…, columns), when rows are drawn again."""
    chance, count, at_once = generator(seed), len(sums), 50
    even, draws = np.full(count, 1 / count), []
    for _ in range(DRAWS // at_once):
        check()
        draws.append(chance.multinomial(count, even, size=at_once) @ sums)
    return _middle(score(np.concatenate(draws)))


def rows_drawn(rows: np.ndarray) -> int:
    """How many rows `rows_interval` draws each time: all of them, or as many as can be ranked in good time."""
    return min(len(rows), max(LEAST_DRAWN, MOST_DRAWN // (rows.size // max(1, len(rows)) or 1)))


def rows_interval(
    rows: np.ndarray, score: Callable[[np.ndarray], float], seed: int = 0, check: Check = unasked
) -> list[float]:
    """95 % interval of what `score` makes of rows, when they are drawn again.

    Of very many rows fewer are drawn than there are, and the spread, which shrinks with the root of how many they are,
    is brought to that of all (Bickel, Götze and van Zwet 1997, "Resampling fewer than n observations").
    """
    chance, values, count = generator(seed), [], rows_drawn(rows)
    for _ in range(DRAWS):
        check()
        values.append(score(rows[chance.integers(len(rows), size=count)]))
    found = np.array(values)
    if count < len(rows):
        found = score(rows) + (found - found.mean()) * math.sqrt(count / len(rows))
    return _middle(found)


def mean_interval(values: np.ndarray, seed: int = 0, check: Check = unasked) -> list[float]:
    """95 % interval of a mean when its values are drawn again."""
    return rows_interval(values, lambda drawn: float(drawn.mean()), seed, check)


def _middle(values: np.ndarray) -> list[float]:
    low, high = np.percentile(values, [2.5, 97.5])
    return [float(low), float(high)]
