"""What was installed for the runs of a work pool, and whether a run that is handed out is that.

Whoever may call Prefect's API may name a command, variables or a folder for a run, change what a
deployment loads, or edit the template of a work pool. A worker has an environment's credentials, so
it takes none of that from the server: it compares, and refuses before it starts a process.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from prefect.workers.process import ProcessWorker

from tiercel.deployments.prefect_file import PrefectFile
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.text import printable
from tiercel.domain.organization.names import former_deployment
from tiercel.tasks.engine.resources import resource

PROCESS = "process"
"""The type of a work pool whose runs are processes of the worker's machine."""

_SHIPPED = frozenset({"ecs", "kubernetes"})
_FREE = frozenset({"cpu", "labels", "memory", "name"})
"""Job variables that decide how large a run's process is and how it is called, not what it does."""
_PLACEHOLDER = re.compile(r"\$\{\w+\}")
_LONGEST_NAME = 200
_MOST_DIFFERENCES = 10
_UP = "`tiercel up --environment NAME` brings there again what is installed for it"


@dataclass(frozen=True)
class InstalledDeployment:
    """What a deployment runs, and with which job variables."""

    entrypoint: str
    job_variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Installation:
    """What the runs of a work pool may be: its template, and its deployments as FLOW/NAME.

    A deployment is known by its former name as well: runs of it may wait while Tiercel is upgraded.
    A text of the template may have placeholders, `${name}`, that were filled in somehow.
    """

    template: Mapping[str, Any]
    deployments: Mapping[str, InstalledDeployment]

    @classmethod
    def of(cls, file: PrefectFile, pool: str, template: Mapping[str, Any]) -> Installation:
        """Return what a prefect.yaml installs for a work pool; ConfigurationError if nothing."""
        now = {
            f"{flow_name(one['entrypoint'])}/{one['name']}": InstalledDeployment(
                one["entrypoint"], one["work_pool"].get("job_variables") or {}
            )
            for one in file.only(pool).deployments
        }
        former = {former_deployment(name, pool): one for name, one in now.items()}
        return cls(template, former | now)


@dataclass(frozen=True)
class AskedRun:
    """What a server says of a run: the flow, the deployment ("" if it has none), the template."""

    flow: str
    deployment: str
    entrypoint: str
    pull_steps: tuple[Any, ...]
    deployment_variables: Mapping[str, Any]
    run_variables: Mapping[str, Any]
    template: Mapping[str, Any]


def process_template() -> dict[str, Any]:
    """Return the base job template of a process work pool: Prefect's own of this version."""
    return ProcessWorker.get_default_base_job_template()


def pool_template(pool_type: str) -> dict[str, Any]:
    """Return the template that is installed for a type of work pool, with its placeholders.

    Raises RefusedInputError for a type of which nothing is installed.
    """
    if pool_type == PROCESS:
        return process_template()
    if pool_type not in _SHIPPED:
        raise RefusedInputError(
            "worker.foreign_pool_type",
            "nothing is installed for work pools of this type",
            where=printable(pool_type, _LONGEST_NAME),
            state="nothing was loaded or called",
            remedy=f"use one of {', '.join(sorted([PROCESS, *_SHIPPED]))}",
        )
    text = resource(f"deployments/{pool_type}/work-pool.json").read_text("utf-8")
    template: dict[str, Any] = json.loads(text)
    return template


def flow_name(entrypoint: str) -> str:
    """Return the name of the flow at an entrypoint: its function's, as Prefect writes it."""
    return entrypoint.rpartition(":")[2].rpartition(".")[2].replace("_", "-")


def require_installed(asked: AskedRun, installed: Installation) -> InstalledDeployment:
    """Return the installed deployment of a run; RefusedInputError if it is to do anything else.

    A run may choose how much CPU and memory it has, its labels and its name.
    """
    name = f"{asked.flow}/{asked.deployment}"
    known = installed.deployments.get(name)
    if known is None:
        raise RefusedInputError(
            "worker.foreign_deployment",
            "the run belongs to no deployment that is installed for this worker",
            where=printable(name, _LONGEST_NAME),
            why=f"installed are {', '.join(sorted(installed.deployments))}",
            state="nothing was loaded or called",
            remedy="start a run of one of these; flows of your own need a work pool of their own",
        )
    if changed := list(_changed_deployment(asked, known)):
        raise RefusedInputError(
            "worker.changed_deployment",
            "the deployment is not what was installed",
            where=name,
            why=_listed(changed),
            state="nothing was loaded or called",
            remedy=f"find out who changed it: whoever may call Prefect's API can. Then {_UP}",
        )
    if chosen := list(_differing({}, _governed(asked.run_variables), "")):
        raise RefusedInputError(
            "worker.run_chooses_variables",
            "the run names job variables that are not for it to choose",
            where=name,
            why=_listed(chosen),
            state="nothing was loaded or called",
            remedy="find out who started it: whoever may call Prefect's API can. A run may choose "
            f"{', '.join(sorted(_FREE))}",
        )
    if edited := list(_differing(installed.template, asked.template, "")):
        raise RefusedInputError(
            "worker.changed_work_pool",
            "the work pool's base job template is not what was installed",
            where=name,
            why=_listed(edited),
            state="nothing was loaded or called",
            remedy=f"find out who changed it: whoever may call Prefect's API can. Then {_UP}",
        )
    return known


def _changed_deployment(asked: AskedRun, known: InstalledDeployment) -> Iterator[str]:
    if asked.entrypoint != known.entrypoint:
        yield f"entrypoint: {printable(asked.entrypoint, _LONGEST_NAME)}"
    if asked.pull_steps:
        yield f"pull steps: {len(asked.pull_steps)}"
    yield from _differing(
        _governed(known.job_variables), _governed(asked.deployment_variables), "job_variables"
    )


def _governed(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the job variables that decide what a process does; a free one has to be plain."""
    return {
        name: value for name, value in variables.items() if name not in _FREE or not _plain(value)
    }


def _plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(one, str) for one in value.values())
    return value is None or isinstance(value, str | int | float)


def _differing(installed: Any, found: Any, where: str) -> Iterator[str]:
    """Yield where two documents differ, by dotted names; never what stands there."""
    if isinstance(installed, Mapping) and isinstance(found, Mapping):
        for key in sorted({*installed, *found}, key=str):
            place = f"{where}.{printable(str(key), _LONGEST_NAME)}".lstrip(".")
            if key not in installed or key not in found:
                yield place
            else:
                yield from _differing(installed[key], found[key], place)
    elif not _alike(installed, found):
        yield where


def _alike(installed: Any, found: Any) -> bool:
    if isinstance(installed, str) and isinstance(found, str):
        # In re.split's pieces a placeholder stands between each two.
        pieces = [re.escape(piece) for piece in _PLACEHOLDER.split(installed)]
        return re.fullmatch(".+".join(pieces), found) is not None
    if isinstance(installed, list) and isinstance(found, list):
        return len(installed) == len(found) and all(
            not list(_differing(one, other, "."))
            for one, other in zip(installed, found, strict=True)
        )
    return type(installed) is type(found) and bool(installed == found)


def _listed(differences: list[str]) -> str:
    more = len(differences) - _MOST_DIFFERENCES
    return "\n".join(differences[:_MOST_DIFFERENCES] + ([f"and {more} more"] if more > 0 else []))
