"""Beam search: greedy when it is narrow, the best there is when it is wide enough."""

import itertools

import numpy as np
import pytest
from keras import ops, utils

from attention_course.datasets.grammar import END, PADDING, START
from attention_course.models import translation
from attention_course.models.translation import beam, translator, write

WORDS = (7, 5)
LONGEST = 4
KINDS = [(None, False), ("dot", False), ("dot", True)]


def tiny(score, feeding):
    """An untrained model with weights large enough for clear preferences."""
    utils.set_random_seed(5)
    model = translator("tiny", WORDS, 10, score, feeding, width=4, units=3)
    random = np.random.default_rng(5)
    model.set_weights([random.normal(0, 1.2, weight.shape) for weight in model.get_weights()])
    return model


@pytest.fixture(scope="module", params=KINDS)
def model(request):
    return tiny(*request.param)


@pytest.fixture(scope="module")
def sources():
    """Sources of one to five words, END and padding behind."""
    random = np.random.default_rng(1)
    found = np.full((8, 6), PADDING, dtype="int32")
    for row, length in zip(found, random.integers(1, 6, size=8), strict=True):
        row[: length + 1] = [*random.integers(END + 1, WORDS[0], size=length), END]
    return found


def log_probabilities(model, source, sentences):
    """Return log P of translations of one source by the way that training takes."""
    written = np.full((len(sentences), LONGEST + 1), PADDING, dtype="int32")
    written[:, 0] = START
    for row, sentence in zip(written, sentences, strict=True):
        row[1 : len(sentence) + 1] = sentence
    sources = np.repeat(source[None], len(sentences), axis=0)
    logs = np.asarray(ops.log_softmax(model([sources, written[:, :-1]])))
    chosen = np.take_along_axis(logs, written[:, 1:, None], axis=-1)[..., 0]
    inside = np.arange(LONGEST) < np.array([[len(sentence)] for sentence in sentences])
    return (chosen * inside).sum(axis=1)


def values(model, source, sentences, penalty):
    lengths = np.array([len(sentence) for sentence in sentences])
    return log_probabilities(model, source, sentences) / ((5 + lengths) / 6) ** penalty


def sentences():
    """Return every sentence that may be written: up to END, or as long as there is room."""
    found = []
    for length in range(1, LONGEST + 1):
        for written in itertools.product(range(WORDS[1]), repeat=length):
            ends = END in written
            if (ends and written.index(END) == length - 1) or (not ends and length == LONGEST):
                found.append(written)
    return found


def up_to_end(row):
    row = list(row)
    return tuple(row[: row.index(END) + 1]) if END in row else tuple(row)


@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_one_beam_is_greedy(model, sources, penalty):
    found, _ = beam(model, sources, 9, 1, penalty)
    np.testing.assert_array_equal(found, write(model, sources, 9)[0])


@pytest.mark.parametrize("penalty", [0.0, 1.0, 3.0])
def test_a_beam_wide_enough_for_all_finds_the_best(model, sources, penalty):
    every = sentences()
    found, value = beam(model, sources[:2], LONGEST, len(every), penalty)
    for source, row, told in zip(sources[:2], found, value, strict=True):
        expected = values(model, source, every, penalty)
        assert up_to_end(row) == every[expected.argmax()]
        assert told == pytest.approx(expected.max(), abs=1e-4)


@pytest.mark.parametrize("width", [3])
def test_the_value_is_that_of_the_sentence(model, sources, width):
    found, value = beam(model, sources, LONGEST, width, 0.6)
    assert found.shape == (len(sources), LONGEST)
    for source, row, told in zip(sources, found, value, strict=True):
        written = up_to_end(row)
        assert told == pytest.approx(values(model, source, [written], 0.6)[0], abs=1e-4)
        assert (row[len(written) :] == PADDING).all()


def test_a_source_gets_the_same_alone_and_in_company(model, sources):
    together, value = beam(model, sources, 6, 3)
    for source, row, expected in zip(sources[:3], together, value, strict=False):
        alone, told = beam(model, source[None], 6, 3)
        np.testing.assert_array_equal(alone[0], row)
        assert told[0] == pytest.approx(expected, abs=1e-4)


# --- a model that is a table: which word follows which ------------------------------------------

A, B = END + 1, END + 2
GARDEN_PATH = {START: {A: 0.6, B: 0.4}, A: {A: 0.5, B: 0.5}, B: {END: 1.0}}
"""The likelier beginning, A, has no likely end."""
SHORT_OR_LONG = {START: {END: 0.4, A: 0.6}, A: {END: 0.6, A: 0.4}}
"""To stop at once is likeliest; a word more is a little less likely."""


@pytest.fixture
def follow(monkeypatch):
    """Return a function that puts a table in place of every model, and searches with it."""

    def search(table, *options):
        logits = np.full((WORDS[1], WORDS[1]), -1e9, dtype="float32")
        for word, after in table.items():
            logits[word, list(after)] = np.log(list(after.values()))

        def step(model, encoded, word, state, fed):
            return logits[word], None, state, fed

        def encode(model, source):
            return translation.Encoded(None, None, np.zeros((len(source), 1), "float32"))

        monkeypatch.setattr(translation, "step", step)
        monkeypatch.setattr(translation, "encode", encode)
        (found,), (value,) = beam(None, np.array([[END]]), 3, *options)
        return up_to_end(found), np.exp(value)

    return search


def test_a_wider_beam_leaves_the_garden_path(follow):
    assert follow(GARDEN_PATH, 1)[0][0] == A
    assert follow(GARDEN_PATH, 2) == ((B, END), pytest.approx(0.4))


def test_a_penalty_prefers_the_longer_sentence(follow):
    assert follow(SHORT_OR_LONG, 3) == ((END,), pytest.approx(0.4))
    found, value = follow(SHORT_OR_LONG, 3, 1.0)
    assert found == (A, END)
    assert value == pytest.approx(0.36 ** (6 / 7))


def test_what_is_finished_is_not_written_on(follow):
    """B ends with certainty, and what would follow an end is likelier still."""
    table = {START: {A: 0.6, B: 0.4}, A: {A: 0.7, END: 0.3}, B: {END: 1.0}, END: {A: 1.0}}
    assert follow(table, 2) == ((B, END), pytest.approx(0.4))
