"""Chapter 7's figure: its numbers are those of ``functional.kinds``, and a keyboard is enough."""

import itertools
import json
import re

import checks
import numpy as np
import pytest
from figure_reading import afresh, alone, crowded, operate, phone, vector, wait_until_said

from attention_course import functional
from attention_course.display import svg
from attention_course.functional import kinds
from attention_course.interactive.decoding_step import (
    KEYS,
    NEEDED,
    PARAMETERS,
    QUERIES,
    SEED,
    STEP,
    TEMPERATURES,
    WORDS,
    show_decoding_step,
)

pytestmark = pytest.mark.thorough

FIGURE = "fig-decoding-step"
PLACES = ("global", "local-m", "local-p")
CHOICES = ("soft", "sparse", "hard", "argmax")
SCORES = {
    "additive": lambda s: functional.additive_score(s, KEYS, **PARAMETERS["additive"]),
    "dot": lambda s: functional.dot_score(s, KEYS),
    "scaled": lambda s: kinds.scaled_dot_score(s, KEYS),
    "general": lambda s: functional.general_score(s, KEYS, **PARAMETERS["general"]),
    "cosine": lambda s: kinds.cosine_score(s, KEYS),
    "location": lambda s: kinds.location_score(s, PARAMETERS["location"]["W"], len(KEYS)),
}
PREDICTED = kinds.predicted_places(QUERIES, *PARAMETERS["predicted"].values(), len(KEYS))
START = {
    **{"score": "dot", "place": "global", "choice": "soft"},
    **{"t": STEP, "D": 2, "p": PREDICTED[STEP], "temperature": 1},
}


def output():
    """The figure's output, as an output frame of Colab gets it."""
    bundles = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(svg, "_times_shown", svg.Counter())
        patch.setattr("IPython.display.display", lambda bundle, raw: bundles.append(bundle))
        show_decoding_step()
    return bundles[0]["text/html"]


opened = alone(output)


@pytest.fixture
def page(opened):
    return afresh(opened)


# --- the same in Python ------------------------------------------------------------------------


def every_state(each=1, seed=0):
    """Every score, place and choice, ``each`` times, with the rest drawn as sliders hold it."""
    rng = np.random.default_rng(seed)
    for score, place, choice, _ in itertools.product(SCORES, PLACES, CHOICES, range(each)):
        yield {
            **{"score": score, "place": place, "choice": choice},
            **{"t": int(rng.integers(8)), "D": int(rng.integers(1, 8))},
            **{"p": int(rng.integers(81)) / 10, "temperature": float(rng.choice(TEMPERATURES))},
        }


#: Every score, place and choice, though not each with each.
SOME_STATES = list(every_state(seed=6))[::5]


def choose(choice, scores, mask):
    """Weights, or for "hard" probabilities, of scores (8,)."""
    if choice == "argmax":
        # Keys that are equal have equal scores, however a machine sums them up.
        return np.eye(8)[np.argmax(np.where(mask, scores.round(9), -np.inf))]
    return (kinds.sparsemax if choice == "sparse" else functional.masked_softmax)(scores, mask)


def by_numpy(score, place, choice, t, D, p, temperature):
    """Scores with -inf outside the window, chosen weights, Gaussian, weights and context."""
    local = place != "global"
    centre = [p if place == "local-p" else t]
    mask = kinds.window(centre, 8, D)[0] if local else np.ones(8, dtype=bool)
    scores = SCORES[score](QUERIES[[t]])[0]
    chosen = choose(choice, scores / temperature, mask)
    gaussian = kinds.gaussian(centre, 8, D)[0] if place == "local-p" else np.ones(8)
    weights = chosen * gaussian
    return np.where(mask, scores, -np.inf), chosen, gaussian, weights, weights @ KEYS


def draws(probabilities, count):
    """How often each place is drawn, and the last one."""
    number, places = SEED, []
    for _ in range(count):
        number = 48271 * number % (2**31 - 1)
        share = number / (2**31 - 1)
        places.append(int(np.searchsorted(np.cumsum(probabilities), share, side="right")))
    return np.bincount(places, minlength=8), places[-1] if places else None


