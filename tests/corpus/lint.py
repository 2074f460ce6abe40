"""cfn-lint, in this process: its rules are read once for all templates."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from cfnlint.api import ManualArgs  # type: ignore[import-untyped]
from cfnlint.config import ConfigMixIn  # type: ignore[import-untyped]
from cfnlint.rules import Rules  # type: ignore[import-untyped]
from cfnlint.runner import Runner  # type: ignore[import-untyped]
from cfnlint.runner.template import run_template_by_file_path  # type: ignore[import-untyped]

_REGIONS = ["us-east-1"]  # where a process without settings lints, as the product's does


def report(command: Sequence[str], folder: Path) -> None:
    """Do what the command says, as `cfn-lint` would: write what it finds to its output file."""
    words = list(command)
    output = folder / words[words.index("--output-file") + 1]
    templates = words[words.index("--template") + 1 :]
    found = [one for name in templates for one in _findings(folder / name, name)]
    output.write_text(json.dumps(found))


def _findings(path: Path, name: str) -> list[dict[str, Any]]:
    config = _config(path)
    found = run_template_by_file_path(str(path), config, _rules(), ignore_bad_template=False)
    return [
        {
            "Filename": name,
            "Level": one.rule.severity.capitalize(),
            "Location": {"Start": {"LineNumber": one.linenumber}},
            "Message": one.message,
            "Rule": {"Id": one.rule.id},
        }
        for one in found
    ]


def _config(path: Path) -> ConfigMixIn:
    return ConfigMixIn(**ManualArgs(regions=_REGIONS, templates=[str(path)]))


@cache
def _rules() -> Rules:
    return Runner(_config(Path(__file__))).rules
