"""The environment of a run: the one place that says under which settings the course computes.

Chapters, tests and benchmarks run under :func:`settle`, so that their numbers and pages repeat
whatever the reader has set up. A command in the reader's own shell takes ``TENSORFLOW`` only, and
only where the reader has set nothing else.
"""

import atexit
import functools
import os
import platform
import shutil
import tempfile
from collections.abc import MutableMapping, Sequence
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: Set while the chapters are executed for the book, and not in a reader's own session: an output
#: may then rely on files that the book brings along (``interactive/review.py``).
BOOK_VARIABLE = "ATTENTION_COURSE_BOOK"
#: Names a file in which each kernel writes its folder when it starts, so that tests can count.
EXECUTIONS_VARIABLE = "ATTENTION_COURSE_EXECUTIONS"

#: What decides numbers. With oneDNN they depend on the processor's kind and do not repeat those
#: on the cards.
TENSORFLOW = {
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
}
#: What every execution of a chapter runs under.
SETTINGS = {
    **TENSORFLOW,
    BOOK_VARIABLE: "1",
    "CUDA_VISIBLE_DEVICES": "-1",
    # The kernel of the environment that builds, before one of the same name in the reader's home.
    "JUPYTER_PREFER_ENV_PATH": "1",
    # Small matrices: threads that wait for each other cost more than they bring.
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
}
#: Variables that begin so are the reader's own settings of what a chapter runs on.
_READERS = ("IPYTHON", "KERAS_", "MATPLOTLIB", "MPL", "OMP_", "PYTHON", "TF_", "XLA_")
#: These say where packages and caches are, which is the machine's business.
_KEPT = {
    *("MPLCONFIGDIR", "PYTHONHOME", "PYTHONNOUSERSITE", "PYTHONPYCACHEPREFIX", "PYTHONUSERBASE"),
}
# An IPython of the course's own. What compiled libraries write to stderr is not captured:
# ipykernel may trip over it while a chapter's process ends.
_KERNEL_CONFIGURATION = f"""\
import os
c = get_config()
c.HistoryManager.enabled = False
c.IPKernelApp.capture_fd_output = False
if log := os.environ.get("{EXECUTIONS_VARIABLE}"):
    with open(log, "a", encoding="utf-8") as file:
        print(os.getcwd(), file=file)
"""


def settle(environ: MutableMapping[str, str] = os.environ) -> None:
    """Give an environment the course's settings in place of the reader's.

    Settings of Python, IPython, Keras, TensorFlow and Matplotlib are removed, in variables as in
    files of the reader's home (``keras.json``, ``matplotlibrc``, profiles of IPython). Byte code
    is allowed again: without it TensorFlow takes more than twice as long to import. The package
    that is imported is this one.

    Args:
        environ: what a process that executes chapters will start with.
    """
    others = [path for path in environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    for name in [name for name in environ if name.startswith(_READERS) and name not in _KEPT]:
        del environ[name]
    folder = _settings_folder()
    environ.update(
        SETTINGS,
        IPYTHONDIR=str(folder / "ipython"),
        KERAS_HOME=str(folder / "keras"),
        MATPLOTLIBRC=str(folder / "matplotlibrc"),
        PYTHONPATH=os.pathsep.join(dict.fromkeys([str(ROOT), *others])),
    )


def versions(packages: Sequence[str] = ("keras", "tensorflow", "numpy")) -> dict[str, str]:
    """Return the versions that a card or a record names: Python's and those of ``packages``."""
    return {"python": platform.python_version()} | {
        name: metadata.version(name) for name in packages
    }


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@functools.cache
def _settings_folder() -> Path:
    """A folder with files of settings, removed when this process ends."""
    folder = Path(tempfile.mkdtemp(prefix="attention-course-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    profile = folder / "ipython" / "profile_default"
    profile.mkdir(parents=True)
    (profile / "ipython_kernel_config.py").write_text(_KERNEL_CONFIGURATION, encoding="utf-8")
    (folder / "keras").mkdir()
    (folder / "matplotlibrc").touch()
    return folder
