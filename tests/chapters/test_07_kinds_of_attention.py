"""Chapter 7: quiz keys recomputed, and the sentences that rest on the record of all kinds."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from attention_course import assets
from attention_course.book.normal import read
from attention_course.datasets import pointing
from attention_course.display.quiz import load_quiz
from attention_course.functional import kinds, masked_softmax, softmax
from attention_course.interactive import decoding_step

CHAPTER = Path(__file__).parents[2] / "chapters" / "07_kinds_of_attention.ipynb"
QUIZ = {question["id"]: question for question in load_quiz("07_kinds_of_attention")}


def told(name, number):
    """Whether a numeric answer is right, and its feedback: the first entry that fits decides."""
    for answer in QUIZ[name]["answers"]:
        low, high = answer.get("range", (1, 0))
        if answer["type"] == "default" or low <= number < high:
            return answer.get("correct", False), answer["feedback"]


# --- the quiz ---------------------------------------------------------------------------------


def test_quiz_ceiling():
    """Three of five queries find their key; the two others guess, whichever symbol is right."""
    right = [np.ones(4), np.ones(4), np.ones(4), np.eye(4)[0], np.eye(4)[2]]
    assert told("ceiling", round(np.mean(right), 2))[0]
    assert "one in four" in told("ceiling", 0.6)[1]
    assert "whole quarter" in told("ceiling", 0.6 + 1 / 4)[1]


def test_quiz_sparsemax():
    scores = np.array([0.9, 0.5, -0.4])
    assert told("sparsemax", round(kinds.sparsemax(scores)[0], 2))[0]
    assert "softmax" in told("sparsemax", round(softmax(scores)[0], 2))[1]
    assert "itself" in told("sparsemax", scores[0])[1]
    cut = np.maximum(scores, 0)
    assert "divided by the sum" in told("sparsemax", round(cut[0] / cut.sum(), 3))[1]


def test_quiz_bell():
    p = kinds.predicted_places(np.zeros((1, 2)), np.ones((2, 3)), np.ones(3), np.array(10))
    assert p[0] == 5
    assert told("bell", round(kinds.gaussian(p, 10, 4)[0, 7], 2))[0]
    assert "σ = D = 4" in told("bell", round(kinds.gaussian(p, 10, 8)[0, 7], 2))[1]
    assert "denominator" in told("bell", round(kinds.gaussian(p, 10, 4)[0, 7] ** 2, 2))[1]


def test_quiz_one_draw():
    alpha, advantage = 0.5, -1 - -2
    assert told("one-draw", advantage * (1 - alpha))[0]
    assert "without the baseline" in told("one-draw", -1 * (1 - alpha))[1]
    assert "advantage" in told("one-draw", advantage)[1]
    assert "added" in told("one-draw", (-1 + -2) * (1 - alpha))[1]


def test_quiz_third_key():
    weights = kinds.monotonic(np.full((1, 4), np.log(0.2 / 0.8)))[0]
    assert told("third-key", weights[2])[0]
    assert "second key" in told("third-key", weights[1])[1]
    assert "three times" in told("third-key", 0.2**3)[1]
    assert "get there first" in told("third-key", 0.2)[1]


# --- what is trained in the page --------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.parametrize("seed", [1, 2])
def test_two_more_seeds_agree(seed):
    """The baseline decides within 600 updates; the argmax learns with no seed."""
    [cell] = [c for c in read(CHAPTER).cells if "def learn(" in c.source]
    found = {
        "keras": keras,
        "draw": pointing.draw,
        "data": {"drift": pointing.draw("drift", 1_000, 2)},
    }
    exec(cell.source, found)
    with_it = found["learn"](seed, choice="hard")[-1]
    without = found["learn"](seed, choice="hard", with_baseline=False)[-1]
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        argmax = found["learn"](seed, choice="argmax")[-1]
    assert with_it > 0.9
    assert argmax < 0.3 < without < 0.55


# --- the record -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def results():
    record = json.loads(assets.fetch("data/kinds.json").read_text(encoding="utf-8"))
    return {(row["kind"], row["task"]): row for row in record["rows"]}


def accuracy(results, kind, task):
    return results[kind, task]["accuracy"]["mean"]


def test_only_a_score_that_sees_keys_learns_look_up(results):
    for score in ("additive", "concat", "dot", "scaled", "soft", "cosine"):
        for task in pointing.TASKS:
            assert accuracy(results, score, task) > 0.97
    assert min(accuracy(results, "location", task) for task in ("drift", "reversal")) > 0.97
    uniform = results["uniform", "look_up"]["accuracy"]["interval"]
    assert accuracy(results, "location", "look_up") == pytest.approx(np.mean(uniform), abs=0.01)


def test_windows_come_up_to_their_ceilings_and_no_further(results):
    for task in pointing.TASKS:
        reached = pointing.ceiling(pointing.draw(task, 1_000, 2), 2)
        assert accuracy(results, "local_m", task) == pytest.approx(reached, abs=0.01)
    drawn = pointing.draw("look_up", 1_000, 2)
    middle = (drawn.real.sum(axis=1, keepdims=True) - 1) // 2 + 0.5
    for kind, D in (("local_p", 2), ("local_p_4", 4)):
        reached = pointing.ceiling(drawn, D, middle)
        assert accuracy(results, kind, "look_up") == pytest.approx(reached, abs=0.01)
        assert accuracy(results, kind, "reversal") < 0.95
    tests = [run["test"]["accuracy"] for run in results["local_p", "reversal"]["runs"]]
    assert max(tests) - min(tests) > 0.15


def test_global_learns_drift_with_each_rate_and_local_p_collapses_with_one(results):
    tries = {
        kind: {run["rate"]: run["validation"] for run in results[kind, "drift"]["tries"]}
        for kind in ("soft", "local_p")
    }
    assert min(validation[-1] for validation in tries["soft"].values()) > 0.9
    first, *later = tries["local_p"][0.001]
    assert round(first, 2) == 0.88
    assert later == pytest.approx([1 / pointing.SYMBOLS] * 9, abs=0.01)


def test_what_is_said_of_the_choices(results):
    for task in pointing.TASKS:
        equal = accuracy(results, "uniform", task)
        for run in (*results["argmax", task]["tries"], *results["argmax", task]["runs"]):
            assert max(run["validation"]) < equal
        for kind in ("soft", "sparse", "gumbel", "hard", "hard_no_baseline", "self"):
            assert accuracy(results, kind, task) > 0.93
    assert accuracy(results, "monotonic", "drift") > 0.99
    for task in ("reversal", "look_up"):
        assert 0.7 < accuracy(results, "monotonic", task) < 0.9
        assert results["monotonic", task]["weight"]["mean"] < 0.2


def test_the_baseline_makes_the_variance_smaller_at_first(results):
    for run in results["hard", "drift"]["runs"]:
        ratios = [found["without"] / found["with"] for found in run["noise"]]
        assert 45 < ratios[0] < 65
        assert ratios[-1] < 1.5
        baselines = [found["baseline"] for found in run["noise"]]
        assert baselines == sorted(baselines)


def test_what_is_said_of_the_decoding_step():
    """The weights of the second "a", which step 2 needs, and of the first."""
    step, first, second = decoding_step.STEP, 1, 5
    query, keys = decoding_step.QUERIES[[step]], decoding_step.KEYS
    given = decoding_step.PARAMETERS
    assert decoding_step.NEEDED[step] == second
    weights = softmax(kinds.dot_score(query, keys))[0]
    assert weights[[first, second]].round(3).tolist() == [0.362, 0.362]
    by_place = softmax(kinds.location_score(query, given["location"]["W"], 8))[0]
    assert round(by_place[second], 3) == 0.643
    near = kinds.window(np.array([step]), 8, 2)
    local_m = masked_softmax(kinds.dot_score(query, keys), near)[0]
    assert np.flatnonzero(local_m).tolist() == [0, 1, 2, 3, 4]
    assert round(local_m[first], 3) == 0.662
    p = kinds.predicted_places(query, *given["predicted"].values(), np.array(8))
    assert p.round(2).tolist() == [5.21]
    inside = masked_softmax(kinds.dot_score(query, keys), kinds.window(p, 8, 2))
    assert round((inside * kinds.gaussian(p, 8, 2))[0, second], 3) == 0.572
