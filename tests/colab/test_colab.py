"""Every chapter runs as on Google Colab: alone in an empty folder, with Colab's own versions.

What stands in for what:

* Colab's machine: a virtual environment with the versions of a pip constraints file.
* GitHub: a bare repository of this working tree, published at an address by the command of the
  course. git is told to use it instead of that address, so the first cell runs word for word.
* raw.githubusercontent.com: the working tree, served over HTTP on loopback.
* ``google.colab``: an empty module that is loaded before the first cell, as on Colab.

Afterwards every quiz and interactive figure is used in frames like those of Colab's outputs.

The environment is made by pip from the package index, so this test needs a network or a cache,
and minutes. The last step needs Chromium. It runs on request only:

    ATTENTION_COURSE_COLAB=1 python -m pytest tests/colab

COLAB_CONSTRAINTS         the constraints file (default: ../shared/data/colab/constraints.txt)
COLAB_PYTHON              the interpreter (default: Python 3.13 if there is one, else this one)
ATTENTION_COURSE_COLAB_ENV  a folder in which the environment is kept for the next run
"""

import functools
import hashlib
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from attention_course import __version__, assets
from attention_course.book import address, rules

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
RUNNER = Path(__file__).with_name("run_notebook.py")
VISITOR = Path(__file__).with_name("use_outputs.py")
# What Colab has, as far as this course touches it. It has neither jupyterquiz nor this package.
PACKAGES = [
    "cloudpickle",
    "h5py",
    "ipykernel",
    "ipython",
    "jsonschema",
    "keras",
    "matplotlib",
    "nbclient",
    "nbformat",
    "numpy",
    "pandas",
    "pip",
    "pooch",
    "requests",
    "scikit-learn",
    "scipy",
    "setuptools",
    "tensorflow",
]
OURS = {"attention-course", "jupyterquiz"}
FORK = "https://github.com/a-teacher/attention"
MINUTE = 60

pytestmark = [
    pytest.mark.colab,
    pytest.mark.timeout(20 * MINUTE),
    pytest.mark.skipif(
        os.environ.get("ATTENTION_COURSE_COLAB") != "1",
        reason="takes minutes; run it with: ATTENTION_COURSE_COLAB=1 python -m pytest tests/colab",
    ),
]


