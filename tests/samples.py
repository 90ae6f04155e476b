"""What several files of tests take as an example."""

from __future__ import annotations

import copy
import random
from typing import Any

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
