"""Reading aids in the browser: progress, definitions of terms, links of sections, copy buttons."""

from __future__ import annotations

import contextlib
import json
import os
import re
from pathlib import Path
from urllib.parse import quote

import checks
import pytest
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from playwright.sync_api import expect

STEM = "04_qkv_from_scratch"
CHAPTER = f"chapters/{STEM}"
KEY = "attention-course"
ROOT = Path(__file__).resolve().parents[2]
QUIZ = json.loads((ROOT / f"quizzes/{STEM}.json").read_text(encoding="utf-8"))
ALL = len(QUIZ)
FIRST, SECOND = [question["id"] for question in QUIZ if question["type"] == "multiple_choice"][:2]


on_a_chapter = pytest.mark.parametrize(
    "opened", [{"name": CHAPTER, "formulas": False}], indirect=True
)


@pytest.fixture
def chapter(opened):
    """A chapter that is opened once for all tests that leave nothing behind."""
    opened.mouse.move(2, 2)
    opened.evaluate("document.activeElement.blur()")
    expect(opened.locator(".reading-tip:visible")).to_have_count(0)
    return opened


def answer(page, question: str, right: bool) -> None:
    option = f'.MCButton[data-correct="{str(right).lower()}"] input'
    page.locator(f'.Quiz[data-question="{question}"] {option}').first.click()


def stored(page) -> dict | None:
    return json.loads(page.evaluate(f"localStorage.getItem('{KEY}')") or "null")


def record(page) -> dict:
    return stored(page)["chapters"][STEM]


def panel(page):
    return page.get_by_role("region", name="Your progress")


def contents(page):
    """The link to the chapter in the side bar."""
    return page.locator(".bd-sidenav a", has_text="Query, key, value")


# --- progress ------------------------------------------------------------------------------


@pytest.mark.parametrize("over", ["file", "http"])
def test_progress_is_shown_at_once_and_on_every_page(open_page, over):
    page = open_page(CHAPTER, formulas=False, over=over)
    expect(panel(page)).to_contain_text(f"Quiz: 0 of {ALL} questions solved.")
    answer(page, FIRST, right=True)
    answer(page, SECOND, right=False)
    expect(panel(page)).to_contain_text(f"Quiz: 1 of {ALL} questions solved, 1 more tried.")
    panel(page).get_by_label("I have finished this chapter").check()
    expect(contents(page)).to_contain_text(
        f". Finished. 1 of {ALL} questions solved, 1 more tried."
    )
    assert record(page) == {"done": True, "questions": {FIRST: "solved", SECOND: "tried"}}

    checks.come_back(page, page.url.replace(CHAPTER, "index"))
    expect(panel(page)).to_contain_text("1 of 8 chapters finished. 1 of ")
    card = page.locator(".sd-card", has_text="Query, key, value")
    expect(card).to_contain_text(f"Finished. 1 of {ALL} questions solved, 1 more tried.")
    expect(page.locator(".sd-card", has_text="questions solved")).to_have_count(1)
    expect(contents(page)).to_contain_text(f"✓ 1/{ALL}")


def test_a_wrong_answer_does_not_take_back_a_right_one(open_page):
    page = open_page(CHAPTER, formulas=False)
    answer(page, FIRST, right=True)
    answer(page, FIRST, right=False)
    assert record(page)["questions"] == {FIRST: "solved"}
    answer(page, SECOND, right=False)
    answer(page, SECOND, right=True)
    assert record(page)["questions"] == {FIRST: "solved", SECOND: "solved"}


def test_a_solved_question_says_so_on_the_next_visit_and_stays_open(open_page):
    page = open_page(CHAPTER, formulas=False)
    answer(page, FIRST, right=True)
    answer(page, SECOND, right=False)
    # Both answers have been heard before the page goes.
    expect(panel(page)).to_contain_text(f"Quiz: 1 of {ALL} questions solved, 1 more tried.")
    expect(page.get_by_text("Solved before")).to_have_count(0)
    checks.come_back(page)
    expect(page.get_by_text("Solved before")).to_have_count(1)
    question = page.locator(f'.Quiz[data-question="{FIRST}"]')
    expect(question).to_contain_text("Solved before")
    expect(question.locator(":checked")).to_have_count(0)
    expect(question.get_by_role("status")).to_have_text("")


