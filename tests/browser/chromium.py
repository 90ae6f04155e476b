"""The machine's own Chromium, and how it is started without a network."""

import os
import shutil

# The first is the same browser without windows, which needs half the processor time.
NAMES = (
    *("chromium-headless-shell", "chromium", "chromium-browser"),
    *("google-chrome", "google-chrome-stable"),
)
FLAGS = (
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
    # No address has a place, except this machine's own.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def find_chromium() -> str | None:
    """Return the path of a Chromium on this machine, or None. Nothing is ever downloaded."""
    chosen = os.environ.get("ATTENTION_COURSE_CHROMIUM")
    found = (shutil.which(name) for name in ((chosen,) if chosen else NAMES))
    return next(filter(None, found), None)
