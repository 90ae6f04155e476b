"""Baselines for review sentiment that use no network, written to ``models/baselines.json``.

The strong ones are logistic regression on indicators of words and word pairs, and of triples
too, each scaled by its naive-Bayes log-count ratio (Wang & Manning 2012, "Baselines and bigrams",
section 2.3).
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from attention_course.datasets import imdb
from attention_course.statistics import accuracy_report
from attention_course.storage import write_json

VALIDATION = 5_000
STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0)
"""Inverse regularisation C, chosen on the validation reviews."""
_NAMES = {2: "words and word pairs", 3: "words, word pairs and triples"}


def ngrams(sequence: Sequence[int], orders: int = 2) -> list[int]:
    """Return the keys of a review's n-grams of 1 to ``orders`` words: words first, then pairs.

    A word has its rank for a key. One more word ``w`` behind an n-gram with key ``k`` makes
    ``(k + 1) * 2**20 + w``. Ranks are below 2**20, so both can be read from it: none collide.
    """
    keys = found = list(sequence)
    for order in range(1, orders):
        keys = [(k + 1) * 2**20 + w for k, w in zip(keys, sequence[order:], strict=False)]
        found = found + keys
    return found


def log_count_ratio(positive: np.ndarray, negative: np.ndarray, smoothing: float) -> np.ndarray:
    """Return the naive-Bayes log-count ratio per n-gram (Wang & Manning 2012, equation 2).

    It is taken of the number of positive and negative reviews in which each n-gram occurs;
    ``smoothing`` is added to every count.
    """
    p, q = positive + smoothing, negative + smoothing
    return np.log((p / p.sum()) / (q / q.sum()))


def nb_logistic_regression(reviews: imdb.Reviews, orders: int = 2) -> dict[str, Any]:
    """Fit the baseline, choose C on validation reviews, and score the test reviews once.

    ``orders`` is the length of the longest n-gram, 2 or 3.
    """
    from sklearn.linear_model import LogisticRegression

    begun = time.process_time()
    regression = partial(LogisticRegression, solver="liblinear", max_iter=1000, random_state=0)
    x, y, fitted = reviews.x_train, reviews.y_train, len(reviews.x_train) - VALIDATION
    weigh = _weighing(x[:fitted], y[:fitted], orders)
    chosen, held_back = weigh(x[:fitted]), weigh(x[fitted:])
    validation = {
        C: float(regression(C=C).fit(chosen, y[:fitted]).score(held_back, y[fitted:]))
        for C in STRENGTHS
    }
    best = max(validation, key=validation.__getitem__)
    weigh = _weighing(x, y, orders)
    final = regression(C=best).fit(weigh(x), y)
    probability = final.predict_proba(weigh(reviews.x_test))[:, 1]
    return {
        "title": f"Logistic regression on naive-Bayes-weighted {_NAMES[orders]}",
        "features": final.n_features_in_,
        "C": best,
        "validation_accuracy": {str(C): round(score, 5) for C, score in validation.items()},
        "processor_seconds": round(time.process_time() - begun, 1),
        "test": _report(probability, reviews),
    }


def constant(reviews: imdb.Reviews) -> dict[str, Any]:
    """Score the answer that is always 'positive'."""
    test = _report(np.ones(len(reviews.y_test)), reviews)
    return {"title": "Always the same class", "test": test}


def _report(probability: np.ndarray, reviews: imdb.Reviews) -> dict[str, Any]:
    return accuracy_report(probability, reviews.y_test, list(map(len, reviews.x_test)))


def write(folder: Path) -> dict[str, Any]:
    """Measure the baselines on IMDB and write ``baselines.json`` into ``folder``.

    ``DataError`` says that the IMDB reviews are not to be had.
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
        "nb_logistic_regression_triples": nb_logistic_regression(reviews, orders=3),
    }
    write_json(folder / "baselines.json", content)
    return content


def _weighing(x: Sequence[Sequence[int]], y: np.ndarray, orders: int = 2) -> Callable[..., Any]:
    """Return what turns reviews into the n-grams that ``x`` has twice, each times its ratio."""
    from sklearn.feature_extraction.text import CountVectorizer

    counter = CountVectorizer(
        analyzer=partial(ngrams, orders=orders), binary=True, min_df=2, dtype=np.float32
    )
    found = counter.fit_transform(x)
    counts = (np.asarray(found[y == label].sum(axis=0)).ravel() for label in (1, 0))
    ratio = log_count_ratio(*counts, smoothing=1.0)
    return lambda reviews: counter.transform(reviews).multiply(ratio).tocsr()
