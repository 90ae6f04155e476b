"""No stale page: what has changed since a chapter was executed is executed again, side by side.

The cache of executed chapters looks at a chapter's own code only. Here it also looks at what the
code reads: a quiz, a picture, a model, a data file, a line of the package, the language. Nothing
is known by its absolute path, so a built folder may be copied, as a cache of a build server is.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from sphinx.util import logging

from attention_course.assets import FOLDERS, file_sha256, files_below
from attention_course.book import execution
from attention_course.words import language

if TYPE_CHECKING:
    import nbformat
    from jupyter_cache.base import JupyterCacheAbstract
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

logger = logging.getLogger(__name__)

#: Folders a chapter's code reads from.
WATCHED = ("attention_course", *FOLDERS)
#: In these, a file concerns the chapters that name it; in the others, it concerns all chapters.
NAMED = ("benchmarks", "images", "quizzes")


# --- what a chapter depends on -------------------------------------------------------------


def watched_files(root: Path) -> dict[str, str]:
    """Map every watched file (relative, forward slashes) to the sha256 of its content."""
    return {name: file_sha256(root / name) for name in files_below(root, WATCHED)}


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


# --- Sphinx --------------------------------------------------------------------------------


def _pages_with_code(env: BuildEnvironment) -> dict[str, nbformat.NotebookNode]:
    """Document name -> notebook, for every page that a build executes."""
    from myst_nb.core.read import create_nb_reader

    found = {}
    for name in env.found_docs:
        path = env.doc2path(name)
        text = Path(path).read_text(encoding="utf-8")
        reader = create_nb_reader(path, env.myst_config, env.mystnb_config, text)
        skipped = any(map(PurePath(path).match, env.mystnb_config.execution_excludepatterns))
        if reader is not None and not skipped:
            found[name] = reader.read(text)
    return found


def execute_stale(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Execute stale chapters into the cache, and tell Sphinx which pages to read again."""
    from jupyter_cache import get_cache
    from jupyter_cache.base import CacheBundleIn

    if env.mystnb_config.execution_mode != "cache":
        return []
    cache = get_cache(env.mystnb_config.execution_cache_path)
    notebooks = _pages_with_code(env)
    sources = {name: Path(env.doc2path(name)).read_text(encoding="utf-8") for name in notebooks}
    read = {**watched_files(Path(app.srcdir)), "language": language()}
    now = fingerprints(read, sources)
    fresh = _fresh(cache, notebooks, now)
    # Also what an older version of a chapter gave: its inputs are not those of today.
    for record in cache.list_cache_records():
        if record.pk not in fresh.values():
            with contextlib.suppress(KeyError):
                cache.remove_cache(record.pk)
    # The one that has most to show takes longest, so it begins first.
    order = sorted(notebooks, key=lambda name: -len(sources[name]))
    stale = {Path(env.doc2path(name)): name for name in order if name not in fresh}
    failed = []

    def keep(path: Path, problem: str | None, seconds: float) -> None:
        if problem:
            failed.append(problem)
            return
        name = stale[path]
        data = {"execution_seconds": seconds, "inputs": now[name]}
        bundle = CacheBundleIn(notebooks[name], str(path), data=data)
        cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
        logger.info("executed %s in %.1f s", name, seconds)

    todo = {path: notebooks[name] for path, name in stale.items()}
    execution.run(todo, keep, env.mystnb_config.execution_timeout)
    for problem in failed:
        logger.error(problem)
    if failed:
        raise SystemExit(1)
    before = getattr(env, "attention_course_inputs", {})
    env.attention_course_inputs = now
    return [name for name in now if now[name] != before.get(name)]


def _fresh(
    cache: JupyterCacheAbstract,
    notebooks: Mapping[str, nbformat.NotebookNode],
    now: Mapping[str, str],
) -> dict[str, int]:
    """Document name -> key of its execution in the cache, where that had the inputs of today."""
    found = {}
    for name, notebook in notebooks.items():
        with contextlib.suppress(KeyError):  # it was never executed, or the cache is damaged
            record = cache.get_cache_bundle(cache.match_cache_notebook(notebook).pk).record
            if record.data.get("inputs") == now[name]:
                found[name] = record.pk
    return found


def forget_after_warnings(app: Sphinx, exception: Exception | None) -> None:
    """Have every page read again after a build that gave warnings, which would be silent else."""
    if exception is not None or app._warncount:
        Path(app.doctreedir, "environment.pickle").unlink(missing_ok=True)
