"""The process in which an answer runs: it is given inputs and sends back results as plain data.

The judge (``judging``) starts this file by its path, so that nothing of the course is imported
here. Nothing is compared and no sentence is worded here either: expected values, solutions and
the verdict stay with the judge, and what comes from this process is read as JSON, never
unpickled: all that an answer can send is a result. What could reach the judge by another way is
closed to it (`_guard`, `_confine`).

A message is one line of JSON: ``{"refused": ...}`` or ``{"ready": true}``, then one line for each
case: ``{"result": ...}`` or ``{"problem": ...}``, with ``"changed"``, ``"borrowed"`` and
``"overwritten"`` added.
"""

import base64
import contextlib
import ctypes
import dis
import functools
import importlib
import inspect
import itertools
import json
import linecache
import numbers
import os
import pathlib
import pickle
import re
import struct
import sys
import sysconfig
import tempfile
import threading
import traceback
import types
import warnings

import numpy as np

UNFILLED = (None, Ellipsis, NotImplemented)
COURSE = "attention_course"
#: Rooms of the course that hold what exercises ask for; of the others an answer may call whatever
#: has another name than it has itself.
OWN = re.compile(rf"{COURSE}\.(functional|layers|models|training)\b")
# What an answer may call of these: a chapter defines it long before it is used.
ALLOWED = ("softmax",)
WATCHED = 13  # cases in which this is looked at, every kind of them once: it doubles Keras' time
MEMORY = 8 * 2**30  # bytes; a loop that fills the memory must not take the machine with it
MOST_AXES = 16  # of an array, or lists in lists
MOST_BYTES = 2**24  # of one array
#: Files whose lines are never quoted to a student: Python's, those of packages, and this one.
NOT_THEIRS = (
    *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")),
    os.path.dirname(os.path.abspath(__file__)),
)
#: Python's audit events of what an answer has no need of: other programs and processes, the
#: network, second names of files, databases (whose commands open others), interpreters without a
#: guard, a list of all objects.
REFUSED = re.compile(
    r"os\.(exec|fork|forkpty|killpg|link|posix_spawn|spawn|startfile|symlink|system)|gc\.get_\w+"
    r"|subprocess\.Popen|sqlite3\.connect|_winapi\.\w+Process|socket\.(connect|send\w+)"
    r"|cpython\.PyInter\w+_New|import (.*\.)?(_\w*interpreters|_test\w*capi)"
    r"|(execv\w*|v?fork|f?open(at)?(64)?|\w*kill|popen|posix_spawnp?|process_vm_\w+|ptrace|syscall"
    r"|system|OpenProcess)\(\)"  # a function of the system, called by ctypes
)


# --- what an answer is, before it runs --------------------------------------------------------


def refusal(answer, request):
    """Why this cannot be an answer, as data, or None: nothing written, or of another kind.

    A request that "wants" a class takes a function that makes the thing as well.
    """
    if any(answer is unfilled for unfilled in UNFILLED):
        return {"why": "missing"}
    if name := of_course(answer):
        return {"why": "borrowed", "name": name}
    if request["wants"] == "class" and callable(answer):
        makes = inspect.isclass(answer) or inspect.isroutine(answer)
        return None if makes or isinstance(answer, functools.partial) else {"why": "instance"}
    if inspect.isclass(answer) or not callable(answer):
        return {"why": "kind", **odd(answer)}
    if (returned := placeholder(answer)) is not None:
        return {"why": "empty", "value": returned}
    try:  # the outermost function is called; functools.wraps would show the inner one
        signature = inspect.signature(answer, follow_wrapped=False)
    except (TypeError, ValueError):  # a built-in without a signature: calling it will tell
        return None
    try:
        signature.bind(*range(request["takes"]))
    except TypeError:
        return {"why": "parameters", "given": str(signature), "count": request["takes"]}
    return None


