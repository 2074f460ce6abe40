"""What an environment on demand is made from: exactly one thing, from which its name follows."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.configuration.requests import COMMIT_ID_PATTERN
from tiercel.domain.ephemeral.environments import OriginKind
from tiercel.domain.organization.on_demand import (
    name_for_branch,
    name_for_commit,
    name_for_pull_request,
)


@dataclass(frozen=True)
class Origin:
    """A branch, a commit, the number of a pull request, or the environment whose live releases."""

    kind: OriginKind
    of: str

    def name(self, repository: str) -> str:
        """Return what the environment is called where nobody gives it another name."""
        match self.kind:
            case OriginKind.PULL_REQUEST:
                return name_for_pull_request(repository, int(self.of))
            case OriginKind.LIVE:
                return name_for_branch(f"live {self.of} {repository.lower()}")
            case OriginKind.COMMIT:
                return name_for_commit(self.of)
            case OriginKind.BRANCH:
                return name_for_branch(f"{repository.lower()} {self.of}")
            case OriginKind.DRILL:
                return name_for_branch(f"shadow {self.of}")
            case OriginKind.CANDIDATE:
                return name_for_branch(f"candidate {repository.lower()} {self.of}")


def origin_of(revision: str, pull_request: int, live_of: str) -> Origin:
    """Return the one thing that is given; RefusedInputError for none and for several."""
    found = []
    if revision:
        is_commit = re.fullmatch(COMMIT_ID_PATTERN, revision) is not None
        found.append(Origin(OriginKind.COMMIT if is_commit else OriginKind.BRANCH, revision))
    if pull_request:
        found.append(Origin(OriginKind.PULL_REQUEST, str(pull_request)))
    if live_of:
        found.append(Origin(OriginKind.LIVE, live_of))
    if len(found) == 1:
        return found[0]
    raise RefusedInputError(
        "ephemeral.no_one_origin",
        "an environment on demand is made from one thing",
        where="parameters commit, pull_request and live_of",
        why=f"{len(found)} of them are given",
        state="nothing was made",
        remedy="give a commit or branch, a pull request, or an environment with what it has live",
    )


def nothing_live(environment: str, repository: str) -> RefusedInputError:
    """Return the error of an environment that runs nothing of a repository."""
    return RefusedInputError(
        "ephemeral.nothing_live",
        f"{environment} runs nothing of {repository}",
        where=f"the ledger of {environment}",
        state="nothing was made",
        remedy="give a commit or a branch",
    )
