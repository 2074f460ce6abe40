"""The organization that tests use where it does not matter which: two environments of `acme`."""

from __future__ import annotations

from tiercel.domain.configuration.parsing import parse_topology
from tiercel.domain.organization.topology import Topology

ENVIRONMENTS = """
[environments.preprod]
branch = "develop"
region = "eu-central-1"
infrastructure_account = "111111111111"
runtime_account = "222222222222"
external_id = "acme-preprod-1f6a2c"

[environments.prod]
branch = "main"
region = "{prod_region}"
infrastructure_account = "333333333333"
runtime_account = "444444444444"
external_id = "acme-prod-93be07"
"""


def topology_text(*repositories: str, more: str = "", prod_region: str = "eu-central-1") -> str:
    """As TOML; `more` are whole tables that go behind the environments."""
    names = ", ".join(f'"{name}"' for name in repositories)
    head = f'organization = {{ name = "acme", repositories = [{names}] }}\n'
    return head + ENVIRONMENTS.format(prod_region=prod_region) + more


def topology_of(*repositories: str, more: str = "", prod_region: str = "eu-central-1") -> Topology:
    return parse_topology(topology_text(*repositories, more=more, prod_region=prod_region))
