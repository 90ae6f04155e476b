"""A model of a few milliseconds with all that a resumed run has to restore; also a program.

Dropout has a generator of its own, and Adam has moments. Steps run eagerly, since tracing their
graphs would take ten times as long as all else. As a program,
``python tiny_training.py FOLDER SECONDS [--resume]`` trains it as real models are trained, in
graphs, and with a pause of SECONDS in every step, so that a test can kill it.
"""

import sys
import time
from functools import partial
from pathlib import Path

import keras
import numpy as np

from attention_course.statistics import accuracy_report
from attention_course.training import runs as training
from attention_course.training.recipe import Recipe, Splits


def build(run_eagerly: bool = True) -> keras.Model:
    words = keras.Input((4,), dtype="int32", name="words")
    vectors = keras.layers.Embedding(20, 6, name="embedding")(words)
    kept = keras.layers.Dropout(0.3, name="dropout")(keras.layers.Flatten(name="flat")(vectors))
    outputs = keras.layers.Dense(1, activation="sigmoid", name="probability")(kept)
    model = keras.Model(words, outputs, name="tiny")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"], run_eagerly=run_eagerly)
    return model


def load_data(seed: int = 0) -> Splits:
    x = np.random.default_rng(seed).integers(1, 20, size=(60, 4)).astype("int32")
    y = (x[:, 0] > 9).astype("int8")
    return Splits(x[:40], y[:40], x[40:50], y[40:50], x[50:], y[50:], {"name": "noise"})


def evaluate(model: keras.Model, splits: Splits) -> dict:
    # Called directly: predict would trace a graph, which takes longer than all the rest.
    return accuracy_report(np.asarray(model(splits.x_test, training=False)), splits.y_test)


def recipe(**changes) -> Recipe:
    settings = {
        "name": "tiny",
        "title": "A tiny model",
        "build": build,
        "load_data": load_data,
        "evaluate": evaluate,
        "epochs": 3,
        "batch_size": 20,
        "seeds": (3,),
    }
    return Recipe(**(settings | changes))


def graph_recipe() -> Recipe:
    return recipe(build=partial(build, run_eagerly=False))


def main(folder: str, seconds: str, *options: str) -> None:
    training.find_recipe = lambda name: graph_recipe()

    def pause(recorder, batch, logs=None) -> None:
        print("batch", flush=True)
        time.sleep(float(seconds))

    training._Recorder.on_train_batch_end = pause
    training.train("tiny", output=Path(folder), resume="--resume" in options)


if __name__ == "__main__":
    main(*sys.argv[1:])
