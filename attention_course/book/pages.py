"""Sphinx extension of the book: its language, reading time, definitions, what the scripts need.

The pages speak the language of ``attention_course.words``: Sphinx and the themes by catalogues of
their own, where they have any, the rest by the course's. While a page is written, this extension
adds to it

- under the title of a chapter, how long reading takes;
- at the end of the text, hidden, the definition of each glossary term that the page links to;
- in the head, the list of chapters with the questions of their quizzes, as JSON, and the sentences
  of the scripts in another language than English.

``theme/reading.js`` shows the definitions beside their links and remembers the reader's progress.
A page without JavaScript keeps the reading time and plain links.
"""

from __future__ import annotations

import gettext
import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sphinx
from docutils import nodes
from sphinx import addnodes, locale
from sphinx.util import logging

from attention_course import words
from attention_course.words import mark, tr, trn

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config
    from sphinx.environment import BuildEnvironment
    from sphinx.util.docutils import SphinxTranslator

GLOSSARY = "glossary"

#: Words a minute. Most adults read English non-fiction at 175 to 300 words a minute, 238 on
#: average (Brysbaert 2019, "How many words do we read per minute?", Journal of Memory and
#: Language 109, 104047). The lower end is taken: this text is studied, not skimmed, and many of
#: its readers have another first language.
WORDS_PER_MINUTE = 175
#: Lines of code or displayed formulas a minute. We know of no study of this; it is an assumption,
#: five seconds a line, which is the time for 15 words.
LINES_PER_MINUTE = 12
#: Sections to work through or to look things up in. The time for them is in the chapter's head.
NOT_READ = ("quiz", "exercises", "references")

#: In theme/; they take their sentences from ``words.js``.
SCRIPTS = ("accessibility.js", "reading.js", "sphinx_highlight.js")

#: A browser may refuse its storage (private mode, blocked cookies). Reading `localStorage` then
#: throws, and the theme reads it in its first script, unguarded. This one comes before and puts
#: a plain object in its place, which forgets everything when the page is left.
STORAGE_GUARD = (
    '<script>for(const name of["localStorage","sessionStorage"])'
    "try{window[name].length}catch{const kept=new Map();"
    "Object.defineProperty(window,name,{configurable:true,value:{"
    "getItem:(key)=>kept.get(key)??null,"
    "setItem:(key,value)=>kept.set(key,String(value)),"
    "removeItem:(key)=>kept.delete(key)}})}</script>"
)

#: Words of the configuration, of Sphinx and of the themes, for which they have no catalogue.
NOT_OURS = (
    *(mark("the authors of the course"), mark("The course"), mark("To look things up")),
    *(mark("Show the source"), mark("Hide the source"), mark("Show the output")),
    *(mark("Hide the output"), mark("Show the content"), mark("Hide the content")),
    *(mark("Source repositories"), mark("Suggest edit"), mark("Launch on")),
    *(mark("Launch interactive content"), mark("Link to this heading")),
)

logger = logging.getLogger(__name__)


# --- reading time --------------------------------------------------------------------------


def reading_minutes(document: nodes.Node) -> int:
    """Minutes to read a page's prose and code, rounded up; 0 for a page without either.

    Outputs of cells, and the sections in ``NOT_READ``, are left out. A displayed formula counts
    as one line of code, a formula within a sentence as one word.
    """
    words = lines = 0
    for node in _read_nodes(document):
        if isinstance(node, nodes.literal_block):
            lines += sum(bool(line.strip()) for line in node.astext().splitlines())
        elif isinstance(node, nodes.math_block):
            lines += 1
        elif isinstance(node, nodes.math):
            words += 1
        else:
            words += len(re.findall(r"\w[\w'’.-]*", node.astext()))
    return math.ceil(words / WORDS_PER_MINUTE + lines / LINES_PER_MINUTE)


def _read_nodes(node: nodes.Node) -> Iterator[nodes.Node]:
    """Yield code, formulas and texts, without what a reader does not read."""
    if isinstance(node, nodes.literal_block | nodes.math_block | nodes.math | nodes.Text):
        yield node
        return
    skipped = isinstance(node, nodes.Invisible | nodes.raw) or (
        isinstance(node, nodes.Element)
        and ("cell_output" in node["classes"] or set(NOT_READ) & set(node["ids"]))
    )
    if not skipped:
        for child in node.children:
            yield from _read_nodes(child)


