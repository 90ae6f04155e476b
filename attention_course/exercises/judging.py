"""The judge: draws the inputs, knows the right results, and words one sentence.

The answer itself runs elsewhere (``answering``, in a process that ``process`` starts); what comes
back is plain data and is never trusted. Every output of every case is compared with the
solution's by one function, `agree`; a mistake is named only if it explains all cases.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import inspect
import itertools
import secrets
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NoReturn

import numpy as np

from attention_course.errors import ExerciseError
from attention_course.exercises.answering import MOST_AXES
from attention_course.exercises.drawing import KINDS, draw_cases
from attention_course.exercises.exercise import Exercise, Verdict, read
from attention_course.exercises.process import pack
from attention_course.words import tr

Parts = dict[str, np.ndarray]  # the arrays of one result, by name
LONGEST_QUOTE = 160
MOST_SHOWN = 12  # numbers of one input that a sentence quotes in full

#: What the judge says of an answer, apart from the mistakes that an exercise lists.
SENTENCES = read("judging")
#: NumPy's functions as they are before a notebook gives their names to something else.
NUMPY = {name: value for name, value in vars(np).items() if callable(value)}
#: What the inputs of all wrong cases may have in common, the most telling first.
TRAITS = {
    "only_whole": lambda array: array.dtype.kind == "i",
    "only_single": lambda array: array.dtype == np.float32,
    "only_views": lambda array: not array.flags.c_contiguous,
    "only_long": lambda array: max(array.shape, default=0) > 10,
    "only_large": lambda array: np.abs(array).max(initial=0) > 30,
    "only_small": lambda array: 0 < np.abs(array).max(initial=0) < 1e-3,
    "only_zeros": lambda array: array.dtype.kind != "b" and (array == 0).any(),
    "only_length_one": lambda array: 1 in array.shape,
    "only_length_zero": lambda array: 0 in array.shape,
    "only_without_true": lambda array: array.dtype.kind == "b" and not array.any(axis=-1).all(),
}
#: What an answer to any exercise may have done to the right results. Arrays in, arrays out.
COMMON = {
    "other_order": lambda parts: itertools.permutations(parts),
    "wrong_sign": lambda parts: itertools.product(*((part, -part) for part in parts)),
    "axes_exchanged": lambda parts: (
        [np.transpose(part, order[: part.ndim]) for part in parts]
        for order in itertools.permutations(range(max(part.ndim for part in parts)))
        if all(max(order[: part.ndim], default=0) < part.ndim for part in parts)
    ),
    "rounded": lambda parts: ([np.round(part, digits) for part in parts] for digits in range(8)),
    "squeezed": lambda parts: itertools.product(*((part, np.squeeze(part)) for part in parts)),
}


class Rejected(Exception):
    """The answer is wrong; the message is the sentence the student reads."""


class Unanswered(Exception):
    """The answer is still the empty place left for the student."""


def say(key: str, /, **values: Any) -> str:
    """One of the judge's own `SENTENCES`."""
    return tr(SENTENCES[key], **values)


def fail(key: str, /, **values: Any) -> NoReturn:
    """End the check with one of the judge's own `SENTENCES`."""
    raise Rejected(say(key, **values))


@contextlib.contextmanager
def distrust() -> Iterator[None]:
    """Whatever cannot be read is garbled: the process in which an answer runs may send anything."""
    try:
        yield
    except (Rejected, Unanswered):
        raise
    except Exception:
        fail("garbled")


# --- the course of a check --------------------------------------------------------------------


