"""What is needed to train a model again: its data in three parts, and its recipe."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import keras
import numpy as np


@dataclass(frozen=True)
class Splits:
    """One data set in three parts, and where it came from.

    Attributes:
        x_train, y_train: what the weights are fitted to; x may be a list of arrays, one per input.
        x_val, y_val: a part of the training data held back to choose the epoch.
        x_test, y_test: used once, after training.
        provenance: goes onto the card as it is: name, sha256, sizes, encoding.
        test_lengths: words per test review before truncation, where that means something.
    """

    x_train: Any
    y_train: Any
    x_val: Any
    y_val: Any
    x_test: Any
    y_test: Any
    provenance: dict[str, Any]
    test_lengths: Any = None

    @cached_property
    def sha256(self) -> str:
        """Hash of everything a model sees: six parts, arrays with their types and shapes."""
        digest = hashlib.sha256()
        for part in ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test"):
            for array in _arrays(getattr(self, part)):
                array = np.ascontiguousarray(array)
                digest.update(f"{part} {array.dtype.str} {array.shape}".encode())
                digest.update(array.tobytes())
        return digest.hexdigest()

    def all_training(self) -> "Splits":
        """The same data with the validation part among the training data."""
        return replace(
            self,
            x_train=_joined(self.x_train, self.x_val),
            y_train=np.concatenate([self.y_train, self.y_val]),
        )


def _arrays(inputs: Any) -> list[Any]:
    return inputs if isinstance(inputs, list) else [inputs]


def _joined(first: Any, second: Any) -> Any:
    joined = [np.concatenate(pair) for pair in zip(_arrays(first), _arrays(second), strict=True)]
    return joined if isinstance(first, list) else joined[0]


@dataclass(frozen=True)
class Recipe:
    """Everything needed to train a model again.

    Attributes:
        name: the model's name; also the stem of its file and card.
        title: one line for tables, such as ``"SimpleRNN + attention"``.
        build: returns the untrained, compiled model.
        load_data: returns the data; called once per training.
        evaluate: ``evaluate(model, splits)`` returns the card's ``test`` part; its key
            ``score`` is the number that seeds are compared by.
        epochs, batch_size: as in ``keras.Model.fit``.
        prepare: ``prepare(model, splits)`` sets what is counted from the training part and not
            learned, before the first epoch.
        restore_best: keep the weights of the epoch with the lowest validation loss; otherwise the
            last epoch's.
        refit: train anew on training and validation data together, for as many epochs as the
            validation data chose, and keep that model.
        patience: seeds after the first stop so many epochs after their best one. The first runs
            to the end, so that its history shows what comes after.
        seeds: one run each. The file holds the model of the first seed.
        settings: further hyper-parameters, for the card.
        further: ``further(name, runs, epochs)`` measures what else the card holds, such as
            other lags; called after training.
    """

    name: str
    title: str
    build: Callable[[], keras.Model]
    load_data: Callable[[], Splits]
    evaluate: Callable[[keras.Model, Splits], dict[str, Any]]
    epochs: int
    batch_size: int
    prepare: Callable[[keras.Model, Splits], None] | None = None
    restore_best: bool = True
    refit: bool = False
    patience: int | None = None
    seeds: Sequence[int] = (0,)
    settings: dict[str, Any] = field(default_factory=dict)
    further: Callable[[str, list[dict[str, Any]], int], dict[str, Any]] | None = None
