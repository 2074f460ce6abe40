"""Verifies one service of a pull request: its template, its build, its tests."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import replace
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath
from typing import Any

from tiercel.domain.artifact.source_tree import SourceTree
from tiercel.domain.base.errors import BuildFailedError, RefusedInputError
from tiercel.domain.base.limits import MAX_TEMPLATE_BYTES, MAX_TEMPLATE_FILE_BYTES
from tiercel.domain.organization.access import BuildProject
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import Topology
from tiercel.domain.template.expansion.includes import included_paths
from tiercel.domain.template.expansion.sections import without_nothing
from tiercel.domain.template.outside_rules import require_allowed_as_configured
from tiercel.domain.template.smoke_target import require_smoke_target
from tiercel.tasks.build.job import BuildStep, Place
from tiercel.tasks.build.places import place_of
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.packaging.builder import Work, build_and_package, build_work
from tiercel.tasks.source.repository import Commit, read_files
from tiercel.tasks.source.templates import complete_template, dump_template, parse_template

_LINT_SECONDS = 120
_LINT_REPORT = "report.json"
# These make cfn-lint load rules or files that the pull request chooses.
_FORBIDDEN_LINT_CONFIG = ("append_rules", "custom_rules", "override_spec", "parameter_files")
_SHOWN_FINDINGS = 10


@world_task("verify", "verify {service.name}")
def verify_service(
    commit: Commit,
    service: Service,
    tree: SourceTree,
    topology: Topology,
    folder: Path,
    project: BuildProject | None = None,
) -> dict[str, Any]:
    """Check, build and test a service, and return its template; nothing is uploaded.

    Its code runs where [builds] says, and its tests without network where that place can do
    it. Raises RefusedInputError for a broken template, BuildFailedError for a build or test
    that fails.
    """
    place = place_of(topology.builds, project)
    work = build_work(commit, service, place, topology.builds, folder, verifying=True)
    built = build_and_package(place, work, tree)
    ways = (topology.verifying, *topology.pullers_of(topology.verifying.name))
    require_allowed_as_configured(built.manifest.outside, service, ways)
    path = PurePosixPath(service.template_path)
    template = work.shop.templates[path]
    require_smoke_target(service, template)
    _lint(place, work, path)
    place.test(work.job)
    return template


@world_task("read template", "read template {path}")
def read_template(commit: Commit, path: str) -> dict[str, Any] | None:
    """Return the template that a commit has at a path, None if it has none that can be read."""
    template = PurePosixPath(path)

    def read(file: PurePosixPath) -> bytes | None:
        return read_files(commit, [file], MAX_TEMPLATE_FILE_BYTES).get(file)

    try:
        return complete_template(read, template)
    except RefusedInputError:
        return None


def _lint(place: Place, work: Work, path: PurePosixPath) -> None:
    """Run cfn-lint as a test, because it reads what the pull request wrote.

    It stands in a folder of its own: in the source it would take its settings from there.
    """
    template, job = work.shop.templates[path], work.job
    _refuse_lint_config(template, str(path))
    neutral = Path(tempfile.mkdtemp(prefix="lint-", dir=job.root))
    linted = str(PurePosixPath("..", "source", path))
    is_written_out = _is_short(work.shop.files.read_template(path) or b"", str(path))
    if is_written_out:
        linted = "template.json"
        (neutral / linted).write_bytes(dump_template(without_nothing(template), str(path)))
    command = (
        str(Path(sys.executable).with_name("cfn-lint")),
        "--non-zero-exit-code", "none", "--format", "json",
        "--output-file", _LINT_REPORT, "--template", linted,
    )  # fmt: skip
    limits = job.builds.model_copy(update={"timeout_seconds": _LINT_SECONDS})
    # Where it is installed may be another place than where its command is.
    installed = Path(str(distribution("cfn-lint").locate_file("")))
    step = BuildStep(command, PurePosixPath(neutral.name), tools=(Path(sys.prefix), installed))
    place.inspect(replace(job, builds=limits), step)
    found = json.loads((neutral / _LINT_REPORT).read_bytes() or b"[]")
    errors = [one for one in found if one.get("Level") == "Error"]
    if errors:
        raise BuildFailedError(
            "template.lint_errors",
            f"the template has {len(errors)} error{'s' if len(errors) > 1 else ''}",
            where=str(path),
            why="\n".join(
                _finding(one, by_path=is_written_out) for one in errors[:_SHOWN_FINDINGS]
            ),
            state="nothing was deployed",
            remedy="correct the template; `cfn-lint` shows the same on your machine",
        )


def _is_short(body: bytes, shown: str) -> bool:
    """Tell whether cfn-lint would stop at what packaging writes out or leaves out."""
    template = parse_template(body, shown)
    return (
        len(body) > MAX_TEMPLATE_BYTES
        or bool(included_paths(template, shown))
        or without_nothing(template) != template
    )


def _finding(one: dict[str, Any], *, by_path: bool) -> str:
    """Name the line, or the keys that lead there in what stands in no file of the repository."""
    place = one.get("Location", {})
    line = place.get("Start", {}).get("LineNumber", "?")
    keys = "/".join(str(key) for key in place.get("Path") or ())
    named = keys if by_path else f"line {line}"
    return f"{named}: {one.get('Rule', {}).get('Id', '')} {one.get('Message', '')}"


def _refuse_lint_config(template: dict[str, Any], shown: str) -> None:
    metadata = template.get("Metadata")
    settings = metadata.get("cfn-lint") if isinstance(metadata, dict) else None
    config = settings.get("config") if isinstance(settings, dict) else None
    for key in _FORBIDDEN_LINT_CONFIG:
        if isinstance(config, dict) and key in config:
            raise RefusedInputError(
                "template.lint_configuration",
                f"the template tells cfn-lint to use {key}",
                where=shown,
                why="it would load files that the pull request chooses",
                remedy=f"remove Metadata.cfn-lint.config.{key}",
            )
