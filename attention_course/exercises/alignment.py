"""Exercises of chapter 3: Bahdanau's attention as a layer and in a decoder, and what goes wrong.

``03.layer`` asks for the layer in Keras, ``03.decoder`` for one step of a decoder in NumPy,
``03.gradient`` for the gradient of the scores, and ``03.diagnosis`` for the number of a bug;
``03.additive`` and ``03.luong`` are more practice.

Between the scores and the weighted sum the same goes wrong in chapter 4, which takes `attend` and
`WEIGHING` from here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from attention_course.exercises import in_keras
from attention_course.exercises.drawing import Draw
from attention_course.exercises.exercise import Exercise, source, texts
from attention_course.functional import softmax
from attention_course.functional.gradients import softmax_jacobian

# --- from scores to the weighted sum ----------------------------------------------------------
# In all of this s are the scores, m the mask, w the weights and x what they mix.

Table = Mapping[str, Sequence[Mapping[str, Callable]]]


def soften(s: np.ndarray, m: np.ndarray, axis: int | tuple[int, int] = -1) -> np.ndarray:
    """The softmax over what is allowed; zeros where nothing is."""
    return np.nan_to_num(softmax(_allowed(s, m), axis))


def attend(
    s: np.ndarray,
    m: np.ndarray,
    x: np.ndarray,
    weigh: Callable = soften,
    mix: Callable = lambda w, x, m: w @ x,
    tell: Callable | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted sum and weights; ``tell`` makes the weights that are returned, if others are."""
    w = weigh(s, m)
    return mix(w, x, m), tell(s, m) if tell else w


def each(part: str, *functions: Callable) -> list[dict[str, Callable]]:
    """Several ways to get one part wrong."""
    return [{part: function} for function in functions]


def variants(right: Callable, table: Table) -> dict[str, tuple[Callable, ...]]:
    """The mistakes of a table as functions: the right one with some of its parts exchanged."""
    return {key: tuple(partial(right, **wrong) for wrong in ways) for key, ways in table.items()}


def steepness(draw: Draw) -> str:
    """How far apart the scores of a case lie: as drawn, within what exp still tells, or beyond."""
    if draw.kind not in ("plain", "large", "long", "fortran", "strided"):
        return "drawn"
    return str(draw.random.choice(["drawn", "steep", "extreme", "extreme"]))


def extreme(draw: Draw, *shape: int) -> np.ndarray:
    """Numbers beyond all that are used for minus infinity; exact in single precision."""
    scale = 2.0 ** draw.random.choice([10, 20, 35, 60])
    return np.round(3 * draw.random.normal(size=shape)) * scale


def low_masks(*lows: float) -> list[Callable]:
    """Masks with a number for minus infinity, put in the place of scores or added to them."""
    return [
        partial(mask, low)
        for low in lows
        for mask in (
            lambda low, s, m: softmax(np.where(m, s, low)),
            lambda low, s, m: softmax(s + np.where(m, 0, low)),
        )
    ]


def late(weigh: Callable) -> Callable:
    """The same with a mask after it."""
    return lambda s, m: weigh(s, m) * m


LOW = low_masks(-1e3, -1e4, -1e5, -1e9)


def _allowed(s: np.ndarray, m: np.ndarray) -> np.ndarray:
    return np.where(m, s, -np.inf)


def _top(s: np.ndarray, m: np.ndarray) -> np.ndarray:
    largest = _allowed(s, m).max(axis=-1, keepdims=True)
    return np.where(np.isfinite(largest), largest, 0)


def _hard(s: np.ndarray, m: np.ndarray) -> np.ndarray:
    return np.eye(s.shape[-1])[_allowed(s, m).argmax(axis=-1)]


def _shares(powers: Callable, eps: float = 0, guard: bool = True) -> Callable:
    """Powers divided by their sum, with or without a guard against 0/0."""

    def weigh(s: np.ndarray, m: np.ndarray) -> np.ndarray:
        total = (some := powers(s, m)).sum(axis=-1, keepdims=True) + eps
        return some / (np.where(total == 0, 1, total) if guard else total)

    return weigh


def _both(*powers: Callable) -> list[Callable]:
    return [_shares(one, guard=guard) for one in powers for guard in (True, False)]


def _less(*largest: Callable) -> list[Callable]:
    """Something else than a row's largest score taken off it."""
    return _both(
        *(partial(lambda off, s, m: np.exp(_allowed(s, m) - off(s, m)), f) for f in largest)
    )


def _clipped(most: float) -> list[Callable]:
    return _both(
        lambda s, m: np.exp(np.clip(s, -most, most)) * m,
        lambda s, m: np.exp(np.clip(s - _top(s, m), -most, most)) * m,
    )


