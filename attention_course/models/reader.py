"""Give plain text to a trained sentiment model, with the words and the length it was trained on."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from attention_course import models
from attention_course.datasets.vocabulary import UNKNOWN, Vocabulary
from attention_course.errors import DataError, ModelError
from attention_course.models import cards

if TYPE_CHECKING:
    import keras

BATCH = 256


class SentimentReader:
    """A sentiment model together with the vocabulary and the input length on its card.

    Args:
        name: one of ``attention_course.models.READ_REVIEWS``.

    Attributes:
        name, card, model, vocabulary: as loaded.
        length: numbers per review; longer reviews are cut as they were in training.
        keep: which end of a long review is kept, ``"first"`` or ``"last"``.
    """

    def __init__(self, name: str) -> None:
        if name not in models.READ_REVIEWS:
            models.family(name)  # an unknown name is answered with a suggestion
            raise ModelError(
                "{name} does not read reviews: try {known}.",
                name=name,
                known=", ".join(models.READ_REVIEWS),
            )
        self.name = name
        self.card: dict[str, Any] = cards.load_card(name)
        data = self.card["data"]
        self.length: int = data["length"]
        self.keep: str = data["keep"]
        self.vocabulary = Vocabulary.load(data["num_words"])
        self.model: keras.Model = models.load(name)

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Return reviews as int32 numbers ``(n, length)``.

        Raises:
            DataError: a review is no string, has no word, or only words the model does not know.
        """
        if isinstance(texts, str):
            texts = [texts]
        for position, text in enumerate(texts, start=1):
            numbers = self.vocabulary.encode(text)[1:]
            if not numbers:
                raise DataError(
                    "Review {position} has no words: write at least one.", position=position
                )
            if all(number == UNKNOWN for number in numbers):
                raise DataError(
                    "{name} knows none of the {count} words of review {position}: use more common "
                    "English words.",
                    name=self.name,
                    count=len(numbers),
                    position=position,
                )
        return self.vocabulary.encode_batch(texts, self.length, self.keep)

    def probability(self, texts: Sequence[str]) -> np.ndarray:
        """Return the probability ``(n,)`` that each review is positive."""
        numbers = self.encode(texts)
        # Called directly: model.predict traces a graph anew for every model and batch shape.
        batches = [numbers[start : start + BATCH] for start in range(0, len(numbers), BATCH)]
        verdicts = [np.asarray(self.model(batch, training=False)) for batch in batches]
        return np.concatenate(verdicts)[:, 0]

    def shown_tokens(self, text: str) -> list[str]:
        """Return the tokens the model sees, in order, for the label of a heat map.

        The start mark counts as one; unknown words are set in brackets.
        """
        shown = ["[start]", *self.vocabulary.tokens(text)]
        numbered = zip(shown, self.vocabulary.encode(text), strict=True)
        words = [f"[{word}]" if number == UNKNOWN else word for word, number in numbered]
        return words[: self.length] if self.keep == "first" else words[-self.length :]
