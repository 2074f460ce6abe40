"""Customers of the demo's shop, who ask for a price again and again while its traffic shifts."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from types import TracebackType
from urllib.parse import urlsplit

_AT_ONCE = 3
_PAUSE_SECONDS = 0.02
_LONGEST_SECONDS = 10.0


class Customers:
    """Inside `with`, several ask one address; `errors` counts answers that were none."""

    def __init__(self, endpoint: str, address: str, path: str) -> None:
        """Ask nothing yet. `endpoint` is where the sandbox serves what AWS has at `address`."""
        self._url = endpoint.rstrip("/") + path
        self._host = urlsplit(address).netloc
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(_AT_ONCE)]
        self.answers = self.errors = 0

    def __enter__(self) -> Customers:
        """Begin to ask."""
        for one in self._threads:
            one.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End, when the last answer has come."""
        self._over.set()
        for one in self._threads:
            one.join()

    def _ask(self) -> None:
        wish = urllib.request.Request(self._url, headers={"Host": self._host})  # noqa: S310
        while not self._over.wait(_PAUSE_SECONDS):
            try:
                with urllib.request.urlopen(wish, timeout=_LONGEST_SECONDS) as answer:  # noqa: S310
                    answer.read()
            except urllib.error.HTTPError:
                self.errors += 1
            else:
                self.answers += 1
