"""The Large Movie Review Dataset (Maas et al. 2011) in the encoding of ``keras.datasets.imdb``.

The data is not part of the course. The loader looks, in this order, at an explicit path, at the
environment variable ``ATTENTION_COURSE_IMDB``, at Keras' own cache, and then asks Keras to
download it.
"""

import hashlib
import io
import os
import pickle
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from attention_course.datasets.vocabulary import OFFSET, START, UNKNOWN, pad
from attention_course.errors import DataError
from attention_course.words import tr

PATH_VARIABLE = "ATTENTION_COURSE_IMDB"
_ARRAYS = ("x_train", "y_train", "x_test", "y_test")
_KERAS_SEED = 113


@dataclass(frozen=True)
class Reviews:
    """Labelled reviews, in the order that Keras' ``load_data`` returns.

    Each ``x`` is a list of word-rank sequences, without an offset; each ``y`` an int8 array, 1 for
    a positive review. ``sha256`` is of the content: the file may be compressed differently.
    """

    x_train: list[list[int]]
    y_train: np.ndarray
    x_test: list[list[int]]
    y_test: np.ndarray
    sha256: str


def load(path: str | os.PathLike[str] | None = None) -> Reviews:
    """Load the 25,000 training and 25,000 test reviews; see :func:`find` for ``path``.

    Raises ``DataError`` when the data is nowhere to be had, or the file is damaged.
    """
    return _read(find(path))


def find(path: str | os.PathLike[str] | None = None, download: bool = True) -> Path:
    """Return the path of ``imdb.npz``; raises ``DataError`` when there is none.

    Args:
        path: an ``imdb.npz`` file, or a folder that holds one, to be looked at first; one that
            does not exist is an error.
        download: ask Keras for the file when it is nowhere on this machine.
    """
    for source, value in (("path", path), (PATH_VARIABLE, os.environ.get(PATH_VARIABLE))):
        if value:
            candidate = os.path.expanduser(value)
            if os.path.isdir(candidate):
                candidate = os.path.join(candidate, "imdb.npz")
            # Unlike Path's, these do not fail in a folder that this user may not enter.
            if not os.path.isfile(candidate):
                told = {"source": source, "value": value}
                raise _absent(tr("{source} names {value}, but there is no such file.", **told))
            return Path(candidate)
    if found := _in_keras_cache():
        return found
    if not download:
        raise _absent(tr("The IMDB reviews are not on this machine."))
    try:
        from keras.datasets import imdb

        imdb.load_data()
    except Exception as error:  # Keras raises bare Exception, urllib several kinds of its own
        raise _absent(tr("The IMDB reviews could not be downloaded.")) from error
    if found := _in_keras_cache():
        return found
    raise _absent(tr("Keras downloaded the IMDB reviews, but not to where it keeps its data."))


def _absent(reason: str) -> DataError:
    return DataError(
        "{reason} Set {variable} to the path of an imdb.npz file, or connect to the internet once "
        "so that keras.datasets.imdb can download it (17 MB).",
        reason=reason,
        variable=PATH_VARIABLE,
    )


def available() -> bool:
    """Say whether the data is on this machine, without trying to download it."""
    try:
        find(download=False)
    except DataError:
        return False
    return True


def encode(
    sequences: list[list[int]], num_words: int, length: int, keep: str = "first"
) -> np.ndarray:
    """Return word ranks as Keras numbers, int32 of shape ``(n, length)``.

    Equal to ``load_data(num_words=num_words)`` followed by ``pad_sequences`` with padding before
    the text, and truncation at its end (``keep="first"``) or beginning (``keep="last"``).
    """
    shifted = ([START, *(rank + OFFSET for rank in sequence)] for sequence in sequences)
    known = [[n if n < num_words else UNKNOWN for n in numbers] for numbers in shifted]
    return pad(known, length, keep)


def _in_keras_cache() -> Path | None:
    home = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")
    # Keras takes the second where it may not write to the first.
    for folder in (home, "/tmp/.keras"):
        path = os.path.join(folder, "datasets", "imdb.npz")
        if os.path.isfile(path):
            return Path(path)
    return None


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickle arrays of lists of integers and nothing that could run code."""

    _allowed = {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")} | {
        (module, name)
        for module in ("numpy.core.multiarray", "numpy._core.multiarray")
        for name in ("_reconstruct", "scalar")
    }

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in self._allowed:
            raise pickle.UnpicklingError(tr("it asks for {name}", name=f"{module}.{name}"))
        return super().find_class(module, name)


def _read_array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    content = io.BytesIO(archive.read(f"{name}.npy"))
    version = "{}_{}".format(*np.lib.format.read_magic(content))
    _, _, dtype = getattr(np.lib.format, f"read_array_header_{version}")(content)
    if dtype.hasobject:
        return _ArrayUnpickler(content).load()
    content.seek(0)
    return np.lib.format.read_array(content, allow_pickle=False)


def _read(path: Path) -> Reviews:
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {name: _read_array(archive, name) for name in _ARRAYS}
        for split in ("train", "test"):
            x, y = arrays[f"x_{split}"], arrays[f"y_{split}"]
            if len(x) != len(y) or not len(x) or set(np.unique(y)) - {0, 1}:
                raise ValueError(
                    tr("{reviews} reviews and {labels} labels", reviews=len(x), labels=len(y))
                )
        digest = _content_sha256(arrays)
    except Exception as error:  # zipfile, zlib, NumPy and pickle each raise several of their own
        raise DataError(
            "{file} is not Keras' imdb.npz or is damaged ({reason}): delete it and let Keras "
            "download it again.",
            file=path.name,
            reason=error,
        ) from error
    # The very shuffle of keras.datasets.imdb.load_data, so that the order is the same.
    random = np.random.RandomState(_KERAS_SEED)
    shuffled = {}
    for split in ("train", "test"):
        order = random.permutation(len(arrays[f"x_{split}"]))
        shuffled[f"x_{split}"] = list(arrays[f"x_{split}"][order])
        shuffled[f"y_{split}"] = arrays[f"y_{split}"][order].astype(np.int8)
    return Reviews(**shuffled, sha256=digest)


def _content_sha256(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in _ARRAYS:
        rows = arrays[name]
        if rows.dtype.hasobject:
            digest.update(np.array([len(row) for row in rows], dtype="<i4").tobytes())
            rows = np.concatenate([np.asarray(row) for row in rows])
        digest.update(np.ascontiguousarray(rows, dtype="<i4").tobytes())
    return digest.hexdigest()
