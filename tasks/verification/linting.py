"""cfn-lint on a service's templates, as a test: it reads what the pull request wrote."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from tiercel.domain.base.digests import sha256_hex
from tiercel.domain.base.errors import BuildFailedError, RefusedInputError, TiercelError
from tiercel.domain.base.limits import MAX_TEMPLATE_BYTES
from tiercel.domain.base.text import printable
from tiercel.domain.review.templates.lint_findings import has_macros, is_guess
from tiercel.domain.template.expansion.includes import included_paths
from tiercel.domain.template.expansion.sections import without_nothing
from tiercel.tasks.build.here import Here
from tiercel.tasks.build.job import BuildJob, BuildStep, Place
from tiercel.tasks.packaging.builder import Work
from tiercel.tasks.source.templates import dump_template, parse_template

_LINT_SECONDS = 120
_LINT_REPORT = "report.json"
_WRITTEN_OUT = ".written-out.json"
# These make cfn-lint load rules or files that the pull request chooses.
_FORBIDDEN_CONFIG = ("append_rules", "custom_rules", "override_spec", "parameter_files")
_SHOWN_FINDINGS = 100
_LONGEST_FINDING = 300
_RULE_FAILED = "E0002"
"""The rule by which cfn-lint says that another of its rules crashed.

https://github.com/aws-cloudformation/cfn-lint/blob/main/docs/rules.md
"""


def lint(place: Place, work: Work) -> list[str]:
    """Run cfn-lint on a service's templates, and return what it could not judge.

    Raises BuildFailedError with every error that it finds, by template and line. What it only
    guesses, and errors of a template that macros of the account change first, are told. Where the
    linter itself fails, nothing is known of the template: that is told, and no fault of it.
    """
    for path, template in work.shop.templates.items():
        _refuse_config(template, str(path))
    if not work.shop.templates:
        return []
    try:
        found = _findings(place, work)
    except BuildFailedError as error:
        return [f"cfn-lint failed and judged no template: {printable(error.why, _LONGEST_FINDING)}"]
    return _judged(found, work)


def lint_together(works: Sequence[Work], folder: Path) -> dict[str, TiercelError]:
    """Run cfn-lint once a core for many services on this machine; return what is wrong, by service.

    What services have alike is read once. Nothing here was sent by others: the caller reads
    templates of his own. Where the linter itself fails, all that it was to read has that fault.
    """
    neutral = Path(tempfile.mkdtemp(prefix="lint-", dir=folder))
    faults: dict[str, TiercelError] = {}
    files: dict[str, list[tuple[Work, PurePosixPath]]] = {}
    for work in works:
        try:
            for path, template in work.shop.templates.items():
                _refuse_config(template, str(path))
        except RefusedInputError as error:
            faults[work.shop.service.name] = error
            continue
        for path in work.shop.templates:
            files.setdefault(_written(work, path, neutral), []).append((work, path))
    reports, failed = _reports(files, neutral, works[0].job) if files else ([], {})
    faults |= {user.shop.service.name: failed[file] for file in failed for user, _ in files[file]}
    for work in works:
        found = [
            _found(report, {file: path})
            for file, users in files.items()
            for user, path in users
            if user is work
            for report in reports
            if report["Filename"] == file
        ]
        try:
            _judged(found, work)
        except BuildFailedError as error:
            faults[work.shop.service.name] = error
    return faults


def _reports(
    files: Collection[str], neutral: Path, job: BuildJob
) -> tuple[list[dict[str, Any]], dict[str, BuildFailedError]]:
    """Return the errors of all files, of which each core's process has read its share.

    Also why the linter failed, by each file that it has therefore not read.
    """
    cores = os.cpu_count() or 1
    parts = [list(files)[start::cores] for start in range(cores)]
    failed: dict[str, BuildFailedError] = {}

    def reported(part: int) -> list[dict[str, Any]]:
        # What a command leaves is known by its scratch folder, and killed when it ends.
        within = replace(job, root=neutral, scratch=neutral / str(part))
        try:
            return _report(Here(), within, neutral, parts[part], f"{part}-{_LINT_REPORT}")
        except BuildFailedError as error:
            failed.update(dict.fromkeys(parts[part], error))
            return []

    with ThreadPoolExecutor(cores) as pool:
        chosen = [part for part, names in enumerate(parts) if names]
        return [one for found in pool.map(reported, chosen) for one in found], failed


def _written(work: Work, path: PurePosixPath, neutral: Path) -> str:
    """Return the file that is linted of a source that is in no folder, the same for the same."""
    body = work.shop.files.read_template(path) or b""
    if _is_short(body, str(path)):
        return _prepared(work, path, neutral)
    name = f"{sha256_hex(body)}{path.suffix}"
    (neutral / name).write_bytes(body)
    return name


def _judged(found: Sequence[_Found], work: Work) -> list[str]:
    """Return what is only told of findings; raises BuildFailedError for those that are errors."""
    changed = {str(path) for path, one in work.shop.templates.items() if has_macros(one)}
    notes = [one for one in found if one.template in changed or is_guess(one.rule, one.message)]
    crashed = [one for one in found if one.rule == _RULE_FAILED]
    wrong = [one for one in found if one not in notes and one not in crashed]
    if wrong:
        raise BuildFailedError(
            "template.lint_errors",
            f"the template has {len(wrong)} error{'s' if len(wrong) > 1 else ''}",
            where=", ".join(dict.fromkeys(one.template for one in wrong)),
            why="\n".join(_lines(wrong)),
            state="nothing was deployed",
            remedy="correct the template; `cfn-lint` shows the same on your machine. Where AWS "
            "takes it all the same, as an old runtime of a function that exists, name the rule "
            "under Metadata.cfn-lint.config.ignore_checks of the template",
        )
    told = [f"cfn-lint says, and CloudFormation may take it: {line}" for line in _lines(notes)]
    return told + [f"a rule of cfn-lint failed, on {line}" for line in _lines(crashed)]


class _Found(NamedTuple):
    """An error, at a line, or at the keys that lead there in what stands in no file."""

    template: str
    place: str
    rule: str
    message: str


def _findings(place: Place, work: Work) -> list[_Found]:
    """Run it in a folder of its own: in the source it would take its settings from there."""
    neutral = Path(tempfile.mkdtemp(prefix="lint-", dir=work.job.root))
    linted = {_prepared(work, path, neutral): path for path in work.shop.templates}
    reported = _report(place, work.job, neutral, list(linted), _LINT_REPORT)
    return [_found(one, linted) for one in reported]


def _report(
    place: Place, job: BuildJob, neutral: Path, files: Sequence[str], report: str
) -> list[dict[str, Any]]:
    """Return the errors that cfn-lint finds in files of a folder, as it reports them."""
    command = (
        str(Path(sys.executable).with_name("cfn-lint")),
        "--non-zero-exit-code", "none", "--format", "json", "--output-file", report,
        "--template", *files,
    )  # fmt: skip
    limits = job.builds.model_copy(update={"timeout_seconds": _LINT_SECONDS})
    # Where it is installed may be another place than where its command is.
    installed = Path(str(distribution("cfn-lint").locate_file("")))
    within = PurePosixPath(os.path.relpath(neutral, job.root))
    step = BuildStep(command, within, tools=(Path(sys.prefix), installed))
    place.inspect(replace(job, builds=limits), step)
    found = json.loads((neutral / report).read_bytes() or b"[]")
    return [one for one in found if one.get("Level") == "Error"]


def _prepared(work: Work, path: PurePosixPath, neutral: Path) -> str:
    """Return the file that is linted: where the template is short for something, what for."""
    if not _is_short(work.shop.files.read_template(path) or b"", str(path)):
        return str(PurePosixPath("..", "source", path))
    name = f"{sha256_hex(str(path).encode())}{_WRITTEN_OUT}"
    template = without_nothing(work.shop.templates[path])
    (neutral / name).write_bytes(dump_template(template, str(path)))
    return name


def _is_short(body: bytes, shown: str) -> bool:
    """Tell whether cfn-lint would stop at what packaging writes out or leaves out."""
    template = parse_template(body, shown)
    return (
        len(body) > MAX_TEMPLATE_BYTES
        or bool(included_paths(template, shown))
        or without_nothing(template) != template
    )


def _found(one: dict[str, Any], linted: Mapping[str, PurePosixPath]) -> _Found:
    file, place = str(one.get("Filename", "")), one.get("Location", {})
    keys = "/".join(str(key) for key in place.get("Path") or ())
    line = str(place.get("Start", {}).get("LineNumber", "?"))
    return _Found(
        template=str(linted.get(file, file)),
        place=keys if file.endswith(_WRITTEN_OUT) else line,
        rule=str(one.get("Rule", {}).get("Id", "")),
        message=printable(str(one.get("Message", "")), _LONGEST_FINDING),
    )


def _lines(findings: Sequence[_Found]) -> list[str]:
    lines = [
        f"{one.template}:{one.place}: {one.rule} {one.message}"
        for one in findings[:_SHOWN_FINDINGS]
    ]
    more = len(findings) - _SHOWN_FINDINGS
    return lines + ([f"and {more} more"] if more > 0 else [])


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
