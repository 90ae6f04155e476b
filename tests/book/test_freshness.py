"""No stale page: what has changed is executed again, and nothing else is."""

import json
from pathlib import Path

import pytest
import yaml
from building import build
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from attention_course.book import freshness, normal

FILES = {
    "attention_course/plots.py": "a",
    "benchmarks/speed.json": "g",
    "images/rnn.svg": "b",
    "images/spare.svg": "c",
    "models/lstm.json": "d",
    "quizzes/01_a.json": "e",
    "quizzes/02_b.json": "f",
}
SOURCES = {
    "01_a": 'show_quiz("01_a")\nshow_image("rnn")\nbenchmarks.load("speed")',
    # As in a notebook's JSON. The link to chapter 1 does not make its quiz a part of this one.
    "02_b": r'"show_quiz(\"02_b\") # rnns", "[chapter 1](01_a.ipynb)", "the rnn"',
}


def stale(files, chapters, before):
    """Chapters whose inputs are not those of before."""
    now = freshness.fingerprints(files, chapters)
    return [name for name in now if now[name] != before.get(name)]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ("quizzes/01_a.json", ["01_a"]),
        ("quizzes/02_b.json", ["02_b"]),
        ("benchmarks/speed.json", ["01_a"]),
        ("images/rnn.svg", ["01_a"]),
        ("images/spare.svg", ["01_a", "02_b"]),
        ("models/lstm.json", ["01_a", "02_b"]),
        ("attention_course/plots.py", ["01_a", "02_b"]),
        ("language", ["01_a", "02_b"]),
        (None, []),
    ],
)
def test_a_changed_file_makes_the_right_chapters_stale(changed, expected):
    before = freshness.fingerprints(FILES, SOURCES)
    files = {**FILES, changed: "new"} if changed else FILES
    assert stale(files, SOURCES, before) == expected


def test_a_removed_or_added_file_and_a_new_chapter_count_too():
    before = freshness.fingerprints(FILES, SOURCES)
    fewer = {name: FILES[name] for name in FILES if name != "models/lstm.json"}
    assert stale(fewer, SOURCES, before) == ["01_a", "02_b"]
    assert "03_c" in stale(FILES, {**SOURCES, "03_c": "new"}, before)


def test_byte_code_and_hidden_files_are_not_watched(tmp_path):
    for name in ("attention_course/a.py", "attention_course/__pycache__/a.pyc", "data/.hidden"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    assert list(freshness.watched_files(tmp_path)) == ["attention_course/a.py"]


# --- a tiny book ---------------------------------------------------------------------------

COUNTING = """\
import json, os, sys
from pathlib import Path

log = Path("executions.log")
log.write_text((log.read_text() if log.exists() else "") + "x")
print("the quiz says:", end="", flush=True)
print("noise", file=sys.stderr, flush=True)
print("", json.loads(Path("../quizzes/01_small.json").read_text()), flush=True)
print("backend", os.environ.get("KERAS_BACKEND"), "optimised", sys.flags.optimize)"""


@pytest.fixture
def tiny(tmp_path):
    folder = tmp_path / "tiny"
    (folder / "chapters").mkdir(parents=True)
    (folder / "quizzes").mkdir()
    ask(folder, "first wording")
    (folder / "index.md").write_text("# Tiny\n\nText.\n")
    (folder / "_toc.yml").write_text(
        "format: jb-book\nroot: index\nchapters:\n  - file: chapters/01_small\n"
    )
    configuration = {
        "title": "Tiny",
        "execute": {"execute_notebooks": "cache", "stderr_output": "remove"},
        "sphinx": {"extra_extensions": ["attention_course.book.extension"]},
    }
    (folder / "_config.yml").write_text(yaml.safe_dump(configuration))
    write_chapter(folder, COUNTING)
    return folder


def ask(folder: Path, wording: str) -> None:
    (folder / "quizzes" / "01_small.json").write_text(json.dumps(wording))


def write_chapter(folder: Path, code: str) -> None:
    cells = [new_markdown_cell("# Small"), new_code_cell(code, id="cell")]
    notebook = normal.normalise(new_notebook(cells=cells), "01_small")
    normal.write(notebook, folder / "chapters" / "01_small.ipynb")


def executions(folder: Path) -> int:
    return len((folder / "chapters" / "executions.log").read_text())


def shown(folder: Path) -> str:
    return (folder / "_build" / "html" / "chapters" / "01_small.html").read_text("utf-8")


@pytest.mark.slow
def test_what_has_changed_is_executed_again_and_what_went_wrong_stays_visible(tiny, monkeypatch):
    """One book through its changes, since each build takes its time."""
    # What readers have set up for themselves changes nothing.
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setenv("PYTHONOPTIMIZE", "2")
    result = build(tiny)
    assert result.returncode == 0, result.stderr
    assert executions(tiny) == 1
    assert "the quiz says: first wording" in shown(tiny)
    assert "backend tensorflow optimised 0" in shown(tiny)

    # As a build server does with what it has cached.
    moved = tiny.with_name("moved")
    tiny.rename(moved)
    ask(moved, "second wording")
    assert build(moved).returncode == 0
    assert executions(moved) == 2
    assert "the quiz says: second wording" in shown(moved)

    # A warning fails the next strict build too.
    (moved / "index.md").write_text("# Tiny\n\n[nowhere](missing.md)\n")
    for _ in range(2):
        result = build(moved, "-W", "--keep-going")
        assert result.returncode != 0
        assert "missing.md" in result.stderr
    assert executions(moved) == 2, "the chapter has not changed, yet it was executed again"

    write_chapter(moved, COUNTING + "\nundefined_name")
    for _ in range(2):
        result = build(moved)
        assert result.returncode != 0
        assert "01_small, code cell 1 (cell 2 of 2) failed: NameError" in result.stderr
        assert "Traceback" not in result.stderr

    # What the first version of the code gave was with another quiz.
    (moved / "index.md").write_text("# Tiny\n\nText.\n")
    ask(moved, "third wording")
    write_chapter(moved, COUNTING)
    assert build(moved, "-W", "--keep-going").returncode == 0
    assert "the quiz says: third wording" in shown(moved)
