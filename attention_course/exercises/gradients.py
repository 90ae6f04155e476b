"""Exercises of chapter 2: gradients through time, what becomes of them, and what keeps them.

``02.bptt`` builds backpropagation through time and ``02.diagnose`` finds what is wrong with
another's; ``02.jacobian`` and ``02.product`` are its parts. ``02.fate`` reads a recurrent matrix,
``02.clip`` and ``02.rescue`` stop an explosion, ``02.lstm`` is one step with gates, and
``02.path`` the one step that attention adds.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from attention_course.exercises.drawing import Draw
from attention_course.exercises.exercise import Exercise, source, texts
from attention_course.functional import softmax

# --- 02.jacobian ------------------------------------------------------------------------------


def step_jacobian(h, U):
    """Jacobian d h_t / d h_(t-1), shape (n, n), from the state h (n,) after the step."""
    n = len(h)
    J = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            J[i, j] = (1 - h[i] ** 2) * U[j, i]
    return J


def _states(draw: Draw, *shape: int, near: float) -> np.ndarray:
    """What a tanh gives; beside whole weights it is half a number, so that products have parts."""
    states = draw.numbers(*shape, low=-1, high=1)
    if draw.kind == "mixed" and draw.random.random() < 0.3:  # some are near to 1, as 10 ** -near
        least = draw.random.choice([0, near - 1])
        most = np.copysign(1 - 10.0 ** -draw.random.uniform(least, near, shape), states)
        some = draw.random.random(shape) < 0.5
        states = np.where(some, most, states) if draw.random.random() < 0.5 else abs(most)
    return draw.layout(states / 2 if draw.kind == "whole" else states)


def _step_case(draw: Draw) -> tuple:
    n = draw.size(wide=300)
    return _states(draw, n, near=6), draw.numbers(n, n, large=1e6, small=1e-20)


def _step(h: np.ndarray, U: np.ndarray) -> np.ndarray:
    return (1 - h**2)[:, None] * U.T


JACOBIAN_MISTAKES = {
    "weights_turned": lambda h, U: (1 - h**2)[:, None] * U,
    "transposed": lambda h, U: _step(h, U).T,
    "slope_on_columns": lambda h, U: (1 - h**2) * U.T,
    "no_slope": lambda h, U: U.T,
    "slope_alone": lambda h, U: np.diag(1 - h**2),
    "tanh_again": lambda h, U: _step(np.tanh(h), U),
    "one_minus_h": lambda h, U: (1 - h)[:, None] * U.T,
    "one_plus_square": lambda h, U: (1 + h**2)[:, None] * U.T,
    "sigmoid": lambda h, U: (h * (1 - h))[:, None] * U.T,
    "square": lambda h, U: (h**2)[:, None] * U.T,
    "diagonal": lambda h, U: np.diag(np.diag(_step(h, U))),
}


# --- 02.product -------------------------------------------------------------------------------


def through_time(states, U):
    """Jacobians d h_T / d h_t for every t, shape (T, n, n), from the states (T, n)."""
    T, n = states.shape
    products = np.zeros((T, n, n))
    products[T - 1] = np.eye(n)
    for t in range(T - 2, -1, -1):
        J = (1 - states[t + 1] ** 2)[:, None] * U.T
        products[t] = products[t + 1] @ J
    return products


def _states_case(draw: Draw) -> tuple:
    steps, n = draw.length(wide=260), draw.size(wide=60)
    states = _states(draw, steps, n, near=6)
    if draw.kind == "long" or steps < 20:
        return states, draw.numbers(n, n)
    # The product of so many steps stays within what numbers can be, if no step changes much.
    turned = np.linalg.qr(draw.random.normal(size=(n, n)))[0]
    shrink = draw.random.choice([1, draw.random.uniform(0.3, 1)])
    return draw.layout(states / 30), draw.layout(shrink * turned)


def _products(
    states: np.ndarray, U: np.ndarray, step: Callable = _step, join: Callable = np.matmul
) -> np.ndarray:
    """Go back over the states after the first; the other parameters make the mistakes below."""
    products = [np.eye(len(U))]
    for h in states[:0:-1]:
        products.append(join(products[-1], step(h, U)))
    return np.stack(products[::-1])


def _steps(states: np.ndarray, U: np.ndarray) -> np.ndarray:
    return np.stack([_step(h, U) for h in states])


PRODUCT_MISTAKES = {
    "factors_turned": partial(_products, join=lambda later, J: J @ later),
    "step_too_early": lambda states, U: _products(np.concatenate([states[:1], states[:-1]]), U),
    "added": partial(_products, join=np.add),
    "stored_reversed": lambda states, U: _products(states, U)[::-1],
    "each_transposed": lambda states, U: _products(states, U).swapaxes(1, 2),
    "single_steps": (_steps, partial(_products, join=lambda later, J: J)),
    "last_alone": partial(_products, join=lambda later, J: 0 * J),
    "one_factor_more": lambda states, U: _products(states, U) @ _steps(states, U),
    "from_the_first": lambda states, U: _products(
        np.concatenate([states[:1], states[:0:-1]]), U, join=lambda earlier, J: J @ earlier
    )[::-1],
    "norms": (
        lambda states, U: np.linalg.norm(_products(states, U), axis=(1, 2)),
        lambda states, U: np.linalg.norm(_products(states, U), ord=2, axis=(1, 2)),
    ),
    "one_product": lambda states, U: _products(states, U)[0],
    "no_identity": lambda states, U: _products(states, U)[:-1],
    "no_first": (
        lambda states, U: _products(states, U)[min(1, len(states) - 1) :],
        lambda states, U: _products(states, U)[1:],
    ),
    **{key: partial(_products, step=wrong) for key, wrong in JACOBIAN_MISTAKES.items()},
}


# --- 02.clip ----------------------------------------------------------------------------------


def clip(gradients, limit):
    """All gradients times one common factor, so that their joint norm is at most `limit`."""
    norm = np.sqrt(sum(np.sum(g**2) for g in gradients))
    factor = 1.0 if norm <= limit else limit / norm
    return [g * factor for g in gradients]


def _clip_case(draw: Draw) -> tuple:
    """No array at all, one, or many; without axes or with several; some or all of them zeros."""
    random = draw.random
    factor = 10.0 ** random.uniform(-8, 8) if draw.kind == "mixed" else 1
    gradients = []
    for _ in range(draw.length(0, 5, wide=60)):
        shape = [draw.size(most=3) for _ in range(random.integers(5))]
        kept = random.random() < (0.3 if draw.kind == "zeros" else 0.8)
        gradients.append(draw.layout(draw.numbers(*shape) * kept * factor))
    if draw.kind == "mixed" and gradients and random.random() < 0.2:
        gradients.append(gradients[0])  # as of a weight that two layers share
    # Just below and above the norm lie the other measures that a mistake may take for it.
    just_below, far_below = 1 - 10 ** random.uniform(-5, -1), 10 ** random.uniform(-9, -1)
    near = random.choice([just_below, far_below, 0.1, 0.5, 0.9, 1.001, 1.1, 2, 10])
    limit = float((_norm(gradients) or factor) * near)
    return gradients, max(1, round(limit)) if draw.kind == "whole" else limit


def _norm(gradients: list[np.ndarray]) -> np.floating:
    return np.sqrt(np.sum([np.sum(g**2) for g in gradients]))


def _by(size: Callable) -> Callable:
    """The mistake of clipping by another measure of size."""

    def mistake(gradients: list[np.ndarray], limit: float) -> list[np.ndarray]:
        factor = limit / size(gradients) if size(gradients) > limit else 1.0
        return [g * factor for g in gradients]

    return mistake


CLIP_MISTAKES = {
    "nothing": lambda gradients, limit: [g * 1.0 for g in gradients],
    "each_number": lambda gradients, limit: [np.clip(g, -limit, limit) for g in gradients],
    "each_array": lambda gradients, limit: [_by(_norm)([g], limit)[0] for g in gradients],
    "stretched": (
        lambda gradients, limit: [g * (limit / (_norm(gradients) or limit)) for g in gradients],
        lambda gradients, limit: [g * limit / _norm(gradients) for g in gradients],
    ),
    "zeros": lambda gradients, limit: [
        g / _norm(gradients) * min(_norm(gradients), limit) for g in gradients
    ],
    "no_root": _by(lambda gradients: _norm(gradients) ** 2),
    "sum_of_norms": _by(lambda gradients: sum(_norm([g]) for g in gradients)),
    "largest_entry": _by(lambda gradients: max((np.abs(g).max() for g in gradients), default=0)),
    "absolute": _by(lambda gradients: sum(np.abs(g).sum() for g in gradients)),
    "norm_of_one": lambda gradients, limit: [
        g / (_norm(gradients) if _norm(gradients) > limit else 1) for g in gradients
    ],
    "thrown_away": lambda gradients, limit: [g * (_norm(gradients) <= limit) for g in gradients],
    "small_number_added": _by(lambda gradients: _norm(gradients) + 1e-6),
}


# --- 02.bptt ----------------------------------------------------------------------------------


def bptt(x, outer, W, U, b):
    """Gradients dW, dU, db of a recurrent layer; outer is dL/dh_t without later states."""
    batch, steps, _ = x.shape
    H = [np.zeros((batch, len(U)))]  # H[t] is the state before step t
    for t in range(steps):
        H.append(np.tanh(x[:, t] @ W + H[t] @ U + b))
    dW, dU, db = np.zeros(W.shape), np.zeros(U.shape), np.zeros(b.shape)
    back = np.zeros((batch, len(U)))  # what arrives from the steps after this one
    for t in reversed(range(steps)):
        dz = (outer[:, t] + back) * (1 - H[t + 1] ** 2)
        dW = dW + x[:, t].T @ dz
        dU = dU + H[t].T @ dz
        db = db + dz.sum(axis=0)
        back = dz @ U.T
    return dW, dU, db


Three = tuple[np.ndarray, np.ndarray, np.ndarray]


def _bptt(
    x: np.ndarray,
    outer: np.ndarray,
    W: np.ndarray,
    U: np.ndarray,
    b: np.ndarray,
    slope: Callable = lambda h, before: 1 - h**2,
    arrive: Callable = lambda own, back, slope: (own + back) * slope,
    send: Callable = lambda dz, U, own, back: dz @ U.T,
    kept: Callable = lambda before, h: before,
    step: Callable = lambda x, W, h, U, b: np.tanh(x @ W + h @ U + b),
    ends: tuple[int | None, int | None] = (None, None),
) -> list[Three]:
    """What each step, from the first to the last, adds to dW, dU and db; or what mistakes add."""
    H = [np.zeros((len(x), len(U)))]
    for t in range(x.shape[1]):
        H.append(step(x[:, t], W, H[t], U, b))
    back, parts = np.zeros((len(x), len(U))), []
    for t in reversed(range(x.shape[1])[slice(*ends)]):
        dz = arrive(outer[:, t], back, slope(H[t + 1], H[t]))
        parts.append((x[:, t].T @ dz, kept(H[t], H[t + 1]).T @ dz, dz.sum(axis=0)))
        back = send(dz, U, outer[:, t], back)
    return parts[::-1]


def _summed(
    *inputs: np.ndarray, join: Callable = lambda parts: sum(parts[1:], parts[0]), **wrong: Callable
) -> Three:
    """The parts of all steps joined to one gradient; no part at all makes zeros."""
    W, U, b = inputs[2:]
    steps = _bptt(*inputs, **wrong) or [(0 * W, 0 * U, 0 * b)]
    return tuple(join(parts) for parts in zip(*steps, strict=True))


def _last_outer(outer: np.ndarray) -> np.ndarray:
    return outer * (np.arange(outer.shape[1]) == outer.shape[1] - 1)[:, None]


def _sizes(draw: Draw, least: int = 1, steps: int = 1) -> tuple[int, int, int, int]:
    """Sequences, steps, inputs and neurons of a network."""
    batch, length = (
        draw.size(least, most=4, wide=160),
        draw.length(steps, most=max(6, steps), wide=160),
    )
    return batch, length, draw.size(most=4, wide=160), draw.size(least, most=4, wide=60)


def _network(draw: Draw, batch: int, steps: int, d: int, n: int) -> tuple:
    """Inputs and weights whose states are not all saturated and whose gradients stay in bounds."""
    random = draw.random
    x = draw.numbers(batch, steps, d, large=5, small=1e-2)
    W = random.normal(size=(d, n)) / (d**0.5 * max(1.0, np.abs(x).max() / 1.5))
    U = random.normal(size=(n, n)) * random.choice([0.6, 1.2]) / n**0.5
    if steps > 8 or n > 8:
        U = U * random.uniform(0.8, 1) / np.linalg.norm(U, 2)
    outer = random.normal(size=(batch, steps, n)) * 10.0 ** random.integers(-2, 2)
    return x, outer, draw.layout(W), draw.layout(U), draw.layout(0.3 * random.normal(size=n))


def _bptt_case(draw: Draw) -> tuple:
    x, outer, *weights = _network(draw, *_sizes(draw))
    if draw.random.random() < 0.4:  # an answer at the end alone
        outer = _last_outer(outer)
    return x, draw.layout(outer), *weights


BPTT_MISTAKES = {
    "slope_left_out": partial(_summed, slope=lambda h, before: np.ones(h.shape)),
    "slope_again": partial(_summed, slope=lambda h, before: 1 - np.tanh(h) ** 2),
    "slope_before": partial(_summed, slope=lambda h, before: 1 - before**2),
    "slope_h": partial(_summed, slope=lambda h, before: 1 - h),
    "slope_sigmoid": partial(_summed, slope=lambda h, before: h * (1 - h)),
    "turned": partial(_summed, send=lambda dz, U, own, back: dz @ U),
    "not_sent": partial(_summed, send=lambda dz, U, own, back: 0 * dz),
    "sent_unsloped": partial(_summed, send=lambda dz, U, own, back: (own + back) @ U.T),
    "outer_unsloped": partial(_summed, arrive=lambda own, back, slope: own + back * slope),
    "outer_lost": lambda x, outer, W, U, b: _summed(x, _last_outer(outer), W, U, b),
    "overwritten": (
        partial(_summed, join=lambda parts: parts[0]),
        partial(_summed, join=lambda parts: parts[-1]),
    ),
    "own_state": partial(_summed, kept=lambda before, h: h),
    "first_missing": partial(_summed, ends=(1, None)),
    "mean_of_steps": partial(_summed, join=lambda parts: sum(parts[1:], parts[0]) / len(parts)),
    "mean_of_batch": lambda x, *rest: tuple(part / len(x) for part in _summed(x, *rest)),
    "no_memory": partial(_summed, step=lambda x, W, h, U, b: np.tanh(x @ W + b)),
    "no_bias": partial(_summed, step=lambda x, W, h, U, b: np.tanh(x @ W + h @ U)),
    "no_tanh": partial(_summed, step=lambda x, W, h, U, b: x @ W + h @ U + b),
}


# --- 02.diagnose ------------------------------------------------------------------------------


def gradients_with(bug, x, outer, W, U, b):
    """What backpropagation through time gives that has this bug; 0 is none."""
    h, steps = [np.zeros((len(x), len(U)))], x.shape[1]
    for t in range(steps):
        h.append(np.tanh(x[:, t] @ W + h[t] @ U + b))
    back, parts = 0, []
    for t in reversed(range(steps)):
        dz = back if bug == 6 and t < steps - 1 else outer[:, t] + back
        dz = dz if bug == 1 else dz * (1 - h[t + 1] ** 2)
        parts.append((x[:, t].T @ dz, h[t + (bug == 5)].T @ dz, dz.sum(axis=0)))
        back = 0 if bug == 3 else dz @ (U if bug == 2 else U.T)
    return parts[-1] if bug == 4 else [sum(part) for part in zip(*parts, strict=True)]


def find_bug(x, outer, W, U, b, dW, dU, db):
    """The number of the bug whose gradients come nearest to those given."""
    given = dW, dU, db

    def distance(bug):
        own = gradients_with(bug, x, outer, W, U, b)
        return sum(np.abs(one - other).sum() for one, other in zip(own, given, strict=True))

    return min(range(7), key=distance)


def _find_bug(
    x: np.ndarray,
    outer: np.ndarray,
    W: np.ndarray,
    U: np.ndarray,
    b: np.ndarray,
    dW: np.ndarray,
    dU: np.ndarray,
    db: np.ndarray,
) -> float:
    return float(find_bug(x, outer, W, U, b, dW, dU, db))


BUGS = 7
LEAST_APART = 0.05  # of the larger gradient: by so much do two bugs of a case differ


def _nearest(*inputs: np.ndarray, seen: tuple[int, ...] = (0, 1, 2)) -> int:
    """As `find_bug`, or the mistake of comparing some of the three gradients."""
    own = [gradients_with(bug, *inputs[:5]) for bug in range(BUGS)]
    off = [sum(np.abs(one[i] - inputs[5 + i]).sum() for i in seen) for one in own]
    return int(np.argmin(off))


def _diagnose_case(draw: Draw) -> tuple:
    draw.joined = True
    sizes = _sizes(draw, least=2, steps=3)
    while True:
        x, outer, W, U, b = _network(draw, *sizes)
        weights = x, draw.layout(outer), W, U, b
        all_of_them = [gradients_with(bug, *map(_double, weights)) for bug in range(BUGS)]
        flat = [np.concatenate([part.ravel() for part in one]) for one in all_of_them]
        apart = [
            np.linalg.norm(one - other) / max(np.linalg.norm(one), np.linalg.norm(other))
            for i, one in enumerate(flat)
            for other in flat[:i]
        ]
        if min(apart) > LEAST_APART:
            chosen = all_of_them[draw.random.integers(BUGS)]
            return *weights, *map(draw.layout, chosen)


def _double(array: np.ndarray) -> np.ndarray:
    return np.asarray(array, float)


DIAGNOSE_MISTAKES = {
    "right_or_wrong": lambda *inputs: min(1, _nearest(*inputs)),
    "from_one": lambda *inputs: _nearest(*inputs) + 1,
    "dW_alone": (
        partial(_nearest, seen=(0,)),
        partial(_nearest, seen=(0, 2)),
        partial(_nearest, seen=(2,)),
    ),
    "never_right": lambda *inputs: _nearest(*inputs) or 1,
    **{
        f"{one}_for_{other}": partial(
            lambda pair, *inputs: pair[1] if _nearest(*inputs) == pair[0] else _nearest(*inputs),
            (one, other),
        )
        for one, other in ((3, 4), (4, 3), (6, 0))
    },
}


# --- 02.fate ----------------------------------------------------------------------------------


def fate(U):
    """0: every step shrinks; 1: may grow first, shrinks in the end; 2: grows without a tanh."""
    if np.linalg.norm(U, 2) < 1:
        return 0
    return 1 if np.abs(np.linalg.eigvals(U)).max() < 1 else 2


def _fate(U: np.ndarray) -> float:
    """The judge's: an answer may be 1, 1.0 or NumPy's."""
    return float(fate(U))


MARGIN = 0.02  # neither norm nor radius is nearer to 1


def _fate_case(draw: Draw) -> tuple:
    random, n = draw.random, draw.size(wide=75)
    # The eigenvalues of large skewed matrices are beyond what rounding lets one compute.
    kinds = ["normal", "symmetric", "turning", "skewed"][: 4 if n < 6 else 3]
    while True:
        kind, U, factor = random.choice(kinds), draw.numbers(n, n, large=3, small=0.1), 1.0
        free = draw.kind not in ("whole", "part", "zeros")
        if free:
            U = _of_kind(kind, np.array(U, float), random)
        sizes = _sizes_of(U)
        if free and (size := sizes[random.integers(2)]) > 1e-6:
            factor = random.uniform(0.4, 1.6) / size
        if min(abs(factor * size - 1) for size in sizes) > MARGIN:
            return (draw.layout(U * factor) if free else U,)


def _sizes_of(U: np.ndarray) -> tuple[float, float]:
    return _spectral(U), _radius(U)


def _of_kind(kind: str, U: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A matrix with perpendicular eigenvectors, with complex eigenvalues, or far from both."""
    if kind == "symmetric":
        return U + U.T
    if kind == "turning":
        return U - U.T
    if kind == "skewed":
        turned = np.linalg.qr(random.normal(size=U.shape))[0]
        return turned @ (3 * np.triu(U, 1) + np.diag(random.uniform(-1, 1, len(U)))) @ turned.T
    return U


