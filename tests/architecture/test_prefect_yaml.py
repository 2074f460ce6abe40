from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.cli.deploy._models import DeploymentConfig, PrefectYamlModel
from prefect.flows import Flow, load_flow_from_entrypoint

ROOT = Path(__file__).parent.parent.parent
CONFIG: dict[str, Any] = yaml.safe_load((ROOT / "prefect.yaml").read_text())
DEPLOYMENTS: list[dict[str, Any]] = CONFIG["deployments"]


def label(deployment: dict[str, Any]) -> str:
    return str(deployment["entrypoint"])


def unknown_keys(deployment: dict[str, Any]) -> set[str]:
    return set(deployment) - set(DeploymentConfig.model_fields)


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=label)
def test_every_key_of_a_deployment_is_one_that_prefect_reads(deployment: dict[str, Any]) -> None:
    assert unknown_keys(deployment) == set()


def test_a_misspelt_key_would_be_seen() -> None:
    assert unknown_keys({"entrypoint": "x", "concurency_limit": 1}) == {"concurency_limit"}


def test_every_key_of_the_file_is_one_that_prefect_reads() -> None:
    known = {field.alias or name for name, field in PrefectYamlModel.model_fields.items()}
    assert set(CONFIG) <= known


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=label)
def test_every_entrypoint_is_a_flow_that_loads(deployment: dict[str, Any]) -> None:
    flow: object = load_flow_from_entrypoint(deployment["entrypoint"], use_placeholder_flow=False)
    assert isinstance(flow, Flow)


def test_every_flow_has_a_deployment() -> None:
    deployed = {deployment["entrypoint"].rpartition(".")[2] for deployment in DEPLOYMENTS}
    written = {
        line.partition("(")[0].removeprefix("async def ")
        for path in (ROOT / "flows").glob("*.py")
        for before, line in zip(
            path.read_text().splitlines(), path.read_text().splitlines()[1:], strict=False
        )
        if before.startswith("@flow(") and line.startswith("async def ")
    }
    assert deployed == written


def test_every_deployment_runs_installed_code() -> None:
    assert CONFIG["pull"] == []
