"""Execute the chapters in place and store them in their normal form.

Chapters are stored executed: Colab and GitHub show their outputs and nbval compares them.
``python -m attention_course.book.notebooks`` runs every chapter, ``... STEM`` one of them, and
``--check`` only reads what is stored. Run twice, it changes nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from attention_course.book import execution
from attention_course.book.normal import NotebookError, normalise, read, write
from attention_course.book.rules import problems
from attention_course.environment import ROOT
from attention_course.words import tr

CHAPTERS = ROOT / "chapters"


def chapters(stems: Iterable[str] = (), folder: Path = CHAPTERS) -> list[Path]:
    """The chapters named, or all of them in order; ``NotebookError`` for an unknown name."""
    every = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not every:
        raise NotebookError(
            "No chapters in {folder}; run this in a checkout of the course.", folder=folder
        )
    by_stem = {path.stem: path for path in every}
    wanted = [Path(stem).name.removesuffix(".ipynb") for stem in stems]
    for stem in wanted:
        if stem not in by_stem:
            raise NotebookError(
                "There is no chapter {name!r}; choose from {names}.",
                name=stem,
                names=", ".join(by_stem),
            )
    return [by_stem[stem] for stem in wanted] or every


def update(paths: Iterable[Path]) -> bool:
    """Execute chapters, each in its own folder, and store them; True when no cell failed.

    A chapter with a cell that fails is left as it was.
    """
    notebooks = {path: read(path) for path in paths}
    failed = []

    def store(path: Path, problem: str | None, seconds: float) -> None:
        told = {"name": path.stem, "seconds": seconds}
        if problem:
            failed.append(path)
            print(problem, file=sys.stderr)
        elif write(normalise(notebooks[path], path.stem), path):
            print(tr("{name}: stored ({seconds:.1f} s)", **told), flush=True)
        else:
            print(tr("{name}: unchanged ({seconds:.1f} s)", **told), flush=True)

    execution.run(notebooks, store)
    return not failed


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 0 when every chapter is well, 1 otherwise."""
    parser = argparse.ArgumentParser(
        prog="python -m attention_course.book.notebooks",
        description="Execute the chapters in place and store them in their normal form.",
    )
    parser.add_argument("stems", nargs="*", metavar="STEM", help="for example 01_rnn_recap")
    parser.add_argument("--check", action="store_true", help="read only: do not run any cell")
    options = parser.parse_args(arguments)
    try:
        paths = chapters(options.stems)
        well = options.check or update(paths)
        broken = {path.stem: problems(read(path), path.stem) for path in paths}
    except NotebookError as error:
        print(error, file=sys.stderr)
        return 1
    for stem, sentences in broken.items():
        for sentence in sentences:
            print(f"{stem}: {sentence}")
    return int(not well or (options.check and any(broken.values())))


if __name__ == "__main__":
    sys.exit(main())
