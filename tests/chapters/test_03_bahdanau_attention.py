"""Chapter 3: quiz keys recomputed, the hand-worked table, the layer's oracles, wrong answers."""

import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from proof import accepts, examine, published, refuses

from attention_course import functional
from attention_course.display.quiz import load_quiz
from attention_course.exercises import EXERCISES, check
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
        np.array([[1.0, 2.0]]),
        np.array([[-1.0, -1.0]]),
        np.eye(2),
        2 * np.eye(2),
        np.array([3.0, 1.0]),
    )
    assert right_number("score")[1] == pytest.approx(score.item(), abs=0.005)


def test_quiz_weight():
    weights = functional.softmax([2, 2, 2 + np.log(2)])
    assert right_number("weight")[1] == pytest.approx(weights[2])


def test_quiz_cost():
    hidden = np.zeros((30, 1, 50)) + np.zeros((1, 20, 50))
    assert right_number("cost")[1] == hidden.size


def test_quiz_gradient():
    scores, step, states = np.log([0.2, 0.8]), np.array([1e-6, 0]), np.array([10.0, 0.0])
    up, down = (functional.softmax(scores + way) @ states for way in (step, -step))
    assert right_number("gradient")[1] == pytest.approx((up - down) / 2e-6, abs=0.005)


def test_quiz_parameters():
    from attention_course.layers import BahdanauAttention

    layer = BahdanauAttention(units=128)
    layer(np.zeros((1, 1, 256), "float32"), np.zeros((1, 2, 512), "float32"))
    assert right_number("parameters")[1] == layer.count_params()


# --- numbers in the prose ---------------------------------------------------------------------


def test_the_table_worked_by_hand_is_right():
    notebook = nbformat.read(CHAPTER, as_version=4).cells
    text = "\n".join(cell.source for cell in notebook if cell.cell_type == "markdown")
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


def cells(*marks):
    """What the chapter's code cells define that contain one of the marks."""
    source = [
        re.sub(r"^(plots\.\w+|check|\w*verdict)\b.*?(?=^\S|\Z)", "", cell.source, flags=re.M | re.S)
        for cell in nbformat.read(CHAPTER, as_version=4).cells
        if cell.cell_type == "code" and any(mark in cell.source for mark in marks)
    ]
    assert len(source) == len(marks)
    found = {"np": np, "softmax": functional.softmax}
    exec("import keras\nfrom keras import ops\n" + "\n".join(source), found)
    return found


def test_what_is_said_of_one_vector_is_measured():
    """Forgetting as much as lack of room: the chapter's text and a question of its quiz say it."""
    named = cells("def named(")["named"]
    squashed, wide, linear, both = (
        np.mean([named(*network, seed=seed) for seed in range(3)], axis=0)
        for network in ((32,), (128,), (32, np.positive), (128, np.positive))
    )
    assert squashed[:11].max() < 0.35  # guessing gives 0.25
    assert squashed[-5:].min() > 0.94
    assert both.min() > 0.99
    assert linear[0] > 0.4
    question = {q["id"]: q for q in load_quiz("03_bahdanau_attention")}["forgetting"]["question"]
    told = [float(number) for number in re.findall(r"0\.\d+", question)]
    means = squashed.mean(), wide.mean(), squashed.mean(), linear.mean()
    np.testing.assert_allclose(told, means, atol=0.015)
    assert squashed[:10].max() < 0.3


def test_the_padding_of_the_example_takes_a_quarter():
    padded = np.concatenate([STATES, np.zeros((2, 2))])
    scores = functional.additive_score([1.0, 0.0], padded, np.eye(2), np.eye(2), np.ones(2))
    assert functional.softmax(scores).reshape(-1)[3:].sum() == pytest.approx(0.25, abs=0.005)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", [1, 2])
def test_looking_back_helps_with_other_seeds_too(seed):
    """The text says: ahead by at least a fifth at ten letters."""
    found = cells("class LayerSolution", "ALPHABET, LONGEST", "class Reverser", "def train(")
    letters, reverse = found["draw"](np.random.default_rng(110), [10] * 400)
    exact = [
        (found["write"](found["train"](layer, seed), letters) == reverse).all(axis=1).mean()
        for layer in (found["LayerSolution"], None)
    ]
    assert exact[0] > exact[1] + 0.2


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


# --- the exercises ----------------------------------------------------------------------------


def softmax(scores, axis=-1):
    scores = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return scores / scores.sum(axis=axis, keepdims=True)


