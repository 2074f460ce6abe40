"""The services of a repository that has no tiercel.toml: every folder with a template."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from pydantic import ValidationError

from domain.digests import sha256_hex
from domain.errors import RefusedInputError
from domain.names import printable
from domain.topology import Service

TEMPLATE_NAMES = ("template.yaml", "template.yml", "template.json")
_LONGEST_NAME = 32
_NOT_SOURCES = {"node_modules", ".aws-sam", "tests", "test", "cdk.out"}


def discover_services(paths: Iterable[str], repository_name: str) -> dict[str, Service]:
    """Return one service for each template that is not inside another service's folder.

    `paths` are the files of the commit, from the root of the repository. A service is
    called after its folder; the one at the root after the repository. Raises
    RefusedInputError for a folder whose path cannot stand in tiercel.toml.
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
        name = _service_name(repository_name if str(folder) == "." else str(folder), services)
        services[name] = _service(name, folder, template.name)
    return services


def _service(name: str, folder: PurePosixPath, template: str) -> Service:
    try:
        return Service(name=name, path=str(folder), template=template)
    except ValidationError as error:
        raise RefusedInputError(
            "a template lies in a folder with a name that Tiercel does not take",
            where=printable(ascii(str(folder)), 300),
            why="; ".join(details["msg"] for details in error.errors()),
            state="nothing was built",
            remedy="rename the folder, or describe the services in tiercel.toml",
        ) from error


def _inside_any(folder: PurePosixPath, services: dict[str, Service]) -> bool:
    return any(
        service.path == "." or folder.is_relative_to(service.path) for service in services.values()
    )


def _service_name(text: str, taken: dict[str, Service]) -> str:
    last = re.sub(r"[^a-z0-9]+", "-", PurePosixPath(text).name.lower()).strip("-")
    name = last if re.match(r"[a-z].", last) else f"service-{last}".rstrip("-")
    if len(name) <= _LONGEST_NAME and name not in taken:
        return name
    # What was cut off may be all that tells it from another repository's service.
    start = name[:_LONGEST_NAME].rstrip("-")
    digest = sha256_hex(text.encode("utf-8", "surrogatepass"))
    while f"{start}-{digest[:6]}" in taken:
        digest = sha256_hex(digest.encode())
    return f"{start}-{digest[:6]}"
