"""Which texts nearly say the same, so that they do not stand on both sides of a split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

NEAR = 0.5
"""Two texts are near duplicates when they have this share of their words or letters in common."""
_AT_ONCE = 2000  # texts: all at once would take gigabytes


def near_duplicates(
    texts: Sequence[str], others: Sequence[str], letters: int | None = None
) -> np.ndarray:
    """Return the places ``(i, j)`` of near duplicates ``texts[i]`` and ``others[j]``, ``(n, 2)``.

    Those are pairs whose Jaccard index is at least :data:`NEAR`: the number of different words that
    both texts have, over the number that either has. With ``letters``, sequences of so many letters
    are compared instead of words. Capitals do not count.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    options = {"token_pattern": r"\w+"}
    if letters:
        options = {"analyzer": "char", "ngram_range": (letters, letters), "token_pattern": None}
    counter = CountVectorizer(binary=True, dtype=np.float32, **options)
    counts = counter.fit_transform([*texts, *others])
    first, second = counts[: len(texts)], counts[len(texts) :]
    in_first, in_second = (np.asarray(part.sum(axis=1)).ravel() for part in (first, second))
    found = [np.empty((0, 2), int)]
    for start in range(0, len(texts), _AT_ONCE):
        shared = (first[start : start + _AT_ONCE] @ second.T).tocoo()
        rows, columns = shared.row + start, shared.col
        near = shared.data >= NEAR * (in_first[rows] + in_second[columns] - shared.data)
        found.append(np.stack([rows[near], columns[near]], axis=1))
    return np.concatenate(found)
