"""No English on a page in another language: a small book in the pseudo-language, and in use."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

import pseudo
import pytest

PAGES = ("index", "chapters/01_one", "glossary", "bibliography", "search")
CHAPTER = "chapters/01_one"
NOT_READ = ("x", "", "1,5", "1/0", "1e999", "9" * 31)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of the small book stand for those of the course."""
    folder = tmp_path_factory.getbasetemp()
    return pseudo.site(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder)


def english(page) -> list[str]:
    return pseudo.left_out(page.content())


@pytest.mark.parametrize("name", PAGES)
def test_a_page_as_it_is_written(site, name):
    """Also what a reader without JavaScript gets."""
    html = (site / f"{name}.html").read_text(encoding="utf-8")
    assert f'lang="{pseudo.LANGUAGE.replace("_", "-")}"' in html
    assert sum(1 for _, text in pseudo.words_of(html) if text.strip()) > 30
    assert pseudo.left_out(html) == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_as_its_scripts_change_it(open_page, name):
    page = open_page(name, width=1280 if name == CHAPTER else 360)
    for _ in range(3):
        assert english(page) == []
        if page.locator(".theme-switch-button:visible").count():
            page.locator(".theme-switch-button:visible").first.click()


def test_a_quiz_in_use(open_page):
    page = open_page(CHAPTER, formulas=False)
    for right in ("false", "true"):
        for label in page.locator(f"label[data-correct={right}]").all():
            label.click()
        assert english(page) == []
    box = page.locator(".Input-text")
    said = set()
    for text in ("0.25", "4", "7", *NOT_READ):
        box.fill(text)
        page.locator(".ac-check").click()
        said.add(page.locator(".Quiz").last.get_by_role("status").text_content())
        assert english(page) == []
    assert len(said) == 9


def test_progress_in_use(open_page):
    page = open_page(CHAPTER, formulas=False)
    page.locator("label[data-correct=true]").first.click()
    page.locator("label[data-correct=false]").last.click()
    page.locator(".reading-progress [type=checkbox]").check()
    assert english(page) == []
    page.reload()
    assert page.locator(".reading-solved").count() == 1
    assert english(page) == []
    page.goto(page.url.replace(CHAPTER, "index"))
    assert page.locator(".reading-card").count() == 1
    assert english(page) == []
    page.locator(".reading-progress > button").click()
    page.locator("dialog button[value=forget]").click()
    page.wait_for_function("document.querySelector('.reading-notice').textContent")
    assert english(page) == []
    page.evaluate("localStorage.setItem('attention-course', '{')")
    page.evaluate("dispatchEvent(new StorageEvent('storage', {key: 'attention-course'}))")
    assert english(page) == []


def test_copying(open_page):
    page = open_page(CHAPTER, formulas=False)
    page.locator("button.copybtn").first.click()
    page.wait_for_function("document.querySelector('main > * [role=status], [role=status]')")
    page.wait_for_function(
        "[...document.querySelectorAll('[role=status].visually-hidden')].some((e) => e.textContent)"
    )
    assert english(page) == []


@pytest.mark.parametrize("word", [pseudo.pseudo("text"), "xylophone"])
def test_searching(open_page, word):
    page = open_page(f"search.html?q={quote(word)}", formulas=False)
    page.wait_for_function("document.querySelector('.search-summary')?.innerText")
    assert english(page) == []
    found = page.locator("#search-results ul.search li a")
    if word != "xylophone":
        found.first.click()
        page.wait_for_load_state()
        assert english(page) == []
    assert found.count() == 0
