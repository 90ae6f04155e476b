"""Every page of the book as a reader meets it: light and dark, wide and narrow, without a network."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import checks

ROOT = Path(__file__).resolve().parents[2]


def pages() -> list[str]:
    """Every page of the book: the front page, the table of contents, and the search."""
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    listed = [page["file"] for part in contents["parts"] for page in part["chapters"]]
    return [contents["root"], *listed, "search"]


PAGES = pages()
CHAPTERS = [name for name in PAGES if name.startswith("chapters/")]


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_in_order(open_page, name, scheme, width):
    page = open_page(name, scheme=scheme, width=width)
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    checks.open_everything(page)
    assert checks.page_problems(page) == []
