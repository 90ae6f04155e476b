"""Chapter 2: what its prose says of numbers, recomputed from the records, the models and NumPy."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from proof import accepts

from attention_course.datasets.recall import CHANCE
from attention_course.display.quiz import load_quiz
from attention_course.functional import gradients
from attention_course.interactive.gradient_norm import layer
from attention_course.models.cards import load_card
from attention_course.statistics import mean_interval

ROOT = Path(__file__).resolve().parents[2]
RECALL = ("recall_simple_rnn", "recall_lstm", "recall_rnn_attention")
NETWORKS = ("simple_rnn", "lstm", "lstm_high_forget_bias", "rnn_attention", "rnn_uniform")
LAGS = (5, 10, 20, 40, 80)


@pytest.fixture(scope="module")
def notebook():
    path = ROOT / "chapters" / "02_vanishing_gradients.ipynb"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def prose(notebook):
    cells = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "markdown"]
    return " ".join("\n\n".join(cells).split())


def printed(notebook, words):
    """What the one cell with these words in its source printed."""
    (cell,) = (c for c in notebook["cells"] if words in "".join(c["source"]))
    return "".join("".join(output.get("text", [])) for output in cell["outputs"])


# --- the quiz ---------------------------------------------------------------------------------


def right_answer(question_id):
    question = next(q for q in load_quiz("02_vanishing_gradients") if q["id"] == question_id)
    return question, next(a["value"] for a in question["answers"] if a.get("correct"))


def digits(value, precision):
    return float(f"{value:.{precision - 1}e}")


def two_steps_without_tanh(u):
    return u * (u * 1)


@pytest.mark.parametrize(
    ("question_id", "value"),
    [
        ("one_factor", gradients.step_jacobian([0.6], [[0.8]])[0, 0]),
        (
            "sum_of_steps",
            (two_steps_without_tanh(0.3 + 1e-6) - two_steps_without_tanh(0.3 - 1e-6)) / 2e-6,
        ),
        ("gate_power", 0.98**40),
    ],
)
def test_numeric_keys(question_id, value):
    question, key = right_answer(question_id)
    assert key == digits(value, question["precision"])
    others = [a["value"] for a in question["answers"] if "value" in a and not a["correct"]]
    assert key not in others


def test_the_key_about_clipping():
    clipped, norm = gradients.clip_by_global_norm([np.array([3.0]), np.array([4.0])], limit=1)
    assert norm == pytest.approx(5)
    assert np.allclose(clipped, [[0.6], [0.8]])


def test_the_key_about_the_line_that_spoils_dU_alone():
    from attention_course.exercises.gradients import gradients_with

    random = np.random.default_rng(0)
    inputs = [random.normal(size=shape) for shape in ((3, 5, 2), (3, 5, 4), (2, 4), (4, 4), (4,))]
    right, late, turned = (gradients_with(bug, *inputs) for bug in (0, 5, 2))
    assert np.allclose(late[0], right[0])
    assert np.allclose(late[2], right[2])
    assert not np.isclose(late[1], right[1]).any()
    assert not np.allclose(turned[0], right[0])


# --- products of matrices -----------------------------------------------------------------------


def test_the_skewed_matrix_of_quiz_and_text(notebook):
    skewed = np.array([[0.9, 3.0], [0.0, 0.9]])
    assert gradients.spectral_radius(skewed) == pytest.approx(0.9)
    assert gradients.spectral_norm(skewed) > 3
    norms = [gradients.spectral_norm(np.linalg.matrix_power(skewed, k)) for k in range(80)]
    assert int(np.argmax(norms)) == 9  # "grows for nine steps"
    assert 10 < max(norms) < 13
    for k in range(1, 20):
        assert np.linalg.matrix_power(skewed, k)[0, 1] == pytest.approx(k * 3 * 0.9 ** (k - 1))
    assert "largest at k = 9 (11.6)" in printed(notebook, "skewed = np.array")


def figure_norm(name, radius, length, tanh):
    """What the interactive figure shows: the norm between the ends of a sequence."""
    matrices, drive = layer(seed=1)
    U = radius * matrices[name]
    if not tanh:
        return gradients.spectral_norm(np.linalg.matrix_power(U, length - 1))
    states = gradients.rnn_states(drive[:length], np.eye(len(U)), U, np.zeros(len(U)))
    return gradients.spectral_norm(gradients.jacobians_through_time(states, U))[0]


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
    announced = [float(radius) for radius in radii if radius**60 > 10]  # the dashed line
    assert announced[0] == 1.05


def test_the_matrices_of_the_figure_have_radius_one():
    matrices, drive = layer(seed=1)
    assert drive.shape == (61, 16)
    for U in matrices.values():
        assert gradients.spectral_radius(U) == pytest.approx(1, abs=1e-4)
    assert gradients.spectral_norm(matrices["symmetric"]) == pytest.approx(1, abs=1e-8)
    assert gradients.spectral_norm(matrices["random"]) > 1.5


def test_random_matrices_are_hardly_ever_normal():
    random = np.random.default_rng(0)
    for _ in range(200):
        U = random.normal(size=(4, 4))
        assert not np.allclose(U @ U.T, U.T @ U, atol=1e-3)


def rows_of(text, width):
    """Lines of a printed table: the label, then numbers."""
    table = {}
    for line in text.splitlines()[1:]:
        table[" ".join(line[:width].split())] = [float(one) for one in line[width:].split()]
    return table


def test_what_the_text_says_of_starts(notebook):
    table = rows_of(printed(notebook, "def norms_from"), 32)
    assert table["orthogonal no tanh"] == [1, 1, 1, 1]
    gaussian, tanh = table["Gaussian, 1/√n no tanh"], table["Gaussian, 1/√n with tanh"]
    assert 1.7 < gaussian[0] < 2  # "almost twofold"
    assert 1e3 < gaussian[-1] < 1e4  # "a thousandfold"
    assert table["orthogonal with tanh"][-1] < tanh[-1] < 1  # both shrink, one further
    assert max(table[f"Gaussian, 0.05 {which} tanh"][1] for which in ("no", "with")) < 1e-3


def test_what_the_text_says_of_truncation(notebook):
    lines = printed(notebook, "def lost_by_truncation").splitlines()
    lost = [{int(k): int(p) for k, p in re.findall(r"k = +(\d+): +(\d+)%", x)} for x in lines]
    assert 20 <= lost[0][5] <= 30  # "a quarter"
    assert lost[1][5] > 50  # "more than half"


# --- gates and the start ------------------------------------------------------------------------


def test_gates_of_the_text(notebook):
    def gate(bias):
        return 1 / (1 + np.exp(-bias))

    assert round(gate(1), 2) == 0.73
    assert round(gate(4), 2) == 0.98
    assert 1e-6 < 0.73**40 < 9e-6  # "a few millionths", in the quiz
    text = printed(notebook, "for bias in (0.0, 1.0, HIGH_FORGET_BIAS)")
    powers = [float(one) for one in re.findall(r"gate\^60 = (\S+),", text)]
    norms = [float(one) for one in re.findall(r"60 steps (\S+)", text)]
    assert 2000 < norms[1] / powers[1] < 4000  # "some three thousand times"
    assert norms[2] > 1e4 * norms[1]


def test_what_the_text_says_of_the_start(notebook):
    text = printed(notebook, "means = {label:")
    far = {line[:22].strip(): float(line.split("60 back:")[1]) for line in text.splitlines()}
    assert far["SimpleRNN + attention"] > 1e3 * max(far["LSTM"], far["SimpleRNN"])


# --- the recall task ----------------------------------------------------------------------------


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


@pytest.fixture(scope="module")
def record():
    return json.loads((ROOT / "data" / "recall_search.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def by_net(record):
    return {
        net: {row["lag"]: row for row in record["rows"] if row["network"] == net}
        for net in NETWORKS
    }


def test_the_record_holds_every_network_lag_and_seed(record, by_net):
    assert len(record["rows"]) == len(NETWORKS) * len(LAGS)
    for rows in by_net.values():
        assert tuple(rows) == LAGS
        for row in rows.values():
            assert len(row["scores"]) == len(row["runs"]) == 5
            assert row["scores"] == [run["test"] for run in row["runs"]]
            expected = mean_interval(row["scores"])
            assert row["mean"] == pytest.approx(expected["mean"], abs=1e-4)
            np.testing.assert_allclose(row["interval"], expected["interval"], atol=1e-4)
            assert min(row["scores"]) > CHANCE - 0.05


def test_how_they_were_trained_is_what_the_text_says(record, by_net):
    updates = record["train"] // record["batch_size"]
    assert record["most_epochs"] * updates == 8000
    assert record["test"] == 1000
    assert not {*record["search_seeds"]} & {*record["seeds"]}
    for rows in by_net.values():
        for row in rows.values():
            best = max(max(one["validation_accuracy"]) for one in row["tries"])
            assert best == max(
                max(one["validation_accuracy"])
                for one in row["tries"]
                if one["rate"] == row["rate"]
            )
            assert all(one["updates"] <= 8000 for one in row["runs"])
    weights = record["parameters"]
    assert weights["simple_rnn"] < weights["rnn_uniform"] < weights["rnn_attention"]
    assert weights["rnn_attention"] < weights["lstm"] == weights["lstm_high_forget_bias"]


def test_what_the_text_says_of_the_recall_task(by_net):
    means = {net: {lag: row["mean"] for lag, row in rows.items()} for net, rows in by_net.items()}
    for rows in by_net.values():
        assert all(min(rows[lag]["scores"]) > 0.99 for lag in (5, 10, 20))
    updates = [run["updates"] for run in by_net["lstm"][20]["runs"]]
    assert max(updates) == 2000
    ratios = [
        max(run["updates"] for run in by_net["rnn_uniform"][lag]["runs"])
        / max(run["updates"] for run in by_net["rnn_attention"][lag]["runs"])
        for lag in LAGS
    ]
    assert max(ratios) == 3  # "up to three times as many"
    for net in ("lstm_high_forget_bias", "rnn_attention", "rnn_uniform"):
        assert min(min(row["scores"]) for row in by_net[net].values()) > 0.99
    assert means["lstm"][40] < 0.95 < min(by_net["simple_rnn"][40]["scores"])
    lstm = by_net["lstm"][80]
    assert sorted(score > 0.99 for score in lstm["scores"]) == [False] * 3 + [True] * 2
    assert [run["updates"] for run in lstm["runs"] if run["test"] < 0.99] == [8000] * 3
    assert max(run["updates"] for run in lstm["runs"] if run["test"] > 0.99) == 8000
    assert max(run["updates"] for run in by_net["lstm_high_forget_bias"][80]["runs"]) == 800
    for net, lag in (("lstm", 40), ("lstm", 80), ("simple_rnn", 80)):
        low, high = by_net[net][lag]["interval"]
        assert high - low > 0.5  # "a wide one"
        near = [
            min(abs(score - share) for share in (0.25, 0.5, 0.75, 1))
            for score in by_net[net][lag]["scores"]
        ]
        assert max(near) < 0.03


@pytest.mark.parametrize("name", RECALL)
def test_stored_models_repeat_their_cards(name):
    from attention_course import models
    from attention_course.training.recipes.recall import evaluate, load_splits

    card = load_card(name)
    report = evaluate(models.load(name), load_splits(card["recipe"]["lag"]))
    assert report["score"] == pytest.approx(card["test"]["score"], abs=1e-3)


# --- exercises ----------------------------------------------------------------------------------

SOLUTIONS = {
    "02.bptt": "bptt_solution",
    "02.diagnose": "find_bug_solution",
    "02.fate": "fate_solution",
    "02.clip": "clip_solution",
    "02.rescue": "train_clipped_solution",
    "02.lstm": "lstm_step_solution",
    "02.path": "one_step_path_solution",
    "02.jacobian": "jacobian_solution",
    "02.product": "product_solution",
}


def test_solutions_of_the_chapter_pass(notebook):
    namespace = {"np": np}
    cells = [
        "".join(cell["source"])
        for cell in notebook["cells"]
        if "hide-input" in cell["metadata"].get("tags", [])
    ]
    assert len(cells) == len(SOLUTIONS)
    for cell in cells:
        assert cell.startswith("# @title Solution\n")
        code = cell.split("\n\n\nverdict = ")[0]
        exec(code, namespace)
    for name, function in SOLUTIONS.items():
        accepts(name, namespace[function])


def test_the_seven_programmers_are_all_different(notebook):
    found = re.findall(r"'([A-G])': (\d)", printed(notebook, "judge = find_bug"))
    assert sorted(int(number) for _, number in found) == [*range(7)]


# --- real reviews -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gaps(notebook):
    """The printed gaps between positive and negative sentences, one row per model and place."""
    rows = rows_of(printed(notebook, "def gaps_of"), 26)
    return {tuple(label.split()): row for label, row in rows.items()}


def test_what_the_text_says_of_the_neutral_words(gaps):
    assert len(gaps) == 6
    before, empty, after = (gaps["SimpleRNN", place] for place in ("before", "empty", "after"))
    assert before[0] == empty[0] == after[0] > 0.6
    assert min(before) > 0.6  # the same words in front do no harm
    lost = empty[0] - empty[-1]
    assert lost > empty[0] / 2  # more than half
    assert empty[0] - empty[1] > lost / 2  # most of it within the first ten
    assert np.ptp(empty[3:]) < 0.05  # and then leave the rest alone
    assert max(after[3:]) < 0.6 * empty[-1]  # halve what is left
    assert all(row[-1] > 0.7 * row[0] for (name, _), row in gaps.items() if name == "LSTM")
