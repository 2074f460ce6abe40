"""cfn-lint, in this process: its rules are read once for all templates."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from cfnlint.api import ManualArgs  # type: ignore[import-untyped]
from cfnlint.config import ConfigMixIn  # type: ignore[import-untyped]
from cfnlint.rules import Rules  # type: ignore[import-untyped]
from cfnlint.runner import Runner  # type: ignore[import-untyped]
from cfnlint.runner.template import run_template_by_file_path  # type: ignore[import-untyped]

_REGIONS = ["us-east-1"]  # where a process without settings lints, as the product's does


def errors_of(path: Path) -> list[str]:
    """Return what cfn-lint calls errors in a template."""
    config = _config(path)
    found = run_template_by_file_path(str(path), config, _rules(), ignore_bad_template=False)
    return [
        f"{one.rule.id} line {one.linenumber}: {one.message}"
        for one in found
        if one.rule.severity == "error"
    ]


def _config(path: Path) -> ConfigMixIn:
    return ConfigMixIn(**ManualArgs(regions=_REGIONS, templates=[str(path)]))


@cache
def _rules() -> Rules:
    return Runner(_config(Path(__file__))).rules
