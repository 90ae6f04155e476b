"""Chapter 2's interactive figure: radius and length against the norm of the Jacobian."""

from __future__ import annotations

from typing import Any

import numpy as np

from attention_course import interactive
from attention_course.display import plots
from attention_course.functional import gradients
from attention_course.words import mark, tr

NEURONS = 16
LONGEST = 61
#: The state the figure starts in: the first matrix, without the tanh.
RADIUS, LENGTH = 0.9, 51


def show_gradient_norm(seed: int = 1) -> None:
    """Show the norm of ``d h_T / d h_t`` for a matrix, a radius and a length the reader chooses.

    The page computes what ``gradients.rnn_states``, ``jacobians_through_time`` and
    ``spectral_norm`` do (Pascanu, Mikolov and Bengio 2013, equations 3 to 7), for a layer of 16
    neurons that hears 61 random words. All random numbers follow from ``seed``.
    """
    matrices, drive = layer(seed)
    steps = np.arange(LENGTH)
    norms = gradients.spectral_norm(
        [np.linalg.matrix_power(RADIUS * matrices["symmetric"], k) for k in steps]
    )
    fig, ax = plots.figure(height=3.0)
    _draw(ax, steps, norms)
    interactive.show(
        "gradient_norm",
        {
            "matrices": [{"name": tr(name), "entries": U} for name, U in matrices.items()],
            "drive": drive,
            "start": {"matrix": 0, "radius": RADIUS, "length": LENGTH, "tanh": False},
        },
        title=tr("How much of a gradient is left?"),
        instructions=tr(
            "Move the radius and the length, switch the tanh on, and take another matrix. Compare "
            "the thick line, the norm, with the powers of the radius and with the bound. Lines "
            "that leave the chart go on in the table."
        ),
        picture=fig,
        alt=tr(
            "On a logarithmic scale the norm falls along a straight line, from 1 at 0 steps back "
            "to {norm} at {steps}. The power of the radius and the bound are the same line.",
            norm=f"{norms[-1]:.4f}",
            steps=steps[-1],
        ),
    )


def layer(seed: int = 1) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the figure's recurrent matrices and what its words send to the neurons.

    These are matrices ``(16, 16)`` of spectral radius 1 by name, and ``x_t W`` for 61 words,
    ``(61, 16)``. They are rounded, so that another machine's last digits make no other figure.
    """
    random = np.random.default_rng(seed)
    base = random.normal(size=(NEURONS, NEURONS))
    W = 0.3 * random.normal(size=(8, NEURONS))
    drive = random.normal(size=(LONGEST, 8)) @ W
    # Copies of the chapter's skewed pair of neurons, side by side.
    skewed = np.kron(np.eye(NEURONS // 2), [[0.9, 3.0], [0.0, 0.9]])
    names = (mark("symmetric"), mark("random"), mark("skewed"))
    scaled = (gradients.scaled_to_radius(U, 1).round(10) for U in (base + base.T, base, skewed))
    return dict(zip(names, scaled, strict=True)), drive.round(4)


def _draw(ax: Any, steps: np.ndarray, norms: np.ndarray) -> None:
    """The first state: three lines that are one."""
    power = tr("{radius} to the power of the steps", radius=RADIUS)
    for index, name in enumerate((tr("norm"), power, tr("bound"))):
        style = plots.line_style(index) | {"markevery": (3 * index, 10)}
        ax.plot(steps, norms, label=name, **style)
    ax.set(xlabel=tr("steps back, T − t"), ylabel=tr("norm"), yscale="log")
    ax.set_ylim(1e-3, 10)
    ax.legend(loc="upper right")