def judge(
    exercise: Exercise, run: Callable[[dict], Iterable[dict]], seed: int | None = None
) -> Verdict:
    """Draw inputs, have ``run`` bring what the answer makes of them, and give the verdict.

    run     takes the request of `Exercise.request` and yields the messages of the answer process
    seed    repeats the inputs of an earlier check; without it they are new each time
    """
    for name, function in NUMPY.items():
        if vars(np).get(name) is not function:
            return Verdict(exercise.name, "wrong", say("replaced", name=f"np.{name}"))
    seed = secrets.randbits(32) if seed is None else seed
    status, message = "passed", tr(exercise.praise)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            cases = draw_cases(exercise.case, seed, exercise.count)
            _examine(exercise, cases, list(run(exercise.request(cases))), seed)
        except Unanswered as empty:
            status, message = "unanswered", str(empty)
        except Rejected as reason:
            status, message = "wrong", str(reason)
        except KeyboardInterrupt:
            status, message = "wrong", say("interrupted")
        except ExerciseError:
            raise
        except Exception as problem:  # Python's own functions may have been replaced as well
            status, message = "wrong", say("broken", problem=repr(problem))
    return Verdict(exercise.name, status, message)


def _examine(exercise: Exercise, cases: list[tuple], messages: list[dict], seed: int) -> None:
    """Return when every result of every case is right; else raise with the sentence."""
    outcomes = _outcomes(exercise, messages)
    if len(outcomes) != len(cases):
        fail("garbled")
    found, wrong = [], []
    for i, (outcome, case) in enumerate(zip(outcomes, cases, strict=True)):
        wanted = exercise.solve(*map(double, case))
        found.append(_found(exercise, outcome, case, wanted))
        if not gives(exercise, exercise.solve, case, found[i], wanted):
            wrong.append(i)
    wrong.sort(key=lambda i: len(pack(cases[i])))  # the smallest shows it best
    results = [outcome.get("result", {"empty": None}) for outcome in outcomes]
    none = [found[i] for i in wrong if isinstance(results[i], dict) and "empty" in results[i]]
    if none:
        _tell(none[0], cases, wrong, seed)
    with distrust():
        told = exercise.demands and exercise.demands(cases, results, bool(wrong))
    if told:
        key, values = told
        raise Rejected(tr(exercise.sentences[key], **values))
    if any(outcome.get("overwritten") for outcome in outcomes):
        fail("overwritten")
    if not wrong:
        return
    if unreadable := [found[i] for i in wrong if isinstance(found[i], str)]:
        _tell(unreadable[0], cases, wrong, seed)
    if not all(map(_identical, found[exercise.count :], found)):
        fail("memory")
    if sentence := recognise(exercise, cases, found, wrong):
        raise Rejected(sentence)
    nan = [i for i in wrong if any((part != part).any() for part in found[i].values())]
    shown = nan[0] if 2 * len(nan) > len(wrong) else wrong[0]
    _tell(_difference(exercise, cases[shown], found[shown]), cases, wrong, seed)


@distrust()
def _outcomes(exercise: Exercise, messages: list[dict]) -> list[dict]:
    """The messages that hold results. Raises for an answer that did not run to the end."""
    for number, message in enumerate(messages):
        if number == 0 and "refused" in message:
            _refuse(exercise, message["refused"])
        for key in ("stopped", "ended", "long"):
            if key in message:
                fail(key, **message)
        expected = ({"result", "problem"} if number else {"ready"}) & message.keys()
        if not expected or not isinstance(message.get("problem", {}), dict):
            fail("garbled")
        if borrowed := message.get("borrowed"):
            fail("borrowed", name=borrowed[0])
        if changed := message.get("changed"):
            fail("changed", name=_names(exercise)[changed[0]])
    return messages[1:]


def _refuse(exercise: Exercise, reason: dict) -> NoReturn:
    why, stopped = reason["why"], reason.get("stopped")
    values = {"name": exercise.called, "kind": kind_of(reason)} | reason
    if stopped:
        fail(
            "undefined_stopped", **values | {"where": stopped["where"], "problem": _words(stopped)}
        )
    if why in ("missing", "empty", "undefined"):
        raise Unanswered(say(why, **values))
    fail(why, **values, problem=_words(reason))


