"""Near duplicates: the same as a comparison of every text with every other, one by one."""

import numpy as np
import pytest

from attention_course.datasets import overlap
from attention_course.datasets.overlap import near_duplicates


def drawn(seed, count):
    random = np.random.default_rng(seed)
    words = ["sea", "Sea", "seal", "king", "kings", "of", "the", "fué", "rey"]
    return [" ".join(random.choice(words, random.integers(1, 8))) for _ in range(count)]


def index(first, second, letters):
    """Jaccard's index of two texts, by sets."""

    def parts(text):
        text = text.lower()
        if letters is None:
            return set(text.split())
        return {text[at : at + letters] for at in range(len(text) - letters + 1)}

    first, second = parts(first), parts(second)
    return len(first & second) / len(first | second)


@pytest.mark.parametrize("letters", [None, 3])
def test_they_are_those_that_share_half(monkeypatch, letters):
    monkeypatch.setattr(overlap, "_AT_ONCE", 7)  # so that there are several steps
    texts, others = drawn(0, 40), drawn(1, 30)
    found = {tuple(pair) for pair in near_duplicates(texts, others, letters)}
    expected = {
        (i, j)
        for i, text in enumerate(texts)
        for j, other in enumerate(others)
        if index(text, other, letters) >= overlap.NEAR
    }
    assert found == expected
    assert 10 < len(found) < 900


def test_a_text_is_near_itself_and_far_from_what_shares_nothing():
    texts = ["one two three", "four five six"]
    assert near_duplicates(texts, texts).tolist() == [[0, 0], [1, 1]]
    assert near_duplicates(texts, ["seven"]).shape == (0, 2)


def test_just_half_is_near_and_less_is_not():
    assert len(near_duplicates(["a1 b1 c1"], ["b1 c1 d1"])) == 1  # 2 of 4
    assert len(near_duplicates(["a1 b1 c1"], ["b1 c1 d1 e1"])) == 0  # 2 of 5
