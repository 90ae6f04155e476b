"""The frame of the interactive figures, in a browser: controls, numbers, and what fails well."""

import itertools
import re
import tempfile
from pathlib import Path

import checks
import numpy as np
import pytest
from figure_reading import afresh, alone, magnitude, phone

from attention_course import interactive, words
from attention_course.functional import softmax

ALT = "Four bars, the third one the longest."
DATA = {"words": ["not", "a", "bad", "film"], "scores": [1.0, -0.5, 2.0, 0.125]}
PROBE = """
function build(figure, data) {
  window.probe = { fixed, magnitude, softmax, dot, weightedSum, listed, quoted, tr, trn };
  const shares = bars({ labels: data.words, label: "Weights" });
  const scores = table({ caption: "Scores", columns: ["word", "score"] });
  const tenth = (value) => fixed(value, 1);
  figure.add(
    figure.group(
      figure.slider("heat", { label: "Temperature", min: 0.5, max: 4, step: 0.1, format: tenth }),
      figure.checkbox("hide", { label: "Hide the last word" }),
      figure.choice("row", { label: "Query", options: data.words.map((word, i) => [i, word]) }),
      figure.button("Double", (state) => { state.heat *= 2; }),
      figure.text("typed", { label: "Text" })),
    shares.node, scores.node, figure.sentence);
  figure.run({ heat: 1, hide: false, row: 0, typed: "" }, (state) => {
    const found = data.scores.map((score) => score / state.heat);
    if (state.hide) found[3] = -Infinity;
    shares.set(softmax(found));
    scores.set(data.words.map((word, i) => [word, fixed(data.scores[i], 2)]), state.row);
    return `${data.words[state.row]} at ${tenth(state.heat)}${state.typed}.`;
  });
}
"""
# What the kit draws, for the test to say what.
DRAWN = """
function build(figure, data) {
  const part = { plot, heatmap, shadedText }[data.part](data.options);
  window.draw = (content, ...more) => part.set(content, ...more);
  figure.add(part.node, figure.sentence);
  figure.run({}, () => "Drawn.");
}
"""
STATUS = "[role=status]"


