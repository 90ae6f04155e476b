"""Chapter 4: the given numbers, quiz keys recomputed, what the prose claims, wrong answers."""

import re
from dataclasses import replace
from pathlib import Path

import keras
import nbformat
import numpy as np
import pytest
from proof import accepts, examine, published, refuses

from attention_course import functional
from attention_course.display.quiz import load_quiz
from attention_course.exercises import EXERCISES
from attention_course.exercises import qkv as qkv_exercises
from attention_course.exercises.qkv import attend_in_heads, attention
from attention_course.interactive import FigureError
from attention_course.interactive.four_words import TEMPERATURES, show_four_words

CHAPTER = Path(__file__).parents[2] / "chapters" / "04_qkv_from_scratch.ipynb"

WORDS = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]])
SCORES = [[8, 2, 10, 2], [4, 0, 4, 0], [12, 2, 14, 2], [10, 4, 14, 3]]
OUTPUT = [
    [0.98522025, 1.74174051, 0.75652026],
    [0.90965265, 1.40965265, 0.5],
    [0.99851226, 1.75849334, 0.75998108],
    [0.99560386, 1.90407309, 0.90846923],
]


@pytest.fixture(scope="module")
def cells():
    return nbformat.read(CHAPTER, as_version=4).cells


@pytest.fixture(scope="module")
def qkv():
    np.random.seed(42)
    matrices = [np.random.randint(3, size=(3, 3)) for _ in range(3)]
    return [WORDS @ matrix for matrix in matrices]


def printed(cells, part):
    """What the one cell whose code contains `part` printed."""
    [cell] = [c for c in cells if c.cell_type == "code" and part in c.source]
    texts = [output.get("text") or output["data"]["text/plain"] for output in cell.outputs]
    return "\n".join(texts)


def source_of(cells, part):
    """The one cell of code that contains `part`."""
    [cell] = [c for c in cells if c.cell_type == "code" and part in c.source]
    return cell.source


def text_of(cells, heading=""):
    """The prose of the chapter, or of the one cell with this heading."""
    return "\n\n".join(c.source for c in cells if c.cell_type == "markdown" and heading in c.source)


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.?\d*", text)]


# --- the given numbers ------------------------------------------------------------------------


def test_the_given_numbers_come_out(qkv):
    query, key, value = qkv
    np.testing.assert_array_equal(query @ key.T, SCORES)
    output, _ = functional.scaled_dot_product_attention(query, key, value)
    np.testing.assert_allclose(output, OUTPUT, atol=5e-9)


def test_the_chapter_prints_them(cells):
    scores, output = printed(cells, 'print("scores", scores').split("output")
    np.testing.assert_array_equal(np.reshape(numbers(scores), (4, 4)), SCORES)
    np.testing.assert_array_equal(np.reshape(numbers(output), (4, 3)), OUTPUT)
    rows = [line.split("output")[1] for line in printed(cells, "def look_up").splitlines()]
    np.testing.assert_array_equal([numbers(row) for row in rows], [OUTPUT[0], OUTPUT[3]])
    assert "assert np.allclose(output, by_loop)" in source_of(cells, 'print("scores", scores')


def test_the_residual_is_printed(cells):
    lines = printed(cells, "embeddings = words + output").splitlines()
    after = [numbers(line.split("->")[1]) for line in lines]
    np.testing.assert_allclose(after, WORDS + np.array(OUTPUT), atol=1e-8)
    assert after[0] == [1.98522025, 1.74174051, 0.75652026]


def test_the_table_worked_by_hand_is_right(cells, qkv):
    query, key, value = qkv
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    rows = re.findall(
        r"\| (?:not|a|bad|film) \| \((.*?)\) \| .*= (\d+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) "
        r"\| \((.*?)\) \|",
        text,
    )
    assert len(rows) == 4
    scores = query[0] @ key.T
    np.testing.assert_array_equal([numbers(row[0]) for row in rows], key)
    np.testing.assert_array_equal([numbers(row[5]) for row in rows], value)
    table = np.array([row[1:5] for row in rows], dtype=float).T
    np.testing.assert_array_equal(table[0], scores)
    np.testing.assert_allclose(table[1], scores / np.sqrt(3), atol=6e-4)
    np.testing.assert_allclose(table[2], np.exp(scores / np.sqrt(3)), atol=0.06)
    np.testing.assert_allclose(table[3], functional.softmax(scores / np.sqrt(3)), atol=6e-4)


# --- what the prose claims --------------------------------------------------------------------


def test_scaling_is_what_the_chapter_says(cells):
    lines = printed(cells, "largest[label, d_k] = mean_interval").splitlines()
    unscaled, scaled = (re.findall(r"= \d+: ([\d.]+)", line) for line in lines if "d = 2:" in line)
    ends = [numbers(line.split(":")[1]) for line in lines if "interval" in line]
    for means, end, low, high in zip(
        (unscaled, scaled), ends, (0.93, 0.23), (0.96, 0.26), strict=True
    ):
        lower, upper = end
        assert low < lower < float(means[-1]) < upper < high
    assert scaled[0] == "0.220"
    assert all(0.24 <= float(mean) <= 0.25 for mean in scaled[1:])
    assert "largest weight averages between 0.22 and 0.25 at all five widths" in text_of(cells)
    said = re.search(
        r"16 weights was about ([\d.]+) instead of ([\d.]+\d)", text_of(cells, "## Summary")
    ).groups()
    assert float(said[0]) == pytest.approx(float(scaled[-1]), abs=0.005)
    assert float(said[1]) == pytest.approx(float(unscaled[-1]), abs=0.005)


