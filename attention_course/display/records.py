"""Records as the appendix shows them: numbers with their spread, and where they were measured."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from attention_course import assets
from attention_course.errors import AssetError

WIDTH = 40
"""Characters of a line that a narrow screen shows without scrolling."""


def load(name: str) -> dict[str, Any]:
    """Return the record ``benchmarks/NAME.json``; ``AssetError`` if it is missing or damaged."""
    path = assets.fetch(f"benchmarks/{name}.json")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise AssetError(
            "The record {file} is damaged ({reason}): restore it with 'git checkout', or "
            "measure again with 'python -m attention_course bench {name}'.",
            file=path.name,
            reason=error,
            name=name,
        ) from error


def number(value: float) -> str:
    """Return a number with three significant digits, never as a power of ten.

    >>> number(0.016804), number(45.33), number(5875.2)
    ('0.0168', '45.3', '5,880')
    """
    value = float(f"{value:.2e}")
    decimals = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:,.{decimals}f}"


def spread(summary: Mapping[str, Any]) -> str:
    """Return a median with the lowest and highest round, such as ``"45.3 (44.5–60.5)"``."""
    middle, low, high = (number(summary[key]) for key in ("median", "lowest", "highest"))
    return middle if low == high else f"{middle} ({low}–{high})"


def medians(summaries: Iterable[Mapping[str, Any]]) -> list[float]:
    """Return the medians of several summaries."""
    return [summary["median"] for summary in summaries]


def surroundings(record: Mapping[str, Any]) -> str:
    """Return what a record says about machine, versions, settings and repeats, in short lines."""
    machine = record["machine"]
    entries = {
        "machine": [
            f"{machine['processor']} ({machine['architecture']})",
            f"cores used: {machine['cores']}",
            f"memory: {machine['memory_gb']} GB",
            f"system: {machine['system']}",
        ],
        "versions": [f"{name} {version}" for name, version in record["versions"].items()],
        "settings": [f"{name}={value}" for name, value in record["settings"].items()] or ["none"],
        "repeats": [f"{name.replace('_', ' ')}: {n}" for name, n in record["repeats"].items()],
    }
    lines = (f"{title}: {', '.join(parts)}" for title, parts in entries.items())
    return "\n".join(textwrap.fill(line, WIDTH, subsequent_indent="  ") for line in lines)
