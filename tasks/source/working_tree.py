"""A clone as it lies on somebody's machine, uncommitted changes included. Only read."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from tiercel.domain.base.errors import RefusedInputError, TiercelError
from tiercel.domain.base.limits import MAX_TEMPLATE_BYTES
from tiercel.domain.base.text import printable
from tiercel.domain.onboarding.seen import RepositorySeen
from tiercel.domain.onboarding.stacks import NOT_SOURCES, is_template
from tiercel.domain.onboarding.testing import wanted_texts
from tiercel.tasks.source.git import git_for
from tiercel.tasks.source.repository import Commit, list_files
from tiercel.tasks.source.templates import parse_template

_SUFFIXES = (".yaml", ".yml", ".json", ".template")
_NO_TEMPLATES = ("package.json", "package-lock.json", "samconfig.yaml", "tsconfig.json")
_MOST_TEXT = 256_000
_NEVER_BEGUN = (".git", ".venv", "node_modules")
"""Folders with very many others, in which nobody begins a repository."""
_ORIGIN = re.compile(r"(?:github\.com[:/])([A-Za-z0-9-]+/[A-Za-z0-9._-]+?)(?:\.git)?/?$")
_AUTHOR = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (
        ("NAME", "nobody"),
        ("EMAIL", "nobody@localhost"),
        ("DATE", "1970-01-01T00:00:00Z"),
    )
}


def root_of_clone(folder: Path) -> Path:
    """Return the root of the clone that a folder lies in; RefusedInputError if it is in none."""
    start = folder.absolute()
    for one in (start, *start.parents) if start.is_dir() else ():
        if (one / ".git").exists():
            return one
    raise RefusedInputError(
        "source.no_clone",
        "there is no such folder" if not start.is_dir() else "this folder is in no git repository",
        where=str(folder),
        state="nothing was written",
        remedy="give the folder of a clone; a new one is made by `git init`",
    )


def require_within(clone: Path, path: str) -> None:
    """Return if what is written at a path of a clone lands in the clone; RefusedInputError if not.

    A link in the repository can lead anywhere, and whoever made it is not whoever writes.
    """
    lands = (clone / path).parent.resolve()
    if not lands.is_relative_to(clone.resolve()):
        raise RefusedInputError(
            "onboarding.leads_outside",
            "a link leads out of the repository",
            where=str(clone / path),
            why=f"the file would be written into {printable(str(lands), 400)}",
            state="nothing was written",
            remedy="make a folder of that link, or leave the workflows out with --no-workflows",
        )


def snapshot(clone: Path, store: Path, repository: str) -> Commit:
    """Return a clone's files as a commit of its own, in an empty folder that takes its objects.

    What git would ignore is left out, and so are repositories inside it that have no commit yet,
    of which git can take nothing. Nothing is written into the clone.
    """
    (store / "objects").mkdir(parents=True)
    exclude = clone / ".git" / "info" / "exclude"
    settings = ("-c", f"core.excludesFile={exclude}") if exclude.is_file() else ()
    with git_for(store) as git:
        without = [f":(exclude,literal){one}" for one in _without_commit(clone)]
        git.run(
            *(*settings, f"--work-tree={clone}", "add", "--all", "--", ".", *without),
            within=clone,
            extra={"GIT_LITERAL_PATHSPECS": "0"},
        )
        tree = git.run("write-tree").stdout.decode().strip()
        made = git.run("commit-tree", "-m", "as it lies there", tree, extra=_AUTHOR)
    return Commit(repository=repository, sha=made.stdout.decode().strip(), mirror=store)


def _without_commit(clone: Path) -> list[str]:
    """Return the folders of a clone that are repositories of their own without a commit."""
    found = []
    for place, folders, _ in os.walk(clone):
        own = Path(place, ".git")
        if Path(place) != clone and own.exists():
            folders.clear()
            if own.is_dir() and not _references(own):
                found.append(Path(place).relative_to(clone).as_posix())
        folders[:] = [one for one in folders if one not in _NEVER_BEGUN]
    return found


def _references(git: Path) -> bool:
    return (git / "packed-refs").exists() or any((git / "refs" / "heads").rglob("*"))


def see_repository(clone: Path, commit: Commit) -> RepositorySeen:
    """Return what init goes by: the templates of a clone, its tests and manifests, its branches."""
    paths = tuple(sorted(list_files(commit)))
    templates, unread = {}, {}
    for path in paths:
        body = _body(clone / path) if _may_be_template(path) else b""
        # JSON of other kinds and other YAML are most: they are not parsed.
        if not re.search(rb"Resources[\"']?\s*:", body):
            continue
        try:
            document = parse_template(body, path)
        except TiercelError as error:
            if b"AWS::" in body:
                unread[path] = error.why or error.what
            continue
        if is_template(document):
            templates[path] = document
    workflows = [one for one in paths if one.startswith(".github/workflows/")]
    return RepositorySeen(
        repository=commit.repository,
        folder=clone.name,
        paths=paths,
        templates=templates,
        unread=unread,
        texts={
            one: _body(clone / one).decode(errors="replace")
            for one in (*wanted_texts(paths), *workflows)
            if "node_modules" not in Path(one).parts
        },
        branches=branches_of(clone),
    )


def _may_be_template(path: str) -> bool:
    place = Path(path)
    source = not NOT_SOURCES.intersection(place.parts)
    return source and path.endswith(_SUFFIXES) and place.name not in _NO_TEMPLATES


def _body(path: Path) -> bytes:
    """Return what a file holds, nothing of a link and of one that is too large."""
    with suppress(OSError):
        if path.is_file() and not path.is_symlink():
            large = path.stat().st_size > max(MAX_TEMPLATE_BYTES, _MOST_TEXT)
            return b"" if large else path.read_bytes()
    return b""


def github_origin(clone: Path) -> str:
    """Return what a clone's origin is called on GitHub, as `owner/name`; empty if unknown."""
    section = ""
    for line in _text(_common(clone) / "config").splitlines():
        content = line.strip()
        if content.startswith("["):
            section = content
        elif section == '[remote "origin"]' and content.startswith("url"):
            found = _ORIGIN.search(content.partition("=")[2].strip())
            return found[1] if found else ""
    return ""


def branches_of(clone: Path) -> tuple[str, ...]:
    """Return the branches of a clone, and those that its origin had when it was fetched."""
    common = _common(clone)
    found = set()
    for kind in ("refs/heads", "refs/remotes/origin"):
        for place, _, names in os.walk(common / kind):
            within = Path(place).relative_to(common / kind)
            found |= {(within / name).as_posix() for name in names}
    for line in _text(common / "packed-refs").splitlines():
        if match := re.fullmatch(r"[0-9a-f]{40} refs/(?:heads|remotes/origin)/(.+)", line):
            found.add(match[1])
    return tuple(sorted(found - {"HEAD"} | _unborn(clone)))


def _unborn(clone: Path) -> set[str]:
    """Return the branch that is checked out, which has no commit yet in a new repository."""
    head = _text(_git_folder(clone) / "HEAD").strip()
    return {head.removeprefix("ref: refs/heads/")} if head.startswith("ref: refs/heads/") else set()


def _git_folder(clone: Path) -> Path:
    """Return where git keeps a clone; of a second work tree that is another folder."""
    link = _text(clone / ".git").strip() if (clone / ".git").is_file() else ""
    return clone / link.removeprefix("gitdir: ") if link else clone / ".git"


def _common(clone: Path) -> Path:
    folder = _git_folder(clone)
    shared = _text(folder / "commondir").strip()
    return (folder / shared).resolve() if shared else folder


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
