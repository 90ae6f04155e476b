"""Reading time, definitions of terms and the data for the scripts, on small documents."""

import json
import re
import subprocess
from html import unescape
from pathlib import Path

import nbformat
import pytest
from babel.messages import Catalog, mofile
from bs4 import BeautifulSoup
from building import command
from docutils import nodes
from docutils.core import publish_doctree
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from attention_course import words
from attention_course.book import pages


def document(text: str) -> nodes.document:
    """A document from reStructuredText, which docutils reads by itself."""
    settings = {"report_level": 5, "doctitle_xform": False, "line_length_limit": 10**6}
    return publish_doctree(text, settings_overrides=settings)


# --- reading time --------------------------------------------------------------------------


def test_words_are_read_at_the_rate_of_the_slower_readers():
    assert pages.reading_minutes(document("word " * 175)) == 1
    assert pages.reading_minutes(document("word " * 176)) == 2
    assert pages.reading_minutes(document("word " * 1750)) == 10


def test_words_count_once_however_they_are_written():
    plain = pages.reading_minutes(document("It is Keras and nothing else. " * 100))
    marked = pages.reading_minutes(document("It **is** *Keras* and ``nothing`` else. " * 100))
    assert plain == marked == 4  # 600 words


def test_signs_are_not_words():
    assert pages.reading_minutes(document("– · … — = + " * 1000)) == 0


def test_code_is_read_line_by_line_without_empty_lines():
    code = "::\n\n" + "   x = 1\n\n" * 24
    assert pages.reading_minutes(document(code)) == 2


def test_a_displayed_formula_counts_as_a_line_of_code_and_an_inline_one_as_a_word():
    assert pages.reading_minutes(document(".. math:: x = 1\n\n" * 24)) == 2
    assert pages.reading_minutes(document(":math:`a + b + c + d` " * 175)) == 1


@pytest.mark.parametrize("name", ["Quiz", "Exercises", "References"])
def test_what_is_worked_through_is_not_reading(name):
    text = f"Title\n=====\n\n{'word ' * 349}\n\n{name}\n{'-' * len(name)}\n\n{'word ' * 3500}\n"
    assert pages.reading_minutes(document(text)) == 2


def test_outputs_and_comments_are_not_read():
    tree = document(f"{'word ' * 175}\n\n.. {'word ' * 999}\n")
    assert pages.reading_minutes(tree) == 1
    number = nodes.literal_block(text="number\n" * 999)
    tree += nodes.container("", number, classes=["cell_output"])
    assert pages.reading_minutes(tree) == 1
    tree += number.deepcopy()
    assert pages.reading_minutes(tree) > 1


def test_a_page_without_words_has_no_reading_time():
    assert pages.reading_minutes(document("")) == 0
    assert pages.reading_line(document("")) == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [(100, "about 1 minute."), (1750, "about 10 minutes."), (1751, "about 15 minutes.")],
)
def test_the_line_is_no_more_exact_than_the_estimate(words, said):
    assert pages.reading_line(document("word " * words)) == f"Reading time: {said}"


def test_the_line_says_what_it_leaves_out():
    both = document("Quiz\n----\n\nword\n\nExercises\n---------\n\nword\n\nText\n----\n\nword")
    assert pages.reading_line(both).endswith("minute, without the quiz and the exercises.")


# --- glossary ------------------------------------------------------------------------------

GLOSSARY_RST = """\
Glossary
========

What stands here.

M
-

Mask
~~~~

A table, see `score`_. It is True or False. (4)

A second paragraph.

Nothing
~~~~~~~

Score
~~~~~

Of (2) numbers. (12)
"""


def test_entries_are_the_lowest_sections_with_a_text():
    entries = pages.definitions(document(GLOSSARY_RST))
    assert set(entries) == {"mask", "score"}  # not the letter, not the empty entry
    assert entries["mask"][0] == "Mask"


def test_a_definition_has_no_links_and_no_number_of_a_chapter():
    entries = pages.definitions(document(GLOSSARY_RST))
    assert entries["mask"][1].astext() == "A table, see score. It is True or False."
    assert not list(entries["mask"][1].findall(nodes.reference))
    assert entries["score"][1].astext() == "Of (2) numbers."


def test_the_glossary_itself_is_left_as_it_is():
    glossary = document(GLOSSARY_RST)
    before = glossary.pformat()
    pages.definitions(glossary)
    assert glossary.pformat() == before


def test_terms_are_listed_once_and_only_those_of_the_glossary():
    links = ["../glossary.html#score", "../glossary.html", "other.html#key"]
    links.append("../glossary.html#mask")
    tree = nodes.paragraph("", "", *[nodes.reference(refuri=uri) for uri in [*links, links[0]]])
    assert pages.linked_terms(tree, "../glossary.html") == ["score", "mask"]
    assert pages.linked_terms(tree, "glossary.html") == []


