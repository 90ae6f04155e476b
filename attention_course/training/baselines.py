"""Baselines for review sentiment that use no network, written to ``models/baselines.json``.

The strong one is logistic regression on word and word-pair indicators, each scaled by its
naive-Bayes log-count ratio (Wang & Manning 2012, "Baselines and bigrams", section 2.3).
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sparse

from attention_course.datasets import imdb
from attention_course.statistics import accuracy_report
from attention_course.storage import write_json

VALIDATION = 5_000
STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0)
"""Inverse regularisation C, chosen on the validation reviews."""


def ngrams(sequences: Sequence[Sequence[int]]) -> list[np.ndarray]:
    """Return, for each review, the distinct keys of its words and word pairs.

    A word ``a`` has key ``a``; the pair ``a b`` has key ``(a + 1) * 2**20 + b``, which cannot
    collide because word ranks are below 2**20.
    """
    found = []
    for sequence in sequences:
        words = np.asarray(sequence, dtype=np.int64)
        pairs = (words[:-1] + 1) * 2**20 + words[1:]
        found.append(np.unique(np.concatenate([words, pairs])))
    return found


def indicator_matrix(grams: Sequence[np.ndarray], known: np.ndarray) -> sparse.csr_matrix:
    """Return the 0/1 matrix ``(reviews, known)``; grams that are not in ``known`` are left out.

    Args:
        grams: keys per review, as :func:`ngrams` returns them.
        known: sorted keys, one per column.
    """
    lengths = [len(keys) for keys in grams]
    keys = np.concatenate(grams)
    rows = np.repeat(np.arange(len(grams)), lengths)
    columns = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    inside = known[columns] == keys
    rows, columns = rows[inside], columns[inside]
    return sparse.csr_matrix(
        (np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=(len(grams), len(known))
    )


def log_count_ratio(x: sparse.csr_matrix, y: np.ndarray, smoothing: float = 1.0) -> np.ndarray:
    """Return the naive-Bayes log-count ratio per column (Wang & Manning 2012, equation 2)."""
    positive = smoothing + np.asarray(x[y == 1].sum(axis=0)).ravel()
    negative = smoothing + np.asarray(x[y == 0].sum(axis=0)).ravel()
    return np.log((positive / positive.sum()) / (negative / negative.sum()))


def nb_logistic_regression(reviews: imdb.Reviews) -> dict[str, Any]:
    """Fit the baseline, choose C on validation reviews, and score the test reviews once."""
    from sklearn.linear_model import LogisticRegression

    begun = time.process_time()
    grams = ngrams(reviews.x_train)
    fitted = len(grams) - VALIDATION
    validation = {
        strength: _score(
            _fit(grams[:fitted], reviews.y_train[:fitted], strength, LogisticRegression),
            grams[fitted:],
            reviews.y_train[fitted:],
        )
        for strength in STRENGTHS
    }
    best = max(validation, key=validation.__getitem__)
    final = _fit(grams, reviews.y_train, best, LogisticRegression)
    probability = _probability(final, ngrams(reviews.x_test))
    seconds = time.process_time() - begun
    return {
        "title": "Logistic regression on naive-Bayes-weighted words and word pairs",
        "features": int(final[0].size),
        "C": best,
        "validation_accuracy": {str(k): round(v, 5) for k, v in validation.items()},
        "processor_seconds": round(seconds, 1),
        "test": accuracy_report(
            probability, reviews.y_test, [len(review) for review in reviews.x_test]
        ),
    }


def constant(reviews: imdb.Reviews) -> dict[str, Any]:
    """Score the answer that is always 'positive'."""
    probability = np.ones(len(reviews.y_test))
    lengths = [len(review) for review in reviews.x_test]
    return {
        "title": "Always the same class",
        "test": accuracy_report(probability, reviews.y_test, lengths),
    }


def write(folder: Path) -> dict[str, Any]:
    """Measure both baselines on IMDB and write ``baselines.json`` into ``folder``.

    Raises:
        DataError: the IMDB reviews are not to be had.
    """
    reviews = imdb.load()
    content = {
        "data": {
            "name": "Large Movie Review Dataset (Maas et al. 2011), full reviews, all words",
            "content_sha256": reviews.sha256,
            "train": len(reviews.y_train),
            "validation": VALIDATION,
            "test": len(reviews.y_test),
        },
        "constant": constant(reviews),
        "nb_logistic_regression": nb_logistic_regression(reviews),
    }
    write_json(folder / "baselines.json", content)
    return content


def _fit(grams: Sequence[np.ndarray], y: np.ndarray, strength: float, regression: type) -> tuple:
    known, counts = np.unique(np.concatenate(grams), return_counts=True)
    known = known[counts >= 2]
    x = indicator_matrix(grams, known)
    ratio = log_count_ratio(x, y)
    scaled = x.multiply(ratio).tocsr()
    model = regression(C=strength, solver="liblinear", max_iter=1000, random_state=0)
    return known, ratio, model.fit(scaled, y)


def _probability(fitted: tuple, grams: Sequence[np.ndarray]) -> np.ndarray:
    known, ratio, model = fitted
    x = indicator_matrix(grams, known).multiply(ratio).tocsr()
    return model.predict_proba(x)[:, 1]


def _score(fitted: tuple, grams: Sequence[np.ndarray], y: np.ndarray) -> float:
    return float(((_probability(fitted, grams) > 0.5) == y).mean())
