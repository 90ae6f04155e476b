"""Chapter 2: what its prose says of numbers, recomputed from the cards, the models and NumPy."""

import json
from pathlib import Path

import numpy as np
import pytest
from proof import accepts

from attention_course.datasets.recall import CHANCE
from attention_course.display.quiz import load_quiz
from attention_course.functional import gradients
from attention_course.interactive.gradient_norm import layer
from attention_course.models.cards import load_card
from attention_course.statistics import mcnemar, mean_interval, unpack_answers

ROOT = Path(__file__).resolve().parents[2]
RECALL = ("recall_simple_rnn", "recall_lstm", "recall_rnn_attention")


@pytest.fixture(scope="module")
def notebook():
    path = ROOT / "chapters" / "02_vanishing_gradients.ipynb"
    return json.loads(path.read_text(encoding="utf-8"))


def right_answer(question_id):
    question = next(q for q in load_quiz("02_vanishing_gradients") if q["id"] == question_id)
    return question, next(a["value"] for a in question["answers"] if a.get("correct"))


def digits(value, precision):
    return float(f"{value:.{precision - 1}e}")


@pytest.mark.parametrize(
    ("question_id", "value"),
    [
        ("one_factor", gradients.step_jacobian([0.6], [[0.8]])[0, 0]),
        ("twenty_steps", 0.9**20),
        ("gate_power", 0.98**40),
    ],
)
def test_numeric_keys(question_id, value):
    question, key = right_answer(question_id)
    assert key == digits(value, question["precision"])
    others = [a["value"] for a in question["answers"] if "value" in a and not a["correct"]]
    assert key not in others


def test_the_skewed_matrix_of_quiz_and_text():
    skewed = np.array([[0.9, 3.0], [0.0, 0.9]])
    assert gradients.spectral_radius(skewed) == pytest.approx(0.9)
    assert gradients.spectral_norm(skewed) > 3
    norms = [gradients.spectral_norm(np.linalg.matrix_power(skewed, k)) for k in range(80)]
    assert int(np.argmax(norms)) in (9, 10)
    assert 10 < max(norms) < 13
    for k in range(1, 20):
        assert np.linalg.matrix_power(skewed, k)[0, 1] == pytest.approx(k * 3 * 0.9 ** (k - 1))


def figure_norm(name, radius, length, tanh):
    """What the interactive figure shows: the norm between the ends of a sequence."""
    matrices, drive = layer(seed=1)
    U = radius * matrices[name]
    if not tanh:
        return gradients.spectral_norm(np.linalg.matrix_power(U, length - 1))
    states = gradients.rnn_states(drive[:length], np.eye(len(U)), U, np.zeros(len(U)))
    return gradients.spectral_norm(gradients.jacobians_through_time(states, U))[0]


def test_what_the_text_says_of_the_figure():
    assert figure_norm("symmetric", 0.95, 51, False) < 0.1
    assert figure_norm("symmetric", 1.05, 51, False) > 10
    assert figure_norm("skewed", 0.9, 10, False) > 10
    assert round(float(figure_norm("skewed", 0.9, 61, False)), 2) == 0.36
    climb = max(figure_norm("skewed", 0.9, length, False) for length in range(2, 62))
    assert round(float(climb), 1) == 11.6


def verdict(norm):
    """The figure's word for a norm."""
    return "vanishing" if norm < 0.1 else "exploding" if norm > 10 else "neither"


def test_where_the_explosion_begins_with_the_tanh():
    radii = np.round(np.arange(1, 3.05, 0.05), 2)
    norms = {float(radius): figure_norm("random", radius, 61, True) for radius in radii}
    said = {
        radius: "vanishing" if radius <= 1.6 else "neither" if radius <= 1.85 else "exploding"
        for radius in norms
    }
    assert {radius: verdict(norm) for radius, norm in norms.items()} == said
    assert [f"{norms[radius]:.2f}" for radius in (1.7, 1.75)] == ["6.42", "0.10"]
    assert [f"{norms[radius]:.3g}" for radius in (2.1, 2.2)] == ["4.82e+03", "62.5"]
    assert round(float(norms[2.1])) == 4824
    shorter = [verdict(figure_norm("random", radius, 51, True)) for radius in (1.7, 1.75)]
    assert shorter == ["neither", "vanishing"]
    announced = [float(radius) for radius in radii if radius**60 > 10]  # the dashed line
    assert announced[0] == 1.05


def test_the_matrices_of_the_figure_have_radius_one():
    matrices, drive = layer(seed=1)
    assert drive.shape == (61, 16)
    for U in matrices.values():
        assert gradients.spectral_radius(U) == pytest.approx(1, abs=1e-4)
    assert gradients.spectral_norm(matrices["symmetric"]) == pytest.approx(1, abs=1e-8)
    assert gradients.spectral_norm(matrices["random"]) > 1.5


def test_gates_of_the_text():
    def gate(bias):
        return 1 / (1 + np.exp(-bias))

    assert round(gate(1), 2) == 0.73
    assert round(gate(4), 2) == 0.98
    assert 1e-6 < 0.73**40 < 9e-6  # "a few millionths"


