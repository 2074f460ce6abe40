"""Rulesets of a repository, and which rules are in force for a branch.

https://docs.github.com/en/rest/repos/rules
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from tiercel.sandbox.github.memory.protection import rulesets_in_force
from tiercel.sandbox.github.memory.records import RulesetActor, RulesetRecord
from tiercel.sandbox.github.memory.world import JsonObject
from tiercel.sandbox.github.operations.calls import Answer, ApiCall, Body, Route, read, write
from tiercel.sandbox.github.rules.errors import UNPROCESSABLE, ApiError
from tiercel.sandbox.github.views.rulesets import rule_in_force, ruleset_view, short_ruleset

_NEEDED = {
    "pull_request": (
        "dismiss_stale_reviews_on_push",
        "require_code_owner_review",
        "require_last_push_approval",
        "required_approving_review_count",
        "required_review_thread_resolution",
    ),
    "required_status_checks": ("required_status_checks", "strict_required_status_checks_policy"),
}
_PLAIN = ("creation", "deletion", "non_fast_forward", "required_linear_history")
_EVERY_METHOD = ["merge", "squash", "rebase"]


class _Actor(Body):
    actor_id: int | None = None
    actor_type: Literal[
        "Integration", "OrganizationAdmin", "RepositoryRole", "Team", "DeployKey", "User"
    ]
    bypass_mode: Literal["always", "pull_request", "exempt"] = "always"


class _Names(Body):
    include: list[str] = Field(default_factory=list)
    exclude: list[str] = Field(default_factory=list)


class _Conditions(Body):
    ref_name: _Names = _Names()


class RulesetWish(Body):
    """The body of the operation that makes a ruleset, and of the one that replaces it."""

    resource: ClassVar[str] = "RepositoryRuleset"

    name: str
    target: Literal["branch", "tag", "push"] = "branch"
    enforcement: Literal["disabled", "active", "evaluate"]
    bypass_actors: list[_Actor] = Field(default_factory=list)
    conditions: _Conditions = _Conditions()
    rules: list[dict[str, Any]] = Field(default_factory=list)


def _list(call: ApiCall) -> Answer:
    found = call.world.store.find(RulesetRecord, call.repository.id)
    return call.page(found[::-1], lambda one: short_ruleset(call.world, call.repository, one))


def _shown(call: ApiCall, record: RulesetRecord, status: int = 200) -> Answer:
    may_change = call.actor.may(call.repository, "administration", "write")
    view = ruleset_view(call.world, call.repository, record, may_change=may_change)
    return Answer(status, view)


def _get(call: ApiCall) -> Answer:
    return _shown(call, call.record(RulesetRecord, "ruleset_id"))


def _create(call: ApiCall) -> Answer:
    record = _record(call, call.world.store.next_id(), call.parse(RulesetWish))
    return _shown(call, call.world.store.put(record), 201)


def _replace(call: ApiCall) -> Answer:
    """Replace what the body names; all that it does not name stays."""
    known = call.record(RulesetRecord, "ruleset_id")
    record = _record(call, known.id, call.parse(RulesetWish))
    kept = record.model_copy(update={"created_at": known.created_at})
    return _shown(call, call.world.store.put(kept))


def _delete(call: ApiCall) -> Answer:
    call.world.store.delete(call.record(RulesetRecord, "ruleset_id"))
    return Answer(204)


def _in_force(call: ApiCall) -> Answer:
    found = rulesets_in_force(call.world, call.repository, call.parameters["branch"])
    rules = [rule_in_force(call.repository, one, rule) for one in found for rule in one.rules]
    return call.page(rules)


def _record(call: ApiCall, identifier: int, wish: RulesetWish) -> RulesetRecord:
    now = call.world.now()
    return RulesetRecord(
        id=identifier,
        repository=call.repository.id,
        name=wish.name,
        target=wish.target,
        enforcement=wish.enforcement,
        bypass_actors=[RulesetActor(**one.model_dump()) for one in wish.bypass_actors],
        include=wish.conditions.ref_name.include,
        exclude=wish.conditions.ref_name.exclude,
        rules=[_rule(one) for one in wish.rules],
        created_at=now,
        updated_at=now,
    )


def _rule(rule: JsonObject) -> JsonObject:
    """Return a rule as GitHub keeps it; ApiError for one that is not modelled, or lacks a part."""
    kind, parameters = rule.get("type"), rule.get("parameters") or {}
    if kind in _PLAIN:
        return {"type": kind}
    missing = [name for name in _NEEDED.get(str(kind), ()) if name not in parameters]
    if kind not in _NEEDED or missing:
        what = ", ".join(missing) or "not modelled"
        raise ApiError(UNPROCESSABLE, message=f"Invalid rule '{kind}': {what}")
    if kind == "pull_request":
        parameters = {"allowed_merge_methods": _EVERY_METHOD} | parameters
    return {"type": kind, "parameters": parameters}


_RULESETS = "/repos/{owner}/{repo}/rulesets"
_RULESET = f"{_RULESETS}/{{ruleset_id}}"
ROUTES = (
    Route("GET", _RULESETS, _list, read("metadata")),
    Route("POST", _RULESETS, _create, write("administration")),
    Route("GET", _RULESET, _get, read("metadata")),
    Route("PUT", _RULESET, _replace, write("administration")),
    Route("DELETE", _RULESET, _delete, write("administration")),
    Route("GET", "/repos/{owner}/{repo}/rules/branches/{branch}", _in_force, read("metadata")),
)
