"""The templates that a service nests in its own, as a commit has them."""

from __future__ import annotations

import posixpath
from collections import deque

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.values import TemplateDocument
from tiercel.domain.stack.validations import path_of
from tiercel.domain.template.assets import find_assets
from tiercel.domain.template.locations import AssetKind
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.source.repository import Commit
from tiercel.tasks.verification.verifier import read_template

_MOST = 100
_DEEPEST = 5


@world_task("read nested templates", "read templates nested in {path}")
def with_nested_templates(
    commit: Commit, path: str, template: TemplateDocument | None
) -> dict[str, TemplateDocument]:
    """Return a service's template under the empty path, and those nested in it by their stack's.

    Left out are those that the commit does not have, because a build makes them, and those that
    cannot be read: packaging says why.
    """
    found: dict[str, TemplateDocument] = {}
    waiting = deque([("", path, template)])
    while waiting and len(found) < _MOST:
        stack, file, one = waiting.popleft()
        if one is None:
            continue
        found[stack] = one
        if stack.count("/") >= _DEEPEST:
            continue
        for logical_id, below in _nested(one, file):
            waiting.append((path_of(stack, logical_id), below, read_template.fn(commit, below)))
    return found


def _nested(template: TemplateDocument, file: str) -> list[tuple[str, str]]:
    """Return the logical id and the file of each nested template."""
    try:
        assets = find_assets(template, file)
    except RefusedInputError:
        return []
    paths = (
        (one.logical_id, posixpath.normpath(posixpath.join(posixpath.dirname(file), one.path)))
        for one in assets
        if one.kind is AssetKind.TEMPLATE
    )
    return [(name, path) for name, path in paths if not path.startswith(("..", "/"))]
