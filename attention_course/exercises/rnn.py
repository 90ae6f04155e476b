"""Exercises of chapter 1: one step of a recurrent layer, all its steps, and encoding a text."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from attention_course.exercises.drawing import Draw
from attention_course.exercises.exercise import Exercise, texts

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


TEXTS = texts("rnn")
EXERCISES = {
    "01.rnn_step": Exercise(
        **TEXTS["01.rnn_step"], solve=rnn_step, case=_step_case, mistakes=STEP_MISTAKES
    ),
    "01.rnn": Exercise(
        **TEXTS["01.rnn"], solve=rnn_forward, case=_forward_case, mistakes=FORWARD_MISTAKES
    ),
    "01.encode": Exercise(
        **TEXTS["01.encode"], solve=encode, case=_encode_case, mistakes=ENCODE_MISTAKES
    ),
}
