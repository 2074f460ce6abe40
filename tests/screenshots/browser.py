"""A headless Chromium that takes pictures of pages of this machine, by its DevTools protocol."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.sync.client import connect
from websockets.sync.connection import Connection

from tests.support.patience import PATIENCE_SECONDS
from tests.support.plain_http import ask

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_POLL_SECONDS = 0.2
_ENDING_SECONDS = 5.0
_STILL_SECONDS = 1.5
"""A page is drawn when its text stays the same for so long."""
_LARGEST_ANSWER = 64 * 1024 * 1024


@dataclass(frozen=True)
class Window:
    """What a person looks through: pixels, and whether it is a phone or a dark room."""

    width: int = 1280
    height: int = 800
    phone: bool = False
    dark: bool = False


@dataclass
class Browser:
    """A page of a browser, which goes from address to address."""

    socket: Connection
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def open(self, address: str, window: Window, wait_for: str) -> None:
        """Go to an address, and wait until the text is there and nothing moves any more."""
        self._call(
            "Emulation.setDeviceMetricsOverride", width=window.width, height=window.height,
            deviceScaleFactor=1, mobile=window.phone,
        )  # fmt: skip
        scheme = "dark" if window.dark else "light"
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self._call("Emulation.setEmulatedMedia", features=[feature])
        self._call("Page.navigate", url=address)
        self._until_drawn(wait_for)

    def run(self, script: str, wait_for: str) -> None:
        """Do something on the page, and wait as `open` does."""
        self._evaluate(script)
        self._until_drawn(wait_for)

    def picture(self, path: Path) -> None:
        """Write what is in the window as a PNG."""
        answer = self._call("Page.captureScreenshot", format="png")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(answer["data"]))

    def close(self) -> None:
        """Let the browser end in order, so that none of its processes writes any more."""
        self._call("Browser.close")

    def _until_drawn(self, wait_for: str) -> None:
        deadline, still_since, before = time.monotonic() + PATIENCE_SECONDS, 0.0, ""
        while time.monotonic() < deadline:
            text = str(self._evaluate("document.body ? document.body.innerText : ''"))
            if wait_for not in text or text != before:
                still_since, before = time.monotonic(), text
            elif time.monotonic() - still_since > _STILL_SECONDS:
                return
            time.sleep(_POLL_SECONDS)
        raise TimeoutError(f"the page does not say {wait_for!r}: {before[:500]}")

    def _evaluate(self, script: str) -> Any:
        return self._call("Runtime.evaluate", expression=script)["result"].get("value")

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self.socket.recv(timeout=PATIENCE_SECONDS))
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return dict(answer["result"])


def chromium() -> str | None:
    """Return the path of an installed Chromium, if there is one."""
    return next((found for name in _PROGRAMS if (found := shutil.which(name))), None)


@contextmanager
def browser(program: str) -> Iterator[Browser]:
    """Start a browser that reaches nothing but this machine; it ends with the context."""
    with tempfile.TemporaryDirectory(
        prefix="tiercel-browser-", ignore_cleanup_errors=True
    ) as folder:
        command = [
            program, "--headless=new", "--remote-debugging-port=0", f"--user-data-dir={folder}",
            "--no-first-run", "--hide-scrollbars", "--no-proxy-server", "--disable-gpu",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            # Its own sandbox does not start for root, as whom containers run.
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
            "about:blank",
        ]  # fmt: skip
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with connect(_page_of(Path(folder)), max_size=_LARGEST_ANSWER, proxy=None) as socket:
                page = Browser(socket)
                yield page
                page.close()
        finally:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_ENDING_SECONDS)
            process.kill()
            process.wait()


def _page_of(folder: Path) -> str:
    """Return the address of the first page's protocol, once the browser tells its port."""
    told, deadline = folder / "DevToolsActivePort", time.monotonic() + PATIENCE_SECONDS
    while not (told.exists() and told.read_text().strip()):
        if time.monotonic() > deadline:
            raise TimeoutError("the browser does not start")
        time.sleep(_POLL_SECONDS)
    port = told.read_text().splitlines()[0]
    pages = ask("GET", f"http://127.0.0.1:{port}/json/list").raise_for_status().json()
    return next(str(one["webSocketDebuggerUrl"]) for one in pages if one["type"] == "page")
