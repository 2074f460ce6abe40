"""`tiercel reject`: never again to a release."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from tiercel.cli.terminal.options import StackArgument
from tiercel.cli.terminal.releases import detail_rows, release_row
from tiercel.cli.terminal.settings import Settings, shared
from tiercel.domain.base.text import printable

_LONGEST_REASON = 500


@shared(Settings)
def reject(
    stack: StackArgument,
    number: Annotated[int, typer.Argument(min=1, help="The release to rule out.")],
    *,
    reason: Annotated[str, typer.Option(help="Why, for those who wonder later.")],
    settings: Settings,
) -> None:
    """Rule a release out for good: it is neither promoted nor gone back to any more."""
    from tiercel.domain.organization.names import names_of_stack
    from tiercel.domain.release.ledger import Rejection
    from tiercel.tasks.aws.caller import caller_arn
    from tiercel.tasks.records.ledger import record_rejection

    output = settings.output
    records = settings.target(names_of_stack(settings.topology(), stack)).records
    rejection = Rejection(
        by=caller_arn.fn(records.access.region),
        reason=printable(reason, _LONGEST_REASON),
        at=datetime.now(UTC),
    )
    rejected = record_rejection.fn(records, stack, number, rejection)
    output.document("rollback", release_row(rejected))
    if not settings.as_json:
        output.table(f"Release {number} of {stack}", ("what", "value"), detail_rows(rejected))
