"""Each checker of chapter 2 accepts right answers and names what is wrong with the others."""

import itertools
from functools import partial

import numpy as np
import pytest
from proof import accepts, published, refuses

from attention_course.exercises import EXERCISES, check
from attention_course.exercises.drawing import draw_cases
from attention_course.exercises.gradients import (
    bptt,
    clip,
    fate,
    find_bug,
    gradients_with,
    lstm_step,
    one_step_path,
    step_jacobian,
    through_time,
)
from attention_course.functional import gradients


def slope(h):
    return 1 - h**2


def remembering(answer, key, keep=lambda result: result):
    """Give back what was first computed for inputs with the same key."""
    seen = {}
    return lambda *inputs: keep(seen.setdefault(key(*inputs), answer(*inputs)))


def counting(answer):
    """Another result at every call."""
    calls = itertools.count(1)
    return lambda *inputs: [part + next(calls) for part in answer(*inputs)]


@pytest.mark.parametrize("neurons", [2, 3, 5])
def test_the_praise_is_true(neurons):
    random = np.random.default_rng(neurons)
    h, U = random.uniform(-0.9, 0.9, neurons), random.normal(size=(neurons, neurons))
    moves = 1e-6 * np.eye(neurons) @ U  # what each old neuron adds to every sum
    ends = [np.tanh(np.arctanh(h) + sign * moves) for sign in (1, -1)]
    assert np.allclose(step_jacobian(h, U), (ends[0] - ends[1]).T / 2e-6)


def test_jacobian_accepts_other_ways_of_writing_it():
    def column_by_column(h, U):
        return np.stack([slope(h) * U[j] for j in range(len(h))], axis=1)

    accepts(
        "02.jacobian",
        column_by_column,
        lambda h, U: np.diag(slope(h)) @ U.T,
        lambda h, U: np.einsum("i,ji->ij", (1 - h) * (1 + h), U),
        lambda h, U: (U * slope(h)).T.astype("float32").tolist(),
        lambda h, U: (slope(h.astype("float32"))[:, None] * U.astype("float32").T).copy(order="F"),
        lambda h, U: [[(1 - a * a) * row[i] for row in U] for i, a in enumerate(h)],
    )


def jacobian_by_arctanh(h, U):
    z = np.arctanh(h)
    ends = [np.tanh(z + sign * 1e-4 * U).T for sign in (1, -1)]
    return (ends[0] - ends[1]) / 2e-4


def jacobian_in(kind):
    """Written into an array of the type of an input."""

    def answer(h, U):
        J = np.zeros(U.shape, kind(h, U))
        J[:] = slope(h)[:, None] * U.T
        return J

    return answer


def jacobian_but(change):
    return lambda h, U: change(step_jacobian(h, U))


JACOBIAN_MUTANTS = {
    "U not transposed": (lambda h, U: slope(h)[:, None] * U, "wrong way round"),
    "transposed result": (lambda h, U: U * slope(h), "transpose of the one asked"),
    "slope on columns": (lambda h, U: U.T * slope(h), "multiplies the columns"),
    "no slope": (lambda h, U: U.T, "derivative of tanh is missing"),
    "no U": (lambda h, U: np.diag(slope(h)), "weights U are missing"),
    "tanh twice": (lambda h, U: U.T / np.cosh(h)[:, None] ** 2, "once more"),
    "1 - h": (lambda h, U: (1 - h)[:, None] * U.T, "one minus the square"),
    "1 + h^2": (lambda h, U: (1 + h**2)[:, None] * U.T, "above 1"),
    "sigmoid": (lambda h, U: (h * (1 - h))[:, None] * U.T, "sigmoid"),
    "h^2": (lambda h, U: (h**2)[:, None] * U.T, "undecided"),
    "diagonal": (lambda h, U: np.diag(slope(h) * np.diag(U)), "Only the diagonal"),
    "constant": (lambda h, U: np.full(U.shape, 0.5), "same number"),
    "a vector": (lambda h, U: slope(h) @ U.T, "(1, 1)"),
    "NaN": (lambda h, U: U.T * np.nan, "NaN"),
    "in place": (
        lambda h, U: np.multiply(U, slope(h), out=1.0 * U).T + np.add(U, 1, U) * 0,
        "place",
    ),
    "sign": (lambda h, U: (h**2 - 1)[:, None] * U.T, "wrong sign"),
    "rounded": (jacobian_but(lambda J: np.round(J, 2)), "rounded"),
    "clipped": (jacobian_but(lambda J: np.clip(J, -5, 5)), "5"),
    "tiny entries lost": (jacobian_but(lambda J: np.where(abs(J) < 1e-4, 0, J)), "For h ="),
    "half precision": (jacobian_but(lambda J: J.astype("float16")), "For h ="),
    "squeezed": (jacobian_but(np.squeeze), "axis of length 1 is lost"),
    "upper triangle": (jacobian_but(np.triu), "For h ="),
    "last row forgotten": (
        jacobian_but(lambda J: J * (np.arange(len(J)) < len(J) - 1)[:, None]),
        "",
    ),
    "wrong for one neuron": (lambda h, U: step_jacobian(h, U) * min(1, len(h) - 1), "length 1"),
    "three neurons at most": (lambda h, U: step_jacobian(h[:3], U[:3, :3]), "(3, 3)"),
    "buffer like U": (jacobian_in(lambda h, U: U.dtype), "Only inputs with whole numbers"),
    "buffer like h": (jacobian_in(lambda h, U: h.dtype), "For h ="),
    "saturated neurons kept alive": (
        lambda h, U: np.maximum(slope(h), 1e-3)[:, None] * U.T,
        "For h =",
    ),
    "a small number added": (lambda h, U: (slope(h) + 1e-5)[:, None] * U.T, "For h ="),
    "neuron at 0 taken for dead": (
        lambda h, U: np.where(h == 0, 0, slope(h))[:, None] * U.T,
        "Only inputs with zeros",
    ),
    "arctanh": (jacobian_by_arctanh, "For h ="),
    "root of a negative number": (lambda h, U: np.sqrt(h - h**3)[:, None] * U.T, "negative number"),
    "order in memory": (
        lambda h, U: slope(h)[:, None] * U.ravel(order="K").reshape(U.shape).T,
        "order in memory, go wrong",
    ),
    "U taken for symmetric": (lambda h, U: slope(h)[:, None] * (U + U.T) / 2, "For h ="),
    "remembers shapes": (remembering(step_jacobian, lambda h, U: len(h)), "For h ="),
    "counts": (counting(step_jacobian), "keeps something from one call"),
    "a pair": (lambda h, U: (step_jacobian(h, U), 1.0), "beside numbers"),
    "a generator": (lambda h, U: (row for row in step_jacobian(h, U)), "round brackets"),
    "text": (lambda h, U: str(step_jacobian(h, U)), "a string"),
    "nothing for one neuron": (lambda h, U: None if len(h) < 2 else step_jacobian(h, U), "None"),
}


