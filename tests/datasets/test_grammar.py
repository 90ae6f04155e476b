"""The grammar: what its sentences and the links between their words must keep to."""

import collections
import itertools

import pytest

from attention_course.datasets import grammar
from attention_course.errors import DataError

PAIRS = grammar.pairs(4000, seed=7)
LEXICON = grammar.lexicon()
NOUNS = {
    word: (2 * plural + (entry[4] == "f"))
    for entry in (*LEXICON["things"], *LEXICON["people"])
    for plural, word in enumerate(entry[2:4])
}
ARTICLES = {"el": 0, "un": 0, "la": 1, "una": 1, "los": 2, "unos": 2, "las": 3, "unas": 3}


def partners(pair, kind="sure"):
    """Return, for each Spanish word, the English words that it is linked to."""
    found = [[] for _ in pair.target]
    for i, j in sorted(getattr(pair, kind)):
        found[j].append(pair.source[i])
    return found


def test_links_lie_inside_and_every_spanish_word_may_be_linked():
    for pair in PAIRS:
        assert pair.sure <= pair.possible
        assert {j for _, j in pair.possible} == set(range(len(pair.target)))
        assert all(0 <= i < len(pair.source) for i, _ in pair.possible)


def test_a_word_has_one_sure_partner_at_most():
    for pair in PAIRS:
        assert len({j for _, j in pair.sure}) == len({i for i, _ in pair.sure}) == len(pair.sure)


def test_sure_partners_are_translations():
    translations = collections.defaultdict(set)
    for entry in (*LEXICON["things"], *LEXICON["people"]):
        for plural in (0, 1):
            translations[entry[plural]].add(entry[2 + plural])
    for english, *spanish in LEXICON["adjectives"]:
        translations[english].update(spanish)
    for one, many, *spanish in LEXICON["determiners"]:
        translations[one].update(spanish[:2])
        translations[many].update(spanish[2:])
    translations["an"] = translations["a"]
    for kind in ("verbs_of_things", "verbs_of_anything", "verbs_of_nothing"):
        for base, third, past, *forms in LEXICON[kind]:
            translations[base].update(forms)  # also after "did"
            translations[third].add(forms[2])
            translations[past].update(forms[5:])
    for english, spanish, *_ in (*LEXICON["prepositions"], *LEXICON["conjunctions"]):
        translations[english].add(spanish)
    translations |= {"not": {"no"}, "'s": {"de"}}
    for pair in PAIRS:
        for i, j in pair.sure:
            assert pair.target[j] in translations[pair.source[i]], pair


def test_spanish_contracts_and_english_says_an_before_a_vowel():
    for pair in PAIRS:
        following = set(itertools.pairwise(pair.target))
        assert not following & {("de", "el"), ("a", "el")}
        for word, after in itertools.pairwise(pair.source):
            assert (word == "an") == (after[0] in "aeiou") or word not in ("a", "an")


def test_a_contraction_has_possible_links_alone():
    found = 0
    for pair in PAIRS:
        for word, sure, possible in zip(
            pair.target, partners(pair), partners(pair, "possible"), strict=True
        ):
            if word in ("del", "al"):
                found += 1
                assert not sure
                assert "the" in possible or "'s" in possible
    assert found > 100


def test_articles_agree_with_the_noun_that_follows():
    for pair in PAIRS:
        for word, after in itertools.pairwise(pair.target):
            if word in ARTICLES and after in NOUNS:
                assert ARTICLES[word] == NOUNS[after], pair


def test_adjectives_stand_on_the_other_side_in_the_other_order():
    adjectives = {words[0] for words in LEXICON["adjectives"]}
    seen = collections.Counter()
    for pair in PAIRS:
        place = dict(pair.sure)
        for i, word in enumerate(pair.source[:-1]):
            if word in adjectives:
                # What follows is an adjective of the same noun or the noun itself.
                assert place[i] == place[i + 1] + 1
                seen[pair.source[i + 1] in adjectives] += 1
    assert min(seen.values()) > 100


def test_do_and_pronouns_have_no_sure_partner():
    alone = {"do", "does", "did", *grammar.PRONOUNS}
    for pair in PAIRS:
        assert not alone & {pair.source[i] for i, _ in pair.sure}


def test_sentences_differ_and_stay_short_enough():
    assert len({pair.source for pair in PAIRS}) == len(PAIRS)
    assert {len(pair.source) for pair in PAIRS} >= {*range(3, grammar.LONGEST + 1)}
    assert max(len(pair.source) for pair in PAIRS) == grammar.LONGEST
    assert max(len(pair.source) for pair in grammar.pairs(200, 0, longest=6)) == 6


def test_a_seed_repeats_them():
    assert grammar.pairs(50, seed=3) == grammar.pairs(50, seed=3)
    assert grammar.pairs(50, seed=3) != grammar.pairs(50, seed=4)
    assert grammar.pairs(20, seed=3) == grammar.pairs(50, seed=3)[:20]


def test_encoding_is_undone_by_decoding():
    sources, targets = grammar.encode(PAIRS)
    assert sources.shape == (len(PAIRS), grammar.LONGEST + 1)
    assert targets.shape == (len(PAIRS), grammar.LONGEST_SPANISH + 2)
    for pair, source, target in zip(PAIRS, sources, targets, strict=True):
        assert tuple(grammar.decode(source, "english")) == pair.source
        assert tuple(grammar.decode(target)) == pair.target
        assert target[0] == grammar.START
        for numbers, words in ((source, pair.source), (target[1:], pair.target)):
            assert numbers[len(words)] == grammar.END
            assert (numbers[len(words) + 1 :] == grammar.PADDING).all()


def test_the_vocabulary_is_every_word_that_is_drawn():
    """So many sentences leave hardly a form out, and use no other."""
    english, spanish = grammar.vocabulary()
    drawn = [
        {word for pair in PAIRS for word in getattr(pair, side)} for side in ("source", "target")
    ]
    assert drawn[0] == set(english)
    assert drawn[1] <= set(spanish)
    assert len(drawn[1]) > 0.98 * len(spanish)


def test_no_spanish_sentence_is_longer_than_its_room():
    assert grammar.LONGEST_SPANISH == grammar.LONGEST * 3 // 2
    for pair in PAIRS:
        assert len(pair.target) <= 1.5 * len(pair.source)


@pytest.mark.parametrize(("count", "longest"), [(0, 24), (-1, 24), (10, 1), (300, 2)])
def test_what_cannot_be_drawn_gets_a_sentence(count, longest):
    with pytest.raises(DataError, match=f"no {count} different sentences"):
        grammar.pairs(count, 0, longest)