def output(script=PROBE, data=DATA, translated=None):
    """A figure's output, as an output frame of Colab gets it."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        for name in (*interactive._KIT, "figure.css"):
            Path(folder, name).write_bytes((interactive._FOLDER / name).read_bytes())
        Path(folder, "probe.js").write_text(script, encoding="utf-8")
        patch.setattr(interactive, "_FOLDER", Path(folder))
        patch.setattr(words, "script_words", lambda *scripts: translated or {})
        return interactive.markup(
            "probe",
            data,
            "fig-probe",
            "<p>The still picture.</p>",
            ALT,
            title="A probe",
            instructions="Move the slider.",
        )


opened = alone(output)


@pytest.fixture
def page(opened):
    return afresh(opened)


@pytest.fixture
def show(open_alone):
    """Show a figure of its own."""
    return lambda script=PROBE, data=DATA, translated=None, **options: open_alone(
        output(script, data, translated), **options
    )


def sentence(page):
    return page.locator(".ac-sentence").inner_text()


def test_every_control_works_by_keyboard(page):
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert sentence(page) == "not at 1.1."
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert page.locator(".ac-number").all_inner_texts()[3] == "0.000"
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    assert sentence(page) == "a at 1.1."
    assert page.locator("tr.ac-marked th").inner_text() == "a"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert sentence(page) == "a at 2.2."
    assert page.locator("input[type=range]").get_attribute("aria-valuetext") == "2.2"
    page.keyboard.press("Tab")
    page.keyboard.type(" <b>")
    assert sentence(page) == "a at 2.2 <b>."
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert sentence(page) == "not at 1.0."
    assert page.locator("input[type=checkbox]").is_checked() is False
    assert page.locator("textarea").input_value() == ""


def test_jupyterlab_keeps_its_keys_away_from_every_control(page):
    controls = page.locator(".ac-live").locator("button, input, select, textarea")
    assert controls.count() == 6
    said = [control.get_attribute("data-lm-suppress-shortcuts") for control in controls.all()]
    assert said == ["true"] * 6


def test_the_state_is_announced_once_the_reader_pauses(show):
    page = show()
    assert page.locator(STATUS).inner_text() == ""
    page.locator("input[type=range]").focus()
    page.evaluate(
        """() => {
          window.heard = [];
          const status = document.querySelector("[role=status]");
          new MutationObserver(() => heard.push(status.textContent))
            .observe(status, { childList: true });
        }"""
    )
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.wait_for_function("window.heard.length > 0")
    page.wait_for_timeout(600)
    assert page.evaluate("heard") == ["not at 1.5."]
    page.get_by_role("button", name="Reset").click()
    page.wait_for_function("window.heard.length > 1")
    assert page.evaluate("heard.at(-1)") == "Reset. not at 1.0."


def test_names_for_screen_readers(page):
    for role, name in [
        ("figure", "A probe"),
        ("slider", "Temperature"),
        ("checkbox", "Hide the last word"),
        ("combobox", "Query"),
        ("textbox", "Text"),
        ("button", "Double"),
        ("button", "Reset"),
        ("list", "Weights"),
        ("table", "Scores"),
    ]:
        assert page.get_by_role(role, name=name, exact=True).count() == 1, (role, name)
    assert checks.axe_problems(page) == []


def test_numbers_are_printed_as_python_prints_them(page):
    """Also exact halves, where JavaScript and Python round differently."""
    generator = np.random.default_rng(0)
    halves = [n / 16 for n in range(-40, 41)] + [0.5, 1.5, 2.5, 0.125, 0.375, 1e-9, -1e-9, 1234.5]
    values = [*halves, *generator.normal(size=300), *(10 * generator.normal(size=300))]
    for digits in (0, 1, 2, 3, 4):
        shown = page.evaluate(
            "([values, digits]) => values.map((value) => probe.fixed(value, digits))",
            [values, digits],
        )
        expected = [f"{value:.{digits}f}" for value in values]
        expected = [
            text.replace("-", "−") if float(text) else text.lstrip("-") for text in expected
        ]
        assert shown == expected


def test_softmax_is_the_course_s_own(page):
    generator = np.random.default_rng(1)
    random_scores = generator.normal(0, 5, size=(20, 6)).tolist()
    for scores in [[1000.0, 1000.0, -1000.0], [0.0], *random_scores]:
        shown = page.evaluate("(scores) => probe.softmax(scores)", scores)
        np.testing.assert_allclose(shown, softmax(np.array(scores)), rtol=0, atol=1e-15)
        assert sum(shown) == pytest.approx(1, abs=1e-12)
    nothing = page.evaluate("() => probe.softmax([-Infinity, -Infinity])")
    assert nothing == [0, 0]
    one = page.evaluate("() => probe.softmax([-Infinity, 3])")
    assert one == [0, 1]


def test_a_wide_table_is_reached_by_keyboard_and_a_narrow_one_is_no_stop(page):
    hint = page.get_by_text("Scroll the table sideways")
    assert page.locator(".ac-scroll").get_attribute("tabindex") is None
    assert not hint.is_visible()
    page.set_viewport_size({"width": 150, "height": 600})
    page.wait_for_function("document.querySelector('.ac-scroll').tabIndex === 0")
    assert hint.is_visible()
    assert checks.axe_problems(page) == []


def test_paper_shows_what_was_chosen(page):
    page.locator("select").select_option(index=2)
    page.locator("input[type=checkbox]").check()
    page.emulate_media(media="print")
    assert not page.locator("button, input[type=range]").filter(visible=True).count()
    assert page.locator("select").is_visible()
    assert page.locator("input[type=checkbox]").is_visible()
    assert page.locator(".ac-value").inner_text() == "1.0"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone(page, scheme):
    phone(page, scheme)
    assert checks.overflow(page) == []
    assert checks.axe_problems(page) == []


def test_without_scripts_the_picture_stays(show):
    page = show(java_script_enabled=False)
    assert page.get_by_text("The still picture.").is_visible()
    assert page.get_by_text("as a still picture").is_visible()


def test_a_script_that_fails_leaves_the_picture_and_says_so(show):
    page = show("function build() { throw new Error('no room'); }")
    assert page.get_by_text("The still picture.").is_visible()
    assert "could not start in your browser" in page.locator(".ac-note").inner_text()


def test_a_figure_keeps_its_names_to_itself(show):
    page = show(re.sub("window.probe = .*", "", PROBE))
    names = ["build", "start", "createFigure", "element", "fixed", "softmax", "dot", "SVG", "tr"]
    assert page.evaluate("(names) => names.filter((name) => name in window)", names) == []


# --- twice, late, and marked by a search -------------------------------------------------------

INSERT = """(html) => {
  // As JupyterLab does: the output gets into the page first, its scripts run afterwards.
  const box = document.createElement("div");
  box.innerHTML = html;
  document.querySelector("main").append(box);
  for (const old of box.querySelectorAll("script")) {
    const script = document.createElement("script");
    script.textContent = old.textContent;
    old.replaceWith(script);
  }
}"""
EARLY = """([script, html]) => {
  (0, eval)(script);
  document.querySelector("main").insertAdjacentHTML("beforeend", html);
}"""


def test_the_same_output_twice_gives_two_live_figures(show):
    """JupyterLab's New View for Notebook puts every output into the page again."""
    page = show()
    page.evaluate(INSERT, output())
    figures = page.locator(".ac-live")
    assert figures.count() == 2
    for place in (1, 0):
        figure = figures.nth(place)
        # By its label, which must not lead to the other one's control.
        figure.get_by_text("Hide the last word").click()
        assert figure.get_by_role("checkbox").is_checked()
        figure.get_by_role("button", name="Double").click()
        said = [figures.nth(other).locator(".ac-sentence").inner_text() for other in (0, 1)]
        assert said == (["not at 1.0.", "not at 2.0."] if place else ["not at 2.0."] * 2)
    assert checks.unnamed_controls(page) == []


