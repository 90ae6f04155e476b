"""The stated time follows from the rule, and what everyone reads is told from what is optional."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from attention_course.book import normal, pace, rules

FOLDED = "<details><summary>More</summary>\n\nmany words\n\n</details>"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("one two <b>three</b>", 3),
        (f"one\n\n{FOLDED}\n\ntwo", 2),
        ("one\n\n```\nx = 1\n```\n\ntwo", 2),
        ("one $a b$ $$\na = b + c\n$$ two", 5),
        ("one\n\n## References\n\n- A long one", 1),
        ("## More practice\n\nmany words", 0),
        ("<details><summary><b>More practice</b></summary>\n\nmany words\n\n</details>", 0),
    ],
)
def test_which_words_count(text, words):
    assert pace.main_line(new_notebook(cells=[new_markdown_cell(text)]))[0] == words


def test_which_cells_count():
    cells = [
        new_code_cell("first"),
        new_code_cell("solution", metadata={"tags": ["hide-input"]}),
        new_markdown_cell("### More practice\n\none"),
        new_code_cell("optional"),
        new_markdown_cell("### Another exercise"),
        new_markdown_cell(FOLDED),
        new_code_cell("optional"),
        new_markdown_cell("## Another section"),
        new_code_cell("last"),
    ]
    assert pace.main_line(new_notebook(cells=cells)) == (3, ["first", "last"])


@pytest.fixture
def chapter(small):
    """The small chapter with ``paragraphs`` of a hundred words and ``cells`` of ten lines."""

    def make(paragraphs=0, cells=0):
        words = [new_markdown_cell("word " * 100) for _ in range(paragraphs)]
        code = [new_code_cell("\n".join("0123456789")) for _ in range(cells)]
        small.cells[2:2] = words + code
        return small

    return make


def test_every_part_takes_its_time(chapter, root, exercises):
    """Words, three cells, three questions and seven minutes of exercises: 15.0 and rounded up."""
    words = pace.main_line(chapter())[0]
    assert words / pace.WORDS + 3 + 3 * pace.QUESTION + 7 == pytest.approx(14.8, abs=0.2)
    assert pace.minutes(chapter(), "07_small", root) == 20
    exercises["07.count"]["minutes"] += 5
    assert pace.minutes(chapter(), "07_small", root) == 20
    exercises["07.count"]["minutes"] += 1
    assert pace.minutes(chapter(), "07_small", root) == 30
    assert pace.minutes(chapter(cells=10), "07_small", root) == 40
    assert pace.minutes(chapter(paragraphs=12), "07_small", root) == 50
    (root / "quizzes" / "07_small.json").unlink()
    assert pace.minutes(chapter(), "07_small", root) == 40


def test_a_cell_of_eleven_lines_takes_two_minutes(chapter, root, exercises):
    exercises["07.count"]["minutes"] = 0
    before = pace.minutes(chapter(cells=10), "07_small", root)
    for cell in chapter().cells:
        cell.source += "\n0" if cell.source.startswith("0\n1") else ""
    assert pace.minutes(chapter(), "07_small", root) == before + 10


def test_an_exercise_for_more_practice_takes_no_time(chapter, root, exercises):
    exercises["07.count"]["minutes"] = 100
    notebook = chapter()
    assert pace.minutes(notebook, "07_small", root) == 110
    notebook.cells.insert(-1, new_markdown_cell("### More practice"))
    assert pace.minutes(notebook, "07_small", root) == 10


@pytest.mark.parametrize(
    "stated",
    ["about 10 minutes", "about 30 minutes", "20 minutes", "about 20 hours", "about 200 minutes"],
)
def test_another_time_is_refused_and_the_right_one_told(small, root, stated):
    small.cells[0].source = small.cells[0].source.replace("about 20 minutes", stated)
    found = rules.problems(normal.normalise(small, "07_small"), "07_small", root)
    assert found == ["it must say `**Time:** about 20 minutes`"]


def test_a_long_main_line_is_refused(chapter, root):
    notebook = chapter(paragraphs=35)
    words = pace.main_line(notebook)[0]
    found = rules.problems(normal.normalise(notebook, "07_small"), "07_small", root)
    assert f"its main line has {words} words; 3500 is the most" in found
    del notebook.cells[2]
    found = rules.problems(normal.normalise(notebook, "07_small"), "07_small", root)
    assert [sentence.split("`")[0] for sentence in found] == ["it must say "]


def test_an_exercise_says_how_long_it_takes(small, root, exercises):
    del exercises["07.count"]["minutes"]
    found = rules.problems(small, "07_small", root)
    assert "exercise 07.count does not say how many minutes it takes" in found