def test_what_a_query_learns_is_uneven_without_the_scaling(cells):
    """The numbers of the prose are those printed, and those of an independent computation."""
    unscaled, scaled = printed(cells, "by_query = ").splitlines()
    prose = text_of(cells, "the unscaled derivative is the *larger* one")
    for line, divisor, count in ((unscaled, 1, 48), (scaled, np.sqrt(512), 0)):
        sizes = []
        for seed in range(20):
            rng = np.random.default_rng(seed)
            q, k = rng.normal(size=(100, 1, 512)), rng.normal(size=(100, 16, 512))
            alpha = functional.softmax(q @ k.swapaxes(1, 2) / divisor)[:, 0]
            context = alpha[:, None] @ k
            sizes.append(np.linalg.norm(alpha[..., None] * (k - context) / divisor, axis=(1, 2)))
        mean, median, bound, share = numbers(line.split("mean")[1])
        assert mean == pytest.approx(np.mean(sizes), abs=0.002)
        assert median == pytest.approx(np.median(sizes), abs=0.002)
        assert (bound, share) == (0.01, count)
        assert np.mean(np.less(sizes, 0.01)) == pytest.approx(count / 100, abs=0.01)
        assert f"{mean:.3f}" in prose
    assert "the median is 0.015, and for 48 % of the queries" in prose
    assert numbers(unscaled)[0] > numbers(scaled)[0]


def test_the_derivative_with_respect_to_the_query_is_what_the_chapter_multiplies():
    rng = np.random.default_rng(0)
    q, k = rng.normal(size=5), rng.normal(size=(4, 5))
    alpha = functional.softmax(k @ q)
    by_query = (np.diag(alpha) - np.outer(alpha, alpha)) @ k
    step = 1e-6 * np.eye(5)
    steps = [(functional.softmax(k @ (q + d)) - functional.softmax(k @ (q - d))) for d in step]
    np.testing.assert_allclose(by_query.T, np.array(steps) / 2e-6, atol=1e-8)


def test_only_the_mask_before_the_softmax_keeps_the_future_out(cells):
    moved = {
        line.split("first")[0].split("mask", 1)[1].strip(): re.findall(r"True|False", line)
        for line in printed(cells, 'for where in ("after"').splitlines()
    }
    assert moved["after"] == ["True"] * 4
    assert moved["as zero"] == ["True"] * 4
    assert moved["before"] == ["False"] * 3 + ["True"]


def test_a_late_mask_cannot_be_repaired_when_powers_vanish():
    scores, mask = np.array([0.0, 800.0]), np.array([True, False])
    late = functional.softmax(scores) * mask
    assert late.sum() == 0
    np.testing.assert_array_equal(functional.masked_softmax(scores, mask), [1, 0])


def test_without_matrices_the_scores_are_symmetric_and_the_weights_are_not(cells):
    plain = WORDS @ WORDS.T
    shown = printed(cells, "plain_scores = words")
    scores, weights = (
        np.reshape(numbers(part)[:16], (4, 4))
        for part in (shown.split("weights")[0], shown.split("weights")[1])
    )
    np.testing.assert_array_equal(scores, plain)
    np.testing.assert_array_equal(plain, plain.T)
    np.testing.assert_allclose(weights, functional.softmax(plain), atol=6e-4)
    assert (weights[0, 2], weights[2, 0]) == (0.366, 0.197)
    assert "0.366 against 0.197" in text_of(cells)
    assert weights[2].argmax() == 2
    assert printed(cells, '"Who looks at whom"').endswith("scores symmetric: False\n")
    assert (SCORES[0][2], SCORES[2][0]) == (10, 12)


def test_only_the_product_of_the_two_matrices_matters(cells):
    assert printed(cells, "R = np.random").rstrip().endswith("scores unchanged: True")


def test_the_number_of_scores_grows_with_the_square(cells):
    lines = printed(cells, "megabytes in single").replace(",", "").splitlines()[1:]
    for line in lines:
        length, count, megabytes = numbers(line)
        assert count == length**2
        assert megabytes == pytest.approx(4 * length**2 / 1e6, abs=6e-4)
    assert numbers(lines[-1])[2] == 1600
    assert "fill 1.6 gigabytes" in text_of(cells)


def test_dropout_keeps_the_sums_on_average_alone(cells):
    one, mean, shapes = printed(cells, "kept = rng.random").splitlines()
    assert np.ptp(numbers(one.split(":")[1])) > 0.3
    assert numbers(mean.split(":")[1]) == [1] * 4
    assert shapes == "cross-attention: weights (2, 4) output (2, 3)"


