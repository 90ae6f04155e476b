"""Chapter 1's figure: it steps through the layer with NumPy's numbers, and a keyboard is enough."""

import itertools
import re

import checks
import numpy as np
import pytest
from figure_reading import (
    afresh,
    alone,
    crowded,
    differences,
    fixed,
    operate,
    output_of,
    phone,
    vector,
    wait_until_said,
)

pytestmark = pytest.mark.thorough

CHAPTER = "01_rnn_recap"
FIGURE = "fig-rnn-steps"
TOKENS = ["not", "a", "bad", "film"]
X = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]])
W = np.array([[1.0, -0.5], [0.5, 0.5], [-0.5, 1.0]])
U = np.array([[0.5, -1.0], [1.0, 0.5]])
B = np.array([0.0, 0.5])
START = {"step": 4, "word1": 0, "word2": 1, "word3": 2, "word4": 3, "factor": 1}
FACTORS = np.arange(0, 1.25, 0.25)


def state_of(chosen, step=4, factor=1.0):
    """The settings of the controls for a sentence of word numbers."""
    words = {f"word{place}": word for place, word in enumerate(chosen, start=1)}
    return {"step": step, **words, "factor": float(factor)}


def by_numpy(chosen, factor):
    """The terms of every step: x W, h U, b, sum, new h; shape (4 steps, 5 terms, 2 neurons)."""
    h, terms = np.zeros(2), []
    for number in chosen:
        from_word, from_memory = X[number] @ W, h @ (factor * U)
        total = from_word + from_memory + B
        h = np.tanh(total)
        terms.append([from_word, from_memory, B, total, h])
    return np.array(terms)


def row(name, values):
    return [name, *(fixed(value, 4) for value in values)]


def expected(state, read=by_numpy):
    """Both tables and the marked rows in one state."""
    chosen = [state[f"word{place}"] for place in (1, 2, 3, 4)]
    terms, step = read(chosen, state["factor"]), state["step"]
    memory = "U" if state["factor"] == 1 else f"{state['factor']:.2f} U"
    names = ["word, x W", f"memory, h {memory}", "bias, b", "sum", "tanh: new h"]
    states = [row("nothing", np.zeros(2))]
    for place, number in enumerate(chosen):
        name = f"{place + 1}. “{TOKENS[number]}”"
        known = place < step
        states.append(row(name, terms[place, 4]) if known else [name, "not yet", "not yet"])
    states.append(row("unchanged", read([0, 1, 2, 3], 1)[-1, 4]))
    return {
        "tables": [[row(*term) for term in zip(names, terms[step - 1], strict=True)], states],
        "marked": [names[4], states[step][0]],
    }


opened = alone(lambda: output_of(CHAPTER, FIGURE))


@pytest.fixture
def page(opened):
    return afresh(opened)


def test_sentences_and_memories(page):
    """Every beginning of three words, each with another last word and another factor of U."""
    beginnings = itertools.product(range(4), repeat=3)
    states = [
        state_of((*first, sum(first) % 4), factor=FACTORS[number % len(FACTORS)])
        for number, first in enumerate(beginnings)
    ]
    readings = operate(page, FIGURE, states)
    assert len(readings) == 64
    for state, shown in zip(states, readings, strict=True):
        assert differences(shown, expected(state)) == [], state


def test_every_step(page):
    states = [
        state_of(chosen, step, factor)
        for chosen in ((0, 1, 2, 3), (2, 1, 0, 3), (3, 3, 3, 3))
        for step in (1, 2, 3, 4)
        for factor in (1, 0, 0.75)
    ]
    for state, shown in zip(states, operate(page, FIGURE, states), strict=True):
        assert differences(shown, expected(state)) == [], state
        chosen = [state[f"word{place}"] for place in (1, 2, 3, 4)]
        terms, step = by_numpy(chosen, state["factor"]), state["step"]
        old = terms[step - 2, 4] if step > 1 else np.zeros(2)
        assert shown["sentence"].startswith(
            f"Step {step} of 4: the layer reads “{TOKENS[chosen[step - 1]]}”, x = "
            f"{vector(X[chosen[step - 1]], 0)}, and its state goes from {vector(old, 4)} to "
            f"{vector(terms[step - 1, 4], 4)}."
        )


