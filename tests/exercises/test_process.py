"""An answer runs in a process of its own, from which no way leads to a verdict."""

import contextlib
import ctypes
import importlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

import cloudpickle
import numpy as np
import pytest

import attention_course.exercises as exercises
from attention_course.errors import ExerciseError
from attention_course.exercises import check, judging, process
from attention_course.exercises.files import check_file
from attention_course.functional import softmax

# The answers below travel as those of a notebook do, not as names in a module.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


def right(x, h, W, U, b):
    return np.tanh(x @ W + h @ U + b)


def test_a_right_answer_passes_with_all_that_it_refers_to():
    scale = np.ones(1)

    def helped(x, h, W, U, b):
        return scale * right(x, h, W, U, b)

    assert check("01.rnn_step", helped).passed


def test_an_answer_defined_in_a_notebook_names_its_own_line(tmp_path):
    code = (
        "from attention_course.exercises import check\n"
        "import linecache\n"
        "cell = 'def rnn_step(x, h, W, U, b):\\n    return x.nothing\\n'\n"
        "linecache.cache['<cell>'] = (len(cell), None, cell.splitlines(True), '<cell>')\n"
        "exec(compile(cell, '<cell>', 'exec'))\n"
        "print(check('01.rnn_step', rnn_step))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "at the line `return x.nothing`" in run.stdout


def test_prints_and_input_lead_nowhere(capfd):
    def noisy(x, h, W, U, b):
        sys.stdout.reconfigure(encoding="utf-8")
        print("here → I am")
        os.write(1, b'{"ready": true}\n')
        print("and here", file=sys.stderr)
        with contextlib.suppress(EOFError):
            input()
        return right(x, h, W, U, b)

    assert check("01.rnn_step", noisy).passed
    assert capfd.readouterr() == ("", "")


def short_of_time(monkeypatch, seconds=1.0):
    real = process.serve
    monkeypatch.setattr(process, "serve", lambda request, _: real(request, seconds))


def endless(x, h, W, U, b):
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(0.01)


def deaf(x, h, W, U, b):
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    time.sleep(100)


def hangs_up(x, h, W, U, b):
    os.closerange(3, 200)
    time.sleep(100)


@pytest.mark.parametrize("answer", [endless, deaf, hangs_up])
def test_an_endless_answer_is_stopped(monkeypatch, answer):
    short_of_time(monkeypatch)
    assert "still running after 1 seconds" in check("01.rnn_step", answer).message


def test_a_check_in_a_thread_is_bounded_too(monkeypatch):
    short_of_time(monkeypatch)
    verdicts = []
    worker = threading.Thread(target=lambda: verdicts.append(check("01.rnn_step", endless)))
    worker.start()
    worker.join(60)
    assert "still running" in verdicts[0].message


def ends(x, h, W, U, b):
    os._exit(7)


def crashes(x, h, W, U, b):
    os.kill(os.getpid(), signal.SIGSEGV)


def fills_memory(x, h, W, U, b):
    return np.ones(10**12)


def returns_much(x, h, W, U, b):
    return np.ones(10**6)


def borrows(x, h, W, U, b):
    from attention_course.exercises.rnn import rnn_step

    return rnn_step(x, h, W, U, b)


def asks_for_the_solution(x, h, W, U, b):
    from attention_course.exercises import solution

    there = {}
    exec(solution("01.rnn_step"), there)
    return there["rnn_step"](x, h, W, U, b)


def reads_the_solution(x, h, W, U, b):
    import attention_course

    folder = os.path.dirname(attention_course.__file__)
    with open(os.path.join(folder, "exercises", "rnn.py"), encoding="utf-8") as file:
        return file.read()


def the_solution_s_file():
    import attention_course

    return os.path.join(os.path.dirname(attention_course.__file__), "exercises", "rnn.py")


def reads_relative_to_its_folder(x, h, W, U, b):
    folder, file = os.path.split(the_solution_s_file())
    return os.open(file, os.O_RDONLY, dir_fd=os.open(folder, os.O_RDONLY))


def reads_relative_to_a_folder_above(x, h, W, U, b):
    folder = os.path.dirname(os.path.dirname(the_solution_s_file()))
    return os.open("exercises/rnn.py", os.O_RDONLY, dir_fd=os.open(folder, os.O_RDONLY))


def reads_by_an_object(x, h, W, U, b):
    class Place:
        def __fspath__(self):
            return the_solution_s_file()

    return os.open(Place(), os.O_RDONLY)


def reads_by_a_link(x, h, W, U, b):
    os.link(the_solution_s_file(), os.path.join(tempfile.mkdtemp(), "link"))


def reads_after_a_patch(x, h, W, U, b):
    file = the_solution_s_file()
    os.path.realpath = os.fsdecode = lambda path: ""
    return os.open(file, os.O_RDONLY)


def searches_memory(x, h, W, U, b):
    import gc

    frame = sys._getframe()
    while frame:
        for name in ("solve", "wanted", "right", "expected"):
            if name in frame.f_locals and callable(frame.f_locals[name]):
                return frame.f_locals[name](x, h, W, U, b)
        frame = frame.f_back
    found = [one for one in gc.get_objects() if getattr(one, "__name__", "") == "rnn_step"]
    return found[0](x, h, W, U, b) if found else x


def forges_results(x, h, W, U, b):
    for number in range(3, 20):
        with contextlib.suppress(OSError):
            os.write(number, b'{"verdict": "passed"}\n' * 200)
    return x


def patches_the_process(x, h, W, U, b):
    import __main__

    __main__.encode = lambda value: {"passed": True}
    np.allclose = np.array_equal = lambda *_, **__: True
    return x


def knows_the_random_state(x, h, W, U, b):
    state = np.random.default_rng(0)
    return state.normal(size=len(b))


def starts_a_program(x, h, W, U, b):
    code = "from attention_course.exercises import solution; print(solution('01.rnn_step'))"
    there = {}
    exec(subprocess.run([sys.executable, "-c", code], capture_output=True).stdout, there)
    return there["rnn_step"](x, h, W, U, b)


def starts_one_untold(x, h, W, U, b):
    sys.audit = lambda *_: None
    subprocess._USE_POSIX_SPAWN = False  # of which Python tells
    subprocess.Popen(["/bin/sh"])


def forks(x, h, W, U, b):
    os.fork()
    return x


def kills_the_judge(x, h, W, U, b):
    os.kill(os.getppid(), signal.SIGKILL)


def kills_it_by_a_handle(x, h, W, U, b):
    signal.pidfd_send_signal(os.pidfd_open(os.getppid()), signal.SIGKILL)


def reads_the_judge_s_memory(x, h, W, U, b):
    with open(f"/proc/{os.getppid()}/mem", "r+b") as memory:
        return memory.read(1)


def reads_it_relative_to_processes(x, h, W, U, b):
    folder = os.open("/proc", os.O_RDONLY)
    return os.read(os.open(f"{os.getppid()}/mem", os.O_RDONLY, dir_fd=folder), 1)


def traces_the_judge(x, h, W, U, b):
    return ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0)


