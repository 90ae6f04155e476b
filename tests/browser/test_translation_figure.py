"""Chapter 8's figure: what it shows is what was recorded, and a keyboard is enough.

The record is an example of these tests: translations that are right, wrong, short and endless.
"""

import itertools
import json
import re

import checks
import numpy as np
import pytest
import samples
from figure_reading import afresh, alone, fixed, operate, phone, wait_until_said

from attention_course.display import svg
from attention_course.functional.alignment import alignment_error_rate, links
from attention_course.interactive import translation
from attention_course.interactive.translation import NAMES, SCORE, STEPS

pytestmark = pytest.mark.thorough

FIGURE = "fig-translation"
RECORDED = samples.translations()
SENTENCES = RECORDED["sentences"]
SCORES = list(NAMES)
START = {"sentence": 0, "score": SCORE, "other": None, "count": STEPS, "gold": True}
HINT = "Point at a cell, or go to it with the arrow keys, to read its weight and its link."


def output():
    """The figure's output, as an output frame of Colab gets it."""
    bundles = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(translation, "load_translations", samples.translations)
        patch.setattr(svg, "_times_shown", svg.Counter())
        patch.setattr("IPython.display.display", lambda bundle, raw: bundles.append(bundle))
        translation.show_translation()
    return bundles[0]["text/html"]


opened = alone(output)


@pytest.fixture
def page(opened):
    opened.mouse.move(0, 0)  # or a heat map that grows comes to lie under it
    return afresh(opened)


# --- the same in Python ------------------------------------------------------------------------


def length(sentence, score):
    return len(SENTENCES[sentence]["translations"][score]["likeliest"])


def shares(thousandths):
    return fixed(thousandths / 1000, 3)


class Found:
    """What one model wrote: its words, how many agree with the reference, and the links."""

    def __init__(self, sentence, score):
        given = SENTENCES[sentence]
        self.source, self.target = given["source"], given["target"]
        self.gold = {kind: given[kind] for kind in ("sure", "possible")}
        written = given["translations"][score]
        self.right, self.weights = written["right"], written["weights"]
        self.likeliest = written["likeliest"]
        self.words = [row[0][0] for row in self.likeliest]
        self.places = [*self.source, "[end]"]
        pairs = zip(self.words, self.target, strict=False)
        same = itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)
        self.agreed = len(list(same))
        rows = np.array(self.weights or np.zeros((0, len(self.places))))
        words = self.words[:-1] if self.words[-1] == "[end]" else self.words
        self.links = links(rows[: len(words)], len(self.source))

    def kind(self, row, place):
        if row >= self.agreed:
            return "unknown"
        return next((kind for kind, of in self.gold.items() if [place, row] in of), "none")

    def source_name(self, place):
        word = self.places[place]
        return "the end mark" if word == "[end]" else f"“{word}” (word {place + 1})"

    def word_name(self, row):
        word = self.words[row]
        return "the end mark" if word == "[end]" else f"“{word}” (word {row + 1})"

    def step(self, row):
        [word, probability], *_ = self.likeliest[row]
        said = f"Step {row + 1} wrote “{word}” with probability {shares(probability)}."
        if not self.weights:
            return said
        weights = np.array(self.weights[row])
        most = shares(weights.max())
        if weights.max() == weights.min():
            return f"{said} All places had the same weight, {most}."
        place = int(weights.argmax())
        verdict = {
            **{"sure": ": a sure link", "possible": ": a possible link", "unknown": ""},
            "none": ": the reference has no such link",
        }[self.kind(row, place)]
        return f"{said} Its largest weight, {most}, lay on {self.source_name(place)}{verdict}."

    def sentence(self, count):
        said = self.step(count - 1) if count else "Nothing is written yet."
        if count == len(self.words):
            said += " The translation is complete and " + (
                "right, word for word."
                if self.right
                else f"wrong. The reference is “{' '.join(self.target)}”."
            )
        return said

    def cell(self, row, place):
        verdict = {
            **{"sure": " The reference has a sure link here.", "unknown": ""},
            **{"possible": " The reference has a possible link here."},
            "none": " The reference has no link here.",
        }[self.kind(row, place)]
        return (
            f"When {self.word_name(row)} was written, {self.source_name(place)} had the weight "
            f"{shares(self.weights[row][place])}.{verdict}"
        )

    def error(self, count):
        rows = min(count, self.agreed)
        a = {link for link in self.links if link[1] < rows}
        s = {(i, j) for i, j in self.gold["sure"] if j < rows}
        p = s | {(i, j) for i, j in self.gold["possible"] if j < rows}
        rate = alignment_error_rate([a], [s], [p])
        formula = (
            f" 1 − (|A∩S| + |A∩P|) / (|A| + |S|) = 1 − ({len(a & s)} + {len(a & p)}) / "
            f"({len(a)} + {len(s)}) = {fixed(rate, 3)}"
        )
        said = ""
        if self.right and count == len(self.words):
            said = f"Alignment error rate of this sentence:{formula}"
        elif rows:
            which = "word" if rows == 1 else f"{rows} words"
            said = f"Alignment error rate of the first {which}:{formula}"
        if not self.right and count > self.agreed:
            said += (
                f" From step {self.agreed + 1} on the translation departs from the reference, "
                "whose links say nothing of other words."
            )
        return said


