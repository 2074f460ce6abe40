"""Starts flows in processes of their own, and tells how they ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.world import World
from tests.support.commands import ROOT
from tiercel.sandbox.machine.prefect_server import client_environ


@dataclass(frozen=True)
class Victims:
    """A process that makes a child for every run; several may be under way."""

    world: World
    process: subprocess.Popen[str]
    answers: Path

    def start(self, flow: str, proxy: str, **parameters: str) -> int:
        """Begin one of the victim's flows in a new process and return the process's id."""
        return self._asked(
            environment=self.world.environment(proxy),
            flow=flow,
            parameters=parameters,
            answers=str(self.answers),
        )

    def end(self, victim: int) -> tuple[int, dict[str, Any]]:
        """Wait for its end; return the exit code, negative for a signal, and what it said."""
        code = self._asked(wait=victim)
        answer = self.answers / f"{victim}.json"
        return code, json.loads(answer.read_text()) if answer.exists() else {}

    def _asked(self, **wish: Any) -> int:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(wish) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the process that makes victims has ended"
        return int(line)


@contextmanager
def victims(world: World, code: Path | None = None) -> Iterator[Victims]:
    """`code` is the folder of another Tiercel that they run."""
    elsewhere = {"PYTHONPATH": str(code)} if code else {}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.victim"],
        cwd=ROOT,
        env=os.environ | world.environment() | client_environ(world.server) | elsewhere,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        answers = world.sandbox.state / f"victims-{process.pid}"
        answers.mkdir()
        yield Victims(world, process, answers)
    finally:
        process.kill()
        process.communicate()
