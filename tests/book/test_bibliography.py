"""Names and titles of the bibliography are whole words, so the book's search finds them."""

import re
from pathlib import Path

import pytest
from pybtex.database import parse_string
from pybtex.plugin import find_plugin

ROOT = Path(__file__).resolve().parents[2]
BIBLIOGRAPHY = (ROOT / "references.bib").read_text(encoding="utf-8")
# What braces hold is printed in an element of its own, and the search takes that for a word.
SPLIT = re.compile(r"\w*<span[^>]*>[^<]*</span>\w+|\w+<span[^>]*>[^<]*</span>\w*")


def split_words(text):
    """Words that are printed in parts, and LaTeX commands that are left."""
    style = find_plugin("pybtex.style.formatting", "plain")()
    html = find_plugin("pybtex.backends", "html")()
    entries = style.format_bibliography(parse_string(text, "bibtex"))
    printed = "\n".join(entry.text.render(html) for entry in entries)
    return SPLIT.findall(printed) + re.findall(r"\\.*", text)


def test_every_word_is_whole():
    assert split_words(BIBLIOGRAPHY) == []


@pytest.mark.parametrize("name", ["Jürgen Schmidhuber", "Łukasz Kaiser", "Çağlar Gülçehre"])
def test_names_are_written_as_people_write_them(name):
    first, last = name.split()
    assert f"{last}, {first}" in BIBLIOGRAPHY


@pytest.mark.parametrize(
    ("whole", "split"),
    [
        ("Jürgen", r"J{\"u}rgen"),
        ("Łukasz", r"{\L}ukasz"),
        ("Ré", r"R{\'e}"),
        ("Ré", r"R\'e"),
        ("Merriënboer", "Merri{ë}nboer"),
        ("{LSTM}", "{LSTM}s"),
    ],
)
def test_a_split_word_is_noticed(whole, split):
    changed = BIBLIOGRAPHY.replace(whole, split, 1)
    assert changed != BIBLIOGRAPHY
    assert split_words(changed)