def _tell(sentence: str, cases: list[tuple], wrong: list[int], seed: int) -> NoReturn:
    """A sentence about one case, what the wrong cases share, and how to draw them again."""
    if len(wrong) == len(cases):
        raise Rejected(sentence)
    shares = {}
    right = {*range(len(cases))} - {*wrong}
    alone = right & {*range(len(KINDS))}  # each of these has one hazard
    for note, holds in TRAITS.items():
        marked = {i for i, case in enumerate(cases) if any(map(holds, _arrays(case)))}
        if marked >= {*wrong}:
            shares[note] = min(len(marked & some) / len(some) for some in (right, alone) if some)
    note = min(shares, key=shares.get, default=None)
    # Where hazards meet, a few wrong cases have many traits in common.
    sure = len(wrong) > 2 or min(wrong) < len(KINDS)
    rare = note and shares[note] < 1 / 3 and sure
    parts = [sentence, say(note) if rare else "", say("again", seed=seed)]
    raise Rejected(" ".join(part for part in parts if part))


def _arrays(case: Any) -> list[np.ndarray]:
    """The arrays among the inputs of a case."""
    if isinstance(case, tuple | list):
        return [array for part in case for array in _arrays(part)]
    return [case] if isinstance(case, np.ndarray) else []


# --- reading results --------------------------------------------------------------------------


def _found(exercise: Exercise, outcome: dict, case: tuple, wanted: Any) -> Parts | str:
    """The results of a case by name, or a sentence on why they cannot be compared."""
    inputs = _inputs(exercise, case)
    try:
        with distrust():
            if "problem" in outcome:
                problem = outcome["problem"]
                line = _short(str(problem.get("line", "")))
                key = "stops_at" if line else "stops"
                fail(key, inputs=inputs, problem=_words(problem), line=line)
            tree = outcome["result"]
            if isinstance(tree, dict) and "empty" in tree:
                fail("none", inputs=inputs, value=tree["empty"])
            parts = _read(tree, wanted, exercise.results)
            return exercise.view(case, parts) if exercise.view else parts
    except Rejected as reason:
        return str(reason)


def _read(tree: Any, wanted: Any, names: Sequence[str]) -> Parts:
    """A result in the form of the solution's."""
    if isinstance(wanted, dict):
        tree = tree.get("dict", {}) if isinstance(tree, dict) else {}
        return {key: numbers(tree[key], tr(names[key])) for key in wanted if key in tree}
    parts = wanted if isinstance(wanted, tuple) else [wanted]
    if isinstance(wanted, tuple):
        given = _unpacked(tree)
        if given is None or len(given) != len(wanted):
            order = ", ".join(tr(name) for name in names)
            what = kind_of(tree) if given is None else len(given)
            fail("parts", count=len(wanted), names=order, given=what)
    elif _is_list_of_arrays(wanted):
        given, parts, names = _unpacked(tree), wanted, _places(wanted)
        if given is None or len(given) != len(wanted):
            fail("list", count=len(wanted))
    else:
        given = [tree]
    return {
        name: numbers(part, tr(name), whole=np.asarray(one).dtype.kind in "iu")
        for name, part, one in zip(names, given, parts, strict=True)
    }


def _is_list_of_arrays(value: Any) -> bool:
    return isinstance(value, list) and any(
        isinstance(part, np.ndarray | np.floating) for part in value
    )


def _places(parts: Sequence) -> list[str]:
    return [tr("array number {number}", number=i + 1) for i in range(len(parts))]


def _unpacked(tree: Any) -> list | None:
    """What `a, b = result` would give, for a list and for an array with several rows."""
    if isinstance(tree, dict) and "array" in tree and tree["shape"]:
        return list(numbers(tree, ""))
    return tree if isinstance(tree, list) else None


