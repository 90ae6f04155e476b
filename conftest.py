"""Settings of every test run, also of one in which only a chapter is named.

A chapter is run by nbval, which compares what its cells give with what is stored. At the end of a
run, no chapter may have been executed twice.
"""

import os
import tempfile
from pathlib import Path

import pytest

from attention_course import environment

ROOT = Path(__file__).parent
CHAPTERS = ROOT / "chapters"

# Before any test imports TensorFlow, which reads these settings once.
environment.settle()


def pytest_configure(config: pytest.Config) -> None:
    """Have nbval run every notebook that is named, in the tests' own environment."""
    config.option.nbval = config.option.nbval_current_env = True
    config.option.nbval_sanitize_with = str(ROOT / "tests" / "nbval_sanitize.cfg")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Executions(), "executions")


class Executions:
    """Counts, for all processes of a run together, how often a kernel starts in ``chapters/``."""

    def __init__(self) -> None:
        self.compared: set[str] = set()
        handle, name = tempfile.mkstemp(prefix="attention-course-executions-")
        os.close(handle)
        self.log = Path(name)
        os.environ[environment.EXECUTIONS_VARIABLE] = name

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note which chapters were run."""
        name = report.nodeid.partition("::")[0]
        if report.when == "call" and name.endswith(".ipynb"):
            self.compared.add(name)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Compare the number of kernels with the number of chapters."""
        folders = self.log.read_text(encoding="utf-8").splitlines()
        self.log.unlink()
        started = folders.count(str(CHAPTERS))
        if session.exitstatus == pytest.ExitCode.OK and started != len(self.compared):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
            print(f"\n{started} executions of {len(self.compared)} chapters: one is enough of each")
