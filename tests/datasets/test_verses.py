"""The verses: which are left out, that whole books stay together, and that none stands twice."""

import gzip

import numpy as np
import pytest

from attention_course.datasets import verses
from attention_course.datasets.subwords import UNKNOWN
from attention_course.errors import DataError

VERSES, LEFT_OUT = verses.load()


def write(path, lines):
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        stream.write("".join("\t".join(map(str, line)) + "\n" for line in lines))


@pytest.fixture
def read(monkeypatch, tmp_path):
    """Return a function that loads lines in place of the course's verses."""

    def load(lines, header=("book", "chapter", "verse", "en", "es")):
        write(tmp_path / "verses.gz", [header, *lines])
        monkeypatch.setattr("attention_course.assets.fetch", lambda name: tmp_path / "verses.gz")
        return verses.load.__wrapped__()

    return load


def chapter(number, english, spanish):
    """Lines of a chapter whose verses have so many letters on both sides."""
    pairs = zip(english, spanish, strict=True)
    return [("A", number, at, "e" * one, "s" * other) for at, (one, other) in enumerate(pairs, 1)]


def test_all_verses_are_kept_or_counted():
    assert len(VERSES) + sum(LEFT_OUT.values()) == 31_077
    assert set(LEFT_OUT) == {"shifted", "ratio"}
    assert len({(v.book, v.chapter, v.number) for v in VERSES}) == len(VERSES)


def test_no_space_stands_behind_an_opening_mark():
    for verse in VERSES:
        for mark in "“‘¿¡":
            assert f"{mark} " not in verse.source + verse.target


def test_a_strange_ratio_of_lengths_is_left_out(read):
    lengths = [100, 80, 120, 90, 60, 150, 70, 110]
    other = [*lengths[:-1], 300]
    found, left_out = read(chapter(1, lengths, other))
    assert left_out == {"shifted": 0, "ratio": 1}
    assert [verse.number for verse in found] == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("by", [-1, 0, 1])
def test_a_shifted_chapter_is_left_out(read, by):
    random = np.random.default_rng(0)
    lengths = random.integers(50, 60, size=(3, 12))
    lines = []
    for number, row in enumerate(lengths, start=1):
        lines += chapter(number, row, np.roll(row, by if number == 2 else 0))
    found, left_out = read(lines)
    assert left_out == {"shifted": 12 if by else 0, "ratio": 0}
    assert {verse.chapter for verse in found} == ({1, 3} if by else {1, 2, 3})


def test_the_chapter_whose_numbers_differ_is_out():
    """In Numbers 13 the Spanish begins with what is the last verse of 12 in English."""
    assert not [v for v in VERSES if (v.book, v.chapter) == ("Numbers", 13)]


def test_books_are_split_as_a_whole():
    books = {verse.book for verse in VERSES}
    assert set(verses.TEST) | set(verses.VALIDATION) < books
    assert not set(verses.TEST) & set(verses.VALIDATION)
    few = [verse for verse in VERSES if verse.book in ("Jonah", "Ruth", "Amos")]
    parts, near = verses.split(few)
    found = {part: {verse.book for verse in rows} for part, rows in parts.items()}
    assert found == {"train": {"Amos"}, "validation": {"Ruth"}, "test": {"Jonah"}}
    assert sum(map(len, parts.values())) + near == len(few)


def test_what_two_books_tell_alike_is_left_out_of_the_training_part():
    gospels = [verse for verse in VERSES if verse.book in ("Matthew", "Mark")]
    parts, near = verses.split(gospels)
    assert len(parts["test"]) == sum(verse.book == "Mark" for verse in gospels)
    assert near == sum(verse.book == "Matthew" for verse in gospels) - len(parts["train"]) > 50
    kept = {verse.source for verse in parts["train"]}
    assert not kept & {verse.source for verse in parts["test"]}


@pytest.mark.parametrize("side", ["source", "target"])
def test_one_side_alone_makes_a_near_duplicate(side):
    new = {"source": "one two three four", "target": "uno dos tres cuatro"}
    old = {"source": "never seen", "target": "nada igual"} | {side: new[side]}
    pair = [verses.Verse("Mark", 1, 1, **new), verses.Verse("Amos", 1, 1, **old)]
    far = verses.Verse("Amos", 1, 2, "quite another", "cosa distinta")
    parts, near = verses.split([*pair, far])
    assert (parts["train"], near) == ([far], 1)


def test_subwords_write_every_verse():
    for words, side in zip(verses.subwords(), ("source", "target"), strict=True):
        texts = [getattr(verse, side) for verse in VERSES[::40]]
        for text in texts:
            numbers = words.encode(text)
            assert words.decode(numbers) == text
            assert UNKNOWN not in numbers
        letters = sum(map(len, texts))
        assert letters > 2.5 * sum(len(words.encode(text)) for text in texts)


@pytest.mark.parametrize(
    "content",
    [b"no gzip", gzip.compress(b"en\tes\n"), None],
    ids=["no gzip", "other columns", "cut off"],  # gzip writes the time, and a name must not change
)
def test_a_damaged_file_gets_a_sentence(monkeypatch, tmp_path, content):
    file = tmp_path / "verses.gz"
    if content is None:
        content = gzip.compress(b"book\tchapter\tverse\ten\tes\n" * 1000)[:-20]  # cut off
    file.write_bytes(content)
    monkeypatch.setattr("attention_course.assets.fetch", lambda name: file)
    with pytest.raises(DataError, match=r"verses\.tsv\.gz is damaged"):
        verses.load.__wrapped__()


@pytest.mark.parametrize("line", [("A", "one", 1, "e", "s"), ("A", 1, 1, "e")])
def test_a_damaged_line_gets_a_sentence(read, line):
    with pytest.raises(DataError, match=r"verses\.tsv\.gz is damaged"):
        read([line])