def of_course(answer):
    """The name of what in an answer is the course's own: itself, or a class that it extends."""
    for one in inspect.getmro(answer) if inspect.isclass(answer) else [answer]:
        # Of a function, the module that it was written in: functools.wraps changes the other one.
        names = getattr(one, "__globals__", {"__name__": getattr(one, "__module__", "")})
        if str(names.get("__name__")).startswith(f"{COURSE}."):
            name = getattr(one, "__qualname__", type(one).__qualname__)
            return f"{names['__name__']}.{name}"
    return None


def placeholder(function):
    """What a function without a body returns (as text), or None for one that somebody wrote.

    Asked of the byte code, which every function has, where its source may be out of reach.
    """
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return None
    steps = {"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"}
    raising = {"LOAD_GLOBAL", "PUSH_NULL", "PRECALL", "CALL", "RAISE_VARARGS"}
    taken = list(dis.get_instructions(code))
    names = {step.opname for step in taken} - steps
    loaded = [step.argval for step in taken if step.opname in ("LOAD_CONST", "RETURN_CONST")]
    if not names and all(value in UNFILLED for value in loaded):
        return repr(loaded[-1])
    globals_ = {step.argval for step in taken if step.opname == "LOAD_GLOBAL"}
    if names <= raising and globals_ == {"NotImplementedError"}:
        return "NotImplementedError"
    if names == {"LOAD_GLOBAL"} and globals_ == {"NotImplemented"}:
        return "NotImplemented"
    return None


# --- results as data --------------------------------------------------------------------------


def encode(value, depth=0):
    """A result as JSON: numbers, arrays and lists of them; of anything else only its kind."""
    if depth > MOST_AXES:
        return odd(value)
    if any(value is unfilled for unfilled in UNFILLED):
        return {"empty": repr(value)}
    if isinstance(value, int) and value.bit_length() > 1023:  # more than a float can be
        return float("inf") if value > 0 else -float("inf")
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple | range):
        return [encode(item, depth + 1) for item in value]
    if isinstance(value, numbers.Real) and not isinstance(value, np.generic):
        return float(value)
    if inspect.isclass(value) or not (isinstance(value, complex) or hasattr(value, "__array__")):
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            return {"dict": {key: encode(item, depth + 1) for key, item in value.items()}}
        return odd(value)
    if np.ma.is_masked(value):  # asarray would show what lies under the mask
        value = value.astype(float).filled(np.nan)
    array = np.asarray(value)
    if array.dtype.kind == "O" and array.ndim:
        return [encode(item, depth + 1) for item in array]
    if array.dtype.kind not in "biufc":
        return {"odd": "entries", "type": str(array.dtype)}
    if array.ndim > MOST_AXES or array.nbytes > MOST_BYTES:
        return odd(array)
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
    return {"array": data, "dtype": array.dtype.str, "shape": array.shape}


def odd(value):
    """The kind of something that is no number, for a sentence to name."""
    kinds = {
        "generator": inspect.isgenerator,
        "coroutine": inspect.iscoroutine,
        "asyncgen": inspect.isasyncgen,
        "class": inspect.isclass,
        "function": inspect.isroutine,
        "array": lambda value: isinstance(value, np.ndarray),
        "string": lambda value: isinstance(value, str),
        "dictionary": lambda value: isinstance(value, dict),
        "number": lambda value: isinstance(value, numbers.Number),
    }
    kind = next((name for name, fits in kinds.items() if fits(value)), "other")
    if kind == "generator" and value.gi_code.co_name == "<genexpr>":
        kind = "brackets"
    if kind == "coroutine":
        value.close()
    name = value.__name__ if kind == "class" else type(value).__name__
    text = value[:200] if kind == "string" else None
    return {"odd": kind, "type": name, "text": text, "shape": list(getattr(value, "shape", ()))}