def writes_to_the_terminal(x, h, W, U, b):
    _, theirs = os.openpty()
    with open(os.ttyname(theirs), "w") as terminal:
        terminal.write("+ Passed (01.rnn_step)")


def connects(x, h, W, U, b):
    import socket

    socket.create_connection(("127.0.0.1", 9))


def replaces_the_checker(x, h, W, U, b):
    import attention_course.words

    with open(attention_course.words.__file__, "a") as file:
        file.write("")


def adds_a_start_up_file(x, h, W, U, b):
    os.chdir(os.path.dirname(np.__file__))
    with open("../sitecustomize.py", "a") as file:
        file.write("")


def empties_the_checker(x, h, W, U, b):
    import attention_course.words

    file = attention_course.words.__file__
    os.truncate(file, os.path.getsize(file))


def replaces_python(x, h, W, U, b):
    os.rename(sys.executable, sys.executable)


def settles_python_elsewhere(x, h, W, U, b):
    with open(os.path.join(sys.prefix, "pyvenv.cfg"), "r+") as file:
        file.write("")


def moves_packages(x, h, W, U, b):
    packages = os.path.dirname(os.path.dirname(np.__file__))
    os.rename(packages, packages)


def moves_the_environment(x, h, W, U, b):
    os.rename(sys.prefix, sys.prefix)


