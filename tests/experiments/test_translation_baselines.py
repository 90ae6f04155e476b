"""Baselines of translation: what was recorded, and that the command writes where it is told."""

import json

import pytest

from attention_course import __main__ as cli
from attention_course import assets
from attention_course.datasets import phrases
from attention_course.experiments import translation_baselines
from attention_course.training.recipes import phrases as phrases_recipe
from attention_course.training.recipes import verses as verses_recipe


@pytest.fixture(scope="module")
def recorded():
    path = assets.fetch(f"data/{translation_baselines.FILE}")
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_phrases_are_translated_again(recorded):
    split, _, too_long = phrases_recipe.parts()
    stored = recorded["phrases"]
    assert stored["too_long"] == too_long
    assert {part: stored[part] for part in split} == {part: len(row) for part, row in split.items()}
    found = translation_baselines.translations(split["train"], split["test"], "letters")
    assert set(found) == set(stored["baselines"])
    for name, written in found.items():
        again = phrases_recipe.measure(written, split["test"])
        for key in ("score", "interval", "character_error_rate", "signature"):
            assert again[key] == stored["baselines"][name][key], (name, key)


def test_families_are_counted_again(recorded):
    found, _ = phrases.load()
    sizes = list(phrases.families(found))
    stored = recorded["phrases"]
    assert stored["families"] == len(set(sizes))
    assert stored["held_out"] == stored["validation"] + stored["test"]
    again = translation_baselines.dealt_one_by_one(found, stored["held_out"])
    assert stored["near_duplicates_if_dealt_one_by_one"] == again > 100


def test_what_the_verses_got_agrees_with_itself(recorded):
    stored = recorded["verses"]
    kept = stored["train"] + stored["validation"] + stored["test"]
    left_out = {**stored["left_out"]}
    assert kept + sum(left_out.pop("too_long").values()) + sum(left_out.values()) == 31_077
    for row in stored["baselines"].values():
        assert row["score"] == row["bleu"]["score"]
        groups = [tuple(group["subwords"]) for group in row["by_length"]]
        assert groups == list(verses_recipe.BY_LENGTH)
        assert sum(group["examples"] for group in row["by_length"]) == stored["test"]
        for group in (row, *row["by_length"]):
            for metric in ("bleu", "chrf"):
                low, high = group[metric]["interval"]
                assert low < group[metric]["score"] < high
    scores = {name: row["chrf"]["score"] for name, row in stored["baselines"].items()}
    assert scores["copy"] < scores["nearest"] < scores["word_for_word"]


@pytest.mark.thorough
def test_all_of_it_is_recorded_again(recorded, tmp_path):
    again = translation_baselines.record(tmp_path)
    assert {**again, "versions": None} == {**recorded, "versions": None}


def test_the_command_writes_where_it_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(verses_recipe, "parts", lambda: ({"train": [], "test": []}, {}))
    monkeypatch.setattr(translation_baselines, "translations", lambda *parts: {"one": []})
    for recipe in (phrases_recipe, verses_recipe):
        monkeypatch.setattr(recipe, "measure", lambda *_: {"metric": "share", "score": 0.25})
    assert cli.main(["simple_translators", "--output", str(tmp_path)]) == 0
    assert "verses, one: share 0.25" in capsys.readouterr().out
    content = json.loads((tmp_path / translation_baselines.FILE).read_text(encoding="utf-8"))
    assert content["phrases"]["baselines"] == {"one": {"metric": "share", "score": 0.25}}
