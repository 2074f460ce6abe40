"""Containers as the shipped definitions describe them: ECS's tasks, and pods of Kubernetes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import yaml

_DEPLOYMENTS = Path(__file__).parents[2] / "deployments"
PORT, HEALTH_PORT = 4200, 8080
API_URL = f"http://127.0.0.1:{PORT}/api"
_VALUES = {
    "environment": "preprod",
    "image": "tested",
    "infrastructure_account": "111111111111",
    "partition": "aws",
    "prefect_api_url": API_URL,
    "prefect_ui_url": f"http://127.0.0.1:{PORT}",
    "prefix": "acme-preprod-",
    "private_subnet_a": "subnet-a",
    "private_subnet_b": "subnet-b",
    "region": "eu-central-1",
    "security_group": "sg-1",
}


def filled(path: str) -> str:
    return Template((_DEPLOYMENTS / path).read_text()).substitute(_VALUES)


@dataclass(frozen=True)
class Container:
    """What is started of the image: flags of podman, and the command."""

    flags: tuple[str, ...]
    command: tuple[str, ...]


def of_task(name: str, secrets: Mapping[str, str], **more: str) -> Container:
    """The container of a task definition, with values for its secrets and variables more."""
    task = json.loads(filled(f"ecs/{name}.json"))
    (container,) = task["containerDefinitions"]
    told = {one["name"]: one["value"] for one in container.get("environment", [])}
    told |= {one["name"]: secrets[one["name"]] for one in container.get("secrets", [])}
    assert container["readonlyRootFilesystem"]
    assert container["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}
    init = ("--init",) if container["linuxParameters"].get("initProcessEnabled") else ()
    flags = (
        *("--user", container["user"], "--memory", f"{task['memory']}m", *init),
        f"--entrypoint={json.dumps(container['entryPoint'])}",
        *variables(told | more),
    )
    return Container(flags, tuple(container.get("command", [])))


def of_pod(file: str, deployment: str, told: Mapping[str, str], beside: str) -> Container:
    """The container of a Deployment; `beside` has the processes of its pod, if it shares them."""
    (spec,) = [
        one["spec"]["template"]["spec"]
        for one in _objects(file, "Deployment")
        if one["metadata"]["name"] == deployment
    ]
    (container,) = spec["containers"]
    shared = (f"--pid=container:{beside}",) if spec.get("shareProcessNamespace") else ()
    user = str(spec["securityContext"]["runAsUser"])
    flags = ("--user", user, f"--entrypoint={json.dumps(container['command'])}", *shared)
    return Container((*flags, *variables(told)), ())


def settings() -> dict[str, str]:
    """The server's settings as Kubernetes has them."""
    (data,) = [one["data"] for one in _objects("kubernetes/migration.yaml", "ConfigMap")]
    return {str(name): str(value) for name, value in data.items()}


def variables(told: Mapping[str, str]) -> list[str]:
    return [f"--env={name}={value}" for name, value in told.items()]


def _objects(file: str, kind: str) -> list[dict[str, Any]]:
    found = yaml.safe_load_all(filled(file))
    items = [item for one in found for item in one.get("items", [one])]
    return [one for one in items if one["kind"] == kind]