def test_padding_counts_for_nothing_under_either_mask_that_holds_it(cells):
    lines = printed(cells, "nonsense = batch.copy()").splitlines()
    assert [line.rsplit(" ", 1)[1] for line in lines] == ["False", "False", "True", "True"]
    assert [line.split("real")[0].split("shape")[1].strip() for line in lines] == [
        "-",
        "(4, 4)",
        "(2, 1, 4)",
        "(2, 4, 4)",
    ]


def test_what_a_temperature_does():
    scores = np.array(SCORES[0], float)
    np.testing.assert_allclose(functional.softmax(scores / 0.01), [0, 0, 1, 0], atol=1e-12)
    hot = functional.softmax(scores / 10_000)
    assert np.ptp(hot) == pytest.approx((10 - 2) / 10_000 / 4, rel=0.01)


def test_the_repair_of_a_late_mask_works_on_paper(qkv):
    query, key, value = qkv
    causal = functional.causal_mask(4)
    late = functional.scaled_dot_product_attention(query, key, value)[1] * causal
    right = functional.scaled_dot_product_attention(query, key, value, causal)[1]
    np.testing.assert_allclose(late / late.sum(axis=1, keepdims=True), right)


def test_the_sums_of_the_rows_tell_a_late_mask(cells):
    late, right = printed(cells, "late = weights * causal").splitlines()[-2:]
    assert numbers(late.split(":")[1]) == [0.2361, 0.5, 0.9993, 1]
    assert numbers(right.split(":")[1]) == [1] * 4


def test_three_answers_to_a_fully_masked_row(cells):
    nan, uniform, zeros = printed(cells, "nothing = np.zeros").splitlines()
    assert nan.count("nan") == 4
    assert numbers(uniform.split("[")[1]) == [0.25] * 4
    assert numbers(zeros.split("[")[1]) == [0] * 4


def test_what_keras_does_with_a_fully_masked_row():
    import keras

    x = np.random.default_rng(0).normal(size=(1, 4, 2)).astype("float32")
    nothing = np.zeros((1, 4), bool)
    for layer in (keras.layers.Attention(), keras.layers.AdditiveAttention()):
        _, weights = layer([x, x], mask=[None, nothing], return_attention_scores=True)
        np.testing.assert_allclose(weights, 0.25, atol=1e-6)
    layer = keras.layers.MultiHeadAttention(1, 2)
    mask = np.broadcast_to(nothing, (1, 4, 4))
    _, weights = layer(x, x, attention_mask=mask, return_attention_scores=True)
    np.testing.assert_array_equal(weights, 0)
    layer = keras.layers.MultiHeadAttention(1, 2, use_bias=False)
    output = np.asarray(layer(x, x, attention_mask=mask))  # weights not asked for
    _, _, value, out = (np.asarray(w) for w in layer.get_weights())
    mean = np.einsum("btd,dhk->bthk", x, value).mean(axis=1)
    expected = np.einsum("bhk,hkd->bd", mean, out)
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(output, np.repeat(expected[:, None], 4, axis=1), atol=1e-6)


def test_the_words_that_are_set_by_hand_find_each_other():
    W_Q, W_K = qkv_exercises.finder(4, np.array([[0, 2], [2, 3]]))
    weights = functional.softmax(W_Q @ W_K.T / np.sqrt(W_Q.shape[1]))
    assert min(weights[0, 2], weights[2, 3]) > 0.99
    np.testing.assert_allclose(weights[[1, 3]], 0.25)


def test_the_anonymous_versions_do_what_the_answer_says(cells):
    lines = printed(cells, "import anonymous").splitlines()
    rows = {line[0]: numbers(line[1:]) for line in lines if re.match("[A-D] row sums", line)}
    assert rows["A"] == [0.25, *[1] * 7]
    assert rows["C"] == rows["D"] == [1] * 8
    assert (min(rows["B"]), max(rows["B"])) == (0, 2.08)
    answer = text_of(cells, "Which is which")
    assert "C is right" in answer
    assert "anything from 0 to 2.08" in answer
    assert [qkv_exercises.LETTERS[letter] for letter in "ABCD"] == [3, 1, 0, 6]


def test_a_cell_that_trains_asserts_what_the_text_says(cells):
    trained = source_of(cells, "Causal = CausalSelfAttention")
    assert 'assert accuracy["your layer"][5:].mean() > 0.9' in trained
    assert 'accuracy["no mask"].min() > 0.9' in trained
    looked = source_of(cells, "looked, _ = repeated")
    assert "assert back.mean(axis=1).max() > 0.7" in looked
    for part in ("Causal = CausalSelfAttention", "looked, _ = repeated"):
        [cell] = [c for c in cells if c.cell_type == "code" and part in c.source]
        assert "nbval-ignore-output" in cell.metadata["tags"]


def test_keras_and_numpy_agree_in_the_chapter(cells):
    text = printed(cells, "layer = keras.layers.MultiHeadAttention")
    assert text.count("agree to 1e-6: True") == 2


