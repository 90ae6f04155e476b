"""Sentences of one-hot words in which the order decides and counting words says nothing."""

from __future__ import annotations

import numpy as np

WORDS = ("good", "bad", "a", "film", "it", "is")
LENGTH = 8


def sentences(count: int, length: int = LENGTH, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return ``count`` sentences and whether "good" comes before "bad" in each.

    Both of these words occur exactly once in a sentence, at places drawn at random; the other
    words are drawn from the rest of ``WORDS``.

    Returns:
        One-hot words, float32 ``(count, length, 6)``, and labels 0 or 1, ``(count,)``.
    """
    random = np.random.default_rng(seed)
    words = random.integers(2, len(WORDS), (count, length))
    places = random.permuted(np.tile(np.arange(length), (count, 1)), axis=1)[:, :2]
    for word in (0, 1):
        words[np.arange(count), places[:, word]] = word
    one_hot = np.eye(len(WORDS), dtype=np.float32)[words]
    return one_hot, (places[:, 0] < places[:, 1]).astype(int)


def unseen(sentences: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return which of the ``sentences`` do not occur among those that are known, bool."""
    seen = {sentence.tobytes() for sentence in known}
    return np.array([sentence.tobytes() not in seen for sentence in sentences])


def text(sentence: np.ndarray) -> str:
    """Return the words of one sentence, ``(length, 6)``."""
    return " ".join(WORDS[word] for word in sentence.argmax(axis=-1))
