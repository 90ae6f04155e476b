"""Chapter 2's figure: its norms are NumPy's, its verdict follows, and a keyboard is enough."""

import itertools

import checks
import numpy as np
import pytest
from figure_reading import (
    afresh,
    alone,
    crowded,
    differences,
    fixed,
    magnitude,
    operate,
    output_of,
    phone,
    wait_until_said,
)

from attention_course.functional import gradients
from attention_course.interactive.gradient_norm import layer

pytestmark = pytest.mark.thorough

CHAPTER = "02_vanishing_gradients"
FIGURE = "fig-gradient-norm"
START = {"matrix": 0, "radius": 0.9, "length": 51, "tanh": False}
ROWS = (1, 2, 5, 10, 20, 30, 40, 50, 60)
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
MATRICES, DRIVE = layer(seed=1)
NAMES = list(MATRICES)


def amount(value):
    if value >= 9999.5:
        leading, exponent = f"{value:.2e}".split("e+")
        return f"{leading} × 10" + str(int(exponent)).translate(SUPERSCRIPTS)
    digits = 5 if value < 0.01 else 4 if value < 1 else 3 if value < 100 else 0
    return magnitude(value, digits)


def by_numpy(matrix, radius, length, tanh):
    """Norms of d h_T / d h_t at 0, 1, 2, ... steps back, and the mean slope."""
    U = radius * MATRICES[NAMES[matrix]]
    if not tanh:
        powers = [np.linalg.matrix_power(U, k) for k in range(length)]
        return gradients.spectral_norm(powers), 1.0
    states = gradients.rnn_states(DRIVE[:length], np.eye(len(U)), U, np.zeros(len(U)))
    norms = gradients.spectral_norm(gradients.jacobians_through_time(states, U))
    return norms[::-1], np.mean(1 - states**2)


def expected(state, measure=by_numpy):
    """The table, the marked row and the sentence in one state."""
    norms, slope = measure(**state)
    radius, last = state["radius"], state["length"] - 1
    of_U = radius * gradients.spectral_norm(MATRICES[NAMES[state["matrix"]]])
    rows = [
        [str(k), amount(norms[k]), amount(radius**k), amount(of_U**k)]
        for k in sorted({*(row for row in ROWS if row < last), last})
    ]
    verdict = (
        "It vanishes."
        if norms[-1] < 0.1
        else "It explodes."
        if norms[-1] > 10
        else "It neither vanishes nor explodes."
    )
    sentence = (
        f"Over {last} step{'s' * (last > 1)} back a gradient is multiplied by at most "
        f"{amount(norms[-1])}. {verdict} "
    )
    peak = int(np.argmax(norms))
    if peak and norms[peak] > 2 * max(norms[-1], 1):
        sentence += (
            f"On the way it climbs to {amount(norms[peak])}, {peak} step{'s' * (peak > 1)} back. "
        )
    sentence += f"U has radius {fixed(radius, 2)} and norm {fixed(of_U, 2)}. "
    sentence += (
        f"The mean slope is {fixed(slope, 2)}."
        if state["tanh"]
        else "The slope is 1 everywhere, because there is no tanh."
    )
    return {"tables": [rows], "marked": [str(last)], "sentence": sentence}


opened = alone(lambda: output_of(CHAPTER, FIGURE))


@pytest.fixture
def page(opened):
    return afresh(opened)


@pytest.mark.parametrize("tanh", [False, True])
@pytest.mark.parametrize("matrix", range(3), ids=NAMES)
def test_norms_powers_and_verdicts(page, matrix, tanh):
    states = [
        dict(zip(START, (matrix, round(float(radius), 2), length, tanh), strict=True))
        for radius, length in itertools.product(np.arange(0.5, 3.05, 0.25), (2, 10, 31, 61))
    ]
    readings = operate(page, FIGURE, states)
    for state, shown in zip(states, readings, strict=True):
        assert differences(shown, expected(state)) == [], state


def test_every_length(page):
    states = [{"matrix": 2, "radius": 0.9, "length": n, "tanh": False} for n in range(2, 62)]
    for state, shown in zip(states, operate(page, FIGURE, states), strict=True):
        assert differences(shown, expected(state)) == [], state


def test_the_skewed_matrix_is_the_one_of_the_chapter(page):
    """Norms of the chapter's powers of [[0.9, 3], [0, 0.9]]."""
    [shown] = operate(page, FIGURE, [{"matrix": 2, "radius": 0.9, "length": 61, "tanh": False}])
    skewed = np.array([[0.9, 3.0], [0.0, 0.9]])
    for steps, norm, *_ in shown["tables"][0]:
        power = np.linalg.matrix_power(skewed, int(steps))
        assert norm == amount(gradients.spectral_norm(power))
    assert "norm 3.25" in shown["sentence"]


