"""Who moved which branch.

https://docs.github.com/en/rest/repos/repos#list-repository-activities
"""

from __future__ import annotations

from typing import get_args
from urllib.parse import urlencode

from tiercel.sandbox.github.memory.activities import PushKind, PushRecord
from tiercel.sandbox.github.memory.world import JsonObject, node_id, timestamp
from tiercel.sandbox.github.operations.calls import Answer, ApiCall, Route, read
from tiercel.sandbox.github.rules.errors import VALIDATION_FAILED, ApiError
from tiercel.sandbox.github.views.users import simple_user

_LARGEST_PAGE, _DEFAULT_PAGE = 100, 30


def _list(call: ApiCall) -> Answer:
    """List what moved branches, newest first; the cursor `after` leads to the next page."""
    kind = call.query.get("activity_type")
    if kind is not None and kind not in (*get_args(PushKind), "merge_queue_merge"):
        raise ApiError(VALIDATION_FAILED, message=f"activity_type is not one of them: {kind}")
    branch = call.query.get("ref")
    ref = f"refs/heads/{branch.removeprefix('refs/heads/')}" if branch else None
    found = call.world.store.find(PushRecord, call.repository.id, ref)
    found = [one for one in found if kind in (None, one.kind)]
    cursor = call.query.get("after", "")
    if cursor.isascii() and cursor.isdigit() and len(cursor) < 18:
        found = [one for one in found if one.id < int(cursor)]
    text = call.query.get("per_page", "")
    size = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else _DEFAULT_PAGE
    shown = found[::-1][: min(size or _DEFAULT_PAGE, _LARGEST_PAGE)]
    headers = {}
    if len(shown) < len(found):
        query = urlencode({**call.query, "after": shown[-1].id})
        headers = {"Link": f'<{call.address}?{query}>; rel="next"'}
    return Answer(200, [_view(call, one) for one in shown], headers)


def _view(call: ApiCall, push: PushRecord) -> JsonObject:
    return {
        "id": push.id,
        "node_id": node_id("PSH", push.id),
        "before": push.before,
        "after": push.after,
        "ref": push.ref,
        "timestamp": timestamp(push.at),
        "activity_type": push.kind,
        "actor": simple_user(call.world, call.world.user(push.actor)),
    }


ROUTES = (Route("GET", "/repos/{owner}/{repo}/activity", _list, read("contents")),)
