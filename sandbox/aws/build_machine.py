"""The machine of an emulated CodeBuild build: runs a buildspec's phases, tells lines and phases.

Each build has a folder and namespaces of its own, where they can be had, and sees nothing of the
emulator's environment. What is told, and in which order:
https://docs.aws.amazon.com/codebuild/latest/userguide/view-build-details.html#view-build-details-phases
and https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html
"""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import uv
import yaml

from tiercel.tasks.build.isolation.availability import bubblewrap, can_isolate

PHASES = ("INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD")
_SAY = """say() {
printf '[Container] %s %s\\n' "$(date -u '+%Y/%m/%d %H:%M:%S.%6N')" "$*"
}
"""
_INSIDE = Path("/codebuild")
_LANGUAGES = frozenset({"dotnet", "golang", "java", "nodejs", "php", "python", "ruby"})
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


class BadBuildspecError(Exception):
    """A buildspec that CodeBuild refuses; the text is its message."""


@dataclass(frozen=True)
class PhaseEnd:
    """How a phase ended: its exit status, and the command that failed if one did."""

    name: str
    status: int
    command: str = ""


def commands_of(buildspec: str) -> dict[str, tuple[str, ...]]:
    """Return the commands of each phase; BadBuildspecError for what CodeBuild would not run."""
    try:
        read = yaml.safe_load(buildspec)
    except yaml.YAMLError as error:
        raise BadBuildspecError(f"YAML_FILE_ERROR: {error}") from error
    phases = read.get("phases") if isinstance(read, dict) else None
    if not isinstance(phases, dict) or "version" not in read:
        raise BadBuildspecError("YAML_FILE_ERROR: version and phases are needed")
    for language in (phases.get("install") or {}).get("runtime-versions") or {}:
        if language not in _LANGUAGES:
            raise BadBuildspecError(f"YAML_FILE_ERROR: Unknown runtime named '{language}'")
    return {
        name: tuple(str(one) for one in (phases.get(name.lower()) or {}).get("commands") or ())
        for name in PHASES
    }


@dataclass
class BuildMachine:
    """One build's machine. `tell` gets each line, `enter` and `leave` each phase."""

    commands: Mapping[str, Sequence[str]]
    environment: Mapping[str, str]
    tell: Callable[[str], None]
    enter: Callable[[str], None]
    leave: Callable[[PhaseEnd], None]
    _mark: str = field(default_factory=secrets.token_hex, init=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _stopped: threading.Event = field(default_factory=threading.Event, init=False)

    def run(self, seconds: float) -> bool:
        """Run all phases; False if the time was over. When it returns, nothing runs any more."""
        with tempfile.TemporaryDirectory(prefix="codebuild-", ignore_cleanup_errors=True) as folder:
            process = self._started(Path(folder))
            reader = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
            reader.start()
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                return False
            finally:
                self.stop()
                process.wait()
                reader.join()
            return True

    def stop(self) -> None:
        """End everything of the build."""
        self._stopped.set()
        if self._process:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _started(self, folder: Path) -> subprocess.Popen[bytes]:
        tools, source = folder / "tools", folder / "src"
        for path in (tools, source, folder / "tmp"):
            path.mkdir()
        # The sandbox finds what a killed emulator has left by the program's place.
        script = folder / "build.sh"
        script.write_text("".join(_script(self.commands, self._mark)), "utf-8")
        shutil.copy2(uv.find_uv_bin(), tools / "uv")
        inside = _INSIDE if can_isolate() else folder
        own = {
            "PATH": f"{inside}/tools:{_SYSTEM_PATH}",
            "HOME": str(inside),
            "LANG": "C.UTF-8",
            "CODEBUILD_SRC_DIR": str(inside / "src"),
        }
        self._process = subprocess.Popen(
            [*_machine_of_its_own(folder), "/bin/sh", str(inside / "build.sh")],
            cwd=source,
            env={**own, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        if self._stopped.is_set():
            self.stop()
        return self._process

    def _read(self, output: IO[bytes]) -> None:
        for line in output:
            text = line.decode("utf-8", "replace")
            mark, _, rest = text.rstrip("\n").partition(" ")
            if mark != self._mark:
                self.tell(text)
                continue
            name, *ended = rest.split()
            if not ended:
                self.enter(name)
                continue
            status, place = (int(one) for one in ended)
            self.leave(PhaseEnd(name, status, self.commands[name][place] if status else ""))


def _machine_of_its_own(folder: Path) -> list[str]:
    """Return what shows a command its folder and the machine's programs, and nothing else.

    As in CodeBuild it is root in there, and its network is the machine's. Where there are no
    namespaces the command sees the machine as it is.
    """
    if not can_isolate():
        return []
    system = [
        part
        for name in ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/ssl", "/etc/alternatives")
        if Path(name).exists()
        for part in (
            ("--symlink", str(Path(name).readlink()), name)
            if Path(name).is_symlink()
            else ("--ro-bind", name, name)
        )
    ]
    return [
        bubblewrap(),
        *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts"),
        *("--uid", "0", "--gid", "0", "--cap-drop", "ALL", "--die-with-parent"),
        *system,
        *("--ro-bind-try", "/etc/resolv.conf", "/etc/resolv.conf"),
        *("--ro-bind-try", "/etc/hosts", "/etc/hosts"),
        *("--proc", "/proc", "--dev", "/dev", "--bind", str(folder), str(_INSIDE)),
        *("--bind", str(folder / "tmp"), "/tmp"),  # noqa: S108 - it is the build's own
        *("--chdir", str(_INSIDE / "src"), "--"),
    ]


def _script(commands: Mapping[str, Sequence[str]], mark: str) -> Iterator[str]:
    """One shell runs all commands, as since version 0.2; after BUILD comes POST_BUILD always."""
    yield _SAY
    for phase in PHASES:
        yield f"status=0 place=0\nprintf '%s\\n' '{mark} {phase}'\nsay 'Entering phase {phase}'\n"
        for place, command in enumerate(commands[phase]):
            quoted = shlex.quote(command)
            yield (
                f"if [ $status -eq 0 ]; then place={place}; say Running command {quoted}; "
                f"eval {quoted} || status=$?; fi\n"
            )
        yield (
            f"state=SUCCEEDED; [ $status -eq 0 ] || state=FAILED\n"
            f"say Phase complete: {phase} State: $state\n"
            f"printf '%s %s %s\\n' '{mark} {phase}' $status $place\n"
        )
        if phase in ("INSTALL", "PRE_BUILD"):
            yield "[ $status -eq 0 ] || exit 0\n"


def as_variables(declared: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return environment variables as CodeBuild's API lists them; later ones win."""
    return {str(one["name"]): str(one["value"]) for one in declared}
