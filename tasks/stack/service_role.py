"""What Tiercel knows of the `cloudformation` role without asking AWS.

The policies are those of `policies/`, from which the role is made: the deployer may not
read IAM. The handlers' permissions are AWS's resource provider schemas, which cfn-lint
carries. They are read as files: to import cfn-lint takes seconds of a processor.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tiercel.domain.base.values import PolicyDocument
from tiercel.domain.organization.stack_rules import LISTED_SERVICES, STACK_SERVICES, StackRules
from tiercel.domain.organization.topology import Environment
from tiercel.domain.stack.needed_actions import Handlers
from tiercel.domain.stack.policy_evaluation import RolePolicies
from tiercel.domain.stack.unpublished_types import handlers_by_name
from tiercel.tasks.engine.policy_files import fragment, unfilled
from tiercel.tasks.engine.task import world_task

_REGION_WITH_EVERY_TYPE = "us-east-1"


@dataclass(frozen=True)
class ServiceRole:
    """What the role may do, and what the handlers of resource types call."""

    policies: RolePolicies
    handlers: dict[str, Handlers]
    offers: dict[str, PolicyDocument]
    """What services that the environment does not list would add, by their names."""


@world_task("read service role", "read permissions of service role")
def read_service_role(environment: Environment, types: Iterable[str]) -> ServiceRole:
    """Return what the role may do, and what AWS publishes of the handlers of those types."""
    stacks = environment.stacks
    offered = {one: unlisted_service(one) for one in STACK_SERVICES + LISTED_SERVICES}
    return ServiceRole(
        policies=service_role_policies(stacks),
        handlers=published_handlers(environment.region, types),
        offers={name: one for name, one in offered.items() if name not in stacks.services},
    )


@lru_cache(maxsize=64)
def unlisted_service(name: str) -> PolicyDocument:
    """Return what a service of the list lets the role manage, as a policy."""
    return {"Statement": fragment(name)["manage"]}


@lru_cache(maxsize=8)
def service_role_policies(stacks: StackRules) -> RolePolicies:
    """Return policy and boundary of the role by which stacks are made, placeholders unfilled.

    The evaluation looks at actions; what a placeholder stands for makes no difference to it.
    """
    return RolePolicies(
        identity=unfilled("cloudformation-permissions", stacks),
        boundary=unfilled("cloudformation-boundary", stacks),
    )


def published_handlers(region: str, types: Iterable[str]) -> dict[str, Handlers]:
    """Return the handlers' actions of types of AWS, by their names where it publishes none."""
    found = {one: _handlers(region, one) for one in types}
    return {one: handlers for one, handlers in found.items() if handlers}


def published_types(region: str) -> list[str]:
    """Return the types that AWS has in a region."""
    return sorted(_index(region))


@lru_cache(maxsize=1024)
def _handlers(region: str, resource_type: str) -> Handlers:
    """Read one type's schema; a few entries of AWS's are no actions and left out."""
    schema = published_schema(region, resource_type)
    handlers = schema.get("handlers") or {}
    if schema and not handlers:
        return handlers_by_name(resource_type)
    return {
        step: tuple(text.strip() for text in handler.get("permissions", ()) if ":" in text)
        for step, handler in handlers.items()
    }


@lru_cache(maxsize=128)
def published_schema(region: str, resource_type: str) -> dict[str, Any]:
    """Return what AWS publishes of one type, empty for a type that it does not."""
    schema = _index(region).get(resource_type)
    return _json(_schemas() / "resources" / f"{schema}.json") if schema else {}


@lru_cache(maxsize=8)
def _index(region: str) -> dict[str, Any]:
    """Return which file has the schema of each type; a region that is too new has the usual."""
    path = _schemas() / "providers" / f"{region}.json"
    return _json(path if path.exists() else path.with_name(f"{_REGION_WITH_EVERY_TYPE}.json"))


@lru_cache(maxsize=1)
def _schemas() -> Path:
    found = find_spec("cfnlint")
    locations = found.submodule_search_locations if found else None
    if not locations:
        raise ModuleNotFoundError("cfn-lint is not installed")
    return Path(locations[0]) / "data" / "schemas"


def _json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_bytes())
    return content
