"""The runner of GitHub's jobs as a job sees it: an address at which it gets a token of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

BEARER = "the-job-s-own"


@contextmanager
def token_giver(answer: bytes, status: int = 200) -> Iterator[tuple[dict[str, str], list[Any]]]:
    """The address at which the runner gives tokens to a job, and what was asked there."""
    asked: list[Any] = []

    class Runner(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Authorization"]))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Runner)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield (
            {
                "ACTIONS_ID_TOKEN_REQUEST_URL": f"http://127.0.0.1:{server.server_port}/?job=1",
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN": BEARER,
            },
            asked,
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
