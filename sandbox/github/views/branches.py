"""Branches and their protection, as GitHub shows them."""

from __future__ import annotations

from tiercel.sandbox.github.git.commits_and_trees import read_commit
from tiercel.sandbox.github.memory.protection import protection_of
from tiercel.sandbox.github.memory.records import Protection, RepositoryRecord
from tiercel.sandbox.github.memory.world import JsonObject, World
from tiercel.sandbox.github.views.commits import commit_view
from tiercel.sandbox.github.views.users import app_view, simple_user


def short_branch(world: World, repository: RepositoryRecord, name: str, sha: str) -> JsonObject:
    """Return a branch as lists show it."""
    address = world.urls.repository(repository.full_name, "branches", name)
    commit_url = world.urls.repository(repository.full_name, "commits", sha)
    protection = protection_of(world, repository, name)
    checks = protection.checks if protection else None
    return {
        "name": name,
        "commit": {"sha": sha, "url": commit_url},
        "protected": protection is not None,
        "protection": {
            "enabled": protection is not None,
            "required_status_checks": {
                "enforcement_level": "non_admins" if checks else "off",
                "contexts": checks.contexts if checks else [],
                "checks": _checks(checks.contexts if checks else []),
            },
        },
        "protection_url": f"{address}/protection",
    }


def branch_view(world: World, repository: RepositoryRecord, name: str, sha: str) -> JsonObject:
    """Return a branch as its own address shows it."""
    commit = read_commit(world.git(repository), sha)
    return short_branch(world, repository, name, sha) | {
        "commit": commit_view(world, repository, commit),
        "_links": {
            "self": world.urls.repository(repository.full_name, "branches", name),
            "html": world.urls.page(repository.full_name, "tree", name),
        },
    }


def full_protection(
    world: World, repository: RepositoryRecord, protection: Protection
) -> JsonObject:
    """Return a branch's protection; rules that are off have no entry or are not enabled."""
    address = f"{world.urls.repository(repository.full_name, 'branches', protection.branch)}"
    address = f"{address}/protection"
    view: JsonObject = {
        "url": address,
        "enforce_admins": {
            "url": f"{address}/enforce_admins",
            "enabled": protection.enforce_admins,
        },
        "required_signatures": {"url": f"{address}/required_signatures", "enabled": False},
        **_switches(protection),
    }
    if protection.checks:
        checks = f"{address}/required_status_checks"
        view["required_status_checks"] = {
            "url": checks,
            "strict": protection.checks.strict,
            "contexts": protection.checks.contexts,
            "contexts_url": f"{checks}/contexts",
            "checks": _checks(protection.checks.contexts),
        }
    if protection.reviews:
        reviews = protection.reviews
        view["required_pull_request_reviews"] = {
            "url": f"{address}/required_pull_request_reviews",
            "dismiss_stale_reviews": reviews.dismiss_stale,
            "require_code_owner_reviews": reviews.code_owners,
            "required_approving_review_count": reviews.count,
            "require_last_push_approval": reviews.last_push,
            "bypass_pull_request_allowances": _people(world, reviews.bypass),
        }
    if protection.restrictions is not None:
        view["restrictions"] = _restrictions(world, f"{address}/restrictions", protection)
    return view


def _switches(protection: Protection) -> JsonObject:
    switches = {
        "required_linear_history": protection.linear_history,
        "allow_force_pushes": protection.force_pushes,
        "allow_deletions": protection.deletions,
        "block_creations": protection.block_creations,
        "required_conversation_resolution": protection.conversation_resolution,
        "lock_branch": protection.lock,
        "allow_fork_syncing": protection.fork_syncing,
    }
    return {name: {"enabled": on} for name, on in switches.items()}


def _restrictions(world: World, address: str, protection: Protection) -> JsonObject:
    links = {f"{name}_url": f"{address}/{name}" for name in ("users", "teams", "apps")}
    return {"url": address, **links, **_people(world, protection.restrictions or [])}


def _people(world: World, identifiers: list[int]) -> JsonObject:
    users = [world.user(identifier) for identifier in identifiers]
    return {
        "users": [simple_user(world, user) for user in users if user.type == "User"],
        "teams": [],
        "apps": [app_view(world, world.app()) for user in users if user.type == "Bot"],
    }


def _checks(contexts: list[str]) -> list[JsonObject]:
    return [{"context": context, "app_id": None} for context in contexts]
