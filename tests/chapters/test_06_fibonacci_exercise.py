"""Chapter 6: quiz keys recomputed, the task's figures, what the cards must show."""

import numpy as np
import pytest

from attention_course.datasets.fibonacci import fibonacci_windows, lagged_sum, marked_values
from attention_course.display.quiz import load_quiz
from attention_course.exercises.fibonacci import (
    LAYERS,
    _attend,
    anonymous_layers,
    decisive,
    find_bug,
    input_effects,
)
from attention_course.functional import softmax
from attention_course.models.cards import load_card

QUIZ = {question["id"]: question for question in load_quiz("06_fibonacci_exercise")}
ATTENTION = ("lagged_attention", "lagged_attention_unbounded")
ORIGINAL = ("fibonacci_rnn", "fibonacci_attention")
PLAIN = ("lagged_rnn", "lagged_rnn_5", "lagged_rnn_8")
ALL = (*ORIGINAL, *PLAIN, *ATTENTION)
PARAMETERS = {"rnn": 11, "5": 41, "8": 89, "attention": 33, "unbounded": 33}


def right_number(name):
    (value,) = [answer["value"] for answer in QUIZ[name]["answers"] if answer.get("correct")]
    return value


# --- the quiz ---------------------------------------------------------------------------------


def test_quiz_parameters():
    import keras

    from attention_course.layers import TimeAttention

    layer = TimeAttention()
    layer(keras.layers.SimpleRNN(3, return_sequences=True)(np.zeros((1, 10, 1), "float32")))
    assert right_number("parameters") == layer.count_params()


def test_quiz_cap():
    scores = np.full(20, -1.0)
    scores[3] = 1.0
    assert right_number("cap") == pytest.approx(softmax(scores)[3], abs=0.005)
    scores[8] = 1.0
    wrong = [answer.get("value") for answer in QUIZ["cap"]["answers"]]
    assert round(softmax(scores)[3], 2) in wrong
    assert round(np.e / (np.e + 19), 2) in wrong


def test_quiz_zero_baseline():
    _, targets = lagged_sum(200_000, lags=(1, 5, 9), seed=7)
    assert right_number("zero_baseline") == pytest.approx(1 / 9, abs=0.0005)
    assert np.mean(targets**2) == pytest.approx(1 / 9, abs=0.002)


def test_quiz_how_many():
    errors = np.array([1, 9, 2, 0, 4, 1, 2, 1])
    assert right_number("how_many") == decisive(errors, 0.8)
    largest = np.cumsum(np.sort(errors)[::-1])
    assert (largest[2], largest[3], 0.8 * largest[-1]) == (15, 17, 16)


def test_quiz_fixed_profile():
    windows, targets = marked_values(200_000, steps=5, seed=7)
    mean = windows[..., 0].mean(axis=1, keepdims=True)
    assert right_number("fixed_profile") == pytest.approx(4 / 15, abs=0.005)
    assert np.mean((mean - targets) ** 2) == pytest.approx(4 / 15, abs=0.003)


def test_quiz_effects():
    weights = np.zeros(20)
    weights[[2, 7]] = 0.5
    (effects,) = np.nonzero(input_effects(weights, np.array([0.0, 0.0, 1.0])))
    (right,) = [one["answer"] for one in QUIZ["shifted_weights"]["answers"] if one["correct"]]
    assert right.startswith("Those at lags {} and {},".format(*(effects + 1)))
    equal = input_effects(np.full(20, 0.05), np.array([1.0, -1.0]))
    assert equal[0] == pytest.approx(0.05)
    assert equal[1:] == pytest.approx(np.zeros(19))


def options(name):
    return {answer["answer"]: answer["correct"] for answer in QUIZ[name]["answers"]}


def test_quiz_proper_weights():
    """Which layers have weights that are positive and sum to 1 over time."""
    random = np.random.default_rng(0)
    x, W, b = (random.normal(size=shape) for shape in ((3, 4, 2), (2, 1), (4, 1)))
    proper = {}
    for kind, layer in enumerate(LAYERS):
        _, weights = _attend(x, W, b, **layer)
        proper[kind] = weights.min() > 0 and np.allclose(weights.sum(axis=1), 1)
    kinds = {"one number": 4, "without the tanh": 5, "the batch": 1, "length 1": 2, "averaged": 7}
    for option, correct in options("proper_weights").items():
        (kind,) = [kind for words, kind in kinds.items() if words in option]
        assert proper[kind] == correct


