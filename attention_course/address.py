"""The repository's address: one constant, and every copy of it in the checkout.

The address and the version tag must also stand where Python cannot look the constant up: in the
first cell of each chapter, in the book's configuration and in the front pages. ``copies`` finds
them, ``set_address`` moves all of them to a fork at once, and ``tests/test_address.py`` fails
when one differs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from attention_course import __version__
from attention_course.errors import CourseError

REPOSITORY = "https://github.com/attention-course/attention-course"

# Where copies stand. In the front files every GitHub address is taken for the course's own,
# apart from these projects; a chapter may cite any other repository.
FRONT_FILES = (
    "README.md",
    "CONTRIBUTING.md",
    "CITATION.cff",
    "_config.yml",
    "pyproject.toml",
    "index.md",
)
OTHER_PROJECTS = frozenset(
    {
        "https://github.com/jupyter-book/jupyter-book",
        "https://github.com/jmshea/jupyterquiz",
    }
)

_GITHUB = "https://github.com/"
_OWNER_AND_NAME = r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]*[A-Za-z0-9_-]"
_URL = re.compile(rf"https://github\.com/{_OWNER_AND_NAME}")
_LINK = re.compile(
    r"https://(?P<host>github\.com|colab\.research\.google\.com/github"
    r"|raw\.githubusercontent\.com|mybinder\.org/v2/gh)/"
    rf"(?P<name>{_OWNER_AND_NAME})(?:@v(?P<version>[0-9][A-Za-z0-9.]*))?"
)
_CITED_VERSION = re.compile(r"^version: *[\"']?(?P<version>[^\"'\s]+)", re.MULTILINE)


class AddressError(CourseError):
    """An address is not that of a GitHub repository, or a copy of it cannot be rewritten."""


@dataclass(frozen=True)
class Copy:
    """One place that repeats the address or the version.

    Attributes:
        path: File, relative to the checkout, with forward slashes.
        line: Line number, counted from one.
        address: ``https://github.com/OWNER/NAME``, or None where only a version stands.
        version: Version without the leading ``v``, or None where only an address stands.
    """

    path: str
    line: int
    address: str | None
    version: str | None


def raw_url(path: str, version: str = __version__) -> str:
    """Return where one file of the repository can be downloaded at the tag of a version.

    Args:
        path: File relative to the repository, with forward slashes.
        version: Version of the package, without the leading ``v``.
    """
    return f"{raw_base(version)}/{quote(path)}"


def raw_base(version: str = __version__) -> str:
    """Return the folder that ``raw_url`` puts a path behind."""
    name = REPOSITORY.removeprefix(_GITHUB)
    return f"https://raw.githubusercontent.com/{name}/v{version}"


def parse(url: str) -> str:
    """Return a repository address in its one spelling, ``https://github.com/OWNER/NAME``.

    Raises:
        AddressError: It is not the address of a repository on GitHub. Colab opens chapters from
            GitHub only, so no other host can serve this course.
    """
    cleaned = url.strip().removesuffix("/").removesuffix(".git")
    if not _URL.fullmatch(cleaned):
        raise AddressError(
            f"{url!r} is not the address of a GitHub repository; "
            "write it as https://github.com/OWNER/NAME."
        )
    return cleaned


def copies(root: Path) -> list[Copy]:
    """List every copy of the address and of the version below a checkout.

    Args:
        root: The checkout, as ``assets.checkout_root`` returns it.
    """
    found = []
    for path in _files(root):
        relative = path.relative_to(root).as_posix()
        text = path.read_text(encoding="utf-8")
        for match in _matches(relative, text):
            groups = match.groupdict()
            line = text.count("\n", 0, match.start()) + 1
            address = _GITHUB + _name(match) if "name" in groups else None
            found.append(Copy(relative, line, address, groups["version"]))
    return sorted(found, key=lambda copy: (copy.path, copy.line))


def set_address(root: Path, url: str = REPOSITORY) -> list[str]:
    """Rewrite every copy to a new address and to the package's version.

    Args:
        root: The checkout.
        url: The fork's address.

    Returns:
        The files that changed, relative to the checkout.

    Raises:
        AddressError: The address is not valid, or a file cannot be written.
    """
    new = parse(url)
    constant = root / "attention_course" / "address.py"
    rewritten = {path: _rewrite(path, root, new) for path in _files(root)}
    rewritten[constant] = constant.read_text(encoding="utf-8").replace(
        f'REPOSITORY = "{REPOSITORY}"', f'REPOSITORY = "{new}"'
    )
    changed = []
    for path, text in rewritten.items():
        if text == path.read_text(encoding="utf-8"):
            continue
        relative = path.relative_to(root).as_posix()
        try:
            path.write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise AddressError(
                f"{relative} cannot be written ({error.strerror}); "
                "make it writable and run the command again."
            ) from error
        changed.append(relative)
    return sorted(changed)


def _files(root: Path) -> list[Path]:
    """Return the files that may hold a copy, the constant's own module left out."""
    front = [root / name for name in FRONT_FILES]
    return [path for path in front if path.is_file()] + sorted((root / "chapters").glob("*.ipynb"))


def _matches(path: str, text: str) -> list[re.Match[str]]:
    """Return a match with groups ``name`` and ``version`` for each copy in one file."""
    front = path in FRONT_FILES
    found = []
    for match in _LINK.finditer(text):
        address = _GITHUB + _name(match)
        cites = match["host"] == "github.com" and match["version"] is None
        if address in OTHER_PROJECTS or (cites and not front and address != REPOSITORY):
            continue
        found.append(match)
    if path == "CITATION.cff":
        found += _CITED_VERSION.finditer(text)
    return found


def _name(match: re.Match[str]) -> str:
    """Return ``OWNER/NAME`` of a link, without the ``.git`` that a clone command may have."""
    return match["name"].removesuffix(".git")


def _rewrite(path: Path, root: Path, new: str) -> str:
    """Return the text of one file with its copies moved to an address and this version."""
    text = path.read_text(encoding="utf-8")
    edits = []
    for match in _matches(path.relative_to(root).as_posix(), text):
        groups = match.groupdict()
        if "name" in groups:
            start = match.start("name")
            edits.append((start, start + len(_name(match)), new.removeprefix(_GITHUB)))
        if groups["version"] is not None:
            edits.append((*match.span("version"), __version__))
    for start, end, replacement in sorted(edits, reverse=True):
        text = text[:start] + replacement + text[end:]
    return text
