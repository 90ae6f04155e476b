"""The built book: every page, the glossary, and the extension that keeps pages fresh.

The book is built once from the stored outputs, with warnings as errors. No chapter is executed for
that, so it is quick; that every chapter runs is tested by nbval.
"""

import json
import re
import shutil
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from building import build
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from attention_course.book import address, notebooks
from attention_course.book import extension as book

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = address.present(ROOT)
STEMS = [path.stem for path in sorted((ROOT / "chapters").glob("[0-9][0-9]_*.ipynb"))]
APPENDIX = ["benchmarks", "glossary", "bibliography"]
PAGES = ["index", *(f"chapters/{stem}" for stem in STEMS), *APPENDIX]
FILE_NAME = re.compile(r"[\w/-]+\.(png|svg|jpe?g|gif|webp|pdf|ipynb|html?)", re.IGNORECASE)


# --- one page ------------------------------------------------------------------------------


def parse(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def page_problems(path: Path, site: Path) -> list[str]:
    """Everything wrong with one built page, one sentence each."""
    page = parse(path)
    main = page.find("main") or page
    found = []
    titles = main.find_all("h1")
    if len(titles) != 1:
        found.append(f"it has {len(titles)} headings of first level")
    if not (page.html and page.html.get("lang", "").startswith("en")):
        found.append("its language is not given")
    found += picture_problems(page)
    found += link_problems(page, path, site)
    ids = [tag["id"] for tag in page.find_all(id=True)]
    found += [f"id {name!r} occurs twice" for name in sorted({i for i in ids if ids.count(i) > 1})]
    return found


def picture_problems(page: BeautifulSoup) -> list[str]:
    """Pictures without words, or with a file name for words."""
    found = []
    for image in page.find_all("img"):
        alt = image.get("alt")
        if image.find_parent(class_="dropdown-menu"):
            continue  # an icon beside its own words
        if not alt or FILE_NAME.fullmatch(alt.strip()):
            found.append(f"picture {image.get('src', '')[:60]!r} has alternative text {alt!r}")
    for drawing in page.select("main svg"):
        if drawing.get("aria-hidden") == "true" or drawing.find_parent("svg"):
            continue
        if drawing.get("role") != "img":
            found.append("a drawing is not marked as a picture (role)")
        words = drawing.get("aria-label") or " ".join(
            tag.get_text() if (tag := drawing.find(id=name)) else ""
            for name in drawing.get("aria-labelledby", "").split()
        )
        if len(words.split()) < 4 or FILE_NAME.fullmatch(words.strip()):
            found.append(f"a drawing is described by {words!r}")
    return found


def link_problems(page: BeautifulSoup, path: Path, site: Path) -> list[str]:
    """Links that lead nowhere, and files fetched from another server."""
    found = []
    for tag, attribute in (("a", "href"), ("link", "href"), ("script", "src"), ("img", "src")):
        for element in page.find_all(tag, **{attribute: True}):
            address = element[attribute]
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                if tag != "a" and parts.scheme != "data":
                    found.append(f"{tag} is fetched from another server: {address[:80]}")
                elif tag == "a" and parts.scheme not in ("https", "mailto"):
                    found.append(f"link {address!r} is neither https nor in the book")
                continue
            plain, fragment = urldefrag(address)
            target = path
            if plain:
                target = (path.parent / unquote(urlsplit(plain).path)).resolve()
            if target.is_dir():
                target /= "index.html"
            if not target.is_file():
                found.append(f"{tag} leads to {address!r}, which does not exist")
            elif fragment and target.suffix == ".html" and not has_anchor(target, fragment):
                found.append(f"link leads to {address!r}, but that page has no such place")
    return found


_anchors: dict[Path, set[str]] = {}


def has_anchor(path: Path, name: str) -> bool:
    if path not in _anchors:
        _anchors[path] = {tag["id"] for tag in parse(path).find_all(id=True)}
    return unquote(name) in _anchors[path]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_one_title_described_pictures_and_links_that_resolve(name, site):
    assert page_problems(site / f"{name}.html", site) == []


GOOD = """<!DOCTYPE html><html lang="en-GB"><head><script src="x.js"></script></head><body><main>
<h1 id="top">Title</h1><a href="#top">up</a> <a href="other.html#there">over</a>
<img src="x.png" alt="A curve that falls"/>
<svg role="img" aria-label="Three bars, the last the highest"><path d="M0 0"/></svg>
</main></body></html>"""
BROKEN = {
    "no title": ("<h1 id", "<h2 id", "0 headings of first level"),
    "two titles": ("<img", "<h1>Second</h1><img", "2 headings of first level"),
    "no language": (' lang="en-GB"', "", "language"),
    "no alternative text": (' alt="A curve that falls"', "", "alternative text None"),
    "file name as text": ("A curve that falls", "images/x.png", "alternative text 'images/x.png'"),
    "drawing without words": (' aria-label="Three bars, the last the highest"', "", "described by"),
    "drawing not a picture": (' role="img"', "", "not marked as a picture"),
    "link to no page": ("other.html", "missing.html", "does not exist"),
    "link to no place": ("#there", "#nowhere", "no such place"),
    "insecure link": ("other.html#there", "http://example.org", "neither https"),
    "script from a server": ("x.js", "https://cdn.example.org/x.js", "another server"),
    "repeated id": ("<a href", '<p id="top"></p><a href', "'top' occurs twice"),
}


@pytest.fixture
def small_site(tmp_path):
    (tmp_path / "x.js").write_text("")
    (tmp_path / "x.png").write_text("")
    (tmp_path / "other.html").write_text('<h1 id="there">Other</h1>')
    (tmp_path / "page.html").write_text(GOOD)
    return tmp_path


def test_a_good_page_has_no_problem(small_site):
    assert page_problems(small_site / "page.html", small_site) == []


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_page_is_refused_with_the_reason(name, small_site):
    old, new, reason = BROKEN[name]
    assert old in GOOD
    page = small_site / "page.html"
    page.write_text(GOOD.replace(old, new, 1))
    found = page_problems(page, small_site)
    assert any(reason in sentence for sentence in found), found


# --- the chapters' pages -------------------------------------------------------------------


@pytest.mark.parametrize("stem", STEMS)
def test_a_chapter_offers_colab_download_and_edit(stem, site):
    page = parse(site / "chapters" / f"{stem}.html")
    links = [tag["href"] for tag in page.find_all("a", href=True)]
    name = REPOSITORY.removeprefix("https://github.com/")
    colab = "https://colab.research.google.com/github/"
    assert f"{colab}{name}/blob/main/chapters/{stem}.ipynb" in links
    assert f"{REPOSITORY}/edit/main/chapters/{stem}.ipynb" in links
    assert REPOSITORY in links
    assert any(link.startswith(f"{REPOSITORY}/issues/new") for link in links)
    download = next(link for link in links if link.endswith(f"_sources/chapters/{stem}.ipynb"))
    offered = (site / "chapters" / download).resolve()
    assert nbformat.read(offered, as_version=4).cells


@pytest.mark.parametrize("name", APPENDIX)
def test_a_page_that_is_no_notebook_file_offers_no_colab(name, site):
    """Colab opens .ipynb files only."""
    page = parse(site / f"{name}.html")
    assert not page.find_all("a", href=re.compile("colab"))
    assert f"{REPOSITORY}/edit/main/{name}.md" in [link["href"] for link in page.select("a[href]")]


def test_the_appendix_shows_what_its_code_gives(site):
    page = parse(site / "benchmarks.html")
    assert len(page.select("main .ac-plot svg")) >= 6
    assert len(page.select("main table")) >= 8


@pytest.mark.parametrize("stem", STEMS)
def test_the_quiz_stands_in_its_page(stem, site):
    html = (site / "chapters" / f"{stem}.html").read_text(encoding="utf-8")
    assert html.count(f'<div id="quiz_{stem}"') == 1
    for question in json.loads((ROOT / "quizzes" / f"{stem}.json").read_text(encoding="utf-8")):
        assert json.dumps(question["answers"][0]["feedback"])[1:-1][:40] in html or (
            question["answers"][0]["feedback"][:40] in html
        ), question["id"]


@pytest.mark.parametrize("name", PAGES)
def test_every_page_lists_all_pages_in_order(name, site):
    page = parse(site / f"{name}.html")
    here = site / f"{name}.html"
    listed = [
        (here.parent / urldefrag(link["href"])[0]).resolve() if link["href"] != "#" else here
        for link in page.select("nav.bd-links a.reference.internal")
    ]
    assert listed == [(site / f"{other}.html").resolve() for other in PAGES]


def test_mathjax_brings_its_fonts_and_licence(site):
    folder = site / "_static" / "mathjax"
    assert len(list((folder / "es5/output/chtml/fonts/woff-v2").glob("*.woff"))) >= 20
    assert "Apache License" in (folder / "LICENSE").read_text(encoding="utf-8")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert size < 3_000_000


# --- glossary and bibliography -------------------------------------------------------------


def glossary_entries(text: str) -> dict[str, str]:
    """Term -> its text."""
    parts = re.split(r"^### (.+)$", re.sub(r"^## .+$", "", text, flags=re.MULTILINE), flags=re.M)
    return dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))


