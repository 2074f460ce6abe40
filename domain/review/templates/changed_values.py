"""What of a resource is another value although its text is the same: what it refers to changed.

A parameter's default, a mapping, a condition, or what a nested stack is given for a parameter.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from tiercel.domain.base.values import TemplateDocument
from tiercel.domain.template.assets import resources

Templates = Mapping[str, TemplateDocument]
"""A service's template under the empty path, and those nested in it by the path of their stack."""

_SECTIONS = ("Parameters", "Mappings", "Conditions")
_DECIDING = {"Default", "Type"}
"""Of a parameter: what else is declared says which values are taken."""
_WITH_VALUES = ("Resources", "Globals")
_NAMING = ("Ref", "Condition")
"""Beside them a condition or mapping is named first in a list."""
_NAMING_FIRST = ("Fn::If", "Fn::FindInMap")
_SUBSTITUTED = re.compile(r"\$\{([A-Za-z0-9]+)\}")
_CHANGED = " changed"
"""No name of CloudFormation's has a space, so nothing is called so."""
_ABSENT = object()


def with_changed_marked(before: Templates, after: Templates) -> dict[str, TemplateDocument]:
    """Return the newer templates with another name for whatever has another value.

    So a resource that refers to it differs from what it was. Names are the only thing that is
    changed; where there was no template before, nothing is.
    """
    marked: dict[str, TemplateDocument] = {}
    for path in sorted(after):  # the stack that has another before that other
        old, new = before.get(path), after[path]
        if old is None:
            marked[path] = new
            continue
        outer, _, name = path.rpartition("/")
        given = _differing(
            _given(before.get(outer), name), _given(marked.get(outer) if path else None, name)
        )
        marked[path] = _marked(new, _changed(old, new) | given)
    return marked


def _given(outer: TemplateDocument | None, name: str) -> dict[str, Any]:
    """Return what a nested stack is given for its parameters."""
    stack = dict(resources(outer or {})).get(name, {})
    return _mapping(_mapping(stack.get("Properties")).get("Parameters"))


def _changed(old: TemplateDocument, new: TemplateDocument) -> set[str]:
    found: set[str] = set()
    for section in _SECTIONS:
        found |= _differing(_values(section, old), _values(section, new))
    return found


def _values(section: str, template: TemplateDocument) -> dict[str, Any]:
    """Return what decides the value of each name in a section."""
    declared = _mapping(template.get(section))
    if section != "Parameters":
        return declared
    return {
        name: {key: value for key, value in _mapping(one).items() if key in _DECIDING}
        for name, one in declared.items()
    }


def _marked(template: TemplateDocument, changed: Collection[str]) -> TemplateDocument:
    if not changed:
        return template
    names = _with_conditions(_mapping(template.get("Conditions")), set(changed))
    return {
        key: _renamed(one, names) if key in _WITH_VALUES else one for key, one in template.items()
    }


def _with_conditions(conditions: Mapping[str, Any], changed: set[str]) -> set[str]:
    """Return the names with those of conditions that depend on them, through others too."""
    while True:
        more = {name for name, one in conditions.items() if _renamed(one, changed) != one}
        if more <= changed:
            return changed
        changed = changed | more


def _renamed(value: Any, names: Collection[str]) -> Any:
    if isinstance(value, list):
        return [_renamed(one, names) for one in value]
    if not isinstance(value, dict):
        return value
    return {key: _renamed_at(key, one, names) for key, one in value.items()}


def _renamed_at(key: Any, value: Any, names: Collection[str]) -> Any:
    if key in _NAMING and isinstance(value, str):
        return _name(value, names)
    if key == "Fn::Sub":
        texts = value if isinstance(value, list) else [value]
        found = [_substituted(one, names) for one in texts]
        return found if isinstance(value, list) else found[0]
    if key in _NAMING_FIRST and isinstance(value, list) and value and isinstance(value[0], str):
        return [_name(value[0], names), *_renamed(value[1:], names)]
    return _renamed(value, names)


def _substituted(value: Any, names: Collection[str]) -> Any:
    if not isinstance(value, str):
        return _renamed(value, names)
    return _SUBSTITUTED.sub(lambda match: f"${{{_name(match[1], names)}}}", value)


def _name(name: str, names: Collection[str]) -> str:
    return name + _CHANGED if name in names else name


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> set[str]:
    return {str(name) for name in {*old, *new} if old.get(name, _ABSENT) != new.get(name, _ABSENT)}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