def test_a_chapter_is_finished_by_keyboard_and_may_be_taken_back(open_page):
    page = open_page(CHAPTER, formulas=False)
    panel(page).get_by_role("checkbox").focus()
    page.keyboard.press("Space")
    assert record(page)["done"] is True
    checks.come_back(page)
    expect(panel(page).get_by_role("checkbox")).to_be_checked()
    page.keyboard.press("Tab")
    panel(page).get_by_role("checkbox").focus()
    page.keyboard.press("Space")
    assert record(page)["done"] is False
    expect(contents(page).locator(".reading-mark")).to_have_count(0)


def test_forgetting_asks_first_and_works_by_keyboard(open_page):
    page = open_page(CHAPTER, formulas=False)
    answer(page, FIRST, right=True)
    checks.come_back(page)
    before = stored(page)
    forget = panel(page).get_by_role("button", name="Forget my progress on this device")
    dialog = page.get_by_role("dialog", name="Forget your progress in all chapters?")

    forget.focus()
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()
    expect(forget).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")  # Keep it
    expect(dialog).not_to_be_visible()
    assert stored(page) == before

    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(dialog.get_by_role("button", name="Forget it")).to_be_focused()
    page.keyboard.press("Enter")
    expect(panel(page).get_by_role("status")).to_have_text(
        "Your progress on this device is forgotten."
    )
    expect(forget).to_be_focused()
    expect(panel(page)).to_contain_text(f"0 of {ALL} questions solved.")
    expect(page.get_by_text("Solved before")).to_have_count(0)
    assert stored(page) is None


def test_the_front_page_forgets_too_and_says_where_progress_is(open_page):
    page = open_page("index")
    remember(page, chapter_record({"done": True, "questions": {}}))
    expect(panel(page)).to_contain_text("1 of 8 chapters finished")
    expect(panel(page)).to_contain_text("Nothing is sent anywhere.")
    panel(page).get_by_role("button", name="Forget my progress").click()
    page.get_by_role("button", name="Forget it").click()
    expect(panel(page)).to_contain_text("0 of 8 chapters finished")
    expect(page.locator(".sd-card", has_text="Finished.")).to_have_count(0)
    assert stored(page) is None


# These need no chapter: the front page counts answers too and is loaded sooner.


def chapter_record(value) -> str:
    return json.dumps({"version": 1, "chapters": {STEM: value}})


def remember(page, text: str) -> None:
    """Load the page again, as a reader whom the browser remembers by ``text``."""
    page.evaluate("([key, value]) => localStorage.setItem(key, value)", [KEY, text])
    checks.come_back(page)


def send(page, quiz: str, question: str) -> None:
    """What a quiz tells when a question is solved."""
    page.evaluate(
        "detail => document.dispatchEvent(new CustomEvent('attention-course:answer', {detail}))",
        {"quiz": quiz, "question": question, "correct": True, "complete": True},
    )


DAMAGED = [
    "",
    "{",
    "null",
    "[]",
    "7",
    '"solved"',
    '{"chapters": []}',
    '{"chapters": null}',
    chapter_record([]),
    chapter_record({"done": "yes", "questions": {}}),
    chapter_record({"done": True}),
    chapter_record({"done": False, "questions": {FIRST: "<b>"}}),
    chapter_record({"done": False, "questions": {FIRST: {"__proto__": {"solved": 1}}}}),
]


def test_damaged_progress_is_left_out_and_mended_by_the_next_answer(open_page):
    page = open_page("index")
    note = panel(page).locator(".reading-notice")
    for damaged in DAMAGED:
        remember(page, damaged)
        expect(note).to_contain_text("could not all be read")
        expect(panel(page)).to_contain_text("0 of 8 chapters finished. 0 of ")
        send(page, STEM, FIRST)
        expect(note).to_have_text("")
        assert record(page) == {"done": False, "questions": {FIRST: "solved"}}


def test_only_the_damaged_part_is_left_out(open_page):
    page = open_page("index")
    remember(page, chapter_record({"done": True, "questions": {FIRST: "solved", SECOND: 1}}))
    expect(panel(page).locator(".reading-notice")).to_contain_text("could not all be read")
    expect(panel(page)).to_contain_text("1 of 8 chapters finished. 1 of ")


FOREIGN = [
    '{"version": 2, "chapters": {}, "theme": "dark"}',
    '{"chapters": {"__proto__": {"done": true}, "99_other": 5}}',
    chapter_record({"done": False, "questions": {"a-question-of-old": "solved"}}),
]


