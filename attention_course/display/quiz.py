"""Quizzes: read from ``quizzes/NAME.json``, checked, and shown by jupyterquiz' own scripts.

jupyterquiz checks nothing, draws its element id from Python's global ``random``, leaves global
names in the page, may load MathJax from another server, and shuts out keyboards and screen readers.
So its ``display_quiz`` is not called. What it would put into a page, its scripts and its style
sheet, is taken from the installed package and framed: every file is checked against
``quiz_schema.json``, each quiz has the same id every time, and the frame keeps the rest out of the
page; ``quiz.js`` and ``quiz.css`` mend the controls.
"""

from __future__ import annotations

import importlib.resources
import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from attention_course.assets import fetch
from attention_course.display import svg
from attention_course.errors import QuizError
from attention_course.words import mark, script_words, tr, trn

if TYPE_CHECKING:
    from jsonschema import ValidationError

_FOLDER = Path(__file__).parent
SCHEMA = _FOLDER / "quiz_schema.json"

# HTML that a question may use; anything else is more likely a "<" that wants to be "&lt;".
TAGS = frozenset({"b", "br", "code", "em", "i", "pre", "small", "strong", "sub", "sup", "u"})
# A plain tag, or whatever else a browser would take for the beginning of one: a "<" before these
# signs, or at the end, where more text may follow.
_TAG = re.compile(r"<(/?)([a-z]+)>|<[A-Za-z/!?][^\s>]*|<\Z")

_VERDICT = re.compile(r"(not )?(yes|no|right|wrong|true|false|correct|incorrect)[.,:!]", re.I)
# jupyterquiz makes of "[text](address)" a link, and pastes both parts. Here a text is plain, and an
# address is that of a web page and holds no sign that means something in HTML.
_LINK = re.compile(
    r"\[[^][<]*\]\(https?://[A-Za-z0-9.-]+(:\d+)?([/?#][\w.~:/?#@!&*+,;=%-]*)?\)", re.A
)

# Of jupyterquiz, in the order of its own loader.
_SCRIPTS = ("helpers.js", "multiple_choice.js", "numeric.js", "show_questions.js")
# Keeps its notes out of the console. Without a MathJax in sight it does not wait for one, nor load
# one from another server.
_SHADOWS = "var MathJax, console = {log() {}, error: window.console.error};"

# What a broken rule of the schema means.
_RULES = {
    "required": mark("{key} is missing"),
    "additionalProperties": mark("the key {key} is unknown"),
    "not": mark("{key} has no meaning here"),
    "maths": mark("{key} holds a $; write maths in HTML and Unicode"),
    "empty": mark("{key} is empty"),
    "enum": mark("{key} must be one of {wanted}"),
    "type": mark("{key} must be of the type {type}"),
    "minimum": mark("{key} must lie between {minimum} and {maximum}"),
    "maximum": mark("{key} must lie between {minimum} and {maximum}"),
    "uniqueItems": mark("{key} names one twice"),
    "minItems": mark("{key} has {given} entries instead of at least {wanted}"),
    "maxItems": mark("{key} has {given} entries instead of at most {wanted}"),
}


def load_quiz(name: str) -> list[dict[str, Any]]:
    """Return the questions of a chapter's quiz; the errors are those of ``show_quiz``."""
    return read_quiz(fetch(f"quizzes/{name}.json"))


def read_quiz(path: Path) -> list[dict[str, Any]]:
    """Return the questions in a quiz file.

    Raises:
        QuizError: The file is damaged, or a question breaks the schema. The message names the
            file, the question's number, counted from one, and what is wrong.
    """
    file = f"quizzes/{path.name}"
    try:
        questions = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
    except (OSError, ValueError) as error:
        raise QuizError(
            "{file} cannot be read as JSON in UTF-8 ({reason}).",
            file=file,
            reason=getattr(error, "strerror", error),
        ) from error
    if problems := find_problems(questions):
        alone = mark("{file}, {problem}.")
        several = mark("{file}, {problem}. Problems after this one: {count}.")
        count = len(problems) - 1
        raise QuizError(several if count else alone, file=file, problem=problems[0], count=count)
    return questions


def _no_number(name: str) -> NoReturn:
    """Refuse what Python reads as a number, and no other reader of JSON does."""
    raise ValueError(name)


