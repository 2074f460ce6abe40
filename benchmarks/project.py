"""The small repository that is released over and over, and what people do to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.place import CONFIG, github_of
from tiercel.cli.terminal.import_folder import import_folder
from tiercel.cli.terminal.session import use_config
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.sandbox.people import Team
from tiercel.sandbox.repositories import create_from_folder

_HANDLER = '''"""Greets for {project}."""

CHANGE = {change}


def handler(event, context):
    """Return a greeting."""
    return {{"greeting": "hello", "change": CHANGE}}
'''
_TEST = '''"""Run with `python3 -m unittest` in the service's folder."""

import sys
import unittest

sys.path.insert(0, "src")
from app import handler


class Greetings(unittest.TestCase):
    def test_it_greets(self):
        self.assertEqual(handler({}, None)["greeting"], "hello")
'''


@dataclass(frozen=True)
class Change:
    """A change on its way: its pull requests and the commits that they merged as."""

    number: int
    commit: str
    version: str


@dataclass
class Project:
    """Two services, a queue and a function that depends on it, in a repository of their own.

    The services are named after the repository: two projects share no stack and no package.
    """

    name: str
    running: Sandbox
    folder: Path
    changes: int = 0
    repository: str = ""
    team: Team = field(init=False)

    def __post_init__(self) -> None:
        """Bring the repository into the sandbox's GitHub."""
        source = self.folder / self.name
        _write(source, self.files(0))
        create_from_folder(source, self.folder / "repositories" / self.name)
        use_config(CONFIG)
        self.repository, _ = import_folder(
            self.folder / "repositories" / self.name, self.running.state
        )
        self.team = Team(github_of(self.running), self.repository, self.folder / "team" / self.name)
        self.team.clone()

    @property
    def queue(self) -> str:
        """The name of the service with the queue."""
        return f"{self.name}-queue"

    @property
    def function(self) -> str:
        """The name of the service with the function."""
        return f"{self.name}-function"

    def files(self, change: int) -> Mapping[str, str]:
        """Return the files as a change leaves them: it touches both services."""
        return {
            "tiercel.toml": _services(self.queue, self.function),
            f"{self.queue}/template.json": _queue_template(self.name, change),
            f"{self.function}/template.json": _function_template(self.name),
            f"{self.function}/src/app.py": _HANDLER.format(project=self.name, change=change),
            f"{self.function}/tests/test_app.py": _TEST,
            f"{self.function}/tests/__init__.py": '"""Tests."""\n',
        }

    def propose(self) -> Change:
        """Push the next change and open its pull request into develop."""
        self.changes += 1
        branch, title = f"feature/change-{self.changes}", f"Change {self.changes}"
        commit = self.team.push(branch, "develop", self.files(self.changes), title)
        number = self.team.open(branch, "develop", title)
        return Change(number, commit, f"0.{self.changes}.0")

    def merge(self, change: Change) -> str:
        """Merge a change's pull request; return the commit of develop."""
        return self.team.approve_and_merge(change.number)

    def release(self, change: Change) -> str:
        """Merge a release branch into main; return the commit of main."""
        branch = f"release/{change.version}"
        self.team.push(branch, "develop", {}, "")
        number = self.team.open(branch, "main", f"Release {change.version}")
        return self.team.approve_and_merge(number)


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def _services(queue: str, function: str) -> str:
    return f"""[services.{queue}]
path = "{queue}"
template = "template.json"

[services.{function}]
path = "{function}"
template = "template.json"
depends_on = ["{queue}"]
test = ["python3", "-m", "unittest"]
smoke_test = {{ invoke = "Function", expect = {{ greeting = "hello" }} }}
"""


def _queue_template(project: str, change: int) -> str:
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": change % 900}}
    return _template(
        project,
        {"Queue": queue},
        Outputs={"QueueName": {"Value": {"Fn::GetAtt": ["Queue", "QueueName"]}}},
    )


def _function_template(project: str) -> str:
    function = {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "CodeUri": "src/",
            "Handler": "app.handler",
            "Runtime": "python3.11",
            "Environment": {"Variables": {"QUEUE": {"Ref": "QueueName"}}},
        },
    }
    return _template(
        project,
        {"Function": function},
        Transform="AWS::Serverless-2016-10-31",
        Parameters={"QueueName": {"Type": "String"}},
    )


def _template(project: str, resources: Mapping[str, object], **sections: object) -> str:
    """Two projects share no bytes, so that neither finds packages of the other."""
    body = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": project,
        "Resources": resources,
        **sections,
    }
    return json.dumps(body, indent=1) + "\n"
