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

    In the sandbox a folder is imported as a repository first, and whatever its git takes for a
    revision is one. Raises RefusedInputError for what no flow would take.
    """
    from tiercel.domain.configuration.requests import require_repository_name, require_revision

    if settings.sandbox and _is_path(repository):
        return _imported(settings, environment, Path(repository), commit)
    require_repository_name(repository)
    require_revision(commit)
    settings.settle(environment)
    return repository, commit


def _is_path(repository: str) -> bool:
    """Tell a folder from a repository: no owner's name begins like a path."""
    return repository.startswith((".", "/", "~")) or Path(repository).is_dir()


def _imported(
    settings: RunSettings, environment: str, folder: Path, commit: str
) -> tuple[str, str]:
    from tiercel.cli.terminal.import_folder import import_folder
    from tiercel.domain.configuration.requests import require_revision
    from tiercel.sandbox.repositories import has_uncommitted_changes, require_folder, revision_in

    require_folder(folder)
    # What the folder does not know may be a branch that others pushed in the sandbox.
    found = revision_in(folder, commit) or require_revision(commit)
    settings.settle(environment)
    name, _ = import_folder(folder, settings.state)
    if has_uncommitted_changes(folder):
        settings.output.line(f"{folder} has changes that are not committed: they are left out")
    return name, found


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