def drawn_contexts(chosen, gaussian, context, counts):
    """Their mean, its distance from the soft context, and the root mean square of that."""
    contexts = gaussian[:, None] * KEYS
    mean = counts @ contexts / counts.sum()
    variance = chosen @ (contexts**2).sum(axis=1) - context @ context
    return mean, np.linalg.norm(mean - context), np.sqrt(max(variance, 0) / counts.sum())


def named(places):
    words = [f"“{WORDS[place]}” (place {place})" for place in places]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def sentence(state, count, found):
    """What is said, with # for each number that is not whole, and these numbers."""
    scores, chosen, gaussian, weights, context = found
    t, choice = state["t"], state["choice"]
    place, inside = NEEDED[t], np.flatnonzero(np.isfinite(scores))
    best = np.flatnonzero(weights.max() - weights < 1e-9)
    text = f"Step {t} needs {named([place])}. {len(inside)} of 8 scores "
    text += "is computed." if len(inside) == 1 else "are computed."
    numbers = []
    if place not in inside:
        only = f"place {inside[0]} only"
        many = f"the places {inside[0]} to {inside[-1]}"
        text += f" The window holds {only if len(inside) == 1 else many}, so the needed one is "
        text += "out of reach."
    if choice == "hard":
        text += " The needed word is drawn with probability #."
        numbers.append(chosen[place])
        counts, last = draws(chosen, count)
        if not count:
            return f"{text} Nothing is drawn yet; the soft context is (#, #).", [*numbers, *context]
        mean, distance, _ = drawn_contexts(chosen, gaussian, context, counts)
        if count == 1:
            text += f" The draw took {named([last])}. Its context lies # from the soft context"
        else:
            text += f" The last of {count} draws took {named([last])}. The mean of their contexts "
            text += "is (#, #); it lies # from the soft context"
            numbers += list(mean)
        return f"{text} (#, #).", [*numbers, distance, *context]
    text += f" {named(best)} get{'s' * (len(best) == 1)} the weight #{' each' * (len(best) > 1)}."
    numbers.append(weights.max())
    if place in inside and place not in best:
        text += " The needed word gets #."
        numbers.append(weights[place])
    equal = np.flatnonzero(np.abs(scores.max() - scores) < 1e-9)
    if choice == "argmax" and len(equal) > 1:
        text += f" The scores of {named(equal)} are equal, and argmax takes the first."
    if state["place"] == "local-p":
        text += " The Gaussian leaves # of all the weight."
        numbers.append(weights.sum())
    return f"{text} The context is (#, #).", [*numbers, *context]


def expected(state, count=0, attention=by_numpy):
    """Tables and sentences in one state, after so many draws."""
    found = attention(**state)
    scores, chosen, gaussian, weights, context = found
    counts, _ = draws(chosen, count)
    shares = counts / max(count, 1)
    names = [f"{place} {word}" for place, word in enumerate(WORDS)]

    def rows(*columns):
        return [list(row) for row in zip(names, *columns, strict=True)]

    wanted = {
        "tables": [
            [*rows(scores, scores / state["temperature"], chosen), ["sum", "", "", chosen.sum()]],
            [*rows(chosen, gaussian, weights), ["sum", chosen.sum(), "", weights.sum()]],
            [
                *rows(chosen, map(str, counts), shares),
                ["sum", chosen.sum(), str(count), shares.sum()],
            ],
        ],
        "sentence": sentence(state, count, found),
        "marked": [names[NEEDED[state["t"]]]] * 3,
    }
    if count:
        usual = drawn_contexts(chosen, gaussian, context, counts)[-1]
        wanted["spread"] = (
            "Over many runs of as many draws, the distance from the soft context has a root mean "
            "square of #. Four times as many draws halve it.",
            [usual],
        )
    return wanted


# --- reading what is shown ---------------------------------------------------------------------

NUMBER = r"[\u2212-]?(?:\d+\.\d{3}|∞|inf)(?!\w)"


def numbers_in(text):
    plain = text.replace("\u2212", "-").replace("∞", "inf")
    return [float(number) for number in re.findall(NUMBER, plain)]


def same(shown, wanted):
    """Whether a text holds these numbers, each to its last digit, and around them these words."""
    words, numbers = wanted
    found = numbers_in(shown)
    return re.sub(NUMBER, "#", shown) == words and (
        len(found) == len(numbers) and np.allclose(found, numbers, rtol=0, atol=0.0005 + 1e-9)
    )


