"""Figures against scikit-learn and by hand."""

import math

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, precision_recall_fscore_support, roc_auc_score

from training.engine import metrics


def test_classification_scores_are_those_of_scikit_learn() -> None:
    chance = np.random.default_rng(3)
    for classes in (2, 3, 7):
        truth, guess = chance.integers(classes, size=40), chance.integers(classes, size=40)
        guess[guess == classes - 1] = 0
        matrix = metrics.confusion(truth, guess, classes)
        precision, recall, f1, _ = precision_recall_fscore_support(truth, guess, average="macro", zero_division=0)
        scores = metrics.classification_scores(matrix)
        found = [scores[name] for name in ("accuracy", "macro_precision", "macro_recall", "macro_f1")]
        assert found == pytest.approx([accuracy_score(truth, guess), precision, recall, f1])


def test_class_that_is_nowhere_does_not_count() -> None:
    scores = metrics.classification_scores(np.array([[2, 0, 0], [0, 2, 0], [0, 0, 0]]))
    assert scores["macro_f1"] == 1.0


def test_class_table_by_hand() -> None:
    table = metrics.class_table(np.array([[3, 1], [2, 4]]), ["no", "yes"])
    assert table["no"] == {"precision": 0.6, "recall": 0.75, "f1": pytest.approx(2 / 3, abs=1e-6), "rows": 4}


def test_text_scores_by_hand() -> None:
    """Every token has probability 1/8: perplexity 8, three bits a token; two bytes a token make 1.5 bits a byte."""
    scores = metrics.text_scores(100 * math.log(8), 100, 0.5, 25)
    expected = {"loss": math.log(8), "perplexity": 8, "bits_per_byte": 1.5, "token_accuracy": 0.25}
    assert scores == pytest.approx(expected)


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """200 samples of 150 rows from a classifier that is right in 80 of 100 cases."""
    chance = np.random.default_rng(8)
    covered = 0
    for n in range(200):
        hits = int((chance.random(150) < 0.8).sum())
        low, high = metrics.classification_interval(np.array([[hits, 150 - hits], [0, 0]]), "accuracy", seed=n)
        covered += low <= 0.8 <= high
    assert 180 <= covered <= 200


def test_text_interval_surrounds_the_value() -> None:
    chance = np.random.default_rng(9)
    nats, tokens = chance.normal(200, 20, size=60), np.full(60, 64)
    low, high = metrics.text_interval(nats, tokens, tokens // 4, "perplexity", 1.0)
    value = metrics.text_scores(nats.sum(), tokens.sum(), 1.0, 0)["perplexity"]
    assert low < value < high
    assert metrics.text_interval(nats, tokens, tokens // 4, "token_accuracy", 1.0) == [0.25, 0.25]


def test_label_scores_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import f1_score

    chance = np.random.default_rng(4)
    truth, guess = chance.integers(2, size=(2, 50, 6))
    scores = metrics.label_scores(metrics.label_sums(truth, guess, np.full(50, 0.5)).sum(0))
    expected = {
        "macro_f1": f1_score(truth, guess, average="macro"),
        "micro_f1": f1_score(truth, guess, average="micro"),
        "exact_match": accuracy_score(truth, guess),
        "loss": 0.5,
    }
    assert {name: scores[name] for name in expected} == pytest.approx(expected)


def test_regression_scores_are_those_of_scikit_learn_and_scipy() -> None:
    from scipy.stats import spearmanr
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    chance = np.random.default_rng(5)
    truth = chance.integers(10, size=80).astype(float)  # with ties
    guess = truth + chance.normal(0, 3, size=80).round()
    expected = {
        "rmse": root_mean_squared_error(truth, guess),
        "mae": mean_absolute_error(truth, guess),
        "r2": r2_score(truth, guess),
        "spearman": spearmanr(truth, guess).statistic,
        "loss": root_mean_squared_error(truth, guess) ** 2 / 4,
    }
    assert metrics.regression_scores(truth, guess, 2.0) == pytest.approx(expected)
    flat = metrics.regression_scores(np.ones(5), np.arange(5.0), 1.0)
    assert (flat["r2"], flat["spearman"]) == (0.0, 0.0)


def test_both_ways_to_draw_rows_again_agree() -> None:
    chance = np.random.default_rng(6)
    rows = chance.normal(3, 1, size=(300, 1))
    drawn = metrics.rows_interval(rows, lambda found: float(found.mean()))
    summed = metrics.sums_interval(np.column_stack([rows, np.ones(300)]), lambda sums: sums[..., 0] / sums[..., 1])
    assert drawn == pytest.approx(summed, abs=0.02)
    assert drawn[1] - drawn[0] == pytest.approx(2 * 1.96 / 300**0.5, rel=0.1)


@pytest.mark.parametrize("columns", [1, 40])
def test_an_interval_of_many_rows_draws_a_bounded_number(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "MOST_DRAWN", 8_000, raising=False)
    monkeypatch.setattr(metrics, "LEAST_DRAWN", 100, raising=False)
    rows = np.random.default_rng(12).normal(size=(20_000, columns))
    sizes: set[int] = set()

    def score(drawn: np.ndarray) -> float:
        sizes.add(drawn.size)
        return float(drawn[:, 0].mean())

    low, high = metrics.rows_interval(rows, score)
    assert sizes == {metrics.rows_drawn(rows) * columns, rows.size} and min(sizes) <= metrics.MOST_DRAWN
    assert high - low == pytest.approx(2 * 1.96 / 20_000**0.5, rel=0.1)  # that of all rows
    assert low < rows[:, 0].mean() < high
    assert metrics.rows_drawn(rows[:50]) == 50


def test_roc_auc_is_that_of_scikit_learn() -> None:
    chance = np.random.default_rng(12)
    truth = chance.random((80, 4)) < [0.5, 0.2, 0.7, 0.4]
    scores = np.round(chance.random((80, 4)) + 0.3 * truth, 1)  # with many equal ones
    assert metrics.roc_auc(truth, scores) == pytest.approx(roc_auc_score(truth, scores, average="macro"))
    truth[:, 2] = True  # a label that all have does not count
    expected = roc_auc_score(truth[:, [0, 1, 3]], scores[:, [0, 1, 3]], average="macro")
    assert metrics.roc_auc(truth, scores) == pytest.approx(expected)
    assert metrics.roc_auc(np.ones((5, 2), bool), np.zeros((5, 2))) == 0.5


def test_macro_figures_of_labels_are_those_of_scikit_learn() -> None:
    chance = np.random.default_rng(13)
    truth, guess = (chance.integers(2, size=(60, 4)) for _ in range(2))
    precision, recall, f1, _ = precision_recall_fscore_support(truth, guess, average="macro", zero_division=0)
    scores = metrics.label_scores(metrics.label_sums(truth, guess, np.zeros(60)).sum(0))
    found = [scores[name] for name in ("macro_precision", "macro_recall", "macro_f1")]
    assert found == pytest.approx([precision, recall, f1])
