"""What holds for every exercise: the solution passes, and each mistake gets its own sentence."""

import ast
import inspect
from importlib import import_module
from pathlib import Path

import pytest
from proof import SEEDS, examine, published

from attention_course.exercises import EXERCISES, MODULES, in_keras, judging
from attention_course.exercises.drawing import KINDS, draw_cases
from attention_course.exercises.exercise import read
from attention_course.exercises.process import pack

NAMES = [name for name in EXERCISES if isinstance(EXERCISES[name], judging.Exercise)]
NUMPY = [name for name in NAMES if not EXERCISES[name].imports]
MISTAKES = [(name, *known) for name in NUMPY for known in EXERCISES[name].known]


@pytest.mark.parametrize("name", NUMPY)
def test_the_published_solution_passes_on_more_than_a_hundred_inputs(name):
    assert EXERCISES[name].count >= 100
    for seed in SEEDS:
        assert examine(name, published(name), seed).passed


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "sentence", "mistake"), MISTAKES)
def test_a_mistake_gets_its_own_sentence(name, sentence, mistake):
    verdict = examine(name, lambda *inputs: mistake(*inputs))
    assert verdict.status == "wrong"
    assert verdict.message == sentence


@pytest.mark.parametrize("name", NUMPY)
def test_inputs_of_every_kind_are_drawn(name):
    exercise = EXERCISES[name]
    assert exercise.count >= 2 * len(KINDS)
    first, again, other = (draw_cases(exercise.case, seed, exercise.count) for seed in (0, 0, 1))
    assert pack(first) == pack(again)
    assert pack(first) != pack(other)


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
        mistakes, demands = (text.get(part, {}).keys() for part in ("mistakes", "demands"))
        assert mistakes - EXERCISES[name].mistakes.keys() == set()
        assert mistakes & shared == mistakes & demands == shared & demands == set()


def keys_told(module):
    """The keys that a module's demands return: as they stand, or from a table of what is unlike."""
    for node in ast.walk(ast.parse(Path(inspect.getfile(module)).read_text("utf-8"))):
        match node:
            case ast.Return(value=ast.Tuple(elts=[ast.Constant(str(key)), *_])):
                yield key
            case ast.Assign(targets=[ast.Name("unlike")], value=ast.Dict(keys=keys)):
                yield from (key.value for key in keys)


@pytest.mark.parametrize("module", MODULES.values())
def test_a_demand_has_a_sentence_and_a_sentence_a_demand(module):
    texts = [text for name, text in read(module).items() if name != "mistakes"]
    written = {key for text in texts for key in text.get("demands", {})}
    module = import_module(f"{judging.__package__}.{module}")
    shared = {*keys_told(in_keras)} if vars(module).get("in_keras") is in_keras else set()
    assert written == {*keys_told(module)} | shared


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("answer", [None, ..., NotImplemented, lambda *inputs: None])
def test_an_empty_place_is_not_answered(name, answer):
    if EXERCISES[name].wants == "function" or not callable(answer):
        assert examine(name, answer).status == "unanswered"
