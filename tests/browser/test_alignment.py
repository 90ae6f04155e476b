"""Chapter 3's figures: the numbers are those of the NumPy code, and a keyboard is enough."""

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
    vector,
    wait_until_said,
)

from attention_course import functional
from attention_course.interactive.alignment import TEMPERATURES

pytestmark = pytest.mark.thorough

CHAPTER = "03_bahdanau_attention"
FIGURE, PUSH = "fig-alignment", "fig-alignment-2"
SOURCE = ["a", "bad", "film"]
STATES = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
SCORES = [
    functional.additive_score(np.array(s), STATES, np.eye(2), np.eye(2), np.ones(2))
    for s in ([1.0, 0.0], [-1.0, 0.0])
]
PRESETS = [*SCORES, np.zeros(3), np.array([0.0, 0.0, 5.0])]
OWN = len(PRESETS)
ONE = TEMPERATURES.index(1)


opened = alone(lambda: output_of(CHAPTER, FIGURE), lambda: output_of(CHAPTER, PUSH))


@pytest.fixture
def page(opened):
    return afresh(opened)


def by_numpy(scores, masked=(False,) * 3, temperature=1):
    """Scaled scores, weights and context; nothing allowed gives zeros, as in the course."""
    scaled = np.where(masked, -np.inf, np.asarray(scores) / temperature)
    weights = functional.masked_softmax(np.asarray(scores) / temperature, ~np.array(masked))
    return scaled, weights, weights @ STATES


def expected(scores, masked=(False,) * 3, temperature=1, attention=by_numpy):
    """The table and the bars in one state."""
    scaled, weights, context = attention(scores, masked, temperature)
    powers = np.exp(scaled)
    rows = [
        [
            SOURCE[j],
            "−∞" if masked[j] else fixed(scores[j], 4),
            magnitude(powers[j], 4),
            fixed(weights[j], 4),
            vector(STATES[j], 0),
            vector(weights[j] * STATES[j], 4),
        ]
        for j in range(3)
    ]
    total = ["sum", "", magnitude(powers.sum(), 4), fixed(weights.sum(), 4), ""]
    return {
        "tables": [[*rows, [*total, vector(context, 4)]]],
        "bars": ["masked" if no else fixed(w, 4) for w, no in zip(weights, masked, strict=True)],
    }


def expected_push(scores):
    """The same of the second figure: the context's derivative by every score."""
    _, weights, context = by_numpy(scores)
    jacobian = np.diag(weights) - np.outer(weights, weights)
    pushes = jacobian.T @ STATES  # row j: dc / de_j
    rows = [
        [
            SOURCE[j],
            fixed(scores[j], 4),
            fixed(weights[j], 4),
            vector(STATES[j], 0),
            vector(STATES[j] - context, 4),
            vector(pushes[j], 4),
        ]
        for j in range(3)
    ]
    total = ["sum", "", fixed(weights.sum(), 4), "", "", vector(pushes.sum(axis=0), 4)]
    return {"tables": [[*rows, total]], "bars": [fixed(weight, 4) for weight in weights]}


def masks(masked):
    return {f"mask{j}": value for j, value in enumerate(masked)}


def random_scores(count):
    """Scores that the sliders can take."""
    return np.random.default_rng(0).integers(-50, 51, size=(count, 3)) / 10


def set_scores(scores):
    return {f"score{j}": value for j, value in enumerate(scores)}


def test_every_preset_mask_and_temperature(page):
    states = list(
        itertools.product(
            range(len(PRESETS)),
            itertools.product((False, True), repeat=3),
            range(len(TEMPERATURES)),
        )
    )
    settings = [
        {"preset": preset, "temperature": place, **masks(masked)}
        for preset, masked, place in states
    ]
    readings = operate(page, FIGURE, settings)
    for (preset, masked, place), shown in zip(states, readings, strict=True):
        wanted = (PRESETS[preset], masked, TEMPERATURES[place])
        assert differences(shown, expected(*wanted)) == [], wanted
        _, weights, context = by_numpy(*wanted)
        np.testing.assert_allclose(shown["lengths"], 100 * weights, atol=1e-3)
        assert vector(context, 4) in shown["sentence"]
        if not all(masked):
            assert f"{fixed(weights.max(), 4)} of the weight" in shown["sentence"]


def test_every_position_of_every_slider(page):
    positions = np.arange(-50, 51) / 10
    chosen = [
        np.where(np.arange(3) == j, value, SCORES[0]) for j in range(3) for value in positions
    ]
    chosen += list(random_scores(300))
    settings = []
    for j, value in itertools.product(range(3), positions):
        settings.append({"preset": 0, f"score{j}": value})
    settings += [set_scores(scores) for scores in random_scores(300)]
    readings = operate(page, FIGURE, settings)
    for scores, shown in zip(chosen, readings, strict=True):
        assert differences(shown, expected(scores)) == [], scores
        assert shown["values"][0] == str(OWN)


