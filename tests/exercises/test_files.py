"""An answer in a script or a notebook is read as Python and IPython read it."""

import codecs
import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from attention_course.errors import ExerciseError
from attention_course.exercises import EXERCISES, files

ROOT = Path(__file__).parents[2]
RIGHT = EXERCISES["06.attention"].solution
LOST = "\n\ntime_attention = None\n"


def notebook(path, *sources, tags=(), version=4):
    cells = [nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)}) for source in sources]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Mine"), *cells])
    if version == 3:
        book = nbformat.convert(book, 3)
    path.write_text(nbformat.writes(book, version), encoding="utf-8")
    return path


@pytest.fixture
def script(tmp_path):
    def write(text, name="answer.py", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write


def check(path, **options):
    return files.check_file("06.attention", path, **options)


def test_a_right_script_passes_whatever_its_name_and_encoding(script):
    latin = "# -*- coding: latin-1 -*-\n# é\n" + RIGHT
    assert check(script(codecs.BOM_UTF8.decode() + RIGHT, "Answer 1.PY")).passed
    assert check(script(latin, encoding="latin-1")).passed
    assert check(script("%matplotlib inline\n!ls\n" + RIGHT)).passed


@pytest.mark.parametrize("name", ["random.py", "numpy.py"])
def test_a_file_may_be_named_like_a_module(script, name):
    path = script(RIGHT, name)
    command = [sys.executable, "-m", "attention_course", "check", "06.attention", name]
    settings = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "cp1252"}
    run = subprocess.run(command, cwd=path.parent, env=settings, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("+ Passed (06.attention)")


def test_a_script_finds_what_lies_beside_it(script):
    script("import numpy as np\n", "helper_of_mine.py")
    assert check(script("from helper_of_mine import np\n" + RIGHT.partition("\n")[2])).passed


# What IPython alone understands, each beside code that must run for the answer to be right.
CELLS = [
    "%pip install -q x\nimport os",
    "%%bash\nexit 1",
    "%%time\nused = 1",
    "%%capture kept\nprint(used)",
    "%timeit -n 1 -r 1 used",
    "import math\nmath.sin?\n?math.cos",
    "files = !ls \\\n  -l",
    "!echo one \\\n  two",
    "import asyncio\nawait asyncio.sleep(0)\nwaited = True",
    "get_ipython().run_line_magic('matplotlib', 'inline')",
    "seven = (7\n% 3)\n%matplotlib inline",
    "no_such_name",
    "import sys\nsys.exit(1)",
    "%no_such_magic",
    "from attention_course.exercises import check, hint, question\ncheck('06.attention', None)",
    "from attention_course.functional import softmax",
    "assert used == seven == 1 and waited and files is not None",
    "@__import__('functools').lru_cache\ndef helper(x: int) -> 'number': return x",
]


@pytest.mark.parametrize("version", [3, 4])
def test_a_right_notebook_passes(tmp_path, version):
    checked = RIGHT.replace("scores =", "assert waited and seven == 1\n    scores =", 1)
    path = notebook(tmp_path / "a.IPYNB", *CELLS, checked, version=version)
    path.write_bytes(codecs.BOM_UTF8 + path.read_bytes())
    verdict = check(path)
    assert verdict.passed, verdict


# Of a sum that is too long to be compiled; Python 3.12 runs out of its stack in another place.
TOO_DEEP = "MemoryError" if sys.version_info >= (3, 12) else "RecursionError"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1", "the file defines no `time_attention`"),
        ("def broken(:", "stops with SyntaxError"),
        ("import sys\nsys.exit(3)", "stops with SystemExit (3)"),
        ("x = " + "-" * 10**5 + "1", "stops with MemoryError"),
        ("x = " + "1+" * 10**5 + "1", f"stops with {TOO_DEEP}"),
        ("import os\nos._exit(7)", "ended Python (exit status 7)"),
        ("name = input()", "EOFError"),
        ("def time_attention(a, b, c):\n    return a.nothing", "at the line `return a.nothing`"),
        ("def time_attention(a, b, c):\n    ...", "returns None"),
        ("def time_attention(a, b, c):\n    print()", "For x = "),
        ("print('noise' * 99)\ntime_attention = 3", "a number"),
        (RIGHT + LOST, "write `time_attention`"),
        (
            "from attention_course.exercises import solution\nexec(solution('06.attention'))",
            "closed",
        ),
    ],
)
def test_a_wrong_script_gets_a_sentence(script, text, words, capfd):
    verdict = check(script(text))
    assert not verdict
    assert words in verdict.message
    assert capfd.readouterr() == ("", "")


def test_an_endless_file_is_stopped(script):
    verdict = check(script("while True: pass"), seconds=1)
    assert verdict.status == "wrong"
    assert "still running after 1 seconds" in verdict.message


def test_a_seed_repeats_a_check(script):
    path = script(RIGHT.replace("np.tanh", "1.5 * np.tanh"))
    assert check(path, seed=5) == check(path, seed=5)


def test_nobody_is_graded_on_the_course_solution(tmp_path):
    path = notebook(tmp_path / "a.ipynb", RIGHT, tags=["hide-input"])
    verdict = check(path)
    assert verdict.status == "unanswered"
    assert "defines no `time_attention`" in verdict.message


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("gone.py", None, "No such file"),
        ("answer.txt", b"", "neither a script"),
        ("latin.py", b"# caf\xe9", "UTF-8"),
        ("odd.py", b"# coding: klingon", "UTF-8"),
        ("bytes.py", b"# coding: hex", "UTF-8"),
        ("undefined.py", b"# coding: undefined", "UTF-8"),
        ("zero.py", b"\xff\xfe\x00", "UTF-8"),
        ("cut.ipynb", b'{"cells": [', "not a notebook"),
        ("none.ipynb", b"", "not a notebook"),
        ("list.ipynb", b"[]", "not a notebook"),
        ("text.ipynb", b'"text"', "not a notebook"),
        ("number.ipynb", json.dumps({"nbformat": "x", "cells": 3}).encode(), "not a notebook"),
        ("deep.ipynb", b"[" * 10**5, "not a notebook"),
        ("binary.ipynb", b"\x00\xff", "not a notebook"),
    ],
)
def test_an_unreadable_file_is_named(tmp_path, name, content, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ExerciseError, match=words) as caught:
        check(tmp_path / name)
    assert name in str(caught.value)


def test_an_unknown_exercise_is_named(script):
    with pytest.raises(ExerciseError, match="There is no exercise"):
        files.check_file("06.attenion", script(RIGHT))


def test_a_script_that_is_no_python_is_told_its_own_line(tmp_path):
    path = tmp_path / "answer.py"
    path.write_text("x = 1\n\ndef rnn_step(:\n    pass\n")
    message = files.check_file("01.rnn_step", path).message
    assert "SyntaxError" in message
    assert "(answer.py, line 3)" in message
