"""The recall task and its models: what a label may depend on, and what the cards must hold."""

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


def test_splits_share_no_seed():
    from attention_course.training.recipes.recall import SIZES, load_splits

    splits = load_splits(lag=7)
    assert splits.x_train.shape == (SIZES["train"], 8, task.SYMBOLS)
    assert len(set(splits.provenance["data_seeds"].values())) == 3
    assert not np.array_equal(splits.x_train[: len(splits.x_val)], splits.x_val)


def test_forget_bias_sets_the_forget_gates_alone():
    from attention_course.models.recall import UNITS, recall_lstm

    bias = recall_lstm(forget_bias=4.0).get_layer("lstm").get_weights()[2]
    assert np.array_equal(bias.reshape(4, UNITS), np.outer([0, 4, 0, 0], np.ones(UNITS)))
    default = recall_lstm().get_layer("lstm").get_weights()[2]
    assert np.array_equal(default.reshape(4, UNITS), np.outer([0, 1, 0, 0], np.ones(UNITS)))


def test_attention_reads_the_context_its_formula_gives():
    import keras

    from attention_course.functional import scaled_dot_product_attention
    from attention_course.models.recall import recall_rnn_attention

    keras.utils.set_random_seed(3)
    model = recall_rnn_attention()
    x = task.one_hot(task.recall(5, lag=6, seed=0)[0])
    inside = keras.Model(
        model.input, [model.get_layer(name).output for name in ("rnn", "query", "context")]
    )
    states, query, context = (part.numpy() for part in inside(x))
    expected, _ = scaled_dot_product_attention(query[:, None], states, states, scale=False)
    np.testing.assert_allclose(context, expected[:, 0], atol=1e-6)
    np.testing.assert_allclose(
        query, states[:, -1] @ model.get_layer("query").get_weights()[0], atol=1e-6
    )


def test_sweep_makes_one_row_per_lag(monkeypatch):
    from attention_course.training.recipes import recall as models

    calls = []

    def fake_fit(recipe, splits, seed, epochs):
        calls.append((recipe.settings["lag"], seed))
        return None, {"seed": seed, "test": {"score": 0.25 + 0.1 * seed}}

    monkeypatch.setattr(models, "fit", fake_fit)
    monkeypatch.setattr(models, "SIZES", {"train": 4, "validation": 4, "test": 4})
    runs = [{"seed": seed, "test": {"score": 1.0}} for seed in (0, 1, 2)]
    tables = models.sweep("recall_lstm", runs, epochs=1)
    assert [row["lag"] for row in tables["by_lag"]] == list(models.LAGS)
    own = tables["by_lag"][models.LAGS.index(models.MODEL_LAG)]
    assert own["scores"] == [1.0, 1.0, 1.0]
    assert tables["by_lag"][0]["scores"] == [0.25, 0.35, 0.45]
    assert [row["lag"] for row in tables["by_lag_high_forget_bias"]] == list(models.LONG_LAGS)
    assert len(calls) == 3 * (len(models.LAGS) - 1 + len(models.LONG_LAGS))
