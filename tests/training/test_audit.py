"""The audit of cards: what agrees, what contradicts itself, what differs."""

import copy
import hashlib
import re

import numpy as np
import pytest

from attention_course.statistics import (
    accuracy_report,
    mean_interval,
    pack_answers,
    unpack_answers,
)
from attention_course.training.audit import contradictions, differences, evaluate_cards


def report_of(right, lengths=None):
    return accuracy_report(right, np.ones(len(right)), lengths)


@pytest.fixture
def card(monkeypatch, tmp_path):
    """A card of two seeds that agrees with itself."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 900, 400)
    reports = [report_of(rng.random(400) < share, lengths) for share in (0.8, 0.85)]
    file = tmp_path / "any.keras"
    file.write_bytes(b"weights")
    monkeypatch.setattr("attention_course.assets.fetch", lambda name: file)
    scores = [report["score"] for report in reports]
    return {
        "seeds": [0, 1],
        "runs": [
            {
                "seed": seed,
                "kept_epoch": 2,
                "history": {"val_loss": [0.5, 0.4, 0.6]},
                "seconds_per_epoch": [1.0, 2.0, 3.0],
                "test": test,
            }
            for seed, test in enumerate(reports)
        ],
        "recipe": {"epoch_kept": "lowest val_loss"},
        "training": {"seconds_total": 12.0},
        "test": copy.deepcopy(reports[0]),
        "scores": {"by_seed": scores, **mean_interval(scores)},
        "baseline": {"test": report_of(rng.random(400) < 0.7)},
        "file": {"path": "any.keras", "sha256": hashlib.sha256(b"weights").hexdigest()},
    }


def change(card, *path, by=lambda value: value + 0.002):
    """The card with one value changed."""
    changed = copy.deepcopy(card)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = by(inner[path[-1]])
    return changed


def test_a_card_that_agrees_with_itself(card):
    assert list(contradictions(card)) == []


@pytest.mark.parametrize(
    ("path", "by", "told"),
    [
        (("runs", 1, "test", "score"), lambda v: v + 0.01, "score .* does not follow"),
        (("runs", 0, "test", "interval"), lambda v: [v[0], v[1] + 0.01], "interval .* follow"),
        (("runs", 1, "test", "by_length", 0, "accuracy"), lambda v: v / 2, "do not add up"),
        (("runs", 1, "test", "examples"), lambda v: v - 1, "examples|score"),
        (("scores", "mean"), lambda v: v + 0.001, "scores are not those"),
        (("scores", "interval"), lambda v: [0.7, 0.9], "scores are not those"),
        (("scores", "by_seed"), lambda v: v[::-1], "scores are not those"),
        (("seeds",), lambda v: [0, 2], "seeds are not"),
        (("test", "score"), lambda v: v + 0.01, "not that of the first run"),
        (("file", "sha256"), lambda v: "0" * 64, "sha256"),
        (("runs", 1, "kept_epoch"), lambda v: 1, "epoch kept"),
        (("runs", 0, "history", "val_loss"), lambda v: [*v[::-1], 0.1], "epoch kept"),
        (("runs", 1, "test", "metric"), lambda v: "share", "metric"),
        (("runs", 1, "test", "by_length", 1, "interval"), lambda v: [0.1, 0.2], "interval of"),
        (("training", "seconds_total"), lambda v: 1.0, "seconds"),
        (("baseline", "test", "score"), lambda v: v + 0.01, "baseline: score"),
    ],
)
def test_a_card_that_lies_is_found_out_without_the_data(card, path, by, told):
    found = " ".join(contradictions(change(card, *path, by=by)))
    assert re.search(told, found)


@pytest.mark.parametrize(
    "path",
    [("score",), ("interval", 1), ("by_length", 2, "accuracy"), ("by_length", 3, "examples")],
)
def test_every_figure_is_compared(card, path):
    test = card["test"]
    assert list(differences(test, test)) == []
    assert list(differences(change(test, *path), test))
    assert list(differences(test, change(test, *path)))


def test_missing_figures_and_other_answers_are_differences(card):
    test = card["test"]
    assert list(differences({**test, "more": 1}, test))
    assert list(differences(test, {**test, "more": 1}))
    right = unpack_answers(test)
    # As many right answers, but other ones.
    assert list(differences({**test, "right": pack_answers(right[::-1])}, test))
    one = right.copy()
    one[0] = not one[0]
    assert list(differences({**test, "right": pack_answers(one)}, test, tolerance=1 / 300)) == []


def test_scores_up_to_a_hundred_may_differ_by_a_tenth():
    stored = {"chrf": {"score": 30.0, "interval": [29.0, 31.0]}, "by_length": [{"bleu": 5.0}]}
    for path in (("chrf", "score"), ("chrf", "interval", 1), ("by_length", 0, "bleu")):
        assert list(differences(change(stored, *path, by=lambda v: v + 0.09), stored)) == []
        assert list(differences(change(stored, *path, by=lambda v: v + 0.11), stored))


class Recorded:
    """A recipe whose evaluation returns a given score."""

    def __init__(self, score, metric):
        self.test = {"score": score, "metric": metric}

    def load_data(self):
        return None

    def evaluate(self, model, splits):
        return self.test


@pytest.mark.parametrize(
    ("metric", "stored", "measured", "agrees"),
    [
        ("share", 0.88, 0.8809, True),
        ("share", 0.88, 0.8812, False),
        ("mean squared error", 5e-6, 5.02e-6, True),
        ("mean squared error", 5e-6, 6e-6, False),
        ("mean squared error", 5e-6, float("nan"), False),
        ("BLEU", 12.3, 12.39, True),
        ("BLEU", 12.3, 12.41, False),
    ],
)
def test_a_card_that_differs_is_noticed(
    monkeypatch, capsys, card, metric, stored, measured, agrees
):
    test = {"score": stored, "metric": metric}
    card = {
        **card,
        "seeds": [0],
        "test": test,
        "runs": [{**card["runs"][0], "test": test}],
        "training": {"seconds_total": 6.0},
        "scores": {"by_seed": [stored], **mean_interval([stored])},
    }
    monkeypatch.setattr("attention_course.models.cards.load_card", lambda name: card)
    monkeypatch.setattr("attention_course.models.load", lambda name: None)
    monkeypatch.setattr(
        "attention_course.training.audit.find_recipe", lambda name: Recorded(measured, metric)
    )
    assert evaluate_cards(["any"]) is agrees
    assert ("DIFFERENT" in capsys.readouterr().out) is not agrees
