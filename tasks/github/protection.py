"""How a repository is protected on GitHub: branch protection, rulesets, environments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any
from urllib.parse import quote

from github import GithubException, UnknownObjectException
from github.Repository import Repository

from tiercel.domain.protection.needs import GuardedBranches, ProtectionNeeds
from tiercel.domain.protection.rules import (
    EVERY_METHOD,
    BypassActor,
    Demands,
    MergeStyle,
    Rule,
    number,
)
from tiercel.domain.protection.state import (
    CLASSIC,
    BranchGuard,
    GitHubEnvironment,
    Passable,
    ProtectionState,
    RefLimit,
    Ruleset,
    ruleset_guard,
)
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.github.transport.client import github_call, repository

_PAGE = 100
_MOST_PAGES = 20
_NO_RULE = "Branch not protected"
_HIDDEN = (403, 404)
_OWN = "Repository"


@world_task("read protection", "read how {name} is protected")
def read_protection(name: str, needs: ProtectionNeeds) -> ProtectionState:
    """Return how a repository is protected, as far as the token may see it.

    What it may not see is in the state as something that may be passed by nobody knows whom.
    """
    with github_call("read how a repository is protected", name):
        reader = _Reader(repository(name), needs)
        guards = {one.name: reader.guards(one) for one in needs.subjects}
        found = reader.asked("")
        return ProtectionState(
            repository=name,
            spelt=str(found["full_name"]),
            owner_id=int(found["owner"]["id"]),
            id=int(found["id"]),
            methods=_methods(found),
            guards=guards,
            own=reader.own(),
            environments={
                one.name: read_github_environment(reader.target, one.name)
                for one in needs.environments
            },
        )


class _Reader:
    """Asks for one repository, and for each ruleset once."""

    def __init__(self, target: Repository, needs: ProtectionNeeds) -> None:
        self.target = target
        self._needs = needs
        self._rulesets: dict[int, dict[str, Any] | None] = {}

    def asked(self, path: str) -> Any:
        return asked(self.target, path)

    def guards(self, subject: GuardedBranches) -> tuple[tuple[BranchGuard, ...], ...]:
        """Return what guards each of the branches that stand for a subject."""
        exact = subject.probes == (subject.name,)
        classic = self._classic(subject.name) if exact else None
        return tuple(
            (*self._in_force(probe), *([classic] if classic else [])) for probe in subject.probes
        )

    def own(self) -> dict[str, Ruleset]:
        """Return the repository's rulesets that bear our names, of several the oldest."""
        wanted = {one.name for one in self._needs.rulesets}
        listed = sorted(pages(self.target, "/rulesets"), key=lambda one: int(one["id"]))
        found: dict[str, Ruleset] = {}
        for one in listed:
            ours = one["name"] in wanted and one.get("source_type") == _OWN
            if ours and one.get("target", "branch") == "branch" and one["name"] not in found:
                details = self._ruleset(int(one["id"]))
                found |= {one["name"]: _ruleset(details)} if details else {}
        return found

    def _in_force(self, branch: str) -> Iterator[BranchGuard]:
        """Yield the rulesets that GitHub says are in force for a branch, be it there or not."""
        found = pages(self.target, f"/rules/branches/{quote(branch, safe='')}")
        rules = sorted(found, key=lambda one: int(one["ruleset_id"]))
        for identifier, group in groupby(rules, key=lambda one: int(one["ruleset_id"])):
            listed = list(group)
            details = self._ruleset(identifier)
            bypass = _bypass(details) if details else None
            yield ruleset_guard(_title(listed[0], details), _rules(listed), bypass)

    def _ruleset(self, identifier: int) -> dict[str, Any] | None:
        """Return a ruleset, None if it is one of the organization's that the token may not see."""
        if identifier not in self._rulesets:
            self._rulesets[identifier] = optional(self.target, f"/rulesets/{identifier}")
        return self._rulesets[identifier]

    def _classic(self, branch: str) -> BranchGuard | None:
        """Return the branch protection, None if there is none."""
        try:
            found = self.asked(f"/branches/{quote(branch, safe='')}/protection")
        except GithubException as error:
            if error.status not in _HIDDEN:
                raise
            return None if _is_unprotected(error) else self._hidden()
        return _classic_guard(found)

    def _hidden(self) -> BranchGuard:
        """Stand for branch protection that only administrators see: it may demand everything."""
        contexts = {need.context for one in self._needs.subjects for need in one.needs}
        everything = Demands(
            approvals=1,
            last_push=True,
            dismisses_stale=True,
            contexts=frozenset(contexts),
            methods=frozenset({MergeStyle.MERGE}),
            no_force=True,
            no_deletion=True,
        )
        return BranchGuard(name=CLASSIC, demands=everything, passable=Passable.UNKNOWN)


def asked(target: Repository, path: str, **parameters: Any) -> Any:
    """Return GitHub's answer for an address below the repository. Use it inside `github_call`."""
    _, data = target.requester.requestJsonAndCheck(
        "GET", f"{target.url}{path}", parameters=parameters or None
    )
    return data


def optional(target: Repository, path: str) -> Any | None:
    """Return GitHub's answer, None for what is not there. Use it inside `github_call`."""
    try:
        return asked(target, path)
    except UnknownObjectException:
        return None


