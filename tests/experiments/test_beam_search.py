"""Beam search over the verses: what was recorded, and that the command writes where it is told."""

import json

import numpy as np
import pytest

from attention_course import __main__ as cli
from attention_course import assets, models
from attention_course.datasets import verses
from attention_course.experiments import beam_search
from attention_course.experiments.beam_search import PENALTIES, WIDTHS
from attention_course.models import cards
from attention_course.models.verses import BUILDERS, LONGEST
from attention_course.training import scoring

PAIRS = [("In the beginning", "En el principio"), ("God", "Dios"), ("the heavens", "los cielos")]


@pytest.fixture(scope="module")
def recorded():
    path = assets.fetch(f"data/{beam_search.FILE}")
    return json.loads(path.read_text(encoding="utf-8"))


def test_translations_come_back_in_the_order_of_the_pairs(monkeypatch):
    """A beam that copies the length of its source."""
    asked = []

    def beam(model, source, longest, width, penalty):
        asked.append((model, width, penalty))
        lengths = (source != 0).sum(axis=1)
        return [verses.subwords()[1].encode("a" * length) for length in lengths], -lengths

    monkeypatch.setattr(beam_search, "beam", beam)
    found, value = beam_search.search("a model", PAIRS, 4, 0.5)
    lengths = [len(verses.subwords()[0].encode(english)) + 1 for english, _ in PAIRS]
    assert found == ["a" * length for length in lengths]
    assert value == -np.mean(lengths)
    assert asked == [("a model", 4, 0.5)]


def test_every_width_is_tried_with_every_penalty(monkeypatch):
    def search(model, pairs, width, penalty):
        return [f"{width}" if width > 1 else spanish for _, spanish in pairs], -float(width)

    monkeypatch.setattr(beam_search, "search", search)
    monkeypatch.setattr("attention_course.training.scoring.SAMPLES", 3)
    rows, greedy = beam_search.by_width(None, PAIRS)
    assert greedy == [spanish for _, spanish in PAIRS]
    assert [(row["width"], row["length_penalty"]) for row in rows] == tried()
    assert rows[0]["chrf"]["score"] == 100
    assert all(("log_probability" in row) == (row["length_penalty"] == 0) for row in rows)


def tried():
    return [(1, 0.0), *((width, penalty) for width in WIDTHS[1:] for penalty in PENALTIES)]


def test_the_command_writes_where_it_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(beam_search, "parts", lambda: ({"test": PAIRS}, {}))
    monkeypatch.setattr(models, "load", lambda name: name)
    monkeypatch.setattr(beam_search, "by_width", lambda name, pairs: ([{"of": name}], [name]))
    monkeypatch.setattr(beam_search, "differences", lambda *texts: texts[:2])
    monkeypatch.setattr(scoring, "otherwise", lambda *texts: texts)
    assert cli.main(["beam", "--output", str(tmp_path)]) == 0
    content = json.loads((tmp_path / beam_search.FILE).read_text(encoding="utf-8"))
    assert content["models"] == {name: [{"of": name}] for name in BUILDERS}
    assert content["attention_minus_plain"] == [["verses_plain"], ["verses_attention"]]
    assert content["counted_otherwise"] == [["verses_attention"], [text for _, text in PAIRS]]
    assert content["shown"] == [list(pair) for pair in PAIRS]


# --- what was recorded -----------------------------------------------------------------------


@pytest.mark.parametrize("name", BUILDERS)
def test_one_beam_has_the_scores_of_the_card(recorded, name):
    """Both are greedy, though found by different functions."""
    row, test = recorded["models"][name][0], cards.load_card(name)["test"]
    assert (row["width"], row["length_penalty"]) == (1, 0)
    assert recorded["examples"] == row["examples"] == test["examples"]
    for metric in ("bleu", "chrf"):
        assert row[metric]["score"] == pytest.approx(test[metric]["score"], abs=0.05)


@pytest.mark.parametrize("name", BUILDERS)
def test_wider_beams_find_likelier_translations(recorded, name):
    rows = recorded["models"][name]
    assert [(row["width"], row["length_penalty"]) for row in rows] == tried()
    found = [row["log_probability"] for row in rows if row["length_penalty"] == 0]
    assert found == sorted(found)
    assert all(len(row["written"]) == len(recorded["shown"]) for row in rows)


@pytest.mark.parametrize("name", BUILDERS)
def test_a_recorded_translation_is_found_again(recorded, name):
    pairs = [tuple(pair) for pair in recorded["shown"]][:4]
    rows = {(row["width"], row["length_penalty"]): row for row in recorded["models"][name]}
    found, _ = beam_search.search(models.load(name), pairs, 4, 1.0)
    same = [one == other for one, other in zip(found, rows[4, 1.0]["written"], strict=False)]
    assert sum(same) >= 3  # another processor may round a tie to the other side


def test_the_difference_is_that_of_the_scores(recorded):
    plain, attention = (recorded["models"][name][0] for name in BUILDERS)
    stored = recorded["attention_minus_plain"]
    for metric in ("bleu", "chrf"):
        difference = attention[metric]["score"] - plain[metric]["score"]
        assert stored[metric]["difference"] == pytest.approx(difference, abs=0.002)
    assert stored["by_length"][-1]["subwords"][1] == LONGEST


def test_counted_in_its_own_way_the_score_is_that_of_greedy_search(recorded):
    counted = recorded["counted_otherwise"]
    assert counted["ways"]["13a"] == recorded["models"]["verses_attention"][0]["bleu"]["score"]
    fours = counted["four_at_a_time"]
    assert fours["groups"] == recorded["examples"] // 4
    assert 0 <= fours["lowest"] <= fours["middle"] <= fours["highest"] <= 100