def show_quiz(name: str) -> None:
    """Show a quiz under the cell.

    The questions are part of the output: nothing is fetched when the page is read.

    Args:
        name: Name of the chapter, such as ``"01_rnn_recap"``.

    Raises:
        AssetError: There is no such quiz, or it cannot be downloaded.
        QuizError: The file is damaged, or a question breaks the schema.
    """
    questions = load_quiz(name)
    element = svg.numbered("quiz_" + re.sub(r"\W", "_", name), "_")
    summary = trn(
        "Quiz {name}: {count} question.",
        "Quiz {name}: {count} questions.",
        len(questions),
        name=name,
    )
    svg.display(quiz_html(questions, element, name), summary)


def quiz_html(questions: Sequence[dict[str, Any]], element: str, name: str) -> str:
    """Return a quiz as HTML with its style, questions and script inside.

    Args:
        questions: Questions as ``load_quiz`` returns them.
        element: Id of the element, unique in the page, also valid as a name in JavaScript.
        name: Name of the quiz, which the page's progress is kept under.
    """
    jupyterquiz = importlib.resources.files("jupyterquiz")
    try:
        scripts = [(jupyterquiz / "js" / file).read_text(encoding="utf-8") for file in _SCRIPTS]
        style = (jupyterquiz / "styles.css").read_text(encoding="utf-8")
    except OSError as error:
        raise QuizError(
            "The installed jupyterquiz lacks a file that this course needs; install the "
            "version in requirements.txt."
        ) from error
    style += (_FOLDER / "quiz.css").read_text(encoding="utf-8").replace("QUIZ", element)
    words = (_FOLDER.parent / "words.js").read_text(encoding="utf-8")
    own_script = (_FOLDER / "quiz.js").read_text(encoding="utf-8")
    shown = [_as_shown(question) for question in questions]
    data = {"QUIZ": element, "QUESTIONS": shown, "WORDS": script_words("quiz.js")}
    # "<" is escaped, so nothing can end the script's element.
    constants = "".join(
        f"const {name} = {json.dumps(value)};\n".replace("<", "\\u003c")
        for name, value in data.items()
    )
    note = tr(
        "Here stands a quiz. It needs JavaScript: open this page in the book, or run the notebook."
    )
    # The function keeps all names out of the page.
    return (
        f'<div id="{element}" class="ac-quiz" data-quiz="{escape(name)}" '
        'data-shuffleanswers="True" data-maxwidth="720" style="border-radius: 6px">'
        f"<style>\n{style}</style>\n"
        f'<p class="QuizNote">{escape(note)}</p></div>\n'
        f"<script>\n(function () {{\n{_SHADOWS}\n{constants}{words}{''.join(scripts)}{own_script}"
        "})();\n</script>"
    )


def _as_shown(question: dict[str, Any]) -> dict[str, Any]:
    question = {key: value for key, value in question.items() if key != "assesses"}
    if question["type"] != "many_choice":
        return question
    instruction = tr("(Choose every right answer.)")
    return {**question, "question": f"{question['question']} <small>{instruction}</small>"}


def find_problems(questions: Any) -> list[str]:
    """Return what is wrong with the parsed JSON of a quiz file, in the order of the questions."""
    try:
        import jsonschema
    except ModuleNotFoundError:
        # It comes with nbformat, so with Jupyter, Colab and requirements.txt. Where it is absent
        # the package was installed by itself, and the file's sha256 has been checked instead.
        return []
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    found = [(_place(error.path), _explain(error)) for error in validator.iter_errors(questions)]
    if not found:
        found = list(_beyond_the_schema(questions))
    found.sort(key=lambda item: item[0])
    return [_words(place, problem, questions) for place, problem in found]


def _place(path: Sequence[str | int]) -> tuple[int, int]:
    """Return the numbers, from one, of question and answer on a path; 0 where there is none."""
    numbers = [part + 1 for part in path if isinstance(part, int)]
    return (*numbers[:2], 0, 0)[:2]


def _words(place: tuple[int, int], problem: str, questions: Any) -> str:
    number, answer = place
    if not number:
        return problem
    content = questions[number - 1]
    name = content.get("id") if isinstance(content, dict) else None
    question = f"{number} ({name})" if isinstance(name, str) else number
    of_answer = mark("question {question}, answer {answer}: {problem}")
    sentence = of_answer if answer else mark("question {question}: {problem}")
    return tr(sentence, question=question, answer=answer, problem=problem)


