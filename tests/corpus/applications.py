"""Takes whole public applications, unchanged, from a commit to Prod in the sandbox, twice.

python -m tests.corpus.applications --corpus FOLDER [--only NAME ...] [--page]

Each is a repository of its own with the files that its own repository has at that path, and a
`tiercel.toml` that names its services. The commands are those of a person: publish, deploy,
promote; then all three again, which have to find nothing to do.
"""
# ruff: noqa: T201 - this is a command

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.place import CONFIG, working_folder
from tests.corpus.checkouts import Checkout, checkouts
from tests.support.commands import data_in, fork
from tiercel.cli.terminal.session import quiet_prefect, use_sandbox
from tiercel.domain.configuration.parsing import parse_topology
from tiercel.domain.organization.stack_rules import STACK_SERVICES
from tiercel.sandbox.lifecycle import Sandbox, down, up
from tiercel.sandbox.repositories import git_in, import_repository

LIST = Path(__file__).with_name("applications.toml")
_SHOWN = 2000
_SECONDS = 300
_WORDS = ("publish", "deploy", "promote")


@dataclass(frozen=True)
class Application:
    """An application of the list. `services` are the tables of its tiercel.toml."""

    name: str
    repository: str
    path: str
    kinds: tuple[str, ...]
    services: Mapping[str, Mapping[str, Any]]
    uses: tuple[str, ...]
    """Services of AWS that the worker's configuration has to list, beside the default ones."""
    touched: str = ""
    """A file of a function whose traffic shifts: it gets one line more, and is released again."""


@dataclass
class Course:
    """How one application went: seconds of each command, and what stopped it."""

    name: str
    repository: str
    path: str
    kinds: list[str]
    seconds: dict[str, float] = field(default_factory=dict)
    again: dict[str, float] = field(default_factory=dict)
    stopped_at: str = ""
    why: str = ""
    unchanged: bool = False
    stacks: list[str] = field(default_factory=list)
    touched: dict[str, float] = field(default_factory=dict)
    shifts: list[str] = field(default_factory=list)
    """How the traffic of each alias shifted, by stack."""


def applications() -> list[Application]:
    """Return the list."""
    document = tomllib.loads(LIST.read_text(encoding="utf-8"))
    return [
        Application(
            name=one["name"],
            repository=one["repository"],
            path=one["path"],
            kinds=tuple(one["kinds"]),
            services=one.get("services", {one["name"]: {"path": "."}}),
            uses=tuple(one.get("uses", ())),
            touched=one.get("touched", ""),
        )
        for one in document["application"]
    ]


def take(application: Application, checkout: Checkout, running: Sandbox, folder: Path) -> Course:
    """Take one application to Prod, and once more."""
    course = Course(
        application.name, application.repository, application.path, list(application.kinds)
    )
    name = f"acme/{application.name}"
    commit = _import(application, checkout, running, folder, name)
    if not _released(course, name, commit, running, course.seconds, ""):
        return course
    if not _released(course, name, commit, running, course.again, " again"):
        return course
    if application.touched:
        commit = _touched(application, running, folder, name)
        if _released(course, name, commit, running, course.touched, " touched"):
            course.shifts = [one for stack in course.stacks for one in _shifts(stack, running)]
    return course


def _released(
    course: Course, name: str, commit: str, running: Sandbox, seconds: dict[str, float], when: str
) -> bool:
    """Publish, deploy and promote; False if that was stopped, or did again what was done."""
    for word in _WORDS:
        start = time.monotonic()
        code, output, errors = _run(word, name, commit, running)
        seconds[word] = round(time.monotonic() - start, 2)
        if code:
            course.stopped_at, course.why = f"{word}{when}", _reason(errors, output)
            return False
        if word == "publish":
            continue
        found = data_in(output)
        if seconds is course.again:
            course.unchanged = not any(one["changed"] for one in found.values())
            if not course.unchanged:
                course.stopped_at, course.why = f"{word}{when}", "deployed again"
                return False
        course.stacks = [*dict.fromkeys([*course.stacks, *(o["stack"] for o in found.values())])]
    return True


def _touched(application: Application, running: Sandbox, folder: Path, name: str) -> str:
    with (folder / application.touched).open("a", encoding="utf-8") as file:
        file.write("\n")
    git_in(folder, "commit", "--quiet", "--all", "--message=A line more")
    return import_repository(folder, running.state, name, ("develop", "main"))


def _shifts(stack: str, running: Sandbox) -> list[str]:
    config = running.state.parent / "tiercel.toml"
    place = ("--sandbox", "--state", str(running.state), "--config", str(config))
    output, errors = fork("traffic", "show", stack, *place, "--json").communicate()
    if not output:
        return [errors[-_SHOWN:]]
    return [
        f"{stack}: {one['configuration']}: {one['status']}, {one['percent']:g} %"
        for one in data_in(output)
    ]


