"""Whom the proof asks: iam-simulate in one Node process, and the sandbox's own evaluator."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.patience import PATIENCE_SECONDS

Simulation = dict[str, Any]

HERE = Path(__file__).parent
# Without a registry npm would try for minutes.
_NPM_SETTINGS = {"npm_config_fetch_retries": "0", "npm_config_fetch_timeout": "60000"}
# Keys that the judge does not know, given a name that it knows, in policy and request alike.
_ALIASES = {
    "token.actions.githubusercontent.com:aud": "aws:PrincipalTag/github-aud",
    "token.actions.githubusercontent.com:sub": "aws:PrincipalTag/github-sub",
}


class Verdict(StrEnum):
    """What an evaluator says; an explicit denial survives another policy's Allow."""

    ALLOWED = "Allowed"
    DENIED = "ImplicitlyDenied"
    FORBIDDEN = "ExplicitlyDenied"


class UnavailableError(Exception):
    """The judge cannot be had here; the text says why."""


class JudgementError(Exception):
    """A judge gave no verdict, or left out a part of the request; the text says which."""


@dataclass
class Judge:
    """A process that reads simulations and writes verdicts, one JSON object a line each."""

    process: subprocess.Popen[str]

    @classmethod
    def started(cls, arguments: Sequence[str | Path], cwd: Path | None = None) -> Self:
        """Return a judge that is this program."""
        return cls(
            subprocess.Popen(
                [str(argument) for argument in arguments],
                cwd=cwd,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.communicate()

    def verdicts(self, simulations: Iterable[Simulation]) -> list[Verdict]:
        """Return the verdict of each simulation; JudgementError where there is none."""
        lines = [json.dumps(simulation) for simulation in simulations]
        output = self.process.stdout
        assert output is not None
        writer = threading.Thread(target=self._write, args=(lines,))
        writer.start()
        answers = [output.readline() for _ in lines]
        writer.join()
        return [_verdict(answer, line) for answer, line in zip(answers, lines, strict=True)]

    def _write(self, lines: list[str]) -> None:
        stream = self.process.stdin
        assert stream is not None
        for line in lines:
            stream.write(line + "\n")
        stream.flush()


def _verdict(answer: str, line: str) -> Verdict:
    said = json.loads(answer) if answer else {"error": "the judge ended"}
    if said.get("error") or said.get("ignored") or not said.get("verdict"):
        raise JudgementError(f"{answer.strip() or said}: {line}")
    return Verdict(said["verdict"])


class IamSimulate(Judge):
    """iam-simulate, which somebody else wrote: https://github.com/cloud-copilot/iam-simulate."""

    def verdicts(self, simulations: Iterable[Simulation]) -> list[Verdict]:
        """Return the verdict of each simulation, with the keys named as the judge knows them."""
        return super().verdicts(_aliased(simulation) for simulation in simulations)


def iam_simulate() -> IamSimulate:
    """Start iam-simulate; UnavailableError without Node, npm or a registry."""
    node = shutil.which("node")
    if node is None:
        raise UnavailableError("Node.js, which runs iam-simulate, is not installed")
    return IamSimulate.started([node, HERE / "judge.mjs", _packages()])


def sandbox_evaluator() -> Judge:
    """Start the sandbox's evaluator, with its corrections, in a process of its own."""
    module = f"{__package__}.sandbox_judge"
    return Judge.started([sys.executable, "-m", module], cwd=HERE.parents[1])


def _aliased(simulation: Simulation) -> Simulation:
    text = json.dumps(simulation)
    for name, alias in _ALIASES.items():
        text = text.replace(f'"{name}"', f'"{alias}"')
    aliased: Simulation = json.loads(text)
    return aliased


def _packages() -> Path:
    """Return the folder with the locked packages; the first time npm fetches them.

    npm compares every package with the hash in package-lock.json.
    """
    lock = HERE / "package-lock.json"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    default = Path.home() / ".cache" / "tiercel"
    cache = Path(os.environ.get("TIERCEL_CACHE_DIR", default)) / "iam-simulate"
    folder = cache / digest
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as temporary:
            _install(Path(temporary) / "packages")
            try:
                (Path(temporary) / "packages").rename(folder)
            except OSError:  # another process was faster
                if not folder.exists():
                    raise
    return folder


def _install(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise UnavailableError("npm, which brings iam-simulate, is not installed")
    folder.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    try:
        subprocess.run(
            [npm, "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=PATIENCE_SECONDS,
            env=os.environ | _NPM_SETTINGS,
        )
    except (subprocess.SubprocessError, OSError) as error:
        raise UnavailableError(f"npm could not bring iam-simulate: {error}") from error
