"""Chapters are executed side by side, and what goes wrong is said in one sentence."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from attention_course.book import execution, normal, notebooks, rules

ROOT = Path(__file__).resolve().parents[2]


def run(folder, *cells, timeout=60):
    """Execute a notebook of these cells; returns it with the sentence about what went wrong."""
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    told = []
    execution.run({folder / "07_small.ipynb": notebook}, lambda *found: told.append(found), timeout)
    ((path, problem, seconds),) = told
    assert path == folder / "07_small.ipynb"
    assert seconds > 0
    return notebook, problem


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ('raise ValueError("three is not two.\\nAnd more.")', "ValueError: three is not two."),
        ("import os\nos._exit(1)", "its Python process died (out of memory?)."),
    ],
)
def test_a_failing_cell_is_named_in_one_sentence(tmp_path, cell, why):
    _, problem = run(tmp_path, "print(1)", cell, "print(2)")
    assert problem.startswith(f"07_small, code cell 2 (cell 2 of 3) failed: {why}")
    assert "\n" not in problem


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("three is not two.\nAnd more.", "three is not two"),
        ("\n\x1b[0;31minvalid syntax\x1b[0m (1.py, line 1)\n", "invalid syntax (1.py, line 1)"),
        ("", "no message"),
        (" \n", "no message"),
    ],
)
def test_the_first_line_of_an_error(text, line):
    assert execution.first_line(text) == line


def test_a_cell_that_takes_too_long_is_named(tmp_path):
    _, problem = run(tmp_path, "import time\ntime.sleep(100)", timeout=1)
    assert "code cell 1 (cell 1 of 1) failed: it did not finish within 1 s." in problem


def test_a_line_that_arrives_in_parts_stays_one_line(tmp_path):
    parts = [
        "import sys",
        "from IPython.display import display",
        'print("concat equals additive:", end="", flush=True)',
        'print("noise", file=sys.stderr, flush=True)',
        "sys.stdout.flush()",
        'print(" True", flush=True)',
        "display(1)",
        'print("after")',
    ]
    notebook, problem = run(tmp_path, "\n".join(parts))
    assert problem is None
    (cell,) = notebook.cells
    assert [output.get("text") for output in cell.outputs] == [
        "concat equals additive: True\n",
        None,
        "after\n",
    ]
    nbformat.validate(notebook)


def waiting_for(mine, other):
    return (
        "import pathlib, time\n"
        f"pathlib.Path({mine!r}).touch()\n"
        f"while not pathlib.Path({other!r}).exists():\n    time.sleep(0.02)"
    )


def test_two_chapters_run_side_by_side(tmp_path, monkeypatch):
    """Each waits until the other one has begun; that one of them fails does not stop the other."""
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    cells = {"a": waiting_for("a", "b") + "\n1 / 0", "b": waiting_for("b", "a")}
    jobs = {
        tmp_path / f"{name}.ipynb": new_notebook(cells=[new_code_cell(cell)])
        for name, cell in cells.items()
    }
    told = {}
    execution.run(jobs, lambda path, problem, _: told.update({path.stem: problem}), timeout=60)
    assert "ZeroDivisionError" in told["a"]
    assert told["b"] is None


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT")
def test_ctrl_c_ends_every_kernel(tmp_path):
    code = f"""
import os
from pathlib import Path
from nbformat.v4 import new_code_cell, new_notebook
from attention_course.book import execution
os.cpu_count = lambda: 2
cell = "import os, pathlib, time; pathlib.Path(str(os.getpid())).touch(); time.sleep(120)"
execution.run(
    {{Path({str(tmp_path)!r}, name): new_notebook(cells=[new_code_cell(cell)]) for name in "ab"}},
    print,
)"""
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    while len(kernels := [int(path.name) for path in tmp_path.iterdir()]) < 2:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode != 0
    assert said.rstrip().endswith("KeyboardInterrupt")
    for kernel in kernels:
        with pytest.raises(ProcessLookupError):
            os.kill(kernel, 0)


# --- the command ---------------------------------------------------------------------------


def test_executing_twice_changes_nothing(root, small, monkeypatch, capsys):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    small.cells[2].source = (
        "import os, sys, pathlib\n"
        'print("noise", file=sys.stderr)\n'
        'print(os.environ["CUDA_VISIBLE_DEVICES"], os.environ.get("PYTHONDONTWRITEBYTECODE"))\n'
        "pathlib.Path.cwd().name"
    )
    small.cells[4].source = "show_quiz = check = print\n" + small.cells[4].source
    path = root / "chapters" / "07_small.ipynb"
    nbformat.write(small, path)
    assert notebooks.update([path])
    assert capsys.readouterr().out.startswith("07_small: stored (")
    first = path.read_bytes()
    assert notebooks.update([path])
    assert capsys.readouterr().out.startswith("07_small: unchanged (")
    assert path.read_bytes() == first
    stored = normal.read(path)
    assert rules.problems(stored, "07_small", root) == []
    assert stored.cells[2].outputs[0].text == "-1 None\n"
    assert stored.cells[2].outputs[1].data["text/plain"] == "'chapters'"
    assert [p.name for p in path.parent.iterdir()] == ["07_small.ipynb"]


def test_a_chapter_that_fails_is_left_as_it_was(root, small, capsys):
    small.cells[2].source = "1 / 0"
    path = root / "chapters" / "07_small.ipynb"
    nbformat.write(small, path)
    before = path.read_bytes()
    assert not notebooks.update([path])
    assert "07_small, code cell 2 (cell 3 of 5) failed: Zero" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_an_unknown_chapter_and_a_broken_file_get_one_sentence(root, capsys):
    path = root / "chapters" / "07_small.ipynb"
    path.write_text("{not json", encoding="utf-8")
    with pytest.raises(normal.NotebookError, match="cannot be read as a notebook"):
        normal.read(path)
    with pytest.raises(normal.NotebookError, match="choose from 07_small"):
        notebooks.chapters(["08_other"], folder=root / "chapters")
    with pytest.raises(normal.NotebookError, match="No chapters"):
        notebooks.chapters(folder=root)
    assert notebooks.main(["no_such_chapter"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_the_stored_chapters_can_be_checked_without_running_them(capsys):
    assert notebooks.main(["--check"]) == 0
    assert capsys.readouterr().out == ""
