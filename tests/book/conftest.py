"""A small chapter that keeps every rule, and what belongs to it."""

import json

import pytest
import samples
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from attention_course.book import normal, objectives, rules

FIRST_CELL = rules.first_cell("https://github.com/a/b", "0" * 40)

TEXT = """\
# A small chapter

One question.

**You will be able to**

1. count;
2. count backwards;
3. say when
   to stop.

**Before this:** nothing. **Time:** about 20 minutes with the exercises."""

CLOSING = """\
## What usually goes wrong

Counting from one.

## Summary

Five lines.

## Quiz

## Exercises

Count.

## References

None."""


@pytest.fixture
def exercises(monkeypatch):
    """The exercises of the small chapter, which a test may change."""
    found = {
        "07.count": {"assesses": (1, 3), "minutes": 5},
        "07.backwards": {"assesses": (2,), "minutes": 2},
    }
    monkeypatch.setattr(objectives, "exercises", lambda stem: found)
    return found


@pytest.fixture
def questions():
    """The questions of the small chapter, which a test may change and write again."""
    found = samples.questions()
    for number, question in enumerate(found, start=1):
        question["assesses"] = [number]
    return found


@pytest.fixture
def root(tmp_path, exercises, questions):
    (tmp_path / "chapters").mkdir()
    (tmp_path / "quizzes").mkdir()
    (tmp_path / "quizzes" / "07_small.json").write_text(json.dumps(questions))
    return tmp_path


@pytest.fixture
def small():
    """A stored chapter that keeps every rule."""
    notebook = new_notebook(
        cells=[
            new_markdown_cell(TEXT),
            new_code_cell(FIRST_CELL, execution_count=3),
            new_code_cell(
                'print("two")',
                execution_count=7,
                outputs=[new_output("stream", name="stdout", text="two\n")],
            ),
            new_markdown_cell(CLOSING),
            new_code_cell(
                'show_quiz("07_small")\ncheck("07.count", ...)\ncheck(\n    "07.backwards", ...\n)',
                execution_count=8,
                outputs=[new_output("display_data", data={"text/plain": "Quiz"})],
            ),
        ]
    )
    return normal.normalise(notebook, "07_small")
