"""What only a person knows: accounts, regions, branches, and what the organization is called."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated

from pydantic import AfterValidator, TypeAdapter, ValidationError

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.git_names import is_legal_branch
from tiercel.domain.base.text import printable, slug
from tiercel.domain.base.values import Frozen
from tiercel.domain.onboarding.seen import RepositorySeen
from tiercel.domain.organization.parts import AccountId, OneRepository, OrganizationName, Region
from tiercel.domain.organization.topology import PREPROD, PROD

_LONGEST_ORGANIZATION = 16
_USUAL = {PREPROD: ("develop", "dev"), PROD: ("main", "master")}
ACCOUNTS = tuple(
    (environment, account)
    for environment in (PREPROD, PROD)
    for account in ("infrastructure_account", "runtime_account")
)
"""The accounts that are asked for, by environment and key."""


def _legal(branch: str) -> str:
    if not is_legal_branch(branch):
        raise ValueError("git allows no branch of this name")
    return branch


_Branch = Annotated[str, AfterValidator(_legal)]
_KINDS: Mapping[str, tuple[TypeAdapter[str], str]] = {
    "organization": (TypeAdapter(OrganizationName), "a name such as acme, of 2 to 16 a-z, 0-9, -"),
    "repository": (TypeAdapter(OneRepository), "OWNER/NAME"),
    "region": (TypeAdapter(Region), "a region of AWS, such as eu-central-1"),
    "account": (TypeAdapter(AccountId), "the 12 digits of an account that no other option has"),
    "branch": (TypeAdapter(_Branch), "a branch that git allows and no other option has"),
}
"""What tiercel.toml takes for an answer, and how that is said."""


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


def require_usable(answers: Answers) -> None:
    """Raise RefusedInputError that names every option whose answer tiercel.toml cannot have.

    What is empty is no answer yet.
    """
    wrong = list(_wrong(answers))
    if not wrong:
        return
    raise RefusedInputError(
        "onboarding.wrong_answer",
        "a tiercel.toml cannot say this",
        where=", ".join(option for option, _, _ in wrong),
        why="; ".join(f"{option}: {why}" for option, _, why in wrong),
        state="nothing was written",
        remedy=f"give {'; '.join(f'{option} {_KINDS[kind][1]}' for option, kind, _ in wrong)}",
    )


def _wrong(answers: Answers) -> Iterator[tuple[str, str, str]]:
    """Yield each wrong option, its kind and what is wrong with it."""
    owners: dict[tuple[str, str], str] = {}
    for option, kind, value in _by_option(answers):
        if not value:
            continue
        shown = repr(printable(value, 60))
        owner = owners.setdefault((kind, value), option)
        if owner != option:
            yield option, kind, f"{shown} is already {owner}"
            continue
        try:
            _KINDS[kind][0].validate_python(value)
        except ValidationError:
            yield option, kind, f"{shown} is no {kind}"


def _by_option(answers: Answers) -> Iterator[tuple[str, str, str]]:
    yield "--organization", "organization", answers.organization
    yield "--repository", "repository", answers.repository
    yield "--region", "region", answers.region
    for (environment, account), value in answers.accounts.items():
        yield f"--{environment}-{account.removesuffix('_account')}", "account", value
    for environment, value in answers.branches.items():
        yield f"--{environment}-branch", "branch", value