def differences(shown, wanted):
    """Names of what the figure shows otherwise than it should."""
    cells = [
        (cell, (value, []) if isinstance(value, str) else ("#", [value]))
        for table, its_wanted in zip(shown["tables"], wanted["tables"], strict=True)
        for row, its_row in zip(table, its_wanted, strict=True)
        for cell, value in zip(row, its_row, strict=True)
    ]
    wrong = ["tables"] * (not all(same(*pair) for pair in cells))
    wrong += ["sentence"] * (not same(shown["sentence"], wanted["sentence"]))
    if "spread" in wanted:
        wrong += ["spread"] * (not same(shown["notes"][-1], wanted["spread"]))
    return wrong + ["marked"] * (shown["marked"] != wanted["marked"])


def setting(state):
    """The same state as the page's controls hold it; a list holds places."""
    lists = {"score": [*SCORES], "place": PLACES, "choice": CHOICES, "temperature": TEMPERATURES}
    # The step comes first, for it brings the prediction of its own place.
    order = ["t", *(key for key in state if key != "t")]
    if state["p"] == PREDICTED[state["t"]]:
        order.remove("p")
    return {key: lists[key].index(state[key]) if key in lists else state[key] for key in order}


def press(page, *labels):
    for label in labels:
        page.get_by_role("button", name=label, exact=True).click()


# --- every number ------------------------------------------------------------------------------

RUN = """([code, data, states]) => {
  const attend = new Function(`${code}; return attend;`)();
  return states.map((state) => {
    const found = attend(data, state);
    return ["scores", "chosen", "gaussian", "weights", "context"].map((part) => found[part]);
  });
}"""


def test_a_step_is_that_of_the_course_to_the_last_digits(page):
    """The function that the figure draws from, taken out of the output itself."""
    code, data = re.search(
        r'"use strict";\n(.*)\nstart\("[^"]+", build, (.*)\);\n\}\)\(\);', output(), re.DOTALL
    ).groups()
    states = list(every_state(each=10))
    found = page.evaluate(RUN, [code.replace("<\\/", "</"), json.loads(data), states])
    assert len(found) == 720
    for state, parts in zip(states, found, strict=True):
        for part, wanted in zip(parts, by_numpy(**state), strict=True):
            np.testing.assert_allclose(part, wanted, rtol=0, atol=1e-12, err_msg=str(state))


def test_every_number_that_is_shown(page):
    states = [START, *every_state(each=2, seed=1)]
    readings = operate(page, FIGURE, [setting(state) for state in states])
    for state, shown in zip(states, readings, strict=True):
        assert differences(shown, expected(state)) == [], state


