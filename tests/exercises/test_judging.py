"""Whatever an answer does, a check ends in one true sentence and never in a traceback."""

import json
import re
import sys
import warnings
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from proof import examine

from attention_course.errors import ExerciseError
from attention_course.exercises import EXERCISES, answering, judging
from attention_course.exercises.exercise import Exercise, Verdict, give_hint, source
from attention_course.exercises.judging import judge


def double(x):
    return 2 * x


def pair(x):
    return x.sum(axis=1), x - 1


def several(arrays):
    return [2 * array for array in arrays]


DOUBLE = Exercise(
    name="99.double",
    question="Write double(x).",
    hints=("Multiply.", "Multiply by two."),
    praise="Every number is twice as large.",
    solve=double,
    case=lambda draw: (draw.numbers(draw.size(), draw.length()),),
    results=("the doubled array",),
    sentences={"added": "You add 2; multiply by it."},
    mistakes={"added": lambda x: x + 2},
)
PAIR = Exercise(
    name="99.pair",
    question="Write pair(x).",
    hints=("Two.",),
    praise="Both.",
    solve=pair,
    case=lambda draw: (draw.numbers(draw.size(), draw.length()),),
    results=("the sums", "the differences"),
)
SEVERAL = Exercise(
    name="99.several",
    question="Write several(arrays).",
    hints=("All.",),
    praise="All.",
    solve=several,
    case=lambda draw: ([draw.numbers(draw.size()) for _ in range(draw.size())],),
)


def leaves(x):
    sys.exit(0)


def recurses(x):
    return recurses(x)


def grows(x):
    x *= 2
    return x


async def waits(x):
    return 2 * x


async def hands_out(x):
    yield 2 * x


def generates(x):
    yield 2 * x


class MuteError(Exception):
    def __str__(self):
        raise ValueError


def raises_mute(x):
    raise MuteError


def raises_line(x):
    return x.no_such_name


def raises_long(x):
    raise ValueError("a long story\n" * 100)


def raises_bold(x):
    raise ValueError("\x1b[1mbold\x1b[0m")


def interrupts(x):
    raise KeyboardInterrupt


class Doubler:
    def __init__(self, x):
        self.x = x


def nested(x):
    for _ in range(80):
        x = [x]
    return x


def reuses(x, buffers={}):  # noqa: B006
    return np.multiply(x, 2, out=buffers.setdefault((x.shape, x.dtype), np.empty_like(x)))


def knows_by_shape(x, seen=[]):  # noqa: B006
    earlier, seen[:] = [*seen], [x]
    return 2 * (earlier[0] if earlier and earlier[0].shape == x.shape else x)


def scaled(x, y):
    return x * y


def knows_by_one_input(x, y, seen={}):  # noqa: B006
    return seen.setdefault(x.tobytes(), x * y)


class Hostile:
    def __array__(self, *args, **kwargs):
        raise RuntimeError("no array here")


FOUR_AXES = replace(
    DOUBLE, case=lambda draw: (draw.numbers(*(draw.size(most=6) for _ in range(4))),), count=40
)
SCALED = replace(
    DOUBLE, solve=scaled, case=lambda draw: (draw.numbers(n := draw.size()), draw.numbers(n))
)


def remembers(x, calls=[]):  # noqa: B006
    calls.append(x)
    return 2 * x + len(calls)


