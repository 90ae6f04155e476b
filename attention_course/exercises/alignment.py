"""Exercises of chapter 3: Bahdanau's attention, Luong's scores and the gradient of the scores.

Between the scores and the weighted sum the same goes wrong in chapter 4, which takes `attend` and
`WEIGHING` from here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from attention_course.exercises.drawing import Draw
from attention_course.exercises.exercise import Exercise
from attention_course.functional import softmax
from attention_course.functional.gradients import softmax_jacobian
from attention_course.words import mark

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
    return {why: tuple(partial(right, **wrong) for wrong in ways) for why, ways in table.items()}


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
NOT_LOW = mark(
    "The number that stands for minus infinity is not low enough: a real score may be lower, or a "
    "masked one higher by more than that. Use -np.inf."
)
MASKING: Table = {
    mark("The mask is the wrong way round: True means that attention is allowed."): each(
        "weigh",
        lambda s, m: softmax(np.where(m, -1e9, s)),
        lambda s, m: softmax(np.where(m, -np.inf, s)),
        lambda s, m: soften(s, ~m),
        lambda s, m: softmax(s) * ~m,
    ),
    mark("The mask has no effect: masked keys are weighted like all others."): each(
        "weigh", lambda s, m: softmax(s)
    ),
    mark(
        "The mask comes after the softmax, so the weights of a query no longer sum to 1; mask the "
        "scores before it."
    ): each("weigh", lambda s, m: softmax(s) * m),
    mark(
        "The mask comes after the softmax, or after its largest score was taken, and the rest is "
        "divided by its sum again: where the score of a masked key is far higher than the others, "
        "nothing is left to divide. Mask the scores first."
    ): each("weigh", *_both(lambda s, m: softmax(s) * m)),
    mark(
        "The masked scores are set to 0, but exp(0) = 1, so those keys still get weight; use "
        "-np.inf."
    ): each("weigh", lambda s, m: softmax(np.where(m, s, 0))),
    NOT_LOW: each("weigh", *map(late, LOW)),
}
WEIGHING: Table = {
    mark(
        "The softmax runs over the queries; the weights of one query are shared out among the "
        "keys, the last axis."
    ): _over(-2),
    mark("The softmax runs over the batch (axis 0), which mixes different sentences."): _over(0),
    mark(
        "The softmax runs over all pairs at once; each query has a budget of 1 of its own, so use "
        "axis=-1."
    ): _over((-2, -1)),
    mark("You take exp of the scores but do not divide by the sum over the keys."): each(
        "weigh",
        lambda s, m: np.exp(_allowed(s, m)),
        lambda s, m: np.exp(_allowed(s, m) - _top(s, m)),
    ),
    mark(
        "The weights of a query sum to a little less than 1: something is added to the sum that "
        "you divide by."
    ): each(
        "weigh",
        *(
            _shares(lambda s, m: np.exp(_allowed(s, m) - _top(s, m)), eps)
            for eps in (1, 0.1, 0.01, 1e-3, 1e-4, 1e-5)
        ),
    ),
    mark(
        "Scores of some hundreds overflow in exp; subtract each row's largest score first, which "
        "leaves the weights as they are."
    ): each("weigh", *UNSHIFTED),
    mark(
        "The weights are right, but the weighted sum comes from an exp without each row's largest "
        "score subtracted, and that overflows: use the weights."
    ): [{"weigh": unshifted, "tell": soften} for unshifted in UNSHIFTED],
    mark(
        "One largest score is taken off several rows, so rows far below it underflow to 0/0: each "
        "row needs its own."
    ): each(
        "weigh",
        *_less(
            lambda s, m: s.max(),
            lambda s, m: _allowed(s, m).max(),
            lambda s, m: s.max(axis=(-2, -1), keepdims=True),
            lambda s, m: _allowed(s, m).max(axis=(-2, -1), keepdims=True),
        ),
    ),
    mark(
        "What you take off is not the row's largest score but its largest size, or 0 where all "
        "scores are negative, so rows of large negative scores underflow to 0/0."
    ): each(
        "weigh",
        *_less(
            lambda s, m: abs(s).max(axis=-1, keepdims=True),
            lambda s, m: abs(s * m).max(axis=-1, keepdims=True),
            lambda s, m: np.maximum(_top(s, m), 0),
            lambda s, m: np.maximum(s.max(axis=-1, keepdims=True), 0),
        ),
    ),
    mark(
        "You clip the scores, so that far ones get too much weight or too little; subtract each "
        "row's largest score instead."
    ): each("weigh", *(wrong for most in (20, 30, 50) for wrong in _clipped(most))),
    mark(
        "All the weight of a query lies on one key: that is a hard choice (argmax); a softmax "
        "gives every allowed key a share."
    ): each("weigh", _hard, late(_hard), lambda s, m: (_allowed(s, m) == _top(s, m)) * 1.0),
    mark("All allowed keys get the same weight: the scores never reach the softmax."): each(
        "weigh", lambda s, m: soften(0 * s, m)
    ),
    mark("You return the scores in the place of the weights: the softmax is missing."): [
        *each("weigh", *SCORES),
        *each("tell", *SCORES),
    ],
    mark("You return the logarithm of the softmax; the weights are the softmax itself."): [
        {"weigh": partial(_logarithm, low), "mix": mix}
        for low in (-1e3, -1e9, -np.inf)
        for mix in (lambda w, x, m: np.exp(w) @ x, lambda w, x, m: np.maximum(w, -1e9) @ x)
    ],
    mark("The weights are right, but you return the plain mean of what they should mix."): each(
        "mix",
        lambda w, x, m: soften(0 * w, m) @ x,
        lambda w, x, m: softmax(0 * w) @ x,
    ),
    mark("The weights are right, but you add up what they should mix without using them."): each(
        "mix", lambda w, x, m: (0 * w + 1) @ x, lambda w, x, m: (0 * w + m) @ x
    ),
    mark("The weighted sum is divided by the number of keys; the weights sum to 1 already."): each(
        "mix", lambda w, x, m: w @ x / x.shape[-2]
    ),
    mark(
        "The weights are right, but only the key with the largest weight is taken; every key "
        "counts by its weight."
    ): each("mix", lambda w, x, m: _hard(w, True) @ x, lambda w, x, m: _hard(w, True) * m @ x),
    mark("The weights are right, but every query gets the weighted sum of the first one."): each(
        "mix", lambda w, x, m: np.repeat(w[..., :1, :] @ x, w.shape[-2], axis=-2)
    ),
    mark("The weighted sum of one query comes back; there is one for each query."): each(
        "mix", lambda w, x, m: (w @ x)[..., 0, :], lambda w, x, m: (w @ x)[..., -1, :]
    ),
    mark("Your weights have keys as rows; queries are rows and keys are columns."): each(
        "tell", lambda s, m: np.swapaxes(soften(s, m), -1, -2)
    ),
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
        steepness(draw),
        draw.layout,
    )
    if how == "steep":
        draw, v = Draw(draw.random, "plain"), 4 * draw.random.normal(size=d_a)
    if how == "extreme":  # with a tanh that is saturated for sure: a score is a sum of +v and -v
        draw, v = Draw(draw.random, "large"), extreme(draw, d_a)
    query, keys = draw.numbers(batch, t_q, d_s), draw.numbers(batch, t_k, d_h)
    W, U = draw.numbers(d_s, d_a, large=3000), draw.numbers(d_h, d_a, large=3000)
    return *map(layout, (query, keys, W, U, v)), mask


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
    mark(
        "The tanh between the sum of the two projections and v is missing; without it the query "
        "cancels in the softmax."
    ): each("score", lambda s, h, v: (s + h) @ v),
    mark("You multiply the two projections; the additive score adds them."): each(
        "score", lambda s, h, v: np.tanh(s * h) @ v
    ),
    mark("v is not used: the hidden units are only summed."): each(
        "score",
        lambda s, h, v: np.tanh(s + h).sum(axis=-1),
        lambda s, h, v: np.tanh(s + h).mean(axis=-1),
    ),
    mark("v sits inside the tanh; it has to weigh the hidden units after it."): each(
        "score", lambda s, h, v: np.tanh((s + h) @ v)
    ),
    # tanh(s) + tanh(h) ends here too: its first term is the same for all keys.
    mark(
        "The scores depend on the keys alone: either the query is missing, or tanh is taken of "
        "each part before the sum, and then the query cancels in the softmax."
    ): each("score", lambda s, h, v: np.tanh(0 * s + h) @ v),
    mark("The scores are dot products of the two projections, which is another attention."): each(
        "score", lambda s, h, v: (s * h).sum(axis=-1)
    ),
    mark(
        "The scores are divided by √d before the softmax; the additive score is not scaled."
    ): each("score", lambda s, h, v: np.tanh(s + h) @ v / np.sqrt(len(v))),
    mark("The score has the wrong sign: the words that fit best get the least weight."): each(
        "score", lambda s, h, v: -np.tanh(s + h) @ v, lambda s, h, v: np.tanh(s - h) @ v
    ),
    mark("The hidden units go through another function than tanh."): each(
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
    t_q, t_k, d, d_a = draw.length(), draw.length(), draw.size(), draw.size()
    query, keys, W_general = (
        draw.numbers(*shape, large=30) for shape in ((t_q, d), (t_k, d), (d, d))
    )
    if draw.kind == "whole" and draw.random.random() < 0.7:  # vectors, but not the matrix
        W_general = draw.random.normal(size=(d, d))
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
    mark("One score stands in the place of another; the order is dot, general, concat."): tuple(
        _one(place, lambda *case, other=other: luong_scores(*case)[other])
        for place, other in itertools.permutations(range(3), 2)
    ),
    mark("A score of yours went through a softmax; return all three as they are."): _some(
        lambda score, query: softmax(score)
    ),
    mark("A score of yours has keys as rows; queries are rows and keys are columns."): _some(
        lambda score, query: score.T
    ),
    mark("A score is divided by √d; that came in 2017, Luong's scores are not scaled."): _some(
        lambda score, query: score / np.sqrt(query.shape[1])
    ),
    mark("The dot score is divided by the lengths: that is the cosine."): _one(
        0,
        lambda query, keys, *_: (
            query @ keys.T / np.linalg.norm(query, axis=1)[:, None] / np.linalg.norm(keys, axis=1)
        ),
    ),
    mark("The general score uses the transpose of W: it is sᵀ W h, with W next to the query."): (
        _one(1, lambda query, keys, W, *_: query @ W.T @ keys.T)
    ),
    mark("The general score goes through a tanh; only concat has one."): _one(
        1, lambda query, keys, W, *_: np.tanh(query @ W @ keys.T)
    ),
    mark("The concat score lacks its tanh."): _concat(lambda s, h, v: (s + h) @ v),
    mark("The concat score has the key above the query: in [s; h] the query comes first."): _one(
        2,
        lambda query, keys, _, W, v: (
            np.tanh((query @ W[len(W) // 2 :])[:, None] + keys @ W[: len(W) // 2]) @ v
        ),
    ),
    mark("The concat score sums its hidden units without v."): _concat(
        lambda s, h, v: np.tanh(s + h).sum(axis=-1)
    ),
    mark("The concat score takes tanh of the two parts one by one; add them first."): _concat(
        lambda s, h, v: (np.tanh(s) + np.tanh(h)) @ v
    ),
    mark("The concat score has v inside the tanh."): _concat(lambda s, h, v: np.tanh((s + h) @ v)),
    mark("The concat score multiplies its two parts; add them."): _concat(
        lambda s, h, v: np.tanh(s * h) @ v
    ),
}


# --- 03.gradient ------------------------------------------------------------------------------


def score_gradient(weights, values, g):
    """dL/de_j = alpha_j g . (value_j - context)."""
    context = weights @ values
    return weights * ((values - context) @ g)


def _gradient_case(draw: Draw) -> tuple:
    """Weights of any size, but 1 only where all others are 0: nearly 1 is too much for float32."""
    steps, d = draw.length(), draw.size()
    scores = draw.random.normal(size=steps) * draw.random.choice([0.5, 3, 10, 30])
    first, *others = np.argsort(-scores)
    scores[others[:1]] = np.maximum(scores[others[:1]], scores[first] - draw.random.uniform(0, 2))
    mask = draw.mask(steps, none=False) if draw.kind in ("zeros", "plain") else True
    weights = soften(scores, mask)
    values, g = draw.numbers(steps, d), draw.numbers(d)
    if draw.kind == "whole" and draw.random.random() < 0.7:  # g, but not the values
        values = draw.random.normal(size=(steps, d))
    elif draw.kind == "whole":
        weights = np.eye(steps, dtype=np.int64)[draw.random.integers(steps)]
    return draw.layout(weights), values, g


GRADIENT_MISTAKES = {
    mark("That is ∂L/∂α; the step through the softmax to the scores is missing."): (
        lambda weights, values, g: values @ g
    ),
    mark(
        "The context is not subtracted: only the first part of αⱼ(gᵀhⱼ − gᵀc) is there."
    ): lambda weights, values, g: weights * (values @ g),
    mark("The factor αⱼ is missing in front of gᵀ(hⱼ − c)."): lambda weights, values, g: (
        (values - weights @ values) @ g
    ),
    mark(
        "Only the diagonal αⱼ(1 − αⱼ) is used; a score also changes the weights of other words."
    ): lambda weights, values, g: weights * (1 - weights) * (values @ g),
    mark(
        "You subtract the plain mean of the values; the context is the weighted mean."
    ): lambda weights, values, g: weights * ((values - values.mean(axis=0)) @ g),
    mark("The context is added where it must be subtracted."): lambda weights, values, g: (
        weights * ((values + weights @ values) @ g)
    ),
    mark("The factor αⱼ stands there twice."): lambda weights, values, g: (
        weights**2 * ((values - weights @ values) @ g)
    ),
    mark(
        "You return a matrix, the Jacobian of the softmax; multiply it with ∂L/∂α to get one "
        "number for each score."
    ): lambda weights, values, g: softmax_jacobian(weights),
    mark("You return one row for each score; sum over the features, which g weighs."): (
        lambda weights, values, g: weights[:, None] * (values - weights @ values) * g
    ),
}


EXERCISES = {
    "03.additive": Exercise(
        name="03.additive",
        question=mark(
            "Write additive_attention(query, keys, W, U, v, mask): Bahdanau's attention for a "
            "batch with a padding mask. Return the context and the weights."
        ),
        solve=additive_attention,
        case=_additive_case,
        results=(mark("the context"), mark("the array of weights")),
        mistakes=variants(
            _additive,
            ADDITIVE_SCORES | MASKING | WEIGHING | {NOT_LOW: each("weigh", *LOW)},
        ),
        hints=(
            mark(
                "Start from the chapter's `attend`; a batch needs the axes (B, T_q, 1, d_a) and "
                "(B, 1, T_k, d_a)."
            ),
            mark("The mask has no axis for the queries: give it one with mask[:, None, :]."),
            mark(
                "np.where(mask[:, None, :], scores, -np.inf) before the softmax; subtract each "
                "row's largest score before exp; weights @ keys is the context."
            ),
        ),
        praise=mark("Shapes, weights, mask and context are right, for large scores too."),
        seconds=30.0,  # an answer may import Keras
    ),
    "03.luong": Exercise(
        name="03.luong",
        question=mark(
            "Write luong_scores(query, keys, W_general, W_concat, v): the scores dot, general "
            "and concat, each (T_q, T_k), before any softmax."
        ),
        solve=luong_scores,
        case=_luong_case,
        results=(mark("the dot score"), mark("the general score"), mark("the concat score")),
        mistakes=LUONG_MISTAKES,
        hints=(
            mark("Two of them are matrix products; queries are rows, so the keys are transposed."),
            mark("You need not build the pairs: cut W_concat after its first d rows."),
            mark("np.tanh((query @ W_concat[:d])[:, None] + keys @ W_concat[d:]) @ v"),
        ),
        praise=mark("All three scores are right."),
    ),
    "03.gradient": Exercise(
        name="03.gradient",
        question=mark(
            "Write score_gradient(weights, values, g): the gradient of the loss with respect "
            "to the scores of one query, when g is its gradient with respect to the context."
        ),
        solve=score_gradient,
        case=_gradient_case,
        results=(mark("the gradient"),),
        mistakes=GRADIENT_MISTAKES,
        hints=(
            mark(
                "The scores reach the loss through the weights, the weights through the context: "
                "what is ∂L/∂αᵢ?"
            ),
            mark("∂L/∂αᵢ = gᵀhᵢ; multiply with the Jacobian of the softmax."),
            mark("It comes down to αⱼ gᵀ(hⱼ − c); the entries must sum to zero."),
        ),
        praise=mark("The gradient is right, and it vanishes where the softmax is saturated."),
    ),
}
