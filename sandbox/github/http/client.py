"""A running stand-in, seen from a program of the sandbox: addresses, secrets, control path."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiercel.sandbox.github.http.entrance import (
    CONTROL_PREFIX,
    AppCredentials,
    Secrets,
    read_app,
    read_tokens,
)
from tiercel.sandbox.github.memory.urls import Urls
from tiercel.sandbox.machine.processes import HOST

_PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class RunningGithub:
    """A stand-in that answers at `port` and keeps its state in `folder`."""

    folder: Path
    port: int

    @property
    def server_url(self) -> str:
        """What stands in for https://github.com: GITHUB_SERVER_URL."""
        return f"http://{HOST}:{self.port}"

    @property
    def api_url(self) -> str:
        """What stands in for https://api.github.com: PyGithub's `base_url`."""
        return Urls(self.server_url).api

    @property
    def app(self) -> AppCredentials:
        """What a program needs to act as the GitHub App."""
        return read_app(self.folder)

    def token(self, login: str) -> str:
        """Return the first token of a person; KeyError when there is no such person."""
        return read_tokens(self.folder)[login]

    def control(self, method: str, path: str, /, **body: Any) -> Any:
        """Ask the control path, as `control("POST", "/faults", kind="503")`; see docs.

        Returns the answer, None when it has no body. Raises ValueError when it is refused.
        """
        secret = Secrets(self.folder).control.read_text("utf-8")
        connection = http.client.HTTPConnection(HOST, self.port, timeout=_PATIENCE_SECONDS)
        try:
            connection.request(
                method,
                CONTROL_PREFIX + path,
                json.dumps(body) if body else None,
                {"Authorization": f"Bearer {secret}"},
            )
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status >= http.client.BAD_REQUEST:
            raise ValueError(f"{method} {path}: {answer.status} {text}")
        return json.loads(text) if text else None
