"""Whose credentials provision the accounts: two AWS profiles, one for each account."""

from __future__ import annotations

import os
from dataclasses import dataclass

from domain.errors import ConfigurationError
from domain.names import Names

INFRASTRUCTURE_PROFILE = "TIERCEL_INFRASTRUCTURE_PROFILE"
RUNTIME_PROFILE = "TIERCEL_RUNTIME_PROFILE"


@dataclass(frozen=True)
class Administrators:
    """The profile of an administrator of each account of an environment."""

    infrastructure: str
    runtime: str

    def variables(self) -> dict[str, str]:
        """Return the profiles as variables of Terraform's roots."""
        return {"infrastructure_profile": self.infrastructure, "runtime_profile": self.runtime}


def administrators_of(names: Names) -> Administrators:
    """Return the profiles that the process's environment names; else ConfigurationError.

    They are never a parameter of a run: who starts one must not choose as whom it acts.
    """
    accounts = {
        INFRASTRUCTURE_PROFILE: names.environment.infrastructure_account,
        RUNTIME_PROFILE: names.environment.runtime_account,
    }
    missing = [name for name in accounts if not os.environ.get(name)]
    if missing:
        raise ConfigurationError(
            "there is no administrator for the accounts",
            where=names.environment.name,
            why="; ".join(f"{name} is not set" for name in missing),
            state="nothing was called",
            remedy="set each to an AWS profile of an administrator of "
            + " and ".join(accounts[name] for name in missing),
        )
    return Administrators(*(os.environ[name] for name in accounts))
