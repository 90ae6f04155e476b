"""Chapter 6's figure: what it shows are the recorded runs, and a keyboard is enough."""

import os
from decimal import Decimal

import checks
import numpy as np
import pytest
from figure_reading import (
    afresh,
    alone,
    crowded,
    fixed,
    operate,
    output_of,
    phone,
    wait_until_said,
)

from attention_course.interactive.lags import (
    KIND,
    LAGS,
    NAMES,
    PARTLY,
    SEED,
    largest_lags,
    load_profiles,
)

pytestmark = pytest.mark.thorough

CHAPTER = "06_fibonacci_exercise"
FIGURE = "fig-lags"
RECORDED = load_profiles()
PAIRS = [tuple(pair) for pair in RECORDED["pairs"]]
SEEDS = RECORDED["seeds"]
PANEL = 110  # pixels


opened = alone(lambda: output_of(CHAPTER, FIGURE))


@pytest.fixture
def page(opened):
    return afresh(opened)


# --- the same in Python ------------------------------------------------------------------------


def three_digits(value):
    """Three significant digits, never with an exponent."""
    exact = Decimal(value)
    text = f"{exact:.{max(0, 2 - exact.adjusted())}f}"
    # Rounding up to the next power of ten gives one digit too many.
    again = Decimal(text)
    return f"{exact:.{max(0, 2 - again.adjusted())}f}"


def named(lags):
    words = [str(lag) for lag in lags]
    return f"lag {words[0]}" if len(lags) == 1 else f"lags {', '.join(words[:-1])} and {words[-1]}"


def run_of(pair, kind, seed, recorded=RECORDED):
    """One run for one pair, in the units of the page."""
    place = PAIRS.index(pair)
    run = recorded["runs"][f"{kind}_{seed}"]
    weights = [value / 1000 for value in run["weights"][place]]
    effects = [value / 100 for value in run["effects"][place]]
    return {
        "weights": weights,
        "effects": effects,
        "peaks": largest_lags(weights, len(set(pair))),
        "moved": largest_lags(effects, len(set(pair))),
        "error": run["error"][place],
        "without": recorded["runs"][f"without_{seed}"]["error"][place],
    }


def spread(errors):
    low, high, middle = (three_digits(f(errors)) for f in (min, max, np.median))
    return f"{low} to {high}, median {middle}"


def expected(first, second, bounded=True, seed=SEED, recorded=RECORDED):
    """The tables, the note under the first of them, and the parts of the sentence."""
    pair = tuple(sorted((first, second)))
    truth = sorted(set(pair))
    kind = "bounded" if bounded else "unbounded"
    runs = {s: run_of(pair, kind, s, recorded) for s in SEEDS}
    chosen = runs[seed]
    zero = recorded["always_zero"][PAIRS.index(pair)]
    places = [
        [str(s), ", ".join(map(str, run["peaks"])), ", ".join(map(str, run["moved"]))]
        for s, run in runs.items()
    ]
    errors = [
        [str(s), three_digits(run["error"]), three_digits(run["without"])]
        for s, run in runs.items()
    ]
    numbers = [
        [f"{lag} (true)" if lag in truth else str(lag), fixed(weight, 3), fixed(effect, 2)]
        for lag, (weight, effect) in enumerate(
            zip(chosen["weights"], chosen["effects"], strict=True), start=1
        )
    ]
    note = (
        f"Test error of the {len(SEEDS)} runs: {spread([r['error'] for r in runs.values()])}. "
        f"Without attention: {spread([r['without'] for r in runs.values()])}. "
        f"Always answering 0: {three_digits(zero)}. "
        "“Largest” means: as many as there are lags. One that is below half of the maximum is "
        "left out."
    )
    return {
        "tables": [places, errors, numbers],
        "note": note,
        "marked": [str(seed)] * 2,
        "sentence": sentence(chosen, truth, zero),
    }