def additive(score=None, weigh=None, mix=np.matmul):
    """The additive attention with one of its three parts replaced."""

    def answer(query, keys, W, U, v, mask):
        from_query, from_keys = (query @ W)[:, :, None], (keys @ U)[:, None]
        scores = score(from_query, from_keys, v) if score else np.tanh(from_query + from_keys) @ v
        mask = mask[:, None]
        weights = weigh(scores, mask) if weigh else softmax(np.where(mask, scores, -np.inf))
        return mix(weights, keys), weights

    return answer


def changed(right, change, when=lambda *case: True):
    """The right results with a change, for some of the inputs or for all."""

    def answer(*case):
        results = right(*(part.copy() if isinstance(part, np.ndarray) else part for part in case))
        return change(*results) if when(*case) else results

    return answer


def forgets_nothing():
    kept = []

    def answer(*case):
        kept.append(case)
        context, weights = additive_attention(*case)
        return context * (1 + 0.01 * (len(kept) % 2)), weights

    return answer


def by_layout(query, keys, W, U, v, mask):
    return additive_attention(query, keys.ravel(order="K").reshape(keys.shape), W, U, v, mask)


def at_most_ten_keys(query, keys, W, U, v, mask):
    context, weights = additive_attention(query, keys[:, :10], W, U, v, mask[:, :10])
    return context, np.pad(weights, ((0, 0), (0, 0), (0, keys.shape[1] - weights.shape[2])))


def of_the_keys_type(weights, keys):
    context = np.zeros((*weights.shape[:2], keys.shape[2]), dtype=keys.dtype)
    context[...] = weights @ keys
    return context


def zeroes_padding_in_place(query, keys, W, U, v, mask):
    keys[~mask] = 0
    return additive_attention(query, keys, W, U, v, mask)


def without_small_weights(scores, mask):
    weights = softmax(np.where(mask, scores, -np.inf))
    return np.where(weights < 1e-4, 0, weights)


def low(number):
    return additive(weigh=lambda s, m: softmax(np.where(m, s, number)))


ADDITIVE_MUTANTS = {
    "wrong axis": (
        additive(weigh=lambda s, m: softmax(np.where(m, s, -1e9), axis=1)),
        "over the queries",
    ),
    "batch axis": (
        additive(weigh=lambda s, m: softmax(np.where(m, s, -1e9), axis=0)),
        "over the batch",
    ),
    "inverted mask": (additive(weigh=lambda s, m: softmax(np.where(m, -1e9, s))), "wrong way"),
    "no mask": (additive(weigh=lambda s, m: softmax(s)), "no effect"),
    "late mask": (additive(weigh=lambda s, m: softmax(s) * m), "after the softmax"),
    "zero as mask": (additive(weigh=lambda s, m: softmax(np.where(m, s, 0.0))), "exp(0) = 1"),
    "low number as mask": (low(-1e4), "not low enough"),
    "Keras' number as mask": (low(-1e9), "not low enough"),
    "a number that no sentence lists": (low(-12345.0), "not low enough"),
    "float16": (additive(weigh=lambda s, m: low_precision(s, m)), "the context"),
    "hard": (
        additive(weigh=lambda s, m: np.eye(s.shape[-1])[np.where(m, s, -np.inf).argmax(-1)]),
        "argmax",
    ),
    "unstable": (
        additive(weigh=lambda s, m: np.exp(s) * m / (np.exp(s) * m).sum(-1, keepdims=True)),
        "overflow",
    ),
    "uniform": (additive(weigh=lambda s, m: softmax(np.where(m, 0 * s, -np.inf))), "same weight"),
    "scores returned": (additive(weigh=lambda s, m: np.where(m, s, 0.0)), "return the scores"),
    "no tanh": (additive(score=lambda s, h, v: (s + h) @ v), "query cancels"),
    "tanh of each": (
        additive(score=lambda s, h, v: (np.tanh(s) + np.tanh(h)) @ v),
        "keys alone",
    ),
    "product": (additive(score=lambda s, h, v: np.tanh(s * h) @ v), "adds them"),
    "no v": (additive(score=lambda s, h, v: np.tanh(s + h).sum(-1)), "v is not used"),
    "dot": (additive(score=lambda s, h, v: (s * h).sum(-1)), "dot products"),
    "half the score": (additive(score=lambda s, h, v: np.tanh(s + h) @ v / 2), "should be"),
    "mean as context": (additive(mix=lambda w, k: softmax(0 * w) @ k), "plain mean"),
    "divided context": (additive(mix=lambda w, k: w @ k / k.shape[1]), "sum to 1 already"),
    "a context of the keys' type": (additive(mix=of_the_keys_type), "only inputs with whole"),
    "constant": (
        lambda *case: [0 * part for part in additive_attention(*case)],
        "one and the same",
    ),
    "swapped": (lambda *case: additive_attention(*case)[::-1], "in the wrong order"),
    "one output": (lambda *case: additive_attention(*case)[0], "Return 2 things"),
    "in place": (zeroes_padding_in_place, "changes its input keys"),
    "NaN": (additive(weigh=lambda s, m: s * np.nan), "NaN"),
    "rounded": (changed(additive_attention, lambda c, w: (c.round(4), w.round(4))), "rounded"),
    "squeezed": (changed(additive_attention, lambda c, w: (c.squeeze(), w.squeeze())), "squeeze"),
    "small weights cut": (additive(weigh=without_small_weights), "should be"),
    "one sentence forgotten": (
        changed(additive_attention, lambda c, w: (0 * c, w), lambda q, *_: len(q) == 1),
        "should be",
    ),
    "one key forgotten": (
        changed(additive_attention, lambda c, w: (0 * c, w), lambda q, k, *_: k.shape[1] == 1),
        "should be",
    ),
    "the first sentence's mask": (
        lambda q, k, W, U, v, mask: additive_attention(q, k, W, U, v, mask[:1]),
        "",
    ),
    "at most ten keys": (at_most_ten_keys, "only long"),
    "order in memory": (by_layout, "another order in memory"),
    "memory": (forgets_nothing(), "from one call to the next"),
    "string": ("softmax", "not a function"),
}


