"""Whatever the reader has set up, a run of the course has the course's own settings."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from attention_course import environment

ROOT = Path(__file__).resolve().parents[1]
ASK = """\
import builtins, json, os, sys
import keras, matplotlib
print(json.dumps({
    "backend": keras.backend.backend(),
    "floatx": keras.config.floatx(),
    "usetex": matplotlib.rcParams["text.usetex"],
    "face": matplotlib.rcParams["axes.facecolor"],
    "optimize": sys.flags.optimize,
    "warnings": sys.warnoptions,
    "onednn": os.environ["TF_ENABLE_ONEDNN_OPTS"],
}))"""
OURS = {
    "backend": "tensorflow",
    "floatx": "float32",
    "usetex": False,
    "face": "white",
    "optimize": 0,
    "warnings": [],
    "onednn": "0",
}


@pytest.fixture
def readers(tmp_path):
    """The environment of a reader who has set up everything differently, and its home."""
    (tmp_path / ".keras").mkdir()
    theirs = {"floatx": "float64", "backend": "jax", "epsilon": 0.5}
    (tmp_path / ".keras" / "keras.json").write_text(json.dumps(theirs))
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\naxes.facecolor: black\n")
    profile = tmp_path / "ipython" / "profile_default" / "startup"
    profile.mkdir(parents=True)
    (profile / "mine.py").write_text("print('a start-up file')")
    (tmp_path / "startup.py").write_text("print('another')")
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    return kept | {
        "HOME": str(tmp_path),
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "KERAS_BACKEND": "torch",
        "MATPLOTLIBRC": str(tmp_path),
        "MPLBACKEND": "no_such_backend",
        "PYTHONOPTIMIZE": "2",
        "PYTHONSTARTUP": str(tmp_path / "startup.py"),
        "PYTHONWARNINGS": "ignore",
        "TF_ENABLE_ONEDNN_OPTS": "1",
        "CUDA_VISIBLE_DEVICES": "0",
    }


def ask(environ):
    result = subprocess.run(
        [sys.executable, "-c", ASK],
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_the_readers_own_settings_change_nothing(readers):
    environment.settle(readers)
    assert ask(readers) == OURS
    assert not {"MPLBACKEND", "PYTHONSTARTUP"} & set(readers)
    assert readers.items() >= environment.SETTINGS.items()
    assert [path.name for path in Path(readers["IPYTHONDIR"]).rglob("*.py")] == [
        "ipython_kernel_config.py"
    ]


def test_settling_twice_is_settling_once():
    environ = {"PYTHONPATH": f"x{os.pathsep}{ROOT}", "PATH": "p", "MPLCONFIGDIR": "fonts"}
    environment.settle(environ)
    assert environ["PYTHONPATH"].split(os.pathsep) == [str(ROOT), "x"]
    assert (environ["PATH"], environ["MPLCONFIGDIR"]) == ("p", "fonts")
    again = dict(environ)
    environment.settle(again)
    assert again == environ


def test_the_folder_of_settings_goes_with_its_process():
    code = (
        "import os; from attention_course.environment import settle; settle(); "
        "print(os.environ['IPYTHONDIR'])"
    )
    folder = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert folder
    assert not Path(folder).exists()
