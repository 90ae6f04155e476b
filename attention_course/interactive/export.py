"""The trained self-attention model as arrays, as one compact script, and that script in the book.

``review.js`` runs the model in the page. In the book it loads ``_static/review_model.js``, which
is made here whenever the book is built (this module is a Sphinx extension of ``_config.yml``), so
the repository holds the model once, in ``models/``. Neither Keras nor TensorFlow is needed.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attention_course import assets, functional
from attention_course.datasets.vocabulary import OFFSET, Vocabulary, tokens
from attention_course.errors import ModelError
from attention_course.models import cards
from attention_course.storage import write_text

if TYPE_CHECKING:
    from sphinx.application import Sphinx

NAME = "self_attention"
SCRIPT = "review_model.js"
_ARRAYS = ("embedding/vars/0", "dense/vars/0", "dense/vars/1")


@dataclass(frozen=True)
class ReviewModel:
    """The numbers of ``attention_course.models.sentiment.self_attention`` after training.

    Attributes:
        vocabulary: the words it knows.
        length: how many numbers it reads; of a longer review the last ones.
        embedding: float32 ``(num_words, width)``.
        kernel, bias: of the dense layer, float32 ``(width,)`` and one number.
    """

    vocabulary: Vocabulary
    length: int
    embedding: np.ndarray
    kernel: np.ndarray
    bias: float

    @classmethod
    def load(cls) -> ReviewModel:
        """Read the model and its card.

        Raises:
            AssetError: a file is missing.
            ModelError: the model's file is damaged or another network is in it.
        """
        import h5py

        card = cards.load_card(NAME)
        name = f"models/{NAME}.keras"  # a zip with an HDF5 file in it
        try:
            with zipfile.ZipFile(assets.fetch(name)) as archive:
                content = io.BytesIO(archive.read("model.weights.h5"))
            with h5py.File(content) as file:
                arrays = [np.asarray(file[f"layers/{part}"], np.float32) for part in _ARRAYS]
            embedding, kernel, bias = arrays
            if embedding.ndim != 2 or kernel.shape != (embedding.shape[1], 1) or bias.shape != (1,):
                raise ValueError
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise ModelError(
                "{file} is damaged or holds another network than its recipe: bring it back with "
                "git checkout -- {file}, or python -m attention_course train {model}",
                file=name,
                model=NAME,
            ) from error
        vocabulary = Vocabulary.load(len(embedding))
        return cls(vocabulary, card["data"]["length"], embedding, kernel[:, 0], float(bias[0]))

    def read(self, text: str) -> tuple[float, np.ndarray]:
        """Return the probability that a review is positive, and what each place receives.

        Returns:
            The probability, and the weights ``(T,)`` of the start mark and the words, or of the
            last ``length`` words: the mean of the attention weights over the queries.
        """
        numbers = self.vocabulary.encode(text)[-self.length :]
        words = self.embedding[numbers].astype(float)
        received = functional.softmax(words @ words.T).mean(axis=0)
        score = received @ words @ self.kernel + self.bias
        return float(1 / (1 + np.exp(-score))), received


def pack(model: ReviewModel) -> dict[str, Any]:
    """Return the model as ``review.js`` reads it: plain values, the embedding in 16 bits.

    Every number of the embedding is rounded to a multiple of one step. That changes the
    probability of the course's reviews by less than 1e-4 (tests/interactive/test_export.py).
    """
    step = float(np.abs(model.embedding).max()) / 32_767  # the largest integer of 16 bits
    integers = np.round(model.embedding / step).astype("<i2")
    return {
        "words": model.vocabulary.decode(range(OFFSET + 1, len(model.embedding))),
        # Every character that ends a word, asked of the vocabulary itself. White space and
        # punctuation beyond these 65,536 characters: none.
        "separators": "".join(sign for sign in map(chr, range(0x10000)) if not tokens(sign)),
        "length": model.length,
        "width": model.embedding.shape[1],
        "step": step,
        "embedding": base64.b64encode(integers.tobytes()).decode("ascii"),
        "kernel": model.kernel.tolist(),
        "bias": model.bias,
    }


def script(model: ReviewModel) -> str:
    """Return the file that the book's page loads: ASCII, one global name, the same every time."""
    packed = json.dumps(pack(model), separators=(",", ":"))
    return f"window.attentionCourseReviewModel = {packed};\n"


def version(text: str) -> str:
    """Return what tells one model's script from another's in its address."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _write(app: Sphinx, exception: Exception | None) -> None:
    """Put the model's script beside the book's pages, once they are written."""
    if exception is not None or app.builder.format != "html":
        return
    path = Path(app.outdir) / "_static" / SCRIPT
    text = script(ReviewModel.load())
    if not path.is_file() or path.read_text(encoding="ascii") != text:
        path.parent.mkdir(exist_ok=True)
        write_text(path, text)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the extension to Sphinx."""
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
