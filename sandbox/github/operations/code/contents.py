"""Files and folders of a repository.

https://docs.github.com/en/rest/repos/contents
"""

from __future__ import annotations

import base64
import binascii
from typing import ClassVar

from tiercel.sandbox.github.git.commands import EMPTY_TREE, GitError
from tiercel.sandbox.github.git.commits_and_trees import (
    TreeEntry,
    change_tree,
    entry_at,
    list_tree,
    read_commit,
    write_commit,
)
from tiercel.sandbox.github.memory.urls import quoted
from tiercel.sandbox.github.memory.world import JsonObject
from tiercel.sandbox.github.operations.calls import Answer, ApiCall, Body, Route, read, write
from tiercel.sandbox.github.operations.code.objects import Person, Someone, signed
from tiercel.sandbox.github.operations.reference_changes import move_branch
from tiercel.sandbox.github.rules.errors import (
    FILE_CONFLICT,
    UNPROCESSABLE,
    ApiError,
    not_found,
    refused_because,
)
from tiercel.sandbox.github.views.commits import git_commit

_INLINE_BYTES = 1024 * 1024
_SYMLINK = "120000"


class FileWish(Body):
    """The body of the operation that creates or updates a file."""

    resource: ClassVar[str] = "Contents"

    message: str
    content: str
    sha: str = ""
    branch: str = ""
    author: Person | None = None
    committer: Person | None = None


class FileRemoval(Body):
    """The body of the operation that removes a file."""

    resource: ClassVar[str] = "Contents"

    message: str
    sha: str
    branch: str = ""
    author: Someone | None = None
    committer: Someone | None = None


def _path(call: ApiCall) -> str:
    path = call.parameters.get("path", "").strip("/")
    if "\0" in path:
        raise not_found()
    return path


def _get(call: ApiCall) -> Answer:
    ref = call.query.get("ref") or call.repository.default_branch
    commit, path = call.git.commit(ref), _path(call)
    entry = entry_at(call.git, commit, path) if commit else None
    if entry is None or commit is None:
        raise not_found()
    if entry.type == "tree":
        below = list_tree(call.git, entry.sha)
        views = [_entry(call, ref, child, f"{path}/{child.path}".strip("/")) for child in below]
        return Answer(200, views)
    view = _entry(call, ref, entry, path)
    if entry.type == "blob":
        view |= _content(call, entry)
    else:
        view |= {"submodule_git_url": None}
    return Answer(200, view)


def _entry(call: ApiCall, ref: str, entry: TreeEntry, path: str) -> JsonObject:
    full_name, urls = call.repository.full_name, call.world.urls
    kinds = {"tree": "dir", "commit": "submodule"}
    kind = "symlink" if entry.mode == _SYMLINK else kinds.get(entry.type, "file")
    address = f"{urls.repository(full_name, 'contents', path)}?ref={quoted(ref)}"
    object_kind = "trees" if entry.type == "tree" else "blobs"
    git_url = urls.repository(full_name, f"git/{object_kind}", entry.sha)
    page = urls.page(full_name, "tree" if entry.type == "tree" else "blob", ref, path)
    raw = urls.page(full_name, "raw", ref, path) if entry.type == "blob" else None
    return {
        "type": kind,
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": entry.sha,
        "size": entry.size or 0,
        "url": address,
        "git_url": git_url,
        "html_url": page,
        "download_url": raw,
        "_links": {"self": address, "git": git_url, "html": page},
    }


def _content(call: ApiCall, entry: TreeEntry) -> JsonObject:
    """Return a file's content, which is left out when it is larger than 1 MiB."""
    if (entry.size or 0) > _INLINE_BYTES:
        return {"content": "", "encoding": "none"}
    raw = call.git.read(entry.sha)
    if entry.mode == _SYMLINK:
        return {"target": raw.decode(errors="replace")}
    return {"content": base64.encodebytes(raw).decode(), "encoding": "base64"}


def _put(call: ApiCall) -> Answer:
    wish, path = call.parse(FileWish), _path(call)
    try:
        raw = base64.b64decode("".join(wish.content.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ApiError(UNPROCESSABLE, message="content is not valid Base64") from error
    if not path:
        raise not_found()
    branch, tip = _branch(call, wish.branch)
    known = entry_at(call.git, tip, path) if tip else None
    if known and not wish.sha:
        raise ApiError(UNPROCESSABLE, message='Invalid request.\n\n"sha" wasn\'t supplied.')
    if wish.sha and (known is None or wish.sha != known.sha):
        raise ApiError(FILE_CONFLICT, message=f"{path} does not match {wish.sha}")
    blob = call.git.write("blob", raw)
    mode = known.mode if known and known.type == "blob" else "100644"
    return _commit(call, wish, branch, tip, (mode, path, blob))


def _delete(call: ApiCall) -> Answer:
    wish, path = call.parse(FileRemoval), _path(call)
    branch, tip = _branch(call, wish.branch)
    known = entry_at(call.git, tip, path) if tip and path else None
    if known is None or known.type == "tree":
        raise not_found()
    if known.sha != wish.sha:
        raise ApiError(FILE_CONFLICT, message=f"{path} does not match {wish.sha}")
    return _commit(call, wish, branch, tip, (known.mode, path, None))


def _branch(call: ApiCall, name: str) -> tuple[str, str | None]:
    """Return the branch to commit to and its tip; an empty repository has none yet."""
    branch = name or call.repository.default_branch
    tip = call.git.reference(f"refs/heads/{branch}")
    if tip is None and call.git.references("refs/heads"):
        raise ApiError(not_found().refusal, message=f"Branch {branch} not found")
    return branch, tip


def _commit(
    call: ApiCall,
    wish: FileWish | FileRemoval,
    branch: str,
    tip: str | None,
    change: tuple[str, str, str | None],
) -> Answer:
    git = call.git
    author = signed(call, "Contents", wish.author or wish.committer)
    committer = signed(call, "Contents", wish.committer or wish.author)
    existed = tip is not None and entry_at(git, tip, change[1]) is not None
    try:
        tree = change_tree(git, read_commit(git, tip).tree if tip else EMPTY_TREE, [change])
        parents = [tip] if tip else []
        sha = write_commit(git, tree, parents, wish.message, author, committer)
    except GitError as error:
        raise refused_because("Contents", str(error)) from error
    move_branch(call, branch, sha, tip, FILE_CONFLICT)
    entry = entry_at(git, sha, change[1])
    content = _entry(call, branch, entry, change[1]) if entry else None
    view = {
        "content": content,
        "commit": git_commit(call.world, call.repository, read_commit(git, sha)),
    }
    return Answer(200 if existed else 201, view)


_CONTENTS = "/repos/{owner}/{repo}/contents"
ROUTES = (
    Route("GET", _CONTENTS, _get, read("contents")),
    Route("GET", f"{_CONTENTS}/", _get, read("contents")),
    Route("GET", f"{_CONTENTS}/{{path}}", _get, read("contents")),
    Route("PUT", f"{_CONTENTS}/{{path}}", _put, write("contents")),
    Route("DELETE", f"{_CONTENTS}/{{path}}", _delete, write("contents")),
)
