"""`tiercel retention`: what an artifact bucket keeps and what goes, on an administrator's machine.

No run does this: no role of an environment can become the one that deletes artifacts, so it is
whoever administers the InfrastructureAccount who calls it, with his own credentials.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from tiercel.cli.terminal.settings import Settings, shared

if TYPE_CHECKING:
    from tiercel.cli.terminal.output import Output
    from tiercel.domain.teardown.retention import RetentionDecision


@shared(Settings)
def retention(
    environment: Annotated[str, typer.Argument(help="The environment whose artifacts are meant.")],
    *,
    delete: Annotated[
        bool, typer.Option("--delete", help="Hide what nobody needs; remove what was hidden.")
    ] = False,
    profile: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ENVIRONMENT=PROFILE",
            help="An AWS profile for an environment, this one or one that pulls from it.",
        ),
    ] = None,
    settings: Settings,
) -> None:
    """Show what an artifact bucket keeps and why; with --delete, let the rest go."""
    from tiercel.cli.terminal.retaining import ArtifactKeeper, profiles_of
    from tiercel.domain.teardown.retention import require_retention

    topology = settings.topology()
    names = settings.names(environment)
    if delete:
        require_retention(names.environment)
    settings.become(environment)
    keeper = ArtifactKeeper(topology, names, profiles_of(profile or (), topology))
    decisions, unknown = keeper.decided()
    if delete:
        keeper.carry_out(decisions)
    show_retention(settings.output, decisions, unknown, deleted=delete)


def show_retention(
    output: Output,
    decisions: list[RetentionDecision],
    unknown: Mapping[str, str],
    *,
    deleted: bool,
) -> None:
    """Print what goes or went, how much stays for which reason, and what is not known and why."""
    from tiercel.domain.teardown.retention import Retained

    kept = Counter(str(one.reason) for one in decisions if one.step is Retained.KEEP)
    going = [one for one in decisions if one.step is not Retained.KEEP]
    output.document(
        "retention",
        {
            "deleted": deleted,
            "objects": [
                {"key": one.key, "step": one.step, "reason": one.reason, "bytes": one.size}
                for one in going
            ],
            "kept": dict(kept),
            "unknown": list(unknown),
            "unknown_because": dict(unknown),
        },
    )
    if output.as_json:
        return
    if going:
        output.table(
            "Done" if deleted else "What --delete would do",
            ("key", "step", "because"),
            [(one.key, one.step, one.reason) for one in going],
        )
    if kept:
        output.table("Kept", ("because", "objects"), [(one, str(n)) for one, n in kept.items()])
    done = "were" if deleted else "would be"
    output.result(
        f"{len(going)} objects {done} hidden, removed or brought back; {kept.total()} stay"
    )
    for name, why in unknown.items():
        output.result(
            f"what {name} runs is not known: {why}. Nothing goes; name a profile that may become "
            f"its orchestrator, --profile {name}=PROFILE"
        )