def test_the_push_on_the_context(page):
    chosen = [*PRESETS, *random_scores(300)]
    settings = [{"preset": place} for place in range(len(PRESETS))]
    settings += [set_scores(scores) for scores in random_scores(300)]
    readings = operate(page, PUSH, settings)
    for scores, shown in zip(chosen, readings, strict=True):
        assert differences(shown, expected_push(scores)) == [], scores
        _, weights, context = by_numpy(scores)
        furthest = (weights * np.linalg.norm(STATES - context, axis=1)).max()
        assert fixed(furthest, 4) in shown["sentence"]
        assert ("saturated" in shown["sentence"]) == (weights.max() > 0.94)


def test_the_start_is_the_step_worked_by_hand(page):
    [shown] = operate(page, FIGURE)
    assert shown["bars"] == ["0.2045", "0.3576", "0.4379"]
    assert shown["tables"][0][-1][2:] == ["12.8251", "1.0000", "", "(0.6424, 0.7955)"]
    assert shown["sentence"] == "“film” gets 0.4379 of the weight; the context is (0.6424, 0.7955)."


def test_only_differences_count_as_the_chapter_says(page):
    settings = [set_scores(scores) for scores in ([1, 2, 3], [0, 1, 2])]
    first, second = operate(page, FIGURE, settings)
    assert first["bars"] == second["bars"]
    assert first["sentence"] == second["sentence"]


