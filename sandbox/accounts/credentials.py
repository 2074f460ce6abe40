"""The credentials file of a sandbox: a person's profiles, and the account roots."""

from __future__ import annotations

import configparser
import io
from dataclasses import dataclass

from tiercel.domain.organization.topology import Environment, Topology
from tiercel.sandbox.machine.layout import Layout
from tiercel.sandbox.machine.record import write_text

OPERATOR = "operator"
"""The user of each InfrastructureAccount that a person, or the worker, works as."""
APPROVER = "approver"
"""The user of a person who gives his word on promotions, and does nothing else."""


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


def user_profiles(environment: str) -> dict[str, str]:
    """Return the profile of each user of an environment's InfrastructureAccount, and its name."""
    return {environment: OPERATOR, f"{environment}-{APPROVER}": APPROVER}


def approver_arn(partition: str, account: str) -> str:
    """Return how AWS calls the user `approver` of an InfrastructureAccount."""
    return f"arn:{partition}:iam::{account}:user/{APPROVER}"


def read_user_keys(layout: Layout, topology: Topology) -> dict[str, AccessKey]:
    """Return the keys that the credentials file has for users, by their profiles."""
    file = configparser.RawConfigParser()
    file.read(layout.credentials, "utf-8")
    return {
        profile: AccessKey(
            file[profile]["aws_access_key_id"], file[profile]["aws_secret_access_key"]
        )
        for environment in topology.environments
        for profile in user_profiles(environment)
        if file.has_section(profile)
    }


def read_regions(layout: Layout) -> dict[str, str]:
    """Return the region of every profile."""
    file = configparser.RawConfigParser()
    file.read(layout.config, "utf-8")
    return {name.removeprefix("profile "): file[name]["region"] for name in file.sections()}


def write_credentials(
    layout: Layout, topology: Topology, users: dict[str, AccessKey], root_secret: str
) -> None:
    """Write the credentials and the config file, readable by their owner only.

    `users` has the key of each profile that is a user's; an environment's own name is its
    operator's.
    """
    credentials, config = configparser.RawConfigParser(), configparser.RawConfigParser()
    for name, environment in topology.environments.items():
        roots = root_profiles(environment)
        keys = {profile: AccessKey(account, root_secret) for profile, account in roots.items()}
        known = {profile: users[profile] for profile in user_profiles(name)}
        for profile, key in (known | keys).items():
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
