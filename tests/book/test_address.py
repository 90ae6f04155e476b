"""Chapters, front pages and configuration name one address, and the commit that Colab installs."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from attention_course import __main__ as cli
from attention_course import __version__, assets
from attention_course.book import address, normal, notebooks, rules
from attention_course.book.address import AddressError

ROOT = Path(__file__).resolve().parents[2]
FORK = "https://github.com/a-teacher/attention.2026"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
# Files that must hold a copy, apart from the chapters.
EXPECTED = {"README.md", "CONTRIBUTING.md", "CITATION.cff", "_config.yml", "index.md"}
# GitHub's own words: "Username may only contain alphanumeric characters or single hyphens, and
# cannot begin or end with a hyphen"; and "is too long (maximum is 39 characters)".
ALLOWED_OWNER = re.compile(r"[a-z\d](?:[a-z\d]|-(?=[a-z\d])){0,38}", re.IGNORECASE)


def first_cell(path):
    return next(cell for cell in normal.read(path).cells if cell.cell_type == "code").source


def pin(root):
    """The commit that the first chapter installs."""
    return rules.pinned_commit(first_cell(notebooks.chapters(folder=root / "chapters")[0]))


def differing(root, url=None, commit=None):
    """The files that do not name this address and this commit; those of the checkout by default."""
    found = address.changes(root, url or address.present(root), commit or pin(root))
    return {path.relative_to(root).as_posix() for path in found}


def write(root, url, commit):
    for path, text in address.changes(root, url, commit).items():
        path.write_text(text, encoding="utf-8", newline="\n")


@pytest.fixture
def tree(tmp_path):
    """Copies of the files that hold the address, two chapters, and something that Colab gets."""
    for name in address.FRONT_FILES:
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "chapters").mkdir()
    for path in notebooks.chapters()[:2]:
        shutil.copy(path, tmp_path / "chapters")
    for name in address.DELIVERED:
        path = tmp_path / name / "file" if "." not in name else tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("one\n")
    return tmp_path


@pytest.fixture
def git(tree, monkeypatch):
    """The same as a repository with one commit; a function that runs git in it."""
    for person in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{person}_NAME", "Test")
        monkeypatch.setenv(f"GIT_{person}_EMAIL", "test@example.org")

    def run(*words):
        return subprocess.run(
            ["git", *words], cwd=tree, check=True, capture_output=True, text=True
        ).stdout.strip()

    run("init", "-q", "-b", "main")
    run("add", "--all")
    run("commit", "-q", "-m", "All")
    return run


def commit_change(git, path):
    """Commit a change to one file; return the commit."""
    path.write_text(path.read_text() + "more\n")
    git("commit", "-q", "-a", "-m", f"Change {path.name}")
    return git("rev-parse", "HEAD")


# --- this checkout ----------------------------------------------------------------------------


def test_every_copy_is_the_same_and_every_chapter_pins_one_full_commit():
    assert pin(ROOT), "run: python -m attention_course address"
    assert differing(ROOT) == set(), "run: python -m attention_course address"


def test_every_expected_file_holds_a_copy():
    chapters = {f"chapters/{path.name}" for path in notebooks.chapters()}
    assert chapters
    assert differing(ROOT, url=FORK) == EXPECTED | chapters
    assert differing(ROOT, commit=COMMIT) == chapters


def test_a_released_commit_pins_what_it_holds():
    """Between two releases, chapters go on installing the package of the last one."""

    def git(*words):
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=False).stdout

    if not git("tag", "--points-at", "HEAD", f"v{__version__}"):
        pytest.skip("this commit is no release")
    if git("rev-parse", "--is-shallow-repository") != b"false\n":
        pytest.skip("this clone lacks the history")
    assert pin(ROOT) == address.newest(ROOT), "run: python -m attention_course address"


# --- what differs is noticed ------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_differing_front_file_is_noticed(tree, name):
    write(tree, FORK, COMMIT)
    path = tree / name
    path.write_text(path.read_text().replace("a-teacher", "someone-else", 1))
    assert differing(tree, FORK, COMMIT) == {name}


def test_a_differing_version_is_noticed(tree, monkeypatch):
    monkeypatch.setattr(address, "__version__", "2.1.0")
    assert differing(tree) == {"CITATION.cff"}
    write(tree, FORK, COMMIT)
    assert "\nversion: 2.1.0\n" in (tree / "CITATION.cff").read_text()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f"@{COMMIT}", "@v1.0.0"),
        (f"@{COMMIT}", "@main"),
        (f"@{COMMIT}", f"@{COMMIT[:12]}"),
        (f"@{COMMIT}", f"@{COMMIT.upper()}"),
        (f"@{COMMIT}", f"@{COMMIT[::-1]}"),
        (f"@{COMMIT}", ""),
        ("a-teacher", "someone-else"),
        ("https:", "http:"),
        ("elsewhere", "nowhere"),
        ("import sys", "import os, sys"),
        ("2026@", '2026" evil "@'),
    ],
)
def test_a_differing_chapter_is_noticed(tree, old, new):
    write(tree, FORK, COMMIT)
    path = notebooks.chapters(folder=tree / "chapters")[-1]
    before = path.read_text()
    notebook = normal.read(path)
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code")
    changed = re.sub(old, new, cell.source, count=1, flags=re.IGNORECASE)
    assert changed != cell.source
    cell.source = changed
    nbformat.write(notebook, path)
    assert differing(tree, FORK, COMMIT) == {f"chapters/{path.name}"}
    write(tree, FORK, COMMIT)
    assert path.read_text() == before


@pytest.mark.parametrize("revision", ["v1.0.0", "main", "", COMMIT[:-1], COMMIT + "0", "g" * 40])
def test_only_a_full_commit_is_a_pin(revision):
    assert rules.pinned_commit(rules.first_cell(FORK, COMMIT)) == COMMIT
    assert rules.pinned_commit(rules.first_cell(FORK, revision)) is None


def test_a_chapter_may_cite_other_repositories(tree):
    path = notebooks.chapters(folder=tree / "chapters")[0]
    notebook = normal.read(path)
    notebook.cells[0].source += "\n\nSee https://github.com/keras-team/keras."
    path.write_text(normal.dumps(normal.normalise(notebook, path.stem)))
    assert differing(tree) == set()


# --- moving to a fork -------------------------------------------------------------------------


def test_moving_there_and_back(tree):
    before = {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()}
    home, commit = address.present(tree), pin(tree)
    write(tree, FORK, COMMIT)
    assert (address.present(tree), pin(tree)) == (FORK, COMMIT)
    for path in before:
        assert home.removeprefix("https://") not in path.read_text(), path
    assert not any(rules.problems(normal.read(p), p.stem) for p in tree.glob("chapters/*"))
    write(tree, home, commit)
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("git clone {}.git\n", "git clone {}.git\n"),
        ("See {}.", "See {}."),
        ("{}/issues/new", "{}/issues/new"),
        ("https://github.com/jupyter-book/jupyter-book", None),
        ("https://github.com/jmshea/jupyterquiz.git", None),
        ("https://github.com.example.org/a/b", None),
    ],
)
def test_links_move(tree, text, expected):
    path = tree / "README.md"
    path.write_text(text.format("https://github.com/old/course"))
    write(tree, FORK, COMMIT)
    assert path.read_text() == (expected or text).format(FORK)


def test_colab_binder_and_raw_links_move(tree):
    text = (
        "https://colab.research.google.com/github/{0}/blob/main/chapters/01.ipynb "
        "https://mybinder.org/v2/gh/{0}/main https://raw.githubusercontent.com/{0}/main/a.png"
    )
    (tree / "README.md").write_text(text.format("old/course"))
    write(tree, FORK, COMMIT)
    assert (tree / "README.md").read_text() == text.format("a-teacher/attention.2026")


# --- the commit -------------------------------------------------------------------------------


def test_the_commit_is_the_last_that_changed_what_colab_gets(tree, git):
    """It is in the history, and what it delivers is what is there now, whatever else changed."""
    expected = git("rev-parse", "HEAD")
    pins = {expected}
    for path in sorted(tree.rglob("*")):
        if path.is_file() and ".git" not in path.parts:
            name = path.relative_to(tree).as_posix()
            commit = commit_change(git, path)
            expected = commit if name.startswith(address.DELIVERED) else expected
            pins.add(address.newest(tree))
            assert address.newest(tree) == expected, name
            git("merge-base", "--is-ancestor", expected, "HEAD")
            git("diff", "--quiet", expected, "HEAD", "--", *address.DELIVERED)
    assert len(pins) == 1 + len(address.DELIVERED), "the files with the address need no new pin"


def test_the_commit_after_a_merge(tree, git):
    git("checkout", "-q", "-b", "other")
    commit_change(git, tree / "models" / "file")
    git("checkout", "-q", "main")
    commit_change(git, tree / "attention_course" / "file")
    git("merge", "-q", "--no-edit", "other")
    assert address.newest(tree) == git("rev-parse", "HEAD"), "neither parent delivers both"


@pytest.mark.parametrize("name", ["attention_course/file", "pyproject.toml", "quizzes/new.json"])
def test_what_no_commit_holds_is_refused(tree, git, name):
    (tree / name).write_text("two\n")
    (tree / "README.md").write_text("Text may wait.\n")
    with pytest.raises(AddressError, match="commit it") as error:
        address.newest(tree)
    assert name in str(error.value)


@pytest.mark.parametrize("missing", ["repository", "git"])
def test_no_repository(tree, monkeypatch, missing):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tree.parent))
    if missing == "git":
        monkeypatch.setenv("PATH", "")
    with pytest.raises(AddressError, match="clone") as error:
        address.newest(tree)
    assert "\n" not in str(error.value)


def test_the_command(tree, git, monkeypatch, capsys):
    """Publish a fork, write text, then change the package: only the last asks for a new pin."""
    monkeypatch.setattr(assets, "checkout_root", lambda: tree)
    commit = git("rev-parse", "HEAD")

    def changed(*arguments):
        assert cli.main(["address", *arguments]) == 0
        said, *names, count = capsys.readouterr().out.splitlines()
        assert said == f"The address is {FORK}, and Colab installs commit {commit}."
        assert count.startswith(f"{len(names)} file")
        assert (address.present(tree), pin(tree)) == (FORK, commit)
        assert differing(tree) == set()
        return set(names)

    chapters = {f"chapters/{path.name}" for path in tree.glob("chapters/*")}
    assert changed(f"{FORK}.git") == EXPECTED | chapters
    assert changed() == set()
    git("commit", "-q", "-a", "-m", "Publish")
    commit_change(git, tree / "README.md")
    assert changed() == set()
    commit = commit_change(git, tree / "attention_course" / "file")
    assert changed() == chapters


def test_a_file_that_cannot_be_written(tree, git, monkeypatch, capsys):
    def refuse(self, *arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(assets, "checkout_root", lambda: tree)
    monkeypatch.setattr(Path, "write_text", refuse)
    assert cli.main(["address", FORK]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "could not be written" in said


# --- the cell on Colab ------------------------------------------------------------------------


def run_cell(source, monkeypatch, colab=True):
    """Run the cell as IPython does; return the magics that it calls."""
    called = []
    shell = SimpleNamespace(run_line_magic=lambda *words: called.append(words))
    if colab:
        monkeypatch.setitem(sys.modules, "google.colab", SimpleNamespace())
    exec(TransformerManager().transform_cell(source), {"get_ipython": lambda: shell})
    return called


def test_a_published_cell_installs_the_commit(monkeypatch):
    cell = rules.first_cell(FORK, COMMIT)
    install = f'install -q "attention-course @ git+{FORK}@{COMMIT}"'
    assert run_cell(cell, monkeypatch) == [("pip", install)]


def test_an_unpublished_cell_says_what_to_do_and_installs_nothing(monkeypatch):
    cell = rules.first_cell(rules.UNPUBLISHED, COMMIT)
    with pytest.raises(SystemExit, match=r"^[^\n]* no address yet; its README [^\n]*\.$"):
        run_cell(cell, monkeypatch)


@pytest.mark.parametrize("url", [FORK, rules.UNPUBLISHED])
def test_elsewhere_the_cell_does_nothing(monkeypatch, url):
    assert run_cell(rules.first_cell(url, COMMIT), monkeypatch, colab=False) == []


# --- addresses --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        FORK,
        f"{FORK}/",
        f"{FORK}.git",
        f"{FORK}.git/",
        f"  {FORK}\n",
        "http://github.com/a-teacher/attention.2026",
        "https://www.github.com/a-teacher/attention.2026",
        "https://GitHub.com/a-teacher/attention.2026",
        "git@github.com:a-teacher/attention.2026.git",
        "ssh://git@github.com/a-teacher/attention.2026.git",
    ],
)
def test_spellings_of_one_address(url):
    assert address.parse(url) == FORK


@pytest.mark.parametrize(
    "url",
    [
        "",
        "attention",
        "owner/name",
        "https://github.com/owner",
        "https://github.com/owner/",
        "https://github.com/owner/name/tree/main",
        "https://gitlab.com/owner/name",
        "https://github.com.evil.org/owner/name",
        "https://github.com@evil.org/owner/name",
        "https://user:word@github.com/owner/name",
        "https://github.com/ow ner/name",
        'https://github.com/owner/name"',
        "https://github.com/owner/name@main",
        "https://github.com/owner/..",
        "https://github.com/own--er/name",
        "https://github.com/-owner/name",
        "https://github.com/owner-/name",
        f"https://github.com/{'o' * 40}/name",
        "git@gitlab.com:owner/name.git",
        "file:///owner/name",
    ],
)
def test_what_is_no_address(url):
    with pytest.raises(AddressError) as error:
        address.parse(url)
    assert "https://github.com/OWNER/NAME" in str(error.value)
    assert "\n" not in str(error.value)


def test_nobody_can_take_the_placeholder():
    """It breaks two of GitHub's rules, and it is the only such address that is accepted."""
    owner = rules.UNPUBLISHED.split("/")[3]
    assert "--" in owner
    assert len(owner) > 39
    assert not ALLOWED_OWNER.fullmatch(owner)
    assert address.parse(rules.UNPUBLISHED) == rules.UNPUBLISHED
    for other in (f"a{owner}", f"{owner}a", owner.replace("--", "-")):
        with pytest.raises(AddressError):
            address.parse(f"https://github.com/{other}/attention-course")
