"""How sentences are chosen and the steps of translators recorded, and the record itself."""

import gzip
import json

import numpy as np
import pytest

from attention_course import __main__ as cli
from attention_course import assets
from attention_course.datasets import grammar
from attention_course.experiments import translations
from attention_course.experiments.translations import KINDS, LONG, MODELS, SHORT
from attention_course.interactive import translation
from attention_course.models import NAMES, load
from attention_course.models.translation import alignment, encode, step, translator

PAIRS = grammar.pairs(600, seed=3)
WORDS = tuple(len(words) + grammar.END + 1 for words in grammar.vocabulary())
ADJECTIVES = {entry[0] for entry in grammar.lexicon()["adjectives"]}


def model(score, end=0.0, feeding=False):
    """A small translator with random weights; ``end`` is how much it likes to stop."""
    places = grammar.LONGEST + 1
    built = translator("small", WORDS, 1, score, feeding, width=4, units=3, places=places)
    rng = np.random.default_rng(0)
    built.set_weights([rng.normal(size=array.shape) for array in built.get_weights()])
    kernel, bias = built.get_layer("logits").get_weights()
    bias[grammar.END] = end
    built.get_layer("logits").set_weights([kernel, bias])
    return built


# --- which sentences ---------------------------------------------------------------------------


def shows(kind, pair, plain):
    """The same as ``KINDS`` says, by the words instead of the links."""
    neighbours = zip(pair.source, pair.source[1:], strict=False)
    piled = any({*two} <= ADJECTIVES for two in neighbours)
    single, owner = not piled and bool(ADJECTIVES & {*pair.source}), "'s" in pair.source
    denied = "not" in pair.source
    return {
        "adjective": single and not owner,
        "adjectives": piled and not owner,
        "pronoun": pair.source[0] in {"i", "you", "he", "she", "we", "they"} and not denied,
        "negation": denied,
        "contraction": "del" in pair.target or "al" in pair.target,
        "owner": owner,
        "forgotten": not plain,
        "long": True,
    }[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_what_its_words_say(kind):
    plain = np.random.default_rng(0).random(len(PAIRS)) < 0.9
    found = [bool(KINDS[kind](*both)) for both in zip(PAIRS, plain, strict=True)]
    assert found == [shows(kind, *both) for both in zip(PAIRS, plain, strict=True)]
    assert any(found)


def test_the_first_of_each_kind_is_taken_that_is_not_taken_yet():
    for seed in range(5):
        rng = np.random.default_rng(seed)
        pairs = [PAIRS[number] for number in rng.permutation(len(PAIRS))]
        plain = rng.random(len(pairs)) < 0.9
        taken = translations.choose(pairs, plain)
        assert list(taken) == list(KINDS)
        before = set()
        for kind, number in taken.items():
            lengths = LONG if kind == "long" else SHORT
            fitting = [
                place
                for place, pair in enumerate(pairs)
                if len(pair.source) in lengths and shows(kind, pair, plain[place])
            ]
            assert number == next(place for place in fitting if place not in before)
            before.add(number)


def test_a_kind_that_there_is_not_is_left_out():
    taken = translations.choose(PAIRS, [True] * len(PAIRS))
    assert list(taken) == [kind for kind in KINDS if kind != "forgotten"]
    assert translations.choose([], []) == {}


def test_right_without_attention_is_word_for_word(monkeypatch):
    pairs = PAIRS[:6]
    _, target = grammar.encode(pairs)
    written = target[:, 1:].copy()
    written[[1, 4], [0, 3]] += 1
    monkeypatch.setattr(translations, "load", {"grammar_plain": "plain"}.get)
    monkeypatch.setattr(translations, "write", lambda model, source, longest: (written, None))
    found = translations.right_without_attention(pairs)
    assert found == [True, False, True, True, False, True]


# --- every step --------------------------------------------------------------------------------


def by_steps(small, pair):
    """The same in a loop, one sentence and one word at a time."""
    source, _ = grammar.encode([pair])
    encoded = encode(small, source)
    state, fed = encoded.state, np.zeros_like(encoded.state)
    names = ["[padding]", "[start]", "[end]", *grammar.vocabulary()[1]]
    word, likeliest = grammar.START, []
    while word != grammar.END and len(likeliest) <= grammar.LONGEST_SPANISH:
        logits, _, state, fed = step(small, encoded, np.array([word]), state, fed)
        probability = np.exp(np.asarray(logits[0], dtype="float64"))
        probability /= probability.sum()
        best = np.argsort(-probability)[:3]
        likeliest.append([[names[number], 1000 * probability[number]] for number in best])
        word = int(best[0])
    return likeliest


@pytest.mark.parametrize(
    ("score", "end", "feeding"),
    [("additive", 5.5, False), ("dot", 6.0, False), ("dot", 6.0, True), (None, 4.0, False)],
)
def test_what_is_kept_of_a_step(score, end, feeding):
    small, pairs = model(score, end, feeding), PAIRS[:3]
    found = translations.translate(small, pairs)
    lengths = set()
    for pair, one in zip(pairs, found, strict=True):
        wanted = by_steps(small, pair)
        words = [[word for word, _ in row] for row in one["likeliest"]]
        assert words == [[word for word, _ in row] for row in wanted]
        shares = [[share for _, share in row] for row in one["likeliest"]]
        np.testing.assert_allclose(shares, [[share for _, share in row] for row in wanted], atol=1)
        assert one["right"] is False
        lengths.add(len(words))
        if score is None:
            assert one["weights"] is None
            continue
        names = [*"012", *grammar.vocabulary()[1]]
        numbers = [names.index(row[0]) for row in words[:-1]]
        source, _ = grammar.encode([pair])
        looked = alignment(small, source, np.array([[grammar.START, *numbers]]))[0]
        columns = len(pair.source) + 1
        np.testing.assert_allclose(one["weights"], 1000 * looked[:, :columns], atol=1)
        assert looked[:, columns:].max(initial=0) == 0
    assert min(lengths) < max(lengths) <= grammar.LONGEST_SPANISH + 1


def test_right_is_what_equals_the_reference(monkeypatch):
    pairs = PAIRS[:4]
    _, target = grammar.encode(pairs)
    written = target[:, 1:].copy()
    written[2, 0] += 1
    looked = np.ones((4, written.shape[1], grammar.LONGEST + 1))
    monkeypatch.setattr(translations, "write", lambda model, source, longest: (written, looked))
    found = translations.translate(model("dot"), pairs)
    assert [one["right"] for one in found] == [True, True, False, True]
    assert [len(one["weights"]) for one in found] == [len(pair.target) + 1 for pair in pairs]


def test_the_record_is_written_in_one_line(tmp_path, monkeypatch, capsys):
    small = {
        f"grammar_{name}": model(name if name != "plain" else None) for name in ("plain", "dot")
    }
    monkeypatch.setattr(translations, "MODELS", ("plain", "dot"))
    monkeypatch.setattr(translations, "load", small.__getitem__)
    monkeypatch.setattr(translations, "test_pairs", lambda: PAIRS[:200])
    assert cli.main(["translations", "--output", str(tmp_path)]) == 0
    text = (tmp_path / translations.FILE).read_text(encoding="utf-8")
    assert text.count("\n") == 1
    content = json.loads(text)
    assert [path.name for path in tmp_path.iterdir()] == [translations.FILE]
    assert [sentence["kind"] for sentence in content["sentences"]] == list(KINDS)
    chosen = [PAIRS[sentence["number"]] for sentence in content["sentences"]]
    found = {
        name: translations.translate(small[f"grammar_{name}"], chosen) for name in ("plain", "dot")
    }
    for place, (sentence, pair) in enumerate(zip(content["sentences"], chosen, strict=True)):
        assert (tuple(sentence["source"]), tuple(sentence["target"])) == (pair.source, pair.target)
        sure, possible = ({tuple(link) for link in sentence[kind]} for kind in ("sure", "possible"))
        assert sure == pair.sure
        assert sure | possible == pair.possible
        assert not sure & possible
        assert sentence["translations"] == {name: found[name][place] for name in found}
    assert "grammar_dot: 0 of 8 sentences are right" in capsys.readouterr().out


def test_the_figure_knows_every_kind_and_every_model():
    assert list(KINDS) == list(translation.KINDS)
    assert set(MODELS) == set(translation.NAMES)
    of_one_budget = {name for name in NAMES if name.startswith("grammar_")} - {"grammar_plain_long"}
    assert {f"grammar_{name}" for name in MODELS} == of_one_budget


# --- what was recorded -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded():
    return translation.load_translations()


def test_the_record_is_small(recorded):
    packed = assets.fetch(f"data/{translations.FILE}").read_bytes()
    assert len(packed) < 200_000
    assert len(gzip.compress(packed)) < 60_000


def test_what_was_recorded_is_possible(recorded):
    assert [sentence["kind"] for sentence in recorded["sentences"]] == list(KINDS)
    for sentence in recorded["sentences"]:
        assert list(sentence["translations"]) == list(MODELS)
        for name, one in sentence["translations"].items():
            written = [row[0][0] for row in one["likeliest"]]
            assert one["right"] == (written == [*sentence["target"], "[end]"])
            shares = np.array([[share for _, share in row] for row in one["likeliest"]])
            assert (np.diff(shares, axis=1) <= 0).all()
            assert shares.min() >= 0
            assert shares.sum(axis=1).max() <= 1001
            if name == "plain":
                assert one["weights"] is None
                continue
            weights = np.array(one["weights"])
            assert weights.shape == (len(written), len(sentence["source"]) + 1)
            assert weights.min() >= 0
            # Twenty-five roundings to thousandths.
            assert np.abs(weights.sum(axis=1) - 1000).max() <= 13
    by_kind = {sentence["kind"]: sentence["translations"] for sentence in recorded["sentences"]}
    assert not by_kind["forgotten"]["plain"]["right"]


@pytest.mark.parametrize(
    "name",
    [name if name == "dot" else pytest.param(name, marks=pytest.mark.thorough) for name in MODELS],
)
def test_the_model_writes_what_was_recorded(recorded, name):
    pairs = translations.test_pairs()
    chosen = [pairs[sentence["number"]] for sentence in recorded["sentences"]]
    found = translations.translate(load(f"grammar_{name}"), chosen)
    for sentence, one in zip(recorded["sentences"], found, strict=True):
        before = sentence["translations"][name]
        assert [row[0][0] for row in one["likeliest"]] == [row[0][0] for row in before["likeliest"]]
        firsts = [[row[0][1] for row in each["likeliest"]] for each in (one, before)]
        np.testing.assert_allclose(*firsts, atol=2)
        if name != "plain":
            np.testing.assert_allclose(one["weights"], before["weights"], atol=2)


@pytest.mark.thorough
def test_the_sentences_are_chosen_again(recorded):
    pairs = translations.test_pairs()
    taken = translations.choose(pairs, translations.right_without_attention(pairs))
    assert taken == {sentence["kind"]: sentence["number"] for sentence in recorded["sentences"]}
