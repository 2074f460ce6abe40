"""What checkov, cfn-lint and parliament find in `terraform/`, `examples/` and `policies/`.

https://www.checkov.io and https://github.com/duo-labs/parliament are somebody else's collections
of rules; their dependencies conflict with ours, so each has an environment of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import uv

from tests.oracle.judges import HERE, UnavailableError
from tests.oracle.world import ours
from tests.support.patience import PATIENCE_SECONDS

ROOT = HERE.parents[1]
ANSWERS = HERE / "findings.toml"
_SHOWN = 400


@dataclass(frozen=True, order=True)
class Finding:
    """A rule that something does not keep: a file, and the resource in it where one is named."""

    rule: str
    file: str
    resource: str
    text: str

    @property
    def place(self) -> str:
        """The file and the resource, as answers name them."""
        return f"{self.file} {self.resource}".strip()

    def __str__(self) -> str:
        """Return what a person looks for."""
        return f"{self.rule} {self.place}: {self.text}"


@dataclass(frozen=True)
class Answer:
    """Why a rule is not kept in these places, which may be patterns."""

    rule: str
    places: tuple[str, ...]
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Whether a finding is answered by this."""
        return finding.rule == self.rule and any(
            fnmatchcase(finding.place, place) for place in self.places
        )


def read_answers() -> list[Answer]:
    """Return the answers that are on file."""
    found = tomllib.loads(ANSWERS.read_text("utf-8"))["answer"]
    return [Answer(one["rule"], tuple(one["places"]), one["reason"]) for one in found]


def unanswered(findings: Iterable[Finding], answers: Iterable[Answer]) -> list[Finding]:
    """Return the findings that no answer covers."""
    known = list(answers)
    return [one for one in sorted(findings) if not any(each.covers(one) for each in known)]


def idle(findings: Iterable[Finding], answers: Iterable[Answer]) -> list[str]:
    """Return what stands in answers and answers nothing: a rule, and the place."""
    found = list(findings)
    return [
        f"{answer.rule} {place}"
        for answer in answers
        for place in answer.places
        if not any(Answer(answer.rule, (place,), "").covers(one) for one in found)
    ]


def checkov_findings(root: Path = ROOT) -> list[Finding]:
    """Return what checkov finds; UnavailableError where it cannot be installed.

    Nothing is asked of the network: neither rules nor guidelines are fetched.
    """
    said = subprocess.run(
        [_environment_of("checkov") / "checkov",
         "--directory", "terraform", "--directory", "examples",
         "--framework", "terraform", "cloudformation",
         "--output", "json", "--compact", "--quiet", "--skip-download", "--soft-fail"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    reports = list(_reports(said.stdout))
    assert {report["check_type"] for report in reports} == {"terraform", "cloudformation"}
    assert not any(report["summary"]["parsing_errors"] for report in reports)
    return sorted(
        {_finding(one) for report in reports for one in report["results"]["failed_checks"]}
    )


def lint_findings(root: Path = ROOT) -> list[Finding]:
    """Return what cfn-lint finds in the templates of the examples."""
    program = Path(sys.executable).with_name("cfn-lint")
    templates = [
        path
        for pattern in ("template.yaml", "template.json")
        for path in (root / "examples").rglob(pattern)
    ]
    said = subprocess.run(
        [program, "--format", "json", "--include-checks", "I", "--", *templates],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    return [
        Finding(
            one["Rule"]["Id"],
            str(Path(one["Filename"]).relative_to(root)),
            "/".join(map(str, one["Location"]["Path"] or ())),
            one["Message"],
        )
        for one in json.loads(said.stdout or "[]")
    ]


def parliament_findings() -> list[Finding]:
    """Return what parliament finds in each statement of the policies, filled in and composed.

    UnavailableError where it cannot be installed.
    """
    policies = {
        f"policies/{name}.json {statement['Sid']}": policy | {"Statement": [statement]}
        for (_, name), policy in ours().items()
        for statement in policy["Statement"]
        if statement["Action"] != "*"  # every action of AWS, which is only ever denied: 2 seconds
    }
    said = subprocess.run(
        [_environment_of("parliament") / "python", HERE / "parliament_judge.py"],
        input=json.dumps(policies),
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_SECONDS,
    )
    found = ((*place.split(), rule, text) for place, rule, text in json.loads(said.stdout))
    return sorted({Finding(rule, file, sid, text) for file, sid, rule, text in found})


def _reports(text: str) -> Iterator[dict[str, Any]]:
    """Yield the reports: one JSON document for each folder, with one report or a list of them."""
    decoder, rest = json.JSONDecoder(), text.strip()
    while rest:
        document, end = decoder.raw_decode(rest)
        yield from document if isinstance(document, list) else [document]
        rest = rest[end:].strip()


def _finding(failed: dict[str, Any]) -> Finding:
    return Finding(
        failed["check_id"],
        failed["repo_file_path"].lstrip("/"),
        failed["resource"],
        failed["check_name"],
    )


def _environment_of(name: str) -> Path:
    """Return where a tool's programs are: in an environment of its own, made the first time."""
    requirements = HERE / f"{name}.txt"
    recipe = requirements.read_bytes() + platform.python_version().encode()
    default = Path.home() / ".cache" / "tiercel"
    cache = Path(os.environ.get("TIERCEL_CACHE_DIR", default)) / name
    folder = cache / hashlib.sha256(recipe).hexdigest()[:16]
    complete = folder / "complete"
    if not complete.exists():
        cache.mkdir(parents=True, exist_ok=True)
        _install(folder, requirements)
        complete.touch()
    return folder / "bin"


def _install(folder: Path, requirements: Path) -> None:
    tool = uv.find_uv_bin()
    commands: tuple[list[str | Path], ...] = (
            ["venv", "--quiet", "--clear", "--python", sys.executable, folder],
            ["pip", "install", "--quiet", "--python", folder / "bin" / "python",
             "--requirement", requirements],
        )  # fmt: skip
    try:
        for command in commands:
            subprocess.run(
                [tool, *command],
                check=True,
                capture_output=True,
                text=True,
                timeout=PATIENCE_SECONDS,
            )
    except (subprocess.SubprocessError, OSError) as error:
        words = getattr(error, "stderr", None) or str(error)
        said = str(words).strip()[-_SHOWN:]
        name = requirements.stem
        raise UnavailableError(f"{name} cannot be installed: {said}") from error
