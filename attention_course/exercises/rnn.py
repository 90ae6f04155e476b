"""Exercises of chapter 1: one step of a recurrent layer, all its steps, and encoding a text."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from attention_course.exercises.drawing import Draw
from attention_course.exercises.exercise import Exercise
from attention_course.words import mark

# --- 01.rnn_step ------------------------------------------------------------------------------


def rnn_step(x, h, W, U, b):
    """New state (n,) from one word x (d,) and the old state h (n,)."""
    return np.tanh(x @ W + h @ U + b)


def _step_case(draw: Draw) -> tuple:
    d, n = draw.size(), draw.size()
    h = draw.numbers(n, low=-1, high=1)
    return draw.numbers(d), h, draw.numbers(d, n), draw.numbers(n, n), draw.numbers(n)


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


STEP_MISTAKES = {
    mark(
        "The sum is right, but the tanh around it is missing: without it a state can grow"
        " without bound."
    ): lambda x, h, W, U, b: x @ W + h @ U + b,
    mark("The bias b is missing from the sum."): lambda x, h, W, U, b: np.tanh(x @ W + h @ U),
    mark(
        "Your state ignores the previous one: add h @ U, or the network has no memory."
    ): lambda x, h, W, U, b: np.tanh(x @ W + b),
    mark(
        "Your state ignores the current input: add x @ W, or the network never reads a word."
    ): lambda x, h, W, U, b: np.tanh(h @ U + b),
    mark(
        "U is used the wrong way round (U @ h instead of h @ U): U is square, so NumPy "
        "cannot notice. Row i of U holds what old neuron i sends out."
    ): lambda x, h, W, U, b: np.tanh(x @ W + U @ h + b),
    mark(
        "Each of your neurons gets only its own old value: every neuron must get all of "
        "them, so use the whole matrix, h @ U."
    ): lambda x, h, W, U, b: np.tanh(x @ W + h * np.diag(U) + b),
    mark(
        "The bias b is added outside the tanh; it belongs to the sum inside."
    ): lambda x, h, W, U, b: np.tanh(x @ W + h @ U) + b,
    mark("Only x @ W is inside your tanh; the whole sum belongs inside."): lambda x, h, W, U, b: (
        np.tanh(x @ W) + h @ U + b
    ),
    mark(
        "You take two tanhs, one for each part: add the parts first, then take one tanh."
    ): lambda x, h, W, U, b: np.tanh(x @ W) + np.tanh(h @ U) + b,
    mark(
        "The sum is right, but it goes through a sigmoid; Keras' SimpleRNN uses tanh by default."
    ): lambda x, h, W, U, b: _sigmoid(x @ W + h @ U + b),
    mark(
        "The sum is right, but it goes through a ReLU, which loses every negative value; use tanh."
    ): lambda x, h, W, U, b: np.maximum(x @ W + h @ U + b, 0),
    mark("You add the old state as it is: multiply it by U first, h @ U."): lambda x, h, W, U, b: (
        np.tanh(x @ W + h + b)
    ),
    mark(
        "You add the new state to the old one: the new state replaces it."
    ): lambda x, h, W, U, b: h + np.tanh(x @ W + h @ U + b),
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
    batch, steps, d, n = draw.size(most=3), draw.length(), draw.size(), draw.size(most=4)
    X = draw.numbers(batch, steps, d)
    # Weights that are no larger keep the states apart: a chaotic layer would hide every mistake.
    return X, draw.numbers(d, n), draw.numbers(n, n, low=-1, high=1), draw.numbers(n)


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
    mark(
        "You read the sentences from the last word to the first; go from t = 0 upwards."
    ): lambda X, W, U, b: _forward(X[:, ::-1], W, U, b)[:, ::-1],
    mark(
        "The states are right, but stored in reverse order: state t belongs to word t."
    ): lambda X, W, U, b: _forward(X, W, U, b)[:, ::-1],
    mark(
        "The state of one sentence leaks into the next one: start every sentence at zero."
    ): lambda X, W, U, b: _forward(X, W, U, b, over="everything"),
    mark(
        "Your loop runs over the sentences instead of the words: axis 0 of X is the batch"
        " and axis 1 is time, so take X[:, t]."
    ): lambda X, W, U, b: _forward(X.swapaxes(0, 1), W, U, b).swapaxes(0, 1),
    mark("The state before the first word should be zeros, not ones."): lambda X, W, U, b: _forward(
        X, W, U, b, start=1.0
    ),
    mark("Every step of yours reads the first word: take word t, X[:, t]."): lambda X, W, U, b: (
        _forward(np.broadcast_to(X[:, :1], X.shape), W, U, b)
    ),
    mark(
        "All your states are the last one: store each state before the next step replaces it."
    ): lambda X, W, U, b: np.repeat(_forward(X, W, U, b)[:, -1:], X.shape[1], axis=1),
    mark("You return one state per sentence, the last: return all of them, (batch, T, n)."): (
        lambda *case: _forward(*case)[:, -1]
    ),
    mark("You return T + 1 states for T words: leave out the zeros from before the first word."): (
        _with_zeros
    ),
    mark("You return T + 1 states for T words: the first T are right, so stop after word T."): (
        lambda X, *weights: _forward(np.concatenate([X, X[:, -1:]], axis=1), *weights)
    ),
    mark("Every state stands one step late: state t has read word t already."): (
        lambda *case: _with_zeros(*case)[:, :-1]
    ),
    mark(
        "Batch and time have changed places in your result: axis 0 is the batch and axis 1 is "
        "time, so stack the states with axis=1."
    ): lambda *case: _forward(*case).swapaxes(0, 1),
    mark(
        "Batch and time have changed places where there are as many sentences as words, so that "
        "the shape cannot tell: stack the states with axis=1."
    ): lambda X, *weights: (
        _forward(X, *weights).swapaxes(0, 1) if len(X) == X.shape[1] else _forward(X, *weights)
    ),
    **{why: partial(_forward, step=wrong) for why, wrong in STEP_MISTAKES.items()},
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


WORDS = ("the", "and", "a", "film", "not", "bad", "10", "don't", "over-acted", "zeal", "ending")


def _encode_case(draw: Draw) -> tuple:
    random = draw.random
    most = 30 if draw.kind == "small" else 25_000
    ranks = random.choice(np.arange(1, most), len(WORDS), replace=False).tolist()
    word_index = dict(
        zip(WORDS[: random.integers(len(WORDS) // 2, len(WORDS))], ranks, strict=False)
    )
    text = random.choice(WORDS, 0 if draw.kind == "zeros" else draw.length(1, 9)).tolist()
    if draw.kind in ("mixed", "large"):
        text = [random.choice([word, word.upper(), word.title()]).item() for word in text]
    # Where a limit matters most: at the number of a word, just above, just below.
    near = [rank + 3 + more for rank in word_index.values() for more in (-1, 0, 1)]
    num_words = int(random.choice([*near, 25_100]))
    length = 0 if draw.kind == "fortran" else int(random.choice([len(text), 12, draw.length(1, 9)]))
    return " ".join(text), word_index, num_words, length + 300 * (draw.kind == "strided")


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
    sentence: partial(_variant, **mistake)
    for sentence, mistake in {
        mark(
            "The offset of 3 is missing: 'not' has rank 21, so its number is 24. Your 21 is "
            "the number of the word of rank 18."
        ): {"offset": 0},
        mark("Your offset is 2; the numbers 0, 1, 2 and 3 are all taken, so rank 1 becomes 4."): {
            "offset": 2
        },
        mark(
            "The start mark is missing: every encoded review begins with 1, right after the "
            "padding."
        ): {"start": False},
        mark("You pad behind the text; the zeros come first, so the text is read last."): {
            "pad": "back"
        },
        mark("You do not pad: a text shorter than `length` needs zeros in front."): {"pad": "none"},
        mark(
            "You cut a long text at its start; keep the first `length` numbers and drop the rest."
        ): {"cut": "start"},
        mark("You do not cut: the result must never be longer than `length`."): {"cut": "none"},
        mark("Capital letters make your words unknown: bring the text to lower case first."): {
            "lower": False
        },
        mark("You leave unknown words out; each one becomes the number 2."): {"unknown": "skip"},
        mark("You write 0 for unknown words, but 0 means padding; unknown is 2."): {"unknown": "0"},
        mark("You add the offset to the unknown mark as well; it is 2, not 5."): {"unknown": "5"},
        mark("You write 3 for unknown words; the unknown mark is 2, and 3 is not used."): {
            "unknown": "3"
        },
        mark(
            "You do not use num_words: a number of num_words or more has no row in the "
            "embedding, so it becomes 2."
        ): {"limit": "none"},
        mark(
            "You compare the rank with num_words; compare the number after the offset was added."
        ): {"limit": "rank"},
        mark(
            "You let the number num_words through; the largest one allowed is num_words - 1, "
            "because counting starts at 0."
        ): {"limit": "at most"},
        mark(
            "An empty text gives one word in your list, the empty one: use split() without a "
            "separator, which drops empty pieces."
        ): {"separator": " "},
        mark("You keep one number too few of a long text: the start mark counts as one."): {
            "late": True
        },
        mark("You keep the end of a long text, and one number too few; keep the first `length`."): {
            "late": True,
            "cut": "start",
        },
    }.items()
}


EXERCISES = {
    "01.rnn_step": Exercise(
        name="01.rnn_step",
        question=mark(
            "Write rnn_step(x, h, W, U, b): the new state, shape (n,), from one word x of shape "
            "(d,), the old state h of shape (n,), W (d, n), U (n, n) and b (n,)."
        ),
        solve=rnn_step,
        case=_step_case,
        results=(mark("the new state"),),
        mistakes=STEP_MISTAKES,
        hints=(
            mark(
                "Three things are added: what the word says, what the memory says, and the bias. "
                "Which shape must each of them have?"
            ),
            mark(
                "x has shape (d,) and W has shape (d, n): x @ W has shape (n,). Do the same with h "
                "and U."
            ),
            mark("Add the three parts and put the whole sum into np.tanh, once."),
        ),
        praise=mark("Every neuron gets the whole word and the whole old state."),
    ),
    "01.rnn": Exercise(
        name="01.rnn",
        question=mark(
            "Write rnn_forward(X, W, U, b): all states, shape (batch, T, n), of a batch X of "
            "shape (batch, T, d). Every sentence starts from a state of zeros."
        ),
        solve=rnn_forward,
        case=_forward_case,
        results=(mark("the array of states"),),
        mistakes=FORWARD_MISTAKES,
        hints=(
            mark(
                "One loop is enough, over time. All sentences of the batch take their step "
                "together."
            ),
            mark(
                "The word of every sentence at step t is X[:, t], of shape (batch, d); the state h "
                "has shape (batch, n) and starts as np.zeros((batch, n))."
            ),
            mark(
                "In the loop: h = np.tanh(X[:, t] @ W + h @ U + b), then append h to a list. After "
                "the loop: np.stack(the list, axis=1)."
            ),
        ),
        praise=mark("These are the states that Keras returns with return_sequences=True."),
    ),
    "01.encode": Exercise(
        name="01.encode",
        question=mark(
            "Write encode(text, word_index, num_words, length): a list of `length` numbers. "
            "Start mark 1, unknown word 2, offset 3; numbers of num_words or more are unknown; "
            "cut at the end, pad in front with 0."
        ),
        solve=encode,
        case=_encode_case,
        results=(mark("the list of numbers"),),
        mistakes=ENCODE_MISTAKES,
        hints=(
            mark("Make the list for a text of any length first. Cutting and padding come last."),
            mark(
                "Begin with [1]. For each word of text.lower().split() append its rank + 3, or 2 "
                "when the word is not in word_index or rank + 3 is num_words or more."
            ),
            mark("Cut with numbers[:length]; then put [0] * (length - len(numbers)) in front."),
        ),
        praise=mark("This is what the trained models of this course read."),
    ),
}
