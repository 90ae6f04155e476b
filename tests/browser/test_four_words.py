"""Chapter 4's figure: every number it shows is that of the NumPy code, and a keyboard is enough."""

import itertools
import re

import checks
import numpy as np
import pytest
from figure_reading import (
    afresh,
    alone,
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
from attention_course.interactive.four_words import TEMPERATURES

pytestmark = pytest.mark.thorough

CHAPTER = "04_qkv_from_scratch"
FIGURE = "fig-four-words"
TOKENS = ["not", "a", "bad", "film"]
WORDS = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]])
START = {"query": 0, "scaling": True, "causal": False, "temperature": TEMPERATURES.index(1)}
EVERY_STATE = [
    dict(zip(START, state, strict=True))
    for state in itertools.product(range(4), (True, False), (False, True), range(len(TEMPERATURES)))
]


@pytest.fixture(scope="module")
def qkv():
    np.random.seed(42)
    matrices = [np.random.randint(3, size=(3, 3)) for _ in range(3)]
    return [WORDS @ matrix for matrix in matrices]


opened = alone(lambda: output_of(CHAPTER, FIGURE))


@pytest.fixture
def page(opened):
    return afresh(opened)


def by_numpy(qkv, scaling, causal, temperature, **_):
    """Scaled scores with -inf where the mask forbids, weights and outputs of all queries."""
    query, key, value = qkv
    mask = functional.causal_mask(4) if causal else np.ones((4, 4), dtype=bool)
    temperature = TEMPERATURES[temperature]
    output, weights = functional.scaled_dot_product_attention(
        query / temperature, key, value, mask, scale=scaling
    )
    scaled = query @ key.T / (np.sqrt(3) if scaling else 1) / temperature
    return np.where(mask, scaled, -np.inf), weights, output


def expected(qkv, state, attention=by_numpy):
    """Everything the figure must show in one state."""
    query, key, value = qkv
    i = state["query"]
    scaled, weights, output = attention(qkv, **state)
    powers = np.exp(scaled[i])
    forbidden = np.isneginf(scaled)
    steps = [
        [
            TOKENS[j],
            vector(key[j], 0),
            str(query[i] @ key[j]),
            "−∞" if forbidden[i, j] else fixed(scaled[i, j], 4),
            magnitude(powers[j], 2),
            fixed(weights[i, j], 4),
            vector(value[j], 0),
            vector(weights[i, j] * value[j], 4),
        ]
        for j in range(4)
    ]
    total = ["sum", "", "", "", magnitude(powers.sum(), 2), fixed(weights[i].sum(), 4), ""]
    matrix = [
        [token, *("masked" if no else fixed(w, 3) for w, no in zip(row, hidden, strict=True))]
        for token, row, hidden in zip(TOKENS, weights, forbidden, strict=True)
    ]
    bars = ["masked" if forbidden[i, j] else fixed(weights[i, j], 4) for j in range(4)]
    return {
        "tables": [[*steps, [*total, vector(output[i], 4)]], matrix],
        "bars": bars,
        "marked": [TOKENS[i]],
    }


def test_every_number_of_every_state(page, qkv):
    """Query x scaling x mask x temperature: what is shown is what NumPy computes."""
    readings = operate(page, FIGURE, EVERY_STATE)
    assert len(readings) == 4 * 2 * 2 * len(TEMPERATURES)
    for state, shown in zip(EVERY_STATE, readings, strict=True):
        assert differences(shown, expected(qkv, state)) == [], state
        scaled, weights, output = by_numpy(qkv, **state)
        i = state["query"]
        lengths = np.where(np.isneginf(scaled[i]), 0, 100 * weights[i])
        np.testing.assert_allclose(shown["lengths"], lengths, atol=1e-3)
        assert vector(output[i], 4) in shown["sentence"]
        assert fixed(weights[i].max(), 4) in shown["sentence"]


def test_the_start_is_what_the_chapter_prints(page, qkv):
    [shown] = operate(page, FIGURE)
    assert differences(shown, expected(qkv, START)) == []
    assert shown["tables"][0][-1][-1] == "(0.9852, 1.7417, 0.7565)"


