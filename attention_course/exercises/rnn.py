"""Exercises of chapter 1: a recurrent layer in NumPy and in Keras, trained, judged and mended.

``01.rnn_step``, ``01.rnn`` and ``01.both_ways`` ask for the states in NumPy, ``01.find_bug`` for
the bug behind given states, ``01.encode`` for the numbers of a text, ``01.train`` and ``01.cell``
for a fitted model and a cell in Keras, ``01.compare`` for what several seeds say of a network, and
``01.told_apart`` for how many sentences a last state tells apart.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from attention_course.datasets import order
from attention_course.exercises import in_keras
from attention_course.exercises.drawing import Draw
from attention_course.exercises.exercise import Exercise, source, texts

# --- 01.rnn_step ------------------------------------------------------------------------------


def rnn_step(x, h, W, U, b):
    """New state (n,) from one word x (d,) and the old state h (n,)."""
    return np.tanh(x @ W + h @ U + b)


def _step_case(draw: Draw) -> tuple:
    d, n = draw.size(), draw.size(wide=300)
    # What tanh gives lies between -1 and 1, but a first state may be anything.
    bounds = {"low": -1, "high": 1} if draw.random.random() < 0.8 else {}
    h = draw.numbers(n, **bounds)
    return draw.numbers(d), h, draw.numbers(d, n), draw.numbers(n, n), draw.numbers(n, small=1e-9)


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


STEP_MISTAKES = {
    "no_tanh": lambda x, h, W, U, b: x @ W + h @ U + b,
    "no_bias": lambda x, h, W, U, b: np.tanh(x @ W + h @ U),
    "no_memory": lambda x, h, W, U, b: np.tanh(x @ W + b),
    "no_input": lambda x, h, W, U, b: np.tanh(h @ U + b),
    "weights_turned": lambda x, h, W, U, b: np.tanh(x @ W + U @ h + b),
    "own_value_only": lambda x, h, W, U, b: np.tanh(x @ W + h * np.diag(U) + b),
    "bias_outside": lambda x, h, W, U, b: np.tanh(x @ W + h @ U) + b,
    "input_alone_inside": lambda x, h, W, U, b: np.tanh(x @ W) + h @ U + b,
    "two_tanhs": lambda x, h, W, U, b: np.tanh(x @ W) + np.tanh(h @ U) + b,
    "sigmoid": lambda x, h, W, U, b: _sigmoid(x @ W + h @ U + b),
    "relu": lambda x, h, W, U, b: np.maximum(x @ W + h @ U + b, 0),
    "state_unweighted": lambda x, h, W, U, b: np.tanh(x @ W + h + b),
    "added_to_old": lambda x, h, W, U, b: h + np.tanh(x @ W + h @ U + b),
}


# --- 01.rnn -----------------------------------------------------------------------------------


def rnn_forward(X, W, U, b):
    """All states (batch, T, n) of a batch X (batch, T, d)."""
    batch, steps, _ = X.shape
    h = np.zeros((batch, len(b)))
    states = []
    for t in range(steps):
        h = np.tanh(X[:, t] @ W + h @ U + b)
        states.append(h)
    return np.stack(states, axis=1)


def _forward_case(draw: Draw) -> tuple:
    # An answer may go back to the first word for each word, or call itself for each.
    batch, steps = draw.size(most=3), draw.length()
    d, n = draw.size(), draw.size(most=4, wide=300)
    X = draw.numbers(batch, steps, d)
    # Weights that are no larger keep the states apart: a chaotic layer would hide every mistake.
    most = min(1, 2 / n**0.5)
    W, U, b = draw.numbers(d, n), draw.numbers(n, n, low=-most, high=most), draw.numbers(n)
    if draw.kind in ("long", "mixed") and draw.random.random() < 0.3:  # one that forgets nothing
        X = draw.layout(X * (np.arange(steps) == 0)[:, None])
        U, b = np.linalg.qr(draw.random.normal(size=(n, n)))[0], np.zeros(n)
    return X, W, U, b


def _forward(
    X: np.ndarray,
    W: np.ndarray,
    U: np.ndarray,
    b: np.ndarray,
    step: Callable = rnn_step,
    start: float = 0.0,
    over: str = "time",
) -> np.ndarray:
    """Apply ``step`` along X; the other parameters make the mistakes below."""
    states = np.zeros((*X.shape[:2], len(b)))
    h = np.full(len(b), start)
    for i in range(X.shape[0]):
        h = h if over == "everything" else np.full(len(b), start)
        for t in range(X.shape[1]):
            states[i, t] = h = step(X[i, t], h, W, U, b)
    return states


def _with_zeros(X: np.ndarray, *weights: np.ndarray) -> np.ndarray:
    states = _forward(X, *weights)
    return np.concatenate([np.zeros_like(states[:, :1]), states], axis=1)


FORWARD_MISTAKES = {
    "backwards": lambda X, W, U, b: _forward(X[:, ::-1], W, U, b)[:, ::-1],
    "stored_reversed": lambda X, W, U, b: _forward(X, W, U, b)[:, ::-1],
    "leaks": lambda X, W, U, b: _forward(X, W, U, b, over="everything"),
    "over_sentences": lambda X, W, U, b: _forward(X.swapaxes(0, 1), W, U, b).swapaxes(0, 1),
    "start_at_ones": lambda X, W, U, b: _forward(X, W, U, b, start=1.0),
    "first_word_always": lambda X, W, U, b: _forward(np.broadcast_to(X[:, :1], X.shape), W, U, b),
    "all_are_last": lambda X, W, U, b: np.repeat(_forward(X, W, U, b)[:, -1:], X.shape[1], axis=1),
    "last_alone": lambda *case: _forward(*case)[:, -1],
    "zeros_kept": _with_zeros,
    "one_step_more": lambda X, *weights: _forward(np.concatenate([X, X[:, -1:]], axis=1), *weights),
    "one_step_late": lambda *case: _with_zeros(*case)[:, :-1],
    "axes_exchanged": lambda *case: _forward(*case).swapaxes(0, 1),
    "axes_exchanged_if_equal": lambda X, *weights: (
        _forward(X, *weights).swapaxes(0, 1) if len(X) == X.shape[1] else _forward(X, *weights)
    ),
    **{key: partial(_forward, step=wrong) for key, wrong in STEP_MISTAKES.items()},
}


# --- 01.encode --------------------------------------------------------------------------------


def encode(text, word_index, num_words, length):
    """List of `length` numbers: padding, start mark, one number per word."""
    numbers = [1]
    for word in text.lower().split():
        number = word_index.get(word, -1) + 3
        numbers.append(number if 3 < number < num_words else 2)
    numbers = numbers[:length]
    return [0] * (length - len(numbers)) + numbers


WORDS = ("the", "not", "10", "don't", "over-acted", "'cause", "doin'", "w/o", "café", "straße")


def _encode_case(draw: Draw) -> tuple:
    random = draw.random
    more = draw.size(least=0, most=2, wide=300)
    some = [*WORDS, "incomprehensibilities", *(f"{random.choice(WORDS)}{i}" for i in range(more))]
    # IMDB's index has 88,584 words; the smallest of these has no other than the words drawn.
    most = random.choice([len(some) + 1, 400, 25_000, 100_000])
    ranks = (1 + random.choice(most - 1, len(some), replace=False)).tolist()
    known = 0 if draw.kind == "small" else random.integers(len(WORDS) // 2, len(ranks) + 1)
    word_index = dict(zip(random.permutation(some)[:known].tolist(), ranks, strict=False))
    text = random.choice(some, 0 if draw.kind == "zeros" else draw.length(1, 9)).tolist()
    if draw.kind in ("mixed", "large"):
        text = [random.choice([word, word.upper(), word.title()]).item() for word in text]
    if draw.kind == "mixed":
        text = [word + random.choice([" ", "  ", "\t", "\n", " \r\n "]).item() for word in text]
    text = ("" if draw.kind == "mixed" else " ").join(text)
    # Where a limit matters most: at the number of a word, just above, just below.
    near = [rank + 3 + more for rank in word_index.values() for more in range(-4, 5)]
    num_words = max(1, int(random.choice([*near, most + 100])))
    length = int(random.choice([len(text.split()), draw.length(0, 12)]))
    length = 0 if draw.kind == "fortran" else length
    return text, word_index, num_words, length + 300 * (draw.kind == "strided")


def _variant(
    text: str,
    ranks: dict[str, int],
    num_words: int,
    length: int,
    *,
    offset: int = 3,
    unknown: str = "2",
    start: bool = True,
    limit: str = "number",
    pad: str = "front",
    cut: str = "end",
    lower: bool = True,
    late: bool = False,
    separator: str | None = None,
) -> list[int]:
    """The right encoding, or one with the mistakes the parameters name."""
    numbers = [1] if start else []
    for word in (text.lower() if lower else text).split(separator):
        number = ranks[word] + offset if word in ranks else None
        measure = {"number": number, "rank": ranks.get(word), "none": 0, "at most": number}[limit]
        bound = num_words + 1 if limit == "at most" else num_words
        if number is not None and measure < bound:
            numbers.append(number)
        elif unknown != "skip":
            numbers.append(int(unknown))
    if cut != "none":
        keep = length - late  # 0 and less do what they do in a student's slice
        numbers = numbers[:keep] if cut == "end" else numbers[-keep:]
    padding = [0] * (length - len(numbers)) if pad != "none" else []
    return padding + numbers if pad == "front" else numbers + padding


ENCODE_MISTAKES = {
    key: partial(_variant, **mistake)
    for key, mistake in {
        "no_offset": {"offset": 0},
        "offset_of_two": {"offset": 2},
        "no_start": {"start": False},
        "padded_behind": {"pad": "back"},
        "not_padded": {"pad": "none"},
        "cut_at_start": {"cut": "start"},
        "not_cut": {"cut": "none"},
        "capitals": {"lower": False},
        "unknown_left_out": {"unknown": "skip"},
        "unknown_zero": {"unknown": "0"},
        "unknown_with_offset": {"unknown": "5"},
        "unknown_three": {"unknown": "3"},
        "no_limit": {"limit": "none"},
        "limit_on_rank": {"limit": "rank"},
        "limit_let_through": {"limit": "at most"},
        "empty_word": {"separator": " "},
        "one_too_few": {"late": True},
        "end_and_one_too_few": {"late": True, "cut": "start"},
    }.items()
}


# --- 01.both_ways -----------------------------------------------------------------------------


def both_ways(X, forward, backward):
    """States of a layer that reads in both directions, (batch, T, 2n)."""
    ahead = rnn_forward(X, *forward)
    behind = rnn_forward(X[:, ::-1], *backward)[:, ::-1]
    return np.concatenate([ahead, behind], axis=-1)


def _both_ways_case(draw: Draw) -> tuple:
    batch, steps, d, n = draw.size(), draw.length(2, wide=300), draw.size(), draw.size(wide=100)
    X = draw.numbers(batch, steps, d, large=3)
    if draw.kind == "mixed" and draw.random.random() < 0.3:
        X = draw.layout(X.astype(np.float32))
    most = min(1, 2 / n**0.5)  # as in `_forward_case`
    layers = [
        [draw.numbers(d, n), draw.numbers(n, n, low=-most, high=most), draw.numbers(n)]
        for _ in range(2)
    ]
    return X, *layers


def _both(X: np.ndarray, *layers: list[np.ndarray], read: slice, store: slice) -> np.ndarray:
    """Both directions, where the second one reads and stores in the order that is given."""
    behind = _forward(X[:, read], *layers[1])[:, store]
    return np.concatenate([_forward(X, *layers[0]), behind], axis=-1)


KEPT, TURNED = slice(None), slice(None, None, -1)
BOTH_WAYS_MISTAKES = {
    "not_turned_back": partial(_both, read=TURNED, store=KEPT),
    "reads_forward": partial(_both, read=KEPT, store=KEPT),
    "turned_states_alone": partial(_both, read=KEPT, store=TURNED),
    "batch_turned": lambda X, forward, backward: np.concatenate(
        [_forward(X, *forward), _forward(X[::-1], *backward)], axis=-1
    ),
    "features_turned": lambda X, forward, backward: np.concatenate(
        [_forward(X, *forward), _forward(X[..., ::-1], *backward)], axis=-1
    ),
    "same_weights": lambda X, forward, _: both_ways(X, forward, forward),
    "weights_exchanged": lambda X, forward, backward: both_ways(X, backward, forward),
    "backward_first": lambda X, forward, backward: np.concatenate(
        np.split(both_ways(X, forward, backward), 2, axis=-1)[::-1], axis=-1
    ),
    "added": lambda *case: np.add(*np.split(both_ways(*case), 2, axis=-1)),
    "averaged": lambda *case: np.add(*np.split(both_ways(*case), 2, axis=-1)) / 2,
    "joined_in_time": lambda *case: np.concatenate(np.split(both_ways(*case), 2, axis=-1), axis=1),
    "ends_alone": lambda X, forward, backward: np.concatenate(
        [_forward(X, *forward)[:, -1], _forward(X[:, ::-1], *backward)[:, -1]], axis=-1
    ),
    "forward_alone": lambda X, forward, _: _forward(X, *forward),
}


# --- 01.find_bug ------------------------------------------------------------------------------


def find_bug(X, W, U, b, H):
    """The number of the implementation that made the states H, (batch, T, n), from the rest."""

    def run(step, X=X, reset=True):
        H, h = [], np.zeros(len(b))
        for sentence in X:
            h = np.zeros(len(b)) if reset else h
            states = []
            for x in sentence:
                h = step(x, h)
                states.append(h)
            H.append(states)
        return np.array(H)

    def right(x, h):
        return np.tanh(x @ W + h @ U + b)

    suspects = [
        run(right),
        run(lambda x, h: x @ W + h @ U + b),
        run(lambda x, h: np.tanh(x @ W + h @ U) + b),
        run(lambda x, h: np.tanh(x @ W + U @ h + b)),
        run(lambda x, h: np.tanh(x @ W + h * np.diag(U) + b)),
        run(right, reset=False),
        run(right, X=X[:, ::-1])[:, ::-1],
    ]
    return [np.allclose(H, states, atol=1e-4) for states in suspects].index(True)


#: What made the states, by the numbers of the question.
BUGS: tuple[Callable, ...] = (
    _forward,
    *(
        partial(_forward, step=STEP_MISTAKES[key])
        for key in ("no_tanh", "bias_outside", "weights_turned", "own_value_only")
    ),
    FORWARD_MISTAKES["leaks"],
    FORWARD_MISTAKES["backwards"],
)


def anonymous(X, W, U, b, seed):
    """The states that the right implementation and the wrong ones make, in an order of its own."""
    return [BUGS[i](X, W, U, b) for i in np.random.default_rng(seed).permutation(len(BUGS))]


def _told_by(H: np.ndarray, *weights: np.ndarray, look: Callable = lambda H: H) -> int:
    """The first implementation whose states agree with H in the part that is looked at."""
    matches = (np.allclose(look(H), look(bug(*weights)), atol=1e-4) for bug in BUGS)
    return next((number for number, match in enumerate(matches) if match), 0)


def _bug_case(draw: Draw) -> tuple:
    """Inputs on which every two implementations differ, and what one of them makes of these."""
    draw.joined = True
    random = draw.random
    weak = draw.kind in ("strided", "float32")  # a memory that is gone after a few words
    while True:
        batch, d, steps = random.integers(2, 4), random.integers(1, 4), random.integers(3, 6)
        n = random.integers(2, 5)
        X = random.normal(size=(batch, steps, d))
        if draw.kind in ("whole", "zeros", "part"):  # words as rows of zeros and ones
            X = random.integers(0, 2, (batch, steps, d)).astype(float)
        W, U = random.normal(size=(d, n)), random.uniform(-1, 1, (n, n))
        b, U = random.uniform(-1, 1, n), U / 20 if weak else U
        X, W, U, b = map(draw.layout, (X, W, U, b))
        states = [bug(X, W, U, b) for bug in BUGS]
        apart = [np.abs(one - other).max() for i, one in enumerate(states) for other in states[:i]]
        # Whoever looks at a part alone must go wrong in some cases, but not because of rounding.
        if min(apart) > 0.02 and max(map(np.max, map(np.abs, states))) < 1e3:
            break
    H = states[random.integers(len(BUGS))]
    return X, W, U, b, H.astype(np.float32) if draw.kind in ("float32", "mixed") else H


def _or_else(number: int, *case: np.ndarray) -> int:
    return find_bug(*case) or number


FIND_BUG_MISTAKES = {
    "first_step": lambda *case: _told_by(case[-1], *case[:-1], look=lambda H: H[:, 0]),
    "last_step": lambda *case: _told_by(case[-1], *case[:-1], look=lambda H: H[:, -1]),
    "counts_from_one": lambda *case: find_bug(*case) + 1,
    "right_or_not": lambda *case: int(find_bug(*case) > 0),
    "always_a_bug": tuple(partial(_or_else, number) for number in range(1, len(BUGS))),
    "no_leak": lambda *case: 0 if find_bug(*case) == 5 else find_bug(*case),
    "no_direction": lambda *case: 0 if find_bug(*case) == 6 else find_bug(*case),
}


# --- 01.compare -------------------------------------------------------------------------------


def compare(scores, baseline):
    """Mean over seeds, the ends of its 95 % interval, and 1, 0 or -1 for better, open, worse."""
    from scipy.stats import t

    k = len(scores)
    mean = np.mean(scores)
    half = t.ppf(0.975, k - 1) * np.std(scores, ddof=1) / np.sqrt(k)
    low, high = mean - half, mean + half
    return mean, low, high, (low > baseline) * 1.0 - (high < baseline)


def _compare_case(draw: Draw) -> tuple:
    draw.joined = True
    count = draw.length(2, 6, wide=300)
    scores = draw.numbers(count, low=0, high=1)
    while np.ptp(scores) == 0:  # seeds that are all alike have no interval
        scores = draw.numbers(count, low=0, high=1)
    _, low, high, _ = compare(scores.astype(float), 0.5)
    gap = 0.02 + 0.1 * draw.random.random()
    # As often inside as on either side, where the best or the worst seed would say otherwise.
    inside = low + (high - low) * draw.random.uniform(0.05, 0.95) if high - low > 0.05 else None
    places = [low - gap, high + gap, *([inside] if inside is not None else [])]
    return scores, float(draw.random.choice(places))


def _compare(
    scores: np.ndarray,
    baseline: float,
    middle: Callable = np.mean,
    ddof: int = 1,
    degrees: int = 1,
    level: float = 0.975,
    normal: bool = False,
    root: bool = True,
    judge: Callable | None = None,
) -> tuple:
    """The right verdict, or one with the mistakes that the parameters name."""
    from scipy.stats import norm, t

    k, mean = len(scores), middle(scores)
    factor = norm.ppf(level) if normal else t.ppf(level, k - degrees)
    half = factor * np.std(scores, ddof=ddof) / (np.sqrt(k) if root else 1)
    low, high = mean - half, mean + half
    if judge:
        return mean, low, high, float(judge(mean, low, high, baseline, scores))
    return mean, low, high, (low > baseline) * 1.0 - (high < baseline)


COMPARE_MISTAKES = {
    "best_seed": partial(_compare, middle=np.max),
    "median": partial(_compare, middle=np.median),
    "divided_by_k": partial(_compare, ddof=0),
    "normal": partial(_compare, normal=True),
    "normal_and_k": partial(_compare, normal=True, ddof=0),
    "one_tail": partial(_compare, level=0.95),
    "too_many_degrees": partial(_compare, degrees=0),
    "no_root": partial(_compare, root=False),
    "no_root_and_k": partial(_compare, root=False, ddof=0),
    "range_of_scores": lambda scores, baseline: (
        np.mean(scores),
        np.min(scores),
        np.max(scores),
        (np.min(scores) > baseline) * 1.0 - (np.max(scores) < baseline),
    ),
    "mean_judged": partial(
        _compare, judge=lambda mean, low, high, baseline, _: np.sign(mean - baseline)
    ),
    "best_judged": partial(
        _compare, judge=lambda mean, low, high, baseline, scores: np.sign(max(scores) - baseline)
    ),
    "wrong_end": partial(
        _compare, judge=lambda mean, low, high, baseline, _: 1.0 if high > baseline else -1.0
    ),
    "verdict_turned": partial(
        _compare,
        judge=lambda mean, low, high, baseline, _: (high < baseline) * 1.0 - (low > baseline),
    ),
    "never_worse": partial(
        _compare, judge=lambda mean, low, high, baseline, _: (low > baseline) * 1.0
    ),
    "open_is_worse": partial(
        _compare, judge=lambda mean, low, high, baseline, _: 1.0 if low > baseline else -1.0
    ),
}


# --- 01.told_apart ----------------------------------------------------------------------------


def told_apart(states, decimals):
    """The share of sentences whose last state, rounded, no other sentence shares."""
    _, counts = np.unique(np.round(states, decimals), axis=0, return_counts=True)
    return np.sum(counts == 1) / len(states)


def _told_apart_case(draw: Draw) -> tuple:
    """States between -1 and 1 of which some agree when they are rounded, in all numbers or some."""
    draw.joined = True
    random = draw.random
    count, n = draw.length(2, 12, wide=900), draw.size(most=3, wide=40)
    decimals = int(random.integers(1, 4))
    # No number lies near the border between two rounded ones, or on the wrong side of zero.
    steps = 10**decimals
    several = max(2, round(count ** random.uniform(0.3, 1.2) ** (1 / min(n, 3))))
    values = random.integers(0, steps + 1, several) * random.choice([-1, 1], several)
    whole = random.choice(values, (count, n))
    if count > 3:
        whole[random.integers(count)] = whole[0]  # at least two agree, mostly
    shift = random.uniform(0.05, 0.3, (count, n)) * random.choice([-1, 1], (count, n))
    shift = np.where(whole == 0, abs(shift), shift)
    states = (whole + (0 if "whole" in draw.hazards() else shift)) / steps
    return draw.layout(np.clip(states, -1, 1)), decimals


def _shares(states: np.ndarray) -> np.ndarray:
    return np.unique(states, axis=0, return_counts=True)[1]


def _pairs(states: np.ndarray, decimals: int) -> np.ndarray:
    """Which numbers of any two states agree when they are rounded, (count, count, n)."""
    rounded = np.round(states, decimals)
    return rounded[:, np.newaxis] == rounded


def _unlike_neighbours(states: np.ndarray, decimals: int) -> np.floating:
    rounded = np.round(states, decimals)
    same = (rounded[1:] == rounded[:-1]).all(axis=1)
    return np.mean(~(np.append(same, False) | np.append(False, same)))


TOLD_APART_MISTAKES = {
    "places_counted": lambda states, decimals: (
        len(_shares(np.round(states, decimals))) / len(states)
    ),
    "number": lambda states, decimals: np.sum(_shares(np.round(states, decimals)) == 1),
    "others": lambda *case: 1 - told_apart(*case),
    "share_of_places": lambda states, decimals: np.mean(_shares(np.round(states, decimals)) == 1),
    "not_rounded": lambda states, decimals: np.sum(_shares(states) == 1) / len(states),
    "cut_off": lambda states, decimals: told_apart(
        np.trunc(states * 10.0**decimals) / 10.0**decimals, decimals
    ),
    "rounded_down": lambda states, decimals: told_apart(
        np.floor(states * 10.0**decimals) / 10.0**decimals, decimals
    ),
    "first_number": lambda states, decimals: told_apart(states[:, :1], decimals),
    "single_numbers": lambda states, decimals: (
        np.sum(_shares(np.round(states, decimals).reshape(-1, 1)) == 1) / states.size
    ),
    "neighbours": _unlike_neighbours,
    "percent": lambda *case: 100 * told_apart(*case),
    "any_number_shared": lambda states, decimals: np.mean(
        (_pairs(states, decimals).any(axis=-1).sum(axis=0)) == 1
    ),
}


# --- 01.train ---------------------------------------------------------------------------------

ENOUGH = 0.9  # of the held-out sentences


def train(layer, X, y):
    """A model of this recurrent layer and a sigmoid neuron, fitted to X (N, T, d) and y (N,)."""
    import keras

    model = keras.Sequential([layer, keras.layers.Dense(1, activation="sigmoid")])
    model.compile(optimizer=keras.optimizers.Adam(0.02), loss="binary_crossentropy")
    model.fit(X, y, epochs=6, batch_size=50, verbose=0)
    return model


def probe_train(train, layer, X, y, held_out, labels):
    """In the answer's process: train, look at the model, and have it judge other sentences."""
    import keras
    import numpy as np

    keras.utils.set_random_seed(layer)
    given = keras.layers.SimpleRNN(layer)
    model = train(given, X, y)
    if not isinstance(model, keras.Model):
        return model
    parts, layers = [model], []
    while parts:
        part = parts.pop()
        parts += getattr(part, "layers", [])
        layers += [] if isinstance(part, keras.Model) else [part]
    loss = getattr(model, "loss", None)
    loss = loss[0] if isinstance(loss, list | tuple) and loss else loss
    loss = keras.losses.get(loss) if isinstance(loss, str) else loss  # "bce" is a name as well
    named = getattr(loss, "name", getattr(loss, "__name__", ""))
    predicted = np.asarray(model.predict(held_out, verbose=0))  # builds a model never fitted
    last = next((layer for layer in reversed(model.layers) if layer.weights), None)
    seen = {
        "mine": any(layer is given for layer in layers),
        "sequences": bool(given.return_sequences),
        "more": sum(bool(layer.weights) for layer in layers) - 2,
        "compiled": bool(getattr(model, "compiled", False)),
        "steps": int(getattr(getattr(model, "optimizer", None), "iterations", 0)),
        "loss": str(named).lower().replace("_", ""),
        "logits": bool(getattr(loss, "from_logits", False)),
        "activation": getattr(getattr(last, "activation", None), "__name__", ""),
        "shape": list(predicted.shape),
        "predicted": predicted,
    }
    if predicted.shape == (len(labels), 1):
        fitted = model.predict(X, verbose=0)[:, 0] > 0.5
        seen["fitted"] = float((fitted == y).mean())
    return seen