def test_what_another_edition_stored_does_no_harm(open_page):
    page = open_page("index")
    for foreign in FOREIGN:
        remember(page, foreign)
        expect(panel(page)).to_contain_text("0 of 8 chapters finished. 0 of ")
        expect(panel(page).locator(".reading-notice")).to_have_text("")


def test_an_answer_of_an_unknown_quiz_is_not_counted(open_page):
    page = open_page("index")
    send(page, STEM, "nothing")
    send(page, "constructor", "name")
    send(page, "99_other", FIRST)
    expect(panel(page)).to_contain_text("0 of 8 chapters finished. 0 of ")
    assert stored(page) is None


def test_a_browser_that_refuses_storage_is_told_in_one_sentence(open_page):
    page = open_page("glossary", over="http")
    # A frame without an origin of its own is refused storage, as by a browser that blocks cookies.
    page.evaluate("""() => {
      const frame = document.createElement("iframe");
      Object.assign(frame, { src: "index.html", width: 1000, height: 800, title: "Front page" });
      frame.sandbox = "allow-scripts";
      document.querySelector("main").prepend(frame);
    }""")
    region = page.frame_locator("iframe").get_by_role("region", name="Your progress")
    expect(region.get_by_role("status")).to_contain_text("does not let the page remember")
    send(page.frames[1], STEM, FIRST)
    expect(region).to_contain_text("0 of 8 chapters finished. 1 of ")
    expect(region.get_by_role("status")).to_contain_text("does not let the page remember")
    assert page.frames[1].evaluate("localStorage instanceof Storage") is False


def test_a_full_storage_is_told_in_one_sentence_and_used_again_when_there_is_room(open_page):
    page = open_page(CHAPTER, formulas=False, over="http")
    page.evaluate("""() => {
      for (let size = 4e6; size >= 1; size = Math.floor(size / 2)) {
        for (let n = 0; ; n++) {
          try { localStorage.setItem(`filler-${size}-${n}`, "x".repeat(size)); } catch { break; }
        }
      }
    }""")
    answer(page, FIRST, right=True)
    note = panel(page).locator(".reading-notice")
    expect(note).to_contain_text("has no room left")
    expect(panel(page)).to_contain_text(f"1 of {ALL} questions solved.")
    assert stored(page) is None
    page.evaluate("localStorage.clear()")
    answer(page, SECOND, right=True)
    expect(note).to_have_text("")
    assert record(page)["questions"] == {FIRST: "solved", SECOND: "solved"}


def test_two_tabs_keep_step_and_do_not_undo_each_other(open_page):
    one = open_page(CHAPTER, formulas=False, over="http")
    two = one.context.new_page()
    two.goto(one.url)
    expect(two.locator(".Quiz")).to_have_count(ALL)
    answer(one, FIRST, right=True)
    expect(panel(two)).to_contain_text(f"1 of {ALL} questions solved.")
    answer(two, SECOND, right=True)
    expect(panel(one)).to_contain_text(f"2 of {ALL} questions solved.")
    panel(one).get_by_role("button", name="Forget my progress").click()
    one.get_by_role("button", name="Forget it").click()
    expect(panel(two)).to_contain_text(f"0 of {ALL} questions solved.")


# --- definitions of terms ------------------------------------------------------------------


def term(page, n: int = 0):
    return page.locator(".bd-article a[aria-describedby^=definition-]").nth(n)


def tip_of(page, link):
    return page.locator(f"#{link.get_attribute('aria-describedby')}")


def point_at(page, link):
    """Show a definition; under the pointer the text may move while figures are still built."""
    tip = tip_of(page, link)
    for _ in range(5):
        page.mouse.move(2, 2)
        link.hover()
        with contextlib.suppress(PlaywrightTimeout):
            tip.wait_for(state="visible", timeout=2000)
            return tip
    raise AssertionError(f"{tip.get_attribute('id')} does not show")


@on_a_chapter
def test_a_definition_shows_under_the_pointer_and_may_be_reached_with_it(chapter):
    expect(tip_of(chapter, term(chapter))).to_be_hidden()
    tip = point_at(chapter, term(chapter))
    box = tip.bounding_box()
    chapter.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    chapter.wait_for_timeout(800)  # well beyond the pause after which it would go
    expect(tip).to_be_visible()
    chapter.mouse.move(2, 2)
    expect(tip).to_be_hidden()


