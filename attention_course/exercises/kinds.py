"""Exercises of chapter 7: the decisions behind an attention, computed, built, trained and judged.

``07.ceiling`` asks what a window can reach at most, before any training, ``07.sparsemax`` for the
weights between soft and hard, ``07.local_p`` for a layer that predicts where to look and
``07.hard`` for one that draws a key and learns by REINFORCE. ``07.decisions`` tells by its numbers
which decisions an unknown attention took, and ``07.measured`` sums up what was measured of one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from attention_course.exercises import in_keras
from attention_course.exercises.alignment import Table, each, variants
from attention_course.exercises.drawing import Draw
from attention_course.exercises.exercise import Exercise, Told, texts
from attention_course.functional import softmax
from attention_course.words import tr

# --- 07.ceiling: what a window can reach at most ----------------------------------------------


def ceiling(places, real, D, symbols):
    """The accuracy no window |s - t| <= D can pass: outside of it an answer is a guess."""
    distances = np.abs(places - np.arange(places.shape[1]))
    inside = np.mean(distances[real] <= D)
    return inside + (1 - inside) / symbols


def _ceiling_case(draw: Draw) -> tuple:
    random, count, steps = draw.random, draw.size(wide=200), draw.length(most=9, wide=300)
    far = random.integers(0, steps + 1)
    drift = random.integers(-far, far + 1, (count, steps))
    places = np.clip(np.arange(steps) + drift, 0, steps - 1).astype(random.choice(["i4", "i8"]))
    D = int(random.integers(0, max(2, far + 1)))
    real = draw.mask(count, steps, none=False)
    return draw.layout(places), real, D, int(random.integers(2, 10))


def _ceiling(
    places: np.ndarray,
    real: np.ndarray,
    D: int,
    symbols: int,
    near: Callable = lambda ahead, D: abs(ahead) <= D,
    share: Callable = lambda inside, real: inside[real].mean(),
    own: Callable = lambda places: np.arange(places.shape[1]),
    reach: Callable = lambda share, symbols: share + (1 - share) / symbols,
) -> Any:
    """The ceiling, or with the mistakes that the parameters make."""
    return reach(share(near(places - own(places), D), real), symbols)


CEILING_MISTAKES: Table = {
    "padding_counted": each("share", lambda inside, real: inside.mean()),
    "padding_divides": [
        {"share": lambda inside, real: (inside & real).mean()},
        {
            "share": lambda inside, real: (inside, real),
            "reach": lambda both, symbols: (np.where(both[0], 1, 1 / symbols) * both[1]).mean(),
        },
    ],
    "padding_alone": each("share", lambda inside, real: inside[~real].mean()),
    "mean_of_sequences": each(
        "share", lambda inside, real: ((inside & real).sum(1) / real.sum(1)).mean()
    ),
    "sequences_apart": each(
        "share", lambda inside, real: (inside & real).sum(axis=1) / real.sum(axis=1)
    ),
    "counted_only": each("share", lambda inside, real: inside[real].sum()),
    "guess_forgotten": each("reach", lambda share, symbols: share),
    "guess_everywhere": each(
        "reach",
        lambda share, symbols: share + 1 / symbols,
        lambda share, symbols: np.minimum(share + 1 / symbols, 1),
    ),
    "guess_alone": each("reach", lambda share, symbols: (1 - share) / symbols),
    "inside_guessed": each("reach", lambda share, symbols: share / symbols + (1 - share)),
    "one_symbol_too_few": each("reach", lambda share, symbols: share + (1 - share) / (symbols - 1)),
    "percent": each("reach", lambda share, symbols: 100 * (share + (1 - share) / symbols)),
    "width_for_half": each("near", lambda ahead, D: 2 * abs(ahead) <= D),
    "half_for_width": each("near", lambda ahead, D: abs(ahead) <= 2 * D),
    "edge_left_out": each("near", lambda ahead, D: abs(ahead) < D),
    "one_side": each(
        "near",
        lambda ahead, D: (ahead <= 0) & (ahead >= -D),
        lambda ahead, D: (ahead >= 0) & (ahead <= D),
    ),
    "no_bound": each("near", lambda ahead, D: ahead <= D, lambda ahead, D: -ahead <= D),
    "from_one": each("own", lambda places: 1 + np.arange(places.shape[1])),
    "window_in_front": each("own", lambda places: 0),
}


# --- 07.sparsemax -----------------------------------------------------------------------------


def sparsemax(scores):
    """The weights nearest to the scores: not negative, and summing to one over the last axis."""
    falling = -np.sort(-scores, axis=-1)
    sums = np.cumsum(falling, axis=-1)
    ranks = np.arange(1, scores.shape[-1] + 1)
    shares = 1 + ranks * falling > sums  # True for the highest keys, which share the weight
    total = np.sum(falling * shares, axis=-1, keepdims=True)
    threshold = (total - 1) / np.sum(shares, axis=-1, keepdims=True)
    return np.maximum(scores - threshold, 0)


def _sparsemax_case(draw: Draw) -> tuple:
    keys = draw.length(most=8)
    # Cases of one shape need the same number of axes, so it comes from a length and not by chance.
    others = [draw.size(most=4) for _ in range(keys % 3)]
    return (draw.numbers(*others, keys),)


def _sparse(
    scores: np.ndarray,
    order: Callable = lambda z: -np.sort(-z),
    sharing: Callable = lambda z, sums, rank: 1 + rank * z > sums,
    total: Callable = lambda z, sums, shares: (z * shares).sum(axis=-1, keepdims=True),
    one: float = 1,
    level: Callable = lambda total, one, count: (total - one) / count,
    finish: Callable = lambda scores, falling, threshold: np.maximum(scores - threshold, 0),
) -> np.ndarray:
    """Sparsemax, or with the mistakes that the parameters make."""
    falling = order(scores)
    sums, rank = np.cumsum(falling, axis=-1), np.arange(1, scores.shape[-1] + 1)
    shares = sharing(falling, sums, rank)
    count = shares.sum(axis=-1, keepdims=True)
    return finish(scores, falling, level(total(falling, sums, shares), one, count))


def _sum_of_first(z: np.ndarray, sums: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """The cumulative sum at place k - 1."""
    return np.take_along_axis(sums, shares.sum(axis=-1, keepdims=True) - 1, axis=-1)


def _divided(weights: np.ndarray) -> np.ndarray:
    return weights / weights.sum(axis=-1, keepdims=True)


def _cut_off(below: Callable, again: Callable) -> Callable:
    def mistake(scores: np.ndarray) -> np.ndarray:
        weights = softmax(scores)
        return again(np.where(weights < below(weights), 0, weights))

    return mistake


CUTS = (
    *(lambda weights, least=least: least for least in (1e-3, 0.01, 0.05, 0.1, 0.2)),
    lambda weights: 1 / weights.shape[-1],
    lambda weights: weights.mean(axis=-1, keepdims=True),
    lambda weights: weights.max(axis=-1, keepdims=True) / 2,
)
SPARSEMAX_MISTAKES = {
    "sum_of_sums": partial(
        _sparse, total=lambda z, sums, shares: (sums * shares).sum(axis=-1, keepdims=True)
    ),
    "not_sorted": (
        partial(_sparse, order=np.copy),
        partial(_sparse, order=np.copy, total=_sum_of_first),
    ),
    "not_divided": (
        partial(_sparse, level=lambda total, one, count: total - one),
        partial(_sparse, level=lambda total, one, count: total - one / count),
        partial(_sparse, level=lambda total, one, count: total / count - one),
    ),
    "rank_from_zero": partial(_sparse, sharing=lambda z, sums, rank: 1 + (rank - 1) * z > sums),
    "no_one_in_threshold": partial(_sparse, one=0),
    "one_too_many": partial(
        _sparse,
        total=lambda z, sums, shares: np.take_along_axis(
            sums, np.minimum(shares.sum(axis=-1, keepdims=True), z.shape[-1] - 1), axis=-1
        ),
    ),
    "all_summed": partial(_sparse, total=lambda z, sums, shares: sums[..., -1:]),
    "all_share": (
        partial(_sparse, sharing=lambda z, sums, rank: z == z),
        partial(_sparse, order=np.sort),  # for then the condition holds for every rank
        lambda scores: _divided(_sparse(scores, sharing=lambda z, sums, rank: z == z)),
    ),
    "not_cut": partial(_sparse, finish=lambda scores, falling, threshold: scores - threshold),
    "in_falling_order": partial(
        _sparse, finish=lambda scores, falling, threshold: np.maximum(falling - threshold, 0)
    ),
    "threshold_returned": partial(_sparse, finish=lambda scores, falling, threshold: threshold),
    "first_axis": lambda scores: np.swapaxes(_sparse(np.swapaxes(scores, 0, -1)), 0, -1),
    "over_all": lambda scores: _sparse(scores.ravel()).reshape(scores.shape),
    "softmax": softmax,
    "softmax_cut_off": tuple(
        _cut_off(below, again) for below in CUTS for again in (np.copy, _divided)
    ),
    "hard": lambda scores: np.eye(scores.shape[-1])[scores.argmax(axis=-1)],
    "clipped": (
        lambda scores: np.clip(scores, 0, 1),
        lambda scores: np.maximum(scores, 0),
        lambda scores: _divided(np.maximum(scores, 0)),
        lambda scores: np.maximum(1 + scores - scores.max(axis=-1, keepdims=True), 0),
        lambda scores: _divided(np.maximum(1 + scores - scores.max(axis=-1, keepdims=True), 0)),
    ),
}


# --- 07.local_p: a layer that predicts where to look ------------------------------------------

LOCAL = """\
import keras
from keras import ops


