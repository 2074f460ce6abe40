"""`tiercel status`: what is live where."""

from __future__ import annotations

from tiercel.cli.terminal.releases import release_row, release_table
from tiercel.cli.terminal.settings import Settings, shared
from tiercel.domain.base.errors import TiercelError


@shared(Settings)
def status(*, settings: Settings) -> None:
    """Say what is live where, since when and by whom: the release that each stack runs.

    An environment that your credentials do not reach is named; if there is no other, the
    command fails.
    """
    from tiercel.domain.organization.names import Names
    from tiercel.tasks.records.ledger import read_running_releases

    output, topology = settings.output, settings.topology()
    document: dict[str, object] = {}
    failures: list[TiercelError] = []
    for environment in topology.environments:
        try:
            access, bucket = settings.records(Names.of(topology, environment))
            live = read_running_releases.fn(access, bucket)
        except TiercelError as error:
            failures.append(error)
            document[environment] = {"error": error.parts()}
            continue
        document[environment] = [release_row(release) for release in live]
        if not settings.as_json:
            release_table(output, f"Live in {environment}", live)
    if len(failures) == len(document):
        raise failures[0]
    for failure in failures:
        output.error_note(failure)
    output.document(document)
