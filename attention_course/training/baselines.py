"""Baselines for review sentiment that use no network, written to ``models/baselines.json``.

The strong one is logistic regression on word and word-pair indicators, each scaled by its
naive-Bayes log-count ratio (Wang & Manning 2012, "Baselines and bigrams", section 2.3).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attention_course.datasets import imdb
from attention_course.statistics import accuracy_report
from attention_course.storage import write_json

if TYPE_CHECKING:
    from scipy import sparse
    from sklearn.linear_model import LogisticRegression

VALIDATION = 5_000
STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0)
"""Inverse regularisation C, chosen on the validation reviews."""


def ngrams(sequence: Sequence[int]) -> list[int]:
    """Return the keys of the words and word pairs of a review, in the order of the text.

    A word ``a`` has key ``a``; the pair ``a b`` has key ``(a + 1) * 2**20 + b``, which cannot
    collide because word ranks are below 2**20.
    """
    return [*sequence, *((a + 1) * 2**20 + b for a, b in pairwise(sequence))]


def log_count_ratio(positive: np.ndarray, negative: np.ndarray, smoothing: float) -> np.ndarray:
    """Return the naive-Bayes log-count ratio per n-gram (Wang & Manning 2012, equation 2).

    Args:
        positive, negative: in how many reviews of either class each n-gram occurs.
        smoothing: added to every count.
    """
    p, q = positive + smoothing, negative + smoothing
    return np.log((p / p.sum()) / (q / q.sum()))


def nb_logistic_regression(reviews: imdb.Reviews) -> dict[str, Any]:
    """Fit the baseline, choose C on validation reviews, and score the test reviews once."""
    begun = time.process_time()
    x, y, fitted = reviews.x_train, reviews.y_train, len(reviews.x_train) - VALIDATION
    weigh = _weighing(x[:fitted], y[:fitted])
    chosen, held_back = weigh(x[:fitted]), weigh(x[fitted:])
    validation = {
        strength: float(_regression(strength).fit(chosen, y[:fitted]).score(held_back, y[fitted:]))
        for strength in STRENGTHS
    }
    best = max(validation, key=validation.__getitem__)
    weigh = _weighing(x, y)
    final = _regression(best).fit(weigh(x), y)
    probability = final.predict_proba(weigh(reviews.x_test))[:, 1]
    seconds = time.process_time() - begun
    return {
        "title": "Logistic regression on naive-Bayes-weighted words and word pairs",
        "features": final.n_features_in_,
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


def _weighing(x: Sequence[Sequence[int]], y: np.ndarray) -> Callable[..., sparse.csr_matrix]:
    """Return what turns reviews into the n-grams that ``x`` has twice, each times its ratio."""
    from sklearn.feature_extraction.text import CountVectorizer

    counter = CountVectorizer(analyzer=ngrams, binary=True, min_df=2, dtype=np.float32)
    found = counter.fit_transform(x)
    counts = (np.asarray(found[y == label].sum(axis=0)).ravel() for label in (1, 0))
    ratio = log_count_ratio(*counts, smoothing=1.0)
    return lambda reviews: counter.transform(reviews).multiply(ratio).tocsr()


def _regression(strength: float) -> LogisticRegression:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, solver="liblinear", max_iter=1000, random_state=0)
