"""Builds of the book for the tests; the whole book is built once in a test run."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
# The command line of jupyter-book with this interpreter, wherever its script may be.
JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"


def build(folder: Path, *options: str) -> subprocess.CompletedProcess:
    """Run jupyter-book as a reader would, and return what it printed and its exit status."""
    return subprocess.run(
        [sys.executable, "-c", JUPYTER_BOOK, "build", ".", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "NO_COLOR": "1"},
        check=False,
    )


def build_course(folder: Path) -> Path:
    """Build the checkout's pages into a folder; a warning is an error.

    The chapters show their stored outputs; that they run is tested by nbval. Only the appendix,
    which stores none, is executed.
    """
    configuration = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    configuration["execute"] |= {"exclude_patterns": ["chapters/*"]}
    config = folder / "_config.yml"
    config.write_text(yaml.safe_dump(configuration), encoding="utf-8")
    options = ("--config", str(config), "--path-output", str(folder), "-W", "--keep-going")
    result = build(ROOT, *options)
    if result.returncode:
        raise RuntimeError(f"The book does not build:\n{result.stderr[-3000:]}")
    return folder / "_build" / "html"


def course_site(temporary: Path) -> Path:
    """Return the folder with the built pages, which all workers of a test run share.

    Args:
        temporary: pytest's folder for this run, which the workers have in common.
    """
    if given := os.environ.get("ATTENTION_COURSE_SITE"):
        assert (Path(given) / "index.html").is_file(), f"there is no book in {given}"
        return Path(given).resolve()
    folder = temporary / "site"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        failed = folder / "failed.txt"
        if failed.exists():
            pytest.fail(failed.read_text(encoding="utf-8"), pytrace=False)
        if not (folder / "built").exists():
            try:
                build_course(folder)
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                failed.write_text(str(error), encoding="utf-8")
                pytest.fail(str(error), pytrace=False)
            (folder / "built").touch()
    return folder / "_build" / "html"
