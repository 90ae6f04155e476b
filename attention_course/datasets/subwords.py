"""Text as numbers of letters or of subwords: pieces that were joined because they are frequent.

Which pieces there are is learned by the library sentencepiece (``training/subwords.py``) and kept
as a list, so that reading and writing need no library. A list of letters alone is a vocabulary
too, of letters.

Source: byte-pair encoding as Sennrich, Haddow and Birch (2016), arXiv 1508.07909, use it.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterable, Sequence

import numpy as np

from attention_course.datasets.grammar import END, PADDING, START

UNKNOWN = END + 1
"""The number of a letter that the vocabulary lacks; pieces follow in their order."""
SPACE = "▁"
"""Stands for a space, as in sentencepiece. A piece holds one at its beginning or none."""


class Subwords:
    """The pieces of one language.

    Args:
        pieces: the joined ones first, the most frequent before the others, then single letters;
            the first piece gets the number ``UNKNOWN + 1``.
    """

    def __init__(self, pieces: Sequence[str]) -> None:
        self.pieces = tuple(pieces)
        self._numbers = {piece: number for number, piece in enumerate(pieces, start=UNKNOWN + 1)}
        self._word = functools.lru_cache(maxsize=None)(self._join)

    def __len__(self) -> int:
        """Return how many numbers there are, those that stand for no piece included."""
        return UNKNOWN + 1 + len(self.pieces)

    def split(self, text: str) -> list[str]:
        """Return the pieces of a text; joined they are the text with ``SPACE`` for each space."""
        words = re.findall(f"{SPACE}?[^{SPACE}]+", " ".join(text.split()).replace(" ", SPACE))
        return [piece for word in words for piece in self._word(word)]

    def encode(self, text: str) -> list[int]:
        """Return the numbers of the pieces of a text, without START and END."""
        return [self._numbers.get(piece, UNKNOWN) for piece in self.split(text)]

    def decode(self, numbers: Iterable[int]) -> str:
        """Return the text of some numbers, up to END; a letter that is unknown becomes "⁇"."""
        found = []
        for number in numbers:
            if number == END:
                break
            if number == UNKNOWN:
                found.append("⁇")
            elif number > UNKNOWN:
                found.append(self.pieces[number - UNKNOWN - 1])
        return "".join(found).replace(SPACE, " ").strip()

    def _join(self, word: str) -> tuple[str, ...]:
        """Join neighbours as long as two of them make a piece, the most frequent piece first."""
        parts = list(word)
        while True:
            pairs = [left + right for left, right in itertools.pairwise(parts)]
            known = [(self._numbers[pair], at) for at, pair in enumerate(pairs) if pair in self]
            if not known:
                return tuple(parts)
            _, at = min(known)
            parts[at : at + 2] = [pairs[at]]

    def __contains__(self, piece: str) -> bool:
        return piece in self._numbers


def letters(texts: Iterable[str]) -> Subwords:
    """Return the vocabulary of the letters in some texts, sorted."""
    return Subwords(sorted({letter for text in texts for letter in text.replace(" ", SPACE)}))


def encode_pairs(
    pairs: Sequence[tuple[str, str]], source: Subwords, target: Subwords
) -> tuple[np.ndarray, np.ndarray]:
    """Turn pairs of texts into numbers, int32, each side as wide as its longest text needs.

    Returns:
        Sources ``(n, S)``, each with END after it and PADDING behind; targets ``(n, T + 1)``, with
        START before them as well.
    """
    sources = [[*source.encode(text), END] for text, _ in pairs]
    targets = [[START, *target.encode(text), END] for _, text in pairs]
    return _padded(sources), _padded(targets)


def _padded(rows: list[list[int]]) -> np.ndarray:
    padded = np.full((len(rows), max(map(len, rows), default=0)), PADDING, dtype="int32")
    for row, numbers in zip(padded, rows, strict=True):
        row[: len(numbers)] = numbers
    return padded