def describe(problem):
    """Type, words and place of an exception: the last line that is the student's own."""
    try:
        words = str(problem)
    except BaseException:  # a student's own exception class may fail to print itself, or exit
        words = ""
    words = re.sub(r"\x1b\[[0-9;]*m", "", words)  # Keras writes in bold
    words = words.partition("Arguments received by")[0]
    words = re.sub(r"^Exception encountered when calling \S+\s", "", words.strip())
    words = words.rpartition("Error encountered:")[2]
    frames = traceback.extract_tb(problem.__traceback__)
    own = [
        frame
        for frame in frames
        if not frame.filename.startswith(("<frozen", *(place for place in NOT_THEIRS if place)))
    ]
    last = own[-1] if own else None
    return {
        "type": type(problem).__name__,
        "words": " ".join(words.split())[:1000],
        "line": (last and last.line) or "",
        "place": [last.name, last.lineno] if last else None,
    }


# --- running ----------------------------------------------------------------------------------


def run(answer, request):
    """Yield what becomes of an answer: a refusal, or what it does with each case."""
    cases = request["cases"]
    if reason := refusal(answer, request):
        yield {"refused": reason}
        return
    yield {"ready": True}
    namespace = {}
    exec(request["probe"], namespace)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        kept, inputs = [], ()
        for number, case in enumerate(cases, start=1):
            inputs = _refilled(inputs, pickle.loads(case))
            watch = _watch(request["name"]) if number <= WATCHED else None
            outcome = _run_case(answer, namespace["probe"], inputs, kept, watch)
            yield outcome | {"overwritten": number == len(cases) and not all(map(_still, kept))}


def _run_case(answer, probe, inputs, kept, watch):
    before = [pickle.dumps(value) for value in inputs]
    earlier = sys.getprofile()
    try:
        if watch:
            threading.setprofile(watch)
            sys.setprofile(watch)
        result = probe(answer, *inputs)
        outcome = {"result": encode(result)}  # watched too: an object may compute when it is read
        if not _shared(result, inputs):  # what is an input is written to by the next case
            kept.append((result, json.dumps(outcome["result"])))
    except BaseException as problem:  # SystemExit and KeyboardInterrupt are answers' mistakes too
        outcome = {"problem": describe(problem)}
    finally:
        sys.setprofile(earlier)
        threading.setprofile(None)
    after = [pickle.dumps(value) for value in inputs]
    changed = [i for i, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]]
    return outcome | {"changed": changed, "borrowed": watch.borrowed if watch else []}


def _refilled(earlier, new):
    """The inputs of a case, in the arrays and dictionaries of the one before where they fit.

    Training changes weights in place too, so an answer must not know an input by its identity.
    """
    twice = len({*map(id, earlier)}) < len(earlier)  # queries that are keys are one array
    if twice or [*map(_form, earlier)] != [*map(_form, new)]:
        return new
    inputs = []
    for old, value in zip(earlier, new, strict=True):
        if isinstance(old, dict):
            old.clear()
            old.update(value)
        elif isinstance(old, np.ndarray) and old.flags.writeable:
            old[...] = value
        else:
            old = value
        inputs.append(old)
    return inputs


def _shared(result, inputs):
    """Whether a result is an input or a view of one."""
    parts = result if isinstance(result, tuple | list) else [result]
    arrays = ([one for one in some if isinstance(one, np.ndarray)] for some in (parts, inputs))
    return any(np.may_share_memory(*pair) for pair in itertools.product(*arrays))


def _form(value):
    return (value.dtype, value.shape, value.strides) if hasattr(value, "strides") else type(value)


def _still(kept):
    """Whether a result is what it was when it was returned: no later call has written to it."""
    result, before = kept
    try:
        return json.dumps(encode(result)) == before
    except BaseException:
        return False


def _watch(answer):
    """Note the first function of the course that the answer of this name calls.

    What the course's own code calls in turn is its own affair, such as when it is imported.
    """

    def of_course(frame):
        return str(frame.f_globals.get("__name__")).split(".")[0] == COURSE

    def watch(frame, event, _):
        if event != "call" or watch.borrowed or not of_course(frame):
            return
        module, name = frame.f_globals["__name__"], frame.f_code.co_qualname
        real = getattr(frame.f_globals.get(name), "__code__", None)  # a name alone can be given
        allowed = name in ALLOWED and real is frame.f_code if OWN.match(module) else True
        outer = frame.f_back
        while outer and not of_course(outer):
            outer = outer.f_back
        if outer or name == "<module>" or (allowed and frame.f_code.co_name != answer):
            return
        watch.borrowed.append(f"{module}.{name}")

    watch.borrowed = []
    return watch


