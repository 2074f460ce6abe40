"""Verifies one service of a pull request: its template, its build, its tests."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tiercel.domain.artifact.outside_rules import require_allowed
from tiercel.domain.artifact.source_tree import SourceTree
from tiercel.domain.base.errors import BuildFailedError, RefusedInputError
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import Builds, Environment
from tiercel.tasks.build.builder import build_service
from tiercel.tasks.build.process import can_go_offline, run_build
from tiercel.tasks.build.templates import load_template, parse_template
from tiercel.tasks.engine.task import run_logger, world_task
from tiercel.tasks.source.repository import Commit, read_text

_LINT_SECONDS = 120
# These make cfn-lint load rules or files that the pull request chooses.
_FORBIDDEN_LINT_CONFIG = ("append_rules", "custom_rules", "override_spec", "parameter_files")
_SHOWN_FINDINGS = 10


@world_task("verify", "verify {service.name}")
def verify_service(
    commit: Commit,
    service: Service,
    tree: SourceTree,
    builds: Builds,
    environment: Environment,
    folder: Path,
) -> dict[str, Any]:
    """Check, build and test a service, and return its template; nothing is uploaded.

    Its code runs with the environment, limits and lack of credentials of a build, and
    its tests without network where the system can do that. Raises RefusedInputError for
    a broken template, BuildFailedError for a build or test that fails.
    """
    built = build_service.fn(commit, service, tree, builds, folder)
    require_allowed(built.manifest.outside, environment, None)
    source, scratch = folder / "source", folder / "scratch"
    template = load_template(source / service.template_path, service.template_path)
    _lint(source / service.template_path, service.template_path, template, scratch)
    if service.test:
        note = "" if can_go_offline() else ", with network: this system cannot take it away"
        run_logger().info("%s: %s%s", service.name, " ".join(service.test), note)
        run_build(service.test, source / service.path, scratch, builds, offline=True)
    return template


@world_task("read template", "read template {path}")
def read_template(commit: Commit, path: str) -> dict[str, Any] | None:
    """Return the template that a commit has at a path, None if it has none that can be read."""
    try:
        text = read_text(commit, path)
        return parse_template(text.encode(), path) if text is not None else None
    except RefusedInputError:
        return None


def _lint(path: Path, shown: str, template: dict[str, Any], scratch: Path) -> None:
    """Run cfn-lint as a build, because it reads what the pull request wrote."""
    _refuse_lint_config(template, shown)
    report = scratch / "lint.json"
    command = (
        str(Path(sys.executable).with_name("cfn-lint")),
        "--non-zero-exit-code", "none", "--format", "json",
        "--output-file", str(report), "--template", str(path),
    )  # fmt: skip
    neutral = scratch / "lint"
    neutral.mkdir()
    run_build(command, neutral, scratch, Builds(timeout_seconds=_LINT_SECONDS), offline=True)
    found = json.loads(report.read_bytes() or b"[]")
    errors = [one for one in found if one.get("Level") == "Error"]
    if errors:
        raise BuildFailedError(
            "template.lint_errors",
            f"the template has {len(errors)} error{'s' if len(errors) > 1 else ''}",
            where=shown,
            why="\n".join(_finding(one) for one in errors[:_SHOWN_FINDINGS]),
            state="nothing was deployed",
            remedy="correct the template; `cfn-lint` shows the same on your machine",
        )


def _finding(one: dict[str, Any]) -> str:
    line = one.get("Location", {}).get("Start", {}).get("LineNumber", "?")
    return f"line {line}: {one.get('Rule', {}).get('Id', '')} {one.get('Message', '')}"


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
