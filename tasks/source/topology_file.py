"""The worker's own tiercel.toml. Importing this does not import Prefect."""

from __future__ import annotations

import os
from pathlib import Path

from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.configuration.parsing import parse_services, parse_topology
from tiercel.domain.configuration.toml_text import parse_toml
from tiercel.domain.onboarding.stand_in import stand_in_topology
from tiercel.domain.organization.fragments import OWN_FRAGMENTS, Fragment, read_fragment
from tiercel.domain.organization.topology import Topology

CONFIG_FILE = "tiercel.toml"
_OF_WORKER = {"organization", "environments"}


def config_path() -> Path:
    """Return the path of the worker's configuration: TIERCEL_CONFIG, or ./tiercel.toml."""
    return Path(os.environ.get("TIERCEL_CONFIG") or CONFIG_FILE)


def read_topology(path: Path) -> Topology:
    """Return what a configuration file says; ConfigurationError names each wrong key."""
    return _whole(_text(path), path)


def _whole(text: str, path: Path) -> Topology:
    return parse_topology(text, str(path), _fragments(path.parent / OWN_FRAGMENTS))


def read_either(path: Path, worker: Path | None) -> tuple[Topology, bool]:
    """Return what a file says, and whether it is a repository's that says of services alone.

    The environments that such a file names are those of the worker's file, `preprod` and `prod` if
    none is given. The file is read once: it may be a pipe. Raises ConfigurationError as
    `read_topology` does.
    """
    text = _text(path)
    tables = parse_toml(text, str(path))
    if _OF_WORKER & tables.keys() or "services" not in tables:
        return _whole(text, path), False
    topology = read_topology(worker) if worker else stand_in_topology()
    return parse_services(text, topology, str(path)), True


def names_environments(path: Path) -> bool:
    """Tell whether a file is there and describes environments; one that cannot be read may."""
    try:
        return bool(_OF_WORKER & parse_toml(_text(path), str(path)).keys())
    except ConfigurationError:
        return path.exists()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            "configuration.not_utf8",
            "the configuration is not UTF-8",
            where=str(path),
            why=str(error),
            state="nothing was called",
            remedy="save the file as UTF-8",
        ) from error
    except OSError as error:
        raise ConfigurationError(
            "configuration.unreadable",
            "the configuration cannot be read",
            where=str(path),
            why=str(error),
            state="nothing was called",
            remedy="name your tiercel.toml on the command line or in TIERCEL_CONFIG",
        ) from error


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
