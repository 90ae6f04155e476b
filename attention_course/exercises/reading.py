"""Exercises of chapter 5: what Keras' layers compute, a classifier of one's own, fair comparison.

``05.weights`` asks for the weights of three layers by their formulas, ``05.classifier`` for a model
in Keras that pools words by attention, ``05.fair`` for a comparison over seeds, and
``05.diagnosis`` which mistake of a notebook gave the "attention weights" it shows. ``05.received``
asks how much weight each word receives, ``05.mean`` for the masked average that follows the
attention layer in most models of the chapter.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from attention_course.exercises import in_keras
from attention_course.exercises.drawing import Draw
from attention_course.exercises.exercise import Exercise, texts

WIDTH = 32  # of the word vectors in 05.classifier, as in the models of the chapter
STEPS = 20  # of training in 05.classifier


def _softmax(scores: np.ndarray, axis: int | None = -1) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


# --- 05.weights: three layers, three formulas -------------------------------------------------


def layer_weights(layer, query, key, v, mask):
    """0 Attention, 1 AdditiveAttention, 2 a head of MultiHeadAttention: weights (T_q, T_k)."""
    if layer == 1:
        scores = np.tanh(query[:, None] + key[None]) @ v
    else:
        scores = query @ key.T
    if layer == 2:
        scores = scores / np.sqrt(query.shape[1])
    scores = np.where(mask, scores, -np.inf)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _weights_case(draw: Draw) -> tuple:
    queries, keys, width = draw.size(), draw.length(), draw.size(wide=300)
    inputs = [
        draw.numbers(*shape, large=4) for shape in ((queries, width), (keys, width), (width,))
    ]
    return int(draw.random.integers(3)), *inputs, draw.mask(keys, none=False)


def _scores(
    layer: int,
    query: np.ndarray,
    key: np.ndarray,
    v: np.ndarray,
    additive: Callable = lambda query, key, v: np.tanh(query + key) @ v,
    scale: Callable = lambda layer, query, key: query.shape[1] ** 0.5 if layer == 2 else 1,
) -> np.ndarray:
    if layer == 1 and additive is not None:
        scores = additive(query[:, None], key[None], v)
        return scores / (scale(layer, query, key) if layer != 2 else 1)
    return query @ key.T / scale(layer, query, key)


def _masked(scores: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return _softmax(np.where(mask, scores, -np.inf))


def _weights(
    layer: int,
    query: np.ndarray,
    key: np.ndarray,
    v: np.ndarray,
    mask: np.ndarray,
    soften: Callable = _masked,
    **how: Callable | None,
) -> np.ndarray:
    """The weights, or those that a mistake in the score or in the softmax makes of them."""
    return soften(_scores(layer, query, key, v, **how), mask)


WEIGHTS_MISTAKES = {
    "never_scaled": partial(_weights, scale=lambda *_: 1),
    "always_scaled": partial(
        _weights, scale=lambda layer, query, key: 1 if layer == 1 else query.shape[1] ** 0.5
    ),
    "all_three_scaled": partial(_weights, scale=lambda layer, query, key: query.shape[1] ** 0.5),
    "attention_scaled": partial(
        _weights, scale=lambda layer, query, key: 1 if layer else query.shape[1] ** 0.5
    ),
    "root_forgotten": partial(
        _weights, scale=lambda layer, query, key: query.shape[1] if layer == 2 else 1
    ),
    "root_of_keys": partial(
        _weights, scale=lambda layer, query, key: len(key) ** 0.5 if layer == 2 else 1
    ),
    "additive_is_product": partial(_weights, additive=None),
    "no_tanh": partial(_weights, additive=lambda query, key, v: (query + key) @ v),
    "v_inside": partial(_weights, additive=lambda query, key, v: np.tanh((query + key) @ v)),
    "v_forgotten": partial(_weights, additive=lambda query, key, v: np.tanh(query + key).sum(-1)),
    "multiplied": partial(_weights, additive=lambda query, key, v: np.tanh(query * key) @ v),
    "mask_ignored": partial(_weights, soften=lambda scores, mask: _softmax(scores)),
    "mask_late": partial(_weights, soften=lambda scores, mask: _softmax(scores) * mask),
    "mask_as_zero": partial(_weights, soften=lambda scores, mask: _softmax(scores * mask)),
    "mask_turned": (
        partial(_weights, soften=lambda scores, mask: _masked(scores, ~mask)),
        partial(_weights, soften=lambda scores, mask: _softmax(scores - 1e9 * mask)),
    ),
    "over_queries": (
        partial(_weights, soften=lambda scores, mask: _softmax(scores - 1e9 * ~mask, 0)),
        partial(_weights, soften=lambda scores, mask: _softmax(np.where(mask, scores, -np.inf), 0)),
        partial(_weights, soften=lambda scores, mask: _softmax(scores, 0) * mask),
        partial(_weights, soften=lambda scores, mask: _softmax(scores, 0)),
    ),
    "over_all": partial(
        _weights, soften=lambda scores, mask: _softmax(np.where(mask, scores, -np.inf), None)
    ),
    "no_softmax": (
        partial(_weights, soften=lambda scores, mask: scores),
        partial(_weights, soften=lambda scores, mask: scores * mask),
        partial(_weights, soften=lambda scores, mask: np.where(mask, scores, -np.inf)),
    ),
    "hard": partial(
        _weights, soften=lambda scores, mask: np.eye(len(mask))[_masked(scores, mask).argmax(1)]
    ),
}


# --- 05.classifier: attention pooling in Keras ------------------------------------------------

CLASSIFIER = """\
import keras
from keras import layers, ops


