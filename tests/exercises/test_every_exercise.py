"""What holds for every exercise: the solution passes, and each mistake gets its own sentence."""

import pytest
from proof import examine, published

from attention_course.exercises import EXERCISES, MODULES, judging
from attention_course.exercises.drawing import KINDS, draw_cases
from attention_course.exercises.exercise import read

NAMES = [name for name in EXERCISES if isinstance(EXERCISES[name], judging.Exercise)]
NUMPY = [name for name in NAMES if not EXERCISES[name].imports]
MISTAKES = [(name, *known) for name in NUMPY for known in EXERCISES[name].known]


@pytest.mark.parametrize("name", NUMPY)
def test_the_published_solution_passes_on_more_than_a_hundred_inputs(name):
    assert EXERCISES[name].count >= 100
    for seed in range(5):
        assert examine(name, published(name), seed).passed


@pytest.mark.parametrize(("name", "sentence", "mistake"), MISTAKES)
def test_a_mistake_gets_its_own_sentence(name, sentence, mistake):
    verdict = examine(name, lambda *inputs: mistake(*inputs))
    assert verdict.status == "wrong"
    assert verdict.message == sentence


@pytest.mark.parametrize("name", NUMPY)
def test_inputs_of_every_kind_are_drawn(name):
    exercise = EXERCISES[name]
    assert exercise.count >= 2 * len(KINDS)
    cases = draw_cases(exercise.case, 0, exercise.count)
    assert repr(cases) == repr(draw_cases(exercise.case, 0, exercise.count))
    assert repr(cases) != repr(draw_cases(exercise.case, 1, exercise.count))


@pytest.mark.parametrize("name", NAMES)
def test_an_exercise_is_complete(name):
    exercise = EXERCISES[name]
    assert exercise.name == name
    assert len(exercise.hints) == 3
    assert exercise.called in exercise.question
    assert exercise.called in exercise.solution


@pytest.mark.parametrize("name", NAMES)
def test_a_mistake_has_a_sentence(name):
    exercise = EXERCISES[name]
    assert exercise.mistakes.keys() - exercise.sentences.keys() == set()


@pytest.mark.parametrize("module", MODULES.values())
def test_a_sentence_has_a_mistake(module):
    texts = read(module)
    shared = texts.pop("mistakes", {}).keys()
    assert shared - {key for name in NAMES for key in EXERCISES[name].mistakes} == set()
    for name, text in texts.items():
        assert text.get("mistakes", {}).keys() - EXERCISES[name].mistakes.keys() == set()
        assert text.get("mistakes", {}).keys() & shared == set()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("answer", [None, ..., NotImplemented, lambda *inputs: None])
def test_an_empty_place_is_not_answered(name, answer):
    if EXERCISES[name].wants == "function" or not callable(answer):
        assert examine(name, answer).status == "unanswered"