def test_heads_and_order_do_what_the_prose_says(cells):
    lines = printed(cells, "two_output, two = multi_head").splitlines()
    text = "\n".join(line for line in lines if line.startswith("film"))
    assert numbers(text) == [0, 0, 1, 0, 1, 0, 0, 0, 0.5, 0, 0.5, 0, 0.5, 0, 0.5, 0]
    free, causal = printed(cells, "order = [3, 2, 0, 1]").splitlines()
    assert free.endswith("True")
    assert causal.endswith("False")


# --- the quiz ---------------------------------------------------------------------------------


def right_number(name):
    question = {q["id"]: q for q in load_quiz("04_qkv_from_scratch")}[name]
    (value,) = [answer["value"] for answer in question["answers"] if answer.get("correct")]
    return value


def test_quiz_weight_by_hand():
    _, weights = functional.scaled_dot_product_attention(
        [[1, 2, 0, 1]], [[2, 1, 3, 0], [0, 0, 1, 0]], np.eye(2)
    )
    question = {q["id"]: q for q in load_quiz("04_qkv_from_scratch")}["weight-by-hand"]
    [right] = [answer["range"] for answer in question["answers"] if answer.get("correct")]
    assert right[0] < weights[0, 0] < right[1]
    assert np.round(weights[0, 0], 2) == pytest.approx(np.mean(right), abs=1e-9)
    assert "two decimals" in question["question"]
    wrong = [a["range"] for a in question["answers"] if "range" in a and not a["correct"]]
    for low, high in wrong:  # what the feedback says was computed
        assert any(low < one < high for one in (np.exp(4) / (np.exp(4) + 1), 0.731, 2))


def test_quiz_cost():
    assert right_number("cost") == 2000**2 / 500**2


def test_quiz_spread():
    rng = np.random.default_rng(0)
    q, k = 2 * rng.normal(size=(2, 20_000, 64))
    spread = np.std((q * k).sum(axis=1) / np.sqrt(64))
    assert right_number("spread") == pytest.approx(spread, rel=0.03)


def test_quiz_both_masks():
    mask = functional.causal_mask(6) & functional.padding_mask([4], 6)[0]
    assert right_number("both-masks") == mask.sum()
    either = functional.causal_mask(6) | functional.padding_mask([4], 6)[0]
    assert either.sum() == 27


def test_quiz_which_bug():
    late = np.array([[0.2, 0, 0], [0.4, 0.2, 0], [0.3, 0.3, 0.4]])
    np.testing.assert_allclose(late.sum(axis=1), [0.2, 0.6, 1])
    assert late[:, 0].sum() == pytest.approx(0.9)


def test_quiz_only_the_product():
    rng = np.random.default_rng(0)
    x, W_Q, W_K = rng.normal(size=(5, 3)), *rng.normal(size=(2, 3, 2))
    one, other = (
        functional.softmax(x @ (by * W_Q) @ (x @ (W_K / by)).T / np.sqrt(2)) for by in (1, 2)
    )
    np.testing.assert_allclose(one, other)


def test_quiz_no_parameters():
    x = np.random.default_rng(0).normal(size=(6, 3))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    weights = functional.softmax(x @ x.T)
    assert (weights.argmax(axis=1) == np.arange(6)).all()
    assert np.abs(weights - weights.T).max() > 0.01


def test_quiz_head_parameters():
    layer = published("04.causal")(4, 8)
    layer.build((None, 3, 6))
    assert right_number("head-parameters") == layer.count_params()


def test_quiz_shapes():
    output, weights = functional.scaled_dot_product_attention(
        np.ones((3, 4)), np.ones((5, 4)), np.ones((5, 6))
    )
    question = {q["id"]: q for q in load_quiz("04_qkv_from_scratch")}["shapes"]
    [right] = [answer["answer"] for answer in question["answers"] if answer["correct"]]
    assert right == f"{weights.shape} and {output.shape}"


# --- the exercises ----------------------------------------------------------------------------


def softmax(scores, axis=-1):
    powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def variant(score=None, weigh=functional.masked_softmax, mix=np.matmul):
    """The solution with one of its three parts replaced."""

    def answer(query, key, value, mask):
        dots = query @ np.swapaxes(key, 1, 2)
        scores = score(dots, query, key) if score else dots / np.sqrt(query.shape[-1])
        weights = weigh(scores, mask)
        return mix(weights, value), weights

    return answer


def when(condition, right, wrong):
    """An answer that is wrong for some of the inputs only."""
    return lambda *case: wrong(*right(*case)) if condition(*case) else right(*case)


def guarded(powers):
    total = powers.sum(axis=-1, keepdims=True)
    return powers / np.where(total == 0, 1, total)


def hard(scores, mask):
    best = np.where(mask, scores, -np.inf).argmax(axis=-1)
    return np.eye(scores.shape[-1])[best] * mask.any(axis=-1, keepdims=True)


def zeroed(number):
    return variant(weigh=lambda s, m: softmax(np.where(m, s, number)) * m)


def of_the_values_type(weights, value):
    output = np.zeros((*weights.shape[:2], value.shape[2]), dtype=value.dtype)
    output[...] = weights @ value
    return output


def first_query(query, key, value, mask):
    output, weights = attention(query[:, :1], key, value, mask[:, :1])
    return np.repeat(output, query.shape[1], 1), np.repeat(weights, query.shape[1], 1)


