"""What a person gives to a command that starts a flow: refused before anything is started."""

from __future__ import annotations

from pathlib import Path

from tiercel.cli.terminal.settings import RunSettings


def commit_to_release(
    settings: RunSettings, environment: str, repository: str, commit: str
) -> tuple[str, str]:
    """Be where a flow of the environment can be started; return the repository and the commit.

    In the sandbox a folder is imported as a repository first. Raises RefusedInputError for
    what no flow would take.
    """
    from tiercel.domain.organization.requests import require_repository_name, require_revision

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
