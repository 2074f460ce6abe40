"""The worker's own tiercel.toml. Importing this does not import Prefect."""

from __future__ import annotations

import os
from pathlib import Path

from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.organization.configuration import parse_topology
from tiercel.domain.organization.fragments import OWN_FRAGMENTS, Fragment, read_fragment
from tiercel.domain.organization.topology import Topology

CONFIG_FILE = "tiercel.toml"


def config_path() -> Path:
    """Return the path of the worker's configuration: TIERCEL_CONFIG, or ./tiercel.toml."""
    return Path(os.environ.get("TIERCEL_CONFIG", CONFIG_FILE))


def read_topology(path: Path) -> Topology:
    """Return what a configuration file says; ConfigurationError names each wrong key."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            "configuration.unreadable",
            "the configuration cannot be read",
            where=str(path),
            why=str(error),
            state="nothing was called",
            remedy="name your tiercel.toml on the command line or in TIERCEL_CONFIG",
        ) from error
    return parse_topology(text, str(path), _fragments(path.parent / OWN_FRAGMENTS))


def demanding_approvals() -> list[str]:
    """Return the environments that demand approvals by the configuration of this process.

    None without one, or if it is wrong: whoever needs it says so.
    """
    try:
        topology = read_topology(config_path())
    except ConfigurationError:
        return []
    return [name for name, one in topology.environments.items() if one.gates.approvals]


def _fragments(folder: Path) -> list[Fragment]:
    """Return a team's own services, in a folder beside the configuration."""
    try:
        texts = {file: file.read_text("utf-8") for file in sorted(folder.glob("*.json"))}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            "configuration.fragment_unreadable",
            "a fragment of a service cannot be read",
            where=str(folder),
            why=str(error),
            state="nothing was called",
            remedy="let the worker read it, as UTF-8, or remove it",
        ) from error
    return [read_fragment(file.stem, text, str(file)) for file, text in texts.items()]
