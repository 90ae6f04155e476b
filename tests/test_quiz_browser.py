"""A quiz in a real browser: it answers, keeps to itself, and loads nothing."""

import functools
import http.server
import json
import re
import shutil
import subprocess
import threading
from html import unescape

import pytest

from attention_course import quiz

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium on the PATH"),
]

QUESTIONS = [
    {
        "id": "choice",
        "type": "multiple_choice",
        "question": "√d<sub>k</sub>?",
        "answers": [
            {"answer": "yes", "correct": True, "feedback": "It is <code>so</code>."},
            {"answer": "no", "correct": False, "feedback": "It is not."},
        ],
    },
    {
        "id": "choices",
        "type": "many_choice",
        "question": "Which?",
        "answers": [
            {"answer": "a", "correct": True, "feedback": "a fits."},
            {"answer": "b", "correct": True, "feedback": "b fits."},
            {"answer": "c", "correct": False, "feedback": "c does not."},
        ],
    },
    {
        "id": "number",
        "type": "numeric",
        "question": "How many?",
        "precision": 2,
        "answers": [
            {"type": "value", "value": 0, "correct": True, "feedback": "None."},
            {"type": "range", "range": [3, 4], "correct": False, "feedback": "Too many."},
            {"type": "default", "feedback": "Count again."},
        ],
    },
]

# A page with MathJax 3 that is still being loaded, where jupyterquiz would fetch another one.
PAGE = """<!doctype html><html><head><meta charset="utf-8"><link rel="icon" href="data:,">
<script>
var problems = [];
window.onerror = function (message) { problems.push(message); };
console.error = function (message) { problems.push(message); };
window.MathJax = {version: "3.2.2"};
</script></head><body>FIRST SECOND
<script>
setTimeout(function () {
  var log = {leaked: ["check_mc", "show_questions", "Question", "makeid"].filter(function (name) {
    return typeof window[name] !== "undefined"; })};
  function feedback(question) {
    var element = question.querySelector(".Feedback");
    return [element.textContent, element.className.replace("Feedback", "").trim()];
  }
  function choose(question, text) {
    [...question.querySelectorAll(".MCButton")].filter(function (button) {
      return button.innerText.trim() === text; })[0].querySelector("span").click();
    return feedback(question);
  }
  function type(question, text) {
    var input = question.querySelector("input");
    input.value = text;
    input.dispatchEvent(new KeyboardEvent("keypress",
      {key: "Enter", keyCode: 13, which: 13, bubbles: true}));
    return feedback(question);
  }
  log.quizzes = ["quiz_a", "quiz_b"].map(function (id) {
    var questions = document.getElementById(id).querySelectorAll(".Quiz");
    return {
      count: questions.length,
      choice: [choose(questions[0], "no"), choose(questions[0], "yes")],
      choices: [choose(questions[1], "c"), choose(questions[1], "a"), choose(questions[1], "b")],
      number: [type(questions[2], ""), type(questions[2], "5"), type(questions[2], "3"),
               type(questions[2], "0")],
      label: questions[2].querySelector("label").control === questions[2].querySelector("input"),
      named: [...questions].every(function (question) {
        var group = question.querySelector("[role=group]");
        return document.getElementById(group.getAttribute("aria-labelledby")).textContent !== "";
      }),
    };
  });
  log.notes = document.querySelectorAll(".QuizNote").length;
  var ids = [...document.querySelectorAll("[id]")].map(function (element) { return element.id; });
  log.repeated = ids.filter(function (id, place) { return ids.indexOf(id) !== place; });
  log.scripts = document.querySelectorAll("script[src]").length;
  log.problems = problems;
  var result = document.createElement("pre");
  result.id = "result";
  result.textContent = JSON.stringify(log);
  document.body.append(result);
}, 1500);
</script></body></html>"""


class Handler(http.server.SimpleHTTPRequestHandler):
    asked: list

    def send_response(self, code, message=None):
        self.asked.append(self.path)
        super().send_response(code, message)

    def log_message(self, *arguments):
        pass


FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--virtual-time-budget=5000",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--dump-dom",
]


def visit(first, second, folder):
    """Return what a page with two quizzes reports, and what the browser asked the server for."""
    page = PAGE.replace("FIRST", first).replace("SECOND", second)
    (folder / "page.html").write_text(page, encoding="utf-8")
    asked = []
    handler = type("Noting", (Handler,), {"asked": asked})
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(handler, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}/page.html"
    try:
        result = subprocess.run(
            [CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", address],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    report = re.search(r'<pre id="result">(.*?)</pre>', result.stdout, re.DOTALL)
    assert report, result.stderr[-2000:]
    return json.loads(unescape(report[1])), asked


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    first = quiz.quiz_html(QUESTIONS, "quiz_a")
    second = quiz.quiz_html(QUESTIONS, "quiz_b")
    return visit(first, second, tmp_path_factory.mktemp("page"))


def test_every_question_is_there(seen):
    report, _ = seen
    assert [shown["count"] for shown in report["quizzes"]] == [3, 3]
    assert report["notes"] == 0, "the note for pages without JavaScript is gone"


@pytest.mark.parametrize("place", [0, 1])
def test_answers(seen, place):
    shown = seen[0]["quizzes"][place]
    assert shown["choice"] == [["It is not.", "incorrect"], ["It is so.", "correct"]]
    assert shown["choices"] == [
        ["c does not. [0/2]", "incorrect"],
        ["a fits. [1/2]", "correct"],
        ["b fits. [2/2]", "correct"],
    ]
    assert shown["number"] == [
        ["", ""],  # an empty box is no answer, though 0 is the right one
        ["Count again.", "incorrect"],
        ["Too many.", "incorrect"],
        ["None.", "correct"],
    ]


def test_screen_readers_get_names(seen):
    for shown in seen[0]["quizzes"]:
        assert shown["label"] is True
        assert shown["named"] is True


def test_the_quiz_keeps_to_itself(seen):
    report, _ = seen
    assert report["leaked"] == []
    assert report["repeated"] == []
    assert report["problems"] == []


def test_nothing_is_loaded(seen):
    report, asked = seen
    assert asked == ["/page.html"]
    assert report["scripts"] == 0


def test_the_report_notices_what_jupyterquiz_does_by_itself(tmp_path):
    """Without our frame around it, its names are in the page and it asks for another MathJax."""
    first, second = (
        re.sub(r"\(function \(\) \{\nvar MathJax;|\n\}\)\(\);(?=\n//)", "", page)
        for page in (quiz.quiz_html(QUESTIONS, "quiz_a"), quiz.quiz_html(QUESTIONS, "quiz_b"))
    )
    report, _ = visit(first, second, tmp_path)
    assert "check_mc" in report["leaked"]
    assert report["scripts"] > 0