def panel(sentence, score, count, gold, at=None, second=False):
    """What is shown of one model; ``at`` is the row and the column that are pointed at."""
    found = Found(sentence, score)
    count = min(count, len(found.words))
    row = count - 1 if at is None else at[0]
    words = " ".join(word for word in found.words[:count] if word != "[end]")
    shown = {
        "written": f"{NAMES[score]}: {f'“{words}”' if count else 'nothing yet'}",
        "step": f"The likeliest words at step {row + 1}:" if count else "",
        "bars": [[word, shares(share)] for word, share in found.likeliest[row]] if count else [],
    }
    if not found.weights:
        return {**shown, "map": None}
    kinds = [[found.kind(j, i) for i in range(len(found.places))] for j in range(count)]
    framed = {"sure", "possible"} if gold else set()
    cells = [
        [
            shares(weight) + (f", {kind} link" if kind in framed else "")
            for weight, kind in zip(*both, strict=True)
        ]
        for both in zip(found.weights[:count], kinds, strict=True)
    ]
    return {
        **shown,
        "map": {
            "caption": f"{'For comparison: weights' if second else 'Weights'}, {NAMES[score]}",
            "heads": ["written", *found.places],
            "rows": [[word, *row] for word, row in zip(found.words, cells, strict=False)],
            "shades": [list(np.array(row) / 1000) for row in found.weights[:count]],
            "frames": [[k if k in framed else None for k in row] for row in kinds],
            "dots": sorted(link for link in found.links if link[1] < count),
            "marked": [row] if count else [],
            "pointed": [at[1]] if at and at[1] >= 0 else [],
        },
        "link": (
            ("" if second else HINT)
            if at is None
            else found.step(row)
            if at[1] < 0
            else found.cell(*at)
        ),
        "error": found.error(count),
    }


def expected(sentence, score, other, count, gold, at=(None, None)):
    """Everything that is shown; ``at`` holds a place for each of the two models."""
    names = [name for name in (score, other) if name]
    longest = max(length(sentence, name) for name in names)
    count = min(count, longest)
    said = [Found(sentence, name).sentence(min(count, length(sentence, name))) for name in names]
    if other:
        said = [f"{NAMES[name]}: {text}" for name, text in zip(names, said, strict=True)]
    return {
        "english": f"English: “{' '.join(SENTENCES[sentence]['source'])}”",
        "steps": f"{count} of {longest}",
        "sentence": " ".join(said),
        "panels": [
            panel(sentence, name, count, gold, at[place], place == 1)
            for place, name in enumerate(names)
        ],
    }


# --- reading what is shown ---------------------------------------------------------------------