@on_a_chapter
def test_escape_closes_a_definition_and_leaves_the_pointer_where_it_is(chapter):
    tip = point_at(chapter, term(chapter))
    chapter.keyboard.press("Escape")
    expect(tip).to_be_hidden()


@on_a_chapter
def test_a_definition_shows_with_the_keyboard_and_one_at_a_time(chapter):
    first, second = term(chapter, 0), term(chapter, 1)
    chapter.keyboard.press("Tab")  # from here on the focus is the keyboard's
    first.focus()
    expect(tip_of(chapter, first)).to_be_visible()
    chapter.keyboard.press("Escape")
    expect(tip_of(chapter, first)).to_be_hidden()
    expect(first).to_be_focused()
    point_at(chapter, second)
    chapter.mouse.move(2, 2)
    first.blur()
    first.focus()
    expect(tip_of(chapter, first)).to_be_visible()
    expect(chapter.locator(".reading-tip:visible")).to_have_count(1)
    first.blur()
    expect(chapter.locator(".reading-tip:visible")).to_have_count(0)


def test_a_definition_goes_when_its_term_is_folded_away(open_page):
    page = open_page(CHAPTER, formulas=False)
    link = term(page)
    tip = point_at(page, link)
    link.evaluate("link => (link.hidden = true)")
    page.set_viewport_size({"width": 900, "height": 900})
    expect(tip).to_be_hidden()
    # The pointer has been there, and the term goes before the pause is over.
    link.evaluate("link => (link.hidden = false)")
    page.mouse.move(2, 2)
    link.dispatch_event("pointerenter", {"pointerType": "mouse"})
    link.evaluate("link => (link.hidden = true)")
    page.wait_for_timeout(500)
    expect(tip).to_be_hidden()


@on_a_chapter
def test_every_term_is_described_by_its_definition_in_the_accessibility_tree(chapter):
    links = chapter.locator(".bd-article a[href*='glossary.html#']")
    assert links.count() >= 5
    for n in range(links.count()):
        link = links.nth(n)
        tip = tip_of(chapter, link)
        words = " ".join(tip.text_content().split())
        assert len(words.split()) >= 6
        expect(link).to_have_accessible_description(re.compile(re.escape(words[:30])))


@on_a_chapter
@pytest.mark.parametrize("width", [1280, 360])
def test_no_definition_is_cut_off(chapter, width):
    chapter.set_viewport_size({"width": width, "height": 900})
    chapter.keyboard.press("Tab")  # from here on the focus is the keyboard's, and nothing waits
    for link in chapter.locator("a[aria-describedby^=definition-]").all():
        link.focus()
        tip = tip_of(chapter, link)
        expect(tip).to_be_visible()
        box = tip.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        inside = "e => e.scrollWidth <= e.clientWidth && e.scrollHeight <= e.clientHeight"
        assert tip.evaluate(inside)
        # Nothing lies over it.
        top = """e => { const { left, top, width, height } = e.getBoundingClientRect();
          return [0.02, 0.5, 0.98].every((share) =>
            e.contains(document.elementFromPoint(left + width * share, top + height / 2))); }"""
        assert tip.evaluate(top), f"{tip.get_attribute('id')} is covered"
    assert checks.overflow(chapter) == []
    chapter.set_viewport_size({"width": 1280, "height": 900})


def test_on_a_touch_screen_a_tap_follows_the_link(open_page):
    page = open_page(CHAPTER, formulas=False, width=360, has_touch=True, is_mobile=True)
    anchor = term(page).get_attribute("href").split("#")[1]
    term(page).tap()
    page.wait_for_url(f"**/glossary.html#{anchor}")


# --- the theme's small buttons and links ---------------------------------------------------


@pytest.mark.parametrize("over", ["file", "http"])
def test_a_copy_button_copies_by_keyboard_and_says_so(open_page, over):
    options = {"permissions": ["clipboard-read", "clipboard-write"]} if over == "http" else {}
    page = open_page(CHAPTER, formulas=False, over=over, **options)
    button = page.get_by_role("button", name=re.compile("^Copy code: import numpy as np"))
    button.focus()
    expect(button).to_have_css("opacity", "1")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").get_by_text("Copied", exact=True)).to_have_count(1)
    expect(button).to_be_focused()
    if over == "http":
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied.startswith("import numpy as np\n")
        assert copied.rstrip().endswith("np.set_printoptions(precision=8, suppress=True)")


