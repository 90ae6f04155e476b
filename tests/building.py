"""Builds of the book for the tests; the whole book is built once in a test run."""

import fcntl
import importlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT = 240  # seconds
# A small build spends most of its time on imports. So each build is a fork of a process that has
# imported what all of them need, of which nothing is the course's own.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        *("jupyter_book.cli.main", "jupyter_book.sphinx", "myst_nb.sphinx_ext", "nbclient"),
        *("sphinx.cmd.build", "sphinx.builders.html", "sphinx.builders.epub3"),
        *("sphinx_book_theme", "sphinx_external_toc", "sphinxcontrib.bibtex"),
    ]
)


def build(folder: Path, *options: str) -> subprocess.CompletedProcess:
    """Run jupyter-book as a reader would, and return what it printed and its exit status."""
    return command("jupyter_book.cli.main", folder, "build", ".", *options)


def command(module: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run the command line ``main`` of a module in a folder and a process of its own."""
    environ = {**os.environ, "NO_COLOR": "1"}
    with tempfile.TemporaryDirectory() as name:
        printed = Path(name, "stdout"), Path(name, "stderr")
        process = FORKS.Process(target=_run, args=(module, folder, arguments, environ, printed))
        process.start()
        process.join(TIMEOUT)
        if process.is_alive():
            process.kill()
            raise subprocess.TimeoutExpired(arguments, TIMEOUT)
        texts = [path.read_text(encoding="utf-8") for path in printed]
    return subprocess.CompletedProcess(arguments, process.exitcode, *texts)


def _run(module, folder, arguments, environ, printed) -> None:
    for stream, path in enumerate(printed, start=1):
        os.dup2(os.open(path, os.O_CREAT | os.O_WRONLY), stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    sys.exit(importlib.import_module(module).main(arguments))


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