def anchor(heading: str) -> str:
    """The place MyST gives a heading, in GitHub's way."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def unknown_terms(text: str, anchors: set[str]) -> set[str]:
    return set(re.findall(r"glossary\.md#([^)\s]+)", text)) - anchors


@pytest.fixture(scope="module")
def entries() -> dict[str, str]:
    return glossary_entries((ROOT / "glossary.md").read_text(encoding="utf-8"))


def test_the_glossary_is_substantial_sorted_and_says_where_a_term_is_used(entries):
    assert len(entries) >= 40
    keys = [re.sub(r"[^a-z]", "", term.lower()) for term in entries]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)
    for term, text in entries.items():
        assert len(text.split()) >= 12, term
        assert re.search(r"\.\s\([1-9]\)$", text), f"{term} names no chapter"


def test_links_within_the_glossary_lead_to_entries(entries):
    anchors = {anchor(term) for term in entries}
    linked = {name for text in entries.values() for name in re.findall(r"\]\(#([^)]+)\)", text)}
    assert linked
    assert linked <= anchors


@pytest.mark.parametrize("stem", STEMS)
def test_a_chapter_links_terms_and_every_term_is_in_the_glossary(stem, entries):
    notebook = notebooks.read(ROOT / "chapters" / f"{stem}.ipynb")
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert "../glossary.md#" in text
    assert unknown_terms(text, {anchor(term) for term in entries}) == set()


def test_an_unknown_term_is_noticed():
    text = "[a](../glossary.md#query) and [b](../glossary.md#querry)"
    assert unknown_terms(text, {"query"}) == {"querry"}


def test_the_bibliography_prints_every_reference_with_a_link(site):
    keys = re.findall(r"^@\w+\{(\w+),", (ROOT / "references.bib").read_text("utf-8"), flags=re.M)
    assert len(keys) >= 20
    page = parse(site / "bibliography.html")
    printed = page.select("div.citation")
    assert len(printed) == len(keys)
    for entry in printed:
        assert entry.find("a", href=re.compile("^https://")), entry.get_text()


PAPER = re.compile(
    r"https://(?:arxiv\.org/abs/|doi\.org/|aclanthology\.org/|proceedings\.mlr\.press/)([^)\s>]+)"
)


def unlisted_papers(text: str, bibliography: str) -> set[str]:
    """Papers a chapter links that the bibliography does not know, by arXiv number or DOI."""
    numbers = {number.rstrip("/.") for number in PAPER.findall(text)}
    return {number for number in numbers if number not in bibliography}


@pytest.mark.parametrize("stem", STEMS)
def test_every_paper_a_chapter_links_is_in_the_bibliography(stem):
    notebook = notebooks.read(ROOT / "chapters" / f"{stem}.ipynb")
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert PAPER.search(text)
    assert unlisted_papers(text, (ROOT / "references.bib").read_text("utf-8")) == set()


def test_an_unlisted_paper_is_noticed():
    text = "[a](https://arxiv.org/abs/1409.0473) [b](https://doi.org/10.1/x) [c](https://a.org/1)"
    assert unlisted_papers(text, "url = {https://arxiv.org/abs/1409.0473}") == {"10.1/x"}


def test_nothing_is_loaded_that_no_page_uses():
    configuration = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    assert "sphinx_thebe" not in configuration["sphinx"]["config"]["extensions"]
    assert not (ROOT / "_static").exists()


# --- light and correct pages ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("asset", "body", "needed"),
    [
        ("mathjax/es5/tex-chtml.js", '<p class="text">', False),
        ("mathjax/es5/tex-chtml.js", '<span class="math notranslate">', True),
        # The only formula of this page is written by its quiz.
        ("mathjax/es5/tex-chtml.js", '<div class="cell_output docutils container">', True),
        (" window.MathJax = {}", "<p>", False),
        ("clipboard.min.js", "<p>", False),
        ("copybutton.js", '<div class="highlight-python notranslate">', True),
        ("sphinx-design.min.css", '<div class="sd-card">', True),
        ("sphinx-design.min.css", '<div class="used-card">', False),
        ("design-tabs.js", '<div class="sd-card">', False),
        ("mystnb.11b.css", '<div class="cell docutils container">', True),
        ("mystnb.11b.css", '<div class="excellent">', False),
        ("course.css", "", True),
    ],
)
def test_a_page_loads_what_it_uses(asset, body, needed):
    assert book.needs(asset, body) is needed


def test_repairs_leave_no_wrong_role_and_no_empty_heading():
    body = (
        '<div class="citation" role="doc-biblioentry"><a role="doc-backlink" href="#a">1</a></div>'
        '<tr><th class="head text-right"><p></p></th><th></th><th class="head"><p>a</p></th></tr>'
    )
    fixed = book.repair(body)
    assert "doc-biblioentry" not in fixed
    assert 'title="Back to where it is cited" href="#a"' in fixed
    assert '<td class="head text-right"></td><td></td><th class="head"><p>a</p></th>' in fixed
    assert book.repair(fixed.replace("doc-backlink", "link")) == fixed.replace(
        "doc-backlink", "link"
    )


def test_icons_go_and_other_rules_stay():
    sheet = (
        '.fa-bars:before,.fa-navicon:before{content:"\\f0c9"}.a{b:c}'
        "@font-face{font-family:Font Awesome\\ 6 Free;src:url(a)}@font-face{font-family:Own}"
    )
    assert book.FONT_AWESOME.sub("", sheet) == ".a{b:c}@font-face{font-family:Own}"


def icons_without_a_shape(page: BeautifulSoup, sheet: str) -> set[str]:
    """Icons on a page that theme/icons.css does not draw."""
    tags = page.select("i[class*=fa-], span[class*=fa-]")
    names = {name for tag in tags for name in tag["class"] if name.startswith("fa-")}
    styles = {"fa-solid", "fa-brands", "fa-lg"}
    return {name for name in names - styles if not re.search(rf"\.{name}\b[^{{]*\{{", sheet)}


@pytest.mark.parametrize("name", [*PAGES, "search"])
def test_a_page_brings_its_own_icons_and_no_more_than_it_needs(name, site):
    page = parse(site / f"{name}.html")
    assert icons_without_a_shape(page, (ROOT / "theme" / "icons.css").read_text("utf-8")) == set()
    asked = [tag.get("src") or tag.get("href") for tag in page.select("script[src], link[href]")]
    for unwanted in ("fontawesome", "bootstrap", "thebe", "togglebutton"):
        assert not [address for address in asked if unwanted in address], unwanted
    has_formulas = bool(page.select(".math, .cell_output"))
    lines = " ".join(script.get_text() for script in page.select("script:not([src])"))
    assert lines.count("_static/mathjax/es5/tex-chtml.js") == has_formulas
    assert ("window.MathJax" in lines) is has_formulas
    assert not [address for address in asked if "mathjax" in address], "it would delay the text"
    assert any("searchtools" in address for address in asked) is (name == "search")
    for script in page.select("script[src]"):
        first = "documentation_options" in script["src"]
        assert first or script.has_attr("defer") or script.has_attr("async"), script["src"]
    assert page.select_one("#pst-skip-link a")["href"] == "#article"
    assert page.select_one("article#article")
    # The theme would log an error for an empty mode.
    assert page.body["data-default-mode"] == "auto"


def test_an_icon_without_a_shape_is_noticed():
    page = BeautifulSoup(
        '<i class="fa-solid fa-bars"></i><i class="fas fa-ghost"></i>', "html.parser"
    )
    assert icons_without_a_shape(page, ".fa-bars {\n}") == {"fa-ghost"}


def test_files_that_no_page_uses_are_not_shipped(site):
    static = site / "_static"
    assert not (static / "vendor").exists()
    assert not list(static.rglob("fontawesome*"))
    sheet = (static / "styles" / "pydata-sphinx-theme.css").read_text("utf-8")
    assert ":before{content:" in sheet
    assert ".fa-ghost:before" not in sheet


# --- freshness: the parts ------------------------------------------------------------------

FILES = {
    "attention_course/plots.py": "a",
    "benchmarks/speed.json": "g",
    "images/rnn.svg": "b",
    "images/spare.svg": "c",
    "models/lstm.json": "d",
    "quizzes/01_a.json": "e",
    "quizzes/02_b.json": "f",
}
SOURCES = {
    "01_a": 'show_quiz("01_a")\nshow_image("rnn")\nbenchmarks.load("speed")',
    # As in a notebook's JSON. The link to chapter 1 does not make its quiz a part of this one.
    "02_b": r'"show_quiz(\"02_b\") # rnns", "[chapter 1](01_a.ipynb)", "the rnn"',
}


@pytest.mark.parametrize(
    ("changed", "stale"),
    [
        ("quizzes/01_a.json", ["01_a"]),
        ("quizzes/02_b.json", ["02_b"]),
        ("benchmarks/speed.json", ["01_a"]),
        ("images/rnn.svg", ["01_a"]),
        ("images/spare.svg", ["01_a", "02_b"]),
        ("models/lstm.json", ["01_a", "02_b"]),
        ("attention_course/plots.py", ["01_a", "02_b"]),
        (None, []),
    ],
)
def test_a_changed_file_makes_the_right_chapters_stale(changed, stale):
    before = book.fingerprints(FILES, SOURCES)
    files = {**FILES, changed: "new"} if changed else FILES
    assert book.stale_chapters(book.fingerprints(files, SOURCES), before) == stale


def test_a_removed_or_added_file_and_a_new_chapter_count_too():
    before = book.fingerprints(FILES, SOURCES)
    fewer = {name: FILES[name] for name in FILES if name != "models/lstm.json"}
    assert book.stale_chapters(book.fingerprints(fewer, SOURCES), before) == ["01_a", "02_b"]
    more = {**SOURCES, "03_c": "new"}
    assert "03_c" in book.stale_chapters(book.fingerprints(FILES, more), before)
    assert book.stale_chapters(before, {}) == ["01_a", "02_b"]


def test_a_text_page_is_watched_when_its_head_says_that_it_holds_code():
    assert book.has_code(ROOT / "benchmarks.md")
    assert book.has_code(ROOT / "chapters" / f"{STEMS[0]}.ipynb")
    assert not book.has_code(ROOT / "glossary.md")


def test_byte_code_and_hidden_files_are_not_watched(tmp_path):
    for name in ("attention_course/a.py", "attention_course/__pycache__/a.pyc", "data/.hidden"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    assert list(book.watched_files(tmp_path)) == ["attention_course/a.py"]


def test_a_damaged_state_counts_as_none(tmp_path):
    assert book.read_state(tmp_path) == {}
    (tmp_path / book.STATE_FILE).write_text("[1")
    assert book.read_state(tmp_path) == {}
    (tmp_path / book.STATE_FILE).write_text("[1]")
    assert book.read_state(tmp_path) == {}
    book.write_state(tmp_path, {"a": "b"})
    assert book.read_state(tmp_path) == {"a": "b"}


# --- freshness: a tiny book ----------------------------------------------------------------

COUNTING = """\
import json
from pathlib import Path

