"""A quiz as a cell shows it, alone in a page: used with keys, heard, printed; it loads nothing."""

from __future__ import annotations

import re

import checks
import jupyterquiz
import pytest
import samples

from attention_course.display import quiz

# A page with MathJax 3 that is still being loaded, where jupyterquiz would fetch another one.
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A quiz</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<style>
body { background: #ffffff; color: #1c2733; }
@media (prefers-color-scheme: dark) { body { background: #121212; color: #e4e8ec; } }
</style>
<script>
window.MathJax = {version: "3.2.2"};
var answers = [];
document.addEventListener("attention-course:answer", (event) => answers.push(event.detail));
</script></head><body><main><h1>A quiz</h1>BODY</main></body></html>"""
QUIZ = quiz.quiz_html(samples.questions(), "quiz_a", "a")


@pytest.fixture
def show(browser, tmp_path):
    """Open a page with some HTML in it; afterwards, it must have been quiet."""
    opened = []

    def open_one(body=QUIZ, scheme="light", width=1280, watched=True, **options):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True, **options
        )
        file = tmp_path / "page.html"
        file.write_text(PAGE.replace("BODY", body), encoding="utf-8")
        watch = checks.Watch(context, file.as_uri())
        opened.append((context, watch if watched else None))
        page = context.new_page()
        page.goto(file.as_uri())
        return page

    yield open_one
    problems = []
    for context, watch in opened:
        problems += watch.problems() if watch else []
        context.close()
    assert problems == []


def question(page, name):
    """The question with this id, in the first quiz of the page."""
    return page.locator(f".Quiz[data-question={name}]").first


def feedback(page, name):
    return question(page, name).get_by_role("status").text_content()


def option(page, name, text):
    """The radio button or checkbox of one option."""
    words = page.get_by_text(text, exact=True)
    return question(page, name).locator("label", has=words).locator("input")


def answer_all(page, right):
    """Choose every right, or every wrong, option of all questions with the mouse."""
    for button in page.locator(".ac-again:visible").all():
        button.click()
    for label in page.locator(f"label[data-correct={str(right).lower()}]").all():
        label.click()
    for box in page.locator(".Input-text").all():
        box.fill("0.25" if right else "3")
        box.press("Enter")


# --- what is there ----------------------------------------------------------------------------


def test_every_question_is_there(show):
    second = quiz.quiz_html(samples.questions(), "quiz_b", "b")
    page = show(QUIZ + second)
    for name in ("a", "b"):
        found = page.locator(f"#quiz_{name}.ac-quiz[data-quiz={name}] .Quiz[data-question]")
        assert [each.get_attribute("data-question") for each in found.all()] == [
            "choice",
            "choices",
            "number",
        ]
    assert page.locator(".QuizNote").count() == 0, "the note for pages without JavaScript is gone"
    assert page.evaluate(REPORT) == {"leaked": [], "repeated": [], "scripts": 0}


def test_without_scripts_a_note_stands_there(show):
    page = show(java_script_enabled=False, watched=False)
    assert "It needs JavaScript" in page.locator(".QuizNote").text_content()


def test_the_script_may_run_before_its_element_is_there(show):
    """A notebook may put an output together outside its page."""
    page = show(body='<div id="cell"></div>')
    page.evaluate(
        """(html) => {
          const range = document.createRange();
          const [markup, script] = html.split("<script>");
          window.eval(script.replace("</script>", ""));
          document.querySelector("#cell").append(range.createContextualFragment(markup));
        }""",
        QUIZ,
    )
    option(page, "choice", "Yes").click()
    assert feedback(page, "choice") == "Right: It is one."


def test_the_same_quiz_in_two_open_notebooks(show):
    page = show(QUIZ + QUIZ)
    for copy in page.locator(".ac-quiz").all():
        assert copy.locator(".Quiz[data-question]").count() == 3
        copy.get_by_label("Yes").click()
        assert copy.get_by_role("status").first.text_content() == "Right: It is one."


# --- what a screen reader gets ----------------------------------------------------------------


def test_every_control_has_a_name_and_a_question(show):
    page = show()
    assert checks.unnamed_controls(page) == []
    found = page.locator(".ac-quiz").aria_snapshot()
    for line in (
        'radiogroup "Is √dk a number?"',
        'radio "Yes"',
        'region "Code of question 2"',
        'group "Which are even? (Choose every right answer.)"',
        'checkbox "4"',
        'group "A quarter?"',
        'textbox "Type a number, then press Enter or Check:"',
        'button "Check"',
    ):
        assert found.count(f"- {line}") == 1, line
    radios = [node for node in checks.accessibility_tree(page) if node["role"] == "radio"]
    assert [node["properties"]["checked"] for node in radios] == ["false", "false"]


def test_verdicts_are_announced(show):
    page = show()
    said = [checks.announced(page, option(page, "choice", text).click)[0] for text in ("No", "Yes")]
    assert said == ["Not right: Look again.", "Right: It is one."]
    said = [
        checks.announced(page, option(page, "choices", text).click)[0]
        for text in ("4", "2", "5", "4")
    ]
    assert said == [
        "Right: 4 = 2 · 2.",
        "Right: 2 = 2 · 1. These are all the right options.",
        f"Not right: 5 leaves 1. {SPOILT}",
        f"Right: 4 = 2 · 2. {SPOILT}",
    ]
    assert checks.announced(page, page.locator(".ac-again").click) == ["No option is chosen now."]
    box = page.get_by_role("textbox")
    said = []
    for text in ("4", "x", "0.25"):
        box.fill(text)
        said += checks.announced(page, lambda: box.press("Enter"))
    assert said == [
        "Not right: Turn it over.",
        "That cannot be read as a number: type one such as 12, -0.5, 3/4 or 1e-3.",
        "Right: A half of a half.",
    ]


SPOILT = "A wrong option is chosen, so this question is not answered rightly. Begin it again."


@pytest.mark.parametrize("order", [("2", "4", "5"), ("5", "2", "4"), ("2", "5", "4")])
def test_who_chooses_everything_has_not_answered(show, order):
    page = show()
    for text in order:
        option(page, "choices", text).click()
    assert page.evaluate("answers.at(-1).complete") is False
    assert SPOILT in feedback(page, "choices")
    option(page, "choices", "5").click()
    assert option(page, "choices", "5").is_checked(), "a wrong choice cannot be taken back alone"
    option(page, "choices", "4").click()
    assert [each["complete"] for each in page.evaluate("answers.slice(2)")] == [False] * 3


def test_a_question_is_begun_again(show):
    page = show()
    again = question(page, "choices").get_by_role("button", name="Begin this question again")
    option(page, "choices", "4").click()
    assert again.count() == 0, "nothing is wrong yet"
    option(page, "choices", "5").click()
    for text in ("4", "5"):
        assert option(page, "choices", text).is_checked()
    again.press("Enter")
    assert again.count() == 0
    boxes = question(page, "choices").locator("input")
    assert boxes.first.evaluate("(box) => box === document.activeElement")
    assert question(page, "choices").locator("input:checked, .correctButton").count() == 0
    assert question(page, "choices").locator(".incorrectButton").count() == 0
    assert page.evaluate("answers.length") == 2, "to begin again is no answer"
    for text in ("4", "2"):
        option(page, "choices", text).click()
    assert [each["complete"] for each in page.evaluate("answers.slice(2)")] == [False, True]
    assert page.locator(".ac-again:visible").count() == 0


def test_a_single_choice_is_never_begun_again(show):
    page = show()
    option(page, "choice", "No").click()
    assert question(page, "choice").get_by_role("button").count() == 0


def test_options_keep_their_verdict(show):
    page = show()
    answer_all(page, right=False)
    found = page.locator(".ac-quiz").aria_snapshot()
    assert 'radio "No (not right)" [checked]' in found
    assert 'checkbox "5 (not right)" [checked]' in found
    answer_all(page, right=True)
    found = page.locator(".ac-quiz").aria_snapshot()
    assert 'radio "Yes (right)" [checked]' in found
    assert 'radio "No"\n' in found + "\n", "a single choice marks the last option only"
    assert 'checkbox "4 (right)" [checked]' in found


def test_the_page_is_told(show):
    page = show()
    option(page, "choice", "No").click()
    option(page, "choice", "Yes").click()
    for text in ("2", "4", "5"):
        option(page, "choices", text).click()
    for text in ("", "7", "1/4"):
        page.get_by_role("textbox").fill(text)
        page.get_by_role("button", name="Check").click()
    told = page.evaluate("answers")
    assert {each.pop("quiz") for each in told} == {"a"}
    assert [(each["question"], each["correct"], each["complete"]) for each in told] == [
        ("choice", False, False),
        ("choice", True, True),
        ("choices", True, False),
        ("choices", True, True),
        ("choices", False, False),
        ("number", False, False),
        ("number", True, True),
    ]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_axe_finds_nothing(show, scheme, width):
    page = show(scheme=scheme, width=width)
    for answers in (None, False, True):
        if answers is not None:
            answer_all(page, answers)
        assert checks.axe_problems(page) == []
        assert checks.overflow(page) == []
    page.get_by_role("textbox").fill("x")
    page.get_by_role("textbox").press("Enter")
    assert checks.axe_problems(page) == []


# --- hostile texts ----------------------------------------------------------------------------

STRANGE = """(tags) => {
  const texts = ".Quiz [id^=quizQn], .QuizCode code, .MCButton > span, .Feedback";
  const known = new Set([...tags, "SPAN"]);
  const strange = (element) => {
    const own = new Set(["class", "aria-hidden"]);
    if (element.tagName === "A") {
      if (!/^https?:$/.test(element.protocol) || element.username) return true;
      ["href", "target"].forEach((name) => own.add(name));
    } else if (!known.has(element.tagName)) return true;
    return element.getAttributeNames().some((name) => !own.has(name));
  };
  const all = [...document.querySelectorAll(texts)];
  return {
    texts: all.filter((text) => text.textContent).length,
    links: document.querySelectorAll(".Quiz a").length,
    strange: all.flatMap((text) => [...text.querySelectorAll("*")]).filter(strange)
      .map((element) => element.outerHTML),
    alerts: window.alerts,
  };
}"""


def hostile_quiz(texts):
    """One question for every five texts, with one of them at each place that holds HTML."""
    parts = zip(*[iter(texts)] * 5, strict=False)
    return [
        {
            "id": f"q{number}",
            "type": "multiple_choice",
            "question": question,
            "code": code,
            "answers": [
                {"answer": answer, "code": code, "correct": True, "feedback": feedback},
                {"answer": other, "correct": False, "feedback": feedback},
            ],
        }
        for number, (question, code, answer, other, feedback) in enumerate(parts)
    ]


def look(page):
    page.evaluate("document.querySelectorAll('.MCButton input').forEach((box) => box.click())")
    # Whatever reacts to the pointer gets it.
    page.evaluate("""document.querySelectorAll(".ac-quiz *").forEach((element) =>
      element.dispatchEvent(new MouseEvent("mouseover", {bubbles: true})))""")
    return page.evaluate(STRANGE, sorted(tag.upper() for tag in quiz.TAGS))


ALERTS = "<script>window.alerts = 0; window.alert = () => { window.alerts += 1; };</script>"


def test_no_hostile_text_gets_into_the_page(show):
    texts = [text for text in samples.hostile_texts(4000) if not quiz.html_problem(text)][:1000]
    page = show(ALERTS + quiz.quiz_html(hostile_quiz(texts), "quiz_a", "a"))
    found = look(page)
    assert found["texts"] > 800
    assert found["links"] > 5
    assert found["strange"] == []
    assert found["alerts"] == 0


def test_the_look_notices_hostile_texts(show):
    """The same texts that the check refuses do their harm here."""
    texts = [text for text in samples.hostile_texts(2000) if quiz.html_problem(text)][:500]
    page = show(ALERTS + quiz.quiz_html(hostile_quiz(texts), "quiz_a", "a"), watched=False)
    assert look(page)["strange"]
    page.wait_for_function("window.alerts > 0")


# --- the keyboard -----------------------------------------------------------------------------

WHERE = """() => {
  const active = document.activeElement;
  const question = active.closest(".Quiz[data-question]");
  return question && [question.dataset.question, active.textContent.slice(0, 5) || active.type];
}"""


def tab_stops(page, key="Tab"):
    """Press Tab until the focus has gone through the quiz; where it has been."""
    stops = []
    for _ in range(20):
        page.keyboard.press(key)
        stop = page.evaluate(WHERE)
        if stop is None:
            break
        stops.append(tuple(stop))
    assert len(stops) < 20, "Tab does not get out of the quiz"
    return stops


STOPS = [
    ("choice", "radio"),
    ("choices", "x = ["),
    ("choices", "checkbox"),
    ("number", "text"),
    ("number", "Check"),
]


def test_one_stop_for_each_group(show):
    page = show(f"<button>Before</button>{QUIZ}<button>After</button>")
    page.get_by_role("button", name="Before").focus()
    assert tab_stops(page) == STOPS
    # One option answered and another one with the focus: still one stop.
    option(page, "choice", "No").press("Enter")
    page.keyboard.press("ArrowUp")
    option(page, "choices", "4").press("Enter")
    page.keyboard.press("ArrowUp")
    page.get_by_role("button", name="After").focus()
    assert tab_stops(page, "Shift+Tab") == STOPS[::-1]


@pytest.mark.parametrize("name", ["choice", "choices"])
def test_arrow_keys_move_and_do_not_answer(show, name):
    page = show()
    boxes = question(page, name).locator("input")
    count = boxes.count()
    boxes.first.focus()
    places = []
    for key in ("ArrowDown", "ArrowRight", "ArrowUp", "ArrowLeft", "ArrowUp", "Home", "End"):
        page.keyboard.press(key)
        places.append(boxes.evaluate_all("(boxes) => boxes.indexOf(document.activeElement)"))
    assert places == [1, 2 % count, 1, 0, count - 1, 0, count - 1]
    assert page.evaluate("answers") == []
    assert feedback(page, name) == ""
    assert page.locator("input:checked").count() == 0


@pytest.mark.parametrize("key", ["Space", "Enter"])
def test_all_questions_by_keyboard_alone(show, key):
    page = show()
    for right in ("false", "true"):
        for name in ("choice", "choices"):
            if (right, name) == ("true", "choices"):
                while page.evaluate(WHERE) != [name, "Begin"]:
                    page.keyboard.press("Shift+Tab")
                page.keyboard.press(key)
                assert page.evaluate(WHERE) == [name, "checkbox"]
            labels = question(page, name).locator("label")
            for place, label in enumerate(labels.all()):
                if label.get_attribute("data-correct") == right:
                    # From outside to the group, then with arrow keys to the option.
                    while page.evaluate(WHERE) not in ([name, "radio"], [name, "checkbox"]):
                        page.keyboard.press("Tab")
                    page.keyboard.press("Home")
                    for _ in range(place):
                        page.keyboard.press("ArrowDown")
                    page.keyboard.press(key)
                    start = "Right:" if right == "true" else "Not right:"
                    assert feedback(page, name).startswith(start)
        while page.evaluate(WHERE) != ["number", "text"]:
            page.keyboard.press("Tab")
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type("1/4" if right == "true" else "-1e-3")
        page.keyboard.press("Tab")
        page.keyboard.press(key)
    assert [
        (each["question"], each["correct"], each["complete"]) for each in page.evaluate("answers")
    ] == [
        ("choice", False, False),
        ("choices", False, False),
        ("number", False, False),
        ("choice", True, True),
        ("choices", True, False),
        ("choices", True, True),
        ("number", True, True),
    ]


def test_one_click_is_one_answer(show):
    """On the text, the box and the empty part of a label."""
    page = show()
    for target in (
        page.get_by_text("No", exact=True),
        option(page, "choice", "No"),
        question(page, "choice").locator("label[data-correct=false]"),
    ):
        target.click()
    assert [each["correct"] for each in page.evaluate("answers")] == [False] * 3


def test_the_focus_is_seen(show):
    page = show()
    option(page, "choices", "5").click()
    page.get_by_text("A quiz").click()
    for _ in range(len(STOPS) + 1):
        page.keyboard.press("Tab")
        style = page.evaluate(
            """() => {
              const active = document.activeElement;
              const style = getComputedStyle(active.closest("label") || active);
              return [style.outlineStyle, style.outlineWidth, style.outlineColor];
            }"""
        )
        assert style == ["solid", "3px", "rgb(208, 106, 18)"]  # test_quiz.py has its contrast


def test_jupyterlab_leaves_the_keys_to_the_quiz(show):
    """It asks the element that has the focus, and nothing around it, for this attribute."""
    page = show()
    option(page, "choices", "5").click()
    page.get_by_text("A quiz").click()
    for stop in [*STOPS[:3], ("choices", "Begin"), *STOPS[3:]]:
        page.keyboard.press("Tab")
        assert page.evaluate(WHERE) == list(stop)
        kept = page.evaluate("document.activeElement.dataset.lmSuppressShortcuts === 'true'")
        assert kept != (stop[1] == "text"), "in a box for text, only keys with Ctrl are commands"


def test_long_code_scrolls_in_its_own_box(show):
    page = show(width=360)
    code = page.get_by_role("region", name="Code of question 2")
    code.focus()
    before = code.evaluate("(box) => box.scrollLeft")
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.activeElement.scrollLeft > 0")
    assert before == 0
    assert page.evaluate("window.scrollX") == 0


def test_targets_are_large_enough(show):
    page = show(width=360)
    option(page, "choices", "5").click()
    sizes = page.locator("label.MCButton, .ac-box, .ac-button, .Input-text").evaluate_all(
        "(all) => all.map((one) => one.getBoundingClientRect()).flatMap((b) => [b.width, b.height])"
    )
    assert len(sizes) == 2 * (5 + 5 + 2 + 1)
    assert min(sizes) >= 24


# --- numbers ----------------------------------------------------------------------------------


NO_NUMBERS = {
    "": "The box is empty",
    "   ": "The box is empty",
    "abc": "cannot be read",
    "NaN": "cannot be read",
    "Infinity": "cannot be read",
    "0x10": "cannot be read",
    "1/2/3": "cannot be read",
    "1 000": "cannot be read",
    "25 %": "cannot be read",
    "<b>1</b>": "cannot be read",
    "-": "cannot be read",
    "0,25": "without a comma",
    "1,000.5": "without a comma",
    "1/0": "divided by 0",
    "0/0.0": "divided by 0",
    "1/1e-400": "divided by 0",
    "1e999": "too large",
    "1e300/1e-300": "too large",
    "1" * 31: "at most 30 characters",
    "9" * 100_000: "at most 30 characters",
}
NUMBERS = {
    "0.25": True,
    ".25": True,
    "+0.25": True,
    " 0.25 ": True,
    "1/4": True,
    "0.5/2.": True,
    "2.5e-1": True,
    "25E-2": True,
    "-1/−4": True,
    "0.2501": True,  # to three digits it is the same
    "0.251": False,
    "−0.25": False,
    "4": False,
    "0": False,
    "1e-400": False,
}


def test_what_is_no_number_is_no_answer(show):
    page = show()
    box = page.get_by_role("textbox")
    check = page.get_by_role("button", name="Check")
    for place, (text, sentence) in enumerate(NO_NUMBERS.items()):
        box.fill("3")
        box.press("Enter")
        box.fill(text)
        box.press("Enter") if place % 2 else check.click()
        said = feedback(page, "number")
        assert sentence in said
        assert re.fullmatch(r"[^:]+(: .+)?\.", said), "one sentence"
        assert "ight:" not in said
        assert box.get_attribute("aria-invalid") == "true"
        assert question(page, "number").locator(".incorrect, .incorrectButton").count() == 0
        assert box.input_value() == text, "what was typed is kept"
    assert len(page.evaluate("answers")) == len(NO_NUMBERS), "only the threes have been answers"


def test_ways_to_write_a_number(show):
    page = show()
    box = page.get_by_role("textbox")
    for text, right in NUMBERS.items():
        box.fill(text)
        box.press("Enter")
        start = "Right: " if right else "Not right: "
        assert feedback(page, "number").startswith(start), text
        assert box.get_attribute("aria-invalid") == "false"


def test_a_number_can_be_pasted_and_is_kept(show):
    page = show(QUIZ + '<label>Other: <input id="other" value="0.25"></label>')
    page.locator("#other").press("ControlOrMeta+a")
    page.locator("#other").press("ControlOrMeta+c")
    box = question(page, "number").get_by_role("textbox")
    box.press("ControlOrMeta+v")
    box.press("Enter")
    assert feedback(page, "number") == "Right: A half of a half."
    assert box.evaluate("(box) => box === document.activeElement"), "Enter does not move the focus"
    box.press("Tab")
    box.focus()
    assert box.input_value() == "0.25"


# --- paper, and readers who want no movement --------------------------------------------------


def test_print_shows_questions_and_hides_verdicts(show):
    page = show(scheme="dark")
    answer_all(page, right=True)
    option(page, "choices", "5").click()
    page.emulate_media(media="print")
    for selector in (".Feedback", ".ac-mark", ".ac-button", ".ac-keys", ".InpLabel"):
        assert page.locator(selector).count() > 0
        assert [each.is_visible() for each in page.locator(selector).all()].count(True) == 0
    texts = page.locator(".Quiz[data-question] > :first-child, .MCButton, .QuizCode pre")
    assert texts.count() == 3 + 5 + 2
    for text in texts.all():
        assert text.is_visible()
        assert text.evaluate("(text) => getComputedStyle(text).color") == "rgb(0, 0, 0)"
        assert text.evaluate("(text) => getComputedStyle(text).backgroundColor") == (
            "rgba(0, 0, 0, 0)"
        )
    assert page.locator(".Input-text").evaluate("(box) => getComputedStyle(box).color") == (
        "rgba(0, 0, 0, 0)"
    )


def test_nothing_moves(show):
    page = show(reduced_motion="reduce")
    answer_all(page, right=True)
    assert checks.movements(page) == []
    answer_all(page, right=False)
    assert page.evaluate("document.getAnimations().length") == 0


# --- the tests notice what jupyterquiz does by itself -----------------------------------------

REPORT = """() => {
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  return {
    leaked: ["check_mc", "show_questions", "makeid"].filter((name) => name in window),
    repeated: ids.filter((id, place) => ids.indexOf(id) !== place),
    scripts: document.querySelectorAll("script[src]").length,
  };
}"""


def test_the_report_notices_what_jupyterquiz_does_by_itself(show, monkeypatch):
    """Without our frame: names in the page, another MathJax, arrow keys answer, no paste."""
    shown = []
    monkeypatch.setattr("jupyterquiz.dynamic.display.display", shown.append)
    jupyterquiz.display_quiz(samples.questions())
    markup, script = (part.data for part in shown)
    page = show(f"{markup}</div><script>{script}</script>", watched=False)
    page.wait_for_function("document.querySelector('script[src]')")
    report = page.evaluate(REPORT)
    assert "check_mc" in report["leaked"]
    assert report["scripts"] > 0
    assert len(checks.unnamed_controls(page)) > 0
    assert checks.axe_problems(page) != []
    first = page.locator(".Quiz[data-qnum]").first
    first.locator("input").first.focus()
    assert checks.announced(page, lambda: page.keyboard.press("ArrowDown")) == []
    assert first.locator(".Feedback").text_content() in ("It is one.", "Look again.")
    box = page.locator(".Input-text")
    box.press("a")
    assert box.input_value() == ""
    box.press("Enter")
    assert "incorrect" in page.locator(".Feedback").last.get_attribute("class")
    assert not box.evaluate("(box) => box === document.activeElement")
