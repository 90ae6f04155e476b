"""Chapter 8: quiz keys recomputed, and the sentences that rest on cards and records."""

import json
import math

import numpy as np
import pytest

from attention_course.assets import fetch
from attention_course.datasets import grammar
from attention_course.display.quiz import load_quiz
from attention_course.exercises.translation import beam, masked_loss
from attention_course.functional.alignment import alignment_error_rate, links
from attention_course.interactive.translation import load_translations
from attention_course.models.cards import load_card
from attention_course.models.verses import LONGEST, TRAINING
from attention_course.training import scoring
from attention_course.training.recipes import translation, verses

QUIZ = {question["id"]: question for question in load_quiz("08_translation")}


def told(name, number):
    """Whether a numeric answer is right, and its feedback: the first entry that fits decides."""
    for answer in QUIZ[name]["answers"]:
        low, high = answer.get("range", (1, 0))
        if answer["type"] == "default" or low <= number < high:
            return answer.get("correct", False), answer["feedback"]


def told_halfway(name, number):
    """What is said of a number halfway between two of two decimals, rounded down or up."""
    (feedback,) = {told(name, end(100 * number) / 100)[1] for end in (math.floor, math.ceil)}
    return feedback


# --- the quiz ---------------------------------------------------------------------------------


def test_quiz_masked_mean():
    losses = np.array([[1.2, 0.6, 0.1, 0.1], [0.3, 0.3, 0.6, 0.6]])
    real = np.array([[1, 1, 0, 0], [1, 1, 1, 1]])
    # Logits of two words, of which the first one is right with just this loss.
    wrong = np.log(np.expm1(losses))
    logits = np.stack([np.full((2, 4), -50.0), np.zeros((2, 4)), wrong], axis=-1)
    assert masked_loss(logits, real) == pytest.approx(0.6)
    assert told("masked-mean", masked_loss(logits, real))[0]
    assert "as words" in told_halfway("masked-mean", losses.mean())
    by_sentence = ((losses * real).sum(axis=1) / real.sum(axis=1)).mean()
    assert "each sentence first" in told_halfway("masked-mean", by_sentence)
    assert "in the count" in told("masked-mean", (losses * real).mean())[1]


def test_quiz_word_by_word():
    assert told("word-by-word", round(0.97**20, 2))[0]
    assert "twenty times" in told("word-by-word", 1 - 20 * 0.03)[1]
    assert "share of the words" in told("word-by-word", 0.97)[1]
    assert "spoilt." in told("word-by-word", round(1 - 0.97**20, 2))[1]


def test_quiz_beam_of_two():
    """Words: start, end, a, b, and five that may follow."""
    table = np.full((9, 9), -np.inf)
    table[0, [2, 3]] = np.log([0.6, 0.4])
    table[2, [4, 5, 6]] = np.log([0.5, 0.3, 0.2])
    table[3, [7, 8]] = np.log([0.9, 0.1])
    table[4:, 1] = 0
    _, greedy = beam(table, 0, 1, 1, 5, 0.0)
    _, found = beam(table, 0, 1, 2, 5, 0.0)
    assert told("beam-of-two", round(math.exp(found), 2))[0]
    assert "greedy" in told("beam-of-two", round(math.exp(greedy), 2))[1]
    assert "comes after" in told("beam-of-two", 0.6 * 0.9)[1]
    assert "last step" in told("beam-of-two", 0.9)[1]


def test_quiz_penalty():
    """Words: start, end, three of the shorter sentence, seven of the longer one."""
    table = np.full((12, 12), -np.inf)
    for path, total in (([0, 2, 3, 4, 1], -4), ([0, *range(5, 12), 1], -5)):
        table[path[:-1], path[1:]] = total / (len(path) - 1)
    words, score = beam(table, 0, 1, 2, 8, 1.0)
    assert len(words) == 8
    assert told("penalty", round(score, 3))[0]
    assert "shorter sentence, −4/4" in told("penalty", -4 / 4)[1]
    assert "Without the division" in told("penalty", beam(table, 0, 1, 2, 8, 0.0)[1])[1]
    assert "of the other sentence" in told("penalty", -5 / 4)[1]


def test_quiz_aer():
    found, sure = links(np.eye(4)[[0, 1, 2, 1]], 4), {(0, 0), (2, 2), (3, 3)}
    rate = alignment_error_rate([found], [sure], [{(1, 1)}])
    assert told("aer", round(rate, 2))[0]
    assert "left out the possible" in told("aer", alignment_error_rate([found], [sure], [sure]))[1]
    assert "found that are wrong" in told("aer", len(found - sure - {(1, 1)}) / len(found))[1]
    assert "missed" in told("aer", round(len(sure - found) / len(sure), 2))[1]
    assert "what is right" in told("aer", round(1 - rate, 2))[1]
    hits = len(found & sure) + len(found & (sure | {(1, 1)}))
    assert "found alone" in told("aer", 1 - hits / len(found))[1]


