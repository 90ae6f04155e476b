"""The n-gram layers against brute force and plain NumPy; counting, saving, and the heat map."""

import json
from dataclasses import replace

import keras
import numpy as np
import pytest

from attention_course import models
from attention_course.experiments import ngram_search
from attention_course.layers import LayerError
from attention_course.layers.ngram import UNUSED, NGramAttention, NGrams, place_bins, words_of
from attention_course.models import cards
from attention_course.models.ngram import ngram_attention, weighed_ngrams, word_weights
from attention_course.models.reader import SentimentReader
from attention_course.training.recipe import Splits
from attention_course.training.recipes import recipe
from attention_course.training.recipes.ngram import count, most_frequent, prepare
from attention_course.training.recipes.sentiment import evaluate

LENGTH, WORDS = 12, 9


def key(*words):
    number = 0
    for word in words:
        number = number * 2**20 + word
    return number


def occurrences(row, orders=3):
    """Brute force: every n-gram of a row without its padding -> place of its last word."""
    text = [(place, int(word)) for place, word in enumerate(row) if word]
    found = {}
    for order in range(1, orders + 1):
        for start in range(len(text) - order + 1):
            part = text[start : start + order]
            found[tuple(word for _, word in part)] = part[-1][0]
    return found


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def reviews(rng):
    rows = np.zeros((40, LENGTH), dtype=np.int32)
    for row in rows:
        words = rng.integers(2, WORDS, size=rng.integers(1, LENGTH))
        row[-len(words) - 1 :] = [1, *words]
    rows[0] = 0
    return rows


@pytest.fixture
def labels(rng):
    return rng.integers(0, 2, size=40).astype(np.int8)


@pytest.fixture
def splits(reviews, labels):
    return Splits(*[reviews, labels] * 3, provenance={})


@pytest.fixture
def model(splits, rng):
    """A small model with a filled table and learned numbers that are not zero."""
    model = ngram_attention(LENGTH, size=60)
    prepare(model, splits, smoothing=1.0)
    attention = model.get_layer("attention")
    for variable in attention.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    return model


def found_by(layer, rows):
    numbers, distances = np.moveaxis(np.asarray(layer(rows)), 1, 0)
    keys = np.asarray(layer.keys)
    return [
        {
            words_of(int(keys[number - 1])): rows.shape[1] - 1 - distance
            for number, distance in zip(line, away, strict=True)
            if number
        }
        for line, away in zip(numbers, distances, strict=True)
    ], numbers


def expected_logit(model, row):
    """The whole forward pass for one review, in plain Python and NumPy."""
    attention = model.get_layer("attention")
    keys = np.asarray(model.get_layer("ngrams").keys).tolist()
    ratio, factor, score, place, bias = (
        np.asarray(part, dtype=float)
        for part in (
            *(attention.ratio, attention.factor, attention.score),
            *(attention.place, attention.bias),
        )
    )
    scores, values = [], []
    for words, last in occurrences(row).items():
        if key(*words) in keys:
            number = keys.index(key(*words)) + 1
            away = int(np.log2(LENGTH - last))
            scores.append(score[number] + place[min(away, len(place) - 1)])
            values.append((attention.prior + factor[number]) * ratio[number])
    if not values:
        return bias[0], np.array([]), []
    weights = np.exp(scores) / np.exp(scores).sum()
    return bias[0] + len(values) * weights @ values, weights, values


@pytest.mark.parametrize("orders", [1, 2, 3])
def test_ngrams_are_those_that_brute_force_finds(reviews, orders):
    everything = sorted(key(*words) for row in reviews for words in occurrences(row, orders))
    table = np.unique(everything)[::2]  # every other n-gram is unknown
    layer = NGrams(len(table), orders)
    layer.build(reviews.shape)
    layer.keys.assign(table)
    found, numbers = found_by(layer, reviews)
    for row, got, line in zip(reviews, found, numbers, strict=True):
        known = {w: p for w, p in occurrences(row, orders).items() if key(*w) in table}
        assert got == known
        assert len(set(line[line > 0])) == np.count_nonzero(line), "an n-gram is found twice"


