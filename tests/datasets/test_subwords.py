"""Subwords: how they are joined, and that no text is lost on the way to numbers and back."""

import numpy as np
import pytest

from attention_course.datasets import subwords
from attention_course.datasets.grammar import END, PADDING, START
from attention_course.datasets.subwords import UNKNOWN, Subwords, encode_pairs, letters

PIECES = ("▁t", "he", "▁the", "er", "ther", *"▁aehirt")


def texts(seed, alphabet="aehirt ", count=200):
    """Draw texts without spaces at their ends or next to each other."""
    random = np.random.default_rng(seed)
    drawn = ["".join(random.choice(list(alphabet), random.integers(1, 30))) for _ in range(count)]
    return [" ".join(text.split()) for text in drawn]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("the", ["t", "he"]),  # no space before it, so not the piece of the word within a text
        ("a the", ["a", "▁the"]),
        ("there", ["t", "he", "r", "e"]),  # "he" is joined first, which leaves no "er"
        ("er he", ["er", "▁", "he"]),
        ("a  the\n", ["a", "▁the"]),
        ("", []),
    ],
)
def test_the_most_frequent_piece_is_joined_first(text, pieces):
    assert Subwords(PIECES).split(text) == pieces


@pytest.mark.parametrize("pieces", [PIECES, PIECES[5:]])
def test_a_text_is_found_again(pieces):
    words = Subwords(pieces)
    for text in texts(seed=0):
        numbers = words.encode(text)
        assert words.decode(numbers) == text
        assert words.decode([START, *numbers, END, *numbers]) == text  # END ends it
        assert all(UNKNOWN < number < len(words) for number in numbers)


def test_joining_saves_numbers_and_changes_no_letter():
    few, many = Subwords(PIECES), Subwords(PIECES[5:])
    for text in texts(seed=1):
        assert "".join(few.split(text)) == "".join(many.split(text)) == text.replace(" ", "▁")
    lengths = [[len(words.encode(text)) for words in (few, many)] for text in texts(seed=1)]
    assert np.all(np.diff(lengths) >= 0)
    assert np.mean(np.diff(lengths)) > 0.5


def test_an_unknown_letter_has_a_number_of_its_own():
    words = Subwords(PIECES)
    assert words.encode("az") == [words.encode("a")[0], UNKNOWN]
    assert words.decode(words.encode("az")) == "a⁇"


def test_letters_are_a_vocabulary():
    found = letters(["to be", "or not"])
    assert found.pieces == tuple(sorted("torben▁"))
    assert found.split("not to") == [*"not▁to"]
    assert len(found) == len(found.pieces) + UNKNOWN + 1


def test_pairs_are_padded_behind():
    source, target = letters(["abc"]), letters(["xyz "])
    pairs = [("abc", "x y"), ("a", "z"), ("", "zz")]
    sources, targets = encode_pairs(pairs, source, target)
    assert sources.dtype == targets.dtype == "int32"
    assert sources.shape == (3, 4)
    assert targets.shape == (3, 5)
    for (english, spanish), row, written in zip(pairs, sources, targets, strict=True):
        assert source.decode(row) == english
        assert target.decode(written) == spanish
        assert written[0] == START
        for numbers, length in ((row, len(english)), (written[1:], len(spanish))):
            assert numbers[length] == END
            assert (numbers[length + 1 :] == PADDING).all()
            assert (numbers[:length] > UNKNOWN).all()


def test_no_pairs_are_no_rows():
    found = encode_pairs([], letters("a"), letters("b"))
    assert [array.shape for array in found] == [(0, 0), (0, 0)]


def test_a_piece_that_never_comes_up_changes_nothing():
    longer = Subwords((*PIECES, "qq", "q"))
    for text in texts(seed=2):
        assert longer.split(text) == Subwords(PIECES).split(text)


def test_the_name_of_the_space_is_that_of_sentencepiece():
    assert subwords.SPACE == "\u2581"
