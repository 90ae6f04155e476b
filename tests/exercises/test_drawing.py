"""What is drawn: every hazard alone and together with others; and single precision is right."""

import pickle

import numpy as np
import pytest
from proof import examine, published

from attention_course.exercises import EXERCISES, answering
from attention_course.exercises.drawing import draw_cases
from attention_course.exercises.judging import Exercise
from attention_course.exercises.process import pack

NAMES = [
    name
    for name, one in EXERCISES.items()
    if isinstance(one, Exercise) and not one.imports and name != "01.encode"
]
# A bug is shown on a few words, a rule by few features: no axis is longer than these.
SMALL = {"01.find_bug", "03.diagnosis", "04.bug", "04.finder"}
WITH_ARRAYS = sorted({*NAMES} - {"04.spread"})  # which is about four numbers
# Whole numbers alone; and sums whose nearest is asked for, which are drawn in double precision.
NO_SINGLE = {"07.ceiling", "07.decisions"}


def inputs(case):
    return [part for one in case for part in (one if isinstance(one, list) else [one])]


def arrays(name, seed=0):
    cases = draw_cases(EXERCISES[name].case, seed, EXERCISES[name].count)
    return [[one for one in inputs(case) if isinstance(one, np.ndarray)] for case in cases]


@pytest.mark.parametrize("name", WITH_ARRAYS)
def test_hazards_meet_in_one_array(name):
    drawn = [array for case in arrays(name) for array in case]
    long = 0 if name in SMALL else 50

    def single(a):
        return a.dtype == np.float32 or name in NO_SINGLE

    for holds in (
        lambda a: single(a) and max(a.shape) > long,
        lambda a: single(a) and not a.flags.writeable,
        lambda a: single(a) and not a.flags.c_contiguous,
        lambda a: max(a.shape) > long and min(a.strides) < 0,
        lambda a: a.ndim < 2 or not a.flags.forc,
    ):
        assert any(array.ndim and array.size and holds(array) for array in drawn)


# Lists of arrays that differ in number and in shape; an array of any number of axes.
UNLIKE = {"02.clip", "02.rescue", "07.sparsemax"}


@pytest.mark.parametrize("name", sorted({*WITH_ARRAYS} - SMALL - UNLIKE))
def test_every_axis_is_long_once(name):
    drawn = arrays(name)
    for place in range(len(drawn[0])):
        longest = np.max([case[place].shape for case in drawn], axis=0)
        known = [*drawn[0][place].shape]
        assert all(length > 30 for length in longest[: len(known)] if length > 1), (place, longest)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_filled_again_holds_what_was_drawn(name):
    given = ()
    for case in draw_cases(EXERCISES[name].case, 5, EXERCISES[name].count):
        given = answering._refilled(given, pickle.loads(pack(case)))
        assert all(map(np.array_equal, inputs(given), inputs(case)))


def test_queries_that_were_keys_are_not_filled_with_both():
    own, case = np.ones((2, 3)), [np.zeros((2, 3)), np.full((2, 3), 2.0)]
    given = answering._refilled([own, own], case)
    assert all(map(np.array_equal, given, case))


def test_an_array_arrives_as_it_was_drawn():
    whole = np.arange(24.0).reshape(4, 6)
    fixed = whole[1:]
    fixed.flags.writeable = False
    views = (whole[::2], whole[:, ::-1], whole.T[::-3], fixed, np.array(1.0))
    for view, other in zip(views, pickle.loads(pack(views)), strict=True):
        assert np.array_equal(view, other)
        assert (view.strides, view.flags.writeable) == (other.strides, other.flags.writeable)


def in_single_precision(answer):
    """The same answer, which rounds its inputs first and its results last."""

    def single(value):
        if isinstance(value, list):
            return [single(part) for part in value]
        inexact = isinstance(value, np.ndarray) and value.dtype.kind != "b"
        return value.astype("float32") if inexact else value

    return lambda *case: answer(*map(single, case))


# Their rules or their words are indices.
@pytest.mark.parametrize("name", sorted({*NAMES} - {"04.finder", "08.masked_loss", "08.popular"}))
@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(i, marks=pytest.mark.thorough) for i in (1, 2))]
)
def test_single_precision_is_right(name, seed):
    verdict = examine(name, in_single_precision(published(name)), seed)
    assert verdict.passed, verdict


def only(holds):
    """A right answer that knows only inputs of which this holds; others get zeros."""
    return lambda answer: (
        lambda *case: (
            answer(*case)
            if all(map(holds, case))
            else [0 * np.asarray(part) for part in answer(*case)]
        )
    )


# Lists of arrays, which the mutants do not open; a matrix whose transpose has the same answer.
BLIND = {"02.clip", "02.rescue", "02.fate", "06.why"}
MUTANTS = {
    "fifty at most": only(lambda a: max(np.shape(a), default=0) <= 50),
    "a hundred at most": only(lambda a: max(np.shape(a), default=0) <= 100),
    "long in single precision": only(
        lambda a: getattr(a, "dtype", None) != np.float32 or max(a.shape) <= 50
    ),
    "backwards in memory": only(lambda a: min(getattr(a, "strides", (0,))) >= 0),
    "in the order of the memory": lambda answer: (
        lambda *case: answer(
            *(
                np.frombuffer(a.tobytes("A"), a.dtype).reshape(a.shape)
                if isinstance(a, np.ndarray)
                else a
                for a in case
            )
        )
    ),
}


FLAT = {"01.compare", "06.decisive", "06.effects"}  # one axis has one order
PAIRS = [
    (name, mutant)
    for name in sorted({*WITH_ARRAYS} - BLIND - SMALL)
    for mutant in MUTANTS
    if name not in FLAT or mutant != "in the order of the memory"
    if name not in NO_SINGLE or mutant != "long in single precision"
]


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "mutant"), PAIRS)
def test_an_answer_for_some_inputs_alone_is_refused(name, mutant):
    for seed in range(20):
        assert not examine(name, MUTANTS[mutant](published(name)), seed).passed


def weights_less(answer, share):
    def less(*case):
        output, weights = answer(*case)
        return output / (1 + share), weights / (1 + share)

    return less


@pytest.mark.parametrize("name", ["03.additive", "04.attention", "04.heads", "06.attention"])
def test_a_small_number_in_the_sum_is_refused(name):
    assert not examine(name, weights_less(published(name), 1e-5)).passed


@pytest.mark.parametrize(
    "least", [0.1, *(pytest.param(10.0**-i, marks=pytest.mark.thorough) for i in (3, 6))]
)
def test_a_limit_of_any_size_is_kept(least):
    clip = published("02.clip")
    assert not examine("02.clip", lambda gradients, limit: clip(gradients, max(limit, least)))
