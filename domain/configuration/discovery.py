"""The services of a repository that has no tiercel.toml: every folder with a template."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from pydantic import ValidationError

from tiercel.domain.base.digests import sha256_hex
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.text import printable
from tiercel.domain.organization.services import Service

TEMPLATE_NAMES = ("template.yaml", "template.yml", "template.json")
_LONGEST_NAME = 32
_NOT_SOURCES = {"node_modules", ".aws-sam", "tests", "test", "cdk.out"}


def discover_services(paths: Iterable[str], repository_name: str) -> dict[str, Service]:
    """Return one service for each template that is not inside another service's folder.

    `paths` are the files of the commit, from the root of the repository. A service is
    called after the repository and its folder, so that neither another repository nor
    another folder changes what its stack is called. Raises RefusedInputError for a
    folder whose path cannot stand in tiercel.toml, and for two of one name.
    """
    templates = sorted(
        (PurePosixPath(path) for path in paths if PurePosixPath(path).name in TEMPLATE_NAMES),
        key=lambda path: (len(path.parts), str(path)),
    )
    services: dict[str, Service] = {}
    for template in templates:
        folder = template.parent
        if _NOT_SOURCES.intersection(folder.parts) or _inside_any(folder, services):
            continue
        name = _service_name(repository_name, folder)
        if name in services:
            raise _clash(name, services[name].path, str(folder))
        services[name] = _service(name, folder, template.name)
    return services


def _service(name: str, folder: PurePosixPath, template: str) -> Service:
    try:
        return Service(name=name, path=str(folder), template=template)
    except ValidationError as error:
        raise RefusedInputError(
            "source.bad_folder_name",
            "a template lies in a folder with a name that Tiercel does not take",
            where=printable(ascii(str(folder)), 300),
            why="; ".join(details["msg"] for details in error.errors()),
            state="nothing was built",
            remedy="rename the folder, or describe the services in tiercel.toml",
        ) from error


def _clash(name: str, one: str, other: str) -> RefusedInputError:
    return RefusedInputError(
        "source.services_of_one_name",
        f"two folders would be services called {name}",
        where=f"{one} and {other}",
        state="nothing was built",
        remedy="describe the services in tiercel.toml, or rename a folder",
    )


def _inside_any(folder: PurePosixPath, services: dict[str, Service]) -> bool:
    return any(
        service.path == "." or folder.is_relative_to(service.path) for service in services.values()
    )


def _service_name(repository: str, folder: PurePosixPath) -> str:
    """Return a legal name; a digest of the path stands for whatever the name does not show."""
    readable = "-".join((repository.lower(), *folder.parts[-1:]))
    plain = re.sub(r"[^a-z0-9]+", "-", readable.lower()).strip("-")
    name = plain if re.match(r"[a-z].", plain) else f"service-{plain}".rstrip("-")
    if name == readable and len(folder.parts) < 2 and len(name) <= _LONGEST_NAME:
        return name
    digest = sha256_hex("/".join((repository, *folder.parts)).encode("utf-8", "surrogatepass"))
    return f"{name[:_LONGEST_NAME].rstrip('-')}-{digest[:6]}"
