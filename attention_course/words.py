"""The sentences a reader meets, from one catalogue; English is the source.

Python and JavaScript mark each sentence with ``tr("...")``; ``make words`` collects them into
``locales/attention_course.pot``, and a translation is a ``.po`` file beside it, made as GNU gettext
does it. A sentence is whole, with its variable parts in braces, since other languages order them
otherwise: ``tr("{name} has {count} words.", name=name, count=count)``. What stands at the top of
a module, before a language is known, is marked by ``mark`` and translated by ``tr`` when shown.
"""

from __future__ import annotations

import functools
import gettext
import json
import os
from pathlib import Path
from typing import Any

#: The language of an edition, such as ``pt_BR``; without it the course speaks English.
LANGUAGE = "ATTENTION_COURSE_LANGUAGE"
#: Another folder of catalogues than the package's own, for a translation in the making.
LOCALES = "ATTENTION_COURSE_LOCALES"
DOMAIN = "attention_course"
#: The package's own catalogues; a text, since ``tr`` asks for it at every sentence.
_FOLDER = str(Path(__file__).parent / "locales")


def tr(text: str, /, **values: Any) -> str:
    """Return a sentence in the language of this edition, its braces filled with ``values``."""
    translated = catalogue().gettext(text) if text else text
    return translated.format(**values) if values else translated


def trn(one: str, many: str, count: int, /, **values: Any) -> str:
    """Return the form of a sentence for ``count`` things; ``{count}`` stands for their number."""
    return catalogue().ngettext(one, many, count).format(count=count, **values)


def mark(text: str) -> str:
    """Return the text as it is; the catalogue takes it up, and ``tr`` translates it later."""
    return text


def script_words(*scripts: str) -> dict[str, str | list[str]]:
    """Return what ``words.js`` needs: English sentences of scripts, each with its translation.

    Args:
        scripts: names of files, such as ``"quiz.js"``; without one, all scripts of the course.

    Returns:
        Only what is translated, so nothing in English. A plural has the two forms, for one and for
        many, under its English form for one.
    """
    found: dict[str, str | list[str]] = {}
    for script, sentences in _scripts().items():
        for sentence in sentences if not scripts or script in scripts else []:
            if isinstance(sentence, str):
                translated, key = catalogue().gettext(sentence), sentence
            else:
                translated, key = [catalogue().ngettext(*sentence, n) for n in (1, 2)], sentence[0]
            if translated != sentence:
                found[key] = translated
    return found


def language() -> str:
    """Return the language of this edition, ``en`` where none is set."""
    return os.environ.get(LANGUAGE) or "en"


def catalogue() -> gettext.NullTranslations:
    """Return the sentences of this edition; what it lacks is shown in English."""
    return _load(folder(), language())


def folder() -> str:
    """Return where the catalogues are, each as ``LANGUAGE/LC_MESSAGES/DOMAIN.mo``."""
    return os.environ.get(LOCALES) or _FOLDER


@functools.cache
def _load(folder: str, wanted: str) -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, folder, [wanted], fallback=True)


@functools.cache
def _scripts() -> dict[str, list[str | list[str]]]:
    """Return the sentences of each script, as ``make words`` has found them."""
    return json.loads(Path(_FOLDER, "scripts.json").read_text(encoding="utf-8"))