def _by_sizes(norm: Callable, radius: Callable) -> Callable:
    """The verdict with something else in the place of the norm or the radius."""
    return lambda U: 0 if norm(U) < 1 else 1 if radius(U) < 1 else 2


def _spectral(U: np.ndarray) -> float:
    return np.linalg.norm(U, 2)


def _radius(U: np.ndarray) -> float:
    return np.abs(np.linalg.eigvals(U)).max()


FATE_MISTAKES = {
    "radius_alone": (
        lambda U: 0 if _radius(U) < 1 else 2,
        lambda U: 0 if _radius(U) < 1 else 1,
        _by_sizes(_radius, _spectral),
    ),
    "norm_alone": (lambda U: 0 if _spectral(U) < 1 else 2, lambda U: 0 if _spectral(U) < 1 else 1),
    "frobenius": _by_sizes(np.linalg.norm, _radius),
    "other_norm": (
        _by_sizes(partial(np.linalg.norm, ord=1), _radius),
        _by_sizes(partial(np.linalg.norm, ord=np.inf), _radius),
    ),
    "largest_entry": _by_sizes(lambda U: np.abs(U).max(), _radius),
    "signed": (
        _by_sizes(_spectral, lambda U: np.linalg.eigvals(U).real.max()),
        _by_sizes(_spectral, lambda U: np.abs(np.linalg.eigvals(U).real).max()),
    ),
    "as_symmetric": _by_sizes(_spectral, lambda U: np.abs(np.linalg.eigvalsh(U)).max()),
    "determinant": _by_sizes(_spectral, lambda U: abs(np.linalg.det(U))),
    "least_stretch": _by_sizes(lambda U: np.linalg.norm(U, -2), _radius),
    "exchanged": lambda U: 2 - fate(U),
}


