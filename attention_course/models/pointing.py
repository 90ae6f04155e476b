"""Networks for the tasks in which every answer stands at one known place (``datasets.pointing``).

All are one network but for its attention: an item is the sum of three learned vectors, for its
label, its symbol and its place; a query is made from the place that is to be written and a hint;
the context alone names the symbol. They take ``[labels, symbols, hints, real]``, all
``(batch, LONGEST)``, and return a dictionary with the ``logits`` ``(batch, LONGEST, SYMBOLS)`` and
the ``weights`` ``(batch, LONGEST, LONGEST)``.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from attention_course.datasets.pointing import LONGEST, SYMBOLS, Examples
from attention_course.layers import KindOfAttention

WIDTH = 32
FADING = 0.9
"""How much of the baseline is kept when the mean reward of a batch is added."""
SURPRISE = 0.3
"""What a draw is rewarded for being unlikely, so that a hard choice does not settle too early."""


class Pointer(keras.Model):
    """Learns from the mean cross-entropy of the real queries, and hard choices by REINFORCE.

    A draw has no gradient, so where the attention returns the log-probability of its draws the loss
    gets a second term: minus log-probability times (reward - baseline). Its mean gradient is that
    of the expected reward (Williams 1992; Xu et al. 2015, section 4.1, eqs. 9 to 11). The reward is
    minus the cross-entropy, and ``SURPRISE`` times minus the log-probability, whose expectation is
    the entropy of the choice. ``baseline`` is the running mean of rewards; without
    ``with_baseline`` it stays 0.
    """

    def __init__(self, *args: Any, with_baseline: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.with_baseline = with_baseline
        self.baseline = self.add_weight(
            name="baseline", shape=(), initializer="zeros", trainable=False
        )

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the loss of a batch; ``y`` are the right symbols (batch, LONGEST)."""
        errors = keras.losses.sparse_categorical_crossentropy(y, y_pred["logits"], from_logits=True)
        real = ops.cast(x[-1], errors.dtype)
        count = ops.sum(real)
        loss = ops.sum(errors * real) / count
        if training and "log_probability" in y_pred:
            log_probability = y_pred["log_probability"]
            reward = -ops.stop_gradient(errors + SURPRISE * log_probability)
            advantage = (reward - self.baseline) * real
            loss = loss - ops.sum(advantage * log_probability) / count
            if self.with_baseline:
                mean = ops.sum(reward * real) / count
                self.baseline.assign(FADING * self.baseline + (1 - FADING) * mean)
        return loss


def pointer(rate: float, whose: str = "cross", with_baseline: bool = True, **kind: Any) -> Pointer:
    """Return an untrained, compiled network.

    Args:
        rate: of Adam.
        whose: "cross", or "self": queries are made from the items, to which place and hint belong.
        with_baseline: of a hard choice.
        kind: the attention's, as :class:`KindOfAttention` takes it.
    """
    inputs = [
        layers.Input((LONGEST,), dtype=kind_of, name=name)
        for name, kind_of in (
            ("labels", "int32"),
            ("symbols", "int32"),
            ("hints", "int32"),
            ("real", "bool"),
        )
    ]
    labels, symbols, hints, real = inputs
    places = ops.zeros_like(hints) + ops.arange(LONGEST)

    def embedded(what: Any, count: int, name: str) -> Any:
        return layers.Embedding(count, WIDTH, name=name)(what)

    items = (
        embedded(labels, LONGEST, "label")
        + embedded(symbols, SYMBOLS, "symbol")
        + embedded(places, LONGEST, "place")
    )
    asked = embedded(hints, LONGEST, "hint")
    asked = asked + (items if whose == "self" else embedded(places, LONGEST, "asked_place"))
    query = layers.Dense(WIDTH, activation="tanh", name="hidden")(asked)
    query = layers.Dense(WIDTH, name="query")(query)
    found = KindOfAttention(**kind, name="attention")(query, items, mask=real)
    outputs = dict(zip(("context", "weights", "log_probability"), found, strict=False))
    outputs["logits"] = layers.Dense(SYMBOLS, name="logits")(outputs.pop("context"))
    model = Pointer(inputs, outputs, with_baseline=with_baseline)
    model.compile(
        keras.optimizers.Adam(rate, clipnorm=1.0),
        # Compiled several times as fast, but XLA cannot differentiate the scan of "monotonic".
        jit_compile=kind.get("choice") != "monotonic",
        steps_per_execution=24,
    )
    return model


def inputs_of(examples: Examples) -> list[np.ndarray]:
    """Return what a network takes."""
    return [examples.labels, examples.symbols, examples.hints, examples.real]


def judge(model: Pointer, examples: Examples) -> dict[str, float]:
    """Return the share of right answers and the mean weight on the right place."""
    # A plain call: a prediction would be traced anew for every model.
    found = {key: np.asarray(value) for key, value in model(inputs_of(examples)).items()}
    right = found["logits"].argmax(axis=-1) == examples.answers
    on_truth = np.take_along_axis(found["weights"], examples.places[:, :, None], axis=2)[:, :, 0]
    real = examples.real
    return {"accuracy": float(right[real].mean()), "weight": float(on_truth[real].mean())}
