"""Every page of the book as a reader meets it: light and dark, wide and narrow, no network."""

from __future__ import annotations

import os
from pathlib import Path

import checks
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


def pages() -> list[str]:
    """Every page of the book: the front page, the table of contents, and the search."""
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    listed = [page["file"] for part in contents["parts"] for page in part["chapters"]]
    return [contents["root"], *listed, "search"]


PAGES = pages()
CHAPTERS = [name for name in PAGES if name.startswith("chapters/")]
# Sphinx writes an index of terms, empty here, to which no page leads.
UNLISTED = {"genindex"}


def test_no_page_is_left_out(site):
    built = {path.relative_to(site).with_suffix("").as_posix() for path in site.rglob("*.html")}
    built = {name for name in built if not name.startswith("_")}
    assert set(PAGES) <= built
    assert built - set(PAGES) <= UNLISTED


# Half of the pages are opened from files, half over HTTP. Tests with this same list share a page.
opened_once = pytest.mark.parametrize(
    "opened",
    [{"name": name, "over": "http" if number % 2 else "file"} for number, name in enumerate(PAGES)],
    ids=PAGES,
    indirect=True,
)


NOT_ON_PAPER = (
    ".bd-sidebar-primary, .bd-sidebar-secondary, .bd-header-article, .bd-header, .skip-link, "
    ".prev-next-footer, #pst-skip-link, button.copybtn, a.headerlink, .Feedback, "
    ".ac-interactive button, .ac-quiz button"
)
DARK_ON_WHITE = """() => {
  const shown = (text) => /rgba?\\(([^)]+)\\)/.exec(text)[1].split(",").map(Number);
  const sum = ([red, green, blue]) => red + green + blue;
  const faults = [];
  for (const element of document.querySelectorAll(".bd-article p, .bd-article pre, .bd-article li,"
      + " .bd-article h1, .bd-article h2, .bd-article td, .bd-article pre span")) {
    if (!element.checkVisibility({visibilityProperty: true})) continue;
    const style = getComputedStyle(element);
    if (sum(shown(style.color)) > 3 * 150) faults.push("light text: " + element.textContent);
    const back = shown(style.backgroundColor);
    if ((back.length < 4 || back[3] > 0.5) && sum(back) < 3 * 190) {
      faults.push("dark ground: " + element.textContent);
    }
  }
  const ground = shown(getComputedStyle(document.body).backgroundColor);
  if ((ground.length < 4 || ground[3] > 0) && sum(ground) < 3 * 250) faults.push("dark page");
  return [...new Set(faults.map((text) => text.trim().replace(/\\s+/g, " ").slice(0, 80)))];
}"""


@opened_once
def test_paper_gets_the_text_alone(opened):
    """Also where the page was dark; a thorough run tries it from a light one as well."""
    for scheme in ("light", "dark") if "ATTENTION_COURSE_THOROUGH" in os.environ else ("dark",):
        checks.show(opened, scheme, 720)
        opened.emulate_media(media="print", color_scheme=scheme)
        shown = opened.locator(NOT_ON_PAPER).locator("visible=true")
        left = [element.evaluate("(element) => element.outerHTML") for element in shown.all()]
        assert left == []
        assert opened.locator("h1").locator("visible=true").count() == 1
        if opened.locator(".bd-article section p").count():
            assert opened.locator(".bd-article section p").first.is_visible()
        assert checks.overflow(opened) == []
        assert opened.evaluate(DARK_ON_WHITE) == []
        opened.emulate_media(media="screen", color_scheme=scheme)


# Names are looked for in the last: Chromium may crash when a page changes after that.
MORE_LOOKS = [("light", 360), ("dark", 1280), ("dark", 360)]
LOOKS = [
    *(pytest.param(*look, marks=pytest.mark.thorough) for look in MORE_LOOKS),
    ("light", 1280),
]


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
@opened_once
def test_a_page_is_in_order(opened, scheme, width):
    checks.show(opened, scheme, width)
    checks.open_everything(opened)
    # Roles and sizes are the same in the dark, and most menus of a narrow window are closed.
    light, wide = scheme == "light", width == 1280
    assert checks.page_problems(opened, colours_only=not light, names=light and wide) == []
    assert opened.evaluate("matchMedia('(prefers-reduced-motion: reduce)').matches")
    assert checks.movements(opened) == []


@pytest.mark.thorough
def test_every_formula_and_every_word_of_code_is_in_order(open_page):
    """The other tests let axe see samples of them."""
    page = open_page("chapters/04_qkv_from_scratch")
    checks.open_everything(page)
    assert checks.axe_problems(page, thin=False) == []


