"""Which artifacts nobody is to go back to: by the environment's own ledger and its source's."""

from __future__ import annotations

from tiercel.domain.base.digests import ArtifactId
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.organization.access import Target
from tiercel.domain.organization.names import Names
from tiercel.domain.release.ledger import Rejection
from tiercel.tasks.engine.task import run_logger, world_task
from tiercel.tasks.records.ledger import read_rejected_artifacts


@world_task("read rejections that count", "read rejections that count for {stack}")
def read_rejections_that_count(
    target: Target, source: Names | None, stack: str
) -> dict[ArtifactId, Rejection]:
    """Return the artifacts that were ruled out for a stack, here or in the `source` of it.

    The source is the environment that this one promotes from, None if it promotes from none. Its
    ledger is in another account: while that cannot be read, nobody is kept from going back. Then
    the log warns that only what was rejected here counts.
    """
    own = read_rejected_artifacts.fn(target.records, stack)
    if source is None:
        return own
    there = source.stack(stack.removeprefix(target.names.stack_prefix))
    try:
        return read_rejected_artifacts.fn(target.records_of(source), there) | own
    except TiercelError as error:
        run_logger().warning(
            "what was rejected in %s is not known and may be gone back to: %s",
            source.environment.name, error,
        )  # fmt: skip
        return own
