"""prefect.yaml: found, read, and refused if Prefect would ignore a part of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from tiercel.deployments.prefect_internals import (
    ConcurrencyLimitSpec,
    DeploymentConfig,
    PrefectYamlModel,
    RawScheduleConfig,
    WorkPoolConfig,
)
from tiercel.domain.base.errors import ConfigurationError
from tiercel.tasks.engine.resources import resource

FILE_NAME = "prefect.yaml"


@dataclass(frozen=True)
class PrefectFile:
    """What a prefect.yaml says; `data` is the whole document."""

    path: Path
    data: dict[str, Any]

    @property
    def deployments(self) -> list[dict[str, Any]]:
        """The deployments as they are written."""
        return list(self.data.get("deployments") or ())

    @property
    def pools(self) -> list[str]:
        """The work pools that the deployments need, each once."""
        return list(
            dict.fromkeys(deployment["work_pool"]["name"] for deployment in self.deployments)
        )

    def only(self, environment: str) -> PrefectFile:
        """Return the part of one environment: the deployments of the pool of its name.

        Raises ConfigurationError if there is none.
        """
        chosen = [one for one in self.deployments if one["work_pool"]["name"] == environment]
        if not chosen:
            raise ConfigurationError(
                "deployments.none_of_environment",
                f"no deployment belongs to {environment!r}",
                where=str(self.path),
                remedy=f"choose one of {', '.join(self.pools)}",
            )
        return PrefectFile(self.path, self.data | {"deployments": chosen})


def installed_prefect_file() -> Path:
    """Return the prefect.yaml that Tiercel is installed with."""
    return resource(FILE_NAME)


def read_prefect_file(path: Path) -> PrefectFile:
    """Return what the file says; ConfigurationError for what Prefect does not read.

    Prefect itself ignores a key that it does not know, so a misspelt concurrency limit
    would go unnoticed.
    """
    try:
        data = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(
            "deployments.file_unreadable",
            f"{FILE_NAME} cannot be read",
            where=str(path),
            why=str(error),
            remedy="correct it",
        ) from error
    wrong = list(_wrong_parts(data)) if isinstance(data, dict) else ["it is not a mapping"]
    if wrong:
        raise ConfigurationError(
            "deployments.file_invalid",
            f"{FILE_NAME} has parts that Prefect would ignore or refuse",
            where=str(path),
            why="\n".join(wrong),
            state="nothing was deployed",
            remedy="correct what is named",
        )
    return PrefectFile(path, data)


def _wrong_parts(data: Mapping[str, Any]) -> Iterator[str]:
    yield from _unknown(data, PrefectYamlModel, "")
    if data.get("pull") != []:
        yield "pull: has to be [], because workers have the code installed"
    for place, deployment in enumerate(data.get("deployments") or ()):
        yield from _wrong_in_deployment(deployment, f"deployments[{place}]")


def _wrong_in_deployment(deployment: Any, where: str) -> Iterator[str]:
    if not isinstance(deployment, dict):
        yield f"{where}: is not a mapping"
        return
    yield from _unknown(deployment, DeploymentConfig, where)
    for key in ("name", "entrypoint", "description"):
        if not isinstance(deployment.get(key), str):
            yield f"{where}.{key}: missing"
    pool = deployment.get("work_pool")
    if not isinstance(pool, dict) or not isinstance(pool.get("name"), str):
        yield f"{where}.work_pool.name: missing"
    yield from _unknown(pool, WorkPoolConfig, f"{where}.work_pool")
    limit = deployment.get("concurrency_limit")
    yield from _unknown(limit, ConcurrencyLimitSpec, f"{where}.concurrency_limit")
    for number, schedule in enumerate(deployment.get("schedules") or ()):
        yield from _unknown(schedule, RawScheduleConfig, f"{where}.schedules[{number}]")
        if not isinstance(schedule, dict) or "slug" not in schedule:
            yield f"{where}.schedules[{number}].slug: missing; a schedule is known by it"


def _unknown(part: Any, model: type[BaseModel], where: str) -> Iterator[str]:
    if not isinstance(part, dict):
        return
    known = {field.alias or name for name, field in model.model_fields.items()}
    for key in part:
        if key not in known:
            yield f"{where}.{key}".lstrip(".") + ": unknown key"