@pytest.mark.parametrize("name", RECALL)
def test_recall_cards_hold_every_lag_and_seed(name):
    card = load_card(name)
    tables = [card["by_lag"], card.get("by_lag_high_forget_bias", [])]
    assert [row["lag"] for row in tables[0]] == [5, 10, 20, 40, 80]
    assert len(tables[1]) == (3 if name == "recall_lstm" else 0)
    for row in tables[0] + tables[1]:
        assert len(row["scores"]) == len(card["seeds"]) >= 5
        expected = mean_interval(row["scores"])
        assert row["mean"] == pytest.approx(expected["mean"], abs=1e-4)
        np.testing.assert_allclose(row["interval"], expected["interval"], atol=1e-4)
        assert min(row["scores"]) > CHANCE - 0.05
    own = next(row for row in tables[0] if row["lag"] == card["recipe"]["lag"])
    assert own["scores"] == card["scores"]["by_seed"]


def means(name, table="by_lag"):
    return {row["lag"]: row["mean"] for row in load_card(name)[table]}


def test_what_the_text_says_of_the_recall_task():
    rnn, lstm, attention = (means(name) for name in RECALL)
    assert min(attention.values()) > 0.99
    assert min(rnn[lag] for lag in (5, 10, 20)) > 0.99
    assert rnn[40] < 0.8
    assert rnn[80] < 0.5
    assert lstm[5] > 0.99
    assert lstm[20] < rnn[20]
    assert lstm[40] < rnn[40]
    scores = next(r["scores"] for r in load_card("recall_simple_rnn")["by_lag"] if r["lag"] == 40)
    assert max(scores) > 0.99
    assert min(scores) < 0.3
    open_gates = means("recall_lstm", "by_lag_high_forget_bias")
    assert all(open_gates[lag] > lstm[lag] + 0.1 for lag in open_gates)


def test_what_the_text_says_of_the_meetings_of_two_networks():
    def meetings(first, second):
        pairs = zip(load_card(first)["runs"], load_card(second)["runs"], strict=True)
        return [
            mcnemar(unpack_answers(one["test"]), unpack_answers(other["test"]))
            for one, other in pairs
        ]

    tests = meetings("recall_lstm", "recall_simple_rnn")
    assert max(test["p_value"] for test in tests) < 1e-4
    assert [test["only_first"] > test["only_second"] for test in tests].count(True) == 2
    tests = meetings("recall_simple_rnn", "recall_rnn_attention")
    lost = [test["only_second"] > 0 for test in tests]
    assert lost.count(True) == 3
    assert all(test["only_first"] == 0 for test in tests)
    for run, loses in zip(load_card("recall_simple_rnn")["runs"], lost, strict=True):
        assert loses or run["test"]["score"] == 1


@pytest.fixture(scope="module")
def trained():
    from attention_course import models

    return models.load("recall_rnn_attention")


@pytest.mark.parametrize("name", RECALL)
def test_stored_models_repeat_their_cards(name):
    from attention_course import models
    from attention_course.training.recipes.recall import evaluate, load_splits

    card = load_card(name)
    report = evaluate(models.load(name), load_splits(card["recipe"]["lag"]))
    assert report["score"] == pytest.approx(card["test"]["score"], abs=1e-3)


def test_three_cues_are_looked_up_and_one_is_inferred(trained):
    import keras

    from attention_course.datasets.recall import one_hot, recall
    from attention_course.functional import softmax

    symbols, labels = recall(400, lag=40, seed=9)
    parts = keras.Model(trained.input, [trained.get_layer(n).output for n in ("rnn", "query")])
    states, query = (part.numpy() for part in parts(one_hot(symbols)))
    weights = softmax(np.einsum("bn,btn->bt", query, states))
    on_cue = [weights[labels == cue, 0].mean() for cue in range(4)]
    assert sum(weight > 0.9 for weight in on_cue) == 3
    assert sum(weight < 0.1 for weight in on_cue) == 1


def test_solutions_of_the_chapter_pass(notebook):
    namespace = {"np": np}
    cells = [
        "".join(cell["source"])
        for cell in notebook["cells"]
        if "hide-input" in cell["metadata"].get("tags", [])
    ]
    assert len(cells) == 3
    for cell in cells:
        exec("from attention_course.exercises import check\n" + cell, namespace)
    accepts("02.jacobian", namespace["jacobian_solution"])
    accepts("02.product", namespace["product_solution"])
    accepts("02.clip", namespace["clip_solution"])


@pytest.fixture(scope="module")
def gaps(notebook):
    """The printed gaps between positive and negative sentences, one row per model and place."""
    printed = "".join(
        "".join(output.get("text", []))
        for cell in notebook["cells"]
        if "def mean_answers" in "".join(cell["source"])
        for output in cell["outputs"]
    )
    rows = {}
    for line in printed.splitlines()[1:]:
        name, place = line[:36].strip().split(", words ")
        rows[name, place] = [float(number) for number in line[36:].split()]
    return rows


def test_what_the_text_says_of_the_neutral_words(gaps):
    assert len(gaps) == 6
    assert gaps["SimpleRNN", "after"][0] > 0.6
    assert max(np.abs(gaps["SimpleRNN", "after"][4:])) < 0.15  # gone after 80 words
    assert min(gaps["SimpleRNN", "before"]) > 0.6
    assert min(gaps["LSTM", "after"]) > 0.5
    attention = {place: gaps["SimpleRNN + attention", place] for place in ("after", "before")}
    assert 0.4 < attention["after"][-1] / attention["after"][0] < 0.7  # about half
    assert attention["before"][-1] / attention["before"][0] > 0.85
