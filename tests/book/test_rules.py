"""The house rules: the chapters keep them, and each broken rule is noticed."""

import re
from pathlib import Path

import pytest
from nbformat.v4 import new_output

from attention_course.book import normal, rules

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "chapters").glob("[0-9][0-9]_*.ipynb"))


def problems(notebook, root):
    return rules.problems(notebook, "07_small", root)


# --- the chapters of the course ------------------------------------------------------------


def test_there_are_chapters_to_test():
    assert CHAPTERS, "no chapters found: the tests below would pass on an empty folder"


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_stored_chapter_keeps_every_house_rule(path):
    assert rules.problems(normal.read(path), path.stem) == []


def test_the_first_code_cell_is_the_same_in_every_chapter():
    first = {
        next(cell.source for cell in normal.read(path).cells if cell.cell_type == "code")
        for path in CHAPTERS
    }
    assert len(first) == 1


def test_the_table_of_contents_lists_every_chapter_once_and_in_order():
    listed = re.findall(r"file:\s*chapters/(\S+)", (ROOT / "_toc.yml").read_text("utf-8"))
    assert listed == [path.stem for path in CHAPTERS]


def test_every_quiz_belongs_to_a_chapter():
    quizzes = {path.stem for path in (ROOT / "quizzes").glob("*.json")}
    assert quizzes == {path.stem for path in CHAPTERS}


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
    assert rules._shows_something(source) is shows


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


def forget_the_title_of_a_solution(notebook):
    notebook.cells[2].metadata["tags"] = ["hide-input"]


def misspell_the_title_of_a_solution(notebook):
    notebook.cells[2].metadata["tags"] = ["hide-input"]
    notebook.cells[2].source = "# @title Solutions\n" + notebook.cells[2].source


def unfold_a_solution(notebook):
    notebook.cells[2].metadata["tags"] = ["hide-input"]
    notebook.cells[2].source = "# @title Solution\n" + notebook.cells[2].source


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
    forget_the_title_of_a_solution: "code cell 2 is a solution: begin it with `# @title Solution`",
    misspell_the_title_of_a_solution: "code cell 2 is a solution",
    unfold_a_solution: "not in normal form",
    keep_a_timing: "not in normal form",
}


def test_a_good_chapter_has_no_problem(small, root):
    assert problems(small, root) == []


@pytest.mark.parametrize("mutate", MUTANTS, ids=lambda mutate: mutate.__name__)
def test_a_broken_chapter_is_refused_with_the_reason(mutate, small, root):
    mutate(small)
    found = problems(small, root)
    assert any(MUTANTS[mutate] in sentence for sentence in found), found


@pytest.mark.parametrize("title", ["# @title Solution", "# @title Solution of the second part"])
def test_a_solution_with_its_title_has_no_problem(title, small, root):
    small.cells[2].metadata["tags"] = ["hide-input"]
    small.cells[2].source = f"{title}\n{small.cells[2].source}"
    assert problems(normal.normalise(small, "07_small"), root) == []


@pytest.mark.parametrize(
    "text",
    ["https://example.org/home/page", "a/tmp/b", "../home/x", "the ratio 1/work/day", "</g>/usr"],
)
def test_an_address_or_a_relative_path_is_not_an_absolute_path(text, small, root):
    small.cells[2].outputs[0].text = text
    assert problems(small, root) == []
