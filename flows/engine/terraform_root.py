"""Terraform's root of an environment, connected to its state."""

from __future__ import annotations

from pathlib import Path

from tiercel.domain.accounts.provisioning import terraform_variables
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import Topology
from tiercel.flows.engine.concurrency import call
from tiercel.tasks.accounts.administrators import Administrators
from tiercel.tasks.accounts.terraform import Backend, init_terraform, prepare_root


async def initialized_root(
    folder: Path, topology: Topology, names: Names, administrators: Administrators
) -> Path:
    """Return a root that is connected to its state."""
    environment = names.environment
    variables = terraform_variables(topology, environment.name) | administrators.variables()
    root = await call(prepare_root, folder, environment.name, variables)
    backend = Backend(
        bucket=names.state_bucket,
        key=f"{environment.name}.tfstate",
        region=environment.region,
        profile=administrators.infrastructure,
    )
    await call(init_terraform, root, backend)
    return root