READ = """([id, manySettings]) => {
  const figure = document.getElementById(id);
  const seen = (node) => node && node.checkVisibility();
  const text = (node) => (seen(node) ? node.textContent : null);
  const indices = (nodes, test) => [...nodes].flatMap((one, place) => (test(one) ? [place] : []));
  const readPanel = (pair) => {
    const [link, step, error] = pair.querySelectorAll(".ac-note");
    const found = {
      written: text(pair.previousElementSibling), step: text(step),
      bars: [...pair.querySelectorAll(".ac-bars li")].map((bar) =>
        [bar.firstChild.textContent, bar.querySelector(".ac-number").textContent]),
      lengths: [...pair.querySelectorAll(".ac-bar")].map((bar) => parseFloat(bar.style.width)),
      map: null,
    };
    const table = pair.querySelector("table");
    if (!seen(table)) return found;
    const rows = [...table.tBodies[0].rows];
    const cells = rows.map((row) => [...row.querySelectorAll("td .ac-shaded")]);
    return { ...found, link: link.textContent, error: error.textContent, map: {
      caption: text(table.caption),
      heads: [...table.tHead.rows[0].cells].map(text),
      rows: rows.map((row) => [...row.cells].map((cell) => cell.textContent)),
      shades: cells.map((row) => row.map((one) =>
        Number(one.style.getPropertyValue("--ac-share")))),
      frames: cells.map((row) => row.map((one) => one.dataset.link ?? null)),
      dots: cells.flatMap((row, j) =>
        indices(row, (one) => one.hasAttribute("data-largest")).map((i) => [i, j])),
      marked: indices(rows, (row) => row.classList.contains("ac-marked")),
      pointed: indices(table.tHead.rows[0].cells, (cell) =>
        cell.classList.contains("ac-pointed")).map((place) => place - 1),
    } };
  };
  return manySettings.map((settings) => {
    for (const [key, value] of Object.entries(settings)) {
      const control = figure.querySelector(`[data-key="${key}"]`);
      if (control.type === "checkbox") control.checked = value;
      else control.value = value;
      control.dispatchEvent(new Event("input"));
    }
    return {
      english: figure.querySelector(".ac-note").textContent,
      steps: figure.querySelector("[data-key=count]").getAttribute("aria-valuetext"),
      sentence: figure.querySelector(".ac-sentence").textContent,
      panels: [...figure.querySelectorAll(".ac-pair")].filter(seen).map(readPanel),
    };
  });
}"""


def setting(state):
    """The same state as the page's controls hold it; a list holds places."""
    other = SCORES.index(state["other"]) + 1 if state["other"] else 0
    return {**state, "score": SCORES.index(state["score"]), "other": other}


def read(page, states=None):
    """Go through states, or stay in the present one, and read all that is shown."""
    settings = [{}] if states is None else [setting(state) for state in states]
    readings = page.evaluate(READ, [FIGURE, settings])
    for found in readings:
        for one in found["panels"]:
            drawn = [float(number) for _, number in one["bars"]]
            np.testing.assert_allclose(one.pop("lengths"), 100 * np.array(drawn), atol=1e-9)
            if one["map"]:
                one["map"]["dots"] = sorted(map(tuple, one["map"]["dots"]))
    return readings[0] if states is None else readings


def every_state():
    """Every sentence with every score, after some steps and after all; and with a second score."""
    rng = np.random.default_rng(0)
    for sentence, score in itertools.product(range(len(SENTENCES)), SCORES):
        whole = length(sentence, score)
        state = {"sentence": sentence, "score": score, "other": None, "gold": True}
        yield {**state, "count": whole}
        yield {**state, "count": int(rng.integers(whole + 1)), "gold": bool(rng.integers(2))}
        if rng.random() < 0.4:
            yield {**state, "count": int(rng.integers(20)), "other": str(rng.choice(SCORES))}


def differences(shown, wanted):
    """Names of what the figure shows otherwise than it should."""
    if isinstance(wanted, dict) and isinstance(shown, dict):
        return [
            f"{name} {rest}".strip()
            for name in {**wanted, **shown}
            for rest in differences(shown.get(name), wanted.get(name))
        ]
    if isinstance(wanted, list) and wanted and isinstance(wanted[0], dict):
        wanted, shown = dict(enumerate(wanted)), dict(enumerate(shown))
        return differences(shown, wanted)
    return [] if shown == wanted else [""]


# --- every number ------------------------------------------------------------------------------


def test_everything_that_is_shown(page):
    states = [START, *every_state()]
    readings = read(page, states)
    for state, shown in zip(states, readings, strict=True):
        assert differences(shown, expected(**state)) == [], state
    said = " ".join(shown["sentence"] for shown in readings)
    for part in ("a sure link.", "a possible link.", "no such link.", "the same weight", "wrong."):
        assert part in said


FUNCTIONS = """([code, many]) => {
  const [linkOf, alignmentErrorRate] =
    new Function(`${code}; return [linkOf, alignmentErrorRate];`)();
  return many.map(([weights, reference]) => {
    const found = weights.map(linkOf);
    return [found, alignmentErrorRate(found, reference.map((row) => new Map(row))).rate];
  });
}"""