def test_the_chapter_prints_the_same_numbers(page):
    """The loop's output and Keras' states, as they are stored in the chapter."""
    import nbformat
    from figure_reading import CHAPTERS

    cells = nbformat.read(CHAPTERS / f"{CHAPTER}.ipynb", as_version=4).cells
    printed = {
        key: next(c.outputs[0]["text"] for c in cells if key in c.source)
        for key in ("word        x W", "layer.set_weights([W, U, b])")
    }
    loop, keras = (re.findall(r"-?\d+\.\d*", text) for text in printed.values())
    states = [state_of(range(4), step) for step in (1, 2, 3, 4)]
    readings = operate(page, FIGURE, states)
    for number, shown in enumerate(readings):
        word, memory, _, total, new = (
            [cell.replace("\u2212", "-") for cell in cells[1:]] for cells in shown["tables"][0]
        )
        by_loop = [fixed(float(n), 4).replace("\u2212", "-") for n in loop[8 * number :][:8]]
        assert [*word, *memory, *total, *new] == by_loop
        assert [float(n) for n in new] == [float(n) for n in keras[2 * number :][:2]]


@pytest.mark.parametrize(
    "read",
    [
        lambda chosen, factor: by_numpy(chosen[::-1], factor),
        lambda chosen, factor: by_numpy(chosen, factor / 2),
        lambda chosen, factor: by_numpy([0, *chosen[1:]], factor),
        lambda chosen, factor: np.add(by_numpy(chosen, factor), 1e-4),
        lambda chosen, factor: by_numpy(chosen, factor) * [[1], [1], [-1], [1], [1]],
    ],
    ids=["backwards", "half a memory", "another first word", "a little off", "no minus"],
)
def test_the_comparison_can_fail(page, read):
    [shown] = operate(page, FIGURE, [state_of((2, 1, 0, 0), 4)])
    state = state_of((2, 1, 0, 0), 4)
    assert differences(shown, expected(state)) == []
    assert differences(shown, expected(state, read)) != []


def test_the_arithmetic_is_written_out(page):
    [shown] = operate(page, FIGURE, [state_of((0, 1, 2, 3), 2, 0.5)])
    notes = [note.replace("\u00a0", " ") for note in shown["notes"]]
    assert notes == [
        "Into neuron 0: x W is 0 · 1 + 1 · 0.5 + 0 · (−0.5); "
        "h 0.50 U is 0.7616 · 0.25 + 0.0000 · 0.5.",
        "Into neuron 1: x W is 0 · (−0.5) + 1 · 0.5 + 0 · 1; "
        "h 0.50 U is 0.7616 · (−0.5) + 0.0000 · 0.25.",
    ]
    [shown] = operate(page, FIGURE, [state_of((0, 1, 2, 3), 4, 1)])
    state = by_numpy((0, 1, 2, 3), 1)[2, 4]
    for note, weights in zip(shown["notes"], ("0.5 1", "(−1) 0.5"), strict=True):
        products = " + ".join(
            f"{f'({fixed(h, 4)})' if h < 0 else fixed(h, 4)} · {weight}"
            for h, weight in zip(state, weights.split(), strict=True)
        )
        assert note.replace("\u00a0", " ").endswith(f"; h U is {products}.")
    assert (state < 0).any()


def test_the_end_is_compared_with_the_sentence_as_it_was(page):
    [shown] = operate(page, FIGURE, [START])
    assert shown["sentence"].endswith(" The words and U are those of the start.")
    unchanged = by_numpy(range(4), 1)[-1, 4]
    for chosen, factor, says in (
        ((2, 1, 0, 3), 1, "sentence is now “bad a not film”. U is unchanged."),
        ((0, 1, 2, 3), 0, "words are unchanged: “not a bad film”. U is multiplied by 0.00."),
        ((3, 3, 2, 3), 0.5, "sentence is now “film film bad film”. U is multiplied by 0.50."),
    ):
        [shown] = operate(page, FIGURE, [state_of(chosen, 4, factor)])
        distance = np.linalg.norm(by_numpy(chosen, factor)[-1, 4] - unchanged)
        assert shown["sentence"].endswith(
            f" The {says} With the words and U of the start, the last state is "
            f"{vector(unchanged, 4)}; yours lies {distance:.4f} away."
        )


