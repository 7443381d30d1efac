"""What the tests with a real browser share: Chromium, a server of a folder, screenshots.

They need Debian's Chromium (``.ci/run`` installs it) and Playwright, and skip with a reason
elsewhere. ``GANCOURSE_SCREENSHOTS=folder`` keeps what the browser showed.
"""

import contextlib
import functools
import http.server
import os
import shutil
import threading
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = """--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-component-update
--disable-background-networking --disable-sync
--use-fake-device-for-media-stream --use-fake-ui-for-media-stream"""  # a camera that moves
MINUTE = 60_000  # milliseconds


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words):
        pass


@contextlib.contextmanager
def served(folder):
    """The address of ``folder`` on this machine."""
    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def keep(page, name: str) -> None:
    """A screenshot, if somebody wants to look."""
    folder = os.environ.get("GANCOURSE_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=f"{folder}/{name}.png")
