"""Whether a worker would run its own code: looked at before it takes a run with its credentials.

Python imports what it finds first. A folder that somebody else may write to, a second Tiercel, or
a deployment of an older one would have runs import another code than the worker was installed with.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName

import tiercel
from tiercel.deployments.server import prefect_server
from tiercel.domain.base.errors import ConfigurationError

_FLOWS = "tiercel.flows."
_PAGE = 200


def require_own_code(pool: str) -> None:
    """Raise ConfigurationError if runs of a work pool would import other code than this.

    Raises UnreachableError if the Prefect server does not say which deployments the pool has.
    """
    package = Path(tiercel.__file__).parent
    require_own_package(package, sys.path, Path.cwd())
    require_own_flows(asyncio.run(_entrypoints(pool)), package)


def require_own_package(package: Path, path: list[str], folder: Path) -> None:
    """Raise ConfigurationError if `tiercel` is not the installed one, or may become another.

    `package` is where it was imported from, `path` where Python looks, `folder` the current one.
    """
    if not _is_installed(package):
        raise ConfigurationError(
            "worker.foreign_package",
            "the worker would run another Tiercel than the one that is installed",
            where=str(package),
            why=f"version {metadata.version('tiercel')} is installed elsewhere",
            state="no run was taken",
            remedy="leave that folder out of PYTHONPATH",
        )
    if any(Path(one or ".").resolve() == folder.resolve() for one in path):
        raise ConfigurationError(
            "worker.current_folder",
            "the worker would import what lies in the current folder",
            where=str(folder),
            state="no run was taken",
            remedy="start it as `tiercel worker` or with `python -P`, without PYTHONPATH",
        )


def _is_installed(package: Path) -> bool:
    """Tell whether the installation has this package, or links to it as an editable one."""
    distribution = metadata.distribution("tiercel")
    installed = Path(str(distribution.locate_file("tiercel")))
    if installed.exists():
        return installed.samefile(package)
    told = json.loads(distribution.read_text("direct_url.json") or "{}")
    if not told.get("dir_info", {}).get("editable"):
        return False
    source = Path(unquote(urlsplit(told["url"]).path))
    return package.resolve().is_relative_to(source.resolve())


def require_own_flows(entrypoints: Mapping[str, str], package: Path) -> None:
    """Raise ConfigurationError for deployments whose flow is not one of the package's own."""
    foreign = list(_foreign(entrypoints, package))
    if foreign:
        raise ConfigurationError(
            "worker.foreign_flows",
            "deployments of this work pool name code that is not Tiercel's",
            where="the Prefect server",
            why="\n".join(foreign),
            state="no run was taken",
            remedy="bring this version's deployments there with `tiercel up --environment NAME`; "
            "give flows of your own a work pool and a worker of their own",
        )


def _foreign(entrypoints: Mapping[str, str], package: Path) -> Iterator[str]:
    for name, entrypoint in sorted(entrypoints.items()):
        module = entrypoint.rpartition(".")[0]
        if not entrypoint.startswith(_FLOWS) or ":" in entrypoint:
            yield f"{name}: {entrypoint}"
            continue
        spec = find_spec(module)
        if spec is None or not Path(spec.origin or "").is_relative_to(package):
            found = spec.origin if spec else "there is no such module"
            yield f"{name}: {entrypoint} ({found})"


async def _entrypoints(pool: str) -> dict[str, str]:
    """Return what the deployments of a work pool run, by their names."""
    wanted = WorkPoolFilter(name=WorkPoolFilterName(any_=[pool]))
    found: dict[str, str] = {}
    async with prefect_server() as client:
        while page := await client.read_deployments(
            work_pool_filter=wanted, limit=_PAGE, offset=len(found)
        ):
            found |= {f"{one.name} ({one.id})": one.entrypoint or "" for one in page}
    return found
