"""Exercises of chapter 2: the Jacobian of one step, the product through time, and clipping."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from attention_course.exercises.drawing import Draw
from attention_course.exercises.exercise import Exercise, source, texts

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


TEXTS = texts("gradients")
EXERCISES = {
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
    "02.clip": Exercise(**TEXTS["02.clip"], solve=clip, case=_clip_case, mistakes=CLIP_MISTAKES),
}
