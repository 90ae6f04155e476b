"""What translators of real text are compared with: ``data/translation_baselines.json``.

No network is needed for these: to copy the source, to answer with the translation of the training
text that is most like it, and to translate word for word. The record also says how the data was
split.
"""

from pathlib import Path
from typing import Any

import numpy as np

from attention_course import environment
from attention_course.datasets import phrases
from attention_course.datasets.overlap import near_duplicates
from attention_course.models.simple_translators import Pairs, nearest, word_for_word
from attention_course.storage import write_json
from attention_course.training.recipes import phrases as phrases_recipe
from attention_course.training.recipes import verses as verses_recipe
from attention_course.words import tr

FILE = "translation_baselines.json"


def translations(train: Pairs, test: Pairs, unit: str) -> dict[str, list[str]]:
    """Return what each baseline makes of the test's sources; ``unit`` as in :func:`nearest`."""
    sources = [source for source, _ in test]
    return {
        "copy": sources,
        "nearest": nearest(train, sources, unit),
        "word_for_word": word_for_word(train, sources),
    }


def dealt_one_by_one(pairs: Pairs, held_out: int) -> int:
    """Count held-out phrases with a near duplicate in training if families were not kept together.

    ``held_out`` phrases are drawn at random, without regard to their families.
    """
    order = np.random.default_rng(0).permutation(len(pairs))
    sides = [[side[place] for place in order] for side in zip(*pairs, strict=True)]
    near = [near_duplicates(side[:held_out], side[held_out:], letters=3)[:, 0] for side in sides]
    return len(set(np.concatenate(near).tolist()))


def record(folder: Path) -> dict[str, Any]:
    """Measure all, write ``translation_baselines.json`` into ``folder`` and return its content."""
    found, _ = phrases.load()
    split, _, too_long = phrases_recipe.parts()
    sizes = np.bincount(phrases.families(found))
    held_out = len(split["validation"]) + len(split["test"])
    pairs, left_out = verses_recipe.parts()
    content: dict[str, Any] = {
        "what": "translations without a network, of the test phrases and the test verses",
        "versions": environment.versions(["numpy", "scikit-learn", "sacrebleu"]),
        "phrases": {
            **{part: len(rows) for part, rows in split.items()},
            "too_long": too_long,
            "families": len(sizes),
            "largest_family": int(sizes.max()),
            "without_a_sister": int((sizes == 1).sum()),
            "held_out": held_out,
            "near_duplicates_if_dealt_one_by_one": dealt_one_by_one(found, held_out),
            "baselines": {
                name: phrases_recipe.measure(written, split["test"])
                for name, written in translations(split["train"], split["test"], "letters").items()
            },
        },
        "verses": {
            **{part: len(rows) for part, rows in pairs.items()},
            "left_out": left_out,
            "baselines": {
                name: verses_recipe.measure(written, pairs["test"])
                for name, written in translations(pairs["train"], pairs["test"], "words").items()
            },
        },
    }
    for data in ("phrases", "verses"):
        for name, row in content[data]["baselines"].items():
            told = {"data": data, "name": name, "metric": row["metric"], "score": row["score"]}
            print(tr("{data}, {name}: {metric} {score:.4g}", **told), flush=True)
    write_json(folder / FILE, content)
    return content