def test_terms_within_the_glossary_are_links_within_the_page():
    links = [nodes.reference(refid="mask"), nodes.reference(refuri="#score")]
    links.append(nodes.reference(refuri="other.html#key"))
    assert pages.linked_terms(nodes.paragraph("", "", *links), "") == ["mask", "score"]


# --- data ----------------------------------------------------------------------------------


def test_data_cannot_end_their_element():
    html = pages.data_html({"x": "</script><script>alert(1)</script><!--"})
    assert html.count("<") == 4
    assert json.loads(re.search(r">({.*?)<", html)[1])["x"].startswith("</script>")


# --- a small book --------------------------------------------------------------------------

CONF = """\
extensions = ["myst_nb", "attention_course.book.pages"]
nb_execution_mode = "off"
myst_heading_anchors = 4
html_static_path = ["theme"]
html_theme = "basic"
mathjax_path = "mathjax.js"
myst_enable_extensions = ["dollarmath"]
exclude_patterns = ["_*", "jupyter_execute", "theme"]
"""
INDEX = "# Book\n\nThe [mask](glossary.md#mask).\n\n```{toctree}\nchapters/01_one\nglossary\n```\n"
GLOSSARY = """\
# Glossary

## M

### Mask

A table of True and False, see [score](#score). (4)

### Weight &lt;b>

v<sup>T</sup> h ≥ 0, and $x_1$.

## S

### Score

A number. (3)
"""
CHAPTER = """\
# One

A [mask](../glossary.md#mask), again a [mask](../glossary.md#mask), a
[weight](../glossary.md#weight-b) and the [glossary](../glossary.md).

## Quiz

Answer.
"""


def write_book(folder: Path, chapter: str = CHAPTER, glossary: str | None = GLOSSARY) -> None:
    for name in ("chapters", "quizzes", "theme"):
        (folder / name).mkdir()
    for name in ("reading.js", "reading.css"):
        (folder / "theme" / name).write_text("", encoding="utf-8")
    (folder / "conf.py").write_text(CONF, encoding="utf-8")
    if glossary is None:
        (folder / "index.md").write_text("# Book\n\n```{toctree}\nchapters/01_one\n```\n")
    else:
        (folder / "index.md").write_text(INDEX, encoding="utf-8")
        (folder / "glossary.md").write_text(glossary, encoding="utf-8")
    write_quiz(folder, "first")
    output = new_output("stream", name="stdout", text="word " * 9999)
    cells = [new_markdown_cell(chapter), new_code_cell("print(1)", outputs=[output])]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    notebook = new_notebook(cells=cells, metadata={"language_info": {"name": "python"}})
    nbformat.write(notebook, folder / "chapters" / "01_one.ipynb")


def write_quiz(folder: Path, *ids: str) -> None:
    text = json.dumps([{"id": id_} for id_ in ids])
    (folder / "quizzes" / "01_one.json").write_text(text, encoding="utf-8")


def build(folder: Path, *options: str) -> subprocess.CompletedProcess:
    return command("sphinx.cmd.build", folder, "-q", *options, ".", "_html")


def page(folder: Path, name: str) -> BeautifulSoup:
    text = (folder / "_html" / f"{name}.html").read_text(encoding="utf-8")
    return BeautifulSoup(text, "html.parser")


def tips(folder: Path, name: str) -> dict[str, str]:
    return {
        tip["id"]: " ".join(tip.get_text().split())
        for tip in page(folder, name).select(".reading-tip")
    }


def data(folder: Path, name: str) -> dict:
    return json.loads(page(folder, name).select_one("#attention-course-pages").string)