class LocalAttention(keras.layers.Layer):
    def __init__(self, units, D, **kwargs):
        super().__init__(**kwargs)
        self.units, self.D = units, D

    def build(self, query_shape, values_shape):
        self.W = self.add_weight(shape=(query_shape[-1], values_shape[-1]), name="W")
        self.W_p = self.add_weight(shape=(query_shape[-1], self.units), name="W_p")
        self.v_p = self.add_weight(shape=(self.units,), initializer="random_normal", name="v_p")

    def call(self, query, values, mask=None):
        if mask is None:
            mask = ops.ones_like(values[:, :, 0], dtype="bool")
        S = ops.sum(ops.cast(mask, query.dtype), axis=1)[:, None, None]
        logits = ops.matmul(ops.tanh(ops.matmul(query, self.W_p)), self.v_p[:, None])
        distances = ops.arange(values.shape[1], dtype=query.dtype) - S * ops.sigmoid(logits)

        scores = ops.matmul(ops.matmul(query, self.W), ops.transpose(values, (0, 2, 1)))
        allowed = ops.logical_and(ops.abs(distances) <= self.D, mask[:, None, :])
        weights = ops.softmax(ops.where(allowed, scores, -1e9), axis=-1)
        weights = weights * ops.exp(-0.5 * (distances / (self.D / 2)) ** 2)
        return ops.matmul(weights, values), weights

    def compute_mask(self, *inputs, **masks):
        return None  # what was masked has been mixed away, so no mask goes on
"""


def probe_local(make, units, D, query, values, mask, W, W_p, v_p, target, rate):
    """In the answer's process: what the layer computes, that it can be made again, and learns."""
    import contextlib

    import keras
    import numpy as np

    query, values, target = (one.astype("float32") for one in (query, values, target))
    one = make(units, D)
    if not isinstance(one, keras.layers.Layer):
        return one
    found = one(query, values)
    if found is None:
        return None
    if not isinstance(found, tuple | list) or len(found) != 2:
        return {"alone": True}
    names, given = ("W", "W_p", "v_p"), (W, W_p, v_p)

    def parts(layer):
        return [getattr(layer, name, None) for name in names]

    def give(layer):
        for part, value in zip(parts(layer), given, strict=True):
            part.assign(value)

    seen = {
        "shapes": [list(getattr(part, "shape", ())) for part in parts(one)],
        "count": len(one.weights),
        "frozen": len(one.weights) - len(one.trainable_weights),
        "stuck": any(np.ptp(one) == 0 < one.size - 1 for one in one.get_weights()),
    }
    if seen["shapes"] != [[*weight.shape] for weight in given] or seen["count"] != 3:
        return seen
    give(one)
    seen |= dict(zip(("context", "weights"), one(query, values), strict=True))
    masked = one(query, values, mask=mask)
    seen |= dict(zip(("masked context", "masked weights"), masked, strict=True))
    if not rate or tuple(seen["context"].shape) != target.shape:
        return seen
    other = make(units, D)
    other(query, values)
    seen["shared"] = any(weight is w for weight in one.weights for w in other.weights)
    try:
        again = type(one).from_config(one.get_config())
        again(query, values)
        give(again)
    except Exception:
        return seen | {"lost": True}
    seen["copied"] = again(query, values, mask=mask)[1]
    asked, kept = keras.Input(query.shape[1:]), keras.Input(values.shape[1:])
    allowed = keras.Input(mask.shape[1:], dtype="bool")
    model = keras.Model([asked, kept, allowed], one(asked, kept, mask=allowed)[0])
    model.compile(keras.optimizers.SGD(rate), "mse", run_eagerly=True)
    with contextlib.suppress(ValueError):  # no gradient reaches any weight
        model.train_on_batch([query, values, mask], target)
    return seen | {"trained": [np.array(part) for part in parts(one)]}


def _local_case(draw: Draw) -> tuple:
    random, train = draw.random, draw.kind == "plain"  # training takes long
    units, batch, t_q = draw.size(wide=40), draw.size(most=3, wide=20), draw.size(most=3, wide=30)
    t_k = draw.length(6 if train else 1, most=9, wide=60)  # so that the softmax has a choice
    d_q, d, D = draw.size(wide=40), draw.size(wide=40), int(random.integers(1, 4))
    D = 3 if train else D
    mask = draw.layout(np.arange(t_k) < random.integers(4 if train else 1, t_k + 1, (batch, 1)))
    while True:
        query = draw.numbers(batch, t_q, d_q, large=9, small=0.1)
        values = draw.numbers(batch, t_k, d, large=9)
        W, W_p = random.normal(size=(d_q, d)), random.normal(size=(d_q, units)) / d_q**0.5
        v_p = 3 * draw.numbers(units, large=2, small=0.3) / units**0.5
        W *= min(1, (3 if train else 20) / np.abs(query @ W @ values.swapaxes(1, 2)).max(initial=1))
        if _no_edge_is_near(query, W_p, v_p, np.array([[t_k], *mask.sum(axis=1, keepdims=True)])):
            break
    target = 3 * random.normal(size=(batch, t_q, d))
    return units, D, query, values, mask, W, W_p, v_p, target, 0.5 if train else 0.0