def test_a_table_that_is_not_filled_knows_nothing(reviews):
    layer = NGrams(5)
    layer.build(reviews.shape)
    assert np.asarray(layer.keys)[0] == UNUSED
    assert not np.asarray(layer(reviews))[:, 0].any()


def test_key_and_words_belong_together():
    for words in [(1,), (2**20 - 1,), (3, 4), (5, 2, 2**20 - 1)]:
        assert words_of(key(*words)) == words


def test_places_are_counted_in_powers_of_two():
    away = np.arange(2_000)
    expected = np.minimum(np.floor(np.log2(away + 1)), 9)
    np.testing.assert_array_equal(np.asarray(place_bins(away, 10)), expected)


def test_weights_sum_to_one_over_known_ngrams(model, reviews):
    found = model.get_layer("ngrams")(reviews)
    parts = model.get_layer("attention").weights_and_values(found)
    weights, values = (np.asarray(part) for part in parts)
    numbers = np.asarray(found)[:, 0]
    some = (numbers > 0).any(axis=1)
    np.testing.assert_allclose(weights.sum(axis=1), some, atol=1e-6)
    assert not weights[numbers == 0].any()
    assert not values[numbers == 0].any()
    assert some.sum() > 30


def test_forward_pass_equals_plain_numpy(model, reviews):
    got = np.asarray(model(reviews))[:, 0]
    logits = np.array([expected_logit(model, row)[0] for row in reviews])
    np.testing.assert_allclose(got, 1 / (1 + np.exp(-logits)), atol=1e-6)


def test_an_empty_or_unknown_review_gives_the_bias(model):
    rows = np.zeros((2, LENGTH), dtype=np.int32)
    rows[1, -4:] = [500, 600, 700, 800]
    bias = float(np.asarray(model.get_layer("attention").bias)[0])
    np.testing.assert_allclose(np.asarray(model(rows)), 1 / (1 + np.exp(-bias)), atol=1e-6)


