"""Scores of translations: by hand, by brute force, and what they are told apart by."""

import functools

import numpy as np
import pytest

from attention_course.training import scoring
from attention_course.training.scoring import character_error_rate, edit_distance

EXPECTED = [
    "y dijo Dios: sea la luz, y fué la luz",
    "los hijos de David eran tres",
    "la tierra estaba vacía",
]


@functools.cache
def distance(first, second):
    """Levenshtein's definition, word for word."""
    if not first or not second:
        return len(first) + len(second)
    changed = distance(first[1:], second[1:]) + (first[0] != second[0])
    return min(changed, distance(first[1:], second) + 1, distance(first, second[1:]) + 1)


def test_the_edit_distance_is_that_of_the_definition():
    random = np.random.default_rng(0)
    for _ in range(100):
        first, second = ("".join(random.choice(list("abc"), random.integers(0, 8))) for _ in "12")
        assert edit_distance(first, second) == distance(first, second)


def test_wrong_letters_are_counted_over_all_texts():
    assert character_error_rate(["sol", "mar"], ["sol", "mares"]) == pytest.approx(2 / 8)
    assert character_error_rate(["", "abcdef"], ["xyz", "a"]) == pytest.approx(8 / 4)


def test_a_perfect_translation_has_a_hundred():
    found = scoring.report(EXPECTED, EXPECTED)
    for name in ("bleu", "chrf"):
        assert found[name]["score"] == 100
        assert found[name]["interval"] == [100, 100]
    assert found["bleu"]["brevity_penalty"] == found["bleu"]["length_ratio"] == 1
    assert found["examples"] == 3


def test_bleu_by_hand():
    """Four words of which all n-grams stand in the reference of five: only brevity costs."""
    found = scoring.report(["a b c d"], ["a b c d e"])["bleu"]
    assert found["score"] == pytest.approx(100 * np.exp(1 - 5 / 4), abs=0.001)
    assert found["brevity_penalty"] == pytest.approx(np.exp(-1 / 4), abs=1e-4)
    assert found["length_ratio"] == 0.8


def test_the_signatures_say_what_was_counted():
    signatures = scoring.report(EXPECTED, EXPECTED)["signatures"]
    assert "tok:13a" in signatures["bleu"]
    assert "nc:6" in signatures["chrf"]
    assert all("version:" in text and "seed:" in text for text in signatures.values())


def test_worse_translations_score_less_and_lie_in_their_interval():
    worse = [EXPECTED[0], "los hijos de Saúl eran dos", "la luz"]
    found = scoring.report(worse * 20, EXPECTED * 20)
    for name in ("bleu", "chrf"):
        low, high = found[name]["interval"]
        assert 0 < low < found[name]["score"] < high < 100


def test_two_systems_are_compared():
    good, bad = EXPECTED * 20, ["la luz"] * 60
    for name, found in scoring.compare(bad, good, EXPECTED * 20).items():
        worse = scoring.report(bad, EXPECTED * 20)[name]["score"]
        assert found["difference"] == pytest.approx(100 - worse, abs=0.002)
        assert found["p_value"] < 0.01
    # Two that are wrong as often, in other sentences.
    turned = [bad[place] if place % 6 < 3 else text for place, text in enumerate(good)]
    other = [text if place % 6 < 3 else bad[place] for place, text in enumerate(good)]
    for found in scoring.compare(turned, other, EXPECTED * 20).values():
        assert found["difference"] == pytest.approx(0, abs=0.001)
        assert found["p_value"] > 0.05


def test_the_same_words_are_counted_otherwise():
    """Apart from a full stop that clings to its word, and from capitals, nothing is wrong."""
    expected = ["Sea la luz , y fué la luz .", "los hijos de David eran tres"]
    found = ["sea la luz, y fué la luz.", "los hijos de David eran tres"]
    ways = scoring.otherwise(2 * found, 2 * expected)["ways"]
    assert ways["13a, no capitals"] == 100
    assert ways["none"] < ways["13a"] < 100
    assert ways["13a"] == scoring.report(2 * found, 2 * expected)["bleu"]["score"]


def test_four_sentences_have_any_score():
    found = 4 * [EXPECTED[0]] + 4 * ["todo lo demás"] + 3 * [EXPECTED[1]]
    fours = scoring.otherwise(found, 11 * [EXPECTED[0]])["four_at_a_time"]
    assert fours == {"groups": 2, "lowest": pytest.approx(0, abs=2), "middle": 100, "highest": 100}