def low_precision(scores, mask):
    return softmax(np.where(mask, scores, -np.inf).astype(np.float16))


def luong(place, wrong):
    """Luong's scores with the one at `place` replaced."""

    def scores(query, keys, W_general, W_concat, v):
        parts = list(luong_scores(query, keys, W_general, W_concat, v))
        parts[place] = wrong(query, keys, W_general, W_concat, v)
        return parts

    return scores


def of_one_type(query, keys, W_general, W_concat, v):
    dot, general, concat = luong_scores(query, keys, W_general, W_concat, v)
    buffer = np.zeros_like(query @ keys.T)
    buffer[...] = general
    return dot, buffer, concat


def halves(combine):
    def score(s, h, _, C, v):
        return combine((s @ C[: s.shape[1]])[:, None], (h @ C[s.shape[1] :])[None], v)

    return luong(2, score)


LUONG_MUTANTS = {
    "scaled dot": (luong(0, lambda s, h, *_: s @ h.T / np.sqrt(s.shape[1])), "divided by √d"),
    "cosine": (
        luong(0, lambda s, h, *_: s @ h.T / np.outer(*(np.linalg.norm(x, axis=1) for x in (s, h)))),
        "cosine",
    ),
    "transposed W": (luong(1, lambda s, h, G, *_: s @ G.T @ h.T), "transpose of W"),
    "W left out": (luong(1, lambda s, h, *_: s @ h.T), "place of another"),
    "tanh on general": (luong(1, lambda s, h, G, *_: np.tanh(s @ G @ h.T)), "only concat has one"),
    "no tanh": (halves(lambda s, h, v: (s + h) @ v), "lacks its tanh"),
    "tanh of each": (halves(lambda s, h, v: (np.tanh(s) + np.tanh(h)) @ v), "one by one"),
    "v inside": (halves(lambda s, h, v: np.tanh((s + h) @ v)), "v inside"),
    "no v": (halves(lambda s, h, v: np.tanh(s + h).sum(-1)), "without v"),
    "v as it is": (halves(lambda s, h, v: np.tanh(s + h) @ abs(v)), "should be"),
    "relu": (halves(lambda s, h, v: np.maximum(s + h, 0) @ v), "should be"),
    "key first": (
        luong(
            2,
            lambda s, h, G, C, v: np.tanh((s @ C[s.shape[1] :])[:, None] + h @ C[: s.shape[1]]) @ v,
        ),
        "query comes first",
    ),
    "softmax on dot": (luong(0, lambda s, h, *_: softmax(s @ h.T)), "through a softmax"),
    "keys as rows": (lambda *case: [part.T for part in luong_scores(*case)], "keys as rows"),
    "wrong order": (lambda *case: luong_scores(*case)[::-1], "in the wrong order"),
    "twice the same": (luong(2, lambda s, h, G, *_: s @ G @ h.T), "place of another"),
    "negative": (luong(1, lambda s, h, G, *_: -s @ G @ h.T), "wrong sign"),
    "clipped": (luong(0, lambda s, h, *_: np.clip(s @ h.T, -1e4, 1e4)), "only large"),
    "shifted": (
        lambda *case: [e - max(e.max() - 100, 0) for e in luong_scores(*case)],
        "should be",
    ),
    "one type": (of_one_type, "only inputs with whole numbers"),
    "a sum in place": (lambda s, *rest: (s.__iadd__(1), luong_scores(s, *rest))[1], "in place"),
    "two of three": (lambda *case: luong_scores(*case)[:2], "Return 3 things"),
    "a dictionary": (
        lambda *case: dict(zip(("dot", "general", "concat"), luong_scores(*case), strict=True)),
        "Return 3 things",
    ),
    "constant": (luong(2, lambda s, h, *_: np.ones((len(s), len(h)))), "one and the same"),
    "small scores cut": (
        luong(0, lambda s, h, *_: np.where(abs(s @ h.T) < 1e-9, 0, s @ h.T)),
        "only small",
    ),
    "one query": (luong(0, lambda s, h, *_: (s @ h.T).squeeze()), "squeeze"),
    "at most ten": (luong(0, lambda s, h, *_: s @ h[:10].T), "only long"),
    "raises": (lambda *case: 1 / 0, "ZeroDivisionError"),
    "number": (3.0, "not a function"),
}