def test_no_key_is_given_away_by_its_length():
    longest = 0
    choices = [question for question in QUIZ.values() if question["type"] != "numeric"]
    for question in choices:
        lengths = {True: [], False: []}
        for answer in question["answers"]:
            lengths[answer["correct"]].append(len(answer["answer"]))
        assert max(lengths[True]) <= 1.15 * max(lengths[False]), question["id"]
        longest += max(lengths[True]) > max(lengths[False])
    assert len(QUIZ) >= 8
    assert longest <= len(choices) / 3


# --- the figures of the task ------------------------------------------------------------------


def test_few_test_windows_decide_the_score():
    data = fibonacci_windows()
    assert np.sum(data.y_test > 0.001) == 4
    squares = np.sort(data.y_test[:, 0] ** 2)
    assert squares[-4:].sum() > 0.999 * squares.sum()


def test_simple_answers_have_the_errors_known_for_this_task():
    data = fibonacci_windows()
    last = data.x_test[:, -1]
    assert np.mean(data.y_test**2) == pytest.approx(0.00126, abs=5e-6)
    assert np.mean((data.y_test - last) ** 2) == pytest.approx(0.00018, abs=5e-6)
    assert np.mean((data.y_test - last * (1 + 5**0.5) / 2) ** 2) < 1e-20


def test_every_test_answer_stands_in_the_training_data():
    data = fibonacci_windows()
    seen = {place for start in data.start_train for place in range(start, start + 21)}
    assert all(start + 20 in seen for start in data.start_test)


# --- the cards --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_cards_hold_several_seeds_and_an_interval(name):
    card = load_card(name)
    assert len(card["seeds"]) >= 5
    assert len(set(card["seeds"])) == len(card["runs"])
    low, high = card["scores"]["interval"]
    assert low < card["scores"]["mean"] < high
    assert card["recipe"]["parameters"] == PARAMETERS[name.split("_")[-1]]
    assert card["recipe"]["epochs"] == 30


def test_the_original_task_was_trained_as_it_is_set():
    for name in ORIGINAL:
        recipe = load_card(name)["recipe"]
        assert recipe["batch_size"] == 1
        assert recipe["optimizer"] == "adam"
        assert recipe["learning_rate"] == pytest.approx(0.001)
        assert recipe["epoch_kept"] == "last"


def test_every_model_of_the_original_task_loses_against_one_multiplication():
    for name in ORIGINAL:
        assert min(load_card(name)["scores"]["by_seed"]) > 1e-12


def by_seed(name):
    return load_card(name)["scores"]["by_seed"]


def test_two_units_need_attention_on_the_repaired_task_for_every_seed():
    assert min(by_seed("lagged_rnn")) > 5 * max(by_seed("lagged_attention"))
    assert min(by_seed("lagged_attention")) > 1.5 * max(by_seed("lagged_attention_unbounded"))


def test_plain_networks_with_more_units_do_as_well():
    wide, attention = (load_card(name)["scores"] for name in ("lagged_rnn_8", "lagged_attention"))
    assert wide["interval"][1] > attention["interval"][0]
    assert wide["mean"] < 1.5 * attention["mean"]
    assert min(by_seed("lagged_rnn_8")) > 1.5 * max(by_seed("lagged_attention_unbounded"))
    five = np.array(by_seed("lagged_rnn_5"))
    assert np.sum(five > 0.05) == 2
    assert five[five <= 0.05].max() < 0.01
    removed = 1 - np.sort(five)[-2:] * 6  # of the error of always answering 0
    assert removed == pytest.approx([1 / 2, 1 / 3], abs=0.03)


def test_the_prose_on_the_original_task_holds():
    plain, attention = (np.array(by_seed(name)) for name in ORIGINAL)
    assert all(load_card(name)["seeds"] == [0, 1, 2, 3, 4] for name in ORIGINAL)
    assert attention[0] > plain[0]
    assert attention[4] < plain[4]
    outlier = attention.argmax()
    assert attention[outlier] > 3 * max(plain.max(), *np.delete(attention, outlier))
    rest = np.delete(attention, outlier)
    assert plain.min() < rest.min() < rest.max() < plain.max()
    ratio = np.log(attention / plain)
    assert ratio.mean() > 4 * abs(np.delete(ratio, outlier).mean())
    spreads = [np.log(errors.max() / errors.min()) for errors in (plain, attention)]
    assert min(spreads) > ratio.mean() > 0
    intervals = [load_card(name)["scores"]["interval"] for name in ORIGINAL]
    assert max(low for low, _ in intervals) < min(high for _, high in intervals)
    for name in ORIGINAL:
        runs = [run["test"] for run in load_card(name)["runs"]]
        assert all(run["score"] < run["train_score"] for run in runs)


