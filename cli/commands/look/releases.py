"""`tiercel releases`: the history of an environment's stacks, as the ledger has it."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.releases import (
    detail_rows,
    end_unless_all_is_shown,
    entry_row,
    release_table,
)
from tiercel.cli.terminal.settings import Settings, shared
from tiercel.domain.base.errors import RefusedInputError

_DEFAULT = "preprod"


@shared(Settings)
def releases(
    environment: Annotated[
        str, typer.Argument(help="The environment, such as prod.", show_default=_DEFAULT)
    ] = "",
    *,
    newest: Annotated[int, typer.Option(min=1, max=1000, help="How many of each stack.")] = 10,
    on_demand: Annotated[
        bool, typer.Option("--on-demand", help="Those of environments on demand instead.")
    ] = False,
    show: Annotated[
        str, typer.Option(metavar="STACK/NUMBER", help="Everything about one release.")
    ] = "",
    settings: Settings,
) -> None:
    """List the releases of an environment's own stacks, the newest of each stack first.

    What cannot be read is marked, and the command fails after it has shown everything else.
    """
    if show:
        _show(settings.output, settings, show, environment)
        return
    from tiercel.domain.organization.on_demand import stacks_on_demand
    from tiercel.domain.release.entries import unreadable_of
    from tiercel.tasks.records.ledger import read_newest_entries

    output, names = settings.output, settings.names(environment or _DEFAULT)
    prefix = stacks_on_demand(names.organization)
    _, history = read_newest_entries.fn(
        settings.target(names).records,
        newest,
        lambda stack: stack.startswith(prefix) is on_demand,
    )
    output.document("releases", [entry_row(entry) for entry in history])
    if not settings.as_json:
        where = f"environments on demand in {names.environment.name}"
        title = where if on_demand else names.environment.name
        release_table(output, f"Releases of {title}", history)
    end_unless_all_is_shown(output, unreadable_of(history))


def _show(output: Output, settings: Settings, name: str, environment: str) -> None:
    """Show one release of the environment whose stack it is, which may be named as well."""
    from tiercel.domain.configuration.requests import STACK_PATTERN
    from tiercel.domain.organization.names import names_of_stack
    from tiercel.tasks.records.ledger import no_release, read_release

    stack, _, number = name.rpartition("/")
    if not re.fullmatch(STACK_PATTERN, stack) or not number.isdecimal():
        raise RefusedInputError(
            "ledger.bad_release_name",
            f"{name!r} names no release",
            remedy="write STACK/NUMBER, as in acme-preprod-orders/3",
        )
    names = names_of_stack(settings.topology(), stack)
    if environment and environment != names.environment.name:
        raise RefusedInputError(
            "ledger.stack_of_other_environment",
            f"stack {stack} is none of {environment}",
            why=f"it belongs to {names.environment.name}",
            state="nothing was called",
            remedy="leave the environment out",
        )
    records = settings.target(names).records
    found = read_release.fn(records, stack, int(number))
    if found is None:
        raise no_release(stack, int(number), records.bucket)
    output.document("release", found.model_dump(mode="json"))
    if not output.as_json:
        output.table(f"Release {number} of {stack}", ("what", "value"), detail_rows(found))
