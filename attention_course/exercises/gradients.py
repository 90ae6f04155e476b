"""Exercises of chapter 2: the Jacobian of one step, the product through time, and clipping."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from attention_course.exercises.drawing import Draw
from attention_course.exercises.exercise import Exercise
from attention_course.words import mark

# --- 02.jacobian ------------------------------------------------------------------------------


def step_jacobian(h, U):
    """Jacobian d h_t / d h_(t-1), shape (n, n), from the state h (n,) after the step."""
    n = len(h)
    J = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            J[i, j] = (1 - h[i] ** 2) * U[j, i]
    return J


def _states(draw: Draw, *shape: int) -> np.ndarray:
    """What a tanh gives; beside whole weights it is half a number, so that products have parts."""
    states = draw.numbers(*shape, low=-1, high=1)
    return states / 2 if draw.kind == "whole" else states


def _step_case(draw: Draw) -> tuple:
    n = draw.size()
    return _states(draw, n), draw.numbers(n, n)


def _step(h: np.ndarray, U: np.ndarray) -> np.ndarray:
    return (1 - h**2)[:, None] * U.T


JACOBIAN_MISTAKES = {
    mark(
        "U is used the wrong way round: in h @ U the weight from old neuron j to new neuron i is "
        "U[j, i], so the entry in row i and column j needs U[j, i]."
    ): lambda h, U: (1 - h**2)[:, None] * U,
    mark("Your matrix is the transpose of the one asked for: rows are new neurons, columns old."): (
        lambda h, U: _step(h, U).T
    ),
    mark(
        "The factor of tanh' multiplies the columns; it belongs to the new neurons, so it "
        "multiplies the rows: (1 - h**2)[:, None]."
    ): lambda h, U: (1 - h**2) * U.T,
    mark("The derivative of tanh is missing: multiply row i by 1 - h[i]**2."): lambda h, U: U.T,
    mark("Only tanh' is there; the weights U are missing."): lambda h, U: np.diag(1 - h**2),
    mark("You apply tanh once more: h is already the output of the tanh, so tanh' is 1 - h**2."): (
        lambda h, U: _step(np.tanh(h), U)
    ),
    mark("Your factor is 1 - h; the derivative of tanh is one minus the square of h."): (
        lambda h, U: (1 - h)[:, None] * U.T
    ),
    mark("Your factor is 1 + h**2, which is above 1; the derivative of tanh never is."): (
        lambda h, U: (1 + h**2)[:, None] * U.T
    ),
    mark("h(1 - h) is the derivative of the sigmoid; this network uses tanh."): (
        lambda h, U: (h * (1 - h))[:, None] * U.T
    ),
    mark("Your factor is h**2; 1 - h**2 is large where the neuron is undecided, not saturated."): (
        lambda h, U: (h**2)[:, None] * U.T
    ),
    mark("Only the diagonal is filled: every new neuron depends on every old one."): (
        lambda h, U: np.diag(np.diag(_step(h, U)))
    ),
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
    steps, n = draw.length(), draw.size()
    return _states(draw, steps, n), draw.numbers(n, n)


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
    mark("The factors stand in the wrong order: the latest step is leftmost, J_T ... J_(t+1)."): (
        partial(_products, join=lambda later, J: J @ later)
    ),
    mark(
        "Every factor is one step too early: the step from t to t + 1 has the slope at the state "
        "it arrives at, states[t + 1]."
    ): lambda states, U: _products(np.concatenate([states[:1], states[:-1]]), U),
    mark("You add the factors; the chain rule multiplies them."): partial(_products, join=np.add),
    mark(
        "The products are right but in reverse order: the identity, of the last state, is last."
    ): (lambda states, U: _products(states, U)[::-1]),
    mark(
        "Each of your matrices is transposed: rows are the neurons of h_T, columns those of h_t."
    ): (lambda states, U: _products(states, U).swapaxes(1, 2)),
    mark("These are the single steps; multiply them, from step t + 1 up to the last."): _steps,
    mark("These are the single steps, with the identity last; multiply them, step by step."): (
        partial(_products, join=lambda later, J: J)
    ),
    mark("Only the last entry is filled: work back from it, one factor per step."): (
        partial(_products, join=lambda later, J: 0 * J)
    ),
    mark("Each product has one factor too many: d h_T / d h_T is the identity."): (
        lambda states, U: _products(states, U) @ _steps(states, U)
    ),
    mark(
        "Yours says how each state depends on the first one; asked is how the last state depends "
        "on each."
    ): lambda states, U: np.stack([_products(states[:t], U)[0] for t in range(1, len(states) + 1)]),
    mark("You return T numbers, the norms: return the matrices themselves, shape (T, n, n)."): (
        lambda states, U: np.linalg.norm(_products(states, U), axis=(1, 2))
    ),
    mark("You return T numbers, the spectral norms: return the matrices, shape (T, n, n)."): (
        lambda states, U: np.linalg.norm(_products(states, U), ord=2, axis=(1, 2))
    ),
    mark("You return one product, over all steps: keep that of every state on the way."): (
        lambda states, U: _products(states, U)[0]
    ),
    mark("You return T - 1 matrices for T states: the identity, of the last state, is missing."): (
        lambda states, U: _products(states, U)[:-1]
    ),
    mark("You return T - 1 matrices for T states: that of the first state, t = 0, is missing."): (
        lambda states, U: _products(states, U)[min(1, len(states) - 1) :]
    ),
    **{why: partial(_products, step=wrong) for why, wrong in JACOBIAN_MISTAKES.items()},
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
    gradients = []
    for _ in range(draw.length(0, 5)):
        shape = [draw.size(most=3) for _ in range(random.integers(4))]
        gradients.append(np.asarray(draw.numbers(*shape)))
        gradients[-1] *= random.random() < (0.3 if draw.kind == "zeros" else 0.8)
    # Just below and above the norm lie the other measures that a mistake may take for it.
    limit = float((_norm(gradients) or 1.0) * random.choice([0.1, 0.5, 0.9, 1.1, 2, 10]))
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
    mark("Nothing is clipped: a gradient longer than the limit comes back as it was."): (
        lambda gradients, limit: [g * 1.0 for g in gradients]
    ),
    mark(
        "You clip every number by itself, which turns the gradient; multiply all by one factor."
    ): (lambda gradients, limit: [np.clip(g, -limit, limit) for g in gradients]),
    mark(
        "You clip every array by its own norm: the arrays then shrink by different factors and "
        "the direction changes. Take one norm over all of them."
    ): lambda gradients, limit: [_by(_norm)([g], limit)[0] for g in gradients],
    mark(
        "A gradient that is short enough must stay as it is; yours is stretched up to the limit."
    ): lambda gradients, limit: [g * (limit / (_norm(gradients) or limit)) for g in gradients],
    mark(
        "A gradient that is short enough must stay as it is; yours is stretched up to the limit, "
        "and one of zeros even divided by zero."
    ): lambda gradients, limit: [g * limit / _norm(gradients) for g in gradients],
    mark("A gradient of zeros makes you divide by zero: it needs no clipping at all."): (
        lambda gradients, limit: [
            g / _norm(gradients) * min(_norm(gradients), limit) for g in gradients
        ]
    ),
    mark("The square root is missing: the norm is the root of the sum of squares."): (
        _by(lambda gradients: _norm(gradients) ** 2)
    ),
    mark("You add the norms of the arrays; add their squares, then take the root."): (
        _by(lambda gradients: sum(_norm([g]) for g in gradients))
    ),
    mark("You measure by the largest entry; the norm counts all entries."): (
        _by(lambda gradients: max((np.abs(g).max() for g in gradients), default=0))
    ),
    mark("You add absolute values (the 1-norm); the norm here is Euclidean: squares, sum, root."): (
        _by(lambda gradients: sum(np.abs(g).sum() for g in gradients))
    ),
    mark("A clipped gradient of yours has norm 1 whatever the limit: multiply by limit / norm."): (
        lambda gradients, limit: [
            g / (_norm(gradients) if _norm(gradients) > limit else 1) for g in gradients
        ]
    ),
    mark("You throw a long gradient away; shorten it instead: its direction is still good."): (
        lambda gradients, limit: [g * (_norm(gradients) <= limit) for g in gradients]
    ),
    mark(
        "You add a small number to the norm, which spoils gradients that are as small; compare "
        "the norm with the limit first, and you never divide by zero."
    ): _by(lambda gradients: _norm(gradients) + 1e-6),
}


EXERCISES = {
    "02.jacobian": Exercise(
        name="02.jacobian",
        question=mark(
            "Write step_jacobian(h, U): the matrix d h_t / d h_(t-1) of one recurrent step, "
            "from the state h after the step and the recurrent weights U."
        ),
        solve=step_jacobian,
        case=_step_case,
        results=(mark("the Jacobian"),),
        mistakes=JACOBIAN_MISTAKES,
        hints=(
            mark("Row i, column j: by how much does new neuron i move when old neuron j moves?"),
            mark(
                "In h_(t-1) @ U, old neuron j reaches new neuron i through the weight U[j, i]. "
                "Then the tanh adds its slope."
            ),
            mark(
                "tanh' = 1 - tanh**2, and h is already the tanh. So row i of U.T is multiplied by "
                "1 - h[i]**2: (1 - h**2)[:, None] * U.T."
            ),
        ),
        praise=mark("It agrees with finite differences for 2, 3 and 5 neurons."),
    ),
    "02.product": Exercise(
        name="02.product",
        question=mark(
            "Write through_time(states, U): d h_T / d h_t for every step t, as one array of "
            "shape (T, n, n)."
        ),
        solve=through_time,
        case=_states_case,
        results=(mark("the array of products"),),
        mistakes=PRODUCT_MISTAKES,
        hints=(
            mark("Begin at the end. How much does the last state depend on itself?"),
            mark(
                "From products[t + 1] to products[t] there is one more step: the one that arrives "
                "at states[t + 1]. Its Jacobian stands on the right."
            ),
            mark(
                "products[T - 1] = np.eye(n); then for t = T - 2 down to 0: "
                "products[t] = products[t + 1] @ J, with J made from states[t + 1] and U."
            ),
        ),
        praise=mark("The identity comes last, and every earlier entry has one factor more."),
    ),
    "02.clip": Exercise(
        name="02.clip",
        question=mark(
            "Write clip(gradients, limit): a list of arrays, all multiplied by one factor, so "
            "that their joint Euclidean norm is at most limit."
        ),
        solve=clip,
        case=_clip_case,
        results=(mark("the list of clipped arrays"),),
        mistakes=CLIP_MISTAKES,
        hints=(
            mark("Think of all arrays as one long arrow. You may shorten it, but not turn it."),
            mark(
                "The joint norm is the root of the sum of all squares, over all arrays. "
                "Compare it with the limit before you do anything."
            ),
            mark(
                "factor = 1.0 if norm <= limit else limit / norm; return [g * factor for g in "
                "gradients]."
            ),
        ),
        praise=mark("Long gradients keep their direction, short ones and zeros are left alone."),
    ),
}
