"""Every question of every quiz in its page: answered wrongly and rightly, by mouse and by keys."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import checks
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

ROOT = Path(__file__).resolve().parents[2]
QUIZZES = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "quizzes").glob("*.json"))
}
# In none of the ranges of any question.
FAR_AWAY = "-98765.5"

# Which option or box has the focus: the question's id, and the place of the element in it.
STOP = """() => {
  const element = document.activeElement;
  const question = element.closest(".ac-quiz .Quiz");
  if (!question) return null;
  const options = [...question.querySelectorAll(".MCButton input")];
  const kind = options.includes(element) ? "option"
    : element.matches(".Input-text") ? "box" : element.matches("button") ? "button" : "other";
  return {question: question.dataset.question, kind, place: options.indexOf(element),
    feedback: question.querySelector(".Feedback").textContent};
}"""
LISTEN = """() => {
  window.courseAnswers = [];
  document.addEventListener("attention-course:answer", (event) =>
    window.courseAnswers.push(event.detail));
}"""
OPTIONS = """(quiz) => [...quiz.querySelectorAll(".Quiz")].map((question) => ({
  question: question.dataset.question,
  options: [...question.querySelectorAll(".MCButton")].map((label) => label.textContent),
}))"""
# The keyboard starts behind the last thing that it can reach before the quiz.
BEFORE_THE_QUIZ = """(quiz) => {
  const all = [...document.querySelectorAll("a[href], button, input, summary, [tabindex='0']")];
  all.filter((element) => element.compareDocumentPosition(quiz) & 4
    && !quiz.contains(element) && element.checkVisibility({visibilityProperty: true})).at(-1)
    .focus();
}"""


def plain(text: str) -> str:
    """The text a reader sees of the HTML in a quiz file."""
    text = html.unescape(re.sub(r"<[^>]+>", "", re.sub(r"<br>", " ", text)))
    return re.sub(r"\s+", " ", text).strip()


def fits(answer: dict[str, Any], number: float) -> bool:
    if "value" in answer:
        return answer["value"] == number
    return "range" in answer and answer["range"][0] <= number <= answer["range"][1]


def typed(question: dict[str, Any], correct: bool) -> list[tuple[str, str]]:
    """Numbers to type into a question's box, each with the feedback it deserves."""
    found = []
    for place, answer in enumerate(question["answers"]):
        if answer["type"] == "default":
            text = FAR_AWAY
        elif "range" in answer:
            text = repr(sum(answer["range"]) / 2)
        else:
            text = repr(answer["value"])
        # jupyterquiz takes the first entry that fits.
        earlier = question["answers"][:place]
        if any(fits(other, float(text)) for other in earlier):
            continue
        if answer.get("correct", False) is correct:
            found.append((text, plain(answer["feedback"])))
    return found


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


class Sitting:
    """One reader who works through one quiz.

    Args:
        page: the opened chapter.
        name: the quiz.
    """

    def __init__(self, page: Page, name: str) -> None:
        self.page = page
        self.name = name
        self.questions = QUIZZES[name]
        self.quiz = page.locator(f"#quiz_{name}")
        self.complete = False
        # Options stand in another order each time.
        self.shown = {
            part["question"]: [squeezed(text) for text in part["options"]]
            for part in self.quiz.evaluate(OPTIONS)
        }
        page.evaluate(LISTEN)

    def part(self, question: dict[str, Any]) -> Locator:
        return self.quiz.locator(f".Quiz[data-question='{question['id']}']")

    def options(self, question: dict[str, Any], correct: bool) -> list[tuple[int, str]]:
        """Places of the right or wrong options on the page, with their feedback."""
        found = []
        for answer in question["answers"]:
            text = squeezed(plain(answer.get("answer", "")) + answer.get("code", ""))
            place = self.shown[question["id"]].index(text)
            if answer["correct"] is correct:
                found.append((place, plain(answer["feedback"])))
        return found

    def judged(
        self, question: dict[str, Any], correct: bool, feedback: str, act: Callable[[], object]
    ) -> None:
        """Answer, and see the right verdict said, shown and reported."""
        said = checks.announced(self.page, act)
        word = "Right:" if correct else "Not right:"
        what = f"{question['id']}: {said}"
        assert len(said) == 1, what
        assert said[0].startswith(f"{word} {feedback}"), what
        shown = self.part(question).locator(".Feedback")
        assert plain(shown.inner_html()) == said[0]
        report = self.page.evaluate("window.courseAnswers.pop()")
        assert report["quiz"] == self.name
        assert report["question"] == question["id"]
        assert report["correct"] is correct
        self.complete = report["complete"]

    def finished(self, question: dict[str, Any], correct: bool) -> None:
        assert self.complete is correct, question["id"]

    def in_order(self) -> None:
        """The unanswered quiz is looked at with its page, in test_pages_browser.py."""
        dark = self.page.evaluate("document.documentElement.dataset.theme") == "dark"
        selector = f"#quiz_{self.name}"
        assert checks.axe_problems(self.page, selector, colours_only=dark) == []
        assert checks.overflow(self.page) == []


