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
import os
from pathlib import Path
from typing import Any

#: The language of an edition, such as ``pt_BR``; without it the course speaks English.
LANGUAGE = "ATTENTION_COURSE_LANGUAGE"
#: Another folder of catalogues than the package's own, for a translation in the making.
LOCALES = "ATTENTION_COURSE_LOCALES"
DOMAIN = "attention_course"


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


def language() -> str:
    """Return the language of this edition, ``en`` where none is set."""
    return os.environ.get(LANGUAGE) or "en"


def catalogue() -> gettext.NullTranslations:
    """Return the sentences of this edition; what it lacks is shown in English."""
    folder = os.environ.get(LOCALES) or str(Path(__file__).parent / "locales")
    return _load(folder, language())


@functools.cache
def _load(folder: str, wanted: str) -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, folder, [wanted], fallback=True)
