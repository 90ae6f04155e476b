"""requirements.txt locks all that is asked for, and every file in it by its hash."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import InvalidRequirement, Requirement

ROOT = Path(__file__).resolve().parents[1]
LOCK = (ROOT / "requirements.txt").read_text(encoding="utf-8")
PACKAGE = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ASKED = (ROOT / "requirements.in").read_text(encoding="utf-8").splitlines()
WANTED = [line for line in ASKED if line and not line.startswith("#")] + PACKAGE["dependencies"]
PYTHONS = ("3.11.0", "3.11.7", "3.12.1", "3.13.0")
SYSTEMS = ("linux", "darwin", "win32")


def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def problems(lock, wanted):
    """What a lock leaves open: no exact version, no hash, or not what was asked for."""
    found, versions = [], {}
    lines = [line for line in lock.replace("\\\n", "").splitlines() if not line.startswith("#")]
    for line in lines:
        words, *hashes = line.split("--hash=")
        try:
            package = Requirement(words)
        except InvalidRequirement:
            found.append(f"{words!r} is no package")
            continue
        version = re.fullmatch(r"==([^*,]+)", str(package.specifier))
        if version is None:
            found.append(f"{package.name} has no exact version")
            continue
        if not hashes or not all(re.fullmatch(r"sha256:[0-9a-f]{64} *", word) for word in hashes):
            found.append(f"{package.name} has no hash")
        versions.setdefault(plain(package.name), []).append((package.marker, version[1]))
    for python in PYTHONS:
        for system in SYSTEMS:
            place = {"python_full_version": python, "sys_platform": system}
            for line in wanted:
                asked = Requirement(line)
                chosen = [
                    version
                    for marker, version in versions.get(plain(asked.name), [])
                    if marker is None or marker.evaluate(place)
                ]
                if len(chosen) != 1 or not asked.specifier.contains(chosen[0]):
                    found.append(f"{line} is locked as {chosen} for Python {python} on {system}")
    return found


def test_the_lock():
    assert len(WANTED) > 30
    assert problems(LOCK, WANTED) == [], "run: make lock"


@pytest.mark.parametrize(
    ("pattern", "replacement", "problem"),
    [
        (r"^numpy==2\.1\.3 ", "numpy==2.1.4 ", "numpy==2.1.3 is locked as ['2.1.4']"),
        (r"^numpy==2\.1\.3 ", "numpy>=2.1.3 ", "numpy has no exact version"),
        (r"^numpy==2\.1\.3 ", "numpy==2.1.* ", "numpy has no exact version"),
        (r"^numpy==2\.1\.3 ", "numpi==2.1.3 ", "numpy==2.1.3 is locked as []"),
        (
            r"^keras==3\.13\.2 ",
            "keras==3.13.2 ; python_full_version < '3.13' ",
            "for Python 3.13.0",
        ),
        (r"^keras==3\.13\.2 ", "keras==3.13.2 ; sys_platform == 'linux' ", "on win32"),
        (r"^(pooch.*)\\\n( .*\n)+", r"\1\n", "pooch has no hash"),
        (r"^(pooch(.*\n)+?.*sha256:.{63}).", r"\1", "pooch has no hash"),
        (r"^(pooch(.*\n)+?.*)sha256:(.{32}).{32}", r"\1md5:\3", "pooch has no hash"),
        (r"\Z", "-e .\n", "'-e .' is no package"),
        (r"\Z", "https://example.org/a.whl\n", "'https://example.org/a.whl' is no package"),
    ],
)
def test_what_a_lock_leaves_open_is_noticed(pattern, replacement, problem):
    changed = re.sub(pattern, replacement, LOCK, count=1, flags=re.MULTILINE)
    assert changed != LOCK
    assert any(problem in sentence for sentence in problems(changed, WANTED))
