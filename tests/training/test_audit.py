"""Intervals and accuracy by length, against SciPy and by hand; the baselines on toy data."""

import copy
import hashlib
import re

import numpy as np
import pytest
from scipy import stats

from attention_course.datasets.imdb import Reviews
from attention_course.errors import ModelError
from attention_course.statistics import (
    accuracy_by_length,
    accuracy_report,
    mcnemar,
    mean_interval,
    pack_answers,
    unpack_answers,
    wilson_interval,
)
from attention_course.training import baselines
from attention_course.training.audit import contradictions, differences, evaluate_cards


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
    keys = baselines.ngrams([5, 6, 5, 6])
    assert len(set(keys)) == 4  # 5, 6, "5 6", "6 5"
    assert set(baselines.ngrams([6, 5])) < set(keys)
    assert baselines.ngrams([0]) == [0]


def test_features_are_the_ngrams_of_two_reviews_times_their_ratio():
    reviews, y = [[1, 2], [1, 2, 3], [2, 1]], np.array([1, 1, 0])
    # 1, 2 and the pair "1 2" are in two reviews; counts in positive and in negative ones, plus 1:
    positive, negative = np.array([3, 3, 3]), np.array([2, 2, 1])
    ratio = np.log((positive / 9) / (negative / 5))
    found = baselines._weighing(reviews, y)([[2, 2, 1, 2], [3, 9], [1]]).toarray()
    np.testing.assert_allclose(found, [ratio, [0, 0, 0], [ratio[0], 0, 0]], rtol=1e-6)
    counts = np.array([2, 2, 2]), np.array([1, 1, 0])
    np.testing.assert_allclose(baselines.log_count_ratio(*counts, smoothing=1), ratio)


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


def test_answers_survive_packing():
    for count in (1, 7, 8, 9, 250):
        right = np.random.default_rng(count).random(count) < 0.5
        report = {"examples": count, "right": pack_answers(right)}
        np.testing.assert_array_equal(unpack_answers(report), right)


@pytest.mark.parametrize(
    "report",
    [{}, {"examples": 8}, {"examples": 9, "right": "AA=="}, {"examples": 8, "right": "no base64"}],
)
def test_damaged_answers_are_refused(report):
    with pytest.raises(ModelError, match="missing or damaged"):
        unpack_answers(report)


def test_mcnemar_by_hand_and_against_scipy():
    # 6 right by the first alone, 1 by the second alone, 3 by both.
    first = [1] * 6 + [0] + [1] * 3
    second = [0] * 6 + [1] + [1] * 3
    result = mcnemar(first, second)
    assert (result["only_first"], result["only_second"]) == (6, 1)
    assert result["difference"] == pytest.approx(-0.5)
    # 2 * (C(7, 0) + C(7, 1)) / 2**7
    assert result["p_value"] == pytest.approx(2 * 8 / 128)
    rng = np.random.default_rng(0)
    first, second = rng.random(4000) < 0.88, rng.random(4000) < 0.86
    result = mcnemar(first, second)
    expected = stats.ttest_rel(second.astype(float), first.astype(float)).confidence_interval()
    assert result["interval"] == pytest.approx(tuple(expected), rel=1e-2)
    swapped = mcnemar(second, first)
    assert swapped["p_value"] == result["p_value"]
    assert swapped["difference"] == -result["difference"]


def test_mcnemar_of_equal_answers_and_of_answers_that_do_not_fit():
    assert mcnemar([1, 0, 1], [1, 0, 1])["p_value"] == 1.0
    for pair in (([], []), ([1], [1, 0])):
        with pytest.raises(ValueError, match="not about the same"):
            mcnemar(*pair)


def report_of(right, lengths=None):
    return accuracy_report(right, np.ones(len(right)), lengths)


