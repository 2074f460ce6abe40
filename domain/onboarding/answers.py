"""What only a person knows: accounts, regions, branches, and what the organization is called."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from tiercel.domain.base.text import slug
from tiercel.domain.base.values import Frozen
from tiercel.domain.onboarding.seen import RepositorySeen
from tiercel.domain.organization.topology import PREPROD, PROD

_LONGEST_ORGANIZATION = 16
_USUAL = {PREPROD: ("develop", "dev"), PROD: ("main", "master")}
ACCOUNTS = tuple(
    (environment, account)
    for environment in (PREPROD, PROD)
    for account in ("infrastructure_account", "runtime_account")
)
"""The accounts that are asked for, by environment and key."""


class Answers(Frozen):
    """What somebody answered; what is empty nobody knows yet.

    `accounts` are those of `ACCOUNTS`, `external_ids` and `branches` are by environment. `tiercel`
    is the team's own copy, as `OWNER/NAME@COMMIT`.
    """

    organization: str
    repository: str
    region: str = ""
    accounts: Mapping[tuple[str, str], str] = {}
    external_ids: Mapping[str, str] = {}
    branches: Mapping[str, str] = {}
    tiercel: str = ""

    @property
    def complete(self) -> bool:
        """Whether both environments can be described."""
        known = all(self.accounts.get(one) for one in ACCOUNTS)
        return bool(known and self.region and self.repository)

    def branch(self, environment: str) -> str:
        """Return the branch that feeds an environment."""
        return self.branches.get(environment) or _USUAL[environment][0]


def proposed_organization(seen: RepositorySeen) -> str:
    """Return a name for the organization: its owner's on GitHub, or the folder's."""
    words = seen.repository.partition("/")[0] or seen.folder
    name = slug(words, _LONGEST_ORGANIZATION)
    return name if re.fullmatch(r"[a-z][a-z0-9-]*[a-z0-9]", name) else "acme"


def proposed_branch(branches: Collection[str], environment: str) -> str:
    """Return the branch that feeds an environment, one that is there if there is one."""
    usual = _USUAL[environment]
    return next((one for one in usual if one in branches), usual[0])