def _over(axis: int | tuple[int, int]) -> list[dict[str, Callable]]:
    return each(
        "weigh",
        lambda s, m: soften(s, m, axis),
        lambda s, m: softmax(_allowed(s, m), axis),
        lambda s, m: softmax(np.where(m, s, -1e9), axis),
        lambda s, m: softmax(s, axis) * m,
    )


def _logarithm(low: float, s: np.ndarray, m: np.ndarray) -> np.ndarray:
    s = np.where(m, s, low)
    s = s - s.max(axis=-1, keepdims=True)
    return s - np.log(np.exp(s).sum(axis=-1, keepdims=True))


UNSHIFTED = _both(lambda s, m: np.exp(s) * m, lambda s, m: np.exp(_allowed(s, m)))
SCORES = (lambda s, m: s, _allowed, lambda s, m: np.where(m, s, 0), lambda s, m: s - 1e9 * ~m)
MASKING: Table = {
    "mask_turned": each(
        "weigh",
        lambda s, m: softmax(np.where(m, -1e9, s)),
        lambda s, m: softmax(np.where(m, -np.inf, s)),
        lambda s, m: soften(s, ~m),
        lambda s, m: softmax(s) * ~m,
    ),
    "mask_ignored": each("weigh", lambda s, m: softmax(s)),
    "masked_late": each("weigh", lambda s, m: softmax(s) * m),
    "masked_late_then_divided": each("weigh", *_both(lambda s, m: softmax(s) * m)),
    "zero_for_masked": each("weigh", lambda s, m: softmax(np.where(m, s, 0))),
    "not_low": each("weigh", *map(late, LOW)),
}
WEIGHING: Table = {
    "over_queries": _over(-2),
    "over_batch": _over(0),
    "over_all_pairs": _over((-2, -1)),
    "not_divided": each(
        "weigh",
        lambda s, m: np.exp(_allowed(s, m)),
        lambda s, m: np.exp(_allowed(s, m) - _top(s, m)),
    ),
    "sum_enlarged": each(
        "weigh",
        *(
            _shares(lambda s, m: np.exp(_allowed(s, m) - _top(s, m)), eps)
            for eps in (1, 0.1, 0.01, 1e-3, 1e-4, 1e-5)
        ),
    ),
    "overflow": each("weigh", *UNSHIFTED),
    "sum_overflows": [{"weigh": unshifted, "tell": soften} for unshifted in UNSHIFTED],
    "one_largest_for_all": each(
        "weigh",
        *_less(
            lambda s, m: s.max(),
            lambda s, m: _allowed(s, m).max(),
            lambda s, m: s.max(axis=(-2, -1), keepdims=True),
            lambda s, m: _allowed(s, m).max(axis=(-2, -1), keepdims=True),
        ),
    ),
    "largest_size_off": each(
        "weigh",
        *_less(
            lambda s, m: abs(s).max(axis=-1, keepdims=True),
            lambda s, m: abs(s * m).max(axis=-1, keepdims=True),
            lambda s, m: np.maximum(_top(s, m), 0),
            lambda s, m: np.maximum(s.max(axis=-1, keepdims=True), 0),
        ),
    ),
    "clipped": each("weigh", *(wrong for most in (20, 30, 50) for wrong in _clipped(most))),
    "hard": each("weigh", _hard, late(_hard), lambda s, m: (_allowed(s, m) == _top(s, m)) * 1.0),
    "uniform": each("weigh", lambda s, m: soften(0 * s, m)),
    "scores_returned": [*each("weigh", *SCORES), *each("tell", *SCORES)],
    "logarithm": [
        {"weigh": partial(_logarithm, low), "mix": mix}
        for low in (-1e3, -1e9, -np.inf)
        for mix in (lambda w, x, m: np.exp(w) @ x, lambda w, x, m: np.maximum(w, -1e9) @ x)
    ],
    "plain_mean": each(
        "mix", lambda w, x, m: soften(0 * w, m) @ x, lambda w, x, m: softmax(0 * w) @ x
    ),
    "plain_sum": each("mix", lambda w, x, m: (0 * w + 1) @ x, lambda w, x, m: (0 * w + m) @ x),
    "divided_by_keys": each("mix", lambda w, x, m: w @ x / x.shape[-2]),
    "largest_only": each(
        "mix", lambda w, x, m: _hard(w, True) @ x, lambda w, x, m: _hard(w, True) * m @ x
    ),
    "first_query_for_all": each(
        "mix", lambda w, x, m: np.repeat(w[..., :1, :] @ x, w.shape[-2], axis=-2)
    ),
    "one_query_only": each(
        "mix", lambda w, x, m: (w @ x)[..., 0, :], lambda w, x, m: (w @ x)[..., -1, :]
    ),
    "weights_turned": each("tell", lambda s, m: np.swapaxes(soften(s, m), -1, -2)),
}


