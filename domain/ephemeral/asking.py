"""Who may ask for an environment on demand: what GitHub vouches for, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.text import printable
from tiercel.domain.gitflow.pull_requests import PullRequest

WRITE_PERMISSIONS = frozenset({"admin", "maintain", "write"})
"""https://docs.github.com/en/rest/collaborators/collaborators#get-repository-permissions-for-a-user"""
_LONGEST_LOGIN = 60


@dataclass(frozen=True)
class Asker:
    """Who asks, as GitHub tells it when the flow runs; nobody is a form's, whose login is empty."""

    login: str = ""
    permission: str = ""


NOBODY = Asker()


def owner_of(asker: Asker, repository: str) -> str:
    """Return who will own the environment, empty for nobody.

    Raises RefusedInputError for somebody without write access to the repository.
    """
    if not asker.login or asker.permission in WRITE_PERMISSIONS:
        return asker.login
    login = printable(asker.login, _LONGEST_LOGIN)
    raise RefusedInputError(
        "ephemeral.no_write_access",
        f"{login} may not ask for an environment on demand",
        where=repository,
        why=f"GitHub says that the permission of {login} there is {asker.permission or 'none'}",
        state="nothing was made",
        remedy="somebody with write access asks for it",
    )


def owner_by_label_of(asker: Asker, repository: str, label: str) -> str:
    """Return who will own the environment that a label asks for.

    Raises RefusedInputError for somebody without write access, and where no person set the label:
    what labels pull requests by their titles or files asks for whoever opened them.
    """
    if asker.login:
        return owner_of(asker, repository)
    raise RefusedInputError(
        "ephemeral.label_of_nobody",
        f"no person gave the pull request the label {printable(label, _LONGEST_LOGIN)}",
        where=repository,
        why="an App set it, or a user who is gone",
        state="nothing was made",
        remedy="somebody with write access takes the label away and sets it again",
    )


def no_label(repository: str, number: int, label: str) -> RefusedInputError:
    """Return the error of a pull request that does not have the label any more."""
    return RefusedInputError(
        "ephemeral.no_label",
        f"pull request {number} does not have the label {printable(label, _LONGEST_LOGIN)}",
        where=repository,
        state="nothing was made",
        remedy="set it; then the environment comes up",
    )


def require_own_branch(pull: PullRequest) -> None:
    """Raise RefusedInputError for a pull request of a fork, or one that is closed.

    Whoever has a fork decides what its branch contains; nobody with write access has read it.
    """
    if pull.from_fork:
        raise _refused(pull, "its branch is in another repository, where anybody may write")
    if not pull.is_open:
        raise _refused(pull, "it is closed", "take its branch or a commit instead")


def _refused(
    pull: PullRequest,
    why: str,
    remedy: str = "push the branch to the repository itself, once somebody has read it",
) -> RefusedInputError:
    return RefusedInputError(
        "ephemeral.pull_request",
        f"pull request {pull.number} gets no environment on demand",
        where=pull.repository,
        why=why,
        state="nothing was made",
        remedy=remedy,
    )
