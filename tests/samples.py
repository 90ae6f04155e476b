"""What several files of tests take as an example."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

import numpy as np

from attention_course.datasets import grammar
from attention_course.interactive import translation

# One question of each type; the second one has code that is wider than a telephone.
_QUESTIONS = [
    {
        "id": "choice",
        "type": "multiple_choice",
        "question": "Is √d<sub>k</sub> a number?",
        "answers": [
            {"answer": "Yes", "correct": True, "feedback": "It <code>is</code> one."},
            {"answer": "No", "correct": False, "feedback": "Look again."},
        ],
    },
    {
        "id": "choices",
        "type": "many_choice",
        "question": "Which are even?",
        "code": "x = [<b>1</b>, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, "
        "20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30]",
        "answers": [
            {"answer": "2", "code": "1 + 1", "correct": True, "feedback": "2 = 2 · 1."},
            {"answer": "4", "correct": True, "feedback": "4 = 2 · 2."},
            {"answer": "5", "correct": False, "feedback": "5 leaves 1."},
        ],
    },
    {
        "id": "number",
        "type": "numeric",
        "question": "A quarter?",
        "precision": 3,
        "answers": [
            {"type": "value", "value": 0.25, "correct": True, "feedback": "A half of a half."},
            {"type": "range", "range": [3.9, 4.1], "correct": False, "feedback": "Turn it over."},
            {"type": "default", "feedback": "Divide 1 by 4."},
        ],
    },
]


def questions() -> list[dict[str, Any]]:
    """Return the questions of a good quiz, which the caller may change."""
    return copy.deepcopy(_QUESTIONS)


# What attacks are made of, and what would not be missed beside them.
_PIECES = (
    *("a", " ", "x = 1", "√", "\n", "\r", "\u2028", "\0", "\\", "`", "=", ";", "&", "@", "/", "#"),
    *("[", "]", "(", ")", "](", "[a](", "](https://e.org)", "[a](https://e.org)", "https://e.org"),
    *(
        "javascript:alert(1)",
        '"',
        "'",
        '" onmouseover="alert(1)',
        "' style='x",
        " onerror=alert(1) ",
    ),
    *("<", ">", "</", "/>", "<b>", "</b>", "<br>", "<code>", "</code>", "<B>", "</b x>", "<b x=y>"),
    *("<script>", "</script>", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>"),
    *(
        "<svg/onload=alert(1)>",
        "<a href=x>",
        "<http",
        "<https://e.org>",
        "<!--",
        "-->",
        "<!x>",
        "<?x>",
    ),
    *("&lt;", "&gt;", "&quot;", "&#34;", "&#x3c;", "&lt", "&amp;lt;", "<![CDATA[", "]]>"),
)


def hostile_texts(number: int, seed: int = 0) -> list[str]:
    """Return texts that would run scripts, or change the page, if they were pasted into it."""
    draw = random.Random(seed)
    return ["".join(draw.choices(_PIECES, k=draw.randint(1, 6))) for _ in range(number)]


def translations(spelling: Callable[[str], str] = str, seed: int = 0) -> dict[str, Any]:
    """Return a record as ``experiments.translations`` writes it, of models that never were.

    A third of the translations are right, a third have a wrong word, and a third end too early or
    repeat a word without an end. The weights lean towards the links, but for equal ones.
    ``spelling`` changes each word.
    """
    rng = np.random.default_rng(seed)
    pairs = grammar.pairs(300, seed)
    spanish = grammar.vocabulary()[1]
    sentences = []
    for number, kind in enumerate(translation.KINDS):
        lengths = range(15, 21) if kind == "long" else range(5, 9)
        place = next(n for n, pair in enumerate(pairs) if len(pair.source) in lengths)
        pair = pairs.pop(place)
        found = {}
        for each, name in enumerate(translation.NAMES):
            written = [*pair.target, "[end]"]
            wrong = int(rng.integers(len(pair.target)))
            if (number + each) % 3 == 1:
                written[wrong] = str(rng.choice([w for w in spanish if w != written[wrong]]))
            elif (number + each) % 3 == 2:
                written[wrong:] = ["[end]"] if each % 2 else [written[wrong]] * 12
            found[name] = {
                "right": written == [*pair.target, "[end]"],
                "likeliest": [_likeliest(rng, word, spanish, spelling) for word in written],
                "weights": _weights(rng, name, pair, len(written)),
            }
        sentences.append(
            {
                "kind": kind,
                "number": place,
                "source": [spelling(word) for word in pair.source],
                "target": [spelling(word) for word in pair.target],
                "sure": [list(link) for link in sorted(pair.sure)],
                "possible": [list(link) for link in sorted(pair.possible - pair.sure)],
                "translations": found,
            }
        )
    return {"what": "an example", "sentences": sentences}


def _likeliest(
    rng: np.random.Generator, word: str, others: list[str], spelling: Callable[[str], str]
) -> list[list[Any]]:
    words = [word, *rng.choice([other for other in others if other != word], 2, replace=False)]
    shares = sorted(rng.dirichlet([0.5] * 4)[:3], reverse=True)
    return [
        [text if text == "[end]" else spelling(str(text)), round(1000 * share)]
        for text, share in zip(words, shares, strict=True)
    ]


def _weights(
    rng: np.random.Generator, name: str, pair: grammar.Pair, steps: int
) -> list[list[int]] | None:
    if name == "plain":
        return None
    rows = []
    for row in range(steps):
        lean = [0.3 + 3 * ((i, row) in pair.possible) for i in range(len(pair.source) + 1)]
        weights = rng.dirichlet(lean)
        if name == "uniform":
            weights = np.full(len(lean), 1 / len(lean))
        elif row % 5 == 4:
            weights = np.roll(weights, -int(weights.argmax()) - 1)  # on the end mark
        rows.append([round(1000 * weight) for weight in weights])
    return rows
