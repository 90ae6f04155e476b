"""Chapter 3: quiz keys recomputed, the hand-worked table, the layer's oracles, wrong answers."""

import re
from pathlib import Path

import numpy as np
import pytest

from attention_course import functional
from attention_course.display.quiz import load_quiz
from attention_course.exercises import EXERCISES, check, hint
from attention_course.exercises.alignment import additive_attention, luong_scores, score_gradient
from attention_course.interactive import FigureError
from attention_course.interactive.alignment import show_alignment

CHAPTER = Path(__file__).parents[2] / "chapters" / "03_bahdanau_attention.ipynb"


# --- the quiz ---------------------------------------------------------------------------------


def right_number(name):
    question = {q["id"]: q for q in load_quiz("03_bahdanau_attention")}[name]
    (value,) = [answer["value"] for answer in question["answers"] if answer.get("correct")]
    return question, value


def test_quiz_score():
    score = functional.additive_score(
        np.array([[1.0, 1.0]]), np.array([[0.0, -1.0]]), np.eye(2), np.eye(2), np.ones(2)
    )
    assert right_number("score")[1] == pytest.approx(score.item(), abs=0.005)


def test_quiz_weight():
    assert right_number("weight")[1] == pytest.approx(functional.softmax([0, np.log(3)])[1])


def test_quiz_gradient():
    scores, step = np.log([0.25, 0.75]), np.array([0, 1e-6])
    slope = (functional.softmax(scores + step) - functional.softmax(scores - step))[0] / 2e-6
    assert right_number("gradient")[1] == pytest.approx(slope, abs=0.005)


def test_quiz_parameters():
    from attention_course.layers import BahdanauAttention

    layer = BahdanauAttention(units=128)
    layer(np.zeros((1, 1, 256), "float32"), np.zeros((1, 2, 512), "float32"))
    assert right_number("parameters")[1] == layer.count_params()


# --- numbers in the prose ---------------------------------------------------------------------