def test_a_script_that_runs_before_its_output_is_there(show):
    page = show()
    html, script = re.fullmatch(
        r"(.*)<script[^>]*>(.*)</script>", output().strip(), flags=re.DOTALL
    ).groups()
    page.evaluate(EARLY, [script.replace("<\\/", "</"), html])
    page.wait_for_function("document.querySelectorAll('.ac-live').length === 2")


def test_the_search_of_the_book_marks_words_that_can_be_seen_only(page, checkout):
    source = (checkout / "theme" / "sphinx_highlight.js").read_text(encoding="utf-8")
    code = "() => [...document.querySelectorAll('style, script')].map((part) => part.innerHTML)"
    before = page.evaluate(code)
    mark = """([source, words]) => {
      const [functions] = source.split("(() => {");
      const highlight = new Function(`${functions} return _highlightText;`)();
      words.forEach((word) => highlight(document.body, word, "highlighted"));
      const hits = [...document.querySelectorAll(".highlighted")];
      hits.forEach((hit) => hit.replaceWith(hit.textContent));
      return hits.map((hit) => hit.textContent);
    }"""
    hits = page.evaluate(mark, [source, ["interactive", "width", "film", "trusted"]])
    assert page.evaluate(code) == before
    assert set(hits) == {"film"}


# --- sentences ---------------------------------------------------------------------------------


def test_sentences_in_another_language(show):
    translated = {
        "Reset": "Von vorn",
        "{most} and {last}": "{most} und {last}",
        "{count} word": ["{count} Wort", "{count} W\u00f6rter"],
        "{a} before {b}": "{b} nach {a}",
    }
    page = show(translated=translated)
    assert page.get_by_role("button", name="Von vorn").count() == 1

    def ask(call):
        return page.evaluate(f"() => probe.{call}")

    assert ask("listed(['a', 'b', 'c'])") == "a, b und c"
    assert ask("tr('{a} before {b}', { a: 1, b: '{a}' })") == "{a} nach 1"
    counted = [ask(f"trn('{{count}} word', '{{count}} words', {n})") for n in (0, 1, 2)]
    assert counted == ["0 W\u00f6rter", "1 Wort", "2 W\u00f6rter"]


