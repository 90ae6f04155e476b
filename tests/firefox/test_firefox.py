"""The book in Firefox: its pages are quiet, quizzes judge, figures move, the search finds."""

import pytest
from serving import serve
from test_pages_browser import CHAPTERS, PAGES
from test_quizzes import QUIZZES, plain, squeezed, typed


@pytest.mark.parametrize("over", ["file", "http"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_quiet(open_page, name, over):
    page = open_page(name, over)
    assert page.ask("() => document.querySelectorAll('h1').length") == 1
    wide = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.ask(wide) <= 0
    assert page.ask("() => document.querySelectorAll('mjx-merror').length") == 0
    # Firefox does not tell of a file that is missing.
    assert page.ask("() => [...document.images].every((picture) => picture.naturalWidth)")


# --- quizzes -------------------------------------------------------------------------------

OPTIONS = """(question) =>
  [...document.querySelectorAll(`.Quiz[data-question='${question}'] .MCButton`)]
    .map((label) => label.textContent)"""
VERDICT = """(question) =>
  document.querySelector(`.Quiz[data-question='${question}'] .Feedback`).textContent"""
CHOSEN = """(part) =>
  document.querySelectorAll(`${part} :is(:checked, .incorrectButton, .correctButton)`).length"""
CLEAR = """(box) => { document.querySelector(box).value = ""; }"""


def answers(page, question, correct):
    """Answer a question in every wrong or right way; gives the feedback that each deserves."""
    part = f".Quiz[data-question='{question['id']}']"
    if question["type"] == "numeric":
        for text, feedback in typed(question, correct):
            page.click(f"{part} .Input-text")
            page.ask(CLEAR, f"{part} .Input-text")
            page.type(text)
            page.press("Enter")
            yield feedback
        return
    if correct and question["type"] == "many_choice":
        page.click(f"{part} .ac-again")
        assert page.ask(CHOSEN, part) == 0
    shown = [squeezed(text) for text in page.ask(OPTIONS, question["id"])]
    for answer in question["answers"]:
        if answer["correct"] is correct:
            text = squeezed(plain(answer.get("answer", "")) + answer.get("code", ""))
            page.click(f"{part} .MCButton", shown.index(text))
            yield plain(answer["feedback"])


@pytest.mark.parametrize("name", QUIZZES)
def test_a_quiz_judges_every_answer(open_page, name):
    page = open_page(f"chapters/{name}")
    for question in QUIZZES[name]:
        for correct, word in ((False, "Not right:"), (True, "Right:")):
            given = 0
            for feedback in answers(page, question, correct):
                said = squeezed(page.ask(VERDICT, question["id"]))
                assert said.startswith(squeezed(word + feedback)), question["id"]
                given += 1
            assert given, question["id"]


# --- figures -------------------------------------------------------------------------------

MOVE = """async (place) => {
  const figure = document.querySelectorAll("figure.ac-interactive")[place];
  const load = [...figure.querySelectorAll("button")].find((b) => /load/i.test(b.textContent));
  if (load) {
    load.click();
    while (load.isConnected) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const control = figure.querySelector("input[type=range], select, textarea, input");
  control.scrollIntoView({block: "center"});
  control.focus();
  return [control.type, figure.querySelector(".ac-sentence").textContent];
}"""
SAID = """(place, before) => {
  const figures = document.querySelectorAll("figure.ac-interactive");
  return figures[place].querySelector(".ac-sentence").textContent !== before;
}"""


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_figure_moves(open_page, name):
    page = open_page(name)
    figures = page.ask("() => document.querySelectorAll('figure.ac-interactive').length")
    for place in range(figures):
        kind, before = page.ask(MOVE, place)
        if kind == "textarea":
            page.type("film ")
        else:
            page.press("ArrowRight" if kind == "range" else "ArrowDown")
        page.wait_for(SAID, place, before)


# --- definitions ---------------------------------------------------------------------------


def test_a_definition_shows_at_its_term_until_escape(open_page):
    page = open_page(CHAPTERS[0])
    term = "document.querySelector('[aria-describedby^=definition-]')"
    over = "new PointerEvent('pointerenter', { pointerType: 'mouse' })"
    page.ask(f"() => {{ {term}.scrollIntoView(); {term}.dispatchEvent({over}); }}")
    page.wait_for("() => document.querySelector('.reading-tip:popover-open')?.checkVisibility()")
    gap = f"""() => {{
      const tip = document.querySelector('.reading-tip:popover-open').getBoundingClientRect();
      const link = {term}.getClientRects()[0];
      return Math.min(Math.abs(tip.top - link.bottom), Math.abs(tip.bottom - link.top)); }}"""
    assert page.ask(gap) <= 1
    page.press("Escape")
    page.wait_for("() => !document.querySelector('.reading-tip:popover-open')")


# --- search --------------------------------------------------------------------------------


@pytest.mark.parametrize("over", ["file", "http"])
def test_the_search_finds_a_word_and_opens_its_page(open_page, over):
    page = open_page("search.html?q=softmax", over)
    results = "#search-results ul.search li a"
    # Until all results are there they move, and until each has fetched its page for a summary,
    # leaving breaks off a request.
    page.wait_for("() => document.querySelector('.search-summary')?.textContent.includes('found')")
    if over == "http":
        items = "[...document.querySelectorAll('#search-results li')]"
        page.wait_for(f"() => {items}.every((item) => item.children.length > 1)")
    assert page.ask(
        f"() => document.querySelector(\"{results}[href*='04_qkv_from_scratch']\")?.href"
    )
    page.click(results)
    page.wait_for("() => !location.pathname.endsWith('search.html')")
    page.wait_for("() => document.readyState === 'complete' && !!document.querySelector('article')")
    assert "softmax" in page.ask("() => document.querySelector('article').innerText").lower()
    page.wait_for("() => document.querySelectorAll('#article mark.highlighted').length > 5")


def test_the_checks_notice_what_a_page_does_wrong(firefox, tmp_path):
    """Else a Firefox that tells nothing would pass everything."""
    (tmp_path / "page.html").write_text(
        '<!doctype html><title>x</title><link rel="icon" href="data:,">'
        '<img src="lost.png"><script>console.error("oh"); nobody.knows();</script>'
    )
    with serve(tmp_path) as address:
        firefox.open(f"{address}page.html")
    told = "\n".join(firefox.problems)
    assert "error: oh" in told
    assert "nobody is not defined" in told
    assert "lost.png" in told