# --- 02.rescue --------------------------------------------------------------------------------


def train_clipped(gradient, parameters, rate, limit, steps):
    """Losses of gradient descent whose gradients are clipped by their joint norm."""
    losses = []
    for _ in range(steps):
        loss, gradients = gradient(parameters)
        norm = np.sqrt(sum(np.sum(g**2) for g in gradients))
        factor = 1.0 if norm <= limit else limit / norm
        parameters = [p - rate * factor * g for p, g in zip(parameters, gradients, strict=True)]
        losses.append(loss)
    return np.array(losses)


def on_a_bowl(answer, parameters, rate, limit, steps, goals, steep):
    """The probe: a loss that grows with the distance from the goals, some directions steeper."""

    def gradient(given):
        away = [p - goal for p, goal in zip(given, goals, strict=True)]
        loss = sum((a * d * d).sum() for a, d in zip(steep, away, strict=True)) / 2
        return loss, [a * d for a, d in zip(steep, away, strict=True)]

    return answer(gradient, [p * 1.0 for p in parameters], rate, limit, steps)


def _bowl_case(draw: Draw) -> tuple:
    """One to three parameters away from their goals, with gradients above and below the limit."""
    random = draw.random
    axes = [draw.size(most=2, wide=2) for _ in range(draw.size(most=3, wide=3))]
    shapes = [tuple(draw.size(wide=70) for _ in range(count)) for count in axes]
    steps = draw.length(2, 6, wide=16)
    parameters = [draw.numbers(*shape, large=10, small=1e-3) for shape in shapes]
    goals = [draw.numbers(*shape, large=10, small=1e-3) for shape in shapes]
    steep = [draw.layout(np.exp(random.uniform(-2, 1, shape))) for shape in shapes]
    away = zip(steep, parameters, goals, strict=True)
    first = np.sqrt(sum(np.sum((a * (p - goal)) ** 2.0) for a, p, goal in away)) or 1.0
    rate = random.uniform(0.1, 0.6) / 2.718  # the steepest direction does not swing out
    limit = float(first * random.choice([0.02, 0.1, 0.3, 0.7, 2, np.inf]))
    return parameters, float(rate), limit, steps, goals, steep