def _explain(error: ValidationError) -> str:
    """Return what one broken rule of the schema means."""
    last = error.path[-1] if error.path else tr("the list")
    key = last if isinstance(last, str) else tr("it")
    rule, wanted, given = error.validator, error.validator_value, error.instance
    if "contains" in error.schema:
        return tr(_needs(error.schema))
    if rule == "required":
        key = next(name for name in wanted if name not in given)
    elif rule == "additionalProperties":
        key = min(set(given) - set(error.schema["properties"]))
    elif rule == "pattern" and key == "id":
        return tr("the id {id!r} must be lower-case words joined by _ or -", id=given)
    elif rule == "pattern":
        rule = "maths" if given.strip() else "empty"
    elif rule == "enum":
        wanted = ", ".join(wanted)
    elif rule in ("minItems", "maxItems"):
        given = len(given)
    # The schema itself has the type, minimum and maximum.
    return tr(_RULES[rule], **{**error.schema, "key": key, "given": given, "wanted": wanted})


def _needs(schema: dict[str, Any]) -> str:
    """Return which answers are too few or too many."""
    if schema["contains"]["$ref"] == "#/$defs/default":
        return mark(
            "it needs exactly one answer of type default, with the feedback for any other number"
        )
    if schema.get("minContains") == 2:
        return mark("many_choice needs at least two answers with correct: true")
    if schema.get("maxContains") == 1:
        return mark("exactly one answer must have correct: true")
    return mark("at least one value or range must have correct: true")


def _beyond_the_schema(questions: list[dict[str, Any]]) -> Iterator[tuple[tuple[int, int], str]]:
    """Yield what a schema cannot say: ids differ, answers differ, HTML is well formed."""
    ids = Counter(question["id"] for question in questions)
    for number, question in enumerate(questions, start=1):
        if ids[question["id"]] > 1:
            yield (number, 0), tr("another question has the same id")
        texts = Counter(
            (answer["answer"], answer.get("code"))
            for answer in question["answers"]
            if "answer" in answer
        )
        for position, part in enumerate([question, *question["answers"]]):
            place = (number, position)
            for key in ("question", "code", "answer", "feedback"):
                if problem := html_problem(part.get(key, ""), key):
                    yield place, problem
            if _VERDICT.match(part.get("feedback", "")):
                yield place, tr("feedback says right or wrong, which the page does by itself")
            if "answer" in part and texts[part["answer"], part.get("code")] > 1:
                yield place, tr("another answer has the same text")
            if "range" in part and part["range"][0] >= part["range"][1]:
                yield place, tr("range must go from a smaller to a larger number")
            if not all(map(math.isfinite, [part.get("value", 0), *part.get("range", [])])):
                yield place, tr("a number is too large")


def html_problem(text: str, key: str = "it") -> str | None:
    """Return what is wrong with the HTML of a question or answer, or None.

    Args:
        text: HTML that may use the elements in ``TAGS`` without attributes, and links to web
            pages, written as ``[text](https://address)``.
        key: what the text is, for the sentence.
    """
    if "\\(" in text or "\\[" in text:
        return tr("{key} holds TeX; write maths in HTML and Unicode", key=key)
    rest = _LINK.sub("", text)
    if "](" in rest:
        return tr("{key} holds [...](...), which becomes a link; put a space in between", key=key)
    if rest != text and "[" in rest:
        return tr("{key} holds a [ beside a link; write &#91; for it", key=key)
    opened: list[str] = []
    for found in _TAG.finditer(text):
        closes, tag = found.groups()
        if tag not in TAGS:
            return tr(
                "{key} holds {what}, but only a few elements are allowed, without attributes; "
                "write &lt; for <",
                key=key,
                what=found[0].rstrip(">"),
            )
        if closes and (not opened or opened.pop() != tag):
            return tr("{key} closes <{tag}> where it is not open", key=key, tag=tag)
        if not closes and tag != "br":
            opened.append(tag)
    return tr("{key} never closes <{tag}>", key=key, tag=opened[-1]) if opened else None
