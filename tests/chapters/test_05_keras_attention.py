"""Chapter 5: quiz keys recomputed, wrong answers refused, the claims of the text on the cards."""

import json

import numpy as np
import pytest

from attention_course import assets, models
from attention_course.display.quiz import load_quiz
from attention_course.exercises import EXERCISES, check, hint
from attention_course.exercises.reading import masked_mean, received
from attention_course.models import cards
from attention_course.statistics import mcnemar, unpack_answers

EXERCISE_NAMES = ("05.received", "05.mean")


def right_number(name):
    question = {q["id"]: q for q in load_quiz("05_keras_attention")}[name]
    (value,) = [answer["value"] for answer in question["answers"] if answer.get("correct")]
    return value


def test_quiz_parameters_of_two_heads():
    import keras

    layer = keras.layers.MultiHeadAttention(num_heads=2, key_dim=4)
    x = np.zeros((1, 3, 8), "float32")
    layer(x, x, x)
    assert right_number("heads_parameters") == layer.count_params()


def test_quiz_weight_on_forty_words():
    weights = np.exp(np.zeros(400))
    weights /= weights.sum()
    assert right_number("padding_weight") == pytest.approx(weights[-40:].sum(), abs=0.005)


def test_quiz_mcnemar():
    answers = {q["id"]: q for q in load_quiz("05_keras_attention")}["mcnemar_by_hand"]["answers"]
    low, high = next(answer["range"] for answer in answers if answer.get("correct"))
    first = np.array([1] * 9 + [0] + [1] * 990)
    second = np.array([0] * 9 + [1] + [1] * 990)
    assert low <= mcnemar(first, second)["p_value"] <= high
    assert not low <= mcnemar(first, second)["p_value"] / 2 <= high


# --- the exercises ----------------------------------------------------------------------------


def received_loop(weights, mask):
    total, words = np.zeros(len(mask)), 0
    for row, is_word in zip(weights, mask, strict=True):
        if is_word:
            total, words = total + row, words + 1
    return (total / words).tolist()


def mean_loop(states, mask):
    result = np.zeros((states.shape[0], states.shape[2]))
    for place, (rows, keep) in enumerate(zip(states, mask, strict=True)):
        if keep.any():
            result[place] = np.average(rows, axis=0, weights=keep)
    return result


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("05.received", received),
        ("05.received", received_loop),
        ("05.mean", masked_mean),
        ("05.mean", mean_loop),
    ],
)
def test_right_answers_pass(name, answer):
    verdict = check(name, answer)
    assert verdict.passed, verdict.message


def softmax(x):
    e = np.exp(x)
    return e / e.sum()


RECEIVED_MUTANTS = {
    "over the keys": lambda w, m: w.mean(axis=1),
    "sum over the keys": lambda w, m: w.sum(axis=1),
    "sum of real rows": lambda w, m: w[m].sum(axis=0),
    "padded rows included": lambda w, m: w.mean(axis=0),
    "sum of all rows": lambda w, m: w.sum(axis=0),
    "full length": lambda w, m: w[m].sum(axis=0) / len(m),
    "inverted mask": lambda w, m: w[~m].mean(axis=0) if (~m).any() else w[m].mean(axis=0) * 0,
    "last row": lambda w, m: w[-1],
    "first row": lambda w, m: w[0],
    "diagonal": lambda w, m: np.diag(w),
    "largest": lambda w, m: w[m].max(axis=0),
    "uniform": lambda w, m: m / m.sum(),
    "second softmax": lambda w, m: softmax(w[m].mean(axis=0)),
    "hard choice": lambda w, m: np.eye(len(m))[w[m].mean(axis=0).argmax()],
    "whole matrix": lambda w, m: w,
    "constant": lambda w, m: np.full(len(m), 0.3),
    "words only": lambda w, m: w[m].mean(axis=0)[m],
    "nan": lambda w, m: w[m].mean(axis=0) * np.nan,
}

