"""Rulesets, as GitHub shows them."""

from __future__ import annotations

from tiercel.sandbox.github.memory.records import RepositoryRecord, RulesetRecord
from tiercel.sandbox.github.memory.world import JsonObject, World, node_id, timestamp


def short_ruleset(world: World, repository: RepositoryRecord, record: RulesetRecord) -> JsonObject:
    """Return a ruleset as lists show it."""
    address = world.urls.repository(repository.full_name, "rulesets", record.id)
    page = world.urls.page(repository.full_name, "rules", record.id)
    return {
        "id": record.id,
        "name": record.name,
        "target": record.target,
        "source_type": "Repository",
        "source": repository.full_name,
        "enforcement": record.enforcement,
        "node_id": node_id("RRS", record.id),
        "_links": {"self": {"href": address}, "html": {"href": page}},
        "created_at": timestamp(record.created_at),
        "updated_at": timestamp(record.updated_at),
    }


def ruleset_view(
    world: World, repository: RepositoryRecord, record: RulesetRecord, *, may_change: bool
) -> JsonObject:
    """Return a ruleset; who may pass it is told to those alone who may change it."""
    view = short_ruleset(world, repository, record) | {
        "conditions": {"ref_name": {"include": record.include, "exclude": record.exclude}},
        "rules": record.rules,
    }
    if may_change:
        view["bypass_actors"] = [one.model_dump() for one in record.bypass_actors]
    return view


def rule_in_force(
    repository: RepositoryRecord, record: RulesetRecord, rule: JsonObject
) -> JsonObject:
    """Return one rule as it applies to a branch, with the ruleset that it comes from."""
    return rule | {
        "ruleset_source_type": "Repository",
        "ruleset_source": repository.full_name,
        "ruleset_id": record.id,
    }
