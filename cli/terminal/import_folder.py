"""Brings a folder into the sandbox under a name that the configuration allows."""

from __future__ import annotations

import re
from pathlib import Path

from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.organization.topology import Topology
from tiercel.sandbox import lifecycle
from tiercel.sandbox.repositories import (
    head,
    import_repository,
    is_imported,
    require_imported,
)
from tiercel.tasks.source.topology_file import config_path, read_topology


def import_folder(
    folder: Path, state: Path, *, once: bool = False, newer: bool = False
) -> tuple[str, str]:
    """Import a git repository; return its name in the sandbox and its current commit.

    The owner is that of the first entry of organization.repositories. With `once`, what
    an earlier demo did in the sandbox's copy is kept, and that has to have the commit; but for
    `newer`, where the caller brings it there.
    """
    topology = read_topology(config_path())
    name = _name(folder, topology)
    branches = [environment.branch for environment in topology.environments.values()]
    if once and is_imported(state, name):
        if not newer:
            require_imported(folder, state, name, topology.environment("preprod").branch)
        return name, head(folder)
    commit = import_repository(folder, state, name, branches)
    sandbox = lifecycle.status(state)
    if sandbox and sandbox.github:
        owner, _, plain = name.partition("/")
        sandbox.github.control("POST", "/repositories", owner=owner, name=plain)
    return name, commit


def _name(folder: Path, topology: Topology) -> str:
    if not topology.organization.repositories:
        raise ConfigurationError(
            "configuration.no_repositories",
            "no repository may be released",
            where="organization.repositories in tiercel.toml",
            remedy='add one, or "owner/*" for all of an owner\'s',
        )
    owner = topology.organization.repositories[0].partition("/")[0]
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", folder.resolve().name).strip(".-")
    return topology.current_name(f"{owner}/{plain.removesuffix('.git') or 'repository'}")
