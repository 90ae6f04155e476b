"""What an installed package holds beside its modules: on Colab there is nothing else."""

import tomllib
from fnmatch import fnmatch
from pathlib import Path

FOR_TRANSLATORS = {".pot", ".po"}


def test_every_file_that_the_package_reads_is_installed(checkout: Path):
    settings = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["attention_course"]
    package = checkout / "attention_course"
    files = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc", *FOR_TRANSLATORS}
    }
    assert {"registry.txt", "datasets/grammar.toml"} <= files
    assert not {name for name in files if not any(fnmatch(name, each) for each in patterns)}
