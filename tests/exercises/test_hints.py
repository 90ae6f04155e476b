"""A hint is the same on the page of a chapter and wherever the package shows it."""

import re
from pathlib import Path

import pytest

from attention_course.book.normal import read
from attention_course.exercises import (
    alignment,
    fibonacci,
    gradients,
    kinds,
    qkv,
    reading,
    rnn,
    translation,
)

ROOMS = {
    "01_rnn_recap": rnn,
    "02_vanishing_gradients": gradients,
    "03_bahdanau_attention": alignment,
    "04_qkv_from_scratch": qkv,
    "05_keras_attention": reading,
    "06_fibonacci_exercise": fibonacci,
    "07_kinds_of_attention": kinds,
    "08_translation": translation,
}
PARTLY = {"02_vanishing_gradients", "05_keras_attention"}
"""Chapters whose text says part of what the package has as hints; the others show every hint."""
# A terminal shows no formulas, so there they are spelt with the signs that Unicode has.
SIGNS = {
    r"\partial ": "∂",
    r"\partial": "∂",
    r"\alpha": "α",
    r"\sqrt{d_k}": "√d_k",
    r"\sqrt{d_{model}}": "√d_model",
    r"\sqrt d": "√d",
    r"\cdot": "·",
    r"^\top": "ᵀ",
    r"\,": " ",
    "^{strength / √d_k}": "^(strength / √d_k)",
}


def plain(markdown: str) -> str:
    """Return a hint of a page as the package has it."""

    def spelt(formula: re.Match) -> str:
        text = formula[1]
        for sign, letter in SIGNS.items():
            text = text.replace(sign, letter)
        assert not set("\\{}") & set(text), f"the formula {formula[0]} needs a sign in SIGNS"
        return text

    return re.sub(r"\s+", " ", re.sub(r"\$([^$]+)\$", spelt, markdown))


@pytest.mark.parametrize("stem", ROOMS)
def test_hints_on_the_page_are_the_hints_of_the_package(stem, checkout: Path):
    cells = read(checkout / "chapters" / f"{stem}.ipynb").cells
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    shown = re.findall(r"<details><summary>Hint \d+</summary>\s*(.*?)\s*</details>", prose, re.S)
    left = [plain(hint) for hint in shown]
    for name, exercise in ROOMS[stem].EXERCISES.items():
        here = [hint for hint in exercise.hints if hint in left]
        assert here == [hint for hint in left if hint in exercise.hints], "another order"
        if stem not in PARTLY:
            assert here == [*exercise.hints], name
        left = [hint for hint in left if hint not in here]
    assert not left
