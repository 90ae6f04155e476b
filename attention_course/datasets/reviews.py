"""The course's own film reviews: short texts with a label and the words that carry the verdict.

All of them were written for this course, so that a chapter can show real text without the IMDB
data. Whoever wrote a review also marked its cues: the words a person would point at.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import TYPE_CHECKING

from attention_course import assets
from attention_course.datasets.vocabulary import tokens
from attention_course.errors import DataError
from attention_course.words import tr

if TYPE_CHECKING:
    import pandas

FILE = "data/reviews.csv"
COLUMNS = ["id", "text", "label", "cues"]
_LABELS = {"0": 0, "1": 1}


def load(path: str | os.PathLike[str] | None = None) -> pandas.DataFrame:
    """Load the reviews, one row each, in the order of the file.

    Args:
        path: a file of the same form to read instead, such as a teacher's own reviews.

    Returns:
        A frame with the columns ``id`` (str, unique), ``text`` (str), ``label`` (int, 1 for a
        positive review, 0 for a negative one) and ``cues`` (str, see :func:`split_cues`). A cue
        is a token as :func:`attention_course.datasets.vocabulary.tokens` splits them, and
        occurs in its text at least once.

    ``AssetError`` says that the course's own file cannot be fetched, ``DataError`` that a file
    cannot be read, or which row is damaged.
    """
    import pandas

    file = Path(assets.fetch(FILE) if path is None else path)
    frame = pandas.DataFrame(_read(file, FILE if path is None else str(file)), columns=COLUMNS)
    return frame.assign(label=frame["label"].map(_LABELS))


def split_cues(cues: str) -> list[str]:
    """Return the cue words in an entry of the column ``cues``, in the order they were marked.

    What is no string, such as the NaN of an empty cell, raises ``DataError``.
    """
    if not isinstance(cues, str):
        raise DataError(
            'Cues must be a string of words, not {kind}: pass one entry of the column "cues".',
            kind=type(cues).__name__,
        )
    return cues.split()


def _read(file: Path, name: str) -> list[list[str]]:
    """Return the fields of every row below the header; refuse the first damaged one."""
    try:
        # utf-8-sig also takes the mark that Excel writes before the first column.
        with file.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.reader(stream, strict=True))
    except OSError as error:
        raise DataError(
            "{name} cannot be read ({reason}): check its path and permissions.",
            name=name,
            reason=error.strerror,
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            "{name} is not a CSV file in UTF-8 ({error}): save it as one, or bring it back "
            "from the repository.",
            name=name,
            error=error,
        ) from error
    if not rows or rows[0] != COLUMNS:
        found = ", ".join(rows[0]) if rows else tr("nothing")
        wanted = ", ".join(COLUMNS)
        problem = tr("the columns must be {wanted}, not {found}", wanted=wanted, found=found)
        raise _damaged(name, 1, problem)
    if len(rows) == 1:
        raise _damaged(name, 2, tr("there is no review below the header"))
    first_use: dict[str, int] = {}
    # Rows are counted as a spreadsheet shows them: the header is row 1.
    for row, record in enumerate(rows[1:], start=2):
        if problem := _problem(record, first_use):
            raise _damaged(name, row, problem)
        first_use[record[0]] = row
    return rows[1:]


def _problem(record: list[str], first_use: dict[str, int]) -> str | None:
    """Say what is wrong with a row, if anything is; ``first_use`` has the rows of earlier ids."""
    if len(record) != len(COLUMNS):
        found, wanted = len(record), len(COLUMNS)
        return tr("it has {found} fields instead of {wanted}", found=found, wanted=wanted)
    id, text, label, cues = record
    if not id.strip():
        return tr("the id is empty")
    if id in first_use:
        return tr("the id {id} is already used in row {row}", id=id, row=first_use[id])
    words = set(tokens(text))
    if not words:
        return tr("the text of {id} holds no word", id=id)
    if label not in _LABELS:
        return tr("the label of {id} is {label!r}, neither 0 nor 1", id=id, label=label)
    if not split_cues(cues):
        return tr("{id} has no cue", id=id)
    for cue in split_cues(cues):
        if cue not in words:
            return tr("the cue {cue!r} is not in the text of {id}", cue=cue, id=id)
    return None


def _damaged(name: str, row: int, problem: str) -> DataError:
    return DataError(
        "{name}, row {row}: {problem}; correct that row, or bring the file back from the "
        "repository.",
        name=name,
        row=row,
        problem=problem,
    )
