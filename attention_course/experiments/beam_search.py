"""How wide a beam the verses want, and what attention is worth to them: ``data/beam_search.json``.

Nothing is trained. The stored translators, of the first seed, translate the test verses that are no
longer than those that they learned from: by beams of several widths, with a length penalty and
without. What the one with attention writes greedily is also scored by other ways of counting BLEU.
"""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from attention_course import environment, models
from attention_course.datasets import verses
from attention_course.datasets.subwords import encode_pairs
from attention_course.models.translation import beam
from attention_course.models.verses import BUILDERS, LONGEST
from attention_course.storage import write_json
from attention_course.training import scoring
from attention_course.training.recipes.verses import BY_LENGTH, EXAMPLES, parts, sizes, translate
from attention_course.words import tr

FILE = "beam_search.json"
WIDTHS = (1, 2, 4, 8, 16)
PENALTIES = (0.0, 1.0)


def search(
    model: keras.Model, pairs: list[tuple[str, str]], width: int, penalty: float
) -> tuple[list[str], float]:
    """Return the translations of pairs' sources, and the mean value that the search gave them."""
    values = []

    def write_batch(source: np.ndarray, longest: int) -> np.ndarray:
        written, value = beam(model, source, longest, width, penalty)
        values.extend(value)
        return written

    found = translate(encode_pairs(pairs, *verses.subwords())[0], write_batch)
    return found, float(np.mean(values))


def by_width(model: keras.Model, pairs: list[tuple[str, str]]) -> tuple[list[dict], list[str]]:
    """Return a row for each width and penalty, and the translations of width 1."""
    rows, greedy = [], []
    expected = [target for _, target in pairs]
    for width in WIDTHS:
        for penalty in PENALTIES if width > 1 else (0.0,):  # one beam has nothing to choose from
            found, value = search(model, pairs, width, penalty)
            greedy = greedy or found
            row = {"width": width, "length_penalty": penalty, **scoring.report(found, expected)}
            if penalty == 0:
                row["log_probability"] = round(value, 3)
            row["written"] = found[:: max(1, len(found) // EXAMPLES)][:EXAMPLES]
            rows.append(row)
            told = {"width": width, "penalty": penalty, "bleu": row["bleu"]["score"]}
            print(tr("width {width}, penalty {penalty}: BLEU {bleu:.2f}", **told), flush=True)
    return rows, greedy


def differences(
    first: list[str], second: list[str], pairs: list[tuple[str, str]]
) -> dict[str, Any]:
    """Return by how much the second translations are better, over all and by length."""
    expected, lengths = (
        [target for _, target in pairs],
        np.array([sizes(pair)[0] for pair in pairs]),
    )
    result: dict[str, Any] = {**scoring.compare(first, second, expected), "by_length": []}
    for low, high in BY_LENGTH:
        places = np.flatnonzero((lengths >= low) & (lengths <= high))
        if low <= LONGEST:
            texts = ([side[place] for place in places] for side in (first, second, expected))
            result["by_length"].append({"subwords": [low, high], **scoring.compare(*texts)})
    return result


def record(folder: Path) -> dict[str, Any]:
    """Search with all models, write ``beam_search.json`` into ``folder``, return its content."""
    pairs = [pair for pair in parts()[0]["test"] if max(sizes(pair)) <= LONGEST]
    content: dict[str, Any] = {
        "what": "test verses translated by beams of several widths",
        "versions": environment.versions(["keras", "tensorflow", "numpy", "sacrebleu"]),
        "examples": len(pairs),
        "shown": pairs[:: max(1, len(pairs) // EXAMPLES)][:EXAMPLES],
        "models": {},
    }
    greedy = {}
    for name in BUILDERS:
        print(name, flush=True)
        content["models"][name], greedy[name] = by_width(models.load(name), pairs)
    plain, attention = BUILDERS
    content["attention_minus_plain"] = differences(greedy[plain], greedy[attention], pairs)
    expected = [target for _, target in pairs]
    content["counted_otherwise"] = scoring.otherwise(greedy[attention], expected)
    write_json(folder / FILE, content)
    return content
