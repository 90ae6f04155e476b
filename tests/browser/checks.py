"""What a page of the book must not do. Every check returns sentences, none when all is well."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import (
        BrowserContext,
        ConsoleMessage,
        Page,
        Request,
        Response,
        WebError,
    )

# --- when a page is ready ------------------------------------------------------------------

# Formulas, quizzes and interactive figures are in place.
READY = """async () => {
  if (document.querySelector('script[src*="/mathjax/"]')) {
    if (!("promise" in (window.MathJax?.startup ?? {}))) return false;
    await window.MathJax.startup.promise;
  }
  const started = (figure) =>
    figure.querySelector(".ac-live") || /could not start/.test(figure.textContent);
  return [...document.querySelectorAll("[id^=quiz_]")].every(
    (quiz) => quiz.querySelector(".Quiz") && !quiz.querySelector(".QuizNote"))
    && [...document.querySelectorAll(".ac-interactive")].every(started);
}"""


# --- what happens behind a page ------------------------------------------------------------


class Watch:
    """Listens to all pages of a context, from before they are loaded.

    Args:
        context: a fresh context of the browser.
        base: the address under which everything the pages need must be found.
    """

    def __init__(self, context: BrowserContext, base: str) -> None:
        self.context = context
        self.own = (base, "data:", "blob:", "about:")
        self.requested: list[str] = []
        self.failed: list[str] = []
        self.said: list[str] = []
        self.raised: list[str] = []
        context.on("request", self._request)
        context.on("requestfailed", self._requestfailed)
        context.on("response", self._response)
        context.on("console", self._console)
        context.on("weberror", self._weberror)
        context.on("page", lambda page: page.on("websocket", self._request))

    def _request(self, request: Request) -> None:
        self.requested.append(request.url)

    def _requestfailed(self, request: Request) -> None:
        self.failed.append(f"{request.url} ({request.failure})")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.failed.append(f"{response.url} ({response.status})")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            self.said.append(f"{message.type}: {message.text}")

    def _weberror(self, error: WebError) -> None:
        self.raised.append(str(error.error).splitlines()[0])

    def settle(self) -> None:
        """Let the messages that are under way arrive."""
        for page in self.context.pages:
            page.evaluate("0")  # which also works where scripts are off

    def problems(self) -> list[str]:
        """Everything that went wrong until now."""
        self.settle()
        found = outside_requests(self) + failed_requests(self)
        found += console_messages(self) + page_errors(self)
        for page in self.context.pages:
            found += outside_addresses(page)
        return found


def outside_requests(watch: Watch) -> list[str]:
    """Requests to any other place than the book."""
    strange = [url for url in watch.requested if not url.startswith(watch.own)]
    return [f"asks for {url[:120]}" for url in dict.fromkeys(strange)]


def failed_requests(watch: Watch) -> list[str]:
    """Requests without a good answer."""
    return [f"does not get {failure[:160]}" for failure in dict.fromkeys(watch.failed)]


def console_messages(watch: Watch) -> list[str]:
    """Errors and warnings in the console."""
    return [f"logs {text[:240]}" for text in dict.fromkeys(watch.said)]


def page_errors(watch: Watch) -> list[str]:
    """Exceptions that nobody caught."""
    return [f"raises {text[:240]}" for text in dict.fromkeys(watch.raised)]


# --- what is in a page ---------------------------------------------------------------------

_QUESTIONS = (Path(__file__).parent / "checks.js").read_text(encoding="utf-8")


def _ask(page: Page, question: str) -> list[str]:
    return page.evaluate(f"() => {_QUESTIONS.strip()}().{question}()")


def outside_addresses(page: Page) -> list[str]:
    """Connections to another server that the page prepares, and frames from there."""
    return _ask(page, "outsideAddresses")


def overflow(page: Page) -> list[str]:
    """Elements that reach out of the window at its present width and have no box that scrolls."""
    return _ask(page, "overflow")


def raw_tex(page: Page) -> list[str]:
    """TeX that a reader sees or hears, outside code."""
    return _ask(page, "rawTex")


def unrendered_maths(page: Page) -> list[str]:
    """Formulas that MathJax has left alone or could not read."""
    return _ask(page, "unrenderedMaths")


def undescribed_images(page: Page) -> list[str]:
    """Pictures without words, with a file name for words, or with too few of them."""
    return _ask(page, "undescribedImages")


def faint_drawings(page: Page) -> list[str]:
    """Lines with a contrast below 3 and text below 4.5 in drawings, which axe does not look at."""
    return _ask(page, "faintDrawings")


def faint_bars(page: Page) -> list[str]:
    """Bars of interactive figures with a contrast below 3 to what is behind them."""
    return _ask(page, "faintBars")


def faint_focus(page: Page) -> list[str]:
    """What has the focus without a ring of 2 px or more that has a contrast of at least 3."""
    return _ask(page, "faintFocus")


def light_boxes(page: Page) -> list[str]:
    """What is light on a page that should be dark: the page, boxes, large shapes."""
    return _ask(page, "lightBoxes")


def still_figures(page: Page) -> list[str]:
    """Interactive figures whose script has not put the live figure in place."""
    return _ask(page, "stillFigures")


def movements(page: Page) -> list[str]:
    """Transitions and animations; there must be none for a reader who has asked for none."""
    return _ask(page, "movements")


# --- accessibility -------------------------------------------------------------------------

_AXE = Path(__file__).parent / "vendor" / "axe.min.js"
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
# Roles of what a reader operates, and of what holds controls together and needs a name for it.
NEED_A_NAME = frozenset(
    {
        *("button", "checkbox", "combobox", "link", "listbox", "menuitem", "menuitemcheckbox"),
        *("menuitemradio", "option", "radio", "searchbox", "slider", "spinbutton", "switch"),
        *("tab", "textbox", "treeitem", "dialog", "group", "radiogroup"),
    }
)


# A chapter is ten thousand elements, most of them parts of formulas and coloured words of code,
# and axe takes a second for every two thousand. So what looks alike is looked at once. Two pieces
# of text look alike when colour, size and weight are the same, and what every element around them
# puts behind them; the first, the middle and the last of each look are kept, and what else is
# in a formula or in code is put aside while axe works. A formula keeps its place and its size. So
# does a drawing, at which axe does not look anyway; its title stays. Where only a part of the page
# is asked about, the paragraphs, tables and outputs that have nothing to do with it go too.
_THINNED = """(selector) => {
  const around = new Map();
  const layers = (element) => {
    if (!element) return "";
    if (!around.has(element)) {
      const style = getComputedStyle(element);
      const own = [style.backgroundColor, style.backgroundImage, style.opacity, style.position,
        style.zIndex, style.filter, style.mixBlendMode, style.clipPath].join(" ");
      // A plain box adds nothing; any other one counts each time, since opacities multiply.
      const plain = own === "rgba(0, 0, 0, 0) none 1 static auto none normal none";
      around.set(element, layers(element.parentElement) + (plain ? "" : `${own};`));
    }
    return around.get(element);
  };
  const seen = (element) => {
    const place = element.getBoundingClientRect();
    return place.width > 1 && place.height > 1
      && element.checkVisibility({visibilityProperty: true, opacityProperty: true});
  };
  const found = new Map();
  const add = (element) => {
    const style = getComputedStyle(element);
    const look = [style.color, style.fontSize, style.fontWeight, style.textShadow,
      layers(element), element.matches(":disabled, [aria-disabled=true]")].join("|");
    if (!found.has(look)) found.set(look, new Set());
    found.get(look).add(element);
  };
  for (const part of document.querySelectorAll(selector || "html")) {
    const words = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
    while (words.nextNode()) {
      const element = words.currentNode.parentElement;
      const drawn = element.closest("svg");
      if (words.currentNode.data.trim() && !drawn && seen(element)) add(element);
    }
    [...part.querySelectorAll("input, select, textarea")].filter(seen).forEach(add);
  }
  const chosen = [...found.values()].flatMap((alike) => {
    const all = [...alike];
    return [...new Set([all[0], all[all.length >> 1], all.at(-1)])];
  });

  const aside = [];
  const needed = (node) => chosen.some((element) => node.contains(element));
  const replace = (box, children) => {
    aside.push([box, [...box.childNodes], box.getAttribute("style")]);
    box.replaceChildren(...children);
  };
  const formulas = [...document.querySelectorAll("mjx-container")].filter((box) => !needed(box));
  const sizes = formulas.map((box) => {
    const { width, height } = box.getBoundingClientRect();
    return [Math.max(width, box.scrollWidth), height]; // a long one reaches out of its box
  });
  formulas.forEach((box, place) => {
    const [width, height] = sizes[place];
    replace(box, []);
    box.style.cssText += `display: inline-block; width: ${width}px; height: ${height}px`;
  });
  for (const drawing of document.querySelectorAll("svg[role=img]")) {
    replace(drawing, [...drawing.children].filter((part) => /^(title|desc)$/.test(part.localName)));
  }
  const asked = selector ? [...document.querySelectorAll(selector)] : [];
  const apart = (block) => !asked.some((part) => part.contains(block) || block.contains(part));
  for (const block of asked.length ? document.querySelectorAll("article section > *") : []) {
    if (!/^(section|h\\d)$/.test(block.localName) && apart(block)) replace(block, []);
  }
  for (const code of document.querySelectorAll("pre")) {
    replace(code, [...code.childNodes].map((node) =>
      node.nodeType !== 1 || needed(node) ? node : document.createTextNode(node.textContent)));
  }
  chosen.forEach((element) => element.setAttribute("data-course-look", ""));
  window.coursePutBack = () => {
    chosen.forEach((element) => element.removeAttribute("data-course-look"));
    for (const [box, children, style] of aside.reverse()) {
      box.replaceChildren(...children);
      if (style === null) box.removeAttribute("style");
      else box.setAttribute("style", style);
    }
    delete window.coursePutBack;
  };
}"""
_RUN_AXE = """async ([selector, tags, thin, coloursOnly]) => {
  const sample = thin ? "[data-course-look]" : "";
  axe.configure({rules: [
    {id: "color-contrast", selector: sample || "*"},
    // With all rules, no link is left to the samples.
    {id: "link-in-text-block", selector: `a[href]${coloursOnly ? sample : ""}`},
  ]});
  const results = await axe.run({include: [...document.querySelectorAll(selector || "html")]}, {
    runOnly: coloursOnly ? {type: "rule", values: ["color-contrast", "link-in-text-block"]}
      : {type: "tag", values: tags},
    resultTypes: ["violations"],
    // Preloading would ask for every style sheet again, which a page opened from a file may not.
    preload: false,
  });
  return results.violations;
}"""


@contextlib.contextmanager
def thinned(page: Page, context: str | None = None) -> Iterator[None]:
    """Put aside what looks alike in formulas and code, and mark the texts that are the samples.

    Args:
        page: an opened page.
        context: a CSS selector, to choose samples from parts of the page only.
    """
    page.evaluate(_THINNED, context)
    try:
        yield
    finally:
        page.evaluate("window.coursePutBack()")


def axe_problems(
    page: Page, context: str | None = None, *, thin: bool = True, colours_only: bool = False
) -> list[str]:
    """What axe finds on what is visible: rule, place and reason in one line each.

    Args:
        page: an opened page.
        context: a CSS selector, to look at parts of the page only.
        thin: of formulas and code that look alike, look at samples only.
        colours_only: leave out the rules that do not depend on colours.
    """
    with thinned(page, context) if thin else contextlib.nullcontext():
        return _run_axe(page, context, thin, colours_only)


def _run_axe(page: Page, context: str | None, thin: bool, colours_only: bool) -> list[str]:
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(_AXE.read_text(encoding="utf-8"))
    # Two frames, for what a figure does once it knows how wide it is.
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    violations = page.evaluate(_RUN_AXE, [context, list(TAGS), thin, colours_only])
    return [
        f"axe {violation['id']}: {_target(node)}: {_summary(node)}"
        for violation in violations
        for node in violation["nodes"]
    ]


def _target(node: dict[str, Any]) -> str:
    return " ".join(part if isinstance(part, str) else " ".join(part) for part in node["target"])


def _summary(node: dict[str, Any]) -> str:
    lines = (node.get("failureSummary") or "").splitlines()
    return " ".join(line.strip() for line in lines[1:])[:200]


def accessibility_tree(page: Page) -> list[dict[str, Any]]:
    """What a screen reader gets: the nodes of Chromium's accessibility tree, hidden ones left out.

    Returns:
        One dictionary a node: ``role``, ``name``, and ``properties`` (name -> value).
    """
    session = page.context.new_cdp_session(page)
    try:
        nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    finally:
        session.detach()
    return [
        {
            "role": node.get("role", {}).get("value", ""),
            "name": node.get("name", {}).get("value", "").strip(),
            "properties": {
                item["name"]: item["value"].get("value") for item in node.get("properties", [])
            },
            "id": node.get("backendDOMNodeId"),
        }
        for node in nodes
        if not node.get("ignored")
    ]


def unnamed_controls(page: Page) -> list[str]:
    """Controls and groups for which a screen reader has no name with a letter or digit in it."""
    found = []
    session = page.context.new_cdp_session(page)
    try:
        for node in accessibility_tree(page):
            if node["role"] not in NEED_A_NAME or any(map(str.isalnum, node["name"])):
                continue
            html = session.send("DOM.getOuterHTML", {"backendNodeId": node["id"]})["outerHTML"]
            # Chromium calls it a group; its summary, a control of its own, says what it holds.
            if not html.startswith("<details"):
                start = " ".join(html.split())[:100]
                found.append(f"a {node['role']} is called {node['name']!r}: {start}")
    finally:
        session.detach()
    return found


# Notes which live regions are there before something happens, and what changes in them.
_LISTEN = """() => {
  const live = "[role=status], [role=alert], [role=log], [aria-live=polite], "
    + "[aria-live=assertive], output";
  const known = new Set(document.querySelectorAll(live));
  window.courseAnnounced = [];
  window.courseListener = new MutationObserver((changes) => {
    for (const change of changes) {
      const start = change.target.nodeType === 1 ? change.target : change.target.parentElement;
      const region = start && start.closest(live);
      // A region that arrives together with its text is not read out reliably.
      if (region && known.has(region) && region.checkVisibility({visibilityProperty: true})
          && !region.closest("[aria-hidden=true], [aria-busy=true], [aria-live=off], [inert]")) {
        window.courseAnnounced.push(region.textContent.trim().replace(/\\s+/g, " "));
      }
    }
  });
  window.courseListener.observe(document.body,
    {subtree: true, childList: true, characterData: true});
}"""
_HEARD = """() => {
  const heard = [...new Set(window.courseAnnounced.filter(Boolean))];
  window.courseListener.disconnect();
  delete window.courseListener;
  delete window.courseAnnounced;
  return heard;
}"""


def announced(page: Page, act: Callable[[], object], wait: int = 0) -> list[str]:
    """What a screen reader says while something is done: new texts of existing live regions.

    Args:
        page: an opened page.
        act: does something in the page.
        wait: milliseconds after which an announcement still belongs to it.
    """
    page.evaluate(_LISTEN)
    act()
    page.evaluate("(wait) => new Promise((resolve) => setTimeout(resolve, wait))", wait)
    return page.evaluate(_HEARD)


# --- all together --------------------------------------------------------------------------


def open_everything(page: Page) -> None:
    """Open what is folded (hints, solutions, hidden cells), and let the page see to it."""
    page.evaluate(
        """async () => {
          document.querySelectorAll("details").forEach((box) => { box.open = true; });
          // Menus above the page lie over it, and are looked at by themselves.
          document.querySelectorAll("details.header-menu").forEach((box) => { box.open = false; });
          await new Promise((resolve) => setTimeout(resolve, 400));
        }"""
    )


def page_problems(page: Page, *, colours_only: bool = False, names: bool = True) -> list[str]:
    """Everything that is wrong with a page as it stands.

    Args:
        page: an opened page.
        colours_only: leave out what takes long and does not depend on colours: most rules of axe.
        names: look for controls without a name, which takes long too.
    """
    found = overflow(page) + raw_tex(page) + unrendered_maths(page) + undescribed_images(page)
    found += faint_drawings(page) + faint_bars(page) + still_figures(page)
    if page.evaluate("document.documentElement.dataset.theme") == "dark":
        found += light_boxes(page)
    found += axe_problems(page, colours_only=colours_only)
    return found + unnamed_controls(page) if names else found


def come_back(page: Page, address: str | None = None) -> None:
    """Load the page again, or another one, with the progress that the browser has stored.

    Chromium hands what is stored from process to process. A page that is loaded at once may
    overtake it, which no reader does, so it is loaded until the text is there.
    """
    stored = "localStorage.getItem('attention-course')"
    wanted = page.evaluate(stored)
    for _ in range(10):
        page.goto(address) if address else page.reload()
        if page.evaluate(stored) == wanted:
            return
    raise AssertionError(f"{page.url} never saw what was stored: {wanted}")


def show(page: Page, scheme: str, width: int) -> None:
    """Let a page be seen light or dark, in a window of so many pixels."""
    page.emulate_media(color_scheme=scheme)
    page.wait_for_function(
        "(scheme) => document.documentElement.dataset.theme === scheme", arg=scheme
    )
    page.set_viewport_size({"width": width, "height": 900})


def in_two_looks(page: Page) -> Iterator[tuple[str, int]]:
    """Show a page light and wide, then dark and narrow; gives scheme and width."""
    for scheme, width in (("light", 1280), ("dark", 360)):
        show(page, scheme, width)
        yield scheme, width
