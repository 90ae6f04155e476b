"""Each checker of chapter 2 accepts right answers and names what is wrong with the others."""

import itertools

import numpy as np
import pytest
from proof import accepts, every, published, refuses

from attention_course.exercises import check
from attention_course.exercises.gradients import clip, step_jacobian, through_time


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


@pytest.mark.parametrize("number", [3, pytest.param(1, marks=pytest.mark.thorough)])
def test_jacobian_refuses_wrong_answers(number):
    refuses("02.jacobian", every(number, JACOBIAN_MUTANTS))


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


@pytest.mark.parametrize("number", [3, pytest.param(1, marks=pytest.mark.thorough)])
def test_product_refuses_wrong_answers(number):
    refuses("02.product", every(number, PRODUCT_MUTANTS))


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


@pytest.mark.parametrize("number", [3, pytest.param(1, marks=pytest.mark.thorough)])
def test_clip_refuses_wrong_answers(number):
    refuses("02.clip", every(number, CLIP_MUTANTS))


def test_in_a_process_of_their_own():
    def in_place(h, U):
        U *= 1 - h**2
        return U.T

    assert check("02.clip", published("02.clip")).passed
    assert "U in place" in check("02.jacobian", in_place).message
