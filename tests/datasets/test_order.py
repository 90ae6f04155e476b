"""Sentences in which the order of two words decides: nothing else says anything."""

import numpy as np

from attention_course.datasets import order


def test_both_words_occur_once_and_their_order_is_the_label():
    sentences, labels = order.sentences(500, 9, seed=4)
    assert sentences.shape == (500, 9, len(order.WORDS))
    assert sentences.dtype == np.float32
    assert (sentences.sum(axis=-1) == 1).all()
    assert (sentences[..., :2].sum(axis=1) == 1).all()
    good, bad = sentences[..., 0].argmax(axis=1), sentences[..., 1].argmax(axis=1)
    assert (labels == (good < bad)).all()
    assert 0.4 < labels.mean() < 0.6


def test_counting_words_says_nothing():
    sentences, labels = order.sentences(20_000, seed=0)
    counts = sentences.sum(axis=1)
    means = [counts[labels == label].mean(axis=0) for label in (0, 1)]
    assert np.abs(means[0] - means[1]).max() < 0.06


def test_a_seed_repeats_them():
    for one, other in zip(order.sentences(5, seed=3), order.sentences(5, seed=3), strict=True):
        assert np.array_equal(one, other)
    assert not np.array_equal(order.sentences(5, seed=3)[0], order.sentences(5, seed=4)[0])


def test_unseen():
    sentences, _ = order.sentences(10, seed=0)
    assert order.unseen(sentences, sentences[3:5]).tolist() == [True] * 3 + [False] * 2 + [True] * 5


def test_text():
    sentences, _ = order.sentences(3, 4, seed=0)
    for sentence in sentences:
        words = order.text(sentence).split()
        assert len(words) == 4
        assert {"good", "bad"} <= {*words} <= {*order.WORDS}
