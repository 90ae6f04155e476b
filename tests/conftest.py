"""Settings and fixtures that all tests share."""

import os
from pathlib import Path

import pytest

from attention_course.notebooks import EXECUTION_ENVIRONMENT

# Before any test imports TensorFlow, which reads them once.
os.environ.update(EXECUTION_ENVIRONMENT)
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The folder of the course."""
    return ROOT


@pytest.fixture(scope="session")
def chapters(checkout: Path) -> list[Path]:
    """The chapters in their order."""
    found = sorted((checkout / "chapters").glob("[0-9][0-9]_*.ipynb"))
    assert found, "no chapters found"
    return found