Parameters = list[np.ndarray]


def _descent(
    gradient: Callable,
    parameters: Parameters,
    rate: float,
    limit: float,
    steps: int,
    shorten: Callable = clip,
    move: Callable = lambda p, g, rate, limit: [a - rate * b for a, b in zip(p, g, strict=True)],
    told: Callable = lambda before, after: before,
    more: int = 0,
) -> np.ndarray:
    """The losses on the way; the other parameters make the mistakes below."""
    losses = []
    for _ in range(steps + more):
        loss, g = gradient(parameters)
        parameters = move(parameters, shorten(g, limit), rate, limit)
        losses.append(told(loss, gradient(parameters)[0]))
    return np.array(losses)


def _rescued(
    parameters: Parameters,
    rate: float,
    limit: float,
    steps: int,
    goals: Parameters,
    steep: Parameters,
) -> np.ndarray:
    return on_a_bowl(train_clipped, parameters, rate, limit, steps, goals, steep)


def _wrong(change: Callable = lambda losses: losses, **parts: Callable | int) -> Callable:
    """A loop with a mistake, as the judge calls it with a case, and as the probe does."""

    def loop(*inputs: Any) -> np.ndarray:
        return change(_descent(*inputs, **parts))

    return lambda *inputs: loop(*inputs) if callable(inputs[0]) else on_a_bowl(loop, *inputs)


