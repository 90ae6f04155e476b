"""The order of the package's rooms: none imports from above, and a chapter from the front only."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jupytext
import pytest
from IPython.core.inputtransformer2 import TransformerManager

ROOT = Path(__file__).resolve().parents[1]
BACKSTAGE = {"training", "experiments", "book", "__main__"}


def lint(root: Path) -> subprocess.CompletedProcess:
    """Check the package in ``root`` against the contract in its ``pyproject.toml``."""
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the package that a test may break, if it mends it again."""
    root = tmp_path_factory.mktemp("rooms")
    shutil.copytree(ROOT / "attention_course", root / "attention_course")
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


def test_no_room_imports_from_above():
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("models/cards.py", "from attention_course.training import runs"),
        ("models/cards.py", "def late():\n    import attention_course.display.plots"),
        ("models/cards.py", "if TYPE_CHECKING:\n    from attention_course.training import runs"),
        ("errors.py", "from attention_course import functional"),
        ("layers/ngram.py", "from ..datasets import recall"),
        ("new_room.py", "import numpy"),
    ],
)
def test_a_step_upwards_is_noticed(copy, module, line):
    path = copy / "attention_course" / module
    before = path.read_text(encoding="utf-8") if path.exists() else None
    try:
        path.write_text(f"{before or ''}\n{line}\n", encoding="utf-8")
        result = lint(copy)
        assert result.returncode == 1, result.stdout + result.stderr
        assert path.stem in result.stdout
    finally:
        path.unlink() if before is None else path.write_text(before, encoding="utf-8")


def test_the_root_holds_at_most_ten_modules():
    modules = {path.stem for path in (ROOT / "attention_course").glob("*.py")}
    assert len(modules - {"__init__", "__main__"}) <= 10, modules


def imports(source: str) -> set[str]:
    """The rooms of the package that a cell imports from."""
    found = set()
    for node in ast.walk(ast.parse(TransformerManager().transform_cell(source))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    parts = (name.split(".") for name in found)
    return {part[1] for part in parts if part[0] == "attention_course" and len(part) > 1}


def test_chapters_import_from_the_front_rooms(chapters, checkout):
    for path in (*chapters, checkout / "benchmarks.md", *(checkout / "optional").glob("*.md")):
        cells = [cell for cell in jupytext.read(path).cells if cell.cell_type == "code"]
        rooms = set().union(*(imports(cell.source) for cell in cells))
        assert "display" in rooms
        assert not rooms & BACKSTAGE, path.name


@pytest.mark.parametrize(
    "line",
    [
        "from attention_course import training, models",
        "import attention_course.training.runs as runs",
        "def late():\n    from attention_course.training.runs import fit",
    ],
)
def test_an_import_from_backstage_is_noticed(line):
    assert "training" in imports(line)
