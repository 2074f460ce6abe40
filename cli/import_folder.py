"""Brings a folder into the sandbox under a name that the configuration allows."""

from __future__ import annotations

import re
from pathlib import Path

from domain.errors import ConfigurationError
from sandbox.repositories import import_repository
from tasks.topology_file import config_path, read_topology


def import_folder(folder: Path, state: Path) -> tuple[str, str]:
    """Import a git repository; return its name in the sandbox and its current commit.

    The owner is that of the first entry of organization.repositories.
    """
    topology = read_topology(config_path())
    organization = topology.organization
    if not organization.repositories:
        raise ConfigurationError(
            "no repository may be released",
            where="organization.repositories in tiercel.toml",
            remedy='add one, or "owner/*" for all of an owner\'s',
        )
    owner = organization.repositories[0].partition("/")[0]
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", folder.resolve().name).strip(".-")
    name = f"{owner}/{plain.removesuffix('.git') or 'repository'}"
    branch = topology.environment("preprod").branch
    return name, import_repository(folder, state, name, branch)
