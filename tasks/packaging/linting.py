"""cfn-lint on a service's templates, as a test: it reads what the pull request wrote."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath
from typing import Any

from tiercel.domain.base.errors import BuildFailedError, RefusedInputError
from tiercel.domain.base.text import printable
from tiercel.tasks.build.job import BuildJob, BuildStep, Place

_LINT_SECONDS = 120
_LINT_REPORT = "report.json"
# These make cfn-lint load rules or files that the pull request chooses.
_FORBIDDEN_CONFIG = ("append_rules", "custom_rules", "override_spec", "parameter_files")
_SHOWN_FINDINGS = 100
_LONGEST_FINDING = 300
_RULE_FAILED = "E0002"
"""The rule by which cfn-lint says that another of its rules crashed.

https://github.com/aws-cloudformation/cfn-lint/blob/main/docs/rules.md
"""


def lint(
    place: Place, job: BuildJob, templates: Mapping[PurePosixPath, dict[str, Any]]
) -> list[str]:
    """Run cfn-lint on templates, and return what it could not judge.

    Raises BuildFailedError with every error that it finds, by template and line. Where the
    linter itself fails, nothing is known of the template: that is told, and no fault of it.
    """
    for path, template in templates.items():
        _refuse_config(template, str(path))
    if not templates:
        return []
    try:
        found = _findings(place, job, list(templates))
    except BuildFailedError as error:
        return [f"cfn-lint failed and judged no template: {printable(error.why, _LONGEST_FINDING)}"]
    errors = [one for one in found if one.get("Level") == "Error"]
    crashed = [one for one in errors if _rule(one) == _RULE_FAILED]
    wrong = [one for one in errors if _rule(one) != _RULE_FAILED]
    if wrong:
        raise BuildFailedError(
            "template.lint_errors",
            f"the template has {len(wrong)} error{'s' if len(wrong) > 1 else ''}",
            where=", ".join(dict.fromkeys(_file(one) for one in wrong)),
            why="\n".join(_lines(wrong)),
            state="nothing was deployed",
            remedy="correct the template; `cfn-lint` shows the same on your machine",
        )
    return [f"a rule of cfn-lint failed, on {line}" for line in _lines(crashed)]


def _findings(place: Place, job: BuildJob, paths: Sequence[PurePosixPath]) -> list[dict[str, Any]]:
    """Run it in a folder of its own: in the source it would take its settings from there."""
    neutral = Path(tempfile.mkdtemp(prefix="lint-", dir=job.root))
    command = (
        str(Path(sys.executable).with_name("cfn-lint")),
        "--non-zero-exit-code", "none", "--format", "json", "--output-file", _LINT_REPORT,
        "--template", *(str(PurePosixPath("..", "source", path)) for path in paths),
    )  # fmt: skip
    limits = job.builds.model_copy(update={"timeout_seconds": _LINT_SECONDS})
    # Where it is installed may be another place than where its command is.
    installed = Path(str(distribution("cfn-lint").locate_file("")))
    step = BuildStep(command, PurePosixPath(neutral.name), tools=(Path(sys.prefix), installed))
    place.inspect(replace(job, builds=limits), step)
    found: list[dict[str, Any]] = json.loads((neutral / _LINT_REPORT).read_bytes() or b"[]")
    return found


def _lines(findings: Sequence[dict[str, Any]]) -> list[str]:
    lines = [_told(one) for one in findings[:_SHOWN_FINDINGS]]
    more = len(findings) - _SHOWN_FINDINGS
    return lines + ([f"and {more} more"] if more > 0 else [])


def _told(one: dict[str, Any]) -> str:
    line = one.get("Location", {}).get("Start", {}).get("LineNumber", "?")
    message = printable(str(one.get("Message", "")), _LONGEST_FINDING)
    return f"{_file(one)}:{line}: {_rule(one)} {message}"


def _file(one: dict[str, Any]) -> str:
    return str(one.get("Filename", "")).removeprefix("../source/")


def _rule(one: dict[str, Any]) -> str:
    return str(one.get("Rule", {}).get("Id", ""))


def _refuse_config(template: dict[str, Any], shown: str) -> None:
    metadata = template.get("Metadata")
    settings = metadata.get("cfn-lint") if isinstance(metadata, dict) else None
    config = settings.get("config") if isinstance(settings, dict) else None
    for key in _FORBIDDEN_CONFIG:
        if isinstance(config, dict) and key in config:
            raise RefusedInputError(
                "template.lint_configuration",
                f"the template tells cfn-lint to use {key}",
                where=shown,
                why="it would load files that the pull request chooses",
                remedy=f"remove Metadata.cfn-lint.config.{key}",
            )
