"""The frame of the interactive figures: what Python writes into a cell's output."""

import json
import re

import numpy as np
import pytest
import samples
from bs4 import BeautifulSoup

from attention_course import interactive, words
from attention_course.display import plots, style, svg
from attention_course.display.plots import PlotError
from attention_course.functional import additive_score, dot_score, general_score, kinds
from attention_course.interactive import FigureError, decoding_step, translation

ALT = "Four bars, the third one the longest."
REAL = interactive._FOLDER


@pytest.fixture
def scripts(tmp_path, monkeypatch):
    """A folder of figures with one figure in it, besides the frame."""
    for name in (*interactive._KIT, "figure.css"):
        (tmp_path / name).write_bytes((interactive._FOLDER / name).read_bytes())
    (tmp_path / "probe.js").write_text('function build(figure, data) { /* "</script>" */ }')
    monkeypatch.setattr(interactive, "_FOLDER", tmp_path)
    monkeypatch.setattr(svg, "_times_shown", svg.Counter())
    return tmp_path


def markup(
    data=None, name="probe", alt=ALT, title="Title", element="fig-probe", picture="<svg></svg>"
):
    return interactive.markup(
        name, data or {}, element, picture, alt, title=title, instructions="Move the slider."
    )


def data_in(page):
    """Read back what the page hands to the script."""
    text = re.search(r'start\("fig-probe", build, (.*)\);\n\}\)\(\);', page)[1]
    return json.loads(text)


@pytest.mark.usefixtures("scripts")
def test_the_data_arrives_with_every_digit():
    values = np.random.default_rng(0).normal(size=(3, 4))
    given = {"values": values, "count": np.int64(7), "word": "</script><b>&", "flag": np.True_}
    received = data_in(markup(given))
    assert received == {
        "values": values.tolist(),
        "count": 7,
        "word": "</script><b>&",
        "flag": True,
    }


@pytest.mark.usefixtures("scripts")
def test_nothing_in_data_or_script_ends_the_script():
    page = markup({"word": "</script><!--<script>"})
    assert page.count("</script>") == 1
    assert page.endswith("</script>")
    assert "<!--" not in page


@pytest.mark.usefixtures("scripts")
def test_title_and_instructions_are_text():
    page = markup(title="<b> & co")
    assert "&lt;b&gt; &amp; co" in page
    assert "<b>" not in page


@pytest.mark.usefixtures("scripts")
def test_everything_is_inside_the_output():
    page = markup()
    assert not re.search(r'\b(src|href)="', page)
    assert not re.search(r"\b(fetch|import|XMLHttpRequest)\b\s*\(", page)


@pytest.mark.usefixtures("scripts")
@pytest.mark.parametrize("name", ["figure", "kit", "nothing", "../figure", "Probe", "", "probe.js"])
def test_an_unknown_figure_is_refused_with_the_names_there_are(name):
    with pytest.raises(FigureError, match=r"^There is no interactive figure .*; there are probe"):
        markup(name=name)


@pytest.mark.usefixtures("scripts")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(value):
    with pytest.raises(
        FigureError,
        match=r"'probe' cannot show its data: there is NaN or an infinite number among them\.$",
    ):
        markup({"values": np.array([1.0, value])})


@pytest.mark.usefixtures("scripts")
def test_what_json_cannot_hold_is_refused():
    with pytest.raises(FigureError, match="cannot show its data: 'set'"):
        markup({"values": {1, 2}})


@pytest.mark.usefixtures("scripts")
def test_a_description_is_required():
    with pytest.raises(PlotError):
        markup(alt="a.svg")


@pytest.mark.usefixtures("scripts")
def test_shown_twice_the_ids_differ(monkeypatch):
    shown = []
    monkeypatch.setattr(
        "IPython.display.display", lambda bundle, raw: shown.append(bundle), raising=True
    )
    for _ in range(2):
        interactive.show("probe", {}, plots.figure()[0], ALT, title="Title", instructions="Move.")
    ids = [re.findall(r' id="([^"]+)"', bundle["text/html"]) for bundle in shown]
    assert [of_one[0] for of_one in ids] == ["fig-probe", "fig-probe-2"]
    assert not set(ids[0]) & set(ids[1])
    assert shown[0]["text/plain"] == f"Interactive figure: Title. {ALT}"


@pytest.mark.usefixtures("scripts")
def test_sentences_come_along_only_in_another_language(monkeypatch):
    """And of all sentences only those of the figure's own scripts."""
    asked = []

    def script_words(*scripts):
        asked.append(scripts)
        return {"Reset": "Zur\u00fcck</script>", "{count} word": ["{count} Wort", "{count} Worte"]}

    monkeypatch.setattr(words, "script_words", script_words, raising=False)
    page = markup()
    assert asked == [("kit.js", "figure.js", "probe.js")]
    assert "\nconst WORDS = {" in page
    assert page.count("</script>") == 1
    monkeypatch.setattr(words, "script_words", lambda *scripts: {})
    assert "\nconst WORDS" not in markup()


