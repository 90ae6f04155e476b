"""Plain text to the word numbers of Keras' IMDB data, and back.

A number is the word's rank by frequency plus an offset of 3, because ``keras.datasets.imdb``
reserves 0 for padding, 1 for the start of a review and 2 for every unknown word.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from attention_course import assets
from attention_course.errors import DataError

PADDING, START, UNKNOWN = 0, 1, 2
OFFSET = 3
WORDS_FILE = "models/imdb_words.txt"
_PUNCTUATION = str.maketrans(dict.fromkeys('!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n\r', " "))
_APOSTROPHES = str.maketrans({"\u2019": "'", "\u2018": "'"})


def tokens(text: str) -> list[str]:
    """Split ``text`` as the IMDB data was: lower case, no punctuation, apostrophes kept."""
    if not isinstance(text, str):
        kind = type(text).__name__
        raise DataError("A review must be a string, not {kind}: pass its text.", kind=kind)
    return text.lower().translate(_APOSTROPHES).translate(_PUNCTUATION).split()


class Vocabulary:
    """The most frequent words of the IMDB training reviews, most frequent first.

    Args:
        words: the words by rank; the first one gets number ``OFFSET + 1``.
        num_words: numbers at or above this become ``UNKNOWN``, as ``num_words`` does in
            ``keras.datasets.imdb.load_data``.
    """

    def __init__(self, words: Sequence[str], num_words: int) -> None:
        self.num_words = num_words
        self._words = list(words)[: max(num_words - OFFSET - 1, 0)]
        self._numbers = {word: rank + OFFSET for rank, word in enumerate(self._words, start=1)}

    @classmethod
    def load(cls, num_words: int = 10_000) -> "Vocabulary":
        """Read the word list that lies beside the trained models.

        ``AssetError`` says that it cannot be fetched, ``DataError`` that it holds too few words.
        """
        path = assets.fetch(WORDS_FILE)
        # Not split(): the list holds words that are themselves white space in Unicode.
        words = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
        if len(words) < num_words - OFFSET - 1:
            raise DataError(
                "{file} holds {count} words, too few for num_words={num_words}: restore the "
                "file or ask for fewer words.",
                file=WORDS_FILE,
                count=len(words),
                num_words=num_words,
            )
        return cls(words, num_words)

    def knows(self, word: str) -> bool:
        """Say whether ``word`` (lower case) has a number of its own."""
        return word in self._numbers

    def tokens(self, text: str) -> list[str]:
        """Split a review into the tokens that :meth:`encode` numbers."""
        return tokens(text)

    def encode(self, text: str) -> list[int]:
        """Return the numbers of a review: ``START``, then one per token."""
        return [START, *(self._numbers.get(word, UNKNOWN) for word in tokens(text))]

    def encode_batch(
        self, texts: Iterable[str], length: int = 200, keep: str = "first"
    ) -> np.ndarray:
        """Return reviews as an int32 array of shape ``(n, length)``; see :func:`pad`."""
        return pad([self.encode(text) for text in texts], length, keep)

    def decode(self, numbers: Iterable[int]) -> list[str]:
        """Return the tokens behind ``numbers``; padding is left out."""
        known = ["", "[start]", "[unknown]", "[unused]", *self._words]
        found = []
        for number in map(int, numbers):
            if not 0 <= number < len(known):
                raise DataError(
                    "{number} is no word number: expected 0 to {largest}.",
                    number=number,
                    largest=self.num_words - 1,
                )
            if number != PADDING:
                found.append(known[number])
        return found


def pad(sequences: Sequence[Sequence[int]], length: int, keep: str = "first") -> np.ndarray:
    """Return ``sequences`` as one int32 array ``(n, length)``.

    Short ones get zeros before the text, so that a recurrent layer reads the last word last.
    Long ones are cut: ``keep`` says whether their ``"first"`` or ``"last"`` numbers stay.
    """
    if length < 1:
        raise DataError("length must be at least 1, not {length}.", length=length)
    if keep not in ("first", "last"):
        raise DataError("keep must be 'first' or 'last', not {keep!r}.", keep=keep)
    batch = np.full((len(sequences), length), PADDING, dtype=np.int32)
    for row, sequence in zip(batch, sequences, strict=True):
        kept = sequence[:length] if keep == "first" else sequence[-length:]
        row[length - len(kept) :] = kept
    return batch