def changes_its_input(query, key, value, mask):
    value[:, -1] = 0
    return attention(query, key, value, mask)


def by_layout(query, key, value, mask):
    return attention(query, key, value.ravel(order="K").reshape(value.shape), mask)


def first_twelve(query, key, value, mask):
    output, weights = attention(query, key[:, :12], value[:, :12], mask[..., :12])
    return output, np.pad(weights, ((0, 0), (0, 0), (0, key.shape[1] - weights.shape[2])))


ATTENTION_MUTANTS = {
    "softmax over queries": (
        variant(weigh=lambda s, m: softmax(np.where(m, s, -1e9), 1)),
        "over the queries",
    ),
    "softmax over the batch": (
        variant(weigh=lambda s, m: softmax(np.where(m, s, -1e9), 0)),
        "over the batch",
    ),
    "softmax over everything": (
        variant(weigh=lambda s, m: softmax(np.where(m, s, -np.inf), (1, 2))),
        "all pairs at once",
    ),
    "no scaling": (variant(score=lambda s, q, k: s), "scaling is missing"),
    "scaled by d": (variant(score=lambda s, q, k: s / q.shape[-1]), "square root"),
    "scaled by the number of keys": (
        variant(score=lambda s, q, k: s / np.sqrt(k.shape[1])),
        "number of keys",
    ),
    "multiplied": (variant(score=lambda s, q, k: s * np.sqrt(q.shape[-1])), "instead of dividing"),
    "sharp": (variant(score=lambda s, q, k: 1e4 * s / np.sqrt(q.shape[-1])), "far too large"),
    "negative": (variant(score=lambda s, q, k: -s / np.sqrt(q.shape[-1])), "wrong sign"),
    "inverted mask": (variant(weigh=lambda s, m: softmax(np.where(m, -1e9, s))), "wrong way round"),
    "no mask": (variant(weigh=lambda s, m: softmax(s)), "no effect"),
    "mask after the softmax": (variant(weigh=lambda s, m: softmax(s) * m), "after the softmax"),
    "late mask, divided again": (
        variant(weigh=lambda s, m: guarded(softmax(s) * m)),
        "Mask the scores first",
    ),
    "zero as mask": (variant(weigh=lambda s, m: softmax(np.where(m, s, 0.0))), "exp(0) = 1"),
    "-1000 as mask": (zeroed(-1e3), "not low enough"),
    "-1e9 as mask": (zeroed(-1e9), "not low enough"),
    "1e5 taken off": (
        variant(weigh=lambda s, m: softmax(s - 1e5 * ~m) * m),
        "not low enough",
    ),
    "argmax": (variant(weigh=hard), "hard choice"),
    "equal weights": (
        variant(weigh=lambda s, m: m / np.maximum(m.sum(-1, keepdims=True), 1)),
        "same weight",
    ),
    "not normalised": (variant(weigh=lambda s, m: np.exp(s) * m), ""),
    "something in the sum": (
        variant(weigh=lambda s, m: functional.masked_softmax(s, m) / 1.01),
        "should be",
    ),
    "scores returned": (variant(weigh=lambda s, m: s), "return the scores"),
    "NaN when nothing is allowed": (
        variant(weigh=lambda s, m: softmax(np.where(m, s, -np.inf))),
        "0/0",
    ),
    "equal when nothing is allowed": (
        variant(weigh=lambda s, m: softmax(np.where(m, s, -1e30))),
        "reads forbidden keys",
    ),
    "zero only when a whole sentence is empty": (
        variant(
            weigh=lambda s, m: softmax(np.where(m, s, -1e30)) * m.any(axis=(1, 2), keepdims=True)
        ),
        "should be",
    ),
    "empty read off the first key": (
        variant(weigh=lambda s, m: softmax(np.where(m, s, -1e30)) * m[..., :1]),
        "should be",
    ),
    "None when nothing is allowed": (
        lambda q, k, v, m: attention(q, k, v, m) if m.any(axis=-1).all() else None,
        "your function returns None",
    ),
    "overflow": (variant(weigh=lambda s, m: guarded(np.exp(s) * m)), "overflow"),
    "output without a stabiliser": (
        lambda q, k, v, m: (
            variant(weigh=lambda s, m: guarded(np.exp(s) * m))(q, k, v, m)[0],
            attention(q, k, v, m)[1],
        ),
        "weights are right",
    ),
    "largest of all": (
        variant(weigh=lambda s, m: guarded(np.exp(s - s.max()) * m)),
        "",
    ),
    "keys for values": (
        lambda q, k, v, m: (attention(q, k, v, m)[1] @ k, attention(q, k, v, m)[1]),
        "mix the keys",
    ),
    "the query itself": (lambda q, k, v, m: (q, attention(q, k, v, m)[1]), "queries as they came"),
    "query and key swapped": (lambda q, k, v, m: attention(k, q, v, m), "stops with"),
    "residual": (lambda q, k, v, m: (attention(q, k, v, m)[0] + q, 0), "stops with"),
    "one query only": (first_query, "only one query is used"),
    "first row for all": (
        variant(mix=lambda w, v: np.repeat(w[:, :1] @ v, w.shape[1], axis=1)),
        "sum of the first one",
    ),
    "plain mean": (variant(mix=lambda w, v: softmax(0 * w) @ v), "plain mean"),
    "best value": (
        variant(mix=lambda w, v: np.take_along_axis(v, w.argmax(-1)[..., None], 1)),
        "largest weight",
    ),
    "divided twice": (variant(mix=lambda w, v: w @ v / v.shape[1]), "sum to 1 already"),
    "constant": (variant(mix=lambda w, v: 0 * (w @ v)), "one and the same"),
    "values cut": (variant(mix=of_the_values_type), "only inputs with whole numbers"),
    "swapped results": (lambda *inputs: attention(*inputs)[::-1], "in the wrong order"),
    "output only": (lambda *inputs: attention(*inputs)[0], "2 things"),
    "keys as rows": (
        lambda *inputs: (attention(*inputs)[0], np.swapaxes(attention(*inputs)[1], 1, 2)),
        "keys as rows",
    ),
    "changes its input": (changes_its_input, "changes its input value"),
    "order in memory": (by_layout, "another order in memory"),
    "twelve keys": (first_twelve, "only long"),
    "one sentence": (
        when(lambda q, *_: len(q) == 1, attention, lambda o, w: (o[0], w[0])),
        "shape",
    ),
    "one pair": (
        when(lambda q, k, *_: q.shape[1] == k.shape[1] == 1, attention, lambda o, w: (o, 0 * w)),
        "should be",
    ),
    "first sentence's mask": (lambda q, k, v, m: attention(q, k, v, m[:1]), ""),
    "float16": (variant(weigh=lambda s, m: functional.masked_softmax(s.astype("e"), m)), ""),
    "scaled in place": (variant(score=lambda s, q, k: s.__itruediv__(q.shape[-1] ** 0.5)), "whole"),
    "raises": (lambda q, k, v, m: 1 / 0, "ZeroDivisionError"),
    "a number": (3.0, "not a function"),
    "NaN everywhere": (variant(weigh=lambda s, m: s * np.nan), "NaN"),
    # Its imaginary part is 0, but a student who meets complex numbers has gone astray before.
    "complex": (lambda *case: [part.astype(complex) for part in attention(*case)], "`.real`"),
}


