"""Chapter 4: the given numbers, quiz keys recomputed, what the prose claims, wrong answers."""

import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from proof import accepts, refuses

from attention_course import functional
from attention_course.display.quiz import load_quiz
from attention_course.exercises import check
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
    np.testing.assert_array_equal(np.reshape(numbers(printed(cells, "by_loop = ")), (4, 3)), OUTPUT)


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
    unscaled, scaled = printed(cells, "largest[label, d_k] = mean_interval").splitlines()
    for line, low, high in ((unscaled, 0.93, 0.96), (scaled, 0.23, 0.26)):
        _, mean, level, lower, upper = numbers(line)
        assert low < lower < mean < upper < high
        assert level == 95
    summary = next(c.source for c in cells if "## Summary" in c.source)
    said = re.search(r"16 weights was about ([\d.]+), scaled about ([\d.]+\d)", summary).groups()
    assert float(said[0]) == pytest.approx(numbers(unscaled)[1], abs=0.005)
    assert float(said[1]) == pytest.approx(numbers(scaled)[1], abs=0.005)


def test_most_unscaled_queries_are_stuck(cells):
    unscaled, scaled = printed(cells, "stuck.append").splitlines()
    assert 50 < numbers(unscaled.split(":")[1])[0] < 75
    assert numbers(scaled.split(":")[1])[0] == 0


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


def test_one_vector_for_both_roles_gives_symmetric_scores(cells):
    one, two = printed(cells, "one_role = words").splitlines()[-2:]
    assert one.endswith("True")
    assert two.endswith("False")
    assert (SCORES[0][2], SCORES[2][0]) == (10, 12)


def test_a_high_temperature_leaves_a_difference(cells):
    text = printed(cells, "by_temperature = np.array")
    gap = float(re.search(r"10,000: weights differ by up to ([\d.]+)", text).group(1))
    assert gap == pytest.approx((10 - 2) / 10_000 / 4, abs=5e-5)


def test_the_repair_is_shown_to_work_and_to_fail(cells):
    works, _, late, before = printed(cells, "repaired = late").splitlines()
    assert works.endswith("True")
    assert numbers(late) == [0]
    assert numbers(before) == [0, 1]


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


def test_the_chapter_shows_both_answers_of_multi_head_attention(cells):
    lines = printed(cells, "nobody = np.zeros").splitlines()
    assert [line.rsplit(" ", 1)[1] for line in lines] == ["True", "True"]


def test_keras_and_numpy_agree_in_the_chapter(cells):
    text = printed(cells, "keras.layers.MultiHeadAttention")
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


def test_quiz_scaled_score():
    score = functional.dot_score([1, 2, 0, 1], [[2, 1, 3, 0]]) / np.sqrt(4)
    assert right_number("scaled-score") == score


def test_quiz_spread():
    rng = np.random.default_rng(0)
    q, k = rng.normal(size=(2, 20_000, 64))
    assert right_number("spread") == pytest.approx(np.std((q * k).sum(axis=1)), rel=0.03)


def test_quiz_causal_pairs():
    assert right_number("causal-pairs") == functional.causal_mask(6).sum()


def test_quiz_head_parameters():
    import keras

    layer = keras.layers.MultiHeadAttention(num_heads=4, key_dim=2, use_bias=False)
    layer.build((1, 3, 8), (1, 3, 8))
    assert right_number("head-parameters") == layer.count_params()


def test_quiz_shapes():
    output, weights = functional.scaled_dot_product_attention(
        np.ones((3, 4)), np.ones((5, 4)), np.ones((5, 6))
    )
    question = {q["id"]: q for q in load_quiz("04_qkv_from_scratch")}["shapes"]
    [right] = [answer["answer"] for answer in question["answers"] if answer["correct"]]
    assert right == f"{weights.shape} and {output.shape}"


# --- exercise 04.attention: right and wrong answers -------------------------------------------


def softmax(scores, axis=-1):
    powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def right_weigh(scores, mask):
    return functional.masked_softmax(scores, mask)


def variant(score=None, weigh=right_weigh, mix=np.matmul):
    """The solution with one of its three parts replaced."""

    def answer(query, key, value, mask):
        dots = query @ np.swapaxes(key, 1, 2)
        scores = score(dots, query, key) if score else dots / np.sqrt(query.shape[-1])
        weights = weigh(scores, mask)
        return mix(weights, value), weights

    return answer


def hard(scores, mask):
    best = np.where(mask, scores, -np.inf).argmax(axis=-1)
    return np.eye(scores.shape[-1])[best] * mask.any(axis=-1, keepdims=True)