def test_links_and_their_error_rate_are_those_of_the_course(page):
    """The functions that the figure computes with, taken out of the output itself."""
    code = re.search(r'"use strict";\n(.*)\nstart\("', output(), re.DOTALL)[1]
    rng = np.random.default_rng(0)
    given, wanted = [], []
    for _ in range(500):
        rows, places = rng.integers(1, 7), rng.integers(2, 9)
        weights = rng.integers(1, 6, (rows, places))  # many are equal
        kinds = rng.choice(["sure", "possible", ""], (rows, places - 1), p=[0.2, 0.1, 0.7])
        pairs = {k: {(i, j) for j, i in np.argwhere(kinds == k)} for k in ("sure", "possible")}
        found = links(weights, places - 1)
        by_row = {row: place for place, row in found}
        rate = alignment_error_rate([found], [pairs["sure"]], [pairs["possible"]])
        reference = [[[i, kind] for i, kind in enumerate(row) if kind] for row in kinds.tolist()]
        given.append([weights.tolist(), reference])
        wanted.append([[by_row.get(row, -1) for row in range(rows)], rate])
    assert page.evaluate(FUNCTIONS, [code.replace("<\\/", "</"), given]) == wanted
    assert page.evaluate(FUNCTIONS, [code.replace("<\\/", "</"), [[[], []]]]) == [[[], 0]]


def mutated(name, change):
    """The same test with another function of the course: its name, and what makes it wrong."""
    return name, change(globals()[name])


def last_of_equals(links):
    def mutant(rows, words):
        best = rows.shape[1] - 1 - rows[:, ::-1].argmax(axis=1)
        return {(int(i), j) for j, i in enumerate(best) if i < words}

    return mutant