def run(*command, timeout=10 * MINUTE, env=None, **options):
    """Run a command, to which this checkout is unknown; on failure show what it printed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(
        [str(part) for part in command],
        env=environment if env is None else env,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        **options,
    )
    if result.returncode:
        pytest.fail(f"{command} gave {result.returncode}:\n{result.stdout}\n{result.stderr}")
    return result.stdout


# --- the stand-ins ----------------------------------------------------------------------------


@pytest.fixture(scope="session")
def constraints():
    path = Path(
        os.environ.get("COLAB_CONSTRAINTS", ROOT.parent / "shared/data/colab/constraints.txt")
    )
    if not path.is_file():
        pytest.fail(
            f"{path} is missing: set COLAB_CONSTRAINTS to a pip constraints file with the "
            "versions that Colab has."
        )
    return path.resolve()


@pytest.fixture(scope="session")
def python(constraints, tmp_path_factory):
    """The interpreter of an environment that has what Colab has, and nothing of ours."""
    base = find_python()
    kept = os.environ.get("ATTENTION_COURSE_COLAB_ENV")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("colab-environment")
    recipe = "\n".join([base, run(base, "--version"), constraints.read_text(), *PACKAGES])
    stamp = folder / "recipe.txt"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not stamp.is_file() or stamp.read_text() != recipe:
        run(base, "-m", "venv", "--clear", folder)
        run(python, "-m", "pip", "install", "-q", "-c", constraints, *PACKAGES, timeout=15 * MINUTE)
        stamp.write_text(recipe)
    run(python, "-m", "pip", "uninstall", "-q", "-y", *OURS)
    return python


def find_python():
    """Return a Python 3.13, which Colab has, or this one."""
    candidates = [os.environ.get("COLAB_PYTHON"), shutil.which("python3.13")]
    candidates += sorted(map(str, Path.home().glob(".pyenv/versions/3.13.*/bin/python3.13")))
    for candidate in filter(None, candidates):
        # A shim of pyenv may exist and refuse to work.
        result = subprocess.run([candidate, "--version"], capture_output=True, check=False)
        if result.returncode == 0:
            return candidate
    return sys.executable


@pytest.fixture(scope="session")
def tree(tmp_path_factory):
    """A copy of the working tree, edits that are not committed included."""
    folder = tmp_path_factory.mktemp("tree")
    listing = run("git", "ls-files", "-z", "-co", "--exclude-standard", cwd=ROOT)
    for name in filter(None, listing.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def repository(tree, tmp_path_factory):
    """A bare repository of the working tree, published at ``FORK``; and the commit that it pins."""
    bare = tmp_path_factory.mktemp("github") / "course.git"
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    run("git", "init", "-q", cwd=tree)
    run("git", "add", "--all", "--force", cwd=tree)
    run("git", *identity, "commit", "-q", "-m", "The working tree", cwd=tree)
    commit = address.newest(tree)
    for path, text in address.changes(tree, FORK, commit).items():
        path.write_text(text, encoding="utf-8")
    run("git", *identity, "commit", "-q", "--all", "-m", "Published", cwd=tree)
    run("git", "clone", "-q", "--bare", tree, bare)
    run("git", "config", "uploadpack.allowFilter", "true", cwd=bare)
    run("git", "config", "uploadpack.allowAnySHA1InWant", "true", cwd=bare)
    return bare, commit


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files and notes what was asked for and how it went."""

    asked: list

    def send_response(self, code, message=None):
        self.asked.append((self.path.removeprefix("/"), int(code)))
        super().send_response(code, message)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def web(tree):
    """The working tree over HTTP: (base URL, list of what was asked for)."""
    asked = []
    handler = type("Noting", (Handler,), {"asked": asked})
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(handler, directory=str(tree))
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def machine(python, repository, web, tmp_path):
    """A fresh Colab machine: environment variables, empty folders, none of our packages."""
    run(python, "-m", "pip", "uninstall", "-q", "-y", *OURS)
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00_colab.py").write_text(
        "import sys, types\nsys.modules['google.colab'] = types.ModuleType('google.colab')\n"
    )
    url, _ = web
    ours = ("ATTENTION_COURSE_", "PYTHON", "TF_", "KERAS_", "JUPYTER", "IPYTHON", "GIT_", "PYTEST")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        "VIRTUAL_ENV": str(python.parent.parent),
        "ATTENTION_COURSE_BASE_URL": url,
        "ATTENTION_COURSE_CACHE": str(tmp_path / "cache"),
        "KERAS_HOME": str(tmp_path / "keras"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "JUPYTER_DATA_DIR": str(tmp_path / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{repository[0].as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": FORK,
    }


def installed(python):
    """Return the version of every installed distribution, by its normalised name."""
    code = (
        "import importlib.metadata as m, json; print(json.dumps({"
        "d.name.lower().replace('_', '-'): d.version for d in m.distributions()}))"
    )
    return json.loads(run(python, "-c", code, cwd=python.parent))


# --- the tests --------------------------------------------------------------------------------


def test_wheel(python, tree, tmp_path):
    """The wheel holds the package with its data, and asks for two packages only.

    What translators work on stays behind; what was made from it goes along.
    """
    source = tmp_path / "source"
    shutil.copytree(tree, source, ignore=shutil.ignore_patterns(".git"))
    run(python, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, source)
    wheel = next(tmp_path.glob("attention_course-*.whl"))
    assert wheel.name == f"attention_course-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = archive.read(next(n for n in names if n.endswith("/METADATA"))).decode()
    inside = {name for name in names if not name.startswith("attention_course-")}
    expected = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "attention_course").rglob("*")
        if path.is_file() and path.suffix not in {".pyc", ".po", ".pot"}
    }
    assert inside == expected
    required = re.findall(r"^Requires-Dist: ([\w-]+)", metadata, re.MULTILINE)
    assert set(required) == {"jupyterquiz", "pooch"}


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_chapter(chapter, python, tree, repository, machine, web, tmp_path):
    commit = repository[1]
    folder = tmp_path / "content"
    folder.mkdir()
    shutil.copyfile(tree / "chapters" / chapter.name, folder / chapter.name)
    before = installed(python)
    assert not OURS & set(before)

    result = tmp_path / "executed.ipynb"
    run(python, RUNNER, folder / chapter.name, result, cwd=folder, env=machine)

    cells = json.loads(result.read_text(encoding="utf-8"))["cells"]
    assert errors_in(cells) == []
    assert_every_cell_ran(cells, commit)
    after = installed(python)
    assert {name: after.get(name) for name in before} == before, "Colab's versions must stay"
    assert set(after) - set(before) == OURS
    assert after["attention-course"] == __version__
    assert_downloads(chapter, web[1], tmp_path / "cache" / __version__)
    show = "from attention_course import assets; print(assets.raw_base())"
    source = run(python, "-c", show, cwd=folder, env=machine).strip()
    assert source == f"https://raw.githubusercontent.com/a-teacher/attention/{commit}"
    # Looked at from outside: the browser and Playwright belong to this environment, not to Colab's.
    report = json.loads(run(sys.executable, VISITOR, result))
    assert report["problems"] == []
    assert report["quizzes"] == 1
    assert report["figures"] == chapter.read_text("utf-8").count('class=\\"ac-interactive\\"')


