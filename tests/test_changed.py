"""Which tests ``make check`` runs."""

import pytest
from changed import ROOT, changed_files, concerned


@pytest.mark.parametrize(
    ("changed", "tests"),
    [
        ([], []),
        (["attention_course/layers/attention.py"], ["tests/layers"]),
        (["attention_course/assets.py"], ["tests/test_assets.py"]),
        (["attention_course/interactive/lags.js"], ["tests/interactive"]),
        (
            ["chapters/01_rnn_recap.ipynb"],
            ["chapters/01_rnn_recap.ipynb", "tests/chapters/test_01_rnn_recap.py"],
        ),
        (
            ["quizzes/01_rnn_recap.json"],
            ["chapters/01_rnn_recap.ipynb", "tests/chapters/test_01_rnn_recap.py", "tests/display"],
        ),
        (["tests/layers/test_layers.py"], ["tests/layers/test_layers.py"]),
        (["tests/layers/test_layers.py", "attention_course/layers/ngram.py"], ["tests/layers"]),
        (["tests/book/conftest.py"], ["tests/book"]),
        (["theme/course.css", "glossary.md", "_config.yml"], ["tests/book"]),
        (["models/lstm.json"], ["tests/models"]),
        (["optional/ngrams.md"], ["tests/book"]),
        (["tests/samples.py", "LICENSE", "attention_course/no_such_room/x.py"], []),
    ],
)
def test_a_change_concerns_its_room(changed, tests):
    assert concerned(changed) == tests


def test_every_room_of_the_package_has_tests_that_a_change_in_it_runs():
    rooms = {path.parent.name for path in (ROOT / "attention_course").glob("*/__init__.py")}
    for room in rooms:
        assert concerned([f"attention_course/{room}/x.py"]) == [f"tests/{room}"]


def test_git_is_asked_for_files_of_this_checkout():
    for name in changed_files():
        assert not name.startswith("/")