MUTANTS = {
    "the last of equal weights": mutated("links", last_of_equals),
    "the end mark as a word": mutated(
        "links", lambda links: lambda rows, words: links(rows, rows.shape[1])
    ),
    "links of a neighbour": mutated(
        "links", lambda links: lambda rows, words: {(i, j + 1) for i, j in links(rows, words)}
    ),
    "possible links as sure ones": mutated(
        "alignment_error_rate", lambda rate: lambda a, s, p: rate(a, p, p)
    ),
    "sure links alone": mutated("alignment_error_rate", lambda rate: lambda a, s, p: rate(a, s, s)),
    "a little off": mutated(
        "alignment_error_rate", lambda rate: lambda a, s, p: rate(a, s, p) + 1e-3
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_comparison_can_fail(page, monkeypatch, name):
    states = [
        {**START, "sentence": sentence, "score": score, "count": 99}
        for sentence in range(len(SENTENCES))
        for score in ("general", "uniform")
    ]
    readings = read(page, states)
    for mutant in (False, True):
        if mutant:
            monkeypatch.setitem(globals(), *MUTANTS[name])
        both = zip(states, readings, strict=True)
        assert mutant == any(differences(shown, expected(**state)) for state, shown in both)


def test_one_changed_thousandth_is_noticed(page):
    wanted = expected(**START)
    assert read(page) == wanted
    weights = SENTENCES[0]["translations"][SCORE]["weights"]
    weights[1][1] += 1
    try:
        assert read(page) != expected(**START)
    finally:
        weights[1][1] -= 1


# --- writing -----------------------------------------------------------------------------------


def press(page, *labels):
    for label in labels:
        # Also one that has nothing to do.
        page.get_by_role("button", name=label, exact=True).click(force=True)


def test_buttons_and_slider_write_word_by_word(page):
    state = {**START, "score": "additive"}
    whole = length(0, "additive")
    read(page, [state])

    def check(count):
        assert differences(read(page), expected(**{**state, "count": count})) == []
        disabled = page.locator(f"#{FIGURE} button[aria-disabled=true]").all_text_contents()
        ends = {0: ["Previous"], whole: ["Next word", "All words"]}
        assert disabled == ends.get(count, [])

    press(page, "Next word", "Next word")
    check(STEPS + 2)
    press(page, "Previous")
    check(STEPS + 1)
    press(page, *["Previous"] * (STEPS + 2))  # once more than there are words
    check(0)
    press(page, "All words", "Next word")
    check(whole)
    read(page, [{**state, "count": 2}])
    check(2)


def test_another_score_stays_at_the_step_and_another_sentence_begins(page):
    short, *_, long = sorted(SCORES, key=lambda score: length(1, score))
    count = length(1, short)
    state = {**START, "sentence": 1, "score": long, "count": count + 2}
    read(page, [state])
    operate(page, FIGURE, [{"other": SCORES.index(short) + 1}])
    assert differences(read(page), expected(**{**state, "other": short})) == []
    operate(page, FIGURE, [{"score": SCORES.index(short)}])
    state = {**state, "score": short, "other": short, "count": count}
    assert differences(read(page), expected(**state)) == []
    operate(page, FIGURE, [{"other": SCORES.index(long) + 1}])
    assert differences(read(page), expected(**{**state, "other": long})) == []
    press(page, "All words")
    state = {**state, "other": long, "count": length(1, long)}
    assert differences(read(page), expected(**state)) == []
    operate(page, FIGURE, [{"sentence": 2}])
    assert differences(read(page), expected(2, short, long, 0, True)) == []


# --- pointing ----------------------------------------------------------------------------------

POINTED = """([id, place]) => {
  const figure = document.getElementById(id);
  const table = figure.querySelectorAll(".ac-pair table")[place];
  const link = () => table.closest(".ac-pair").querySelector(".ac-note").textContent;
  const over = (type, node) =>
    node.dispatchEvent(new PointerEvent(type, { bubbles: type === "pointerover" }));
  const links = [...table.tBodies[0].rows].map((row) => [...row.cells].map((cell) => {
    over("pointerover", cell.firstElementChild ?? cell);
    return link();
  }));
  over("pointerleave", table);
  return [links, link()];
}"""


@pytest.mark.parametrize("place", [0, 1])
def test_every_cell_and_every_row_is_named(page, place):
    for sentence in (2, 7):
        state = {**START, "sentence": sentence, "other": "general", "count": 99}
        read(page, [state])
        name = ("dot", "general")[place]
        found = Found(sentence, name)
        said, after = page.evaluate(POINTED, [FIGURE, place])
        assert said == [
            [found.step(row), *(found.cell(row, i) for i in range(len(found.places)))]
            for row in range(length(sentence, name))
        ]
        assert after == ("" if place else HINT)


def test_what_is_pointed_at_is_marked_and_its_likeliest_words_are_shown(page):
    state = {**START, "count": 5, "other": "scaled"}
    read(page, [state])
    cell = page.get_by_role("grid").first.locator("tbody tr").nth(1).locator("td").nth(3)
    cell.hover()
    assert differences(read(page), expected(**state, at=((1, 3), None))) == []
    second = page.get_by_role("grid").last.locator("tbody tr").nth(0).locator("th")
    second.hover()
    assert differences(read(page), expected(**state, at=(None, (0, -1)))) == []
    # A click, as a finger does it, keeps the cell when the pointer leaves.
    cell.click()
    page.get_by_text("English:").hover()
    assert differences(read(page), expected(**state, at=((1, 3), None))) == []
    press(page, "Next word")
    assert differences(read(page), expected(**{**state, "count": 6})) == []


def test_pointing_by_mouse_is_not_announced_and_by_keyboard_it_is(page):
    press(page, "Next word")
    wait_until_said(page, FIGURE)
    table = page.get_by_role("grid")
    assert checks.announced(page, table.locator("td").first.hover, wait=700) == []
    page.get_by_text("English:").hover()
    found = Found(0, SCORE)
    heard = checks.announced(page, table.locator("td").nth(2).focus, wait=700)
    assert heard == [found.cell(0, 2)]


# --- in the page -------------------------------------------------------------------------------


def test_by_keyboard_alone(page):
    state = dict(START)

    def check(at=None, **changes):
        state.update(changes)
        shown = read(page)
        assert differences(shown, expected(**state, at=(at, None))) == [], state
        return shown

    def tab(key=None, times=1):
        page.keyboard.press("Tab")
        for _ in range(times if key else 0):
            page.keyboard.press(key)

    tab("ArrowDown", 2)
    check(sentence=2, count=0)
    tab("ArrowDown")
    check(score="scaled")
    tab("ArrowDown", 2)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    check()
    tab("Space")
    check(gold=False)
    tab()
    tab("Enter", 2)
    check(count=2)
    tab("Space")
    whole = length(2, "scaled")
    check(count=whole)
    tab("ArrowLeft")
    check(count=whole - 1)
    tab()
    row, places = whole - 2, len(SENTENCES[2]["source"]) + 1
    check((row, -1))
    keys = {"ArrowRight": (row, 0), "ArrowUp": (row - 1, 0), "End": (row - 1, places - 1)}
    keys |= {"ArrowDown": (row, places - 1), "ArrowLeft": (row, places - 2), "Home": (row, -1)}
    for key, at in keys.items():
        page.keyboard.press(key)
        check(at)
    for key in ("ArrowDown", "ArrowLeft", "a"):  # nothing lies there
        page.keyboard.press(key)
        check((row, -1))
    page.keyboard.press("ArrowUp")
    assert checks.faint_focus(page) == []
    tab()
    check()
    assert page.evaluate("document.activeElement.textContent") == "Reset"
    page.keyboard.press("Shift+Tab")
    check((row - 1, -1))
    tab()
    page.wait_for_function(
        "(text) => document.querySelector('[role=status]').textContent === text",
        arg=Found(2, "scaled").step(row - 1),
    )
    heard = checks.announced(page, lambda: page.keyboard.press("Enter"), wait=700)
    assert heard == ["Reset. " + check(**START)["sentence"]]


def test_a_map_is_one_stop_of_the_tab_key(page):
    read(page, [{**START, "other": "general", "count": 99}])
    stops = "#{0} [role=grid] [tabindex='0']"
    assert page.locator(stops.format(FIGURE)).count() == 2
    page.get_by_role("grid").first.locator("td").nth(4).click()
    assert page.locator(stops.format(FIGURE)).count() == 2
    read(page, [{**START, "count": 0}])
    assert page.locator(stops.format(FIGURE)).locator("visible=true").count() == 0


LOOKS = (
    START,
    {**START, "count": 0},
    {**START, "score": "plain"},
    {**START, "sentence": 7, "other": "feeding", "count": 99},
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_alone_it_is_accessible_on_a_phone(page, scheme):
    phone(page, scheme)
    # As much room as on a page of the book, or less.
    page.set_viewport_size({"width": 336, "height": 640})
    for state in LOOKS:
        read(page, [state])
        assert checks.axe_problems(page, colours_only=scheme == "dark") == []
        assert checks.unnamed_controls(page) == []
        assert checks.overflow(page) == []
        assert checks.faint_bars(page) == []


def test_short_sentences_fit_a_phone_and_of_a_long_one_it_is_said(page):
    phone(page)
    page.set_viewport_size({"width": 336, "height": 640})
    frame = "new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"
    for sentence, one in enumerate(SENTENCES):
        read(page, [{**START, "sentence": sentence, "count": 99}])
        page.evaluate(frame)
        box = page.locator(f"#{FIGURE} .ac-scroll").first
        hidden = box.evaluate("(box) => box.scrollWidth > box.clientWidth + 6")
        hint = page.get_by_text("Scroll the table sideways").locator("visible=true").count()
        assert hidden == bool(hint)
        assert not hidden or one["kind"] == "long"


def test_the_same_output_twice_gives_two_figures(open_alone):
    page = open_alone(2 * output())
    figures = page.locator(".ac-live")
    assert figures.count() == 2
    before = figures.first.inner_text()
    figures.last.get_by_label("Score").select_option(label="general")
    figures.last.get_by_role("button", name="All words").click()
    figures.last.get_by_role("grid").locator("td").first.hover()
    assert "The translation is complete" in figures.last.inner_text()
    assert "When “" in figures.last.inner_text()
    assert figures.first.inner_text() == before


def test_without_scripts_the_picture_stays(open_alone):
    page = open_alone(output(), java_script_enabled=False)
    assert page.locator(f"#{FIGURE} .ac-still svg").is_visible()
    label = page.locator(f"#{FIGURE} svg").get_attribute("aria-label")
    found = Found(0, SCORE)
    for word, row in zip(found.words[:STEPS], found.weights, strict=False):
        source = found.places[int(np.argmax(row))]
        assert f"“{word}” looks most at “{source}”, with weight {shares(max(row))}" in label
    assert page.locator(f"#{FIGURE} input").count() == 0


def test_the_page_is_given_the_record_as_it_is():
    data = json.loads(re.search(r'build, (\{"sentences".*)\);\n\}\)\(\);', output())[1])
    for given, one in zip(data["sentences"], SENTENCES, strict=True):
        assert given.pop("label") == translation.KINDS[one["kind"]]
        assert given == one
