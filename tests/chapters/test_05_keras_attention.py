"""Chapter 5: quiz keys recomputed, wrong answers refused, the claims of the text on the cards."""

import json
from fractions import Fraction

import numpy as np
import pytest
from proof import accepts, every, published, refuses

from attention_course import assets, models
from attention_course.display.quiz import load_quiz
from attention_course.exercises import check
from attention_course.exercises.reading import masked_mean, received
from attention_course.models import cards
from attention_course.statistics import mcnemar, unpack_answers


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


def received_exactly(weights, mask):
    rows = [[Fraction(float(w)) for w in row] for row in weights[mask]]
    return [sum(column) / len(rows) for column in zip(*rows, strict=True)]


def test_received_accepts_other_ways_of_writing_it():
    accepts(
        "05.received",
        received_loop,
        received_exactly,
        lambda w, m: m @ w / np.count_nonzero(m),
        lambda w, m: np.average(w, axis=0, weights=m),
        lambda w, m: np.einsum("qk,q->k", w, m / m.sum()).astype("float32"),
        lambda w, m: np.mean([row for row, word in zip(w, m, strict=True) if word], axis=0),
    )


def mean_loop(states, mask):
    result = np.zeros((states.shape[0], states.shape[2]))
    for place, (rows, keep) in enumerate(zip(states, mask, strict=True)):
        if keep.any():
            result[place] = np.average(rows, axis=0, weights=keep)
    return result


def test_mean_accepts_other_ways_of_writing_it():
    accepts(
        "05.mean",
        mean_loop,
        lambda s, m: np.einsum("btd,bt->bd", s, m) / np.maximum(m.sum(1), 1)[:, None],
        lambda s, m: (s * m[..., None]).sum(1) / (m.sum(1)[:, None] + 1e-12),
        lambda s, m: np.nan_to_num((s * m[..., None]).sum(1) / m.sum(1, keepdims=True)).tolist(),
        lambda s, m: np.ma.array(s, mask=np.repeat(~m[..., None], s.shape[2], 2)).mean(1).filled(0),
        lambda s, m: (m[:, None] @ s.astype("float32"))[:, 0] / np.maximum(m.sum(1), 1)[:, None],
    )


def received_but(change):
    return lambda weights, mask: change(received(weights, mask))


def received_in_place(weights, mask):
    weights[~mask] = 0
    return weights.sum(axis=0) / mask.sum()


def received_in_its_type(weights, mask):
    total = np.zeros(len(mask), dtype=weights.dtype)
    for row in weights[mask]:
        total += row
    total /= mask.sum()
    return total


def softmax(x):
    powers = np.exp(x)
    return powers / powers.sum()


def longest_run(mask):
    """The first stretch of words without a gap."""
    first = mask.argmax()
    return slice(first, first + (~np.append(mask[first:], False)).argmax())