def of_the_type_of_g(weights, values, g):
    push = np.zeros(len(values), dtype=g.dtype)
    push[...] = values @ g
    return weights * (push - weights @ push)


GRADIENT_MUTANTS = {
    "sign": (lambda a, h, g: -score_gradient(a, h, g), "wrong sign"),
    "gradient of the weights": (lambda a, h, g: h @ g, "∂L/∂α"),
    "no context": (lambda a, h, g: a * (h @ g), "not subtracted"),
    "no weight": (lambda a, h, g: (h - a @ h) @ g, "factor αⱼ is missing"),
    "diagonal only": (lambda a, h, g: a * (1 - a) * (h @ g), "only the diagonal"),
    "plain mean": (lambda a, h, g: a * ((h - h.mean(axis=0)) @ g), "plain mean"),
    "plus": (lambda a, h, g: a * ((h + a @ h) @ g), "added where"),
    "the factor twice": (lambda a, h, g: a * score_gradient(a, h, g), "twice"),
    "the sum": (lambda a, h, g: score_gradient(a, h, g).sum(), "shape"),
    "not summed over features": (lambda a, h, g: a[:, None] * (h - a @ h) * g, "one row"),
    "jacobian": (lambda a, h, g: a[:, None] * (np.eye(len(a)) - a), "Jacobian"),
    "outer product": (lambda a, h, g: np.outer(a, h @ g), "shape"),
    "column": (lambda a, h, g: score_gradient(a, h, g)[:, None], "shape"),
    "zeros": (lambda a, h, g: np.zeros(len(a)), "one and the same"),
    "random, sum zero": (lambda a, h, g: np.arange(len(a)) - np.arange(len(a)).mean(), "should be"),
    "never saturates": (lambda a, h, g: score_gradient(a, h, g) + 0.1 * (a == 1), "should be"),
    "divided by a weight": (lambda a, h, g: a**2 / a * ((h - a @ h) @ g), "the gradient"),
    "logarithm of a weight": (lambda a, h, g: np.exp(np.log(a)) * 1.001 * (h @ g), "should be"),
    "clipped": (lambda a, h, g: np.clip(score_gradient(a, h, g), -10, 10), "should be"),
    "small weights cut": (lambda a, h, g: score_gradient(a, h, g) * (a > 1e-4), "should be"),
    "small results cut": (lambda a, h, g: np.round(score_gradient(a, h, g), 12), "should be"),
    "normalised weights": (lambda a, h, g: score_gradient(softmax(a), h, g), "should be"),
    "g of length 1": (lambda a, h, g: score_gradient(a, h, g / np.linalg.norm(g)), ""),
    "a buffer of g's type": (of_the_type_of_g, "should be"),
    "one word": (lambda a, h, g: score_gradient(a, h, g) + (len(a) == 1), "length 1"),
    "in place": (lambda a, h, g: (h.__isub__(1), score_gradient(a, h, g))[1], "in place"),
    "list of strings": (lambda a, h, g: ["0.1"] * len(a), "a string"),
}


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


