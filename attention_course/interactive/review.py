"""Chapter 5's interactive figure: the trained self-attention model reads what the reader types."""

from __future__ import annotations

import os

from attention_course import environment, interactive
from attention_course.datasets.vocabulary import tokens
from attention_course.display import plots
from attention_course.interactive import export
from attention_course.words import tr

#: The first one is there at the start; the second has the same words and the opposite meaning.
EXAMPLES = (
    "not a bad film, in fact a wonderful one",
    "not a wonderful film, in fact a bad one",
    "not a bad film",
    "a flabbergasting story, and I loved every minute of it",
)


def show_review() -> None:
    """Show a box to type in; the page runs the model and shades each word by its weight.

    While the book is executed (``environment.SETTINGS``), the output only names the model's script,
    which the book has in its ``_static`` folder. Everywhere else, as in JupyterLab or on Colab,
    there is no such file, and the output holds the model itself.

    Raises:
        AssetError: the model, its card or its word list cannot be fetched.
        ModelError: the model's file is damaged.
    """
    model = export.ReviewModel.load()
    text = EXAMPLES[0]
    probability, weights = model.read(text)
    places = ["[start]", *tokens(text)]
    proof = {"text": text, "probability": probability}
    largest, word = max(zip(weights, places, strict=True))
    if os.environ.get(environment.BOOK_VARIABLE):
        script = export.script(model)
        # The version in its address keeps a browser from showing an older model from its cache.
        source = {"script": f"{export.SCRIPT}?v={export.version(script)}", "bytes": len(script)}
    else:
        source = {"model": export.pack(model)}
    fig, ax = plots.figure(width=4.6, height=3.2)
    ax.barh(range(len(places)), weights, color=plots.COLOURS["blue"])
    ax.set_yticks(range(len(places)), places)
    ax.invert_yaxis()
    ax.set_xlabel(tr("weight each word receives"))
    ax.set_title(tr("probability of positive: {probability}", probability=f"{probability:.3f}"))
    interactive.show(
        "review",
        {"examples": EXAMPLES, "proof": proof, **source},
        title=tr("Type your own review"),
        instructions=tr(
            "Load the model, then type, or take an example. All of it happens on this page: what "
            "you type is sent nowhere."
        ),
        picture=fig,
        alt=tr(
            "Bars of the weight that each word of “{text}” receives, the largest {weight} on "
            "“{word}”. The probability that it is positive is {probability}.",
            text=text,
            weight=f"{largest:.3f}",
            word=word,
            probability=f"{probability:.3f}",
        ),
    )
