"""The recall task: name the first symbol after a given number of distractors.

A sequence starts with one of ``CUES`` cue symbols. After it come ``lag`` distractor symbols,
drawn from a separate alphabet. The label is the cue. Whoever answers at the last step has to
have kept the cue for ``lag`` steps, or to be able to look back at it. The distractors carry no
information about the label, and the labels are balanced, so the chance level is ``1 / CUES``.

The task is the first-symbol problem of Bengio, Simard and Frasconi (1994), section II, with
symbols in place of real-valued inputs.
"""

import numpy as np

from attention_course.errors import DataError

CUES = 4
DISTRACTORS = 4
SYMBOLS = CUES + DISTRACTORS
CHANCE = 1 / CUES


def recall(n: int, lag: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw ``n`` sequences of the recall task, with ``lag`` distractors after the cue.

    Returns ``(symbols, labels)``: ``symbols`` is int32 ``(n, lag + 1)``, cue first, then
    distractors numbered from ``CUES``; ``labels`` is int32 ``(n,)``, the cue. Every label occurs
    ``n // CUES`` times, or once more where ``n`` is not a multiple of ``CUES``.

    Raises ``DataError`` when ``n`` is below 1 or ``lag`` is negative.
    """
    if n < 1:
        raise DataError(
            "The recall task needs at least one sequence; you asked for {count}.", count=n
        )
    if lag < 0:
        raise DataError("The lag counts the steps after the cue, so it cannot be {lag}.", lag=lag)
    rng = np.random.default_rng([seed, lag])
    labels = rng.permutation(np.arange(n) % CUES)
    distractors = rng.integers(CUES, SYMBOLS, size=(n, lag))
    symbols = np.concatenate([labels[:, None], distractors], axis=1)
    return symbols.astype("int32"), labels.astype("int32")


def one_hot(symbols: np.ndarray) -> np.ndarray:
    """Turn symbols ``(n, T)`` into float32 indicator vectors ``(n, T, SYMBOLS)``.

    Raises ``DataError`` for a symbol outside ``0 .. SYMBOLS - 1``.
    """
    symbols = np.asarray(symbols)
    if symbols.size and (symbols.min() < 0 or symbols.max() >= SYMBOLS):
        raise DataError("The recall task knows the symbols 0 to {last} only.", last=SYMBOLS - 1)
    return np.eye(SYMBOLS, dtype="float32")[symbols]