@pytest.mark.usefixtures("scripts")
def test_colours_are_those_of_the_plots():
    page = markup()
    for name, value in style.COLOURS.items():
        assert page.count(f"--ac-{name}: {value};") == 1
        assert page.count(value) == 1
    assert not re.findall(
        r"#[0-9a-f]{6}", "".join(path.read_text(encoding="utf-8") for path in REAL.glob("*.[cj]s*"))
    ), "a colour stands in style.py only"


@pytest.mark.usefixtures("scripts")
def test_without_trust_only_words_are_left():
    """JupyterLab removes SVG, scripts, style sheets and empty attributes."""
    page = BeautifulSoup(markup(picture="<svg><text>Tick</text></svg>"), "html.parser")
    for element in page.select("script, style, [hidden]"):
        element.decompose()
    said = page.get_text(" ", strip=True)
    assert said.startswith(f"Title Move the slider. {ALT}")
    assert "Trust Notebook" in said
    assert "Tick" not in said
    assert "still picture" not in said


@pytest.mark.usefixtures("scripts")
def test_the_same_picture_in_two_figures_has_different_ids():
    fig, ax = plots.figure()
    ax.plot([1, 2], marker="o")
    picture = plots.svg(fig, "A line that goes up.")
    pages = [markup(element=f"fig-probe-{n}", picture=picture) for n in (1, 2)]
    ids = [set(re.findall(r' id="([^"]+)"', page)) for page in pages]
    assert len(ids[0]) > 2, "the picture has ids"
    assert not ids[0] & ids[1]
    for page, own in zip(pages, ids, strict=True):
        assert set(re.findall(r'(?:url\(#|href="#)([^")]+)', page)) <= own


def test_every_script_belongs_to_a_module():
    """A figure NAME.js is shown by NAME.py, and the other way round."""
    folder = interactive._FOLDER
    scripts = {path.stem for path in folder.glob("*.js") if path.name not in interactive._KIT}
    assert len(scripts) >= 8
    for name in scripts:
        assert f'"{name}"' in (folder / f"{name}.py").read_text(encoding="utf-8")


def test_the_example_of_the_decoding_step_is_what_is_said_of_it():
    """The long key of "film" misleads the dot product at one step, and no other score."""
    keys, queries, needed = decoding_step.KEYS, decoding_step.QUERIES, decoding_step.NEEDED
    assert needed.tolist() == [7 - step for step in range(8)]
    words = np.array(decoding_step.WORDS)
    _, vectors = np.unique(words, return_inverse=True)
    assert len(np.unique(keys, axis=0)) == len(set(words)) == 7
    for place, other in np.ndindex(8, 8):
        assert (keys[place] == keys[other]).all() == (vectors[place] == vectors[other])
    lengths = np.linalg.norm(keys, axis=1)
    assert lengths.max() == lengths[3] > 1.5 * np.delete(lengths, 3).max()

    given = decoding_step.PARAMETERS

    def wrong(scores):
        """Steps at which another word than the needed one has the highest score."""
        return np.flatnonzero(words[scores.argmax(axis=1)] != words[needed]).tolist()

    assert wrong(dot_score(queries, keys)) == [5]
    assert words[dot_score(queries, keys)[5].argmax()] == "film"
    assert wrong(kinds.cosine_score(queries, keys)) == []
    assert wrong(general_score(queries, keys, **given["general"])) == []
    assert wrong(additive_score(queries, keys, **given["additive"])) == []
    # Only a score of places tells the two "a" from each other.
    by_place = kinds.location_score(queries, given["location"]["W"], 8)
    assert by_place.argmax(axis=1).tolist() == needed.tolist()
    predicted = kinds.predicted_places(queries, *given["predicted"].values(), 8)
    assert np.abs(predicted - needed).max() < 0.85


def test_a_translation_starts_where_every_record_has_something():
    recorded = samples.translations()
    data = translation.figure_data(recorded)
    start = data["start"]
    first = data["sentences"][start["sentence"]]["translations"][start["score"]]
    assert 0 < start["count"] < len(first["likeliest"])
    assert [sentence["label"] for sentence in data["sentences"]] == [*translation.KINDS.values()]
    for sentence, before in zip(data["sentences"], recorded["sentences"], strict=True):
        assert sentence == {"label": sentence["label"], **before}
        assert set(sentence["translations"]) == set(data["scores"])
    assert "versions" not in translation.figure_data({**recorded, "versions": {}})