def pages(target: Repository, path: str, key: str = "") -> Iterator[dict[str, Any]]:
    """Yield all of a list; `key` is where it stands in the answer, if it is not the answer."""
    for page in range(1, _MOST_PAGES + 1):
        found = asked(target, path, per_page=_PAGE, page=page)
        listed = found[key] if key else found
        yield from listed
        if len(listed) < _PAGE:
            return


def read_github_environment(target: Repository, name: str) -> GitHubEnvironment | None:
    """Return an environment of the repository. Use it inside `github_call`."""
    path = f"/environments/{quote(name, safe='')}"
    found = optional(target, path)
    if found is None:
        return None
    policy = found.get("deployment_branch_policy")
    limits = None
    if policy and policy["custom_branch_policies"]:
        listed = pages(target, f"{path}/deployment-branch-policies", "branch_policies")
        limits = tuple(_limit(one) for one in listed)
    rules = {str(one["type"]): one for one in found.get("protection_rules") or ()}
    review = rules.get("required_reviewers", {})
    return GitHubEnvironment(
        name=found["name"],
        limits=limits,
        protected_only=bool(policy and policy["protected_branches"]),
        wait_minutes=number(rules.get("wait_timer", {}), "wait_timer"),
        reviewers=tuple(
            (str(one["type"]), int(one["reviewer"]["id"])) for one in review.get("reviewers") or ()
        ),
        prevent_self_review=review.get("prevent_self_review") is True,
    )


def _limit(one: dict[str, Any]) -> RefLimit:
    return RefLimit(pattern=one["name"], is_tag=one.get("type") == "tag", id=int(one["id"]))


def _methods(found: dict[str, Any]) -> frozenset[MergeStyle]:
    """Return the merge styles of a repository; GitHub names them to those alone who may write."""
    switches = {
        MergeStyle.MERGE: "allow_merge_commit",
        MergeStyle.SQUASH: "allow_squash_merge",
        MergeStyle.REBASE: "allow_rebase_merge",
    }
    return frozenset(one for one in EVERY_METHOD if found.get(switches[one]) is not False)


def _rules(listed: Iterable[dict[str, Any]]) -> tuple[Rule, ...]:
    return tuple(
        Rule(type=str(one["type"]), parameters=one.get("parameters") or {}) for one in listed
    )


def _bypass(details: dict[str, Any]) -> tuple[BypassActor, ...] | None:
    """Return who may pass a ruleset; GitHub tells only those who may change it."""
    listed = details.get("bypass_actors")
    if listed is None:
        return None
    return tuple(
        BypassActor(
            kind=str(one["actor_type"]),
            identifier=one.get("actor_id"),
            mode=str(one.get("bypass_mode", "always")),
        )
        for one in listed
    )


def _ruleset(details: dict[str, Any]) -> Ruleset:
    names = (details.get("conditions") or {}).get("ref_name") or {}
    return Ruleset(
        id=int(details["id"]),
        name=details["name"],
        is_active=details["enforcement"] == "active",
        rules=_rules(details.get("rules") or ()),
        bypass=_bypass(details),
        include=tuple(names.get("include") or ()),
        exclude=tuple(names.get("exclude") or ()),
    )


def _title(rule: dict[str, Any], details: dict[str, Any] | None) -> str:
    """Return how a ruleset is called: by its name alone if it is the repository's own."""
    name = str(details["name"]) if details else f"ruleset {rule['ruleset_id']}"
    own = rule.get("ruleset_source_type") == _OWN
    return name if own else f"{name} of {rule.get('ruleset_source')}"


def _is_unprotected(error: GithubException) -> bool:
    data = error.data
    return isinstance(data, dict) and str(data.get("message")) in (_NO_RULE, "Branch not found")


def _classic_guard(found: dict[str, Any]) -> BranchGuard:
    """Return branch protection: administrators are bound by it only where it says so."""
    reviews = found.get("required_pull_request_reviews") or {}
    checks = found.get("required_status_checks") or {}
    linear = _is_on(found, "required_linear_history")
    named = [one["context"] for one in checks.get("checks") or ()]
    allowed = reviews.get("bypass_pull_request_allowances") or {}
    passing = [] if _is_on(found, "enforce_admins") else ["administrators"]
    passing += [f"{len(listed)} {kind}" for kind, listed in allowed.items() if listed]
    return BranchGuard(
        name=CLASSIC,
        demands=Demands(
            approvals=number(reviews, "required_approving_review_count"),
            last_push=reviews.get("require_last_push_approval") is True,
            dismisses_stale=reviews.get("dismiss_stale_reviews") is True,
            contexts=frozenset([*(checks.get("contexts") or ()), *named]),
            methods=EVERY_METHOD - ({MergeStyle.MERGE} if linear else set()),
            no_force=not _is_on(found, "allow_force_pushes"),
            no_deletion=not _is_on(found, "allow_deletions"),
        ),
        passable=Passable.SOMEBODY if passing else Passable.NOBODY,
        who=", ".join(passing),
    )


def _is_on(found: dict[str, Any], switch: str) -> bool:
    return (found.get(switch) or {}).get("enabled") is True
