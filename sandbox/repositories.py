"""Repositories of the sandbox: real bare git repositories, one folder an owner."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.text import printable

_LONGEST_REASON = 400

_AUTHOR = {
    "GIT_AUTHOR_NAME": "Tiercel demo",
    "GIT_AUTHOR_EMAIL": "demo@localhost",
    "GIT_COMMITTER_NAME": "Tiercel demo",
    "GIT_COMMITTER_EMAIL": "demo@localhost",
    "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
    "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
}


def create_from_folder(folder: Path, work_tree: Path) -> None:
    """Make a git repository of a folder's files, with the branches `develop` and `main`.

    The same files give the same commit id wherever and whenever it is made.
    """
    if work_tree.exists():
        shutil.rmtree(work_tree)
    shutil.copytree(folder, work_tree, ignore=shutil.ignore_patterns("__pycache__", ".git"))
    git_in(work_tree, "init", "--quiet", "--initial-branch=main")
    git_in(work_tree, "add", "--all")
    git_in(work_tree, "commit", "--quiet", "--message=The first version")
    git_in(work_tree, "branch", "develop")


def import_repository(
    path: Path, state: Path, name: str, branches: Sequence[str] = ("develop",)
) -> str:
    """Copy a person's repository into the sandbox as `owner/name`; return its commit.

    Its HEAD becomes the branches that feed the environments. The repository itself is only
    read. Raises RefusedInputError if it is none, has no commit or cannot be copied. What is not
    committed is not imported.
    """
    commit = head(path)
    bare = bare_repository(state, name)
    bare.mkdir(parents=True, exist_ok=True)
    git_in(bare, "init", "--quiet", "--bare")
    for refspecs in (["+refs/heads/*:refs/heads/*"], [f"+HEAD:refs/heads/{b}" for b in branches]):
        try:
            git_in(
                bare, "fetch", "--quiet", "--no-tags", "--update-head-ok", str(path.absolute()),
                *refspecs,
            )  # fmt: skip
        except subprocess.CalledProcessError as error:
            raise RefusedInputError(
                "sandbox.not_copied",
                "this repository cannot be copied",
                where=str(path),
                why=printable(error.stderr, _LONGEST_REASON),
                state="nothing was started",
                remedy="a clone that was made with --filter lacks objects: clone it again without; "
                "else `git fsck` says what is wrong with it",
            ) from error
    return commit


def is_imported(state: Path, name: str) -> bool:
    """Tell whether the sandbox has the repository."""
    return bare_repository(state, name).exists()


def require_imported(path: Path, state: Path, name: str, branch: str) -> None:
    """Return if the clone's HEAD is in a branch of the repository that the sandbox has.

    Raises RefusedInputError if the sandbox has the repository without that commit: what
    the demo did with it there cannot be told anew.
    """
    bare = bare_repository(state, name)
    try:
        git_in(bare, "merge-base", "--is-ancestor", head(path), f"refs/heads/{branch}")
    except subprocess.CalledProcessError as error:
        raise RefusedInputError(
            "sandbox.other_commit",
            "the sandbox has this repository at another commit",
            where=str(bare),
            state="nothing was changed",
            remedy="give another folder with --state, or delete this one",
        ) from error


def put_on_top(path: Path, state: Path, name: str, branch: str, base: str) -> None:
    """Make a branch of the sandbox's repository that brings a clone's HEAD into `base`.

    Its files are those of HEAD, whatever became of `base` meanwhile. Both are its parents, so
    that it can be merged without a conflict, also where the clone's history was written anew.
    """
    bare = bare_repository(state, name)
    git_in(bare, "fetch", "--quiet", "--no-tags", str(path.absolute()), "HEAD")
    parents = ("-p", f"refs/heads/{base}", "-p", "FETCH_HEAD")
    message = f"Bring {head(path)}"
    made = git_in(bare, "commit-tree", "FETCH_HEAD^{tree}", *parents, "-m", message)
    git_in(bare, "update-ref", f"refs/heads/{branch}", made.stdout.strip())


def bare_repository(state: Path, name: str) -> Path:
    """Return the folder of a repository of the sandbox's GitHub."""
    return state.absolute() / "repositories" / f"{name}.git"


def has_uncommitted_changes(path: Path) -> bool:
    """Tell whether the folder has changes that a commit does not contain."""
    return bool(git_in(path, "status", "--porcelain").stdout.strip())


def require_folder(path: Path) -> None:
    """Return if there is a folder; RefusedInputError if not."""
    if not path.is_dir():
        raise RefusedInputError(
            "sandbox.no_folder",
            "there is no such folder",
            where=str(path),
            state="nothing was started",
            remedy="give the folder of a clone, or owner/name of a repository that the sandbox has",
        )


def revision_in(path: Path, revision: str) -> str:
    """Return the commit that git takes for a revision in a clone, such as a tag; empty if none."""
    try:
        found = git_in(
            path, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
        )
    except subprocess.CalledProcessError:
        return ""
    return found.stdout.strip()


def head(path: Path) -> str:
    """Return the commit that a clone has checked out.

    Raises RefusedInputError if there is none, for a folder inside a clone, and for a clone that
    lacks older commits: nobody can fetch from a copy of it, nor tell what was merged where.
    """
    require_folder(path)
    try:
        shallow = git_in(path, "rev-parse", "--is-shallow-repository").stdout.strip() == "true"
        commit = git_in(path, "rev-parse", "--verify", "HEAD^{commit}").stdout.strip()
        inside = git_in(path, "rev-parse", "--show-prefix").stdout.strip()
    except subprocess.CalledProcessError as error:
        raise RefusedInputError(
            "sandbox.no_repository",
            "this is no git repository with a commit",
            where=str(path),
            state="nothing was started",
            remedy="give the folder of a clone: `git init`, add and commit first",
        ) from error
    if inside:
        raise RefusedInputError(
            "sandbox.inside_repository",
            "this is a folder inside a git repository",
            where=str(path),
            why=f"in its repository it is {inside}",
            state="nothing was started",
            remedy="give the folder of the clone itself",
        )
    if shallow:
        raise RefusedInputError(
            "sandbox.shallow_repository",
            "this clone has only a part of its history",
            where=str(path),
            state="nothing was started",
            remedy="run `git fetch --unshallow` there first",
        )
    return commit


def git_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run git in a folder, as the demo's author and without a person's configuration.

    Raises subprocess.CalledProcessError when git fails.
    """
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
