"""Subwords are learned by sentencepiece and read without it, with the same result."""

import json

import numpy as np
import pytest

from attention_course import assets
from attention_course.datasets import verses
from attention_course.datasets.grammar import END, PADDING, START
from attention_course.datasets.subwords import UNKNOWN, Subwords
from attention_course.training import subwords

TEXTS = [verse.target for verse in verses.load()[0] if verse.book in ("Genesis", "Mark")]


@pytest.fixture(scope="module")
def processor():
    return subwords.learn(TEXTS, 400)


def test_both_split_alike(processor):
    own = Subwords(subwords.pieces(processor))
    assert len(own) == len(processor) == 400
    random = np.random.default_rng(0)
    letters = [*"".join(TEXTS[:50]), "  "]
    noise = ["".join(random.choice(letters, 40)) for _ in range(200)]
    for text in [*TEXTS[:1000], *noise, "", "a", "  two  spaces "]:
        assert own.encode(text) == processor.encode(text)
        assert own.split(text) == processor.encode(text, out_type=str)


def test_numbers_that_stand_for_no_piece_are_the_course_s(processor):
    found = processor.pad_id(), processor.bos_id(), processor.eos_id(), processor.unk_id()
    assert found == (PADDING, START, END, UNKNOWN)


def test_learning_repeats_itself(processor):
    assert subwords.pieces(subwords.learn(TEXTS, 400)) == subwords.pieces(processor)


@pytest.mark.thorough
def test_the_stored_subwords_are_what_is_learned(tmp_path):
    subwords.record(tmp_path)
    found = (tmp_path / "verses_subwords.json").read_text(encoding="utf-8")
    stored = assets.fetch(verses.SUBWORDS_FILE).read_text(encoding="utf-8")
    assert json.loads(found) == json.loads(stored)


def test_the_stored_subwords_are_as_many_as_the_models_need():
    assert [len(words) for words in verses.subwords()] == [subwords.SIZE] * 2
