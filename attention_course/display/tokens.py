"""A text whose words are shaded by their weight."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import numpy as np

from attention_course.display import style, svg
from attention_course.words import mark, tr

NUMBERED_TOKENS = 30
_HIDDEN = (
    "position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap"
)


def token_weights(tokens: Sequence[str], weights: Any, caption: str) -> None:
    """Show a text whose words are shaded by their weight.

    At most 30 words have their weights below them. In a longer text each weight is a tooltip,
    which needs a mouse, so the five largest stand below the text.

    Args:
        tokens: the words, padding already left out.
        weights: one number per token; negative ones are shaded orange.
        caption: what is to be seen, in words; printed above the text.

    Raises:
        PlotError: when the numbers of tokens and weights differ or the caption says nothing.
    """
    caption = style.require_description(caption, "caption")
    weights = style.numbers(weights, len(tokens), tr("weights"))
    limit = style.largest(weights)
    numbers = len(tokens) <= NUMBERED_TOKENS
    words = "".join(
        _token(token, value, limit, numbers) for token, value in zip(tokens, weights, strict=True)
    )
    named = range(len(tokens)) if numbers else np.argsort(-np.abs(weights), kind="stable")[:5]
    spoken = ", ".join(f"{tokens[index]} {weights[index]:.2f}" for index in named)
    heading = mark("Weights: {list}.") if numbers else mark("Largest weights: {list}.")
    spoken = tr(heading, list=spoken)
    # Printed numbers are read out once more in order; otherwise this line is all there is of them.
    place = _HIDDEN if numbers else "display:block;margin-top:0.4em"
    svg.display(
        f'<figure class="ac-tokens" style="margin:0.5em 0">'
        f'<figcaption style="margin-bottom:0.4em">{html.escape(caption)}</figcaption>'
        f'<div style="line-height:1.9">{words}</div>'
        f'<span style="{place}">{html.escape(spoken)}</span></figure>',
        f"{caption} {spoken}",
    )


def _token(token: str, value: float, limit: float, numbers: bool) -> str:
    hue = style.COLOURS["blue"] if value >= 0 else style.COLOURS["orange"]
    red, green, blue = (int(hue[start : start + 2], 16) for start in (1, 3, 5))
    opacity = style.STRONGEST * min(abs(value) / limit, 1.0)
    box = (
        f"background:rgba({red},{green},{blue},{opacity:.2f});"
        "border-radius:0.25em;padding:0.1em 0.3em;margin:0 0.1em;display:inline-block;"
    )
    if not numbers:
        return f'<span style="{box}" title="{value:.3f}">{html.escape(token)}</span> '
    number = f'<span style="display:block;font-size:0.8em;line-height:1.2">{value:.2f}</span>'
    return (
        f'<span aria-hidden="true" style="{box}text-align:center;line-height:1.4;'
        f'margin-bottom:0.3em">{html.escape(token)}{number}</span> '
    )