def test_the_table_worked_by_hand_is_right():
    import nbformat

    cells = nbformat.read(CHAPTER, as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    rows = re.findall(
        r"\| (?:a|bad|film) \| \((\d), (\d)\) .*\| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|", text
    )
    table = np.array(rows, dtype=float)
    assert table.shape == (3, 5)
    h = table[:, :2]
    scores = np.tanh(h + np.array([1, 0])).sum(axis=1)
    weights = functional.softmax(scores)
    np.testing.assert_allclose(table[:, 2], scores, atol=6e-5)
    np.testing.assert_allclose(table[:, 3], np.exp(scores), atol=6e-5)
    np.testing.assert_allclose(table[:, 4], weights, atol=6e-5)
    context = re.search(r"\(1,1\) = \(([\d.]+), ([\d.]+)\)\$", text).groups()
    np.testing.assert_allclose(np.array(context, dtype=float), weights @ h, atol=6e-5)


# --- the layer against NumPy and Keras --------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_layer_equals_numpy_with_and_without_mask(seed):
    import keras

    from attention_course.layers import BahdanauAttention

    rng = np.random.default_rng(seed)
    query = rng.normal(size=(2, 3, 4)).astype("float32")
    values = rng.normal(size=(2, 5, 6)).astype("float32")
    mask = np.array([[True] * 5, [True] * 3 + [False] * 2])
    layer = BahdanauAttention(units=7)
    layer(query, values)
    W, U, v = (keras.ops.convert_to_numpy(w) for w in layer.weights)
    for allowed in (np.ones((2, 5), dtype=bool), mask):
        context, weights = layer(query, values, mask=allowed)
        expected = additive_attention(query, values, W, U, v.reshape(-1), allowed)
        np.testing.assert_allclose(context, expected[0], rtol=0, atol=1e-6)
        np.testing.assert_allclose(weights, expected[1], rtol=0, atol=1e-6)


def test_layer_equals_keras_additive_attention_with_projections():
    import keras

    from attention_course.layers import BahdanauAttention

    rng = np.random.default_rng(5)
    query = rng.normal(size=(2, 3, 4)).astype("float32")
    values = rng.normal(size=(2, 5, 6)).astype("float32")
    mask = np.array([[True] * 5, [True] * 3 + [False] * 2])
    layer = BahdanauAttention(units=7)
    context, weights = layer(query, values, mask=mask)
    W, U, v = (keras.ops.convert_to_numpy(w) for w in layer.weights)
    additive = keras.layers.AdditiveAttention()
    additive.build([(2, 3, 7), (2, 5, 6), (2, 5, 7)])
    additive.set_weights([v.reshape(-1)])
    theirs = additive(
        [query @ W, values, values @ U], mask=[None, mask], return_attention_scores=True
    )
    np.testing.assert_allclose(context, theirs[0], rtol=0, atol=1e-6)
    np.testing.assert_allclose(weights, theirs[1], rtol=0, atol=1e-6)


def test_only_the_layer_with_a_query_answers_to_it():
    from attention_course.layers import BahdanauAttention, TimeAttention

    rng = np.random.default_rng(6)
    values = rng.normal(size=(1, 4, 3)).astype("float32")
    bahdanau, pool = BahdanauAttention(units=5), TimeAttention(return_weights=True)
    queries = rng.normal(size=(2, 1, 1, 3)).astype("float32")
    bahdanau(queries[0], values)
    bahdanau.v.assign(np.ones(5))  # far from its small first values
    one, two = (np.asarray(bahdanau(query, values)[1]) for query in queries)
    assert np.abs(one - two).max() > 1e-3
    first, second = (np.asarray(pool(values)[1]) for _ in queries)
    np.testing.assert_array_equal(first, second)


# --- wrong answers ----------------------------------------------------------------------------


def softmax(scores, axis=-1):
    scores = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return scores / scores.sum(axis=axis, keepdims=True)


def additive_variant(score=None, weigh=None, mix=None):
    """The additive attention with one of its three parts replaced by a wrong one."""

    def right_score(query, keys, W, U, v):
        return np.tanh((query @ W)[:, :, None] + (keys @ U)[:, None]) @ v

    def right_weigh(scores, mask):
        return softmax(np.where(mask[:, None], scores, -np.inf))

    def attention(query, keys, W, U, v, mask):
        scores = (score or right_score)(query, keys, W, U, v)
        weights = (weigh or right_weigh)(scores, mask)
        return (mix or np.matmul)(weights, keys), weights

    return attention


def hard(scores, mask):
    chosen = np.where(mask[:, None], scores, -np.inf).argmax(axis=-1)
    return np.eye(scores.shape[-1])[chosen]


def unstable(scores, mask):
    powers = np.exp(scores) * mask[:, None]
    return powers / powers.sum(axis=-1, keepdims=True)


def uniform(scores, mask):
    return np.broadcast_to(mask[:, None] / mask.sum(1)[:, None, None], scores.shape)


def swapped(*inputs):
    return additive_attention(*inputs)[::-1]


def only_context(*inputs):
    return additive_attention(*inputs)[0]


def ignores_query(query, keys, W, U, v):
    return np.broadcast_to(np.tanh(keys @ U)[:, None] @ v, (*query.shape[:2], keys.shape[1]))


def plain_mean(weights, keys):
    return np.broadcast_to(keys.mean(axis=1, keepdims=True), (*weights.shape[:2], keys.shape[2]))


def changes_its_input(query, keys, W, U, v, mask):
    keys[~mask] = 0
    return additive_attention(query, keys, W, U, v, mask)


ADDITIVE_MUTANTS = {
    "wrong axis": additive_variant(
        weigh=lambda e, m: softmax(np.where(m[:, None], e, -1e9), axis=1)
    ),
    "batch axis": additive_variant(
        weigh=lambda e, m: softmax(np.where(m[:, None], e, -1e9), axis=0)
    ),
    "inverted mask": additive_variant(weigh=lambda e, m: softmax(np.where(m[:, None], -1e9, e))),
    "no mask": additive_variant(weigh=lambda e, m: softmax(e)),
    "late mask": additive_variant(weigh=lambda e, m: softmax(e) * m[:, None]),
    "zero as mask": additive_variant(weigh=lambda e, m: softmax(np.where(m[:, None], e, 0.0))),
    "hard": additive_variant(weigh=hard),
    "unstable": additive_variant(weigh=unstable),
    "uniform": additive_variant(weigh=uniform),
    "scores returned": additive_variant(weigh=lambda e, m: np.where(m[:, None], e, 0.0)),
    "no tanh": additive_variant(
        score=lambda q, k, W, U, v: ((q @ W)[:, :, None] + (k @ U)[:, None]) @ v
    ),
    "product": additive_variant(
        score=lambda q, k, W, U, v: np.tanh((q @ W)[:, :, None] * (k @ U)[:, None]) @ v
    ),
    "no v": additive_variant(
        score=lambda q, k, W, U, v: np.tanh((q @ W)[:, :, None] + (k @ U)[:, None]).sum(-1)
    ),
    "dot": additive_variant(score=lambda q, k, W, U, v: (q @ W) @ np.swapaxes(k @ U, 1, 2)),
    "no query": additive_variant(score=ignores_query),
    "mean as context": additive_variant(mix=lambda w, k: plain_mean(w, k)),
    "divided context": additive_variant(mix=lambda w, k: w @ k / k.shape[1]),
    "constant": lambda *inputs: tuple(0 * part for part in additive_attention(*inputs)),
    "swapped outputs": swapped,
    "one output": only_context,
    "changes its input": changes_its_input,
    "NaN": additive_variant(weigh=lambda e, m: softmax(e) * np.nan),
    "string": "softmax",
}


def luong_variant(place, wrong):
    """Luong's scores with the one at `place` replaced."""

    def scores(query, keys, W_general, W_concat, v):
        parts = list(luong_scores(query, keys, W_general, W_concat, v))
        parts[place] = wrong(query, keys, W_general, W_concat, v, parts[place])
        return parts

    return scores


LUONG_MUTANTS = {
    "scaled dot": luong_variant(0, lambda s, h, G, C, v, right: right / np.sqrt(s.shape[1])),
    "cosine": luong_variant(
        0,
        lambda s, h, G, C, v, right: (
            right / np.linalg.norm(s, axis=1)[:, None] / np.linalg.norm(h, axis=1)
        ),
    ),
    "transposed W": luong_variant(1, lambda s, h, G, C, v, right: s @ G.T @ h.T),
    "tanh on general": luong_variant(1, lambda s, h, G, C, v, right: np.tanh(right)),
    "no tanh": luong_variant(
        2,
        lambda s, h, G, C, v, right: ((s @ C[: s.shape[1]])[:, None] + h @ C[s.shape[1] :]) @ v,
    ),
    "key first": luong_variant(
        2,
        lambda s, h, G, C, v, right: (
            np.tanh((s @ C[s.shape[1] :])[:, None] + h @ C[: s.shape[1]]) @ v
        ),
    ),
    "no v": luong_variant(
        2,
        lambda s, h, G, C, v, right: np.tanh(
            (s @ C[: s.shape[1]])[:, None] + h @ C[s.shape[1] :]
        ).sum(-1),
    ),
    "softmax on dot": luong_variant(0, lambda s, h, G, C, v, right: softmax(right)),
    "keys as rows": lambda *inputs: tuple(part.T for part in luong_scores(*inputs)),
    "wrong order": lambda *inputs: luong_scores(*inputs)[::-1],
    "negative": luong_variant(1, lambda s, h, G, C, v, right: -right),
    "two of three": lambda *inputs: luong_scores(*inputs)[:2],
    "constant": luong_variant(2, lambda s, h, G, C, v, right: np.ones_like(right)),
    "raises": lambda *inputs: 1 / 0,
    "number": 3.0,
}

GRADIENT_MUTANTS = {
    "sign": lambda a, h, g: -score_gradient(a, h, g),
    "gradient of the weights": lambda a, h, g: h @ g,
    "no context": lambda a, h, g: a * (h @ g),
    "no weight": lambda a, h, g: (h - a @ h) @ g,
    "diagonal only": lambda a, h, g: a * (1 - a) * (h @ g),
    "plain mean": lambda a, h, g: a * ((h - h.mean(axis=0)) @ g),
    "zeros": lambda a, h, g: np.zeros(len(a)),
    "plus": lambda a, h, g: a * ((h + a @ h) @ g),
    "jacobian": lambda a, h, g: a[:, None] * (np.eye(len(a)) - a),
    "random, sum zero": lambda a, h, g: np.arange(len(a)) - np.arange(len(a)).mean(),
    "random": lambda a, h, g: np.arange(len(a), dtype=float),
    "never saturates": lambda a, h, g: score_gradient(a, h, g) + 0.1 * (a == 1),
    "list of strings": lambda a, h, g: ["0.1"] * len(a),
}

MUTANTS = {
    "03.additive": ADDITIVE_MUTANTS,
    "03.luong": LUONG_MUTANTS,
    "03.gradient": GRADIENT_MUTANTS,
}


@pytest.mark.parametrize(
    ("exercise", "mutant"), [(name, mutant) for name in MUTANTS for mutant in MUTANTS[name]]
)
def test_wrong_answer_is_refused(exercise, mutant):
    verdict = check(exercise, MUTANTS[exercise][mutant])
    assert verdict.status == "wrong"
    assert "cannot be examined" not in verdict.message


@pytest.mark.parametrize("exercise", MUTANTS)
def test_different_mistakes_get_different_words(exercise):
    messages = [check(exercise, mutant).message for mutant in MUTANTS[exercise].values()]
    assert len(set(messages)) == len(messages) >= 6


@pytest.mark.parametrize(
    ("mutant", "word"),
    [
        ("wrong axis", "queries (axis 1)"),
        ("inverted mask", "wrong way round"),
        ("no mask", "no effect"),
        ("late mask", "after the softmax"),
        ("zero as mask", "exp(0) = 1"),
        ("hard", "argmax"),
        ("unstable", "overflow"),
        ("no query", "keys alone"),
    ],
)
def test_the_diagnosis_names_the_mistake(mutant, word):
    assert word in check("03.additive", ADDITIVE_MUTANTS[mutant]).message


# --- right answers ----------------------------------------------------------------------------


def additive_by_loops(query, keys, W, U, v, mask):
    context = np.zeros((*query.shape[:2], keys.shape[2]))
    weights = np.zeros((*query.shape[:2], keys.shape[1]))
    for row in range(len(query)):
        places = np.flatnonzero(mask[row])
        for t, s in enumerate(query[row]):
            scores = np.array([v @ np.tanh(W.T @ s + U.T @ keys[row, i]) for i in places])
            weights[row, t, places] = softmax(scores)
            context[row, t] = weights[row, t, places] @ keys[row, places]
    return context, weights


def additive_with_large_number(query, keys, W, U, v, mask):
    hidden = np.tanh(
        np.einsum("bqs,sa->bqa", query, W)[:, :, None] + np.einsum("bkh,ha->bka", keys, U)[:, None]
    )
    scores = np.einsum("bqka,a->bqk", hidden, v) - 1e9 * ~mask[:, None]
    weights = softmax(scores)
    return [np.einsum("bqk,bkh->bqh", weights, keys), weights]


def luong_by_pairs(query, keys, W_general, W_concat, v):
    dot, general, concat = np.zeros((3, len(query), len(keys)))
    for t, s in enumerate(query):
        for i, h in enumerate(keys):
            dot[t, i] = np.sum(s * h)
            general[t, i] = s @ (W_general @ h)
            concat[t, i] = np.tanh(np.concatenate([s, h]) @ W_concat) @ v
    return dot, general, concat


def gradient_by_jacobian(weights, values, g):
    jacobian = np.diag(weights) - np.outer(weights, weights)
    return jacobian @ (values @ g)


def test_tanh_before_the_sum_is_told_apart_from_the_right_score():
    """Then the query's part is the same for all keys, and the softmax cancels it."""
    answer = additive_variant(
        score=lambda q, k, W, U, v: (np.tanh(q @ W)[:, :, None] + np.tanh(k @ U)[:, None]) @ v
    )
    assert "cancels" in check("03.additive", answer).message


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("03.additive", additive_by_loops),
        ("03.additive", additive_with_large_number),
        ("03.luong", luong_by_pairs),
        ("03.gradient", gradient_by_jacobian),
    ],
)
def test_equivalent_answer_is_accepted(exercise, answer):
    verdict = check(exercise, answer)
    assert verdict.passed, verdict.message


