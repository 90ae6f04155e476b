"""Exercises of chapter 2: the Jacobian of one step, the product through time, and clipping.

Each checker computes the right answer and, when the student's differs, the answers that common
mistakes lead to. The mistake whose numbers the student has is the one that is named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from attention_course.exercises._harness import Exercise, as_array, call, close, fail, source

TOLERANCE = 1e-5  # an answer computed in float32 is right too
Mistakes = Sequence[tuple[Callable[..., Any], str]]


def _name_the_mistake(found: list, cases: list, mistakes: Mistakes, otherwise: str) -> None:
    """Say which mistake gives the numbers ``found``, or else ``otherwise``."""
    for wrong, sentence in mistakes:
        if all(
            close(answer, wrong(*case), TOLERANCE)
            for answer, case in zip(found, cases, strict=True)
        ):
            fail(sentence)
    fail(otherwise)


def _all_close(found: list, cases: list, right: Callable) -> bool:
    pairs = zip(found, cases, strict=True)
    return all(close(answer, right(*case), TOLERANCE) for answer, case in pairs)


# --- 02.jacobian ------------------------------------------------------------------------------


def step_jacobian(h, U):
    """Jacobian d h_t / d h_(t-1), shape (n, n), from the state h (n,) after the step."""
    n = len(h)
    J = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            J[i, j] = (1 - h[i] ** 2) * U[j, i]
    return J


JACOBIAN_MISTAKES: Mistakes = (
    (
        lambda h, U: (1 - h**2)[:, None] * U,
        "U is used the wrong way round: in h @ U the weight from old neuron j to new neuron i is "
        "U[j, i], so the entry in row i and column j needs U[j, i].",
    ),
    (
        lambda h, U: (1 - h**2)[None, :] * U,
        "Your matrix is the transpose of the one asked for: rows are the new neurons i, columns "
        "the old neurons j.",
    ),
    (
        lambda h, U: (1 - h**2)[None, :] * U.T,
        "The factor of tanh' multiplies the columns; it belongs to the new neurons, so it "
        "multiplies the rows: (1 - h**2)[:, None].",
    ),
    (
        lambda h, U: U.T,
        "The derivative of tanh is missing: multiply row i by 1 - h[i]**2.",
    ),
    (
        lambda h, U: np.diag(1 - h**2),
        "Only tanh' is there; the recurrent weights U are missing.",
    ),
    (
        lambda h, U: (1 - np.tanh(h) ** 2)[:, None] * U.T,
        "You apply tanh once more: h is already the output of the tanh, so tanh' is 1 - h**2.",
    ),
    (
        lambda h, U: (1 - h)[:, None] * U.T,
        "Your factor is 1 - h; the derivative of tanh is one minus the square of h.",
    ),
    (
        lambda h, U: (1 + h**2)[:, None] * U.T,
        "Your factor is 1 + h**2, which is above 1; the derivative of tanh never is.",
    ),
    (
        lambda h, U: (h * (1 - h))[:, None] * U.T,
        "h(1 - h) is the derivative of the sigmoid; this network uses tanh.",
    ),
    (
        lambda h, U: (h**2)[:, None] * U.T,
        "Your factor is h**2; it should be 1 - h**2: large where the neuron is undecided, small "
        "where it is saturated.",
    ),
    (
        lambda h, U: np.diag((1 - h**2) * np.diag(U)),
        "Only the diagonal is filled: every new neuron depends on every old one.",
    ),
)


def _check_jacobian(answer: Any) -> None:
    random = np.random.default_rng(21)
    cases = [(random.uniform(-0.9, 0.9, size=n), random.normal(size=(n, n))) for n in (2, 3, 5)]
    found = [
        as_array(call(answer, *case), (len(case[0]),) * 2, f"the Jacobian for n = {len(case[0])}")
        for case in cases
    ]
    if not _all_close(found, cases, step_jacobian):
        _name_the_mistake(
            found,
            cases,
            JACOBIAN_MISTAKES,
            "Your Jacobian differs from what finite differences measure: entry (i, j) says how "
            "much new neuron i moves when old neuron j moves, (1 - h[i]**2) * U[j, i].",
        )


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


def _products(
    states: np.ndarray,
    U: np.ndarray,
    *,
    shift: int = 1,
    order: str = "later first",
    recurrent: str = "T",
    factor: bool = True,
    add: bool = False,
) -> np.ndarray:
    """The right product, or one with the mistakes the parameters name."""
    T, n = states.shape
    result = np.zeros((T, n, n))
    result[T - 1] = np.eye(n)
    for t in range(T - 2, -1, -1):
        slope = 1 - states[t + shift] ** 2 if factor else np.ones(n)
        J = slope[:, None] * (U.T if recurrent == "T" else U)
        later = result[t + 1]
        if add:
            result[t] = later + J
        else:
            result[t] = later @ J if order == "later first" else J @ later
    return result


PRODUCT_MISTAKES: Mistakes = (
    (
        lambda s, U: _products(s, U, order="earlier first"),
        "The factors stand in the wrong order: matrices do not commute, and the latest step "
        "stands leftmost, J_T ... J_(t+1).",
    ),
    (
        lambda s, U: _products(s, U, shift=0),
        "Every factor is one step too early: the step from t to t + 1 has the slope at the state "
        "it arrives at, states[t + 1].",
    ),
    (
        lambda s, U: _products(s, U, recurrent="plain"),
        "U is used the wrong way round in every factor: the step's Jacobian is "
        "(1 - h**2)[:, None] * U.T.",
    ),
    (
        lambda s, U: _products(s, U, factor=False),
        "You take powers of U alone: the slope 1 - h**2 of every step is missing.",
    ),
    (
        lambda s, U: _products(s, U, add=True),
        "You add the factors; the chain rule multiplies them.",
    ),
    (
        lambda s, U: _products(s, U)[::-1],
        "The products are right but in reverse order: entry t belongs to state t, so the identity "
        "comes last.",
    ),
    (
        lambda s, U: _products(s, U).swapaxes(1, 2),
        "Each of your matrices is transposed: rows are the neurons of h_T, columns those of h_t.",
    ),
    (
        lambda s, U: np.stack([(1 - h**2)[:, None] * U.T for h in s]),
        "These are the single steps; multiply them, from step t + 1 up to the last.",
    ),
    (
        lambda s, U: np.stack([np.zeros_like(U)] * (len(s) - 1) + [np.eye(len(U))]),
        "Only the last entry is filled: work back from it, one factor per step.",
    ),
    (
        lambda s, U: np.stack(
            [p @ ((1 - h**2)[:, None] * U.T) for p, h in zip(_products(s, U), s, strict=True)]
        ),
        "Each product has one factor too many: d h_T / d h_T is the identity.",
    ),
    (
        lambda s, U: np.stack(
            [np.eye(len(U))] + [_products(s[: t + 1], U)[0] for t in range(1, len(s))]
        ),
        "Yours says how each state depends on the first one; asked is how the last state depends "
        "on each.",
    ),
)


def _check_product(answer: Any) -> None:
    random = np.random.default_rng(22)
    cases = [
        (random.uniform(-0.9, 0.9, size=(T, n)), random.normal(size=(n, n)))
        for T, n in ((4, 2), (5, 3), (3, 3))
    ]
    found = []
    for states, U in cases:
        T, n = states.shape
        result = as_array(call(answer, states, U), None, "the array of products")
        if result.shape == (T,):
            fail(
                f"You return {T} numbers, perhaps the norms: return the matrices themselves, "
                f"shape (T, n, n) = {(T, n, n)}."
            )
        if result.shape == (T - 1, n, n):
            fail(
                f"You return {T - 1} matrices for {T} states: the last state belongs to it too, "
                "with the identity."
            )
        found.append(as_array(result, (T, n, n), "the array of products, (T, n, n),"))
    if not _all_close(found, cases, through_time):
        _name_the_mistake(
            found,
            cases,
            PRODUCT_MISTAKES,
            "Your products differ from what finite differences measure: begin with the identity "
            "at the last step and multiply by one step's Jacobian from the right going back.",
        )


# --- 02.clip ----------------------------------------------------------------------------------


def clip(gradients, limit):
    """All gradients times one common factor, so that their joint norm is at most `limit`."""
    norm = np.sqrt(sum(np.sum(g**2) for g in gradients))
    factor = 1.0 if norm <= limit else limit / norm
    return [g * factor for g in gradients]


def _norm(gradients: list[np.ndarray]) -> float:
    return float(np.sqrt(sum(np.sum(g**2) for g in gradients)))


def _each(gradients: list[np.ndarray], limit: float) -> list[np.ndarray]:
    return [g * min(1.0, limit / _norm([g])) if g.any() else g for g in gradients]


def _by_factor(measure: Callable[[list], float]) -> Callable:
    def wrong(gradients: list[np.ndarray], limit: float) -> list[np.ndarray]:
        size = measure(gradients)
        return [g * (limit / size if size > limit else 1.0) for g in gradients]

    return wrong


CLIP_MISTAKES: Mistakes = (
    (
        lambda g, limit: [np.clip(a, -limit, limit) for a in g],
        "You clip every number by itself, which turns the gradient into another direction; "
        "multiply all of it by one factor.",
    ),
    (
        _each,
        "You clip every array by its own norm: the arrays then shrink by different factors and "
        "the direction changes. Take one norm over all of them.",
    ),
    (
        lambda g, limit: [a * (limit / _norm(g) if _norm(g) else 1) for a in g],
        "A gradient that is short enough must stay as it is; yours is stretched up to the limit.",
    ),
    (
        lambda g, limit: list(g),
        "Nothing is clipped: a gradient longer than the limit comes back as it was.",
    ),
    (
        _by_factor(lambda g: _norm(g) ** 2),
        "The square root is missing: the norm is the root of the sum of squares.",
    ),
    (
        _by_factor(lambda g: sum(_norm([a]) for a in g)),
        "You add the norms of the arrays; add their squares, then take the root.",
    ),
    (
        _by_factor(lambda g: max(float(np.abs(a).max()) for a in g)),
        "You measure by the largest entry; the norm counts all entries.",
    ),
    (
        _by_factor(lambda g: float(sum(np.abs(a).sum() for a in g))),
        "You add absolute values (the 1-norm); the norm here is Euclidean: squares, sum, root.",
    ),
    (
        lambda g, limit: [a / _norm(g) if _norm(g) > limit else a for a in g],
        "A clipped gradient of yours has norm 1 whatever the limit: multiply by limit / norm.",
    ),
    (
        lambda g, limit: [a if _norm(g) <= limit else np.zeros_like(a) for a in g],
        "You throw a long gradient away; shorten it instead: its direction is still good.",
    ),
)


def _check_clip(answer: Any) -> None:
    random = np.random.default_rng(23)
    long = [4 * random.normal(size=shape) for shape in ((2, 3), (3,), (4,))]
    cases = [
        (long, 1.5),
        ([0.01 * g for g in long], 1.5),
        ([np.array([3.0, 0.2]), np.array([[0.1], [4.0]])], 2.0),
        # Its norm lies below the limit, while its 1-norm and its norms' sum lie above.
        ([np.array([0.9, 0.0]), np.array([0.9])], 1.4),
        ([np.zeros(2), np.zeros((2, 2))], 1.0),
    ]
    found = []
    for gradients, limit in cases:
        result = call(answer, gradients, limit)
        if isinstance(result, np.ndarray) or not isinstance(result, list | tuple):
            fail("Return a list with one clipped array for each array given.")
        if len(result) != len(gradients):
            fail(
                f"You return {len(result)} things for {len(gradients)} arrays: return the clipped "
                "arrays and nothing else."
            )
        if not any(g.any() for g in gradients):
            _refuse_nan(result)
        parts = [
            as_array(part, g.shape, f"clipped array number {k}")
            for k, (part, g) in enumerate(zip(result, gradients, strict=True), start=1)
        ]
        found.append(np.concatenate([part.ravel() for part in parts]))
    if not _all_close(found, cases, lambda g, limit: _flat(clip(g, limit))):
        flat = [(lambda *case, w=wrong: _flat(w(*case)), words) for wrong, words in CLIP_MISTAKES]
        _name_the_mistake(
            found,
            cases,
            flat,
            "Your clipped gradients differ from the definition: one factor for all arrays, "
            "limit / norm where the joint norm is above the limit, and 1 elsewhere.",
        )


def _refuse_nan(result: Sequence[Any]) -> None:
    for part in result:
        if not np.isfinite(as_array(part, None, "a clipped array", finite=False)).all():
            fail("A gradient of zeros makes you divide by zero: it needs no clipping at all.")


def _flat(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.ravel(array) for array in arrays])


EXERCISES: dict[str, Exercise] = {
    exercise.name: exercise
    for exercise in (
        Exercise(
            name="02.jacobian",
            question=(
                "Write step_jacobian(h, U): the matrix d h_t / d h_(t-1) of one recurrent step, "
                "from the state h after the step and the recurrent weights U."
            ),
            answer="step_jacobian",
            check=_check_jacobian,
            hints=(
                "Row i, column j: by how much does new neuron i move when old neuron j moves?",
                "In h_(t-1) @ U, old neuron j reaches new neuron i through the weight U[j, i]. "
                "Then the tanh adds its slope.",
                "tanh' = 1 - tanh**2, and h is already the tanh. So row i of U.T is multiplied by "
                "1 - h[i]**2: (1 - h**2)[:, None] * U.T.",
            ),
            solution=source(step_jacobian),
            praise="It agrees with finite differences for 2, 3 and 5 neurons.",
        ),
        Exercise(
            name="02.product",
            question=(
                "Write through_time(states, U): d h_T / d h_t for every step t, as one array of "
                "shape (T, n, n)."
            ),
            answer="through_time",
            check=_check_product,
            hints=(
                "Begin at the end. How much does the last state depend on itself?",
                "From products[t + 1] to products[t] there is one more step: the one that arrives "
                "at states[t + 1]. Its Jacobian stands on the right.",
                "products[T - 1] = np.eye(n); then for t = T - 2 down to 0: "
                "products[t] = products[t + 1] @ J, with J made from states[t + 1] and U.",
            ),
            solution=source(through_time),
            praise="The identity comes last, and every earlier entry has one factor more.",
        ),
        Exercise(
            name="02.clip",
            question=(
                "Write clip(gradients, limit): a list of arrays, all multiplied by one factor, so "
                "that their joint Euclidean norm is at most limit."
            ),
            answer="clip",
            check=_check_clip,
            hints=(
                "Think of all arrays as one long arrow. You may shorten it, but not turn it.",
                "The joint norm is the root of the sum of all squares, over all arrays. "
                "Compare it with the limit before you do anything.",
                "factor = 1.0 if norm <= limit else limit / norm; return [g * factor for g in "
                "gradients].",
            ),
            solution=source(clip),
            praise="Long gradients keep their direction, short ones and zeros are left alone.",
        ),
    )
}
