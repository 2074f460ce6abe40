"""A repository with one SAM function."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from tiercel.cli.terminal.import_folder import import_folder
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.sandbox.repositories import create_from_folder, git_in

_TEMPLATE = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Transform": "AWS::Serverless-2016-10-31",
    "Resources": {
        "Function": {
            "Type": "AWS::Serverless::Function",
            "Properties": {"CodeUri": "src/", "Handler": "app.handler", "Runtime": "python3.11"},
        }
    },
}


@dataclass
class SmallFunction:
    """The repository, in a folder and in the sandbox's GitHub.

    It has no tiercel.toml: Tiercel finds the service by its template.
    """

    running: Sandbox
    work: Path
    service: str = "greeter"
    changes: int = 0
    repository: str = field(init=False)

    def __post_init__(self) -> None:
        """Write and commit the first version."""
        source = self.work / "source"
        (source / self.service / "src").mkdir(parents=True)
        (source / self.service / "template.json").write_text(json.dumps(_TEMPLATE, indent=1))
        (source / self.service / "src" / "app.py").write_text(_code(0))
        create_from_folder(source, self.folder)
        self.repository, _ = import_folder(self.folder, self.running.state)

    @property
    def folder(self) -> Path:
        """The clone."""
        return self.work / "one-function"

    def change(self) -> str:
        """Change the function's code; return the commit of develop."""
        self.changes += 1
        (self.folder / self.service / "src" / "app.py").write_text(_code(self.changes))
        git_in(self.folder, "commit", "--quiet", "--all", "--message=Change it")
        return import_folder(self.folder, self.running.state)[1]


def _code(change: int) -> str:
    return f"CHANGE = {change}\n\n\ndef handler(event, context):\n    return CHANGE\n"