def test_every_chapter_has_a_quiz():
    assert set(QUIZZES) == {path.stem for path in (ROOT / "chapters").glob("[0-9][0-9]_*.ipynb")}


def begin_again(sitting: Sitting, question: dict[str, Any]) -> Locator:
    """The button of a question with several right options, of which a wrong one is chosen."""
    button = sitting.part(question).get_by_role("button", name="Begin this question again")
    assert button.count() == (question["type"] == "many_choice")
    return button


def complete(sitting: Sitting) -> None:
    """See that the page shows every question with every option."""
    assert list(sitting.shown) == [question["id"] for question in sitting.questions]
    for question in sitting.questions:
        text = plain(sitting.part(question).locator("[id^=quizQn]").inner_html())
        assert text.startswith(plain(question["question"]))
        if question["type"] != "numeric":
            both = sitting.options(question, True) + sitting.options(question, False)
            places = sorted(place for place, _ in both)
            assert places == list(range(len(sitting.shown[question["id"]])))


# --- the mouse -----------------------------------------------------------------------------


def with_the_mouse(sitting: Sitting, correct: bool) -> None:
    for question in sitting.questions:
        part = sitting.part(question)
        if question["type"] == "numeric":
            box = part.locator(".Input-text")
            for text, feedback in typed(question, correct):
                box.fill(text)
                sitting.judged(question, correct, feedback, part.get_by_role("button").click)
        else:
            if correct:
                for button in begin_again(sitting, question).all():
                    button.click()
            for place, feedback in sitting.options(question, correct):
                label = part.locator(".MCButton").nth(place)
                sitting.judged(question, correct, feedback, label.click)
        sitting.finished(question, correct)


def pasting(sitting: Sitting) -> None:
    """A number can be pasted, and what is no number gets a sentence but no verdict."""
    page = sitting.page
    numeric = [question for question in sitting.questions if question["type"] == "numeric"]
    assert numeric
    for question in numeric:
        box = sitting.part(question).locator(".Input-text")
        text, feedback = typed(question, correct=True)[0]
        box.fill("")
        box.focus()
        page.keyboard.type(text)
        page.keyboard.press("Control+a")
        page.keyboard.press("Control+x")
        assert box.input_value() == ""
        page.keyboard.press("Control+v")
        assert box.input_value() == text
        sitting.judged(question, True, feedback, lambda: page.keyboard.press("Enter"))
        for nonsense in ("", "two", "1,5"):
            box.fill(nonsense)
            said = checks.announced(page, lambda: page.keyboard.press("Enter"))
            assert len(said) == 1
            assert not said[0].startswith(("Right", "Not right"))
            assert page.evaluate("window.courseAnswers") == [], "nonsense is no answer"


# One quiz that has all kinds of questions; of the others, every answer in the thorough run.
KINDS = {name: {question["type"] for question in quiz} for name, quiz in QUIZZES.items()}
ALL_KINDS = max(QUIZZES, key=lambda name: (len(KINDS[name]), -len(QUIZZES[name])))
one_here_and_all_there = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name == ALL_KINDS else pytest.mark.thorough)
        for name in QUIZZES
    ],
)


