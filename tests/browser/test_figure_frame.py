"""The frame of the interactive figures, in a browser: controls, numbers, and what fails well."""

import checks
import numpy as np
import pytest

from attention_course import interactive
from attention_course.functional import softmax

ALT = "Four bars, the third one the longest."
DATA = {"words": ["not", "a", "bad", "film"], "scores": [1.0, -0.5, 2.0, 0.125]}
PROBE = """
function build(figure, data) {
  window.probe = { fixed, softmax, dot };
  const bars = figure.bars({ labels: data.words, label: "Weights" });
  const table = figure.table({ caption: "Scores", columns: ["word", "score"] });
  const tenth = (value) => fixed(value, 1);
  figure.add(
    figure.group(
      figure.slider("heat", { label: "Temperature", min: 0.5, max: 4, step: 0.1, format: tenth }),
      figure.checkbox("hide", { label: "Hide the last word" }),
      figure.choice("row", { label: "Query", options: data.words.map((word, i) => [i, word]) }),
      figure.button("Double", (state) => { state.heat *= 2; }),
      figure.text("typed", { label: "Text" })),
    bars.node, table.node);
  figure.run({ heat: 1, hide: false, row: 0, typed: "" }, (state) => {
    const scores = data.scores.map((score) => score / state.heat);
    if (state.hide) scores[3] = -Infinity;
    bars.set(softmax(scores));
    table.set(data.words.map((word, i) => [word, fixed(data.scores[i], 2)]), state.row);
    return `${data.words[state.row]} at ${tenth(state.heat)}${state.typed}.`;
  });
}
"""
STATUS = "[role=status]"


@pytest.fixture
def show(open_alone, tmp_path, monkeypatch):
    """Show one figure alone in a page, as in an output frame of Colab."""
    for name in ("figure.js", "figure.css"):
        (tmp_path / name).write_bytes((interactive._FOLDER / name).read_bytes())
    monkeypatch.setattr(interactive, "_FOLDER", tmp_path)

    def show_one(script=PROBE, data=DATA, **options):
        (tmp_path / "probe.js").write_text(script, encoding="utf-8")
        page_text = interactive.markup(
            "probe",
            data,
            element="fig-probe",
            title="A probe",
            instructions="Move the slider.",
            picture="<p>The still picture.</p>",
            alt=ALT,
        )
        return open_alone(page_text, **options)

    return show_one


def sentence(page):
    return page.locator(".ac-sentence").inner_text()


def test_every_control_works_by_keyboard(show):
    page = show()
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


def test_jupyterlab_keeps_its_keys_away_from_every_control(show):
    controls = show().locator(".ac-live").locator("button, input, select, textarea")
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


def test_names_for_screen_readers(show):
    page = show()
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


def test_numbers_are_printed_as_python_prints_them(show):
    """Also exact halves, where JavaScript and Python round differently."""
    page = show()
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


def test_softmax_is_the_course_s_own(show):
    page = show()
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


def test_a_wide_table_is_reached_by_keyboard_and_a_narrow_one_is_no_stop(show):
    page = show()
    hint = page.get_by_text("Scroll the table sideways")
    assert page.locator(".ac-scroll").get_attribute("tabindex") is None
    assert not hint.is_visible()
    page.set_viewport_size({"width": 150, "height": 600})
    page.wait_for_function("document.querySelector('.ac-scroll').tabIndex === 0")
    assert hint.is_visible()
    assert checks.axe_problems(page) == []


def test_paper_shows_what_was_chosen(show):
    page = show()
    page.locator("select").select_option(index=2)
    page.locator("input[type=checkbox]").check()
    page.emulate_media(media="print")
    assert not page.locator("button, input[type=range]").filter(visible=True).count()
    assert page.locator("select").is_visible()
    assert page.locator("input[type=checkbox]").is_visible()
    assert page.locator(".ac-value").inner_text() == "1.0"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone(show, scheme):
    page = show(color_scheme=scheme)
    page.set_viewport_size({"width": 360, "height": 640})
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
    page = show(PROBE.replace("window.probe = { fixed, softmax, dot };", ""))
    names = ["build", "start", "createFigure", "element", "fixed", "softmax", "dot", "SVG"]
    assert page.evaluate("(names) => names.filter((name) => name in window)", names) == []