@pytest.fixture
def card(monkeypatch, tmp_path):
    """A card of two seeds that agrees with itself."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 900, 400)
    reports = [report_of(rng.random(400) < share, lengths) for share in (0.8, 0.85)]
    file = tmp_path / "any.keras"
    file.write_bytes(b"weights")
    monkeypatch.setattr("attention_course.assets.fetch", lambda name: file)
    scores = [report["score"] for report in reports]
    return {
        "seeds": [0, 1],
        "runs": [
            {
                "seed": seed,
                "kept_epoch": 2,
                "history": {"val_loss": [0.5, 0.4, 0.6]},
                "seconds_per_epoch": [1.0, 2.0, 3.0],
                "test": test,
            }
            for seed, test in enumerate(reports)
        ],
        "recipe": {"epoch_kept": "lowest val_loss"},
        "training": {"seconds_total": 12.0},
        "test": copy.deepcopy(reports[0]),
        "scores": {"by_seed": scores, **mean_interval(scores)},
        "baseline": {"test": report_of(rng.random(400) < 0.7)},
        "file": {"path": "any.keras", "sha256": hashlib.sha256(b"weights").hexdigest()},
    }


def change(card, *path, by=lambda value: value + 0.002):
    """The card with one value changed."""
    changed = copy.deepcopy(card)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = by(inner[path[-1]])
    return changed


def test_a_card_that_agrees_with_itself(card):
    assert list(contradictions(card)) == []


@pytest.mark.parametrize(
    ("path", "by", "told"),
    [
        (("runs", 1, "test", "score"), lambda v: v + 0.01, "score .* does not follow"),
        (("runs", 0, "test", "interval"), lambda v: [v[0], v[1] + 0.01], "interval .* follow"),
        (("runs", 1, "test", "by_length", 0, "accuracy"), lambda v: v / 2, "do not add up"),
        (("runs", 1, "test", "examples"), lambda v: v - 1, "examples|score"),
        (("scores", "mean"), lambda v: v + 0.001, "scores are not those"),
        (("scores", "interval"), lambda v: [0.7, 0.9], "scores are not those"),
        (("scores", "by_seed"), lambda v: v[::-1], "scores are not those"),
        (("seeds",), lambda v: [0, 2], "seeds are not"),
        (("test", "score"), lambda v: v + 0.01, "not that of the first run"),
        (("file", "sha256"), lambda v: "0" * 64, "sha256"),
        (("runs", 1, "kept_epoch"), lambda v: 1, "epoch kept"),
        (("runs", 0, "history", "val_loss"), lambda v: [*v[::-1], 0.1], "epoch kept"),
        (("runs", 1, "test", "metric"), lambda v: "share", "metric"),
        (("runs", 1, "test", "by_length", 1, "interval"), lambda v: [0.1, 0.2], "interval of"),
        (("training", "seconds_total"), lambda v: 1.0, "seconds"),
        (("baseline", "test", "score"), lambda v: v + 0.01, "baseline: score"),
    ],
)
def test_a_card_that_lies_is_found_out_without_the_data(card, path, by, told):
    found = " ".join(contradictions(change(card, *path, by=by)))
    assert re.search(told, found)


@pytest.mark.parametrize(
    "path",
    [("score",), ("interval", 1), ("by_length", 2, "accuracy"), ("by_length", 3, "examples")],
)
def test_every_figure_is_compared(card, path):
    test = card["test"]
    assert list(differences(test, test)) == []
    assert list(differences(change(test, *path), test))
    assert list(differences(test, change(test, *path)))


def test_missing_figures_and_other_answers_are_differences(card):
    test = card["test"]
    assert list(differences({**test, "more": 1}, test))
    assert list(differences(test, {**test, "more": 1}))
    right = unpack_answers(test)
    # As many right answers, but other ones.
    assert list(differences({**test, "right": pack_answers(right[::-1])}, test))
    one = right.copy()
    one[0] = not one[0]
    assert list(differences({**test, "right": pack_answers(one)}, test, tolerance=1 / 300)) == []


class Recorded:
    """A recipe whose evaluation returns a given score."""

    def __init__(self, score, metric):
        self.test = {"score": score, "metric": metric}

    def load_data(self):
        return None

    def evaluate(self, model, splits):
        return self.test


@pytest.mark.parametrize(
    ("metric", "stored", "measured", "agrees"),
    [
        ("share", 0.88, 0.8809, True),
        ("share", 0.88, 0.8812, False),
        ("mean squared error", 5e-6, 5.02e-6, True),
        ("mean squared error", 5e-6, 6e-6, False),
        ("mean squared error", 5e-6, float("nan"), False),
    ],
)
def test_a_card_that_differs_is_noticed(
    monkeypatch, capsys, card, metric, stored, measured, agrees
):
    test = {"score": stored, "metric": metric}
    card = {
        **card,
        "seeds": [0],
        "test": test,
        "runs": [{**card["runs"][0], "test": test}],
        "training": {"seconds_total": 6.0},
        "scores": {"by_seed": [stored], **mean_interval([stored])},
    }
    monkeypatch.setattr("attention_course.models.cards.load_card", lambda name: card)
    monkeypatch.setattr("attention_course.models.load", lambda name: None)
    monkeypatch.setattr(
        "attention_course.training.audit.find_recipe", lambda name: Recorded(measured, metric)
    )
    assert evaluate_cards(["any"]) is agrees
    assert ("DIFFERENT" in capsys.readouterr().out) is not agrees