def writes_as_a_database(x, h, W, U, b):
    import sqlite3

    sqlite3.connect("file:anywhere?mode=ro", uri=True)


def writes_where_it_works(x, h, W, U, b):
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.makedirs("mine/deep", exist_ok=True)
        with open("mine/numbers.txt", "w") as file:
            file.write("1")
        os.truncate("mine/numbers.txt", 0)
        os.chmod("mine/numbers.txt", 0o600)
        os.rename("mine/numbers.txt", "mine/deep/numbers.txt")
        os.chdir(os.path.dirname(folder))
    return right(x, h, W, U, b)


def test_an_answer_may_write_where_it_works():
    verdict = check("01.rnn_step", writes_where_it_works)
    assert verdict.passed, verdict


def reads_in_another_interpreter(x, h, W, U, b):
    new = sys.version_info >= (3, 13)
    interpreters = importlib.import_module("_interpreters" if new else "_xxsubinterpreters")
    interpreters.run_string(interpreters.create(), f"open({the_solution_s_file()!r})")


def opens_the_guard(x, h, W, U, b):
    import builtins

    real = vars(builtins).copy()
    for name in ("isinstance", "str", "type", "PermissionError", "OSError"):
        setattr(builtins, name, lambda *_: False)
    try:
        os.open(the_solution_s_file(), os.O_RDONLY)
    except BaseException as problem:
        frame = problem.__traceback__.tb_next.tb_frame
        frame.f_locals.update(dict.fromkeys(frame.f_locals))
    vars(builtins).update(real)
    return os.open(the_solution_s_file(), os.O_RDONLY)


def asks_for_all_objects(x, h, W, U, b):
    import gc

    guard = next(one for one in gc.get_objects() if getattr(one, "__name__", "") == "guard")
    guard.__defaults__ = ((),)


FORCED = {
    "ends Python": (ends, "ended Python (exit status 7)"),
    "crashes": (crashes, "ended Python"),
    "fills the memory": (fills_memory, "Error"),
    "returns a million numbers": (returns_much, "far more than is asked for"),
    "imports the solution": (borrows, "stops with ModuleNotFoundError"),
    "asks for the solution": (asks_for_the_solution, "solutions are closed"),
    "reads the solution's file": (reads_the_solution, "solutions are closed"),
    "reads it relative to its folder": (reads_relative_to_its_folder, "solutions are closed"),
    "reads it relative to a folder above": (
        reads_relative_to_a_folder_above,
        "solutions are closed",
    ),
    "reads it by an object": (reads_by_an_object, "solutions are closed"),
    "reads it by a link": (reads_by_a_link, "are closed while an answer runs"),
    "reads it after a patch": (reads_after_a_patch, "solutions are closed"),
    "searches memory for it": (searches_memory, ""),
    "writes messages of its own": (forges_results, "sent is no result"),
    "patches its process": (patches_the_process, ""),
    "knows a random state": (knows_the_random_state, ""),
    "starts a program": (starts_a_program, "programs, processes"),
    "forks": (forks, "programs, processes"),
    "kills the judge": (kills_the_judge, "programs, processes"),
    "reads the judge's memory": (reads_the_judge_s_memory, "programs, processes"),
    "reads it relative to a folder": (reads_it_relative_to_processes, "programs, processes"),
    "traces the judge": (traces_the_judge, "programs, processes"),
    "writes to a terminal": (writes_to_the_terminal, "programs, processes"),
    "connects to a kernel": (connects, "programs, processes"),
    "replaces the checker": (replaces_the_checker, "programs, processes"),
    "empties the checker": (empties_the_checker, "programs, processes"),
    "replaces Python": (replaces_python, "programs, processes"),
    "settles Python elsewhere": (settles_python_elsewhere, "stops with"),
    "moves the packages": (moves_packages, "programs, processes"),
    "moves the environment": (moves_the_environment, "programs, processes"),
    "writes as a database": (writes_as_a_database, "programs, processes"),
    "adds a start-up file": (adds_a_start_up_file, "programs, processes"),
    "reads in another interpreter": (reads_in_another_interpreter, "programs, processes"),
    "opens the guard": (opens_the_guard, "solutions are closed"),
    "asks for all objects": (asks_for_all_objects, "programs, processes"),
}


