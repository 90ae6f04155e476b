"""Model cards: what was trained, on what, and what came out.

A card is the file ``models/NAME.json``. Chapters read their numbers from it, so that no result
is typed by hand. Reading one needs neither TensorFlow nor Keras.
"""

import json
from pathlib import Path
from typing import Any

from attention_course import assets
from attention_course.errors import ModelError
from attention_course.words import tr

REQUIRED_KEYS = frozenset(
    {"name", "title", "recipe", "data", "seeds", "versions", "runs", "test", "training", "file"}
)


def load_card(name: str) -> dict[str, Any]:
    """Return the card of the model ``name`` as a dictionary.

    Raises:
        AssetError: there is no such card, or it cannot be fetched.
        ModelError: the file is not a card (damaged JSON, or a part is missing).
    """
    return read_card(assets.fetch(f"models/{name}.json"))


def epoch_seconds(run: dict[str, Any]) -> list[float]:
    """Return what every epoch of a card's run took, those on all training data included."""
    refit = run.get("refit", {})
    return [*run.get("seconds_per_epoch", []), *refit.get("seconds_per_epoch", [])]


def read_card(path: Path) -> dict[str, Any]:
    """Return the card stored at ``path``; raises ``ModelError`` when it is damaged."""
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(card, dict):
            raise ValueError(tr("not a JSON object"))
        missing = sorted(REQUIRED_KEYS - card.keys())
        if missing:
            raise ValueError(tr("without {parts}", parts=", ".join(missing)))
    except (OSError, ValueError) as error:
        raise ModelError(
            "The card {file} is damaged ({reason}): restore it with 'git checkout' or train "
            "the model again.",
            file=path.name,
            reason=error,
        ) from error
    return card
