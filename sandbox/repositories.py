"""Repositories of the sandbox: real bare git repositories, one folder an owner."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from domain.errors import RefusedInputError

_AUTHOR = {
    "GIT_AUTHOR_NAME": "Tiercel demo",
    "GIT_AUTHOR_EMAIL": "demo@localhost",
    "GIT_COMMITTER_NAME": "Tiercel demo",
    "GIT_COMMITTER_EMAIL": "demo@localhost",
    "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
    "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
}


def server_url(state: Path) -> str:
    """Return what stands in for https://github.com: GITHUB_SERVER_URL of the sandbox."""
    return (state.absolute() / "repositories").as_uri()


def create_from_folder(folder: Path, work_tree: Path) -> None:
    """Make a git repository of a folder's files, with the branches `develop` and `main`.

    The same files give the same commit id wherever and whenever it is made.
    """
    if work_tree.exists():
        shutil.rmtree(work_tree)
    shutil.copytree(folder, work_tree, ignore=shutil.ignore_patterns("__pycache__", ".git"))
    _git(work_tree, "init", "--quiet", "--initial-branch=main")
    _git(work_tree, "add", "--all")
    _git(work_tree, "commit", "--quiet", "--message=The first version")
    _git(work_tree, "branch", "develop")


def import_repository(path: Path, state: Path, name: str, branch: str = "develop") -> str:
    """Copy a person's repository into the sandbox as `owner/name`; return its commit.

    Its HEAD becomes the branch that feeds Preprod.

    The repository itself is only read. Raises RefusedInputError if it is none, or has no
    commit. What is not committed is not imported.
    """
    commit = head(path)
    bare = state.absolute() / "repositories" / f"{name}.git"
    bare.mkdir(parents=True, exist_ok=True)
    _git(bare, "init", "--quiet", "--bare")
    _git(
        bare, "fetch", "--quiet", "--no-tags", "--update-head-ok", str(path.absolute()),
        "+refs/heads/*:refs/heads/*",
    )  # fmt: skip
    # What a person has checked out is what Preprod releases.
    _git(
        bare, "fetch", "--quiet", "--no-tags", "--update-head-ok", str(path.absolute()),
        f"+HEAD:refs/heads/{branch}",
    )  # fmt: skip
    return commit


def has_uncommitted_changes(path: Path) -> bool:
    """Tell whether the folder has changes that a commit does not contain."""
    return bool(_git(path, "status", "--porcelain").stdout.strip())


def head(path: Path) -> str:
    """Return the commit that a clone has checked out; RefusedInputError if there is none."""
    try:
        return _git(path, "rev-parse", "--verify", "HEAD^{commit}").stdout.strip()
    except (subprocess.CalledProcessError, NotADirectoryError, FileNotFoundError) as error:
        raise RefusedInputError(
            "this is no git repository with a commit",
            where=str(path),
            state="nothing was started",
            remedy="give the folder of a clone: `git init`, add and commit first",
        ) from error


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *arguments],  # noqa: S607 - the user's own git
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        env=os.environ
        | _AUTHOR
        | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"},
    )
