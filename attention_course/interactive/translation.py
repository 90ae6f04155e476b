"""Chapter 8's interactive figure: a translation is written, and its heat map grows with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from attention_course import interactive
from attention_course.assets import fetch
from attention_course.display import plots
from attention_course.words import mark, tr

#: The state the figure starts in, after so many steps.
SCORE, STEPS = "dot", 3
#: What the translators are called in the chapter, by their names in the record.
NAMES = {
    "plain": mark("no attention"),
    "additive": mark("additive"),
    "dot": mark("dot"),
    "scaled": mark("scaled dot"),
    "general": mark("general"),
    "concat": mark("concat"),
    "cosine": mark("cosine"),
    "location": mark("location"),
    "uniform": mark("equal weights"),
    "feeding": mark("dot, input feeding"),
}
#: What the sentences show, by their kinds in the record.
KINDS = {
    "adjective": mark("an adjective changes places"),
    "adjectives": mark("two adjectives, as in a mirror"),
    "pronoun": mark("a pronoun that Spanish leaves out"),
    "negation": mark("“do” and “not”"),
    "contraction": mark("two Spanish words become one"),
    "owner": mark("an owner with “'s”"),
    "forgotten": mark("wrong without attention"),
    "long": mark("a long sentence"),
}


def load_translations() -> dict[str, Any]:
    """Return the record, ``data/translations.json``; ``AssetError`` as for ``fetch``.

    Written by ``python -m attention_course translations``; see ``experiments.translations``.
    """
    return json.loads(fetch("data/translations.json").read_text(encoding="utf-8"))


def show_translation() -> None:
    """Show translators at work, step by step; errors as for :func:`load_translations`.

    For each step there are the likeliest words and, as a row of a heat map, the weights of its
    attention, with the links of the reference over them. The page finds the links (the largest
    weight of each row) and their error rate itself (Och and Ney 2003, equation 25).
    """
    data = figure_data(load_translations())
    sentence = data["sentences"][0]
    found = sentence["translations"][SCORE]
    source = [*sentence["source"], "[end]"]
    written = [row[0][0] for row in found["likeliest"]][:STEPS]
    weights = np.array(found["weights"])[:STEPS] / 1000
    looked = (
        tr(
            "{word} looks most at {source}, with weight {weight}",
            word=f"“{word}”",
            source=f"“{source[row.argmax()]}”",
            weight=f"{row.max():.3f}",
        )
        for word, row in zip(written, weights, strict=True)
    )
    fig, ax = plots.figure(width=5.6, height=2.6)
    _draw(ax, weights, written, source, sentence)
    interactive.show(
        "translation",
        data,
        title=tr("Watch a translation being written"),
        instructions=tr(
            "Choose a sentence and a score, and write word by word. Before each step, say which "
            "English word the next Spanish one will look at; then compare with the links of the "
            "reference."
        ),
        picture=fig,
        alt=tr(
            "A heat map with a row for each Spanish word written so far and a column for each "
            "word of {sentence}. {looked}. Frames mark the links of the reference.",
            sentence=f"“{' '.join(sentence['source'])}”",
            looked="; ".join(looked),
        ),
    )


def figure_data(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of the record that the page needs, and where it starts."""
    sentences = [
        {"label": tr(KINDS[sentence["kind"]]), **sentence} for sentence in recorded["sentences"]
    ]
    return {
        "sentences": sentences,
        "scores": {name: tr(known) for name, known in NAMES.items()},
        "start": {"sentence": 0, "score": SCORE, "count": STEPS},
    }


def _draw(
    ax: Any, weights: np.ndarray, written: list[str], source: list[str], sentence: dict[str, Any]
) -> None:
    """The first state: a row for each word, links framed: solid if sure, dashed if possible."""
    from matplotlib.patches import Rectangle

    plots.draw_heatmap(
        ax, weights, written, source, query_label=mark("written"), key_label=mark("source")
    )
    for kind, style in (("sure", "-"), ("possible", "--")):
        for column, row in sentence[kind]:
            if row < len(written):
                frame = {"fill": False, "linewidth": 2, "linestyle": style}
                ax.add_patch(Rectangle((column + 0.08, row + 0.08), 0.84, 0.84, **frame))
