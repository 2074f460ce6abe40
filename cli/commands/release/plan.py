"""`tiercel plan`: what a deploy or a promotion would do, resource by resource."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tiercel.cli.terminal.options import (
    QuietOption,
    RepositoryArgument,
    RevisionArgument,
    VerboseOption,
)
from tiercel.cli.terminal.running.releasing import commit_to_release, owned
from tiercel.cli.terminal.running.runs import run_flow
from tiercel.cli.terminal.settings import RunSettings, Settings, shared

if TYPE_CHECKING:
    from tiercel.cli.terminal.output import Output
    from tiercel.domain.approvals.plans import PlannedChange, PlannedService, PromotionPlan


@shared(Settings)
def plan(
    environment: Annotated[str, typer.Argument(help="Where it would be released.")],
    repository: RepositoryArgument,
    commit: RevisionArgument,
    *,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    settings: Settings,
) -> None:
    """Show what a deploy or promotion of a commit would do; nothing is executed or left behind."""
    name = settings.names(environment).environment.name
    here = RunSettings(
        sandbox=settings.sandbox,
        state=settings.state,
        config=settings.config,
        as_json=settings.as_json,
        local=True,
        quiet=quiet,
        verbose=verbose,
    )
    repository, commit = commit_to_release(here, name, repository, commit)
    owned(repository)
    from tiercel.flows.plan_release import plan_release

    given = {"environment": name, "repository": repository, "commit": commit}
    show_plan(here.output, run_flow(plan_release, here.output, **given).result)


def show_plan(output: Output, found: PromotionPlan) -> None:
    """Print what becomes of each service, then every resource, replacements and permissions named.

    The document has no value of a parameter or of a property.
    """
    output.document("plan", found.model_dump(mode="json") | {"digest": found.digest})
    if output.as_json:
        return
    output.table(
        f"Plan of {found.commit[:7]} for {found.environment}",
        ("service", "stack", "from release", "what", "known by"),
        [
            (one.service, one.stack, str(one.live or "none"), _what(one), _known(one))
            for one in found.services
        ],
        least=("stack", "known by"),
    )
    rows = [
        (
            one.service,
            _action(change),
            change.path,
            change.resource_type,
            ", ".join(change.properties),
            "yes" if change.changes_permissions else "",
        )
        for one in found.services
        for change in one.changes
    ]
    if rows:
        header = ("service", "action", "resource", "type", "properties", "permissions")
        output.table("Resources", header, rows, least=("properties",))
    replaced = sum(change.replaces for one in found.services for change in one.changes)
    changing = sum(not one.unchanged for one in found.services)
    output.result(
        f"{changing} of {len(found.services)} services would change, {len(rows)} resources, "
        f"{replaced} of them replaced. Nothing was changed."
    )


def _what(one: PlannedService) -> str:
    if one.unchanged:
        return "nothing to do"
    return f"{len(one.changes)} to change" if one.changes else "outputs or code only"


def _known(one: PlannedService) -> str:
    if one.unchanged:
        return ""
    return "its template" if one.follows else "CloudFormation's change set"


def _action(change: PlannedChange) -> str:
    if change.replaces:
        verb = "replace"
    else:
        verb = "maybe replace" if change.may_replace else change.action.lower()
    return f"{verb}, {change.aftermath_words}" if change.aftermath_words else verb
