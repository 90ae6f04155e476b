"""Plain text to numbers: Keras' encoding, padding, and what cannot be encoded."""

import numpy as np
import pytest

from attention_course.datasets.vocabulary import OFFSET, START, UNKNOWN, Vocabulary, pad, tokens
from attention_course.errors import DataError


def test_tokens_as_keras_splits_them():
    assert tokens("It's NOT a bad film!<br />Really, no.") == [
        *("it's", "not", "a", "bad", "film", "br", "really", "no"),
    ]


def test_typographic_apostrophe_is_an_apostrophe():
    assert tokens("don\u2019t") == ["don't"]


def test_numbers_are_rank_plus_offset():
    vocabulary = Vocabulary(["the", "and", "film"], num_words=10)
    assert vocabulary.encode("the film and xyzzy") == [
        *(START, 1 + OFFSET, 3 + OFFSET, 2 + OFFSET, UNKNOWN),
    ]


def test_num_words_limits_numbers_as_load_data_does():
    words = [f"w{rank}" for rank in range(1, 100)]
    numbers = Vocabulary(words, num_words=20).encode(" ".join(words))
    known = [number for number in numbers if number > OFFSET]
    assert max(known) == 19
    assert numbers.count(UNKNOWN) == 99 - len(known)


def test_decode_undoes_encode():
    vocabulary = Vocabulary.load(5_000)
    text = "not a bad film"
    assert vocabulary.decode(vocabulary.encode_batch([text], 10)[0]) == ["[start]", *text.split()]


def test_shipped_list_is_the_most_frequent_words_first():
    vocabulary = Vocabulary.load(10_000)
    assert vocabulary.encode("the and a of to") == [START, 4, 5, 6, 7, 8]
    assert vocabulary.knows("film")
    assert not vocabulary.knows("Film")


@pytest.mark.parametrize("number", [-1, 10_000])
def test_decode_refuses_a_number_that_is_no_word(number):
    with pytest.raises(DataError, match="no word number"):
        Vocabulary.load(10_000).decode([number])


def test_too_short_a_list_is_refused(tmp_path, monkeypatch):
    short = tmp_path / "words.txt"
    short.write_text("the\nand\n")
    monkeypatch.setattr("attention_course.assets.fetch", lambda name: short)
    with pytest.raises(DataError, match="holds 2 words"):
        Vocabulary.load(10_000)


def test_padding_stands_before_the_text():
    assert pad([[5, 6]], 4).tolist() == [[0, 0, 5, 6]]


def test_either_end_of_a_long_review_can_be_kept():
    assert pad([[1, 2, 3]], 2, keep="first").tolist() == [[1, 2]]
    assert pad([[1, 2, 3]], 2, keep="last").tolist() == [[2, 3]]


def test_padding_agrees_with_keras():
    keras = pytest.importorskip("keras")
    rows = [[1], [1, 2, 3, 4, 5], []]
    for keep, truncating in (("first", "post"), ("last", "pre")):
        expected = keras.utils.pad_sequences(rows, 3, padding="pre", truncating=truncating)
        np.testing.assert_array_equal(pad(rows, 3, keep), expected)


@pytest.mark.parametrize("bad", [None, 3, b"film", ["film"]])
def test_text_of_another_type_is_refused(bad):
    with pytest.raises(DataError, match="must be a string"):
        tokens(bad)


@pytest.mark.parametrize(("length", "keep"), [(0, "first"), (3, "middle")])
def test_bad_padding_settings_are_refused(length, keep):
    with pytest.raises(DataError):
        pad([[1]], length, keep)
