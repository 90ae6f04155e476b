"""The sentences of the course: collected, current, and all of them marked."""

from __future__ import annotations

import ast
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pseudo
import pytest
import yaml
from babel.messages import Catalog, mofile, pofile

from attention_course import words
from attention_course.book import catalogue
from attention_course.display import quiz

ROOT = Path(__file__).resolve().parents[1]
PYTHON = sorted((ROOT / "attention_course").rglob("*.py"))
SCRIPTS = sorted([*(ROOT / "attention_course").rglob("*.js"), *(ROOT / "theme").glob("*.js")])


@pytest.fixture
def in_pseudo(tmp_path, monkeypatch):
    """Let this process speak the pseudo-language."""
    for name, value in pseudo.write_catalogues(tmp_path / "locales").items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def translated(tmp_path, monkeypatch):
    """Give a function that lets this process speak a language of a few sentences."""

    def write(sentences, language="de"):
        catalog = Catalog(locale=language)
        for english, translation in sentences.items():
            catalog.add(english, translation)
        path = tmp_path / language / "LC_MESSAGES" / f"{words.DOMAIN}.mo"
        path.parent.mkdir(parents=True)
        with path.open("wb") as file:
            mofile.write_mo(file, catalog)
        monkeypatch.setenv(words.LOCALES, str(tmp_path))
        monkeypatch.setenv(words.LANGUAGE, language)

    return write


# --- one sentence ---------------------------------------------------------------------------


def test_english_is_the_source():
    assert words.tr("One {thing}.", thing="{word}") == "One {word}."
    assert words.tr("{nothing} to fill") == "{nothing} to fill"
    assert words.trn("{count} word", "{count} words", 1) == "1 word"
    assert words.trn("{count} word", "{count} words", 0) == "0 words"
    assert words.tr("") == ""
    assert words.script_words() == {}


def test_a_translation_orders_a_sentence_as_it_likes(translated):
    translated(
        {
            "{a} before {b}.": "{b} nach {a}.",
            ("{count} word", "{count} words"): ("{count} Wort", "{count} Wörter"),
        }
    )
    assert words.tr("{a} before {b}.", a="{b}", b=2) == "2 nach {b}."
    assert words.trn("{count} word", "{count} words", 1) == "1 Wort"
    assert words.trn("{count} word", "{count} words", 5) == "5 Wörter"
    assert words.tr("Not translated.") == "Not translated."


def test_an_unknown_language_falls_back_on_english(monkeypatch):
    monkeypatch.setenv(words.LANGUAGE, "tlh")
    assert words.tr("Search") == "Search"
    assert words.script_words() == {}


def test_scripts_get_what_is_translated_and_no_more(translated):
    translated({"Check": "Prüfen", "(right)": "(richtig)", "Menu of the course": "Kursmenü"})
    assert words.script_words("quiz.js") == {"Check": "Prüfen", "(right)": "(richtig)"}
    assert words.script_words()["Menu of the course"] == "Kursmenü"
    html = quiz.quiz_html([], "quiz_x", "x")
    assert json.loads(re.search(r"const WORDS = (.*);\n", html)[1]) == words.script_words("quiz.js")


# --- the catalogue --------------------------------------------------------------------------


def test_the_catalogue_is_current():
    """Otherwise `make words` has been forgotten."""
    template, scripts = catalogue.collect()
    folder = ROOT / "attention_course" / "locales"
    assert (folder / "attention_course.pot").read_text(encoding="utf-8") == template
    assert (folder / "scripts.json").read_text(encoding="utf-8") == scripts


def test_translations_follow_the_course(tmp_path):
    """What is known stays, what has changed is left in English, what is gone is kept aside."""
    place = tmp_path / "de" / "LC_MESSAGES"
    place.mkdir(parents=True)
    old = Catalog(locale="de")
    old.add("Search", "Suche")
    old.add("Menu of a course", "Kursmenü")
    with (place / "attention_course.po").open("wb") as file:
        pofile.write_po(file, old)
    catalogue.write(locales=tmp_path)
    with (place / "attention_course.mo").open("rb") as file:
        compiled = mofile.read_mo(file)
    assert compiled["Search"].string == "Suche"
    assert compiled.get("Menu of the course") is None
    before = (place / "attention_course.po").read_text(encoding="utf-8")
    assert '#, fuzzy\nmsgid "Menu of the course"' in before
    catalogue.write(locales=tmp_path)
    assert (place / "attention_course.po").read_text(encoding="utf-8") == before


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_every_marked_sentence_of_a_script_is_found(path):
    """Babel loses a call inside a template whose values hold braces of their own."""
    text = re.sub(r"(?m)^ *//.*", "", path.read_text(encoding="utf-8"))
    marked = {
        ast.literal_eval(found) for found in re.findall(r'\btrn?\(\s*("(?:[^"\\]|\\.)*")', text)
    }
    found = json.loads(catalogue.collect()[1]).get(path.name, [])
    first = [message if isinstance(message, str) else message[0] for message in found]
    assert [text for text in marked if not any(one.startswith(text) for one in first)] == []