def _bounded(p: Parameters, g: Parameters, rate: float, limit: float) -> Parameters:
    moves = clip([rate * one for one in g], limit)
    return [a - b for a, b in zip(p, moves, strict=True)]


RESCUE_MISTAKES = {
    "unclipped": _wrong(shorten=lambda g, limit: g),
    "each_array": _wrong(shorten=lambda g, limit: [clip([a], limit)[0] for a in g]),
    "each_number": _wrong(shorten=lambda g, limit: [np.clip(a, -limit, limit) for a in g]),
    "stretched": _wrong(shorten=lambda g, limit: [a * (limit / (_norm(g) or limit)) for a in g]),
    "no_root": _wrong(shorten=_by(lambda g: _norm(g) ** 2)),
    "sum_of_norms": _wrong(shorten=_by(lambda g: sum(_norm([a]) for a in g))),
    "norm_of_one": _wrong(
        shorten=lambda g, limit: [a / (_norm(g) if _norm(g) > limit else 1) for a in g]
    ),
    "thrown_away": _wrong(shorten=lambda g, limit: [a * (_norm(g) <= limit) for a in g]),
    "uphill": _wrong(
        move=lambda p, g, rate, limit: [a + rate * b for a, b in zip(p, g, strict=True)]
    ),
    "no_rate": _wrong(move=lambda p, g, rate, limit: [a - b for a, b in zip(p, g, strict=True)]),
    "not_moved": _wrong(move=lambda p, g, rate, limit: p),
    "step_clipped": _wrong(shorten=lambda g, limit: g, move=_bounded),
    "weights_clipped": _wrong(
        shorten=lambda g, limit: g,
        move=lambda p, g, rate, limit: clip(
            [a - rate * b for a, b in zip(p, g, strict=True)], limit
        ),
    ),
    "first_alone": _wrong(move=lambda p, g, rate, limit: [p[0] - rate * g[0], *p[1:]]),
    "loss_after": _wrong(told=lambda before, after: after),
    "one_more": _wrong(more=1),
    "one_less": _wrong(more=-1),
    "last_loss": _wrong(lambda losses: losses[-1]),
}


