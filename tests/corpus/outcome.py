"""What became of one template."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Outcome:
    """How far one template came. `kind` is the code of a refusal, or one of `kinds.KINDS`.

    `words` are the keys of the environment that its owner has to fill for it, `tools` the
    programs that its build runs, `sam` what the SAM CLI does with it: `takes`, or why not.
    """

    repository: str
    path: str
    kind: str = "verified"
    stage: str = ""
    why: str = ""
    where: str = ""
    serverless: bool = False
    words: list[str] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)
    seconds: float = 0.0
    sam: str = ""

    @property
    def shown(self) -> str:
        """The template as reports name it."""
        return f"{self.repository}:{self.path}"

    def document(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return asdict(self)
