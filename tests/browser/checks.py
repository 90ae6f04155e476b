"""What a page of the book must not do. Every check returns sentences, none when all is well."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import (
        BrowserContext,
        ConsoleMessage,
        Page,
        Request,
        Response,
        WebError,
    )

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
            page.evaluate("new Promise((resolve) => setTimeout(resolve, 0))")

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

# A connection that is opened before anything is asked for is no request, but it tells a server.
_OUTSIDE = """() => [...document.querySelectorAll(
  "link[rel~=preconnect], link[rel~=dns-prefetch], link[rel~=prefetch], iframe[src]")]
  .map((element) => element.href || element.src)
  .filter((address) => /^(https?:)?\\/\\//.test(address)
    && new URL(address).host !== location.host)"""


def outside_addresses(page: Page) -> list[str]:
    """Connections to another server that the page prepares, and frames from there."""
    return [f"prepares a connection to {address[:120]}" for address in page.evaluate(_OUTSIDE)]
