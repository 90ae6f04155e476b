"""Sentences of a small grammar, in English and in Spanish, with the links between their words.

Both sides of a pair are built together, so which word comes from which is known and needs no
annotator. Adjectives change places, and owners too; determiners and adjectives agree with a noun
that stands elsewhere; English needs "do" for a negation and a pronoun for a subject, Spanish needs
neither, but puts "a" before a person who is an object; "de el" and "a el" become one word.

A link is *sure* where two words mean each other, and *possible* where it may be drawn or left out,
as between "do" and a verb (Och and Ney 2003, section 5.1). Sure links are possible ones as well.
Sentences need not make sense: "the tall king sells a river" does.
"""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from attention_course.errors import DataError

LONGEST = 24
"""English words in the longest sentence that :func:`pairs` keeps."""
LONGEST_SPANISH = 36
"""No Spanish sentence is longer: at most every second English word ("'s") gives two words."""
PADDING, START, END = 0, 1, 2
"""Numbers that stand for no word; words follow in the order of :func:`vocabulary`."""
PRONOUNS = {"i": 0, "you": 1, "he": 2, "she": 2, "we": 3, "they": 4}
_HE, _THEY = 2, 4
VERBS = ("verbs_of_things", "verbs_of_anything", "verbs_of_nothing")
"""Kinds of verbs, by what their object may be."""
_THE = ("el", "la", "los", "las")
_CONTRACTIONS = {("de", "el"): "del", ("a", "el"): "al"}
_ENDINGS = {
    "ar": ("o as a amos an", "é aste ó amos aron"),
    "er": ("o es e emos en", "í iste ió imos ieron"),
    "ir": ("o es e imos en", "í iste ió imos ieron"),
}


