"""What the comparison of stored with fresh outputs notices, and what it lets pass."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from nbformat.v4 import new_code_cell, new_notebook, new_output

from attention_course.book import normal

ROOT = Path(__file__).resolve().parents[2]
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
    notebook = normal.normalise(new_notebook(cells=cells), "07_small")
    normal.write(notebook, tmp_path / "07_small.ipynb")
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


AGAIN = """\
from pathlib import Path
import nbformat
from attention_course.book import execution

def test_it_runs():
    path = Path(__file__).with_name("chapters") / "07_small.ipynb"
    told = []
    execution.run({path: nbformat.read(path, 4)}, lambda *found: told.append(found))
    assert told[0][1] is None
"""


def test_a_chapter_that_is_executed_twice_fails_the_run(tmp_path):
    """With the settings of this course's test runs: nothing has to be said on the command line."""
    cell = new_code_cell("print(1)", execution_count=1, outputs=[])
    notebook = normal.normalise(new_notebook(cells=[cell]), "07_small")
    notebook.cells[0].outputs = [new_output("stream", name="stdout", text="1\n")]
    (tmp_path / "chapters").mkdir()
    normal.write(notebook, tmp_path / "chapters" / "07_small.ipynb")
    shutil.copy(ROOT / "conftest.py", tmp_path)
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "nbval_sanitize.cfg", tmp_path / "tests")
    (tmp_path / "test_again.py").write_text(AGAIN)

    named = ("chapters/07_small.ipynb", "test_again.py")
    twice = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *named],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert twice.returncode == 1
    assert "2 passed" in twice.stdout, "no test of its own fails, as in a run without the second"
    assert "2 executions of 1 chapters" in twice.stdout
