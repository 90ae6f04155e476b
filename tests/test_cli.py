"""``python -m attention_course``: exit statuses, one sentence for an error, nothing heavy."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from attention_course import __main__ as cli
from attention_course import __version__, assets, environment
from attention_course.errors import CourseError

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = ["train", "sweep", "baselines", "recall", "uniform", "search", "lags", "bench"]
COMMANDS += ["translations", "evaluate", "fetch", "check", "address", "registry"]


@pytest.fixture
def run(capsys):
    """Run one command here and return (exit status, stdout, stderr)."""

    def call(*arguments):
        try:
            status = cli.main(arguments)
        except SystemExit as stop:
            status = stop.code
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


def one_sentence(text):
    assert "Traceback" not in text
    assert text.count("\n") == 1
    return text


# --- help -------------------------------------------------------------------------------------


def test_help_names_every_command(run):
    status, out, err = run("--help")
    assert (status, err) == (0, "")
    for command in COMMANDS:
        assert re.search(rf"^    {command}\s", out, flags=re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(run, command):
    status, out, err = run(command, "--help")
    assert (status, err) == (0, "")
    assert f"usage: python -m attention_course {command}" in out


def test_tensorflow_computes_as_for_the_cards_unless_told_otherwise(run, monkeypatch):
    for name in environment.TENSORFLOW:
        monkeypatch.delenv(name)
    run("--version")
    assert not set(environment.TENSORFLOW) & set(os.environ)
    assert run("fetch", "images/masks.svg")[0] == 0
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "0"
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    assert run("fetch", "images/masks.svg")[0] == 0
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "1"


def test_version(run):
    assert run("--version") == (0, f"{__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nosuch",),
        ("train",),
        ("train", "simple_rnn", "--epochs", "0"),
        ("train", "simple_rnn", "--epochs", "many"),
        ("train", "simple_rnn", "--seed", "-1"),
        ("sweep",),
        ("sweep", "lstm", "--workers", "2", "--address", "tcp://host:8786"),
        ("check", "06.attention"),
    ],
)
def test_wrong_command_line(run, arguments):
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("usage: python -m attention_course")


def test_as_a_program():
    """The module really runs; an error leaves one sentence and the status 1."""
    result = subprocess.run(
        [sys.executable, "-m", "attention_course", "fetch", "models/nosuch"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert "models/nosuch" in one_sentence(result.stderr)


# --- commands ---------------------------------------------------------------------------------


def test_fetch_prints_paths(run):
    names = list(assets.read_registry())[:2]
    assert run("fetch", *names) == (0, "".join(f"{ROOT / name}\n" for name in names), "")


def test_fetch_all(run):
    status, out, err = run("fetch", "--all")
    assert (status, err) == (0, "")
    assert len(out.splitlines()) == len(assets.read_registry())


@pytest.mark.parametrize("command", ["fetch", "evaluate"])
def test_nothing_named(run, command):
    status, out, err = run(command)
    assert (status, out) == (1, "")
    assert "--all" in one_sentence(err)


@pytest.mark.parametrize("command", ["train", "sweep", "evaluate"])
def test_unknown_model(run, command):
    status, out, err = run(command, "simple_rn")
    assert (status, out) == (1, "")
    assert "simple_rnn" in one_sentence(err)


def test_train_passes_its_options_on(run, monkeypatch, tmp_path):
    calls = []

    class Training:
        @staticmethod
        def train(name, **options):
            calls.append((name, options))

    monkeypatch.setitem(sys.modules, "attention_course.training.runs", Training)
    monkeypatch.setattr("attention_course.models.family", lambda name: None)
    arguments = ("train", "lstm", "--seed", "3", "--epochs", "2", "--output", str(tmp_path))
    assert run(*arguments) == (0, "", "")
    assert run("train", "lstm", "--resume", "--other-data")[0] == 0
    usual = {"resume": False, "other_data": False}
    here = {"seeds": None, "epochs": None, "output": ROOT / "models"}
    assert calls == [
        ("lstm", {"seeds": [3], "epochs": 2, "output": tmp_path, **usual}),
        ("lstm", {**here, **dict.fromkeys(usual, True)}),
    ]


def test_sweep_passes_its_options_on(run, monkeypatch):
    calls = []

    class Sweeping:
        @staticmethod
        def sweep(names, **options):
            calls.append((names, options))

    monkeypatch.setitem(sys.modules, "attention_course.training.sweep", Sweeping)
    monkeypatch.setattr("attention_course.models.family", lambda name: None)
    arguments = ("sweep", "lstm", "simple_rnn", "--seeds", "3", "4", "--workers", "2", "--resume")
    assert run(*arguments) == (0, "", "")
    options = {"epochs": None, "address": None, "output": ROOT / "models"}
    options |= {"seeds": [3, 4], "workers": 2, "resume": True, "other_data": False}
    assert calls == [(["lstm", "simple_rnn"], options)]


@pytest.mark.parametrize(("agree", "status"), [(True, 0), (False, 1)])
def test_evaluate_all(run, monkeypatch, agree, status):
    from attention_course.models import NAMES

    calls = []

    def evaluate_cards(names):
        calls.append(names)
        return agree

    monkeypatch.setattr("attention_course.training.audit.evaluate_cards", evaluate_cards)
    monkeypatch.setattr("attention_course.models.family", lambda name: None)
    assert run("evaluate", "--all")[0] == status
    assert calls == [list(NAMES)]


@pytest.mark.parametrize(("status", "code"), [("passed", 0), ("wrong", 1), ("unanswered", 1)])
def test_check(run, monkeypatch, status, code):
    from attention_course.exercises import Verdict

    calls = []

    def check_file(name, path, seed):
        calls.append((name, path, seed))
        return Verdict(name, status, "So it is.")

    monkeypatch.setattr("attention_course.exercises.files.check_file", check_file)
    result, out, _ = run("check", "06.attention", "answer.py", "--seed", "7")
    assert result == code
    assert "So it is." in out
    assert calls == [("06.attention", Path("answer.py"), 7)]


def test_registry(run, monkeypatch, tmp_path):
    (tmp_path / "attention_course").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("x")
    monkeypatch.setattr(assets, "checkout_root", lambda: tmp_path)
    status, out, _ = run("registry")
    assert status == 0
    assert "lists 1 file." in out
    written = (tmp_path / "attention_course" / "registry.txt").read_text()
    assert written.startswith("data/a.csv ")


def test_invalid_address(run):
    status, out, err = run("address", "https://example.org/x")
    assert (status, out) == (1, "")
    assert "https://github.com/OWNER/NAME" in one_sentence(err)


@pytest.mark.parametrize(
    "arguments", [("registry",), ("address", "https://github.com/a/b"), ("train", "lstm")]
)
def test_commands_that_need_a_checkout(run, monkeypatch, arguments):
    monkeypatch.setattr(assets, "checkout_root", lambda: None)
    status, out, err = run(*arguments)
    assert (status, out) == (1, "")
    assert "clone" in one_sentence(err)


# --- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [(CourseError("It broke."), 1, "It broke."), (KeyboardInterrupt(), 130, "Interrupted.")],
)
def test_errors(run, monkeypatch, error, status, words):
    def fail(root):
        raise error

    monkeypatch.setattr(assets, "write_registry", fail)
    assert run("registry") == (status, "", f"{words}\n")


def test_a_defect_is_not_hidden(run, monkeypatch):
    """Only errors raised on purpose become a sentence; a bug keeps its traceback."""

    def fail(root):
        raise ZeroDivisionError

    monkeypatch.setattr(assets, "write_registry", fail)
    with pytest.raises(ZeroDivisionError):
        run("registry")