MUTANTS = {
    "a mask after the softmax": lambda qkv, **state: (
        by_numpy(qkv, **state)[0],
        by_numpy(qkv, **{**state, "causal": False})[1] * ~np.isneginf(by_numpy(qkv, **state)[0]),
        by_numpy(qkv, **state)[2],
    ),
    "a softmax over queries": lambda qkv, **state: (
        by_numpy(qkv, **state)[0],
        functional.softmax(by_numpy(qkv, **state)[0], axis=0),
        by_numpy(qkv, **state)[2],
    ),
    "scaling by d": lambda qkv, **state: by_numpy([qkv[0] / np.sqrt(3), *qkv[1:]], **state),
    "keys for values": lambda qkv, **state: by_numpy([qkv[0], qkv[1], qkv[1]], **state),
    "a mask the other way round": lambda qkv, **state: by_numpy(
        qkv, **{**state, "causal": not state["causal"]}
    ),
    "the next temperature": lambda qkv, **state: by_numpy(
        qkv, **{**state, "temperature": (state["temperature"] + 1) % len(TEMPERATURES)}
    ),
    "an output that is a little off": lambda qkv, **state: (
        *by_numpy(qkv, **state)[:2],
        by_numpy(qkv, **state)[2] + 1e-4,
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_comparison_can_fail(page, qkv, name):
    state = {**START, "query": 2, "causal": True}
    [shown] = operate(page, FIGURE, [state])
    assert differences(shown, expected(qkv, state)) == []
    assert differences(shown, expected(qkv, state, MUTANTS[name])) != []


def test_what_changes_is_said_in_words(page):
    def say(**changes):
        return operate(page, FIGURE, [{**START, **changes}])[0]["sentence"]

    assert say() == "“not” gives 0.7491 of its weight to “bad”; its output is " + (
        "(0.9852, 1.7417, 0.7565)."
    )
    assert "gives 0.4548 each to “not” and “bad”;" in say(query=1)
    assert say(query=2, causal=True).endswith(
        "With the mask, “bad” no longer sees “film”; 0.0007 of the weight moves to what it may see."
    )
    assert "“not” no longer sees “a”, “bad” and “film”; 0.7639 of" in say(causal=True)
    assert say(query=3, causal=True).endswith(
        "The mask changes nothing here: “film” is the last word and may see all."
    )
    usual = "With the division by √3 and at temperature 1, the weight of"
    assert say(scaling=False).endswith(f"{usual} “bad” is 0.7491; here it is 0.8803.")
    hot = TEMPERATURES.index(8)
    assert re.search(f"{usual} “bad” is 0.7491; here it is 0\\.[0-6]...[.]$", say(temperature=hot))
    assert say(causal=True, temperature=hot).endswith(f"{usual} “not” is 1.0000 as well.")
    assert usual not in say()


def test_the_query_and_the_divisor_are_named(page):
    [shown] = operate(page, FIGURE, [{**START, "query": 3}])
    assert shown["notes"][0] == (
        "The query of “film” is q = x WQ = (0, 0, 1) WQ = (2, 1, 2). "
        "Its scores are divided by √3 = 1.7321, then by the temperature 1."
    )
    [shown] = operate(page, FIGURE, [{"scaling": False, "temperature": TEMPERATURES.index(0.1)}])
    assert "divided by 1 (no scaling), then by the temperature 0.1." in shown["notes"][0]


def test_the_columns_are_named(page):
    names = page.locator(f"#{FIGURE} table").first.locator("thead th").all_text_contents()
    scores = ["score q · k", "score used", "exp(score used)"]
    assert names == ["key", "k", *scores, "weight", "value v", "weight × v"]
    [shown] = operate(page, FIGURE)
    assert "The score used is the score after the divisions and the mask." in shown["notes"][1]


def test_by_keyboard_alone(page, qkv):
    state = dict(START)

    def check():
        [shown] = operate(page, FIGURE)
        assert differences(shown, expected(qkv, state)) == [], state
        return shown["sentence"]

    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    state["query"] = 2
    check()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    state["scaling"] = False
    check()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    state["causal"] = True
    check()
    page.keyboard.press("Tab")
    for place in range(START["temperature"] + 1, len(TEMPERATURES)):
        page.keyboard.press("ArrowRight")
        state["temperature"] = place
        check()
        assert page.locator("input[type=range]").get_attribute("aria-valuetext") == str(
            TEMPERATURES[place]
        )
    wait_until_said(page, FIGURE)
    heard = checks.announced(page, lambda: page.keyboard.press("Home"), wait=700)
    state["temperature"] = 0
    assert heard == [check()]
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Reset"
    heard = checks.announced(page, lambda: page.keyboard.press("Enter"), wait=700)
    state = dict(START)
    assert heard == ["Reset. " + check()]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_alone_it_is_accessible(page, scheme):
    phone(page, scheme)
    operate(page, FIGURE, [{"query": 2, "causal": True}])
    assert checks.axe_problems(page) == []
    assert checks.unnamed_controls(page) == []
    assert checks.overflow(page) == []


def test_without_scripts_the_picture_stays(open_alone):
    page = open_alone(output_of(CHAPTER, FIGURE), java_script_enabled=False)
    assert page.locator(f"#{FIGURE} .ac-still svg").is_visible()
    label = page.locator(f"#{FIGURE} svg").get_attribute("aria-label")
    assert "its output is (0.9852, 1.7417, 0.7565)." in label
    assert page.locator(f"#{FIGURE} input").count() == 0
