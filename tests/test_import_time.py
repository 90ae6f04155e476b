"""Importing the package is light: the standard library, and neither TensorFlow nor Keras."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# These need Keras. Every other module must do without, a new one too.
HEAVY = {
    "experiments.benchmarks.implementations",
    "experiments.benchmarks.training",
    "experiments.kinds",
    "experiments.beam_search",
    "experiments.lag_profiles",
    "experiments.ngram_search",
    "experiments.recall_search",
    "experiments.translation_baselines",
    "experiments.translations",
    "experiments.uniform_weights",
    "layers",
    "layers.attention",
    "layers.decoder",
    "layers.kinds",
    "layers.ngram",
    "models.controls",
    "models.fibonacci",
    "models.ngram",
    "models.pointing",
    "models.phrases",
    "models.recall",
    "models.sentiment",
    "models.translation",
    "models.verses",
    "training.progress",
    "training.recipe",
    "training.recipes.controls",
    "training.recipes.fibonacci",
    "training.recipes.ngram",
    "training.recipes.phrases",
    "training.recipes.recall",
    "training.recipes.sentiment",
    "training.recipes.translation",
    "training.recipes.verses",
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


def foreign_to(module):
    """Return the packages beside the standard library and this one that an import loads."""
    return run(
        f"import sys; before = set(sys.modules); import {module}; "
        "names = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        "print(*sorted(names - sys.stdlib_module_names - {'attention_course'}))"
    )


@pytest.mark.parametrize("module", ["attention_course", "attention_course.__main__"])
def test_an_import_loads_the_standard_library_alone(module):
    assert foreign_to(module) == ""


def test_the_look_up_notices_a_package():
    assert "yaml" in foreign_to("yaml").split()


def test_light_modules_load_no_tensorflow():
    modules = light_modules()
    assert {"attention_course.display.quiz", "attention_course.datasets.imdb"} <= set(modules)
    assert loaded_by(modules) == ""


def test_the_look_up_notices_a_heavy_import():
    assert set(loaded_by(["attention_course.layers"]).split()) == {"keras", "tensorflow"}