def nan_when_nothing(scores, mask):
    return softmax(np.where(mask, scores, -np.inf))


def unstable(scores, mask):
    powers = np.exp(scores) * mask
    total = powers.sum(axis=-1, keepdims=True)
    return powers / np.where(total == 0, 1, total)


def mixes_the_keys(query, key, value, mask):
    weights = attention(query, key, value, mask)[1]
    return weights @ key, weights


def only_one_query(query, key, value, mask):
    output, weights = attention(query[:, :1], key, value, mask[:, :1])
    return np.repeat(output, query.shape[1], 1), np.repeat(weights, query.shape[1], 1)


def changes_its_input(query, key, value, mask):
    value[:, -1] = 0
    return attention(query, key, value, mask)


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
    "negative": (variant(score=lambda s, q, k: -s / np.sqrt(q.shape[-1])), "wrong sign"),
    "inverted mask": (
        variant(weigh=lambda s, m: softmax(np.where(m, -1e9, s))),
        "wrong way round",
    ),
    "no mask": (variant(weigh=lambda s, m: softmax(s)), "no effect"),
    "mask after the softmax": (variant(weigh=lambda s, m: softmax(s) * m), "after the softmax"),
    "zero as mask": (variant(weigh=lambda s, m: softmax(np.where(m, s, 0.0))), "exp(0) = 1"),
    "argmax": (variant(weigh=hard), "hard choice"),
    "equal weights": (
        variant(weigh=lambda s, m: m / np.maximum(m.sum(-1, keepdims=True), 1)),
        "same weight",
    ),
    "not normalised": (variant(weigh=lambda s, m: np.exp(s) * m), "divide by the sum"),
    "scores returned": (variant(weigh=lambda s, m: s), "return the scores"),
    "NaN when nothing is allowed": (variant(weigh=nan_when_nothing), "0/0"),
    "equal when nothing is allowed": (
        variant(weigh=lambda s, m: softmax(np.where(m, s, -1e9))),
        "reads forbidden keys",
    ),
    "overflow": (variant(weigh=unstable), "overflow"),
    "keys for values": (mixes_the_keys, "not the keys"),
    "query and key swapped": (lambda q, k, v, m: attention(k, q, v, m), "stops with"),
    "value before key": (
        lambda q, v, k, m: attention(q, k, v, m) if k.shape == v.shape else (0, 0),
        "shape",
    ),
    "one query only": (only_one_query, "only one query is used"),
    "plain mean": (
        variant(
            mix=lambda w, v: np.broadcast_to(v.mean(1, keepdims=True), (*w.shape[:2], v.shape[2]))
        ),
        "plain mean",
    ),
    "best value": (
        variant(mix=lambda w, v: np.take_along_axis(v, w.argmax(-1)[..., None], 1)),
        "only the best key",
    ),
    "divided twice": (variant(mix=lambda w, v: w @ v / v.shape[1]), "sum to 1 already"),
    "constant": (variant(mix=lambda w, v: 0 * (w @ v)), "values never reach"),
    "swapped results": (lambda *inputs: attention(*inputs)[::-1], "output first"),
    "output only": (lambda *inputs: attention(*inputs)[0], "2 things"),
    "keys as rows": (
        lambda *inputs: (attention(*inputs)[0], np.swapaxes(attention(*inputs)[1], 1, 2)),
        "keys as rows",
    ),
    "changes its input": (changes_its_input, "in place"),
    "raises": (lambda q, k, v, m: 1 / 0, "ZeroDivisionError"),
    "a number": (3.0, "where a function is expected"),
    "NaN everywhere": (variant(weigh=lambda s, m: s * np.nan), "contains NaN"),
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
    narrow = [x.astype(np.float32) for x in (query, key, value)]
    output, weights = functional.scaled_dot_product_attention(*narrow, mask)
    return output.astype(np.float32), weights.astype(np.float32)


def test_attention_accepts_right_answers():
    accepts(
        "04.attention",
        by_loops,
        with_a_large_number,
        in_float32,
        functional.scaled_dot_product_attention,
    )


def test_attention_refuses_wrong_answers():
    refuses("04.attention", ATTENTION_MUTANTS)


# --- exercise 04.heads: right and wrong answers -----------------------------------------------


