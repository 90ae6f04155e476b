"""Quizzes: every file keeps the rules, and what is shown is complete, repeatable and readable."""

import json
import math
import random
import re
import sys
from pathlib import Path

import jsonschema
import pytest
import samples
from bs4 import BeautifulSoup

from attention_course.display import quiz, svg
from attention_course.errors import AssetError, QuizError

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "quizzes").glob("*.json"))
CHAPTERS = sorted(path.stem for path in (ROOT / "chapters").glob("*.ipynb"))

GOOD = samples.questions()


@pytest.fixture
def good():
    return samples.questions()


@pytest.fixture
def shown(monkeypatch):
    """Collect what is displayed, and count ids from the start."""
    bundles = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: bundles.append(data))
    svg._times_shown.clear()
    yield bundles
    svg._times_shown.clear()


# --- the course's own quizzes -----------------------------------------------------------------


def test_one_quiz_for_each_chapter():
    assert CHAPTERS
    assert [path.stem for path in FILES] == CHAPTERS


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_quiz_file(path):
    questions = quiz.read_quiz(path)
    assert len(questions) >= 8
    assert {question["type"] for question in questions} == {
        "multiple_choice",
        "many_choice",
        "numeric",
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_feedback_differs_within_a_question(path):
    """One sentence for all wrong answers does not say why this one is wrong."""
    for question in quiz.read_quiz(path):
        feedback = [answer["feedback"] for answer in question["answers"]]
        assert len(set(feedback)) == len(feedback), f"{path.name}: {question['id']}"


def seen(answer):
    """How many characters of an option a reader sees."""
    return len(BeautifulSoup(answer["answer"] + answer.get("code", ""), "html.parser").get_text())


def given_away(questions):
    """What the length of options tells of a quiz to a reader who knows nothing.

    The right option may be longer than every wrong one by 15 % (or three letters) at most, and in
    no more than a third of the questions with one right option may it be the longest.
    """
    found, longest, single = [], [], 0
    for question in questions:
        if question["type"] != "numeric":
            right, wrong = (
                max((seen(a) for a in question["answers"] if a["correct"] is kind), default=0)
                for kind in (True, False)
            )
            if right > max(1.15 * wrong, wrong + 3):
                found.append(f"{question['id']}: {right} characters are right, {wrong} wrong")
            if question["type"] == "multiple_choice":
                single += 1
                longest += [question["id"]] if right > wrong else []
    if 3 * len(longest) > single:
        found.append(f"the longest option is right in {longest}, of {single}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_length_does_not_give_the_answer_away(path):
    assert given_away(quiz.read_quiz(path)) == []


def test_a_key_that_stands_out_by_its_length_is_noticed(good):
    def lengths(right, *wrong):
        several = [{"answer": "x" * n, "correct": n == right} for n in (right, *wrong)]
        return {"id": f"q{right}", "type": "multiple_choice", "answers": several}

    assert given_away([lengths(10, 20, 5)] * 2 + [lengths(23, 20, 5)]) == []
    assert given_away([lengths(1, 2)] * 2 + [lengths(5, 2)]) == []
    assert given_away([lengths(10, 20, 5)] * 2 + [lengths(24, 20, 5)]) == [
        "q24: 24 characters are right, 20 wrong"
    ]
    assert given_away([lengths(21, 20)] * 2 + [lengths(5, 20)] * 3) == [
        "the longest option is right in ['q21', 'q21'], of 5"
    ]
    good[1]["answers"][0]["answer"] = "<b>even &amp; more</b>"
    assert given_away(good[1:]) == ["choices: 16 characters are right, 1 wrong"]


# --- numbers: what is accepted is what the words ask for -----------------------------------------

DECIMALS = {"one": 1, "two": 2, "three": 3, "four": 4}
WORDS = re.compile(rf"\b({'|'.join(DECIMALS)}) decimals?\b", re.I)


def accepts(question, number):
    """Whether jupyterquiz takes a number for right: the first entry that fits decides."""
    digits = question.get("precision")

    def rounded(value):
        return float(f"{value:.{digits - 1}e}") if digits else value

    for answer in question["answers"]:
        start, end = answer.get("range", (1, 0))
        if (answer["type"] == "value" and rounded(number) == rounded(answer["value"])) or (
            start <= rounded(number) < end
        ):
            return answer["correct"]
    return False


def number_problem(question):
    """How what a numeric question accepts differs from what it asks for, or None.

    Asked for so many decimals, it takes whatever rounds to the key, and nothing further from it
    than one unit of the last decimal more. Without these words, the key is a whole number and
    alone.
    """
    right = next(answer for answer in question["answers"] if answer.get("correct"))
    key = right["value"] if "value" in right else sum(right["range"]) / 2
    asked = WORDS.search(question["question"])
    if not asked:
        exact = "value" in right and key == int(key) and not accepts(question, key + 0.01)
        return None if exact else "it must say how many decimals to give"
    unit = 10.0 ** -DECIMALS[asked[1].lower()]
    for whole in (math.floor(key / unit + 1e-6), math.ceil(key / unit - 1e-6)):
        taken = [n for n in range(-60, 61) if accepts(question, (whole + n / 20 + 1e-4) * unit)]
        if {*range(-10, 10)} <= {*taken} <= {*range(-30, 30)}:
            return None
    return f"it must take what rounds to {key:g} at {asked[0]}, and little else"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_numeric_question_accepts_what_its_words_say(path):
    numeric = [q for q in quiz.read_quiz(path) if q["type"] == "numeric"]
    problems = {question["id"]: number_problem(question) for question in numeric}
    assert {name: problem for name, problem in problems.items() if problem} == {}


@pytest.mark.parametrize(
    ("words", "accepted", "precision", "well"),
    [
        ("Give two decimals.", 0.12, 2, True),
        ("Give two decimals.", -0.19, 2, True),
        ("To three decimals, please.", [0.3635, 0.3645], None, True),
        ("Give three decimals.", [0.3625, 0.3655], None, True),
        ("Give two decimals.", 1.25, 3, True),
        ("Give one decimal.", 2.0, 2, True),
        ("How many?", 6208, None, True),
        ("Give two decimals.", 0.12, None, False),  # 0.118 is refused
        ("Give two decimals.", 0.12, 1, False),  # 0.14 is accepted
        ("Give two decimals.", 0.012, 2, False),  # three decimals
        ("Give two decimals.", 1.25, 2, False),  # 1.2 and 1.3 are one number
        ("Give three decimals.", [0.362, 0.3655], None, False),
        ("Give three decimals.", [0.3637, 0.3645], None, False),
        ("Give two digits.", 0.12, 2, False),
        ("About?", [5.5, 6.5], None, False),
        ("How many?", 6208, 2, False),
    ],
)
def test_a_range_that_does_not_match_its_words_is_noticed(words, accepted, precision, well):
    key = {"range": accepted} if isinstance(accepted, list) else {"value": accepted}
    right = {"type": next(iter(key)), "correct": True, **key}
    question = {"question": words, "answers": [right, {"type": "default"}]}
    question |= {"precision": precision} if precision else {}
    assert (number_problem(question) is None) is well


def test_a_mistake_takes_nothing_away_from_the_key():
    mistake = {"type": "range", "range": [0.1, 0.12], "correct": False}
    right = {"type": "value", "value": 0.12, "correct": True}
    question = {"question": "Give two decimals.", "precision": 3, "answers": [mistake, right]}
    assert number_problem(question)


# --- what the schema refuses ------------------------------------------------------------------


def without(item, key):
    del item[key]


MUTANTS = {
    "not a list": (lambda q: {"questions": q}, ""),
    "empty": (lambda q: q.clear(), "the list has 0 entries"),
    "a question that is a string": (lambda q: q.__setitem__(1, "?"), "question 2: "),
    "no id": (lambda q: without(q[1], "id"), "question 2: id is missing"),
    "no type": (lambda q: without(q[0], "type"), "question 1 (choice): type is missing"),
    "no question": (lambda q: without(q[0], "question"), "(choice): question is missing"),
    "no answers": (lambda q: without(q[2], "answers"), "question 3 (number): answers is missing"),
    "two equal ids": (lambda q: q[2].update(id="choice"), "question 1 (choice): another question"),
    "id with a space": (lambda q: q[0].update(id="a b"), "lower-case words"),
    "unknown type": (lambda q: q[0].update(type="essay"), "(choice): type must be one of"),
    "string question": (lambda q: q[0].update(type="string"), "type must be one of"),
    "unknown key": (lambda q: q[0].update(hint="x"), "the key hint is unknown"),
    "empty question": (lambda q: q[0].update(question=" "), "question is empty"),
    "TeX in dollars": (lambda q: q[0].update(question="$x$"), "holds a $"),
    "TeX in brackets": (lambda q: q[0].update(question="\\(x\\)"), "holds TeX"),
    "one answer": (lambda q: q[0]["answers"].pop(), "answers has 1 entries instead of at least 2"),
    "no right answer": (
        lambda q: q[0]["answers"][0].update(correct=False),
        "question 1 (choice): exactly one answer must",
    ),
    "two right answers": (
        lambda q: q[0]["answers"][1].update(correct=True),
        "question 1 (choice): exactly one answer must",
    ),
    "one right answer of many": (
        lambda q: q[1]["answers"][0].update(correct=False),
        "question 2 (choices): many_choice needs at least two",
    ),
    "correct as text": (
        lambda q: q[0]["answers"][1].update(correct="no"),
        "question 1 (choice), answer 2: correct must be of the type boolean",
    ),
    "no feedback": (
        lambda q: without(q[0]["answers"][1], "feedback"),
        "question 1 (choice), answer 2: feedback is missing",
    ),
    "empty feedback": (
        lambda q: q[1]["answers"][2].update(feedback=""),
        "question 2 (choices), answer 3: feedback is empty",
    ),
    "answer as number": (
        lambda q: q[1]["answers"][0].update(answer=2),
        "question 2 (choices), answer 1: answer must be of the type string",
    ),
    "feedback with a verdict": (
        lambda q: q[0]["answers"][0].update(feedback="Right: it is."),
        "question 1 (choice), answer 1: feedback says right or wrong",
    ),
    "two equal answers": (
        lambda q: q[0]["answers"][1].update(answer="Yes"),
        "question 1 (choice), answer 1: another answer has the same text",
    ),
    "precision of a choice": (
        lambda q: q[0].update(precision=3),
        "question 1 (choice): precision has no meaning here",
    ),
    "no default": (
        lambda q: q[2]["answers"].pop(),
        "question 3 (number): it needs exactly one answer of type default",
    ),
    "two defaults": (
        lambda q: q[2]["answers"].append({"type": "default", "feedback": "No."}),
        "question 3 (number): it needs exactly one answer of type default",
    ),
    "no right number": (
        lambda q: q[2]["answers"][0].update(correct=False),
        "question 3 (number): at least one value or range",
    ),
    "value as text": (
        lambda q: q[2]["answers"][0].update(value="0.25"),
        "question 3 (number), answer 1: value must be of the type number",
    ),
    "value missing": (
        lambda q: without(q[2]["answers"][0], "value"),
        "question 3 (number), answer 1: value is missing",
    ),
    "range of one number": (
        lambda q: q[2]["answers"][1].update(range=[1]),
        "question 3 (number), answer 2: range has 1 entries",
    ),
    "range upside down": (
        lambda q: q[2]["answers"][1].update(range=[4.1, 3.9]),
        "question 3 (number), answer 2: range must go from a smaller",
    ),
    "default with a value": (
        lambda q: q[2]["answers"][2].update(value=1),
        "question 3 (number), answer 3: value has no meaning here",
    ),
    "no objective": (lambda q: q[2].update(assesses=[]), "assesses has 0 entries"),
    "an objective twice": (lambda q: q[2].update(assesses=[1, 1]), "assesses names one twice"),
    "objective zero": (lambda q: q[2].update(assesses=[0]), "must lie between 1 and 9"),
    "one objective": (lambda q: q[2].update(assesses=1), "assesses must be of the type array"),
    "precision of zero": (lambda q: q[2].update(precision=0), "question 3 (number): precision"),
    "open tag": (
        lambda q: q[0].update(question="d<sub>k"),
        "question 1 (choice): question never closes <sub>",
    ),
    "less-than sign": (
        lambda q: q[0]["answers"][0].update(answer="t <T"),
        "question 1 (choice), answer 1: answer holds <T,",
    ),
    "crossed tags": (
        lambda q: q[0].update(question="<b>x<i>y</b></i>"),
        "question 1 (choice): question closes <b>",
    ),
    "script": (
        lambda q: q[0]["answers"][0].update(feedback="<script>alert(1)</script>"),
        "holds <script,",
    ),
    "handler": (lambda q: q[0].update(question='<b onclick="x">a</b>'), "attributes"),
    "comment": (lambda q: q[0].update(question="a <!-- b"), "holds <!--,"),
    "accidental link": (lambda q: q[0].update(question="h[t](x)"), "becomes a link"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_broken_quiz_is_refused(good, name, tmp_path):
    change, words = MUTANTS[name]
    changed = change(good)
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(changed if name == "not a list" else good), encoding="utf-8")
    with pytest.raises(QuizError) as error:
        quiz.read_quiz(path)
    text = str(error.value)
    assert text.startswith("quizzes/bad.json, ")
    assert words in text
    assert "\n" not in text
    assert len(text) < 250


@pytest.mark.parametrize(
    "text",
    ["a < b", "a &lt;b", "1<2", "x<sub>i</sub><br>y", "<b>a <i>b</i></b>", "[1] (2)", "a > b → c"],
)
def test_good_html(text):
    assert quiz.html_problem(text) is None


# --- hostile texts ------------------------------------------------------------------------------


def shown_by_jupyterquiz(text):
    """What its function ``jaxify`` makes of a text without dollars; its last lines, in Python."""
    attributes = 'target="_blank" class="Quiz JQLink"'
    text = re.sub(
        r"<http([^\r\n\u2028\u2029]*?)>", rf'<a href="http\1" {attributes}>http\1</a>', text
    )
    dot = r"[^\r\n\u2028\u2029]*?"
    return re.sub(rf"\[({dot})\]\(({dot})\)", rf'<a href="\2" {attributes}>\1</a>', text)


ADDRESS = re.compile(r"https?://[\w.-]+(:\d+)?([/?#][^\"'<>\s\\]*)?", re.ASCII)


def holes(html):
    """What in a shown text is neither one of ``TAGS`` nor a link to a web page."""
    found = []
    for element in BeautifulSoup(f" {html}", "html.parser").find_all(True):
        if element.name == "a":
            address = element.attrs.pop("href", "")
            found += [] if ADDRESS.fullmatch(address) else [address]
            element.attrs.pop("target", None)
            element.attrs.pop("class", None)
        elif element.name not in quiz.TAGS:
            found.append(element.name)
        found += element.attrs
    return found


def test_no_hostile_text_gets_through():
    texts = samples.hostile_texts(20_000)
    accepted = [text for text in texts if quiz.html_problem(text) is None]
    assert 1000 < len(accepted) < 15_000
    assert sum("<a " in shown_by_jupyterquiz(text) for text in accepted) > 20, (
        "links are among them"
    )
    assert [text for text in accepted if holes(shown_by_jupyterquiz(text))] == []


def test_the_holes_are_seen():
    """Without the check, each kind of attack gets through."""
    shown = [holes(shown_by_jupyterquiz(text)) for text in samples.hostile_texts(20_000)]
    found = {hole for holes in shown for hole in holes}
    assert {"script", "img", "svg", "onmouseover", "onerror"} <= found
    assert any(hole.startswith("javascript:") for hole in found)


@pytest.mark.parametrize(
    "text",
    [
        '[a](https://e" onmouseover="alert(1)//)',
        "[a](https://e' x)",
        "[a](https://e><img src=x onerror=alert(1)>)",
        "[a](javascript:alert(1))",
        "[a](https://good.org@evil.org/)",
        "[a](https://e\\evil)",
        "[a](https://)",
        "[a](https://e\u2028)",
        "[a](https://é.org/)",
        "[<b>a](https://e.org)</b>",
        "x[0] and [a](https://e.org)",
        "[a](https://e.org",
        "<https://e.org>",
        "<b/>",
        "<B>x</B>",
        "<b>x</b onclick=alert(1)>",
        "x</>y",
        "x<!-->y",
        "<b\0>x</b\0>",
        "a <",
    ],
)
def test_what_is_no_plain_text_is_refused(text):
    assert quiz.html_problem(text)


@pytest.mark.parametrize(
    "text",
    [
        "[the paper](https://arxiv.org/abs/1706.03762)",
        "[a](http://localhost:8000/x?y=1&z=%20#part) and [b](https://e.org)",
        "[a &amp; b](https://e.org/?q=a+b)",
        "&lt;b&gt; &copy &#60; &quot;",
    ],
)
def test_links_and_references_are_allowed(text):
    assert quiz.html_problem(text) is None
    assert holes(shown_by_jupyterquiz(text)) == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
@pytest.mark.parametrize("key", ["value", "range"])
def test_what_is_no_number_for_a_page_is_refused(good, tmp_path, number, key):
    text = json.dumps(good).replace(
        '"value": 0.25' if key == "value" else "4.1",
        f'"value": {number}' if key == "value" else number,
    )
    assert number in text
    path = tmp_path / "bad.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(QuizError, match="cannot be read as JSON|too large|smaller"):
        quiz.read_quiz(path)


def test_what_a_question_assesses_is_accepted_and_not_shown(good):
    good[0]["assesses"] = [1, 3]
    assert quiz.find_problems(good) == []
    assert quiz.quiz_html(good, "q", "q") == quiz.quiz_html(GOOD, "q", "q")


def test_good_quiz_is_accepted(good, tmp_path):
    path = tmp_path / "good.json"
    path.write_text(json.dumps(good), encoding="utf-8")
    assert quiz.read_quiz(path) == GOOD


def test_problems_come_in_the_order_of_questions(good):
    del good[2]["question"]
    good[0]["answers"][1]["feedback"] = ""
    problems = quiz.find_problems(good * 5)
    numbers = [int(re.match(r"question (\d+)", problem)[1]) for problem in problems]
    assert numbers == [1, 3, 4, 6, 7, 9, 10, 12, 13, 15]


def test_the_schema_is_a_schema():
    schema = json.loads(quiz.SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'[{"id": 1,]', "line 1 column 11"),
        (b"", "line 1 column 1"),
        ('["é"]'.encode("latin-1"), "'utf-8' codec"),
    ],
)
def test_damaged_file(tmp_path, content, words):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(QuizError) as error:
        quiz.read_quiz(path)
    assert words in str(error.value)
    assert str(error.value).startswith("quizzes/x.json cannot be read as JSON in UTF-8 (")


def test_missing_file(tmp_path):
    with pytest.raises(QuizError, match="cannot be read"):
        quiz.read_quiz(tmp_path / "x.json")


def test_unknown_name():
    with pytest.raises(AssetError, match=re.escape("quizzes/nosuch.json")):
        quiz.load_quiz("nosuch")


def test_without_jsonschema(good, monkeypatch):
    """On a bare installation the schema is not checked, and quizzes are still shown."""
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    assert quiz.find_problems([{}]) == []


# --- what is shown ----------------------------------------------------------------------------


@pytest.fixture
def here(monkeypatch, tmp_path, good):
    path = tmp_path / "00_test.json"
    path.write_text(json.dumps(good), encoding="utf-8")
    monkeypatch.setattr(quiz, "fetch", lambda name: tmp_path / Path(name).name)


def test_output_is_repeatable(here, shown):
    quiz.show_quiz("00_test")
    svg._times_shown.clear()
    random.seed(5)
    quiz.show_quiz("00_test")
    assert shown[0] == shown[1]
    assert shown[0]["text/plain"] == "Quiz 00_test: 3 questions."


def test_random_state_is_left_alone(here, shown):
    random.seed(1)
    expected = [random.random() for _ in range(3)]
    random.seed(1)
    quiz.show_quiz("00_test")
    assert [random.random() for _ in range(3)] == expected


def test_ids_are_unique_in_a_page(here, shown):
    for _ in range(3):
        quiz.show_quiz("00_test")
    ids = [re.findall(r'<div id="(\w+)"', bundle["text/html"]) for bundle in shown]
    assert ids == [["quiz_00_test"], ["quiz_00_test_2"], ["quiz_00_test_3"]]


def test_id_is_a_name_in_javascript():
    """jupyterquiz writes the bare id into its script."""
    for path in FILES:
        assert re.fullmatch(r"[A-Za-z_]\w*", "quiz_" + re.sub(r"\W", "_", path.stem))


def test_questions_are_embedded():
    """Every text is in the output, and nothing in it is fetched when the page is read."""
    page = quiz.quiz_html(GOOD, "quiz_x", "x")
    embedded = json.loads(re.search(r"const QUESTIONS = (\[.*?\]);\n", page)[1])
    assert [question["answers"] for question in embedded] == [q["answers"] for q in GOOD]
    assert not re.search(r"\bfetch\(|XMLHttpRequest|<link|<img|\bsrc=|@import|url\(", page)


def test_instruction_of_many_choice_only():
    page = quiz.quiz_html(GOOD, "quiz_x", "x")
    assert page.count("Choose every right answer") == 1
    assert "Choose" not in json.dumps(GOOD), "the questions themselves are not changed"


def test_markup_is_closed():
    page = quiz.quiz_html(GOOD, "quiz_x", "x")
    outside = re.sub(r"<script>.*</script>|<style>.*?</style>", "", page, flags=re.DOTALL)
    assert outside.count("<div") == outside.count("</div>") == 1
    assert page.count("</script") == 1
    assert "QUIZ" not in re.search(r"<style>.*</style>", page, re.DOTALL)[0]


def test_nothing_in_a_question_ends_the_script():
    """Also where the questions have not been checked, as on an installation without jsonschema."""
    for hostile in ("</script>", "</SCRIPT >", "<!--<script>", "]]>", "\u2028"):
        questions = samples.questions()
        questions[0]["question"] = questions[2]["answers"][0]["feedback"] = hostile
        page = quiz.quiz_html(questions, "quiz_x", hostile)
        (script,) = BeautifulSoup(page, "html.parser").select("script")
        assert script.string.endswith("})();\n")
        embedded = json.loads(re.search(r"const QUESTIONS = (\[.*?\]);\n", script.string)[1])
        assert embedded[0]["question"] == hostile


def test_no_mathjax_from_another_server():
    """A local name hides the page's MathJax, so that branch is never taken."""
    page = quiz.quiz_html(GOOD, "quiz_x", "x")
    script = page[page.index("<script>") :]
    assert script.startswith("<script>\n(function () {\nvar MathJax, console = ")


def test_names_for_the_page():
    page = quiz.quiz_html(GOOD, "quiz_x", 'a "name"')
    assert page.startswith('<div id="quiz_x" class="ac-quiz" data-quiz="a &quot;name&quot;" ')


def test_nothing_is_left_to_a_clock():
    """jupyterquiz looks for its element every 200 ms, and here nothing waits."""
    page = quiz.quiz_html(GOOD, "quiz_x", "x")
    assert "try_show" not in page
    waits = re.findall(r"\b(?:setTimeout|setInterval)\(", page)
    assert len(waits) == 1, "the one that is left waits for a MathJax, which is hidden from it"


def test_another_jupyterquiz_is_refused_in_one_sentence(monkeypatch):
    monkeypatch.setattr(quiz, "_SCRIPTS", ("helpers.js", "no_such.js"))
    with pytest.raises(QuizError, match="install the version in requirements.txt"):
        quiz.quiz_html(GOOD, "quiz_x", "x")


# --- contrast ---------------------------------------------------------------------------------


def luminance(colour):
    """Relative luminance (WCAG 2.2) of ``#rrggbb``."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(first, second):
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_function():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


CSS = (ROOT / "attention_course" / "display" / "quiz.css").read_text()
COLOURS = dict(re.findall(r"(--jq-[\w-]+): (#\w{6});", CSS))
PAPER = re.search(r"Feedback:not\(:empty\) \{\s*background: (#\w{6})", CSS)[1]
INK = re.search(r"MCButton \{[^}]*[^-]color: (#\w{6})", CSS)[1]


@pytest.mark.parametrize(
    ("text", "background"),
    [
        (COLOURS["--jq-text-color"], COLOURS["--jq-multiple-choice-bg"]),
        (COLOURS["--jq-text-color"], COLOURS["--jq-many-choice-bg"]),
        (COLOURS["--jq-text-color"], COLOURS["--jq-numeric-bg"]),
        ("#ffffff", COLOURS["--jq-correct-color"]),
        ("#ffffff", COLOURS["--jq-incorrect-color"]),
        (COLOURS["--jq-link-color"], COLOURS["--jq-multiple-choice-bg"]),
        (COLOURS["--jq-correct-color"], PAPER),
        (COLOURS["--jq-incorrect-color"], PAPER),
        (INK, COLOURS["--jq-mc-button-bg"]),
        (INK, COLOURS["--jq-numeric-input-bg"]),
        ("#000000", "#d3d3d3"),
    ],
)
def test_contrast_of_text(text, background):
    assert contrast(text, background) >= 4.5


FOCUS = re.search(r"outline: 3px solid (#\w{6})", CSS)[1]
# White paper, this book at night, JupyterLab and Colab at night.
PAGES = ("#ffffff", "#121212", "#111111", "#383838")


@pytest.mark.parametrize("page", PAGES)
def test_contrast_of_focus(page):
    assert contrast(FOCUS, page) >= 3


@pytest.mark.parametrize("page", PAGES)
def test_contrast_of_frames(page):
    frame = COLOURS["--jq-mc-button-border"]
    card = COLOURS["--jq-mc-button-bg"]
    assert max(contrast(frame, page), contrast(card, page)) >= 3
