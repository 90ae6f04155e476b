"""Intervals and accuracy by length, against SciPy and by hand; the baselines on toy data."""

import numpy as np
import pytest
from scipy import stats

from attention_course import baselines
from attention_course.datasets.imdb import Reviews
from attention_course.evaluation import (
    accuracy_by_length,
    accuracy_report,
    evaluate_cards,
    mean_interval,
    wilson_interval,
)


@pytest.mark.parametrize(("correct", "total"), [(0, 10), (7, 10), (10, 10), (21_000, 25_000)])
def test_wilson_interval_agrees_with_scipy(correct, total):
    expected = stats.binomtest(correct, total).proportion_ci(0.95, method="wilson")
    assert wilson_interval(correct, total) == pytest.approx(tuple(expected), abs=1e-9)


@pytest.mark.parametrize(("correct", "total"), [(1, 0), (-1, 5), (6, 5)])
def test_wilson_interval_refuses_what_is_no_proportion(correct, total):
    with pytest.raises(ValueError, match="no proportion"):
        wilson_interval(correct, total)


def test_mean_interval_agrees_with_scipy():
    values = [0.1, 0.4, 0.3, 0.9, 0.5]
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert mean_interval(values)["interval"] == pytest.approx(tuple(expected))
    assert mean_interval([0.5]) == {"mean": 0.5, "interval": None}


def test_groups_by_length_hold_every_review_once():
    rng = np.random.default_rng(0)
    right, lengths = rng.random(500) < 0.8, rng.integers(1, 900, 500)
    groups = accuracy_by_length(right, lengths)
    assert sum(group["examples"] for group in groups) == 500
    total = sum(group["accuracy"] * group["examples"] for group in groups)
    assert total / 500 == pytest.approx(right.mean(), abs=1e-4)
    assert accuracy_by_length([True], [100])[0]["words"] == "1-100"
    assert accuracy_by_length([True], [101])[0]["words"] == "101-150"
    assert accuracy_by_length([True], [501])[0]["words"] == "over 500"


def test_report_counts_exactly_one_half_as_negative():
    report = accuracy_report([[0.5], [0.51], [0.2]], [1, 1, 0])
    assert report["score"] == pytest.approx(2 / 3, abs=1e-5)
    assert "by_length" not in report


def test_pairs_do_not_collide_with_words_or_each_other():
    (keys,) = baselines.ngrams([[5, 6, 5, 6]])
    assert len(keys) == 4  # 5, 6, "5 6", "6 5"
    (reverse,) = baselines.ngrams([[6, 5]])
    assert set(reverse) < set(keys)
    (single,) = baselines.ngrams([[0]])
    assert single.tolist() == [0]


def test_indicator_matrix_leaves_unknown_grams_out():
    grams = [np.array([1, 5, 9]), np.array([9, 10])]
    x = baselines.indicator_matrix(grams, np.array([1, 9])).toarray()
    assert x.tolist() == [[1, 1], [0, 1]]


def test_log_count_ratio_by_hand():
    import scipy.sparse as sparse

    x = sparse.csr_matrix([[1, 0], [1, 1], [0, 1]])
    y = np.array([1, 1, 0])
    # positive counts (2, 1) + 1 = (3, 2) of 5; negative (0, 1) + 1 = (1, 2) of 3
    expected = np.log([(3 / 5) / (1 / 3), (2 / 5) / (2 / 3)])
    np.testing.assert_allclose(baselines.log_count_ratio(x, y), expected)


def test_baseline_learns_pairs_that_words_alone_cannot_tell(monkeypatch):
    """'1 2' is positive and '2 1' negative: single words are useless, pairs decide."""
    monkeypatch.setattr(baselines, "VALIDATION", 20)
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    rows = [[1, 2] if label else [2, 1] for label in y]
    rows = [[int(rng.integers(10, 40)), *row, int(rng.integers(10, 40))] for row in rows]
    reviews = Reviews(rows[:60], y[:60], rows[60:], y[60:], "0" * 64)
    assert baselines.nb_logistic_regression(reviews)["test"]["score"] == 1.0
    assert baselines.constant(reviews)["test"]["score"] == 0.5


class Recorded:
    """A recipe whose evaluation returns a given score."""

    def __init__(self, score):
        self.score = score

    def load_data(self):
        return None

    def evaluate(self, model, splits):
        return {"score": self.score}


@pytest.mark.parametrize(
    ("metric", "stored", "measured", "agrees"),
    [
        ("accuracy", 0.88, 0.8809, True),
        ("accuracy", 0.88, 0.8812, False),
        ("mean squared error", 5e-6, 5.02e-6, True),
        ("mean squared error", 5e-6, 6e-6, False),
        ("mean squared error", 5e-6, float("nan"), False),
    ],
)
def test_a_card_that_differs_is_noticed(monkeypatch, capsys, metric, stored, measured, agrees):
    card = {"test": {"score": stored, "metric": metric}}
    monkeypatch.setattr("attention_course.cards.load_card", lambda name: card)
    monkeypatch.setattr("attention_course.models.load", lambda name: None)
    monkeypatch.setattr("attention_course.models.recipe", lambda name: Recorded(measured))
    assert evaluate_cards(["any"]) is agrees
    assert ("DIFFERENT" in capsys.readouterr().out) is not agrees
