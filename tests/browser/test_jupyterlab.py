"""Every chapter in a real JupyterLab: solutions are folded, all cells run, students get answers.

JupyterLab itself lives in an environment of its own, made by pip from ``jupyterlab.txt`` beside
this file; that needs a network or a cache. The kernel is the Python that runs the tests.
ATTENTION_COURSE_LAB_ENV names a folder in which the environment is kept for the next run.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from attention_course.book import normal
from attention_course.book.objectives import checks
from attention_course.environment import SETTINGS
from attention_course.exercises import EXERCISES

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "chapters").glob("[0-9][0-9]_*.ipynb"))
PINS = Path(__file__).with_name("jupyterlab.txt")
MINUTE = 60

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(15 * MINUTE)]

# --- JavaScript: what the notebook in front holds ----------------------------------------------

READY = """async () => {
  while (!window.jupyterapp?.shell?.currentWidget?.context)
    await new Promise((resolve) => setTimeout(resolve, 100));
  const { context, sessionContext } = jupyterapp.shell.currentWidget;
  await Promise.all([context.ready, sessionContext.ready]);
}"""
CELLS = """() => jupyterapp.shell.currentWidget.content.widgets.map((cell) => ({
  source: cell.model.sharedModel.getSource(),
  solution: (cell.model.getMetadata("tags") ?? []).includes("hide-input"),
  folded: cell.inputHidden ?? false,
  code: cell.model.type === "code",
  seen: cell.node.querySelector(".jp-InputArea-editor")?.checkVisibility() ?? false,
  run: cell.model.executionCount > 0,
  errors: (cell.model.outputs?.toJSON() ?? []).filter((one) => one.output_type === "error")
    .map((one) => `${one.ename}: ${one.evalue}`),
}))"""
CLEAR = "() => jupyterapp.commands.execute('notebook:clear-cell-output')"
RUN_ALL = "() => jupyterapp.commands.execute('notebook:run-all-cells')"


# --- the server --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def jupyter_lab(tmp_path_factory):
    """The command of a JupyterLab of the pinned version."""
    kept = os.environ.get("ATTENTION_COURSE_LAB_ENV")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("jupyterlab")
    stamp = folder / "pins.txt"
    if not stamp.is_file() or stamp.read_text() != PINS.read_text():
        python = folder / "bin" / "python"
        for command in (
            [sys.executable, "-m", "venv", "--clear", folder],
            [python, "-m", "pip", "install", "-q", "--no-deps", "-r", PINS],
        ):
            made = subprocess.run(command, capture_output=True, text=True, check=False)
            assert made.returncode == 0, f"{command}:\n{made.stdout}\n{made.stderr}"
        shutil.copyfile(PINS, stamp)
    return folder / "bin" / "jupyter-lab"


@pytest.fixture(scope="module")
def lab(jupyter_lab, tmp_path_factory):
    """The address of a running JupyterLab with a copy of the chapters."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(ROOT / "chapters", home / "chapters")
    tagged = new_code_cell("# @title Solution", metadata={"tags": ["hide-input"]})
    broken = new_notebook(cells=[tagged, new_code_cell("1 / 0"), new_code_cell("2")])
    broken.metadata = normal.read(CHAPTERS[0]).metadata
    nbformat.write(broken, home / "chapters" / "broken.ipynb")
    kernel = home / "data" / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    launch = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel.write_text(
        json.dumps({"argv": launch, "display_name": "Python 3", "language": "python"})
    )
    # Every cell is in the page, also those that nobody has scrolled to.
    settings = home / "settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    (settings / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}')
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    options = {
        "--ServerApp.ip": "127.0.0.1",
        "--ServerApp.port": port,
        "--ServerApp.port_retries": 0,
        "--ServerApp.root_dir": home / "chapters",
        "--IdentityProvider.token": "",
        "--LabApp.expose_app_in_browser": True,
        "--LabApp.extension_manager": "readonly",
        "--LabApp.news_url": None,
        "--LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }
    folders = {"DATA": "own", "CONFIG": "config", "RUNTIME": "runtime"}
    # As a reader starts it, and not as the book is executed.
    readers = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    readers |= {
        **{f"JUPYTER_{name}_DIR": str(home / place) for name, place in folders.items()},
        "JUPYTER_PATH": str(home / "data"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"),
        "PYTHONPATH": str(ROOT),
    }
    with (home / "log.txt").open("w") as log:
        server = subprocess.Popen(
            [
                *(jupyter_lab, "--no-browser", "--allow-root"),
                *(f"{name}={value}" for name, value in options.items()),
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=readers,
        )
    try:
        while True:
            assert server.poll() is None, (home / "log.txt").read_text()
            try:
                urllib.request.urlopen(f"{address}/api", timeout=60).close()
                break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        server.terminate()  # which ends the kernels too
        server.wait(MINUTE)


@pytest.fixture
def notebook(browser, lab):
    """Give a function that opens a chapter in a JupyterLab of its own and waits for its kernel."""
    contexts = []

    def open_one(name):
        contexts.append(browser.new_context(viewport={"width": 1400, "height": 1000}))
        page = contexts[-1].new_page()
        page.set_default_timeout(5 * MINUTE * 1000)
        page.goto(f"{lab}/doc/tree/{name}?reset")
        page.evaluate(READY)
        return page

    yield open_one
    for context in contexts:
        context.close()


# --- a student ---------------------------------------------------------------------------------


def cell(page, place):
    return page.locator(".jp-Notebook .jp-Cell").nth(place)


def hand_in(page, place, code):
    """Write code into a cell in place of what is there, run it, and return what the check says."""
    cell(page, place).locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(code)
    assert page.evaluate(CELLS)[place]["source"] == code
    page.evaluate(CLEAR)
    page.keyboard.press("Control+Enter")
    return cell(page, place).locator(".jp-OutputArea [role=status]").last.inner_text()


def exercise_of(cells):
    """The first exercise in NumPy that a cell leaves to the student, and the cell's place."""
    for place, one in enumerate(cells):
        for name in EXERCISES:
            plain = EXERCISES[name].wants == "function" and not EXERCISES[name].imports
            if plain and checks(one["source"], name) and not one["solution"]:
                return name, place
    raise AssertionError("no cell checks an exercise")


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_in_jupyterlab(notebook, path):
    page = notebook(path.name)
    cells = page.evaluate(CELLS)
    stored = normal.read(path).cells
    assert [one["source"] for one in cells] == [one.source for one in stored]
    folded = [place for place, one in enumerate(cells) if one["folded"]]
    assert folded == [place for place, one in enumerate(cells) if one["solution"]] != []
    assert all(one["seen"] is not one["folded"] for one in cells if one["code"])

    page.evaluate(RUN_ALL)
    cells = page.evaluate(CELLS)
    assert [(place, one["errors"]) for place, one in enumerate(cells) if one["errors"]] == []
    assert all(one["run"] for one in cells if one["code"])
    page.locator(".ac-quiz label[data-correct=true]").first.click()
    said = page.locator(".ac-quiz .Feedback.correct").first
    assert said.inner_text().startswith("Right:")
    assert page.locator(".ac-interactive").count() == page.locator(".ac-live").count()

    name, place = exercise_of(cells)
    exercise = EXERCISES[name]
    check = f'\n\n\ncheck("{name}", {exercise.called})'
    assert "Passed" in hand_in(page, place, exercise.solution.rstrip() + check)
    wrong = f"def {exercise.called}(*inputs):\n    return 12345" + check
    assert "Not yet right" in hand_in(page, place, wrong)
    assert "Not answered yet" in hand_in(page, place, wrong.replace("return 12345", "..."))


def test_a_mistake_gets_its_sentence_and_a_solution_opens(notebook):
    page = notebook("01_rnn_recap.ipynb")
    cells = page.evaluate(CELLS)
    place = next(i for i, one in enumerate(cells) if checks(one["source"], "01.rnn_step"))
    code = (
        "import numpy as np\n"
        "from attention_course.exercises import check\n"
        "def rnn_step(x, h, W, U, b):\n"
        "    return x @ W + h @ U + b\n"
        'check("01.rnn_step", rnn_step)'
    )
    said = hand_in(page, place, code)
    assert EXERCISES["01.rnn_step"].sentences["no_tanh"] in said
    solution = next(i for i, one in enumerate(cells) if one["solution"])
    cell(page, solution).locator(".jp-InputPlaceholder").click()
    opened = page.evaluate(CELLS)[solution]
    assert (opened["folded"], opened["seen"]) == (False, True)


def test_what_is_not_folded_or_fails_is_noticed(notebook):
    page = notebook("broken.ipynb")
    assert [one["folded"] for one in page.evaluate(CELLS)] == [False] * 3
    page.evaluate(RUN_ALL)
    cells = page.evaluate(CELLS)
    assert [one["errors"] for one in cells] == [[], ["ZeroDivisionError: division by zero"], []]
    assert [one["run"] for one in cells] == [True, True, False]
