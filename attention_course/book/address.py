"""The course's address on GitHub, and the commit that Colab installs.

They stand where no code can look them up: in the front pages, in the book's configuration and in
the first cell of every chapter. ``changes`` says how all of these have to read, so the command
``address`` writes them, and the tests find what differs.

A chapter names its commit by the full hash, since a tag can be moved to other code. A commit
cannot hold its own hash; the chapters name the last one that changed what Colab gets, and the
commit with the chapters comes after it.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import yaml

from attention_course import __version__
from attention_course.assets import FOLDERS
from attention_course.book import normal, notebooks, rules
from attention_course.errors import CourseError

# In these every GitHub address is taken for the course's own, apart from two other projects.
FRONT_FILES = ("README.md", "CONTRIBUTING.md", "CITATION.cff", "_config.yml", "index.md")
OTHER_PROJECTS = ("jupyter-book/jupyter-book", "jmshea/jupyterquiz")
#: What Colab gets: the package, and the files that it fetches.
DELIVERED = ("attention_course", "pyproject.toml", *FOLDERS)

_GITHUB = "https://github.com/"
_NAME = r"[A-Za-z0-9._-]*[A-Za-z0-9_-]"
# GitHub's rule for owners: up to 39 letters, digits and single hyphens.
_OWNER = r"(?=[^/]{1,39}/)[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*"
_ADDRESS = re.compile(
    r"(?i:https?://(?:www\.)?github\.com/|(?:ssh://)?git@github\.com[:/])"
    rf"((?:{_OWNER}|{rules.UNPUBLISHED.split('/')[-2]})/{_NAME})"
)
_LINK = re.compile(
    r"(?<=https://)(github\.com|colab\.research\.google\.com/github"
    rf"|raw\.githubusercontent\.com|mybinder\.org/v2/gh)/([A-Za-z0-9-]+/{_NAME})"
)
_CITED_VERSION = re.compile(r"(?<=^version: ).*", re.MULTILINE)


class AddressError(CourseError):
    """An address is not that of a GitHub repository, or no commit holds what Colab should get."""


def parse(url: str) -> str:
    """Return a repository's address in its one spelling, ``https://github.com/OWNER/NAME``.

    Raises:
        AddressError: It is not the address of a repository on GitHub. Colab opens chapters from
            GitHub only, so no other host can serve this course.
    """
    match = _ADDRESS.fullmatch(url.strip().removesuffix("/").removesuffix(".git"))
    if match is None:
        raise AddressError(
            "{url} is not the address of a GitHub repository; "
            "write it as https://github.com/OWNER/NAME.",
            url=repr(url),
        )
    return _GITHUB + match[1]


def present(root: Path) -> str:
    """Return the address of a checkout, which is the one in the book's configuration."""
    return yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]


def newest(root: Path) -> str:
    """Return the last commit that changed what Colab gets; it holds all of that as it is now.

    Raises:
        AddressError: This is no clone, or a change to what Colab gets is in no commit yet.
    """
    uncommitted = _git(root, "status", "--porcelain", "--", *DELIVERED)
    if uncommitted:
        raise AddressError(
            "No commit holds {path} as it is now, so Colab could not install it; "
            "commit it, then run the command again.",
            path=uncommitted.splitlines()[0].split(maxsplit=1)[1],
        )
    return _git(root, "log", "-1", "--format=%H", "--", *DELIVERED)


def changes(root: Path, url: str, commit: str) -> dict[Path, str]:
    """Return the files of a checkout that do not name an address and a commit, as they should read.

    Args:
        url: The address, as ``parse`` returns it.
        commit: The full hash of the commit that Colab is to install.
    """
    pages = {path: _page(path, url) for name in FRONT_FILES if (path := root / name).is_file()}
    cell = rules.first_cell(url, commit)
    pages |= {path: _chapter(path, cell) for path in notebooks.chapters(folder=root / "chapters")}
    return {path: text for path, text in pages.items() if text != path.read_text(encoding="utf-8")}


def _git(root: Path, *words: str) -> str:
    try:
        result = subprocess.run(
            ["git", *words], cwd=root, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise AddressError(
            "Colab installs a commit of the course's repository, and git finds none in "
            "{folder}; run the command in a clone of the repository.",
            folder=root,
        ) from error
    return result.stdout.strip()


def _page(path: Path, url: str) -> str:
    """Return the text of a front file with its copies of address and version brought up to date."""

    def moved(link: re.Match[str]) -> str:
        name = link[2].removesuffix(".git")
        if name in OTHER_PROJECTS:
            return link[0]
        return f"{link[1]}/{url.removeprefix(_GITHUB)}{link[2].removeprefix(name)}"

    text = _LINK.sub(moved, path.read_text(encoding="utf-8"))
    return _CITED_VERSION.sub(__version__, text) if path.name == "CITATION.cff" else text


def _chapter(path: Path, cell: str) -> str:
    """Return the stored text of a chapter with its first code cell replaced."""
    notebook = normal.read(path)
    next(found for found in notebook.cells if found.cell_type == "code").source = cell
    return normal.dumps(normal.normalise(notebook, path.stem))
