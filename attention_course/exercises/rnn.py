"""Exercises of chapter 1: one step of a recurrent layer, all its steps, and encoding a text.

Each checker computes the right answer and, when the student's differs, the answers that common
mistakes lead to. The mistake whose numbers the student has is the one that is named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from attention_course.exercises._harness import Exercise, as_array, call, close, fail, source

TOLERANCE = 1e-5  # an answer computed in float32 is right too


# --- 01.rnn_step ------------------------------------------------------------------------------


def rnn_step(x, h, W, U, b):
    """New state (n,) from one word x (d,) and the old state h (n,)."""
    return np.tanh(x @ W + h @ U + b)


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


STEP_MISTAKES: tuple[tuple[Callable, str], ...] = (
    (
        lambda x, h, W, U, b: x @ W + h @ U + b,
        "The sum is right, but the tanh around it is missing: "
        "without it a state can grow without bound.",
    ),
    (
        lambda x, h, W, U, b: np.tanh(x @ W + h @ U),
        "The bias b is missing from the sum.",
    ),
    (
        lambda x, h, W, U, b: np.tanh(x @ W + b),
        "Your state ignores the previous one: add h @ U, or the network has no memory.",
    ),
    (
        lambda x, h, W, U, b: np.tanh(h @ U + b),
        "Your state ignores the current input: add x @ W, or the network never reads a word.",
    ),
    (
        lambda x, h, W, U, b: np.tanh(x @ W + U @ h + b),
        "U is used the wrong way round (U @ h instead of h @ U): U is square, so NumPy cannot "
        "notice. Row i of U holds what old neuron i sends out.",
    ),
    (
        lambda x, h, W, U, b: np.tanh(x @ W + h * np.diag(U) + b),
        "Each of your neurons gets only its own old value: every neuron must get all of them, "
        "so use the whole matrix, h @ U.",
    ),
    (
        lambda x, h, W, U, b: np.tanh(x @ W + h @ U) + b,
        "The bias b is added outside the tanh; it belongs to the sum inside.",
    ),
    (
        lambda x, h, W, U, b: np.tanh(x @ W) + h @ U + b,
        "Only x @ W is inside your tanh; the whole sum belongs inside.",
    ),
    (
        lambda x, h, W, U, b: np.tanh(x @ W) + np.tanh(h @ U) + b,
        "You take two tanhs, one for each part: add the parts first, then take one tanh.",
    ),
    (
        lambda x, h, W, U, b: _sigmoid(x @ W + h @ U + b),
        "The sum is right, but it goes through a sigmoid; Keras' SimpleRNN uses tanh by default.",
    ),
    (
        lambda x, h, W, U, b: np.maximum(x @ W + h @ U + b, 0),
        "The sum is right, but it goes through a ReLU, which loses every negative value; use tanh.",
    ),
    (
        lambda x, h, W, U, b: np.tanh(x @ W + h + b),
        "You add the old state as it is: multiply it by U first, h @ U.",
    ),
    (
        lambda x, h, W, U, b: h + np.tanh(x @ W + h @ U + b),
        "You add the new state to the old one: the new state replaces it.",
    ),
)


def _check_step(answer: Any) -> None:
    random = np.random.default_rng(1)
    cases = []
    for d, n in ((3, 2), (2, 4), (4, 4)):
        W, U = random.normal(size=(d, n)), random.normal(size=(n, n))
        x, h, b = random.normal(size=d), random.uniform(-0.9, 0.9, size=n), random.normal(size=n)
        cases.append((x, h, W, U, b))
    found = []
    for case in cases:
        n = len(case[4])
        found.append(as_array(call(answer, *case), (n,), f"the new state for n = {n}"))
    _compare(found, cases, rnn_step, STEP_MISTAKES, "the new state")


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


FORWARD_MISTAKES: tuple[tuple[Callable, str], ...] = (
    (
        lambda X, W, U, b: _forward(X[:, ::-1], W, U, b)[:, ::-1],
        "You read the sentences from the last word to the first; go from t = 0 upwards.",
    ),
    (
        lambda X, W, U, b: _forward(X, W, U, b)[:, ::-1],
        "The states are right, but stored in reverse order: state t belongs to word t.",
    ),
    (
        lambda X, W, U, b: _forward(X, W, U, b, over="everything"),
        "The state of one sentence leaks into the next one: start every sentence at zero.",
    ),
    (
        lambda X, W, U, b: _forward(X.swapaxes(0, 1), W, U, b).swapaxes(0, 1),
        "Your loop runs over the sentences instead of the words: axis 0 of X is the batch and "
        "axis 1 is time, so take X[:, t].",
    ),
    (
        lambda X, W, U, b: _forward(X, W, U, b, start=1.0),
        "The state before the first word should be zeros, not ones.",
    ),
    (
        lambda X, W, U, b: _forward(np.broadcast_to(X[:, :1], X.shape), W, U, b),
        "Every step of yours reads the first word: take word t, X[:, t].",
    ),
    (
        lambda X, W, U, b: np.repeat(_forward(X, W, U, b)[:, -1:], X.shape[1], axis=1),
        "All your states are the last one: store each state before the next step replaces it.",
    ),
    *(
        (lambda X, W, U, b, wrong=wrong: _forward(X, W, U, b, step=wrong), "In every step: " + why)
        for wrong, why in STEP_MISTAKES
    ),
)


def _check_forward(answer: Any) -> None:
    random = np.random.default_rng(2)
    cases = []
    # The second case has as many sentences as words, and inputs as wide as the state: no axis
    # can be told from another by its length.
    for batch, steps, d, n in ((2, 4, 3, 2), (3, 3, 3, 3), (1, 5, 2, 4)):
        X, W = random.normal(size=(batch, steps, d)), random.normal(size=(d, n))
        U, b = 0.7 * random.normal(size=(n, n)), random.normal(size=n)
        cases.append((X, W, U, b))
    found = [_all_states(call(answer, *case), case) for case in cases]
    _compare(found, cases, rnn_forward, FORWARD_MISTAKES, "the states")


def _all_states(result: Any, case: Sequence[np.ndarray]) -> np.ndarray:
    """The result as an array (batch, T, n), with words for the usual wrong shapes."""
    batch, steps, _ = case[0].shape
    n = len(case[3])
    states = as_array(result, None, "the states")
    if states.shape == (batch, n) != (batch, steps, n):
        fail(
            f"You return one state per sentence, of shape {states.shape}: return all of them, "
            f"shape (batch, T, n) = {(batch, steps, n)}."
        )
    if states.shape == (batch, steps + 1, n):
        fail(
            f"You return {steps + 1} states for {steps} words: leave out the zeros from before "
            "the first word."
        )
    if states.shape == (steps, batch, n) and steps != batch:
        fail(
            f"Time comes first in your result, {states.shape}: the batch is axis 0 and time axis "
            "1, so stack the states with axis=1."
        )
    states = as_array(states, (batch, steps, n), "the array of states, (batch, T, n),")
    right = rnn_forward(*case)
    if batch == steps and batch > 1 and close(states, right.swapaxes(0, 1), TOLERANCE):
        fail(
            "Batch and time have changed places in your result: stack the states with axis=1. "
            "Here there are as many sentences as words, so the shape cannot tell."
        )
    return states


# --- 01.encode --------------------------------------------------------------------------------


def encode(text, word_index, num_words, length):
    """List of `length` numbers: padding, start mark, one number per word."""
    numbers = [1]
    for word in text.lower().split():
        number = word_index.get(word, -1) + 3
        numbers.append(number if 3 < number < num_words else 2)
    numbers = numbers[:length]
    return [0] * (length - len(numbers)) + numbers


RANKS = {
    "the": 1,
    "and": 2,
    "a": 3,
    "of": 4,
    "is": 6,
    "this": 11,
    "film": 19,
    "not": 21,
    "all": 29,
    "bad": 75,
    "great": 84,
    "ending": 274,
}
ENCODE_CASES = (
    ("not a bad film", RANKS, 1_000, 8),
    ("Not a BAD film", RANKS, 1_000, 8),
    ("a bad zyzzyva film", RANKS, 1_000, 6),
    ("not a bad film", RANKS, 78, 6),
    ("not a bad film", RANKS, 76, 6),
    ("not a bad film", RANKS, 50, 6),
    ("not a bad film and not a great ending", RANKS, 1_000, 5),
    ("this is not all", RANKS, 1_000, 5),
    ("", RANKS, 1_000, 3),
)


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
        keep = min(length - late, len(numbers))
        numbers = numbers[:keep] if cut == "end" else numbers[len(numbers) - keep :]
    padding = [0] * (length - len(numbers)) if pad != "none" else []
    return padding + numbers if pad == "front" else numbers + padding


ENCODE_MISTAKES: tuple[tuple[dict[str, Any], str], ...] = (
    (
        {"offset": 0},
        "The offset of 3 is missing: 'not' has rank 21, so its number is 24. "
        "Your 21 is the number of the word of rank 18.",
    ),
    (
        {"offset": 2},
        "Your offset is 2; the numbers 0, 1, 2 and 3 are all taken, so rank 1 becomes 4.",
    ),
    (
        {"start": False},
        "The start mark is missing: every encoded review begins with 1, right after the padding.",
    ),
    ({"pad": "back"}, "You pad behind the text; the zeros come first, so the text is read last."),
    ({"pad": "none"}, "You do not pad: a text shorter than `length` needs zeros in front."),
    (
        {"cut": "start"},
        "You cut a long text at its start; keep the first `length` numbers and drop the rest.",
    ),
    ({"cut": "none"}, "You do not cut: the result must never be longer than `length`."),
    (
        {"lower": False},
        "Capital letters make your words unknown: bring the text to lower case first.",
    ),
    ({"unknown": "skip"}, "You leave unknown words out; each one becomes the number 2."),
    ({"unknown": "0"}, "You write 0 for unknown words, but 0 means padding; unknown is 2."),
    ({"unknown": "5"}, "You add the offset to the unknown mark as well; it is 2, not 5."),
    ({"unknown": "3"}, "You write 3 for unknown words; the unknown mark is 2, and 3 is not used."),
    (
        {"limit": "none"},
        "You do not use num_words: a number of num_words or more has no row in the embedding, "
        "so it becomes 2.",
    ),
    (
        {"limit": "rank"},
        "You compare the rank with num_words; compare the number after the offset was added.",
    ),
    (
        {"limit": "at most"},
        "You let the number num_words through; the largest one allowed is num_words - 1, because "
        "counting starts at 0.",
    ),
    (
        {"separator": " "},
        "An empty text gives one word in your list, the empty one: use split() without a "
        "separator, which drops empty pieces.",
    ),
    ({"late": True}, "You keep one number too few of a long text: the start mark counts as one."),
    (
        {"late": True, "cut": "start"},
        "You keep the end of a long text, and one number too few; keep the first `length`.",
    ),
)


def _check_encode(answer: Any) -> None:
    found = []
    for case in ENCODE_CASES:
        numbers = as_array(call(answer, *case), None, "the result")
        if numbers.ndim != 1:
            fail(
                f"Return one flat list of numbers; your result for {case[0]!r} has shape "
                f"{numbers.shape}."
            )
        found.append([float(number) for number in numbers])
    right = [encode(*case) for case in ENCODE_CASES]
    if found == right:
        return
    for mistake, sentence in ENCODE_MISTAKES:
        if found == [_variant(*case, **mistake) for case in ENCODE_CASES]:
            fail(sentence)
    first = next(i for i, pair in enumerate(zip(found, right, strict=True)) if pair[0] != pair[1])
    text, _, num_words, length = ENCODE_CASES[first]
    fail(
        f"For {text!r} with num_words={num_words} and length={length} your result is "
        f"{[int(n) if n.is_integer() else n for n in found[first]]}; "
        f"the right one is {right[first]}."
    )


# --- shared -----------------------------------------------------------------------------------


def _compare(
    found: Sequence[np.ndarray],
    cases: Sequence[tuple],
    right: Callable,
    mistakes: Sequence[tuple[Callable, str]],
    what: str,
) -> None:
    """End in ``fail`` unless every result equals ``right`` of its case; name the mistake."""
    wanted = [right(*case) for case in cases]
    if all(close(a, b, TOLERANCE) for a, b in zip(found, wanted, strict=True)):
        return
    for wrong, sentence in mistakes:
        if all(close(a, wrong(*case), TOLERANCE) for a, case in zip(found, cases, strict=True)):
            fail(sentence)
    if any(np.abs(a).max() > 1 for a in found):
        fail(f"{what.capitalize()} should lie between -1 and 1, because tanh comes last.")
    if all(close(a, found[0].flat[0], TOLERANCE) or np.ptp(a) == 0 for a in found):
        fail(f"{what.capitalize()} should depend on the inputs; your function returns a constant.")
    for a, b, case in zip(found, wanted, cases, strict=True):
        if not close(a, b, TOLERANCE):
            place = np.unravel_index(np.argmax(np.abs(a - b)), a.shape)
            where = ", ".join(str(int(i)) for i in place)
            fail(
                f"For inputs of shapes {', '.join(str(part.shape) for part in case)} entry "
                f"[{where}] of your result is {a[place]:.4f}; it should be {b[place]:.4f}."
            )


EXERCISES = {
    "01.rnn_step": Exercise(
        name="01.rnn_step",
        question=(
            "Write rnn_step(x, h, W, U, b): the new state, shape (n,), from one word x of shape "
            "(d,), the old state h of shape (n,), W (d, n), U (n, n) and b (n,)."
        ),
        answer="rnn_step",
        check=_check_step,
        hints=(
            "Three things are added: what the word says, what the memory says, and the bias. "
            "Which shape must each of them have?",
            "x has shape (d,) and W has shape (d, n): x @ W has shape (n,). "
            "Do the same with h and U.",
            "Add the three parts and put the whole sum into np.tanh, once.",
        ),
        solution=source(rnn_step),
        praise="Every neuron gets the whole word and the whole old state.",
    ),
    "01.rnn": Exercise(
        name="01.rnn",
        question=(
            "Write rnn_forward(X, W, U, b): all states, shape (batch, T, n), of a batch X of "
            "shape (batch, T, d). Every sentence starts from a state of zeros."
        ),
        answer="rnn_forward",
        check=_check_forward,
        hints=(
            "One loop is enough, over time. All sentences of the batch take their step together.",
            "The word of every sentence at step t is X[:, t], of shape (batch, d); the state h "
            "has shape (batch, n) and starts as np.zeros((batch, n)).",
            "In the loop: h = np.tanh(X[:, t] @ W + h @ U + b), then append h to a list. After "
            "the loop: np.stack(the list, axis=1).",
        ),
        solution=source(rnn_forward),
        praise="These are the states that Keras returns with return_sequences=True.",
    ),
    "01.encode": Exercise(
        name="01.encode",
        question=(
            "Write encode(text, word_index, num_words, length): a list of `length` numbers. "
            "Start mark 1, unknown word 2, offset 3; numbers of num_words or more are unknown; "
            "cut at the end, pad in front with 0."
        ),
        answer="encode",
        check=_check_encode,
        hints=(
            "Make the list for a text of any length first. Cutting and padding come last.",
            "Begin with [1]. For each word of text.lower().split() append its rank + 3, or 2 when "
            "the word is not in word_index or rank + 3 is num_words or more.",
            "Cut with numbers[:length]; then put [0] * (length - len(numbers)) in front.",
        ),
        solution=source(encode),
        praise="This is what the trained models of this course read.",
    ),
}
