"""The recall task: what a label may depend on."""

import numpy as np
import pytest

from attention_course.datasets import recall as task
from attention_course.errors import DataError


def test_the_first_symbol_is_the_label_and_all_others_are_distractors():
    symbols, labels = task.recall(203, lag=9, seed=4)
    assert symbols.shape == (203, 10)
    assert np.array_equal(symbols[:, 0], labels)
    assert symbols[:, 1:].min() == task.CUES
    assert symbols.max() == task.SYMBOLS - 1


def test_labels_are_balanced_so_that_guessing_scores_chance():
    for n in (400, 401, 403):
        counts = np.bincount(task.recall(n, lag=3, seed=0)[1], minlength=task.CUES)
        assert counts.max() - counts.min() <= 1
    assert task.CHANCE == 1 / task.CUES


def test_distractors_say_nothing_about_the_label():
    symbols, labels = task.recall(8_000, lag=5, seed=1)
    for cue in range(task.CUES):
        shares = np.bincount(symbols[labels == cue, 1:].ravel(), minlength=task.SYMBOLS)
        shares = shares[task.CUES :] / shares.sum()
        np.testing.assert_allclose(shares, 1 / task.DISTRACTORS, atol=0.02)


def test_a_seed_repeats_and_another_seed_differs():
    again = [task.recall(50, lag=20, seed=seed)[0] for seed in (1, 1, 2)]
    assert np.array_equal(again[0], again[1])
    assert not np.array_equal(again[0], again[2])


def test_one_hot():
    symbols, _ = task.recall(6, lag=4, seed=0)
    vectors = task.one_hot(symbols)
    assert vectors.shape == (6, 5, task.SYMBOLS)
    assert np.array_equal(vectors.argmax(axis=-1), symbols)
    assert np.array_equal(vectors.sum(axis=-1), np.ones((6, 5)))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: task.recall(0, lag=3, seed=0), "at least one sequence"),
        (lambda: task.recall(5, lag=-1, seed=0), "cannot be -1"),
        (lambda: task.one_hot([[0, task.SYMBOLS]]), "symbols 0 to 7"),
        (lambda: task.one_hot([[-1]]), "symbols 0 to 7"),
    ],
)
def test_bad_input_gets_a_sentence(call, words):
    with pytest.raises(DataError, match=words):
        call()
