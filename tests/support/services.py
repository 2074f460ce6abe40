"""A systemd unit of ours, started and stopped as systemd would do it."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ROOT = Path(__file__).parent.parent.parent
UNITS = ROOT / "deployments" / "one_machine"
INSTALLED = "/opt/tiercel/bin/"


@dataclass(frozen=True)
class Unit:
    """What a unit file says, with the instance's name in it."""

    name: str
    settings: Mapping[str, list[str]]

    @classmethod
    def read(cls, name: str, instance: str = "") -> Unit:
        settings: dict[str, list[str]] = {}
        for line in (UNITS / name).read_text().splitlines():
            if "=" in line and not line.startswith("#"):
                key, _, value = line.partition("=")
                settings.setdefault(key, []).append(value.replace("%i", instance))
        return cls(name, settings)

    def one(self, key: str) -> str:
        (value,) = self.settings[key]
        return value

    @property
    def environment(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.settings["Environment"])

    def command(self, programs: Path) -> list[str]:
        return shlex.split(self.one("ExecStart").replace(INSTALLED, f"{programs}/"))


@dataclass
class Service:
    """A running service. `invocation` marks its processes, as a control group would."""

    unit: Unit
    process: subprocess.Popen[bytes]
    invocation: str
    log: Path
    stopped_after: list[float] = field(default_factory=list)

    @classmethod
    def start(
        cls, unit: Unit, log: Path, environment: Mapping[str, str], *, command: list[str]
    ) -> Service:
        """Start what ExecStart says; `environment` is what the machine's own files would add."""
        invocation = uuid.uuid4().hex
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                cwd=log.parent,
                env={"INVOCATION_ID": invocation, **unit.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(unit, process, invocation, log)

    def tell_to_stop(self) -> None:
        """KillMode=mixed: the main process alone gets KillSignal."""
        assert self.unit.one("KillMode") == "mixed"
        self.process.send_signal(signal.Signals[self.unit.one("KillSignal")])

    def stop(self) -> tuple[int, int]:
        """Return the exit code, and how many processes were left and had to be killed."""
        if self.process.poll() is None:
            self.tell_to_stop()
        return self.await_end()

    def await_end(self) -> tuple[int, int]:
        try:
            code = self.process.wait(float(self.unit.one("TimeoutStopSec")))
        except subprocess.TimeoutExpired:
            code = -1
        return code, self.kill()

    def kill(self) -> int:
        """SIGKILL to everything that is left, as after TimeoutStopSec."""
        left = self.processes()
        for process in left:
            process.kill()
        psutil.wait_procs(left, timeout=10)
        self.process.wait(10)
        return len(left)

    def processes(self) -> list[psutil.Process]:
        """All that run for it, as its control group would have them."""
        return [process for process in psutil.process_iter() if self._owns(process)]

    def _owns(self, process: psutil.Process) -> bool:
        try:
            return (
                process.environ().get("INVOCATION_ID") == self.invocation
                and process.status() != psutil.STATUS_ZOMBIE
            )
        except psutil.Error:
            return False


def private_environment(folder: Path, programs: Path) -> dict[str, str]:
    """The variables that point a unit's service into a test's folder."""
    return {
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "HOME": str(folder / "home"),
        "LANG": "C.UTF-8",
        "PREFECT_HOME": str(folder / "prefect"),
        "TIERCEL_CACHE_DIR": str(folder / "cache"),
        "TIERCEL_CONFIG": str(ROOT / "tiercel.toml"),
        "PREFECT_WORKER_QUERY_SECONDS": "1",
    }