def numbers(tree: Any, what: str, whole: bool = False, inside: bool = False) -> np.ndarray:
    """The array that a result stands for, or what is inside one. Raises Rejected for none."""
    if isinstance(tree, np.ndarray):
        return tree
    if isinstance(tree, bool | int | float | np.generic):  # the last: an entry of an array
        array = np.asarray(tree)
    elif isinstance(tree, list):
        items = [numbers(item, what, inside=True) for item in tree]
        if len({item.shape for item in items}) > 1:
            if len({item.ndim for item in items}) > 1:
                fail("mixed", what=what)
            fail("ragged", what=what, shapes=", ".join(sorted({str(i.shape) for i in items})))
        array = np.array(items)
    elif isinstance(tree, dict) and "array" in tree:
        array = _decoded(tree)
    elif isinstance(tree, dict) and "empty" in tree:
        fail("none_inside", what=what, value=tree["empty"])
    else:
        odd = tree.get("odd") if isinstance(tree, dict) else None
        named = [key for key in ("generator", "asyncgen", "coroutine", "brackets") if key == odd]
        kind = tr("{kind} among the entries", kind=kind_of(tree)) if inside else kind_of(tree)
        fail(named[0] if named else "no_numbers", what=what, kind=kind)
    if array.dtype.kind == "c":
        fail("complex", what=what)
    if whole and array.size and array.dtype.kind == "b":
        fail("boolean", what=what, entry=array.flat[0].item())
    if whole and array.size and array.dtype.kind not in "iuO":
        fail("whole", what=what, entry=array.flat[0].item())
    return array.astype(float) if array.dtype.kind == "O" else array  # beyond 64 bits


def _decoded(tree: dict) -> np.ndarray:
    """An array from JSON. Nothing here trusts the sender."""
    with distrust():
        dtype = np.dtype(str(tree["dtype"]))
        if dtype.kind not in "biufc" or len(tree["shape"]) > MOST_AXES:
            raise ValueError(dtype)
        data = np.frombuffer(base64.b64decode(tree["array"]), dtype)
        return data.reshape([int(length) for length in tree["shape"]])


def kind_of(tree: Any) -> str:
    """The kind of something in words a student knows."""
    if isinstance(tree, list):
        return tr("a list")
    if not isinstance(tree, dict):
        return tr("a number")
    if "dict" in tree:
        return tr("a dictionary")
    shape, name = tuple(tree.get("shape", ())), str(tree.get("type"))
    kind = "array" if "array" in tree else str(tree.get("odd"))
    words = {
        "array": tr("an array of shape {shape}", shape=shape),
        "string": tr("a string"),
        "dictionary": tr("a dictionary"),
        "function": tr("a function"),
        "number": tr("a number of the type {name}", name=name),
        "class": tr("the class {name}", name=name),
        "entries": tr("an array with entries of the type {name}", name=name),
    }
    return words.get(kind, name)


def _words(problem: dict) -> str:
    """Type and first words of an exception, on one line."""
    words = _short(str(problem.get("words", ""))).rstrip(".")
    return f"{problem.get('type')} ({words})" if words else str(problem.get("type"))


def plain(tree: Any) -> Any:
    """What a probe reports beside numbers: texts, lists and dictionaries of them."""
    if isinstance(tree, list):
        return [plain(item) for item in tree]
    if isinstance(tree, dict) and "dict" in tree:
        return {key: plain(item) for key, item in tree["dict"].items()}
    if isinstance(tree, dict) and "array" in tree:
        return _decoded(tree)
    return tree.get("text") if isinstance(tree, dict) else tree


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_QUOTE else text[:LONGEST_QUOTE].rstrip() + " …"


# --- comparing --------------------------------------------------------------------------------


def gives(
    exercise: Exercise, function: Callable, case: tuple, found: Parts | str, result: Any = None
) -> bool:
    """Whether an answer's results are what ``function`` gives for a case: ``result``, if known."""
    if isinstance(found, str):
        return False
    if result is None:
        result = function(*map(double, case))
    values = _by_name(exercise, case, result)
    if agree(found, values, {name: _least(exercise, value) for name, value in values.items()}):
        return True
    if not agree(found, values, {name: _most(value) for name, value in values.items()}):
        return False
    return agree(found, values, slack(exercise, function, case, values))


