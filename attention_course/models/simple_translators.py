"""Translators that are no network, for a network to be compared with."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Literal

import numpy as np

ITERATIONS = 10
Pairs = Sequence[tuple[str, str]]


def nearest(pairs: Pairs, texts: Sequence[str], unit: Literal["words", "letters"]) -> list[str]:
    """Return, for each text, the translation of the training text that is most like it.

    Texts are alike by the cosine of their TF-IDF vectors, of words or of two to four letters.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    options = {"token_pattern": r"\w+"}
    if unit == "letters":
        options = {"analyzer": "char_wb", "ngram_range": (2, 4)}
    sources, targets = zip(*pairs, strict=True)
    vectors = TfidfVectorizer(**options)
    known = vectors.fit_transform(sources)
    found = []
    for start in range(0, len(texts), 500):
        likeness = vectors.transform(texts[start : start + 500]) @ known.T
        found += [targets[best] for best in np.asarray(likeness.argmax(axis=1)).ravel()]
    return found


def word_for_word(pairs: Pairs, texts: Sequence[str]) -> list[str]:
    """Return texts with each word replaced by its likeliest translation; unknown ones stay."""
    table = likeliest(*word_probabilities(pairs))
    return [join(table.get(word, word) for word in words(text)) for text in texts]


def words(text: str) -> list[str]:
    """Return the words and the punctuation marks of a text."""
    return re.findall(r"\w+|[^\w\s]", text)


def join(found: Sequence[str]) -> str:
    """Return a text of words and punctuation marks, these without the spaces they do not want."""
    text = re.sub(r" ([,.;:?!)”’])", r"\1", " ".join(found))
    return re.sub(r"([(¿¡“‘]) ", r"\1", text)


def word_probabilities(
    pairs: Pairs, iterations: int = ITERATIONS
) -> tuple[np.ndarray, list[str], list[str], np.ndarray]:
    """Learn which word translates which from pairs of texts (IBM model 1, without its empty word).

    Every target word comes from one source word, and each of these is as likely to begin with.
    Expectation maximisation makes the pairs more probable with every iteration (Brown et al. 1993,
    section 4.1 and equation 17).

    Returns:
        ``(n, 2)`` numbers of the source and the target words that ever stood in one pair, the
        words of both languages that they count, and the probability of each target word, given its
        source word, (n,).
    """
    sides = [[words(text) for text in side] for side in zip(*pairs, strict=True)]
    names = [sorted(set(itertools.chain(*side))) for side in sides]
    number = [{word: at for at, word in enumerate(known)} for known in names]
    cells, groups, group = [], [], 0
    for source, target in zip(*sides, strict=True):
        mine, theirs = (
            [number[k][word] for word in side] for k, side in enumerate((source, target))
        )
        cells.append(
            np.add.outer(np.array(theirs, int), np.array(mine, int) * len(names[1])).ravel()
        )
        groups.append(np.repeat(np.arange(group, group + len(theirs)), len(mine)))
        group += len(theirs)
    together, cell = np.unique(np.concatenate(cells), return_inverse=True)
    of_target = np.concatenate(groups)  # which word of all target texts a cell is about
    links = np.stack(np.divmod(together, len(names[1])), axis=1)
    probability = np.ones(len(links))
    for _ in range(iterations):
        share = probability[cell]
        share /= np.bincount(of_target, share)[of_target]
        count = np.bincount(cell, share)
        probability = count / np.bincount(links[:, 0], count)[links[:, 0]]
    return links, *names, probability


def likeliest(
    links: np.ndarray, sources: list[str], targets: list[str], probability: np.ndarray
) -> dict[str, str]:
    """Return the likeliest target word of each source word; see :func:`word_probabilities`."""
    order = np.argsort(probability, kind="stable")  # the last one of a source word stays
    return {sources[one]: targets[other] for one, other in links[order]}
