"""Takes a template through what a pull request's verification does, by the product's functions.

Nothing here decides: a refusal is the product's own, and its code is the outcome's kind.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from tests.corpus.checkouts import Subject
from tiercel.domain.artifact.handlers import handler_files
from tiercel.domain.artifact.source_tree import SourceTree
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import Builds, Environment
from tiercel.domain.template.outside import OutsideKind, OutsideReference
from tiercel.domain.template.outside_rules import require_allowed
from tiercel.tasks.build.job import BuildJob, BuildStep, Place
from tiercel.tasks.packaging.builder import Built, Work, build_and_package, build_work
from tiercel.tasks.packaging.references import all_references
from tiercel.tasks.source.named_paths import with_named_paths
from tiercel.tasks.source.repository import Commit

_ACCOUNT = re.compile(r"(?<![0-9])[0-9]{12}(?![0-9])")
_SOMEBODY = re.compile(r"(?<![0-9])[0-9]{12}(?![0-9])|o-[a-z0-9]{10,32}|[0-9a-f]{64}")


class Unbuilt(Place):
    """Runs no command, so that packages hold what the repository holds."""

    name: ClassVar[str] = "unbuilt"
    holds: ClassVar[bool] = True

    def lacking(self, _builds: Builds, _programs: Iterable[str]) -> list[str]:
        """See Place."""
        return []

    def build(self, job: BuildJob) -> None:
        """See Place."""

    def test(self, job: BuildJob) -> None:
        """See Place."""

    def inspect(self, job: BuildJob, step: BuildStep) -> None:
        """See Place."""


@dataclass(frozen=True)
class Packaged:
    """A template that was packaged, as it is and as it is sent to CloudFormation."""

    built: Built
    template: dict[str, Any]
    source: Path
    sent: Path
    tools: tuple[str, ...]
    words: tuple[str, ...]


def package(
    subject: Subject,
    place: Place,
    environment: Environment,
    folder: Path,
    indexes: Sequence[str] = (),
) -> Packaged:
    """Export, build and package a template as a service of its own; raises what they raise."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    checkout = subject.checkout
    commit = Commit(repository=checkout.name, sha=checkout.commit, mirror=checkout.git)
    alone = Service(name="corpus", path=subject.folder, template=subject.name)
    service = with_named_paths(commit, {alone.name: alone})[alone.name]
    work = build_work(commit, service, place, Builds(indexes=tuple(indexes)), folder)
    tools = tuple(sorted({one for step in work.job.build for one in _tools(step)}))
    if isinstance(place, Unbuilt):
        _pretend(work)
    tree = SourceTree(service="corpus", objects={subject.folder: "0" * 40}, template=subject.path)
    built = build_and_package(place, work, tree)
    environment, words = _written_for(built, environment)
    require_allowed(built.manifest.outside, environment, None)
    work.shop.check_out()
    template = work.shop.templates[PurePosixPath(subject.path)]
    source = work.shop.path(PurePosixPath(subject.path))
    sent = built.files[built.manifest.template.sha256]
    return Packaged(built, template, source, sent, tools, words)


def _pretend(work: Work) -> None:
    """Make empty files in the place of those that a build would make and that handlers name."""
    for found in all_references(work.shop):
        copy = work.shop.copies.get(found.key)
        if copy is None:
            continue
        made = copy.made or copy.code
        made.mkdir(parents=True, exist_ok=True)
        wanted = handler_files(found.asset.runtime, found.asset.handler)
        if wanted:
            target = made / wanted[0]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()


def _tools(step: BuildStep) -> tuple[str, ...]:
    """Return the names of the programs that a step runs."""
    return tuple(step.programs) or (PurePosixPath(step.command[0]).name,)


def _written_for(built: Built, environment: Environment) -> tuple[Environment, tuple[str, ...]]:
    """Return the environment as its owner would describe it for a template, and what is written.

    What a template lets in from outside is for the owner to allow: a line for each kind.
    """
    found = built.manifest.outside
    try:
        require_allowed(found, environment, None)
    except RefusedInputError:
        wanted = {
            "trusts": sorted({m for one in found if one.kind is OutsideKind.TRUST
                              for m in _SOMEBODY.findall(one.text)} | {"*"}),
            "layers_from": sorted({m for one in found if one.kind is OutsideKind.LAYER
                                   for m in _ACCOUNT.findall(one.text)}),
            "reads_from": sorted({one.text.rpartition("/")[0] + "/" for one in found
                                  if one.kind is OutsideKind.PLACE and "/" in one.text}),
        }  # fmt: skip
        needed: list[str] = []
        for key, values in wanted.items():
            more = environment.model_copy(update={key: tuple(values)})
            if _says(found, more) != _says(found, environment):
                environment, needed = more, [*needed, key]
        return environment, tuple(needed)
    return environment, ()


def _says(found: Sequence[OutsideReference], environment: Environment) -> str:
    """Return what is refused, empty if nothing is."""
    try:
        require_allowed(found, environment, None)
    except RefusedInputError as error:
        return f"{error.code}: {error.why}"
    return ""
