"""Intervals, paired tests and accuracy by length, against SciPy and by hand."""

import numpy as np
import pytest
from scipy import stats

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
