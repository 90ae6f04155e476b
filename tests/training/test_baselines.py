"""The baselines on toy data."""

import itertools

import numpy as np

from attention_course.datasets.imdb import Reviews
from attention_course.training import baselines


def test_pairs_do_not_collide_with_words_or_each_other():
    keys = baselines.ngrams([5, 6, 5, 6])
    assert len(set(keys)) == 4  # 5, 6, "5 6", "6 5"
    assert set(baselines.ngrams([6, 5])) < set(keys)
    assert baselines.ngrams([0]) == [0]


def test_ngrams_of_any_length_keep_their_words_and_their_order():
    """Every text of up to three words, of the ranks at the ends of the range, has its own key."""
    ranks = (0, 1, 2, 2**20 - 2, 2**20 - 1)
    texts = [text for n in (1, 2, 3) for text in itertools.product(ranks, repeat=n)]
    assert len({baselines.ngrams(text, orders=3)[-1] for text in texts}) == len(texts)
    keys = baselines.ngrams([5, 6, 7, 5], orders=3)
    parts = [[5], [6], [7], [5], [5, 6], [6, 7], [7, 5], [5, 6, 7], [6, 7, 5]]
    assert keys == [baselines.ngrams(part, orders=len(part))[-1] for part in parts]
    assert keys[:7] == baselines.ngrams([5, 6, 7, 5])
    assert baselines.ngrams([5], orders=3) == [5]


def test_features_are_the_ngrams_of_two_reviews_times_their_ratio():
    reviews, y = [[1, 2], [1, 2, 3], [2, 1]], np.array([1, 1, 0])
    # 1, 2 and the pair "1 2" are in two reviews; counts in positive and in negative ones, plus 1:
    positive, negative = np.array([3, 3, 3]), np.array([2, 2, 1])
    ratio = np.log((positive / 9) / (negative / 5))
    found = baselines._weighing(reviews, y)([[2, 2, 1, 2], [3, 9], [1]]).toarray()
    np.testing.assert_allclose(found, [ratio, [0, 0, 0], [ratio[0], 0, 0]], rtol=1e-6)
    counts = np.array([2, 2, 2]), np.array([1, 1, 0])
    np.testing.assert_allclose(baselines.log_count_ratio(*counts, smoothing=1), ratio)


def test_baseline_learns_pairs_that_words_alone_cannot_tell(monkeypatch):
    """'1 2' is positive and '2 1' negative: single words are useless, pairs decide."""
    monkeypatch.setattr(baselines, "VALIDATION", 20)
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    rows = [[1, 2] if label else [2, 1] for label in y]
    rows = [[int(rng.integers(10, 40)), *row, int(rng.integers(10, 40))] for row in rows]
    reviews = Reviews(rows[:60], y[:60], rows[60:], y[60:], "0" * 64)
    assert baselines.nb_logistic_regression(reviews)["test"]["score"] == 1.0
    assert baselines.constant(reviews)["test"]["score"] == 0.5


def test_triples_tell_what_pairs_cannot(monkeypatch):
    """Both classes have the same words and the same pairs; one triple decides."""
    monkeypatch.setattr(baselines, "VALIDATION", 20)
    y = np.arange(80) % 2
    rows = [[1, 2, 3, 4, 2, 5] if label else [1, 2, 5, 4, 2, 3] for label in y]
    reviews = Reviews(rows[:60], y[:60], rows[60:], y[60:], "0" * 64)
    scores = [
        baselines.nb_logistic_regression(reviews, orders)["test"]["score"] for orders in (2, 3)
    ]
    assert scores[1] == 1.0