def test_jacobian_refuses_wrong_answers():
    refuses("02.jacobian", JACOBIAN_MUTANTS)


def test_product_accepts_other_ways_of_writing_it():
    def from_scratch(states, U):
        result = []
        for t in range(len(states)):
            P = np.eye(len(U))
            for h in states[t + 1 :]:
                P = np.diag(slope(h)) @ U.T @ P
            result.append(P)
        return np.array(result)

    def recursive(states, U):
        if len(states) == 1:
            return [np.eye(len(U))]
        later = recursive(states[1:], U)
        return [later[0] @ step_jacobian(states[1], U), *later]

    def transposed(states, U):
        P, result = np.eye(len(U)), []
        for h in reversed(states):
            result.insert(0, P.T)
            P = U @ (slope(h)[:, None] * P)
        return np.stack(result)

    def single(states, U):
        return from_scratch(states.astype("float32"), U.astype("float32")).astype("float32")

    def with_einsum(states, U):
        P = [np.eye(len(U))]
        for h in states[:0:-1]:
            P.append(np.einsum("ij,j,kj->ik", P[-1], slope(h), U))
        return np.stack(P[::-1]).tolist()

    accepts("02.product", from_scratch, recursive, transposed, single, with_einsum)


def backwards(states, U, step=step_jacobian, join=np.matmul, last=0, first=None):
    products = [first or np.eye(len(U))]
    for h in states[:last:-1]:
        products.append(join(products[-1], step(h, U)))
    return np.stack(products[::-1])


def product_but(change):
    return lambda states, U: change(through_time(states, U))


def product_in(states, U):
    P = np.zeros((len(states), *U.shape), U.dtype)
    P[-1] = np.eye(len(U))
    for t in range(len(states) - 2, -1, -1):
        P[t] = P[t + 1] @ step_jacobian(states[t + 1], U)
    return P


def forward_products_divided(states, U):
    forward = [np.eye(len(U))]
    for h in states[1:]:
        forward.append(step_jacobian(h, U) @ forward[-1])
    return np.stack([forward[-1] @ np.linalg.inv(F) for F in forward])


def begins_with_two(states, U):
    products = [np.eye(len(U)), step_jacobian(states[-1], U)]
    for t in range(len(states) - 3, -1, -1):
        products.append(products[-1] @ step_jacobian(states[t + 1], U))
    return np.stack(products[::-1])


KEPT = []


def grows(states, U):
    KEPT.extend(through_time(states, U))
    return np.array([P for P in KEPT if P.shape == U.shape])[: len(states)]


def normed(P, J):
    return P @ J / max(np.linalg.norm(P @ J), 1e-9)


def steps_of(states, U):
    return np.array([step_jacobian(h, U) for h in states])


