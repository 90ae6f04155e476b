"""Quizzes: read from ``quizzes/NAME.json``, checked, and shown through jupyterquiz.

jupyterquiz checks nothing, draws its element id from Python's global ``random``, leaves global
names in the page, may load MathJax from another server, and shuts out keyboards and screen readers.
This module checks every file against ``quiz_schema.json``, gives each quiz the same id every time,
and keeps the rest out of the page; ``quiz.js`` and ``quiz.css`` mend the controls.
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from attention_course.assets import fetch
from attention_course.errors import QuizError

if TYPE_CHECKING:
    from jsonschema import ValidationError

_FOLDER = Path(__file__).parent
SCHEMA = _FOLDER / "quiz_schema.json"

# Every text on these colours has a contrast of at least 4.5; tests/display/test_quiz.py measures.
# The cards bring their own background, so they are the same on a light and on a dark page.
COLOURS = {
    "--jq-multiple-choice-bg": "#1d4f7c",
    "--jq-many-choice-bg": "#5d3a86",
    "--jq-numeric-bg": "#0d5a4a",
    "--jq-string-bg": "#0d5a4a",
    "--jq-text-color": "#ffffff",
    "--jq-link-color": "#d5e6f7",
    "--jq-mc-button-bg": "#f2f4f6",
    "--jq-mc-button-border": "#66727f",
    "--jq-mc-button-inset-shadow": "#333d47",
    "--jq-numeric-input-bg": "#f2f4f6",
    "--jq-numeric-input-label": "#ffffff",
    "--jq-numeric-input-shadow": "#66727f",
    "--jq-incorrect-color": "#a3203a",
    "--jq-correct-color": "#0d6138",
}
# HTML that a question may use; anything else is more likely a "<" that wants to be "&lt;".
TAGS = frozenset({"b", "br", "code", "em", "i", "pre", "small", "strong", "sub", "sup", "u"})

_VERDICT = re.compile(r"(not )?(yes|no|right|wrong|true|false|correct|incorrect)[.,:!]", re.I)
_SEARCH = re.compile(r"/\*(?:(?!\*/).)*\*/\s*function try_show\(\)", re.DOTALL)
_SHADOWS = "var MathJax, Question, console = {log() {}, error: window.console.error};"

_times_shown: Counter[str] = Counter()


def load_quiz(name: str) -> list[dict[str, Any]]:
    """Return the questions of one quiz.

    Args:
        name: Name of the chapter, such as ``"01_rnn_recap"``.

    Raises:
        AssetError: There is no such quiz, or it cannot be downloaded.
        QuizError: The file is damaged, or a question breaks the schema.
    """
    return read_quiz(fetch(f"quizzes/{name}.json"))


def read_quiz(path: Path) -> list[dict[str, Any]]:
    """Return the questions in a quiz file.

    Args:
        path: A JSON file.

    Raises:
        QuizError: The file is damaged, or a question breaks the schema. The message names the
            file, the question's number, counted from one, and what is wrong.
    """
    label = f"quizzes/{path.name}"
    try:
        questions = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise QuizError(f"{label} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise QuizError(f"{label} is not UTF-8 text; save it with that encoding.") from error
    except json.JSONDecodeError as error:
        raise QuizError(
            f"{label} is not valid JSON: {error.msg} in line {error.lineno}, column {error.colno}."
        ) from error
    problems = find_problems(questions)
    if problems:
        others = f" Problems after this one: {len(problems) - 1}." if len(problems) > 1 else ""
        raise QuizError(f"{label}, {problems[0]}.{others}")
    return questions


def show_quiz(name: str) -> None:
    """Show a quiz under the cell.

    The questions are part of the output: nothing is fetched when the page is read. Python's
    global random state is left as it was.

    Args:
        name: Name of the chapter, such as ``"01_rnn_recap"``.

    Raises:
        AssetError: There is no such quiz, or it cannot be downloaded.
        QuizError: The file is damaged, or a question breaks the schema.
    """
    from IPython.display import display

    questions = load_quiz(name)
    _times_shown[name] += 1
    element = "quiz_" + re.sub(r"\W", "_", name)
    if _times_shown[name] > 1:
        element += f"_{_times_shown[name]}"
    summary = f"Quiz {name}: {len(questions)} questions."
    bundle = {"text/html": quiz_html(questions, element, name), "text/plain": summary}
    display(bundle, raw=True)


def quiz_html(questions: Sequence[dict[str, Any]], element: str, name: str) -> str:
    """Return a quiz as HTML with its style, questions and script inside.

    Args:
        questions: Questions as ``load_quiz`` returns them.
        element: Id of the element, unique in the page, also valid as a name in JavaScript.
        name: Name of the quiz, which the page's progress is kept under.
    """
    markup, script = _from_jupyterquiz([_with_instruction(question) for question in questions])
    random_id = re.search(r'<div id="(\w+)"', markup)[1]
    own_style = (_FOLDER / "quiz.css").read_text(encoding="utf-8").replace("QUIZ", element)
    own_script = (_FOLDER / "quiz.js").read_text(encoding="utf-8")
    own_script = own_script.replace('"QUIZ"', f'"{element}"')
    own_script = own_script.replace("QUESTIONS", f"questions{element}")
    note = (
        f'<p class="QuizNote">Here stands a quiz of {len(questions)} questions. It needs '
        "JavaScript: open this page in the book, or run the notebook.</p>"
    )
    attributes = f'class="ac-quiz" data-quiz="{escape(name)}"'
    markup = markup.replace(f'"{random_id}"', f'"{random_id}" {attributes}', 1)
    unclosed = "</div>" * (markup.count("<div") - markup.count("</div>"))
    # The function keeps jupyterquiz' names out of the page, and its notes out of the console;
    # without a MathJax in sight it does not wait for one, nor load one from another server.
    script = f"(function () {{\n{_SHADOWS}\n{script}{own_script}}}\n}})();\n"
    script = script.replace("</script", r"<\/script")
    return (
        f"{markup}<style>\n{own_style}</style>\n{note}{unclosed}\n<script>\n{script}</script>"
    ).replace(random_id, element)


def _from_jupyterquiz(questions: list[dict[str, Any]]) -> tuple[str, str]:
    """Return the HTML and the JavaScript that ``display_quiz`` would show.

    The script is cut where it begins to look for its element; it lacks the last brace.
    """
    import jupyterquiz

    shown: list[Any] = []
    state = random.getstate()
    random.seed("attention-course")
    try:
        # The only way in is the public function, so what it displays is collected instead.
        with mock.patch.object(
            sys.modules[jupyterquiz.display_quiz.__module__], "display", shown.append
        ):
            jupyterquiz.display_quiz(questions, colors=COLOURS, max_width=720, border_radius=6)
        markup, script = (part.data for part in shown)
        script = script[: _SEARCH.search(script).start()]
    except (AttributeError, TypeError, ValueError) as error:
        raise QuizError(
            f"jupyterquiz {jupyterquiz.__version__} shows quizzes in a way this course does not "
            "know; install the version in requirements.txt."
        ) from error
    finally:
        random.setstate(state)
    return markup, script


def _with_instruction(question: dict[str, Any]) -> dict[str, Any]:
    if question["type"] != "many_choice":
        return question
    text = f"{question['question']} <small>(Choose every right answer.)</small>"
    return {**question, "question": text}


def find_problems(questions: Any) -> list[str]:
    """Return what is wrong with the content of a quiz file, in the order of the questions.

    Args:
        questions: The parsed JSON, of any type.
    """
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
    return [f"{_words(place, questions)}{sentence}" for place, sentence in found]


def _place(path: Sequence[str | int]) -> tuple[int, int]:
    """Return the numbers, from one, of question and answer on a path; 0 where there is none."""
    numbers = [part + 1 for part in path if isinstance(part, int)]
    return (*numbers[:2], 0, 0)[:2]


def _words(place: tuple[int, int], questions: Any) -> str:
    question, answer = place
    if not question:
        return ""
    content = questions[question - 1]
    name = content.get("id") if isinstance(content, dict) else None
    named = f" ({name})" if isinstance(name, str) else ""
    return f"question {question}{named}" + (f", answer {answer}: " if answer else ": ")


def _explain(error: ValidationError) -> str:
    """Return what one broken rule of the schema means."""
    last = error.path[-1] if error.path else "the list"
    key = last if isinstance(last, str) else "it"
    about = error.schema.get("contains", {}).get("$ref") if isinstance(error.schema, dict) else None
    if about == "#/$defs/right":
        return (
            "many_choice needs at least two answers with correct: true"
            if error.schema.get("minContains") == 2
            else "exactly one answer must have correct: true"
            if error.schema.get("maxContains") == 1
            else "at least one value or range must have correct: true"
        )
    if about == "#/$defs/default":
        return "it needs exactly one answer of type default, with the feedback for any other number"
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return f"{missing[0]} is missing"
    if error.validator == "additionalProperties":
        extra = sorted(set(error.instance) - set(error.schema["properties"]))
        return f"the key {extra[0]} is unknown"
    if error.validator == "not":
        return f"{key} has no meaning here"
    if error.validator == "pattern" and key == "id":
        return f"the id {error.instance!r} must be lower-case words joined by _ or -"
    if error.validator == "pattern":
        empty = not error.instance.strip()
        return f"{key} is empty" if empty else f"{key} holds a $; write maths in HTML and Unicode"
    if error.validator == "enum":
        return f"{key} must be one of {', '.join(error.validator_value)}"
    if error.validator == "type":
        return f"{key} must be of the type {error.validator_value}"
    if error.validator in ("minItems", "maxItems"):
        bound = "at least" if error.validator == "minItems" else "at most"
        return f"{key} has {len(error.instance)} entries instead of {bound} {error.validator_value}"
    return f"{key}: {error.message}"


def _beyond_the_schema(questions: list[dict[str, Any]]) -> Iterator[tuple[tuple[int, int], str]]:
    """Yield what a schema cannot say: ids differ, answers differ, HTML is well formed."""
    ids = Counter(question["id"] for question in questions)
    for number, question in enumerate(questions, start=1):
        if ids[question["id"]] > 1:
            yield (number, 0), "another question has the same id"
        texts = Counter(
            (answer["answer"], answer.get("code"))
            for answer in question["answers"]
            if "answer" in answer
        )
        for position, part in enumerate([question, *question["answers"]]):
            place = (number, position)
            for key in ("question", "code", "answer", "feedback"):
                if problem := html_problem(part.get(key, "")):
                    yield place, f"{key} {problem}"
            if _VERDICT.match(part.get("feedback", "")):
                yield place, "feedback says right or wrong, which the page does by itself"
            if "answer" in part and texts[part["answer"], part.get("code")] > 1:
                yield place, "another answer has the same text"
            if "range" in part and part["range"][0] >= part["range"][1]:
                yield place, "range must go from a smaller to a larger number"


def html_problem(text: str) -> str | None:
    """Return what is wrong with the HTML of a question or answer, or None.

    Args:
        text: HTML that may use the elements in ``TAGS`` without attributes.
    """
    if "\\(" in text or "\\[" in text:
        return "holds TeX; write maths in HTML and Unicode"
    if re.search(r"\[.*?\]\((?!https?://)", text):
        return "holds [...](...), which becomes a link; put a space in between"
    open_tags = []
    for match in re.finditer(r"<(/?)([A-Za-z!?/][^\s>]*|$)([^>]*)(>?)", text):
        end, tag, attributes, closed = match.groups()
        if tag not in TAGS or not closed:
            return f"holds <{end}{tag}, which starts no element allowed here; write &lt; for <"
        if attributes:
            return f"gives <{tag}> attributes, which are not allowed"
        if not end and tag != "br":
            open_tags.append(tag)
        elif end and (not open_tags or open_tags.pop() != tag):
            return f"closes <{tag}> where it is not open"
    return f"never closes <{open_tags[-1]}>" if open_tags else None