def build_classifier(num_words, length):
    tokens = keras.Input((length,), dtype="int32")
    words = layers.Embedding(num_words, 32)(tokens)

    scores = layers.Dense(1)(words)[:, :, 0]
    scores = ops.where(ops.equal(tokens, 0), -1e9, scores)
    weights = ops.softmax(scores, axis=1)

    pooled = ops.sum(ops.expand_dims(weights, -1) * words, axis=1)
    probability = layers.Dense(1, activation="sigmoid")(pooled)

    model = keras.Model(tokens, probability)
    model.compile("adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model, keras.Model(tokens, weights)
"""


def probe_classifier(
    build, num_words, length, vectors, score, verdict, bias, tokens, labels, steps
):
    """In the answer's process: what two models are made of, give and learn."""
    import contextlib

    import keras
    import numpy as np

    made = build(num_words, length)
    if not isinstance(made, tuple | list):
        return made
    if len(made) != 2 or not all(isinstance(one, keras.Model) for one in made):
        return {"parts": len(made), "models": sum(isinstance(one, keras.Model) for one in made)}
    model, reader = made
    own = [all(w is not v for v in model.weights) for w in reader.weights]
    seen = {
        "shapes": [list(weight.shape) for weight in model.trainable_weights],
        "compiled": bool(getattr(model, "compiled", False)),
        "swapped": bool(getattr(reader, "compiled", False)),
        "apart": any(own),
        "unused": any(own) and not all(own),
    }
    wanted = [[num_words, 32], [32, 1], [32, 1], [1]]
    if sorted(seen["shapes"]) not in (sorted(wanted), sorted([*wanted, [1]])):
        return seen
    if not seen["compiled"] or seen["apart"]:
        return seen
    asks = [w for w in reader.weights if tuple(w.shape) == (32, 1)]
    seen["asks"] = len(asks)
    if len(asks) != 1:  # nobody could tell which of two is the score's
        return seen
    for variable in model.trainable_weights:
        if tuple(variable.shape) == (32, 1):
            variable.assign(score if variable is asks[0] else verdict)
        else:
            variable.assign(vectors if variable.shape[0] == num_words > 1 else bias)
    tokens, labels = tokens.astype("int32"), labels.astype("float32")

    model.run_eagerly = True  # to trace a step takes longer than all else
    seen |= {
        "probability": model(tokens, training=False),
        "weights": reader(tokens, training=False),
    }
    seen["loss"] = np.ravel(model.test_on_batch(tokens, labels))[0]  # metrics may follow
    if not steps:
        return seen
    other = [w for w in model.trainable_weights if tuple(w.shape) == (32, 1) and w is not asks[0]]
    learned = [*(w for w in model.trainable_weights if w.shape[-1] == 32), *asks, *other]
    begun = [np.array(weight) for weight in learned]

    def moved():
        return [then - np.array(weight) for then, weight in zip(begun, learned, strict=True)]

    model.train_on_batch(tokens, labels)
    seen["stepped"] = any(change.any() for change in moved())
    with contextlib.suppress(TypeError):  # a schedule stays as it is
        model.optimizer.learning_rate = 0.02
    for _ in range(steps):
        model.train_on_batch(tokens, labels)
    model.reset_metrics()  # else the mean of all steps comes back
    seen["after"] = np.ravel(model.test_on_batch(tokens, labels))[0]
    # The weights move with the words alone; that the score learns is seen by its own numbers.
    seen["moved"] = bool(moved()[1].any())

    # One plain step of rate 1 from where it began is the gradient that training follows.
    for then, weight in zip(begun, learned, strict=True):
        weight.assign(then)
    for weight in model.trainable_weights:
        if tuple(weight.shape) == (1,):
            weight.assign(bias)
    model.compile(keras.optimizers.SGD(1.0), loss=model.loss, run_eagerly=True)
    model.train_on_batch(tokens, labels)
    return seen | {"slopes": moved()}


def _classifier_case(draw: Draw) -> tuple:
    random, train = draw.random, draw.kind == "plain"  # to train takes long
    num_words, length = draw.size(3, 9, wide=400), draw.length(2, 8, wide=200)
    reviews = draw.size(2, 6, wide=40)
    draw.joined = True  # a word that is exchanged may be the only one of its review
    vectors = draw.numbers(num_words, WIDTH, large=4)
    score, verdict = random.normal(size=(2, WIDTH, 1)) / max(4, np.abs(vectors).max())
    words = random.integers(1, num_words, (reviews, length))
    tokens = draw.layout(np.where(draw.mask(reviews, length, none=False), words, 0))
    labels = random.integers(0, 2, (reviews, 1)).astype(float)
    if train:  # a task that can be learned: the last word tells the class
        labels = np.arange(reviews)[:, None] % 2.0
        tokens = np.where(np.arange(length) < length - 1, words, 1 + labels.astype(int))
    bias = random.normal(size=1)
    return num_words, length, vectors, score, verdict, bias, tokens, labels, STEPS * train


def _sum(weights: np.ndarray, words: np.ndarray) -> np.ndarray:
    return (weights[..., None] * words).sum(axis=1)


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def _classifier(
    num_words: int,
    length: int,
    vectors: np.ndarray,
    score: np.ndarray,
    verdict: np.ndarray,
    bias: np.ndarray,
    tokens: np.ndarray,
    labels: np.ndarray,
    steps: int,
    *,
    soften: Callable = lambda scores, real: _softmax(np.where(real, scores, -1e9)),
    pool: Callable = lambda weights, words, real: _sum(weights, words),
    squash: Callable = _sigmoid,
) -> dict[str, np.ndarray]:
    """The same in NumPy, or with a mistake."""
    tokens = tokens.astype(int)
    words, real = vectors[tokens], tokens != 0
    weights = soften((words @ score)[..., 0] + bias, real)
    logits = pool(weights, words, real) @ verdict + bias
    probability = squash(logits)
    seen = {"probability": probability, "weights": weights}
    if probability.shape == labels.shape:
        if squash is _sigmoid:  # Keras knows its own sigmoid, and takes the loss of what went in
            costs = np.logaddexp(0, np.where(labels == 1, -logits, logits))
        else:
            surely = np.clip(probability, 1e-7, 1 - 1e-7)
            costs = -np.log(np.where(labels == 1, surely, 1 - surely))
        seen["loss"] = costs.mean()
    return seen


def _uniform(scores: np.ndarray, real: np.ndarray) -> np.ndarray:
    return real / real.sum(axis=1, keepdims=True)


def _squashed(activation: Callable) -> Callable:
    def soften(scores: np.ndarray, real: np.ndarray) -> np.ndarray:
        return _softmax(np.where(real, activation(scores), -1e9))

    return partial(_classifier, soften=soften)


CLASSIFIER_MISTAKES = {
    "padding_attended": partial(_classifier, soften=lambda scores, real: _softmax(scores)),
    "mask_late": partial(_classifier, soften=lambda scores, real: _softmax(scores) * real),
    "mask_as_zero": partial(_classifier, soften=lambda scores, real: _softmax(scores * real)),
    "mask_turned": partial(
        _classifier, soften=lambda scores, real: _softmax(np.where(real, -1e9, scores))
    ),
    "over_reviews": (
        partial(_classifier, soften=lambda s, real: _softmax(np.where(real, s, -1e9), 0)),
        partial(_classifier, soften=lambda scores, real: _softmax(scores, 0) * real),
        partial(_classifier, soften=lambda scores, real: _softmax(scores, 0)),
    ),
    "axis_of_one": (
        partial(_classifier, soften=lambda scores, real: np.ones_like(scores)),
        partial(_classifier, soften=lambda scores, real: np.ones_like(scores) * real),
    ),
    "no_softmax": (
        partial(_classifier, soften=lambda scores, real: scores),
        partial(_classifier, soften=lambda scores, real: scores * real),
        partial(_classifier, soften=lambda scores, real: np.where(real, scores, -1e9)),
    ),
    "sigmoid_for_softmax": (
        partial(_classifier, soften=lambda scores, real: _sigmoid(scores)),
        partial(_classifier, soften=lambda scores, real: _sigmoid(scores) * real),
    ),
    "scores_squashed": tuple(map(_squashed, (np.tanh, _sigmoid, lambda s: np.maximum(s, 0)))),
    "uniform": partial(_classifier, soften=_uniform),
    "not_weighed": (
        partial(_classifier, pool=lambda w, words, real: _sum(_uniform(w, real), words)),
        partial(_classifier, pool=lambda w, words, real: words.mean(axis=1)),
        partial(_classifier, pool=lambda w, words, real: _sum(real, words)),
    ),
    "mean_of_weighed": (
        partial(_classifier, pool=lambda w, words, real: _sum(w, words) / real.shape[1]),
        partial(
            _classifier,
            pool=lambda w, words, real: _sum(w, words) / real.sum(axis=1, keepdims=True),
        ),
    ),
    "hard": partial(
        _classifier, pool=lambda w, words, real: _sum(np.eye(w.shape[1])[w.argmax(1)], words)
    ),
    "no_sigmoid": partial(_classifier, squash=lambda z: z),
    "tanh_verdict": partial(_classifier, squash=np.tanh),
}


def _slopes(
    num_words: int,
    length: int,
    vectors: np.ndarray,
    score: np.ndarray,
    verdict: np.ndarray,
    bias: np.ndarray,
    tokens: np.ndarray,
    labels: np.ndarray,
    steps: int,
) -> list[np.ndarray]:
    """The gradient of the loss by the word vectors, the score's weights and the verdict's."""

    def loss(weights: list[np.ndarray]) -> complex:
        vectors, score, verdict = weights
        words = vectors[tokens.astype(int)]
        powers = np.exp((words @ score)[..., 0]) * (tokens != 0)
        logits = _sum(powers / powers.sum(axis=1, keepdims=True), words) @ verdict + bias
        return np.log(1 + np.exp(np.where(labels == 1, -logits, logits))).mean()

    return in_keras.gradient(loss, [vectors, score, verdict])


def _far(found: list[np.ndarray], wanted: list[np.ndarray]) -> bool:
    """Whether gradients differ by more than single precision would make of them."""
    return any(
        np.abs(one - other).max() > 1e-3 * max(np.abs(other).max(), 1e-3)
        for one, other in zip(found, wanted, strict=True)
    )


def _explain_classifier(case: tuple, seen: dict, wrong: bool) -> tuple[dict, dict]:
    """What the two models are made of, and whether they learn."""
    if "parts" in seen:
        unlike = {"other_parts": True}
        return unlike, {"count": seen["parts"], "models": seen["models"]}
    shapes = ", ".join(str(tuple(shape)) for shape in sorted(seen["shapes"], reverse=True))
    scored = seen.keys() >= {"probability", "weights"}
    trained = "slopes" in seen and not wrong
    unlike = {
        "swapped": seen["swapped"] and not seen["compiled"],
        "not_compiled": not seen["compiled"],
        "unused": seen["unused"],  # the words are the same, but the score's weights are not
        "apart": seen["apart"],
        "other_weights": not scored and "asks" not in seen,
        "which": seen.get("asks") not in (None, 1),
        "one_axis": scored and np.shape(seen["weights"]) != case[6].shape,
        "no_learning": not wrong and case[8] and not seen.get("after", 0) < seen["loss"],
        "still": not wrong and case[8] and not seen.get("moved"),
        "rate": trained and not seen["stepped"],
        "other_slopes": trained and _far(seen["slopes"], _slopes(*case)),
    }
    values = {"words": case[0], "shapes": shapes, "wanted": case[6].shape}
    return unlike, values | {"found": np.shape(seen["weights"]) if scored else ()}


# --- 05.fair: a comparison over seeds ---------------------------------------------------------


def fair(validation_a, right_a, validation_b, right_b):
    """The difference of two models for each seed, and the shares only one of them got right."""
    seeds = np.arange(len(validation_a))
    a = right_a[seeds, validation_a.argmax(axis=1)].astype(bool)
    b = right_b[seeds, validation_b.argmax(axis=1)].astype(bool)
    difference = b.mean(axis=1) - a.mean(axis=1)
    return difference, (a & ~b).mean(axis=1), (b & ~a).mean(axis=1)


def _fair_case(draw: Draw) -> tuple:
    random = draw.random
    seeds, reviews = draw.size(), draw.length(2, 9, wide=300)
    models = []
    for _ in range(2):
        epochs = draw.size(wide=150)
        validation = draw.layout(np.round(random.uniform(0.5, 0.9, (seeds, epochs)), 1))
        models += [validation, draw.layout(random.random((seeds, epochs, reviews)) < 0.7)]
    return tuple(models)


def _after(right: np.ndarray, epochs: Any) -> np.ndarray:
    return right.astype(bool)[np.arange(len(right)), epochs]


def _compared(a: np.ndarray, b: np.ndarray) -> tuple:
    return b.mean(axis=1) - a.mean(axis=1), (a & ~b).mean(axis=1), (b & ~a).mean(axis=1)


def _chosen(choose: Callable) -> Callable:
    """The comparison with another way to choose the epochs of each seed."""

    def mistake(va: np.ndarray, ra: np.ndarray, vb: np.ndarray, rb: np.ndarray) -> tuple:
        return _compared(_after(ra, choose(va, ra)), _after(rb, choose(vb, rb)))

    return mistake


def _changed(change: Callable) -> Callable:
    """The comparison with other numbers made of the right answers."""

    def mistake(va: np.ndarray, ra: np.ndarray, vb: np.ndarray, rb: np.ndarray) -> tuple:
        return change(_after(ra, va.argmax(axis=1)), _after(rb, vb.argmax(axis=1)))

    return mistake


def _latest(validation: np.ndarray, _: np.ndarray) -> np.ndarray:
    return validation.shape[1] - 1 - validation[:, ::-1].argmax(axis=1)


def _other_way(a: np.ndarray, b: np.ndarray) -> tuple:
    difference, only_a, only_b = _compared(a, b)
    return -difference, only_a, only_b


FAIR_MISTAKES = {
    "test_chooses": _chosen(lambda validation, right: right.mean(axis=2).argmax(axis=1)),
    "last_epoch": _chosen(lambda validation, right: -1),
    "first_epoch": _chosen(lambda validation, right: 0),
    "worst_epoch": _chosen(lambda validation, right: validation.argmin(axis=1)),
    "latest_of_equals": _chosen(_latest),
    "one_epoch_for_all": _chosen(lambda validation, right: validation.mean(axis=0).argmax()),
    "a_minus_b": _changed(_other_way),
    "mean_of_seeds": (
        _changed(lambda a, b: tuple(np.mean(one) for one in _compared(a, b))),
        _changed(lambda a, b: (_compared(a, b)[0].mean(), *_compared(a, b)[1:])),
        _changed(lambda a, b: (b.mean() - a.mean(), (a & ~b).mean(), (b & ~a).mean())),
    ),
    "best_seed": _changed(
        lambda a, b: _compared(a[[a.mean(axis=1).argmax()]], b[[b.mean(axis=1).argmax()]])
    ),
    "all_right": _changed(lambda a, b: (_compared(a, b)[0], a.mean(axis=1), b.mean(axis=1))),
    "shares_swapped": _changed(lambda a, b: tuple(_compared(a, b)[i] for i in (0, 2, 1))),
    "both_wrong_counted": _changed(
        lambda a, b: (_compared(a, b)[0], (~b).mean(axis=1), (~a).mean(axis=1))
    ),
    "counts": _changed(
        lambda a, b: (_compared(a, b)[0], (a & ~b).sum(axis=1), (b & ~a).sum(axis=1))
    ),
}


# --- 05.diagnosis: what a notebook calls attention weights ------------------------------------


def name_the_mistake(weights, mask):
    """Which of six notebooks gave these "attention weights" of a batch of reviews."""
    rows, columns = weights.sum(axis=1), weights.sum(axis=0)
    if (weights < 0).any():
        return 1  # no softmax gives a negative number: these are parameters
    if (weights[~mask] > 0).any():
        return 3  # padding has a share
    if np.allclose(rows, 1, atol=1e-3):
        return 0
    if np.allclose(rows, weights.shape[1], rtol=1e-3):
        return 4  # one for every query, padded ones included
    if np.allclose(columns, 1, atol=1e-3):
        return 2  # the softmax ran over the reviews
    return 5  # masked after the softmax: the rest sums to less than one


KINDS = 6
MISTAKEN = {
    "missed_parameters": (1, 0),
    "missed_reviews": (2, 0),
    "missed_padding": (3, 0),
    "missed_sum": (4, 0),
    "missed_late": (5, 0),
    "reviews_for_late": (5, 2),
    "late_for_reviews": (2, 5),
    "reviews_for_sum": (4, 2),
    "sum_for_reviews": (2, 4),
    "late_for_sum": (4, 5),
    "padding_for_parameters": (1, 3),
    "late_for_padding": (3, 5),
    "padding_for_late": (5, 3),
}
"""Key of a sentence -> what the weights are, and what they are taken for."""


def _notebook(kind: int, scores: np.ndarray, mask: np.ndarray, parameters: np.ndarray) -> Any:
    """What notebook number ``kind`` calls the attention weights of these reviews."""
    masked = np.where(mask, scores, -np.inf)
    if kind == 1:
        return np.broadcast_to(parameters, scores.shape)
    if kind == 2:
        return _softmax(masked, 0)
    if kind == 3:
        return _softmax(scores)
    if kind == 4:  # every query asks in its own way, so the rows differ
        steps = scores.shape[1]
        asked = masked[:, None] * np.linspace(0.5, 1.5, steps)[:, None]
        return np.where(mask, _softmax(np.where(mask[:, None], asked, -np.inf)).sum(axis=1), 0)
    return _softmax(scores) * mask if kind == 5 else _softmax(masked)


def specimens(seed: int = 5) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """What the six notebooks show of two reviews, in an order drawn by lot, and the mask."""
    random = np.random.default_rng(seed)
    mask = np.array([[True] * 5, [False, False, True, True, True]])
    scores, parameters = random.normal(size=mask.shape), random.normal(size=5)
    parameters[2] = -1.5
    order = random.permutation(KINDS)
    shown = [np.array(_notebook(kind, scores, mask, parameters)) for kind in order]
    return dict(zip("ABCDEF", shown, strict=True)), mask


def _diagnosis_case(draw: Draw) -> tuple:
    random = draw.random
    reviews, steps = draw.size(2, 5, wide=200), draw.length(3, 7, wide=300)
    draw.joined = True  # weights and mask belong together
    mask = np.array(draw.mask(reviews, steps, none=False))
    mask[0], mask[-1, : max(1, steps // 2)] = True, False  # one review is full, one is padded
    mask[-1, -1] = True
    scores = random.normal(size=(reviews, steps))
    parameters = random.normal(size=steps)
    parameters[random.integers(steps)] -= np.abs(parameters).max() + 0.5
    kind = int(random.integers(KINDS))
    weights = np.array(_notebook(kind, scores, mask, parameters))
    if name_the_mistake(weights, mask) != kind:  # by chance it looks like another
        weights = _notebook(0, scores, mask, parameters)
    return draw.layout(weights), draw.layout(mask)


def _taken_for(truth: int, answer: int) -> Callable:
    def mistake(weights: np.ndarray, mask: np.ndarray) -> int:
        kind = name_the_mistake(weights, mask)
        return answer if kind == truth else kind

    return mistake


def _rows_alone(weights: np.ndarray, mask: np.ndarray) -> int:
    """Whoever expects the rows of notebook 2 to sum to more than 1, which many reviews prevent."""
    found = name_the_mistake(weights, mask)
    return 5 if found == 2 and (weights.sum(axis=1) <= 1).all() else found


DIAGNOSIS_MISTAKES = {
    **{key: _taken_for(*pair) for key, pair in MISTAKEN.items()},
    "rows_alone": _rows_alone,
}


# --- 05.received ------------------------------------------------------------------------------


def received(weights, mask):
    """Average the rows of the real queries: one number per word."""
    return weights[mask].mean(axis=0)


def _received_case(draw: Draw) -> tuple:
    """Weights as Keras returns them: padded keys get 0, padded queries still have a full row."""
    steps, draw.joined = draw.length(wide=330), True  # what is masked has the weight 0
    mask = draw.mask(steps, none=False)
    scores = 3 * draw.numbers(steps, steps)
    weights = _softmax(np.where(mask, scores, -np.inf))
    if scores.dtype.kind == "i":  # hard attention: whole numbers that are weights
        weights = np.eye(steps, dtype=int)[weights.argmax(axis=1)]
    return draw.layout(weights), mask


RECEIVED_MISTAKES = {
    "over_keys": (lambda w, mask: w.mean(axis=1), lambda w, mask: w[mask].mean(axis=1)),
    "sum_over_keys": lambda w, mask: w.sum(axis=1),
    "sum_of_rows": lambda w, mask: w[mask].sum(axis=0),
    "padded_rows": lambda w, mask: w.mean(axis=0),
    "sum_of_all_rows": lambda w, mask: w.sum(axis=0),
    "full_length": lambda w, mask: w[mask].sum(axis=0) / len(mask),
    "mask_turned": lambda w, mask: w[~mask].mean(axis=0),
    "padding_left_out": lambda w, mask: w[mask].mean(axis=0)[mask],
    "last_row": (lambda w, mask: w[-1], lambda w, mask: w[mask][-1]),
    "first_row": (lambda w, mask: w[0], lambda w, mask: w[mask][0]),
    "diagonal": lambda w, mask: np.diag(w),
    "largest_weight": lambda w, mask: w[mask].max(axis=0),
    "argmax": lambda w, mask: np.eye(len(mask))[w[mask].mean(axis=0).argmax()],
    "all_equal": lambda w, mask: mask / mask.sum(),
    "softmax_again": (
        lambda w, mask: _softmax(w[mask].mean(axis=0)),
        lambda w, mask: _softmax(w[mask]).mean(axis=0),
    ),
    "matrix": (lambda w, mask: w, lambda w, mask: w[mask]),
}


# --- 05.mean ----------------------------------------------------------------------------------


def masked_mean(states, mask):
    """Sum the states of real words and divide by their number; 0 for an empty review."""
    count = mask.sum(axis=1, keepdims=True)
    total = (states * mask[:, :, None]).sum(axis=1)
    return total / np.maximum(count, 1)


def _mean_case(draw: Draw) -> tuple:
    batch, steps = draw.size(), draw.length(wide=1100)
    return draw.numbers(batch, steps, draw.size()), draw.mask(batch, steps)


def _kept(states: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return states * mask[:, :, None]


MEAN_MISTAKES = {
    "mask_ignored": lambda states, mask: states.mean(axis=1),
    "full_length": lambda states, mask: _kept(states, mask).mean(axis=1),
    "padding_in_sum": lambda states, mask: (
        states.sum(axis=1) / np.maximum(mask.sum(axis=1), 1)[:, None]
    ),
    "sum_alone": lambda states, mask: _kept(states, mask).sum(axis=1),
    "mask_turned": lambda states, mask: masked_mean(states, ~mask),
    "last_word": lambda states, mask: states[:, -1],
    "max_pooling": (
        lambda states, mask: np.where(mask[:, :, None], states, -np.inf).max(axis=1),
        lambda states, mask: _kept(states, mask).max(axis=1),
    ),
    "count_of_batch": lambda states, mask: _kept(states, mask).sum(axis=1) / mask.sum(),
    "over_features": (
        lambda states, mask: _kept(states, mask).mean(axis=2),
        lambda states, mask: states.mean(axis=2),
    ),
    "over_batch": (
        lambda states, mask: states.mean(axis=0),
        lambda states, mask: _kept(states, mask).mean(axis=0),
    ),
    "time_kept": _kept,
    "nan_if_empty": lambda states, mask: (
        _kept(states, mask).sum(axis=1) / mask.sum(axis=1)[:, None]
    ),
    "padding_if_empty": lambda states, mask: masked_mean(
        states, mask | ~mask.any(axis=1, keepdims=True)
    ),
    "one_added": lambda states, mask: (
        _kept(states, mask).sum(axis=1) / (mask.sum(axis=1)[:, None] + 1)
    ),
}


TEXTS = texts("reading")
EXERCISES = {
    exercise.name: exercise
    for exercise in (
        Exercise(
            **TEXTS["05.weights"],
            solve=layer_weights,
            case=_weights_case,
            mistakes=WEIGHTS_MISTAKES,
        ),
        Exercise(
            **TEXTS["05.classifier"],
            answer="build_classifier",
            text=CLASSIFIER,
            solve=_classifier,
            case=_classifier_case,
            probe=probe_classifier,
            demands=in_keras.demands(_explain_classifier),
            mistakes=CLASSIFIER_MISTAKES,
            takes=2,
            count=14,
            **in_keras.SETTINGS,
        ),
        Exercise(**TEXTS["05.fair"], solve=fair, case=_fair_case, mistakes=FAIR_MISTAKES),
        Exercise(
            **TEXTS["05.diagnosis"],
            solve=name_the_mistake,
            case=_diagnosis_case,
            mistakes=DIAGNOSIS_MISTAKES,
        ),
        Exercise(
            **TEXTS["05.received"], solve=received, case=_received_case, mistakes=RECEIVED_MISTAKES
        ),
        Exercise(**TEXTS["05.mean"], solve=masked_mean, case=_mean_case, mistakes=MEAN_MISTAKES),
    )
}
