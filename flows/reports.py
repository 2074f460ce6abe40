"""Prefect artifacts: what a run did, for people who would rather look."""

from __future__ import annotations

import re
from collections.abc import Mapping

from prefect.artifacts import acreate_markdown_artifact

from domain.markdown import code, escaped, table
from domain.names import Names
from domain.plan import Change, Plan
from flows.preparation import Candidate
from flows.results import Published, Released


async def report_plan(names: Names, plan: Plan) -> None:
    """Show every change of a stack: replacements marked, permissions apart."""
    permissions = [change for change in plan.changes if change.changes_permissions]
    others = [change for change in plan.changes if not change.changes_permissions]
    account = names.environment.runtime_account
    await _markdown(
        f"plan-{plan.stack}",
        f"Plan of {plan.stack}: {plan.summary()}",
        f"# Plan of {code(plan.stack)}\n\n{plan.summary()}; account {account}, "
        f"region {names.environment.region}\n\n"
        f"Plan digest {code(plan.digest)}\n\n"
        f"## Resources\n\n{_changes(others)}\n\n## Permissions\n\n{_changes(permissions)}\n",
    )


async def report_publication(candidate: Candidate, published: Mapping[str, Published]) -> None:
    """Show the artifact of each service and whether this run built it."""
    rows = [
        (
            escaped(name),
            "built" if result.built else "unchanged",
            str(result.uploaded),
            code(result.manifest.artifact_id[:12]),
            code(result.manifest.digest[:12]),
        )
        for name, result in published.items()
    ]
    commit = candidate.commit
    await _markdown(
        f"artifacts-{candidate.names.environment.name}",
        f"Artifacts of {commit.repository}@{commit.sha[:7]}",
        f"# Artifacts of {escaped(commit.repository)}@{commit.sha[:7]}\n\n"
        + table(("service", "this run", "new packages", "artifact id", "digest"), rows),
    )


async def report_deployment(candidate: Candidate, released: Mapping[str, Released]) -> None:
    """Show what is live in the environment after the run."""
    rows = [
        (
            escaped(name),
            str(result.release.intent.number),
            "changed" if result.changed else "unchanged",
            code(result.release.intent.commit[:7]),
            code(result.release.intent.artifact_digest[:12]),
            escaped(result.release.intent.requested_by),
            escaped(", ".join(f"{key}={value}" for key, value in result.outputs.items())),
        )
        for name, result in released.items()
    ]
    environment = candidate.names.environment
    await _markdown(
        f"live-{environment.name}",
        f"What is live in {environment.name}",
        f"# What is live in {environment.name}\n\nAccount {environment.runtime_account}, "
        f"region {environment.region}\n\n"
        + table(
            ("service", "release", "this run", "commit", "artifact", "asked by", "outputs"), rows
        ),
    )


def _changes(changes: list[Change]) -> str:
    if not changes:
        return "none"
    rows = [
        (
            change.action,
            "**replaced**" if change.replaces else "",
            code(change.logical_id),
            escaped(change.resource_type),
            escaped(", ".join(change.properties)),
        )
        for change in changes
    ]
    return table(("action", "", "resource", "type", "properties"), rows)


async def _markdown(key: str, description: str, text: str) -> None:
    """Keys of Prefect artifacts have lower-case letters, digits and hyphens."""
    safe = re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")
    await acreate_markdown_artifact(key=safe, description=description, markdown=text)
