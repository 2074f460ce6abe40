"""What would stop a first release of a repository, as far as it can be known without a call."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from tiercel.domain.base.errors import TiercelError
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import BuildPlace, Topology
from tiercel.domain.review.templates.template_faults import one_error
from tiercel.domain.template.outside import outside_references
from tiercel.domain.template.outside_rules import require_allowed_as_configured
from tiercel.domain.template.smoke_target import require_smoke_target
from tiercel.tasks.build.here import Here
from tiercel.tasks.build.isolated import Isolated
from tiercel.tasks.packaging.builder import Work, build_work
from tiercel.tasks.packaging.testing import test_steps
from tiercel.tasks.source.repository import Commit
from tiercel.tasks.verification.linting import lint_together
from tiercel.tasks.verification.template_checks import template_refusals
from tiercel.tasks.verification.verifier import read_template

_AT_ONCE = 4


def what_stops(commit: Commit, topology: Topology, folder: Path) -> dict[str, TiercelError]:
    """Return what would stop each service, of those that something would stop.

    The rules and the linter are those of a pull request's verification; nothing is installed,
    built or tested, and nothing is called. `topology` has the services of the commit.
    """
    services = topology.services
    errors: dict[str, list[TiercelError]] = {name: [] for name in services}
    works: dict[str, Work] = {}

    def prepare(name: str) -> None:
        with _noted(errors[name]):
            works[name] = _work(commit, services[name], topology, folder / name)

    with ThreadPoolExecutor(_AT_ONCE) as beside:
        # git's processes take most of it.
        list(beside.map(prepare, services))
        # Processes of their own, which take longest: this one judges meanwhile.
        linted = beside.submit(lint_together, list(works.values()), folder)
        for name in services.keys() & works.keys():
            errors[name] += _judged(commit, works[name], topology)
        for name, error in linted.result().items():
            errors[name].append(error)
    return {
        name: one_error(found, f"service {name}, folder {services[name].path}")
        for name, found in errors.items()
        if found
    }


def _work(commit: Commit, service: Service, topology: Topology, folder: Path) -> Work:
    """Return a service's source, and what would be run for it; raises for what cannot be built."""
    builds = topology.builds
    place = Here() if builds.where is BuildPlace.HERE else Isolated()
    return build_work(commit, service, place, builds, folder)


def _judged(commit: Commit, work: Work, topology: Topology) -> list[TiercelError]:
    shop, service = work.shop, work.shop.service
    needed = [topology.services[name].template_path for name in service.depends_on]
    errors = template_refusals(shop, topology, [read_template.fn(commit, one) for one in needed])
    path = service.template_path
    ways = (topology.verifying, *topology.pullers_of(topology.verifying.name))
    with _noted(errors):
        test_steps(shop, topology.builds, runs_code=True)
    if PurePosixPath(path) in shop.templates:
        templates = {str(at): template for at, template in shop.templates.items()}
        with _noted(errors):
            require_allowed_as_configured(outside_references(path, templates), service, ways)
        with _noted(errors):
            require_smoke_target(service, templates[path])
    return errors


@contextmanager
def _noted(errors: list[TiercelError]) -> Iterator[None]:
    try:
        yield
    except TiercelError as error:
        errors.append(error)