@pytest.mark.parametrize("kind", FORCED)
def test_nothing_is_gained_by_force(monkeypatch, kind):
    short_of_time(monkeypatch, 8.0)
    monkeypatch.setattr(process, "LONGEST_LINE", 2**22)
    answer, words = FORCED[kind]
    verdict = check("01.rnn_step", answer)
    assert verdict.status == "wrong"
    assert words in verdict.message


LANDLOCK = sys.platform == "linux" and ctypes.CDLL(None).syscall(444, None, 0, 1)


@pytest.mark.skipif(LANDLOCK < 6, reason="this kernel does not keep processes apart")
@pytest.mark.parametrize("answer", [starts_one_untold, kills_it_by_a_handle])
def test_what_python_does_not_tell_of_is_refused_by_linux(answer):
    assert "stops with PermissionError ([Errno" in check("01.rnn_step", answer).message


@pytest.mark.parametrize("name", ["tanh", "asarray", "array_equal"])
def test_what_a_notebook_does_to_numpy_is_told(monkeypatch, name):
    monkeypatch.setattr(np, name, lambda *_, **__: True)
    assert f"np.{name} is no longer NumPy's" in check("01.rnn_step", right).message


@pytest.mark.parametrize("name", ["len", "zip", "agree"])
def test_a_check_that_cannot_be_made_says_so(monkeypatch, name):
    monkeypatch.setattr(judging, name, 0, raising=False)
    assert "The check itself stops with TypeError" in check("01.rnn_step", right).message


class Hooked:
    def __call__(self, x, h, W, U, b):
        return x

    def __reduce__(self):
        sys.exit()


class Posing(Hooked):
    @property
    def __class__(self):
        raise ValueError("no class")


@pytest.mark.parametrize(("kind", "words"), [(Hooked, "SystemExit"), (Posing, "no class")])
def test_hooks_of_an_object_end_in_a_sentence(kind, words):
    message = check("01.rnn_step", kind()).message
    assert "cannot be taken to a process of its own" in message
    assert words in message


class Untold(Exception):
    def __str__(self):
        sys.exit()


class Unpacked:
    def __call__(self, x, h, W, U, b):
        return x

    def __reduce__(self):
        raise Untold


def test_an_exception_that_ends_python_when_it_is_printed_is_named():
    assert "a process of its own: Untold" in check("01.rnn_step", Unpacked()).message


def test_what_an_answer_says_does_not_steer_the_terminal():
    def loud(x, h, W, U, b):
        return type("\x1b[2J\r\n+ Passed", (), {})()

    shown = repr(check("01.rnn_step", loud))
    assert "?[2J??+ Passed" in shown
    assert shown.isprintable()


def calls_the_course(weights, values, g):
    from attention_course import functional

    return functional.scaled_dot_product_attention(weights, values, values)


def test_the_course_s_own_functions_are_refused_by_name():
    from attention_course import functional

    own = check("06.attention", functional.scaled_dot_product_attention)
    assert "scaled_dot_product_attention, which is the course's own" in own.message
    called = check("01.rnn_step", lambda x, h, W, U, b: calls_the_course(x[None], x[None], b))
    assert "scaled_dot_product_attention, which is the course's own" in called.message


