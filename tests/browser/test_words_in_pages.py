"""No English on a page in another language: a small book in the pseudo-language, and in use."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from urllib.parse import quote

import checks
import numpy as np
import pseudo
import pytest

from attention_course import words
from attention_course.datasets.vocabulary import tokens
from attention_course.display import svg
from attention_course.interactive.review import EXAMPLES

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
    page.locator(".ac-again").click()
    assert english(page) == []
    for label in page.locator("label[data-correct=true]").all():
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
    checks.come_back(page)
    page.locator(".reading-solved").first.wait_for(state="attached")
    assert page.locator(".reading-solved").count() == 1
    assert english(page) == []
    checks.come_back(page, page.url.replace(CHAPTER, "index"))
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


# --- figures -------------------------------------------------------------------------------

TOKENS = [pseudo.pseudo(word) for word in ("not", "a", "bad", "film")]
EYE = np.eye(2)


def rnn_steps() -> None:
    from attention_course.interactive.rnn_steps import show_rnn_steps

    show_rnn_steps(TOKENS, np.eye(4, 3), np.ones((3, 2)), EYE, np.zeros(2))


def gradient_norm() -> None:
    from attention_course.interactive.gradient_norm import show_gradient_norm

    show_gradient_norm(seed=1)


def alignment() -> None:
    from attention_course.interactive.alignment import show_alignment

    given = (TOKENS[:3], np.eye(3, 2), [EYE[0], -EYE[0]], EYE, EYE, np.ones(2))
    show_alignment(*given)
    show_alignment(*given, gradient=True)


def four_words() -> None:
    from attention_course.interactive.four_words import show_four_words

    show_four_words(TOKENS, np.eye(4, 3), *np.ones((3, 3, 3)))


def lags() -> None:
    from attention_course.interactive.lags import show_lags

    show_lags()


def review() -> None:
    from attention_course.interactive.review import show_review

    show_review()


@pytest.fixture
def in_pseudo(monkeypatch, site):
    monkeypatch.setenv(words.LOCALES, str(site.parents[1] / "locales"))
    monkeypatch.setenv(words.LANGUAGE, pseudo.LANGUAGE)


@pytest.mark.usefixtures("in_pseudo")
@pytest.mark.parametrize("show", [rnn_steps, gradient_norm, alignment, four_words, lags, review])
def test_a_figure_in_use(open_alone, monkeypatch, show):
    shown = []
    monkeypatch.setattr(svg, "display", lambda *bundle: shown.append(bundle))
    show()
    html = "".join(html for html, _ in shown)
    # The model reads English, and the vocabulary has a mark for the start of a review.
    read = {"start", *tokens(" ".join(EXAMPLES))} if show is review else set()
    left = functools.partial(pseudo.left_out, allowed="head, h1", content=read)
    assert left("".join(f"{html}<p>{text}</p>" for html, text in shown)) == []
    page = open_alone(html)
    for figure in page.locator(".ac-interactive").all():
        for slider in figure.locator("input[type=range]").all():
            for key in ("Home", "ArrowRight", "End"):
                slider.press(key)
                assert left(page.content()) == []
        for box in figure.locator("input[type=checkbox]").all():
            box.click()
            assert left(page.content()) == []
        for choice in figure.locator("select").all():
            for place in range(choice.locator("option").count()):
                choice.select_option(index=place)
                assert left(page.content()) == []
        for button in figure.locator("button").element_handles():
            if button.is_visible() and button.is_enabled():
                button.click()
            assert left(page.content()) == []