# --- as a process -----------------------------------------------------------------------------


def main():
    """Serve one request: a pickle on standard input. The answer's own streams lead nowhere."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "w", encoding="ascii")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)

    def send(message):
        replies.write(json.dumps(message) + "\n")
        replies.flush()

    with requests:
        request = pickle.load(requests)
    _limit(request["seconds"])
    _confine()
    sys.path[:] = request["path"]
    for name in request["imports"]:
        importlib.import_module(name)
    _close(*request["closed"])
    try:
        if "cells" in request:
            answer = run_file(request)
        else:
            answer = pickle.loads(request["pickle"])
    except Undefined as missing:
        send({"refused": {"why": "undefined", "stopped": missing.stopped}})
        return
    except BaseException as problem:
        send({"refused": {"why": "unloaded", **describe(problem)}})
        return
    for message in run(answer, request):
        send(message)


def _limit(seconds):
    """Bound memory and processor time, where the system can."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))


def _confine():
    """Have Linux refuse other programs, processes and TCP (by Landlock, in kernels that have it).

    Whatever code runs here then, and whoever owns it: no program is started, no other process
    traced or its memory read, and in newer kernels no other one signalled or connected to.
    """
    system = ctypes.CDLL(None) if sys.platform == "linux" else None
    version = system.syscall(444, None, 0, 1) if system else 0  # landlock_create_ruleset
    if version < 1:
        return
    files = 1 | 1 << 6 | 7 << 10  # to start, and to make as a device, a pipe or a link
    moves = 1 << 13 if version > 1 else 0  # between folders: refused unless allowed below the root
    rules = files | moves, 0b11 if version > 3 else 0, 0b11 if version > 5 else 0  # TCP, signals
    handle = system.syscall(444, (ctypes.c_uint64 * 3)(*rules), 24, 0)
    root = os.open("/", os.O_RDONLY)
    system.syscall(445, handle, 1, struct.pack("=Qi", moves, root), 0)  # landlock_add_rule
    system.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    system.syscall(446, handle, 0)  # landlock_restrict_self
    os.close(root)
    os.close(handle)


def _close(folder, solutions, others):
    """Put out of reach what an answer has no need of; a chapter's own checks do nothing.

    What asks for a solution meets an exception that says `solutions`; one that says `others` meets
    what reaches for other programs, processes, devices, the network, or the code of the judge.
    """
    closed = types.ModuleType(f"{COURSE}.exercises")

    def solution(*_):
        raise PermissionError(solutions)

    closed.check = closed.hint = closed.question = lambda *_, **__: None
    closed.solution = solution
    sys.modules[closed.__name__] = closed
    sys.addaudithook(_guard(pathlib.Path(folder), solutions, others))