@pytest.mark.parametrize("exercise", MUTANTS)
def test_solution_text_runs_by_itself_and_passes(exercise):
    names = {}
    exec(EXERCISES[exercise].solution, names)
    assert check(exercise, names[EXERCISES[exercise].answer]).passed


@pytest.mark.parametrize("exercise", MUTANTS)
@pytest.mark.parametrize("empty", [None, ..., lambda *inputs: None, lambda *inputs: ...])
def test_empty_place_is_not_called_wrong(exercise, empty):
    assert check(exercise, empty).status == "unanswered"


@pytest.mark.parametrize("exercise", MUTANTS)
def test_hints_come_in_stages(exercise):
    stages = [str(hint(exercise, level)) for level in (1, 2, 3)]
    assert len(set(stages)) == 3


def test_course_functions_agree_with_the_exercises():
    rng = np.random.default_rng(7)
    s, h, G = rng.normal(size=(3, 4)), rng.normal(size=(5, 4)), rng.normal(size=(4, 4))
    C, v = rng.normal(size=(8, 6)), rng.normal(size=6)
    dot, general, concat = luong_scores(s, h, G, C, v)
    np.testing.assert_allclose(functional.dot_score(s, h), dot, atol=1e-12)
    np.testing.assert_allclose(functional.general_score(s, h, G), general, atol=1e-12)
    np.testing.assert_allclose(functional.additive_score(s, h, C[:4], C[4:], v), concat, atol=1e-12)


