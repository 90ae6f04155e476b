"""Importing the package is quick and loads neither TensorFlow nor Keras."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 0.3  # seconds

# These need Keras. Every other module must do without, a new one too.
HEAVY = {
    "experiments.benchmarks.implementations",
    "experiments.benchmarks.training",
    "experiments.lag_profiles",
    "experiments.ngram_search",
    "layers",
    "layers.attention",
    "layers.ngram",
    "models.fibonacci",
    "models.ngram",
    "models.recall",
    "models.sentiment",
    "training.progress",
    "training.recipe",
    "training.recipes.fibonacci",
    "training.recipes.ngram",
    "training.recipes.recall",
    "training.recipes.sentiment",
    "training.runs",
}


def light_modules():
    """Return every module that is not heavy on purpose."""
    package = ROOT / "attention_course"
    names = set()
    for path in package.rglob("*.py"):
        parts = path.relative_to(package).with_suffix("").parts
        names.add(".".join(parts).removesuffix("__init__").removesuffix("."))
    assert names >= HEAVY
    return sorted(f"attention_course.{name}".removesuffix(".") for name in names - HEAVY)


def run(code):
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def loaded_by(modules):
    """Return which of TensorFlow and Keras are loaded by importing modules."""
    imports = "; ".join(f"import {module}" for module in modules)
    return run(f"import sys; {imports}; print(*{{'tensorflow', 'keras'}} & set(sys.modules))")


def seconds_to_import(module):
    """Return the processor time of an import, the best of five fresh processes.

    Other work on the machine makes a process wait, and waiting is not counted.
    """
    code = (
        "import time; start = time.process_time(); "
        f"import {module}; print(time.process_time() - start)"
    )
    return min(float(run(code)) for _ in range(5))


@pytest.mark.parametrize("module", ["attention_course", "attention_course.__main__"])
def test_import_is_quick(module):
    assert seconds_to_import(module) <= LIMIT


def test_the_clock_notices_a_slow_import():
    busy = "any(iter(lambda: time.process_time() > start + 0.4, True))"
    assert seconds_to_import(f"time; {busy}") > LIMIT


def test_light_modules_load_no_tensorflow():
    modules = light_modules()
    assert {"attention_course.display.quiz", "attention_course.datasets.imdb"} <= set(modules)
    assert loaded_by(modules) == ""


def test_the_look_up_notices_a_heavy_import():
    assert set(loaded_by(["attention_course.layers"]).split()) == {"keras", "tensorflow"}
