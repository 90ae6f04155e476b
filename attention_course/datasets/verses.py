"""English and Spanish verses of the Bible: the World English Bible and the Reina-Valera of 1909.

Both are in the public domain, and no other such text is known to be aligned sentence by sentence.
The Spanish is that of its time ("fué", "á"). Verses are not numbered alike everywhere, so some
pairs are none; :func:`load` leaves out those that their lengths give away.

The verses are split by whole books, since neighbouring verses tell one story. What tells the same
in two books, as the Gospels do, would still be known from training, so :func:`split` also leaves
out of the training part what is nearly a verse of another part.
"""

from __future__ import annotations

import functools
import gzip
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attention_course import assets
from attention_course.datasets.overlap import near_duplicates
from attention_course.datasets.subwords import Subwords
from attention_course.errors import DataError

FILE = "data/verses.tsv.gz"
SUBWORDS_FILE = "data/verses_subwords.json"
TEST = ("II Samuel", "Ecclesiastes", "Daniel", "Jonah", "Mark", "James")
VALIDATION = ("Ruth", "Esther", "Lamentations", "Micah", "Philippians", "I John")
"""Books of the two parts: a history, wisdom or laments, prophets, the life of Jesus, a letter."""
RATIO = 0.5
"""A pair is no translation where the logarithm of its ratio of lengths, in letters, is further
than this from the middle one of all pairs: where one side is 1.65 times too long."""
_COLUMNS = ["book", "chapter", "verse", "en", "es"]


@dataclass(frozen=True)
class Verse:
    """A verse in English (the source) and in Spanish (the target)."""

    book: str
    chapter: int
    number: int
    source: str
    target: str


@functools.cache
def load() -> tuple[tuple[Verse, ...], dict[str, int]]:
    """Return the verses whose two sides belong together, and how many were left out, and why.

    Left out are all verses of a chapter whose lengths agree better with those of the next or the
    last verse than with their own (``"shifted"``), and those of a strange ratio of lengths
    (``"ratio"``, see :data:`RATIO`).

    Raises:
        AssetError: the file cannot be fetched.
        DataError: it is damaged.
    """
    verses = _read()
    lengths = np.log([[len(verse.source), len(verse.target)] for verse in verses])
    ratio = lengths[:, 0] - lengths[:, 1]
    strange = abs(ratio - np.median(ratio)) > RATIO
    chapters = [(verse.book, verse.chapter) for verse in verses]
    begins = [at for at in range(len(verses)) if at == 0 or chapters[at] != chapters[at - 1]]
    shifted = np.zeros(len(verses), bool)
    for begin, end in zip(begins, [*begins[1:], len(verses)], strict=True):
        shifted[begin:end] = _fits_better_shifted(*lengths[begin:end].T)
    left_out = {"shifted": int(shifted.sum()), "ratio": int((strange & ~shifted).sum())}
    wrong = strange | shifted
    return tuple(verse for verse, out in zip(verses, wrong, strict=True) if not out), left_out


def split(verses: Sequence[Verse]) -> tuple[dict[str, list[Verse]], int]:
    """Return the parts "train", "validation" and "test", and how many verses were left out.

    These are verses of the training books that nearly stand in another part too, in English or in
    Spanish (see :func:`near_duplicates`).
    """
    parts: dict[str, list[Verse]] = {"train": [], "validation": [], "test": []}
    for verse in verses:
        test, validation = verse.book in TEST, verse.book in VALIDATION
        parts["test" if test else "validation" if validation else "train"].append(verse)
    held_out = parts["validation"] + parts["test"]
    near = np.zeros(len(parts["train"]), bool)
    for side in ("source", "target"):
        texts = ([getattr(v, side) for v in part] for part in (parts["train"], held_out))
        near[near_duplicates(*texts)[:, 0]] = True
    kept = [verse for verse, out in zip(parts["train"], near, strict=True) if not out]
    return parts | {"train": kept}, int(near.sum())


@functools.cache
def subwords() -> tuple[Subwords, Subwords]:
    """Return the subwords of English and of Spanish, learned from the training part."""
    pieces = json.loads(assets.fetch(SUBWORDS_FILE).read_text(encoding="utf-8"))
    return Subwords(pieces["english"]), Subwords(pieces["spanish"])


def _fits_better_shifted(english: np.ndarray, spanish: np.ndarray) -> bool:
    """Say whether the lengths of a chapter, in logarithms, fit better one verse on or back."""
    if len(english) < 8:  # too few to tell by their correlation
        return False
    aligned = np.corrcoef(english, spanish)[0, 1]
    on = np.corrcoef(english[1:], spanish[:-1])[0, 1]
    back = np.corrcoef(english[:-1], spanish[1:])[0, 1]
    return bool(max(on, back) > aligned)


def _read() -> list[Verse]:
    try:
        with gzip.open(assets.fetch(FILE), "rt", encoding="utf-8", newline="") as stream:
            header, *rows = [line.rstrip("\n").split("\t") for line in stream]
        if header != _COLUMNS:
            raise ValueError(header)
        return [
            Verse(book, int(chapter), int(number), _cleaned(english), _cleaned(spanish))
            for book, chapter, number, english, spanish in rows
        ]
    except (OSError, EOFError, ValueError) as error:
        raise DataError(
            "{name} is damaged ({error}): bring it back from the repository.",
            name=FILE,
            error=error,
        ) from error


def _cleaned(text: str) -> str:
    """Remove the space that stands behind an opening quotation, question or exclamation mark."""
    return re.sub("([“‘¿¡]) ", r"\1", text)