def slack(exercise: Exercise, function: Callable, case: tuple, values: Parts) -> Parts:
    """How far right results may lie from the values of ``function``.

    An answer in single precision is right too: it may differ by as much as rounding the inputs
    and every step to single precision would make of it. That is much where numbers cancel and
    nothing where they do not, so small numbers are compared as strictly as large ones.
    """
    random = np.random.default_rng(0)
    moved = {name: np.zeros(value.shape) for name, value in values.items()}
    for _ in range(8):
        other = _results(exercise, function, case, lambda value: _rounded(double(value), random))
        for name, value in values.items():
            if other[name].shape == value.shape:
                moved[name] += np.nan_to_num(abs(other[name] - value))
    return {
        name: np.maximum(_least(exercise, value), np.minimum(5 * moved[name], _most(value)))
        for name, value in values.items()
    }


def _least(exercise: Exercise, value: np.ndarray) -> np.ndarray:
    """The difference that any answer may have."""
    return 1e-3 * _most(value) if exercise.single else 1e-6 * abs(value) + 1e-37


def _most(value: np.ndarray) -> np.ndarray:
    """The largest difference that rounding ever excuses, also where numbers cancel to nothing."""
    largest = np.nan_to_num(abs(value), posinf=0).max(initial=0)
    return np.full(value.shape, max(0.1 * largest, 1e-5))


def _results(exercise: Exercise, function: Callable, case: tuple, change: Callable) -> Parts:
    inputs = tuple(map(change, case))
    return _by_name(exercise, inputs, function(*inputs))


def _by_name(exercise: Exercise, case: tuple, result: Any) -> Parts:
    if not isinstance(result, dict):
        parts = result if isinstance(result, tuple) or _is_list_of_arrays(result) else [result]
        names = _places(parts) if _is_list_of_arrays(result) else exercise.results
        result = dict(zip(names, parts, strict=True))
    parts = {name: np.asarray(value) for name, value in result.items()}
    return exercise.view(case, parts) if exercise.view else parts


def double(value: Any) -> Any:
    """A copy of an input, with arrays of numbers in double precision."""
    if isinstance(value, np.ndarray):
        return value.astype(bool if value.dtype.kind == "b" else np.float64)
    return [double(item) for item in value] if isinstance(value, list) else value


class _Single(np.ndarray):
    """Numbers that every step rounds as single precision might, where they are not exact in it."""

    random: np.random.Generator

    def __array_finalize__(self, other: Any) -> None:
        self.random = getattr(other, "random", None)

    def __getitem__(self, place: Any) -> Any:
        return _single(super().__getitem__(place), self.random)

    def __array_function__(self, *call: Any) -> Any:
        result = super().__array_function__(*call)
        return _single(result, self.random) if isinstance(result, np.ndarray) else result

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        inputs = [one.view(np.ndarray) if isinstance(one, _Single) else one for one in inputs]
        if "out" in options:
            options["out"] = tuple(one.view(np.ndarray) for one in options["out"])
        compute = getattr(ufunc, method)
        result = compute(*inputs, **options)
        if ufunc in (np.maximum, np.minimum):
            return _single(result, self.random)
        if ufunc is np.matmul or (ufunc is np.add and method == "reduce"):
            # What adds up to little is as uncertain as the numbers that were added, one by one.
            added = np.asarray(compute(*map(abs, inputs), **options))
            counted = inputs[0].size / max(added.size, 1)
            steps = counted if method == "reduce" else inputs[0].shape[-1]
            return _rounded(result, self.random, added * steps**0.5)
        return _rounded(result, self.random)


def _single(value: np.ndarray | np.generic, random: np.random.Generator) -> _Single:
    value = np.asarray(value).view(_Single)
    value.random = random
    return value


