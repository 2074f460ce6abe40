"""The worker's own tiercel.toml, and the services that a commit describes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.configuration.discovery import discover_services
from tiercel.domain.configuration.parsing import parse_services
from tiercel.domain.configuration.toml_text import parse_toml
from tiercel.domain.organization.topology import Topology
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.source.named_paths import with_named_paths
from tiercel.tasks.source.repository import Commit, list_files, read_text
from tiercel.tasks.source.topology_file import CONFIG_FILE, read_topology


@world_task("read configuration", shown=True)  # the first of a run: it has begun
def load_topology(path: Path) -> Topology:
    """Return what the worker's configuration says; ConfigurationError names each wrong key."""
    return read_topology(path)


@world_task("read services", "read services of {commit.repository}")
def load_services(commit: Commit, topology: Topology) -> Topology:
    """Return the topology with the services of a commit.

    They stand in the commit's tiercel.toml; without one, each folder with a template
    is a service. What their templates name outside of their folders is included. Raises
    ConfigurationError or, if there is no service, RefusedInputError.
    """
    where = f"{commit.repository}@{short_commit(commit.sha)}"
    text = read_text(commit, CONFIG_FILE)
    if text is not None:
        described = parse_services(text, topology, f"{where}:{CONFIG_FILE}")
    else:
        name = topology.first_name(commit.repository).rpartition("/")[2]
        described = topology.with_services(discover_services(list_files(commit), name))
    if not described.services:
        raise RefusedInputError(
            "source.no_service",
            "the commit has no service",
            where=where,
            why=f"it has neither a {CONFIG_FILE} with [services] nor a template.yaml",
            state="nothing was built",
            remedy=f"describe the services in {CONFIG_FILE} at the root of the repository",
        )
    return described.with_services(with_named_paths(commit, described.services))


@world_task("read other settings", "read other settings of {commit.repository}")
def load_other_settings(commit: Commit) -> dict[str, Any]:
    """Return what a commit's tiercel.toml says beside its services, which no flow goes by."""
    where = f"{commit.repository}@{short_commit(commit.sha)}"
    text = read_text(commit, CONFIG_FILE)
    tables = parse_toml(text, f"{where}:{CONFIG_FILE}") if text is not None else {}
    return {name: table for name, table in tables.items() if name != "services"}
