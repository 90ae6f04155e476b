"""Operate an interactive figure and read what it shows, and say the same numbers in Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import checks
import nbformat
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHAPTERS = Path(__file__).resolve().parents[2] / "chapters"


def output_of(chapter: str, element: str) -> str:
    """Return the stored HTML of one figure, as an output frame of Colab gets it."""
    cells = nbformat.read(CHAPTERS / f"{chapter}.ipynb", as_version=4).cells
    outputs = [
        output["data"]["text/html"]
        for cell in cells
        for output in cell.get("outputs", [])
        if f'id="{element}"' in output.get("data", {}).get("text/html", "")
    ]
    assert len(outputs) == 1
    return outputs[0]


LONE_PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Output</title>'
    '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
    # A background that axe can read, as notebook front ends have one.
    "<style>html {{ color-scheme: light dark; background: Canvas; color: CanvasText }}</style>"
    "</head><body><main><h1>Output</h1>{}</main></body></html>"
)


def alone(*outputs: Callable[[], str]) -> Callable:
    """Return a fixture: a page of its own, opened once for a file of tests, with these outputs.

    Every test gets it reset, light and wide. As an output frame of Colab, it has neither the
    book's style nor its scripts, and no network. Afterwards, it must have been quiet.
    """

    @pytest.fixture(scope="module")
    def opened(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
        path = tmp_path_factory.mktemp("output") / "output.html"
        path.write_text(LONE_PAGE.format("".join(give() for give in outputs)), encoding="utf-8")
        context = browser.new_context(offline=True)
        watch = checks.Watch(context, path.as_uri())
        page = context.new_page()
        page.goto(path.as_uri())
        page.wait_for_function(
            "(count) => document.querySelectorAll('.ac-live').length === count", arg=len(outputs)
        )
        yield page
        assert watch.problems() == []
        context.close()

    return opened


def afresh(page: Page) -> Page:
    """Return a page as it was at the start: its figures reset, light and wide, nothing focused."""
    page.emulate_media(color_scheme="light", media="screen")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.evaluate(
        """() => {
          for (const figure of document.querySelectorAll(".ac-live")) {
            [...figure.querySelectorAll("button")].at(-1).click();
          }
          document.querySelectorAll("details").forEach((box) => { box.open = false; });
          // Where the next Tab starts: at the beginning of the page.
          const start = document.querySelector("h1");
          start.tabIndex = -1;
          start.focus();
          start.blur();
        }"""
    )
    return page


def phone(page: Page, scheme: str = "light") -> None:
    """Show a page as a phone does."""
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 360, "height": 640})
    # What does not fit is noticed with the next frame.
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")


def wait_until_said(page: Page, element: str) -> None:
    """Wait until what was done last has been announced."""
    page.wait_for_function(
        """(id) => { const figure = document.getElementById(id);
          return figure.querySelector("[role=status]").textContent
            .endsWith(figure.querySelector(".ac-sentence").textContent); }""",
        arg=element,
    )


def differences(shown: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Names of what a figure shows otherwise than it should."""
    return [name for name, what in wanted.items() if shown[name] != what]


_CROWDED = """(id) => {
  const figure = document.getElementById(id);
  const room = figure.getBoundingClientRect();
  return [...figure.querySelectorAll("svg.ac-plotted, .ac-chain")].flatMap((drawn) => {
    const texts = [...drawn.querySelectorAll("text, span:not(:has(span))")]
      .filter((text) => text.textContent);
    const boxes = texts.map((text) => text.getBoundingClientRect());
    return texts.filter((_, one) => boxes[one].left < room.left || boxes[one].right > room.right
      || boxes.slice(one + 1).some((other) =>
        boxes[one].left < other.right && other.left < boxes[one].right
        // A line of text has some room above and below its letters.
        && boxes[one].top < other.bottom - 4 && other.top < boxes[one].bottom - 4))
      .map((text) => text.textContent);
  });
}"""


def crowded(page: Page, element: str) -> list[str]:
    """Words of a figure's drawings that leave the figure, or lie on other words."""
    return page.evaluate(_CROWDED, element)


_OPERATE = """([id, manySettings]) => {
  const figure = document.getElementById(id);
  const texts = (nodes) => [...nodes].map((node) => node.textContent);
  return manySettings.map((settings) => {
    for (const [key, value] of Object.entries(settings)) {
      const control = figure.querySelector(`[data-key="${key}"]`);
      if (control.type === "checkbox") control.checked = value;
      else control.value = value;
      control.dispatchEvent(new Event("input"));
    }
    return {
      sentence: figure.querySelector(".ac-sentence").textContent,
      notes: texts(figure.querySelectorAll(".ac-note")),
      bars: texts(figure.querySelectorAll(".ac-bars .ac-number")),
      lengths: [...figure.querySelectorAll(".ac-bar")].map((bar) => parseFloat(bar.style.width)),
      tables: [...figure.querySelectorAll("tbody")].map((table) =>
        [...table.rows].map((row) => texts(row.cells))),
      marked: [...figure.querySelectorAll("tr.ac-marked th")].map((cell) => cell.textContent),
      values: [...figure.querySelectorAll("[data-key]")].map((control) =>
        control.type === "checkbox" ? control.checked : control.value),
    };
  });
}"""


def operate(
    page: Page, element: str, settings: Sequence[dict[str, Any]] = ({},)
) -> list[dict[str, Any]]:
    """Set controls (key -> value, or place in a list) one state after another; read each state."""
    return page.evaluate(_OPERATE, [element, list(settings)])


def fixed(value: float, digits: int) -> str:
    """A number as ``f"{value:.4f}"`` writes it, with a true minus sign and without minus zero."""
    text = f"{abs(value):.{digits}f}"
    return ("\u2212" if value < 0 and float(text) else "") + text


def vector(values: Sequence[float], digits: int) -> str:
    """Numbers in brackets."""
    return f"({', '.join(fixed(value, digits) for value in values)})"


def magnitude(value: float, digits: int) -> str:
    """A number of any size that is not negative."""
    if value == 0 or 0.001 <= value < 1e6:
        return fixed(value, digits)
    leading, exponent = f"{value:.2e}".split("e")
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{leading} × 10{raised}"