def test_quiz_wrong_letters():
    found, expected = "estela", "estrella"
    assert told("wrong-letters", scoring.character_error_rate([found], [expected]))[0]
    by_place = sum(a != b for a, b in zip(found.ljust(8), expected, strict=True))
    assert "place by place" in told_halfway("wrong-letters", by_place / 8)
    distance = scoring.edit_distance(found, expected)
    assert "that were written" in told("wrong-letters", distance / len(found))[1]
    assert "number of wrong letters" in told("wrong-letters", distance)[1]


def test_quiz_brevity():
    words = ["uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve", "diez"]
    bleu = scoring.report([" ".join(words[:8])], [" ".join(words)])["bleu"]["score"]
    assert told("brevity", round(bleu, 1))[0]
    assert "100" in told("brevity", 100)[1]
    assert "8/10" in told("brevity", 80)[1]
    assert "swapped" in told("brevity", 100 * math.exp(1 - 8 / 10))[1]


# --- sentences that rest on the data ----------------------------------------------------------


@pytest.mark.thorough
def test_sisters_of_test_sentences():
    """No English sentence stands on both sides of the split; few Spanish ones do, all short."""
    pairs = grammar.pairs(sum(translation.SIZES.values()), translation.SEED)
    test, train = pairs[: translation.SIZES["test"]], pairs[-translation.SIZES["train"] :]
    assert not {pair.source for pair in test} & {pair.source for pair in train}
    written = {pair.target for pair in train}
    sisters = [pair for pair in test if pair.target in written]
    assert len(sisters) == 11
    assert max(len(pair.source) for pair in sisters) == 6


def test_what_the_figure_shows_of_two_sentences():
    by_kind = {one["kind"]: one for one in load_translations()["sentences"]}
    adjective, forgotten = by_kind["adjective"], by_kind["forgotten"]

    def looks_at(score, word):
        found = adjective["translations"][score]
        row = found["weights"][[one[0][0] for one in found["likeliest"]].index(word)]
        return adjective["source"][int(np.argmax(row[:-1]))], max(row)

    assert looks_at("dot", "encontró")[0] == "found"
    assert looks_at("dot", "a") == ("my", 996)
    assert looks_at("additive", "a")[0] == "doctor"
    assert forgotten["source"] == ["you", "bought", "every", "green", "tree"]
    plain = [row[0][0] for row in forgotten["translations"]["plain"]["likeliest"]]
    assert plain[:-1] == ["compraste", "nuestro", "caballo", "grande"]


def test_what_the_records_say_of_verses():
    cards = {name: load_card(f"verses_{name}") for name in ("plain", "attention")}
    bleu, plain = (cards[name]["scores"]["mean"] for name in ("attention", "plain"))
    assert bleu - plain == pytest.approx(14, abs=0.5)
    baselines = json.loads(fetch("data/translation_baselines.json").read_text("utf-8"))["verses"]
    nearest, table = (baselines["baselines"][name] for name in ("nearest", "word_for_word"))
    assert nearest["score"] > 2 * plain
    runs = [run["test"] for run in cards["attention"]["runs"]]
    assert all(run["bleu"]["interval"][0] > table["bleu"]["interval"][1] for run in runs)
    assert all(run["chrf"]["score"] < table["chrf"]["interval"][0] for run in runs)
    by_length = np.mean([[part["bleu"]["score"] for part in r["by_length"]] for r in runs], axis=0)
    assert by_length[:4].min() > by_length[4:].max()
    searched = json.loads(fetch("data/beam_search.json").read_text("utf-8"))
    rows = {
        (row["width"], row["length_penalty"]): row["bleu"]
        for row in searched["models"]["verses_attention"]
    }
    assert rows[4, 0.0]["score"] - rows[1, 0.0]["score"] == pytest.approx(2, abs=0.5)
    assert abs(rows[16, 0.0]["score"] - rows[4, 0.0]["score"]) < 0.5
    assert rows[16, 0.0]["length_ratio"] == pytest.approx(0.92, abs=0.005)
    assert rows[16, 1.0]["length_ratio"] > 0.97
    penalised = [rows[width, 1.0]["score"] for width in (2, 4, 8, 16)]
    assert penalised == sorted(penalised)


@pytest.mark.thorough
def test_there_are_as_many_verses_as_is_said():
    pairs, _ = verses.parts()
    assert len(pairs["train"]) == TRAINING["verses"] == 17_476
    longest = [max(verses.sizes(pair)) for pair in pairs["test"]]
    assert (len(longest), sum(size <= LONGEST for size in longest)) == (1_964, 1_224)
