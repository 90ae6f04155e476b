"""The baselines of translation: the table of words by another way, and what they must find."""

import collections

import numpy as np
import pytest

from attention_course.models import simple_translators
from attention_course.models.simple_translators import (
    join,
    likeliest,
    nearest,
    word_for_word,
    word_probabilities,
    words,
)


def drawn(seed, count, vocabulary=12, longest=6):
    """Pairs in which word w becomes W, in another order."""
    random = np.random.default_rng(seed)
    known = [f"w{number}" for number in range(vocabulary)]
    pairs = []
    for _ in range(count):
        source = list(random.choice(known, random.integers(1, longest)))
        pairs.append((" ".join(source), " ".join(random.permutation(source)).upper()))
    return pairs


def by_loops(pairs, iterations):
    """IBM model 1 as in the paper: one count after the other."""
    split = [(source.split(), target.split()) for source, target in pairs]
    t = collections.defaultdict(lambda: 1.0)
    for _ in range(iterations):
        count, total = collections.Counter(), collections.Counter()
        for source, target in split:
            for f in target:
                all_of_it = sum(t[e, f] for e in source)
                for e in source:
                    count[e, f] += t[e, f] / all_of_it
                    total[e] += t[e, f] / all_of_it
        t = {(e, f): share / total[e] for (e, f), share in count.items()}
    return t


@pytest.mark.parametrize("iterations", [1, 4])
def test_the_probabilities_are_those_of_the_loops(iterations):
    pairs = [*drawn(0, 30), ("w1 w1 w2", "W1 X X"), ("alone", "")]
    links, sources, targets, probability = word_probabilities(pairs, iterations)
    expected = by_loops(pairs, iterations)
    found = {
        (sources[one], targets[other]): share
        for (one, other), share in zip(links, probability, strict=True)
    }
    assert found == pytest.approx(expected, abs=1e-12)


def test_a_probability_of_all_translations_of_a_word_is_one():
    links, sources, _, probability = word_probabilities(drawn(1, 50))
    np.testing.assert_allclose(np.bincount(links[:, 0], probability), np.ones(len(sources)))


def test_words_are_found_although_no_pair_says_which_is_which():
    table = likeliest(*word_probabilities(drawn(2, 300)))
    assert table == {f"w{number}": f"W{number}" for number in range(12)}


def test_a_text_is_translated_word_for_word_and_a_strange_word_stays():
    assert word_for_word(drawn(3, 300), ["w3 who w11", ""]) == ["W3 who W11", ""]


@pytest.mark.parametrize("text", ["y dijo: ¿qué? Nada.", "“a, b” (c)", "uno"])
def test_marks_are_words_and_find_their_places_again(text):
    assert join(words(text)) == text
    assert len(words(text)) == sum(not c.isalnum() and c != " " for c in text) + len(
        "".join(c if c.isalnum() else " " for c in text).split()
    )


@pytest.mark.parametrize("unit", ["words", "letters"])
def test_the_nearest_text_is_one_that_is_known(unit, monkeypatch):
    pairs = [("red house", "casa roja"), ("green tree", "árbol verde"), ("the sea", "el mar")]
    texts = ["a red house", "trees green tree", "the sea"] * 300  # more than one step
    found = nearest(pairs, texts, unit)
    assert found == ["casa roja", "árbol verde", "el mar"] * 300


def test_letters_find_what_words_do_not():
    pairs = [("mountains", "montañas"), ("a river", "un río")]
    assert nearest(pairs, ["mountain"], "letters") == ["montañas"]


def test_ten_iterations_are_enough():
    """Further ones change hardly a word."""
    few, many = (
        likeliest(*word_probabilities(drawn(4, 60), n)) for n in (simple_translators.ITERATIONS, 40)
    )
    assert sum(few[word] != other for word, other in many.items()) <= 1