# --- 02.lstm ----------------------------------------------------------------------------------


def lstm_step(x, h, c, W, U, b):
    """One step of an LSTM: the new h and c; the columns of W, U, b are in the order i, f, c, o."""
    i, f, new, o = np.split(x @ W + h @ U + b, 4)
    i, f, o = (1 / (1 + np.exp(-z)) for z in (i, f, o))
    c = f * c + i * np.tanh(new)
    return o * np.tanh(c), c


def _open_enough(
    x: np.ndarray, h: np.ndarray, _: np.ndarray, W: np.ndarray, U: np.ndarray, b: np.ndarray
) -> bool:
    """Say whether no gate is shut so far that its value is lost in another way of writing it.

    A gate may be written as (1 + tanh(z / 2)) / 2, which knows no digits beyond the 16th of 1.
    """
    return bool(np.abs(x @ W + h @ U + b).max() < 20)


def _lstm_case(draw: Draw) -> tuple:
    """Inputs with open gates; for the same reason the biases are never in single precision."""
    draw.fits = _open_enough
    d, n = draw.size(wide=60), draw.size(wide=40)
    wide = max(d, n) > 8  # sums of many numbers would open or shut every gate
    while True:
        x, W = draw.numbers(d, large=4), draw.numbers(d, 4 * n, large=2)
        h = draw.numbers(n, low=-1, high=1)
        c, U = draw.numbers(n, large=5), draw.numbers(n, 4 * n, large=2)
        W, U = (draw.layout(one / 8) if wide else one for one in (W, U))
        b = draw.numbers(4 * n, large=4)
        b = b.astype(float) if b.dtype == np.float32 else b
        if _open_enough(x, h, c, W, U, b):
            return x, h, c, W, U, b


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def _lstm(
    x: np.ndarray,
    h: np.ndarray,
    c: np.ndarray,
    W: np.ndarray,
    U: np.ndarray,
    b: np.ndarray,
    order: str = "ifco",
    total: Callable = lambda x, h, W, U, b: x @ W + h @ U + b,
    gate: Callable = _sigmoid,
    squash: Callable = np.tanh,
    write: Callable = lambda i, f, new, c: f * c + i * new,
    show: Callable = lambda o, c, old: o * np.tanh(c),
) -> tuple:
    """One step; the other parameters make the mistakes below."""
    parts = dict(zip(order, np.split(total(x, h, W, U, b), 4), strict=True))
    i, f, o = (gate(parts[key]) for key in "ifo")
    after = write(i, f, squash(parts["c"]), c)
    return show(o, after, c), after