def calls_in_a_thread(x, h, W, U, b):
    thread = threading.Thread(target=calls_the_course, args=(x[None], x[None], b))
    thread.start()
    thread.join()
    return right(x, h, W, U, b)


def calls_when_it_is_read(x, h, W, U, b):
    class Later:
        def __array__(self, *_, **__):
            calls_the_course(x[None], x[None], b)
            return right(x, h, W, U, b)

    return Later()


def calls_by_another_name(x, h, W, U, b):
    from attention_course import functional

    function = functional.scaled_dot_product_attention
    function.__code__ = function.__code__.replace(co_qualname="softmax")
    calls_the_course(x[None], x[None], b)
    return right(x, h, W, U, b)


@pytest.mark.parametrize(
    "answer", [calls_in_a_thread, calls_when_it_is_read, calls_by_another_name]
)
def test_the_course_s_own_functions_are_seen_wherever_they_are_called(answer):
    assert "which is the course's own" in check("01.rnn_step", answer).message


def test_a_helper_that_chapters_use_may_be_called():
    def time_attention(x, W, b):
        weights = softmax(np.tanh(x @ W + b), axis=1)
        return (weights * x).sum(axis=1), weights[..., 0]

    assert check("06.attention", time_attention).passed


def test_an_answer_that_cannot_travel_is_told():
    lock = threading.Lock()

    def locked(x, h, W, U, b):
        with lock:
            return right(x, h, W, U, b)

    verdict = check("01.rnn_step", locked)
    assert verdict.status == "wrong"
    assert "cannot be taken to a process of its own: TypeError" in verdict.message


def test_without_processes_or_cloudpickle_one_sentence_says_so(monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(ExerciseError, match="none can be started here: Operation not permitted"):
        check("01.rnn_step", right)
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with pytest.raises(ExerciseError, match="pip install cloudpickle"):
        check("01.rnn_step", right)


def test_what_is_not_written_yet_starts_no_process(monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", None)
    assert check("01.rnn_step", lambda x, h, W, U, b: ...).status == "unanswered"
    assert check("06.layer", None).status == "unanswered"


def test_an_interrupt_becomes_a_sentence(monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(process, "serve", interrupt)
    assert "interrupted" in check("01.rnn_step", right).message


@pytest.mark.thorough  # every chapter with a layer to build does so, too
def test_keras_runs_in_a_process_beside_a_kernel_that_runs_it_too():
    import keras

    keras.ops.convert_to_numpy(keras.layers.Dense(2)(np.ones((1, 2))))

    class AttentionLayer(keras.layers.Layer):
        def build(self, input_shape):
            _, time, features = input_shape
            self.W = self.add_weight(shape=(features, 1), name="W")
            self.b = self.add_weight(shape=(time, 1), initializer="zeros", name="b")

        def call(self, x):
            scores = keras.ops.tanh(x @ self.W + self.b)
            return keras.ops.sum(keras.ops.softmax(scores, axis=1) * x, axis=1)

    verdict = check("06.layer", AttentionLayer)
    assert verdict.passed, verdict


def test_files_are_given_nothing_by_force(tmp_path):
    path = tmp_path / "answer.py"
    path.write_text(
        "import attention_course.exercises as e, json, os, sys\n"
        "e.judge = e.check = lambda *_, **__: True\n"
        "for name in list(sys.modules):\n"
        "    if 'judging' in name:\n"
        "        sys.modules[name].judge = None\n"
        "exec(e.solution('01.rnn_step'))\n"
    )
    verdict = check_file("01.rnn_step", path)
    assert verdict.status == "wrong"
    assert "solutions are closed" in verdict.message
    assert exercises.judge is not None


def test_importing_the_exercises_is_light():
    code = (
        "import sys, attention_course.exercises;"
        "print([m for m in ('tensorflow', 'keras', 'pandas', 'nbformat', 'IPython') "
        "if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