def errors_in(cells):
    """Return what went wrong, cell by cell."""
    return [
        f"cell {number}: {output['ename']}: {output['evalue']}"
        for number, cell in enumerate(cells)
        for output in cell.get("outputs", [])
        if output["output_type"] == "error"
    ]


def assert_every_cell_ran(cells, commit):
    code = [cell for cell in cells if cell["cell_type"] == "code" and "".join(cell["source"])]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert "".join(code[0]["source"]) == rules.first_cell(FORK, commit)


def assert_downloads(chapter, asked, cache):
    """Each file was downloaded once, checked, and taken from the cache afterwards."""
    names = [name for name, _ in asked]
    assert {code for _, code in asked} == {200}
    assert f"quizzes/{chapter.stem}.json" in names
    assert len(names) == len(set(names)), "a second use must come from the cache"
    cached = {path.relative_to(cache).as_posix(): path for path in cache.rglob("*")}
    assert {name for name, path in cached.items() if path.is_file()} == set(names)
    registry = assets.read_registry()
    for name in names:
        assert hashlib.sha256(cached[name].read_bytes()).hexdigest() == registry[name]


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("open('../quizzes/01_rnn_recap.json')", "FileNotFoundError: "),
        (rules.first_cell(rules.UNPUBLISHED, "0" * 40), "SystemExit: This copy "),
    ],
)
def test_an_error_is_noticed(source, problem, python, machine, tmp_path):
    """A file of the checkout asked for by its path; a course that nobody has published."""
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "execution_count": None}
    notebook = {
        "cells": [cell | {"source": source}],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path = tmp_path / "content" / "bad.ipynb"
    path.parent.mkdir()
    path.write_text(json.dumps(notebook))
    result = tmp_path / "executed.ipynb"
    run(python, RUNNER, path, result, cwd=path.parent, env=machine)
    problems = errors_in(json.loads(result.read_text())["cells"])
    assert len(problems) == 1
    assert problems[0].startswith(f"cell 0: {problem}")
    assert not OURS & set(installed(python))
