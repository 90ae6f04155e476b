"""No English in a figure in another language, whatever its reader chooses."""

from __future__ import annotations

import re

import numpy as np
import pseudo
import pytest
import samples
from figure_reading import alone

from attention_course import environment
from attention_course.datasets.vocabulary import tokens
from attention_course.display import svg
from attention_course.interactive import (
    alignment,
    decoding_step,
    four_words,
    gradient_norm,
    lags,
    review,
    rnn_steps,
    translation,
)

WORDS = [pseudo.pseudo(word) for word in ("not", "a", "bad", "film")]
X = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]])
STATES = (WORDS[1:], X[[0, 1, 2], :2], [np.ones(2), -np.ones(2)], np.eye(2), np.eye(2), np.ones(2))
SHOW = {
    "rnn-steps": lambda: rnn_steps.show_rnn_steps(
        WORDS, X, np.ones((3, 2)), np.eye(2), np.zeros(2)
    ),
    "gradient-norm": gradient_norm.show_gradient_norm,
    "alignment": lambda: alignment.show_alignment(*STATES),
    "alignment-2": lambda: alignment.show_alignment(*STATES, gradient=True),
    "four-words": lambda: four_words.show_four_words(WORDS, X, *[np.eye(3, dtype=int)] * 3),
    "review": review.show_review,
    "lags": lags.show_lags,
    "decoding-step": decoding_step.show_decoding_step,
    "translation": translation.show_translation,
}
# Words of a sentence that is an example, at their places: data, and so the same in each language.
EXAMPLE = rf">(\d )?({'|'.join(decoding_step.WORDS)})<"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """The figures' outputs in the pseudo-language, all in one page."""
    bundles = []
    with pytest.MonkeyPatch.context() as patch:
        for name, value in pseudo.write_catalogues(tmp_path_factory.mktemp("locales")).items():
            patch.setenv(name, value)
        recorded = samples.translations(pseudo.pseudo)
        patch.setattr(translation, "load_translations", lambda: recorded)
        patch.delenv(environment.BOOK_VARIABLE, raising=False)
        patch.setattr(svg, "_times_shown", svg.Counter())
        patch.setattr("IPython.display.display", lambda bundle, raw: bundles.append(bundle))
        for show in SHOW.values():
            show()
    return bundles


@pytest.fixture(scope="module")
def page(outputs, browser, tmp_path_factory):
    opener = alone(*(lambda bundle=bundle: bundle["text/html"] for bundle in outputs))
    yield from opener.__wrapped__(browser, tmp_path_factory)


def english(text: str) -> list[str]:
    """Plain words that are neither from an example nor names of functions."""
    text = re.sub(r"“[^”]*”|\b(tanh|exp)\b", "", text)
    text = re.sub(rf">\[?({'|'.join(tokens(review.EXAMPLES[0]))}|start|end)\]?<", "><", text)
    text = re.sub(EXAMPLE, "><", text)
    return pseudo.left_out(text, "textarea, .ac-text, [data-figure=review] tbody th")


RANDOM_STATES = """([id, rounds]) => {
  const figure = document.getElementById(id);
  let seed = 1;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  const seen = [figure.outerHTML];
  for (let round = 0; round < rounds; round += 1) {
    for (const control of figure.querySelectorAll("input, select")) {
      if (control.type === "checkbox") control.checked = random() < 0.5;
      else if (control.type === "range") {
        const { min, max } = control;
        control.value = Number(min) + random() * (max - min);
      } else control.value = Math.floor(random() * control.options.length);
      control.dispatchEvent(new Event("input"));
    }
    const cells = figure.querySelectorAll("[role=grid] tbody > tr > *");
    cells[Math.floor(random() * cells.length)]?.dispatchEvent(
      new Event("pointerover", { bubbles: true }));
    seen.push(figure.outerHTML);
  }
  return seen;
}"""


@pytest.mark.parametrize("name", set(SHOW) - {"review"})
def test_a_figure_in_any_state(page, name):
    seen = page.evaluate(RANDOM_STATES, [f"fig-{name}", 25])
    assert len({*seen}) > 20
    for html in seen:
        assert english(html) == []


def test_the_model_in_use(page):
    figure = page.locator("#fig-review")
    assert english(figure.evaluate("(figure) => figure.outerHTML")) == []
    figure.locator(".ac-live > button").first.click()
    figure.locator("[data-probability]").wait_for()
    said = set()
    for text in ("", "zzz", "a", "a zzz good film", "good " * 500):
        figure.locator("textarea").fill(text)
        page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        said.add(figure.locator(".ac-sentence").inner_text())
        assert english(figure.evaluate("(figure) => figure.outerHTML")) == []
    assert len(said) == 5


def test_without_scripts_and_without_trust(outputs):
    for bundle in outputs:
        assert english(bundle["text/html"]) == []
        assert english(f"<p>{bundle['text/plain']}</p>") == []


def test_the_check_can_fail():
    assert english("<p>Move the slider.</p>")
    assert not english(f"<p>{pseudo.pseudo('Move the slider.')} “bad” tanh</p>")
