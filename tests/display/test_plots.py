"""Figures: described in words, the same every time, legible on light and dark pages."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from bs4 import BeautifulSoup

from attention_course.display import plots, style, svg
from attention_course.errors import CourseError

TOKENS = ["not", "a", "bad", "film"]
ALT = "Each word attends mostly to itself; the diagonal is the darkest."
WEIGHTS = np.full((4, 4), 0.1) + 0.6 * np.eye(4)


@pytest.fixture
def shown(monkeypatch):
    """What the functions display, as pairs of HTML and plain text."""
    outputs = []
    monkeypatch.setattr(svg, "display", lambda markup, plain: outputs.append((markup, plain)))
    return outputs


DRAWINGS = {
    "heatmap": lambda alt: plots.heatmap(WEIGHTS, TOKENS, TOKENS, "Weights", alt),
    "heatmaps": lambda alt: plots.heatmaps([WEIGHTS, -WEIGHTS], TOKENS, TOKENS, ["1", "2"], alt),
    "large": lambda alt: plots.heatmap(np.eye(50), None, None, "", alt),
    "lines": lambda alt: plots.lines(
        [1, 2, 3], {"A": [1, 2, 3], "B": [3, 2, 1]}, "step", "norm", alt, {"A": ([0] * 3, [4] * 3)}
    ),
    "bars": lambda alt: plots.bars(
        ["x", "y"],
        {"A": [1, 2], "B": [2, 1]},
        "model",
        "accuracy",
        alt,
        {"A": [0.1, 0.2]},
        reference={"chance": 0.5},
    ),
    "lying bars": lambda alt: plots.bars(
        ["x", "y"], [1, 2], "model", "accuracy", alt, horizontal=True
    ),
    "token_weights": lambda alt: plots.token_weights(TOKENS, [0.1, 0.1, 0.7, 0.1], alt),
}


@pytest.mark.parametrize("name", DRAWINGS)
class TestEveryFigure:
    def test_shows_html_and_its_description(self, name, shown):
        DRAWINGS[name](ALT)  # a warning of Matplotlib would fail the test
        [(markup, plain)] = shown
        assert plain.startswith(ALT)
        assert ALT in markup
        root = ElementTree.fromstring(f"<body>{markup.replace('&nbsp;', ' ')}</body>")
        assert root[-1].tag in ("div", "figure")

    @pytest.mark.parametrize(
        "alt", ["", "  ", None, "attention.png", "my_plot_of_weights.svg", "a plot", "heatmap"]
    )
    def test_refuses_to_be_shown_without_a_description(self, name, alt, shown):
        with pytest.raises(plots.PlotError):
            DRAWINGS[name](alt)
        assert not shown

    def test_is_the_same_every_time(self, name, shown):
        DRAWINGS[name](ALT)
        DRAWINGS[name](ALT)
        assert shown[0] == shown[1]


@pytest.mark.parametrize("name", sorted(set(DRAWINGS) - {"token_weights"}))
class TestEverySvg:
    def test_follows_the_page(self, name, shown):
        DRAWINGS[name](ALT)
        drawing = shown[0][0].partition("<svg")[2]
        assert 'role="img"' in drawing
        assert "currentColor" in drawing
        # Nothing black or white, no rule for the whole page, nothing that changes with the day.
        for unwanted in ("#000000", "#ffffff", "<style", "<metadata", "<?xml", "<!--", "DejaVu"):
            assert unwanted not in drawing

    def test_its_words_stay_unmarked_where_a_mark_cannot_be_drawn(self, name, shown):
        """The search of the book marks words, and fails in these elements of an SVG."""
        DRAWINGS[name](ALT)
        assert not re.search("<(title|desc|style)", shown[0][0].partition("<svg")[2])

    def test_ids_are_its_own_and_all_used(self, name, shown):
        DRAWINGS[name](ALT)
        drawing = shown[0][0]
        ids = re.findall(r'\bid="([^"]+)"', drawing)
        assert len(ids) == len(set(ids))
        assert all(re.fullmatch(r"ac[0-9a-f]{8}-\d+", name) for name in ids)
        assert set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', drawing)) <= {
            pair for name in ids for pair in ((name, ""), ("", name))
        }


def test_text_stays_text_and_is_escaped(shown):
    plots.heatmap(WEIGHTS, ["<not>", "a", "bad", "film"], TOKENS, 'A & "B"', ALT)
    drawing = shown[0][0]
    assert "&lt;not&gt;" in drawing
    assert ">film</text>" in drawing
    assert ">0.70</text>" in drawing


def test_queries_are_rows_and_keys_are_columns(shown):
    plots.heatmap([[0.25, 0.75]], ["row"], ["left", "right"], "", ALT)
    drawing = shown[0][0]

    def place(text):
        at = re.search(rf'x="([\d.-]+)" y="([\d.-]+)"[^>]*>{text}<', drawing)
        return float(at[1]), float(at[2])

    assert place("left")[0] == place("0.25")[0] < place("right")[0] == place("0.75")[0]
    assert place("0.25")[1] == place("0.75")[1]
    assert ">queries<" in drawing
    assert ">keys<" in drawing


def test_lines_differ_by_more_than_colour(shown):
    styles = [plots.line_style(index) for index in range(len(plots.COLOURS))]
    for part in ("color", "linestyle", "marker"):
        assert len({str(style[part]) for style in styles}) == len(styles)


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("page", ["#ffffff", "#121212"])
@pytest.mark.parametrize("name", plots.COLOURS)
def test_colours_stand_out(name, page):
    assert contrast(plots.COLOURS[name], page) >= 3


@pytest.mark.parametrize(("page", "text"), [("#ffffff", "#323232"), ("#121212", "#ced6dd")])
@pytest.mark.parametrize("name", ["blue", "orange"])
def test_a_number_is_readable_on_the_strongest_cell(name, page, text):
    def mixed(start):
        top, under = (int(colour[start : start + 2], 16) for colour in (plots.COLOURS[name], page))
        return round(style.STRONGEST * top + (1 - style.STRONGEST) * under)

    cell = "#" + "".join(f"{mixed(start):02x}" for start in (1, 3, 5))
    assert contrast(cell, text) >= 4.5


@pytest.mark.parametrize(
    ("draw", "sentence"),
    [
        (lambda: plots.heatmap([1.0, 2.0], None, None, "", ALT), r"shape \(2,\)"),
        (lambda: plots.heatmap(WEIGHTS, TOKENS[:3], TOKENS, "", ALT), "3 labels for the queries"),
        (lambda: plots.heatmap(WEIGHTS, TOKENS, [*TOKENS, "!"], "", ALT), "5 labels for the keys"),
        (lambda: plots.heatmaps([], None, None, [], ALT), "at least one"),
        (lambda: plots.heatmaps([WEIGHTS], None, None, [], ALT), "0 titles"),
        (lambda: plots.lines([1, 2], {"A": [1]}, "x", "y", ALT), "“A” needs"),
        (lambda: plots.lines([1], {"A": [1]}, "x", "y", ALT, {"B": ([0], [1])}), "no line"),
        (lambda: plots.bars(["x"], [1, 2], "x", "y", ALT), "each of 1 places"),
        (lambda: plots.token_weights(TOKENS, [1.0], ALT), "each of 4 places"),
    ],
)
def test_data_that_do_not_fit_get_one_sentence(draw, sentence, shown):
    with pytest.raises(plots.PlotError, match=sentence) as caught:
        draw()
    assert isinstance(caught.value, CourseError)
    assert not shown


def test_a_long_title_is_broken_instead_of_cut_off(shown):
    plots.heatmap(WEIGHTS, TOKENS, TOKENS, "A heading that is far wider than its four cells", ALT)
    drawing = shown[0][0]
    assert "A heading that is far wider than its four cells" not in drawing
    assert all(f"{word}" in drawing for word in ("heading", "wider", "four cells"))


def test_missing_numbers_are_marked(shown):
    plots.heatmap([[0.5, np.nan], [np.nan, 0.5]], None, None, "", ALT)
    assert shown[0][0].count(">NaN<") == 2


def test_a_long_text_names_its_largest_weights(shown):
    weights = np.arange(40) / 100
    plots.token_weights([f"w{i}" for i in range(40)], weights, "Words late in the text weigh more.")
    markup, plain = shown[0]
    assert "Largest weights: w39 0.39, w38 0.38" in plain
    assert 'title="0.390"' in markup
    # A tooltip needs a mouse: these words are for everybody to see.
    line = re.search(r'<span style="([^"]*)">Largest weights: w39', markup)
    assert "clip" not in line[1]


def test_printed_numbers_are_not_seen_twice(shown):
    plots.token_weights(TOKENS, [0.1, 0.1, 0.7, 0.1], ALT)
    line = re.search(r'<span style="([^"]*)">Weights: not 0.10', shown[0][0])
    assert "clip-path" in line[1]


def test_what_a_notebook_does_without_trust(shown):
    """JupyterLab removes SVG, style sheets and empty attributes; the rest must say what to do."""
    plots.heatmap(WEIGHTS, TOKENS, TOKENS, "", ALT)
    page = BeautifulSoup(shown[0][0], "html.parser")
    for element in page.select("style, svg"):
        element.unwrap() if element.name == "svg" else element.decompose()
    for element in page.find_all(hidden=True):
        assert element["hidden"], "an empty attribute would be removed"
        element.decompose()
    said = page.get_text(" ", strip=True)
    assert said.startswith(ALT)
    assert "Trust Notebook" in said
    assert "film" not in said, "no words of the picture"


def test_show_reaches_the_notebook(capsys):
    fig, ax = plots.figure()
    ax.plot([0, 1], [0, 1])
    plots.show(fig, ALT)
    # Outside a notebook IPython prints the plain text.
    assert ALT in capsys.readouterr().out


def test_importing_is_light():
    import subprocess
    import sys

    code = "import sys, attention_course.display.plots; print('matplotlib' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