def _no_edge_is_near(
    query: np.ndarray, W_p: np.ndarray, v_p: np.ndarray, lengths: np.ndarray
) -> bool:
    """Whether single precision has the same keys in the window; the middle it has exactly."""
    logits = np.tanh(query @ W_p) @ v_p
    places = lengths[..., None] * _sigmoid(logits).ravel()
    return bool(((abs(places - places.round()) > 1e-3) | (logits.ravel() == 0)).all())


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _softened(scores: np.ndarray, allowed: Any, axis: int = -1, low: float = -1e9) -> np.ndarray:
    """The softmax over what is allowed, for complex numbers too."""
    scores = np.where(allowed, scores, low)
    powers = np.exp(scores - scores.real.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def _local(
    units: int,
    D: int,
    query: np.ndarray,
    values: np.ndarray,
    mask: np.ndarray,
    W: np.ndarray,
    W_p: np.ndarray,
    v_p: np.ndarray,
    target: np.ndarray,
    rate: float,
    *,
    only_masked: bool = False,
    **wrong: Callable,
) -> dict[str, np.ndarray]:
    """The same layer in NumPy, or with the mistakes that the parameters make.

    only_masked     nothing is wrong without a mask, as in a layer that asks whether there is one
    """
    case, everywhere = (D, query, values), np.ones_like(mask)
    plain = _looked(*case, everywhere, W, W_p, v_p, **({} if only_masked else wrong))
    seen = dict(zip(("context", "weights"), plain, strict=True))
    masked = _looked(*case, mask, W, W_p, v_p, **wrong)
    seen |= dict(zip(("masked context", "masked weights"), masked, strict=True))
    return seen | ({"copied": masked[1]} if rate and plain[0].shape == target.shape else {})


def _looked(
    D: int,
    query: np.ndarray,
    values: np.ndarray,
    mask: np.ndarray,
    W: np.ndarray,
    W_p: np.ndarray,
    v_p: np.ndarray,
    score: Callable = lambda asked, values: asked @ values.swapaxes(-1, -2),
    guess: Callable = lambda hidden, v_p: np.tanh(hidden) @ v_p,
    place: Callable = lambda logit, S, T: S * _sigmoid(logit),
    first: int = 0,
    near: Callable = lambda ahead, D: abs(ahead) <= D,
    bell: Callable = lambda ahead, D: np.exp(-0.5 * (ahead / (D / 2)) ** 2),
    weigh: Callable = lambda s, near, real, bell: _softened(s, near & real) * bell,
    mix: Callable = lambda weights, values, real: weights @ values,
) -> tuple[np.ndarray, np.ndarray]:
    """Context and weights; here s are the scores and ``ahead`` says how far behind p a key lies."""
    real, T = mask[:, None], mask.shape[1]
    logit = guess(query @ W_p, v_p)[..., None]
    ahead = np.arange(first, first + T) - place(logit, real.sum(axis=-1, keepdims=True), T)
    s = score(query @ W, values)
    weights = weigh(s, near(ahead.real, D), real, bell(ahead, D))
    return mix(weights, values, real), weights


def _steps(case: tuple) -> list[np.ndarray]:
    """How far a step of gradient descent moves W, W_p and v_p."""
    _, D, query, values, mask, *weights, target, rate = case
    query, values = query.astype(float), values.astype(float)

    def loss(weights: list[np.ndarray]) -> Any:
        return ((_looked(D, query, values, mask, *weights)[0] - target) ** 2).mean()

    return [-rate * slope for slope in in_keras.gradient(loss, [*map(np.asarray, weights)])]


def _unlike(found: np.ndarray, wanted: np.ndarray) -> bool:
    """Whether gradients differ by more than single precision would make of them."""
    far = 1e-3 * max(np.abs(wanted).max(), 1e-3)
    return found.shape != wanted.shape or not np.abs(found - wanted).max() <= far


def _explain_local(case: tuple, seen: dict, wrong: bool) -> tuple[dict, dict]:
    """What a layer is made of, and what keeps it from learning."""
    _, _, query, values, _, *given, _, _ = case
    shapes = [tuple(shape) for shape in seen.get("shapes", [(), (), ()])]
    context, weights = (np.shape(seen.get(name)) for name in ("context", "weights"))
    pairs = (*query.shape[:2], values.shape[1])
    missed, still = [False], False
    if "trained" in seen and not wrong:
        moved = [new - old for new, old in zip(seen["trained"], given, strict=True)]
        missed = [_unlike(*pair) for pair in zip(moved, _steps(case), strict=True)]
        still = not any(np.abs(one).max() > 1e-6 for one in moved[1:])
    unlike = {
        "alone": "alone" in seen,
        "no_weights": seen.get("count") == 0,
        "other_weights": shapes != [weight.shape for weight in given],
        "more_weights": seen.get("count") != 3,
        "frozen": seen.get("frozen"),
        "shared": seen.get("shared"),
        "stuck": seen.get("stuck"),
        "lost": "lost" in seen,
        "swapped": context == pairs != weights == query.shape[:2] + values.shape[2:],
        "place_still": still,
        "other_gradient": any(missed),
    }
    named = dict(zip(("W", "W_p", "v_p"), (weight.shape for weight in given), strict=True))
    told = {"count": seen.get("count"), "shapes": ", ".join(map(str, shapes))}
    return unlike, named | told


def _late(s: np.ndarray, near: np.ndarray, real: np.ndarray, bell: np.ndarray) -> np.ndarray:
    return _softened(s, real) * near * bell


LOCAL_MISTAKES: Table = {
    "sigma_is_D": each("bell", lambda ahead, D: np.exp(-0.5 * (ahead / D) ** 2)),
    "two_forgotten": each(
        "bell",
        lambda ahead, D: np.exp(-((ahead / (D / 2)) ** 2)),
        lambda ahead, D: np.exp(-0.5 * ahead**2 / (D / 2)),
    ),
    "density": each(
        "bell",
        lambda ahead, D: np.exp(-0.5 * (ahead / (D / 2)) ** 2) / ((2 * np.pi) ** 0.5 * D / 2),
    ),
    "no_bell": each("bell", lambda ahead, D: np.ones_like(ahead)),
    "bell_alone": each("weigh", lambda s, near, real, bell: near * real * bell),
    "renormalised": each(
        "weigh",
        lambda s, near, real, bell: _divided(_softened(s, near & real) * bell),
        lambda s, near, real, bell: _softened(s + np.log(bell), near & real),
    ),
    "bell_added": each("weigh", lambda s, near, real, bell: _softened(s + bell, near & real)),
    "bell_times_scores": each(
        "weigh",
        lambda s, near, real, bell: _softened(s * bell, near & real),
        lambda s, near, real, bell: _softened(s * bell, near & real) * bell,
        lambda s, near, real, bell: _softened(np.where(near & real, s, -1e9) * bell, True),
    ),
    "no_window": each("weigh", lambda s, near, real, bell: _softened(s, real) * bell),
    "window_late": each("weigh", _late),
    "window_as_zero": each(
        "weigh", lambda s, near, real, bell: _softened(np.where(near, s, 0), real) * bell
    ),
    "zero_for_excluded": each(
        "weigh", lambda s, near, real, bell: _softened(np.where(near & real, s, 0), True) * bell
    ),
    "over_queries": each(
        "weigh",
        *(
            lambda s, near, real, bell, low=low: _softened(s, near & real, -2, low) * bell
            for low in (-1e9, -np.inf)
        ),
        lambda s, near, real, bell: _softened(s, True, -2) * near * real * bell,
    ),
    "no_softmax": each(
        "weigh",
        lambda s, near, real, bell: s * near * real * bell,
        lambda s, near, real, bell: np.where(near & real, s, -1e9) * bell,
    ),
    "edge_left_out": each("near", lambda ahead, D: abs(ahead) < D),
    "half_for_width": each("near", lambda ahead, D: abs(ahead) <= 2 * D),
    "width_for_half": each("near", lambda ahead, D: 2 * abs(ahead) <= D),
    "own_place": [
        {"place": lambda logit, S, T: 0 * logit + np.arange(logit.shape[1])[:, None]},
        {
            "near": lambda ahead, D: (
                abs(np.arange(ahead.shape[2]) - np.arange(ahead.shape[1])[:, None]) <= D
            )
        },
    ],
    "length_of_queries": each("place", lambda logit, S, T: logit.shape[1] * _sigmoid(logit)),
    "length_of_batch": [
        {"place": lambda logit, S, T: (S + 0 * logit[:, :1]).real.sum() * _sigmoid(logit)},
        {"place": lambda logit, S, T: S.sum() * _sigmoid(logit), "only_masked": True},
    ],
    "place_rounded": [
        {"place": lambda logit, S, T, to=to: to((S * _sigmoid(logit)).real)}
        for to in (np.round, np.floor, np.ceil)
    ],
    "no_sigmoid": each("place", lambda logit, S, T: S * logit),
    "tanh_for_sigmoid": each("place", lambda logit, S, T: S * np.tanh(logit)),
    "length_forgotten": each("place", lambda logit, S, T: _sigmoid(logit)),
    "length_less_one": each("place", lambda logit, S, T: (S - 1) * _sigmoid(logit)),
    "length_counts_padding": each("place", lambda logit, S, T: T * _sigmoid(logit)),
    "counted_from_one": [{"first": 1}],
    "no_tanh": each("guess", lambda hidden, v_p: hidden @ v_p),
    "v_p_forgotten": each("guess", lambda hidden, v_p: np.tanh(hidden).sum(axis=-1)),
    "v_p_inside": each("guess", lambda hidden, v_p: np.tanh(hidden @ v_p)),
    "scaled": each(
        "score", lambda asked, values: asked @ values.swapaxes(-1, -2) / values.shape[-1] ** 0.5
    ),
    "score_in_tanh": each("score", lambda asked, values: np.tanh(asked @ values.swapaxes(-1, -2))),
    "plain_mean": each(
        "mix", lambda weights, values, real: 0 * weights @ values + values.mean(1, keepdims=True)
    ),
    "context_divided": each("mix", lambda weights, values, real: _divided(weights) @ values),
}
LOCAL_MASKING: Table = {
    "mask_ignored": [
        {
            "weigh": lambda s, near, real, bell: _softened(s, near) * bell,
            "place": lambda logit, S, T: T * _sigmoid(logit),
        }
    ],
    "mask_in_length_alone": each("weigh", lambda s, near, real, bell: _softened(s, near) * bell),
    "mask_late": each("weigh", lambda s, near, real, bell: _softened(s, near) * real * bell),
    "mask_as_zero": each(
        "weigh", lambda s, near, real, bell: _softened(np.where(real, s, 0), near) * bell
    ),
    "mask_turned": [
        {
            "weigh": lambda s, near, real, bell: _softened(s, near & ~real) * bell,
            "only_masked": True,
        }
    ],
}


# --- 07.hard: a hard attention that learns ----------------------------------------------------

HARD = """\
import keras
from keras import ops


class HardAttention(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed = keras.random.SeedGenerator()
        self.baseline = self.add_weight(
            shape=(), initializer="zeros", trainable=False, name="baseline"
        )

    def call(self, query, values, mask=None, training=False):
        scores = ops.matmul(query, ops.transpose(values, (0, 2, 1)))
        if mask is not None:
            scores = ops.where(mask[:, None, :], scores, -1e9)
        logs = ops.log_softmax(scores, axis=-1)
        if training:
            rows = ops.reshape(logs, (-1, logs.shape[-1]))
            drawn = keras.random.categorical(rows, 1, seed=self.seed)
            chosen = ops.reshape(drawn, ops.shape(logs)[:-1])
        else:
            chosen = ops.argmax(logs, axis=-1)
        weights = ops.one_hot(chosen, logs.shape[-1])
        return ops.matmul(weights, values), weights, ops.sum(weights * logs, axis=-1)

    def compute_mask(self, *inputs, **masks):
        return None  # no masked key was chosen, so no mask goes on

    def loss(self, errors, log_probability):
        mean = ops.mean(errors)
        surprise = ops.stop_gradient(errors - self.baseline)
        total = mean + ops.mean(surprise * log_probability)
        self.baseline.assign(0.9 * self.baseline + 0.1 * mean)
        return total
"""
STEPS = 200  # of the training in 07.hard
LEARNED = 0.9  # a quarter is right by chance, and a right answer has every one right
MANY = 200  # queries in each of as many sequences, to count what is drawn
# A right answer strays farther than this in one of a thousand million checks: Hoeffding's bound
# sqrt(log(2 / q) / (2 n)) with n = 20,000 independent draws and q = 1e-10 for each of ten counts.
STRAY = (np.log(2 / 1e-10) / MANY**2) ** 0.5


def probe_hard(make, query, values, mask, errors, baseline, direction, many, steps):
    """In the answer's process: what the layer chooses and draws, its loss, and that it learns."""
    import keras
    import numpy as np
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    query, values, errors, direction = (
        one.astype("float32") for one in (query, values, errors, direction)
    )
    one, other = make(), make()
    if not isinstance(one, keras.layers.Layer):
        return one
    found, _ = one(query, values), other(query, values)
    if found is None:
        return None
    if not isinstance(found, tuple | list) or len(found) != 3:
        return {"alone": True}
    kept = getattr(one, "baseline", None)
    seen = {
        "method": callable(getattr(one, "loss", None)),
        "baseline shape": list(getattr(kept, "shape", (0,))),
        "learned": len(one.trainable_weights),
        "count": len(one.weights),
    }
    if not seen["method"] or seen["baseline shape"] or seen["learned"] or seen["count"] != 1:
        return seen
    seen |= {"begins": float(kept), "shared": kept is other.baseline}
    names = ("context", "weights", "log-probability")
    seen |= dict(zip(names, found, strict=True)) | {"again": one(query, values)[1]}
    masked = one(query, values, mask=mask)
    seen |= {f"masked {name}": part for name, part in zip(names, masked, strict=True)}
    shapes = [direction.shape, (*errors.shape, mask.shape[1]), errors.shape]
    if [tuple(np.shape(part)) for part in masked] != shapes:
        return seen
    kept.assign(baseline)
    for number in ("loss", "second loss"):  # the second meets the baseline that the first left
        found = seen[number] = one.loss(tf.convert_to_tensor(errors), masked[2])
        seen["replaced"] = one.baseline is not kept
        if found is None or isinstance(found, tuple | list) or np.ndim(found) or seen["replaced"]:
            return seen
    seen["baseline"] = np.array(kept)

    def slopes(training):
        """Gradients of the loss and of something that depends on the context alone."""
        kept.assign(baseline)
        given = [tf.Variable(array) for array in (query, values, errors)]
        with tf.GradientTape(persistent=True) as tape:
            query_now, values_now, errors_now = map(tf.convert_to_tensor, given)
            context, weights, logs = one(query_now, values_now, mask=mask, training=training)
            total, through = one.loss(errors_now, logs), tf.reduce_sum(context * direction)
        found = [context, weights, logs]
        for part in (total, through):
            found += tape.gradient(part, given, unconnected_gradients="zero")
        return [np.array(tf.convert_to_tensor(one)) for one in found]

    names = ("queries", "values", "errors")
    settled = slopes(False)[3:]
    seen |= dict(zip([f"slopes of {name}" for name in names], settled[:3], strict=True))
    seen["slopes"], seen["drawn"] = settled[3:], slopes(True)
    if not steps:
        return seen

    asked = np.broadcast_to(query[:1, :1], (many, many, query.shape[-1]))
    kept_keys = np.broadcast_to(values[:1], (many, *values.shape[1:]))
    allowed = np.broadcast_to(mask[:1], (many, mask.shape[1]))
    in_turns = np.tile(query[:1, :2], (many, many // 2, 1))
    for number, given in (("draws", asked), ("next draws", asked), ("draws in turns", in_turns)):
        weights = one(given, kept_keys, mask=allowed, training=True)[1]
        seen[number] = np.argmax(weights, axis=-1).astype("int16")

    items = 6

    class Reader(keras.Model):
        def __init__(self):
            super().__init__()
            self.hint = keras.layers.Embedding(items, 16)
            self.label = keras.layers.Embedding(items, 16)
            self.symbol = keras.layers.Embedding(4, 16)
            self.answer = keras.layers.Dense(4)
            self.attention = make()

        def call(self, x, training=False):
            hints, labels, symbols, truth = (x[:, :, i] for i in range(4))
            keys = self.label(labels) + self.symbol(symbols)
            context, _, logs = self.attention(self.hint(hints), keys, training=training)
            answer = self.answer(context)
            if training:
                wrong = keras.losses.sparse_categorical_crossentropy(truth, answer, True)
                self.add_loss(self.attention.loss(wrong, logs))
            return answer

    def look_up(count):
        """Items with a label and a symbol each; a query hints at a label and asks the symbol."""
        random = np.random.default_rng(count)
        labels = random.permuted(np.tile(np.arange(items), (count, 1)), axis=1)
        symbols = random.integers(4, size=(count, items))
        places = random.integers(items, size=(count, items))
        hints, truth = (np.take_along_axis(x, places, axis=1) for x in (labels, symbols))
        return np.stack([hints, labels, symbols, truth], axis=-1)

    model, new = Reader(), look_up(500)
    model.compile(keras.optimizers.Adam(0.03))
    model.fit(look_up(32 * steps), batch_size=32, verbose=0)
    return seen | {"accuracy": np.mean(np.argmax(model(new), axis=-1) == new[:, :, 3])}


def _hard_case(draw: Draw) -> tuple:
    random, train = draw.random, draw.kind == "long"  # to train takes long
    batch, t_q = draw.size(most=3, wide=20), draw.size(most=3, wide=30)
    t_k, d = draw.size(2, most=6, wide=40), draw.size(wide=40)
    if train:
        batch, t_q, t_k, d = 1, 2, 5, 3
    mask = np.array(draw.mask(batch, t_k))
    np.put_along_axis(mask, random.random(mask.shape).argsort()[:, :2], True, axis=1)
    for number in itertools.count():
        # Some hazards leave no key the likeliest, such as zeros everywhere.
        drawn = draw.numbers if number < 300 else lambda *shape, **_: random.normal(size=shape)
        query, values = drawn(batch, t_q, d, large=3), drawn(batch, t_k, d, large=3)
        if draw.kind == "large" and t_q > 1:
            query = np.concatenate([40 * query[:, :1], query[:, 1:]], axis=1)
        if _clear(query, values, mask, train):
            break
    errors = random.exponential(size=(batch, t_q)) * draw.scale(30)
    direction = random.normal(size=(batch, t_q, d))
    baseline = float(random.normal())
    steps = STEPS if train else 0
    return query, values, mask, draw.layout(errors), baseline, direction, MANY, steps


def _clear(query: np.ndarray, values: np.ndarray, mask: np.ndarray, spread: bool) -> bool:
    """Whether one key is the likeliest for every query, and not surely chosen for all of them.

    spread      and whether counts would tell the first query's odds from equal ones, with no key
                rare, and from those of the second
    """
    for allowed in (np.ones_like(mask), mask):
        logs = _logs(query.astype(float), values.astype(float), allowed)
        falling = -np.sort(-logs, axis=-1)
        if (falling[..., 0] - falling[..., 1]).min() < 0.02 or falling[..., 0].min() > -0.01:
            return False
        if not spread:
            continue
        odds, others = np.exp(logs[0][:, allowed[0]])
        if not (odds.min() > 0.05 and 4 * STRAY < odds.max() - odds.mean() < 0.4):
            return False
        if np.abs(odds - others).max() < 4 * STRAY:
            return False
    return True


def _logs(query: np.ndarray, values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Logarithms of the softmax over the allowed keys, for complex numbers too."""
    scores = np.where(mask[:, None], query @ values.swapaxes(-1, -2), -1e9)
    scores = scores - scores.real.max(axis=-1, keepdims=True)
    return scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))


def _likeliest(logs: np.ndarray) -> np.ndarray:
    return np.eye(logs.shape[-1])[logs.real.argmax(axis=-1)]


def _reinforce(errors: Any, stopped: Any, logs: Any, baseline: float) -> Any:
    return errors.mean() + ((stopped - baseline) * logs).mean()


def _hard(
    query: np.ndarray,
    values: np.ndarray,
    mask: np.ndarray,
    errors: np.ndarray,
    baseline: float,
    direction: np.ndarray,
    many: int,
    steps: int,
    *,
    logs: Callable = _logs,
    pick: Callable = _likeliest,
    tell: Callable = lambda logs, weights: (weights * logs).sum(axis=-1),
    total: Callable = _reinforce,
    used: Callable = lambda baseline, mean: baseline,
    update: Callable = lambda baseline, mean: 0.9 * baseline + 0.1 * mean,
) -> dict[str, np.ndarray]:
    """The same layer in NumPy, or with the mistakes that the parameters make.

    pick    may give the weights that an answer has drawn
    total   gets the errors twice: the second ones stop a gradient
    """

    def look(query: np.ndarray, values: np.ndarray, mask: np.ndarray) -> tuple:
        found = logs(query, values, mask)
        weights = pick(found)
        return weights @ values, weights, tell(found, weights)

    def loss(given: list[np.ndarray], baseline: float = baseline) -> Any:
        query, values, errors = given
        of_choice = look(query, values, mask)[2]
        baseline = used(baseline, errors.real.mean())
        return total(errors, errors.real, of_choice, baseline)

    names, given = ("context", "weights", "log-probability"), [query, values, errors]
    seen = dict(zip(names, look(query, values, np.ones_like(mask)), strict=True))
    masked = look(query, values, mask)
    seen |= {f"masked {name}": part for name, part in zip(names, masked, strict=True)}
    after = update(baseline, errors.mean())
    seen |= {"loss": loss(given), "second loss": loss(given, after)}
    seen["baseline"] = update(after, errors.mean())
    slopes = zip(("queries", "values", "errors"), in_keras.gradient(loss, given), strict=True)
    return seen | {f"slopes of {name}": slope for name, slope in slopes}


def _explain_hard(case: tuple, seen: dict, wrong: bool) -> tuple[dict, dict]:
    """What a layer is made of, how it draws, and whether it learns."""
    mask, direction = case[2][:, None], case[5]
    names = ("context", "weights", "log-probability")
    wanted = [direction.shape, (*case[3].shape, mask.shape[-1]), case[3].shape]
    found = [np.shape(seen[name]) for name in names] if "weights" in seen else wanted
    loss = seen.get("loss")
    several = isinstance(loss, list)
    unlike = {
        "alone": "alone" in seen,
        "swapped": found != wanted and sorted(found) == sorted(wanted),
        "one_log_each": found[2] != wanted[2],
        "no_loss": not seen.get("method"),
        "no_baseline": seen.get("baseline shape") != [],
        "trainable": seen.get("learned"),
        "more_weights": seen.get("count") != 1,
        "not_zero": seen.get("begins") != 0,
        "shared": seen.get("shared"),
        "draws_always": "again" in seen and not np.array_equal(seen["weights"], seen["again"]),
        "not_one_number": several or np.shape(loss),
        "replaced": seen.get("replaced"),
        "through": "slopes" in seen
        and np.abs(seen["slopes"][0]).max() > 0
        and np.allclose(seen["weights"].max(axis=-1), 1),
    }
    made = unlike
    what = tr("a list") if several else tr("an array of shape {shape}", shape=np.shape(loss))
    told = {"count": seen.get("count"), "found": found[2], "wanted": wanted[2], "what": what}
    if wrong or any(made.values()):
        return made, told
    context, weights, logs, *slopes, through, into_values, _ = seen["drawn"]
    wanted = _hard(*case, pick=lambda logs: weights)
    names = ("queries", "values", "errors")
    pairs = zip(slopes, (wanted[f"slopes of {name}"] for name in names), strict=True)
    unlike = {
        "not_one_hot": not (np.isin(weights, (0, 1)).all() and (weights.sum(axis=-1) == 1).all()),
        "masked_drawn": (weights * ~mask).any(),
        "other_context": _unlike(context, wanted["masked context"]),
        "other_logs": _unlike(logs, wanted["masked log-probability"]),
        "values_still": _unlike(into_values, weights.swapaxes(1, 2) @ direction),
        "other_slopes": through.any() or any(_unlike(*pair) for pair in pairs),
    }
    drawn = made | unlike
    if "draws" not in seen:
        return drawn, told
    odds, others = np.exp(_logs(*(one.astype(float) for one in case[:2]), case[2]))[0]
    first, second, turns = (seen[name] for name in ("draws", "next draws", "draws in turns"))
    shares, *in_turns = (
        np.bincount(drawn.ravel(), minlength=len(odds)) / drawn.size
        for drawn in (first, turns[:, ::2], turns[:, 1::2])
    )
    # Two draws agree as often as the squared shares say, give or take the error of both.
    alike = ((first[::2], first[1::2]), (first[:, ::2], first[:, 1::2]), (first, second))
    unlike = {
        "never_draws": shares.max() == 1,
        "same_draws": np.array_equal(first, second),
        "together": any(abs((a == b).mean() - (shares**2).sum()) > 3 * STRAY for a, b in alike),
        "uniform_draws": np.abs(shares - case[2][0] / case[2][0].sum()).max() < STRAY,
        "other_draws": np.abs(shares - odds).max() > STRAY,
        "other_row": np.abs(np.subtract(in_turns, (odds, others))).max() > STRAY,
        "not_learned": seen["accuracy"] < LEARNED,
    }
    return drawn | unlike, {"steps": case[7], "accuracy": f"{seen['accuracy']:.0%}"}


HARD_MISTAKES: Table = {
    "scaled": each("logs", lambda q, v, m: _logs(q / q.shape[-1] ** 0.5, v, m)),
    "mask_ignored": each("logs", lambda q, v, m: _logs(q, v, np.ones_like(m))),
    "mask_as_zero": each(
        "logs", lambda q, v, m: np.log(_softened((q @ v.swapaxes(1, 2)) * m[:, None], True))
    ),
    "soft_weights": each("pick", np.exp),
    "least_likely": each("pick", lambda logs: _likeliest(-logs)),
    "probability": each("tell", lambda logs, weights: (weights * np.exp(logs)).sum(axis=-1)),
    "logs_negated": each("tell", lambda logs, weights: -(weights * logs).sum(axis=-1)),
    "entropy": each("tell", lambda logs, weights: (np.exp(logs) * logs).sum(axis=-1)),
    "no_baseline_used": each("used", lambda baseline, mean: 0),
    "new_baseline_used": each("used", lambda baseline, mean: 0.9 * baseline + 0.1 * mean),
    "mean_for_baseline": each("used", lambda baseline, mean: mean),
    "sign_turned": each(
        "total", lambda e, stopped, logs, b: e.mean() - ((stopped - b) * logs).mean()
    ),
    "reward": [
        {"total": total, "update": update}
        for total in (
            lambda e, stopped, logs, b: e.mean() + ((-stopped - b) * logs).mean(),
            lambda e, stopped, logs, b: e.mean() - ((-stopped - b) * logs).mean(),
        )
        for update in (
            lambda baseline, mean: 0.9 * baseline + 0.1 * mean,
            lambda baseline, mean: 0.9 * baseline - 0.1 * mean,
        )
    ],
    "errors_alone": each("total", lambda e, stopped, logs, b: e.mean()),
    "reward_alone": each("total", lambda e, stopped, logs, b: ((stopped - b) * logs).mean()),
    "summed": each(
        "total",
        lambda e, stopped, logs, b: e.sum() + ((stopped - b) * logs).sum(),
        lambda e, stopped, logs, b: e.mean() + ((stopped - b) * logs).sum(),
    ),
    "mean_times_logs": each(
        "total", lambda e, stopped, logs, b: e.mean() + (stopped.mean() - b) * logs.mean()
    ),
    "errors_not_stopped": each("total", lambda e, stopped, logs, b: _reinforce(e, e, logs, b)),
    "errors_stopped": each(
        "total", lambda e, stopped, logs, b: _reinforce(stopped, stopped, logs, b)
    ),
    "logs_stopped": each("total", lambda e, stopped, logs, b: _reinforce(e, stopped, logs.real, b)),
    "baseline_still": each("update", lambda baseline, mean: baseline),
    "baseline_too_fast": each("update", lambda baseline, mean: 0.1 * baseline + 0.9 * mean),
    "baseline_replaced": each("update", lambda baseline, mean: mean),
    "baseline_added": each("update", lambda baseline, mean: 0.9 * baseline + mean),
}


# --- 07.decisions: which decisions an attention took ------------------------------------------


def decisions(query, keys, values, D, weights, context):
    """Whether the keys are its own, whether it is local, how it chooses, whether values flow."""
    distances = np.abs(np.arange(len(query))[:, None] - np.arange(len(keys)))
    own = int(np.array_equal(query, keys))
    local = int(np.all(weights[distances > D] == 0))
    within_reach = weights[distances <= D] if local else weights
    if np.all(np.sum(weights > 0, axis=1) == 1):
        choice = 2
    else:
        choice = int(np.any(within_reach == 0))
    of_keys, of_values = (np.abs(weights @ x - context).max() for x in (keys, values))
    return own, local, choice, int(of_values < of_keys)


CHOICES = 3


def _decisions_case(draw: Draw) -> tuple:
    """Weights that show what they were made by; the question promises all of it."""
    draw.joined = True  # the weights belong to these inputs
    random = draw.random
    own, local, choice, flows = (int(random.integers(n)) for n in (2, 2, CHOICES, 2))
    t_q, t_k = draw.size(2, 6, wide=150), draw.length(4, 8, wide=150)
    d = draw.size(wide=150)
    t_q = t_k if own or random.random() < 0.5 else min(t_q, t_k)
    # A very long vector's score with itself would leave the other keys next to nothing.
    width = d ** (0.5 if own and d > 100 else 0.25)
    while True:
        D = int(random.integers(1, t_k - 2))
        query, keys, values = (
            random.normal(size=(n, d)) * random.uniform(0.7, 3) / width for n in (t_q, t_k, t_k)
        )
        alike = random.random(t_q) < random.choice([0, 0.5])  # two sequences may share vectors
        alike[random.integers(t_q)] = False
        keys[:t_q] = query if own else np.where(alike[:, None], query, keys[:t_q])
        reach = abs(np.arange(t_q)[:, None] - np.arange(t_k)) <= (D if local else t_k)
        scores = np.where(reach, query @ keys.T, -1e9)
        weights = (softmax, _sparse, partial(_drawn, random))[choice](scores)
        contexts = weights @ keys, weights @ values
        if _shows(weights, reach, choice, D) and abs(contexts[0] - contexts[1]).max() > 0.1:
            break
    # Rounded to single precision, the context would lie outside what np.allclose allows.
    hazards = draw.hazards() - {"whole", "float32"}
    arrays = [draw.layout(one, hazards) for one in (query, keys, values, weights, contexts[flows])]
    return *arrays[:3], D, *arrays[3:]


def _drawn(random: np.random.Generator, scores: np.ndarray) -> np.ndarray:
    keys = [random.choice(len(row), p=row) for row in softmax(scores)]
    return np.eye(scores.shape[1])[keys]


def _shows(weights: np.ndarray, reach: np.ndarray, choice: int, D: int) -> bool:
    """Whether nothing is so small, or so much by chance, that two decisions look alike."""
    distances = abs(np.arange(len(weights))[:, None] - np.arange(weights.shape[1]))
    beyond = (weights * (distances > D)).any() or not reach.all()
    seen = weights[weights > 0].min() > 1e-4 and beyond
    if choice == 0:
        return bool(seen and (weights[reach] > 0).all())
    if choice == 1:
        return bool(seen and (weights[reach] == 0).any() and ((weights > 0).sum(axis=1) > 1).any())
    return bool(seen)


def _to_the_last_digit(cases: list[tuple], results: list, wrong: bool) -> Told:
    """Whether what flows is told by exact equality, which rounding spoils in some cases."""
    found = [result if isinstance(result, list) else [] for result in results]
    right = [[*decisions(*case)[:3]] for case in cases]
    if not wrong or [one[:3] for one in found] != right:
        return None
    for of_keys in (False, True):
        flows = [
            [np.array_equal(case[4] @ case[1 if of_keys else 2], case[5]) != of_keys]
            for case in cases
        ]
        if [one[3:] for one in found] == flows:
            return "to_the_last_digit", {}
    return None


def _told(change: Callable) -> Callable:
    """The four numbers, changed as a student with some blind spot would."""

    def mistake(*case: Any) -> tuple:
        found = dict(zip(("own", "local", "choice", "flows"), decisions(*case), strict=True))
        return tuple((found | change(found, *case)).values())

    return mistake


def _exchanged(part: str) -> Callable:
    return _told(lambda found, *case: {part: 1 - found[part]})


def _far(query: np.ndarray, keys: np.ndarray) -> np.ndarray:
    return abs(np.arange(len(query))[:, None] - np.arange(len(keys)))


def _placed(local: Callable, looks: Callable = lambda far, D: far <= D) -> tuple[Callable, ...]:
    """Mistakes about the window: with the right choice, and with the one that follows from them."""

    def alone(found: dict, q: Any, k: Any, v: Any, D: int, w: Any, c: Any) -> dict:
        return {"local": int(local(w, _far(q, k), D))}

    def both(found: dict, q: Any, k: Any, v: Any, D: int, w: Any, c: Any) -> dict:
        changed, far = alone(found, q, k, v, D, w, c), _far(q, k)
        looked = w[looks(far, D)] if changed["local"] else w
        choice = 2 if found["choice"] == 2 else int((looked == 0).any())
        return changed | {"choice": choice}

    return _told(alone), _told(both)


DECISIONS_MISTAKES = {
    "counted_from_one": lambda *case: tuple(1 + one for one in decisions(*case)),
    "own_by_shape": _told(lambda found, q, k, *_: {"own": int(len(q) == len(k))}),
    "own_by_first": (
        _told(lambda found, q, k, *_: {"own": int(q[0, 0] == k[0, 0])}),
        _told(lambda found, q, k, *_: {"own": int((q[0] == k[0]).all())}),
    ),
    "own_by_some": (
        _told(lambda found, q, k, *_: {"own": int(len(q) == len(k) and (q == k).any())}),
        _told(lambda found, q, k, *_: {"own": int((q == k[: len(q)]).any())}),
    ),
    "whose_turned": _exchanged("own"),
    "place_turned": _placed(lambda w, far, D: (w[far > D] != 0).any()),
    "flow_turned": _exchanged("flows"),
    "window_is_sparse": _told(
        lambda found, q, k, v, D, w, c: {
            "choice": 2 if found["choice"] == 2 else int((w == 0).any())
        }
    ),
    "hard_is_sparse": (
        _told(lambda found, *case: {"choice": min(found["choice"], 1)}),
        _told(lambda found, q, k, v, D, w, c: {"choice": int((w == 0).any())}),
    ),
    "hard_by_one_query": (
        _told(
            lambda found, q, k, v, D, w, c: {
                "choice": 2 if ((w > 0).sum(axis=1) == 1).any() else found["choice"]
            }
        ),
        _told(
            lambda found, q, k, v, D, w, c: {
                "choice": 2 if (w[0] > 0).sum() == 1 else found["choice"]
            }
        ),
    ),
    "sparse_by_one_query": (
        _told(
            lambda found, q, k, v, D, w, c: {
                "choice": found["choice"]
                if found["choice"] == 2
                else int((w[0][_far(q, k)[0] <= D] if found["local"] else w[0]).min() == 0)
            }
        ),
    ),
    "soft_and_sparse_turned": _told(
        lambda found, *case: {"choice": {0: 1, 1: 0, 2: 2}[found["choice"]]}
    ),
    "hard_by_large_weight": tuple(
        _told(
            lambda found, q, k, v, D, w, c, least=least, enough=enough: {
                "choice": 2
                if enough(w.max(axis=1) > least)
                else int((w[_far(q, k) <= D] if found["local"] else w).min() == 0)
            }
        )
        for enough, bounds in ((np.all, (0.5, 0.9)), (np.any, (0.5, 0.9, 0.95, 0.99)))
        for least in bounds
    ),
    "zeros_are_local": _placed(lambda w, far, D: (w == 0).any()),
    "local_by_one_query": (
        *_placed(lambda w, far, D: (w[0][far[0] > D] == 0).all()),
        *_placed(lambda w, far, D: (w[-1][far[-1] > D] == 0).all()),
        *_placed(lambda w, far, D: (w * (far > D) == 0).all(axis=1).any()),
    ),
    "one_side": (
        *_placed(lambda w, far, D: (np.triu(w, D + 1) == 0).all()),
        *_placed(lambda w, far, D: (np.tril(w, -D - 1) == 0).all()),
    ),
    "edge_left_out": (
        *_placed(lambda w, far, D: (w[far >= D] == 0).all(), lambda far, D: far < D),
        _placed(lambda w, far, D: (w[far > D] == 0).all(), lambda far, D: far < D)[1],
    ),
}


# --- 07.measured: what was measured of one kind -----------------------------------------------


def measured(right, weights, places, real, t):
    """Mean accuracy over seeds, half its interval, and the weight on the true place."""
    accuracies = np.array([one[real].mean() for one in right])
    half = t * accuracies.std(ddof=1) / np.sqrt(len(accuracies))
    sequences, queries = np.nonzero(real)
    on_truth = weights[:, sequences, queries, places[real].astype(int)].mean()
    return accuracies.mean(), half, on_truth


def _measured_case(draw: Draw) -> tuple:
    random = draw.random
    seeds, count, steps = draw.size(2, 5, wide=150), draw.size(wide=150), draw.length(2, 6, wide=70)
    right = draw.layout(random.random((seeds, count, steps)) < random.uniform(0.2, 0.9))
    weights = draw.layout(softmax(2 * random.normal(size=(seeds, count, steps, steps))))
    places = random.integers(steps, size=(count, steps)).astype(random.choice(["i4", "i8"]))
    real = draw.mask(count, steps, none=False)
    return right, weights, draw.layout(places), real, float(random.uniform(1.5, 5))


def _measured(
    right: np.ndarray,
    weights: np.ndarray,
    places: np.ndarray,
    real: np.ndarray,
    t: float,
    count: Callable = lambda right, real: right[:, real].mean(axis=1),
    middle: Callable = lambda each, right, real: each.mean(),
    half: Callable = lambda each, t, real: t * each.std(ddof=1) / len(each) ** 0.5,
    held: Callable = lambda w, places: np.take_along_axis(w, places[None, ..., None], -1)[..., 0],
    share: Callable = lambda held, right, real: held[:, real].mean(),
) -> tuple:
    """The three numbers, or with the mistakes that the parameters make."""
    each_seed, places = count(right, real), places.astype(int)
    on_truth = share(held(weights, places), right, real)
    return middle(each_seed, right, real), half(each_seed, t, real), on_truth


def _of_largest(w: np.ndarray, places: np.ndarray) -> np.ndarray:
    return w.argmax(axis=-1) == places


def _pooled(each: np.ndarray, real: np.ndarray, ddof: int) -> float:
    """The standard deviation over the queries of all seeds."""
    count = len(each) * real.sum()
    return (each.mean() * (1 - each.mean()) * count / (count - ddof)) ** 0.5


_ALL_COUNTED = {
    "count": lambda right, real: right.mean(axis=(1, 2)),
    "share": lambda held, right, real: held.mean(),
}
MEASURED_MISTAKES: Table = {
    "padding_counted": [
        _ALL_COUNTED,
        *({part: way} for part, way in _ALL_COUNTED.items()),
    ],
    "padding_divides": [
        {
            "count": lambda right, real: (right & real).mean(axis=(1, 2)),
            "share": lambda held, right, real: (held * real).mean(),
        },
        *each("count", lambda right, real: (right & real).mean(axis=(1, 2))),
        *each("middle", lambda each, right, real: (right & real).mean()),
        *each("share", lambda held, right, real: (held * real).mean()),
    ],
    "percent": [
        {
            "middle": lambda each, right, real: 100 * each.mean(),
            "half": lambda each, t, real: 100 * t * each.std(ddof=1) / len(each) ** 0.5,
        },
        *each("middle", lambda each, right, real: 100 * each.mean()),
        *each("share", lambda held, right, real: 100 * held[:, real].mean()),
    ],
    "mean_of_sequences": each(
        "count", lambda right, real: ((right & real).sum(-1) / real.sum(-1)).mean(axis=-1)
    ),
    "best_seed": each("middle", lambda each, right, real: each.max()),
    "first_seed": each("middle", lambda each, right, real: each[0]),
    "each_seed": each("middle", lambda each, right, real: each),
    "spread_of_given_seeds": each("half", lambda each, t, real: t * each.std() / len(each) ** 0.5),
    "no_root": each(
        "half",
        lambda each, t, real: t * each.std(ddof=1),
        lambda each, t, real: t * each.std(ddof=1) / len(each),
    ),
    "variance": each("half", lambda each, t, real: t * each.var(ddof=1) / len(each) ** 0.5),
    "no_t": each("half", lambda each, t, real: each.std(ddof=1) / len(each) ** 0.5),
    "whole_interval": each(
        "half", lambda each, t, real: 2 * t * each.std(ddof=1) / len(each) ** 0.5
    ),
    "range_of_seeds": each(
        "half",
        lambda each, t, real: (each.max() - each.min()) / 2,
        lambda each, t, real: each.max() - each.min(),
    ),
    "queries_for_seeds": each(
        "half",
        *(
            lambda each, t, real, n=n, ddof=ddof: (
                t * _pooled(each, real, ddof) / n(each, real) ** 0.5
            )
            for ddof in (0, 1)
            for n in (
                lambda each, real: len(each) * real.sum(),
                lambda each, real: real.sum(),
                lambda each, real: len(each),
            )
        ),
        lambda each, t, real: t * each.std(ddof=1) / (len(each) * real.sum()) ** 0.5,
        lambda each, t, real: t * each.std(ddof=1) / real.sum() ** 0.5,
    ),
    "ends_for_half": each(
        "half", lambda each, t, real: each.mean() + t * each.std(ddof=1) / len(each) ** 0.5
    ),
    "largest_weight": each("held", lambda w, places: w.max(axis=-1)),
    "largest_counted": each("held", _of_largest),
    "weights_turned": each(
        "held",
        lambda w, places: np.take_along_axis(w.swapaxes(-1, -2), places[None, ..., None], -1)[
            ..., 0
        ],
    ),
    "diagonal": each("held", lambda w, places: np.diagonal(w, axis1=-2, axis2=-1)),
    "where_right": each("share", lambda held, right, real: held[right & real].mean()),
    "weight_summed": each("share", lambda held, right, real: held[:, real].sum()),
    "weight_of_seeds": each("share", lambda held, right, real: held[:, real].mean(axis=1)),
}


TEXTS = texts("kinds")
EXERCISES = {
    "07.ceiling": Exercise(
        **TEXTS["07.ceiling"],
        solve=ceiling,
        case=_ceiling_case,
        mistakes=variants(_ceiling, CEILING_MISTAKES),
    ),
    "07.sparsemax": Exercise(
        **TEXTS["07.sparsemax"],
        solve=sparsemax,
        case=_sparsemax_case,
        mistakes=SPARSEMAX_MISTAKES,
    ),
    "07.local_p": Exercise(
        **TEXTS["07.local_p"],
        answer="LocalAttention",
        text=LOCAL,
        wants="class",
        solve=_local,
        case=_local_case,
        probe=probe_local,
        takes=2,
        demands=in_keras.demands(_explain_local),
        mistakes=variants(_local, LOCAL_MISTAKES | LOCAL_MASKING),
        count=60,
        **in_keras.SETTINGS,
    ),
    "07.hard": Exercise(
        **TEXTS["07.hard"],
        answer="HardAttention",
        text=HARD,
        wants="class",
        solve=_hard,
        case=_hard_case,
        probe=probe_hard,
        takes=3,
        demands=in_keras.demands(_explain_hard),
        mistakes=variants(_hard, HARD_MISTAKES),
        count=30,
        **in_keras.SETTINGS,
    ),
    "07.decisions": Exercise(
        **TEXTS["07.decisions"],
        solve=decisions,
        case=_decisions_case,
        demands=_to_the_last_digit,
        mistakes=DECISIONS_MISTAKES,
    ),
    "07.measured": Exercise(
        **TEXTS["07.measured"],
        solve=measured,
        case=_measured_case,
        mistakes=variants(_measured, MEASURED_MISTAKES),
    ),
}
