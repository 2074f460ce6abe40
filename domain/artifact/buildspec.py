"""What CodeBuild is told for one service: our buildspec, its image, its runtimes.

The buildspec is made here and given with every build, so that neither the repository nor the
project decides what runs beside the two addresses of a build. Sources:
https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html,
https://docs.aws.amazon.com/codebuild/latest/userguide/available-runtimes.html and
https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from tiercel.domain.base.values import Frozen
from tiercel.domain.organization.topology import LONGEST_REMOTE_SECONDS

SOURCE_VARIABLE = "BUILD_SOURCE"
"""The address from which a build gets its source, once."""
RESULT_VARIABLE = "BUILD_RESULT"
"""The address to which a build puts what it made, once."""
NAME_VARIABLE = "BUILD_NAME"
"""By what a build is found again; see `tasks/aws/codebuild.py`."""

_KILL_SECONDS = 10
_MARGIN_SECONDS = 300
_MINUTE = 60
_LEAST_MINUTES = 5
_ROOT = '"$CODEBUILD_SRC_DIR/root"'
_SOURCE = '"$CODEBUILD_SRC_DIR/source.tar.gz"'
_RESULT = '"$CODEBUILD_SRC_DIR/result.tar.gz"'
_RUNTIME = re.compile(r"(dotnet|java|nodejs|python|ruby)(\d+(?:\.\d+)?)(?:\.x)?")
_JAVA = "corretto"
_VARIABLES = {
    "CI": "true",
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    "SOURCE_DATE_EPOCH": "315532800",
}
"""What every build sees, wherever it runs; the last is the time that the packages carry."""


class Machine(Frozen):
    """The kind of machine and the image in which CodeBuild runs a build."""

    type: str
    image: str


ARM = Machine(type="ARM_CONTAINER", image="aws/codebuild/amazonlinux-aarch64-standard:3.0")
X86 = Machine(type="LINUX_CONTAINER", image="aws/codebuild/amazonlinux-x86_64-standard:5.0")


@dataclass(frozen=True)
class BuildCommand:
    """A command as an argument list, and the folder below the root in which it runs."""

    arguments: Sequence[str]
    folder: PurePosixPath


def machine_for(architectures: Iterable[str]) -> Machine:
    """Return the machine for what a template's functions run on: ARM only if all of them do."""
    return ARM if set(architectures) == {"arm64"} else X86


def runtime_versions(runtimes: Iterable[str]) -> dict[str, str]:
    """Return which languages an image has to bring, as a template's functions say.

    CodeBuild takes one version of each: the newest. What it has under no such name, as
    `provided.al2023`, is left out, and a build command has to bring it.
    """
    newest: dict[str, tuple[int, ...]] = {}
    for runtime in runtimes:
        match = _RUNTIME.fullmatch(runtime)
        if match:
            version = tuple(int(part) for part in match[2].split("."))
            newest[match[1]] = max(version, newest.get(match[1], ()))
    return {name: _version(name, version) for name, version in sorted(newest.items())}


def _version(name: str, version: tuple[int, ...]) -> str:
    text = ".".join(str(part) for part in version)
    if name == "java":
        return _JAVA + text
    return f"{text}.0" if name == "dotnet" and len(version) == 1 else text


def buildspec(
    build: Sequence[BuildCommand],
    test: Sequence[BuildCommand],
    runtimes: Mapping[str, str],
    seconds: int,
    passed_on: Collection[str],
    installers: Sequence[str],
) -> str:
    """Return the buildspec of one service's build, as JSON, which is YAML.

    Each command runs in a shell of its own, as an argument list, for at most so many seconds,
    without the variables of CodeBuild and its role; `passed_on` are the names of those that it
    gets besides. The result is put to its address when all of `build` have succeeded, and only
    then the test runs, with what goes before it: what it changes is in no result. `installers` are
    the packages with their versions that the commands need, uv first.
    """
    phases: dict[str, Any] = {
        "install": {
            "runtime-versions": dict(runtimes),
            "commands": [
                f"command -v uv || python3 -m pip install --quiet {shlex.quote(installers[0])}",
                *(f"python3 -m pip install --quiet {shlex.quote(one)}" for one in installers[1:]),
            ],
        },
        "pre_build": {
            "commands": [
                f'mkdir -p {_ROOT} "$CODEBUILD_SRC_DIR/home" "$CODEBUILD_SRC_DIR/tmp"',
                _curl(f"--output {_SOURCE}", SOURCE_VARIABLE),
                f"tar -xzf {_SOURCE} -C {_ROOT}",
            ]
        },
        "build": {
            "commands": [
                *(_bounded(command, seconds, passed_on) for command in build),
                f"tar --format=pax --hard-dereference -czf {_RESULT} -C {_ROOT} .",
                _curl(f"--upload-file {_RESULT}", RESULT_VARIABLE),
                *(_bounded(command, seconds, passed_on) for command in test),
            ]
        },
    }
    if not runtimes:
        del phases["install"]["runtime-versions"]
    return json.dumps({"version": 0.2, "phases": phases}, indent=1)


def build_minutes(commands: int, seconds: int) -> int:
    """Return the minutes after which CodeBuild stops a build, whatever its commands do."""
    whole = min(commands * seconds, LONGEST_REMOTE_SECONDS) + _MARGIN_SECONDS
    return max(_LEAST_MINUTES, -(-whole // _MINUTE))


def _curl(what: str, variable: str) -> str:
    return f'curl --fail --silent --show-error --retry 3 {what} "${variable}"'


def _bounded(command: BuildCommand, seconds: int, passed_on: Collection[str]) -> str:
    own = [f"{name}={value}" for name, value in _VARIABLES.items()]
    passed = [f'${{{name}+"{name}=${name}"}}' for name in sorted(passed_on)]
    words = (
        *("env", "-i", *own, 'PATH="$PATH"'),
        *('HOME="$CODEBUILD_SRC_DIR/home"', 'TMPDIR="$CODEBUILD_SRC_DIR/tmp"'),
        *('UV_CACHE_DIR="$CODEBUILD_SRC_DIR/home/uv-cache"', *passed),
        *("timeout", f"--kill-after={_KILL_SECONDS}", str(seconds)),
        shlex.join(command.arguments),
    )
    folder = shlex.quote(str(command.folder))
    return f"(cd {_ROOT}/{folder} && {' '.join(words)} < /dev/null)"
