"""Sets how a repository is protected on GitHub, with the token of who asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from github import GithubException
from github.Repository import Repository

from tiercel.domain.base.errors import RefusedInputError, TiercelError, UnreachableError
from tiercel.domain.base.text import printable
from tiercel.domain.protection.changes import (
    AllowMergeCommits,
    LimitEnvironment,
    ProtectionChange,
    SetRuleset,
)
from tiercel.domain.protection.state import GitHubEnvironment, Ruleset
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.github.protection import read_github_environment
from tiercel.tasks.github.transport.client import github_call, own_login, repository

_HIDDEN = (403, 404)
_OF_A_PLAN = "upgrade to"


@world_task("who protects")
def require_person() -> str:
    """Return the login of the person whose token this is; RefusedInputError if it is no person's.

    A worker's App must not be able to change what bounds it.
    """
    with github_call("ask whose token this is", "GITHUB_TOKEN"):
        login = own_login()
    if login and not login.endswith("[bot]"):
        return login
    raise RefusedInputError(
        "protection.no_person",
        "branches are protected by a person, and this is the token of a program",
        where="GITHUB_TOKEN",
        why=f"it is {login}'s" if login else "it is one of GitHub Actions",
        state="nothing was changed",
        remedy="set GITHUB_TOKEN to a token of your own that may administer the repository, and "
        "unset GITHUB_APP_ID",
    )


@world_task("protect", "{change.words} of {name}")
def make_change(name: str, change: ProtectionChange) -> None:
    """Set one thing on GitHub. Made twice, or by two at once, it is the same.

    Raises UnreachableError where the token may not, RefusedInputError where GitHub's plan has it
    not; then nothing of this change was made, or a part that only demands more.
    """
    with github_call(change.words, name), _as_administrator(name, change.words):
        target = repository(name)
        match change:
            case SetRuleset():
                _set_ruleset(target, change.ruleset)
            case AllowMergeCommits():
                _sent(target, "PATCH", "", {"allow_merge_commit": True})
            case LimitEnvironment():
                _limit(target, change)


@contextmanager
def _as_administrator(name: str, what: str) -> Iterator[None]:
    """Say what it takes where GitHub refuses a change to this token, or to everybody."""
    try:
        yield
    except GithubException as error:
        said = error.data.get("message") if isinstance(error.data, dict) else ""
        why = f"{error.status}: {printable(str(said), 300)}"
        if _OF_A_PLAN in why.lower():
            raise RefusedInputError(
                "protection.not_in_plan",
                f"GitHub's plan does not allow to {what}",
                where=name,
                why=why,
                state="this was not changed; what is planned beside it may be",
                remedy="private repositories need GitHub Pro, Team or Enterprise for this, public "
                "ones nothing: https://docs.github.com/get-started/learning-about-github/githubs-plans",
            ) from error
        if error.status not in _HIDDEN:
            raise
        raise UnreachableError(
            "protection.no_administrator",
            f"this token may not {what}",
            where=name,
            why=why,
            state="this was not changed; what is planned beside it may be",
            remedy="let an administrator of the repository run it, with a token that has the "
            "permission Administration: write",
        ) from error


def _sent(target: Repository, method: str, path: str, body: Any = None) -> Any:
    _, data = target.requester.requestJsonAndCheck(method, f"{target.url}{path}", input=body)
    return data


def _set_ruleset(target: Repository, ruleset: Ruleset) -> None:
    names = {"include": list(ruleset.include), "exclude": list(ruleset.exclude)}
    body = {
        "name": ruleset.name,
        "target": "branch",
        "enforcement": "active",
        "bypass_actors": [
            {"actor_type": one.kind, "actor_id": one.identifier, "bypass_mode": one.mode}
            for one in ruleset.bypass or ()
        ],
        "conditions": {"ref_name": names},
        "rules": [
            {"type": one.type, "parameters": one.parameters}
            if one.parameters
            else {"type": one.type}
            for one in ruleset.rules
        ],
    }
    if ruleset.id:
        _sent(target, "PUT", f"/rulesets/{ruleset.id}", body)
    else:
        _sent(target, "POST", "/rulesets", body)


def _limit(target: Repository, change: LimitEnvironment) -> None:
    """Limit an environment: what it is too much goes last, so that it is never open in between."""
    path = f"/environments/{quote(change.environment.name, safe='')}"
    if change.becomes_custom:
        _sent(target, "PUT", path, _environment_body(change.environment))
    policies = f"{path}/deployment-branch-policies"
    for pattern in change.add:
        _add_limit(target, change.environment.name, policies, pattern)
    for one in change.remove:
        try:
            _sent(target, "DELETE", f"{policies}/{one.id}")
        except GithubException as error:
            # Somebody else may have removed it a moment ago.
            if error.status != 404:
                raise


def _add_limit(target: Repository, environment: str, policies: str, pattern: str) -> None:
    """Let the branches of a pattern use an environment, unless they may already."""
    try:
        _sent(target, "POST", policies, {"name": pattern, "type": "branch"})
    except (GithubException, TiercelError):
        # GitHub answers 303 for one that is there: somebody else was faster.
        found = read_github_environment(target, environment)
        limits = found.limits if found and found.limits else ()
        if pattern not in [one.pattern for one in limits]:
            raise


def _environment_body(environment: GitHubEnvironment) -> dict[str, Any]:
    """Return what the operation needs: whatever is not said again is taken off."""
    people = [{"type": kind, "id": identifier} for kind, identifier in environment.reviewers]
    return {
        "wait_timer": environment.wait_minutes,
        "prevent_self_review": environment.prevent_self_review,
        "reviewers": people or None,
        "deployment_branch_policy": {
            "protected_branches": False,
            "custom_branch_policies": True,
        },
    }