def heads_variant(split=None, score=None, axis=-1, join=None, weigh=None, split_values=None):
    """The solution with one of its parts replaced."""

    def right_split(x, heads):
        return x.reshape(*x.shape[:2], heads, -1).transpose(0, 2, 1, 3)

    def right_join(found):
        batch, _, t_q, _ = found.shape
        return found.transpose(0, 2, 1, 3).reshape(batch, t_q, -1)

    def answer(query, key, value, heads):
        cut = split or right_split
        q, k = cut(query, heads), cut(key, heads)
        v = (split_values or right_split)(value, heads)
        dots = q @ np.swapaxes(k, 2, 3)
        scores = score(dots, heads, q) if score else dots / np.sqrt(q.shape[-1])
        weights = softmax(scores, axis)
        if weigh:
            weights = weigh(weights)
        return (join or right_join)(weights @ v), weights

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


def averaged_heads(query, key, value, heads):
    output, weights = attend_in_heads(query, key, value, heads)
    batch, t_q, width = output.shape
    return output.reshape(batch, t_q, heads, width // heads).mean(axis=2), weights


HEADS_MUTANTS = {
    "straight reshape": (heads_variant(split=straight), "mixes different words"),
    "interleaved features": (heads_variant(split=interleaved), "every heads-th feature"),
    "whole width": (heads_variant(split=whole_width), "split queries and keys"),
    "scaled by the whole width": (
        heads_variant(score=lambda s, heads, q: s / np.sqrt(q.shape[-1] * heads)),
        "all heads together",
    ),
    "scaled by the width": (
        heads_variant(score=lambda s, heads, q: s / q.shape[-1]),
        "square root",
    ),
    "no scaling": (heads_variant(score=lambda s, heads, q: s), "scaling is missing"),
    "softmax over heads": (heads_variant(axis=1), "over the heads"),
    "softmax over queries": (heads_variant(axis=2), "over the queries"),
    "first head for all": (
        heads_variant(weigh=lambda w: np.broadcast_to(w[:, :1], w.shape)),
        "of the first one",
    ),
    "averaged weights": (
        heads_variant(weigh=lambda w: np.broadcast_to(w.mean(1, keepdims=True), w.shape)),
        "their average",
    ),
    "argmax": (
        heads_variant(weigh=lambda w: (w == w.max(-1, keepdims=True)).astype(float)),
        "argmax",
    ),
    "joined without transpose": (
        heads_variant(join=lambda f: f.reshape(f.shape[0], f.shape[2], -1)),
        "moving the axis of heads back",
    ),
    "joined interleaved": (
        heads_variant(join=lambda f: f.transpose(0, 2, 3, 1).reshape(f.shape[0], f.shape[2], -1)),
        "interleaved",
    ),
    "joined in reverse": (
        heads_variant(
            join=lambda f: f[:, ::-1].transpose(0, 2, 1, 3).reshape(f.shape[0], f.shape[2], -1)
        ),
        "wrong order",
    ),
    "one head repeated": (
        heads_variant(join=lambda f: np.tile(f[:, 0], f.shape[1])),
        "repeated",
    ),
    "values reshaped straight": (
        heads_variant(split_values=straight),
        "split them like queries and keys",
    ),
    "no heads": (without_heads, "one matrix of weights per sentence"),
    "averaged results": (averaged_heads, "added or averaged"),
    "heads axis kept": (heads_variant(join=lambda f: f), "still has an axis of heads"),
    "heads last in the weights": (
        lambda *inputs: (
            attend_in_heads(*inputs)[0],
            attend_in_heads(*inputs)[1].transpose(0, 2, 1, 3),
        ),
        "heads are axis 1",
    ),
    "constant": (
        heads_variant(join=lambda f: np.zeros((f.shape[0], f.shape[2], 6))),
        "never reach",
    ),
    "two heads always": (lambda q, k, v, heads: attend_in_heads(q, k, v, 2), "shape"),
    "swapped results": (lambda *inputs: attend_in_heads(*inputs)[::-1], "output first"),
    "nothing passed": ("attend_in_heads", "where a function is expected"),
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


def test_heads_accepts_right_answers():
    accepts("04.heads", heads_by_slices, heads_from_the_package)


def test_heads_refuses_wrong_answers():
    refuses("04.heads", HEADS_MUTANTS)


@pytest.mark.parametrize("name", ["04.attention", "04.heads"])
def test_an_empty_answer_is_no_mistake(name):
    assert check(name, lambda a, b, c, d: None).status == "unanswered"
    assert check(name, ...).status == "unanswered"


@pytest.mark.parametrize("name", ["04.attention", "04.heads"])
def test_the_chapter_shows_the_solution_that_is_checked(cells, name):
    answers = [
        cell.source
        for cell in cells
        if "hide-input" in cell.metadata.get("tags", []) and f'check("{name}"' in cell.source
    ]
    assert len(answers) == 1
    namespace = {"np": np, "softmax": softmax, "check": check}
    exec(answers[0], namespace)
    assert namespace["verdict"].passed


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