@dataclass(frozen=True)
class Pair:
    """An English sentence, its Spanish one, and the links between their words.

    Attributes:
        source, target: the words.
        sure, possible: links ``(i, j)`` between ``source[i]`` and ``target[j]``.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    sure: frozenset[tuple[int, int]]
    possible: frozenset[tuple[int, int]]


@dataclass(eq=False)  # two words of one spelling are two words
class _Word:
    """A word that knows its partners: a Spanish one names the English ones that it comes from."""

    text: str
    sure: tuple[_Word, ...] = ()
    possible: tuple[_Word, ...] = ()


@dataclass
class _Phrase:
    """Words on both sides; a noun phrase also says who it is: person, and whether a human being."""

    english: list[_Word]
    spanish: list[_Word]
    person: int = _HE
    human: bool = False

    def __add__(self, other: _Phrase) -> _Phrase:
        english, spanish = self.english + other.english, self.spanish + other.spanish
        return _Phrase(english, spanish, self.person, self.human)


def pairs(count: int, seed: int, longest: int = LONGEST) -> list[Pair]:
    """Draw ``count`` different sentence pairs of up to ``longest`` English words.

    Raises DataError when that is no number of sentences, or more than there seem to be.
    """
    found: dict[tuple[str, ...], Pair] = {}
    generator = np.random.default_rng(seed)
    for _ in range(50 * count):
        pair = _linked(_Drawing(generator).sentence())
        if len(pair.source) <= longest:
            found.setdefault(pair.source, pair)
        if len(found) == count:
            return list(found.values())
    raise DataError(
        "There are no {count} different sentences of up to {longest} words to be drawn; ask for "
        "fewer, or for longer ones.",
        count=count,
        longest=longest,
    )


def encode(pairs: list[Pair]) -> tuple[np.ndarray, np.ndarray]:
    """Turn pairs into numbers, int32.

    Returns:
        Sources ``(n, LONGEST + 1)``, each with END after it and PADDING behind; targets
        ``(n, LONGEST_SPANISH + 2)``, with START before them as well.
    """
    english, spanish = (
        {word: number for number, word in enumerate(words, start=END + 1)} for words in vocabulary()
    )
    sources = np.full((len(pairs), LONGEST + 1), PADDING, dtype="int32")
    targets = np.full((len(pairs), LONGEST_SPANISH + 2), PADDING, dtype="int32")
    for pair, source, target in zip(pairs, sources, targets, strict=True):
        source[: len(pair.source) + 1] = [*(english[word] for word in pair.source), END]
        target[: len(pair.target) + 2] = [START, *(spanish[word] for word in pair.target), END]
    return sources, targets


def decode(numbers: np.ndarray, language: Literal["english", "spanish"] = "spanish") -> list[str]:
    """Return the words of one encoded sentence, up to END and without START."""
    words = vocabulary()[language == "spanish"]
    found = []
    for number in np.asarray(numbers):
        if number == END:
            break
        if number > END:
            found.append(words[number - END - 1])
    return found


@functools.cache
def vocabulary() -> tuple[list[str], list[str]]:
    """Return every English and every Spanish word of the grammar, sorted."""
    english, spanish = {*PRONOUNS, "do", "does", "did", "not", "an", "'s"}, {"no", "a", *_THE}
    known = lexicon()
    sides = {"things": 2, "people": 2, "determiners": 2, "adjectives": 1, "prepositions": 1}
    sides |= {"conjunctions": 1, **dict.fromkeys(VERBS, 3)}
    for kind, number in sides.items():
        for entry in known[kind]:
            english.update(entry[:number])
            spanish.update(entry[number:])
    spanish.update(_CONTRACTIONS.values())
    genders = {"m", "f"}
    return sorted(english - {"-"}), sorted(spanish - {"-", *genders})


class _Drawing:
    """Draws the words and phrases of a sentence."""

    def __init__(self, generator: np.random.Generator) -> None:
        self.generator = generator
        self.lexicon = lexicon()

    def chance(self, probability: float) -> bool:
        return self.generator.random() < probability

    def one(self, options: list[list[str]]) -> list[str]:
        return options[self.generator.integers(len(options))]

    def sentence(self) -> _Phrase:
        sentence = self.clause()
        while self.chance(0.6):
            sentence = sentence + _small(*self.one(self.lexicon["conjunctions"])) + self.clause()
        return sentence

    def clause(self) -> _Phrase:
        subject = self.pronoun() if self.chance(0.35) else self.noun_phrase()
        kind = VERBS[self.generator.integers(len(VERBS))]
        clause = subject + self.verb(kind, subject)
        if kind != "verbs_of_nothing":
            thing = self.noun_phrase(people=kind == "verbs_of_anything")
            if thing.human:
                verb = clause.spanish[-1].sure
                clause.spanish.append(_Word("a", possible=(*verb, thing.english[-1])))
            clause = clause + thing
        while self.chance(0.3):
            clause = clause + _small(*self.one(self.lexicon["prepositions"])) + self.noun_phrase()
        return clause

    def pronoun(self) -> _Phrase:
        word = list(PRONOUNS)[self.generator.integers(len(PRONOUNS))]
        return _Phrase([_Word(word)], [], PRONOUNS[word])

    def verb(self, kind: str, subject: _Phrase) -> _Phrase:
        """Return a verb in the present or past, as it is or denied by "do" and "not"."""
        base, third, past, *forms = self.one(self.lexicon[kind])
        is_past = self.chance(0.5)
        form = forms[5 * is_past + subject.person]
        is_third = subject.person == _HE
        # A pronoun that Spanish leaves out lives on in the ending of the verb.
        pronoun = () if subject.spanish else tuple(subject.english)
        if self.chance(0.35):
            do = _Word("did" if is_past else "does" if is_third else "do")
            no, verb = _Word("not"), _Word(base)
            denied = _Word("no", sure=(no,), possible=(do,))
            formed = _Word(form, sure=(verb,), possible=(do, *pronoun))
            return _Phrase([do, no, verb], [denied, formed])
        verb = _Word(past if is_past else third if is_third else base)
        return _Phrase([verb], [_Word(form, sure=(verb,), possible=pronoun)])

    def noun_phrase(self, people: bool = True) -> _Phrase:
        """Return a noun with its adjectives, after a determiner or an owner."""
        human = people and self.chance(0.4)
        *forms, gender = self.one(self.lexicon["people" if human else "things"])
        plural = self.chance(0.4)
        agreeing = 2 * plural + (gender == "f")  # which of the four forms
        noun = _Word(forms[plural])
        english, spanish = [noun], [_Word(forms[2 + plural], sure=(noun,))]
        # English piles adjectives up before the noun, and Spanish after it, as in a mirror.
        for number in self.generator.permutation(len(self.lexicon["adjectives"]))[: self.few()]:
            word, *forms = self.lexicon["adjectives"][number]
            adjective = _Word(word)
            english.insert(0, adjective)
            spanish.append(_Word(forms[agreeing], sure=(adjective,)))
        person = _THEY if plural else _HE
        if self.chance(0.12):
            owner, mark = self.noun_phrase(), _Word("'s")
            spanish = [_Word(_THE[agreeing], possible=(mark,)), *spanish]
            spanish += [_Word("de", sure=(mark,)), *owner.spanish]
            return _Phrase([*owner.english, mark, *english], spanish, person, human)
        known = [words for words in self.lexicon["determiners"] if words[plural] != "-"]
        words = self.one(known)
        a = words[plural] == "a" and english[0].text[0] in "aeiou"
        determiner = _Word("an" if a else words[plural])
        spanish.insert(0, _Word(words[2 + agreeing], sure=(determiner,)))
        return _Phrase([determiner, *english], spanish, person, human)

    def few(self) -> int:
        """Return how many adjectives: usually none or one."""
        return int(self.generator.choice(3, p=(0.5, 0.35, 0.15)))


def _small(english: str, *spanish: str) -> _Phrase:
    """Return a word and its translation; of two Spanish words the first is the partner."""
    word = _Word(english)
    first, *rest = spanish
    further = [_Word(text, possible=(word,)) for text in rest]
    return _Phrase([word], [_Word(first, sure=(word,)), *further])


def _linked(phrase: _Phrase) -> Pair:
    """Contract what Spanish contracts, and number the words."""
    spanish: list[_Word] = []
    for word in phrase.spanish:
        before = spanish[-1].text if spanish else ""
        if (before, word.text) in _CONTRACTIONS:
            two = (spanish.pop(), word)
            # Half of the word comes from each: either may be named, neither must.
            partners = tuple(each for part in two for each in (*part.sure, *part.possible))
            word = _Word(_CONTRACTIONS[before, word.text], possible=partners)
        spanish.append(word)
    place = {word: number for number, word in enumerate(phrase.english)}
    sure = {(place[one], j) for j, word in enumerate(spanish) for one in word.sure}
    possible = {(place[one], j) for j, word in enumerate(spanish) for one in word.possible}
    texts = [tuple(word.text for word in side) for side in (phrase.english, spanish)]
    return Pair(*texts, frozenset(sure), frozenset(sure | possible))


@functools.cache
def lexicon() -> dict[str, list[list[str]]]:
    """Return the words of ``grammar.toml``, each entry split; verbs have all their forms."""
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    lexicon = {
        name: [entry.split() for entry in entries] for name, entries in tomllib.loads(text).items()
    }
    for name in VERBS:
        lexicon[name] = [[*verb[:3], *_forms(verb[3:])] for verb in lexicon[name]]
    return lexicon


def _forms(spanish: list[str]) -> list[str]:
    """Return five persons of the present and of the past; a regular verb gives its infinitive."""
    if len(spanish) > 1:
        return spanish
    stem, ending = spanish[0][:-2], spanish[0][-2:]
    return [stem + form for tense in _ENDINGS[ending] for form in tense.split()]
