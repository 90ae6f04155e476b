"""Sphinx extension of the book: settings for execution, no stale page, light and correct pages.

A page loads only the scripts and style sheets that it uses, and some HTML that a screen reader
would stumble over is written better.
"""

from __future__ import annotations

import re
import shutil
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bs4 import BeautifulSoup
from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.writers.html5 import HTML5Translator

from attention_course.book import freshness
from attention_course.environment import settle
from attention_course.words import tr

if TYPE_CHECKING:
    from sphinx.application import Sphinx

#: Assets that extensions add to every page -> nodes and classes of a page that uses them.
#: A formula may also be in what a script writes, as in a quiz, so outputs count as formulas.
ASSETS = {
    r"clipboard|copybutton": {"literal_block"},
    r"design-tabs": {"sd-tab-set"},
    r"sphinx-design": {"sd"},
    r"mystnb": {"cell"},
    r"mathjax|MathJax": {"math", "math_block", "cell_output"},
}
#: Font Awesome in the theme's style sheet; theme/icons.css stands for it.
FONT_AWESOME = re.compile(
    r'(?:\.fa-[\w-]+:before,?)+\{content:"[^"]*"\}|@font-face\{[^}]*Awesome[^}]*\}'
)
#: Looks after the theme's buttons and dialogs.
THEME_SCRIPT = "_static/scripts/pydata-sphinx-theme.js"
#: Files of the theme that no page asks for.
UNUSED_FILES = ("scripts/bootstrap.js*", "scripts/fontawesome.js*", "vendor", "locales", "webpack*")


class Translator(HTML5Translator):
    """Writes some HTML in the way that screen readers need it."""

    def starttag(self, node: nodes.Element, tagname: str, *args: Any, **attributes: Any) -> str:
        """Give an entry of the bibliography a role that is allowed on it."""
        if attributes.get("role") == "doc-biblioentry":
            attributes["role"] = "listitem"
        return super().starttag(node, tagname, *args, **attributes)

    def visit_entry(self, node: nodes.Element) -> None:
        """Write the empty corner of a table as a cell: it is a heading of nothing."""
        super().visit_entry(node)
        if not node.astext():
            self.body[-1] = self.body[-1].replace("<th", "<td", 1)
            self.context[-1] = "</td>\n"

    def visit_label(self, node: nodes.Element) -> None:
        """Say where a link from the bibliography leads, which is named by a number only."""
        super().visit_label(node)
        self._say_where_it_leads()

    def depart_label(self, node: nodes.Element) -> None:
        """Say it of each link where a work is cited more than once."""
        super().depart_label(node)
        self._say_where_it_leads()

    def _say_where_it_leads(self) -> None:
        title = escape(tr("Back to where it is cited"))
        link = '<a role="doc-backlink"'
        self.body[-1] = self.body[-1].replace(link, f'{link} title="{title}"')


class EmptyCorners(SphinxPostTransform):
    """Pandas, too, writes the empty corner of a table as a heading."""

    default_priority = 500

    def run(self, **kwargs: Any) -> None:
        """Write such headings as cells."""
        for raw in self.document.findall(nodes.raw):
            if 'class="dataframe"' not in raw.astext():
                continue
            table = BeautifulSoup(raw.astext(), "html.parser")
            for heading in table.find_all("th"):
                heading.name = "th" if heading.get_text() else "td"
            raw.children = [nodes.Text(str(table))]


def used_by(document: nodes.document | None) -> set[str]:
    """Kinds of nodes and classes in a page; of sphinx-design's classes, also their beginning."""
    used = set()
    for node in document.findall(nodes.Element) if document else ():
        used |= {node.tagname, *node["classes"]}
    return used | {"sd" for name in used if name.startswith("sd-")}


def needs(asset: str, used: set[str]) -> bool:
    """Whether a page needs an asset, given by its name or its script text."""
    return all(used & marks for pattern, marks in ASSETS.items() if re.search(pattern, asset))


def _lighten_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    used = used_by(doctree)
    if not app.env.doc2path(pagename).endswith(".ipynb"):
        # Colab cannot open a text page, though it holds code; upstream offers it all the same.
        buttons = context.get("header_buttons", [])
        buttons[:] = [button for button in buttons if button.get("label") != "launch-buttons"]
    for kind in ("css_files", "script_files"):
        # In place: this is the builder's own list, to which other extensions may have added.
        context[kind][:] = [
            asset
            for asset in context[kind]
            if needs(f"{asset.filename or ''} {asset.attributes.get('body', '')}", used)
        ]
    # theme/templates/layout.html asks for these when the text can be read. Upstream loads both
    # before; MathJax takes longer to start than everything else together.
    formulas = [script for script in context["script_files"] if "/tex-" in str(script.filename)]
    late = [THEME_SCRIPT, *(script.filename for script in formulas)]
    context["late_scripts"] = [context["pathto"](filename, 1) for filename in late]
    context["script_files"][:] = [s for s in context["script_files"] if s not in formulas]
    for script in context["script_files"]:
        # Upstream's scripts hold up the page while they load. The options are the exception:
        # lines within the page add to them.
        waits = script.filename and "documentation_options" not in script.filename
        if waits and "async" not in script.attributes:
            script.attributes["defer"] = "defer"


def _lighten_theme(app: Sphinx, exception: Exception | None) -> None:
    """Take out of the copied theme what no page uses."""
    static = Path(app.outdir, "_static")
    sheet = static / "styles" / "pydata-sphinx-theme.css"
    if exception is not None or not sheet.exists():
        return
    sheet.write_text(FONT_AWESOME.sub("", sheet.read_text(encoding="utf-8")), encoding="utf-8")
    for pattern in UNUSED_FILES:
        for path in static.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the extension to Sphinx."""
    settle()
    # A page whose only formula is in a quiz or an output needs MathJax too.
    app.set_html_assets_policy("always")
    app.set_translator("html", Translator)
    app.add_post_transform(EmptyCorners)
    app.connect("env-get-outdated", freshness.execute_stale)
    app.connect("build-finished", freshness.forget_after_warnings)
    # After every extension has added its scripts and style sheets.
    app.connect("html-page-context", _lighten_page, priority=900)
    app.connect("build-finished", _lighten_theme)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