def reading_line(document: nodes.Node) -> str:
    """The sentence under a chapter's title; empty for a page without words.

    The chapter's own line **Time** includes the exercises, so this one says what it leaves out.
    """
    minutes = reading_minutes(document)
    if not minutes:
        return ""
    if minutes > 10:
        minutes = 5 * math.ceil(minutes / 5)  # an estimate is not better than that
    ids = {id_ for section in document.findall(nodes.section) for id_ in section["ids"]}
    if {"quiz", "exercises"} & ids:
        return trn(
            "Reading time: about {count} minute, without the quiz and the exercises.",
            "Reading time: about {count} minutes, without the quiz and the exercises.",
            minutes,
        )
    return trn(
        "Reading time: about {count} minute.", "Reading time: about {count} minutes.", minutes
    )


# --- glossary ------------------------------------------------------------------------------


def definitions(glossary: nodes.Node) -> dict[str, tuple[str, nodes.paragraph]]:
    """The entries of the glossary: id -> (term, first paragraph).

    An entry is a section without sections of its own. The number of the chapter in brackets at
    the end is left out. So are links, because a tooltip must not hold anything to click on.
    """
    entries = {}
    for section in glossary.findall(nodes.section):
        paragraph = next((n for n in section.children if isinstance(n, nodes.paragraph)), None)
        nested = any(isinstance(child, nodes.section) for child in section.children)
        if paragraph is None or nested:
            continue
        definition = paragraph.deepcopy()
        for link in list(definition.findall(nodes.reference)):
            link.parent.replace(link, link.children)
        last = definition.children[-1]
        if isinstance(last, nodes.Text):
            definition.replace(last, nodes.Text(re.sub(r"\s*\(\d+\)\s*$", "", last.astext())))
        term = section.next_node(nodes.title).astext()
        entries.update(dict.fromkeys(section["ids"], (term, definition)))
    return entries


def linked_terms(document: nodes.Node, glossary_uri: str) -> list[str]:
    """Ids of the glossary entries a page links to, each once, in the order of the text.

    Args:
        document: the page, its references resolved.
        glossary_uri: the glossary's address as seen from the page; empty on the glossary itself.
    """
    found = []
    for link in document.findall(nodes.reference):
        uri, _, anchor = link.get("refuri", "").partition("#")
        if "anchorname" in link:  # a line of a table of contents
            continue
        if not glossary_uri:
            anchor = link.get("refid") or ("" if uri else anchor)
        elif uri != glossary_uri:
            continue
        if anchor:
            found.append(anchor)
    return list(dict.fromkeys(found))


def _definitions_of(app: Sphinx, page: str, document: nodes.Node) -> str:
    """The hidden block at the end of a page: a tooltip for each term that the page links to."""
    if GLOSSARY not in app.env.found_docs:
        return ""
    entries = definitions(app.env.get_doctree(GLOSSARY))
    glossary_uri = "" if page == GLOSSARY else app.builder.get_relative_uri(page, GLOSSARY)
    tips = []
    for id_ in linked_terms(document, glossary_uri):
        if id_ in entries:
            term, paragraph = entries[id_]
            html = app.builder.render_partial(paragraph)["fragment"].strip()
            html = re.sub(r"^<p>|</p>$", "", html)
            tips.append(
                f'<div class="reading-tip" role="tooltip" id="definition-{escape(id_)}" hidden>'
                f"<strong>{escape(term)}.</strong> {html}</div>"
            )
        elif page != GLOSSARY:
            logger.warning(
                "%s links to %s#%s, which is no entry with a definition. "
                "Add one to the glossary or link to another.",
                page,
                GLOSSARY,
                id_,
                type="attention_course",
                subtype="glossary",
            )
    return '\n<div class="reading-tips">\n{}\n</div>\n'.format("\n".join(tips)) if tips else ""


# --- what the scripts need -----------------------------------------------------------------


def _questions(app: Sphinx) -> dict[str, list[str]]:
    """Map each chapter to the ids of the questions in the quiz of its name, if it has one."""
    found = {}
    for page in sorted(app.env.found_docs):
        if app.env.doc2path(page).endswith(".ipynb"):
            path = Path(app.srcdir, "quizzes", f"{Path(page).name}.json")
            questions = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
            found[page] = [question["id"] for question in questions]
    return found


def data_html(data: Mapping[str, Any]) -> str:
    """Data and words for scripts, as elements that cannot end early whatever they hold."""
    return (
        f'<script type="application/json" id="attention-course-pages">{_json(data)}</script>'
        f"<script>const WORDS={_json(words.script_words(*SCRIPTS))};</script>"
    )


def _json(data: Mapping[str, Any]) -> str:
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


# --- language ------------------------------------------------------------------------------