@on_a_chapter
def test_every_copy_button_has_a_name_of_its_own_kind(chapter):
    names = chapter.locator("button.copybtn").evaluate_all("all => all.map((b) => b.ariaLabel)")
    assert len(names) >= 20
    assert all(re.fullmatch(r"Copy (code|output): .+", name) for name in names)


@on_a_chapter
def test_a_link_of_a_section_has_a_name_shows_with_the_focus_and_goes_there(chapter):
    link = chapter.get_by_role("link", name="Link to this section: Quiz")
    expect(link).to_have_css("opacity", "0")
    link.focus()
    expect(link).to_have_css("opacity", "1")
    chapter.keyboard.press("Enter")
    assert chapter.url.endswith("#quiz")
    expect(chapter.get_by_role("heading", name="Quiz", exact=True)).to_have_count(1)
    names = chapter.locator("a.headerlink").evaluate_all("all => all.map((a) => a.ariaLabel)")
    assert len(names) == len(set(names)) >= 10


@on_a_chapter
def test_previous_and_next_are_named_by_where_they_lead(chapter):
    expect(chapter.get_by_role("link", name=re.compile("previous.*Bahdanau", re.I))).to_be_visible()
    expect(chapter.get_by_role("link", name=re.compile("next.*Keras", re.I))).to_be_visible()


# --- what was searched for -----------------------------------------------------------------

# Words that also stand in titles of drawings, in style sheets, in formulas or in scripts.
SEARCHED = ["softmax", "width"]
if "ATTENTION_COURSE_THOROUGH" in os.environ:
    SEARCHED += ["mask", "query", "figure", "content"]
MARKS = """(word) => {
  const style = document.createElement("style");
  style.textContent = ".math, mjx-container, svg, button, select, textarea "
    + "{ display: none !important } * { text-transform: none !important }";
  document.head.append(style);
  const article = document.getElementById("article");
  const marks = [...article.querySelectorAll("mark.highlighted")];
  const seen = (element) => element.checkVisibility({ visibilityProperty: true });
  const found = {
    seen: article.innerText.toLowerCase().split(word).length - 1,
    marked: marks.filter(seen).length,
    wrong: marks.filter((mark) => mark.textContent.toLowerCase() !== word).length,
    elsewhere: document.querySelectorAll(".highlighted").length
      - article.querySelectorAll(".highlighted").length,
    inside: document.querySelectorAll("script mark, style mark, svg mark, .math mark").length,
    drawings: [...article.querySelectorAll("svg text, svg tspan")].filter((text) => {
      const own = [...text.childNodes].filter((node) => node.nodeType === 3);
      return own.some((node) => node.data.toLowerCase().includes(word))
        && !text.closest(".highlighted");
    }).length,
  };
  style.remove();
  return found;
}"""


def search(page, address: str, word: str) -> list[str]:
    """Search as a reader does; the addresses of the pages that are found."""
    page.goto(f"{address}?q={quote(word)}")
    page.wait_for_function(
        "/[.!]/.test(document.querySelector('#search-results .search-summary')?.innerText)"
    )
    links = page.locator("#search-results ul.search li a")
    found = links.evaluate_all("(all) => all.map((link) => link.href.split('#')[0])")
    return list(dict.fromkeys(found))


def follow(page, address: str, word: str, place: int = 0) -> None:
    """Search, and open one of the pages that are found.

    Chromium hands the word from process to process by its storage, and a page that is opened at
    once may overtake it, so this is repeated until something is marked.
    """
    for _ in range(5):
        target = search(page, address, word)[place]
        name = target.removeprefix(address.removesuffix("search.html"))
        page.locator(f"#search-results li a[href^='{name}']").first.click()
        page.wait_for_url(f"{target}**")
        if page.locator(".highlighted").count():
            break


@pytest.mark.parametrize("word", SEARCHED)
def test_every_hit_of_a_search_is_marked(open_page, word):
    page = open_page("search.html", formulas=False)
    address = page.url
    found = search(page, address, word)
    assert found
    for place in range(len(found) if "ATTENTION_COURSE_THOROUGH" in os.environ else 2):
        follow(page, address, word, place)
        for figure in page.locator(".ac-interactive").all():
            figure.scroll_into_view_if_needed()  # then it is drawn
        page.wait_for_function(
            "[...document.querySelectorAll('.ac-interactive')].every("
            "(figure) => figure.querySelector('.ac-live'))"
        )
        marks = page.evaluate(MARKS, word)
        assert marks.pop("marked") == marks.pop("seen"), (found[place], marks)
        assert not any(marks.values()), (found[place], marks)


