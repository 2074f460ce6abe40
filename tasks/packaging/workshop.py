"""One service's build: where its source lies, and what has been packaged so far."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from tiercel.domain.artifact.manifest import AssetReference, PackagedObject, object_key
from tiercel.domain.artifact.source_tree import source_paths
from tiercel.domain.base.digests import sha256_hex
from tiercel.domain.base.errors import BuildFailedError, RefusedInputError, TiercelError
from tiercel.domain.organization.services import Service
from tiercel.domain.template.values import GivenValues


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
    are what nested templates' parameters are given, by path.
    """

    service: Service
    root: Path
    scratch: Path
    output: Path
    templates: dict[PurePosixPath, dict[str, Any]] = field(default_factory=dict)
    copies: dict[Any, CodeCopy] = field(default_factory=dict)
    objects: dict[str, PackagedObject] = field(default_factory=dict)
    references: list[AssetReference] = field(default_factory=list)
    values: dict[PurePosixPath, GivenValues] = field(default_factory=dict)
    packaged: dict[Any, PackagedObject] = field(default_factory=dict)

    @property
    def source(self) -> Path:
        """Where the repository's files lie."""
        return self.root / "source"

    def path(self, relative: PurePosixPath) -> Path:
        """Return where a path of the repository lies on this machine."""
        return self.source / relative

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

    def leads_outside(self, path: Path) -> bool:
        """Tell whether symbolic links lead from the source to another place of this machine."""
        return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self.source))

    def not_in_source(self, owner: str, key: str, where: str) -> TiercelError:
        """Return the error for a path that `key` of `owner` names and the source lacks."""
        kind = BuildFailedError if self.service.build else RefusedInputError
        return kind(
            "template.path_not_in_source",
            f"{owner} refers to a path that is not in the service's source",
            where=where,
            why=f"the source of {self.service.name} is {', '.join(source_paths(self.service))}",
            state="nothing was uploaded",
            remedy=f"correct {key}, or add the path to services.{self.service.name}.include",
        )
