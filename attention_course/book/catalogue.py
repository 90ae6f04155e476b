"""Collects every sentence marked for translation: ``make words``.

Babel finds them in the package, its scripts and texts, and the scripts and templates of the pages.
They go into ``locales/attention_course.pot``, sorted and without places or dates, so that two
changes of the course rarely meet in one line. Translations beside it are brought up to date and
compiled.
"""

from __future__ import annotations

import functools
import io
import json
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from babel.messages import Catalog, extract, mofile, pofile

from attention_course.environment import ROOT
from attention_course.words import DOMAIN

LOCALES = ROOT / "attention_course" / "locales"


def texts(file: BinaryIO, *_: Any, **__: Any) -> Iterator[tuple]:
    """Yield every text of a TOML file, in the form that Babel asks of an extractor."""
    parts = [tomllib.load(file)]
    for part in parts:
        if isinstance(part, str):
            yield 0, None, part, []
        elif isinstance(part, dict | list):  # numbers say nothing
            parts += part.values() if isinstance(part, dict) else part


#: Where sentences are: pattern of files, and how Babel reads them.
SOURCES = [
    ("attention_course/**.py", "python"),
    ("attention_course/**.toml", texts),
    ("attention_course/**.js", "javascript"),
    ("theme/*.js", "javascript"),
    ("theme/templates/**.html", "jinja2"),
]
#: The course's errors mark the sentences they are given.
ERROR = re.compile(r"^class (\w+Error)\(", re.MULTILINE)
#: In JavaScript, also inside `...${tr("...")}...`.
OPTIONS = {"**.js": {"parse_template_string": True}}


@functools.cache
def errors() -> frozenset[str]:
    """Return the names of the course's errors."""
    sources = (ROOT / "attention_course").rglob("*.py")
    return frozenset(name for path in sources for name in ERROR.findall(path.read_text("utf-8")))


def collect(root: Path = ROOT) -> tuple[str, str]:
    """Return the template of translations, and the sentences of each script as JSON."""
    catalog = Catalog(
        header_comment="# Every sentence a reader meets; written by `make words`.",
        project="attention-course",
        creation_date=datetime(2026, 1, 1, tzinfo=UTC),  # a true one would differ every time
    )
    found: dict[str, set[str | tuple[str, str]]] = defaultdict(set)
    keywords = {"tr": None, "mark": None, "trn": (1, 2), **dict.fromkeys(errors())}
    for file, _, message, _, _ in extract.extract_from_dir(root, SOURCES, OPTIONS, keywords):
        catalog.add(message)
        if file.endswith(".js"):
            found[Path(file).name].add(message)
    scripts = {name: sorted(messages, key=str) for name, messages in found.items()}
    return _po(catalog), json.dumps(scripts, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _po(catalog: Catalog) -> str:
    file = io.BytesIO()
    pofile.write_po(file, catalog, width=100, no_location=True, sort_output=True)
    return file.getvalue().decode()


def write(root: Path = ROOT, locales: Path = LOCALES) -> None:
    """Write the template, the list for scripts, and every translation with what has changed."""
    template, scripts = collect(root)
    locales.mkdir(exist_ok=True)
    (locales / f"{DOMAIN}.pot").write_text(template, encoding="utf-8", newline="\n")
    (locales / "scripts.json").write_text(scripts, encoding="utf-8", newline="\n")
    for path in sorted(locales.glob(f"*/LC_MESSAGES/{DOMAIN}.po")):
        with path.open("rb") as file:
            translation = pofile.read_po(file, locale=path.parts[-3], domain=DOMAIN)
        translation.update(pofile.read_po(io.StringIO(template)))
        path.write_text(_po(translation), encoding="utf-8", newline="\n")
        # A sentence whose English has changed is marked as fuzzy, and left out here.
        with path.with_suffix(".mo").open("wb") as file:
            mofile.write_mo(file, translation)


if __name__ == "__main__":
    write()