# --- what opens ----------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.thorough)])
def test_the_side_bars_of_a_small_screen_are_in_order(open_page, scheme):
    page = open_page(CHAPTERS[0], scheme=scheme, width=360, reduced_motion="no-preference")
    for side, button in [
        (".bd-sidebar-primary", "button.primary-toggle"),
        (".bd-sidebar-secondary", "button.secondary-toggle"),
    ]:
        opener = page.locator(f"{button}:visible").first
        opener.focus()
        page.keyboard.press("Enter")
        bar = page.locator(f"dialog:visible, {side}:visible").first
        bar.wait_for(state="visible")
        page.wait_for_function(
            "(bar) => document.activeElement !== document.body", arg=bar.element_handle()
        )
        # The bar comes in from the side; while it moves, its colours are not its own.
        page.wait_for_function("document.getAnimations().length === 0")
        assert checks.overflow(page) == []
        assert checks.unnamed_controls(page) == []
        assert checks.axe_problems(page, f"dialog, {side}") == []
        page.keyboard.press("Escape")
        bar.wait_for(state="hidden")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_every_menu_of_the_header_is_in_order(open_page, scheme, width):
    page = open_page(CHAPTERS[3], scheme=scheme, width=width, formulas=False)
    menus = page.locator("details.header-menu:visible")
    assert menus.count() >= 1
    for menu in menus.all():
        menu.locator("summary").focus()
        page.keyboard.press("Enter")
        assert menu.evaluate("(menu) => menu.open")
        assert menu.locator("a, button").first.is_visible()
        assert checks.overflow(page) == []
        assert checks.axe_problems(page, "header, .bd-header-article, .header-menu") == []
        page.keyboard.press("Escape")
        assert not menu.evaluate("(menu) => menu.open")
        assert menu.evaluate("(menu) => menu.contains(document.activeElement)")


# --- by keyboard ---------------------------------------------------------------------------

FOCUSED = """() => {
  const element = document.activeElement;
  const place = element.getBoundingClientRect();
  return {
    text: element.textContent.trim(),
    target: element.getAttribute("href"),
    seen: place.width > 1 && place.height > 1 && place.top >= 0 && place.left >= 0
      && place.bottom <= innerHeight && place.right <= innerWidth
      && element.checkVisibility({opacityProperty: true, visibilityProperty: true}),
    inside: Boolean(element.closest("main, article, [role=main]")),
  };
}"""


@pytest.mark.parametrize("width", [1280, 360])
def test_the_first_key_offers_to_skip_to_the_text(open_page, width):
    page = open_page(CHAPTERS[1], width=width, formulas=False)
    page.keyboard.press("Tab")
    link = page.evaluate(FOCUSED)
    assert link["seen"], link
    assert "skip" in link["text"].lower()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    after = page.evaluate(FOCUSED)
    assert after["inside"], after


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.thorough)])
def test_every_place_the_keyboard_reaches_is_seen(open_page, scheme):
    """Go through a chapter with Tab until it starts again; each stop must look focused."""
    page = open_page(CHAPTERS[0], scheme=scheme, formulas=False)
    faint, stops = [], 0
    for _ in range(400):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
        stops += 1
        faint += checks.faint_focus(page)
    else:
        pytest.fail("the keyboard does not come out of the page")
    assert stops > 50
    assert faint == []


# --- search --------------------------------------------------------------------------------


@pytest.mark.parametrize("over", ["file", "http"])
def test_the_search_finds_a_word_without_a_network(open_page, over):
    page = open_page("search.html?q=softmax", over=over)
    page.wait_for_function(
        "/[1-9]/.test((document.querySelector('#search-results .search-summary')"
        " || document.querySelector('#search-results p')).textContent)"
    )
    results = page.locator("#search-results ul.search li a")
    results.first.wait_for()
    addresses = [link.get_attribute("href") for link in results.all()]
    assert any("04_qkv_from_scratch" in address for address in addresses)
    assert checks.overflow(page) == []
    assert checks.axe_problems(page) == []
    results.first.click()
    page.wait_for_load_state()
    assert "softmax" in page.locator("article").inner_text().lower()


def test_the_search_says_that_it_found_nothing(open_page):
    page = open_page("search.html?q=xylophone")
    page.get_by_text("did not match any documents").wait_for()
    assert page.locator("#search-results li").count() == 0


def test_a_search_starts_from_the_keyboard(open_page):
    page = open_page(CHAPTERS[0], formulas=False)
    page.keyboard.press("Control+k")
    page.wait_for_function("document.activeElement.matches('input[type=search]')")
    page.keyboard.type("softmax")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=softmax**")
    page.locator("#search-results ul.search li a").first.wait_for()