def additive_by_einsum(query, keys, W, U, v, mask):
    hidden = np.tanh(
        np.einsum("bqs,sa->bqa", query, W)[:, :, None] + np.einsum("bkh,ha->bka", keys, U)[:, None]
    )
    scores = np.einsum("bqka,a->bqk", hidden, v) - 1e30 * ~mask[:, None]
    weights = softmax(scores)
    return [np.einsum("bqk,bkh->bqh", weights, keys).tolist(), weights.tolist()]


def single(right):
    """The right answer in single precision."""

    def answer(*case):
        narrow = (part.astype(np.float32) if part.dtype != bool else part for part in case)
        return right(*narrow)

    return answer


def additive_by_the_package(query, keys, W, U, v, mask):
    scores = functional.additive_score(query, keys, W, U, v)
    weights = functional.masked_softmax(scores, mask[:, None])
    return (weights[..., None] * keys[:, None]).sum(axis=2), weights


def additive_with_a_finite_lowest(query, keys, W, U, v, mask):
    scores = additive(weigh=lambda s, m: s)(query, keys, W, U, v, mask)[1]
    weights = softmax(np.where(mask[:, None], scores, np.finfo(scores.dtype).min))
    return weights @ keys, weights


def luong_by_pairs(query, keys, W_general, W_concat, v):
    dot, general, concat = np.zeros((3, len(query), len(keys)))
    for t, s in enumerate(query):
        for i, h in enumerate(keys):
            dot[t, i] = np.sum(s * h)
            general[t, i] = s @ (W_general @ h)
            concat[t, i] = np.tanh(np.concatenate([s, h]) @ W_concat) @ v
    return dot, general, concat


def luong_by_einsum(s, h, G, C, v):
    top, bottom = np.split(C, 2)
    hidden = np.tanh(np.einsum("qd,da->qa", s, top)[:, None] + np.einsum("kd,da->ka", h, bottom))
    return [
        np.einsum("qd,kd->qk", s, h),
        np.einsum("qd,de,ke->qk", s, G, h),
        np.einsum("qka,a->qk", hidden, v),
    ]


RIGHT = {
    "03.additive": (
        additive_by_loops,
        additive_by_einsum,
        single(additive_attention),
        additive_by_the_package,
        additive_with_a_finite_lowest,
    ),
    "03.luong": (
        luong_by_pairs,
        luong_by_einsum,
        single(luong_scores),
        lambda *case: [part.tolist() for part in luong_scores(*case)],
        # It unpacks into the three in this order, as what the exercise asks for does.
        lambda *case: np.stack(luong_scores(*case)),
    ),
    "03.gradient": (
        lambda a, h, g: (np.diag(a) - np.outer(a, a)) @ (h @ g),
        lambda a, h, g: a * (h @ g) - a * (a @ (h @ g)),
        single(score_gradient),
        lambda a, h, g: [float(a[j] * ((h[j] - a @ h) @ g)) for j in range(len(a))],
        lambda a, h, g: np.einsum("j,jd,d->j", a, h - np.einsum("j,jd->d", a, h), g),
    ),
}
MUTANTS = {
    "03.additive": ADDITIVE_MUTANTS,
    "03.luong": LUONG_MUTANTS,
    "03.gradient": GRADIENT_MUTANTS,
}


@pytest.mark.parametrize("exercise", RIGHT)
def test_right_answers_pass_however_they_are_written(exercise):
    accepts(exercise, *RIGHT[exercise])


@pytest.mark.parametrize("exercise", MUTANTS)
def test_wrong_answers_are_refused_in_words_of_their_own(exercise):
    refuses(exercise, MUTANTS[exercise])


def test_the_values_of_a_dictionary_are_called_by_their_name():
    # `dot, general, concat = answer(...)` works with them, but so it would with a set: stay strict.
    answer = changed(luong_scores, lambda *three: dict(enumerate(three)).values())
    assert "you return dict_values" in examine("03.luong", answer).message


def test_a_process_of_its_own_judges_alike():
    assert check("03.additive", published("03.additive"), seed=0).passed
    names = {}
    exec(EXERCISES["03.additive"].solution.replace("-np.inf", "-1e9"), names)
    assert "not low enough" in check("03.additive", names["additive_attention"], seed=0).message


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
