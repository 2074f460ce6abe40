"""From a service's source to packages and a manifest."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from tiercel.domain.artifact.manifest import (
    Manifest,
    PackagedObject,
    declared_parameters,
    reads_parameter_store,
)
from tiercel.domain.artifact.source_tree import SourceTree, source_paths
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.organization.access import BuildProject
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import Builds
from tiercel.domain.template.outside import outside_references
from tiercel.tasks.build.job import BuildJob, BuildStep, Place, require_programs
from tiercel.tasks.build.places import image_of, place_of
from tiercel.tasks.engine.folders import remove_tree
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.packaging.dependencies import install_steps
from tiercel.tasks.packaging.packaging import package_template
from tiercel.tasks.packaging.references import learn_values
from tiercel.tasks.packaging.testing import test_steps
from tiercel.tasks.packaging.workshop import Workshop
from tiercel.tasks.source.committed import CommittedFiles, may_stay_in_git
from tiercel.tasks.source.export import list_source
from tiercel.tasks.source.filtered import is_converted
from tiercel.tasks.source.repository import Commit


@dataclass(frozen=True)
class Built:
    """A manifest, the files that hold its objects, by SHA-256, and where it was built.

    `image` is that of the machine, where one was chosen.
    """

    manifest: Manifest
    files: dict[str, Path]
    place: str
    image: str


@contextmanager
def build_folder() -> Iterator[Path]:
    """Give a folder for one build that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="tiercel-build-"))
    try:
        yield folder
    finally:
        remove_tree(folder)


@world_task("build", "build {service.name}")
def build_service(
    commit: Commit,
    service: Service,
    tree: SourceTree,
    builds: Builds,
    folder: Path,
    project: BuildProject | None = None,
) -> Built:
    """Build a service's source and package what its template refers to.

    Its commands run where [builds] says. Raises BuildFailedError or RefusedInputError;
    nothing has been uploaded by then.
    """
    place = place_of(builds, project)
    work = build_work(commit, service, place, builds, folder)
    return build_and_package(place, work, tree)


@dataclass(frozen=True)
class Work:
    """A service's source and the job that a place is given."""

    shop: Workshop
    job: BuildJob


def build_work(
    commit: Commit,
    service: Service,
    place: Place,
    builds: Builds,
    folder: Path,
    *,
    verifying: bool = False,
) -> Work:
    """Find out what has to be run for a service, and check its source out if that is anything.

    With `verifying` it is checked out in any case, and its test is part of the job. Raises as
    above.
    """
    shop = Workshop(service, folder / "root", folder / "scratch", folder / "objects")
    for path in (shop.root, shop.scratch, shop.output):
        remove_tree(path)  # what an attempt before this one has left
        path.mkdir(parents=True)
    shop.source.mkdir()
    paths = source_paths(service)
    files = list_source(commit, paths)
    shop.committed = CommittedFiles(commit, files)
    stays = may_stay_in_git(files) and not is_converted(commit, files, paths)
    if verifying or service.build or not stays:
        shop.check_out()
    with _named(service):
        inside = PurePosixPath("source", service.path)
        steps = (
            (BuildStep(service.build, inside),)
            if service.build
            else install_steps(shop, builds, runs_code=place.holds)
        )
        job = BuildJob(service, builds, shop.root, shop.scratch, steps)
        if verifying:
            setup, test = test_steps(shop, builds, runs_code=place.holds)
            job = replace(job, test=test, test_setup=setup)
        return Work(shop, job)


def build_and_package(place: Place, work: Work, tree: SourceTree) -> Built:
    """Run the build and package what it left; raises as above."""
    shop = work.shop
    with _named(shop.service):
        require_programs(place, work.job)
        place.build(work.job)
        learn_values(shop)
        body, template = package_template(shop, PurePosixPath(shop.service.template_path))
    manifest = _manifest(shop, tree, body, template)
    files = {sha256: shop.output / sha256 for sha256 in shop.objects}
    return Built(manifest, files, place.name, image_of(place))


@contextmanager
def _named(service: Service) -> Iterator[None]:
    """Say whose build it was, where the failing step could not know."""
    try:
        yield
    except TiercelError as error:
        if error.where:
            raise
        raise error.but(where=f"service {service.name}, folder {service.path}") from error


def _manifest(
    shop: Workshop, tree: SourceTree, template: PackagedObject, parsed: dict[str, Any]
) -> Manifest:
    templates = {str(path): found for path, found in shop.templates.items()}
    return Manifest(
        service=shop.service.name,
        artifact_id=tree.artifact_id,
        source=tree,
        template=template,
        parameters=declared_parameters(parsed),
        reads_parameters=reads_parameter_store(parsed),
        objects=tuple(entry for _, entry in sorted(shop.objects.items())),
        assets=tuple(shop.references),
        outside=outside_references(shop.service.template_path, templates),
    )
