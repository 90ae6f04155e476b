"""Recipes of the grammar's translators: what they are given, what is measured, what came out."""

import keras
import numpy as np
import pytest

from attention_course.datasets import grammar
from attention_course.models import cards
from attention_course.models.translation import BUILDERS, GRAMMAR_SCORES, LONGER
from attention_course.training.recipes import translation
from attention_course.training.recipes.translation import BY_LENGTH, RECIPES

LONG = "grammar_plain_long"
WITH_ATTENTION = [f"grammar_{score}" for score in (*GRAMMAR_SCORES, "feeding")]


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(translation, "SIZES", {"test": 60, "validation": 20, "train": 40})
    return translation.load_grammar.__wrapped__()


def test_no_sentence_is_in_two_parts(few):
    (test, _), (validation, _), (train, _) = few.x_test, few.x_val, few.x_train
    assert [len(part) for part in (test, validation, train)] == [60, 20, 40]
    assert len(np.unique(np.concatenate([test, validation, train]), axis=0)) == 120


def test_a_word_is_to_be_written_one_step_after_it_is_read(few):
    (source, written), expected = few.x_test, few.y_test
    assert (written[:, 0] == grammar.START).all()
    np.testing.assert_array_equal(written[:, 1:], np.where(written[:, 1:], expected[:, :-1], 0))
    for pair, row, target in zip(translation.test_pairs(), source, expected, strict=True):
        assert grammar.decode(row, "english") == [*pair.source]
        assert grammar.decode(target) == [*pair.target]


class Reference:
    """Stands for a model: it writes and looks as the reference does, but for some sentences."""

    attention = True

    def __init__(self, wrong):
        self.wrong, self.asked = wrong, 0

    def get_layer(self, name):
        return self

    def write(self, model, source, longest):
        pairs = translation.test_pairs()[self.asked : self.asked + len(source)]
        written = grammar.encode(pairs)[1][:, 1 : longest + 1]
        written[self.wrong[self.asked : self.asked + len(source)], 0] += 1
        self.asked += len(source)
        return written, None

    def alignment(self, model, source, written):
        weights = np.zeros((len(source), written.shape[1], source.shape[1]))
        for rows, pair in zip(weights, translation.test_pairs(), strict=True):
            for i, j in pair.sure:
                rows[j, i] = 1
        return weights


def test_what_is_measured_is_counted_sentence_by_sentence(few, monkeypatch):
    wrong = np.random.default_rng(0).random(60) < 0.3
    model = Reference(wrong)
    monkeypatch.setattr(translation, "write", model.write)
    monkeypatch.setattr(translation, "alignment", model.alignment)
    found = translation.evaluate(model, few)
    assert found["score"] == pytest.approx(1 - wrong.mean())
    lengths = [len(pair.source) for pair in translation.test_pairs()]
    for (low, high), group in zip(BY_LENGTH, found["by_length"], strict=True):
        inside = [not bad for n, bad in zip(lengths, wrong, strict=True) if low <= n <= high]
        assert group["words"] == [low, high]
        assert group["examples"] == len(inside)
        assert group["score"] == pytest.approx(np.mean(inside), abs=1e-5)
    assert sum(group["examples"] for group in found["by_length"]) == 60
    assert found["alignment_error_rate"] == 0  # every sure link, and no other


@pytest.mark.thorough
def test_all_have_one_budget_and_one_network_but_for_what_they_compare():
    usual = RECIPES["grammar_dot"]
    for name, one in RECIPES.items():
        assert one.epochs == usual.epochs * (LONGER if name == LONG else 1)
        assert (one.batch_size, one.seeds) == (usual.batch_size, usual.seeds)
        model = BUILDERS[name]()
        rate = model.optimizer.get_config()["learning_rate"]["config"]
        assert rate["decay_steps"] == one.settings["steps"]
        assert one.settings["steps"] == one.epochs * -(-120_000 // one.batch_size)
        for layer in ("source_words", "encoder", "first_state", "target_words", "logits"):
            shapes = [w.shape for w in model.get_layer(layer).weights]
            assert shapes == [w.shape for w in BUILDERS["grammar_dot"]().get_layer(layer).weights]
        keras.backend.clear_session()


# --- what came out ----------------------------------------------------------------------------


def by_length(name):
    runs = cards.load_card(name)["runs"]
    return np.array([[group["score"] for group in run["test"]["by_length"]] for run in runs])


def test_attention_translates_sentences_of_every_length():
    of_every_length = {
        name for name in WITH_ATTENTION if by_length(name).mean(axis=0).min() >= 0.99
    }
    scores = "additive", "concat", "dot", "general", "cosine"
    assert of_every_length == {f"grammar_{score}" for score in scores}
    longest = {name: by_length(name).mean(axis=0)[-1] for name in WITH_ATTENTION}
    assert sorted(longest, key=longest.get)[:2] == ["grammar_uniform", "grammar_location"]
    assert longest["grammar_feeding"] < longest["grammar_dot"]


def test_without_attention_long_sentences_are_lost():
    card = cards.load_card("grammar_plain")
    assert card["scores"]["mean"] <= 0.6
    shares = by_length("grammar_plain").mean(axis=0)
    assert (np.diff(shares) < 0).all()
    assert shares[-1] < 0.1


def test_alignments_are_measured_of_every_score_and_the_best_is_good():
    rates = {
        name: [run["test"]["alignment_error_rate"] for run in cards.load_card(name)["runs"]]
        for name in WITH_ATTENTION
    }
    assert all(len(found) == 3 for found in rates.values())
    means = {name: np.mean(found) for name, found in rates.items()}
    ranked = sorted(means, key=means.get)
    assert means[ranked[0]] <= 0.05
    assert {*ranked[:2]} == {"grammar_additive", "grammar_concat"}
    assert ranked[-2:] == ["grammar_location", "grammar_uniform"]
    assert means["grammar_location"] == pytest.approx(0.4, abs=0.03)


def test_a_longer_training_does_much_without_attention():
    assert cards.load_card(LONG)["scores"]["mean"] == pytest.approx(0.89, abs=0.006)
    assert by_length(LONG).mean(axis=0)[-1] == pytest.approx(0.5, abs=0.03)
