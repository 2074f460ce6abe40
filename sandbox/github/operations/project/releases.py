"""Releases.

https://docs.github.com/en/rest/releases/releases
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from tiercel.sandbox.github.git.commands import is_complete_sha, is_name
from tiercel.sandbox.github.git.commits_and_trees import read_commit
from tiercel.sandbox.github.memory.activities import PullRequestRecord, ReleaseRecord
from tiercel.sandbox.github.memory.records import RepositoryRecord
from tiercel.sandbox.github.memory.world import JsonObject
from tiercel.sandbox.github.operations.calls import (
    Answer,
    ApiCall,
    Body,
    Route,
    longer_than,
    read,
    write,
)
from tiercel.sandbox.github.operations.pulls.pulls import teller
from tiercel.sandbox.github.operations.reference_changes import move
from tiercel.sandbox.github.rules.errors import invalid, not_found
from tiercel.sandbox.github.views.releases import release_view

_BODY_LIMIT = 125_000
MakeLatest = Literal["true", "false", "legacy"]


class ReleaseWish(Body):
    """The body of the operation that creates a release."""

    resource: ClassVar[str] = "Release"

    tag_name: str
    target_commitish: str = ""
    name: str = ""
    body: str = ""
    draft: bool = False
    prerelease: bool = False
    generate_release_notes: bool = False
    make_latest: MakeLatest = "true"


class ReleaseChange(Body):
    """The body of the operation that changes a release."""

    resource: ClassVar[str] = "Release"

    tag_name: str = ""
    target_commitish: str = ""
    name: str = ""
    body: str = ""
    draft: bool = False
    prerelease: bool = False
    make_latest: MakeLatest = "true"


class NotesWish(Body):
    """The body of the operation that writes release notes."""

    resource: ClassVar[str] = "Release"

    tag_name: str
    target_commitish: str = ""
    previous_tag_name: str = ""


def _releases(call: ApiCall) -> list[ReleaseRecord]:
    """Return the releases that the caller sees, newest first: drafts only with write access."""
    found = call.world.store.find(ReleaseRecord, call.repository.id)[::-1]
    drafts = call.actor.may(call.repository, "contents", "write")
    return [record for record in found if drafts or not record.draft]


def _show(call: ApiCall, record: ReleaseRecord) -> JsonObject:
    return release_view(call.world, call.repository, record)


def _list(call: ApiCall) -> Answer:
    return call.page(_releases(call), lambda record: _show(call, record))


def _get(call: ApiCall) -> Answer:
    record = call.record(ReleaseRecord, "release_id")
    if record not in _releases(call):
        raise not_found()
    return Answer(200, _show(call, record))


def _by_tag(call: ApiCall) -> Answer:
    published = [record for record in _releases(call) if not record.draft]
    found = [record for record in published if record.tag == call.parameters["tag"]]
    if not found:
        raise not_found()
    return Answer(200, _show(call, found[0]))


def _latest(call: ApiCall) -> Answer:
    """Return the release that was made latest, else the newest by its commit's date."""
    full = [record for record in _releases(call) if not record.draft and not record.prerelease]
    if not full:
        raise not_found()
    chosen = [record for record in full if record.id == call.repository.latest_release]
    newest = max(full, key=lambda record: (record.created_at, record.id))
    return Answer(200, _show(call, (chosen or [newest])[0]))


def _create(call: ApiCall) -> Answer:
    wish = call.parse(ReleaseWish)
    longer_than("Release", "body", wish.body, _BODY_LIMIT)
    target = wish.target_commitish or call.repository.default_branch
    text = wish.body
    if wish.generate_release_notes:
        notes = _notes(call, wish.tag_name, target, "")
        text = "\n\n".join(part for part in (text, notes) if part)
    now = call.world.now()
    record = ReleaseRecord(
        id=call.world.store.next_id(),
        repository=call.repository.id,
        tag=_valid_tag(call, wish.tag_name),
        target=target,
        name=wish.name if wish.has("name") else None,
        body=text if wish.has("body") or wish.generate_release_notes else None,
        draft=wish.draft,
        prerelease=wish.prerelease,
        author=call.user.id,
        created_at=_commit_date(call, wish.tag_name, target),
        updated_at=now,
        published_at=None,
    )
    record = (
        call.world.store.put(record) if wish.draft else _publish(call, record, wish.make_latest)
    )
    if not wish.draft:
        _tell(call, record, ("created", "published"))
    view = _show(call, record)
    return Answer(201, view, {"Location": view["url"]})


def _valid_tag(call: ApiCall, tag: str) -> str:
    if not tag.strip():
        raise invalid("Release", "tag_name", "missing_field")
    bad = call.git.attempt("check-ref-format", f"refs/tags/{tag}").returncode if is_name(tag) else 1
    if bad:
        raise invalid("Release", "tag_name", "custom", "tag_name is not a valid tag")
    return tag


def _commit_date(call: ApiCall, tag: str, target: str) -> datetime:
    sha = call.git.commit(f"refs/tags/{tag}") or call.git.commit(target)
    return read_commit(call.git, sha).committer.date if sha else call.world.now()