def test_marks_are_hidden_again_and_do_not_come_back(open_page):
    page = open_page("search.html", formulas=False)
    follow(page, page.url, "softmax")
    marks = page.locator(".highlighted")
    assert marks.count() > 5
    before = page.locator("#article").inner_text()
    page.get_by_role("button", name="Hide what was searched for").click()
    expect(marks).to_have_count(0)
    assert page.locator("#article").inner_text() == before
    page.reload()
    expect(marks).to_have_count(0)


def test_the_words_of_one_search_are_not_marked_on_the_page_of_the_next(open_page):
    page = open_page("search.html", formulas=False)
    address = page.url
    search(page, address, "search")
    search(page, address, "xylophone")
    expect(page.locator("#article .highlighted")).to_have_count(0)


def test_words_that_javascript_knows_are_ordinary_words(open_page, site):
    """Its console is looked at too."""
    page = open_page("search.html", formulas=False)
    address = page.url
    pages = {path.resolve().as_uri() for path in site.rglob("*.html")}
    for word in ("constructor", "constructors", "__proto__", "hasOwnProperty"):
        assert set(search(page, address, word)) <= pages


def test_what_only_a_notebook_without_trust_says_is_not_found(open_page):
    page = open_page("search.html", formulas=False)
    assert search(page, page.url, "palette") == []


def test_authors_are_found_by_their_names(open_page):
    page = open_page("search.html", formulas=False)
    address = page.url
    for name in ("Jürgen", "schmidhuber", "Łukasz Kaiser", "Çağlar", "Merriënboer"):
        assert any("bibliography" in found for found in search(page, address, name)), name


# --- all of it -----------------------------------------------------------------------------


IN_USE = ".bd-sidenav, .reading-progress, .reading-tip, p:has(.reading-tip), .ac-quiz"


def test_axe_finds_nothing_while_the_aids_are_in_use(open_page):
    page = open_page(CHAPTER, formulas=False)
    answer(page, FIRST, right=True)
    panel(page).get_by_role("checkbox").check()
    checks.come_back(page)
    expect(page.get_by_text("Solved before")).to_have_count(1)
    for scheme, _ in checks.in_two_looks(page):
        point_at(page, term(page))
        assert checks.axe_problems(page, IN_USE, colours_only=scheme == "dark") == []
        assert checks.overflow(page) == []
    panel(page).get_by_role("button", name="Forget my progress").click()
    for scheme, _ in checks.in_two_looks(page):
        assert checks.axe_problems(page, ".reading-progress", colours_only=scheme == "dark") == []
    checks.come_back(page, page.url.split("#")[0].replace(CHAPTER, "index"))
    expect(panel(page)).to_contain_text("1 of 8 chapters finished")
    for scheme, _ in checks.in_two_looks(page):
        assert checks.axe_problems(page, colours_only=scheme == "dark") == []
        assert checks.overflow(page) == []


def test_without_javascript_there_are_no_dead_controls(browser, site):
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto((site / f"{CHAPTER}.html").as_uri())
    assert page.get_by_text("Reading time: about").is_visible()
    assert page.locator(".reading-progress, .reading-button, .copybtn").count() == 0
    tips = page.locator(".reading-tip")
    assert tips.count() >= 5
    assert not any(tips.nth(n).is_visible() for n in range(tips.count()))
    context.close()


def test_reading_takes_less_time_than_the_chapter_with_its_exercises(site):
    found = {}
    for path in sorted((site / "chapters").glob("*.html")):
        article = re.search(r"<article.*</article>", path.read_text(encoding="utf-8"), re.DOTALL)[0]
        words = " ".join(re.sub(r"<[^>]*>", "", article).split())
        reading = re.search(r"Reading time: about (\d+) minutes, without the quiz and the", words)
        whole = re.search(r"Time: (?:about )?(\d+) minutes", words)
        found[path.stem] = (int(reading[1]), int(whole[1]))
    assert len(found) == len(list((ROOT / "chapters").glob("*.ipynb")))
    assert all(15 <= reading < whole for reading, whole in found.values()), found
