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

from docutils import nodes

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


def readable(body: str) -> str:
    """Return a page's HTML as screen readers need it."""
    # The empty corner of a table, also of one by pandas, is a heading of nothing.
    body = re.sub(r"<th(\b[^>]*)>(<p></p>)?</th>", r"<td\1>\2</td>", body)
    # An entry of the bibliography has a role that is not allowed on it.
    body = body.replace('role="doc-biblioentry"', 'role="listitem"')
    # A link from there is named by a number only.
    title = escape(tr("Back to where it is cited"))
    return body.replace('<a role="doc-backlink"', f'<a role="doc-backlink" title="{title}"')


def used_by(document: nodes.document | None) -> set[str]:
    """Kinds of nodes and classes in a page; of sphinx-design's classes, also their beginning."""
    used = set()
    for node in document.findall(nodes.Element) if document else ():
        used |= {node.tagname, *node["classes"]}
    return used | {"sd" for name in used if name.startswith("sd-")}


def needs(asset: str, used: set[str]) -> bool:
    """Whether a page needs an asset, given by its name or its script text."""
    return all(used & marks for pattern, marks in ASSETS.items() if re.search(pattern, asset))


def _improve_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    if "body" in context:
        context["body"] = readable(context["body"])
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
    app.connect("env-get-outdated", freshness.execute_stale)
    app.connect("build-finished", freshness.forget_after_warnings)
    # After every extension has added its scripts and style sheets.
    app.connect("html-page-context", _improve_page, priority=900)
    app.connect("build-finished", _lighten_theme)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
