"""Chapter 5: quiz keys recomputed, wrong answers refused, the claims of the text on the cards."""

import json
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from proof import accepts, published, refuses

from attention_course import assets, models
from attention_course.display.quiz import load_quiz
from attention_course.exercises import check
from attention_course.exercises.reading import masked_mean, received
from attention_course.models import cards
from attention_course.statistics import mcnemar, unpack_answers

ROOT = Path(__file__).resolve().parents[2]


def question(name):
    return {q["id"]: q for q in load_quiz("05_keras_attention")}[name]


def right_number(name):
    (answer,) = [answer for answer in question(name)["answers"] if answer.get("correct")]
    return answer["value"] if "value" in answer else answer["range"]


def told(name, number):
    """The feedback of a numeric question to a number: the first entry that fits decides."""
    for answer in question(name)["answers"]:
        low, high = answer.get("range", (1, 0))
        if answer["type"] == "default" or answer.get("value") == number or low <= number < high:
            return answer["feedback"]


def test_quiz_parameters_of_two_heads():
    import keras

    layer = keras.layers.MultiHeadAttention(num_heads=2, key_dim=4)
    x = np.zeros((1, 3, 8), "float32")
    layer(x, x, x)
    assert right_number("heads_parameters") == layer.count_params()


def test_quiz_score_of_ones():
    """The score is read off the weights: softmax(score, 0) of a key of ones and one of zeros."""
    import keras

    ones, keys = np.ones((1, 1, 16), "float32"), np.zeros((1, 2, 16), "float32")
    keys[0, 0] = 0.25  # a quarter of the score, so that the softmax is not saturated
    _, weights = keras.layers.Attention()([ones, keys], return_attention_scores=True)
    score = np.log(weights[0, 0, 0] / weights[0, 0, 1])
    assert right_number("default_score") == pytest.approx(4 * score, rel=1e-4)


def test_quiz_weight_on_forty_words():
    weights = np.exp(np.zeros(400))
    weights /= weights.sum()
    low, high = right_number("padding_weight")
    assert low <= weights[-40:].sum() < high
    assert "one place" in told("padding_weight", round(weights[0], 4))


def test_quiz_mcnemar():
    low, high = right_number("mcnemar_by_hand")
    first = np.array([1] * 9 + [0] + [1] * 990)
    second = np.array([0] * 9 + [1] + [1] * 990)
    p = mcnemar(first, second)["p_value"]
    assert low <= round(p, 3) < high
    for one_sided in (p / 2, round(p / 2, 3)):
        assert "one side only" in told("mcnemar_by_hand", one_sided)
    for without_the_extreme in (20 / 1024, 0.02, 0.0195):
        assert "more uneven case" in told("mcnemar_by_hand", without_the_extreme)


def test_quiz_honest_epoch():
    validation, test = np.array([0.80, 0.84, 0.83]), np.array([0.79, 0.81, 0.85])
    low, high = right_number("honest_epoch")
    assert low <= test[validation.argmax()] < high
    assert "no longer judge" in told("honest_epoch", test.max())
    assert "flatters" in told("honest_epoch", validation.max())


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


@pytest.mark.parametrize(
    ("name", "mutants"), [("05.received", RECEIVED_MUTANTS), ("05.mean", MEAN_MUTANTS)]
)
def test_wrong_answers_are_refused(name, mutants):
    refuses(name, mutants)


def test_in_a_process_of_their_own():
    def in_place(states, mask):
        states[~mask] = 0
        return states.mean(axis=1)

    assert check("05.received", published("05.received"), seed=0).passed
    assert "states in place" in check("05.mean", in_place, seed=0).message


# --- what the text claims ---------------------------------------------------------------------


def scores(name):
    return np.array(cards.load_card(name)["scores"]["by_seed"])


def gains(before, after):
    """What the second model gains over the first, seed by seed, each by McNemar's test."""
    pairs = zip(*(cards.load_card(name)["runs"] for name in (before, after)), strict=True)
    return [mcnemar(*(unpack_answers(run["test"]) for run in pair)) for pair in pairs]


def baselines():
    return json.loads(assets.fetch("models/baselines.json").read_text(encoding="utf-8"))


CONTROLS = tuple(name for name, module in models.NAMES.items() if module == "controls")


def test_no_network_without_pairs_beats_the_baseline_with_any_seed():
    best = max(scores(name).max() for name in (*models.SENTIMENT, *CONTROLS))
    assert best < baselines()["nb_logistic_regression"]["test"]["score"]


def test_the_best_network_of_the_table_is_right_on_0_89():
    means = {name: scores(name).mean() for name in (*models.SENTIMENT, *CONTROLS)}
    assert max(means, key=means.get) == "self_attention"
    assert f"{max(means.values()):.2f}" == "0.89"


