"""Model cards: what was trained, on what, and what came out.

A card is the file ``models/NAME.json``. Chapters read their numbers from it, so that no result
is typed by hand. Reading one needs neither TensorFlow nor Keras.
"""

import json
import os
from pathlib import Path
from typing import Any

from attention_course import assets
from attention_course.errors import ModelError

REQUIRED_KEYS = frozenset(
    {"name", "title", "recipe", "data", "seeds", "versions", "runs", "test", "training", "file"}
)


def load_card(name: str) -> dict[str, Any]:
    """Return the card of the model ``name`` as a dictionary.

    Raises:
        AssetError: there is no such card, or it cannot be fetched.
        ModelError: the file is not a card (damaged JSON, or a part is missing).
    """
    path = assets.fetch(f"models/{name}.json")
    return read_card(path)


def read_card(path: Path) -> dict[str, Any]:
    """Return the card stored at ``path``; raises ``ModelError`` when it is damaged."""
    remedy = "restore it with 'git checkout' or train the model again"
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"The card {path.name} cannot be read ({error}): {remedy}.") from error
    if not isinstance(card, dict):
        raise ModelError(f"The card {path.name} is not a JSON object: {remedy}.")
    missing = sorted(REQUIRED_KEYS - card.keys())
    if missing:
        raise ModelError(f"The card {path.name} lacks {', '.join(missing)}: {remedy}.")
    return card


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write ``content`` beside ``path`` and rename it, so that no half-written file is left."""
    partial = path.with_name(path.name + ".partial")
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    partial.write_text(text + "\n", encoding="utf-8", newline="\n")
    os.replace(partial, path)
