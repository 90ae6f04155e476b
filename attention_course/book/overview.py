"""What a teacher wants to know: how long a chapter is, and what assesses its objectives.

``python -m attention_course.book.overview [STEM ...]`` prints it.
"""

from __future__ import annotations

import sys

from attention_course.book import objectives, pace
from attention_course.book.normal import NotebookError, read
from attention_course.book.notebooks import chapters
from attention_course.words import tr


def main(stems: list[str]) -> int:
    """Print the overview of the chapters named, or of all; 0 when there are such chapters."""
    try:
        notebooks = {path.stem: read(path) for path in chapters(stems)}
    except NotebookError as error:
        print(error, file=sys.stderr)
        return 1
    for stem, notebook in notebooks.items():
        words, _ = pace.main_line(notebook)
        told = {"name": stem, "words": words, "minutes": pace.minutes(notebook, stem)}
        print(tr("{name}: {words} words, {minutes} minutes", **told))
        wanted = objectives.objectives(notebook)
        for number, (asked, done) in objectives.assessed(stem, wanted).items():
            print(f"  {number}. {wanted[number]}")
            print("     " + tr("questions: {names}", names=", ".join(asked) or "–"))
            print("     " + tr("exercises: {names}", names=", ".join(done) or "–"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
