"""What a teacher wants to know: how long a chapter is, and what assesses its objectives.

``python -m attention_course.book.overview [STEM ...]`` prints it.
"""

from __future__ import annotations

import sys

from attention_course.book import objectives, pace
from attention_course.book.normal import NotebookError, read
from attention_course.book.notebooks import chapters


def main(stems: list[str]) -> int:
    """Print the overview of the chapters named, or of all; 0 when there are such chapters."""
    try:
        notebooks = {path.stem: read(path) for path in chapters(stems)}
    except NotebookError as error:
        print(error, file=sys.stderr)
        return 1
    for stem, notebook in notebooks.items():
        words, _ = pace.main_line(notebook)
        print(f"{stem}: {words} words, {pace.minutes(notebook, stem)} minutes")
        wanted = objectives.objectives(notebook)
        for number, (asked, done) in objectives.assessed(stem, wanted).items():
            print(f"  {number}. {wanted[number]}")
            print(f"     questions: {', '.join(asked) or 'none'}")
            print(f"     exercises: {', '.join(done) or 'none'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
