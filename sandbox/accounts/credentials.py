"""The credentials file of a sandbox: a person's profiles, and the account roots."""

from __future__ import annotations

import configparser
import io
from dataclasses import dataclass

from tiercel.domain.organization.topology import Environment, Topology
from tiercel.sandbox.machine.layout import Layout
from tiercel.sandbox.machine.record import write_text


@dataclass(frozen=True)
class AccessKey:
    """A long-lived access key."""

    identifier: str
    secret: str


def root_profiles(environment: Environment) -> dict[str, str]:
    """Return the profile of each account's root, and the account's id."""
    return {
        f"{environment.name}-infrastructure-root": environment.infrastructure_account,
        f"{environment.name}-runtime-root": environment.runtime_account,
    }


def read_operator_key(layout: Layout, environment: str) -> AccessKey | None:
    """Return the key that the credentials file has for an environment's operator."""
    file = configparser.RawConfigParser()
    file.read(layout.credentials, "utf-8")
    if not file.has_section(environment):
        return None
    section = file[environment]
    return AccessKey(section["aws_access_key_id"], section["aws_secret_access_key"])


def read_regions(layout: Layout) -> dict[str, str]:
    """Return the region of every profile."""
    file = configparser.RawConfigParser()
    file.read(layout.config, "utf-8")
    return {name.removeprefix("profile "): file[name]["region"] for name in file.sections()}


def write_credentials(
    layout: Layout, topology: Topology, operators: dict[str, AccessKey], root_secret: str
) -> None:
    """Write the credentials and the config file, readable by their owner only.

    Each environment has a profile of its own name, which is its operator's.
    """
    credentials, config = configparser.RawConfigParser(), configparser.RawConfigParser()
    for name, environment in topology.environments.items():
        roots = root_profiles(environment)
        keys = {profile: AccessKey(account, root_secret) for profile, account in roots.items()}
        for profile, key in ({name: operators[name]} | keys).items():
            credentials[profile] = {
                "aws_access_key_id": key.identifier,
                "aws_secret_access_key": key.secret,
            }
            config[f"profile {profile}"] = {"region": environment.region}
    write_text(layout.credentials, _text(credentials))
    write_text(layout.config, _text(config))


def _text(file: configparser.RawConfigParser) -> str:
    buffer = io.StringIO()
    file.write(buffer)
    return buffer.getvalue()