@pytest.fixture(scope="module")
def small_book(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("small book")
    write_book(folder)
    result = build(folder, "-W")
    assert result.returncode == 0, result.stderr
    return folder


def test_a_page_holds_the_definitions_it_links_to_and_no_others(small_book):
    found = tips(small_book, "chapters/01_one")
    assert list(found) == ["definition-mask", "definition-weight-b"]
    assert found["definition-mask"] == "Mask. A table of True and False, see score."
    assert list(tips(small_book, "index")) == ["definition-mask"]
    assert list(tips(small_book, "glossary")) == ["definition-score"]


def test_definitions_are_hidden_and_hold_nothing_to_click(small_book):
    for tip in page(small_book, "chapters/01_one").select(".reading-tip"):
        assert tip.has_attr("hidden")
        assert tip["role"] == "tooltip"
        assert not tip.select("a, button, p")


def test_formulas_of_a_definition_are_rendered_as_those_of_the_text(small_book):
    weight = page(small_book, "chapters/01_one").select_one("#definition-weight-b")
    assert weight.strong.string == "Weight <b>."
    assert weight.select_one("sup").string == "T"
    assert weight.select_one("span.math").string == r"\(x_1\)"


def test_definitions_are_not_words_of_the_page_in_the_search(small_book):
    index = (small_book / "_html" / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(index[index.index("(") + 1 : index.rindex(")")])
    assert index["docnames"].index("glossary") == index["terms"]["number"]


def test_the_reading_time_stands_under_the_title_of_chapters_only(small_book):
    line = page(small_book, "chapters/01_one").select_one("h1 + p")
    assert line["class"] == ["reading-time"]
    assert line.string == "Reading time: about 1 minute, without the quiz and the exercises."
    assert not page(small_book, "index").select(".reading-time")
    assert not page(small_book, "glossary").select(".reading-time")


def test_every_page_knows_the_chapters(small_book):
    chapters = {"01_one": {"uri": "chapters/01_one.html", "questions": ["first"]}}
    assert data(small_book, "chapters/01_one") == {
        "page": "01_one",
        "front": False,
        "chapters": chapters,
    }
    assert data(small_book, "index") == {"page": None, "front": True, "chapters": chapters}
    assert data(small_book, "search")["chapters"] == chapters


def test_the_guard_of_the_storage_comes_before_every_other_script(small_book):
    script = page(small_book, "index").select("script")[0]
    assert "localStorage" in script.string
    assert unescape(str(script)) == pages.STORAGE_GUARD


def test_scripts_are_deferred(small_book):
    script = page(small_book, "index").select_one("script[src*=reading]")
    assert script.has_attr("defer")


@pytest.mark.slow
def test_pages_follow_a_change_of_the_glossary_and_of_a_quiz(tmp_path):
    write_book(tmp_path)
    build(tmp_path)
    assert data(tmp_path, "index")["chapters"]["01_one"]["questions"] == ["first"]
    glossary = GLOSSARY.replace("A table", "An array")
    (tmp_path / "glossary.md").write_text(glossary, encoding="utf-8")
    write_quiz(tmp_path, "first", "second")
    assert build(tmp_path, "-W").returncode == 0
    assert "An array" in tips(tmp_path, "chapters/01_one")["definition-mask"]
    assert data(tmp_path, "index")["chapters"]["01_one"]["questions"] == ["first", "second"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("anchor", "complaint"),
    [
        ("m", "chapters/01_one links to glossary#m, which is no entry with a definition"),
        ("nowhere", "nowhere"),
    ],
)
def test_a_link_to_no_entry_stops_the_build(tmp_path, anchor, complaint):
    write_book(tmp_path, f"# One\n\nA [word](../glossary.md#{anchor}).\n")
    result = build(tmp_path, "-W", "--keep-going")
    assert result.returncode != 0
    assert complaint in result.stderr


@pytest.mark.slow
def test_a_book_without_a_glossary_and_a_chapter_without_words(tmp_path):
    write_book(tmp_path, "# …\n", glossary=None)
    (tmp_path / "quizzes" / "01_one.json").unlink()
    result = build(tmp_path, "-W")
    assert result.returncode == 0, result.stderr
    line = page(tmp_path, "chapters/01_one").select_one(".reading-time")
    assert line.string == "Reading time: about 1 minute."  # for one line of code
    assert tips(tmp_path, "chapters/01_one") == {}
    assert data(tmp_path, "index")["chapters"]["01_one"]["questions"] == []


# --- language ------------------------------------------------------------------------------


def test_the_book_speaks_british_english(small_book):
    assert page(small_book, "index").html["lang"] == "en-GB"
    scripts = page(small_book, "search").select("script")
    assert any("const WORDS={};" in str(script) for script in scripts)


def test_sphinx_and_the_course_speak_the_language_of_the_edition(tmp_path, monkeypatch):
    """Each by its own catalogue, and the course's helps out where Sphinx has no translation."""
    place = tmp_path / "locales" / "de" / "LC_MESSAGES"
    place.mkdir(parents=True)
    catalog = Catalog(locale="de")
    catalog.add("Solved before", "Schon gelöst")
    catalog.add("Link to this heading", "Zu diesem Abschnitt")
    one = "Reading time: about {count} minute, without the quiz and the exercises."
    catalog.add((one, one.replace("minute", "minutes")), ("Lesezeit: {count} Minute", "…"))
    with (place / "attention_course.mo").open("wb") as file:
        mofile.write_mo(file, catalog)
    monkeypatch.setenv(words.LOCALES, str(tmp_path / "locales"))
    monkeypatch.setenv(words.LANGUAGE, "de")
    folder = tmp_path / "book"
    folder.mkdir()
    write_book(folder)
    assert build(folder, "-W").returncode == 0
    chapter = page(folder, "chapters/01_one")
    assert chapter.html["lang"] == "de"
    assert chapter.select_one(".reading-time").string == "Lesezeit: 1 Minute"
    assert chapter.select_one("a.headerlink")["title"] == "Zu diesem Abschnitt"
    assert "Schon gel" in str(chapter.select("script"))
    assert "Suche" in page(folder, "search").get_text()  # Sphinx' own
    translations = (folder / "_html" / "_static" / "translations.js").read_text(encoding="utf-8")
    assert "Suchergebnisse" in translations
