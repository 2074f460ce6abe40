"""What a service is built from, and the artifact id that follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain

from pydantic import Field

from tiercel.domain.base.digests import ArtifactId, digest_of
from tiercel.domain.base.values import Frozen
from tiercel.domain.organization.services import Service
from tiercel.domain.template.values import names_machines

PACKAGE_FORMAT = 4
"""Raised whenever the same source would give other bytes than before."""


class SourceTree(Frozen):
    """The git object ids of a service's paths and how they are built.

    Commits with equal source trees share one artifact, whatever else they change. `settings` are
    those of the service that make another package of the same source; most have none.
    """

    service: str
    objects: dict[str, str]
    template: str
    build: tuple[str, ...] = ()
    package_format: int = PACKAGE_FORMAT
    settings: dict[str, tuple[str, ...]] = Field(default_factory=dict)

    @property
    def artifact_id(self) -> ArtifactId:
        """SHA-256 over the inputs: 64 hexadecimal digits."""
        unsaid = set() if self.settings else {"settings"}
        return ArtifactId(digest_of(self.model_dump(mode="json", exclude=unsaid)))


def source_paths(service: Service) -> tuple[str, ...]:
    """Return the paths of the repository that belong to the service, sorted, none twice."""
    return tuple(sorted({service.path, *service.include}))


def source_tree(service: Service, objects: Mapping[str, str]) -> SourceTree:
    """Return the source tree of a service, given the git object id of each of its paths."""
    return SourceTree(
        service=service.name,
        objects={path: objects[path] for path in source_paths(service)},
        template=service.template_path,
        build=service.build,
        settings=_settings(service),
    )


def _settings(service: Service) -> dict[str, tuple[str, ...]]:
    """Return the settings that change packages, among them values that name a machine of Lambda."""
    found: dict[str, tuple[str, ...]] = {}
    if service.install_scripts:
        found["install_scripts"] = ("true",)
    if service.role_names != "own":
        found["role_names"] = (service.role_names,)
    for table in (service.parameters, *(one.parameters for one in service.environments.values())):
        for name, value in table.items():
            if names_machines(value):
                found[name] = (*found.get(name, ()), value)
    return found


def paths_of_all(services: Iterable[Service]) -> list[str]:
    """Return the paths that belong to any of the services, in their order, none twice."""
    return list(dict.fromkeys(chain.from_iterable(source_paths(one) for one in services)))


def source_trees(services: Iterable[Service], objects: Mapping[str, str]) -> dict[str, SourceTree]:
    """Return the source tree of each service, given the git object id of each of their paths."""
    return {one.name: source_tree(one, objects) for one in services}