def test_a_sentence_without_translation_stays_as_it_is(page):
    for text in ("constructor", "__proto__", "toString", "Not translated {name}"):
        assert page.evaluate("(text) => probe.tr(text)", text) == text
    assert page.evaluate("probe.tr('{a}, {b}', { a: 0 })") == "0, {b}"
    forms = "(n) => probe.trn('{count} {thing}', '{count} {thing}s', n, { thing: 'step' })"
    assert [page.evaluate(forms, n) for n in (0, 1, 2)] == ["0 steps", "1 step", "2 steps"]
    assert [
        page.evaluate("(n) => probe.listed(['a', 'b', 'c'].slice(0, n))", n) for n in range(4)
    ] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]


# --- what the kit draws ------------------------------------------------------------------------


def test_numbers_of_any_size(page):
    generator = np.random.default_rng(2)
    values = [0, 1e-3, 9.994e-4, 999_999, 1e6, *10 ** generator.uniform(-40, 40, size=200)]
    for digits in (2, 4):
        shown = page.evaluate(
            "([values, digits]) => values.map((value) => probe.magnitude(value, digits))",
            [values, digits],
        )
        assert shown == [magnitude(value, digits) for value in values]


def test_mixtures_are_numpy_s(page):
    generator = np.random.default_rng(3)
    for rows, columns in itertools.product((1, 2, 5), (1, 3)):
        weights, vectors = generator.normal(size=rows), generator.normal(size=(rows, columns))
        shown = page.evaluate(
            "([weights, vectors]) => probe.weightedSum(weights, vectors)",
            [weights.tolist(), vectors.tolist()],
        )
        np.testing.assert_allclose(shown, weights @ vectors, atol=1e-14)


PLACES = """() => {
  const svg = document.querySelector("svg.ac-plotted");
  const room = svg.getBoundingClientRect();
  const box = (node) => {
    const { left, right, top, bottom } = node.getBoundingClientRect();
    return [left - room.left, right - room.left, top - room.top, bottom - room.top];
  };
  const all = (tag) => [...svg.querySelectorAll(tag)].map(box);
  return {
    room: [room.width, room.height], bars: all("rect"), discs: all("circle"),
    lines: all("polyline"), rules: all(":scope > line"), marks: all("svg > svg > line"),
    texts: [...svg.querySelectorAll("text")].map((text) => [text.textContent,
      parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a]),
    legend: document.querySelector(".ac-legend").textContent,
  };
}"""


@pytest.mark.parametrize("log", [False, True])
def test_a_plot_is_drawn_to_scale_and_its_words_keep_their_size(show, log):
    """Bars, discs, a line and marks stand where their numbers are, on a desk and on a phone."""
    generator = np.random.default_rng(4)
    page = show(DRAWN, {"part": "plot", "options": {"height": 200, "width": 600}})
    low, high = (1, 100) if log else (-100, 100)
    points = np.array([np.arange(1, 9), generator.uniform(low, high, size=8)]).T

    def share(value):
        return np.log10(value) / 2 if log else (value + 100) / 200

    up = share(points[:, 1])
    ticks = [1, 10, 100] if log else [-100, 0, 100]
    series = [
        {"shape": shape, "points": points.tolist(), "colour": "blue"}
        for shape in ("line", "points", *(() if log else ("bars",)))
    ]
    series[0]["name"] = "the line"
    sizes = []
    for width in (1280, 360):
        page.set_viewport_size({"width": width, "height": 640})
        page.evaluate(
            "(content) => draw(content)",
            {
                "x": {"label": "place", "from": 0, "to": 9, "ticks": [1, 8]},
                "y": {"label": "size", "from": low, "to": high, "log": log, "ticks": ticks},
                "series": series,
                "marks": [3],
            },
        )
        found = page.evaluate(PLACES)
        right, bottom = found["room"]
        assert bottom == 200
        assert right < width
        across, down = right * points[:, 0] / 9, 200 * (1 - up)
        discs = np.array(found["discs"])
        np.testing.assert_allclose(discs[:, :2].mean(axis=1), across, atol=0.5)
        np.testing.assert_allclose(discs[:, 2:].mean(axis=1), down, atol=0.5)
        (line,) = np.array(found["lines"])
        np.testing.assert_allclose(line[:2], across[[0, -1]], atol=3)
        np.testing.assert_allclose(line[2:], [down.min(), down.max()], atol=3)
        if not log:
            bars = np.array(found["bars"])
            np.testing.assert_allclose(bars[:, :2].mean(axis=1), across, atol=0.5)
            np.testing.assert_allclose(bars[:, 2], np.minimum(down, 100), atol=0.5)
            np.testing.assert_allclose(bars[:, 3], np.maximum(down, 100), atol=0.5)
            assert (points[:, 1] < 0).any()
        np.testing.assert_allclose(np.array(found["marks"])[:, 0], right / 3, atol=1)
        levels = [200 * (1 - share(tick)) for tick in ticks]
        np.testing.assert_allclose(np.array(found["rules"])[:, 2], levels, atol=1)
        assert found["legend"] == "the line"
        sizes.append(found["texts"])
        assert checks.overflow(page) == []
        assert checks.faint_drawings(page) == []
    assert sizes[0] == sizes[1]
    named = {text for text, _ in sizes[0]}
    assert named >= {
        *(str(tick).replace("-", "\u2212") for tick in ticks),
        "1",
        "8",
        "place",
        "size",
    }