RECEIVED_MUTANTS = {
    "over the keys": (lambda w, m: w.mean(axis=1), "over the keys (columns); every row"),
    "sum over the keys": (lambda w, m: w.sum(axis=1), "1 at every place"),
    "ones": (lambda w, m: np.ones(len(m)), "1 at every place, whatever the inputs are"),
    "sum of real rows": (lambda w, m: m @ w, "You add the rows up; divide"),
    "padded rows included": (lambda w, m: w.mean(axis=0), "rows of padded queries"),
    "columns masked": (lambda w, m: (w * m).mean(axis=0), "rows of padded queries"),
    "sum of all rows": (lambda w, m: w.sum(axis=0), "padded ones included"),
    "full length": (lambda w, m: m @ w / len(m), "divide by the full length"),
    "inverted mask": (lambda w, m: w[~m].mean(axis=0), "wrong way round"),
    "last row": (lambda w, m: w[-1], "one row alone, the last"),
    "first row": (lambda w, m: w[0], "one row alone, the first"),
    "diagonal": (lambda w, m: np.diag(w), "diagonal"),
    "largest": (lambda w, m: w[m].max(axis=0), "largest weight"),
    "uniform": (lambda w, m: m / m.sum(), "every real word gets the same number"),
    "second softmax": (received_but(softmax), "second softmax"),
    "hard choice": (
        lambda w, m: np.eye(len(m))[received(w, m).argmax()],
        "a choice (argmax), not an average",
    ),
    "whole matrix": (lambda w, m: w, "return a matrix"),
    "real rows": (lambda w, m: w[m], "return a matrix"),
    "constant": (lambda w, m: np.full(len(m), 0.3), "same number"),
    "words only": (lambda w, m: received(w, m)[m], "leave out the padded places"),
    "nan": (received_but(lambda r: r * np.nan), "NaN"),
    "one number": (lambda w, m: w[m].mean(), "For weights ="),
    "mask as numbers": (lambda w, m: w[m.astype(int)].mean(axis=0), "For weights ="),
    "mask on both axes": (lambda w, m: w[m][:, m].mean(axis=0), "leave out the padded places"),
    "transposed": (lambda w, m: w.T[m].mean(axis=0), "For weights ="),
    "row kept": (lambda w, m: w[m].mean(axis=0, keepdims=True), "For weights ="),
    "last rows taken for real": (
        lambda w, m: w[len(m) - m.sum() :].mean(axis=0),
        "For weights =",
    ),
    "first rows taken for real": (lambda w, m: w[: m.sum()].mean(axis=0), "For weights ="),
    "from the first word on": (lambda w, m: w[m.argmax() :].mean(axis=0), "For weights ="),
    "up to the first gap": (lambda w, m: w[longest_run(m)].mean(axis=0), "For weights ="),
    "trimmed mean": (
        lambda w, m: np.sort(w[m], axis=0)[slice(1, -1) if m.sum() > 7 else slice(None)].mean(0),
        "Only long inputs",
    ),
    "median": (lambda w, m: np.median(w[m], axis=0), "For weights ="),
    "ten words at most": (lambda w, m: w[m][:10].mean(axis=0), "Only long inputs"),
    "first word skipped": (
        lambda w, m: w[m][min(1, m.sum() - 1) :].mean(axis=0),
        "For weights =",
    ),
    "itself left out": (
        lambda w, m: (w * ~np.eye(len(m), dtype=bool))[m].mean(axis=0),
        "For weights =",
    ),
    "one too many counted": (lambda w, m: m @ w / (m.sum() + 1), "For weights ="),
    "a small number added": (lambda w, m: m @ w / (m.sum() + 1e-3), "For weights ="),
    "one word alone gets nothing": (
        lambda w, m: received(w, m) * min(1, len(m) - 1),
        "For weights =",
    ),
    "no padding, no average": (lambda w, m: w[0] if m.all() else received(w, m), "For weights ="),
    "type of the weights": (received_in_its_type, "Only inputs with whole numbers"),
    "cut to the type": (
        lambda w, m: received(w, m).astype(w.dtype),
        "Only inputs with whole numbers",
    ),
    "half precision": (received_but(lambda r: r.astype("float16")), "For weights ="),
    "small weights lost": (received_but(lambda r: np.where(r < 0.01, 0, r)), "For weights ="),
    "rounded": (received_but(lambda r: r.round(2)), "rounded"),
    "squeezed": (received_but(np.squeeze), "axis of length 1 is lost"),
    "scaled to the largest": (received_but(lambda r: r / r.max()), "For weights ="),
    "in place": (received_in_place, "weights in place"),
    "order in memory": (
        lambda w, m: w.ravel(order="K").reshape(w.shape)[m].mean(axis=0),
        "order in memory, go wrong",
    ),
    "by chance": (received_but(lambda r: r + np.random.default_rng().random()), "keeps something"),
}


def mean_but(change):
    return lambda states, mask: change(masked_mean(states, mask))


def kept(states, mask):
    return states * mask[:, :, None]


def mean_in_place(states, mask):
    states[~mask] = 0
    return states.sum(axis=1) / np.maximum(mask.sum(axis=1), 1)[:, None]


def mean_in_its_type(states, mask):
    result = np.zeros_like(states[:, 0])
    result[:] = masked_mean(states, mask)
    return result


def mean_without_return(states, mask):
    if mask.any(axis=1).all():
        return masked_mean(states, mask)


def mean_from(first):
    """Places before the first are not read."""
    return lambda states, mask: masked_mean(states[:, first:], mask[:, first:])


def per_review(choose):
    """The mean of the chosen places of every review, 0 where there are none."""
    return lambda states, mask: np.stack(
        [
            s[choose(m)].mean(axis=0) if m.any() else 0 * s[0]
            for s, m in zip(states, mask, strict=True)
        ]
    )