def set_language(app: Sphinx) -> None:
    """Let Sphinx speak the language of this edition.

    Sphinx by itself takes it from the configuration alone, and looks for its own catalogue before
    extensions. The course's folder comes first, where a translation may better theirs, with a
    ``sphinx.mo`` and a ``booktheme.mo``.
    """
    app.config.language = "en_GB" if words.language() == "en" else words.language()
    own = words.folder()
    app.config.locale_dirs = [*app.config.locale_dirs, own]
    shipped = str(Path(sphinx.__file__).parent / "locale")
    app.translator, _ = locale.init([own, shipped], app.config.language)
    locale.init([own], app.config.language, "booktheme")


def _complete(app: Sphinx, config: Config) -> None:
    """Add what must follow the other extensions."""
    from myst_nb.sphinx_ import HideCodeCellNode, depart_HideCellInput

    # Where Sphinx and the themes have no translation, the course's catalogue helps out.
    for domain in ("sphinx", "booktheme"):
        translator, _ = locale.init([], config.language, domain)
        translator.add_fallback(words.catalogue())
    config.html_static_path.append(str(Path(words.__file__).with_suffix(".js")))
    app.add_node(HideCodeCellNode, override=True, html=(_visit_hidden_cell, depart_HideCellInput))


def _translate_captions(app: Sphinx, document: nodes.document) -> None:
    for contents in document.findall(addnodes.toctree):
        contents["caption"] = contents.get("caption") and tr(contents["caption"])


def _leave_out_remedies(app: Sphinx, document: nodes.document) -> None:
    """Leave out what outputs say in a notebook without trust: a search would find it everywhere."""
    for raw in document.findall(nodes.raw):
        raw[:] = [nodes.Text(re.sub(r'<span class="ac-remedy">.*?</span>', "", raw.astext()))]


def _visit_hidden_cell(self: SphinxTranslator, node: nodes.Element) -> None:
    """Write the line that opens a hidden cell.

    MyST-NB writes the same with a label, always the same, in place of the words that are seen.
    """
    self.body.append(f'<details class="admonition hide {" ".join(node["classes"])}">\n<summary>\n')
    for name, prompt in (("collapsed", "prompt_show"), ("expanded", "prompt_hide")):
        text = escape(tr(node[prompt]))
        self.body.append(f'<p class="{name} admonition-title">{text}</p>\n')
    self.body.append("</summary>\n")


# --- Sphinx --------------------------------------------------------------------------------


def _changed(app: Sphinx, env: BuildEnvironment) -> Iterable[str]:
    """Write every page again when glossary, questions, sentences or this file have changed."""
    digest = hashlib.sha256(Path(__file__).read_bytes() + json.dumps(_questions(app)).encode())
    if catalogue := gettext.find(words.DOMAIN, words.folder(), [words.language()]):
        digest.update(Path(catalogue).read_bytes())
    if GLOSSARY in env.found_docs:
        digest.update(env.get_doctree(GLOSSARY).pformat().encode())
    before = getattr(env, "attention_course_pages", None)
    env.attention_course_pages = digest.hexdigest()
    return [] if before == digest.hexdigest() else sorted(env.found_docs)


def _add_to_page(
    app: Sphinx, page: str, template: str, context: dict[str, Any], document: nodes.Node | None
) -> None:
    """Add reading time, definitions and data to the page about to be written."""
    questions = _questions(app)
    data = {
        "page": Path(page).name if page in questions else None,
        "front": page == app.config.root_doc,
        "chapters": {
            Path(name).name: {"uri": app.builder.get_target_uri(name), "questions": ids}
            for name, ids in questions.items()
        },
    }
    context["metatags"] = STORAGE_GUARD + data_html(data) + (context.get("metatags") or "")
    if document is None:
        return
    if page in questions and (line := reading_line(document)):
        line = f'<p class="reading-time">{line}</p>'
        context["body"] = context["body"].replace("</h1>", f"</h1>\n{line}", 1)
    context["body"] += _definitions_of(app, page, document)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the extension to Sphinx; it comes before the themes, which ask for the language."""
    set_language(app)
    app.connect("config-inited", _complete)
    app.connect("env-updated", _changed)
    app.connect("doctree-read", _translate_captions, priority=900)  # when all of them are there
    app.connect("doctree-read", _leave_out_remedies)
    # Before the themes, which try their templates.
    app.connect("html-page-context", lambda *args: args[3].update(tr=tr), priority=100)
    # After the others, which write into the same parts of a page.
    app.connect("html-page-context", _add_to_page, priority=600)
    app.add_css_file("reading.css")
    app.add_js_file("words.js", priority=100, loading_method="defer")
    app.add_js_file("reading.js", loading_method="defer")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