def _train_case(draw: Draw) -> tuple:
    draw.joined = True
    random, length = draw.random, int(draw.random.integers(7, 9))
    X, y = order.sentences(1500, length, seed=random.integers(2**31))
    X = X[..., random.permutation(6)]  # which words count, and which comes first, is drawn too
    y = y if random.random() < 0.5 else 1 - y
    new = np.flatnonzero(order.unseen(X, X[:1000]))
    return int(random.integers(8, 13)), X[:1000], y[:1000], X[new], y[new]


def _train(
    layer: int, X: np.ndarray, y: np.ndarray, held_out: np.ndarray, labels: np.ndarray
) -> dict[str, np.ndarray]:
    """What a model predicts that knows the rule."""
    return {"predicted": labels[:, np.newaxis].astype(float)}


def _learned(case: tuple, parts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Whether probabilities for the held-out sentences are on the right side often enough."""
    predicted, labels = parts["predicted"], case[-1]
    fits = predicted.shape == (len(labels), 1)
    right = np.mean((predicted[:, 0] > 0.5) == (labels > 0.5)) if fits else 0.0
    return {"shape": np.array(predicted.shape), "learned": np.array(float(right >= ENOUGH))}


def _explain_training(case: tuple, seen: dict, wrong: bool) -> tuple[dict, dict]:
    """What a fitted model lacks, the first cause first."""
    labels, shape, predicted = case[-1], seen["shape"], seen["predicted"]
    one = shape == [len(labels), 1]
    right = float(np.mean((predicted[:, 0] > 0.5) == (labels > 0.5))) if one else 0.0
    fitted = seen.get("fitted", 0.0)
    loss = seen["loss"] or "custom"
    unlike = {
        "not_compiled": not seen["compiled"],
        "never_fitted": seen["steps"] == 0,
        "other_layer": not seen["mine"],
        "sequences": len(shape) == 3,
        "every_state": seen["sequences"],
        "more_layers": seen["more"] > 0,
        "several_outputs": len(shape) == 2 and shape[1] != 1,
        "softmax_of_one": one and seen["activation"] == "softmax",
        "no_sigmoid": one and (np.min(predicted) < 0 or np.max(predicted) > 1),
        "other_activation": one and seen["activation"] not in ("sigmoid", "linear", ""),
        "sigmoid_and_logits": seen["logits"],
        "other_loss": loss not in ("binarycrossentropy", "custom"),
        "learned_by_heart": one and wrong and fitted >= ENOUGH,
        "not_learned": one and wrong,
    }
    values = {"shape": tuple(shape), "count": len(labels), "activation": seen["activation"]}
    values["more"] = seen["more"]
    values |= {"loss": loss, "right": f"{100 * right:.0f}", "fitted": f"{100 * fitted:.0f}"}
    return unlike, values


# --- 01.cell ----------------------------------------------------------------------------------

CELL = """\
import keras
from keras import ops


class Cell(keras.layers.Layer):
    \"\"\"One step of a recurrent layer, for keras.layers.RNN.\"\"\"

    def __init__(self, units):
        super().__init__()
        self.state_size = units

    def build(self, input_shape):
        d, n = input_shape[-1], self.state_size
        self.W = self.add_weight(shape=(d, n), name="W")
        self.U = self.add_weight(shape=(n, n), initializer="orthogonal", name="U")
        self.b = self.add_weight(shape=(n,), initializer="zeros", name="b")

    def call(self, inputs, states):
        total = ops.matmul(inputs, self.W) + ops.matmul(states[0], self.U) + self.b
        h = ops.tanh(total)
        return h, [h]
"""


def probe_cell(make, X, h, W, U, b, target, rate):
    """In the answer's process: what a cell hands on step by step, and what a layer of it learns."""
    import keras
    import numpy as np

    X, h, target = (one.astype("float32") for one in (X, h, target))
    units, cell, other, third = len(b), make(len(b)), make(len(b)), make(3)
    if not isinstance(cell, keras.layers.Layer):
        return cell
    own = keras.layers
    kinds = (own.SimpleRNNCell, own.LSTMCell, own.GRUCell, own.StackedRNNCells, own.RNN)

    def ready():
        """What is Keras' own in the cell, which may be made in __init__ or in build."""
        parts = (cell, *vars(cell).values())
        return [k.__name__ for one in parts for k in kinds if isinstance(one, k)]

    if ready():
        return {"ready": ready()[0]}
    size = getattr(cell, "state_size", None)
    seen = {"size": list(size) if isinstance(size, list | tuple) else size}
    if isinstance(size, list | tuple) and len(size) == 1:
        seen["size"] = size[0]
    if seen["size"] != units:
        return seen | {"named": repr(size)[:30]}
    if cell.weights:
        return {"early": True} | seen
    step = cell(X[:, 0], [h])
    if step is None:
        return None
    if ready():
        return {"ready": ready()[0]}
    if not isinstance(step, tuple | list) or len(step) != 2:
        return seen | {"one_result": True}
    if step[0] is None:
        return None
    if tuple(step[0].shape) != h.shape:
        return seen | {"odd_shape": list(step[0].shape)}
    other(X[:, 0], [h])
    fourth = make(3)
    for one in (third, fourth):
        one(np.zeros((1, 2), "float32"), [np.zeros((1, 3), "float32")])
    wanted = [(2, 3), (3, 3), (3,)]
    shapes = [tuple(weight.shape) for weight in third.weights]
    seen |= {
        "shapes": [list(shape) for shape in shapes],
        "frozen": len(cell.weights) - len(cell.trainable_weights),
        "shared": any(weight is one for weight in cell.weights for one in other.weights),
        "fresh": third.get_weights(),
        "alike": any(
            np.array_equal(*pair)
            for pair in zip(third.get_weights(), fourth.get_weights(), strict=True)
            if pair[0].ndim == 2
        ),
    }
    if sorted(shapes) != sorted(wanted) or seen["frozen"]:
        return seen

    def give(cell):
        given = dict(zip(wanted, (W, U, b), strict=True))
        cell.set_weights([given[shape] for shape in shapes])

    def read(cell):
        state, outputs = h, []
        for t in range(X.shape[1]):
            output, state = cell(X[:, t], [state])
            state = state[0] if isinstance(state, list | tuple) else state
            outputs.append(keras.ops.convert_to_numpy(output))
        return np.stack(outputs, axis=1), keras.ops.convert_to_numpy(state)

    give(cell)
    seen["outputs"], seen["handed_on"] = read(cell)
    seen["again"] = read(cell)[0]
    if not rate:
        return seen
    learner = make(units)
    model = keras.Sequential([keras.Input(X.shape[1:]), keras.layers.RNN(learner)])
    give(learner)
    model.compile(keras.optimizers.SGD(rate), "mse", run_eagerly=True)
    try:
        seen["loss"] = model.train_on_batch(X, target)
    except ValueError:  # no gradient reaches any weight
        seen["loss"] = model.test_on_batch(X, target)
    order = [shapes.index(shape) for shape in wanted]
    trained = learner.get_weights()
    return seen | {"trained": np.concatenate([np.ravel(trained[i]) for i in order])}


def _cell_case(draw: Draw) -> tuple:
    least = 2 if draw.kind == "plain" else 1  # so that a gradient goes back in time
    batch, steps = draw.size(wide=40), draw.length(least, wide=40)
    d, n = draw.size(most=4, wide=20), draw.size(most=4, wide=20)
    X, h = draw.numbers(batch, steps, d, large=5), draw.numbers(batch, n, large=5)
    # As in `_forward_case`: a chaotic layer would show rounding instead of mistakes.
    most = min(1, 2 / n**0.5)
    W, U, b = draw.numbers(d, n, large=5), draw.numbers(n, n, low=-most, high=most), draw.numbers(n)
    rate = 0.5 if draw.kind in ("plain", "strided") else 0.0
    return X, h, W, U, b, draw.random.normal(size=(batch, n)), rate


def _cell(
    X: np.ndarray,
    h: np.ndarray,
    W: np.ndarray,
    U: np.ndarray,
    b: np.ndarray,
    target: np.ndarray,
    rate: float,
    *,
    step: Callable = rnn_step,
) -> dict[str, np.ndarray]:
    """The same in NumPy: every output, the last state, and a step of gradient descent."""

    def states(h: np.ndarray, *weights: np.ndarray) -> list[np.ndarray]:
        found = []
        for t in range(X.shape[1]):
            pairs = zip(X[:, t], h, strict=True)
            one_by_one = step is not rnn_step  # some mistakes are those of a single sentence
            new = [step(x, one, *weights) for x, one in pairs] if one_by_one else None
            h = np.array(new) if one_by_one else step(X[:, t], h, *weights)
            found.append(h)
        return found

    def loss(weights: list[np.ndarray]) -> Any:
        return ((states(np.zeros(h.shape), *weights)[-1] - target) ** 2).mean()

    weights, found = [W, U, b], states(h, W, U, b)
    outputs = np.stack(found, axis=1)
    seen = {"outputs": outputs, "handed_on": found[-1], "again": outputs}
    if not rate:
        return seen
    after = [w - rate * g for w, g in zip(weights, in_keras.gradient(loss, weights), strict=True)]
    trained = np.concatenate([weight.ravel() for weight in after])
    return seen | {"loss": loss(weights), "trained": trained}


def _explain_cell(case: tuple, seen: dict, wrong: bool) -> tuple[dict, dict]:
    """What a cell is made of, and what keeps it from working inside of a layer."""
    units, shapes, fresh = len(case[4]), seen.get("shapes", []), seen.get("fresh", [])
    asked = [[2, 3], [3], [3, 3]]
    known = seen.keys() >= {"outputs", "again"}
    given = np.concatenate([np.ravel(weight) for weight in case[2:5]])
    unlike = {
        "ready_made": "ready" in seen,
        "state_size": "named" in seen,
        "early": "early" in seen,
        "one_result": "one_result" in seen,
        "odd_shape": "odd_shape" in seen,
        "no_weights": not shapes,
        "other_weights": sorted(shapes) != asked,
        "frozen": seen.get("frozen"),
        "shared": seen.get("shared"),
        "equal_numbers": any(np.ptp(one) == 0 for one in fresh if one.ndim == 2),
        "alike": seen.get("alike"),
        "no_gradient": wrong and np.allclose(seen.get("trained", np.nan), given, rtol=0, atol=1e-6),
        "kept_inside": known and not np.array_equal(seen["outputs"], seen["again"], equal_nan=True),
        "other_state": wrong
        and known
        and seen["outputs"].ndim == 3
        and not np.array_equal(seen["outputs"][:, -1], seen["handed_on"], equal_nan=True),
    }
    values = {"kind": seen.get("ready"), "size": seen.get("named"), "units": units}
    values["found"] = tuple(seen.get("odd_shape", ()))
    values |= {"count": len(shapes), "shapes": ", ".join(str(tuple(shape)) for shape in shapes)}
    return unlike, values


TEXTS = texts("rnn")
EXERCISES = {
    exercise.name: exercise
    for exercise in (
        Exercise(
            **TEXTS["01.rnn"], solve=rnn_forward, case=_forward_case, mistakes=FORWARD_MISTAKES
        ),
        Exercise(
            **TEXTS["01.both_ways"],
            solve=both_ways,
            text=source(rnn_forward, both_ways),
            case=_both_ways_case,
            mistakes=BOTH_WAYS_MISTAKES,
        ),
        Exercise(**TEXTS["01.encode"], solve=encode, case=_encode_case, mistakes=ENCODE_MISTAKES),
        Exercise(
            **TEXTS["01.train"],
            answer="train",
            text=source(train),
            solve=_train,
            case=_train_case,
            probe=probe_train,
            view=_learned,
            demands=in_keras.demands(_explain_training),
            takes=3,
            count=1,  # training takes seconds, and each check draws another task
            **in_keras.SETTINGS,
        ),
        Exercise(
            **TEXTS["01.cell"],
            answer="Cell",
            text=CELL,
            wants="class",
            solve=_cell,
            case=_cell_case,
            probe=probe_cell,
            demands=in_keras.demands(_explain_cell),
            mistakes={key: partial(_cell, step=step) for key, step in STEP_MISTAKES.items()},
            takes=1,
            count=40,
            **in_keras.SETTINGS,
        ),
        Exercise(
            **TEXTS["01.find_bug"], solve=find_bug, case=_bug_case, mistakes=FIND_BUG_MISTAKES
        ),
        Exercise(
            **TEXTS["01.compare"], solve=compare, case=_compare_case, mistakes=COMPARE_MISTAKES
        ),
        Exercise(
            **TEXTS["01.told_apart"],
            solve=told_apart,
            case=_told_apart_case,
            mistakes=TOLD_APART_MISTAKES,
        ),
        Exercise(**TEXTS["01.rnn_step"], solve=rnn_step, case=_step_case, mistakes=STEP_MISTAKES),
    )
}
