"""References of the git database.

https://docs.github.com/en/rest/git/refs
"""

from __future__ import annotations

from typing import ClassVar

from tiercel.sandbox.github.git.commands import ZERO, is_complete_sha, is_name
from tiercel.sandbox.github.memory.world import JsonObject, node_id
from tiercel.sandbox.github.operations.calls import Answer, ApiCall, Body, Route, read, write
from tiercel.sandbox.github.operations.reference_changes import move, move_branch
from tiercel.sandbox.github.rules.errors import GONE_REFERENCE, UNPROCESSABLE, ApiError, not_found

_HEADS = "refs/heads/"
_WRITABLE = (_HEADS, "refs/tags/")


class ReferenceWish(Body):
    """The body of the operation that creates a reference."""

    resource: ClassVar[str] = "Reference"

    ref: str
    sha: str


class ReferenceMove(Body):
    """The body of the operation that moves a reference."""

    resource: ClassVar[str] = "Reference"

    sha: str
    force: bool = False


def _view(call: ApiCall, name: str, sha: str) -> JsonObject:
    full_name, urls = call.repository.full_name, call.world.urls
    kind = call.git.kind(sha) or "commit"
    return {
        "ref": name,
        "node_id": node_id("Ref", f"{full_name}:{name}"),
        "url": urls.repository(full_name, "git", name),
        "object": {
            "type": kind,
            "sha": sha,
            "url": urls.repository(full_name, f"git/{kind}s", sha),
        },
    }


def _get(call: ApiCall) -> Answer:
    name = f"refs/{call.parameters['ref']}"
    sha = call.git.reference(name)
    if sha is None:
        raise not_found()
    return Answer(200, _view(call, name, sha))


def _matching(call: ApiCall) -> Answer:
    start = f"refs/{call.parameters.get('ref', '')}"
    found = [(n, s) for n, s in call.git.references("refs").items() if n.startswith(start)]
    return call.page(found, lambda pair: _view(call, *pair))


def _create(call: ApiCall) -> Answer:
    wish = call.parse(ReferenceWish)
    if not (wish.ref.startswith(_WRITABLE) and _is_valid(call, wish.ref)):
        raise ApiError(UNPROCESSABLE, message=f"{wish.ref} is not a valid ref name.")
    _must_exist(call, wish.sha, branch=wish.ref.startswith(_HEADS))
    if call.git.reference(wish.ref):
        raise ApiError(UNPROCESSABLE, message="Reference already exists")
    _change(call, wish.ref, wish.sha, None)
    return Answer(201, _view(call, wish.ref, wish.sha))


def _update(call: ApiCall) -> Answer:
    name, old = _existing(call)
    wish = call.parse(ReferenceMove)
    _must_exist(call, wish.sha, branch=name.startswith(_HEADS))
    if not wish.force and not call.git.is_ancestor(old, wish.sha):
        raise ApiError(UNPROCESSABLE, message="Update is not a fast forward")
    if wish.sha != old:
        _change(call, name, wish.sha, old)
    return Answer(200, _view(call, name, wish.sha))


def _delete(call: ApiCall) -> Answer:
    name, old = _existing(call)
    _change(call, name, ZERO, old)
    return Answer(204)


def _existing(call: ApiCall) -> tuple[str, str]:
    name = f"refs/{call.parameters['ref']}"
    sha = call.git.reference(name) if name.startswith(_WRITABLE) else None
    if sha is None:
        raise ApiError(GONE_REFERENCE)
    return name, sha


def _must_exist(call: ApiCall, sha: str, *, branch: bool) -> None:
    if not is_complete_sha(sha):
        raise ApiError(UNPROCESSABLE, message="The sha parameter must be exactly 40 characters.")
    kind = call.git.kind(sha)
    if kind is None or (branch and kind != "commit"):
        raise ApiError(UNPROCESSABLE, message="Object does not exist")


def _change(call: ApiCall, name: str, new: str, old: str | None) -> None:
    if name.startswith(_HEADS):
        move_branch(call, name.removeprefix(_HEADS), new, old)
    else:
        move(call, name, new, old)


def _is_valid(call: ApiCall, name: str) -> bool:
    return is_name(name) and call.git.attempt("check-ref-format", name).returncode == 0


_GIT = "/repos/{owner}/{repo}/git"
ROUTES = (
    Route("GET", f"{_GIT}/ref/{{ref}}", _get, read("contents")),
    Route("GET", f"{_GIT}/matching-refs/{{ref}}", _matching, read("contents")),
    Route("GET", f"{_GIT}/matching-refs/", _matching, read("contents")),
    Route("POST", f"{_GIT}/refs", _create, write("contents")),
    Route("PATCH", f"{_GIT}/refs/{{ref}}", _update, write("contents")),
    Route("DELETE", f"{_GIT}/refs/{{ref}}", _delete, write("contents")),
)
