"""The built book: every page, the glossary, and the extension that keeps pages fresh.

The book is built once from the stored outputs, with warnings as errors. No chapter is executed for
that, so it is quick; that every chapter runs is tested by nbval.
"""

import functools
import json
import re
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup

from attention_course.book import address, normal

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = address.present(ROOT)
STEMS = [path.stem for path in sorted((ROOT / "chapters").glob("[0-9][0-9]_*.ipynb"))]
APPENDIX = ["optional/ngrams", "benchmarks", "glossary", "bibliography"]
PAGES = ["index", *(f"chapters/{stem}" for stem in STEMS), *APPENDIX]
FILE_NAME = re.compile(r"[\w/-]+\.(png|svg|jpe?g|gif|webp|pdf|ipynb|html?)", re.IGNORECASE)


# --- one page ------------------------------------------------------------------------------


@functools.cache
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
            elif not fragment or target.suffix != ".html":
                continue
            elif unquote(fragment) not in anchors(target):
                found.append(f"link leads to {address!r}, but that page has no such place")
    return found


@functools.cache
def anchors(path: Path) -> set[str]:
    return {tag["id"] for tag in parse(path).find_all(id=True)}


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


def test_an_optional_page_is_linked_from_its_chapter_and_shows_what_its_code_gives(site):
    chapter = parse(site / "chapters" / "05_keras_attention.html")
    assert chapter.select('main a[href$="optional/ngrams.html"]')
    page = parse(site / "optional" / "ngrams.html")
    assert page.select("main svg[role=img]")
    assert page.select("main .ac-tokens")
    assert len(page.select("main table")) >= 4


@pytest.mark.parametrize("stem", STEMS)
def test_the_quiz_stands_in_its_page(stem, site):
    html = (site / "chapters" / f"{stem}.html").read_text(encoding="utf-8")
    assert html.count(f'<div id="quiz_{stem}"') == 1
    shown = html.replace("\\u003c", "<")  # so written in a script, where "</" has a meaning
    for question in json.loads((ROOT / "quizzes" / f"{stem}.json").read_text(encoding="utf-8")):
        for answer in question["answers"]:
            assert json.dumps(answer["feedback"]) in shown, question["id"]


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
        chapter = re.search(r"\.\s\((\d+)\)$", text)
        assert chapter, f"{term} names no chapter"
        assert 1 <= int(chapter[1]) <= len(STEMS), f"{term} names a chapter that is not there"


def test_links_within_the_glossary_lead_to_entries(entries):
    anchors = {anchor(term) for term in entries}
    linked = {name for text in entries.values() for name in re.findall(r"\]\(#([^)]+)\)", text)}
    assert linked
    assert linked <= anchors


@pytest.mark.parametrize("stem", STEMS)
def test_a_chapter_links_terms_and_every_term_is_in_the_glossary(stem, entries):
    notebook = normal.read(ROOT / "chapters" / f"{stem}.ipynb")
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
    notebook = normal.read(ROOT / "chapters" / f"{stem}.ipynb")
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


# --- light pages ---------------------------------------------------------------------------


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
