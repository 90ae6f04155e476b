"""What the translators of the grammar write, word by word: ``data/translations.json``.

Nothing is trained. Each translator writes a few test sentences greedily. For every word the record
holds the weights with which it was found, and which words were the likeliest.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from attention_course import environment
from attention_course.datasets import grammar
from attention_course.models import load
from attention_course.models.translation import GRAMMAR_SCORES, write
from attention_course.storage import write_json
from attention_course.training.recipes.translation import test_pairs
from attention_course.words import tr

FILE = "translations.json"
MODELS = ("plain", *GRAMMAR_SCORES, "feeding")
"""Names of translators, without ``grammar_`` before them; the first one has no attention."""
SHORT, LONG = range(5, 9), range(15, 21)
"""How many English words the sentences have."""
KINDS: dict[str, Callable[[grammar.Pair, bool], bool]] = {
    "adjective": lambda pair, plain: (
        _mirrored(pair, 2) and not _mirrored(pair, 3) and "'s" not in pair.source
    ),
    "adjectives": lambda pair, plain: _mirrored(pair, 3) and "'s" not in pair.source,
    "pronoun": lambda pair, plain: pair.source[0] in grammar.PRONOUNS and "not" not in pair.source,
    "negation": lambda pair, plain: "not" in pair.source,
    "contraction": lambda pair, plain: bool({"del", "al"} & {*pair.target}),
    "owner": lambda pair, plain: "'s" in pair.source,
    "forgotten": lambda pair, plain: not plain,
    "long": lambda pair, plain: True,
}
"""What the sentences show. A test is given a pair, and whether it is translated right without
attention. Of each kind the first test sentence is taken that is not taken yet; it has ``LONG``
words for the last kind, ``SHORT`` for all others."""
LIKELIEST = 3
_MARKS = ("[padding]", "[start]", "[end]")
"""Names of the numbers that stand for no word."""


def record(folder: Path) -> dict[str, Any]:
    """Have all of them translate, write ``translations.json`` into ``folder``, return its content.

    Weights and probabilities are whole thousandths. ``likeliest`` holds for each step the words
    with the highest probabilities; the first one was written. ``weights`` has a row for each step
    and a column for each source word and the end mark. ``possible`` are the links that are not
    sure as well.
    """
    pairs = test_pairs()
    taken = choose(pairs, right_without_attention(pairs))
    chosen = [pairs[number] for number in taken.values()]
    sentences: list[dict[str, Any]] = [
        {
            "kind": kind,
            "number": number,
            "source": pair.source,
            "target": pair.target,
            "sure": sorted(pair.sure),
            "possible": sorted(pair.possible - pair.sure),
            "translations": {},
        }
        for (kind, number), pair in zip(taken.items(), chosen, strict=True)
    ]
    for name in MODELS:
        found = translate(load(f"grammar_{name}"), chosen)
        for sentence, translation in zip(sentences, found, strict=True):
            sentence["translations"][name] = translation
        right = sum(translation["right"] for translation in found)
        told = {"name": f"grammar_{name}", "right": right, "count": len(found)}
        print(tr("{name}: {right} of {count} sentences are right", **told), flush=True)
    content = {
        "what": "test sentences of the grammar, written greedily by trained translators",
        "versions": environment.versions(),
        "sentences": sentences,
    }
    write_json(folder / FILE, content, indent=None)
    return content


def right_without_attention(pairs: Sequence[grammar.Pair]) -> list[bool]:
    """Say of each pair whether the translator without attention gets it right word for word."""
    model = load("grammar_plain")
    source, target = grammar.encode(list(pairs))
    starts = range(0, len(pairs), 500)
    written = [write(model, source[n : n + 500], target.shape[1] - 1)[0] for n in starts]
    return (np.concatenate(written) == target[:, 1:]).all(axis=1).tolist()


def choose(pairs: Sequence[grammar.Pair], plain: Sequence[bool]) -> dict[str, int]:
    """Return the number of the pair that is taken for each of ``KINDS``, if there is one.

    ``plain`` says of each pair whether it is translated right without attention.
    """
    taken: dict[str, int] = {}
    for kind, fits in KINDS.items():
        lengths = LONG if kind == "long" else SHORT
        for number, pair in enumerate(pairs):
            fitting = len(pair.source) in lengths and fits(pair, plain[number])
            if fitting and number not in taken.values():
                taken[kind] = number
                break
    return taken


def translate(model: keras.Model, pairs: Sequence[grammar.Pair]) -> list[dict[str, Any]]:
    """Return what :func:`record` keeps of each pair for one model."""
    source, target = grammar.encode(list(pairs))
    written, weights = write(model, source, target.shape[1] - 1)
    before = np.c_[target[:, :1], written[:, :-1]]
    probabilities = keras.ops.convert_to_numpy(
        keras.ops.softmax(model([source, before], training=False))
    )
    words = [*_MARKS, *grammar.vocabulary()[1]]
    found = []
    for place, pair in enumerate(pairs):
        ends = np.flatnonzero(written[place] == grammar.END)
        steps = int(ends[0]) + 1 if ends.size else written.shape[1]
        rows = probabilities[place, :steps]
        best = np.argsort(-rows, axis=1)[:, :LIKELIEST]
        shown = _thousandths(np.take_along_axis(rows, best, axis=1))
        looked = weights[place, :steps, : len(pair.source) + 1]
        found.append(
            {
                "right": bool((written[place] == target[place, 1:]).all()),
                "likeliest": [
                    [[words[word], share] for word, share in zip(*row, strict=True)]
                    for row in zip(best, shown, strict=True)
                ],
                "weights": _thousandths(looked) if model.get_layer("decoder").attention else None,
            }
        )
    return found


def _mirrored(pair: grammar.Pair, count: int) -> bool:
    """Whether so many neighbours stand in the opposite order in the translation."""
    return any(all((i + k, j - k) in pair.sure for k in range(count)) for i, j in pair.sure)


def _thousandths(values: np.ndarray) -> list[list[int]]:
    return np.rint(1000 * values.astype("float64")).astype(int).tolist()
