"""A small chapter that keeps every rule."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from attention_course.book import normal, rules

FIRST_CELL = rules.first_cell("https://github.com/a/b", "0" * 40)

TEXT = """\
# A small chapter

One question.

**You will be able to** count.

**Before this** nothing. **Time** one minute."""

CLOSING = """\
## What usually goes wrong

Counting from one.

## Summary

Five lines.

## Quiz

## Exercises

None.

## References

None."""


@pytest.fixture
def root(tmp_path):
    (tmp_path / "chapters").mkdir()
    (tmp_path / "quizzes").mkdir()
    (tmp_path / "quizzes" / "07_small.json").write_text("[]")
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
                'show_quiz("07_small")',
                execution_count=8,
                outputs=[new_output("display_data", data={"text/plain": "Quiz"})],
            ),
        ]
    )
    return normal.normalise(notebook, "07_small")
