"""What a person gives to a command that starts a flow: refused before anything is started."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tiercel.cli.terminal.settings import RunSettings
from tiercel.domain.base.errors import TiercelError, UnreachableError


def commit_to_release(
    settings: RunSettings, environment: str, repository: str, commit: str
) -> tuple[str, str]:
    """Be where a flow of the environment can be started; return the repository and the commit.

    In the sandbox a folder is imported as a repository first. Raises RefusedInputError for
    what no flow would take.
    """
    from tiercel.domain.configuration.requests import require_repository_name, require_revision

    folder = Path(repository) if settings.sandbox and Path(repository).is_dir() else None
    if folder is None:
        require_repository_name(repository)
    if folder is None or commit != "HEAD":
        require_revision(commit)
    settings.settle(environment)
    if folder is None:
        return repository, commit
    from tiercel.cli.terminal.import_folder import import_folder

    name, head = import_folder(folder, settings.state)
    return name, head if commit == "HEAD" else commit


def owned(repository: str) -> None:
    """Raise what a flow in this process would find in the configuration, before it is started."""
    from tiercel.flows.release.preparation import require_repository
    from tiercel.tasks.source.topology_file import config_path, read_topology

    require_repository(repository, read_topology(config_path()))


@contextmanager
def open_releases_named(settings: RunSettings, environment: str) -> Iterator[None]:
    """Say which releases are open if Prefect's server goes away while a flow runs in this process.

    The ledger is asked, which needs no Prefect. If nobody can ask it either, the error stays.
    """
    try:
        yield
    except UnreachableError as error:
        if error.code != "run.lost_server":
            raise
        raise error.but(state=_open_in(settings, environment) or error.state) from error


def _open_in(settings: RunSettings, environment: str) -> str:
    from tiercel.domain.release.live import open_words
    from tiercel.tasks.records.ledger import read_live_releases

    try:
        target = settings.target(settings.names(environment))
        return open_words(read_live_releases.fn(target.records))
    except TiercelError:
        return ""