def _rounded(value: Any, random: np.random.Generator, added: np.ndarray | None = None) -> Any:
    """An input as single precision might have it, or a result, perhaps of numbers ``added`` up."""
    if isinstance(value, list):
        return [_rounded(item, random) for item in value]
    if not isinstance(value, np.ndarray | np.floating) or value.dtype.kind != "f":
        return value
    inexact, noise = value != value.astype(np.float32), random.normal(size=value.shape)
    if added is None:
        return _single(value * (1 + 2.0**-24 * inexact * noise), random)
    # A sum may be exact by chance, but hardly all of an array and of the sizes that it adds. One
    # that is exact may still meet other numbers, or be divided, before all is added up.
    exact = not (inexact | (added != added.astype(np.float32))).any()
    return _single(value + 2.0**-24 * np.minimum(added, 16 if exact else np.inf) * noise, random)


def agree(found: Parts, wanted: Parts, slack: Parts) -> bool:
    """Whether all results of a case are the wanted ones: shapes, NaN and infinities included."""
    return found.keys() == wanted.keys() and all(
        found[name].shape == wanted[name].shape
        and not _differs(found[name], wanted[name], slack[name]).any()
        for name in wanted
    )


def _differs(found: np.ndarray, wanted: np.ndarray, slack: np.ndarray) -> np.ndarray:
    """Where two arrays of one shape differ. Operators only: NumPy's functions may be replaced."""
    close = (abs(found.astype(float) - wanted) <= abs(slack)) | (found == wanted)
    return ~(close | ((found != found) & (wanted != wanted)))


# --- naming the mistake -----------------------------------------------------------------------


def recognise(
    exercise: Exercise, cases: list[tuple], found: list[Parts], wrong: list[int]
) -> str | None:
    """The sentence of the one mistake that gives the answer's results in all cases."""
    order = wrong + [i for i in range(len(cases)) if i not in {*wrong}]
    for sentence, mistake in itertools.chain(exercise.known, _common(exercise, cases[0])):
        try:
            if all(_explains(exercise, mistake, cases[i], found[i]) for i in order):
                return tr(sentence, names=", ".join(tr(name) for name in exercise.results))
        except Exception:  # a mistake that stops gives no results
            continue
    right = [_results(exercise, exercise.solve, case, double) for case in cases]
    for name in found[0]:
        for key, uniform in (("constant", _one_number), ("equal", _one_number_each)):
            mine, theirs = ([p[name] for p in parts if name in p] for parts in (found, right))
            # In lists, whose length differs from case to case, one place says too little.
            if len(mine) == len(found) and uniform(mine) and not uniform(theirs):
                return say(key, what=_called(exercise, name))
    return None


def _explains(exercise: Exercise, mistake: Callable, case: tuple, found: Parts) -> bool:
    """Whether a mistake gives these results, in the precision of the inputs or in double."""
    if any(array.dtype == np.float32 for array in _arrays(case)):
        values = _results(exercise, mistake, case, copy.deepcopy)
        if agree(found, values, {key: _least(exercise, value) for key, value in values.items()}):
            return True
    return gives(exercise, mistake, case, found)


def _one_number(arrays: list[np.ndarray]) -> bool:
    seen = {float(entry) for array in arrays for entry in array.flat}
    return len(seen) == 1 and np.isfinite([*seen]).all()


def _one_number_each(arrays: list[np.ndarray]) -> bool:
    several = [array for array in arrays if array.size > 1]
    return bool(several) and all(_one_number([array]) for array in several)


def _called(exercise: Exercise, name: str) -> str:
    """How sentences call a part of the result."""
    return tr(exercise.results[name] if isinstance(exercise.results, dict) else name)


