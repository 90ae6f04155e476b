"""The chapters as they are stored, and the tool that executes and normalises them."""

import copy
import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import (
    new_code_cell,
    new_markdown_cell,
    new_notebook,
    new_output,
)

from attention_course.book import notebooks

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "chapters").glob("[0-9][0-9]_*.ipynb"))

FIRST_CELL = notebooks.first_cell("https://github.com/a/b", "0" * 40)

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
    return notebooks.normalise(notebook, "07_small")


def problems(notebook, root):
    return notebooks.problems(notebook, "07_small", root)


# --- the chapters of the course ------------------------------------------------------------


def test_there_are_chapters_to_test():
    assert CHAPTERS, "no chapters found: the tests below would pass on an empty folder"


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_stored_chapter_keeps_every_house_rule(path):
    assert notebooks.problems(notebooks.read(path), path.stem) == []


def test_the_first_code_cell_is_the_same_in_every_chapter():
    first = {
        next(cell.source for cell in notebooks.read(path).cells if cell.cell_type == "code")
        for path in CHAPTERS
    }
    assert len(first) == 1


def test_the_table_of_contents_lists_every_chapter_once_and_in_order():
    listed = re.findall(r"file:\s*chapters/(\S+)", (ROOT / "_toc.yml").read_text("utf-8"))
    assert listed == [path.stem for path in CHAPTERS]


def test_every_quiz_belongs_to_a_chapter():
    quizzes = {path.stem for path in (ROOT / "quizzes").glob("*.json")}
    assert quizzes == {path.stem for path in CHAPTERS}


# --- the normal form -----------------------------------------------------------------------


def test_the_normal_form_is_a_fixed_point(small):
    again = notebooks.normalise(small, "07_small")
    assert notebooks.dumps(again) == notebooks.dumps(small)


def test_the_normal_form_drops_what_differs_between_two_runs(small):
    noisy = copy.deepcopy(small)
    noisy.metadata["language_info"]["version"] = "3.99.1"
    noisy.metadata["widgets"] = {"state": {}}
    for number, cell in enumerate(noisy.cells):
        cell.id = f"other-{number}"
        cell.metadata["execution"] = {"iopub.execute_input": "now"}
        cell.metadata["colab"] = {"base_uri": "somewhere"}
        if cell.cell_type == "code":
            cell.execution_count += 40
    noisy.cells[2].outputs = [
        new_output("stream", name="stdout", text="tw"),
        new_output("stream", name="stderr", text="a warning\n"),
        new_output("stream", name="stdout", text="o\n"),
    ]
    assert notebooks.dumps(notebooks.normalise(noisy, "07_small")) == notebooks.dumps(small)


def test_the_normal_form_keeps_tags_and_tells_equal_cells_apart():
    cells = [new_code_cell("1 + 1", metadata={"tags": ["hide-input"]}), new_code_cell("1 + 1")]
    stored = notebooks.normalise(new_notebook(cells=cells), "07_small")
    assert stored.cells[0].metadata == {"tags": ["hide-input"]}
    assert stored.cells[0].id != stored.cells[1].id


def test_the_stored_text_has_line_feeds_and_one_trailing_newline(small):
    small.cells[0].source = "# A\r\n\r\ntext\n\n"
    text = notebooks.dumps(notebooks.normalise(small, "07_small"))
    assert "\\r" not in text
    assert text.endswith("}\n")
    assert not text.endswith("\n\n")
    assert json.loads(text)["cells"][0]["source"] == ["# A\n", "\n", "text"]


# --- execution -----------------------------------------------------------------------------


