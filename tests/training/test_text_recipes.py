"""Recipes of phrases and verses: what the models are given, and what is measured of them."""

import numpy as np
import pytest

from attention_course import models
from attention_course.datasets import verses as all_verses
from attention_course.datasets.grammar import END, PADDING, START
from attention_course.datasets.subwords import encode_pairs
from attention_course.models import phrases as phrase_models
from attention_course.models import verses as verse_models
from attention_course.training import scoring
from attention_course.training.recipes import phrases, verses

BOOKS = ("Amos", "Jonah", "Ruth", "James", "Jude")


@pytest.fixture(scope="module")
def phrase_data():
    return phrases.load_data()


@pytest.fixture(scope="module")
def few_books():
    """A few books in place of all: to compare all of them takes many seconds."""
    found, left_out = all_verses.load()
    few = tuple(verse for verse in found if verse.book in BOOKS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(all_verses, "load", lambda: (few, left_out))
        yield few


@pytest.fixture(scope="module")
def verse_data(few_books):
    return verses.load_data()


@pytest.fixture(params=["phrase_data", "verse_data"])
def splits(request):
    return request.getfixturevalue(request.param)


def test_the_answer_is_what_was_written_one_place_on(splits):
    for (source, written), expected in (
        (splits.x_train, splits.y_train),
        (splits.x_val, splits.y_val),
        (splits.x_test, splits.y_test),
    ):
        assert len(source) == len(written) == len(expected) > 0
        assert (written[:, 0] == START).all()
        np.testing.assert_array_equal(written[:, 1:], expected[:, :-1] * (written[:, 1:] != 0))
        assert ((source == END).sum(axis=1) == 1).all()
        assert ((expected == END).sum(axis=1) == 1).all()


def test_the_parts_have_the_sizes_that_the_card_tells(splits):
    told = splits.provenance
    sizes = [len(part) for part in (splits.y_train, splits.y_val, splits.y_test)]
    assert sizes == [told["train"], told["validation"], told["test"]]


def test_phrase_models_have_room_for_every_letter(phrase_data):
    _, alphabets, _ = phrases.parts()
    assert tuple(map(len, alphabets)) == phrase_models.WORDS
    assert len(phrase_data.y_train) == phrase_models.TRAINING["phrases"]


def test_verse_models_have_room_for_every_subword():
    assert tuple(map(len, all_verses.subwords())) == verse_models.WORDS


def test_verses_are_no_longer_than_they_may_be(verse_data):
    longest = verse_models.LONGEST
    for source, written in (verse_data.x_train, verse_data.x_val):
        assert source.shape[1] <= longest
        assert written.shape[1] <= longest
    assert verse_data.x_test[0].shape[1] <= verses.BY_LENGTH[-1][1]
    assert verse_data.x_test[0].shape[1] > longest


def test_every_verse_is_in_a_part_or_counted(few_books, verse_data):
    told = verse_data.provenance
    left_out = told["left_out"]["near_duplicates"] + sum(told["left_out"]["too_long"].values())
    assert told["train"] + told["validation"] + told["test"] + left_out == len(few_books)


def test_groups_by_length_follow_each_other():
    assert verses.BY_LENGTH[0][0] == 1
    for (_, high), (low, _) in zip(verses.BY_LENGTH, verses.BY_LENGTH[1:], strict=False):
        assert low == high + 1
    assert verse_models.LONGEST in [high for _, high in verses.BY_LENGTH]


def test_verses_are_translated_in_their_order(few_books, verse_data, monkeypatch):
    """What is "written" is the target itself: it comes back beside its own source."""
    monkeypatch.setattr(verses, "_BATCH", 10)
    pairs = verses.parts()[0]["test"]
    source, target = encode_pairs(pairs, *all_verses.subwords())
    known = {
        row[row != PADDING].tobytes(): written for row, written in zip(source, target, strict=True)
    }
    widths = []

    def write_batch(batch, longest):
        widths.append((batch.shape[1], longest))
        return np.array([known[row[row != PADDING].tobytes()][1:] for row in batch])

    assert verses.translate(source, write_batch) == [spanish for _, spanish in pairs]
    assert widths == sorted(widths)
    assert len(widths) == -(-len(pairs) // 10)
    assert widths[0][0] < source.shape[1] == widths[-1][0]
    assert all(longest == width * 3 // 2 + 10 for width, longest in widths)


def test_a_perfect_translation_of_verses_gets_a_hundred(few_books):
    pairs = verses.parts()[0]["test"]
    found = verses.measure([spanish for _, spanish in pairs], pairs)
    assert found["score"] == found["bleu"]["score"] == found["chrf"]["score"] == 100
    assert found["metric"] == "BLEU"
    assert [tuple(group["subwords"]) for group in found["by_length"]] == list(verses.BY_LENGTH)
    assert sum(group["examples"] for group in found["by_length"]) == len(pairs)
    assert found["examples"] < len(pairs)  # the score is that of verses of known length
    assert len(found["written"]) == verses.EXAMPLES
    assert all(spanish == written for _, spanish, written in found["written"])


def test_a_bad_translation_of_long_verses_shows_in_their_groups_alone(few_books):
    pairs = verses.parts()[0]["test"]
    sizes = [verses.sizes(pair)[0] for pair in pairs]
    found = verses.measure(
        [
            pair[1] if size <= verse_models.LONGEST else "y"
            for pair, size in zip(pairs, sizes, strict=True)
        ],
        pairs,
    )
    assert found["score"] == 100
    scores = [group["bleu"]["score"] for group in found["by_length"]]
    assert scores[:4] == [100] * 4
    assert max(scores[4:]) < 1


@pytest.mark.parametrize(("answer", "score", "rate"), [("right", 1, 0), ("nothing", 0, 1)])
def test_phrases_are_measured_on_both_sides_of_the_split(
    monkeypatch, phrase_data, answer, score, rate
):
    known = {
        row.tobytes(): written
        for source, targets in (
            (phrase_data.x_train[0], phrase_data.y_train),
            (phrase_data.x_test[0], phrase_data.y_test),
        )
        for row, written in zip(source, targets, strict=True)
    }

    def write(model, source, longest):
        if answer == "nothing":
            return np.full((len(source), longest), END), None
        return [known[row.tobytes()] for row in source], None

    monkeypatch.setattr(phrases, "write", write)
    monkeypatch.setattr("attention_course.training.scoring.SAMPLES", 3)
    found = phrases.evaluate(None, phrase_data)
    assert found["metric"] == "exact match"
    assert found["examples"] == len(phrase_data.y_test)
    for row in (found, found["train"]):  # a letter that only the test has can never be written
        assert row["score"] == pytest.approx(score, abs=0.006)
        assert row["character_error_rate"] == pytest.approx(rate, abs=0.001)
    pairs, (_, spanish), *_ = phrases.parts()
    expected = [target for _, target in pairs["test"]]
    best = scoring.report([spanish.decode(spanish.encode(text)) for text in expected], expected)
    assert found["chrf"]["score"] == pytest.approx(best["chrf"]["score"] * score)
    assert len(found["written"]) == phrases.EXAMPLES


@pytest.mark.parametrize("family", [phrase_models, verse_models])
def test_with_attention_and_without_have_one_budget(family):
    plain, attention = (builder.keywords for builder in family.BUILDERS.values())
    assert plain | {"score": None} == attention | {"score": None}
    assert plain["score"] is None
    assert attention["score"] is not None
    assert plain["steps"] % family.TRAINING["epochs"] == 0


@pytest.mark.parametrize("name", [*phrase_models.BUILDERS, *verse_models.BUILDERS])
def test_a_model_is_built_by_its_name(name):
    model = models.build(name)
    assert model.name == name
    assert (model.get_layer("decoder").attention is None) == name.endswith("plain")