def by_loops(query, key, value, mask):
    batch, t_q, d_k = query.shape
    output = np.zeros((batch, t_q, value.shape[2]))
    weights = np.zeros((batch, t_q, key.shape[1]))
    for b in range(batch):
        for i in range(t_q):
            allowed = [j for j in range(key.shape[1]) if mask[b, i, j]]
            if not allowed:
                continue
            scores = np.array([query[b, i] @ key[b, j] / d_k**0.5 for j in allowed])
            powers = np.exp(scores - scores.max())
            weights[b, i, allowed] = powers / powers.sum()
            output[b, i] = sum(weights[b, i, j] * value[b, j] for j in allowed)
    return output, weights


def with_a_large_number(query, key, value, mask):
    scores = np.einsum("bik,bjk->bij", query / np.sqrt(query.shape[2]), key)
    weights = softmax(np.where(mask, scores, -1e30)) * mask
    return np.einsum("bij,bjv->biv", weights, value), weights


def in_float32(query, key, value, mask):
    query, key, value = (x.astype(np.float32) for x in (query, key, value))
    scores = query @ key.swapaxes(1, 2) / np.float32(np.sqrt(query.shape[2]))
    lowest = np.finfo(np.float32).min
    weights = softmax(np.where(mask, scores, lowest)) * mask
    return weights @ value, weights


# --- 04.heads ---------------------------------------------------------------------------------


def split(x, heads):
    return x.reshape(*x.shape[:2], heads, -1).transpose(0, 2, 1, 3)


def joined(found):
    return found.transpose(0, 2, 1, 3).reshape(found.shape[0], found.shape[2], -1)


def heads_variant(cut=split, score=None, axis=-1, join=joined, weigh=None, cut_values=split):
    """The solution with one of its parts replaced."""

    def answer(query, key, value, heads):
        q, k, v = cut(query, heads), cut(key, heads), cut_values(value, heads)
        dots = q @ np.swapaxes(k, 2, 3)
        scores = score(dots, heads, q) if score else dots / np.sqrt(q.shape[-1])
        weights = weigh(scores) if weigh else softmax(scores, axis)
        return join(weights @ v), weights

    return answer


def straight(x, heads):
    return x.reshape(x.shape[0], heads, x.shape[1], -1)


def interleaved(x, heads):
    return x.reshape(*x.shape[:2], -1, heads).transpose(0, 3, 1, 2)


def whole_width(x, heads):
    return np.repeat(x[:, None], heads, axis=1)


def without_heads(query, key, value, heads):
    weights = softmax(query @ np.swapaxes(key, 1, 2) / np.sqrt(query.shape[-1]))
    return weights @ value, weights


def first_sentence_only(scores):
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights[0] = weights[0] / weights[0].sum(axis=-1, keepdims=True)
    return weights


