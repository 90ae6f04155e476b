"""Importing the package is quick and loads neither TensorFlow nor Keras."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 0.3  # seconds

LIGHT = [
    "attention_course",
    "attention_course.__main__",
    "attention_course.address",
    "attention_course.assets",
    "attention_course.book",
    "attention_course.cards",
    "attention_course.checks",
    "attention_course.checks.files",
    "attention_course.datasets",
    "attention_course.datasets.fibonacci",
    "attention_course.datasets.imdb",
    "attention_course.datasets.recall",
    "attention_course.datasets.reviews",
    "attention_course.datasets.vocabulary",
    "attention_course.errors",
    "attention_course.evaluation",
    "attention_course.functional",
    "attention_course.gradients",
    "attention_course.images",
    "attention_course.models",
    "attention_course.notebooks",
    "attention_course.plots",
    "attention_course.quiz",
]
HEAVY = ["attention_course.layers", "attention_course.training"]


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
    """Return the best of five imports, each in a fresh process: other work only adds time."""
    code = (
        "import time; start = time.perf_counter(); "
        f"import {module}; print(time.perf_counter() - start)"
    )
    return min(float(run(code)) for _ in range(5))


@pytest.mark.parametrize("module", ["attention_course", "attention_course.__main__"])
def test_import_is_quick(module):
    assert seconds_to_import(module) <= LIMIT


def test_the_clock_notices_a_slow_import():
    assert seconds_to_import("time; time.sleep(0.4)") > LIMIT


def test_light_modules_load_no_tensorflow():
    assert loaded_by(LIGHT) == ""


def test_the_look_up_notices_a_heavy_import():
    assert "keras" in loaded_by(["sys; sys.modules['keras'] = sys"])


def test_every_module_is_listed():
    """A new module is light, or heavy on purpose."""
    for path in sorted((ROOT / "attention_course").glob("*.py")):
        name = f"attention_course.{path.stem}".removesuffix(".__init__")
        assert name in [*LIGHT, *HEAVY], f"{name} is in no list"
