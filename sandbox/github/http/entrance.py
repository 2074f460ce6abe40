"""How a program of the sandbox gets into the stand-in: the control path, and files with secrets."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

CONTROL_PREFIX = "/_stand_in"
STAND_IN_HEALTH_PATH = f"{CONTROL_PREFIX}/health"


@dataclass(frozen=True)
class AppCredentials:
    """What a program needs to act as the GitHub App; the key is PEM."""

    app_id: int
    installation_id: int
    private_key: str


@dataclass(frozen=True)
class Secrets:
    """The files with secrets, readable by their owner only."""

    folder: Path

    @property
    def tokens(self) -> Path:
        """The first token of every person, by login."""
        return self.folder / "tokens.json"

    @property
    def app(self) -> Path:
        """The App's ids and private key."""
        return self.folder / "app.json"

    @property
    def control(self) -> Path:
        """What opens the control path."""
        return self.folder / "control-token"


def read_tokens(folder: Path) -> dict[str, str]:
    """Return the first token of every person, by login."""
    tokens: dict[str, str] = json.loads(Secrets(folder).tokens.read_text("utf-8"))
    return tokens


def read_app(folder: Path) -> AppCredentials:
    """Return what a program needs to act as the GitHub App."""
    return AppCredentials(**json.loads(Secrets(folder).app.read_text("utf-8")))
