"""Model cards: what was trained, on what, and what came out.

A card is the file ``models/NAME.json``. Chapters read their numbers from it, so that no result
is typed by hand. Reading one needs neither TensorFlow nor Keras.
"""

import json
from pathlib import Path
from typing import Any

from attention_course import assets
from attention_course.errors import ModelError
from attention_course.storage import write_whole

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


def write_json(path: Path, content: dict[str, Any], scratch: Path | None = None) -> None:
    """Write ``content`` to ``path``, whole or not at all; see :func:`storage.write_whole`.

    Raises:
        ValueError: ``content`` holds NaN or an infinity, which JSON does not know.
        StorageError: the disk is full or refuses to write.
    """
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(
        path, lambda partial: partial.write_text(text, encoding="utf-8", newline="\n"), scratch
    )
