"""How long a chapter takes: one rule, from what a student reads, runs, answers and writes.

* `WORDS` of the main line take a minute: that is slow, for there are formulas and figures among
  them, which one reads more than once.
* Every `LINES` lines of a code cell that are begun take a minute: to predict, to run, to look at
  what came out.
* A question of the quiz takes `QUESTION` minutes, with its feedback.
* An exercise takes the ``minutes`` that stand among its texts.

The sum is rounded up to the next ten. What is folded is left out, and so are solutions, the
references, and all cells from one that begins with the heading or the summary "More practice" to
the next heading of second level.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import nbformat

from attention_course.book import objectives
from attention_course.book.normal import SOLUTION
from attention_course.environment import ROOT

WORDS = 120
LINES = 10
QUESTION = 1.5
MOST_WORDS = 3500
_OPTIONAL = re.compile(r"(#+ |<details>\s*<summary>)\W*(<\w+>)?More practice")
_LEFT_OUT = (
    (re.compile(r"<details>.*?</details>", re.DOTALL), " "),
    (re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE), " "),
    (re.compile(r"\$\$.*?\$\$", re.DOTALL), " formula "),
    (re.compile(r"<[^>]+>"), ""),
)


def main_line(notebook: nbformat.NotebookNode) -> tuple[int, list[str]]:
    """The number of words that everyone reads, and the code cells that everyone runs."""
    prose, code, optional = [], [], False
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            optional = bool(_OPTIONAL.match(cell.source)) or (
                optional and not re.match("##? ", cell.source)
            )
        if optional:
            continue
        if cell.cell_type == "markdown":
            prose.append(cell.source)
        elif cell.cell_type == "code" and SOLUTION not in cell.metadata.get("tags", []):
            code.append(cell.source)
    text = "\n\n".join(prose).split("\n## References")[0]
    for pattern, instead in _LEFT_OUT:
        text = pattern.sub(instead, text)
    return len(text.split()), code


def minutes(notebook: nbformat.NotebookNode, stem: str, root: Path = ROOT) -> int:
    """The minutes that the chapter takes by the rule of this module."""
    words, code = main_line(notebook)
    cells = sum(math.ceil(len(source.split("\n")) / LINES) for source in code)
    quiz = QUESTION * len(objectives.questions(stem, root))
    everyone = [
        text.get("minutes", 0)
        for name, text in objectives.exercises(stem).items()
        if any(objectives.checks(source, name) for source in code)
    ]
    return 10 * math.ceil((words / WORDS + cells + quiz + sum(everyone)) / 10)


def problems(notebook: nbformat.NotebookNode, stem: str, root: Path = ROOT) -> list[str]:
    """Whether the time that the chapter states is not what it takes, or the main line too long."""
    found = [
        f"exercise {name} does not say how many minutes it takes"
        for name, text in objectives.exercises(stem).items()
        if not text.get("minutes")
    ]
    words, _ = main_line(notebook)
    if words > MOST_WORDS:
        found.append(f"its main line has {words} words; {MOST_WORDS} is the most")
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    stated = re.findall(r"\*\*Time:\*\* about (\d+) minutes", text)
    takes = minutes(notebook, stem, root)
    if stated != [str(takes)]:
        found.append(f"it must say `**Time:** about {takes} minutes`")
    return found