LSTM_MISTAKES = {
    "order": tuple(
        partial(_lstm, order="".join(one))
        for one in itertools.permutations("ifco")
        if "".join(one) != "ifco"
    ),
    "interleaved": lambda x, h, c, W, U, b: _lstm(
        x,
        h,
        c,
        *(
            one.reshape(*one.shape[:-1], -1, 4).swapaxes(-1, -2).reshape(one.shape)
            for one in (W, U, b)
        ),
    ),
    "no_tanh_out": partial(_lstm, show=lambda o, c, old: o * c),
    "old_memory": partial(_lstm, show=lambda o, c, old: o * np.tanh(old)),
    "no_output_gate": partial(_lstm, show=lambda o, c, old: np.tanh(c)),
    "no_tanh_in": partial(_lstm, squash=lambda z: z),
    "sigmoid_in": partial(_lstm, squash=_sigmoid),
    "tanh_gates": partial(_lstm, gate=np.tanh),
    "no_input_gate": partial(_lstm, write=lambda i, f, new, c: f * c + new),
    "no_forget_gate": partial(_lstm, write=lambda i, f, new, c: c + i * new),
    "rest_forgotten": partial(_lstm, write=lambda i, f, new, c: (1 - f) * c + i * new),
    "coupled": (
        partial(_lstm, write=lambda i, f, new, c: f * c + (1 - f) * new),
        partial(_lstm, write=lambda i, f, new, c: (1 - i) * c + i * new),
    ),
    "replaced": partial(_lstm, write=lambda i, f, new, c: i * new),
    "no_state": partial(_lstm, total=lambda x, h, W, U, b: x @ W + b),
    "no_bias": partial(_lstm, total=lambda x, h, W, U, b: x @ W + h @ U),
    "no_input": partial(_lstm, total=lambda x, h, W, U, b: h @ U + b),
}


# --- 02.path ----------------------------------------------------------------------------------


def one_step_path(states, query):
    """Jacobian d context / d h_t for every t, (T, n, n), with the query held fixed."""
    powers = np.exp(states @ query - np.max(states @ query))
    weights = powers / powers.sum()
    context = weights @ states
    return np.stack(
        [
            a * (np.eye(len(query)) + np.outer(h - context, query))
            for a, h in zip(weights, states, strict=True)
        ]
    )


