"""The small sequence tasks of chapter 6 and the models trained on them."""

import numpy as np
import pytest

from attention_course.datasets.fibonacci import (
    LONGEST,
    fibonacci_sequence,
    fibonacci_windows,
    lagged_sum,
    marked_values,
)
from attention_course.errors import DataError


def test_the_sequence_follows_its_rule_and_stays_finite():
    numbers = fibonacci_sequence(LONGEST)
    assert numbers[:6].tolist() == [1, 1, 2, 3, 5, 8]
    np.testing.assert_allclose(numbers[2:], numbers[1:-1] + numbers[:-2], rtol=1e-12)
    assert np.isfinite(numbers).all()


@pytest.mark.parametrize("terms", [1, 0, LONGEST + 1])
def test_a_sequence_that_cannot_be_is_refused_in_words(terms):
    with pytest.raises(DataError, match=f"2 to {LONGEST}"):
        fibonacci_sequence(terms)


def test_windows_have_the_sizes_of_the_task():
    data = fibonacci_windows()
    assert data.x_train.shape == (826, 20, 1)
    assert data.y_train.shape == (826, 1)
    assert data.x_test.shape == (354, 20, 1)
    assert data.y_test.shape == (354, 1)
    starts = np.concatenate([data.start_train, data.start_test])
    assert sorted(starts) == list(range(1180))


def test_each_target_follows_its_window():
    data = fibonacci_windows()
    sequence = fibonacci_sequence()
    scaled = (sequence - 1) / (sequence.max() - 1)
    for x, y, starts in (
        (data.x_train, data.y_train, data.start_train),
        (data.x_test, data.y_test, data.start_test),
    ):
        for row in (0, 5, -1):
            np.testing.assert_array_equal(x[row, :, 0], scaled[starts[row] : starts[row] + 20])
            assert y[row, 0] == scaled[starts[row] + 20]


def test_the_shuffle_is_the_legacy_one():
    order = np.random.RandomState(13).permutation(1180)
    data = fibonacci_windows()
    np.testing.assert_array_equal(data.start_train, order[:826])
    np.testing.assert_array_equal(data.start_test, order[826:])


@pytest.mark.parametrize(
    "options", [{"steps": 1_200}, {"train_share": 1.0}, {"train_share": 0.0}, {"steps": 0}]
)
def test_windows_that_leave_nothing_are_refused(options):
    with pytest.raises(DataError, match="no window"):
        fibonacci_windows(**options)


def test_lag_one_is_the_last_value_of_a_window():
    x, y = lagged_sum(5, steps=4, lags=(1,))
    np.testing.assert_array_equal(y, x[:, -1])
    x, y = lagged_sum(5, steps=4, lags=(4,))
    np.testing.assert_array_equal(y, x[:, 0])


def test_lagged_sum_is_a_mean_and_repeats_by_seed():
    x, y = lagged_sum(400, seed=3)
    np.testing.assert_allclose(y, (x[:, -7] + x[:, -17]) / 2)
    assert np.abs(x).max() <= 1
    assert np.array_equal(lagged_sum(400, seed=3)[0], x)
    assert not np.array_equal(lagged_sum(400, seed=4)[0], x)


@pytest.mark.parametrize("options", [{"lags": (0,)}, {"lags": (21,)}, {"lags": ()}, {"count": 0}])
def test_impossible_lags_are_refused(options):
    with pytest.raises(DataError, match="lags from 1 to 20"):
        lagged_sum(**{"count": 3} | options)


@pytest.mark.parametrize("marks", [1, 2, 20])
def test_the_target_is_the_mean_of_what_is_marked(marks):
    x, y = marked_values(300, marks=marks, seed=3)
    assert x.shape == (300, 20, 2)
    assert set(np.unique(x[..., 1])) <= {0.0, 1.0}
    assert np.abs(x[..., 0]).max() <= 1
    np.testing.assert_array_equal(x[..., 1].sum(axis=1), marks)
    np.testing.assert_allclose(y[:, 0], (x[..., 0] * x[..., 1]).sum(axis=1) / marks)
    assert np.array_equal(marked_values(300, marks=marks, seed=3)[0], x)
    assert not np.array_equal(marked_values(300, marks=marks, seed=4)[0], x)


def test_every_step_is_marked_in_turn_and_none_but_those_allowed():
    everywhere = marked_values(4_000, seed=1)[0][..., 1].mean(axis=0)
    assert everywhere == pytest.approx(np.full(20, 0.05), abs=0.02)
    early = marked_values(2_000, among=slice(None, 10), seed=1)[0][..., 1].mean(axis=0)
    assert early[:10] == pytest.approx(np.full(10, 0.1), abs=0.03)
    assert not early[10:].any()


@pytest.mark.parametrize(
    "options", [{"count": 0}, {"marks": 0}, {"marks": 21}, {"among": slice(20, None)}]
)
def test_impossible_marks_are_refused(options):
    with pytest.raises(DataError, match="marks, not"):
        marked_values(**{"count": 3} | options)