def _common(exercise: Exercise, case: tuple) -> Iterator[tuple[str, Callable]]:
    """The mistakes of `COMMON`, as functions like those that an exercise lists."""

    def changed(variants: Callable, number: int, parts: Sequence) -> list[np.ndarray]:
        return next(itertools.islice(variants([*map(np.asarray, parts)]), number, None))

    def whole(variants: Callable, number: int) -> Callable:
        def mistake(*inputs: Any) -> Any:
            result = exercise.solve(*inputs)
            if _is_list_of_arrays(result):  # all alike: a list may be long
                return [changed(variants, number, [part])[0] for part in result]
            if isinstance(result, tuple):
                return tuple(changed(variants, number, result))
            return changed(variants, number, [result])[0]

        return mistake

    result = exercise.solve(*map(double, case))
    if isinstance(result, dict):
        return
    parts = result if isinstance(result, tuple) else [result]
    parts = [*map(np.asarray, result[:1] if _is_list_of_arrays(result) else parts)]
    for key, variants in COMMON.items():
        for number in range(len([*variants(parts)])):
            yield SENTENCES[key], whole(variants, number)


def _identical(one: Parts, other: Parts) -> bool:
    return agree(one, other, {name: 1e-6 * abs(array) for name, array in other.items()})


def _difference(exercise: Exercise, case: tuple, found: Parts) -> str:
    """The first output of a case that is wrong, in numbers that show it."""
    wanted = _results(exercise, exercise.solve, case, double)
    off = slack(exercise, exercise.solve, case, wanted)
    name = next(
        n for n in wanted if n not in found or not agree({n: found[n]}, {n: wanted[n]}, {n: off[n]})
    )
    if name not in found:
        return say("none_inside", what=_called(exercise, name), value=None)
    one, other = found[name], wanted[name]
    values = {"inputs": _inputs(exercise, case), "what": _called(exercise, name)}
    if one.shape != other.shape:
        if other.ndim == one.ndim == 1 and max(one.size, other.size) <= MOST_SHOWN:
            return say("value", found=_quote(one), wanted=_quote(other), **values)
        return say("shape", found=one.shape, wanted=other.shape, **values)
    if ((one != one) & (other == other)).any():
        return say("nan", **values)
    if (abs(one) == np.inf).any():
        return say("infinite", **values)
    far = _differs(one, other, off[name]) * abs(one.astype(float) - other) / (abs(other) + 1e-300)
    place = np.unravel_index(int(far.argmax()), far.shape)
    digits = next(n for n in range(4, 18) if f"{one[place]:.{n}g}" != f"{other[place]:.{n}g}")
    if one.size <= MOST_SHOWN:
        both = {"found": _quote(one, digits), "wanted": _quote(other, digits)}
        return say("value", **values, **both)
    both = {
        "found": _quote(one[place].item(), digits),
        "wanted": _quote(other[place].item(), digits),
    }
    where = "[" + ", ".join(str(int(i)) for i in place) + "]"
    return say("entry", place=where, **values, **both)


def _names(exercise: Exercise) -> list[str]:
    """What the solution calls its inputs."""
    parameters = inspect.signature(exercise.solve).parameters.values()
    return [one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]


def _inputs(exercise: Exercise, case: tuple) -> str:
    pairs = [*zip(_names(exercise), case, strict=True)][: exercise.takes or None]
    return ", ".join(f"{name} = {_quote(value)}" for name, value in pairs)


def _quote(value: Any, digits: int = 4) -> str:
    """An input or result as a student would write it, or its shape when it is long."""
    if isinstance(value, np.ndarray) and value.size > MOST_SHOWN:
        return tr("an array of shape {shape}", shape=value.shape)
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list):
        return "[" + ", ".join(_quote(part, digits) for part in value) + "]"
    if not isinstance(value, float):
        return _short(repr(value))
    texts = [f"{value + 0:.{n}g}" for n in range(digits, max(digits, 9) + 1)]  # + 0: no -0 then
    # A number that is almost 1 is not called 1, which would have other results; one that rounding
    # alone keeps from it is.
    told = (text for text in texts if value.is_integer() or not float(text).is_integer())
    return next(told, texts[0])