def _path_case(draw: Draw) -> tuple:
    steps, n = draw.length(wide=200), draw.size(wide=40)
    states = draw.numbers(steps, n, large=5, small=1e-2)
    query = draw.random.normal(size=n)
    reach = np.abs(states @ query).max()
    return states, draw.layout(query * draw.random.choice([1, 3, 10]) / max(reach, 1.0))


def _path(
    states: np.ndarray,
    query: np.ndarray,
    weigh: Callable = lambda scores: softmax(scores),
    value: Callable = lambda a, eye: a * eye,
    score: Callable = lambda a, h, c, q: a * np.outer(h - c, q),
) -> np.ndarray:
    """Value part and score part; the other parameters make the mistakes below."""
    weights, eye = weigh(states @ query), np.eye(len(query))
    c = weights @ states
    pairs = zip(weights, states, strict=True)
    return np.stack([value(a, eye) + score(a, h, c, query) for a, h in pairs])


def _one_step_path(states: np.ndarray, query: np.ndarray) -> np.ndarray:
    return _path(states, query)


PATH_MISTAKES = {
    "value_alone": partial(_path, score=lambda a, h, c, q: np.zeros((len(q), len(q)))),
    "score_alone": partial(_path, value=lambda a, eye: 0 * eye),
    "own_weight_alone": partial(_path, score=lambda a, h, c, q: a * (1 - a) * np.outer(h, q)),
    "no_context": partial(_path, score=lambda a, h, c, q: a * np.outer(h, q)),
    "no_weight": (
        partial(_path, score=lambda a, h, c, q: np.outer(h - c, q)),
        partial(_path, value=lambda a, eye: eye),
        partial(_path, value=lambda a, eye: eye, score=lambda a, h, c, q: np.outer(h - c, q)),
    ),
    "context_less_state": partial(_path, score=lambda a, h, c, q: a * np.outer(c - h, q)),
    "path_transposed": partial(_path, score=lambda a, h, c, q: a * np.outer(q, h - c)),
    "equal_weights": partial(_path, weigh=lambda scores: np.full(len(scores), 1 / len(scores))),
    "no_softmax": partial(_path, weigh=lambda scores: scores),
    "state_for_query": partial(_path, score=lambda a, h, c, q: a * np.outer(h - c, h)),
    "all_summed": lambda states, query: _path(states, query).sum(axis=0),
    "norms": (
        lambda states, query: np.linalg.norm(_path(states, query), axis=(1, 2)),
        lambda states, query: np.linalg.norm(_path(states, query), ord=2, axis=(1, 2)),
    ),
    "last_alone": lambda states, query: _path(states, query)[-1],
}


TEXTS = texts("gradients")
EXERCISES = {
    "02.bptt": Exercise(**TEXTS["02.bptt"], solve=bptt, case=_bptt_case, mistakes=BPTT_MISTAKES),
    "02.diagnose": Exercise(
        **TEXTS["02.diagnose"],
        answer="find_bug",
        text=source(gradients_with, find_bug),
        solve=_find_bug,
        case=_diagnose_case,
        mistakes=DIAGNOSE_MISTAKES,
    ),
    "02.fate": Exercise(
        **TEXTS["02.fate"],
        answer="fate",
        text=source(fate),
        solve=_fate,
        case=_fate_case,
        mistakes=FATE_MISTAKES,
    ),
    "02.clip": Exercise(**TEXTS["02.clip"], solve=clip, case=_clip_case, mistakes=CLIP_MISTAKES),
    "02.rescue": Exercise(
        **TEXTS["02.rescue"],
        answer="train_clipped",
        text=source(train_clipped),
        solve=_rescued,
        case=_bowl_case,
        mistakes=RESCUE_MISTAKES,
        probe=on_a_bowl,
        takes=5,
    ),
    "02.lstm": Exercise(
        **TEXTS["02.lstm"], solve=lstm_step, case=_lstm_case, mistakes=LSTM_MISTAKES
    ),
    "02.path": Exercise(
        **TEXTS["02.path"],
        answer="one_step_path",
        text=source(one_step_path),
        solve=_one_step_path,
        case=_path_case,
        mistakes=PATH_MISTAKES,
    ),
    "02.jacobian": Exercise(
        **TEXTS["02.jacobian"],
        answer="step_jacobian",
        text=source(step_jacobian),
        solve=_step,
        case=_step_case,
        mistakes=JACOBIAN_MISTAKES,
    ),
    "02.product": Exercise(
        **TEXTS["02.product"], solve=through_time, case=_states_case, mistakes=PRODUCT_MISTAKES
    ),
}
