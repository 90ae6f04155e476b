"""Answers that were once judged wrongly, kept outside of the repository: each fares as it should.

The kinds that they stand for are in the other tests, as mutants made here; where the folder is
absent nothing is missed but the samples themselves.
"""

import linecache
import re
from pathlib import Path

import pytest
from proof import examine

from attention_course.exercises import EXERCISES
from attention_course.exercises.files import cells, check_file

CASES = Path(__file__).parents[3] / "shared" / "cases" / "checkers"
FILES = sorted(CASES.glob("*/*.py"))
# The first word of a case's name says how it ought to end, except where it may go either way.
ENDS = {"accepted": "wrong", "message": "wrong", "refused": "passed"}
OTHERWISE = {
    # Every model alike is a habit of many books, and nothing that it computes is wrong.
    "06.rnn/accepted_same_weights_for_every_model": "passed",
    # A dictionary's values are no sequence: they cannot be indexed. The sentence says what to do.
    "03.luong/refused_dictionary_in_order": "wrong",
    # Complex numbers would go on into all that follows; the sentence says `.real`.
    "04.attention/refused_complex_with_zero_imaginary_part": "wrong",
}


@pytest.mark.thorough
@pytest.mark.skipif(not FILES, reason="the samples are not beside this checkout")
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_case(path, monkeypatch):
    name = path.parent.name
    text = path.read_text(encoding="utf-8-sig")
    if "# RUN: child" in text or "time.sleep" in text:
        verdict = check_file(name, path)
    else:
        ((label, code),) = cells(path, "")
        answer = {"__name__": "answer"}
        entry = (len(code), None, code.splitlines(keepends=True), label)
        monkeypatch.setitem(linecache.cache, label, entry)
        exec(compile(code, label, "exec", dont_inherit=True), answer)
        verdict = examine(name, answer[EXERCISES[name].called])
    kind = path.stem.partition("_")[0]
    should = re.search("# SHOULD: (.*)", text).group(1)
    assert verdict.status == OTHERWISE.get(f"{name}/{path.stem}", ENDS[kind]), (
        f"{should}: {verdict}"
    )
    assert "\x1b" not in verdict.message