MUTANTS = {
    "Frobenius norm": lambda **state: (
        np.array(
            [
                np.linalg.norm(
                    np.linalg.matrix_power(state["radius"] * MATRICES[NAMES[state["matrix"]]], k)
                )
                for k in range(state["length"])
            ]
        ),
        1.0,
    ),
    "spectral radius": lambda **state: (state["radius"] ** np.arange(state["length"]), 1.0),
    "one factor too few": lambda **state: (
        np.r_[1, by_numpy(**state)[0][:-1]],
        by_numpy(**state)[1],
    ),
    "forgotten slopes": lambda **state: by_numpy(**{**state, "tanh": not state["tanh"]}),
    "another matrix": lambda **state: by_numpy(**{**state, "matrix": 0}),
    "a thousandth off": lambda **state: (1.001 * by_numpy(**state)[0], by_numpy(**state)[1]),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_comparison_can_fail(page, name):
    state = {"matrix": 1, "radius": 0.9, "length": 21, "tanh": False}
    [shown] = operate(page, FIGURE, [state])
    assert differences(shown, expected(state)) == []
    assert "tables" in differences(shown, expected(state, MUTANTS[name]))


def test_the_norm_never_exceeds_the_bound():
    for matrix, tanh in itertools.product(range(3), (False, True)):
        for radius in (0.5, 1, 1.5, 3):
            norms, _ = by_numpy(matrix, radius, 61, tanh)
            of_U = radius * gradients.spectral_norm(MATRICES[NAMES[matrix]])
            assert (norms <= of_U ** np.arange(61) * (1 + 1e-9)).all()


def test_by_keyboard_alone(page):
    state = dict(START)

    def check():
        [shown] = operate(page, FIGURE)
        assert differences(shown, expected(state)) == [], state
        return shown["sentence"]

    check()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    state["matrix"] = 1
    check()
    page.keyboard.press("Tab")
    for press in range(1, 4):
        page.keyboard.press("ArrowRight")
        state["radius"] = round(0.9 + 0.05 * press, 2)
        check()
    assert (
        page.get_by_role("slider", name="Spectral radius of U", exact=True).get_attribute(
            "aria-valuetext"
        )
        == "1.05"
    )
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowLeft")
    state["length"] = 50
    check()
    page.keyboard.press("Home")
    state["length"] = 2
    check()
    page.keyboard.press("End")
    state["length"] = 61
    check()
    page.keyboard.press("Tab")
    wait_until_said(page, FIGURE)
    heard = checks.announced(page, lambda: page.keyboard.press("Space"), wait=700)
    state["tanh"] = True
    assert heard == [check()]
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Reset"
    wait_until_said(page, FIGURE)
    heard = checks.announced(page, lambda: page.keyboard.press("Enter"), wait=700)
    state = dict(START)
    assert heard == ["Reset. " + check()]


def test_the_curve_is_drawn_where_the_numbers_are(page):
    """The last point of the thick line stands at the height of the last norm."""
    for state in (START, {"matrix": 1, "radius": 2, "length": 31, "tanh": True}):
        operate(page, FIGURE, [state])
        norms, _ = by_numpy(**state)
        points, texts = page.locator(f"#{FIGURE} svg.ac-plotted").evaluate(
            """(svg) => [svg.querySelector("polyline").getAttribute("points"),
              [...svg.querySelectorAll("text[text-anchor=end]")].map((text) => text.textContent)]"""
        )
        places = np.array([point.split(",") for point in points.split()], dtype=float)
        superscripts = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
        decades = int(texts[6].removeprefix("10").translate(superscripts))
        assert len(places) == state["length"]
        # Both in per cent of the drawing.
        np.testing.assert_allclose(places[:, 0], 100 * np.arange(len(norms)) / 60, atol=0.01)
        wanted = 50 * (1 - np.log10(norms) / decades)
        np.testing.assert_allclose(places[:, 1], wanted, atol=0.01)
    assert page.locator(f"#{FIGURE} .ac-chart").get_attribute("aria-hidden") == "true"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_alone_on_a_narrow_screen(page, scheme):
    phone(page, scheme)
    operate(page, FIGURE, [{"matrix": 2, "radius": 3, "length": 61, "tanh": True}])
    assert crowded(page, FIGURE) == []
    assert checks.axe_problems(page) == []
    assert checks.overflow(page) == []


def test_without_scripts_the_picture_stays(open_alone):
    page = open_alone(output_of(CHAPTER, FIGURE), java_script_enabled=False)
    picture = page.locator(f"#{FIGURE} .ac-still svg")
    assert picture.is_visible()
    norms, _ = by_numpy(**START)
    assert f"{norms[-1]:.4f} at 50" in picture.get_attribute("aria-label")
    assert page.locator(f"#{FIGURE} .ac-note").is_visible()