MEAN_MUTANTS = {
    "no mask": lambda s, m: s.mean(axis=1),
    "full length": lambda s, m: (s * m[:, :, None]).mean(axis=1),
    "sum": lambda s, m: (s * m[:, :, None]).sum(axis=1),
    "inverted": lambda s, m: (s * ~m[:, :, None]).sum(axis=1) / np.maximum((~m).sum(1), 1)[:, None],
    "last state": lambda s, m: s[:, -1],
    "maximum": lambda s, m: np.where(m[:, :, None], s, -np.inf).max(axis=1),
    "count of the batch": lambda s, m: (s * m[:, :, None]).sum(axis=1) / m.sum(),
    "over features": lambda s, m: (s * m[:, :, None]).mean(axis=2),
    "over the batch": lambda s, m: s.mean(axis=0),
    "zero": lambda s, m: np.zeros((s.shape[0], s.shape[2])),
    "empty gives nan": lambda s, m: (s * m[:, :, None]).sum(axis=1) / m.sum(1)[:, None],
    "empty gives its padding": lambda s, m: np.where(
        m.any(1)[:, None], masked_mean(s, m), s.mean(axis=1)
    ),
    "time axis kept": lambda s, m: s * m[:, :, None],
    "padding leaks": lambda s, m: masked_mean(s, m) + 0.1 * s[:, 0],
}


@pytest.mark.parametrize(
    ("name", "mutants"), zip(EXERCISE_NAMES, (RECEIVED_MUTANTS, MEAN_MUTANTS), strict=True)
)
def test_wrong_answers_are_refused_in_different_words(name, mutants):
    verdicts = {label: check(name, mutant) for label, mutant in mutants.items()}
    accepted = [label for label, verdict in verdicts.items() if verdict.passed]
    assert not accepted, f"{name} accepts: {accepted}"
    sentences = {verdict.message for verdict in verdicts.values()}
    assert len(sentences) >= len(mutants) - 2, sorted(sentences)


@pytest.mark.parametrize("name", EXERCISE_NAMES)
def test_solution_runs_by_itself_and_hints_come_in_stages(name):
    space = {}
    exec(EXERCISES[name].solution, space)
    assert check(name, space[EXERCISES[name].answer]).passed
    assert len({str(hint(name, level)) for level in (1, 2, 3)}) == 3
    assert check(name, lambda *inputs: None).status == "unanswered"


# --- what the text claims ---------------------------------------------------------------------


def scores(name):
    return cards.load_card(name)["scores"]["by_seed"]


def baseline():
    content = json.loads(assets.fetch("models/baselines.json").read_text(encoding="utf-8"))
    return content["nb_logistic_regression"]


def test_no_published_network_beats_the_baseline_with_any_seed():
    best = max(max(scores(name)) for name in models.SENTIMENT)
    assert best < baseline()["test"]["score"]


def test_the_champion_beats_the_baseline_with_every_seed():
    card = cards.load_card("ngram_attention")
    regression = card["baseline"]["test"]  # computed in the same run
    assert regression["score"] == pytest.approx(baseline()["test"]["score"], abs=1e-3)
    assert min(scores("ngram_attention")) >= max(0.914, regression["score"])
    for run in card["runs"]:
        test = mcnemar(unpack_answers(regression), unpack_answers(run["test"]))
        assert test["difference"] > 0
        assert test["p_value"] < 1e-4
    for run in card["runs"]:
        assert sum(run["seconds_per_epoch"] + run["refit"]["seconds_per_epoch"]) < 15 * 60
    assert card["search"]["tries"]


@pytest.mark.parametrize(
    ("name", "at_least"),
    [
        ("self_attention", 0.875),
        ("rnn_attention", 0.83),
        ("lstm_attention", 0.86),
        ("bilstm_attention", 0.85),
        ("ngram_attention", 0.92),
    ],
)
def test_models_reach_what_the_course_promises(name, at_least):
    assert cards.load_card(name)["test"]["score"] >= at_least


@pytest.mark.parametrize("name", models.READ_REVIEWS)
def test_every_model_of_the_comparison_has_three_seeds_and_their_answers(name):
    card = cards.load_card(name)
    assert card["seeds"] == [0, 1, 2]
    for run in card["runs"]:
        assert unpack_answers(run["test"]).mean() == pytest.approx(run["test"]["score"], abs=1e-5)


def test_timing_covers_every_model_of_the_table():
    timing = json.loads(assets.fetch("benchmarks/training.json").read_text(encoding="utf-8"))
    for seconds in timing["training"]["models"].values():
        assert 0 < seconds["lowest"] <= seconds["median"] <= seconds["highest"]
    assert set(models.SENTIMENT) <= set(timing["training"]["models"])
