"""One job of a workflow, run by act on this machine, without containers.

What stands in for GitHub: the files of the repository are there already instead of being checked
out, Tiercel's own workflows and its action are those that lie here instead of those of a commit,
and the runner's address for tokens is one of the tests'. `cache-mode` is left out, which act does
not know. The action keeps what it writes into the step's summary, which act throws away.
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
_PASSED = re.compile(r"(PIP|UV|SSL|REQUESTS)_\w+|HTTPS?_PROXY|NO_PROXY", re.IGNORECASE)
_SECONDS = 300
_INSTALLATION = re.compile(
    r"(?<=      run: \|\n)        python3 -I -m venv.*?(?=    - name:)", re.DOTALL
)
_LINK = '        ln -sfn "$KEPT_VENV" "$RUNNER_TEMP/tiercel"\n'
_TRIGGER = "        more=()\n"
_KEEP = '        trap \'cp "$GITHUB_STEP_SUMMARY" "$KEPT_SUMMARY"\' EXIT\n'


@dataclass(frozen=True)
class ActedJob:
    """What the job ended with, all that it said, its step's summary, and its outputs."""

    code: int
    text: str
    summary: str

    def output(self, name: str) -> str:
        """Return the last value of an output, as act tells it."""
        found = re.findall(rf"::set-output:: {re.escape(name)}=(.*)", self.text)
        return str(found[-1]).strip() if found else ""

    @property
    def annotations(self) -> list[str]:
        """What the job marks for people to see, as act tells it; the same text in a log is none."""
        return re.findall(r"[❗🚧] +(::(?:error|warning|notice)[^\n]*)", self.text)


def act(
    folder: Path,
    workflow: str,
    event: str,
    payload: Any,
    environ: Mapping[str, str],
    *,
    installs: bool = False,
) -> ActedJob:
    """Run the job of a workflow of `examples/github` for an event.

    Unless it `installs`, Tiercel is there already, as these tests have it.
    """
    workspace, kept = _workspace(folder, workflow, installs=installs), folder / "summary.md"
    kept.write_text("")
    (workspace / "event.json").write_text(json.dumps(payload))
    passed = {name: value for name, value in os.environ.items() if _PASSED.fullmatch(name)}
    job = {
        "UV_CACHE_DIR": str(folder / "cache"),
        "KEPT_SUMMARY": str(kept),
        "KEPT_VENV": str(Path(sys.prefix)),
        **passed,
        **environ,
    }
    finished = subprocess.run(
        [
            str(ACT), event, "--eventpath", "event.json",
            "--workflows", f".github/workflows/example-{workflow}",
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
    text = finished.stdout + finished.stderr
    return ActedJob(finished.returncode, text, kept.read_text())


def _workspace(folder: Path, workflow: str, *, installs: bool) -> Path:
    """Make the repository that the job finds: tiercel.toml, workflows, and the action beside."""
    workspace = folder / "workspace"
    workflows = workspace / ".github/workflows"
    if not workspace.exists():
        workflows.mkdir(parents=True)
        shutil.copy(ROOT / "tiercel.toml", workspace)
        for path in (ROOT / ".github/workflows").glob("*.yml"):
            (workflows / path.name).write_text(_local(path.read_text()))
        subprocess.run(["git", "init", "--quiet"], cwd=workspace, check=True)
    if installs:
        _copied(ROOT, workspace / ".tiercel")
    text, called = re.subn(
        r"acme/tiercel/(\.github/workflows/\w+\.yml)@0{40} .*",
        r"./\1",
        (ROOT / "examples/github" / workflow).read_text(),
    )
    assert called == 1
    (workflows / f"example-{workflow}").write_text(_local(text))
    action = (ROOT / "action.yml").read_text()
    action, kept = re.subn(re.escape(_TRIGGER), _KEEP + _TRIGGER, action)
    assert kept == 1
    if not installs:
        action, linked = _INSTALLATION.subn(lambda _: _LINK, action)
        assert linked == 1
    (workspace / ".tiercel").mkdir(exist_ok=True)
    (workspace / ".tiercel/action.yml").write_text(action)
    return workspace


def _local(text: str) -> str:
    """Let a workflow find the files that lie here, and be one that act can read."""
    text = text.replace("uses: $/.github/", "uses: ./.github/").replace(
        "uses: $/. ", "uses: ./.tiercel "
    )
    # A checkout of a branch by name is left to GitHub.
    text = re.sub(r"\n +ref: \$\{\{ inputs\.ref \}\}", "", text)
    return re.sub(r"\n +cache-mode: .*", "", text)


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
        if (root / name).exists() and not (target / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, target / name, follow_symlinks=False)
