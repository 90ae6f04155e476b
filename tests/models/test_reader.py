"""Plain text to a verdict: encoding by the card, and texts that cannot be judged."""

import numpy as np
import pytest

from attention_course.errors import DataError, ModelError
from attention_course.models.reader import SentimentReader


@pytest.fixture(scope="module")
def reader():
    return SentimentReader("self_attention")


def test_praise_is_positive_and_blame_is_not(reader):
    good, bad = reader.probability(
        ["a wonderful film, moving and superbly acted", "an awful, boring waste of time"]
    )
    assert good > 0.5 > bad


def test_one_text_and_a_list_of_one_are_the_same(reader):
    assert reader.probability("a great film") == reader.probability(["a great film"])


def test_encoding_follows_the_card(reader):
    numbers = reader.encode(["film " * 1000])
    assert numbers.shape == (1, reader.card["data"]["length"])
    assert reader.keep == "last"
    assert 1 not in numbers  # the start mark is cut off with the beginning
    assert (reader.encode(["film"]) == 0).sum() == reader.length - 2


def test_shown_tokens_are_the_real_places_in_order(reader):
    text = "Not a bad film, xyzzy! " + "word " * 500
    for review in ("not a bad xyzzy", text):
        real = (reader.encode([review]) != 0).sum()
        assert len(reader.shown_tokens(review)) == real
    assert reader.shown_tokens("not xyzzy") == ["[start]", "not", "[xyzzy]"]


@pytest.mark.parametrize("text", ["", "   ", "?!", "<br />"[:1]])
def test_a_review_without_words_is_refused(reader, text):
    with pytest.raises(DataError, match="Review 2 has no words"):
        reader.probability(["a film", text])


def test_a_review_of_unknown_words_is_refused(reader):
    with pytest.raises(DataError, match="knows none of the 2 words"):
        reader.probability(["xyzzy plugh"])


@pytest.mark.parametrize("text", [None, 3.5, np.nan])
def test_a_review_that_is_no_text_is_refused(reader, text):
    with pytest.raises(DataError, match="must be a string"):
        reader.probability([text])


def test_models_that_do_not_read_reviews_are_refused():
    with pytest.raises(ModelError, match="does not read reviews"):
        SentimentReader("lagged_rnn")
    with pytest.raises(ModelError, match="did you mean"):
        SentimentReader("self_atention")


def test_ten_thousand_words_and_emoji_are_texts_like_any_other(reader):
    probabilities = reader.probability(["great film " * 5000, "\U0001f600 great <script>film"])
    assert np.isfinite(probabilities).all()
