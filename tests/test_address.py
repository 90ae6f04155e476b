"""The repository's address and the version are the same wherever they stand."""

import json
import shutil
from pathlib import Path

import pytest

from attention_course import __version__, address
from attention_course.address import AddressError

ROOT = Path(__file__).resolve().parents[1]
FORK = "https://github.com/a-teacher/attention.2026"
# Files that must hold a copy, apart from the chapters.
EXPECTED = {"README.md", "CONTRIBUTING.md", "CITATION.cff", "_config.yml", "pyproject.toml"}


@pytest.fixture
def tree(tmp_path):
    """A copy of every file that may hold the address."""
    (tmp_path / "attention_course").mkdir()
    shutil.copy(ROOT / "attention_course" / "address.py", tmp_path / "attention_course")
    for name in address.FRONT_FILES:
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "chapters", tmp_path / "chapters")
    return tmp_path


def differing(root, repository=address.REPOSITORY, version=__version__):
    """Return the copies that do not say what they should."""
    return [
        copy
        for copy in address.copies(root)
        if copy.address not in (None, repository) or copy.version not in (None, version)
    ]


# --- this checkout ----------------------------------------------------------------------------


def test_every_copy_is_the_same():
    assert differing(ROOT) == [], "run: python -m attention_course address"


def test_every_expected_file_holds_a_copy():
    found = {copy.path for copy in address.copies(ROOT) if copy.address}
    assert found >= EXPECTED


def test_every_chapter_installs_this_version_from_this_address():
    chapters = sorted((ROOT / "chapters").glob("*.ipynb"))
    installs = [copy.path for copy in address.copies(ROOT) if copy.address and copy.version]
    assert chapters
    assert installs == [f"chapters/{path.name}" for path in chapters]


def test_citation_names_this_version():
    found = [copy for copy in address.copies(ROOT) if copy.path == "CITATION.cff"]
    assert __version__ in {copy.version for copy in found}


# --- the checker notices ----------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_differing_front_file_is_noticed(tree, name):
    path = tree / name
    old = address.REPOSITORY.removeprefix("https://github.com/")
    path.write_text(path.read_text().replace(old, "someone/else", 1))
    assert [copy.path for copy in differing(tree)] == [name]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f"@v{__version__}", "@v0.9.9"),
        (f"git+{address.REPOSITORY}@", "git+https://github.com/someone/else@"),
    ],
)
def test_a_differing_chapter_is_noticed(tree, old, new):
    path = sorted((tree / "chapters").glob("*.ipynb"))[0]
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    assert [copy.path for copy in differing(tree)] == [f"chapters/{path.name}"]
    address.set_address(tree)
    assert path.read_text() == text


def test_a_chapter_may_cite_other_repositories(tree):
    path = sorted((tree / "chapters").glob("*.ipynb"))[0]
    before = address.copies(tree)
    path.write_text(path.read_text() + "https://github.com/keras-team/keras\n")
    assert address.copies(tree) == before


# --- moving to a fork -------------------------------------------------------------------------


def test_moving_there_and_back(tree, monkeypatch):
    before = {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()}
    count = len(address.copies(tree))

    changed = address.set_address(tree, FORK)
    assert set(changed) >= EXPECTED | {"attention_course/address.py"}
    assert any(path.startswith("chapters/") for path in changed)
    assert differing(tree, repository=FORK) == []
    assert len(address.copies(tree)) == count
    old = address.REPOSITORY.removeprefix("https://github.com/")
    for path in before:
        assert old not in path.read_text(), path
        if path.suffix == ".ipynb":
            json.loads(path.read_text())

    home = address.REPOSITORY
    monkeypatch.setattr(address, "REPOSITORY", FORK)
    assert address.set_address(tree, home) == changed
    assert {path: path.read_bytes() for path in before} == before


def test_writing_the_present_address_changes_nothing(tree):
    assert address.set_address(tree) == []


def test_a_new_version_is_written(tree, monkeypatch):
    monkeypatch.setattr(address, "__version__", "2.1.0")
    changed = address.set_address(tree)
    assert "CITATION.cff" in changed
    assert differing(tree, version="2.1.0") == []


def test_clone_command_keeps_its_ending(tree):
    (tree / "README.md").write_text(f"git clone {address.REPOSITORY}.git\n")
    address.set_address(tree, FORK)
    assert (tree / "README.md").read_text() == f"git clone {FORK}.git\n"


def test_colab_and_raw_links_move(tree):
    name = address.REPOSITORY.removeprefix("https://github.com/")
    (tree / "README.md").write_text(
        f"https://colab.research.google.com/github/{name}/blob/main/chapters/01.ipynb\n"
        f"https://raw.githubusercontent.com/{name}/main/images/page.png\n"
        "https://github.com/jupyter-book/jupyter-book\n"
    )
    address.set_address(tree, FORK)
    assert (tree / "README.md").read_text() == (
        "https://colab.research.google.com/github/a-teacher/attention.2026/blob/main/"
        "chapters/01.ipynb\n"
        "https://raw.githubusercontent.com/a-teacher/attention.2026/main/images/page.png\n"
        "https://github.com/jupyter-book/jupyter-book\n"
    )


def test_file_that_cannot_be_written(tree, monkeypatch):
    def refuse(self, *arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(AddressError, match="cannot be written"):
        address.set_address(tree, FORK)


# --- addresses --------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [FORK, FORK + "/", FORK + ".git", f"  {FORK}\n"])
def test_spellings_of_one_address(url):
    assert address.parse(url) == FORK


@pytest.mark.parametrize(
    "url",
    [
        "",
        "attention",
        "owner/name",
        "http://github.com/owner/name",
        "https://github.com/owner",
        "https://github.com/owner/",
        "https://github.com/owner/name/tree/main",
        "https://gitlab.com/owner/name",
        "https://github.com.evil.org/owner/name",
        "https://github.com/ow ner/name",
        'https://github.com/owner/name"',
        "https://github.com/owner/..",
        "git@github.com:owner/name.git",
    ],
)
def test_what_is_no_address(url):
    with pytest.raises(AddressError) as error:
        address.parse(url)
    assert "https://github.com/OWNER/NAME" in str(error.value)
    assert "\n" not in str(error.value)


def test_raw_url():
    name = address.REPOSITORY.removeprefix("https://github.com/")
    assert address.raw_url("images/a b.svg", "1.2.3") == (
        f"https://raw.githubusercontent.com/{name}/v1.2.3/images/a%20b.svg"
    )
