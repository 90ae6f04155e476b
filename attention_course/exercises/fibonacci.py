"""Exercises of chapter 6: the three questions of the Fibonacci task, and what follows from them.

``06.why`` asks for the rule as weights over time, ``06.rnn`` for the recurrent network,
``06.attention`` for the attention step in NumPy and ``06.layer`` for the same as a Keras layer.
``06.baselines`` and ``06.decisive`` judge an error; ``06.task`` builds the task in which marks
decide and ``06.marked`` the model that solves it; ``06.effects`` follows weights over states back
to the inputs, and ``06.diagnose`` tells by its numbers what is wrong with a layer.

A Keras answer is judged by its numbers: what it computes with given weights, its loss, and the
weights after training, against NumPy. What it is made of explains, or shows what no step does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from attention_course.datasets.fibonacci import marked_values
from attention_course.exercises import in_keras
from attention_course.exercises.drawing import Draw
from attention_course.exercises.exercise import Exercise, Told, source, texts
from attention_course.exercises.judging import fail, numbers
from attention_course.words import mark, tr

GOLDEN = (1 + 5**0.5) / 2
MOST_AT_FIRST = 4.0  # a weight that begins farther from zero makes tanh flat


# --- 06.why: the rule as weights over time ----------------------------------------------------


def look_back(window):
    """Attention weights over the window and a scale: scale * sum(weights * window) is next."""
    weights = np.zeros(len(window))
    weights[-2:] = 0.5
    return weights, 2.0


def _window(draw: Draw) -> tuple:
    """Any sequence in which each number is the sum of the two before it."""
    random, hazards = draw.random, draw.hazards()
    steps = draw.length(3, 9, wide=600)
    exact = hazards & {"whole", "float32"}  # rounded numbers are no sums of those before them
    values = (random.integers(-3, 4, 2) if exact else random.normal(size=2)).tolist()
    if exact:  # the numbers that follow need more than 64 bits, or more than single precision has
        steps = min(steps, 40 if "whole" in hazards else 150)
    elif "small" in hazards:  # the one that falls: its old values are the large ones
        steps = 20 if draw.kind == "small" else min(steps, 20)
        values = ((1 - GOLDEN) ** np.arange(steps)).tolist()
    if draw.kind == "zeros":  # one that ends with 0, or has the mean 0
        values, steps = [[1.0, -1.0], [0.0, 0.0]][random.integers(2)], 3
    while len(values) < steps:
        values.append(values[-1] + values[-2])
    if draw.kind == "mixed" and "whole" not in hazards:
        most = 20 if "float32" in hazards else 40  # 150 of them, and no overflow
        values = np.multiply(values, 2.0 ** random.integers(-40, most + 1))
    return (draw.layout(np.array(values, int if "whole" in hazards else float), hazards),)


def _continued(case: tuple, parts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the weights and the scale must give, whichever places they choose."""
    weights, scale = parts.values()
    window = case[0].astype(float)
    for name, part in parts.items():
        if part.shape != window.shape if part is weights else part.size != 1:
            kind = tr("an array of shape {shape}", shape=part.shape)
            fail("no_numbers", what=tr(name), kind=kind)
    weights, scale = weights.astype(float), scale.astype(float).reshape(())
    return {
        mark("the next number"): scale * (weights @ window),
        mark("the sum of the weights"): weights.sum(),
        mark("the part of the weights below zero"): np.minimum(weights, 0).sum(),
    }


def _one_scale(cases: Sequence[tuple], results: list, wrong: bool) -> Told:
    """Weights for each value of a window, and a scale that does not follow the window."""
    scales: dict[int, list[float]] = {}
    for (window,), result in zip(cases, results, strict=True):
        if isinstance(result, list) and len(result) == 2:
            weights = numbers(result[0], tr("the weights"))
            scale = numbers(result[1], tr("the scale"))
            if weights.size == 1 and scale.shape == window.shape:
                return "swapped", {}
            if weights.shape != window.shape:
                return "other_length", {"length": len(window), "shape": weights.shape}
            scales.setdefault(len(window), []).extend(scale.astype(float).flat)
    for length, seen in scales.items():
        if seen and not np.ptp(seen) <= 1e-6 * max(np.abs(seen)):
            ends = {"one": f"{min(seen):.6g}", "other": f"{max(seen):.6g}"}
            return "scale_changes", ends | {"length": length}
    return None


def _places(*where: int, scale: float = 2.0) -> Callable:
    """The mistake of equal weights on these places of the window."""

    def mistake(window: np.ndarray) -> tuple:
        weights = np.zeros(len(window))
        weights[list(where)] = 1 / len(where)
        return weights, scale

    return mistake


WHY_MISTAKES = {
    "sum_of_two": lambda window: (2 * look_back(window)[0], 1.0),
    "golden_ratio": _places(-1, scale=GOLDEN),
    "first_values": _places(0, 1),
    "last_value": _places(-1, scale=1.0),
    "half": _places(-2, -1, scale=1.0),
    "all_equal": lambda window: (np.full(len(window), 1 / len(window)), 2.0),
    "negative": lambda window: (2 * _places(-1)(window)[0] - _places(-2)(window)[0], 2.0),
}


# --- 06.attention: attention over time --------------------------------------------------------


def time_attention(x, W, b):
    """Attention over time: x (batch, time, features) -> context (batch, features), weights."""
    scores = np.tanh(x @ W + b)[..., 0]
    powers = np.exp(scores)
    weights = powers / powers.sum(axis=1, keepdims=True)
    context = (weights[..., np.newaxis] * x).sum(axis=1)
    return context, weights


def _attention_case(draw: Draw) -> tuple:
    batch, steps, features = draw.size(), draw.length(), draw.size()
    x = draw.numbers(batch, steps, features, large=1e5)
    return x, draw.numbers(features, 1), draw.numbers(steps, 1)


