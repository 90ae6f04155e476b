"""Small sequence tasks: the next Fibonacci number, a sum of lagged values, and marked values.

The first is the task of chapter 6 as it is usually set, flaws included. The second has the same
form (20 values in, one value out) and really needs a look far back, always to the same places. In
the third the places are drawn anew for each window and marked in it.

In all, lag k means k steps before the value to predict: lag 1 is the last value of a window.
Windows are ``(n, steps, features)``, targets ``(n, 1)``. What leaves no data raises ``DataError``.
"""

from dataclasses import dataclass

import numpy as np

from attention_course.errors import DataError

LONGEST = 1_476
"""Fibonacci numbers beyond this index no longer fit into a double."""


@dataclass(frozen=True)
class Windows:
    """Windows ``x`` of a sequence, the value ``y`` that follows each, and where each begins.

    Starts are places in the sequence, shape ``(n,)``.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    start_train: np.ndarray
    start_test: np.ndarray


def fibonacci_sequence(terms: int = 1_200) -> np.ndarray:
    """The first ``terms`` Fibonacci numbers 1, 1, 2, 3, 5, ... as doubles, shape ``(terms,)``."""
    if not 2 <= terms <= LONGEST:
        raise DataError(
            "Ask for 2 to {longest} Fibonacci numbers, not {terms}.", longest=LONGEST, terms=terms
        )
    numbers = [1, 1]
    while len(numbers) < terms:
        numbers.append(numbers[-1] + numbers[-2])
    return np.array([float(number) for number in numbers])


def fibonacci_windows(
    terms: int = 1_200, steps: int = 20, train_share: float = 0.7, seed: int = 13
) -> Windows:
    """The task as it is set: scale the whole sequence, cut windows, shuffle them, split.

    The scaling uses the maximum of the whole sequence and neighbouring windows share
    ``steps - 1`` values, so the test windows are not new to the model. Both flaws are kept.

    Args:
        terms: length of the sequence, scaled to [0, 1] by its minimum and maximum.
        steps: values in a window.
        train_share: part of the windows used for training, between 0 and 1.
        seed: of the legacy generator that shuffles the windows.
    """
    sequence = fibonacci_sequence(terms)
    scaled = (sequence - sequence.min()) / (sequence.max() - sequence.min())
    count = terms - steps
    trained = int(count * train_share)
    if steps < 1 or not 0 < trained < count:
        raise DataError(
            "{terms} terms, windows of {steps} and a training share of {train_share} leave no "
            "window for training or none for the test.",
            terms=terms,
            steps=steps,
            train_share=train_share,
        )
    order = np.random.RandomState(seed).permutation(count)
    windows = np.stack([scaled[start : start + steps] for start in order])[..., np.newaxis]
    targets = scaled[order + steps][:, np.newaxis]
    parts = (windows, targets, order)
    x_train, y_train, start_train = (part[:trained] for part in parts)
    x_test, y_test, start_test = (part[trained:] for part in parts)
    return Windows(x_train, y_train, x_test, y_test, start_train, start_test)


def lagged_sum(
    count: int, steps: int = 20, lags: tuple[int, ...] = (7, 17), seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """The repaired task: predict the mean of the values ``lags`` steps back.

    Returns ``count`` windows, each drawn afresh by NumPy's ``default_rng(seed)``, uniform in
    [-1, 1], and their targets.
    """
    if count < 1 or not lags or not all(1 <= lag <= steps for lag in lags):
        raise DataError(
            "Ask for at least one window and for lags from 1 to {steps}, not {count} and {lags}.",
            steps=steps,
            count=count,
            lags=lags,
        )
    windows = np.random.default_rng(seed).uniform(-1.0, 1.0, size=(count, steps, 1))
    targets = np.mean([windows[:, steps - lag] for lag in lags], axis=0)
    return windows, targets


def marked_values(
    count: int, steps: int = 20, marks: int = 1, seed: int = 0, among: slice | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The task in which content decides: predict the mean of the values that are marked.

    Args:
        count: number of windows, each drawn afresh by NumPy's ``default_rng(seed)``.
        steps: length of a window.
        marks: how many different steps of each window are marked.
        seed: of the generator.
        among: the steps that may be marked, all of them if None.

    Returns:
        Windows ``(count, steps, 2)``, a value uniform in [-1, 1] and a mark of 0 or 1 at each
        step, and their targets.
    """
    allowed = np.arange(steps)[slice(None) if among is None else among]
    if count < 1 or not 1 <= marks <= len(allowed):
        raise DataError(
            "Ask for at least one window and for 1 to {allowed} marks, not {count} and {marks}.",
            allowed=len(allowed),
            count=count,
            marks=marks,
        )
    random = np.random.default_rng(seed)
    values = random.uniform(-1.0, 1.0, size=(count, steps))
    chosen = random.permuted(np.tile(allowed, (count, 1)), axis=1)[:, :marks]
    marked = np.zeros((count, steps))
    np.put_along_axis(marked, chosen, 1.0, axis=1)
    targets = np.take_along_axis(values, chosen, axis=1).mean(axis=1, keepdims=True)
    return np.stack([values, marked], axis=-1), targets