def test_by_keyboard_alone(page):
    state = {**START, "step": 1}

    def check():
        [shown] = operate(page, FIGURE)
        assert differences(shown, expected(state)) == [], state
        return shown["sentence"]

    def focused():
        return page.evaluate("document.activeElement.textContent")

    check()
    page.keyboard.press("Tab")
    assert focused() == "Back"
    page.keyboard.press("Enter")  # nothing before the first word
    check()
    page.keyboard.press("Tab")
    assert focused() == "Forward"
    for step in (2, 3, 4, 4):
        page.keyboard.press("Space")
        state["step"] = step
        check()
        assert focused() == "Forward"
    assert page.get_by_role("button", name="Forward").get_attribute("aria-disabled") == "true"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    state["step"] = 3
    check()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    state["step"] = 4
    check()
    assert (
        page.get_by_role("slider", name="Step", exact=True).get_attribute("aria-valuetext")
        == "4 of 4: “film”"
    )
    for place in (1, 2, 3, 4):
        page.keyboard.press("Tab")
        page.keyboard.press("End")
        state[f"word{place}"] = 3
        check()
    page.keyboard.press("Home")
    state["word4"] = 0
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("ArrowUp")
    state["word3"] = 2
    check()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert focused() == "Exchange words 1 and 3"
    wait_until_said(page, FIGURE)
    heard = checks.announced(page, lambda: page.keyboard.press("Enter"), wait=700)
    state["word1"], state["word3"] = state["word3"], state["word1"]
    assert heard == [check()]
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowLeft")
    state["factor"] = 0.75
    check()
    page.keyboard.press("Tab")
    assert focused() == "Reset"
    wait_until_said(page, FIGURE)
    heard = checks.announced(page, lambda: page.keyboard.press("Enter"), wait=700)
    state = {**START, "step": 1}
    assert heard == ["Reset. " + check()]


def test_the_drawing_follows(page):
    """The chain marks the step, and knows no state that has not been read."""
    chain = page.locator(f"#{FIGURE} .ac-chain")
    for step in (1, 3, 4):
        operate(page, FIGURE, [state_of((2, 1, 0, 3), step)])
        drawn = chain.locator("span").all_text_contents()
        assert crowded(page, FIGURE) == []
        ends = by_numpy((2, 1, 0, 3), 1)[:step, 4]
        assert drawn.count("?") == 4 - step
        assert [text for text in drawn if re.fullmatch(r".?\d\.\d{4}", text)] == [
            fixed(n, 4) for n in ends.ravel()
        ]
        assert [text for text in drawn if text in TOKENS] == ["bad", "a", "not", "film"]
        marked = chain.locator(".ac-now .ac-read").all_text_contents()
        assert marked == [["bad", "a", "not", "film"][step - 1]]
    assert chain.get_attribute("aria-hidden") == "true"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_alone_on_a_narrow_screen(page, scheme):
    phone(page, scheme)
    operate(page, FIGURE, [state_of((3, 3, 2, 0), 3, 0.75)])
    assert crowded(page, FIGURE) == []
    assert checks.axe_problems(page) == []
    assert checks.overflow(page) == []


def test_without_scripts_the_picture_stays(open_alone):
    page = open_alone(output_of(CHAPTER, FIGURE), java_script_enabled=False)
    picture = page.locator(f"#{FIGURE} .ac-still svg")
    assert picture.is_visible()
    first = by_numpy(range(4), 1)[0, 4]
    assert f"({first[0]:.4f}, {first[1]:.4f})" in picture.get_attribute("aria-label")
    assert page.locator(f"#{FIGURE} .ac-note").is_visible()