def strides(x, heads):
    batch, time, width = x.shape
    w = width // heads
    steps = (8 * time * width, 8 * w, 8 * width, 8)
    shape = (batch, heads, time, w)
    if x.strides != (8 * time * width, 8 * width, 8):
        x = np.ravel(x, order="K")[: x.size].astype(float)
    return np.lib.stride_tricks.as_strided(x, shape, steps, writeable=False)


HEADS_MUTANTS = {
    "straight reshape": (heads_variant(cut=straight), "mixes different words"),
    "interleaved features": (heads_variant(cut=interleaved), "every heads-th feature"),
    "whole width": (heads_variant(cut=whole_width), "split queries and keys"),
    "scaled by the whole width": (
        heads_variant(score=lambda s, heads, q: s / np.sqrt(q.shape[-1] * heads)),
        "all heads together",
    ),
    "scaled by the width": (
        heads_variant(score=lambda s, heads, q: s / q.shape[-1]),
        "square root",
    ),
    "scaled by the heads": (heads_variant(score=lambda s, heads, q: s / heads**0.5), "should be"),
    "scaled by the number of keys": (
        heads_variant(score=lambda s, heads, q: s / np.sqrt(s.shape[-1])),
        "number of keys",
    ),
    "no scaling": (heads_variant(score=lambda s, heads, q: s), "scaling is missing"),
    "negative": (heads_variant(score=lambda s, heads, q: -s / q.shape[-1] ** 0.5), "wrong sign"),
    "softmax over heads": (heads_variant(axis=1), "over the heads"),
    "softmax over queries": (heads_variant(axis=2), "over the queries"),
    "largest of all": (
        heads_variant(weigh=lambda s: np.exp(s - s.max()) / np.exp(s - s.max()).sum(-1)[..., None]),
        "needs its own",
    ),
    "no stabiliser": (
        heads_variant(weigh=lambda s: np.exp(s) / np.exp(s).sum(-1, keepdims=True)),
        "overflow",
    ),
    "clipped": (
        heads_variant(weigh=lambda s: softmax(np.clip(s, -50, 50))),
        "clip",
    ),
    "something in the sum": (
        heads_variant(weigh=lambda s: softmax(s) / 1.001),
        "should be",
    ),
    "not normalised after the first sentence": (
        heads_variant(weigh=first_sentence_only),
        "should be",
    ),
    "first head for all": (
        heads_variant(weigh=lambda s: np.broadcast_to(softmax(s)[:, :1], s.shape)),
        "of one head",
    ),
    "averaged weights": (
        heads_variant(weigh=lambda s: np.broadcast_to(softmax(s).mean(1, keepdims=True), s.shape)),
        "their average",
    ),
    "argmax": (
        heads_variant(weigh=lambda s: (s == s.max(-1, keepdims=True)).astype(float)),
        "argmax",
    ),
    "scores": (heads_variant(weigh=lambda s: s), "return the scores"),
    "joined without transpose": (
        heads_variant(join=lambda f: f.reshape(f.shape[0], f.shape[2], -1)),
        "moving the axis of heads back",
    ),
    "joined interleaved": (
        heads_variant(join=lambda f: f.transpose(0, 2, 3, 1).reshape(f.shape[0], f.shape[2], -1)),
        "interleaved",
    ),
    "joined in reverse": (heads_variant(join=lambda f: joined(f[:, ::-1])), "wrong order"),
    "one head repeated": (heads_variant(join=lambda f: np.tile(f[:, 0], f.shape[1])), "repeated"),
    "the last head": (heads_variant(join=lambda f: f[:, -1]), "only one head's result"),
    "values reshaped straight": (heads_variant(cut_values=straight), "like queries and keys"),
    "values whole": (heads_variant(cut_values=whole_width), "whole width of the values"),
    "no heads": (without_heads, "attend once"),
    "averaged results": (heads_variant(join=lambda f: f.mean(axis=1)), "added or averaged"),
    "heads axis kept": (heads_variant(join=lambda f: f), "still has an axis of heads"),
    "heads last in the weights": (
        lambda *case: (
            attend_in_heads(*case)[0],
            attend_in_heads(*case)[1].transpose(0, 2, 1, 3),
        ),
        "heads are axis 1",
    ),
    "constant": (heads_variant(join=lambda f: 0 * joined(f)), "one and the same"),
    "two heads always": (lambda q, k, v, heads: attend_in_heads(q, k, v, 2), "stops with"),
    "at most four heads": (
        when(
            lambda q, k, v, heads: heads > 4, attend_in_heads, lambda o, w: (o[..., :4], w[:, :4])
        ),
        "shape",
    ),
    "one head": (
        when(lambda q, k, v, heads: heads == 1, attend_in_heads, lambda o, w: (o, w[:, 0])),
        "shape",
    ),
    "one feature in a head": (
        heads_variant(score=lambda s, heads, q: s / max(q.shape[-1], 2) ** 0.5),
        "should be",
    ),
    "output of the values' type": (
        when(
            lambda q, k, v, heads: v.dtype.kind == "i",
            attend_in_heads,
            lambda o, w: (o.astype(int), w),
        ),
        "only inputs with whole numbers",
    ),
    "strides of contiguous doubles": (
        heads_variant(cut_values=strides),
        "another order in memory",
    ),
    "in place": (
        lambda q, k, v, heads: (q.sort(), attend_in_heads(q, k, v, heads))[1],
        "changes its input query",
    ),
    "swapped results": (lambda *inputs: attend_in_heads(*inputs)[::-1], "in the wrong order"),
    "nothing passed": ("attend_in_heads", "not a function"),
    "raises": (lambda q, k, v, heads: q @ k, "stops with"),
}