@one_here_and_all_there
def test_with_the_mouse(open_page, name):
    # A quiz has no formulas: its mathematics is written in HTML.
    page = open_page(f"chapters/{name}", scheme="light", width=1280, formulas=False)
    sitting = Sitting(page, name)
    complete(sitting)
    with_the_mouse(sitting, correct=False)
    sitting.in_order()
    with_the_mouse(sitting, correct=True)
    sitting.in_order()
    pasting(sitting)


# --- the keyboard --------------------------------------------------------------------------


def choose_by_keys(
    sitting: Sitting, question: dict[str, Any], stop: dict[str, Any], correct: bool
) -> None:
    """Go to every wrong or right option with arrows; moving must not answer."""
    page, place = sitting.page, stop["place"]
    number = len(question["answers"])
    for turn, (wanted, feedback) in enumerate(sitting.options(question, correct)):
        before = page.evaluate(STOP)["feedback"]
        forward = (wanted - place) % number
        backward = (place - wanted) % number
        key, times = ("ArrowDown", forward) if forward <= backward else ("ArrowUp", backward)
        for _ in range(times):
            page.keyboard.press(key)
        place = wanted
        stop = page.evaluate(STOP)
        assert (stop["question"], stop["kind"]) == (question["id"], "option")
        assert stop["place"] == wanted
        assert stop["feedback"] == before, f"{question['id']}: an arrow key has answered"
        assert page.evaluate("window.courseAnswers") == []
        key = "Enter" if turn % 2 else "Space"
        sitting.judged(question, correct, feedback, lambda key=key: page.keyboard.press(key))


def type_by_keys(sitting: Sitting, question: dict[str, Any], correct: bool) -> None:
    page = sitting.page
    for turn, (text, feedback) in enumerate(typed(question, correct)):
        page.keyboard.press("Control+a")
        page.keyboard.type(text)
        assert page.evaluate("document.activeElement.value") == text
        if turn % 2 == 0:
            sitting.judged(question, correct, feedback, lambda: page.keyboard.press("Enter"))
            assert page.evaluate(STOP)["kind"] == "box", "Enter leaves the reader in the box"
        else:
            page.keyboard.press("Tab")
            assert page.evaluate(STOP)["kind"] == "button"
            sitting.judged(question, correct, feedback, lambda: page.keyboard.press("Space"))
            page.keyboard.press("Shift+Tab")


def with_the_keyboard(sitting: Sitting, correct: bool) -> None:
    page = sitting.page
    known = {question["id"]: question for question in sitting.questions}
    sitting.quiz.evaluate(BEFORE_THE_QUIZ)
    page.keyboard.press("Tab")
    met = []
    while stop := page.evaluate(STOP):
        question = known[stop["question"]]
        if stop["kind"] in ("option", "box"):
            assert stop["question"] not in met, "a question is one stop for Tab"
            met.append(stop["question"])
            if correct and begin_again(sitting, question).count():
                page.keyboard.press("Tab")
                assert page.evaluate(STOP)["kind"] == "button"
                page.keyboard.press("Space")
                stop = page.evaluate(STOP)
                assert (stop["question"], stop["kind"], stop["place"]) == (
                    question["id"],
                    "option",
                    0,
                )
            if stop["kind"] == "option":
                choose_by_keys(sitting, question, stop, correct)
            else:
                type_by_keys(sitting, question, correct)
            sitting.finished(question, correct)
        page.keyboard.press("Tab")
    assert met == list(known)


@one_here_and_all_there
def test_with_the_keyboard_alone(open_page, name):
    page = open_page(f"chapters/{name}", scheme="dark", width=360, formulas=False)
    sitting = Sitting(page, name)
    with_the_keyboard(sitting, correct=False)
    sitting.in_order()
    with_the_keyboard(sitting, correct=True)
    sitting.in_order()
