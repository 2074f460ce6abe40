"""Whose credentials provision the accounts: two AWS profiles, one for each account."""

from __future__ import annotations

import os
from dataclasses import dataclass

from botocore.exceptions import NoCredentialsError, ProfileNotFound

from tiercel.domain.base.errors import ConfigurationError, RefusedInputError
from tiercel.domain.organization.names import Names
from tiercel.tasks.aws.clients import profile_client
from tiercel.tasks.aws.errors import translated
from tiercel.tasks.engine.task import world_task

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
            "administrator.not_named",
            "there is no administrator for the accounts",
            where=names.environment.name,
            why="; ".join(f"{name} is not set" for name in missing),
            state="nothing was called",
            remedy="set each to an AWS profile of an administrator of "
            + " and ".join(accounts[name] for name in missing),
        )
    return Administrators(*(os.environ[name] for name in accounts))


@world_task("identify the administrators")
def require_administrators(names: Names, administrators: Administrators) -> None:
    """Make sure that each profile leads to its own account.

    Raises ConfigurationError for a profile without credentials, and RefusedInputError for one
    of another account.
    """
    environment = names.environment
    for variable, profile, wanted in (
        (INFRASTRUCTURE_PROFILE, administrators.infrastructure, environment.infrastructure_account),
        (RUNTIME_PROFILE, administrators.runtime, environment.runtime_account),
    ):
        where = f"profile {profile}, {variable}"
        remedy = f"set {variable} to an AWS profile of an administrator of {wanted}"
        account = _account_of(profile, environment.region, where, remedy)
        if account != wanted:
            raise RefusedInputError(
                "administrator.other_account",
                "the profile leads to another account",
                where=where,
                why=f"account {account}, wanted {wanted}",
                state="nothing was changed",
                remedy=remedy,
            )


def _account_of(profile: str, region: str, where: str, remedy: str) -> str:
    with translated("identify an administrator", where):
        try:
            answer = profile_client("sts", profile, region).get_caller_identity()
        except (NoCredentialsError, ProfileNotFound) as error:
            raise ConfigurationError(
                "administrator.unusable_profile",
                "the profile of an administrator cannot be used",
                where=where,
                why=str(error),
                state="nothing was changed",
                remedy=remedy,
            ) from error
    return str(answer["Account"])