def by_run(name):
    return {run["seed"]: run["test"]["score"] for run in load_card(name)["runs"]}


def test_the_prose_on_the_repaired_task_holds():
    _, targets = lagged_sum(1_000, seed=3)
    zero = np.mean(targets**2)
    plain, attention, unbounded = map(by_run, ("lagged_rnn", *ATTENTION))
    assert set(plain) == set(attention) == set(unbounded) == set(range(8))
    assert sum(score >= zero for score in plain.values()) == 1
    assert np.median(list(plain.values())) > 0.6 * zero
    assert all(plain[seed] > 10 * attention[seed] for seed in plain)
    means = [np.mean(list(scores.values())) for scores in (unbounded, attention)]
    assert 0.2 < means[0] / means[1] < 0.3
    others = [score for name in (*PLAIN, "lagged_attention") for score in by_seed(name)]
    assert max(unbounded.values()) < min(others)


def test_the_shifted_seeds_are_the_same_two_and_do_not_predict_worse():
    for name in ATTENTION:
        peaks = {}
        for run in load_card(name)["runs"]:
            profile = np.array(run["test"]["weight_by_lag"])
            peaks[run["seed"]] = tuple(sorted(int(lag) for lag in np.argsort(-profile)[:2] + 1))
        assert peaks == {seed: (6, 16) if seed in (1, 7) else (7, 17) for seed in range(8)}
        scores = by_run(name)
        straight = [scores[seed] for seed in scores if seed not in (1, 7)]
        assert max(scores[1], scores[7]) < (min if name == ATTENTION[0] else max)(straight)


def test_the_figure_of_both_profiles_is_described_rightly():
    profiles = {}
    for name in ATTENTION:
        (run,) = [run for run in load_card(name)["runs"] if run["seed"] == 0]
        profiles[name] = np.array(run["test"]["weight_by_lag"])
    bounded, unbounded = (profiles[name] for name in ATTENTION)
    peaks = [6, 16]
    assert unbounded[peaks].min() > 2 * bounded[peaks].max()
    assert np.delete(unbounded, peaks).max() < 0.02 < bounded.min()
    assert bounded.max() < np.e**2 / (2 * np.e**2 + 18)
    for peak in peaks:
        assert np.all(np.diff(bounded[peak : peak + 4]) < 0)


def test_weights_on_a_card_are_weights():
    for name in ATTENTION:
        for run in load_card(name)["runs"]:
            profile = np.array(run["test"]["weight_by_lag"])
            assert profile.shape == (20,)
            assert profile.min() >= 0
            assert profile.sum() == pytest.approx(1, abs=0.002)


def test_bounded_weights_stay_below_their_cap():
    cap = np.e**2 / (np.e**2 + 19)
    assert all(run["test"]["largest_weight"] < cap for run in load_card(ATTENTION[0])["runs"])
    assert all(run["test"]["largest_weight"] > cap for run in load_card(ATTENTION[1])["runs"])


def test_the_largest_weights_do_not_always_lie_at_the_right_lags():
    found = set()
    for run in load_card("lagged_attention_unbounded")["runs"]:
        profile = np.array(run["test"]["weight_by_lag"])
        found.add(tuple(sorted(int(lag) for lag in np.argsort(-profile)[:2] + 1)))
    assert {(7, 17), (6, 16)} <= found


def test_the_cap_alone_would_cost_more_than_was_measured():
    """The weights let in noise that the recurrent layer takes out again."""
    peak, floor = np.e**2 / (2 * np.e**2 + 18), 1 / (2 * np.e**2 + 18)
    weights = np.full(20, floor)
    weights[[6, 16]] = peak
    x, y = lagged_sum(50_000, seed=11)
    context = x[:, ::-1, 0] @ weights
    factor = (context @ y[:, 0]) / (context @ context)
    least = 18 * floor**2 / (2 * peak**2 + 18 * floor**2) / 6
    assert np.mean((factor * context - y[:, 0]) ** 2) == pytest.approx(least, rel=0.03)
    assert 3.5 < least / max(by_seed("lagged_attention")) < 5
    assert 18 * floor > 0.5


