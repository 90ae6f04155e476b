"""Sphinx extension of the book: fixed settings for execution, and no stale page.

The cache of executed chapters looks at a chapter's own code only. This extension also looks at
what the code reads: when a quiz, a picture, a model, a data file or a line of the package has
changed since a chapter was executed, the chapter is executed again. It also keeps a failure
visible: a chapter whose cell failed makes the build fail, also without ``-W``, and pages are
read again after a build that gave warnings, which Sphinx by itself would forget.

It also keeps the pages light and correct: a page loads only the scripts and style sheets that it
uses, and some HTML that a screen reader would stumble over is written better.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attention_course.environment import settle

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

#: Folders a chapter's code reads from.
WATCHED = ("attention_course", "benchmarks", "data", "images", "models", "quizzes")
#: In these, a file concerns the chapters that name it; in the others, it concerns all chapters.
NAMED = ("benchmarks", "images", "quizzes")
STATE_FILE = "inputs.json"
_CLEAN = "clean"


# --- what a chapter depends on -------------------------------------------------------------


def watched_files(root: Path) -> dict[str, str]:
    """Map every watched file (relative, forward slashes) to the sha256 of its content."""
    found = {}
    for folder in WATCHED:
        for path in sorted((root / folder).rglob("*")):
            parts = path.relative_to(root).parts
            hidden = any(part.startswith(".") or part == "__pycache__" for part in parts)
            if path.is_file() and not hidden and path.suffix != ".pyc":
                found["/".join(parts)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def fingerprints(files: Mapping[str, str], chapters: Mapping[str, str]) -> dict[str, str]:
    """One digest per chapter of all files that may change its outputs.

    Args:
        files: as ``watched_files`` returns them.
        chapters: document name -> source text.

    A quiz or picture concerns the chapters that name it in quotes, as code does; a link to the
    chapter of the same name does not count. If none does (its name may be put together by code),
    it concerns all of them.
    """
    concerned = {
        name: _who_names(name, chapters) if name.split("/")[0] in NAMED else set(chapters)
        for name in files
    }
    result = {}
    for chapter in chapters:
        digest = hashlib.sha256()
        for name, content in sorted(files.items()):
            if chapter in concerned[name]:
                digest.update(f"{name}\0{content}\n".encode())
        result[chapter] = digest.hexdigest()
    return result


def _who_names(name: str, chapters: Mapping[str, str]) -> set[str]:
    file = Path(name)
    quote = r"""\\?["']"""  # in a notebook's JSON a quote may stand behind a backslash
    folders = r"(?:[\w.-]+/)*"
    word = re.compile(f"{quote}{folders}{re.escape(file.stem)}(?:{re.escape(file.suffix)})?{quote}")
    return {chapter for chapter, text in chapters.items() if word.search(text)} or set(chapters)


def stale_chapters(now: Mapping[str, str], before: Mapping[str, Any]) -> list[str]:
    """Chapters whose inputs are not those of their last successful execution."""
    return sorted(chapter for chapter, digest in now.items() if before.get(chapter) != digest)


# --- the state between two builds ----------------------------------------------------------


def read_state(folder: Path) -> dict[str, Any]:
    """What the last build left; empty when there was none or the file is damaged."""
    try:
        state = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def write_state(folder: Path, state: Mapping[str, Any]) -> None:
    """Write the state in one step, so that an interrupted build leaves the old one."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{STATE_FILE}.tmp"
    temporary.write_text(json.dumps(state, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    temporary.replace(folder / STATE_FILE)


def forget_executions(folder: Path, paths: Iterable[Path]) -> None:
    """Drop every cached execution of these notebooks, also those of older versions."""
    from jupyter_cache import get_cache

    unwanted = {str(path) for path in paths}
    if not unwanted or not (folder / "global.db").is_file():
        return
    cache = get_cache(folder)
    for record in cache.list_cache_records():
        if record.uri in unwanted:
            cache.remove_cache(record.pk)


# --- light and correct pages ---------------------------------------------------------------

#: Assets that extensions add to every page -> what in a page's body says that it uses them.
#: A formula may also be in what a script writes, as in a quiz, so outputs count as formulas.
ASSETS = {
    r"clipboard|copybutton": r'class="highlight',
    r"design-tabs": r"sd-tab-set",
    r"sphinx-design": r'class="[^"]*\bsd-',
    r"mystnb": r'class="[^"]*\bcell\b',
    r"mathjax|MathJax": r'class="math|cell_output',
}

#: HTML that fails for screen readers -> what stands for it.
REPAIRS = (
    # Docutils: the role is deprecated, is not allowed on a div, and a list needs items.
    ('role="doc-biblioentry"', 'role="listitem"'),
    # Docutils: the label links back to where the work is cited, named by its number only.
    ('<a role="doc-backlink"', '<a role="doc-backlink" title="Back to where it is cited"'),
    # MyST: the empty corner of a table is a heading of nothing.
    (r'<th class="head([^"]*)"><p></p></th>', r'<td class="head\1"></td>'),
    (r'<th class="head([^"]*)"></th>', r'<td class="head\1"></td>'),
    (r"<th></th>", r"<td></td>"),
)

#: Font Awesome in the theme's style sheet; theme/icons.css stands for it.
FONT_AWESOME = re.compile(
    r'(?:\.fa-[\w-]+:before,?)+\{content:"[^"]*"\}|@font-face\{[^}]*Awesome[^}]*\}'
)
#: Looks after the theme's buttons and dialogs.
THEME_SCRIPT = "_static/scripts/pydata-sphinx-theme.js"
#: Files of the theme that no page asks for.
UNUSED_FILES = ("scripts/bootstrap.js*", "scripts/fontawesome.js*", "vendor", "locales", "webpack*")


def needs(asset: str, body: str) -> bool:
    """Whether a page with this body uses an asset, given by its name or its script text."""
    return all(
        re.search(mark, body) for pattern, mark in ASSETS.items() if re.search(pattern, asset)
    )


def repair(body: str) -> str:
    """The same page, with the HTML of ``REPAIRS`` replaced."""
    for wrong, right in REPAIRS:
        body = re.sub(wrong, right, body)
    return body


def _lighten_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    context["body"] = body = repair(context.get("body", ""))
    if not app.env.doc2path(pagename).endswith(".ipynb"):
        # Colab cannot open a text page, though it holds code; upstream offers it all the same.
        buttons = context.get("header_buttons", [])
        buttons[:] = [button for button in buttons if button.get("label") != "launch-buttons"]
    for kind in ("css_files", "script_files"):
        # In place: this is the builder's own list, to which other extensions may have added.
        context[kind][:] = [
            asset
            for asset in context[kind]
            if needs(f"{asset.filename or ''} {asset.attributes.get('body', '')}", body)
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
    static = Path(app.outdir) / "_static"
    if exception is not None or not (static / "styles").is_dir():
        return
    sheet = static / "styles" / "pydata-sphinx-theme.css"
    sheet.write_text(FONT_AWESOME.sub("", sheet.read_text(encoding="utf-8")), encoding="utf-8")
    for pattern in UNUSED_FILES:
        for path in static.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


# --- Sphinx --------------------------------------------------------------------------------


def _chapters(env: BuildEnvironment) -> dict[str, Path]:
    paths = {name: Path(env.doc2path(name)) for name in env.found_docs}
    return {name: path for name, path in paths.items() if has_code(path)}


def has_code(path: Path) -> bool:
    """Whether a page is executed: a notebook, or a text page whose head says it is one."""
    from myst_nb.core.read import is_myst_markdown_notebook

    return path.suffix == ".ipynb" or (
        path.suffix == ".md" and is_myst_markdown_notebook(path.read_text(encoding="utf-8"))
    )


def _cache_folder(env: BuildEnvironment) -> Path | None:
    """Where executions are cached; None when this build does not use the cache."""
    config = env.mystnb_config
    return Path(config.execution_cache_path) if config.execution_mode == "cache" else None


def _outdated(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Tell Sphinx which pages to read again, after their cached executions are gone."""
    folder = _cache_folder(env)
    if folder is None:
        return []
    paths = _chapters(env)
    sources = {name: path.read_text(encoding="utf-8") for name, path in paths.items()}
    now = fingerprints(watched_files(Path(app.srcdir)), sources)
    before = read_state(folder)
    stale = stale_chapters(now, before)
    forget_executions(folder, [paths[name] for name in stale])
    app.attention_course_inputs = now
    return sorted(env.found_docs) if before.get(_CLEAN) is False else stale


def _finished(app: Sphinx, exception: Exception | None) -> None:
    """Remember what each chapter was executed with; fail the build when a cell failed."""
    now = getattr(app, "attention_course_inputs", None)
    if exception is not None or now is None:
        return
    from myst_nb.sphinx_ import NbMetadataCollector
    from sphinx.util import logging

    logger = logging.getLogger(__name__)
    good = {}
    for chapter, digest in now.items():
        execution = NbMetadataCollector.get_exec_data(app.env, chapter)
        if execution is None or execution["succeeded"]:
            good[chapter] = digest
            continue
        app.statuscode = 1
        logger.error(
            "A cell of %s failed: %s. Correct it and build again.",
            chapter,
            _last_line(execution["traceback"]),
        )
    clean = len(good) == len(now) and not app._warncount
    write_state(_cache_folder(app.env), {**good, _CLEAN: clean})


def _last_line(traceback: str | None) -> str:
    """The line of a traceback that names the error, without colour codes."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", traceback or "").strip()
    lines = plain.splitlines() or ["its Python process ended"]
    named = [line for line in lines if re.match(r"[A-Za-z_.]+: ", line)]
    return (named or lines)[-1].rstrip(". ")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the extension to Sphinx."""
    settle()
    # A page whose only formula is in a quiz or an output needs MathJax too.
    app.set_html_assets_policy("always")
    app.connect("env-get-outdated", _outdated)
    app.connect("build-finished", _finished)
    # After every extension has added its scripts and style sheets.
    app.connect("html-page-context", _lighten_page, priority=900)
    app.connect("build-finished", _lighten_theme)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
