"""Use every quiz and interactive figure of an executed notebook as Colab shows it.

Usage: python use_outputs.py NOTEBOOK. Prints a JSON object: how many figures and quizzes were
used, and a list of problems.

Colab puts the output of each cell into a frame of its own: another origin than the notebook, no
style sheet of the book, no MathJax. Here it is a sandboxed frame that may run scripts and nothing
else, in a browser without a network.
"""

import html
import json
import sys
from pathlib import Path

import nbformat
from playwright.sync_api import Error, Frame, Page, sync_playwright

sys.path.append(str(Path(__file__).resolve().parents[1] / "browser"))
from chromium import FLAGS, find_chromium

PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Outputs</title>'
    '<link rel="icon" href="data:,"></head><body>{}</body></html>'
)
FRAME = '<iframe sandbox="allow-scripts" width="900" height="700" srcdoc="{}"></iframe>'
FIGURE = ".ac-interactive"
QUIZ = ".Quiz"
SECONDS = 20


def interactive_outputs(notebook: Path) -> list[str]:
    """Return the HTML of every cell that holds a quiz or an interactive figure."""
    found = []
    for cell in nbformat.read(notebook, as_version=4).cells:
        parts = [output.get("data", {}).get("text/html", "") for output in cell.get("outputs", [])]
        page = "\n".join("".join(part) for part in parts)
        if 'class="ac-interactive"' in page or "ac-quiz" in page:
            found.append(page)
    return found


def use_figure(frame: Frame) -> list[str]:
    """Move every control of the figures in a frame; return what did not work."""
    problems = []
    for figure in frame.locator(FIGURE).all():
        name = figure.get_attribute("data-figure")
        if figure.locator(".ac-live").count() != 1:
            problems.append(f"{name}: {figure.locator('.ac-note').inner_text()}")
            continue
        for slider in figure.locator("input[type=range]").all():
            slider.press("ArrowRight")
        for box in figure.locator("input[type=checkbox]").all():
            box.click()
        for choice in figure.locator("select").all():
            choice.select_option(index=choice.locator("option").count() - 1)
        # Elements, not places in a list: the button that starts a model goes when it has done so.
        for button in figure.locator("button", has_not_text="Reset").element_handles():
            if button.is_visible() and button.is_enabled():
                button.click()
        for text in figure.locator("textarea").all():
            text.fill("A <b>film</b> that nobody forgets.")
            figure.locator(".ac-sentence", has_text="The model says").wait_for()
        frame.wait_for_timeout(500)
        if not figure.locator(".ac-sentence").inner_text().strip():
            problems.append(f"{name}: no sentence says what is seen")
        figure.get_by_role("button", name="Reset").click()
        frame.wait_for_timeout(500)
        if not any(
            text.startswith("Reset. ")
            for text in figure.locator("[role=status]").all_text_contents()
        ):
            problems.append(f"{name}: the reset is not announced")
    return problems


def use_quiz(frame: Frame) -> list[str]:
    """Answer every question of the quiz in a frame; return what did not work."""
    problems = []
    for question in frame.locator(QUIZ).all():
        number = question.locator(".Input-text")
        if number.count():
            number.fill("12345")
            question.locator(".ac-check").click()
        else:
            for box in question.locator("label.MCButton input").all():
                box.click()
        said = question.locator(".Feedback").inner_text()
        if not said.startswith(("Right:", "Not right:")):
            problems.append(f"{question.get_attribute('data-question')}: no verdict, but {said!r}")
        for again in question.locator(".ac-again").all():
            again.click(timeout=1000 * SECONDS)
            if question.locator("input:checked").count():
                problems.append(f"{question.get_attribute('data-question')}: cannot be begun again")
    return problems


def use(page: Page, outputs: list[str], folder: Path) -> list[str]:
    """Show each output in a frame, use it, and return what went wrong."""
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(f"error: {error}"))
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    page.on("requestfailed", lambda request: problems.append(f"asked for {request.url}"))
    for output in outputs:
        document = PAGE.format(FRAME.format(html.escape(PAGE.format(output))))
        path = folder / "frame.html"
        path.write_text(document, encoding="utf-8")
        try:
            page.goto(path.as_uri())
            frame = page.frames[-1]
            frame.wait_for_selector(f".ac-live, .ac-note, {QUIZ}", timeout=1000 * SECONDS)
            problems += use_figure(frame)
            problems += use_quiz(frame)
        except Error as error:
            problems.append(str(error).splitlines()[0])
    return problems


def main(notebook: Path) -> None:
    """Use the outputs of one notebook and print the report."""
    outputs = interactive_outputs(notebook)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))
        problems = use(browser.new_page(), outputs, notebook.parent)
        browser.close()
    figures = sum(output.count('class="ac-interactive"') for output in outputs)
    quizzes = sum("ac-quiz" in output for output in outputs)
    print(json.dumps({"figures": figures, "quizzes": quizzes, "problems": problems}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
