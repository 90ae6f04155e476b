"""English and Spanish names of signs and symbols, short enough to be translated letter by letter.

They are the names that the Unicode Consortium gives to emoji and other signs (CLDR 48, the "tts"
names of its annotations), under the licence ``data/phrases.LICENSE``.

Many are variations of one: "man shrugging", "woman shrugging". Such families stay together, so that
a phrase that is held out has no sister in the training part (:func:`split`).
"""

from __future__ import annotations

import csv
from collections.abc import Sequence

import numpy as np

from attention_course import assets
from attention_course.datasets.overlap import near_duplicates
from attention_course.errors import DataError

FILE = "data/phrases.tsv"
SIZES = {"test": 200, "validation": 150}
"""Phrases of each part that is held out, at least; a family is not broken to meet them."""
LARGEST = 20
"""Larger families are all in the training part: a single one would fill another part."""
LONGEST = 40
"""Letters of the longest phrase, in either language, that :func:`load` keeps."""

Phrase = tuple[str, str]
"""A phrase in English and in Spanish."""


def load() -> tuple[list[Phrase], int]:
    """Return the phrases of up to :data:`LONGEST` letters, and how many longer ones there are.

    Raises:
        AssetError: the file cannot be fetched.
        DataError: it is damaged.
    """
    try:
        with assets.fetch(FILE).open(encoding="utf-8", newline="") as stream:
            header, *rows = csv.reader(stream, delimiter="\t", strict=True)
        if header != ["en", "es"] or any(len(row) != 2 or not all(row) for row in rows):
            raise ValueError(header)
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(
            "{name} is damaged ({error}): bring it back from the repository.",
            name=FILE,
            error=error,
        ) from error
    short = [
        (english, spanish)
        for english, spanish in rows
        if max(map(len, (english, spanish))) <= LONGEST
    ]
    return short, len(rows) - len(short)


def families(phrases: Sequence[Phrase]) -> np.ndarray:
    """Return a number for each phrase, (n,); those of one family have the same.

    A family holds all phrases that one reaches from one of them by going from near duplicate to
    near duplicate, in English or in Spanish (:func:`near_duplicates`, of three letters).
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = np.concatenate(
        [near_duplicates(texts, texts, letters=3) for texts in zip(*phrases, strict=True)]
    )
    shape = (len(phrases), len(phrases))
    graph = coo_array((np.ones(len(links)), tuple(links.T)), shape=shape)
    return connected_components(graph, directed=False)[1]


def split(phrases: Sequence[Phrase], seed: int = 0) -> dict[str, list[Phrase]]:
    """Return the parts "train", "validation" and "test", each of whole families."""
    family = families(phrases)
    sizes = np.bincount(family)
    order = np.random.default_rng(seed).permutation(len(sizes))
    part_of = np.full(len(sizes), "train", dtype=object)
    small = iter(number for number in order if sizes[number] <= LARGEST)
    for part, least in SIZES.items():
        size = 0
        while size < least:
            number = next(small)
            part_of[number] = part
            size += sizes[number]
    parts: dict[str, list[Phrase]] = {"train": [], "validation": [], "test": []}
    for phrase, number in zip(phrases, family, strict=True):
        parts[part_of[number]].append(phrase)
    return parts
