"""git's update hook: run by git for every reference of a push, before it moves.

It runs as a program of its own, with the standard library only. The server wrote down what it
decided; what is left is what only the pushed objects can tell, and git's answers to that.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

RULES_VARIABLE = "STAND_IN_PUSH_RULES"
_ZERO = "0" * 40


def main(arguments: list[str]) -> int:
    """Return 0 to let the reference move; else say why not and return 1."""
    reference, old, new = arguments
    rules = json.loads(Path(os.environ[RULES_VARIABLE]).read_text("ascii"))
    rule = rules.get(reference)
    refused = ["The reference was not announced."] if rule is None else obstacles(rule, old, new)
    if not refused:
        return 0
    name = reference.encode(errors="replace").decode()
    print(f"error: GH006: Protected branch update failed for {name}.", file=sys.stderr)  # noqa: T201
    for reason in refused:
        print(f"error: {reason}", file=sys.stderr)  # noqa: T201
    return 1


def obstacles(rule: dict[str, Any], old: str, new: str) -> list[str]:
    """Return why the reference must not move."""
    refused = list(rule["refused"])
    if _ZERO in {old, new}:
        return refused
    if not rule["forced"] and _git("merge-base", "--is-ancestor", old, new).returncode:
        refused.append("Cannot force-push to this branch")
    if not rule["merges"] and _git("rev-list", "--merges", "-1", f"^{old}", new).stdout:
        refused.append("This branch must not contain merge commits.")
    return refused


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], capture_output=True, check=False)  # noqa: S607


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
