"""What is the course's own is recognised in every form, and a student's own work never is it."""

import functools
import sys

import cloudpickle
import keras
import numpy as np
import pytest

from attention_course import functional, layers, models, statistics
from attention_course.datasets.vocabulary import Vocabulary, pad, tokens
from attention_course.display import plots
from attention_course.exercises import check
from attention_course.functional import alignment, gradients, kinds
from attention_course.layers import BahdanauAttention, TimeAttention
from attention_course.models import fibonacci

# The answers below travel as those of a notebook do, not as names in a module.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

thorough = pytest.mark.thorough
BORROWED = "Your answer calls attention_course.{}, which is the course's own"


# --- functions --------------------------------------------------------------------------------


class Holder:
    """A student's object, with methods that only call the course's function."""

    def __init__(self, function):
        self.function = function

    def method(self, *inputs):
        return self.function(*inputs)

    __call__ = method


def forms(function):
    """A function of the course as a student may hand it in."""

    def named(*inputs):
        result = function(*inputs)
        return result

    return {
        "itself": function,
        "lambda": lambda *inputs: function(*inputs),
        "def": named,
        "partial": functools.partial(function),
        "method": Holder(function).method,
        "object": Holder(function),
        "in a table": lambda *inputs: {"f": [function]}["f"][0](*inputs),
        "vectorized": np.vectorize(function, otypes=[object]),
    }


def by_the_course(text, word_index, num_words, length):
    """What the exercise asks for, by the course's own class."""
    return Vocabulary(word_index, num_words).encode(text)


def told(name, function, form):
    """The sentence about a function of the course, and the name that it must say."""
    whole = f"{function.__module__}.{function.__name__}".partition(".")[2]
    return check(name, forms(function)[form]).message, BORROWED.format(whole)


@pytest.mark.parametrize("form", forms(len))
def test_a_function_in_every_form(form):
    message, words = told("04.attention", functional.scaled_dot_product_attention, form)
    assert words in message


@pytest.mark.parametrize("form", ["itself", "def"])
def test_a_gradient(form):
    message, words = told("02.jacobian", gradients.step_jacobian, form)
    assert words in message


def test_a_model_that_the_course_builds():
    message = check("06.rnn", lambda steps: fibonacci.build("mine", attention=False)).message
    assert BORROWED.format("models.fibonacci.build") in message


def test_a_namesake_of_the_answer_in_any_room():
    message = check("01.encode", by_the_course).message
    assert BORROWED.format("datasets.vocabulary.Vocabulary.encode") in message


PUBLIC = [
    one
    for room in (functional, alignment, gradients, kinds, layers, models)
    for one in vars(room).values()
    if callable(one) and str(getattr(one, "__module__", "")).startswith(room.__name__)
]


@pytest.mark.parametrize("one", PUBLIC, ids=lambda one: one.__qualname__)
def test_whatever_the_course_exports_is_its_own(one):
    assert len(PUBLIC) > 20
    assert "which is the course's own" in check("01.rnn_step", one).message


# --- layers -----------------------------------------------------------------------------------


class Renamed(TimeAttention):
    pass


class Changed(BahdanauAttention):
    def call(self, query, keys):
        return keras.ops.mean(keys, axis=1)


class Around(keras.layers.Layer):
    """A layer of one's own that leaves its work to the course's."""

    def __init__(self):
        super().__init__()
        self.inner = TimeAttention()

    def call(self, x):
        return self.inner(x)


def a_model():
    x = keras.Input((4, 2))
    return keras.Model(x, TimeAttention()(x))


class AModel(keras.Model):
    def __init__(self):
        super().__init__()
        self.inner = TimeAttention()

    def call(self, x):
        return self.inner(x)


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (TimeAttention, "layers.attention.TimeAttention"),
        (Renamed, "layers.attention.TimeAttention"),
        (Changed, "layers.attention.BahdanauAttention"),
        pytest.param(lambda: TimeAttention(), "layers.attention", marks=thorough),
        pytest.param(functools.partial(TimeAttention), "layers.attention", marks=thorough),
        pytest.param(Around, "layers.attention", marks=thorough),
        pytest.param(AModel, "layers.attention", marks=thorough),
        pytest.param(a_model, "layers.attention", marks=thorough),
    ],
)
def test_a_layer_in_every_form(answer, name):
    assert BORROWED.format(name).partition(",")[0] in check("06.layer", answer).message


# --- one's own work ---------------------------------------------------------------------------


def rnn_step(x, h, W, U, b):
    return np.tanh(x @ W + h @ U + b)


def imports_it(x, h, W, U, b):
    import attention_course.functional.gradients
    import attention_course.models.cards
    import attention_course.training  # noqa: F401

    assert callable(models.load)  # as a notebook has them: they are loaded before
    assert callable(layers.TimeAttention)
    return rnn_step(x, h, W, U, b)


def uses_its_data(x, h, W, U, b):
    tokens("a film")
    pad([[1, 2]], 3)
    statistics.wilson_interval(3, 4)
    return rnn_step(x, h, W, U, b)


DRAWN = []  # once is enough


def uses_its_plots(x, h, W, U, b):
    if not DRAWN:
        plots.heatmap(np.eye(2), "ab", "ab", "", "Each of the two letters attends to itself alone.")
        DRAWN.append(True)
    return rnn_step(x, h, W, U, b)


@functools.wraps(functional.scaled_dot_product_attention)
def bears_its_name(*inputs):
    return rnn_step(*inputs)


@pytest.mark.parametrize("answer", [imports_it, uses_its_data, uses_its_plots, bears_its_name])
def test_an_answer_of_ones_own_is_no_borrowed_one(answer):
    verdict = check("01.rnn_step", answer)
    assert verdict.passed, verdict


@pytest.mark.thorough
def test_a_model_beside_the_course_s_layers_is_ones_own():
    def build_rnn(time_steps):
        import attention_course.layers  # noqa: F401

        window = keras.Input((time_steps, 1))
        last = keras.layers.SimpleRNN(2, activation="tanh")(window)
        model = keras.Model(window, keras.layers.Dense(1, activation="tanh")(last))
        model.compile("adam", "mse")
        return model

    verdict = check("06.rnn", build_rnn)
    assert verdict.passed, verdict