PRODUCT_MUTANTS = {
    "order": (
        lambda s, U: backwards(s, U, join=lambda P, J: J @ P),
        "wrong order",
    ),
    "one early": (
        lambda s, U: backwards(np.roll(s, 1, axis=0), U),
        "one step too early",
    ),
    "U": (
        lambda s, U: backwards(s, U, step=lambda h, U: slope(h)[:, None] * U),
        "wrong way round",
    ),
    "no slope": (
        lambda s, U: np.stack([np.linalg.matrix_power(U.T, k) for k in range(len(s))[::-1]]),
        "derivative of tanh is missing",
    ),
    "sum": (lambda s, U: backwards(s, U, join=np.add), "chain rule multiplies"),
    "entry by entry": (lambda s, U: backwards(s, U, join=np.multiply), "Only the diagonal"),
    "reversed": (product_but(lambda P: P[::-1]), "reverse order"),
    "transposed": (product_but(lambda P: P.swapaxes(1, 2)), "is transposed"),
    "single steps": (steps_of, "These are the single steps; multiply"),
    "identity and single steps": (
        lambda s, U: np.concatenate([steps_of(s[1:], U).reshape(-1, *U.shape), [np.eye(len(U))]]),
        "These are the single steps",
    ),
    "last only": (
        product_but(lambda P: P * (np.arange(len(P)) == len(P) - 1)[:, None, None]),
        "Only the last entry",
    ),
    "one factor more": (lambda s, U: through_time(s, U) @ steps_of(s, U), "one factor too many"),
    "from the first": (
        lambda s, U: np.array([through_time(s[: t + 1], U)[0] for t in range(len(s))]),
        "on the first one",
    ),
    "norms": (product_but(lambda P: np.sqrt((P**2).sum(axis=(1, 2)))), "the norms"),
    "spectral norms": (
        product_but(lambda P: np.linalg.svd(P, compute_uv=False)[:, 0]),
        "the norms",
    ),
    "no identity": (product_but(lambda P: P[:-1]), "the identity, of the last state, is missing"),
    "no first": (lambda s, U: backwards(s, U, last=min(1, len(s) - 1)), "the first state, t = 0"),
    "one product": (product_but(lambda P: P[0]), "one product, over all steps"),
    "ones": (lambda s, U: np.ones((len(s), *U.shape)), "same number"),
    "time last": (product_but(lambda P: np.moveaxis(P, 0, -1)), "axes have changed places"),
    "sign": (product_but(np.negative), "wrong sign"),
    "squeezed": (product_but(np.squeeze), "axis of length 1 is lost"),
    "a matrix for a single state": (
        lambda s, U: through_time(s, U) if len(s) > 1 else np.eye(len(U)),
        "(1, 1, 1)",
    ),
    "buffer like U": (product_in, "Only inputs with whole numbers"),
    "tiny entries lost": (
        lambda s, U: backwards(s, U, join=lambda P, J: np.where(abs(P @ J) < 1e-6, 0, P @ J)),
        "For states =",
    ),
    "explosion clipped": (product_but(lambda P: np.clip(P, -1e3, 1e3)), "For states ="),
    "divides": (forward_products_divided, "LinAlgError (Singular matrix)"),
    "two at least": (begins_with_two, "(2, 1, 1)"),
    "truncated after ten steps": (
        product_but(lambda P: P * (np.arange(len(P)) > len(P) - 11)[:, None, None]),
        "Only long inputs",
    ),
    "first place not filled": (
        product_but(lambda P: P * (np.arange(len(P)) > 0)[:, None, None]),
        "For states =",
    ),
    "mean slope": (
        lambda s, U: backwards(np.zeros_like(s) + s.mean(axis=0), U),
        "For states =",
    ),
    "last slope": (lambda s, U: backwards(np.zeros_like(s) + s[-1], U), "For states ="),
    "normed": (lambda s, U: backwards(s, U, join=normed), "For states ="),
    "half precision": (product_but(lambda P: P.astype("float16")), "For states ="),
    "wrong for one neuron": (
        lambda s, U: through_time(s, U) * (1 if len(U) > 1 else 2),
        "Only inputs with an axis of length 1",
    ),
    "grows": (grows, "For states ="),
    "counts": (counting(through_time), "keeps something from one call"),
    "in place": (lambda s, U: backwards(s, U) + 0 * np.add(s, 1, s).sum(), "states in place"),
    "a dictionary": (product_but(lambda P: dict(enumerate(P.tolist()))), "a dictionary"),
}


def test_product_refuses_wrong_answers():
    refuses("02.product", PRODUCT_MUTANTS)


def norm(g):
    return np.sqrt(sum(np.sum(a**2) for a in g))


def test_clip_accepts_other_ways_of_writing_it():
    def by_concatenation(gradients, limit):
        flat = np.concatenate([np.zeros(1), *(g.ravel() for g in gradients)])
        factor = limit / max(np.linalg.norm(flat), limit)
        return tuple(factor * g for g in gradients)

    def with_loops(gradients, limit):
        total = 0.0
        for g in gradients:
            for number in g.flat:
                total += float(number) ** 2
        if total <= limit**2:
            return gradients
        return [(g * limit / total**0.5).tolist() for g in gradients]

    def single(gradients, limit):
        parts = [np.asarray(g, "float32") for g in gradients]
        size = np.sqrt(sum(np.vdot(g, g) for g in parts))
        return [g * np.float32(min(1, limit / max(size, 1e-30))) for g in parts]

    def objects(gradients, limit):
        out = np.empty(len(gradients), dtype=object)
        for i, g in enumerate(clip(gradients, limit)):
            out[i] = g
        return out

    accepts(
        "02.clip",
        by_concatenation,
        with_loops,
        single,
        objects,
        lambda g, c: [a / max(1, norm(g) / c) for a in g],
        lambda g, c: [a * min(1.0, c / (norm(g) + 1e-15)) for a in g],
    )


def factored(measure, decides=None):
    def clip(g, limit):
        size = measure(g)
        return [a * (limit / size) if (decides or measure)(g) > limit else a for a in g]

    return clip


def clip_but(change):
    return lambda g, limit: change(clip(g, limit))