log = Path("executions.log")
log.write_text((log.read_text() if log.exists() else "") + "x")
print(json.loads(Path("../quizzes/01_small.json").read_text()))"""


@pytest.fixture
def tiny(tmp_path):
    folder = tmp_path / "tiny"
    (folder / "chapters").mkdir(parents=True)
    (folder / "quizzes").mkdir()
    (folder / "quizzes" / "01_small.json").write_text('"first wording"')
    (folder / "index.md").write_text("# Tiny\n\nText.\n")
    (folder / "_toc.yml").write_text(
        "format: jb-book\nroot: index\nchapters:\n  - file: chapters/01_small\n"
    )
    configuration = {
        "title": "Tiny",
        "execute": {"execute_notebooks": "cache"},
        "sphinx": {"extra_extensions": ["attention_course.book.extension"]},
    }
    (folder / "_config.yml").write_text(yaml.safe_dump(configuration))
    write_chapter(folder, COUNTING)
    yield folder
    shutil.rmtree(folder)


def write_chapter(folder: Path, code: str) -> None:
    cells = [new_markdown_cell("# Small"), new_code_cell(code, id="cell")]
    notebook = notebooks.normalise(new_notebook(cells=cells), "01_small")
    notebooks.write(notebook, folder / "chapters" / "01_small.ipynb")


def executions(folder: Path) -> int:
    return len((folder / "chapters" / "executions.log").read_text())


def shown(folder: Path) -> str:
    return (folder / "_build" / "html" / "chapters" / "01_small.html").read_text("utf-8")


def test_a_changed_quiz_is_executed_again_and_a_failure_stays_visible(tiny):
    assert build(tiny).returncode == 0
    assert executions(tiny) == 1
    assert "first wording" in shown(tiny)

    assert build(tiny).returncode == 0
    assert executions(tiny) == 1, "nothing has changed, yet the chapter was executed again"

    (tiny / "quizzes" / "01_small.json").write_text('"second wording"')
    assert build(tiny).returncode == 0
    assert executions(tiny) == 2
    assert "second wording" in shown(tiny)

    write_chapter(tiny, COUNTING + "\nundefined_name")
    for _ in range(2):
        result = build(tiny)
        assert result.returncode != 0
        assert "A cell of chapters/01_small failed: NameError" in result.stderr

    write_chapter(tiny, COUNTING)
    assert build(tiny, "-W", "--keep-going").returncode == 0
    assert "second wording" in shown(tiny)


def test_a_warning_fails_the_next_strict_build_too(tiny):
    (tiny / "index.md").write_text("# Tiny\n\n[nowhere](missing.md)\n")
    for _ in range(2):
        result = build(tiny, "-W", "--keep-going")
        assert result.returncode != 0
        assert "missing.md" in result.stderr
    assert executions(tiny) == 1