def _publish(call: ApiCall, record: ReleaseRecord, make_latest: MakeLatest) -> ReleaseRecord:
    """Publish a release; its tag is created when it is not there."""
    others = call.world.store.find(ReleaseRecord, call.repository.id)
    if any(o.tag == record.tag and not o.draft and o.id != record.id for o in others):
        raise invalid("Release", "tag_name", "already_exists")
    if call.git.reference(f"refs/tags/{record.tag}") is None:
        sha = call.git.reference(f"refs/heads/{record.target}")
        if sha is None and is_complete_sha(record.target):
            sha = call.git.commit(record.target)
        if sha is None:
            raise invalid("Release", "target_commitish")
        move(call, f"refs/tags/{record.tag}", sha, None)
    now = call.world.now()
    update = {"published_at": now, "created_at": _commit_date(call, record.tag, record.target)}
    record = call.world.store.put(record.model_copy(update=update))
    if make_latest == "true" and not record.prerelease:
        repository = call.world.store.get(RepositoryRecord, call.repository.id) or call.repository
        call.world.store.put(repository.model_copy(update={"latest_release": record.id}))
    return record


def _update(call: ApiCall) -> Answer:
    record, wish = call.record(ReleaseRecord, "release_id"), call.parse(ReleaseChange)
    longer_than("Release", "body", wish.body, _BODY_LIMIT)
    names = {"tag_name": "tag", "target_commitish": "target"}
    update = {names.get(name, name): getattr(wish, name) for name in wish.model_fields_set}
    update.pop("make_latest", None)
    if wish.has("tag_name"):
        _valid_tag(call, wish.tag_name)
    changed = record.model_copy(update=update | {"updated_at": call.world.now()})
    if changed.draft:
        changed = call.world.store.put(changed.model_copy(update={"published_at": None}))
    elif wish.has("make_latest") or record.draft or wish.has("tag_name"):
        changed = _publish(call, changed, wish.make_latest)
    else:
        call.world.store.put(changed)
    if record.draft and not changed.draft:
        _tell(call, changed, ("published",))
    elif not changed.draft:
        teller(call).release("edited", changed, changes={})
    return Answer(200, _show(call, changed))


def _tell(call: ApiCall, record: ReleaseRecord, actions: tuple[str, ...]) -> None:
    """Tell all that publishing means: a full release is also `released`."""
    for action in (*actions, "prereleased" if record.prerelease else "released"):
        teller(call).release(action, record)


def _delete(call: ApiCall) -> Answer:
    """Delete a release; its tag stays."""
    record = call.record(ReleaseRecord, "release_id")
    call.world.store.delete(record)
    if not record.draft:
        teller(call).release("deleted", record)
    return Answer(204)


def _generate(call: ApiCall) -> Answer:
    wish = call.parse(NotesWish)
    target = wish.target_commitish or call.repository.default_branch
    body = _notes(call, _valid_tag(call, wish.tag_name), target, wish.previous_tag_name)
    return Answer(200, {"name": wish.tag_name, "body": body})


def _notes(call: ApiCall, tag: str, target: str, previous: str) -> str:
    """Return the merged pull requests since the previous release, as Markdown."""
    git, urls, name = call.git, call.world.urls, call.repository.full_name
    end = git.commit(f"refs/tags/{tag}") or git.commit(target)
    if end is None:
        raise invalid("Release", "target_commitish")
    published = [r.tag for r in _releases(call) if not r.draft and r.tag != tag]
    previous = previous or (published[0] if published else "")
    start = git.commit(f"refs/tags/{previous}") if previous else None
    new = set(git.history(end, *([f"^{start}"] if start else []), "--"))
    pulls = call.world.store.find(PullRequestRecord, call.repository.id)
    lines = [
        f"* {pull.title} by @{call.world.user(pull.user).login} in "
        f"{urls.page(name, 'pull', pull.number)}"
        for pull in pulls
        if pull.merge_commit in new
    ]
    span = (
        urls.page(name, "compare", f"{previous}...{tag}")
        if start
        else urls.page(name, "commits", tag)
    )
    head = ["## What's Changed", *lines, "", ""] if lines else []
    return "\n".join([*head, f"**Full Changelog**: {span}"])


_RELEASES = "/repos/{owner}/{repo}/releases"
_RELEASE = f"{_RELEASES}/{{release_id}}"
ROUTES = (
    Route("GET", _RELEASES, _list, read("contents")),
    Route("POST", _RELEASES, _create, write("contents")),
    Route("POST", f"{_RELEASES}/generate-notes", _generate, write("contents")),
    Route("GET", f"{_RELEASES}/latest", _latest, read("contents")),
    Route("GET", f"{_RELEASES}/tags/{{tag}}", _by_tag, read("contents")),
    Route("GET", _RELEASE, _get, read("contents")),
    Route("PATCH", _RELEASE, _update, write("contents")),
    Route("DELETE", _RELEASE, _delete, write("contents")),
)
