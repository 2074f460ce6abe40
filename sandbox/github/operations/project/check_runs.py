"""Check runs, which Apps alone may write.

https://docs.github.com/en/rest/checks/runs
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from tiercel.sandbox.github.memory.check_runs import CheckRunRecord, Conclusion, RunStatus
from tiercel.sandbox.github.memory.world import JsonObject, node_id, timestamp
from tiercel.sandbox.github.operations.calls import Answer, ApiCall, Body, Route, read, write
from tiercel.sandbox.github.rules.errors import (
    NOT_AN_APP,
    UNPROCESSABLE,
    ApiError,
)
from tiercel.sandbox.github.views.users import app_view

_MOST_AT_ONCE = 50


class AnnotationWish(Body):
    """An annotation at lines of a file."""

    path: str
    start_line: int
    end_line: int
    annotation_level: Literal["notice", "warning", "failure"]
    message: str
    title: str | None = None


class OutputWish(Body):
    """What a check run shows; an update adds its annotations to those that are there."""

    summary: str
    title: str | None = None
    annotations: list[AnnotationWish] = Field(default_factory=list)


class CheckRunChange(Body):
    """The body of an update."""

    resource: ClassVar[str] = "CheckRun"

    name: str | None = None
    status: RunStatus | None = None
    conclusion: Conclusion | None = None
    external_id: str | None = None
    details_url: str | None = None
    output: OutputWish | None = None


class CheckRunWish(CheckRunChange):
    """The body of a creation."""

    name: str
    head_sha: str


def _create(call: ApiCall) -> Answer:
    _require_app(call)
    wish = call.parse(CheckRunWish)
    if call.git.kind(wish.head_sha) != "commit":
        raise ApiError(UNPROCESSABLE, message=f"No commit found for SHA: {wish.head_sha}")
    record = CheckRunRecord(
        id=call.world.store.next_id(),
        repository=call.repository.id,
        name=wish.name,
        sha=wish.head_sha,
        status="queued",
        conclusion=None,
        external_id="",
        details_url=None,
        started_at=call.world.now(),
        completed_at=None,
    )
    view = _view(call, call.world.store.put(_changed(call, record, wish)))
    return Answer(201, view, {"Location": view["url"]})


def _update(call: ApiCall) -> Answer:
    _require_app(call)
    record = call.record(CheckRunRecord, "check_run_id")
    changed = _changed(call, record, call.parse(CheckRunChange))
    return Answer(200, _view(call, call.world.store.put(changed)))


def _changed(call: ApiCall, record: CheckRunRecord, wish: CheckRunChange) -> CheckRunRecord:
    """Return the record as wished; a conclusion completes it, and nothing completes without one."""
    new: dict[str, Any] = {
        field: value
        for field in ("name", "status", "conclusion", "external_id", "details_url")
        if (value := getattr(wish, field)) is not None
    }
    if wish.conclusion:
        new |= {"status": "completed", "completed_at": call.world.now()}
    elif wish.status == "completed" and record.conclusion is None:
        raise ApiError(UNPROCESSABLE, message="Invalid request.\n\nconclusion is not given.")
    if wish.output:
        added = [one.model_dump() for one in wish.output.annotations]
        if len(added) > _MOST_AT_ONCE:
            told = f"No more than {_MOST_AT_ONCE} items are allowed; {len(added)} were supplied."
            raise ApiError(UNPROCESSABLE, message=f"Invalid request.\n\n{told}")
        new |= {
            "title": wish.output.title or record.title,
            "summary": wish.output.summary,
            "annotations": [*record.annotations, *added],
        }
    return record.model_copy(update=new)


def _list(call: ApiCall) -> Answer:
    """List a commit's check runs, the newest first; of each name the newest alone unless asked."""
    sha = call.commit(call.parameters["ref"])
    found = call.world.store.find(CheckRunRecord, call.repository.id, sha)[::-1]
    name = call.query.get("check_name")
    if name is not None:
        found = [one for one in found if one.name == name]
    if call.query.get("filter", "latest") == "latest":
        newest: dict[str, CheckRunRecord] = {}
        for one in found:
            newest.setdefault(one.name, one)
        found = list(newest.values())
    chosen, headers = call.cut(found)
    views = [_view(call, one) for one in chosen]
    return Answer(200, {"total_count": len(found), "check_runs": views}, headers)


def _annotations(call: ApiCall) -> Answer:
    record = call.record(CheckRunRecord, "check_run_id")
    files = call.world.urls.page(call.repository.full_name, "blob", record.sha)
    return call.page(
        record.annotations,
        lambda one: {
            **dict.fromkeys(("start_column", "end_column", "raw_details")),
            **one,
            "blob_href": f"{files}/{one['path']}",
        },
    )


def _require_app(call: ApiCall) -> None:
    if not call.actor.is_installation:
        raise ApiError(NOT_AN_APP)


def _view(call: ApiCall, record: CheckRunRecord) -> JsonObject:
    urls, name = call.world.urls, call.repository.full_name
    address = urls.repository(name, "check-runs", record.id)
    # GitHub has one suite for all runs of an App at a commit; here the first one stands for it.
    first = call.world.store.find(CheckRunRecord, record.repository, record.sha)[0]
    return {
        "id": record.id,
        "node_id": node_id("CheckRun", record.id),
        "head_sha": record.sha,
        "name": record.name,
        "external_id": record.external_id,
        "url": address,
        "html_url": urls.page(name, "runs", record.id),
        "details_url": record.details_url,
        "status": record.status,
        "conclusion": record.conclusion,
        "started_at": timestamp(record.started_at),
        "completed_at": timestamp(record.completed_at) if record.completed_at else None,
        "output": {
            "title": record.title,
            "summary": record.summary,
            "text": None,
            "annotations_count": len(record.annotations),
            "annotations_url": f"{address}/annotations",
        },
        "check_suite": {"id": first.id},
        "app": app_view(call.world, call.world.app()),
        "pull_requests": [],
    }


_REPO = "/repos/{owner}/{repo}"
_ONE = f"{_REPO}/check-runs/{{check_run_id}}"
ROUTES = (
    Route("POST", f"{_REPO}/check-runs", _create, write("checks")),
    Route("PATCH", _ONE, _update, write("checks")),
    Route("GET", f"{_ONE}/annotations", _annotations, read("checks")),
    Route("GET", f"{_REPO}/commits/{{ref}}/check-runs", _list, read("checks")),
)