def _import(
    application: Application, checkout: Checkout, running: Sandbox, folder: Path, name: str
) -> str:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_files(application, checkout, folder)
    (folder / "tiercel.toml").write_text(_configuration(application))
    git_in(folder, "init", "--quiet", "--initial-branch=main")
    git_in(folder, "add", "--all", "--force")
    git_in(folder, "commit", "--quiet", "--message=As it is published")
    return import_repository(folder, running.state, name, ("develop", "main"))


def write_files(application: Application, checkout: Checkout, folder: Path) -> None:
    """Write the application's files, as its repository has them, into a folder."""
    inside = "" if application.path == "." else f":{application.path}"
    archive = checkout.run("archive", "--format=tar", f"{checkout.commit}{inside}")
    subprocess.run(("tar", "-x", "-C", str(folder)), input=archive, check=True)


def _configuration(application: Application) -> str:
    lines = []
    for name, keys in application.services.items():
        lines.append(f"[services.{name}]")
        lines += [f"{key} = {_toml(value)}" for key, value in keys.items()]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    """JSON's texts and lists are TOML's; tables have another sign between name and value."""
    if isinstance(value, dict):
        inner = ", ".join(f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items())
        return f"{{ {inner} }}"
    return json.dumps(value)


def _run(word: str, name: str, commit: str, running: Sandbox) -> tuple[int, str, str]:
    """Run a command in a process of its own; one that does not end in time is ended."""
    config = running.state.parent / "tiercel.toml"
    place = ("--local", "--sandbox", "--state", str(running.state), "--config", str(config))
    process = fork(word, name, commit, *place, "--json")
    try:
        output, errors = process.communicate(timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return 1, "", f"it did not end within {_SECONDS} seconds"
    return process.wait(), output, errors


def _reason(errors: str, output: str) -> str:
    """Return the code and the words of a failure, from the document that the command prints."""
    for text in (output, errors):
        start = text.find('{\n  "error"')
        if start >= 0:
            error = json.JSONDecoder().raw_decode(text[start:])[0]["error"]
            return f"{error['code']}: {error['why'] or error['what']}"
    return (errors + output).strip()[-_SHOWN:]


@contextmanager
def _sandbox(
    folder: Path, wanted: Sequence[Application], indexes: Sequence[str]
) -> Iterator[Sandbox]:
    """Run a sandbox whose configuration allows what the applications use."""
    text = CONFIG.read_text(encoding="utf-8")
    services = list(dict.fromkeys((*STACK_SERVICES, *(u for one in wanted for u in one.uses))))
    for key, values in (("services", services), ("indexes", list(indexes))):
        if values:
            text = re.sub(
                rf"(?ms)^{key} = \[.*?\]$", f"{key} = {json.dumps(values)}", text, count=1
            )
    # Prod has what Preprod has: what is promoted needs the same.
    text += f"\n[environments.prod.stacks]\nservices = {json.dumps(services)}\n"
    config = folder / "tiercel.toml"
    config.write_text(text)
    quiet_prefect()
    running = up(folder / "sandbox", parse_topology(text))
    try:
        use_sandbox(running.state, config)
        yield running
    finally:
        down(running.state)


def main(arguments: Sequence[str] | None = None) -> int:
    """Take all that are listed, print a line for each, and return 1 if one was stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="folder of clones")
    parser.add_argument("--only", nargs="*", default=(), help="names of applications")
    parser.add_argument("--json", type=Path, help="write the outcomes to a file")
    parser.add_argument("--indexes", nargs="*", default=(), help="hosts that builds reach")
    options = parser.parse_args(arguments)
    known = {one.name: one for one in checkouts(options.corpus)}
    wanted = [one for one in applications() if not options.only or one.name in options.only]
    courses: list[Course] = []
    with working_folder() as folder, _sandbox(folder, wanted, options.indexes) as running:
        for application in wanted:
            course = take(application, known[application.repository], running, folder / "clone")
            courses.append(course)
            total, again = sum(course.seconds.values()), sum(course.again.values())
            state = f"{total:6.1f} s, again {again:5.1f} s" if not course.stopped_at else (
                f"stopped at {course.stopped_at}: {course.why[:400]}"
            )  # fmt: skip
            print(f"{application.name:32} {state}", flush=True)
            for one in course.shifts:
                print(f"{'':32} {one}", flush=True)
            if options.json:
                options.json.write_text(json.dumps([asdict(one) for one in courses], indent=1))
    done = [one for one in courses if not one.stopped_at]
    print(f"{len(done)} of {len(courses)} reached Prod and were unchanged the second time")
    return int(len(done) < len(courses))


if __name__ == "__main__":
    sys.exit(main())