@pytest.mark.parametrize("policy", ["float16", "mixed_float16", "mixed_bfloat16", "float64"])
def test_a_model_of_other_precision_says_the_same(model, reviews, policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        other = ngram_attention(LENGTH, size=60)
    finally:
        keras.config.set_dtype_policy(before)
    other.set_weights(model.get_weights())
    rows = np.concatenate([reviews, np.zeros_like(reviews[:1])])  # the last one is empty
    ours, theirs = (np.asarray(one(rows), dtype=float) for one in (model, other))
    np.testing.assert_allclose(theirs, ours, atol=0.03)


def test_a_longer_input_with_more_padding_changes_nothing(model, reviews):
    longer = ngram_attention(LENGTH + 9, size=60)
    longer.set_weights(model.get_weights())
    padded = np.pad(reviews, ((0, 0), (9, 0)))
    np.testing.assert_allclose(np.asarray(longer(padded)), np.asarray(model(reviews)), atol=1e-6)


@pytest.mark.parametrize("scored_by", [(), ("ngram",), ("place",), ("ngram", "place")])
def test_without_scores_the_model_is_logistic_regression(splits, reviews, scored_by):
    """Before training all weights are uniform: the logit is the sum of prior times ratio."""
    model = ngram_attention(LENGTH, size=60, scored_by=scored_by)
    prepare(model, splits, smoothing=1.0)
    attention = model.get_layer("attention")
    table = np.asarray(model.get_layer("ngrams").keys)
    grams = [[key(*words) for words in occurrences(row)] for row in reviews]
    logit = [
        attention.prior * np.asarray(attention.ratio)[1:][np.isin(table, keys)].sum()
        for keys in grams
    ]
    np.testing.assert_allclose(
        np.asarray(model(reviews))[:, 0], 1 / (1 + np.exp(-np.array(logit))), atol=1e-6
    )


@pytest.mark.parametrize(
    ("layer", "change"),
    [
        ("attention", lambda a: a.place.assign(a.place + np.arange(10.0))),
        ("attention", lambda a: a.score.assign(a.score * 2)),
        ("attention", lambda a: a.factor.assign(a.factor + 0.1)),
        ("attention", lambda a: a.ratio.assign(a.ratio * 2)),
        ("attention", lambda a: a.bias.assign(a.bias + 1)),
        ("ngrams", lambda n: n.keys.assign(n.keys + 1)),
    ],
)
def test_every_number_of_the_model_matters(model, reviews, layer, change):
    before = np.asarray(model(reviews))
    change(model.get_layer(layer))
    assert np.abs(np.asarray(model(reviews)) - before).max() > 1e-3


def test_a_number_for_all_places_changes_nothing(model, reviews):
    """Softmax does not see what is added to every score."""
    before = np.asarray(model(reviews))
    attention = model.get_layer("attention")
    attention.place.assign(attention.place + 3.0)
    np.testing.assert_allclose(np.asarray(model(reviews)), before, atol=1e-5)


def test_count_equals_brute_force(reviews, labels):
    keys, positive, negative = count(reviews, labels, 3)
    expected = {}
    for row, label in zip(reviews, labels, strict=True):
        for words in occurrences(row):
            if 2 not in words and words != (1,):
                expected.setdefault(key(*words), [0, 0])[1 - label] += 1
    assert sorted(expected) == keys.tolist()
    assert [expected[k] for k in sorted(expected)] == np.stack([positive, negative], 1).tolist()


def test_the_most_frequent_are_chosen_and_rare_ones_never():
    keys, counts = np.array([3, 5, 7, 9, 11]), np.array([2, 9, 1, 2, 4])
    assert most_frequent(keys, counts, 3).tolist() == [0, 1, 4]
    assert most_frequent(keys, counts, 10).tolist() == [0, 1, 3, 4]


def test_training_learns_and_leaves_what_was_counted(splits, reviews, labels):
    keras.utils.set_random_seed(0)
    model = ngram_attention(LENGTH, size=60)
    prepare(model, splits)
    counted = [np.array(v) for v in model.non_trainable_variables[:2]]
    history = model.fit(reviews, labels, epochs=30, batch_size=8, verbose=0).history["loss"]
    assert history[-1] < history[0]
    for variable, before in zip(model.non_trainable_variables[:2], counted, strict=True):
        np.testing.assert_array_equal(np.asarray(variable), before)
    attention = model.get_layer("attention")
    assert np.asarray(attention.factor)[0] == np.asarray(attention.score)[0] == 0
    assert np.abs(np.asarray(attention.place)).max() > 0


def test_saved_and_loaded_it_is_the_same_to_half_precision(model, reviews, tmp_path):
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = models.load_file(path)
    np.testing.assert_array_equal(
        np.asarray(loaded.get_layer("ngrams").keys), np.asarray(model.get_layer("ngrams").keys)
    )
    for mine, theirs in zip(loaded.weights, model.weights, strict=True):
        assert mine.dtype == theirs.dtype
        np.testing.assert_allclose(np.asarray(mine), np.asarray(theirs), rtol=2**-11, atol=1e-7)
    np.testing.assert_allclose(np.asarray(loaded(reviews)), np.asarray(model(reviews)), atol=0.01)
    # What was rounded once is not rounded again.
    loaded.save(path)
    again = models.load_file(path)
    np.testing.assert_array_equal(np.asarray(again(reviews)), np.asarray(loaded(reviews)))


def test_a_file_takes_at_most_twelve_bytes_per_ngram(tmp_path, rng):
    size = 20_000
    model = ngram_attention(LENGTH, size=size)
    model.get_layer("ngrams").keys.assign(np.sort(rng.choice(2**45, size=size, replace=False)))
    for variable in model.get_layer("attention").weights:
        variable.assign(rng.normal(size=variable.shape))
    model.save(tmp_path / "model.keras")
    plain = sum(8 * size if v.dtype == "int64" else 4 * size for v in model.weights[:4])
    assert (tmp_path / "model.keras").stat().st_size < 12 * size + 30_000 < plain


def test_wrong_settings_are_refused():
    with pytest.raises(LayerError, match="scored_by may name"):
        NGramAttention(5, scored_by=("order",))
    with pytest.raises(LayerError, match="size"):
        NGrams(0)


def test_weighed_ngrams_are_those_of_the_forward_pass(model, reviews):
    for row in reviews:
        found = weighed_ngrams(model, row)
        _, weights, values = expected_logit(model, row)
        assert [n.weight for n in found] == sorted((n.weight for n in found), reverse=True)
        np.testing.assert_allclose(sorted(n.weight for n in found), np.sort(weights), atol=1e-6)
        np.testing.assert_allclose(
            sorted(n.value for n in found), np.sort(np.array(values)), atol=1e-5
        )
        for ngram in found:
            assert tuple(row[list(ngram.places)]) == ngram.numbers


def test_word_weights_sum_to_one_and_lie_on_words(model, reviews):
    for row in reviews[1:]:
        found = weighed_ngrams(model, row)
        weights = word_weights(found, LENGTH)
        assert weights.sum() == pytest.approx(1 if found else 0)
        assert not weights[row == 0].any()


def test_a_search_goes_on_where_it_stopped(tmp_path, monkeypatch):
    done = []

    def run(recipe):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(recipe.settings)
        return {"settings": recipe.settings, "validation_accuracy": 0.5}

    monkeypatch.setattr(ngram_search, "run", run)
    path = tmp_path / "search.json"
    monkeypatch.setattr(ngram_search, "TRIES", ({}, {"orders": 1}, {"scored_by": []}))
    with pytest.raises(KeyboardInterrupt):
        ngram_search.search(path)
    assert len(json.loads(path.read_text())["tries"]) == 2
    done.clear()
    table = ngram_search.search(path)
    assert len(done) == 1
    assert [row["changed"] for row in table["tries"]] == [{}, {"orders": 1}, {"scored_by": []}]
    assert json.loads(path.read_text()) == table


def test_a_search_never_sees_the_test_reviews(splits):
    """Every try is scored on validation reviews; it runs where there is no test part at all."""
    without = replace(splits, x_test=None, y_test=None)
    recipe = ngram_search._recipe({"length": LENGTH, "size": 60})
    recipe = replace(recipe, load_data=lambda: without, epochs=2)
    row = ngram_search.run(recipe)
    assert 0 <= row["validation_accuracy"] <= 1
    # The real evaluation would have asked for them.
    with pytest.raises((AttributeError, KeyError, TypeError, ValueError)):
        evaluate(recipe.build(), without)


def test_every_try_changes_a_setting_of_the_recipe():
    settings = [ngram_search._recipe(changed).settings for changed in ngram_search.TRIES]
    assert all(one not in settings[:index] for index, one in enumerate(settings))
    assert recipe("ngram_attention").settings in settings
    assert recipe("ngram_average").settings in settings


@pytest.fixture(scope="module")
def reader():
    return SentimentReader("ngram_attention")


def test_the_shipped_model_reads_plain_text(reader):
    good, bad = reader.probability(
        ["a wonderful film, moving and superbly acted", "an awful, boring waste of time"]
    )
    assert good > 0.5 > bad


def test_the_shipped_model_looks_at_telling_words_and_at_the_end(reader):
    text = "the film is about the war and it is in the end a complete waste of time"
    found = weighed_ngrams(reader.model, reader.encode([text])[0])
    weight = {" ".join(reader.vocabulary.decode(one.numbers)): one.weight for one in found}
    assert weight["waste"] > 2 * weight["the"]
    assert weight["waste of time"] == max(weight[one] for one in weight if "waste" in one)
    place = np.asarray(reader.model.get_layer("attention").place)
    assert place[0] == place.max()


def test_the_champions_card_holds_search_and_baseline():
    card = cards.load_card("ngram_attention")
    assert card["test"]["score"] >= card["baseline"]["test"]["score"]
    tries = card["search"]["tries"]
    for row in tries:
        wanted = {"validation_accuracy", "validation_loss", "kept_epoch", "seconds", "cores"}
        assert wanted <= row.keys()
    assert card["file"]["bytes"] < 12_000_000
    chosen = next(row for row in tries if row["changed"] == {})
    kept = card["runs"][0]["kept_epoch"]
    assert chosen["kept_epoch"] == kept
    assert chosen["validation_loss"] == card["runs"][0]["history"]["val_loss"][kept - 1]
    assert [row["changed"] for row in tries] == json.loads(json.dumps(ngram_search.TRIES))