def test_every_text_of_a_table_is_found(tmp_path):
    path = tmp_path / "texts.toml"
    path.write_text('a = "one"\n[b.c]\nd = ["two", "three"]\n["0.e".f]\ng = "four {n}"\n')
    with path.open("rb") as file:
        found = {text for _, _, text, _ in catalogue.texts(file)}
    assert found == {"one", "two", "three", "four {n}"}


def test_placeholders_are_names():
    """A translator orders names, and cannot order places without one."""
    template = pofile.read_po(io.StringIO(catalogue.collect()[0]))
    found = [str(message.id) for message in template]
    assert len(found) > 100
    places = {place for text in found for place in re.findall(r"\{([^{}]*)\}", text)}
    assert [
        place for place in places if not re.fullmatch(r"[a-zA-Z_]\w*(![rs])?(:[^{}]+)?", place)
    ] == []


def test_what_the_configuration_says_on_pages_is_marked():
    template, _ = catalogue.collect()
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    said = [part["caption"] for part in contents["parts"]]
    said.append(yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["author"])
    assert [text for text in said if f'msgid "{text}"' not in template] == []


# --- what was left --------------------------------------------------------------------------


def unmarked(tree: ast.AST) -> list[str]:
    """Sentences that are raised or printed as they stand in the code."""
    raised = {id(node.exc) for node in ast.walk(tree) if isinstance(node, ast.Raise)}
    found = []
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not call.args:
            continue
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        sentence = call.args[0]
        # The course's errors translate what they are given, if it is a plain text.
        plain = name in catalogue.errors() and isinstance(sentence, ast.Constant)
        shown = id(call) in raised or name in {"print", "warn", *catalogue.errors()}
        if shown and not plain:
            text = " ".join(texts(sentence))
            if len(re.findall(r"[A-Za-z]{2,}", text)) > 1:
                found.append(f"{call.lineno}: {text}")
    return found


def texts(node: ast.AST) -> Iterator[str]:
    """The texts in an expression, those that are marked left out."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("tr", "trn", "mark"):
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    for child in ast.iter_child_nodes(node):
        yield from texts(child)


@pytest.mark.parametrize(
    "path", PYTHON, ids=lambda path: str(path.relative_to(ROOT / "attention_course"))
)
def test_every_sentence_that_is_raised_or_printed_is_marked(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert unmarked(tree) == []


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ('raise ValueError("No such file.")', 1),
        ('error = DataError(f"No file {name}.")', 1),
        ('raise common.BenchmarkError("No " + "such file")', 1),
        ('raise common.BenchmarkError("No file {name}.", name=name)', 0),
        ('raise DataError(f"No file {name}.") from error', 1),
        ('raise DataError("No " + "such file")', 1),
        ('print(f"{n} files changed", flush=True)', 1),
        ('raise DataError(tr("No such file."))', 0),
        ('print(trn("{count} file changed", "{count} files changed", n))', 0),
        ("raise DataError(tr('File {name} is', name=name)) from None", 0),
        ('print(path); raise KeyError("name")', 0),
    ],
)
def test_the_search_for_unmarked_sentences_can_fail(code, count):
    assert len(unmarked(ast.parse(code))) == count


# --- the pseudo-language --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words_left"),
    [
        ("Ŝéåŕçĥ `code` 3.5 x", []),
        ("Search", ["Search"]),
        ("Ŝéåŕçĥ file", ["file"]),
        ("https://github.com/a GitHub data/reviews.csv", []),
        ("<b>", []),
    ],
)
def test_plain_english_is_seen(text, words_left):
    assert pseudo.english(text) == words_left


def test_plain_english_is_seen_in_all_that_a_reader_meets():
    html = '<p title="One two">Ŝ<b>three four</b><img alt="five six"><code>seven eight</code></p>'
    assert len(pseudo.left_out(html)) == 3
    assert pseudo.left_out("<svg><title>One two</title></svg>")
    assert not pseudo.left_out("<p><script>one two</script></p>")


def test_the_pseudo_language_keeps_what_is_no_word(in_pseudo):
    assert words.tr("{key} never closes <{tag}>", key="x", tag="b").endswith("<b>")
    assert pseudo.pseudo("a %(name)s b %s &amp; `x y` <b>c</b> ${z}") == (
        "å %(name)s ƀ %s &amp; `x y` <b>ç</b> ${z}"
    )