def test_the_recurrent_layer_subtracts_neighbours_and_so_takes_noise_out():
    import keras

    from attention_course import models

    model = models.load("lagged_attention")
    assert load_card("lagged_attention")["seeds"][0] == 0
    states = keras.Model(model.input, model.get_layer("rnn").output)
    nudged = np.zeros((1, 20, 1))
    nudged[0, 5] = 0.01
    readout = model.get_layer("prediction").get_weights()[0]
    change = np.asarray(states(nudged)) - np.asarray(states(np.zeros((1, 20, 1))))
    response = (change @ readout)[0, 5:, 0]
    response /= response[0]
    assert response[1] == pytest.approx(-0.6, abs=0.05)
    assert 0 < response.sum() < 0.3
    (run,) = [one for one in load_card("lagged_attention")["runs"] if one["seed"] == 0]
    weights = np.array(run["test"]["weight_by_lag"])
    effects = input_effects(weights, response)
    assert sorted(np.argsort(-effects)[:2] + 1) == [7, 17]
    away = np.delete(np.arange(20), [6, 16])
    outside = [np.sum(v[away] ** 2) / np.sum(v**2) for v in (weights, effects)]
    assert outside[1] < outside[0] / 5


def test_noise_is_the_largest_part_with_tanh_and_hardly_any_without():
    from attention_course import models

    x, y = lagged_sum(10_000, seed=5)
    right = np.isin(np.arange(20), [20 - 7, 20 - 17])
    parts = {}
    for name in ATTENTION:
        prediction = models.load(name).predict(x, batch_size=5_000, verbose=0)[:, 0]
        slopes = np.linalg.lstsq(x[..., 0], prediction, rcond=None)[0]
        parts[name] = {
            "other": np.sum(slopes[~right] ** 2) / 3,
            "right": np.sum((slopes[right] - 0.5) ** 2) / 3,
            "curved": np.mean((prediction - x[..., 0] @ slopes) ** 2),
        }
        together = np.mean((prediction - y[:, 0]) ** 2)
        assert sum(parts[name].values()) == pytest.approx(together, rel=0.06)
    bounded, unbounded = (parts[name] for name in ATTENTION)
    assert max(bounded, key=bounded.get) == "other"
    assert unbounded["other"] < 0.1 * bounded["other"]
    assert max(unbounded, key=unbounded.get) == "curved"


# --- the task with marks ----------------------------------------------------------------------


def test_no_fixed_profile_does_better_than_the_mean_of_all():
    """Expected over all windows; so the place half of the layer cannot solve the task."""
    x, y = marked_values(20_000, seed=5)
    assert np.mean(y**2) == pytest.approx(1 / 3, abs=0.01)
    mean = x[..., 0].mean(axis=1, keepdims=True)
    assert np.mean((mean - y) ** 2) == pytest.approx(19 / 60, abs=0.01)
    slopes = np.linalg.lstsq(x[..., 0], y[:, 0], rcond=None)[0]
    new_x, new_y = marked_values(20_000, seed=6)
    fitted = np.mean((new_x[..., 0] @ slopes - new_y[:, 0]) ** 2)
    assert fitted > np.mean((new_x[..., 0].mean(axis=1) - new_y[:, 0]) ** 2)


def test_the_anonymous_layers_are_told_apart():
    random = np.random.default_rng(2)
    x, W, b = (random.normal(size=shape) for shape in ((2, 4, 2), (2, 1), (4, 1)))
    found = {letter: find_bug(x, W, b, *one) for letter, one in anonymous_layers(x, W, b).items()}
    assert len(set(found.values())) == len(found) == 4
    assert 0 in found.values()


# --- the stored models ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_a_stored_model_repeats_its_card(name):
    from attention_course import models
    from attention_course.training.recipes import recipe

    card = load_card(name)
    splits = recipe(name).load_data()
    prediction = models.load(name).predict(splits.x_test, batch_size=1_000, verbose=0)
    error = np.mean((prediction - splits.y_test) ** 2)
    assert error == pytest.approx(card["test"]["score"], rel=1e-3)


def test_weights_read_from_a_model_agree_with_its_layer():
    import keras

    from attention_course import models
    from attention_course.models.fibonacci import attention_weights

    windows, _ = lagged_sum(10, seed=9)
    for name in ATTENTION:
        model = models.load(name)
        weights = attention_weights(model, windows)
        np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)
        states = keras.Model(model.input, model.get_layer("rnn").output)(windows)
        context = np.einsum("bt,btf->bf", weights, np.asarray(states))
        np.testing.assert_allclose(model.get_layer("attention")(states), context, atol=1e-6)
