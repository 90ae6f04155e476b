"""The one form in which chapters are stored."""

import copy
import json

import jupytext
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from attention_course.book import normal


def test_the_normal_form_is_a_fixed_point(small):
    again = normal.normalise(small, "07_small")
    assert normal.dumps(again) == normal.dumps(small)


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
    assert normal.dumps(normal.normalise(noisy, "07_small")) == normal.dumps(small)


def test_the_normal_form_keeps_tags_and_tells_equal_cells_apart():
    cells = [new_code_cell("1 + 1", metadata={"tags": ["hide-input"]}), new_code_cell("1 + 1")]
    stored = normal.normalise(new_notebook(cells=cells), "07_small")
    assert stored.cells[0].metadata["tags"] == ["hide-input"]
    assert stored.cells[0].id != stored.cells[1].id


FOLDED = {"cellView": "form", "jupyter": {"source_hidden": True}, "tags": ["hide-input"]}


def test_a_solution_is_folded_and_nothing_else_is():
    jupyter = {"outputs_hidden": True}
    cells = [
        new_code_cell("1", metadata={"tags": ["hide-input"]}),
        new_code_cell("2", metadata={"tags": ["hide-input"], "jupyter": jupyter}),
        new_code_cell("3", metadata=FOLDED | {"tags": ["other"], "jupyter": jupyter}),
        new_code_cell("4", metadata={k: v for k, v in FOLDED.items() if k != "tags"}),
        new_markdown_cell("5", metadata=FOLDED),
    ]
    stored = normal.normalise(new_notebook(cells=cells), "07_small")
    assert [cell.metadata for cell in stored.cells] == [
        FOLDED,
        FOLDED | {"jupyter": jupyter | {"source_hidden": True}},
        {"jupyter": jupyter, "tags": ["other"]},
        {},
        {"tags": ["hide-input"]},
    ]
    assert normal.dumps(normal.normalise(stored, "07_small")) == normal.dumps(stored)


def test_a_solution_stays_folded_when_a_chapter_is_edited_as_text(small):
    small.cells[2].metadata = FOLDED
    text = jupytext.writes(small, "md:myst")
    again = normal.normalise(jupytext.reads(text, "md:myst"), "07_small")
    assert again.cells[2].metadata == FOLDED


def test_the_stored_text_has_line_feeds_and_one_trailing_newline(small):
    small.cells[0].source = "# A\r\n\r\ntext\n\n"
    text = normal.dumps(normal.normalise(small, "07_small"))
    assert "\\r" not in text
    assert text.endswith("}\n")
    assert not text.endswith("\n\n")
    assert json.loads(text)["cells"][0]["source"] == ["# A\n", "\n", "text"]
