"""Verifies one service of a pull request: its template, its build, its tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tiercel.domain.artifact.manifest import Manifest
from tiercel.domain.artifact.source_tree import SourceTree
from tiercel.domain.base.errors import RefusedInputError, TiercelError, UnreachableError
from tiercel.domain.base.limits import MAX_TEMPLATE_FILE_BYTES
from tiercel.domain.base.values import TemplateDocument
from tiercel.domain.organization.access import BuildProject
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import Topology
from tiercel.domain.review.templates.template_faults import one_error
from tiercel.domain.template.outside_rules import require_allowed_as_configured
from tiercel.domain.template.smoke_target import require_smoke_target
from tiercel.tasks.build.places import place_of
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.packaging.builder import Built, build_and_package, build_work
from tiercel.tasks.source.repository import Commit, read_files
from tiercel.tasks.source.templates import complete_template, parse_template
from tiercel.tasks.verification.linting import lint
from tiercel.tasks.verification.template_checks import template_refusals


@dataclass(frozen=True)
class Verified:
    """A service's template, and what is to be told besides although it passed.

    `packaged` are the templates as CloudFormation would read them, by their keys, and `documents`
    what they say; the manifest has all that was packaged.
    """

    template: dict[str, Any]
    manifest: Manifest
    packaged: Mapping[str, bytes]
    documents: Mapping[str, TemplateDocument]
    notes: tuple[str, ...] = ()


@world_task("verify", "verify {service.name}")
def verify_service(
    commit: Commit,
    service: Service,
    tree: SourceTree,
    topology: Topology,
    folder: Path,
    project: BuildProject | None = None,
) -> Verified:
    """Check, build and test a service, and return its template; nothing is uploaded.

    Its code runs where [builds] says, and its tests without network where that place can do
    it. `topology` has all services of the commit. Raises one error for all that is wrong with
    the templates and the build; BuildFailedError for tests that fail.
    """
    place = place_of(topology.builds, project)
    work = build_work(commit, service, place, topology.builds, folder, verifying=True)
    needed = [topology.services[name].template_path for name in service.depends_on]
    others = [read_template.fn(commit, path) for path in needed]
    errors = template_refusals(work.shop, topology, others)
    path = PurePosixPath(service.template_path)
    with _noted(errors):
        built = build_and_package(place, work, tree)
        ways = (topology.verifying, *topology.pullers_of(topology.verifying.name))
        require_allowed_as_configured(built.manifest.outside, service, ways)
    with _noted(errors):
        if path in work.shop.templates:
            require_smoke_target(service, work.shop.templates[path])
    notes: list[str] = []
    with _noted(errors):
        notes += lint(place, work)
    if errors:
        raise one_error(errors, f"service {service.name}, folder {service.path}")
    place.test(work.job)
    packaged = _templates(built)
    documents = {key: parse_template(body, key) for key, body in packaged.items()}
    return Verified(work.shop.templates[path], built.manifest, packaged, documents, tuple(notes))


def _templates(built: Built) -> dict[str, bytes]:
    """Return what a nested stack could name as its template, the service's own among it."""
    return {
        one.key: built.files[one.sha256].read_bytes()
        for one in built.manifest.objects
        if one.key.endswith(".template") and one.size <= MAX_TEMPLATE_FILE_BYTES
    }


@contextmanager
def _noted(errors: list[TiercelError]) -> Iterator[None]:
    """Go on after a failure that is the repository's, and keep it."""
    try:
        yield
    except UnreachableError:
        raise
    except TiercelError as error:
        errors.append(error)


@world_task("read template", "read template {path}")
def read_template(commit: Commit, path: str) -> dict[str, Any] | None:
    """Return the template that a commit has at a path, None if it has none that can be read."""
    template = PurePosixPath(path)

    def read(file: PurePosixPath) -> bytes | None:
        return read_files(commit, [file], MAX_TEMPLATE_FILE_BYTES).get(file)

    try:
        return complete_template(read, template)
    except RefusedInputError:
        return None
