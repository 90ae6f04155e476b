"""The phrases: whole families on one side of the split, and what a damaged file is told."""

import numpy as np
import pytest

from attention_course.assets import fetch
from attention_course.datasets import phrases
from attention_course.errors import DataError

FOUND, TOO_LONG = phrases.load()
SPLIT = phrases.split(FOUND)


def trigrams(text):
    return {text.lower()[at : at + 3] for at in range(len(text) - 2)}


def straddling(parts):
    """Count the held-out phrases with a near duplicate in the training part, one by one."""
    known = [[trigrams(text) for text in side] for side in zip(*parts["train"], strict=True)]
    count = 0
    for pair in parts["validation"] + parts["test"]:
        for text, others in zip(pair, known, strict=True):
            mine = trigrams(text)
            if any(2 * len(mine & other) >= len(mine | other) for other in others if other):
                count += 1
                break
    return count


def test_every_phrase_is_there_once():
    lines = fetch(phrases.FILE).read_text(encoding="utf-8").splitlines()
    assert len(FOUND) + TOO_LONG == len(lines) - 1 == 1966
    assert len(set(FOUND)) == len(FOUND)
    assert sorted(pair for part in SPLIT.values() for pair in part) == sorted(FOUND)


def test_they_are_short_and_without_the_quotes_of_the_file():
    assert max(len(text) for pair in FOUND for text in pair) == phrases.LONGEST
    assert ("Japanese “bargain” button", 'ideograma japonés para "ganga"') in FOUND
    assert all(text == text.strip() for pair in FOUND for text in pair)


def test_parts_have_their_sizes():
    for part, size in phrases.SIZES.items():
        assert size <= len(SPLIT[part]) < size + phrases.LARGEST


def test_no_held_out_phrase_has_a_near_duplicate_in_the_training_part():
    assert straddling(SPLIT) == 0


def test_phrases_dealt_one_by_one_have_many():
    order = np.random.default_rng(0).permutation(len(FOUND))
    dealt = [FOUND[place] for place in order]
    parts = {"train": dealt[350:], "validation": dealt[:150], "test": dealt[150:350]}
    assert straddling(parts) > 100


def test_a_family_is_reached_from_sister_to_sister():
    family = phrases.families(
        [("woman cook", "cocinera"), ("man cook", "cocinero"), ("man cooks", "x"), ("egg", "huevo")]
    )
    assert len(set(family[:3])) == 1
    assert family[3] != family[0]


def test_the_largest_families_are_trained_on():
    family = phrases.families(FOUND)
    sizes = dict(zip(FOUND, np.bincount(family)[family], strict=True))
    assert max(sizes.values()) > phrases.LARGEST
    assert max(sizes[pair] for pair in SPLIT["test"] + SPLIT["validation"]) <= phrases.LARGEST


def test_a_seed_repeats_the_split():
    assert phrases.split(FOUND) == SPLIT
    assert phrases.split(FOUND, seed=1)["test"] != SPLIT["test"]


@pytest.mark.parametrize(
    "text",
    ["en\tes\nsun\n", "english\tspanish\nsun\tsol\n", "en\tes\nsun\t\n", "", 'en\tes\n"a\tb\n'],
)
def test_a_damaged_file_gets_a_sentence(monkeypatch, tmp_path, text):
    file = tmp_path / "phrases.tsv"
    file.write_text(text, encoding="utf-8")
    monkeypatch.setattr("attention_course.assets.fetch", lambda name: file)
    with pytest.raises(DataError, match=r"phrases\.tsv is damaged"):
        phrases.load()


def test_a_missing_file_gets_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr("attention_course.assets.fetch", lambda name: tmp_path / "none")
    with pytest.raises(DataError, match="is damaged"):
        phrases.load()