MUTANTS = {
    "multiplied by the temperature": lambda s, m, t: by_numpy(s, m, 1 / t),
    "no temperature": lambda s, m, t: by_numpy(s, m, 1),
    "no mask": lambda s, m, t: (by_numpy(s, m, t)[0], *by_numpy(s, (False,) * 3, t)[1:]),
    "a mask after the softmax": lambda s, m, t: (
        by_numpy(s, m, t)[0],
        by_numpy(s, (False,) * 3, t)[1] * ~np.array(m),
        by_numpy(s, m, t)[2],
    ),
    "the plain mean": lambda s, m, t: (*by_numpy(s, m, t)[:2], STATES.mean(axis=0)),
    "a little off": lambda s, m, t: (*by_numpy(s, m, t)[:2], by_numpy(s, m, t)[2] + 1e-4),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_comparison_can_fail(page, name):
    state = (SCORES[0], (True, False, False), 2)
    settings = {"temperature": TEMPERATURES.index(2), **masks(state[1])}
    [shown] = operate(page, FIGURE, [settings])
    assert differences(shown, expected(*state)) == []
    assert differences(shown, expected(*state, MUTANTS[name])) != []


def test_what_is_seen_is_said_in_words(page):

    def say(preset, masked=(False,) * 3):
        return operate(page, FIGURE, [{"preset": preset, **masks(masked)}])[0]["sentence"]

    assert say(2) == (
        "“a”, “bad” and “film” get 0.3333 of the weight each; the context is (0.6667, 0.6667). "
        "It is the plain mean of the three states."
    )
    assert say(3).endswith("It lies almost on the state of “film”.")
    assert say(2, (True, False, False)).startswith("“bad” and “film” get 0.5000 of the weight each")
    assert say(0, (True,) * 3) == (
        "Every word is masked. A softmax over nothing is 0/0 and not defined; this course sets "
        "the weights to 0. Then no state pulls, and the context (0.0000, 0.0000) is no mixture "
        "of them."
    )


def heads(page, figure):
    return page.locator(f"#{figure} thead th").all_text_contents()


def test_the_columns_are_named(page):
    names = ["word j", "score ej", "exp(ej / τ)", "weight αj", "hj", "αj hj"]
    assert heads(page, FIGURE) == names
    assert page.get_by_role("slider", name="Temperature τ").count() == 1
    names = ["word j", "score ej", "weight αj", "hj", "hj − c", "αj (hj − c)"]
    assert heads(page, PUSH) == names


@pytest.mark.parametrize("figure", [FIGURE, PUSH])
def test_no_word_of_the_drawing_lies_on_another(page, figure):
    for width in (1280, 360):
        page.set_viewport_size({"width": width, "height": 640})
        for masked in itertools.product((False, True), repeat=3):
            operate(page, FIGURE, [masks(masked)])
            assert crowded(page, FIGURE) == []
        for preset in range(len(PRESETS)):
            operate(page, figure, [{"preset": preset}])
            assert crowded(page, figure) == []
    operate(page, FIGURE, [masks((True,) * 3)])
    labels = page.locator(f"#{FIGURE} .ac-plotted svg text").all_text_contents()
    assert labels == [*(f"{word} (masked)" for word in SOURCE), "c"]
    label = page.locator(f"#{FIGURE} .ac-plotted svg text").first
    label.evaluate("text => { text.setAttribute('x', 400); }")
    assert crowded(page, FIGURE) == ["a (masked)"], "the check can fail"


def test_the_context_is_drawn_where_the_numbers_are(page):
    """The diamond stands between the corners as c does between the states."""
    for preset in range(len(PRESETS)):
        operate(page, FIGURE, [{"preset": preset}])
        places = page.locator(f"#{FIGURE} .ac-plotted").evaluate(
            """(svg) => [...svg.querySelectorAll("circle, path")].map((mark) => {
              const box = mark.getBoundingClientRect();
              return [box.x + box.width / 2, box.y + box.height / 2];
            })"""
        )
        (*corners, context) = np.array(places)
        np.testing.assert_allclose(context, by_numpy(PRESETS[preset])[1] @ corners, atol=0.5)


@pytest.mark.parametrize("figure", [FIGURE, PUSH])
def test_bars_and_triangle_stand_side_by_side(page, figure):
    bars = page.locator(f"#{figure} .ac-bars").bounding_box()
    drawing = page.locator(f"#{figure} .ac-chart").bounding_box()
    assert 0 <= drawing["x"] - (bars["x"] + bars["width"]) < 40
    assert abs(drawing["y"] - bars["y"]) < 20


def test_a_phone_shows_sliders_in_one_line_and_weights_without_scrolling(page):
    phone(page)
    # As much room as on a page of the book, or less.
    page.set_viewport_size({"width": 336, "height": 640})
    operate(page, FIGURE, [{"temperature": len(TEMPERATURES) - 1}])
    for slider in page.locator(f"#{FIGURE} input[type=range]").all():
        value = slider.locator("xpath=following-sibling::span").bounding_box()
        assert value["x"] > slider.bounding_box()["x"], slider.get_attribute("data-key")
    for figure, column in ((FIGURE, 3), (PUSH, 2)):
        box = page.locator(f"#{figure} .ac-scroll").bounding_box()
        weight = page.locator(f"#{figure} thead th").nth(column).bounding_box()
        assert weight["x"] + weight["width"] <= box["x"] + box["width"]


def test_by_keyboard_alone(page):
    scores, masked = SCORES[1].copy(), [False] * 3

    def check(temperature=1):
        [shown] = operate(page, FIGURE)
        assert differences(shown, expected(scores, masked, temperature)) == []
        return shown

    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    check()
    for j in range(3):
        page.keyboard.press("Tab")
        page.keyboard.press("End")
        page.keyboard.press("ArrowLeft")
        scores[j] = 4.9
        assert check()["values"][0] == str(OWN)
        slider = page.locator(f"#{FIGURE} [data-key=score{j}]")
        assert slider.get_attribute("aria-valuetext") == "4.9000"
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        masked[j] = True
        check()
    page.keyboard.press("Space")
    masked[2] = False
    page.keyboard.press("Tab")
    wait_until_said(page, FIGURE)
    heard = checks.announced(page, lambda: page.keyboard.press("ArrowLeft"), wait=700)
    assert heard == [check(temperature=0.5)["sentence"]]
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Reset"
    heard = checks.announced(page, lambda: page.keyboard.press("Enter"), wait=700)
    scores, masked = SCORES[0], [False] * 3
    shown = check()
    assert heard == ["Reset. " + shown["sentence"]]
    assert shown["values"][0] == "0"


def test_a_second_figure_leaves_the_first_alone(page):
    [before] = operate(page, FIGURE)
    operate(page, PUSH, [set_scores([1, 2, 3])])
    assert operate(page, FIGURE) == [before]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_alone_they_are_accessible(page, scheme):
    phone(page, scheme)
    assert checks.axe_problems(page) == []
    assert checks.unnamed_controls(page) == []
    assert checks.overflow(page) == []


@pytest.mark.parametrize("figure", [FIGURE, PUSH])
def test_without_scripts_the_picture_stays(open_alone, figure):
    page = open_alone(output_of(CHAPTER, figure), java_script_enabled=False)
    assert page.locator(f"#{figure} .ac-still svg").is_visible()
    label = page.locator(f"#{figure} svg").get_attribute("aria-label")
    assert "the context c is the point (0.6424, 0.7955)" in label
    assert page.locator(f"#{figure} input").count() == 0
