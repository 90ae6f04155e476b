"""The search for the champion's settings, repeatable: ``data/ngram_search.json``.

Every try is trained on the training part and scored on the validation part with the same seed.
The test reviews are not looked at. The table keeps the order in which things were tried.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

from attention_course.environment import cores
from attention_course.errors import DataError
from attention_course.storage import write_json
from attention_course.training.recipe import Recipe
from attention_course.training.recipes.ngram import settings_recipe
from attention_course.training.runs import fit
from attention_course.words import tr

SEED = 0
TRIES: tuple[dict[str, Any], ...] = (
    {},
    {"scored_by": []},
    {"scored_by": ["ngram"]},
    {"scored_by": ["place"]},
    {"orders": 2},
    {"orders": 2, "scored_by": []},
    {"orders": 1},
    {"smoothing": 1.0},
    {"smoothing": 10.0},
    {"size": 100_000},
    {"num_words": 10_000},
)
"""What each try changes in ``recipes.ngram.SETTINGS``; ``{}`` is the recipe itself."""


def search(path: Path) -> dict[str, Any]:
    """Run ``TRIES`` one after another and write the table to the JSON file ``path`` after each.

    What the table holds already is not run again, so that an interrupted search goes on. To run
    everything anew, delete the file.

    Raises ``DataError`` when the IMDB reviews are not to be had, or the table at ``path`` is
    damaged or of another seed.
    """
    table = {"seed": SEED, "tries": []}
    if path.exists():
        try:
            table = json.loads(path.read_text(encoding="utf-8"))
            if (found := table["seed"]) != SEED:
                raise ValueError(tr("its seed is {found}, not {wanted}", found=found, wanted=SEED))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                "The table {path} cannot be continued ({error}): restore it with 'git checkout', "
                "or choose another folder with --output.",
                path=path,
                error=error,
            ) from error
    for changed in TRIES:
        recipe = _recipe(changed)
        if all(row["settings"] != recipe.settings for row in table["tries"]):
            table["tries"].append({"changed": changed, **run(recipe)})
            write_json(path, table)
    return table


def run(recipe: Recipe) -> dict[str, Any]:
    """Train by ``recipe`` and return what the table says of it."""
    keras.backend.clear_session()
    _, result = fit(recipe, recipe.load_data(), SEED, recipe.epochs)
    kept, history = result["kept_epoch"], result["history"]
    return {
        "settings": recipe.settings,
        "validation_accuracy": history["val_accuracy"][kept - 1],
        "validation_loss": history["val_loss"][kept - 1],
        "kept_epoch": kept,
        "epochs": recipe.epochs,
        "seconds": round(sum(result["seconds_per_epoch"]), 1),
        "cores": cores(),
    }


def _recipe(changed: dict[str, Any]) -> Recipe:
    return replace(
        settings_recipe("ngram_attention", "N-grams + attention", **changed),
        evaluate=lambda model, splits: {},  # nothing is measured on the test reviews
        refit=False,
    )
