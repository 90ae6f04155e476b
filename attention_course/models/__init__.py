"""The trained models of the course: how each is built, and how to load it by name."""

import difflib
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from attention_course import assets
from attention_course.errors import CourseError, ModelError
from attention_course.words import mark

if TYPE_CHECKING:
    import keras

NAMES: dict[str, str] = {
    "simple_rnn": "sentiment",
    "rnn_attention": "sentiment",
    "word_average": "sentiment",
    "self_attention": "sentiment",
    "lstm": "sentiment",
    "lstm_attention": "sentiment",
    "bilstm_attention": "sentiment",
    "rnn_uniform": "controls",
    "rnn_mean": "controls",
    "lstm_mean": "controls",
    "multi_head": "controls",
    "multi_head_unordered": "controls",
    "multi_head_uniform": "controls",
    "ngram_average": "ngram",
    "ngram_attention": "ngram",
    "recall_simple_rnn": "recall",
    "recall_lstm": "recall",
    "recall_rnn_attention": "recall",
    "fibonacci_rnn": "fibonacci",
    "fibonacci_attention": "fibonacci",
    "lagged_rnn": "fibonacci",
    "lagged_rnn_5": "fibonacci",
    "lagged_rnn_8": "fibonacci",
    "lagged_attention": "fibonacci",
    "lagged_attention_unbounded": "fibonacci",
    "grammar_plain": "translation",
    "grammar_plain_long": "translation",
    "grammar_additive": "translation",
    "grammar_dot": "translation",
    "grammar_scaled": "translation",
    "grammar_general": "translation",
    "grammar_concat": "translation",
    "grammar_cosine": "translation",
    "grammar_location": "translation",
    "grammar_uniform": "translation",
    "grammar_feeding": "translation",
    "phrases_plain": "phrases",
    "phrases_attention": "phrases",
    "verses_plain": "verses",
    "verses_attention": "verses",
}
"""Model name -> the module of this package that builds it."""

SENTIMENT = tuple(name for name, module in NAMES.items() if module == "sentiment")
READ_REVIEWS = tuple(
    name for name, module in NAMES.items() if module in ("sentiment", "controls", "ngram")
)
"""The models that ``reader.SentimentReader`` can give a text to."""


def family(name: str) -> str:
    """Return which module builds the model ``name``; ``ModelError`` for an unknown name."""
    if name not in NAMES:
        told = {"name": name, "known": ", ".join(NAMES)}
        if close := difflib.get_close_matches(str(name), NAMES, n=1):
            told["close"] = close[0]
            raise ModelError("There is no model called {name!r}: did you mean {close}?", **told)
        raise ModelError("There is no model called {name!r}: known are {known}.", **told)
    return NAMES[name]


def build(name: str) -> "keras.Model":
    """Return the untrained, compiled model ``name``."""
    return import_module(f"{__name__}.{family(name)}").BUILDERS[name]()


def load(name: str) -> "keras.Model":
    """Return the trained model ``name``, for inference.

    Keras' safe mode stays on: a file that carries code (a Lambda layer) is refused.

    Raises:
        AssetError: the file cannot be fetched.
        ModelError: the name is unknown, or the file is damaged or unsafe, or cannot be loaded by
            this Keras.
    """
    family(name)
    return load_file(assets.fetch(f"models/{name}.keras"))


def load_file(path: Path) -> "keras.Model":
    """Return the model stored in ``path``; see :func:`load`."""
    import keras

    import_module("attention_course.layers")  # registers the course's own layers
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # h5py, zipfile and Keras raise a dozen kinds
        first: BaseException = error
        while first.__context__:  # Keras wraps what a layer raises in pages of its own
            first = first.__context__
        if isinstance(first, CourseError):
            raise first from None
        raise ModelError(
            _refusal(path, first),
            file=path.name,
            model=path.stem,
            version=keras.__version__,
            backend=keras.config.backend(),
            reason=(str(first).strip() or type(first).__name__).splitlines()[0].rstrip("."),
        ) from error


def _refusal(path: Path, error: BaseException) -> str:
    """Return the sentence that says why Keras refused a model file, and what to do."""
    if "unsafe" in str(error).lower():
        return mark(
            "The model file {file} is refused, because it would run code: restore the original "
            "file, or repeat the training with 'python -m attention_course train {model}'."
        )
    whole = assets.read_registry().get(f"models/{path.name}")
    if path.is_file() and assets.file_sha256(path) == whole:
        return mark(
            "The model file {file} is whole, but Keras {version} on {backend} cannot load it "
            "({reason}): install the versions of requirements.txt."
        )
    return mark(
        "The model file {file} is refused, because it is damaged: restore the original file, or "
        "repeat the training with 'python -m attention_course train {model}'."
    )
