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


def test_the_empty_corner_of_a_data_frame_is_no_heading():
    frame = '<table class="dataframe"><tr><th></th><th>a</th></tr></table>'
    drawing = '<svg viewBox="0 0 1 1"><th></th></svg>'
    page = page_with(nodes.raw("", frame, format="html"), nodes.raw("", drawing, format="html"))
    extension.EmptyCorners(page).run()
    assert page[0].astext() == '<table class="dataframe"><tr><td></td><th>a</th></tr></table>'
    assert page[1].astext() == drawing


def test_no_page_has_a_heading_of_nothing_or_a_role_that_is_not_allowed(site):
    tables = 0
    for path in [*site.glob("*.html"), *site.glob("chapters/*.html")]:
        page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        tables += len(page.select("table"))
        assert [cell for cell in page.select("th") if not cell.get_text(strip=True)] == []
        assert page.select("[role=doc-biblioentry]") == []
        for link in page.select("a[role=doc-backlink]"):
            assert link["title"] == "Back to where it is cited"
    assert tables > 10
    bibliography = (site / "bibliography.html").read_text(encoding="utf-8")
    assert bibliography.count('role="listitem"') >= 20
    assert "doc-backlink" in bibliography


def test_icons_go_and_other_rules_stay():
    sheet = (
        '.fa-bars:before,.fa-navicon:before{content:"\\f0c9"}.a{b:c}'
        "@font-face{font-family:Font Awesome\\ 6 Free;src:url(a)}@font-face{font-family:Own}"
    )
    assert extension.FONT_AWESOME.sub("", sheet) == ".a{b:c}@font-face{font-family:Own}"