def test_all_states_with_equal_weights_are_what_the_simple_rnn_lacked():
    rows = [
        ("simple_rnn", "rnn_mean"),
        ("rnn_uniform", "rnn_attention"),
        ("lstm", "lstm_mean"),
        ("lstm_mean", "lstm_attention"),
        ("word_average", "self_attention"),
        ("multi_head_uniform", "multi_head_unordered"),
        ("multi_head_unordered", "multi_head"),
    ]
    rescue, *others = [scores(after).mean() - scores(before).mean() for before, after in rows]
    assert rescue > 0.1
    assert rescue > 3 * max(map(abs, others))
    mean, attention = scores("rnn_mean"), scores("rnn_attention")
    assert mean.mean() >= attention.mean()
    assert np.ptp(mean) < np.ptp(attention)


def test_learned_weights_help_one_seed_a_little_and_cost_the_others_more():
    gained = scores("rnn_attention") - scores("rnn_uniform")
    up, down = gained[gained > 0], gained[gained < 0]
    assert (len(up), len(down)) == (1, 2)
    assert 0 < up[0] < 0.01
    assert (abs(down) > up[0]).all()


def test_learned_weights_win_back_part_of_what_the_mean_costs_the_lstm():
    lost = scores("lstm") - scores("lstm_mean")
    assert 0.01 < lost.min() <= lost.max() < 0.02
    gained = scores("lstm_attention") - scores("lstm_mean")
    assert gained.min() > 0
    assert gained.mean() == pytest.approx(0.005, abs=0.001)
    assert 0 < (scores("lstm") - scores("lstm_attention")).mean() < 0.01


def test_without_recurrence_attention_cannot_be_told_from_averaging_with_any_seed():
    assert min(one["p_value"] for one in gains("word_average", "self_attention")) > 0.05


def test_self_attention_and_the_average_had_the_same_budget_and_left_some_of_it():
    for name in ("word_average", "self_attention"):
        card = cards.load_card(name)
        assert card["recipe"]["epochs"] == 20
        assert max(run["kept_epoch"] for run in card["runs"]) < 20


def test_one_seed_of_the_table_kept_its_last_epoch():
    kept_last = {
        name: sum(
            run["kept_epoch"] == len(run["history"]["val_loss"])
            for run in cards.load_card(name)["runs"]
        )
        for name in models.READ_REVIEWS
    }
    assert {name: count for name, count in kept_last.items() if count} == {"lstm_attention": 1}


HEADS = ("multi_head_uniform", "multi_head_unordered", "multi_head")


def test_the_models_with_heads_overfit_after_two_epochs_at_most():
    for name in HEADS:
        assert max(run["kept_epoch"] for run in cards.load_card(name)["runs"]) <= 2


def test_what_heads_and_places_add_depends_on_the_seed():
    uniform, unordered, ordered = map(scores, HEADS)
    for gained, mean in ((unordered - uniform, 0.003), (ordered - unordered, 0.002)):
        assert gained.min() < 0 < gained.max()
        assert round(gained.mean(), 3) == mean


def test_what_equal_weights_do_to_trained_models():
    record = json.loads(assets.fetch("data/uniform_weights.json").read_text(encoding="utf-8"))
    assert record["counts"][-1] == 160
    found = record["models"]
    assert set(found) == {"rnn_attention", "lstm_attention", "self_attention", "multi_head"}
    assert min(one["unchanged"] for one in found.values()) > 0.945
    lost = {
        name: one["accuracy"]["learned"] - one["accuracy"]["equal"] for name, one in found.items()
    }
    gap = {
        name: [one["gap"][how]["function words"][-1] for how in ("learned", "equal")]
        for name, one in found.items()
    }
    low, high = found["rnn_attention"]["mcnemar"]["interval"]
    assert low < 0 < high
    assert gap["rnn_attention"][1] > gap["rnn_attention"][0] + 0.05
    for name in ("lstm_attention", "self_attention"):
        assert gap[name][0] > gap[name][1] + 0.1
    assert lost["self_attention"] == pytest.approx(0.01, abs=0.002)
    assert lost["multi_head"] < -0.003


def test_triples_help_the_baseline_and_the_champion_beats_it_with_every_seed():
    pairs, triples = (
        baselines()[f"nb_logistic_regression{which}"]["test"] for which in ("", "_triples")
    )
    assert pairs["score"] + 0.002 < triples["score"]
    assert min(scores("ngram_attention")) > triples["score"]
    card = cards.load_card("ngram_attention")
    assert card["baseline"]["test"]["score"] == pytest.approx(triples["score"], abs=1e-3)
    for run in card["runs"]:
        test = mcnemar(unpack_answers(triples), unpack_answers(run["test"]))
        assert test["difference"] > 0.004
        assert test["p_value"] < 1e-4
        assert sum(run["seconds_per_epoch"] + run["refit"]["seconds_per_epoch"]) < 15 * 60