CHANCE = np.random.default_rng(0)
BAD = {
    "a string": ("2 * x", "not a function, but: a string"),
    "a number": (3.0, "not a function, but: a number"),
    "a result": (np.zeros((2, 3)), "not a function, but: an array of shape (2, 3)"),
    "a class": (Doubler, "not a function, but: the class Doubler"),
    "no parameter": (lambda: 1, "it must take 1 in all"),
    "two parameters": (lambda a, b: 1, "parameters (a, b)"),
    "SystemExit": (leaves, "stops with SystemExit (0)"),
    "KeyError": (lambda x: {}["weights"], "KeyError ('weights')"),
    "recursion": (recurses, "RecursionError"),
    "an exception that cannot print": (raises_mute, "MuteError at the line `raise MuteError`"),
    "the failing line": (raises_line, "at the line `return x.no_such_name`"),
    "a long message": (raises_long, "…"),
    "an exception in bold": (raises_bold, "ValueError (bold)"),
    "StopIteration": (lambda x: next(iter([])), "StopIteration"),
    "GeneratorExit": (lambda x: (_ for _ in ()).throw(GeneratorExit), "GeneratorExit"),
    "KeyboardInterrupt": (interrupts, "stops with KeyboardInterrupt"),
    "generator function": (generates, "`yield`"),
    "generator in brackets": (lambda x: (v for v in x), "round brackets"),
    "generator inside": (lambda x: [(v for v in x)], "round brackets"),
    "lazy result": (lambda x: map(abs, x), "your answer has: map"),
    "coroutine": (waits, "`async def`"),
    "asynchronous generator": (hands_out, "`async def` and uses `yield`"),
    "changed input": (grows, "changes its input x in place"),
    "NaN": (lambda x: x * np.nan, "there is NaN (not a number) in the doubled array"),
    "infinite": (lambda x: x + np.inf, "there is an infinite number"),
    "an integer beyond all floats": (
        lambda x: np.full(x.shape, 10**400),
        "there is an infinite number",
    ),
    "many digits": (lambda x: np.full(x.shape, -(10**5000)), "there is an infinite number"),
    "integers beyond all floats": (lambda x: [10**400, 1], "should have the shape"),
    "lists in lists": (nested, "numbers, int or float, in the doubled array"),
    "33 axes": (lambda x: np.ones((1,) * 33), "numbers, int or float, in the doubled array"),
    "true and false": (lambda x: x > 0, "should be"),
    "a decimal number": (lambda x: Decimal(2), "has: a number of the type Decimal."),
    "decimal numbers": (lambda x: [Decimal(2)], "a number of the type Decimal among the entries"),
    "a list of strings": (lambda x: ["1", "2"], "has: a string among the entries"),
    "strings": (lambda x: "12", "your answer has: a string"),
    "string array": (lambda x: x.astype(str), "entries of the type <U"),
    "complex": (lambda x: x + 1j, "complex"),
    "ragged": (lambda x: [[1.0, 2.0], [3.0]], "differ in shape: (1,), (2,)"),
    "list in a list": (lambda x: [1.0, [2.0]], "lists stand beside numbers"),
    "hostile": (lambda x: Hostile(), "no array here"),
    "dictionary": (lambda x: {1: x}, "has: a dictionary"),
    "function result": (lambda x: double, "has: a function"),
    "class result": (lambda x: Doubler, "has: the class Doubler"),
    "None": (lambda x: print(), "your function returns None"),
    "None sometimes": (lambda x: 2 * x if len(x) > 1 else None, "your function returns None"),
    "None inside": (lambda x: [None], "leaves the doubled array at None"),
    "one number": (lambda x: np.ones_like(x), "one and the same number for the doubled array"),
    "a listed mistake": (lambda x: x + 2, "You add 2; multiply by it."),
    "axes exchanged": (lambda x: 2 * x.T, "axes have changed places"),
    "the wrong sign": (lambda x: -2 * x, "wrong sign"),
    "rounded": (lambda x: np.round(2 * x.astype(float), 3), "rounded"),
    "squeezed": (lambda x: np.squeeze(2 * x), "An axis of length 1 is lost"),
    "cut": (lambda x: 2 * x[:4], "should have the shape"),
    "cast": (lambda x: (2.2 * x).astype(x.dtype), "should be"),
    "small numbers lost": (lambda x: 2 * x * (abs(x).max() > 1e-3), "Only small numbers"),
    "large numbers clipped": (lambda x: np.clip(2 * x, -99, 99), "Only large numbers"),
    "long inputs cut": (lambda x: 2 * x * (np.arange(x.shape[1]) < 10), "Only long inputs"),
    "a buffer used again": (reuses, "writes to a result that it returned in an earlier call"),
    "memory": (remembers, "keeps something from one call to the next"),
    "a random start": (lambda x: 2 * x + CHANCE.normal(), "or draws random numbers"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_answer_gets_its_sentence(kind):
    answer, words = BAD[kind]
    verdict = examine(DOUBLE, answer)
    assert verdict.status == "wrong"
    assert words in verdict.message
    assert not set("\n\x1b") & set(verdict.message)
    assert "Traceback" not in verdict.message
    assert len(verdict.message) < 650


def not_implemented(x):
    raise NotImplementedError


def documented(x):
    """Twice the array."""
    # Your turn.


EMPTY = [None, ..., NotImplemented, lambda x: None, lambda x: ..., documented, not_implemented]


@pytest.mark.parametrize("empty", EMPTY)
def test_what_nobody_wrote_is_unanswered(empty):
    verdict = examine(DOUBLE, empty)
    assert verdict.status == "unanswered"
    assert not verdict
    assert repr(verdict).startswith("○ Not answered yet (99.double): ")


RIGHT = [
    double,
    lambda x: x + x,
    lambda x: (2 * x).tolist(),
    lambda x: (2 * x).astype(np.float32),
    lambda x: np.float32(x) * 2,
    np.frompyfunc(lambda v: 2 * v, 1, 1),
]


@pytest.mark.parametrize("answer", RIGHT)
def test_right_answer_passes(answer):
    verdict = examine(DOUBLE, answer)
    assert verdict
    assert repr(verdict) == "✔ Passed (99.double): Every number is twice as large."


@pytest.mark.parametrize("seed", [1, 2, 4])
def test_inputs_are_not_known_by_their_shapes_or_by_some_of_them(seed):
    assert examine(FOUR_AXES, knows_by_shape, seed).status == "wrong"
    knows_by_one_input.__defaults__[0].clear()
    assert examine(SCALED, knows_by_one_input, seed).status == "wrong"
    assert examine(SCALED, scaled, seed).passed


def test_several_results():
    assert examine(PAIR, lambda x: [x.sum(axis=1), x - 1]).passed
    assert "in the wrong order" in examine(PAIR, lambda x: pair(x)[::-1]).message
    assert "Return 2 things, in this order" in examine(PAIR, lambda x: x.sum()).message
    assert "you return 3." in examine(PAIR, lambda x: (x, x, x)).message
    assert "the differences should be" in examine(PAIR, lambda x: (x.sum(axis=1), x - 2)).message
    assert examine(PAIR, lambda x: (x.sum(axis=1), None)).status == "wrong"


def ends(x):
    return x.min(), x.max()


@pytest.mark.parametrize("kind", ["float64", "float32"])
def test_several_numbers_may_come_as_one_array(kind):
    exercise = replace(PAIR, solve=ends, results=("the least", "the most"))
    assert examine(exercise, lambda x: np.array(ends(x)).astype(kind)).passed


def test_a_list_of_arrays():
    objects = np.frompyfunc(lambda v: 2 * v, 1, 1)
    assert examine(SEVERAL, lambda arrays: tuple(2 * array for array in arrays)).passed
    assert examine(SEVERAL, lambda arrays: [objects(array) for array in arrays]).passed
    assert "Return a list of" in examine(SEVERAL, lambda arrays: arrays[:1]).message
    wrong = examine(SEVERAL, lambda arrays: [2 * arrays[0], *(3 * one for one in arrays[1:])])
    assert "array number 2 should be" in wrong.message


@pytest.mark.parametrize("factor", [1 + 3e-5, 1 - 3e-5, 1.001])
def test_a_difference_is_shown_in_digits_that_differ(factor):
    verdict = examine(DOUBLE, lambda x: 2.0 * factor * x.astype(float))
    right, found = re.search(
        r"should be (\S+|\[.*?\]+), not (\S+|\[.*?\]+)\.", verdict.message
    ).groups()
    assert right != found


def test_a_seed_repeats_a_check_and_is_told():
    def wrong(x):
        return 2 * x + (len(x) == 2)

    first = examine(DOUBLE, wrong)
    seed = int(re.search(r"seed=(\d+)", first.message).group(1))
    assert examine(DOUBLE, wrong, seed) == first
    assert examine(DOUBLE, wrong, seed + 1) != first


def test_without_a_seed_inputs_are_new(monkeypatch):
    seeds = iter([1, 2])
    monkeypatch.setattr(judging.secrets, "randbits", lambda bits: next(seeds))
    first, second = (examine(DOUBLE, lambda x: 3 * x, None).message for _ in range(2))
    assert first != second


def test_a_mistake_is_named_only_if_it_explains_all_cases():
    verdict = examine(DOUBLE, lambda x: x + 2 if len(x) > 2 else 2 * x)
    assert verdict.status == "wrong"
    assert "You add 2" not in verdict.message


def test_warnings_and_the_state_of_numpy_do_not_matter():
    with warnings.catch_warnings(), np.errstate(all="raise"), np.printoptions(precision=1):
        warnings.simplefilter("error")
        assert examine(DOUBLE, lambda x: (np.log(-np.ones(1)), 2 * x)[1]).passed


GARBLED = [
    {"result": {"array": "AA", "dtype": "<f8", "shape": [1]}},
    {"result": {"array": "AAAAAAAAAAA=", "dtype": "O", "shape": [1]}},
    {"result": {"array": 3}},
    {"result": {"array": "AAAAAAAAAAA=", "dtype": "<f8", "shape": [-7]}},
    {"garbled": True},
    {"long": True},
    {"verdict": "passed"},
    {"result": {"odd": ["x"]}},
    {"result": {"dict": 3}},
    {"result": 10**400},
    {"result": json.loads("[" * 80 + "]" * 80)},
    {"result": {"array": "AAAAAAAAAAA=", "dtype": "<f8", "shape": [1] * 65}},
    {"result": {"array": "AAAAAAAAAAA=", "dtype": "<f8,", "shape": [1]}},
    {"result": {"array": "AAAAAAAAAAA=", "dtype": "<f8", "shape": 1}},
    {"result": {"array": "AAAAAAAAAAA=", "dtype": "<f8", "shape": [1e999]}},
    {"result": 1.0, "borrowed": {"a": 1}},
    {"result": 1.0, "changed": [7]},
    {"result": 1.0, "refused": 3},
    {"stopped": True},
    {"problem": {}},
    {"problem": 3},
    {},
]


@pytest.mark.parametrize("message", GARBLED)
def test_what_a_process_sends_is_not_trusted(message):
    verdict = judge(DOUBLE, lambda request: [{"ready": True}, *[message] * len(request["cases"])])
    assert verdict.status == "wrong"
    json.dumps(message)


@pytest.mark.parametrize(
    "messages", [[], [{"refused": 3}], [{"ready": True}], [{"ready": True}, 3]]
)
def test_messages_of_the_wrong_number_or_form(messages):
    assert judge(DOUBLE, lambda request: messages).status == "wrong"


def test_a_scale_without_numbers_is_told():
    verdict = examine("06.why", lambda window: (window, []))
    assert verdict.status == "wrong"
    assert "the scale" in verdict.message


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii", "utf-8", None])
@pytest.mark.parametrize("status", ["passed", "wrong", "unanswered"])
def test_a_verdict_prints_on_any_console(monkeypatch, encoding, status):
    class Console:
        pass

    Console.encoding = encoding
    monkeypatch.setattr(sys, "stdout", Console())
    text = repr(Verdict("99.double", status, "∂L/∂α – ×"))
    text.encode(encoding or "ascii")
    assert "(99.double)" in text


def test_html_escapes_what_it_shows_and_says_it_in_words():
    page = Verdict("99.double", "wrong", "5 < 6 <script>")._repr_html_()
    assert "Not yet right" in page
    assert "<script>" not in page
    assert "5 &lt; 6" in page


def test_hints_in_stages_and_beyond():
    assert repr(give_hint(DOUBLE, 2)) == "Hint 2 of 2: Multiply by two."
    for level in (0, 3, "1", 1.5, True):
        with pytest.raises(ExerciseError, match="from 1 to 2"):
            give_hint(DOUBLE, level)


def of_ones():
    return float(2 * np.ones(2).sum())


def test_source_gives_text_that_runs_by_itself():
    namespace = {}
    exec(source(of_ones), namespace)
    assert namespace["of_ones"]() == 4.0


def test_all_sentences_of_the_judge_are_used_and_can_be_filled():
    code = "".join(Path(module.__file__).read_text("utf-8") for module in (judging, answering))
    for key, text in judging.SENTENCES.items():
        assert f'"{key}"' in code
        text.format_map(dict.fromkeys(re.findall(r"{(\w+)}", text), 1))
    assert {*judging.TRAITS, *judging.COMMON} <= judging.SENTENCES.keys()


@pytest.mark.parametrize("name", ["07.none", "nonsense", "", None, 3, ["06.rnn"], "06.attenion"])
def test_unknown_exercise_names_the_way_out(name):
    with pytest.raises(ExerciseError, match="There is no exercise"):
        EXERCISES[name]