def _guard(room, solutions, others):
    """What Python asks before it opens a file or does any other thing that it tells of.

    An answer may replace all that has a name, and reach the guard's frame by an exception: so the
    guard uses only what is handed to it in one tuple, and nothing in there can be changed.
    """

    def numbers_of(places):  # which a file keeps, whatever paths lead to it
        found = [os.stat(place) for place in places if os.path.exists(place)]
        return frozenset((one.st_dev, one.st_ino) for one in found)

    # A folder on the way to the solutions is opened only to open files relative to it.
    secret = numbers_of([room, *room.rglob("*"), *room.parents])
    places = [room.parent, *filter(None, NOT_THEIRS), sysconfig.get_path("scripts")]
    places += [os.path.realpath(sys.executable), os.path.join(sys.prefix, "pyvenv.cfg")]
    kept = numbers_of(places)
    # What holds such a folder may be written to, but not be moved away itself.
    unmoved = numbers_of(up for one in map(pathlib.Path, places) for up in (one, *one.parents))
    processes = frozenset(device for device, _ in numbers_of(["/proc"]))
    fixed = (REFUSED.fullmatch, os.stat, OSError, type, int, str.__str__, PermissionError)
    fixed += (secret, kept, unmoved, processes, os.getpid(), os.getppid(), os.sep, os.devnull)

    def guard(event, arguments, fixed=fixed, solutions=solutions, others=others):
        refused, stat, missing, kind, number, text, refusal, *rest = fixed
        secret, kept, unmoved, processes, own, parent, sep, devnull = rest

        def look(path):
            try:
                found = stat(path)
            except missing:
                return None, None, 0
            return found.st_dev, found.st_ino, found.st_mode & 0o170000

        asked = f"{arguments[1]}()" if event == "ctypes.dlsym" else event
        asked = f"import {arguments[0]}" if event == "import" else asked
        if refused(asked) or (event == "os.kill" and arguments[0] != own):
            raise refusal(others)
        changes = ("chmod", "chown", "mkdir", "remove", "rename", "rmdir", "truncate", "utime")
        if event not in ("open", "os.chdir") and event[3:] not in changes:
            return
        beside = event == "open" and arguments[1] is None  # os.open, relative to any folder
        writes = event != "open" or beside or arguments[2] & 3
        for path in arguments[: 2 if event == "os.rename" else 1]:
            if kind(path) is number:  # of a file that is open already
                continue
            path = text(path)
            device, inode, what = look(path)
            if (device, inode) in secret and event != "os.chdir":
                raise refusal(solutions)
            if (
                (beside and ".." in path)
                or (f"/{parent}/" in f"{path}/" and "/proc" in path)
                or (writes and (device, inode) in unmoved and event != "os.chdir")
                or (device in processes and (beside or event == "os.chdir"))
                or (what in (0o020000, 0o060000) and path != devnull)  # a terminal, memory, a disc
            ):
                raise refusal(others)
            above = path.replace("/", sep).rpartition(sep)
            place, last = above[0] + above[1] or ".", None
            while writes and (here := look(place)) != last:  # up to the root
                if here[:2] in kept:
                    raise refusal(others)
                place, last = place + sep + "..", here

    return guard


class Undefined(Exception):
    """The file does not define the answer; `stopped` says what stood in the way, if anything."""

    stopped = None


def run_file(request):
    """Run a file's cells, (label, code) each, and return what it defines as the answer.

    A cell that stops with an exception does not keep the later ones from running: a student's
    notebook may hold much that has nothing to do with the exercise.
    """
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    shell = _shell(module) if request["ipython"] else None
    stopped = None
    for label, code in request["cells"]:
        linecache.cache[label] = (len(code), None, code.splitlines(keepends=True), label)
        try:
            if shell is None:
                exec(compile(code, label, "exec", dont_inherit=True), module.__dict__)
            else:
                done = shell.run_cell(code)
                done.raise_error()
        except BaseException as problem:  # sys.exit() in a file is a mistake like any other
            if str(getattr(problem, "filename", "")).startswith("<ipython-input"):
                problem.filename = label  # IPython has a name of its own for each cell
            stopped = describe(problem) | {"where": label}
    if not hasattr(module, request["name"]):
        missing = Undefined()
        missing.stopped = stopped
        raise missing
    return getattr(module, request["name"])


def _shell(module):
    """IPython itself: it knows `%time`, `x?`, `files = !ls` and a top-level `await`.

    What would start programs of the system does nothing.
    """
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config({"HistoryManager": {"enabled": False}, "InteractiveShell": {"xmode": "Plain"}})
    with tempfile.TemporaryDirectory() as folder:
        os.environ["IPYTHONDIR"] = folder  # nothing is read from, or left in, the student's own
        shell = InteractiveShell.instance(config=config, user_module=module)
    shell.system = shell.getoutput = shell.enable_gui = lambda *_, **__: []
    for name in ("pip", "conda", "mamba", "uv", "sx", "system"):
        shell.register_magic_function(lambda *_: None, "line", name)
    for name in ("bash", "sh", "script", "sx", "system", "cmd", "perl", "ruby"):
        shell.register_magic_function(lambda *_: None, "cell", name)
    return shell


if __name__ == "__main__":
    main()
