"""Print the tests that concern what has changed since the branch left main, for ``make check``.

A changed file concerns the tests of its room, a chapter its notebook and its tests, a page the
tests of the book. What is committed on main itself counts as unchanged.
"""

import subprocess
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]
# Folders without a room of their own.
CONCERN = {
    "benchmarks": "tests/experiments",
    "data": "tests/datasets",
    "images": "tests/display",
    "models": "tests/models",
    "optional": "tests/book",
    "quizzes": "tests/display",
    "theme": "tests/book",
}


def concerned(changed: Iterable[str], root: Path = ROOT) -> list[str]:
    """Return the files and folders of tests for these changed files."""
    found = set()
    for name in changed:
        path = PurePosixPath(name)
        top, *below = path.parts
        if top in ("chapters", "quizzes"):
            found |= {f"chapters/{path.stem}.ipynb", f"tests/chapters/test_{path.stem}.py"}
        if top == "attention_course":
            room = PurePosixPath(*below).with_suffix("").parts[0]
            found |= {f"tests/{room}", f"tests/test_{room}.py"}
        elif top == "tests":
            found.add(name if path.name.startswith("test_") else str(path.parent))
        elif not below and path.suffix in (".md", ".yml", ".bib"):
            found.add("tests/book")
        found.add(CONCERN.get(top, ""))
    kept = {name for name in found - {"", "tests"} if (root / name).exists()}
    return sorted(name for name in kept if str(PurePosixPath(name).parent) not in kept)


def changed_files() -> list[str]:
    """Return what differs from the last commit that this branch shares with main."""
    fork = _git("merge-base", "HEAD", "main") or ["HEAD"]
    return _git("diff", "--name-only", *fork) + _git("ls-files", "--others", "--exclude-standard")


def _git(*words: str) -> list[str]:
    result = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return result.stdout.splitlines()


if __name__ == "__main__":
    print(*concerned(changed_files()))
