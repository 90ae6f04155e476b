"""The complete course in the pseudo-language: executed, opened, and its quizzes answered."""

from __future__ import annotations

import os
import re
from pathlib import Path

import nbformat
import pseudo
import pytest
import yaml

from attention_course.interactive.decoding_step import WORDS
from attention_course.interactive.review import EXAMPLES
from attention_course.interactive.translation import load_translations

ROOT = Path(__file__).resolve().parents[2]
PARTS = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))["parts"]
PAGES = ["index", "search", *(page["file"] for part in PARTS for page in part["chapters"])]

pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages in the pseudo-language stand for those in English."""
    folder = tmp_path_factory.getbasetemp()
    return pseudo.course_site(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder)


def words_of_code(name: str) -> set[str]:
    """What a chapter's code names may stand in its figures, and so may the figures' examples."""
    path = ROOT / f"{name}.ipynb"
    cells = nbformat.read(path, as_version=4).cells if path.is_file() else []
    code = " ".join(cell.source for cell in cells if cell.cell_type == "code")
    examples = [*EXAMPLES, *(WORDS if "show_decoding_step" in code else ())]
    if "show_translation" in code:
        for one in load_translations()["sentences"]:
            written = (row for each in one["translations"].values() for row in each["likeliest"])
            examples += [*one["source"], *(word for row in written for word, _ in row)]
    return {"start", *re.findall(r"[a-z]{2,}", " ".join([code, *examples]).lower())}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_the_course(open_page, site, name):
    content = words_of_code(name)
    written = (site / f"{name}.html").read_text(encoding="utf-8")
    assert pseudo.left_in_chapter(written, content) == []
    page = open_page(name)
    assert pseudo.left_in_chapter(page.content(), content) == []
    for right in ("false", "true"):
        for label in page.locator(f"label[data-correct={right}]").all():
            label.click()
        for box in page.locator(".Input-text").all():
            box.fill("-98765" if right == "true" else "x")
            box.press("Enter")
        assert pseudo.left_in_chapter(page.content(), content) == []
    for button in page.locator(".reading-progress > button").all():
        button.click()
        assert pseudo.left_in_chapter(page.content(), content) == []


def test_the_check_can_fail(site):
    html = (site / "chapters" / "01_rnn_recap.html").read_text(encoding="utf-8")
    for english in ('<p class="ac-keys">By keyboard</p>', '<p class="reading-time">One two</p>'):
        changed = html.replace("</article>", f"{english}</article>")
        assert pseudo.left_in_chapter(changed, set()) != pseudo.left_in_chapter(html, set())
