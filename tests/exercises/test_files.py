"""An answer in a script or a notebook is checked in a process of its own."""

import json

import pytest

from attention_course import exercises as checks
from attention_course.errors import ExerciseError
from attention_course.exercises import files

RIGHT = checks.EXERCISES["06.attention"].solution


def notebook(path, *sources, tags=()):
    content = {
        "cells": [
            {"cell_type": "code", "source": source, "metadata": {"tags": list(tags)}}
            for source in sources
        ]
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.fixture
def script(tmp_path):
    def write(text):
        path = tmp_path / "answer.py"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_right_script_passes(script):
    assert files.check_file("06.attention", script(RIGHT)).passed


def test_a_right_notebook_with_magics_passes(tmp_path):
    path = notebook(tmp_path / "a.ipynb", "%pip install -q x\nimport os", "%%bash\nls", RIGHT)
    assert files.check_file("06.attention", path).passed


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1", "defines no `time_attention`"),
        ("def broken(:", "stops with SyntaxError"),
        ("import sys\nsys.exit(3)", "stops with SystemExit (3)"),
        ("import os\nos._exit(7)", "ended Python (exit status 7)"),
        ("name = input()", "EOFError"),
        ("def time_attention(a, b, c):\n    return a.nothing", "at the line `return a.nothing`"),
        ("def time_attention(a, b, c):\n    ...", "returns None"),
        ("print('noise' * 99)\ntime_attention = 3", "is a number"),
    ],
)
def test_a_wrong_script_gets_a_sentence(script, text, words, capfd):
    verdict = files.check_file("06.attention", script(text))
    assert not verdict
    assert words in verdict.message
    assert capfd.readouterr() == ("", "")


def test_an_endless_file_is_stopped(script):
    verdict = files.check_file("06.attention", script("while True: pass"), seconds=1)
    assert verdict.status == "wrong"
    assert "still running after 1 seconds" in verdict.message


def test_nobody_is_graded_on_the_course_solution(tmp_path):
    path = notebook(tmp_path / "a.ipynb", RIGHT, tags=["hide-input"])
    verdict = files.check_file("06.attention", path)
    assert verdict.status == "unanswered"
    assert "defines no `time_attention`" in verdict.message


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("gone.py", None, "No such file"),
        ("answer.txt", b"", "neither a script"),
        ("latin.py", b"# caf\xe9", "UTF-8"),
        ("cut.ipynb", b'{"cells": [', "not a notebook"),
        ("old.ipynb", b'{"worksheets": []}', "not a notebook"),
        ("list.ipynb", b"[]", "not a notebook"),
    ],
)
def test_an_unreadable_file_is_named(tmp_path, name, content, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ExerciseError, match=words) as caught:
        files.check_file("06.attention", tmp_path / name)
    assert name in str(caught.value)


def test_an_unknown_exercise_is_named(script):
    with pytest.raises(ExerciseError, match="There is no exercise"):
        files.check_file("06.attenion", script(RIGHT))
