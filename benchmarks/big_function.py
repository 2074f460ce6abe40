"""A repository with one function of many files."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from benchmarks.file_tree import FileTree
from benchmarks.measure import timed
from tiercel.cli.terminal.import_folder import import_folder
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.sandbox.repositories import create_from_folder, git_in

_FUNCTION = {
    "Type": "AWS::Serverless::Function",
    "Properties": {"CodeUri": "src/", "Handler": "app.handler", "Runtime": "python3.11"},
}
_QUEUE = {"Type": "AWS::SQS::Queue"}
_SERVICE = "big"


@dataclass
class BigFunction:
    """The repository, in a folder and in the sandbox's GitHub."""

    running: Sandbox
    work: Path
    tree: FileTree
    changes: int = 0
    repository: str = field(init=False)
    empty: tuple[str, str] = field(init=False)
    """Repository and commit of a service without files: by it a flow's start is measured."""

    def __post_init__(self) -> None:
        """Write and commit the first version."""
        source = self.work / "source" / _SERVICE
        self.tree.write(source / "src")
        (source / "template.json").write_text(_template(_FUNCTION))
        create_from_folder(source.parent, self.folder)
        self.empty_template.write_text(_template(_QUEUE))
        self.repository, _ = import_folder(self.folder, self.running.state)
        empty = self.work / "source-of-empty" / "empty"
        empty.mkdir(parents=True)
        (empty / "template.json").write_text(_template(_QUEUE))
        create_from_folder(empty.parent, self.work / "empty-function")
        self.empty = import_folder(self.work / "empty-function", self.running.state)

    @property
    def folder(self) -> Path:
        """The clone."""
        return self.work / "big-function"

    @property
    def template(self) -> Path:
        """The template in the clone."""
        return self.folder / _SERVICE / "template.json"

    @property
    def empty_template(self) -> Path:
        """A template without files, by which the start of a peer is measured."""
        return self.work / "empty.json"

    def change(self) -> str:
        """Change one file; return the commit of develop."""
        self.changes += 1
        (self.folder / _SERVICE / "src" / "app.py").write_text(f"CHANGE = {self.changes}\n")
        git_in(self.folder, "add", "--all")
        git_in(self.folder, "commit", "--quiet", "--message=Change it")
        return import_folder(self.folder, self.running.state)[1]

    def parts(self) -> dict[str, float]:
        """Return how long the parts of cold packaging take by themselves, in seconds."""
        from tiercel.tasks.packaging.archive import zip_folder  # noqa: PLC0415
        from tiercel.tasks.packaging.committed import zip_committed_folder  # noqa: PLC0415
        from tiercel.tasks.source.committed import CommittedFiles  # noqa: PLC0415
        from tiercel.tasks.source.export import export, list_source  # noqa: PLC0415
        from tiercel.tasks.source.repository import Commit  # noqa: PLC0415

        sha = git_in(self.folder, "rev-parse", "HEAD").stdout.strip()
        commit = Commit(repository=self.repository, sha=sha, mirror=self.folder / ".git")
        files = CommittedFiles(commit, list_source(commit, (_SERVICE,)))
        folder = PurePosixPath(_SERVICE, "src")
        with tempfile.TemporaryDirectory(dir=self.work) as scratch:
            place, package = Path(scratch) / "source", Path(scratch) / "p.zip"
            place.mkdir()
            direct = timed(lambda: zip_committed_folder(files, folder, package, "src"))
            checkout = timed(lambda: export(commit, (_SERVICE,), place))
            packaged = timed(lambda: zip_folder(place / folder, package, "src"))
        return {
            "straight from git": round(direct.seconds, 3),
            "not done: checkout": round(checkout.seconds, 3),
            "not done: zip from a folder": round(packaged.seconds, 3),
        }


def _template(resource: object) -> str:
    body = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {"Resource": resource},
    }
    return json.dumps(body, indent=1) + "\n"
