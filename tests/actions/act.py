"""One job of a workflow, run by act on this machine, without containers.

What stands in for GitHub: the files of the repository are there already, the action is this
repository's own as it lies here, and the runner's address for tokens is one of the tests'.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ACT = Path(sys.executable).parent / "act"
_PINNED = re.compile(r"acme/tiercel@0{40} .*")
_PASSED = re.compile(r"(PIP|UV|SSL|REQUESTS)_\w+|HTTPS?_PROXY|NO_PROXY", re.IGNORECASE)
_SECONDS = 300


@dataclass(frozen=True)
class ActedJob:
    """What the job ended with, all that it said, and the outputs of its step."""

    code: int
    text: str

    def output(self, name: str) -> str:
        """Return the last value of an output, as act tells it."""
        found = re.findall(rf"::set-output:: {re.escape(name)}=(.*)", self.text)
        return str(found[-1]).strip() if found else ""


def act(
    folder: Path, workflow: str, event: str, payload: Any, environ: Mapping[str, str]
) -> ActedJob:
    """Run the job of a workflow of `examples/github` for an event."""
    workspace = _workspace(folder, workflow)
    (workspace / "event.json").write_text(json.dumps(payload))
    passed = {name: value for name, value in os.environ.items() if _PASSED.fullmatch(name)}
    job = {"UV_CACHE_DIR": str(folder / "cache"), **passed, **environ}
    finished = subprocess.run(
        [
            str(ACT), event, "--eventpath", "event.json",
            "--workflows", f".github/workflows/{workflow}",
            "--platform", "ubuntu-latest=-self-hosted",
            "--var", f"PREFECT_API_URL={environ['PREFECT_API_URL']}",
            *(part for name, value in job.items() for part in ("--env", f"{name}={value}")),
        ],
        cwd=workspace,
        env={"PATH": os.environ["PATH"], "HOME": str(folder / "home"), **passed},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )  # fmt: skip
    return ActedJob(finished.returncode, finished.stdout + finished.stderr)


def _workspace(folder: Path, workflow: str) -> Path:
    """Make the repository that the job finds: tiercel.toml, the workflow, and the action beside."""
    workspace = folder / "workspace"
    if not workspace.exists():
        _copied(ROOT, workspace / ".tiercel")
        shutil.copy(ROOT / "tiercel.toml", workspace)
        subprocess.run(["git", "init", "--quiet"], cwd=workspace, check=True)
    text = (ROOT / "examples/github" / workflow).read_text()
    text, pinned = _PINNED.subn("./.tiercel", text)
    assert pinned == 1
    # A checkout of a branch by name is left to GitHub: the files are there.
    text = re.sub(r"\n +ref: .*", "", text)
    target = workspace / ".github/workflows" / workflow
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    return workspace


def _copied(root: Path, target: Path) -> None:
    """Copy what git knows here, links as links."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (root / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, target / name, follow_symlinks=False)