# --- the interactive figures ------------------------------------------------------------------

STATES = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])


def test_what_the_text_says_of_the_pushes_while_one_score_rises():
    """That of "bad" grows until its weight is one half; then all three shrink."""
    start = functional.additive_score([1.0, 0.0], STATES, np.eye(2), np.eye(2), np.ones(2))
    raised = np.tile(start, (401, 1))
    raised[:, 1] = np.linspace(start[1], 5.0, len(raised))
    weights = functional.softmax(raised)
    away = STATES - (weights @ STATES)[:, None]
    pushes = weights * np.linalg.norm(away, axis=2)
    before, after = weights[:, 1] < 0.5, weights[:, 1] > 0.5
    a, bad, film = pushes[before].T
    assert len(bad) > 50
    assert (np.diff(bad) > 0).all()
    assert (np.diff(a) < 0).all()
    np.testing.assert_allclose(film, film[0], rtol=0.02)
    assert (np.diff(pushes[after], axis=0) < 0).all()
    assert (pushes[-1] < pushes[0] / 2).all()
    # The reason given: h_j - c is (1 - alpha_j) times the way from the other words' mixture.
    others = start[[0, 2]]
    way = STATES[1] - functional.softmax(others) @ STATES[[0, 2]]
    np.testing.assert_allclose(away[:, 1], (1 - weights[:, 1:2]) * way, atol=1e-12)


@pytest.mark.parametrize(
    ("words", "states"),
    [
        (["a", "bad"], STATES[:2]),
        (["a", "bad", "film"], np.eye(3)),
        (["a", "bad", "film"], [[0, 0], [1, 1], [2, 2]]),
    ],
)
def test_the_figure_needs_a_triangle(words, states):
    with pytest.raises(FigureError, match="corners of a triangle"):
        show_alignment(words, states, [[1, 0]], np.eye(2), np.eye(2), np.ones(2))
