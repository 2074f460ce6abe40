"""The `tiercel` command as a process of its own, as a person runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    return _start(arguments, environment)


def start_without_terminal(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """As cron and systemd start it: there is nobody whom it could ask."""
    return _start(arguments, environment, alone=True)


def _start(
    arguments: Sequence[str], environment: Mapping[str, str], *, alone: bool = False
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(Path(sys.executable).parent / "tiercel"), *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL if alone else None,
        start_new_session=alone,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*arguments: str, **environment: str) -> tuple[int, str, str]:
    process = start(*arguments, **environment)
    output, errors = process.communicate(timeout=240)
    return process.returncode, output, errors


def run_json(*arguments: str, **environment: str) -> Any:
    code, output, errors = run(*arguments, "--json", **environment)
    assert code == 0, errors + output
    return json.loads(output)
