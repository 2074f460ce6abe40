"""One build to attack from: a service's source, and commands that run in `isolated`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tiercel.domain.base.errors import TiercelError
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import Builds
from tiercel.tasks.build.isolated import Isolated
from tiercel.tasks.build.isolation.availability import can_isolate
from tiercel.tasks.build.job import BuildJob, BuildStep

SECRET = "secret-of-the-worker"
_SOURCE = PurePosixPath("source")


def not_isolated() -> str:
    """Why attacks on `isolated` cannot be played here; nothing if they can."""
    return "" if can_isolate() else "this machine cannot isolate"


def not_root() -> str:
    """Why attacks by a worker that is root cannot be played here."""
    return not_isolated() or ("" if os.geteuid() == 0 else "this user is not root")


@dataclass(frozen=True)
class Workplace:
    """The folders of a build below an empty folder."""

    folder: Path

    @property
    def source(self) -> Path:
        return self.folder / "root" / "source"

    def loot(self, name: str = "loot") -> str:
        """What an attack has left in the source, as text."""
        path = self.source / name
        return path.read_text(errors="replace") if path.is_file() else ""

    def shell(self, script: str, **settings: Any) -> None:
        """Run a shell's script as a build; whether it fails does not matter."""
        self.run(("sh", "-c", script), **settings)

    def python(self, script: str, *, as_test: bool = False, **settings: Any) -> None:
        """Run a script of Python as a build or as a test."""
        self.run(("/usr/bin/env", "python3", "-c", script), as_test=as_test, **settings)

    def run(
        self, command: tuple[str, ...], *, as_test: bool = False, network: bool = False,
        **settings: Any,
    ) -> None:  # fmt: skip
        self.source.mkdir(parents=True, exist_ok=True)
        (self.folder / "scratch").mkdir(exist_ok=True)
        step = BuildStep(command, _SOURCE)
        job = BuildJob(
            Service(name="orders", path="orders", network=network),
            _limits(settings),
            self.folder / "root",
            self.folder / "scratch",
            (step,),
            step,
        )
        with suppress(TiercelError):
            Isolated().test(job) if as_test else Isolated().build(job)


def _limits(settings: Mapping[str, Any]) -> Builds:
    """Limits below those that a configuration may have, so that an attack is short."""
    defaults = Builds(timeout_seconds=60).model_dump()
    return Builds.model_construct(**defaults | dict(settings))


def looting(*command: str, **settings: Any) -> Callable[[Path], bool]:
    """Return the deed of a build whose command leaves loot if it gets as far as that."""

    def deed(folder: Path) -> bool:
        place = Workplace(folder)
        place.run(command, **settings)
        return bool(place.loot())

    return deed


def looting_shell(script: str, **settings: Any) -> Callable[[Path], bool]:
    """Return the same for a shell's script."""
    return looting("sh", "-c", script, **settings)


def looting_python(script: str, **settings: Any) -> Callable[[Path], bool]:
    """Return the same for a script of Python."""
    return looting("/usr/bin/env", "python3", "-c", script, **settings)
