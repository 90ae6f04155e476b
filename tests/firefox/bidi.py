"""Firefox, driven by WebDriver BiDi, which it speaks: https://w3c.github.io/webdriver-bidi/.

Playwright cannot drive a Firefox that it has not built; this one is the machine's own. The
websocket is tornado's, which Jupyter needs anyway.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from tornado.websocket import websocket_connect

# Generous, for a machine that is busy with other things.
PATIENCE_SECONDS = 90
#: Keys that are no characters (https://w3c.github.io/webdriver/#keyboard-actions).
KEYS = {
    "Enter": "\ue007",
    "Tab": "\ue004",
    "Escape": "\ue00c",
    "ArrowRight": "\ue014",
    "ArrowDown": "\ue015",
    "Control": "\ue009",
}
#: Firefox's own business, which would disturb: what it asks for, first pages, animations.
SETTINGS = """\
user_pref("app.normandy.enabled", false);
user_pref("app.update.auto", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("toolkit.telemetry.enabled", false);
user_pref("ui.prefersReducedMotion", 1);
"""


def find_firefox() -> str | None:
    """Return the path of a Firefox on this machine, or None."""
    return shutil.which("firefox-esr") or shutil.which("firefox")


class Firefox:
    """A Firefox without a window, with one page.

    Args:
        profile: an empty folder for what it keeps.
    """

    def __init__(self, profile: Path) -> None:
        (profile / "user.js").write_text(SETTINGS, encoding="utf-8")
        command = [find_firefox(), "--headless", "--no-remote", "--profile", str(profile)]
        self.log = (profile / "stderr.txt").open("w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [*command, "--remote-debugging-port=0", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=self.log,
        )
        self.loop = asyncio.new_event_loop()
        self.asked: list[str] = []
        self.problems: list[str] = []
        self._last = 0
        self._socket = self.loop.run_until_complete(self._connect())
        self.call("session.new", capabilities={})
        events = ["log.entryAdded", "network.beforeRequestSent", "network.responseCompleted"]
        self.call("session.subscribe", events=[*events, "network.fetchError"])
        self.page = self.call("browsingContext.getTree")["contexts"][0]["context"]

    async def _connect(self) -> Any:
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            self.log.seek(0)
            if found := re.search(r"WebDriver BiDi listening on (ws://\S+)", self.log.read()):
                return await websocket_connect(f"{found[1]}/session", max_message_size=2**28)
            await asyncio.sleep(0.05)
        raise TimeoutError("Firefox does not say where it listens.")

    def close(self) -> None:
        """End the browser."""
        self._socket.close()
        self.process.terminate()
        self.process.wait()
        self.log.close()
        self.loop.close()

    # --- the protocol ----------------------------------------------------------------------

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command and return its result; events that come before it are noted."""
        return self.loop.run_until_complete(
            asyncio.wait_for(self._call(method, parameters), PATIENCE_SECONDS)
        )

    async def _call(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        await self._socket.write_message(json.dumps(message))
        while True:
            answer = json.loads(await self._socket.read_message())
            if answer.get("id") == self._last:
                assert answer["type"] == "success", answer
                return answer["result"]
            self._note(answer.get("method"), answer.get("params", {}))

    def _note(self, event: str | None, told: dict[str, Any]) -> None:
        if event == "log.entryAdded" and told["level"] in ("error", "warn"):
            self.problems.append(f"{told['level']}: {told['text']}")
        elif event == "network.beforeRequestSent":
            self.asked.append(told["request"]["url"])
        elif event == "network.fetchError":
            self.problems.append(f"does not get {told['request']['url']} ({told['errorText']})")
        elif event == "network.responseCompleted" and told["response"]["status"] >= 400:
            self.problems.append(f"does not get {told['response']['url']}")

    # --- the page --------------------------------------------------------------------------

    def open(self, address: str) -> None:
        """Load a page, and forget what earlier ones asked for and logged."""
        # What an earlier page is still waiting for ends with it.
        self._navigate("about:blank")
        self.asked.clear()
        self.problems.clear()
        self._navigate(address)

    def _navigate(self, address: str) -> None:
        self.call("browsingContext.navigate", context=self.page, url=address, wait="complete")

    def ask(self, function: str, *arguments: Any) -> Any:
        """Call a JavaScript function, which may be async, and return what it returns, as JSON."""
        given = ", ".join(json.dumps(argument) for argument in arguments)
        result = self.call(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({function})({given})))()",
            target={"context": self.page},
            awaitPromise=True,
        )
        assert result["type"] == "success", result["exceptionDetails"]["text"]
        return json.loads(result["result"].get("value", "null"))

    def wait_for(self, function: str, *arguments: Any) -> Any:
        """Call a JavaScript function until it returns something true."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not (found := self.ask(function, *arguments)):
            assert time.monotonic() < end, f"never true: {function}"
            time.sleep(0.02)
        return found

    def click(self, selector: str, place: int = 0) -> None:
        """Click on an element that a CSS selector finds, where a mouse can reach it."""
        self.ask(
            """async (selector, place) => {
              // Once more if it has moved a frame later, as when an answer's words appear above it.
              const frame = () => new Promise(requestAnimationFrame);
              const element = document.querySelectorAll(selector)[place];
              for (let top; top !== element.getBoundingClientRect().top;) {
                element.scrollIntoView({block: 'center', behavior: 'instant'});
                top = element.getBoundingClientRect().top;
                await frame();
                await frame();
              }
            }""",
            selector,
            place,
        )
        element = self.call(
            "browsingContext.locateNodes",
            context=self.page,
            locator={"type": "css", "value": selector},
        )["nodes"][place]
        origin = {"type": "element", "element": {"sharedId": element["sharedId"]}}
        self._act(
            "pointer",
            {"type": "pointerMove", "x": 0, "y": 0, "origin": origin},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        )

    def press(self, *keys: str) -> None:
        """Press keys together, such as ``"Control", "a"``, and let them go."""
        values = [KEYS.get(key, key) for key in keys]
        down = [{"type": "keyDown", "value": value} for value in values]
        self._act("key", *down, *({"type": "keyUp", "value": value} for value in reversed(values)))

    def type(self, text: str) -> None:
        """Press one key after the other."""
        for character in text:
            self.press(character)

    def _act(self, kind: str, *actions: dict[str, Any]) -> None:
        source = {"type": kind, "id": kind, "actions": list(actions)}
        self.call("input.performActions", context=self.page, actions=[source])