# --- 03.additive ------------------------------------------------------------------------------


def additive_attention(query, keys, W, U, v, mask):
    """Bahdanau's score, softmax over the allowed keys, weighted sum of the keys."""
    hidden = np.tanh((query @ W)[:, :, None, :] + (keys @ U)[:, None, :, :])
    scores = np.where(mask[:, None, :], hidden @ v, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = weights / weights.sum(axis=-1, keepdims=True)
    return weights @ keys, weights


def _additive_case(draw: Draw) -> tuple:
    batch, t_q, t_k = draw.size(most=3), draw.size(most=4), draw.length()
    d_s, d_h, d_a = draw.size(), draw.size(), draw.size()
    mask, v, how, layout = (
        draw.mask(batch, t_k, none=False),
        draw.numbers(d_a),
        # Whatever befalls the arrays of a mixed case: with a saturated tanh all sums are exact.
        "extreme" if draw.kind == "mixed" and draw.random.random() < 0.3 else steepness(draw),
        draw.layout,
    )
    if how == "steep":
        draw, v = Draw(draw.random, "plain"), 4 * draw.random.normal(size=d_a)
    if how == "extreme":  # with a tanh that is saturated for sure: a score is a sum of +v and -v
        draw, v = Draw(draw.random, "large"), extreme(draw, d_a)
    query, keys = layout(draw.numbers(batch, t_q, d_s)), layout(draw.numbers(batch, t_k, d_h))
    if (own := draw.own(batch, t_k, d_h)) is not None:
        query, keys, d_s = own, own, d_h
    large = 300 if draw.kind == "mixed" else 3000
    W, U = draw.numbers(d_s, d_a, large=large), draw.numbers(d_h, d_a, large=large)
    return query, keys, *map(layout, (W, U, v)), mask


def _additive(
    query: np.ndarray,
    keys: np.ndarray,
    W: np.ndarray,
    U: np.ndarray,
    v: np.ndarray,
    mask: np.ndarray,
    score: Callable = lambda s, h, v: np.tanh(s + h) @ v,
    **wrong: Callable,
) -> tuple[np.ndarray, np.ndarray]:
    scores = score((query @ W)[:, :, None], (keys @ U)[:, None], v)
    return attend(scores, mask[:, None], keys, **wrong)


ADDITIVE_SCORES: Table = {
    "no_tanh": each("score", lambda s, h, v: (s + h) @ v),
    "multiplied": each("score", lambda s, h, v: np.tanh(s * h) @ v),
    "no_v": each(
        "score",
        lambda s, h, v: np.tanh(s + h).sum(axis=-1),
        lambda s, h, v: np.tanh(s + h).mean(axis=-1),
    ),
    "v_inside": each("score", lambda s, h, v: np.tanh((s + h) @ v)),
    # tanh(s) + tanh(h) ends here too: its first term is the same for all keys.
    "query_lost": each("score", lambda s, h, v: np.tanh(0 * s + h) @ v),
    "dot_products": each("score", lambda s, h, v: (s * h).sum(axis=-1)),
    "scaled": each("score", lambda s, h, v: np.tanh(s + h) @ v / np.sqrt(len(v))),
    "negated": each(
        "score", lambda s, h, v: -np.tanh(s + h) @ v, lambda s, h, v: np.tanh(s - h) @ v
    ),
    "other_function": each(
        "score",
        lambda s, h, v: 1 / (1 + np.exp(-s - h)) @ v,
        lambda s, h, v: np.maximum(s + h, 0) @ v,
    ),
}


# --- 03.luong ---------------------------------------------------------------------------------


def luong_scores(query, keys, W_general, W_concat, v):
    """Scores dot, general and concat of every query with every key."""
    d = query.shape[-1]
    dot = query @ keys.T
    general = query @ W_general @ keys.T
    hidden = np.tanh((query @ W_concat[:d])[:, None, :] + (keys @ W_concat[d:])[None, :, :])
    return dot, general, hidden @ v


def _luong_case(draw: Draw) -> tuple:
    t_q, t_k, d, d_a = draw.length(), draw.length(), draw.size(wide=600), draw.size()
    query, keys, W_general = (
        draw.numbers(*shape, large=30, small=1e-9) for shape in ((t_q, d), (t_k, d), (d, d))
    )
    if draw.kind == "whole" and draw.random.random() < 0.7:  # vectors, but not the matrix
        W_general = draw.random.normal(size=(d, d))
    if (own := draw.own(t_k, d)) is not None:
        query = keys = own
    if draw.kind == "large":
        query = query * 2.0 ** draw.random.choice([0, 20])  # beyond any bound on a score
    return query, keys, W_general, draw.numbers(2 * d, d_a, large=30), draw.numbers(d_a, large=30)


def _one(place: int, score: Callable) -> Callable:
    """The right scores with one of them replaced."""

    def wrong(*case: np.ndarray) -> tuple:
        scores = list(luong_scores(*case))
        scores[place] = score(*case)
        return tuple(scores)

    return wrong


def _concat(combine: Callable) -> Callable:
    def score(query: np.ndarray, keys: np.ndarray, _, W: np.ndarray, v: np.ndarray) -> np.ndarray:
        d = query.shape[1]
        return combine((query @ W[:d])[:, None], (keys @ W[d:])[None], v)

    return _one(2, score)


def _some(*changes: Callable) -> tuple[Callable, ...]:
    """The right scores with one, two or all of them changed."""

    def wrong(change: Callable, which: Sequence[bool], *case: np.ndarray) -> tuple:
        pairs = zip(luong_scores(*case), which, strict=True)
        return tuple(change(score, case[0]) if changed else score for score, changed in pairs)

    return tuple(
        partial(wrong, change, which)
        for change in changes
        for which in ([1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1])
    )


LUONG_MISTAKES = {
    "exchanged": tuple(
        _one(place, lambda *case, other=other: luong_scores(*case)[other])
        for place, other in itertools.permutations(range(3), 2)
    ),
    "softmax": _some(lambda score, query: softmax(score)),
    "transposed": _some(lambda score, query: score.T),
    "like_2017": _some(lambda score, query: score / np.sqrt(query.shape[1])),
    "cosine": _one(
        0,
        lambda query, keys, *_: (
            query @ keys.T / np.linalg.norm(query, axis=1)[:, None] / np.linalg.norm(keys, axis=1)
        ),
    ),
    "general_transposed": _one(1, lambda query, keys, W, *_: query @ W.T @ keys.T),
    "general_tanh": _one(1, lambda query, keys, W, *_: np.tanh(query @ W @ keys.T)),
    "concat_no_tanh": _concat(lambda s, h, v: (s + h) @ v),
    "concat_key_first": _one(
        2,
        lambda query, keys, _, W, v: (
            np.tanh((query @ W[len(W) // 2 :])[:, None] + keys @ W[: len(W) // 2]) @ v
        ),
    ),
    "concat_no_v": _concat(lambda s, h, v: np.tanh(s + h).sum(axis=-1)),
    "concat_two_tanhs": _concat(lambda s, h, v: (np.tanh(s) + np.tanh(h)) @ v),
    "concat_v_inside": _concat(lambda s, h, v: np.tanh((s + h) @ v)),
    "concat_multiplied": _concat(lambda s, h, v: np.tanh(s * h) @ v),
}


# --- 03.gradient ------------------------------------------------------------------------------


def score_gradient(weights, values, g):
    """dL/de_j = alpha_j g . (value_j - context)."""
    context = weights @ values
    return weights * ((values - context) @ g)


def _gradient_case(draw: Draw) -> tuple:
    """Weights of any size, but none between 0.9997 and 1, which is too near 1 for float32."""
    steps, d = draw.length(wide=600), draw.size()
    scores = draw.random.normal(size=steps) * draw.random.choice([0.5, 3, 10, 30])
    first, *others = np.argsort(-scores)
    scores[others[:1]] = np.maximum(scores[others[:1]], scores[first] - draw.random.uniform(0, 8))
    mask = draw.mask(steps, none=False) if draw.kind in ("zeros", "plain") else True
    weights = soften(scores, mask)
    values, g = draw.numbers(steps, d, small=1e-9), draw.numbers(d)
    if draw.kind == "whole" and draw.random.random() < 0.7:  # g, but not the values
        values = draw.random.normal(size=(steps, d))
    elif draw.kind == "whole":
        weights = np.eye(steps, dtype=np.int64)[draw.random.integers(steps)]
    return draw.layout(weights), values, g


GRADIENT_MISTAKES = {
    "no_softmax": lambda weights, values, g: values @ g,
    "no_context": lambda weights, values, g: weights * (values @ g),
    "no_weight": lambda weights, values, g: (values - weights @ values) @ g,
    "diagonal_only": lambda weights, values, g: weights * (1 - weights) * (values @ g),
    "mean_subtracted": lambda weights, values, g: weights * ((values - values.mean(axis=0)) @ g),
    "context_added": lambda weights, values, g: weights * ((values + weights @ values) @ g),
    "weight_twice": lambda weights, values, g: weights**2 * ((values - weights @ values) @ g),
    "jacobian": lambda weights, values, g: softmax_jacobian(weights),
    "not_summed": lambda weights, values, g: weights[:, None] * (values - weights @ values) * g,
}


# --- 03.layer ---------------------------------------------------------------------------------

LAYER = """\
import keras
from keras import ops


class BahdanauAttention(keras.layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, query_shape, values_shape):
        self.W = self.add_weight(shape=(query_shape[-1], self.units), name="W")
        self.U = self.add_weight(shape=(values_shape[-1], self.units), name="U")
        self.v = self.add_weight(shape=(self.units,), initializer="random_normal", name="v")

    def call(self, query, values, mask=None):
        asked = ops.expand_dims(ops.matmul(query, self.W), 1)
        hidden = ops.tanh(asked + ops.matmul(values, self.U))
        scores = ops.sum(hidden * self.v, axis=-1)
        if mask is not None:
            scores = ops.where(mask, scores, -1e9)
        weights = ops.softmax(scores, axis=-1)
        return ops.sum(ops.expand_dims(weights, -1) * values, axis=1), weights

    def compute_mask(self, *inputs, **masks):
        return None  # what was masked has been mixed away, so no mask goes on
"""


def probe_layer(make, units, query, values, mask, W, U, v, target, rate):
    """In the answer's process: what the layer computes with and without a mask, and learns."""
    import contextlib

    import keras
    import numpy as np

    query, values, target = (one.astype("float32") for one in (query, values, target))
    one, other = make(units), make(units)
    if not isinstance(one, keras.layers.Layer):
        return one
    found, _ = one(query, values), other(query, values)
    if found is None:
        return None
    if not isinstance(found, tuple | list) or len(found) != 2:
        return {"alone": True}
    parts, given = [getattr(one, name, None) for name in ("W", "U", "v")], [W, U, v]
    seen = {
        "shapes": [list(getattr(part, "shape", ())) for part in parts],
        "count": len(one.weights),
        "frozen": len(one.weights) - len(one.trainable_weights),
        "shared": any(weight is w for weight in one.weights for w in other.weights),
        "stuck": any(np.ptp(one) == 0 < one.size - 1 for one in one.get_weights()),
    }
    if seen["shapes"] != [[*weight.shape] for weight in given] or seen["count"] != 3:
        return seen
    for part, value in zip(parts, given, strict=True):
        part.assign(value)
    seen |= dict(zip(("context", "weights"), one(query, values), strict=True))
    masked = one(query, values, mask=mask)
    seen |= dict(zip(("masked context", "masked weights"), masked, strict=True))
    if not rate or tuple(seen["context"].shape) != target.shape:
        return seen
    asked, kept = keras.Input(query.shape[1:]), keras.Input(values.shape[1:])
    allowed = keras.Input(mask.shape[1:], dtype="bool")
    model = keras.Model([asked, kept, allowed], one(asked, kept, mask=allowed)[0])
    model.compile(keras.optimizers.SGD(rate), "mse", run_eagerly=True)
    with contextlib.suppress(ValueError):  # no gradient reaches any weight
        model.train_on_batch([query, values, mask], target)
    return seen | {"trained": np.concatenate([np.ravel(part) for part in parts])}


def _layer_case(draw: Draw) -> tuple:
    units, batch, steps = draw.size(wide=40), draw.size(most=3, wide=40), draw.length(wide=60)
    d_s, d_h = draw.size(wide=40), draw.size(wide=40)
    query, values = draw.numbers(batch, d_s, large=10), draw.numbers(batch, steps, d_h, large=10)
    mask = draw.mask(batch, steps, none=False)
    W, U = draw.random.normal(size=(d_s, units)), draw.random.normal(size=(d_h, units))
    v, target = draw.numbers(units, large=30), draw.random.normal(size=(batch, d_h))
    rate = 0.5 if draw.kind in ("plain", "strided") else 0.0  # training takes long
    return units, query, values, mask, W, U, v, target, rate


def _layer(
    units: int,
    query: np.ndarray,
    values: np.ndarray,
    mask: np.ndarray,
    W: np.ndarray,
    U: np.ndarray,
    v: np.ndarray,
    target: np.ndarray,
    rate: float,
    *,
    only_masked: bool = False,
    **wrong: Callable,
) -> dict[str, np.ndarray]:
    """The same layer in NumPy, or with the mistakes that the parameters make.

    only_masked     nothing is wrong without a mask, as in a layer that asks whether there is one
    """

    def call(mask: np.ndarray, *weights: np.ndarray, **wrong: Callable) -> list[np.ndarray]:
        both = _additive(query[:, None], values, *weights, mask, **wrong)
        return [one[:, 0] for one in both]

    unmasked = call(np.ones_like(mask), W, U, v, **({} if only_masked else wrong))
    seen = dict(zip(("context", "weights"), unmasked, strict=True))
    masked = call(mask, W, U, v, **wrong)
    seen |= dict(zip(("masked context", "masked weights"), masked, strict=True))
    if not rate:
        return seen
    # Slopes need double precision, also where the judge asks what single precision would give.
    query, values, target = (np.asarray(one, float) for one in (query, values, target))
    trained = np.concatenate([np.asarray(one, float).ravel() for one in (W, U, v)])
    sizes = W.size, W.size + U.size

    def loss(flat: np.ndarray) -> float:
        one, other, last = np.split(flat, sizes)
        context = call(mask, one.reshape(W.shape), other.reshape(U.shape), last, **wrong)[0]
        return ((context - target) ** 2).mean()

    steps = 1e-6 * np.eye(len(trained))
    slope = [(loss(trained + step) - loss(trained - step)) / 2e-6 for step in steps]
    return seen | {"trained": trained - rate * np.array(slope)}


def _explain_layer(case: tuple, seen: dict, wrong: bool) -> tuple[dict, dict]:
    """What a layer is made of."""
    _, _, values, mask, W, U, v, *_ = case
    shapes = [tuple(shape) for shape in seen.get("shapes", [(), (), ()])]
    context, weights = (np.shape(seen.get(name)) for name in ("context", "weights"))
    unlike = {
        "alone": "alone" in seen,
        "no_weights": seen.get("count") == 0,
        "other_weights": shapes != [W.shape, U.shape, v.shape],
        "more_weights": seen.get("count") != 3,
        "frozen": seen.get("frozen"),
        "shared": seen.get("shared"),
        "stuck": seen.get("stuck"),
        "swapped": context == mask.shape != weights == values.shape[::2],
    }
    named = {"W": W.shape, "U": U.shape, "v": v.shape, "count": seen.get("count")}
    return unlike, named | {"shapes": ", ".join(str(shape) for shape in shapes)}


# The layer has one query for each sentence: there are no other queries to go over.
LAYER_WEIGHING = {
    key: ways for key, ways in WEIGHING.items() if key not in ("over_queries", "over_all_pairs")
}
LAYER_MISTAKES: Table = {
    "ones": each("weigh", lambda s, m: np.ones_like(s)),
    "keys_alone": each("score", lambda s, h, v: np.tanh(0 * s + h) @ v),
    **{key: ways for key, ways in ADDITIVE_SCORES.items() if key != "query_lost"},
}
LAYER_MASKING = {
    key: (*ways, *(partial(way, only_masked=True) for way in ways))
    for key, ways in variants(_layer, MASKING).items()
}


# --- 03.decoder -------------------------------------------------------------------------------


def decoder_step(state, token, h, W, U, v, K, R, b, Y):
    """One step of a decoder with attention: the new state, the weights, the distribution."""

    def softmax(scores):
        powers = np.exp(scores - scores.max())
        return powers / powers.sum()

    weights = softmax(np.tanh(state @ W + h @ U) @ v)
    inputs = np.concatenate([token, weights @ h])
    new = np.tanh(inputs @ K + state @ R + b)
    return new, weights, softmax(new @ Y)


def _decoder_case(draw: Draw) -> tuple:
    steps, d_s, d_h, d_a = draw.length(), draw.size(), draw.size(), draw.size()
    d_y, words = draw.size(), draw.size(least=2, most=9)
    state, token = draw.numbers(d_s, large=5), draw.numbers(d_y, large=5)
    h, W, U = draw.numbers(steps, d_h, large=5), draw.numbers(d_s, d_a), draw.numbers(d_h, d_a)
    v, K = draw.numbers(d_a, large=3000), draw.numbers(d_y + d_h, d_s, large=3) / 2
    R, b = draw.random.normal(size=(d_s, d_s)), draw.numbers(d_s, large=3)
    return state, token, h, W, U, v, K, R, b, draw.numbers(d_s, words, large=3000)


def _soft(scores: np.ndarray) -> np.ndarray:
    return softmax(scores)


def _powers(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores)
    return powers / powers.sum()


def _decoder(
    state: np.ndarray,
    token: np.ndarray,
    h: np.ndarray,
    W: np.ndarray,
    U: np.ndarray,
    v: np.ndarray,
    K: np.ndarray,
    R: np.ndarray,
    b: np.ndarray,
    Y: np.ndarray,
    score: Callable = lambda s, h, v: np.tanh(s + h) @ v,
    weigh: Callable = _soft,
    mix: Callable = lambda weights, h: weights @ h,
    join: Callable = lambda token, context: [token, context],
    cell: Callable = lambda x, s, R, b: np.tanh(x + s @ R + b),
    read: Callable = lambda new, old: new,
    last: Callable = _soft,
    tell: Callable = lambda new, weights, words, context: (new, weights, words),
) -> tuple:
    """The same step, or with the mistakes that the parameters make."""
    weights = weigh(score(state @ W, h @ U, v))
    context = mix(weights, h)
    new = cell(np.concatenate(join(token, context)) @ K, state, R, b)
    return tell(new, weights, last(read(new, state) @ Y), context)


DECODER_MISTAKES: Table = {
    "score_without_tanh": each("score", lambda s, h, v: (s + h) @ v),
    "query_lost": each("score", lambda s, h, v: np.tanh(0 * s + h) @ v),
    "score_without_v": each("score", lambda s, h, v: np.tanh(s + h).sum(axis=-1)),
    "score_multiplied": each("score", lambda s, h, v: (s * h).sum(axis=-1)),
    "any_overflow": [
        {"weigh": _powers, "last": _powers},
        *each("weigh", _powers),
        *each("last", _powers),
    ],
    "powers_alone": each("weigh", np.exp, lambda s: np.exp(s - s.max())),
    "weights_logarithm": each(
        "tell", lambda new, weights, words, context: (new, np.log(weights), words)
    ),
    "mean_of_states": each("mix", lambda weights, h: h.mean(axis=0)),
    "last_of_states": each("mix", lambda weights, h: h[-1]),
    "one_state_only": each("mix", lambda weights, h: h[weights.argmax()]),
    "context_first": each("join", lambda token, context: [context, token]),
    "no_context": each("join", lambda token, context: [token, 0 * context]),
    "no_token": each("join", lambda token, context: [0 * token, context]),
    "no_old_state": each("cell", lambda x, s, R, b: np.tanh(x + b)),
    "no_bias": each("cell", lambda x, s, R, b: np.tanh(x + s @ R)),
    "loop_transposed": each("cell", lambda x, s, R, b: np.tanh(x + R @ s + b)),
    "state_without_tanh": each("cell", lambda x, s, R, b: x + s @ R + b),
    "old_state_read": each("read", lambda new, old: old),
    "no_softmax_at_the_end": each("last", lambda logits: logits),
    "logarithm_at_the_end": each("last", lambda logits: np.log(softmax(logits))),
    "word_chosen": each("last", lambda logits: np.eye(len(logits))[logits.argmax()]),
    "context_returned": each("tell", lambda new, weights, words, context: (new, context, words)),
}


# --- 03.diagnosis -----------------------------------------------------------------------------


def versions(query, keys, W, U, v, mask):
    """Context and weights of additive attention, right (0) and with each bug (1 to 8)."""

    def softmax(scores, axis=-1):
        powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
        return powers / powers.sum(axis=axis, keepdims=True)

    def scores(s, h):
        return np.tanh(s[:, None] + h[None]) @ v

    def hidden(scores):
        return np.where(mask, scores, -1e9)

    s, h = query @ W, keys @ U
    right = softmax(hidden(scores(s, h)))
    weights = [
        right,
        np.where(mask, softmax(scores(s, h), axis=0), 0),
        np.where(mask, softmax(scores(s, h)), 0),
        softmax(scores(s, h)),
        softmax(hidden((s[:, None] + h[None]) @ v)),
        softmax(hidden(np.tanh(s[:, None] + h[None]).sum(axis=-1))),
        softmax(hidden(scores(query, h))),
        softmax(hidden(scores(query @ U, keys @ W))),
    ]
    mean = np.broadcast_to(keys[mask].mean(axis=0), query.shape)
    return [(one @ keys, one) for one in weights] + [(mean, right)]


def find_bug(query, keys, W, U, v, mask, context, weights):
    """The number of the version whose context and weights are nearest to those given."""
    gaps = [
        max(np.abs(c - context).max(), np.abs(w - weights).max())
        for c, w in versions(query, keys, W, U, v, mask)
    ]
    return int(np.argmin(gaps))


BUGS = 9
FAR = 0.02  # between some number of any two versions


def _patient(random: np.random.Generator, t_q: int, t_k: int, d: int) -> tuple[tuple, list]:
    """Inputs on which all versions differ, and what these return."""
    while True:
        query, keys = random.normal(size=(t_q, d)), random.normal(size=(t_k, d))
        W, U, v = random.normal(size=(d, d)), random.normal(size=(d, d)), random.normal(size=d)
        mask = random.permutation(np.arange(t_k) < random.integers(2, t_k))
        case = query, keys, W, U, 2 * v, mask
        found = versions(*case)
        gaps = [
            max(abs(one - other).max() for one, other in zip(*pair, strict=True))
            for pair in itertools.combinations(found, 2)
        ]
        if min(gaps) > FAR:
            return case, found


def _diagnosis_case(draw: Draw) -> tuple:
    draw.joined = True  # the results belong to these inputs
    t_q, t_k, d = (draw.size(2, most) for most in (4, 6, 4))
    t_q, t_k, d = min(t_q, 9), min(t_k + 1, 12), min(d, 9)
    case, found = _patient(draw.random, t_q, t_k, d)
    results = found[draw.random.integers(BUGS)]
    hazards = draw.hazards() - {"whole"}
    return tuple(draw.layout(np.array(one), hazards) for one in (*case, *results))


def specimens() -> tuple[tuple, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Inputs, and what five anonymous implementations make of them; chapter 3 shows them."""
    case, found = _patient(np.random.default_rng(5), 3, 4, 3)
    return case, {
        name: found[number] for name, number in zip("ABCDE", (4, 1, 0, 2, 8), strict=True)
    }


def _called(change: Callable) -> Callable:
    """The number of the version, changed as a student with some blind spot would."""
    return lambda *case: change(find_bug(*case))


def _missed(number: int) -> Callable:
    return _called(lambda found: 0 if found == number else found)


DIAGNOSIS_MISTAKES = {
    "counted_from_one": _called(lambda found: found + 1),
    "all_right": (_called(lambda found: 0), _called(lambda found: found % 1)),
    "rows_alone": (
        _called(lambda found: {1: 2}.get(found, found)),
        _called(lambda found: {2: 1}.get(found, found)),
        _called(lambda found: {1: 2, 2: 1}.get(found, found)),
    ),
    "masks_confused": (
        _called(lambda found: {2: 3}.get(found, found)),
        _called(lambda found: {3: 2}.get(found, found)),
        _called(lambda found: {2: 3, 3: 2}.get(found, found)),
    ),
    "scores_not_compared": (
        _called(lambda found: 0 if 4 <= found <= 7 else found),
        _called(lambda found: 0 if found >= 4 else found),
        _called(lambda found: 4 if 4 <= found <= 7 else found),
    ),
    "axis_missed": _missed(1),
    "late_missed": _missed(2),
    "mask_missed": _missed(3),
    "tanh_missed": _missed(4),
    "v_missed": _missed(5),
    "W_missed": _missed(6),
    "exchange_missed": _missed(7),
    "context_missed": _missed(8),
}


TEXTS = texts("alignment")
EXERCISES = {
    "03.layer": Exercise(
        **TEXTS["03.layer"],
        answer="BahdanauAttention",
        text=LAYER,
        wants="class",
        solve=_layer,
        case=_layer_case,
        probe=probe_layer,
        demands=in_keras.demands(_explain_layer),
        mistakes=variants(_layer, LAYER_MISTAKES)
        | LAYER_MASKING
        | variants(_layer, LAYER_WEIGHING),
        takes=1,
        count=60,
        **in_keras.SETTINGS,
    ),
    "03.decoder": Exercise(
        **TEXTS["03.decoder"],
        solve=decoder_step,
        case=_decoder_case,
        mistakes=variants(_decoder, DECODER_MISTAKES),
    ),
    "03.diagnosis": Exercise(
        **TEXTS["03.diagnosis"],
        text=source(versions, find_bug),
        solve=find_bug,
        case=_diagnosis_case,
        mistakes=DIAGNOSIS_MISTAKES,
    ),
    "03.additive": Exercise(
        **TEXTS["03.additive"],
        solve=additive_attention,
        case=_additive_case,
        mistakes=variants(
            _additive, ADDITIVE_SCORES | MASKING | WEIGHING | {"not_low": each("weigh", *LOW)}
        ),
        seconds=30.0,  # an answer may import Keras
    ),
    "03.luong": Exercise(
        **TEXTS["03.luong"], solve=luong_scores, case=_luong_case, mistakes=LUONG_MISTAKES
    ),
    "03.gradient": Exercise(
        **TEXTS["03.gradient"],
        solve=score_gradient,
        case=_gradient_case,
        mistakes=GRADIENT_MISTAKES,
    ),
}