def test_executing_twice_changes_nothing(root, small, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    small.cells[2].source = (
        "import os, sys, pathlib\n"
        'print("noise", file=sys.stderr)\n'
        'print(os.environ["CUDA_VISIBLE_DEVICES"], os.environ.get("PYTHONDONTWRITEBYTECODE"))\n'
        "pathlib.Path.cwd().name"
    )
    small.cells[4].source = 'def show_quiz(name):\n    print(name)\nshow_quiz("07_small")'
    path = root / "chapters" / "07_small.ipynb"
    nbformat.write(small, path)
    assert notebooks.update(path) is True
    first = path.read_bytes()
    assert notebooks.update(path) is False
    assert path.read_bytes() == first
    stored = notebooks.read(path)
    assert notebooks.problems(stored, "07_small", root) == []
    assert stored.cells[2].outputs[0].text == "-1 None\n"
    assert stored.cells[2].outputs[1].data["text/plain"] == "'chapters'"
    assert [p.name for p in path.parent.iterdir()] == ["07_small.ipynb"]


def test_a_failing_cell_is_named_in_one_sentence_and_nothing_is_written(root, small):
    small.cells[2].source = 'raise ValueError("three is not two.\\nAnd more.")'
    path = root / "chapters" / "07_small.ipynb"
    nbformat.write(small, path)
    before = path.read_bytes()
    with pytest.raises(notebooks.NotebookError) as caught:
        notebooks.update(path)
    message = str(caught.value)
    assert "07_small, code cell 2 (cell 3 of 5) failed: ValueError: three is not two." in message
    assert "\n" not in message
    assert path.read_bytes() == before


def test_an_unknown_chapter_and_a_broken_file_get_one_sentence(root):
    path = root / "chapters" / "07_small.ipynb"
    path.write_text("{not json", encoding="utf-8")
    with pytest.raises(notebooks.NotebookError, match="cannot be read as a notebook"):
        notebooks.read(path)
    with pytest.raises(notebooks.NotebookError, match="choose from 07_small"):
        notebooks.chapters(["08_other"], folder=root / "chapters")
    with pytest.raises(notebooks.NotebookError, match="No chapters"):
        notebooks.chapters(folder=root)
    assert notebooks.main(["no_such_chapter"]) == 1


@pytest.mark.parametrize(
    ("source", "shows"),
    [
        ("print(1)", True),
        ("plots.show(fig, alt)", True),
        ("show_four_words()", True),
        ("show = 1", False),
        ("value = show_four_words()", False),
        ("def show_nothing():\n    return 1", False),
        ("shown(1)", False),
    ],
)
def test_which_cells_show_something(source, shows):
    assert notebooks._shows_something(source) is shows


# --- mutants: each broken chapter must be refused -------------------------------------------


def strip_outputs(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None


def strip_only_the_outputs(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []


def strip_one_output(notebook):
    notebook.cells[2].outputs = []


def store_an_error(notebook):
    notebook.cells[2].outputs.append(
        new_output("error", ename="ValueError", evalue="no", traceback=["no"])
    )


def store_stderr(notebook):
    notebook.cells[2].outputs.append(new_output("stream", name="stderr", text="warning\n"))


def repeat_an_id(notebook):
    notebook.cells[2].id = notebook.cells[1].id


def write_a_long_cell(notebook):
    notebook.cells[2].source = "\n".join(["print(1)"] * 26)


def change_the_first_cell(notebook):
    notebook.cells[1].source += "\nimport numpy"


def execute_out_of_order(notebook):
    notebook.cells[1].execution_count, notebook.cells[2].execution_count = 2, 1


def forget_the_summary(notebook):
    notebook.cells[3].source = notebook.cells[3].source.replace("## Summary", "## Conclusion")


def change_the_order(notebook):
    notebook.cells[3].source = notebook.cells[3].source.replace("## Quiz\n\n", "") + "\n\n## Quiz"


def write_two_titles(notebook):
    notebook.cells[3].source = "# Another title\n\n" + notebook.cells[3].source


def show_a_quiz_that_does_not_exist(notebook):
    notebook.cells[4].source += '\nshow_quiz("08_other")'


def show_no_quiz(notebook):
    notebook.cells[4].source = "print(1)"


def print_an_absolute_path(notebook):
    notebook.cells[2].outputs[0].text = "/home/someone/course/models\n"


def print_an_address(notebook):
    notebook.cells[2].outputs[0].text = "<object at 0x7f00aa11bb22>\n"


def keep_a_timing(notebook):
    notebook.cells[2].metadata["execution"] = {"iopub.status.busy": "2025"}


MUTANTS = {
    strip_outputs: "not every code cell was executed",
    strip_only_the_outputs: "most code cells have no stored output",
    strip_one_output: "code cell 2 shows something, but no output is stored",
    store_an_error: "code cell 2 stored an error: ValueError",
    store_stderr: "code cell 2 stored text written to stderr",
    repeat_an_id: "not unique",
    write_a_long_cell: "code cell 2 has 26 lines",
    change_the_first_cell: "first code cell is not the one all chapters share",
    execute_out_of_order: "not every code cell was executed in order",
    forget_the_summary: "the skeleton's ## Summary is missing",
    change_the_order: "the skeleton's ## Exercises is missing or out of order",
    write_two_titles: "only heading of first level",
    show_a_quiz_that_does_not_exist: "quizzes/08_other.json does not exist",
    show_no_quiz: "does not show its own quiz",
    print_an_absolute_path: "cell 3 contains an absolute path",
    print_an_address: "cell 3 shows an address in memory",
    keep_a_timing: "not in normal form",
}


def test_a_good_chapter_has_no_problem(small, root):
    assert problems(small, root) == []


@pytest.mark.parametrize("mutate", MUTANTS, ids=lambda mutate: mutate.__name__)
def test_a_broken_chapter_is_refused_with_the_reason(mutate, small, root):
    mutate(small)
    found = problems(small, root)
    assert any(MUTANTS[mutate] in sentence for sentence in found), found


@pytest.mark.parametrize(
    "text",
    ["https://example.org/home/page", "a/tmp/b", "../home/x", "the ratio 1/work/day", "</g>/usr"],
)
def test_an_address_or_a_relative_path_is_not_an_absolute_path(text, small, root):
    small.cells[2].outputs[0].text = text
    assert problems(small, root) == []


# --- comparing outputs ---------------------------------------------------------------------

DRAWING = """\
from IPython.display import display
drawing = '<svg viewBox="0 0 1 1">\\n<path d="M0"/></svg>'
display({{"text/html": "<p>{words}</p>" + drawing}}, raw=True)"""
STORED = '<p>Look</p><svg viewBox="0 0 9 9">\n<path d="M9"/></svg>'


def test_nbval_compares_words_but_neither_drawings_nor_noise(tmp_path):
    def cell(source, *outputs):
        return new_code_cell(source, execution_count=1, outputs=list(outputs))

    def printed(text):
        return new_output("stream", name="stdout", text=text)

    drawn = new_output("display_data", data={"text/html": STORED})
    cells = [
        cell("print(1 + 1)", printed("2\n")),
        cell("print(1 + 1)", printed("3\n")),
        cell(DRAWING.format(words="Look"), drawn),
        cell(DRAWING.format(words="Listen"), drawn),
        cell('import os\n_ = os.write(2, b"noise")\nprint(1)', printed("1\n")),
        cell("print(1)"),
    ]
    notebook = notebooks.normalise(new_notebook(cells=cells), "07_small")
    notebooks.write(notebook, tmp_path / "07_small.ipynb")
    options = ["--nbval", "--nbval-current-env", "-p", "no:cacheprovider", "-rA"]
    sanitize = str(ROOT / "tests" / "nbval_sanitize.cfg")
    result = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--nbval-sanitize-with", sanitize, "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    found = {int(n): v for v, n in re.findall(r"(PASSED|FAILED) \S+::Cell (\d)", result.stdout)}
    assert found == {
        0: "PASSED",
        1: "FAILED",
        2: "PASSED",
        3: "FAILED",
        4: "PASSED",
        5: "FAILED",
    }, result.stdout
