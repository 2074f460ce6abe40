"""Blobs and annotated tags of the git database.

https://docs.github.com/en/rest/git
"""

from __future__ import annotations

import base64
import binascii
from typing import ClassVar, Literal

from tiercel.sandbox.github.git.commands import GitError, is_name
from tiercel.sandbox.github.git.commits_and_trees import read_tag, write_tag
from tiercel.sandbox.github.memory.world import JsonObject, node_id
from tiercel.sandbox.github.operations.calls import Answer, ApiCall, Body, Route, read, write
from tiercel.sandbox.github.operations.code.objects import Person, object_of, signed
from tiercel.sandbox.github.rules.errors import (
    UNPROCESSABLE,
    ApiError,
    invalid,
    not_found,
    refused_because,
)
from tiercel.sandbox.github.views.commits import signature


class BlobWish(Body):
    """The body of the operation that creates a blob."""

    resource: ClassVar[str] = "Blob"

    content: str
    encoding: str = "utf-8"


class TagWish(Body):
    """The body of the operation that creates an annotated tag's object."""

    resource: ClassVar[str] = "Tag"

    tag: str
    message: str
    object: str
    type: Literal["commit", "tree", "blob"]
    tagger: Person | None = None


def _get_blob(call: ApiCall) -> Answer:
    sha = call.parameters["file_sha"]
    if call.git.kind(sha) != "blob":
        raise not_found()
    raw = call.git.read(sha)
    view = _blob(call, sha) | {"size": len(raw), "encoding": "base64"}
    return Answer(200, view | {"content": base64.encodebytes(raw).decode()})


def _create_blob(call: ApiCall) -> Answer:
    wish = call.parse(BlobWish)
    if wish.encoding not in {"utf-8", "base64"}:
        raise invalid("Blob", "encoding")
    raw = wish.content.encode()
    if wish.encoding == "base64":
        try:
            raw = base64.b64decode("".join(wish.content.split()), validate=True)
        except (binascii.Error, ValueError) as error:
            raise ApiError(UNPROCESSABLE, message="content is not valid Base64") from error
    return Answer(201, _blob(call, call.git.write("blob", raw)))


def _blob(call: ApiCall, sha: str) -> JsonObject:
    url = call.world.urls.repository(call.repository.full_name, "git/blobs", sha)
    return {"sha": sha, "node_id": node_id("Blob", sha), "url": url}


def _get_tag(call: ApiCall) -> Answer:
    return Answer(200, _tag(call, object_of(call, "tag")))


def _create_tag(call: ApiCall) -> Answer:
    wish = call.parse(TagWish)
    if call.git.kind(wish.object) != wish.type:
        raise ApiError(UNPROCESSABLE, message="Object does not exist")
    if not is_name(wish.tag):
        raise invalid("Tag", "tag")
    tagger = signed(call, "Tag", wish.tagger)
    try:
        sha = write_tag(call.git, wish.object, wish.type, wish.tag, wish.message, tagger)
    except GitError as error:
        raise refused_because("Tag", str(error)) from error
    return Answer(201, _tag(call, sha))


def _tag(call: ApiCall, sha: str) -> JsonObject:
    tag, full_name, urls = read_tag(call.git, sha), call.repository.full_name, call.world.urls
    kind = tag.target_type
    return {
        "node_id": node_id("Tag", sha),
        "tag": tag.name,
        "sha": sha,
        "url": urls.repository(full_name, "git/tags", sha),
        "message": tag.message,
        "tagger": signature(tag.tagger),
        "object": {
            "sha": tag.target,
            "type": kind,
            "url": urls.repository(full_name, f"git/{kind}s", tag.target),
        },
    }


_GIT = "/repos/{owner}/{repo}/git"
ROUTES = (
    Route("GET", f"{_GIT}/blobs/{{file_sha}}", _get_blob, read("contents")),
    Route("POST", f"{_GIT}/blobs", _create_blob, write("contents")),
    Route("GET", f"{_GIT}/tags/{{tag_sha}}", _get_tag, read("contents")),
    Route("POST", f"{_GIT}/tags", _create_tag, write("contents")),
)