MUTANTS = {
    "multiplied by the temperature": lambda **s: by_numpy(
        **{**s, "temperature": 1 / s["temperature"]}
    ),
    "a window around t": lambda **s: by_numpy(**{**s, "p": s["t"]}),
    "a window one place wider": lambda **s: by_numpy(**{**s, "D": s["D"] + 1}),
    "no Gaussian": lambda **s: (*by_numpy(**s)[:2], np.ones(8), by_numpy(**s)[1], by_numpy(**s)[4]),
    "a Gaussian before the softmax": lambda **s: (
        *by_numpy(**s)[:3],
        *(lambda w: (w, w @ KEYS))(by_numpy(**s)[3] / by_numpy(**s)[3].sum()),
    ),
    "places counted from 1": lambda **s: by_numpy(**{**s, "p": s["p"] - 1}),
    "another score": lambda **s: by_numpy(**{**s, "score": "scaled"}),
    "another choice": lambda **s: by_numpy(**{**s, "choice": "sparse"}),
    "a little off": lambda **s: (*by_numpy(**s)[:4], by_numpy(**s)[4] + 1e-3),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_comparison_can_fail(page, name):
    state = {**START, "place": "local-p", "D": 2, "p": 4.6, "temperature": 2}
    [shown] = operate(page, FIGURE, [setting(state)])
    assert differences(shown, expected(state)) == []
    assert differences(shown, expected(state, attention=MUTANTS[name])) != []


def test_the_model_s_prediction_is_where_p_starts(page):
    for t, p in enumerate(PREDICTED):
        [shown] = operate(page, FIGURE, [{"place": PLACES.index("local-p"), "t": t}])
        assert differences(shown, expected({**START, "place": "local-p", "t": t, "p": p})) == []
        text = f"The model predicts p = 8 sigmoid(tanh(s Wp) vp) = {p:.2f}."
        assert shown["notes"][2].endswith(text)
        slider = page.get_by_role("slider", name="Predicted place p")
        assert slider.get_attribute("aria-valuetext") == f"{p:.2f}"
    operate(page, FIGURE, [{"p": 0}])
    press(page, "As the model predicts")
    assert operate(page, FIGURE) == [shown]


# --- draws -------------------------------------------------------------------------------------


def test_draws_are_counted_and_their_mean_is_shown(page):
    """After each press of a button, and again whenever something else is moved."""
    for state in list(every_state(seed=2))[CHOICES.index("hard") :: 2 * len(CHOICES)]:
        operate(page, FIGURE, [setting(state)])
        press(page, "Forget the draws")
        count = 0
        for more in (1, 1, 10, 100):
            press(page, f"Draw {more}")
            count += more
            [shown] = operate(page, FIGURE)
            assert differences(shown, expected(state, count)) == [], (state, count)
    moved = {**state, "temperature": 0.5, "t": 3, "p": 2.5}
    [shown] = operate(page, FIGURE, [setting(moved)])
    assert differences(shown, expected(moved, count)) == []
    assert differences(shown, expected(moved, count - 1)) != []
    press(page, "Reset")
    operate(page, FIGURE, [{"choice": CHOICES.index("hard")}])
    assert (
        page.locator(f"#{FIGURE} .ac-sentence")
        .inner_text()
        .endswith(f"Nothing is drawn yet; the soft context is {vector(by_numpy(**START)[4], 3)}.")
    )


def test_the_draws_have_the_probabilities_and_their_mean_comes_near():
    """Two thousand draws, at every step and with every score; by Kolmogorov's test at 1 %."""
    count = 2000
    for score, t, place in itertools.product(SCORES, range(8), ("global", "local-p")):
        state = {**START, "score": score, "t": t, "place": place, "p": PREDICTED[t]}
        _, chosen, gaussian, _, context = by_numpy(**state)
        counts, _ = draws(chosen, count)
        apart = np.abs(np.cumsum(counts) / count - np.cumsum(chosen)).max()
        assert apart <= 1.63 / np.sqrt(count), state
        _, distance, usual = drawn_contexts(chosen, gaussian, context, counts)
        assert distance <= 4 * usual, state


def test_the_root_mean_square_is_that_of_hard_samples():
    """Over 20,000 runs of seven draws with the course's own ``hard_sample``."""
    _, chosen, gaussian, _, context = by_numpy(**{**START, "place": "local-p"})
    runs = kinds.hard_sample(np.tile(chosen, (20_000, 7, 1)), np.random.default_rng(0))
    means = (runs * gaussian).mean(axis=1) @ KEYS
    square = ((means - context) ** 2).sum(axis=1).mean()
    usual = drawn_contexts(chosen, gaussian, context, draws(chosen, 7)[0])[-1]
    assert np.sqrt(square) == pytest.approx(usual, rel=0.02)


# --- sentences ---------------------------------------------------------------------------------


def test_what_is_seen_is_said_in_words(page):
    def say(**changes):
        return operate(page, FIGURE, [setting({**START, **changes})])[0]["sentence"]

    needed = "Step 2 needs “a” (place 5)."
    assert say() == (
        f"{needed} 8 of 8 scores are computed. “a” (place 1) and “a” (place 5) get the weight "
        "0.362 each. The context is (\u22121.336, \u22120.641)."
    )
    assert say(place="local-m") == (
        f"{needed} 5 of 8 scores are computed. The window holds the places 0 to 4, so the needed "
        "one is out of reach. “a” (place 1) gets the weight 0.662. The context is (\u22121.146, "
        "\u22120.907)."
    )
    assert say(choice="argmax") == (
        f"{needed} 8 of 8 scores are computed. “a” (place 1) gets the weight 1.000. The needed "
        "word gets 0.000. The scores of “a” (place 1) and “a” (place 5) are equal, and argmax "
        "takes the first. The context is (\u22121.600, \u22120.600)."
    )
    assert "1 of 8 scores is computed. The window holds place 7 only, so the needed one is " in say(
        place="local-p", D=1, p=8
    )
    assert "The Gaussian leaves 0.732 of all the weight." in say(place="local-p")


def reached(state):
    """Places whose score, moved by very little, moves a weight; and whether p does."""
    scores, _, gaussian, _, _ = by_numpy(**state)
    inside = np.isfinite(scores)

    def weights(moved):
        scaled = (np.where(inside, scores, 0) + moved) / state["temperature"]
        return choose(state["choice"], scaled, inside) * gaussian

    places = [
        j for j in np.flatnonzero(inside) if (weights(1e-4 * np.eye(8)[j]) != weights(0)).any()
    ]
    with_p = by_numpy(**{**state, "p": state["p"] - 1e-4})
    return places, (with_p[3] != by_numpy(**state)[3]).any()


def test_what_is_said_of_gradients_is_so(page):
    """Every score is moved by a little in NumPy, and so is p."""
    kinds_of_sentence = set()
    alone_in_window = {**START, "place": "local-p", "D": 1, "p": 8}
    for state in [*every_state(each=3, seed=3), alone_in_window]:
        scores, chosen, *_ = by_numpy(**state)
        # Where two scores are the highest, or a word stands on the edge, there is no derivative.
        tie = state["choice"] == "argmax" and (scores.max() - scores < 1e-9).sum() > 1
        if tie or state["p"] in range(8):
            continue
        said = operate(page, FIGURE, [setting(state)])[0]["notes"][1]
        places, p_counts = reached(state)
        assert ("through the Gaussian" in said) == (state["place"] == "local-p")
        if state["choice"] == "hard":  # a draw has no derivative
            kind, wanted = "REINFORCE", places
        elif state["choice"] == "argmax":
            kind, wanted = "is zero", []
        elif (chosen > 0).sum() == 1:
            kind, wanted = "no gradient reaches", []
        elif state["choice"] == "sparse":
            kind, wanted = "no others", np.flatnonzero(chosen)
        else:
            kind = "saturated" if chosen.max() > 0.999 else "every score that was computed"
            wanted = np.flatnonzero(np.isfinite(scores))
        assert kind in said, state
        assert list(places) == list(wanted), state
        assert p_counts == (state["place"] == "local-p"), state
        kinds_of_sentence.add((state["choice"], kind))
    assert len(kinds_of_sentence) == 7


def test_the_score_is_named_and_its_formula_shown(page):
    formulas = ["tanh(s W + h U) v", "s · h", "s · h / √2", "s W h", "s · h / (|s| |h|)"]
    for place, formula in enumerate(formulas):
        [shown] = operate(page, FIGURE, [{"score": place}])
        assert shown["notes"][2] == (
            f"The query of step 2 is s = (\u22121.4, \u22120.9). The score of a key h is e = "
            f"{formula}; before the choice it is divided by τ."
        )
    [shown] = operate(page, FIGURE, [{"score": 5}])
    assert "its entry of s W, whatever word stands there" in shown["notes"][2]


# --- drawings ----------------------------------------------------------------------------------


def test_bars_window_and_gaussian_are_drawn_to_scale(page):
    height = 190 / 1.2  # of a weight of 1, in pixels
    for state in SOME_STATES:
        operate(page, FIGURE, [setting(state)])
        scores, chosen, _, weights, _ = by_numpy(**state)
        hard, local_p = state["choice"] == "hard", state["place"] == "local-p"
        chart = page.locator(f"#{FIGURE} .ac-plotted").first
        drawn = chart.evaluate(
            """(svg) => ({
              bars: [...svg.querySelectorAll("rect")].map((bar) =>
                Number(bar.getAttribute("height"))),
              levels: [...svg.querySelectorAll("line[stroke-width='1.5']")].map((line) =>
                Number(line.getAttribute("y1"))),
              lines: [...svg.querySelectorAll("polyline")].map((line) =>
                line.getAttribute("points").split(" ").map((pair) => pair.split(",").map(Number))),
              marked: [...svg.querySelectorAll(":scope > svg:has(line[stroke-dasharray])")].map(
                (mark) => parseFloat(mark.getAttribute("x"))),
              diamond: parseFloat(svg.querySelector("svg:has(> path)").getAttribute("x")),
              texts: [...svg.querySelectorAll(":scope > text")].map((text) => text.textContent),
            })"""
        )
        across = {"global": [], "local-m": [state["t"]], "local-p": [state["p"]]}[state["place"]]
        np.testing.assert_allclose(drawn["marked"], (np.array(across) + 0.5) / 8 * 100, atol=1e-6)
        assert drawn["diamond"] == pytest.approx((NEEDED[state["t"]] + 0.5) / 8 * 100)
        name = "probability" if hard else "weight"
        assert drawn["texts"] == ["0", "0.5", "1", *WORDS, "", name]
        np.testing.assert_allclose(drawn["bars"], height * (chosen if hard else weights), atol=1e-6)
        levels = np.zeros(8) if hard else chosen if local_p else []
        np.testing.assert_allclose(drawn["levels"], 190 - height * np.array(levels), atol=1e-6)
        assert len(drawn["lines"]) == (state["place"] != "global") + local_p
        if drawn["lines"]:
            inside = np.flatnonzero(np.isfinite(scores))
            left, right = inside[0] / 8 * 100, (inside[-1] + 1) / 8 * 100
            top = 100 * 0.2 / 1.2
            window = [[left, 100], [left, top], [right, top], [right, 100]]
            np.testing.assert_allclose(drawn["lines"][0], window, atol=1e-3)
        if local_p:
            x, y = np.array(drawn["lines"][1]).T
            curve = np.exp(-0.5 * ((x / 100 * 8 - 0.5 - state["p"]) / (state["D"] / 2)) ** 2)
            np.testing.assert_allclose(1.2 * (1 - y / 100), curve, atol=1e-3)


def test_lines_from_the_context_to_the_words_are_as_thick_as_weights(page):
    for state in SOME_STATES:
        operate(page, FIGURE, [setting(state)])
        drawn = page.locator(f"#{FIGURE} .ac-plotted").last.evaluate(
            """(svg) => [...svg.querySelectorAll("polyline:not([stroke-dasharray])")].map(
              (line) => [...line.getAttribute("points").split(/[ ,]/).map(Number),
                Number(line.getAttribute("stroke-width"))])"""
        )
        *_, weights, context = by_numpy(**state)
        some = weights > 0
        ends = np.c_[np.tile(context, (some.sum(), 1)), KEYS[some]]
        wanted = (ends - [-2.9, 3.1, -2.9, 3.1]) / [5.8, -5.5, 5.8, -5.5] * 100
        np.testing.assert_allclose(drawn, np.c_[wanted, 9 * weights[some]], atol=1e-3)


def test_context_and_mean_stand_where_their_numbers_are(page):
    """Between the words' points as the numbers do between the words' vectors."""
    first = [WORDS.index(word) for word in dict.fromkeys(WORDS)]
    for state in SOME_STATES:
        operate(page, FIGURE, [setting(state)])
        count = 11 if state["choice"] == "hard" else 0
        if count:
            press(page, "Forget the draws", "Draw 1", "Draw 10")
        marks = page.locator(f"#{FIGURE} .ac-plotted").last.evaluate(
            """(svg) => [...svg.querySelectorAll("circle, path")].map((mark) => {
              const box = mark.getBoundingClientRect();
              return [box.x + box.width / 2, box.y + box.height / 2];
            })"""
        )
        _, chosen, gaussian, _, context = by_numpy(**state)
        points = np.c_[KEYS[first], np.ones(len(first))]
        to_page = np.linalg.lstsq(points, marks[: len(first)], rcond=None)[0]
        wanted = [context]
        if count:
            wanted.append(drawn_contexts(chosen, gaussian, context, draws(chosen, count)[0])[0])
        found = marks[len(first) :]
        np.testing.assert_allclose(found, np.c_[wanted, np.ones(len(wanted))] @ to_page, atol=0.5)


def test_no_word_of_the_drawings_lies_on_another(page):
    for width in (1280, 336):
        page.set_viewport_size({"width": width, "height": 640})
        for state in SOME_STATES:
            operate(page, FIGURE, [setting(state)])
            assert crowded(page, FIGURE) == [], (width, state)


# --- in the page -------------------------------------------------------------------------------


def test_what_does_not_apply_is_out_of_the_way(page):
    parts = {
        "half-width": page.get_by_role("slider", name="Half-width D"),
        "prediction": page.get_by_role("slider", name="Predicted place p"),
        "Gaussian": page.get_by_role("table", name="What the Gaussian does"),
        "draw": page.get_by_role("button", name="Draw 10", exact=True),
        "drawn": page.get_by_role("table", name="What was drawn"),
        "distance": page.get_by_text("Over many runs of as many draws"),
    }
    operate(page, FIGURE, [{"choice": CHOICES.index("hard")}])
    press(page, "Draw 10")
    for place, choice in itertools.product(PLACES, CHOICES):
        operate(page, FIGURE, [setting({**START, "place": place, "choice": choice})])
        seen = {name for name, part in parts.items() if part.count() and part.is_visible()}
        wanted = {"half-width"} if place != "global" else set()
        wanted |= {"prediction", "Gaussian"} if place == "local-p" else set()
        wanted |= {"draw", "drawn", "distance"} if choice == "hard" else set()
        assert seen == wanted, (place, choice)


def test_by_keyboard_alone(page):
    state, count = dict(START), 0

    def check(**changes):
        state.update(changes)
        [shown] = operate(page, FIGURE)
        assert differences(shown, expected(state, count)) == [], state
        return shown["sentence"]

    def tab(key=None, times=1):
        page.keyboard.press("Tab")
        for _ in range(times if key else 0):
            page.keyboard.press(key)

    tab("ArrowDown")
    check(score="scaled")
    tab("ArrowDown", 2)
    check(place="local-p")
    tab("ArrowDown", 2)
    check(choice="hard")
    tab("ArrowRight")
    check(t=3, p=PREDICTED[3])
    tab("ArrowLeft")
    check(temperature=0.5)
    tab("ArrowRight", 2)
    check(D=4)
    tab("Home")
    check(p=0)
    page.keyboard.press("ArrowRight")
    check(p=0.1)
    tab("Enter")
    check(p=PREDICTED[3])
    tab("Enter")
    count = 1
    check()
    tab("Space")
    count = 11
    check()
    tab()
    wait_until_said(page, FIGURE)
    heard = checks.announced(page, lambda: page.keyboard.press("Enter"), wait=700)
    count = 111
    assert heard == [check()]
    tab("Enter")
    count = 0
    check()
    tab()
    assert page.evaluate("document.activeElement.textContent") == "Reset"
    heard = checks.announced(page, lambda: page.keyboard.press("Enter"), wait=700)
    assert heard == ["Reset. " + check(**START)]


WIDEST = {**START, "score": "additive", "place": "local-p", "choice": "hard", "temperature": 0.1}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_alone_it_is_accessible_on_a_phone(page, scheme):
    phone(page, scheme)
    # As much room as on a page of the book, or less.
    page.set_viewport_size({"width": 336, "height": 640})
    for state in (START, WIDEST):
        operate(page, FIGURE, [setting(state)])
        if state is WIDEST:
            press(page, "Draw 100")
        assert checks.axe_problems(page) == []
        assert checks.unnamed_controls(page) == []
        assert checks.overflow(page) == []
        assert checks.faint_drawings(page) == []
        beyond = page.locator(f"#{FIGURE} .ac-scroll").evaluate_all(
            "(boxes) => boxes.map((box) => box.scrollWidth > box.clientWidth + 6)"
        )
        assert not any(beyond), state


def test_the_same_output_twice_gives_two_figures(open_alone):
    page = open_alone(2 * output())
    figures = page.locator(".ac-live")
    assert figures.count() == 2
    before = figures.first.inner_text()
    figures.last.get_by_label("Choice").select_option(label="hard: draw a word")
    figures.last.get_by_role("button", name="Draw 10", exact=True).click()
    assert "The last of 10 draws took" in figures.last.inner_text()
    assert figures.first.inner_text() == before


def test_without_scripts_the_picture_stays(open_alone):
    page = open_alone(output(), java_script_enabled=False)
    assert page.locator(f"#{FIGURE} .ac-still svg").is_visible()
    label = page.locator(f"#{FIGURE} svg").get_attribute("aria-label")
    _, _, _, weights, context = by_numpy(**START)
    assert ", ".join(f"“{w}” {a:.3f}" for w, a in zip(WORDS, weights, strict=True)) in label
    assert f"({', '.join(f'{number:.3f}' for number in context)})" in label
    assert page.locator(f"#{FIGURE} input").count() == 0
