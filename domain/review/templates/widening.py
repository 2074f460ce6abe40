"""Which changes of permissions may allow more than before, told from the templates' text.

Whatever is not surely covered by what was allowed before counts as more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

from tiercel.domain.base.digests import canonical_json
from tiercel.domain.base.values import TemplateDocument
from tiercel.domain.review.templates.changed_values import Templates, with_changed_marked
from tiercel.domain.review.templates.template_changes import (
    CONNECTORS,
    GLOBALS,
    all_changes,
    changes_permissions,
)
from tiercel.domain.stack.plan import Change
from tiercel.domain.template.assets import written_resources

_MEANS_NOTHING = frozenset({"Description", "PolicyName", "RoleName", "Tags"})
_OF_A_ROLE = frozenset({"Path"})
"""What means nothing of a role itself; of an event it is what may be called."""
_BOUNDARY = "PermissionsBoundary"
_LIMITING = frozenset({_BOUNDARY, "Auth", "PublicAccessBlockConfiguration"})
_LISTED = ("Action", "NotAction", "Resource", "NotResource")


class _Grant(NamedTuple):
    """One action on one resource that a statement speaks of, or a value outside of statements.

    Where `limits`, it takes away: that it goes is what allows more.
    """

    limits: bool
    action: str
    resource: str
    rest: bytes


def widened(before: Templates, after: Templates) -> tuple[str, ...]:
    """Return the paths of resources whose change may allow somebody more than before."""
    marked = with_changed_marked(before, after)
    return tuple(
        change.path
        for change in all_changes(before, after)
        if changes_permissions(change) and _widens(change, before, marked)
    )


def _widens(change: Change, before: Templates, after: Templates) -> bool:
    old = set(_grants(change, before)) if change.action != "Add" else set()
    new = set(_grants(change, after)) if change.action != "Remove" else set()
    if "Condition" in change.properties:  # what allows may appear, and what limits may go
        return bool(old | new)
    more = (one for one in new if not one.limits and not any(_covers(o, one) for o in old))
    return any(more) or any(one.limits and one not in new for one in old)


def _grants(change: Change, templates: Templates) -> Iterator[_Grant]:
    for name, value in _settings(change, templates.get(change.nested_in) or {}):
        alone = change.model_copy(update={"properties": (name,), "action": "Modify"})
        if name not in _OF_A_ROLE | _MEANS_NOTHING and changes_permissions(alone):
            yield from _of_value(name, value)


def _settings(change: Change, template: TemplateDocument) -> Iterator[tuple[str, Any]]:
    """Yield what a changed resource says, named as changes name it; or what `Globals` do."""
    if change.logical_id == GLOBALS and not change.resource_type:
        for kind, settings in _items(template.get(GLOBALS)):
            for name, value in _items(settings):
                yield f"{kind}.{name}", value
        return
    resource = written_resources(template).get(change.logical_id, {})
    yield from _items(resource.get("Properties"))
    if CONNECTORS in resource:
        yield CONNECTORS, resource[CONNECTORS]


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    for name, one in (value if isinstance(value, dict) else {}).items():
        yield str(name), one


def _of_value(name: str, value: Any) -> Iterator[_Grant]:
    if isinstance(value, list):
        for one in value:
            yield from _of_value(name, one)
    elif isinstance(value, dict) and "Effect" in value:
        yield from _of_statement(value)
    elif isinstance(value, dict) and value and not _is_function(value):
        for key, below in value.items():
            if key not in _MEANS_NOTHING:
                yield from _of_value(f"{name}.{key}", below)
    else:
        parts = set(name.split("."))
        limits = not _LIMITING.isdisjoint(parts)
        yield _Grant(limits, name, "", canonical_json(value))
        if limits and _BOUNDARY not in parts:  # what stands there may open as well
            yield _Grant(limits=False, action=name, resource="", rest=canonical_json(value))


def _is_function(value: TemplateDocument) -> bool:
    """Tell whether a mapping stands for one value; of a choice both sides are looked at."""
    (key, *others) = value
    return not others and key != "Fn::If" and (key == "Ref" or str(key).startswith("Fn::"))


def _of_statement(statement: TemplateDocument) -> Iterator[_Grant]:
    negated = [name for name in _LISTED if name.startswith("Not") and name in statement]
    rest = {key: one for key, one in statement.items() if key not in (*_LISTED, "Sid")}
    told = canonical_json([rest, negated])
    actions = _texts(statement.get("Action", statement.get("NotAction")))
    places = _texts(statement.get("Resource", statement.get("NotResource")))
    limits = statement["Effect"] != "Allow"
    for action, place in product(actions, places):
        yield _Grant(limits, action, place, told)


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [one if isinstance(one, str) else canonical_json(one).decode() for one in values]


def _covers(old: _Grant, new: _Grant) -> bool:
    """Tell whether the old one allows all of the new; a negated list covers only itself."""
    if old.limits or old.rest != new.rest:
        return False
    if b'["Not' in old.rest:
        return old == new
    return _matches(old.action, new.action) and _matches(old.resource, new.resource)


def _matches(pattern: str, text: str) -> bool:
    parts = (".*" if one == "*" else re.escape(one) for one in re.split(r"(\*)", pattern))
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None
