"""Each checker of chapter 2 accepts right answers and names what is wrong with the others."""

import numpy as np
from proof import accepts, refuses

from attention_course.exercises import check
from attention_course.exercises.gradients import _products as products
from attention_course.exercises.gradients import step_jacobian, through_time


def slope(h):
    return 1 - h**2


def test_jacobian():
    def by_finite_differences(h, U):
        z, columns = np.arctanh(h), []
        for j in range(len(h)):
            move = 1e-6 * U[j]  # what old neuron j adds to every sum
            columns.append((np.tanh(z + move) - np.tanh(z - move)) / 2e-6)
        return np.stack(columns, axis=1)

    accepts(
        "02.jacobian",
        by_finite_differences,
        lambda h, U: np.diag(slope(h)) @ U.T,
        lambda h, U: ((U * slope(h)).T).astype("float32").tolist(),
    )
    refuses(
        "02.jacobian",
        {
            "U not transposed": (lambda h, U: slope(h)[:, None] * U, "wrong way round"),
            "transposed result": (lambda h, U: U * slope(h), "transpose of the one asked"),
            "slope on columns": (lambda h, U: U.T * slope(h), "multiplies the columns"),
            "no slope": (lambda h, U: U.T, "derivative of tanh is missing"),
            "no U": (lambda h, U: np.diag(slope(h)), "weights U are missing"),
            "tanh twice": (lambda h, U: slope(np.tanh(h))[:, None] * U.T, "once more"),
            "1 - h": (lambda h, U: (1 - h)[:, None] * U.T, "one minus the square"),
            "1 + h^2": (lambda h, U: (1 + h**2)[:, None] * U.T, "above 1"),
            "sigmoid": (lambda h, U: (h * (1 - h))[:, None] * U.T, "sigmoid"),
            "h^2": (lambda h, U: (h**2)[:, None] * U.T, "undecided"),
            "diagonal": (lambda h, U: np.diag(slope(h) * np.diag(U)), "Only the diagonal"),
            "constant": (lambda h, U: np.full(U.shape, 0.5), "finite differences"),
            "a number": (lambda h, U: slope(h) @ U.sum(0), "shape ()"),
            "NaN": (lambda h, U: U.T * np.nan, "NaN"),
            "in place": (lambda h, U: np.multiply(U, slope(h), out=U).T, "in place"),
        },
    )


def test_product():
    def from_scratch(states, U):
        T, n = states.shape
        result = []
        for t in range(T):
            P = np.eye(n)
            for s in range(t + 1, T):
                P = np.diag(slope(states[s])) @ U.T @ P
            result.append(P)
        return np.array(result)

    accepts("02.product", from_scratch)
    refuses(
        "02.product",
        {
            "order": (lambda s, U: products(s, U, order="earlier first"), "do not commute"),
            "one early": (lambda s, U: products(s, U, shift=0), "one step too early"),
            "U": (lambda s, U: products(s, U, recurrent="plain"), "wrong way round in every"),
            "no slope": (lambda s, U: products(s, U, factor=False), "powers of U alone"),
            "sum": (lambda s, U: products(s, U, add=True), "chain rule multiplies"),
            "reversed": (lambda s, U: through_time(s, U)[::-1], "reverse order"),
            "transposed": (lambda s, U: through_time(s, U).swapaxes(1, 2), "is transposed"),
            "single steps": (
                lambda s, U: np.array([step_jacobian(h, U) for h in s]),
                "single steps",
            ),
            "first only": (
                lambda s, U: np.array([np.zeros_like(U)] * (len(s) - 1) + [np.eye(len(U))]),
                "Only the last entry",
            ),
            "one factor more": (
                lambda s, U: through_time(s, U) @ np.array([step_jacobian(h, U) for h in s]),
                "one factor too many",
            ),
            "from the first": (
                lambda s, U: np.array([through_time(s[: t + 1], U)[0] for t in range(len(s))]),
                "on the first one",
            ),
            "norms": (
                lambda s, U: np.linalg.norm(through_time(s, U), axis=(1, 2)),
                "perhaps the norms",
            ),
            "no identity": (lambda s, U: through_time(s, U)[:-1], "the last state belongs"),
            "constant": (lambda s, U: np.ones((len(s), *U.shape)), "finite differences"),
        },
    )


def norm(g):
    return np.sqrt(sum(np.sum(a**2) for a in g))


def test_clip():
    def by_concatenation(gradients, limit):
        flat = np.concatenate([g.ravel() for g in gradients])
        factor = limit / max(np.linalg.norm(flat), limit)
        return tuple(factor * g for g in gradients)

    def factored(measure):
        def clip(g, limit):
            size = measure(g)
            return [a * (limit / size) if size > limit else a for a in g]

        return clip

    def each(g, limit):
        return [a * limit / max(np.linalg.norm(a), limit) for a in g]

    accepts("02.clip", by_concatenation)
    refuses(
        "02.clip",
        {
            "by value": (lambda g, c: [np.clip(a, -c, c) for a in g], "every number by itself"),
            "each array": (each, "its own norm"),
            "always": (lambda g, c: [a * c / (norm(g) or 1) for a in g], "stretched"),
            "never": (lambda g, c: g, "Nothing is clipped"),
            "no root": (factored(lambda g: norm(g) ** 2), "square root"),
            "sum of norms": (
                factored(lambda g: sum(np.linalg.norm(a) for a in g)),
                "add the norms of the arrays",
            ),
            "largest entry": (factored(lambda g: max(np.abs(a).max() for a in g)), "largest"),
            "1-norm": (factored(lambda g: sum(np.abs(a).sum() for a in g)), "1-norm"),
            "to one": (
                lambda g, c: [a / norm(g) if norm(g) > c else a for a in g],
                "whatever the limit",
            ),
            "to zero": (lambda g, c: [a * (norm(g) <= c) for a in g], "throw a long gradient"),
            "zero division": (
                lambda g, c: [a * min(1, c / norm(g)) if a.any() else a / norm(g) for a in g],
                "divide by zero",
            ),
            "one array": (lambda g, c: np.concatenate([a.ravel() for a in g]), "a list with one"),
            "norm too": (lambda g, c: [*each(g, c), norm(g)], "and nothing else"),
            "flat": (lambda g, c: [a.ravel() for a in g], "shape"),
            "half": (lambda g, c: [a / 2 for a in g], "differ from the definition"),
        },
    )


def test_an_empty_answer_is_not_called_wrong():
    for name in ("02.jacobian", "02.product", "02.clip"):
        assert check(name, None).status == "unanswered"
        assert check(name, lambda *inputs: None).status == "unanswered"


def test_arrays_inside_a_list_must_not_be_changed_in_place():
    def clip(gradients, limit):
        for g in gradients:
            g /= max(1.0, norm(gradients) / limit)
        return gradients

    verdict = check("02.clip", clip)
    assert verdict.status == "wrong"
    assert "in place" in verdict.message
