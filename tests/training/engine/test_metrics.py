"""Figures against scikit-learn and by hand."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    classification_report,
    precision_recall_curve,
    precision_recall_fscore_support,
    roc_auc_score,
    roc_curve,
)

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


@pytest.mark.parametrize("value", [0.1, 0.3, 1 / 3, -0.7, 1e6 + 0.1, 0.0, 5e-324])
@pytest.mark.parametrize("count", [1, 3, 7, 30])
def test_where_all_numbers_are_the_same_nothing_is_explained(value: float, count: int) -> None:
    """Though their mean may be another number, by rounding."""
    scores = metrics.regression_scores(np.full(count, value), np.full(count, value) + np.arange(count), 1.0)
    assert (scores["r2"], scores["spearman"]) == (0.0, 0.0)
    assert scores["mae"] == pytest.approx((count - 1) / 2)


@pytest.mark.parametrize(
    ("truth", "guess", "deviation", "wanted"),
    [
        ([1, 2, 3], [1, 2, 3], 2, {"rmse": 0, "mae": 0, "r2": 1, "spearman": 1, "loss": 0}),
        ([1, 2, 3], [3, 2, 1], 2, {"rmse": (8 / 3) ** 0.5, "mae": 4 / 3, "r2": -3, "spearman": -1, "loss": 2 / 3}),
        ([0, 4], [2, 2], 1, {"rmse": 2, "mae": 2, "r2": 0, "spearman": 0, "loss": 4}),
        ([1, 10, 100], [1, 2, 3], 10, {"mae": 105 / 3, "spearman": 1, "loss": (64 + 97**2) / 3 / 100}),
    ],
)
def test_regression_by_hand(truth: list[int], guess: list[int], deviation: float, wanted: dict[str, float]) -> None:
    found = metrics.regression_scores(np.array(truth, float), np.array(guess, float), deviation)
    assert {name: found[name] for name in wanted} == pytest.approx(wanted)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("levels", [3, 1_000])
def test_curves_are_those_of_scikit_learn(seed: int, levels: int) -> None:
    """With scores of which many are equal, and with hardly any."""
    chance = np.random.default_rng(seed)
    truth = chance.random(50) < 0.3 + 0.1 * seed
    scores = chance.integers(levels, size=50) / levels + 0.2 * truth
    found = metrics.ranking(truth, scores)
    assert found is not None
    wrong, recalls, _ = roc_curve(truth, scores, drop_intermediate=False)
    np.testing.assert_allclose(found["roc"], np.column_stack([wrong, recalls]), atol=5e-5)
    assert found["roc_auc"] == pytest.approx(roc_auc_score(truth, scores), abs=1e-6)
    assert found["average_precision"] == pytest.approx(average_precision_score(truth, scores), abs=1e-6)
    precision, recall, _ = precision_recall_curve(truth, scores)
    np.testing.assert_allclose(found["pr"][1:], np.column_stack([recall, precision])[::-1][1:], atol=5e-5)
    assert found["rows"] == truth.sum()


def test_labels_that_all_or_none_have_are_not_ranked() -> None:
    truth = np.array([[1, 1, 0], [1, 0, 0], [1, 0, 0], [1, 1, 0]])
    scores = np.array([[0.1, 0.9, 0.3], [0.2, 0.4, 0.2], [0.9, 0.5, 0.2], [0.4, 0.1, 0.7]])
    found = metrics.rankings(truth, scores, ["all", "some", "none"])
    assert list(found["labels"]) == ["some"]
    # Of four pairs of a true and a false one, 0.9 is before both and 0.1 before none.
    assert found["roc_auc"] == found["labels"]["some"]["roc_auc"] == 0.5
    # At the first true one all are true, at the second two of four.
    assert found["average_precision"] == 0.75
    assert metrics.rankings(truth[:, [0, 2]], scores[:, [0, 2]], ["all", "none"]) == {"labels": {}}


@pytest.mark.parametrize("count", [2, 59, 60, 61, 5_000])
def test_a_curve_keeps_its_ends_and_has_at_most_sixty_points(count: int) -> None:
    truth = np.arange(count) % 2 == 0
    found = metrics.ranking(truth, np.linspace(1, 0, count))
    assert found is not None
    for name, first in (("roc", [0, 0]), ("pr", [0, 1])):
        curve = found[name]
        assert len(curve) == min(count + 1, metrics.CURVE_POINTS) and curve[0] == first
        assert curve[-1][0] == 1
        assert [point[0] for point in curve] == sorted(point[0] for point in curve)


@pytest.mark.parametrize("seed", range(3))
def test_calibration_is_the_gap_summed_bin_by_bin(seed: int) -> None:
    chance = np.random.default_rng(seed)
    surety = np.append(chance.random(200), [0.0, 1.0, 0.5])
    right = chance.random(203) < surety**2
    error = 0.0
    for low in range(10):
        own = [n for n, s in enumerate(surety) if low / 10 <= s < (low + 1) / 10 or (low == 9 and s == 1)]
        error += abs(sum(right[own]) - sum(surety[own])) / 203
    found = metrics.calibration(right, surety)
    assert found["ece"] == pytest.approx(error, abs=1e-6)
    assert sum(one["rows"] for one in found["bins"]) == 203
    assert metrics.calibration(right, surety)["bins"][9]["rows"] == (surety >= 0.9).sum()


def test_a_table_of_classes_is_the_report_of_scikit_learn() -> None:
    chance = np.random.default_rng(2)
    truth, guess = chance.integers(5, size=90), chance.integers(4, size=90)  # the last is never guessed
    names = list("abcde")
    table = metrics.class_table(metrics.confusion(truth, guess, 5), names)
    wanted = classification_report(truth, guess, target_names=names, output_dict=True, zero_division=0)
    for name in names:
        theirs = {"rows": wanted[name]["support"], "f1": wanted[name]["f1-score"]}
        theirs |= {key: wanted[name][key] for key in ("precision", "recall")}
        assert table[name] == pytest.approx(theirs, abs=1e-6)


def test_confusion_counts_every_pair_once() -> None:
    matrix = metrics.confusion(np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 0, 2, 2]), 4)
    assert matrix.tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [1, 0, 2, 0], [0, 0, 0, 0]]
    many = metrics.classification_scores(np.stack([matrix, matrix.T]))
    one = metrics.classification_scores(matrix)
    assert [float(many[name][0]) for name in one] == [float(value) for value in one.values()]
    assert float(many["macro_precision"][1]) == pytest.approx(float(one["macro_recall"]))


@pytest.mark.parametrize(
    ("sums", "wanted"),
    [
        # right, true, guessed of two types; right words, nats, words
        ([2, 1, 4, 2, 3, 1, 9, 5, 10], (6 / 10, 3 / 4, 3 / 6, 0.9, 0.5)),
        ([0, 0, 0, 0, 0, 0, 7, 14, 7], (0, 0, 0, 1, 2)),
        ([0, 0, 3, 0, 0, 2, 0, 0, 0], (0, 0, 0, 0, 0)),
    ],
)
def test_entities_by_hand(sums: list[float], wanted: tuple[float, ...]) -> None:
    found = metrics.entity_scores(np.array(sums, float))
    names = ("entity_f1", "entity_precision", "entity_recall", "word_accuracy", "loss")
    assert [float(found[name]) for name in names] == pytest.approx(wanted)


def test_pixels_by_hand() -> None:
    """Of three classes the third is nowhere: 6 of 10 and 2 of 6 in common with what was told."""
    found = metrics.pixel_scores(np.array([3.0, 6, 2, 0, 8, 4, 0, 8, 4, 0, 2]))
    wanted = {"miou": (6 / 10 + 2 / 6) / 2, "pixel_accuracy": 8 / 12, "loss": 1.5}
    assert {name: float(value) for name, value in found.items()} == pytest.approx(wanted)


def test_rows_that_are_summed_score_as_they_do_together() -> None:
    """Whatever is drawn again is summed first: scores of sums are those of all rows."""
    chance = np.random.default_rng(3)
    truth, guess = chance.integers(2, size=(2, 30, 3))
    rows = metrics.label_sums(truth, guess, chance.random(30))
    whole = metrics.label_scores(rows.sum(0))
    stacked = metrics.label_scores(np.stack([rows[:10].sum(0), rows.sum(0)]))
    assert {name: float(value[1]) for name, value in stacked.items()} == pytest.approx(
        {name: float(value) for name, value in whole.items()}
    )
    assert float(whole["loss"]) == pytest.approx(rows[:, -2].mean())


@pytest.mark.parametrize(
    ("nats", "tokens", "per_byte", "hits", "wanted"),
    [
        (0.0, 5, 1.0, 5, {"loss": 0, "perplexity": 1, "token_accuracy": 1, "bits_per_byte": 0}),
        (10 * math.log(2), 10, 0.25, 0, {"loss": math.log(2), "perplexity": 2, "bits_per_byte": 0.25}),
        (1e6, 10, None, 0, {"loss": 1e5, "perplexity": math.exp(700)}),  # as far as a number reaches
    ],
)
def test_texts_by_hand(nats: float, tokens: int, per_byte: float | None, hits: int, wanted: dict[str, float]) -> None:
    found = metrics.text_scores(nats, tokens, per_byte, hits)
    assert {name: found[name] for name in wanted} == pytest.approx(wanted)
    assert ("bits_per_byte" in found) is (per_byte is not None)


INTERVALS: dict[str, Callable[[np.ndarray, int], list[float]]] = {
    "mean": lambda values, seed: metrics.mean_interval(values, seed),
    "rows": lambda values, seed: metrics.rows_interval(values[:, None], lambda drawn: float(drawn.mean()), seed),
    "sums": lambda values, seed: metrics.sums_interval(
        np.column_stack([values, np.ones(len(values))]), lambda sums: sums[..., 0] / sums[..., 1], seed
    ),
    "text": lambda values, seed: metrics.text_interval(
        values, np.ones(len(values), int), np.zeros(len(values), int), "loss", None, seed
    ),
}


@pytest.mark.parametrize("kind", INTERVALS)
def test_intervals_are_drawn_with_their_seed_and_cover_the_mean(kind: str) -> None:
    """40 samples of 40 values with mean 5: 95 of 100 intervals hold it, of which a few less are allowed."""
    work, chance = INTERVALS[kind], np.random.default_rng(5)
    values = chance.normal(5, 2, size=(40, 40))
    found = np.array([work(row, 3) for row in values])
    assert work(values[0], 3) == found[0].tolist() != work(values[0], 4)
    assert 33 <= ((found[:, 0] <= 5) & (found[:, 1] >= 5)).sum() <= 40
    widths = found[:, 1] - found[:, 0]
    assert widths.mean() == pytest.approx(2 * 1.96 * 2 / 40**0.5, rel=0.1)
    same = np.full(6, 2.5)
    assert work(same, 1) == [2.5, 2.5]
    shifted = np.array(work(values[0] + 10, 3))
    np.testing.assert_allclose(shifted, found[0] + 10)


def test_an_interval_of_a_matrix_is_that_of_its_rows() -> None:
    chance = np.random.default_rng(6)
    truth = chance.integers(3, size=120)
    guess = np.where(chance.random(120) < 0.7, truth, chance.integers(3, size=120))
    matrix = metrics.confusion(truth, guess, 3)
    for metric in ("accuracy", "macro_f1", "macro_recall"):
        rows = np.column_stack([truth, guess])
        drawn = metrics.rows_interval(
            rows,
            lambda found, metric=metric: float(
                metrics.classification_scores(metrics.confusion(found[:, 0], found[:, 1], 3))[metric]
            ),
        )
        assert metrics.classification_interval(matrix, metric) == pytest.approx(drawn, abs=0.02)
