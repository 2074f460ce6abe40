"""podman with a storage of its own, so that nothing of a test stays on the machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TAG = "localhost/tiercel:tested"
_CONTAINERFILE = Path("deployments") / "container" / "Containerfile"
_BUILD_SECONDS = 1500


def why_impossible() -> str:
    """Why this machine cannot build and start an image; empty if it can."""
    if os.geteuid():
        return "containers are started by root here"
    missing = [name for name in ("podman", "catatonit", "ip") if not shutil.which(name)]
    return f"not installed: {', '.join(missing)}" if missing else ""


@dataclass(frozen=True)
class Engine:
    """podman, and the folder in which it keeps everything."""

    folder: Path

    def command(self, *words: str) -> list[str]:
        # crun refuses a machine that has control groups of both versions.
        runtime = ("--runtime", "runc") if shutil.which("runc") else ()
        places = ("--root", f"{self.folder}/root", "--runroot", f"{self.folder}/run")
        return ["podman", *places, *runtime, *words]

    def call(self, *words: str, seconds: float = 120) -> str:
        done = self.tried(*words, seconds=seconds)
        assert done.returncode == 0, f"{words}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def tried(self, *words: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Return how a command ended and what it said, whatever its exit code."""
        return subprocess.run(
            self.command(*words),
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=seconds,
        )

    def take_in(self, root: Path, name: str) -> str:
        """Make a folder an image, and return its name with its digest."""
        tar = ["tar", "--directory", str(root), "--create", "."]
        with subprocess.Popen(tar, stdout=subprocess.PIPE) as packed:
            subprocess.run(
                self.command("import", "-", name),
                check=True,
                capture_output=True,
                stdin=packed.stdout,
            )
        return f"{name}@{self.call('image', 'inspect', '--format', '{{.Digest}}', name).strip()}"

    def build(self, source: Path, base: str, secrets: Mapping[str, Path], **arguments: str) -> None:
        told = {"BASE": base, **arguments}
        self.call(
            *("build", "--layers=false", "--network", "host"),
            *("--file", str(source / _CONTAINERFILE)),
            *(f"--build-arg={name}={value}" for name, value in told.items()),
            *(f"--secret=id={name},src={path}" for name, path in secrets.items()),
            *("--tag", TAG, str(source)),
            seconds=_BUILD_SECONDS,
        )

    def once(self, program: str, *words: str, flags: Sequence[str] = ()) -> tuple[int, str, str]:
        """Run a program of the image as a task or pod would; return code, output and errors."""
        entry = ("--entrypoint", program) if program else ()
        done = self.tried("run", "--rm", *confined(), *flags, *entry, TAG, *words)
        return done.returncode, done.stdout, done.stderr

    def described(self) -> dict[str, Any]:
        (found,) = json.loads(self.call("image", "inspect", TAG))
        return dict(found)

    def remove_containers(self) -> None:
        """End and remove all containers, with their volumes; first those that need others."""
        for container in reversed(self.call("ps", "--all", "--quiet", "--sort=created").split()):
            self.call("rm", "--force", "--volumes", "--time", "2", container)

    def remove_everything(self) -> None:
        """Leave nothing of it: containers, images and the folder itself."""
        self.remove_containers()
        self.call("image", "unmount", "--all")
        self.call("rmi", "--all", "--force")
        shutil.rmtree(self.folder, ignore_errors=True)


def confined() -> list[str]:
    """What a task or pod may not: write to its root, gain rights, reach more than its loopback.

    With the host's network a container has that of this process: see `loopback`. Without limits
    podman would raise them, which takes a right that root of a container may not have.
    """
    return [
        *("--network", "host", "--read-only", "--read-only-tmpfs=false", "--cap-drop", "all"),
        *("--security-opt", "no-new-privileges"),
        *("--ulimit", "nofile=4096:4096", "--ulimit", "nproc=1024:1024"),
    ]