def each(g, limit):
    return [a * limit / max(np.linalg.norm(a), limit) for a in g]


def largest(g):
    return max([np.abs(a).max() for a in g], default=0)


def in_place(gradients, limit):
    factor = limit / max(norm(gradients), limit)
    for g in gradients:
        g *= factor
    return gradients


def no_else(g, limit):
    if norm(g) > limit:
        return clip(g, limit)


HIGHEST = [0.0]


def highest(g):
    HIGHEST[0] = max(HIGHEST[0], norm(g))
    return HIGHEST[0]


CLIP_MUTANTS = {
    "by value": (lambda g, c: [np.clip(a, -c, c) for a in g], "every number by itself"),
    "each array": (each, "its own norm"),
    "always": (lambda g, c: [a * c / (norm(g) or 1) for a in g], "stretched up to the limit."),
    "always, NaN": (lambda g, c: [a * c / norm(g) for a in g], "stretched up to the limit."),
    "never": (lambda g, c: g, "Nothing is clipped"),
    "no root": (factored(lambda g: norm(g) ** 2), "square root"),
    "sum of norms": (
        factored(lambda g: sum(np.linalg.norm(a) for a in g)),
        "add the norms of the arrays",
    ),
    "largest entry": (factored(largest), "largest"),
    "1-norm": (factored(lambda g: sum(np.abs(a).sum() for a in g)), "1-norm"),
    "to one": (lambda g, c: [a / norm(g) if norm(g) > c else a for a in g], "whatever the limit"),
    "to zero": (lambda g, c: [a * (norm(g) <= c) for a in g], "throw a long gradient"),
    "zero division": (
        lambda g, c: [a * min(1, c / norm(g)) if a.any() or norm(g) else a / norm(g) for a in g],
        "divide by zero",
    ),
    "a small number added": (
        lambda g, c: [a * min(1.0, c / (norm(g) + 1e-6)) for a in g],
        "a small number to the norm",
    ),
    "one array": (
        lambda g, c: np.concatenate([np.zeros(0), *(a.ravel() for a in clip(g, c))]),
        "Return a list of",
    ),
    "norm too": (lambda g, c: [*clip(g, c), norm(g)], "Return a list of"),
    "list and norm": (lambda g, c: (clip(g, c), norm(g)), "list"),
    "flat": (clip_but(lambda parts: [a.ravel() for a in parts]), "shape"),
    "half": (clip_but(lambda parts: [a / 2 for a in parts]), "For gradients ="),
    "sign": (clip_but(lambda parts: [-a for a in parts]), "wrong sign"),
    "squeezed": (clip_but(lambda parts: [np.squeeze(a) for a in parts]), "axis of length 1"),
    "transposed": (clip_but(lambda parts: [np.transpose(a) for a in parts]), "array number"),
    "rounded": (clip_but(lambda parts: [np.round(a, 2) for a in parts]), "rounded"),
    "reversed": (clip_but(lambda parts: parts[::-1]), "For gradients ="),
    "zeros left out": (clip_but(lambda parts: [a for a in parts if a.any()]), "Return a list of"),
    "a generator": (clip_but(lambda parts: (a for a in parts)), "round brackets"),
    "largest entry decides": (factored(norm, largest), "For gradients ="),
    "longest array decides": (
        factored(norm, lambda g: max([norm([a]) for a in g], default=0)),
        "For gradients =",
    ),
    "three arrays counted": (factored(lambda g: norm(g[:3])), "For gradients ="),
    "ten arrays clipped": (lambda g, c: clip(g, c)[:10] + g[10:], "For gradients ="),
    "an array of zeros stops all": (
        lambda g, c: g if any(not a.any() for a in g) else clip(g, c),
        "For gradients =",
    ),
    "tiny entries lost": (
        clip_but(lambda parts: [np.where(abs(a) < 1e-4, 0, a) for a in parts]),
        "For gradients =",
    ),
    "matrices by their spectral norm": (
        factored(
            lambda g: norm([np.linalg.norm(a, 2) if a.ndim == 2 else np.asarray(a) for a in g])
        ),
        "For gradients =",
    ),
    "trace": (
        factored(lambda g: np.sqrt(sum(a @ a if a.ndim == 1 else np.trace(a.T @ a) for a in g))),
        "stops with ValueError",
    ),
    "no array": (
        factored(lambda g: np.linalg.norm(np.concatenate([a.ravel() for a in g]))),
        "given gradients = []",
    ),
    "type of the input": (
        lambda g, c: [a.astype(b.dtype) for a, b in zip(clip(g, c), g, strict=True)],
        "Only inputs with whole numbers",
    ),
    "half precision": (
        clip_but(lambda parts: [a.astype("float16") for a in parts]),
        "For gradients =",
    ),
    "factor squared": (
        lambda g, c: [a * min(1, c / (norm(g) or c)) ** 2 for a in g],
        "For gradients =",
    ),
    "whole factor": (
        lambda g, c: [a * (c // norm(g)) if norm(g) > c else a for a in g],
        "throw a long gradient away",
    ),
    "mean of the squares": (
        factored(lambda g: norm(g) / max(1, sum(a.size for a in g)) ** 0.5),
        "For gradients =",
    ),
    "a margin": (lambda g, c: clip(g, 0.99 * c), "For gradients ="),
    "highest norm so far": (factored(highest), ""),
    "counts": (counting(clip), "keeps something"),
    "in place": (in_place, "gradients in place"),
    "no else": (no_else, "your function returns None"),
    "None inside": (clip_but(lambda parts: [None for _ in parts]), "None"),
}


def test_clip_refuses_wrong_answers():
    refuses("02.clip", CLIP_MUTANTS)


# --- 02.bptt ----------------------------------------------------------------------------------


def states_of(x, W, U, b):
    h = [np.zeros((len(x), len(U)))]
    for t in range(x.shape[1]):
        h.append(np.tanh(x[:, t] @ W + h[t] @ U + b))
    return h


def test_bptt_accepts_other_ways_of_writing_it():
    def one_by_one(x, outer, W, U, b):
        dW, dU, db = np.zeros(W.shape), np.zeros(U.shape), np.zeros(b.shape)
        for one, own in zip(x, outer, strict=True):
            h = states_of(one[None], W, U, b)
            back = np.zeros(len(U))
            for t in range(len(one))[::-1]:
                dz = slope(h[t + 1][0]) * (own[t] + back)
                dW += np.outer(one[t], dz)
                dU += np.outer(h[t][0], dz)
                db += dz
                back = U @ dz
        return dW, dU, db

    def stacked(x, outer, W, U, b):
        h = np.stack(states_of(x, W, U, b), axis=1)
        dz, back = np.zeros(outer.shape), 0
        for t in range(x.shape[1])[::-1]:
            dz[:, t] = (outer[:, t] + back) * slope(h[:, t + 1])
            back = dz[:, t] @ U.T
        return [
            np.einsum("btd,btn->dn", x, dz),
            np.einsum("btm,btn->mn", h[:, :-1], dz),
            dz.sum(axis=(0, 1)),
        ]

    def by_jacobians(x, outer, W, U, b):
        """Every step's own term carried back to every earlier step."""
        h = states_of(x, W, U, b)
        dW, dU, db = 0 * W, 0 * U, 0 * b
        for last in range(x.shape[1]):
            g = outer[:, last]
            for t in range(last, -1, -1):
                g = g * slope(h[t + 1])
                dW, dU, db = dW + x[:, t].T @ g, dU + h[t].T @ g, db + g.sum(axis=0)
                g = g @ U.T
        return dW, dU, db

    def single(x, outer, W, U, b):
        x, outer, W, U, b = (a.astype("float32") for a in (x, outer, W, U, b))
        return tuple(part.astype("float32") for part in stacked(x, outer, W, U, b))

    accepts("02.bptt", stacked, by_jacobians, single, one_by_one)


def bptt_but(change):
    return lambda *inputs: change(*bptt(*inputs))


def cut(x, outer, W, U, b, most=10):
    """Nothing comes from more than so many steps behind."""
    h, parts = states_of(x, W, U, b), []
    for t in range(x.shape[1]):
        back = 0
        for later in range(t, min(t + most, x.shape[1]))[::-1]:
            dz = (outer[:, later] + back) * slope(h[later + 1])
            back = dz @ U.T
        parts.append((x[:, t].T @ dz, h[t].T @ dz, dz.sum(axis=0)))
    return [sum(part) for part in zip(*parts, strict=True)]


BPTT_MUTANTS = {
    "no slope": (partial(gradients_with, 1), "slope of the tanh is missing"),
    "U": (partial(gradients_with, 2), "wrong way round"),
    "no way back": (partial(gradients_with, 3), "Nothing is passed back"),
    "the first step": (partial(gradients_with, 4), "belongs to one step alone"),
    "h after the step": (partial(gradients_with, 5), "uses h_t itself"),
    "the last outer": (partial(gradients_with, 6), "outer at the last step alone"),
    "truncated": (cut, "For x ="),
    "mean": (lambda x, *rest: [part / len(x) for part in bptt(x, *rest)], "size of the batch"),
    "order": (bptt_but(lambda dW, dU, db: (dU, dW, db)), "order"),
    "sign": (bptt_but(lambda dW, dU, db: (-dW, -dU, -db)), "wrong sign"),
    "transposed": (bptt_but(lambda dW, dU, db: (dW.T, dU.T, db)), "shape"),
    "db of each sequence": (
        lambda x, outer, W, U, b: (
            *bptt(x, outer, W, U, b)[:2],
            np.array([bptt(x[i : i + 1], outer[i : i + 1], W, U, b)[2] for i in range(len(x))]),
        ),
        "shape",
    ),
    "two of three": (bptt_but(lambda dW, dU, db: (dW, dU)), "return"),
    "the first sequence": (lambda x, outer, *rest: bptt(x[:1], outer[:1], *rest), "For x ="),
    "rounded": (bptt_but(lambda *parts: [np.round(part, 3) for part in parts]), "rounded"),
    "counts": (counting(bptt), "keeps something from one call"),
    "half precision": (bptt_but(lambda *p: [part.astype("float16") for part in p]), "For x ="),
    "wrong for one step": (
        lambda x, *rest: [part * (1 + (x.shape[1] == 1)) for part in bptt(x, *rest)],
        "For x =",
    ),
    "in place": (
        lambda x, outer, *rest: [
            part + 0 * np.add(outer, 1, outer).sum() for part in bptt(x, outer, *rest)
        ],
        "outer in place",
    ),
}


def test_bptt_refuses_wrong_answers():
    refuses("02.bptt", BPTT_MUTANTS)


def test_bptt_agrees_with_the_course_and_with_truncation_at_no_step():
    random = np.random.default_rng(0)
    x, outer = random.normal(size=(2, 5, 3)), random.normal(size=(2, 5, 4))
    weights = [random.normal(size=shape) for shape in ((3, 4), (4, 4), (4,))]
    for one, other, third in zip(
        bptt(x, outer, *weights),
        gradients.backpropagate(x, outer, *weights),
        cut(x, outer, *weights, most=5),
        strict=True,
    ):
        assert np.allclose(one, other)
        assert np.allclose(one, third)


# --- 02.diagnose ------------------------------------------------------------------------------


def test_every_bug_is_drawn_and_no_two_are_alike():
    exercise = EXERCISES["02.diagnose"]
    cases = draw_cases(exercise.case, 0, exercise.count)
    assert {find_bug(*case) for case in cases} == {*range(7)}
    for case in cases[:20]:
        inputs = [np.asarray(part, float) for part in case[:5]]
        made = [np.concatenate([p.ravel() for p in gradients_with(i, *inputs)]) for i in range(7)]
        for i, one in enumerate(made):
            for other in made[:i]:
                assert np.linalg.norm(one - other) > 0.04 * np.linalg.norm(one)


def test_diagnose_accepts_other_ways_of_writing_it():
    def with_allclose(x, outer, W, U, b, *given):
        for bug in range(7):
            own = gradients_with(bug, x, outer, W, U, b)
            size = max(np.abs(part).max() for part in own)
            if all(np.allclose(p, g, 1e-3, 1e-3 * size) for p, g in zip(own, given, strict=True)):
                return bug

    def squared(x, outer, W, U, b, *given):
        off = [
            sum(((p - g) ** 2).sum() for p, g in zip(own, given, strict=True))
            for own in (gradients_with(bug, x, outer, W, U, b) for bug in range(7))
        ]
        return np.argmin(off)

    accepts("02.diagnose", with_allclose, squared, lambda *case: np.int32(find_bug(*case)))


def bug_but(change):
    return lambda *case: change(find_bug(*case))


DIAGNOSE_MUTANTS = {
    "always right": (lambda *case: 0, "same number"),
    "right or wrong": (bug_but(bool), "name the bug as well"),
    "one too high": (bug_but(lambda bug: bug + 1), "one too high"),
    "as text": (bug_but(str), "a string"),
    "a half too high": (bug_but(lambda bug: bug + 0.5), "For x ="),
    "never right": (bug_but(lambda bug: bug or 1), "there is none"),
    "misses bug 5": (bug_but(lambda bug: 0 if bug == 5 else bug), "dU"),
    "misses bug 6": (bug_but(lambda bug: 0 if bug == 6 else bug), "bug 6 for a right answer"),
    "3 is 4": (bug_but({0: 0, 1: 1, 2: 2, 3: 4, 4: 4, 5: 5, 6: 6}.get), "bug 3 for bug 4"),
    "exactly equal": (
        lambda x, outer, W, U, b, *given: next(
            (
                bug
                for bug in range(7)
                if all(
                    np.array_equal(p, g)
                    for p, g in zip(gradients_with(bug, x, outer, W, U, b), given, strict=True)
                )
            ),
            0,
        ),
        "For x =",
    ),
    "the bias alone": (
        lambda x, outer, W, U, b, dW, dU, db: int(
            np.argmin(
                [np.abs(gradients_with(i, x, outer, W, U, b)[2] - db).sum() for i in range(7)]
            )
        ),
        "dU",
    ),
}


def test_diagnose_refuses_wrong_answers():
    refuses("02.diagnose", DIAGNOSE_MUTANTS)


# --- 02.fate ----------------------------------------------------------------------------------


def test_every_fate_is_drawn():
    exercise = EXERCISES["02.fate"]
    fates = [fate(U) for (U,) in draw_cases(exercise.case, 0, exercise.count)]
    assert min(fates.count(one) for one in range(3)) > 10


def test_the_fates_are_what_becomes_of_powers():
    exercise = EXERCISES["02.fate"]
    for (U,) in draw_cases(exercise.case, 1, exercise.count):
        with np.errstate(all="ignore"):
            powers = [np.abs(np.linalg.matrix_power(1.0 * U, 600)).max(), np.linalg.norm(U, 2)]
        small = [power < 1 for power in powers[::-1]]
        assert small == {0: [True, True], 1: [False, True], 2: [False, False]}[fate(U)]


def test_fate_accepts_other_ways_of_writing_it():
    def by_svd(U):
        radius = max(abs(complex(one)) for one in np.linalg.eigvals(U))
        return int(np.linalg.svd(U)[1][0] >= 1) + int(radius >= 1)

    def by_powers(U):
        if np.sqrt(np.linalg.eigvalsh(U.T @ np.asarray(U, float)).max()) < 1:
            return 0
        power = 1.0 * U
        for _ in range(12):
            power = np.clip(power @ power, -1e100, 1e100)
        return 1 if np.abs(power).max() < 1 else 2

    accepts("02.fate", by_svd, by_powers)


FATE_MUTANTS = {
    "the radius": (lambda U: 2 * int(fate(U) == 2), "The radius is not enough"),
    "the norm": (lambda U: 2 * int(fate(U) > 0), "The norm is not enough"),
    "Frobenius": (lambda U: 0 if np.linalg.norm(U) < 1 else max(1, fate(U)), "Frobenius"),
    "exchanged": (lambda U: 2 - fate(U), "changed places"),
    "fifty neurons": (lambda U: fate(U) if len(U) <= 50 else 1, "For U ="),
    "the diagonal": (
        lambda U: 0 if np.linalg.norm(U, 2) < 1 else 1 + int(abs(np.diag(U)).max() > 1),
        "For U =",
    ),
    "the trace": (
        lambda U: 0 if np.linalg.norm(U, 2) < 1 else 1 + int(abs(np.trace(U)) > len(U)),
        "For U =",
    ),
    "real parts": (
        lambda U: 0 if np.linalg.norm(U, 2) < 1 else 1 + int(np.linalg.eigvals(U).real.max() > 1),
        "absolute value",
    ),
}


def test_fate_refuses_wrong_answers():
    refuses("02.fate", FATE_MUTANTS)


# --- 02.rescue --------------------------------------------------------------------------------


def test_rescue_accepts_other_ways_of_writing_it():
    def in_place(gradient, parameters, rate, limit, steps):
        losses = np.zeros(steps)
        for i in range(steps):
            losses[i], found = gradient(parameters)
            length = norm(found)
            for p, part in zip(parameters, found, strict=True):
                p -= rate * part * (limit / length if length > limit else 1)
        return losses

    def by_clip(gradient, parameters, rate, limit, steps):
        losses = []
        while len(losses) < steps:
            loss, found = gradient(parameters)
            losses.append(float(loss))
            moves = clip(found, limit)
            parameters = [p - rate * part for p, part in zip(parameters, moves, strict=True)]
        return losses

    def flat(gradient, parameters, rate, limit, steps):
        losses, parameters = [], list(parameters)
        for _ in range(steps):
            loss, found = gradient(parameters)
            total = np.linalg.norm(np.concatenate([part.ravel() for part in found]))
            for i, part in enumerate(found):
                parameters[i] = parameters[i] - rate * part * min(1, limit / (total + 1e-300))
            losses += [loss]
        return tuple(losses)

    accepts("02.rescue", in_place, by_clip, flat)


def train_but(shorten=clip, move=lambda p, part, rate: p - rate * part, losses=lambda all: all):
    def answer(gradient, parameters, rate, limit, steps):
        seen = []
        for _ in range(steps):
            loss, found = gradient(parameters)
            pairs = zip(parameters, shorten(found, limit), strict=True)
            parameters = [move(p, part, rate) for p, part in pairs]
            seen.append(loss)
        return losses(seen)

    return answer


def for_two_arrays(gradient, parameters, rate, limit, steps):
    one, other = parameters
    return train_but()(gradient, [one, other], rate, limit, steps)


RESCUE_MUTANTS = {
    "two arrays alone": (for_two_arrays, "values to unpack"),
    "not clipped": (train_but(lambda g, limit: g), "Nothing is clipped"),
    "each array": (
        train_but(lambda g, c: [clip([a], c)[0] for a in g]),
        "its own norm",
    ),
    "by value": (train_but(lambda g, c: [np.clip(a, -c, c) for a in g]), "every number by itself"),
    "always": (
        train_but(lambda g, c: [a * c / (norm(g) or 1) for a in g] if c < np.inf else g),
        "For parameters =",
    ),
    "uphill": (train_but(move=lambda p, part, rate: p + rate * part), "against the gradient"),
    "no rate": (train_but(move=lambda p, part, rate: p - part), "learning rate is missing"),
    "stands still": (train_but(move=lambda p, part, rate: p), "never change"),
    "last loss": (train_but(losses=lambda all: all[-1]), "last loss alone"),
    "first loss lost": (train_but(losses=lambda all: all[1:]), "the losses should be"),
    "backwards": (train_but(losses=lambda all: all[::-1]), "For parameters ="),
    "no losses": (train_but(losses=lambda all: None), "None"),
    "halved rate": (train_but(move=lambda p, part, rate: p - rate / 2 * part), "For parameters ="),
}


def test_rescue_refuses_wrong_answers():
    refuses("02.rescue", RESCUE_MUTANTS)


# --- 02.lstm ----------------------------------------------------------------------------------


def test_lstm_accepts_other_ways_of_writing_it():
    def sigmoid(z):
        return 0.5 * (1 + np.tanh(z / 2))

    def by_slices(x, h, c, W, U, b):
        n = len(h)
        z = np.concatenate([x, h]) @ np.concatenate([W, U]) + b
        new = sigmoid(z[n : 2 * n]) * c + sigmoid(z[:n]) * np.tanh(z[2 * n : 3 * n])
        return sigmoid(z[3 * n :]) * np.tanh(new), new

    def unit_by_unit(x, h, c, W, U, b):
        n, out, new = len(h), [], []
        for k in range(n):
            i, f, o = (sigmoid(x @ W[:, j] + h @ U[:, j] + b[j]) for j in (k, n + k, 3 * n + k))
            j = 2 * n + k
            new.append(f * c[k] + i * np.tanh(x @ W[:, j] + h @ U[:, j] + b[j]))
            out.append(o * np.tanh(new[k]))
        return out, new

    accepts("02.lstm", by_slices, unit_by_unit)


@pytest.mark.parametrize("steps", [1, 4])
def test_the_step_of_an_lstm_is_keras_step(steps):
    import keras

    keras.utils.set_random_seed(0)
    layer = keras.layers.LSTM(5, return_state=True, bias_initializer="random_normal")
    x = np.random.default_rng(0).normal(size=(1, steps, 3)).astype("float32")
    _, *states = (part.numpy()[0] for part in layer(x))
    h, c = np.zeros(5), np.zeros(5)
    for vector in x[0]:
        h, c = lstm_step(vector, h, c, *(weights.astype(float) for weights in layer.get_weights()))
    assert np.allclose([h, c], states, atol=1e-5)


def lstm_but(change):
    return lambda *inputs: change(*lstm_step(*inputs))


LSTM_MUTANTS = {
    "h and c exchanged": (lstm_but(lambda h, c: (c, h)), "order"),
    "h alone": (lstm_but(lambda h, c: h), ""),
    "the old memory kept": (
        lambda x, h, c, W, U, b: (lstm_step(x, h, c, W, U, b)[0], c),
        "For x =",
    ),
    "forget and input exchanged": (
        lambda x, h, c, W, U, b: lstm_step(
            x,
            h,
            c,
            *(
                np.concatenate([np.split(a, 4, axis=-1)[i] for i in (1, 0, 2, 3)], axis=-1)
                for a in (W, U, b)
            ),
        ),
        "another order",
    ),
    "no bias": (lambda x, h, c, W, U, b: lstm_step(x, h, c, W, U, 0 * b), "bias b is missing"),
    "no state": (lambda x, h, c, W, U, b: lstm_step(x, 0 * h, c, W, U, b), "h @ U"),
    "no input": (lambda x, h, c, W, U, b: lstm_step(0 * x, h, c, W, U, b), "x @ W"),
    "rounded": (lstm_but(lambda h, c: (np.round(h, 3), np.round(c, 3))), "rounded"),
    "a row": (lstm_but(lambda h, c: (h[None], c[None])), "shape"),
}


def test_lstm_refuses_wrong_answers():
    refuses("02.lstm", LSTM_MUTANTS)


# --- 02.path ----------------------------------------------------------------------------------


def context_of(states, query):
    powers = np.exp(states @ query - (states @ query).max())
    return powers @ states / powers.sum()


def test_the_path_of_one_step_equals_finite_differences():
    random = np.random.default_rng(3)
    states, query = random.normal(size=(5, 3)), random.normal(size=3)
    found = one_step_path(states, query)
    for t, j in np.ndindex(5, 3):
        ends = []
        for step in (1e-6, -1e-6):
            moved = states.copy()
            moved[t, j] += step
            ends.append(context_of(moved, query))
        assert np.allclose(found[t, :, j], (ends[0] - ends[1]) / 2e-6, atol=1e-8)


def weights_of(states, query):
    powers = np.exp(states @ query - (states @ query).max())
    return powers / powers.sum()


def test_path_accepts_other_ways_of_writing_it():
    def by_the_jacobian_of_the_softmax(states, query):
        a = weights_of(states, query)
        J = np.diag(a) - np.outer(a, a)
        return np.array(
            [
                a[t] * np.eye(len(query)) + np.outer(states.T @ J[:, t], query)
                for t in range(len(states))
            ]
        )

    def at_once(states, query):
        a = weights_of(states, query)
        away = states - a @ states
        return a[:, None, None] * (np.eye(len(query)) + away[:, :, None] * query)

    accepts("02.path", by_the_jacobian_of_the_softmax, at_once)


def path_but(change):
    return lambda states, query: change(one_step_path(states, query))


PATH_MUTANTS = {
    "the value alone": (
        lambda s, q: weights_of(s, q)[:, None, None] * np.eye(len(q)),
        "as a value only",
    ),
    "the score alone": (
        lambda s, q: one_step_path(s, q) - weights_of(s, q)[:, None, None] * np.eye(len(q)),
        "way through the scores",
    ),
    "transposed": (path_but(lambda J: J.swapaxes(1, 2)), "transposed"),
    "norms": (path_but(lambda J: np.linalg.norm(J, axis=(1, 2))), "the norms"),
    "summed": (path_but(lambda J: J.sum(axis=0)), "one matrix for each step"),
    "sign": (path_but(np.negative), "wrong sign"),
    "own weight alone": (
        lambda s, q: np.array(
            [
                a * np.eye(len(q)) + a * (1 - a) * np.outer(h, q)
                for a, h in zip(weights_of(s, q), s, strict=True)
            ]
        ),
        "all of them change",
    ),
    "ten steps": (
        path_but(lambda J: J * (np.arange(len(J)) < 10)[:, None, None]),
        "Only long inputs",
    ),
    "rounded": (path_but(lambda J: np.round(J, 3)), "rounded"),
}


def test_path_refuses_wrong_answers():
    refuses("02.path", PATH_MUTANTS)


def test_in_a_process_of_their_own():
    def in_place(h, U):
        U *= 1 - h**2
        return U.T

    assert check("02.clip", published("02.clip")).passed
    assert "U in place" in check("02.jacobian", in_place).message