def _softmax(scores: np.ndarray, axis: int | None = 1) -> np.ndarray:
    powers = np.exp(scores - scores.real.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def _tanh_scores(x: np.ndarray, W: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.tanh(x @ W + b)[..., 0]


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def _hard(scores: np.ndarray) -> np.ndarray:
    return np.eye(scores.shape[1])[scores.real.argmax(axis=1)]


def _sum(weights: np.ndarray, x: np.ndarray) -> np.ndarray:
    return (weights[..., None] * x).sum(axis=1)


def _attend(
    x: np.ndarray,
    W: np.ndarray,
    b: np.ndarray,
    scores: Callable = _tanh_scores,
    soften: Callable = _softmax,
    reduce: Callable = _sum,
) -> tuple[np.ndarray, np.ndarray]:
    """Attention over time, or with the mistakes that the parameters make."""
    weights = soften(scores(x, W, b))
    return reduce(weights, x), weights


def _flat_weights(_: tuple, parts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Weights that keep an axis of length 1 behind time are as good as those without."""
    context, weights = parts.values()
    kept = weights.ndim == 3 and weights.shape[-1] == 1
    return dict(zip(parts, (context, weights[..., 0] if kept else weights), strict=True))


#: What goes wrong in NumPy and in the layer alike.
MISTAKES: dict[str, dict[str, Callable]] = {
    "axis_of_one": {"soften": np.ones_like},
    "over_batch": {"soften": lambda scores: _softmax(scores, 0)},
    "over_all": {"soften": lambda scores: _softmax(scores, None)},
    "not_divided": {"soften": np.exp},
    "no_softmax": {"soften": lambda scores: scores},
    "sigmoid_for_softmax": {"soften": _sigmoid},
    "hard": {"soften": _hard},
    "uniform": {"soften": lambda scores: np.ones_like(scores) / scores.shape[1]},
    "weights_negated": {"soften": lambda scores: -_softmax(scores)},
    "scores_doubled": {"soften": lambda scores: _softmax(2 * scores)},
    "scores_negated": {"soften": lambda scores: _softmax(-scores)},
    "no_tanh": {"scores": lambda x, W, b: (x @ W + b)[..., 0]},
    "no_bias": {"scores": lambda x, W, b: np.tanh(x @ W)[..., 0]},
    "bias_outside": {"scores": lambda x, W, b: (np.tanh(x @ W) + b)[..., 0]},
    "one_bias": {"scores": lambda x, W, b: np.tanh(x @ W + b[0])[..., 0]},
    "bias_reversed": {"scores": lambda x, W, b: np.tanh(x @ W + b[::-1])[..., 0]},
    "sigmoid_scores": {"scores": lambda x, W, b: _sigmoid(x @ W + b)[..., 0]},
    "relu_scores": {"scores": lambda x, W, b: ((x @ W + b) * ((x @ W + b).real > 0))[..., 0]},
    "not_summed": {"reduce": lambda weights, x: weights[..., None] * x},
    "axis_kept": {"reduce": lambda weights, x: _sum(weights, x)[:, None]},
    "mean_over_time": {"reduce": lambda weights, x: _sum(weights, x) / x.shape[1]},
    "plain_sum": {"reduce": lambda weights, x: x.sum(axis=1)},
    "plain_mean": {"reduce": lambda weights, x: x.mean(axis=1)},
    "last_alone": {"reduce": lambda weights, x: (weights[..., None] * x)[:, -1]},
    "hard_choice": {"reduce": lambda weights, x: _sum(_hard(weights), x)},
    "time_reversed": {"reduce": lambda weights, x: _sum(weights[:, ::-1], x)},
}


# --- 06.baselines: three answers without a network --------------------------------------------


def baselines(x_train, y_train, x_test, y_test):
    """Test errors of always 0, of the last value, and of a factor times the last value."""
    last_train, last_test = x_train[:, -1], x_test[:, -1]
    factor = np.sum(last_train * y_train) / np.sum(last_train**2)
    zero = np.mean(y_test**2)
    last = np.mean((last_test - y_test) ** 2)
    scaled = np.mean((factor * last_test - y_test) ** 2)
    return zero, last, scaled


def _baselines_case(draw: Draw) -> tuple:
    train, test, steps = draw.size(1, 40), draw.size(1, 40), draw.length()
    for _ in range(100):
        x_train = draw.numbers(train, steps, 1)
        if x_train[:, -1].any():
            break
    else:
        x_train = draw.layout(draw.random.normal(size=(train, steps, 1)))
    return x_train, draw.numbers(train, 1), draw.numbers(test, steps, 1), draw.numbers(test, 1)


def _baselines(
    x_train: np.ndarray,
    y_train: np.ndarray,
    x_test: np.ndarray,
    y_test: np.ndarray,
    place: int = -1,
    error: Callable = lambda guess, truth: np.mean((guess - truth) ** 2),
    factor: Callable = lambda last, target: np.sum(last * target) / np.sum(last**2),
) -> tuple:
    """The three errors, or with the mistakes that the parameters make."""
    last = x_test[:, place]
    scaled = factor(x_train[:, place], y_train) * last
    return error(0 * y_test, y_test), error(last, y_test), error(scaled, y_test)


BASELINE_MISTAKES = {
    "fitted_on_test": lambda x, y, x_test, y_test: _baselines(x_test, y_test, x_test, y_test),
    "train_errors": lambda x, y, x_test, y_test: _baselines(x, y, x, y),
    "oldest_value": partial(_baselines, place=0),
    "golden": partial(_baselines, factor=lambda last, target: GOLDEN),
    "mean_of_ratios": partial(_baselines, factor=lambda last, target: np.mean(target / last)),
    "ratio_of_means": (
        partial(_baselines, factor=lambda last, target: np.mean(target) / np.mean(last)),
        partial(_baselines, factor=lambda last, target: np.sum(target) / np.sum(last)),
    ),
    "factor_upside_down": partial(
        _baselines, factor=lambda last, target: np.sum(last * target) / np.sum(target**2)
    ),
    "root": partial(_baselines, error=lambda guess, y: np.sqrt(np.mean((guess - y) ** 2))),
    "absolute": partial(_baselines, error=lambda guess, y: np.mean(np.abs(guess - y))),
    "summed": partial(_baselines, error=lambda guess, y: np.sum((guess - y) ** 2)),
    "every_pair": partial(_baselines, error=lambda guess, y: np.mean((guess[:, 0] - y) ** 2)),
    "mean_for_zero": lambda x, y, x_test, y_test: (
        np.mean((np.mean(y) - y_test) ** 2),
        *_baselines(x, y, x_test, y_test)[1:],
    ),
}


# --- 06.decisive: the few examples that make up an error --------------------------------------


def decisive(errors, share):
    """The smallest number of examples that together hold at least this share of the error."""
    largest_first = np.sort(errors)[::-1]
    held = np.cumsum(largest_first) / np.sum(errors)
    return int(np.argmax(held >= share)) + 1


def _decisive_case(draw: Draw) -> tuple:
    count = draw.size(1, 12)
    if draw.kind == "whole":  # powers of two, which are added and divided without rounding
        draw.joined = True
        errors = 2 ** np.maximum(np.arange(count) - 1, 0)
        share = 1 - 0.5 ** draw.random.integers(1, count) if count > 1 else 1.0
        return draw.layout(draw.random.permutation(errors)), share
    for _ in range(100):
        errors = abs(draw.numbers(count))
        if errors.any():
            break
    else:
        errors = draw.random.random(count)
    errors = draw.layout(errors)
    held = np.cumsum(np.sort(errors.astype(float))[::-1])
    held = np.concatenate([[0.0], held / held[-1]])
    # Between two steps, so that rounding decides nothing.
    step = draw.random.integers(1, np.sum(errors > 0) + 1)
    draw.joined = True
    return errors, float(held[step - 1 : step + 1].mean())


def _held(errors: np.ndarray, order: Callable) -> np.ndarray:
    return np.cumsum(order(errors)) / np.sum(errors)


DECISIVE_MISTAKES = {
    "smallest_first": lambda errors, share: int(np.argmax(_held(errors, np.sort) >= share)) + 1,
    "not_sorted": lambda errors, share: int(np.argmax(_held(errors, np.array) >= share)) + 1,
    "one_too_few": lambda errors, share: decisive(errors, share) - 1,
    "more_than_the_share": lambda errors, share: int(
        np.argmax(_held(errors, lambda errors: np.sort(errors)[::-1]) > share) + 1
    ),
    "one_too_many": lambda errors, share: decisive(errors, share) + 1,
    "squared_again": lambda errors, share: decisive(errors**2, share),
    "above_a_share_of_the_largest": lambda errors, share: int(
        np.sum(errors >= share * errors.max())
    ),
    "above_a_share_of_the_sum": lambda errors, share: int(np.sum(errors >= share * errors.sum())),
    "share_of_examples": lambda errors, share: int(np.ceil(share * len(errors))),
    "those_left": lambda errors, share: len(errors) - decisive(errors, share),
}


# --- 06.task: the task in which marks decide --------------------------------------------------


def marked_task(values, marked):
    """Windows (n, steps, 2), targets (n, 1) and the right profile (n, steps)."""
    profile = marked / marked.sum(axis=1, keepdims=True)
    windows = np.stack([values, marked], axis=-1)
    targets = (profile * values).sum(axis=1, keepdims=True)
    return windows, targets, profile


def _task_case(draw: Draw) -> tuple:
    count, steps = draw.size(1, 6), draw.length(1, 9)
    return draw.numbers(count, steps), draw.mask(count, steps, none=False)


def _task(values: np.ndarray, marked: np.ndarray, **changes: Callable) -> tuple:
    """The task, or with some of its parts changed: each is made from values, marks and profile."""
    profile = marked / marked.sum(axis=1, keepdims=True)
    right = {
        "windows": lambda x, m, p: np.stack([x, m], axis=-1),
        "targets": lambda x, m, p: (p * x).sum(axis=1, keepdims=True),
        "profile": lambda x, m, p: p,
    }
    return tuple(make(values, marked, profile) for make in (right | changes).values())


TASK_MISTAKES = {
    "sum_for_mean": partial(_task, targets=lambda x, m, p: (m * x).sum(axis=1, keepdims=True)),
    "mean_of_all_steps": partial(_task, targets=lambda x, m, p: (m * x).mean(axis=1)[:, None]),
    "mean_without_marks": partial(_task, targets=lambda x, m, p: x.mean(axis=1)[:, None]),
    "first_mark_alone": partial(
        _task, targets=lambda x, m, p: np.take_along_axis(x, m.argmax(axis=1)[:, None], axis=1)
    ),
    "profile_of_ones": partial(_task, profile=lambda x, m, p: m.astype(float)),
    "profile_over_all": partial(_task, profile=lambda x, m, p: m / m.sum()),
    "softmax_of_marks": partial(_task, profile=lambda x, m, p: _softmax(m.astype(float))),
    "profile_reversed": partial(_task, profile=lambda x, m, p: p[:, ::-1]),
    "mark_first": partial(_task, windows=lambda x, m, p: np.stack([m, x], axis=-1)),
    "marks_alone": partial(_task, windows=lambda x, m, p: m[..., None]),
    "values_alone": partial(_task, windows=lambda x, m, p: x[..., None]),
    "only_marked_values": partial(_task, windows=lambda x, m, p: np.stack([m * x, m], axis=-1)),
    "shares_for_marks": partial(_task, windows=lambda x, m, p: np.stack([x, p], axis=-1)),
    "features_in_front": partial(_task, windows=lambda x, m, p: np.stack([x, m], axis=1)),
    "flat_targets": partial(_task, targets=lambda x, m, p: (p * x).sum(axis=1)),
}


# --- 06.effects: from weights over states back to the inputs ----------------------------------


def input_effects(weights, response):
    """What the input at each lag does, from weights by lag and the response of a state."""
    effects = np.zeros(len(weights))
    for lag in range(len(weights)):
        for later in range(min(lag + 1, len(response))):
            effects[lag] += weights[lag - later] * response[later]
    return effects


def _effects_case(draw: Draw) -> tuple:
    steps, reach = draw.length(1, 8, wide=300), draw.size(1, 5, wide=60)
    return draw.numbers(steps), draw.numbers(reach)


def _looked_ahead(weights: np.ndarray, response: np.ndarray) -> np.ndarray:
    return np.convolve(weights[::-1], response)[: len(weights)][::-1]


def _both_at(weights: np.ndarray, response: np.ndarray) -> np.ndarray:
    padded = np.zeros(len(weights))
    padded[: len(response)] = response[: len(weights)]
    return weights * padded


EFFECTS_MISTAKES = {
    "wrong_way": _looked_ahead,
    "not_cut": lambda weights, response: np.convolve(weights, response),
    "response_reversed": lambda weights, response: np.convolve(weights, response[::-1])[
        : len(weights)
    ],
    "first_alone": lambda weights, response: weights * response[0],
    "weights_alone": lambda weights, response: weights,
    "same_place": _both_at,
    "sum_of_response": lambda weights, response: weights * response.sum(),
    "one_late": lambda weights, response: np.convolve(weights, [0.0, *response])[: len(weights)],
    "oldest_first": lambda weights, response: np.convolve(weights, response)[: len(weights)][::-1],
}


# --- 06.diagnose: what is wrong with a layer, by its numbers ----------------------------------


def find_bug(x, W, b, context, weights):
    """The number of the mistake in what a layer has computed; 0 if there is none."""
    weighted = np.einsum("bt,btf->bf", weights, x)
    if np.allclose(weights, 1, atol=1e-4):
        return 2  # over an axis of length 1
    if not np.allclose(weights.sum(axis=1), 1, atol=1e-4):
        return 1  # over the batch
    if np.allclose(weights.max(axis=1), 1, atol=1e-4):
        return 3  # a hard choice
    for number, scores in (
        (4, np.tanh(x @ W + b[0])),
        (5, x @ W + b),
        (6, np.tanh(x @ W) + b),
    ):
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))[..., 0]
        if np.allclose(weights, powers / powers.sum(axis=1, keepdims=True), rtol=1e-3, atol=1e-6):
            return number
    return 0 if np.allclose(context, weighted, rtol=1e-3, atol=1e-5) else 7


#: The layers that are drawn, by their number.
LAYERS: tuple[dict[str, Callable], ...] = (
    {},
    MISTAKES["over_batch"],
    MISTAKES["axis_of_one"],
    MISTAKES["hard"],
    MISTAKES["one_bias"],
    MISTAKES["no_tanh"],
    MISTAKES["bias_outside"],
    MISTAKES["mean_over_time"],
)


def anonymous_layers(x: np.ndarray, W: np.ndarray, b: np.ndarray) -> dict[str, tuple]:
    """Context and weights of four of the layers, by letters that do not tell which they are."""
    return {
        letter: _attend(x, W, b, **LAYERS[kind])
        for letter, kind in zip("ABCD", (5, 1, 0, 7), strict=True)
    }


def _diagnose_case(draw: Draw) -> tuple:
    """The numbers of one layer, drawn again until no two layers would give nearly the same."""
    draw.joined = True
    random = draw.random
    batch, steps, features = draw.size(2, 4, 150), draw.length(3, 6, 150), draw.size(1, 3, 150)
    for _ in range(1000):
        x = draw.numbers(batch, steps, features, large=3, small=0.3)
        W = (
            random.normal(size=(features, 1))
            / max(1.0, np.abs(x.astype(float)).std())
            / features**0.5
        )
        b = random.normal(size=(steps, 1))
        found = [_attend(x.astype(float), W, b, **layer) for layer in LAYERS]
        if _apart(found):
            break
    else:
        x = random.normal(size=(batch, steps, features))
        W, b = random.normal(size=(features, 1)) / features**0.5, random.normal(size=(steps, 1))
        found = [_attend(x, W, b, **layer) for layer in LAYERS]
    context, weights = found[random.integers(len(LAYERS))]
    return x, draw.layout(W), draw.layout(b), draw.layout(context), draw.layout(weights)


def _apart(found: list[tuple[np.ndarray, np.ndarray]]) -> bool:
    """Whether any two layers differ by more than a hundredth in some number."""
    for i, (context, weights) in enumerate(found):
        for other_context, other_weights in found[:i]:
            moved = np.abs(weights - other_weights) / (np.abs(weights) + np.abs(other_weights))
            context_moved = np.abs(context - other_context).max()
            if np.nan_to_num(moved).max() < 0.02 and context_moved <= 0.01 * np.abs(context).max():
                return False
    return True


def _missed(kind: int, instead: int = 0) -> Callable:
    """The mistake of taking one kind for another."""

    def mistake(*case: np.ndarray) -> int:
        found = find_bug(*case)
        return instead if found == kind else found

    return mistake


DIAGNOSE_MISTAKES = {
    "batch_missed": _missed(1),
    "ones_missed": (_missed(2), _missed(2, 1)),
    "hard_missed": _missed(3),
    "one_bias_missed": _missed(4),
    "no_tanh_missed": _missed(5),
    "outside_missed": _missed(6),
    "mean_missed": _missed(7),
    "right_refused": tuple(_missed(0, kind) for kind in range(1, 8)),
    "sums_alone": (
        lambda *case: found if (found := find_bug(*case)) in (1, 2) else 0,
        lambda *case: found if (found := find_bug(*case)) in (1, 2, 3) else 0,
        lambda *case: int(find_bug(*case) in (1, 2)),
    ),
    "scores_missed": lambda *case: found if (found := find_bug(*case)) in (1, 2, 3, 7) else 0,
    "always_right": lambda *case: 0,
}


# --- 06.rnn: the recurrent network ------------------------------------------------------------


def build_rnn(time_steps):
    """SimpleRNN of two units and one dense output, both with tanh, compiled."""
    import keras

    model = keras.Sequential(
        [
            keras.layers.Input((time_steps, 1)),
            keras.layers.SimpleRNN(2, activation="tanh"),
            keras.layers.Dense(1, activation="tanh"),
        ]
    )
    model.compile(optimizer="adam", loss="mse")
    return model


def probe_model(build, steps, weights, windows, targets, rate):
    """In the answer's process: what the model is made of, and what it computes and learns."""
    import keras
    import numpy as np

    model = build(steps)
    if not isinstance(model, keras.Model):
        return model
    other = build(steps) if rate else model
    for one in (model, other):
        if not one.built:
            one.build((None, steps, 1))
        if not one.weights:  # as in a subclass of keras.Model
            one(np.zeros((1, steps, 1), "float32"))
    optimizer = getattr(model, "optimizer", None)
    settings = {}
    if isinstance(optimizer, keras.optimizers.Adam):
        usual = keras.optimizers.Adam().get_config() | {"name": optimizer.name}
        settings = {k: v for k, v in optimizer.get_config().items() if usual.get(k, v) != v}
        chosen = settings.get("learning_rate")
        if isinstance(chosen, float) and 1e-4 <= round(chosen, 6) <= 0.1:
            del settings["learning_rate"]
    loss = getattr(model, "loss", None)
    loss = keras.losses.get(loss) if isinstance(loss, str) else loss
    noises = ("dropout", "recurrent_dropout", "rate", "stddev")
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    cells = [getattr(layer, "cell", layer) for layer in layers]
    seen = {
        "layers": [
            {
                "name": type(cell).__name__.removesuffix("Cell"),
                "recurrent": isinstance(layer, keras.layers.RNN | keras.layers.Bidirectional),
                "units": getattr(cell, "units", None),
                "activation": getattr(getattr(cell, "activation", None), "__name__", None),
                "sequences": bool(getattr(layer, "return_sequences", False)),
                "backwards": bool(getattr(layer, "go_backwards", False)),
            }
            for layer, cell in zip(layers, cells, strict=True)
        ],
        "input": list(getattr(model, "input_shape", (None, steps, 1))),  # if it has one
        "parameters": model.count_params(),
        "compiled": bool(getattr(model, "compiled", False)),
        "loss": str(getattr(loss, "name", getattr(loss, "__name__", ""))),
        "optimizer": type(optimizer).__name__,
        "adam": isinstance(optimizer, keras.optimizers.Adam),
        "settings": [f"{name} = {value}"[:50] for name, value in settings.items()],
        "stateful": any(getattr(layer, "stateful", False) for layer in layers),
        "dropout": any(getattr(one, n, None) not in (None, 0) for one in cells for n in noises),
        "constraint": any(weight.constraint is not None for weight in model.weights),
        "frozen": len(model.weights) - len(model.trainable_weights),
        "fresh": model.get_weights(),
        "shared": rate and any(w is v for w in model.weights for v in other.weights),
    }
    variables = {tuple(variable.shape): variable for variable in model.weights}
    fits = len(model.weights) == len(weights) == sum(one.shape in variables for one in weights)
    fits = fits and seen["compiled"] and seen["input"][1:] in ([steps, 1], [None, 1])
    if not fits or seen["settings"] or seen["stateful"]:
        return seen
    for weight in weights:
        variables[weight.shape].assign(weight)
    windows, targets = windows.astype("float32"), targets.astype("float32")
    seen["output"] = model(windows)
    seen["added"] = len(model.losses)
    if not rate:
        return seen

    def loss(method):
        model.reset_metrics()  # else the mean of all steps comes back
        return np.ravel(method(windows, targets))[0]  # metrics may follow

    optimizer.learning_rate = rate
    given, model.run_eagerly = model.run_eagerly, True  # to trace a step takes longer than all else
    seen["losses"] = [loss(model.train_on_batch), loss(model.train_on_batch)]
    model.run_eagerly = given
    seen["evaluated"] = loss(model.test_on_batch)
    seen["predicted"] = model.predict(windows, batch_size=len(windows), verbose=0)
    trained = [np.ravel(variables[weight.shape]) for weight in weights]
    return seen | {"trained": np.concatenate(trained)}


def _rnn_case(draw: Draw) -> tuple:
    random, train = draw.random, draw.kind in ("plain", "strided")  # to train takes long
    steps = draw.length(wide=120)
    windows = draw.numbers(draw.size(1, 40), steps, 1, large=1e6)
    shapes = ((1, 2), (2, 2), (2,), (2, 1), (1,))
    weights = [random.uniform(-0.7, 0.7, shape) for shape in shapes]
    weights[0] /= max(np.abs(windows).max() / 3, 1)  # where tanh is not flat
    if draw.kind in ("long", "small"):  # the oldest value counts, and the smallest
        weights[1], weights[2], weights[4] = np.linalg.qr(weights[1])[0], np.zeros(2), np.zeros(1)
        windows = windows * 0.1 if draw.kind == "long" else windows
    far = 10 ** random.uniform(-1, 3) if train else 1.0
    targets = far * random.normal(size=(len(windows), 1))
    return steps, weights, windows, targets, 0.05 if train else 0.0


def _rnn(
    time_steps: int,
    weights: list[np.ndarray],
    windows: np.ndarray,
    targets: np.ndarray,
    rate: float,
) -> dict[str, np.ndarray]:
    """The same network in NumPy: its output, and two steps of Adam on the squared error."""

    def output(weights: list[np.ndarray]) -> np.ndarray:
        kernel, loop, bias, out, shift = weights
        state = np.zeros((len(windows), 2))
        for step in range(time_steps):
            state = np.tanh(windows[:, step] @ kernel + state @ loop + bias)
        return np.tanh(state @ out + shift)

    def loss(weights: list[np.ndarray]) -> Any:
        return ((output(weights) - targets) ** 2).mean()

    seen, losses = {"output": output(weights)}, []
    if not rate:
        return seen
    first, second = ([np.zeros(weight.shape) for weight in weights] for _ in range(2))
    for t in (1, 2):
        losses.append(loss(weights))
        gradients = in_keras.gradient(loss, weights)
        first = [0.9 * m + 0.1 * g for m, g in zip(first, gradients, strict=True)]
        second = [0.999 * v + 0.001 * g**2 for v, g in zip(second, gradients, strict=True)]
        scale = rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        weights = [
            w - scale * m / (np.sqrt(v) + 1e-7)
            for w, m, v in zip(weights, first, second, strict=True)
        ]
    trained = np.concatenate([weight.ravel() for weight in weights])
    seen |= {"losses": np.array(losses), "evaluated": loss(weights), "trained": trained}
    return seen | {"predicted": output(weights)}


def _explain_model(case: tuple, seen: dict, wrong: bool) -> tuple[dict, dict]:
    """What a model is made of where its numbers are wrong, and what keeps any from learning."""
    steps, layers = case[0], seen["layers"]
    loops = [layer for layer in layers if layer["recurrent"]]
    dense = [layer for layer in layers if layer["name"] == "Dense"]
    others = [layer for layer in layers if layer not in loops + dense]
    more = [layer["name"] for layer in others if layer["name"] != "Activation"]
    loop, last = loops[0] if loops else {}, dense[0]["activation"] if dense else ""
    unlike = {
        "not_compiled": not seen["compiled"],
        "no_loop": not loops,
        "other_loop": loop.get("name") != "SimpleRNN",
        "other_units": loop.get("units") != 2,
        "other_layers": more or len(loops) > 1 or len(dense) > 1,
        "sequences": loop.get("sequences"),
        "backwards": loop.get("backwards"),
        "loop_without_tanh": loop.get("activation") not in ("tanh", None),
        "dense_without_tanh": dense and not others and last != "tanh",
        "other_parameters": seen["parameters"] != 11,
        "other_input": seen["input"][1:] not in ([steps, 1], [None, 1]),
        "other_loss": seen["loss"] not in ("mean_squared_error", ""),
    }
    made = unlike if wrong else {}
    unlike = {
        "other_optimizer": seen["compiled"] and not seen["adam"],
        "dropout": seen["dropout"],
        "stateful": seen["stateful"],
        "regulariser": seen.get("added"),
        "constraint": seen["constraint"],
        "frozen": seen["frozen"],
        "shared": seen["shared"],
        "settings": seen["settings"],
        "equal_numbers": not all(np.ptp(one) > 0 for one in seen["fresh"] if one.ndim == 2),
        "far": not all(np.abs(one).max() <= MOST_AT_FIRST for one in seen["fresh"]),
    }
    names = ", ".join(layer["name"] for layer in layers)
    values = loop | {"names": names, "last": last, "steps": steps, "shape": tuple(seen["input"])}
    values |= {name: seen[name] for name in ("optimizer", "loss")} | {"count": seen["parameters"]}
    return made | unlike, values | {"settings": ", ".join(seen["settings"])}


# --- 06.layer: attention over time as a Keras layer -------------------------------------------

LAYER = '''\
import keras
from keras import ops


class AttentionLayer(keras.layers.Layer):
    """Attention over time: (batch, time, features) -> (batch, features)."""

    def build(self, input_shape):
        _, time, features = input_shape
        self.W = self.add_weight(shape=(features, 1), name="W")
        self.b = self.add_weight(shape=(time, 1), initializer="zeros", name="b")

    def call(self, x):
        scores = ops.tanh(ops.matmul(x, self.W) + self.b)
        weights = ops.softmax(scores, axis=1)
        return ops.sum(weights * x, axis=1)
'''


def probe_layer(make, x, W, b, target, rate):
    """In the answer's process: what two such layers compute, and what another learns."""
    import contextlib

    import keras
    import numpy as np

    x, target = x.astype("float32"), target.astype("float32")
    one, other, third = make(), make(), make()
    if not isinstance(one, keras.layers.Layer):
        return one
    if one.weights:
        return {"early": True}
    output, _ = one(x), other(x)
    if output is None:
        return None
    if isinstance(output, tuple | list):
        return {"returned": True}
    seen = {
        "shapes": [list(weight.shape) for weight in one.weights],
        "frozen": len(one.weights) - len(one.trainable_weights),
        "constraint": any(weight.constraint is not None for weight in one.weights),
        "added": len(one.losses),
        "shared": any(weight is w for weight in one.weights for w in other.weights),
        "fresh": one.get_weights(),
    }
    if sorted(seen["shapes"]) != sorted([[*W.shape], [*b.shape]]) or seen["frozen"]:
        return seen
    # Which weight is W is told by its shape where time and features have different lengths.
    third(np.zeros((1, len(W) + 1, len(W)), "float32"))
    bias_first = third.weights[0].shape != W.shape

    def give(layer, W, b):
        layer.set_weights([b, W] if bias_first else [W, b])

    give(one, W, b)
    give(other, -0.5 * W, -0.5 * b)
    seen |= {"output": one(x), "other": other(x), "again": one(x)}
    if not rate or tuple(seen["output"].shape) != target.shape:
        return seen
    learner, inputs = make(), keras.Input(x.shape[1:])
    before = keras.layers.Dense(x.shape[-1], use_bias=False, kernel_initializer="identity")
    context = learner(before(inputs))
    own = type(learner).compute_output_shape is not keras.layers.Layer.compute_output_shape
    if own and context.shape[1:] != target.shape[1:]:
        return seen | {"announced": True}
    model = keras.Model(inputs, keras.layers.Reshape(target.shape[1:])(context))
    give(learner, W, b)
    model.compile(keras.optimizers.SGD(rate), "mse")
    novice = make()
    alone = keras.Sequential([keras.Input(x.shape[1:]), novice])
    alone.compile("sgd", "mse", run_eagerly=True)
    fresh = novice.get_weights()
    with contextlib.suppress(ValueError):  # no gradient reaches any weight
        alone.train_on_batch(x, target)
    try:
        seen["loss"] = model.train_on_batch(x, target)
    except ValueError:
        seen["loss"] = model.test_on_batch(x, target)
    seen["still"] = len(b) > 1 and all(map(np.array_equal, fresh, novice.get_weights()))
    trained = learner.get_weights()[:: -1 if bias_first else 1]
    seen |= {"trained": np.concatenate(trained), "before": before.kernel}
    return seen | {"predicted": model.predict_on_batch(np.concatenate([x, x[:1]]))}


def _layer_case(draw: Draw) -> tuple:
    batch, steps, features = draw.size(1, 40), draw.length(), draw.size()
    x = draw.numbers(batch, steps, features, large=1e5)
    W, b = draw.numbers(features, 1, large=10), draw.numbers(steps, 1, large=10)
    W = W * min(1, 300 / max(np.abs(x).max(), 1))  # as much as single precision adds up rightly
    # Training takes time, and on large numbers 1 - tanh² is lost in single precision.
    rate = 0.5 if draw.kind in ("plain", "strided") else 0.0
    return x, W, b, draw.random.normal(size=(batch, features)), rate


def _layer(
    x: np.ndarray,
    W: np.ndarray,
    b: np.ndarray,
    target: np.ndarray,
    rate: float,
    **mistake: Callable,
) -> dict[str, np.ndarray]:
    """The same in NumPy: outputs, and a step of gradient descent on the squared error."""

    def context(W: np.ndarray, b: np.ndarray, before: np.ndarray, x: np.ndarray = x) -> np.ndarray:
        return _attend(x @ before, W, b, **mistake)[0]

    def loss(weights: list[np.ndarray]) -> Any:
        return ((context(*weights) - target) ** 2).mean()

    weights = [W, b, np.eye(len(W))]
    output, other = context(*weights), context(-0.5 * W, -0.5 * b, weights[2])
    seen = {"output": output, "other": other, "again": output}
    if not rate or output.shape != target.shape:
        return seen
    after = [w - rate * g for w, g in zip(weights, in_keras.gradient(loss, weights), strict=True)]
    seen |= {"loss": loss(weights), "trained": np.concatenate(after[:2]), "before": after[2]}
    return seen | {"predicted": context(*after, np.concatenate([x, x[:1]]))}


def _explain_layer(case: tuple, seen: dict, wrong: bool) -> tuple[dict, dict]:
    """What a layer is made of, and what keeps it from learning."""
    x, W, b, *_ = case
    shapes, steps = seen.get("shapes", []), x.shape[1]
    unlike = {
        "early": "early" in seen,
        "weights_returned": "returned" in seen,
        "no_weights": not shapes,
        # One step alone would make a b of one number look right.
        "other_weights": steps > 1 and sorted(shapes) != sorted([[*W.shape], [*b.shape]]),
        "frozen": seen.get("frozen"),
        "constraint": seen.get("constraint"),
        "added": seen.get("added"),
        "shared": seen.get("shared"),
        "announced": "announced" in seen,
        "far": not all(np.abs(one).max() <= MOST_AT_FIRST for one in seen.get("fresh", [])),
        "still": not wrong and seen.get("still"),
        "changing": wrong
        and seen.keys() >= {"output", "again"}
        and not np.array_equal(seen["output"], seen["again"], equal_nan=True),
    }
    values = {"first": W.shape, "second": b.shape, "input": x.shape, "count": len(shapes)}
    return unlike, values | {"shapes": ", ".join(str(tuple(shape)) for shape in shapes)}


# --- 06.marked: a model in which content decides ----------------------------------------------

EPOCHS = 12  # of training on MARKED windows of STEPS values
MARKED = 2_000
STEPS = 20
SOLVED = 0.03  # a tenth of the error of always answering 0 is 0.033


def build_marked(time_steps):
    """A model that predicts the marked value, and one that gives its weights."""
    import keras

    window = keras.Input((time_steps, 2))
    scores = keras.layers.Dense(1)(window)  # of what stands at a step, not of its place
    weights = keras.layers.Softmax(axis=1)(scores)
    context = keras.layers.Flatten()(keras.layers.Dot(axes=1)([weights, window]))
    model = keras.Model(window, keras.layers.Dense(1)(context))
    model.compile(keras.optimizers.Adam(0.02), loss="mse")
    return model, keras.Model(window, weights)


def probe_marked(build, steps, windows, order, x_train, y_train, x_test, epochs):
    """In the answer's process: the weights of a fresh model, and what training makes of it."""
    import keras
    import numpy as np

    keras.utils.set_random_seed(0)
    pair = build(steps)
    if not (isinstance(pair, tuple | list) and len(pair) == 2):
        return pair
    model, attention = pair
    if not all(isinstance(one, keras.Model) for one in pair):
        return {"kinds": [type(one).__name__ for one in pair]}

    def weights_of(x):
        found = np.asarray(attention(x.astype("float32")))
        return found.reshape(len(x), -1) if found.size == len(x) * x.shape[1] else found

    def used(x, weights):
        """Whether the model pools with these weights, as one of its steps or by its numbers."""
        x = x.astype("float32")
        if hasattr(model, "operations"):
            steps = keras.tree.flatten([operation.output for operation in model.operations])
            found = [np.asarray(one) for one in keras.Model(model.input, steps)(x)]
            fitting = [one.reshape(weights.shape) for one in found if one.size == weights.size]
            if any(np.allclose(one, weights, atol=1e-5) for one in fitting):
                return True
        # All weights give the same context where every step holds the context.
        filled = np.repeat((weights[..., None] * x).sum(axis=1, keepdims=True), x.shape[1], axis=1)
        return bool(np.abs(model(filled) - model(x)).max() < 0.02)

    optimizer = getattr(model, "optimizer", None)
    rate = float(optimizer.learning_rate) if optimizer is not None else 0.0
    seen = {
        "compiled": bool(getattr(model, "compiled", False)),
        "rate": f"{rate:.4g}",
        "weights": weights_of(windows),
        "prediction": list(np.shape(model(windows.astype("float32")))),
    }
    seen["shape"] = list(seen["weights"].shape)
    if seen["shape"] != list(windows.shape[:2]):
        return seen
    seen["moved"] = weights_of(windows[:, order]) - seen["weights"][:, order]
    if not epochs or not seen["compiled"] or seen["prediction"] != [len(windows), 1]:
        return seen
    before = weights_of(x_test)
    options = {"epochs": epochs, "batch_size": 32, "verbose": 0}
    model.fit(x_train.astype("float32"), y_train.astype("float32"), **options)
    after = weights_of(x_test)
    seen["learned"] = not np.array_equal(before, after)
    seen["used"] = used(x_test, after)
    seen["moved"] = weights_of(x_test[:, order]) - after[:, order]
    seen["known"] = model.predict(x_train, batch_size=500, verbose=0)
    return seen | {"new": model.predict(x_test, batch_size=500, verbose=0), "after": after}


def _marked_case(draw: Draw) -> tuple:
    """Windows for a fresh model; once in a check, training where early steps alone are marked."""
    random, train = draw.random, draw.kind == "plain"  # the first of a check
    steps = STEPS if train else draw.length(2, 9, wide=60)
    seeds = random.integers(2**31, size=3)
    windows, _ = marked_values(draw.size(1, 6, wide=60), steps, seed=seeds[0])
    parts = [np.zeros((0, steps, 2)), np.zeros((0, 1)), np.zeros((0, steps, 2))]
    if train:
        half = steps // 2
        parts = [*marked_values(MARKED, steps, seed=seeds[1], among=slice(None, half))]
        parts += [marked_values(500, steps, seed=seeds[2], among=slice(half, None))[0]]
    return steps, windows, random.permutation(steps), *parts, EPOCHS if train else 0


def _marked(
    time_steps: int,
    windows: np.ndarray,
    order: np.ndarray,
    x_train: np.ndarray,
    y_train: np.ndarray,
    x_test: np.ndarray,
    epochs: int,
) -> dict[str, np.ndarray]:
    """What holds for any right model: its weights sum to one over time."""
    return {"weights": np.ones(len(windows))}


def _sums(_: tuple, parts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    weights = parts["weights"]
    return {"weights": weights.sum(axis=1) if weights.ndim == 2 else weights}


def _explain_marked(case: tuple, seen: dict, wrong: bool) -> tuple[dict, dict]:
    """What the two models are, and what the first has learned."""
    steps, windows, *_, y_train, x_test, epochs = case
    wanted, weights = [*windows.shape[:2]], np.asarray(seen.get("weights", np.nan))
    values = {"steps": steps, "found": tuple(seen.get("shape", ())), "rate": seen.get("rate")}
    values |= {"kinds": ", ".join(seen.get("kinds", ())), "wanted": (len(windows), 1)}
    values |= {"output": tuple(seen.get("prediction", ()))}
    unlike = {
        "kinds": "kinds" in seen,
        "exchanged": values["found"] == values["wanted"] and values["output"][:2] == (*wanted,),
        "other_shape": seen.get("shape") != wanted,
        "no_time": not np.isclose(weights.sum(axis=-1), 1, atol=1e-3).all(),
        "negative": (weights < -1e-6).any(),
        "other_output": seen.get("prediction") != [len(windows), 1],
        "by_place": np.abs(seen.get("moved", 0.0)).max() > 1e-4,
        "not_compiled": not seen.get("compiled"),
    }
    made = unlike
    if epochs and "new" in seen:
        marked, mass = x_test[..., 1] > 0, np.asarray(seen["after"])
        targets = x_test[..., 0][marked][:, np.newaxis]
        known, new = (
            np.mean((guess - truth) ** 2)
            for guess, truth in ((seen["known"], y_train), (seen["new"], targets))
        )
        on_mark = np.mean(mass.argmax(axis=1) == marked.argmax(axis=1))
        values |= {"error": f"{known:.3f}", "new": f"{new:.3f}", "share": f"{on_mark:.0%}"}
        values |= {"zero": f"{np.mean(y_train**2):.3f}", "epochs": epochs}
        unlike = {
            "not_learned": not seen["learned"],
            "too_slow": not known < SOLVED,
            "late_marks": not new < SOLVED,
            "elsewhere": on_mark < 0.95,
            "other_weights": not seen["used"],
        }
    return made | unlike, values


IN_KERAS = in_keras.SETTINGS | {"takes": 1, "count": 100}
TEXTS = texts("fibonacci")
EXERCISES = {
    exercise.name: exercise
    for exercise in (
        Exercise(
            **TEXTS["06.why"],
            solve=look_back,
            case=_window,
            view=_continued,
            demands=_one_scale,
            mistakes=WHY_MISTAKES,
        ),
        Exercise(
            **TEXTS["06.rnn"],
            answer="build_rnn",
            text=source(build_rnn),
            solve=_rnn,
            case=_rnn_case,
            probe=probe_model,
            demands=in_keras.demands(_explain_model),
            **IN_KERAS,
        ),
        Exercise(
            **TEXTS["06.attention"],
            solve=time_attention,
            case=_attention_case,
            view=_flat_weights,
            mistakes={key: partial(_attend, **how) for key, how in MISTAKES.items()},
        ),
        Exercise(
            **TEXTS["06.layer"],
            answer="AttentionLayer",
            text=LAYER,
            wants="class",
            solve=_layer,
            case=_layer_case,
            probe=probe_layer,
            demands=in_keras.demands(_explain_layer),
            mistakes={key: partial(_layer, **how) for key, how in MISTAKES.items()},
            **IN_KERAS,
        ),
        Exercise(
            **TEXTS["06.baselines"],
            solve=baselines,
            case=_baselines_case,
            mistakes=BASELINE_MISTAKES,
        ),
        Exercise(
            **TEXTS["06.decisive"],
            solve=decisive,
            case=_decisive_case,
            mistakes=DECISIVE_MISTAKES,
        ),
        Exercise(
            **TEXTS["06.task"],
            solve=marked_task,
            case=_task_case,
            mistakes=TASK_MISTAKES,
        ),
        Exercise(
            **TEXTS["06.effects"],
            solve=input_effects,
            case=_effects_case,
            mistakes=EFFECTS_MISTAKES,
        ),
        Exercise(
            **TEXTS["06.marked"],
            answer="build_marked",
            text=source(build_marked),
            solve=_marked,
            case=_marked_case,
            probe=probe_marked,
            view=_sums,
            demands=in_keras.demands(_explain_marked),
            **IN_KERAS | {"count": 9},
        ),
        Exercise(
            **TEXTS["06.diagnose"],
            solve=find_bug,
            case=_diagnose_case,
            mistakes=DIAGNOSE_MISTAKES,
        ),
    )
}
