"""A language for tests: English with an accent on every letter, so that what was left shows.

``write_catalogues`` translates the course, Sphinx and its themes into it. What a reader meets and
what is nevertheless plain English (``english``) was not marked, or not asked for in the reader's
language. Names, code and addresses are plain in every language.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import re
import subprocess
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import building
import nbformat
import pydata_sphinx_theme
import samples
import sphinx
import sphinx_book_theme
import yaml
from babel.messages import Catalog, mofile, pofile
from bs4 import BeautifulSoup, NavigableString
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from attention_course import environment, words
from attention_course.book import catalogue
from attention_course.display import quiz

ROOT = Path(__file__).resolve().parents[1]

#: Unicode reserves it for this purpose; Sphinx and docutils take it for a kind of English.
LANGUAGE = "en_XA"

_PLAIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ACCENTED = "ÅƁÇÐÉƑĜĤÎĴĶĻṀÑÖÞɊŔŠŢÛṼŴẊÝŽåƀçðéƒĝĥîĵķļɱñöþɋŕšţûṽŵẋýž"
#: What keeps its letters: places for values, HTML, code, references.
_KEPT = r"\{[^{}]*\}|\$\{[^}]*\}|%\(\w+\)\w|%\w|<[^<>]*>|&#?\w+;|`[^`]*`|https?://\S+"
#: Plain in every language.
NAMES = {"CC", "BY", "MIT", "Colab", "GitHub", "JavaScript", "MathJax", "Sphinx", "Ctrl", "HTML"}
NAMES |= {"Unicode", "TeX", "JSON", "UTF", "Keras", "NumPy", "TensorFlow", "IMDB", "PDF", "ipynb"}
NAMES |= {"tanh", "exp", "softmax"}
#: What stands in them is code, or read by no reader.
_UNSEEN = ["script", "style", "template", "code", "pre", "kbd", "math"]
SPOKEN = ("aria-label", "title", "alt", "placeholder", "aria-description", "data-tooltip")


def pseudo(text: str) -> str:
    """Return a sentence with an accent on each letter; its places, HTML and code as they are."""
    parts = re.split(f"({_KEPT})", text)
    table = str.maketrans(_PLAIN, _ACCENTED)
    return "".join(part if place % 2 else part.translate(table) for place, part in enumerate(parts))


def english(text: str) -> list[str]:
    """Return the plain words of a text: two or more letters without accent, and no name."""
    text = re.sub(r"`[^`]*`|https?://\S+|[\w/.-]+\.(?:json|keras|csv|txt|py|ipynb|md)\b", " ", text)
    found = re.findall(r"(?<![\w#])[A-Za-z]{2,}(?!\w)", text)
    return [word for word in found if word not in NAMES]


def words_of(html: str, allowed: str | None = None) -> Iterator[tuple[str, str]]:
    """Yield every text and every spoken attribute of some HTML, each with its place.

    Args:
        html: a page or a part of one.
        allowed: a CSS selector of elements whose texts are not the course's sentences.
    """
    page = BeautifulSoup(html, "html.parser")
    for element in page.select(allowed) if allowed else ():
        element.decompose()
    for element in page.find_all(True):
        if element.name in _UNSEEN or element.find_parent(_UNSEEN):
            continue
        place = ">".join(parent.name for parent in [*element.parents][-3::-1]) + f">{element.name}"
        own = [child for child in element.children if type(child) is NavigableString]
        yield place, " ".join(own)
        for name in SPOKEN:
            if element.get(name):
                yield f"{place}[{name}]", element[name]


def left_out(html: str, allowed: str | None = None, content: Collection[str] = ()) -> list[str]:
    """Return what is plain English in some HTML, each with its place.

    Args:
        html, allowed: as for ``words_of``.
        content: words that a reader gave, or that are read as examples.
    """
    found = []
    for place, text in words_of(html, allowed):
        if plain := [word for word in english(text) if word.lower() not in content]:
            found.append(f"{place}: {' '.join(plain)} (in {' '.join(text.split())[:80]!r})")
    return list(dict.fromkeys(found))


#: What a page of the course takes from its chapters: text, titles, captions.
_TOLD = (
    "article, head, .bd-sidenav .reference, .prev-next-title, .bd-breadcrumbs, "
    "#pst-page-toc-nav, .logo__title"
)
#: What the course adds to the text of a chapter.
_ADDED = (
    ".ac-interactive",
    *(".ac-keys", ".ac-mark", ".ac-button", ".InpLabel", ".Feedback strong", ".QuizNote"),
    *(".cell > details > summary", ".reading-time", ".reading-progress", ".reading-solved"),
)


def left_in_chapter(html: str, content: Collection[str]) -> list[str]:
    """Return what is plain English on a page of the course, but for what its author has written.

    Args:
        html: the page.
        content: the words of its code, which figures show.
    """
    found = left_out(html, _TOLD)
    article = BeautifulSoup(html, "html.parser").article
    for added in article.select(", ".join(_ADDED)):
        found += left_out(str(added), content=content)
    return list(dict.fromkeys(found))


def write_catalogues(folder: Path) -> dict[str, str]:
    """Write the catalogues into ``folder``; return the environment variables that choose them."""
    place = folder / LANGUAGE / "LC_MESSAGES"
    place.mkdir(parents=True)
    book = Path(sphinx_book_theme.__file__).parent / "theme/sphinx_book_theme/static/locales"
    sources = {
        words.DOMAIN: [pofile.read_po(io.StringIO(catalogue.collect()[0]))],
        "sphinx": [
            _read_mo(Path(sphinx.__file__).parent / "locale/en_GB/LC_MESSAGES/sphinx.mo"),
            _read_po(Path(pydata_sphinx_theme.__file__).parent / "locale/sphinx.pot"),
        ],
        "booktheme": [_read_mo(path) for path in book.glob("*/LC_MESSAGES/booktheme.mo")],
    }
    for domain, catalogs in sources.items():
        merged = Catalog()
        for catalog in catalogs:
            for message in catalog:
                if message.id:
                    merged.add(message.id, _translated(message.id))
        with (place / f"{domain}.mo").open("wb") as file:
            mofile.write_mo(file, merged)
    script = Path(sphinx.__file__).parent / "locale/en_GB/LC_MESSAGES/sphinx.js"
    text = script.read_text(encoding="utf-8")
    data = json.loads(text[text.index("(") + 1 : text.rindex(")")])
    data["messages"] = {key: pseudo(key) for key in data["messages"]}
    (place / "sphinx.js").write_text(f"Documentation.addTranslations({json.dumps(data)});")
    return {words.LOCALES: str(folder), words.LANGUAGE: LANGUAGE}


def _translated(message: str | tuple[str, str]) -> str | tuple[str, ...]:
    return pseudo(message) if isinstance(message, str) else tuple(map(pseudo, message))


def _read_mo(path: Path) -> Catalog:
    with path.open("rb") as file:
        return mofile.read_mo(file)


def _read_po(path: Path) -> Catalog:
    with path.open("rb") as file:
        return pofile.read_po(file)


# --- a small book ---------------------------------------------------------------------------

_FRONT = """\
# {title}

