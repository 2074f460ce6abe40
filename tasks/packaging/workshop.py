"""One service's build: where its source lies, and what has been packaged so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from tiercel.domain.artifact.manifest import AssetReference, PackagedObject, object_key
from tiercel.domain.artifact.source_tree import source_paths
from tiercel.domain.base.digests import sha256_hex
from tiercel.domain.base.errors import BuildFailedError, RefusedInputError, TiercelError
from tiercel.domain.organization.services import Service
from tiercel.domain.template.values import GivenValues
from tiercel.tasks.source.committed import CommittedFiles
from tiercel.tasks.source.export import export
from tiercel.tasks.source.files import FolderFiles
from tiercel.tasks.source.filtered import require_finished_source

_MOST_TOLD = 20


class MissingPath(NamedTuple):
    """A property, as `Function.CodeUri`, that names a path which the source lacks, and where."""

    named: str
    where: str


@dataclass(frozen=True)
class CodeCopy:
    """A copy of a function's code in which it is built or its dependencies are installed.

    `code` is the folder in which commands work, copied from `origin`; links in it may lead
    anywhere below `view`. `own` are the names there that are the repository's. What is packaged
    lies in `code`, or in `made` if a builder puts it there; a layer's lies in its folder `inner`.
    Packages of a `workspace` are installed in that folder of the view.
    """

    origin: Path
    view: Path
    code: Path
    own: frozenset[str] = frozenset()
    inner: str = ""
    made: Path | None = None
    workspace: Path | None = None


@dataclass
class Workshop:
    """One service's build: where its sources lie and what has been packaged so far.

    What commands of the repository may write is `root`; `scratch` and `output` are ours. `values`
    are what nested templates' parameters are given, by path. `committed` are the sources as git
    has them, until somebody needs them in a folder.
    """

    service: Service
    root: Path
    scratch: Path
    output: Path
    committed: CommittedFiles | None = None
    templates: dict[PurePosixPath, dict[str, Any]] = field(default_factory=dict)
    copies: dict[Any, CodeCopy] = field(default_factory=dict)
    objects: dict[str, PackagedObject] = field(default_factory=dict)
    references: list[AssetReference] = field(default_factory=list)
    values: dict[PurePosixPath, GivenValues] = field(default_factory=dict)
    packaged: dict[Any, PackagedObject] = field(default_factory=dict)
    contents: dict[str, frozenset[str]] = field(default_factory=dict)
    unzipped: dict[str, int] = field(default_factory=dict)

    @property
    def files(self) -> FolderFiles | CommittedFiles:
        """The repository's files, as a build has left them if there was one."""
        return self.committed or FolderFiles(self.source)

    def check_out(self) -> None:
        """Write the sources into their folder, for commands that work in it."""
        if self.committed:
            commit, paths = self.committed.commit, source_paths(self.service)
            export(commit, paths, self.source)
            require_finished_source(commit, paths, self.source)
            self.committed = None

    @property
    def source(self) -> Path:
        """Where the repository's files lie."""
        return self.root / "source"

    def path(self, relative: PurePosixPath) -> Path:
        """Return where a path of the repository lies on this machine once it is checked out."""
        return self.source / relative

    def local_file(self, relative: PurePosixPath) -> Path:
        """Return where a file of the repository can be read on this machine, with its mode."""
        if not self.committed:
            return self.path(relative)
        file = self.scratch / "file"
        file.write_bytes(self.committed.read(relative))
        file.chmod(0o755 if self.committed.is_executable(relative) else 0o644)
        return file

    def add(self, path: Path, sha256: str, suffix: str) -> PackagedObject:
        """Take a file of the scratch folder as an object; it is moved away from there."""
        entry = PackagedObject(
            key=object_key(sha256, suffix), sha256=sha256, size=path.stat().st_size
        )
        path.replace(self.output / sha256)
        self.objects[sha256] = entry
        return entry

    def add_bytes(self, body: bytes, suffix: str) -> PackagedObject:
        """Take bytes as an object."""
        path = self.scratch / "object"
        path.write_bytes(body)
        return self.add(path, sha256_hex(body), suffix)

    def not_in_source(self, missing: Sequence[MissingPath]) -> TiercelError:
        """Return the error for all paths that a template names and the source lacks."""
        told = missing[:_MOST_TOLD]
        kind = BuildFailedError if self.service.build else RefusedInputError
        return kind(
            "template.path_not_in_source",
            f"the service's source lacks what is named by {', '.join(one.named for one in told)}",
            where=", ".join(one.where for one in told),
            why=f"the source of {self.service.name} is {', '.join(source_paths(self.service))}",
            state="nothing was uploaded",
            remedy="correct the paths; or, if a build makes what is there, let "
            f"services.{self.service.name}.build do that",
        )