def heads_by_slices(query, key, value, heads):
    outputs, weights = [], []
    for q, k, v in zip(*(np.split(x, heads, axis=2) for x in (query, key, value)), strict=True):
        output, alpha = functional.scaled_dot_product_attention(q, k, v)
        outputs.append(output)
        weights.append(alpha)
    return np.concatenate(outputs, axis=-1), np.stack(weights, axis=1)


def heads_from_the_package(query, key, value, heads):
    parts = (functional.split_heads(x, heads) for x in (query, key, value))
    output, weights = functional.scaled_dot_product_attention(*parts)
    return functional.combine_heads(output), weights


def heads_by_einsum(query, key, value, heads):
    q, k, v = (x.reshape(*x.shape[:2], heads, -1) for x in (query, key, value))
    weights = softmax(np.einsum("bqhd,bkhd->bhqk", q, k) / np.sqrt(q.shape[-1]))
    return np.einsum("bhqk,bkhd->bqhd", weights, v).reshape(*query.shape[:2], -1), weights


def heads_by_loops(query, key, value, heads):
    everything = np.ones((len(query), query.shape[1], key.shape[1]), bool)
    width, wide = query.shape[2] // heads, value.shape[2] // heads
    pairs = [
        by_loops(
            query[..., i * width : (i + 1) * width],
            key[..., i * width : (i + 1) * width],
            value[..., i * wide : (i + 1) * wide],
            everything,
        )
        for i in range(heads)
    ]
    return (
        np.concatenate([output for output, _ in pairs], axis=2).tolist(),
        [[weights[b].tolist() for _, weights in pairs] for b in range(len(query))],
    )


def heads_in_float32(query, key, value, heads):
    return attend_in_heads(*(x.astype(np.float32) for x in (query, key, value)), heads)


RIGHT = {
    "04.attention": (
        by_loops,
        with_a_large_number,
        in_float32,
        lambda *case: functional.scaled_dot_product_attention(*case),
        lambda *case: [part.tolist() for part in attention(*case)],
    ),
    "04.heads": (
        heads_by_slices,
        heads_from_the_package,
        heads_by_einsum,
        heads_by_loops,
        heads_in_float32,
    ),
}
MUTANTS = {"04.attention": ATTENTION_MUTANTS, "04.heads": HEADS_MUTANTS}


@pytest.mark.parametrize("name", RIGHT)
def test_right_answers_pass_however_they_are_written(name):
    accepts(name, *RIGHT[name])


@pytest.mark.parametrize("name", MUTANTS)
def test_wrong_answers_are_refused_in_words_of_their_own(name):
    refuses(name, MUTANTS[name])


@pytest.mark.parametrize("name", [name for name in EXERCISES if name.startswith("04.")])
def test_the_chapter_shows_the_solution_that_is_checked(cells, name):
    """Alone, or with the folded cell before it, which holds a long one."""
    folded = [c.source if "hide-input" in c.metadata.get("tags", []) else "" for c in cells]
    [place] = [i for i, source in enumerate(folded) if f'check("{name}"' in source]
    before = folded[place - 1]
    assert bool(before) == folded[place].startswith("# @title Solution, checked")
    checked = []
    namespace = {
        "np": np,
        "softmax": functional.softmax,
        "keras": keras,
        "ops": keras.ops,
        "check": lambda name, answer: checked.append((name, answer)) or Passed(),
    }
    exec(before + "\n\n\n" + folded[place], namespace)
    [(asked, answer)] = checked
    exercise = EXERCISES[name]
    few = replace(exercise, count=8) if exercise.imports else exercise
    assert asked == name
    assert examine(few, answer).passed


class Passed:
    passed = True


# --- the interactive figure -------------------------------------------------------------------


def test_what_the_text_under_the_figure_says(qkv):
    query, key, value = qkv
    scaled = functional.scaled_dot_product_attention(query, key, value)[1]
    unscaled = functional.scaled_dot_product_attention(query, key, value, scale=False)[1]
    causal = functional.scaled_dot_product_attention(query, key, value, functional.causal_mask(4))
    assert (unscaled.max(axis=1) > scaled.max(axis=1)).all()
    np.testing.assert_allclose(causal[1][3], scaled[3])
    assert np.abs(causal[1][:3] - scaled[:3]).max(axis=1).min() > 1e-4
    hottest = functional.softmax(query[1] @ key.T / TEMPERATURES[-1])
    np.testing.assert_allclose(hottest, 0.25, atol=1e-3)


def test_the_figure_needs_one_vector_per_word():
    with pytest.raises(FigureError, match="one vector per word"):
        show_four_words(["not", "a"], WORDS, *np.ones((3, 3, 3)))
