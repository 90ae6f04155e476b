"""Operate an interactive figure and read what it shows, and say the same numbers in Python."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat

if TYPE_CHECKING:
    from playwright.sync_api import Page

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


_OPERATE = """([id, manySettings]) => {
  const figure = document.getElementById(id);
  const texts = (nodes) => [...nodes].map((node) => node.textContent);
  return manySettings.map((settings) => {
    for (const [key, value] of Object.entries(settings)) {
      const control = figure.querySelector(`[data-key="${key}"]`);
      if (control.type === "checkbox") control.checked = value;
      else control.value = value;
      control.dispatchEvent(new Event(control.type === "range" ? "input" : "change"));
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