MEAN_MUTANTS = {
    "no mask": (lambda s, m: s.mean(axis=1), "mask has no effect"),
    "full length": (lambda s, m: kept(s, m).mean(axis=1), "full length"),
    "sum": (lambda s, m: kept(s, m).sum(axis=1), "the sum over the words"),
    "mask in the count only": (
        lambda s, m: s.sum(axis=1) / m.sum(axis=1, keepdims=True).clip(1),
        "Your sum holds the padding",
    ),
    "inverted": (lambda s, m: masked_mean(s, ~m), "wrong way round"),
    "last state": (lambda s, m: s[:, -1], "last word's state"),
    "maximum": (lambda s, m: np.where(m[:, :, None], s, -np.inf).max(axis=1), "max pooling"),
    "count of the batch": (lambda s, m: kept(s, m).sum(axis=1) / m.sum(), "the whole batch"),
    "over features": (lambda s, m: kept(s, m).mean(axis=2), "over the features; the"),
    "over features, no mask": (lambda s, m: s.mean(axis=2), "over the features; the"),
    "over the batch": (lambda s, m: s.mean(axis=0), "over the batch"),
    "over batch and time": (lambda s, m: s[m].mean(axis=0), "For states ="),
    "zero": (lambda s, m: np.zeros((s.shape[0], s.shape[2])), "same number"),
    "empty gives nan": (lambda s, m: kept(s, m).sum(1) / m.sum(1)[:, None], "gives NaN (0/0)"),
    "empty gives infinity": (
        lambda s, m: (
            np.where(m.any(1)[:, None], kept(s, m).sum(1), s.sum(1) + 9e9) / m.sum(1)[:, None]
        ),
        "infinite number",
    ),
    "empty gives its padding": (
        lambda s, m: np.where(m.any(1)[:, None], masked_mean(s, m), s.mean(axis=1)),
        "should give zeros",
    ),
    "empty gives nothing": (mean_without_return, "your function returns None"),
    "empty stops": (
        lambda s, m: np.stack([np.average(x, 0, y) for x, y in zip(s, m, strict=True)]),
        "ZeroDivisionError",
    ),
    "empty left out": (lambda s, m: masked_mean(s, m)[m.any(axis=1)], "For states ="),
    "one empty makes all zero": (
        lambda s, m: masked_mean(s, m) * m.any(axis=1).all(),
        "For states =",
    ),
    "one empty adds to every count": (
        lambda s, m: kept(s, m).sum(1) / (m.sum(1) + (~m.any(1)).any())[:, None],
        "For states =",
    ),
    "one more in every count": (
        lambda s, m: kept(s, m).sum(1) / (m.sum(1) + 1)[:, None],
        "add 1 to every count",
    ),
    "two at least in every count": (
        lambda s, m: kept(s, m).sum(1) / m.sum(1).clip(2)[:, None],
        "For states =",
    ),
    "a small number in every count": (
        lambda s, m: kept(s, m).sum(1) / (m.sum(1) + 1e-3)[:, None],
        "For states =",
    ),
    "places that are not zero counted": (
        lambda s, m: kept(s, m).sum(1) / (kept(s, m) != 0).sum(1).clip(1),
        "For states =",
    ),
    "time axis kept": (kept, "time axis is still there"),
    "time axis of length 1": (mean_but(lambda r: r[:, None]), "For states ="),
    "padding leaks": (lambda s, m: masked_mean(s, m) + 0.1 * s[:, 0], "For states ="),
    "first place never read": (mean_from(1), "For states ="),
    "ten words at most": (lambda s, m: masked_mean(s[:, :10], m[:, :10]), "Only long inputs"),
    "no padding, last state": (
        lambda s, m: np.where(m.all(1)[:, None], s[:, -1], masked_mean(s, m)),
        "For states =",
    ),
    "from the first word on": (per_review(lambda m: slice(m.argmax(), None)), "For states ="),
    "up to the first gap": (per_review(longest_run), "For states ="),
    "mask as numbers": (per_review(lambda m: m.astype(int)), "IndexError"),
    "first review's mask for all": (
        lambda s, m: masked_mean(s, np.broadcast_to(m[:1], m.shape)),
        "For states =",
    ),
    "words of all reviews cut alike": (
        lambda s, m: s[m].reshape(len(s), -1, s.shape[2]).mean(axis=1),
        "ValueError",
    ),
    "batch axis lost": (
        lambda s, m: masked_mean(s, m)[0] if len(s) == 1 else masked_mean(s, m),
        "For states =",
    ),
    "squeezed": (mean_but(np.squeeze), "axis of length 1 is lost"),
    "transposed": (mean_but(np.transpose), "axes have changed places"),
    "wrong for one feature": (
        lambda s, m: masked_mean(s, m) * min(1, s.shape[2] - 1),
        "For states =",
    ),
    "sign": (mean_but(np.negative), "wrong sign"),
    "rounded": (mean_but(lambda r: r.round(2)), "rounded"),
    "half precision": (mean_but(lambda r: r.astype("float16")), "For states ="),
    "clipped": (mean_but(lambda r: r.clip(-10, 10)), "For states ="),
    "small numbers lost": (mean_but(lambda r: np.where(abs(r) < 1e-4, 0, r)), "For states ="),
    "type of the states": (mean_in_its_type, "Only inputs with whole numbers"),
    "order in memory": (
        lambda s, m: masked_mean(s.ravel(order="K").reshape(s.shape), m),
        "order in memory, go wrong",
    ),
    "in place": (mean_in_place, "states in place"),
    "by chance": (mean_but(lambda r: r + np.random.default_rng().random()), "keeps something"),
}


@pytest.mark.parametrize("number", [2, pytest.param(1, marks=pytest.mark.thorough)])
@pytest.mark.parametrize(
    ("name", "mutants"), [("05.received", RECEIVED_MUTANTS), ("05.mean", MEAN_MUTANTS)]
)
def test_wrong_answers_are_refused(name, mutants, number):
    refuses(name, every(number, mutants))


def test_in_a_process_of_their_own():
    def in_place(states, mask):
        states[~mask] = 0
        return states.mean(axis=1)

    assert check("05.received", published("05.received"), seed=0).passed
    assert "states in place" in check("05.mean", in_place, seed=0).message


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