::::{{grid}} 1
:::{{grid-item-card}} {chapter}
:link: chapters/01_one
:link-type: doc
{text}
:::
::::
"""
_CHAPTER = """\
# {title}

{text} [{text}](../glossary.md#{anchor}) {{cite}}`one`[^note]

[^note]: {text}

:::{{note}}
{text}
:::

:::{{warning}}
{text}
:::

:::{{tip}}
:class: dropdown
{text}
:::

:::{{seealso}}
{text}
:::

$$
x = {formula}
$$

| {title} | {title} |
|---|---|
| {wide} | 1 |

(quiz)=
## {text}

(exercises)=
## {title}
"""
_BIB = """\
@article{{one, author={{{name}, {name}}}, title={{{name}}}, year={{2020}}, journal={{{name}}}}}
"""


def write_book(folder: Path) -> None:
    """Write a book with the course's settings and theme, and no plain word of its own."""
    title, text = pseudo("Title"), pseudo("Some text that is long enough for a line.")
    values = {"title": title, "text": text, "chapter": title, "anchor": pseudo("entry").lower()}
    values |= {"formula": " + ".join(f"x_{n}" for n in range(80)), "wide": text * 9}
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    config |= {"title": title, "execute": {"execute_notebooks": "off"}}
    extensions = config["sphinx"]["config"]["extensions"]
    extensions.remove("attention_course.interactive.export")  # it needs the course's models
    config["sphinx"]["config"]["html_theme_options"]["logo"] = {"text": title}
    contents = {"format": "jb-book", "root": "index", "parts": [{"caption": title}]}
    names = ["chapters/01_one", "glossary", "bibliography"]
    contents["parts"][0]["chapters"] = [{"file": name} for name in names]
    files = {
        "_config.yml": yaml.safe_dump(config),
        "_toc.yml": yaml.safe_dump(contents),
        "index.md": _FRONT.format(**values),
        "glossary.md": f"# {title}\n\n## {title}\n\n### {pseudo('Entry')}\n\n{text}\n",
        "bibliography.md": f"# {title}\n\n```{{bibliography}}\n```\n",
        "references.bib": _BIB.format(name=title),
        "quizzes/01_one.json": json.dumps(quiz_in_pseudo(samples.questions())),
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    (folder / "theme").symlink_to(ROOT / "theme")
    (folder / "chapters").mkdir()
    nbformat.write(_chapter(_CHAPTER.format(**values)), folder / "chapters" / "01_one.ipynb")


def _chapter(text: str) -> nbformat.NotebookNode:
    html = quiz.quiz_html(quiz_in_pseudo(samples.questions()), "quiz_01_one", "01_one")
    shown = new_output("display_data", data={"text/html": html, "text/plain": "Quiz"})
    printed = new_output("stream", name="stdout", text="1 " * 300)
    cells = [
        new_markdown_cell(text),
        new_code_cell("x = 1", outputs=[shown]),
        new_code_cell("x = 1", outputs=[printed], metadata={"tags": ["hide-input"]}),
        new_code_cell("x = 1", outputs=[printed], metadata={"tags": ["hide-output"]}),
        new_code_cell("x = 1", outputs=[printed], metadata={"tags": ["hide-cell"]}),
    ]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    return new_notebook(cells=cells, metadata={"language_info": {"name": "python"}})


def quiz_in_pseudo(questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return questions whose texts have an accent on each letter."""
    texts = {"question", "answer", "feedback"}
    return [
        {
            key: quiz_in_pseudo(value)
            if key == "answers"
            else pseudo(value)
            if key in texts
            else value
            for key, value in part.items()
        }
        for part in questions
    ]


def site(temporary: Path) -> Path:
    """Return the folder with the small book's pages, built once in a test run.

    Args:
        temporary: pytest's folder for this run, which the workers have in common.
    """
    folder = temporary / LANGUAGE

    def build() -> subprocess.CompletedProcess:
        write_book(folder)
        return building.build(folder, "-W", "--keep-going")

    return _once(folder, build)


def course_site(temporary: Path) -> Path:
    """Return the folder with the pages of the course, executed in the pseudo-language, once."""
    folder = temporary / f"course-{LANGUAGE}"
    options = ("--path-output", str(folder), "-W", "--keep-going")
    return _once(folder, lambda: building.build(ROOT, *options))


def _once(folder: Path, build: Callable[[], subprocess.CompletedProcess]) -> Path:
    folder.mkdir(exist_ok=True)
    pages = folder / "_build" / "html"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not pages.exists():
            settings = {**write_catalogues(folder / "locales"), "PYTHONPATH": str(ROOT)}
            with mock.patch.dict(os.environ, settings):
                # In another language a chapter is executed again on purpose.
                os.environ.pop(environment.EXECUTIONS_VARIABLE, None)
                result = build()
            assert result.returncode == 0, result.stderr[-3000:]
    return pages