def sentence(run, truth, zero):
    peaks, moved = run["peaks"], run["moved"]
    text = ""
    if run["error"] > PARTLY * zero:
        text += (
            f"This run learned the task only in part: its error is "
            f"{100 * run['error'] / zero:.0f} % of that of always answering 0. "
        )
    one = len(peaks) == 1
    text += f"The largest {'weight stands' if one else 'weights stand'} at {named(peaks)}."
    if peaks == truth:
        text += " That is just where the answer comes from."
    else:
        one = len(moved) == 1
        text += f" But the answer comes from {named(truth)}. " + (
            f"The input that moves the prediction most is that at {named(moved)}."
            if one
            else f"The inputs that move the prediction most are those at {named(moved)}."
        )
        if moved == truth and peaks[0] <= truth[0] and peaks[-1] <= truth[-1]:
            text += (
                " The states carry values on: the place of a weight is not the place of the "
                "information."
            )
    return (
        f"{text} Test error {three_digits(run['error'])}; always answering 0 gives "
        f"{three_digits(zero)}, the same network without attention {three_digits(run['without'])}."
    )


def setting(first, second, bounded=True, seed=SEED):
    """The same state as the page's controls hold it; a list holds places."""
    kind = list(NAMES).index("bounded" if bounded else "unbounded")
    return {"first": first, "second": second, "kind": kind, "seed": SEEDS.index(seed)}


def differences(shown, wanted):
    found = [name for name in ("tables", "marked", "sentence") if shown[name] != wanted[name]]
    return found + ["note"] * (wanted["note"] not in shown["notes"])


# --- every number ------------------------------------------------------------------------------


def test_every_pair_run_and_score(page):
    """Every pair with both scores, and with two of the four runs, one after the other."""
    states = [
        (*pair, bounded, SEEDS[(place + step) % len(SEEDS)])
        for place, pair in enumerate(PAIRS)
        for step, bounded in enumerate((True, False))
    ]
    readings = operate(page, FIGURE, [setting(*state) for state in states])
    for state, shown in zip(states, readings, strict=True):
        assert differences(shown, expected(*state)) == [], state
    # The recorded runs hold every kind of sentence but the rarest.
    said = " ".join(shown["sentence"] for shown in readings)
    for part in ("just where the answer", "But the answer comes from", "carry values on"):
        assert part in said


def test_the_order_of_the_lags_does_not_matter(page):
    one, other = operate(page, FIGURE, [setting(3, 12), setting(12, 3)])
    assert {**one, "values": 0} == {**other, "values": 0}


def test_a_run_that_learned_little_is_called_so(open_alone):
    """Whatever the recorded runs hold: the page is given one with a bad error."""
    place = PAIRS.index(LAGS)
    recorded = load_profiles()
    recorded["runs"][f"{KIND}_{SEED}"]["error"][place] = 0.14
    good = RECORDED["runs"][f"{KIND}_{SEED}"]["error"]
    bad = recorded["runs"][f"{KIND}_{SEED}"]["error"]
    as_text = ["[" + ",".join(f"{error:.12g}" for error in errors) + "]" for errors in (good, bad)]
    html = output_of(CHAPTER, FIGURE)
    assert html.count(as_text[0]) == 1
    [shown] = operate(open_alone(html.replace(*as_text)), FIGURE)
    wanted = expected(*LAGS, recorded=recorded)
    assert wanted["sentence"].startswith(
        "This run learned the task only in part: its error is 84 %"
    )
    assert differences(shown, wanted) == []


