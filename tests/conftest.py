"""Settings and fixtures that all tests share."""

import os
from pathlib import Path

import pytest
from building import course_site

ROOT = Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked ``thorough``; what needs the built book is slow."""
    for item in items:
        if {"site", "small_book"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("slow")
    if os.environ.get("ATTENTION_COURSE_THOROUGH"):
        return
    left_out = [item for item in items if item.get_closest_marker("thorough")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


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


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the built pages of the book."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # which all workers of this run have in common
    return course_site(folder)
