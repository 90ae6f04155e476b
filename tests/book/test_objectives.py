"""Every objective is assessed by a question and an exercise; every broken rule is noticed."""

import json
from pathlib import Path

import pytest

from attention_course.book import normal, objectives, overview, rules

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "chapters").glob("[0-9][0-9]_*.ipynb"))


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_what_a_chapter_promises_is_assessed(path):
    assert objectives.problems(normal.read(path), path.stem) == []


def test_the_overview_lists_what_assesses_each_objective(capsys):
    assert overview.main([CHAPTERS[0].stem]) == 0
    printed = capsys.readouterr().out
    for number, text in objectives.objectives(normal.read(CHAPTERS[0])).items():
        assert f"{number}. {text}" in printed
    for question in objectives.questions(CHAPTERS[0].stem):
        assert question["id"] in printed
    assert overview.main(["99_none"]) == 1
    assert "There is no chapter" in capsys.readouterr().err


def test_what_assesses_the_objectives_of_the_small_chapter(small, root):
    wanted = objectives.objectives(small)
    assert wanted == {1: "count;", 2: "count backwards;", 3: "say when to stop."}
    assert objectives.assessed("07_small", wanted, root) == {
        1: (["choice"], ["07.count"]),
        2: (["choices"], ["07.backwards"]),
        3: (["number"], ["07.count"]),
    }


def replace(notebook, old, new):
    cell = next(cell for cell in notebook.cells if old in cell.source)
    cell.source = cell.source.replace(old, new)


WRONG_LIST = "**You will be able to** must be followed by three to five lines"
MUTANTS = {
    "bullets": (lambda n, q, e: replace(n, "2. ", "- "), WRONG_LIST),
    "two objectives": (lambda n, q, e: replace(n, "3. say", "say"), WRONG_LIST),
    "six objectives": (lambda n, q, e: replace(n, "3. say", "3. a\n4. b\n5. c\n6. d"), WRONG_LIST),
    "numbers out of order": (lambda n, q, e: replace(n, "2. ", "4. "), WRONG_LIST),
    "a question without": (
        lambda n, q, e: q[0].pop("assesses"),
        "question choice does not say which objective it assesses",
    ),
    "an exercise without": (
        lambda n, q, e: e["07.count"].pop("assesses"),
        "exercise 07.count does not say which objective it assesses",
    ),
    "no question": (
        lambda n, q, e: q[1].update(assesses=[1]),
        "no question of its quiz assesses objective 2",
    ),
    "no exercise": (
        lambda n, q, e: e["07.count"].update(assesses=(1,)),
        "no exercise assesses objective 3",
    ),
    "a question for no objective": (
        lambda n, q, e: q[0].update(assesses=[1, 4]),
        "question choice assesses objective 4, which does not exist",
    ),
    "an exercise for no objective": (
        lambda n, q, e: e["07.backwards"].update(assesses=(2, 9)),
        "exercise 07.backwards assesses objective 9, which does not exist",
    ),
    "an exercise that nobody meets": (
        lambda n, q, e: replace(n, 'check("07.count"', 'hint("07.count"'),
        'no cell has check("07.count", …)',
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_promise_that_is_not_kept_is_noticed(name, small, root, questions, exercises):
    mutate, sentence = MUTANTS[name]
    mutate(small, questions, exercises)
    (root / "quizzes" / "07_small.json").write_text(json.dumps(questions))
    found = rules.problems(normal.normalise(small, "07_small"), "07_small", root)
    assert any(one.startswith(sentence) for one in found), found