MUTANTS = {
    "another seed": lambda: expected(7, 17, False, 1),
    "the other scores": lambda: expected(7, 17, True, 0),
    "another lag": lambda: expected(7, 16, False, 0),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_comparison_can_fail(page, name):
    [shown] = operate(page, FIGURE, [setting(7, 17, False, 0)])
    assert differences(shown, expected(7, 17, False, 0)) == []
    assert differences(shown, MUTANTS[name]()) != []


def test_one_changed_digit_is_noticed(page):
    changed = load_profiles()
    changed["runs"][f"{KIND}_{SEED}"]["weights"][PAIRS.index(LAGS)][0] += 1
    [shown] = operate(page, FIGURE)
    assert differences(shown, expected(*LAGS)) == []
    assert differences(shown, expected(*LAGS, recorded=changed)) == ["tables"]


def test_the_picture_is_drawn_to_scale(page):
    for first, second, bounded, seed in ((7, 17, True, 0), (19, 20, False, 0), (4, 4, False, 1)):
        operate(page, FIGURE, [setting(first, second, bounded, seed)])
        pair, kind = (first, second), "bounded" if bounded else "unbounded"
        heights = page.locator(f"#{FIGURE} svg rect").evaluate_all(
            "(bars) => bars.map((bar) => Number(bar.getAttribute('height')))"
        )
        runs = [run_of(pair, kind, s) for s in SEEDS]
        wanted = []
        for key in ("weights", "effects"):
            limit = 1 if max(max(run[key]) for run in runs) > 0.5 else 0.5
            wanted += [PANEL * min(v / limit, 1) for v in run_of(pair, kind, seed)[key]]
        np.testing.assert_allclose(heights, wanted, atol=1e-9)
        bold = page.locator(f"#{FIGURE} svg text[font-weight='700']").all_text_contents()
        assert sorted(map(int, bold)) == sorted([*set(pair)] * 2), "under both pictures"
        assert crowded(page, FIGURE) == []


# --- by keyboard, in the book, alone -----------------------------------------------------------


def test_by_keyboard_alone(page):
    def check(*state):
        [shown] = operate(page, FIGURE)
        assert differences(shown, expected(*state)) == [], state
        return shown

    check(*LAGS)
    page.keyboard.press("Tab")
    page.keyboard.press("Home")
    check(1, 17)
    page.keyboard.press("ArrowRight")
    check(2, 17)
    assert page.locator("[data-key=first]").get_attribute("aria-valuetext") == "2"
    page.keyboard.press("Tab")
    page.keyboard.press("End")
    check(2, 20)
    for _ in range(18):
        page.keyboard.press("ArrowLeft")
    check(2, 2)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    check(2, 3, True, SEEDS[1])
    page.keyboard.press("Tab")
    scores = page.get_by_role("combobox", name="Scores")
    assert scores.locator("option").all_text_contents() == ["with tanh", "without tanh"]
    wait_until_said(page, FIGURE)
    heard = checks.announced(page, lambda: page.keyboard.press("ArrowDown"), wait=700)
    assert scores.locator("option:checked").text_content() == "without tanh"
    assert heard == [check(2, 3, False, SEEDS[1])["sentence"]]
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.get_by_role("table", name="The chosen run, lag by lag").is_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Reset"
    heard = checks.announced(page, lambda: page.keyboard.press("Enter"), wait=700)
    assert heard == ["Reset. " + check(*LAGS)["sentence"]]


def test_the_tables_and_pictures_fit_a_phone(page):
    """No column lies beyond the right edge and no word on another; thoroughly for every pair."""
    phone(page)
    # As much room as on a page of the book, or less.
    page.set_viewport_size({"width": 336, "height": 640})
    page.locator(f"#{FIGURE} summary").click()
    pairs = PAIRS if "ATTENTION_COURSE_THOROUGH" in os.environ else PAIRS[::5]
    for place, pair in enumerate(pairs):
        operate(page, FIGURE, [setting(*pair, bounded=place % 2 == 0)])
        beyond = page.locator(f"#{FIGURE} .ac-scroll").evaluate_all(
            """(boxes) => boxes.filter((box) => box.clientWidth === 0
              || box.scrollWidth > box.clientWidth).map((box) => box.textContent)"""
        )
        assert beyond == [], pair
        assert crowded(page, FIGURE) == [], pair


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_alone_it_is_accessible(page, scheme):
    phone(page, scheme)
    page.locator("summary").click()
    assert checks.axe_problems(page) == []
    assert checks.unnamed_controls(page) == []
    assert checks.overflow(page) == []


def test_without_scripts_the_picture_stays(open_alone):
    page = open_alone(output_of(CHAPTER, FIGURE), java_script_enabled=False)
    assert page.locator(f"#{FIGURE} .ac-still svg").is_visible()
    label = page.locator(f"#{FIGURE} svg").get_attribute("aria-label")
    run = run_of(LAGS, KIND, SEED)
    for lag in LAGS:
        assert fixed(run["weights"][lag - 1], 3) in label
        assert fixed(run["effects"][lag - 1], 2) in label
    assert page.locator(f"#{FIGURE} input").count() == 0