def test_a_heat_map_says_its_numbers(show):
    """Queries are rows and keys are columns; without room for numbers they are still read out."""
    rows, keys = ["q0", "q1"], [f"k{j}" for j in range(11)]
    for columns in (keys[:3], keys):
        options = {"caption": "Weights", "corner": "query", "rows": rows, "columns": columns}
        page = show(DRAWN, {"part": "heatmap", "options": options})
        matrix = np.round(np.linspace(-1, 1, 2 * len(columns)), 3).reshape(2, -1)
        page.evaluate("(matrix) => { matrix[1][0] = NaN; draw(matrix, 1); }", matrix.tolist())
        cells = page.get_by_role("table", name="Weights").locator("tbody tr").all()
        shown = [row.locator("th, td").all_text_contents() for row in cells]
        wanted = [
            [name, *(f"{value:.3f}".replace("-", "\u2212") for value in values)]
            for name, values in zip(rows, matrix, strict=True)
        ]
        wanted[1][1] = "masked"
        assert shown == wanted
        assert page.locator("tr.ac-marked th").all_text_contents() == ["q1"]
        shades = page.locator(".ac-shaded").evaluate_all(
            "(cells) => cells.map((cell) => getComputedStyle(cell).backgroundColor)"
        )
        colours = np.array([re.findall(r"[\d.]+", shade.partition("srgb")[2]) for shade in shades])
        alpha = colours[:, 3].astype(float)
        strength = np.where(np.arange(alpha.size) == len(columns), 0, np.abs(matrix.ravel()))
        np.testing.assert_allclose(alpha, 0.64 * strength, atol=0.01)
        less = matrix.ravel() < 0
        assert len({*map(tuple, colours[less & (strength > 0), :3])}) == 1
        assert {*map(tuple, colours[less, :3])}.isdisjoint(map(tuple, colours[~less, :3]))
        seen = page.locator("td span span").first.bounding_box()["width"] > 2
        assert seen == (len(columns) <= 10)
        assert checks.axe_problems(page) == []
        page.context.close()


def test_shaded_words_keep_their_text(show):
    page = show(DRAWN, {"part": "shadedText", "options": {"digits": 3}})
    pieces = ["<b>", {"text": "not", "weight": 0.5}, " ", {"text": "bad", "weight": -1}, "!"]
    page.evaluate(
        "(pieces) => draw(pieces)", [*pieces, {"text": "x", "weight": 0, "remark": "new"}]
    )
    text = page.locator(".ac-text")
    assert text.text_content() == "<b>not bad!x (new)"
    words_ = text.locator(".ac-word")
    assert [word.get_attribute("title") for word in words_.all()] == [
        "0.500",
        "\u22121.000",
        "0.000",
    ]
    assert checks.axe_problems(page) == []
