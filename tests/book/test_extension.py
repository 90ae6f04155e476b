"""Light and correct pages: what a page loads, and HTML that a screen reader can use."""

import pytest
from bs4 import BeautifulSoup
from docutils import nodes
from docutils.frontend import get_default_settings
from docutils.utils import new_document

from attention_course.book import extension


def page_with(*elements: nodes.Element) -> nodes.document:
    page = new_document("page", get_default_settings())
    page.extend(elements)
    return page


CODE = nodes.literal_block("x = 1", "x = 1")


@pytest.mark.parametrize(
    ("asset", "elements", "needed"),
    [
        ("mathjax/es5/tex-chtml.js", [nodes.paragraph(classes=["text"])], False),
        ("mathjax/es5/tex-chtml.js", [nodes.math("x", "x")], True),
        ("mathjax/es5/tex-chtml.js", [nodes.math_block("x", "x")], True),
        # The only formula of this page is written by its quiz.
        ("mathjax/es5/tex-chtml.js", [nodes.container(classes=["cell_output"])], True),
        (" window.MathJax = {}", [], False),
        ("clipboard.min.js", [nodes.paragraph()], False),
        ("copybutton.js", [CODE], True),
        ("sphinx-design.min.css", [nodes.container(classes=["sd-card"])], True),
        ("sphinx-design.min.css", [nodes.container(classes=["used-card"])], False),
        ("design-tabs.js", [nodes.container(classes=["sd-card"])], False),
        ("design-tabs.js", [nodes.container(classes=["sd-tab-set"])], True),
        ("mystnb.11b.css", [nodes.container(classes=["cell"])], True),
        ("mystnb.11b.css", [nodes.container(classes=["excellent"])], False),
        ("course.css", [], True),
    ],
)
def test_a_page_loads_what_it_uses(asset, elements, needed):
    used = extension.used_by(page_with(*(element.deepcopy() for element in elements)))
    assert extension.needs(asset, used) is needed


def test_a_page_without_a_source_uses_nothing():
    assert extension.used_by(None) == set()


@pytest.mark.parametrize(
    ("html", "written"),
    [
        ("<th></th><th>a</th>", "<td></td><th>a</th>"),
        ('<th class="head"><p></p></th>', '<td class="head"><p></p></td>'),
        ('<th class="head"><p>a</p></th>', '<th class="head"><p>a</p></th>'),
        ("<code>&lt;th&gt;&lt;/th&gt;</code>", "<code>&lt;th&gt;&lt;/th&gt;</code>"),
        ("<thead></thead>", "<thead></thead>"),
    ],
)
def test_the_empty_corner_of_a_table_is_no_heading(html, written):
    assert extension.readable(html) == written


def test_no_page_has_a_heading_of_nothing_or_a_role_that_is_not_allowed(site):
    tables = frames = 0
    for path in [*site.glob("*.html"), *site.glob("chapters/*.html")]:
        page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        tables += len(page.select("table"))
        frames += len(page.select("table.dataframe"))
        assert [cell for cell in page.select("th") if not cell.get_text(strip=True)] == []
        assert page.select("[role=doc-biblioentry]") == []
        for link in page.select("a[role=doc-backlink]"):
            assert link["title"] == "Back to where it is cited"
    assert tables > 10
    assert frames > 0, "pandas, too, has empty corners"
    bibliography = (site / "bibliography.html").read_text(encoding="utf-8")
    assert bibliography.count('role="listitem"') >= 20
    assert "doc-backlink" in bibliography


def test_icons_go_and_other_rules_stay():
    sheet = (
        '.fa-bars:before,.fa-navicon:before{content:"\\f0c9"}.a{b:c}'
        "@font-face{font-family:Font Awesome\\ 6 Free;src:url(a)}@font-face{font-family:Own}"
    )
    assert extension.FONT_AWESOME.sub("", sheet) == ".a{b:c}@font-face{font-family:Own}"