def test_the_larger_part_of_the_champions_lead_is_not_attention():
    triples = baselines()["nb_logistic_regression_triples"]["test"]["score"]
    average, champion = (scores(f"ngram_{kind}").mean() for kind in ("average", "attention"))
    assert average - triples > champion - average > 0
    assert max(one["p_value"] for one in gains("ngram_average", "ngram_attention")) < 0.01


def test_most_of_what_the_champions_attention_gains_is_the_place():
    tries = cards.load_card("ngram_attention")["search"]["tries"]
    loss = {
        tuple(row["settings"]["scored_by"]): row["validation_loss"]
        for row in tries
        if set(row["changed"]) <= {"scored_by"}
    }
    gained = {scored_by: loss[()] - value for scored_by, value in loss.items()}
    both = gained[("ngram", "place")]
    assert gained[("place",)] > both / 2 > gained[("ngram",)] > 0
    worst = max(tries, key=lambda row: row["validation_loss"])
    assert worst["changed"] == {"orders": 1}


def test_the_last_places_of_a_review_have_the_highest_scores():
    place = np.array(models.load("ngram_attention").get_layer("attention").place)
    assert place.argmax() == 0
    assert (np.diff(place[:4]) < 0).all()
    assert place[3:].max() < place[:3].min()


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


# --- what the own reviews teach -----------------------------------------------------------------


def outputs(start):
    """The stored text of the cell that begins with, or holds, these words."""
    notebook = json.loads((ROOT / "chapters" / "05_keras_attention.ipynb").read_text("utf-8"))
    (cell,) = [cell for cell in notebook["cells"] if start in "".join(cell["source"])]
    return "".join("".join(output.get("text", "")) for output in cell["outputs"])


def test_cues_are_preferred_by_attention_to_words_and_hardly_by_attention_to_states():
    found = re.findall(r"get ([\d.]+) times.*\n.*interval ([\d.]+) to", outputs("def cue_lift"))
    (words, low), (states, _) = np.array(found, dtype=float)
    assert words > low > 1.5
    assert 0.9 < states < 1.1


def test_the_misjudged_review_is_misjudged():
    text = outputs("misjudged = [")
    probability = float(re.search(r"positive: ([\d.]+)", text)[1])
    assert (probability > 0.5) is ("in truth negative" in text)


def test_borrowed_vectors_raise_the_accuracy_and_lower_the_preference_for_cues():
    line = re.compile(r"seed \d: ([\d.]+) in training, ([\d.]+) in the test; .* get ([\d.]+) times")
    alone, lent = (
        np.array(line.findall(outputs(text)), dtype=float)
        for text in ("model, weigher = small_classifier()", "borrowed = reader.model")
    )
    assert alone.shape == lent.shape == (3, 3)
    assert (alone[:, 0] > 0.95).all()
    assert (abs(alone[:, 1] - 0.5) < 0.1).all()
    assert (lent[:, 1] > alone[:, 1]).all()
    assert (lent[:, 2] < alone[:, 2]).all()
    assert alone[:, 2].min() >= 1.4
    assert (abs(lent[:, 2] - 1) < 0.2).all()


def test_equal_weights_prefer_nothing():
    """Also where short reviews hold more cues: every review counts alike in weights and shares."""
    notebook = json.loads((ROOT / "chapters" / "05_keras_attention.ipynb").read_text("utf-8"))
    (cell,) = [cell for cell in notebook["cells"] if "def lift" in "".join(cell["source"])]
    source = "".join(cell["source"])
    definition = source[source.index("def lift") :].split("\n\n\n")[0]
    generator = np.random.default_rng(3)
    tokens = generator.integers(1, 9, (40, 30)) * (
        np.arange(30) >= generator.integers(0, 29, (40, 1))
    )
    lengths = (tokens > 0).sum(axis=1, keepdims=True)
    is_cue = (tokens > 0) & (generator.random(tokens.shape) < 3 / lengths)
    names = {"tokens": tokens, "is_cue": is_cue}
    exec(definition, names)
    rows = np.arange(5, 40)
    equal = ((tokens > 0) / lengths)[rows]
    assert names["lift"](equal, rows) == pytest.approx(1, abs=1e-9)
    on_cues = is_cue[rows] / np.maximum(is_cue[rows].sum(axis=1, keepdims=True), 1)
    assert names["lift"](on_cues, rows) > 2


def test_keras_warns_of_a_layer_that_drops_a_mask_and_not_of_an_operation(recwarn):
    import keras

    words = keras.layers.Embedding(5, 2, mask_zero=True)(np.array([[1, 2, 0]]))
    assert getattr(words * 2, "_keras_mask", None) is None
    assert not [one for one in recwarn if "mask" in str(one.message)]
    with pytest.warns(UserWarning, match="destroy the mask"):
        keras.layers.Flatten()(words)
